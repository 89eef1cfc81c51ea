//! A phone: the engine and the store behind one object. Everything an app calls is here; what it
//! calls returns after the commit, and a command that returned is saved.

mod account;
mod answer;
mod convert;
mod hand_over;
mod handed_in;
#[cfg(feature = "http")]
pub mod http;
mod look;
mod lost;
mod outbox;
mod parked;
mod question;
mod request;
mod sign_in;
mod signing;
mod sync;
#[cfg(test)]
mod tests;
mod transport;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use crate::engine::schedule::SavedSchedule;
use crate::engine::{Schedule, Triage};
use crate::environment::{Clock, Hooks, Randomness};
use crate::model::id::{PersonId, RecordId};
use crate::model::person::{Principal, Role};
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::Seen;
use crate::protocol::message::ReferenceData;
use crate::rules::{InboxItem, Projection, Review, ReviewInput, review};
use crate::store::{
    HandOverId, Identity, LostRow, OpenOptions, OwnSession, RefusedRow, Store, StoreError,
    StoreKey, StoreWrite, SyncState,
};
use crate::{Error, Result};

pub use crate::engine::schedule::Pause;
pub use hand_over::Parcel;
pub use look::DayRound;
pub use outbox::{Outbox, PARKED};
pub use question::Question;
pub use sign_in::Enrolment;
pub use signing::{Resumed, Signing};
pub use sync::SyncReport;
pub use transport::{HttpRequest, HttpResponse, Method, Transport};
pub use write::Performed;

/// What a replica is opened with.
pub struct ReplicaOptions {
    /// The store file; created where there is none.
    pub path: PathBuf,
    /// The key it is sealed with, from the platform's key store.
    pub key: StoreKey,
    /// The server's address without a trailing slash, e.g. `https://fieldbook.example`.
    pub server_url: String,
    /// What the app calls itself, for support.
    pub app_version: String,
    /// The device's clocks.
    pub clock: Arc<dyn Clock>,
    /// Randomness for keys, sessions and nonces.
    pub randomness: Arc<dyn Randomness>,
    /// Called between store statements.
    pub hooks: Arc<dyn Hooks>,
    /// How requests reach the server.
    pub transport: Arc<dyn Transport>,
}

/// One person's phone.
pub struct Replica {
    store: Store,
    server_url: String,
    app_version: String,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    transport: Arc<dyn Transport>,
    inner: Mutex<Inner>,
    /// One request at a time per device.
    in_flight: Mutex<()>,
    /// Alarms raised so far: a request made before the last one is given up for it.
    alarms: std::sync::atomic::AtomicU64,
    /// Wakes a request that waits for its answer.
    alarm_raised: tokio::sync::Notify,
    /// Hands the patched phone of a test what its rules would deny; never set otherwise.
    rules_off: std::sync::atomic::AtomicBool,
}

/// What is kept in memory; everything else is read from the store when needed.
struct Inner {
    identity: Option<Identity>,
    state: SyncState,
    reference: ReferenceData,
    /// The session new commands are written in; begun at the first write.
    session: Option<OwnSession>,
    token: Option<sign_in::Token>,
    schedule: Schedule,
    list: BTreeMap<RecordId, ListItem>,
    /// The search for a command that the server refuses whole requests for.
    triage: Triage,
    /// A call ended without learning whether its writes were committed: it failed, or was dropped
    /// by its caller. The store knows; it is read before memory is used again.
    in_doubt: bool,
    /// A list row did not read: the rows are made anew from their records.
    list_damaged: bool,
    /// Signed work that is still to be handed in, whosever it is.
    hand_overs: Vec<HandOverId>,
    /// Of those that were not taken: how often, and when each is offered again, by the monotonic
    /// clock.
    set_aside: BTreeMap<HandOverId, (u32, i64)>,
    /// Own commands whose rows do not read.
    lost: Vec<LostRow>,
}

/// A record in the list.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ListItem {
    /// The record.
    pub record: RecordId,
    /// What a list shows of it.
    pub projection: Projection,
    /// False once it left the person's scope: read-only.
    pub present: bool,
    /// Commands of it that are not accepted yet.
    pub pending: u64,
    /// What it tells people.
    #[serde(default)]
    pub inbox: Vec<InboxItem>,
    /// The roles whose holders it tells something.
    #[serde(default)]
    pub tells: BTreeSet<Role>,
}

/// Where the commands of this person on this device are.
/// `saved = accepted + held + refused + on_phone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// Commands that returned.
    pub saved: u64,
    /// In the accepted records of the server.
    pub accepted: u64,
    /// Stored by the server, waiting for something.
    pub held: u64,
    /// In the office's review list.
    pub refused: u64,
    /// Still on the phone only, or not known to have arrived.
    pub on_phone: u64,
}

impl Replica {
    /// Opens the store; nothing is sent.
    ///
    /// # Errors
    /// [`crate::store::StoreError`] says what to do about a store that does not open.
    pub async fn open(options: ReplicaOptions) -> Result<Self> {
        let store = Store::open(OpenOptions {
            path: options.path,
            key: Some(options.key),
            hooks: options.hooks,
            randomness: options.randomness.clone(),
        })
        .await?;
        let identity = latest(store.identities().await?);
        let now_ms = options.clock.monotonic_ms();
        let mut inner = Inner {
            identity,
            state: SyncState::default(),
            reference: ReferenceData::default(),
            session: None,
            token: None,
            schedule: Schedule::restored(SavedSchedule::default(), now_ms),
            list: BTreeMap::new(),
            triage: Triage::default(),
            in_doubt: false,
            list_damaged: false,
            hand_overs: Vec::new(),
            set_aside: BTreeMap::new(),
            lost: Vec::new(),
        };
        inner.load(&store, now_ms).await?;
        let replica = Self {
            store,
            server_url: options.server_url,
            app_version: options.app_version,
            clock: options.clock,
            randomness: options.randomness,
            transport: options.transport,
            inner: Mutex::new(inner),
            in_flight: Mutex::new(()),
            alarms: std::sync::atomic::AtomicU64::new(0),
            alarm_raised: tokio::sync::Notify::new(),
            rules_off: std::sync::atomic::AtomicBool::new(false),
        };
        replica.park_at_opening().await?;
        replica.make_list_anew().await?;
        replica.unpark_at_opening().await?;
        Ok(replica)
    }

    /// Makes the list rows anew from their records, if one of them was damaged; a record that does
    /// not read itself stays out of the list until it has been served whole.
    async fn make_list_anew(&self) -> Result<()> {
        let mut inner = self.inner.lock().await;
        let Ok(owner) = inner.owner() else { return Ok(()) };
        if !inner.list_damaged {
            return Ok(());
        }
        let mut writes = Vec::new();
        for record in self.store.records(owner).await? {
            let state = match self.record_state(&inner, record).await {
                Ok(Some(state)) => state,
                Ok(None) | Err(Error::Store(StoreError::Damaged { .. })) => continue,
                Err(error) => return Err(error),
            };
            let item = self.list_item(&inner, &state, &SessionRows::new()).await?;
            writes.push(StoreWrite::PutList { owner, record, json: answer::list_json(&item)? });
            inner.list.insert(record, item);
        }
        self.store.apply("lists", &writes).await?;
        inner.list_damaged = false;
        Ok(())
    }

    /// Closes the store after what is running has ended.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// Whose phone it is, once enrolled.
    pub async fn identity(&self) -> Option<(PersonId, String)> {
        let inner = self.memory().await;
        inner.identity.as_ref().map(|identity| (identity.person, identity.person_name.clone()))
    }

    /// The records the phone holds, from memory.
    pub async fn list(&self) -> Vec<ListItem> {
        self.memory().await.list.values().cloned().collect()
    }

    /// Everything about one record, as the rules see it now.
    ///
    /// # Errors
    /// If the store does not answer. `None`: the phone does not hold it.
    pub async fn review(&self, record: RecordId) -> Result<Option<Review>> {
        match self.try_review(record).await {
            Err(error) if lost::is_unreadable_pending(&error) => {
                self.set_lost_aside().await?;
                self.try_review(record).await
            }
            other => other,
        }
    }

    async fn try_review(&self, record: RecordId) -> Result<Option<Review>> {
        let inner = self.inner().await?;
        let Some(state) = self.record_state(&inner, record).await? else {
            return Ok(None);
        };
        Ok(Some(self.review_state(&inner, &state, &SessionRows::new()).await?))
    }

    /// The commands that were refused, with the reasons; those whose content does not read without
    /// facts.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn refused(&self) -> Result<Vec<RefusedRow>> {
        let owner = self.inner().await?.owner()?;
        Ok(self.store.refused_apart(owner).await?.0)
    }

    /// The roles, names and policies the server last sent.
    pub async fn reference(&self) -> ReferenceData {
        self.memory().await.reference.clone()
    }

    /// Switches signal off (airplane mode) or on again; nothing is sent while it is off.
    pub async fn set_airplane(&self, on: bool) {
        let mut inner = self.inner.lock().await;
        if on {
            inner.schedule.handle_paused(Pause::Airplane);
        } else if inner.schedule.paused() == Some(Pause::Airplane) {
            inner.schedule.handle_resumed(self.clock.monotonic_ms());
        }
    }

    /// Why nothing is sent at present, if so.
    pub async fn paused(&self) -> Option<Pause> {
        self.inner.lock().await.schedule.paused()
    }

    /// The person says that the reason is gone (the account works again, the app was updated):
    /// everything that was kept goes out with the next sync.
    /// What was parked is tried again too.
    pub async fn try_again(&self) {
        // What cannot be written now stays parked: it is on the phone either way.
        if let Err(error) = self.unpark(|_, _| true).await {
            tracing::warn!(%error, "parked work stays parked");
        }
        let mut inner = self.inner.lock().await;
        if inner.schedule.paused().is_some_and(|pause| pause != Pause::Airplane) {
            inner.token = None;
            inner.schedule.handle_resumed(self.clock.monotonic_ms());
        } else {
            inner.schedule.handle_wish(self.clock.monotonic_ms());
        }
    }

    /// When the driver should call [`Self::sync_if_due`] again, by the monotonic clock.
    pub async fn next_sync_ms(&self) -> Option<i64> {
        let mut inner = self.inner.lock().await;
        self.notice_dropped(&mut inner);
        inner.schedule.poll_timeout()
    }

    /// Lets every command through as if this phone's rules were patched out: the server's rules
    /// must hold without the phone's. For tests and the demo only.
    #[doc(hidden)]
    pub fn patch_rules_out(&self) {
        self.rules_off.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Tables whose rows the server sends again.
const FETCHED: [&str; 4] = ["cursor", "reference", "retry", "repair"];

impl Inner {
    fn owner(&self) -> Result<PersonId> {
        let identity = self.identity.as_ref();
        identity
            .map(|identity| identity.person)
            .ok_or_else(|| Error::SignInAgain { code: "not_enrolled".to_owned() })
    }

    /// Reads what is kept in memory from the store, and begins the schedule anew.
    async fn load(&mut self, store: &Store, now_ms: i64) -> Result<()> {
        self.hand_overs = store.hand_overs().await?;
        self.read(store).await?;
        let saved = self.state.retry_json.as_deref();
        let saved = saved.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        self.schedule = Schedule::restored(saved, now_ms);
        Ok(())
    }

    /// Reads what is kept in memory from the store.
    async fn read(&mut self, store: &Store) -> Result<()> {
        let Some(identity) = &self.identity else {
            return Ok(());
        };
        self.state = match store.sync_state(identity.person).await {
            Err(StoreError::Damaged { table, row }) if FETCHED.contains(&table) => {
                tracing::warn!(table, row, "a damaged row is fetched again");
                let forget = StoreWrite::ForgetFetched(identity.person);
                store.apply("forget_fetched", &[forget]).await?;
                store.sync_state(identity.person).await?
            }
            other => other?,
        };
        self.lost = store.lost(identity.person).await?;
        self.reference = match &self.state.reference_json {
            Some(json) => answer::parse_reference(json)?,
            None => ReferenceData::default(),
        };
        let rows = match store.list(identity.person).await {
            Ok(rows) => rows,
            Err(StoreError::Damaged { table, row }) => {
                tracing::warn!(table, row, "a damaged row");
                self.list_damaged = true;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.list.clear();
        for row in rows {
            // A projection of another app version is made anew when the record is next touched.
            if let Ok(item) = serde_json::from_str::<ListItem>(&row.json) {
                self.list.insert(row.record, item);
            }
        }
        Ok(())
    }

    /// Whoever was here before is not shown to whoever comes.
    fn clear(&mut self) {
        self.session = None;
        self.token = None;
        self.triage = Triage::default();
        self.state = SyncState::default();
        self.reference = ReferenceData::default();
        self.list.clear();
        self.lost.clear();
    }

    /// Takes the store's word for everything. A session that may not have been saved is not used
    /// again; another one costs a row.
    async fn settle_doubt(&mut self, store: &Store) -> Result<()> {
        if self.in_doubt {
            let identity = latest(store.identities().await?);
            let is = |identity: &Identity| (identity.person, identity.device);
            if identity.as_ref().map(is) != self.identity.as_ref().map(is) {
                self.clear();
            }
            self.identity = identity;
            self.hand_overs = store.hand_overs().await?;
            self.session = None;
            self.read(store).await?;
            self.in_doubt = false;
        }
        Ok(())
    }

    /// The number of the first command of the device that this phone is now.
    fn first_number(&self) -> u64 {
        self.identity.as_ref().map_or(1, |identity| identity.first_number)
    }

    fn principal(&self, person: PersonId) -> Principal {
        Principal { person, grants: self.reference.grants.clone() }
    }

    /// The policies of the record's site; the defaults where none came yet.
    fn policies(&self, site: crate::model::id::SiteId) -> Vec<SlaPolicy> {
        let policies = self.reference.policies.get(&site);
        policies
            .filter(|list| !list.is_empty())
            .cloned()
            .unwrap_or_else(|| vec![SlaPolicy::default()])
    }

    /// Whether a record is an alarm (R7.12).
    fn is_urgent(&self, record: RecordId) -> bool {
        let item = self.list.get(&record);
        item.is_some_and(|item| item.projection.kind == crate::model::alarm::KIND)
    }

    /// What has been seen of a site's feed.
    fn seen(&self, site: crate::model::id::SiteId) -> Seen {
        let cursors = self.state.cursors.iter().filter(|(audience, _)| audience.site() == site);
        cursors.map(|(_, seen)| *seen).max().unwrap_or_default()
    }
}

/// Who enrolled last: the installation numbers devices in the order in which they enrol.
fn latest(identities: Vec<Identity>) -> Option<Identity> {
    identities.into_iter().max_by_key(|identity| identity.device)
}

/// The sessions of `rows` and the person's own ones, whose anchors the phone knows itself.
fn with_own_sessions(mut rows: SessionRows, inner: &Inner, own: &[OwnSession]) -> SessionRows {
    let Some(identity) = &inner.identity else {
        return rows;
    };
    for session in own.iter().chain(&inner.session) {
        rows.entry(session.session).or_insert_with(|| {
            convert::session_row(session, identity, inner.state.anchors.get(&session.boot).copied())
        });
    }
    rows
}

impl Replica {
    /// What is kept in memory, as the store has it.
    async fn inner(&self) -> Result<MutexGuard<'_, Inner>> {
        let mut inner = self.inner.lock().await;
        inner.settle_doubt(&self.store).await?;
        Ok(inner)
    }

    /// The same for calls that cannot fail: as the store last had it, if it does not answer.
    async fn memory(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().await;
        if let Err(error) = inner.settle_doubt(&self.store).await {
            tracing::warn!(%error, "the store could not be read");
        }
        inner
    }

    /// A request is under way only while its call is.
    fn notice_dropped(&self, inner: &mut Inner) {
        if self.in_flight.try_lock().is_ok() {
            inner.schedule.handle_dropped(self.clock.monotonic_ms());
        }
    }

    /// Server time as this phone knows it: by the boot's anchor, else by its own wall clock.
    fn now_ms(&self, inner: &Inner) -> i64 {
        let anchor = inner.state.anchors.get(&self.clock.boot_id());
        anchor.map_or_else(
            || self.clock.wall_ms(),
            |anchor| anchor.server_time(self.clock.monotonic_ms()),
        )
    }

    async fn record_state(
        &self,
        inner: &Inner,
        record: RecordId,
    ) -> Result<Option<crate::engine::RecordState>> {
        let row = self.store.record(inner.owner()?, record).await?;
        row.map(|row| convert::record_state(row, inner.first_number())).transpose()
    }

    /// Reviews a record as the phone sees it: accepted facts and pending ones. `served` are
    /// session rows that are not in the store yet.
    async fn review_state(
        &self,
        inner: &Inner,
        state: &crate::engine::RecordState,
        served: &SessionRows,
    ) -> Result<Review> {
        let mut facts = Vec::new();
        let mut ids = std::collections::BTreeSet::new();
        for stored in state.facts() {
            ids.extend(stored.key.session());
            // Accepted and own facts parsed when they came; one that does not is left out of view,
            // never out of the record.
            if let Ok(fact) = stored.parse() {
                facts.push(fact);
            }
        }
        let ids: Vec<_> = ids.into_iter().collect();
        let mut rows = self.store.sessions(&ids).await?;
        for (id, row) in served {
            rows.entry(*id).or_insert_with(|| row.clone());
        }
        let own = self.store.own_sessions(inner.owner()?).await?;
        let sessions = with_own_sessions(rows, inner, &own);
        Ok(review(&ReviewInput {
            record: state.record,
            facts: &facts,
            sessions: &sessions,
            policies: &inner.policies(state.site),
            now_ms: self.now_ms(inner),
        }))
    }
}

impl Replica {
    /// The accepted changes of a record as the phone keeps them: for export, for checks by
    /// Automerge itself, and for support.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn accepted_changes(&self, record: RecordId) -> Result<Vec<crate::document::Change>> {
        let inner = self.inner().await?;
        let state = self.record_state(&inner, record).await?;
        Ok(state.map(|state| state.accepted).unwrap_or_default())
    }
}
