//! When a site works: the hours of a week, and the days that differ from it (public holidays and
//! the working days that make up for them, 调休). Data with its bounds; what is due when is for
//! `rules`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};

/// A site's working hours, all in local time. Only within its bounds: nothing else can be made
/// or read (R8.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct WorkCalendar {
    week: BTreeMap<Weekday, Vec<WorkSpan>>,
    make_up_hours: Vec<WorkSpan>,
    exceptions: BTreeMap<NaiveDate, SpecialDay>,
}

/// What a calendar is read from: members that are left out have the default's values.
#[derive(Deserialize)]
#[serde(default)]
struct Parts {
    week: BTreeMap<Weekday, Vec<WorkSpan>>,
    make_up_hours: Vec<WorkSpan>,
    exceptions: BTreeMap<NaiveDate, SpecialDay>,
}

/// A day of the week. JSON: `"monday"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// 星期一
    Monday,
    /// 星期二
    Tuesday,
    /// 星期三
    Wednesday,
    /// 星期四
    Thursday,
    /// 星期五
    Friday,
    /// 星期六
    Saturday,
    /// 星期日
    Sunday,
}

/// A time of day to the minute, `00:00` to `24:00`, which is the end of the day. JSON: `"09:30"`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    minutes: u16,
}

/// Hours worked without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkSpan {
    /// From.
    pub from: TimeOfDay,
    /// To, exclusive; later than `from`.
    pub to: TimeOfDay,
}

/// A day that differs from its weekday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecialDay {
    /// How.
    pub kind: DayKind,
    /// What people call it, e.g. 国庆节; at most 60 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How a day differs from its weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayKind {
    /// Nobody works (放假).
    Holiday,
    /// Worked, whatever its weekday (调休上班).
    Working,
}

/// Why something is no calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCalendar {
    /// No time of day.
    #[error("not a time from 00:00 to 24:00")]
    Time,
    /// The spans of a day are more than [`SPANS_MAX`], empty, out of order, or overlap.
    #[error("the hours of a day are empty, out of order or too many")]
    Spans,
    /// More than [`EXCEPTIONS_MAX`] exceptions.
    #[error("more exceptions than a calendar holds")]
    Exceptions,
    /// An exception outside the years 1 to 9999.
    #[error("a date outside of the years 1 to 9999")]
    Date,
    /// A name that is empty or too long.
    #[error("a day's name is empty or too long")]
    Name,
}

/// Spans of one day at most.
pub const SPANS_MAX: usize = 8;
/// Exceptions of one calendar at most: some thirty years of them.
pub const EXCEPTIONS_MAX: usize = 1_000;
/// Characters of a day's name at most.
pub const DAY_NAME_CHARACTERS_MAX: usize = 60;

impl WorkCalendar {
    /// A calendar of weekly hours (a weekday that is left out is free), of the hours of a working
    /// day whose weekday is free, and of exceptions.
    ///
    /// # Errors
    /// What is out of its bounds.
    pub fn new(
        week: BTreeMap<Weekday, Vec<WorkSpan>>,
        make_up_hours: Vec<WorkSpan>,
        exceptions: BTreeMap<NaiveDate, SpecialDay>,
    ) -> Result<Self, BadCalendar> {
        week.values().chain([&make_up_hours]).try_for_each(|spans| check_spans(spans))?;
        if exceptions.len() > EXCEPTIONS_MAX {
            return Err(BadCalendar::Exceptions);
        }
        for (date, day) in &exceptions {
            if !(1..=9999).contains(&date.year()) {
                return Err(BadCalendar::Date);
            }
            let bad = |name: &String| {
                name.trim().is_empty() || name.chars().count() > DAY_NAME_CHARACTERS_MAX
            };
            if day.name.as_ref().is_some_and(bad) {
                return Err(BadCalendar::Name);
            }
        }
        Ok(Self { week, make_up_hours, exceptions })
    }

    /// The same week with other exceptions.
    ///
    /// # Errors
    /// What is out of its bounds.
    pub fn with_exceptions(
        &self,
        exceptions: BTreeMap<NaiveDate, SpecialDay>,
    ) -> Result<Self, BadCalendar> {
        Self::new(self.week.clone(), self.make_up_hours.clone(), exceptions)
    }

    /// The weekly hours.
    pub fn week(&self) -> &BTreeMap<Weekday, Vec<WorkSpan>> {
        &self.week
    }

    /// The hours of a working day whose weekday is free.
    pub fn make_up_hours(&self) -> &[WorkSpan] {
        &self.make_up_hours
    }

    /// The days that differ from their weekdays.
    pub fn exceptions(&self) -> &BTreeMap<NaiveDate, SpecialDay> {
        &self.exceptions
    }

    /// The hours of a day, in order; none on a free day.
    pub fn hours(&self, date: NaiveDate) -> &[WorkSpan] {
        let weekly = self.week.get(&Weekday::of(date)).map_or(&[][..], Vec::as_slice);
        match self.exceptions.get(&date).map(|day| day.kind) {
            Some(DayKind::Holiday) => &[],
            Some(DayKind::Working) if weekly.is_empty() => &self.make_up_hours,
            Some(DayKind::Working) | None => weekly,
        }
    }

    /// Whether anybody works that day.
    pub fn is_working_day(&self, date: NaiveDate) -> bool {
        !self.hours(date).is_empty()
    }

    /// When the work of a day ends (下班); none on a free day.
    pub fn ends_at(&self, date: NaiveDate) -> Option<TimeOfDay> {
        self.hours(date).last().map(|span| span.to)
    }
}

impl Default for WorkCalendar {
    /// Monday to Friday, 09:00 to 18:00 (ours); a day that makes up for a holiday likewise. The
    /// holidays of a year are imported when they are published.
    fn default() -> Self {
        let nine_to_six = || vec![WorkSpan { from: TimeOfDay::hour(9), to: TimeOfDay::hour(18) }];
        let week = Weekday::ALL[..5].iter().map(|weekday| (*weekday, nine_to_six())).collect();
        Self { week, make_up_hours: nine_to_six(), exceptions: BTreeMap::new() }
    }
}

impl Default for Parts {
    fn default() -> Self {
        let WorkCalendar { week, make_up_hours, exceptions } = WorkCalendar::default();
        Self { week, make_up_hours, exceptions }
    }
}

impl TryFrom<Parts> for WorkCalendar {
    type Error = BadCalendar;

    fn try_from(parts: Parts) -> Result<Self, BadCalendar> {
        Self::new(parts.week, parts.make_up_hours, parts.exceptions)
    }
}

fn check_spans(spans: &[WorkSpan]) -> Result<(), BadCalendar> {
    let filled = spans.iter().all(|span| span.from < span.to);
    let ordered = spans.windows(2).all(|pair| pair[0].to <= pair[1].from);
    if filled && ordered && spans.len() <= SPANS_MAX { Ok(()) } else { Err(BadCalendar::Spans) }
}

impl Weekday {
    /// Every day, Monday first.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// The weekday of a date.
    pub fn of(date: NaiveDate) -> Self {
        match date.weekday() {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}

impl TimeOfDay {
    /// Minutes since the day began, 0 to 1440.
    ///
    /// # Errors
    /// If they are more.
    pub fn new(minutes: u16) -> Result<Self, BadCalendar> {
        if minutes <= DAY_MINUTES { Ok(Self { minutes }) } else { Err(BadCalendar::Time) }
    }

    /// A full hour; hours past the day's end are its end.
    pub const fn hour(hour: u8) -> Self {
        Self { minutes: if hour < 24 { hour as u16 * 60 } else { DAY_MINUTES } }
    }

    /// Minutes since the day began, 0 to 1440.
    pub fn minutes(self) -> u16 {
        self.minutes
    }
}

const DAY_MINUTES: u16 = 24 * 60;

impl FromStr for TimeOfDay {
    type Err = BadCalendar;

    /// Reads `HH:MM`.
    fn from_str(text: &str) -> Result<Self, BadCalendar> {
        let [h1, h2, b':', m1, m2] = text.as_bytes() else { return Err(BadCalendar::Time) };
        let digits = [h1, h2, m1, m2].map(|byte| byte.is_ascii_digit().then(|| byte - b'0'));
        let [Some(h1), Some(h2), Some(m1), Some(m2)] = digits else {
            return Err(BadCalendar::Time);
        };
        let (hour, minute) = (u16::from(h1 * 10 + h2), u16::from(m1 * 10 + m2));
        if minute > 59 { Err(BadCalendar::Time) } else { Self::new(hour * 60 + minute) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl fmt::Debug for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = BadCalendar;

    fn try_from(text: String) -> Result<Self, BadCalendar> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn read(value: serde_json::Value) -> Result<WorkCalendar, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_calendar_is_written_as_people_read_it_and_what_is_left_out_is_the_defaults() {
        let calendar = read(json!({
            "exceptions": {
                "2026-10-01": { "kind": "holiday", "name": "国庆节" },
                "2026-10-10": { "kind": "working" },
            },
        }))
        .expect("a calendar");
        let written = serde_json::to_value(&calendar).expect("writes");
        let nine_to_six = json!([{ "from": "09:00", "to": "18:00" }]);
        assert_eq!(written["week"]["monday"], nine_to_six);
        assert_eq!(written["week"].get("saturday"), None);
        assert_eq!(written["make_up_hours"], nine_to_six);
        assert_eq!(written["exceptions"]["2026-10-01"]["name"], "国庆节");
        assert_eq!(read(written).expect("reads"), calendar);
        assert_eq!(read(json!({})).expect("reads"), WorkCalendar::default());
    }

    /// R8.1
    #[test]
    fn a_holiday_is_free_and_a_day_made_up_for_it_is_worked() {
        let calendar = read(json!({
            "week": { "monday": [
                { "from": "08:30", "to": "12:00" }, { "from": "14:00", "to": "17:30" },
            ] },
            "make_up_hours": [{ "from": "10:00", "to": "24:00" }],
            "exceptions": {
                "2026-11-23": { "kind": "working" },
                "2026-11-28": { "kind": "working" },
                "2026-11-30": { "kind": "holiday" },
            },
        }))
        .expect("a calendar");
        let ends = |day| calendar.ends_at(date(day)).map(|time| time.to_string());
        assert_eq!(ends("2026-11-16").as_deref(), Some("17:30"), "a Monday");
        assert_eq!(ends("2026-11-17"), None, "no hours on Tuesdays here");
        assert_eq!(ends("2026-11-23").as_deref(), Some("17:30"), "its weekday has hours");
        assert_eq!(ends("2026-11-28").as_deref(), Some("24:00"), "a Saturday made up");
        assert!(!calendar.is_working_day(date("2026-11-30")));
    }

    #[test]
    fn what_is_out_of_bounds_is_no_calendar() {
        let span = |from: &str, to: &str| json!({ "from": from, "to": to });
        let monday = |spans: serde_json::Value| read(json!({ "week": { "monday": spans } }));
        assert!(monday(json!([span("00:00", "24:00")])).is_ok());
        for time in ["24:01", "9:00", "09:60", "0９:00", "", "09:00:00", "-1:00"] {
            assert!(monday(json!([span("00:00", time)])).is_err(), "{time}");
        }
        assert!(monday(json!([span("09:00", "09:00")])).is_err(), "empty");
        let overlapping = json!([span("09:00", "12:00"), span("11:59", "13:00")]);
        assert!(monday(overlapping).is_err());
        let short = |n: usize| span(&format!("{n:02}:00"), &format!("{n:02}:30"));
        assert!(monday((0..SPANS_MAX).map(short).collect()).is_ok());
        assert!(monday((0..=SPANS_MAX).map(short).collect()).is_err());
        let named = |name: String| {
            read(json!({ "exceptions": { "2026-10-01": { "kind": "holiday", "name": name } } }))
        };
        assert!(named("节".repeat(60)).is_ok());
        assert!(named("节".repeat(61)).is_err() && named(" ".to_owned()).is_err());
        assert!(read(json!({ "exceptions": { "+10000-01-01": { "kind": "holiday" } } })).is_err());
        assert!(read(json!({ "exceptions": { "2026-02-30": { "kind": "holiday" } } })).is_err());
        let days = |count: usize| {
            let days = date("2026-01-01").iter_days().take(count);
            let holiday = SpecialDay { kind: DayKind::Holiday, name: None };
            WorkCalendar::default().with_exceptions(days.map(|d| (d, holiday.clone())).collect())
        };
        assert!(days(EXCEPTIONS_MAX).is_ok());
        assert_eq!(days(EXCEPTIONS_MAX + 1), Err(BadCalendar::Exceptions));
    }
}
