//! The audit log: every administrative act, append-only. Ids only: no names, no secrets.

use serde_json::Value;
use sqlx::SqliteConnection;

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
