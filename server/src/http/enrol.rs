//! How a phone comes in: enrolment by code, then nonces and access tokens.

use axum::Json;
use axum::extract::State;
use sync_core::protocol::enrolment::{
    EnrolRequest, EnrolResponse, NonceResponse, TokenRequest, TokenResponse,
};
use sync_core::protocol::problem::ProblemCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::Client;
use super::extract::JsonBody;
use super::rate::Gate;
use super::schema;
use crate::people::enrolment::Enrolled;
use crate::people::{device, enrolment, token};
use crate::{App, Error, Result};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(enrol))
        .routes(routes!(make_nonce))
        .routes(routes!(make_token))
}

/// Certify a phone's key for the person a one-time code was made for.
///
/// The same key may ask again with the same code: it gets the same certificate.
#[utoipa::path(
    post, path = "/v1/enrol", tag = "phones", request_body = schema::EnrolRequest,
    responses(
        (status = 200, body = schema::EnrolResponse),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    )
)]
async fn enrol(
    State(app): State<App>,
    client: Client,
    JsonBody(request): JsonBody<EnrolRequest>,
) -> Result<Json<EnrolResponse>> {
    app.gates.pass(Gate::EnrolAddress, client)?;
    if let Some(selector) = enrolment::selector_of(&request.code) {
        app.gates.pass(Gate::EnrolCode, selector)?;
    }
    let mut transaction = app.db.begin_write().await?;
    let enrolled = enrolment::enrol(&mut transaction, app.now_ms(), &app.keys, &request).await?;
    app.sync.settle(&mut transaction).await?;
    transaction.commit().await?;
    match enrolled {
        Enrolled::Device(response) => Ok(Json(*response)),
        Enrolled::WrongCode => Err(Error::problem(ProblemCode::WrongCode)),
    }
}

/// A nonce to be signed within two minutes.
#[utoipa::path(
    post, path = "/v1/nonce", tag = "phones",
    responses(
        (status = 200, body = schema::NonceResponse),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    )
)]
async fn make_nonce(State(app): State<App>, client: Client) -> Result<Json<NonceResponse>> {
    app.gates.pass(Gate::NonceAddress, client)?;
    let nonce = token::nonce(&app.keys, app.now_ms(), app.randomness.as_ref());
    Ok(Json(NonceResponse { nonce }))
}

/// An access token for a signed nonce.
#[utoipa::path(
    post, path = "/v1/token", tag = "phones", request_body = schema::TokenRequest,
    responses(
        (status = 200, body = schema::TokenResponse),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    )
)]
async fn make_token(
    State(app): State<App>,
    client: Client,
    JsonBody(request): JsonBody<TokenRequest>,
) -> Result<Json<TokenResponse>> {
    app.gates.pass(Gate::TokenAddress, client)?;
    let who = token::bearer(&request);
    let now_ms = app.now_ms();
    let mut conn = app.db.reader().acquire().await?;
    let key = device::public_key(&mut conn, who).await?;
    if let Some(certified) = token::certified(&app.keys, &request)
        && key.as_deref() != Some(certified.as_bytes().as_slice())
    {
        drop(conn);
        let certified = certified.to_bytes();
        token::check_signature(&app.keys, &request, Some(&certified), now_ms)?;
        // Enrolled after the backup that this database was restored from.
        app.sync.unknown_device(who).await?;
        return Err(Error::problem(ProblemCode::DeviceUnknown));
    }
    token::check_signature(&app.keys, &request, key.as_deref(), now_ms)?;
    // After the signature: nobody uses up another's.
    app.gates.pass(Gate::TokenDevice, who.device.0.to_be_bytes())?;
    // Only who holds the key is told more than "not signed in".
    device::admit(&mut conn, who).await?;
    token::issue(&app.keys, who, now_ms).map(Json)
}
