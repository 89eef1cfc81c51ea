//! What goes to a department is told the head of that department, and nobody else; whom work
//! disturbs is told the day before.

use std::collections::BTreeSet;

use super::complaint_story::created;
use super::*;
use crate::model::complaint::ComplaintSubject;
use crate::model::department::Department;
use crate::model::reception::{Channel, Matter, ReceptionCreated};
use crate::rules::{DeadlineState, InboxKind, roles_told, told_by_role};

const HOUR: i64 = 60 * MINUTE;

fn reception(matter: Matter) -> (Story, Writer) {
    let mut story = Story::new();
    let mut desk = story.desk();
    let created = ReceptionCreated {
        channel: Channel::Phone,
        matter,
        received_at_ms: None,
        contact: None,
        by_caller_id: false,
        unit: Some("3-2-1501".to_owned()),
        group: Some(3),
        description: "地下车库有积水".to_owned(),
    };
    story.write(&mut desk, Command::Open { site: SITE, content: created.into() });
    (story, desk)
}

/// R1.22
#[test]
fn what_is_passed_on_to_a_department_is_told_its_head_and_no_other() {
    let (mut story, mut desk) = reception(Matter::Repair);
    let content = json!({ "department": "cleaning", "text": "地下车库有积水" });
    let passing = story.step(&mut desk, "passed_on", content);
    let head = |department: Option<Department>, group| RoleGrant {
        department,
        group,
        ..grant(PersonId(60), Role::Supervisor)
    };
    let cleaning = || head(Some(Department::CLEANING), None);
    let items = |story: &Story, own: RoleGrant, supervisors: &[RoleGrant]| {
        let principal = Principal { person: own.person, grants: vec![own] };
        told_by_role(&story.review(), &principal, supervisors, story.now_ms)
    };
    let told = items(&story, cleaning(), &[cleaning()]);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].key, told[0].kind, told[0].done), (passing, InboxKind::PassedOn, false));
    assert_eq!(told[0].text.as_deref(), Some("地下车库有积水"));
    let engineering = head(Some(Department::ENGINEERING), None);
    assert_eq!(items(&story, engineering.clone(), &[]), []);
    // A supervisor of no department stands in for a head that is not there, and only then.
    let other = RoleGrant { person: PersonId(61), ..head(None, None) };
    assert_eq!(items(&story, other.clone(), &[engineering]).len(), 1);
    assert_eq!(items(&story, other.clone(), &[cleaning()]), []);
    let ended = RoleGrant { to_ms: Some(NINE), ..cleaning() };
    assert_eq!(items(&story, other.clone(), &[ended]).len(), 1);
    let elsewhere = RoleGrant { site: SiteId(8), ..cleaning() };
    assert_eq!(items(&story, other.clone(), &[elsewhere]).len(), 1);
    // To have read it is of who did; it is over when somebody of the department takes it.
    let mut writer = story.writer(60, Role::Supervisor);
    story.write(&mut writer, Command::Read { of: passing });
    assert!(items(&story, cleaning(), &[])[0].read && !items(&story, other, &[])[0].read);
    let mut cleaner = story.writer(41, Role::ServiceWorker);
    story.step(&mut cleaner, "took_over", json!({ "passing": passing }));
    assert!(items(&story, cleaning(), &[])[0].done);
    assert_eq!(roles_told(&story.review()), BTreeSet::new());
}

/// R1.22
#[test]
fn what_falls_due_of_a_suggestion_is_told_the_head_it_was_passed_on_to() {
    let (mut story, mut desk) = reception(Matter::Suggestion);
    story.step(&mut desk, "passed_on", json!({ "department": "cleaning", "text": "t" }));
    story.after(24 * HOUR);
    story.server();
    let told = |department: Department| {
        let own =
            RoleGrant { department: Some(department), ..grant(PersonId(60), Role::Supervisor) };
        let principal = Principal { person: PersonId(60), grants: vec![own] };
        let items = told_by_role(&story.review(), &principal, &[], story.now_ms);
        items.iter().map(|item| item.kind).collect::<Vec<_>>()
    };
    assert_eq!(told(Department::CLEANING), [InboxKind::PassedOn, InboxKind::Due]);
    assert_eq!(told(Department::ENGINEERING), []);
}

/// R1.22
#[test]
fn a_complaint_given_to_another_department_is_told_the_head_of_that_one() {
    let mut one = created(ComplaintSubject::Cleaning);
    one.department = Some(Department::CLEANING);
    let (mut story, mut desk) = Story::complaint(one);
    let told = |story: &Story, department: Department| {
        let own =
            RoleGrant { department: Some(department), ..grant(PersonId(60), Role::Supervisor) };
        let principal = Principal { person: PersonId(60), grants: vec![own] };
        told_by_role(&story.review(), &principal, &[], story.now_ms).len()
    };
    assert_eq!(told(&story, Department::CLEANING), 0);
    story.write(&mut desk, set("department", json!("engineering")));
    assert_eq!(told(&story, Department::ENGINEERING), 1);
    assert_eq!(told(&story, Department::CLEANING), 0);
    story.write(&mut desk, set("department", json!("security")));
    assert_eq!(told(&story, Department::SECURITY), 1);
    assert_eq!(told(&story, Department::ENGINEERING), 0, "it has gone on from there");
}

/// R3.46
#[test]
fn what_is_out_of_scope_stays_with_the_property_departments_head_until_it_is_settled() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let content = json!({ "reason": "属开发商保修", "reported_to": "赵工" });
    let key = story.step(&mut worker, "out_of_scope", content);
    let told = |story: &Story, department: Department| {
        let own =
            RoleGrant { department: Some(department), ..grant(PersonId(60), Role::Supervisor) };
        let principal = Principal { person: PersonId(60), grants: vec![own] };
        let items = told_by_role(&story.review(), &principal, &[], story.now_ms);
        items.iter().map(|item| (item.kind, item.done)).collect::<Vec<_>>()
    };
    assert_eq!(told(&story, Department::PROPERTY), [(InboxKind::PassedOn, false)]);
    assert_eq!(told(&story, Department::ENGINEERING), []);
    let mut head = story.writer(60, Role::Supervisor);
    story.write(&mut head, Command::Read { of: key });
    assert_eq!(told(&story, Department::PROPERTY), [(InboxKind::PassedOn, false)]);
    story.step(&mut desk, "closed", json!({}));
    assert_eq!(told(&story, Department::PROPERTY), [(InboxKind::PassedOn, true)]);
}

/// R3.45
#[test]
fn whom_appointed_work_disturbs_is_told_by_the_end_of_the_day_before() {
    let (mut story, mut desk) = Story::dispatched();
    let find = |story: &Story| {
        let review = story.review();
        review.deadlines.into_iter().find(|deadline| deadline.name == "residents_told")
    };
    story.write(&mut desk, set("priority", json!("appointed")));
    story.write(&mut desk, set("appointment", json!("2026-11-28T10:00:00+08:00")));
    assert_eq!(find(&story), None, "nobody is disturbed");
    story.write(&mut desk, set("disturbs", json!("3 栋整层停水两小时")));
    let due = find(&story).expect("due");
    let midnight = chrono::DateTime::parse_from_rfc3339("2026-11-28T00:00:00+08:00");
    assert_eq!(due.due_ms, Some(midnight.expect("a time").timestamp_millis() - 1));
    assert_eq!((due.state, due.tells.as_slice()), (DeadlineState::Running, &CALLERS[..]));
    story.now_ms = due.due_ms.expect("due") + 1;
    assert_eq!(find(&story).expect("due").state, DeadlineState::Breached);
    // Put off by a day, there is time again.
    story.write(&mut desk, set("appointment", json!("2026-11-29T10:00:00+08:00")));
    assert_eq!(find(&story).expect("due").state, DeadlineState::Running);
    story.write(&mut desk, set("residents_told", json!("上门告知并张贴通知")));
    assert_eq!(find(&story).expect("due").state, DeadlineState::Met);
    // Words put right after the limit are no later telling.
    story.now_ms = find(&story).expect("due").due_ms.expect("due") + 60_000;
    story.write(&mut desk, set("residents_told", json!("逐户告知并张贴通知")));
    assert_eq!(find(&story).expect("due").state, DeadlineState::Met);
    story.write(&mut desk, set("priority", json!("urgent")));
    assert_eq!(find(&story), None, "an urgent order waits for nobody");
}

const CALLERS: [Role; 2] = [Role::FrontDesk, Role::Assistant];
