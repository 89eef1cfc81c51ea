//! The roster over HTTP: who may import and see it, swaps with a supervisor, deputies on time.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use sync_core::model::id::PersonId;
use sync_core::model::person::Role;
use sync_core::protocol::frame;
use sync_core::protocol::message::{ReferenceData, SyncRequest, SyncResponse};

use super::sync::{message, push};
use super::{Answer, Desk, PASSWORD, SITE, Site, problem, problem_with, request};
use crate::people::grant::NewGrant;
use crate::people::{directory, grant, password};
use crate::testing::{START_MS, Seeded};

const SHEET: &str = "date,duty,from,to,person,rank\n\
                     2026-09-22,security,08:00,20:00,4,1\n\
                     2026-09-22,security,20:00,08:00,5,1\n\
                     2026-09-23,security,08:00,20:00,4,1\n\
                     2026-09-23,duty_operator,20:00,08:00,8,1\n";

/// The site with guards 4 `li` and 5 `zhao`, supervisors 6 `sun` and 7 `qian`, and the operator 8.
async fn site() -> Site {
    let site = Site::new().await;
    let act = site.world.app.act();
    let hash = password::hash(PASSWORD.to_owned(), &Seeded::new(9)).await.expect("hashed");
    let mut conn = site.world.write().await;
    for (name, login, role) in [
        ("李强", "li", Role::Security),
        ("赵敏", "zhao", Role::Security),
        ("孙丽", "sun", Role::Supervisor),
        ("钱进", "qian", Role::Supervisor),
        ("周平", "zhou", Role::DutyOperator),
    ] {
        let person = directory::add(&mut conn, act, name, Some(login)).await.expect("added");
        directory::set_password(&mut conn, act, person, &hash).await.expect("set");
        give(&mut conn, person, role).await;
    }
    conn.commit().await.expect("commits");
    site
}

async fn give(conn: &mut sqlx::SqliteConnection, person: PersonId, role: Role) {
    let new = NewGrant { person, role, site: SITE, from_ms: 0, to_ms: None, on_behalf_of: None };
    grant::grant(conn, crate::people::Act::at_the_machine(START_MS), &new).await.expect("granted");
}

async fn upload(site: &Site, desk: &Desk, key: &str, query: &str, file: &str) -> Answer {
    let path = format!("/v1/roster/import?{query}");
    let file = Body::from(file.to_owned());
    site.send(request(Method::POST, &path, &desk.writes(key), file)).await
}

/// A site with the roster of [`SHEET`]: shifts 1 to 4.
async fn with_roster() -> Site {
    let site = site().await;
    let desk = site.desk("root").await;
    let answer = upload(&site, &desk, "sheet", "site=7", SHEET).await;
    assert_eq!((answer.status, &answer.json()["added"]), (200, &json!(4)));
    site
}

/// Whose the shifts are.
async fn people(site: &Site, desk: &Desk) -> Vec<u64> {
    let answer = site.get("/v1/roster?site=7&from=2026-09-01&to=2026-09-30", &desk.reads()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    let mut items = answer.json()["items"].as_array().expect("a list").clone();
    items.sort_by_key(|item| item["shift"].as_u64());
    items.iter().map(|item| item["person"].as_u64().expect("a number")).collect()
}

async fn audit(site: &Site) -> Vec<(Option<u32>, String)> {
    sqlx::query_as("select person, act from audit where act like 'swap%' order by id")
        .fetch_all(site.world.app.db.reader())
        .await
        .expect("reads")
}

fn why(code: &str) -> (u16, Value) {
    problem_with(422, "swap_refused", "不能这样换班", json!({ "why": code }))
}

#[tokio::test]
async fn an_import_is_for_supervisors_and_administrators_and_seen_by_the_sites_staff() {
    let site = site().await;
    let (guard, desk) = (site.desk("li").await, site.desk("chen").await);
    let forbidden = problem(403, "forbidden", "没有权限");
    for who in [&guard, &desk] {
        assert_eq!(upload(&site, who, "1", "site=7", SHEET).await.told(), forbidden);
    }
    let supervisor = site.desk("sun").await;
    assert_eq!(upload(&site, &supervisor, "1", "site=8", SHEET).await.told(), forbidden);
    let [cookie, csrf, _] = supervisor.writes("1");
    let path = "/v1/roster/import?site=7";
    let keyless = request(Method::POST, path, &[cookie, csrf], Body::from(SHEET));
    assert_eq!(site.send(keyless).await.status, 400);
    let first = upload(&site, &supervisor, "1", "site=7", SHEET).await;
    let dates = ["2026-09-22", "2026-09-23"];
    let body = json!({
        "dry_run": false, "rows": 4, "dates": dates, "added": 4, "removed": 0, "unchanged": 0,
        "problems": [],
    });
    assert_eq!(first.told(), (200, body));
    // The same request again gets the same answer; the key with another sheet is refused.
    assert_eq!(upload(&site, &supervisor, "1", "site=7", SHEET).await.bytes, first.bytes);
    assert_eq!(upload(&site, &supervisor, "1", "site=7", "x").await.status, 409);
    assert_eq!(people(&site, &guard).await, [4, 5, 4, 8]);
    let seen = "/v1/roster?site=7&from=2026-09-22&to=2026-09-22";
    let answer = site.get(seen, &guard.reads()).await.json();
    assert_eq!(
        answer["items"][1],
        json!({
            "shift": 2, "date": "2026-09-22", "duty": "security", "person": 5, "rank": 1,
            "from": "2026-09-22T12:00:00.000Z", "to": "2026-09-23T00:00:00.000Z",
        })
    );
    assert_eq!(answer["people"], json!({ "4": "李强", "5": "赵敏" }));
    let long = "/v1/roster?site=7&from=2026-09-22&to=2028-09-22";
    assert_eq!(site.get(long, &guard.reads()).await.status, 400);
}

#[tokio::test]
async fn a_dry_run_names_every_problem_and_an_import_with_one_changes_nothing() {
    let site = site().await;
    let desk = site.desk("root").await;
    let sheet = format!("{SHEET}2026-09-24,gate,08:00,20:00,4,1\n2026-09-24,desk,1,20:00,99,1\n");
    let dry = upload(&site, &desk, "1", "site=7&dry_run=true", &sheet).await;
    let problem =
        |row: u32, column: &str, code: &str| json!({ "row": row, "column": column, "code": code });
    let problems = [problem(6, "duty", "unknown_duty"), problem(7, "from", "bad_time")];
    assert_eq!((dry.status, &dry.json()["problems"]), (200, &json!(problems)));
    let refused = upload(&site, &desk, "2", "site=7", &sheet).await;
    let params = json!({ "problems": "2", "row": "6", "column": "duty", "code": "unknown_duty" });
    let title = "表格有问题，未导入任何内容";
    assert_eq!(refused.told(), problem_with(422, "sheet_refused", title, params));
    let good = upload(&site, &desk, "3", "site=7&dry_run=true", SHEET).await;
    assert_eq!((&good.json()["added"], &good.json()["problems"]), (&json!(4), &json!([])));
    assert!(people(&site, &desk).await.is_empty());
}

#[tokio::test]
async fn the_export_can_be_imported_again_and_that_changes_nothing() {
    let site = with_roster().await;
    let desk = site.desk("sun").await;
    let path = "/v1/roster.csv?site=7&from=2026-09-22&to=2026-09-23";
    let sheet = site.get(path, &desk.reads()).await;
    assert_eq!(sheet.header("content-type"), "text/csv; charset=utf-8");
    let text = String::from_utf8(sheet.bytes).expect("text");
    assert!(text.starts_with("\u{feff}date,duty,from,to,person,rank,name\n"), "{text}");
    let again = upload(&site, &desk, "1", "site=7", &text).await.json();
    let counts = ["added", "removed", "unchanged"].map(|name| again[name].clone());
    assert_eq!(counts, [json!(0), json!(0), json!(4)]);
    let guard = site.desk("li").await;
    assert_eq!(site.get(path, &guard.reads()).await.status, 403);
}

/// R0.12
#[tokio::test]
async fn a_swap_changes_nothing_before_another_supervisor_approves_it() {
    let site = with_roster().await;
    let (li, sun) = (site.desk("li").await, site.desk("sun").await);
    let asks = json!({ "shift": 1, "with_shift": 2, "reason": "看病" });
    let proposed = site.post("/v1/roster/swaps", &li.writes("1"), &asks).await;
    assert_eq!(proposed.told(), (201, json!({ "swap": 1, "state": "proposed" })));
    let again = site.post("/v1/roster/swaps", &li.writes("1"), &asks).await;
    assert_eq!(again.bytes, proposed.bytes, "the same request makes no second swap");
    assert_eq!(people(&site, &sun).await, [4, 5, 4, 8]);
    let approve = "/v1/roster/swaps/1/approve";
    for (who, key) in [("li", "2"), ("zhao", "2"), ("chen", "2")] {
        let answer = site.post(approve, &site.desk(who).await.writes(key), &json!({})).await;
        assert_eq!(answer.told(), why("not_another_supervisor"), "{who}");
    }
    for key in ["1", "2"] {
        let answer = site.post(approve, &sun.writes(key), &json!({})).await;
        assert_eq!(answer.told(), (200, json!({ "swap": 1, "state": "approved" })), "{key}");
    }
    assert_eq!(people(&site, &sun).await, [5, 4, 4, 8], "approving twice swaps once");
    for end in ["reject", "withdraw"] {
        let body = if end == "reject" { json!({ "reason": "不行" }) } else { json!({}) };
        let who = if end == "reject" { &sun } else { &li };
        let path = format!("/v1/roster/swaps/1/{end}");
        assert_eq!(site.post(&path, &who.writes(end), &body).await.told(), why("closed"));
    }
    let acts = [(Some(4), "swap_proposed".to_owned()), (Some(6), "swap_approved".to_owned())];
    assert_eq!(audit(&site).await, acts);
    let list = site.get("/v1/roster/swaps?site=7&state=approved", &li.reads()).await.json();
    assert_eq!(
        list["items"],
        json!([{
            "swap": 1, "site": 7, "shift": 1, "from_person": 4, "with_shift": 2, "to_person": 5,
            "reason": "看病", "state": "approved", "proposed_by": 4, "decided_by": 6,
            "proposed_at": "2026-09-21T14:13:20.000Z", "decided_at": "2026-09-21T14:13:20.000Z",
            "decision_reason": null,
        }])
    );
}

/// R0.12
#[tokio::test]
async fn a_supervisor_who_is_concerned_or_stands_in_for_one_concerned_does_not_approve() {
    let site = with_roster().await;
    let mut conn = site.world.write().await;
    // Sun is a guard too; Li is a supervisor on Sun's behalf.
    give(&mut conn, PersonId(6), Role::Security).await;
    let deputy = NewGrant {
        person: PersonId(8),
        role: Role::Supervisor,
        site: SITE,
        from_ms: START_MS,
        to_ms: None,
        on_behalf_of: Some(PersonId(6)),
    };
    grant::grant(&mut conn, site.world.app.act(), &deputy).await.expect("granted");
    conn.commit().await.expect("commits");
    let (sun, zhou, qian) =
        (site.desk("sun").await, site.desk("zhou").await, site.desk("qian").await);
    let asks = json!({ "shift": 1, "to_person": 6, "reason": "看病" });
    assert_eq!(site.post("/v1/roster/swaps", &sun.writes("1"), &asks).await.status, 201);
    let approve = "/v1/roster/swaps/1/approve";
    for who in [&sun, &zhou] {
        let answer = site.post(approve, &who.writes("2"), &json!({})).await;
        assert_eq!(answer.told(), why("not_another_supervisor"));
    }
    assert_eq!(site.post(approve, &qian.writes("2"), &json!({})).await.status, 200);
    assert_eq!(people(&site, &sun).await, [6, 5, 4, 8]);
}

#[tokio::test]
async fn what_is_rejected_or_withdrawn_is_not_approved() {
    let site = with_roster().await;
    let (li, sun) = (site.desk("li").await, site.desk("sun").await);
    let asks = json!({ "shift": 1, "to_person": 5, "reason": "看病" });
    for (id, end, who, body) in
        [(1, "reject", &sun, json!({ "reason": "人手不够" })), (2, "withdraw", &li, json!({}))]
    {
        // Zhao has the night after: touching is no overlap.
        let key = format!("ask {id}");
        let asked = site.post("/v1/roster/swaps", &li.writes(&key), &asks).await;
        assert_eq!(asked.json()["swap"], id);
        let path = format!("/v1/roster/swaps/{id}/{end}");
        assert_eq!(site.post(&path, &who.writes(&path), &body).await.status, 200);
        let approve = format!("/v1/roster/swaps/{id}/approve");
        assert_eq!(
            site.post(&approve, &sun.writes(&approve), &json!({})).await.told(),
            why("closed")
        );
    }
    let empty = json!({ "reason": " " });
    let reject = site.post("/v1/roster/swaps/1/reject", &sun.writes("x"), &empty).await;
    assert_eq!((reject.status, &reject.json()["params"]["denial"]), (422, &json!("text_empty")));
    assert_eq!(people(&site, &sun).await, [4, 5, 4, 8]);
    let acts: Vec<String> = audit(&site).await.into_iter().map(|(_, act)| act).collect();
    assert_eq!(acts, ["swap_proposed", "swap_rejected", "swap_proposed", "swap_withdrawn"]);
}

/// R0.13
#[tokio::test]
async fn a_swap_that_cannot_be_is_refused_with_its_reason() {
    let site = with_roster().await;
    let act = site.world.app.act();
    let sun = site.desk("sun").await;
    let ask = async |desk: &Desk, asks: Value| {
        let key = asks.to_string();
        let body = {
            let mut body = asks;
            body["reason"] = json!("看病");
            body
        };
        site.post("/v1/roster/swaps", &desk.writes(&key), &body).await.told()
    };
    let zhao = site.desk("zhao").await;
    assert_eq!(ask(&zhao, json!({ "shift": 1, "to_person": 8 })).await, why("not_yours"));
    assert_eq!(ask(&sun, json!({ "shift": 1, "to_person": 4 })).await, why("same_person"));
    // Wang is no guard; Zhou is none either, so Li cannot have the operator's night for it.
    assert_eq!(ask(&sun, json!({ "shift": 1, "to_person": 1 })).await, why("role_missing"));
    assert_eq!(ask(&sun, json!({ "shift": 1, "with_shift": 4 })).await, why("role_missing"));
    assert_eq!(ask(&sun, json!({ "shift": 99, "to_person": 5 })).await.0, 404);
    assert_eq!(ask(&sun, json!({ "shift": 1, "with_shift": 99 })).await.0, 404);
    assert_eq!(ask(&sun, json!({ "shift": 1 })).await.0, 400);
    assert_eq!(ask(&sun, json!({ "shift": 1, "with_shift": 2, "to_person": 5 })).await.0, 400);
    let more = "date,duty,from,to,person,rank\n2026-09-24,security,08:00,20:00,4,1\n\
                2026-09-24,security,19:00,23:00,5,1\n";
    let root = site.desk("root").await;
    assert_eq!(upload(&site, &root, "more", "site=7", more).await.status, 200);
    assert_eq!(ask(&sun, json!({ "shift": 5, "to_person": 5 })).await, why("overlap"));
    assert_eq!(ask(&sun, json!({ "shift": 5, "with_shift": 6 })).await.0, 201);
    let mut conn = site.world.write().await;
    directory::disable(&mut conn, act, PersonId(5)).await.expect("disabled");
    conn.commit().await.expect("commits");
    assert_eq!(ask(&sun, json!({ "shift": 3, "to_person": 5 })).await, why("person_disabled"));
    // What held when it was proposed is asked again when it is approved.
    let approve = "/v1/roster/swaps/1/approve";
    let answer = site.post(approve, &sun.writes("1"), &json!({})).await;
    assert_eq!(answer.told(), why("person_disabled"));
}

/// R0.13
#[tokio::test]
async fn a_shift_that_has_begun_is_not_swapped_not_even_if_it_was_asked_before() {
    let site = with_roster().await;
    let asks = json!({ "shift": 1, "to_person": 5, "reason": "看病" });
    let li = site.desk("li").await;
    assert_eq!(site.post("/v1/roster/swaps", &li.writes("1"), &asks).await.status, 201);
    // 22 September, 08:00 in Shanghai, less a millisecond.
    let until_begin_ms = 1_790_035_200_000 - START_MS;
    site.world.clock.pass_ms(until_begin_ms - 1);
    let (li, sun) = (site.desk("li").await, site.desk("sun").await);
    assert_eq!(site.post("/v1/roster/swaps", &li.writes("2"), &asks).await.status, 201);
    site.world.clock.pass_ms(1);
    let late = site.post("/v1/roster/swaps", &li.writes("3"), &asks).await;
    assert_eq!(late.told(), why("shift_begun"));
    let late = site.post("/v1/roster/swaps/1/approve", &sun.writes("3"), &json!({})).await;
    assert_eq!(late.told(), why("shift_begun"));
    assert_eq!(people(&site, &sun).await, [4, 5, 4, 8]);
}

/// R0.13
#[tokio::test]
async fn a_swap_of_a_shift_that_changed_meanwhile_is_overtaken() {
    let site = with_roster().await;
    let (li, sun) = (site.desk("li").await, site.desk("sun").await);
    let asks = |shift: u32| json!({ "shift": shift, "to_person": 5, "reason": "看病" });
    for (key, shift) in [("1", 1), ("2", 1), ("3", 3)] {
        let asked = site.post("/v1/roster/swaps", &li.writes(key), &asks(shift)).await;
        assert_eq!(asked.status, 201);
    }
    let approved = site.post("/v1/roster/swaps/2/approve", &sun.writes("1"), &json!({})).await;
    assert_eq!(approved.status, 200);
    let sheet = "date,duty,from,to,person,rank\n2026-09-23,security,09:00,20:00,4,1\n";
    assert_eq!(upload(&site, &sun, "sheet", "site=7", sheet).await.status, 200);
    let list = site.get("/v1/roster/swaps?site=7", &sun.reads()).await.json();
    let states: Vec<&Value> =
        list["items"].as_array().expect("a list").iter().map(|item| &item["state"]).collect();
    assert_eq!(states, ["overtaken", "approved", "overtaken"]);
    let late = site.post("/v1/roster/swaps/1/approve", &sun.writes("9"), &json!({})).await;
    assert_eq!(late.told(), why("closed"));
}

/// What a phone holds after a sync that finds it without reference data.
async fn reference(
    site: &Site,
    bearer: &str,
    device: sync_core::model::id::DeviceId,
) -> ReferenceData {
    let answer = push(site, bearer, frame::seal(&message(device))).await;
    let response: SyncResponse = frame::open(&answer.bytes).expect("a frame");
    serde_json::from_str(&response.reference.expect("reference data").json).expect("reads")
}

#[tokio::test]
async fn phones_of_the_site_hold_yesterday_to_eight_days_ahead_and_hear_of_an_approved_swap() {
    let site = with_roster().await;
    let root = site.desk("root").await;
    // It is the 21st at the site: the 20th to the 29th are held, with what reaches into them.
    let more = "date,duty,from,to,person,rank\n2026-09-19,security,08:00,20:00,4,1\n\
                2026-09-19,security,20:00,08:00,5,1\n2026-09-29,security,22:00,23:00,4,1\n\
                2026-09-30,security,00:00,01:00,4,1\n";
    assert_eq!(upload(&site, &root, "more", "site=7", more).await.status, 200);
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let held = reference(&site, &bearer, phone.device).await;
    let dates = |data: &ReferenceData| -> Vec<i64> {
        data.roster[&SITE].iter().map(|shift| shift.id).collect()
    };
    assert_eq!(dates(&held), [6, 1, 2, 3, 4, 7]);
    let asks = json!({ "shift": 1, "to_person": 5, "reason": "看病" });
    let (li, sun) = (site.desk("li").await, site.desk("sun").await);
    site.post("/v1/roster/swaps", &li.writes("1"), &asks).await;
    site.post("/v1/roster/swaps/1/approve", &sun.writes("1"), &json!({})).await;
    let swapped = reference(&site, &bearer, phone.device).await;
    let whose = |data: &ReferenceData| data.roster[&SITE][1].person;
    assert_eq!((whose(&held), whose(&swapped)), (PersonId(4), PersonId(5)));
}

/// R0.5
#[tokio::test]
async fn a_deputys_rights_begin_and_end_on_time_and_the_audit_log_has_both_ends() {
    let site = site().await;
    let (root, li) = (site.desk("root").await, site.desk("li").await);
    let body = json!({
        "person": 4, "role": "supervisor", "site": 7, "on_behalf_of": 6,
        "from": "2026-09-21T23:00:00+08:00", "to": "2026-09-22T00:00:00+08:00",
    });
    let forbidden = problem(403, "forbidden", "没有权限");
    assert_eq!(site.post("/v1/grants", &li.writes("1"), &body).await.told(), forbidden);
    let granted = site.post("/v1/grants", &root.writes("1"), &body).await;
    assert_eq!(granted.told(), (201, json!({ "grant": 9 })));
    assert_eq!(site.post("/v1/grants", &root.writes("1"), &body).await.bytes, granted.bytes);
    let own = json!({ "person": 4, "role": "supervisor", "site": 7, "on_behalf_of": 4 });
    assert_eq!(site.post("/v1/grants", &root.writes("2"), &own).await.status, 400);
    let detail: String =
        sqlx::query_scalar("select detail from audit where act = 'role_granted' order by id desc")
            .fetch_one(site.world.app.db.reader())
            .await
            .expect("reads");
    let detail: Value = serde_json::from_str(&detail).expect("JSON");
    assert_eq!(
        detail,
        json!({
            "grant": 9, "person": 4, "role": "supervisor", "site": 7, "on_behalf_of": 6,
            "from_ms": 1_790_002_800_000_i64, "to_ms": 1_790_006_400_000_i64,
        })
    );
    // The phone has the grant with both ends before it begins; the server opens the office of the
    // site to it for that hour only.
    let phone = site.phone(PersonId(4), 1).await;
    let bearer = site.bearer(&phone).await;
    let held = reference(&site, &bearer, phone.device).await;
    let deputy = held.grants.iter().find(|grant| grant.role == Role::Supervisor).expect("held");
    assert_eq!((deputy.on_behalf_of, deputy.to_ms), (Some(PersonId(6)), Some(1_790_006_400_000)));
    let mut passed = 0;
    for (at_ms, opens) in [
        (1_790_002_800_000 - 1, false),
        (1_790_002_800_000, true),
        (1_790_006_400_000 - 1, true),
        (1_790_006_400_000, false),
    ] {
        site.world.clock.pass_ms(at_ms - START_MS - passed);
        passed = at_ms - START_MS;
        let li = site.desk("li").await;
        let status = upload(&site, &li, "x", "site=7&dry_run=true", SHEET).await.status;
        assert_eq!(status, if opens { 200 } else { 403 }, "{at_ms}");
        let bearer = site.bearer(&phone).await;
        let request = SyncRequest { reference_version: 99, ..message(phone.device) };
        let answer = push(&site, &bearer, frame::seal(&request)).await;
        let response: SyncResponse = frame::open(&answer.bytes).expect("a frame");
        let office = response
            .cursors
            .iter()
            .any(|cursor| cursor.audience == sync_core::model::audience::Audience::Office(SITE));
        assert_eq!(office, opens, "{at_ms}");
    }
}
