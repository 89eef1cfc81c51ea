//! Closing and reopening, the same for every kind: the last word counts, and where two people did
//! not know of one another, whoever reopens wins: nothing is put away that somebody works on.

use super::cases::{Case, case_of};
use super::kind::FoldInput;
use super::order::Causality;
use super::sla::Stamp;
use crate::model::fact::Fact;
use crate::model::id::FactKey;
use crate::model::session::SessionRows;

/// What a fact does to a record that is closed and reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Closes,
    Reopens,
}

/// Turns beside one another that are read; what hostile facts could make is not bounded.
const TURNS_MAX: usize = 100;

/// The turns of a record that no later turn knew of.
pub(super) struct Turns {
    closings: Vec<FactKey>,
    reopenings: Vec<FactKey>,
    /// The closings that no reopening knew of, those before another closing too.
    kept: Vec<FactKey>,
}

impl Turns {
    pub(super) fn of(causality: &Causality<'_>, turn: impl Fn(&Fact) -> Option<Turn>) -> Self {
        let turns = causality.facts.iter().filter(|fact| turn(fact).is_some());
        let turns: Vec<FactKey> = turns.map(|fact| fact.key).collect();
        let latest = causality.latest(&turns);
        let closes = |key: &FactKey| {
            causality.fact(*key).is_some_and(|fact| turn(fact) == Some(Turn::Closes))
        };
        let (all, reopened): (Vec<_>, Vec<_>) = turns.into_iter().partition(closes);
        let mut kept = causality.unknown(&all, &reopened);
        let (mut closings, mut reopenings): (Vec<_>, Vec<_>) = latest.into_iter().partition(closes);
        kept.truncate(TURNS_MAX);
        closings.truncate(TURNS_MAX);
        reopenings.truncate(TURNS_MAX);
        Self { closings, reopenings, kept }
    }

    /// The closings that hold; none while it is open. R1.12.
    pub(super) fn closings(&self) -> &[FactKey] {
        if self.reopenings.is_empty() { &self.closings } else { &[] }
    }

    /// The closing that holds: the latest of them, from which it is kept.
    pub(super) fn closing(&self, input: &FoldInput<'_>) -> Option<Stamp> {
        let facts = of(self.closings(), input);
        let stamps = facts.map(|fact| Stamp::of(fact, input.sessions));
        stamps.max_by_key(|stamp| (stamp.at_ms, stamp.key))
    }

    /// The closing that a limit ended with: the first since it was last open. Closing once more
    /// what is closed makes nothing late. R8.9.
    pub(super) fn met(&self, input: &FoldInput<'_>) -> Option<Stamp> {
        self.reopenings.is_empty().then(|| input.earliest(of(&self.kept, input)))?
    }

    /// Closed and reopened by people who knew nothing of one another, until somebody who knows both
    /// does either (R1.12).
    pub(super) fn case(
        &self,
        kind: &str,
        causality: &Causality<'_>,
        sessions: &SessionRows,
    ) -> Option<Case> {
        let both = !self.closings.is_empty() && !self.reopenings.is_empty();
        let keys = self.closings.iter().chain(&self.reopenings).copied();
        both.then(|| case_of(causality, sessions, kind, keys))
    }
}

fn of<'a>(keys: &[FactKey], input: &FoldInput<'a>) -> impl Iterator<Item = &'a Fact> {
    let causality = input.causality;
    keys.iter().filter_map(move |key| causality.fact(*key))
}
