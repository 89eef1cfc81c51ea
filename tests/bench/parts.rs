//! The parts by themselves: what a command, a review, a pack, the guard, the feed, opening a store
//! and its list cost. One phone holds 5,000 orders, 40 of them with all the edits of a shift; the
//! server stands in the same process.

#[expect(dead_code, reason = "shared with the whole, which has more phases")]
mod client;
mod edits;
#[expect(dead_code, reason = "shared with the whole, which checks digests")]
mod workload;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::Criterion;
use fieldbook_server::clock::SystemClock as ServerClock;
use fieldbook_server::config::Config;
use fieldbook_server::db::Database;
use fieldbook_server::keys::Keys;
use fieldbook_server::people::grant::{NewGrant, grant};
use fieldbook_server::people::{directory, enrolment, install, place};
use fieldbook_server::sync::Bearer;
use fieldbook_server::{App, AppOptions, http};
use sync_core::Error;
use sync_core::document::pack::{decode, encode};
use sync_core::document::{Check, Guard, MemoryLog, RecordPack};
use sync_core::environment::{Clock as _, NoHooks, SystemRandomness};
use sync_core::model::fact::Fact;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::person::Role;
use sync_core::model::policy::SlaPolicy;
use sync_core::model::session::SessionRows;
use sync_core::model::time::BootId;
use sync_core::protocol::VERSION;
use sync_core::protocol::message::{ClockReading, PhoneState, SyncRequest};
use sync_core::replica::{HttpRequest, HttpResponse, Transport};
use sync_core::rules::{Command, ReviewInput, Status, review};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use client::Client;

const SITE: SiteId = SiteId(7);
/// Orders with all the edits of a shift.
const FILLED: u32 = 40;
/// Orders that the phone holds.
const HELD: u32 = 5_000;

/// A phone of someone who opens orders and carries them out, and the server it syncs with.
struct Scene {
    app: App,
    desk: Bearer,
    worker: Bearer,
    phone: Client,
    store: PathBuf,
    url: String,
    records: Vec<RecordId>,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let listen = listener.local_addr().expect("an address");
        let url = format!("http://{listen}");
        let app = app(folder.path(), &url, listen).await;
        let [desk_code, worker_code] = people(&app).await;
        tokio::spawn(http::serve(app.clone(), listener, std::future::pending()));
        let desk = enrolled(&folder.path().join("desk.db"), &url, &desk_code).await;
        let store = folder.path().join("phone.db");
        let worker = enrolled(&store, &url, &worker_code).await;
        let phone = Client::open(&store, &url).await;
        phone.sync().await;
        phone.write(SITE, 0, FILLED, workload::EDITS).await;
        phone.write(SITE, 1, HELD - FILLED, 1).await;
        phone.sync().await;
        let mut records = Vec::new();
        for item in phone.replica.list().await {
            let changes = phone.replica.accepted_changes(item.record).await.expect("reads");
            records.push((changes.len(), item.record));
        }
        // Those with the most changes first.
        records.sort_by_key(|(changes, record)| (std::cmp::Reverse(*changes), *record));
        let records = records.into_iter().map(|(_, record)| record).collect();
        Self { app, desk, worker, phone, store, url, records, _folder: folder }
    }

    /// The filled orders as packs.
    async fn packs(&self) -> Vec<RecordPack> {
        let mut packs = Vec::new();
        for record in self.records.iter().take(FILLED as usize) {
            let changes = self.phone.replica.accepted_changes(*record).await.expect("reads");
            packs.push(RecordPack::from_changes(*record, &changes));
        }
        packs
    }

    /// The facts of a filled order.
    async fn facts(&self) -> (RecordId, Vec<Fact>) {
        let record = self.records[0];
        let changes = self.phone.replica.accepted_changes(record).await.expect("reads");
        let facts = changes.iter().flat_map(|change| &change.facts);
        (record, facts.map(|fact| fact.parse().expect("a fact")).collect())
    }
}

async fn app(folder: &Path, url: &str, listen: std::net::SocketAddr) -> App {
    let clock = ServerClock::new();
    let keys = Keys::generate(&SystemRandomness, clock.wall_ms());
    App::start(AppOptions {
        db: Database::open(&folder.join("fieldbook.db")).await.expect("opens"),
        keys,
        clock: Arc::new(clock),
        randomness: Arc::new(SystemRandomness),
        hooks: Arc::new(NoHooks),
        config: Config {
            listen,
            public_url: url.to_owned(),
            ledger: Some(folder.join("ledger")),
            ..Config::default()
        },
    })
}

/// The desk's and the worker's enrolment codes.
async fn people(app: &App) -> [String; 2] {
    let act = app.act();
    let mut conn = app.db.begin_write().await.expect("begins");
    install(&mut conn, act).await.expect("installs");
    place::add_site(&mut conn, act, Some(SITE), "云栖苑").await.expect("added");
    let mut codes = Vec::new();
    for (name, roles) in
        [("陈静", &[Role::FrontDesk][..]), ("王师傅", &[Role::Assistant, Role::Technician])]
    {
        let person = directory::add(&mut conn, act, name, None).await.expect("added");
        for role in roles.iter().copied() {
            let new =
                NewGrant { person, role, site: SITE, from_ms: 0, to_ms: None, on_behalf_of: None };
            grant(&mut conn, act, &new).await.expect("granted");
        }
        let code = enrolment::invite(&mut conn, act, person, 3_600_000, &SystemRandomness).await;
        codes.push(code.expect("a code").shown());
    }
    conn.commit().await.expect("commits");
    codes.try_into().expect("two")
}

/// Enrols on a new store.
async fn enrolled(store: &Path, url: &str, code: &str) -> Bearer {
    let client = Client::open(store, url).await;
    client.enrol(code).await;
    let who = client.replica.enrolment().await.expect("reads").expect("is enrolled");
    client.replica.close().await;
    Bearer { person: who.person, device: who.device }
}

/// No way to any server.
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _request: HttpRequest) -> sync_core::Result<HttpResponse> {
        Err(Error::Offline { detail: "nowhere".to_owned() })
    }
}

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    let mut criterion = Criterion::default()
        .sample_size(20)
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let scene = runtime.block_on(Scene::new());
    facts_alone(&mut criterion, &runtime, &scene);
    server(&mut criterion, &runtime, &scene);
    let scene = store(&mut criterion, &runtime, scene);
    phone(&mut criterion, &runtime, &scene);
    criterion.final_summary();
}

/// What needs neither store nor server.
fn facts_alone(criterion: &mut Criterion, runtime: &Runtime, scene: &Scene) {
    let (record, facts) = runtime.block_on(scene.facts());
    let (sessions, policies) = (SessionRows::new(), [SlaPolicy::default()]);
    let now_ms = ServerClock::new().wall_ms();
    criterion.bench_function("review of an order with 22 facts", |bencher| {
        let input =
            ReviewInput { record, facts: &facts, sessions: &sessions, policies: &policies, now_ms };
        bencher.iter(|| review(&input));
    });
    let packs = runtime.block_on(scene.packs());
    criterion.bench_function("pack of 880 commands, encoded", |bencher| {
        bencher.iter(|| encode(&packs));
    });
    let bytes = encode(&packs);
    let author: (PersonId, DeviceId) = (scene.worker.person, scene.worker.device);
    criterion.bench_function("pack of 880 commands, decoded and guarded", |bencher| {
        bencher.iter(|| {
            for pack in decode(&bytes).expect("reads") {
                let log = MemoryLog::default();
                let guarded = Guard::new(pack.record, &log, |_| Some(author), author).walk(&pack);
                assert_eq!(guarded.check, Check::Holds);
            }
        });
    });
}

fn server(criterion: &mut Criterion, runtime: &Runtime, scene: &Scene) {
    let request = SyncRequest {
        version: VERSION,
        device: scene.desk.device,
        clock: ClockReading { boot: BootId([1; 16]), monotonic_ms: 5, wall_ms: 6 },
        cursors: Vec::new(),
        receipts_after: 0,
        reference_version: 0,
        sessions: Vec::new(),
        state: PhoneState::default(),
        packs: Vec::new(),
        repairs: Vec::new(),
        answers: None,
    };
    criterion.bench_function("feed: the first answer to a new phone", |bencher| {
        let ask = || scene.app.sync.handle(scene.desk, request.clone());
        bencher.iter(|| runtime.block_on(async { ask().await.expect("an answer") }));
    });
}

/// Opens the phone's store again and again.
fn store(criterion: &mut Criterion, runtime: &Runtime, scene: Scene) -> Scene {
    let Scene { phone, store, url, .. } = scene;
    runtime.block_on(phone.replica.close());
    criterion.bench_function("a store of 5,000 orders, opened", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let started = Instant::now();
                let replica = runtime.block_on(client::open(&store, &url, Arc::new(Nowhere)));
                took += started.elapsed();
                runtime.block_on(replica.close());
            }
            took
        });
    });
    let phone = runtime.block_on(Client::open(&store, &url));
    Scene { phone, store, url, ..scene }
}

/// What a person at the phone waits for.
fn phone(criterion: &mut Criterion, runtime: &Runtime, scene: &Scene) {
    let phone = &scene.phone.replica;
    criterion.bench_function("the list of 5,000 orders, filtered", |bencher| {
        bencher.iter(|| {
            let list = runtime.block_on(phone.list());
            list.into_iter().filter(|item| item.projection.status == Status::Working).count()
        });
    });
    let note = Command::Note { text: "客户要求下午三点前完成".to_owned() };
    let turn = Cell::new(0);
    let next = || {
        turn.set(turn.get() + 1);
        Some(scene.records[turn.get() % scene.records.len()])
    };
    criterion.bench_function("a command, until it is durable", |bencher| {
        bencher.iter(|| runtime.block_on(phone.perform(&note, next())).expect("saved"));
    });
    runtime.block_on(scene.phone.sync());
    criterion.bench_function("a sync of one edit among 5,000 orders", |bencher| {
        bencher.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                runtime.block_on(phone.perform(&note, next())).expect("saved");
                let started = Instant::now();
                runtime.block_on(scene.phone.sync());
                took += started.elapsed();
            }
            took
        });
    });
}
