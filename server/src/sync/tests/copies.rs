//! Copies of a phone's store, and numbers that never came.

use sync_core::protocol::chain::Numbers;
use sync_core::protocol::problem::ProblemCode;

use super::*;

const CLONES: &str = "select count(*) from desk_case where kind = 'clone'";
const GAPS: &str = "select count(*) from desk_case where kind = 'number_gap' and closed_ms is null";

/// Wang with an order; the desk's phone beside.
async fn wang_with_an_order(world: &World) -> (Phone, RecordId) {
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    (wang, record)
}

/// R0.30
#[tokio::test]
async fn a_replayed_old_message_opens_no_case_and_a_later_one_that_tells_less_does() {
    let world = World::new().await;
    let (mut wang, record) = wang_with_an_order(&world).await;
    let old = wang.request();
    wang.write(record, "note", json!({ "text": "one" }));
    let mut request = wang.request();
    request.clock.monotonic_ms = 9_000;
    assert!(!world.send(&wang, request).await.expect("an answer").re_enrol);
    for (sent_ms, is_copy) in [(8_999, false), (9_000, false), (9_001, true), (8_999, true)] {
        let mut again = old.clone();
        again.clock.monotonic_ms = sent_ms;
        let answer = world.send(&wang, again).await.expect("an answer");
        assert_eq!(answer.re_enrol, is_copy, "{sent_ms}: once told it stays told");
        assert_eq!(world.count(CLONES).await, i64::from(is_copy), "{sent_ms}");
    }
}

/// R0.30
#[tokio::test]
async fn a_message_from_before_a_reboot_is_no_copys_and_one_sent_after_it_is() {
    let world = World::new().await;
    let (mut wang, record) = wang_with_an_order(&world).await;
    let old = wang.request();
    world.clock.0.fetch_add(60_000, Ordering::Relaxed);
    wang.boot = BootId([0x42; 16]);
    wang.session = SessionId([0x42; 8]);
    wang.write(record, "note", json!({ "text": "one" }));
    assert!(!world.sync(&wang).await.re_enrol);
    // The first boot's anchor is the start of the test at 5 s: 65 s are the moment of the note.
    for (sent_ms, is_copy) in [(5_100, false), (64_999, false), (65_000, true)] {
        let mut again = old.clone();
        again.clock.monotonic_ms = sent_ms;
        let answer = world.send(&wang, again).await.expect("an answer");
        assert_eq!(answer.re_enrol, is_copy, "{sent_ms}");
        assert_eq!(world.count(CLONES).await, i64::from(is_copy), "{sent_ms}");
    }
}

/// R0.30
#[tokio::test]
async fn one_session_registered_with_other_content_is_a_copys() {
    let world = World::new().await;
    let (wang, _) = wang_with_an_order(&world).await;
    assert!(!world.sync(&wang).await.re_enrol, "the same again");
    let mut copy = Phone::new(WANG, 9);
    copy.boot = BootId([0x55; 16]);
    let mut forged = copy.request();
    forged.sessions[0].signature = [1; 64];
    assert!(!world.send(&copy, forged).await.expect("an answer").re_enrol, "nobody's word");
    assert!(world.sync(&copy).await.re_enrol);
    let twice = "select count(*) from desk_case where kind = 'clone' and device = 9
                 and code = 'session_used_twice'";
    assert_eq!(world.count(twice).await, 1);
    assert!(world.sync(&wang).await.re_enrol, "both are told");
}

#[tokio::test]
async fn a_phone_with_receipts_that_the_server_never_told_reads_everything_anew() {
    let world = World::new().await;
    let (mut wang, record) = wang_with_an_order(&world).await;
    wang.write(record, "note", json!({ "text": "one" }));
    world.settle(&mut wang).await;
    let mut request = wang.request();
    request.receipts_after += 1;
    match world.send(&wang, request).await {
        Err(Error::Problem { code: ProblemCode::CursorFromElsewhere, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(world.count(CLONES).await, 0);
}

/// R0.31
#[tokio::test]
async fn a_sync_without_a_push_opens_a_gap_and_what_comes_closes_it() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let mut request = chen.request();
    request.state.highest_number = 3;
    request.state.unsent = 3;
    world.send(&chen, request.clone()).await.expect("an answer");
    assert_eq!(world.count(GAPS).await, 0, "it is still to come");
    request.state.unsent = 0;
    for _ in 0..2 {
        world.send(&chen, request.clone()).await.expect("an answer");
        let whole = "select count(*) from desk_case where kind = 'number_gap'
                     and from_number = 1 and to_number = 3 and code = 'numbers_missing'";
        assert_eq!(world.count(whole).await, 1);
    }
    let (record, _) = chen.open_order(None);
    world.settle(&mut chen).await;
    let rest = "select count(*) from desk_case where kind = 'number_gap' and closed_ms is null
                and from_number = 2 and to_number = 3";
    assert_eq!(world.count(rest).await, 1, "it shrinks");
    chen.write(record, "note", json!({ "text": "two" }));
    chen.write(record, "note", json!({ "text": "three" }));
    world.settle(&mut chen).await;
    assert_eq!(world.count(GAPS).await, 0);
    assert_eq!(world.count("select count(*) from desk_case").await, 1, "one case in all");
}

/// R0.31
#[tokio::test]
async fn what_is_parked_on_a_phone_is_no_gap_and_hides_none() {
    let world = World::new().await;
    let (mut wang, record) = wang_with_an_order(&world).await;
    let parked = |from, to| Some(vec![Numbers { from, to }]);
    let mut request = wang.request();
    (request.state.highest_number, request.state.unsent) = (4, 2);
    request.state.parked = parked(2, 3);
    world.send(&wang, request.clone()).await.expect("an answer");
    assert_eq!(world.count(GAPS).await, 2, "before and after what is parked");
    let alone = "select count(*) from desk_case where kind = 'number_gap'
                 and from_number = to_number and from_number in (1, 4)";
    assert_eq!(world.count(alone).await, 2);
    // With a push, too: nothing else is to come.
    wang.write(record, "note", json!({ "text": "one" }));
    let mut request = wang.request();
    (request.state.highest_number, request.state.unsent) = (5, 3);
    request.state.parked = parked(2, 3);
    world.send(&wang, request).await.expect("an answer");
    assert_eq!(world.count(GAPS).await, 1, "the first has come");
    let rest = "select count(*) from desk_case where kind = 'number_gap' and closed_ms is null
                and from_number = 4 and to_number = 5";
    assert_eq!(world.count(rest).await, 1);
    for (from, to) in [(3, 2), (1, u64::MAX)] {
        let mut request = wang.request();
        request.state.parked = parked(from, to);
        match world.send(&wang, request).await {
            Err(Error::Problem { code: ProblemCode::Malformed, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// R0.31
#[tokio::test]
async fn a_phone_that_claims_a_huge_number_costs_one_case_and_blocks_nothing() {
    let world = World::new().await;
    let (mut wang, record) = wang_with_an_order(&world).await;
    let mut request = wang.request();
    request.state.highest_number = 1 << 53;
    world.send(&wang, request.clone()).await.expect("an answer");
    assert_eq!(world.count(GAPS).await, 1);
    for n in 1..=5 {
        wang.write(record, "note", json!({ "text": n.to_string() }));
        let answer = world.sync(&wang).await;
        wang.take(&answer);
        assert_eq!(wang.told.get(&n), Some(&Outcome::Entered));
        assert_eq!(world.count(GAPS).await, 1, "after {n}");
    }
    let moved = "select count(*) from desk_case where kind = 'number_gap' and from_number = 6
                 and to_number = 9007199254740992";
    assert_eq!(world.count(moved).await, 1);
    request.state.highest_number += 1;
    match world.send(&wang, request).await {
        Err(Error::Problem { code: ProblemCode::Malformed, .. }) => {}
        other => panic!("{other:?}"),
    }
}
