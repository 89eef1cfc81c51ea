//! The ladder of complaints, counted from the raw facts and the policy alone: each escalation that
//! there has to be by now stands once, at its very moment, and no other but what is marked.

use std::collections::BTreeMap;

use serde_json::Value;
use sync_core::model::id::{FactKey, RecordId};
use sync_core::model::policy::{LadderCountsFrom, SlaPolicy};

use super::super::days::{days_later, months_later};
use super::super::world::World;
use super::Audit;
use super::facts::{Raw, Record};

/// A fact and when.
type Stamp = (i64, FactKey);
/// From when to when; without an end it goes on.
type Stretch = (i64, Option<i64>);

const STEPS: [(&str, &str); 3] = [
    ("supervisor", "complaint_supervisor"),
    ("project_manager", "complaint_project_manager"),
    ("general_manager", "complaint_general_manager"),
];

/// What of a complaint's facts its ladder hangs on, where all of it can be judged.
struct Climb<'a> {
    record: &'a Record,
    policy: &'a SlaPolicy,
    now_ms: i64,
    start_ms: i64,
    about: bool,
    ended: Option<Stamp>,
    solved: Vec<(i64, i64)>,
}

/// Compares every complaint.
pub fn audit(world: &World, records: &BTreeMap<RecordId, Record>, audit: &mut Audit) {
    for record in records.values().filter(|record| record.kind == "complaint") {
        let (standing, marked) = escalated(record);
        audit.escalations += standing.len() as u64;
        audit.withdrawn += marked.len() as u64;
        match Climb::of(record, &world.policy, world.now_ms()) {
            Some(climb) => {
                let steps = climb.steps();
                assert_eq!(standing, steps, "the ladder of {}: {:#?}", record.record, record.facts);
                climb.major();
                audit.ladders += 1;
            }
            None => audit.unjudged += 1,
        }
    }
}

/// The escalations that stand, and those that are marked as wrong; each once.
fn escalated(record: &Record) -> (Vec<(String, i64)>, Vec<FactKey>) {
    let marks: Vec<FactKey> =
        record.of("escalation_withdrawn").map(|fact| fact.id("of").expect("a key")).collect();
    let mut standing: Vec<(String, i64)> = Vec::new();
    let mut marked = Vec::new();
    for fact in record.of("escalated") {
        assert!(fact.is_derived(), "only a rule escalates: {fact:?}");
        assert_eq!(fact.at_ms, fact.whole("due_ms"), "at the very moment: {fact:?}");
        let step = fact.p["to"].as_str().expect("a step").to_owned();
        match marks.iter().filter(|mark| **mark == fact.key).count() {
            0 => standing.push((step, fact.whole("due_ms"))),
            1 => marked.push(fact.key),
            more => panic!("marked {more} times: {fact:?}"),
        }
    }
    assert_eq!(marks.len(), marked.len(), "what is marked was there, in {}", record.record);
    standing.sort_by_key(|(step, _)| STEPS.iter().position(|(name, _)| name == step));
    (standing, marked)
}

impl<'a> Climb<'a> {
    /// None where a fact of it cannot be judged, or a field has two values.
    fn of(record: &'a Record, policy: &'a SlaPolicy, now_ms: i64) -> Option<Self> {
        const WANTED: [&str; 8] = [
            "created",
            "passed_up",
            "satisfied",
            "complaint_closed",
            "not_satisfied",
            "complaint_reopened",
            "deadline_paused",
            "deadline_resumed",
        ];
        let hangs = |fact: &&Raw| {
            WANTED.contains(&fact.t.as_str()) || (fact.t == "set" && fact.p["field"] == "judgement")
        };
        if record.facts.values().filter(hangs).any(|fact| !fact.judgeable) {
            return None;
        }
        let opened_ms = record.opening().at_ms;
        let said_ms = record.opening().p["received_at_ms"].as_i64().unwrap_or(opened_ms);
        let about = record.field("about").ok()?.is_some();
        let refuted = record.field("judgement").ok()?;
        let refuted = refuted.filter(|(value, _)| value["validity"] != "valid");
        let refuted = refuted.map(|(_, key)| (record.facts[&key].at_ms, key));
        let start_ms = said_ms.min(opened_ms);
        let (solves, undoes) = turns(record);
        let standing =
            solves.iter().filter(|solve| undoes.iter().all(|undo| record.knew(solve.1, undo.1)));
        let ended = standing.copied().chain(refuted).min();
        let solved = solved_for_a_time(record, &solves, &undoes);
        Some(Self { record, policy, now_ms, start_ms, about, ended, solved })
    }

    /// The escalations that there have to be.
    fn steps(&self) -> Vec<(String, i64)> {
        let days = [
            self.policy.complaint_supervisor_days,
            self.policy.complaint_project_manager_days,
            self.policy.complaint_general_manager_days,
        ];
        let by_step = self.policy.ladder_counts_from == LadderCountsFrom::Step;
        let mut expected: Vec<(String, i64)> = Vec::new();
        let mut reached_ms = Some(self.start_ms);
        for (place, (step, deadline)) in STEPS.into_iter().enumerate() {
            if place == 0 && self.about {
                // The superior's from the beginning.
                expected.push((step.to_owned(), self.start_ms));
                continue;
            }
            let Some(from_ms) = (if by_step { reached_ms } else { Some(self.start_ms) }) else {
                break;
            };
            let passed = self.passed(place);
            let met = passed.into_iter().chain(self.ended).min();
            reached_ms = passed.map(|(at_ms, _)| at_ms);
            let plain_ms = self.moved(days_later(from_ms, days[place]));
            if let Some(due_ms) = self.late(deadline, from_ms, plain_ms, met) {
                expected.push((step.to_owned(), due_ms));
                reached_ms = Some(due_ms);
            }
        }
        expected
    }

    /// Told of as major on the same date of the next month, if it has to be, and once.
    fn major(&self) {
        let due_ms = self.moved(months_later(self.start_ms, self.policy.complaint_major_months));
        let due_ms = self.late("complaint_major", self.start_ms, due_ms, self.ended);
        let withdrawn: Vec<FactKey> =
            self.record.of("due_withdrawn").filter_map(|fact| fact.id("of")).collect();
        let told: Vec<i64> = self
            .record
            .of("fell_due")
            .filter(|fact| {
                fact.p["deadline"] == "complaint_major" && !withdrawn.contains(&fact.key)
            })
            .map(|fact| fact.whole("due_ms"))
            .collect();
        assert_eq!(told, Vec::from_iter(due_ms), "of {} as major", self.record.record);
    }

    /// The first passing to the step of that place or beyond it.
    fn passed(&self, place: usize) -> Option<Stamp> {
        let reaches = |fact: &&Raw| {
            let to = STEPS.iter().position(|(step, _)| fact.p["to"] == *step);
            to.is_some_and(|to| to >= place)
        };
        let passed = self.record.of("passed_up").filter(reaches);
        passed.map(|fact| (fact.at_ms, fact.key)).min()
    }

    /// A moment, later by the time in which it was solved before it.
    fn moved(&self, due_ms: i64) -> i64 {
        let mut moved_ms = due_ms;
        for (from_ms, to_ms) in &self.solved {
            if *from_ms > moved_ms {
                break;
            }
            moved_ms += to_ms - from_ms;
        }
        moved_ms
    }

    /// When the deadline was over, if it is late.
    fn late(&self, name: &str, from_ms: i64, due_ms: i64, met: Option<Stamp>) -> Option<i64> {
        let mut due_ms = due_ms;
        for (pause_ms, end_ms) in self.pauses(name, from_ms, met) {
            if pause_ms > due_ms {
                break;
            }
            let end_ms = end_ms?;
            due_ms = (due_ms + end_ms - pause_ms).max(end_ms);
        }
        let until_ms = met.map_or(self.now_ms, |(at_ms, _)| at_ms);
        (until_ms > due_ms).then_some(due_ms)
    }

    /// When that deadline was stopped, in order and apart, between its start and its end.
    fn pauses(&self, name: &str, from_ms: i64, met: Option<Stamp>) -> Vec<Stretch> {
        let resumed = |pause: FactKey| {
            let ends = self.record.of("deadline_resumed");
            ends.filter(|fact| fact.id("of") == Some(pause)).map(|fact| fact.at_ms).min()
        };
        let stops = |fact: &&Raw| {
            let named = fact.p["deadlines"].as_array().filter(|named| !named.is_empty());
            named.is_none_or(|named| named.contains(&Value::from(name)))
        };
        let mut all: Vec<Stretch> = Vec::new();
        for pause in self.record.of("deadline_paused").filter(stops) {
            let resumed_ms = resumed(pause.key);
            let begun_ms = pause.at_ms.max(from_ms);
            let end_ms = resumed_ms.into_iter().chain(met.map(|(at_ms, _)| at_ms)).min();
            let is_any = |from_ms: i64, to_ms: Option<i64>| to_ms.is_none_or(|to| from_ms < to);
            if is_any(pause.at_ms, resumed_ms) && is_any(begun_ms, end_ms) {
                all.push((begun_ms, end_ms));
            }
        }
        all.sort_unstable();
        let mut apart: Vec<Stretch> = Vec::new();
        for (from_ms, to_ms) in all {
            match apart.last_mut() {
                Some((_, last)) if last.is_none_or(|last_ms| from_ms <= last_ms) => {
                    *last = last.zip(to_ms).map(|(one, other)| one.max(other));
                }
                _ => apart.push((from_ms, to_ms)),
            }
        }
        apart
    }
}

/// What solves it, and what says that it is not solved.
fn turns(record: &Record) -> (Vec<Stamp>, Vec<Stamp>) {
    let stamps = |wanted: fn(&Raw) -> bool| -> Vec<Stamp> {
        let facts = record.facts.values().filter(|fact| wanted(fact));
        facts.map(|fact| (fact.at_ms, fact.key)).collect()
    };
    let solves = stamps(|fact| {
        fact.t == "satisfied"
            || (fact.t == "complaint_closed" && fact.p.get("unsatisfied_reason").is_some())
    });
    let undoes = stamps(|fact| ["not_satisfied", "complaint_reopened"].contains(&fact.t.as_str()));
    (solves, undoes)
}

/// From when to when it was solved and then was not after all.
fn solved_for_a_time(record: &Record, solves: &[Stamp], undoes: &[Stamp]) -> Vec<(i64, i64)> {
    let mut all: Vec<(i64, i64)> = Vec::new();
    for undo in undoes {
        let begun = solves.iter().filter(|solve| {
            let between =
                |other: &Stamp| record.knew(other.1, solve.1) && record.knew(undo.1, other.1);
            record.knew(undo.1, solve.1) && !undoes.iter().any(between)
        });
        let from_ms = begun.map(|(at_ms, _)| *at_ms).min();
        all.extend(from_ms.filter(|from_ms| *from_ms < undo.0).map(|from_ms| (from_ms, undo.0)));
    }
    all.sort_unstable();
    let mut apart: Vec<(i64, i64)> = Vec::new();
    for (from_ms, to_ms) in all {
        match apart.last_mut() {
            Some((_, last_ms)) if from_ms <= *last_ms => *last_ms = to_ms.max(*last_ms),
            _ => apart.push((from_ms, to_ms)),
        }
    }
    apart
}
