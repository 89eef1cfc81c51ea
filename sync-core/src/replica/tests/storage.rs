//! The store says no, or a rule does: nothing is half saved, no number is spent, and what is in
//! memory is what is on the disk.

use super::scene::{Scene, assert_sessions_are_there, note, notes, order, save, snapshot};
use crate::Error;
use crate::store::StoreError;

#[tokio::test]
async fn a_denied_command_saves_nothing_and_takes_no_number() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    let before = snapshot(&phone).await;
    let cancel = serde_json::json!({ "command": "record",
        "fact": { "t": "cancelled", "p": { "reason": "客户改期" } } });
    let cancel = serde_json::from_value(cancel).expect("a command");
    for (command, record) in [
        (&cancel, Some(order(0))),
        (&note(""), Some(order(0))),
        (&note("一"), Some(order(9))),
        (&note("一"), None),
    ] {
        let denied = phone.perform(command, record).await;
        assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
        assert_eq!(snapshot(&phone).await, before);
    }
    assert_eq!(phone.account().await.expect("reads").saved, 0);
    assert_eq!(save(&phone, order(0), "一").await.n, 1);
    phone.close().await;
}

#[tokio::test]
async fn a_full_disk_is_an_answer_and_what_was_saved_is_intact() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    phone.store.limit_pages(1).await;
    let large = "满".repeat(1_000);
    let mut saved = 0;
    let full = loop {
        match phone.perform(&note(&large), Some(order(0))).await {
            Ok(performed) => saved = performed.n,
            Err(error) => break error,
        }
        assert!(saved < 100, "a file that does not grow is full some time");
    };
    assert!(matches!(full, Error::Store(StoreError::DiskFull)), "{full:?}");
    let before = snapshot(&phone).await;
    let again = phone.perform(&note(&large), Some(order(0))).await;
    assert!(matches!(again, Err(Error::Store(StoreError::DiskFull))), "{again:?}");
    assert_eq!(snapshot(&phone).await, before);
    assert_eq!(phone.account().await.expect("reads").saved, saved);
    assert_eq!(notes(&phone, order(0)).await.len() as u64, saved);
    assert_eq!(phone.list().await[0].pending, saved);

    phone.store.limit_pages(1_000_000).await;
    assert_eq!(save(&phone, order(0), &large).await.n, saved + 1);
    assert_sessions_are_there(&phone).await;
    phone.close().await;
}

#[tokio::test]
async fn an_answer_that_finds_the_disk_full_is_applied_when_there_is_room() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    for n in 0..20 {
        scene.server.office_notes(0, 200 + n, &"满".repeat(1_000));
    }
    let (before, list) = (snapshot(&phone).await, phone.list().await);
    phone.store.limit_pages(1).await;
    scene.server.answers_as_it_should(1);
    let full = phone.sync_once().await;
    assert!(matches!(full, Err(Error::Store(StoreError::DiskFull))), "{full:?}");
    assert_eq!(snapshot(&phone).await, before);
    assert_eq!(phone.list().await, list);

    phone.store.limit_pages(1_000_000).await;
    scene.server.next_altered(|answer| assert_eq!(answer.receipts.len(), 1, "it was sent again"));
    phone.sync_once().await.expect("syncs");
    let [first, second] = &scene.server.sent()[..] else { panic!("two requests") };
    assert_eq!(first.request.cursors, second.request.cursors, "nothing was taken as received");
    assert_eq!(first.request.packs, second.request.packs);
    assert_eq!(phone.account().await.expect("reads").accepted, 1);
    phone.close().await;
}
