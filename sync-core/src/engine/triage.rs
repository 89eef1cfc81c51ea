//! Finds the command for which a server refuses whole requests, so that it holds up no other: what
//! was refused is divided until it is one command, and that one is parked. Pure.
//!
//! A request may be refused for something else than what it pushes; so before anything is divided,
//! one request without a push has to get through.

use std::collections::{BTreeMap, BTreeSet};

use super::outbox::{Push, Waiting, wants_sending};
use crate::model::id::RecordId;

/// Up to which number each record's chain goes.
type Portion = BTreeMap<RecordId, u64>;

/// Where the search stands. Nothing of it is kept: a phone that starts anew searches anew, without
/// what was parked. R0.32.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Triage {
    /// Everything goes out as the outbox chooses.
    #[default]
    Calm,
    /// A push was refused: is it the push?
    Asking {
        /// What it carried.
        refused: Portion,
        /// The server's code.
        code: String,
    },
    /// It is the push. Portions of it that are still to be sent, the next one last.
    Dividing(Vec<Portion>),
}

/// What a request carries, as far as the search is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// What the outbox chose; the search is not concerned.
    Plan,
    /// Nothing: asks whether it is the push.
    Asks,
    /// The next portion.
    Portion,
}

/// The command for which the server refuses requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// Its record: from this command on nothing of it is sent.
    pub record: RecordId,
    /// Its number.
    pub n: u64,
    /// The server's code.
    pub code: String,
}

/// What a refusal of a request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Send again at once.
    GoOn,
    /// One command it is.
    Found(Culprit),
    /// It is not what was pushed: an ordinary failure.
    NotThePush,
}

impl Triage {
    /// Of what waits: what the next request may carry. `waiting` has nothing that is parked.
    pub fn poll(&self, waiting: &[Waiting]) -> (Vec<Waiting>, Turn) {
        let searched: Vec<&Portion> = match self {
            Self::Calm => return (waiting.to_vec(), Turn::Plan),
            Self::Asking { refused, .. } => vec![refused],
            Self::Dividing(portions) => portions.iter().collect(),
        };
        // An alarm waits for no search, unless it is what is searched. R7.12.
        let is_searched = |record| searched.iter().any(|portion| portion.contains_key(record));
        let urgent: BTreeSet<RecordId> = waiting
            .iter()
            .filter(|w| w.urgent && wants_sending(w, true) && !is_searched(&w.record))
            .map(|w| w.record)
            .collect();
        if !urgent.is_empty() {
            let of_alarms = waiting.iter().filter(|w| urgent.contains(&w.record));
            return (of_alarms.copied().collect(), Turn::Plan);
        }
        match self {
            Self::Dividing(portions) => {
                let next = portions.last().cloned().unwrap_or_default();
                let within = waiting.iter().filter(|w| is_within(w, &next));
                (within.copied().collect(), Turn::Portion)
            }
            _ => (Vec::new(), Turn::Asks),
        }
    }

    /// The server refused a request with this code, and will refuse it again.
    pub fn handle_refused(
        &mut self,
        turn: Turn,
        push: &Push,
        waiting: &[Waiting],
        code: &str,
    ) -> Finding {
        match (std::mem::take(self), turn) {
            (_, Turn::Asks) => return Finding::NotThePush,
            (before, _) if push.records.is_empty() => {
                *self = before;
                return Finding::NotThePush;
            }
            (Self::Calm, _) => {
                *self = Self::Asking { refused: push.records.clone(), code: code.to_owned() };
            }
            (Self::Asking { mut refused, code }, _) => {
                refused.extend(push.records.clone());
                *self = Self::Asking { refused, code };
            }
            (Self::Dividing(mut portions), turn) => {
                if turn == Turn::Portion {
                    portions.pop();
                }
                let found = divide(&mut portions, &push.records, waiting, code);
                *self = Self::of(portions);
                return found.map_or(Finding::GoOn, Finding::Found);
            }
        }
        Finding::GoOn
    }

    /// A request got through. Names the command if it must be the only one that was refused.
    pub fn handle_answered(&mut self, turn: Turn, waiting: &[Waiting]) -> Option<Culprit> {
        match (std::mem::take(self), turn) {
            (Self::Asking { refused, code }, Turn::Asks) => {
                let mut portions = Vec::new();
                let found = divide(&mut portions, &refused, waiting, &code);
                *self = Self::of(portions);
                return found;
            }
            (Self::Dividing(mut portions), Turn::Portion) => {
                portions.pop();
                *self = Self::of(portions);
            }
            (before, _) => *self = before,
        }
        None
    }

    fn of(portions: Vec<Portion>) -> Self {
        if portions.is_empty() { Self::Calm } else { Self::Dividing(portions) }
    }
}

fn is_within(command: &Waiting, portion: &Portion) -> bool {
    portion.get(&command.record).is_some_and(|last| command.n <= *last)
}

/// Cuts a portion in two: records apart, one record's chain in the middle. One command is not cut:
/// it is the culprit, and nothing else of its record is searched.
fn divide(
    portions: &mut Vec<Portion>,
    refused: &Portion,
    waiting: &[Waiting],
    code: &str,
) -> Option<Culprit> {
    let fresh = waiting.iter().filter(|w| wants_sending(w, true) && is_within(w, refused));
    let fresh: Vec<&Waiting> = fresh.collect();
    let mut first: Vec<(u64, RecordId)> = Vec::new();
    for command in &fresh {
        if !first.iter().any(|(_, record)| *record == command.record) {
            first.push((command.n, command.record));
        }
    }
    match (&first[..], &fresh[..]) {
        ([], _) => None,
        ([(n, record)], [_]) => {
            for portion in &mut *portions {
                portion.remove(record);
            }
            portions.retain(|portion| !portion.is_empty());
            Some(Culprit { record: *record, n: *n, code: code.to_owned() })
        }
        ([(_, record)], chain) => {
            let middle = chain[chain.len() / 2 - 1].n;
            let last = chain[chain.len() - 1].n;
            portions.push(Portion::from([(*record, last)]));
            portions.push(Portion::from([(*record, middle)]));
            None
        }
        (records, _) => {
            let half = |records: &[(u64, RecordId)]| -> Portion {
                let of = |(_, record): &(u64, RecordId)| Some((*record, *refused.get(record)?));
                records.iter().filter_map(of).collect()
            };
            let (earlier, later) = records.split_at(records.len() / 2);
            portions.extend([half(later), half(earlier)]);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outbox::choose;
    use super::super::record::PendingState;
    use super::*;
    use crate::protocol::limits::LIMITS;

    fn waiting(n: u64, record: u8) -> Waiting {
        let (state, record) = (PendingState::Unsent, RecordId([record; 16]));
        Waiting { n, record, state, bytes: 100, urgent: false }
    }

    /// A server that refuses every request with one of `bad` in it, until nothing is left to send.
    /// Answers what arrived, what was parked, and how many requests it took.
    fn run(all: &[Waiting], bad: &[u64]) -> (BTreeSet<u64>, BTreeMap<u64, RecordId>, u32) {
        let mut triage = Triage::default();
        let (mut arrived, mut parked) = (BTreeSet::new(), BTreeMap::new());
        for requests in 0..200 {
            let is_parked =
                |w: &Waiting| parked.iter().any(|(n, record)| w.record == *record && w.n >= *n);
            let rest = all.iter().filter(|w| !arrived.contains(&w.n) && !is_parked(w));
            let rest: Vec<Waiting> = rest.copied().collect();
            if rest.is_empty() && triage == Triage::Calm {
                return (arrived, parked, requests);
            }
            let (may_go, turn) = triage.poll(&rest);
            let push = choose(&may_go, &LIMITS, true);
            let goes = may_go.iter().filter(|w| is_within(w, &push.records));
            let goes: Vec<u64> = goes.map(|w| w.n).collect();
            if goes.iter().any(|n| bad.contains(n)) {
                match triage.handle_refused(turn, &push, &rest, "malformed") {
                    Finding::GoOn => {}
                    Finding::Found(found) => drop(parked.insert(found.n, found.record)),
                    Finding::NotThePush => panic!("it is the push"),
                }
            } else {
                arrived.extend(goes);
                let found = triage.handle_answered(turn, &rest);
                parked.extend(found.map(|found| (found.n, found.record)));
            }
        }
        panic!("200 requests were not enough");
    }

    /// R0.32
    #[test]
    fn one_bad_command_is_found_and_everything_else_arrives() {
        let all: Vec<Waiting> =
            (1..=60).map(|n| waiting(n, u8::try_from(n % 6).expect("small"))).collect();
        for bad in 1..=60 {
            let (arrived, parked, requests) = run(&all, &[bad]);
            assert_eq!(parked.keys().copied().collect::<Vec<_>>(), [bad]);
            let behind = |n: &u64| n % 6 == bad % 6 && *n >= bad;
            let expected: BTreeSet<u64> = (1..=60).filter(|n| !behind(n)).collect();
            assert_eq!(arrived, expected, "with {bad}");
            assert!(requests <= 16, "{requests} requests for {bad}");
        }
    }

    #[test]
    fn several_bad_commands_are_found_one_after_another() {
        let all: Vec<Waiting> =
            (1..=40).map(|n| waiting(n, u8::try_from(n % 8).expect("small"))).collect();
        let (arrived, parked, _) = run(&all, &[3, 20, 22]);
        assert_eq!(parked.keys().copied().collect::<Vec<_>>(), [3, 20, 22]);
        let expected =
            (1..=40).filter(|n| !matches!((n % 8, *n), (3, 3..) | (4, 20..) | (6, 22..)));
        assert_eq!(arrived, expected.collect());
    }

    #[test]
    fn a_single_bad_command_is_parked_as_soon_as_an_empty_request_gets_through() {
        let (arrived, parked, requests) = run(&[waiting(1, 1)], &[1]);
        assert_eq!((arrived.len(), parked.len(), requests), (0, 1, 2));
    }

    #[test]
    fn a_refusal_that_an_empty_request_gets_too_parks_nothing() {
        let all = [waiting(1, 1), waiting(2, 2)];
        let mut triage = Triage::default();
        let push = choose(&all, &LIMITS, true);
        assert_eq!(triage.handle_refused(Turn::Plan, &push, &all, "forbidden"), Finding::GoOn);
        let (nothing, turn) = triage.poll(&all);
        assert_eq!((nothing.len(), turn), (0, Turn::Asks));
        let empty = Push::default();
        assert_eq!(triage.handle_refused(turn, &empty, &all, "forbidden"), Finding::NotThePush);
        assert_eq!(triage, Triage::Calm);
        assert_eq!(
            triage.handle_refused(Turn::Plan, &empty, &all, "forbidden"),
            Finding::NotThePush
        );
    }

    /// R7.12
    #[test]
    fn an_alarm_waits_for_no_search() {
        let mut all = vec![waiting(1, 1), waiting(2, 2)];
        let mut triage = Triage::default();
        let push = choose(&all, &LIMITS, true);
        triage.handle_refused(Turn::Plan, &push, &all, "malformed");
        all.push(Waiting { urgent: true, ..waiting(3, 3) });
        let (goes, turn) = triage.poll(&all);
        assert_eq!((goes.len(), goes[0].n, turn), (1, 3, Turn::Plan));
        // It is refused too: it is searched with the others.
        let push = choose(&goes, &LIMITS, true);
        assert_eq!(triage.handle_refused(turn, &push, &all, "malformed"), Finding::GoOn);
        assert_eq!(triage.poll(&all), (Vec::new(), Turn::Asks));
    }
}
