//! What is the same for every route: problems, languages, panics, log lines, the description.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::{PASSWORD, Site, enrol_body, problem, problem_with, request};
use crate::http::problem;

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let site = Site::new().await;
    let answer = site.get("/v1/nothing", &[]).await;
    assert_eq!(answer.told(), problem(404, "not_found", "没有找到"));
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("content-language"), "zh-CN");
    let answer = site.get("/v1/nothing", &[("accept-language", "en-GB")]).await;
    assert_eq!(answer.told(), problem(404, "not_found", "Not found"));
    assert_eq!(answer.header("content-language"), "en");
}

#[tokio::test]
async fn a_method_that_is_not_for_the_address_is_a_problem() {
    let site = Site::new().await;
    let answer = site.send(request(Method::DELETE, "/v1/limits", &[], Body::empty())).await;
    let expected = problem(405, "method_not_allowed", "不支持这种请求");
    assert_eq!(answer.told(), expected);
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_body_that_does_not_parse_is_a_problem_that_says_where() {
    let site = Site::new().await;
    let headers = [("content-type", "application/json")];
    let body = Body::from("{\"code\":");
    let answer = site.send(request(Method::POST, "/v1/enrol", &headers, body)).await;
    let params =
        json!({ "what": "body", "detail": "EOF while parsing a value at line 1 column 8" });
    assert_eq!(answer.told(), problem_with(400, "malformed", "请求格式不对", params));
    let answer = site.post("/v1/office/sign-in", &[], &json!({ "login": "x", "pass": "y" })).await;
    let detail = answer.json()["params"]["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.starts_with("unknown field `pass`"), "{detail}");
    let large = json!({ "code": "x".repeat(64 << 10), "public_key": "", "device_name": "" });
    let answer = site.post("/v1/enrol", &[], &large).await;
    let expected = problem_with(413, "too_large", "内容太大", json!({ "what": "body" }));
    assert_eq!(answer.told(), expected);
}

#[tokio::test]
async fn a_panic_is_an_internal_problem_and_tells_nothing() {
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;
    async fn fails() -> &'static str {
        panic!("a secret")
    }
    let router = axum::Router::new()
        .route("/", axum::routing::get(fails))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(axum::middleware::from_fn(problem::render));
    let request = request(Method::GET, "/", &[], Body::empty());
    let response = router.oneshot(request).await.expect("answers");
    assert_eq!(response.status(), 500);
    let bytes = axum::body::to_bytes(response.into_body(), 1_000).await.expect("reads");
    let body: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!((500, body), super::problem(500, "internal", "服务器出错"));
}

#[tokio::test]
async fn health_and_limits_are_for_everyone() {
    let site = Site::new().await;
    assert_eq!(site.get("/healthz", &[]).await.told(), (200, json!({ "status": "ok" })));
    let limits = site.get("/v1/limits", &[]).await;
    assert_eq!(limits.status, 200);
    assert_eq!(limits.json()["request_bytes_max"], 8 << 20);
    site.world.app.stop().await;
    let unavailable = problem(503, "unavailable", "暂时不可用，请稍后再试");
    assert_eq!(site.get("/healthz", &[]).await.told(), unavailable);
}

/// Log lines kept for a look.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_log_line_names_the_request_and_holds_no_token_name_or_content() {
    let site = Site::new().await;
    let code = site.code(site.wang).await;
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    // What other tests met first, with nobody listening, is asked anew.
    tracing::callsite::rebuild_interest_cache();
    let phone = site.phone(site.wang, 1).await;
    let body = enrol_body(&code, &phone.key);
    site.post("/v1/enrol", &[], &body).await;
    let nonce = site.nonce().await;
    let bearer = site.bearer(&phone).await;
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = "/v1/sync?name=Zhang";
    let mut answer = site.send(request(Method::POST, path, &headers, Body::from("content"))).await;
    for _ in 0..10 {
        let told = lines.0.lock().expect("not poisoned").clone();
        if String::from_utf8(told).expect("text").contains(answer.header("x-request-id")) {
            break;
        }
        // Another test has just met the line with nobody listening there.
        tracing::callsite::rebuild_interest_cache();
        answer = site.send(request(Method::POST, path, &headers, Body::from("content"))).await;
    }
    let desk = site.desk("chen").await;
    site.get("/v1/office/session", &desk.reads()).await;
    drop(guard);

    let text = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
    let cookie = desk.cookie.split('=').nth(1).expect("a secret");
    let token = bearer.strip_prefix("Bearer ").expect("a token");
    let signature = token.rsplit('.').next().expect("a signature");
    for secret in
        [token, signature, cookie, &desk.csrf, &nonce, &code, PASSWORD, "王建国", "陈静", "Zhang"]
    {
        assert!(!text.contains(secret), "{secret} in the log");
    }
    let id = answer.header("x-request-id");
    let line = text.lines().find(|line| line.contains(id)).expect("a line");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let fields = json!({ "message": "answered", "status": 400, "took_ms": 0 });
    assert_eq!(line["fields"], fields);
    let span = json!({
        "name": "request", "id": id, "method": "POST", "route": "/v1/sync",
        "person": site.wang.0, "device": phone.device.0,
    });
    assert_eq!(line["span"], span);
}

#[test]
fn the_description_is_the_one_in_the_repository() {
    let description = crate::http::openapi();
    assert!(description.to_json().expect("writes").starts_with("{\"openapi\":\"3.1.0\""));
    let text = description.to_pretty_json().expect("writes") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(path, &text).expect("writes");
    }
    let kept = std::fs::read_to_string(path).expect("reads");
    assert!(kept == text, "openapi.json differs: run this test with REGENERATE=1");
}

#[tokio::test]
async fn the_description_is_served() {
    let site = Site::new().await;
    let answer = site.get("/v1/openapi.json", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["info"]["title"], "Fieldbook");
}

#[test]
fn bodies_that_sync_core_defines_are_described_as_they_are() {
    use sync_core::protocol::enrolment::{
        EnrolRequest, EnrolResponse, NonceResponse, TokenRequest, TokenResponse,
    };
    use sync_core::protocol::identity::Certificate;
    use sync_core::protocol::problem::{Problem, ProblemCode};

    let text = || "x".to_owned();
    let (person, device) = (sync_core::model::id::PersonId(1), sync_core::model::id::DeviceId(2));
    let certificate =
        Certificate { person, device, public_key: text(), issued_ms: 3, signature: text() };
    let enrol = EnrolRequest { code: text(), public_key: text(), device_name: text() };
    let enrolled = EnrolResponse {
        certificate: certificate.clone(),
        installation_key: text(),
        person_name: text(),
        server_time_ms: 3,
    };
    let asks = TokenRequest {
        person,
        device,
        nonce: text(),
        signature: text(),
        certificate: Some(certificate.clone()),
    };
    let problem = Problem::new(ProblemCode::Malformed, text()).with("what", "x");
    let description = serde_json::to_value(crate::http::openapi()).expect("writes");
    for (name, real) in [
        ("Certificate", json!(certificate)),
        ("EnrolRequest", json!(enrol)),
        ("EnrolResponse", json!(enrolled)),
        ("NonceResponse", json!(NonceResponse { nonce: text() })),
        ("TokenRequest", json!(asks)),
        ("TokenResponse", json!(TokenResponse { access_token: text(), expires_in_s: 1 })),
        ("Problem", json!(problem)),
    ] {
        let described = &description["components"]["schemas"][name]["properties"];
        let names = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().expect("an object").keys().cloned().collect()
        };
        assert_eq!(names(described), names(&real), "{name}");
    }
}
