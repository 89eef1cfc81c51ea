//! Follow-ups: when the customer is asked, again where nobody was reached, and what low ratings
//! open by themselves.

use super::*;
use crate::model::follow_up::{self, FollowUpCreated, FollowUpReason};
use crate::rules::follow_up::FollowUp;
use crate::rules::{Deadline, DeadlineState, Details, Status, consequences, follows};

const HOUR: i64 = 60 * MINUTE;

fn opened() -> Command {
    let created = FollowUpCreated {
        of: RecordId([8; 16]),
        follow_up: FollowUpReason::AfterCompletion,
        completed_at_ms: Some(NINE - HOUR),
        contact: None,
        unit: Some("3-2-1501".to_owned()),
        group: None,
        description: None,
    };
    Command::Open { site: SITE, content: created.into() }
}

fn of(review: &Review) -> &FollowUp {
    match &review.details {
        Some(Details::FollowUp(follow_up)) => follow_up,
        other => panic!("{other:?}"),
    }
}

fn due(review: &Review) -> &Deadline {
    &review.deadlines[0]
}

fn story() -> (Story, Writer) {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(&mut desk, opened());
    (story, desk)
}

/// R3.41
#[test]
fn the_customer_is_asked_a_day_after_completion_and_again_if_nobody_was_reached() {
    let (mut story, mut desk) = story();
    assert_eq!(due(&story.review()).due_ms, Some(NINE + 23 * HOUR));
    story.step(&mut desk, "not_reached", json!({ "text": "无人接听" }));
    let review = story.review();
    assert_eq!((review.status, of(&review).attempts), (Status::NotReached, 1));
    assert_eq!(due(&review).state, DeadlineState::Running, "trying is not asking");
    story.after(23 * HOUR + 1);
    let late = story.review();
    assert_eq!(due(&late).state, DeadlineState::Breached);
    assert_eq!(follows(&late, story.now_ms).len(), 1);
    story.step(&mut desk, "reached", json!({ "satisfied": true, "text": "t" }));
    let review = story.review();
    assert_eq!((review.status, of(&review).satisfied), (Status::Reached, Some(true)));
    assert_eq!(due(&review).late_ms, Some(1));
    story.step(&mut desk, "follow_up_closed", json!({ "text": "t" }));
    let review = story.review();
    assert_eq!((review.status, review.closed_at_ms), (Status::Closed, Some(story.now_ms)));
}

/// R3.41: the closing arrives late from a phone, and somebody called in the meantime.
#[test]
fn a_call_after_a_follow_up_that_was_closed_in_time_does_not_make_it_late() {
    let (mut story, mut desk) = story();
    let seen = story.facts.clone();
    let mut other = story.writer(13, Role::Assistant);
    story.write_on(&mut other, step("follow_up_closed", json!({ "text": "t" })), &seen);
    story.after(24 * HOUR);
    story.step(&mut desk, "reached", json!({ "satisfied": true, "text": "t" }));
    assert_eq!(due(&story.review()).state, DeadlineState::Met);
    assert_eq!(due(&story.review()).met_at_ms, Some(NINE));
}

/// R8.9
#[test]
fn closing_once_more_what_is_closed_makes_nothing_late() {
    let (mut story, mut desk) = story();
    let close = || step("follow_up_closed", json!({ "text": "t" }));
    story.write(&mut desk, close());
    story.after(24 * HOUR);
    story.write(&mut desk, close());
    let review = story.review();
    assert_eq!((due(&review).state, due(&review).met_at_ms), (DeadlineState::Met, Some(NINE)));
    assert_eq!(review.closed_at_ms, Some(story.now_ms), "kept from the last closing on");
}

/// R3.41
#[test]
fn how_long_after_completion_is_the_sites_policy() {
    let (mut story, _) = story();
    story.policy.call_back_ms = 2 * HOUR;
    assert_eq!(due(&story.review()).due_ms, Some(NINE + HOUR));
}

/// R3.41
#[test]
fn a_customer_who_is_not_satisfied_is_a_case_until_a_later_call() {
    let (mut story, mut desk) = story();
    let mut other = story.writer(13, Role::Assistant);
    let said = |satisfied: bool| step("reached", json!({ "satisfied": satisfied, "text": "t" }));
    let seen = story.facts.clone();
    story.write_on(&mut desk, said(false), &seen);
    story.write_on(&mut other, said(true), &seen);
    let review = story.review();
    assert_eq!(of(&review).satisfied, Some(false), "neither call knew of the other");
    assert_eq!(open_cases(&review), ["customer_not_satisfied"]);
    assert!(consequences(&review, story.now_ms).is_empty(), "it opens nothing by itself");
    story.write(&mut desk, said(true));
    let review = story.review();
    assert_eq!((of(&review).satisfied, open_cases(&review).len()), (Some(true), 0));
}

#[test]
fn ratings_of_a_call_stand_between_one_and_five() {
    let (story, desk) = story();
    let ratings = json!({ "quality": 6, "attitude": 5, "conduct": 5 });
    let content = json!({ "satisfied": true, "ratings": ratings, "text": "t" });
    assert_eq!(story.deny(&desk, &step("reached", content)), DenialCode::OutOfRange);
}

fn signed(lowest: u8) -> (Story, FactKey) {
    let (mut story, _) = Story::dispatched();
    let mut technician = story.technician(31);
    let visit = story.step(&mut technician, "set_out", json!({ "grade": 2 }));
    let content = json!({
        "visit": visit, "template": "visit/1/en", "clock": "server", "shown": [visit],
        "content_sha256": "0", "text_sha256": "0", "strokes": "AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAI", "relation": "owner",
        "ratings": { "quality": 5, "attitude": lowest, "conduct": 5 },
    });
    let key = story.step(&mut technician, "signed", content);
    (story, key)
}

/// R3.42
#[test]
fn a_rating_of_two_or_less_opens_a_follow_up_and_three_does_not() {
    for (lowest, opens) in [(1, 1), (2, 1), (3, 0)] {
        let (story, _) = signed(lowest);
        assert_eq!(consequences(&story.review(), story.now_ms).len(), opens, "{lowest}");
    }
    let (mut story, _) = signed(3);
    story.policy.low_rating_max = 3;
    assert_eq!(consequences(&story.review(), story.now_ms).len(), 1, "the policy's number");
}

/// R3.42
#[test]
fn the_follow_up_of_a_low_rating_is_the_same_whatever_is_changed_later() {
    let (mut story, key) = signed(2);
    let first = consequences(&story.review(), story.now_ms);
    let opening = &first[0];
    let from = format!("{}/{key}", story.record);
    assert_eq!(opening.record, RecordId::derive(follow_up::KIND, SITE, &from));
    assert_eq!(opening.created.from.as_deref(), Some(from.as_str()));
    assert_eq!(opening.created.content["of"], story.record.to_string());
    assert_eq!(opening.created.content["follow_up"], "low_rating");
    assert_eq!(opening.created.content["unit"], "3-2-1501");
    let mut desk = story.desk();
    desk.n = 50;
    story.after(HOUR);
    story.write(&mut desk, set("unit", json!("3-2-1502")));
    assert_eq!(consequences(&story.review(), story.now_ms), first);
}
