//! Pauses and limits by chance: whatever people write, a pause makes nothing later, and no number
//! makes a rule panic.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::deadlines::Deadline;
use super::super::deadlines::DeadlineState::{self, Breached, Met, Paused, Running, Unknown};
use super::super::order::Causality;
use super::super::sla::{Limit, Sla, Stamp, Target};
use super::sla::national_day;
use super::*;
use crate::model::calendar::{TimeOfDay, Weekday, WorkCalendar};
use crate::model::payload::{DeadlinePaused, GeneralFact, OfFact, Payload};

const HOUR: i64 = 60 * MINUTE;

/// A pause as chance has it: when and how long, minutes; which of both can be judged.
#[derive(Debug, Clone)]
struct Chance {
    from_m: i64,
    lasts_m: Option<i64>,
    named: bool,
    judgeable: (bool, bool),
}

fn any_pause(doubt: f64) -> impl Strategy<Value = Chance> {
    let flag = move || proptest::bool::weighted(1.0 - doubt);
    let span = (-3_000..20_000_i64, proptest::option::weighted(0.9, 0..6_000_i64));
    (span, any::<bool>(), (flag(), flag())).prop_map(|((from_m, lasts_m), named, judgeable)| {
        Chance { from_m, lasts_m, named, judgeable }
    })
}

fn any_limit() -> impl Strategy<Value = Limit> {
    prop_oneof![
        (0..10_000_i64).prop_map(|minutes| Limit::Elapsed(minutes * MINUTE)),
        (0..12_u32).prop_map(Limit::Days),
        (0..2_u32).prop_map(Limit::Months),
        (0..6_000_i64).prop_map(|minutes| Limit::WorkingMs(minutes * MINUTE)),
        (0..12_u32).prop_map(Limit::WorkingDays),
        Just(Limit::DayEnd),
        Just(Limit::WorkingDayEnd),
        (0..20_000_i64).prop_map(|minutes| Limit::At(OCTOBER + minutes * MINUTE)),
        Just(Limit::DayOfNextMonth(5)),
        Just(Limit::Weekly(Weekday::Sunday, TimeOfDay::hour(18))),
    ]
}

/// Before clocks change in Berlin, and after the National Day.
const OCTOBER: i64 = 1_792_600_000_000;

/// The facts of pauses: the office's can be judged, an unknown session's cannot.
fn facts_of(pauses: &[Chance]) -> Vec<Fact> {
    let written = |n: usize, judgeable: bool, wall_ms: i64, payload: GeneralFact| Fact {
        key: FactKey::Written {
            session: SessionId([if judgeable { 12 } else { 77 }; 8]),
            n: n as u64 + 1,
            i: 0,
        },
        wall_ms,
        monotonic_ms: None,
        seen: Seen { epoch: 1, sequence: 1 },
        after: Some(Vec::new()),
        said_at_ms: None,
        on_behalf_of: None,
        corrects: Vec::new(),
        payload: Payload::General(payload),
        stored_content: None,
    };
    let mut facts = Vec::new();
    for (n, pause) in pauses.iter().enumerate() {
        let from_ms = OCTOBER.saturating_add(pause.from_m.saturating_mul(MINUTE));
        let names = if pause.named { vec!["done".to_owned()] } else { Vec::new() };
        let begun =
            GeneralFact::DeadlinePaused(DeadlinePaused { deadlines: names, reason: String::new() });
        let begun = written(2 * n, pause.judgeable.0, from_ms, begun);
        let of = begun.key;
        facts.push(begun);
        if let Some(lasts_m) = pause.lasts_m {
            let to_ms = from_ms.saturating_add(lasts_m.saturating_mul(MINUTE));
            let ended = GeneralFact::DeadlineResumed(OfFact { of });
            facts.push(written(2 * n + 1, pause.judgeable.1, to_ms, ended));
        }
    }
    facts
}

/// One deadline that chance has made.
#[derive(Debug, Clone)]
struct Draw {
    zone: &'static str,
    limit: Limit,
    start_ms: Option<i64>,
    met_ms: Option<i64>,
    now_ms: i64,
}

fn any_draw() -> impl Strategy<Value = Draw> {
    let zone = prop_oneof![Just("Asia/Shanghai"), Just("Europe/Berlin"), Just("Asia/Kathmandu")];
    let met = proptest::option::of(0..40_000_i64);
    let known = proptest::bool::weighted(0.9);
    (zone, any_limit(), known, met, 0..40_000_i64).prop_map(|(zone, limit, known, met, now)| Draw {
        zone,
        limit,
        start_ms: known.then_some(OCTOBER),
        met_ms: met.map(|minutes| OCTOBER + minutes * MINUTE),
        now_ms: OCTOBER + now * MINUTE,
    })
}

/// The deadline, and how late it is.
fn drawn(draw: &Draw, calendar: &WorkCalendar, facts: &[Fact]) -> (Deadline, Option<i64>) {
    let mut story = Story::new();
    story.desk();
    let (time_zone, calendar) = (draw.zone.to_owned(), calendar.clone());
    let policy = SlaPolicy { time_zone, calendar, ..SlaPolicy::default() };
    let key = FactKey::Written { session: SessionId([99; 8]), n: 1, i: 0 };
    let met = draw.met_ms.map(|at_ms| Stamp { key, at_ms, judgeable: true });
    let target = Target::new("done", draw.start_ms, draw.limit).met(met);
    let causality = Causality::of(facts, &story.sessions);
    let sla = Sla::of(&causality, &policy, &story.sessions, draw.now_ms);
    (sla.judge(&target), sla.late_ms(&target))
}

/// From good to bad; what is unknown is neither.
fn rank(state: DeadlineState) -> Option<u8> {
    match state {
        Met | Running | Paused => Some(0),
        Breached => Some(1),
        _ => None,
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_127),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(400))]

    /// R3.15
    #[test]
    fn no_pause_makes_anything_later(
        draw in any_draw(),
        pauses in proptest::collection::vec(any_pause(0.1), 0..5),
        more in any_pause(0.1),
    ) {
        let calendar = national_day();
        let mut all = pauses.clone();
        all.push(more);
        let (before, late_before) = drawn(&draw, &calendar, &facts_of(&pauses));
        let (after, late_after) = drawn(&draw, &calendar, &facts_of(&all));
        prop_assert!(late_after.unwrap_or(0) <= late_before.unwrap_or(0)
            || before.state == Unknown, "{late_before:?} {late_after:?}");
        if let (Some(before), Some(after)) = (rank(before.state), rank(after.state)) {
            prop_assert!(after <= before);
        }
        if let (Some(before), Some(after)) = (before.due_ms, after.due_ms) {
            prop_assert!(after >= before);
        }
        prop_assert_eq!(late_after.is_some(), after.state == Breached);
        prop_assert!(after.changes_at_ms.is_none_or(|at_ms| at_ms > draw.now_ms));
    }

    #[test]
    fn a_state_holds_until_it_says_that_it_changes(
        draw in any_draw(),
        pauses in proptest::collection::vec(any_pause(0.2), 0..4),
    ) {
        let (calendar, facts) = (national_day(), facts_of(&pauses));
        let (deadline, _) = drawn(&draw, &calendar, &facts);
        let until_ms = deadline.changes_at_ms.unwrap_or(draw.now_ms + 40 * 24 * HOUR);
        let at = |now_ms| drawn(&Draw { now_ms, ..draw.clone() }, &calendar, &facts).0.state;
        prop_assert_eq!(at(until_ms - 1), deadline.state);
        if deadline.changes_at_ms.is_some() {
            prop_assert_ne!(at(until_ms), deadline.state);
        }
    }

    /// R8.6
    #[test]
    fn the_order_of_arrival_does_not_matter(
        draw in any_draw(),
        pauses in proptest::collection::vec(any_pause(0.2), 0..6),
        turn in 0..12_usize,
    ) {
        let calendar = national_day();
        let facts = facts_of(&pauses);
        let expected = drawn(&draw, &calendar, &facts);
        let mut other = facts.clone();
        other.reverse();
        prop_assert_eq!(&drawn(&draw, &calendar, &other), &expected);
        other.rotate_left(turn.min(facts.len()));
        prop_assert_eq!(&drawn(&draw, &calendar, &other), &expected);
    }
}

fn extreme() -> impl Strategy<Value = i64> {
    let edges = [i64::MIN, -62_135_596_800_000, -1, 0, 253_370_764_800_000, i64::MAX];
    prop_oneof![
        any::<i64>(),
        proptest::sample::select(edges.to_vec()),
        OCTOBER..OCTOBER + 1_000_000_000_000,
    ]
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn no_number_makes_a_deadline_panic(
        (number, days) in (extreme(), any::<u32>()),
        (start_ms, met_ms, now_ms) in (extreme(), extreme(), extreme()),
        times in proptest::collection::vec((extreme(), proptest::option::of(extreme())), 0..8),
        zone in proptest::sample::select(&["Asia/Shanghai", "Europe/Berlin", "Pacific/Apia"][..]),
    ) {
        let pauses: Vec<Chance> = times.iter().map(|(from, to)| Chance {
            from_m: from / MINUTE,
            lasts_m: to.map(|to| to / MINUTE),
            named: *from % 2 == 0,
            judgeable: (from % 3 != 0, from % 5 != 0),
        }).collect();
        let facts = facts_of(&pauses);
        let calendar = national_day();
        for limit in [
            Limit::Elapsed(number),
            Limit::Days(days),
            Limit::Months(days),
            Limit::WorkingMs(number),
            Limit::WorkingDays(days),
            Limit::DayEnd,
            Limit::WorkingDayEnd,
            Limit::At(number),
            Limit::DayOfNextMonth(days.to_le_bytes()[0]),
            Limit::Weekly(Weekday::Sunday, TimeOfDay::hour(24)),
        ] {
            for met_ms in [None, Some(met_ms)] {
                let draw = Draw { zone, limit, start_ms: Some(start_ms), met_ms, now_ms };
                let (deadline, _) = drawn(&draw, &calendar, &facts);
                prop_assert_eq!(deadline.met_at_ms, met_ms);
            }
        }
    }
}
