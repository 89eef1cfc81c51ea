//! An office person's command: numbered, performed and decided inside the writer's transaction,
//! like any other.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::SqliteConnection;
use sync_core::document::{Change, ChangeHead, GuardedChange, genesis_hash};
use sync_core::model::fact::{Fact, StoredFact};
use sync_core::model::id::{ChangeHash, DeviceId, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::person::Principal;
use sync_core::model::session::{Origin, SessionRow, SessionRows};
use sync_core::model::time::{BootId, Seen, WallMs};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{self, Command, Denial, DenialCode, Moment, Review, ReviewInput};

use super::Shared;
use super::cases;
use super::decide::{Incoming, Log};
use super::derive;
use super::load;
use super::log::{Author, RecordState};
use super::people::People;
use super::sessions;
use super::standing;
use super::stops::Stops;
use super::write::{self, Poke, WriteContext};
use crate::idempotency::{self, RequestName};
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
    /// What to do.
    pub command: Command,
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

/// The answer to the request that a command came with, kept in the command's transaction.
#[derive(Debug)]
pub struct KeepAnswer {
    /// The request.
    pub name: RequestName,
    /// The answer's status.
    pub status: u16,
    /// Writes the answer's body.
    pub body: fn(&OfficeWritten) -> Vec<u8>,
}

/// A command on its way to the writer.
pub struct OfficeJob {
    write: OfficeWrite,
    keep: Option<KeepAnswer>,
    people: Arc<People>,
    epoch: u32,
    now_ms: WallMs,
}

impl OfficeJob {
    /// Reads what the command is judged by.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn new(
        shared: &Shared,
        conn: &mut SqliteConnection,
        (write, keep): (OfficeWrite, Option<KeepAnswer>),
        now_ms: WallMs,
    ) -> Result<Self> {
        let standing = standing::standing(conn, write.device, OFFICE_BOOT).await?;
        let people = shared.people.of(standing.reference_version, conn).await?;
        Ok(Self { write, keep, people, epoch: standing.epoch, now_ms })
    }

    /// A command of a batch, which has read that.
    pub fn in_batch(write: OfficeWrite, people: Arc<People>, epoch: u32, now_ms: WallMs) -> Self {
        Self { write, keep: None, people, epoch, now_ms }
    }
}

/// Performs, decides and writes a command.
///
/// # Errors
/// A denial, `not_signed_in` if the cookie session has ended meanwhile, or the database's; the
/// caller rolls back.
pub async fn write(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: OfficeJob,
) -> Result<(OfficeWritten, Vec<Poke>)> {
    let OfficeJob { write, keep, people, epoch, now_ms } = job;
    let n = take_number(conn, &write).await?;
    session_row(shared, conn, (write.person, write.device, write.session), now_ms).await?;
    let denied = |code| Error::Denied(Denial::new(code));
    let record = match (write.record, write.command.opens(write.session, n)) {
        (Some(record), None) => record,
        (None, Some((record, _))) => record,
        _ => return Err(denied(DenialCode::RecordNotHere)),
    };
    let stored = load::records(conn, &[record]).await?.pop();
    let state = stored.ok_or(Error::Broken("a record asked for and not answered"))?.state;
    if write.record.is_none() && state.site.is_some() {
        return Err(denied(DenialCode::RecordExists));
    }
    let review = match write.record {
        Some(_) => {
            let read = read(shared, conn, &people, record, now_ms).await?;
            let (_, _, review) = read.ok_or_else(|| denied(DenialCode::RecordNotHere))?;
            Some(review)
        }
        None => None,
    };
    let site = review.as_ref().and_then(|review| review.site);
    let site = site.or_else(|| write.command.creates().map(|(_, site)| site));
    let sequence = match site {
        Some(site) => site_sequence(conn, site).await?,
        None => 0,
    };
    let moment = Moment {
        wall_ms: now_ms,
        monotonic_ms: None,
        now_ms,
        seen: Seen { epoch, sequence },
        session: write.session,
        n,
        device: write.device,
    };
    let nobody = Principal { person: write.person, grants: Vec::new() };
    let principal = people.principals.get(&write.person).unwrap_or(&nobody);
    let facts = rules::perform(&write.command, principal, review.as_ref(), &moment)?;
    let change = change(shared, &state, facts)?;
    let author = Author { person: write.person, device: write.device, number: n };
    let incoming = Incoming::Office { author, change };
    let mut planned = cases::plan(shared, conn, &people, record, Some(&incoming), now_ms).await?;
    let verdict = planned.plan.verdicts.iter().find(|verdict| verdict.author == author);
    let cases = match verdict {
        Some(verdict) if verdict.outcome.is_accepted() => verdict.cases.clone(),
        // What the same rules let through a moment ago.
        _ => return Err(denied(DenialCode::NotYourRole)),
    };
    // Told by this answer: a cookie session has no receipts.
    planned.plan.verdicts.retain(|verdict| verdict.author != author);
    let mut stops = Stops::new(shared.hooks.as_ref(), "office");
    let context = WriteContext { epoch, now_ms };
    let mut planned = [planned];
    let mut pokes = write::plans(conn, &mut planned, context, &mut stops).await?;
    pokes.extend(derive::follow(shared, conn, &people, &planned, context).await?);
    let written = OfficeWritten { record, number: n, cases };
    if let Some(KeepAnswer { name, status, body }) = keep {
        idempotency::keep(conn, &name, (status, &body(&written)), now_ms).await?;
    }
    Ok((written, pokes))
}

/// The next number of the cookie session's device.
async fn take_number(conn: &mut SqliteConnection, write: &OfficeWrite) -> Result<u64> {
    let row: Option<(i64,)> = sqlx::query_as(
        "update office_session set next_number = next_number + 1
         where session = ? and person = ? and device = ? and ended_ms is null
         returning next_number - 1",
    )
    .bind(write.session.0.to_vec())
    .bind(write.person.0)
    .bind(write.device.0)
    .fetch_optional(&mut *conn)
    .await?;
    let (n,) = row.ok_or_else(|| Error::problem(ProblemCode::NotSignedIn))?;
    Ok(n.unsigned_abs())
}

/// The session's row, by which everyone knows whose keys begin with it.
///
/// # Errors
/// If the database does not answer.
pub async fn session_row(
    shared: &Shared,
    conn: &mut SqliteConnection,
    (person, device, session): (PersonId, DeviceId, SessionId),
    now_ms: WallMs,
) -> Result<()> {
    let known = shared.sessions.of(&BTreeSet::from([session]), conn).await?;
    if known.contains_key(&session) {
        return Ok(());
    }
    let row = SessionRow {
        session,
        person,
        device,
        origin: Origin::Office,
        boot: OFFICE_BOOT,
        opened_wall_ms: now_ms,
        opened_monotonic_ms: 0,
        anchor: None,
    };
    sessions::insert(conn, &row, None, now_ms).await
}

async fn site_sequence(conn: &mut SqliteConnection, site: SiteId) -> Result<u64> {
    let row: Option<(i64,)> = sqlx::query_as("select sequence from site where site = ?")
        .bind(site.0)
        .fetch_optional(&mut *conn)
        .await?;
    row.map(|(sequence,)| sequence.unsigned_abs())
        .ok_or_else(|| Error::problem(ProblemCode::NotFound))
}

/// The command as a change of this process on top of the accepted heads.
fn change(shared: &Shared, state: &RecordState, facts: Vec<Fact>) -> Result<GuardedChange> {
    let mut log = Log::default();
    state.rows.iter().for_each(|row| log.insert(row));
    let heads: Vec<ChangeHash> =
        if state.heads.is_empty() { vec![genesis_hash(state.record)] } else { state.heads.clone() };
    let head = ChangeHead::on_top(state.record, &log, shared.actor, heads)
        .map_err(|_| Error::Broken("an accepted head is in the log"))?;
    let stored = facts.iter().map(Fact::store).collect::<Result<Vec<_>, _>>();
    let stored = stored.map_err(sync_core::Error::from)?;
    let change = Change::build(head, stored).map_err(sync_core::Error::from)?;
    Ok(GuardedChange { change, facts, in_log: false, had: Vec::new() })
}

/// Cookie sessions have no boot: their wall clock is the server's.
const OFFICE_BOOT: BootId = BootId([0; 16]);

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
