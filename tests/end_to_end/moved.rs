//! An order moved from one technician to another while the first works on it without signal.

use serde_json::{Value, json};
use sync_core::rules::InboxKind;

use super::phone::Phone;
use super::stage::{MINUTE_MS, Stage, facts, open_cases};

async fn told(phone: &Phone, kind: InboxKind) -> usize {
    let inbox = phone.replica.inbox().await.expect("reads");
    inbox.iter().filter(|item| item.kind == kind).count()
}

/// R3.31, R0.27
#[tokio::test]
async fn offline_since_before_the_move_all_is_accepted_and_after_its_phone_knows_nothing_more() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (wang, li) = (stage.phone(stage.wang).await, stage.phone(stage.li).await);
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    // 9:50
    stage.pass_ms(80 * MINUTE_MS);
    wang.sync().await;
    wang.step(record, "received", Value::Null).await;
    let visit = wang.step(record, "set_out", json!({ "grade": 2 })).await.key;
    // 10:05
    stage.pass_ms(15 * MINUTE_MS);
    office.order(record, "assign", json!({ "person": stage.li })).await;
    // 10:20
    stage.pass_ms(15 * MINUTE_MS);
    for step in ["ring", "introduce", "enter", "start_work", "finish_work"] {
        wang.step(record, step, json!({ "visit": visit })).await;
    }
    let strokes = json!([[[100, 100], [200, 120], [240, 300]], [[300, 90], [420, 250]]]);
    let sign = json!({
        "command": "sign", "visit": visit, "language": "en",
        "strokes": { "width": 1_000, "height": 400, "strokes": strokes }, "relation": "owner",
        "ratings": { "quality": 5, "attitude": 4, "conduct": 5 },
    });
    wang.perform(record, sign).await;
    // 11:02
    stage.pass_ms(42 * MINUTE_MS);
    let report = wang.sync().await;
    assert_eq!((report.pushed, report.refused), (8, 0));
    li.sync().await;

    let review = stage.all_equal(&office, &[&li], record).await;
    assert_eq!(facts(&review, "signed").len(), 1, "everything of Wang's is on the order");
    let cases = open_cases(&review, "done_after_reassignment");
    let [case] = cases[..] else { panic!("one case: {cases:?}") };
    let both = [&case["params"]["person"], &case["params"]["assignee"]];
    assert_eq!(both, [&json!(stage.wang), &json!(stage.li)], "{case}");
    assert_eq!(
        (told(&wang, InboxKind::Reassigned).await, told(&li, InboxKind::Assigned).await),
        (1, 1)
    );

    // The phone tells that it knows; then its rules are patched out.
    wang.sync().await;
    let note = json!({ "t": "note", "p": { "text": "还想补一句" } });
    wang.replica.write_unjudged(record, &note).await.expect("saved");
    assert_eq!(wang.sync().await.refused, 1);
    let refused = wang.replica.refused().await.expect("reads");
    assert_eq!(refused.iter().map(|row| row.code.as_str()).collect::<Vec<_>>(), ["record_left"]);
    let after = stage.review(record).await;
    assert_eq!(facts(&after, "note"), [] as [&Value; 0]);
}
