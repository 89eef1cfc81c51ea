//! The audit log: every administrative act, append-only (triggers of the database see to it). Ids
//! only: no names, no secrets.

use serde_json::Value;
use sqlx::SqliteConnection;

use sync_core::model::id::PersonId;
use sync_core::model::time::WallMs;

use super::Act;
use crate::Result;

/// Appends an act; `detail` holds ids.
///
/// # Errors
/// If the database does not answer.
pub async fn append(
    conn: &mut SqliteConnection,
    act: Act,
    name: &'static str,
    detail: &Value,
) -> Result<()> {
    sqlx::query("insert into audit (at_ms, person, act, detail) values (?, ?, ?, ?)")
        .bind(act.at_ms)
        .bind(act.by.map(|person| person.0))
        .bind(name)
        .bind(detail.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number.
    pub id: i64,
    /// Server time.
    pub at_ms: WallMs,
    /// Who; `None` is someone at the machine itself, or the server by a rule.
    pub person: Option<PersonId>,
    /// What.
    pub act: String,
    /// JSON.
    pub detail: String,
}

/// The last `count` lines, or those of one act, in their order.
///
/// # Errors
/// If the database does not answer.
pub async fn last(
    conn: &mut SqliteConnection,
    count: u32,
    act: Option<&str>,
) -> Result<Vec<AuditEntry>> {
    type Row = (i64, i64, Option<u32>, String, String);
    let rows: Vec<Row> = sqlx::query_as(
        "select id, at_ms, person, act, detail from audit where ?1 is null or act = ?1
         order by id desc limit ?2",
    )
    .bind(act)
    .bind(count)
    .fetch_all(conn)
    .await?;
    let entry = |(id, at_ms, person, act, detail): Row| AuditEntry {
        id,
        at_ms,
        person: person.map(PersonId),
        act,
        detail,
    };
    Ok(rows.into_iter().rev().map(entry).collect())
}
