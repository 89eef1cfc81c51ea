//! The auditor: after the faults are over, every command that returned must be somewhere, once, and
//! all sides must agree.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::Document;
use sync_core::model::id::{FactKey, RecordId};
use sync_core::protocol::message::Outcome;

use super::workload::Saved;
use super::world::World;

/// What an audit counted.
#[derive(Debug, Default, Clone, Copy)]
pub struct Audit {
    /// Commands that returned.
    pub saved: u64,
    /// In the server's accepted records.
    pub accepted: u64,
    /// Refused.
    pub refused: u64,
    /// Records compared between phone and server.
    pub compared: u64,
}

/// Syncs everybody until nothing is left, then accounts for everything.
pub async fn audit(world: &mut World, saved: &[Vec<Saved>]) -> Audit {
    for round in 0..3 {
        for phone in &world.phones {
            let report = phone.replica().sync(200).await;
            let report = report.unwrap_or_else(|error| panic!("a healed phone syncs: {error}"));
            assert!(!report.more, "it ends, in round {round}");
        }
    }
    let checked = world.machine.sync().check().await.expect("checks");
    assert_eq!(checked.mismatches, [], "documents rebuilt by Automerge have the stored heads");
    let mut audit = Audit::default();
    let mut server: BTreeMap<RecordId, BTreeSet<FactKey>> = BTreeMap::new();
    for (phone, saved) in world.phones.iter().zip(saved) {
        let replica = phone.replica();
        let account = replica.account().await.expect("an account");
        assert_eq!(account.on_phone, 0, "nothing is left on the phone: {account:?}");
        // What is left of the phone's other numbers is what the server itself has counted.
        assert_eq!(account.accepted, accepted_there(world, phone.device.0).await, "{account:?}");
        let refused = replica.refused().await.expect("a list");
        let refused: BTreeSet<u64> = refused.iter().map(|row| row.n).collect();
        for saved in saved {
            audit.saved += 1;
            if let Entry::Vacant(entry) = server.entry(saved.record) {
                let read = world.machine.sync().read(saved.record).await.expect("reads");
                let facts = read.map(|(facts, ..)| facts).unwrap_or_default();
                let keys: BTreeSet<FactKey> = facts.iter().map(|fact| fact.key).collect();
                assert_eq!(keys.len(), facts.len(), "no fact twice");
                entry.insert(keys);
            }
            let accepted = server[&saved.record].contains(&saved.key);
            let listed = refused.contains(&saved.n);
            assert!(accepted != listed, "{saved:?}: accepted {accepted}, refused {listed}");
            assert!(!(saved.forbidden && accepted), "the server holds without the phone's rules");
            let outcome = outcome(world, phone.device.0, saved.n).await;
            assert_eq!(
                outcome.is_some_and(Outcome::is_accepted),
                accepted,
                "{saved:?}: {outcome:?}"
            );
            audit.accepted += u64::from(accepted);
            audit.refused += u64::from(listed);
        }
    }
    compare(world, &mut audit).await;
    audit
}

/// How many of a device's commands the server has accepted, by its receipts.
async fn accepted_there(world: &World, device: u32) -> u64 {
    let (count,): (i64,) = sqlx::query_as(
        "select coalesce(sum(to_number - from_number + 1), 0) from receipt
         where device = ? and outcome in ('entered', 'rewritten')",
    )
    .bind(device)
    .fetch_one(world.machine.database().reader())
    .await
    .expect("reads");
    count.unsigned_abs()
}

async fn outcome(world: &World, device: u32, n: u64) -> Option<Outcome> {
    let n = i64::try_from(n).expect("small");
    let row: Option<(String,)> = sqlx::query_as(
        "select outcome from receipt where device = ? and from_number <= ? and to_number >= ?",
    )
    .bind(device)
    .bind(n)
    .bind(n)
    .fetch_optional(world.machine.database().reader())
    .await
    .expect("reads");
    row.and_then(|(code,)| Outcome::from_code(&code))
}

/// Equal heads by Automerge itself and equal reviews, on every phone and the server.
async fn compare(world: &World, audit: &mut Audit) {
    for phone in &world.phones {
        let replica = phone.replica();
        for item in replica.list().await {
            let record = item.record;
            assert_eq!(item.pending, 0, "{record}");
            if !item.present {
                continue;
            }
            audit.compared += 1;
            let changes = replica.accepted_changes(record).await.expect("reads");
            let document = Document::from_changes(record, &changes).expect("rebuilds");
            assert_eq!(document.heads(), server_heads(world, record).await, "{record}");
            let here = replica.review(record).await.expect("reads").expect("is here");
            let (facts, _, there) =
                world.machine.sync().read(record).await.expect("reads").expect("is there");
            assert_eq!(facts.len(), here.timeline.len());
            let text = |review| serde_json::to_string_pretty(review).expect("writes");
            if here != there {
                let (here, there) = (text(&here), text(&there));
                let differing = here.lines().zip(there.lines()).find(|(a, b)| a != b);
                panic!("{record} on {}: {differing:?}", phone.person);
            }
        }
    }
}

async fn server_heads(world: &World, record: RecordId) -> Vec<sync_core::model::id::ChangeHash> {
    let (heads,): (Vec<u8>,) = sqlx::query_as("select heads from record where record = ?")
        .bind(record.0.to_vec())
        .fetch_one(world.machine.database().reader())
        .await
        .expect("reads");
    let hashes = heads.chunks_exact(32).map(|hash| hash.try_into().expect("32 bytes"));
    hashes.map(sync_core::model::id::ChangeHash).collect()
}
