//! `GET /v1/poke`: server-sent events that only say "something for you"; a phone's answer to each
//! is a sync, also after each reconnect. An office page reads itself again.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use sync_core::model::audience::Audience;
use sync_core::model::id::PersonId;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{OfficeUser, PhoneUser};
use super::schema;
use crate::people::token::TOKEN_LIFE_S;
use crate::sync::Poke;
use crate::{App, Error, Result};

/// Keeps the connection alive through the boxes between.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(poke))
}

/// Be told when a sync would bring something.
///
/// Events named `poke` without content, and comments as a heartbeat. The stream ends after a
/// token's life: connect again with a new one.
#[utoipa::path(
    get, path = "/v1/poke", tag = "phones",
    responses(
        (status = 200, content_type = "text/event-stream"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("cookie" = []))
)]
async fn poke(
    State(app): State<App>,
    Listening(person): Listening,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    // Subscribed before the audiences are read: nothing falls between.
    let pokes = app.sync.subscribe();
    let listener = Listener {
        pokes,
        audiences: app.sync.audiences(person).await?,
        closing: app.closing(),
        until: Instant::now() + Duration::from_secs(TOKEN_LIFE_S.unsigned_abs()),
    };
    let stream = futures_util::stream::unfold(listener, async |mut listener| {
        listener.next().await.then(|| {
            let event = Event::default().event("poke").data("something for you");
            (Ok(event), listener)
        })
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// Whoever may listen: a phone by its token, an office page by its cookie. Listening keeps no
/// session alive.
struct Listening(PersonId);

impl FromRequestParts<App> for Listening {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(PhoneUser::from_request_parts(parts, app).await?.person));
        }
        Ok(Self(OfficeUser::of_cookie(&parts.headers, app, false).await?.person()))
    }
}

/// One phone or page that listens.
struct Listener {
    pokes: broadcast::Receiver<Poke>,
    audiences: BTreeSet<Audience>,
    closing: watch::Receiver<bool>,
    until: Instant,
}

impl Listener {
    /// Waits for something that concerns the person; false when the stream is to end.
    async fn next(&mut self) -> bool {
        let Self { pokes, audiences, closing, until } = self;
        tokio::select! {
            found = concerned(pokes, audiences) => found,
            _ = closing.wait_for(|closing| *closing) => false,
            () = tokio::time::sleep_until(*until) => false,
        }
    }
}

async fn concerned(pokes: &mut broadcast::Receiver<Poke>, audiences: &BTreeSet<Audience>) -> bool {
    loop {
        match pokes.recv().await {
            Ok(poke) if audiences.contains(&poke.audience) => return true,
            Ok(_) => {}
            // Too slow to know: a sync tells.
            Err(broadcast::error::RecvError::Lagged(_)) => return true,
            Err(broadcast::error::RecvError::Closed) => return false,
        }
    }
}
