//! How often somebody may try to come in, by exact answers; the counting itself is tested where it
//! is done.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Method;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::{Answer, PASSWORD, Phone, Site, enrol_body, problem_with, request};
use crate::config::Config;
use crate::http::rate::Gate;
use crate::testing::World;

fn too_many(seconds: &str) -> (u16, Value) {
    let title = "请求太多，请稍后再试";
    problem_with(429, "too_many_requests", title, json!({ "retry_after_s": seconds }))
}

impl Site {
    /// Posts JSON from an address, by way of whoever wrote `forwarded`.
    async fn post_from(&self, from: &str, forwarded: &str, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", forwarded)];
        let mut request = request(Method::POST, path, &headers, Body::from(body.to_string()));
        let peer: SocketAddr = format!("{from}:40000").parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        self.send(request).await
    }

    async fn sign_in(&self, login: &str, password: &str) -> Answer {
        let body = json!({ "login": login, "password": password });
        self.post("/v1/office/sign-in", &[], &body).await
    }
}

#[tokio::test]
async fn a_name_tried_too_often_waits_the_right_password_too_and_others_come_in() {
    let site = Site::new().await;
    for _ in 0..Gate::SignInName.numbers().0 {
        assert_eq!(site.sign_in("chen", "wrong horse").await.status, 401);
    }
    let answer = site.sign_in("chen", PASSWORD).await;
    assert_eq!(answer.told(), too_many("60"));
    assert_eq!(answer.header("retry-after"), "60");
    // The page says the same, in words, and keeps what was typed.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = Body::from("login=chen&password=correct+horse");
    let page = site.send(request(Method::POST, "/office/sign-in", &form, body)).await;
    assert_eq!((page.status, page.header("retry-after")), (429, "60"));
    let text = String::from_utf8(page.bytes).expect("text");
    assert!(text.contains("请求太多") && text.contains("value=\"chen\""), "{text}");
    assert_eq!(site.sign_in("root", PASSWORD).await.status, 200);
    site.world.clock.pass_ms(60_000);
    assert_eq!(site.sign_in("chen", PASSWORD).await.status, 200);
    assert_eq!(site.sign_in("chen", PASSWORD).await.told(), too_many("60"));
}

#[tokio::test]
async fn an_address_is_counted_for_itself_and_only_a_trusted_proxy_names_another() {
    let config = Config {
        trusted_proxies: "10.0.0.1".to_owned().try_into().expect("an address"),
        ..Config::default()
    };
    let site = Site::of(World::with_config(config).await).await;
    let (burst, _) = Gate::NonceAddress.numbers();
    let nonce = async |from: &str, forwarded: &str| {
        site.post_from(from, forwarded, "/v1/nonce", &json!({})).await.status
    };
    for n in 0..burst {
        // An untrusted client that names another one each time is one client all the same.
        let invented = format!("198.51.100.{}", n % 250);
        assert_eq!(nonce("203.0.113.1", &invented).await, 200);
    }
    assert_eq!(nonce("203.0.113.1", "").await, 429);
    assert_eq!(nonce("203.0.113.2", "").await, 200);
    assert_eq!(nonce("10.0.0.1", "203.0.113.1").await, 429, "the same client behind the proxy");
    assert_eq!(nonce("10.0.0.1", "203.0.113.3").await, 200);
    site.world.clock.pass_ms(100);
    assert_eq!(nonce("203.0.113.1", "").await, 200);
}

#[tokio::test]
async fn a_code_is_tried_five_times_and_asked_about_ten_times() {
    let site = Site::new().await;
    let code = site.code(site.wang).await;
    let last = if code.ends_with('A') { "B" } else { "A" };
    let wrong = format!("{}{last}", &code[..18]);
    let key = SigningKey::from_bytes(&[1; 32]);
    let (burst, _) = Gate::EnrolCode.numbers();
    for _ in 0..burst {
        assert_eq!(site.post("/v1/enrol", &[], &enrol_body(&wrong, &key)).await.status, 403);
    }
    let answer = site.post("/v1/enrol", &[], &enrol_body(&code, &key)).await;
    assert_eq!(answer.told(), too_many("60"));
    // Another code of another person is another matter.
    let other = site.code(site.chen).await;
    assert_eq!(site.post("/v1/enrol", &[], &enrol_body(&other, &key)).await.status, 200);
}

#[tokio::test]
async fn enrolments_and_tokens_of_an_address_wait_in_their_turn() {
    let site = Site::new().await;
    let enrol = json!({ "code": "", "public_key": "", "device_name": "x" });
    let token = json!({ "person": 1, "device": 1, "nonce": "", "signature": "" });
    for (gate, path, body, wait) in [
        (Gate::EnrolAddress, "/v1/enrol", enrol, "2"),
        (Gate::TokenAddress, "/v1/token", token, "1"),
    ] {
        for _ in 0..gate.numbers().0 {
            let answer = site.post_from("203.0.113.1", "", path, &body).await;
            assert!(matches!(answer.status, 400 | 401), "{path} {}", answer.status);
        }
        let answer = site.post_from("203.0.113.1", "", path, &body).await;
        assert_eq!(answer.told(), too_many(wait), "{path}");
        let other = site.post_from("203.0.113.2", "", path, &body).await;
        assert!(matches!(other.status, 400 | 401), "{path}");
    }
    let sign_in = json!({ "login": "", "password": "" });
    for n in 0..Gate::SignInAddress.numbers().0 {
        let login = json!({ "login": format!("nobody {n}"), "password": "" });
        let answer = site.post_from("203.0.113.1", "", "/v1/office/sign-in", &login).await;
        assert_eq!(answer.status, 401);
    }
    let answer = site.post_from("203.0.113.1", "", "/v1/office/sign-in", &sign_in).await;
    assert_eq!(answer.told(), too_many("5"));
}

#[tokio::test]
async fn nobody_uses_up_a_devices_tokens_who_has_not_its_key() {
    let site = Site::new().await;
    let wang = site.phone(site.wang, 1).await;
    let nonce = site.nonce().await;
    let forged = Phone { key: SigningKey::from_bytes(&[9; 32]), ..site.phone(site.wang, 2).await };
    let forged = Phone { device: wang.device, ..forged }.token_body(&nonce);
    let (burst, _) = Gate::TokenDevice.numbers();
    for _ in 0..=burst {
        assert_eq!(site.post("/v1/token", &[], &forged).await.status, 401);
    }
    let body = wang.token_body(&nonce);
    for _ in 0..burst {
        assert_eq!(site.post("/v1/token", &[], &body).await.status, 200);
    }
    assert_eq!(site.post("/v1/token", &[], &body).await.told(), too_many("10"));
}
