//! Between the engine's view of a record and the store's rows; nothing is decided here.

use crate::Result;
use crate::document::Change;
use crate::engine::{Pending, PendingState, RecordState};
use crate::model::id::PersonId;
use crate::model::session::{Origin, SessionRow};
use crate::model::time::Anchor;
use crate::store::{
    self, ChangeHeader, Identity, OwnSession, PendingRow, RecordRow, StoreWrite, StoredChange,
};

/// A record as the engine sees it.
pub(super) fn record_state(row: RecordRow, first_own: u64) -> Result<RecordState> {
    Ok(RecordState {
        record: row.record,
        site: row.site,
        present: row.present,
        audiences: row.audiences,
        attestation: row.attestation,
        accepted: row.accepted.into_iter().map(change).collect(),
        pending: row.pending.into_iter().map(pending).collect(),
        first_own,
    })
}

fn change(stored: StoredChange) -> Change {
    let StoredChange { actor, seq, start_op, deps, hash, facts } = stored;
    Change { actor, seq, start_op, deps, facts, hash }
}

/// A change as the store keeps it.
pub(super) fn stored_change(change: &Change) -> StoredChange {
    StoredChange {
        actor: change.actor,
        seq: change.seq,
        start_op: change.start_op,
        deps: change.deps.clone(),
        hash: change.hash,
        facts: change.facts.clone(),
    }
}

/// A pending command as the engine sees it.
pub(super) fn pending(row: PendingRow) -> Pending {
    Pending {
        n: row.n,
        saved_wall_ms: row.saved_wall_ms,
        state: state(row.state),
        code: row.code,
        params: row.params,
        change: change(row.change.with_facts(row.facts)),
    }
}

/// The engine's word for the store's.
pub(super) fn state(state: store::PendingState) -> PendingState {
    match state {
        store::PendingState::Unsent | store::PendingState::Sent => PendingState::Unsent,
        store::PendingState::Held => PendingState::Held,
        store::PendingState::NotStored => PendingState::NotStored,
        store::PendingState::Accepted => PendingState::Accepted,
    }
}

fn stored_state(state: PendingState) -> store::PendingState {
    match state {
        PendingState::Unsent => store::PendingState::Unsent,
        PendingState::Held => store::PendingState::Held,
        PendingState::NotStored => store::PendingState::NotStored,
        PendingState::Accepted => store::PendingState::Accepted,
    }
}

/// A pending command as the store keeps it.
pub(super) fn pending_row(state: &RecordState, pending: &Pending) -> PendingRow {
    PendingRow {
        n: pending.n,
        record: state.record,
        saved_wall_ms: pending.saved_wall_ms,
        state: stored_state(pending.state),
        code: pending.code.clone(),
        params: pending.params.clone(),
        facts: pending.change.facts.clone(),
        change: ChangeHeader {
            actor: pending.change.actor,
            seq: pending.change.seq,
            start_op: pending.change.start_op,
            deps: pending.change.deps.clone(),
            hash: pending.change.hash,
        },
    }
}

/// The row that says how the phone holds the record.
pub(super) fn put_record(owner: PersonId, state: &RecordState) -> StoreWrite {
    StoreWrite::PutRecord {
        owner,
        record: state.record,
        site: state.site,
        present: state.present,
        attestation: state.attestation,
        parked: None,
    }
}

/// An own session as everyone will see it once it is registered.
pub(super) fn session_row(
    session: &OwnSession,
    identity: &Identity,
    anchor: Option<Anchor>,
) -> SessionRow {
    SessionRow {
        session: session.session,
        person: identity.person,
        device: session.device,
        origin: Origin::Phone,
        boot: session.boot,
        opened_wall_ms: session.opened_wall_ms,
        opened_monotonic_ms: session.opened_monotonic_ms,
        anchor,
    }
}
