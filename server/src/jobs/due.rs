//! What falls due in records of every kind: the facts and records that follow by now, and the lists
//! where a status has changed by itself. One that fails waits, longer each time, and holds up none.

use sync_core::model::time::WallMs;

use super::{BATCH, Ran, record};
use crate::sync::due::wait;
use crate::{App, Result};

/// Does what is due, the longest due first.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    let due: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "select record, attempts from record_due
         where due_ms <= ? order by due_ms, record limit ?",
    )
    .bind(now_ms)
    .bind(BATCH)
    .fetch_all(app.db.reader())
    .await?;
    for (id, attempts) in due {
        let record = record(id)?;
        let done = app.sync.fall_due(record).await;
        if done.is_err() {
            let mut transaction = app.db.begin_write().await?;
            wait(&mut transaction, record, attempts, now_ms).await?;
            transaction.commit().await?;
        }
        ran.add(done.map(|_| true), "due");
    }
    Ok(())
}

/// When something is due next.
pub(super) async fn next_ms(app: &App) -> Result<Option<WallMs>> {
    let next = sqlx::query_scalar("select min(due_ms) from record_due where due_ms is not null")
        .fetch_one(app.db.reader())
        .await?;
    Ok(next)
}
