//! Two people who knew nothing of one another, in every kind: neither word is lost, whoever has
//! the smaller key. What holds is the safer of the two, or somebody has a case to decide.

use super::draws::opening;
use super::*;
use crate::model::patrol::CheckResult;
use crate::rules::{
    DeadlineState, Details, Reception, SignatureOutcome, Status, VisitState, consequences,
};

/// A record of a kind, opened by nobody of the story.
fn record(kind: &str) -> Story {
    let mut story = Story::new();
    story.writer(1, Role::Supervisor);
    let key = FactKey::Written { session: SessionId([1; 8]), n: 1, i: 0 };
    let created =
        json!({ "after": [], "p": opening(kind), "s": [1, 10], "t": "created", "w": NINE });
    story.facts.push(Fact::parse(key, &created.to_string()).expect("a fact"));
    story
}

/// What one writes, and when: minutes after nine.
type Word<'a> = (i64, &'a str, Value);

/// Two write on what both see and neither sees the other; once each has the smaller key.
fn apart(story: &Story, role: Role, words: [Word<'_>; 2]) -> [(Story, [FactKey; 2]); 2] {
    [[21, 22], [22, 21]].map(|numbers| {
        let mut story = story.clone();
        let seen = story.facts.clone();
        let mut keys = Vec::new();
        for (number, (minutes, fact_type, content)) in numbers.into_iter().zip(words.clone()) {
            let mut writer = story.writer(number, role);
            story.now_ms = NINE + minutes * MINUTE;
            keys.push(story.write_on(&mut writer, step(fact_type, content), &seen));
        }
        story.now_ms = NINE + 60 * MINUTE;
        (story, keys.try_into().expect("two"))
    })
}

/// The kinds of the open cases that rest on both.
fn cases(review: &Review, keys: &[FactKey; 2]) -> Vec<String> {
    let both =
        review.open_cases().filter(|case| keys.iter().all(|key| case.rests_on.contains(key)));
    both.map(|case| case.kind.clone()).collect()
}

/// Somebody who knows both says which; the case is over.
fn settled(story: &Story, role: Role, word: (&str, Value)) -> Review {
    let mut story = story.clone();
    let mut writer = story.writer(23, role);
    story.step(&mut writer, word.0, word.1);
    story.review()
}

fn deadline(review: &Review, name: &str) -> DeadlineState {
    let found = review.deadlines.iter().find(|deadline| deadline.name == name);
    found.unwrap_or_else(|| panic!("{name} in {:?}", review.deadlines)).state
}

/// R7.10
#[test]
fn an_item_that_one_flags_is_flagged_whoever_says_ok_beside_it() {
    let checked = |result: &str, note: &str| json!({ "checkpoint": "a", "item": "exit_lights", "note": note, "result": result });
    let words = |one, other| [(1, "checked", one), (2, "checked", other)];
    let item = |story: &Story| {
        let round = story.review().round.expect("a round");
        let items = round.coverage.into_iter().flat_map(|point| point.items);
        items.into_iter().find(|item| item.item == "exit_lights").expect("listed")
    };
    let story = record("patrol_round");
    for (story, _) in
        apart(&story, Role::PatrolOfficer, words(checked("not_ok", "不亮"), checked("ok", "亮")))
    {
        assert_eq!(item(&story).result, Some(CheckResult::NotOk));
        let note = item(&story).note.expect("notes");
        assert!(note.contains("不亮") && note.contains(" / "), "{note}");
        let mut later = story.clone();
        let mut officer = later.writer(23, Role::PatrolOfficer);
        later.step(&mut officer, "checked", checked("ok", "换了灯管"));
        assert_eq!(item(&later).result, Some(CheckResult::Ok), "who knew both says so");
    }
    for (story, _) in apart(
        &story,
        Role::PatrolOfficer,
        words(checked("ok", "亮"), checked("not_applicable", "没有")),
    ) {
        assert_eq!(item(&story).result, Some(CheckResult::NotApplicable));
    }
}

/// R7.24
#[test]
fn whoever_walks_beside_somebody_makes_nobody_slower() {
    let mut story = record("patrol_round");
    let at = |latitude_e7: i64| json!({ "checkpoint": "a", "method": "gps", "position": { "latitude_e7": latitude_e7, "longitude_e7": 0 } });
    for number in [21, 22] {
        let mut officer = story.writer(number, Role::PatrolOfficer);
        let seen = story.facts[..1].to_vec();
        story.write_on(&mut officer, step("checkpoint_visited", at(0)), &seen);
        story.after(1_000);
        let own = vec![seen[0].clone(), story.facts.last().expect("there").clone()];
        // A kilometre in a second.
        story.write_on(&mut officer, step("checkpoint_visited", at(90_000)), &own);
    }
    let anomalies = story.review().round.expect("a round").anomalies;
    let fast = anomalies.iter().filter(|anomaly| anomaly.code == "impossible_speed");
    assert_eq!(fast.count(), 2, "one of each");
}

/// R3.43
#[test]
fn a_quote_accepted_and_declined_beside_one_another_is_declined_and_a_case() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let items = json!([{ "amount_fen": 100, "name": "阀" }]);
    let quote = json!({ "amount_fen": 100, "items": items, "visit": visit });
    let quote = story.step(&mut worker, "quoted", quote);
    let yes = json!({ "quote": quote });
    let no = json!({ "quote": quote, "reason": "太贵" });
    for (story, keys) in apart(
        &story,
        Role::Technician,
        [(1, "quote_accepted", yes.clone()), (2, "quote_declined", no)],
    ) {
        let review = story.review();
        assert_eq!(review.money.quotes[0].accepted, Some(false));
        assert_eq!(cases(&review, &keys), ["quote_answers_differ"]);
        let review = settled(&story, Role::Technician, ("quote_accepted", yes.clone()));
        assert_eq!(review.money.quotes[0].accepted, Some(true));
        assert!(!open_cases(&review).contains(&"quote_answers_differ"));
    }
}

/// R4.35
#[test]
fn a_visit_the_customer_ended_in_two_ways_is_a_case_until_a_later_word() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let why = json!({ "reason": "r", "visit": visit });
    for (story, keys) in apart(
        &story,
        Role::Technician,
        [(1, "sign_refused", why.clone()), (2, "sign_absent", why.clone())],
    ) {
        let review = story.review();
        let outcome = review.visits[0].signature.clone();
        let refused = SignatureOutcome { outcome: "sign_refused".to_owned(), key: keys[0] };
        assert_eq!(outcome, Some(refused), "the customer was there");
        assert_eq!(cases(&review, &keys), ["signatures_disagree"]);
        let review = settled(&story, Role::Technician, ("sign_absent", why.clone()));
        assert!(!open_cases(&review).contains(&"signatures_disagree"));
    }
}

/// R3.32
#[test]
fn a_visit_stands_where_its_most_advanced_steps_beside_one_another_say() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let of = json!({ "visit": visit });
    let why = json!({ "reason": "r", "visit": visit });
    for (story, _) in
        apart(&story, Role::Technician, [(1, "finish_work", of.clone()), (2, "paused", why)])
    {
        assert_eq!(story.review().visits[0].state, VisitState::Finished);
    }
    for (story, _) in
        apart(&story, Role::Technician, [(1, "start_work", of.clone()), (2, "ring", of)])
    {
        assert_eq!(story.review().visits[0].state, VisitState::Working);
    }
}

/// R8.9
#[test]
fn a_limit_that_was_met_in_time_is_met_whoever_says_the_same_later_beside_it() {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(&mut desk, order(Priority::Urgent));
    let none = || json!({});
    for (story, _) in
        apart(&story, Role::FrontDesk, [(1, "dispatched", none()), (30, "dispatched", none())])
    {
        assert_eq!(deadline(&story.review(), "filled"), DeadlineState::Met);
    }
    story.step(&mut desk, "dispatched", none());
    for (story, _) in apart(&story, Role::FrontDesk, [(1, "told", none()), (30, "told", none())]) {
        assert_eq!(deadline(&story.review(), "told"), DeadlineState::Met);
    }
    let mut lead = story.writer(14, Role::EngineeringLead);
    for minutes in [1, 30] {
        let mut story = story.clone();
        story.now_ms = NINE + MINUTE;
        let seen = story.facts.clone();
        story.write_on(&mut lead, step("received", none()), &seen);
        story.now_ms = NINE + minutes * MINUTE;
        story.write_on(&mut desk, step("told", none()), &seen);
        assert_eq!(deadline(&story.review(), "told"), DeadlineState::Met, "{minutes}");
    }
}

/// R8.9
#[test]
fn whoever_takes_an_alarm_on_first_by_the_clock_has_it_and_every_word_of_its_end_is_kept() {
    let story = record("alarm");
    for (swap, expected) in [(false, 21), (true, 22)] {
        let mut story = story.clone();
        let seen = story.facts.clone();
        let numbers = if swap { [22, 21] } else { [21, 22] };
        for (minutes, number) in (1..).zip(numbers) {
            let mut writer = story.writer(number, Role::Security);
            story.now_ms = NINE + minutes * MINUTE;
            story.write_on(&mut writer, Command::Acknowledge { of: seen[0].key }, &seen);
        }
        let alarm = story.review().alarm.expect("an alarm");
        let at_ms = Some(NINE + MINUTE);
        assert_eq!(
            (alarm.acknowledged_by, alarm.acknowledged_at_ms),
            (Some(PersonId(expected)), at_ms)
        );
    }
    let text = |text: &str| json!({ "text": text });
    for (story, _) in apart(
        &story,
        Role::Security,
        [(1, "alarm_settled", text("误报")), (2, "alarm_settled", text("阀门漏气"))],
    ) {
        let settled = story.review().alarm.expect("an alarm").settled.expect("over");
        assert!(settled.contains("误报") && settled.contains("阀门漏气"), "{settled}");
    }
}

/// R2.23
#[test]
fn a_complaint_closed_by_two_beside_one_another_has_one_follow_up_and_another_when_closed_again() {
    let story = record("complaint");
    let text = || json!({ "text": "t", "unsatisfied_reason": "r" });
    for (mut story, _) in apart(
        &story,
        Role::Supervisor,
        [(1, "complaint_closed", text()), (2, "complaint_closed", text())],
    ) {
        let opened = |story: &Story, facts: &[Fact]| -> Vec<RecordId> {
            let openings = consequences(&story.review_of(facts), story.now_ms);
            openings.iter().map(|opening| opening.record).collect()
        };
        let first = opened(&story, &story.facts[..2]);
        assert_eq!(first.len(), 1);
        let other = [story.facts[0].clone(), story.facts[2].clone()];
        assert_eq!(opened(&story, &other), first);
        assert_eq!(opened(&story, &story.facts), first);
        let mut desk = story.writer(23, Role::Supervisor);
        story.step(&mut desk, "complaint_reopened", json!({ "text": "t" }));
        assert_eq!(opened(&story, &story.facts), []);
        story.step(&mut desk, "complaint_closed", text());
        let again = opened(&story, &story.facts);
        assert_eq!(again.len(), 1);
        assert_ne!(again, first);
    }
}

/// R1.12
#[test]
fn closed_by_one_and_reopened_by_another_is_open_and_a_case_until_a_later_word() {
    for kind in ["reception", "complaint", "violation"] {
        let mut story = record(kind);
        let (closes, reopens) = (format!("{kind}_closed"), format!("{kind}_reopened"));
        let text = || json!({ "text": "t", "unsatisfied_reason": "r" });
        let mut desk = story.writer(20, Role::Supervisor);
        story.step(&mut desk, &closes, text());
        for (story, keys) in
            apart(&story, Role::Supervisor, [(1, &*reopens, text()), (2, &*closes, text())])
        {
            let review = story.review();
            assert_eq!(
                (review.closed_at_ms, cases(&review, &keys)),
                (None, vec!["closed_and_reopened".to_owned()]),
                "{kind}"
            );
            let review = settled(&story, Role::Supervisor, (&*closes, text()));
            assert!(
                review.closed_at_ms.is_some()
                    && !open_cases(&review).contains(&"closed_and_reopened"),
                "{kind}"
            );
        }
    }
}

/// R3.44
#[test]
fn an_order_handed_out_by_somebody_who_did_not_know_that_it_was_over_is_a_case() {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(&mut desk, order(Priority::Urgent));
    for (ends, content) in
        [("cancelled", json!({ "reason": "r" })), ("returned", json!({})), ("closed", json!({}))]
    {
        let words = [(1, "dispatched", json!({})), (2, ends, content)];
        for (story, keys) in apart(&story, Role::FrontDesk, words) {
            assert_eq!(cases(&story.review(), &keys), ["dispatched_though_over"], "{ends}");
            let review = settled(&story, Role::FrontDesk, ("dispatched", json!({})));
            assert_eq!((review.status, open_cases(&review)), (Status::Dispatched, vec![]));
        }
    }
}

fn reception(review: &Review) -> &Reception {
    match &review.details {
        Some(Details::Reception(reception)) => reception,
        other => panic!("{other:?}"),
    }
}

/// R1.19
#[test]
fn two_prices_told_beside_one_another_are_a_case_until_a_later_one() {
    let story = record("reception");
    let told = |fen: i64| json!({ "amount_fen": fen, "price": "amount" });
    let words = |one, other| [(1, "price_told", told(one)), (2, "price_told", told(other))];
    for (story, keys) in apart(&story, Role::FrontDesk, words(100, 200)) {
        let review = story.review();
        assert_eq!(reception(&review).prices.len(), 2);
        assert_eq!(cases(&review, &keys), ["prices_told_differ"]);
        let review = settled(&story, Role::FrontDesk, ("price_told", told(300)));
        assert_eq!((reception(&review).prices.len(), open_cases(&review)), (1, vec![]));
    }
    for (story, _) in apart(&story, Role::FrontDesk, words(100, 100)) {
        assert_eq!(open_cases(&story.review()), [""; 0], "the same twice");
    }
}

/// R1.20
#[test]
fn keys_and_radios_that_two_listed_beside_one_another_are_all_in_the_hand_over() {
    let story = record("hand_over");
    let radios = |name: &str| json!({ "radios": [{ "name": name, "present": true }] });
    for (story, _) in apart(
        &story,
        Role::FrontDesk,
        [(1, "radios_listed", radios("1")), (2, "radios_listed", radios("2"))],
    ) {
        let names = |review: &Review| match &review.details {
            Some(Details::HandOver(of)) => {
                let names = of.radios.iter().map(|radio| radio.name.clone());
                names.collect::<std::collections::BTreeSet<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(names(&story.review()).len(), 2);
        let later = settled(&story, Role::FrontDesk, ("radios_listed", radios("3")));
        assert_eq!(names(&later).len(), 1, "who knew both lists what there is");
    }
}

/// R3.41
#[test]
fn of_two_calls_beside_one_another_the_lower_ratings_hold() {
    let story = record("follow_up");
    let said = |rating: u8| json!({ "ratings": { "attitude": rating, "conduct": rating, "quality": rating }, "satisfied": true, "text": "t" });
    for (story, _) in
        apart(&story, Role::FrontDesk, [(1, "reached", said(5)), (2, "reached", said(2))])
    {
        let review = story.review();
        let Some(Details::FollowUp(of)) = &review.details else { panic!("a follow-up") };
        assert_eq!(of.ratings.map(|ratings| ratings.lowest()), Some(2));
    }
}

/// R3.38
#[test]
fn a_refund_that_names_no_charge_is_of_the_one_its_writer_knew() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let charged = || json!({ "amount_fen": 100, "method": "cash", "visit": visit });
    let before = story.facts.clone();
    let known = story.step(&mut worker, "charged", charged());
    let refund = json!({ "amount_fen": 100, "method": "cash", "visit": visit });
    let seen = story.facts.clone();
    // The desk pays back what it knows of; a charge of a smaller key was written beside it.
    let mut other = story.technician(10);
    story.write_on(&mut other, step("charged", charged()), &before);
    let mut desk = story.writer(22, Role::FrontDesk);
    story.write_on(&mut desk, step("refunded", refund), &seen);
    assert_eq!(story.review().money.refunds[0].charge, Some(known));
}
