//! Changes and packs before the guard without a document.

use super::*;

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
