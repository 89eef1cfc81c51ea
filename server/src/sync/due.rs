//! What falls due: when each record next changes by itself, and what is written then. The rules say
//! what; the job says when; here it is kept and carried out.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::person::Role;
use sync_core::model::time::WallMs;
use sync_core::model::{alarm, complaint, patrol};
use sync_core::rules::{Review, Status, TimelineEntry, ToldItem, told_items};

use super::load::list;
use super::people::People;
use super::rows::pieces;
use super::write::{Poke, WriteContext};
use super::{Shared, derive, office, projection};
use crate::{Error, Result};

/// A record that is due.
pub struct DueJob {
    /// The record.
    pub record: RecordId,
    /// By which policies it is judged.
    pub people: Arc<People>,
    /// The server's life.
    pub epoch: u32,
    /// Server time.
    pub now_ms: WallMs,
}

/// Writes what follows in a record by now and what it opens, and its rows in lists as it stands
/// now; says whether any fact was written. What could not be written waits, what was too much for
/// one transaction follows at once.
///
/// # Errors
/// If the database does not answer; the caller rolls back.
pub async fn run(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: DueJob,
) -> Result<(bool, Vec<Poke>)> {
    let DueJob { record, people, epoch, now_ms } = job;
    let Some((_, _, review)) = office::read(shared, conn, &people, record, now_ms).await? else {
        forget(conn, record).await?;
        return Ok((false, Vec::new()));
    };
    let context = WriteContext { epoch, now_ms };
    let attempts = attempts(conn, record).await?;
    let followed = derive::follow_review(shared, conn, &people, &review, context).await?;
    let fresh = office::read(shared, conn, &people, record, now_ms).await?;
    let fresh = fresh.map_or(review, |(_, _, review)| review);
    projection::refresh(conn, &fresh, now_ms).await?;
    again(conn, &followed.later, now_ms).await?;
    if !followed.failed.is_empty() {
        wait(conn, record, attempts, now_ms).await?;
    }
    Ok((!followed.pokes.is_empty(), followed.pokes))
}

async fn attempts(conn: &mut SqliteConnection, record: RecordId) -> Result<i64> {
    let attempts = sqlx::query_scalar("select attempts from record_due where record = ?")
        .bind(record.0.to_vec())
        .fetch_optional(&mut *conn)
        .await?;
    Ok(attempts.unwrap_or_default())
}

/// Wait of a record that failed for the first time, and the longest.
const RETRY_MS: i64 = 5_000;
const RETRY_MS_MAX: i64 = 3_600_000;

/// Looks at a record again later, the later the oftener it failed.
///
/// # Errors
/// If the database does not answer.
pub async fn wait(
    conn: &mut SqliteConnection,
    record: RecordId,
    attempts: i64,
    now_ms: WallMs,
) -> Result<()> {
    let doubled = RETRY_MS.saturating_mul(1 << attempts.clamp(0, 20));
    sqlx::query("update record_due set attempts = ?, due_ms = ? where record = ?")
        .bind(attempts.saturating_add(1))
        .bind(now_ms.saturating_add(doubled.min(RETRY_MS_MAX)))
        .bind(record.0.to_vec())
        .execute(&mut *conn)
        .await?;
    Ok(())
}

async fn forget(conn: &mut SqliteConnection, record: RecordId) -> Result<()> {
    sqlx::query("delete from record_due where record = ?")
        .bind(record.0.to_vec())
        .execute(&mut *conn)
        .await?;
    Ok(())
}

/// Keeps when these records next change by themselves, and whom they tell something.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn keep(
    conn: &mut SqliteConnection,
    reviews: &[&Review],
    now_ms: WallMs,
) -> Result<()> {
    // An alarm's next telling stands in its own table, as does the start of a planned round.
    let kept: Vec<&Review> =
        reviews.iter().copied().filter(|review| review.kind != alarm::KIND).collect();
    for piece in pieces(&kept) {
        let mut query =
            QueryBuilder::<Sqlite>::new("insert into record_due (record, site, kind, due_ms) ");
        query.push_values(piece, |mut row, review| {
            row.push_bind(review.record.0.to_vec())
                .push_bind(review.site.map(|site| site.0))
                .push_bind(review.kind.clone())
                .push_bind(due_ms(review, now_ms));
        });
        query.push(" on conflict (record) do update set due_ms = excluded.due_ms, attempts = 0");
        query.build().execute(&mut *conn).await?;
    }
    keep_told(conn, reviews).await
}

/// When a record is to be looked at again; never at once, or it would be looked at for ever.
fn due_ms(review: &Review, now_ms: WallMs) -> Option<WallMs> {
    if review.kind == patrol::ROUND && review.status == Status::Planned {
        return None;
    }
    review.status_until_ms.map(|at_ms| at_ms.max(now_ms.saturating_add(1)))
}

/// Marks records as due now: what follows from them could not be written.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn again(
    conn: &mut SqliteConnection,
    records: impl IntoIterator<Item = &RecordId>,
    now_ms: WallMs,
) -> Result<()> {
    let records: Vec<RecordId> = records.into_iter().copied().collect();
    for piece in pieces(&records) {
        let mut query = QueryBuilder::<Sqlite>::new("update record_due set due_ms = ");
        query.push_bind(now_ms).push(" where record in ");
        list(&mut query, piece.iter().map(|record| record.0.to_vec()));
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// Only few records ever tell anybody anything by role; of the others nothing is written.
async fn keep_told(conn: &mut SqliteConnection, reviews: &[&Review]) -> Result<()> {
    for review in reviews {
        // Asked of the facts first: most records hold none of these.
        let telling = |entry: &TimelineEntry| TELLING.contains(&entry.fact_type.as_str());
        if review.kind != complaint::KIND && !review.timeline.iter().any(telling) {
            continue;
        }
        let Some(site) = review.site else { continue };
        sqlx::query("delete from record_told where record = ?")
            .bind(review.record.0.to_vec())
            .execute(&mut *conn)
            .await?;
        let items = told_items(review);
        let open = items.iter().filter(|told| !told.item.done);
        let roles: BTreeSet<Role> = open.flat_map(|told| told.roles.iter().copied()).collect();
        for role in roles {
            let of_role = items.iter().filter(|told| told.roles.contains(&role));
            let of_role: Vec<&ToldItem> = of_role.collect();
            let at_ms = of_role.iter().map(|told| told.item.at_ms).max().unwrap_or_default();
            let json = serde_json::to_string(&of_role)
                .map_err(|_| Error::Broken("what is told does not write as JSON"))?;
            sqlx::query(
                "insert into record_told (record, role, site, at_ms, items)
                 values (?, ?, ?, ?, ?)",
            )
            .bind(review.record.0.to_vec())
            .bind(role.code())
            .bind(site.0)
            .bind(at_ms)
            .bind(json)
            .execute(&mut *conn)
            .await?;
        }
    }
    Ok(())
}

/// Types of facts of which something may be told by role; a complaint is also given to departments.
const TELLING: [&str; 4] = ["escalated", "fell_due", "out_of_scope", "passed_on"];

/// What records of a site tell the holders of a role that is not over, the latest first: as it is
/// kept, no record is read.
///
/// # Errors
/// If the database does not answer.
pub async fn told_to(
    conn: &mut SqliteConnection,
    (site, role): (SiteId, Role),
    limit: i64,
) -> Result<Vec<ToldItem>> {
    let rows: Vec<(Vec<u8>, String)> =
        sqlx::query_as(TOLD).bind(site.0).bind(role.code()).bind(limit).fetch_all(conn).await?;
    let mut told = Vec::new();
    for (record, items) in rows {
        // One that does not read, of another version perhaps, must not hide the others; it is
        // written anew when its record changes.
        match serde_json::from_str::<Vec<ToldItem>>(&items) {
            Ok(items) => told.extend(items),
            Err(error) => {
                let record = data_encoding::HEXLOWER.encode(&record);
                tracing::error!(record, %error, "what a record tells does not read: passed over");
            }
        }
    }
    Ok(told)
}

/// What [`told_to`] reads.
pub(crate) const TOLD: &str = "select record, items from record_told where site = ? and role = ?
     order by at_ms desc, record limit ?";
