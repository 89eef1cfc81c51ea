//! `POST /v1/office/hand-ins`: what a phone could not send, from a sealed file.

use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use sync_core::protocol::parcel::PARCEL_BYTES_MAX;
use sync_core::protocol::problem::ProblemCode;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::idempotency::{OfficePost, once};
use super::schema;
use crate::{App, Error, Result, idempotency};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    // A file in base64, and a little around it.
    let limit = PARCEL_BYTES_MAX / 3 * 4 + 1_024;
    OpenApiRouter::new().routes(routes!(take)).layer(DefaultBodyLimit::max(limit))
}

/// A file from a phone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Parcel {
    /// The file, base64.
    file: String,
    /// The code that the phone showed.
    code: String,
}

/// What was in it.
#[derive(Serialize, ToSchema)]
struct Taken {
    /// By the devices it was written on.
    items: Vec<Stored>,
    /// What was not taken.
    refused: Vec<Refused>,
}

/// Commands that are here now.
#[derive(Serialize, ToSchema)]
struct Stored {
    /// Whose.
    person: u32,
    /// The device.
    device: u32,
    /// The first number.
    from: u64,
    /// The last number, inclusive.
    to: u64,
}

/// Work on which nothing was stored.
#[derive(Serialize, ToSchema)]
struct Refused {
    /// Whose.
    person: u32,
    /// The device.
    device: u32,
    /// A problem's code.
    code: &'static str,
}

/// Take what a phone could not send, as often as it comes with the same effect.
///
/// Each command is judged as its writer's, whoever brings the file.
#[utoipa::path(
    post, path = "/v1/office/hand-ins", tag = "office", request_body = Parcel,
    params(schema::IdempotencyKey),
    responses(
        (status = 200, body = Taken),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn take(State(app): State<App>, post: OfficePost<Parcel>) -> Result<Response> {
    if post.user.office_sites().is_empty() {
        return Err(Error::problem(ProblemCode::Forbidden));
    }
    let Parcel { file, code } = &post.body;
    let file = BASE64.decode(file.as_bytes()).map_err(|_| Error::malformed("file"))?;
    let act = post.user.act();
    once(&app, &post.name, async || {
        let taken = app.sync.take_parcel(act, &file, code).await?;
        let items = taken.stored.into_iter().map(|(who, numbers)| Stored {
            person: who.person.0,
            device: who.device.0,
            from: numbers.from,
            to: numbers.to,
        });
        let refused = taken.refused.into_iter().map(|(who, code)| Refused {
            person: who.person.0,
            device: who.device.0,
            code: code.code(),
        });
        let taken = Taken { items: items.collect(), refused: refused.collect() };
        let body = serde_json::to_vec(&taken).map_err(|_| Error::Broken("an answer"))?;
        let mut transaction = app.db.begin_write().await?;
        idempotency::keep(&mut transaction, &post.name, (200, &body), act.at_ms).await?;
        transaction.commit().await?;
        Ok((200, body))
    })
    .await
}
