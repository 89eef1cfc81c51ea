//! One row that does not read holds up nothing but its record, and is made anew.

use super::scene::{Scene, notes, order, save};

#[tokio::test]
async fn one_damaged_record_holds_up_no_other_and_comes_back_whole() {
    let scene = Scene::new();
    let phone = scene.ready(2).await;
    save(&phone, order(0), "一").await;
    save(&phone, order(1), "二").await;
    let one =
        "update accepted set sealed = x'00' where record = (select min(record) from accepted)";
    phone.store.harm(one).await;
    let phone = scene.reopen(phone).await;
    let (harmed, other) = match phone.review(order(0)).await {
        Err(_) => (order(0), order(1)),
        Ok(_) => (order(1), order(0)),
    };
    assert!(phone.review(harmed).await.is_err(), "a failed read is no empty record");
    scene.server.answers_as_it_should(2);
    let report = phone.sync_once().await.expect("the answer does not fail as a whole");
    assert_eq!((report.pushed, report.more), (2, true));
    assert_eq!(phone.account().await.expect("reads").on_phone, 1, "the other one is accepted");
    assert_eq!(notes(&phone, other).await.len(), 1);
    phone.sync_once().await.expect("syncs");
    assert_eq!(notes(&phone, harmed).await.len(), 1, "the record came whole, nothing is lost");
    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    assert_eq!(phone.account().await.expect("reads").on_phone, 0);
    phone.close().await;
}

#[tokio::test]
async fn damaged_list_rows_are_made_anew_at_opening() {
    let scene = Scene::new();
    let phone = scene.ready(2).await;
    save(&phone, order(0), "一").await;
    let before = phone.list().await;
    phone.store.harm("update list set sealed = x'00'").await;
    let phone = scene.reopen(phone).await;
    assert_eq!(phone.list().await, before);
    let phone = scene.reopen(phone).await;
    assert_eq!(phone.list().await, before);
    phone.close().await;
}
