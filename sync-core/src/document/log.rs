//! What one side holds of a record's changes, without a document: the numbers that the next change
//! and the guard need.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, ChangeHead};
use super::genesis::{GENESIS_MAX_OP, genesis_hash};
use super::pack::start_op;
use crate::model::id::{ChangeHash, FactKey, RecordId, SessionId};

/// What is stored of one record, accepted or not.
pub trait RecordLog {
    /// The last operation of a stored change; `None` if it is not stored.
    fn max_op(&self, hash: &ChangeHash) -> Option<u64>;
    /// The largest `seq` stored of this actor; 0 if none.
    fn last_seq(&self, actor: SessionId) -> u64;
    /// The hash of the change with that `seq`; `None` if none is stored.
    fn last_hash(&self, actor: SessionId) -> Option<ChangeHash>;
    /// The JSON stored under this key.
    fn fact_json(&self, key: &FactKey) -> Option<&str>;
    /// How many keys are stored.
    fn fact_count(&self) -> usize;
}

impl ChangeHead {
    /// The head of the actor's next change in `record` on top of `heads`, all of them in `log` (the
    /// genesis need not be). It stands on the actor's last change too, as Automerge's own do.
    ///
    /// # Errors
    /// The head that is not in the log.
    pub fn on_top(
        record: RecordId,
        log: &(impl RecordLog + ?Sized),
        actor: SessionId,
        heads: impl IntoIterator<Item = ChangeHash>,
    ) -> Result<Self, ChangeHash> {
        let mut deps: BTreeSet<_> = heads.into_iter().collect();
        deps.extend(log.last_hash(actor));
        let deps: Vec<_> = deps.into_iter().collect();
        let genesis = genesis_hash(record);
        let start_op = start_op(&deps, |hash| {
            if *hash == genesis { Some(GENESIS_MAX_OP) } else { log.max_op(hash) }
        })?;
        Ok(Self { actor, seq: log.last_seq(actor) + 1, start_op, deps })
    }
}

/// A log in memory.
#[derive(Clone, Default)]
pub struct MemoryLog {
    max_ops: BTreeMap<ChangeHash, u64>,
    last: BTreeMap<SessionId, (u64, ChangeHash)>,
    facts: BTreeMap<FactKey, String>,
}

impl MemoryLog {
    /// Stores a change.
    pub fn insert(&mut self, change: &Change) {
        self.max_ops.insert(change.hash, change.max_op());
        note_last(&mut self.last, change);
        for fact in &change.facts {
            self.facts.entry(fact.key).or_insert_with(|| fact.json.clone());
        }
    }
}

impl RecordLog for MemoryLog {
    fn max_op(&self, hash: &ChangeHash) -> Option<u64> {
        self.max_ops.get(hash).copied()
    }

    fn last_seq(&self, actor: SessionId) -> u64 {
        self.last.get(&actor).map_or(0, |(seq, _)| *seq)
    }

    fn last_hash(&self, actor: SessionId) -> Option<ChangeHash> {
        self.last.get(&actor).map(|(_, hash)| *hash)
    }

    fn fact_json(&self, key: &FactKey) -> Option<&str> {
        self.facts.get(key).map(String::as_str)
    }

    fn fact_count(&self) -> usize {
        self.facts.len()
    }
}

impl std::fmt::Debug for MemoryLog {
    /// Redacted: names changes and keys, never content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (changes, keys) = (self.max_ops.keys(), self.facts.keys());
        f.debug_list().entries(changes).entries(keys).finish()
    }
}

pub(super) fn note_last(last: &mut BTreeMap<SessionId, (u64, ChangeHash)>, change: &Change) {
    let entry = last.entry(change.actor).or_insert((change.seq, change.hash));
    if change.seq > entry.0 {
        *entry = (change.seq, change.hash);
    }
}
