//! One phone, a server and a desk in one process, on real files in one folder: what a killed
//! process leaves there can be opened again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use fieldbook_server::db::Database;
use fieldbook_server::sync::{OfficeWrite, Sync, SyncOptions};
use serde_json::json;
use sync_core::environment::{Hooks, NoHooks};
use sync_core::model::id::{DeviceId, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::policy::SlaPolicy;
use sync_core::replica::{Replica, ReplicaOptions};
use sync_core::rules::Command;
use sync_core::store::{OpenOptions, Store, StoreKey};

use super::environment::{Dice, SimulatedClock};
use super::network::{Server, SimulatedTransport};

/// The one site.
pub const SITE: SiteId = SiteId(7);
/// Wang, who works on orders and opens contacts.
pub const WANG: PersonId = PersonId(31);
/// His phone.
pub const PHONE: DeviceId = DeviceId(31);
const DESK: PersonId = PersonId(12);
const DESK_DEVICE: DeviceId = DeviceId(1);
const DESK_SESSION: SessionId = SessionId([12; 8]);
/// How long the site has been there: every life of the processes begins at the same instant.
const ELAPSED_MS: i64 = 600_000;

/// The running processes.
pub struct Site {
    /// The server's database.
    pub database: Database,
    /// The server's sync.
    pub server: Sync,
    /// The phone.
    pub phone: Replica,
    orders: Vec<RecordId>,
}

/// One life of the processes on a site's files.
pub struct Life {
    /// Where the files are.
    pub folder: PathBuf,
    /// Draws all randomness; no two lives share one, since a session's id is drawn from it.
    pub seed: u64,
    /// Called between statements of phone and server.
    pub hooks: Arc<dyn Hooks>,
}

impl Life {
    /// A life without interruptions.
    pub fn quiet(folder: &Path, seed: u64) -> Self {
        Self { folder: folder.to_owned(), seed, hooks: Arc::new(NoHooks) }
    }
}

impl Site {
    /// Starts both processes on the folder's files.
    pub async fn open(life: Life) -> Self {
        let clock = Arc::new(SimulatedClock::new(elapsed(), 1));
        let database = Database::open(&life.folder.join("fieldbook.db")).await.expect("opens");
        let server = Sync::start(SyncOptions::new(
            database.clone(),
            clock,
            Arc::new(Dice::new(life.seed, 1)),
            life.hooks.clone(),
            [9; 32],
        ));
        let address = Server::default();
        address.set(Some((server.clone(), database.clone())));
        let transport = transport(&life, address);
        let phone = open_phone(&life, transport.clone()).await;
        if phone.identity().await.is_none() {
            people(&database).await;
            phone.enrol("code", "电话", None).await.expect("enrols");
            let enrolled = transport.enrolled.lock().expect("not poisoned").pop();
            let (_, key) = enrolled.expect("enrolled");
            device(&database, key.as_bytes().to_vec()).await;
        }
        let items = phone.list().await;
        let orders = items.iter().filter(|item| item.projection.kind == "work_order");
        let orders = orders.map(|item| item.record).collect();
        Self { database, server, phone, orders }
    }

    /// Starts the phone alone; no server answers it.
    pub async fn open_phone(life: &Life) -> Replica {
        open_phone(life, transport(life, Server::default())).await
    }

    /// Makes a site with two orders on the phone, and closes it.
    pub async fn prepare(folder: &Path) {
        let mut site = Self::open(Life::quiet(folder, 0)).await;
        for unit in ["3-2-1501", "1-1-301"] {
            let open = json!({ "command": "create_work_order", "site": SITE, "unit": unit,
                "category": "household", "description": "厨房水管漏水", "priority": "urgent" });
            let open = serde_json::from_value(open).expect("a command");
            let record = site.office(None, open).await;
            let dispatch = json!({ "command": "record", "fact": { "t": "dispatched" } });
            site.office(Some(record), serde_json::from_value(dispatch).expect("a command")).await;
            site.office(Some(record), Command::Assign { person: WANG }).await;
            site.orders.push(record);
        }
        site.phone.sync(10).await.expect("syncs");
        let held: Vec<_> = site.phone.list().await.iter().map(|item| item.record).collect();
        assert!(site.orders.iter().all(|order| held.contains(order)), "the phone has them");
        site.close().await;
    }

    /// The desk writes something to one of the orders.
    pub async fn desk_writes(&self, step: usize) {
        let order = self.orders[step % self.orders.len()];
        self.office(Some(order), Command::Note { text: format!("催办 {step}") }).await;
    }

    async fn office(&self, record: Option<RecordId>, command: Command) -> RecordId {
        let write = OfficeWrite {
            person: DESK,
            device: DESK_DEVICE,
            session: DESK_SESSION,
            record,
            command,
        };
        self.server.office(write).await.expect("the desk may").record
    }

    /// Ends both processes.
    pub async fn close(self) {
        self.phone.close().await;
        self.server.stop().await;
        self.database.close().await;
    }
}

fn elapsed() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(ELAPSED_MS))
}

fn transport(life: &Life, address: Server) -> Arc<SimulatedTransport> {
    Arc::new(SimulatedTransport::new(address, Dice::new(life.seed, 2), WANG, PHONE))
}

async fn open_phone(life: &Life, transport: Arc<SimulatedTransport>) -> Replica {
    let phone = Replica::open(ReplicaOptions {
        path: store_path(&life.folder),
        key: key(),
        server_url: "sim:".to_owned(),
        app_version: "counted".to_owned(),
        clock: Arc::new(SimulatedClock::new(elapsed(), 100)),
        randomness: Arc::new(Dice::new(life.seed, 3)),
        hooks: life.hooks.clone(),
        transport,
    });
    phone.await.expect("a store opens, whatever happened to it")
}

fn store_path(folder: &Path) -> PathBuf {
    folder.join("phone.db")
}

fn key() -> StoreKey {
    StoreKey::new([3; 32])
}

/// The phone's store alone, to be looked at.
pub async fn open_store(folder: &Path, seed: u64) -> Store {
    let store = Store::open(OpenOptions {
        path: store_path(folder),
        key: Some(key()),
        hooks: Arc::new(NoHooks),
        randomness: Arc::new(Dice::new(seed, 4)),
    });
    store.await.expect("a killed process leaves a store that opens")
}

/// Copies every file of a closed site.
pub fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
    }
}

async fn people(database: &Database) {
    let policy = serde_json::to_string(&SlaPolicy::default()).expect("writes");
    let grant = |person: u32, role: &str| {
        format!(
            "insert into role_grant (person, role, site, from_ms, granted_epoch, \
             granted_sequence) values ({person}, '{role}', 7, 0, 1, 0)"
        )
    };
    let statements = [
        "insert into installation (id, epoch, reference_version, created_ms) \
         values (1, 1, 1, 0)"
            .to_owned(),
        "insert into site (site, name, sequence) values (7, '计数苑', 0)".to_owned(),
        format!("insert into policy (site, version, json) values (7, 1, '{policy}')"),
        "insert into person (person, name) values (12, '陈静'), (31, '王师傅')".to_owned(),
        grant(12, "front_desk"),
        grant(31, "technician"),
        grant(31, "duty_operator"),
        "insert into device (device, person, name, enrolled_ms) values (1, 12, 'desk', 0)"
            .to_owned(),
        "insert into office_session (secret_hash, person, device, session, csrf, created_ms, \
         last_used_ms, expires_ms) \
         values (x'00', 12, 1, x'0c0c0c0c0c0c0c0c', '', 0, 0, 9999999999999)"
            .to_owned(),
    ];
    let mut transaction = database.begin_write().await.expect("begins");
    for statement in statements {
        let statement = sqlx::query(sqlx::AssertSqlSafe(statement));
        statement.execute(&mut *transaction).await.expect("inserts");
    }
    transaction.commit().await.expect("commits");
}

async fn device(database: &Database, public_key: Vec<u8>) {
    let mut transaction = database.begin_write().await.expect("begins");
    let insert = "insert into device (device, person, name, public_key, enrolled_ms) \
                  values (?, ?, 'phone', ?, 0)";
    let insert = sqlx::query(insert).bind(PHONE.0).bind(WANG.0).bind(public_key);
    insert.execute(&mut *transaction).await.expect("inserts");
    transaction.commit().await.expect("commits");
}
