//! The bytes of a change chunk in Automerge's storage format, as far as facts need it: frame,
//! columns, run-length coding. Writes without limits and without judgement; [`super::change`] and
//! [`super::chunk_guard`] judge.
//!
//! A chunk is `85 6f 4a 83`, the first four bytes of its hash, its type (1), the length of its
//! body, the body. Its hash is SHA-256 over type, length and body.

use sha2::{Digest, Sha256};

use super::genesis::{FACTS_OP, GENESIS_ACTOR};
use super::wire::{write_signed, write_unsigned};
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, SessionId};

pub(super) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub(super) const CHANGE_TYPE: u8 = 1;
/// The action "put a value".
pub(super) const PUT: u64 = 1;
/// The low four bits of a value's metadata: a UTF-8 string. The rest is its length.
pub(super) const TEXT: u64 = 6;

/// The columns of a change that facts use: `id << 4 | type`, in the order they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Column {
    ObjectActor = 0x01,
    ObjectCounter = 0x02,
    KeyText = 0x15,
    Insert = 0x34,
    Action = 0x42,
    ValueMeta = 0x56,
    Value = 0x57,
    PredCount = 0x70,
}

/// What a change says about itself besides its facts.
pub(super) struct Head<'a> {
    pub(super) actor: SessionId,
    pub(super) seq: u64,
    pub(super) start_op: u64,
    pub(super) deps: &'a [ChangeHash],
}

/// The body of the change that puts `facts` (not empty, keys distinct), one operation each.
pub(super) fn body(head: &Head<'_>, facts: &[StoredFact]) -> Vec<u8> {
    let texts: usize = facts.iter().map(|fact| fact.json.len() + 40).sum();
    let mut body = Vec::with_capacity(texts + 32 * head.deps.len() + 96);
    write_unsigned(&mut body, head.deps.len() as u64);
    for dependency in head.deps {
        body.extend(dependency.0);
    }
    body.push(8);
    body.extend(head.actor.0);
    write_unsigned(&mut body, head.seq);
    write_unsigned(&mut body, head.start_op);
    // Time 0, no message; one other actor, which is index 1 below: the genesis's.
    body.extend([0, 0, 1, 16]);
    body.extend(GENESIS_ACTOR);
    write_columns(&mut body, &columns(facts));
    body
}

fn columns(facts: &[StoredFact]) -> [(Column, Vec<u8>); 8] {
    let count = facts.len() as u64;
    let mut key_texts = Vec::with_capacity(facts.len() * 24);
    write_signed(&mut key_texts, -(facts.len() as i64));
    let mut values = Vec::with_capacity(facts.iter().map(|fact| fact.json.len()).sum());
    for fact in facts {
        let key = fact.key.to_string();
        write_unsigned(&mut key_texts, key.len() as u64);
        key_texts.extend(key.into_bytes());
        values.extend(fact.json.as_bytes());
    }
    let mut insert = Vec::new();
    write_unsigned(&mut insert, count);
    [
        (Column::ObjectActor, equal(count, 1)),
        (Column::ObjectCounter, equal(count, FACTS_OP)),
        (Column::KeyText, key_texts),
        (Column::Insert, insert),
        (Column::Action, equal(count, PUT)),
        (Column::ValueMeta, run_lengths(facts.iter().map(|f| (f.json.len() as u64) << 4 | TEXT))),
        (Column::Value, values),
        (Column::PredCount, equal(count, 0)),
    ]
}

/// `count` times the same value.
fn equal(count: u64, value: u64) -> Vec<u8> {
    run_lengths((0..count).map(|_| value))
}

/// Run-length coding: two or more equal values are `count, value`; values that differ from their
/// neighbours are `-count, value, value ...`.
fn run_lengths(values: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut single: Vec<u64> = Vec::new();
    let mut values = values.peekable();
    while let Some(value) = values.next() {
        let mut count = 1_i64;
        while values.next_if_eq(&value).is_some() {
            count += 1;
        }
        if count == 1 {
            single.push(value);
        } else {
            flush(&mut out, &mut single);
            write_signed(&mut out, count);
            write_unsigned(&mut out, value);
        }
    }
    flush(&mut out, &mut single);
    out
}

fn flush(out: &mut Vec<u8>, single: &mut Vec<u64>) {
    if !single.is_empty() {
        write_signed(out, -(single.len() as i64));
        for value in single.drain(..) {
            write_unsigned(out, value);
        }
    }
}

/// The number of columns, then specification and length of each, then their data; empty ones are
/// left out.
pub(super) fn write_columns(body: &mut Vec<u8>, columns: &[(Column, Vec<u8>)]) {
    let written = || columns.iter().filter(|(_, data)| !data.is_empty());
    write_unsigned(body, written().count() as u64);
    for (column, data) in written() {
        write_unsigned(body, *column as u64);
        write_unsigned(body, data.len() as u64);
    }
    for (_, data) in written() {
        body.extend(data);
    }
}

/// The hash of a change chunk with this body.
pub(super) fn hash(body: &[u8]) -> ChangeHash {
    let mut head = vec![CHANGE_TYPE];
    write_unsigned(&mut head, body.len() as u64);
    ChangeHash(Sha256::new().chain_update(head).chain_update(body).finalize().into())
}

/// The whole chunk around a body.
pub(super) fn wrap(body: &[u8]) -> (ChangeHash, Vec<u8>) {
    let hash = hash(body);
    let mut chunk = Vec::with_capacity(body.len() + 13);
    chunk.extend(MAGIC);
    chunk.extend(&hash.0[..4]);
    chunk.push(CHANGE_TYPE);
    write_unsigned(&mut chunk, body.len() as u64);
    chunk.extend(body);
    (hash, chunk)
}
