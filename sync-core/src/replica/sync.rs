//! One sync: build the request, send it, apply the answer in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::Signer as _;

use super::transport::{HttpRequest, Method, accept};
use super::{Inner, ListItem, Replica, convert};
use crate::document::RecordPack;
use crate::document::pack::{decode, encode};
use crate::engine::outbox::{self, Waiting};
use crate::engine::record::Incoming;
use crate::engine::schedule::Failure;
use crate::engine::{PendingState, RecordState};
use crate::model::id::{ChangeHash, RecordId, SessionId};
use crate::model::session::SessionRows;
use crate::model::time::Seen;
use crate::protocol::frame;
use crate::protocol::identity::session_statement;
use crate::protocol::limits::LIMITS;
use crate::protocol::message::{
    ClockReading, Cursor, Outcome, PhoneState, Receipt, ReferenceData, SessionRegistration,
};
use crate::protocol::{MEDIA_TYPE, SyncRequest, SyncResponse, VERSION};
use crate::store::{OwnSession, PendingRow, RefusedRow, SentRow, StoreWrite};
use crate::{Error, Result};

/// What a sync did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncReport {
    /// Commands that went out.
    pub pushed: u64,
    /// Records with something new.
    pub received: u64,
    /// Commands refused by this answer.
    pub refused: u64,
    /// The server has more: sync again at once.
    pub more: bool,
    /// The server has seen another store with this device's numbers: enrol anew.
    pub re_enrol: bool,
}

/// What is remembered of a request while it is under way.
struct InFlight {
    request: SyncRequest,
    /// The hash under which each command went out.
    commands: BTreeMap<u64, ChangeHash>,
    /// Something had to wait for the next request.
    more: bool,
}

impl Replica {
    /// Syncs once if the schedule says so.
    ///
    /// # Errors
    /// As [`Self::sync_once`]; the schedule already knows.
    pub async fn sync_if_due(&self) -> Result<Option<SyncReport>> {
        let due = self.inner.lock().await.schedule.poll_due(self.clock.monotonic_ms());
        if due { self.sync_once().await.map(Some) } else { Ok(None) }
    }

    /// Syncs until neither side has more, at most `requests_max` requests.
    ///
    /// # Errors
    /// As [`Self::sync_once`].
    pub async fn sync(&self, requests_max: u32) -> Result<SyncReport> {
        let mut total = SyncReport::default();
        for _ in 0..requests_max {
            let report = self.sync_once().await?;
            total.pushed += report.pushed;
            total.received += report.received;
            total.refused += report.refused;
            total.re_enrol |= report.re_enrol;
            total.more = report.more;
            if !report.more {
                break;
            }
        }
        Ok(total)
    }

    /// One request and its answer. Work saved meanwhile is untouched and goes with the next one.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::SignInAgain`], [`Error::UpdateApp`], [`Error::RetryAfter`]:
    /// everything is kept, the schedule knows when to try again.
    pub async fn sync_once(&self) -> Result<SyncReport> {
        let _one_at_a_time = self.in_flight.lock().await;
        if let Some(pause) = self.paused().await {
            return Err(Error::Offline { detail: format!("paused: {pause:?}") });
        }
        let result = self.exchange().await;
        let now_ms = self.clock.monotonic_ms();
        let mut inner = self.inner.lock().await;
        match &result {
            Ok(report) => inner.schedule.handle_success(now_ms, report.more),
            Err(error) => {
                let mut random = [0; 8];
                self.randomness.fill(&mut random);
                let failure = failure(error);
                inner.schedule.handle_failure(now_ms, failure, u64::from_le_bytes(random));
            }
        }
        let saved = serde_json::to_string(&inner.schedule.saved()).ok();
        if saved != inner.state.retry_json
            && let (Some(json), Ok(owner)) = (saved.clone(), inner.owner())
        {
            self.store
                .apply("schedule", &[StoreWrite::PutRetry { owner, json: Some(json) }])
                .await?;
            inner.state.retry_json = saved;
        }
        result
    }

    async fn exchange(&self) -> Result<SyncReport> {
        let in_flight = {
            let mut inner = self.inner.lock().await;
            inner.schedule.handle_started();
            self.build_request(&inner).await?
        };
        let response = match self.send(&in_flight.request).await {
            // The token's life is over, or the server was restarted with another key: once more.
            Err(Error::SignInAgain { .. }) => {
                self.inner.lock().await.token = None;
                self.send(&in_flight.request).await?
            }
            Err(Error::Answered { code, .. }) if code == "cursor_from_elsewhere" => {
                return self.start_over().await;
            }
            other => other?,
        };
        let mut inner = self.inner.lock().await;
        self.apply_answer(&mut inner, &in_flight, response).await
    }

    async fn send(&self, request: &SyncRequest) -> Result<SyncResponse> {
        let token = self.token().await?;
        let request = HttpRequest {
            method: Method::Post,
            url: format!("{}/v1/sync", self.server_url),
            content_type: MEDIA_TYPE,
            bearer: Some(token),
            body: frame::seal(request),
        };
        let body = accept(self.transport.send(request).await?)?;
        // An answer that does not parse was cut or altered on the way: as if none had come.
        frame::open(&body).map_err(|error| Error::Offline { detail: error.to_string() })
    }

    /// The server lives another life: everything is read anew. Accepted documents stay until
    /// whole ones come, own work that those lack goes back to the pending commands.
    async fn start_over(&self) -> Result<SyncReport> {
        let mut inner = self.inner.lock().await;
        let owner = inner.owner()?;
        let cursors = std::mem::take(&mut inner.state.cursors);
        let mut writes: Vec<StoreWrite> = cursors
            .iter()
            .map(|(audience, _)| StoreWrite::DeleteCursor { owner, audience: *audience })
            .collect();
        writes.push(StoreWrite::PutReceiptsAfter { owner, receipts_after: 0 });
        inner.state.receipts_after = 0;
        self.store.apply("start_over", &writes).await?;
        Ok(SyncReport { more: true, ..SyncReport::default() })
    }

    async fn build_request(&self, inner: &Inner) -> Result<InFlight> {
        let owner = inner.owner()?;
        let summary = self.store.pending_summary(owner).await?;
        let waiting: Vec<Waiting> = summary
            .iter()
            .map(|row| Waiting {
                n: row.n,
                record: row.record,
                state: convert::state(row.state),
                bytes: row.bytes,
            })
            .collect();
        let push = outbox::choose(&waiting, &LIMITS, true);
        let (packs, commands) = self.packs(inner, &push).await?;
        let sessions = self.registrations(inner).await?;
        let unsent = waiting
            .iter()
            .filter(|w| matches!(w.state, PendingState::Unsent | PendingState::NotStored));
        let state = PhoneState {
            highest_number: inner.state.highest_number,
            unsent: unsent.count() as u64,
            oldest_unsent_wall_ms: summary.iter().map(|row| row.saved_wall_ms).min(),
            app_version: self.app_version.clone(),
            storage_free_bytes: None,
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
            cursors: inner
                .state
                .cursors
                .iter()
                .map(|(audience, seen)| Cursor {
                    epoch: seen.epoch,
                    audience: *audience,
                    sequence: seen.sequence,
                })
                .collect(),
            receipts_after: inner.state.receipts_after,
            reference_version: inner.state.reference_version,
            sessions,
            state,
            packs,
            repairs: inner.state.repairs.iter().copied().take(repairs_max()).collect(),
        };
        Ok(InFlight { request, commands, more: push.more })
    }

    async fn packs(
        &self,
        inner: &Inner,
        push: &outbox::Push,
    ) -> Result<(Vec<u8>, BTreeMap<u64, ChangeHash>)> {
        let owner = inner.owner()?;
        let mut commands = BTreeMap::new();
        let mut packs = Vec::with_capacity(push.records.len());
        for (record, last) in &push.records {
            let rows = self.store.pending(owner, Some(*record)).await?;
            let chain = rows.into_iter().map(convert::pending);
            let chain = chain.filter(|p| p.state != PendingState::Accepted && p.n <= *last);
            let changes: Vec<_> = chain
                .map(|pending| {
                    commands.insert(pending.n, pending.change.hash);
                    pending.change
                })
                .collect();
            packs.push(RecordPack::from_changes(*record, &changes));
        }
        let bytes = if packs.is_empty() { Vec::new() } else { encode(&packs) };
        Ok((bytes, commands))
    }

    async fn registrations(&self, inner: &Inner) -> Result<Vec<SessionRegistration>> {
        let owner = inner.owner()?;
        let identity = inner.identity.as_ref().expect("owner() was there");
        let key = inner.signing_key()?;
        let own = self.store.own_sessions(owner).await?;
        let fresh = own.iter().filter(|session| !session.registered);
        let sessions_max = usize::try_from(LIMITS.sessions_max).expect("a small limit");
        Ok(fresh
            .take(sessions_max)
            .map(|session| {
                let mut registration = SessionRegistration {
                    session: session.session,
                    boot: session.boot,
                    opened_wall_ms: session.opened_wall_ms,
                    opened_monotonic_ms: session.opened_monotonic_ms,
                    signature: [0; 64],
                };
                let statement = session_statement(owner, identity.device, &registration);
                registration.signature = key.sign(&statement).to_bytes();
                registration
            })
            .collect())
    }

    async fn apply_answer(
        &self,
        inner: &mut Inner,
        in_flight: &InFlight,
        response: SyncResponse,
    ) -> Result<SyncReport> {
        let answer = Answer::read(response)?;
        let owner = inner.owner()?;
        let mut plan = Plan::new(self.new_session(inner));
        self.apply_control(inner, in_flight, &answer, &mut plan).await?;
        let summary = self.store.pending_summary(owner).await?;
        let record_of: BTreeMap<u64, RecordId> =
            summary.iter().map(|row| (row.n, row.record)).collect();
        let refused = self.store.refused(owner).await?;
        for row in &refused {
            let receipt =
                answer.receipts.get(&row.n).copied().map(|i| &answer.response.receipts[i]);
            let Some(receipt) = receipt else { continue };
            if receipt.outcome.is_accepted() {
                plan.writes.push(StoreWrite::DeleteRefused { owner, n: row.n });
            } else if receipt.outcome == Outcome::Refused && receipt.code != Some(row.code.clone())
            {
                // The office's word on it, e.g. `discarded`, takes the place of the first reason.
                let mut row = row.clone();
                row.code = receipt.code.clone().unwrap_or_default();
                row.params = receipt.params.clone().unwrap_or_default();
                plan.writes.push(StoreWrite::PutRefused { owner, row });
            }
        }
        let own: BTreeSet<SessionId> =
            self.store.own_sessions(owner).await?.iter().map(|row| row.session).collect();
        let mut states = Vec::new();
        for record in answer.touched(&record_of) {
            let state = self.record_state(inner, record).await?;
            let site = answer.site_of(record);
            let Some(state) = state.or_else(|| site.map(|site| RecordState::empty(record, site)))
            else {
                continue;
            };
            let incoming = answer.incoming(record, in_flight, &record_of, &own);
            let applied = state.apply(&incoming, plan.session.session)?;
            plan.take(owner, &applied, &incoming, self);
            states.push(applied.state);
        }
        self.finish(inner, plan, states, in_flight, &answer).await
    }

    /// Sessions, anchors, cursors and reference data.
    async fn apply_control(
        &self,
        inner: &Inner,
        in_flight: &InFlight,
        answer: &Answer,
        plan: &mut Plan,
    ) -> Result<()> {
        let owner = inner.owner()?;
        let response = &answer.response;
        let writes = &mut plan.writes;
        let registered = in_flight.request.sessions.iter();
        writes.extend(registered.map(|session| StoreWrite::SessionRegistered(session.session)));
        let boot = in_flight.request.clock.boot;
        writes.push(StoreWrite::PutAnchor { boot, anchor: response.anchor.into() });
        writes.extend(
            response.sessions.iter().map(|row| StoreWrite::PutForeignSession(row.clone().into())),
        );
        if let Some(reference) = &response.reference {
            // Checked before it replaces what works.
            parse_reference(&reference.json)?;
            writes.push(StoreWrite::PutReference {
                owner,
                version: reference.version,
                json: reference.json.clone(),
            });
        }
        for cursor in &response.cursors {
            let seen = Seen { epoch: cursor.epoch, sequence: cursor.sequence };
            writes.push(StoreWrite::PutCursor { owner, audience: cursor.audience, seen });
        }
        if response.receipts_after != inner.state.receipts_after {
            let receipts_after = response.receipts_after;
            writes.push(StoreWrite::PutReceiptsAfter { owner, receipts_after });
        }
        if response.epoch != inner.state.epoch {
            writes.push(StoreWrite::PutEpoch { owner, epoch: response.epoch });
        }
        if let Some(seen) = response.backed_up {
            writes.push(StoreWrite::PutBackedUp { owner, seen: Some(seen) });
            writes.push(StoreWrite::DeleteSentUpTo { owner, seen });
        }
        if response.re_enrol {
            writes.push(StoreWrite::PutReEnrol { owner, re_enrol: true });
        }
        Ok(())
    }

    /// Saves the whole answer in one transaction. Memory is moved first, since the list rows are
    /// made from what the answer brings; it is moved back if the store does not take it.
    async fn finish(
        &self,
        inner: &mut Inner,
        mut plan: Plan,
        states: Vec<RecordState>,
        in_flight: &InFlight,
        answer: &Answer,
    ) -> Result<SyncReport> {
        if plan.session_spent {
            plan.writes.push(StoreWrite::PutSession(plan.session.clone()));
        }
        let before = (inner.state.clone(), inner.reference.clone(), inner.session.clone());
        if plan.session_spent {
            inner.session = Some(plan.session.clone());
        }
        answer.move_memory(inner, in_flight)?;
        let saved = self.save_answer(inner, &mut plan, &states, answer).await;
        match saved {
            Ok(items) => {
                inner.list.extend(items);
                inner.state.repairs.retain(|record| !plan.repaired.contains(record));
                inner.state.repairs.extend(&plan.wanted);
            }
            Err(error) => {
                (inner.state, inner.reference, inner.session) = before;
                return Err(error);
            }
        }
        Ok(SyncReport {
            pushed: in_flight.commands.len() as u64,
            received: answer.response.records.len() as u64,
            refused: plan.refused,
            // A repair that was asked for and did not help is no reason to hurry.
            more: answer.response.more
                || in_flight.more
                || plan.wanted.iter().any(|record| !in_flight.request.repairs.contains(record)),
            re_enrol: answer.response.re_enrol,
        })
    }

    async fn save_answer(
        &self,
        inner: &Inner,
        plan: &mut Plan,
        states: &[RecordState],
        answer: &Answer,
    ) -> Result<BTreeMap<RecordId, ListItem>> {
        let owner = inner.owner()?;
        let served: SessionRows =
            answer.response.sessions.iter().map(|row| (row.session, row.clone().into())).collect();
        let mut items = BTreeMap::new();
        for state in states {
            let item = self.list_item(inner, state, &served).await?;
            let json = list_json(&item)?;
            plan.writes.push(StoreWrite::PutList { owner, record: state.record, json });
            items.insert(state.record, item);
        }
        self.store.apply("answer", &plan.writes).await?;
        Ok(items)
    }
}

/// A decoded answer with its parts by record.
struct Answer {
    response: SyncResponse,
    /// Index into `response.receipts` by number of command.
    receipts: BTreeMap<u64, usize>,
    /// Index into `response.records`, and the pack.
    deliveries: BTreeMap<RecordId, (usize, Option<RecordPack>)>,
}

impl Answer {
    fn read(response: SyncResponse) -> Result<Self> {
        let malformed =
            |detail: &str| Error::Malformed { what: "answer", detail: detail.to_owned() };
        let mut receipts = BTreeMap::new();
        for (index, receipt) in response.receipts.iter().enumerate() {
            if receipt.to < receipt.from || receipt.to - receipt.from > LIMITS.commands_max {
                return Err(malformed("receipt range"));
            }
            // In order of change: a later one on the same number holds.
            receipts.extend((receipt.from..=receipt.to).map(|n| (n, index)));
        }
        let packs = if response.packs.is_empty() {
            Vec::new()
        } else {
            decode(&response.packs).map_err(|error| malformed(&error.to_string()))?
        };
        let mut packs = packs.into_iter();
        let mut deliveries = BTreeMap::new();
        for (index, delivery) in response.records.iter().enumerate() {
            let pack = if delivery.has_pack {
                let pack = packs.next().ok_or_else(|| malformed("a pack is missing"))?;
                if pack.record != delivery.record {
                    return Err(malformed("a pack of another record"));
                }
                Some(pack)
            } else {
                None
            };
            deliveries.insert(delivery.record, (index, pack));
        }
        Ok(Self { response, receipts, deliveries })
    }

    /// Brings what is kept in memory up to the answer.
    fn move_memory(&self, inner: &mut Inner, in_flight: &InFlight) -> Result<()> {
        let response = &self.response;
        let state = &mut inner.state;
        let boot = in_flight.request.clock.boot;
        state.anchors.entry(boot).or_insert_with(|| response.anchor.into());
        for cursor in &response.cursors {
            let seen = Seen { epoch: cursor.epoch, sequence: cursor.sequence };
            state.cursors.retain(|(audience, _)| *audience != cursor.audience);
            state.cursors.push((cursor.audience, seen));
        }
        state.receipts_after = response.receipts_after;
        state.epoch = response.epoch;
        state.backed_up = response.backed_up.or(state.backed_up);
        state.re_enrol |= response.re_enrol;
        if let Some(reference) = &response.reference {
            state.reference_version = reference.version;
            inner.reference = parse_reference(&reference.json)?;
        }
        Ok(())
    }

    /// The records that this answer changes.
    fn touched(&self, record_of: &BTreeMap<u64, RecordId>) -> BTreeSet<RecordId> {
        let by_receipt = self.receipts.keys().filter_map(|n| record_of.get(n)).copied();
        let left = self.response.left.iter().map(|left| left.record);
        by_receipt.chain(self.deliveries.keys().copied()).chain(left).collect()
    }

    fn site_of(&self, record: RecordId) -> Option<crate::model::id::SiteId> {
        self.deliveries.get(&record).map(|(index, _)| self.response.records[*index].site)
    }

    fn incoming(
        &self,
        record: RecordId,
        in_flight: &InFlight,
        record_of: &BTreeMap<u64, RecordId>,
        own: &BTreeSet<SessionId>,
    ) -> Incoming<'_> {
        let of_record = |n: &u64| record_of.get(n) == Some(&record);
        let receipts = self.receipts.iter().filter(|(n, _)| of_record(n));
        let left = self.response.left.iter().filter(|left| left.record == record);
        Incoming {
            receipts: receipts.map(|(n, i)| (*n, &self.response.receipts[*i])).collect(),
            in_flight: in_flight
                .commands
                .iter()
                .filter(|(n, _)| of_record(n))
                .map(|(n, hash)| (*n, *hash))
                .collect(),
            delivery: self
                .deliveries
                .get(&record)
                .map(|(index, pack)| (&self.response.records[*index], pack.as_ref())),
            left: left.map(|left| left.audience).collect(),
            own: own.clone(),
        }
    }
}

/// What an answer writes.
struct Plan {
    writes: Vec<StoreWrite>,
    /// Becomes the current session if the old one is spent.
    session: OwnSession,
    session_spent: bool,
    refused: u64,
    /// Records to be asked for whole from now on.
    wanted: BTreeSet<RecordId>,
    /// Records whose earlier wish is answered.
    repaired: BTreeSet<RecordId>,
}

impl Plan {
    fn new(session: OwnSession) -> Self {
        Self {
            writes: Vec::new(),
            session,
            session_spent: false,
            refused: 0,
            wanted: BTreeSet::new(),
            repaired: BTreeSet::new(),
        }
    }

    fn take(
        &mut self,
        owner: crate::model::id::PersonId,
        applied: &crate::engine::record::Applied,
        incoming: &Incoming<'_>,
        replica: &Replica,
    ) {
        let state = &applied.state;
        let record = state.record;
        let writes = &mut self.writes;
        writes.push(convert::put_record(owner, state));
        for change in &applied.inserted {
            let change = convert::stored_change(change);
            writes.push(StoreWrite::InsertAccepted { owner, record, change });
        }
        writes.extend(applied.dropped.iter().map(|hash| StoreWrite::DeleteAccepted {
            owner,
            record,
            hash: *hash,
        }));
        let pairs = incoming.delivery.iter().flat_map(|(delivery, _)| &delivery.audiences);
        writes.extend(pairs.map(|audience| StoreWrite::PutPair {
            owner,
            record,
            audience: *audience,
        }));
        writes.extend(incoming.left.iter().map(|audience| StoreWrite::DeletePair {
            owner,
            record,
            audience: *audience,
        }));
        writes.extend(applied.settled.iter().map(|n| StoreWrite::DeletePending { owner, n: *n }));
        for pending in state.pending.iter().filter(|pending| applied.moved.contains(&pending.n)) {
            let row: PendingRow = convert::pending_row(state, pending);
            writes.push(StoreWrite::PutPending { owner, row });
        }
        for (pending, receipt) in &applied.refused {
            let row = refused_row(record, pending, receipt, replica);
            writes.push(StoreWrite::PutRefused { owner, row });
        }
        for (n, facts, accepted_at) in &applied.sent {
            let row = SentRow { n: *n, record, facts: facts.clone(), accepted_at: *accepted_at };
            writes.push(StoreWrite::PutSent { owner, row });
        }
        if applied.repair {
            writes.push(StoreWrite::PutRepair { owner, record });
            self.repaired.insert(record);
            self.wanted.insert(record);
        } else if incoming.delivery.is_some() {
            writes.push(StoreWrite::DeleteRepair { owner, record });
            self.repaired.insert(record);
        }
        self.refused += applied.refused.len() as u64;
        self.session_spent |= applied.session_spent;
    }
}

fn refused_row(
    record: RecordId,
    pending: &crate::engine::Pending,
    receipt: &Receipt,
    replica: &Replica,
) -> RefusedRow {
    RefusedRow {
        n: pending.n,
        record,
        facts: pending.change.facts.clone(),
        code: receipt.code.clone().unwrap_or_default(),
        params: receipt.params.clone().unwrap_or_default(),
        refused_wall_ms: replica.clock.wall_ms(),
    }
}

pub(super) fn list_json(item: &ListItem) -> Result<String> {
    serde_json::to_string(item)
        .map_err(|error| Error::Malformed { what: "list item", detail: error.to_string() })
}

pub(super) fn parse_reference(json: &str) -> Result<ReferenceData> {
    serde_json::from_str(json)
        .map_err(|error| Error::Malformed { what: "reference data", detail: error.to_string() })
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::RetryAfter { delay_ms } => Failure::RetryAfter { delay_ms: *delay_ms },
        Error::SignInAgain { .. } => Failure::SignInAgain,
        Error::UpdateApp { .. } => Failure::UpdateApp,
        _ => Failure::Offline,
    }
}

fn repairs_max() -> usize {
    usize::try_from(LIMITS.repairs_max).expect("a small limit")
}
