//! Facts the server writes by a rule: what follows from a finding, an alarm that goes on, a plan's
//! rounds. Their keys and contents come from the cause, so that two servers, two runners or two
//! lives write the same ones, once.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::fact::{Fact, StoredFact};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::model::payload::{GeneralFact, Payload};
use sync_core::model::time::{Seen, WallMs};
use sync_core::rules::{Opening, Review, consequences};

use super::Shared;
use super::cases;
use super::decide::Incoming;
use super::load::{self, exact, list};
use super::office;
use super::outage;
use super::people::People;
use super::rows::pieces;
use super::stops::Stops;
use super::write::{self, Planned, Poke, WriteContext};
use crate::{Error, Result};

/// Records written to in one transaction: a round full of findings, or a quarter without water,
/// must not hold up the writer.
const RECORDS_MAX: usize = 200;

/// What follows in a record, as it stands when it is written; `None` while nothing opened it.
pub type Follows = Box<dyn FnOnce(Option<&Review>) -> Vec<Derived> + Send>;

/// A fact that follows from a cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// The rule's name, e.g. `alert`.
    pub rule: &'static str,
    /// What it follows from: keys, ids, a rank.
    pub cause: String,
    /// The moment it stands for, e.g. the deadline that passed. Milliseconds.
    pub at_ms: WallMs,
    /// What it says.
    pub payload: Payload,
    /// The facts it follows, where it names them.
    pub after: Vec<FactKey>,
}

impl Derived {
    /// The opening of a record.
    pub fn opening(opening: Opening, at_ms: WallMs) -> Self {
        Self {
            rule: "created",
            cause: opening.created.from.clone().unwrap_or_default(),
            at_ms,
            payload: Payload::General(GeneralFact::Created(opening.created)),
            after: Vec::new(),
        }
    }

    fn fact(self, record: RecordId) -> Fact {
        Fact {
            key: FactKey::derive(record, self.rule, &self.cause, 0),
            wall_ms: self.at_ms,
            monotonic_ms: None,
            // Nothing that a person saw: the same in every life of the server.
            seen: Seen::default(),
            after: Some(self.after),
            said_at_ms: None,
            on_behalf_of: None,
            corrects: Vec::new(),
            payload: self.payload,
            stored_content: None,
        }
    }
}

/// Facts on their way to the writer.
pub struct DeriveJob {
    /// The record.
    pub record: RecordId,
    /// What follows in it.
    pub follows: Follows,
    /// By which policies it is judged.
    pub people: std::sync::Arc<People>,
    /// The server's life.
    pub epoch: u32,
    /// Server time.
    pub now_ms: WallMs,
}

/// Writes what follows and does not stand there yet; says whether anything was written.
///
/// # Errors
/// If the database does not answer; the caller rolls back.
pub async fn write(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: DeriveJob,
) -> Result<(bool, Vec<Poke>)> {
    let DeriveJob { record, follows, people, epoch, now_ms } = job;
    if !load::purged(conn, &[record]).await?.is_empty() {
        // What was purged comes back by no cause.
        return Ok((false, Vec::new()));
    }
    let read = office::read(shared, conn, &people, record, now_ms).await?;
    let review = read.as_ref().map(|(_, _, review)| review);
    let known: BTreeSet<FactKey> =
        review.iter().flat_map(|r| r.timeline.iter().map(|entry| entry.key)).collect();
    let derived = follows(review).into_iter().map(|derived| derived.fact(record));
    let new: Vec<Fact> = derived.filter(|fact| !known.contains(&fact.key)).collect();
    if new.is_empty() {
        return Ok((false, Vec::new()));
    }
    let planned = plan(shared, conn, &people, (record, &new), now_ms).await?;
    let mut planned = [planned];
    let mut stops = Stops::new(shared.hooks.as_ref(), "derive");
    let context = WriteContext { epoch, now_ms };
    let mut pokes = write::plans(conn, &mut planned, context, &mut stops).await?;
    pokes.extend(follow(shared, conn, &people, &planned, context).await?);
    Ok((true, pokes))
}

async fn plan(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    (record, facts): (RecordId, &[Fact]),
    now_ms: WallMs,
) -> Result<Planned> {
    let stored = facts.iter().map(Fact::store).collect::<Result<Vec<StoredFact>, _>>();
    let stored = stored.map_err(|_| Error::Broken("a derived fact is no canonical JSON"))?;
    cases::plan(shared, conn, people, record, &Incoming::Derived { facts: stored }, now_ms).await
}

/// Writes what follows from these records into others, in the transaction that accepted them:
/// nobody sees a finding whose order is not there, or a low rating without its follow-up. The
/// minutes of 三 3.2 count from now, the finding's arrival. Callers hear of an outage's end.
///
/// # Errors
/// If the database does not answer.
pub async fn follow(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    planned: &[Planned],
    context: WriteContext,
) -> Result<Vec<Poke>> {
    let into = Following { shared, people, context };
    let opened = openings(conn, planned, context.now_ms).await?;
    let mut pokes = into.write(conn, opened).await?;
    let ends = outage::ends(shared, conn, people, planned, context.now_ms).await?;
    pokes.extend(into.write(conn, ends).await?);
    Ok(pokes)
}

/// What is to be written, record by record.
pub type Wanted = BTreeMap<RecordId, Vec<Derived>>;

/// What these records open and nobody has opened yet.
async fn openings(
    conn: &mut SqliteConnection,
    planned: &[Planned],
    now_ms: WallMs,
) -> Result<Wanted> {
    let reviews = planned.iter().filter_map(|planned| planned.plan.review.as_deref());
    let openings = reviews.flat_map(|review| consequences(review, now_ms));
    let mut wanted: BTreeMap<RecordId, Opening> =
        openings.map(|opening| (opening.record, opening)).collect();
    if wanted.is_empty() {
        return Ok(Wanted::new());
    }
    for record in opened(conn, &wanted.keys().copied().collect::<Vec<_>>()).await? {
        wanted.remove(&record);
    }
    let derived = |opening| vec![Derived::opening(opening, now_ms)];
    Ok(wanted.into_iter().map(|(record, opening)| (record, derived(opening))).collect())
}

/// By whom and when what follows is written.
struct Following<'a> {
    shared: &'a Shared,
    people: &'a People,
    context: WriteContext,
}

impl Following<'_> {
    async fn write(&self, conn: &mut SqliteConnection, wanted: Wanted) -> Result<Vec<Poke>> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let Self { shared, people, context } = *self;
        if wanted.len() > RECORDS_MAX {
            tracing::warn!(wanted = wanted.len(), "the rest follows with the next change or a job");
        }
        let mut plans = Vec::new();
        for (record, derived) in wanted.into_iter().take(RECORDS_MAX) {
            let facts: Vec<Fact> = derived.into_iter().map(|one| one.fact(record)).collect();
            match plan(shared, conn, people, (record, &facts), context.now_ms).await {
                Ok(planned) => plans.push(planned),
                Err(error @ Error::Stopped(_)) => return Err(error),
                // What a person saved is stored, whatever becomes of what follows from it.
                Err(error) => tracing::error!(%error, %record, "what follows has no plan"),
            }
        }
        let mut stops = Stops::new(shared.hooks.as_ref(), "derive");
        sqlx::query("savepoint follows").execute(&mut *conn).await?;
        let written = match write::plans(conn, &mut plans, context, &mut stops).await {
            Ok(pokes) => pokes,
            Err(error @ Error::Stopped(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "what follows could not be written");
                sqlx::query("rollback to follows").execute(&mut *conn).await?;
                Vec::new()
            }
        };
        sqlx::query("release follows").execute(&mut *conn).await?;
        Ok(written)
    }
}

/// Those of `records` that something has opened, and those that were purged since.
async fn opened(conn: &mut SqliteConnection, records: &[RecordId]) -> Result<Vec<RecordId>> {
    let mut found = Vec::new();
    for piece in pieces(records) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select record from record
             where (site is not null or purged_ms is not null) and record in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<(Vec<u8>,)> = query.build_query_as().fetch_all(&mut *conn).await?;
        for (record,) in rows {
            found.push(RecordId(exact(&record)?));
        }
    }
    Ok(found)
}
