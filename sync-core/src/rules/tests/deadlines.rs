//! 三 3.1 and 3.2: filled, told, on site, done; unknown where it cannot be judged.

use super::super::deadlines::DeadlineState::{
    self, Breached, Excused, Met, Paused, Running, Unknown,
};
use super::*;

fn state(review: &Review, name: &str) -> Option<DeadlineState> {
    review.deadlines.iter().find(|deadline| deadline.name == name).map(|deadline| deadline.state)
}

/// R3.1
#[test]
fn a_household_order_is_filled_in_five_minutes() {
    for (late_ms, expected) in [(0, Met), (1, Breached)] {
        let mut story = Story::new();
        let mut desk = story.desk();
        story.write(&mut desk, order(Priority::Urgent));
        assert_eq!(state(&story.review(), "filled"), Some(Running));
        story.after(5 * MINUTE + late_ms);
        story.step(&mut desk, "dispatched", json!({}));
        assert_eq!(state(&story.review(), "filled"), Some(expected));
    }
}

/// R3.2
#[test]
fn engineering_is_told_of_it_in_two_minutes() {
    for (late_ms, expected) in [(0, Met), (1, Breached)] {
        let mut story = Story::new();
        let mut desk = story.desk();
        story.write(&mut desk, order(Priority::Urgent));
        story.step(&mut desk, "dispatched", json!({}));
        story.after(2 * MINUTE + late_ms);
        story.step(&mut desk, "told", json!({}));
        assert_eq!(state(&story.review(), "told"), Some(expected));
    }
}

/// R3.4, R3.6
#[test]
fn an_urgent_order_is_on_site_fifteen_minutes_after_the_receipt() {
    for (late_ms, expected) in [(0, Met), (1, Breached)] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        story.after(MINUTE);
        story.step(&mut worker, "received", json!({}));
        let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
        story.after(15 * MINUTE + late_ms);
        story.step(&mut worker, "ring", json!({ "visit": visit }));
        assert_eq!(state(&story.review(), "on_site"), Some(expected));
        assert_eq!(state(&story.review(), "done"), None, "urgent orders are done on the spot");
    }
}

/// R3.10, R3.11
#[test]
fn a_public_order_has_three_five_and_ten_minutes() {
    for (late_ms, expected) in [(0, Met), (1, Breached)] {
        let mut story = Story::new();
        let (mut desk, mut lead) = (story.desk(), story.writer(20, Role::EngineeringLead));
        let Command::CreateWorkOrder { site, mut order } = order(Priority::Urgent) else {
            panic!("an order")
        };
        (order.category, order.unit, order.place) =
            (Category::Public, None, Some("大堂".to_owned()));
        story.write(&mut desk, Command::CreateWorkOrder { site, order });
        story.after(3 * MINUTE + late_ms);
        story.step(&mut desk, "dispatched", json!({}));
        story.after(5 * MINUTE + late_ms);
        story.step(&mut desk, "told", json!({}));
        story.step(&mut lead, "received", json!({}));
        let mut worker = story.technician(31);
        let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
        story.after(10 * MINUTE + late_ms);
        story.step(&mut worker, "knock", json!({ "visit": visit }));
        for name in ["filled", "told", "on_site"] {
            assert_eq!(state(&story.review(), name), Some(expected), "{name}");
        }
    }
}

/// R3.5, R3.7, R3.8
#[test]
fn an_appointed_order_is_done_two_days_later_in_the_sites_zone_or_excused() {
    let appointed = || {
        let mut story = Story::new();
        let mut desk = story.desk();
        story.write(&mut desk, order(Priority::Appointed));
        story.write(&mut desk, set("appointment", json!("2026-11-26T10:00:00+08:00")));
        (story, NINE + 25 * 3_600_000)
    };
    let two_days = 2 * 24 * 3_600_000;
    let (mut story, at) = appointed();
    story.now_ms = at + two_days;
    assert_eq!(state(&story.review(), "done"), Some(Running));
    let mut worker = story.technician(31);
    story.after(1);
    // Whoever went may have no signal: nobody can say yet.
    assert_eq!(state(&story.review(), "done"), Some(Unknown));
    story.step(&mut worker, "received", json!({}));
    assert_eq!(state(&story.review(), "done"), Some(Breached));
    assert_eq!(state(&story.review(), "on_site"), Some(Breached));
    story.step(&mut worker, "waiting_for_parts", json!({ "reason": "阀门要订货" }));
    assert_eq!(state(&story.review(), "done"), Some(Excused));
}

/// R3.7
#[test]
fn two_days_across_a_change_of_clocks_end_at_the_same_time_of_day() {
    let mut story = Story::new();
    story.policy.time_zone = "Europe/Berlin".to_owned();
    let mut desk = story.desk();
    story.write(&mut desk, order(Priority::Appointed));
    // Clocks go back on 2026-10-25: two days then have 49 hours.
    story.write(&mut desk, set("appointment", json!("2026-10-24T10:00:00+02:00")));
    let done = story.review().deadlines.into_iter().find(|deadline| deadline.name == "done");
    let from = chrono::DateTime::parse_from_rfc3339("2026-10-24T10:00:00+02:00").expect("a time");
    assert_eq!(done.and_then(|done| done.due_ms), Some(from.timestamp_millis() + 49 * 3_600_000));
}

/// R3.12
#[test]
fn an_unverified_clock_makes_a_limit_unknown_not_breached() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    story.sessions.get_mut(&worker.session).expect("there").anchor = None;
    story.step(&mut worker, "received", json!({}));
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    story.after(60 * MINUTE);
    story.step(&mut worker, "ring", json!({ "visit": visit }));
    assert_eq!(state(&story.review(), "on_site"), Some(Unknown));
}

/// R0.8
#[test]
fn a_record_is_judged_by_the_policy_in_force_when_it_was_created() {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(&mut desk, order(Priority::Urgent));
    let later =
        SlaPolicy { version: 2, from_ms: NINE + 1, household_filled_ms: 1, ..story.policy.clone() };
    let policies = [story.policy.clone(), later];
    let review = review(&ReviewInput {
        record: story.record,
        facts: &story.facts,
        sessions: &story.sessions,
        policies: &policies,
        now_ms: NINE + MINUTE,
    });
    assert_eq!((review.policy_version, state(&review, "filled")), (1, Some(Running)));
    assert_eq!(review.status_until_ms, Some(NINE + 5 * MINUTE + 1));
}

/// R3.3, R3.21
#[test]
fn an_order_declined_and_given_to_another_counts_from_the_second_receipt() {
    let (mut story, mut desk) = Story::dispatched();
    let (mut first, mut second) = (story.technician(31), story.technician(32));
    story.step(&mut first, "received", json!({}));
    story.step(&mut first, "declined", json!({ "reason": "在别处抢修" }));
    assert_eq!(story.review().status, super::super::Status::Declined);
    story.step(&mut desk, "dispatched", json!({}));
    assert_eq!(story.review().status, super::super::Status::Dispatched);
    story.after(20 * MINUTE);
    story.step(&mut second, "received", json!({}));
    let visit = story.step(&mut second, "set_out", json!({ "grade": 2 }));
    story.after(14 * MINUTE);
    story.step(&mut second, "ring", json!({ "visit": visit }));
    assert_eq!(state(&story.review(), "on_site"), Some(Met));
}

/// R3.18
#[test]
fn a_cancelled_order_misses_nothing_more() {
    let (mut story, mut desk) = Story::dispatched();
    story.step(&mut desk, "cancelled", json!({ "reason": "客户改期" }));
    story.after(24 * 60 * MINUTE);
    let review = story.review();
    assert_eq!(state(&review, "filled"), Some(Met));
    assert_eq!(state(&review, "told"), None);
}

#[test]
fn a_clock_at_the_end_of_time_is_no_panic() {
    let limit = crate::model::canonical::INTEGER_MAX;
    for at_ms in [limit, -limit, 8_210_266_876_799_999, 253_402_300_800_000] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
        let charge = json!({ "visit": visit, "amount_fen": 1, "method": "cash" });
        story.step(&mut worker, "charged", charge);
        for fact in &mut story.facts {
            fact.wall_ms = at_ms;
            fact.monotonic_ms = fact.monotonic_ms.map(|_| at_ms);
        }
        story.now_ms = at_ms;
        for anchored in [true, false] {
            if !anchored {
                story.sessions.values_mut().for_each(|row| row.anchor = None);
            }
            assert_eq!(story.review().timeline.len(), story.facts.len());
        }
    }
}

/// R3.12
#[test]
fn what_no_phone_has_reported_is_unknown_and_what_one_reported_since_is_late() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    story.step(&mut worker, "received", json!({}));
    story.after(15 * MINUTE);
    assert_eq!(state(&story.review(), "on_site"), Some(Running));
    story.after(1);
    assert_eq!(state(&story.review(), "on_site"), Some(Unknown));
    story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    assert_eq!(state(&story.review(), "on_site"), Some(Breached));
}

/// R3.11
#[test]
fn a_public_facility_has_no_bell_the_work_begins_on_site() {
    let mut story = Story::new();
    let mut desk = story.desk();
    let Command::CreateWorkOrder { site, mut order } = order(Priority::Urgent) else { panic!() };
    order.category = Category::Public;
    story.write(&mut desk, Command::CreateWorkOrder { site, order });
    let mut worker = story.technician(31);
    story.step(&mut worker, "received", json!({}));
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    story.after(10 * MINUTE);
    story.step(&mut worker, "start_work", json!({ "visit": visit }));
    assert_eq!(state(&story.review(), "on_site"), Some(Met));
}

/// R3.5
#[test]
fn an_arrival_before_the_appointment_was_made_is_not_its_arrival() {
    let mut story = Story::new();
    let (mut desk, mut worker) = (story.desk(), story.technician(31));
    story.write(&mut desk, order(Priority::Appointed));
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    story.step(&mut worker, "ring", json!({ "visit": visit }));
    let tomorrow = "2026-11-26T10:00:00+08:00";
    story.write(&mut desk, set("appointment", json!(tomorrow)));
    assert_eq!(state(&story.review(), "on_site"), Some(Running));
    story.after(25 * 60 * MINUTE);
    let again = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    story.step(&mut worker, "ring", json!({ "visit": again }));
    assert_eq!(state(&story.review(), "on_site"), Some(Met));
}

/// R3.35
#[test]
fn the_customer_is_called_back_within_a_day_of_completion() {
    for (late_ms, expected) in [(0, Met), (1, Breached)] {
        let (mut story, mut desk) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
        assert_eq!(state(&story.review(), "call_back"), None);
        story.step(&mut worker, "finish_work", json!({ "visit": visit }));
        assert_eq!(state(&story.review(), "call_back"), Some(Running));
        story.after(24 * 60 * MINUTE + late_ms);
        story.step(&mut desk, "called_back", json!({ "visit": visit, "text": "满意" }));
        assert_eq!(state(&story.review(), "call_back"), Some(expected));
    }
}

/// R3.18
#[test]
fn nothing_is_due_on_a_cancelled_order() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    story.step(&mut worker, "received", json!({}));
    assert!(story.review().status_until_ms.is_some());
    story.step(&mut desk, "cancelled", json!({ "reason": "客户自己修好了" }));
    assert_eq!(state(&story.review(), "on_site"), None);
    assert_eq!(story.review().status_until_ms, None);
}

fn due(review: &Review, name: &str) -> Option<i64> {
    review.deadlines.iter().find(|deadline| deadline.name == name)?.due_ms
}

fn pause(names: &[&str]) -> Command {
    let deadlines = names.iter().map(|name| (*name).to_owned()).collect();
    Command::PauseDeadline { deadlines, reason: "客户要求下午再来".to_owned() }
}

/// R3.13
#[test]
fn a_priority_change_counts_from_the_original_start_and_keeps_all_pauses() {
    let mut story = Story::new();
    let (mut desk, mut worker) = (story.desk(), story.technician(31));
    story.write(&mut desk, order(Priority::Appointed));
    story.step(&mut desk, "dispatched", json!({}));
    story.after(MINUTE);
    story.step(&mut worker, "received", json!({}));
    let received = story.now_ms;
    story.after(2 * MINUTE);
    let paused = story.write(&mut desk, pause(&[]));
    story.after(3 * MINUTE);
    story.write(&mut desk, Command::ResumeDeadline { of: paused });
    assert_eq!(state(&story.review(), "on_site"), None, "nothing is appointed");
    let days = NINE + 2 * 24 * 60 * MINUTE + 3 * MINUTE;
    assert_eq!(due(&story.review(), "done"), Some(days));
    story.after(4 * MINUTE);
    story.write(&mut desk, set("priority", json!("urgent")));
    let review = story.review();
    assert_eq!(due(&review, "on_site"), Some(received + 18 * MINUTE), "not from the change on");
    assert_eq!(state(&review, "done"), None);
    story.after(2 * 24 * 60 * MINUTE);
    story.write(&mut desk, set("priority", json!("appointed")));
    assert_eq!(due(&story.review(), "done"), Some(days), "nor from the change back");
}

/// R3.15
#[test]
fn a_pause_holds_the_orders_deadlines_and_its_next_change() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    story.step(&mut worker, "received", json!({}));
    story.after(10 * MINUTE);
    let paused = story.write(&mut desk, pause(&["on_site"]));
    let review = story.review();
    assert_eq!((state(&review, "on_site"), due(&review, "on_site")), (Some(Paused), None));
    assert_eq!(review.status_until_ms, None, "nothing changes by itself");
    story.after(60 * MINUTE);
    story.write(&mut desk, Command::ResumeDeadline { of: paused });
    let review = story.review();
    assert_eq!(due(&review, "on_site"), Some(NINE + 75 * MINUTE));
    assert_eq!(review.status_until_ms, Some(NINE + 75 * MINUTE + 1));
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    story.after(6 * MINUTE);
    story.step(&mut worker, "ring", json!({ "visit": visit }));
    let review = story.review();
    let on_site = review.deadlines.iter().find(|deadline| deadline.name == "on_site");
    let late_ms = on_site.and_then(|deadline| deadline.late_ms);
    assert_eq!((state(&review, "on_site"), late_ms), (Some(Breached), Some(MINUTE)));
}

#[test]
fn what_was_paused_before_an_appointment_was_made_does_not_move_it() {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(&mut desk, order(Priority::Appointed));
    let paused = story.write(&mut desk, pause(&[]));
    story.after(60 * MINUTE);
    story.write(&mut desk, Command::ResumeDeadline { of: paused });
    story.write(&mut desk, set("appointment", json!("2026-11-26T10:00:00+08:00")));
    let appointed = NINE + 25 * 60 * MINUTE;
    let review = story.review();
    assert_eq!(due(&review, "on_site"), Some(appointed));
    assert_eq!(due(&review, "done"), Some(appointed + 2 * 24 * 60 * MINUTE));
    let again = story.write(&mut desk, pause(&[]));
    story.after(30 * MINUTE);
    story.write(&mut desk, Command::ResumeDeadline { of: again });
    let review = story.review();
    assert_eq!(due(&review, "on_site"), Some(appointed + 30 * MINUTE));
    // The two days begin with the appointment, and nothing was paused in them.
    assert_eq!(due(&review, "done"), Some(appointed + 2 * 24 * 60 * MINUTE));
}

/// R3.8
#[test]
fn waiting_for_parts_excuses_what_no_pause_stopped() {
    let mut story = Story::new();
    let (mut desk, mut worker) = (story.desk(), story.technician(31));
    story.write(&mut desk, order(Priority::Appointed));
    story.step(&mut worker, "waiting_for_parts", json!({ "reason": "阀门要订货" }));
    assert_eq!(state(&story.review(), "done"), Some(Running));
    let paused = story.write(&mut desk, pause(&["done"]));
    story.after(3 * 24 * 60 * MINUTE);
    assert_eq!(state(&story.review(), "done"), Some(Paused));
    story.write(&mut desk, Command::ResumeDeadline { of: paused });
    assert_eq!(state(&story.review(), "done"), Some(Running));
    story.after(2 * 24 * 60 * MINUTE + 1);
    assert_eq!(state(&story.review(), "done"), Some(Excused));
}
