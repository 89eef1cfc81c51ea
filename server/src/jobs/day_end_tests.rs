//! The day's end: cash that stands in no hand-over is one case a site and day, each entry in it
//! once, whoever runs it and however long nobody did; it is over with the hand-over that lists all
//! of it, and comes back when that changes.

use serde_json::{Value, json};
use sync_core::model::audience::Audience;
use sync_core::model::id::{FactKey, PersonId, RecordId, SiteId};
use sync_core::model::person::Role;

use super::seats::{performs, seated};
use super::{Ran, run_due};
use crate::App;
use crate::people::office::OfficeSession;
use crate::people::{Act, place};
use crate::sync::{CaseDecision, CloseCase};
use crate::testing::{START_MS, World};

const SITE: SiteId = SiteId(7);
const ACT: Act = Act { at_ms: START_MS, by: None };
const HOUR_MS: i64 = 3_600_000;
/// From the start of tests, 22:13:20 at the site, to its midnight.
const TO_MIDNIGHT_MS: i64 = 6_400_000;
const DESK: u32 = 1;
const WORKER: u32 = 2;

/// Cash at the desk: the order, its fact, fen.
type Cash = (RecordId, FactKey, i64);

/// A site with a desk, a technician, a duty operator and a supervisor.
struct Scene {
    world: World,
    seats: Vec<OfficeSession>,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let mut conn = world.write().await;
        place::add_site(&mut conn, ACT, Some(SITE), "云栖花园").await.expect("added");
        let people = [
            ("陈静", Role::FrontDesk),
            ("王建国", Role::Technician),
            ("李强", Role::DutyOperator),
            ("孙丽", Role::Supervisor),
        ];
        let seats = seated(&mut conn, SITE, &people).await;
        conn.commit().await.expect("commits");
        Self { world, seats }
    }

    async fn write(&self, person: u32, record: Option<RecordId>, command: Value) -> RecordId {
        performs((&self.world, &self.seats), person, record, command).await
    }

    /// Records a fact; answers its key.
    async fn step(&self, person: u32, record: RecordId, name: &str, content: Value) -> FactKey {
        let fact = json!({ "t": name, "p": content });
        self.write(person, Some(record), json!({ "command": "record", "fact": fact })).await;
        let (_, _, review) = self.world.app.sync.read(record).await.expect("reads").expect("there");
        let latest = review.timeline.iter().rfind(|entry| entry.fact_type == name);
        latest.expect("written").key
    }

    /// An order whose customer paid so much, which is at the desk.
    async fn paid(&self, amount_fen: i64, method: &str) -> Cash {
        let order = self.write(
            DESK,
            None,
            json!({
                "command": "create_work_order", "site": 7, "category": "household",
                "unit": "3-2-1501", "description": "厨房水管漏水", "priority": "urgent",
            }),
        );
        let order = order.await;
        let visit = self.step(WORKER, order, "set_out", json!({ "grade": 2 })).await;
        let charged = json!({ "visit": visit, "amount_fen": amount_fen, "method": method });
        let charge = self.step(WORKER, order, "charged", charged).await;
        let handed = json!({ "charge": charge, "amount_fen": amount_fen });
        (order, self.step(WORKER, order, "handed_in", handed).await, amount_fen)
    }

    /// A hand-over of the desk with a count of this cash.
    async fn hand_over(&self, cash: &[Cash]) -> RecordId {
        let shift = self.write(
            DESK,
            None,
            json!({
                "command": "open", "site": 7, "kind": "hand_over", "shift": "day",
                "date": "2026-09-21", "from_person": DESK, "desk": "1 号前台",
                "shift_ends_at_ms": START_MS + 30 * 24 * HOUR_MS,
            }),
        );
        let shift = shift.await;
        self.count_cash(shift, cash).await;
        shift
    }

    async fn count_cash(&self, shift: RecordId, cash: &[Cash]) {
        let line = |(record, fact, amount_fen): &Cash| json!({ "record": record, "fact": fact, "amount_fen": amount_fen });
        let takings: Vec<Value> = cash.iter().map(line).collect();
        let counted_fen: i64 = cash.iter().map(|(_, _, fen)| fen).sum();
        let counted = json!({ "opening_fen": 0, "counted_fen": counted_fen, "takings": takings });
        self.step(DESK, shift, "cash_counted", counted).await;
    }

    async fn run(&self, app: &App) -> Ran {
        let ran = run_due(app, self.world.app.now_ms()).await.expect("runs");
        assert_eq!(ran.failed, 0);
        ran
    }

    async fn after_ms(&self, ms: i64) {
        self.world.clock.pass_ms(ms);
        self.run(&self.world.app).await;
    }

    /// The cases of the day's end: entries, fen taken, and whether it is open.
    async fn cases(&self) -> Vec<(i64, i64, bool)> {
        let cases = self.world.app.sync.desk_cases(0, 100, true).await.expect("reads");
        let ours = cases.iter().filter(|case| case.kind == "cash_unaccounted");
        let told = |case: &crate::sync::DeskCaseRow| {
            let params = case.params.as_ref().expect("told");
            let fen = |name: &str| params[name].as_i64().expect("a number");
            (fen("entries"), fen("taken_fen"), case.closed_ms.is_none())
        };
        ours.map(told).collect()
    }

    /// What was done with the cases, in order.
    async fn actions(&self) -> Vec<String> {
        sqlx::query_scalar("select action from desk_case_action order by id")
            .fetch_all(self.world.app.db.reader())
            .await
            .expect("reads")
    }

    async fn dismiss(&self) {
        let cases = self.world.app.sync.desk_cases(0, 100, false).await.expect("reads");
        let close = CloseCase {
            case: cases[0].case,
            person: PersonId(4),
            decision: CaseDecision::Dismiss,
            reason: "已与前台核对".to_owned(),
        };
        self.world.app.sync.close_case(close).await.expect("closed");
    }
}

/// R1.16
#[tokio::test]
async fn cash_that_stands_in_no_hand_over_is_told_when_its_day_is_over_and_not_before() {
    let scene = Scene::new().await;
    scene.paid(12_000, "cash").await;
    scene.paid(5_000, "cash").await;
    scene.paid(70_000, "qr_code").await;
    let listed = scene.paid(900, "cash").await;
    scene.hand_over(&[listed]).await;
    scene.after_ms(TO_MIDNIGHT_MS - 1).await;
    assert_eq!(scene.cases().await, []);
    let mut pokes = scene.world.app.sync.subscribe();
    scene.after_ms(1).await;
    assert_eq!(scene.cases().await, [(2, 17_000, true)]);
    assert_eq!(pokes.try_recv().expect("poked").audience, Audience::Office(SITE));
}

/// R1.16
#[tokio::test]
async fn two_runners_and_a_restart_tell_of_each_cash_once() {
    let scene = Scene::new().await;
    scene.paid(12_000, "cash").await;
    scene.world.clock.pass_ms(TO_MIDNIGHT_MS);
    for _ in 0..2 {
        let (one, two) = (scene.world.another_app().await, scene.world.another_app().await);
        tokio::join!(scene.run(&one), scene.run(&two));
        one.stop().await;
        two.stop().await;
    }
    assert_eq!(scene.cases().await, [(1, 12_000, true)]);
    assert_eq!(scene.actions().await, [""; 0]);
}

/// R1.16
#[tokio::test]
async fn after_two_days_of_downtime_each_day_has_its_own_case_once() {
    let scene = Scene::new().await;
    scene.paid(12_000, "cash").await;
    scene.world.clock.pass_ms(24 * HOUR_MS);
    scene.paid(300, "cash").await;
    scene.paid(200, "cash").await;
    scene.after_ms(24 * HOUR_MS).await;
    scene.after_ms(0).await;
    assert_eq!(scene.cases().await, [(1, 12_000, true), (2, 500, true)]);
}

/// R1.16
#[tokio::test]
async fn cash_of_a_day_that_arrives_after_its_end_joins_the_days_case() {
    let scene = Scene::new().await;
    let early = scene.paid(12_000, "cash").await;
    scene.after_ms(TO_MIDNIGHT_MS).await;
    // A phone without signal: written yesterday, here only now.
    scene.world.clock.pass_ms(-TO_MIDNIGHT_MS);
    let late = scene.paid(800, "cash").await;
    scene.after_ms(TO_MIDNIGHT_MS).await;
    assert_eq!(scene.cases().await, [(2, 12_800, true)]);
    let shift = scene.hand_over(&[early]).await;
    scene.after_ms(0).await;
    assert_eq!(scene.cases().await, [(1, 800, true)]);
    scene.count_cash(shift, &[early, late]).await;
    scene.after_ms(0).await;
    assert_eq!(scene.cases().await, [(1, 800, false)]);
    assert_eq!(scene.actions().await, ["settled"]);
}

/// R1.21
#[tokio::test]
async fn a_settled_case_opens_again_when_a_later_count_leaves_its_cash_out() {
    let scene = Scene::new().await;
    let cash = scene.paid(12_000, "cash").await;
    scene.after_ms(TO_MIDNIGHT_MS).await;
    let shift = scene.hand_over(&[cash]).await;
    scene.after_ms(0).await;
    assert_eq!(scene.cases().await, [(1, 12_000, false)]);
    let mut pokes = scene.world.app.sync.subscribe();
    scene.count_cash(shift, &[]).await;
    while pokes.try_recv().is_ok() {}
    scene.after_ms(0).await;
    assert_eq!(scene.cases().await, [(1, 12_000, true)]);
    assert_eq!(pokes.try_recv().expect("poked").audience, Audience::Office(SITE));
    // Listed with another amount it is not accounted for either.
    scene.count_cash(shift, &[(cash.0, cash.1, 11_000)]).await;
    scene.after_ms(0).await;
    assert_eq!(scene.cases().await, [(1, 12_000, true)]);
    scene.count_cash(shift, &[cash]).await;
    scene.after_ms(0).await;
    // Nor in two hand-overs.
    scene.hand_over(&[cash]).await;
    scene.after_ms(0).await;
    assert_eq!(scene.cases().await, [(1, 12_000, true)]);
    assert_eq!(scene.actions().await, ["settled", "reopened", "settled", "reopened"]);
}

/// R1.21
#[tokio::test]
async fn a_case_closed_by_a_word_opens_again_when_its_sum_changes_and_only_then() {
    let scene = Scene::new().await;
    scene.paid(12_000, "cash").await;
    scene.after_ms(TO_MIDNIGHT_MS).await;
    scene.dismiss().await;
    scene.after_ms(24 * HOUR_MS).await;
    assert_eq!(scene.cases().await, [(1, 12_000, false)]);
    scene.world.clock.pass_ms(-TO_MIDNIGHT_MS - 24 * HOUR_MS);
    scene.paid(800, "cash").await;
    scene.after_ms(TO_MIDNIGHT_MS + 24 * HOUR_MS).await;
    assert_eq!(scene.cases().await, [(2, 12_800, true)]);
    assert_eq!(scene.actions().await, ["dismiss", "reopened"]);
}

/// The day's end reads what changed, whatever is stored.
#[tokio::test]
async fn the_days_end_looks_at_what_changed_by_an_index_and_at_each_once() {
    let scene = Scene::new().await;
    for fen in 1..=3 {
        scene.paid(fen, "cash").await;
    }
    let to_look = "select count(*) from cash_look";
    let count = async || -> i64 {
        let count = sqlx::query_scalar(to_look).fetch_one(scene.world.app.db.reader()).await;
        count.expect("reads")
    };
    assert_eq!(count().await, 3);
    scene.after_ms(TO_MIDNIGHT_MS).await;
    assert_eq!(count().await, 0);
    let plan = format!("explain query plan {}", crate::sync::cash_days::LOOKED);
    let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(plan))
        .bind(7)
        .bind(0)
        .bind(1)
        .fetch_all(scene.world.app.db.reader())
        .await
        .expect("explains");
    let steps: Vec<String> = steps.into_iter().map(|(.., step)| step).collect();
    assert!(steps[0].contains("SEARCH l USING COVERING INDEX cash_look_site (site=? AND at_ms<?)"));
    assert!(steps.iter().all(|step| !step.starts_with("SCAN")), "{steps:?}");
}

/// R1.21
#[tokio::test]
async fn a_word_on_one_cash_is_none_on_other_cash_of_the_same_sum() {
    let scene = Scene::new().await;
    let (one, other) = (scene.paid(12_000, "cash").await, scene.paid(12_000, "cash").await);
    let shift = scene.hand_over(&[one]).await;
    scene.after_ms(TO_MIDNIGHT_MS).await;
    scene.dismiss().await;
    scene.count_cash(shift, &[other]).await;
    scene.after_ms(0).await;
    assert_eq!(scene.cases().await, [(1, 12_000, true)]);
    assert_eq!(scene.actions().await, ["dismiss", "reopened"]);
}

/// R1.16
#[tokio::test]
async fn a_day_is_settled_when_all_of_it_was_looked_at() {
    let scene = Scene::new().await;
    scene.paid(12_000, "cash").await;
    scene.world.clock.pass_ms(1_000);
    scene.paid(5_000, "cash").await;
    let mut conn = scene.world.write().await;
    // Between the two, as many entries that are no more as one transaction takes.
    for n in 0..crate::sync::cash_days::LOOKED_MAX {
        sqlx::query("insert into cash_look (record, fact, site, at_ms) values (?, 'x', 7, ?)")
            .bind(n.to_be_bytes().to_vec())
            .bind(START_MS + 500)
            .execute(&mut *conn)
            .await
            .expect("inserts");
    }
    let end_ms = START_MS + TO_MIDNIGHT_MS;
    let mut changed = Vec::new();
    for _ in 0..3 {
        let site = (SITE, "Asia/Shanghai");
        let ended = crate::sync::cash_days::end(&mut conn, site, (end_ms, end_ms)).await;
        changed.push(ended.expect("ends").changed);
    }
    conn.commit().await.expect("commits");
    assert_eq!(changed, [false, true, false]);
    assert_eq!(scene.cases().await, [(2, 17_000, true)]);
}
