//! Jobs by the clock: alarms that go on, rounds that do not begin, the rounds of a day.

use serde_json::{Value, json};
use sync_core::model::alarm::AlarmKind;
use sync_core::model::id::{FactKey, PersonId, RecordId, SiteId};
use sync_core::model::patrol;
use sync_core::model::payload::Payload;
use sync_core::model::person::Role;
use sync_core::rules::{Command, Review, Status, planned_rounds};

use super::seats::seated;
use super::{Ran, run, run_due};
use crate::App;
use crate::people::office::OfficeSession;
use crate::people::roster::import;
use crate::people::{Act, directory, place};
use crate::sync::{Derived, OfficeWrite};
use crate::testing::{START_MS, World};

pub(super) const SITE: SiteId = SiteId(7);
pub(super) const ACT: Act = Act { at_ms: START_MS, by: None };
const MINUTE_MS: i64 = 60_000;
/// 21 September 2026, 22:13:20 in Shanghai. Guards 1 and 2 are on until 8:00, in the order 2, 1.
pub(super) const SHEET: &str = "date,duty,from,to,person,rank\n2026-09-21,security,20:00,08:00,1,2\n\
                     2026-09-21,security,20:00,08:00,2,1\n2026-09-22,security,08:00,20:00,1,1\n";

/// A site with guards 1 and 2, the supervisor 3, the patrol officer 4, all with an office session.
pub(super) struct Scene {
    pub(super) world: World,
    seats: Vec<OfficeSession>,
}

impl Scene {
    pub(super) async fn new(sheet: &str) -> Self {
        let world = World::new().await;
        let mut conn = world.write().await;
        place::add_site(&mut conn, ACT, Some(SITE), "云栖花园").await.expect("added");
        let people = [
            ("王建国", Role::Security),
            ("李强", Role::Security),
            ("孙丽", Role::Supervisor),
            ("周平", Role::PatrolOfficer),
        ];
        let seats = seated(&mut conn, SITE, &people).await;
        let sheet = import::read(sheet.as_bytes(), chrono_tz::Tz::Asia__Shanghai);
        let outcome = import::apply(&mut conn, ACT, SITE, sheet).await.expect("imported");
        assert_eq!(outcome.problems, []);
        conn.commit().await.expect("commits");
        Self { world, seats }
    }

    pub(super) async fn write(
        &self,
        person: u32,
        record: Option<RecordId>,
        command: Value,
    ) -> RecordId {
        let (name, mut members) = match command {
            Value::Object(command) => command.into_iter().next().expect("a name"),
            other => panic!("{other}"),
        };
        members["command"] = json!(name);
        let command: Command = serde_json::from_value(members).expect("a command");
        let seat = &self.seats[usize::try_from(person).expect("small") - 1];
        let write = OfficeWrite {
            person: seat.person,
            device: seat.device,
            session: seat.session,
            record,
            command,
        };
        self.world.app.sync.office(write).await.expect("written").record
    }

    async fn gas(&self) -> RecordId {
        let alarm = json!({ "raise_alarm": { "site": 7, "alarm": "gas", "place": "3 栋" } });
        self.write(4, None, alarm).await
    }

    /// Runs what is due after so long.
    pub(super) async fn after_ms(&self, ms: i64) -> Ran {
        self.world.clock.pass_ms(ms);
        run_due(&self.world.app, self.world.app.now_ms()).await.expect("runs")
    }

    pub(super) async fn review(&self, record: RecordId) -> Review {
        review(&self.world.app, record).await
    }

    /// Whom the alarm was told to, and how long after the start of the test.
    async fn told(&self, alarm: RecordId) -> Vec<(u32, i64)> {
        let alarm = self.review(alarm).await.alarm.expect("an alarm");
        alarm.alerted.iter().map(|one| (one.person.0, one.at_ms - START_MS)).collect()
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.world.app.db.reader()).await.expect("reads")
    }
}

async fn review(app: &App, record: RecordId) -> Review {
    app.sync.read(record).await.expect("reads").expect("is there").2
}

/// R0.17, R0.18
#[tokio::test]
async fn an_alarm_is_told_to_the_first_on_shift_and_after_two_minutes_to_the_next_each_once() {
    let scene = Scene::new(SHEET).await;
    let alarm = scene.gas().await;
    let ran = scene.after_ms(0).await;
    assert_eq!((ran.failed, ran.next_ms), (0, Some(START_MS + 2 * MINUTE_MS)));
    assert_eq!(scene.told(alarm).await, [(2, 0)]);
    scene.after_ms(2 * MINUTE_MS - 1).await;
    assert_eq!(scene.told(alarm).await, [(2, 0)]);
    scene.after_ms(1).await;
    assert_eq!(scene.told(alarm).await, [(2, 0), (1, 2 * MINUTE_MS)]);
    // The roster names nobody else: the supervisor; then nobody is left.
    scene.after_ms(2 * MINUTE_MS + 7).await;
    scene.after_ms(2 * MINUTE_MS).await;
    let told = [(2, 0), (1, 2 * MINUTE_MS), (3, 4 * MINUTE_MS)];
    assert_eq!(scene.told(alarm).await, told);
    let standing = scene.review(alarm).await.alarm.expect("an alarm");
    assert!(standing.nobody_left && standing.next_alert_ms.is_none());
    let ran = scene.after_ms(2 * 24 * 60 * MINUTE_MS).await;
    assert_eq!(scene.told(alarm).await, told);
    assert_eq!((ran.failed, ran.idle), (0, 0));
}

#[tokio::test]
async fn who_acknowledges_ends_the_telling_and_so_does_settling() {
    let scene = Scene::new(SHEET).await;
    let (taken, settled) = (scene.gas().await, scene.gas().await);
    scene.after_ms(0).await;
    let key: FactKey = scene.review(taken).await.alarm.expect("an alarm").alerted[0].key;
    scene.write(2, Some(taken), json!({ "acknowledge": { "of": key } })).await;
    let over =
        json!({ "record": { "fact": { "t": "alarm_settled", "p": { "text": "阀门已关" } } } });
    scene.write(3, Some(settled), over).await;
    scene.after_ms(10 * MINUTE_MS).await;
    assert_eq!(scene.told(taken).await, [(2, 0)]);
    assert_eq!(scene.told(settled).await, [(2, 0)]);
}

/// R0.17
#[tokio::test]
async fn two_runners_and_a_restart_write_each_fact_once() {
    let scene = Scene::new(SHEET).await;
    let alarm = scene.gas().await;
    let other = scene.world.another_app().await;
    for wait_ms in [0, 2 * MINUTE_MS, 2 * MINUTE_MS] {
        scene.world.clock.pass_ms(wait_ms);
        let now_ms = scene.world.app.now_ms();
        let (one, two) = tokio::join!(run_due(&scene.world.app, now_ms), run_due(&other, now_ms));
        one.expect("runs");
        two.expect("runs");
    }
    other.stop().await;
    let restarted = scene.world.another_app().await;
    run_due(&restarted, scene.world.app.now_ms()).await.expect("runs");
    let told = [(2, 0), (1, 2 * MINUTE_MS), (3, 4 * MINUTE_MS)];
    assert_eq!(scene.told(alarm).await, told);
    let facts = scene.review(alarm).await.timeline;
    assert_eq!(facts.iter().filter(|entry| entry.fact_type == "alerted").count(), 3);
    restarted.stop().await;
}

/// R0.17
#[tokio::test]
async fn after_two_days_of_downtime_one_more_is_told_and_has_minutes_to_answer() {
    let scene = Scene::new(SHEET).await;
    let alarm = scene.gas().await;
    scene.after_ms(0).await;
    let down_ms = 2 * 24 * 60 * MINUTE_MS + 31_000;
    scene.after_ms(down_ms).await;
    scene.after_ms(0).await;
    // Nobody is on shift any more: guard 1 is the next by number, by a wait that ended just now.
    let told = scene.told(alarm).await;
    assert_eq!(told, [(2, 0), (1, down_ms - 31_000)]);
}

#[tokio::test]
async fn the_first_ones_minutes_begin_when_the_server_learns_of_an_alarm() {
    let scene = Scene::new(SHEET).await;
    let alarm = scene.gas().await;
    // The phone had no signal for an hour.
    let mut conn = scene.world.write().await;
    let late_ms = 60 * MINUTE_MS + 5;
    sqlx::query("update change set received_ms = ?")
        .bind(START_MS + late_ms)
        .execute(&mut *conn)
        .await
        .expect("updates");
    conn.commit().await.expect("commits");
    scene.after_ms(late_ms).await;
    scene.after_ms(2 * MINUTE_MS - 1).await;
    assert_eq!(scene.told(alarm).await, [(2, late_ms)]);
}

#[tokio::test]
async fn the_roster_of_the_moment_counts_and_disabled_people_are_passed_over() {
    let scene = Scene::new(SHEET).await;
    scene.world.clock.pass_ms(10 * 60 * MINUTE_MS);
    let mut conn = scene.world.write().await;
    directory::disable(&mut conn, ACT, PersonId(1)).await.expect("disabled");
    conn.commit().await.expect("commits");
    // It is past 8:00: guard 1 would be on, and is disabled.
    let alarm = scene.gas().await;
    scene.after_ms(0).await;
    assert_eq!(scene.told(alarm).await, [(2, 10 * 60 * MINUTE_MS)]);
}

/// A round of officer 4 that should begin half an hour after the start of the test.
async fn round(scene: &Scene) -> RecordId {
    let starts_at_ms = START_MS + 30 * MINUTE_MS;
    let created = json!({ "create_round": {
        "site": 7, "patrol": "security_hazards", "area": "东区", "officer": 4,
        "starts_at_ms": starts_at_ms, "checkpoints": [{ "code": "1", "name": "大门" }],
    } });
    scene.write(4, None, created).await
}

async fn visit(scene: &Scene, round: RecordId) {
    let visited = json!({ "checkpoint": "1", "method": "qr_code", "tag": "1" });
    let fact = json!({ "record": { "fact": { "t": "checkpoint_visited", "p": visited } } });
    scene.write(4, Some(round), fact).await;
}

async fn alarms(scene: &Scene) -> Vec<RecordId> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select record from alarm order by record")
        .fetch_all(scene.world.app.db.reader())
        .await
        .expect("reads");
    rows.into_iter().map(|row| super::record(row).expect("an id")).collect()
}

/// R7.22
#[tokio::test]
async fn a_round_not_begun_after_fifteen_minutes_is_one_alarm_that_a_late_start_leaves() {
    let scene = Scene::new(SHEET).await;
    let round = round(&scene).await;
    let due_ms = 45 * MINUTE_MS + 1;
    let ran = scene.after_ms(due_ms - 1).await;
    assert_eq!((alarms(&scene).await.len(), ran.next_ms), (0, Some(START_MS + due_ms)));
    let other = scene.world.another_app().await;
    scene.world.clock.pass_ms(1);
    let now_ms = scene.world.app.now_ms();
    let (one, two) = tokio::join!(run_due(&scene.world.app, now_ms), run_due(&other, now_ms));
    one.expect("runs");
    two.expect("runs");
    other.stop().await;
    let raised = alarms(&scene).await;
    assert_eq!(raised.len(), 1);
    let review = scene.review(raised[0]).await;
    let kind = serde_json::to_value(AlarmKind::RoundNotStarted).expect("a code");
    assert_eq!(review.fields["alarm"].value, kind);
    assert_eq!(review.text("round"), Some(round.to_string().as_str()));
    assert_eq!(review.alarm.expect("an alarm").raised_at_ms, START_MS + due_ms);
    assert_eq!(scene.told(raised[0]).await, [(2, due_ms)]);
    visit(&scene, round).await;
    scene.after_ms(2 * MINUTE_MS).await;
    assert_eq!(scene.told(raised[0]).await.len(), 2, "a late start does not end it");
    assert_eq!(scene.review(raised[0]).await.status, Status::Raised);
    assert_eq!(scene.count("select count(*) from alarm").await, 1);
}

/// R7.22
#[tokio::test]
async fn who_writes_into_a_round_before_its_alarm_is_raised_does_not_hide_it() {
    let scene = Scene::new(SHEET).await;
    let round = round(&scene).await;
    let due_ms = 45 * MINUTE_MS + 1;
    scene.world.clock.pass_ms(due_ms + MINUTE_MS);
    // As after downtime: the phones' writes come before the job has looked.
    scene.write(4, Some(round), json!({ "note": { "text": "门岗缺人" } })).await;
    scene.after_ms(0).await;
    let raised = alarms(&scene).await;
    assert_eq!(raised.len(), 1);
    let alarm = scene.review(raised[0]).await.alarm.expect("an alarm");
    assert_eq!(alarm.raised_at_ms, START_MS + due_ms);
    scene.write(4, Some(round), json!({ "note": { "text": "补人" } })).await;
    let ran = scene.after_ms(0).await;
    assert_eq!(ran.idle, 0, "it is looked at no more");
    assert_eq!(alarms(&scene).await, raised);
}

#[tokio::test]
async fn a_round_that_begins_in_time_raises_none_and_days_later_nothing_is_looked_at_again() {
    let scene = Scene::new(SHEET).await;
    let begun = round(&scene).await;
    let never = round(&scene).await;
    assert_ne!(begun, never);
    scene.after_ms(40 * MINUTE_MS).await;
    visit(&scene, begun).await;
    scene.after_ms(2 * 24 * 60 * MINUTE_MS).await;
    assert_eq!(alarms(&scene).await.len(), 1);
    let due = "select count(*) from patrol_round where status = 'planned'";
    assert_eq!(scene.count(due).await, 0);
}

/// R7.22
#[tokio::test]
async fn a_start_that_was_in_time_and_arrives_late_withdraws_the_alarm() {
    let scene = Scene::new(SHEET).await;
    let round = round(&scene).await;
    scene.after_ms(46 * MINUTE_MS).await;
    let alarm = alarms(&scene).await[0];
    assert_eq!(scene.told(alarm).await.len(), 1);
    // Made in time on a phone that had no signal since.
    let visited = json!({ "t": "checkpoint_visited", "p": { "checkpoint": "1", "method": "nfc" } });
    let visited = Derived {
        rule: "test",
        cause: String::new(),
        at_ms: START_MS + 31 * MINUTE_MS,
        payload: Payload::Patrol(serde_json::from_value(visited).expect("a fact")),
        after: Vec::new(),
    };
    let written = scene.world.app.sync.derive(round, Box::new(|_| vec![visited])).await;
    assert!(written.expect("written"));
    let ran = scene.after_ms(2 * MINUTE_MS).await;
    assert_eq!((ran.done, ran.failed, ran.idle), (1, 0, 0));
    assert_eq!(scene.review(alarm).await.status, Status::Withdrawn);
    scene.after_ms(2 * MINUTE_MS).await;
    assert_eq!(scene.told(alarm).await.len(), 1, "nobody else is told");
}

/// A plan of September with two rounds on the 21st to 23rd.
async fn plan(scene: &Scene) -> RecordId {
    let item = |item: u32, starts_at: &str| {
        json!({
            "item": item, "patrol": "security_hazards", "area": "东区", "officer": 4,
            "days": [21, 22, 23], "starts_at": starts_at,
            "checkpoints": [{ "code": "1", "name": "大门" }],
        })
    };
    let items = [item(1, "23:00"), item(2, "23:30")];
    let created =
        json!({ "create_patrol_plan": { "site": 7, "month": "2026-09", "items": items } });
    scene.write(3, None, created).await
}

/// R7.22
#[tokio::test]
async fn rounds_that_were_made_only_after_their_grace_are_alarms_unless_they_were_planned_after() {
    let scene = Scene::new(SHEET).await;
    // The server is down from before the rounds of the evening until their grace is over.
    plan(&scene).await;
    scene.world.clock.pass_ms(105 * MINUTE_MS);
    for _ in 0..2 {
        scene.after_ms(0).await;
    }
    assert_eq!(alarms(&scene).await.len(), 2, "23:00 and 23:30");
    scene.after_ms(0).await;
    let left = "select count(*) from patrol_round
        where status = 'not_started' and status_until_ms is not null";
    assert_eq!((alarms(&scene).await.len(), scene.count(left).await), (2, 0), "each once");
    // A plan that is written when its rounds should have begun long since.
    let late = Scene::new(SHEET).await;
    late.world.clock.pass_ms(93 * MINUTE_MS);
    plan(&late).await;
    for _ in 0..3 {
        late.after_ms(MINUTE_MS).await;
    }
    assert_eq!(alarms(&late).await, []);
}

/// R7.2
#[tokio::test]
async fn the_rounds_of_today_and_tomorrow_are_made_once_with_the_ids_that_phones_make() {
    let scene = Scene::new(SHEET).await;
    let plan = plan(&scene).await;
    let review = scene.review(plan).await;
    // A phone made one of them first.
    let first = planned_rounds(&review, "2026-09-22").remove(0);
    let mut made = serde_json::to_value(&first.round).expect("writes");
    made["site"] = json!(7);
    made["from"] = json!(first.from);
    assert_eq!(scene.write(4, None, json!({ "create_round": made })).await, first.record);
    let other = scene.world.another_app().await;
    let now_ms = scene.world.app.now_ms();
    let (one, two) = tokio::join!(run_due(&scene.world.app, now_ms), run_due(&other, now_ms));
    one.expect("runs");
    two.expect("runs");
    other.stop().await;
    let of_day = |day: &str| planned_rounds(&review, day).into_iter().map(|round| round.record);
    let wanted: Vec<RecordId> = of_day("2026-09-21").chain(of_day("2026-09-22")).collect();
    assert_eq!(scene.count("select count(*) from patrol_round").await, 4);
    for round in wanted {
        let review = scene.review(round).await;
        assert_eq!((review.kind.as_str(), review.cases.len()), (patrol::ROUND, 0));
        let opened = review.timeline.iter().filter(|entry| entry.fact_type == "created");
        // Where a phone was first, the plan's word stands beside its own.
        assert_eq!(opened.count(), 1 + usize::from(round == first.record));
    }
    let ran = scene.after_ms(MINUTE_MS).await;
    assert_eq!((ran.done, ran.failed, ran.idle), (0, 0, 0), "nothing is looked at twice");
    // Midnight at the site is due next after the rounds of the evening.
    scene.after_ms(2 * 60 * MINUTE_MS).await;
    assert_eq!(scene.count("select count(*) from patrol_round").await, 6);
}

#[tokio::test]
async fn phones_take_the_roster_again_once_a_day() {
    let scene = Scene::new(SHEET).await;
    let version = "select reference_version from installation";
    scene.after_ms(0).await;
    let today = scene.count(version).await;
    scene.after_ms(60 * MINUTE_MS).await;
    assert_eq!(scene.count(version).await, today);
    scene.after_ms(60 * MINUTE_MS).await;
    scene.after_ms(0).await;
    assert_eq!(scene.count(version).await, today + 1, "it is the 22nd at the site");
    // Where no shift is held, there is nothing to take.
    scene.after_ms(9 * 24 * 60 * MINUTE_MS).await;
    scene.after_ms(24 * 60 * MINUTE_MS).await;
    assert_eq!(scene.count(version).await, today + 1);
}

#[tokio::test]
async fn the_runner_wakes_when_an_alarm_is_written_and_ends_with_the_app() {
    let scene = Scene::new(SHEET).await;
    let runner = tokio::spawn(run(scene.world.app.clone()));
    let mut pokes = scene.world.app.sync.subscribe();
    let alarm = scene.gas().await;
    // The alarm itself pokes, then what the runner wrote does; no clock has moved.
    while scene.told(alarm).await.is_empty() {
        pokes.recv().await.expect("a poke");
    }
    scene.world.app.close();
    runner.await.expect("ends");
}
