//! Whatever people write, in whatever order it arrives: the same review, no panic, and what follows
//! follows once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::permission::permit;
use super::draws::{Dice, Drawn, Manner};
use super::*;
use crate::model::payload::{GeneralFact, Payload};
use crate::rules::{audiences, consequences, follows, inbox, links, projection};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_127),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn manners() -> impl Strategy<Value = Manner> {
    prop_oneof![Just(Manner::Honest), Just(Manner::Hostile)]
}

fn written(review: &Review) -> String {
    serde_json::to_string(review).expect("writes")
}

fn shuffled(facts: &[Fact], dice: &mut Dice) -> Vec<Fact> {
    let mut left = facts.to_vec();
    let mut other = Vec::new();
    while !left.is_empty() {
        let index = dice.below(left.len());
        other.push(left.swap_remove(index));
    }
    other
}

proptest! {
    #![proptest_config(config(80))]

    #[test]
    fn any_part_of_a_record_is_reviewed_alike_in_any_order_and_however_often_it_arrived(
        seed in any::<u64>(),
        seeds in proptest::collection::vec(any::<u64>(), 1..20),
        manner in manners(),
        (lost, order) in (any::<u32>(), any::<u64>()),
    ) {
        let drawn = Drawn::of(seed, &seeds, manner);
        let all = drawn.story.facts.iter().enumerate();
        let part: Vec<Fact> = all
            .filter(|(index, _)| lost >> (index % 32) & 1 == 0 || lost % 3 == 0)
            .map(|(_, fact)| fact.clone())
            .collect();
        let expected = written(&drawn.story.review_of(&part));
        let mut dice = Dice::of(order);
        for _ in 0..3 {
            let mut other = shuffled(&part, &mut dice);
            other.extend(part.iter().filter(|_| dice.percent(20)).cloned());
            prop_assert_eq!(written(&drawn.story.review_of(&other)), expected.clone());
        }
    }
}

const MOMENTS: [i64; 6] = [i64::MIN, -1, 0, NINE, NINE + 400 * 24 * 3_600_000, i64::MAX];

proptest! {
    #![proptest_config(config(80))]

    #[test]
    fn nothing_that_fits_into_a_fact_makes_a_rule_panic(
        seed in any::<u64>(),
        seeds in proptest::collection::vec(any::<u64>(), 1..20),
        now_ms in proptest::sample::select(&MOMENTS[..]),
    ) {
        let mut drawn = Drawn::of(seed, &seeds, Manner::Hostile);
        drawn.story.now_ms = now_ms;
        let review = drawn.story.review();
        drawn.story.now_ms = NINE;
        follows(&review, now_ms);
        consequences(&review, now_ms);
        inbox(&review);
        projection(&review);
        audiences(&review);
        links(&review);
        for fact in &drawn.story.facts {
            let writer = drawn.story.clone().writer(12, Role::Supervisor);
            let everyone = principal(&writer).with_every_role(Seen { epoch: 1, sequence: 1 });
            let when = Seen { epoch: 1, sequence: 10 };
            let _ = permit(std::slice::from_ref(fact), Some(&review), &everyone, when, now_ms);
            let _ = permit(std::slice::from_ref(fact), None, &everyone, when, now_ms);
            for command in commands(fact) {
                let before = command.creates().is_none().then_some(&review);
                let moment = Moment { now_ms, wall_ms: now_ms, ..drawn.story.moment(&writer) };
                let _ = perform(&command, &everyone, before, &moment);
            }
        }
    }
}

/// The commands that a fact may be the work of.
fn commands(fact: &Fact) -> Vec<Command> {
    let (fact_type, content) = fact.payload.to_parts().expect("canonical");
    let step = serde_json::from_value::<Step>(json!({ "t": fact_type, "p": content }));
    let mut all: Vec<Command> = step
        .into_iter()
        .map(|step| Command::Record {
            fact: step,
            said_at_ms: fact.said_at_ms,
            on_behalf_of: fact.on_behalf_of,
            corrects: fact.corrects.clone(),
        })
        .collect();
    all.push(Command::Read { of: fact.key });
    all.push(Command::Acknowledge { of: fact.key });
    all.push(Command::ResumeDeadline { of: fact.key });
    match &fact.payload {
        Payload::General(GeneralFact::Set(of)) => all.push(set(&of.field, of.value.clone())),
        Payload::General(GeneralFact::Resolve(of)) => all.push(Command::Resolve {
            field: of.field.clone(),
            value: of.value.clone(),
            reason: of.reason.clone(),
        }),
        Payload::General(GeneralFact::Created(created)) => {
            let mut command = Value::Object(created.content.clone());
            command["command"] = json!("open");
            command["kind"] = json!(created.kind);
            command["site"] = json!(created.site);
            all.extend(serde_json::from_value::<Command>(command));
        }
        _ => {}
    }
    all
}

/// Every deadline of a record may be told and withdrawn; more is a rule that feeds itself.
const ROUNDS_MAX: usize = 24;

/// Everything that follows by `now_ms`, written as the server does; by key.
fn followed(
    story: &Story,
    now_ms: i64,
) -> Result<(Story, BTreeMap<FactKey, String>), TestCaseError> {
    let mut story = story.clone();
    story.now_ms = now_ms;
    let known: BTreeSet<FactKey> = story.facts.iter().map(|fact| fact.key).collect();
    for _ in 0..ROUNDS_MAX {
        let new = follows(&story.review(), now_ms);
        if new.is_empty() {
            let new = story.facts.iter().filter(|fact| !known.contains(&fact.key));
            let new = new.map(|fact| (fact.key, fact.store().expect("canonical").json)).collect();
            return Ok((story, new));
        }
        for follow in &new {
            let key = follow.fact(story.record).key;
            prop_assert!(
                story.facts.iter().all(|fact| fact.key != key),
                "{} follows though it is there",
                follow.rule
            );
            story.derive(follow);
        }
    }
    Err(TestCaseError::fail("what follows has no end"))
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn what_follows_has_an_end_and_is_the_same_whenever_it_is_asked(
        seed in any::<u64>(),
        seeds in proptest::collection::vec(any::<u64>(), 1..16),
        (first, second) in (0..60_i64, 0..60_i64),
    ) {
        let drawn = Drawn::of(seed, &seeds, Manner::Honest);
        let day = 24 * 60 * MINUTE;
        let (first, second) = (first.min(second), first.max(second));
        let (between, early) = followed(&drawn.story, NINE + 60 * MINUTE + first * day)?;
        let (_, mut late) = followed(&between, NINE + 60 * MINUTE + second * day)?;
        late.extend(early);
        let (_, at_once) = followed(&drawn.story, NINE + 60 * MINUTE + second * day)?;
        prop_assert_eq!(at_once, late);
        let opened = |now_ms| {
            let openings = consequences(&drawn.story.review(), now_ms).into_iter();
            openings.map(|o| (o.record, format!("{:?}", o.created))).collect::<BTreeMap<_, _>>()
        };
        let later = opened(NINE + second * day);
        for (record, created) in opened(NINE + first * day) {
            prop_assert_eq!(later.get(&record), Some(&created));
        }
    }
}
