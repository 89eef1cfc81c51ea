//! The transport over HTTP by reqwest, for platforms that bring none of their own.

use std::time::Duration;

use async_trait::async_trait;

use super::transport::{HttpRequest, HttpResponse, Method, Transport};
use crate::protocol::limits::LIMITS;
use crate::{Error, Result};

/// How long a request may take in all: a weak link needs its time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Requests over HTTP/1.1 and HTTP/2, TLS by rustls with ring.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    /// A transport with its own connections.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new() -> Result<Self> {
        // A second call finds the provider already there: that is fine.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build();
        Ok(Self { client: client.map_err(|error| offline(&error))? })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self
            .client
            .request(method, &request.url)
            .header("content-type", request.content_type)
            .body(request.body);
        if let Some(token) = request.bearer {
            builder = builder.bearer_auth(token);
        }
        let mut answer = builder.send().await.map_err(|error| offline(&error))?;
        let retry_after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok());
        let retry_after_s = retry_after.and_then(|text| text.parse().ok());
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| offline(&error))? {
            if (body.len() + chunk.len()) as u64 > LIMITS.unpacked_bytes_max {
                return Err(Error::TooLarge {
                    what: "answer bytes",
                    limit: LIMITS.unpacked_bytes_max,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse { status, retry_after_s, body })
    }
}

fn offline(error: &reqwest::Error) -> Error {
    // Without the address: it may hold what no log should.
    let kind = match error {
        _ if error.is_timeout() => "timeout",
        _ if error.is_connect() => "no connection",
        _ if error.is_body() || error.is_decode() => "the answer was cut off",
        _ => "no answer",
    };
    Error::Offline { detail: kind.to_owned() }
}
