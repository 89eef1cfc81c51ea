//! Work that leaves its own session: what is signed, what stays, and whom it never holds up.

use std::collections::BTreeSet;

use super::super::{Account, Replica};
use super::scene::{Scene, WANG, note, order, save};
use crate::Error;
use crate::environment::HookPlace;
use crate::protocol::problem::ProblemCode;
use crate::store::StoreWrite;

async fn pending(phone: &Replica) -> Vec<u64> {
    let rows = phone.store.pending_summary(WANG).await.expect("reads");
    rows.iter().map(|row| row.n).collect()
}

#[tokio::test]
async fn one_row_that_does_not_read_leaves_the_others_signed_and_is_kept() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    for text in ["一", "二", "三"] {
        save(&phone, order(0), text).await;
    }
    phone.store.harm("update pending set sealed = x'00' where n = 2").await;
    phone.sign_out(true).await.expect("signs out");
    assert_eq!(phone.signed_numbers(WANG).await.expect("reads"), BTreeSet::from([1, 3]));
    let lost = phone.store.lost(WANG).await.expect("reads");
    assert_eq!(lost.iter().map(|row| row.n).collect::<Vec<_>>(), [2], "no signature has it");
    assert_eq!(pending(&phone).await, [] as [u64; 0]);
    assert_eq!(phone.identity().await, None);
    phone.close().await;
}

#[tokio::test]
async fn work_of_a_former_device_that_nothing_covers_is_asked_about_and_kept() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    let [id] = phone.store.hand_overs().await.expect("reads")[..] else { panic!("one") };
    // Signed: there is nothing to ask. Without the message, as after a restore of the server, the
    // command is on the phone alone.
    phone.store.apply("test", &[StoreWrite::DeleteHandOver(id)]).await.expect("writes");
    let refused = phone.sign_out(false).await;
    assert!(matches!(refused, Err(Error::UnsentWork { commands: 1 })), "{refused:?}");
    phone.sign_out(true).await.expect("signs out");
    assert_eq!(pending(&phone).await, [1]);
    phone.close().await;
}

#[tokio::test]
async fn a_sign_out_dropped_after_its_commit_shows_nobody_the_records() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    scene.hooks.at_point("sign_out", HookPlace::After);
    tokio::select! {
        _ = phone.sign_out(false) => panic!("it hangs"),
        () = scene.hooks.arrived.notified() => {}
    }
    assert_eq!(phone.list().await, []);
    assert_eq!(phone.identity().await, None);
    assert!(phone.reference().await.grants.is_empty());
    phone.close().await;
}

#[tokio::test]
async fn what_the_server_does_not_take_holds_up_no_sync_and_is_offered_again() {
    for (code, wait_ms) in [
        (ProblemCode::Internal, 60_000),
        (ProblemCode::VersionNotSpoken, 86_400_000),
        (ProblemCode::ChainBroken, 86_400_000),
        (ProblemCode::TooLarge, 86_400_000),
        (ProblemCode::DeviceUnknown, 60_000),
    ] {
        let scene = Scene::new();
        let phone = scene.ready(1).await;
        save(&phone, order(0), "一").await;
        phone.enrol("new code", "电话", None).await.expect("enrols anew");
        *scene.server.hand_in_problem.lock().expect("not poisoned") = Some(code);
        scene.server.answers_as_it_should(3);
        phone.sync_once().await.expect("goes on with its own");
        assert_eq!((scene.server.sent().len(), phone.paused().await), (1, None), "{code:?}");
        assert!(!phone.store.sync_state(WANG).await.expect("reads").re_enrol, "{code:?}");
        *scene.server.hand_in_problem.lock().expect("not poisoned") = None;
        phone.sync_once().await.expect("syncs");
        assert_eq!(phone.account().await.expect("reads").on_phone, 1, "{code:?}: not yet");
        scene.clock.advance_ms(wait_ms);
        phone.sync_once().await.expect("syncs");
        assert_eq!(phone.account().await.expect("reads").on_phone, 0, "{code:?}");
        phone.close().await;
    }
}

#[tokio::test]
async fn the_account_begins_anew_after_a_sign_out_and_counts_what_waits() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    phone.sign_out(true).await.expect("signs out");
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    let waiting = Account { saved: 1, on_phone: 1, ..Account::default() };
    assert_eq!(phone.account().await.expect("reads"), waiting);
    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    assert_eq!(phone.account().await.expect("reads"), Account::default());
    phone.perform(&note("二"), Some(order(0))).await.expect("saves");
    assert_eq!(phone.account().await.expect("reads"), waiting);
    phone.close().await;
}

#[tokio::test]
async fn the_account_stays_where_it_began_however_often_the_phone_is_enrolled_anew() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    scene.server.answers_as_it_should(9);
    save(&phone, order(0), "一").await;
    phone.sync_once().await.expect("syncs");
    phone.sign_out(false).await.expect("signs out");
    phone.enrol("second code", "电话", None).await.expect("enrols anew");
    phone.sync_once().await.expect("syncs");
    phone.perform(&note("二"), Some(order(0))).await.expect("saves");
    let of = |account: Account| [account.saved, account.accepted, account.on_phone];
    assert_eq!(of(phone.account().await.expect("reads")), [1, 0, 1]);
    phone.enrol("third code", "电话", None).await.expect("enrols anew");
    assert_eq!(of(phone.account().await.expect("reads")), [1, 0, 1], "not from the start again");
    phone.sync_once().await.expect("syncs");
    phone.perform(&note("三"), Some(order(0))).await.expect("saves");
    assert_eq!(of(phone.account().await.expect("reads")), [2, 1, 1]);
    phone.close().await;
}

#[tokio::test]
async fn a_server_that_asks_for_patience_in_a_hand_in_gets_it_and_holds_up_nobody() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    let refused = Some(ProblemCode::TooManyRequests);
    *scene.server.hand_in_problem.lock().expect("not poisoned") = refused;
    scene.server.answers_as_it_should(1);
    let answered = phone.sync_once().await;
    assert!(matches!(answered, Err(Error::RetryAfter { delay_ms: 60_000 })), "{answered:?}");
    assert!(scene.server.sent().is_empty());
    scene.clock.advance_ms(60_000);
    phone.sync_once().await.expect("the person's own goes on");
    assert_eq!(scene.server.sent().len(), 1);
    phone.close().await;
}

#[tokio::test]
async fn no_message_is_a_wall_for_a_usual_proxy() {
    let scene = Scene::new();
    let phone = scene.ready(2).await;
    let large = "满".repeat(1_000);
    for n in 0..240 {
        save(&phone, order(n % 2), &large).await;
    }
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    let messages = phone.store.hand_overs().await.expect("reads");
    assert!(messages.len() >= 2, "{}", messages.len());
    for id in messages {
        let message = phone.store.hand_over(id).await.expect("reads").expect("one");
        assert!(message.len() < 900 << 10, "{} bytes", message.len());
    }
    assert_eq!(phone.signed_numbers(WANG).await.expect("reads").len(), 240);
    phone.close().await;
}

#[tokio::test]
async fn an_answer_to_the_office_that_is_not_sent_is_asked_about_and_stays() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    let answer =
        StoreWrite::PutCaseAnswer { owner: WANG, question: 7, text: "已换阀门".to_owned() };
    phone.store.apply("test", &[answer]).await.expect("writes");
    let refused = phone.sign_out(false).await;
    assert!(matches!(refused, Err(Error::UnsentWork { commands: 1 })), "{refused:?}");
    {
        let mut inner = phone.inner.lock().await;
        phone.purge_if_sent(&mut inner).await.expect("looks");
        assert!(inner.identity.is_some(), "nothing is purged while it is on the phone alone");
    }
    phone.sign_out(true).await.expect("signs out");
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    let request = scene.server.sent().pop().expect("sent").request;
    assert_eq!(request.answers.expect("it goes").len(), 1);
    phone.close().await;
}
