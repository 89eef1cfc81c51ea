//! The phone of these tests and what can be seen of it: fixed clocks, counted randomness, hooks
//! that hang where a test says, a store in a temporary folder.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::super::*;
use super::script::{Script, audience};
use crate::environment::{Crash, HookPlace, HookPoint};
use crate::model::id::{DeviceId, FactKey, SessionId, SiteId};
use crate::model::time::{BootId, MonotonicMs, WallMs};
use crate::rules::Command;

pub(super) const SITE: SiteId = SiteId(7);
pub(super) const WANG: PersonId = PersonId(31);
pub(super) const PHONE: DeviceId = DeviceId(9);
/// The wall clock stands still at 2026-11-25T00:00:00Z.
pub(super) const WALL_MS: WallMs = 1_795_564_800_000;

/// Clocks that move only when told to.
pub(super) struct FixedClock {
    monotonic_ms: AtomicI64,
}

impl FixedClock {
    pub(super) fn advance_ms(&self, ms: i64) {
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn wall_ms(&self) -> WallMs {
        WALL_MS
    }

    fn monotonic_ms(&self) -> MonotonicMs {
        self.monotonic_ms.load(Ordering::SeqCst)
    }

    fn boot_id(&self) -> BootId {
        BootId([4; 16])
    }
}

/// Counts upwards, so that no two drawn values are equal and every run is the same.
#[derive(Default)]
struct Counting(AtomicU64);

impl Randomness for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

/// Hooks that never go on at one point, so that the call can be dropped there.
#[derive(Default)]
pub(super) struct Hang {
    point: Mutex<Option<(&'static str, HookPlace)>>,
    pub(super) arrived: Notify,
}

impl Hang {
    pub(super) fn at_point(&self, operation: &'static str, place: HookPlace) {
        *self.point.lock().expect("not poisoned") = Some((operation, place));
    }
}

#[async_trait]
impl Hooks for Hang {
    async fn at(&self, point: HookPoint) -> Result<(), Crash> {
        let here = Some((point.operation, point.place));
        let hangs = *self.point.lock().expect("not poisoned") == here;
        if hangs {
            *self.point.lock().expect("not poisoned") = None;
            self.arrived.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

/// A phone that can be closed and opened again, and its server.
pub(super) struct Scene {
    folder: TempDir,
    pub(super) clock: Arc<FixedClock>,
    randomness: Arc<Counting>,
    pub(super) hooks: Arc<Hang>,
    pub(super) server: Arc<Script>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            clock: Arc::new(FixedClock { monotonic_ms: AtomicI64::new(1_000) }),
            randomness: Arc::default(),
            hooks: Arc::default(),
            server: Arc::default(),
        }
    }

    /// The same for a store that another scene has made: nothing is drawn twice.
    pub(super) fn later() -> Self {
        Self { randomness: Arc::new(Counting(AtomicU64::new(1 << 32))), ..Self::new() }
    }

    /// The store's file.
    pub(super) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("phone.db")
    }

    /// Opens the store, as the app does when it starts.
    pub(super) async fn open(&self) -> Replica {
        let replica = Replica::open(ReplicaOptions {
            path: self.path(),
            key: StoreKey::new([3; 32]),
            server_url: "script:".to_owned(),
            app_version: "tested".to_owned(),
            clock: self.clock.clone(),
            randomness: self.randomness.clone(),
            hooks: self.hooks.clone(),
            transport: self.server.clone(),
        });
        replica.await.expect("opens")
    }

    pub(super) async fn reopen(&self, phone: Replica) -> Replica {
        phone.close().await;
        self.open().await
    }

    /// An enrolled phone that holds `orders` orders assigned to Wang.
    pub(super) async fn ready(&self, orders: u8) -> Replica {
        let phone = self.open().await;
        phone.enrol("code", "电话", None).await.expect("enrols");
        for order in 0..orders {
            self.server.office_opens(order);
        }
        self.server.answers_as_it_should(1);
        phone.sync_once().await.expect("syncs");
        assert_eq!(phone.list().await.len(), usize::from(orders));
        self.server.forget_requests();
        phone
    }
}

pub(super) fn note(text: &str) -> Command {
    Command::Note { text: text.to_owned() }
}

/// Saves a note and names it.
pub(super) async fn save(phone: &Replica, record: RecordId, text: &str) -> Performed {
    phone.perform(&note(text), Some(record)).await.expect("saves")
}

/// The record of the `index`-th order.
pub(super) fn order(index: u8) -> RecordId {
    let key = FactKey::Written { session: super::script::OFFICE, n: u64::from(index) + 1, i: 0 };
    let (session, n) = (key.session().expect("written"), key.number().expect("written"));
    RecordId::by_hand("work_order", SITE, session, n)
}

/// Notes that a phone shows of a record.
pub(super) async fn notes(phone: &Replica, record: RecordId) -> Vec<String> {
    let review = phone.review(record).await.expect("reads").expect("is here");
    let notes = review.timeline.iter().filter(|entry| entry.fact_type == "note");
    notes.map(|entry| entry.content["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Everything a store holds for Wang but the retry schedule, to be compared.
pub(super) async fn snapshot(phone: &Replica) -> String {
    let store = &phone.store;
    let mut state = store.sync_state(WANG).await.expect("reads");
    state.retry_json = None;
    let mut text = format!("{state:?}");
    for record in store.records(WANG).await.expect("reads") {
        let row = store.record(WANG, record).await.expect("reads");
        text.push_str(&format!("\n{row:?}"));
    }
    let list = store.list(WANG).await.expect("reads");
    let list: Vec<_> = list.into_iter().map(|row| row.json).collect();
    let refused = store.refused(WANG).await.expect("reads");
    let sent = store.sent(WANG).await.expect("reads");
    let sessions = store.own_sessions(WANG).await.expect("reads");
    text.push_str(&format!("\n{list:?}\n{refused:?}\n{sent:?}\n{sessions:?}"));
    text
}

/// The actors of pending commands are sessions that the store has.
pub(super) async fn assert_sessions_are_there(phone: &Replica) {
    let sessions = phone.store.own_sessions(WANG).await.expect("reads");
    let sessions: Vec<SessionId> = sessions.iter().map(|session| session.session).collect();
    for row in phone.store.pending(WANG, None).await.expect("reads") {
        assert!(sessions.contains(&row.change.actor), "the session of {} is there", row.n);
    }
}

/// Reference data by which Wang is a technician.
pub(super) fn reference_json() -> String {
    let grant = json!({ "person": WANG, "role": "technician", "site": SITE, "from_ms": 0,
        "granted": [1, 0] });
    json!({ "grants": [grant], "sites": { "7": "测试苑" }, "people": { "31": "王师傅" } })
        .to_string()
}

/// The audience that Wang's phone reads.
pub(super) fn wang_reads() -> crate::model::audience::Audience {
    audience(WANG)
}
