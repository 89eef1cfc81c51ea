//! The account of a day: what was written is of its own day whenever it comes, everything saved is
//! of one day, and a closed day is reopened by what comes for it.

use sync_core::model::id::DeviceId;
use sync_core::model::time::BootId;
use sync_core::protocol::message::SyncRequest;
use sync_core::rules::account::{Equation, Known, NumberRange};

use super::*;
use crate::people::Act;
use crate::sync::account_day::{self, DayAccount, DeviceDay, LATE};
use crate::sync::testing::forbidden;

const DAY_MS: i64 = 86_400_000;
/// 2026-09-21 at the site, in whose evening tests begin.
const TODAY: &str = "2026-09-21";
const TOMORROW: &str = "2026-09-22";
/// When today began.
const MIDNIGHT_MS: i64 = 1_789_920_000_000;

impl World {
    async fn account_of(&self, day: &str) -> DayAccount {
        let from_ms = MIDNIGHT_MS + if day == TODAY { 0 } else { DAY_MS };
        let mut conn = self.sync.shared.database.reader().acquire().await.expect("a connection");
        let span_ms = (from_ms, from_ms + DAY_MS);
        account_day::read(&mut conn, (SITE, day), span_ms).await.expect("reads")
    }

    /// The row of Wang's phone.
    async fn wangs(&self, day: &str) -> DeviceDay {
        let account = self.account_of(day).await;
        assert!(account.rows.iter().all(|row| row.accounted.equation.closes()));
        let row = account.rows.into_iter().find(|row| row.device == DeviceId(9));
        row.expect("Wang has a phone")
    }

    async fn close_day(&self, day: &str, by: PersonId) {
        let from_ms = MIDNIGHT_MS + if day == TODAY { 0 } else { DAY_MS };
        let act = Act { at_ms: self.clock.wall_ms(), by: Some(by) };
        let mut conn = self.sync.shared.database.begin_write().await.expect("begins");
        let span_ms = (from_ms, from_ms + DAY_MS);
        account_day::close(&mut conn, act, (SITE, day), span_ms).await.expect("closes");
        conn.commit().await.expect("commits");
    }

    async fn late(&self) -> Vec<DeskCaseRow> {
        let mut cases = self.sync.desk_cases(0, 50, true).await.expect("reads");
        cases.retain(|case| case.kind == LATE);
        cases
    }

    fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    async fn rows(&self) -> i64 {
        self.count("select count(*) from account_day_row where device = 9").await
    }
}

fn equation(saved: u64, accepted: u64, held: u64, refused: u64, on_phone: u64) -> Equation {
    Equation { saved, accepted, held, refused, on_phone }
}

/// An order of Wang's, and Wang's phone with so many notes on it.
async fn with_notes(world: &World, count: u32) -> (RecordId, Phone) {
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    for number in 0..count {
        wang.write(record, "note", json!({ "text": number.to_string() }));
    }
    (record, wang)
}

/// A request that brings nothing and says that so much is saved, all of it on the phone.
fn saying(phone: &Phone, highest: u64, unsent: u64) -> SyncRequest {
    let mut request = phone.request();
    request.packs = Vec::new();
    request.state.highest_number = highest;
    request.state.unsent = unsent;
    request
}

/// R8.15.
#[tokio::test]
async fn what_was_written_is_of_its_own_day_whenever_it_comes() {
    let world = World::new().await;
    let (record, mut wang) = with_notes(&world, 3).await;
    let (fact_type, payload) = forbidden();
    wang.write(record, fact_type, payload);
    world.pass(DAY_MS);
    world.settle(&mut wang).await;
    let row = world.wangs(TODAY).await;
    assert_eq!(row.accounted.equation, equation(4, 3, 0, 1, 0));
    assert_eq!((row.received, row.up_to, row.late), (0, 4, 0));
    assert_eq!(row.known, Known::Whole, "it told after the day's end");
    let tomorrow = world.wangs(TOMORROW).await;
    assert_eq!(tomorrow.accounted.equation, Equation::default());
    assert_eq!(tomorrow.known, Known::Until(NOW_MS + DAY_MS));
    // Chen's two commands are of the same day.
    assert_eq!(world.account_of(TODAY).await.total, equation(6, 5, 0, 1, 0));
}

/// R8.15.
#[tokio::test]
async fn what_cannot_be_dated_is_of_the_day_it_came_and_says_so() {
    let world = World::new().await;
    let (record, mut wang) = with_notes(&world, 0).await;
    wang.boot = BootId([77; 16]);
    wang.reopen(77);
    wang.write(record, "note", json!({ "text": "1" }));
    world.pass(DAY_MS);
    // Its boot ended without a contact.
    let mut request = wang.request();
    request.clock.boot = BootId([78; 16]);
    wang.take(&world.send(&wang, request).await.expect("an answer"));
    assert_eq!(wang.told, BTreeMap::from([(1, Outcome::Entered)]));
    let row = world.wangs(TOMORROW).await;
    assert_eq!((row.accounted.equation, row.received), (equation(1, 1, 0, 0, 0), 1));
    assert_eq!(world.wangs(TODAY).await.accounted.equation, Equation::default());
}

/// R8.14.
#[tokio::test]
async fn what_a_phone_tells_of_is_on_it_until_it_comes() {
    let world = World::new().await;
    let (record, mut wang) = with_notes(&world, 2).await;
    world.pass(DAY_MS);
    let answer = world.send(&wang, saying(&wang, 5, 5)).await.expect("an answer");
    assert!(answer.receipts.is_empty());
    let row = world.wangs(TOMORROW).await;
    assert_eq!(row.accounted.equation, equation(5, 0, 0, 0, 5));
    assert_eq!(row.accounted.missing, [NumberRange { from: 1, to: 5 }]);
    assert_eq!((row.up_to, row.told_ms), (5, Some(NOW_MS + DAY_MS)));
    // Two of them come: they say their own day. The rest stays where it was told of.
    let mut request = wang.request();
    (request.state.highest_number, request.state.unsent) = (5, 5);
    wang.take(&world.send(&wang, request).await.expect("an answer"));
    assert_eq!(world.wangs(TODAY).await.accounted.equation, equation(2, 2, 0, 0, 0));
    let row = world.wangs(TOMORROW).await;
    assert_eq!(row.accounted.equation, equation(3, 0, 0, 0, 3));
    assert_eq!(row.accounted.missing, [NumberRange { from: 3, to: 5 }]);
    // The fourth comes alone, and the phone says that nothing is left: a gap on each side of it.
    wang.number = 3;
    wang.write(record, "note", json!({ "text": "4" }));
    let mut request = wang.request();
    (request.state.highest_number, request.state.unsent) = (5, 1);
    wang.take(&world.send(&wang, request).await.expect("an answer"));
    let row = world.wangs(TOMORROW).await;
    let gaps = [NumberRange { from: 3, to: 3 }, NumberRange { from: 5, to: 5 }];
    assert_eq!(
        (row.accounted.equation, row.accounted.missing),
        (equation(2, 0, 0, 0, 2), gaps.into())
    );
    let whole = world.sync.account(DeviceId(9)).await.expect("reads");
    assert_eq!(
        (whole.saved, whole.accepted, whole.on_phone()),
        (5, 3, 2),
        "the days are all of it"
    );
}

#[tokio::test]
async fn a_push_costs_a_range_for_each_day_however_much_it_brings() {
    let world = World::new().await;
    let (_, mut wang) = with_notes(&world, 60).await;
    world.settle(&mut wang).await;
    assert_eq!(world.rows().await, 1);
    let (record, _) = with_notes(&world, 0).await;
    wang.boot = BootId([77; 16]);
    wang.reopen(77);
    for number in 0..20 {
        wang.write(record, "note", json!({ "text": number.to_string() }));
    }
    let mut request = wang.request();
    request.clock.boot = BootId([78; 16]);
    wang.take(&world.send(&wang, request).await.expect("an answer"));
    assert_eq!(world.rows().await, 2, "one written on the day, one received on it");
    let row = world.wangs(TODAY).await;
    assert_eq!((row.accounted.equation, row.received), (equation(80, 80, 0, 0, 0), 20));
}

/// R8.16.
#[tokio::test]
async fn a_closed_day_is_reopened_by_what_comes_for_it_with_one_case_a_device() {
    let world = World::new().await;
    let (record, mut wang) = with_notes(&world, 2).await;
    world.pass(DAY_MS);
    world.close_day(TODAY, CHEN).await;
    let closing = world.account_of(TODAY).await.closing.expect("closed");
    assert!(closing.holds());
    assert_eq!((closing.at_ms, closing.by), (NOW_MS + DAY_MS, CHEN));
    assert_eq!(closing.as_of.total, equation(2, 2, 0, 0, 0), "of what was known: Chen's");
    let unknown: Vec<_> =
        closing.as_of.unknown.iter().map(|phone| (phone.device.0, phone.told_ms)).collect();
    assert_eq!(unknown, [(1, Some(NOW_MS)), (9, Some(NOW_MS)), (10, None)]);
    assert_eq!(world.late().await, []);

    world.settle(&mut wang).await;
    let account = world.account_of(TODAY).await;
    let closing = account.closing.expect("closed once");
    assert_eq!(closing.as_of.total.saved, 2, "as of then");
    assert_eq!(account.total, equation(4, 4, 0, 0, 0));
    let reopened = closing.reopened.expect("by what came");
    assert_eq!((reopened.at_ms, reopened.by), (NOW_MS + DAY_MS, None));
    let [case] = &world.late().await[..] else { panic!("one case") };
    assert_eq!((case.site, case.person, case.device.0), (Some(SITE), WANG, 9));
    assert_eq!((case.from, case.to, case.closed_ms), (1, 2, None));
    assert_eq!(case.params, Some(json!({ "day": TODAY, "commands": 2 })));
    assert_eq!(world.wangs(TODAY).await.late, 2);

    // It is not about what did not read.
    let unreadable = "insert into quarantine (at_ms, person, device, code, bytes)
        values (1, 31, 9, 'unreadable', x'00')";
    let mut conn = world.sync.shared.database.begin_write().await.expect("begins");
    sqlx::query(unreadable).execute(&mut *conn).await.expect("inserts");
    conn.commit().await.expect("commits");
    let (decision, reason) = (CaseDecision::Discard, "不该写".to_owned());
    let word = CloseCase { case: case.case, person: CHEN, decision, reason };
    assert!(world.sync.close_case(word).await.is_err());
    assert_eq!(world.count("select count(*) from quarantine where decision is null").await, 1);

    // More for the same day, which is open again: the same case. Held first, it counts once.
    let lost = wang.write(record, "note", json!({ "text": "3" }));
    wang.write(record, "note", json!({ "text": "4" }));
    let all = wang.copy(record).pending.clone();
    wang.copy(record).pending.retain(|change| change.hash != lost.hash);
    // It says the time of the day it was written on: as a phone that was not heard of since.
    forget(&world).await;
    wang.take(&world.sync(&wang).await);
    wang.copy(record).pending = all;
    forget(&world).await;
    world.settle(&mut wang).await;
    let [case] = &world.late().await[..] else { panic!("one case") };
    assert_eq!((case.from, case.to), (1, 4));
    assert_eq!(case.params, Some(json!({ "day": TODAY, "commands": 4 })));

    // Closing again closes the case; the next late work opens it again.
    world.close_day(TODAY, CHEN).await;
    let [case] = &world.late().await[..] else { panic!("one case") };
    assert_eq!(case.closed_ms, Some(NOW_MS + DAY_MS));
    assert_eq!(world.account_of(TODAY).await.closing.expect("closed").as_of.total.saved, 6);
    wang.write(record, "note", json!({ "text": "5" }));
    forget(&world).await;
    world.settle(&mut wang).await;
    let [case] = &world.late().await[..] else { panic!("one case") };
    assert_eq!((case.closed_ms, case.to), (None, 5));
    let acts = "select count(*) from audit where act = 'account_day_reopened'";
    assert_eq!(world.count(acts).await, 2, "once for each closing");
    let acts = "select count(*) from desk_case_action where action in ('day_closed', 'reopened')";
    assert_eq!(world.count(acts).await, 2);
    world.checked().await;
}

/// A server that has heard nothing of Wang's phone since the first day.
async fn forget(world: &World) {
    let mut conn = world.sync.shared.database.begin_write().await.expect("begins");
    sqlx::query("update phone set confirmed = '[]' where device = 9")
        .execute(&mut *conn)
        .await
        .expect("updates");
    conn.commit().await.expect("commits");
}

/// R8.16.
#[tokio::test]
async fn work_of_another_day_leaves_a_closed_day_closed_and_a_decision_is_no_arrival() {
    let world = World::new().await;
    let (record, mut wang) = with_notes(&world, 0).await;
    let lost = wang.write(record, "note", json!({ "text": "1" }));
    wang.write(record, "note", json!({ "text": "2" }));
    let all = wang.copy(record).pending.clone();
    wang.copy(record).pending.retain(|change| change.hash != lost.hash);
    world.settle(&mut wang).await;
    assert_eq!(world.wangs(TODAY).await.accounted.equation, equation(2, 0, 1, 0, 1));
    world.close_day(TOMORROW, CHEN).await;
    // The second, which was held, is decided with the first that comes: both are of today.
    wang.copy(record).pending = all;
    world.settle(&mut wang).await;
    assert_eq!(world.wangs(TODAY).await.accounted.equation, equation(2, 2, 0, 0, 0));
    assert!(world.account_of(TOMORROW).await.closing.expect("closed").holds());
    world.close_day(TODAY, CHEN).await;
    let (fact_type, payload) = forbidden();
    wang.write(record, fact_type, payload);
    world.settle(&mut wang).await;
    let [late] = &world.late().await[..] else { panic!("one case") };
    assert_eq!((late.from, late.to), (3, 3));
    world.close_day(TODAY, CHEN).await;
    let cases = world.sync.desk_cases(0, 50, false).await.expect("reads");
    let refused = cases.iter().find(|case| case.kind == "refused").expect("a case").case;
    let (decision, reason) = (CaseDecision::Discard, "不该写".to_owned());
    let word = CloseCase { case: refused, person: CHEN, decision, reason };
    world.sync.close_case(word).await.expect("decides");
    assert!(world.account_of(TODAY).await.closing.expect("closed").holds());
}

/// R8.16.
#[tokio::test]
async fn who_closes_second_changes_nothing_and_a_day_reopened_by_somebody_waits_for_work() {
    let world = World::new().await;
    let (_, mut wang) = with_notes(&world, 2).await;
    world.close_day(TODAY, CHEN).await;
    world.pass(1_000);
    world.close_day(TODAY, LI).await;
    let closing = world.account_of(TODAY).await.closing.expect("closed");
    assert_eq!((closing.at_ms, closing.by), (NOW_MS, CHEN));
    let closings = "select count(*) from audit where act = 'account_day_closed'";
    assert_eq!(world.count(closings).await, 1);
    let act = Act { at_ms: NOW_MS + 2_000, by: Some(LI) };
    let mut conn = world.sync.shared.database.begin_write().await.expect("begins");
    account_day::reopen(&mut conn, act, (SITE, TODAY), "漏了一单").await.expect("reopens");
    let again = account_day::reopen(&mut conn, act, (SITE, TODAY), "漏了一单").await;
    conn.commit().await.expect("commits");
    assert!(matches!(again, Err(Error::Problem { code: ProblemCode::DecisionRefused, .. })));
    world.settle(&mut wang).await;
    assert_eq!(world.late().await, [], "it was waited for");
    let reopened = world.account_of(TODAY).await.closing.expect("closed once").reopened;
    assert_eq!(reopened.map(|reopened| reopened.by), Some(Some(LI)));
}

/// What an upgrade makes of the commands that are here.
#[tokio::test]
async fn commands_of_before_are_of_the_day_they_were_received_on() {
    let world = World::new().await;
    let (record, mut wang) = with_notes(&world, 3).await;
    world.settle(&mut wang).await;
    world.pass(2 * 3_600_000);
    wang.write(record, "note", json!({ "text": "4" }));
    let (fact_type, payload) = forbidden();
    wang.write(record, fact_type, payload);
    world.settle(&mut wang).await;
    let migration = include_str!("../../../migrations/sqlite/0018_account_day.sql");
    let (_, statement) = migration.split_once("with recursive").expect("it is there");
    let statement = format!("with recursive{statement}");
    let mut conn = world.sync.shared.database.begin_write().await.expect("begins");
    sqlx::query("delete from account_day_row").execute(&mut *conn).await.expect("deletes");
    let query = sqlx::query(sqlx::AssertSqlSafe(statement));
    query.execute(&mut *conn).await.expect("inserts");
    conn.commit().await.expect("commits");
    let today = world.wangs(TODAY).await;
    assert_eq!((today.accounted.equation, today.received), (equation(3, 3, 0, 0, 0), 3));
    let tomorrow = world.wangs(TOMORROW).await;
    assert_eq!((tomorrow.accounted.equation, tomorrow.received), (equation(2, 1, 0, 1, 0), 2));
    assert_eq!(world.rows().await, 2);
    assert_eq!(world.account_of(TODAY).await.total.saved, 5, "Chen's too");
}
