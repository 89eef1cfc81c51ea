//! The stored rows of a record as the guard asks for them.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::RecordLog;
use sync_core::model::id::{ChangeHash, FactKey, SessionId};

use crate::sync::log::{Author, LogRow, RowState};

/// What is stored of a record, growing while a push is decided.
#[derive(Default)]
pub struct Log {
    max_ops: BTreeMap<ChangeHash, u64>,
    /// The `seq` and hash of each actor's last change.
    last: BTreeMap<SessionId, (u64, ChangeHash)>,
    facts: BTreeMap<FactKey, String>,
    /// Commands that stand in the log, duplicates aside.
    authors: BTreeSet<Author>,
}

impl Log {
    /// Takes a row of the log.
    pub fn insert(&mut self, row: &LogRow) {
        self.max_ops.insert(row.hash, row.max_op);
        let last = self.last.entry(row.actor).or_insert((row.seq, row.hash));
        *last = (row.seq, row.hash).max(*last);
        for fact in &row.facts {
            self.facts.entry(fact.key).or_insert_with(|| fact.json.clone());
        }
        if let Some(author) = row.author
            && row.state != RowState::Duplicate
        {
            self.authors.insert(author);
        }
    }

    pub(super) fn has_command(&self, author: &Author) -> bool {
        self.authors.contains(author)
    }
}

impl RecordLog for Log {
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
