//! A record that the server has purged: nothing of it stays on the phone but own work that waits
//! for the server's word, and that ends in the refused list.

use std::collections::BTreeMap;

use super::scene::{Scene, WANG, note, order, save, wang_reads};
use super::script::Reply;
use crate::protocol::message::{Left, Outcome, RECORD_PURGED, SyncResponse};
use crate::replica::Replica;
use crate::rules::DenialCode;
use crate::{Error, store};

/// The next answer says that the first order was purged, and judges nothing.
fn purges(scene: &Scene) {
    scene.server.next([Reply::Answer(Box::new(|records, request| {
        records.accepted.remove(&order(0));
        let mut unread = request.clone();
        unread.packs.clear();
        let mut answer = records.answer(&unread, &BTreeMap::new());
        tell(&mut answer);
        answer
    }))]);
}

fn tell(answer: &mut SyncResponse) {
    answer.left.push(Left { record: order(0), audience: wang_reads() });
    answer.purged = Some(vec![order(0)]);
}

/// The next answer refuses command `n`, since its record was purged, and says no more of it.
fn refuses(scene: &Scene, n: u64) {
    scene.server.next([Reply::Answer(Box::new(move |records, request| {
        let mut answer = records.answer(request, &BTreeMap::from([(n, Outcome::Refused)]));
        records.accepted.remove(&order(0));
        for receipt in &mut answer.receipts {
            receipt.code = Some(RECORD_PURGED.to_owned());
        }
        answer.records.clear();
        answer.packs.clear();
        answer
    }))]);
}

/// Nothing of the first order is in the store, whoever looks.
async fn assert_gone(phone: &Replica) {
    assert!(phone.review(order(0)).await.expect("reads").is_none());
    assert!(phone.list().await.iter().all(|item| item.record != order(0)));
    let store = &phone.store;
    assert!(store.record(WANG, order(0)).await.expect("reads").is_none());
    assert!(store.list(WANG).await.expect("reads").iter().all(|row| row.record != order(0)));
    assert!(store.sent(WANG).await.expect("reads").iter().all(|row| row.record != order(0)));
    assert!(!store.sync_state(WANG).await.expect("reads").repairs.contains(&order(0)));
}

async fn assert_adds_up(phone: &Replica, expected: [u64; 4]) {
    let account = phone.account().await.expect("reads");
    let found = [account.accepted, account.held, account.refused, account.on_phone];
    assert_eq!(found, expected);
    assert_eq!(account.saved, expected.iter().sum::<u64>());
}

/// R5.18
#[tokio::test]
async fn a_purged_record_leaves_nothing_on_the_phone() {
    let scene = Scene::new();
    let phone = scene.ready(2).await;
    save(&phone, order(0), "一").await;
    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    assert_eq!(phone.store.sent(WANG).await.expect("reads").len(), 1);
    purges(&scene);
    phone.sync_once().await.expect("syncs");
    assert_gone(&phone).await;
    let phone = scene.reopen(phone).await;
    assert_gone(&phone).await;
    assert_adds_up(&phone, [1, 0, 0, 0]).await;
    assert_eq!(phone.list().await.len(), 1, "the other order is still there");
    let denied = phone.perform(&note("二"), Some(order(0))).await;
    let Err(Error::Denied(denial)) = denied else { panic!("{denied:?}") };
    assert_eq!(denial.code, DenialCode::RecordNotHere);
    // Told again, as after a lost answer.
    purges(&scene);
    phone.sync_once().await.expect("syncs");
    assert_gone(&phone).await;
    phone.close().await;
}

#[tokio::test]
async fn own_work_in_a_purged_record_waits_for_the_servers_word_and_is_listed_as_refused() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    purges(&scene);
    phone.sync_once().await.expect("syncs");
    assert!(phone.list().await.is_empty());
    assert!(phone.accepted_changes(order(0)).await.expect("reads").is_empty());
    assert_adds_up(&phone, [0, 0, 0, 1]).await;

    let phone = scene.reopen(phone).await;
    assert!(phone.list().await.is_empty());
    let denied = phone.perform(&note("二"), Some(order(0))).await;
    let Err(Error::Denied(denial)) = denied else { panic!("{denied:?}") };
    assert_eq!(denial.code, DenialCode::RecordLeft);
    refuses(&scene, 1);
    let report = phone.sync_once().await.expect("syncs");
    assert_eq!((report.pushed, report.refused), (1, 1));
    assert_gone(&phone).await;
    let refused = phone.refused().await.expect("reads");
    let [row] = &refused[..] else { panic!("{refused:?}") };
    assert_eq!((row.n, row.record, row.code.as_str()), (1, order(0), RECORD_PURGED));
    assert!(row.facts[0].json.contains("一"), "nobody deletes what a worker saved");
    assert_adds_up(&phone, [0, 0, 1, 0]).await;
    phone.close().await;
}

#[tokio::test]
async fn a_phone_that_nobody_told_learns_of_a_purge_from_what_became_of_its_work() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    refuses(&scene, 1);
    phone.sync_once().await.expect("syncs");
    assert_gone(&phone).await;
    assert_eq!(phone.refused().await.expect("reads").len(), 1);
    phone.close().await;
}

#[tokio::test]
async fn accepted_work_whose_facts_never_came_is_accepted_and_gone() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    scene.server.judges(1, &[(1, Outcome::Rewritten)]);
    phone.sync_once().await.expect("syncs");
    let rows = phone.store.pending(WANG, None).await.expect("reads");
    assert_eq!(rows[0].state, store::PendingState::Accepted);
    purges(&scene);
    phone.sync_once().await.expect("syncs");
    assert_gone(&phone).await;
    assert!(phone.store.pending(WANG, None).await.expect("reads").is_empty());
    assert_adds_up(&phone, [1, 0, 0, 0]).await;
    phone.close().await;
}
