//! What comes for a day that was closed: it reopens the day, and one desk case for each day and
//! device names it. R8.16.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::time::WallMs;

use super::ranges::Place;
use super::rows::days;
use crate::Result;
use crate::people::{Act, audit};
use crate::sync::load::number;
use crate::sync::write::Poke;

/// The kind of the case.
pub const LATE: &str = "late_for_closed_day";

/// Puts a case on each command whose day was closed, and reopens these days. A day that somebody of
/// the office has reopened waits for work, and nothing that comes for it is late.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn mark(
    conn: &mut SqliteConnection,
    (device, person): (DeviceId, PersonId),
    come: &mut BTreeMap<u64, Place>,
    now_ms: WallMs,
) -> Result<Vec<Poke>> {
    let mut pokes = Vec::new();
    for (site, day) in days(come) {
        let at = (site, day.to_string());
        let was_closed: Option<bool> = sqlx::query_scalar(
            "select reopened_ms is null or reopened_by is null from account_day
             where site = ? and day = ?",
        )
        .bind(site.0)
        .bind(&at.1)
        .fetch_optional(&mut *conn)
        .await?;
        if was_closed != Some(true) {
            continue;
        }
        let is_late = |place: &Place| (place.site, place.day) == (Some(site), day);
        let late: Vec<u64> =
            come.iter().filter(|(_, place)| is_late(place)).map(|(number, _)| *number).collect();
        let case = case(conn, (device, person), (site, day), &late, now_ms).await?;
        for place in come.values_mut().filter(|place| is_late(place)) {
            place.desk_case = Some(case);
        }
        reopen(conn, device, (site, &at.1), now_ms).await?;
        pokes.push(Poke::office(site));
    }
    Ok(pokes)
}

/// The case of a device's late work of a day: the one there is, or a new one.
async fn case(
    conn: &mut SqliteConnection,
    (device, person): (DeviceId, PersonId),
    (site, day): (SiteId, NaiveDate),
    late: &[u64],
    now_ms: WallMs,
) -> Result<i64> {
    let (from, to) = (late.first().copied().unwrap_or(0), late.last().copied().unwrap_or(0));
    let count = number(late.len() as u64);
    // Named by the numbers that stand in it.
    let known: Option<(i64, i64)> = sqlx::query_as(
        "select desk_case, sum(to_number - from_number + 1) from account_day_row
         where site = ? and day = ? and device = ? and desk_case is not null group by desk_case
         order by desk_case desc limit 1",
    )
    .bind(site.0)
    .bind(day.to_string())
    .bind(device.0)
    .fetch_optional(&mut *conn)
    .await?;
    let named = known.map_or(0, |(_, named)| named).saturating_add(count);
    let params = json!({ "day": day.to_string(), "commands": named }).to_string();
    let Some((case, _)) = known else {
        let case = sqlx::query_scalar(
            "insert into desk_case (site, kind, person, device, from_number, to_number, params,
               opened_ms) values (?, ?, ?, ?, ?, ?, ?, ?) returning id",
        )
        .bind(site.0)
        .bind(LATE)
        .bind(person.0)
        .bind(device.0)
        .bind(number(from))
        .bind(number(to))
        .bind(params)
        .bind(now_ms)
        .fetch_one(conn)
        .await?;
        return Ok(case);
    };
    let was_closed: bool =
        sqlx::query_scalar("select closed_ms is not null from desk_case where id = ?")
            .bind(case)
            .fetch_one(&mut *conn)
            .await?;
    sqlx::query(
        "update desk_case set closed_ms = null, params = ?, from_number = min(from_number, ?),
           to_number = max(to_number, ?) where id = ?",
    )
    .bind(params)
    .bind(number(from))
    .bind(number(to))
    .bind(case)
    .execute(&mut *conn)
    .await?;
    if was_closed {
        // By nobody: what came says it.
        sqlx::query(
            "insert into desk_case_action (desk_case, at_ms, person, action, reason)
             values (?, ?, 0, 'reopened', '')",
        )
        .bind(case)
        .bind(now_ms)
        .execute(conn)
        .await?;
    }
    Ok(case)
}

/// Reopens a day that is closed; the audit log says by whose work.
async fn reopen(
    conn: &mut SqliteConnection,
    device: DeviceId,
    (site, day): (SiteId, &str),
    now_ms: WallMs,
) -> Result<()> {
    let done = sqlx::query(
        "update account_day set reopened_ms = ?, reopened_by = null, reopened_reason = null
         where site = ? and day = ? and reopened_ms is null",
    )
    .bind(now_ms)
    .bind(site.0)
    .bind(day)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(());
    }
    let detail = json!({ "site": site, "day": day, "device": device });
    audit::append(conn, Act::at_the_machine(now_ms), "account_day_reopened", &detail).await
}
