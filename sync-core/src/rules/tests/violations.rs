//! Violations: who dissuades, who decides, who signs, what has to be on record first, and what the
//! same book says when two people did not know of one another.

use super::*;
use crate::model::department::Department;
use crate::model::payload::{Created, GeneralFact, OpeningContent, Payload};
use crate::model::violation::{ViolationCategory, ViolationCreated};
use crate::rules::permission::permit;
use crate::rules::violation::Violation;
use crate::rules::{Details, Status, follows};

fn opened() -> Command {
    let created = ViolationCreated {
        violation: ViolationCategory::FireSafety,
        breach: Some("blocked_escape_way".to_owned()),
        place: "3 栋 2 单元楼梯间".to_owned(),
        unit: Some("3-2-1501".to_owned()),
        group: None,
        contact: None,
        description: "消防通道堆放杂物".to_owned(),
        round: None,
        reception: None,
    };
    Command::Open { site: SITE, content: created.into() }
}

fn assessed(members: Value) -> Command {
    let mut value = json!({ "loss": false, "threat": false, "reason": "现场查看" });
    for (name, member) in members.as_object().expect("members") {
        value[name] = member.clone();
    }
    set("assessment", value)
}

fn decided(measure: Value) -> Command {
    let mut content = json!({ "reason": "r" });
    for (name, member) in measure.as_object().expect("members") {
        content[name] = member.clone();
    }
    step("violation_decided", content)
}

fn of(review: &Review) -> &Violation {
    match &review.details {
        Some(Details::Violation(violation)) => violation,
        other => panic!("{other:?}"),
    }
}

/// A violation with an assessment.
fn story(members: Value) -> (Story, Writer) {
    let mut story = Story::new();
    let mut officer = story.writer(41, Role::PatrolOfficer);
    story.write(&mut officer, opened());
    let mut desk = story.desk();
    story.write(&mut desk, assessed(members));
    (story, desk)
}

/// R5.3, R5.4
#[test]
fn anyone_dissuades_and_what_is_ignored_goes_to_customer_service() {
    let mut story = Story::new();
    let mut officer = story.writer(41, Role::PatrolOfficer);
    story.write(&mut officer, opened());
    assert_eq!(story.review().status, Status::Opened);
    story.step(&mut officer, "dissuaded", json!({ "text": "请把杂物搬走" }));
    assert_eq!(story.review().status, Status::Opened);
    story.step(&mut officer, "breach_ignored", json!({}));
    assert_eq!(story.review().status, Status::BreachIgnored);
    assert_eq!(story.deny(&officer, &step("registered", json!({}))), DenialCode::NotYourRole);
    let mut desk = story.desk();
    story.step(&mut desk, "registered", json!({}));
    let review = story.review();
    assert_eq!(review.status, Status::Registered);
    assert!(of(&review).dissuaded && of(&review).ignored);
    assert_eq!(of(&review).registered_at_ms, Some(story.now_ms));
}

/// R5.2
#[test]
fn a_violation_is_general_without_loss_and_threat_and_serious_else() {
    for (members, expected) in [
        (json!({}), "general"),
        (json!({ "loss": true }), "serious"),
        (json!({ "threat": true }), "serious"),
        (json!({ "sizeable": true }), "serious"),
        (json!({ "fees_refused": true }), "general"),
    ] {
        let (story, _) = story(members.clone());
        let severity = of(&story.review()).severity.expect("assessed");
        assert_eq!(serde_json::to_value(severity).expect("a code"), expected, "{members}");
    }
}

/// Role by decision: penalties only for the deciders.
/// R5.5, R5.6, R5.9
#[test]
fn general_ones_are_the_customer_service_supervisors_and_serious_ones_the_managers() {
    let rectify = decided(json!({ "measure": "rectify_by", "date": "2026-12-01" }));
    let notice = decided(json!({ "measure": "public_notice", "text": "t" }));
    for (members, may) in [
        (json!({}), vec![Role::Supervisor, Role::ProjectManager]),
        (json!({ "threat": true }), vec![Role::ProjectManager]),
    ] {
        let (mut story, _) = story(members);
        for command in [&rectify, &notice] {
            for role in Role::ALL {
                let writer = story.writer(50, role);
                let result = story.try_write_on(&writer, command, &story.facts);
                let expected =
                    if may.contains(&role) { Ok(()) } else { Err(DenialCode::NotYourRole) };
                assert_eq!(result.map(|_| ()).map_err(|d| d.code), expected, "{role:?}");
            }
        }
    }
}

/// R0.4, R5.5
#[test]
fn a_supervisor_of_another_department_decides_nothing() {
    let (mut story, _) = story(json!({}));
    let writer = story.writer(50, Role::Supervisor);
    let command = decided(json!({ "measure": "dissuade" }));
    let facts = story.try_write_on(&writer, &command, &story.facts).expect("of every department");
    let judge = |department: Option<Department>| {
        let grant = RoleGrant { department, ..grant(writer.person, Role::Supervisor) };
        let principal = Principal { person: writer.person, grants: vec![grant] };
        let when = Seen { epoch: 1, sequence: 10 };
        permit(&facts, Some(&story.review()), &principal, when, NINE).map_err(|d| d.code)
    };
    assert_eq!(judge(None), Ok(()));
    assert_eq!(judge(Some(Department::CUSTOMER_SERVICE)), Ok(()));
    assert_eq!(judge(Some(Department::ENGINEERING)), Err(DenialCode::NotYourRole));
}

/// R5.7, R5.8, R5.9
#[test]
fn what_a_measure_takes_has_to_be_on_record() {
    let compensate = decided(json!({ "measure": "compensate", "amount_fen": 50_000 }));
    let rectify = decided(json!({ "measure": "rectify_by", "date": "2026-12-01" }));
    let dissuade = decided(json!({ "measure": "dissuade" }));
    let loss = json!({ "loss": true });
    let sizeable = json!({ "loss": true, "sizeable": true, "loss_fen": 90_000 });
    for (members, command, needs) in [
        (loss.clone(), &rectify, Some("no_loss")),
        (loss.clone(), &dissuade, Some("general")),
        (loss, &compensate, Some("sizeable_loss")),
        (sizeable, &compensate, None),
        (json!({ "threat": true }), &rectify, None),
        (json!({}), &dissuade, None),
    ] {
        let (mut story, _) = story(members);
        let manager = story.writer(50, Role::ProjectManager);
        let result = story.try_write_on(&manager, command, &story.facts);
        let missing = result.err().map(|denial| denial.params["needs"].clone());
        assert_eq!(missing.as_deref(), needs, "{command:?}");
    }
    let mut story = Story::new();
    let mut manager = story.writer(50, Role::ProjectManager);
    story.write(&mut manager, opened());
    let denial = story.try_write_on(&manager, &dissuade, &story.facts).expect_err("unassessed");
    assert_eq!(
        (denial.code, &*denial.params["needs"]),
        (DenialCode::PreconditionMissing, "assessment")
    );
}

/// R5.10
#[test]
fn legal_action_takes_a_ground_and_a_mediation_that_failed() {
    let sizeable = json!({ "loss": true, "sizeable": true });
    let action = |ground: &str| decided(json!({ "measure": "legal_action", "ground": ground }));
    let refused = action("compensation_refused");
    let (mut story, mut desk) = story(sizeable);
    let mut manager = story.writer(50, Role::ProjectManager);
    let needs = |story: &Story, command: &Command| {
        let denial = story.try_write_on(&manager, command, &story.facts).err()?;
        Some(denial.params["needs"].clone())
    };
    assert_eq!(needs(&story, &refused).as_deref(), Some("compensation_refused"));
    assert_eq!(needs(&story, &action("fees_refused")).as_deref(), Some("fees_refused"));
    let compensate = decided(json!({ "measure": "compensate", "amount_fen": 50_000 }));
    let decision = story.write(&mut manager, compensate);
    // Nobody refuses what is not decided and signed.
    let refusal = step("compensation_refused", json!({ "decision": decision }));
    let denial = story.try_write_on(&desk, &refusal, &story.facts).expect_err("not signed");
    assert_eq!(denial.params["needs"], "signature");
    story.step(&mut manager, "violation_signed", json!({ "decision": decision }));
    let notice = decided(json!({ "measure": "public_notice", "text": "t" }));
    let other = story.write(&mut manager, notice);
    story.step(&mut manager, "violation_signed", json!({ "decision": other }));
    let of_notice = step("compensation_refused", json!({ "decision": other }));
    let denial = story.try_write_on(&desk, &of_notice, &story.facts).expect_err("no compensation");
    assert_eq!(denial.params["needs"], "compensate");
    story.write(&mut desk, refusal);
    let needs = |story: &Story, command: &Command| {
        let denial = story.try_write_on(&manager, command, &story.facts).err()?;
        Some(denial.params["needs"].clone())
    };
    assert_eq!(needs(&story, &refused).as_deref(), Some("mediation_failed"));
    let mut supervisor = story.writer(51, Role::Supervisor);
    story.step(&mut supervisor, "mediation_failed", json!({ "text": "客户委员会调解未成" }));
    assert_eq!(story.deny(&supervisor, &refused), DenialCode::NotYourRole);
    story.write(&mut manager, refused);
    // Fees that are refused are a ground of their own, without any loss.
    story.write(&mut desk, assessed(json!({ "fees_refused": true })));
    story.write(&mut manager, action("fees_refused"));
}

/// R5.11
#[test]
fn a_decision_takes_effect_when_the_manager_signs_and_is_then_executed() {
    let (mut story, mut desk) = story(json!({}));
    let mut supervisor = story.writer(51, Role::Supervisor);
    let notice = decided(json!({ "measure": "public_notice", "text": "t" }));
    let decision = story.write(&mut supervisor, notice);
    let executed = step("decision_executed", json!({ "decision": decision, "text": "已张贴" }));
    assert_eq!(story.review().status, Status::Decided);
    assert_eq!(story.deny(&desk, &executed), DenialCode::PreconditionMissing);
    let signed = step("violation_signed", json!({ "decision": decision }));
    assert_eq!(story.deny(&supervisor, &signed), DenialCode::NotYourRole);
    let mut manager = story.writer(50, Role::ProjectManager);
    story.write(&mut manager, signed);
    assert_eq!(story.review().status, Status::InEffect);
    let officer = story.writer(41, Role::PatrolOfficer);
    assert_eq!(story.deny(&officer, &executed), DenialCode::NotYourRole);
    story.write(&mut desk, executed);
    assert_eq!(story.review().status, Status::Executed);
    let unknown = step("violation_signed", json!({ "decision": "aebagbafaydqq.9.0" }));
    assert_eq!(story.deny(&manager, &unknown), DenialCode::NoSuchFact);
}

/// R5.14
#[test]
fn two_who_decide_differently_without_knowing_are_a_case_and_both_decisions_stand() {
    let (mut story, _) = story(json!({}));
    let seen = story.facts.clone();
    let mut supervisor = story.writer(51, Role::Supervisor);
    let mut manager = story.writer(50, Role::ProjectManager);
    story.write_on(&mut supervisor, decided(json!({ "measure": "dissuade" })), &seen);
    let rectify = decided(json!({ "measure": "rectify_by", "date": "2026-12-01" }));
    story.write_on(&mut manager, rectify.clone(), &seen);
    let review = story.review();
    assert_eq!(open_cases(&review), ["decisions_disagree"]);
    assert_eq!(of(&review).decisions.len(), 2);
    // Whoever decides anew knowing the first has changed their mind: no case.
    let (mut story, _) = self::story(json!({}));
    story.write(&mut supervisor, decided(json!({ "measure": "dissuade" })));
    story.write(&mut supervisor, rectify);
    assert_eq!(open_cases(&story.review()), Vec::<&str>::new());
}

/// R5.14
#[test]
fn a_mild_decision_on_what_turns_out_to_be_serious_is_a_case() {
    let (mut story, mut desk) = story(json!({}));
    let mut supervisor = story.writer(51, Role::Supervisor);
    story.write(&mut supervisor, decided(json!({ "measure": "dissuade" })));
    story.write(&mut desk, assessed(json!({ "threat": true })));
    assert_eq!(open_cases(&story.review()), ["decision_too_mild"]);
}

#[test]
fn a_supervisors_decision_on_what_is_serious_beside_it_stands_as_a_case_until_the_manager_signs() {
    let (mut story, mut desk) = story(json!({}));
    let mut supervisor = story.writer(51, Role::Supervisor);
    let seen = story.facts.clone();
    story.write(&mut desk, assessed(json!({ "threat": true })));
    let notice = decided(json!({ "measure": "public_notice", "text": "t" }));
    assert_eq!(story.deny(&supervisor, &notice), DenialCode::NotYourRole, "who saw it may not");
    let decision = story.write_on(&mut supervisor, notice.clone(), &seen);
    let review = story.review();
    assert_eq!(open_cases(&review), ["decided_beyond_authority"]);
    assert_eq!(of(&review).decisions.len(), 1, "it stands");
    let signed = step("violation_signed", json!({ "decision": decision }));
    let mut unaware = story.writer(52, Role::ProjectManager);
    let mut known = seen.clone();
    known.extend(story.facts.iter().filter(|fact| fact.key == decision).cloned());
    story.write_on(&mut unaware, signed.clone(), &known);
    assert_eq!(open_cases(&story.review()), ["decided_beyond_authority"]);
    let mut manager = story.writer(50, Role::ProjectManager);
    story.write(&mut manager, signed);
    assert_eq!(open_cases(&story.review()), Vec::<&str>::new());
    // The manager's own, on what he knew to be serious, never was one.
    story.write(&mut manager, notice);
    assert_eq!(open_cases(&story.review()), Vec::<&str>::new());
}

/// R5.15
#[test]
fn closing_starts_the_time_it_is_kept_and_reopening_ends_that() {
    let (mut story, desk) = story(json!({}));
    let closing = step("violation_closed", json!({ "text": "已整改" }));
    assert_eq!(story.deny(&desk, &closing), DenialCode::NotYourRole);
    let mut supervisor = story.writer(51, Role::Supervisor);
    story.write(&mut supervisor, closing.clone());
    let review = story.review();
    assert_eq!((review.status, review.closed_at_ms), (Status::Closed, Some(NINE)));
    let seen = story.facts.clone();
    story.after(MINUTE);
    story.step(&mut supervisor, "violation_reopened", json!({ "text": "又发现" }));
    assert_eq!(story.review().closed_at_ms, None);
    // A closing by somebody who did not know of the reopening does not undo it.
    let mut manager = story.writer(50, Role::ProjectManager);
    story.write_on(&mut manager, closing.clone(), &seen);
    assert_eq!(story.review().closed_at_ms, None);
    story.after(MINUTE);
    story.write(&mut manager, closing);
    assert_eq!(story.review().closed_at_ms, Some(NINE + 2 * MINUTE));
}

/// R5.14
#[test]
fn closing_what_was_signed_and_not_carried_out_is_a_case() {
    let (mut story, _) = story(json!({}));
    let mut manager = story.writer(50, Role::ProjectManager);
    let decision = story.write(&mut manager, decided(json!({ "measure": "dissuade" })));
    story.step(&mut manager, "violation_signed", json!({ "decision": decision }));
    story.step(&mut manager, "violation_closed", json!({ "text": "t" }));
    assert_eq!(open_cases(&story.review()), ["closed_before_executed"]);
}

/// R5.1
#[test]
fn bounds_are_told_and_nothing_is_written() {
    let (story, desk) = story(json!({}));
    let long = "长".repeat(201);
    for command in [
        assessed(json!({ "reason": long })),
        assessed(json!({ "loss": 5 })),
        assessed(json!({ "loss_fen": -1 })),
        set("violation", json!("nonsense")),
        set("nonsense", json!(1)),
    ] {
        let code = story.deny(&desk, &command);
        assert!(
            matches!(
                code,
                DenialCode::TextTooLong | DenialCode::OutOfRange | DenialCode::UnknownField
            ),
            "{command:?}"
        );
    }
    let mut story = Story::new();
    let supervisor = story.writer(51, Role::Supervisor);
    let Command::Open { content: OpeningContent::Violation(mut created), .. } = opened() else {
        panic!("opened")
    };
    created.breach = Some("loud_noise".to_owned());
    let command = Command::Open { site: SITE, content: created.into() };
    assert_eq!(story.deny(&supervisor, &command), DenialCode::OutOfRange);
}

#[test]
fn nobody_opens_one_by_a_cause_nor_says_what_only_the_server_says() {
    let (mut story, desk) = story(json!({}));
    let mut facts = story
        .try_write_on(&desk, &Command::Note { text: "x".to_owned() }, &story.facts)
        .expect("may");
    let manager = story.writer(50, Role::ProjectManager);
    let review = story.review();
    let mut judge = |payload: Payload, before: Option<&Review>| {
        facts[0].payload = payload;
        let when = Seen { epoch: 1, sequence: 10 };
        permit(&facts, before, &principal(&manager), when, NINE).map_err(|d| d.code)
    };
    let created = Created {
        kind: "violation".to_owned(),
        site: SITE,
        schema: 2,
        from: Some("x/y".to_owned()),
        content: Default::default(),
    };
    let no = Err(DenialCode::NotYourRole);
    assert_eq!(judge(Payload::General(GeneralFact::Created(created)), None), no);
    let fell = json!({ "deadline": "x", "due_ms": 5, "tells": [] });
    assert_eq!(judge(Payload::from_parts("fell_due".to_owned(), fell), Some(&review)), no);
    // A decision in a shape that nobody here reads is no way around the deciders.
    let unread = Payload::from_parts("violation_decided".to_owned(), json!({ "measure": 5 }));
    let desk_only =
        Principal { person: manager.person, grants: vec![grant(manager.person, Role::FrontDesk)] };
    facts[0].payload = unread;
    let when = Seen { epoch: 1, sequence: 10 };
    let result = permit(&facts, Some(&review), &desk_only, when, NINE).map_err(|d| d.code);
    assert_eq!(result, no);
}

/// R5.12, R8.5
#[test]
fn a_rectification_date_that_passes_is_told_once_and_withdrawn_when_it_was_met_in_time() {
    let (mut story, _) = story(json!({}));
    let mut manager = story.writer(50, Role::ProjectManager);
    let rectify = decided(json!({ "measure": "rectify_by", "date": "2026-11-27" }));
    let decision = story.write(&mut manager, rectify);
    assert!(story.review().deadlines.is_empty(), "not in effect yet");
    story.step(&mut manager, "violation_signed", json!({ "decision": decision }));
    let end_ms = NINE + 15 * 60 * MINUTE + 2 * 24 * 60 * MINUTE - 1;
    assert_eq!(story.review().deadlines[0].due_ms, Some(end_ms), "the end of the 27th");
    assert_eq!(story.review().status_until_ms, Some(end_ms + 1));
    let told = |story: &Story| follows(&story.review(), story.now_ms);
    story.now_ms = end_ms;
    assert_eq!(told(&story), []);
    story.now_ms = end_ms + 5 * 24 * 60 * MINUTE;
    let late = told(&story);
    assert_eq!(late.len(), 1);
    assert_eq!((late[0].rule, late[0].at_ms), ("fell_due", end_ms));
    story.derive(&late[0]);
    assert_eq!(told(&story), [], "once");
    // A patrol officer had seen it put right in time, without signal.
    story.now_ms = end_ms - MINUTE;
    let rectified = json!({ "decision": decision, "text": "已清走" });
    let mut assistant = story.writer(60, Role::Assistant);
    let seen = story.facts.clone();
    story.write_on(&mut assistant, step("rectified", rectified), &seen);
    story.now_ms = end_ms + 6 * 24 * 60 * MINUTE;
    let withdrawn = told(&story);
    assert_eq!(withdrawn.len(), 1);
    assert_eq!(withdrawn[0].rule, "due_withdrawn");
    story.derive(&withdrawn[0]);
    assert_eq!(told(&story), []);
    // Marked, not erased.
    assert!(story.review().timeline.iter().any(|entry| entry.fact_type == "fell_due"));
}

/// R5.13
#[test]
fn a_reconciling_talk_is_due_7_days_after_a_harsh_measure_was_carried_out() {
    for (measure, expected) in [
        (json!({ "measure": "compensate", "amount_fen": 5 }), 1),
        (json!({ "measure": "public_notice", "text": "t" }), 1),
        (json!({ "measure": "rectify_by", "date": "2026-12-31" }), 0),
    ] {
        let loss = measure["measure"] == "compensate";
        let (mut story, mut desk) = story(json!({ "loss": loss, "sizeable": loss }));
        let mut manager = story.writer(50, Role::ProjectManager);
        let decision = story.write(&mut manager, decided(measure.clone()));
        story.step(&mut manager, "violation_signed", json!({ "decision": decision }));
        story.after(MINUTE);
        let done = json!({ "decision": decision, "text": "t" });
        story.step(&mut desk, "decision_executed", done.clone());
        let review = story.review();
        let talk: Vec<_> =
            review.deadlines.iter().filter(|d| d.name == "reconciling_talk").collect();
        assert_eq!(talk.len(), expected, "{measure}");
        if expected == 1 {
            assert_eq!(talk[0].due_ms, Some(NINE + MINUTE + 7 * 24 * 60 * MINUTE));
            story.step(&mut desk, "reconciled", done);
            story.now_ms += 30 * 24 * 60 * MINUTE;
            assert_eq!(follows(&story.review(), story.now_ms), []);
        }
    }
}

#[test]
fn whoever_opens_one_sees_what_becomes_of_it_and_a_note_gives_nobody_the_record() {
    use crate::model::audience::Audience;
    let mut story = Story::new();
    let mut technician = story.technician(31);
    story.write(&mut technician, opened());
    let mut other = story.technician(32);
    story.write(&mut other, Command::Note { text: "看看".to_owned() });
    story.step(&mut other, "dissuaded", json!({}));
    let mut supervisor = story.writer(51, Role::Supervisor);
    story.step(&mut supervisor, "violation_closed", json!({ "text": "t" }));
    let audiences = crate::rules::audiences(&story.review());
    let has = |person: u32| audiences.contains(&Audience::User(SITE, PersonId(person)));
    assert_eq!((has(31), has(32), has(51)), (true, false, true));
}
