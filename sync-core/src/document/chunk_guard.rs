//! The full guard for Automerge chunks from a file that somebody hands in. Automerge itself checks
//! no checksum on a chunk, panics on some forged ones, accepts some it can never load again and
//! can be made to ask for gigabytes; so the bytes are read here first, as strictly as the builder
//! writes them, and Automerge sees only what has passed.

use super::change::{BuildError, CHANGE_BYTES_MAX, CHANGE_FACTS_MAX, Change, ChangeHead};
use super::chunk::{self, CHANGE_TYPE, MAGIC, PUT, TEXT};
use super::document::{Document, DocumentError};
use super::genesis::{FACTS_OP, GENESIS_ACTOR, genesis_hash};
use super::guard::{Guard, GuardError, GuardedChange};
use super::log::RecordLog;
use super::wire::{ReadError, Reader};
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, DeviceId, FactKey, PersonId, SessionId};

/// Why a chunk is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Larger than a change may be, or a file of more chunks than one record has facts.
    #[error("too large")]
    TooLarge,
    /// The bytes end early, an integer is not in its shortest form, or no chunk begins here.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// A document, a compressed change, a bundle, or something new.
    #[error("a chunk of type {0}, not a plain change")]
    NotAPlainChange(u8),
    /// The first four bytes of the hash are not what the chunk says.
    #[error("wrong checksum")]
    WrongChecksum,
    /// Bytes after the chunk or inside it after the change.
    #[error("bytes that belong to nothing")]
    TrailingBytes,
    /// It has a time, a message or an actor that is no session.
    #[error("a change with {0}")]
    WrongHead(&'static str),
    /// An operation that is no put into a map.
    #[error("an operation that is no put")]
    NotAPut,
    /// A put on anything but the `facts` map of the genesis.
    #[error("a put outside the facts")]
    NotOnFacts,
    /// An operation that overwrites another.
    #[error("an operation with predecessors")]
    HasPredecessors,
    /// A value that is no text.
    #[error("a value that is no text")]
    NotAText,
    /// A key that names no fact.
    #[error("a key that is no fact's")]
    WrongKey,
    /// It reads, and the builder writes the same otherwise.
    #[error("not the bytes the builder writes")]
    NotCanonical,
    /// It breaks a rule of the builder.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The record cannot take it.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Automerge does not take it, or could not load it again.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl ChunkError {
    /// The code a refusal carries.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed(_) => "malformed_chunk",
            Self::NotAPlainChange(_) => "not_a_plain_change",
            Self::WrongChecksum => "wrong_checksum",
            Self::TrailingBytes => "trailing_bytes",
            Self::WrongHead(_) => "wrong_head",
            Self::NotAPut => "not_a_put",
            Self::NotOnFacts => "not_on_facts",
            Self::HasPredecessors => "has_predecessors",
            Self::NotAText => "not_a_text",
            Self::WrongKey => "wrong_key",
            Self::NotCanonical => "not_canonical_chunk",
            Self::Build(error) => error.code(),
            Self::Guard(error) => error.code(),
            Self::Document(_) => "not_loadable",
        }
    }
}

impl From<ReadError> for ChunkError {
    fn from(error: ReadError) -> Self {
        Self::Malformed(match error {
            ReadError::End => "it ends early",
            ReadError::Integer => "an integer in no shortest form",
        })
    }
}

/// The guard of one record's chunks.
pub struct ChunkGuard<'a, L: ?Sized, O> {
    guard: Guard<'a, L, O>,
    document: Document,
}

impl<'a, L, O> ChunkGuard<'a, L, O>
where
    L: RecordLog + ?Sized,
    O: Fn(SessionId) -> Option<(PersonId, DeviceId)>,
{
    /// A guard over `document`, which holds every change of the guard's log.
    pub fn new(guard: Guard<'a, L, O>, document: Document) -> Self {
        Self { guard, document }
    }

    /// Judges one chunk; if it passes, it counts as stored for those after it. The record's own
    /// genesis passes as `None`: files hold it, and every side makes it.
    ///
    /// # Errors
    /// If it is no change of facts, the record cannot take it, or Automerge could not.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<Option<GuardedChange>, ChunkError> {
        if frame(bytes)?.1 == genesis_hash(self.document.record()) {
            return Ok(None);
        }
        let guarded = self.guard.judge(read_chunk(bytes)?)?;
        self.document = self.document.with_change(&guarded.change)?;
        self.guard.admit(&guarded.change);
        Ok(Some(guarded))
    }

    /// The document with everything that passed.
    pub fn into_document(self) -> Document {
        self.document
    }
}

/// Cuts a file into its chunks, without looking into them.
///
/// # Errors
/// If it is anything but plain changes one after another.
pub fn split_chunks(file: &[u8]) -> Result<Vec<&[u8]>, ChunkError> {
    let mut chunks = Vec::new();
    let mut reader = Reader::new(file);
    while !reader.is_empty() {
        let start = reader.rest();
        header(&mut reader)?;
        let length = start.len() - reader.rest().len();
        if length > CHANGE_BYTES_MAX || chunks.len() > super::guard::RECORD_FACTS_MAX {
            return Err(ChunkError::TooLarge);
        }
        chunks.push(&start[..length]);
    }
    Ok(chunks)
}

/// Reads one chunk as a change, without a document and without Automerge.
///
/// # Errors
/// If it is not exactly what the builder writes for some change.
pub fn read_chunk(bytes: &[u8]) -> Result<Change, ChunkError> {
    let (body, _) = frame(bytes)?;
    let mut reader = Reader::new(body);
    let head = read_head(&mut reader)?;
    let facts = Columns::read(&mut reader)?.facts()?;
    let change = Change::build(head, facts)?;
    // Whatever was read leniently above differs here.
    if change.chunk() == bytes { Ok(change) } else { Err(ChunkError::NotCanonical) }
}

/// The body of the one chunk in `bytes` and its hash, which its checksum matches.
fn frame(bytes: &[u8]) -> Result<(&[u8], ChangeHash), ChunkError> {
    if bytes.len() > CHANGE_BYTES_MAX {
        return Err(ChunkError::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    let (checksum, body) = header(&mut reader)?;
    if !reader.is_empty() {
        return Err(ChunkError::TrailingBytes);
    }
    let hash = chunk::hash(body);
    if hash.0.starts_with(&checksum) { Ok((body, hash)) } else { Err(ChunkError::WrongChecksum) }
}

/// The checksum and the body of the next chunk.
fn header<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8]), ChunkError> {
    if reader.array()? != MAGIC {
        return Err(ChunkError::Malformed("no chunk begins here"));
    }
    let checksum = reader.array()?;
    match reader.byte()? {
        CHANGE_TYPE => {}
        other => return Err(ChunkError::NotAPlainChange(other)),
    }
    let length = reader.unsigned()?;
    Ok((checksum, reader.take(length)?))
}

fn read_head(reader: &mut Reader<'_>) -> Result<ChangeHead, ChunkError> {
    let count = reader.unsigned()?;
    // Not reserved in advance: the count is only a promise.
    let deps = (0..count).map(|_| reader.array().map(ChangeHash)).collect::<Result<_, _>>()?;
    let actor = read_actor(reader)?;
    let actor = actor.try_into().map_err(|_| ChunkError::WrongHead("an actor that is no session"));
    let actor = actor.map(SessionId)?;
    let (seq, start_op) = (reader.unsigned()?, reader.unsigned()?);
    if reader.signed()? != 0 {
        return Err(ChunkError::WrongHead("a time"));
    }
    if reader.unsigned()? != 0 {
        return Err(ChunkError::WrongHead("a message"));
    }
    // The genesis's actor only: without it nothing can be on its map, and any other would be
    // there to be overwritten.
    match reader.unsigned()? {
        0 => Err(ChunkError::NotOnFacts),
        1 if read_actor(reader)? == GENESIS_ACTOR => Ok(ChangeHead { actor, seq, start_op, deps }),
        1 => Err(ChunkError::NotOnFacts),
        _ => Err(ChunkError::HasPredecessors),
    }
}

fn read_actor<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ReadError> {
    let length = reader.unsigned()?;
    reader.take(length)
}

/// The columns of a change by their specification.
struct Columns<'a>(Vec<(u64, &'a [u8])>);

impl<'a> Columns<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ChunkError> {
        let count = reader.unsigned()?;
        if count > COLUMNS_MAX {
            return Err(ChunkError::Malformed("too many columns"));
        }
        let heads = (0..count).map(|_| Ok((reader.unsigned()?, reader.unsigned()?)));
        let heads = heads.collect::<Result<Vec<_>, ReadError>>()?;
        let columns = heads.into_iter().map(|(column, length)| Ok((column, reader.take(length)?)));
        let columns = columns.collect::<Result<Vec<_>, ReadError>>()?;
        if reader.is_empty() { Ok(Self(columns)) } else { Err(ChunkError::TrailingBytes) }
    }

    fn column(&self, column: chunk::Column) -> &'a [u8] {
        let found = self.0.iter().find(|(specification, _)| *specification == column as u64);
        found.map_or(&[], |(_, data)| data)
    }

    fn facts(&self) -> Result<Vec<StoredFact>, ChunkError> {
        use chunk::Column;
        if let Some((column, _)) = self.0.iter().find(|(column, _)| !KNOWN_COLUMNS.contains(column))
        {
            return Err(match column {
                0x71 | 0x73 => ChunkError::HasPredecessors,
                _ if column & COMPRESSED != 0 => ChunkError::Malformed("a compressed column"),
                _ => ChunkError::NotAPut,
            });
        }
        let actions = numbers(self.column(Column::Action))?;
        if actions.iter().any(|action| *action != Some(PUT)) {
            return Err(ChunkError::NotAPut);
        }
        let all = |column, value| -> Result<bool, ChunkError> {
            let values = numbers(self.column(column))?;
            Ok(values.len() == actions.len() && values.iter().all(|found| *found == Some(value)))
        };
        if !all(Column::ObjectActor, 1)? || !all(Column::ObjectCounter, FACTS_OP)? {
            return Err(ChunkError::NotOnFacts);
        }
        if !all(Column::PredCount, 0)? {
            return Err(ChunkError::HasPredecessors);
        }
        let keys = texts(self.column(Column::KeyText))?;
        let metas = numbers(self.column(Column::ValueMeta))?;
        if keys.len() != actions.len() || metas.len() != actions.len() {
            return Err(ChunkError::Malformed("columns of different lengths"));
        }
        let mut values = Reader::new(self.column(Column::Value));
        let facts = keys.iter().zip(metas).map(|(key, meta)| {
            let key: Option<FactKey> = key.parse().ok();
            let meta = meta.filter(|meta| meta & 0xf == TEXT).ok_or(ChunkError::NotAText)?;
            let json = std::str::from_utf8(values.take(meta >> 4)?);
            let json = json.map_err(|_| ChunkError::NotAText)?.to_owned();
            Ok(StoredFact { key: key.ok_or(ChunkError::WrongKey)?, json })
        });
        facts.collect()
    }
}

/// Reads a run-length coded column of at most as many items as a change may have: a run of a
/// thousand million costs its author six bytes.
fn runs<'a, T: Copy>(
    data: &'a [u8],
    read: impl Fn(&mut Reader<'a>) -> Result<T, ChunkError>,
) -> Result<Vec<Option<T>>, ChunkError> {
    let mut items = Vec::new();
    let mut reader = Reader::new(data);
    while !reader.is_empty() {
        let count = reader.signed()?;
        let (repeats, singles, nulls) = match count {
            1.. => (count.unsigned_abs(), 0, 0),
            0 => (0, 0, reader.unsigned()?),
            _ => (0, count.unsigned_abs(), 0),
        };
        let room = (CHANGE_FACTS_MAX - items.len()) as u64;
        if repeats > room || singles > room || nulls > room {
            return Err(ChunkError::TooLarge);
        }
        if repeats > 0 {
            let item = read(&mut reader)?;
            items.extend((0..repeats).map(|_| Some(item)));
        }
        for _ in 0..singles {
            items.push(Some(read(&mut reader)?));
        }
        items.extend((0..nulls).map(|_| None));
    }
    Ok(items)
}

fn numbers(data: &[u8]) -> Result<Vec<Option<u64>>, ChunkError> {
    runs(data, |reader| Ok(reader.unsigned()?))
}

fn texts(data: &[u8]) -> Result<Vec<&str>, ChunkError> {
    let texts = runs(data, |reader| {
        let length = reader.unsigned()?;
        std::str::from_utf8(reader.take(length)?).map_err(|_| ChunkError::WrongKey)
    });
    texts?.into_iter().map(|text| text.ok_or(ChunkError::NotAPut)).collect()
}

/// Automerge itself has 14 columns.
const COLUMNS_MAX: u64 = 16;

/// The columns the builder writes.
const KNOWN_COLUMNS: [u64; 8] = [0x01, 0x02, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70];

/// The bit of a column's specification that says it is compressed.
const COMPRESSED: u64 = 8;
