//! What an answer does to a record, scenario by scenario (`EXAMPLE` 5 and 6).

use super::*;
use crate::model::id::PersonId;

const RECORD: RecordId = RecordId([7; 16]);
const SITE: SiteId = SiteId(7);
const W1: SessionId = SessionId([1; 8]);
const W2: SessionId = SessionId([2; 8]);
const OFFICE: SessionId = SessionId([9; 8]);

fn fact(session: SessionId, n: u64) -> StoredFact {
    let key = FactKey::Written { session, n, i: 0 };
    StoredFact {
        key,
        json: format!("{{\"p\":{{\"text\":\"{n}\"}},\"s\":[1,0],\"t\":\"note\",\"w\":{n}}}"),
    }
}

/// The record with one accepted change of the office's.
fn opened() -> RecordState {
    let mut state = RecordState::empty(RECORD, SITE);
    state.audiences.insert(Audience::User(SITE, PersonId(31)));
    let created = state.append(OFFICE, 1, 0, vec![fact(OFFICE, 1)]).expect("small");
    state.accepted.push(created.change);
    state
}

fn write(state: &mut RecordState, session: SessionId, n: u64) -> ChangeHash {
    let pending = state.append(session, n, 0, vec![fact(session, n)]).expect("small");
    let hash = pending.change.hash;
    state.pending.push(pending);
    hash
}

fn receipt(n: u64, outcome: Outcome) -> Receipt {
    Receipt {
        from: n,
        to: n,
        outcome,
        code: (outcome == Outcome::Refused).then(|| "not_your_role".to_owned()),
        params: None,
        cases: None,
        already_had: false,
        accepted_at: Some(Seen { epoch: 1, sequence: 10 + n }),
    }
}

/// The server's change that puts facts of others on the given heads.
fn server_change(heads: &RecordState, seq: u64, facts: Vec<StoredFact>) -> Change {
    let (deps, start_op) = heads.tip_for(OFFICE);
    Change::build(ChangeHead { actor: OFFICE, seq, start_op, deps }, facts).expect("small")
}

fn delivery(state: &RecordState, whole: bool) -> Delivery {
    Delivery {
        record: RECORD,
        site: SITE,
        audiences: vec![Audience::User(SITE, PersonId(31))],
        whole,
        has_pack: true,
        attestation: [5; 16],
        heads_digest: heads_digest(&state.accepted_heads()),
    }
}

/// An answer to a push of everything pending.
struct Answer {
    receipts: Vec<Receipt>,
    delivery: Option<(Delivery, RecordPack)>,
}

impl Answer {
    fn of(receipts: impl IntoIterator<Item = (u64, Outcome)>) -> Self {
        let receipts = receipts.into_iter().map(|(n, outcome)| receipt(n, outcome)).collect();
        Self { receipts, delivery: None }
    }

    /// With a delivery that leads to the heads of `server`.
    fn with(mut self, server: &RecordState, whole: bool, changes: &[Change]) -> Self {
        self.delivery = Some((delivery(server, whole), RecordPack::from_changes(RECORD, changes)));
        self
    }

    fn apply(&self, state: RecordState, sent: &RecordState) -> Applied {
        let incoming = Incoming {
            receipts: self.receipts.iter().map(|receipt| (receipt.from, receipt)).collect(),
            in_flight: sent.pending.iter().map(|p| (p.n, p.change.hash)).collect(),
            delivery: self.delivery.as_ref().map(|(delivery, pack)| (delivery, Some(pack))),
            left: BTreeSet::new(),
            purged: false,
            own: BTreeSet::from([W1, W2]),
        };
        state.apply(&incoming, W2).expect("applies")
    }
}

/// The server's record after `changes` on top of what both had.
fn server_after(state: &RecordState, changes: &[Change]) -> RecordState {
    let mut server = RecordState { pending: Vec::new(), ..state.clone() };
    server.accepted.extend_from_slice(changes);
    server
}

#[test]
fn commands_form_one_chain_on_the_accepted_heads() {
    let mut state = opened();
    let first = write(&mut state, W1, 201);
    write(&mut state, W1, 202);
    let changes: Vec<&Change> = state.pending.iter().map(|pending| &pending.change).collect();
    assert_eq!(changes[0].deps, vec![state.accepted[0].hash]);
    assert_eq!((changes[0].seq, changes[0].start_op), (1, 4));
    assert_eq!(changes[1].deps, vec![first]);
    assert_eq!((changes[1].seq, changes[1].start_op), (2, 5));
}

#[test]
fn entered_commands_join_the_accepted_document_under_their_own_hash() {
    let mut state = opened();
    write(&mut state, W1, 201);
    let last = write(&mut state, W1, 202);
    let answer = Answer::of([(201, Outcome::Entered), (202, Outcome::Entered)]);
    let applied = answer.apply(state.clone(), &state);
    assert_eq!(applied.state.accepted_heads(), BTreeSet::from([last]));
    assert!(applied.state.pending.is_empty());
    assert_eq!(applied.settled, BTreeSet::from([201, 202]));
    assert_eq!(applied.inserted.len(), 2);
    assert_eq!(applied.sent.len(), 2);
    assert!(!applied.session_spent && !applied.repair);
}

#[test]
fn a_refused_command_between_good_ones_leaves_and_the_rest_is_rewritten() {
    let mut state = opened();
    for n in [201, 202, 203] {
        write(&mut state, W1, n);
    }
    let entered = server_after(&state, &[state.pending[0].change.clone()]);
    let t1 = server_change(&entered, 2, vec![fact(W1, 203)]);
    let server = server_after(&entered, std::slice::from_ref(&t1));
    let answer =
        Answer::of([(201, Outcome::Entered), (202, Outcome::Refused), (203, Outcome::Rewritten)])
            .with(&server, false, std::slice::from_ref(&t1));
    let applied = answer.apply(state.clone(), &state);
    assert_eq!(applied.state.accepted_heads(), server.accepted_heads());
    assert!(applied.state.pending.is_empty());
    assert_eq!(applied.refused.len(), 1);
    assert_eq!(applied.refused[0].0.n, 202);
    assert!(applied.session_spent, "an actor's sequence numbers are never used twice");
    assert!(!applied.repair);
}

#[test]
fn what_was_written_meanwhile_is_built_anew_under_a_new_session_with_its_old_keys() {
    let mut state = opened();
    for n in [201, 202] {
        write(&mut state, W1, n);
    }
    let sent = state.clone();
    write(&mut state, W1, 203);
    let t1 = server_change(&opened(), 2, vec![fact(W1, 202)]);
    let server = server_after(&opened(), std::slice::from_ref(&t1));
    let answer = Answer::of([(201, Outcome::Refused), (202, Outcome::Rewritten)]).with(
        &server,
        false,
        std::slice::from_ref(&t1),
    );
    let applied = answer.apply(state, &sent);
    let rebuilt = &applied.state.pending[..];
    assert_eq!(rebuilt.len(), 1);
    assert_eq!((rebuilt[0].n, rebuilt[0].change.actor, rebuilt[0].change.seq), (203, W2, 1));
    assert_eq!(rebuilt[0].change.deps, vec![t1.hash]);
    assert_eq!(rebuilt[0].change.facts, vec![fact(W1, 203)]);
    assert!(applied.session_spent);
}

#[test]
fn an_answer_lost_and_two_more_commands_on_the_old_chain_put_no_fact_twice() {
    let mut state = opened();
    for n in [201, 202, 203, 204] {
        write(&mut state, W1, n);
    }
    // 201 was refused in the lost answer, 202 rewritten; 203 and 204 came with the next push.
    let t1 = server_change(&opened(), 2, vec![fact(W1, 202)]);
    let after_t1 = server_after(&opened(), std::slice::from_ref(&t1));
    let t2 = server_change(&after_t1, 3, vec![fact(W1, 203), fact(W1, 204)]);
    let server = server_after(&after_t1, std::slice::from_ref(&t2));
    let answer = Answer::of([
        (201, Outcome::Refused),
        (202, Outcome::Rewritten),
        (203, Outcome::Rewritten),
        (204, Outcome::Rewritten),
    ])
    .with(&server, false, &[t1, t2]);
    let applied = answer.apply(state.clone(), &state);
    assert_eq!(applied.state.accepted_heads(), server.accepted_heads());
    assert!(applied.state.pending.is_empty());
    let keys: Vec<FactKey> = applied.state.facts().iter().map(|fact| fact.key).collect();
    assert_eq!(keys.len(), 4);
}

#[test]
fn a_rewritten_command_stays_visible_until_its_facts_arrive() {
    let mut state = opened();
    write(&mut state, W1, 201);
    let answer = Answer::of([(201, Outcome::Rewritten)]);
    let waiting = answer.apply(state.clone(), &state).state;
    assert_eq!(waiting.pending[0].state, PendingState::Accepted);
    assert_eq!(waiting.facts().len(), 2);
    assert_eq!(waiting.chain().count(), 0, "nothing new may stand on it");
    let t1 = server_change(&opened(), 2, vec![fact(W1, 201)]);
    let server = server_after(&opened(), std::slice::from_ref(&t1));
    let arrival = Answer::of([]).with(&server, false, std::slice::from_ref(&t1));
    let settled = arrival.apply(waiting.clone(), &waiting).state;
    assert!(settled.pending.is_empty());
    assert_eq!(settled.facts().len(), 2);
}

#[test]
fn an_entered_receipt_for_another_hash_moves_nothing() {
    let mut state = opened();
    let sent = state.clone();
    write(&mut state, W1, 201);
    let applied = Answer::of([(201, Outcome::Entered)]).apply(state, &sent);
    assert_eq!(applied.state.accepted.len(), 1);
    assert_eq!(applied.state.pending[0].state, PendingState::Accepted);
}

#[test]
fn heads_that_differ_from_the_servers_ask_for_the_whole_record() {
    let state = opened();
    let other = server_change(&state, 2, vec![fact(OFFICE, 2)]);
    let server = server_after(&state, std::slice::from_ref(&other));
    let mut answer = Answer::of([]).with(&server, false, &[]);
    answer.delivery.as_mut().expect("there").1.changes.clear();
    let applied = answer.apply(state.clone(), &state);
    assert!(applied.repair);
    let answer = Answer::of([]).with(&server, true, &server.accepted);
    let applied = answer.apply(applied.state, &state);
    assert!(!applied.repair);
    assert_eq!(applied.state.accepted_heads(), server.accepted_heads());
}

#[test]
fn own_work_that_a_whole_record_lacks_goes_back_to_the_pending_commands() {
    let mut state = opened();
    let server = state.clone();
    write(&mut state, W1, 201);
    let entered = Answer::of([(201, Outcome::Entered)]).apply(state.clone(), &state).state;
    // The server was restored to before 201.
    let answer = Answer::of([]).with(&server, true, &server.accepted);
    let applied = answer.apply(entered.clone(), &entered);
    assert_eq!(applied.state.accepted_heads(), server.accepted_heads());
    assert_eq!(applied.state.pending.len(), 1);
    assert_eq!(
        (applied.state.pending[0].n, applied.state.pending[0].state),
        (201, PendingState::Unsent)
    );
    // It stands on the same heads as before, so its change is the very same one.
    assert_eq!(applied.state.pending[0].change, entered.accepted[1]);
    assert_eq!(applied.dropped.len(), 1);
}

#[test]
fn held_and_not_stored_commands_stay_and_later_ones_stand_on_them() {
    for (outcome, state_after) in
        [(Outcome::Held, PendingState::Held), (Outcome::NotStored, PendingState::NotStored)]
    {
        let mut state = opened();
        let first = write(&mut state, W1, 201);
        let mut after = Answer::of([(201, outcome)]).apply(state.clone(), &state).state;
        assert_eq!(after.pending[0].state, state_after);
        write(&mut after, W1, 202);
        assert_eq!(after.pending[1].change.deps, vec![first]);
        assert_eq!(after.pending[1].change.seq, 2);
    }
}

#[test]
fn a_record_that_left_its_last_audience_is_kept_read_only() {
    let mut state = opened();
    write(&mut state, W1, 201);
    let audience = Audience::User(SITE, PersonId(31));
    let incoming = Incoming { left: BTreeSet::from([audience]), ..Incoming::default() };
    let applied = state.apply(&incoming, W2).expect("applies");
    assert!(!applied.state.present);
    assert_eq!(applied.state.pending.len(), 1);
    assert_eq!(applied.state.accepted.len(), 1);
}

#[test]
fn others_work_arriving_moves_the_chain_onto_the_new_heads() {
    let mut state = opened();
    write(&mut state, W1, 201);
    let sent = RecordState { pending: Vec::new(), ..state.clone() };
    let other = server_change(&opened(), 2, vec![fact(OFFICE, 2)]);
    let server = server_after(&opened(), std::slice::from_ref(&other));
    let answer = Answer::of([]).with(&server, false, std::slice::from_ref(&other));
    let applied = answer.apply(state, &sent);
    let pending = &applied.state.pending[0];
    assert_eq!((pending.change.actor, pending.change.deps.clone()), (W2, vec![other.hash]));
    assert!(applied.session_spent);
}

#[test]
fn others_work_that_a_whole_record_lacks_is_not_taken_for_own() {
    let before = opened();
    let other = server_change(&before, 2, vec![fact(OFFICE, 2), fact(W1, 200)]);
    let state = server_after(&before, &[other]);
    let answer = Answer::of([]).with(&before, true, &before.accepted);
    let applied = answer.apply(state.clone(), &state);
    let pending = &applied.state.pending;
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].n, pending[0].change.facts.clone()), (200, vec![fact(W1, 200)]));
    assert_eq!((pending[0].change.actor, pending[0].change.seq), (W2, 1));
}

#[test]
fn a_later_command_of_a_session_names_its_own_last_change_beside_the_heads() {
    let mut state = opened();
    let own = write(&mut state, W1, 201);
    let state = Answer::of([(201, Outcome::Entered)]).apply(state.clone(), &state).state;
    let other = server_change(&state, 2, vec![fact(OFFICE, 2)]);
    let server = server_after(&state, std::slice::from_ref(&other));
    let answer = Answer::of([]).with(&server, false, std::slice::from_ref(&other));
    let mut state = answer.apply(state.clone(), &state).state;
    write(&mut state, W1, 202);
    let change = &state.pending[0].change;
    let mut deps = vec![own, other.hash];
    deps.sort_unstable();
    assert_eq!((change.deps.clone(), change.seq), (deps, 2));
    // It stands as it is: nothing is built anew.
    let applied = Answer::of([]).apply(state.clone(), &state);
    assert_eq!(applied.state, state);
    assert!(!applied.session_spent);
}
