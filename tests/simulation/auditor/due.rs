//! What falls due in records of every kind: told once, of the very moment; of follow-ups and
//! hand-overs exactly when the raw facts say so.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::model::id::{FactKey, RecordId};
use sync_core::model::policy::SlaPolicy;

use super::super::world::World;
use super::Audit;
use super::facts::{Raw, Record};

/// Looks at every record.
pub fn audit(world: &World, records: &BTreeMap<RecordId, Record>, audit: &mut Audit) {
    for record in records.values() {
        let standing = told(record, world.now_ms());
        audit.told += standing.len() as u64;
        let expected = match record.kind.as_str() {
            "follow_up" => follow_up(record, &world.policy, world.now_ms()),
            "hand_over" => hand_over(record, world.now_ms()),
            _ => None,
        };
        if let Some(expected) = expected {
            assert_eq!(standing, expected, "{} of {}", record.kind, record.record);
        }
    }
}

/// Deadline and moment of what was told and is not marked as wrong; each once, whatever was marked
/// before.
fn told(record: &Record, now_ms: i64) -> Vec<(String, i64)> {
    let marks: Vec<FactKey> =
        record.of("due_withdrawn").map(|fact| fact.id("of").expect("a key")).collect();
    let marked: BTreeSet<FactKey> = marks.iter().copied().collect();
    assert_eq!(marks.len(), marked.len(), "marked once, in {}", record.record);
    let mut standing = Vec::new();
    let mut seen = BTreeSet::new();
    for fact in record.of("fell_due") {
        let due_ms = fact.whole("due_ms");
        assert!(fact.is_derived() && fact.at_ms == due_ms && due_ms < now_ms, "{fact:?}");
        let name = fact.p["deadline"].as_str().expect("a name").to_owned();
        if !marked.contains(&fact.key) {
            let once = seen.insert((name.clone(), fact.p["of"].to_string(), due_ms));
            assert!(once, "told once: {fact:?}");
            standing.push((name, due_ms));
        }
    }
    assert!(marked.iter().all(|key| record.facts[key].t == "fell_due"), "{}", record.record);
    standing.sort();
    standing
}

/// None where more than one fact may have met it, or one that cannot be judged.
fn late(name: &str, due_ms: i64, met: &[&Raw], now_ms: i64) -> Option<Vec<(String, i64)>> {
    let until_ms = match met {
        [] => now_ms,
        [only] if only.judgeable => only.at_ms,
        _ => return None,
    };
    let late = until_ms > due_ms;
    Some(if late { vec![(name.to_owned(), due_ms)] } else { Vec::new() })
}

fn follow_up(record: &Record, policy: &SlaPolicy, now_ms: i64) -> Option<Vec<(String, i64)>> {
    let paused = record.of("deadline_paused").next().is_some();
    if paused || !record.is_untouched("completed_at_ms") {
        return None;
    }
    let start_ms = record.opening().p["completed_at_ms"].as_i64()?;
    let met: Vec<&Raw> = record.of("reached").chain(record.of("follow_up_closed")).collect();
    let first = |one: &&Raw| !met.iter().any(|other| record.knew(one.key, other.key));
    let met: Vec<&Raw> = met.iter().copied().filter(first).collect();
    late("follow_up", start_ms + policy.call_back_ms, &met, now_ms)
}

fn hand_over(record: &Record, now_ms: i64) -> Option<Vec<(String, i64)>> {
    if record.of("deadline_paused").next().is_some() || record.of("created").count() > 1 {
        return None;
    }
    let taken: Vec<&Raw> = record.of("taken_over").collect();
    late("taken_over", record.opening().whole("shift_ends_at_ms"), &taken, now_ms)
}
