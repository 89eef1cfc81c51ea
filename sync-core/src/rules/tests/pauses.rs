//! Pauses: time in a pause is never lateness, and a pause after the breach does not undo it.

use super::super::deadlines::Deadline;
use super::super::deadlines::DeadlineState::{Breached, Met, Paused, Running, Unknown};
use super::super::order::Causality;
use super::super::sla::{Limit, Sla, Stamp, Target};
use super::super::{follows, permit, rests_on};
use super::sla::at;
use super::*;
use crate::model::payload::{DueWithdrawn, GeneralFact, Payload};

const HOUR: i64 = 60 * MINUTE;

fn pause(names: &[&str]) -> Command {
    let deadlines = names.iter().map(|name| (*name).to_owned()).collect();
    Command::PauseDeadline { deadlines, reason: "等待配件到货".to_owned() }
}

fn resume(of: FactKey) -> Command {
    Command::ResumeDeadline { of }
}

/// A record of some kind with people who pause its deadlines.
struct Scene {
    story: Story,
    desk: Writer,
}

impl Scene {
    fn new() -> Self {
        let mut story = Story::new();
        let mut desk = story.desk();
        story.write(&mut desk, order(Priority::Urgent));
        Self { story, desk }
    }

    /// At a time of day of that Wednesday.
    fn at(&mut self, time: &str) -> &mut Self {
        self.on(&format!("2026-11-25T{time}:00+08:00"))
    }

    fn on(&mut self, moment: &str) -> &mut Self {
        self.story.now_ms = at(moment);
        self
    }

    fn pause(&mut self, names: &[&str]) -> FactKey {
        self.story.write(&mut self.desk, pause(names))
    }

    fn resume(&mut self, of: FactKey) -> FactKey {
        self.story.write(&mut self.desk, resume(of))
    }

    /// A deadline `done` from 09:00 on.
    fn judge(&self, limit: Limit, met: Option<Stamp>) -> Deadline {
        let target = Target::new("done", Some(NINE), limit).met(met);
        self.with(|sla| sla.judge(&target))
    }

    fn late_ms(&self, limit: Limit, met: Option<Stamp>) -> Option<i64> {
        let target = Target::new("done", Some(NINE), limit).met(met);
        self.with(|sla| sla.late_ms(&target))
    }

    fn with<T>(&self, ask: impl Fn(&Sla<'_>) -> T) -> T {
        let story = &self.story;
        let causality = Causality::of(&story.facts, &story.sessions);
        ask(&Sla::of(&causality, &story.policy, &story.sessions, story.now_ms))
    }
}

/// The fact that meets a deadline, written at a time of that Wednesday.
fn met(time: &str) -> Option<Stamp> {
    let key = FactKey::Written { session: SessionId([99; 8]), n: 1, i: 0 };
    let at_ms = at(&format!("2026-11-25T{time}:00+08:00"));
    Some(Stamp { key, at_ms, judgeable: true })
}

fn clock(time: &str) -> Option<i64> {
    Some(at(&format!("2026-11-25T{time}:00+08:00")))
}

const THREE_HOURS: Limit = Limit::Elapsed(3 * HOUR);

/// R3.15
#[test]
fn a_pause_moves_the_due_moment_by_what_was_paused() {
    let mut scene = Scene::new();
    let paused = scene.at("10:00").pause(&[]);
    scene.at("10:40").resume(paused);
    let deadline = scene.judge(THREE_HOURS, None);
    assert_eq!((deadline.state, deadline.due_ms), (Running, clock("12:40")));
    assert_eq!((deadline.start_ms, deadline.paused_ms), (Some(NINE), 40 * MINUTE));
    assert_eq!(deadline.pauses, [paused]);
    assert_eq!(deadline.changes_at_ms, deadline.due_ms.map(|due_ms| due_ms + 1));
    assert_eq!(scene.judge(THREE_HOURS, met("12:40")).state, Met);
    let late = scene.judge(THREE_HOURS, met("12:41"));
    assert_eq!((late.state, late.late_ms), (Breached, Some(MINUTE)));
    assert_eq!(scene.at("12:40").judge(THREE_HOURS, None).state, Running);
    assert_eq!(scene.at("12:41").judge(THREE_HOURS, None).state, Breached);
}

/// R3.15
#[test]
fn a_pause_that_nobody_ends_goes_on_and_nothing_is_due_by_itself() {
    let mut scene = Scene::new();
    let paused = scene.at("10:00").pause(&[]);
    for later in ["2026-11-25T10:00:00+08:00", "2036-11-25T10:00:00+08:00"] {
        let deadline = scene.on(later).judge(THREE_HOURS, None);
        assert_eq!((deadline.state, deadline.due_ms), (Paused, None), "{later}");
        assert_eq!((deadline.changes_at_ms, &deadline.pauses[..]), (None, &[paused][..]));
    }
    // Done meanwhile: in time.
    let done = scene.judge(THREE_HOURS, met("17:00"));
    assert_eq!((done.state, done.due_ms), (Met, clock("19:00")));
}

/// R3.16
#[test]
fn a_pause_that_begins_after_the_breach_does_not_undo_it() {
    let mut scene = Scene::new();
    scene.at("12:01").pause(&[]);
    let deadline = scene.at("12:31").judge(THREE_HOURS, None);
    assert_eq!((deadline.state, deadline.due_ms), (Breached, clock("12:00")));
    assert!(deadline.pauses.is_empty());
    // But its time is no lateness either.
    assert_eq!(scene.late_ms(THREE_HOURS, None), Some(MINUTE));
    assert_eq!(scene.judge(THREE_HOURS, met("12:30")).late_ms, Some(MINUTE));
    // To the minute: what begins as the time is up is not after it.
    let mut scene = Scene::new();
    scene.at("12:00").pause(&[]);
    assert_eq!(scene.at("12:31").judge(THREE_HOURS, None).state, Paused);
}

/// R3.15
#[test]
fn overlapping_pauses_count_once() {
    let mut scene = Scene::new();
    let first = scene.at("10:00").pause(&[]);
    let second = scene.at("10:30").pause(&["done"]);
    scene.at("11:00").resume(first);
    scene.at("11:30").resume(second);
    let third = scene.at("11:30").pause(&["done"]);
    scene.at("11:40").resume(third);
    let deadline = scene.judge(THREE_HOURS, None);
    assert_eq!((deadline.due_ms, deadline.paused_ms), (clock("13:40"), 100 * MINUTE));
    assert_eq!(deadline.pauses.len(), 3);
}

/// R3.14
#[test]
fn a_pause_stops_what_it_names_and_all_if_it_names_none() {
    let mut scene = Scene::new();
    let paused = scene.at("10:00").pause(&["on_site", "told"]);
    assert_eq!(scene.judge(THREE_HOURS, None).state, Running);
    assert!(scene.judge(THREE_HOURS, None).pauses.is_empty());
    scene.at("11:00").resume(paused);
    assert_eq!(scene.judge(THREE_HOURS, None).due_ms, clock("12:00"));
    scene.at("11:00").pause(&[]);
    assert_eq!(scene.judge(THREE_HOURS, None).state, Paused);
}

#[test]
fn what_was_paused_before_the_start_is_no_part_of_it() {
    let mut scene = Scene::new();
    let early = scene.at("07:00").pause(&[]);
    scene.at("08:00").resume(early);
    let across = scene.at("08:30").pause(&[]);
    scene.at("09:20").resume(across);
    let deadline = scene.judge(THREE_HOURS, None);
    assert_eq!((deadline.due_ms, deadline.paused_ms), (clock("12:20"), 20 * MINUTE));
    assert_eq!(deadline.pauses, [across]);
}

/// R8.4
#[test]
fn a_pause_across_a_weekend_costs_no_working_time() {
    let eight = Limit::WorkingMs(8 * HOUR);
    let judged = |from: &str, to: &str| {
        let mut scene = Scene::new();
        let start_ms = Some(at("2026-11-27T16:00:00+08:00"));
        let paused = scene.on(from).pause(&[]);
        scene.on(to).resume(paused);
        let target = Target::new("done", start_ms, eight);
        let deadline = scene.with(|sla| sla.judge(&target));
        (deadline.due_ms, deadline.paused_ms)
    };
    let monday = Some(at("2026-11-30T15:00:00+08:00"));
    let weekend = judged("2026-11-27T18:00:00+08:00", "2026-11-30T09:00:00+08:00");
    assert_eq!(weekend, (monday, 0));
    // Two hours of Friday and one of Monday.
    let around = judged("2026-11-27T16:00:00+08:00", "2026-11-30T10:00:00+08:00");
    assert_eq!(around, (Some(at("2026-11-30T18:00:00+08:00")), 3 * HOUR));
    // Of calendar days a weekend is part.
    let mut scene = Scene::new();
    let paused = scene.on("2026-11-27T18:00:00+08:00").pause(&[]);
    scene.on("2026-11-30T09:00:00+08:00").resume(paused);
    let days = scene.judge(Limit::Days(7), None);
    assert_eq!(days.paused_ms, 63 * HOUR);
    assert_eq!(days.due_ms, Some(NINE + (7 * 24 + 63) * HOUR));
}

/// R8.4
#[test]
fn lateness_is_counted_in_the_limits_own_measure() {
    let mut scene = Scene::new();
    let limit = Limit::WorkingMs(9 * HOUR);
    assert_eq!(scene.judge(limit, None).due_ms, clock("18:00"));
    scene.on("2026-11-26T08:59:00+08:00");
    assert_eq!((scene.judge(limit, None).state, scene.late_ms(limit, None)), (Breached, Some(0)));
    scene.on("2026-11-26T10:30:00+08:00");
    assert_eq!(scene.late_ms(limit, None), Some(90 * MINUTE));
    let (all_day, half) = (Limit::Elapsed(9 * HOUR), "2026-11-26T10:30:00+08:00");
    assert_eq!(scene.on(half).late_ms(all_day, None), Some(16 * HOUR + 30 * MINUTE));
}

#[test]
fn nothing_is_due_in_a_pause_also_where_no_working_time_passes_in_it() {
    let mut scene = Scene::new();
    // Ordered at 22:00 for the next working day.
    let start_ms = Some(at("2026-11-24T22:00:00+08:00"));
    let target = Target::new("done", start_ms, Limit::WorkingDays(1));
    let paused = scene.at("20:00").pause(&[]);
    assert_eq!(scene.at("22:30").with(|sla| sla.judge(&target)).state, Paused);
    scene.at("23:00").resume(paused);
    let deadline = scene.with(|sla| sla.judge(&target));
    assert_eq!((deadline.state, deadline.due_ms), (Running, clock("23:00")));
}

#[test]
fn the_first_end_of_a_pause_counts_and_an_end_before_it_leaves_nothing_of_it() {
    let mut scene = Scene::new();
    let paused = scene.at("10:00").pause(&[]);
    let seen = scene.story.facts.clone();
    let mut other = scene.story.writer(13, Role::Assistant);
    scene.at("10:30").story.write_on(&mut other, resume(paused), &seen);
    let mut desk = scene.desk.clone();
    scene.at("11:00").story.write_on(&mut desk, resume(paused), &seen);
    assert_eq!(scene.judge(THREE_HOURS, None).due_ms, clock("12:30"));
    for fact in &mut scene.story.facts {
        if matches!(fact.payload, Payload::General(GeneralFact::DeadlineResumed(_))) {
            fact.wall_ms = NINE;
        }
    }
    let deadline = scene.judge(THREE_HOURS, None);
    assert_eq!((deadline.due_ms, deadline.pauses), (clock("12:00"), Vec::new()));
}

/// Ten to eleven, with a beginning or an end that cannot be judged.
fn doubtful(begin: bool, end: bool) -> Scene {
    let mut scene = Scene::new();
    let paused = scene.at("10:00").pause(&[]);
    scene.at("11:00").resume(paused);
    for fact in &mut scene.story.facts {
        let doubted = match &fact.payload {
            Payload::General(GeneralFact::DeadlinePaused(_)) => begin,
            Payload::General(GeneralFact::DeadlineResumed(_)) => end,
            _ => false,
        };
        // Stated afterwards: an unverified clock is judged alike.
        fact.said_at_ms = doubted.then_some(NINE);
    }
    scene
}

#[test]
fn a_pause_that_cannot_be_judged_makes_unknown_only_what_it_decides() {
    for (begin, end) in [(true, false), (false, true), (true, true)] {
        let mut scene = doubtful(begin, end);
        // In time also without the pause.
        assert_eq!(scene.at("12:00").judge(THREE_HOURS, None).state, Running);
        assert_eq!(scene.judge(THREE_HOURS, met("12:00")).state, Met);
        // Late without it, perhaps not with it.
        let deadline = scene.at("12:01").judge(THREE_HOURS, None);
        assert_eq!((deadline.state, deadline.due_ms), (Unknown, clock("12:00")), "{begin} {end}");
        assert_eq!(scene.late_ms(THREE_HOURS, None), None);
        let done = scene.judge(THREE_HOURS, met("12:01"));
        assert_eq!((done.state, done.late_ms), (Unknown, None), "{begin} {end}");
    }
    // From nine to eleven at most: later than two hours after noon it is late whatever was.
    let mut scene = doubtful(true, false);
    let deadline = scene.at("13:00").judge(THREE_HOURS, None);
    assert_eq!(
        (deadline.state, deadline.changes_at_ms),
        (Unknown, clock("14:00").map(|ms| ms + 1))
    );
    assert_eq!(scene.at("14:01").judge(THREE_HOURS, None).state, Breached);
    assert_eq!(scene.judge(THREE_HOURS, met("14:01")).state, Breached);
}

#[test]
fn a_pause_of_an_unverified_clock_stops_what_was_not_late_when_it_is_judged() {
    let mut scene = Scene::new();
    scene.at("10:00").pause(&[]);
    let session = scene.story.sessions.get_mut(&scene.desk.session).expect("there");
    session.origin = Origin::Phone;
    let deadline = scene.at("12:00").judge(THREE_HOURS, None);
    assert_eq!((deadline.state, deadline.due_ms), (Paused, clock("12:00")));
    // From here nobody can say whether it had begun before.
    assert_eq!(deadline.changes_at_ms, clock("12:00").map(|ms| ms + 1));
    assert_eq!(scene.at("12:01").judge(THREE_HOURS, None).state, Unknown);
}

/// R3.12
#[test]
fn a_start_that_is_unknown_makes_the_deadline_unknown_but_an_agreed_moment_needs_none() {
    let scene = Scene::new();
    let target = |limit| Target::new("done", None, limit);
    let judged = |limit| scene.with(|sla| sla.judge(&target(limit)));
    assert_eq!((judged(THREE_HOURS).state, judged(THREE_HOURS).due_ms), (Unknown, None));
    let agreed = judged(Limit::At(NINE + HOUR));
    assert_eq!((agreed.state, agreed.due_ms), (Running, Some(NINE + HOUR)));
    let mut doubted = Stamp { judgeable: false, ..met("09:30").expect("there") };
    assert_eq!(scene.judge(THREE_HOURS, Some(doubted)).state, Unknown);
    doubted.judgeable = true;
    assert_eq!(scene.judge(THREE_HOURS, Some(doubted)).state, Met);
}

/// R3.14
#[test]
fn desk_and_lead_pause_with_a_reason_and_nobody_else_does() {
    let mut scene = Scene::new();
    let mut technician = scene.story.technician(31);
    assert_eq!(scene.story.deny(&technician, &pause(&[])), DenialCode::NotYourRole);
    for (number, role) in [(21, Role::EngineeringLead), (22, Role::Supervisor)] {
        let mut writer = scene.story.writer(number, role);
        let paused = scene.story.write(&mut writer, pause(&["done"]));
        assert_eq!(scene.story.deny(&technician, &resume(paused)), DenialCode::NotYourRole);
        scene.story.write(&mut writer, resume(paused));
        let again = scene.story.try_write_on(&writer, &resume(paused), &scene.story.facts);
        assert_eq!(again.expect_err("over").code, DenialCode::NoSuchFact);
    }
    let denied = |names: &[&str], reason: &str| {
        let deadlines = names.iter().map(|name| (*name).to_owned()).collect();
        let command = Command::PauseDeadline { deadlines, reason: reason.to_owned() };
        scene.story.deny(&scene.desk, &command)
    };
    assert_eq!(denied(&["dinner"], "r"), DenialCode::OutOfRange);
    assert_eq!(denied(&["done"; 65], "r"), DenialCode::OutOfRange);
    assert_eq!(denied(&["done"], " "), DenialCode::TextEmpty);
    assert_eq!(denied(&["done"], &"字".repeat(201)), DenialCode::TextTooLong);
    let created = scene.story.facts[0].key;
    assert_eq!(scene.story.deny(&scene.desk, &resume(created)), DenialCode::NoSuchFact);
    // The types in a shape of a later version are no way around it.
    for fact_type in ["deadline_paused", "deadline_resumed"] {
        let mut fact = scene.story.facts[0].clone();
        let (fact_type, content) = (fact_type.to_owned(), json!({ "of": 5 }));
        fact.payload = Payload::Unknown { fact_type, content };
        let before = scene.story.review();
        let seen = Seen { epoch: 1, sequence: 10 };
        technician.n += 1;
        let denied = permit(&[fact], Some(&before), &principal(&technician), seen, NINE);
        assert_eq!(denied.map_err(|denial| denial.code), Err(DenialCode::NotYourRole));
    }
}

#[test]
fn an_end_rests_on_its_pause() {
    let mut scene = Scene::new();
    let paused = scene.pause(&[]);
    scene.resume(paused);
    assert_eq!(rests_on(scene.story.facts.last().expect("there")), [paused]);
}

/// What the server writes of `filled` now, if it tells the supervisor of it.
fn told(story: &mut Story) -> Vec<Fact> {
    let mut review = story.review();
    review.deadlines.iter_mut().for_each(|deadline| deadline.tells = vec![Role::Supervisor]);
    let written = follows(&review, story.now_ms).into_iter().map(|follow| Fact {
        key: FactKey::derive(story.record, follow.rule, &follow.cause, 0),
        wall_ms: follow.at_ms,
        after: Some(follow.after),
        payload: follow.payload,
        stored_content: None,
        ..story.facts[0].clone()
    });
    written.collect()
}

/// R3.17
#[test]
fn what_a_pause_that_arrives_later_shows_to_be_wrong_is_withdrawn_and_not_erased() {
    let mut scene = Scene::new();
    let seen = scene.story.facts.clone();
    scene.story.after(5 * MINUTE);
    assert!(told(&mut scene.story).is_empty());
    scene.story.after(1);
    let fell = told(&mut scene.story);
    assert_eq!(fell.iter().map(|fact| fact.payload.fact_type()).collect::<Vec<_>>(), ["fell_due"]);
    scene.story.facts.extend(fell.clone());
    assert!(told(&mut scene.story).is_empty(), "once");
    // Written two minutes before it was due, on a phone without signal.
    let mut lead = scene.story.writer(21, Role::EngineeringLead);
    scene.story.now_ms = NINE + 3 * MINUTE;
    scene.story.write_on(&mut lead, pause(&["filled"]), &seen);
    scene.story.now_ms = NINE + 60 * MINUTE;
    let withdrawn = told(&mut scene.story);
    let of = Payload::General(GeneralFact::DueWithdrawn(DueWithdrawn { of: fell[0].key }));
    assert_eq!(withdrawn.iter().map(|fact| &fact.payload).collect::<Vec<_>>(), [&of]);
    scene.story.facts.extend(withdrawn);
    assert!(told(&mut scene.story).is_empty(), "once");
    let mut kept = scene.story.review().timeline.into_iter();
    assert!(kept.any(|entry| entry.key == fell[0].key), "marked, not erased");
}

/// R3.17: a pause that turns out to have lasted no time leaves the moment that was told before.
#[test]
fn what_was_withdrawn_and_is_so_after_all_is_told_again_once() {
    let mut scene = Scene::new();
    let seen = scene.story.facts.clone();
    scene.story.after(60 * MINUTE);
    let fell = told(&mut scene.story);
    scene.story.facts.extend(fell.clone());
    let mut lead = scene.story.writer(21, Role::EngineeringLead);
    scene.story.now_ms = NINE + 3 * MINUTE;
    let paused = scene.story.write_on(&mut lead, pause(&["filled"]), &seen);
    scene.story.now_ms = NINE + 60 * MINUTE;
    let withdrawn = told(&mut scene.story);
    scene.story.facts.extend(withdrawn);
    scene.story.now_ms = NINE + 3 * MINUTE;
    scene.story.write(&mut lead, resume(paused));
    scene.story.now_ms = NINE + 60 * MINUTE;
    let again = told(&mut scene.story);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].payload, fell[0].payload, "of the same moment");
    assert_ne!(again[0].key, fell[0].key, "what is marked stays marked");
    assert_eq!(told(&mut scene.story), again, "the same in another life");
    scene.story.facts.extend(again);
    assert!(told(&mut scene.story).is_empty(), "once");
}
