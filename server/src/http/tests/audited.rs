//! Who did what to people, roles, devices and policies, and who took personal data away, stands in
//! the audit log. Every line of the interface's description is asked what it leaves behind: one
//! that is not in the table fails.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Method;
use ed25519_dalek::SigningKey;
use serde_json::json;

use super::{Answer, Desk, PASSWORD, Site, enrol_body, request};
use crate::http::openapi;

/// What a call leaves behind.
enum Leaves {
    /// A row of this act in the audit log, seen by calling it below.
    Row(&'static str),
    /// A row of this act, seen by another test: its file and name.
    RowSeenBy(&'static str, &'static str, &'static str),
    /// Facts in a record, which name their author, device and time for ever.
    Facts,
    /// Rows of another log that only grows.
    Log(&'static str),
    /// Nothing: it only looks, and why that is no export.
    Nothing(&'static str),
}
use Leaves::{Facts, Log, Nothing, Row, RowSeenBy};

const LOOK: &str = "a look in the course of work, at what the caller's office holds";
const ABOUT: &str = "about the interface, of nobody";
const OF_NOBODY: &str = "grants nothing that the enrolment, which has a row, had not granted";
const MODS: &str = "console/tests/mod.rs";
const ROSTER: &str = "http/tests/roster.rs";
const PROPOSED: &str = "a_swap_changes_nothing_before_another_supervisor_approves_it";
const CLOSED: &str = "what_is_rejected_or_withdrawn_is_not_approved";

const TABLE: [(&str, &str, Leaves); 60] = [
    ("get", "/healthz", Nothing(ABOUT)),
    ("get", "/v1/account", Nothing(LOOK)),
    ("get", "/v1/account/days/{day}", Nothing(LOOK)),
    ("post", "/v1/account/days/{day}/close", Row("account_day_closed")),
    ("post", "/v1/account/days/{day}/reopen", Row("account_day_reopened")),
    ("get", "/v1/cash", Nothing(LOOK)),
    ("get", "/v1/contacts", Nothing(LOOK)),
    ("post", "/v1/contacts", Facts),
    ("get", "/v1/contacts/{record}", Nothing(LOOK)),
    ("get", "/v1/devices", Nothing(LOOK)),
    ("post", "/v1/devices/{device}/found", Row("device_found")),
    ("post", "/v1/devices/{device}/lock", Row("device_locked")),
    ("post", "/v1/devices/{device}/lost", Row("device_lost")),
    ("post", "/v1/devices/{device}/revoke", Row("device_revoked")),
    ("post", "/v1/devices/{device}/unlock", Row("device_unlocked")),
    ("post", "/v1/enrol", Row("device_enrolled")),
    ("get", "/v1/exports/{table}", Row("sheet_exported")),
    ("post", "/v1/grants", Row("role_granted")),
    ("post", "/v1/grants/end", Row("role_ended")),
    ("post", "/v1/hand-in", Log("the record's facts, in their writer's name")),
    ("post", "/v1/imports/{table}", Row("sheet_imported")),
    ("get", "/v1/limits", Nothing(ABOUT)),
    ("post", "/v1/nonce", Nothing(OF_NOBODY)),
    ("get", "/v1/office/desk-cases", Nothing(LOOK)),
    ("post", "/v1/office/desk-cases/{case}/close", Log("desk_case_action")),
    (
        "get",
        "/v1/office/desk-cases/{case}/export",
        RowSeenBy(
            "desk_case_exported",
            MODS,
            "a_refused_command_is_accepted_after_all_by_its_button",
        ),
    ),
    ("post", "/v1/office/desk-cases/{case}/merge", Facts),
    (
        "post",
        "/v1/office/hand-ins",
        RowSeenBy(
            "work_handed_in",
            "../../tests/end_to_end/device_life.rs",
            "an_exported_outbox_is_imported_twice_with_the_effect_of_once",
        ),
    ),
    ("post", "/v1/office/desk-cases/{case}/return", Log("desk_case_action")),
    ("post", "/v1/office/desk-cases/{case}/undo", Log("desk_case_action")),
    ("get", "/v1/office/session", Nothing("the caller's own")),
    ("post", "/v1/office/sign-in", Row("office_signed_in")),
    ("post", "/v1/office/sign-out", Row("office_signed_out")),
    ("get", "/v1/openapi.json", Nothing(ABOUT)),
    ("get", "/v1/poke", Nothing("says only that there is something")),
    ("get", "/v1/records", Nothing(LOOK)),
    ("post", "/v1/records", Facts),
    ("get", "/v1/records/{record}", Nothing(LOOK)),
    ("post", "/v1/records/{record}/commands", Facts),
    ("get", "/v1/records/{record}/evidence", Row("evidence_exported")),
    ("get", "/v1/roster", Nothing(LOOK)),
    ("get", "/v1/roster.csv", Row("sheet_exported")),
    ("post", "/v1/roster/import", Row("roster_imported")),
    ("get", "/v1/roster/swaps", Nothing(LOOK)),
    ("post", "/v1/roster/swaps", RowSeenBy("swap_proposed", ROSTER, PROPOSED)),
    ("post", "/v1/roster/swaps/{swap}/approve", RowSeenBy("swap_approved", ROSTER, PROPOSED)),
    ("post", "/v1/roster/swaps/{swap}/reject", RowSeenBy("swap_rejected", ROSTER, CLOSED)),
    ("post", "/v1/roster/swaps/{swap}/withdraw", RowSeenBy("swap_withdrawn", ROSTER, CLOSED)),
    ("post", "/v1/sync", Facts),
    ("post", "/v1/token", Nothing(OF_NOBODY)),
    ("get", "/v1/work-orders", Nothing(LOOK)),
    ("post", "/v1/work-orders", Facts),
    ("get", "/v1/work-orders/{record}", Nothing(LOOK)),
    ("post", "/v1/work-orders/{record}/assign", Facts),
    ("post", "/v1/work-orders/{record}/cancel", Facts),
    ("post", "/v1/work-orders/{record}/close-case", Facts),
    ("post", "/v1/work-orders/{record}/dispatch", Facts),
    ("post", "/v1/work-orders/{record}/note", Facts),
    ("post", "/v1/work-orders/{record}/resolve", Facts),
    ("post", "/v1/work-orders/{record}/set", Facts),
];

#[test]
fn every_line_of_the_description_says_what_it_leaves_behind() {
    let description = serde_json::to_value(openapi()).expect("writes");
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            described.insert((method.clone(), path.clone()));
        }
    }
    let table: BTreeSet<(String, String)> =
        TABLE.iter().map(|(m, p, _)| ((*m).to_owned(), (*p).to_owned())).collect();
    let unknown: Vec<_> = described.difference(&table).collect();
    assert!(unknown.is_empty(), "say in the table what these leave behind: {unknown:?}");
    let gone: Vec<_> = table.difference(&described).collect();
    assert!(gone.is_empty(), "no such call any more: {gone:?}");
    for (method, path, leaves) in &TABLE {
        let says = match leaves {
            Log(why) | Nothing(why) => !why.is_empty(),
            // What changes something is no look.
            Facts => *method == "post",
            Row(act) | RowSeenBy(act, ..) => !act.is_empty(),
        };
        assert!(says, "{method} {path}");
    }
}

#[test]
fn what_another_test_sees_is_seen_there() {
    let source = |file: &str| {
        let path = format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    for (_, path, leaves) in &TABLE {
        let RowSeenBy(act, file, test) = leaves else { continue };
        let text = source(file);
        let body = text.split_once(&format!("async fn {test}(")).map(|(_, body)| body);
        let body = body.unwrap_or_else(|| panic!("{path}: no test {test} in {file}"));
        let body = body.split_once("\n}\n").map_or(body, |(body, _)| body);
        assert!(body.contains(act), "{path}: {test} says nothing of {act}");
    }
}

/// A site with an order, a phone and somebody of every kind that the calls need.
struct Scene {
    site: Site,
    root: Desk,
    desk: Desk,
    device: u32,
    record: String,
    calls: u32,
}

impl Scene {
    async fn new() -> Self {
        let site = Site::new().await;
        let (root, desk) = (site.desk("root").await, site.desk("chen").await);
        let device = site.phone(site.wang, 1).await.device.0;
        let order = json!({ "site": 7, "category": "household", "unit": "3-2-1501",
            "priority": "urgent", "description": "x" });
        let opened = site.post("/v1/work-orders", &desk.writes("open"), &order).await;
        let record = opened.json()["record"].as_str().expect("a record").to_owned();
        Self { site, root, desk, device, record, calls: 0 }
    }

    async fn rows(&self, act: &str) -> i64 {
        sqlx::query_scalar("select count(*) from audit where act = ?")
            .bind(act)
            .fetch_one(self.site.world.app.db.reader())
            .await
            .expect("counts")
    }

    async fn call(&mut self, method: &str, path: &str) -> Answer {
        self.calls += 1;
        let key = format!("call {}", self.calls);
        let site = &self.site;
        let root = self.root.writes(&key);
        let url =
            path.replace("{device}", &self.device.to_string()).replace("{record}", &self.record);
        match (method, path) {
            ("post", "/v1/enrol") => {
                let body =
                    enrol_body(&site.code(site.chen).await, &SigningKey::from_bytes(&[7; 32]));
                site.post(path, &[], &body).await
            }
            ("post", "/v1/office/sign-in") => {
                site.post(path, &[], &json!({ "login": "chen", "password": PASSWORD })).await
            }
            ("post", "/v1/office/sign-out") => {
                let gone = site.desk("chen").await;
                site.post(path, &gone.writes(&key), &json!({})).await
            }
            ("post", "/v1/grants") => {
                let grant = json!({ "person": site.chen, "role": "security", "site": 7 });
                site.post(path, &root, &grant).await
            }
            ("post", "/v1/grants/end") => {
                let grant = json!({ "person": site.chen, "role": "front_desk", "site": 7 });
                site.post(path, &root, &grant).await
            }
            ("post", "/v1/imports/{table}") => {
                let sheet = Body::from("code,name,group\n4,四号楼,\n");
                let url = "/v1/imports/buildings?site=7";
                site.send(request(Method::POST, url, &root, sheet)).await
            }
            ("post", "/v1/roster/import") => {
                let sheet = "date,duty,from,to,person,rank\n";
                let url = "/v1/roster/import?site=7";
                let sheet = Body::from(format!("{sheet}2026-09-22,desk,08:00,20:00,2,1\n"));
                site.send(request(Method::POST, url, &root, sheet)).await
            }
            ("get", "/v1/exports/{table}") => {
                site.get("/v1/exports/people?site=7", &self.root.reads()).await
            }
            ("get", "/v1/roster.csv") => {
                let url = "/v1/roster.csv?site=7&from=2026-09-22&to=2026-09-23";
                site.get(url, &self.root.reads()).await
            }
            ("get", "/v1/records/{record}/evidence") => site.get(&url, &self.desk.reads()).await,
            ("post", path) if path.starts_with("/v1/account/days/") => {
                let url = path.replace("{day}", "2026-09-01");
                let mut body = json!({ "site": 7 });
                if path.ends_with("/reopen") {
                    body["reason"] = json!("补送");
                }
                site.post(&url, &self.desk.writes(&key), &body).await
            }
            ("post", path) if path.starts_with("/v1/devices/") => {
                site.post(&url, &root, &json!({})).await
            }
            other => panic!("nobody says how {other:?} is called"),
        }
    }
}

#[tokio::test]
async fn every_administrative_act_and_every_export_leaves_its_row() {
    let mut scene = Scene::new().await;
    // Ending the desk's role comes last: the evidence is the desk's to see.
    let mut rows: Vec<&(&str, &str, Leaves)> =
        TABLE.iter().filter(|(_, _, leaves)| matches!(leaves, Row(_))).collect();
    rows.sort_by_key(|(_, path, _)| *path == "/v1/grants/end");
    for (method, path, leaves) in rows {
        let Row(act) = leaves else { continue };
        let before = scene.rows(act).await;
        let answer = scene.call(method, path).await;
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {text}", answer.status);
        let more = scene.rows(act).await - before;
        assert!(more >= 1, "{method} {path} leaves no row of {act}");
        // Its rows hold ids, never what people are called.
        let named: i64 = sqlx::query_scalar(
            "select count(*) from audit, person where instr(audit.detail, person.name) > 0",
        )
        .fetch_one(scene.site.world.app.db.reader())
        .await
        .expect("counts");
        assert_eq!(named, 0, "{method} {path} writes a name into the audit log");
    }
}
