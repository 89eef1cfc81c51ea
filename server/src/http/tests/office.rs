//! Signing in to the office, and what its cookie is worth.

use serde_json::json;

use super::{PASSWORD, Site, problem, problem_with};
use crate::config::Config;
use crate::people::{device, directory};
use crate::testing::World;
use sync_core::model::id::DeviceId;

fn not_signed_in() -> (u16, serde_json::Value) {
    problem(401, "not_signed_in", "请先登录")
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_are_told_apart_by_nothing() {
    let site = Site::new().await;
    let wrong = problem(401, "wrong_password", "用户名或密码不对");
    for (login, password) in [("chen", "wrong horse 1"), ("nobody", PASSWORD), ("", "")] {
        let body = json!({ "login": login, "password": password });
        let answer = site.post("/v1/office/sign-in", &[], &body).await;
        assert_eq!(answer.told(), wrong, "{login}");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    let mut conn = site.world.write().await;
    directory::disable(&mut conn, site.world.app.act(), site.chen).await.expect("disabled");
    conn.commit().await.expect("commits");
    // Only who knows the password learns that the account is disabled.
    let body = json!({ "login": "chen", "password": "wrong horse 1" });
    assert_eq!(site.post("/v1/office/sign-in", &[], &body).await.told(), wrong);
    let body = json!({ "login": "chen", "password": PASSWORD });
    let answer = site.post("/v1/office/sign-in", &[], &body).await;
    assert_eq!(answer.told(), problem(401, "account_disabled", "账号已停用"));
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let site = Site::new().await;
    let body = json!({ "login": "chen", "password": PASSWORD });
    let request = super::request(
        axum::http::Method::POST,
        "/v1/office/sign-in",
        &[("content-type", "text/plain")],
        axum::body::Body::from(body.to_string()),
    );
    let malformed =
        problem_with(400, "malformed", "请求格式不对", json!({ "what": "content-type" }));
    assert_eq!(site.send(request).await.told(), malformed);
}

#[tokio::test]
async fn signing_in_gives_a_cookie_and_the_token_for_writes() {
    let site = Site::new().await;
    let body = json!({ "login": "chen", "password": PASSWORD });
    let answer = site.post("/v1/office/sign-in", &[], &body).await;
    let csrf = answer.json()["csrf_token"].clone();
    assert_eq!(
        answer.told(),
        (
            200,
            json!({
                "person": 2, "name": "陈静", "device": 1, "csrf_token": csrf,
                "expires_at": "2026-09-22T02:13:20.000Z",
            })
        )
    );
    let cookie = answer.header("set-cookie");
    let (secret, attributes) = cookie.split_once(';').expect("attributes");
    assert_eq!(secret.len(), "fieldbook=".len() + 43);
    assert_eq!(attributes, " HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
    let session = site.get("/v1/office/session", &[("cookie", secret)]).await;
    assert_eq!(session.told(), answer.told());
}

#[tokio::test]
async fn beyond_this_machine_the_cookie_is_secure() {
    let config = Config { public_url: "https://fieldbook.example".into(), ..Config::default() };
    let site = Site::of(World::with_config(config).await).await;
    let body = json!({ "login": "chen", "password": PASSWORD });
    let answer = site.post("/v1/office/sign-in", &[], &body).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-fieldbook="), "{cookie}");
    assert!(cookie.ends_with("; Max-Age=43200; Secure"), "{cookie}");
}

#[tokio::test]
async fn a_write_without_the_sessions_token_is_refused() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let cross_site = problem(403, "cross_site", "请求来源不对，请刷新页面");
    let other = site.desk("root").await;
    for csrf in ["", "x", &other.csrf] {
        let headers = [("cookie", desk.cookie.as_str()), ("x-csrf-token", csrf)];
        let answer = site.post("/v1/office/sign-out", &headers, &json!({})).await;
        assert_eq!(answer.told(), cross_site, "{csrf}");
    }
    let answer = site.post("/v1/office/sign-out", &desk.reads(), &json!({})).await;
    assert_eq!(answer.told(), cross_site);
    assert_eq!(site.get("/v1/office/session", &desk.reads()).await.status, 200);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let answer = site.post("/v1/office/sign-out", &desk.writes("1"), &json!({})).await;
    assert_eq!((answer.status, answer.bytes.len()), (204, 0));
    let cleared = "fieldbook=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0";
    assert_eq!(answer.header("set-cookie"), cleared);
    assert_eq!(site.get("/v1/office/session", &desk.reads()).await.told(), not_signed_in());
}

#[tokio::test]
async fn a_session_ends_after_two_idle_hours_or_twelve_in_all() {
    const HOUR_MS: i64 = 3_600_000;
    let site = Site::new().await;
    let idle = site.desk("chen").await;
    site.world.clock.pass_ms(2 * HOUR_MS - 1);
    assert_eq!(site.get("/v1/office/session", &idle.reads()).await.status, 200);
    site.world.clock.pass_ms(2 * HOUR_MS);
    assert_eq!(site.get("/v1/office/session", &idle.reads()).await.told(), not_signed_in());

    let busy = site.desk("chen").await;
    for _ in 0..11 {
        site.world.clock.pass_ms(HOUR_MS);
        assert_eq!(site.get("/v1/office/session", &busy.reads()).await.status, 200);
    }
    site.world.clock.pass_ms(HOUR_MS);
    assert_eq!(site.get("/v1/office/session", &busy.reads()).await.told(), not_signed_in());
}

#[tokio::test]
async fn a_new_password_a_revoked_device_and_a_disabled_person_end_the_session() {
    let site = Site::new().await;
    let act = site.world.app.act();
    let desk = site.desk("chen").await;
    let mut conn = site.world.write().await;
    directory::set_password(&mut conn, act, site.chen, "x").await.expect("set");
    conn.commit().await.expect("commits");
    assert_eq!(site.get("/v1/office/session", &desk.reads()).await.told(), not_signed_in());

    let desk = site.desk("root").await;
    let mut conn = site.world.write().await;
    device::revoke(&mut conn, act, DeviceId(2)).await.expect("revoked");
    conn.commit().await.expect("commits");
    assert_eq!(site.get("/v1/office/session", &desk.reads()).await.told(), not_signed_in());

    let desk = site.desk("root").await;
    let mut conn = site.world.write().await;
    directory::disable(&mut conn, act, site.root).await.expect("disabled");
    conn.commit().await.expect("commits");
    let disabled = problem(401, "account_disabled", "账号已停用");
    assert_eq!(site.get("/v1/office/session", &desk.reads()).await.told(), disabled);
}

#[tokio::test]
async fn a_made_up_cookie_is_nobodys() {
    let site = Site::new().await;
    for cookie in ["", "fieldbook=", "fieldbook=x", "other=x"] {
        let answer = site.get("/v1/office/session", &[("cookie", cookie)]).await;
        assert_eq!(answer.told(), not_signed_in(), "{cookie}");
    }
}
