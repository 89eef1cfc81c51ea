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
use crate::{App, Error, Result, idempotency};

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

/// Import a table from a sheet (.xlsx, or comma-separated text in UTF-8 or GB 18030), all or
/// nothing. The same sheet again changes nothing. An administrator of the site may; contacts also
/// the desk, the roster also supervisors, prices those who propose them.
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
        let outcome = if table.kind().is_some() {
            let office = Office {
                db: &app.db,
                sync: &app.sync,
                randomness: app.randomness.as_ref(),
                person: user.person(),
                device: user.session.device,
                session: user.session.session,
            };
            let body = |table, outcome: &Outcome| body_of(table, outcome, false);
            let keep = (!dry_run).then_some(Keep { name: &name, body });
            import::office::run(&office, (table, &scope), &rows, dry_run, keep).await?
        } else {
            by_rows(&app, (table, &scope), rows, (!dry_run).then_some(&name)).await?
        };
        if !dry_run {
            refused(&outcome.problems)?;
        }
        Ok((200, body_of(table, &outcome, dry_run)?))
    };
    once(&app, &name, work).await
}

/// Plans a sheet and, with the name of the request that wants it, writes it.
async fn by_rows(
    app: &App,
    (table, scope): (Table, &Scope),
    rows: Rows,
    name: Option<&idempotency::RequestName>,
) -> Result<Outcome> {
    let Some(name) = name else {
        let mut conn = app.db.reader().acquire().await?;
        return Ok(tables::plan(&mut conn, table, scope, rows).await?.outcome);
    };
    let mut transaction = app.db.begin_write().await?;
    let plan = tables::plan(&mut transaction, table, scope, rows).await?;
    if !plan.outcome.problems.is_empty() {
        return Ok(plan.outcome);
    }
    import::apply(&mut transaction, table, scope, &plan).await?;
    let body = body_of(table, &plan.outcome, false)?;
    idempotency::keep(&mut transaction, name, (200, &body), scope.act.at_ms).await?;
    transaction.commit().await?;
    Ok(plan.outcome)
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
