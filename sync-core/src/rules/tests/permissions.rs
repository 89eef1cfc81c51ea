//! Role by command: who may, and who may not.

use super::super::permission::permit;
use super::super::written::Written;
use super::*;

const DESK: &[Role] =
    &[Role::FrontDesk, Role::Assistant, Role::DutyOperator, Role::Supervisor, Role::ProjectManager];

/// R0.2, R3.3, R3.26
#[test]
fn each_role_may_do_its_own_and_nothing_else() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    let charge = story.step(
        &mut worker,
        "charged",
        json!({ "visit": visit, "amount_fen": 1, "method": "cash" }),
    );
    let invoice = story.step(
        &mut desk,
        "invoiced",
        json!({ "charge": charge, "number": "1", "amount_fen": 1 }),
    );
    let of = json!({ "visit": visit });
    let reason = json!({ "reason": "r" });
    let lead = [DESK, &[Role::EngineeringLead]].concat();
    let workers = vec![Role::EngineeringLead, Role::Technician, Role::ServiceWorker];
    let all_on_orders = [DESK, &workers].concat();
    let table: Vec<(Command, Vec<Role>)> = vec![
        (order(Priority::Urgent), DESK.to_vec()),
        (set("description", json!("x")), DESK.to_vec()),
        (set("appointment", json!("2026-11-26T10:00:00+08:00")), all_on_orders.clone()),
        (Command::Assign { person: PersonId(32) }, lead.clone()),
        (step("dispatched", json!({})), DESK.to_vec()),
        (step("told", json!({})), DESK.to_vec()),
        (step("cancelled", reason.clone()), DESK.to_vec()),
        (step("closed", json!({})), DESK.to_vec()),
        (step("returned", json!({})), lead),
        (step("received", json!({})), workers.clone()),
        (step("declined", reason), workers.clone()),
        (step("set_out", json!({ "grade": 2 })), workers.clone()),
        (step("ring", of.clone()), workers.clone()),
        (step("finish_work", of.clone()), workers.clone()),
        (step("no_answer_confirmed", of), DESK.to_vec()),
        (step("charged", json!({ "visit": visit, "amount_fen": 1, "method": "cash" })), workers),
        (step("handed_in", json!({ "charge": charge, "amount_fen": 1 })), all_on_orders.clone()),
        (
            step("invoiced", json!({ "charge": charge, "number": "2", "amount_fen": 1 })),
            DESK.to_vec(),
        ),
        (step("invoice_delivered", json!({ "invoice": invoice })), all_on_orders),
        (Command::Note { text: "x".to_owned() }, Role::ALL.to_vec()),
    ];
    for (command, may) in table {
        for role in Role::ALL {
            let writer = story.writer(50, role);
            let result = story.try_write_on(&writer, &command, &story.facts);
            let expected = if may.contains(&role) { Ok(()) } else { Err(DenialCode::NotYourRole) };
            assert_eq!(
                result.map(|_| ()).map_err(|denial| denial.code),
                expected,
                "{role:?} {command:?}"
            );
        }
    }
}

/// R4.33
#[test]
fn a_supervisor_enters_for_a_worker_without_a_phone_and_it_is_marked() {
    let (mut story, _) = Story::dispatched();
    let mut supervisor = story.writer(40, Role::Supervisor);
    let Command::Record { fact, .. } = step("set_out", json!({ "grade": 2 })) else {
        panic!("a step")
    };
    let own = Command::step(fact.clone());
    assert_eq!(story.deny(&supervisor, &own), DenialCode::NotYourRole);
    let entered = Command::Record {
        fact,
        said_at_ms: Some(NINE - MINUTE),
        on_behalf_of: Some(PersonId(31)),
        corrects: Vec::new(),
    };
    let technician = story.technician(32);
    assert_eq!(story.deny(&technician, &entered), DenialCode::NotYourRole);
    story.write(&mut supervisor, entered);
    let review = story.review();
    let entry = review.timeline.last().expect("there");
    assert_eq!((entry.on_behalf_of, entry.said_at_ms), (Some(PersonId(31)), Some(NINE - MINUTE)));
}

/// R0.1
#[test]
fn a_role_counts_when_held_while_writing_or_now() {
    let (story, _) = Story::dispatched();
    let mut other = story.clone();
    let worker = other.technician(31);
    let facts =
        other.try_write_on(&worker, &step("received", json!({})), &other.facts).expect("may");
    let review = other.review();
    let judge = |grants: Vec<RoleGrant>, sequence: u64| {
        let principal = Principal { person: worker.person, grants };
        let when = Seen { epoch: 1, sequence };
        permit(&facts, Some(&review), &principal, when, NINE).map_err(|denial| denial.code)
    };
    let held = grant(worker.person, Role::Technician);
    let no = Err(DenialCode::NotYourRole);
    let ended = RoleGrant { ended: Some(Seen { epoch: 1, sequence: 20 }), ..held.clone() };
    assert_eq!(judge(vec![ended.clone()], 19), Ok(()), "written before the end was seen");
    assert_eq!(judge(vec![ended], 20), no, "written after it");
    let granted = RoleGrant { granted: Seen { epoch: 1, sequence: 20 }, ..held.clone() };
    assert_eq!(judge(vec![granted], 19), Ok(()), "held now");
    let elsewhere = RoleGrant { site: SiteId(8), ..held.clone() };
    assert_eq!(judge(vec![elsewhere], 19), no);
    let not_begun = RoleGrant { from_ms: NINE + 1, ..held.clone() };
    assert_eq!(judge(vec![not_begun], 19), no);
    let over = RoleGrant { to_ms: Some(NINE), ..held.clone() };
    assert_eq!(judge(vec![over], 19), no);
    let deputy = RoleGrant { to_ms: Some(NINE + 1), on_behalf_of: Some(PersonId(9)), ..held };
    assert_eq!(judge(vec![deputy], 19), Ok(()));
}

/// R0.24
#[test]
fn a_deputy_whose_wall_clock_is_set_back_writes_nothing() {
    let (story, _) = Story::dispatched();
    let mut other = story.clone();
    let worker = other.technician(31);
    let review = other.review();
    let deputy = RoleGrant {
        to_ms: Some(NINE),
        on_behalf_of: Some(PersonId(9)),
        ..grant(worker.person, Role::Technician)
    };
    let principal = Principal { person: worker.person, grants: vec![deputy] };
    let mut judge = |true_ms: i64, wall_offset_ms: i64, anchored: bool| {
        other.now_ms = true_ms;
        let row = other.sessions.get_mut(&worker.session).expect("there");
        row.anchor = anchored.then_some(Anchor { server_ms: worker.booted_ms, monotonic_ms: 0 });
        let worker = Writer { wall_offset_ms, ..worker.clone() };
        let facts = other.try_write_on(&worker, &step("received", json!({})), &other.facts);
        let facts = facts.expect("a technician's");
        let written = Written::of(&facts, &other.sessions);
        permit(&facts, Some(&review), &principal, written, NINE + MINUTE)
            .map_err(|denial| denial.code)
    };
    assert_eq!(judge(NINE - 1, 0, true), Ok(()), "brought after its end");
    assert_eq!(judge(NINE - 1, MINUTE, true), Ok(()), "by a wall clock that is fast");
    let no = Err(DenialCode::NotYourRole);
    assert_eq!(judge(NINE, 0, true), no);
    assert_eq!(judge(NINE, -60 * MINUTE, true), no, "by a wall clock that is set back");
    assert_eq!(judge(NINE - 1, 0, false), no, "at a time that nobody can verify");
}

#[test]
fn prices_and_decisions_of_kinds_to_come_are_not_for_technicians() {
    let (mut story, _) = Story::dispatched();
    let worker = story.technician(31);
    let review = story.review();
    let mut facts = story
        .try_write_on(&worker, &Command::Note { text: "x".to_owned() }, &story.facts)
        .expect("may");
    for (fact_type, role, expected) in [
        ("price_approved", Role::Technician, Err(DenialCode::NotYourRole)),
        ("price_approved", Role::GeneralManager, Ok(())),
        ("violation_decided", Role::PatrolOfficer, Err(DenialCode::NotYourRole)),
        ("hologram", Role::Technician, Ok(())),
        // A known type in a shape nobody reads is no way around its roles.
        ("cancelled", Role::Technician, Err(DenialCode::NotYourRole)),
        ("cancelled", Role::FrontDesk, Ok(())),
    ] {
        facts[0].payload = crate::model::payload::Payload::Unknown {
            fact_type: fact_type.to_owned(),
            content: json!({}),
        };
        let principal =
            Principal { person: worker.person, grants: vec![grant(worker.person, role)] };
        let when = Seen { epoch: 1, sequence: 10 };
        let result = permit(&facts, Some(&review), &principal, when, NINE);
        assert_eq!(result.map_err(|denial| denial.code), expected, "{fact_type} {role:?}");
    }
}

#[test]
fn steps_of_an_order_do_not_go_to_a_contact() {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(
        &mut desk,
        Command::CreateContact {
            site: SITE,
            contact: crate::model::contact::ContactCreated {
                unit: None,
                name: "林女士".to_owned(),
                phones: vec!["000-5550-0001".to_owned()],
                relation: None,
                salt: "c2FsdA".to_owned(),
            },
        },
    );
    assert_eq!(story.deny(&desk, &step("dispatched", json!({}))), DenialCode::WrongKind);
    assert_eq!(story.review().status, super::super::Status::Kept);
}

/// R3.19, R3.20
#[test]
fn the_lead_assigns_public_orders_and_reassigns_others() {
    for (category, named, expected) in [
        (Category::Household, false, Err(DenialCode::NotYourRole)),
        (Category::Household, true, Ok(())),
        (Category::Public, false, Ok(())),
    ] {
        let mut story = Story::new();
        let mut desk = story.desk();
        let Command::CreateWorkOrder { site, mut order } = order(Priority::Urgent) else {
            panic!()
        };
        order.category = category;
        story.write(&mut desk, Command::CreateWorkOrder { site, order });
        if named {
            story.write(&mut desk, Command::Assign { person: PersonId(31) });
        }
        let lead = story.writer(41, Role::EngineeringLead);
        let assign = Command::Assign { person: PersonId(32) };
        let result = story.try_write_on(&lead, &assign, &story.facts);
        let result = result.map(|_| ()).map_err(|denial| denial.code);
        assert_eq!(result, expected, "{category:?} {named}");
    }
}

#[test]
fn a_plain_set_that_claims_to_replace_several_values_is_refused() {
    let (story, desk) = Story::dispatched();
    let mut facts = story
        .try_write_on(&desk, &Command::Assign { person: PersonId(32) }, &story.facts)
        .expect("may");
    let review = story.review();
    let principal = principal(&desk);
    let judge = |facts: &[Fact]| {
        permit(facts, Some(&review), &principal, Seen { epoch: 1, sequence: 10 }, NINE)
            .map_err(|denial| denial.code)
    };
    assert_eq!(judge(&facts), Ok(()));
    if let crate::model::payload::Payload::General(crate::model::payload::GeneralFact::Set(set)) =
        &mut facts[0].payload
    {
        set.replaces.push(story.facts[0].key);
    }
    assert_eq!(judge(&facts), Err(DenialCode::ReplacesSeveral));
}

/// What a phone without checks brings, on a record of a kind: `None` is within its bounds.
fn brought(kind: &str, fact_type: &str, content: Value) -> Option<DenialCode> {
    let mut story = Story::new();
    let manager = story.writer(50, Role::ProjectManager);
    let created = json!({ "kind": kind, "site": 7, "schema": 1 });
    let fact = |n: u64, fact_type: &str, content: Value| Fact {
        payload: crate::model::payload::Payload::from_parts(fact_type.to_owned(), content),
        ..noted(n)
    };
    story.facts.push(fact(1, "created", created));
    let roles = [Role::ProjectManager, Role::Technician, Role::Security, Role::FrontDesk];
    let grants = roles.map(|role| grant(manager.person, role)).to_vec();
    let principal = Principal { person: manager.person, grants };
    let when = Seen { epoch: 1, sequence: 10 };
    let facts = [fact(2, fact_type, content)];
    permit(&facts, Some(&story.review()), &principal, when, NINE).err().map(|denial| denial.code)
}

fn noted(n: u64) -> Fact {
    Fact {
        key: FactKey::Written { session: SessionId([50; 8]), n, i: 0 },
        wall_ms: NINE,
        monotonic_ms: None,
        seen: Seen { epoch: 1, sequence: 10 },
        after: None,
        said_at_ms: None,
        on_behalf_of: None,
        corrects: Vec::new(),
        payload: crate::model::payload::Payload::from_parts("note".to_owned(), json!({})),
        stored_content: None,
    }
}

#[test]
fn what_a_phone_without_checks_brings_is_refused_with_the_codes_it_would_have_been_told() {
    use DenialCode::{BadTime, OutOfRange, TextEmpty, TextTooLong};
    let visit = "aebagbafaydqq.1.0";
    let long = |characters: usize| "长".repeat(characters);
    let named = |name: &str, value: Value| json!({ "visit": visit, name: value });
    let order = |value: Value| json!({ "field": "description", "value": value, "replaces": [] });
    let money = |fen: i64| json!({ "visit": visit, "amount_fen": fen, "method": "cash" });
    for (kind, fact_type, content, expected) in [
        ("work_order", "note", json!({ "text": long(1_000) }), None),
        ("work_order", "note", json!({ "text": long(1_001) }), Some(TextTooLong)),
        ("work_order", "note", json!({ "text": " " }), Some(TextEmpty)),
        ("contact", "note", json!({ "text": long(1_001) }), Some(TextTooLong)),
        ("alarm", "note", json!({ "text": long(1_001) }), Some(TextTooLong)),
        ("work_order", "advice", named("text", json!(long(1_001))), Some(TextTooLong)),
        ("work_order", "cancelled", json!({ "reason": long(201) }), Some(TextTooLong)),
        ("work_order", "set_out", json!({ "grade": 5 }), None),
        ("work_order", "set_out", json!({ "grade": 6 }), Some(OutOfRange)),
        ("work_order", "charged", money(10_000_000_000), None),
        ("work_order", "charged", money(10_000_000_001), Some(OutOfRange)),
        ("work_order", "charged", money(-1), Some(OutOfRange)),
        ("work_order", "set", order(json!(long(2_000))), None),
        ("work_order", "set", order(json!(long(2_001))), Some(TextTooLong)),
        ("work_order", "set", order(json!(5)), Some(OutOfRange)),
        (
            "work_order",
            "set",
            json!({ "field": "appointment", "value": "tomorrow", "replaces": [] }),
            Some(BadTime),
        ),
        // A newer app's field and a newer shape are carried.
        ("work_order", "set", json!({ "field": "hue", "value": 5, "replaces": [] }), None),
        ("work_order", "set_out", json!({ "grade": "best" }), None),
        ("patrol_round", "round_stopped", json!({ "reason": long(201) }), Some(TextTooLong)),
        // Whether the round has such a checkpoint is no bound: it may come later.
        ("patrol_round", "checkpoint_skipped", json!({ "checkpoint": "z", "reason": "r" }), None),
        (
            "patrol_round",
            "checkpoint_skipped",
            json!({ "checkpoint": long(61), "reason": "r" }),
            Some(TextTooLong),
        ),
        ("alarm", "alarm_settled", json!({ "text": long(1_001) }), Some(TextTooLong)),
        ("alarm", "radioed", json!({ "answered_by": long(61) }), Some(TextTooLong)),
        ("work_order", "asked", json!({ "person": 31, "text": long(1_001) }), Some(TextTooLong)),
        ("work_order", "deadline_paused", json!({ "reason": long(201) }), Some(TextTooLong)),
        (
            "work_order",
            "case_closed",
            json!({ "case": "step_deviation", "reason": long(201), "rests_on": [] }),
            Some(TextTooLong),
        ),
        (
            "violation",
            "resolve",
            json!({ "field": "place", "reason": "r", "replaces": [], "value": long(61) }),
            Some(TextTooLong),
        ),
    ] {
        let told = brought(kind, fact_type, content.clone());
        assert_eq!(told, expected, "{kind} {fact_type} {:.80}", content.to_string());
    }
}

#[test]
fn what_a_phone_without_checks_opens_is_bounded_too() {
    let order = |description: String| {
        json!({
            "kind": "work_order", "site": 7, "schema": 1, "category": "household",
            "description": description, "priority": "urgent",
        })
    };
    let contact = json!({ "kind": "contact", "site": 7, "schema": 1, "name": "", "salt": "s" });
    let newer = json!({ "kind": "work_order", "site": 7, "schema": 9, "description": 5 });
    for (content, expected) in [
        (order("长".repeat(2_000)), None),
        (order("长".repeat(2_001)), Some(DenialCode::TextTooLong)),
        (contact, Some(DenialCode::TextEmpty)),
        (newer, None),
    ] {
        let payload = crate::model::payload::Payload::from_parts("created".to_owned(), content);
        let person = PersonId(50);
        let principal = Principal { person, grants: vec![grant(person, Role::FrontDesk)] };
        let facts = [Fact { payload, ..noted(1) }];
        let when = Seen { epoch: 1, sequence: 10 };
        let told = permit(&facts, None, &principal, when, NINE).err().map(|denial| denial.code);
        assert_eq!(told, expected);
    }
}

/// R0.1
#[test]
fn somebody_elses_role_is_nobodys() {
    let (story, _) = Story::dispatched();
    let mut other = story.clone();
    let worker = other.technician(31);
    let facts =
        other.try_write_on(&worker, &step("received", json!({})), &other.facts).expect("may");
    let grants = vec![grant(PersonId(99), Role::Technician)];
    let principal = Principal { person: worker.person, grants };
    let when = Seen { epoch: 1, sequence: 10 };
    let result = permit(&facts, Some(&other.review()), &principal, when, NINE);
    assert_eq!(result.map_err(|denial| denial.code), Err(DenialCode::NotYourRole));
}
