//! What a request pushes: whole records' chains where they fit, oldest work first, a record's
//! chain cut only where it alone exceeds a message.

use std::collections::{BTreeMap, BTreeSet};

use super::record::PendingState;
use crate::model::id::RecordId;
use crate::protocol::limits::Limits;

/// A pending command as the plan sees it: nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub n: u64,
    /// The record it belongs to.
    pub record: RecordId,
    /// Where it stands.
    pub state: PendingState,
    /// Bytes of its facts.
    pub bytes: u64,
    /// Of an alarm: a request with one carries nothing else, so that no slow link holds it up.
    pub urgent: bool,
}

/// Up to which number each record's chain goes into the next request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Push {
    /// The records and the last number of each, inclusive.
    pub records: BTreeMap<RecordId, u64>,
    /// Something had to wait for the next request.
    pub more: bool,
}

/// What a command costs on the wire beside its facts, at most: key, sequence, dependency.
const COMMAND_OVERHEAD_BYTES: u64 = 128;

/// Chooses what to push from all `waiting` commands, given in order of their numbers.
///
/// `not_stored_too`: commands the server had no room for are tried again with the others.
pub fn choose(waiting: &[Waiting], limits: &Limits, not_stored_too: bool) -> Push {
    let bytes_max = limits.request_bytes_max / 2;
    let mut chains: BTreeMap<RecordId, Vec<&Waiting>> = BTreeMap::new();
    for command in waiting {
        if command.state != PendingState::Accepted {
            chains.entry(command.record).or_default().push(command);
        }
    }
    let mut chains: Vec<_> = chains
        .into_iter()
        .filter(|(_, chain)| chain.iter().any(|command| wants_sending(command, not_stored_too)))
        .collect();
    // One that the server had no room for holds up nothing: it is tried again with the others.
    // R7.12.
    let is_urgent = |chain: &[&Waiting]| {
        chain.iter().any(|command| command.urgent && command.state == PendingState::Unsent)
    };
    let mut push = Push::default();
    if chains.iter().any(|(_, chain)| is_urgent(chain)) {
        let all = chains.len();
        chains.retain(|(_, chain)| is_urgent(chain));
        push.more = chains.len() < all;
    }
    chains.sort_by_key(|(record, chain)| (chain.first().map(|command| command.n), *record));

    let (mut bytes, mut commands) = (0, 0);
    for (record, chain) in chains {
        for command in chain {
            let size = command.bytes.saturating_add(COMMAND_OVERHEAD_BYTES);
            let fits = bytes + size <= bytes_max && commands < limits.commands_max;
            // A command alone is always below the limit of a message: it was checked when saved.
            if !fits && commands > 0 {
                push.more = true;
                break;
            }
            bytes += size;
            commands += 1;
            push.records.insert(record, command.n);
        }
    }
    push
}

/// Divides everything that is not accepted into messages to be handed in one after another, each
/// with its share of every record's chain: the numbers of each message.
pub fn portions(waiting: &[Waiting], limits: &Limits) -> Vec<BTreeSet<u64>> {
    // A command needs two sessions at most.
    let limits = Limits { commands_max: limits.sessions_max / 2, ..*limits };
    let here = waiting.iter().filter(|command| command.state != PendingState::Accepted);
    let mut rest: Vec<Waiting> = here
        .map(|command| Waiting { state: PendingState::Unsent, urgent: false, ..*command })
        .collect();
    let mut portions = Vec::new();
    while !rest.is_empty() {
        let push = choose(&rest, &limits, true);
        let goes = |command: &Waiting| {
            push.records.get(&command.record).is_some_and(|last| command.n <= *last)
        };
        portions.push(rest.iter().filter(|command| goes(command)).map(|c| c.n).collect());
        rest.retain(|command| !goes(command));
    }
    portions
}

/// Whether a command makes its record's chain worth sending.
pub(super) fn wants_sending(command: &Waiting, not_stored_too: bool) -> bool {
    match command.state {
        PendingState::Unsent => true,
        PendingState::NotStored => not_stored_too,
        PendingState::Held | PendingState::Accepted => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits::LIMITS;

    fn waiting(n: u64, record: u8, state: PendingState, bytes: u64) -> Waiting {
        Waiting { n, record: RecordId([record; 16]), state, bytes, urgent: false }
    }

    /// R7.12
    #[test]
    fn a_request_with_an_alarm_carries_nothing_else() {
        let mut all: Vec<Waiting> =
            (1..=300).map(|n| waiting(n, 1, PendingState::Unsent, 300)).collect();
        all.push(Waiting { urgent: true, ..waiting(301, 2, PendingState::Unsent, 300) });
        let push = choose(&all, &LIMITS, true);
        assert_eq!(push.records, BTreeMap::from([(RecordId([2; 16]), 301)]));
        assert!(push.more, "the rest follows at once");
        // Nor may one that the server had no room for stand in everybody's way.
        all[300].state = PendingState::NotStored;
        assert_eq!(choose(&all, &LIMITS, true).records.len(), 2);
        all.pop();
        assert_eq!(choose(&all, &LIMITS, true).records, BTreeMap::from([(RecordId([1; 16]), 300)]));
    }

    #[test]
    fn oldest_work_goes_first_and_a_record_is_cut_only_when_larger_than_a_message() {
        let limits = Limits { request_bytes_max: 2_000, ..LIMITS };
        let all = [
            waiting(1, 9, PendingState::Unsent, 300),
            waiting(2, 1, PendingState::Unsent, 300),
            waiting(3, 9, PendingState::Unsent, 300),
        ];
        let push = choose(&all, &limits, true);
        assert_eq!(push.records, BTreeMap::from([(RecordId([9; 16]), 3)]));
        assert!(push.more);
        let large =
            [waiting(1, 1, PendingState::Unsent, 5_000), waiting(2, 1, PendingState::Unsent, 1)];
        let push = choose(&large, &limits, true);
        assert_eq!(push.records, BTreeMap::from([(RecordId([1; 16]), 1)]));
        assert!(push.more);
    }

    #[test]
    fn what_waits_for_the_server_is_not_sent_again_unless_something_stands_on_it() {
        let held = waiting(1, 1, PendingState::Held, 10);
        assert_eq!(choose(&[held], &LIMITS, true), Push::default());
        let next = waiting(2, 1, PendingState::Unsent, 10);
        assert_eq!(choose(&[held, next], &LIMITS, true).records[&RecordId([1; 16])], 2);
        let no_room = waiting(3, 2, PendingState::NotStored, 10);
        assert_eq!(choose(&[no_room], &LIMITS, false), Push::default());
        assert_eq!(choose(&[no_room], &LIMITS, true).records.len(), 1);
        let accepted = waiting(4, 3, PendingState::Accepted, 10);
        assert_eq!(choose(&[accepted], &LIMITS, true), Push::default());
    }

    #[test]
    fn everything_is_handed_over_once_in_messages_that_fit() {
        let limits = Limits { request_bytes_max: 2_000, sessions_max: 6, ..LIMITS };
        let states = [PendingState::Unsent, PendingState::Held, PendingState::NotStored];
        let mut all: Vec<Waiting> = (1..=9)
            .map(|n| {
                waiting(
                    n,
                    u8::try_from(n % 2).expect("small"),
                    states[usize::try_from(n % 3).expect("small")],
                    100,
                )
            })
            .collect();
        all.push(waiting(10, 1, PendingState::Accepted, 100));
        all.push(waiting(11, 3, PendingState::Unsent, 5_000));
        let portions = portions(&all, &limits);
        assert!(portions.iter().all(|portion| !portion.is_empty() && portion.len() <= 3));
        let numbers: Vec<u64> = portions.iter().flatten().copied().collect();
        let expected: BTreeSet<u64> = (1..=9).chain([11]).collect();
        assert_eq!(numbers.len(), expected.len(), "none twice");
        assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}
