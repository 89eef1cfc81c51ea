//! Patrols: one planned round made by two phones and the server without each other, and what a
//! finding opens when it arrives.

use fieldbook_server::sync::Derived;
use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::model::person::Role;
use sync_core::rules::{PlannedRound, planned_rounds};

use super::phone::{Phone, denial};
use super::stage::{SITE, START_MS, Stage, facts};

const DAY: &str = "2026-11-25";

fn point(code: &str) -> Value {
    json!({ "code": code, "name": format!("{code}号楼道"), "checklist": "stairwell",
        "tag": format!("FB:{code}") })
}

/// A plan by somebody who may, with one round of this officer on the day of the tests.
pub async fn plan(phone: &Phone, officer: u32) -> RecordId {
    let item = json!({ "item": 1, "patrol": "fire_safety", "area": "三组团", "officer": officer,
        "days": [25], "starts_at": "09:30", "checkpoints": [point("a"), point("b")] });
    let command = json!({ "command": "create_patrol_plan", "site": SITE, "month": "2026-11",
        "items": [item] });
    phone.open(command).await.record
}

/// Opens a planned round as an app does.
pub async fn open_round(phone: &Phone) -> RecordId {
    let rounds = phone.replica.rounds(DAY).await.expect("reads");
    let planned = rounds[0].planned.clone().expect("a planned one");
    let opened = phone.open(create(&planned)).await;
    assert_eq!(opened.record, planned.record, "the id follows from plan, line and day");
    opened.record
}

fn create(planned: &PlannedRound) -> Value {
    let mut command = serde_json::to_value(&planned.round).expect("writes");
    command["command"] = json!("create_round");
    command["site"] = json!(planned.site);
    command["from"] = json!(planned.from);
    command
}

async fn visit(phone: &Phone, round: RecordId, code: &str) {
    let content = json!({ "checkpoint": code, "method": "qr_code", "tag": format!("FB:{code}") });
    phone.step(round, "checkpoint_visited", content).await;
}

/// The server makes the round as its job does.
async fn derive(stage: &Stage, plan: RecordId) {
    let read = stage.app.sync.read(plan).await.expect("reads").expect("is there");
    let planned = planned_rounds(&read.2, DAY).remove(0);
    let (record, opening) = (planned.record, planned.opening());
    let follows = Box::new(move |_: Option<&_>| vec![Derived::opening(opening, START_MS)]);
    stage.app.sync.derive(record, follows).await.expect("writes");
}

/// R7.2
#[tokio::test]
async fn two_phones_and_the_server_make_the_same_planned_round_and_it_is_one_record() {
    for turn in 0..3 {
        let stage = Stage::new().await;
        let feng = stage.person("冯强", Role::PatrolOfficer).await;
        let zhou = stage.person("周主管", Role::Supervisor).await;
        let boss = stage.phone(zhou).await;
        let plan = plan(&boss, feng.0).await;
        boss.sync().await;
        let officer = stage.phone(feng).await;
        // Neither of the three knows of the others' round.
        let round = open_round(&officer).await;
        visit(&officer, round, "a").await;
        assert_eq!(open_round(&boss).await, round);
        visit(&boss, round, "b").await;
        if turn == 0 {
            derive(&stage, plan).await;
        }
        officer.sync().await;
        if turn == 1 {
            derive(&stage, plan).await;
        }
        boss.sync().await;
        if turn == 2 {
            derive(&stage, plan).await;
        }
        // What stands already is not written again.
        derive(&stage, plan).await;
        for phone in [&officer, &boss, &officer] {
            phone.sync().await;
        }
        let there = stage.review(round).await;
        assert_eq!(facts(&there, "created").len(), 3, "all facts of turn {turn}");
        assert_eq!(there["round"]["visited"], 2);
        assert_eq!(there["cases"], json!([]), "equal openings are no conflict");
        for phone in [&officer, &boss] {
            assert_eq!(phone.review(round).await, there);
            assert_eq!(phone.heads(round).await, stage.heads(round).await);
            assert_eq!(phone.account().await[3..], [0, 0]);
        }
        let command = serde_json::from_value(create(&first(&boss).await)).expect("a command");
        let again = boss.replica.perform(&command, None).await;
        assert_eq!(denial(again).0, "record_exists");
        let checked = stage.app.sync.check().await.expect("checks");
        assert_eq!(checked.mismatches, []);
    }
}

async fn first(phone: &Phone) -> PlannedRound {
    let rounds = phone.replica.rounds(DAY).await.expect("reads");
    rounds[0].planned.clone().expect("a planned one")
}

fn finding(kind: &str) -> Value {
    json!({ "finding": kind, "place": "a号楼道", "checkpoint": "a", "description": "声控灯不亮" })
}

/// R7.16, R7.18, R7.19
#[tokio::test]
async fn a_finding_opens_one_order_when_it_arrives_and_the_next_officer_sees_it_at_the_place() {
    let stage = Stage::new().await;
    let office = stage.office("sun").await;
    let feng = stage.person("冯强", Role::PatrolOfficer).await;
    let gao = stage.person("高伟", Role::PatrolOfficer).await;
    let zhou = stage.person("周主管", Role::Supervisor).await;
    let boss = stage.phone(zhou).await;
    plan(&boss, feng.0).await;
    boss.sync().await;
    let (officer, other) = (stage.phone(feng).await, stage.phone(gao).await);
    let round = open_round(&officer).await;
    visit(&officer, round, "a").await;
    officer.step(round, "finding", finding("facility")).await;
    officer.step(round, "finding", finding("fire_safety")).await;
    let mut settled = finding("facility");
    settled["settled"] = json!(true);
    officer.step(round, "finding", settled).await;
    assert_eq!(other.replica.open_at("a号楼道").await.expect("reads"), []);
    // Ten minutes later the officer is back in signal: the order's minutes count from now.
    stage.pass_ms(600_000);
    officer.sync().await;
    let findings = stage.review(round).await["round"]["findings"].clone();
    let opens = |index: usize| findings[index]["opens"].as_str().map(str::to_owned);
    let order: RecordId = opens(0).expect("an order").parse().expect("a record");
    let violation: RecordId = opens(1).expect("a violation").parse().expect("a record");
    assert_eq!(opens(2), None);
    let shown = office.read(order).await;
    assert_eq!(shown["review"]["fields"]["description"]["value"], "声控灯不亮");
    assert_eq!(shown["review"]["fields"]["category"]["value"], "public");
    let filled = &shown["review"]["deadlines"][0];
    assert_eq!(filled["name"], "filled");
    assert_eq!(filled["due_ms"], stage.now_ms() + 3 * 60_000, "三 3.2.1, from arrival");
    assert_eq!(stage.review(violation).await["kind"], "violation");

    // Another sync, and a settled finding, open nothing more.
    let key = findings[0]["key"].clone();
    officer.step(round, "finding_settled", json!({ "finding": key, "text": "换了灯泡" })).await;
    officer.sync().await;
    let count = "select (select count(*) from work_order) + (select count(*) from violation)";
    let rows: i64 =
        sqlx::query_scalar(count).fetch_one(stage.app.db.reader()).await.expect("reads");
    assert_eq!(rows, 2);
    other.sync().await;
    let here = other.replica.open_at("a号楼道").await.expect("reads");
    let mut kinds: Vec<&str> = here.iter().map(|item| item.projection.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["violation", "work_order"]);
    assert_eq!(other.replica.open_at("b号楼道").await.expect("reads"), []);
}

/// R0.9
#[tokio::test]
async fn a_callers_name_stays_with_those_who_work_on_the_order_and_endless_words_open_nothing() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let feng = stage.person("冯强", Role::PatrolOfficer).await;
    let contact = json!({ "site": SITE, "unit": "2-1-302", "name": "何女士",
        "phones": ["000-5550-0001"] });
    let contact = office.must("/v1/contacts", contact).await["record"].clone();
    let order = json!({ "site": SITE, "category": "public", "place": "a号楼道",
        "contact": contact, "description": "灯不亮", "priority": "urgent" });
    office.must("/v1/work-orders", order).await;
    let officer = stage.phone(feng).await;
    let held = officer.replica.list().await;
    let kinds: Vec<&str> = held.iter().map(|item| item.projection.kind.as_str()).collect();
    assert_eq!(kinds, ["work_order"], "the order is shown at its place, the caller is not");

    let round = json!({ "command": "create_round", "site": SITE, "patrol": "fire_safety",
        "area": "三组团", "officer": feng, "checkpoints": [point("a")] });
    let round = officer.open(round).await.record;
    // A patched phone writes what its rules would refuse: so does the server, and the office has
    // it.
    let mut long = finding("facility");
    long["description"] = json!("暗".repeat(2_001));
    let payload = json!({ "t": "finding", "p": long });
    officer.replica.write_unjudged(round, &payload).await.expect("saved");
    officer.sync().await;
    assert_eq!(officer.account().await, [2, 1, 0, 1, 0]);
    let refused = officer.replica.refused().await.expect("reads");
    assert_eq!(refused[0].code, "text_too_long");
    assert_eq!(refused[0].params["limit"], "2000");
    assert_eq!(stage.review(round).await["round"]["findings"], json!([]));
    // As long as it may be, it opens an order that says as much.
    let mut longest = finding("facility");
    longest["description"] = json!("暗".repeat(2_000));
    officer.step(round, "finding", longest).await;
    officer.sync().await;
    let opens = stage.review(round).await["round"]["findings"][0]["opens"].clone();
    let opened: RecordId = opens.as_str().expect("an order").parse().expect("a record");
    let description = stage.review(opened).await["fields"]["description"]["value"].clone();
    assert_eq!(description.as_str().map(|text| text.chars().count()), Some(2_000));
}
