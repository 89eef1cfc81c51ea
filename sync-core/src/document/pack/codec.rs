//! The bytes of fact packs, version 1. Uncompressed: a message compresses them in one frame, and
//! equal things stand together for that.
//!
//! ```text
//! packs   = 01 , column x 8                 each column: length (varint), that many bytes
//! records = { id (16 bytes) , check (8 bytes) }           one per record, ids distinct
//! actors  = { session (8 bytes) }           each session once, in the order of first use below
//! causes  = { cause (16 bytes) }            of derived keys, as the facts column asks for them
//! hashes  = { hash (32 bytes) }             explicit dependencies, as asked for
//! numbers = { varint }                      as asked for below
//! changes = { byte }                        one per change
//! facts   = { byte }                        one per fact
//! texts   = { JSON , ff }                   one per fact; ff is in no UTF-8
//! ```
//! A varint is unsigned LEB128 in its shortest form. The reader goes through the records in order
//! and takes what it needs from the columns; at the end every column is used up.
//!
//! - Record: a number, how many changes it has (not 0).
//! - Change: its byte, bits 0 and 1: made on top of 0 the previous change of this record, 1 the
//!   genesis, 2 explicit dependencies (a number, how many; so many hashes). Bit 2: the actor is
//!   another than that of the change before in this pack (always set at the first): a number, the
//!   index of its session. Bit 3: `seq` is not 1 + this actor's last in this record of this pack
//!   (0 before its first): a number, the `seq`. Bit 4: not exactly one fact: a number, how many.
//!   In this order.
//! - Fact with a written key: its byte, bit 0 clear. Expected are the session of the last written
//!   key, or at the first fact of a change with bit 2 its actor; bit 1: another: a number, the
//!   index. Expected of `n` and `i`: if the fact before in this change is written by the same
//!   session, the same `n` and its `i` + 1; else 1 + the last `n` of that session in this pack (0
//!   before its first) and 0. Bit 2: another `n`: a number, the zigzag form of the difference in
//!   64-bit arithmetic, and 0 is expected of `i`. Bit 3: another `i`: a number.
//! - Fact with a derived key: bit 0 set. Bit 1: the next cause of the column and 0 is expected of
//!   `i`; clear: the cause of the fact before, in this change, and its `i` + 1. Bit 3: another
//!   `i`: a number.
//!
//! Everything else is refused, and so is every pack that this encoder would have written otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::{Deps, PackedChange, RecordPack};
use crate::document::wire::{ReadError, Reader, write_unsigned};
use crate::model::canonical::INTEGER_MAX;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, FactKey, RecordId, SessionId};

/// Why bytes are no packs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// More bytes than [`PACK_BYTES_MAX`] or facts than [`PACK_FACTS_MAX`].
    #[error("too large")]
    TooLarge,
    /// A version this reader does not know.
    #[error("version {0}")]
    Version(u8),
    /// A column ends early, or an integer is not in its shortest form.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Bytes after the end, or in a column that nothing asks for.
    #[error("bytes that nothing asks for")]
    Trailing,
    /// An index, a count or a flag that has no meaning.
    #[error("{0} without meaning")]
    Meaning(&'static str),
    /// A text that is not UTF-8.
    #[error("a text that is not UTF-8")]
    Text,
    /// A record that stands twice in the pack.
    #[error("a record twice")]
    DuplicateRecord,
    /// It reads, and the encoder writes the same otherwise.
    #[error("not in the one form of its content")]
    NotCanonical,
}

impl PackError {
    /// The code a refusal carries.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Version(_) => "pack_version",
            Self::DuplicateRecord => "duplicate_record",
            Self::NotCanonical => "not_canonical_pack",
            Self::Trailing => "trailing_bytes",
            Self::Read(_) | Self::Meaning(_) | Self::Text => "malformed_pack",
        }
    }
}

/// Writes packs; those without changes are left out.
pub fn encode(packs: &[RecordPack]) -> Vec<u8> {
    let mut writer = Writer::default();
    for pack in packs.iter().filter(|pack| !pack.changes.is_empty()) {
        writer.record(pack);
    }
    let columns = writer.columns;
    let columns = [
        columns.records,
        columns.actors,
        columns.causes,
        columns.hashes,
        columns.numbers,
        columns.changes,
        columns.facts,
        columns.texts,
    ];
    let mut out = Vec::with_capacity(columns.iter().map(|column| column.len() + 5).sum());
    out.push(VERSION);
    for column in columns {
        write_unsigned(&mut out, column.len() as u64);
        out.extend(column);
    }
    out
}

/// Reads packs from anyone.
///
/// # Errors
/// If `bytes` are not exactly what [`encode`] writes for some packs.
pub fn decode(bytes: &[u8]) -> Result<Vec<RecordPack>, PackError> {
    if bytes.len() > PACK_BYTES_MAX {
        return Err(PackError::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        VERSION => {}
        other => return Err(PackError::Version(other)),
    }
    let mut column = || {
        let length = reader.unsigned()?;
        reader.take(length).map(Reader::new)
    };
    let columns = Columns {
        records: column()?,
        actors: column()?,
        causes: column()?,
        hashes: column()?,
        numbers: column()?,
        changes: column()?,
        facts: column()?,
        texts: column()?,
    };
    if !reader.is_empty() {
        return Err(PackError::Trailing);
    }
    if columns.facts.rest().len() > PACK_FACTS_MAX {
        return Err(PackError::TooLarge);
    }
    let packs = Unpacker::new(columns)?.packs()?;
    if encode(&packs) == bytes { Ok(packs) } else { Err(PackError::NotCanonical) }
}

#[derive(Default)]
struct Columns<T> {
    records: T,
    actors: T,
    causes: T,
    hashes: T,
    numbers: T,
    changes: T,
    facts: T,
    texts: T,
}

/// What both sides remember to foresee what comes next.
#[derive(Default)]
struct Memory {
    /// The actor of the change before, in this pack.
    actor: Option<SessionId>,
    /// The last `seq` of each actor, in this record.
    seqs: BTreeMap<SessionId, u64>,
    /// The session expected of the next written key.
    session: Option<SessionId>,
    /// The last command number of each session, in this pack.
    numbers: BTreeMap<SessionId, u64>,
    /// The key before, in this change.
    key: Option<FactKey>,
}

impl Memory {
    fn seq(&self, actor: SessionId) -> u64 {
        self.seqs.get(&actor).map_or(1, |seq| seq.wrapping_add(1))
    }

    /// A change with `actor` begins.
    fn begin(&mut self, actor: SessionId, seq: u64) {
        if self.actor != Some(actor) {
            self.session = Some(actor);
        }
        self.actor = Some(actor);
        self.seqs.insert(actor, seq);
        self.key = None;
    }

    /// The `n` and `i` expected of the next key of `session`.
    fn written(&self, session: SessionId) -> (u64, u32) {
        match self.key {
            Some(FactKey::Written { session: before, n, i }) if before == session => {
                (n, i.wrapping_add(1))
            }
            _ => (self.numbers.get(&session).map_or(1, |n| n.wrapping_add(1)), 0),
        }
    }

    /// The cause and `i` expected of the next derived key.
    fn derived(&self) -> Option<([u8; 16], u32)> {
        match self.key {
            Some(FactKey::Derived { cause, i }) => Some((cause, i.wrapping_add(1))),
            _ => None,
        }
    }

    fn remember(&mut self, key: FactKey) {
        self.key = Some(key);
        if let FactKey::Written { session, n, .. } = key {
            self.session = Some(session);
            self.numbers.insert(session, n);
        }
    }
}

#[derive(Default)]
struct Writer {
    columns: Columns<Vec<u8>>,
    actors: BTreeMap<SessionId, u64>,
    memory: Memory,
}

impl Writer {
    fn record(&mut self, pack: &RecordPack) {
        self.columns.records.extend(pack.record.0);
        self.columns.records.extend(pack.check);
        self.number(pack.changes.len() as u64);
        self.memory.seqs.clear();
        for change in &pack.changes {
            self.change(change);
        }
    }

    fn change(&mut self, change: &PackedChange) {
        let head = self.columns.changes.len();
        self.columns.changes.push(0);
        let mut flags = match &change.deps {
            Deps::Previous => DEPS_PREVIOUS,
            Deps::Genesis => DEPS_GENESIS,
            Deps::Explicit(hashes) => {
                self.number(hashes.len() as u64);
                self.columns.hashes.extend(hashes.iter().flat_map(|hash| hash.0));
                DEPS_EXPLICIT
            }
        };
        if self.memory.actor != Some(change.actor) {
            flags |= OTHER_ACTOR;
            let index = self.session(change.actor);
            self.number(index);
        }
        if self.memory.seq(change.actor) != change.seq {
            flags |= OTHER_SEQ;
            self.number(change.seq);
        }
        if change.facts.len() != 1 {
            flags |= OTHER_COUNT;
            self.number(change.facts.len() as u64);
        }
        self.columns.changes[head] = flags;
        self.memory.begin(change.actor, change.seq);
        for fact in &change.facts {
            self.key(fact.key);
            self.columns.texts.extend(fact.json.as_bytes());
            self.columns.texts.push(TEXT_END);
        }
    }

    fn key(&mut self, key: FactKey) {
        let (flags, expected_i, i) = match key {
            FactKey::Written { session, n, i } => {
                let mut flags = 0;
                if self.memory.session != Some(session) {
                    flags |= OTHER_SESSION;
                    let index = self.session(session);
                    self.number(index);
                }
                let (expected_n, mut expected_i) = self.memory.written(session);
                if expected_n != n {
                    flags |= OTHER_N;
                    self.number(zigzag(n.wrapping_sub(expected_n)));
                    expected_i = 0;
                }
                (flags, expected_i, i)
            }
            FactKey::Derived { cause, i } => match self.memory.derived() {
                Some((before, expected_i)) if before == cause => (DERIVED, expected_i, i),
                _ => {
                    self.columns.causes.extend(cause);
                    (DERIVED | OTHER_SESSION, 0, i)
                }
            },
        };
        let other_i = if expected_i == i { 0 } else { OTHER_I };
        if other_i != 0 {
            self.number(u64::from(i));
        }
        self.columns.facts.push(flags | other_i);
        self.memory.remember(key);
    }

    fn session(&mut self, session: SessionId) -> u64 {
        let next = self.actors.len() as u64;
        *self.actors.entry(session).or_insert_with(|| {
            self.columns.actors.extend(session.0);
            next
        })
    }

    fn number(&mut self, number: u64) {
        write_unsigned(&mut self.columns.numbers, number);
    }
}

struct Unpacker<'a> {
    columns: Columns<Reader<'a>>,
    actors: Vec<SessionId>,
    memory: Memory,
}

impl<'a> Unpacker<'a> {
    fn new(mut columns: Columns<Reader<'a>>) -> Result<Self, PackError> {
        let mut actors = Vec::with_capacity(columns.actors.rest().len() / 8);
        while !columns.actors.is_empty() {
            actors.push(SessionId(columns.actors.array()?));
        }
        Ok(Self { columns, actors, memory: Memory::default() })
    }

    fn packs(mut self) -> Result<Vec<RecordPack>, PackError> {
        let mut packs = Vec::new();
        let mut seen = BTreeSet::new();
        while !self.columns.records.is_empty() {
            let record = RecordId(self.columns.records.array()?);
            if !seen.insert(record) {
                return Err(PackError::DuplicateRecord);
            }
            let check = self.columns.records.array()?;
            self.memory.seqs.clear();
            let count = self.count(self.columns.changes.rest().len())?;
            let changes = (0..count).map(|_| self.change()).collect::<Result<Vec<_>, _>>()?;
            packs.push(RecordPack { record, changes, check });
        }
        let Columns { causes, hashes, numbers, changes, facts, texts, .. } = self.columns;
        let used_up = [causes, hashes, numbers, changes, facts, texts].iter().all(Reader::is_empty);
        if used_up { Ok(packs) } else { Err(PackError::Trailing) }
    }

    fn change(&mut self) -> Result<PackedChange, PackError> {
        let flags = self.columns.changes.byte()?;
        if flags & !(DEPS_MASK | OTHER_ACTOR | OTHER_SEQ | OTHER_COUNT) != 0 {
            return Err(PackError::Meaning("a flag of a change"));
        }
        let deps = match flags & DEPS_MASK {
            DEPS_PREVIOUS => Deps::Previous,
            DEPS_GENESIS => Deps::Genesis,
            DEPS_EXPLICIT => {
                let count = self.count(self.columns.hashes.rest().len() / 32)?;
                let hashes = (0..count).map(|_| self.columns.hashes.array().map(ChangeHash));
                Deps::Explicit(hashes.collect::<Result<_, _>>()?)
            }
            _ => return Err(PackError::Meaning("a kind of dependencies")),
        };
        let actor = match self.memory.actor {
            Some(actor) if flags & OTHER_ACTOR == 0 => actor,
            _ => self.session()?,
        };
        let seq = match flags & OTHER_SEQ {
            0 => self.memory.seq(actor),
            _ => self.columns.numbers.unsigned()?,
        };
        let count = match flags & OTHER_COUNT {
            0 => 1,
            _ => self.count(self.columns.facts.rest().len())?,
        };
        self.memory.begin(actor, seq);
        let facts = (0..count).map(|_| self.fact()).collect::<Result<_, _>>()?;
        Ok(PackedChange { actor, seq, deps, facts })
    }

    fn fact(&mut self) -> Result<StoredFact, PackError> {
        let key = self.key()?;
        self.memory.remember(key);
        let rest = self.columns.texts.rest();
        let end = rest.iter().position(|byte| *byte == TEXT_END).ok_or(ReadError::End)?;
        let text = self.columns.texts.take(end as u64)?;
        self.columns.texts.byte()?;
        let json = std::str::from_utf8(text).map_err(|_| PackError::Text)?.to_owned();
        Ok(StoredFact { key, json })
    }

    fn key(&mut self) -> Result<FactKey, PackError> {
        let flags = self.columns.facts.byte()?;
        if flags & !(DERIVED | OTHER_SESSION | OTHER_N | OTHER_I) != 0 {
            return Err(PackError::Meaning("a flag of a fact"));
        }
        if flags & DERIVED != 0 {
            let (cause, i) = match flags & (OTHER_SESSION | OTHER_N) {
                0 => self.memory.derived().ok_or(PackError::Meaning("the cause before"))?,
                OTHER_SESSION => (self.columns.causes.array()?, 0),
                _ => return Err(PackError::Meaning("a flag of a derived key")),
            };
            return Ok(FactKey::Derived { cause, i: self.index(flags, i)? });
        }
        let session = match self.memory.session {
            Some(session) if flags & OTHER_SESSION == 0 => session,
            _ => self.session()?,
        };
        let (mut n, mut i) = self.memory.written(session);
        if flags & OTHER_N != 0 {
            n = n.wrapping_add(unzigzag(self.columns.numbers.unsigned()?));
            i = 0;
        }
        if n > INTEGER_MAX.unsigned_abs() {
            return Err(PackError::Meaning("a command number"));
        }
        Ok(FactKey::Written { session, n, i: self.index(flags, i)? })
    }

    fn index(&mut self, flags: u8, expected: u32) -> Result<u32, PackError> {
        if flags & OTHER_I == 0 {
            return Ok(expected);
        }
        let i = self.columns.numbers.unsigned()?;
        u32::try_from(i).map_err(|_| PackError::Meaning("the index of a fact"))
    }

    fn session(&mut self) -> Result<SessionId, PackError> {
        let index = usize::try_from(self.columns.numbers.unsigned()?).ok();
        let session = index.and_then(|index| self.actors.get(index));
        session.copied().ok_or(PackError::Meaning("the index of a session"))
    }

    /// A count of at least 1 and at most what is left: nothing is allocated on a mere promise.
    fn count(&mut self, left: usize) -> Result<usize, PackError> {
        let count = usize::try_from(self.columns.numbers.unsigned()?).ok();
        count.filter(|count| (1..=left).contains(count)).ok_or(PackError::Meaning("a count"))
    }
}

fn zigzag(difference: u64) -> u64 {
    let signed = difference as i64;
    ((signed << 1) ^ (signed >> 63)) as u64
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

const VERSION: u8 = 1;
/// Ends a text: a byte that UTF-8 never has.
const TEXT_END: u8 = 0xff;

const DEPS_MASK: u8 = 0b11;
const DEPS_PREVIOUS: u8 = 0;
const DEPS_GENESIS: u8 = 1;
const DEPS_EXPLICIT: u8 = 2;
const OTHER_ACTOR: u8 = 1 << 2;
const OTHER_SEQ: u8 = 1 << 3;
const OTHER_COUNT: u8 = 1 << 4;

const DERIVED: u8 = 1 << 0;
const OTHER_SESSION: u8 = 1 << 1;
const OTHER_N: u8 = 1 << 2;
const OTHER_I: u8 = 1 << 3;

/// Bytes of the packs in one message, unpacked.
pub const PACK_BYTES_MAX: usize = 64 << 20;

/// Facts in the packs of one message: bounds what a reader holds per byte that came.
pub const PACK_FACTS_MAX: usize = 200_000;
