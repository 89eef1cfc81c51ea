//! The guard of what a phone pushes (DESIGN 6), without a document: builds the changes of a pack
//! over what the log says and tells for each whether the record can take it. Decides nothing about
//! roles or rules; that comes after.

use std::collections::BTreeMap;

use super::change::{BuildError, Change};
use super::genesis::{GENESIS_MAX_OP, genesis_hash};
use super::log::{RecordLog, note_last};
use super::pack::{InvalidChange, PackedChange, RecordPack, check_of, start_op};
use crate::model::fact::{BadFact, Fact, StoredFact};
use crate::model::id::{ChangeHash, DeviceId, FactKey, PersonId, RecordId, SessionId};

/// Why the guard does not let a change pass. What fails is kept as it came, never dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// It stands on a change that is neither in the log nor passed earlier in the pack: hold it.
    #[error("a dependency is missing")]
    MissingDependency {
        /// What is missing; `None` if it is an earlier change of the pack that has no hash because
        /// it cannot be built.
        hash: Option<ChangeHash>,
    },
    /// It names a previous change and is the first of its pack.
    #[error("the first change of a pack names a previous one")]
    NoPrevious,
    /// It breaks a rule of the builder.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Its `seq` does not follow the actor's last one in this record.
    #[error("seq {found} where {expected} follows")]
    WrongSeq {
        /// 1 + the actor's last.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// It does not stand on the actor's last change in this record. Automerge's own changes always
    /// name it, and Automerge panics where it meets an actor's changes out of their order.
    #[error("not on top of the actor's last change")]
    NotOnOwnLast {
        /// The actor's last change.
        last: ChangeHash,
    },
    /// Its first operation does not follow its dependencies.
    #[error("first operation {found} where {expected} follows")]
    WrongStartOp {
        /// 1 + the largest of its dependencies.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// A session nobody has registered.
    #[error("the session {0} is not registered")]
    UnknownSession(SessionId),
    /// A session of another person or device than the pack's.
    #[error("the session {0} is another's")]
    ForeignSession(SessionId),
    /// A phone wrote a key that only the server derives.
    #[error("the key {0} is the server's to write")]
    DerivedKey(FactKey),
    /// Its facts belong to several commands.
    #[error("facts of two commands in one change")]
    TwoCommands,
    /// A command number of 0, or facts of a command that are not numbered 0, 1, 2 ...
    #[error("the key {0} is out of order")]
    WrongKey(FactKey),
    /// Another value is stored under this key.
    #[error("the fact {0} is already written otherwise")]
    EditedOldFact(FactKey),
    /// The value is no fact in canonical form.
    #[error("the fact {key}: {error}")]
    BadFact {
        /// Its key.
        key: FactKey,
        /// What is wrong.
        error: BadFact,
    },
    /// The record would exceed [`RECORD_FACTS_MAX`].
    #[error("the record is full")]
    RecordFull,
}

impl GuardError {
    /// The code a receipt carries.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingDependency { .. } => "missing_dependency",
            Self::NoPrevious => "no_previous",
            Self::Build(error) => error.code(),
            Self::WrongSeq { .. } => "wrong_seq",
            Self::NotOnOwnLast { .. } => "not_on_own_last",
            Self::WrongStartOp { .. } => "wrong_start_op",
            Self::UnknownSession(_) => "unknown_session",
            Self::ForeignSession(_) => "foreign_session",
            Self::DerivedKey(_) => "derived_key",
            Self::TwoCommands => "two_commands_in_one_change",
            Self::WrongKey(_) => "wrong_key",
            Self::EditedOldFact(_) => "edited_old_fact",
            Self::BadFact { error: BadFact::NotCanonical(_), .. } => "not_canonical",
            Self::BadFact { error: BadFact::Shape, .. } => "not_a_fact",
            Self::RecordFull => "record_full",
        }
    }
}

/// A change that may be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardedChange {
    /// The change.
    pub change: Change,
    /// The parsed view of its facts, in the same order.
    pub facts: Vec<Fact>,
    /// The log, or the pack earlier, holds this very change: it came before.
    pub in_log: bool,
    /// Which of its keys are stored already, with the same bytes.
    pub had: Vec<FactKey>,
}

impl GuardedChange {
    /// Whether every fact is stored already, be it by a change of another hash: answer
    /// `already_had`.
    pub fn all_had(&self) -> bool {
        self.had.len() == self.change.facts.len()
    }
}

/// Whether the hash of the last change is the one the sender computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It is.
    Holds,
    /// It is not: the builders disagree; refuse the whole pack, loudly.
    Fails,
    /// The last change could not be built.
    Unknown,
}

/// What the guard says of a pack.
#[derive(Debug)]
pub struct Guarded {
    /// One verdict per change, in the pack's order.
    pub changes: Vec<Result<GuardedChange, GuardError>>,
    /// The pack's check.
    pub check: Check,
}

/// The guard of one record during one push.
pub struct Guard<'a, L: ?Sized, O> {
    record: RecordId,
    log: &'a L,
    owner: O,
    author: (PersonId, DeviceId),
    passed: Passed,
    /// Built and not passed: only to compute the hashes of what stands on them.
    refused: BTreeMap<ChangeHash, u64>,
}

/// What has passed so far: stored, as far as the rest of the pack is concerned.
#[derive(Default)]
struct Passed {
    max_ops: BTreeMap<ChangeHash, u64>,
    last: BTreeMap<SessionId, (u64, ChangeHash)>,
    facts: BTreeMap<FactKey, String>,
}

impl<'a, L, O> Guard<'a, L, O>
where
    L: RecordLog + ?Sized,
    O: Fn(SessionId) -> Option<(PersonId, DeviceId)>,
{
    /// A guard that lets pass what `author` wrote; `owner` knows whose a session is.
    pub fn new(record: RecordId, log: &'a L, owner: O, author: (PersonId, DeviceId)) -> Self {
        let mut passed = Passed::default();
        passed.max_ops.insert(genesis_hash(record), GENESIS_MAX_OP);
        Self { record, log, owner, author, passed, refused: BTreeMap::new() }
    }

    /// Walks through a pack of this guard's record.
    ///
    /// # Panics
    /// If the pack is another record's.
    pub fn walk(&mut self, pack: &RecordPack) -> Guarded {
        assert_eq!(pack.record, self.record, "a guard is made for one record");
        let genesis = genesis_hash(self.record);
        let mut changes = Vec::with_capacity(pack.changes.len());
        let mut previous = Previous::Nothing;
        for packed in &pack.changes {
            let (verdict, link) = self.packed(packed, genesis, previous);
            previous = link;
            changes.push(verdict);
        }
        let check = match previous {
            Previous::Hash(hash) if check_of(&hash) == pack.check => Check::Holds,
            Previous::Hash(_) => Check::Fails,
            Previous::Missing(_) | Previous::Nothing => Check::Unknown,
        };
        Guarded { changes, check }
    }

    /// Judges a built change and, if it passes, counts it as stored for those after it.
    ///
    /// # Errors
    /// If the record cannot take it.
    pub fn pass(&mut self, change: Change) -> Result<GuardedChange, GuardError> {
        let (hash, max_op) = (change.hash, change.max_op());
        match self.judge(change) {
            Ok(guarded) => {
                self.admit(&guarded.change);
                Ok(guarded)
            }
            Err(error) => {
                self.refused.insert(hash, max_op);
                Err(error)
            }
        }
    }

    /// Judges a built change; counts nothing as stored.
    ///
    /// # Errors
    /// If the record cannot take it.
    pub fn judge(&self, change: Change) -> Result<GuardedChange, GuardError> {
        self.check_owner(change.actor)?;
        self.check_keys(&change)?;
        let expected = start_op(&change.deps, |hash| self.stored_max_op(hash))
            .map_err(|hash| GuardError::MissingDependency { hash: Some(hash) })?;
        if change.start_op != expected {
            return Err(GuardError::WrongStartOp { expected, found: change.start_op });
        }
        let in_log = self.stored_max_op(&change.hash).is_some();
        if !in_log {
            self.check_follows(&change)?;
        }
        let mut had = Vec::new();
        for fact in &change.facts {
            match self.stored_json(&fact.key) {
                Some(json) if json == fact.json => had.push(fact.key),
                Some(_) => return Err(GuardError::EditedOldFact(fact.key)),
                None => {}
            }
        }
        let new = change.facts.len() - had.len();
        if new > 0 && self.log.fact_count() + self.passed.facts.len() + new > RECORD_FACTS_MAX {
            return Err(GuardError::RecordFull);
        }
        let facts = change
            .facts
            .iter()
            .map(|fact| fact.parse().map_err(|error| GuardError::BadFact { key: fact.key, error }));
        let facts = facts.collect::<Result<_, _>>()?;
        Ok(GuardedChange { change, facts, in_log, had })
    }

    /// Whether all of these facts are stored with the same bytes: same number and same facts are
    /// `already_had`, whatever the change, and also where it does not pass.
    pub fn all_stored(&self, facts: &[StoredFact]) -> bool {
        facts.iter().all(|fact| self.stored_json(&fact.key) == Some(fact.json.as_str()))
    }

    /// Counts a change as stored for those after it.
    pub fn admit(&mut self, change: &Change) {
        self.passed.max_ops.insert(change.hash, change.max_op());
        note_last(&mut self.passed.last, change);
        for fact in &change.facts {
            if self.log.fact_json(&fact.key).is_none() {
                self.passed.facts.entry(fact.key).or_insert_with(|| fact.json.clone());
            }
        }
    }

    fn packed(
        &mut self,
        packed: &PackedChange,
        genesis: ChangeHash,
        previous: Previous,
    ) -> (Result<GuardedChange, GuardError>, Previous) {
        let missing = |hash| (Err(GuardError::MissingDependency { hash }), Previous::Missing(hash));
        let previous = match (&packed.deps, previous) {
            (super::pack::Deps::Previous, Previous::Missing(hash)) => return missing(hash),
            (_, Previous::Hash(hash)) => Some(hash),
            (_, Previous::Missing(_) | Previous::Nothing) => None,
        };
        let Some(deps) = packed.deps.resolve(genesis, previous) else {
            return (Err(GuardError::NoPrevious), Previous::Missing(None));
        };
        // A change on top of a refused one is built too: its hash says whether the check holds.
        let start_op = start_op(&deps, |hash| {
            self.stored_max_op(hash).or_else(|| self.refused.get(hash).copied())
        });
        match start_op.map(|start_op| packed.build(deps, start_op)) {
            Err(hash) => missing(Some(hash)),
            Ok(Err(error)) => (Err(error.into()), Previous::Missing(None)),
            Ok(Ok(change)) => {
                let hash = change.hash;
                (self.pass(change), Previous::Hash(hash))
            }
        }
    }

    fn check_owner(&self, session: SessionId) -> Result<(), GuardError> {
        match (self.owner)(session) {
            Some(owner) if owner == self.author => Ok(()),
            Some(_) => Err(GuardError::ForeignSession(session)),
            None => Err(GuardError::UnknownSession(session)),
        }
    }

    /// A new change follows its actor's last one, by number and as a dependency.
    fn check_follows(&self, change: &Change) -> Result<(), GuardError> {
        let in_log = (self.log.last_seq(change.actor), self.log.last_hash(change.actor));
        let in_pack = self.passed.last.get(&change.actor);
        let (seq, hash) = match in_pack {
            Some((seq, hash)) if *seq > in_log.0 => (*seq, Some(*hash)),
            _ => in_log,
        };
        let expected = seq.saturating_add(1);
        if change.seq != expected {
            return Err(GuardError::WrongSeq { expected, found: change.seq });
        }
        match hash {
            Some(last) if !change.deps.contains(&last) => Err(GuardError::NotOnOwnLast { last }),
            _ => Ok(()),
        }
    }

    fn check_keys(&self, change: &Change) -> Result<(), GuardError> {
        let mut command = None;
        for (place, fact) in (0_u32..).zip(&change.facts) {
            let FactKey::Written { session, n, i } = fact.key else {
                return Err(GuardError::DerivedKey(fact.key));
            };
            if command.is_none() {
                self.check_owner(session)?;
            }
            if *command.get_or_insert((session, n)) != (session, n) {
                return Err(GuardError::TwoCommands);
            }
            if n == 0 || i != place {
                return Err(GuardError::WrongKey(fact.key));
            }
        }
        Ok(())
    }

    fn stored_max_op(&self, hash: &ChangeHash) -> Option<u64> {
        self.passed.max_ops.get(hash).copied().or_else(|| self.log.max_op(hash))
    }

    fn stored_json(&self, key: &FactKey) -> Option<&str> {
        self.log.fact_json(key).or_else(|| self.passed.facts.get(key).map(String::as_str))
    }
}

/// What "the previous change" means to the next one of a pack.
#[derive(Clone, Copy)]
enum Previous {
    Nothing,
    Hash(ChangeHash),
    /// It could not be built, because of this hash if there is one.
    Missing(Option<ChangeHash>),
}

impl From<InvalidChange> for GuardError {
    fn from(error: InvalidChange) -> Self {
        match error {
            InvalidChange::NoPrevious => Self::NoPrevious,
            InvalidChange::Build(error) => Self::Build(error),
        }
    }
}

/// Facts in one record; phones deny commands long before.
pub const RECORD_FACTS_MAX: usize = 10_000;
