//! Dates counted by hand, so that what is expected shares no code with what is audited.

/// Milliseconds of a day; the site's zone, Asia/Shanghai, has no other.
pub const DAY_MS: i64 = 86_400_000;
/// The site's offset from UTC.
pub const OFFSET_MS: i64 = 8 * 3_600_000;

/// Year, month and day of so many days after 1970-01-01.
pub fn date(days: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    let mut left = days;
    while left >= length(year) {
        left -= length(year);
        year += 1;
    }
    let mut month = 1;
    while left >= month_days(year, month) {
        left -= month_days(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

/// Days from 1970-01-01 to a date.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year).map(length).sum();
    let months: i64 = (1..month).map(|month| month_days(year, month)).sum();
    years + months + day - 1
}

/// So many days later at the same local time.
pub fn days_later(from_ms: i64, count: u32) -> i64 {
    from_ms + i64::from(count) * DAY_MS
}

/// So many months later on the same local date and time; the last day of a shorter month.
pub fn months_later(from_ms: i64, count: u32) -> i64 {
    let local = from_ms + OFFSET_MS;
    let (year, month, day) = date(local.div_euclid(DAY_MS));
    let months = year * 12 + month - 1 + i64::from(count);
    let (year, month) = (months / 12, months % 12 + 1);
    let day = day.min(month_days(year, month));
    days(year, month, day) * DAY_MS + local.rem_euclid(DAY_MS) - OFFSET_MS
}

/// When the local day of a moment began.
pub fn midnight(at_ms: i64) -> i64 {
    at_ms - (at_ms + OFFSET_MS).rem_euclid(DAY_MS)
}

/// The local date, `YYYY-MM-DD`.
pub fn day(at_ms: i64) -> String {
    let (year, month, day) = date((at_ms + OFFSET_MS).div_euclid(DAY_MS));
    format!("{year}-{month:02}-{day:02}")
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[test]
fn dates_are_counted_as_on_the_wall() {
    assert_eq!(date(days(2026, 11, 25)), (2026, 11, 25));
    assert_eq!(days(2026, 11, 25) * DAY_MS, super::environment::START_MS);
    assert_eq!(date(days(2028, 2, 29)), (2028, 2, 29));
    let january = days(2027, 1, 31) * DAY_MS;
    assert_eq!(day(months_later(january, 1)), "2027-02-28");
    assert_eq!(day(START_EVENING_MS), "2026-11-26");
}

#[cfg(test)]
const START_EVENING_MS: i64 = super::environment::START_MS + 17 * 3_600_000;
