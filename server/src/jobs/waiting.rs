//! What waits in records that nobody writes to: decided again where deciding had failed, and shown
//! to the office after seven days.

use sync_core::model::time::WallMs;

use super::{BATCH, Ran};
use crate::{App, Result};

/// Decides again, and opens cases.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    for record in app.sync.undecided(u64::from(BATCH)).await? {
        ran.add(app.sync.decide_again(record).await.map(|()| true), "waiting");
    }
    let opened = app.sync.open_cases_of_waiting().await?;
    ran.done += opened;
    if opened > 0 {
        ran.due(Some(now_ms));
    }
    Ok(())
}

/// When something of it is due next.
pub(super) async fn next_ms(app: &App) -> Result<Option<WallMs>> {
    app.sync.waiting_next_ms().await
}
