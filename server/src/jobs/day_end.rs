//! What a day leaves: cash that came to the desk and stands in no hand-over becomes one desk case a
//! site and day, of which the office hears. Charges that nobody handed in are cases of their
//! records already.

use sync_core::model::id::SiteId;
use sync_core::model::time::WallMs;

use super::{Ran, sites};
use crate::people::roster::{self, local};
use crate::sync::cash_days::{self, Ended, LOOKED_MAX};
use crate::{App, Result};

/// Ends the days that are over, at every site.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    for site in sites(app).await? {
        let mut conn = app.db.reader().acquire().await?;
        let zone = roster::zone(&mut conn, site).await?;
        let today_ms = local::midnight(zone, local::date(zone, now_ms, 0));
        let has_ended = cash_days::has_ended(&mut conn, site, today_ms).await?;
        drop(conn);
        if has_ended {
            let ended = end(app, (site, zone.name()), (today_ms, now_ms)).await;
            if ended.as_ref().is_ok_and(|ended| ended.looked == LOOKED_MAX) {
                ran.due(Some(now_ms));
            }
            ran.add(ended.map(|ended| ended.looked > 0), "day_end");
        }
    }
    Ok(())
}

async fn end(
    app: &App,
    (site, zone): (SiteId, &str),
    (today_ms, now_ms): (WallMs, WallMs),
) -> Result<Ended> {
    // Read again under the lock: another runner may have been here.
    let mut transaction = app.db.begin_write().await?;
    let ended = cash_days::end(&mut transaction, (site, zone), (today_ms, now_ms)).await?;
    transaction.commit().await?;
    if ended.changed {
        app.sync.poke_office(site);
    }
    Ok(ended)
}
