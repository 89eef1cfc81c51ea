//! Every command that returned was accepted or refused, once; phones and server agree.

use std::collections::{BTreeMap, BTreeSet};

use fieldbook_server::sync::{CaseDecision, DeskCaseRow};
use sync_core::document::Document;
use sync_core::model::id::{ChangeHash, DeviceId, RecordId};
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
    let cases = world.machine.app().sync.desk_cases(0, 10_000, true).await.expect("reads");
    backdated(&cases, saved, records, audit);
    signatures(world, records, audit);
    words(world, saved, records).await;
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
    // What is left of the phone's other numbers is what the server itself has counted. The account
    // begins at the last sign-out; of what came before it only what was refused is left in it.
    assert_eq!(account.on_phone, 0, "nothing is left on the phone: {account:?}");
    assert_eq!(account.held, 0, "what waited was decided: {account:?}");
    assert_eq!(account.accepted, accepted_there(world, &phone.devices).await, "{account:?}");
    let refused = replica.refused().await.expect("a list");
    let refused: BTreeSet<u64> = refused.iter().map(|row| row.n).collect();
    for (place, saved) in saved.iter().enumerate() {
        let accepted = is_accepted(records, saved);
        let words = world.words.iter().filter(|word| word.is_of(saved));
        let after_all = words.clone().any(|word| word.decision == CaseDecision::AcceptAfterAll);
        let listed = saved.person == phone.person && refused.contains(&saved.n);
        if place < phone.forgotten {
            assert!(!accepted || !listed, "{saved:?} is accepted and listed as refused");
            audit.carried += u64::from(listed);
        } else {
            assert!(accepted != listed, "{saved:?}: accepted {accepted}, refused {listed}");
        }
        let is_held_against = !saved.forbidden || !accepted || after_all;
        assert!(is_held_against, "the server holds without the phone's rules");
        let outcome = outcome(world, saved.device.0, saved.n).await;
        let told = outcome.is_some_and(Outcome::is_accepted);
        assert_eq!(told, accepted, "{saved:?}: {outcome:?}");
        assert!(accepted || is_kept(world, saved).await, "what was refused is kept: {saved:?}");
        count(coverage, saved, accepted);
        audit.commands += 1;
        audit.refused += u64::from(!accepted);
    }
}

/// What nobody accepted stands in the log, or as it came, and the office can read it.
async fn is_kept(world: &World, saved: &Saved) -> bool {
    let n = i64::try_from(saved.n).expect("small");
    let kept: i64 = sqlx::query_scalar(
        "select (select count(*) from change
                 where device = ?1 and number = ?2 and state = 'refused')
           + (select count(*) from quarantine where device = ?1 and number = ?2)",
    )
    .bind(saved.device.0)
    .bind(n)
    .fetch_one(world.machine.app().db.reader())
    .await
    .expect("reads");
    kept > 0
}

/// What claims to be older than it can be is marked, and nothing else is.
fn backdated(
    cases: &[DeskCaseRow],
    saved: &AllSaved,
    records: &BTreeMap<RecordId, Record>,
    audit: &mut Audit,
) {
    let all: Vec<&Saved> = saved.phones.iter().flatten().collect();
    let marked = |one: &Saved| {
        cases.iter().any(|case| {
            (case.kind.as_str(), case.device) == ("backdated", one.device)
                && (case.from..=case.to).contains(&one.n)
        })
    };
    for one in all {
        assert!(one.lied || !marked(one), "no clock was turned back for {one:?}");
        if one.caught && is_accepted(records, one) {
            assert!(marked(one), "the clock was turned back for {one:?}: {cases:?}");
            audit.backdated += 1;
        }
    }
}

/// Every signature of a phone is a drawing that the command `sign` was given there.
fn signatures(world: &World, records: &BTreeMap<RecordId, Record>, audit: &mut Audit) {
    let inks = world.phones.iter().map(|phone| phone.ink.lock().expect("not poisoned"));
    let given: BTreeSet<String> = inks.flat_map(|ink| ink.given.clone()).collect();
    for signed in records.values().flat_map(|record| record.of("signed")) {
        let strokes = signed.p["strokes"].as_str().expect("strokes");
        if signed.is_of_a_phone() {
            assert!(given.contains(strokes), "nobody signed so: {signed:?}");
            audit.signatures += 1;
        }
    }
}

/// What the office said holds.
async fn words(world: &World, saved: &AllSaved, records: &BTreeMap<RecordId, Record>) {
    for saved in saved.phones.iter().flatten() {
        for word in world.words.iter().filter(|word| word.is_of(saved)) {
            match word.decision {
                CaseDecision::AcceptAfterAll => {
                    assert!(is_accepted(records, saved), "accepted after all: {saved:?}");
                }
                _ => assert!(is_kept(world, saved).await || is_accepted(records, saved)),
            }
        }
    }
}

/// How many of these devices' commands the server has accepted, by its receipts.
async fn accepted_there(world: &World, devices: &[DeviceId]) -> u64 {
    let mut sum = 0;
    for device in devices {
        let (count,): (i64,) = sqlx::query_as(
            "select coalesce(sum(to_number - from_number + 1), 0) from receipt
             where device = ? and outcome in ('entered', 'rewritten')",
        )
        .bind(device.0)
        .fetch_one(world.machine.app().db.reader())
        .await
        .expect("reads");
        sum += count.unsigned_abs();
    }
    sum
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
        let changes = replica.accepted_changes(record).await.expect("reads");
        // What was opened here and refused is an empty line; the server has no such record.
        if changes.is_empty() {
            assert!(
                server_heads(world, record).await.is_empty(),
                "{record} is here without a fact"
            );
            continue;
        }
        audit.compared += 1;
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
