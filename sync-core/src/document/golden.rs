//! Tests that the builder's bytes are Automerge's own, at every edge size, and frozen.

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, ExpandedChange, ROOT, ReadDoc};
use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, FactKey, RecordId, SessionId};

pub(super) const RECORD: RecordId = RecordId(*b"fieldbook record");

pub(super) fn session(number: u8) -> SessionId {
    SessionId([number, 2, 3, 4, 5, 6, 7, 8])
}

pub(super) fn key(number: u8, n: u64, i: u32) -> FactKey {
    FactKey::Written { session: session(number), n, i }
}

fn text(key: FactKey, json: String) -> StoredFact {
    StoredFact { key, json }
}

/// Automerge's own encoder, fed with numbers no short test could reach by writing.
fn by_expanded(head: &ChangeHead, facts: &[StoredFact]) -> automerge::Change {
    let genesis = ActorId::from(&GENESIS_ACTOR[..]);
    let operations = facts
        .iter()
        .map(|fact| Op {
            action: OpType::Put(fact.json.as_str().into()),
            obj: ObjectId::Id(OpId::new(2, &genesis)),
            key: Key::Map(fact.key.to_string().into()),
            pred: SortedVec::new(),
            insert: false,
        })
        .collect();
    automerge::Change::from(ExpandedChange {
        operations,
        actor_id: ActorId::from(&head.actor.0[..]),
        hash: None,
        seq: head.seq,
        start_op: head.start_op.try_into().expect("not zero"),
        time: 0,
        message: None,
        deps: head.deps.iter().map(|dep| automerge::ChangeHash(dep.0)).collect(),
        extra_bytes: Vec::new(),
        author: None,
    })
}

/// The bytes without the limits of `Change::build`.
fn unlimited(head: &ChangeHead, facts: &[StoredFact]) -> (ChangeHash, Vec<u8>) {
    let mut deps = head.deps.clone();
    deps.sort_unstable();
    let ChangeHead { actor, seq, start_op, .. } = *head;
    chunk::wrap(&chunk::body(&chunk::Head { actor, seq, start_op, deps: &deps }, facts))
}

fn assert_same(head: &ChangeHead, facts: &[StoredFact]) {
    let theirs = by_expanded(head, facts);
    let (hash, bytes) = unlimited(head, facts);
    assert_eq!(bytes, theirs.raw_bytes(), "{head:?} {facts:?}");
    assert_eq!(hash.0, theirs.hash().0);
}

fn head(seq: u64, start_op: u64) -> ChangeHead {
    ChangeHead { actor: session(1), seq, start_op, deps: vec![genesis_hash(RECORD)] }
}

#[test]
fn strings_of_every_edge_size_are_coded_as_automerge_codes_them() {
    for edge in
        [0, 1, 2, 7, 8, 63, 64, 127, 128, 1023, 1024, 8191, 8192, 16383, 16384, 65535, 65536]
    {
        for length in [edge, edge + 1] {
            assert_same(&head(1, 3), &[text(key(1, 1, 0), "x".repeat(length))]);
        }
        let facts = [edge, edge, 5, 5, 9].into_iter().enumerate();
        let facts: Vec<_> = facts.map(|(i, n)| text(key(1, 1, i as u32), "y".repeat(n))).collect();
        assert_same(&head(1, 3), &facts);
    }
    for multibyte in ["é", "厨房水管漏水", "𠮷", "👨‍👩‍👧", "\u{202e}abc", "\u{0}"]
    {
        for count in [1, 2, 21, 22, 32, 43, 64, 2731, 4096] {
            assert_same(&head(1, 3), &[text(key(1, 1, 0), multibyte.repeat(count))]);
        }
    }
}

#[test]
fn numbers_of_every_edge_size_are_coded_as_automerge_codes_them() {
    let edges = [1, 63, 64, 127, 128, 255, 16383, 16384, 1 << 20, 1 << 21, (1 << 28) - 1, 1 << 31];
    for seq in edges.into_iter().chain([1 << 32, 1 << 35]) {
        for start_op in edges {
            assert_same(&head(seq, start_op), &[text(key(1, seq, 0), "{}".to_owned())]);
        }
    }
}

#[test]
fn runs_of_every_length_are_coded_as_automerge_codes_them() {
    for count in [1, 2, 3, 4, 63, 64, 65, 127, 128, 129, 1000, 2000, 8191, 8192] {
        let equal: Vec<_> =
            (0..count).map(|i| text(key(1, 1, i), "same size".to_owned())).collect();
        assert_same(&head(1, 3), &equal);
        let differ = (0..count).map(|i| text(key(1, 1, i), "x".repeat(i as usize % 7)));
        assert_same(&head(1, 3), &differ.collect::<Vec<_>>());
        let pairs = (0..count).map(|i| text(key(1, 1, i), "x".repeat(i as usize / 2 % 5)));
        assert_same(&head(1, 3), &pairs.collect::<Vec<_>>());
    }
}

/// A document with `parents` concurrent changes of other sessions, and their hashes.
fn with_parents(parents: u8, facts: u32) -> AutoCommit {
    let chunk = genesis(RECORD).chunk;
    let mut all = AutoCommit::new();
    all.apply_changes([automerge::Change::from_bytes(chunk).expect("our genesis")])
        .expect("no other change");
    let forks: Vec<_> = (0..parents).map(|_| all.fork()).collect();
    for (number, mut fork) in forks.into_iter().enumerate() {
        let number = 10 + number as u8;
        fork.set_actor(ActorId::from(&session(number).0[..]));
        let (_, map) = fork.get(ROOT, "facts").expect("readable").expect("there");
        for i in 0..=facts * u32::from(number) {
            fork.put(&map, key(number, 1, i).to_string(), "{}").expect("a map");
        }
        fork.commit_with(CommitOptions::default().with_time(0));
        all.merge(&mut fork).expect("no duplicates");
    }
    all
}

fn assert_a_write_is_the_same(mut document: AutoCommit, actor: SessionId, facts: &[StoredFact]) {
    document.set_actor(ActorId::from(&actor.0[..]));
    let (_, map) = document.get(ROOT, "facts").expect("readable").expect("there");
    for fact in facts {
        document.put(&map, fact.key.to_string(), fact.json.as_str()).expect("a map");
    }
    document.commit_with(CommitOptions::default().with_time(0)).expect("something to commit");
    let theirs = document.get_last_local_change().expect("just made");
    let deps: Vec<_> = theirs.deps().iter().map(|dep| ChangeHash(dep.0)).collect();
    assert!(deps.is_sorted());
    let head = ChangeHead { actor, seq: theirs.seq(), start_op: theirs.start_op().get(), deps };
    let ours = Change::build(head, facts.to_vec()).expect("within the limits");
    assert_eq!(ours.chunk(), theirs.raw_bytes());
    assert_eq!(ours.hash.0, theirs.hash().0);
    assert_eq!(ours.max_op(), theirs.max_op());
    // And what Automerge rebuilds from its saved form is the same change.
    let loaded = AutoCommit::load(&document.save()).expect("saved just now");
    let rebuilt = loaded.get_change_by_hash(&theirs.hash()).expect("kept");
    assert_eq!(ours.chunk(), rebuilt.raw_bytes());
}

#[test]
fn a_write_on_several_parents_is_coded_as_automerge_codes_it() {
    for parents in 0..=5 {
        for facts in [0, 1, 13] {
            let document = with_parents(parents, facts);
            let several: Vec<_> =
                (0..3).map(|i| text(key(1, 7, i), format!("{{\"i\":{i}}}"))).collect();
            assert_a_write_is_the_same(document.clone(), session(1), &several[..1]);
            assert_a_write_is_the_same(document.clone(), session(1), &several);
            // The author of one of the parents goes on.
            assert_a_write_is_the_same(document, session(10), &several);
        }
    }
}

#[test]
fn a_long_chain_and_a_wide_change_are_coded_as_automerge_codes_them() {
    let mut document = with_parents(1, 0);
    for n in 0..140 {
        let (_, map) = document.get(ROOT, "facts").expect("readable").expect("there");
        document.put(&map, key(9, n, 0).to_string(), "{}").expect("a map");
        document.commit_with(CommitOptions::default().with_time(0));
    }
    let wide: Vec<_> = (0..1000).map(|i| text(key(1, 7, i), "{}".repeat(i as usize % 9))).collect();
    assert_a_write_is_the_same(document, session(1), &wide);
}

#[test]
fn facts_of_several_commands_sessions_and_causes_stand_in_the_order_given() {
    let derived = FactKey::derive(RECORD, "call_back_due", "x", 0);
    let facts = [
        text(derived, "{\"t\":\"late\"}".to_owned()),
        text(key(9, 2, 0), "{}".to_owned()),
        text(key(3, 10, 0), "[]".to_owned()),
        text(key(3, 9, 1), "[1]".to_owned()),
    ];
    for parents in [0, 2] {
        assert_a_write_is_the_same(with_parents(parents, 2), session(1), &facts);
    }
}

#[test]
fn the_next_change_stands_where_automerge_would_put_it() {
    for seed in 0..60 {
        let scene = forge::Scene::draw(&mut forge::Dice::new(seed));
        let all: Vec<_> = scene.stored.iter().chain(&scene.pushed).cloned().collect();
        let document = Document::from_changes(scene.record, &all).expect("complete");
        let mut log = MemoryLog::default();
        all.iter().for_each(|change| log.insert(change));
        for session in scene.own.iter().chain(&scene.others) {
            let mut theirs = AutoCommit::load(&document.save()).expect("just saved");
            theirs.set_actor(ActorId::from(&session.0[..]));
            let (_, map) = theirs.get(ROOT, "facts").expect("readable").expect("there");
            theirs.put(&map, key(99, 1, 0).to_string(), "{}").expect("a map");
            theirs.commit_with(CommitOptions::default().with_time(0));
            let theirs = theirs.get_last_local_change().expect("just made");
            let head = ChangeHead::on_top(scene.record, &log, *session, document.heads());
            let facts = vec![text(key(99, 1, 0), "{}".to_owned())];
            let ours = Change::build(head.expect("in the log"), facts).expect("small");
            assert_eq!(ours.chunk(), theirs.raw_bytes());
        }
    }
}

#[test]
fn the_bytes_of_a_change_are_frozen() {
    let one = Change::build(head(1, 3), vec![text(key(1, 201, 0), "{\"t\":\"ring\"}".to_owned())]);
    let one = one.expect("within the limits");
    assert_eq!(
        HEXLOWER.encode(&one.chunk()),
        concat!(
            "856f4a83f4f92a7c017e0142bd6130b7aa484300a317ffa42509e54756a36bdca4a816646126575d",
            "31a4cf080102030405060708010300000110ff000000000000000000000000000000080102020215",
            "15340142025603570c70027f017f027f13616562616762616661796471712e3230312e30017f017f",
            "c6017b2274223a2272696e67227d7f00"
        )
    );
    let facts = (0..3).map(|i| text(key(1, 202, i), "\"厨房\"".to_owned())).collect();
    let deps = vec![ChangeHash([9; 32]), one.hash];
    let several =
        Change::build(ChangeHead { actor: session(1), seq: 2, start_op: 300, deps }, facts)
            .expect("within the limits");
    assert_eq!(
        HEXLOWER.encode(&several.chunk()),
        concat!(
            "856f4a83d8cb7d5f01d3010209090909090909090909090909090909090909090909090909090909",
            "09090909f4f92a7ca34259b6b546156d8d79cc646f3a70cbbc268c1cbdcd2e9a6756b11d08010203",
            "040506070802ac0200000110ff0000000000000000000000000000000801020202153d3401420256",
            "0357187002030103027d13616562616762616661796471712e3230322e3013616562616762616661",
            "796471712e3230322e3113616562616762616661796471712e3230322e3203030103860122e58ea8",
            "e688bf2222e58ea8e688bf2222e58ea8e688bf220300"
        )
    );
}

#[test]
fn what_breaks_a_limit_is_not_built() {
    let fact = || text(key(1, 1, 0), "{}".to_owned());
    let build = |head, facts| Change::build(head, facts).map(|change| change.hash);
    assert_eq!(build(head(1, 3), vec![]), Err(BuildError::NoFacts));
    assert_eq!(
        build(head(1, 3), vec![fact(), fact()]),
        Err(BuildError::DuplicateKey(key(1, 1, 0)))
    );
    assert_eq!(build(head(0, 3), vec![fact()]), Err(BuildError::Seq(0)));
    for start_op in [0, 2, START_OP_MAX + 1, u64::from(u32::MAX), u64::MAX] {
        assert_eq!(build(head(1, start_op), vec![fact()]), Err(BuildError::StartOp(start_op)));
    }
    assert!(build(head(1, START_OP_MAX), vec![fact()]).is_ok());
    let none = ChangeHead { deps: vec![], ..head(1, 3) };
    assert_eq!(build(none, vec![fact()]), Err(BuildError::NoDependencies));
    let twice = ChangeHead { deps: vec![ChangeHash([1; 32]); 2], ..head(1, 3) };
    assert_eq!(build(twice, vec![fact()]), Err(BuildError::DuplicateDependency));
    let beyond = vec![text(key(1, (1 << 53) + 1, 0), "{}".to_owned())];
    assert_eq!(build(head(1, 3), beyond), Err(BuildError::KeyNumber));

    let many = |count| (0..count).map(|i| text(key(1, 1, i), "{}".to_owned())).collect();
    assert!(build(head(1, 3), many(2_000)).is_ok());
    assert_eq!(build(head(1, 3), many(2_001)), Err(BuildError::TooManyFacts(2_001)));
    let long = |length| vec![text(key(1, 1, 0), "x".repeat(length))];
    let room = CHANGE_BYTES_MAX
        - Change::build(head(1, 3), long(60_000)).expect("fits").chunk().len()
        + 60_000;
    let largest = Change::build(head(1, 3), long(room)).expect("exactly at the limit");
    assert_eq!(largest.chunk().len(), CHANGE_BYTES_MAX);
    assert_eq!(build(head(1, 3), long(room + 1)), Err(BuildError::TooLarge(CHANGE_BYTES_MAX + 1)));
}

#[test]
fn the_content_of_a_fact_is_not_in_the_debug_form() {
    let change = Change::build(head(1, 3), vec![text(key(1, 1, 0), "\"secret\"".to_owned())]);
    assert!(!format!("{change:?}").contains("secret"));
}

fn any_key() -> impl Strategy<Value = FactKey> {
    let written = (any::<[u8; 8]>(), 0..1_u64 << 53, 0..9_u32, 0..53_u32);
    prop_oneof![
        4 => written.prop_map(|(session, n, i, shift)| {
            FactKey::Written { session: SessionId(session), n: n >> shift, i }
        }),
        1 => (any::<[u8; 16]>(), any::<u32>()).prop_map(|(cause, i)| FactKey::Derived { cause, i }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_change_is_coded_as_automerge_codes_it(
        actor in any::<[u8; 8]>(),
        seq in (1..1_u64 << 40, 0..40_u32).prop_map(|(n, shift)| (n >> shift).max(1)),
        start_op in (3..1_u64 << 31, 0..29_u32).prop_map(|(n, shift)| (n >> shift).max(3)),
        deps in proptest::collection::btree_set(any::<[u8; 32]>(), 1..6),
        facts in proptest::collection::btree_map(any_key(), ".{0,300}", 1..12),
    ) {
        let deps = deps.into_iter().map(ChangeHash).collect();
        let head = ChangeHead { actor: SessionId(actor), seq, start_op, deps };
        let facts: Vec<_> = facts.into_iter().map(|(key, json)| text(key, json)).collect();
        assert_same(&head, &facts);
        let built = Change::build(head.clone(), facts.clone()).expect("within the limits");
        prop_assert_eq!(built.chunk(), unlimited(&head, &facts).1);
    }
}
