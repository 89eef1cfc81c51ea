//! Signing in to the office: password in, cookie out.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use sync_core::protocol::problem::ProblemCode;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client::Client;
use super::extract::{JsonBody, OfficeUser};
use super::rate::Gate;
use super::schema;
use super::time::rfc3339;
use crate::config::Config;
use crate::people::office::{LIFE_MS, OfficeSession};
use crate::people::{office, password};
use crate::{App, Error, Result};

/// The cookie on a server with TLS: a browser takes a name like this only with `Secure`, for this
/// host alone.
pub const COOKIE: &str = "__Host-fieldbook";
/// The cookie on a server for this machine only.
const COOKIE_LOOPBACK: &str = "fieldbook";

/// The cookie's name.
pub fn cookie_name(config: &Config) -> &'static str {
    if config.is_loopback() { COOKIE_LOOPBACK } else { COOKIE }
}

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_in)).routes(routes!(sign_out)).routes(routes!(session))
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// What the person signs in with.
    login: String,
    /// The password.
    password: String,
}

/// Someone signed in.
#[derive(Serialize, ToSchema)]
struct SignedIn {
    /// The person.
    person: u32,
    /// Its name.
    name: String,
    /// The device that this session is.
    device: u32,
    /// To be sent as `X-CSRF-Token` with everything that changes something.
    csrf_token: String,
    /// When the session ends, used or not. Unused it ends after two hours.
    expires_at: String,
}

impl SignedIn {
    fn new(session: &OfficeSession, name: String) -> Self {
        Self {
            person: session.person.0,
            name,
            device: session.device.0,
            csrf_token: session.csrf.clone(),
            expires_at: rfc3339(session.expires_ms),
        }
    }
}

/// Sign in to the office.
#[utoipa::path(
    post, path = "/v1/office/sign-in", tag = "office", request_body = SignIn,
    responses(
        (status = 200, body = SignedIn),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    )
)]
async fn sign_in(
    State(app): State<App>,
    client: Client,
    JsonBody(SignIn { login, password }): JsonBody<SignIn>,
) -> Result<Response> {
    let (session, secret, name) = enter(&app, client, &login, password).await?;
    let cookie = set_cookie(&app.config, &secret, LIFE_MS / 1_000);
    let body = SignedIn::new(&session, name);
    Ok(([(header::SET_COOKIE, cookie)], Json(body)).into_response())
}

/// Opens a session by login and password; answers it with the cookie's secret and the person's
/// name.
///
/// # Errors
/// `wrong_password`, `account_disabled`, `too_many_requests`.
pub(crate) async fn enter(
    app: &App,
    client: Client,
    login: &str,
    password: String,
) -> Result<(OfficeSession, String, String)> {
    app.gates.pass(Gate::SignInAddress, client)?;
    app.gates.pass(Gate::SignInName, login)?;
    let mut conn = app.db.reader().acquire().await?;
    let candidate = office::candidate(&mut conn, login).await?;
    drop(conn);
    // The same work for names that do not exist: the time must not tell.
    let hash = candidate.as_ref().and_then(|candidate| candidate.password_hash.clone());
    let right = password::is_right(password, hash).await?;
    let candidate =
        candidate.filter(|_| right).ok_or(Error::problem(ProblemCode::WrongPassword))?;
    if candidate.is_disabled {
        return Err(Error::problem(ProblemCode::AccountDisabled));
    }
    let mut transaction = app.db.begin_write().await?;
    let (session, secret) =
        office::open(&mut transaction, app.now_ms(), candidate.person, app.randomness.as_ref())
            .await?;
    app.sync.settle(&mut transaction).await?;
    transaction.commit().await?;
    Ok((session, secret, candidate.name))
}

/// End the session.
#[utoipa::path(
    post, path = "/v1/office/sign-out", tag = "office",
    responses(
        (status = 204),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn sign_out(State(app): State<App>, user: OfficeUser) -> Result<Response> {
    let mut transaction = app.db.begin_write().await?;
    office::close(&mut transaction, user.now_ms, &user.session).await?;
    transaction.commit().await?;
    let cookie = set_cookie(&app.config, "", 0);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Who is signed in, and the token for writes.
#[utoipa::path(
    get, path = "/v1/office/session", tag = "office",
    responses(
        (status = 200, body = SignedIn),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn session(State(app): State<App>, user: OfficeUser) -> Result<Json<SignedIn>> {
    let name: String = sqlx::query_scalar("select name from person where person = ?")
        .bind(user.person().0)
        .fetch_one(app.db.reader())
        .await?;
    Ok(Json(SignedIn::new(&user.session, name)))
}

/// The cookie of a session; an age of 0 takes it away.
pub(crate) fn set_cookie(config: &Config, secret: &str, max_age_s: i64) -> String {
    let secure = if config.is_loopback() { "" } else { "; Secure" };
    let name = cookie_name(config);
    format!("{name}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age_s}{secure}")
}
