//! A site's world in one process: a server with its database, and phones with their stores.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fieldbook_server::app::{App, AppOptions};
use fieldbook_server::keys::Keys;
use fieldbook_server::{http, people};
use sync_core::environment::{Clock, Hooks, Randomness};
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::Role;
use sync_core::replica::{Replica, ReplicaOptions};
use sync_core::store::StoreKey;

use super::environment::{Dice, Gate, SimulatedClock, SimulatedHooks};
use super::network::{Server, SimulatedTransport};

/// The one site.
pub const SITE: SiteId = SiteId(7);

/// One phone: what survives a crash, and what does not.
pub struct Phone {
    /// Its owner.
    pub person: PersonId,
    /// The store's file.
    pub path: PathBuf,
    /// Its clocks.
    pub clock: Arc<SimulatedClock>,
    /// Its hooks.
    pub hooks: Arc<SimulatedHooks>,
    /// Its way to the server.
    pub transport: Arc<SimulatedTransport>,
    /// Its randomness.
    pub dice: Dice,
    /// Open, or crashed.
    pub replica: Option<Arc<Replica>>,
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
    /// Its address.
    pub address: Server,
    /// The running process.
    pub app: Option<App>,
}

impl Machine {
    /// Starts the process.
    pub async fn start(&mut self) {
        self.hooks.revive();
        let app = App::open(AppOptions {
            database: self.folder.join("fieldbook.db"),
            keys: Keys::open(&self.folder.join("keys")).expect("the keys are there"),
            clock: self.clock.clone() as Arc<dyn Clock>,
            randomness: Arc::new(self.dice.clone()) as Arc<dyn Randomness>,
            hooks: self.hooks.clone() as Arc<dyn Hooks>,
        });
        let app = app.await.expect("the server starts");
        self.address.set(Some(http::router(app.clone())));
        self.app = Some(app);
    }

    /// Stops the process as a crash would.
    pub async fn stop(&mut self) {
        self.address.set(None);
        if let Some(app) = self.app.take() {
            app.stop().await;
        }
    }

    /// The running process.
    pub fn app(&self) -> &App {
        self.app.as_ref().expect("the server is up")
    }
}

/// Everything.
pub struct World {
    /// Time since the start; shared by all clocks.
    pub elapsed_ms: Arc<AtomicI64>,
    /// The server.
    pub machine: Machine,
    /// The phones.
    pub phones: Vec<Phone>,
    /// The desk's person.
    pub desk: PersonId,
    /// Draws the workload.
    pub dice: Dice,
    _folder: tempfile::TempDir,
}

impl World {
    /// A server, a desk and `phones` enrolled technicians.
    pub async fn new(seed: u64, phones: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let elapsed_ms = Arc::new(AtomicI64::new(0));
        let server_dice = Dice::new(seed, 1);
        Keys::create(&folder.path().join("keys"), &server_dice).expect("creates keys");
        let mut machine = Machine {
            folder: folder.path().to_owned(),
            clock: Arc::new(SimulatedClock::new(elapsed_ms.clone(), 1)),
            hooks: Arc::new(SimulatedHooks::new(Dice::new(seed, 2))),
            dice: server_dice,
            address: Server::default(),
            app: None,
        };
        machine.start().await;
        let app = machine.app().clone();
        people::add_site(&app, SITE, "仿真苑").await.expect("adds a site");
        let desk = people::add_person(&app, "陈").await.expect("adds a person");
        people::grant_role(&app, desk, Role::FrontDesk, SITE).await.expect("grants");
        let mut world = Self {
            elapsed_ms,
            machine,
            phones: Vec::new(),
            desk,
            dice: Dice::new(seed, 3),
            _folder: folder,
        };
        for index in 0..phones {
            world.add_phone(seed, index).await;
        }
        world
    }

    async fn add_phone(&mut self, seed: u64, index: usize) {
        let app = self.machine.app().clone();
        let person = people::add_person(&app, &format!("师傅{index}")).await.expect("adds a person");
        people::grant_role(&app, person, Role::Technician, SITE).await.expect("grants");
        let code = people::enrolment_code(&app, person).await.expect("makes a code");
        let number = index as u64;
        let mut phone = Phone {
            person,
            path: self._folder.path().join(format!("phone-{index}.db")),
            clock: Arc::new(SimulatedClock::new(self.elapsed_ms.clone(), 100 + number)),
            hooks: Arc::new(SimulatedHooks::new(Dice::new(seed, 100 + number))),
            transport: Arc::new(SimulatedTransport::new(
                self.machine.address.clone(),
                Dice::new(seed, 200 + number),
            )),
            dice: Dice::new(seed, 300 + number),
            replica: None,
        };
        phone.open().await;
        let replica = phone.replica();
        replica.enrol(&code, "电话", None).await.expect("enrols");
        replica.sync(10).await.expect("syncs");
        drop(replica);
        self.phones.push(phone);
    }

    /// Lets time pass.
    pub fn advance_ms(&self, ms: i64) {
        self.elapsed_ms.fetch_add(ms, Ordering::SeqCst);
    }
}
