//! `POST /v1/sync`: a frame in, a frame out. What is in them is `crate::sync`'s.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use minicbor::{Decode, Encode};
use sync_core::protocol::frame;
use sync_core::protocol::limits::LIMITS;
use sync_core::protocol::message::SyncRequest;
use sync_core::protocol::problem::ProblemCode;
use sync_core::protocol::{MEDIA_TYPE, VERSION, VERSION_MIN};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{PhoneUser, body};
use super::schema;
use crate::{App, Error, Result};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    let limit = usize::try_from(LIMITS.request_bytes_max).unwrap_or(usize::MAX);
    OpenApiRouter::new().routes(routes!(sync)).layer(DefaultBodyLimit::max(limit))
}

/// One round trip of sync.
///
/// Body and answer are frames of `docs/protocol.md`. Idempotent by itself.
#[utoipa::path(
    post, path = "/v1/sync", tag = "phones",
    request_body(content = Vec<u8>, content_type = "application/vnd.fieldbook.sync"),
    responses(
        (status = 200, content_type = "application/vnd.fieldbook.sync"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
async fn sync(State(app): State<App>, user: PhoneUser, frame: Frame) -> Result<Response> {
    let request: SyncRequest = match frame::open(&frame.0) {
        Ok(request) => request,
        Err(error) => return Err(version_not_spoken(&frame.0).unwrap_or(error.into())),
    };
    check_version(request.version)?;
    if request.device != user.device {
        return Err(Error::problem(ProblemCode::WrongDevice));
    }
    let response = app.sync.handle(user.bearer(), request).await?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], frame::seal(&response)).into_response())
}

/// The bytes of a request with the right media type.
pub(super) struct Frame(pub(super) Bytes);

impl FromRequest<App> for Frame {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let named = request.headers().get(header::CONTENT_TYPE);
        if named.is_none_or(|named| named.as_bytes() != MEDIA_TYPE.as_bytes()) {
            return Err(Error::malformed("content-type"));
        }
        body(request, app).await.map(Self)
    }
}

pub(super) fn check_version(version: u16) -> Result<()> {
    if (VERSION_MIN..=VERSION).contains(&version) {
        return Ok(());
    }
    Err(Error::problem(ProblemCode::VersionNotSpoken).with("min", VERSION_MIN).with("max", VERSION))
}

/// The one member that every version has.
#[derive(Encode, Decode)]
#[cbor(map)]
struct AnyVersion {
    #[n(0)]
    version: u16,
}

/// A message that does not read may be of a version whose members are others.
fn version_not_spoken(bytes: &[u8]) -> Option<Error> {
    let message: AnyVersion = frame::open(bytes).ok()?;
    check_version(message.version).err()
}
