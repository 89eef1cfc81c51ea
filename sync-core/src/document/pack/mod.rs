//! Fact packs: changes on the wire as facts. The receiver builds the changes itself; numbers that
//! follow are not sent, and `start_op` never is: it is 1 + the largest `max_op` of the
//! dependencies. [`codec`] has the bytes.

pub mod codec;

use std::collections::BTreeMap;

pub use codec::{PACK_BYTES_MAX, PACK_FACTS_MAX, PackError, decode, encode};

use super::change::{BuildError, Change, ChangeHead};
use super::genesis::{GENESIS_MAX_OP, genesis_hash};
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, RecordId, SessionId};

/// What a packed change was made on top of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deps {
    /// The change before it in the pack, and nothing else.
    Previous,
    /// The record's genesis, and nothing else.
    Genesis,
    /// These changes.
    Explicit(Vec<ChangeHash>),
}

/// A change as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedChange {
    /// The session that made it.
    pub actor: SessionId,
    /// Its number among this actor's changes in the record.
    pub seq: u64,
    /// What it was made on top of.
    pub deps: Deps,
    /// What it puts into the record.
    pub facts: Vec<StoredFact>,
}

/// Changes of one record, dependencies before dependants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPack {
    /// The record.
    pub record: RecordId,
    /// Its changes.
    pub changes: Vec<PackedChange>,
    /// The first 8 bytes of the last change's hash: two builders that disagree must not fork
    /// silently.
    pub check: [u8; 8],
}

/// What [`RecordPack::build`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The changes up to where it stopped.
    pub changes: Vec<Change>,
    /// Why it stopped; `None` if everything was built and the check holds.
    pub stopped: Option<Stop>,
}

/// Why a pack was not built to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// A dependency that is neither known nor earlier in the pack.
    MissingDependency {
        /// Which change of the pack needs it.
        index: usize,
        /// What is missing.
        hash: ChangeHash,
    },
    /// A change that no record can take.
    Invalid {
        /// Which change of the pack.
        index: usize,
        /// What is wrong with it.
        error: InvalidChange,
    },
    /// Everything was built and the last hash is not the sender's: refuse all of it.
    CheckMismatch,
}

/// What is wrong with a packed change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChange {
    /// The first change of a pack has no previous one.
    #[error("the first change of a pack names a previous one")]
    NoPrevious,
    /// It breaks a rule of the builder.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl RecordPack {
    /// Packs changes, dependencies before dependants. An empty pack is left out by [`encode`].
    pub fn from_changes(record: RecordId, changes: &[Change]) -> Self {
        let genesis = genesis_hash(record);
        let mut previous = None;
        let packed = changes.iter().map(|change| {
            let deps = match change.deps[..] {
                [only] if Some(only) == previous => Deps::Previous,
                [only] if only == genesis => Deps::Genesis,
                _ => Deps::Explicit(change.deps.clone()),
            };
            previous = Some(change.hash);
            let (actor, seq, facts) = (change.actor, change.seq, change.facts.clone());
            PackedChange { actor, seq, deps, facts }
        });
        let packed = packed.collect();
        let check = changes.last().map_or([0; 8], |last| check_of(&last.hash));
        Self { record, changes: packed, check }
    }

    /// Builds the changes until something is missing. `known` answers the `max_op` of a change
    /// that the receiver holds; the genesis need not be among them.
    ///
    /// Judges nothing but what a builder must: see [`super::guard`] for packs from phones.
    pub fn build(&self, known: impl Fn(&ChangeHash) -> Option<u64>) -> Built {
        let genesis = genesis_hash(self.record);
        let mut max_ops = BTreeMap::from([(genesis, GENESIS_MAX_OP)]);
        let mut built = Built { changes: Vec::with_capacity(self.changes.len()), stopped: None };
        for (index, packed) in self.changes.iter().enumerate() {
            let previous = built.changes.last().map(|change: &Change| change.hash);
            let Some(deps) = packed.deps.resolve(genesis, previous) else {
                built.stopped = Some(Stop::Invalid { index, error: InvalidChange::NoPrevious });
                return built;
            };
            let max_op = |hash: &ChangeHash| max_ops.get(hash).copied().or_else(|| known(hash));
            let start_op = match start_op(&deps, max_op) {
                Ok(start_op) => start_op,
                Err(hash) => {
                    built.stopped = Some(Stop::MissingDependency { index, hash });
                    return built;
                }
            };
            match packed.build(deps, start_op) {
                Ok(change) => {
                    max_ops.insert(change.hash, change.max_op());
                    built.changes.push(change);
                }
                Err(error) => {
                    built.stopped = Some(Stop::Invalid { index, error: error.into() });
                    return built;
                }
            }
        }
        if built.changes.last().is_some_and(|last| check_of(&last.hash) != self.check) {
            built.stopped = Some(Stop::CheckMismatch);
        }
        built
    }
}

impl Deps {
    /// The hashes, given the record's genesis and the change before; `None` if there is none.
    pub(super) fn resolve(
        &self,
        genesis: ChangeHash,
        previous: Option<ChangeHash>,
    ) -> Option<Vec<ChangeHash>> {
        match self {
            Self::Previous => previous.map(|hash| vec![hash]),
            Self::Genesis => Some(vec![genesis]),
            Self::Explicit(hashes) => Some(hashes.clone()),
        }
    }
}

impl PackedChange {
    pub(super) fn build(&self, deps: Vec<ChangeHash>, start_op: u64) -> Result<Change, BuildError> {
        let head = ChangeHead { actor: self.actor, seq: self.seq, start_op, deps };
        Change::build(head, self.facts.clone())
    }
}

/// The first operation of a change on top of `deps`, or the dependency that is not known.
pub(super) fn start_op(
    deps: &[ChangeHash],
    max_op: impl Fn(&ChangeHash) -> Option<u64>,
) -> Result<u64, ChangeHash> {
    let mut largest = 0;
    for dependency in deps {
        largest = largest.max(max_op(dependency).ok_or(*dependency)?);
    }
    Ok(largest.saturating_add(1))
}

/// The part of a last change's hash that goes with a pack.
pub(super) fn check_of(hash: &ChangeHash) -> [u8; 8] {
    *hash.0.first_chunk().expect("a hash is longer than a check")
}

#[cfg(test)]
mod tests;
