//! What a document takes and loads.

use super::*;

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
