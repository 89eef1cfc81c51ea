//! Complaints: the ladder on time, what makes one major, the plan, the customer's word, and what
//! the same book says when people did not know of one another.

use super::complaint_story::{DAY, FRIDAY, HOUR, created, judged, of, shanghai};
use super::*;
use crate::model::complaint::{
    ComplaintFact, ComplaintSeverity, ComplaintSource, ComplaintSubject, Emergency, LadderStep,
    RepeatOf,
};
use crate::model::department::Department;
use crate::model::payload::Payload;
use crate::model::policy::LadderCountsFrom;
use crate::rules::complaint::MajorBy;
use crate::rules::{DeadlineState, InboxKind, Status, consequences, told_by_role};

fn story() -> (Story, Writer) {
    Story::complaint(created(ComplaintSubject::Cleaning))
}

fn major(review: &Review) -> Option<ComplaintSeverity> {
    of(review).severity
}

/// Gives what the server writes when it finds an earlier one.
fn raised(story: &mut Story, times: u32) {
    let earlier = RecordId([9; 16]);
    let facts = [ComplaintFact::RepeatOf(RepeatOf { complaint: earlier, times })];
    for payload in facts.map(Payload::Complaint) {
        let mut fact = story.facts[0].clone();
        fact.key = FactKey::derive(story.record, "repeat_of", &earlier.to_string(), 0);
        fact.payload = payload;
        fact.after = Some(vec![story.facts[0].key]);
        story.facts.push(fact);
    }
}

/// R2.7, R2.8
#[test]
fn untouched_for_forty_days_it_climbs_at_the_exact_times_of_either_policy_each_once() {
    for (from, expected) in [
        (LadderCountsFrom::Step, ["11-29 16:00", "12-06 16:00", "12-20 16:00"]),
        (LadderCountsFrom::Reception, ["11-29 16:00", "12-04 16:00", "12-11 16:00"]),
    ] {
        let expected = ["supervisor", "project_manager", "general_manager"]
            .map(str::to_owned)
            .into_iter()
            .zip(expected.map(str::to_owned))
            .collect::<Vec<_>>();
        // Looked at by the hour, after being down around a deadline, and once after all of it.
        for pauses in [vec![HOUR; 40 * 24], vec![DAY, 3 * DAY, 36 * DAY], vec![40 * DAY]] {
            let (mut story, _) = story();
            story.policy.ladder_counts_from = from;
            for pause in &pauses {
                story.after(*pause);
                story.server();
            }
            assert_eq!(story.escalations(), expected, "{from:?} {}", pauses.len());
            let fallen: Vec<String> = story.fallen().into_iter().map(shanghai).collect();
            assert_eq!(fallen, ["12-27 16:00"], "major on the same date of the next month, once");
            let review = story.review();
            assert_eq!(major(&review), Some(ComplaintSeverity::Major));
            assert_eq!(of(&review).major_by, [MajorBy::Month]);
            assert_eq!(of(&review).step, LadderStep::GeneralManager);
            assert_eq!(story.facts.len(), 1 + 3 + 1);
        }
    }
}

/// R2.8
#[test]
fn nothing_is_escalated_in_the_last_millisecond_of_its_time() {
    let (mut story, _) = story();
    story.after(2 * DAY);
    story.server();
    assert_eq!(story.escalations(), []);
    assert_eq!(story.review().status_until_ms, Some(FRIDAY + 2 * DAY + 1));
    story.after(1);
    story.server();
    assert_eq!(story.escalations().len(), 1);
}

/// R2.7
#[test]
fn a_month_later_is_the_last_day_of_a_shorter_one() {
    let mut story = Story::new();
    // 2027-01-31T10:00:00+08:00.
    story.now_ms = 1_801_360_800_000;
    assert_eq!(shanghai(story.now_ms), "01-31 10:00");
    let mut writer = story.desk();
    let content = created(ComplaintSubject::Cleaning).into();
    story.write(&mut writer, Command::Open { site: SITE, content });
    let due_of = |story: &Story| {
        let review = story.review();
        let deadline = review.deadlines.iter().find(|one| one.name == "complaint_major");
        deadline.and_then(|one| one.due_ms).map(shanghai)
    };
    assert_eq!(due_of(&story).as_deref(), Some("02-28 10:00"));
}

/// R2.9
#[test]
fn whoever_passes_it_up_early_starts_the_next_steps_days() {
    let (mut story, mut desk) = story();
    story.after(DAY);
    story.step(&mut desk, "passed_up", json!({ "to": "supervisor", "reason": "需协调" }));
    assert_eq!(of(&story.review()).step, LadderStep::Supervisor);
    story.after(7 * DAY + 1);
    story.server();
    let expected = ("project_manager".to_owned(), "12-05 16:00".to_owned());
    assert_eq!(story.escalations(), [expected], "a week from being passed up");
    assert_eq!(open_cases(&story.review()), Vec::<&str>::new());
}

/// R2.1, R2.10
#[test]
fn a_step_is_skipped_by_an_emergency_and_reported_to_it_afterwards() {
    let emergency = |emergency| {
        let mut one = created(ComplaintSubject::Cleaning);
        if emergency {
            one.subject = ComplaintSubject::Emergency;
            one.emergency = Some(Emergency::WaterCut);
        }
        Story::complaint(one)
    };
    let up = json!({ "to": "general_manager", "reason": "全楼停水" });
    let (mut story, mut desk) = emergency(false);
    story.step(&mut desk, "passed_up", up.clone());
    assert_eq!(open_cases(&story.review()), ["step_skipped"]);
    let (mut story, mut desk) = emergency(true);
    let passed = story.step(&mut desk, "passed_up", up);
    assert_eq!(open_cases(&story.review()), ["skip_not_reported"]);
    story.step(&mut desk, "reported_afterwards", json!({ "passed": passed, "text": "已补报" }));
    assert_eq!(open_cases(&story.review()), Vec::<&str>::new());
    story.after(30 * DAY);
    story.server();
    assert_eq!(story.escalations(), [], "nobody is above the general manager");
    let assistant = step("passed_up", json!({ "to": "assistant", "reason": "r" }));
    assert_eq!(story.deny(&desk, &assistant), DenialCode::OutOfRange);
}

/// R2.11
#[test]
fn one_about_a_worker_is_the_superiors_from_the_reception_on() {
    let mut one = created(ComplaintSubject::Reception);
    one.about = Some(PersonId(12));
    one.department = Some(Department::CUSTOMER_SERVICE);
    let (mut story, mut desk) = Story::complaint(one);
    story.server();
    let first = ("supervisor".to_owned(), "11-27 16:00".to_owned());
    assert_eq!(story.escalations(), [first], "at once, with no days of the assistant's");
    story.after(8 * DAY);
    story.server();
    assert_eq!(story.escalations()[1].1, "12-04 16:00");
    // Writer 12 is the one complained of.
    story.step(&mut desk, "investigated", json!({ "text": "没有的事" }));
    assert_eq!(open_cases(&story.review()), ["complained_of_handles"]);
}

/// R2.12
#[test]
fn what_comes_late_and_shows_an_escalation_wrong_withdraws_it_once() {
    for late in ["satisfied", "passed_up", "deadline_paused"] {
        let (mut story, _) = story();
        // A phone wrote it on Saturday and comes on Tuesday.
        let mut phone = story.writer(31, Role::Assistant);
        phone.office = false;
        let before = story.facts.clone();
        let mut written = story.clone();
        written.after(DAY);
        let command = match late {
            "satisfied" => step("satisfied", json!({})),
            "passed_up" => step("passed_up", json!({ "to": "supervisor", "reason": "r" })),
            _ => {
                Command::PauseDeadline { deadlines: Vec::new(), reason: "客户外出".to_owned() }
            }
        };
        written.write_on(&mut phone, command, &before);
        let fact = written.facts.pop().expect("written");
        story.after(4 * DAY);
        story.server();
        assert_eq!(story.escalations().len(), 1, "{late}");
        story.facts.push(fact);
        story.server();
        assert_eq!(story.escalations(), [], "{late}");
        let kept = of(&story.review()).escalations.clone();
        assert_eq!((kept.len(), kept[0].withdrawn), (1, true), "marked, not erased");
        let marks = story.facts.len();
        story.server();
        assert_eq!(story.facts.len(), marks, "{late}");
    }
}

/// R2.12: a pause that turns out to have lasted no time leaves the moment that was told before.
#[test]
fn an_escalation_that_was_withdrawn_and_is_due_after_all_stands_again_once() {
    let (mut story, _) = story();
    let before = story.facts.clone();
    let mut phone = story.writer(31, Role::Assistant);
    phone.office = false;
    let mut written = story.clone();
    written.after(DAY);
    let pause = Command::PauseDeadline { deadlines: Vec::new(), reason: "客户外出".to_owned() };
    let paused = written.write_on(&mut phone, pause, &before);
    written.write(&mut phone, Command::ResumeDeadline { of: paused });
    let resumed = written.facts.pop().expect("written");
    story.after(4 * DAY);
    story.server();
    let first = story.escalations();
    assert_eq!(first.len(), 1);
    story.facts.push(written.facts.pop().expect("written"));
    story.server();
    assert_eq!(story.escalations(), []);
    story.facts.push(resumed);
    story.server();
    assert_eq!(story.escalations(), first);
    let kept = of(&story.review()).escalations.clone();
    assert_eq!(kept.iter().map(|one| one.withdrawn).collect::<Vec<_>>(), [true, false]);
    let facts = story.facts.len();
    story.server();
    assert_eq!(story.facts.len(), facts, "once");
}

/// R2.13
#[test]
fn the_days_in_which_it_was_solved_do_not_count_when_it_was_not_after_all() {
    let (mut story, mut desk) = story();
    story.after(DAY);
    story.step(&mut desk, "satisfied", json!({}));
    assert_eq!(story.review().status, Status::Satisfied);
    story.after(10 * DAY);
    story.server();
    assert_eq!(story.escalations(), []);
    story.step(&mut desk, "not_satisfied", json!({ "reason": "又脏了" }));
    story.server();
    assert_eq!(story.escalations(), []);
    story.after(DAY + 1);
    story.server();
    let expected = ("supervisor".to_owned(), "12-09 16:00".to_owned());
    assert_eq!(story.escalations(), [expected], "a day before and a day after");
}

/// R2.4
#[test]
fn what_is_no_complaint_climbs_no_further_and_is_never_major() {
    let (mut story, mut desk) = story();
    story.after(3 * DAY);
    story.server();
    story.step(&mut desk, "investigated", json!({ "text": "只是询问" }));
    story.write(&mut desk, judged(json!({ "validity": "inquiry" })));
    story.after(60 * DAY);
    story.server();
    assert_eq!(story.escalations().len(), 1, "what was due before it was judged was due");
    assert_eq!((major(&story.review()), story.fallen()), (None, vec![]));
}

/// R2.3
#[test]
fn judging_takes_a_severity_of_a_valid_one_and_none_of_another() {
    let (story, desk) = story();
    let refused = [
        json!({ "validity": "valid", "reason": "r" }),
        json!({ "validity": "inquiry", "severity": "minor", "reason": "r" }),
        json!({ "validity": "venting", "harm": true, "reason": "r" }),
        json!({ "validity": "no", "reason": "r" }),
    ];
    for value in refused {
        let code = story.deny(&desk, &set("judgement", value.clone()));
        assert_eq!(code, DenialCode::OutOfRange, "{value}");
    }
    let empty = json!({ "validity": "inquiry", "reason": "" });
    assert_eq!(story.deny(&desk, &set("judgement", empty)), DenialCode::TextEmpty);
}

/// R2.2
#[test]
fn it_is_judged_after_it_is_investigated() {
    let (mut story, mut desk) = story();
    story.write(&mut desk, judged(json!({})));
    assert_eq!(open_cases(&story.review()), ["judged_uninvestigated"]);
    story.step(&mut desk, "investigated", json!({ "text": "现场看过" }));
    story.write(&mut desk, judged(json!({ "severity": "important", "reason": "有过失" })));
    let review = story.review();
    assert_eq!(open_cases(&review), Vec::<&str>::new());
    assert_eq!(major(&review), Some(ComplaintSeverity::Important));
    assert_eq!(review.status, Status::Judged);
}

/// R2.5
#[test]
fn promised_and_raised_twice_and_unsolved_it_is_major() {
    let undelivered = || judged(json!({ "undelivered": true }));
    for (times, value, expected) in [
        (1, undelivered(), ComplaintSeverity::Minor),
        (2, undelivered(), ComplaintSeverity::Major),
        (2, judged(json!({})), ComplaintSeverity::Minor),
    ] {
        let (mut story, mut desk) = story();
        raised(&mut story, times);
        story.write(&mut desk, value.clone());
        assert_eq!(major(&story.review()), Some(expected), "{times} {value:?}");
    }
    let (mut story, mut desk) = story();
    raised(&mut story, 2);
    story.step(&mut desk, "satisfied", json!({}));
    story.write(&mut desk, undelivered());
    assert_eq!(major(&story.review()), Some(ComplaintSeverity::Minor), "solved by then");
}

/// R2.6
#[test]
fn harm_by_the_companys_fault_is_major_whatever_was_chosen() {
    let (mut story, mut desk) = story();
    story.write(&mut desk, judged(json!({ "harm": true })));
    let review = story.review();
    assert_eq!(major(&review), Some(ComplaintSeverity::Major));
    assert_eq!(of(&review).major_by, [MajorBy::Harm]);
}

/// R2.14
#[test]
fn a_plan_is_carried_out_once_the_customer_accepts_it_and_otherwise_makes_a_case() {
    let (mut story, mut desk) = story();
    let plan = story.step(&mut desk, "plan_told", json!({ "text": "每天清扫" }));
    assert_eq!(story.review().status, Status::PlanTold);
    let seen = story.facts.clone();
    let done = json!({ "plan": plan, "text": "已清扫" });
    let mut early = story.clone();
    early.step(&mut desk, "plan_carried_out", done.clone());
    assert_eq!(open_cases(&early.review()), ["carried_out_unaccepted"]);
    let mut other = story.writer(13, Role::Assistant);
    story.write_on(&mut other, step("plan_accepted", json!({ "plan": plan })), &seen);
    assert_eq!(story.review().status, Status::PlanAccepted);
    let no = step("plan_rejected", json!({ "plan": plan, "reason": "太慢" }));
    let mut disputed = story.clone();
    let mut third = disputed.writer(14, Role::FrontDesk);
    disputed.write_on(&mut third, no, &seen);
    assert_eq!(open_cases(&disputed.review()), ["plan_answers_differ"]);
    story.after(HOUR);
    story.step(&mut desk, "plan_carried_out", done);
    assert_eq!(open_cases(&story.review()), Vec::<&str>::new());
    assert_eq!(story.review().status, Status::CarriedOut);
    let unknown = step("plan_accepted", json!({ "plan": story.facts[0].key }));
    assert!(story.try_write_on(&desk, &unknown, &story.facts).is_err());
}

/// R2.16
#[test]
fn closing_without_the_customers_word_takes_a_reason_and_else_stops_nothing() {
    let (mut story, mut desk) = story();
    let mut unsaid = story.clone();
    unsaid.step(&mut desk, "complaint_closed", json!({ "text": "已处理" }));
    let review = unsaid.review();
    assert_eq!((review.status, open_cases(&review)), (Status::Closed, vec!["closed_unsatisfied"]));
    unsaid.after(3 * DAY);
    unsaid.server();
    assert_eq!(unsaid.escalations().len(), 1, "it climbs on");
    let reason = json!({ "text": "已处理", "unsatisfied_reason": "客户已搬走" });
    story.step(&mut desk, "complaint_closed", reason);
    story.after(60 * DAY);
    story.server();
    assert_eq!(story.escalations(), []);
    let review = story.review();
    assert_eq!((open_cases(&review), review.closed_at_ms), (vec![], Some(FRIDAY)));
    let opened = consequences(&review, story.now_ms);
    assert_eq!((opened.len(), &*opened[0].created.kind), (1, "follow_up"));
    assert_eq!(opened[0].created.content["of"], json!(story.record));
    assert_eq!(opened[0].created.content["completed_at_ms"], FRIDAY);
    story.step(&mut desk, "complaint_reopened", json!({ "text": "又来电" }));
    assert_eq!(story.review().closed_at_ms, None);
    assert_eq!(consequences(&story.review(), story.now_ms), [], "until it is closed again");
}

/// R2.15
#[test]
fn who_closes_has_told_after_every_step_also_the_department_it_came_from() {
    let mut one = created(ComplaintSubject::Cleaning);
    one.source = ComplaintSource::Company;
    one.source_department = Some(Department::QUALITY);
    let (mut story, mut desk) = Story::complaint(one);
    story.after(3 * DAY);
    story.server();
    story.step(&mut desk, "satisfied", json!({}));
    let close = json!({ "text": "已处理" });
    for (told, expected) in [
        (None, vec!["progress_not_told"]),
        (Some(false), vec!["progress_not_told"]),
        (Some(true), vec![]),
    ] {
        let (mut story, mut desk) = (story.clone(), desk.clone());
        if let Some(to_source) = told {
            let content = json!({ "text": "已升级", "to_source": to_source });
            story.step(&mut desk, "progress_told", content);
        }
        story.step(&mut desk, "complaint_closed", close.clone());
        assert_eq!(open_cases(&story.review()), expected, "{told:?}");
    }
}

/// R2.16
#[test]
fn satisfied_and_not_by_two_who_did_not_know_is_a_case_and_nothing_is_over() {
    let (mut story, mut desk) = story();
    let seen = story.facts.clone();
    let mut other = story.writer(13, Role::Assistant);
    story.write_on(&mut desk, step("satisfied", json!({})), &seen);
    story.write_on(&mut other, step("not_satisfied", json!({ "reason": "r" })), &seen);
    let review = story.review();
    assert_eq!(open_cases(&review), ["satisfaction_disputed"]);
    assert_eq!(of(&review).solved_at_ms, None);
    let mut turned = story.facts.clone();
    turned.reverse();
    assert_eq!(story.review_of(&turned), review, "in any order");
}

/// R2.17
#[test]
fn people_of_other_roles_write_nothing_and_nobody_writes_what_is_the_servers() {
    let (mut story, _) = story();
    let handlers = [
        Role::FrontDesk,
        Role::Assistant,
        Role::DutyOperator,
        Role::Supervisor,
        Role::ProjectManager,
        Role::GeneralManager,
    ];
    let of_server = step("escalated", json!({ "to": "supervisor", "due_ms": 1 }));
    for role in Role::ALL {
        let writer = story.writer(50, role);
        let may = story.try_write_on(&writer, &step("satisfied", json!({})), &story.facts).is_ok();
        assert_eq!(may, handlers.contains(&role), "{role:?}");
        assert_eq!(story.deny(&writer, &of_server), DenialCode::NotYourRole);
    }
}

/// R2.18
#[test]
fn the_supervisor_of_its_department_is_told_and_a_higher_step_takes_it_off() {
    let mut one = created(ComplaintSubject::Cleaning);
    one.department = Some(Department::CLEANING);
    one.group = Some(3);
    let (mut story, _) = Story::complaint(one);
    story.after(2 * DAY + 1);
    story.server();
    let items = |story: &Story, role, department: Option<Department>, group| {
        let grant = RoleGrant { department, group, ..grant(PersonId(60), role) };
        let principal = Principal { person: PersonId(60), grants: vec![grant] };
        told_by_role(&story.review(), &principal, &[], story.now_ms)
    };
    let cleaning = Some(Department::CLEANING);
    let told = items(&story, Role::Supervisor, cleaning.clone(), None);
    assert_eq!((told.len(), told[0].kind), (1, InboxKind::EscalatedToYou));
    assert_eq!((told[0].person, told[0].done), (PersonId(60), false));
    assert_eq!(items(&story, Role::Supervisor, None, None).len(), 1);
    assert_eq!(items(&story, Role::Supervisor, cleaning.clone(), Some(3)).len(), 1);
    assert_eq!(items(&story, Role::Supervisor, cleaning.clone(), Some(4)), []);
    assert_eq!(items(&story, Role::Supervisor, Some(Department::ENGINEERING), None), []);
    assert_eq!(items(&story, Role::ProjectManager, None, None), []);
    let mut supervisor = story.writer(60, Role::Supervisor);
    story.write(&mut supervisor, Command::Acknowledge { of: told[0].key });
    assert!(items(&story, Role::Supervisor, cleaning.clone(), None)[0].done);
    story.after(40 * DAY);
    story.server();
    let told = items(&story, Role::ProjectManager, None, None);
    let kinds: Vec<InboxKind> = told.iter().map(|item| item.kind).collect();
    assert_eq!(kinds, [InboxKind::Due, InboxKind::EscalatedToYou]);
    assert_eq!(told.iter().map(|item| item.done).collect::<Vec<_>>(), [false, true]);
}

/// R2.12
#[test]
fn a_reception_that_nobody_can_judge_escalates_nothing() {
    let mut story = Story::new();
    let mut phone = story.writer(31, Role::Assistant);
    phone.office = false;
    let row = story.sessions.get_mut(&phone.session).expect("a session");
    row.origin = Origin::Phone;
    row.anchor = None;
    let content = created(ComplaintSubject::Cleaning).into();
    story.write(&mut phone, Command::Open { site: SITE, content });
    story.after(90 * DAY);
    story.server();
    assert_eq!(story.escalations(), []);
    let review = story.review();
    assert!(review.deadlines.iter().all(|one| one.state == DeadlineState::Unknown));
    assert_eq!(of(&review).undecided.len(), 3);
}

/// R2.1
#[test]
fn a_time_from_the_far_ends_of_the_calendar_is_refused_and_read_without_harm() {
    for at_ms in [i64::MIN, -1, i64::MAX] {
        let mut one = created(ComplaintSubject::Cleaning);
        one.received_at_ms = Some(at_ms);
        let story = Story::new();
        let mut story = story;
        let desk = story.desk();
        let open = Command::Open { site: SITE, content: one.into() };
        assert_eq!(story.deny(&desk, &open), DenialCode::OutOfRange);
        let (mut story, _) = super::complaints::story();
        if let Payload::General(crate::model::payload::GeneralFact::Created(created)) =
            &mut story.facts[0].payload
        {
            created.content.insert("received_at_ms".to_owned(), json!(at_ms));
        }
        story.after(DAY);
        story.review();
        story.server();
    }
}
