//! Commands on a phone: judged by the rules, chained, and saved in one transaction.

use std::sync::atomic::Ordering;

use super::lost::is_unreadable_pending;
use super::{Inner, ListItem, Replica, convert};
use crate::engine::{PendingState, RecordState};
use crate::model::fact::StoredFact;
use crate::model::id::{DeviceId, FactKey, RecordId, SessionId};
use crate::model::session::SessionRows;
use crate::protocol::limits::LIMITS;
use crate::rules::statement::{Language, Statement, statement};
use crate::rules::{
    Command, Denial, DenialCode, Moment, Review, inbox, perform, projection, roles_told,
};
use crate::store::{OwnSession, StoreWrite};
use crate::{Error, Result};

/// A command that was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Performed {
    /// The record it was written to; a new one for a command that creates.
    pub record: RecordId,
    /// Its number.
    pub n: u64,
    /// The key of its first fact, e.g. the id of a visit that it set out on.
    pub key: FactKey,
}

impl Replica {
    /// Performs a command. When it returns, its facts are saved: committed to storage, all or
    /// none. `record` is `None` for a command that creates one.
    ///
    /// # Errors
    /// [`Error::Denied`] by a rule, [`Error::Store`] by the storage; nothing is saved then.
    pub async fn perform(&self, command: &Command, record: Option<RecordId>) -> Result<Performed> {
        match self.try_perform(command, record).await {
            Err(error) if is_unreadable_pending(&error) => {
                self.set_lost_aside().await?;
                self.try_perform(command, record).await
            }
            other => other,
        }
    }

    async fn try_perform(&self, command: &Command, record: Option<RecordId>) -> Result<Performed> {
        let mut inner = self.inner().await?;
        let owner = inner.owner()?;
        let n = inner.state.highest_number + 1;
        // An alarm stands in a session of its own: nothing before it has to arrive first.
        let session = if command.is_urgent() {
            inner.session = None;
            self.new_session(&inner)
        } else {
            self.session_for_writing(&inner)
        };
        let state = self.target(&inner, command, record, session.session, n).await?;
        let review = if record.is_some() {
            Some(self.review_state(&inner, &state, &SessionRows::new()).await?)
        } else {
            None
        };
        let moment = self.moment(&inner, &state, session.session, n);
        let facts = self.judge(&inner, command, review.as_ref(), &moment)?;
        let saved = self.save(&mut inner, "command", &session, state, n, facts).await;
        if saved.is_ok() && command.is_urgent() {
            self.alarms.fetch_add(1, Ordering::SeqCst);
            self.alarm_raised.notify_waiters();
        }
        if saved.is_ok() {
            debug_assert_eq!(inner.state.highest_number, n, "{owner}");
        }
        saved
    }

    /// What the customer is shown before signing a visit.
    ///
    /// # Errors
    /// If the record or the visit is not here.
    pub async fn statement(
        &self,
        record: RecordId,
        visit: FactKey,
        language: Language,
    ) -> Result<Statement> {
        let review = self.review(record).await?.ok_or(Denial::new(DenialCode::RecordNotHere))?;
        Ok(statement(&review, visit, language)?)
    }

    /// Saves facts as they are, whatever the rules say: the patched phone of tests and the demo.
    #[doc(hidden)]
    pub async fn write_unjudged(
        &self,
        record: RecordId,
        payload: &serde_json::Value,
    ) -> Result<Performed> {
        let mut inner = self.inner().await?;
        let n = inner.state.highest_number + 1;
        let session = self.session_for_writing(&inner);
        let state = self
            .record_state(&inner, record)
            .await?
            .ok_or(Denial::new(DenialCode::RecordNotHere))?;
        let moment = self.moment(&inner, &state, session.session, n);
        let key = FactKey::Written { session: session.session, n, i: 0 };
        let members = serde_json::json!({
            "t": payload["t"], "p": payload["p"], "s": moment.seen, "w": moment.wall_ms,
            "m": moment.monotonic_ms,
        });
        let fact = StoredFact { key, json: crate::model::canonical::write(&members)? };
        self.save(&mut inner, "command", &session, state, n, vec![fact]).await
    }

    fn judge(
        &self,
        inner: &Inner,
        command: &Command,
        review: Option<&Review>,
        moment: &Moment,
    ) -> Result<Vec<StoredFact>> {
        let owner = inner.owner()?;
        let mut principal = inner.principal(owner);
        if self.rules_off.load(Ordering::Relaxed) {
            principal = principal.with_every_role(moment.seen);
        }
        let mut facts = perform(command, &principal, review, moment)?;
        if let Some(fact) = facts.iter_mut().find(|fact| crate::rules::wants_signature(fact)) {
            let record =
                review.map(|review| review.record).ok_or(Denial::new(DenialCode::RecordNotHere))?;
            crate::rules::sign_fact(record, fact, &inner.signing_key()?)?;
        }
        facts.iter().map(|fact| fact.store().map_err(Into::into)).collect()
    }

    /// The session new commands are written in: the current one, or a new one not saved yet.
    fn session_for_writing(&self, inner: &Inner) -> OwnSession {
        inner.session.unwrap_or_else(|| self.new_session(inner))
    }

    /// A session begun now.
    pub(super) fn new_session(&self, inner: &Inner) -> OwnSession {
        let mut bytes = [0; 8];
        self.randomness.fill(&mut bytes);
        OwnSession {
            session: SessionId(bytes),
            person: inner.identity.as_ref().map_or(crate::model::id::PersonId(0), |i| i.person),
            device: inner.identity.as_ref().map_or(DeviceId(0), |i| i.device),
            boot: self.clock.boot_id(),
            opened_wall_ms: self.clock.wall_ms(),
            opened_monotonic_ms: self.clock.monotonic_ms(),
            registered: false,
        }
    }

    /// The record a command goes to.
    async fn target(
        &self,
        inner: &Inner,
        command: &Command,
        record: Option<RecordId>,
        session: SessionId,
        n: u64,
    ) -> Result<RecordState> {
        if let Some(record) = record {
            let state = self.record_state(inner, record).await?;
            let state = state.ok_or(Denial::new(DenialCode::RecordNotHere))?;
            if !state.present {
                return Err(Denial::new(DenialCode::RecordLeft).into());
            }
            return Ok(state);
        }
        let (record, site) =
            command.opens(session, n).ok_or(Denial::new(DenialCode::RecordNotHere))?;
        // A planned round may be here already, from the server or another phone.
        if self.record_state(inner, record).await?.is_some() {
            return Err(Denial::new(DenialCode::RecordExists).with("record", record).into());
        }
        Ok(RecordState { first_own: inner.first_number(), ..RecordState::empty(record, site) })
    }

    fn moment(&self, inner: &Inner, state: &RecordState, session: SessionId, n: u64) -> Moment {
        Moment {
            wall_ms: self.clock.wall_ms(),
            monotonic_ms: Some(self.clock.monotonic_ms()),
            now_ms: self.now_ms(inner),
            seen: inner.seen(state.site),
            session,
            n,
            device: inner.identity.as_ref().map_or(DeviceId(0), |identity| identity.device),
        }
    }

    /// One transaction: session, record, command, number, list row.
    async fn save(
        &self,
        inner: &mut Inner,
        operation: &'static str,
        session: &OwnSession,
        mut state: RecordState,
        n: u64,
        facts: Vec<StoredFact>,
    ) -> Result<Performed> {
        let owner = inner.owner()?;
        let held = state.facts().len() + facts.len();
        if held as u64 > LIMITS.record_facts_phone_max {
            return Err(Error::TooLarge {
                what: "facts in the record",
                limit: LIMITS.record_facts_phone_max,
            });
        }
        let signed =
            |fact: &StoredFact| fact.parse().is_ok_and(|f| f.payload.fact_type() == "signed");
        let ends_signing = facts.iter().any(signed);
        let is_new = state.accepted.is_empty() && state.pending.is_empty();
        let pending = state.append(session.session, n, self.clock.wall_ms(), facts)?;
        let mut writes = Vec::with_capacity(5);
        if inner.session.is_none() {
            writes.push(StoreWrite::PutSession(*session));
        }
        if is_new {
            writes.push(convert::put_record(owner, &state));
        }
        writes.push(StoreWrite::PutPending { owner, row: convert::pending_row(&state, &pending) });
        state.pending.push(pending);

        // From here to the end of the transaction the call may fail or be dropped. The review needs
        // the session before it is saved.
        inner.in_doubt = true;
        inner.session = Some(*session);
        let item = self.list_item(inner, &state, &SessionRows::new()).await?;
        let json = super::answer::list_json(&item)?;
        writes.push(StoreWrite::PutList { owner, record: state.record, json });
        writes.push(StoreWrite::PutHighestNumber { owner, n });
        if ends_signing {
            writes.push(StoreWrite::DeleteSigning { owner, record: state.record });
        }
        self.store.apply(operation, &writes).await?;
        inner.in_doubt = false;
        inner.state.highest_number = n;
        inner.list.insert(state.record, item);
        inner.schedule.handle_work(self.clock.monotonic_ms());
        let key = FactKey::Written { session: session.session, n, i: 0 };
        Ok(Performed { record: state.record, n, key })
    }

    /// What the list shows of a record.
    pub(super) async fn list_item(
        &self,
        inner: &Inner,
        state: &RecordState,
        served: &SessionRows,
    ) -> Result<ListItem> {
        let review = self.review_state(inner, state, served).await?;
        Ok(ListItem {
            record: state.record,
            projection: projection(&review),
            present: state.present,
            pending: state.pending.iter().filter(|p| p.state != PendingState::Accepted).count()
                as u64,
            inbox: inbox(&review),
            tells: roles_told(&review),
        })
    }
}
