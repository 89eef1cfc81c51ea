//! A command whose row does not read: it holds up nothing, what stood on it arrives, and its number
//! is told as missing.

use super::super::*;
use super::scene::{PHONE, SITE, Scene, WANG, assert_sessions_are_there, notes, order, save};
use super::script::receipt;
use crate::model::time::Seen;
use crate::protocol::message::Outcome;
use crate::store::{PendingState, ROW_DAMAGED};

/// The statement that damages the content of command `n`.
fn damage(n: u64) -> &'static str {
    match n {
        1 => "update pending set sealed = x'00' where n = 1",
        2 => "update pending set sealed = x'00' where n = 2",
        _ => "update pending set sealed = x'00' where n = 3",
    }
}

/// Three notes on one order, the fourth command on another.
async fn four_commands(scene: &Scene) -> Replica {
    let phone = scene.ready(2).await;
    for text in ["一", "二", "三"] {
        save(&phone, order(0), text).await;
    }
    save(&phone, order(1), "四").await;
    phone
}

async fn lost(phone: &Replica) -> Vec<u64> {
    phone.lost().await.expect("reads").iter().map(|row| row.n).collect()
}

#[tokio::test]
async fn one_damaged_command_holds_up_neither_its_record_nor_any_other() {
    for (harmed, reopened) in [(1, false), (2, false), (3, false), (1, true), (2, true), (3, true)]
    {
        let scene = Scene::new();
        let mut phone = four_commands(&scene).await;
        phone.store.harm(damage(harmed)).await;
        if reopened {
            phone = scene.reopen(phone).await;
        }
        scene.server.answers_as_it_should(3);
        let report = phone.sync_once().await.expect("syncs");
        assert_eq!(report.pushed, 3, "{harmed}");
        let sent = scene.server.sent();
        let state = &sent[0].request.state;
        assert_eq!((state.highest_number, state.unsent), (4, 3), "{harmed}: the office sees a gap");
        assert_eq!(lost(&phone).await, [harmed]);
        let row = &phone.lost().await.expect("reads")[0];
        assert_eq!((row.code.as_str(), row.record), (ROW_DAMAGED, Some(order(0))));
        assert_eq!(row.state, PendingState::Unsent);
        let account = phone.account().await.expect("reads");
        assert_eq!((account.saved, account.accepted, account.on_phone), (4, 3, 1), "{harmed}");
        let kept: Vec<&str> = ["一", "二", "三"]
            .into_iter()
            .enumerate()
            .filter(|(i, _)| *i as u64 + 1 != harmed)
            .map(|(_, text)| text)
            .collect();
        assert_eq!(notes(&phone, order(0)).await, kept);
        assert_eq!(notes(&phone, order(1)).await, ["四"]);
        assert_sessions_are_there(&phone).await;

        save(&phone, order(0), "五").await;
        phone.sync_once().await.expect("syncs");
        assert_eq!(phone.account().await.expect("reads").accepted, 4);
        let phone = scene.reopen(phone).await;
        assert_eq!(lost(&phone).await, [harmed]);
        assert_eq!(phone.account().await.expect("reads").on_phone, 1);
        phone.close().await;
    }
}

#[tokio::test]
async fn a_record_with_a_damaged_command_is_shown_and_written_to() {
    let scene = Scene::new();
    let phone = four_commands(&scene).await;
    phone.store.harm(damage(2)).await;
    assert_eq!(notes(&phone, order(0)).await, ["一", "三"]);
    let phone = four_commands(&Scene::new()).await;
    phone.store.harm(damage(2)).await;
    assert_eq!(save(&phone, order(0), "五").await.n, 5, "its number is not used again");
    assert_eq!(phone.outbox().await.expect("reads").commands.len(), 4);
    assert_eq!(lost(&phone).await, [2]);
    phone.close().await;
}

#[tokio::test]
async fn a_change_that_is_not_what_it_is_called_is_built_anew() {
    for harm in [
        "update pending set hash = zeroblob(32) where n = 2",
        "update pending set seq = 9 where n = 1",
        "update pending set start_op = 3 where n = 3",
        "update pending set actor = 'aebagbafaydqq' where n = 2",
    ] {
        let scene = Scene::new();
        let phone = four_commands(&scene).await;
        phone.store.harm(harm).await;
        let phone = scene.reopen(phone).await;
        scene.server.answers_as_it_should(1);
        phone.sync_once().await.expect("syncs");
        assert_eq!(lost(&phone).await, [] as [u64; 0], "{harm}: nothing is lost");
        assert_eq!(phone.account().await.expect("reads").accepted, 4, "{harm}");
        phone.close().await;
    }
}

#[tokio::test]
async fn a_lost_command_that_the_server_has_is_not_lost() {
    for (outcome, held, refused, accepted) in [
        (Outcome::Entered, 0, 0, 4),
        (Outcome::Rewritten, 0, 0, 4),
        (Outcome::Held, 1, 0, 3),
        (Outcome::Refused, 0, 1, 3),
        (Outcome::NotStored, 0, 0, 3),
    ] {
        let scene = Scene::new();
        let phone = four_commands(&scene).await;
        phone.store.harm(damage(2)).await;
        scene.server.next_altered(move |answer| {
            let at = Some(Seen { epoch: 1, sequence: 9 });
            answer.receipts.push(receipt(2, outcome, at));
        });
        phone.sync_once().await.expect("syncs");
        let phone = scene.reopen(phone).await;
        let account = phone.account().await.expect("reads");
        let told = (account.held, account.refused, account.accepted);
        assert_eq!(told, (held, refused, accepted), "{outcome:?}");
        let is_lost = matches!(outcome, Outcome::Held | Outcome::NotStored);
        assert_eq!(lost(&phone).await.len(), usize::from(is_lost), "{outcome:?}");
        // A record that arrives later says nothing of it.
        scene.server.office_notes(0, 300, "催办");
        scene.server.answers_as_it_should(1);
        phone.sync_once().await.expect("syncs");
        assert_eq!(phone.account().await.expect("reads").refused, refused, "{outcome:?}");
        phone.close().await;
    }
}

#[tokio::test]
async fn what_stood_on_a_lost_command_is_handed_over_without_it() {
    let scene = Scene::new();
    let phone = four_commands(&scene).await;
    phone.store.harm(damage(2)).await;
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    assert_eq!(notes(&phone, order(0)).await, ["一", "三"]);
    assert_eq!(notes(&phone, order(1)).await, ["四"]);
    assert_eq!(lost(&phone).await, [2]);
    phone.close().await;
}

#[tokio::test]
async fn rows_that_are_fetched_again_do_not_keep_a_phone_from_opening() {
    let scene = Scene::new();
    let phone = four_commands(&scene).await;
    phone.store.harm("update cursor set audience = 'everyone'").await;
    phone.store.harm("update reference set sealed = zeroblob(60)").await;
    let phone = scene.reopen(phone).await;
    scene.server.answers_as_it_should(2);
    phone.sync_once().await.expect("syncs");
    assert_eq!(phone.account().await.expect("reads").accepted, 4);
    assert_eq!(phone.reference().await.sites.get(&SITE).map(String::as_str), Some("测试苑"));
    phone.close().await;
}

#[tokio::test]
async fn an_app_killed_between_the_code_and_the_answer_enrols_with_the_same_key() {
    let scene = Scene::new();
    let phone = scene.open().await;
    scene.server.enrolments.lock().expect("not poisoned").0 = 1;
    let lost = phone.enrol("code", "电话", None).await;
    assert!(matches!(lost, Err(Error::Offline { .. })), "{lost:?}");
    // Killed before anything went out, too.
    let mut phone = scene.reopen(phone).await;
    assert_eq!(phone.identity().await, None);
    assert_eq!(phone.enrol("code", "电话", None).await.expect("enrols"), WANG);
    let keys = scene.server.enrolments.lock().expect("not poisoned").1.clone();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1], "another key would find the code used");
    assert_eq!(phone.enrolment().await.expect("reads").expect("one").device, PHONE);
    assert_eq!(phone.store.enrolling().await.expect("reads"), None, "the answer has come");

    phone = scene.reopen(phone).await;
    phone.enrol("another code", "电话", None).await.expect("enrols anew");
    let keys = scene.server.enrolments.lock().expect("not poisoned").1.clone();
    assert_ne!(keys[1], keys[2], "another code is another enrolment");
    phone.close().await;
}
