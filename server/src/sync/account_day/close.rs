//! Closing a day as of a time, with what was known then, and reopening it with a reason.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::account::{Equation, Known};

use super::late::LATE;
use super::read::{self, DayAccount};
use crate::people::{Act, audit};
use crate::{Error, Result};

/// The last closing of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// When.
    pub at_ms: WallMs,
    /// Who.
    pub by: PersonId,
    /// What was known then.
    pub as_of: AsOf,
    /// What ended it.
    pub reopened: Option<Reopening>,
}

/// What was known of a day when it was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOf {
    /// The equation of the whole site.
    #[serde(flatten)]
    pub total: Equation,
    /// Phones of which not all was known.
    pub unknown: Vec<UnknownSince>,
}

/// A phone that had not told of its work since the day's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownSince {
    /// The device.
    pub device: DeviceId,
    /// The highest number that it had told of.
    pub up_to: u64,
    /// When it told last; what it saved since was unknown.
    pub told_ms: Option<WallMs>,
}

/// What ended a closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopening {
    /// When.
    pub at_ms: WallMs,
    /// Who; none is what arrived.
    pub by: Option<PersonId>,
    /// Why, in the person's words.
    pub reason: Option<String>,
}

impl Closing {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.reopened.is_none()
    }
}

type Row = (i64, u32, String, Option<i64>, Option<u32>, Option<String>);

/// The last closing of a day.
///
/// # Errors
/// If the database does not answer.
pub async fn closing(
    conn: &mut SqliteConnection,
    (site, day): (SiteId, &str),
) -> Result<Option<Closing>> {
    let row: Option<Row> = sqlx::query_as(
        "select closed_ms, closed_by, account, reopened_ms, reopened_by, reopened_reason
         from account_day where site = ? and day = ?",
    )
    .bind(site.0)
    .bind(day)
    .fetch_optional(conn)
    .await?;
    let Some((at_ms, by, account, reopened_ms, reopened_by, reason)) = row else {
        return Ok(None);
    };
    let as_of = serde_json::from_str(&account)
        .map_err(|_| Error::Broken("the account of a closed day does not read"))?;
    let reopened =
        reopened_ms.map(|at_ms| Reopening { at_ms, by: reopened_by.map(PersonId), reason });
    Ok(Some(Closing { at_ms, by: PersonId(by), as_of, reopened }))
}

/// Closes a day as of now, also where phones have not told of all of it: what was unknown is kept
/// with it. The cases of what came late are closed by it. A day that is closed stays as it is: who
/// comes second sees the first's. R8.16.
///
/// # Errors
/// `decision_refused` with `too_much_to_sum` where the day has more than one account sums; if the
/// database does not answer, or nobody does it.
pub async fn close(
    conn: &mut SqliteConnection,
    act: Act,
    (site, day): (SiteId, &str),
    span_ms: (WallMs, WallMs),
) -> Result<()> {
    let by = act.by.ok_or(Error::Broken("a day is closed by somebody"))?;
    let known = read::read(conn, (site, day), span_ms).await?;
    if known.closing.as_ref().is_some_and(Closing::holds) {
        return Ok(());
    }
    if known.more {
        return Err(Error::problem(ProblemCode::DecisionRefused).with("why", "too_much_to_sum"));
    }
    let as_of = as_of(&known);
    let account = serde_json::to_string(&as_of).map_err(|_| Error::Broken("an account"))?;
    sqlx::query(
        "insert into account_day (site, day, closed_ms, closed_by, account)
         values (?, ?, ?, ?, ?)
         on conflict (site, day) do update set closed_ms = excluded.closed_ms,
           closed_by = excluded.closed_by, account = excluded.account, reopened_ms = null,
           reopened_by = null, reopened_reason = null",
    )
    .bind(site.0)
    .bind(day)
    .bind(act.at_ms)
    .bind(by.0)
    .bind(account)
    .execute(&mut *conn)
    .await?;
    close_cases(conn, (act.at_ms, by), (site, day)).await?;
    let detail = json!({
        "site": site, "day": day, "account": as_of.total, "unknown": as_of.unknown.len(),
    });
    audit::append(conn, act, "account_day_closed", &detail).await
}

fn as_of(known: &DayAccount) -> AsOf {
    let unknown = known.rows.iter().filter(|row| row.known != Known::Whole);
    let unknown = unknown.map(|row| UnknownSince {
        device: row.device,
        up_to: row.up_to,
        told_ms: row.told_ms,
    });
    AsOf { total: known.total, unknown: unknown.collect() }
}

/// Whoever closes the day has seen what came late.
async fn close_cases(
    conn: &mut SqliteConnection,
    (at_ms, by): (WallMs, PersonId),
    (site, day): (SiteId, &str),
) -> Result<()> {
    let cases: Vec<i64> = sqlx::query_scalar(
        "select id from desk_case where kind = ? and closed_ms is null and id in (
           select desk_case from account_day_row
           where site = ? and day = ? and desk_case is not null)",
    )
    .bind(LATE)
    .bind(site.0)
    .bind(day)
    .fetch_all(&mut *conn)
    .await?;
    for case in cases {
        sqlx::query("update desk_case set closed_ms = ? where id = ?")
            .bind(at_ms)
            .bind(case)
            .execute(&mut *conn)
            .await?;
        sqlx::query(
            "insert into desk_case_action (desk_case, at_ms, person, action, reason)
             values (?, ?, ?, 'day_closed', '')",
        )
        .bind(case)
        .bind(at_ms)
        .bind(by.0)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Reopens a closed day. R8.16.
///
/// # Errors
/// `decision_refused` with `not_closed` for a day that is not closed.
pub async fn reopen(
    conn: &mut SqliteConnection,
    act: Act,
    (site, day): (SiteId, &str),
    reason: &str,
) -> Result<()> {
    let done = sqlx::query(
        "update account_day set reopened_ms = ?, reopened_by = ?, reopened_reason = ?
         where site = ? and day = ? and reopened_ms is null",
    )
    .bind(act.at_ms)
    .bind(act.by.map(|person| person.0))
    .bind(reason)
    .bind(site.0)
    .bind(day)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Error::problem(ProblemCode::DecisionRefused).with("why", "not_closed"));
    }
    let detail = json!({ "site": site, "day": day, "reason": reason });
    audit::append(conn, act, "account_day_reopened", &detail).await
}
