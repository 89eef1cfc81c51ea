//! What falls due, with nobody looking: complaints that climb, reports that are missing, lists that
//! change by themselves; two runners, restarts, and forty days in which the server is down.

use serde_json::{Value, json};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::person::Role;
use sync_core::rules::{Details, Review, Status};

use super::seats::{performs, seated};
use super::{RETRY_MS, Ran, run_due};
use crate::App;
use crate::people::office::OfficeSession;
use crate::people::{Act, place};
use crate::testing::{START_MS, World};

const SITE: SiteId = SiteId(7);
const ACT: Act = Act { at_ms: START_MS, by: None };
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// From the start of tests to Friday 2026-09-25T16:00:00+08:00.
const TO_FRIDAY_MS: i64 = 323_200_000;

/// A site with the desk 1, the project manager 2 and the supervisor 3.
struct Scene {
    world: World,
    seats: Vec<OfficeSession>,
}

impl Scene {
    async fn new(policy: &[(String, Value)]) -> Self {
        let world = World::new().await;
        let mut conn = world.write().await;
        place::add_site(&mut conn, ACT, Some(SITE), "云栖花园").await.expect("added");
        if !policy.is_empty() {
            place::change_policy(&mut conn, ACT, SITE, policy).await.expect("changed");
        }
        let people =
            [("陈静", Role::FrontDesk), ("郑强", Role::ProjectManager), ("孙丽", Role::Supervisor)];
        let seats = seated(&mut conn, SITE, &people).await;
        conn.commit().await.expect("commits");
        Self { world, seats }
    }

    async fn write(&self, person: u32, record: Option<RecordId>, command: Value) -> RecordId {
        performs((&self.world, &self.seats), person, record, command).await
    }

    async fn complaint(&self, unit: &str, subject: &str) -> RecordId {
        let open = json!({
            "command": "open", "site": 7, "kind": "complaint", "subject": subject,
            "unit": unit, "description": "楼道三天没有打扫",
        });
        self.write(1, None, open).await
    }

    async fn run(&self, app: &App) -> Ran {
        run_due(app, self.world.app.now_ms()).await.expect("runs")
    }

    /// Two runners at once, each a server of its own that has just been started.
    async fn run_twice(&self) {
        let (one, two) = (self.world.another_app().await, self.world.another_app().await);
        let (first, second) = tokio::join!(self.run(&one), self.run(&two));
        // One may find that the other was faster; nothing fails.
        assert_eq!((first.failed, second.failed), (0, 0));
        one.stop().await;
        two.stop().await;
    }

    async fn review(&self, record: RecordId) -> Review {
        self.world.app.sync.read(record).await.expect("reads").expect("is there").2
    }

    async fn text(&self, sql: &'static str, record: RecordId) -> String {
        let value: Option<String> = sqlx::query_scalar(sql)
            .bind(record.0.to_vec())
            .fetch_one(self.world.app.db.reader())
            .await
            .expect("reads");
        value.unwrap_or_default()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.world.app.db.reader()).await.expect("reads")
    }

    async fn execute(&self, sql: &'static str, record: RecordId) {
        let mut conn = self.world.write().await;
        let done = sqlx::query(sql).bind(record.0.to_vec()).execute(&mut *conn).await;
        done.expect("writes");
        conn.commit().await.expect("commits");
    }
}

fn shanghai(at_ms: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at_ms).expect("a moment");
    at.with_timezone(&chrono_tz::Asia::Shanghai).format("%m-%d %H:%M").to_string()
}

/// What the server wrote in a record: type and moment, in the order of their moments.
fn derived(review: &Review) -> Vec<String> {
    let by_rule = review.timeline.iter().filter(|entry| entry.by.is_none());
    let mut all: Vec<(i64, String)> =
        by_rule.map(|entry| (entry.at_ms, entry.fact_type.clone())).collect();
    all.sort();
    all.into_iter().map(|(at_ms, name)| format!("{} {name}", shanghai(at_ms))).collect()
}

#[tokio::test]
async fn a_complaint_of_friday_at_four_climbs_on_time_though_the_server_is_down_for_weeks() {
    for (from, second, third) in [("step", "10-04", "10-18"), ("reception", "10-02", "10-09")] {
        let policy = [("ladder_counts_from".to_owned(), json!(from))];
        // Up all along, down around each deadline, and down from the first day on.
        for pauses in [vec![12 * HOUR_MS; 80], vec![DAY_MS, 3 * DAY_MS, 36 * DAY_MS]] {
            let scene = Scene::new(&policy).await;
            scene.world.clock.pass_ms(TO_FRIDAY_MS);
            let record = scene.complaint("3-2-1501", "cleaning").await;
            if pauses.len() > 10 {
                for pause in pauses {
                    scene.world.clock.pass_ms(pause);
                    scene.run(&scene.world.app).await;
                }
            } else {
                for pause in pauses {
                    scene.world.clock.pass_ms(pause);
                    scene.run_twice().await;
                }
            }
            let review = scene.review(record).await;
            let expected = [
                "09-27 16:00 escalated".to_owned(),
                format!("{second} 16:00 escalated"),
                format!("{third} 16:00 escalated"),
                "10-25 16:00 fell_due".to_owned(),
            ];
            assert_eq!(derived(&review), expected, "{from}");
            let Some(Details::Complaint(complaint)) = &review.details else { panic!("one") };
            let severity = complaint.severity.map(|severity| severity.code());
            assert_eq!(severity.as_deref(), Some("major"));
            let ran = scene.run(&scene.world.app).await;
            assert_eq!((ran.done, ran.failed, ran.idle), (0, 0, 0), "nothing is looked at twice");
            assert_eq!(scene.world.app.sync.check().await.expect("reads").mismatches, []);
        }
    }
}

#[tokio::test]
async fn the_next_deadline_is_when_the_runner_wakes() {
    let scene = Scene::new(&[]).await;
    scene.world.clock.pass_ms(TO_FRIDAY_MS);
    let record = scene.complaint("3-2-1501", "cleaning").await;
    scene.run(&scene.world.app).await;
    let due = "select cast(due_ms as text) from record_due where record = ?";
    let friday_ms = START_MS + TO_FRIDAY_MS;
    assert_eq!(scene.text(due, record).await, (friday_ms + 2 * DAY_MS + 1).to_string());
    scene.world.clock.pass_ms(2 * DAY_MS);
    scene.run(&scene.world.app).await;
    assert_eq!(derived(&scene.review(record).await), Vec::<String>::new());
    scene.world.clock.pass_ms(1);
    scene.run(&scene.world.app).await;
    assert_eq!(derived(&scene.review(record).await).len(), 1);
    assert_eq!(scene.text(due, record).await, (friday_ms + 9 * DAY_MS + 1).to_string());
    // Whoever has it now is told, and nobody else.
    let told = "select group_concat(role) from record_told where record = ?";
    assert_eq!(scene.text(told, record).await, "supervisor");
    scene
        .write(1, Some(record), json!({ "command": "record", "fact": { "t": "satisfied" } }))
        .await;
    let close = json!({ "t": "complaint_closed", "p": { "text": "已处理" } });
    scene.write(1, Some(record), json!({ "command": "record", "fact": close })).await;
    assert_eq!(scene.text(told, record).await, "");
}

#[tokio::test]
async fn a_list_shows_what_has_changed_by_itself_though_nobody_wrote() {
    let scene = Scene::new(&[]).await;
    let record = scene.complaint("3-2-1501", "cleaning").await;
    let next = "select cast(due_ms as text) from record_card where record = ?";
    let ladder = |days: i64| (START_MS + days * DAY_MS).to_string();
    assert_eq!(scene.text(next, record).await, ladder(2));
    // A pause of it all ends without a fact: only its next deadline is another.
    let version = "select cast(version as text) from record where record = ?";
    scene
        .write(1, Some(record), json!({ "command": "record", "fact": { "t": "satisfied" } }))
        .await;
    let written = scene.text(version, record).await;
    scene.execute("update record_card set status = 'opened' where record = ?", record).await;
    scene.execute("update record_due set due_ms = 1 where record = ?", record).await;
    scene.run(&scene.world.app).await;
    let status = "select status from record_card where record = ?";
    assert_eq!(scene.text(status, record).await, Status::Satisfied.code());
    assert_eq!(scene.text(version, record).await, written, "nothing was written");
}

#[tokio::test]
async fn a_record_that_fails_waits_longer_each_time_and_holds_up_no_other() {
    let scene = Scene::new(&[]).await;
    let broken = scene.complaint("3-2-1501", "cleaning").await;
    scene.world.clock.pass_ms(1);
    let sound = scene.complaint("3-2-1502", "cleaning").await;
    scene.run(&scene.world.app).await;
    scene.execute("update change set facts = x'ff' where record = ?", broken).await;
    scene.world.clock.pass_ms(3 * DAY_MS);
    let now_ms = scene.world.app.now_ms();
    let ran = scene.run(&scene.world.app).await;
    assert_eq!(ran.failed, 1);
    assert_eq!(derived(&scene.review(sound).await).len(), 1);
    let waits = "select cast(due_ms as text) from record_due where record = ?";
    assert_eq!(scene.text(waits, broken).await, (now_ms + RETRY_MS).to_string());
    assert_eq!(scene.run(&scene.world.app).await.failed, 0, "it waits");
    scene.world.clock.pass_ms(RETRY_MS);
    assert_eq!(scene.run(&scene.world.app).await.failed, 1);
    let second_ms = now_ms + RETRY_MS + 2 * RETRY_MS;
    assert_eq!(scene.text(waits, broken).await, second_ms.to_string());
}

#[tokio::test]
async fn a_complaint_raised_again_names_the_earlier_one_and_how_often_it_was_raised() {
    let scene = Scene::new(&[]).await;
    let first = scene.complaint("3-2-1501", "cleaning").await;
    let other_unit = scene.complaint("3-2-1502", "cleaning").await;
    let other_subject = scene.complaint("3-2-1501", "security").await;
    scene.world.clock.pass_ms(89 * DAY_MS);
    let second = scene.complaint("3-2-1501", "cleaning").await;
    scene.world.clock.pass_ms(DAY_MS);
    let third = scene.complaint("3-2-1501", "cleaning").await;
    scene.world.clock.pass_ms(DAY_MS);
    let fourth = scene.complaint("3-2-1501", "cleaning").await;
    for (record, earlier, times) in [
        (first, None, 1),
        (other_unit, None, 1),
        (other_subject, None, 1),
        (second, Some(first), 2),
        (third, Some(second), 3),
        // The first is 91 days back.
        (fourth, Some(third), 3),
    ] {
        let review = scene.review(record).await;
        let Some(Details::Complaint(complaint)) = &review.details else { panic!("one") };
        assert_eq!((complaint.repeat_of, complaint.times), (earlier, times));
        let linked = review.timeline.iter().filter(|entry| entry.fact_type == "repeat_of");
        assert_eq!(linked.count(), usize::from(earlier.is_some()));
    }
    let judged = json!({ "validity": "valid", "severity": "minor", "undelivered": true,
        "reason": "合同有约定" });
    let set = json!({ "command": "set", "field": "judgement", "value": judged });
    scene.write(1, Some(second), set).await;
    let review = scene.review(second).await;
    let Some(Details::Complaint(complaint)) = &review.details else { panic!("one") };
    assert_eq!(complaint.severity.map(|one| one.code()).as_deref(), Some("major"));
}

#[tokio::test]
async fn closing_a_complaint_opens_its_follow_up_in_the_same_transaction() {
    let scene = Scene::new(&[]).await;
    let record = scene.complaint("3-2-1501", "cleaning").await;
    scene
        .write(1, Some(record), json!({ "command": "record", "fact": { "t": "satisfied" } }))
        .await;
    let close = json!({ "t": "complaint_closed", "p": { "text": "已处理" } });
    scene.write(1, Some(record), json!({ "command": "record", "fact": close })).await;
    assert_eq!(scene.count("select count(*) from record where kind = 'follow_up'").await, 1);
    scene.write(1, Some(record), json!({ "command": "note", "text": "谢谢" })).await;
    assert_eq!(scene.count("select count(*) from record where kind = 'follow_up'").await, 1);
}

#[tokio::test]
async fn every_period_has_its_tasks_once_also_those_in_which_the_server_was_down() {
    let scene = Scene::new(&[]).await;
    let tasks = "select count(*) from record_card where kind = 'periodic_task'";
    // Monday 21 September: the week's, and October's patrol plan.
    scene.run_twice().await;
    assert_eq!(scene.count(tasks).await, 2);
    scene.world.clock.pass_ms(40 * DAY_MS);
    scene.run_twice().await;
    // To 31 October: five more weeks, and what the first of October brings.
    assert_eq!(scene.count(tasks).await, 2 + 5 + 4);
    let overdue = "select count(distinct record) from record_told where role = 'project_manager'";
    // The six weeks, September's complaints and receptions, and October's plan: November's and
    // the last week's can still be made.
    assert_eq!(scene.count(overdue).await, 5 + 2 + 1);
    let ran = scene.run(&scene.world.app).await;
    assert_eq!((ran.done, ran.failed, ran.idle), (0, 0, 0));
    let facts = "select count(*) from change";
    let before = scene.count(facts).await;
    scene.run_twice().await;
    assert_eq!(scene.count(facts).await, before);
}

#[tokio::test]
async fn a_plan_that_is_made_does_its_months_task() {
    let scene = Scene::new(&[]).await;
    scene.run(&scene.world.app).await;
    let item = json!({
        "item": 1, "patrol": "security_hazards", "area": "东区", "officer": 1, "days": [3],
        "starts_at": "23:00", "checkpoints": [{ "code": "1", "name": "大门" }],
    });
    let plan = |month: &str| json!({ "command": "create_patrol_plan", "site": 7, "month": month, "items": [item] });
    let open = "select count(*) from record_card
                where subject = 'patrol_plan' and closed_at_ms is null";
    scene.write(3, None, plan("2026-11")).await;
    scene.run(&scene.world.app).await;
    assert_eq!(scene.count(open).await, 1, "another month's is none");
    scene.write(3, None, plan("2026-10")).await;
    scene.world.clock.pass_ms(20 * DAY_MS);
    scene.run_twice().await;
    // October's is done in time; November's was opened on the first and done by the early plan.
    assert_eq!(scene.count(open).await, 0);
    let told = "select count(*) from record_told t join record_card c on c.record = t.record
                where c.subject = 'patrol_plan'";
    assert_eq!(scene.count(told).await, 0);
}

impl Scene {
    async fn caller(&self, unit: u32, outage: RecordId) -> RecordId {
        let open = json!({ "command": "open", "site": 7, "kind": "reception", "channel": "phone",
            "matter": "repair", "unit": format!("3-2-{unit}"), "description": "停水了" });
        let caller = self.write(1, None, open).await;
        let attached = json!({ "t": "attached_to", "p": { "record": outage } });
        self.write(1, Some(caller), json!({ "command": "record", "fact": attached })).await;
        caller
    }

    async fn order(&self) -> RecordId {
        let open = json!({ "command": "create_work_order", "site": 7, "category": "public",
            "place": "3 栋", "priority": "urgent", "description": "主管爆裂" });
        self.write(1, None, open).await
    }

    async fn cancel(&self, order: RecordId) {
        let cancelled = json!({ "t": "cancelled", "p": { "reason": "供水公司已修复" } });
        self.write(1, Some(order), json!({ "command": "record", "fact": cancelled })).await;
    }

    /// How often a caller was told that the outage is over.
    async fn told(&self, caller: RecordId) -> usize {
        let review = self.review(caller).await;
        review.timeline.iter().filter(|entry| entry.fact_type == "outage_over").count()
    }
}

#[tokio::test]
async fn three_callers_on_one_outage_are_each_told_of_its_end_once_also_after_a_restart() {
    let scene = Scene::new(&[]).await;
    let order = scene.order().await;
    let mut callers = Vec::new();
    for unit in 1..=3 {
        callers.push(scene.caller(unit, order).await);
    }
    scene.cancel(order).await;
    for caller in &callers {
        assert_eq!(scene.told(*caller).await, 1);
        let review = scene.review(*caller).await;
        assert!(review.deadlines.iter().any(|deadline| deadline.name == "outage_call_back"));
    }
    // Who is attached to what is over already hears of it too.
    let late = scene.caller(4, order).await;
    scene.run_twice().await;
    for caller in callers.iter().chain([&late]) {
        assert_eq!(scene.told(*caller).await, 1);
    }
    let links = scene.world.app.sync.links(order).await.expect("reads");
    assert_eq!((links.names.len(), links.named_by.len()), (0, 4));
    let links = scene.world.app.sync.links(late).await.expect("reads");
    let named: Vec<_> = links.names.iter().map(|link| (link.field.as_str(), link.record)).collect();
    assert_eq!(named, [("attached_to", order)]);
}

#[tokio::test]
async fn callers_beyond_what_one_transaction_takes_are_told_by_the_job() {
    let scene = Scene::new(&[]).await;
    let order = scene.order().await;
    let mut callers = Vec::new();
    for unit in 1..=203 {
        callers.push(scene.caller(unit, order).await);
    }
    scene.cancel(order).await;
    let untold = "select count(*) from link where waits = 1";
    assert_eq!(scene.count(untold).await, 3, "200 in the transaction that ended it");
    scene.run(&scene.world.app).await;
    assert_eq!(scene.count(untold).await, 0);
    for caller in callers {
        assert_eq!(scene.told(caller).await, 1);
    }
}

#[tokio::test]
async fn what_cannot_be_read_of_another_record_loses_nothing_that_a_person_saved() {
    let scene = Scene::new(&[]).await;
    let order = scene.order().await;
    scene.execute("update change set facts = x'ff' where record = ?", order).await;
    let caller = scene.caller(1, order).await;
    let review = scene.review(caller).await;
    let types: Vec<&str> = review.timeline.iter().map(|entry| entry.fact_type.as_str()).collect();
    assert_eq!(types, ["created", "attached_to"]);
}
