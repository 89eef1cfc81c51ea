//! A change and the one builder of its bytes: identical to what Automerge itself writes, so that
//! only facts and hashes need to travel and no document is loaded to make a change.

use std::collections::BTreeSet;

use super::chunk;
use crate::model::canonical::INTEGER_MAX;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, FactKey, SessionId};

/// A change: what one command (or one act of the server) adds to a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The session that made it.
    pub actor: SessionId,
    /// Its number among this actor's changes in the record, from 1.
    pub seq: u64,
    /// The number of its first operation: 1 + the largest of its dependencies.
    pub start_op: u64,
    /// The changes it was made on top of, sorted; not necessarily minimal.
    pub deps: Vec<ChangeHash>,
    /// What it puts into the record, one operation each, in this order.
    pub facts: Vec<StoredFact>,
    /// What it is called.
    pub hash: ChangeHash,
}

/// What a change says about itself besides its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeHead {
    /// The session that makes it.
    pub actor: SessionId,
    /// Its number among this actor's changes in the record, from 1.
    pub seq: u64,
    /// 1 + the largest `max_op` of its dependencies.
    pub start_op: u64,
    /// Its dependencies in any order.
    pub deps: Vec<ChangeHash>,
}

/// Why a change cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// It puts nothing.
    #[error("a change without facts")]
    NoFacts,
    /// More facts than [`CHANGE_FACTS_MAX`].
    #[error("{0} facts in one change")]
    TooManyFacts(usize),
    /// A chunk of more bytes than [`CHANGE_BYTES_MAX`].
    #[error("a change of {0} bytes")]
    TooLarge(usize),
    /// It stands on nothing, not even the genesis.
    #[error("a change without dependencies")]
    NoDependencies,
    /// A dependency is named twice.
    #[error("a dependency named twice")]
    DuplicateDependency,
    /// Two facts with one key.
    #[error("the key {0} twice in one change")]
    DuplicateKey(FactKey),
    /// A command number beyond 2^53, which has no text form.
    #[error("a key with a number beyond 2^53")]
    KeyNumber,
    /// A seq of 0 or beyond 2^53.
    #[error("the seq {0}")]
    Seq(u64),
    /// A first operation before the genesis's last or beyond [`START_OP_MAX`].
    #[error("the first operation {0}")]
    StartOp(u64),
}

impl BuildError {
    /// The code a refusal carries.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFacts => "no_facts",
            Self::TooManyFacts(_) | Self::TooLarge(_) => "too_large",
            Self::NoDependencies => "no_dependencies",
            Self::DuplicateDependency => "duplicate_dependency",
            Self::DuplicateKey(_) => "duplicate_key",
            Self::KeyNumber => "wrong_key",
            Self::Seq(_) => "wrong_seq",
            Self::StartOp(_) => "wrong_start_op",
        }
    }
}

impl Change {
    /// Builds the change that puts `facts` in the given order.
    ///
    /// # Errors
    /// If it breaks a limit, or is no change a record can take.
    pub fn build(mut head: ChangeHead, facts: Vec<StoredFact>) -> Result<Self, BuildError> {
        check_facts(&facts)?;
        if head.seq == 0 || head.seq > INTEGER_MAX.unsigned_abs() {
            return Err(BuildError::Seq(head.seq));
        }
        if head.start_op <= super::GENESIS_MAX_OP || head.start_op > START_OP_MAX {
            return Err(BuildError::StartOp(head.start_op));
        }
        head.deps.sort_unstable();
        if head.deps.is_empty() {
            return Err(BuildError::NoDependencies);
        }
        if head.deps.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(BuildError::DuplicateDependency);
        }
        let ChangeHead { actor, seq, start_op, deps } = head;
        let mut change = Self { actor, seq, start_op, deps, facts, hash: ChangeHash([0; 32]) };
        // A cheap bound first: the body of a forged pack must not be assembled to be measured.
        let least: usize = change.facts.iter().map(|fact| fact.json.len()).sum();
        if least > CHANGE_BYTES_MAX {
            return Err(BuildError::TooLarge(least));
        }
        let (hash, chunk) = chunk::wrap(&change.body());
        if chunk.len() > CHANGE_BYTES_MAX {
            return Err(BuildError::TooLarge(chunk.len()));
        }
        change.hash = hash;
        Ok(change)
    }

    /// The number of its last operation.
    pub fn max_op(&self) -> u64 {
        self.start_op + self.facts.len() as u64 - 1
    }

    /// Its Automerge chunk.
    pub fn chunk(&self) -> Vec<u8> {
        chunk::wrap(&self.body()).1
    }

    fn body(&self) -> Vec<u8> {
        let head = chunk::Head {
            actor: self.actor,
            seq: self.seq,
            start_op: self.start_op,
            deps: &self.deps,
        };
        chunk::body(&head, &self.facts)
    }
}

impl std::fmt::Debug for Change {
    /// Names its facts; never shows their content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change")
            .field("hash", &self.hash)
            .field("actor", &self.actor)
            .field("seq", &self.seq)
            .field("start_op", &self.start_op)
            .field("deps", &self.deps)
            .field("facts", &self.facts)
            .finish()
    }
}

fn check_facts(facts: &[StoredFact]) -> Result<(), BuildError> {
    if facts.is_empty() {
        return Err(BuildError::NoFacts);
    }
    if facts.len() > CHANGE_FACTS_MAX {
        return Err(BuildError::TooManyFacts(facts.len()));
    }
    if facts.iter().any(|f| f.key.number().is_some_and(|n| n > INTEGER_MAX.unsigned_abs())) {
        return Err(BuildError::KeyNumber);
    }
    let mut keys = BTreeSet::new();
    match facts.iter().find(|fact| !keys.insert(fact.key)) {
        Some(fact) => Err(BuildError::DuplicateKey(fact.key)),
        None => Ok(()),
    }
}

/// Bytes of one change's chunk.
pub const CHANGE_BYTES_MAX: usize = 64 << 10;

/// Facts in one change.
pub const CHANGE_FACTS_MAX: usize = 2_000;

/// The first operation of a change. Automerge counts operations in 32 bits and panics on every
/// replica at the honest write after one near the end.
pub const START_OP_MAX: u64 = 1 << 31;
