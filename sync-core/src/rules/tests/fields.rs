//! Fields, conflicts and the order of arrival.

use proptest::prelude::*;

use super::*;

fn appointment(hour: u32) -> Value {
    json!(format!("2026-11-26T{hour:02}:00:00+08:00"))
}

/// Two technicians and the desk, offline from one another.
fn diverged() -> (Story, Writer, Writer) {
    let (mut story, desk) = Story::dispatched();
    let worker = story.technician(31);
    (story, desk, worker)
}

/// R3.22, R8.7
#[test]
fn one_field_written_on_both_sides_shows_both_values_and_the_offices_holds() {
    let (mut story, mut desk, mut worker) = diverged();
    let seen = story.facts.clone();
    let ten = story.write_on(&mut worker, set("appointment", appointment(10)), &seen);
    let two = story.write_on(&mut desk, set("appointment", appointment(14)), &seen);
    let review = story.review();
    let field = &review.fields["appointment"];
    assert_eq!((field.value.clone(), field.key), (appointment(14), Some(two)));
    let sides: Vec<_> = field.conflict.iter().map(|v| (v.key, v.by, v.at_ms, v.office)).collect();
    assert_eq!(
        sides,
        [(two, Some(PersonId(12)), NINE, true), (ten, Some(PersonId(31)), NINE, false),]
    );
    assert_eq!(open_cases(&review), ["field_conflict"]);
}

/// R8.7
#[test]
fn a_conflict_outlives_unrelated_edits_and_ends_only_by_resolve() {
    let (mut story, mut desk, mut worker) = diverged();
    let seen = story.facts.clone();
    story.write_on(&mut worker, set("appointment", appointment(10)), &seen);
    story.write_on(&mut desk, set("appointment", appointment(14)), &seen);
    story.write(&mut desk, set("priority", json!("appointed")));
    story.write(&mut worker, Command::Note { text: "已到".to_owned() });
    assert_eq!(open_cases(&story.review()), ["field_conflict"]);
    assert_eq!(
        story.deny(&desk, &set("appointment", appointment(15))),
        DenialCode::FieldInConflict
    );
    let third = Command::Resolve {
        field: "appointment".to_owned(),
        value: appointment(11),
        reason: "与客户商定".to_owned(),
    };
    assert_eq!(story.deny(&worker, &third), DenialCode::NotYourRole);
    story.write(&mut desk, third.clone());
    let review = story.review();
    assert_eq!(review.fields["appointment"].value, appointment(11));
    assert!(review.fields["appointment"].conflict.is_empty());
    assert_eq!(open_cases(&review), Vec::<&str>::new());
    assert!(review.cases.iter().any(|case| case.kind == "field_conflict" && !case.open));
    assert_eq!(story.deny(&desk, &third), DenialCode::NotInConflict);
}

#[test]
fn of_two_office_values_or_two_phones_the_common_ancestors_holds() {
    let (mut story, mut desk, mut first) = diverged();
    let mut second = story.technician(32);
    story.write(&mut desk, set("appointment", appointment(9)));
    let seen = story.facts.clone();
    story.write_on(&mut first, set("appointment", appointment(10)), &seen);
    story.write_on(&mut second, set("appointment", appointment(11)), &seen);
    let review = story.review();
    assert_eq!(review.fields["appointment"].value, appointment(9));
    assert_eq!(review.fields["appointment"].conflict.len(), 2);
}

#[test]
fn a_description_in_conflict_keeps_the_value_before_even_against_the_office() {
    let mut story = Story::new();
    let mut desk = story.desk();
    let mut other = story.writer(13, Role::Assistant);
    story.write(&mut desk, order(Priority::Urgent));
    let seen = story.facts.clone();
    story.write_on(&mut desk, set("description", json!("一")), &seen);
    story.write_on(&mut other, set("description", json!("二")), &seen);
    let review = story.review();
    assert_eq!(review.text("description"), Some("厨房水管漏水"));
    assert_eq!(review.fields["description"].conflict.len(), 2);
}

#[test]
fn a_plain_set_that_names_several_replaces_one_only() {
    let (mut story, mut desk, mut worker) = diverged();
    let seen = story.facts.clone();
    let ten = story.write_on(&mut worker, set("appointment", appointment(10)), &seen);
    let two = story.write_on(&mut desk, set("appointment", appointment(14)), &seen);
    let facts = story.try_write_on(&worker, &set("appointment", appointment(16)), &seen);
    let mut fact = facts.expect("a field without conflict").remove(0);
    if let crate::model::payload::Payload::General(crate::model::payload::GeneralFact::Set(set)) =
        &mut fact.payload
    {
        set.replaces = vec![ten, two];
    }
    story.facts.push(fact);
    let live: Vec<_> =
        story.review().fields["appointment"].conflict.iter().map(|v| v.key).collect();
    assert!(live.contains(&two), "the office's value was not swept away");
}

#[test]
fn equal_created_facts_of_two_schemas_are_one_and_different_ones_conflict() {
    let mut story = Story::new();
    let mut first = story.desk();
    let mut second = story.writer(13, Role::FrontDesk);
    story.write(&mut first, order(Priority::Urgent));
    story.write(&mut second, order(Priority::Urgent));
    if let crate::model::payload::Payload::General(crate::model::payload::GeneralFact::Created(
        created,
    )) = &mut story.facts[1].payload
    {
        created.schema = 2;
    }
    let review = story.review();
    assert_eq!((review.schema, open_cases(&review).len()), (2, 0));
    story.write(&mut second, order(Priority::Appointed));
    let review = story.review();
    assert_eq!(open_cases(&review), ["field_conflict"]);
    assert_eq!(review.text("priority"), Some("urgent"), "the first in causal order holds");
}

#[test]
fn the_same_value_written_by_two_is_one_value_and_replaced_like_one() {
    let (mut story, mut desk, mut worker) = diverged();
    let seen = story.facts.clone();
    story.write_on(&mut worker, set("appointment", appointment(10)), &seen);
    story.write_on(&mut desk, set("appointment", appointment(10)), &seen);
    let review = story.review();
    let field = &review.fields["appointment"];
    assert_eq!((&field.value, field.conflict.len()), (&appointment(10), 0));
    assert_eq!(open_cases(&review), Vec::<&str>::new());
    assert_eq!(review.timeline.iter().filter(|e| e.fact_type == "set").count(), 3, "both stand");
    // A plain set names one of the two and replaces the value, not the one fact.
    story.write(&mut desk, set("appointment", appointment(14)));
    let review = story.review();
    let field = &review.fields["appointment"];
    assert_eq!((&field.value, field.conflict.len()), (&appointment(14), 0));
}

#[test]
fn the_same_value_by_somebody_who_did_not_know_that_it_was_replaced_is_a_conflict() {
    let (mut story, mut desk, mut worker) = diverged();
    let seen = story.facts.clone();
    story.write_on(&mut worker, set("appointment", appointment(10)), &seen);
    story.write(&mut worker, set("appointment", appointment(11)));
    story.write_on(&mut desk, set("appointment", appointment(10)), &seen);
    assert_eq!(open_cases(&story.review()), ["field_conflict"]);
}

#[test]
fn of_two_equal_office_values_and_a_phones_the_offices_holds_and_all_three_are_shown() {
    let (mut story, mut desk, mut worker) = diverged();
    let mut other = story.writer(13, Role::Assistant);
    let seen = story.facts.clone();
    story.write_on(&mut worker, set("appointment", appointment(10)), &seen);
    story.write_on(&mut desk, set("appointment", appointment(14)), &seen);
    story.write_on(&mut other, set("appointment", appointment(14)), &seen);
    let review = story.review();
    let field = &review.fields["appointment"];
    assert_eq!((&field.value, field.conflict.len()), (&appointment(14), 3));
}

#[test]
fn text_of_every_kind_comes_through_unchanged() {
    let mut story = Story::new();
    let mut desk = story.desk();
    let description = "𠮷野家 👨‍👩‍👧‍👦 \u{202e}abc\u{202c} é";
    story.write(&mut desk, order(Priority::Urgent));
    story.write(&mut desk, set("description", json!(description)));
    assert_eq!(story.review().text("description"), Some(description));
}

#[test]
fn forged_causes_with_cycles_and_unknown_keys_end() {
    let (mut story, _, mut worker) = diverged();
    for _ in 0..3 {
        story.write(&mut worker, Command::Note { text: "x".to_owned() });
    }
    let keys: Vec<FactKey> = story.facts.iter().map(|fact| fact.key).collect();
    let unknown = FactKey::Written { session: SessionId([99; 8]), n: 1, i: 0 };
    let count = story.facts.len();
    for (index, fact) in story.facts.iter_mut().enumerate() {
        fact.after = Some(vec![keys[(index + 1) % count], unknown, fact.key]);
    }
    assert_eq!(story.review().timeline.len(), count);
}

/// A record with visits, a conflict, money and a reassignment, written by three.
fn busy() -> Story {
    let (mut story, mut desk) = Story::dispatched();
    let (mut first, mut second) = (story.technician(31), story.technician(32));
    let seen = story.facts.clone();
    story.write_on(&mut first, set("appointment", appointment(10)), &seen);
    story.write_on(&mut desk, set("appointment", appointment(14)), &seen);
    // The first does not see that the order was taken from him.
    let unaware = story.facts.clone();
    story.write_on(&mut desk, Command::Assign { person: PersonId(32) }, &unaware);
    let aware = story.facts.clone();
    for (worker, seen) in [(&mut first, unaware), (&mut second, aware)] {
        let visit = story.write_on(worker, step("set_out", json!({ "grade": 2 })), &seen);
        let mut own = seen.clone();
        for fact_type in ["ring", "ring", "introduce", "enter", "start_work", "finish_work"] {
            own.push(story.facts.last().expect("there").clone());
            story.after(2_000);
            story.write_on(worker, step(fact_type, json!({ "visit": visit })), &own);
        }
        own.push(story.facts.last().expect("there").clone());
        story.write_on(
            worker,
            step("charged", json!({ "visit": visit, "amount_fen": 12_000, "method": "cash" })),
            &own,
        );
    }
    // The desk knows nothing of what was done meanwhile.
    story.write_on(&mut desk, step("cancelled", json!({ "reason": "客户取消" })), &seen);
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// R8.6
    #[test]
    fn any_order_of_arrival_gives_the_same_review(
        order in Just((0..23_usize).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let story = busy();
        let expected = serde_json::to_string(&story.review()).expect("writes");
        let mut shuffled: Vec<Fact> = Vec::new();
        for index in order {
            shuffled.extend(story.facts.get(index).cloned());
        }
        prop_assert_eq!(shuffled.len(), story.facts.len());
        prop_assert_eq!(serde_json::to_string(&story.review_of(&shuffled)).expect("writes"), expected);
    }
}

#[test]
fn the_busy_record_is_what_its_name_says() {
    let review = busy().review();
    let mut cases = open_cases(&review);
    cases.dedup();
    assert_eq!(
        cases,
        [
            "done_after_reassignment",
            "field_conflict",
            "finished_though_cancelled",
            "step_deviation",
            "two_peoples_visits",
        ]
    );
    assert_eq!(review.timeline.len(), 23);
}
