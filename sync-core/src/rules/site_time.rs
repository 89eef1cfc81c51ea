//! A site's local time and working hours as moments: days and months later, the end of a day,
//! working time. Safe across changes of clocks; what no calendar can show is `None`.

use chrono::{
    DateTime, Datelike as _, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset as _,
    TimeDelta, TimeZone as _,
};
use chrono_tz::Tz;

use super::time::moment;
use crate::model::calendar::{TimeOfDay, Weekday, WorkCalendar};
use crate::model::policy::SlaPolicy;
use crate::model::time::WallMs;

/// A site's zone and calendar. A zone that is none counts as UTC.
#[derive(Debug, Clone, Copy)]
pub struct SiteTime<'a> {
    zone: Tz,
    calendar: &'a WorkCalendar,
}

/// How far a calendar is walked, days: ten years. What lies beyond is nobody's plan, and no
/// hostile number makes a walk longer.
const HORIZON_DAYS: u64 = 3_660;
/// The same in milliseconds.
pub(super) const HORIZON_MS: i64 = HORIZON_DAYS as i64 * 86_400_000;

impl<'a> SiteTime<'a> {
    /// Of a site's policy.
    pub fn of(policy: &'a SlaPolicy) -> Self {
        let zone = policy.time_zone.parse().unwrap_or(chrono_tz::UTC);
        Self { zone, calendar: &policy.calendar }
    }

    /// The local date of a moment.
    pub fn date(&self, at_ms: WallMs) -> Option<NaiveDate> {
        self.local(at_ms).map(|local| local.date())
    }

    /// So many days later at the same time of day (R8.2).
    pub fn days_later(&self, at_ms: WallMs, days: u32) -> Option<WallMs> {
        self.instant(self.local(at_ms)?.checked_add_days(Days::new(u64::from(days)))?)
    }

    /// So many months later on the same date at the same time of day; the last of a shorter month.
    /// R8.2.
    pub fn months_later(&self, at_ms: WallMs, months: u32) -> Option<WallMs> {
        self.instant(self.local(at_ms)?.checked_add_months(Months::new(months))?)
    }

    /// The first millisecond of a day.
    pub fn day_begin(&self, date: NaiveDate) -> Option<WallMs> {
        self.at(date, TimeOfDay::hour(0))
    }

    /// The last millisecond of the day.
    pub fn day_end(&self, at_ms: WallMs) -> Option<WallMs> {
        // R8.3
        self.end_of(self.date(at_ms)?)
    }

    /// The last millisecond of that day of the next month; of its last day, where it is shorter.
    pub fn day_of_next_month(&self, at_ms: WallMs, day: u8) -> Option<WallMs> {
        let first = self.date(at_ms)?.with_day(1)?.checked_add_months(Months::new(1))?;
        let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
        self.end_of(first.with_day(u32::from(day).clamp(1, last.day()))?)
    }

    /// The first such time of such a weekday that is not before the moment.
    pub fn next_weekday(&self, at_ms: WallMs, weekday: Weekday, time: TimeOfDay) -> Option<WallMs> {
        let days = self.date(at_ms)?.iter_days().take(8);
        let wanted = days.filter(|date| Weekday::of(*date) == weekday);
        wanted.filter_map(|date| self.at(date, time)).find(|moment| *moment >= at_ms)
    }

    /// When the working day ends (下班): this day's work, or, where that is over or there is none,
    /// the next working day's (R8.3).
    pub fn working_day_end(&self, at_ms: WallMs) -> Option<WallMs> {
        let mut days = self.days(self.date(at_ms)?);
        days.find_map(|date| {
            let end = self.at(date, self.calendar.ends_at(date)?)?;
            (end >= at_ms).then_some(end)
        })
    }

    /// So many working days later at the same time of day; the day itself does not count.
    pub fn working_days_later(&self, at_ms: WallMs, days: u32) -> Option<WallMs> {
        let Some(nth) = usize::try_from(days).ok()?.checked_sub(1) else { return Some(at_ms) };
        let local = self.local(at_ms)?;
        let later = self.days(local.date()).skip(1);
        let date = later.filter(|date| self.calendar.is_working_day(*date)).nth(nth)?;
        self.instant(date.and_time(local.time()))
    }

    /// When so much working time is over; the moment itself for none (R8.1).
    pub fn working_ms_later(&self, at_ms: WallMs, working_ms: i64) -> Option<WallMs> {
        if working_ms <= 0 {
            return Some(at_ms);
        }
        let mut left_ms = working_ms;
        for date in self.days(self.date(at_ms)?) {
            for (from_ms, to_ms) in self.spans(date) {
                let from_ms = from_ms.max(at_ms);
                let length_ms = to_ms.saturating_sub(from_ms).max(0);
                if left_ms <= length_ms {
                    return Some(from_ms.saturating_add(left_ms));
                }
                left_ms -= length_ms;
            }
        }
        None
    }

    /// The working time between two moments; of more than ten years the last ten.
    pub fn working_ms_between(&self, from_ms: WallMs, to_ms: WallMs) -> i64 {
        let from_ms = from_ms.max(to_ms.saturating_sub(HORIZON_MS));
        let (Some(from), Some(to)) = (self.date(from_ms), self.date(to_ms)) else { return 0 };
        let days = self.days(from).take_while(|date| *date <= to);
        let spans = days.flat_map(|date| self.spans(date));
        let inside = spans.map(|(start, end)| end.min(to_ms).saturating_sub(start.max(from_ms)));
        inside.map(|length_ms| length_ms.max(0)).sum()
    }

    /// The days from `date` on as far as a calendar is walked; a day more, for the first is
    /// perhaps over.
    fn days(&self, date: NaiveDate) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = date.checked_add_days(Days::new(HORIZON_DAYS + 1));
        date.iter_days().take_while(move |day| last.is_some_and(|last| *day <= last))
    }

    /// The working hours of a day as moments, in order.
    fn spans(&self, date: NaiveDate) -> impl Iterator<Item = (WallMs, WallMs)> + use<'a> {
        let site = *self;
        let spans = site.calendar.hours(date).iter();
        spans.filter_map(move |span| Some((site.at(date, span.from)?, site.at(date, span.to)?)))
    }

    /// The last millisecond of a date.
    pub fn end_of(&self, date: NaiveDate) -> Option<WallMs> {
        self.at(date.succ_opt()?, TimeOfDay::hour(0)).map(|midnight| midnight.saturating_sub(1))
    }

    fn at(&self, date: NaiveDate, time: TimeOfDay) -> Option<WallMs> {
        let minutes = TimeDelta::minutes(i64::from(time.minutes()));
        self.instant(date.and_time(NaiveTime::MIN).checked_add_signed(minutes)?)
    }

    fn local(&self, at_ms: WallMs) -> Option<NaiveDateTime> {
        moment(at_ms).map(|at| at.with_timezone(&self.zone).naive_local())
    }

    /// The moment of a local time: the later one where clocks show it twice, the jump where they
    /// skip it. So a later local time is never an earlier moment.
    fn instant(&self, local: NaiveDateTime) -> Option<WallMs> {
        if !(1..=9999).contains(&local.year()) {
            return None;
        }
        let moment = self.zone.from_local_datetime(&local).latest();
        moment.map(|at| at.timestamp_millis()).or_else(|| self.jump(local))
    }

    /// When the clocks jumped over `local`: somewhere in the day around it the offset changes.
    fn jump(&self, local: NaiveDateTime) -> Option<WallMs> {
        const REACH_S: i64 = 26 * 3_600;
        let offset = |second: i64| {
            let at = DateTime::from_timestamp(second, 0)?.naive_utc();
            Some(self.zone.offset_from_utc_datetime(&at).fix().local_minus_utc())
        };
        let as_if_utc = local.and_utc().timestamp();
        let (mut before, mut after) = (as_if_utc - REACH_S, as_if_utc + REACH_S);
        let old = offset(before)?;
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if offset(middle)? == old { before = middle } else { after = middle }
        }
        after.checked_mul(1_000)
    }
}
