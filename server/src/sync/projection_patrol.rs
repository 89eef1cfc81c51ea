//! The projections of plans, rounds, alarms and violations.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::id::SiteId;
use sync_core::model::{alarm, patrol, violation};
use sync_core::rules::Projection;

use super::rows::pieces;
use crate::Result;

/// Rows to write, each with its site.
type Rows = Vec<(SiteId, Projection)>;

/// Writes those of `rows` that are of these kinds.
///
/// # Errors
/// If the database does not answer.
pub async fn write(conn: &mut SqliteConnection, rows: &Rows) -> Result<()> {
    let of = |kind: &str| -> Rows {
        rows.iter().filter(|(_, projection)| projection.kind == kind).cloned().collect()
    };
    write_plans(conn, &of(patrol::PLAN)).await?;
    write_rounds(conn, &of(patrol::ROUND)).await?;
    write_alarms(conn, &of(alarm::KIND)).await?;
    write_violations(conn, &of(violation::KIND)).await
}

async fn write_plans(conn: &mut SqliteConnection, plans: &Rows) -> Result<()> {
    for piece in pieces(plans) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into patrol_plan (record, site, month, created_at_ms) ",
        );
        query.push_values(piece, |mut row, (site, plan)| {
            row.push_bind(plan.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(plan.title.clone())
                .push_bind(plan.created_at_ms);
        });
        query.push(" on conflict (record) do update set month = excluded.month");
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

async fn write_rounds(conn: &mut SqliteConnection, rounds: &Rows) -> Result<()> {
    for piece in pieces(rounds) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into patrol_round (record, site, status, status_until_ms, title, patrol,
               officer, plan, starts_at_ms, visited, checkpoints, open_findings, open_cases,
               created_at_ms, changed_at_ms) ",
        );
        query.push_values(piece, |mut row, (site, round)| {
            let (visited, checkpoints) = round.coverage.unwrap_or_default();
            row.push_bind(round.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(round.status.code())
                .push_bind(round.status_until_ms)
                .push_bind(round.title.clone())
                .push_bind(round.subject.clone())
                .push_bind(round.assignee.map(|person| person.0))
                .push_bind(round.origin.map(|plan| plan.0.to_vec()))
                .push_bind(round.starts_at_ms)
                .push_bind(visited)
                .push_bind(checkpoints)
                .push_bind(round.open_findings)
                .push_bind(round.open_cases)
                .push_bind(round.created_at_ms)
                .push_bind(round.changed_at_ms);
        });
        // Whoever writes into a round after its grace must not hide from the job that its alarm is
        // still to be raised: the job itself takes the moment away.
        query.push(
            " on conflict (record) do update set status = excluded.status,
               status_until_ms = case when excluded.status = 'not_started'
                 then patrol_round.status_until_ms else excluded.status_until_ms end,
               title = excluded.title, patrol = excluded.patrol, officer = excluded.officer, plan = excluded.plan,
               starts_at_ms = excluded.starts_at_ms, visited = excluded.visited,
               checkpoints = excluded.checkpoints, open_findings = excluded.open_findings,
               open_cases = excluded.open_cases, created_at_ms = excluded.created_at_ms,
               changed_at_ms = excluded.changed_at_ms",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

async fn write_alarms(conn: &mut SqliteConnection, alarms: &Rows) -> Result<()> {
    for piece in pieces(alarms) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into alarm (record, site, status, status_until_ms, title, alarm, place, round,
               created_at_ms, changed_at_ms) ",
        );
        query.push_values(piece, |mut row, (site, alarm)| {
            row.push_bind(alarm.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(alarm.status.code())
                .push_bind(alarm.status_until_ms)
                .push_bind(alarm.title.clone())
                .push_bind(alarm.subject.clone())
                .push_bind(alarm.unit.clone())
                .push_bind(alarm.origin.map(|round| round.0.to_vec()))
                .push_bind(alarm.created_at_ms)
                .push_bind(alarm.changed_at_ms);
        });
        query.push(
            " on conflict (record) do update set status = excluded.status,
               status_until_ms = excluded.status_until_ms, title = excluded.title,
               alarm = excluded.alarm, place = excluded.place, round = excluded.round,
               created_at_ms = excluded.created_at_ms, changed_at_ms = excluded.changed_at_ms",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

async fn write_violations(conn: &mut SqliteConnection, violations: &Rows) -> Result<()> {
    for piece in pieces(violations) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into violation (record, site, status, title, violation, place, round,
               created_at_ms, changed_at_ms) ",
        );
        query.push_values(piece, |mut row, (site, violation)| {
            row.push_bind(violation.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(violation.status.code())
                .push_bind(violation.title.clone())
                .push_bind(violation.subject.clone())
                .push_bind(violation.unit.clone())
                .push_bind(violation.origin.map(|round| round.0.to_vec()))
                .push_bind(violation.created_at_ms)
                .push_bind(violation.changed_at_ms);
        });
        query.push(
            " on conflict (record) do update set status = excluded.status, title = excluded.title,
               violation = excluded.violation, place = excluded.place, round = excluded.round,
               created_at_ms = excluded.created_at_ms, changed_at_ms = excluded.changed_at_ms,
               look_ms = min(violation.look_ms, 0) - 1",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}
