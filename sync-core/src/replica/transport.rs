//! How requests reach the server: a trait the platform implements, and what its answers mean.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::protocol::problem::{Problem, ProblemCode};
use crate::{Error, Result};

/// The HTTP methods a phone uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

/// A request to the server.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The access token.
    pub bearer: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {} ({} bytes)", self.method, self.url, self.body.len())
    }
}

/// The server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after_s: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends requests. Must not retry by itself: the engine's schedule does.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request and waits for its whole answer.
    ///
    /// # Errors
    /// [`Error::Offline`] when no whole answer came.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse>;
}

/// The body of a good answer.
///
/// # Errors
/// What the problem in a bad one means for the phone.
pub(super) fn accept(response: HttpResponse) -> Result<Vec<u8>> {
    if (200..300).contains(&response.status) {
        return Ok(response.body);
    }
    let problem: Option<Problem> = serde_json::from_slice(&response.body).ok();
    let Some(problem) = problem else {
        // Of whoever stands before the server: it says the same however often it is asked.
        if response.status == 413 {
            let code = ProblemCode::TooLarge.code().to_owned();
            return Err(Error::Answered { code, params: BTreeMap::new() });
        }
        return Err(Error::Offline { detail: format!("http status {}", response.status) });
    };
    let version = |name: &str| problem.params.get(name).and_then(|text| text.parse().ok());
    Err(match ProblemCode::from_code(&problem.code) {
        Some(ProblemCode::VersionNotSpoken) => Error::UpdateApp {
            min: version("min").unwrap_or_default(),
            max: version("max").unwrap_or_default(),
        },
        _ if response.status == 401 => Error::SignInAgain { code: problem.code },
        Some(ProblemCode::Unavailable | ProblemCode::Internal) | None => {
            Error::Offline { detail: problem.code }
        }
        Some(ProblemCode::TooManyRequests) => Error::RetryAfter {
            delay_ms: response
                .retry_after_s
                .map_or(60_000, |s| i64::try_from(s).unwrap_or(i64::MAX).saturating_mul(1_000)),
        },
        Some(_) => Error::Answered { code: problem.code, params: problem.params },
    })
}
