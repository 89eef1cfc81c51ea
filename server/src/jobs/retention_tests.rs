//! What has been kept long enough goes, never early, each once; the audit log says which and why,
//! and cannot be rewritten.

use serde_json::json;
use sync_core::model::id::RecordId;
use sync_core::rules::Status;

use super::retention::due;
use super::run_due;
use super::tests::{ACT, SHEET, SITE, Scene};
use crate::people::{audit, place};
use crate::sync::{Derived, Follows};
use crate::testing::START_MS;

const DAY_MS: i64 = 86_400_000;
const SUPERVISOR: u32 = 3;
const PATROL: u32 = 4;

impl Scene {
    /// A violation that the patrol officer saw, assessed by the supervisor.
    async fn violation(&self, loss: bool) -> RecordId {
        let open = json!({ "open": { "site": 7, "kind": "violation",
            "violation": "fire_safety", "place": "3 栋楼梯间", "description": "堆放杂物" } });
        let record = self.write(PATROL, None, open).await;
        let assessment = json!({ "loss": loss, "threat": false, "reason": "现场查看" });
        let set = json!({ "set": { "field": "assessment", "value": assessment } });
        self.write(SUPERVISOR, Some(record), set).await;
        record
    }

    async fn step(&self, record: RecordId, fact_type: &str) {
        let fact = json!({ "t": fact_type, "p": { "text": "已整改" } });
        self.write(SUPERVISOR, Some(record), json!({ "record": { "fact": fact } })).await;
    }

    async fn contact(&self) -> RecordId {
        let contact = json!({ "create_contact": { "site": 7, "name": "欧阳女士", "salt": "x",
            "phones": ["13900000001"] } });
        self.write(SUPERVISOR, None, contact).await
    }

    async fn is_there(&self, record: RecordId) -> bool {
        self.world.app.sync.read(record).await.expect("reads").is_some()
    }

    /// Rule and record of every purge.
    async fn audited(&self) -> Vec<(String, String)> {
        let details: Vec<String> =
            sqlx::query_scalar("select detail from audit where act = 'record_purged' order by id")
                .fetch_all(self.world.app.db.reader())
                .await
                .expect("reads");
        let members = |detail: &String| {
            let detail: serde_json::Value = serde_json::from_str(detail).expect("JSON");
            let text = |name: &str| detail[name].as_str().expect("a text").to_owned();
            (text("rule"), text("record"))
        };
        details.iter().map(members).collect()
    }
}

/// Milliseconds from the start of the tests, 21 September 2026, to that day so many years later.
fn years_ms(years: u32) -> i64 {
    let start = chrono::DateTime::from_timestamp_millis(START_MS).expect("a time");
    let later = start.checked_add_months(chrono::Months::new(12 * years)).expect("a time");
    (later - start).num_milliseconds()
}

/// R5.17
#[tokio::test]
async fn a_general_violation_goes_after_one_year_a_serious_one_after_five_never_early() {
    let scene = Scene::new(SHEET).await;
    let (general, serious) = (scene.violation(false).await, scene.violation(true).await);
    let open = scene.violation(false).await;
    for record in [general, serious] {
        scene.step(record, "violation_closed").await;
        assert_eq!(scene.review(record).await.status, Status::Closed);
    }
    scene.after_ms(years_ms(1) - 1).await;
    assert!(scene.is_there(general).await);
    scene.after_ms(1).await;
    assert!(!scene.is_there(general).await && scene.is_there(serious).await);
    scene.after_ms(years_ms(5) - years_ms(1) - 1).await;
    assert!(scene.is_there(serious).await);
    scene.after_ms(1).await;
    assert!(!scene.is_there(serious).await);
    scene.after_ms(years_ms(20)).await;
    assert!(scene.is_there(open).await, "what is open has no end");
    let expected = [("violation_general", general), ("violation_serious", serious)];
    assert_eq!(
        scene.audited().await,
        expected.map(|(rule, record)| (rule.to_owned(), record.to_string()))
    );
    assert_eq!(scene.count("select count(*) from violation").await, 1);
}

#[tokio::test]
async fn a_serious_violation_assessed_anew_after_its_closing_goes_no_earlier() {
    let scene = Scene::new(SHEET).await;
    let serious = scene.violation(true).await;
    scene.step(serious, "violation_closed").await;
    let mild = json!({ "loss": false, "threat": false, "reason": "重新评定" });
    let set = json!({ "set": { "field": "assessment", "value": mild } });
    scene.write(SUPERVISOR, Some(serious), set).await;
    scene.after_ms(years_ms(5) - 1).await;
    assert!(scene.is_there(serious).await);
    scene.after_ms(1).await;
    assert!(!scene.is_there(serious).await);
}

#[tokio::test]
async fn a_violation_that_was_opened_again_or_never_assessed_is_kept_longer() {
    let scene = Scene::new(SHEET).await;
    let reopened = scene.violation(false).await;
    scene.step(reopened, "violation_closed").await;
    scene.after_ms(DAY_MS).await;
    scene.step(reopened, "violation_reopened").await;
    let open = json!({ "open": { "site": 7, "kind": "violation",
        "violation": "sanitation", "place": "2 栋", "description": "乱扔垃圾" } });
    let unassessed = scene.write(PATROL, None, open).await;
    scene.step(unassessed, "violation_closed").await;
    scene.after_ms(years_ms(5) - 1).await;
    assert!(scene.is_there(reopened).await && scene.is_there(unassessed).await);
    scene.after_ms(DAY_MS).await;
    assert!(scene.is_there(reopened).await && !scene.is_there(unassessed).await);
}

#[tokio::test]
async fn a_contact_goes_by_the_policy_of_its_site_also_when_that_is_shortened_meanwhile() {
    let scene = Scene::new(SHEET).await;
    let contact = scene.contact().await;
    scene.after_ms(729 * DAY_MS).await;
    assert!(scene.is_there(contact).await);
    let change = [("contact_kept_days".to_owned(), json!(3_000))];
    let mut conn = scene.world.write().await;
    place::change_policy(&mut conn, ACT, SITE, &change).await.expect("changed");
    conn.commit().await.expect("commits");
    scene.after_ms(DAY_MS).await;
    assert!(scene.is_there(contact).await, "the policy of now");
    let change = [("contact_kept_days".to_owned(), json!(365))];
    let mut conn = scene.world.write().await;
    place::change_policy(&mut conn, ACT, SITE, &change).await.expect("changed");
    conn.commit().await.expect("commits");
    scene.after_ms(0).await;
    assert!(!scene.is_there(contact).await, "noticed at once");
}

#[tokio::test]
async fn what_is_written_after_a_look_makes_the_next_one_due() {
    let scene = Scene::new(SHEET).await;
    let violation = scene.violation(false).await;
    scene.after_ms(0).await;
    let young = "select count(*) from violation where look_ms > 0";
    assert_eq!(scene.count(young).await, 1);
    scene.step(violation, "violation_closed").await;
    assert_eq!(scene.count(young).await, 0, "its end may have moved");
}

#[tokio::test]
async fn only_what_is_due_is_looked_at_by_an_index() {
    let scene = Scene::new(SHEET).await;
    for _ in 0..3 {
        scene.contact().await;
        scene.violation(false).await;
    }
    scene.after_ms(0).await;
    let young = "select (select count(*) from contact_card where look_ms > 0)
        + (select count(*) from violation where look_ms > 0)";
    assert_eq!(scene.count(young).await, 6);
    for select in super::retention::TO_LOOK_AT {
        let steps: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {select}")))
                .bind(7)
                .bind(0)
                .bind(1)
                .fetch_all(scene.world.app.db.reader())
                .await
                .expect("explains");
        let steps: Vec<String> = steps.into_iter().map(|(.., step)| step).collect();
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert!(steps[0].contains("_look (site=? AND look_ms<?)"), "{steps:?}");
    }
}

/// R5.17
#[tokio::test]
async fn two_runners_a_restart_and_years_of_downtime_purge_each_record_once() {
    let scene = Scene::new(SHEET).await;
    let mut records = Vec::new();
    for _ in 0..3 {
        let violation = scene.violation(false).await;
        scene.step(violation, "violation_closed").await;
        records.extend([violation, scene.contact().await]);
    }
    scene.world.clock.pass_ms(years_ms(10));
    let now_ms = scene.world.app.now_ms();
    let other = scene.world.another_app().await;
    let (one, two) = tokio::join!(run_due(&scene.world.app, now_ms), run_due(&other, now_ms));
    one.expect("runs");
    two.expect("runs");
    other.stop().await;
    let restarted = scene.world.another_app().await;
    run_due(&restarted, now_ms).await.expect("runs");
    restarted.stop().await;
    for record in &records {
        assert!(!scene.is_there(*record).await);
    }
    let mut audited: Vec<String> =
        scene.audited().await.into_iter().map(|(_, record)| record).collect();
    audited.sort_unstable();
    let mut expected: Vec<String> = records.iter().map(ToString::to_string).collect();
    expected.sort_unstable();
    assert_eq!(audited, expected);
}

#[tokio::test]
async fn a_dry_run_names_what_is_due_and_purges_nothing() {
    let scene = Scene::new(SHEET).await;
    let violation = scene.violation(false).await;
    scene.step(violation, "violation_closed").await;
    let contact = scene.contact().await;
    let app = &scene.world.app;
    assert_eq!(due(app, app.now_ms()).await.expect("asks"), []);
    let in_years = due(app, app.now_ms() + years_ms(3)).await.expect("asks");
    let found: Vec<_> = in_years.iter().map(|kept| (kept.record, kept.rule)).collect();
    assert_eq!(found, [(violation, "violation_general"), (contact, "contact_kept_days")]);
    assert_eq!(in_years[0].until_ms, Some(START_MS + years_ms(1)));
    assert!(scene.is_there(violation).await && scene.is_there(contact).await);
}

#[tokio::test]
async fn a_purge_is_told_for_400_days_and_then_to_whoever_has_read_less_all_at_once() {
    let scene = Scene::new(SHEET).await;
    let contact = scene.contact().await;
    scene.after_ms(730 * DAY_MS).await;
    assert!(!scene.is_there(contact).await);
    let told = "select count(*) from feed where left_sequence is not null";
    scene.after_ms(400 * DAY_MS - 1).await;
    assert_eq!(scene.count(told).await, 1);
    scene.after_ms(1).await;
    assert_eq!(scene.count(told).await, 0);
    // Tasks of the next period may have been opened since.
    let forgotten = "select forgotten_sequence between 1 and sequence from site where site = 7";
    assert_eq!(scene.count(forgotten).await, 1);
    // The id stays purged without its marker.
    let follows: Follows = Box::new(|_| -> Vec<Derived> { panic!("nothing is asked") });
    assert!(!scene.world.app.sync.derive(contact, follows).await.expect("derives"));
}

#[tokio::test]
async fn a_finding_whose_violation_was_purged_opens_it_no_more() {
    let scene = Scene::new(SHEET).await;
    let round = json!({ "create_round": { "site": 7, "patrol": "fire_safety", "area": "三组团",
        "officer": 4, "checkpoints": [{ "code": "a", "name": "a号楼道" }] } });
    let round = scene.write(PATROL, None, round).await;
    let finding = json!({ "t": "finding", "p": { "finding": "fire_safety", "place": "a号楼道",
        "description": "通道堵塞" } });
    scene.write(PATROL, Some(round), json!({ "record": { "fact": finding } })).await;
    let violation: Vec<u8> = sqlx::query_scalar("select record from violation")
        .fetch_one(scene.world.app.db.reader())
        .await
        .expect("opened");
    let violation = super::record(violation).expect("an id");
    scene.step(violation, "violation_closed").await;
    scene.after_ms(years_ms(5)).await;
    assert!(!scene.is_there(violation).await);
    let note = json!({ "note": { "text": "再看一遍" } });
    scene.write(PATROL, Some(round), note).await;
    scene.after_ms(DAY_MS).await;
    assert!(!scene.is_there(violation).await);
    assert_eq!(scene.count("select count(*) from violation").await, 0);
    assert_eq!(scene.audited().await.len(), 1);
}

#[tokio::test]
async fn every_table_that_names_a_record_is_emptied_of_a_purged_one_or_says_why_not() {
    let scene = Scene::new(SHEET).await;
    // `record` is what says that it was purged, `feed` tells it, a case keeps whose commands they
    // were.
    let kept = ["desk_case", "feed", "record"];
    let tables: Vec<String> = sqlx::query_scalar(
        "select distinct m.name from sqlite_master m join pragma_table_info(m.name) c
         where m.type = 'table' and c.name = 'record' order by m.name",
    )
    .fetch_all(scene.world.app.db.reader())
    .await
    .expect("reads");
    assert!(tables.len() > 8, "{tables:?}");
    for table in tables.iter().filter(|table| !kept.contains(&table.as_str())) {
        let wanted = format!("delete from {table} where record = ?");
        assert!(crate::sync::purge::erases(&wanted), "{table} keeps what was purged");
    }
}

/// R5.17
#[tokio::test]
async fn the_audit_log_is_append_only() {
    let scene = Scene::new(SHEET).await;
    let mut conn = scene.world.write().await;
    audit::append(&mut conn, ACT, "tested", &json!({ "n": 1 })).await.expect("appends");
    let count = "select count(*) from audit";
    let before: i64 = sqlx::query_scalar(count).fetch_one(&mut *conn).await.expect("counts");
    for sql in [
        "update audit set act = 'other'",
        "update audit set at_ms = 0 where id = 1",
        "delete from audit",
        "delete from audit where id = 1",
        "insert or replace into audit (id, at_ms, act, detail) values (1, 0, 'other', '{}')",
        "replace into audit (id, at_ms, act, detail) values (1, 0, 'other', '{}')",
    ] {
        let error = sqlx::query(sql).execute(&mut *conn).await.expect_err(sql).to_string();
        assert!(error.contains("the audit log is append-only"), "{sql}: {error}");
    }
    let after: i64 = sqlx::query_scalar(count).fetch_one(&mut *conn).await.expect("counts");
    assert_eq!(before, after);
    audit::append(&mut conn, ACT, "tested", &json!({ "n": 2 })).await.expect("still appends");
    conn.commit().await.expect("commits");
}
