//! An order given to someone else while the first one works on it without signal.

use serde_json::json;

use super::phone::denial;
use super::stage::{MINUTE_MS, SITE, Stage, facts, open_cases};

/// R3.31
#[tokio::test]
async fn work_done_after_reassignment_is_accepted_with_a_case_and_the_other_gets_everything() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (wang, li) = (stage.phone(stage.wang).await, stage.phone(stage.li).await);
    let contact = json!({ "site": SITE, "unit": "2-1-302", "name": "何先生", "phones": [] });
    let contact = office.must("/v1/contacts", contact).await["record"].clone();
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    office.order(record, "set", json!({ "field": "contact", "value": contact })).await;
    wang.sync().await;
    assert_eq!((wang.replica.list().await.len(), li.replica.list().await.len()), (2, 0));

    let visit = wang.step(record, "set_out", json!({ "grade": 2 })).await.key;
    for step in ["ring", "introduce", "enter", "start_work", "finish_work"] {
        stage.pass_ms(MINUTE_MS);
        wang.step(record, step, json!({ "visit": visit })).await;
    }
    office.order(record, "assign", json!({ "person": stage.li })).await;
    let report = wang.sync().await;
    assert_eq!((report.pushed, report.refused), (6, 0));
    assert_eq!(wang.account().await, [6, 6, 0, 0, 0]);

    // Wang keeps it, read-only, with all of his work in it.
    let items = wang.replica.list().await;
    let item = items.iter().find(|item| item.record == record).expect("kept");
    assert!(!item.present);
    let note = json!({ "command": "note", "text": "还想补一句" });
    assert_eq!(denial(wang.try_perform(record, note).await).0, "record_left");
    assert_eq!(facts(&wang.review(record).await, "finish_work").len(), 1);

    li.sync().await;
    let review = stage.all_equal(&office, &[&li], record).await;
    assert_eq!(review["fields"]["assignee"]["value"], json!(stage.li));
    let cases = open_cases(&review, "done_after_reassignment");
    let [case] = cases[..] else { panic!("one case: {cases:?}") };
    assert_eq!(case["params"]["person"], json!(stage.wang));
    assert_eq!(review["visits"][0]["person"], json!(stage.wang));
    assert_eq!(li.replica.list().await.len(), 2, "with the contact");
    li.step(record, "received", serde_json::Value::Null).await;
    assert_eq!(li.sync().await.refused, 0);
    assert_eq!(wang.sync().await.received, 0, "what comes later is no longer Wang's");
}
