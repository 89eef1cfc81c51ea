//! What waits for a decision: nothing of it is out of the office's sight, each word reaches the
//! worker, and what is decided costs the device no more.

use super::push::outcomes;
use super::*;
use crate::sync::testing::forbidden;
use crate::sync::waiting::HELD_CASE_MS;

const QUOTA: &str = "select quarantine_bytes from phone where device = 9";

pub(super) fn code<T: std::fmt::Debug>(done: Result<T>) -> (ProblemCode, BTreeMap<String, String>) {
    match done {
        Err(Error::Problem { code, params }) => (code, params),
        other => panic!("{other:?}"),
    }
}

impl World {
    pub(super) async fn open(&self) -> Vec<DeskCaseRow> {
        self.sync.desk_cases(0, 50, false).await.expect("reads")
    }

    pub(super) async fn say(&self, case: i64, decision: CaseDecision) -> Result<()> {
        let reason = "客户来电确认".to_owned();
        self.sync.close_case(CloseCase { case, person: CHEN, decision, reason }).await
    }
}

/// An order of Wang's, and Wang's phone.
pub(super) async fn at_work(world: &World) -> (RecordId, Phone, Phone) {
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    (record, chen, wang)
}

/// Work that stands on a command which never came.
pub(super) async fn held(world: &World) -> (RecordId, Phone) {
    let (record, _, mut wang) = at_work(world).await;
    let lost = wang.write(record, "note", json!({ "text": "1" }));
    wang.write(record, "note", json!({ "text": "2" }));
    wang.copy(record).pending.retain(|change| change.hash != lost.hash);
    world.settle(&mut wang).await;
    assert_eq!(wang.told, BTreeMap::from([(2, Outcome::Held)]));
    (record, wang)
}

/// R5.19.
#[tokio::test]
async fn a_command_held_for_seven_days_becomes_a_case_and_not_a_millisecond_before() {
    let world = World::new().await;
    let (record, mut wang) = held(&world).await;
    let of_kind = |cases: Vec<DeskCaseRow>| {
        cases.into_iter().filter(|case| case.kind == "held").collect::<Vec<_>>()
    };
    world.clock.0.fetch_add(HELD_CASE_MS - 1, Ordering::Relaxed);
    // Held anew with more on top, it has waited as long.
    wang.write(record, "note", json!({ "text": "3" }));
    world.settle(&mut wang).await;
    assert_eq!(world.sync.open_cases_of_waiting().await.expect("opens"), 0);
    let due = NOW_MS + HELD_CASE_MS;
    assert_eq!(world.sync.waiting_next_ms().await.expect("reads"), Some(due));
    world.clock.0.fetch_add(1, Ordering::Relaxed);
    assert_eq!(world.sync.open_cases_of_waiting().await.expect("opens"), 1);
    assert_eq!(world.sync.open_cases_of_waiting().await.expect("opens"), 0, "once");
    let cases = of_kind(world.open().await);
    let [case] = &cases[..] else { panic!("{cases:?}") };
    assert_eq!((case.from, case.to, case.site), (2, 3, Some(SITE)));
    assert_eq!(case.code.as_deref(), Some("missing_dependency"));
    let (no, params) = code(world.say(case.case, CaseDecision::Dismiss).await);
    assert_eq!((no, params["why"].as_str()), (ProblemCode::DecisionRefused, "waits"));
    world.say(case.case, CaseDecision::AcceptAfterAll).await.expect("accepts");
    assert_eq!(outcomes(&world.sync(&wang).await), [(2, 3, Outcome::Rewritten)]);
    assert_eq!(world.count(QUOTA).await, 0);
    assert_eq!(world.count("select count(*) from held_pack").await, 0);
    world.checked().await;
}

#[tokio::test]
async fn a_case_of_held_work_closes_by_itself_when_it_is_released() {
    let world = World::new().await;
    let (record, _, mut wang) = at_work(&world).await;
    let first = wang.write(record, "note", json!({ "text": "1" }));
    wang.write(record, "note", json!({ "text": "2" }));
    let all = wang.copy(record).pending.clone();
    wang.copy(record).pending.retain(|change| change.hash != first.hash);
    world.sync(&wang).await;
    world.clock.0.fetch_add(HELD_CASE_MS, Ordering::Relaxed);
    world.sync.open_cases_of_waiting().await.expect("opens");
    let case = world.open().await.into_iter().find(|case| case.kind == "held").expect("a case");
    wang.copy(record).pending = all;
    world.sync(&wang).await;
    let (closed, params) = code(world.say(case.case, CaseDecision::Discard).await);
    assert_eq!((closed, params["decision"].as_str()), (ProblemCode::CaseClosed, "released"));
    assert_eq!(world.count(QUOTA).await, 0);
    world.checked().await;
}

#[tokio::test]
async fn undecided_work_is_decided_with_nobody_writing() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(&folder).await;
    people(&database).await;
    let clock = Arc::new(Stepped(AtomicI64::new(NOW_MS)));
    let as_clock: Arc<dyn Clock> = Arc::<Stepped>::clone(&clock);
    let hooks = Arc::new(NoHooks);
    let options = SyncOptions::new(database, as_clock, Arc::new(Life(0)), hooks, [7; 32]);
    let sync = Sync::start_with(options, |_| panic!("a defect"));
    let mut world = World { folder, clock, sync, lives: 1 };
    let mut chen = Phone::new(CHEN, 1);
    let (record, _) = chen.open_order(None);
    chen.take(&world.sync(&chen).await);
    assert_eq!(world.sync.undecided(9).await.expect("reads"), [record]);
    assert!(world.sync.decide_again(record).await.is_err(), "the defect is still there");
    assert_eq!(world.sync.undecided(9).await.expect("reads"), [], "not at once");
    world.restart(Arc::new(NoHooks)).await;
    world.clock.0.fetch_add(5_000, Ordering::Relaxed);
    for record in world.sync.undecided(9).await.expect("reads") {
        world.sync.decide_again(record).await.expect("decides");
    }
    assert_eq!(outcomes(&world.sync(&chen).await), [(1, 1, Outcome::Entered)]);
    assert_eq!(world.count("select count(*) from held_pack").await, 0);
    world.checked().await;
}

/// R5.21.
#[tokio::test]
async fn what_was_kept_as_it_came_is_accepted_under_its_own_keys_or_discarded() {
    for decision in [CaseDecision::AcceptAfterAll, CaseDecision::Discard] {
        let world = World::new().await;
        let (record, mut chen, mut wang) = at_work(&world).await;
        wang.write(record, "note", json!({ "text": "one" }));
        wang.write(record, "note", json!({ "text": "two" }));
        let mut broken = wang.pack(record);
        broken.check = [0; 8];
        let request = SyncRequest { packs: pack::encode(&[broken]), ..wang.request() };
        let answer = world.send(&wang, request).await.expect("an answer");
        assert_eq!(outcomes(&answer), [(1, 2, Outcome::Refused)]);
        wang.take(&answer);
        assert!(world.count(QUOTA).await > 0);
        let cases = world.open().await;
        let [case] = &cases[..] else { panic!("{cases:?}") };
        let (no, params) = code(world.say(case.case, CaseDecision::Dismiss).await);
        assert_eq!((no, params["why"].as_str()), (ProblemCode::DecisionRefused, "waits"));
        world.say(case.case, decision).await.expect("decides");
        assert_eq!(world.count(QUOTA).await, 0);
        let answer = world.sync(&wang).await;
        wang.take(&answer);
        world.settle(&mut chen).await;
        if decision == CaseDecision::AcceptAfterAll {
            assert_eq!(outcomes(&answer), [(1, 2, Outcome::Rewritten)]);
            assert_eq!(chen.records[&record].facts().len(), 4);
        } else {
            assert_eq!(outcomes(&answer), [(1, 2, Outcome::Refused)]);
            assert_eq!(chen.records[&record].facts().len(), 2);
            let kept = "select count(*) from quarantine where decision = 'discarded'";
            assert_eq!(world.count(kept).await, 2, "nothing is deleted");
        }
        world.checked().await;
    }
}

/// R5.21.
#[tokio::test]
async fn no_word_of_the_office_edits_a_fact_that_stands() {
    let world = World::new().await;
    let (record, _, mut wang) = at_work(&world).await;
    let first = wang.write(record, "note", json!({ "text": "one" }));
    world.settle(&mut wang).await;
    let edited = wang.fact(first.facts[0].key, "note", &json!({ "text": "edited" }));
    wang.change(record, vec![edited]);
    world.sync(&wang).await;
    let cases = world.open().await;
    let [case] = &cases[..] else { panic!("{cases:?}") };
    let (no, params) = code(world.say(case.case, CaseDecision::AcceptAfterAll).await);
    assert_eq!(no, ProblemCode::DecisionRefused);
    assert_eq!(params["why"], "edited_old_fact");
    world.say(case.case, CaseDecision::Discard).await.expect("discards");
    let told = "select count(*) from receipt where device = 9 and outcome = 'entered'";
    assert_eq!(world.count(told).await, 1, "the first one's receipt stands");
    assert_eq!(world.count(QUOTA).await, 0);
    world.checked().await;
}

/// R5.21: a patched app writes that a deadline has passed; accepted, it would silence the rule.
#[tokio::test]
async fn no_word_of_the_office_makes_a_phones_fact_a_rules() {
    let world = World::new().await;
    let (record, _, mut wang) = at_work(&world).await;
    let content = json!({ "deadline": "call_back", "due_ms": 1, "tells": [] });
    let forged = wang.write(record, "fell_due", content);
    world.sync(&wang).await;
    let cases = world.open().await;
    let [case] = &cases[..] else { panic!("{cases:?}") };
    let (no, params) = code(world.say(case.case, CaseDecision::AcceptAfterAll).await);
    assert_eq!(no, ProblemCode::DecisionRefused);
    assert_eq!(params["why"], "of_a_rule");
    world.say(case.case, CaseDecision::Discard).await.expect("discards");
    let key = forged.facts[0].key;
    let (_, _, review) = world.sync.read(record).await.expect("reads").expect("is there");
    assert!(review.timeline.iter().all(|entry| entry.key != key));
    world.checked().await;
}

#[tokio::test]
async fn what_does_not_read_is_discarded_and_costs_no_more() {
    let world = World::new().await;
    let wang = Phone::new(WANG, 9);
    let request = SyncRequest { packs: vec![9, 9], ..wang.request() };
    assert_eq!(code(world.send(&wang, request).await).0, ProblemCode::Malformed);
    assert_eq!(world.count(QUOTA).await, 2);
    let case = world.open().await[0].case;
    let (no, params) = code(world.say(case, CaseDecision::AcceptAfterAll).await);
    assert_eq!((no, params["why"].as_str()), (ProblemCode::DecisionRefused, "unreadable"));
    world.say(case, CaseDecision::Discard).await.expect("discards");
    assert_eq!((world.count(QUOTA).await, world.open().await.len()), (0, 0));
    assert_eq!(world.count("select count(*) from quarantine").await, 1, "nothing is deleted");
}

/// R5.21.
#[tokio::test]
async fn a_second_clerk_is_told_the_first_ones_decision_and_followers_close_with_it() {
    let world = World::new().await;
    let (record, _, mut wang) = at_work(&world).await;
    let (fact_type, payload) = forbidden();
    let refused = wang.write(record, fact_type, payload);
    let replaces = [refused.facts[0].key.to_string()];
    let at = "2026-11-26T10:00:00+08:00";
    let rests = json!({ "field": "appointment", "value": at, "replaces": replaces });
    wang.write(record, "set", rests);
    world.settle(&mut wang).await;
    let cases = world.open().await;
    let [first, follower] = &cases[..] else { panic!("{cases:?}") };
    world.say(first.case, CaseDecision::AcceptAfterAll).await.expect("accepts");
    assert_eq!(world.open().await, [], "what rested on it is decided with it");
    for case in [first, follower] {
        let (closed, params) = code(world.say(case.case, CaseDecision::Discard).await);
        assert_eq!(closed, ProblemCode::CaseClosed);
        assert_eq!(params["decision"], "accept_after_all");
        assert_eq!((params["by"].as_str(), params["reason"].as_str()), ("Chen", "客户来电确认"));
    }
    assert_eq!(world.count(QUOTA).await, 0);
}

/// R5.21.
#[tokio::test]
async fn the_reason_of_a_discard_reaches_the_worker() {
    let world = World::new().await;
    let (record, _, mut wang) = at_work(&world).await;
    let (fact_type, payload) = forbidden();
    wang.write(record, fact_type, payload);
    world.settle(&mut wang).await;
    let case = world.open().await[0].case;
    world.say(case, CaseDecision::Discard).await.expect("discards");
    let receipt = world.sync(&wang).await.receipts.pop().expect("a receipt");
    assert_eq!(receipt.code.as_deref(), Some("discarded"));
    assert_eq!(receipt.params.expect("a reason")["reason"], "客户来电确认");
}
