//! Every command that returned was accepted or refused, once; phones and server agree.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::Document;
use sync_core::model::id::{ChangeHash, RecordId};
use sync_core::protocol::message::Outcome;
use sync_core::rules::Review;

use super::super::AllSaved;
use super::super::acting::Saved;
use super::super::coverage::Coverage;
use super::super::world::{Phone, World};
use super::Audit;
use super::facts::Record;

/// Accounts for every command and compares every phone with the server.
pub async fn audit(
    world: &World,
    records: &BTreeMap<RecordId, Record>,
    saved: &AllSaved,
    (audit, coverage): (&mut Audit, &mut Coverage),
) {
    let checked = world.machine.app().sync.check().await.expect("checks");
    assert_eq!(checked.mismatches, [], "documents rebuilt by Automerge have the stored heads");
    let cases = world.machine.app().sync.desk_cases(0, 1_000, true).await.expect("reads");
    let backdated: Vec<_> = cases.iter().filter(|case| case.kind == "backdated").collect();
    assert!(backdated.is_empty(), "no phone here claims to be earlier than it is: {backdated:?}");
    for (phone, saved) in world.phones.iter().zip(&saved.phones) {
        of_phone(world, records, phone, saved, (audit, coverage)).await;
        compare(world, phone, records, audit).await;
    }
    for saved in &saved.office {
        assert!(is_accepted(records, saved), "what the office was told is there: {saved:?}");
        count(coverage, saved, true);
    }
}

fn is_accepted(records: &BTreeMap<RecordId, Record>, saved: &Saved) -> bool {
    records.get(&saved.record).is_some_and(|record| record.facts.contains_key(&saved.key))
}

fn count(coverage: &mut Coverage, saved: &Saved, accepted: bool) {
    let counts = coverage.of(&saved.kind);
    counts.written += 1;
    counts.accepted += u64::from(accepted);
    counts.refused += u64::from(!accepted);
    counts.opened += u64::from(accepted && saved.opened);
}

async fn of_phone(
    world: &World,
    records: &BTreeMap<RecordId, Record>,
    phone: &Phone,
    saved: &[Saved],
    (audit, coverage): (&mut Audit, &mut Coverage),
) {
    let replica = phone.replica();
    let account = replica.account().await.expect("an account");
    assert_eq!(account.on_phone, 0, "nothing is left on the phone: {account:?}");
    // What is left of the phone's other numbers is what the server itself has counted.
    assert_eq!(account.accepted, accepted_there(world, phone.device.0).await, "{account:?}");
    let refused = replica.refused().await.expect("a list");
    let refused: BTreeSet<u64> = refused.iter().map(|row| row.n).collect();
    for saved in saved {
        let accepted = is_accepted(records, saved);
        let listed = refused.contains(&saved.n);
        assert!(accepted != listed, "{saved:?}: accepted {accepted}, refused {listed}");
        assert!(!(saved.forbidden && accepted), "the server holds without the phone's rules");
        let outcome = outcome(world, phone.device.0, saved.n).await;
        let told = outcome.is_some_and(Outcome::is_accepted);
        assert_eq!(told, accepted, "{saved:?}: {outcome:?}");
        count(coverage, saved, accepted);
        audit.commands += 1;
    }
}

/// How many of a device's commands the server has accepted, by its receipts.
async fn accepted_there(world: &World, device: u32) -> u64 {
    let (count,): (i64,) = sqlx::query_as(
        "select coalesce(sum(to_number - from_number + 1), 0) from receipt
         where device = ? and outcome in ('entered', 'rewritten')",
    )
    .bind(device)
    .fetch_one(world.machine.app().db.reader())
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
    .fetch_optional(world.machine.app().db.reader())
    .await
    .expect("reads");
    row.and_then(|(code,)| Outcome::from_code(&code))
}

/// Equal heads by Automerge itself and equal reviews, on a phone and the server.
async fn compare(
    world: &World,
    phone: &Phone,
    records: &BTreeMap<RecordId, Record>,
    audit: &mut Audit,
) {
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
        let there = &records[&record].review;
        assert_eq!(records[&record].facts.len(), here.timeline.len());
        let text = |review: &Review| serde_json::to_string_pretty(review).expect("writes");
        if here != *there {
            let (here, there) = (text(&here), text(there));
            let differing = here.lines().zip(there.lines()).find(|(a, b)| a != b);
            panic!("{record} on {}: {differing:?}", phone.person);
        }
    }
}

async fn server_heads(world: &World, record: RecordId) -> Vec<ChangeHash> {
    let (heads,): (Vec<u8>,) = sqlx::query_as("select heads from record where record = ?")
        .bind(record.0.to_vec())
        .fetch_one(world.machine.app().db.reader())
        .await
        .expect("reads");
    let hashes = heads.chunks_exact(32).map(|hash| hash.try_into().expect("32 bytes"));
    hashes.map(ChangeHash).collect()
}
