//! Two phones that opened the same order, and what two phones wrote into one: the office is told,
//! and what is money or a signature stays two.

use serde_json::Value;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, FactKey};
use sync_core::rules::{Review, sign_fact};

use super::*;

const DRAWN: [&str; 2] =
    ["AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAI", "AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAM"];

/// Chen's phone, and another of hers.
async fn two_desks(world: &World) -> (Phone, Phone) {
    let second = Phone::new(CHEN, 2);
    let mut conn = world.sync.shared.database.begin_write().await.expect("begins");
    sqlx::query(
        "insert into device (device, person, name, public_key, enrolled_ms)
         values (?, ?, 'test', ?, 0)",
    )
    .bind(second.device.0)
    .bind(second.person.0)
    .bind(second.key.verifying_key().as_bytes().to_vec())
    .execute(&mut *conn)
    .await
    .expect("inserts");
    conn.commit().await.expect("commits");
    (Phone::new(CHEN, 1), second)
}

async fn suspects(world: &World) -> Vec<DeskCaseRow> {
    let mut cases = world.sync.desk_cases(0, 50, true).await.expect("reads");
    cases.retain(|case| case.kind == "duplicate_suspect");
    cases
}

async fn review(world: &World, record: RecordId) -> Review {
    world.sync.read(record).await.expect("reads").expect("there").2
}

fn aside(record: RecordId) -> Value {
    json!({ "record": record, "reason": "同一件事" })
}

/// R3.47
#[tokio::test]
async fn the_same_order_from_two_phones_is_one_case_and_never_again_after_a_word() {
    let world = World::new().await;
    let (mut chen, mut other) = two_desks(&world).await;
    let first = world.order(&mut chen, 31).await;
    // Whoever opens two means two.
    world.order(&mut chen, 31).await;
    assert_eq!(suspects(&world).await, []);
    let (second, _) = other.open_order(None);
    let number = other.number;
    world.settle(&mut other).await;
    let found = suspects(&world).await;
    assert_eq!(found.len(), 2, "one for each pair: {found:?}");
    let case = found.iter().find(|case| case.params == Some(json!({ "record": first })));
    let case = case.expect("the pair");
    assert_eq!((case.record, case.site), (Some(second), Some(SITE)));
    assert_eq!((case.person, case.device), (CHEN, DeviceId(2)));
    assert_eq!((case.from, case.to), (number, number));
    let (decision, reason) = (CaseDecision::Dismiss, "两件事".to_owned());
    let close = CloseCase { case: case.case, person: CHEN, decision, reason };
    world.sync.close_case(close).await.expect("closes");
    other.write(second, "note", json!({ "text": "t" }));
    chen.write(first, "note", json!({ "text": "t" }));
    world.settle(&mut other).await;
    world.settle(&mut chen).await;
    let after = suspects(&world).await;
    assert_eq!((after.len(), after.iter().filter(|c| c.closed_ms.is_none()).count()), (2, 1));
    world.checked().await;
}

/// R3.48
#[tokio::test]
async fn a_word_closes_the_pairs_case_and_two_opposite_words_open_it_again() {
    let world = World::new().await;
    let (mut chen, mut other) = two_desks(&world).await;
    let first = world.order(&mut chen, 31).await;
    let (second, _) = other.open_order(None);
    world.settle(&mut other).await;
    world.settle(&mut chen).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    chen.write(first, "duplicate_of", aside(second));
    other.write(second, "duplicate_of", aside(first));
    world.settle(&mut chen).await;
    let closed = suspects(&world).await;
    assert_eq!((closed.len(), closed[0].closed_ms.is_some()), (1, true));
    let links = world.sync.links(second).await.expect("reads");
    let back: Vec<_> = links.named_by.iter().map(|row| (row.field.as_str(), row.record)).collect();
    assert_eq!(back, [("duplicate_of", first)], "walked both ways");
    // The worker's phone hears of it.
    world.settle(&mut wang).await;
    let facts = wang.records[&first].facts();
    assert!(facts.values().any(|json| json.contains("duplicate_of")));
    // Neither goes on: somebody has to say which.
    world.settle(&mut other).await;
    let open = suspects(&world).await;
    assert_eq!((open.len(), open[0].closed_ms), (1, None));
    world.checked().await;
}

/// One visit with money and a signature, written without a word from anybody.
fn work(phone: &mut Phone, record: RecordId, drawn: &str) -> [FactKey; 3] {
    let visit = phone.write(record, "set_out", json!({ "grade": 2 })).facts[0].key;
    phone.write(record, "start_work", json!({ "visit": visit }));
    let charged = json!({ "visit": visit, "amount_fen": 500, "method": "cash" });
    let charge = phone.write(record, "charged", charged).facts[0].key;
    phone.write(record, "finish_work", json!({ "visit": visit }));
    let signed = json!({
        "visit": visit, "template": "visit/1/zh-CN", "clock": "server", "shown": [charge],
        "content_sha256": "", "text_sha256": "", "strokes": drawn, "relation": "owner",
        "ratings": { "quality": 5, "attitude": 5, "conduct": 5 },
    });
    phone.number += 1;
    let key = FactKey::Written { session: phone.session, n: phone.number, i: 0 };
    let mut fact = phone.fact(key, "signed", &signed).parse().expect("a fact");
    sign_fact(record, &mut fact, &phone.key).expect("canonical");
    phone.change(record, vec![fact.store().expect("canonical")]);
    [visit, charge, key]
}

fn stands(review: &Review, keys: &[FactKey; 3]) -> bool {
    let types = ["set_out", "charged", "signed"];
    let there = |(key, fact_type): (&FactKey, &str)| {
        review.timeline.iter().any(|entry| entry.key == *key && entry.fact_type == fact_type)
    };
    keys.iter().zip(types).all(there)
}

/// R3.49
#[tokio::test]
async fn money_and_signatures_never_merge_by_themselves() {
    let world = World::new().await;
    let (mut chen, mut other) = two_desks(&world).await;
    let (mut wang, mut li) = (Phone::new(WANG, 9), Phone::new(LI, 10));
    // Two phones in one order: Li was named while Wang was out of reach.
    let one = world.order(&mut chen, 31).await;
    world.settle(&mut wang).await;
    let (fact_type, payload) = set("assignee", json!(32));
    chen.write(one, fact_type, payload);
    world.settle(&mut chen).await;
    world.settle(&mut li).await;
    let his = work(&mut wang, one, DRAWN[0]);
    let hers = work(&mut li, one, DRAWN[1]);
    world.settle(&mut wang).await;
    world.settle(&mut li).await;
    let both = review(&world, one).await;
    assert!(stands(&both, &his) && stands(&both, &hers));
    assert_eq!((both.visits.len(), both.money.charges.len()), (2, 2));
    assert!(both.visits.iter().all(|visit| visit.signature.is_some()));
    let cases: BTreeSet<&str> = both.open_cases().map(|case| case.kind.as_str()).collect();
    assert!(cases.contains("two_peoples_visits"), "{cases:?}");
    // The same in two orders of one matter.
    let (two, _) = other.open_order(None);
    let (fact_type, payload) = set("assignee", json!(32));
    other.write(two, fact_type, payload);
    let (three, _) = chen.open_order(None);
    let (fact_type, payload) = set("assignee", json!(31));
    chen.write(three, fact_type, payload);
    world.settle(&mut other).await;
    world.settle(&mut chen).await;
    world.settle(&mut li).await;
    world.settle(&mut wang).await;
    let third = work(&mut wang, three, DRAWN[1]);
    let second = work(&mut li, two, DRAWN[0]);
    world.settle(&mut wang).await;
    world.settle(&mut li).await;
    let pair = |case: &DeskCaseRow| {
        case.record == Some(three) && case.params == Some(json!({ "record": two }))
    };
    assert!(suspects(&world).await.iter().any(pair));
    // A word written where nobody saw the work: it is put aside, with all that stands in it.
    let mut late = two_desks_late(&chen);
    late.write(three, "duplicate_of", aside(two));
    world.settle(&mut late).await;
    let (two, three) = (review(&world, two).await, review(&world, three).await);
    let kept = (stands(&two, &second), stands(&three, &third));
    assert_eq!(kept, (true, true), "{:?}", world.sync.desk_cases(0, 50, true).await);
    assert_eq!((two.money.charges.len(), three.money.charges.len()), (1, 1));
    assert_eq!((two.visits.len(), three.visits.len()), (1, 1));
    assert_eq!(three.duplicate_of, Some(two.record));
    assert_eq!(three.status.code(), "finished", "work that was done was done");
    let cases: BTreeSet<&str> = three.open_cases().map(|case| case.kind.as_str()).collect();
    assert!(cases.contains("finished_though_cancelled"), "{cases:?}");
    world.checked().await;
}

/// Chen's phone as it stands, with nothing read since.
fn two_desks_late(chen: &Phone) -> Phone {
    let mut late = Phone::new(CHEN, 1);
    late.number = chen.number;
    late.reopen(77);
    late.records.clone_from(&chen.records);
    for copy in late.records.values_mut() {
        copy.seq = 0;
    }
    late.cursors.clone_from(&chen.cursors);
    late.receipts_after = chen.receipts_after;
    late.known_sessions.clone_from(&chen.known_sessions);
    late.told.clone_from(&chen.told);
    late
}

/// R4.24
#[tokio::test]
async fn a_signed_fact_is_not_edited_in_place_and_put_right_it_shows_as_changed() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    let [visit, charge, _] = work(&mut wang, record, DRAWN[0]);
    world.settle(&mut wang).await;
    let open = review(&world, record).await;
    assert!(!open.open_cases().any(|case| case.kind == "changed_after_signature"));
    wang.number += 1;
    let key = FactKey::Written { session: wang.session, n: wang.number, i: 0 };
    let advice = wang.fact(key, "advice", &json!({ "visit": visit, "text": "实收五元" }));
    let mut value: Value = serde_json::from_str(&advice.json).expect("JSON");
    value["corrects"] = json!([charge]);
    let json = sync_core::model::canonical::write(&value).expect("canonical");
    wang.change(record, vec![StoredFact { key, json }]);
    world.settle(&mut wang).await;
    let changed = review(&world, record).await;
    assert!(changed.open_cases().any(|case| case.kind == "changed_after_signature"));
    let before = world.sync.read(record).await.expect("reads").expect("there").0;
    let edited = json!({ "visit": visit, "amount_fen": 1, "method": "cash" });
    let mut forger = wang_again(&wang);
    let edited = forger.fact(charge, "charged", &edited);
    forger.change(record, vec![edited]);
    world.sync(&forger).await;
    let refused = world.sync.desk_cases(0, 50, false).await.expect("reads");
    let codes: Vec<_> = refused.iter().filter_map(|case| case.code.as_deref()).collect();
    assert!(codes.contains(&"number_used_twice"), "refused, and known as a copy's: {codes:?}");
    let after = world.sync.read(record).await.expect("reads").expect("there").0;
    assert_eq!(before, after, "not a byte of it");
    world.checked().await;
}

/// The same store with its checks patched out.
fn wang_again(wang: &Phone) -> Phone {
    let mut forger = Phone::new(WANG, 9);
    forger.session = wang.session;
    forger.number = wang.number;
    forger.records.clone_from(&wang.records);
    forger.cursors.clone_from(&wang.cursors);
    forger.receipts_after = wang.receipts_after;
    forger
}
