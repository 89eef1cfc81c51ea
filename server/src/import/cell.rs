//! What a cell says as a date, a number, an amount, a yes or a no.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use sync_core::model::time::WallMs;

use super::sheet::Cell;
use crate::people::roster::local;

impl Cell {
    /// Bytes of its text.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Moment(text) => text.len(),
            Self::Empty | Self::Number(_) => 0,
        }
    }

    /// Its text, also that of a date.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Moment(text) => Some(text),
            Self::Empty | Self::Number(_) => None,
        }
    }

    /// A number without a fraction, written as a number or as a text.
    pub fn whole(&self) -> Option<u64> {
        match self {
            Self::Empty | Self::Moment(_) => None,
            Self::Text(text) => text.parse().ok(),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number in the range"
            )]
            Self::Number(number) => {
                let fits = number.fract() == 0.0 && (0.0..=WHOLE_MAX).contains(number);
                fits.then_some(*number as u64)
            }
        }
    }

    /// The same as a number of 32 bits: of a person, a group.
    pub fn number(&self) -> Option<u32> {
        self.whole().and_then(|number| u32::try_from(number).ok())
    }

    /// A number with at most two decimals, in hundredths; commas between thousands do not matter.
    pub fn hundredths(&self) -> Option<i64> {
        let text = match self {
            Self::Empty | Self::Moment(_) => return None,
            Self::Text(text) => text.replace([',', '，'], ""),
            // Two decimals are exact enough: 0.1 + 0.2 is 0.30.
            Self::Number(number) if (number * 100.0 - (number * 100.0).round()).abs() < 1e-6 => {
                format!("{number:.2}")
            }
            Self::Number(_) => return None,
        };
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
            return None;
        }
        let part: i64 = format!("{part:0<2}").parse().ok()?;
        whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(part)
    }

    /// A date as people write it, or as the count of days it is where it was left unmarked.
    pub fn date(&self) -> Option<NaiveDate> {
        match self {
            Self::Empty => None,
            Self::Text(text) | Self::Moment(text) => local::parse_date(text),
            // The first is the 30th, as the sheets count.
            Self::Number(_) => {
                let days = self.number()?;
                let first = NaiveDate::from_ymd_opt(1899, 12, 30)?;
                let date = first.checked_add_signed(TimeDelta::try_days(days.into())?)?;
                local::date_is_near(date).then_some(date)
            }
        }
    }

    /// A yes or a no.
    pub fn yes_no(&self) -> Option<bool> {
        match (self, self.whole()) {
            (_, Some(1)) => Some(true),
            (_, Some(0)) => Some(false),
            (Self::Text(text), _) => match text.to_lowercase().as_str() {
                "yes" | "y" | "true" | "是" | "有" => Some(true),
                "no" | "n" | "false" | "否" | "无" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The moment from which something holds: a date is its first moment at the site, a time with
    /// its zone (RFC 3339) is that time.
    pub fn from_moment(&self, zone: Tz) -> Option<WallMs> {
        self.moment(zone).map(|moment| match moment {
            Moment::Date(date) => local::midnight(zone, date),
            Moment::At(at_ms) => at_ms,
        })
    }

    /// The moment until which something holds, exclusive: a date is the last day on which it does.
    pub fn to_moment(&self, zone: Tz) -> Option<WallMs> {
        self.moment(zone).and_then(|moment| match moment {
            Moment::Date(date) => Some(local::midnight(zone, date.succ_opt()?)),
            Moment::At(at_ms) => Some(at_ms),
        })
    }

    fn moment(&self, zone: Tz) -> Option<Moment> {
        if let Some(text) = self.as_text() {
            if let Ok(at) = DateTime::parse_from_rfc3339(text) {
                return Some(Moment::At(at.timestamp_millis()));
            }
            if let Ok(at) = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")
                && at.time() != NaiveTime::MIN
            {
                return Some(Moment::At(local::first_moment(zone, at)));
            }
        }
        self.date().map(Moment::Date)
    }
}

enum Moment {
    Date(NaiveDate),
    At(WallMs),
}

/// The largest whole number that a sheet keeps exactly.
const WHOLE_MAX: f64 = 9_007_199_254_740_991.0;

/// The moment from which something holds as [`Cell::from_moment`] reads it.
pub fn from_text(zone: Tz, at_ms: WallMs) -> String {
    let date = local::date(zone, at_ms, 0);
    if local::midnight(zone, date) == at_ms { date.to_string() } else { exactly(zone, at_ms) }
}

/// The moment until which something holds as [`Cell::to_moment`] reads it.
pub fn to_text(zone: Tz, at_ms: WallMs) -> String {
    let last = local::date(zone, at_ms, -1);
    let next = last.succ_opt().unwrap_or(last);
    if local::midnight(zone, next) == at_ms { last.to_string() } else { exactly(zone, at_ms) }
}

fn exactly(zone: Tz, at_ms: WallMs) -> String {
    let at = DateTime::from_timestamp_millis(at_ms).unwrap_or(DateTime::UNIX_EPOCH);
    at.with_timezone(&zone).to_rfc3339_opts(chrono::SecondsFormat::Millis, false)
}

/// Hundredths as [`Cell::hundredths`] reads them.
pub fn hundredths_text(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A yes or a no as [`Cell::yes_no`] reads it.
pub fn yes_no_text(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn amounts_and_areas_are_read_in_hundredths_and_come_back() {
        for (cell, hundredths) in [
            (text("89.5"), Some(8_950)),
            (text("1,234.05"), Some(123_405)),
            (Cell::Number(0.1 + 0.2), Some(30)),
            (Cell::Number(120.0), Some(12_000)),
            (text("7."), Some(700)),
            (text("1.234"), None),
            (Cell::Number(1.234), None),
            (text("-1"), None),
            (Cell::Number(-1.0), None),
            (text(".5"), None),
            (text("99999999999999999999"), None),
            (Cell::Number(1e300), None),
        ] {
            assert_eq!(cell.hundredths(), hundredths);
        }
        assert_eq!(text(&hundredths_text(8_905)).hundredths(), Some(8_905));
    }

    #[test]
    fn a_date_is_its_first_moment_as_a_beginning_and_its_last_day_as_an_end() {
        let zone = Tz::Asia__Shanghai;
        let day_ms = 24 * 3_600_000;
        let cell = text("2026-12-31");
        let first = cell.from_moment(zone).expect("a date");
        assert_eq!(cell.to_moment(zone), Some(first + day_ms));
        // A workbook writes midnight behind a date that it marks.
        assert_eq!(Cell::Moment("2026-12-31 00:00".into()).to_moment(zone), Some(first + day_ms));
        assert_eq!(text("2026-12-31 08:30").to_moment(zone), Some(first + 510 * 60_000));
        for at_ms in [first, first + 1, first + day_ms, first + 510 * 60_000] {
            assert_eq!(text(&from_text(zone, at_ms)).from_moment(zone), Some(at_ms));
            assert_eq!(text(&to_text(zone, at_ms)).to_moment(zone), Some(at_ms));
        }
        assert_eq!(text("31.12.2026").from_moment(zone), None);
    }

    #[test]
    fn yes_and_no_are_read_in_both_languages() {
        for (cell, is_so) in
            [("是", true), ("YES", true), ("1", true), ("否", false), ("no", false)]
        {
            assert_eq!(text(cell).yes_no(), Some(is_so), "{cell}");
        }
        assert_eq!(text("maybe").yes_no(), None);
        assert_eq!(Cell::Number(1.0).yes_no(), Some(true));
    }
}
