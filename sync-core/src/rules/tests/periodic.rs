//! Periodic tasks: which there are and by when, who does them, and what is told when nobody does.

use super::complaint_story::{DAY, shanghai};
use super::*;
use crate::model::id::RecordId;
use crate::model::payload::{GeneralFact, Payload};
use crate::model::periodic::{PeriodicFact, PeriodicTask, PlanMade};
use crate::rules::{
    DeadlineState, InboxKind, PeriodicOpening, Status, periodic_tasks, told_by_role,
};

/// The tasks of Wednesday 25 November to 31 December.
fn tasks() -> Vec<PeriodicOpening> {
    periodic_tasks(SITE, &SlaPolicy::default(), NINE, NINE + 36 * DAY)
}

fn task_of(opening: &PeriodicOpening) -> (&str, &str) {
    let content = &opening.opening.created.content;
    (content["task"].as_str().expect("a task"), content["period"].as_str().expect("a period"))
}

/// The record of a task as the server opens it.
fn story(task: PeriodicTask) -> Story {
    let mut story = Story::new();
    let all = tasks();
    let one = all.iter().find(|one| task_of(one).0 == task.code()).expect("there is one");
    story.record = one.opening.record;
    story.now_ms = one.at_ms;
    derive(&mut story, Payload::General(GeneralFact::Created(one.opening.created.clone())));
    story
}

fn derive(story: &mut Story, payload: Payload) {
    let rule = payload.fact_type();
    story.facts.push(Fact {
        key: FactKey::derive(story.record, &rule, "", 0),
        wall_ms: story.now_ms,
        monotonic_ms: None,
        seen: Seen::default(),
        after: Some(Vec::new()),
        said_at_ms: None,
        on_behalf_of: None,
        corrects: Vec::new(),
        payload,
        stored_content: None,
    });
}

fn report() -> Command {
    step("report_sent", json!({ "text": "本周 3 件" }))
}

/// R1.18
#[test]
fn a_week_has_one_and_a_month_four_with_their_days() {
    let all = tasks();
    let shown: Vec<_> = all
        .iter()
        .map(|one| (task_of(one), shanghai(one.at_ms), shanghai(one.due_ms)))
        .map(|((task, period), at, due)| format!("{task} {period}: {at} to {due}"))
        .collect();
    assert_eq!(
        shown,
        [
            "weekly_complaints 2026-12-06: 11-30 00:00 to 12-06 18:00",
            "monthly_complaints 2026-11: 12-01 00:00 to 12-04 23:59",
            "reception_review 2026-11: 12-01 00:00 to 12-04 23:59",
            "complaint_trend 2026-11: 12-01 00:00 to 12-05 23:59",
            "patrol_plan 2027-01: 12-01 00:00 to 12-31 23:59",
            "weekly_complaints 2026-12-13: 12-07 00:00 to 12-13 18:00",
            "weekly_complaints 2026-12-20: 12-14 00:00 to 12-20 18:00",
            "weekly_complaints 2026-12-27: 12-21 00:00 to 12-27 18:00",
            "weekly_complaints 2027-01-03: 12-28 00:00 to 01-03 18:00",
        ]
    );
    // In pieces they are the same, each once; ids come from the cause alone.
    let halves = [(NINE, NINE + 6 * DAY), (NINE + 6 * DAY, NINE + 36 * DAY)];
    let pieces = halves.map(|(from, to)| periodic_tasks(SITE, &SlaPolicy::default(), from, to));
    assert_eq!(pieces.concat(), all);
    let ids: std::collections::BTreeSet<RecordId> =
        all.iter().map(|one| one.opening.record).collect();
    assert_eq!(ids.len(), all.len());
}

/// R2.19
#[test]
fn the_policys_days_move_them() {
    let policy = SlaPolicy {
        weekly_report_weekday: crate::model::calendar::Weekday::Friday,
        trend_analysis_day: 1,
        ..SlaPolicy::default()
    };
    let all = periodic_tasks(SITE, &policy, NINE, NINE + 8 * DAY);
    let due: Vec<_> = all.iter().map(|one| (task_of(one).0, shanghai(one.due_ms))).collect();
    assert_eq!(due[0], ("weekly_complaints", "12-04 18:00".to_owned()));
    assert_eq!(due[1], ("monthly_complaints", "12-01 23:59".to_owned()));
    let endless = periodic_tasks(SITE, &policy, i64::MIN, i64::MAX);
    assert!(endless.len() < 200, "bounded");
}

/// R2.19
#[test]
fn the_project_manager_sends_and_quality_confirms() {
    let mut story = story(PeriodicTask::WeeklyComplaints);
    for role in Role::ALL {
        let writer = story.writer(50, role);
        let may = story.try_write_on(&writer, &report(), &story.facts).is_ok();
        assert_eq!(may, role == Role::ProjectManager, "{role:?}");
    }
    let mut manager = story.writer(51, Role::ProjectManager);
    let sent = story.write(&mut manager, report());
    assert_eq!(story.review().status, Status::ReportSent);
    assert_eq!(story.review().deadlines[0].state, DeadlineState::Met);
    let confirm = step("report_confirmed", json!({ "report": sent }));
    assert_eq!(story.deny(&manager, &confirm), DenialCode::NotYourRole);
    let mut quality = story.writer(52, Role::Quality);
    let closed_at_ms = story.now_ms;
    story.write(&mut quality, confirm);
    story.step(&mut quality, "spot_checked", json!({ "in_order": true, "text": "留存完整" }));
    let review = story.review();
    assert_eq!((review.status, review.closed_at_ms), (Status::ReportConfirmed, Some(closed_at_ms)));
}

/// R2.20
#[test]
fn a_monthly_report_says_cause_lesson_and_action() {
    let mut story = story(PeriodicTask::MonthlyComplaints);
    let manager = story.writer(51, Role::ProjectManager);
    let whole = json!({ "text": "t", "cause": "c", "lesson": "l", "action": "a" });
    for part in ["cause", "lesson", "action"] {
        let mut content = whole.clone();
        content.as_object_mut().expect("members").remove(part);
        let command = step("report_sent", content);
        let denial = story.try_write_on(&manager, &command, &story.facts).expect_err("denied");
        assert_eq!(denial.code, DenialCode::PreconditionMissing);
        assert_eq!(&*denial.params["needs"], part);
    }
    assert!(story.try_write_on(&manager, &step("report_sent", whole), &story.facts).is_ok());
}

/// R2.21
#[test]
fn the_trend_is_qualitys_by_the_fifth_and_needs_no_confirmation() {
    let mut story = story(PeriodicTask::ComplaintTrend);
    let manager = story.writer(51, Role::ProjectManager);
    assert_eq!(story.deny(&manager, &report()), DenialCode::NotYourRole);
    let mut quality = story.writer(52, Role::Quality);
    let sent = story.write(&mut quality, report());
    assert!(story.review().closed_at_ms.is_some());
    let confirm = step("report_confirmed", json!({ "report": sent }));
    assert_eq!(story.deny(&quality, &confirm), DenialCode::PreconditionMissing);
}

/// R2.22
#[test]
fn nobody_opens_one_by_hand() {
    let all = tasks();
    let created = &all[0].opening.created;
    let content = crate::model::payload::OpeningContent::of(&created.kind, &created.content);
    let mut story = Story::new();
    for role in Role::ALL {
        let writer = story.writer(50, role);
        let open = Command::Open { site: SITE, content: content.clone().expect("reads") };
        assert_eq!(story.deny(&writer, &open), DenialCode::NotYourRole);
    }
}

/// R2.22, R7.26
#[test]
fn whoever_has_to_send_it_is_told_that_it_is_due_once_and_until_it_is_sent() {
    let mut story = story(PeriodicTask::WeeklyComplaints);
    story.after(40 * DAY);
    story.server();
    story.server();
    assert_eq!(story.fallen().into_iter().map(shanghai).collect::<Vec<_>>(), ["12-06 18:00"]);
    let mut manager = story.writer(51, Role::ProjectManager);
    let items =
        |story: &Story| told_by_role(&story.review(), &principal(&manager), &[], story.now_ms);
    let told = items(&story);
    assert_eq!((told.len(), told[0].kind, told[0].done), (1, InboxKind::ReportDue, false));
    let quality = story.writer(52, Role::Quality);
    assert_eq!(told_by_role(&story.review(), &principal(&quality), &[], story.now_ms), []);
    story.write(&mut manager, report());
    let manager = story.writer(51, Role::ProjectManager);
    assert!(told_by_role(&story.review(), &principal(&manager), &[], story.now_ms)[0].done);
}

/// R7.26
#[test]
fn the_patrol_plans_task_is_done_by_the_plan_and_not_by_a_report() {
    let mut story = story(PeriodicTask::PatrolPlan);
    let manager = story.writer(51, Role::ProjectManager);
    assert_eq!(story.deny(&manager, &report()), DenialCode::PreconditionMissing);
    story.after(3 * DAY);
    let made = PeriodicFact::PlanMade(PlanMade { plan: RecordId([3; 16]) });
    derive(&mut story, Payload::Periodic(made));
    let review = story.review();
    assert_eq!((review.status, review.deadlines[0].state), (Status::Finished, DeadlineState::Met));
    story.after(40 * DAY);
    story.server();
    assert_eq!(story.fallen(), Vec::<i64>::new());
}
