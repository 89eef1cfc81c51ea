//! What speaks HTTP: one file a resource. Every error leaves as problem details, every request as
//! one log line without content.

pub(crate) mod account_days;
pub(crate) mod cases;
pub(crate) mod cash;
pub(crate) mod client;
pub(crate) mod command;
mod contacts;
mod desk_case_export;
pub(crate) mod desk_cases;
pub(crate) mod devices;
mod enrol;
mod evidence;
pub(crate) mod extract;
mod grants;
mod hand_in;
mod hand_ins;
pub(crate) mod idempotency;
mod imports;
mod meta;
pub(crate) mod names;
pub(crate) mod office;
mod poke;
pub(crate) mod problem;
pub(crate) mod rate;
mod records;
mod roster;
mod roster_swaps;
mod schema;
mod sync;
pub(crate) mod time;
mod trace;
mod upload;
pub(crate) mod work_order_list;
mod work_orders;

#[cfg(test)]
pub(crate) mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use sync_core::protocol::problem::ProblemCode;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::{App, Error, Result, console};

pub use self::extract::{OfficeUser, PhoneUser};
pub use self::meta::openapi;

/// Bytes of a JSON body: the longest text is a description of 16,000 bytes.
const JSON_BYTES_MAX: usize = 64 << 10;

/// Every route with its description.
fn routes() -> OpenApiRouter<App> {
    meta::base()
        .merge(meta::routes())
        .merge(enrol::routes())
        .merge(sync::routes())
        .merge(hand_in::routes())
        .merge(hand_ins::routes())
        .merge(poke::routes())
        .merge(office::routes())
        .merge(desk_cases::routes())
        .merge(desk_case_export::routes())
        .merge(cash::routes())
        .merge(work_orders::routes())
        .merge(records::routes())
        .merge(evidence::routes())
        .merge(contacts::routes())
        .merge(devices::routes())
        .merge(account_days::routes())
        .merge(grants::routes())
        .merge(roster::routes())
        .merge(roster_swaps::routes())
        .merge(imports::routes())
}

/// The whole interface as one service.
pub fn router(app: App) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(async || Error::problem(ProblemCode::NotFound))
        .method_not_allowed_fallback(async || Error::problem(ProblemCode::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), give_up))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn(problem::render))
        .layer(middleware::map_response(guarded))
        // Pages for people: their errors are pages too.
        .merge(console::router(&app))
        .layer(middleware::from_fn_with_state(app.clone(), trace::request))
        .with_state(app)
}

/// Serves on a listener until `shutdown` is ready and the requests at hand are answered; nobody
/// before what the ledger says was purged is gone.
///
/// # Errors
/// If the ledger is not what it should be, or the socket fails.
pub async fn serve(
    app: App,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    app.sync.carry_out_ledger().await?;
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|stream| {
        // Answers are small and waited for: no delay to fill packets.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::warn!(%error, "TCP_NODELAY not set");
        }
    });
    let closing = async move {
        shutdown.await;
        app.close();
    };
    axum::serve(listener, service).with_graceful_shutdown(closing).await?;
    Ok(())
}

/// What a browser may make of an answer of the API: nothing is run, framed, guessed or kept.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Ends a request that takes too long; what it had not committed is undone.
pub(crate) async fn give_up(State(app): State<App>, request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(app.config.request_timeout_s);
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::problem(ProblemCode::Unavailable).into_response(),
    }
}
