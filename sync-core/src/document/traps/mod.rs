//! The traps of Automerge that probes proved real, each a test of the guards by name.

mod chunks;
mod documents;
mod guards;

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
