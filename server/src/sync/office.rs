//! An office person's command: numbered, performed and decided inside the writer's transaction,
//! like any other.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SessionId};
use sync_core::model::session::SessionRows;
use sync_core::model::time::WallMs;
use sync_core::rules::{self, Review, ReviewInput};

use super::Shared;
use super::load;
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

/// A record as it is accepted, with its review now; `None` if nothing was accepted in it.
///
/// # Errors
/// If the database does not answer, or holds what nobody wrote.
pub async fn read(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    record: RecordId,
    now_ms: WallMs,
) -> Result<Option<(Vec<StoredFact>, SessionRows, Review)>> {
    let Some(stored) = load::records(conn, &[record]).await?.pop() else { return Ok(None) };
    let Some(site) = stored.state.site else { return Ok(None) };
    let mut seen = BTreeSet::new();
    let stored_facts = stored.state.accepted_facts().filter(|fact| seen.insert(fact.key));
    let stored_facts: Vec<StoredFact> = stored_facts.cloned().collect();
    let ids = stored_facts.iter().filter_map(|fact| fact.key.session()).collect();
    let sessions = shared.sessions.of(&ids, conn).await?;
    let facts = stored_facts.iter().map(StoredFact::parse).collect::<Result<Vec<_>, _>>();
    let facts = facts.map_err(|_| Error::Broken("an accepted fact does not parse"))?;
    let review = rules::review(&ReviewInput {
        record,
        facts: &facts,
        sessions: &sessions,
        policies: people.policies.get(&site).map_or(&[], Vec::as_slice),
        now_ms,
    });
    Ok(Some((stored_facts, sessions, review)))
}
