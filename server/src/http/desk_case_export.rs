//! What a desk case is about as a file: everything that was kept of the commands, decided or not,
//! and who said what of it. Each export stands in the audit log.

use axum::Json;
use axum::extract::State;
use data_encoding::BASE64;
use serde::Serialize;
use serde_json::{Value, json};
use sync_core::model::id::{DeviceId, FactKey, PersonId, RecordId, SiteId};
use sync_core::protocol::problem::ProblemCode;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{OfficeUser, PathId};
use super::schema;
use super::time::rfc3339;
use crate::people::audit;
use crate::sync::{asking, waiting};
use crate::{App, Error, Result};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export))
}

/// A desk case with what it is about.
#[derive(Serialize, ToSchema)]
struct DeskCaseExport {
    /// Its number.
    case: i64,
    /// The site; none where nobody knows yet.
    #[schema(value_type = Option<u32>)]
    site: Option<SiteId>,
    /// `refused`, `held`, `number_gap`, `clone`, `quota`, `stray_answer`, `device_unknown`.
    kind: String,
    /// The record.
    #[schema(value_type = Option<String>)]
    record: Option<RecordId>,
    /// Whose commands.
    #[schema(value_type = u32)]
    person: PersonId,
    /// From which device.
    #[schema(value_type = u32)]
    device: DeviceId,
    /// The first of their numbers.
    from_number: u64,
    /// The last, inclusive.
    to_number: u64,
    /// Why it is here.
    code: Option<String>,
    /// Parameters of the code's text.
    params: Option<Value>,
    /// When it was opened.
    opened_at: String,
    /// When it was closed.
    closed_at: Option<String>,
    /// The facts of the commands, as they came.
    facts: Vec<ExportedFact>,
    /// What did not read, as it came: base64, one each.
    unreadable: Vec<String>,
    /// Who said what of the case, oldest first.
    words: Vec<ExportedWord>,
}

/// A fact as it came.
#[derive(Serialize, ToSchema)]
struct ExportedFact {
    /// Its key.
    #[schema(value_type = String)]
    key: FactKey,
    /// Its text, which need not be JSON.
    text: String,
}

/// What somebody said of a case.
#[derive(Serialize, ToSchema)]
struct ExportedWord {
    /// When.
    at: String,
    /// Who.
    #[schema(value_type = u32)]
    person: PersonId,
    /// What: a decision, `return_to_worker`, `answer`.
    decision: String,
    /// Why; the question or the answer itself.
    reason: String,
}

/// Everything that was kept of what a desk case is about. Stands in the audit log.
#[utoipa::path(
    get, path = "/v1/office/desk-cases/{case}/export", tag = "office",
    params(("case" = i64, Path, description = "The case")),
    responses(
        (status = 200, body = DeskCaseExport),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn export(
    State(app): State<App>,
    user: OfficeUser,
    PathId(case): PathId<i64>,
) -> Result<Json<DeskCaseExport>> {
    let sites = user.office_sites();
    let row = app.sync.desk_case(case).await?;
    let concerned = |site: Option<SiteId>| match site {
        Some(site) => sites.contains(&site),
        None => !sites.is_empty(),
    };
    // Another office's case is nobody's business: as if there were none.
    let row = row.filter(|row| concerned(row.site));
    let row = row.ok_or_else(|| Error::problem(ProblemCode::NotFound))?;
    let mut conn = app.db.reader().acquire().await?;
    let facts = waiting::contents(&mut conn, &[case]).await?;
    let facts = facts.into_iter().map(|waiting| waiting.fact);
    let unreadable = waiting::unreadable(&mut conn, &row).await?;
    let words = asking::words(&mut conn, &[case]).await?;
    drop(conn);
    let mut transaction = app.db.begin_write().await?;
    let detail = json!({ "case": case });
    audit::append(&mut transaction, user.act(), "desk_case_exported", &detail).await?;
    transaction.commit().await?;
    Ok(Json(DeskCaseExport {
        case: row.case,
        site: row.site,
        kind: row.kind,
        record: row.record,
        person: row.person,
        device: row.device,
        from_number: row.from,
        to_number: row.to,
        code: row.code,
        params: row.params,
        opened_at: rfc3339(row.opened_ms),
        closed_at: row.closed_ms.map(rfc3339),
        facts: facts.map(|fact| ExportedFact { key: fact.key, text: fact.json }).collect(),
        unreadable: unreadable.iter().map(|bytes| BASE64.encode(bytes)).collect(),
        words: words
            .into_iter()
            .map(|word| ExportedWord {
                at: rfc3339(word.at_ms),
                person: word.person,
                decision: word.action,
                reason: word.reason,
            })
            .collect(),
    }))
}
