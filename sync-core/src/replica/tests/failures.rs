//! Answers that are none, cut ones and lies: nothing changes, and the next good one works.

use super::scene::{Scene, notes, order, save, snapshot};
use super::script::Reply;
use crate::document::pack::{decode, encode};
use crate::protocol::SyncResponse;
use crate::protocol::problem::ProblemCode;
use crate::{Error, Result};

#[tokio::test]
async fn an_answer_cut_off_anywhere_is_as_if_none_had_come() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "水阀已关").await;
    scene.server.office_notes(0, 200, "催办");
    let before = snapshot(&phone).await;
    for bytes in (0..200).step_by(7) {
        scene.server.next([Reply::Cut(bytes)]);
        let answered = phone.sync_once().await;
        assert!(matches!(answered, Err(Error::Offline { .. })), "{bytes} bytes: {answered:?}");
        assert_eq!(snapshot(&phone).await, before, "{bytes} bytes");
    }
    // The server had acted the first time: all of it comes again.
    scene.server.answers_as_it_should(2);
    phone.sync(2).await.expect("syncs");
    let account = phone.account().await.expect("reads");
    assert_eq!((account.accepted, account.on_phone), (1, 0));
    assert_eq!(notes(&phone, order(0)).await.len(), 2);
    phone.close().await;
}

#[tokio::test]
async fn an_answer_that_contradicts_itself_changes_nothing() {
    type Lie = (&'static str, fn(&mut SyncResponse));
    let lies: [Lie; 8] = [
        ("a pack cut off", |answer| answer.packs.truncate(answer.packs.len() / 2)),
        ("a pack with a byte more", |answer| answer.packs.push(0)),
        ("no pack where one is named", |answer| answer.packs.clear()),
        ("a pack of another record", |answer| {
            let mut packs = decode(&answer.packs).expect("honest");
            packs[0].record = order(9);
            answer.packs = encode(&packs);
        }),
        ("a range that ends before it begins", |answer| answer.receipts[0].to = 0),
        ("a range without end", |answer| answer.receipts[0].to = u64::MAX),
        ("reference data that does not read", |answer| {
            let json = "{".to_owned();
            answer.reference = Some(crate::protocol::message::Reference { version: 9, json });
        }),
        ("reference data of another shape", |answer| {
            let json = r#"{"grants":7}"#.to_owned();
            answer.reference = Some(crate::protocol::message::Reference { version: 9, json });
        }),
    ];
    for (name, lie) in lies {
        let scene = Scene::new();
        let phone = scene.ready(1).await;
        save(&phone, order(0), "水阀已关").await;
        scene.server.office_notes(0, 200, "催办");
        let (before, list) = (snapshot(&phone).await, phone.list().await);
        scene.server.next_altered(lie);
        let answered = phone.sync_once().await;
        assert!(matches!(answered, Err(Error::Malformed { .. })), "{name}: {answered:?}");
        assert_eq!(snapshot(&phone).await, before, "{name}");
        assert_eq!(phone.list().await, list, "{name}");
        assert_eq!(phone.reference().await.grants.len(), 1, "{name}");
        assert!(phone.next_sync_ms().await > Some(1_000), "{name}: it waits before it asks again");
        assert_eq!(save(&phone, order(0), "还在").await.n, 2, "{name}");
        phone.close().await;
    }
}

#[tokio::test]
async fn a_body_that_is_no_message_changes_nothing() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    let before = snapshot(&phone).await;
    let portal = b"<html>sign in to this network</html>".to_vec();
    for bytes in [Vec::new(), portal, vec![0; 4], vec![1; 100]] {
        scene.server.next([Reply::Bytes(bytes)]);
        assert!(matches!(phone.sync_once().await, Err(Error::Offline { .. })));
        assert_eq!(snapshot(&phone).await, before);
    }
    phone.close().await;
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_it() -> Result<()> {
    let scene = Scene::new();
    let phone = scene.ready(0).await;
    scene.server.next([Reply::Problem(ProblemCode::TooManyRequests, Vec::new(), Some(30))]);
    let answered = phone.sync_once().await;
    assert!(matches!(answered, Err(Error::RetryAfter { delay_ms: 30_000 })), "{answered:?}");
    assert_eq!(phone.next_sync_ms().await, Some(31_000));
    let asked = scene.server.sent().len();
    scene.clock.advance_ms(10_000);
    let by_hand = phone.sync(3).await;
    assert!(matches!(by_hand, Err(Error::RetryAfter { delay_ms: 20_000 })), "{by_hand:?}");
    assert_eq!(scene.server.sent().len(), asked, "nothing goes out meanwhile");
    assert_eq!(phone.next_sync_ms().await, Some(31_000));
    scene.clock.advance_ms(20_000);
    for code in [ProblemCode::Unavailable, ProblemCode::Internal] {
        scene.server.next([Reply::Problem(code, Vec::new(), None)]);
        let answered = phone.sync_once().await;
        assert!(matches!(answered, Err(Error::Offline { .. })), "{answered:?}");
        assert!(phone.next_sync_ms().await > Some(31_000));
    }
    phone.close().await;
    Ok(())
}

#[tokio::test]
async fn a_server_of_another_life_is_read_from_the_start_and_keeps_the_phones_work() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    scene.server.next([Reply::Problem(ProblemCode::CursorFromElsewhere, Vec::new(), None)]);
    let report = phone.sync_once().await.expect("starts over");
    assert!(report.more, "at once");
    let state = phone.store.sync_state(super::scene::WANG).await.expect("reads");
    assert!(state.cursors.is_empty() && state.receipts_after == 0);
    assert_eq!(phone.account().await.expect("reads").on_phone, 1);

    scene.server.answers_as_it_should(1);
    phone.sync_once().await.expect("syncs");
    let [first, second] = &scene.server.sent()[..] else { panic!("two requests") };
    assert_eq!(first.request.cursors.len(), 1);
    assert!(second.request.cursors.is_empty());
    assert_eq!(phone.account().await.expect("reads").accepted, 1);
    assert_eq!(notes(&phone, order(0)).await, ["一"]);
    phone.close().await;
}

#[tokio::test]
async fn two_syncs_at_once_are_one_after_the_other() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    scene.server.answers_as_it_should(3);
    let both = tokio::join!(phone.sync_once(), phone.sync_once(), phone.sync_once());
    let pushed = [both.0, both.1, both.2].map(|report| report.expect("syncs").pushed);
    assert_eq!(pushed, [1, 0, 0], "and the later ones see what the first one brought");
    assert_eq!(scene.server.most_at_once(), 1);
    phone.close().await;
}
