//! The drawings of signatures: one that stands in two orders was not drawn twice. The later order
//! gets a desk case; what was signed is not touched.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::rules::TimelineEntry;

use super::load::exact;
use super::write::{self, Planned};
use crate::Result;

/// The kind of the case.
pub const EQUAL_STROKES: &str = "equal_strokes";

/// Keeps the hashes of new drawings, and opens a case in a record whose drawing another one has
/// (R8.13); answers the sites that have one.
///
/// # Errors
/// If the database does not answer.
pub async fn write(
    conn: &mut SqliteConnection,
    planned: &[Planned],
    now_ms: WallMs,
) -> Result<BTreeSet<SiteId>> {
    let mut sites = BTreeSet::new();
    for review in planned.iter().filter_map(|planned| planned.plan.review.as_deref()) {
        let Some(site) = review.site else { continue };
        for entry in review.timeline.iter().filter(|entry| entry.fact_type == "signed") {
            let Some(drawn) = entry.content.get("strokes").and_then(Value::as_str) else {
                continue;
            };
            let hash = Sha256::digest(drawn.as_bytes()).to_vec();
            if is_new(conn, (site, &hash), (review.record, entry)).await?
                && let Some(first) = other(conn, (site, &hash), review.record).await?
            {
                open(conn, site, (review.record, entry), first, now_ms).await?;
                sites.insert(site);
            }
        }
    }
    Ok(sites)
}

async fn is_new(
    conn: &mut SqliteConnection,
    (site, hash): (SiteId, &[u8]),
    (record, entry): (RecordId, &TimelineEntry),
) -> Result<bool> {
    let done = sqlx::query(
        "insert into signed_strokes (site, strokes_sha256, record, fact) values (?, ?, ?, ?)
         on conflict do nothing",
    )
    .bind(site.0)
    .bind(hash)
    .bind(record.0.to_vec())
    .bind(entry.key.to_string())
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The first other record with the drawing.
async fn other(
    conn: &mut SqliteConnection,
    (site, hash): (SiteId, &[u8]),
    record: RecordId,
) -> Result<Option<RecordId>> {
    let other: Option<Vec<u8>> = sqlx::query_scalar(
        "select record from signed_strokes where site = ? and strokes_sha256 = ? and record <> ?
         order by rowid limit 1",
    )
    .bind(site.0)
    .bind(hash)
    .bind(record.0.to_vec())
    .fetch_optional(conn)
    .await?;
    other.map(|record| exact(&record).map(RecordId)).transpose()
}

/// One case for two records, however often they were signed so, and whichever was signed last.
async fn open(
    conn: &mut SqliteConnection,
    site: SiteId,
    (record, entry): (RecordId, &TimelineEntry),
    first: RecordId,
    now_ms: WallMs,
) -> Result<()> {
    let by = entry.by.unwrap_or(PersonId(0));
    let device = entry.device.unwrap_or(DeviceId(0));
    let from = entry.key.number().unwrap_or_default();
    let case = (site, (by, device), from);
    write::pair_case(conn, EQUAL_STROKES, case, (record, first), now_ms).await
}
