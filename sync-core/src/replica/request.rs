//! What a request says: where the phone stands, and what it has to hand over.

use std::collections::BTreeMap;

use ed25519_dalek::{Signer as _, SigningKey};

use super::{Inner, Replica, convert};
use crate::Result;
use crate::document::RecordPack;
use crate::document::pack::encode;
use crate::engine::PendingState;
use crate::engine::outbox::{self, Waiting};
use crate::engine::triage::Turn;
use crate::model::audience::Audience;
use crate::model::id::ChangeHash;
use crate::model::time::Seen;
use crate::protocol::chain::Numbers;
use crate::protocol::identity::session_statement;
use crate::protocol::limits::{LIMITS, PARKED_RANGES_MAX};
use crate::protocol::message::{ClockReading, Cursor, PhoneState, SessionRegistration};
use crate::protocol::{SyncRequest, SyncResponse, VERSION};
use crate::store::{OwnSession, StoreError};

/// What is remembered of a request while it is under way.
pub(super) struct InFlight {
    pub(super) request: SyncRequest,
    /// The hash under which each command went out.
    pub(super) commands: BTreeMap<u64, ChangeHash>,
    /// Something had to wait for the next request.
    pub(super) more: bool,
    /// There are more answers to the office than one request takes.
    pub(super) more_answers: bool,
    /// What of the waiting commands went out.
    pub(super) push: outbox::Push,
    /// Everything that may be sent, parked commands left out.
    pub(super) waiting: Vec<Waiting>,
    /// What it is for the search after a command that the server refuses.
    pub(super) turn: Turn,
    /// A command did not read, and its record stayed behind.
    pub(super) unreadable: bool,
}

impl InFlight {
    /// The questions whose answers the server has as they stand here: one that was corrected while
    /// the request was under way is still to go.
    pub(super) fn answered(
        &self,
        response: &SyncResponse,
        saved: &BTreeMap<u64, String>,
    ) -> Vec<u64> {
        let sent = |question: &u64| {
            let mut answers = self.request.answers.iter().flatten();
            answers.find(|answer| answer.question == *question).map(|answer| &answer.text)
        };
        let had = response.answered.iter().flatten().copied();
        had.filter(|question| {
            let sent = sent(question);
            sent.is_some() && saved.get(question) == sent
        })
        .collect()
    }
}

impl Replica {
    pub(super) async fn build_request(&self, inner: &Inner) -> Result<InFlight> {
        let owner = inner.owner()?;
        let mut summary = self.store.pending_summary(owner).await?;
        // Those of a device that the phone was before are handed in on their own.
        let first = inner.first_number();
        summary.retain(|row| row.n >= first);
        let mut waiting: Vec<Waiting> = summary
            .iter()
            .map(|row| Waiting {
                n: row.n,
                record: row.record,
                state: convert::state(row.state),
                bytes: row.bytes,
                urgent: inner.is_urgent(row.record),
            })
            .collect();
        let unsent = waiting
            .iter()
            .filter(|w| matches!(w.state, PendingState::Unsent | PendingState::NotStored));
        let parked = unsent.clone().filter(|w| inner.is_parked(w.record, w.n));
        let parked = parked_ranges(parked.map(|w| w.n));
        let unsent = unsent.count() as u64;
        waiting.retain(|w| !inner.is_parked(w.record, w.n));
        let (mut may_go, turn) = inner.triage.poll(&waiting);
        let mut push = outbox::choose(&may_go, &LIMITS, true);
        let (mut packs, mut commands, mut unreadable) = self.packs(inner, &push).await?;
        if commands.is_empty() && push.more {
            // An alarm whose row does not read holds up nothing.
            may_go.iter_mut().for_each(|command| command.urgent = false);
            push = outbox::choose(&may_go, &LIMITS, true);
            (packs, commands, unreadable) = self.packs(inner, &push).await?;
        }
        let sessions = self.registrations(inner).await?;
        let state = PhoneState {
            highest_number: inner.state.highest_number,
            unsent,
            oldest_unsent_wall_ms: summary.iter().map(|row| row.saved_wall_ms).min(),
            app_version: self.app_version.clone(),
            storage_free_bytes: None,
            numbers_after: first.checked_sub(1).filter(|before| *before > 0),
            parked: (!parked.is_empty()).then_some(parked),
        };
        let identity = inner.identity.as_ref().expect("owner() was there");
        let request = SyncRequest {
            version: VERSION,
            device: identity.device,
            clock: ClockReading {
                boot: self.clock.boot_id(),
                monotonic_ms: self.clock.monotonic_ms(),
                wall_ms: self.clock.wall_ms(),
            },
            cursors: cursors(inner),
            receipts_after: inner.state.receipts_after,
            reference_version: inner.state.reference_version,
            sessions,
            state,
            packs,
            repairs: inner.state.repairs.iter().copied().take(repairs_max()).collect(),
            // Nothing but the push is searched: an answer must not look like a bad one, or like a
            // bad server.
            answers: inner.case_answers().filter(|_| turn == Turn::Plan),
        };
        let (more, more_answers) = (push.more, inner.has_more_answers());
        Ok(InFlight { request, commands, more, more_answers, push, waiting, turn, unreadable })
    }

    async fn packs(
        &self,
        inner: &Inner,
        push: &outbox::Push,
    ) -> Result<(Vec<u8>, BTreeMap<u64, ChangeHash>, bool)> {
        let owner = inner.owner()?;
        let mut commands = BTreeMap::new();
        let mut packs = Vec::with_capacity(push.records.len());
        let mut unreadable = false;
        for (record, last) in &push.records {
            let rows = match self.store.pending(owner, Some(*record)).await {
                Ok(rows) => rows,
                // One record that does not read holds up no other one.
                Err(StoreError::Damaged { table, row }) => {
                    tracing::warn!(table, row, %record, "a damaged row");
                    unreadable = true;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let chain = rows.into_iter().map(convert::pending);
            let first = inner.first_number();
            let chain = chain
                .filter(|p| p.state != PendingState::Accepted && (first..=*last).contains(&p.n));
            let changes: Vec<_> = chain
                .map(|pending| {
                    commands.insert(pending.n, pending.change.hash);
                    pending.change
                })
                .collect();
            packs.push(RecordPack::from_changes(*record, &changes));
        }
        let bytes = if packs.is_empty() { Vec::new() } else { encode(&packs) };
        Ok((bytes, commands, unreadable))
    }

    async fn registrations(&self, inner: &Inner) -> Result<Vec<SessionRegistration>> {
        let owner = inner.owner()?;
        let identity = inner.identity.as_ref().expect("owner() was there");
        let key = inner.signing_key()?;
        let own = self.store.own_sessions(owner).await?;
        let fresh = own.iter().filter(|session| !session.registered);
        let fresh = fresh.filter(|session| session.device == identity.device);
        let sessions_max = usize::try_from(LIMITS.sessions_max).expect("a small limit");
        Ok(fresh.take(sessions_max).map(|session| registration(session, &key)).collect())
    }
}

/// A session's row as the server is told of it, signed by the key of its device.
pub(super) fn registration(session: &OwnSession, key: &SigningKey) -> SessionRegistration {
    let mut registration = SessionRegistration {
        session: session.session,
        boot: session.boot,
        opened_wall_ms: session.opened_wall_ms,
        opened_monotonic_ms: session.opened_monotonic_ms,
        signature: [0; 64],
    };
    let statement = session_statement(session.person, session.device, &registration);
    registration.signature = key.sign(&statement).to_bytes();
    registration
}

fn cursors(inner: &Inner) -> Vec<Cursor> {
    let cursor = |(audience, seen): &(Audience, Seen)| Cursor {
        epoch: seen.epoch,
        audience: *audience,
        sequence: seen.sequence,
    };
    inner.state.cursors.iter().map(cursor).collect()
}

/// Numbers in order as ranges, no more than a request takes.
fn parked_ranges(numbers: impl Iterator<Item = u64>) -> Vec<Numbers> {
    let mut ranges: Vec<Numbers> = Vec::new();
    for n in numbers {
        if let Some(last) = ranges.last_mut().filter(|last| last.to.checked_add(1) == Some(n)) {
            last.to = n;
        } else if ranges.len() < PARKED_RANGES_MAX {
            ranges.push(Numbers { from: n, to: n });
        } else {
            break;
        }
    }
    ranges
}

fn repairs_max() -> usize {
    usize::try_from(LIMITS.repairs_max).expect("a small limit")
}
