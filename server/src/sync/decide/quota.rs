//! What a device's quota counts: bytes of its work that nobody has accepted and nobody has decided
//! about. A decision gives them back, whichever it is; what is discarded stays stored all the same.

use std::collections::BTreeMap;

use sync_core::document::PackedChange;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::DeviceId;

use super::{Deciding, HeldPack, Incoming, Quarantined, RecordPlan};
use crate::sync::log::{DISCARDED, LogRow, RowState, Why};

/// What keeping one fact costs beside its text: its key and its row.
const FACT_BYTES: usize = 64;

fn facts_bytes(facts: &[StoredFact]) -> u64 {
    facts.iter().map(|fact| fact.json.len() + FACT_BYTES).sum::<usize>() as u64
}

fn counts(state: RowState, why: Option<&Why>) -> bool {
    match state {
        RowState::Held => true,
        RowState::Refused => why.is_none_or(|why| why.code != DISCARDED),
        RowState::Accepted | RowState::Rewritten | RowState::Duplicate => false,
    }
}

/// What a row of the log counts.
pub fn row_bytes(row: &LogRow) -> u64 {
    if counts(row.state, row.why.as_ref()) { facts_bytes(&row.facts) } else { 0 }
}

/// What a command that is kept as it came counts.
pub(super) fn kept_bytes(kept: &Quarantined) -> u64 {
    if kept.why.code == DISCARDED { 0 } else { kept.bytes.len() as u64 }
}

/// What a held pack counts.
pub fn held_bytes(held: &HeldPack) -> u64 {
    held.pack.changes.iter().map(|change: &PackedChange| facts_bytes(&change.facts)).sum()
}

/// What a plan gives back, device by device: of rows and packs that it decides, and of packs that
/// it holds anew, which are counted again with what is new.
pub(super) fn freed(deciding: &Deciding<'_>, plan: &RecordPlan) -> BTreeMap<DeviceId, u64> {
    let mut freed = BTreeMap::new();
    let mut give = |device: DeviceId, bytes: u64| {
        if bytes > 0 {
            *freed.entry(device).or_default() += bytes;
        }
    };
    for change in &plan.row_changes {
        let row = deciding.state.rows.iter().find(|row| row.id == Some(change.id));
        let Some((row, author)) = row.and_then(|row| row.author.map(|author| (row, author))) else {
            continue;
        };
        if !counts(change.state, change.why.as_ref()) {
            give(author.device, row_bytes(row));
        }
    }
    let gone = |held: &&HeldPack| held.id.is_some_and(|id| plan.held_gone.contains(&id));
    for held in deciding.held.iter().filter(gone) {
        give(held.device, held_bytes(held));
    }
    if let Some(Incoming::Ruled { kept, .. }) = deciding.incoming {
        let decided = |id: i64| plan.kept_decided.iter().any(|decided| decided.id == id);
        for kept in kept.iter().filter(|kept| decided(kept.id)) {
            give(kept.author.device, kept.bytes);
        }
    }
    freed
}
