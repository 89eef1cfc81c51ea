//! Work that leaves its own session: what is signed, what stays, and whom it never holds up.

use std::collections::BTreeSet;

use super::super::handed_in::ToldOf;
use super::super::{Account, Replica};
use super::scene::{Scene, WANG, note, order, save};
use crate::Error;
use crate::document::pack::decode;
use crate::environment::HookPlace;
use crate::protocol::message::Outcome;
use crate::protocol::problem::ProblemCode;
use crate::rules::account::Became;
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

/// Wang has saved notes under these numbers, has signed out and is enrolled anew.
async fn back_after(scene: &Scene, notes: u64) -> Replica {
    let phone = scene.ready(1).await;
    for n in 1..=notes {
        save(&phone, order(0), &format!("第 {n} 条")).await;
    }
    phone.sign_out(true).await.expect("signs out");
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    scene.server.answers_as_it_should(9);
    phone
}

/// Numbers, codes and whether the content is there.
async fn refused(phone: &Replica) -> Vec<(u64, String, bool)> {
    let rows = phone.refused().await.expect("reads");
    rows.into_iter().map(|row| (row.n, row.code, row.facts.len() == 1)).collect()
}

/// R0.33
#[tokio::test]
async fn what_the_server_says_of_handed_in_work_is_in_the_account_and_in_the_list() {
    for (last, left) in [
        ((Outcome::Entered, None), Account::default()),
        (
            (Outcome::Refused, Some("discarded")),
            Account { saved: 1, refused: 1, ..Account::default() },
        ),
    ] {
        let scene = Scene::new();
        let phone = back_after(&scene, 4).await;
        let (refuses, holds) = (Outcome::Refused, Outcome::Held);
        scene.server.judges_hand_ins(&[
            (2, refuses, None),
            (3, holds, None),
            (4, Outcome::NotStored, None),
        ]);
        phone.sync_once().await.expect("syncs");
        let expected = Account { saved: 3, held: 1, refused: 1, on_phone: 1, accepted: 0 };
        assert_eq!(phone.account().await.expect("reads"), expected);
        assert_eq!(refused(&phone).await, [(2, "not_your_role".to_owned(), true)]);
        let row = &phone.refused().await.expect("reads")[0];
        assert_eq!((row.record, row.params["fact"].as_str()), (order(0), "note"));

        let phone = scene.reopen(phone).await;
        assert_eq!(phone.account().await.expect("reads"), expected, "it is kept");
        // What stands in the list is there once, and changes with the server's word.
        scene.server.judges_hand_ins(&[(2, refuses, Some("asked")), (3, holds, None)]);
        phone.sync_once().await.expect("syncs");
        assert_eq!(refused(&phone).await, [(2, "asked".to_owned(), true)]);
        let expected = Account { saved: 2, held: 1, refused: 1, ..Account::default() };
        assert_eq!(phone.account().await.expect("reads"), expected);

        let phone = scene.reopen(phone).await;
        scene.server.judges_hand_ins(&[(2, last.0, last.1)]);
        phone.sync_once().await.expect("syncs");
        assert_eq!(phone.account().await.expect("reads"), left);
        assert_eq!(phone.refused().await.expect("reads").len() as u64, left.refused);
        assert_eq!(phone.store.hand_overs().await.expect("reads"), [], "the last word came");
        phone.close().await;
    }
}

/// R0.33
#[tokio::test]
async fn what_the_server_has_is_not_asked_about_and_is_listed_again_after_the_next_sign_out() {
    let scene = Scene::new();
    let phone = back_after(&scene, 2).await;
    scene.server.judges_hand_ins(&[(1, Outcome::Refused, None), (2, Outcome::Held, None)]);
    phone.sync_once().await.expect("syncs");
    let expected = Account { saved: 2, held: 1, refused: 1, ..Account::default() };
    assert_eq!(phone.account().await.expect("reads"), expected);
    phone.sign_out(false).await.expect("there is nothing to hand over");
    phone.enrol("third code", "电话", None).await.expect("enrols anew");
    assert_eq!(refused(&phone).await, []);
    assert_eq!(phone.account().await.expect("reads"), expected, "told once is known");
    phone.sync_once().await.expect("syncs");
    assert_eq!(refused(&phone).await, [(1, "not_your_role".to_owned(), true)]);
    assert_eq!(phone.account().await.expect("reads"), expected);
    phone.close().await;
}

/// R0.33
#[tokio::test]
async fn handed_in_work_that_is_accepted_after_all_leaves_list_and_account_with_its_record() {
    let scene = Scene::new();
    let phone = back_after(&scene, 1).await;
    scene.server.judges_hand_ins(&[(1, Outcome::Refused, None)]);
    phone.sync_once().await.expect("syncs");
    assert_eq!(refused(&phone).await, [(1, "not_your_role".to_owned(), true)]);
    let [id] = phone.store.hand_overs().await.expect("reads")[..] else { panic!("one") };
    let message = phone.message(id).await.expect("reads").expect("is there");
    scene.server.accepts_after_all(&decode(&message.packs).expect("packs"));
    phone.sync_once().await.expect("syncs");
    assert_eq!(refused(&phone).await, []);
    assert_eq!(phone.account().await.expect("reads"), Account::default());
    phone.close().await;
}

#[tokio::test]
async fn a_command_that_no_signature_has_is_in_the_account_after_the_sign_out() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    let [id] = phone.store.hand_overs().await.expect("reads")[..] else { panic!("one") };
    phone.store.apply("test", &[StoreWrite::DeleteHandOver(id)]).await.expect("writes");
    phone.sign_out(true).await.expect("signs out");
    phone.enrol("third code", "电话", None).await.expect("enrols anew");
    let kept = Account { saved: 1, on_phone: 1, ..Account::default() };
    assert_eq!(phone.account().await.expect("reads"), kept);
    phone.close().await;
}

#[test]
fn what_was_told_is_kept_as_ranges_of_numbers() {
    let mut told = ToldOf::default();
    for n in [1, 2, 4, 7] {
        told.take(n, Outcome::Entered);
    }
    told.take(4, Outcome::Refused);
    told.take(5, Outcome::Refused);
    told.take(6, Outcome::Held);
    told.take(7, Outcome::NotStored);
    told.take_stored(6);
    told.take_stored(8);
    let json = told.write().expect("writes");
    let expected = "[[{\"from\":1,\"to\":2},\"accepted\"],[{\"from\":4,\"to\":5},\"refused\"],\
                    [{\"from\":6,\"to\":6},\"held\"],[{\"from\":8,\"to\":8},\"held\"]]";
    assert_eq!(json, expected);
    let numbers = (1..=8).collect();
    assert_eq!(ToldOf::read(Some(&json), &numbers), told);
    assert_eq!(ToldOf::read(Some(&json), &BTreeSet::from([4])).became(2), None);
    assert_eq!(ToldOf::read(Some("?"), &numbers), ToldOf::default());
    assert_eq!(told.became(8), Some(Became::Held), "the server has it and says nothing");
}
