//! Closing and reopening, the same for every kind: the last word counts, and where two people did
//! not know of one another, whoever reopens wins: nothing is put away that somebody works on.

use super::kind::FoldInput;
use super::sla::Stamp;
use crate::model::fact::Fact;
use crate::model::id::FactKey;

/// What a fact does to a record that is closed and reopened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Closes,
    Reopens,
}

/// The closing that holds: the latest of those that no later turn knew of; none while it is open.
/// R1.12.
pub(super) fn closing(
    input: &FoldInput<'_>,
    turn: impl Fn(&Fact) -> Option<Turn>,
) -> Option<Stamp> {
    let turns: Vec<FactKey> =
        input.facts().filter(|fact| turn(fact).is_some()).map(|fact| fact.key).collect();
    let mut closed: Option<Stamp> = None;
    for key in input.latest(&turns) {
        let fact = input.causality.fact(key)?;
        if turn(fact) == Some(Turn::Reopens) {
            return None;
        }
        let stamp = Stamp::of(fact, input.sessions);
        if closed.is_none_or(|closed| closed.at_ms < stamp.at_ms) {
            closed = Some(stamp);
        }
    }
    closed
}
