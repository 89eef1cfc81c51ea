//! One sync: build the request, send it, apply the answer in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use minicbor::{Decode, Encode};

use super::answer::{Answer, Plan, list_json, parse_reference};
use super::lost::is_unreadable_pending;
use super::request::InFlight;
use super::transport::{HttpRequest, Method, accept};
use super::{Inner, Replica, convert};
use crate::engine::schedule::Failure;
use crate::engine::triage::Turn;
use crate::engine::{PendingState, RecordState, Triage};
use crate::model::id::{ChangeHash, FactKey, PersonId, RecordId, SessionId};
use crate::model::session::SessionRows;
use crate::model::time::Seen;
use crate::protocol::frame;
use crate::protocol::message::Outcome;
use crate::protocol::problem::ProblemCode;
use crate::protocol::{MEDIA_TYPE, SyncResponse};
use crate::store::{StoreError, StoreWrite};
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

impl Replica {
    /// Syncs once if the schedule says so.
    ///
    /// # Errors
    /// As [`Self::sync_once`]; the schedule already knows.
    pub async fn sync_if_due(&self) -> Result<Option<SyncReport>> {
        let due = {
            let mut inner = self.inner().await?;
            self.notice_dropped(&mut inner);
            inner.schedule.poll_due(self.clock.monotonic_ms())
        };
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
        if let Some(delay_ms) = self.inner.lock().await.schedule.patience(self.clock.monotonic_ms())
        {
            return Err(Error::RetryAfter { delay_ms });
        }
        let mut result = self.exchange().await;
        if result.as_ref().is_err_and(is_unreadable_pending) {
            result = match self.set_lost_aside().await {
                Ok(()) => self.exchange().await,
                Err(error) => Err(error),
            };
        }
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
        if let Err(Error::SignInAgain { code }) = &result {
            match ProblemCode::from_code(code) {
                Some(ProblemCode::DeviceRevoked) => self.purge_if_sent(&mut inner).await?,
                Some(ProblemCode::DeviceUnknown) => self.note_unknown(&mut inner).await?,
                _ => {}
            }
        }
        result
    }

    /// The server was restored from a backup of before this device was enrolled: it has nothing of
    /// it, and everything goes along when it is enrolled anew.
    async fn note_unknown(&self, inner: &mut Inner) -> Result<()> {
        let owner = inner.owner()?;
        if !inner.state.re_enrol {
            let write = StoreWrite::PutReEnrol { owner, re_enrol: true };
            self.store.apply("re_enrol", &[write]).await?;
            inner.state.re_enrol = true;
        }
        Ok(())
    }

    async fn exchange(&self) -> Result<SyncReport> {
        self.inner().await?.schedule.handle_started();
        if !self.hand_in().await? {
            return Ok(SyncReport { more: true, ..SyncReport::default() });
        }
        let (in_flight, alarms) = {
            let mut inner = self.inner().await?;
            let alarms = self.alarms.load(Ordering::SeqCst);
            let mut in_flight = self.build_request(&inner).await?;
            // Where there is no room to park it, the others go without it.
            if in_flight.unreadable && self.set_unreadable_aside(&mut inner).await.is_ok() {
                in_flight = self.build_request(&inner).await?;
            }
            (in_flight, alarms)
        };
        let answered = match self.send_unless_alarm("/v1/sync", &in_flight.request, alarms).await {
            Err(Error::Answered { code, .. }) if code == "cursor_from_elsewhere" => {
                return self.start_over().await;
            }
            Err(Error::Answered { code, params }) => {
                return self.refused_whole(&in_flight, code, params).await;
            }
            other => other?,
        };
        let Some(response) = answered else {
            // As if its answer had been lost; the alarm goes next.
            return Ok(SyncReport { more: true, ..SyncReport::default() });
        };
        let mut inner = self.inner().await?;
        let mut report = self.apply_answer(&mut inner, &in_flight, response).await?;
        let found = inner.triage.handle_answered(in_flight.turn, &in_flight.waiting);
        if let Some(found) = found {
            self.park(&mut inner, found).await?;
        }
        // An alarm goes before the search and does not end it.
        report.more |= in_flight.turn != Turn::Plan || inner.triage != Triage::Calm;
        Ok(report)
    }

    /// Sends, but gives the request up when an alarm is raised that is not in it: on a slow link it
    /// would stand in the alarm's way for minutes. Any request may be given up at any time.
    pub(super) async fn send_unless_alarm<A: for<'b> Decode<'b, ()>>(
        &self,
        path: &str,
        request: &impl Encode<()>,
        alarms: u64,
    ) -> Result<Option<A>> {
        let raised = self.alarm_raised.notified();
        let mut raised = std::pin::pin!(raised);
        raised.as_mut().enable();
        // Raised between the making of the request and this moment.
        if self.alarms.load(Ordering::SeqCst) != alarms {
            return Ok(None);
        }
        tokio::select! {
            answer = self.send_signed_in(path, request) => answer.map(Some),
            () = raised => Ok(None),
        }
    }

    async fn send_signed_in<A: for<'b> Decode<'b, ()>>(
        &self,
        path: &str,
        request: &impl Encode<()>,
    ) -> Result<A> {
        match self.send(path, request).await {
            // The token's life is over, or the server was restarted with another key: once more.
            Err(Error::SignInAgain { .. }) => {
                self.inner.lock().await.token = None;
                self.send(path, request).await
            }
            other => other,
        }
    }

    async fn send<A: for<'b> Decode<'b, ()>>(
        &self,
        path: &str,
        request: &impl Encode<()>,
    ) -> Result<A> {
        let token = self.token().await?;
        let request = HttpRequest {
            method: Method::Post,
            url: format!("{}{path}", self.server_url),
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
        let mut inner = self.inner().await?;
        let owner = inner.owner()?;
        inner.in_doubt = true;
        let cursors = std::mem::take(&mut inner.state.cursors);
        let mut writes: Vec<StoreWrite> = cursors
            .iter()
            .map(|(audience, _)| StoreWrite::DeleteCursor { owner, audience: *audience })
            .collect();
        writes.push(StoreWrite::PutReceiptsAfter { owner, receipts_after: 0 });
        inner.state.receipts_after = 0;
        self.store.apply("start_over", &writes).await?;
        inner.in_doubt = false;
        Ok(SyncReport { more: true, ..SyncReport::default() })
    }

    async fn apply_answer(
        &self,
        inner: &mut Inner,
        in_flight: &InFlight,
        response: SyncResponse,
    ) -> Result<SyncReport> {
        let answer = Answer::read(response)?;
        let mut plan = Plan::new(self.new_session(inner));
        self.apply_control(inner, in_flight, &answer, &mut plan).await?;
        let states = self.apply_records(inner, &in_flight.commands, &answer, &mut plan).await?;
        self.finish(inner, plan, states, in_flight, &answer).await
    }

    /// What the answer says about each record that it touches.
    pub(super) async fn apply_records(
        &self,
        inner: &Inner,
        sent: &BTreeMap<u64, ChangeHash>,
        answer: &Answer,
        plan: &mut Plan,
    ) -> Result<Vec<RecordState>> {
        let owner = inner.owner()?;
        let summary = self.store.pending_summary(owner).await?;
        let record_of: BTreeMap<u64, RecordId> =
            summary.iter().map(|row| (row.n, row.record)).collect();
        // Later words on what was refused: read only when there is one.
        if answer.receipts.keys().any(|n| !record_of.contains_key(n)) {
            self.take_later_words(owner, answer, plan).await?;
        }
        let own: BTreeSet<SessionId> =
            self.store.own_sessions(owner).await?.iter().map(|row| row.session).collect();
        let mut states = Vec::new();
        for record in answer.touched(&record_of) {
            if answer.is_purged(record) && !summary.iter().any(|row| row.record == record) {
                // Whether its rows read or not.
                plan.forget(owner, record, true);
                continue;
            }
            let Some(state) = self.state_for(inner, answer, record, plan).await? else {
                continue;
            };
            let incoming = answer.incoming(record, sent, &record_of, &own);
            let applied = state.apply(&incoming, plan.session.session)?;
            plan.take(owner, &applied, &incoming, self);
            if !applied.purged {
                states.push(applied.state);
            }
        }
        self.take_lost(inner, answer, plan)?;
        self.take_accepted_after_all(owner, answer, &states, plan).await?;
        Ok(states)
    }

    /// What was refused under a former device and stands in the record now is refused no more.
    async fn take_accepted_after_all(
        &self,
        owner: PersonId,
        answer: &Answer,
        states: &[RecordState],
        plan: &mut Plan,
    ) -> Result<()> {
        if answer.response.records.is_empty() {
            return Ok(());
        }
        let mut accepted = BTreeSet::new();
        for row in self.store.refused_apart(owner).await?.0 {
            let Some(state) = states.iter().find(|state| state.record == row.record) else {
                continue;
            };
            let facts = state.accepted.iter().flat_map(|change| &change.facts);
            let keys: BTreeSet<FactKey> = facts.map(|fact| fact.key).collect();
            // Of one that was lost or damaged here nobody knows the facts.
            let known = !row.facts.is_empty();
            if known && row.facts.iter().all(|fact| keys.contains(&fact.key)) {
                plan.writes.push(StoreWrite::DeleteRefused { owner, n: row.n });
                accepted.insert(row.n);
            }
        }
        self.tell_accepted(owner, &accepted, plan).await
    }

    /// The office's later words on commands of the refused list.
    async fn take_later_words(
        &self,
        owner: PersonId,
        answer: &Answer,
        plan: &mut Plan,
    ) -> Result<()> {
        for row in &self.store.refused_apart(owner).await?.0 {
            let receipt =
                answer.receipts.get(&row.n).copied().map(|i| &answer.response.receipts[i]);
            let Some(receipt) = receipt else { continue };
            if receipt.outcome.is_accepted() {
                plan.writes.push(StoreWrite::DeleteRefused { owner, n: row.n });
            } else if receipt.outcome == Outcome::Refused {
                // The office's word on it, e.g. `discarded` or a question, takes the place of the
                // first reason.
                let mut later = row.clone();
                later.code = receipt.code.clone().unwrap_or_default();
                later.params = receipt.params.clone().unwrap_or_default();
                if later == *row {
                    continue;
                }
                let row = later;
                plan.writes.push(StoreWrite::PutRefused { owner, row });
            }
        }
        Ok(())
    }

    /// The record an answer is about, as the phone has it. One that does not read is asked for
    /// whole, and then made anew from what the server has and its own pending commands: the rest
    /// of the answer does not wait for it.
    async fn state_for(
        &self,
        inner: &Inner,
        answer: &Answer,
        record: RecordId,
        plan: &mut Plan,
    ) -> Result<Option<RecordState>> {
        let site = answer.site_of(record);
        let first_own = inner.first_number();
        let fresh =
            || site.map(|site| RecordState { first_own, ..RecordState::empty(record, site) });
        match self.record_state(inner, record).await {
            Ok(state) => Ok(state.or_else(fresh)),
            Err(Error::Store(StoreError::Damaged { table, row })) => {
                tracing::warn!(table, row, %record, "a damaged row");
                let pending = self.store.pending(inner.owner()?, Some(record)).await;
                match (fresh(), pending) {
                    (Some(state), Ok(pending)) if answer.is_whole(record) => {
                        let pending = pending.into_iter().map(convert::pending).collect();
                        Ok(Some(RecordState { pending, ..state }))
                    }
                    // What does not read goes too; own commands stay for the server's word.
                    _ if answer.is_purged(record) => {
                        plan.forget(inner.owner()?, record, false);
                        Ok(None)
                    }
                    _ => {
                        plan.want(inner.owner()?, record);
                        Ok(None)
                    }
                }
            }
            Err(error) => Err(error),
        }
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
        let answered = in_flight.answered(response, &inner.state.case_answers);
        let gone = |question| StoreWrite::DeleteCaseAnswer { owner, question };
        writes.extend(answered.into_iter().map(gone));
        if response.re_enrol {
            writes.push(StoreWrite::PutReEnrol { owner, re_enrol: true });
        }
        Ok(())
    }

    /// Saves the whole answer in one transaction. Memory is moved first, since the list rows are
    /// made from what the answer brings; it is read anew if the store does not take it.
    async fn finish(
        &self,
        inner: &mut Inner,
        mut plan: Plan,
        states: Vec<RecordState>,
        in_flight: &InFlight,
        answer: &Answer,
    ) -> Result<SyncReport> {
        if plan.session_spent {
            plan.writes.push(StoreWrite::PutSession(plan.session));
        }
        inner.in_doubt = true;
        if plan.session_spent {
            inner.session = Some(plan.session);
        }
        answer.move_memory(inner, in_flight)?;
        self.save_answer(inner, &mut plan, &states, answer).await?;
        Ok(SyncReport {
            pushed: in_flight.commands.len() as u64,
            received: answer.response.records.len() as u64,
            refused: plan.refused,
            // A repair that was asked for and did not help is no reason to hurry.
            more: answer.response.more
                || in_flight.more
                || (in_flight.more_answers && answer.response.answered.is_some())
                || plan.wanted.iter().any(|record| !in_flight.request.repairs.contains(record)),
            re_enrol: answer.response.re_enrol,
        })
    }

    /// Writes the plan with the list rows of `states`, and brings memory up to it.
    pub(super) async fn save_answer(
        &self,
        inner: &mut Inner,
        plan: &mut Plan,
        states: &[RecordState],
        answer: &Answer,
    ) -> Result<()> {
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
        let waits = |state: &RecordState, n| {
            let mut pending = state.pending.iter();
            pending.any(|p| p.n == n && p.state != PendingState::Accepted)
        };
        // What was parked and has come otherwise keeps nothing behind it. R0.32.
        let settled = inner.settled_parked(|record, n| {
            states.iter().any(|state| state.record == record && !waits(state, n))
        });
        let unpark = settled.iter().map(|r| StoreWrite::DeleteParked { owner, record: *r });
        plan.writes.extend(unpark);
        self.store.apply("answer", &plan.writes).await?;
        inner.in_doubt = false;
        if let Some(lost) = plan.lost.take() {
            inner.lost = lost;
        }
        inner.list.extend(items);
        inner.list.retain(|record, _| !plan.purged.contains(record));
        inner
            .state
            .parked
            .retain(|record, _| !plan.purged.contains(record) && !settled.contains(record));
        inner.state.repairs.retain(|record| !plan.repaired.contains(record));
        inner.state.repairs.extend(&plan.wanted);
        Ok(())
    }
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::RetryAfter { delay_ms } => Failure::RetryAfter { delay_ms: *delay_ms },
        Error::SignInAgain { .. } => Failure::SignInAgain,
        Error::UpdateApp { .. } => Failure::UpdateApp,
        _ => Failure::Offline,
    }
}
