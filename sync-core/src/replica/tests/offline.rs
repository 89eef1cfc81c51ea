//! Without signal: what is saved stays saved, and goes out once, when there is signal again.

use super::scene::{Scene, notes, order, save};
use super::script::Reply;
use crate::Error;
use crate::engine::schedule::Pause;

#[tokio::test]
async fn a_command_saved_without_signal_survives_reopening_and_is_accepted_later() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    scene.server.next([Reply::NoSignal]);
    assert_eq!(save(&phone, order(0), "水阀已关").await.n, 1);
    assert!(matches!(phone.sync_once().await, Err(Error::Offline { .. })));
    assert_eq!(phone.account().await.expect("reads").on_phone, 1);

    let phone = scene.reopen(phone).await;
    assert_eq!(notes(&phone, order(0)).await, ["水阀已关"]);
    let account = phone.account().await.expect("reads");
    assert_eq!((account.saved, account.on_phone, account.accepted), (1, 1, 0));
    assert_eq!(phone.list().await[0].pending, 1);

    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 1);
    let account = phone.account().await.expect("reads");
    assert_eq!((account.saved, account.on_phone, account.accepted), (1, 0, 1));
    assert_eq!(phone.list().await[0].pending, 0);
    assert_eq!(notes(&phone, order(0)).await, ["水阀已关"]);
    phone.close().await;
}

#[tokio::test]
async fn commands_of_several_openings_are_numbered_on_and_have_a_session_each() {
    let scene = Scene::new();
    let mut phone = scene.ready(1).await;
    let mut sessions = std::collections::BTreeSet::new();
    for n in 1..=3 {
        let saved = save(&phone, order(0), &format!("第 {n} 条")).await;
        assert_eq!(saved.n, n);
        sessions.insert(saved.key.session());
        phone = scene.reopen(phone).await;
    }
    assert_eq!(sessions.len(), 3);
    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    let [sent] = &scene.server.sent()[..] else { panic!("one request") };
    assert_eq!(sent.request.sessions.len(), 3, "each is registered");
    assert_eq!(sent.request.state.highest_number, 3);
    assert_eq!(phone.account().await.expect("reads").accepted, 3);
    phone.close().await;
}

#[tokio::test]
async fn airplane_mode_sends_nothing_and_keeps_everything() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    phone.set_airplane(true).await;
    save(&phone, order(0), "已到现场").await;
    assert!(matches!(phone.sync_once().await, Err(Error::Offline { .. })));
    assert_eq!(phone.sync_if_due().await.expect("not due"), None);
    assert_eq!(phone.next_sync_ms().await, None);
    assert_eq!(phone.paused().await, Some(Pause::Airplane));
    assert!(scene.server.sent().is_empty(), "nothing was sent");
    assert_eq!(scene.server.tokens(), 1, "not even for a token");

    phone.set_airplane(false).await;
    assert_eq!(phone.paused().await, None);
    scene.server.answers_as_it_should(1);
    let report = phone.sync_if_due().await.expect("syncs").expect("is due at once");
    assert_eq!(report.pushed, 1);
    phone.close().await;
}

#[tokio::test]
async fn failures_in_a_row_are_remembered_by_the_store() {
    let scene = Scene::new();
    let phone = scene.ready(0).await;
    scene.server.next([Reply::NoSignal, Reply::NoSignal, Reply::NoSignal, Reply::NoSignal]);
    for _ in 0..3 {
        assert!(phone.sync_once().await.is_err());
    }
    let phone = scene.reopen(phone).await;
    assert_eq!(phone.next_sync_ms().await, Some(1_000), "a fresh start asks at once");
    assert!(phone.sync_once().await.is_err());
    let delay_ms = phone.next_sync_ms().await.expect("waits") - 1_000;
    assert!((4_000..=8_000).contains(&delay_ms), "the fourth failure: {delay_ms}");

    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    scene.server.next([Reply::NoSignal]);
    assert!(phone.sync_once().await.is_err());
    let delay_ms = phone.next_sync_ms().await.expect("waits") - 1_000;
    assert!((500..=1_000).contains(&delay_ms), "success forgets them: {delay_ms}");
    phone.close().await;
}

#[tokio::test]
async fn a_saved_command_is_due_at_once_and_a_failure_delays_it() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    assert_eq!(phone.sync_if_due().await.expect("idle"), None);
    save(&phone, order(0), "一").await;
    scene.server.next([Reply::NoSignal]);
    assert!(phone.sync_if_due().await.is_err(), "it was due");
    save(&phone, order(0), "二").await;
    assert_eq!(phone.sync_if_due().await.expect("waits"), None, "the delay is running");
    scene.clock.advance_ms(1_000);
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_if_due().await.expect("syncs").expect("is due").pushed, 2);
    phone.close().await;
}

#[tokio::test]
async fn airplane_mode_switched_on_during_a_request_holds_after_its_answer() {
    for reply in [None, Some(Reply::NoSignal)] {
        let scene = Scene::new();
        let phone = scene.ready(1).await;
        match reply {
            None => scene.server.answers_as_it_should(1),
            Some(reply) => scene.server.next([reply]),
        }
        let held = scene.server.hold.lock().await;
        let (_, ()) = tokio::join!(phone.sync_once(), async {
            while scene.server.sent().is_empty() {
                tokio::task::yield_now().await;
            }
            phone.set_airplane(true).await;
            drop(held);
        });
        assert_eq!(phone.paused().await, Some(Pause::Airplane));
        save(&phone, order(0), "一").await;
        assert_eq!(phone.sync_if_due().await.expect("not due"), None);
        assert_eq!(scene.server.sent().len(), 1);
        phone.close().await;
    }
}
