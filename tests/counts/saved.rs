//! Compares what a killed process had told with what is there now, and lets the site go on until
//! every command is accounted for on both sides.

use std::collections::BTreeSet;

use serde_json::Value;
use sync_core::document::Document;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{ChangeHash, RecordId};
use sync_core::replica::{Account, Replica};
use sync_core::rules::{Command, projection};

use super::inspect::Held;
use super::journal::{Line, Place, Saved};
use super::site::Site;

/// Every command that returned is there with its content; the one that did not is there if its
/// transaction had been committed, and no other number is used. Answers how many returned.
///
/// # Panics
/// If not.
pub fn check(lines: &[Line], held: &Held, run: &str) -> u64 {
    let mut returned = 0;
    for saved in saved(lines) {
        returned += 1;
        assert_eq!(saved.n, returned, "{run}: numbers follow one another");
        let command = held.commands.get(&saved.n);
        let command = command.unwrap_or_else(|| panic!("{run}: {} is gone", saved.n));
        assert_eq!(command.record, saved.record, "{run}: {}", saved.n);
        let fact = command.facts.iter().find(|fact| fact.key == saved.key);
        let fact = fact.unwrap_or_else(|| panic!("{run}: the fact of {} is gone", saved.n));
        assert!(says(fact, &saved.fact), "{run}: {} says something else", saved.n);
    }
    let committed = matches!(
        lines.last(),
        Some(Line::Dies { operation, place: Place::After, .. }) if operation == "command"
    );
    let highest = returned + u64::from(committed);
    assert_eq!(held.highest, highest, "{run}: {:?}", lines.last());
    returned
}

fn saved(lines: &[Line]) -> impl Iterator<Item = &Saved> {
    lines.iter().filter_map(|line| match line {
        Line::Saved(saved) => Some(saved),
        _ => None,
    })
}

/// Whether a fact has the members it should have.
fn says(fact: &StoredFact, wanted: &Value) -> bool {
    let actual: Value = serde_json::from_str(&fact.json).expect("JSON");
    let members = wanted["p"].as_object().into_iter().flatten();
    actual["t"] == wanted["t"]
        && members.into_iter().all(|(name, value)| actual["p"][name] == *value)
}

/// The account of the second life: an answer is applied whole or not at all, and nothing but its
/// own transaction moves it.
///
/// # Panics
/// If not.
pub async fn check_account(phone: &Replica, lines: &[Line]) {
    let account = phone.account().await.expect("reads");
    let before = lines.iter().rev().find_map(|line| match line {
        Line::Syncing(account) => Some(*account),
        _ => None,
    });
    match lines.last() {
        Some(Line::Dies { operation, place: Place::After, .. }) if operation == "answer" => {
            assert_eq!(account.on_phone, 0, "{account:?} after {before:?}");
        }
        Some(Line::Dies { operation, .. }) if operation != "command" => {
            assert_eq!(Some(account), before, "no answer was applied");
        }
        _ => {}
    }
    for item in phone.list().await {
        let review = phone.review(item.record).await.expect("reads").expect("is here");
        assert_eq!(item.projection, projection(&review), "the list shows what is there");
    }
}

/// The next command works, the next sync brings everything to the server once, and both sides are
/// equal.
///
/// # Panics
/// If not.
pub async fn goes_on(site: &Site, lines: &[Line], held: &Held) {
    let phone = &site.phone;
    let orders = phone.list().await;
    let order = orders.iter().find(|item| item.projection.kind == "work_order").expect("one");
    let note = Command::Note { text: "继续".to_owned() };
    let next = phone.perform(&note, Some(order.record)).await.expect("saves");
    assert_eq!(next.n, held.highest + 1);
    let report = phone.sync(20).await.expect("syncs");
    assert!(!report.more);
    let account = phone.account().await.expect("reads");
    let Account { saved: all, accepted, refused, held: waiting, on_phone } = account;
    assert_eq!((all, waiting, on_phone), (next.n, 0, 0), "{account:?}");
    assert_eq!(all, accepted + refused);
    let refused: BTreeSet<u64> =
        phone.refused().await.expect("reads").iter().map(|row| row.n).collect();
    for (n, command) in &held.commands {
        let there = site.server.read(command.record).await.expect("reads");
        let facts = there.map(|(facts, ..)| facts).unwrap_or_default();
        let has = |fact: &StoredFact| facts.iter().filter(|f| *f == fact).count();
        let times: Vec<usize> = command.facts.iter().map(has).collect();
        let expected = usize::from(!refused.contains(n));
        assert!(times.iter().all(|times| *times == expected), "{n}: {times:?}");
    }
    for saved in saved(lines) {
        assert_eq!(refused.contains(&saved.n), saved.forbidden, "{saved:?}");
    }
    let checked = site.server.check().await.expect("checks");
    assert_eq!(checked.mismatches, []);
    for item in phone.list().await {
        let changes = phone.accepted_changes(item.record).await.expect("reads");
        let document = Document::from_changes(item.record, &changes).expect("rebuilds");
        assert_eq!(document.heads(), server_heads(site, item.record).await);
    }
}

async fn server_heads(site: &Site, record: RecordId) -> Vec<ChangeHash> {
    let heads: Vec<u8> = sqlx::query_scalar("select heads from record where record = ?")
        .bind(record.0.to_vec())
        .fetch_one(site.database.reader())
        .await
        .expect("reads");
    let hashes = heads.chunks_exact(32).map(|hash| hash.try_into().expect("32 bytes"));
    hashes.map(ChangeHash).collect()
}
