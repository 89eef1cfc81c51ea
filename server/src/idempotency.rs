//! Answers kept for a day by the office's `Idempotency-Key`s. A command's row is written in the
//! command's transaction: an answer that was lost can be given again, also after a crash.

use sqlx::SqliteConnection;
use sync_core::model::id::PersonId;
use sync_core::model::time::WallMs;

use crate::Result;

/// How long an answer is kept.
pub const KEPT_MS: i64 = 24 * 3_600_000;

/// Names a request: whose, by which key, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestName {
    /// The person.
    pub person: PersonId,
    /// The key it chose.
    pub key: String,
    /// SHA-256 over method, address and body.
    pub request_hash: [u8; 32],
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The request it answered.
    pub request_hash: Vec<u8>,
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// The answer kept for a key, whatever it was for.
///
/// # Errors
/// If the database does not answer.
pub async fn find(
    conn: &mut SqliteConnection,
    name: &RequestName,
    now_ms: WallMs,
) -> Result<Option<Kept>> {
    let row: Option<(Vec<u8>, u16, Vec<u8>)> = sqlx::query_as(
        "select request_hash, status, body from idempotency
         where person = ? and key = ? and created_ms > ?",
    )
    .bind(name.person.0)
    .bind(&name.key)
    .bind(now_ms - KEPT_MS)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(request_hash, status, body)| Kept { request_hash, status, body }))
}

/// Keeps an answer, and none that is older than a day.
///
/// # Errors
/// If the database does not answer, or the key was used meanwhile: the transaction is to be rolled
/// back.
pub async fn keep(
    conn: &mut SqliteConnection,
    name: &RequestName,
    answer: (u16, &[u8]),
    now_ms: WallMs,
) -> Result<()> {
    let (status, body) = answer;
    sqlx::query("delete from idempotency where created_ms <= ?")
        .bind(now_ms - KEPT_MS)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "insert into idempotency (person, key, request_hash, status, body, created_ms)
         values (?, ?, ?, ?, ?, ?)",
    )
    .bind(name.person.0)
    .bind(&name.key)
    .bind(name.request_hash.to_vec())
    .bind(status)
    .bind(body)
    .bind(now_ms)
    .execute(conn)
    .await?;
    Ok(())
}
