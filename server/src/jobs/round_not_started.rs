//! A planned round that has not begun when its grace is over becomes an alarm, named after the
//! round. A start that comes late does not erase it.

use sync_core::model::id::RecordId;
use sync_core::model::time::WallMs;
use sync_core::rules::{Status, not_started_alarm};

use super::{BATCH, Ran, record};
use crate::sync::Derived;
use crate::{App, Result};

/// Raises the alarm of every round that is due.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    let due: Vec<(Vec<u8>, WallMs)> = sqlx::query_as(
        "select record, status_until_ms from patrol_round
         where status in ('planned', 'not_started') and status_until_ms <= ?
         order by status_until_ms, record limit ?",
    )
    .bind(now_ms)
    .bind(BATCH)
    .fetch_all(app.db.reader())
    .await?;
    for (round, due_ms) in due {
        let outcome = raise(app, record(round)?, due_ms).await;
        ran.add(outcome, "round_not_started");
    }
    Ok(())
}

/// When the next round is due.
pub(super) async fn next_ms(app: &App) -> Result<Option<WallMs>> {
    let next = sqlx::query_scalar(
        "select min(status_until_ms) from patrol_round
         where status in ('planned', 'not_started') and status_until_ms is not null",
    )
    .fetch_one(app.db.reader())
    .await?;
    Ok(next)
}

// R7.22
async fn raise(app: &App, round: RecordId, due_ms: WallMs) -> Result<bool> {
    let Some((_, _, review)) = app.sync.read(round).await? else { return Ok(false) };
    if review.status != Status::NotStarted {
        return Ok(false);
    }
    let Some(opening) = not_started_alarm(&review) else { return Ok(false) };
    let alarm = opening.record;
    let fact = Derived::opening(opening, due_ms);
    app.sync.derive(alarm, Box::new(move |_| vec![fact])).await?;
    // The projection says when a status changes by itself: it has, and is looked at no more.
    let mut transaction = app.db.begin_write().await?;
    let moved = sqlx::query(
        "update patrol_round set status = ?, status_until_ms = null
         where record = ? and status in ('planned', 'not_started') and status_until_ms = ?",
    )
    .bind(Status::NotStarted.code())
    .bind(round.0.to_vec())
    .bind(due_ms)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(moved.rows_affected() == 1)
}
