//! Many commands of one office session in one transaction: all of them or none. Each is judged and
//! written like any other.

use std::sync::Arc;

use serde_json::Value;
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::rules::Command;

use super::Shared;
use super::office::{self, OfficeJob, OfficeWrite};
use super::people::People as Judges;
use super::standing;
use super::write::Poke;
use crate::idempotency::{self, RequestName};
use crate::people::{self, Act};
use crate::{Error, Result};

/// Commands of one session.
#[derive(Debug)]
pub struct OfficeBatch {
    /// The person.
    pub person: PersonId,
    /// The device of the cookie session.
    pub device: DeviceId,
    /// The session that begins their keys.
    pub session: SessionId,
    /// What to do, in this order, and to which record.
    pub commands: Vec<(Target, Command)>,
    /// What they were planned on: nothing is written if it has moved.
    pub planned_on: Stamp,
    /// The audit row that goes with them.
    pub audit: (&'static str, Value),
    /// The answer to the request they came with.
    pub keep: Option<(RequestName, Vec<u8>)>,
}

/// What a command of a batch is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// It opens a record.
    New,
    /// A record that is there.
    Record(RecordId),
    /// The record that was opened last before it in the batch.
    Opened,
}

/// How far the records of a kind at a site are: any write to one of them moves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    kind: &'static str,
    site: SiteId,
    count: i64,
    sequence: i64,
}

impl Stamp {
    /// Where the records of a kind at a site are now.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn read(
        conn: &mut SqliteConnection,
        kind: &'static str,
        site: SiteId,
    ) -> Result<Self> {
        let (count, sequence) = sqlx::query_as(
            "select count(*), coalesce(max(sequence), 0) from record where site = ? and kind = ?",
        )
        .bind(site.0)
        .bind(kind)
        .fetch_one(conn)
        .await?;
        Ok(Self { kind, site, count, sequence })
    }
}

/// A batch on its way to the writer.
pub struct BatchJob {
    batch: OfficeBatch,
    people: Arc<Judges>,
    epoch: u32,
    now_ms: WallMs,
}

impl BatchJob {
    /// Reads what the commands are judged by, and sees to it that their session is registered: a
    /// batch that is rolled back must not take along what others already remember of it.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn new(shared: &Shared, batch: OfficeBatch, now_ms: WallMs) -> Result<Self> {
        let mut transaction = shared.database.begin_write().await?;
        let installation = standing::installation(&mut transaction).await?;
        let writer = (batch.person, batch.device, batch.session);
        office::session_row(shared, &mut transaction, writer, now_ms).await?;
        transaction.commit().await?;
        let mut conn = shared.database.reader().acquire().await?;
        let people = shared.people.of(installation.reference_version, &mut conn).await?;
        Ok(Self { batch, people, epoch: installation.epoch, now_ms })
    }
}

/// Performs, decides and writes them; answers where the records are then, or nothing if what they
/// were planned on has moved.
///
/// # Errors
/// The denial of the first that is denied, or the database's. The caller rolls back.
pub async fn write(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: BatchJob,
) -> Result<(Option<Stamp>, Vec<Poke>)> {
    let BatchJob { batch, people, epoch, now_ms } = job;
    let OfficeBatch { person, device, session, commands, planned_on, audit, keep } = batch;
    if Stamp::read(conn, planned_on.kind, planned_on.site).await? != planned_on {
        return Ok((None, Vec::new()));
    }
    let (mut pokes, mut opened) = (Vec::new(), None);
    for (target, command) in commands {
        let record = match target {
            Target::New => None,
            Target::Record(record) => Some(record),
            Target::Opened => Some(opened.ok_or(Error::Broken("a batch that opened nothing"))?),
        };
        let write = OfficeWrite { person, device, session, record, command };
        let job = OfficeJob::in_batch(write, Arc::clone(&people), epoch, now_ms);
        let (written, told) = office::write(shared, conn, job).await?;
        pokes.extend(told);
        if target == Target::New {
            opened = Some(written.record);
        }
    }
    let by = Act { at_ms: now_ms, by: Some(person) };
    people::audit::append(conn, by, audit.0, &audit.1).await?;
    if let Some((name, body)) = keep {
        idempotency::keep(conn, &name, (200, &body), now_ms).await?;
    }
    let stamp = Stamp::read(conn, planned_on.kind, planned_on.site).await?;
    Ok((Some(stamp), pokes))
}
