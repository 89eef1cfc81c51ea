//! What every request finds: the database, sync, the keys, the clocks and the configuration.

use std::sync::Arc;

use sync_core::environment::{Clock, Hooks, Randomness};
use sync_core::model::time::WallMs;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::db::Database;
use crate::http::idempotency::InFlight;
use crate::http::rate::Gates;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::people::Act;
use crate::sync::{Sync, SyncOptions};

/// What a server is started with.
pub struct AppOptions {
    /// The database, with an installation in it.
    pub db: Database,
    /// The installation's keys.
    pub keys: Keys,
    /// The server's clock.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub randomness: Arc<dyn Randomness>,
    /// Called between the statements of a write: production passes `NoHooks`.
    pub hooks: Arc<dyn Hooks>,
    /// The configuration.
    pub config: Config,
}

/// A running server without its socket. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Database,
    /// Ingest, decision and feed.
    pub sync: Sync,
    /// The installation's keys.
    pub keys: Arc<Keys>,
    /// The server's clock.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub randomness: Arc<dyn Randomness>,
    /// The configuration.
    pub config: Arc<Config>,
    /// Requests with an `Idempotency-Key` that are being answered.
    pub(crate) in_flight: Arc<InFlight>,
    /// How often somebody may try to come in.
    pub(crate) gates: Arc<Gates>,
    closing: Arc<watch::Sender<bool>>,
    jobs: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl App {
    /// Starts sync; answers what the router needs.
    pub fn start(options: AppOptions) -> Self {
        let AppOptions { db, keys, clock, randomness, hooks, config } = options;
        let mut options = SyncOptions::new(
            db.clone(),
            Arc::clone(&clock),
            Arc::clone(&randomness),
            hooks,
            keys.attestation,
        );
        options.installation = Some(keys.installation.verifying_key());
        options.ledger = Some(Ledger::at(&config.ledger_folder()));
        let sync = Sync::start(options);
        let gates = Arc::new(Gates::new(Arc::clone(&clock)));
        Self {
            db,
            sync,
            keys: Arc::new(keys),
            clock,
            randomness,
            config: Arc::new(config),
            in_flight: Arc::default(),
            gates,
            closing: Arc::new(watch::Sender::new(false)),
            jobs: Arc::default(),
        }
    }

    /// Runs the jobs from now until the app stops; a second call changes nothing.
    pub async fn start_jobs(&self) {
        let mut jobs = self.jobs.lock().await;
        if jobs.is_none() {
            *jobs = Some(tokio::spawn(crate::jobs::run(self.clone())));
        }
    }

    /// Server time.
    pub fn now_ms(&self) -> WallMs {
        self.clock.wall_ms()
    }

    /// An act of someone at the machine itself, now.
    pub fn act(&self) -> Act {
        Act::at_the_machine(self.now_ms())
    }

    /// Tells what never ends by itself that the server is about to.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Turns true when the server is about to end.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// Ends the jobs and sync after what they were given, then closes the database.
    pub async fn stop(&self) {
        self.close();
        if let Some(jobs) = self.jobs.lock().await.take()
            && let Err(error) = jobs.await
        {
            tracing::error!(%error, "the jobs did not end well");
        }
        self.sync.stop().await;
        self.db.close().await;
    }
}
