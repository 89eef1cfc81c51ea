//! What has been kept long enough is purged: violations by 四 3.4, contacts by the policy. Whether
//! it may go is asked again inside the purge; what the ledger says and the database does not know
//! is carried out first. Each purge has its line in the audit log with rule and record.

use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::time::WallMs;

use super::{BATCH, Ran, record, sites};
use crate::people::{Act, place};
use crate::sync::{Kept, PurgeWhy, Purged};
use crate::{App, Result};

/// Purges what is due, and forgets to tell what was told for long enough.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    app.sync.carry_out_ledger().await?;
    for site in sites(app).await? {
        let looked_at = candidates(app, site, now_ms, Looked::LongAgo).await?;
        for record in &looked_at {
            match look(app, *record, now_ms).await {
                // Nothing to do is nothing due: it is looked at again when its time may be over.
                Ok(false) => {}
                Ok(true) => ran.add(Ok(true), "retention"),
                Err(error) => {
                    ran.add(Err(error), "retention");
                    // One that fails for ever must not keep the others from their turn.
                    put_off(app, *record, now_ms.saturating_add(RETRY_MS)).await?;
                }
            }
        }
        if looked_at.len() >= BATCH as usize {
            ran.due(Some(now_ms));
        }
    }
    while forget(app, now_ms).await? {}
    Ok(())
}

/// What a run at `now_ms` would purge, longest due first.
///
/// # Errors
/// If the database does not answer.
pub async fn due(app: &App, now_ms: WallMs) -> Result<Vec<Kept>> {
    let mut due = Vec::new();
    for site in sites(app).await? {
        for record in candidates(app, site, now_ms, Looked::Whenever).await? {
            let kept = app.sync.kept(record, now_ms).await?;
            due.extend(kept.filter(|kept| kept.is_over(now_ms)));
        }
    }
    due.sort_by_key(|kept| (kept.until_ms, kept.record));
    Ok(due)
}

/// Which records are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// A batch of those whose next look is due.
    LongAgo,
    /// All of them.
    Whenever,
}

const DAY_MS: i64 = 86_400_000;
/// A violation is kept for a year at least (四 3.4).
const VIOLATION_DAYS_MIN: i64 = 365;
/// Days of a zone may be an hour shorter: what is looked at is a day more than what can be due.
const MARGIN_MS: i64 = DAY_MS;
/// What is not due is looked at again after so long: its policy may have changed (ours).
const LOOK_AGAIN_MS: i64 = 7 * DAY_MS;
/// What failed is tried again after so long (ours).
const RETRY_MS: i64 = 3_600_000;

/// Records of a site that may be due: old enough by the plainest measure. A violation closes after
/// it was made; a contact counts from its own last change at the earliest.
async fn candidates(
    app: &App,
    site: SiteId,
    now_ms: WallMs,
    looked: Looked,
) -> Result<Vec<RecordId>> {
    let mut conn = app.db.reader().acquire().await?;
    let policy = place::policy(&mut conn, site).await?;
    let contact_days = i64::from(policy.contact_kept_days);
    let before =
        |days: i64| now_ms.saturating_sub(days.saturating_mul(DAY_MS)).saturating_add(MARGIN_MS);
    let (look_ms, limit) = match looked {
        Looked::LongAgo => (now_ms, i64::from(BATCH)),
        Looked::Whenever => (i64::MAX, i64::MAX),
    };
    let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
        "select record from (
           select record, look_ms from contact_card where site = ?1 and changed_at_ms <= ?2
           union all
           select record, look_ms from violation where site = ?1 and created_at_ms <= ?3)
         where look_ms <= ?4 order by look_ms, record limit ?5",
    )
    .bind(site.0)
    .bind(before(contact_days))
    .bind(before(VIOLATION_DAYS_MIN))
    .bind(look_ms)
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    rows.into_iter().map(|(id,)| record(id)).collect()
}

/// Purges a record, or says when to look again; true if it was purged.
async fn look(app: &App, record: RecordId, now_ms: WallMs) -> Result<bool> {
    let kept = match app.sync.kept(record, now_ms).await? {
        Some(kept) if kept.is_over(now_ms) => {
            let act = Act::at_the_machine(now_ms);
            match app.sync.purge(record, PurgeWhy::Due, act).await? {
                Purged::Done => return Ok(true),
                // Another runner was first.
                Purged::NotHere => return Ok(false),
                Purged::Kept(kept) => kept,
            }
        }
        Some(kept) => kept,
        None => return Ok(false),
    };
    let latest_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
    let look_ms = kept.until_ms.map_or(latest_ms, |until_ms| until_ms.min(latest_ms));
    put_off(app, record, look_ms).await?;
    Ok(false)
}

/// Says when a record is looked at again.
async fn put_off(app: &App, record: RecordId, look_ms: WallMs) -> Result<()> {
    let mut transaction = app.db.begin_write().await?;
    for update in [
        "update contact_card set look_ms = ? where record = ?",
        "update violation set look_ms = ? where record = ?",
    ] {
        let query = sqlx::query(update).bind(look_ms).bind(record.0.to_vec());
        query.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// How long phones are told of a purge record by record.
const TOLD_MS: i64 = 400 * DAY_MS;

/// Takes away the rows that tell of purges of more than 400 days ago; says whether there were as
/// many as one transaction takes. Phones that have read less are told everything from then on.
async fn forget(app: &App, now_ms: WallMs) -> Result<bool> {
    let told: Vec<(Vec<u8>, u32, i64)> = sqlx::query_as(
        "select r.record, f.site, max(f.sequence) from record r join feed f on f.record = r.record
         where r.purged_ms is not null and r.purged_ms <= ? group by r.record, f.site limit ?",
    )
    .bind(now_ms.saturating_sub(TOLD_MS))
    .bind(BATCH)
    .fetch_all(app.db.reader())
    .await?;
    if told.is_empty() {
        return Ok(false);
    }
    let mut transaction = app.db.begin_write().await?;
    for (record, site, sequence) in &told {
        sqlx::query("delete from feed where record = ? and site = ?")
            .bind(record)
            .bind(site)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "update site set forgotten_sequence = max(forgotten_sequence, ?) where site = ?",
        )
        .bind(sequence)
        .bind(site)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(told.len() >= BATCH as usize)
}
