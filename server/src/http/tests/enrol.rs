//! How a phone comes in, and who does not.

use ed25519_dalek::{SigningKey, VerifyingKey};
use serde_json::json;
use sync_core::model::id::DeviceId;
use sync_core::protocol::enrolment::EnrolResponse;

use super::{Phone, Site, enrol_body, problem, problem_with};
use crate::people::{device, directory};
use crate::testing::START_MS;

fn wrong_code() -> (u16, serde_json::Value) {
    problem(403, "wrong_code", "注册码不对、已用过或已过期")
}

fn not_signed_in(reason: &str) -> (u16, serde_json::Value) {
    problem_with(401, "not_signed_in", "请先登录", json!({ "reason": reason }))
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

#[tokio::test]
async fn a_code_has_five_tries_and_then_the_right_one_is_refused_too() {
    let site = Site::new().await;
    let code = site.code(site.wang).await;
    let last = if code.ends_with('A') { "B" } else { "A" };
    let wrong = format!("{}{last}", &code[..18]);
    for _ in 0..5 {
        let answer = site.post("/v1/enrol", &[], &enrol_body(&wrong, &key(1))).await;
        assert_eq!(answer.told(), wrong_code());
    }
    let answer = site.post("/v1/enrol", &[], &enrol_body(&code, &key(1))).await;
    assert_eq!(answer.told(), wrong_code());
}

#[tokio::test]
async fn four_wrong_tries_leave_one_right_one() {
    let site = Site::new().await;
    let code = site.code(site.wang).await;
    let last = if code.ends_with('A') { "B" } else { "A" };
    let wrong = format!("{}{last}", &code[..18]);
    for _ in 0..4 {
        site.post("/v1/enrol", &[], &enrol_body(&wrong, &key(1))).await;
    }
    let answer = site.post("/v1/enrol", &[], &enrol_body(&code, &key(1))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_code_enrols_one_key_and_the_same_key_may_ask_again() {
    let site = Site::new().await;
    let code = site.code(site.wang).await;
    let first = site.post("/v1/enrol", &[], &enrol_body(&code, &key(1))).await;
    assert_eq!(first.status, 200);
    let enrolled: EnrolResponse = serde_json::from_slice(&first.bytes).expect("reads");
    let installation: VerifyingKey = site.world.app.keys.installation.verifying_key();
    let certified = enrolled.certificate.verify(&installation).expect("certified");
    assert_eq!(certified, key(1).verifying_key());
    assert_eq!(enrolled.certificate.person, site.wang);
    assert_eq!(enrolled.person_name, "王建国");
    assert_eq!(enrolled.server_time_ms, START_MS);
    // The answer was lost: the same again. Another key: refused.
    let again = site.post("/v1/enrol", &[], &enrol_body(&code, &key(1))).await;
    assert_eq!(again.bytes, first.bytes);
    let other = site.post("/v1/enrol", &[], &enrol_body(&code, &key(2))).await;
    assert_eq!(other.told(), wrong_code());
}

#[tokio::test]
async fn old_replaced_and_unknown_codes_are_wrong() {
    let site = Site::new().await;
    let replaced = site.code(site.wang).await;
    let code = site.code(site.wang).await;
    for wrong in [&replaced, "", "AAAA-AAAA-AAAA-AAAA", "1"] {
        let answer = site.post("/v1/enrol", &[], &enrol_body(wrong, &key(1))).await;
        assert_eq!(answer.told(), wrong_code(), "{wrong}");
    }
    site.world.clock.pass_ms(3_600_000);
    let answer = site.post("/v1/enrol", &[], &enrol_body(&code, &key(1))).await;
    assert_eq!(answer.told(), wrong_code());
}

#[tokio::test]
async fn a_disabled_person_and_a_weak_key_do_not_enrol() {
    let site = Site::new().await;
    let code = site.code(site.wang).await;
    let malformed = problem_with(400, "malformed", "请求格式不对", json!({ "what": "public_key" }));
    for weak in ["", "AAAA", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let body = json!({ "code": code, "public_key": weak, "device_name": "x" });
        assert_eq!(site.post("/v1/enrol", &[], &body).await.told(), malformed, "{weak}");
    }
    let mut conn = site.world.write().await;
    directory::disable(&mut conn, site.world.app.act(), site.wang).await.expect("disabled");
    conn.commit().await.expect("commits");
    let answer = site.post("/v1/enrol", &[], &enrol_body(&code, &key(1))).await;
    assert_eq!(answer.told(), problem(401, "account_disabled", "账号已停用"));
}

#[tokio::test]
async fn a_nonce_may_be_signed_again_for_two_minutes_and_not_after() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let body = phone.token_body(&site.nonce().await);
    for _ in 0..2 {
        let answer = site.post("/v1/token", &[], &body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["expires_in_s"], 900);
        site.world.clock.pass_ms(60_000 - 1);
    }
    site.world.clock.pass_ms(2);
    assert_eq!(site.post("/v1/token", &[], &body).await.told(), not_signed_in("nonce"));
}

#[tokio::test]
async fn only_the_devices_own_signature_gets_a_token() {
    let site = Site::new().await;
    let wang = site.phone(site.wang, 1).await;
    let chen = site.phone(site.chen, 2).await;
    let nonce = site.nonce().await;
    let forged = [
        // Chen's key for Wang's device, Wang's key for Chen's, another nonce's, nobody's device.
        Phone { key: chen.key.clone(), ..phone_of(&wang) }.token_body(&nonce),
        Phone { key: wang.key.clone(), ..phone_of(&chen) }.token_body(&nonce),
        Phone { device: DeviceId(99), ..phone_of(&wang) }.token_body(&nonce),
        Phone { person: site.chen, ..phone_of(&wang) }.token_body(&nonce),
    ];
    for body in forged {
        assert_eq!(site.post("/v1/token", &[], &body).await.told(), not_signed_in("signature"));
    }
    let mut body = wang.token_body(&nonce);
    body["nonce"] = json!(site.nonce().await);
    assert_eq!(site.post("/v1/token", &[], &body).await.told(), not_signed_in("signature"));
    body["nonce"] = json!("AAAA");
    assert_eq!(site.post("/v1/token", &[], &body).await.told(), not_signed_in("nonce"));
}

fn phone_of(phone: &Phone) -> Phone {
    Phone { person: phone.person, device: phone.device, key: phone.key.clone() }
}

#[tokio::test]
async fn a_revoked_device_gets_no_token_and_its_token_is_good_no_more() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let mut conn = site.world.write().await;
    device::revoke(&mut conn, site.world.app.act(), phone.device).await.expect("revoked");
    conn.commit().await.expect("commits");
    let revoked = problem(401, "device_revoked", "这台设备已停用");
    let body = phone.token_body(&site.nonce().await);
    assert_eq!(site.post("/v1/token", &[], &body).await.told(), revoked);
    let answer = site.get("/v1/poke", &[("authorization", &bearer)]).await;
    assert_eq!(answer.told(), revoked);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn a_disabled_person_gets_no_token_and_its_token_is_good_no_more() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let mut conn = site.world.write().await;
    directory::disable(&mut conn, site.world.app.act(), site.wang).await.expect("disabled");
    conn.commit().await.expect("commits");
    let disabled = problem(401, "account_disabled", "账号已停用");
    let body = phone.token_body(&site.nonce().await);
    assert_eq!(site.post("/v1/token", &[], &body).await.told(), disabled);
    let answer = site.get("/v1/poke", &[("authorization", &bearer)]).await;
    assert_eq!(answer.told(), disabled);
}
