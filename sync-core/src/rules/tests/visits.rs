//! DOMAIN 4: every step, wait and deviation.

use super::*;

fn prepared(story: &mut Story, worker: &mut Writer, grade: u8) -> FactKey {
    let visit = story.step(worker, "set_out", json!({ "grade": grade }));
    let all = json!({ "visit": visit, "appearance": true, "tools": true, "materials": true,
        "instructions_acknowledged": true, "trained": true });
    story.step(worker, "prepare", all);
    visit
}

fn of(visit: FactKey) -> Value {
    json!({ "visit": visit })
}

/// A visit without deviations, up to the farewell.
fn whole_visit(story: &mut Story, worker: &mut Writer) -> FactKey {
    let visit = prepared(story, worker, 2);
    for (fact_type, wait_ms) in [
        ("ring", 60_000),
        ("ring", 5_100),
        ("introduce", 10_000),
        ("enter", 5_000),
        ("shoe_covers", 5_000),
        ("start_work", 60_000),
        ("finish_work", 1_800_000),
    ] {
        story.after(wait_ms);
        story.step(worker, fact_type, of(visit));
    }
    story.step(worker, "tidy", json!({ "visit": visit, "equipment_wiped": true, "floor_clean": true, "tools_counted": true }));
    story.step(
        worker,
        "explain",
        json!({ "visit": visit, "cause": true, "care": true, "correct_use": true }),
    );
    story.step(worker, "sign_absent", json!({ "visit": visit, "reason": "客户有事外出" }));
    story.step(worker, "farewell", of(visit));
    visit
}

/// R4.1, R4.12, R4.17
#[test]
fn a_visit_by_the_book_has_no_deviation() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    story.step(&mut worker, "received", json!({}));
    let visit = whole_visit(&mut story, &mut worker);
    let review = story.review();
    assert_eq!(codes(&review), Vec::<&str>::new());
    assert_eq!(open_cases(&review), Vec::<&str>::new());
    assert_eq!(review.visits[0].visit, visit);
    assert_eq!(review.visits[0].state, super::super::visit::VisitState::Finished);
    let waits: Vec<_> = review.visits[0].waits.iter().map(|w| (w.name.as_str(), w.ms)).collect();
    assert_eq!(waits, [("ring_pause", Some(5_100)), ("work", Some(1_800_000))]);
    assert_eq!(review.status, super::super::Status::Finished);
}

/// R4.6
#[test]
fn the_second_ring_comes_after_five_seconds() {
    for (pause_ms, expected) in [(4_999, &["ring_too_soon"][..]), (5_000, &[])] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = prepared(&mut story, &mut worker, 3);
        story.step(&mut worker, "ring", of(visit));
        story.after(pause_ms);
        story.step(&mut worker, "ring", of(visit));
        assert_eq!(codes(&story.review()), expected, "{pause_ms}");
    }
}

/// R4.7
#[test]
fn the_third_knock_comes_after_a_pause_of_one_second() {
    for (pause_ms, expected) in [(999, &["knock_too_soon"][..]), (1_000, &[])] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = prepared(&mut story, &mut worker, 3);
        for wait_ms in [0, 300, pause_ms] {
            story.after(wait_ms);
            story.step(&mut worker, "knock", of(visit));
        }
        assert_eq!(codes(&story.review()), expected, "{pause_ms}");
    }
}

/// R4.9
#[test]
fn nobody_leaves_before_three_minutes_are_over() {
    for (wait_ms, expected) in [(179_999, &["left_early"][..]), (180_000, &[])] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = prepared(&mut story, &mut worker, 3);
        story.step(&mut worker, "ring", of(visit));
        story.after(5_000);
        story.step(&mut worker, "ring", of(visit));
        story.after(wait_ms);
        story.step(
            &mut worker,
            "no_answer",
            json!({ "visit": visit, "via": "radio", "answered_by": "陈静" }),
        );
        let review = story.review();
        assert_eq!(codes(&review), expected, "{wait_ms}");
        assert_eq!(review.status, super::super::Status::NoAnswer);
    }
}

/// R4.8
#[test]
fn one_ring_or_two_knocks_are_too_few_before_leaving() {
    for (signals, expected) in [
        (&["ring"][..], "rang_too_few"),
        (&["knock", "knock"][..], "knocked_too_few"),
        (&[][..], "rang_too_few"),
    ] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = prepared(&mut story, &mut worker, 3);
        for signal in signals {
            story.step(&mut worker, signal, of(visit));
        }
        story.after(10 * MINUTE);
        story.step(
            &mut worker,
            "no_answer",
            json!({ "visit": visit, "via": "phone", "answered_by": "陈静" }),
        );
        assert_eq!(codes(&story.review()), [expected]);
    }
}

/// R4.3, R4.13
#[test]
fn shoe_covers_are_required_at_grades_one_and_two() {
    for (grade, expected) in [(1, true), (2, true), (3, false), (5, false)] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = prepared(&mut story, &mut worker, grade);
        for fact_type in ["ring", "introduce", "enter", "start_work"] {
            story.step(&mut worker, fact_type, of(visit));
        }
        assert_eq!(codes(&story.review()).contains(&"no_shoe_covers"), expected, "grade {grade}");
    }
}

/// R4.32
#[test]
fn a_step_stated_afterwards_never_satisfies_a_timed_wait() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = prepared(&mut story, &mut worker, 3);
    story.step(&mut worker, "ring", of(visit));
    story.after(1_000);
    let Command::Record { fact, .. } = step("ring", of(visit)) else { panic!("a step") };
    let said = Command::Record {
        fact,
        said_at_ms: Some(story.now_ms + 60_000),
        on_behalf_of: None,
        corrects: Vec::new(),
    };
    story.write(&mut worker, said);
    let review = story.review();
    assert_eq!(review.visits[0].waits[0].ms, None);
    assert_eq!(codes(&review), Vec::<&str>::new());
    assert!(review.timeline.iter().any(|entry| entry.said_at_ms.is_some()));
}

/// R3.24, R4.18, R4.19, R4.20, R4.21, R4.28
#[test]
fn each_missing_or_careless_step_is_shown() {
    let bad = |fact_type: &str, content: Value, expected: &str| {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = prepared(&mut story, &mut worker, 3);
        for fact_type in ["ring", "introduce", "enter", "start_work"] {
            story.step(&mut worker, fact_type, of(visit));
        }
        let mut content = content;
        content["visit"] = json!(visit);
        story.step(&mut worker, fact_type, content);
        assert!(codes(&story.review()).contains(&expected), "{expected}");
    };
    bad(
        "unable_to_finish",
        json!({ "reason": "缺件", "explained": false }),
        "not_explained_to_customer",
    );
    bad(
        "left_midway",
        json!({ "customer_asked": false, "tidied": true, "reason": "下班" }),
        "left_without_being_asked",
    );
    bad(
        "left_midway",
        json!({ "customer_asked": true, "tidied": false, "reason": "客户要求" }),
        "left_untidied",
    );
    bad(
        "tidy",
        json!({ "equipment_wiped": true, "floor_clean": false, "tools_counted": true }),
        "tidied_incompletely",
    );
    bad(
        "explain",
        json!({ "cause": true, "care": false, "correct_use": true }),
        "explained_incompletely",
    );
    bad("charged", json!({ "amount_fen": 100, "method": "cash" }), "worked_without_quote");
    bad("ring", json!({}), "out_of_order");
}

/// R4.4, R4.14, R4.15, R4.16, R4.20, R4.28
#[test]
fn a_visit_that_skips_the_door_and_the_end_shows_what_is_missing() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 1, "paid_service": true }));
    for fact_type in ["entered_with_key", "start_work", "finish_work", "farewell"] {
        story.step(&mut worker, fact_type, of(visit));
    }
    assert_eq!(
        codes(&story.review()),
        [
            "cause_not_explained",
            "entered_unannounced",
            "key_not_received",
            "no_shoe_covers",
            "not_prepared",
            "not_signed",
            "not_tidied",
            "scope_not_confirmed",
            "valuables_not_reminded",
        ]
    );
}

/// R4.4, R4.5, R4.15
#[test]
fn a_key_signed_out_is_to_be_returned_and_an_untrained_worker_is_shown() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    story.step(
        &mut worker,
        "prepare",
        json!({ "visit": visit, "appearance": true, "tools": true,
        "materials": false, "instructions_acknowledged": true, "trained": false }),
    );
    for fact_type in
        ["key_received", "knock", "entered_with_key", "start_work", "finish_work", "farewell"]
    {
        story.step(&mut worker, fact_type, of(visit));
    }
    let review = story.review();
    for code in ["key_not_returned", "not_trained", "prepared_incompletely"] {
        assert!(codes(&review).contains(&code), "{code}");
    }
    assert!(!codes(&review).contains(&"key_not_received"));
    story.step(&mut worker, "key_returned", of(visit));
    assert!(!codes(&story.review()).contains(&"key_not_returned"));
}

/// R4.2
#[test]
fn a_wall_clock_three_hours_wrong_and_set_back_in_mid_visit_changes_nothing() {
    let honest = {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        whole_visit(&mut story, &mut worker);
        story
    };
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    worker.wall_offset_ms = 3 * 3_600_000;
    let visit = prepared(&mut story, &mut worker, 2);
    for (index, (fact_type, wait_ms)) in [
        ("ring", 60_000),
        ("ring", 5_100),
        ("introduce", 10_000),
        ("enter", 5_000),
        ("shoe_covers", 5_000),
        ("start_work", 60_000),
        ("finish_work", 1_800_000),
    ]
    .into_iter()
    .enumerate()
    {
        if index == 4 {
            worker.wall_offset_ms = -3 * 3_600_000;
        }
        story.after(wait_ms);
        story.step(&mut worker, fact_type, of(visit));
    }
    let (wrong, right) = (story.review(), honest.review());
    assert_eq!(wrong.visits[0].waits, right.visits[0].waits);
    let times = |review: &Review| {
        review.timeline.iter().map(|e| (e.fact_type.clone(), e.at_ms)).collect::<Vec<_>>()
    };
    assert_eq!(times(&wrong)[..10], times(&right)[..10]);
    assert!(wrong.timeline.iter().all(|entry| entry.verified));
}

/// R4.2
#[test]
fn a_new_boot_in_mid_visit_is_measured_by_anchors_or_unknown() {
    for anchored in [true, false] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = prepared(&mut story, &mut worker, 3);
        story.step(&mut worker, "ring", of(visit));
        story.after(20_000);
        // The phone restarts: another session, another boot, its clock counts from zero.
        let mut row = story.sessions[&worker.session].clone();
        worker.session = SessionId([77; 8]);
        worker.booted_ms = story.now_ms - 8_000;
        row.session = worker.session;
        row.boot = BootId([77; 16]);
        row.anchor = anchored.then_some(Anchor { server_ms: worker.booted_ms, monotonic_ms: 0 });
        story.sessions.insert(row.session, row);
        story.step(&mut worker, "ring", of(visit));
        let review = story.review();
        assert_eq!(review.visits[0].waits[0].ms, anchored.then_some(20_000));
        assert_eq!(open_cases(&review).contains(&"clock_unverified"), !anchored);
        assert_eq!(review.timeline.last().map(|entry| entry.verified), Some(anchored));
    }
}

/// R4.33
#[test]
fn a_step_entered_for_somebody_else_never_satisfies_a_timed_wait() {
    let (mut story, _) = Story::dispatched();
    let mut supervisor = story.writer(40, Role::Supervisor);
    let enter = |fact_type: &str, content: Value| match step(fact_type, content) {
        Command::Record { fact, .. } => Command::Record {
            fact,
            said_at_ms: None,
            on_behalf_of: Some(PersonId(31)),
            corrects: Vec::new(),
        },
        other => other,
    };
    let visit = story.write(&mut supervisor, enter("set_out", json!({ "grade": 3 })));
    story.write(&mut supervisor, enter("ring", of(visit)));
    story.after(1_000);
    story.write(&mut supervisor, enter("ring", of(visit)));
    let review = story.review();
    assert_eq!(review.visits[0].waits[0].ms, None);
    assert_eq!(review.visits[0].person, Some(PersonId(31)), "the visit is the worker's");
}

/// R4.31
#[test]
fn what_the_desk_adds_later_does_not_stretch_a_visit() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = whole_visit(&mut story, &mut worker);
    let before = story.review().visits[0].to_ms;
    story.after(24 * 60 * MINUTE);
    story.step(&mut desk, "called_back", json!({ "visit": visit, "text": "满意" }));
    assert_eq!(story.review().visits[0].to_ms, before);
}

/// R3.24
#[test]
fn a_price_accepted_at_the_first_visit_holds_at_the_second() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let first = prepared(&mut story, &mut worker, 3);
    let quote = json!({ "visit": first, "amount_fen": 500, "items": [] });
    let quote = story.step(&mut worker, "quoted", quote);
    story.step(&mut worker, "quote_accepted", json!({ "quote": quote }));
    story.step(&mut worker, "waiting_for_parts", json!({ "reason": "缺件" }));
    let second = prepared(&mut story, &mut worker, 3);
    for fact_type in ["ring", "introduce", "enter", "start_work", "finish_work"] {
        story.step(&mut worker, fact_type, of(second));
    }
    let charge = json!({ "visit": second, "amount_fen": 600, "method": "cash" });
    story.step(&mut worker, "charged", charge);
    let review = story.review();
    assert!(!codes(&review).contains(&"worked_without_quote"));
    assert!(open_cases(&review).contains(&"money_not_equal"));
}

/// R4.13
#[test]
fn shoe_covers_may_go_on_before_the_step_inside() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = prepared(&mut story, &mut worker, 2);
    for fact_type in ["ring", "introduce", "shoe_covers", "enter", "start_work"] {
        story.step(&mut worker, fact_type, of(visit));
    }
    assert_eq!(codes(&story.review()), Vec::<&str>::new());
}

/// R4.30
#[test]
fn a_public_facility_has_no_door_and_no_customer() {
    let mut story = Story::new();
    let (mut desk, mut worker) = (story.desk(), story.technician(31));
    let Command::CreateWorkOrder { site, mut order } = order(Priority::Urgent) else { panic!() };
    order.category = Category::Public;
    story.write(&mut desk, Command::CreateWorkOrder { site, order });
    let visit = prepared(&mut story, &mut worker, 1);
    for fact_type in ["start_work", "finish_work"] {
        story.step(&mut worker, fact_type, of(visit));
    }
    let clean = json!({ "visit": visit, "equipment_wiped": true, "floor_clean": true,
        "tools_counted": true });
    story.step(&mut worker, "tidy", clean);
    story.step(&mut desk, "closed", json!({}));
    assert_eq!(codes(&story.review()), Vec::<&str>::new());
}

/// R4.21, R4.27, R4.29
#[test]
fn what_is_missing_shows_without_a_farewell_once_the_visit_is_over() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = prepared(&mut story, &mut worker, 3);
    for fact_type in ["ring", "introduce", "enter", "start_work", "finish_work"] {
        story.step(&mut worker, fact_type, of(visit));
    }
    assert_eq!(codes(&story.review()), Vec::<&str>::new(), "it may still come");
    let missing = ["cause_not_explained", "left_without_farewell", "not_signed", "not_tidied"];
    let mut gone = story.clone();
    gone.step(&mut worker.clone(), "set_out", json!({ "grade": 3 }));
    assert_eq!(codes(&gone.review()), missing);
    story.step(&mut desk, "closed", json!({}));
    assert_eq!(codes(&story.review()), missing);
}

/// R4.1, R4.11
#[test]
fn leaving_the_door_without_a_word_shows_at_the_next_visit() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = prepared(&mut story, &mut worker, 3);
    story.step(&mut worker, "ring", of(visit));
    assert_eq!(codes(&story.review()), Vec::<&str>::new());
    story.after(60 * MINUTE);
    story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    assert_eq!(codes(&story.review()), ["left_unannounced"]);
}

/// R4.33
#[test]
fn steps_entered_by_the_desk_for_a_worker_are_the_workers_and_prove_no_wait() {
    let (mut story, mut desk) = Story::dispatched();
    let mut enter = |story: &mut Story, fact_type: &str, content: Value| {
        let Command::Record { fact, .. } = step(fact_type, content) else { panic!("a step") };
        let said_at_ms = None;
        let on_behalf_of = Some(PersonId(31));
        let corrects = Vec::new();
        story.write(&mut desk, Command::Record { fact, said_at_ms, on_behalf_of, corrects })
    };
    let visit = enter(&mut story, "set_out", json!({ "grade": 3 }));
    enter(&mut story, "ring", of(visit));
    story.after(10_000);
    enter(&mut story, "ring", of(visit));
    enter(&mut story, "enter", of(visit));
    let review = story.review();
    assert_eq!(review.visits[0].person, Some(PersonId(31)));
    assert_eq!(review.visits[0].waits[0].ms, None);
    assert!(!open_cases(&review).contains(&"done_after_reassignment"));
}

/// R4.32
#[test]
fn a_step_stated_afterwards_is_late_by_its_nature_and_not_out_of_order() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = prepared(&mut story, &mut worker, 3);
    for fact_type in ["ring", "enter", "start_work"] {
        story.step(&mut worker, fact_type, of(visit));
    }
    let Command::Record { fact, .. } = step("introduce", of(visit)) else { panic!("a step") };
    let said_at_ms = Some(story.now_ms - 1_000);
    let (on_behalf_of, corrects) = (None, Vec::new());
    story.write(&mut worker, Command::Record { fact, said_at_ms, on_behalf_of, corrects });
    assert!(!codes(&story.review()).contains(&"out_of_order"));
}
