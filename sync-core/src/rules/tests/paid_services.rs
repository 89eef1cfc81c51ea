//! Paid services: opened from reception, visited, accepted, checked; and what they say of workers.

use super::super::appraisal::{RatingSums, appraisal};
use super::super::signature::Strokes;
use super::super::statement::{Language, statement};
use super::*;
use crate::model::department::Department;
use crate::model::paid_service::{PaidServiceCreated, PriceLine, amount_fen};
use crate::model::work_order::{Ratings, Relation};
use crate::rules::{DeadlineState, Status, projection};

const DAY: i64 = 24 * 60 * MINUTE;
const ITEM: RecordId = RecordId([9; 16]);

pub(super) fn opened(quantity_milli: i64, unit_price_fen: i64) -> Command {
    let line = PriceLine {
        item: ITEM,
        name: "日常保洁".to_owned(),
        measure: "小时".to_owned(),
        quantity_milli,
        unit_price_fen,
    };
    let created = PaidServiceCreated {
        reception: Some(RecordId([8; 16])),
        unit: "3-2-1501".to_owned(),
        group: None,
        contact: None,
        description: "全屋保洁".to_owned(),
        requirements: Some("家有老人，轻声".to_owned()),
        department: Department::CLEANING,
        appointment: Some("2026-11-25T10:00:00+08:00".to_owned()),
        lines: vec![line],
    };
    Command::Open { site: SITE, content: created.into() }
}

/// A paid service of two hours at 50 yuan, told to its department and given to person 33.
pub(super) fn story() -> (Story, Writer, Writer) {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(&mut desk, opened(2_000, 5_000));
    story.step(&mut desk, "notified", json!({}));
    story.write(&mut desk, Command::Assign { person: PersonId(33) });
    let worker = story.writer(33, Role::ServiceWorker);
    (story, desk, worker)
}

/// The whole visit up to the end of work, on time.
pub(super) fn finished(story: &mut Story, worker: &mut Writer) -> FactKey {
    story.now_ms = NINE + 60 * MINUTE;
    let visit = story.step(worker, "set_out", json!({ "grade": 2, "paid_service": true }));
    let prepared = json!({ "appearance": true, "instructions_acknowledged": true, "materials": true, "tools": true, "trained": true, "visit": visit });
    story.step(worker, "prepare", prepared);
    for fact_type in [
        "ring",
        "introduce",
        "shoe_covers",
        "enter",
        "scope_confirmed",
        "valuables_reminded",
        "start_work",
        "finish_work",
    ] {
        story.step(worker, fact_type, json!({ "visit": visit }));
    }
    let tidy = json!({ "equipment_wiped": true, "floor_clean": true, "tools_counted": true, "visit": visit });
    story.step(worker, "tidy", tidy);
    let explain = json!({ "care": true, "cause": true, "correct_use": true, "visit": visit });
    story.step(worker, "explain", explain);
    visit
}

fn signed(visit: FactKey) -> Command {
    Command::Sign {
        visit,
        language: Language::ZhCn,
        text_sha256: None,
        strokes: Strokes {
            width: 1_000,
            height: 400,
            strokes: vec![vec![(100, 100), (200, 120), (240, 300)], vec![(300, 90), (420, 250)]],
        },
        relation: Relation::Owner,
        contact: None,
        ratings: Ratings { quality: 5, attitude: 4, conduct: 3 },
    }
}

fn charged(story: &mut Story, worker: &mut Writer, visit: FactKey, fen: i64) -> FactKey {
    let charge = json!({ "amount_fen": fen, "method": "cash", "visit": visit });
    story.step(worker, "charged", charge)
}

fn accepted(visit: FactKey) -> Value {
    json!({ "accepted": true, "opinion": "很干净", "visit": visit })
}

/// R6.5
#[test]
fn a_paid_service_goes_from_reception_to_the_department_and_through_its_visit_to_the_check() {
    let (mut story, mut desk, mut worker) = story();
    assert_eq!(story.review().status, Status::Dispatched);
    let visit = finished(&mut story, &mut worker);
    charged(&mut story, &mut worker, visit, 10_000);
    story.step(&mut worker, "acceptance", accepted(visit));
    story.write(&mut worker, signed(visit));
    story.step(&mut worker, "farewell", json!({ "visit": visit }));
    let review = story.review();
    assert_eq!(review.status, Status::Finished);
    assert_eq!(codes(&review), [""; 0]);
    assert_eq!(open_cases(&review), [""; 0]);
    let names: Vec<&str> = review.deadlines.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["on_site", "call_back", "quality_checked"]);
    assert_eq!(review.deadlines[0].state, DeadlineState::Met);
    let row = projection(&review);
    assert_eq!((row.category.as_deref(), row.assignee), (Some("paid"), Some(PersonId(33))));
    story.step(&mut desk, "returned", json!({}));
    story.step(&mut desk, "closed", json!({}));
    assert_eq!(story.review().status, Status::Closed);
}

/// R6.7
#[test]
fn only_the_supervisor_checks_the_quality_and_only_of_finished_work() {
    let (mut story, _, mut worker) = story();
    let early = story.step(&mut worker, "set_out", json!({ "grade": 2, "paid_service": true }));
    let check = |visit| {
        step(
            "quality_checked",
            json!({ "quality": 5, "satisfaction": 4, "text": "t", "visit": visit }),
        )
    };
    let supervisor = story.writer(40, Role::Supervisor);
    assert_eq!(story.deny(&supervisor, &check(early)), DenialCode::PreconditionMissing);
    let visit = finished(&mut story, &mut worker);
    for role in Role::ALL {
        let writer = story.writer(50, role);
        let expected = if role == Role::Supervisor { Ok(()) } else { Err(DenialCode::NotYourRole) };
        let result = story.try_write_on(&writer, &check(visit), &story.facts);
        assert_eq!(result.map(|_| ()).map_err(|d| d.code), expected, "{role:?}");
    }
    let bad = json!({ "quality": 6, "satisfaction": 4, "text": "t", "visit": visit });
    assert_eq!(story.deny(&supervisor, &step("quality_checked", bad)), DenialCode::OutOfRange);
}

/// R6.7
#[test]
fn the_quality_check_is_due_two_days_after_the_work() {
    let (mut story, _, mut worker) = story();
    let visit = finished(&mut story, &mut worker);
    let done = story.now_ms;
    let state = |story: &Story| {
        let review = story.review();
        let deadline = review.deadlines.iter().find(|d| d.name == "quality_checked").cloned();
        deadline.map(|d| (d.of, d.due_ms, d.state, d.tells))
    };
    let expected = |state| Some((Some(visit), Some(done + 2 * DAY), state, vec![Role::Supervisor]));
    story.now_ms = done + 2 * DAY;
    assert_eq!(state(&story), expected(DeadlineState::Running));
    story.after(1);
    assert_eq!(state(&story), expected(DeadlineState::Breached));
}

/// R6.5
#[test]
fn a_visit_of_a_paid_service_is_one_whatever_it_says_of_itself() {
    let (mut story, _, mut worker) = story();
    story.now_ms = NINE + 60 * MINUTE;
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    story.step(&mut worker, "start_work", json!({ "visit": visit }));
    let review = story.review();
    assert!(review.visits[0].paid_service);
    let codes = codes(&review);
    assert!(codes.contains(&"scope_not_confirmed"), "{codes:?}");
    assert!(codes.contains(&"valuables_not_reminded"), "{codes:?}");
}

/// R6.6
#[test]
fn signed_paid_work_that_nobody_asked_the_customer_to_accept_deviates() {
    let (mut story, _, mut worker) = story();
    let visit = finished(&mut story, &mut worker);
    charged(&mut story, &mut worker, visit, 10_000);
    story.write(&mut worker, signed(visit));
    assert_eq!(codes(&story.review()), ["acceptance_not_asked"]);
}

/// R6.6
#[test]
fn the_customer_reads_the_acceptance_and_the_opinion_before_signing() {
    let (mut story, _, mut worker) = story();
    let visit = finished(&mut story, &mut worker);
    charged(&mut story, &mut worker, visit, 10_000);
    story.step(&mut worker, "acceptance", accepted(visit));
    let text = statement(&story.review(), visit, Language::ZhCn).expect("a visit");
    assert_eq!(text.template, "visit/2/zh-CN");
    assert!(text.text.ends_with("签名确认。\n客户验收：通过\n意见：很干净\n"), "{}", text.text);
    // Said after the signature it is a change of what was signed.
    story.write(&mut worker, signed(visit));
    story.step(&mut worker, "acceptance", json!({ "accepted": false, "visit": visit }));
    assert_eq!(open_cases(&story.review()), ["changed_after_signature"]);
}

/// R6.8
#[test]
fn the_price_told_at_reception_is_the_price_of_the_charge_and_of_the_quote() {
    let (mut story, _, mut worker) = story();
    let visit = finished(&mut story, &mut worker);
    charged(&mut story, &mut worker, visit, 9_999);
    let review = story.review();
    assert_eq!(open_cases(&review), ["money_not_equal"]);
    let case = review.open_cases().next().expect("one");
    assert_eq!(
        (&case.params["against"], &case.params["other_fen"]),
        (&json!("told"), &json!(10_000))
    );
    assert_eq!(codes(&review), [""; 0], "told beforehand is quoted beforehand");
    let line = |amount_fen: i64| json!([{ "amount_fen": amount_fen, "item": ITEM, "name": "日常保洁", "quantity_milli": 3_000 }]);
    let quote =
        |amount_fen| json!({ "amount_fen": amount_fen, "items": line(amount_fen), "visit": visit });
    story.step(&mut worker, "quoted", quote(15_000));
    assert_eq!(open_cases(&story.review()), ["money_not_equal"]);
    story.step(&mut worker, "quoted", quote(14_000));
    assert_eq!(open_cases(&story.review()), ["money_not_equal", "price_differs"]);
}

/// R6.8
#[test]
fn half_a_fen_is_rounded_up_and_no_number_overflows() {
    for (price, milli, expected) in [
        (5_000, 2_000, 10_000),
        (333, 1_500, 500),
        (1, 499, 0),
        (1, 500, 1),
        (i64::MAX, i64::MAX, i64::MAX),
        (i64::MIN, i64::MAX, i64::MIN),
        (0, i64::MIN, 0),
    ] {
        assert_eq!(amount_fen(price, milli), expected, "{price} x {milli}");
    }
}

/// R6.5
#[test]
fn steps_of_visits_belong_to_orders_and_paid_services_and_to_nothing_else() {
    let (mut story, _, _) = story();
    let mut hand_over = Story::new();
    let mut desk = hand_over.desk();
    hand_over.write(&mut desk, super::hand_overs::opened());
    let worker = hand_over.technician(31);
    let set_out = step("set_out", json!({ "grade": 2 }));
    assert_eq!(hand_over.deny(&worker, &set_out), DenialCode::WrongKind);
    assert_eq!(story.deny(&desk, &set_out), DenialCode::NotYourRole);
    let technician = story.technician(31);
    assert!(story.try_write_on(&technician, &set_out, &story.facts).is_ok());
}

/// R6.9
#[test]
fn each_workers_orders_ratings_complaints_and_income_are_counted_once() {
    let (mut first, _, mut worker) = story();
    let visit = finished(&mut first, &mut worker);
    let charge = charged(&mut first, &mut worker, visit, 10_000);
    first.step(&mut worker, "acceptance", accepted(visit));
    first.write(&mut worker, signed(visit));
    let mut supervisor = first.writer(40, Role::Supervisor);
    let check = json!({ "quality": 5, "satisfaction": 4, "text": "t", "visit": visit });
    first.step(&mut supervisor, "quality_checked", check);
    let mut desk = first.writer(12, Role::FrontDesk);
    desk.n = 100;
    let refund = json!({ "amount_fen": 1_000, "charge": charge, "method": "cash", "visit": visit });
    first.step(&mut desk, "refunded", refund);
    let (mut second, _, mut other) = story();
    second.record = RecordId([2; 16]);
    second.step(&mut other, "set_out", json!({ "grade": 2, "paid_service": true }));
    // A complaint names the worker it is about.
    let about = |number: u8, validity: &str| {
        let mut story = Story::new();
        story.record = RecordId([number; 16]);
        let mut desk = story.desk();
        let open = json!({ "command": "open", "site": 7, "kind": "complaint", "about": 33,
            "subject": "cleaning", "description": "d" });
        story.write(&mut desk, serde_json::from_value(open).expect("a command"));
        story.write(&mut desk, Command::Note { text: "已了解".to_owned() });
        let mut judgement = json!({ "validity": validity, "reason": "r" });
        if validity == "valid" {
            judgement["severity"] = json!("minor");
        }
        story.write(&mut desk, set("judgement", judgement));
        story.review()
    };
    // Who lets off steam complains of nobody's work.
    let (complaint, vented) = (about(3, "valid"), about(4, "venting"));
    let reviews = [first.review(), second.review(), complaint, vented, first.review()];
    let rows = appraisal(&reviews, NINE, NINE + DAY);
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), [PersonId(33)]);
    let row = &rows[&PersonId(33)];
    assert_eq!((row.orders, row.finished, row.rated, row.checked), (2, 1, 1, 1));
    assert_eq!(row.ratings, RatingSums { quality: 5, attitude: 4, conduct: 3 });
    assert_eq!((row.quality, row.satisfaction, row.complaints), (5, 4, 1));
    assert_eq!(row.income_fen, 9_000);
    assert!(appraisal(&reviews, NINE + DAY, NINE + 2 * DAY).is_empty());
}
