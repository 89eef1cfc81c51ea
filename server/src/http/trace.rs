//! One span and one log line a request: ids, never tokens, names or content.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::HEXLOWER;
use tracing::{Instrument as _, Span, field};

use crate::App;
use crate::sync::Bearer;

/// Names the request in logs and answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps every request.
pub async fn request(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut id = [0; 8];
    app.randomness.fill(&mut id);
    let id = HEXLOWER.encode(&id);
    // The route's pattern, not the address: a query may hold what someone searched for.
    let route = request.extensions().get::<MatchedPath>();
    let span = tracing::info_span!(
        "request",
        id,
        method = %request.method(),
        route = route.map_or("none", MatchedPath::as_str),
        person = field::Empty,
        device = field::Empty,
    );
    async move {
        let begun_ms = app.clock.monotonic_ms();
        let mut response = next.run(request).await;
        let took_ms = app.clock.monotonic_ms().saturating_sub(begun_ms);
        tracing::info!(status = response.status().as_u16(), took_ms, "answered");
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
    .instrument(span)
    .await
}

/// Notes in the request's span who asks.
pub fn who(who: Bearer) {
    Span::current().record("person", who.person.0).record("device", who.device.0);
}
