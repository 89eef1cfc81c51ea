//! What falls due in records of every kind: the facts and records that follow by now, and the lists
//! where a status has changed by itself. One that fails waits, longer each time, and holds up none.

use sync_core::model::id::RecordId;
use sync_core::model::time::WallMs;

use super::{BATCH, RETRY_MS, Ran, record};
use crate::{App, Result};

/// Longest wait of a record that fails.
const RETRY_MS_MAX: i64 = 3_600_000;

/// Does what is due, the longest due first.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    let due: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "select record, attempts from record_due
         where due_ms <= ? and retry_ms <= ? order by due_ms, record limit ?",
    )
    .bind(now_ms)
    .bind(now_ms)
    .bind(BATCH)
    .fetch_all(app.db.reader())
    .await?;
    for (id, attempts) in due {
        let record = record(id)?;
        let done = app.sync.fall_due(record).await;
        if done.is_err() {
            wait(app, record, attempts, now_ms).await?;
        }
        ran.add(done.map(|_| true), "due");
    }
    Ok(())
}

/// When something is due next.
pub(super) async fn next_ms(app: &App) -> Result<Option<WallMs>> {
    let next = sqlx::query_scalar(
        "select min(max(due_ms, retry_ms)) from record_due where due_ms is not null",
    )
    .fetch_one(app.db.reader())
    .await?;
    Ok(next)
}

async fn wait(app: &App, record: RecordId, attempts: i64, now_ms: WallMs) -> Result<()> {
    let doubled = RETRY_MS.saturating_mul(1 << attempts.clamp(0, 20));
    let mut transaction = app.db.begin_write().await?;
    sqlx::query("update record_due set attempts = attempts + 1, retry_ms = ? where record = ?")
        .bind(now_ms.saturating_add(doubled.min(RETRY_MS_MAX)))
        .bind(record.0.to_vec())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}
