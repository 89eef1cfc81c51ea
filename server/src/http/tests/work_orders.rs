//! Work orders and contacts by the office's API: refusals, commands, lists.

use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::model::person::Role;

use super::{Answer, Desk, SITE, Site, problem, problem_with};
use crate::people::{grant, place};
use crate::testing::START_MS;

fn order() -> Value {
    json!({
        "site": 7, "category": "household", "unit": "3-2-1501", "priority": "urgent",
        "description": "厨房水管漏水",
    })
}

impl Site {
    async fn write(&self, desk: &Desk, path: &str, key: &str, body: &Value) -> Answer {
        self.post(path, &desk.writes(key), body).await
    }

    async fn opened(&self, desk: &Desk, key: &str) -> String {
        let answer = self.write(desk, "/v1/work-orders", key, &order()).await;
        assert_eq!(answer.status, 201, "{:?}", answer.json());
        answer.json()["record"].as_str().expect("a record").to_owned()
    }
}

#[tokio::test]
async fn a_post_needs_sign_in_the_sessions_token_and_a_key_in_this_order() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let path = "/v1/work-orders";
    let answer = site.post(path, &[], &order()).await;
    assert_eq!(answer.told(), problem(401, "not_signed_in", "请先登录"));
    let answer = site.post(path, &desk.reads(), &order()).await;
    assert_eq!(answer.told(), problem(403, "cross_site", "请求来源不对，请刷新页面"));
    let without = &desk.writes("")[..2];
    let answer = site.post(path, without, &order()).await;
    assert_eq!(answer.told(), problem(400, "idempotency_key_missing", "缺少请求编号"));
    let long = "x".repeat(201);
    for key in ["", long.as_str()] {
        let answer = site.write(&desk, path, key, &order()).await;
        let params = json!({ "what": "idempotency-key" });
        assert_eq!(answer.told(), problem_with(400, "malformed", "请求格式不对", params));
    }
    let answer = site.write(&desk, path, "1", &json!({ "site": 7, "unknown": 1 })).await;
    assert_eq!((answer.status, &answer.json()["params"]["what"]), (400, &json!("body")));
}

#[tokio::test]
async fn an_order_is_opened_dispatched_and_assigned() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let opened = site.write(&desk, "/v1/work-orders", "1", &order()).await;
    let record: RecordId =
        opened.json()["record"].as_str().expect("a text").parse().expect("a record");
    let written = |n: u64| json!({ "record": record, "number": n, "cases": [] });
    assert_eq!(opened.told(), (201, written(1)));
    let path = |step: &str| format!("/v1/work-orders/{record}/{step}");
    let answer = site.write(&desk, &path("dispatch"), "2", &json!({})).await;
    assert_eq!(answer.told(), (200, written(2)));
    let answer = site.write(&desk, &path("assign"), "3", &json!({ "person": site.wang })).await;
    assert_eq!(answer.told(), (200, written(3)));
    let appointment = json!({ "field": "appointment", "value": "2026-09-22T10:00:00+08:00" });
    let answer = site.write(&desk, &path("set"), "4", &appointment).await;
    assert_eq!(answer.told(), (200, written(4)));
    let answer = site.write(&desk, &path("note"), "5", &json!({ "text": "门铃坏了" })).await;
    assert_eq!(answer.told(), (200, written(5)));

    let read = site.get(&format!("/v1/work-orders/{record}"), &desk.reads()).await;
    assert_eq!(read.status, 200);
    insta::assert_json_snapshot!(read.json());
}

#[tokio::test]
async fn a_rules_no_is_told_with_its_reason_and_nothing_is_written() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.opened(&desk, "1").await;
    let path = |step: &str| format!("/v1/work-orders/{record}/{step}");
    let denied = |params: Value| problem_with(422, "denied", "不符合规定", params);
    let answer = site.write(&desk, &path("cancel"), "2", &json!({ "reason": "" })).await;
    assert_eq!(answer.told(), denied(json!({ "denial": "text_empty", "field": "reason" })));
    let resolve = json!({ "field": "appointment", "value": "x", "reason": "y" });
    let answer = site.write(&desk, &path("resolve"), "3", &resolve).await;
    assert_eq!(answer.status, 422);
    let answer = site.write(&desk, &path("set"), "4", &json!({ "field": "x", "value": 1 })).await;
    assert_eq!(answer.told(), denied(json!({ "denial": "unknown_field", "field": "x" })));
    let close = json!({ "case": "field_conflict", "rests_on": [], "reason": "x" });
    let answer = site.write(&desk, &path("close-case"), "5", &close).await;
    assert_eq!(answer.told(), denied(json!({ "denial": "no_such_fact" })));
    // The administrator sees the office's records and may not write orders.
    let root = site.desk("root").await;
    let answer = site.write(&root, &path("cancel"), "6", &json!({ "reason": "x" })).await;
    let not_your_role = json!({ "denial": "not_your_role", "fact": "cancelled" });
    assert_eq!(answer.told(), denied(not_your_role));
    // What was refused took no number.
    let answer = site.write(&desk, &path("cancel"), "2", &json!({ "reason": "x" })).await;
    assert_eq!((answer.status, &answer.json()["number"]), (200, &json!(2)));
}

#[tokio::test]
async fn what_the_callers_office_has_not_is_not_there() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.opened(&desk, "1").await;
    let contact = json!({ "site": 7, "name": "张三" });
    let contact = site.write(&desk, "/v1/contacts", "2", &contact).await.json()["record"].clone();
    let contact = contact.as_str().expect("a record").to_owned();
    let not_found = problem(404, "not_found", "没有找到");
    let nobody = RecordId([1; 16]).to_string();
    for id in [nobody.as_str(), "x", &contact] {
        let answer = site.get(&format!("/v1/work-orders/{id}"), &desk.reads()).await;
        assert_eq!(answer.told(), not_found, "{id}");
        let path = format!("/v1/work-orders/{id}/dispatch");
        assert_eq!(site.write(&desk, &path, "3", &json!({})).await.told(), not_found, "{id}");
    }
    let path = format!("/v1/contacts/{record}");
    assert_eq!(site.get(&path, &desk.reads()).await.told(), not_found);
    // Chen's role ends: from the next request on there is nothing.
    let mut conn = site.world.write().await;
    let act = site.world.app.act();
    grant::end(&mut conn, act, site.chen, Role::FrontDesk, SITE).await.expect("ended");
    conn.commit().await.expect("commits");
    let answer = site.get(&format!("/v1/work-orders/{record}"), &desk.reads()).await;
    assert_eq!(answer.told(), not_found);
    let answer = site.get("/v1/work-orders?site=7", &desk.reads()).await;
    assert_eq!(answer.told(), problem(403, "forbidden", "没有权限"));
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_byte_for_byte() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let first = site.write(&desk, "/v1/work-orders", "k", &order()).await;
    site.world.clock.pass_ms(3_600_000);
    let again = site.write(&desk, "/v1/work-orders", "k", &order()).await;
    assert_eq!((again.status, &again.bytes), (201, &first.bytes));
    assert_eq!(count(&site, "select count(*) from record").await, 1);

    let conflict = problem(409, "idempotency_conflict", "同一请求编号的内容不同");
    let mut other = order();
    other["unit"] = json!("3-2-1502");
    let answer = site.write(&desk, "/v1/work-orders", "k", &other).await;
    assert_eq!(answer.told(), conflict);
    // The same body for another address is another request.
    let record = first.json()["record"].as_str().expect("a record").to_owned();
    let dispatch = format!("/v1/work-orders/{record}/dispatch");
    let answer = site.write(&desk, &dispatch, "k", &json!({})).await;
    assert_eq!(answer.told(), conflict);
    // Another person's key is another key.
    let root = site.desk("root").await;
    assert_eq!(site.write(&root, &dispatch, "k", &json!({})).await.status, 422);
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let first = site.write(&desk, "/v1/work-orders", "k", &order()).await;
    site.world.clock.pass_ms(24 * 3_600_000 - 1);
    let desk = site.desk("chen").await;
    let again = site.write(&desk, "/v1/work-orders", "k", &order()).await;
    assert_eq!(again.bytes, first.bytes);
    site.world.clock.pass_ms(1);
    let later = site.write(&desk, "/v1/work-orders", "k", &order()).await;
    assert_eq!(later.status, 201);
    assert_ne!(later.bytes, first.bytes);
}

#[tokio::test]
async fn two_equal_requests_at_once_are_one() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let headers = desk.writes("k");
    let body = order();
    let writes = (0..8).map(|_| site.post("/v1/work-orders", &headers, &body));
    let answers = futures_util::future::join_all(writes).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert!(answers.iter().all(|answer| answer.bytes == answers[0].bytes));
    assert_eq!(count(&site, "select count(*) from record").await, 1);
    assert_eq!(count(&site, "select count(*) from change").await, 1);
}

#[tokio::test]
async fn an_answer_another_server_gave_meanwhile_is_given_here_too() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    // Two servers on one database: their turns are apart, the row in the transaction decides.
    let mut other = site.world.app.clone();
    other.in_flight = Default::default();
    let there = crate::http::router(other);
    let headers = desk.writes("k");
    let body = order();
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(&headers);
    let post = |router: axum::Router| {
        let body = axum::body::Body::from(body.to_string());
        let request = super::request(axum::http::Method::POST, "/v1/work-orders", &all, body);
        tower::ServiceExt::oneshot(router, request)
    };
    let (one, two) = tokio::join!(post(site.router.clone()), post(there));
    let mut bodies = Vec::new();
    for response in [one.expect("answers"), two.expect("answers")] {
        assert_eq!(response.status(), 201);
        bodies.push(axum::body::to_bytes(response.into_body(), 10_000).await.expect("reads"));
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(count(&site, "select count(*) from record").await, 1);
}

async fn count(site: &Site, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(site.world.app.db.reader()).await.expect("counts")
}

/// The last two are opened in the same millisecond.
async fn five_orders(site: &Site, desk: &Desk) -> Vec<String> {
    let mut records = Vec::new();
    for n in 0..5 {
        records.push(site.opened(desk, &format!("open {n}")).await);
        site.world.clock.pass_ms(if n == 3 { 0 } else { 1_000 });
    }
    records
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items").iter();
    items.map(|item| item["record"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn the_list_is_newest_first_in_pages() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let records = five_orders(&site, &desk).await;
    let mut seen = Vec::new();
    let mut after = String::new();
    for pages in 1.. {
        let path = format!("/v1/work-orders?site=7&limit=2{after}");
        let page = site.get(&path, &desk.reads()).await.json();
        seen.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => {
                assert_eq!(pages, 3);
                break;
            }
        }
    }
    let mut by_time = records.clone();
    by_time.reverse();
    let mut equal_times = by_time[..2].to_vec();
    equal_times.sort_by_key(|id| std::cmp::Reverse(id.parse::<RecordId>().expect("an id")));
    by_time[..2].clone_from_slice(&equal_times);
    assert_eq!(seen, by_time);
}

#[tokio::test]
async fn the_list_is_filtered_by_what_is_asked_for() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let records = five_orders(&site, &desk).await;
    let dispatch = format!("/v1/work-orders/{}/dispatch", records[0]);
    site.write(&desk, &dispatch, "dispatch", &json!({})).await;
    let assign = format!("/v1/work-orders/{}/assign", records[1]);
    site.write(&desk, &assign, "assign", &json!({ "person": site.wang })).await;
    for (filter, expected) in [
        ("status=dispatched", vec![&records[0]]),
        ("assignee=1", vec![&records[1]]),
        ("unit=3-2-1502", vec![]),
        ("priority=appointed", vec![]),
        ("open_cases=true", vec![]),
        ("q=%E6%B0%B4%E7%AE%A1&status=dispatched", vec![&records[0]]),
        ("q=%25", vec![]),
        ("opened_from=2026-09-21T14:13:21Z&opened_to=2026-09-21T14:13:22Z", vec![&records[1]]),
    ] {
        let path = format!("/v1/work-orders?site=7&{filter}");
        let page = site.get(&path, &desk.reads()).await;
        assert_eq!(ids(&page.json()).iter().collect::<Vec<_>>(), expected, "{filter}");
    }
    let path = "/v1/work-orders?site=7&assignee=1";
    assert_eq!(
        site.get(path, &desk.reads()).await.told(),
        (
            200,
            json!({
                "items": [{
                    "record": records[1], "status": "opened", "title": "厨房水管漏水",
                    "category": "household", "priority": "urgent", "appointment": null,
                    "assignee": 1, "unit": "3-2-1501", "contact": null, "open_cases": 0,
                    "deviations": 0, "stated_afterwards": false, "created_at": "2026-09-21T14:13:21.000Z",
                    "changed_at": "2026-09-21T14:13:24.000Z",
                }],
                "next": null,
                "people": { "1": "王建国" },
            })
        )
    );
}

#[tokio::test]
async fn a_list_that_cannot_be_asked_for_is_refused() {
    let site = Site::new().await;
    let answer = site.get("/v1/work-orders?site=7", &[]).await;
    assert_eq!(answer.told(), problem(401, "not_signed_in", "请先登录"));
    let desk = site.desk("chen").await;
    let mut conn = site.world.write().await;
    let act = site.world.app.act();
    place::add_site(&mut conn, act, None, "别处").await.expect("added");
    conn.commit().await.expect("commits");
    for (query, status, what) in [
        ("", 400, Some("query")),
        ("?site=x", 400, Some("query")),
        ("?site=7&unknown=1", 400, Some("query")),
        ("?site=7&after=x", 400, Some("after")),
        ("?site=7&opened_from=today", 400, Some("opened_from")),
        ("?site=8", 403, None),
        ("?site=99", 403, None),
    ] {
        let answer = site.get(&format!("/v1/work-orders{query}"), &desk.reads()).await;
        assert_eq!(answer.status, status, "{query}");
        assert_eq!(answer.json()["params"]["what"].as_str(), what, "{query}");
    }
}

#[tokio::test]
async fn a_contact_is_opened_read_and_found_by_its_unit() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let body = json!({
        "site": 7, "name": "张三👨‍👩‍👧 \u{202e}x", "phones": ["13800000000"], "unit": "3-2-1501",
    });
    let opened = site.write(&desk, "/v1/contacts", "1", &body).await;
    let record = opened.json()["record"].clone();
    assert_eq!(opened.told(), (201, json!({ "record": record, "number": 1, "cases": [] })));
    let path = format!("/v1/contacts/{}", record.as_str().expect("an id"));
    let read = site.get(&path, &desk.reads()).await;
    assert_eq!((read.status, &read.json()["site"]), (200, &json!(7)));
    let fields = &read.json()["review"]["fields"];
    assert_eq!(fields["name"]["value"], body["name"]);
    assert_eq!(fields["phones"]["value"], body["phones"]);
    let salt = fields["salt"]["value"].as_str().expect("a salt");
    assert_eq!(salt.len(), 22);
    let list = site.get("/v1/contacts?site=7&unit=3-2-1501", &desk.reads()).await;
    let item = json!({ "record": record, "name": body["name"] });
    assert_eq!(list.told(), (200, json!({ "items": [item] })));
    let none = site.get("/v1/contacts?site=7&unit=1-1-101", &desk.reads()).await;
    assert_eq!(none.told(), (200, json!({ "items": [] })));
    let answer = site.get("/v1/contacts?site=8&unit=x", &desk.reads()).await;
    assert_eq!(answer.told(), problem(403, "forbidden", "没有权限"));
    let answer = site.write(&desk, "/v1/contacts", "2", &json!({ "site": 7, "name": "" })).await;
    let params = json!({ "denial": "text_empty", "field": "name" });
    assert_eq!(answer.told(), problem_with(422, "denied", "不符合规定", params));
}

#[tokio::test]
async fn what_changes_by_itself_is_judged_when_the_list_is_read() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.opened(&desk, "1").await;
    // As if a case had become due since the row was written.
    let mut conn = site.world.write().await;
    sqlx::query("update work_order set status_until_ms = ?, open_cases = 9, status = 'x'")
        .bind(START_MS + 1)
        .execute(&mut *conn)
        .await
        .expect("updates");
    conn.commit().await.expect("commits");
    let row =
        async || site.get("/v1/work-orders?site=7", &desk.reads()).await.json()["items"][0].clone();
    assert_eq!(
        (row().await["record"].as_str(), &row().await["status"]),
        (Some(record.as_str()), &json!("x"))
    );
    site.world.clock.pass_ms(1);
    assert_eq!((&row().await["status"], &row().await["open_cases"]), (&json!("opened"), &json!(0)));
}
