//! An office person's command: numbered, performed and decided inside the writer's transaction,
//! like any other.

use sqlx::SqliteConnection;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SessionId};
use sync_core::model::session::SessionRows;
use sync_core::model::time::WallMs;
use sync_core::rules::Review;

use super::Shared;
use super::people::People;
use super::write::Poke;
use crate::{Error, Result};

/// What an office person asks for.
#[derive(Debug)]
pub struct OfficeWrite {
    /// The person.
    pub person: PersonId,
    /// The device of the cookie session.
    pub device: DeviceId,
    /// The 8 bytes that begin its keys.
    pub session: SessionId,
    /// The record; `None` opens one.
    pub record: Option<RecordId>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeWritten {
    /// The record.
    pub record: RecordId,
    /// The command's number.
    pub number: u64,
    /// Kinds of cases that newly rest on its facts.
    pub cases: Vec<String>,
}

/// A command on its way to the writer.
pub struct OfficeJob;

impl OfficeJob {
    pub async fn new(
        _shared: &Shared,
        _conn: &mut SqliteConnection,
        _write: OfficeWrite,
        _now_ms: WallMs,
    ) -> Result<Self> {
        Err(Error::Broken("not built"))
    }
}

pub async fn write(
    _shared: &Shared,
    _conn: &mut SqliteConnection,
    _job: OfficeJob,
) -> Result<(OfficeWritten, Vec<Poke>)> {
    Err(Error::Broken("not built"))
}

pub async fn read(
    _shared: &Shared,
    _conn: &mut SqliteConnection,
    _people: &People,
    _record: RecordId,
    _now_ms: WallMs,
) -> Result<Option<(Vec<StoredFact>, SessionRows, Review)>> {
    Err(Error::Broken("not built"))
}
