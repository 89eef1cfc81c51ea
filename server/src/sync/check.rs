//! The proof that rows are enough: every accepted record rebuilt as a real Automerge document, its
//! heads and facts compared with what the rows say.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sync_core::document::{Change, Document};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{FactKey, RecordId};

use super::attestation::document_heads;
use super::load::{self, exact};
use super::log::RowState;
use crate::Result;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Records compared.
    pub records: u64,
    /// Records that are not what they should be.
    pub mismatches: Vec<Mismatch>,
}

/// A record that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The record.
    pub record: RecordId,
    /// What differs; ids only.
    pub what: String,
}

/// Records read at once.
const RECORDS_AT_ONCE: usize = 32;

/// Checks every record.
///
/// # Errors
/// If the database does not answer.
pub async fn check(conn: &mut SqliteConnection) -> Result<Checked> {
    let ids: Vec<Vec<u8>> = sqlx::query_scalar("select record from record order by record")
        .fetch_all(&mut *conn)
        .await?;
    let ids = ids.iter().map(|id| exact(id).map(RecordId)).collect::<Result<Vec<_>>>()?;
    let mut checked = Checked::default();
    for ids in ids.chunks(RECORDS_AT_ONCE) {
        for stored in load::records(conn, ids).await? {
            checked.records += 1;
            if let Err(what) = compare(&stored.state) {
                checked.mismatches.push(Mismatch { record: stored.state.record, what });
            }
        }
    }
    Ok(checked)
}

fn compare(state: &super::log::RecordState) -> Result<(), String> {
    let accepted = state.rows.iter().filter(|row| row.state == RowState::Accepted);
    let changes: Vec<Change> = accepted
        .map(|row| Change {
            actor: row.actor,
            seq: row.seq,
            start_op: row.start_op,
            deps: row.deps.clone(),
            facts: row.facts.clone(),
            hash: row.hash,
        })
        .collect();
    let document =
        Document::from_changes(state.record, &changes).map_err(|error| error.to_string())?;
    if document.heads() != document_heads(state.record, &state.heads) {
        return Err("other heads".to_owned());
    }
    let facts = document.facts().map_err(|error| error.to_string())?;
    let mut expected: BTreeMap<FactKey, &str> = BTreeMap::new();
    for fact in state.accepted_facts() {
        expected.insert(fact.key, &fact.json);
    }
    let found: BTreeMap<FactKey, &str> =
        facts.iter().map(|StoredFact { key, json }| (*key, json.as_str())).collect();
    if found == expected { Ok(()) } else { Err("other facts".to_owned()) }
}
