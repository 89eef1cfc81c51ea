//! A site's policy: every number an administrator can change. Versioned; a record is judged by the
//! version in force when it was created.

use serde::{Deserialize, Serialize};

use super::calendar::{TimeOfDay, Weekday, WorkCalendar};
use super::time::WallMs;

/// One version of a site's policy. Times in milliseconds unless the name says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlaPolicy {
    /// The version, 1 and up.
    pub version: u32,
    /// From when records created are judged by it.
    pub from_ms: WallMs,
    /// IANA name of the site's zone.
    pub time_zone: String,
    /// The site's service grade, 1 to 5.
    pub service_grade: u8,
    /// Household order filled after the record (三 3.1.2).
    pub household_filled_ms: i64,
    /// Engineering told after the household order (三 3.1.2).
    pub household_told_ms: i64,
    /// Technician on site after signing for an urgent household order (三 3.1.4).
    pub household_on_site_ms: i64,
    /// Public-facility order filled (三 3.2.1).
    pub public_filled_ms: i64,
    /// Engineering told of a public-facility order (三 3.2.1).
    pub public_told_ms: i64,
    /// On site after the lead's receipt (三 3.2.3).
    pub public_on_site_ms: i64,
    /// An appointed repair is done within so many days (三 3.1.5.2).
    pub appointed_done_days: u32,
    /// Pause between the two rings (入户 1).
    pub ring_pause_ms: i64,
    /// Pause before the third knock (入户 1).
    pub knock_pause_ms: i64,
    /// Wait at the door before leaving (入户 1).
    pub no_answer_wait_ms: i64,
    /// Call-back after completion (ours).
    pub call_back_ms: i64,
    /// Ratings up to this are low and open a call-back (ours).
    pub low_rating_max: u8,
    /// A planned round that has not begun so long after its time raises an alarm (ours).
    pub patrol_start_grace_ms: i64,
    /// A round not ended so long after it began has ended: what was not visited is missed (ours).
    pub patrol_round_max_ms: i64,
    /// Faster between two checkpoints is flagged (ours), kilometres an hour.
    pub patrol_speed_max_kmh: u32,
    /// How far from a checkpoint counts as there, where the checkpoint says nothing (ours), metres.
    pub patrol_radius_m: u32,
    /// An alarm nobody acknowledges goes to the next on the roster (ours).
    pub alarm_acknowledge_ms: i64,
    /// The working hours and free days: what working time and 下班 mean here (ours).
    pub calendar: WorkCalendar,
    /// Unsolved so many days: a complaint goes to the supervisor (二 4.3.3).
    pub complaint_supervisor_days: u32,
    /// Unsolved so many days: it goes to the project manager (二 4.3.4).
    pub complaint_project_manager_days: u32,
    /// Unsolved so many days: it goes to the general manager's meeting (二 4.3.5).
    pub complaint_general_manager_days: u32,
    /// What the days of the ladder are counted from (ours).
    pub ladder_counts_from: LadderCountsFrom,
    /// A valid complaint unsolved so many months is major (二 4.2.1c).
    pub complaint_major_months: u32,
    /// Raised again so often and still unsolved, a complaint is major (二 4.2.1a; the number is
    /// ours).
    pub complaint_repeats_major: u32,
    /// A complaint of the same unit and subject within so many days is a repeat (ours).
    pub complaint_repeat_days: u32,
    /// The day on which the week's complaints and suggestions go to quality (二 4.4.2).
    pub weekly_report_weekday: Weekday,
    /// The time of that day (ours).
    pub weekly_report_at: TimeOfDay,
    /// The day of the next month by whose end quality has analysed a month (二 4.4.5).
    pub trend_analysis_day: u8,
    /// Years a general violation is kept from its closing on (四 3.4).
    pub violation_general_kept_years: u32,
    /// Years a serious violation is kept from its closing on (四 3.4).
    pub violation_serious_kept_years: u32,
    /// Days a contact is kept after the last record that names it (ours).
    pub contact_kept_days: u32,
    /// A notice of planned work stands so long before it begins (三 3.1.5.3; the day as in
    /// 3.1.5.2).
    pub notice_before_ms: i64,
    /// An emergency is explained so long after its end (三 3.1.5.3; the number is ours).
    pub notice_after_ms: i64,
    /// A reconciling talk follows within so many days (四 3.3.5; the number is ours).
    pub reconciling_talk_days: u32,
    /// An invoice is at the customer's by the end of the day so many days after it was made out
    /// (三 3.2.7; the number is ours).
    pub invoice_delivered_days: u32,
    /// The supervisor has checked a paid service so many days after it was finished (五 4.5.2; the
    /// number is ours).
    pub quality_checked_days: u32,
    /// Two open records of one unit and sort that others opened within so long are told to the
    /// office as perhaps one (ours); 0 tells of none.
    pub duplicate_within_ms: i64,
}

/// What the days of the complaint ladder are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LadderCountsFrom {
    /// Each step's days from the reception of the complaint.
    Reception,
    /// Each step's days from the step before it.
    Step,
}

impl Default for SlaPolicy {
    fn default() -> Self {
        const MINUTE: i64 = 60_000;
        Self {
            version: 1,
            from_ms: 0,
            time_zone: "Asia/Shanghai".to_owned(),
            service_grade: 2,
            household_filled_ms: 5 * MINUTE,
            household_told_ms: 2 * MINUTE,
            household_on_site_ms: 15 * MINUTE,
            public_filled_ms: 3 * MINUTE,
            public_told_ms: 5 * MINUTE,
            public_on_site_ms: 10 * MINUTE,
            appointed_done_days: 2,
            ring_pause_ms: 5_000,
            knock_pause_ms: 1_000,
            no_answer_wait_ms: 3 * MINUTE,
            call_back_ms: 24 * 60 * MINUTE,
            low_rating_max: 2,
            patrol_start_grace_ms: 15 * MINUTE,
            patrol_round_max_ms: 4 * 60 * MINUTE,
            patrol_speed_max_kmh: 20,
            patrol_radius_m: 50,
            alarm_acknowledge_ms: 2 * MINUTE,
            calendar: WorkCalendar::default(),
            complaint_supervisor_days: 2,
            complaint_project_manager_days: 7,
            complaint_general_manager_days: 14,
            ladder_counts_from: LadderCountsFrom::Step,
            complaint_major_months: 1,
            complaint_repeats_major: 2,
            complaint_repeat_days: 90,
            weekly_report_weekday: Weekday::Sunday,
            weekly_report_at: TimeOfDay::hour(18),
            trend_analysis_day: 5,
            violation_general_kept_years: 1,
            violation_serious_kept_years: 5,
            contact_kept_days: 730,
            notice_before_ms: 24 * 60 * MINUTE,
            notice_after_ms: 24 * 60 * MINUTE,
            reconciling_talk_days: 7,
            invoice_delivered_days: 1,
            quality_checked_days: 2,
            duplicate_within_ms: 24 * 60 * MINUTE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_written_before_a_number_was_there_has_its_default() {
        let old = r#"{"version":3,"time_zone":"Europe/Berlin","call_back_ms":1}"#;
        let policy: SlaPolicy = serde_json::from_str(old).expect("reads");
        let expected = SlaPolicy {
            version: 3,
            time_zone: "Europe/Berlin".to_owned(),
            call_back_ms: 1,
            ..SlaPolicy::default()
        };
        assert_eq!(policy, expected);
        let written = serde_json::to_value(&policy).expect("writes");
        assert_eq!(written["ladder_counts_from"], "step");
        assert_eq!(written["weekly_report_weekday"], "sunday");
        assert_eq!(written["weekly_report_at"], "18:00");
        assert_eq!(written["calendar"]["week"]["friday"][0]["to"], "18:00");
    }
}
