//! A phone: a real replica over real HTTP, with a clock that can be wrong.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use sync_core::document::{Document, pack};
use sync_core::environment::{Clock, NoHooks, Randomness};
use sync_core::model::id::{ChangeHash, RecordId};
use sync_core::model::time::BootId;
use sync_core::protocol::frame;
use sync_core::protocol::message::SyncRequest;
use sync_core::replica::http::HttpTransport;
use sync_core::replica::{
    HttpRequest, HttpResponse, Performed, Replica, ReplicaOptions, SyncReport, Transport,
};
use sync_core::store::StoreKey;
use sync_core::{Error, Result};

/// Randomness that a seed repeats.
pub struct Seeded(std::sync::Mutex<ChaCha8Rng>);

impl Seeded {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(std::sync::Mutex::new(ChaCha8Rng::seed_from_u64(seed))))
    }
}

impl Randomness for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().expect("no test panicked with it").fill_bytes(bytes);
    }
}

/// A device's clocks over the stage's true time.
pub struct DeviceClock {
    true_ms: Arc<AtomicI64>,
    wrong_by_ms: AtomicI64,
    boot: AtomicU8,
    booted_ms: AtomicI64,
}

impl DeviceClock {
    /// Right, and booted a second ago.
    pub fn new(true_ms: Arc<AtomicI64>) -> Self {
        let booted_ms = true_ms.load(Ordering::SeqCst) - 1_000;
        let (wrong_by_ms, boot) = (AtomicI64::new(0), AtomicU8::new(1));
        Self { true_ms, wrong_by_ms, boot, booted_ms: AtomicI64::new(booted_ms) }
    }

    /// Someone sets the wall clock.
    pub fn set_wrong_by_ms(&self, ms: i64) {
        self.wrong_by_ms.store(ms, Ordering::SeqCst);
    }

    /// The device starts anew: another boot id, a monotonic clock from the beginning.
    pub fn reboot(&self) {
        self.boot.fetch_add(1, Ordering::SeqCst);
        self.booted_ms.store(self.true_ms.load(Ordering::SeqCst) - 100, Ordering::SeqCst);
    }
}

impl Clock for DeviceClock {
    fn wall_ms(&self) -> i64 {
        self.true_ms.load(Ordering::SeqCst) + self.wrong_by_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> i64 {
        self.true_ms.load(Ordering::SeqCst) - self.booted_ms.load(Ordering::SeqCst)
    }

    fn boot_id(&self) -> BootId {
        BootId([self.boot.load(Ordering::SeqCst); 16])
    }
}

/// Real HTTP that counts.
pub struct Wire {
    http: HttpTransport,
    requests: AtomicU64,
    tokens: AtomicU64,
    /// The next sync request never gets through.
    stuck: AtomicBool,
    /// Told when it is on its way.
    is_stuck: tokio::sync::Notify,
    /// What is handed in is lost on its way: the request, or only the answer.
    loses: AtomicU8,
    /// Requests that push this record do not read at the server: an encoder with a defect.
    spoils: Mutex<Option<RecordId>>,
    /// Bodies of what was handed in, and of the answers.
    handed_in: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
}

/// Where something that is handed in is lost.
pub const REQUEST: u8 = 1;
pub const ANSWER: u8 = 2;

impl Wire {
    fn new() -> Self {
        let http = HttpTransport::new().expect("a transport");
        let (requests, tokens) = (AtomicU64::new(0), AtomicU64::new(0));
        let (stuck, is_stuck) = (AtomicBool::new(false), tokio::sync::Notify::new());
        let (loses, handed_in) = (AtomicU8::new(0), Mutex::new(Vec::new()));
        let spoils = Mutex::new(None);
        Self { http, requests, tokens, stuck, is_stuck, loses, spoils, handed_in }
    }

    /// What is handed in from now on is lost: [`REQUEST`], [`ANSWER`], or 0 for nothing.
    pub fn lose_hand_ins(&self, what: u8) {
        self.loses.store(what, Ordering::SeqCst);
    }

    /// What pushes this record does not read from now on; none: everything does.
    pub fn spoil(&self, record: Option<RecordId>) {
        *self.spoils.lock().expect("no test panicked with it") = record;
    }

    fn spoilt(&self, mut request: HttpRequest) -> HttpRequest {
        let spoils = *self.spoils.lock().expect("no test panicked with it");
        let Some(record) = spoils.filter(|_| request.url.ends_with("/v1/sync")) else {
            return request;
        };
        let mut message: SyncRequest = frame::open(&request.body).expect("an honest phone's");
        let packs = pack::decode(&message.packs).unwrap_or_default();
        if packs.iter().any(|pack| pack.record == record) {
            message.packs.push(0);
            request.body = frame::seal(&message);
        }
        request
    }

    /// Everything that was handed in with its answer, empty where that was lost.
    pub fn handed_in(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.handed_in.lock().expect("no test panicked with it").clone()
    }

    async fn hand_in(&self, request: HttpRequest) -> Result<HttpResponse> {
        let body = request.body.clone();
        let lost = self.loses.load(Ordering::SeqCst);
        let answer = if lost == REQUEST { None } else { Some(self.http.send(request).await?) };
        let answer = answer.filter(|_| lost == 0);
        let bytes = answer.as_ref().map(|answer| answer.body.clone()).unwrap_or_default();
        self.handed_in.lock().expect("no test panicked with it").push((body, bytes));
        answer.ok_or_else(|| Error::Offline { detail: "lost".to_owned() })
    }

    /// The next sync request takes for ever.
    pub fn stick(&self) {
        self.stuck.store(true, Ordering::SeqCst);
    }

    /// Waits until that request is on its way.
    pub async fn stuck(&self) {
        self.is_stuck.notified().await;
    }

    /// Requests of any kind so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Access tokens asked for so far.
    pub fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        self.tokens.fetch_add(u64::from(request.url.ends_with("/v1/token")), Ordering::SeqCst);
        if request.url.ends_with("/v1/sync") && self.stuck.swap(false, Ordering::SeqCst) {
            self.is_stuck.notify_one();
            std::future::pending::<()>().await;
        }
        if request.url.ends_with("/v1/hand-in") {
            return self.hand_in(request).await;
        }
        if let Some(token) = &request.bearer {
            fieldbook_tests::captured::secret(token);
        }
        self.http.send(self.spoilt(request)).await
    }
}

/// One person's phone.
pub struct Phone {
    pub replica: Replica,
    pub clock: Arc<DeviceClock>,
    pub wire: Arc<Wire>,
    pub device: u32,
    path: PathBuf,
    url: String,
    seed: u64,
    version: &'static str,
}

impl Phone {
    /// A phone nobody is enrolled on.
    pub async fn new(path: PathBuf, url: &str, true_ms: &Arc<AtomicI64>, seed: u64) -> Self {
        let clock = Arc::new(DeviceClock::new(Arc::clone(true_ms)));
        let wire = Arc::new(Wire::new());
        let version = "end to end";
        let replica = open(&path, url, &clock, &wire, (seed, version)).await;
        Self { replica, clock, wire, device: 0, path, url: url.to_owned(), seed, version }
    }

    /// The app's process ends and is started again.
    pub async fn reopen(self) -> Self {
        let Self { replica, clock, wire, device, path, url, seed, version } = self;
        replica.close().await;
        let seed = seed + 1_000;
        let replica = open(&path, &url, &clock, &wire, (seed, version)).await;
        Self { replica, clock, wire, device, path, url, seed, version }
    }

    /// The app is updated and started again.
    pub async fn updated(self, version: &'static str) -> Self {
        Self { version, ..self }.reopen().await
    }

    /// The app's process ends, its store is copied, and it is started again.
    pub async fn saved(self) -> (Self, Vec<u8>) {
        let Self { replica, clock, wire, device, path, url, seed, version } = self;
        replica.close().await;
        let bytes = std::fs::read(&path).expect("reads");
        let seed = seed + 1_000;
        let replica = open(&path, &url, &clock, &wire, (seed, version)).await;
        (Self { replica, clock, wire, device, path, url, seed, version }, bytes)
    }

    /// An earlier copy takes the store's place.
    pub async fn restored(self, saved: &[u8]) -> Self {
        let Self { replica, clock, wire, device, path, url, seed, version } = self;
        replica.close().await;
        std::fs::write(&path, saved).expect("writes");
        let seed = seed + 1_000;
        let replica = open(&path, &url, &clock, &wire, (seed, version)).await;
        Self { replica, clock, wire, device, path, url, seed, version }
    }

    /// The store's file.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The same, with something that happens to the file meanwhile.
    pub async fn reopen_after(self, meanwhile: impl Future<Output = ()>) -> Self {
        let Self { replica, clock, wire, device, path, url, seed, version } = self;
        replica.close().await;
        meanwhile.await;
        let seed = seed + 1_000;
        let replica = open(&path, &url, &clock, &wire, (seed, version)).await;
        Self { replica, clock, wire, device, path, url, seed, version }
    }

    pub async fn sync(&self) -> SyncReport {
        let report = self.replica.sync(100).await.expect("syncs");
        assert!(!report.more);
        report
    }

    /// Performs a command that the phone's rules allow.
    pub async fn perform(&self, record: RecordId, command: Value) -> Performed {
        self.try_perform(record, command).await.expect("allowed")
    }

    pub async fn try_perform(&self, record: RecordId, command: Value) -> Result<Performed> {
        let command = serde_json::from_value(command).expect("a command");
        self.replica.perform(&command, Some(record)).await
    }

    /// Opens a record.
    pub async fn open(&self, command: Value) -> Performed {
        let command = serde_json::from_value(command).expect("a command");
        self.replica.perform(&command, None).await.expect("allowed")
    }

    pub async fn note(&self, record: RecordId, text: &str) -> Performed {
        self.perform(record, json!({ "command": "note", "text": text })).await
    }

    /// A step of the order or a visit.
    pub async fn step(&self, record: RecordId, fact_type: &str, content: Value) -> Performed {
        let fact = match content {
            Value::Null => json!({ "t": fact_type }),
            content => json!({ "t": fact_type, "p": content }),
        };
        self.perform(record, json!({ "command": "record", "fact": fact })).await
    }

    /// What a technician's phone with its rules patched out writes.
    pub async fn cancel_unjudged(&self, record: RecordId) -> Performed {
        let payload = json!({ "t": "cancelled", "p": { "reason": "客户说不用了" } });
        self.replica.write_unjudged(record, &payload).await.expect("saved")
    }

    pub async fn review(&self, record: RecordId) -> Value {
        let review = self.replica.review(record).await.expect("reads").expect("is here");
        serde_json::to_value(review).expect("writes")
    }

    /// The accepted heads, by Automerge itself.
    pub async fn heads(&self, record: RecordId) -> Vec<ChangeHash> {
        let changes = self.replica.accepted_changes(record).await.expect("reads");
        Document::from_changes(record, &changes).expect("rebuilds").heads()
    }

    /// Saved, accepted, held, refused, still on the phone.
    pub async fn account(&self) -> [u64; 5] {
        let account = self.replica.account().await.expect("reads");
        [account.saved, account.accepted, account.held, account.refused, account.on_phone]
    }
}

async fn open(
    path: &std::path::Path,
    url: &str,
    clock: &Arc<DeviceClock>,
    wire: &Arc<Wire>,
    (seed, version): (u64, &str),
) -> Replica {
    let options = ReplicaOptions {
        path: path.to_owned(),
        key: StoreKey::new([3; 32]),
        server_url: url.to_owned(),
        app_version: version.to_owned(),
        clock: clock.clone(),
        randomness: Seeded::new(seed),
        hooks: Arc::new(NoHooks),
        transport: wire.clone(),
    };
    Replica::open(options).await.expect("opens")
}

/// The code of a rule's no, and its parameters.
pub fn denial(result: Result<Performed>) -> (String, Value) {
    match result {
        Err(Error::Denied(denial)) => (denial.code.to_string(), json!(denial.params)),
        other => panic!("not a denial: {other:?}"),
    }
}
