//! The scenarios of one record, without any IO.

mod copied;
mod forged;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sync_core::document::{Deps, RecordPack, pack as packs};
use sync_core::model::id::{RecordId, SessionId};
use sync_core::protocol::message::Outcome;

use super::*;
use crate::sync::testing::{CHEN, LI, NOW_MS, Phone, SITE, WANG, forbidden, principals, set};

/// The server's side of one record as values: what a database would hold.
struct Desk {
    state: RecordState,
    held: Vec<HeldPack>,
    /// What was kept as it came.
    kept: Vec<PackedChange>,
    sessions: SessionRows,
    /// What was told of each command.
    told: BTreeMap<Author, (Outcome, Option<String>)>,
    /// What devices had confirmed.
    confirmed: BTreeMap<DeviceId, Confirmed>,
    keys: BTreeMap<DeviceId, VerifyingKey>,
    principals: BTreeMap<PersonId, Principal>,
    /// Numbers are used as it comes: what was told of them is not compared.
    forging: bool,
    quota_bytes: u64,
    sequence: u64,
    next_id: i64,
}

impl Desk {
    fn new(record: RecordId, phones: &[&Phone]) -> Self {
        Self {
            state: RecordState::new(record),
            held: Vec::new(),
            kept: Vec::new(),
            sessions: phones.iter().map(|phone| (phone.session, phone.row())).collect(),
            told: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            keys: phones.iter().map(|phone| (phone.device, phone.key.verifying_key())).collect(),
            principals: principals(),
            forging: false,
            quota_bytes: 1 << 20,
            sequence: 100,
            next_id: 1,
        }
    }

    fn push(&mut self, phone: &Phone) -> RecordPlan {
        self.push_pack(phone, phone.pack(self.state.record))
    }

    fn push_pack(&mut self, phone: &Phone, pack: RecordPack) -> RecordPlan {
        self.sessions.insert(phone.session, phone.row());
        let incoming = Incoming::Pack { person: phone.person, device: phone.device, pack };
        let plan = self.plan(&incoming, decide);
        self.store(&plan);
        plan
    }

    fn plan(&self, incoming: &Incoming, judge: fn(&Deciding<'_>) -> RecordPlan) -> RecordPlan {
        let Incoming::Pack { device, .. } = incoming else { unreachable!("tests push") };
        let known = self.told.iter().filter(|(author, _)| author.device == *device);
        let known = known.map(|(author, (outcome, _))| (author.number, *outcome)).collect();
        decide_or_hold(
            &Deciding {
                state: &self.state,
                held: &self.held,
                incoming: Some(incoming),
                known: &known,
                kept: &self.kept,
                twice: &BTreeSet::new(),
                sessions: &self.sessions,
                principals: &self.principals,
                disabled: &BTreeSet::new(),
                policies: &BTreeMap::new(),
                confirmed: &self.confirmed,
                keys: &self.keys,
                left: None,
                quota_bytes: self.quota_bytes,
                server: SessionId([0xa0; 8]),
                now_ms: NOW_MS,
            },
            judge,
        )
    }

    fn store(&mut self, plan: &RecordPlan) {
        self.sequence += 1;
        self.state.version += 1;
        self.state.site = plan.site;
        self.state.kind.clone_from(&plan.kind);
        self.state.heads.clone_from(&plan.heads);
        for change in &plan.row_changes {
            let row = self.state.rows.iter_mut().find(|row| row.id == Some(change.id));
            let row = row.expect("a stored row");
            row.state = change.state;
            row.why.clone_from(&change.why);
        }
        for row in &plan.rows {
            let sequence = (row.state == RowState::Accepted).then_some(self.sequence);
            self.state.rows.push(LogRow { id: Some(self.next_id), sequence, ..row.clone() });
            self.next_id += 1;
        }
        self.held.retain(|held| !plan.held_gone.contains(&held.id.expect("stored")));
        for held in &plan.held_new {
            self.held.push(HeldPack { id: Some(self.next_id), ..held.clone() });
            self.next_id += 1;
        }
        for quarantined in &plan.quarantined {
            let packs = packs::decode(&quarantined.bytes).expect("it reads");
            self.kept.extend(packs.into_iter().flat_map(|pack| pack.changes));
        }
        let waiting = self.state.rows.iter().filter(|row| row.state == RowState::Held).count();
        assert_eq!(plan.held_count, (waiting + self.held.len()) as u64, "the count of what waits");
        let kept = |v: &&Verdict| v.outcome != Outcome::NotStored && !v.cloned;
        for verdict in plan.verdicts.iter().filter(kept) {
            let code = verdict.why.as_ref().map(|why| why.code.clone());
            self.told.insert(verdict.author, (verdict.outcome, code));
        }
        self.audit();
    }

    /// Automerge itself builds the accepted record from the rows, and has the same heads; every
    /// command that was told accepted has its facts there, and no other has.
    fn audit(&self) {
        let accepted: Vec<Change> = self
            .state
            .rows
            .iter()
            .filter(|row| row.state == RowState::Accepted)
            .map(|row| Change {
                actor: row.actor,
                seq: row.seq,
                start_op: row.start_op,
                deps: row.deps.clone(),
                facts: row.facts.clone(),
                hash: row.hash,
            })
            .collect();
        let document = sync_core::document::Document::from_changes(self.state.record, &accepted)
            .expect("Automerge takes the accepted changes");
        let heads = crate::sync::attestation::document_heads(self.state.record, &self.state.heads);
        assert_eq!(document.heads(), heads);
        if self.forging {
            return;
        }
        let facts = accepted.iter().flat_map(|change| &change.facts);
        let mut there: BTreeMap<(DeviceId, u64), u32> = BTreeMap::new();
        for fact in facts {
            let session = &self.sessions[&fact.key.session().expect("written by someone")];
            let number = fact.key.number().expect("written by someone");
            *there.entry((session.device, number)).or_default() += 1;
        }
        for (author, (outcome, _)) in &self.told {
            let stands = there.remove(&(author.device, author.number)).is_some();
            assert_eq!(stands, outcome.is_accepted(), "{author:?}");
        }
        assert_eq!(there, BTreeMap::new(), "facts nobody was told of");
    }

    fn facts(&self) -> usize {
        let keys: Vec<_> = self.state.accepted_facts().map(|fact| fact.key).collect();
        let (all, distinct) = (keys.len(), keys.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(all, distinct, "no fact twice");
        all
    }

    /// The phone as it is after an answer: pending commands that were decided are gone, the
    /// accepted record is the server's.
    fn answer(&self, phone: &mut Phone) {
        let record = self.state.record;
        let changes: Vec<Change> = self
            .state
            .rows
            .iter()
            .filter(|row| row.state == RowState::Accepted)
            .map(|row| Change {
                actor: row.actor,
                seq: row.seq,
                start_op: row.start_op,
                deps: row.deps.clone(),
                facts: row.facts.clone(),
                hash: row.hash,
            })
            .collect();
        let copy = phone.copy(record);
        copy.pending.clear();
        copy.receive(record, &changes);
    }
}

fn outcomes(plan: &RecordPlan) -> Vec<(u64, Outcome)> {
    plan.verdicts.iter().map(|verdict| (verdict.author.number, verdict.outcome)).collect()
}

fn codes(plan: &RecordPlan) -> Vec<(u64, &str)> {
    let why = |v: &'_ Verdict| v.why.as_ref().map(|why| why.code.clone());
    plan.verdicts
        .iter()
        .filter_map(|v| why(v).map(|code| (v.author.number, &*code.leak())))
        .collect()
}

/// The order of the example: opened by Chen, dispatched to Wang, held by both technicians.
fn dispatched() -> (RecordId, Phone, Phone, Phone, Desk) {
    let mut chen = Phone::new(CHEN, 1);
    let (record, _) = chen.open_order(None);
    let (set_assignee, assignee) = set("assignee", json!(31));
    chen.write(record, set_assignee, assignee);
    let (mut wang, mut li) = (Phone::new(WANG, 9), Phone::new(LI, 10));
    let mut desk = Desk::new(record, &[&chen, &wang, &li]);
    let plan = desk.push(&chen);
    assert_eq!(outcomes(&plan), [(1, Outcome::Entered), (2, Outcome::Entered)]);
    for phone in [&mut chen, &mut wang, &mut li] {
        desk.answer(phone);
    }
    (record, chen, wang, li, desk)
}

#[test]
fn commands_that_follow_the_accepted_record_enter_as_they_are() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    let own = wang.write(record, "note", json!({ "text": "到了" }));
    let plan = desk.push(&wang);
    assert_eq!(outcomes(&plan), [(1, Outcome::Entered)]);
    assert_eq!(plan.heads, [own.hash]);
    assert_eq!(desk.facts(), 3);
}

#[test]
fn a_refused_command_between_good_ones_takes_none_of_them_along() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    wang.write(record, "note", json!({ "text": "one" }));
    let (cancelled, reason) = forbidden();
    wang.write(record, cancelled, reason);
    wang.write(record, "note", json!({ "text": "three" }));
    let plan = desk.push(&wang);
    assert_eq!(
        outcomes(&plan),
        [(1, Outcome::Entered), (2, Outcome::Refused), (3, Outcome::Rewritten)]
    );
    assert_eq!(codes(&plan), [(2, "not_your_role")]);
    assert_eq!(desk.facts(), 4, "two of Chen's, two of Wang's");
    assert_eq!(plan.desk_cases.len(), 1);
    assert_eq!((plan.desk_cases[0].kind, plan.desk_cases[0].from), ("refused", 2));
    let server = desk.state.rows.last().expect("rows");
    assert_eq!((server.author, server.state), (None, RowState::Accepted));
}

#[test]
fn a_repeated_push_changes_nothing() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    wang.write(record, "note", json!({ "text": "one" }));
    let (cancelled, reason) = forbidden();
    wang.write(record, cancelled, reason);
    wang.write(record, "note", json!({ "text": "three" }));
    desk.push(&wang);
    let before = desk.state.clone();
    let plan = desk.push(&wang);
    assert!(plan.is_void());
    assert_eq!(plan.already_had, BTreeSet::from([1, 2, 3]));
    assert_eq!((desk.state.rows, desk.state.heads), (before.rows, before.heads));
}

#[test]
fn two_more_commands_on_the_old_chain_are_rewritten_when_the_answer_was_lost() {
    for with_refused in [false, true] {
        let (record, _, mut wang, _, mut desk) = dispatched();
        wang.write(record, "note", json!({ "text": "one" }));
        if with_refused {
            let (cancelled, reason) = forbidden();
            wang.write(record, cancelled, reason);
        }
        wang.write(record, "note", json!({ "text": "last" }));
        desk.push(&wang);
        let had = wang.number;
        wang.write(record, "note", json!({ "text": "more" }));
        wang.write(record, "note", json!({ "text": "and more" }));
        let plan = desk.push(&wang);
        assert_eq!(plan.already_had, (1..=had).collect());
        let outcome = if with_refused { Outcome::Rewritten } else { Outcome::Entered };
        assert_eq!(outcomes(&plan), [(had + 1, outcome), (had + 2, outcome)]);
        assert_eq!(desk.facts(), 2 + 4);
    }
}

#[test]
fn what_rests_on_a_refused_fact_is_refused_with_it() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    let (cancelled, reason) = forbidden();
    let refused = wang.write(record, cancelled, reason);
    let replaces = refused.facts[0].key.to_string();
    let rests = json!({ "field": "appointment", "value": "x", "replaces": [replaces] });
    wang.write(record, "set", rests);
    wang.write(record, "note", json!({ "text": "free" }));
    let plan = desk.push(&wang);
    assert_eq!(
        outcomes(&plan),
        [(1, Outcome::Refused), (2, Outcome::Refused), (3, Outcome::Rewritten)]
    );
    assert_eq!(codes(&plan), [(1, "not_your_role"), (2, "rests_on_refused")]);
}

#[test]
fn a_known_command_under_another_hash_is_stored_once_and_may_be_built_on() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    let first = wang.write(record, "note", json!({ "text": "one" }));
    desk.push(&wang);
    // Rebuilt on the record as it was, by a new session; the key stays.
    wang.records.remove(&record);
    wang.reopen(0x99);
    wang.change(record, first.facts.clone());
    wang.write(record, "note", json!({ "text": "two" }));
    let plan = desk.push(&wang);
    assert_eq!(plan.already_had, BTreeSet::from([1]));
    assert_eq!(outcomes(&plan), [(2, Outcome::Rewritten)], "it stands on a duplicate");
    let states: Vec<_> = plan.rows.iter().map(|row| row.state).collect();
    assert_eq!(states, [RowState::Duplicate, RowState::Rewritten, RowState::Accepted]);
    assert_eq!(desk.facts(), 4);
}

#[test]
fn a_clone_of_a_phone_loses_nothing_and_is_found() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    let mut restored = Phone::new(WANG, 9);
    restored.reopen(0x77);
    desk.answer(&mut restored);
    wang.write(record, "note", json!({ "text": "from the first" }));
    restored.write(record, "note", json!({ "text": "from the second" }));
    assert!(!desk.push(&wang).cloned);
    let plan = desk.push(&restored);
    assert!(plan.cloned);
    assert!(plan.verdicts[0].cloned);
    assert_eq!(plan.verdicts[0].outcome, Outcome::Entered);
    assert_eq!(plan.desk_cases[0].kind, "clone");
    assert_eq!(desk.state.accepted_facts().count(), 4, "both are kept");
    assert!(desk.push(&restored).is_void());
}

#[test]
fn an_edited_fact_is_kept_aside_with_what_stands_on_it() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    let first = wang.write(record, "note", json!({ "text": "one" }));
    desk.push(&wang);
    let mut forger = Phone::new(WANG, 9);
    forger.reopen(0x55);
    desk.answer(&mut forger);
    let edited = forger.fact(first.facts[0].key, "note", &json!({ "text": "edited" }));
    forger.number = 1;
    forger.change(record, vec![edited]);
    forger.write(record, "note", json!({ "text": "on top" }));
    let plan = desk.push(&forger);
    assert_eq!(desk.facts(), 3);
    let codes: Vec<_> = plan.quarantined.iter().map(|q| q.why.code.as_str()).collect();
    assert_eq!(codes, ["edited_old_fact", "rests_on_refused"]);
    assert!(plan.cloned && plan.verdicts[0].cloned, "the first keeps its receipt");
    let cases: Vec<_> = plan.desk_cases.iter().map(|case| (case.kind, case.from)).collect();
    assert_eq!(cases, [("clone", 1), ("refused", 2)]);
}

#[test]
fn a_missing_dependency_holds_and_lets_go_when_it_comes() {
    let (record, _, mut wang, mut li, mut desk) = dispatched();
    wang.write(record, "note", json!({ "text": "one" }));
    wang.write(record, "note", json!({ "text": "two" }));
    wang.write(record, "note", json!({ "text": "three" }));
    let all = wang.pack(record);
    let wang_changes = wang.records[&record].pending.clone();
    let rest = RecordPack::from_changes(record, &wang_changes[1..]);
    assert!(matches!(rest.changes[0].deps, Deps::Explicit(_)));
    let plan = desk.push_pack(&wang, rest.clone());
    assert_eq!(outcomes(&plan), [(2, Outcome::Held), (3, Outcome::Held)]);
    assert_eq!(codes(&plan), [(2, "missing_dependency"), (3, "missing_dependency")]);
    assert_eq!(desk.facts(), 2);
    // Pushed again it is not kept twice; another's write does not release it.
    assert!(desk.push_pack(&wang, rest).is_void());
    li.write(record, "note", json!({ "text": "between" }));
    assert_eq!(outcomes(&desk.push(&li)), [(1, Outcome::Entered)]);
    assert_eq!(desk.held.len(), 1);
    let first = RecordPack::from_changes(record, &wang_changes[..1]);
    let plan = desk.push_pack(&wang, first);
    assert_eq!(
        outcomes(&plan),
        [(1, Outcome::Entered), (2, Outcome::Entered), (3, Outcome::Entered)]
    );
    assert_eq!((desk.held.len(), desk.facts()), (0, 6));
    assert!(desk.push_pack(&wang, all).is_void());
}

#[test]
fn what_goes_on_from_commands_that_wait_is_held_with_them() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    for text in ["one", "two", "three", "four"] {
        wang.write(record, "note", json!({ "text": text }));
    }
    let changes = wang.records[&record].pending.clone();
    desk.push_pack(&wang, RecordPack::from_changes(record, &changes[1..3]));
    let plan = desk.push_pack(&wang, RecordPack::from_changes(record, &changes[1..]));
    assert_eq!(outcomes(&plan), [(4, Outcome::Held)]);
    assert_eq!((desk.held.len(), plan.held_count), (1, 1));
    let plan = desk.push_pack(&wang, RecordPack::from_changes(record, &changes[..1]));
    let entered: Vec<_> = (1..=4).map(|number| (number, Outcome::Entered)).collect();
    assert_eq!(outcomes(&plan), entered);
    assert_eq!((desk.held.len(), desk.facts()), (0, 6));
}

#[test]
fn a_held_pack_that_is_held_again_costs_once() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    for text in ["one", "two", "three", "four"] {
        wang.write(record, "note", json!({ "text": text }));
    }
    let changes = wang.records[&record].pending.clone();
    let device = wang.device;
    let first = desk.push_pack(&wang, RecordPack::from_changes(record, &changes[1..3]));
    let cost = first.quarantine_bytes(device);
    // There is room for the one that is new, and for no pack of three.
    desk.quota_bytes = cost - 1;
    let again = desk.push_pack(&wang, RecordPack::from_changes(record, &changes[1..]));
    assert_eq!(outcomes(&again), [(4, Outcome::Held)]);
    assert_eq!(again.freed_bytes(device), cost);
    assert!(again.quarantine_bytes(device) > cost);
    let released = desk.push_pack(&wang, RecordPack::from_changes(record, &changes[..1]));
    assert_eq!(released.freed_bytes(device), again.quarantine_bytes(device));
    assert_eq!(released.quarantine_bytes(device), 0);
}

#[test]
fn what_comes_before_the_opening_waits_for_it() {
    let mut chen = Phone::new(CHEN, 1);
    let (record, _) = chen.open_order(None);
    let mut wang = Phone::new(WANG, 9);
    wang.write(record, "note", json!({ "text": "early" }));
    let mut desk = Desk::new(record, &[&chen, &wang]);
    let plan = desk.push(&wang);
    assert_eq!(codes(&plan), [(1, "not_opened")]);
    let plan = desk.push(&chen);
    assert_eq!(outcomes(&plan), [(1, Outcome::Entered), (1, Outcome::Entered)]);
    assert_eq!(plan.verdicts[1].author.person, WANG);
    assert_eq!(desk.facts(), 2);
}

#[test]
fn a_record_under_a_wrong_id_is_refused_with_what_stands_in_it() {
    let mut wang = Phone::new(WANG, 9);
    let (_, change) = wang.open_order(None);
    let forged = RecordId([0xee; 16]);
    wang.number = 0;
    wang.change(forged, change.facts.clone());
    wang.number = 1;
    wang.write(forged, "note", json!({ "text": "inside" }));
    let mut desk = Desk::new(forged, &[&wang]);
    let plan = desk.push(&wang);
    assert_eq!(codes(&plan), [(1, "record_id_mismatch"), (2, "rests_on_refused")]);
    assert_eq!(desk.facts(), 0);
    assert_eq!((plan.site, plan.case_site()), (None, Some(SITE)));
    wang.write(forged, "note", json!({ "text": "later" }));
    let later = desk.push(&wang);
    assert_eq!(codes(&later), [(3, "rests_on_refused")]);
    assert_eq!(later.case_site(), Some(SITE), "the same office's, though nothing opened it");
}

#[test]
fn a_wrong_check_refuses_the_whole_pack() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    wang.write(record, "note", json!({ "text": "one" }));
    wang.write(record, "note", json!({ "text": "two" }));
    let mut pack = wang.pack(record);
    pack.check = [0; 8];
    let plan = desk.push_pack(&wang, pack.clone());
    assert_eq!(codes(&plan), [(1, "check_mismatch"), (2, "check_mismatch")]);
    assert_eq!(plan.quarantined.len(), 2);
    assert!(desk.push_pack(&wang, pack).is_void(), "kept once");
}

#[test]
fn an_unregistered_session_stores_nothing() {
    let (record, _, mut wang, _, desk) = dispatched();
    wang.reopen(0x44);
    wang.write(record, "note", json!({ "text": "one" }));
    let (person, device, pack) = (wang.person, wang.device, wang.pack(record));
    let plan = desk.plan(&Incoming::Pack { person, device, pack }, decide);
    assert_eq!(outcomes(&plan), [(1, Outcome::NotStored)]);
    assert_eq!(codes(&plan), [(1, "unknown_session")]);
    assert!(plan.is_void());
}

#[test]
fn someone_elses_session_cannot_be_used() {
    let (record, _, mut wang, li, desk) = dispatched();
    wang.write(record, "note", json!({ "text": "one" }));
    let (person, device, pack) = (li.person, li.device, wang.pack(record));
    let plan = desk.plan(&Incoming::Pack { person, device, pack }, decide);
    assert_eq!(codes(&plan), [(1, "foreign_session")]);
    assert!(plan.is_void());
}

#[test]
fn a_full_quota_leaves_the_push_with_the_phone() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    wang.write(record, "note", json!({ "text": "good" }));
    let (cancelled, reason) = forbidden();
    wang.write(record, cancelled, reason);
    desk.quota_bytes = 10;
    let (person, device, pack) = (wang.person, wang.device, wang.pack(record));
    let plan = desk.plan(&Incoming::Pack { person, device, pack }, decide);
    assert_eq!(codes(&plan), [(1, "quota"), (2, "quota")]);
    assert!(plan.is_void());
}

#[test]
fn a_panic_while_deciding_holds_everything_as_it_came() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    wang.write(record, "note", json!({ "text": "one" }));
    let (person, device, pack) = (wang.person, wang.device, wang.pack(record));
    let incoming = Incoming::Pack { person, device, pack };
    let plan = desk.plan(&incoming, |_| panic!("a defect"));
    assert_eq!(codes(&plan), [(1, "undecided")]);
    desk.store(&plan);
    // Pushed again while the defect lasts, it is not kept twice.
    assert!(desk.plan(&incoming, |_| panic!("a defect")).is_void());
    // The next write to the record decides.
    let mut li = Phone::new(LI, 10);
    desk.answer(&mut li);
    li.write(record, "note", json!({ "text": "two" }));
    let plan = desk.push(&li);
    assert_eq!(outcomes(&plan), [(1, Outcome::Entered), (1, Outcome::Entered)]);
    assert_eq!((desk.held.len(), desk.facts()), (0, 4));
}

#[test]
fn a_conflict_is_told_to_the_one_whose_command_made_it() {
    let (record, mut chen, mut wang, _, mut desk) = dispatched();
    wang.write(record, "note", json!({ "text": "one" }));
    let (field, early) = set("appointment", json!("2026-11-26T10:00:00+08:00"));
    let (_, late) = set("appointment", json!("2026-11-26T14:00:00+08:00"));
    chen.write(record, field, late);
    wang.write(record, field, early);
    assert_eq!(desk.push(&chen).verdicts[0].cases, Vec::<String>::new());
    let plan = desk.push(&wang);
    assert_eq!(plan.verdicts[0].cases, Vec::<String>::new());
    assert_eq!(plan.verdicts[1].cases, ["field_conflict"]);
}

#[test]
fn every_order_of_arrival_gives_the_same_facts() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let mut results = BTreeSet::new();
    for order in orders {
        let (record, mut chen, mut wang, mut li, mut desk) = dispatched();
        wang.write(record, "note", json!({ "text": "w1" }));
        let (cancelled, reason) = forbidden();
        wang.write(record, cancelled, reason);
        wang.write(record, "note", json!({ "text": "w3" }));
        li.write(record, "note", json!({ "text": "l1" }));
        chen.write(record, "note", json!({ "text": "c1" }));
        let phones = [&wang, &li, &chen];
        for place in order {
            desk.push(phones[place]);
        }
        let facts: Vec<_> =
            desk.state.accepted_facts().map(|fact| (fact.key, fact.json.clone())).collect();
        let facts: BTreeMap<_, _> = facts.into_iter().collect();
        results.insert(facts);
    }
    assert_eq!(results.len(), 1);
}
