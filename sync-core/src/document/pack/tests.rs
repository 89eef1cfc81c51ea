//! Fact packs: round trips, bounds, hostile bytes.

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;
use crate::document::START_OP_MAX;
use crate::document::forge::{Dice, Scene, forge_packs};
use crate::document::golden::{RECORD, key, session};
use crate::document::wire::ReadError;
use crate::model::id::FactKey;

fn fact(key: FactKey) -> StoredFact {
    StoredFact { key, json: "{\"s\":[1,2],\"t\":\"ring\",\"w\":3}".to_owned() }
}

fn packed(deps: Deps, seq: u64, keys: &[FactKey]) -> PackedChange {
    let facts = keys.iter().map(|key| fact(*key)).collect();
    PackedChange { actor: session(1), seq, deps, facts }
}

fn round_trips(packs: &[RecordPack]) {
    assert_eq!(decode(&encode(packs)).as_deref(), Ok(packs));
}

#[test]
fn the_bytes_of_a_pack_are_frozen() {
    let derived = FactKey::Derived { cause: [7; 16], i: 0 };
    let changes = vec![
        packed(Deps::Genesis, 1, &[key(1, 201, 0)]),
        packed(Deps::Previous, 2, &[key(1, 202, 0)]),
        packed(Deps::Previous, 3, &[key(1, 203, 0), key(1, 203, 1)]),
        PackedChange {
            actor: session(2),
            seq: 9,
            deps: Deps::Explicit(vec![ChangeHash([8; 32]), ChangeHash([9; 32])]),
            facts: vec![fact(key(1, 220, 0)), fact(derived)],
        },
    ];
    let pack = RecordPack { record: RECORD, changes, check: [5; 8] };
    round_trips(std::slice::from_ref(&pack));
    assert_eq!(
        HEXLOWER.encode(&encode(&[pack])),
        concat!(
            "01186669656c64626f6f6b207265636f726405050505050505051001020304050607080202030405",
            "06070810070707070707070707070707070707074008080808080808080808080808080808080808",
            "08080808080808080808080808090909090909090909090909090909090909090909090909090909",
            "09090909090b0400900302020109020020040500101e06040000000603ae017b2273223a5b312c32",
            "5d2c2274223a2272696e67222c2277223a337dff7b2273223a5b312c325d2c2274223a2272696e67",
            "222c2277223a337dff7b2273223a5b312c325d2c2274223a2272696e67222c2277223a337dff7b22",
            "73223a5b312c325d2c2274223a2272696e67222c2277223a337dff7b2273223a5b312c325d2c2274",
            "223a2272696e67222c2277223a337dff7b2273223a5b312c325d2c2274223a2272696e67222c2277",
            "223a337dff"
        )
    );
}

#[test]
fn what_follows_costs_two_bytes_a_command_beside_its_text() {
    let pack = |count: u64| {
        let changes = (0..count).map(|n| packed(Deps::Previous, n + 1, &[key(1, 201 + n, 0)]));
        RecordPack { record: RECORD, changes: changes.collect(), check: [0; 8] }
    };
    let bytes = |count| encode(&[pack(count)]).len() as u64;
    let text = fact(key(1, 201, 0)).json.len() as u64 + 1;
    assert_eq!(bytes(60) - bytes(20), 40 * (text + 2));
}

#[test]
fn an_elided_dependency_is_the_previous_change_or_the_genesis() {
    let mut dice = Dice::new(1);
    for _ in 0..50 {
        let scene = Scene::draw(&mut dice);
        let all: Vec<_> = scene.stored.iter().chain(&scene.pushed).cloned().collect();
        let pack = RecordPack::from_changes(scene.record, &all);
        for (place, packed) in pack.changes.iter().enumerate() {
            match &packed.deps {
                Deps::Previous => assert_eq!(all[place].deps, [all[place - 1].hash]),
                Deps::Genesis => assert_eq!(all[place].deps, [genesis_hash(scene.record)]),
                Deps::Explicit(hashes) => assert_eq!(all[place].deps, *hashes),
            }
        }
        let built = pack.build(|_| None);
        assert_eq!(built.stopped, None);
        assert_eq!(built.changes, all);
    }
}

#[test]
fn a_pack_is_built_on_what_the_receiver_knows() {
    let scene = Scene::draw(&mut Dice::new(7));
    assert!(!scene.stored.is_empty());
    let last = scene.stored.last().expect("not empty").clone();
    let mut pack = scene.pack();
    let known = |hash: &ChangeHash| {
        scene.stored.iter().find(|change| change.hash == *hash).map(Change::max_op)
    };
    assert_eq!(pack.build(known), Built { changes: scene.pushed.clone(), stopped: None });

    pack.check[7] ^= 1;
    let built = pack.build(known);
    assert_eq!(built.stopped, Some(Stop::CheckMismatch));
    assert_eq!(built.changes, scene.pushed);

    let built = pack.build(|hash| (*hash != last.hash).then(|| known(hash)).flatten());
    let needs = scene.pushed.iter().position(|change| change.deps.contains(&last.hash));
    let index = needs.expect("the first push stands on the last stored change");
    assert_eq!(built.stopped, Some(Stop::MissingDependency { index, hash: last.hash }));
    assert_eq!(built.changes, scene.pushed[..index]);
}

#[test]
fn an_invalid_change_stops_a_pack() {
    let changes = vec![packed(Deps::Previous, 1, &[key(1, 1, 0)])];
    let pack = RecordPack { record: RECORD, changes, check: [0; 8] };
    let stopped = pack.build(|_| None).stopped;
    assert_eq!(stopped, Some(Stop::Invalid { index: 0, error: InvalidChange::NoPrevious }));

    let changes = vec![packed(Deps::Genesis, 0, &[key(1, 1, 0)])];
    let pack = RecordPack { record: RECORD, changes, check: [0; 8] };
    let error = InvalidChange::Build(BuildError::Seq(0));
    assert_eq!(pack.build(|_| None).stopped, Some(Stop::Invalid { index: 0, error }));
}

#[test]
fn an_operation_number_cannot_overflow() {
    let changes = vec![packed(Deps::Explicit(vec![ChangeHash([1; 32])]), 1, &[key(1, 1, 0)])];
    let pack = RecordPack { record: RECORD, changes, check: [0; 8] };
    for max_op in [u64::MAX, u64::from(u32::MAX), START_OP_MAX] {
        let error = InvalidChange::Build(BuildError::StartOp(max_op.saturating_add(1)));
        let stopped = pack.build(|_| Some(max_op)).stopped;
        assert_eq!(stopped, Some(Stop::Invalid { index: 0, error }));
    }
}

#[test]
fn every_derived_and_foreign_key_can_be_told() {
    let derived = |number, i| FactKey::Derived { cause: [number; 16], i };
    let keys = [
        derived(1, 0),
        derived(1, 1),
        derived(1, 1),
        derived(2, 0),
        derived(2, 7),
        key(3, 9, 0),
        key(3, 9, 1),
        derived(2, 8),
        key(3, 9, 2),
        key(3, 4, 2),
        key(4, 1 << 53, u32::MAX),
        key(4, 0, 0),
        derived(2, u32::MAX),
        derived(2, 0),
    ];
    let change = packed(Deps::Genesis, 1, &keys);
    let split = keys.iter().map(|key| packed(Deps::Previous, u64::MAX, &[*key])).collect();
    round_trips(&[
        RecordPack { record: RECORD, changes: vec![change], check: [0; 8] },
        RecordPack { record: crate::model::id::RecordId([0; 16]), changes: split, check: [1; 8] },
    ]);
}

#[test]
fn a_text_with_any_character_comes_through() {
    for json in ["", "\u{0}", "\u{ff}\u{fe}", "\u{10ffff}", "厨房👨‍👩‍👧\u{202e}"] {
        let mut change = packed(Deps::Genesis, 1, &[key(1, 1, 0)]);
        change.facts[0].json = json.to_owned();
        round_trips(&[RecordPack { record: RECORD, changes: vec![change], check: [0; 8] }]);
    }
}

#[test]
fn trailing_bytes_of_a_pack_are_refused() {
    let pack = Scene::draw(&mut Dice::new(2)).pack();
    let mut bytes = encode(&[pack]);
    bytes.push(0);
    assert_eq!(decode(&bytes), Err(PackError::Trailing));
}

#[test]
fn a_cut_pack_is_refused() {
    let bytes = encode(&[Scene::draw(&mut Dice::new(3)).pack()]);
    for length in 0..bytes.len() {
        assert_eq!(decode(&bytes[..length]), Err(PackError::Read(ReadError::End)), "{length}");
    }
}

#[test]
fn a_record_twice_in_a_pack_is_refused() {
    let pack = Scene::draw(&mut Dice::new(4)).pack();
    let bytes = encode(&[pack.clone(), pack]);
    assert_eq!(decode(&bytes), Err(PackError::DuplicateRecord));
}

#[test]
fn a_newer_version_is_refused() {
    assert_eq!(decode(&[2, 0, 0]), Err(PackError::Version(2)));
    assert_eq!(decode(&[]), Err(PackError::Read(ReadError::End)));
}

#[test]
fn a_pack_has_one_encoding_only() {
    // An actor named anew though it is the one before, an unused session, a session out of order:
    // all read, and none is what the encoder writes.
    let head = |flags: u8, numbers: &[u8], actors: &[u8]| {
        let mut bytes = vec![1, 24];
        bytes.extend([0; 24]);
        bytes.push(actors.len() as u8);
        bytes.extend(actors);
        bytes.extend([0, 0, numbers.len() as u8]);
        bytes.extend(numbers);
        bytes.extend([2, 5, flags, 2, 0, 0, 6, b'{', b'}', 0xff, b'{', b'}', 0xff]);
        bytes
    };
    assert!(decode(&head(0, &[2, 0], &[1; 8])).is_ok());
    assert_eq!(decode(&head(4, &[2, 0, 0], &[1; 8])), Err(PackError::NotCanonical));
    assert_eq!(decode(&head(8, &[2, 0, 2], &[1; 8])), Err(PackError::NotCanonical));
    assert_eq!(decode(&head(16, &[2, 0, 1], &[1; 8])), Err(PackError::NotCanonical));
    let two = [[1; 8], [2; 8]].concat();
    assert_eq!(decode(&head(0, &[2, 0], &two)), Err(PackError::NotCanonical));
    assert_eq!(decode(&head(4, &[2, 1, 0], &two)), Err(PackError::NotCanonical));
    assert_eq!(
        decode(&head(0, &[2, 1], &[1; 8])),
        Err(PackError::Meaning("the index of a session"))
    );
    assert_eq!(
        decode(&head(3, &[2, 0], &[1; 8])),
        Err(PackError::Meaning("a kind of dependencies"))
    );
    assert_eq!(decode(&head(32, &[2, 0], &[1; 8])), Err(PackError::Meaning("a flag of a change")));
    assert_eq!(decode(&head(0, &[0x82, 0, 0], &[1; 8])), Err(PackError::Read(ReadError::Integer)));
    assert_eq!(decode(&head(0, &[1, 0], &[1; 8])), Err(PackError::Trailing));
    assert_eq!(decode(&head(0, &[3, 0], &[1; 8])), Err(PackError::Meaning("a count")));
    assert_eq!(decode(&head(0, &[0, 0], &[1; 8])), Err(PackError::Meaning("a count")));
}

#[test]
fn a_forged_length_asks_for_no_memory() {
    // Every column claims 2^60 bytes; then a change claims 2^60 facts, a record 2^60 changes.
    let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    let mut bytes = vec![1];
    bytes.extend(huge);
    assert_eq!(decode(&bytes), Err(PackError::Read(ReadError::End)));
    for numbers in [&huge[..], &[&[1, 0][..], &huge].concat()] {
        let mut bytes = vec![1, 24];
        bytes.extend([0; 24]);
        bytes.extend([8, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, numbers.len() as u8]);
        bytes.extend(numbers);
        bytes.extend([1, 0b1_0101, 1, 0, 3, b'{', b'}', 0xff]);
        assert_eq!(decode(&bytes), Err(PackError::Meaning("a count")));
    }
}

#[test]
fn more_facts_than_a_message_may_have_are_refused() {
    let changes =
        (0..PACK_FACTS_MAX as u64 + 1).map(|n| packed(Deps::Previous, n, &[key(1, n, 0)]));
    let mut pack = RecordPack { record: RECORD, changes: changes.collect(), check: [0; 8] };
    assert_eq!(decode(&encode(std::slice::from_ref(&pack))), Err(PackError::TooLarge));
    pack.changes.pop();
    round_trips(&[pack]);
    assert_eq!(decode(&vec![1; PACK_BYTES_MAX + 1]), Err(PackError::TooLarge));
}

#[test]
fn a_thousand_forged_packs_are_refused_or_healthy() {
    let tally = forge_packs(1, 1_000);
    assert!(tally.passed > 1_000, "{tally:?}");
    for code in [
        "malformed_pack",
        "trailing_bytes",
        "not_on_own_last",
        "missing_dependency",
        "wrong_seq",
        "edited_old_fact",
        "foreign_session",
        "derived_key",
        "not_canonical",
        "duplicate_key",
        "wrong_key",
    ] {
        assert!(tally.refused.contains_key(code), "no {code} in {tally:?}");
    }
}

fn any_key() -> impl Strategy<Value = FactKey> {
    let n = prop_oneof![0..5_u64, 0..1_u64 << 53];
    let i = prop_oneof![0..4_u32, any::<u32>()];
    prop_oneof![
        4 => (0..4_u8, n, i.clone()).prop_map(|(number, n, i)| key(number, n, i)),
        1 => (0..3_u8, i).prop_map(|(number, i)| FactKey::Derived { cause: [number; 16], i }),
    ]
}

fn any_change() -> impl Strategy<Value = PackedChange> {
    let deps = prop_oneof![
        4 => Just(Deps::Previous),
        1 => Just(Deps::Genesis),
        2 => proptest::collection::vec(any::<[u8; 32]>(), 1..6)
            .prop_map(|hashes| Deps::Explicit(hashes.into_iter().map(ChangeHash).collect())),
    ];
    let seq = prop_oneof![1..6_u64, any::<u64>()];
    let facts = proptest::collection::vec((any_key(), ".{0,40}"), 1..5);
    (0..4_u8, seq, deps, facts).prop_map(|(number, seq, deps, facts)| {
        let facts = facts.into_iter().map(|(key, json)| StoredFact { key, json }).collect();
        PackedChange { actor: session(number), seq, deps, facts }
    })
}

proptest! {
    #[test]
    fn any_packs_round_trip(
        records in proptest::collection::btree_map(
            any::<[u8; 16]>(),
            (proptest::collection::vec(any_change(), 1..8), any::<[u8; 8]>()),
            0..5,
        )
    ) {
        let packs: Vec<_> = records
            .into_iter()
            .map(|(record, (changes, check))| {
                RecordPack { record: crate::model::id::RecordId(record), changes, check }
            })
            .collect();
        prop_assert_eq!(decode(&encode(&packs)), Ok(packs));
    }

    #[test]
    fn any_honest_push_is_built_as_it_was_written(seed in any::<u64>()) {
        let scene = Scene::draw(&mut Dice::new(seed));
        let pack = decode(&encode(&[scene.pack()])).expect("just encoded").remove(0);
        let known = |hash: &ChangeHash| {
            scene.stored.iter().find(|change| change.hash == *hash).map(Change::max_op)
        };
        prop_assert_eq!(pack.build(known), Built { changes: scene.pushed, stopped: None });
    }
}
