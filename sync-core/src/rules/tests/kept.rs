//! A fact never takes away another's effect without a case, `corrects`, `replaces` or
//! `withdrawn` (R8.10). Here it is a property of records by chance, of every kind.
//!
//! Two people write a fact each, f and g, and neither knew of the other's. Let *before* be the
//! record without both and without what rests on either. **What f does** is what the review of
//! *before* and f says and that of *before* does not: a value at a place, the elements of lists
//! being named by their keys. All of it has to be said of *before*, f and g as well, or
//!
//! - an open case names both, so that somebody decides; or
//! - the place is one of [`HOLDS`]: there docs/rules.md says which of two words holds, or that both
//!   stand together, and exactly that is there.
//!
//! What was met in time stays met, what contradicts stays a case, and a step's own deviation stays
//! one: see [`limits_kept`], [`cases_kept`], and [`OF_A_STEP`]. What is *judged* of the whole
//! record ([`JUDGED`]), such as that something is missing, is nobody's effect: the other may bring
//! it.
//!
//! Whoever knew a fact may put it right: that is ordinary work, and what `corrects`, `replaces` and
//! `withdrawn` are for. Nobody names a fact that they do not know, so of two facts beside one
//! another those three take nothing away.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::order::Causality;
use super::draws::{Drawn, Manner};
use super::*;
use crate::rules::{Case, Deadline, DeadlineState};

/// Which of two words that knew nothing of one another holds.
#[derive(Debug, Clone, Copy)]
enum Holds {
    /// Either: they say the same of the record.
    Either,
    /// That of the earlier fact, or the earlier time.
    Earlier,
    /// That of the later fact, or the later time.
    Later,
    /// The less, or no.
    Less,
    /// The worse result of a look at something.
    Worse,
    /// The more advanced, or what only both bring about.
    Further,
    /// Both, as a sum.
    Sum,
    /// Both, one beside the other.
    Together,
}

/// Where of two words that differ one holds, or both do, and by which rule.
const HOLDS: &[(&str, Holds)] = &[
    // R3.32, and what every kind says of itself: the last place that anybody brought it to.
    ("status", Holds::Further),
    ("visits.state", Holds::Further),
    // R2.7
    ("details.step", Holds::Further),
    // R8.9
    ("alarm.acknowledged_at_ms", Holds::Earlier),
    ("alarm.acknowledged_by", Holds::Either),
    ("details.cancelled", Holds::Earlier),
    ("details.cancelled_at_ms", Holds::Earlier),
    ("details.decisions.executed", Holds::Earlier),
    ("details.decisions.executed_at_ms", Holds::Earlier),
    ("details.decisions.reconciled", Holds::Earlier),
    ("details.decisions.rectified", Holds::Earlier),
    ("details.decisions.signed", Holds::Earlier),
    ("details.decisions.signed_at_ms", Holds::Earlier),
    ("details.ended", Holds::Earlier),
    ("details.ended_at_ms", Holds::Earlier),
    ("details.notified_at_ms", Holds::Earlier),
    ("details.outages.called_back", Holds::Earlier),
    ("details.passings.received", Holds::Earlier),
    ("details.passings.received_by_another", Holds::Earlier),
    ("details.prices.from_ms", Holds::Earlier),
    ("details.prices.until_ms", Holds::Earlier),
    ("details.promises.replied", Holds::Earlier),
    ("details.published", Holds::Earlier),
    ("details.published_at_ms", Holds::Earlier),
    ("details.reached", Holds::Earlier),
    ("details.registered_at_ms", Holds::Earlier),
    ("details.reports.confirmed", Holds::Earlier),
    ("details.solved_at_ms", Holds::Earlier),
    ("details.taken_over.at_ms", Holds::Earlier),
    ("details.taken_over.by", Holds::Either),
    ("details.taken_over.key", Holds::Earlier),
    ("details.to_desk", Holds::Earlier),
    ("round.coverage.visit.at_ms", Holds::Earlier),
    ("round.coverage.visit.by", Holds::Either),
    ("round.coverage.visit.key", Holds::Earlier),
    ("round.coverage.visit.method", Holds::Either),
    ("round.coverage.visit.position.accuracy_m", Holds::Either),
    ("round.coverage.visit.position.latitude_e7", Holds::Either),
    ("round.coverage.visit.position.longitude_e7", Holds::Either),
    ("round.started_at_ms", Holds::Earlier),
    ("round.started_by", Holds::Earlier),
    ("alarm.radioed", Holds::Together),
    ("alarm.settled", Holds::Together),
    ("details.differences", Holds::Together),
    ("details.put_through", Holds::Together),
    ("round.coverage.skipped", Holds::Together),
    ("round.findings.reported_to", Holds::Together),
    // R1.12, R2.16, R5.15, R6.3: closed from the last closing on, or from the end that came first.
    ("details.closed_at_ms", Holds::Later),
    ("details.closed_by", Holds::Later),
    // R1.10: one time is one appointment, whoever made it.
    ("details.appointments", Holds::Either),
    // R1.14
    ("details.handed_over.at_ms", Holds::Later),
    ("details.handed_over.by", Holds::Either),
    ("details.handed_over.key", Holds::Later),
    // R3.41
    ("details.ratings.attitude", Holds::Less),
    ("details.ratings.conduct", Holds::Less),
    ("details.ratings.quality", Holds::Less),
    ("details.satisfied", Holds::Less),
    // R7.10
    ("round.coverage.items.by_rest", Holds::Less),
    ("round.coverage.items.note", Holds::Together),
    ("round.coverage.items.result", Holds::Worse),
    // R7.21
    ("round.ended_at_ms", Holds::Either),
    ("round.visited", Holds::Sum),
    // R2.15, R2.19, R3.38, R3.41
    ("details.attempts", Holds::Sum),
    ("details.progress_told", Holds::Sum),
    ("details.spot_checks", Holds::Sum),
    ("money.charges.handed_in_fen", Holds::Sum),
    ("money.charges.invoiced_fen", Holds::Sum),
    ("money.charges.refunded_fen", Holds::Sum),
    ("money.refunded_fen", Holds::Sum),
];

/// What is judged of the whole record, or only says how it is written down.
const JUDGED: &[&str] = &[
    "alarm.next_alert_ms",
    "cases",
    "closed_at_ms",
    "deadlines",
    "details.due",
    "details.undecided",
    "frontier",
    "money.charges.delivered",
    "round.coverage.missed",
    "status_until_ms",
    "timeline",
    "visits.deviations",
    "visits.waits",
];

/// Cases of what is missing or does not add up: the other fact may bring it.
const OF_THE_WHOLE: &[&str] = &[
    "carried_out_unaccepted",
    "cash_not_balanced",
    "closed_before_executed",
    "closed_before_reply",
    "closed_unsatisfied",
    "finding_not_reported",
    "invoice_not_delivered",
    "judged_uninvestigated",
    "message_not_received",
    "money_not_equal",
    "money_not_handed_in",
    "progress_not_told",
    "refunded_too_much",
    "skip_not_reported",
    "step_deviation",
    "step_skipped",
];

/// Deviations that one step says of itself.
const OF_A_STEP: &[&str] = &[
    "explained_incompletely",
    "left_untidied",
    "left_without_being_asked",
    "not_explained_to_customer",
    "not_trained",
    "prepared_incompletely",
    "tidied_incompletely",
];

/// Facts that change by what the others are measured: a field, or when a limit is over.
const MEASURES: &[&str] = &["created", "deadline_paused", "deadline_resumed", "resolve", "set"];

/// Facts that end what they do not answer (R1.4, R3.41): an answer beside them counts.
const CLOSINGS: &[&str] = &["follow_up_closed", "reception_closed", "message_received"];

/// The members that name an element of a list, by the list.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("cases", &["kind", "rests_on"]),
    ("round.anomalies", &["code", "keys"]),
    ("round.coverage", &["checkpoint"]),
    ("round.coverage.items", &["item"]),
    ("visits", &["visit"]),
];

/// What a review says: at each place, in which the elements of lists are named, its values; and
/// with each place its members' names alone.
type Said = BTreeMap<String, (String, BTreeSet<String>)>;

fn say(value: &Value, name: &str, place: &str, said: &mut Said) {
    if JUDGED.contains(&name) {
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (member, value) in members {
                let dot = if name.is_empty() { "" } else { "." };
                let name = format!("{name}{dot}{member}");
                say(value, &name, &format!("{place}.{member}"), said);
            }
        }
        Value::Array(elements) => {
            let named_by = NAMED_BY.iter().find(|(list, _)| *list == name);
            let named_by = named_by.map_or(&["key"][..], |(_, members)| members);
            for element in elements {
                let named: Option<Vec<String>> =
                    named_by.iter().map(|name| Some(element.get(name)?.to_string())).collect();
                match named {
                    Some(named) => {
                        say(element, name, &format!("{place}[{}]", named.join("/")), said)
                    }
                    None => add(said, name, place, element),
                }
            }
        }
        value => add(said, name, place, value),
    }
}

fn add(said: &mut Said, name: &str, place: &str, value: &Value) {
    let at = said.entry(place.to_owned()).or_insert_with(|| (name.to_owned(), BTreeSet::new()));
    at.1.insert(value.to_string());
}

fn said(review: &Review) -> Said {
    let mut said = Said::new();
    say(&serde_json::to_value(review).expect("writes"), "", "", &mut said);
    said
}

/// A record before two facts, with one of them, with the other, and with both.
struct Beside<'a> {
    facts: [&'a Fact; 2],
    before: &'a Review,
    with: [Review; 2],
    both: Review,
}

impl<'a> Beside<'a> {
    fn of(story: &Story, before: &'a Review, facts: [&'a Fact; 2], known: &[Fact]) -> Self {
        let with = |facts: &[&Fact]| {
            let all: Vec<Fact> = known.iter().chain(facts.iter().copied()).cloned().collect();
            story.review_of(&all)
        };
        let [one, other] = facts;
        Self { facts, before, with: [with(&[one]), with(&[other])], both: with(&[one, other]) }
    }

    /// The first thing that either took from the other.
    fn taken(&self) -> Option<String> {
        let named = |case: &Case| self.facts.iter().all(|fact| case.rests_on.contains(&fact.key));
        if self.both.open_cases().any(named) {
            return None;
        }
        [0, 1].into_iter().find_map(|index| {
            let (one, other) = (index, 1 - index);
            let taken = self.words_kept(one, other);
            let taken = taken.or_else(|| limits_kept(self, one, other));
            let taken =
                taken.or_else(|| cases_kept(self, one, other)).or_else(|| self.steps_kept(one));
            let types = [one, other].map(|index| self.facts[index].payload.to_parts());
            taken.map(|what| format!("{what} of {:?} by {:?}", types[0], types[1]))
        })
    }

    fn words_kept(&self, one: usize, other: usize) -> Option<String> {
        let (before, both) = (said(self.before), said(&self.both));
        let (with, beside) = (said(&self.with[one]), said(&self.with[other]));
        let values = |said: &'_ Said, place: &str| -> BTreeSet<String> {
            said.get(place).map(|(_, values)| values.clone()).unwrap_or_default()
        };
        with.iter().find_map(|(place, (name, said))| {
            let (was, now) = (values(&before, place), values(&both, place));
            let lost = said.iter().find(|value| !was.contains(*value) && !now.contains(*value))?;
            let beside = values(&beside, place);
            let kept = self.holds(name, [&was, said, &beside, &now]);
            (!kept)
                .then(|| format!("{place}: {lost} (was {was:?}, beside {beside:?}, now {now:?})"))
        })
    }

    /// Whether what is said now is what the rules say of two words.
    fn holds(&self, name: &str, [was, one, other, now]: [&BTreeSet<String>; 4]) -> bool {
        // One value that both wrote: whoever did may be named, and it contradicts nobody.
        if name.starts_with("fields.") && !name.ends_with(".value") {
            let [one, other] = self.facts.map(|fact| fact.payload.to_parts().expect("canonical").1);
            return one["value"] == other["value"];
        }
        let Some((_, holds)) = HOLDS.iter().find(|(place, _)| *place == name) else {
            return false;
        };
        let first = |values: &BTreeSet<String>| values.first().cloned().unwrap_or_default();
        let [was, one, other, now] = [was, one, other, now].map(first);
        let number = |value: &String| value.parse::<i64>().unwrap_or_default();
        let time = |value: &String| -> i64 {
            let key = value.trim_matches('"').parse::<FactKey>().ok();
            let entry = self.both.timeline.iter().find(|entry| Some(entry.key) == key);
            entry.map_or_else(|| number(value), |entry| entry.at_ms)
        };
        let of_two = |first: bool| now == if first { one.clone() } else { other.clone() };
        match holds {
            Holds::Either => now == other,
            Holds::Earlier => of_two(time(&one) < time(&other)) || time(&one) == time(&other),
            Holds::Later => of_two(time(&one) > time(&other)) || time(&one) == time(&other),
            Holds::Less => of_two(one < other),
            Holds::Worse => {
                let rank = |value: &String| {
                    ["\"ok\"", "\"not_applicable\""].iter().position(|v| v == value)
                };
                of_two(rank(&one).unwrap_or(9) > rank(&other).unwrap_or(9))
            }
            Holds::Further => now == other || (now != one && now != was),
            Holds::Sum => {
                number(&now) - number(&was) == number(&one) + number(&other) - 2 * number(&was)
            }
            Holds::Together => {
                // Others may stand between the words of one.
                let words = [&one, &other].into_iter().flat_map(|said| said.split(" / "));
                words.map(|word| word.trim_matches('"')).all(|word| now.contains(word))
            }
        }
    }

    fn steps_kept(&self, one: usize) -> Option<String> {
        let of = |review: &Review| -> BTreeSet<String> {
            let all = review.visits.iter().flat_map(|visit| &visit.deviations);
            let own = all.filter(|one| OF_A_STEP.contains(&&*one.code));
            own.map(|deviation| format!("{} {:?}", deviation.code, deviation.keys)).collect()
        };
        let both = of(&self.both);
        of(&self.with[one]).into_iter().find(|deviation| !both.contains(deviation))
    }
}

/// A limit that a fact met in time is met in time, whoever says what beside it; and what met a
/// limit late leaves it met.
fn limits_kept(beside: &Beside<'_>, one: usize, other: usize) -> Option<String> {
    let [fact, next] = [one, other].map(|index| beside.facts[index]);
    if MEASURES.contains(&&*next.payload.fact_type())
        || CLOSINGS.contains(&&*fact.payload.fact_type())
    {
        return None;
    }
    let met = beside.with[one].deadlines.iter().filter(|one| one.met_by == Some(fact.key));
    let same = |other: &Deadline, one: &Deadline| (&other.name, other.of) == (&one.name, one.of);
    met.filter(|one| {
        let now = beside.both.deadlines.iter().find(|other| same(other, one));
        let state = now.filter(|now| now.met_by.is_some()).map(|now| now.state);
        let in_time = one.state == DeadlineState::Met;
        state.is_none_or(|state| in_time && state != DeadlineState::Met)
    })
    .map(|one| format!("{} met by {}", one.name, fact.key))
    .next()
}

/// What contradicts is a case, and stays one that names at least the same facts; where the other
/// fact is as good a side of it, that one.
fn cases_kept(beside: &Beside<'_>, one: usize, other: usize) -> Option<String> {
    let [key, next] = [one, other].map(|index| beside.facts[index].key);
    let names = |case: &&Case| case.rests_on.contains(&key);
    let of_facts = |case: &&Case| !OF_THE_WHOLE.contains(&&*case.kind);
    let found = beside.with[one].open_cases().filter(names).filter(of_facts);
    let kept = |one: &Case, now: &Case| {
        let sides = |key: &FactKey| now.rests_on.contains(key) || now.rests_on.contains(&next);
        let others = one.rests_on.iter().filter(|side| **side != key);
        now.kind == one.kind && sides(&key) && others.clone().all(|key| now.rests_on.contains(key))
    };
    found
        .filter(|one| !beside.both.open_cases().any(|now| kept(one, now)))
        .map(|case| format!("the case {} {:?}", case.kind, case.rests_on))
        .next()
}

/// Pairs of one record that knew nothing of one another and are looked at.
const PAIRS_MAX: usize = 6;
/// Pairs drawn on each record.
const DRAWN: u64 = 8;

/// Two facts by two people, neither of which the other knew of.
fn apart(story: &Story) -> Vec<[usize; 2]> {
    let causality = Causality::of(&story.facts, &story.sessions);
    let mut found = Vec::new();
    for (index, one) in story.facts.iter().enumerate() {
        for (next, other) in story.facts.iter().enumerate().skip(index + 1) {
            let people = [one, other].map(|fact| fact.key.session());
            let two = people[0].is_some() && people[1].is_some() && people[0] != people[1];
            let knew =
                causality.is_before(one.key, other.key) || causality.is_before(other.key, one.key);
            if two && !knew && found.len() < PAIRS_MAX {
                found.push([index, next]);
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 240,
        rng_seed: RngSeed::Fixed(20_261_127),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// R8.10
    #[test]
    fn no_fact_takes_away_what_another_beside_it_did_without_a_case(
        seed in any::<u64>(),
        seeds in proptest::collection::vec(any::<u64>(), 2..16),
        pairs in any::<u64>(),
    ) {
        let mut drawn = Drawn::of(seed, &seeds, Manner::Honest);
        drawn.grounds(pairs);
        let known = drawn.story.facts.clone();
        let before = drawn.story.review();
        for pair in 0..DRAWN {
            let [one, other] = drawn.beside(pairs.wrapping_add(pair));
            let beside = Beside::of(&drawn.story, &before, [&one, &other], &known);
            prop_assert_eq!(beside.taken(), None, "{} before {:?}", drawn.kind, &known);
        }
        // And those that chance had written beside one another, on what neither rests on.
        let causality = Causality::of(&known, &drawn.story.sessions);
        for pair in apart(&drawn.story) {
            let [one, other] = pair.map(|index| &known[index]);
            let is_before = |one, other| causality.is_before(one, other);
            let after = |key| is_before(one.key, key) || is_before(other.key, key);
            let rest = known.iter().filter(|fact| ![one.key, other.key].contains(&fact.key));
            let rest: Vec<Fact> = rest.filter(|fact| !after(fact.key)).cloned().collect();
            let before = drawn.story.review_of(&rest);
            let beside = Beside::of(&drawn.story, &before, [one, other], &rest);
            prop_assert_eq!(beside.taken(), None, "{} before {:?}", drawn.kind, &rest);
        }
    }
}
