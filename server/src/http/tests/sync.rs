//! The sync route's edge: token, media type, version, device and size. What sync does is tested
//! where it is done.

use axum::body::Body;
use axum::http::Method;
use futures_util::StreamExt as _;
use serde_json::json;
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::model::person::RoleGrant;
use sync_core::model::time::BootId;
use sync_core::protocol::message::{
    ClockReading, PhoneState, ReferenceData, SyncRequest, SyncResponse,
};
use sync_core::protocol::{MEDIA_TYPE, frame};

use crate::people::directory;
use crate::testing::START_MS;

use super::{Answer, Site, problem, problem_with, request};

pub fn message(device: DeviceId) -> SyncRequest {
    SyncRequest {
        version: 1,
        device,
        clock: ClockReading { boot: BootId([1; 16]), monotonic_ms: 5, wall_ms: 6 },
        cursors: Vec::new(),
        receipts_after: 0,
        reference_version: 0,
        sessions: Vec::new(),
        state: PhoneState::default(),
        packs: Vec::new(),
        repairs: Vec::new(),
        answers: None,
    }
}

pub async fn push(site: &Site, bearer: &str, bytes: Vec<u8>) -> Answer {
    let headers = [("authorization", bearer), ("content-type", MEDIA_TYPE)];
    site.send(request(Method::POST, "/v1/sync", &headers, Body::from(bytes))).await
}

#[tokio::test]
async fn without_a_good_token_nothing_is_read() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let not_signed_in = problem(401, "not_signed_in", "请先登录");
    let altered = format!("{}x", &bearer[..bearer.len() - 1]);
    for header in ["", "Bearer", "Bearer x", "Basic eDp5", &altered] {
        let answer = push(&site, header, frame::seal(&message(phone.device))).await;
        assert_eq!(answer.told(), not_signed_in, "{header}");
    }
    site.world.clock.pass_ms(16 * 60 * 1_000);
    let answer = push(&site, &bearer, frame::seal(&message(phone.device))).await;
    assert_eq!(answer.told(), problem(401, "token_expired", "登录已过期"));
}

#[tokio::test]
async fn what_is_no_frame_of_a_spoken_version_is_refused() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let malformed =
        |what: &str| problem_with(400, "malformed", "请求格式不对", json!({ "what": what }));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/cbor")];
    let body = Body::from(frame::seal(&message(phone.device)));
    let answer = site.send(request(Method::POST, "/v1/sync", &headers, body)).await;
    assert_eq!(answer.told(), malformed("content-type"));
    assert_eq!(push(&site, &bearer, b"hello".to_vec()).await.told(), malformed("frame"));
    let spoken = json!({ "min": "1", "max": "1" });
    let not_spoken = problem_with(426, "version_not_spoken", "请更新应用", spoken);
    let newer = SyncRequest { version: 2, ..message(phone.device) };
    assert_eq!(push(&site, &bearer, frame::seal(&newer)).await.told(), not_spoken);
    // A version whose other members are of other types: {0: 2, 1: "x"}.
    let foreign = vec![0, 0xa2, 0x00, 0x02, 0x01, 0x61, 0x78];
    assert_eq!(push(&site, &bearer, foreign).await.told(), not_spoken);
    let other = message(DeviceId(99));
    let wrong_device = problem(403, "wrong_device", "设备不符");
    assert_eq!(push(&site, &bearer, frame::seal(&other)).await.told(), wrong_device);
}

#[tokio::test]
async fn a_body_of_more_than_eight_mebibytes_is_too_large() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let answer = push(&site, &bearer, vec![0; (8 << 20) + 1]).await;
    let too_large = problem_with(413, "too_large", "内容太大", json!({ "what": "body" }));
    assert_eq!(answer.told(), too_large);
    // At the limit it is read, and is no frame.
    assert_eq!(push(&site, &bearer, vec![0; 8 << 20]).await.status, 400);
}

#[tokio::test]
async fn a_first_sync_brings_the_reference_data() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let answer = push(&site, &bearer, frame::seal(&message(phone.device))).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, MEDIA_TYPE));
    let response: SyncResponse = frame::open(&answer.bytes).expect("a frame");
    assert_eq!((response.version, response.epoch, response.server_time_ms), (1, 1, START_MS));
    let reference = response.reference.expect("reference data");
    let data: ReferenceData = serde_json::from_str(&reference.json).expect("reads");
    assert_eq!(data.people[&site.wang], "王建国");
    assert_eq!(data.grants.len(), 1);
}

#[tokio::test]
async fn a_phone_that_listens_is_poked_for_what_concerns_it_only() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let headers = [("authorization", bearer.as_str())];
    let listen = request(Method::GET, "/v1/poke", &headers, Body::empty());
    let response = tower::ServiceExt::oneshot(site.router.clone(), listen).await.expect("answers");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = response.into_body().into_data_stream();

    let desk = site.desk("chen").await;
    let order = json!({
        "site": 7, "category": "public", "place": "大门", "priority": "urgent", "description": "x",
    });
    let opened = site.post("/v1/work-orders", &desk.writes("1"), &order).await;
    let record = opened.json()["record"].as_str().expect("a record").to_owned();
    // The order is the office's alone: nothing for Wang.
    let nothing = futures_util::FutureExt::now_or_never(events.next());
    assert!(nothing.is_none(), "{nothing:?}");
    let assign = format!("/v1/work-orders/{record}/assign");
    site.post(&assign, &desk.writes("2"), &json!({ "person": site.wang })).await;
    let event = events.next().await.expect("an event").expect("bytes");
    assert_eq!(event, "event: poke\ndata: something for you\n\n");
    site.world.app.close();
    assert!(events.next().await.is_none(), "the stream ends with the server");
}

/// R1.20
#[tokio::test]
async fn a_phone_holds_who_heads_which_department_of_those_who_may_come_in() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let heads = async || -> Vec<(PersonId, Option<String>)> {
        let answer = push(&site, &bearer, frame::seal(&message(phone.device))).await;
        let response: SyncResponse = frame::open(&answer.bytes).expect("a frame");
        let json = response.reference.expect("reference data").json;
        let held: ReferenceData = serde_json::from_str(&json).expect("reads");
        let head = |grant: RoleGrant| (grant.person, grant.department.map(String::from));
        held.supervisors.into_iter().map(head).collect()
    };
    let act = site.world.app.act();
    let mut conn = site.world.write().await;
    for (person, role, department) in [
        (site.chen, "supervisor", Some("cleaning")),
        (site.chen, "supervisor", None),
        (site.root, "technician", Some("engineering")),
    ] {
        sqlx::query(
            "insert into role_grant (person, role, site, from_ms, granted_epoch, granted_sequence,
               department) values (?, ?, 7, 0, 1, 0, ?)",
        )
        .bind(person.0)
        .bind(role)
        .bind(department)
        .execute(&mut *conn)
        .await
        .expect("inserts");
    }
    crate::people::reference_changed(&mut conn).await.expect("raised");
    conn.commit().await.expect("commits");
    assert_eq!(heads().await, [(site.chen, Some("cleaning".to_owned()))]);
    let mut conn = site.world.write().await;
    directory::disable(&mut conn, act, site.chen).await.expect("disabled");
    conn.commit().await.expect("commits");
    assert_eq!(heads().await, []);
}
