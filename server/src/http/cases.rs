//! Desk cases: what the office has to look at and no review of a record shows.

use serde::Serialize;
use serde_json::Value;
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, RecordId};
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::Result;

/// A desk case.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeskCase {
    /// Its number.
    pub case: i64,
    /// `refused`, `held`, `number_gap`, `clone`, `equal_strokes`, `duplicate_suspect`,
    /// `backdated`, `quota`,
    /// `stray_answer`, `device_unknown`.
    pub kind: String,
    /// Whose commands.
    #[schema(value_type = u32)]
    pub person: PersonId,
    /// From which device.
    #[schema(value_type = u32)]
    pub device: DeviceId,
    /// The first of their numbers.
    pub from_number: u64,
    /// The last, inclusive.
    pub to_number: u64,
    /// Why it is here.
    pub code: Option<String>,
    /// Parameters of the code's text.
    pub params: Option<Value>,
    /// When it was opened.
    pub opened_at: String,
    /// When it was closed.
    pub closed_at: Option<String>,
    /// `worker` from a question of the office to its answer.
    pub waits_for: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    kind: String,
    person: u32,
    device: u32,
    from_number: i64,
    to_number: i64,
    code: Option<String>,
    params: Option<String>,
    opened_ms: i64,
    closed_ms: Option<i64>,
    waits_for: Option<String>,
}

/// The desk cases of a record, closed ones too.
///
/// # Errors
/// If the database does not answer.
pub async fn of_record(conn: &mut SqliteConnection, record: RecordId) -> Result<Vec<DeskCase>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, kind, person, device, from_number, to_number, code, params, opened_ms, closed_ms,
           waits_for
         from desk_case where record = ? order by id",
    )
    .bind(record.0.to_vec())
    .fetch_all(conn)
    .await?;
    let cases = rows.into_iter().map(|row| DeskCase {
        case: row.id,
        kind: row.kind,
        person: PersonId(row.person),
        device: DeviceId(row.device),
        from_number: row.from_number.unsigned_abs(),
        to_number: row.to_number.unsigned_abs(),
        code: row.code,
        params: row.params.and_then(|params| serde_json::from_str(&params).ok()),
        opened_at: rfc3339(row.opened_ms),
        closed_at: row.closed_ms.map(rfc3339),
        waits_for: row.waits_for,
    });
    Ok(cases.collect())
}
