//! The account of a site's day, and its closing: saved = accepted + held + refused + still on the
//! phone for each person and device, known up to the phone's last word.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules;
use sync_core::rules::account::{Equation, Known, NumberRange};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cash::READERS;
use super::extract::{OfficeUser, PathId, QueryOf};
use super::idempotency::{OfficePost, once};
use super::names::names;
use super::schema;
use super::time::rfc3339;
use crate::idempotency::RequestName;
use crate::people::roster::{self, local};
use crate::sync::account_day::{self, Closing, DayAccount, DeviceDay};
use crate::{App, Error, Result, idempotency};

/// Years of which there are accounts: beyond them calendars overflow.
const YEARS: RangeInclusive<i32> = 1970..=9998;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(close)).routes(routes!(reopen))
}

/// Which site's.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfSite {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
}

/// The account of a day.
#[derive(Serialize, ToSchema)]
struct AccountDay {
    /// The site.
    #[schema(value_type = u32)]
    site: SiteId,
    /// The day in the site's zone.
    day: String,
    /// When it began.
    from: String,
    /// When it ends, exclusive.
    to: String,
    /// The time as of which this was read.
    as_of: String,
    /// `open`: never closed; `closed`; `reopened`: by somebody, or by what arrived.
    state: &'static str,
    /// The last closing.
    closed: Option<Closed>,
    /// What ended it.
    reopened: Option<Reopened>,
    /// The sum of the items.
    total: Sums,
    /// One for each (person, device): at most 1,000.
    items: Vec<AccountDayItem>,
    /// There is more; the sums are of the items.
    more: bool,
    /// Names of who closed and reopened it.
    #[schema(value_type = BTreeMap<String, String>)]
    people: BTreeMap<PersonId, String>,
}

/// `saved = accepted + held + refused + on_phone`.
#[derive(Serialize, ToSchema)]
struct Sums {
    /// Saved, as far as known.
    saved: u64,
    /// Accepted.
    accepted: u64,
    /// Stored, not decided.
    held: u64,
    /// Refused, parked or discarded.
    refused: u64,
    /// Still on the phone.
    on_phone: u64,
}

impl From<Equation> for Sums {
    fn from(equation: Equation) -> Self {
        let Equation { saved, accepted, held, refused, on_phone } = equation;
        Self { saved, accepted, held, refused, on_phone }
    }
}

/// What a person saved on a device on the day.
#[derive(Serialize, ToSchema)]
struct AccountDayItem {
    /// The person.
    #[schema(value_type = u32)]
    person: PersonId,
    /// Its name.
    person_name: String,
    /// The device.
    #[schema(value_type = u32)]
    device: DeviceId,
    /// What its person calls it.
    device_name: String,
    /// What became of it.
    #[serde(flatten)]
    sums: Sums,
    /// How many of them are of this day because they were received on it: when they were written
    /// cannot be verified.
    dated_by_arrival: u64,
    /// How many of them came after the day was closed.
    late: u64,
    /// The highest number that the phone has told of.
    known_up_to: u64,
    /// When it told last.
    known_at: Option<String>,
    /// Whether it has told since the day's end: else what it saved after `known_at` is unknown.
    is_whole: bool,
    /// Numbers of the day that have not come: at most 20 ranges.
    missing: Vec<Numbers>,
    /// How many numbers stand in no range though they have not come either.
    missing_left_out: u64,
}

/// Numbers of commands.
#[derive(Serialize, ToSchema)]
struct Numbers {
    /// The first.
    from: u64,
    /// The last, inclusive.
    to: u64,
}

impl From<DeviceDay> for AccountDayItem {
    fn from(row: DeviceDay) -> Self {
        let numbers = |NumberRange { from, to }| Numbers { from, to };
        Self {
            person: row.person,
            person_name: row.person_name,
            device: row.device,
            device_name: row.device_name,
            sums: row.accounted.equation.into(),
            dated_by_arrival: row.received,
            late: row.late,
            known_up_to: row.up_to,
            known_at: row.told_ms.map(rfc3339),
            is_whole: row.known == Known::Whole,
            missing: row.accounted.missing.into_iter().map(numbers).collect(),
            missing_left_out: row.accounted.missing_left_out,
        }
    }
}

/// A closing.
#[derive(Serialize, ToSchema)]
struct Closed {
    /// When.
    at: String,
    /// Who.
    #[schema(value_type = u32)]
    by: PersonId,
    /// The sums as they were known then.
    account: Sums,
    /// The phones that had not told since the day's end.
    unknown: Vec<Unknown>,
}

/// A phone of which not all was known.
#[derive(Serialize, ToSchema)]
struct Unknown {
    /// The device.
    #[schema(value_type = u32)]
    device: DeviceId,
    /// The highest number that it had told of.
    known_up_to: u64,
    /// When it had told last; what it saved since was unknown.
    known_at: Option<String>,
}

/// What ended a closing.
#[derive(Serialize, ToSchema)]
struct Reopened {
    /// When.
    at: String,
    /// Who; none is what arrived.
    #[schema(value_type = Option<u32>)]
    by: Option<PersonId>,
    /// Why.
    reason: Option<String>,
}

impl From<&Closing> for Closed {
    fn from(closing: &Closing) -> Self {
        let unknown = closing.as_of.unknown.iter().map(|phone| Unknown {
            device: phone.device,
            known_up_to: phone.up_to,
            known_at: phone.told_ms.map(rfc3339),
        });
        Self {
            at: rfc3339(closing.at_ms),
            by: closing.by,
            account: closing.as_of.total.into(),
            unknown: unknown.collect(),
        }
    }
}

/// A day with its account.
pub(crate) struct Day {
    pub(crate) site: SiteId,
    pub(crate) day: NaiveDate,
    pub(crate) span_ms: (WallMs, WallMs),
    pub(crate) account: DayAccount,
    pub(crate) people: BTreeMap<PersonId, String>,
}

impl Day {
    /// The stable code of its state.
    pub(crate) fn state(&self) -> &'static str {
        match &self.account.closing {
            None => "open",
            Some(closing) if closing.holds() => "closed",
            Some(_) => "reopened",
        }
    }

    fn body(self, as_of_ms: WallMs) -> AccountDay {
        let state = self.state();
        let closing = self.account.closing.as_ref();
        let reopened = closing.and_then(|closing| closing.reopened.as_ref());
        AccountDay {
            site: self.site,
            day: self.day.to_string(),
            from: rfc3339(self.span_ms.0),
            to: rfc3339(self.span_ms.1),
            as_of: rfc3339(as_of_ms),
            state,
            closed: closing.map(Into::into),
            reopened: reopened.map(|reopened| Reopened {
                at: rfc3339(reopened.at_ms),
                by: reopened.by,
                reason: reopened.reason.clone(),
            }),
            total: self.account.total.into(),
            items: self.account.rows.into_iter().map(Into::into).collect(),
            more: self.account.more,
            people: self.people,
        }
    }
}

/// Reads the account of a day, of today without one: for the site's office.
///
/// # Errors
/// `forbidden` to whom the office is not, `malformed` for a day of another age; a failure of the
/// database.
pub(crate) async fn of_day(
    app: &App,
    user: &OfficeUser,
    (site, day): (SiteId, Option<NaiveDate>),
) -> Result<Day> {
    user.in_office_of(site)?;
    let mut conn = app.db.reader().acquire().await?;
    let (day, span_ms) = span(&mut conn, (site, day), user.now_ms).await?;
    read_day(&mut conn, (site, day), span_ms).await
}

/// A day and from when to when it lasts, exclusive; today without one.
async fn span(
    conn: &mut SqliteConnection,
    (site, day): (SiteId, Option<NaiveDate>),
    now_ms: WallMs,
) -> Result<(NaiveDate, (WallMs, WallMs))> {
    if day.is_some_and(|day| !YEARS.contains(&day.year())) {
        return Err(Error::malformed("day"));
    }
    let zone = roster::zone(conn, site).await?;
    let day = day.unwrap_or_else(|| local::date(zone, now_ms, 0));
    let next = day.succ_opt().unwrap_or(day);
    Ok((day, (local::midnight(zone, day), local::midnight(zone, next))))
}

async fn read_day(
    conn: &mut SqliteConnection,
    (site, day): (SiteId, NaiveDate),
    span_ms: (WallMs, WallMs),
) -> Result<Day> {
    let account = account_day::read(conn, (site, &day.to_string()), span_ms).await?;
    let closing = account.closing.iter();
    let who = closing.flat_map(|closing| {
        let reopened = closing.reopened.as_ref().and_then(|reopened| reopened.by);
        [Some(closing.by), reopened].into_iter().flatten()
    });
    let people = names(conn, who.collect::<Vec<_>>()).await?;
    Ok(Day { site, day, span_ms, account, people })
}

/// Read the account of a day: what each person saved on each device, what became of it, and up to
/// when that is known.
#[utoipa::path(
    get, path = "/v1/account/days/{day}", tag = "devices",
    params(("day" = String, Path, description = "The day in the site's zone, e.g. `2026-11-25`"),
        OfSite),
    responses(
        (status = 200, body = AccountDay),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn read(
    State(app): State<App>,
    user: OfficeUser,
    PathId(day): PathId<NaiveDate>,
    QueryOf(OfSite { site }): QueryOf<OfSite>,
) -> Result<Json<AccountDay>> {
    let day = of_day(&app, &user, (site, Some(day))).await?;
    Ok(Json(day.body(user.now_ms)))
}

/// A day to close.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CloseDay {
    /// The site.
    #[schema(value_type = u32)]
    site: SiteId,
}

/// Close a day as of now, also where phones have not told of all of it. Who works at the desk or
/// answers for it may. A day that is closed stays as it is: the answer says by whom.
#[utoipa::path(
    post, path = "/v1/account/days/{day}/close", tag = "devices", request_body = CloseDay,
    params(("day" = String, Path, description = "The day in the site's zone, begun"),
        schema::IdempotencyKey),
    responses(
        (status = 200, body = AccountDay),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn close(
    State(app): State<App>,
    PathId(day): PathId<NaiveDate>,
    post: OfficePost<CloseDay>,
) -> Result<Response> {
    let OfficePost { user, body: CloseDay { site }, name } = post;
    write(&app, (&user, &name), (site, day), Change::Close).await
}

/// A day to reopen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReopenDay {
    /// The site.
    #[schema(value_type = u32)]
    site: SiteId,
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// Reopen a closed day, with a reason. Who works at the desk or answers for it may.
#[utoipa::path(
    post, path = "/v1/account/days/{day}/reopen", tag = "devices", request_body = ReopenDay,
    params(("day" = String, Path, description = "The day in the site's zone"),
        schema::IdempotencyKey),
    responses(
        (status = 200, body = AccountDay),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn reopen(
    State(app): State<App>,
    PathId(day): PathId<NaiveDate>,
    post: OfficePost<ReopenDay>,
) -> Result<Response> {
    let OfficePost { user, body: ReopenDay { site, reason }, name } = post;
    write(&app, (&user, &name), (site, day), Change::Reopen { reason }).await
}

/// What is done to a day.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// It is closed.
    Close,
    /// It is reopened.
    Reopen {
        /// Why.
        reason: String,
    },
}

/// Whether a person may close and reopen a site's days.
pub(crate) fn may_close(user: &OfficeUser, site: SiteId) -> Result<()> {
    user.holds_desk(site, READERS)
}

/// Closes or reopens a day, once.
///
/// # Errors
/// `forbidden` to whom the desk is not, `malformed` for a day of another age, `decision_refused`
/// for a day that has not begun or is not closed; a denial of the reason.
pub(crate) async fn write(
    app: &App,
    (user, name): (&OfficeUser, &RequestName),
    (site, day): (SiteId, NaiveDate),
    change: Change,
) -> Result<Response> {
    may_close(user, site)?;
    if let Change::Reopen { reason } = &change {
        rules::check_reason(reason)?;
    }
    let mut conn = app.db.reader().acquire().await?;
    let (_, span_ms) = span(&mut conn, (site, Some(day)), user.now_ms).await?;
    drop(conn);
    if span_ms.0 > user.now_ms {
        return Err(Error::problem(ProblemCode::DecisionRefused).with("why", "day_not_begun"));
    }
    once(app, name, async || {
        let act = user.act();
        let text = day.to_string();
        let mut transaction = app.db.begin_write().await?;
        let conn: &mut SqliteConnection = &mut transaction;
        match &change {
            Change::Close => account_day::close(conn, act, (site, &text), span_ms).await?,
            Change::Reopen { reason } => {
                account_day::reopen(conn, act, (site, &text), reason.trim()).await?;
            }
        }
        let body = read_day(conn, (site, day), span_ms).await?.body(act.at_ms);
        let body = serde_json::to_vec(&body).map_err(|_| Error::Broken("an answer"))?;
        idempotency::keep(conn, name, (200, &body), act.at_ms).await?;
        transaction.commit().await?;
        app.sync.poke_office(site);
        Ok((200, body))
    })
    .await
}
