//! Who may not come in any more: from the next request on, and nothing unsent is lost. There is no
//! way to enable a person again yet: what they saved stays on the phone.

use fieldbook_server::people::directory;
use serde_json::json;
use sync_core::Error;
use sync_core::engine::schedule::Pause;

use super::phone::Phone;
use super::stage::{MINUTE_MS, Stage, notes};

/// Sync ends with this code, is paused, and everything saved is kept over a restart.
async fn is_shut_out(phone: Phone, code: &str, saved: u64) -> Phone {
    let refused = phone.replica.sync(10).await;
    let told = matches!(&refused, Err(Error::SignInAgain { code: told }) if told == code);
    assert!(told, "{refused:?}");
    assert_eq!(phone.replica.paused().await, Some(Pause::SignInAgain));
    let requests = phone.wire.requests();
    assert_eq!(phone.replica.sync_if_due().await.expect("no request"), None);
    assert_eq!(phone.wire.requests(), requests, "nothing is sent while it is paused");
    let phone = phone.reopen().await;
    assert_eq!(phone.account().await, [saved, 0, 0, 0, saved]);
    phone
}

#[tokio::test]
async fn a_revoked_device_is_shut_out_at_its_next_request_and_keeps_what_is_unsent() {
    let stage = Stage::new().await;
    let mut root = stage.office("root").await;
    let mut office = stage.office("sun").await;
    let wang = stage.phone(stage.wang).await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    wang.note(record, "一").await;
    wang.note(record, "二").await;
    let tokens = wang.wire.tokens();
    root.must(&format!("/v1/devices/{}/revoke", wang.device), json!({})).await;
    let wang = is_shut_out(wang, "device_revoked", 2).await;
    assert_eq!(wang.wire.tokens(), tokens + 1, "its token was good for minutes yet");
    // Work goes on, and waits with the rest.
    wang.note(record, "三").await;
    let wang = is_shut_out(wang, "device_revoked", 3).await;
    assert_eq!(notes(&wang.review(record).await), ["一", "二", "三"]);
    assert_eq!(notes(&office.read(record).await["review"]), [] as [&str; 0]);
}

#[tokio::test]
async fn a_disabled_person_is_shut_out_at_the_next_request_and_keeps_what_is_unsent() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let wang = stage.phone(stage.wang).await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    wang.note(record, "一").await;
    let mut transaction = stage.app.db.begin_write().await.expect("begins");
    directory::disable(&mut transaction, stage.app.act(), stage.wang).await.expect("disabled");
    transaction.commit().await.expect("commits");
    let wang = is_shut_out(wang, "account_disabled", 1).await;
    assert_eq!(notes(&wang.review(record).await), ["一"]);
    assert_eq!(notes(&office.read(record).await["review"]), [] as [&str; 0]);
}

#[tokio::test]
async fn a_token_that_ends_in_mid_day_is_replaced_without_anybody_noticing() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let wang = stage.phone(stage.wang).await;
    let record = office.dispatch(stage.wang, "厨房漏水").await;
    wang.sync().await;
    assert_eq!(wang.wire.tokens(), 1);
    for (round, text) in ["一", "二", "三"].into_iter().enumerate() {
        stage.pass_ms(17 * MINUTE_MS);
        wang.note(record, text).await;
        let report = wang.sync().await;
        assert_eq!((report.pushed, report.refused), (1, 0));
        assert_eq!(wang.wire.tokens(), round as u64 + 2);
        assert_eq!(wang.replica.paused().await, None);
    }
    let review = stage.all_equal(&office, &[&wang], record).await;
    assert_eq!(notes(&review), ["一", "二", "三"]);
}
