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
        let looked_at = to_look_at(app, site, now_ms).await?;
        if looked_at.len() >= BATCH as usize {
            ran.due(Some(now_ms));
        }
        let mut later = Vec::new();
        for one in looked_at {
            if let Some(look_ms) = one.young_until_ms {
                later.push((one, look_ms));
                continue;
            }
            match look(app, one.record, now_ms).await {
                // Nothing to do is nothing due: it is looked at again when its time may be over.
                Ok(Some(look_ms)) => later.push((one, look_ms)),
                Ok(None) => ran.add(Ok(true), "retention"),
                Err(error) => {
                    ran.add(Err(error), "retention");
                    // One that fails for ever must not keep the others from their turn.
                    later.push((one, now_ms.saturating_add(RETRY_MS)));
                }
            }
        }
        put_off(app, &later).await?;
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
        let days = days(app, site).await?;
        let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
            "select record from contact_card where site = ?1 and changed_at_ms <= ?2
             union all
             select record from violation where site = ?1 and created_at_ms <= ?3",
        )
        .bind(site.0)
        .bind(now_ms.saturating_sub(days.contact_ms))
        .bind(now_ms.saturating_sub(days.violation_ms))
        .fetch_all(app.db.reader())
        .await?;
        for (id,) in rows {
            let kept = app.sync.kept(record(id)?, now_ms).await?;
            due.extend(kept.filter(|kept| kept.is_over(now_ms)));
        }
    }
    due.sort_by_key(|kept| (kept.until_ms, kept.record));
    Ok(due)
}

const DAY_MS: i64 = 86_400_000;
/// A violation is kept for a year at least (四 3.4).
const VIOLATION_DAYS_MIN: i64 = 365;
/// Days of a zone may be an hour shorter: what is looked at is a day more than what can be due.
const MARGIN_MS: i64 = DAY_MS;
/// What has no end as things stand is looked at again after so long (ours).
const LOOK_AGAIN_MS: i64 = 7 * DAY_MS;
/// What failed is tried again after so long (ours).
const RETRY_MS: i64 = 3_600_000;

/// How long records are kept at least, by the plainest measure: a violation closes after it was
/// made, a contact counts from its own last change at the earliest.
struct Days {
    contact_ms: i64,
    violation_ms: i64,
}

async fn days(app: &App, site: SiteId) -> Result<Days> {
    let mut conn = app.db.reader().acquire().await?;
    let policy = place::policy(&mut conn, site).await?;
    let least_ms = |days: i64| days.saturating_mul(DAY_MS).saturating_sub(MARGIN_MS);
    Ok(Days {
        contact_ms: least_ms(policy.contact_kept_days.into()),
        violation_ms: least_ms(VIOLATION_DAYS_MIN),
    })
}

/// A record whose look is due.
struct Look {
    record: RecordId,
    /// As it stood when it was read: whatever may end the keeping earlier writes another one, below
    /// all that stood there, and then this look says nothing.
    look_ms: WallMs,
    /// It cannot be over before.
    young_until_ms: Option<WallMs>,
}

/// What is read of contacts and of violations whose look is due, by an index: all others cost
/// nothing. A change of the policy makes every look of the site due.
pub(super) const TO_LOOK_AT: [&str; 2] = [
    "select record, look_ms, coalesce(changed_at_ms, created_at_ms, 0) from contact_card
     where site = ? and look_ms <= ? order by look_ms, record limit ?",
    "select record, look_ms, coalesce(created_at_ms, 0) from violation
     where site = ? and look_ms <= ? order by look_ms, record limit ?",
];

/// A batch of each.
async fn to_look_at(app: &App, site: SiteId, now_ms: WallMs) -> Result<Vec<Look>> {
    let days = days(app, site).await?;
    let mut found = Vec::new();
    for (select, least_ms) in TO_LOOK_AT.into_iter().zip([days.contact_ms, days.violation_ms]) {
        let rows: Vec<(Vec<u8>, i64, i64)> = sqlx::query_as(select)
            .bind(site.0)
            .bind(now_ms)
            .bind(BATCH)
            .fetch_all(app.db.reader())
            .await?;
        for (id, look_ms, since_ms) in rows {
            let until_ms = since_ms.saturating_add(least_ms);
            let young_until_ms = (until_ms > now_ms).then_some(until_ms);
            found.push(Look { record: record(id)?, look_ms, young_until_ms });
        }
    }
    Ok(found)
}

/// Purges a record, or says when to look again; nothing if it was purged.
async fn look(app: &App, record: RecordId, now_ms: WallMs) -> Result<Option<WallMs>> {
    let again_ms = now_ms.saturating_add(LOOK_AGAIN_MS);
    let kept = match app.sync.kept(record, now_ms).await? {
        Some(kept) if kept.is_over(now_ms) => {
            let act = Act::at_the_machine(now_ms);
            match app.sync.purge(record, PurgeWhy::Due, act).await? {
                Purged::Done => return Ok(None),
                // Another runner was first.
                Purged::NotHere => return Ok(Some(again_ms)),
                Purged::Kept(kept) => kept,
            }
        }
        Some(kept) => kept,
        None => return Ok(Some(again_ms)),
    };
    Ok(Some(kept.until_ms.unwrap_or(again_ms)))
}

/// Says when records are looked at again, all in one transaction.
async fn put_off(app: &App, later: &[(Look, WallMs)]) -> Result<()> {
    if later.is_empty() {
        return Ok(());
    }
    let mut transaction = app.db.begin_write().await?;
    for (one, look_ms) in later {
        for update in [
            "update contact_card set look_ms = ? where record = ? and look_ms = ?",
            "update violation set look_ms = ? where record = ? and look_ms = ?",
        ] {
            let query = sqlx::query(update).bind(look_ms).bind(one.record.0.to_vec());
            query.bind(one.look_ms).execute(&mut *transaction).await?;
        }
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
