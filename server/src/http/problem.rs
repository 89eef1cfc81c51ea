//! Errors as problem details (RFC 9457). The one place that decides what a client is told, and the
//! one that logs what it is not told.

use std::any::Any;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sync_core::protocol::problem::{Problem, ProblemCode};
use sync_core::protocol::{VERSION, VERSION_MIN};
use sync_core::texts::{Language, code_text};

use crate::Error;

/// The media type of an error's body.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error on its way out: [`render`] writes it in the caller's language.
#[derive(Debug, Clone)]
struct Failure {
    code: ProblemCode,
    params: BTreeMap<String, String>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        failed(told(self))
    }
}

/// What an answer says of why it failed, taken out of it: for those who write it in another form
/// than [`render`].
pub(crate) fn taken(response: &mut Response) -> Option<(ProblemCode, BTreeMap<String, String>)> {
    let status = response.status();
    let failure = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure,
        None if status.is_client_error() || status.is_server_error() => {
            Failure { code: code_of(status), params: BTreeMap::new() }
        }
        None => return None,
    };
    Some((failure.code, failure.params))
}

fn failed(failure: Failure) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(failure.code.status()).expect("every code goes with a status");
    response.extensions_mut().insert(failure);
    response
}

/// What the client is told.
fn told(error: Error) -> Failure {
    let plain = |code| Failure { code, params: BTreeMap::new() };
    match error {
        Error::Problem { code, params } => Failure { code, params },
        Error::Denied(denial) => denied(&denial),
        Error::Core(error) => told_of_core(error),
        Error::Stopped(_) => plain(ProblemCode::Unavailable),
        Error::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => {
            plain(ProblemCode::Unavailable)
        }
        error => {
            tracing::error!(error = %chain(&error), "a request failed");
            plain(ProblemCode::Internal)
        }
    }
}

fn denied(denial: &sync_core::rules::Denial) -> Failure {
    let mut params = denial.params.clone();
    params.insert("denial".to_owned(), denial.code.to_string());
    Failure { code: ProblemCode::Denied, params }
}

fn told_of_core(error: sync_core::Error) -> Failure {
    use sync_core::Error as Core;
    let with = |code, params: &[(&str, String)]| Failure {
        code,
        params: params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    };
    match error {
        Core::Denied(denial) => denied(&denial),
        Core::Malformed { what, .. } => with(ProblemCode::Malformed, &[("what", what.into())]),
        Core::TooLarge { what, limit } => {
            with(ProblemCode::TooLarge, &[("what", what.into()), ("limit", limit.to_string())])
        }
        Core::BadId(bad) => with(ProblemCode::Malformed, &[("what", bad.what.into())]),
        Core::NotCanonical(_) => with(ProblemCode::Malformed, &[("what", "json".into())]),
        Core::UpdateApp { .. } => version_not_spoken(),
        error => {
            tracing::error!(%error, "a request failed");
            with(ProblemCode::Internal, &[])
        }
    }
}

fn version_not_spoken() -> Failure {
    let params = [("min", VERSION_MIN), ("max", VERSION)];
    let params = params.map(|(name, version)| (name.to_owned(), version.to_string()));
    Failure { code: ProblemCode::VersionNotSpoken, params: BTreeMap::from(params) }
}

/// An error with its causes; `Display` of this crate's errors holds no content.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A handler panicked: its message may hold anything, so only the place where panics are reported
/// has it.
pub fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    failed(Failure { code: ProblemCode::Internal, params: BTreeMap::new() })
}

/// Writes the body of every error answer, also of those that the framework made.
pub async fn render(request: Request, next: Next) -> Response {
    let language = language_of(request.headers());
    let mut response = next.run(request).await;
    let status = response.status();
    let failure = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure,
        None if status.is_client_error() || status.is_server_error() => {
            Failure { code: code_of(status), params: BTreeMap::new() }
        }
        None => return response,
    };
    write(response, &failure, language)
}

/// The language the caller reads.
pub fn language_of(headers: &HeaderMap) -> Language {
    let accepts = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::accepted(accepts.unwrap_or_default())
}

/// The framework's own refusals.
fn code_of(status: StatusCode) -> ProblemCode {
    match status {
        StatusCode::NOT_FOUND => ProblemCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemCode::TooLarge,
        status if status.is_client_error() => ProblemCode::Malformed,
        _ => ProblemCode::Internal,
    }
}

/// When to come again, as a header says it.
pub(crate) fn retry_after(params: &BTreeMap<String, String>) -> Option<HeaderValue> {
    params.get("retry_after_s").and_then(|seconds| HeaderValue::from_str(seconds).ok())
}

fn write(response: Response, failure: &Failure, language: Language) -> Response {
    let title = code_text(language, "problem", failure.code.code(), &[]);
    let mut problem = Problem::new(failure.code, title);
    problem.params.clone_from(&failure.params);
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::from_u16(problem.status).expect("every code goes with a status");
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    parts.headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    if let Some(seconds) = retry_after(&failure.params) {
        parts.headers.insert(header::RETRY_AFTER, seconds);
    }
    if parts.status == StatusCode::UNAUTHORIZED {
        parts.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let body = serde_json::to_vec(&problem).expect("a problem is JSON");
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use sync_core::rules::{Denial, DenialCode};

    use super::*;

    #[test]
    fn what_a_client_cannot_use_is_not_told() {
        let failure = told(Error::Broken("a secret detail"));
        assert_eq!((failure.code, failure.params.len()), (ProblemCode::Internal, 0));
        let failure = told(Error::Database(sqlx::Error::RowNotFound));
        assert_eq!((failure.code, failure.params.len()), (ProblemCode::Internal, 0));
        let failure = told(Error::Database(sqlx::Error::PoolTimedOut));
        assert_eq!(failure.code, ProblemCode::Unavailable);
    }

    #[test]
    fn a_denial_is_named() {
        let denial = Denial::new(DenialCode::TextTooLong).with("limit", 60);
        let failure = told(Error::Denied(denial));
        assert_eq!(failure.code, ProblemCode::Denied);
        assert_eq!(failure.params["denial"], "text_too_long");
        assert_eq!(failure.params["limit"], "60");
    }
}
