//! How long a record has to stay: the moment before which nothing may purge it. Does not purge;
//! the server's job does, and asks here again inside its write.
//!
//! Everything that is not named here is kept for ever.

use chrono::{Datelike as _, Days, NaiveDateTime, TimeDelta, TimeZone as _};

use super::review::Review;
use super::status::Status;
use crate::model::policy::SlaPolicy;
use crate::model::time::WallMs;

/// Years a general violation stays at least, whatever a policy says (四 3.4).
const GENERAL_YEARS_MIN: u32 = 1;
/// Years a serious violation stays at least, whatever a policy says (四 3.4).
const SERIOUS_YEARS_MIN: u32 = 5;

/// Until when a violation is kept (四 3.4): the same date and time, years after its closing, in the
/// site's zone. `None`: it may not be purged as things stand, since it is not closed (or was
/// opened again), or since no calendar shows the moment. A violation whose severity nobody has
/// said is kept as long as a serious one. A policy may lengthen the years and never shorten them.
pub fn violation_kept_until_ms(
    is_general: bool,
    closed_at_ms: Option<WallMs>,
    policy: &SlaPolicy,
) -> Option<WallMs> {
    let years = if is_general {
        policy.violation_general_kept_years.max(GENERAL_YEARS_MIN)
    } else {
        policy.violation_serious_kept_years.max(SERIOUS_YEARS_MIN)
    };
    later(closed_at_ms?, policy, |local| {
        let year = i32::try_from(years).ok().and_then(|years| local.year().checked_add(years))?;
        // What began on 29 February ends on 1 March: the day before would be too early.
        local.with_year(year).or_else(|| local.with_day(1)?.with_month(3)?.with_year(year))
    })
}

/// Until when a contact is kept (ours): `contact_kept_days` after `last_ms`, the last change of the
/// contact and of the records that name it; days of the site's zone.
pub fn contact_kept_until_ms(last_ms: WallMs, policy: &SlaPolicy) -> Option<WallMs> {
    let days = Days::new(u64::from(policy.contact_kept_days));
    later(last_ms, policy, |local| local.checked_add_days(days))
}

/// Whether somebody still has to do something about a record: what it names is needed. A kind that
/// this version does not know is needed too, since nothing can be said of it.
pub fn is_needed(review: &Review) -> bool {
    match review.status {
        Status::Closed
        | Status::Cancelled
        | Status::Stopped
        | Status::Lapsed
        | Status::Settled
        | Status::Withdrawn => false,
        Status::Kept => !KINDS_WITHOUT_STEPS.contains(&review.kind.as_str()),
        _ => true,
    }
}

/// Kinds whose records are never open or closed.
const KINDS_WITHOUT_STEPS: [&str; 2] = [crate::model::contact::KIND, crate::model::patrol::PLAN];

/// When the last fact of a record was written.
pub fn last_change_ms(review: &Review) -> Option<WallMs> {
    review.timeline.iter().map(|entry| entry.at_ms).max()
}

/// A moment of the site's calendar, and the later one where the clocks show it twice or skip it.
fn later(
    at_ms: WallMs,
    policy: &SlaPolicy,
    add: impl FnOnce(NaiveDateTime) -> Option<NaiveDateTime>,
) -> Option<WallMs> {
    let zone: chrono_tz::Tz = policy.time_zone.parse().ok()?;
    let local = add(super::time::moment(at_ms)?.with_timezone(&zone).naive_local())?;
    let skipped = || zone.from_local_datetime(&(local + TimeDelta::hours(1))).latest();
    let moment = zone.from_local_datetime(&local).latest().or_else(skipped)?;
    // The calendar is checked at both ends: a policy may name any number of days.
    super::time::moment(moment.timestamp_millis()).map(|moment| moment.timestamp_millis())
}
