//! The account of a day over HTTP and as a page: who sees it, what stands in it, its closing.

use axum::body::Body;
use axum::http::{Method, header};
use serde_json::{Value, json};
use sync_core::model::id::DeviceId;

use super::{Answer, Desk, PASSWORD, Site, problem, problem_with, request};
use crate::people::grant::NewGrant;
use crate::people::{directory, grant, password};
use crate::testing::{START_MS, Seeded};
use sync_core::model::person::Role;

const DAY: &str = "/v1/account/days/2026-09-21";
const CLOSE: &str = "/v1/account/days/2026-09-21/close";
const REOPEN: &str = "/v1/account/days/2026-09-21/reopen";

/// Wang's phone: 1 to 4 accepted, 5 held, 6 of yesterday, 7 refused, 8 and 9 told of and not come.
async fn filled(site: &Site) -> DeviceId {
    let device = site.phone(site.wang, 1).await.device;
    let mut conn = site.world.write().await;
    for sql in [
        "insert into receipt (device, from_number, to_number, person, outcome, receipt_sequence)
         values (?1, 1, 4, 1, 'entered', 1), (?1, 5, 5, 1, 'held', 2), (?1, 6, 6, 1, 'entered', 3),
           (?1, 7, 7, 1, 'refused', 4)",
        "insert into account_day_row (device, from_number, to_number, person, site, day, dated)
         values (?1, 1, 3, 1, 7, '2026-09-21', 'written'), (?1, 4, 5, 1, 7, '2026-09-21', 'received'),
           (?1, 6, 6, 1, 7, '2026-09-20', 'written'), (?1, 7, 7, 1, 7, '2026-09-21', 'written'),
           (?1, 8, 9, 1, 7, '2026-09-21', 'told')",
        "update device set highest_number = 9, unsent = 2, contact_ms = 1790000001000
         where device = ?1",
    ] {
        sqlx::query(sql).bind(device.0).execute(&mut *conn).await.expect("writes");
    }
    conn.commit().await.expect("commits");
    device
}

fn sums() -> Value {
    json!({ "saved": 8, "accepted": 4, "held": 1, "refused": 1, "on_phone": 2 })
}

impl Site {
    /// One more of the desk.
    async fn clerk(&self, login: &str, name: &str) -> Desk {
        let act = self.world.app.act();
        let hash = password::hash(PASSWORD.to_owned(), &Seeded::new(9)).await.expect("hashed");
        let mut conn = self.world.write().await;
        let person = directory::add(&mut conn, act, name, Some(login)).await.expect("added");
        let new = NewGrant {
            person,
            role: Role::FrontDesk,
            site: super::SITE,
            from_ms: START_MS,
            to_ms: None,
            on_behalf_of: None,
        };
        grant::grant(&mut conn, act, &new).await.expect("granted");
        directory::set_password(&mut conn, act, person, &hash).await.expect("set");
        conn.commit().await.expect("commits");
        self.desk(login).await
    }

    async fn acts(&self) -> Vec<(Option<u32>, String, String)> {
        sqlx::query_as("select person, act, detail from audit where act like 'account_day_%'")
            .fetch_all(self.world.app.db.reader())
            .await
            .expect("reads")
    }
}

/// R8.14.
#[tokio::test]
async fn a_days_account_adds_up_and_says_up_to_when_it_is_known() {
    let site = Site::new().await;
    let device = filled(&site).await;
    let desk = site.desk("chen").await;
    let mut item = json!({
        "person": site.wang, "person_name": "王建国", "device": device, "device_name": "Redmi",
        "dated_by_arrival": 2, "late": 0, "known_up_to": 9,
        "known_at": "2026-09-21T14:13:21.000Z", "is_whole": false,
        "missing": [{ "from": 8, "to": 9 }], "missing_left_out": 0,
    });
    for (name, value) in sums().as_object().expect("sums") {
        item[name] = value.clone();
    }
    let body = json!({
        "site": 7, "day": "2026-09-21", "from": "2026-09-20T16:00:00.000Z",
        "to": "2026-09-21T16:00:00.000Z", "as_of": "2026-09-21T14:13:20.000Z", "state": "open",
        "closed": null, "reopened": null, "total": sums(), "items": [item], "more": false,
        "people": {},
    });
    let answer = site.get(&format!("{DAY}?site=7"), &desk.reads()).await;
    assert_eq!(answer.told(), (200, body));
    // The day before has the one, and its phone has told since.
    let before = site.get("/v1/account/days/2026-09-20?site=7", &desk.reads()).await.json();
    assert_eq!(before["total"]["saved"], 1);
    assert_eq!(before["items"][0]["is_whole"], true);
}

#[tokio::test]
async fn the_account_is_the_offices_and_days_are_days() {
    let site = Site::new().await;
    filled(&site).await;
    let (chen, root) = (site.desk("chen").await, site.desk("root").await);
    let path = format!("{DAY}?site=7");
    let forbidden = problem(403, "forbidden", "没有权限");
    assert_eq!(site.get(&path, &[]).await.status, 401);
    assert_eq!(site.get(&format!("{DAY}?site=8"), &chen.reads()).await.told(), forbidden);
    assert_eq!(site.get(&path, &root.reads()).await.status, 200, "an administrator sees it");
    assert_eq!(site.get(DAY, &chen.reads()).await.status, 400);
    for (day, status) in
        [("2026-13-01", 404), ("x", 404), ("1969-12-31", 400), ("%2B262142-12-31", 400)]
    {
        let path = format!("/v1/account/days/{day}?site=7");
        assert_eq!(site.get(&path, &chen.reads()).await.status, status, "{day}");
    }
    let of_site = json!({ "site": 7 });
    let answer = site.post(CLOSE, &root.writes("1"), &of_site).await;
    assert_eq!(answer.told(), forbidden, "it is the desk's to close");
    let elsewhere = site.post(CLOSE, &chen.writes("2"), &json!({ "site": 8 })).await;
    assert_eq!(elsewhere.told(), forbidden);
    let tomorrow = "/v1/account/days/2026-09-22/close";
    let answer = site.post(tomorrow, &chen.writes("3"), &of_site).await;
    assert_eq!((answer.status, &answer.json()["params"]["why"]), (422, &json!("day_not_begun")));
    let with_reason = json!({ "site": 7, "reason": "漏了" });
    let answer = site.post(REOPEN, &chen.writes("4"), &with_reason).await;
    let why = json!({ "why": "not_closed" });
    let told = problem_with(422, "decision_refused", "不能这样处理", why);
    assert_eq!(answer.told(), told);
    let answer = site.post(REOPEN, &chen.writes("5"), &json!({ "site": 7, "reason": " " })).await;
    assert_eq!(answer.status, 422, "{:?}", answer.json());
    assert_eq!(site.post(CLOSE, &chen.reads(), &of_site).await.status, 403, "no token");
    assert_eq!(site.acts().await, [], "nothing was done");
}

/// R8.16.
#[tokio::test]
async fn a_day_is_closed_by_the_first_who_says_so_and_reopened_with_a_reason() {
    let site = Site::new().await;
    let device = filled(&site).await;
    let (chen, sun) = (site.desk("chen").await, site.clerk("sun", "孙丽").await);
    let of_site = json!({ "site": 7 });
    let first = site.post(CLOSE, &chen.writes("1"), &of_site).await;
    let closed = json!({
        "at": "2026-09-21T14:13:20.000Z", "by": site.chen, "account": sums(),
        "unknown": [{ "device": device, "known_up_to": 9,
            "known_at": "2026-09-21T14:13:21.000Z" }],
    });
    assert_eq!((first.status, &first.json()["closed"]), (200, &closed));
    assert_eq!(first.json()["state"], "closed");
    site.world.clock.pass_ms(1_000);
    let again = site.post(CLOSE, &chen.writes("1"), &of_site).await;
    assert_eq!(again.bytes, first.bytes, "the same request, the same answer");
    let second = site.post(CLOSE, &sun.writes("1"), &of_site).await;
    assert_eq!((second.status, &second.json()["closed"]), (200, &closed), "she sees the first's");
    assert_eq!(second.json()["people"], json!({ site.chen.to_string(): "陈静" }));

    let reason = json!({ "site": 7, "reason": "漏了一单" });
    let answer = site.post(REOPEN, &sun.writes("2"), &reason).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["state"]), (200, &json!("reopened")));
    assert_eq!(body["reopened"]["reason"], "漏了一单");
    assert_eq!(body["people"][body["reopened"]["by"].to_string()], "孙丽");
    let answer = site.post(CLOSE, &sun.writes("3"), &of_site).await.json();
    assert_eq!((&answer["state"], &answer["reopened"]), (&json!("closed"), &Value::Null));
    let acts = site.acts().await;
    let names: Vec<_> = acts.iter().map(|(_, act, _)| act.as_str()).collect();
    assert_eq!(names, ["account_day_closed", "account_day_reopened", "account_day_closed"]);
    assert_eq!(acts[0].0, Some(site.chen.0));
    let detail: Value = serde_json::from_str(&acts[0].2).expect("JSON");
    let expected = json!({ "site": 7, "day": "2026-09-21", "account": sums(), "unknown": 1 });
    assert_eq!(detail, expected);
}

async fn page(site: &Site, desk: &Desk, path: &str) -> String {
    let answer = site.get(path, &desk.reads()).await;
    assert_eq!(answer.status, 200, "{path}");
    String::from_utf8(answer.bytes).expect("a text")
}

fn after<'a>(page: &'a str, before: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("{before} in {page}"));
    rest.split('"').next().expect("a value")
}

async fn submit(site: &Site, desk: &Desk, page: &str, rest: &str) -> Answer {
    let action = after(page, "action=\"/office/account/");
    let csrf = after(page, "name=\"csrf\" value=\"");
    let key = after(page, "name=\"key\" value=\"");
    let body = format!("csrf={csrf}&key={key}&form=account-form&site=7&day=2026-09-21{rest}");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let headers = [(header::COOKIE.as_str(), desk.cookie.as_str()), kind];
    let path = format!("/office/account/{action}");
    site.send(request(Method::POST, &path, &headers, Body::from(body))).await
}

/// R8.16.
#[tokio::test]
async fn the_page_shows_the_day_and_its_forms_close_and_reopen_it() {
    let site = Site::new().await;
    let device = filled(&site).await;
    let (desk, root) = (site.desk("chen").await, site.desk("root").await);
    let path = "/office/account?site=7&day=2026-09-21";
    let open = page(&site, &desk, path).await;
    for text in [
        "data-state=\"open\"",
        "未结账",
        "data-count=\"on_phone\">2<",
        "data-missing=\"2\"",
        "8–9",
        "已知到第 9 条（09-21 22:13），此后未知",
        "按送到日期计的 2 条",
        "href=\"/office/account?site=7&amp;day=2026-09-20\"",
        "王建国",
    ] {
        assert!(open.contains(text), "{text} in {open}");
    }
    assert!(!page(&site, &root, path).await.contains("account-form"), "not an administrator's");
    assert!(page(&site, &desk, "/office").await.contains("href=\"/office/account\""));
    let answer = submit(&site, &desk, &open, "").await;
    assert_eq!((answer.status, answer.header("location")), (303, path));
    let closed = page(&site, &desk, path).await;
    let unknown = format!("data-unknown=\"{device}\"");
    for text in ["data-state=\"closed\"", "陈静于 09-21 22:13 结账", unknown.as_str()] {
        assert!(closed.contains(text), "{text} in {closed}");
    }
    let answer = submit(&site, &desk, &closed, "&reason=").await;
    let text = String::from_utf8(answer.bytes).expect("a text");
    assert!(answer.status == 422 && text.contains("role=\"alert\""), "{text}");
    let answer = submit(&site, &desk, &closed, "&reason=x").await;
    assert_eq!(answer.status, 303);
    let again = page(&site, &desk, path).await;
    assert!(again.contains("data-state=\"reopened\"") && again.contains("重新打开：x"), "{again}");
}
