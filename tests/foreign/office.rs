//! The desk at its JSON API (docs/api.md): signed in once, every write with a key of its own.

use fieldbook_tests::captured;
use serde_json::{Value, json};
use sync_core::replica::http::HttpTransport;

use super::server::PASSWORD;

/// Someone signed in to the office.
pub struct Office {
    client: reqwest::Client,
    url: String,
    cookie: String,
    csrf_token: String,
    writes: u32,
}

impl Office {
    /// Signs in.
    pub async fn sign_in(url: &str, login: &str) -> Self {
        // Sets the TLS provider, without which no client is made.
        HttpTransport::new().expect("a transport");
        let client = reqwest::Client::new();
        let body = json!({ "login": login, "password": PASSWORD });
        let answer = client
            .post(format!("{url}/v1/office/sign-in"))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .expect("the server answers");
        assert_eq!(answer.status().as_u16(), 200);
        let cookie = answer.headers()["set-cookie"].to_str().expect("a cookie");
        let cookie = cookie.split(';').next().expect("a name and a value").to_owned();
        let body: Value = read(answer).await;
        let csrf_token = body["csrf_token"].as_str().expect("a token").to_owned();
        captured::secret(cookie.split('=').nth(1).expect("a secret"));
        captured::secret(&csrf_token);
        Self { client, url: url.to_owned(), cookie, csrf_token, writes: 0 }
    }

    /// Writes, which has to be taken.
    pub async fn write(&mut self, path: &str, body: &Value) -> Value {
        self.writes += 1;
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header("cookie", &self.cookie)
            .header("x-csrf-token", &self.csrf_token)
            .header("idempotency-key", self.writes.to_string())
            .body(body.to_string());
        taken(request, path).await
    }

    /// Reads.
    pub async fn read(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.url)).header("cookie", &self.cookie);
        taken(request, path).await
    }
}

async fn taken(request: reqwest::RequestBuilder, path: &str) -> Value {
    let answer = request.send().await.expect("the server answers");
    let status = answer.status();
    let body = read(answer).await;
    assert!(status.is_success(), "{path}: {status} {body}");
    body
}

async fn read(answer: reqwest::Response) -> Value {
    let bytes = answer.bytes().await.expect("a whole answer");
    serde_json::from_slice(&bytes).expect("JSON")
}
