//! Phones, their accounts, and revoking them by the office's API.

use serde_json::{Value, json};
use sync_core::model::id::DeviceId;

use super::{Site, problem};
use crate::testing::START_MS;

/// What sync writes when a phone has pushed: 31 saved, 2 of them not here yet.
async fn pushed(site: &Site, device: DeviceId) {
    let mut conn = site.world.write().await;
    sqlx::query(
        "update device set highest_number = 31, unsent = 2, contact_ms = ?, app_version = '1.0',
           oldest_unsent_wall_ms = ? where device = ?",
    )
    .bind(START_MS + 5_000)
    .bind(START_MS + 4_000)
    .bind(device.0)
    .execute(&mut *conn)
    .await
    .expect("updates");
    for (from, to, outcome) in
        [(1, 20, "entered"), (21, 26, "rewritten"), (27, 27, "refused"), (28, 29, "held")]
    {
        sqlx::query(
            "insert into receipt (device, from_number, to_number, person, outcome,
               receipt_sequence) values (?, ?, ?, ?, ?, ?)",
        )
        .bind(device.0)
        .bind(from)
        .bind(to)
        .bind(site.wang.0)
        .bind(outcome)
        .bind(from)
        .execute(&mut *conn)
        .await
        .expect("inserts");
    }
    conn.commit().await.expect("commits");
}

fn account() -> Value {
    json!({
        "person": 1, "person_name": "王建国", "saved": 31, "accepted": 26, "held": 2,
        "refused": 1, "on_phone": 2, "known_at": "2026-09-21T14:13:25.000Z",
    })
}

#[tokio::test]
async fn the_account_closes() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    pushed(&site, phone.device).await;
    let desk = site.desk("chen").await;
    let mut item = account();
    item["device"] = json!(phone.device);
    let answer = site.get("/v1/account?site=7", &desk.reads()).await;
    let body = json!({ "items": [item], "as_of": "2026-09-21T14:13:20.000Z" });
    assert_eq!(answer.told(), (200, body));
    let answer = site.get("/v1/account?site=7&person=2", &desk.reads()).await;
    assert_eq!(answer.json()["items"], json!([]));
    let answer = site.get("/v1/account?site=8", &desk.reads()).await;
    assert_eq!(answer.told(), problem(403, "forbidden", "没有权限"));
    let answer = site.get("/v1/account?site=7", &[]).await;
    assert_eq!(answer.told(), problem(401, "not_signed_in", "请先登录"));
}

#[tokio::test]
async fn phones_are_listed_with_their_accounts_and_cookie_sessions_are_not() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    pushed(&site, phone.device).await;
    let desk = site.desk("chen").await;
    let answer = site.get("/v1/devices?site=7", &desk.reads()).await;
    let mut item = account();
    for (name, value) in [
        ("device", json!(phone.device)),
        ("name", json!("Redmi")),
        ("enrolled_at", json!("2026-09-21T14:13:20.000Z")),
        ("revoked_at", Value::Null),
        ("app_version", json!("1.0")),
        ("oldest_unsent_at", json!("2026-09-21T14:13:24.000Z")),
    ] {
        item[name] = value;
    }
    assert_eq!(answer.told(), (200, json!({ "items": [item] })));
    let answer = site.get("/v1/devices?site=8", &desk.reads()).await;
    assert_eq!(answer.told(), problem(403, "forbidden", "没有权限"));
}

#[tokio::test]
async fn an_administrator_revokes_a_phone_and_nobody_else_does() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let path = format!("/v1/devices/{}/revoke", phone.device);
    let desk = site.desk("chen").await;
    let answer = site.post(&path, &desk.writes("1"), &json!({})).await;
    assert_eq!(answer.told(), problem(403, "forbidden", "没有权限"));
    let root = site.desk("root").await;
    let not_found = problem(404, "not_found", "没有找到");
    let answer = site.post("/v1/devices/99/revoke", &root.writes("1"), &json!({})).await;
    assert_eq!(answer.told(), not_found);
    let revoked = json!({ "device": phone.device, "revoked_at": "2026-09-21T14:13:20.000Z" });
    let answer = site.post(&path, &root.writes("1"), &json!({})).await;
    assert_eq!(answer.told(), (200, revoked.clone()));
    site.world.clock.pass_ms(1_000);
    let answer = site.post(&path, &root.writes("1"), &json!({})).await;
    assert_eq!(answer.told(), (200, revoked));
    let answer = site.get("/v1/poke", &[("authorization", &bearer)]).await;
    assert_eq!(answer.told(), problem(401, "device_revoked", "这台设备已停用"));
    let acts: Vec<(u32, String)> =
        sqlx::query_as("select person, detail from audit where act = 'device_revoked'")
            .fetch_all(site.world.app.db.reader())
            .await
            .expect("reads");
    assert_eq!(acts, [(site.root.0, format!("{{\"device\":{}}}", phone.device))]);
}
