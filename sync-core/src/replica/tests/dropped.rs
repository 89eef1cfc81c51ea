//! Calls dropped half-way, as an app's screen does with its calls when it is left: what was
//! committed counts, what was not does not, and memory never differs from the disk.

use std::sync::Arc;

use super::super::Replica;
use super::scene::{Scene, assert_sessions_are_there, note, notes, order, save, snapshot};
use super::script::Reply;
use crate::environment::HookPlace;

/// Begins a note and drops the call where the hook says.
async fn dropped_note(scene: &Scene, phone: &Replica, place: HookPlace) {
    scene.hooks.at_point("command", place);
    let command = note("半路");
    tokio::select! {
        _ = phone.perform(&command, Some(order(0))) => panic!("it hangs"),
        () = scene.hooks.arrived.notified() => {}
    }
}

#[tokio::test]
async fn a_command_dropped_before_its_commit_leaves_nothing_and_the_next_one_is_whole() {
    for place in [HookPlace::Before, HookPlace::Inside(2)] {
        let scene = Scene::new();
        let phone = scene.ready(1).await;
        let before = snapshot(&phone).await;
        dropped_note(&scene, &phone, place).await;
        assert_eq!(snapshot(&phone).await, before, "{place:?}");
        assert_eq!(save(&phone, order(0), "一").await.n, 1, "{place:?}");
        assert_sessions_are_there(&phone).await;
        scene.server.answers_as_it_should(1);
        phone.sync_once().await.expect("syncs");
        let [sent] = &scene.server.sent()[..] else { panic!("one request") };
        assert_eq!(sent.request.sessions.len(), 1, "{place:?}: the session is registered");
        phone.close().await;
    }
}

#[tokio::test]
async fn a_command_dropped_after_its_commit_is_there_and_keeps_its_number() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    dropped_note(&scene, &phone, HookPlace::After).await;
    assert_eq!(save(&phone, order(0), "一").await.n, 2, "the first number is taken");
    assert_eq!(notes(&phone, order(0)).await, ["半路", "一"]);
    let account = phone.account().await.expect("reads");
    assert_eq!((account.saved, account.on_phone), (2, 2));
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 2);
    assert_eq!(phone.account().await.expect("reads").accepted, 2);
    phone.close().await;
}

#[tokio::test]
async fn a_sync_dropped_while_its_answer_is_applied_is_asked_for_again() {
    for place in [HookPlace::Before, HookPlace::Inside(3), HookPlace::After] {
        let scene = Scene::new();
        let phone = scene.ready(1).await;
        save(&phone, order(0), "一").await;
        scene.server.office_notes(0, 200, "催办");
        scene.hooks.at_point("answer", place);
        scene.server.answers_as_it_should(1);
        tokio::select! {
            _ = phone.sync_once() => panic!("it hangs"),
            () = scene.hooks.arrived.notified() => {}
        }
        let (cursors, list) = stored(&phone).await;
        assert_eq!(phone.list().await.len(), list, "{place:?}");
        scene.server.answers_as_it_should(2);
        let again = phone.sync_if_due().await.expect("syncs");
        assert!(again.is_some(), "{place:?}: what was dropped is due again");
        let sent = scene.server.sent();
        let asked = &sent.last().expect("was sent").request.cursors;
        assert_eq!(asked[0].sequence, cursors, "{place:?}: asked from where the store is");
        phone.sync_once().await.expect("syncs");
        let account = phone.account().await.expect("reads");
        assert_eq!((account.accepted, account.on_phone), (1, 0), "{place:?}");
        phone.close().await;
    }
}

/// How far the store has read, and how many records it lists.
async fn stored(phone: &Replica) -> (u64, usize) {
    let state = phone.store.sync_state(super::scene::WANG).await.expect("reads");
    let list = phone.store.list(super::scene::WANG).await.expect("reads");
    (state.cursors[0].1.sequence, list.len())
}

#[tokio::test]
async fn a_request_dropped_on_its_way_is_due_again() {
    let scene = Scene::new();
    let phone = Arc::new(scene.ready(1).await);
    save(&phone, order(0), "一").await;
    scene.server.next([Reply::Hangs]);
    tokio::select! {
        _ = phone.sync_if_due() => panic!("it hangs"),
        () = scene.server.hangs.notified() => {}
    }
    assert!(phone.next_sync_ms().await.is_some(), "a driver knows when to ask again");
    scene.server.answers_as_it_should(1);
    let report = phone.sync_if_due().await.expect("syncs").expect("is due");
    assert_eq!(report.pushed, 1);
    Arc::into_inner(phone).expect("nobody else uses it").close().await;
}
