//! Somebody signs out, handing over, is enrolled on the same phone again, and the work is handed in
//! then: what became of each command is in the account and in the refused list, and the office's
//! later word reaches both.

use serde_json::json;
use sync_core::model::id::RecordId;

use super::phone::Phone;
use super::stage::{Office, Stage, facts, notes};

/// Wang's note, a cancellation that is none of a technician's business, and another note, all of a
/// device that is no more.
async fn handed_in(stage: &Stage, office: &mut Office) -> (RecordId, Phone) {
    let mut wang = stage.phone(stage.wang).await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    wang.note(record, "一").await;
    wang.cancel_unjudged(record).await;
    wang.note(record, "三").await;
    wang.replica.sign_out(true).await.expect("signs out");
    stage.enrol_on(&mut wang, stage.wang).await;
    assert_eq!(wang.account().await, [3, 0, 0, 0, 3], "signed, and on the phone");
    wang.sync().await;
    (record, wang)
}

async fn close(office: &mut Office, decision: &str) {
    let word = json!({ "decision": decision, "reason": "已与客户确认" });
    office.must("/v1/office/desk-cases/1/close", word).await;
}

async fn refused(phone: &Phone) -> Vec<(u64, String)> {
    let rows = phone.replica.refused().await.expect("reads");
    rows.into_iter().map(|row| (row.n, row.code)).collect()
}

/// R0.33
#[tokio::test]
async fn what_was_refused_of_it_is_listed_until_the_office_accepts_it_after_all() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (record, wang) = handed_in(&stage, &mut office).await;
    let reason = (2, "not_your_role".to_owned());
    assert_eq!(refused(&wang).await, std::slice::from_ref(&reason));
    assert_eq!(wang.account().await, [1, 0, 0, 1, 0], "the server has all of it");
    let wang = wang.reopen().await;
    wang.sync().await;
    assert_eq!((refused(&wang).await, wang.account().await), (vec![reason], [1, 0, 0, 1, 0]));

    close(&mut office, "accept_after_all").await;
    wang.sync().await;
    assert_eq!((refused(&wang).await, wang.account().await), (vec![], [0, 0, 0, 0, 0]));
    let review = stage.all_equal(&office, &[&wang], record).await;
    assert_eq!(notes(&review), ["一", "三"]);
    assert_eq!(facts(&review, "cancelled").len(), 1);
    // The message goes with the last word.
    let wang = wang.reopen().await;
    wang.sync().await;
    let handed_in = wang.wire.handed_in().len();
    let wang = wang.reopen().await;
    wang.sync().await;
    assert_eq!(wang.wire.handed_in().len(), handed_in);
}

/// R0.33
#[tokio::test]
async fn what_the_office_discards_of_it_stays_refused_with_its_word() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let (_, wang) = handed_in(&stage, &mut office).await;
    close(&mut office, "discard").await;
    let wang = wang.reopen().await;
    wang.sync().await;
    assert_eq!(refused(&wang).await, [(2, "discarded".to_owned())]);
    assert_eq!(wang.account().await, [1, 0, 0, 1, 0]);
    wang.replica.sign_out(false).await.expect("nothing is on the phone alone");
}
