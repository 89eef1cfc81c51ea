//! The periodic tasks of each site, opened at the moment from which they can be done, and the
//! patrol plan's, done by the plan. What was missed while the server was down is opened as if it
//! had not.

use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::patrol;
use sync_core::model::payload::Payload;
use sync_core::model::periodic::{self, PeriodicFact, PeriodicTask, PlanMade};
use sync_core::model::policy::SlaPolicy;
use sync_core::model::time::WallMs;
use sync_core::rules::{PeriodicOpening, periodic_tasks};

use super::{BATCH, Ran, record, sites};
use crate::people::place;
use crate::sync::Derived;
use crate::{App, Result};

const DAY_MS: i64 = 86_400_000;
/// Days that are opened in one go.
const DAYS: i64 = 60;

/// Opens what has begun at every site, and closes what plans have done.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    for site in sites(app).await? {
        let mut conn = app.db.reader().acquire().await?;
        let policy = place::policy(&mut conn, site).await?;
        drop(conn);
        match open(app, site, &policy, now_ms).await {
            // Nothing has begun since.
            Ok(0) => {}
            outcome => ran.add(outcome.map(|_| true), "periodic_tasks"),
        }
    }
    for (task, plan, made_ms) in plans_made(app).await? {
        ran.add(close(app, task, plan, made_ms).await, "patrol_plan_made");
    }
    Ok(())
}

/// Opens a site's tasks that have begun; says how many.
async fn open(app: &App, site: SiteId, policy: &SlaPolicy, now_ms: WallMs) -> Result<usize> {
    let opened_ms: Option<WallMs> =
        sqlx::query_scalar("select until_ms from periodic_run where site = ?")
            .bind(site.0)
            .fetch_optional(app.db.reader())
            .await?;
    let mut begun: Vec<PeriodicOpening> = Vec::new();
    match opened_ms {
        // A new site begins with what can still be done in time.
        None => {
            let since_ms = now_ms.saturating_sub(DAYS * DAY_MS);
            let all = periodic_tasks(site, policy, since_ms, now_ms);
            begun.extend(all.into_iter().filter(|task| task.due_ms >= now_ms));
        }
        Some(opened_ms) => {
            let mut since_ms = opened_ms;
            while since_ms < now_ms {
                let until_ms = since_ms.saturating_add(DAYS * DAY_MS).min(now_ms);
                begun.extend(periodic_tasks(site, policy, since_ms, until_ms));
                since_ms = until_ms;
            }
        }
    }
    if begun.is_empty() && opened_ms.is_some() {
        return Ok(0);
    }
    let count = begun.len();
    let mut failed = None;
    for PeriodicOpening { at_ms, opening, .. } in begun {
        let task = opening.record;
        let fact = Derived::opening(opening, at_ms);
        // One that cannot be opened holds up no other; all are tried again.
        if let Err(error) = app.sync.derive(task, Box::new(move |_| vec![fact])).await {
            failed = Some(error);
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let mut transaction = app.db.begin_write().await?;
    sqlx::query(
        "insert into periodic_run (site, until_ms) values (?, ?)
         on conflict (site) do update set until_ms = max(until_ms, excluded.until_ms)",
    )
    .bind(site.0)
    .bind(now_ms)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(count)
}

/// Tasks whose plan is there, with the earliest plan of their month and when it was made.
async fn plans_made(app: &App) -> Result<Vec<(RecordId, RecordId, WallMs)>> {
    let rows: Vec<(Vec<u8>, Vec<u8>, WallMs)> = sqlx::query_as(
        "select task.record, plan.record, plan.created_at_ms
         from record_card task join patrol_plan plan
           on plan.site = task.site and plan.month = task.title
         where task.kind = ? and task.subject = ? and task.closed_at_ms is null
           and plan.created_at_ms is not null
         order by plan.created_at_ms desc, plan.record desc limit ?",
    )
    .bind(periodic::KIND)
    .bind(PeriodicTask::PatrolPlan.code())
    .bind(BATCH)
    .fetch_all(app.db.reader())
    .await?;
    // The earliest comes last and stays.
    let mut earliest = std::collections::BTreeMap::new();
    for (task, plan, made_ms) in rows {
        earliest.insert(record(task)?, (record(plan)?, made_ms));
    }
    Ok(earliest.into_iter().map(|(task, (plan, made_ms))| (task, plan, made_ms)).collect())
}

async fn close(app: &App, task: RecordId, plan: RecordId, made_ms: WallMs) -> Result<bool> {
    let fact = Derived {
        rule: "plan_made",
        cause: format!("{}/{plan}", patrol::PLAN),
        at_ms: made_ms,
        payload: Payload::Periodic(PeriodicFact::PlanMade(PlanMade { plan })),
        after: Vec::new(),
    };
    app.sync.derive(task, Box::new(move |_| vec![fact])).await
}
