//! A site's world in one process: a server with its database, and phones with their stores.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fieldbook_server::db::Database;
use fieldbook_server::sync::{OfficeWrite, Sync, SyncOptions};
use sync_core::model::id::{DeviceId, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::policy::SlaPolicy;
use sync_core::replica::{Replica, ReplicaOptions};
use sync_core::rules::Command;
use sync_core::store::StoreKey;

use super::environment::{Dice, Gate, SimulatedClock, SimulatedHooks};
use super::network::{Server, SimulatedTransport};

/// The one site.
pub const SITE: SiteId = SiteId(7);
/// Chen of the desk, device 1.
pub const DESK: PersonId = PersonId(12);
const DESK_DEVICE: DeviceId = DeviceId(1);
const DESK_SESSION: SessionId = SessionId([12; 8]);

/// One phone: what survives a crash, and what does not.
pub struct Phone {
    /// Its owner.
    pub person: PersonId,
    /// Its number.
    pub device: DeviceId,
    path: PathBuf,
    /// Its clocks.
    pub clock: Arc<SimulatedClock>,
    /// Its hooks.
    pub hooks: Arc<SimulatedHooks>,
    /// Its way to the server.
    pub transport: Arc<SimulatedTransport>,
    /// Its randomness, and its person's whims.
    pub dice: Dice,
    replica: Option<Arc<Replica>>,
}

impl Phone {
    /// Opens the store, as the app does after a crash.
    pub async fn open(&mut self) {
        self.hooks.revive();
        let replica = Replica::open(ReplicaOptions {
            path: self.path.clone(),
            key: StoreKey::new([3; 32]),
            server_url: "sim:".to_owned(),
            app_version: "simulated".to_owned(),
            clock: self.clock.clone(),
            randomness: Arc::new(self.dice.clone()),
            hooks: self.hooks.clone(),
            transport: self.transport.clone(),
        });
        self.replica = Some(Arc::new(replica.await.expect("a crashed store opens")));
    }

    /// Closes the store, if it is open.
    pub async fn close(&mut self) {
        if let Some(replica) = self.replica.take() {
            let replica = Arc::into_inner(replica).expect("nobody else uses it");
            replica.close().await;
        }
    }

    /// Joins a scheduler, or leaves it.
    pub fn set_gate(&self, gate: Option<Gate>) {
        self.hooks.set_gate(gate.clone());
        self.transport.set_gate(gate);
    }

    /// The open replica.
    pub fn replica(&self) -> Arc<Replica> {
        self.replica.clone().expect("the phone is open")
    }
}

/// The server's machine: what survives a crash, and the running process.
pub struct Machine {
    folder: PathBuf,
    clock: Arc<SimulatedClock>,
    /// Its hooks.
    pub hooks: Arc<SimulatedHooks>,
    dice: Dice,
    address: Server,
    running: Option<(Sync, Database)>,
}

impl Machine {
    /// Starts the process.
    pub async fn start(&mut self) {
        self.hooks.revive();
        let database = open(&self.folder).await;
        let sync = Sync::start(SyncOptions::new(
            database.clone(),
            self.clock.clone(),
            Arc::new(self.dice.clone()),
            self.hooks.clone(),
            [9; 32],
        ));
        self.address.set(Some(sync.clone()));
        self.running = Some((sync, database));
    }

    /// Stops the process.
    pub async fn stop(&mut self) {
        self.address.set(None);
        if let Some((sync, database)) = self.running.take() {
            sync.stop().await;
            database.close().await;
        }
    }

    /// The running process.
    pub fn sync(&self) -> Sync {
        self.running.as_ref().expect("the server is up").0.clone()
    }

    /// Its database.
    pub fn database(&self) -> &Database {
        &self.running.as_ref().expect("the server is up").1
    }
}

async fn open(folder: &Path) -> Database {
    Database::open(&folder.join("fieldbook.db")).await.expect("a database opens")
}

/// Everything.
pub struct World {
    /// Time since the start; shared by all clocks.
    pub elapsed_ms: Arc<AtomicI64>,
    /// The server.
    pub machine: Machine,
    /// The phones.
    pub phones: Vec<Phone>,
    /// Draws the workload.
    pub dice: Dice,
    folder: tempfile::TempDir,
}

impl World {
    /// A server, a desk and `phones` enrolled technicians.
    pub async fn new(seed: u64, phones: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let elapsed_ms = Arc::new(AtomicI64::new(0));
        let database = open(folder.path()).await;
        people(&database, phones).await;
        database.close().await;
        let mut machine = Machine {
            folder: folder.path().to_owned(),
            clock: Arc::new(SimulatedClock::new(elapsed_ms.clone(), 1)),
            hooks: Arc::new(SimulatedHooks::new(Dice::new(seed, 2))),
            dice: Dice::new(seed, 1),
            address: Server::default(),
            running: None,
        };
        machine.start().await;
        let dice = Dice::new(seed, 3);
        let mut world = Self { elapsed_ms, machine, phones: Vec::new(), dice, folder };
        for index in 0..phones {
            world.add_phone(seed, index).await;
        }
        world
    }

    async fn add_phone(&mut self, seed: u64, index: u32) {
        let (person, device) = (PersonId(31 + index), DeviceId(31 + index));
        let number = u64::from(index);
        let address = self.machine.address.clone();
        let dice = Dice::new(seed, 200 + number);
        let mut phone = Phone {
            person,
            device,
            path: self.folder.path().join(format!("phone-{index}.db")),
            clock: Arc::new(SimulatedClock::new(self.elapsed_ms.clone(), 100 + number)),
            hooks: Arc::new(SimulatedHooks::new(Dice::new(seed, 100 + number))),
            transport: Arc::new(SimulatedTransport::new(address, dice, person, device)),
            dice: Dice::new(seed, 300 + number),
            replica: None,
        };
        phone.open().await;
        phone.replica().enrol("code", "电话", None).await.expect("enrols");
        let key = phone.transport.public_key.lock().expect("not poisoned").expect("enrolled");
        let mut transaction = self.machine.database().begin_write().await.expect("begins");
        sqlx::query("insert into device (device, person, name, public_key, enrolled_ms) values (?, ?, 'phone', ?, 0)")
            .bind(device.0)
            .bind(person.0)
            .bind(key.as_bytes().to_vec())
            .execute(&mut *transaction)
            .await
            .expect("inserts");
        transaction.commit().await.expect("commits");
        phone.replica().sync(10).await.expect("syncs");
        self.phones.push(phone);
    }

    /// The desk writes.
    pub async fn office(
        &self,
        record: Option<RecordId>,
        command: Command,
    ) -> fieldbook_server::Result<RecordId> {
        let write = OfficeWrite {
            person: DESK,
            device: DESK_DEVICE,
            session: DESK_SESSION,
            record,
            command,
        };
        Ok(self.machine.sync().office(write).await?.record)
    }

    /// Lets time pass.
    pub fn advance_ms(&self, ms: i64) {
        self.elapsed_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

async fn people(database: &Database, phones: u32) {
    let mut transaction = database.begin_write().await.expect("begins");
    let policy = serde_json::to_string(&SlaPolicy::default()).expect("writes");
    let mut statements = vec![
        "insert into installation (id, epoch, reference_version, created_ms) values (1, 1, 1, 0)".to_owned(),
        "insert into site (site, name, sequence) values (7, '仿真苑', 0)".to_owned(),
        format!("insert into policy (site, version, json) values (7, 1, '{policy}')"),
        "insert into person (person, name) values (12, '陈静')".to_owned(),
        "insert into role_grant (person, role, site, from_ms, granted_epoch, granted_sequence) values (12, 'front_desk', 7, 0, 1, 0)".to_owned(),
        "insert into device (device, person, name, enrolled_ms) values (1, 12, 'desk', 0)".to_owned(),
        "insert into office_session (secret_hash, person, device, session, csrf, created_ms, last_used_ms, expires_ms) values (x'00', 12, 1, x'0c0c0c0c0c0c0c0c', '', 0, 0, 9999999999999)".to_owned(),
    ];
    for index in 0..phones {
        let person = 31 + index;
        statements
            .push(format!("insert into person (person, name) values ({person}, '师傅{person}')"));
        statements.push(format!("insert into role_grant (person, role, site, from_ms, granted_epoch, granted_sequence) values ({person}, 'technician', 7, 0, 1, 0)"));
    }
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut *transaction)
            .await
            .expect("inserts");
    }
    transaction.commit().await.expect("commits");
}
