//! Orders beside their visits' steps: who declines and appoints, what waits, what goes back, what
//! is watched; and whom a role for one group reaches.

use super::super::deadlines::DeadlineState::{self, Breached, Met, Running};
use super::*;
use crate::model::payload::OpeningContent;
use crate::model::violation::{ViolationCategory, ViolationCreated};
use crate::rules::Status;
use crate::rules::permission::permit;

fn finished() -> (Story, Writer, Writer) {
    let (mut story, desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    story.step(&mut worker, "start_work", json!({ "visit": visit }));
    story.step(&mut worker, "finish_work", json!({ "visit": visit }));
    (story, desk, worker)
}

fn returned(review: &Review) -> Option<(DeadlineState, Option<i64>)> {
    let mut deadlines = review.deadlines.iter();
    let found = deadlines.find(|deadline| deadline.name == "returned")?;
    Some((found.state, found.due_ms))
}

/// R3.21
#[test]
fn a_technician_declines_with_a_reason_only() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let silent = step("declined", json!({ "reason": " " }));
    assert_eq!(story.deny(&worker, &silent), DenialCode::TextEmpty);
    story.step(&mut worker, "declined", json!({ "reason": "没有电工证" }));
    assert_eq!(story.review().status, Status::Declined);
    assert_eq!(open_cases(&story.review()), Vec::<&str>::new());
}

/// R3.22
#[test]
fn who_goes_there_makes_another_appointment_on_the_phone() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let tomorrow = "2026-11-26T10:00:00+08:00";
    story.write(&mut worker, set("appointment", json!(tomorrow)));
    assert_eq!(story.review().text("appointment"), Some(tomorrow));
    let officer = story.writer(41, Role::PatrolOfficer);
    let other = set("appointment", json!("2026-11-27T10:00:00+08:00"));
    assert_eq!(story.deny(&officer, &other), DenialCode::NotYourRole);
}

/// R3.9
#[test]
fn to_wait_for_parts_takes_a_reason_and_to_come_back_is_normal() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let silent = step("waiting_for_parts", json!({ "reason": "" }));
    assert_eq!(story.deny(&worker, &silent), DenialCode::TextEmpty);
    let first = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let reason = json!({ "visit": first, "reason": "缺件", "explained": true });
    story.step(&mut worker, "unable_to_finish", reason);
    story.step(&mut worker, "waiting_for_parts", json!({ "reason": "阀门要订货" }));
    assert_eq!(story.review().status, Status::WaitingForParts);
    story.after(24 * 60 * MINUTE);
    let second = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    assert_eq!(story.review().status, Status::OnTheWay);
    story.step(&mut worker, "start_work", json!({ "visit": second }));
    story.step(&mut worker, "finish_work", json!({ "visit": second }));
    let review = story.review();
    assert_eq!((review.status, review.visits.len()), (Status::Finished, 2));
    let quarrels = ["two_peoples_visits", "done_after_reassignment"];
    assert!(!open_cases(&review).iter().any(|case| quarrels.contains(case)));
}

/// R3.23
#[test]
fn what_is_out_of_scope_says_whom_it_was_reported_to_and_stays_open() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let to_nobody = step("out_of_scope", json!({ "reported_to": "", "reason": "属开发商保修" }));
    assert_eq!(story.deny(&worker, &to_nobody), DenialCode::TextEmpty);
    let to_lead = json!({ "reported_to": "赵领班", "reason": "属开发商保修" });
    story.step(&mut worker, "out_of_scope", to_lead);
    let mut lead = story.writer(20, Role::EngineeringLead);
    let to_property = json!({ "reported_to": "管业部", "reason": "属开发商保修" });
    story.step(&mut lead, "out_of_scope", to_property);
    story.after(30 * 24 * 60 * MINUTE);
    assert_eq!(story.review().status, Status::OutOfScope);
    assert_eq!(story.deny(&lead, &step("closed", json!({}))), DenialCode::NotYourRole);
    story.step(&mut desk, "closed", json!({}));
    assert_eq!(story.review().status, Status::Closed);
}

/// R3.33
#[test]
fn a_finished_order_is_back_at_the_desk_the_same_day() {
    // 2026-11-26T00:00:00+08:00 is fifteen hours after nine.
    let end_ms = NINE + 15 * 60 * MINUTE - 1;
    let (mut story, _, _) = finished();
    assert_eq!(returned(&story.review()), Some((Running, Some(end_ms))));
    for (at_ms, expected) in [(end_ms, Met), (end_ms + 1, Breached)] {
        let mut story = story.clone();
        let mut lead = story.writer(20, Role::EngineeringLead);
        story.now_ms = at_ms;
        story.step(&mut lead, "returned", json!({}));
        assert_eq!(returned(&story.review()), Some((expected, Some(end_ms))));
    }
    story.now_ms = end_ms + 1;
    assert_eq!(returned(&story.review()), Some((Breached, Some(end_ms))));
    assert_eq!(returned(&Story::dispatched().0.review()), None, "nothing is done yet");
}

/// R3.25, R3.34
#[test]
fn the_desk_marks_what_is_chargeable_with_its_amount_and_what_it_watches_with_a_reason() {
    let (mut story, mut desk) = Story::dispatched();
    let worker = story.technician(31);
    for (field, good, bad) in [
        ("chargeable_fen", json!(12_000), json!(-1)),
        ("watched", json!("涉及赔付"), json!("长".repeat(201))),
    ] {
        assert_eq!(story.deny(&worker, &set(field, good.clone())), DenialCode::NotYourRole);
        let denied = story.deny(&desk, &set(field, bad));
        assert!(matches!(denied, DenialCode::OutOfRange | DenialCode::TextTooLong), "{denied}");
        story.write(&mut desk, set(field, good.clone()));
        assert_eq!(story.review().fields[field].value, good);
    }
}

/// R4.17
#[test]
fn a_pause_of_work_takes_a_reason_and_is_measured() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    story.step(&mut worker, "start_work", json!({ "visit": visit }));
    let silent = step("paused", json!({ "visit": visit, "reason": "" }));
    assert_eq!(story.deny(&worker, &silent), DenialCode::TextEmpty);
    story.step(&mut worker, "paused", json!({ "visit": visit, "reason": "关总阀" }));
    assert_eq!(story.review().status, Status::Paused);
    story.after(7 * MINUTE);
    story.step(&mut worker, "resumed", json!({ "visit": visit }));
    let waits = story.review().visits[0].waits.clone();
    assert_eq!((waits[0].name.as_str(), waits[0].ms), ("pause", Some(7 * MINUTE)));
}

/// R4.12
#[test]
fn who_enters_without_a_word_of_introduction_shows() {
    for (steps, expected) in
        [(&["ring", "introduce", "enter"][..], false), (&["ring", "enter"][..], true)]
    {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
        for fact_type in steps {
            story.step(&mut worker, fact_type, json!({ "visit": visit }));
        }
        assert_eq!(codes(&story.review()).contains(&"not_introduced"), expected);
    }
}

/// R4.26
#[test]
fn who_does_not_sign_is_an_outcome_with_its_reason_that_the_office_sees() {
    for outcome in ["sign_refused", "sign_absent"] {
        let (mut story, _, mut worker) = finished();
        let visit = story.review().visits[0].visit;
        let silent = step(outcome, json!({ "visit": visit, "reason": "" }));
        assert_eq!(story.deny(&worker, &silent), DenialCode::TextEmpty);
        let key = story.step(&mut worker, outcome, json!({ "visit": visit, "reason": "有异议" }));
        story.step(&mut worker, "farewell", json!({ "visit": visit }));
        let review = story.review();
        let signature = review.visits[0].signature.as_ref().expect("an outcome");
        assert_eq!((signature.outcome.as_str(), signature.key), (outcome, key));
        assert!(!codes(&review).contains(&"not_signed"));
    }
}

/// R4.10
#[test]
fn the_desk_confirms_that_it_was_called_from_a_door_nobody_opened() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    story.step(&mut worker, "ring", json!({ "visit": visit }));
    story.after(3 * MINUTE);
    let nameless = json!({ "visit": visit, "via": "radio", "answered_by": "" });
    assert_eq!(story.deny(&worker, &step("no_answer", nameless)), DenialCode::TextEmpty);
    let called = json!({ "visit": visit, "via": "radio", "answered_by": "陈静" });
    story.step(&mut worker, "no_answer", called);
    let confirmed = step("no_answer_confirmed", json!({ "visit": visit }));
    assert_eq!(story.deny(&worker, &confirmed), DenialCode::NotYourRole);
    story.write(&mut desk, confirmed);
    // It is the desk's to make an appointment now.
    assert_eq!(story.review().status, Status::NoAnswer);
    story.write(&mut desk, set("appointment", json!("2026-11-26T10:00:00+08:00")));
    assert!(!open_cases(&story.review()).contains(&"done_after_reassignment"));
}

/// R0.3
#[test]
fn a_role_for_one_group_reaches_its_own_records_and_those_of_none() {
    let violation = |group: Option<u32>| {
        let created = ViolationCreated {
            violation: ViolationCategory::Sanitation,
            breach: None,
            place: "3 栋".to_owned(),
            unit: None,
            group,
            contact: None,
            description: "乱丢垃圾".to_owned(),
            reception: None,
            round: None,
        };
        Command::Open { site: SITE, content: OpeningContent::from(created) }
    };
    for (record, held, expected) in [
        (Some(2), Some(2), Ok(())),
        (Some(2), Some(3), Err(DenialCode::NotYourRole)),
        (Some(2), None, Ok(())),
        (None, Some(3), Ok(())),
    ] {
        let mut story = Story::new();
        let mut officer = story.writer(41, Role::PatrolOfficer);
        story.write(&mut officer, violation(record));
        let assistant = story.writer(60, Role::Assistant);
        let registered = step("registered", json!({}));
        let facts = story.try_write_on(&assistant, &registered, &story.facts).expect("may");
        let grant = RoleGrant { group: held, ..grant(assistant.person, Role::Assistant) };
        let principal = Principal { person: assistant.person, grants: vec![grant] };
        let when = Seen { epoch: 1, sequence: 10 };
        let judged = permit(&facts, Some(&story.review()), &principal, when, NINE);
        assert_eq!(judged.map_err(|denial| denial.code), expected, "{record:?} {held:?}");
    }
}
