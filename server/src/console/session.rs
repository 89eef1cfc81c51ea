//! Signing in by link or password, and signing out.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use sync_core::protocol::problem::ProblemCode;

use super::desk::Guest;
use super::form::{Entry, Post};
use super::layout::{Frame, plain_page, reason};
use super::words::Words;
use super::{HOME, SIGN_IN, status_of};
use crate::http::client::Client;
use crate::http::{office as api, problem};
use crate::people::office::{self, LIFE_MS, LinkState};
use crate::{App, Result};

/// The page of a link: looking at it signs nobody in, since programs that preview links look too.
///
/// # Errors
/// If the database does not answer.
pub async fn link(
    State(app): State<App>,
    Guest(words): Guest,
    Path(token): Path<String>,
) -> Result<Response> {
    let mut conn = app.db.reader().acquire().await?;
    let state = office::link_state(&mut conn, &token, app.now_ms()).await?;
    if !matches!(state, LinkState::Good(_)) {
        return Ok(no_link(words, state));
    }
    let title = words.say("office-sign-in");
    let content = html! {
        h1 #content { (title) }
        p { (words.say("office-link-good")) }
        form method="post" {
            button #sign-in.main type="submit" { (words.say("office-sign-in")) }
        }
    };
    let frame = Frame { title: &title, url: SIGN_IN, status: StatusCode::OK };
    Ok(plain_page(words, frame, &content))
}

/// Uses a link.
///
/// # Errors
/// `account_disabled`, or if the database does not answer.
pub async fn use_link(
    State(app): State<App>,
    Guest(words): Guest,
    Path(token): Path<String>,
    _: Entry,
) -> Result<Response> {
    let mut transaction = app.db.begin_write().await?;
    let randomness = app.randomness.as_ref();
    let used = office::use_link(&mut transaction, &token, app.now_ms(), randomness).await?;
    let (_, secret) = match used {
        Ok(opened) => opened,
        Err(state) => return Ok(no_link(words, state)),
    };
    app.sync.settle(&mut transaction).await?;
    transaction.commit().await?;
    Ok(entered(&app, &secret))
}

fn entered(app: &App, secret: &str) -> Response {
    let cookie = api::set_cookie(&app.config, secret, LIFE_MS / 1_000);
    ([(header::SET_COOKIE, cookie)], Redirect::to(HOME)).into_response()
}

fn no_link(words: Words, state: LinkState) -> Response {
    let (status, id) = match state {
        LinkState::Unknown => (StatusCode::NOT_FOUND, "office-link-unknown"),
        LinkState::Over | LinkState::Good(_) => (StatusCode::GONE, "office-link-over"),
    };
    let title = words.say(id);
    let content = html! {
        h1 #content { (title) }
        p { (words.say("office-link-again")) }
        p { a href=(SIGN_IN) { (words.say("office-sign-in-by-password")) } }
    };
    plain_page(words, Frame { title: &title, url: SIGN_IN, status }, &content)
}

/// The page with name and password.
pub async fn show(Guest(words): Guest) -> Response {
    form(words, "", None, StatusCode::OK)
}

fn form(words: Words, login: &str, problem: Option<&str>, status: StatusCode) -> Response {
    let title = words.say("office-sign-in");
    let content: Markup = html! {
        h1 #content { (title) }
        @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
        form method="post" action=(SIGN_IN) {
            label for="login" { (words.say("office-login")) }
            input #login name="login" autocomplete="username" required value=(login)
                autofocus[login.is_empty()];
            label for="password" { (words.say("office-password")) }
            input #password name="password" type="password" autocomplete="current-password"
                required autofocus[!login.is_empty()];
            button.main type="submit" { (words.say("office-sign-in")) }
        }
    };
    plain_page(words, Frame { title: &title, url: SIGN_IN, status }, &content)
}

/// Signs in by name and password.
///
/// # Errors
/// If the database does not answer.
pub async fn sign_in(
    State(app): State<App>,
    Guest(words): Guest,
    client: Client,
    Entry(mut fields): Entry,
) -> Result<Response> {
    let (login, password) = (fields.take("login"), fields.take("password"));
    let error = match api::enter(&app, client, &login, password).await {
        Ok((_, secret, _)) => return Ok(entered(&app, &secret)),
        Err(error) => error,
    };
    let mut response = error.into_response();
    let Some((code, params)) = problem::taken(&mut response) else { return Ok(response) };
    let problem = reason(words, code, &params);
    let status = match code {
        ProblemCode::WrongPassword => StatusCode::UNAUTHORIZED,
        code => status_of(code),
    };
    let mut page = form(words, &login, Some(&problem), status);
    if let Some(seconds) = problem::retry_after(&params) {
        page.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    Ok(page)
}

/// Ends the session.
///
/// # Errors
/// If the database does not answer.
pub async fn sign_out(State(app): State<App>, post: Post) -> Result<Response> {
    let mut transaction = app.db.begin_write().await?;
    office::close(&mut transaction, app.now_ms(), &post.desk.user.session).await?;
    transaction.commit().await?;
    let cookie = api::set_cookie(&app.config, "", 0);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(SIGN_IN)).into_response())
}
