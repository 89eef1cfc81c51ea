//! A site's world in one process: a server with its database, two runners of its jobs, and phones
//! with their stores.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use ed25519_dalek::SigningKey;
use fieldbook_server::config::Config;
use fieldbook_server::db::Database;
use fieldbook_server::keys::Keys;
use fieldbook_server::sync::{OfficeWrite, OfficeWritten};
use fieldbook_server::{App, AppOptions};
use sync_core::model::id::{DeviceId, PersonId, RecordId};
use sync_core::model::person::Role;
use sync_core::model::policy::{LadderCountsFrom, SlaPolicy};
use sync_core::replica::{Replica, ReplicaOptions};
use sync_core::rules::Command;
use sync_core::store::StoreKey;

use super::environment::{Dice, Gate, START_MS, SimulatedClock, SimulatedHooks};
use super::life::Misfortune;
use super::network::{INSTALLATION, Server, SimulatedTransport};
use super::office_words::Word;
use super::people::{self, PEOPLE, Person, Seat};
use super::signing::Ink;

/// One phone: what survives a crash, and what does not.
pub struct Phone {
    /// Who uses it now.
    pub person: PersonId,
    /// That person's role.
    pub role: Role,
    /// The number it has for that person.
    pub device: DeviceId,
    /// Numbers it has had for that person since the last sign-out.
    pub devices: Vec<DeviceId>,
    /// Commands that had returned at the last sign-out: what it no longer lists to anybody.
    pub forgotten: usize,
    /// Somebody has signed out.
    pub was_signed_out: bool,
    /// When it last got an answer.
    pub answered_ms: Arc<AtomicI64>,
    /// Turns its clock back now and then.
    pub is_liar: bool,
    /// What its customers have drawn.
    pub ink: Arc<Mutex<Ink>>,
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

/// A machine with a server: what survives a crash, and the running process.
pub struct Machine {
    folder: PathBuf,
    clock: Arc<SimulatedClock>,
    /// Its hooks.
    pub hooks: Arc<SimulatedHooks>,
    dice: Dice,
    address: Server,
    running: Option<App>,
}

impl Machine {
    /// Starts the process.
    pub async fn start(&mut self) {
        self.hooks.revive();
        let mut keys = Keys::generate(&self.dice, START_MS);
        keys.attestation = [9; 32];
        keys.installation = SigningKey::from_bytes(&INSTALLATION);
        let ledger = Some(self.folder.join("ledger"));
        let app = App::start(AppOptions {
            db: open(&self.folder).await,
            keys,
            clock: self.clock.clone(),
            randomness: Arc::new(self.dice.clone()),
            hooks: self.hooks.clone(),
            config: Config { ledger, ..Config::default() },
        });
        self.address.set(Some((app.sync.clone(), app.db.clone())));
        self.running = Some(app);
    }

    /// Stops the process.
    pub async fn stop(&mut self) {
        self.address.set(None);
        if let Some(app) = self.running.take() {
            app.stop().await;
        }
    }

    /// Starts it anew.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// The running process.
    pub fn app(&self) -> &App {
        self.running.as_ref().expect("the server is up")
    }
}

async fn open(folder: &std::path::Path) -> Database {
    Database::open(&folder.join("fieldbook.db")).await.expect("a database opens")
}

/// Everything.
pub struct World {
    /// Time since the start; shared by all clocks.
    pub elapsed_ms: Arc<AtomicI64>,
    /// The server that phones and the office talk to.
    pub machine: Machine,
    /// Two more processes on its database, which run its jobs.
    pub runners: Vec<Machine>,
    /// The phones.
    pub phones: Vec<Phone>,
    /// The site's policy.
    pub policy: SlaPolicy,
    /// Draws the workload.
    pub dice: Dice,
    /// Devices that were enrolled so far, beside the first of each phone.
    devices: u32,
    /// What is still to be made good.
    pub misfortunes: Vec<Misfortune>,
    /// What the office has said of commands that were not accepted.
    pub words: Vec<Word>,
    folder: tempfile::TempDir,
}

impl World {
    /// A server, an office and some of the phones, drawn by the seed.
    pub async fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let elapsed_ms = Arc::new(AtomicI64::new(0));
        let dice = Dice::new(seed, 3);
        let counts_from = if seed.is_multiple_of(2) {
            LadderCountsFrom::Step
        } else {
            LadderCountsFrom::Reception
        };
        let policy = SlaPolicy { ladder_counts_from: counts_from, ..SlaPolicy::default() };
        let database = open(folder.path()).await;
        people::write(&database, &policy).await;
        database.close().await;
        let clock = Arc::new(SimulatedClock::new(elapsed_ms.clone(), 1));
        let machine = |number: u64, hooks: SimulatedHooks| Machine {
            folder: folder.path().to_owned(),
            clock: clock.clone(),
            hooks: Arc::new(hooks),
            dice: Dice::new(seed, 20 + number),
            address: Server::default(),
            running: None,
        };
        let main = machine(0, SimulatedHooks::new(Dice::new(seed, 2)));
        let runner =
            |number| machine(number, SimulatedHooks::between_writes(Dice::new(seed, 4 + number)));
        let runners = vec![runner(1), runner(2)];
        let mut world = Self {
            elapsed_ms,
            machine: main,
            runners,
            phones: Vec::new(),
            policy,
            dice,
            devices: 0,
            misfortunes: Vec::new(),
            words: Vec::new(),
            folder,
        };
        world.machine.start().await;
        for runner in &mut world.runners {
            runner.start().await;
        }
        let carriers: Vec<&Person> = PEOPLE.iter().filter(|one| one.has_phone).collect();
        for one in carriers {
            // One technician always; of the others about every second.
            if one.person == PersonId(31) || world.dice.happens(400) {
                world.add_phone(seed, one).await;
            }
        }
        world
    }

    async fn add_phone(&mut self, seed: u64, one: &Person) {
        let (person, device) = (one.person, people::phone(one.person));
        let number = u64::from(person.0);
        let address = self.machine.address.clone();
        let dice = Dice::new(seed, 200 + number);
        let mut phone = Phone {
            person,
            role: one.role,
            device,
            devices: vec![device],
            forgotten: 0,
            was_signed_out: false,
            answered_ms: Arc::default(),
            is_liar: seed.is_multiple_of(3),
            ink: Arc::default(),
            path: self.folder.path().join(format!("phone-{person}.db")),
            clock: Arc::new(SimulatedClock::new(self.elapsed_ms.clone(), 100 + number)),
            hooks: Arc::new(SimulatedHooks::new(Dice::new(seed, 100 + number))),
            transport: Arc::new(SimulatedTransport::new(address, dice, person, device)),
            dice: Dice::new(seed, 300 + number),
            replica: None,
        };
        phone.open().await;
        phone.replica().enrol("code", "电话", None).await.expect("enrols");
        self.know(&phone).await;
        phone.replica().sync(10).await.expect("syncs");
        self.phones.push(phone);
    }

    /// Tells the server of the devices that a phone was enrolled as.
    async fn know(&self, phone: &Phone) {
        let enrolled = std::mem::take(&mut *phone.transport.enrolled.lock().expect("not poisoned"));
        let mut transaction = self.machine.app().db.begin_write().await.expect("begins");
        for (who, key) in enrolled {
            sqlx::query(
                "insert into device (device, person, name, public_key, enrolled_ms)
                 values (?, ?, 'phone', ?, 0)",
            )
            .bind(who.device.0)
            .bind(who.person.0)
            .bind(key.as_bytes().to_vec())
            .execute(&mut *transaction)
            .await
            .expect("inserts");
        }
        transaction.commit().await.expect("commits");
    }

    /// Enrols somebody on a phone anew, however often the app is killed meanwhile.
    pub async fn enrol(&mut self, place: usize, one: &Person) {
        for _ in 0..50 {
            self.devices += 1;
            let device = DeviceId(10_000 + self.devices);
            let phone = &mut self.phones[place];
            phone.transport.invite(one.person, device);
            let enrolled = phone.replica().enrol(&device.to_string(), "电话", None).await;
            if enrolled.is_err() {
                phone.close().await;
                phone.open().await;
            }
            let phone = &self.phones[place];
            self.know(phone).await;
            let here = phone.replica().enrolment().await.expect("reads");
            if here.is_some_and(|here| here.device == device) {
                let phone = &mut self.phones[place];
                (phone.person, phone.role, phone.device) = (one.person, one.role, device);
                phone.devices.push(device);
                return;
            }
        }
        panic!("nobody is killed fifty times in a row");
    }

    /// Somebody at the office writes.
    pub async fn office(
        &self,
        seat: Seat,
        record: Option<RecordId>,
        command: Command,
    ) -> fieldbook_server::Result<OfficeWritten> {
        let Seat { person, device, session } = seat;
        let write = OfficeWrite { person, device, session, record, command };
        self.machine.app().sync.office(write).await
    }

    /// Server time.
    pub fn now_ms(&self) -> i64 {
        START_MS + self.elapsed_ms.load(Ordering::SeqCst)
    }

    /// Lets time pass.
    pub fn advance_ms(&self, ms: i64) {
        self.elapsed_ms.fetch_add(ms, Ordering::SeqCst);
    }
}
