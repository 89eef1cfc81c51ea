//! When a command was written, as far as it can be relied on: roles are judged by it.

use super::time::fact_time;
use crate::model::fact::Fact;
use crate::model::session::SessionRows;
use crate::model::time::{Seen, WallMs};

/// When a command was written. What is not known counts as now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// What its writer had seen of the site's feed; `None` where that cannot be relied on.
    pub seen: Option<Seen>,
    /// Server time, milliseconds, of its last fact; `None` unless all of them are verified.
    pub at_ms: Option<WallMs>,
}

impl Written {
    /// When `facts` of one command were written, by the clocks of their sessions.
    pub fn of(facts: &[Fact], sessions: &SessionRows) -> Self {
        let times: Option<Vec<WallMs>> = facts
            .iter()
            .map(|fact| fact_time(fact, sessions))
            .map(|time| time.verified.then_some(time.at_ms))
            .collect();
        let at_ms = times.and_then(|times| times.into_iter().max());
        Self { seen: facts.iter().map(|fact| fact.seen).max(), at_ms }
    }

    /// At no moment that can be relied on: judged by the roles of today alone.
    pub fn unknown() -> Self {
        Self { seen: None, at_ms: None }
    }
}

impl From<Seen> for Written {
    /// After `seen`, by no clock.
    fn from(seen: Seen) -> Self {
        Self { seen: Some(seen), at_ms: None }
    }
}
