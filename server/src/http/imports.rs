//! Tables in and out as sheets: what each holds and what keeps it out stands in `import`.

use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sync_core::model::id::SiteId;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{OfficeUser, PathId, QueryOf};
use super::idempotency::once;
use super::schema;
use super::upload::{SheetProblem, Upload, csv, refused};
use crate::import::office::{Keep, Office};
use crate::import::{self, FILE_BYTES_MAX, Outcome, Rows, Scope, Table, tables};
use crate::ledger::Ledger;
use crate::{App, Error, Result};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    let upload =
        OpenApiRouter::new().routes(routes!(take)).layer(DefaultBodyLimit::max(FILE_BYTES_MAX));
    OpenApiRouter::new().routes(routes!(give)).merge(upload)
}

/// Where a sheet belongs, and whether it is only tried.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Import {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
    /// Only say what would become of it: every problem by row and column.
    #[serde(default)]
    dry_run: bool,
}

/// What an import of a table did, or would do.
#[derive(Serialize, ToSchema)]
struct ImportedTable {
    /// The table.
    table: &'static str,
    /// Whether it was a dry run.
    dry_run: bool,
    /// Rows that hold something, the first one left out.
    rows: u32,
    /// What was not there.
    added: usize,
    /// What becomes different.
    changed: usize,
    /// What is no more.
    removed: usize,
    /// What stays as it is.
    unchanged: usize,
    /// Everything wrong with the sheet; only a dry run answers with any.
    problems: Vec<SheetProblem>,
}

fn body_of(table: Table, outcome: &Outcome, dry_run: bool) -> Result<Vec<u8>> {
    let answer = ImportedTable {
        table: table.code(),
        dry_run,
        rows: outcome.rows,
        added: outcome.added,
        changed: outcome.changed,
        removed: outcome.removed,
        unchanged: outcome.unchanged,
        problems: outcome.problems.iter().map(SheetProblem::from).collect(),
    };
    serde_json::to_vec(&answer).map_err(|_| Error::Broken("an answer"))
}

/// Import a table from a sheet (.xlsx, or comma-separated text in UTF-8 or GB 18030); one with any
/// problem changes nothing. It is written in pieces of 500 rows: one that was cut short is finished
/// by the same sheet again, and a sheet that is all there changes nothing. An administrator of the
/// site may; contacts also the desk, the roster also supervisors, prices those who propose them.
#[utoipa::path(
    post, path = "/v1/imports/{table}", tag = "sheets",
    params(
        ("table" = String, Path, description = "The table, e.g. `units`"),
        Import, schema::IdempotencyKey,
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = ImportedTable),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn take(
    State(app): State<App>,
    PathId(table): PathId<Table>,
    QueryOf(Import { site, dry_run }): QueryOf<Import>,
    upload: Upload,
) -> Result<Response> {
    upload.user.holds_whole(site, table.roles())?;
    let mut conn = app.db.reader().acquire().await?;
    let scope = Scope::of(&mut conn, site, upload.user.act()).await?;
    drop(conn);
    let Upload { user, name, file } = upload;
    let work = async || {
        let columns = table.columns();
        let read = tokio::task::spawn_blocking(move || import::read(&file, columns)).await;
        let rows = read.unwrap_or_else(|_| Rows::unreadable("not_a_sheet"));
        let body = |table, outcome: &Outcome| body_of(table, outcome, false);
        let keep = (!dry_run).then_some(Keep { name: &name, body });
        let outcome = if table.kind().is_some() {
            let office = Office {
                db: &app.db,
                sync: &app.sync,
                randomness: app.randomness.as_ref(),
                person: user.person(),
                device: user.session.device,
                session: user.session.session,
            };
            import::office::run(&office, (table, &scope), &rows, dry_run, keep).await?
        } else {
            let ledger = Ledger::at(&app.config.ledger_folder());
            import::rows::run((&app.db, &ledger), (table, &scope), &rows, dry_run, keep).await?
        };
        if !dry_run {
            refused(&outcome.problems)?;
        }
        Ok((200, body_of(table, &outcome, dry_run)?))
    };
    once(&app, &name, work).await
}

/// Which table of which site.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Export {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
}

/// Export a table as a sheet that can be imported again: that changes nothing. Whoever may import
/// it may; an export that names people is in the audit log.
#[utoipa::path(
    get, path = "/v1/exports/{table}", tag = "sheets",
    params(("table" = String, Path, description = "The table, e.g. `units`"), Export),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn give(
    State(app): State<App>,
    user: OfficeUser,
    PathId(table): PathId<Table>,
    QueryOf(Export { site }): QueryOf<Export>,
) -> Result<Response> {
    user.holds_whole(site, table.roles())?;
    let mut conn = app.db.reader().acquire().await?;
    let scope = Scope::of(&mut conn, site, user.act()).await?;
    let sheet = tables::export(&mut conn, table, &scope, &app.sync).await?;
    drop(conn);
    let mut transaction = app.db.begin_write().await?;
    import::note_export(&mut transaction, user.act(), table, site).await?;
    transaction.commit().await?;
    Ok(csv(&format!("{}-{site}.csv", table.code()), &sheet))
}
