//! How sync behaves, whatever the database: everything goes through `handle`, `office`, `read` and
//! `check`. A second database joins by opening it in `World::open`.

mod account;
mod contacts;
mod copies;
mod derive;
mod desk;
mod duplicates;
mod feed;
mod office;
mod purge;
mod push;
mod refusals;
mod strokes;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use serde_json::json;
use sync_core::document::pack;
use sync_core::environment::{Clock, Crash, HookPoint, Hooks, NoHooks, Randomness};
use sync_core::model::id::{PersonId, RecordId, SessionId};
use sync_core::model::policy::SlaPolicy;
use sync_core::model::time::{BootId, MonotonicMs, WallMs};
use sync_core::protocol::VERSION;
use sync_core::protocol::message::{
    ClockReading, Cursor, Outcome, PhoneState, SyncRequest, SyncResponse,
};

use super::attestation::heads_digest;
use super::testing::{CHEN, LI, NOW_MS, Phone, SITE, WANG, set};
use super::*;

/// A server on a database of its own.
struct World {
    folder: tempfile::TempDir,
    clock: Arc<Stepped>,
    sync: Sync,
    lives: u8,
}

/// A clock that stands still until it is moved.
struct Stepped(AtomicI64);

impl Clock for Stepped {
    fn wall_ms(&self) -> WallMs {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> MonotonicMs {
        self.0.load(Ordering::Relaxed) - NOW_MS
    }

    fn boot_id(&self) -> BootId {
        BootId([0; 16])
    }
}

/// The same bytes for the same life of the server, others for the next.
struct Life(u8);

impl Randomness for Life {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0xa0 + self.0);
    }
}

impl World {
    async fn new() -> Self {
        Self::with(Arc::new(NoHooks), |_| {}).await
    }

    async fn with(hooks: Arc<dyn Hooks>, change: impl FnOnce(&mut SyncOptions)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = open(&folder).await;
        people(&database).await;
        let clock = Arc::new(Stepped(AtomicI64::new(NOW_MS)));
        let ledger = ledger(&folder);
        let sync = start(database, &clock, hooks, 0, |options| {
            options.ledger = Some(ledger);
            change(options);
        });
        Self { folder, clock, sync, lives: 1 }
    }

    /// The process dies and another one starts on the same database.
    async fn restart(&mut self, hooks: Arc<dyn Hooks>) {
        self.sync.stop().await;
        self.sync.shared.database.close().await;
        let database = open(&self.folder).await;
        let ledger = ledger(&self.folder);
        self.sync = start(database, &self.clock, hooks, self.lives, |options| {
            options.ledger = Some(ledger);
        });
        self.lives += 1;
    }

    async fn sync(&self, phone: &Phone) -> SyncResponse {
        self.send(phone, self.request(phone)).await.expect("an answer")
    }

    /// What a phone says now, whose clock goes with the server's.
    fn request(&self, phone: &Phone) -> SyncRequest {
        let mut request = phone.request();
        request.clock.monotonic_ms += self.clock.monotonic_ms();
        request
    }

    async fn send(&self, phone: &Phone, request: SyncRequest) -> Result<SyncResponse> {
        let who = Bearer { person: phone.person, device: phone.device };
        self.sync.handle(who, request).await
    }

    /// Syncs until there is no more, and lets the phone take the answers.
    async fn settle(&self, phone: &mut Phone) -> Vec<SyncResponse> {
        let mut answers = Vec::new();
        loop {
            let answer = self.sync(phone).await;
            phone.take(&answer);
            let more = answer.more;
            answers.push(answer);
            if !more {
                return answers;
            }
        }
    }

    async fn checked(&self) {
        let checked = self.sync.check().await.expect("checks");
        assert_eq!(checked.mismatches, []);
    }

    /// Chen opens an order and gives it to someone.
    async fn order(&self, chen: &mut Phone, assignee: u32) -> RecordId {
        let (record, _) = chen.open_order(None);
        let (fact_type, payload) = set("assignee", json!(assignee));
        chen.write(record, fact_type, payload);
        self.settle(chen).await;
        record
    }

    async fn count(&self, sql: &'static str) -> i64 {
        let reader = self.sync.shared.database.reader();
        sqlx::query_scalar(sql).fetch_one(reader).await.expect("counts")
    }
}

async fn open(folder: &tempfile::TempDir) -> Database {
    Database::open(&folder.path().join("test.db")).await.expect("opens")
}

fn ledger(folder: &tempfile::TempDir) -> Ledger {
    Ledger::at(&folder.path().join("ledger"))
}

fn start(
    database: Database,
    clock: &Arc<Stepped>,
    hooks: Arc<dyn Hooks>,
    life: u8,
    change: impl FnOnce(&mut SyncOptions),
) -> Sync {
    let clock: Arc<dyn Clock> = Arc::<Stepped>::clone(clock);
    let randomness = Arc::new(Life(life));
    let mut options = SyncOptions::new(database, clock, randomness, hooks, [7; 32]);
    change(&mut options);
    Sync::start(options)
}

/// A site, its policy, three people, their roles and devices.
async fn people(database: &Database) {
    let mut transaction = database.begin_write().await.expect("begins");
    let policy = serde_json::to_string(&SlaPolicy::default()).expect("writes");
    for sql in [
        "insert into installation (id, epoch, reference_version, created_ms) values (1, 1, 1, 0)",
        "insert into site (site, name, sequence) values (7, 'Garden', 4480)",
        "insert into person (person, name) values (12, 'Chen'), (31, 'Wang'), (32, 'Li')",
        "insert into role_grant (person, role, site, from_ms, granted_epoch, granted_sequence)
         values (12, 'front_desk', 7, 0, 1, 0), (31, 'technician', 7, 0, 1, 0),
           (32, 'technician', 7, 0, 1, 0)",
    ] {
        sqlx::query(sql).execute(&mut *transaction).await.expect("inserts");
    }
    sqlx::query("insert into policy (site, version, json) values (7, 1, ?)")
        .bind(policy)
        .execute(&mut *transaction)
        .await
        .expect("inserts");
    for phone in [Phone::new(CHEN, 1), Phone::new(WANG, 9), Phone::new(LI, 10)] {
        sqlx::query(
            "insert into device (device, person, name, public_key, enrolled_ms)
             values (?, ?, 'test', ?, 0)",
        )
        .bind(phone.device.0)
        .bind(phone.person.0)
        .bind(phone.key.verifying_key().as_bytes().to_vec())
        .execute(&mut *transaction)
        .await
        .expect("inserts");
    }
    transaction.commit().await.expect("commits");
}

impl Phone {
    pub fn request(&self) -> SyncRequest {
        let packs: Vec<_> = self
            .records
            .iter()
            .filter(|(_, copy)| !copy.pending.is_empty())
            .map(|(record, _)| self.pack(*record))
            .collect();
        let unsent = packs.iter().map(|pack| pack.changes.len() as u64).sum();
        SyncRequest {
            version: VERSION,
            device: self.device,
            clock: ClockReading { boot: self.boot, monotonic_ms: 5_000, wall_ms: NOW_MS },
            cursors: self.cursors.clone(),
            receipts_after: self.receipts_after,
            reference_version: 1,
            sessions: vec![self.registration()],
            state: PhoneState { highest_number: self.number, unsent, ..PhoneState::default() },
            packs: if packs.is_empty() { Vec::new() } else { pack::encode(&packs) },
            repairs: self.repairs.iter().copied().collect(),
            answers: None,
        }
    }

    /// Takes an answer as a phone does: accepted changes join the accepted record, receipts end
    /// what is pending, and the heads must be what the server says.
    pub fn take(&mut self, answer: &SyncResponse) {
        let mut packs = if answer.packs.is_empty() {
            Vec::new()
        } else {
            pack::decode(&answer.packs).expect("packs of the server read")
        }
        .into_iter();
        for session in &answer.sessions {
            self.known_sessions.insert(session.session);
        }
        for receipt in &answer.receipts {
            for number in receipt.from..=receipt.to {
                self.told.insert(number, receipt.outcome);
            }
        }
        self.receipts_after = answer.receipts_after;
        for copy in self.records.values_mut() {
            copy.settle(&self.told);
        }
        for delivery in &answer.records {
            let record = delivery.record;
            let copy = self.records.entry(record).or_insert_with(|| testing::Copy::new(record));
            if delivery.has_pack {
                let pack = packs.next().expect("a pack for each delivery that has one");
                assert_eq!(pack.record, record);
                let built = pack.build(|hash| copy.max_ops.get(hash).copied());
                assert_eq!(built.stopped, None, "everything it stands on is here");
                for fact in built.changes.iter().flat_map(|change| &change.facts) {
                    // What the server derives from a cause was written in no session.
                    let Some(session) = fact.key.session() else { continue };
                    assert!(self.known_sessions.contains(&session), "its session came first");
                }
                copy.receive(record, &built.changes);
            }
            copy.settle(&self.told);
            let heads: Vec<_> = copy.accepted_heads(record).into_iter().collect();
            assert_eq!(heads_digest(record, &heads), delivery.heads_digest, "{record}");
            copy.audiences = delivery.audiences.iter().copied().collect();
            self.repairs.remove(&record);
        }
        assert!(packs.next().is_none());
        for purged in answer.purged.iter().flatten() {
            self.records.remove(purged);
            self.repairs.remove(purged);
        }
        for left in &answer.left {
            if let Some(copy) = self.records.get_mut(&left.record) {
                copy.audiences.remove(&left.audience);
                copy.left = true;
            }
        }
        self.cursors.clone_from(&answer.cursors);
        self.rebase();
    }

    /// What the phone holds and nobody took from it, by record.
    fn holds(&self) -> BTreeMap<RecordId, BTreeMap<sync_core::model::id::FactKey, String>> {
        let held = self.records.iter().filter(|(_, copy)| !copy.audiences.is_empty());
        held.map(|(record, copy)| (*record, copy.facts())).collect()
    }
}
