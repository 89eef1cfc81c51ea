//! Swaps of shifts over HTTP: what they are and who may say what stands in `people::roster::swap`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sync_core::model::id::{PersonId, SiteId};
use sync_core::rules;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{OfficeUser, PathId, QueryOf};
use super::idempotency::{OfficePost, once};
use super::names::names;
use super::schema;
use super::time::rfc3339;
use super::work_orders::Nothing;
use crate::people::roster::swap::{self, Decision, NewSwap, Swap, To};
use crate::{App, Error, Result, idempotency};

/// Swaps in an answer.
const SWAPS_MAX: u32 = 200;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, propose))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(withdraw))
}

/// Which swaps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
    /// Only of this state: `proposed`, `approved`, `rejected`, `withdrawn`, `overtaken`.
    state: Option<String>,
}

/// Swaps.
#[derive(Serialize, ToSchema)]
struct Swaps {
    /// The 200 newest, newest first.
    items: Vec<SwapItem>,
    /// Names of everyone in them.
    #[schema(value_type = BTreeMap<String, String>)]
    people: BTreeMap<PersonId, String>,
}

/// A swap.
#[derive(Serialize, ToSchema)]
struct SwapItem {
    /// Its number.
    swap: i64,
    /// The site.
    site: u32,
    /// The shift that changes hands.
    shift: i64,
    /// Whose it is or was.
    from_person: u32,
    /// The other shift, where both change.
    with_shift: Option<i64>,
    /// Who takes it.
    to_person: u32,
    /// Why.
    reason: String,
    /// `proposed`, `approved`, `rejected`, `withdrawn`, `overtaken`.
    state: String,
    /// Who asked.
    proposed_by: u32,
    /// When.
    proposed_at: String,
    /// Who decided.
    decided_by: Option<u32>,
    /// When.
    decided_at: Option<String>,
    /// Why it was rejected.
    decision_reason: Option<String>,
}

impl From<Swap> for SwapItem {
    fn from(swap: Swap) -> Self {
        Self {
            swap: swap.id,
            site: swap.site,
            shift: swap.shift,
            from_person: swap.from_person,
            with_shift: swap.with_shift,
            to_person: swap.to_person,
            reason: swap.reason,
            state: swap.state,
            proposed_by: swap.proposed_by,
            proposed_at: rfc3339(swap.proposed_ms),
            decided_by: swap.decided_by,
            decided_at: swap.decided_ms.map(rfc3339),
            decision_reason: swap.decision_reason,
        }
    }
}

/// List a site's swaps.
#[utoipa::path(
    get, path = "/v1/roster/swaps", tag = "roster", params(Wanted),
    responses(
        (status = 200, body = Swaps),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn list(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Json<Swaps>> {
    user.at_site(wanted.site)?;
    let mut conn = app.db.reader().acquire().await?;
    let swaps = swap::list(&mut conn, wanted.site, wanted.state.as_deref(), SWAPS_MAX).await?;
    let concerned = swaps.iter().flat_map(|swap| {
        let decided = swap.decided_by.unwrap_or(swap.proposed_by);
        [swap.from_person, swap.to_person, swap.proposed_by, decided].map(PersonId)
    });
    let people = names(&mut conn, concerned).await?;
    Ok(Json(Swaps { items: swaps.into_iter().map(Into::into).collect(), people }))
}

/// A swap that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Proposal {
    /// The shift that changes hands.
    shift: i64,
    /// The other shift, which goes the other way; either this or `to_person`.
    with_shift: Option<i64>,
    /// Who takes the shift and gives none for it.
    #[schema(value_type = Option<u32>)]
    to_person: Option<PersonId>,
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// A swap's number and state.
#[derive(Serialize, ToSchema)]
struct Standing {
    /// The number.
    swap: i64,
    /// The state.
    state: String,
}

impl Standing {
    fn answer(swap: i64, state: &str) -> Result<Vec<u8>> {
        let body = Self { swap, state: state.to_owned() };
        serde_json::to_vec(&body).map_err(|_| Error::Broken("an answer"))
    }
}

/// Propose a swap. Nothing changes before a supervisor or manager, none of the two concerned,
/// approves.
#[utoipa::path(
    post, path = "/v1/roster/swaps", tag = "roster", request_body = Proposal,
    params(schema::IdempotencyKey),
    responses(
        (status = 201, body = Standing),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn propose(State(app): State<App>, post: OfficePost<Proposal>) -> Result<Response> {
    let OfficePost { user, body, name } = post;
    rules::check_reason(&body.reason)?;
    let to = match (body.with_shift, body.to_person) {
        (Some(shift), None) => To::Shift(shift),
        (None, Some(person)) => To::Person(person),
        _ => return Err(Error::malformed("to_person")),
    };
    let new = NewSwap { shift: body.shift, to, reason: body.reason };
    once(&app, &name, async || {
        let act = user.act();
        let mut transaction = app.db.begin_write().await?;
        let id = swap::propose(&mut transaction, act, &user.principal, &new).await?;
        let answer = Standing::answer(id, "proposed")?;
        idempotency::keep(&mut transaction, &name, (201, &answer), act.at_ms).await?;
        transaction.commit().await?;
        Ok((201, answer))
    })
    .await
}

/// Approve a swap: the shifts change hands. Again, it changes nothing.
#[utoipa::path(
    post, path = "/v1/roster/swaps/{swap}/approve", tag = "roster", request_body = Nothing,
    params(("swap" = i64, Path, description = "The swap"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Standing),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn approve(
    State(app): State<App>,
    PathId(swap): PathId<i64>,
    post: OfficePost<Nothing>,
) -> Result<Response> {
    let OfficePost { user, name, .. } = post;
    decide(&app, user, &name, swap, Decision::Approve).await
}

/// Why a swap is rejected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rejection {
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// Reject a swap.
#[utoipa::path(
    post, path = "/v1/roster/swaps/{swap}/reject", tag = "roster", request_body = Rejection,
    params(("swap" = i64, Path, description = "The swap"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Standing),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn reject(
    State(app): State<App>,
    PathId(swap): PathId<i64>,
    post: OfficePost<Rejection>,
) -> Result<Response> {
    let OfficePost { user, body: Rejection { reason }, name } = post;
    rules::check_reason(&reason)?;
    decide(&app, user, &name, swap, Decision::Reject(reason)).await
}

/// Take a proposal back: who asked, or one of those concerned.
#[utoipa::path(
    post, path = "/v1/roster/swaps/{swap}/withdraw", tag = "roster", request_body = Nothing,
    params(("swap" = i64, Path, description = "The swap"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Standing),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn withdraw(
    State(app): State<App>,
    PathId(swap): PathId<i64>,
    post: OfficePost<Nothing>,
) -> Result<Response> {
    let OfficePost { user, name, .. } = post;
    decide(&app, user, &name, swap, Decision::Withdraw).await
}

async fn decide(
    app: &App,
    user: OfficeUser,
    name: &idempotency::RequestName,
    id: i64,
    decision: Decision,
) -> Result<Response> {
    once(app, name, async || {
        let act = user.act();
        let mut transaction = app.db.begin_write().await?;
        let swap = swap::decide(&mut transaction, act, &user.principal, id, &decision).await?;
        let answer = Standing::answer(swap.id, &swap.state)?;
        idempotency::keep(&mut transaction, name, (200, &answer), act.at_ms).await?;
        transaction.commit().await?;
        Ok((200, answer))
    })
    .await
}
