//! The traps of Automerge that probes proved real, each a test of the guards by name.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, ObjType, ROOT, ReadDoc, ScalarValue};

use super::forge::{AUTHOR, Dice, Scene, forge_chunks};
use super::golden::{RECORD, key, session};
use super::wire::write_unsigned;
use super::*;
use crate::model::fact::{BadFact, StoredFact};
use crate::model::id::{ChangeHash, DeviceId, FactKey, PersonId, SessionId};

const JSON: &str = "{\"s\":[1,2],\"t\":\"ring\",\"w\":3}";
const OTHER: (PersonId, DeviceId) = (PersonId(12), DeviceId(1));

/// Sessions 1 to 9 are the author's, 10 to 19 another's; nobody knows the rest.
fn owner(session: SessionId) -> Option<(PersonId, DeviceId)> {
    match session.0[0] {
        1..=9 => Some(AUTHOR),
        10..=19 => Some(OTHER),
        _ => None,
    }
}

fn fact(key: FactKey) -> StoredFact {
    StoredFact { key, json: JSON.to_owned() }
}

fn head(number: u8, seq: u64, start_op: u64, deps: &[ChangeHash]) -> ChangeHead {
    ChangeHead { actor: session(number), seq, start_op, deps: deps.to_vec() }
}

fn change(number: u8, seq: u64, start_op: u64, deps: &[ChangeHash], n: u64) -> Change {
    Change::build(head(number, seq, start_op, deps), vec![fact(key(number, n, 0))])
        .expect("within the limits")
}

/// What is stored before anything is pushed: one change of somebody else.
fn before() -> (Change, MemoryLog) {
    let change = change(10, 1, 3, &[genesis_hash(RECORD)], 7);
    let mut log = MemoryLog::default();
    log.insert(&change);
    (change, log)
}

fn judged(log: &MemoryLog, change: Change) -> Result<GuardedChange, GuardError> {
    Guard::new(RECORD, log, owner, AUTHOR).judge(change)
}

/// A chunk before the full guard, over [`before`].
fn handed_in(bytes: &[u8]) -> Result<Option<GuardedChange>, ChunkError> {
    let (stored, log) = before();
    let document = Document::from_changes(RECORD, &[stored]).expect("honest");
    ChunkGuard::new(Guard::new(RECORD, &log, owner, AUTHOR), document).pass(bytes)
}

/// What Automerge itself writes on top of [`before`] for the author's session 1.
fn by_automerge(write: impl FnOnce(&mut AutoCommit, automerge::ObjId)) -> Vec<u8> {
    by_automerge_with(CommitOptions::default().with_time(0), write)
}

fn by_automerge_with(
    options: CommitOptions,
    write: impl FnOnce(&mut AutoCommit, automerge::ObjId),
) -> Vec<u8> {
    let document = Document::from_changes(RECORD, &[before().0]).expect("honest");
    let mut document = AutoCommit::load(&document.save()).expect("just saved");
    document.set_actor(ActorId::from(&session(1).0[..]));
    let (_, facts) = document.get(ROOT, "facts").expect("readable").expect("there");
    write(&mut document, facts);
    document.commit_with(options).expect("something to commit");
    document.get_last_local_change().expect("just made").raw_bytes().to_vec()
}

/// The chunk with another body and a right checksum.
fn resealed(chunk: &[u8], edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let length = chunk.len();
    let mut body = chunk[length - body_length(chunk)..].to_vec();
    edit(&mut body);
    chunk::wrap(&body).1
}

fn body_length(chunk: &[u8]) -> usize {
    let mut reader = wire::Reader::new(&chunk[9..]);
    usize::try_from(reader.unsigned().expect("a chunk")).expect("small")
}

fn honest_chunk() -> Vec<u8> {
    by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), JSON).expect("a map");
    })
}

#[test]
fn an_honest_chunk_passes_as_the_change_it_is() {
    let guarded = handed_in(&honest_chunk()).expect("honest").expect("not the genesis");
    assert_eq!(guarded.change, change(1, 1, 4, &[before().0.hash], 1));
    assert_eq!(guarded.change.chunk(), honest_chunk());
    assert!(!guarded.in_log && guarded.had.is_empty());
    assert_eq!(handed_in(&genesis(RECORD).chunk), Ok(None));
}

#[test]
fn a_change_with_a_wrong_checksum_is_refused() {
    for place in 4..8 {
        let mut bytes = honest_chunk();
        bytes[place] ^= 1;
        assert_eq!(handed_in(&bytes), Err(ChunkError::WrongChecksum));
        // Automerge takes it.
        assert!(automerge::Change::from_bytes(bytes).is_ok());
    }
}

#[test]
fn a_compressed_chunk_is_refused() {
    let mut large = automerge::Change::from_bytes(by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), "a".repeat(2_000)).expect("a map");
    }))
    .expect("honest");
    let compressed = large.bytes().to_vec();
    assert_eq!(compressed[8], 2);
    assert_eq!(handed_in(&compressed), Err(ChunkError::NotAPlainChange(2)));
}

#[test]
fn a_document_a_bundle_and_an_unknown_chunk_are_refused() {
    let document = Document::from_changes(RECORD, &[before().0]).expect("honest").save();
    assert_eq!(handed_in(&document), Err(ChunkError::NotAPlainChange(0)));
    for other in [3, 4, 255] {
        let mut bytes = honest_chunk();
        bytes[8] = other;
        assert_eq!(handed_in(&bytes), Err(ChunkError::NotAPlainChange(other)));
    }
}

#[test]
fn a_compressed_column_is_refused() {
    let bytes = resealed(&honest_chunk(), |body| {
        let place = body.windows(2).position(|pair| pair == [0x15, 0x13]).expect("the key column");
        body[place] |= 8;
    });
    assert_eq!(handed_in(&bytes), Err(ChunkError::Malformed("a compressed column")));
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = honest_chunk();
    bytes.push(0);
    assert_eq!(handed_in(&bytes), Err(ChunkError::TrailingBytes));
    // Inside the chunk Automerge carries them along for ever.
    let inside = resealed(&honest_chunk(), |body| body.push(0));
    assert!(automerge::Change::from_bytes(inside.clone()).is_ok());
    assert_eq!(handed_in(&inside), Err(ChunkError::TrailingBytes));
}

#[test]
fn a_long_length_in_the_header_is_refused() {
    let honest = honest_chunk();
    let length = honest.len() - body_length(&honest);
    let mut bytes = honest[..length].to_vec();
    *bytes.last_mut().expect("a header") |= 0x80;
    bytes.push(0);
    bytes.extend(&honest[length..]);
    assert!(matches!(handed_in(&bytes), Err(ChunkError::Malformed(_))));
}

#[test]
fn a_chunk_larger_than_a_change_is_refused() {
    let json = format!("\"{}\"", "a".repeat(CHANGE_BYTES_MAX));
    let bytes = by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), json.as_str()).expect("a map");
    });
    assert_eq!(handed_in(&bytes), Err(ChunkError::TooLarge));
}

#[test]
fn a_run_of_a_thousand_million_operations_is_refused_without_counting_them() {
    // The action column says so in six bytes; everything else follows Automerge's format.
    let mut runs = Vec::new();
    wire::write_signed(&mut runs, 1_000_000_000);
    write_unsigned(&mut runs, 1);
    let bytes = resealed(&honest_chunk(), |body| {
        let heads = body.windows(2).position(|pair| pair == [0x42, 2]).expect("the action column");
        body[heads + 1] = runs.len() as u8;
        let data = body.windows(3).rposition(|bytes| bytes == [1, 0x7f, 1]).expect("its data");
        body.splice(data + 1..data + 3, runs.iter().copied());
    });
    assert_eq!(handed_in(&bytes), Err(ChunkError::TooLarge));
}

#[test]
fn a_put_of_facts_on_the_root_is_refused() {
    let on_root = by_automerge(|document, _| {
        document.put(ROOT, "facts", "gone").expect("the root takes a put");
    });
    let code = handed_in(&on_root).expect_err("hides every fact").code();
    assert!(["not_on_facts", "has_predecessors"].contains(&code), "{code}");
    let other = by_automerge(|document, _| {
        document.put(ROOT, "other", "x").expect("the root takes a put");
    });
    assert_eq!(handed_in(&other), Err(ChunkError::NotOnFacts));
}

#[test]
fn a_put_into_another_map_is_refused() {
    let bytes = by_automerge(|document, _| {
        let map = document.put_object(ROOT, "mine", ObjType::Map).expect("the root takes a map");
        document.put(&map, key(1, 1, 0).to_string(), JSON).expect("a map");
    });
    let code = handed_in(&bytes).expect_err("not on the facts").code();
    assert!(["not_on_facts", "not_a_put"].contains(&code), "{code}");
}

#[test]
fn a_map_a_list_and_a_text_under_a_fact_are_refused() {
    for kind in [ObjType::Map, ObjType::List, ObjType::Text] {
        let bytes = by_automerge(|document, facts| {
            document.put_object(&facts, key(1, 1, 0).to_string(), kind).expect("a map");
        });
        assert_eq!(handed_in(&bytes), Err(ChunkError::NotAPut), "{kind:?}");
    }
}

#[test]
fn a_delete_is_refused() {
    let bytes = by_automerge(|document, facts| {
        document.delete(&facts, key(10, 7, 0).to_string()).expect("it is there");
    });
    let code = handed_in(&bytes).expect_err("a delete").code();
    assert!(["has_predecessors", "not_a_put"].contains(&code), "{code}");
}

#[test]
fn an_increment_is_refused() {
    let bytes = by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), ScalarValue::counter(1)).expect("a map");
        document.increment(&facts, key(1, 1, 0).to_string(), 2).expect("a counter");
    });
    assert!(handed_in(&bytes).is_err());
}

#[test]
fn a_value_that_is_no_text_is_refused() {
    for value in [
        ScalarValue::Null,
        ScalarValue::Boolean(true),
        ScalarValue::Int(1),
        ScalarValue::Uint(1),
        ScalarValue::F64(1.0),
        ScalarValue::Timestamp(1),
        ScalarValue::Bytes(JSON.as_bytes().to_vec()),
        ScalarValue::counter(1),
    ] {
        let bytes = by_automerge(|document, facts| {
            document.put(&facts, key(1, 1, 0).to_string(), value.clone()).expect("a map");
        });
        assert_eq!(handed_in(&bytes), Err(ChunkError::NotAText), "{value:?}");
    }
}

#[test]
fn an_overwritten_fact_is_refused_by_its_predecessor() {
    let bytes = by_automerge(|document, facts| {
        document.put(&facts, key(10, 7, 0).to_string(), "\"edited\"").expect("a map");
    });
    assert_eq!(handed_in(&bytes), Err(ChunkError::HasPredecessors));
    let own = by_automerge(|document, facts| {
        document.put(&facts, key(1, 1, 0).to_string(), "1").expect("a map");
        document.put(&facts, key(1, 1, 0).to_string(), JSON).expect("a map");
    });
    assert_eq!(handed_in(&own), Err(ChunkError::HasPredecessors));
}

#[test]
fn a_key_that_names_no_fact_is_refused() {
    for key in ["", "note", "aebagbafaydqq.01.0", "~AAAA.0", "aebagbafaydqq.1"] {
        let bytes = by_automerge(|document, facts| {
            // Automerge itself takes no empty key.
            let key = if key.is_empty() { " " } else { key };
            document.put(&facts, key, JSON).expect("a map");
        });
        assert_eq!(handed_in(&bytes), Err(ChunkError::WrongKey), "{key}");
    }
}

#[test]
fn a_message_a_time_and_an_author_are_refused() {
    let put = |document: &mut AutoCommit, facts: automerge::ObjId| {
        document.put(&facts, key(1, 1, 0).to_string(), JSON).expect("a map");
    };
    let at = by_automerge_with(CommitOptions::default().with_time(1), put);
    assert_eq!(handed_in(&at), Err(ChunkError::WrongHead("a time")));
    let message = CommitOptions::default().with_time(0).with_message("hello");
    assert_eq!(
        handed_in(&by_automerge_with(message, put)),
        Err(ChunkError::WrongHead("a message"))
    );
    let author = by_automerge(|document, facts| {
        document.set_author(Some(automerge::Author::from(&[1, 2, 3][..])));
        document.set_actor(ActorId::from(&session(1).0[..]));
        document.put(&facts, key(1, 1, 0).to_string(), JSON).expect("a map");
    });
    assert!(handed_in(&author).is_err());
}

#[test]
fn an_actor_that_is_no_session_is_refused() {
    for actor in [&[][..], &[1; 7], &[1; 9], &GENESIS_ACTOR] {
        let bytes = resealed(&honest_chunk(), |body| {
            let mut length = vec![actor.len() as u8];
            length.extend(actor);
            body.splice(33..42, length);
        });
        assert_eq!(
            handed_in(&bytes),
            Err(ChunkError::WrongHead("an actor that is no session")),
            "{actor:?}"
        );
    }
}

#[test]
fn a_start_op_near_2_to_the_32_is_refused() {
    let (stored, log) = before();
    for start_op in [u64::from(u32::MAX) - 1, u64::from(u32::MAX), 1 << 32, START_OP_MAX + 1] {
        let error = Change::build(head(1, 1, start_op, &[stored.hash]), vec![fact(key(1, 1, 0))]);
        assert_eq!(error, Err(BuildError::StartOp(start_op)));
        let facts = [fact(key(1, 1, 0))];
        let deps = [stored.hash];
        let head = chunk::Head { actor: session(1), seq: 1, start_op, deps: &deps };
        let bytes = chunk::wrap(&chunk::body(&head, &facts)).1;
        assert_eq!(handed_in(&bytes), Err(ChunkError::Build(BuildError::StartOp(start_op))));
    }
    // Within the builder's limit it still has to follow.
    for found in [3, 5, START_OP_MAX] {
        let change = change(1, 1, found, &[stored.hash], 1);
        let error = GuardError::WrongStartOp { expected: 4, found };
        assert_eq!(handed_in(&change.chunk()), Err(ChunkError::Guard(error.clone())));
        assert_eq!(judged(&log, change), Err(error));
    }
}

#[test]
fn a_gap_in_seq_is_refused() {
    let (stored, log) = before();
    for found in [2, 3, 1 << 32] {
        let change = change(1, found, 4, &[stored.hash], 1);
        assert_eq!(judged(&log, change), Err(GuardError::WrongSeq { expected: 1, found }));
    }
}

#[test]
fn a_seq_used_twice_is_refused() {
    let (stored, mut log) = before();
    let first = change(1, 1, 4, &[stored.hash], 1);
    let second = change(1, 1, 4, &[stored.hash], 2);
    log.insert(&first);
    let error = GuardError::WrongSeq { expected: 2, found: 1 };
    assert_eq!(judged(&log, second.clone()), Err(error));
    // Whoever holds both cannot make a document of them.
    let both = Document::from_changes(RECORD, &[stored, first, second]);
    assert!(matches!(both, Err(DocumentError::Refused(_))), "{both:?}");
}

#[test]
fn a_change_that_is_not_on_top_of_its_actors_last_one_is_refused() {
    let (stored, mut log) = before();
    let first = change(1, 1, 4, &[stored.hash], 1);
    log.insert(&first);
    let aside = change(1, 2, 4, &[stored.hash], 2);
    assert_eq!(judged(&log, aside), Err(GuardError::NotOnOwnLast { last: first.hash }));
    let on_top = change(1, 2, 5, &[stored.hash, first.hash], 2);
    assert!(judged(&log, on_top).is_ok());
    // Within one pack as well.
    let changes = [first.clone(), change(1, 2, 3, &[genesis_hash(RECORD)], 2)];
    let log = before().1;
    let verdicts = Guard::new(RECORD, &log, owner, AUTHOR)
        .walk(&RecordPack::from_changes(RECORD, &changes))
        .changes;
    assert_eq!(verdicts[1], Err(GuardError::NotOnOwnLast { last: first.hash }));
}

#[test]
fn a_missing_dependency_holds_what_stands_on_it_and_nothing_else() {
    let (stored, log) = before();
    let unknown = ChangeHash([9; 32]);
    let packed = |number, deps, n| PackedChange {
        actor: session(number),
        seq: 1,
        deps,
        facts: vec![fact(key(number, n, 0))],
    };
    let known = change(4, 1, 4, &[stored.hash], 4);
    let pack = RecordPack {
        record: RECORD,
        changes: vec![
            packed(1, Deps::Explicit(vec![stored.hash, unknown]), 1),
            packed(2, Deps::Previous, 2),
            packed(3, Deps::Genesis, 3),
            packed(4, Deps::Explicit(vec![stored.hash]), 4),
        ],
        check: *known.hash.0.first_chunk().expect("long enough"),
    };
    let guarded = Guard::new(RECORD, &log, owner, AUTHOR).walk(&pack);
    let missing = GuardError::MissingDependency { hash: Some(unknown) };
    assert_eq!(guarded.changes[0], Err(missing.clone()));
    assert_eq!(guarded.changes[1], Err(missing));
    assert!(guarded.changes[2].is_ok());
    assert_eq!(guarded.changes[3].as_ref().map(|guarded| &guarded.change), Ok(&known));
    assert_eq!(guarded.check, Check::Holds);
}

#[test]
fn what_stands_on_a_refused_change_waits_for_it_and_the_check_still_holds() {
    let (stored, log) = before();
    let mut bad = fact(key(1, 1, 0));
    bad.json.push(' ');
    let first = Change::build(head(1, 1, 4, &[stored.hash]), vec![bad]).expect("buildable");
    let second = change(1, 2, 5, &[first.hash], 2);
    let pack = RecordPack::from_changes(RECORD, &[first.clone(), second]);
    let guarded = Guard::new(RECORD, &log, owner, AUTHOR).walk(&pack);
    let codes: Vec<_> = guarded
        .changes
        .iter()
        .map(|verdict| verdict.as_ref().expect_err("refused").code())
        .collect();
    assert_eq!(codes, ["not_canonical", "missing_dependency"]);
    assert_eq!(guarded.changes[1], Err(GuardError::MissingDependency { hash: Some(first.hash) }));
    assert_eq!(guarded.check, Check::Holds);
}

#[test]
fn a_pack_whose_check_differs_is_told_apart() {
    let (stored, log) = before();
    let mut pack = RecordPack::from_changes(RECORD, &[change(1, 1, 4, &[stored.hash], 1)]);
    pack.check[0] ^= 1;
    assert_eq!(Guard::new(RECORD, &log, owner, AUTHOR).walk(&pack).check, Check::Fails);
    pack.changes[0].deps = Deps::Explicit(vec![ChangeHash([9; 32])]);
    assert_eq!(Guard::new(RECORD, &log, owner, AUTHOR).walk(&pack).check, Check::Unknown);
}

#[test]
fn a_dependency_that_is_stored_but_not_accepted_is_no_missing_one() {
    // The log knows no difference: whatever is stored counts.
    let (stored, mut log) = before();
    let held = change(1, 1, 4, &[stored.hash], 220);
    log.insert(&held);
    assert!(judged(&log, change(1, 2, 5, &[held.hash], 221)).is_ok());
}

#[test]
fn an_old_fact_cannot_be_edited() {
    let (stored, mut log) = before();
    let first = change(1, 1, 4, &[stored.hash], 1);
    log.insert(&first);
    let edited = StoredFact { key: key(1, 1, 0), json: JSON.replace('3', "4") };
    let again = Change::build(head(2, 1, 5, &[first.hash]), vec![edited]).expect("buildable");
    assert_eq!(judged(&log, again.clone()), Err(GuardError::EditedOldFact(key(1, 1, 0))));
    // Nor one of the same pack.
    let (stored, log) = before();
    let pack = RecordPack::from_changes(RECORD, &[change(1, 1, 4, &[stored.hash], 1), again]);
    let verdicts = Guard::new(RECORD, &log, owner, AUTHOR).walk(&pack).changes;
    assert_eq!(verdicts[1], Err(GuardError::EditedOldFact(key(1, 1, 0))));
}

#[test]
fn the_same_facts_in_another_change_are_had_already() {
    let (stored, mut log) = before();
    let first = change(1, 1, 4, &[stored.hash], 1);
    log.insert(&first);
    let again =
        Change::build(head(2, 1, 5, &[first.hash]), first.facts.clone()).expect("buildable");
    let guarded = judged(&log, again.clone()).expect("byte-identical");
    assert!(guarded.all_had() && !guarded.in_log);
    assert_eq!(guarded.had, [key(1, 1, 0)]);
    let guard = Guard::new(RECORD, &log, owner, AUTHOR);
    assert!(guard.all_stored(&again.facts));
    assert!(!guard.all_stored(&[fact(key(1, 2, 0))]));
    // Automerge shows two equal values; a document shows one fact.
    let document = Document::from_changes(RECORD, &[stored, first, again]).expect("applies");
    assert_eq!(document.facts().expect("no conflict").len(), 2);
}

#[test]
fn a_repeated_push_is_had_already_and_goes_on_where_it_ended() {
    let (stored, mut log) = before();
    let first = change(1, 1, 4, &[stored.hash], 1);
    let second = change(1, 2, 5, &[first.hash], 2);
    let third = change(1, 3, 6, &[second.hash], 3);
    log.insert(&first);
    log.insert(&second);
    let pack = RecordPack::from_changes(RECORD, &[first, second, third]);
    let guarded = Guard::new(RECORD, &log, owner, AUTHOR).walk(&pack);
    let verdicts: Vec<_> = guarded
        .changes
        .iter()
        .map(|verdict| verdict.as_ref().map(|g| (g.in_log, g.all_had())))
        .collect();
    assert_eq!(verdicts, [Ok((true, true)), Ok((true, true)), Ok((false, false))]);
    assert_eq!(guarded.check, Check::Holds);
}

#[test]
fn a_session_of_another_person_or_of_nobody_is_refused() {
    let (stored, log) = before();
    let foreign = change(11, 1, 4, &[stored.hash], 1);
    assert_eq!(judged(&log, foreign), Err(GuardError::ForeignSession(session(11))));
    let unknown = change(20, 1, 4, &[stored.hash], 1);
    assert_eq!(judged(&log, unknown), Err(GuardError::UnknownSession(session(20))));
    let keyed = |number| {
        let facts = vec![fact(key(number, 1, 0))];
        Change::build(head(1, 1, 4, &[stored.hash]), facts).expect("buildable")
    };
    assert_eq!(judged(&log, keyed(11)), Err(GuardError::ForeignSession(session(11))));
    assert_eq!(judged(&log, keyed(20)), Err(GuardError::UnknownSession(session(20))));
    // The actor and the key's session may differ if both are the author's.
    assert!(judged(&log, keyed(2)).is_ok());
}

#[test]
fn the_facts_of_a_change_are_one_command_in_order() {
    let (stored, log) = before();
    let with = |keys: &[FactKey]| {
        let facts = keys.iter().map(|key| fact(*key)).collect();
        let built = Change::build(head(1, 1, 4, &[stored.hash]), facts).expect("buildable");
        judged(&log, built).map(|_| ())
    };
    assert_eq!(with(&[key(1, 5, 0), key(1, 5, 1), key(1, 5, 2)]), Ok(()));
    assert_eq!(with(&[key(1, 5, 1)]), Err(GuardError::WrongKey(key(1, 5, 1))));
    assert_eq!(with(&[key(1, 5, 0), key(1, 5, 2)]), Err(GuardError::WrongKey(key(1, 5, 2))));
    assert_eq!(with(&[key(1, 5, 1), key(1, 5, 0)]), Err(GuardError::WrongKey(key(1, 5, 1))));
    assert_eq!(with(&[key(1, 0, 0)]), Err(GuardError::WrongKey(key(1, 0, 0))));
    assert_eq!(with(&[key(1, 5, 0), key(1, 6, 0)]), Err(GuardError::TwoCommands));
    assert_eq!(with(&[key(1, 5, 0), key(2, 5, 1)]), Err(GuardError::TwoCommands));
    let derived = FactKey::derive(RECORD, "call_back_due", "x", 0);
    assert_eq!(with(&[derived]), Err(GuardError::DerivedKey(derived)));
}

#[test]
fn a_value_that_is_no_canonical_fact_is_refused() {
    let (stored, log) = before();
    let with = |json: &str| {
        let facts = vec![StoredFact { key: key(1, 1, 0), json: json.to_owned() }];
        let built = Change::build(head(1, 1, 4, &[stored.hash]), facts).expect("buildable");
        judged(&log, built).map_err(|error| error.code())
    };
    for json in [
        "{\"t\":\"ring\",\"s\":[1,2],\"w\":3}",
        "{\"s\":[1,2],\"t\":\"ring\",\"w\":3} ",
        "{\"s\":[1,2],\"t\":\"ring\",\"t\":\"ring\",\"w\":3}",
        "{\"s\":[1,2],\"t\":\"ring\",\"w\":3.0}",
        "gone",
        "",
    ] {
        assert_eq!(with(json).map(|_| ()), Err("not_canonical"), "{json}");
    }
    for json in
        ["{}", "[]", "\"ring\"", "{\"s\":[1,2],\"t\":\"ring\"}", "{\"s\":[1],\"t\":\"a\",\"w\":3}"]
    {
        assert_eq!(with(json).map(|_| ()), Err("not_a_fact"), "{json}");
    }
    assert!(with("{\"s\":[1,2],\"t\":\"of a newer app\",\"w\":3}").is_ok());
    let error = BadFact::Shape;
    assert_eq!(GuardError::BadFact { key: key(1, 1, 0), error }.code(), "not_a_fact");
}

#[test]
fn a_record_takes_10000_facts_and_not_one_more() {
    let (stored, mut log) = before();
    let mut last = stored;
    let mut left = RECORD_FACTS_MAX - 1;
    for seq in 1.. {
        let count = left.min(1_000) as u32;
        left -= count as usize;
        let facts = (0..count).map(|i| fact(key(1, seq, i))).collect();
        let on_top = head(1, seq, last.max_op() + 1, &[last.hash]);
        last = Change::build(on_top, facts).expect("within the limits");
        if left == 0 {
            break;
        }
        log.insert(&last);
    }
    assert!(judged(&log, last.clone()).is_ok(), "exactly full");
    log.insert(&last);
    assert_eq!(log.fact_count(), RECORD_FACTS_MAX);
    let next = last.max_op() + 1;
    let more = change(1, last.seq + 1, next, &[last.hash], 99);
    assert_eq!(judged(&log, more), Err(GuardError::RecordFull));
    // What it holds already may come again.
    let again = Change::build(head(2, 1, next, &[last.hash]), last.facts).expect("buildable");
    assert!(judged(&log, again).expect("nothing new").all_had());
}

#[test]
fn a_save_keeps_queued_changes() {
    let (stored, _) = before();
    let orphan = change(1, 1, 4, &[ChangeHash([9; 32])], 1);
    let missing = DocumentError::MissingDependencies(vec![ChangeHash([9; 32])]);
    let made = Document::from_changes(RECORD, &[stored.clone(), orphan.clone()]);
    assert_eq!(made.err(), Some(missing.clone()));
    let document = Document::from_changes(RECORD, &[stored]).expect("complete");
    assert_eq!(document.with_change(&orphan).err(), Some(missing.clone()));
    // Automerge itself says nothing, and its file brings the queue along.
    let mut quiet = AutoCommit::load(&document.save()).expect("just saved");
    let change = automerge::Change::from_bytes(orphan.chunk()).expect("our bytes");
    quiet.apply_changes([change]).expect("no word about the missing one");
    assert_eq!(Document::load_trusted(&quiet.save()).err(), Some(missing));
}

#[test]
fn a_file_with_a_damaged_tail_is_not_loaded_in_part() {
    let (stored, _) = before();
    let document = Document::from_changes(RECORD, &[stored]).expect("complete");
    let mut bytes = document.save();
    bytes.extend(&honest_chunk()[..40]);
    assert!(matches!(Document::load_trusted(&bytes), Err(DocumentError::Refused(_))));
    let mut bytes = document.save();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(Document::load_trusted(&bytes).is_err());
}

#[test]
fn another_genesis_is_no_record() {
    let mut other = AutoCommit::new().with_actor(ActorId::from(&GENESIS_ACTOR[..]));
    other.put(ROOT, "id", RECORD.to_string()).expect("the root takes a put");
    other.put_object(ROOT, "facts", ObjType::Map).expect("the root takes a map");
    other.commit_with(CommitOptions::default().with_time(1));
    let error = Document::load_trusted(&other.save()).err();
    assert_eq!(error, Some(DocumentError::Shape("another genesis")));
    // As a chunk, it is a change like any other: not of facts, and of no session.
    let chunk = other.get_last_local_change().expect("one change").raw_bytes().to_vec();
    assert!(matches!(handed_in(&chunk), Err(ChunkError::WrongHead(_))));
}

#[test]
fn changes_make_the_same_document_in_any_order() {
    for seed in 0..40 {
        let scene = Scene::draw(&mut Dice::new(seed));
        let mut all: Vec<_> = scene.stored.iter().chain(&scene.pushed).cloned().collect();
        let document = Document::from_changes(scene.record, &all).expect("complete");
        all.reverse();
        let reversed = Document::from_changes(scene.record, &all).expect("complete");
        assert_eq!(document.heads(), reversed.heads());
        assert_eq!(document.facts(), reversed.facts());
        let mut read = reversed.changes().expect("changes of facts");
        read.sort_by_key(|change| change.hash);
        all.sort_by_key(|change| change.hash);
        assert_eq!(read, all);
        scene.assert_healthy(&scene.pushed);
    }
}

#[test]
fn a_file_is_cut_into_its_chunks() {
    let (stored, _) = before();
    let chunks = [genesis(RECORD).chunk, stored.chunk(), honest_chunk()];
    let file = chunks.concat();
    assert_eq!(split_chunks(&file), Ok(chunks.iter().map(Vec::as_slice).collect()));
    assert_eq!(split_chunks(&[]), Ok(vec![]));
    let cut = split_chunks(&file[..file.len() - 1]);
    assert!(matches!(cut, Err(ChunkError::Malformed(_))));
    let document = Document::from_changes(RECORD, &[stored]).expect("complete");
    assert_eq!(split_chunks(&document.save()), Err(ChunkError::NotAPlainChange(0)));
}

#[test]
fn a_panic_of_automerge_does_not_get_out() {
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    // An actor's second change beside its first: the guard refuses it, a document must survive it.
    let (stored, _) = before();
    let first = change(1, 1, 4, &[stored.hash], 1);
    let aside = change(1, 2, 3, &[genesis_hash(RECORD)], 2);
    let made = Document::from_changes(RECORD, &[aside, stored, first]);
    std::panic::set_hook(silent);
    assert_eq!(made.err(), Some(DocumentError::Panicked));
}

#[test]
fn a_thousand_forged_chunks_are_refused_or_healthy() {
    let tally = forge_chunks(1, 1_000);
    assert!(tally.passed > 1_000, "{tally:?}");
    for code in [
        "malformed_chunk",
        "wrong_checksum",
        "trailing_bytes",
        "wrong_head",
        "not_on_facts",
        "not_a_put",
        "has_predecessors",
        "not_a_text",
        "wrong_key",
        "wrong_seq",
        "wrong_start_op",
        "missing_dependency",
        "foreign_session",
        "not_canonical",
    ] {
        assert!(tally.refused.contains_key(code), "no {code} in {tally:?}");
    }
}
