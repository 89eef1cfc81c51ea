//! Work orders for the office: read one with its review, and write commands. The list stands in
//! `work_order_list`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use sync_core::model::id::{FactKey, PersonId, RecordId, SiteId};
use sync_core::model::work_order::{
    Category, KIND, Priority, Reason, WorkOrderCreated, WorkOrderFact,
};
use sync_core::rules::Command;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::command::{Written, command, create};
use super::extract::{OfficeUser, PathId};
use super::idempotency::OfficePost;
use super::records::{AnyRecord, whole};
use super::schema;
use super::time::parse_rfc3339;
use crate::{App, Error, Result};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(super::work_order_list::list, open))
        .routes(routes!(read))
        .routes(routes!(dispatch))
        .routes(routes!(assign))
        .routes(routes!(set))
        .routes(routes!(resolve))
        .routes(routes!(cancel))
        .routes(routes!(note))
        .routes(routes!(close_case))
}

/// Read a work order.
#[utoipa::path(
    get, path = "/v1/work-orders/{record}", tag = "work orders",
    params(("record" = String, Path, description = "The record")),
    responses(
        (status = 200, body = AnyRecord),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn read(
    State(app): State<App>,
    user: OfficeUser,
    PathId(record): PathId<RecordId>,
) -> Result<Json<AnyRecord>> {
    whole(&app, &user, Some(KIND), record).await.map(Json)
}

/// A new work order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkOrder {
    /// Where.
    #[schema(value_type = u32)]
    site: SiteId,
    /// `household` or `public`.
    #[schema(value_type = String)]
    category: Category,
    /// The unit, e.g. `3-2-1501`.
    unit: Option<String>,
    /// Where, for a public facility.
    place: Option<String>,
    /// The contact's record.
    #[schema(value_type = Option<String>)]
    contact: Option<RecordId>,
    /// What is to be done.
    #[schema(max_length = 2000)]
    description: String,
    /// `urgent` or `appointed`.
    #[schema(value_type = String)]
    priority: Priority,
    /// When the customer reported it (RFC 3339), if not just now.
    reported_at: Option<String>,
    /// The reception it follows from.
    #[schema(value_type = Option<String>)]
    reception: Option<RecordId>,
}

/// Open a work order.
#[utoipa::path(
    post, path = "/v1/work-orders", tag = "work orders", request_body = NewWorkOrder,
    params(schema::IdempotencyKey),
    responses(
        (status = 201, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn open(State(app): State<App>, mut post: OfficePost<NewWorkOrder>) -> Result<Response> {
    let body = &mut post.body;
    let at = |text: &str| parse_rfc3339(text).ok_or_else(|| Error::malformed("reported_at"));
    let order = WorkOrderCreated {
        category: body.category,
        unit: body.unit.take(),
        group: None,
        place: body.place.take(),
        contact: body.contact,
        description: std::mem::take(&mut body.description),
        priority: body.priority,
        reported_at_ms: body.reported_at.as_deref().map(at).transpose()?,
        round: None,
        reception: body.reception,
    };
    let site = body.site;
    create(&app, post, Command::CreateWorkOrder { site, order }).await
}

/// Nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The order is filled and goes out.
#[utoipa::path(
    post, path = "/v1/work-orders/{record}/dispatch", tag = "work orders",
    request_body = Nothing,
    params(("record" = String, Path, description = "The record"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn dispatch(
    State(app): State<App>,
    PathId(record): PathId<RecordId>,
    post: OfficePost<Nothing>,
) -> Result<Response> {
    command(&app, post, (KIND, record), Command::step(WorkOrderFact::Dispatched)).await
}

/// Who is to do it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// The person.
    #[schema(value_type = u32)]
    person: PersonId,
}

/// Name who is to do it.
#[utoipa::path(
    post, path = "/v1/work-orders/{record}/assign", tag = "work orders", request_body = Assign,
    params(("record" = String, Path, description = "The record"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn assign(
    State(app): State<App>,
    PathId(record): PathId<RecordId>,
    post: OfficePost<Assign>,
) -> Result<Response> {
    let person = post.body.person;
    command(&app, post, (KIND, record), Command::Assign { person }).await
}

/// A field's new value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetField {
    /// The field, e.g. `appointment`.
    field: String,
    /// Its value.
    value: Value,
}

/// Write a field, e.g. the appointment.
#[utoipa::path(
    post, path = "/v1/work-orders/{record}/set", tag = "work orders", request_body = SetField,
    params(("record" = String, Path, description = "The record"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn set(
    State(app): State<App>,
    PathId(record): PathId<RecordId>,
    mut post: OfficePost<SetField>,
) -> Result<Response> {
    let field = std::mem::take(&mut post.body.field);
    let value = post.body.value.take();
    command(&app, post, (KIND, record), Command::Set { field, value, salt: None }).await
}

/// The value that is to hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveField {
    /// The field.
    field: String,
    /// The value that holds from here.
    value: Value,
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// End a field's conflict.
#[utoipa::path(
    post, path = "/v1/work-orders/{record}/resolve", tag = "work orders",
    request_body = ResolveField,
    params(("record" = String, Path, description = "The record"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn resolve(
    State(app): State<App>,
    PathId(record): PathId<RecordId>,
    mut post: OfficePost<ResolveField>,
) -> Result<Response> {
    let body = &mut post.body;
    let field = std::mem::take(&mut body.field);
    let (value, reason) = (body.value.take(), std::mem::take(&mut body.reason));
    command(&app, post, (KIND, record), Command::Resolve { field, value, reason }).await
}

/// A reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// Cancel the order.
#[utoipa::path(
    post, path = "/v1/work-orders/{record}/cancel", tag = "work orders", request_body = Why,
    params(("record" = String, Path, description = "The record"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn cancel(
    State(app): State<App>,
    PathId(record): PathId<RecordId>,
    mut post: OfficePost<Why>,
) -> Result<Response> {
    let reason = std::mem::take(&mut post.body.reason);
    let step = WorkOrderFact::Cancelled(Reason { reason });
    command(&app, post, (KIND, record), Command::step(step)).await
}

/// Free text.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// The text.
    #[schema(max_length = 1000)]
    text: String,
}

/// Add a note.
#[utoipa::path(
    post, path = "/v1/work-orders/{record}/note", tag = "work orders", request_body = NewNote,
    params(("record" = String, Path, description = "The record"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn note(
    State(app): State<App>,
    PathId(record): PathId<RecordId>,
    mut post: OfficePost<NewNote>,
) -> Result<Response> {
    let text = std::mem::take(&mut post.body.text);
    command(&app, post, (KIND, record), Command::Note { text }).await
}

/// A case of the review that is done with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseCase {
    /// Its kind.
    case: String,
    /// The facts it rests on, as in the review.
    #[schema(value_type = Vec<String>)]
    rests_on: Vec<FactKey>,
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// Close a case of the review.
#[utoipa::path(
    post, path = "/v1/work-orders/{record}/close-case", tag = "work orders",
    request_body = CloseCase,
    params(("record" = String, Path, description = "The record"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn close_case(
    State(app): State<App>,
    PathId(record): PathId<RecordId>,
    mut post: OfficePost<CloseCase>,
) -> Result<Response> {
    let body = &mut post.body;
    let case = std::mem::take(&mut body.case);
    let rests_on = std::mem::take(&mut body.rests_on);
    let reason = std::mem::take(&mut body.reason);
    command(&app, post, (KIND, record), Command::CloseCase { case, rests_on, reason }).await
}
