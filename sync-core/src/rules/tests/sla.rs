//! Limits, each with its number: elapsed, days and months on the site's clocks, working time with
//! holidays and the days that make up for them (调休).

use super::super::order::Causality;
use super::super::site_time::SiteTime;
use super::super::sla::{Limit, Sla};
use super::*;
use crate::model::calendar::{DayKind, SpecialDay, TimeOfDay, Weekday, WorkCalendar};

const SHANGHAI: &str = "Asia/Shanghai";
const BERLIN: &str = "Europe/Berlin";

pub(super) fn at(text: &str) -> i64 {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    time.unwrap_or_else(|error| panic!("{text}: {error}")).timestamp_millis()
}

/// The National Day of 2026 as it is worked around: the first to the seventh are free, Saturday
/// the tenth makes up for one of them.
pub(super) fn national_day() -> WorkCalendar {
    let day = |kind, name: &str| SpecialDay { kind, name: Some(name.to_owned()) };
    let mut days = std::collections::BTreeMap::new();
    for number in 1..=7 {
        let date = chrono::NaiveDate::from_ymd_opt(2026, 10, number).expect("a date");
        days.insert(date, day(DayKind::Holiday, "国庆节"));
    }
    let saturday = chrono::NaiveDate::from_ymd_opt(2026, 10, 10).expect("a date");
    days.insert(saturday, day(DayKind::Working, "国庆节调休"));
    WorkCalendar::default().with_exceptions(days).expect("within bounds")
}

fn policy(zone: &str) -> SlaPolicy {
    SlaPolicy { time_zone: zone.to_owned(), calendar: national_day(), ..SlaPolicy::default() }
}

fn due(zone: &str, limit: Limit, start: &str) -> Option<i64> {
    let (policy, sessions) = (policy(zone), SessionRows::new());
    Sla::of(&Causality::of(&[], &sessions), &policy, &sessions, 0).due_ms(limit, Some(at(start)))
}

#[track_caller]
fn is_due(zone: &str, limit: Limit, start: &str, expected: &str) {
    let due_ms = due(zone, limit, start);
    let shown = due_ms.and_then(chrono::DateTime::from_timestamp_millis);
    assert_eq!(due_ms, Some(at(expected)), "{limit:?} from {start} is {shown:?}");
}

#[test]
fn minutes_and_hours_pass_by_any_clock() {
    let hours = Limit::Elapsed(24 * 60 * MINUTE);
    is_due(SHANGHAI, hours, "2026-10-24T10:00:00+08:00", "2026-10-25T10:00:00+08:00");
    // Clocks go back in that night: a day later on the clock would be 25 hours.
    is_due(BERLIN, hours, "2026-10-24T10:00:00+02:00", "2026-10-25T09:00:00+01:00");
    is_due(SHANGHAI, Limit::Elapsed(-1), "2026-10-24T10:00:00+08:00", "2026-10-24T10:00:00+08:00");
}

/// R8.2
#[test]
fn days_end_at_the_same_time_of_day_whatever_the_clocks_did() {
    let (one, two) = (Limit::Days(1), Limit::Days(2));
    is_due(SHANGHAI, two, "2026-10-24T10:00:00+08:00", "2026-10-26T10:00:00+08:00");
    is_due(BERLIN, two, "2026-10-24T10:00:00+02:00", "2026-10-26T10:00:00+01:00");
    is_due(BERLIN, one, "2026-03-28T10:00:00+01:00", "2026-03-29T10:00:00+02:00");
    is_due(BERLIN, Limit::Days(0), "2026-03-28T10:00:00+01:00", "2026-03-28T10:00:00+01:00");
}

#[test]
fn a_time_that_clocks_skip_is_the_jump_and_one_they_show_twice_is_the_later() {
    let one = Limit::Days(1);
    is_due(BERLIN, one, "2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00");
    is_due(BERLIN, one, "2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+01:00");
    // An island went to bed on Thursday and got up on Saturday.
    let apia = "Pacific/Apia";
    is_due(apia, one, "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00");
}

/// R8.2
#[test]
fn a_month_ends_on_the_same_date_or_the_last_of_a_shorter_month() {
    let month = Limit::Months(1);
    for (start, expected) in [
        ("2026-11-27T16:00:00+08:00", "2026-12-27T16:00:00+08:00"),
        ("2026-01-31T16:00:00+08:00", "2026-02-28T16:00:00+08:00"),
        ("2028-01-31T16:00:00+08:00", "2028-02-29T16:00:00+08:00"),
        ("2028-01-29T16:00:00+08:00", "2028-02-29T16:00:00+08:00"),
        ("2026-03-31T16:00:00+08:00", "2026-04-30T16:00:00+08:00"),
        ("2026-12-31T16:00:00+08:00", "2027-01-31T16:00:00+08:00"),
    ] {
        is_due(SHANGHAI, month, start, expected);
    }
    is_due(BERLIN, month, "2026-03-10T16:00:00+01:00", "2026-04-10T16:00:00+02:00");
    is_due(SHANGHAI, Limit::Months(12), "2028-02-29T16:00:00+08:00", "2029-02-28T16:00:00+08:00");
}

/// R8.1
#[test]
fn working_time_leaves_out_nights_weekends_and_holidays() {
    let hours = |hours: i64| Limit::WorkingMs(hours * 60 * MINUTE);
    for (limit, start, expected) in [
        (hours(4), "2026-11-27T16:00:00+08:00", "2026-11-30T11:00:00+08:00"),
        (hours(2), "2026-11-27T16:00:00+08:00", "2026-11-27T18:00:00+08:00"),
        (hours(1), "2026-11-28T12:00:00+08:00", "2026-11-30T10:00:00+08:00"),
        (hours(0), "2026-11-28T12:00:00+08:00", "2026-11-28T12:00:00+08:00"),
        // Over the National Day.
        (hours(3), "2026-09-30T17:00:00+08:00", "2026-10-08T11:00:00+08:00"),
        // The Saturday that makes up for it is worked, the Sunday is not.
        (hours(2), "2026-10-09T17:00:00+08:00", "2026-10-10T10:00:00+08:00"),
        (hours(11), "2026-10-09T17:00:00+08:00", "2026-10-12T10:00:00+08:00"),
    ] {
        is_due(SHANGHAI, limit, start, expected);
    }
}

#[test]
fn a_break_at_noon_is_no_working_time() {
    let span = |from: &str, to: &str| json!({ "from": from, "to": to });
    let monday = json!([span("08:30", "12:00"), span("14:00", "17:30")]);
    let calendar = json!({ "week": { "monday": monday } });
    let calendar = serde_json::from_value(calendar).expect("a calendar");
    let policy = SlaPolicy { calendar, ..SlaPolicy::default() };
    let site = SiteTime::of(&policy);
    let start = at("2026-11-23T11:00:00+08:00");
    let two_hours = site.working_ms_later(start, 120 * MINUTE);
    assert_eq!(two_hours, Some(at("2026-11-23T15:00:00+08:00")));
    let week = start + 7 * 24 * 60 * MINUTE;
    assert_eq!(site.working_ms_between(start, week), 7 * 60 * MINUTE);
    assert_eq!(site.working_ms_between(week, start), 0);
}

#[test]
fn a_shift_across_a_change_of_clocks_lasts_as_long_as_people_work() {
    let night = json!([{ "from": "00:00", "to": "24:00" }]);
    let calendar = serde_json::from_value(json!({ "week": { "sunday": night } })).expect("reads");
    let policy = SlaPolicy { calendar, time_zone: BERLIN.to_owned(), ..SlaPolicy::default() };
    let site = SiteTime::of(&policy);
    let hours = |from: &str, to: &str| site.working_ms_between(at(from), at(to)) / (60 * MINUTE);
    assert_eq!(hours("2026-03-28T00:00:00+01:00", "2026-03-31T00:00:00+02:00"), 23);
    assert_eq!(hours("2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00"), 25);
    assert_eq!(hours("2026-11-14T00:00:00+01:00", "2026-11-17T00:00:00+01:00"), 24);
}

/// R8.1
#[test]
fn working_days_skip_what_is_free_and_the_day_itself() {
    for (days, start, expected) in [
        (1, "2026-11-27T16:00:00+08:00", "2026-11-30T16:00:00+08:00"),
        (2, "2026-11-28T16:00:00+08:00", "2026-12-01T16:00:00+08:00"),
        (1, "2026-09-30T16:00:00+08:00", "2026-10-08T16:00:00+08:00"),
        (1, "2026-10-09T16:00:00+08:00", "2026-10-10T16:00:00+08:00"),
        (2, "2026-10-09T16:00:00+08:00", "2026-10-12T16:00:00+08:00"),
        (0, "2026-10-09T16:00:00+08:00", "2026-10-09T16:00:00+08:00"),
    ] {
        is_due(SHANGHAI, Limit::WorkingDays(days), start, expected);
    }
}

/// R8.3
#[test]
fn a_day_ends_at_local_midnight() {
    is_due(SHANGHAI, Limit::DayEnd, "2026-11-27T00:00:00+08:00", "2026-11-27T23:59:59.999+08:00");
    is_due(SHANGHAI, Limit::DayEnd, "2026-11-27T23:59:59+08:00", "2026-11-27T23:59:59.999+08:00");
    is_due(BERLIN, Limit::DayEnd, "2026-10-25T00:30:00+02:00", "2026-10-25T23:59:59.999+01:00");
}

/// R8.3
#[test]
fn the_working_day_ends_at_18_00_or_the_next_ones_does() {
    for (start, expected) in [
        ("2026-11-27T08:00:00+08:00", "2026-11-27T18:00:00+08:00"),
        ("2026-11-27T18:00:00+08:00", "2026-11-27T18:00:00+08:00"),
        ("2026-11-27T18:00:00.001+08:00", "2026-11-30T18:00:00+08:00"),
        ("2026-11-29T10:00:00+08:00", "2026-11-30T18:00:00+08:00"),
        ("2026-10-03T10:00:00+08:00", "2026-10-08T18:00:00+08:00"),
        ("2026-10-10T10:00:00+08:00", "2026-10-10T18:00:00+08:00"),
    ] {
        is_due(SHANGHAI, Limit::WorkingDayEnd, start, expected);
    }
}

#[test]
fn a_report_is_due_by_a_day_of_the_next_month() {
    let fifth = Limit::DayOfNextMonth(5);
    is_due(SHANGHAI, fifth, "2026-11-01T00:00:00+08:00", "2026-12-05T23:59:59.999+08:00");
    is_due(SHANGHAI, fifth, "2026-12-31T23:00:00+08:00", "2027-01-05T23:59:59.999+08:00");
    let last = Limit::DayOfNextMonth(31);
    is_due(SHANGHAI, last, "2026-01-31T10:00:00+08:00", "2026-02-28T23:59:59.999+08:00");
    let none = Limit::DayOfNextMonth(0);
    is_due(SHANGHAI, none, "2026-01-31T10:00:00+08:00", "2026-02-01T23:59:59.999+08:00");
}

#[test]
fn a_weekly_report_is_due_on_the_next_sunday_that_is_not_over() {
    let sunday = Limit::Weekly(Weekday::Sunday, TimeOfDay::hour(18));
    for (start, expected) in [
        ("2026-11-27T16:00:00+08:00", "2026-11-29T18:00:00+08:00"),
        ("2026-11-29T18:00:00+08:00", "2026-11-29T18:00:00+08:00"),
        ("2026-11-29T18:00:00.001+08:00", "2026-12-06T18:00:00+08:00"),
    ] {
        is_due(SHANGHAI, sunday, start, expected);
    }
}

#[test]
fn what_no_calendar_shows_is_due_at_no_time() {
    let never = json!({ "week": {}, "exceptions": {} });
    let calendar = serde_json::from_value(never).expect("a calendar of no work");
    let idle = SlaPolicy { calendar, ..SlaPolicy::default() };
    let sessions = SessionRows::new();
    let sla = Sla::of(&Causality::of(&[], &sessions), &idle, &sessions, 0);
    for limit in [Limit::WorkingMs(1), Limit::WorkingDays(1), Limit::WorkingDayEnd] {
        assert_eq!(sla.due_ms(limit, Some(NINE)), None, "{limit:?}");
    }
    let busy = policy(SHANGHAI);
    let sla = Sla::of(&Causality::of(&[], &sessions), &busy, &sessions, 0);
    let limits = [
        Limit::Days(u32::MAX),
        Limit::Months(u32::MAX),
        Limit::WorkingMs(i64::MAX),
        Limit::WorkingDays(u32::MAX),
        Limit::DayOfNextMonth(u8::MAX),
        Limit::DayEnd,
        Limit::WorkingDayEnd,
        Limit::Weekly(Weekday::Monday, TimeOfDay::hour(24)),
    ];
    for limit in limits {
        for start_ms in [i64::MIN, -62_135_596_800_001, 253_370_764_800_001, i64::MAX] {
            assert_eq!(sla.due_ms(limit, Some(start_ms)), None, "{limit:?} from {start_ms}");
        }
        assert_eq!(sla.due_ms(limit, None), None, "{limit:?} from nowhere");
    }
    assert_eq!(sla.due_ms(Limit::WorkingMs(i64::MAX), Some(NINE)), None);
    assert_eq!(sla.due_ms(Limit::Elapsed(i64::MAX), Some(i64::MAX)), Some(i64::MAX));
    assert_eq!(sla.due_ms(Limit::At(5), None), Some(5));
}
