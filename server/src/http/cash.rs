//! The cash account of a site's day, the customers' keys that are out, and what each desk counted
//! last: what a hand-over is written from.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::Json;
use axum::extract::State;
use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};
use sync_core::model::id::{FactKey, PersonId, RecordId, SiteId};
use sync_core::model::person::Role;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{OfficeUser, QueryOf};
use super::names::names;
use super::schema;
use super::time::rfc3339;
use crate::people::roster::{self, local};
use crate::sync::cash::{self, Account, CashRow, KeyRow, LastCount};
use crate::{App, Error, Result};

/// Who sees what is in the desk's drawer: who writes and answers for hand-overs.
pub const READERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::GeneralManager,
];

/// Years of which there are accounts: beyond them calendars overflow.
const YEARS: RangeInclusive<i32> = 1970..=9998;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Which account.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfDay {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
    /// The day in the site's zone, e.g. `2026-11-25`; today if it is left out.
    #[param(value_type = Option<String>)]
    day: Option<NaiveDate>,
}

/// The cash of a day at a site's desks. Amounts are fen.
#[derive(Serialize, ToSchema)]
struct CashAccount {
    /// The day.
    day: String,
    /// When it began.
    from: String,
    /// When it ends, exclusive.
    to: String,
    /// What came in.
    taken_fen: i64,
    /// What was paid back.
    refunded_fen: i64,
    /// What came in less what was paid back, of what stands in no hand-over or not as it is.
    open_fen: i64,
    /// What came in and was paid back, oldest first: at most 300.
    items: Vec<CashItem>,
    /// There is more; the sums are of the items.
    more: bool,
    /// The customers' keys that are out now, longest first: at most 300.
    keys: Vec<OpenKey>,
    /// What each desk counted last.
    last_counts: Vec<DeskCount>,
    /// Names of everyone in it.
    #[schema(value_type = BTreeMap<String, String>)]
    people: BTreeMap<PersonId, String>,
}

/// Cash that came to the desk or was paid back.
#[derive(Serialize, ToSchema)]
struct CashItem {
    /// The order.
    #[schema(value_type = String)]
    record: RecordId,
    /// Its fact: what a line of `cash_counted` names.
    #[schema(value_type = String)]
    fact: FactKey,
    /// `handed_in`, `refunded`.
    kind: &'static str,
    /// When.
    at: String,
    /// Fen.
    amount_fen: i64,
    /// The order's unit.
    unit: Option<String>,
    /// `accounted`: in one hand-over with its amount; `unaccounted`: in none; `disputed`: in
    /// several, or with another amount.
    standing: &'static str,
    /// The hand-overs that list it: the first two.
    #[schema(value_type = Vec<String>)]
    hand_overs: Vec<RecordId>,
}

impl From<CashRow> for CashItem {
    fn from(row: CashRow) -> Self {
        Self {
            record: row.entry.record,
            fact: row.entry.fact,
            kind: row.entry.kind.code(),
            at: rfc3339(row.entry.at_ms),
            amount_fen: row.entry.amount_fen,
            unit: row.unit,
            standing: row.standing.code(),
            hand_overs: row.hand_overs,
        }
    }
}

/// A customer's key that somebody has.
#[derive(Serialize, ToSchema)]
struct OpenKey {
    /// The order.
    #[schema(value_type = String)]
    record: RecordId,
    /// The visit.
    #[schema(value_type = String)]
    visit: FactKey,
    /// The fact that received it.
    #[schema(value_type = String)]
    received: FactKey,
    /// Who has it.
    #[schema(value_type = Option<u32>)]
    holder: Option<PersonId>,
    /// Since when.
    since: String,
    /// A door was opened with it.
    used: bool,
    /// The order's unit.
    unit: Option<String>,
}

impl From<KeyRow> for OpenKey {
    fn from(row: KeyRow) -> Self {
        Self {
            record: row.record,
            visit: row.visit,
            received: row.received,
            holder: row.holder,
            since: rfc3339(row.since_ms),
            used: row.used,
            unit: row.unit,
        }
    }
}

/// What was in a desk's drawer at its last count: what the next shift begins with.
#[derive(Serialize, ToSchema)]
struct DeskCount {
    /// The desk.
    desk: String,
    /// The hand-over.
    #[schema(value_type = String)]
    hand_over: RecordId,
    /// Fen.
    counted_fen: i64,
    /// When that hand-over was opened.
    at: String,
}

impl From<LastCount> for DeskCount {
    fn from(count: LastCount) -> Self {
        let LastCount { desk, hand_over, counted_fen, at_ms } = count;
        Self { desk, hand_over, counted_fen, at: rfc3339(at_ms) }
    }
}

/// A day of a site's cash as it is read.
pub(crate) struct Day {
    pub(crate) day: NaiveDate,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) account: Account,
    pub(crate) keys: Vec<KeyRow>,
    pub(crate) counts: Vec<LastCount>,
    pub(crate) people: BTreeMap<PersonId, String>,
}

/// Reads a day of a site's cash, the keys that are out and the last counts.
///
/// # Errors
/// `forbidden` to whom the desk's cash is not, `malformed` for a day of another age; a failure of
/// the database.
pub(crate) async fn of_day(
    app: &App,
    user: &OfficeUser,
    (site, day): (SiteId, Option<NaiveDate>),
) -> Result<Day> {
    user.holds_desk(site, READERS)?;
    if day.is_some_and(|day| !YEARS.contains(&day.year())) {
        return Err(Error::malformed("day"));
    }
    let mut conn = app.db.reader().acquire().await?;
    let zone = roster::zone(&mut conn, site).await?;
    let day = day.unwrap_or_else(|| local::date(zone, user.now_ms, 0));
    let next = day.succ_opt().unwrap_or(day);
    let (from_ms, to_ms) = (local::midnight(zone, day), local::midnight(zone, next));
    let account = cash::account(&mut conn, site, (from_ms, to_ms)).await?;
    let keys = cash::open_keys(&mut conn, site).await?;
    let counts = cash::last_counts(&mut conn, site, user.now_ms).await?;
    let people = names(&mut conn, keys.iter().filter_map(|key| key.holder)).await?;
    Ok(Day { day, from_ms, to_ms, account, keys, counts, people })
}

/// Read the cash account of a day, the keys that are out, and what each desk counted last. Who
/// works at the desk or answers for it may.
#[utoipa::path(
    get, path = "/v1/cash", tag = "office", params(OfDay),
    responses(
        (status = 200, body = CashAccount),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn read(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(OfDay { site, day }): QueryOf<OfDay>,
) -> Result<Json<CashAccount>> {
    let Day { day, from_ms, to_ms, account, keys, counts, people } =
        of_day(&app, &user, (site, day)).await?;
    Ok(Json(CashAccount {
        day: day.to_string(),
        from: rfc3339(from_ms),
        to: rfc3339(to_ms),
        taken_fen: account.taken_fen,
        refunded_fen: account.refunded_fen,
        open_fen: account.open_fen,
        items: account.rows.into_iter().map(Into::into).collect(),
        more: account.more,
        keys: keys.into_iter().map(Into::into).collect(),
        last_counts: counts.into_iter().map(Into::into).collect(),
        people,
    }))
}
