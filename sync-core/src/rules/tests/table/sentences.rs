//! The sentences of the rule book on who does what, each held against the table by hand: a page
//! that is made from the code proves nothing by itself.

use Role::{
    Assistant, CleaningManager, DutyOperator, EngineeringLead, FrontDesk, GeneralManager,
    OperationsManager, ProjectManager, Quality, Security, ServiceWorker, Supervisor, Technician,
};

use super::acts::{self, Act};
use super::scenes::{self, Scene};
use super::*;

fn told(kind: &str, state: &str, fact_type: &str, detail: &str) -> &'static Outcome {
    let quoted = format!("`{detail}`");
    let mut entries = table().iter().filter(|entry| {
        let (scene, act) = (entry.scene, &entry.act);
        let named = act.fact_type == fact_type && (act.detail == detail || act.detail == quoted);
        named && scene.kind == kind && scene.state == state
    });
    let found = entries.next().map(|entry| &entry.outcome);
    found.unwrap_or_else(|| panic!("no {fact_type} {detail} in {kind}, {state}"))
}

/// Who may write something in a state, or why nobody may.
fn who(kind: &str, state: &str, fact_type: &str, detail: &str) -> Result<Vec<Role>, String> {
    match told(kind, state, fact_type, detail) {
        Outcome::May(may) => Ok(may.roles.clone()),
        Outcome::Refused(code) => Err(code.clone()),
        Outcome::NotOfTheKind => Err("wrong_kind".to_owned()),
    }
}

/// Who may write something in a state that somebody may write it in.
fn may(kind: &str, state: &str, fact_type: &str, detail: &str) -> &'static May {
    match told(kind, state, fact_type, detail) {
        Outcome::May(may) => may,
        other => panic!("{kind} {state} {fact_type} {detail}: {other:?}"),
    }
}

fn ok(roles: &[Role]) -> Result<Vec<Role>, String> {
    Ok(Role::ALL.into_iter().filter(|role| roles.contains(role)).collect())
}

const NAMED: &str = "household, given to somebody else";
const UNNAMED: &str = "household, nobody named";
const WORKERS: &[Role] = &[EngineeringLead, Technician, ServiceWorker];

/// The desk takes visits, opens, dispatches and closes orders, invoices and calls back.
/// R0.2
#[test]
fn the_desk_opens_dispatches_and_closes_orders_invoices_and_calls_back() {
    assert_eq!(who("work_order", "", "created", ""), ok(DESK));
    assert_eq!(who("reception", "", "created", ""), ok(DESK));
    let of_the_desk =
        ["dispatched", "told", "cancelled", "closed", "invoiced", "refunded", "called_back"];
    for fact_type in of_the_desk {
        assert_eq!(who("work_order", NAMED, fact_type, ""), ok(DESK), "{fact_type}");
    }
    assert_eq!(who("work_order", NAMED, "no_answer_confirmed", ""), ok(DESK));
    for fact_type in ["reached", "not_reached", "follow_up_closed"] {
        assert_eq!(who("follow_up", "open", fact_type, ""), ok(DESK), "{fact_type}");
    }
}

/// 三 3.1.3, 三 3.2.3
/// R3.19, R3.20
#[test]
fn the_desk_names_a_homes_technician_and_the_lead_a_facilitys_and_the_next_one() {
    let with_lead = [DESK, &[EngineeringLead]].concat();
    assert_eq!(who("work_order", UNNAMED, "set", "assignee"), ok(DESK));
    assert_eq!(who("work_order", NAMED, "set", "assignee"), ok(&with_lead));
    assert_eq!(who("work_order", "public, nobody named", "set", "assignee"), ok(&with_lead));
    assert_eq!(who("work_order", NAMED, "returned", ""), ok(&with_lead));
    // What was never said is replaced by nobody: that is no way to be the first.
    let bogus = FactKey::Written { session: SessionId([77; 8]), n: 1, i: 0 };
    for (fact_type, reason) in [("set", None), ("resolve", Some("r"))] {
        let mut content = json!({ "field": "assignee", "value": 31, "replaces": [bogus] });
        if let Some(reason) = reason {
            content["reason"] = json!(reason);
        }
        let payload = Payload::from_parts(fact_type.to_owned(), content);
        let scene = scenes::of("work_order", UNNAMED);
        let told = |role| judge(scene, &payload, grant(scene.person, role), false);
        assert_eq!(told(EngineeringLead), Err(NO.to_owned()), "{fact_type}");
        assert_eq!(told(FrontDesk), Ok(()), "{fact_type}");
    }
}

/// A conflict is ended by who may write the field, so that ending one is no way around.
/// R0.2, R7.1
#[test]
fn who_may_not_write_a_field_does_not_settle_it_either() {
    for field in ["description", "priority", "chargeable_fen", "category", "watched"] {
        for fact_type in ["set", "resolve"] {
            assert_eq!(who("work_order", NAMED, fact_type, field), ok(DESK), "{field}");
        }
    }
    let planners = [Assistant, Supervisor, ProjectManager];
    assert_eq!(who("patrol_plan", "", "created", ""), ok(&planners));
    for fact_type in ["set", "resolve"] {
        assert_eq!(who("patrol_plan", "made", fact_type, "items"), ok(&planners), "{fact_type}");
    }
}

/// 入户, 五 4.1: technicians and service workers do the steps of a visit, and take the money.
/// R0.2, R4.33
#[test]
fn workers_do_the_steps_and_the_desk_or_a_supervisor_enters_them_for_somebody_else() {
    let steps =
        ["received", "set_out", "ring", "enter", "finish_work", "quoted", "charged", "signed"];
    for (kind, state) in [("work_order", NAMED), ("paid_service", "cleaning's, work finished")] {
        for fact_type in steps {
            let told = may(kind, state, fact_type, "");
            assert_eq!(Ok(told.roles.clone()), ok(WORKERS), "{fact_type}");
            assert_eq!(told.for_others, DESK, "{fact_type}");
        }
        for fact_type in ["handed_in", "invoice_delivered"] {
            let told = may(kind, state, fact_type, "");
            assert_eq!(Ok(told.roles.clone()), ok(&[DESK, WORKERS].concat()), "{fact_type}");
            // A worker hands in the own money and says so of nobody else's.
            assert_eq!(told.for_others, DESK, "{fact_type}");
        }
    }
}

/// R4.33
#[test]
fn nobody_but_the_desk_enters_anything_at_all_for_somebody_else() {
    for_each(|scene, act, may| {
        let others = may.for_others.iter().all(|role| DESK.contains(role));
        assert!(others, "{} {}: {act:?}", scene.kind, scene.state);
        // And it lends nobody's authority: nobody enters what the own role does not do, but for
        // what workers and everybody do.
        let lent = may.for_others.iter().any(|role| !may.roles.contains(role));
        assert!(!lent || Ok(may.roles.clone()) == ok(WORKERS), "{act:?}");
    });
}

/// Everything that anybody may write, with who.
fn for_each(mut look: impl FnMut(&Scene, &Act, &May)) {
    for entry in table() {
        if let Outcome::May(may) = &entry.outcome {
            look(entry.scene, &entry.act, may);
        }
    }
}

/// 四 2.5, 四 3.3.7
/// R5.3
#[test]
fn everybody_dissuades_and_that_is_all_that_other_staff_may_do() {
    assert_eq!(who("violation", "", "created", ""), ok(&Role::ALL));
    let mut seen = std::collections::BTreeSet::new();
    for_each(|scene, act, may| {
        let other = may.roles.iter().any(|role| !DESK.contains(role) && *role != EngineeringLead);
        if scene.kind == "violation" && other {
            assert_eq!(may.roles, Role::ALL, "{act:?}");
            seen.insert(act.fact_type.clone());
        }
    });
    let everybodys = [
        "acknowledged",
        "answered",
        "attached",
        "breach_ignored",
        "breach_stopped",
        "created",
        "dissuaded",
        "hologram",
        "note",
        "read",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), everybodys);
}

const DECIDE: &str = "violation_decided";

/// 四 2.2, 四 2.3, 四 3.3.2, 四 3.3.7: penalties are the deciders', the grave ones the manager's.
/// R5.5, R5.6, R5.9, R0.4
#[test]
fn penalties_are_the_customer_service_supervisors_and_the_project_managers() {
    let both = [Supervisor, ProjectManager];
    let manager = [ProjectManager];
    for measure in ["to dissuade", "to put right by a date", "public notice"] {
        assert_eq!(who("violation", "general", DECIDE, measure), ok(&both), "{measure}");
        let told = may("violation", "general", DECIDE, measure);
        assert_eq!(told.departments, Some(vec![Department::CUSTOMER_SERVICE]), "{measure}");
    }
    for measure in ["to put right by a date", "public notice"] {
        assert_eq!(who("violation", "serious, nothing lost", DECIDE, measure), ok(&manager));
    }
    let needs = |what: &str| Err(format!("needs {what}"));
    let state = "serious, small loss";
    assert_eq!(who("violation", state, DECIDE, "to dissuade"), needs("general"));
    assert_eq!(who("violation", state, DECIDE, "to put right by a date"), needs("no_loss"));
    assert_eq!(who("violation", state, DECIDE, "to compensate"), needs("sizeable_loss"));
    let state = "serious, sizeable loss";
    assert_eq!(who("violation", state, DECIDE, "to compensate"), ok(&manager));
    assert_eq!(who("violation", "not assessed", DECIDE, "public notice"), needs("assessment"));
    for fact_type in ["violation_closed", "violation_reopened", "mediation_failed", "case_closed"] {
        let told = may("violation", "general", fact_type, "");
        assert_eq!(Ok(told.roles.clone()), ok(&both), "{fact_type}");
        assert_eq!(told.departments, Some(vec![Department::CUSTOMER_SERVICE]), "{fact_type}");
    }
    // What makes it general or serious is customer service's to say, and no other department's.
    let told = may("violation", "general", "set", "assessment");
    assert_eq!(told.departments, Some(vec![Department::CUSTOMER_SERVICE]));
}

/// 四 3.3.4, 四 3.3.6
/// R5.10, R5.11
#[test]
fn a_decision_is_carried_out_when_signed_and_legal_action_takes_all_its_grounds() {
    let needs = |what: &str| Err(format!("needs {what}"));
    let manager = ok(&[ProjectManager]);
    assert_eq!(who("violation", "general, decided", "violation_signed", ""), manager);
    let (executed, refused) = ("decision_executed", "compensation_refused");
    assert_eq!(who("violation", "general, decided", executed, ""), needs("signature"));
    assert_eq!(who("violation", "general, signed", executed, ""), ok(DESK));
    assert_eq!(who("violation", "compensation decided", refused, ""), needs("signature"));
    assert_eq!(who("violation", "general, signed", refused, ""), needs("compensate"));
    assert_eq!(who("violation", "compensation signed", refused, ""), ok(DESK));
    let by = ["legal action, compensation refused", "legal action, fees refused"];
    for (state, first, second) in [
        ("general", needs("sizeable_loss"), needs("fees_refused")),
        ("serious, small loss", needs("sizeable_loss"), needs("fees_refused")),
        ("compensation signed", needs("compensation_refused"), needs("fees_refused")),
        ("compensation refused, mediation failed", manager.clone(), needs("fees_refused")),
        ("fees refused", needs("sizeable_loss"), needs("mediation_failed")),
        ("fees refused, mediation failed", needs("sizeable_loss"), manager.clone()),
    ] {
        let told = by.map(|ground| who("violation", state, DECIDE, ground));
        assert_eq!(told, [first, second], "{state}");
    }
}

/// 五 3.1 to 五 3.3
/// R6.1, R6.2, R6.10
#[test]
fn managers_price_and_the_general_manager_approves_also_what_the_price_is_for() {
    let general = ok(&[GeneralManager]);
    let both = ok(&[OperationsManager, CleaningManager]);
    let operations = ok(&[OperationsManager]);
    for (service, pricers) in [("household service", &both), ("business service", &operations)] {
        let proposed = format!("{service}, price proposed");
        let approved = format!("{service}, price approved");
        assert_eq!(&who("price_item", "", "created", service), pricers);
        for (fact_type, field) in [("priced", ""), ("set", "measure"), ("resolve", "name")] {
            assert_eq!(&who("price_item", &proposed, fact_type, field), pricers, "{service}");
        }
        for fact_type in ["price_approved", "price_rejected", "case_closed"] {
            assert_eq!(who("price_item", &proposed, fact_type, ""), general, "{fact_type}");
        }
        // What is sold by the hour for 50 is not sold by the quarter for 50 without a word.
        for field in ["measure", "name"] {
            assert_eq!(who("price_item", &approved, "set", field), general, "{field}");
        }
        assert_eq!(&who("price_item", &approved, "priced", ""), pricers);
    }
}

/// 二 3.2 to 二 3.5
/// R2.17, R0.4
#[test]
fn complaints_are_worked_on_by_customer_service_and_the_department_concerned() {
    let handlers = [DESK, &[GeneralManager]].concat();
    let state = "engineering's, plan told";
    let concerned = Some(vec![Department::CUSTOMER_SERVICE, Department::ENGINEERING]);
    for fact_type in ["investigated", "passed_up", "plan_told", "satisfied", "complaint_closed"] {
        let told = may("complaint", state, fact_type, "");
        assert_eq!(Ok(told.roles.clone()), ok(&handlers), "{fact_type}");
        assert_eq!(told.departments, concerned, "{fact_type}");
    }
    for (fact_type, detail) in [("plan_carried_out", ""), ("set", "judgement"), ("case_closed", "")]
    {
        let told = may("complaint", state, fact_type, detail);
        assert_eq!(told.departments, concerned, "{fact_type}");
        assert!(told.roles.contains(&Supervisor));
    }
    let free = may("complaint", "of no department, plan told", "plan_told", "");
    assert_eq!(free.departments, None, "everybody's");
    for fact_type in ["escalated", "escalation_withdrawn", "repeat_of"] {
        assert_eq!(who("complaint", state, fact_type, ""), ok(&[]), "{fact_type}");
    }
}

/// 五 4.5.2
/// R6.7, R0.4
#[test]
fn finished_paid_work_is_checked_by_the_supervisor_of_its_department_or_customer_services() {
    let told = may("paid_service", "cleaning's, work finished", "quality_checked", "");
    assert_eq!(told.roles, [Supervisor]);
    let concerned = vec![Department::CUSTOMER_SERVICE, Department::CLEANING];
    assert_eq!(told.departments, Some(concerned));
    let early = who("paid_service", "cleaning's, not begun", "quality_checked", "");
    assert_eq!(early, Err("needs finish_work".to_owned()));
}

/// 二 4.4.2 to 二 4.4.5
/// R2.19, R2.20, R2.21, R2.22
#[test]
fn the_manager_sends_quality_confirms_and_nobody_moves_the_day() {
    let kind = "periodic_task";
    let full = "with cause, lesson and action";
    let manager = ok(&[ProjectManager]);
    let quality = ok(&[Quality]);
    assert_eq!(who(kind, "weekly complaints, due", "report_sent", full), manager);
    assert_eq!(who(kind, "monthly complaints, due", "report_sent", full), manager);
    let alone = who(kind, "monthly complaints, due", "report_sent", "the report alone");
    assert_eq!(alone, Err("needs cause".to_owned()));
    assert_eq!(who(kind, "complaint trend, due", "report_sent", full), quality);
    assert_eq!(who(kind, "weekly complaints, sent", "report_confirmed", ""), quality);
    assert_eq!(who(kind, "weekly complaints, sent", "spot_checked", ""), quality);
    assert_eq!(who(kind, "", "created", ""), ok(&[]));
    for member in ["due_ms", "period", "task"] {
        for fact_type in ["set", "resolve"] {
            let told = who(kind, "weekly complaints, due", fact_type, member);
            assert_eq!(told, Err("unknown_field".to_owned()), "{member}");
        }
    }
}

/// 一 3.6, 一 3.4.4.2
/// R1.5, R1.6, R1.14
#[test]
fn a_shift_is_taken_over_by_another_and_a_matter_by_whom_it_was_passed_to() {
    assert_eq!(who("hand_over", "handed over by somebody else", "taken_over", ""), ok(DESK));
    let oneself = who("hand_over", "handed over by the writer", "taken_over", "");
    assert_eq!(oneself, Err("needs another_person".to_owned()));
    let early = who("hand_over", "not handed over", "taken_over", "");
    assert_eq!(early, Err("needs handed_over".to_owned()));
    let closers = who("hand_over", "taken over", "case_closed", "");
    assert_eq!(closers, ok(&[Supervisor, ProjectManager]));
    let state = "promised, attached, passed on to engineering";
    let told = may("reception", state, "took_over", "");
    assert_eq!(told.departments, Some(vec![Department::ENGINEERING]));
    let message = who("reception", "passed on to the writer", "message_received", "");
    assert_eq!(message, ok(&Role::ALL));
    let hand = may("reception", "just taken down", "to_desk", "");
    assert_eq!(Ok(hand.roles.clone()), ok(&[Assistant, Supervisor, ProjectManager]));
}

/// 六 2.2, 六 3.3.2
/// R0.19, R0.23, R7.3, R7.22
#[test]
fn anybody_walks_a_round_and_raises_an_alarm_and_some_say_that_it_is_over() {
    for (kind, state, fact_type) in [
        ("patrol_round", "", "created"),
        ("patrol_round", "somebody else's, begun", "finding"),
        ("alarm", "", "created"),
    ] {
        assert_eq!(who(kind, state, fact_type, ""), ok(&Role::ALL), "{fact_type}");
    }
    let late = who("alarm", "", "created", "that a round has not begun");
    assert_eq!(late, Err("out_of_range".to_owned()), "the server's alone");
    let settlers = [FrontDesk, Supervisor, ProjectManager, EngineeringLead, Security, DutyOperator];
    assert_eq!(who("alarm", "open", "alarm_settled", ""), ok(&settlers));
    // Nobody else silences it: not even whoever raised it.
    let takers = [DESK, &[EngineeringLead, Security]].concat();
    assert_eq!(who("alarm", "open", "acknowledged", ""), ok(&takers));
    // Nor by taking on beforehand what somebody will be told.
    let (open, content) = (scenes::of("alarm", "open"), json!({ "of": scenes::ANY }));
    let unseen = Payload::from_parts("acknowledged".to_owned(), content);
    let told = judge(open, &unseen, grant(open.person, Technician), false);
    assert_eq!(told, Err(NO.to_owned()));
    for fact_type in ["alerted", "nobody_left", "alarm_withdrawn"] {
        assert_eq!(who("alarm", "open", fact_type, ""), ok(&[]), "{fact_type}");
    }
}

/// An administrator keeps people, devices, sites and policies, and brings contacts in; what else
/// is written is the department's.
/// R0.2
#[test]
fn an_administrator_writes_nothing_of_the_department_but_contacts() {
    for_each(|scene, act, may| {
        let everybodys = may.roles == Role::ALL;
        let contact = scene.kind == contact::KIND && act.fact_type == "created";
        let admin = may.roles.contains(&Role::Admin);
        assert!(!admin || everybodys || contact, "{} {act:?}", scene.kind);
    });
}

/// An assistant owns a group of buildings and dispatches for it: no role that is held for one
/// group does anything of its own in another's record.
/// R0.3
#[test]
fn a_role_for_one_group_does_nothing_of_its_own_in_anothers_record() {
    let mut narrow = 0;
    for_each(|scene, act, may| {
        // A complaint is taken down wherever it is heard (二 4.3.1).
        let heard = scene.kind == "complaint" && act.fact_type == "created";
        let own = may.roles != Role::ALL && !may.roles.is_empty() && !heard;
        if own && may.other_group.is_some() {
            assert_eq!(may.other_group, Some(false), "{} {}: {act:?}", scene.kind, scene.state);
            narrow += 1;
        }
    });
    assert!(narrow > 100, "{narrow}");
}

/// R0.5
#[test]
fn a_deputy_of_the_general_manager_approves_from_and_to_its_dates() {
    let scene = scenes::of("price_item", "household service, price proposed");
    let approved = acts::all("price_item").into_iter();
    let approved = approved.filter(|act| act.fact_type == "price_approved");
    let payload = approved.map(|act| act.payload(scene)).next().expect("of the kind");
    let now_ms = scene.story.now_ms;
    let deputy = |from_ms: i64, to_ms: i64, ended: Option<u64>| {
        let stands_in = RoleGrant {
            from_ms,
            to_ms: Some(to_ms),
            on_behalf_of: Some(PersonId(22)),
            ended: ended.map(|sequence| Seen { epoch: 1, sequence }),
            ..grant(scene.person, GeneralManager)
        };
        judge(scene, &payload, stands_in, false)
    };
    let no = Err(NO.to_owned());
    assert_eq!(deputy(now_ms, now_ms + 1, None), Ok(()));
    assert_eq!(deputy(now_ms + 1, now_ms + 2, None), no);
    assert_eq!(deputy(0, now_ms, None), no);
    // Ended before the writer last knew the roles, or after.
    assert_eq!(deputy(0, now_ms + 1, Some(10)), no);
    assert_eq!(deputy(0, now_ms + 1, Some(11)), Ok(()));
}
