//! Answers applied: refusals, later receipts, deliveries that do not fit, records that leave.

use std::collections::BTreeMap;

use super::scene::{Scene, notes, order, save, snapshot, wang_reads};
use super::script::{Reply, receipt};
use crate::model::time::Seen;
use crate::protocol::message::{Left, Outcome};
use crate::rules::DenialCode;
use crate::{Error, store};

#[tokio::test]
async fn a_refused_command_leaves_its_record_and_is_listed_with_its_reason() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    for text in ["一", "二", "三"] {
        save(&phone, order(0), text).await;
    }
    scene.server.judges(1, &[(2, Outcome::Refused)]);
    let report = phone.sync_once().await.expect("syncs");
    assert_eq!((report.pushed, report.refused), (3, 1));

    let phone = scene.reopen(phone).await;
    let refused = phone.refused().await.expect("reads");
    let [row] = &refused[..] else { panic!("one is refused: {refused:?}") };
    assert_eq!((row.n, row.record, row.code.as_str()), (2, order(0), "not_your_role"));
    assert_eq!(row.params, BTreeMap::from([("fact".to_owned(), "note".to_owned())]));
    assert!(row.facts[0].json.contains("二"), "with what it said");
    assert!(!notes(&phone, order(0)).await.contains(&"二".to_owned()));
    let account = phone.account().await.expect("reads");
    assert_eq!(account.refused, 1);
    assert_eq!(account.saved, account.accepted + account.refused + account.on_phone);

    // The office accepts it after all: a receipt that nobody asked for.
    scene.server.next_altered(|answer| {
        let at = Seen { epoch: 1, sequence: 40 };
        answer.receipts.push(receipt(2, Outcome::Rewritten, Some(at)));
        answer.receipts_after += 1;
    });
    phone.sync_once().await.expect("syncs");
    assert!(phone.refused().await.expect("reads").is_empty());
    phone.close().await;
}

#[tokio::test]
async fn a_held_command_is_not_sent_again_and_is_accepted_by_a_later_receipt() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    scene.server.judges(1, &[(1, Outcome::Held)]);
    phone.sync_once().await.expect("syncs");
    let account = phone.account().await.expect("reads");
    assert_eq!((account.held, account.on_phone), (1, 0));

    let phone = scene.reopen(phone).await;
    let waiting = phone.waiting().await.expect("reads");
    let waiting: Vec<_> = waiting.iter().map(|row| (row.n, row.code.as_deref())).collect();
    assert_eq!(waiting, [(1, Some("missing_dependency"))], "the worker sees what it waits for");
    scene.server.next_altered(|answer| {
        let at = Seen { epoch: 1, sequence: 41 };
        answer.receipts.push(receipt(1, Outcome::Rewritten, Some(at)));
        answer.receipts_after += 1;
    });
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 0);
    let account = phone.account().await.expect("reads");
    assert_eq!((account.held, account.accepted), (0, 1));
    assert!(phone.waiting().await.expect("reads").is_empty());
    assert_eq!(notes(&phone, order(0)).await, ["一"], "shown until its facts come");
    assert_eq!(phone.store.sent(super::scene::WANG).await.expect("reads").len(), 1);
    phone.close().await;
}

#[tokio::test]
async fn a_command_the_server_had_no_room_for_is_still_the_phones_and_goes_again() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    scene.server.judges(1, &[(1, Outcome::NotStored)]);
    phone.sync_once().await.expect("syncs");
    assert_eq!(phone.account().await.expect("reads").on_phone, 1);
    let rows = phone.store.pending(super::scene::WANG, None).await.expect("reads");
    assert_eq!(
        (rows[0].state, rows[0].code.as_deref()),
        (store::PendingState::NotStored, Some("quota"))
    );

    let phone = scene.reopen(phone).await;
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 1);
    assert_eq!(phone.account().await.expect("reads").accepted, 1);
    phone.close().await;
}

#[tokio::test]
async fn a_delivery_that_leads_to_other_heads_is_asked_for_whole() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    scene.server.office_notes(0, 200, "催办");
    scene.server.next_altered(|answer| answer.records[0].heads_digest = [0; 8]);
    assert!(phone.sync_once().await.expect("syncs").more, "at once");
    let phone = scene.reopen(phone).await;
    scene.server.answers_as_it_should(2);
    assert!(!phone.sync_once().await.expect("syncs").more);
    phone.sync_once().await.expect("syncs");
    let repairs: Vec<_> =
        scene.server.sent().iter().map(|sent| sent.request.repairs.clone()).collect();
    assert_eq!(repairs, [vec![], vec![order(0)], vec![]]);
    assert_eq!(notes(&phone, order(0)).await, ["催办"]);
    phone.close().await;
}

#[tokio::test]
async fn a_record_that_left_is_read_only_and_what_was_written_to_it_still_goes_out() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    scene.server.next_altered(|answer| {
        answer.left.push(Left { record: order(0), audience: wang_reads() });
    });
    save(&phone, order(0), "一").await;
    scene.server.judges(1, &[]);
    // The first request's answer says that it left; its command was judged all the same.
    phone.sync_once().await.expect("syncs");
    let [item] = &phone.list().await[..] else { panic!("it is kept") };
    assert!(!item.present);
    let before = snapshot(&phone).await;
    let denied = phone.perform(&super::scene::note("二"), Some(order(0))).await;
    let Err(Error::Denied(denial)) = denied else { panic!("{denied:?}") };
    assert_eq!(denial.code, DenialCode::RecordLeft);
    assert_eq!(snapshot(&phone).await, before);
    assert_eq!(notes(&phone, order(0)).await, ["一"]);
    phone.close().await;
}

#[tokio::test]
async fn own_accepted_work_is_kept_until_a_backup_has_it() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    let sent = phone.store.sent(super::scene::WANG).await.expect("reads");
    let [row] = &sent[..] else { panic!("{sent:?}") };
    let accepted_at = row.accepted_at;
    let before = Seen { sequence: accepted_at.sequence - 1, ..accepted_at };
    for (backed_up, kept) in [(before, 1), (accepted_at, 0)] {
        scene.server.next_altered(move |answer| answer.backed_up = Some(backed_up));
        phone.sync_once().await.expect("syncs");
        let sent = phone.store.sent(super::scene::WANG).await.expect("reads");
        assert_eq!(sent.len(), kept, "{backed_up:?}");
    }
    phone.close().await;
}

#[tokio::test]
async fn a_phone_told_to_enrol_anew_is_told_so_by_the_report_and_the_store() {
    let scene = Scene::new();
    let phone = scene.ready(0).await;
    scene.server.next_altered(|answer| answer.re_enrol = true);
    assert!(phone.sync_once().await.expect("syncs").re_enrol);
    let phone = scene.reopen(phone).await;
    assert!(phone.store.sync_state(super::scene::WANG).await.expect("reads").re_enrol);
    phone.close().await;
}

#[tokio::test]
async fn more_of_the_server_is_fetched_until_there_is_none() {
    let scene = Scene::new();
    let phone = scene.ready(0).await;
    for _ in 0..3 {
        scene.server.next_altered(|answer| answer.more = true);
    }
    scene.server.answers_as_it_should(1);
    assert!(!phone.sync(10).await.expect("syncs").more);
    assert_eq!(scene.server.sent().len(), 4);
    scene.server.next([Reply::NoSignal]);
    assert!(phone.sync(10).await.is_err());
    phone.close().await;
}
