//! Periodic tasks: what is to be sent or made once a week or month. One record for each site, task
//! and period, opened by the server, its id from the cause.

use serde::{Deserialize, Serialize};

use super::id::{FactKey, RecordId, SiteId};
use super::time::WallMs;

/// The kind's name.
pub const KIND: &str = "periodic_task";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// The tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodicTask {
    /// The week's suggestions and complaints go to quality (二 4.4.2).
    WeeklyComplaints,
    /// The month's complaints with cause, lesson and corrective action (二 4.4.3).
    MonthlyComplaints,
    /// Quality analyses the month before (二 4.4.5).
    ComplaintTrend,
    /// The next month's patrol plan (六 3.1).
    PatrolPlan,
    /// The reception records are gone through (一 3.7; monthly is ours).
    ReceptionReview,
}

impl PeriodicTask {
    /// Every task.
    pub const ALL: [Self; 5] = [
        Self::WeeklyComplaints,
        Self::MonthlyComplaints,
        Self::ComplaintTrend,
        Self::PatrolPlan,
        Self::ReceptionReview,
    ];

    /// The stable code.
    pub fn code(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => unreachable!("a task serializes to its code"),
        }
    }

    /// The cause of the task of a period: `<task>/<period>`.
    pub fn cause(self, period: &str) -> String {
        format!("{}/{period}", self.code())
    }

    /// The record of the task of a period at a site.
    pub fn record(self, site: SiteId, period: &str) -> RecordId {
        RecordId::derive(KIND, site, &self.cause(period))
    }
}

/// Members of `created` of a periodic task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodicTaskCreated {
    /// Which.
    pub task: PeriodicTask,
    /// Of which period: a month `YYYY-MM`, or the last day `YYYY-MM-DD` of a week.
    pub period: String,
    /// By when; milliseconds.
    pub due_ms: WallMs,
}

/// Payload of `report_sent`. Each text has at most 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSent {
    /// The report.
    pub text: String,
    /// The cause, of a monthly one (二 4.4.3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
    /// What is learned from it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lesson: Option<String>,
    /// The corrective action.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub action: Option<String>,
}

/// Payload of `report_confirmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportConfirmed {
    /// The key of its `report_sent`.
    pub report: FactKey,
}

/// Payload of `spot_checked` (抽查, 二 4.4.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotChecked {
    /// Records are kept and measures are carried out.
    pub in_order: bool,
    /// What was found, at most 1,000 characters.
    pub text: String,
}

/// Payload of `plan_made`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanMade {
    /// The plan's record.
    pub plan: RecordId,
}

/// The fact types of periodic tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum PeriodicFact {
    /// The report was sent.
    ReportSent(ReportSent),
    /// Quality has it.
    ReportConfirmed(ReportConfirmed),
    /// Quality looked whether it is so.
    SpotChecked(SpotChecked),
    /// The plan is there; only the server writes it.
    PlanMade(PlanMade),
}
