//! Own commands whose rows do not read. One of them holds up nothing: it is parked, what stood on
//! it is built anew, and its number is missing from what the phone says it has to send, so that the
//! office sees a gap.

use std::collections::BTreeSet;

use super::answer::{Answer, Plan};
use super::{Inner, Replica, convert};
use crate::model::id::RecordId;
use crate::protocol::message::Outcome;
use crate::store::{LostRow, PendingRow, PendingState, RefusedRow, StoreError, StoreWrite};
use crate::{Error, Result};

/// Whether a call failed because an own command's row does not read.
pub(super) fn is_unreadable_pending(error: &Error) -> bool {
    matches!(error, Error::Store(StoreError::Damaged { table: "pending", .. }))
}

impl Replica {
    /// The commands that are lost: saved here, and not readable any more.
    ///
    /// # Errors
    /// If the store does not answer, or before anybody enrolled.
    pub async fn lost(&self) -> Result<Vec<LostRow>> {
        self.set_lost_aside().await?;
        let inner = self.inner().await?;
        inner.owner()?;
        Ok(inner.lost.clone())
    }

    /// At opening there may be no room to park anything: then it is done later.
    pub(super) async fn park_at_opening(&self) -> Result<()> {
        match self.set_lost_aside().await {
            Err(Error::Store(StoreError::DiskFull)) => Ok(()),
            other => other,
        }
    }

    /// Parks what does not read.
    pub(super) async fn set_lost_aside(&self) -> Result<()> {
        let mut inner = self.inner().await?;
        self.set_unreadable_aside(&mut inner).await
    }

    /// The same, for whoever holds the memory.
    pub(super) async fn set_unreadable_aside(&self, inner: &mut Inner) -> Result<()> {
        let Ok(owner) = inner.owner() else { return Ok(()) };
        let (rows, unreadable) = self.store.pending_apart(owner).await?;
        // What was parked and is not waiting any more keeps nothing behind it. R0.32.
        let waits = |record, n| rows.iter().any(|row| row.record == record && row.n == n);
        let settled = inner.settled_parked(|record, n| !waits(record, n));
        if !(unreadable.is_empty() && settled.is_empty()) {
            let found_wall_ms = self.clock.wall_ms();
            let parked = |n: &u64| StoreWrite::ParkPending { owner, n: *n, found_wall_ms };
            let mut writes: Vec<StoreWrite> = unreadable.iter().map(parked).collect();
            writes.extend(settled.iter().map(|r| StoreWrite::DeleteParked { owner, record: *r }));
            for n in &unreadable {
                tracing::warn!(n, "a command does not read");
            }
            inner.in_doubt = true;
            self.store.apply("park", &writes).await?;
            inner.settle_doubt(&self.store).await?;
        }
        // A salvaged store lacks what is fetched again. What was purged has no row either.
        inner.list_damaged |= inner.state.cursors.is_empty()
            && rows.iter().any(|row| !inner.list.contains_key(&row.record));
        self.mend(inner, &rows).await
    }

    /// Builds the chains anew that do not hold together.
    async fn mend(&self, inner: &mut Inner, rows: &[PendingRow]) -> Result<()> {
        let owner = inner.owner()?;
        let session = self.new_session(inner);
        let mut writes = Vec::new();
        for record in suspects(inner, rows) {
            let mut state = match self.record_state(inner, record).await {
                Ok(Some(state)) => state,
                // It comes whole, and its chain is built then.
                Ok(None) | Err(Error::Store(StoreError::Damaged { .. })) => continue,
                Err(error) => return Err(error),
            };
            let first = state.chain().next().map(|pending| pending.n);
            let lost_before = inner
                .lost
                .iter()
                .any(|lost| lost.record.is_none_or(|of| of == record) && Some(lost.n) < first);
            if !state.is_torn(lost_before) {
                continue;
            }
            let moved = state.mend(session.session)?;
            let moved = state.pending.iter().filter(|pending| moved.contains(&pending.n));
            writes.extend(moved.map(|pending| StoreWrite::PutPending {
                owner,
                row: convert::pending_row(&state, pending),
            }));
        }
        if writes.is_empty() {
            return Ok(());
        }
        writes.insert(0, StoreWrite::PutSession(session));
        inner.in_doubt = true;
        self.store.apply("mend", &writes).await?;
        inner.settle_doubt(&self.store).await
    }

    /// What the server says of lost commands: it may have them.
    pub(super) fn take_lost(&self, inner: &Inner, answer: &Answer, plan: &mut Plan) -> Result<()> {
        if inner.lost.is_empty() {
            return Ok(());
        }
        let owner = inner.owner()?;
        let mut left = Vec::with_capacity(inner.lost.len());
        for lost in &inner.lost {
            let receipt = answer.receipts.get(&lost.n).map(|i| &answer.response.receipts[*i]);
            let n = lost.n;
            match receipt.map(|receipt| (receipt.outcome, receipt)) {
                None | Some((Outcome::NotStored, _)) => left.push(lost.clone()),
                Some((Outcome::Held, _)) => {
                    let state = PendingState::Held;
                    plan.writes.push(StoreWrite::PutLostState { owner, n, state });
                    left.push(LostRow { state, ..lost.clone() });
                }
                Some((Outcome::Entered | Outcome::Rewritten, _)) => {
                    plan.writes.push(StoreWrite::DeleteLost { owner, n });
                }
                Some((Outcome::Refused, receipt)) => {
                    plan.writes.push(StoreWrite::DeleteLost { owner, n });
                    plan.writes.extend(lost.record.map(|record| StoreWrite::PutRefused {
                        owner,
                        row: RefusedRow {
                            n,
                            record,
                            facts: Vec::new(),
                            code: receipt.code.clone().unwrap_or_default(),
                            params: receipt.params.clone().unwrap_or_default(),
                            refused_wall_ms: self.clock.wall_ms(),
                        },
                    }));
                }
            }
        }
        plan.lost = Some(left);
        Ok(())
    }
}

/// Records whose chains have to be looked at: a command of theirs is lost, or does not follow the
/// one before it. Costs no reading where all is well.
fn suspects(inner: &Inner, rows: &[PendingRow]) -> BTreeSet<RecordId> {
    let of_chain =
        |row: &&PendingRow| row.state != PendingState::Accepted && row.n >= inner.first_number();
    let records: BTreeSet<RecordId> = rows.iter().filter(of_chain).map(|row| row.record).collect();
    let is_suspect = |record: &RecordId| {
        let is_lost = inner.lost.iter().any(|lost| lost.record.is_none_or(|of| of == *record));
        let chain = rows.iter().filter(of_chain).filter(|row| row.record == *record);
        let chain: Vec<crate::engine::Pending> = chain.cloned().map(convert::pending).collect();
        is_lost || crate::engine::record::is_loose(&chain)
    };
    records.into_iter().filter(is_suspect).collect()
}
