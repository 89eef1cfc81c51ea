//! When a fact was written: by the server's clock through its boot's anchor. A phone's wall clock
//! is shown where nothing better is there, marked, and orders nothing.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;
use crate::model::session::{Origin, SessionRows};
use crate::model::time::{BootId, WallMs};

/// A moment, and whether it can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactTime {
    /// Milliseconds since 1970, server time if verified.
    pub at_ms: WallMs,
    /// False: by a clock that was never compared with the server's.
    pub verified: bool,
}

/// When `fact` was written.
pub fn fact_time(fact: &Fact, sessions: &SessionRows) -> FactTime {
    let Some(session) = fact.key.session() else {
        // A derived fact's time is that of its cause.
        return FactTime { at_ms: fact.wall_ms, verified: true };
    };
    match sessions.get(&session) {
        Some(row) if row.origin == Origin::Office => {
            FactTime { at_ms: fact.wall_ms, verified: true }
        }
        Some(row) => match (row.anchor, fact.monotonic_ms) {
            (Some(anchor), Some(monotonic_ms)) => {
                FactTime { at_ms: anchor.server_time(monotonic_ms), verified: true }
            }
            _ => FactTime { at_ms: fact.wall_ms, verified: false },
        },
        None => FactTime { at_ms: fact.wall_ms, verified: false },
    }
}

fn boot(fact: &Fact, sessions: &SessionRows) -> Option<BootId> {
    let row = sessions.get(&fact.key.session()?)?;
    (row.origin == Origin::Phone).then_some(row.boot)
}

/// Whether a fact was stated afterwards, or entered for somebody else (补录): marked everywhere, and
/// never measured (R4.32, R4.33).
pub(super) fn stated_afterwards(fact: &Fact) -> bool {
    fact.said_at_ms.is_some() || fact.on_behalf_of.is_some()
}

/// Milliseconds from `from` to `to`: by the monotonic clock within one boot, by verified times
/// otherwise, unknown else. A fact stated afterwards or for somebody else (补录) never counts in a
/// wait (R4.2).
pub fn elapsed_ms(from: &Fact, to: &Fact, sessions: &SessionRows) -> Option<i64> {
    if stated_afterwards(from) || stated_afterwards(to) {
        return None;
    }
    let boots = (boot(from, sessions), boot(to, sessions));
    if let (Some(first), Some(second)) = boots
        && first == second
        && let (Some(start), Some(end)) = (from.monotonic_ms, to.monotonic_ms)
    {
        return Some(end.saturating_sub(start));
    }
    let (start, end) = (fact_time(from, sessions), fact_time(to, sessions));
    (start.verified && end.verified).then(|| end.at_ms.saturating_sub(start.at_ms))
}

/// A moment that a calendar can show: within the years 1 to 9999. A phone may write any number as
/// its clock, and calendars panic at the ends of theirs.
pub(super) fn moment(at_ms: WallMs) -> Option<DateTime<Utc>> {
    const YEAR_1_MS: WallMs = -62_135_596_800_000;
    const YEAR_9999_MS: WallMs = 253_370_764_800_000;
    if !(YEAR_1_MS..=YEAR_9999_MS).contains(&at_ms) {
        return None;
    }
    DateTime::from_timestamp_millis(at_ms)
}
