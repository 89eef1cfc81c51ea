//! Tables in and out over HTTP: who may, what a dry run says, contacts as commands of the desk.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use sync_core::model::contact::{ContactCreated, KIND};
use sync_core::model::person::Role;
use sync_core::protocol::frame;
use sync_core::protocol::message::{ReferenceData, SyncResponse};
use sync_core::rules::Command;

use super::sync::{message, push};
use super::{Answer, Desk, PASSWORD, SITE, Site, problem, problem_with, request};
use crate::import::Table;
use crate::people::grant::NewGrant;
use crate::people::{Act, directory, grant, password, place};
use crate::sync::{OfficeBatch, Stamp, Target};
use crate::testing::{START_MS, Seeded};

const BUILDINGS: &str = "code,name,group\n3,三号楼,2\n4,四号楼,\n";
const CONTACTS: &str = "房号,姓名,电话,关系\n3-2-1501,示例甲,000-5550-0101,业主\n\
                        3-2-1501,示例乙,000-5550-0102；000-5550-0103,\n";

pub(super) async fn upload(site: &Site, desk: &Desk, key: &str, path: &str, file: &str) -> Answer {
    let path = format!("/v1/imports/{path}");
    let file = Body::from(file.to_owned());
    site.send(request(Method::POST, &path, &desk.writes(key), file)).await
}

pub(super) async fn number(site: &Site, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(site.world.app.db.reader()).await.expect("reads")
}

pub(super) fn counts(answer: &Answer) -> [u64; 4] {
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    let body = answer.json();
    ["added", "changed", "removed", "unchanged"].map(|name| body[name].as_u64().expect("a number"))
}

pub(super) async fn give(site: &Site, name: &str, login: &str, role: Role) {
    let act = Act::at_the_machine(START_MS);
    let hash = password::hash(PASSWORD.to_owned(), &Seeded::new(9)).await.expect("hashed");
    let mut conn = site.world.write().await;
    let person = directory::add(&mut conn, act, name, Some(login)).await.expect("added");
    directory::set_password(&mut conn, act, person, &hash).await.expect("set");
    let new = NewGrant { person, role, site: SITE, from_ms: 0, to_ms: None, on_behalf_of: None };
    grant::grant(&mut conn, act, &new).await.expect("granted");
    conn.commit().await.expect("commits");
}

#[tokio::test]
async fn tables_are_an_administrators_contacts_also_the_desks_and_rosters_a_supervisors() {
    let site = Site::new().await;
    give(&site, "李强", "li", Role::Technician).await;
    give(&site, "孙丽", "sun", Role::Supervisor).await;
    let forbidden = problem(403, "forbidden", "没有权限");
    let logins = ["li", "chen", "sun", "root"];
    for table in Table::ALL {
        let mut may = Vec::new();
        for login in logins {
            let desk = site.desk(login).await;
            let path = format!("{}?site=7&dry_run=true", table.code());
            let taken = upload(&site, &desk, table.code(), &path, "x\n").await;
            let path = format!("/v1/exports/{}?site=7", table.code());
            let given = site.get(&path, &desk.reads()).await;
            assert_eq!(taken.status, given.status, "{table:?} {login}");
            if taken.status == 200 {
                may.push(login);
            } else {
                assert_eq!(taken.told(), forbidden);
            }
            let elsewhere = format!("{}?site=8", table.code());
            assert_eq!(upload(&site, &desk, "8", &elsewhere, "x\n").await.told(), forbidden);
        }
        let expected: &[&str] = match table {
            Table::Contacts => &["chen", "sun", "root"],
            Table::Roster => &["sun", "root"],
            Table::Prices => &[],
            _ => &["root"],
        };
        assert_eq!(may, expected, "{table:?}");
    }
    let nobody = site.get("/v1/exports/people?site=7", &[]).await;
    assert_eq!(nobody.status, 401);
    let root = site.desk("root").await;
    assert_eq!(upload(&site, &root, "1", "secrets?site=7", "x").await.status, 404);
    assert_eq!(upload(&site, &root, "1", "units", "x").await.status, 400);
    let [cookie, csrf, _] = root.writes("1");
    let path = "/v1/imports/units?site=7";
    let keyless = request(Method::POST, path, &[cookie, csrf], Body::from("x"));
    assert_eq!(site.send(keyless).await.status, 400);
    let unsafe_ = request(Method::POST, path, &[cookie], Body::from("x"));
    assert_eq!(site.send(unsafe_).await.status, 403);
}

#[tokio::test]
async fn a_dry_run_names_every_problem_and_an_import_with_one_changes_nothing() {
    let site = Site::new().await;
    let root = site.desk("root").await;
    let bad = format!("{BUILDINGS},五号楼,x\n3,又三号楼,\n");
    let dry = upload(&site, &root, "1", "buildings?site=7&dry_run=true", &bad).await;
    let problem =
        |row: u32, column: &str, code: &str| json!({ "row": row, "column": column, "code": code });
    let problems = [
        problem(4, "code", "missing"),
        problem(4, "group", "bad_number"),
        problem(5, "code", "twice"),
    ];
    assert_eq!((dry.status, &dry.json()["problems"]), (200, &json!(problems)));
    let refused = upload(&site, &root, "2", "buildings?site=7", &bad).await;
    let params = json!({ "problems": "3", "row": "4", "column": "code", "code": "missing" });
    let title = "表格有问题，未导入任何内容";
    assert_eq!(refused.told(), problem_with(422, "sheet_refused", title, params));
    let good = upload(&site, &root, "3", "buildings?site=7&dry_run=true", BUILDINGS).await;
    assert_eq!(counts(&good), [1, 1, 0, 0], "the unit's building is there by its code");
    assert_eq!(number(&site, "select count(*) from building").await, 1);
    let done = upload(&site, &root, "4", "buildings?site=7", BUILDINGS).await;
    let body = json!({
        "table": "buildings", "dry_run": false, "rows": 2, "added": 1, "changed": 1,
        "removed": 0, "unchanged": 0, "problems": [],
    });
    assert_eq!(done.told(), (200, body));
    // The same request again gets the same answer; the key with another sheet is refused.
    let again = upload(&site, &root, "4", "buildings?site=7", BUILDINGS).await;
    assert_eq!(again.bytes, done.bytes);
    assert_eq!(upload(&site, &root, "4", "buildings?site=7", "x").await.status, 409);
    let exported = site.get("/v1/exports/buildings?site=7", &root.reads()).await;
    assert_eq!(exported.header("content-type"), "text/csv; charset=utf-8");
    let name = exported.header("content-disposition");
    assert_eq!(name, "attachment; filename=\"buildings-7.csv\"");
    let text = String::from_utf8(exported.bytes).expect("text");
    assert_eq!(text, "\u{feff}site,code,name,group\n7,3,三号楼,2\n7,4,四号楼,\n");
    assert_eq!(counts(&upload(&site, &root, "5", "buildings?site=7", &text).await), [0, 0, 0, 2]);
    // No names are in it: nobody has to know who took it along.
    let exports = "select count(*) from audit where act = 'sheet_exported'";
    assert_eq!(number(&site, exports).await, 0);
}

#[tokio::test]
async fn a_sheet_beyond_10_mb_is_refused_before_it_is_read() {
    let site = Site::new().await;
    let root = site.desk("root").await;
    let huge = "x".repeat((10 << 20) + 1);
    assert_eq!(upload(&site, &root, "1", "units?site=7", &huge).await.status, 413);
}

#[tokio::test]
async fn contacts_are_opened_by_the_desk_once_each_and_their_export_changes_nothing() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let path = "contacts?site=7";
    let dry = upload(&site, &desk, "1", "contacts?site=7&dry_run=true", CONTACTS).await;
    assert_eq!(counts(&dry), [2, 0, 0, 0]);
    assert_eq!(number(&site, "select count(*) from contact_card").await, 0);
    let first = upload(&site, &desk, "2", path, CONTACTS).await;
    assert_eq!(counts(&first), [2, 0, 0, 0]);
    assert_eq!(upload(&site, &desk, "2", path, CONTACTS).await.bytes, first.bytes);
    // However the phones are spaced or ordered, it is the same contact.
    let spaced = "unit,name,phones\n3-2-1501,示例甲,000 5550 0101\n\
                  3-2-1501,示例乙,000-5550-0103/000-5550-0102\n3-2-1501,示例丙,\n";
    assert_eq!(counts(&upload(&site, &desk, "3", path, spaced).await), [1, 0, 0, 2]);
    let list = site.get("/v1/contacts?site=7&unit=3-2-1501", &desk.reads()).await.json();
    let items = list["items"].as_array().expect("a list");
    assert_eq!(items.len(), 3);
    let record =
        items.iter().find(|item| item["name"] == "示例甲").expect("there")["record"].clone();
    let path_of = format!("/v1/contacts/{}", record.as_str().expect("an id"));
    let fields = site.get(&path_of, &desk.reads()).await.json()["review"]["fields"].clone();
    assert_eq!(fields["relation"]["value"], "业主");
    assert_eq!(fields["phones"]["value"], json!(["000-5550-0101"]));
    let exported = site.get("/v1/exports/contacts?site=7", &desk.reads()).await;
    let text = String::from_utf8(exported.bytes).expect("text");
    assert_eq!(
        text,
        "\u{feff}unit,name,phones,relation\n3-2-1501,示例丙,,\n\
         3-2-1501,示例乙,000-5550-0102; 000-5550-0103,\n3-2-1501,示例甲,000-5550-0101,业主\n"
    );
    assert_eq!(counts(&upload(&site, &desk, "4", path, &text).await), [0, 0, 0, 3]);
    let details: Vec<(Option<u32>, String, String)> =
        sqlx::query_as("select person, act, detail from audit where act like 'sheet%' order by id")
            .fetch_all(site.world.app.db.reader())
            .await
            .expect("reads");
    let acts: Vec<&str> = details.iter().map(|(_, act, _)| act.as_str()).collect();
    assert_eq!(acts, ["sheet_imported", "sheet_imported", "sheet_exported"]);
    for (person, _, detail) in details {
        assert_eq!(person, Some(site.chen.0));
        assert!(!detail.contains("示例") && !detail.contains("5550"), "{detail}");
    }
}

#[tokio::test]
async fn problems_of_contacts_name_no_personal_data_and_nothing_is_opened() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let bad = format!(
        "{CONTACTS}9-9-999,示例丁,000-5550-0104\n3-2-1501,示例戊,call me\n\
         3-2-1501,示例甲,0005550 0101\n3-2-1501,,000\n3-2-1501,示例己,{}\n",
        "000;".repeat(11)
    );
    let dry = upload(&site, &desk, "1", "contacts?site=7&dry_run=true", &bad).await;
    let problem =
        |row: u32, column: &str, code: &str| json!({ "row": row, "column": column, "code": code });
    assert_eq!(
        dry.json()["problems"],
        json!([
            problem(4, "unit", "unit_unknown"),
            problem(5, "phones", "bad_phone"),
            problem(6, "unit", "twice"),
            problem(7, "name", "missing"),
            problem(8, "phones", "too_many"),
        ])
    );
    let refused = upload(&site, &desk, "2", "contacts?site=7", &bad).await;
    assert_eq!(refused.status, 422);
    for answer in [&dry, &refused] {
        let text = String::from_utf8_lossy(&answer.bytes);
        assert!(!text.contains("示例") && !text.contains("5550"), "{text}");
    }
    assert_eq!(number(&site, "select count(*) from record").await, 0);
}

#[tokio::test]
async fn an_administrator_imports_contacts_and_the_example_of_them() {
    let site = Site::new().await;
    let root = site.desk("root").await;
    for (key, table, sheet) in [
        ("1", "buildings", include_str!("../../../../docs/examples/buildings.csv")),
        ("2", "units", include_str!("../../../../docs/examples/units.csv")),
    ] {
        let answer = upload(&site, &root, key, &format!("{table}?site=7"), sheet).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json());
    }
    let sheet = include_str!("../../../../docs/examples/contacts.csv");
    assert_eq!(counts(&upload(&site, &root, "3", "contacts?site=7", sheet).await), [4, 0, 0, 0]);
    assert_eq!(counts(&upload(&site, &root, "4", "contacts?site=7", sheet).await), [0, 0, 0, 4]);
}

fn contact(name: &str) -> Command {
    let contact = ContactCreated {
        unit: Some("3-2-1501".to_owned()),
        name: name.to_owned(),
        phones: Vec::new(),
        relation: None,
        salt: "c2FsdA".to_owned(),
    };
    Command::CreateContact { site: SITE, contact }
}

#[tokio::test]
async fn a_batch_is_written_whole_or_not_and_only_on_what_it_was_planned_on() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    assert_eq!(counts(&upload(&site, &desk, "1", "contacts?site=7", CONTACTS).await)[0], 2);
    let (device, session): (u32, Vec<u8>) =
        sqlx::query_as("select device, session from office_session where person = ?")
            .bind(site.chen.0)
            .fetch_one(site.world.app.db.reader())
            .await
            .expect("a session");
    let stamp = async || {
        let mut conn = site.world.app.db.reader().acquire().await.expect("a connection");
        Stamp::read(&mut conn, KIND, SITE).await.expect("reads")
    };
    let batch = |commands: Vec<(Target, Command)>, planned_on| OfficeBatch {
        person: site.chen,
        device: sync_core::model::id::DeviceId(device),
        session: sync_core::model::id::SessionId(session.clone().try_into().expect("8 bytes")),
        commands,
        planned_on,
        audit: ("sheet_imported", json!({})),
        keep: None,
    };
    let new = |name| (Target::New, contact(name));
    // Written to the contact that was opened just before it.
    let noted = (Target::Opened, Command::Note { text: "新业主".to_owned() });
    let sync = &site.world.app.sync;
    let planned_on = stamp().await;
    let orphan = sync.office_batch(batch(vec![noted.clone()], planned_on.clone())).await;
    assert!(orphan.is_err(), "nothing was opened before it");
    let denied = sync.office_batch(batch(vec![new("丙"), new(" ")], planned_on.clone()));
    assert!(denied.await.is_err(), "the second is no contact");
    assert_eq!(number(&site, "select count(*) from contact_card").await, 2, "nor is the first");
    let written = sync.office_batch(batch(vec![new("丙"), noted], planned_on.clone())).await;
    assert!(written.expect("written").is_some());
    let late = sync.office_batch(batch(vec![new("丁")], planned_on)).await;
    assert_eq!(late.expect("answers"), None, "somebody wrote meanwhile");
    assert_eq!(number(&site, "select count(*) from contact_card").await, 3);
    // What was rolled back left nothing behind that later commands stumble over.
    let next = "unit,name\n3-2-1501,戊\n";
    assert_eq!(counts(&upload(&site, &desk, "2", "contacts?site=7", next).await), [1, 0, 0, 0]);
    assert_eq!(site.world.app.sync.check().await.expect("checks").mismatches, []);
}

#[tokio::test]
async fn phones_hold_the_buildings_with_their_groups_and_the_newest_checklists() {
    let site = Site::new().await;
    let root = site.desk("root").await;
    let list = "code,name,item,text\npool,泳池,ring,救生圈\n";
    upload(&site, &root, "1", "buildings?site=7", BUILDINGS).await;
    upload(&site, &root, "2", "checklists?site=7", list).await;
    upload(&site, &root, "3", "checklists?site=7", &format!("{list}pool,泳池,water,水质\n")).await;
    let phone = site.phone(site.wang, 1).await;
    let bearer = site.bearer(&phone).await;
    let answer = push(&site, &bearer, frame::seal(&message(phone.device))).await;
    let response: SyncResponse = frame::open(&answer.bytes).expect("a frame");
    let json = response.reference.expect("reference data").json;
    let data: ReferenceData = serde_json::from_str(&json).expect("reads");
    let groups: Vec<(&str, Option<u32>)> =
        data.buildings[&SITE].iter().map(|one| (one.code.as_str(), one.group)).collect();
    assert_eq!(groups, [("3", Some(2)), ("4", None)]);
    let value: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        value["checklists"]["7"],
        json!([{ "code": "pool", "version": 2, "name": "泳池", "items": [
            { "code": "ring", "text": "救生圈" }, { "code": "water", "text": "水质" },
        ] }])
    );
}

#[tokio::test]
async fn a_grant_may_reach_one_group_and_department() {
    let site = Site::new().await;
    let root = site.desk("root").await;
    let body = json!({
        "person": site.wang, "role": "assistant", "site": 7, "group": 2,
        "department": "customer_service",
    });
    assert_eq!(site.post("/v1/grants", &root.writes("1"), &body).await.status, 201);
    let bad = json!({ "person": site.wang, "role": "assistant", "site": 7, "department": "客服" });
    assert_eq!(site.post("/v1/grants", &root.writes("2"), &bad).await.status, 400);
    let mut conn = site.world.write().await;
    let grants = grant::principal(&mut conn, site.wang).await.expect("reads").grants;
    let held: Vec<_> = grants
        .iter()
        .map(|grant| (grant.group, grant.department.as_ref().map(|one| one.code().to_owned())))
        .collect();
    assert_eq!(held, [(None, None), (Some(2), Some("customer_service".to_owned()))]);
    assert_eq!(place::units(&mut conn, SITE).await.expect("reads").len(), 1);
}
