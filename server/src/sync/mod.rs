//! Ingest, decision and feed. (Stands in until the real one is merged.)

use std::collections::BTreeSet;
use std::sync::Arc;

use sync_core::environment::{Clock, Hooks, Randomness};
use sync_core::model::audience::Audience;
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::protocol::message::{SyncRequest, SyncResponse};
use sync_core::protocol::problem::ProblemCode;
use tokio::sync::broadcast;

use crate::db::Database;
use crate::{Error, Result};

/// What sync is started with.
pub struct SyncOptions {
    database: Database,
}

impl SyncOptions {
    /// Options with the limits of this version.
    pub fn new(
        database: Database,
        _clock: Arc<dyn Clock>,
        _randomness: Arc<dyn Randomness>,
        _hooks: Arc<dyn Hooks>,
        _attestation_key: [u8; 32],
    ) -> Self {
        Self { database }
    }
}

/// Whose token came with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
}

/// A place in a site's feed that was just taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poke {
    /// The audience, with its site.
    pub audience: Audience,
    /// The site's sequence.
    pub sequence: u64,
}

/// The server's side of sync.
#[derive(Clone)]
pub struct Sync {
    _database: Database,
    pokes: broadcast::Sender<Poke>,
}

impl Sync {
    /// Starts the writer.
    pub fn start(options: SyncOptions) -> Self {
        Self { _database: options.database, pokes: broadcast::Sender::new(16) }
    }

    /// Handles one sync request.
    ///
    /// # Errors
    /// Always.
    pub async fn handle(&self, _who: Bearer, _request: SyncRequest) -> Result<SyncResponse> {
        Err(Error::problem(ProblemCode::Unavailable))
    }

    /// Hears of every audience that has something new.
    pub fn subscribe(&self) -> broadcast::Receiver<Poke> {
        self.pokes.subscribe()
    }

    /// The audiences a person reads now.
    ///
    /// # Errors
    /// Never.
    pub async fn audiences(&self, _person: PersonId) -> Result<BTreeSet<Audience>> {
        Ok(BTreeSet::new())
    }

    /// Ends the writer.
    pub async fn stop(&self) {}
}
