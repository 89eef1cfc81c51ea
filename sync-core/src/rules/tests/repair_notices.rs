//! Notices of repairs: when residents have to be able to read them, before planned work and after
//! an emergency.

use super::*;
use crate::model::repair_notice::{Installation, NoticeKind, RepairNoticeCreated};
use crate::rules::{Deadline, DeadlineState, Status, follows, outage_over};

const HOUR: i64 = 60 * MINUTE;

fn content(notice: NoticeKind, from: Option<&str>, to: Option<&str>) -> RepairNoticeCreated {
    RepairNoticeCreated {
        notice,
        installation: Installation::Water,
        description: "更换水泵".to_owned(),
        effects: "3 栋停水".to_owned(),
        area: Some("3 栋".to_owned()),
        buildings: vec!["3".to_owned()],
        units: Vec::new(),
        work_from: from.map(str::to_owned),
        work_to: to.map(str::to_owned),
        order: None,
    }
}

fn open(content: RepairNoticeCreated) -> Command {
    Command::Open { site: SITE, content: content.into() }
}

/// Work on the 27th at nine: two days after [`NINE`].
fn planned() -> (Story, Writer) {
    let mut story = Story::new();
    let mut desk = story.desk();
    let from = "2026-11-27T09:00:00+08:00";
    story.write(&mut desk, open(content(NoticeKind::Planned, Some(from), None)));
    (story, desk)
}

fn publish(review: &Review) -> Option<&Deadline> {
    review.deadlines.iter().find(|deadline| deadline.name == "publish")
}

/// R3.40
#[test]
fn planned_work_is_announced_a_day_before_it_begins() {
    let (mut story, mut desk) = planned();
    let review = story.review();
    assert_eq!(review.status, Status::Opened);
    let deadline = publish(&review).expect("planned");
    assert_eq!((deadline.due_ms, deadline.state), (Some(NINE + 24 * HOUR), DeadlineState::Running));
    story.after(24 * HOUR);
    assert_eq!(publish(&story.review()).map(|d| d.state), Some(DeadlineState::Running));
    story.after(1);
    let late = story.review();
    assert_eq!(publish(&late).map(|d| d.state), Some(DeadlineState::Breached));
    assert_eq!(publish(&late).expect("late").tells, [Role::FrontDesk, Role::EngineeringLead]);
    assert_eq!(follows(&late, story.now_ms).len(), 1);
    story.step(&mut desk, "notice_published", json!({ "text": "单元门口" }));
    let review = story.review();
    assert_eq!(review.status, Status::Published);
    assert_eq!(publish(&review).and_then(|d| d.late_ms), Some(1));
    assert!(open_cases(&review).is_empty(), "late, but before the work");
}

/// R3.40
#[test]
fn how_long_before_is_the_sites_policy() {
    let (mut story, _) = planned();
    story.policy.notice_before_ms = HOUR;
    assert_eq!(publish(&story.review()).and_then(|d| d.due_ms), Some(NINE + 47 * HOUR));
}

/// R3.40
#[test]
fn planned_work_announced_after_it_began_is_a_case() {
    let (mut story, mut desk) = planned();
    story.after(48 * HOUR);
    story.step(&mut desk, "notice_published", json!({}));
    assert_eq!(open_cases(&story.review()), ["notice_after_work_began"]);
}

/// R3.40
#[test]
fn work_that_is_put_off_is_announced_a_day_before_the_new_time() {
    let (mut story, mut desk) = planned();
    story.write(&mut desk, set("work_from", json!("2026-11-28T09:00:00+08:00")));
    assert_eq!(publish(&story.review()).and_then(|d| d.due_ms), Some(NINE + 48 * HOUR));
}

/// R3.40
#[test]
fn an_emergency_is_explained_after_it_and_nothing_is_due_while_it_goes_on() {
    let mut story = Story::new();
    let mut lead = story.writer(21, Role::EngineeringLead);
    story.write(&mut lead, open(content(NoticeKind::Emergency, None, None)));
    assert_eq!(publish(&story.review()), None);
    story.after(2 * HOUR);
    story.step(&mut lead, "notice_ended", json!({}));
    let review = story.review();
    assert_eq!(review.status, Status::Ended);
    assert_eq!(publish(&review).and_then(|d| d.due_ms), Some(NINE + 26 * HOUR));
    assert_eq!(outage_over(&review), Some(NINE + 2 * HOUR));
    story.after(24 * HOUR);
    story.step(&mut lead, "notice_published", json!({ "text": "公告栏" }));
    assert_eq!(publish(&story.review()).map(|d| d.state), Some(DeadlineState::Met));
}

#[test]
fn a_planned_notice_says_when_the_work_begins() {
    let mut story = Story::new();
    let desk = story.desk();
    let without = open(content(NoticeKind::Planned, None, None));
    let denial = story.try_write_on(&desk, &without, &[]).expect_err("denied");
    assert_eq!(denial.code, DenialCode::PreconditionMissing);
    assert_eq!(denial.params["needs"], "work_from");
    let unreadable = open(content(NoticeKind::Planned, Some("tomorrow"), None));
    assert_eq!(story.deny(&desk, &unreadable), DenialCode::BadTime);
    let mut many = content(NoticeKind::Emergency, None, None);
    many.units = vec!["3-2-1501".to_owned(); 201];
    assert_eq!(story.deny(&desk, &open(many)), DenialCode::OutOfRange);
    let technician = story.technician(31);
    let fine = open(content(NoticeKind::Emergency, None, None));
    assert_eq!(story.deny(&technician, &fine), DenialCode::NotYourRole);
}

#[test]
fn a_cancelled_notice_is_due_no_more_and_one_that_others_ended_is_a_case() {
    let (mut story, mut desk) = planned();
    let mut lead = story.writer(21, Role::EngineeringLead);
    let seen = story.facts.clone();
    story.write_on(&mut desk, step("notice_cancelled", json!({ "reason": "r" })), &seen);
    let review = story.review();
    assert_eq!((review.status, publish(&review)), (Status::Cancelled, None));
    assert_eq!(outage_over(&review), Some(NINE));
    story.write_on(&mut lead, step("notice_ended", json!({})), &seen);
    assert_eq!(open_cases(&story.review()), ["notice_ended_and_cancelled"]);
}
