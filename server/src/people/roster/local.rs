//! Times of a roster as they are written on the wall: in the site's zone, to the minute.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use sync_core::model::time::WallMs;

/// The first moment at which the site's clocks show this; in a gap of the clocks, what the time
/// would be had they not been put forward.
pub fn first_moment(zone: Tz, local: NaiveDateTime) -> WallMs {
    match zone.from_local_datetime(&local).earliest() {
        Some(moment) => moment.timestamp_millis(),
        None => through_gap(zone, local),
    }
}

/// The last moment at which the site's clocks show this; they differ where clocks are put back.
pub fn last_moment(zone: Tz, local: NaiveDateTime) -> WallMs {
    match zone.from_local_datetime(&local).latest() {
        Some(moment) => moment.timestamp_millis(),
        None => through_gap(zone, local),
    }
}

fn through_gap(zone: Tz, local: NaiveDateTime) -> WallMs {
    let before = zone.offset_from_utc_datetime(&(local - TimeDelta::days(1))).fix();
    (local - TimeDelta::seconds(before.local_minus_utc().into())).and_utc().timestamp_millis()
}

/// What the site's clocks show.
pub fn shown(zone: Tz, at_ms: WallMs) -> NaiveDateTime {
    let utc = chrono::DateTime::from_timestamp_millis(at_ms).unwrap_or_default().naive_utc();
    zone.from_utc_datetime(&utc).naive_local()
}

/// The date at the site, so many days before or after a moment's.
pub fn date(zone: Tz, at_ms: WallMs, days: i64) -> NaiveDate {
    let today = shown(zone, at_ms).date();
    let moved = if days < 0 {
        today.checked_sub_days(Days::new(days.unsigned_abs()))
    } else {
        today.checked_add_days(Days::new(days.unsigned_abs()))
    };
    moved.unwrap_or(today)
}

/// The first moment of a date.
pub fn midnight(zone: Tz, date: NaiveDate) -> WallMs {
    first_moment(zone, date.and_time(NaiveTime::MIN))
}

/// A date as rosters write it: `2026-11-25`, `2026/11/25`, `2026.11.25`, `2026年11月25日`; a time
/// behind it does not matter.
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    let text = text.split_once(['T', ' ']).map_or(text, |(date, _)| date);
    let plain: String = text
        .chars()
        .filter(|c| *c != '日')
        .map(|c| if matches!(c, '/' | '.' | '年' | '月') { '-' } else { c })
        .collect();
    let mut parts = plain.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && year.len() == 4;
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    date.filter(|date| whole && date_is_near(*date))
}

/// A roster of the years 2000 to 2199: anything else is a slip of the pen.
pub fn date_is_near(date: NaiveDate) -> bool {
    use chrono::Datelike as _;
    (2000..2200).contains(&date.year())
}

/// Minutes since midnight: `8:00`, `08:00:00`, `8：00`, `24:00`; a date before it does not matter.
pub fn parse_time(text: &str) -> Option<u32> {
    let text = text.trim().replace('：', ":");
    let text = text.rsplit_once(['T', ' ']).map_or(text.as_str(), |(_, time)| time);
    let mut parts = text.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds = parts.next();
    let digits = |part: &str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let whole = parts.next().is_none() && digits(hours) && minutes.len() == 2 && digits(minutes);
    if !whole || seconds.is_some_and(|seconds| seconds != "00") {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let fits = (hours < 24 && minutes < 60) || (hours, minutes) == (24, 0);
    fits.then_some(hours * 60 + minutes)
}

/// From when to when a line of the roster lasts; a `to` not later than `from` is on the next day.
/// `None` if nothing is left of it where clocks are put forward.
pub fn stretch(zone: Tz, date: NaiveDate, from: u32, to: u32) -> Option<(WallMs, WallMs)> {
    let at = |minutes: u32| date.and_time(NaiveTime::MIN) + TimeDelta::minutes(minutes.into());
    let to = if to <= from { to + 24 * 60 } else { to };
    let (from_ms, to_ms) = (first_moment(zone, at(from)), last_moment(zone, at(to)));
    (from_ms < to_ms).then_some((from_ms, to_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: Tz, date: &str, from: &str, to: &str) -> Option<f64> {
        let minutes = |text| parse_time(text).expect("a time");
        let date = parse_date(date).expect("a date");
        let (from_ms, to_ms) = stretch(zone, date, minutes(from), minutes(to))?;
        #[expect(clippy::cast_precision_loss, reason = "hours of a test")]
        Some((to_ms - from_ms) as f64 / 3_600_000.0)
    }

    #[test]
    fn a_to_that_is_not_later_than_from_is_on_the_next_day() {
        let zone = Tz::Asia__Shanghai;
        assert_eq!(hours(zone, "2026-11-25", "08:00", "20:00"), Some(12.0));
        assert_eq!(hours(zone, "2026-11-25", "20:00", "08:00"), Some(12.0));
        assert_eq!(hours(zone, "2026-11-25", "08:00", "08:00"), Some(24.0));
        assert_eq!(hours(zone, "2026-11-25", "0:00", "24:00"), Some(24.0));
        assert_eq!(hours(zone, "2026-11-25", "16:00", "24:00"), Some(8.0));
    }

    #[test]
    fn a_night_shift_is_an_hour_shorter_or_longer_when_clocks_change() {
        let zone = Tz::Europe__Berlin;
        assert_eq!(hours(zone, "2026-03-28", "22:00", "06:00"), Some(7.0));
        assert_eq!(hours(zone, "2026-10-24", "22:00", "06:00"), Some(9.0));
        // 02:30 does not exist on 29 March: it is half past three.
        assert_eq!(hours(zone, "2026-03-29", "02:30", "06:00"), Some(2.5));
        // It exists twice on 25 October: from the first, to the last.
        assert_eq!(hours(zone, "2026-10-25", "02:30", "06:00"), Some(4.5));
        assert_eq!(hours(zone, "2026-10-24", "22:00", "02:30"), Some(5.5));
        assert_eq!(hours(zone, "2026-03-29", "02:30", "03:00"), None);
    }

    #[test]
    fn a_day_that_a_zone_left_out_has_moments_too() {
        let samoa = Tz::Pacific__Apia;
        let day = NaiveDate::from_ymd_opt(2011, 12, 30).expect("a date");
        let next = NaiveDate::from_ymd_opt(2011, 12, 31).expect("a date");
        assert_eq!(midnight(samoa, day), midnight(samoa, next));
    }

    #[test]
    fn dates_and_times_are_read_as_people_write_them() {
        for text in ["2026-11-05", "2026/11/5", "2026.11.5", "2026年11月5日", "2026-11-05 00:00:00"]
        {
            assert_eq!(parse_date(text), NaiveDate::from_ymd_opt(2026, 11, 5), "{text}");
        }
        for text in ["", "5.11.2026", "2026-13-01", "2026-02-30", "26-11-05", "1999-12-31", "x"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        for text in ["8:05", "08:05", "08:05:00", "8：05", "2026-11-05T08:05:00"] {
            assert_eq!(parse_time(text), Some(485), "{text}");
        }
        for text in ["", "8", "8:5", "24:01", "25:00", "08:60", "08:05:30", "-1:00", "8:05:00:00"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
