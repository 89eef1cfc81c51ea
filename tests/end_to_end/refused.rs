//! A technician's phone with its rules patched out: the server's rules hold without the phone's,
//! what was refused is kept, and the office's word on it reaches the phone.

use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::rules::InboxKind;

use super::phone::Phone;
use super::stage::{Office, Stage, facts, notes};

/// A record that Wang and Chen hold, and `cancelled` by Wang between two good commands.
async fn cancelled_between(stage: &Stage, office: &mut Office) -> (RecordId, Phone, Phone, u64) {
    let (wang, chen) = (stage.phone(stage.wang).await, stage.phone(stage.chen).await);
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    chen.sync().await;
    wang.note(record, "一").await;
    let cancelled = wang.cancel_unjudged(record).await;
    wang.note(record, "三").await;
    assert_eq!(wang.review(record).await["status"], "cancelled", "before the server has spoken");
    let report = wang.sync().await;
    assert_eq!((report.pushed, report.refused), (3, 1), "all in one sync");
    (record, wang, chen, cancelled.n)
}

async fn refused(phone: &Phone) -> Vec<(u64, String, Value)> {
    let rows = phone.replica.refused().await.expect("reads");
    rows.into_iter().map(|row| (row.n, row.code, json!(row.params))).collect()
}

/// R0.2
#[tokio::test]
async fn good_commands_around_a_forbidden_one_are_accepted_and_nobody_else_sees_it() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (record, wang, chen, n) = cancelled_between(&stage, &mut office).await;
    let reason = ("not_your_role".to_owned(), json!({ "fact": "cancelled" }));
    assert_eq!(refused(&wang).await, [(n, reason.0, reason.1)]);
    assert_eq!(wang.account().await, [3, 2, 0, 1, 0]);

    let inbox = wang.replica.inbox().await.expect("reads");
    let item = inbox.iter().find(|item| item.kind == InboxKind::Refused).expect("in the inbox");
    assert_eq!((item.record, item.text.as_deref()), (record, Some("not_your_role")));

    let clean = wang.sync().await;
    assert_eq!((clean.pushed, clean.received, clean.refused), (0, 0, 0));
    chen.sync().await;
    let review = stage.all_equal(&office, &[&wang, &chen], record).await;
    assert_eq!(notes(&review), ["一", "三"]);
    assert_eq!(facts(&review, "cancelled"), [] as [&Value; 0]);
    assert_eq!(review["status"], "dispatched");
    let quarantined = "select count(*) from change where record = ? and state = 'refused'";
    let (rows,): (i64,) = sqlx::query_as(quarantined)
        .bind(record.0.to_vec())
        .fetch_one(stage.app.db.reader())
        .await
        .expect("reads");
    assert_eq!(rows, 1, "kept for the office");
}

#[tokio::test]
async fn what_the_office_accepts_after_all_is_done_on_every_phone() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (record, wang, chen, n) = cancelled_between(&stage, &mut office).await;
    close(&mut office, "accept_after_all").await;
    wang.sync().await;
    chen.sync().await;
    assert_eq!(refused(&wang).await, []);
    assert_eq!(wang.account().await, [3, 3, 0, 0, 0]);
    let review = stage.all_equal(&office, &[&wang, &chen], record).await;
    assert_eq!(review["status"], "cancelled");
    let cancelled = facts(&review, "cancelled");
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0]["by"], json!(stage.wang));
    let key = cancelled[0]["key"].as_str().expect("a key");
    assert!(key.contains(&n.to_string()), "{key}: under the number it was saved with");
    assert_eq!(wang.sync().await.pushed, 0);
}

/// R0.14
#[tokio::test]
async fn what_the_office_discards_stays_refused_with_its_word_and_nobody_sees_it() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (record, wang, chen, n) = cancelled_between(&stage, &mut office).await;
    close(&mut office, "discard").await;
    wang.sync().await;
    chen.sync().await;
    let [(number, code, _)] = &refused(&wang).await[..] else { panic!("one command") };
    assert_eq!((*number, code.as_str()), (n, "discarded"));
    assert_eq!(wang.account().await, [3, 2, 0, 1, 0]);
    let review = stage.all_equal(&office, &[&wang, &chen], record).await;
    assert_eq!(facts(&review, "cancelled"), [] as [&Value; 0]);
    let reopened = wang.reopen().await;
    assert_eq!(refused(&reopened).await[0].1, "discarded");
}

/// R5.22
#[tokio::test]
async fn a_returned_command_is_asked_about_on_the_phone_and_answered_offline() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (_, wang, _, n) = cancelled_between(&stage, &mut office).await;
    let asked = json!({ "question": "客户说改期还是不修？" });
    let returned = office.must("/v1/office/desk-cases/1/return", asked.clone()).await;
    assert_eq!(returned, json!({ "case": 1, "decision": "return_to_worker" }));
    let (status, problem) = office.post("/v1/office/desk-cases/1/return", &asked).await;
    assert_eq!((status, &problem["params"]["why"]), (422, &json!("waits_for_worker")));
    let waits_for = async |office: &Office| {
        let (_, page) = office.get("/v1/office/desk-cases").await;
        page["items"][0]["waits_for"].clone()
    };
    assert_eq!(waits_for(&office).await, "worker");

    wang.sync().await;
    let questions = wang.replica.questions().await.expect("reads");
    let [question] = &questions[..] else { panic!("{questions:?}") };
    assert_eq!((question.text.as_str(), question.by.as_str()), ("客户说改期还是不修？", "孙悦"));
    assert_eq!((&question.numbers, &question.answer), (&vec![n], &None));
    let returned = async |phone: &Phone| {
        let inbox = phone.replica.inbox().await.expect("reads");
        let item = inbox.into_iter().find(|item| item.kind == InboxKind::Returned);
        item.map(|item| (item.text, item.done)).expect("in the inbox")
    };
    assert_eq!(returned(&wang).await, (Some("客户说改期还是不修？".to_owned()), false));
    let too_long = wang.replica.answer_question(question.question, &"字".repeat(1_001)).await;
    assert!(too_long.is_err());
    wang.replica.answer_question(question.question, "改期到周五").await.expect("saved");
    // Saved is saved: the app ends before it was sent.
    let wang = wang.reopen().await;
    assert_eq!(wang.account().await, [3, 2, 0, 1, 0]);
    assert!(returned(&wang).await.1, "answered");
    wang.sync().await;
    assert_eq!(waits_for(&office).await, "office");
    let (_, export) = office.get("/v1/office/desk-cases/1/export").await;
    let words = export["words"].as_array().expect("a list");
    let words: Vec<_> = words.iter().map(|word| (&word["decision"], &word["reason"])).collect();
    let question_and_answer = [
        (&json!("return_to_worker"), &json!("客户说改期还是不修？")),
        (&json!("answer"), &json!("改期到周五")),
    ];
    assert_eq!(words, question_and_answer);
    wang.sync().await;
    let questions = wang.replica.questions().await.expect("reads");
    assert_eq!(questions[0].answer.as_deref(), Some("改期到周五"), "as the server has it");
    assert!(wang.replica.answer_question(questions[0].question, "又一次").await.is_err());

    close(&mut office, "discard").await;
    wang.sync().await;
    assert!(wang.replica.questions().await.expect("reads").is_empty(), "decided");
    // Taken back, it is accepted after all, and leaves the refused list.
    let undone = json!({ "reason": "客户又来电" });
    office.must("/v1/office/desk-cases/1/undo", undone).await;
    wang.sync().await;
    assert_eq!(refused(&wang).await, []);
    assert_eq!(wang.account().await, [3, 3, 0, 0, 0]);
}

/// The office's word on the only case.
async fn close(office: &mut Office, decision: &str) {
    let (_, page) = office.get("/v1/office/desk-cases").await;
    let items = page["items"].as_array().expect("a list");
    assert_eq!(items.len(), 1, "{page}");
    let path = format!("/v1/office/desk-cases/{}/close", items[0]["case"]);
    office.must(&path, json!({ "decision": decision, "reason": "客户来电确认" })).await;
}
