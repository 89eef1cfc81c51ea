//! The account: every command is in exactly one place, and the numbers add up.

use super::super::Account;
use super::scene::{Scene, order, save};
use crate::protocol::message::Outcome;

#[tokio::test]
async fn every_command_is_accepted_held_refused_or_on_the_phone() {
    let scene = Scene::new();
    let phone = scene.ready(5).await;
    for index in 0..5 {
        save(&phone, order(index), "一").await;
    }
    assert_eq!(
        phone.account().await.expect("reads"),
        Account { saved: 5, on_phone: 5, ..Account::default() }
    );
    scene.server.judges(
        1,
        &[
            (2, Outcome::Held),
            (3, Outcome::Refused),
            (4, Outcome::NotStored),
            (5, Outcome::Rewritten),
        ],
    );
    phone.sync_once().await.expect("syncs");
    save(&phone, order(0), "二").await;
    let expected = Account { saved: 6, accepted: 2, held: 1, refused: 1, on_phone: 2 };
    assert_eq!(phone.account().await.expect("reads"), expected);
    let pending: Vec<u64> = phone.list().await.iter().map(|item| item.pending).collect();
    assert_eq!(
        pending.iter().sum::<u64>(),
        3,
        "the new one, the held one and the one without room"
    );

    // The outbox is what the account counts as on the phone, with the sessions of its facts.
    let outbox = phone.outbox().await.expect("reads");
    assert_eq!(outbox.commands.iter().map(|command| command.n).collect::<Vec<_>>(), [4, 6]);
    for command in &outbox.commands {
        for session in command.facts.iter().filter_map(|fact| fact.key.session()) {
            assert!(outbox.sessions.iter().any(|row| row.session == session));
        }
    }

    let phone = scene.reopen(phone).await;
    assert_eq!(phone.outbox().await.expect("reads"), outbox);
    assert_eq!(phone.account().await.expect("reads"), expected);
    let again: Vec<u64> = phone.list().await.iter().map(|item| item.pending).collect();
    assert_eq!(again, pending);
    phone.close().await;
}

#[tokio::test]
async fn a_phone_nobody_enrolled_has_an_empty_account_and_sends_nothing() {
    let scene = Scene::new();
    let phone = scene.open().await;
    assert_eq!(phone.account().await.expect("reads"), Account::default());
    assert!(phone.sync_once().await.is_err());
    assert!(phone.perform(&super::scene::note("一"), Some(order(0))).await.is_err());
    assert!(scene.server.sent().is_empty());
    phone.close().await;
}
