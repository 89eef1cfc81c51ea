//! The interface about itself: health, limits and its own description.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use sync_core::protocol::limits::{LIMITS, Limits};
use sync_core::protocol::problem::ProblemCode;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{App, Error, Result};

/// What the description says beside its paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Fieldbook",
        description = "Records of a property manager's customer-service department. \
            Times are RFC 3339, money is in fen, errors are problem details.",
    ),
    tags(
        (name = "phones", description = "Enrolment, access tokens and sync"),
        (name = "office", description = "Signing in to the office"),
        (name = "work orders", description = "Work orders and their visits"),
        (name = "contacts", description = "Occupants and callers"),
        (name = "devices", description = "Phones, and what became of their work"),
        (name = "roster", description = "Who is on duty, from a sheet; swaps"),
        (name = "about", description = "The interface about itself"),
    )
)]
struct Description;

/// An empty router that knows the description's frame.
pub fn base() -> OpenApiRouter<App> {
    let mut description = Description::openapi();
    let components = description.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let cookie = ApiKey::Cookie(ApiKeyValue::new(super::office::COOKIE));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    OpenApiRouter::with_openapi(description)
}

/// The description of the whole interface.
pub fn openapi() -> utoipa::openapi::OpenApi {
    super::routes().into_openapi()
}

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(limits))
        .routes(routes!(description))
}

/// Whether the server and its database answer.
#[utoipa::path(get, path = "/healthz", tag = "about", responses((status = 200, body = Value)))]
async fn health(State(app): State<App>) -> Result<Json<Value>> {
    let answered: Result<i64, sqlx::Error> =
        sqlx::query_scalar("select 1").fetch_one(app.db.reader()).await;
    answered.map_err(|_| Error::problem(ProblemCode::Unavailable))?;
    Ok(Json(json!({ "status": "ok" })))
}

/// Every limit of this server.
#[utoipa::path(get, path = "/v1/limits", tag = "about", responses((status = 200, body = Value)))]
async fn limits() -> Json<Limits> {
    Json(LIMITS)
}

/// This description.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "about", responses((status = 200, body = Value))
)]
async fn description() -> Json<&'static utoipa::openapi::OpenApi> {
    static DESCRIPTION: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(openapi);
    Json(&DESCRIPTION)
}
