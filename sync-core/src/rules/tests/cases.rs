//! Record cases: what contradicts is shown with both sides and ends by facts.

use super::*;

fn visit(story: &mut Story, worker: &mut Writer, seen: &mut Vec<Fact>, steps: &[&str]) -> FactKey {
    let visit = story.write_on(worker, step("set_out", json!({ "grade": 3 })), seen);
    seen.push(story.facts.last().expect("there").clone());
    for fact_type in steps {
        story.after(1_000);
        story.write_on(worker, step(fact_type, json!({ "visit": visit })), seen);
        seen.push(story.facts.last().expect("there").clone());
    }
    visit
}

const WORK: [&str; 4] = ["ring", "enter", "start_work", "finish_work"];

/// R3.31
#[test]
fn finished_though_cancelled_is_a_case_until_it_is_closed_for_these_very_facts() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let mut seen = story.facts.clone();
    story.write(&mut desk, step("cancelled", json!({ "reason": "客户改期" })));
    assert_eq!(story.review().status, super::super::Status::Cancelled);
    visit(&mut story, &mut worker, &mut seen, &WORK);
    let review = story.review();
    assert_eq!(review.status, super::super::Status::Finished, "work that was done was done");
    let case = review.open_cases().find(|c| c.kind == "finished_though_cancelled").cloned();
    let case = case.expect("a case");
    let sides: Vec<_> = case.sides.iter().map(|side| (side.by, side.value.clone())).collect();
    assert!(sides.contains(&(Some(PersonId(12)), json!("cancelled"))));
    assert!(sides.contains(&(Some(PersonId(31)), json!("finish_work"))));
    let close = Command::CloseCase {
        case: case.kind.clone(),
        rests_on: case.rests_on.clone(),
        reason: "按已完工收费".to_owned(),
    };
    assert_eq!(story.deny(&worker, &close), DenialCode::NotYourRole);
    story.write(&mut desk, close.clone());
    assert!(!open_cases(&story.review()).contains(&"finished_though_cancelled"));
    assert_eq!(story.deny(&desk, &close), DenialCode::NoSuchFact);
}

/// R8.17
#[test]
fn a_closed_case_is_open_again_by_a_word_and_the_last_word_counts() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let mut seen = story.facts.clone();
    story.write(&mut desk, step("cancelled", json!({ "reason": "客户改期" })));
    visit(&mut story, &mut worker, &mut seen, &WORK);
    let kind = "finished_though_cancelled";
    let case = story.review().open_cases().find(|c| c.kind == kind).cloned().expect("a case");
    let (rests_on, reason) = (case.rests_on, "按已完工收费".to_owned());
    let close = Command::CloseCase {
        case: case.kind.clone(),
        rests_on: rests_on.clone(),
        reason: reason.clone(),
    };
    let reopen = Command::ReopenCase { case: case.kind, rests_on, reason };
    assert_eq!(story.deny(&desk, &reopen), DenialCode::NoSuchFact, "it is open");
    story.write(&mut desk, close.clone());
    assert_eq!(story.deny(&worker, &reopen), DenialCode::NotYourRole);
    let before = story.facts.clone();
    story.write(&mut desk, reopen.clone());
    assert!(open_cases(&story.review()).contains(&kind), "open again");
    assert_eq!(story.deny(&desk, &reopen), DenialCode::NoSuchFact);
    assert!(before.len() < story.facts.len(), "nothing was taken away");
    story.write(&mut desk, close);
    assert!(!open_cases(&story.review()).contains(&kind), "the last word counts");
    let conflict = Command::ReopenCase {
        case: "field_conflict".to_owned(),
        rests_on: Vec::new(),
        reason: "r".to_owned(),
    };
    assert_eq!(story.deny(&desk, &conflict), DenialCode::NoSuchFact);
}

/// R3.31
#[test]
fn work_done_without_having_seen_the_reassignment_is_a_case_and_before_it_is_not() {
    for offline in [true, false] {
        let (mut story, mut desk) = Story::dispatched();
        let mut worker = story.technician(31);
        let mut seen = story.facts.clone();
        if offline {
            story.write(&mut desk, Command::Assign { person: PersonId(32) });
        }
        visit(&mut story, &mut worker, &mut seen, &WORK);
        if !offline {
            story.write(&mut desk, Command::Assign { person: PersonId(32) });
        }
        assert_eq!(open_cases(&story.review()).contains(&"done_after_reassignment"), offline);
    }
}

/// R3.29
#[test]
fn two_peoples_visits_conflict_when_they_overlap_or_both_finish() {
    let later = 60 * MINUTE;
    for (pause_ms, second_steps, expected) in
        [(0, &WORK[..3], true), (later, &WORK[..], true), (later, &WORK[..3], false)]
    {
        let (mut story, _) = Story::dispatched();
        let (mut first, mut second) = (story.technician(31), story.technician(32));
        let seen = story.facts.clone();
        visit(&mut story, &mut first, &mut seen.clone(), &WORK);
        if pause_ms == 0 {
            story.now_ms -= 2_000;
        }
        story.after(pause_ms);
        visit(&mut story, &mut second, &mut seen.clone(), second_steps);
        assert_eq!(open_cases(&story.review()).contains(&"two_peoples_visits"), expected);
    }
}

/// R3.30
#[test]
fn a_helpers_visit_is_no_second_persons() {
    let (mut story, _) = Story::dispatched();
    let (mut first, mut second) = (story.technician(31), story.technician(32));
    let mut seen = story.facts.clone();
    let key = visit(&mut story, &mut first, &mut seen, &WORK);
    story.step(&mut first, "helper_joined", json!({ "visit": key, "person": 32 }));
    visit(&mut story, &mut second, &mut seen, &WORK);
    assert!(!open_cases(&story.review()).contains(&"two_peoples_visits"));
}

/// R3.26, R3.27, R3.28
#[test]
fn money_is_compared_from_quote_to_invoice_and_handed_in_by_the_days_end() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let mut seen = story.facts.clone();
    let key = visit(&mut story, &mut worker, &mut seen, &[]);
    let quote = story.step(
        &mut worker,
        "quoted",
        json!({ "visit": key, "amount_fen": 12_000, "items": [] }),
    );
    story.step(&mut worker, "quote_accepted", json!({ "quote": quote }));
    let charge = story.step(
        &mut worker,
        "charged",
        json!({ "visit": key, "amount_fen": 12_500, "method": "cash" }),
    );
    let review = story.review();
    assert_eq!(open_cases(&review).iter().filter(|kind| **kind == "money_not_equal").count(), 1);
    // 2026-11-26T00:00:00+08:00 is fifteen hours after nine.
    story.now_ms = NINE + 15 * 3_600_000 - 1;
    assert!(!open_cases(&story.review()).contains(&"money_not_handed_in"));
    assert_eq!(story.review().status_until_ms, Some(NINE + 15 * 3_600_000));
    story.after(1);
    assert!(open_cases(&story.review()).contains(&"money_not_handed_in"));
    story.step(&mut worker, "handed_in", json!({ "charge": charge, "amount_fen": 12_500 }));
    assert!(!open_cases(&story.review()).contains(&"money_not_handed_in"));
    let invoice = story.step(
        &mut desk,
        "invoiced",
        json!({ "charge": charge, "number": "A1", "amount_fen": 12_000 }),
    );
    assert_eq!(
        open_cases(&story.review()).iter().filter(|kind| **kind == "money_not_equal").count(),
        2
    );
    assert!(!story.review().money.charges[0].delivered);
    story.step(&mut worker, "invoice_delivered", json!({ "invoice": invoice }));
    assert!(story.review().money.charges[0].delivered);
}

#[test]
fn an_unknown_fact_of_a_newer_app_is_carried_and_shown_as_such() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    story.write(&mut worker, Command::Note { text: "x".to_owned() });
    let last = story.facts.last_mut().expect("there");
    last.stored_content = None;
    last.payload = crate::model::payload::Payload::Unknown {
        fact_type: "hologram".to_owned(),
        content: json!({ "depth": 3 }),
    };
    let review = story.review();
    let entry = review.timeline.last().expect("there");
    assert_eq!((entry.fact_type.as_str(), entry.unknown), ("hologram", true));
    assert_eq!(entry.content, json!({ "depth": 3 }));
}

/// R3.31
#[test]
fn a_desk_that_knew_of_the_work_or_hands_out_again_contradicts_nobody() {
    let finished =
        |story: &Story| open_cases(&story.review()).contains(&"finished_though_cancelled");
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let mut again = story.clone();
    let mut seen = story.facts.clone();
    visit(&mut story, &mut worker.clone(), &mut seen, &WORK);
    let mut knowing = desk.clone();
    story.write(&mut knowing, step("cancelled", json!({ "reason": "重复" })));
    assert!(!finished(&story));
    again.write(&mut desk, step("cancelled", json!({ "reason": "客户改期" })));
    again.write(&mut desk, step("dispatched", json!({})));
    assert_eq!(again.review().status, super::super::Status::Dispatched);
    let mut seen = again.facts.clone();
    visit(&mut again, &mut worker, &mut seen, &WORK);
    assert!(!finished(&again));
    assert_eq!(again.review().status, super::super::Status::Finished);
}

/// R3.21
#[test]
fn an_order_handed_out_again_after_it_was_declined_is_dispatched() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    story.step(&mut worker, "declined", json!({ "reason": "没有工具" }));
    assert_eq!(story.review().status, super::super::Status::Declined);
    story.step(&mut desk, "dispatched", json!({}));
    assert_eq!(story.review().status, super::super::Status::Dispatched);
}

/// R3.32
#[test]
fn steps_beside_one_another_give_the_most_advanced_status_and_later_ones_the_latest() {
    let (mut story, _) = Story::dispatched();
    let (mut first, mut second) = (story.technician(31), story.technician(32));
    let seen = story.facts.clone();
    visit(&mut story, &mut first, &mut seen.clone(), &WORK);
    visit(&mut story, &mut second, &mut seen.clone(), &["ring"]);
    assert_eq!(story.review().status, super::super::Status::Finished);
    story.step(&mut second, "set_out", json!({ "grade": 3 }));
    assert_eq!(story.review().status, super::super::Status::OnTheWay);
}

#[test]
fn an_order_that_went_away_and_came_back_before_the_visit_is_no_case() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    for person in [32, 31] {
        story.write(&mut desk, Command::Assign { person: PersonId(person) });
    }
    let mut seen = story.facts.clone();
    visit(&mut story, &mut worker, &mut seen, &WORK);
    assert!(!open_cases(&story.review()).contains(&"done_after_reassignment"));
}

/// R3.30
#[test]
fn a_visit_of_somebody_the_order_was_never_given_to_is_a_case_and_a_helpers_is_not() {
    for helper in [false, true] {
        let (mut story, _) = Story::dispatched();
        let (mut owner, mut other) = (story.technician(31), story.technician(32));
        let own = story.step(&mut owner, "set_out", json!({ "grade": 3 }));
        if helper {
            story.step(&mut owner, "helper_joined", json!({ "visit": own, "person": 32 }));
        }
        let mut seen = story.facts.clone();
        visit(&mut story, &mut other, &mut seen, &WORK);
        let found = open_cases(&story.review()).contains(&"done_after_reassignment");
        assert_eq!(found, !helper);
    }
}

/// R3.29
#[test]
fn unverified_clocks_prove_no_overlap() {
    let (mut story, _) = Story::dispatched();
    let (mut first, mut second) = (story.technician(31), story.technician(32));
    let seen = story.facts.clone();
    visit(&mut story, &mut first, &mut seen.clone(), &WORK[..3]);
    story.now_ms -= 2_000;
    visit(&mut story, &mut second, &mut seen.clone(), &WORK[..3]);
    assert!(open_cases(&story.review()).contains(&"two_peoples_visits"));
    story.sessions.get_mut(&second.session).expect("there").anchor = None;
    assert!(!open_cases(&story.review()).contains(&"two_peoples_visits"));
}

#[test]
fn a_record_full_of_quarrel_is_reviewed_within_bounds() {
    let (mut story, _) = Story::dispatched();
    let workers = [story.technician(31), story.technician(32)];
    let template = story.facts.last().expect("there").clone();
    let Command::Record { fact, .. } = step("set_out", json!({ "grade": 3 })) else { panic!() };
    for n in 1..1_000 {
        for worker in &workers {
            let key = FactKey::Written { session: worker.session, n, i: 0 };
            let payload = crate::model::payload::Payload::from(fact.clone());
            let monotonic_ms = Some(story.now_ms - worker.booted_ms);
            story.facts.push(Fact { key, payload, monotonic_ms, ..template.clone() });
        }
    }
    let review = story.review();
    assert_eq!(review.visits.len(), 1_998);
    assert_eq!(review.cases.len(), 100);
}
