//! What begins with a day at a site: the rounds that plans have today and tomorrow, the same
//! records that phones make of them, and the roster's window that phones hold.

use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::rules::{
    PlannedRound, Review, Status, not_started_alarm, planned_rounds, projection,
};

use super::{BATCH, Ran, record, sites};
use crate::people::place;
use crate::people::roster::{self, local};
use crate::sync::Derived;
use crate::{App, Result};

/// Does at every site what its day asks for.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    for site in sites(app).await? {
        let mut conn = app.db.reader().acquire().await?;
        let zone = roster::zone(&mut conn, site).await?;
        let is_new = roster::is_new_day(&mut conn, site, now_ms).await?;
        drop(conn);
        if is_new {
            ran.add(begin(app, site, now_ms).await, "roster_day");
        }
        for ahead in 0..=1 {
            let day = local::date(zone, now_ms, ahead);
            // From the midnight before on: the rounds of a day are made the day before.
            let since_ms = local::midnight(zone, local::date(zone, now_ms, ahead - 1));
            for (plan, version) in unseen(app, site, day).await? {
                let planned = Planned { plan, version, day: day.to_string(), since_ms };
                ran.add(make_rounds(app, &planned).await, "planned_rounds");
            }
        }
        ran.due(Some(local::midnight(zone, local::date(zone, now_ms, 1))));
    }
    Ok(())
}

async fn begin(app: &App, site: SiteId, now_ms: WallMs) -> Result<bool> {
    let mut transaction = app.db.begin_write().await?;
    let begun = roster::begin_day(&mut transaction, site, now_ms).await?;
    transaction.commit().await?;
    Ok(begun)
}

/// A plan whose rounds of a day are to be made.
struct Planned {
    plan: RecordId,
    version: i64,
    day: String,
    since_ms: WallMs,
}

/// Plans of a day's month that were written since their rounds of that day were made.
async fn unseen(app: &App, site: SiteId, day: chrono::NaiveDate) -> Result<Vec<(RecordId, i64)>> {
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "select p.record, r.version from patrol_plan p join record r on r.record = p.record
         left join patrol_day d on d.plan = p.record and d.day = ?
         where p.site = ? and p.month = ? and (d.version is null or d.version <> r.version)
         order by p.record limit ?",
    )
    .bind(day.to_string())
    .bind(site.0)
    .bind(day.format("%Y-%m").to_string())
    .bind(BATCH)
    .fetch_all(app.db.reader())
    .await?;
    rows.into_iter().map(|(plan, version)| Ok((record(plan)?, version))).collect()
}

/// A round that is made only when its grace is over, because nothing ran before, was never planned
/// in the lists: its alarm is due all the same. Not if the plan was written after the round was to
/// begin: nobody could have begun it. R7.22
async fn overdue(app: &App, round: &PlannedRound, plan: &Review) -> Result<()> {
    let Some((_, _, review)) = app.sync.read(round.record).await? else { return Ok(()) };
    if review.status != Status::NotStarted {
        return Ok(());
    }
    let Some(alarm) = not_started_alarm(&review) else { return Ok(()) };
    let mut transaction = app.db.begin_write().await?;
    let policy = place::policy(&mut transaction, round.site).await?;
    sqlx::query(
        "update patrol_round set status_until_ms = starts_at_ms + ?
         where record = ? and status = 'not_started' and status_until_ms is null
           and starts_at_ms >= ? and not exists (select 1 from record where record = ?)",
    )
    .bind(policy.patrol_start_grace_ms.saturating_add(1))
    .bind(round.record.0.to_vec())
    .bind(projection(plan).changed_at_ms)
    .bind(alarm.record.0.to_vec())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

// R7.2
async fn make_rounds(app: &App, planned: &Planned) -> Result<bool> {
    let Some((_, _, review)) = app.sync.read(planned.plan).await? else { return Ok(false) };
    let mut failed = None;
    for round in planned_rounds(&review, &planned.day) {
        // Also where a phone was first: what was planned then stands beside what it opened, and
        // the two differ visibly or not at all.
        let fact = Derived::opening(round.opening(), planned.since_ms);
        // One round that cannot be made keeps no other from being made.
        let made = app.sync.derive(round.record, Box::new(move |_| vec![fact])).await;
        let made = match made {
            Ok(_) => overdue(app, &round, &review).await,
            Err(error) => Err(error),
        };
        failed = failed.or(made.err());
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let mut transaction = app.db.begin_write().await?;
    sqlx::query(
        "insert into patrol_day (plan, day, version) values (?, ?, ?)
         on conflict (plan, day) do update set version = excluded.version",
    )
    .bind(planned.plan.0.to_vec())
    .bind(&planned.day)
    .bind(planned.version)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(true)
}
