//! Contacts: the names and phones of occupants and callers.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use sync_core::model::contact::{ContactCreated, KIND};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{Command, Review};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::command::{Written, create, site_of};
use super::extract::{OfficeUser, PathId, QueryOf};
use super::idempotency::OfficePost;
use super::schema;
use crate::{App, Error, Result};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, open)).routes(routes!(read))
}

/// A new contact.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    /// Where.
    #[schema(value_type = u32)]
    site: SiteId,
    /// The name.
    #[schema(max_length = 60)]
    name: String,
    /// Phone numbers.
    #[serde(default)]
    phones: Vec<String>,
    /// The unit, e.g. `3-2-1501`.
    unit: Option<String>,
    /// What the person is to the unit, e.g. 业主.
    #[schema(max_length = 60)]
    relation: Option<String>,
}

/// Open a contact.
#[utoipa::path(
    post, path = "/v1/contacts", tag = "contacts", request_body = NewContact,
    params(schema::IdempotencyKey),
    responses(
        (status = 201, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn open(State(app): State<App>, mut post: OfficePost<NewContact>) -> Result<Response> {
    let body = &mut post.body;
    let mut salt = [0; 16];
    app.randomness.fill(&mut salt);
    let contact = ContactCreated {
        unit: body.unit.take(),
        name: std::mem::take(&mut body.name),
        phones: std::mem::take(&mut body.phones),
        relation: body.relation.take(),
        salt: BASE64URL_NOPAD.encode(&salt),
    };
    let site = body.site;
    create(&app, post, Command::CreateContact { site, contact }).await
}

/// A contact as it is.
#[derive(Serialize, ToSchema)]
struct Contact {
    /// The record.
    #[schema(value_type = String)]
    record: RecordId,
    /// Its site.
    #[schema(value_type = u32)]
    site: SiteId,
    /// Everything that can be said of it.
    #[schema(value_type = Value)]
    review: Review,
}

/// Read a contact.
#[utoipa::path(
    get, path = "/v1/contacts/{record}", tag = "contacts",
    params(("record" = String, Path, description = "The record")),
    responses(
        (status = 200, body = Contact),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn read(
    State(app): State<App>,
    user: OfficeUser,
    PathId(record): PathId<RecordId>,
) -> Result<Json<Contact>> {
    let mut conn = app.db.reader().acquire().await?;
    let site = site_of(&mut conn, &user, KIND, record).await?;
    drop(conn);
    let read = app.sync.read(record).await?;
    let (_, _, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
    Ok(Json(Contact { record, site, review }))
}

/// Whose contacts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfUnit {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
    /// The unit.
    unit: String,
}

/// The contacts of a unit.
#[derive(Serialize, ToSchema)]
struct Contacts {
    /// By name.
    items: Vec<ContactRow>,
}

/// A contact in the list.
#[derive(Serialize, ToSchema)]
struct ContactRow {
    /// The record.
    #[schema(value_type = String)]
    record: RecordId,
    /// The name.
    name: String,
}

/// List a unit's contacts.
#[utoipa::path(
    get, path = "/v1/contacts", tag = "contacts", params(OfUnit),
    responses(
        (status = 200, body = Contacts),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn list(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(of): QueryOf<OfUnit>,
) -> Result<Json<Contacts>> {
    user.in_office_of(of.site)?;
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "select record, title from contact_card where site = ? and unit = ?
         order by title, record limit 200",
    )
    .bind(of.site.0)
    .bind(&of.unit)
    .fetch_all(app.db.reader())
    .await?;
    let items = rows.into_iter().map(|(record, name)| {
        let record = record.try_into().map_err(|_| Error::Broken("a record id"))?;
        Ok(ContactRow { record: RecordId(record), name })
    });
    Ok(Json(Contacts { items: items.collect::<Result<_>>()? }))
}
