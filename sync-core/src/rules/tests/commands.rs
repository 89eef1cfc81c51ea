//! Commands: bounds told before saving, and what goes into `after`.

use super::*;

#[test]
fn texts_have_limits_told_by_code_with_their_numbers() {
    let (story, desk) = Story::dispatched();
    let long = |characters: usize| "好".repeat(characters);
    for (command, limit) in [
        (Command::Note { text: long(1_001) }, "1000"),
        (step("cancelled", json!({ "reason": long(201) })), "200"),
        (set("description", json!(long(2_001))), "2000"),
        (set("place", json!(long(61))), "60"),
    ] {
        let denial = story.try_write_on(&desk, &command, &story.facts).expect_err("too long");
        assert_eq!(
            (denial.code, denial.params["limit"].as_str()),
            (DenialCode::TextTooLong, limit)
        );
    }
    for command in [
        Command::Note { text: long(1_000) },
        step("cancelled", json!({ "reason": long(200) })),
        set("description", json!(long(2_000))),
        set("place", json!(long(60))),
    ] {
        assert!(story.try_write_on(&desk, &command, &story.facts).is_ok());
    }
}

/// R0.7
#[test]
fn bad_values_are_denied_with_their_code() {
    let (mut story, desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    let nobody = FactKey::Written { session: SessionId([5; 8]), n: 1, i: 0 };
    for (command, code) in [
        (set("appointment", json!("tomorrow")), DenialCode::BadTime),
        (set("appointment", json!(5)), DenialCode::OutOfRange),
        (set("priority", json!("soon")), DenialCode::OutOfRange),
        (set("assignee", json!(-1)), DenialCode::OutOfRange),
        (set("assignee", json!(4_294_967_296_u64)), DenialCode::OutOfRange),
        (set("contact", json!("x")), DenialCode::OutOfRange),
        (set("status", json!("finished")), DenialCode::UnknownField),
        (set("description", json!(" ")), DenialCode::TextEmpty),
        (step("set_out", json!({ "grade": 0 })), DenialCode::OutOfRange),
        (step("set_out", json!({ "grade": 6 })), DenialCode::OutOfRange),
        (step("ring", json!({ "visit": nobody })), DenialCode::NoSuchFact),
        (step("quote_accepted", json!({ "quote": visit })), DenialCode::NoSuchFact),
        (
            step("charged", json!({ "visit": visit, "amount_fen": -1, "method": "cash" })),
            DenialCode::OutOfRange,
        ),
        (
            step(
                "material",
                json!({ "visit": visit, "name": "阀", "quantity_milli": 0, "unit": "个", "unit_price_fen": 1 }),
            ),
            DenialCode::OutOfRange,
        ),
    ] {
        assert_eq!(story.deny(&worker, &command), code, "{command:?}");
    }
    assert_eq!(
        story.try_write_on(&desk, &order(Priority::Urgent), &story.facts).map(|f| f.len()),
        Ok(1)
    );
    let on_a_record = perform(
        &order(Priority::Urgent),
        &principal(&desk),
        Some(&story.review()),
        &story.moment(&desk),
    );
    assert_eq!(on_a_record.map_err(|denial| denial.code), Err(DenialCode::RecordNotHere));
}

#[test]
fn after_names_the_latest_facts_unless_that_is_the_writers_own_previous_one() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let assigned = story.facts[2].key;
    assert_eq!(story.facts[1].after, None);
    let received = story.step(&mut worker, "received", json!({}));
    assert_eq!(story.facts[3].after, Some(vec![assigned]));
    story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    assert_eq!(story.facts[4].after, None);
    // A new session of the same device goes on without naming anything.
    let mut row = story.sessions[&worker.session].clone();
    row.session = SessionId([200; 8]);
    story.sessions.insert(row.session, row);
    worker.session = SessionId([200; 8]);
    story.write(&mut worker, Command::Note { text: "x".to_owned() });
    assert_eq!(story.facts[5].after, None);
    let seen = story.facts.clone();
    let by_desk = story.write_on(&mut desk, Command::Note { text: "y".to_owned() }, &seen);
    let by_worker = story.write_on(&mut worker, Command::Note { text: "z".to_owned() }, &seen);
    story.write(&mut worker, Command::Note { text: "both".to_owned() });
    let mut both = vec![by_desk, by_worker];
    both.sort_unstable();
    assert_eq!(story.facts[8].after, Some(both));
    assert!(story.review().timeline.iter().position(|e| e.key == received).is_some());
}

#[test]
fn a_set_replaces_what_stands_but_never_names_created() {
    let (mut story, mut desk) = Story::dispatched();
    story.write(&mut desk, set("description", json!("一")));
    story.write(&mut desk, set("description", json!("二")));
    let replaces = |index: usize| story.facts[index].store().expect("canonical").json;
    assert!(replaces(3).contains("\"replaces\":[]"));
    assert!(replaces(4).contains(&format!("\"replaces\":[\"{}\"]", story.facts[3].key)));
}

#[test]
fn commands_are_read_from_json_as_apps_send_them() {
    let text = r#"{"command":"record","fact":{"t":"ring","p":{"visit":"aebagbafaydqq.202.0"}}}"#;
    let command: Command = serde_json::from_str(text).expect("a command");
    assert_eq!(serde_json::to_string(&command).expect("writes"), text);
    for text in [r#"{"command":"fly"}"#, r#"{"command":"record","fact":{"t":"ring","p":{}}}"#, "{}"]
    {
        assert!(serde_json::from_str::<Command>(text).is_err(), "{text}");
    }
}

#[test]
fn a_phone_writes_no_more_into_a_record_of_4500_facts() {
    let (mut story, desk) = Story::dispatched();
    let worker = story.technician(31);
    let note = Command::Note { text: "x".to_owned() };
    let template = story.try_write_on(&worker, &note, &story.facts).expect("may").remove(0);
    let full = 4_500 - story.facts.len() as u64;
    for n in 1..=full {
        let key = FactKey::Written { session: worker.session, n, i: 0 };
        story.facts.push(Fact { key, after: None, ..template.clone() });
    }
    let last = story.facts.pop().expect("there");
    let mut writer = worker.clone();
    writer.n = full + 10;
    assert!(story.try_write_on(&writer, &note, &story.facts).is_ok(), "the last but one");
    story.facts.push(last);
    assert_eq!(story.deny(&writer, &note), DenialCode::RecordFull);
    assert!(story.try_write_on(&desk, &note, &story.facts).is_ok(), "the office settles it");
}
