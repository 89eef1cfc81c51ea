//! A record as a real Automerge document, for whoever looks at one: check, export, simulator and
//! the guard of foreign chunks. Never on the hot path; never loads bytes a phone made.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, ROOT, ReadDoc, ScalarValue, Value};

use super::change::Change;
use super::chunk_guard::{ChunkError, read_chunk};
use super::genesis::{FACTS_OP, GENESIS_ACTOR, genesis};
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, FactKey, RecordId};

/// Why there is no such document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Changes that others stand on are not among those given.
    #[error("{} dependencies are missing", .0.len())]
    MissingDependencies(Vec<ChangeHash>),
    /// Automerge refuses: damaged bytes, or one seq of an actor used twice.
    #[error("automerge refuses: {0}")]
    Refused(String),
    /// Automerge panicked.
    #[error("automerge panicked")]
    Panicked,
    /// Automerge calls a change by another hash than our builder.
    #[error("a change has another hash in automerge")]
    WrongHash(ChangeHash),
    /// What the document holds is no record: another root, a value that is no text, two values
    /// under one key, or a change that is none of facts.
    #[error("no record: {0}")]
    Shape(&'static str),
}

/// A record as an Automerge document.
#[derive(Clone)]
pub struct Document {
    record: RecordId,
    automerge: Automerge,
}

impl Document {
    /// The document of these changes, given in any order, on the record's genesis.
    ///
    /// # Errors
    /// If a dependency is missing, or Automerge does not take them.
    pub fn from_changes(record: RecordId, changes: &[Change]) -> Result<Self, DocumentError> {
        let genesis = genesis(record);
        let chunks = changes.iter().map(|change| (change.hash, change.chunk()));
        let chunks = std::iter::once((genesis.hash, genesis.chunk)).chain(chunks);
        let empty = Self { record, automerge: Automerge::new() };
        caught(|| empty.with_chunks(chunks))
    }

    /// This document and one more change, applied to a copy, saved and loaded again to see that
    /// it can be.
    ///
    /// # Errors
    /// If a dependency is missing, or Automerge does not take it or could not load it again.
    pub fn with_change(&self, change: &Change) -> Result<Self, DocumentError> {
        caught(|| {
            let next = self.clone().with_chunks(std::iter::once((change.hash, change.chunk())))?;
            next.automerge.save_and_verify().map_err(refused)?;
            Ok(next)
        })
    }

    /// Loads what [`Self::save`] gave on this very installation.
    ///
    /// # Errors
    /// If it does not load, holds changes whose dependencies are missing, or is no record.
    pub fn load_trusted(bytes: &[u8]) -> Result<Self, DocumentError> {
        caught(|| {
            let automerge = Automerge::load(bytes).map_err(refused)?;
            let id = match automerge.get(ROOT, "id").map_err(refused)? {
                Some((Value::Scalar(id), _)) => id.as_str().and_then(|id| id.parse().ok()),
                _ => None,
            };
            let record = id.ok_or(DocumentError::Shape("no id"))?;
            let loaded = Self { record, automerge };
            loaded.check_complete()?;
            let ours = automerge::ChangeHash(genesis(record).hash.0);
            match loaded.automerge.get_change_by_hash(&ours) {
                Some(_) => Ok(loaded),
                None => Err(DocumentError::Shape("another genesis")),
            }
        })
    }

    /// The file any Automerge tool opens.
    pub fn save(&self) -> Vec<u8> {
        self.automerge.save()
    }

    /// The record's id.
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// The changes nothing stands on, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> =
            self.automerge.get_heads().iter().map(|hash| ChangeHash(hash.0)).collect();
        heads.sort_unstable();
        heads
    }

    /// Every fact, by key.
    ///
    /// # Errors
    /// If the document holds what no guard lets pass.
    pub fn facts(&self) -> Result<Vec<StoredFact>, DocumentError> {
        let Some((_, map)) = self.automerge.get(ROOT, "facts").map_err(refused)? else {
            return Err(DocumentError::Shape("no facts"));
        };
        if map != facts_id() {
            return Err(DocumentError::Shape("another map of facts"));
        }
        let mut facts = BTreeMap::new();
        for text in self.automerge.keys(&map) {
            let key: FactKey = text.parse().map_err(|_| DocumentError::Shape("a key"))?;
            // The same fact put by two changes stands there twice: equal is no conflict.
            for (value, _) in self.automerge.get_all(&map, text.as_str()).map_err(refused)? {
                let Some(json) = scalar_text(&value) else {
                    return Err(DocumentError::Shape("a value that is no text"));
                };
                if facts.insert(key, json.to_owned()).is_some_and(|before| before != json) {
                    return Err(DocumentError::Shape("two values under one key"));
                }
            }
        }
        Ok(facts.into_iter().map(|(key, json)| StoredFact { key, json }).collect())
    }

    /// Every change but the genesis, dependencies before dependants.
    ///
    /// # Errors
    /// If one is no change of facts.
    pub fn changes(&self) -> Result<Vec<Change>, ChunkError> {
        let genesis = genesis(self.record).hash.0;
        let changes = self.automerge.get_changes(&[]);
        let changes = changes.iter().filter(|change| change.hash().0 != genesis);
        changes.map(|change| read_chunk(change.raw_bytes())).collect()
    }

    fn with_chunks(
        mut self,
        chunks: impl Iterator<Item = (ChangeHash, Vec<u8>)>,
    ) -> Result<Self, DocumentError> {
        let mut changes = Vec::new();
        for (hash, chunk) in chunks {
            let change = automerge::Change::from_bytes(chunk)
                .map_err(|error| DocumentError::Refused(error.to_string()))?;
            if change.hash().0 != hash.0 {
                return Err(DocumentError::WrongHash(hash));
            }
            changes.push(change);
        }
        self.automerge.apply_changes(changes).map_err(refused)?;
        self.check_complete()?;
        Ok(self)
    }

    /// Automerge takes a change whose dependencies are missing, says nothing and keeps it in a
    /// queue, which it even saves.
    fn check_complete(&self) -> Result<(), DocumentError> {
        let missing = self.automerge.get_missing_deps(&[]);
        if missing.is_empty() {
            return Ok(());
        }
        let missing: BTreeSet<_> = missing.iter().map(|hash| ChangeHash(hash.0)).collect();
        Err(DocumentError::MissingDependencies(missing.into_iter().collect()))
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (record, heads) = (self.record, self.heads());
        f.debug_struct("Document").field("record", &record).field("heads", &heads).finish()
    }
}

/// The heads of a record without a document: call once for each of its changes, dependencies
/// first, beginning with the genesis as the only head.
pub fn heads_after(heads: &mut BTreeSet<ChangeHash>, change: &Change) {
    for dependency in &change.deps {
        heads.remove(dependency);
    }
    heads.insert(change.hash);
}

/// Automerge panics on some forged input; nothing of it gets out.
pub(super) fn caught<T>(
    act: impl FnOnce() -> Result<T, DocumentError>,
) -> Result<T, DocumentError> {
    // Unwind safe: `act` owns what it changes, or drops it with the panic.
    catch_unwind(AssertUnwindSafe(act)).unwrap_or(Err(DocumentError::Panicked))
}

fn refused(error: automerge::AutomergeError) -> DocumentError {
    DocumentError::Refused(error.to_string())
}

fn scalar_text<'a>(value: &'a Value<'_>) -> Option<&'a str> {
    match value {
        Value::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Str(text) => Some(text.as_str()),
            _ => None,
        },
        Value::Object(_) => None,
    }
}

fn facts_id() -> automerge::ObjId {
    automerge::ObjId::Id(FACTS_OP, automerge::ActorId::from(&GENESIS_ACTOR[..]), 0)
}
