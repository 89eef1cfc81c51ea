//! How long a record has to stay: the moment before which nothing may purge it. Does not purge;
//! the server's job does, and asks here again inside its write.
//!
//! Everything that is not named here is kept for ever.

use chrono::Datelike as _;

use super::kind::Details;
use super::review::Review;
use super::site_time::SiteTime;
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
/// R5.16.
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
    let (site, closed_at_ms) = (SiteTime::of(policy), closed_at_ms?);
    let until_ms = site.months_later(closed_at_ms, years.checked_mul(12)?)?;
    // What began on 29 February ends on 1 March: the day before would be too early.
    let is_same_day = site.date(closed_at_ms)?.day() == site.date(until_ms)?.day();
    if is_same_day { Some(until_ms) } else { site.days_later(until_ms, 1) }
}

/// Until when a contact is kept (ours): `contact_kept_days` after `last_ms`, the last change of the
/// contact and of the records that name it; days of the site's zone (R0.20).
pub fn contact_kept_until_ms(last_ms: WallMs, policy: &SlaPolicy) -> Option<WallMs> {
    SiteTime::of(policy).days_later(last_ms, policy.contact_kept_days)
}

/// Whether somebody still has to do something about a record: what it names is needed. A kind that
/// this version does not know is needed too, since nothing can be said of it (R0.20).
pub fn is_needed(review: &Review) -> bool {
    match review.status {
        Status::Closed
        | Status::Cancelled
        | Status::Stopped
        | Status::Lapsed
        | Status::Settled
        | Status::Withdrawn => false,
        // A satisfied customer asks for nothing more.
        Status::Reached => match &review.details {
            Some(Details::FollowUp(follow_up)) => follow_up.satisfied != Some(true),
            _ => true,
        },
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
