//! Phones, their accounts, and what befalls them, by the office's API.

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
        ("locked_at", Value::Null),
        ("lost_at", Value::Null),
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

async fn acts(site: &Site, like: &'static str) -> Vec<(Option<u32>, String)> {
    sqlx::query_as("select person, act from audit where act like ? order by id")
        .bind(like)
        .fetch_all(site.world.app.db.reader())
        .await
        .expect("reads")
}

#[tokio::test]
async fn an_administrator_locks_and_unlocks_a_phone_and_says_that_it_is_lost_or_found() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let root = site.desk("root").await;
    let at = "2026-09-21T14:13:20.000Z";
    for (shut, code, member, opened) in [
        ("lock", "device_locked", "locked_at", "unlock"),
        ("lost", "device_lost", "lost_at", "found"),
    ] {
        let path = |action: &str| format!("/v1/devices/{}/{action}", phone.device);
        let mut standing = json!({ "device": phone.device, "revoked_at": null, "locked_at": null,
            "lost_at": null });
        let open = standing.clone();
        standing[member] = json!(at);
        let answer = site.post(&path(shut), &root.writes(shut), &json!({})).await;
        assert_eq!(answer.told(), (200, standing.clone()), "{shut}");
        let list = site.get("/v1/devices?site=7", &root.reads()).await.json();
        assert_eq!(list["items"][0][member], at);
        // Its next request is refused, within the life of its token and for a new one.
        let refused = site.get("/v1/poke", &[("authorization", &bearer)]).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (401, json!(code)));
        let body = phone.token_body(&site.nonce().await);
        let refused = site.post("/v1/token", &[], &body).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (401, json!(code)));
        // The same request again: the same answer, and nothing is done twice.
        let again = site.post(&path(shut), &root.writes(shut), &json!({})).await;
        assert_eq!(again.told(), (200, standing));
        let answer = site.post(&path(opened), &root.writes(opened), &json!({})).await;
        assert_eq!(answer.told(), (200, open), "{opened}");
        site.bearer(&phone).await;
    }
    let by_root = |act: &str| (Some(site.root.0), act.to_owned());
    assert_eq!(
        acts(&site, "device_%").await[1..],
        ["device_locked", "device_unlocked", "device_lost", "device_found"].map(by_root)
    );
}

#[tokio::test]
async fn nobody_but_an_administrator_of_its_persons_site_says_what_befalls_a_phone() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let (desk, root) = (site.desk("chen").await, site.desk("root").await);
    for action in ["lock", "unlock", "lost", "found"] {
        let path = format!("/v1/devices/{}/{action}", phone.device);
        let answer = site.post(&path, &desk.writes(action), &json!({})).await;
        assert_eq!(answer.told(), problem(403, "forbidden", "没有权限"), "{action}");
        let nobody = site.post(&path, &[("idempotency-key", "1")], &json!({})).await;
        assert_eq!(nobody.told(), problem(401, "not_signed_in", "请先登录"), "{action}");
        let keyless = site.post(&path, &root.writes("1")[..2], &json!({})).await;
        assert_eq!(keyless.json()["code"], "idempotency_key_missing", "{action}");
        // Neither a device of nobody nor a cookie session, which is a device too.
        for device in ["99", "2", "x"] {
            let path = format!("/v1/devices/{device}/{action}");
            let answer = site.post(&path, &root.writes(device), &json!({})).await;
            assert_eq!(answer.told(), problem(404, "not_found", "没有找到"), "{path}");
        }
    }
    assert_eq!(acts(&site, "device_%").await.len(), 1, "only the enrolment");
    site.bearer(&phone).await;
}
