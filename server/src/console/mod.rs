//! The office's pages: written on the server, whole without a script, live with a small one. They
//! show what the API shows and write through the same commands.

mod account;
mod act;
mod alarms;
mod any;
mod asked;
mod assets;
mod cases;
mod cash;
mod desk;
mod form;
mod inbox;
mod layout;
mod order;
mod patrol_step;
mod phones;
mod plan;
mod record;
mod records;
mod round;
mod rounds;
mod session;
mod signature;
mod timeline;
mod today;
mod words;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use sync_core::protocol::problem::ProblemCode;
use sync_core::texts::Language;
use tower_http::catch_panic::CatchPanicLayer;

use self::words::Words;
use crate::http::{extract, give_up, problem};
use crate::{App, Error};

/// Where the pages begin.
pub const HOME: &str = "/office";
const SIGN_IN: &str = "/office/sign-in";

/// The media type of every page.
const HTML: &str = "text/html; charset=utf-8";

/// Bytes of a form: the longest text is a note of 1,000 characters, nine bytes each as coded.
const FORM_BYTES_MAX: usize = 32 << 10;

/// What a page may load and do: its own style, script and addresses, and pictures it holds itself.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";

/// The pages' routes.
pub fn router(app: &App) -> Router<App> {
    Router::new()
        .route(HOME, get(today::show))
        .route("/office/desk-cases/{case}", post(act::on_desk_case))
        .route("/office/orders/{record}", get(order::show))
        .route("/office/orders/{record}/{action}", post(act::on_order).get(act::back))
        .route(records::URL, get(records::show))
        .route("/office/records/new", get(records::new).post(records::open))
        .route("/office/records/{record}", get(record::find))
        .route("/office/records/{record}/{action}", post(any::on_record).get(act::back))
        .route("/office/rounds/{record}", get(round::show))
        .route("/office/rounds/{record}/{action}", post(act::on_round).get(act::back))
        .route("/office/alarms/{record}/{action}", post(act::on_alarm))
        .route(inbox::URL, get(inbox::show))
        .route("/office/inbox/{record}/{action}", post(inbox::on_item).get(act::back_to_inbox))
        .route(cash::URL, get(cash::show))
        .route(phones::PHONES, get(phones::show))
        .route("/office/phones/{device}/{action}", post(phones::decide).get(phones::back))
        .route(account::URL, get(account::show))
        .route(account::CLOSE, post(account::close).get(account::back))
        .route(account::REOPEN, post(account::reopen).get(account::back))
        .route(SIGN_IN, get(session::show).post(session::sign_in))
        .route("/office/sign-out", post(session::sign_out))
        .route("/office/link/{token}", get(session::link).post(session::use_link))
        .route("/office/assets/{name}", get(assets::asset))
        .route("/office/{*rest}", get(async || Error::problem(ProblemCode::NotFound)))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), give_up))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(app.clone(), around))
}

/// The cookie of the chosen language.
const LANGUAGE_COOKIE: &str = "fieldbook-language";

/// Finds the language, writes failures as pages, and puts the headers on every answer.
async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let chosen = chosen_language(request.uri());
    let language = chosen.unwrap_or_else(|| language_of(request.headers()));
    request.extensions_mut().insert(language);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == HTML);
    if !is_page && let Some((code, params)) = problem::taken(&mut response) {
        response = if code == ProblemCode::NotSignedIn && reads {
            Redirect::to(SIGN_IN).into_response()
        } else {
            layout::failed(Words(language), code, &params)
        };
    }
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A link's token stands in an address.
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(language) = chosen {
        let secure = if app.config.is_loopback() { "" } else { "; Secure" };
        let cookie = format!(
            "{LANGUAGE_COOKIE}={language}; Path=/office; Max-Age=31536000; SameSite=Lax; \
             HttpOnly{secure}"
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// `?lang=` of an address.
fn chosen_language(uri: &Uri) -> Option<Language> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == "lang").and_then(|(_, tag)| tag.parse().ok())
}

fn language_of(headers: &HeaderMap) -> Language {
    extract::cookie(headers, LANGUAGE_COOKIE)
        .and_then(|tag| tag.parse().ok())
        .unwrap_or_else(|| problem::language_of(headers))
}

/// Goes back to a page after something was written: reading it again writes nothing.
fn to(url: &str) -> Response {
    Redirect::to(url).into_response()
}

/// The status of a problem.
fn status_of(code: ProblemCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
