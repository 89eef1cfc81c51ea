//! What the server's tests stand on: a clock that moves when told to, seeded randomness, a database
//! in a temporary folder.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sqlx::{Sqlite, Transaction};
use sync_core::environment::{Clock, NoHooks, Randomness};
use sync_core::model::time::{BootId, MonotonicMs, WallMs};

use crate::captured;
use crate::config::Config;
use crate::db::Database;
use crate::keys::Keys;
use crate::people::{self, Act};
use crate::{App, AppOptions};

/// When tests begin.
pub const START_MS: WallMs = 1_790_000_000_000;

/// A clock that moves when told to.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock at [`START_MS`].
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(START_MS)))
    }

    /// Lets time pass.
    pub fn pass_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn wall_ms(&self) -> WallMs {
        self.0.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> MonotonicMs {
        self.wall_ms() - START_MS + 1_000
    }

    fn boot_id(&self) -> BootId {
        BootId([9; 16])
    }
}

/// Randomness drawn from a seed.
pub struct Seeded(Mutex<ChaCha8Rng>);

impl Seeded {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }
}

impl Randomness for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().expect("no test panicked with it").fill_bytes(bytes);
    }
}

/// A server in a temporary folder, without a socket.
pub struct World {
    /// The server.
    pub app: App,
    /// Its clock.
    pub clock: Arc<FixedClock>,
    folder: tempfile::TempDir,
}

impl World {
    /// An installation without people, for this machine only.
    pub async fn new() -> Self {
        Self::with_config(Config::default()).await
    }

    /// An installation with another configuration.
    pub async fn with_config(mut config: Config) -> Self {
        captured::listen();
        let folder = tempfile::tempdir().expect("a folder");
        config.ledger = Some(folder.path().join("ledger"));
        let db = Database::open(&folder.path().join("fieldbook.db")).await.expect("opens");
        let clock = FixedClock::new();
        let mut transaction = db.begin_write().await.expect("begins");
        people::install(&mut transaction, Act::at_the_machine(START_MS)).await.expect("installs");
        transaction.commit().await.expect("commits");
        let randomness = Arc::new(Seeded::new(1));
        let app = App::start(AppOptions {
            db,
            keys: Keys::generate(randomness.as_ref(), START_MS),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            randomness,
            hooks: Arc::new(NoHooks),
            config,
        });
        Self { app, clock, folder }
    }

    /// Another server on the same database, with the same clock.
    pub async fn another_app(&self) -> App {
        let path = self.folder.path().join("fieldbook.db");
        let randomness = Arc::new(Seeded::new(2));
        App::start(AppOptions {
            db: Database::open(&path).await.expect("opens"),
            keys: Keys::generate(randomness.as_ref(), START_MS),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            randomness,
            hooks: Arc::new(NoHooks),
            config: self.app.config.as_ref().clone(),
        })
    }

    /// A transaction that writes.
    pub async fn write(&self) -> Transaction<'static, Sqlite> {
        self.app.db.begin_write().await.expect("begins")
    }
}
