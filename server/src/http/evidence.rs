//! A record's signatures as a file that anybody checks without this server.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, RecordId};
use sync_core::model::session::SessionRows;
use sync_core::protocol::identity::Certificate;
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::evidence::{EvidenceInput, bundle};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::command::place_of;
use super::extract::{OfficeUser, PathId, QueryOf};
use super::schema;
use crate::people::audit;
use crate::{App, Error, Result};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(give))
}

/// What of it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `false`: without the drawings, their SHA-256 in their place.
    strokes: Option<bool>,
}

/// Export the evidence of a record's signatures: the file that `fieldbook verify` takes. Every
/// export is in the audit log.
#[utoipa::path(
    get, path = "/v1/records/{record}/evidence", tag = "records",
    params(("record" = String, Path, description = "The record"), Wanted),
    responses(
        (status = 200, body = Value, content_type = "application/json"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn give(
    State(app): State<App>,
    user: OfficeUser,
    PathId(record): PathId<RecordId>,
    QueryOf(Wanted { strokes }): QueryOf<Wanted>,
) -> Result<Response> {
    let with_strokes = strokes.unwrap_or(true);
    let mut conn = app.db.reader().acquire().await?;
    let (_, site) = place_of(&mut conn, &user, record).await?;
    let read = app.sync.read_on(&mut conn, record).await?;
    let (facts, sessions, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
    let certificates = certificates(&mut conn, &sessions).await?;
    drop(conn);
    let input = EvidenceInput {
        record,
        time_zone: &review.time_zone,
        facts: &facts,
        sessions: &sessions,
        certificates: &certificates,
        with_strokes,
    };
    let made = bundle(&input, &app.keys.installation).and_then(|bundle| bundle.write());
    let text = made.map_err(|_| Error::Broken("a stored fact is not canonical"))?;
    let mut transaction = app.db.begin_write().await?;
    let detail = json!({ "record": record, "site": site, "strokes": with_strokes });
    audit::append(&mut transaction, user.act(), "evidence_exported", &detail).await?;
    transaction.commit().await?;
    let name = format!("attachment; filename=\"evidence-{record}.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

/// Of the devices these sessions were opened on; revoked ones keep theirs.
async fn certificates(
    conn: &mut SqliteConnection,
    sessions: &SessionRows,
) -> Result<Vec<Certificate>> {
    let devices: BTreeSet<DeviceId> = sessions.values().map(|session| session.device).collect();
    let rows: Vec<String> = sqlx::query_scalar(
        "select certificate from device where certificate is not null
         and device in (select value from json_each(?)) order by device",
    )
    .bind(json!(devices).to_string())
    .fetch_all(conn)
    .await?;
    let read = |text: &String| serde_json::from_str(text);
    let certificates: Result<Vec<Certificate>, _> = rows.iter().map(read).collect();
    certificates.map_err(|_| Error::Broken("a certificate in the database does not read"))
}
