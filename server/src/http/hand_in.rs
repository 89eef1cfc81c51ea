//! `POST /v1/hand-in`: unsent work of a device that the phone no longer is. Who wrote it is said by
//! its signature, not by who brings it.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use sync_core::protocol::MEDIA_TYPE;
use sync_core::protocol::chain::HandInRequest;
use sync_core::protocol::frame;
use sync_core::protocol::limits::LIMITS;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::PhoneUser;
use super::schema;
use super::sync::{Frame, check_version};
use crate::sync::Carrier;
use crate::{App, Result};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    let limit = usize::try_from(LIMITS.request_bytes_max).unwrap_or(usize::MAX);
    OpenApiRouter::new().routes(routes!(hand_in)).layer(DefaultBodyLimit::max(limit))
}

/// Hand in work that another device's key has signed.
///
/// Body and answer are frames of `docs/protocol.md`. Idempotent by itself.
#[utoipa::path(
    post, path = "/v1/hand-in", tag = "phones",
    request_body(content = Vec<u8>, content_type = "application/vnd.fieldbook.sync"),
    responses(
        (status = 200, content_type = "application/vnd.fieldbook.sync"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn hand_in(State(app): State<App>, user: PhoneUser, frame: Frame) -> Result<Response> {
    let request: HandInRequest = frame::open(&frame.0)?;
    check_version(request.version)?;
    let by = Carrier::Phone(user.bearer(), request.clock);
    let response = app.sync.hand_in(by, &request.hand_over).await?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], frame::seal(&response)).into_response())
}
