//! The duty roster: who is on, the sheet it comes from and goes to. Swaps stand in `roster_swaps`.

use axum::Json;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use sync_core::model::id::{PersonId, SiteId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{OfficeUser, QueryOf};
use super::idempotency::once;
use super::names::names;
use super::schema;
use super::time::rfc3339;
use super::upload::{SheetProblem, Upload, csv, refused};
use crate::import::Table;
use crate::people::roster::import::{self, Outcome, Sheet};
use crate::people::roster::{self, Dated, FILE_BYTES_MAX};
use crate::{App, Error, Result, idempotency};

/// Days that one answer holds.
const DAYS_MAX: i64 = 400;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    let upload =
        OpenApiRouter::new().routes(routes!(take)).layer(DefaultBodyLimit::max(FILE_BYTES_MAX));
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(sheet)).merge(upload)
}

/// Which part of the roster.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Dates {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
    /// The first date, e.g. `2026-11-25`.
    #[param(value_type = String)]
    from: NaiveDate,
    /// The last date, included; at most 400 days later.
    #[param(value_type = String)]
    to: NaiveDate,
}

impl Dates {
    fn check(&self) -> Result<()> {
        let days = (self.to - self.from).num_days();
        if (0..=DAYS_MAX).contains(&days) { Ok(()) } else { Err(Error::malformed("to")) }
    }
}

/// A part of a site's roster.
#[derive(Serialize, ToSchema)]
struct Roster {
    /// By date, time, duty and rank.
    items: Vec<ShiftItem>,
    /// Names of everyone in it.
    #[schema(value_type = BTreeMap<String, String>)]
    people: BTreeMap<PersonId, String>,
}

/// A shift.
#[derive(Serialize, ToSchema)]
struct ShiftItem {
    /// Its number.
    shift: i64,
    /// The date of its line in the sheet.
    date: String,
    /// `security`, `duty_operator`, `patrol`, `desk`, `engineering`.
    duty: &'static str,
    /// Who.
    #[schema(value_type = u32)]
    person: PersonId,
    /// From when.
    from: String,
    /// Until when, exclusive.
    to: String,
    /// 1 is called first.
    rank: u32,
}

impl From<Dated> for ShiftItem {
    fn from(Dated { date, shift }: Dated) -> Self {
        Self {
            shift: shift.id,
            date: date.to_string(),
            duty: shift.duty.code(),
            person: shift.person,
            from: rfc3339(shift.from_ms),
            to: rfc3339(shift.to_ms),
            rank: shift.rank,
        }
    }
}

/// List the shifts of some dates. Anyone of the site's staff may.
#[utoipa::path(
    get, path = "/v1/roster", tag = "roster", params(Dates),
    responses(
        (status = 200, body = Roster),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn list(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(dates): QueryOf<Dates>,
) -> Result<Json<Roster>> {
    user.at_site(dates.site)?;
    dates.check()?;
    let mut conn = app.db.reader().acquire().await?;
    let shifts = roster::between(&mut conn, dates.site, dates.from, dates.to).await?;
    let people = names(&mut conn, shifts.iter().map(|dated| dated.shift.person)).await?;
    Ok(Json(Roster { items: shifts.into_iter().map(Into::into).collect(), people }))
}

/// The same as a sheet that can be imported again.
#[utoipa::path(
    get, path = "/v1/roster.csv", tag = "roster", params(Dates),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn sheet(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(dates): QueryOf<Dates>,
) -> Result<Response> {
    user.in_office_of(dates.site)?;
    dates.check()?;
    let mut conn = app.db.reader().acquire().await?;
    let sheet = import::export(&mut conn, dates.site, dates.from, dates.to).await?;
    let name = format!("roster-{}-{}-{}.csv", dates.site, dates.from, dates.to);
    drop(conn);
    let mut transaction = app.db.begin_write().await?;
    crate::import::note_export(&mut transaction, user.act(), Table::Roster, dates.site).await?;
    transaction.commit().await?;
    Ok(csv(&name, &sheet))
}

/// How to import.
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

/// What an import did, or would do.
#[derive(Serialize, ToSchema)]
struct Imported {
    /// Whether it was a dry run.
    dry_run: bool,
    /// Rows that hold something, the first one left out.
    rows: u32,
    /// The dates whose shifts are replaced.
    dates: Vec<String>,
    /// Shifts that were not there.
    added: usize,
    /// Shifts that are no more.
    removed: usize,
    /// Shifts that stay as they are.
    unchanged: usize,
    /// Everything wrong with the sheet; only a dry run answers with any.
    problems: Vec<SheetProblem>,
}

impl Imported {
    fn new(dry_run: bool, outcome: Outcome) -> Self {
        Self {
            dry_run,
            rows: outcome.rows,
            dates: outcome.dates.iter().map(ToString::to_string).collect(),
            added: outcome.added,
            removed: outcome.removed,
            unchanged: outcome.unchanged,
            problems: outcome.problems.iter().map(SheetProblem::from).collect(),
        }
    }
}

/// Import a sheet (.xlsx, or comma-separated UTF-8 text): it replaces the shifts of the dates that
/// stand in it, all or nothing.
#[utoipa::path(
    post, path = "/v1/roster/import", tag = "roster",
    params(Import, schema::IdempotencyKey),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Imported),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn take(
    State(app): State<App>,
    QueryOf(Import { site, dry_run }): QueryOf<Import>,
    Upload { user, name, file }: Upload,
) -> Result<Response> {
    user.holds_at(site, Table::Roster.roles())?;
    let mut conn = app.db.reader().acquire().await?;
    let zone = roster::zone(&mut conn, site).await?;
    drop(conn);
    let work = async || {
        let read = tokio::task::spawn_blocking(move || import::read(&file, zone)).await;
        let sheet = read.unwrap_or_else(|_| Sheet::unreadable());
        let act = user.act();
        let mut transaction = app.db.begin_write().await?;
        let outcome = if dry_run {
            import::check(&mut transaction, site, sheet).await?
        } else {
            import::apply(&mut transaction, act, site, sheet).await?
        };
        if !dry_run {
            refused(&outcome.problems)?;
        }
        let answer = serde_json::to_vec(&Imported::new(dry_run, outcome))
            .map_err(|_| Error::Broken("an answer"))?;
        if !dry_run {
            idempotency::keep(&mut transaction, &name, (200, &answer), act.at_ms).await?;
            transaction.commit().await?;
        }
        Ok((200, answer))
    };
    once(&app, &name, work).await
}
