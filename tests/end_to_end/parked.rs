//! A record that the server cannot read holds up no other: its work stays on the phone, is seen
//! there and by the office, and goes out when somebody tries again or the app was updated.

use serde_json::{Value, json};
use sync_core::model::id::RecordId;

use super::phone::Phone;
use super::stage::{Office, Stage, notes};

/// Wang's phone with notes in three orders, and a defect in what it writes of the second.
async fn spoilt(stage: &Stage, office: &mut Office) -> (Phone, [RecordId; 3]) {
    let wang = stage.phone(stage.wang).await;
    let mut records = Vec::new();
    for description in ["厨房漏水", "门禁坏了", "灯不亮"] {
        records.push(office.dispatch(stage.wang, description).await);
    }
    wang.sync().await;
    for (record, text) in [(0, "一"), (1, "二"), (1, "三"), (2, "四"), (0, "五")] {
        wang.note(records[record], text).await;
    }
    wang.wire.spoil(Some(records[1]));
    (wang, [records[0], records[1], records[2]])
}

async fn outbox(phone: &Phone) -> Vec<(u64, Option<String>)> {
    let outbox = phone.replica.outbox().await.expect("reads");
    outbox.commands.into_iter().map(|command| (command.n, command.code)).collect()
}

/// The codes of the office's open cases.
async fn cases(office: &Office) -> Vec<Value> {
    let (_, page) = office.get("/v1/office/desk-cases").await;
    page["items"].as_array().expect("a list").iter().map(|item| item["code"].clone()).collect()
}

/// R0.32
#[tokio::test]
async fn a_record_that_the_server_cannot_read_holds_up_no_other() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (wang, [first, second, third]) = spoilt(&stage, &mut office).await;
    wang.sync().await;
    assert_eq!(wang.account().await, [5, 3, 0, 0, 2], "the others went on");
    assert_eq!(notes(&stage.review(first).await), ["一", "五"]);
    assert_eq!(notes(&stage.review(third).await), ["四"]);
    let (bad, behind) = ("malformed".to_owned(), "rests_on_parked".to_owned());
    assert_eq!(outbox(&wang).await, [(2, Some(bad.clone())), (3, Some(behind.clone()))]);
    assert_eq!(notes(&wang.review(second).await), ["二", "三"], "seen where it was written");
    assert_eq!(cases(&office).await, [json!("unreadable")], "one case, whatever was tried");
    assert_eq!(stage.account(wang.device).await, [5, 3, 0, 0, 2], "the office counts it too");

    // It is not tried for ever, nor by starting the same app again; new work goes out as always.
    let wang = wang.reopen().await;
    wang.note(third, "六").await;
    let before = wang.wire.requests();
    assert_eq!(wang.sync().await.pushed, 1);
    assert_eq!(wang.wire.requests() - before, 3, "a nonce, a token and one request");
    assert_eq!(wang.account().await, [6, 4, 0, 0, 2]);

    // By hand it is tried again, and parked again while the defect lasts.
    wang.replica.try_again().await;
    wang.sync().await;
    assert_eq!(outbox(&wang).await, [(2, Some(bad)), (3, Some(behind))]);
    wang.wire.spoil(None);
    wang.replica.try_again().await;
    wang.sync().await;
    assert_eq!((wang.account().await, outbox(&wang).await), ([6, 6, 0, 0, 0], vec![]));
    let review = stage.all_equal(&office, &[&wang], second).await;
    assert_eq!(notes(&review), ["二", "三"]);
    // What did not read is the office's to look at and to discard.
    let (_, export) = office.get("/v1/office/desk-cases/1/export").await;
    assert!(!export["unreadable"].as_array().expect("a list").is_empty());
    let word = json!({ "decision": "discard", "reason": "手机已重新送到" });
    office.must("/v1/office/desk-cases/1/close", word).await;
    assert_eq!(cases(&office).await, [] as [Value; 0]);
}

/// R0.32
#[tokio::test]
async fn an_updated_app_sends_what_the_former_one_could_not() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (wang, [_, second, _]) = spoilt(&stage, &mut office).await;
    wang.sync().await;
    assert_eq!(wang.account().await[4], 2);
    wang.wire.spoil(None);
    let wang = wang.reopen().await;
    assert_eq!((wang.sync().await.pushed, wang.account().await[4]), (0, 2), "the same app");
    let wang = wang.updated("end to end 2").await;
    wang.sync().await;
    assert_eq!(wang.account().await, [5, 5, 0, 0, 0]);
    assert_eq!(notes(&stage.review(second).await), ["二", "三"]);
}
