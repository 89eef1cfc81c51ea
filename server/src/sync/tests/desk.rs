//! What the office does with what waits, beside accepting and discarding: questions and their
//! answers, words taken back, and the one case of a full quota.

use sync_core::protocol::message::{ANSWER, ASKED_BY, CaseAnswer, QUESTION, QUESTION_ID};

use super::waiting::{at_work, code, held};
use super::*;
use crate::people::Act;
use crate::people::device::{self, Befalls};
use crate::sync::asking::{self, CaseWord};
use crate::sync::testing::forbidden;
use crate::sync::waiting::HELD_CASE_MS;

const ASKED: &str = "客户改期了，还是不用修了？";

impl World {
    async fn ask(&self, case: i64) -> Result<()> {
        let (decision, reason) = (CaseDecision::ReturnToWorker, ASKED.to_owned());
        self.sync.close_case(CloseCase { case, person: CHEN, decision, reason }).await
    }

    async fn words(&self, case: i64) -> Vec<(String, String)> {
        let mut conn = self.sync.shared.database.reader().acquire().await.expect("a reader");
        let words = asking::words(&mut conn, &[case]).await.expect("reads");
        words.into_iter().map(|CaseWord { action, reason, .. }| (action, reason)).collect()
    }

    async fn waits_for(&self, case: i64) -> Option<String> {
        let row = self.sync.desk_case(case).await.expect("reads").expect("is there");
        assert_eq!(row.closed_ms, None, "it stays open");
        row.waits_for
    }

    /// A phone's answer to a question; the questions that the server says it has.
    async fn answer(&self, phone: &Phone, question: u64, text: &str) -> Option<Vec<u64>> {
        let answers = Some(vec![CaseAnswer { question, text: text.to_owned() }]);
        let request = SyncRequest { answers, ..phone.request() };
        self.send(phone, request).await.expect("an answer").answered
    }
}

/// A refused command of Wang's, and its case.
async fn refused(world: &World) -> (RecordId, Phone, i64) {
    let (record, _, mut wang) = at_work(world).await;
    wang.write(record, forbidden().0, forbidden().1);
    world.settle(&mut wang).await;
    let case = world.open().await[0].case;
    (record, wang, case)
}

/// What the worker is told of the only command.
async fn told(world: &World, phone: &mut Phone) -> BTreeMap<String, String> {
    let answer = world.sync(phone).await;
    let receipt = answer.receipts.last().expect("a receipt").clone();
    phone.take(&answer);
    receipt.params.unwrap_or_default()
}

/// R5.22
#[tokio::test]
async fn a_question_reaches_the_worker_and_the_answer_stands_in_the_cases_words() {
    let world = World::new().await;
    let (_, mut wang, case) = refused(&world).await;
    world.ask(case).await.expect("asks");
    let params = told(&world, &mut wang).await;
    assert_eq!((params[QUESTION].as_str(), params[ASKED_BY].as_str()), (ASKED, "Chen"));
    assert_eq!(params["fact"], "cancelled", "beside the reason, which stays");
    assert_eq!(world.waits_for(case).await.as_deref(), Some("worker"));
    // The second clerk sees that it was asked.
    let (no, params_of_no) = code(world.ask(case).await);
    assert_eq!(no, ProblemCode::DecisionRefused);
    assert_eq!(params_of_no["why"], "waits_for_worker");

    let question: u64 = params[QUESTION_ID].parse().expect("a number");
    assert_eq!(world.answer(&wang, question, "不用修了").await, Some(vec![question]));
    assert_eq!(world.waits_for(case).await, None, "the office is waited for");
    // Lost and sent again it is kept once; in other words it stands beside the first.
    for text in ["不用修了", "改期了", "改期了"] {
        assert_eq!(world.answer(&wang, question, text).await, Some(vec![question]));
    }
    let expected = [("return_to_worker", ASKED), ("answer", "不用修了"), ("answer", "改期了")];
    let words = world.words(case).await;
    let words: Vec<_> = words.iter().map(|(a, r)| (a.as_str(), r.as_str())).collect();
    assert_eq!(words, expected);
    assert_eq!(told(&world, &mut wang).await[ANSWER], "改期了");
    // Without end it would fill the log: what is beyond stays the phone's.
    for n in 3..=20 {
        assert_eq!(world.answer(&wang, question, &n.to_string()).await, Some(vec![question]));
    }
    assert_eq!(world.answer(&wang, question, "21").await, Some(vec![]));
    assert_eq!(world.words(case).await.len(), 21);
    told(&world, &mut wang).await;

    // Asked and answered, it is decided like any other; a second clerk is told the decision.
    world.say(case, CaseDecision::Discard).await.expect("discards");
    let params = told(&world, &mut wang).await;
    assert_eq!((params.get(QUESTION), params["reason"].as_str()), (None, "客户来电确认"));
    let (no, params) = code(world.ask(case).await);
    assert_eq!((no, params["decision"].as_str()), (ProblemCode::CaseClosed, "discard"));
}

/// R5.22
#[tokio::test]
async fn what_is_held_is_asked_about_too_and_released_all_the_same() {
    let world = World::new().await;
    let (_, mut wang) = held(&world).await;
    world.clock.0.fetch_add(HELD_CASE_MS, Ordering::Relaxed);
    world.sync.open_cases_of_waiting().await.expect("opens");
    let case = world.open().await.into_iter().find(|case| case.kind == "held").expect("a case");
    world.ask(case.case).await.expect("asks");
    let answer = world.sync(&wang).await;
    let receipt = answer.receipts.last().expect("a receipt").clone();
    assert_eq!((receipt.from, receipt.outcome), (2, Outcome::Held));
    assert_eq!(receipt.params.expect("a question")[QUESTION], ASKED);
    wang.take(&answer);
    world.say(case.case, CaseDecision::AcceptAfterAll).await.expect("accepts");
    let outcomes = super::push::outcomes(&world.sync(&wang).await);
    assert_eq!(outcomes, [(2, 2, Outcome::Rewritten)]);
}

/// R5.22
#[tokio::test]
async fn an_answer_to_no_question_of_ones_own_is_a_case_and_changes_nobodys() {
    let world = World::new().await;
    let (_, mut wang, case) = refused(&world).await;
    world.ask(case).await.expect("asks");
    let question: u64 = told(&world, &mut wang).await[QUESTION_ID].parse().expect("a number");
    let mut li = Phone::new(LI, 10);
    world.settle(&mut li).await;
    for _ in 0..2 {
        assert_eq!(world.answer(&li, question, "我来答").await, Some(vec![question]));
    }
    assert_eq!(world.waits_for(case).await.as_deref(), Some("worker"));
    let stray: Vec<_> =
        world.open().await.into_iter().filter(|case| case.kind == asking::STRAY_ANSWER).collect();
    let [stray] = &stray[..] else { panic!("one case: {stray:?}") };
    assert_eq!(stray.params.as_ref().expect("the answer")[ANSWER], "我来答");
    // Nobody can be asked what does not read, or what waits no more.
    let (no, params) = code(world.ask(stray.case).await);
    assert_eq!((no, params["why"].as_str()), (ProblemCode::DecisionRefused, "unreadable"));
    world.say(stray.case, CaseDecision::Dismiss).await.expect("dismisses");
}

/// R5.22
#[tokio::test]
async fn an_answer_beyond_its_bounds_stops_no_sync_and_stays_the_phones() {
    let world = World::new().await;
    let (_, wang, _) = refused(&world).await;
    assert_eq!(world.answer(&wang, 1, " ").await, Some(vec![]));
    assert_eq!(world.open().await.len(), 1);
    for _ in 0..2 {
        assert_eq!(world.answer(&wang, 1, &"字".repeat(1_001)).await, Some(vec![]));
    }
    let cases = world.open().await;
    let stray: Vec<_> = cases.iter().filter(|case| case.kind == asking::STRAY_ANSWER).collect();
    let [stray] = &stray[..] else { panic!("one case: {stray:?}") };
    assert_eq!(stray.params.as_ref().expect("the answer")[ANSWER], "字".repeat(1_000));
    assert_eq!(world.answer(&wang, u64::MAX, "一").await, Some(vec![u64::MAX]), "a case too");
}

/// R5.22
#[tokio::test]
async fn answers_to_no_question_are_a_bounded_number_of_cases_and_none_is_lost() {
    let world = World::new().await;
    let wang = Phone::new(WANG, 9);
    world.sync(&wang).await;
    let texts = ["一", "二", "二"];
    for text in texts {
        assert_eq!(world.answer(&wang, 1, text).await, Some(vec![1]), "corrected");
    }
    for question in 3..=50 {
        assert_eq!(world.answer(&wang, question, "三").await, Some(vec![question]));
    }
    assert_eq!(world.answer(&wang, 51, "三").await, Some(vec![]), "the phone keeps it");
    assert_eq!(world.answer(&wang, 50, "三").await, Some(vec![50]), "it is here");
    assert_eq!(world.open().await.len(), 50);
    let first = world.open().await[0].case;
    world.say(first, CaseDecision::Dismiss).await.expect("dismisses");
    assert_eq!(world.answer(&wang, 51, "三").await, Some(vec![51]), "there is room again");
}

/// R5.23
#[tokio::test]
async fn a_discard_is_taken_back_and_an_acceptance_is_not() {
    let world = World::new().await;
    let (record, mut wang, case) = refused(&world).await;
    let (no, params) = code(world.say(case, CaseDecision::Undo).await);
    assert_eq!((no, params["why"].as_str()), (ProblemCode::DecisionRefused, "nothing_to_undo"));
    world.say(case, CaseDecision::Discard).await.expect("discards");
    told(&world, &mut wang).await;
    assert_eq!(world.count("select quarantine_bytes from phone where device = 9").await, 0);
    world.say(case, CaseDecision::Undo).await.expect("is accepted after all");
    let answer = world.sync(&wang).await;
    assert_eq!(super::push::outcomes(&answer), [(1, 1, Outcome::Rewritten)]);
    wang.take(&answer);
    assert_eq!(wang.records[&record].facts().len(), 3);
    assert_eq!(world.count("select quarantine_bytes from phone where device = 9").await, 0);
    let words = world.words(case).await;
    assert_eq!(words.iter().map(|word| word.0.as_str()).collect::<Vec<_>>(), ["discard", "undo"]);
    // The second clerk is told of the first; nothing goes out of a record again.
    let (no, params) = code(world.say(case, CaseDecision::Undo).await);
    assert_eq!((no, params["decision"].as_str()), (ProblemCode::CaseClosed, "undo"));
    world.checked().await;

    let world = World::new().await;
    let (record, _, case) = refused(&world).await;
    world.say(case, CaseDecision::AcceptAfterAll).await.expect("accepts");
    let (no, params) = code(world.say(case, CaseDecision::Undo).await);
    assert_eq!((no, params["why"].as_str()), (ProblemCode::DecisionRefused, "accepted_stays"));
    assert_eq!(params["by"], "Chen");
    let stands = world.sync.read(record).await.expect("reads").expect("is there").0;
    assert_eq!(stands.len(), 3, "the fact stays");
}

/// R5.23
#[tokio::test]
async fn what_was_kept_as_it_came_and_discarded_is_accepted_later_too() {
    let world = World::new().await;
    let (record, _, mut wang) = at_work(&world).await;
    wang.write(record, "note", json!({ "text": "one" }));
    let mut broken = wang.pack(record);
    broken.check = [0; 8];
    let request = SyncRequest { packs: pack::encode(&[broken]), ..wang.request() };
    let answer = world.send(&wang, request).await.expect("an answer");
    wang.take(&answer);
    let case = world.open().await[0].case;
    world.say(case, CaseDecision::Discard).await.expect("discards");
    world.say(case, CaseDecision::Undo).await.expect("is accepted after all");
    let outcomes = super::push::outcomes(&world.sync(&wang).await);
    assert_eq!(outcomes, [(1, 1, Outcome::Rewritten)]);
    assert_eq!(world.count("select quarantine_bytes from phone where device = 9").await, 0);
    world.checked().await;
}

/// R5.23
#[tokio::test]
async fn a_dismissed_desk_case_is_open_again_when_that_is_taken_back() {
    let world = World::new().await;
    let (_, _, mut wang) = at_work(&world).await;
    wang.number = 3;
    let record = wang.open_order(None).0;
    world.sync(&wang).await;
    assert!(wang.records.contains_key(&record));
    let gap = world.open().await.into_iter().find(|case| case.kind == "number_gap");
    let gap = gap.expect("numbers are missing").case;
    world.say(gap, CaseDecision::Dismiss).await.expect("dismisses");
    assert!(!world.open().await.iter().any(|case| case.case == gap));
    world.say(gap, CaseDecision::Undo).await.expect("is open again");
    assert!(world.open().await.iter().any(|case| case.case == gap));
}

/// R5.24
#[tokio::test]
async fn a_full_quota_is_one_case_until_there_is_room_again() {
    let world = World::new().await;
    let (record, mut wang, case) = refused(&world).await;
    let mut transaction = world.sync.shared.database.begin_write().await.expect("begins");
    sqlx::query("update phone set quarantine_bytes = ? where device = 9")
        .bind(i64::try_from(LIMITS.quarantine_bytes_max).expect("small"))
        .execute(&mut *transaction)
        .await
        .expect("writes");
    transaction.commit().await.expect("commits");
    wang.write(record, forbidden().0, forbidden().1);
    let full = |cases: Vec<DeskCaseRow>| {
        cases.into_iter().filter(|case| case.kind == "quota").collect::<Vec<_>>()
    };
    for _ in 0..3 {
        let receipt = world.sync(&wang).await.receipts.pop().expect("a receipt");
        assert_eq!(receipt.outcome, Outcome::NotStored);
        assert_eq!(receipt.code.as_deref(), Some("quota"));
    }
    let cases = full(world.open().await);
    let [one] = &cases[..] else { panic!("one case: {cases:?}") };
    assert_eq!((one.person, one.device, one.site), (WANG, DeviceId(9), Some(SITE)));
    // A decision gives room back, and the case ends by itself.
    world.say(case, CaseDecision::Discard).await.expect("discards");
    assert_eq!(full(world.open().await), []);
    let receipt = world.sync(&wang).await.receipts.pop().expect("a receipt");
    assert_eq!(receipt.outcome, Outcome::Refused, "it is stored now");
    assert_eq!(full(world.open().await), []);
}

/// R5.21, R5.23
#[tokio::test]
async fn of_more_than_one_word_decides_of_the_rest_waits_for_another_word() {
    let world = World::new().await;
    let (record, _, mut wang) = at_work(&world).await;
    for n in 1..=5 {
        wang.write(record, "note", json!({ "text": n.to_string() }));
    }
    let mut broken = wang.pack(record);
    broken.check = [0; 8];
    let request = SyncRequest { packs: pack::encode(&[broken]), ..wang.request() };
    world.send(&wang, request).await.expect("an answer");
    let case = world.open().await.first().expect("a case").case;
    let waiting = "select count(*) from quarantine where decision is null";
    assert_eq!((world.open().await.len(), world.count(waiting).await), (1, 5));
    world.say(case, CaseDecision::Discard).await.expect("discards");
    assert_eq!((world.open().await.len(), world.count(waiting).await), (1, 2));
    world.say(case, CaseDecision::Discard).await.expect("discards the rest");
    assert_eq!((world.open().await.len(), world.count(waiting).await), (0, 0));
    let discarded = "select count(*) from quarantine where decision = 'discarded'";
    for left in [2, 0] {
        world.say(case, CaseDecision::Undo).await.expect("takes back");
        assert_eq!(world.count(discarded).await, left);
    }
    assert_eq!(code(world.say(case, CaseDecision::Undo).await).0, ProblemCode::CaseClosed);
    world.checked().await;
}

/// R0.28
#[tokio::test]
async fn what_was_done_after_a_commit_that_failed_holds_in_ledger_and_database() {
    let world = World::new().await;
    world.sync(&Phone::new(WANG, 9)).await;
    let act = Act::at_the_machine(NOW_MS);
    let mut failed = world.sync.shared.database.begin_write().await.expect("begins");
    device::befalls(&mut failed, act, DeviceId(9), Befalls::Locked).await.expect("locks");
    world.sync.settle(&mut failed).await.expect("the ledger has it");
    drop(failed);
    let mut after = world.sync.shared.database.begin_write().await.expect("begins");
    device::befalls(&mut after, act, DeviceId(9), Befalls::Unlocked).await.expect("unlocks");
    world.sync.settle(&mut after).await.expect("the ledger has it");
    after.commit().await.expect("commits");
    let locked = "select count(*) from device where device = 9 and locked_ms is not null";
    assert_eq!(world.count(locked).await, 0, "as the ledger's last line says");
}

/// Nothing that is here already needs room.
#[tokio::test]
async fn what_did_not_read_and_comes_again_opens_no_case_of_a_full_quota() {
    let world = World::new().await;
    let wang = Phone::new(WANG, 9);
    let send = async || {
        let request = SyncRequest { packs: vec![9, 9], ..wang.request() };
        assert_eq!(code(world.send(&wang, request).await).0, ProblemCode::Malformed);
    };
    send().await;
    let mut transaction = world.sync.shared.database.begin_write().await.expect("begins");
    let full = "update phone set quarantine_bytes = 67108864 where device = 9";
    sqlx::query(full).execute(&mut *transaction).await.expect("writes");
    transaction.commit().await.expect("commits");
    send().await;
    assert_eq!(world.open().await.len(), 1, "the one about it");
}
