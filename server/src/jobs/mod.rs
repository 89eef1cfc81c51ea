//! What happens on time with nobody looking. Each job is idempotent: what it writes has keys and
//! contents from its cause, so two runners, a restart or days of downtime write it once. A job
//! looks only at what is due; here they are run, and waited for.

mod alert;
mod day_end;
mod days;
mod due;
mod periodic;
pub mod retention;
mod round_not_started;
mod waiting;

#[cfg(test)]
mod day_end_tests;
#[cfg(test)]
mod due_tests;
#[cfg(test)]
mod retention_tests;
#[cfg(test)]
mod seats;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::time::WallMs;
use tokio::sync::broadcast::error::RecvError;

use crate::{App, Error, Result};

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ran {
    /// How many things were done.
    pub done: u64,
    /// How many failed; they stay due.
    pub failed: u64,
    /// How many were due and there was nothing to do: another server did it, or it is not ready.
    pub idle: u64,
    /// When something is due next, as far as is known.
    pub next_ms: Option<WallMs>,
}

impl Ran {
    fn add(&mut self, outcome: Result<bool>, job: &'static str) {
        match outcome {
            Ok(true) => self.done += 1,
            Ok(false) => self.idle += 1,
            Err(error) => {
                tracing::error!(job, %error, "a job failed");
                self.failed += 1;
            }
        }
    }

    /// A job of which nothing more can be done now; the others go on.
    fn ended(&mut self, outcome: Result<()>, job: &'static str) {
        if let Err(error) = outcome {
            tracing::error!(job, %error, "a job failed");
            self.failed += 1;
        }
    }

    fn due(&mut self, at_ms: Option<WallMs>) {
        self.next_ms = self.next_ms.into_iter().chain(at_ms).min();
    }
}

/// Things of one kind done in one run; the rest follows at once.
const BATCH: u32 = 200;
/// Longest sleep: the machine's clock may be set meanwhile.
const SLEEP_MS_MAX: i64 = 60_000;
/// Wait after a failure.
const RETRY_MS: i64 = 5_000;
/// Wait after being woken, for the pokes of one commit to be one run.
const SETTLE_MS: u64 = 20;

/// Does everything that is due.
///
/// # Errors
/// If the database does not answer; what fails for one record alone is logged and stays due.
pub async fn run_due(app: &App, now_ms: WallMs) -> Result<Ran> {
    let mut ran = Ran::default();
    // First: an alarm waits for nothing. And again after the rounds: one that has not begun has
    // just become one.
    let outcome = alert::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "alert");
    let outcome = round_not_started::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "round_not_started");
    let outcome = alert::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "alert");
    let outcome = days::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "days");
    let outcome = day_end::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "day_end");
    // Before what falls due: a plan that is there is not missing.
    let outcome = periodic::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "periodic");
    let outcome = due::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "due");
    let outcome = waiting::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "waiting");
    let outcome = callers(app, now_ms, &mut ran).await;
    ran.ended(outcome, "callers");
    // Last: nobody waits for it.
    let outcome = retention::run(app, now_ms, &mut ran).await;
    ran.ended(outcome, "retention");
    ran.due(alert::next_ms(app).await?);
    ran.due(round_not_started::next_ms(app).await?);
    ran.due(due::next_ms(app).await?);
    ran.due(waiting::next_ms(app).await?);
    Ok(ran)
}

/// Tells callers of outages that are over whom nobody told when they ended.
async fn callers(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    let told = app.sync.tell_callers(BATCH).await?;
    ran.done += told;
    if told == u64::from(BATCH) {
        ran.due(Some(now_ms));
    }
    Ok(())
}

/// Runs jobs when they are due and when something was written, until the app closes.
pub async fn run(app: App) {
    let mut closing = app.closing();
    let closed = async move {
        // An error says that nobody is left who could close it: the app is gone.
        let _closed = closing.wait_for(|closing| *closing).await.is_ok();
    };
    let mut closed = std::pin::pin!(closed);
    let mut pokes = app.sync.subscribe();
    loop {
        let now_ms = app.now_ms();
        let wait_ms = match run_due(&app, now_ms).await {
            Ok(ran) => wait_ms(&ran, now_ms),
            Err(error) => {
                tracing::error!(%error, "jobs could not be run");
                RETRY_MS
            }
        };
        let sleep = tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs()));
        tokio::select! {
            () = &mut closed => return,
            () = sleep => {}
            poke = pokes.recv() => {
                if matches!(poke, Err(RecvError::Closed)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(SETTLE_MS)).await;
                pokes = pokes.resubscribe();
            }
        }
    }
}

fn wait_ms(ran: &Ran, now_ms: WallMs) -> i64 {
    let next_ms = ran.next_ms.map_or(SLEEP_MS_MAX, |next_ms| next_ms.saturating_sub(now_ms));
    let least_ms = if ran.failed > 0 || ran.idle > 0 { RETRY_MS } else { 0 };
    next_ms.clamp(least_ms, SLEEP_MS_MAX)
}

/// A record's id out of its row.
fn record(bytes: Vec<u8>) -> Result<RecordId> {
    let bytes = bytes.try_into().map_err(|_| Error::Broken("a record id of another length"))?;
    Ok(RecordId(bytes))
}

/// Every site.
async fn sites(app: &App) -> Result<Vec<SiteId>> {
    let sites: Vec<u32> = sqlx::query_scalar("select site from site order by site")
        .fetch_all(app.db.reader())
        .await?;
    Ok(sites.into_iter().map(SiteId).collect())
}
