//! Work that leaves its own session. When the phone stops being a person's device, what that device
//! has not sent becomes signed messages: whoever uses the phone next hands them in before anything
//! of their own, and the key is not needed again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use ed25519_dalek::{Signer as _, SigningKey};

use super::answer::{Answer, Plan};
use super::request::registration;
use super::{Inner, Replica, convert};
use crate::document::RecordPack;
use crate::document::pack::{decode, encode};
use crate::engine::outbox::{Waiting, portions};
use crate::engine::{Pending, PendingState};
use crate::model::id::{PersonId, RecordId, SessionId};
use crate::protocol::VERSION;
use crate::protocol::chain::{
    Entry, HandInRequest, HandInResponse, HandOver, Told, chain_head, chain_statement,
};
use crate::protocol::identity::Certificate;
use crate::protocol::limits::{HAND_OVER_BYTES_MAX, LIMITS, Limits};
use crate::protocol::message::{ClockReading, Outcome};
use crate::protocol::parcel::{self, NONCE_BYTES, PARCEL_BYTES_MAX, ParcelCode};
use crate::protocol::problem::ProblemCode;
use crate::store::{HandOverId, Identity, Parked, StoreError, StoreWrite};
use crate::{Error, Result};

/// What is on a phone alone, as a sealed file.
#[derive(Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The file.
    pub bytes: Vec<u8>,
    /// What opens it: to be told apart from the file.
    pub code: String,
}

/// How long what the server has refused is not offered again.
const REFUSED_DELAY_MS: i64 = 24 * 60 * 60_000;
/// The first delay of what had no answer, and the longest one.
const RETRY_DELAY_MIN_MS: i64 = 1_000;
const RETRY_DELAY_MAX_MS: i64 = 15 * 60_000;

/// The numbers of the commands in a message; none if it does not read, or holds none.
fn numbers(hand_over: &HandOver) -> Option<BTreeSet<u64>> {
    let packs = decode(&hand_over.packs).ok()?;
    let facts = packs.iter().flat_map(|pack| &pack.changes).flat_map(|change| &change.facts);
    let numbers: BTreeSet<u64> = facts.filter_map(|fact| fact.key.number()).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// The numbers of each message. What is parked goes last and record by record: the server may
/// refuse the whole message for it, and nothing else may be in it. R0.32.
fn messages_of(waiting: &[Waiting], parked: &BTreeMap<RecordId, Parked>) -> Vec<BTreeSet<u64>> {
    let is_parked = |w: &Waiting| parked.get(&w.record).is_some_and(|parked| parked.n <= w.n);
    let (aside, sound): (Vec<Waiting>, Vec<Waiting>) = waiting.iter().partition(|w| is_parked(w));
    let limits = Limits { request_bytes_max: 2 * HAND_OVER_BYTES_MAX, ..LIMITS };
    let mut messages = portions(&sound, &limits);
    for record in parked.keys() {
        let of_record: Vec<Waiting> =
            aside.iter().filter(|w| w.record == *record).copied().collect();
        messages.extend(portions(&of_record, &limits));
    }
    messages
}

impl Replica {
    /// How many commands of the person are on the phone alone, and not signed to be handed in.
    /// Those of a former device that a restored server has lost are among them, and answers to the
    /// office: no signature takes those along.
    pub(super) async fn unsent(&self, identity: &Identity) -> Result<u64> {
        let summary = self.store.pending_summary(identity.person).await?;
        let signed = self.signed_numbers(identity.person).await?;
        let unsent = summary.iter().filter(|row| {
            matches!(convert::state(row.state), PendingState::Unsent | PendingState::NotStored)
                && !signed.contains(&row.n)
        });
        let state = self.store.sync_state(identity.person).await?;
        Ok(unsent.count() as u64 + state.case_answers.len() as u64)
    }

    /// The numbers in the person's messages that wait to be handed in.
    pub(super) async fn signed_numbers(&self, person: PersonId) -> Result<BTreeSet<u64>> {
        let mut signed = BTreeSet::new();
        for id in self.store.hand_overs().await?.into_iter().filter(|id| id.person == person) {
            let hand_over = self.message(id).await?;
            signed.extend(hand_over.as_ref().and_then(numbers).unwrap_or_default());
        }
        Ok(signed)
    }

    /// What `identity` leaves behind, signed by its key: the writes that keep it until the server
    /// has it. Rows that do not read stay where they are.
    pub(super) async fn leave(&self, identity: &Identity) -> Result<Vec<StoreWrite>> {
        Ok(self.leave_signed(identity).await?.0)
    }

    /// The same, with the numbers that are signed.
    async fn leave_signed(&self, identity: &Identity) -> Result<(Vec<StoreWrite>, BTreeSet<u64>)> {
        let owner = identity.person;
        let mut summary = self.store.pending_summary(owner).await?;
        summary.retain(|row| row.n >= identity.first_number);
        let mut waiting: Vec<Waiting> = summary
            .iter()
            .map(|row| Waiting {
                n: row.n,
                record: row.record,
                state: convert::state(row.state),
                bytes: row.bytes,
                urgent: false,
            })
            .collect();
        let state = self.store.sync_state(owner).await?;
        let highest_number = state.highest_number;
        // Who is told to enrol anew may have sent work that the server has lost.
        let mut had = if state.re_enrol { self.had(identity).await? } else { BTreeMap::new() };
        had.retain(|n, _| !summary.iter().any(|row| row.n == *n));
        waiting.extend(had.iter().map(|(n, (record, command))| Waiting {
            n: *n,
            record: *record,
            state: PendingState::Unsent,
            bytes: command.change.facts.iter().map(|fact| fact.json.len() as u64).sum(),
            urgent: false,
        }));
        waiting.sort_by_key(|command| command.n);
        let (mut messages, mut signed) = (Vec::new(), BTreeSet::new());
        let mut unsent = 0;
        // From the last to the first: each tells how many come with it and after it.
        for numbers in messages_of(&waiting, &state.parked).into_iter().rev() {
            let commands = self.commands(owner, &numbers, &had).await?;
            let Some(n) = commands.values().flatten().map(|command| command.n).min() else {
                continue;
            };
            unsent += commands.values().map(Vec::len).sum::<usize>() as u64;
            signed.extend(commands.values().flatten().map(|command| command.n));
            let told = Told { highest_number, unsent };
            let message = self.signed(identity, &commands, told).await?;
            let id = HandOverId { person: owner, device: identity.device, n };
            messages.push(StoreWrite::PutHandOver { id, message });
        }
        messages.reverse();
        Ok((messages, signed))
    }

    /// The device's commands that the server had accepted as they were, by number. A record that
    /// does not read holds up no other one.
    async fn had(&self, identity: &Identity) -> Result<BTreeMap<u64, (RecordId, Pending)>> {
        let owner = identity.person;
        let sessions = self.store.own_sessions(owner).await?;
        let own: BTreeSet<SessionId> = sessions
            .iter()
            .filter(|session| session.device == identity.device)
            .map(|session| session.session)
            .collect();
        let mut had = BTreeMap::new();
        for record in self.store.records(owner).await? {
            let row = match self.store.record(owner, record).await {
                Ok(Some(row)) => row,
                Ok(None) => continue,
                Err(StoreError::Damaged { table, row }) => {
                    tracing::warn!(table, row, "a damaged row");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let accepted = convert::record_state(row, identity.first_number)?.accepted;
            for change in accepted.into_iter().filter(|change| own.contains(&change.actor)) {
                let Some(n) = change.facts.iter().find_map(|fact| fact.key.number()) else {
                    continue;
                };
                let command = Pending {
                    n,
                    saved_wall_ms: identity.enrolled_wall_ms,
                    state: PendingState::Unsent,
                    code: None,
                    params: BTreeMap::new(),
                    change,
                };
                had.insert(n, (record, command));
            }
        }
        had.retain(|n, _| *n >= identity.first_number);
        Ok(had)
    }

    /// These commands, record by record; each is read alone, one that does not read holds up no
    /// other one.
    async fn commands(
        &self,
        owner: PersonId,
        numbers: &BTreeSet<u64>,
        had: &BTreeMap<u64, (RecordId, Pending)>,
    ) -> Result<BTreeMap<RecordId, Vec<Pending>>> {
        let mut commands: BTreeMap<RecordId, Vec<Pending>> = BTreeMap::new();
        for n in numbers {
            if let Some((record, command)) = had.get(n) {
                commands.entry(*record).or_default().push(command.clone());
                continue;
            }
            match self.store.pending_command(owner, *n).await {
                Ok(Some(row)) => {
                    commands.entry(row.record).or_default().push(convert::pending(row));
                }
                Ok(None) => {}
                Err(StoreError::Damaged { table, row }) => {
                    tracing::warn!(table, row, "a damaged row");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(commands)
    }

    async fn signed(
        &self,
        identity: &Identity,
        commands: &BTreeMap<RecordId, Vec<Pending>>,
        told: Told,
    ) -> Result<Vec<u8>> {
        let key = SigningKey::from_bytes(&identity.signing_key);
        let (person, device) = (identity.person, identity.device);
        let certificate: Certificate = serde_json::from_str(&identity.certificate_json)
            .map_err(|error| Error::Malformed { what: "certificate", detail: error.to_string() })?;
        let mut entries = Vec::new();
        let mut wanted: BTreeSet<SessionId> = BTreeSet::new();
        let mut packs = Vec::with_capacity(commands.len());
        for (record, commands) in commands {
            for command in commands {
                let facts = &command.change.facts;
                entries.push(Entry { n: command.n, record: *record, facts });
                wanted.insert(command.change.actor);
                wanted.extend(facts.iter().filter_map(|fact| fact.key.session()));
            }
            let changes: Vec<_> = commands.iter().map(|command| command.change.clone()).collect();
            packs.push(RecordPack::from_changes(*record, &changes));
        }
        let sessions = self.store.own_sessions(person).await?;
        let sessions = sessions
            .iter()
            .filter(|session| session.device == device && wanted.contains(&session.session));
        let statement = chain_statement(person, device, told, &chain_head(&entries));
        let hand_over = HandOver {
            version: VERSION,
            certificate: certificate.into(),
            // Registered ones too: a restored server may have lost them.
            sessions: sessions.map(|session| registration(session, &key)).collect(),
            packs: encode(&packs),
            told,
            signature: key.sign(&statement).to_bytes(),
        };
        Ok(minicbor::to_vec(&hand_over).expect("a vector takes every byte"))
    }

    /// Hands in what waits, whosever it is; false if it gave way to an alarm. What is not taken is
    /// kept and offered again later: it holds up nobody's sync.
    ///
    /// # Errors
    /// If the carrier has to sign in again, the server asks for patience, or the store does not
    /// answer.
    pub(super) async fn hand_in(&self) -> Result<bool> {
        let (waiting, alarms) = {
            let inner = self.inner().await?;
            if inner.hand_overs.is_empty() || self.alarm_waits(&inner).await? {
                return Ok(true);
            }
            let now_ms = self.clock.monotonic_ms();
            let is_due = |id: &HandOverId| {
                inner.set_aside.get(id).is_none_or(|(_, due_ms)| *due_ms <= now_ms)
            };
            let waiting: Vec<HandOverId> =
                inner.hand_overs.iter().copied().filter(is_due).collect();
            (waiting, self.alarms.load(Ordering::SeqCst))
        };
        for id in waiting {
            let Some(hand_over) = self.message(id).await? else {
                self.inner.lock().await.hand_overs.retain(|other| *other != id);
                continue;
            };
            let clock = ClockReading {
                boot: self.clock.boot_id(),
                monotonic_ms: self.clock.monotonic_ms(),
                wall_ms: self.clock.wall_ms(),
            };
            let request = HandInRequest { version: VERSION, clock, hand_over };
            match self.send_unless_alarm("/v1/hand-in", &request, alarms).await {
                Ok(Some(response)) => self.handed_in(id, &request.hand_over, response).await?,
                Ok(None) => return Ok(false),
                Err(error @ (Error::Answered { .. } | Error::UpdateApp { .. })) => {
                    tracing::warn!(%error, person = %id.person, "handed-in work was not taken");
                    self.set_aside(id, Some(REFUSED_DELAY_MS)).await;
                }
                // It asks for patience in everything, not only in this.
                Err(error @ Error::RetryAfter { delay_ms }) => {
                    self.set_aside(id, Some(delay_ms.saturating_mul(2))).await;
                    return Err(error);
                }
                Err(error @ Error::Offline { .. }) => {
                    tracing::warn!(%error, person = %id.person, "handed-in work has no answer");
                    self.set_aside(id, None).await;
                }
                // Said of the message by a server that knows its device no more, or of the carrier:
                // then the carrier's own sync hears it too.
                Err(Error::SignInAgain { code }) if code == ProblemCode::DeviceUnknown.code() => {
                    tracing::warn!(person = %id.person, "handed-in work is of an unknown device");
                    self.set_aside(id, None).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The message waits so many milliseconds, or twice as long as the last time, before it is
    /// offered again.
    async fn set_aside(&self, id: HandOverId, delay_ms: Option<i64>) {
        let now_ms = self.clock.monotonic_ms();
        let mut inner = self.inner.lock().await;
        let (attempts, due_ms) = inner.set_aside.entry(id).or_default();
        let doubled_ms = (RETRY_DELAY_MIN_MS << (*attempts).min(20)).min(RETRY_DELAY_MAX_MS);
        *attempts = attempts.saturating_add(1);
        *due_ms = now_ms.saturating_add(delay_ms.unwrap_or(doubled_ms));
    }

    /// The signed message; none if its row is gone or does not read.
    pub(super) async fn message(&self, id: HandOverId) -> Result<Option<HandOver>> {
        match self.store.hand_over(id).await {
            Ok(message) => Ok(message.and_then(|message| minicbor::decode(&message).ok())),
            Err(StoreError::Damaged { table, row }) => {
                tracing::warn!(table, row, "a damaged row");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Nothing goes before an alarm (R7.12).
    async fn alarm_waits(&self, inner: &Inner) -> Result<bool> {
        let summary = self.store.pending_summary(inner.owner()?).await?;
        // Those of a former device are handed in themselves; one that does not read holds up
        // nothing.
        let alarms: BTreeSet<RecordId> = summary
            .iter()
            .filter(|row| row.n >= inner.first_number() && inner.is_urgent(row.record))
            .filter(|row| convert::state(row.state) == PendingState::Unsent)
            .map(|row| row.record)
            .collect();
        for record in alarms {
            match self.store.pending(inner.owner()?, Some(record)).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Damaged { table, row }) => {
                    tracing::warn!(table, row, %record, "a damaged row");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(false)
    }

    /// What the server has is no longer the phone's. Its writer, and nobody else, is told what
    /// became of it; the message stays until the last word on each command has come.
    async fn handed_in(
        &self,
        id: HandOverId,
        hand_over: &HandOver,
        response: HandInResponse,
    ) -> Result<()> {
        // Of what does not read, nobody knows whether all of it has arrived: it stays.
        let Some(numbers) = numbers(hand_over) else {
            self.set_aside(id, Some(REFUSED_DELAY_MS)).await;
            return Ok(());
        };
        let stored = |n: &u64| response.stored.iter().any(|r| (r.from..=r.to).contains(n));
        let all_stored = numbers.iter().all(&stored);

        let mut inner = self.inner().await?;
        let is_own = inner.owner()? == id.person;
        let mut plan = Plan::new(self.new_session(&inner));
        let receipts = response.receipts.filter(|_| is_own).unwrap_or_default();
        let answer = Answer::of_receipts(receipts)?;
        let states = self.apply_records(&inner, &BTreeMap::new(), &answer, &mut plan).await?;
        if is_own {
            self.take_told((id, hand_over), &stored, &answer, &mut plan).await?;
        }
        let is_last_word = |n: &u64| {
            let receipt = answer.receipts.get(n).map(|index| &answer.response.receipts[*index]);
            receipt.is_some_and(|receipt| match receipt.outcome {
                Outcome::Entered | Outcome::Rewritten => true,
                Outcome::Refused => receipt.code.as_deref() == Some("discarded"),
                Outcome::Held | Outcome::NotStored => false,
            })
        };
        if all_stored && (!is_own || numbers.iter().all(is_last_word)) {
            plan.writes.push(StoreWrite::DeleteHandOver(id));
        }
        inner.in_doubt = true;
        if plan.session_spent {
            plan.writes.push(StoreWrite::PutSession(plan.session));
            inner.session = Some(plan.session);
        }
        self.save_answer(&mut inner, &mut plan, &states, &answer).await?;
        if all_stored {
            // A later word is asked for when the store is next opened.
            inner.hand_overs.retain(|other| *other != id);
        }
        Ok(())
    }

    /// Everything that is on this phone alone, whosever it is, signed by the devices it was written
    /// on and sealed: a file for the office. Nothing is changed by it.
    ///
    /// # Errors
    /// If the store does not answer, or it is more than an office takes in one file.
    pub async fn parcel(&self) -> Result<Parcel> {
        let mut inner = self.inner().await?;
        self.set_unreadable_aside(&mut inner).await?;
        let mut messages = Vec::new();
        for id in self.store.hand_overs().await? {
            match self.store.hand_over(id).await {
                Ok(message) => messages.extend(message),
                Err(StoreError::Damaged { table, row }) => {
                    tracing::warn!(table, row, "a damaged row");
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(identity) = &inner.identity {
            let writes = self.leave(identity).await?;
            messages.extend(writes.into_iter().filter_map(|write| match write {
                StoreWrite::PutHandOver { message, .. } => Some(message),
                _ => None,
            }));
        }
        let (mut code, mut nonce) = ([0; 16], [0; NONCE_BYTES]);
        self.randomness.fill(&mut code);
        self.randomness.fill(&mut nonce);
        let code = ParcelCode::new(code);
        let limit = PARCEL_BYTES_MAX as u64;
        let bytes = parcel::seal(&messages, &code, nonce)
            .map_err(|_| Error::TooLarge { what: "parcel bytes", limit })?;
        Ok(Parcel { bytes, code: code.shown() })
    }

    /// Ends the person's use of this phone: what it holds for the person goes. Work that is on the
    /// phone alone goes with the next session's sync, whosever that is, if `hand_over` says so.
    ///
    /// # Errors
    /// [`Error::UnsentWork`] where there is such work and it is not to be handed over; nothing was
    /// changed then.
    pub async fn sign_out(&self, hand_over: bool) -> Result<()> {
        let _one_at_a_time = self.in_flight.lock().await;
        let mut inner = self.inner().await?;
        inner.owner()?;
        self.set_unreadable_aside(&mut inner).await?;
        let identity = inner.identity.clone().expect("owner() was there");
        let commands = self.unsent(&identity).await?;
        if commands > 0 && !hand_over {
            return Err(Error::UnsentWork { commands });
        }
        self.forget(&mut inner, &identity).await
    }

    /// A revoked phone keeps nothing for its person, once the server has everything; not before.
    pub(super) async fn purge_if_sent(&self, inner: &mut Inner) -> Result<()> {
        let Some(identity) = inner.identity.clone() else { return Ok(()) };
        if self.unsent(&identity).await? == 0 {
            self.forget(inner, &identity).await?;
        }
        Ok(())
    }

    /// The writes after which nothing of the person stays but what is signed to be handed in, own
    /// work that no backup has yet, and commands that neither the server nor a signature has.
    pub(super) async fn farewell(&self, identity: &Identity) -> Result<Vec<StoreWrite>> {
        let owner = identity.person;
        let (mut writes, mut safe) = self.leave_signed(identity).await?;
        safe.extend(self.signed_numbers(owner).await?);
        for row in self.store.pending_summary(owner).await? {
            let is_there =
                matches!(convert::state(row.state), PendingState::Held | PendingState::Accepted);
            if is_there || safe.contains(&row.n) {
                writes.push(StoreWrite::DeletePending { owner, n: row.n });
            }
        }
        writes.push(StoreWrite::ForgetOwner(owner));
        Ok(writes)
    }

    /// The person is gone from the phone, see [`Self::farewell`].
    async fn forget(&self, inner: &mut Inner, identity: &Identity) -> Result<()> {
        let writes = self.farewell(identity).await?;
        inner.in_doubt = true;
        self.store.apply("sign_out", &writes).await?;
        inner.identity = None;
        inner.clear();
        inner.load(&self.store, self.clock.monotonic_ms()).await?;
        inner.in_doubt = false;
        Ok(())
    }
}
