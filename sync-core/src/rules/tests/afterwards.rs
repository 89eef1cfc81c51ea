//! What is stated afterwards, or for somebody else (补录): it stands in the record, is marked
//! wherever it is shown, and no wait or limit is ever met by it.

use super::super::statement::{Language, statement};
use super::*;
use crate::model::payload::Step;
use crate::rules::{DeadlineState, projection};

/// How a step is written that was not written when it happened.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    SaidAt,
    OnBehalf,
}

fn recorded(how: How, fact_type: &str, content: Value) -> Command {
    let fact: Step =
        serde_json::from_value(json!({ "t": fact_type, "p": content })).expect("a step");
    Command::Record {
        fact,
        said_at_ms: (how == How::SaidAt).then_some(NINE + 5 * MINUTE),
        on_behalf_of: (how == How::OnBehalf).then_some(PersonId(31)),
        corrects: Vec::new(),
    }
}

fn content(fact_type: &str, visit: FactKey) -> Value {
    match fact_type {
        "no_answer" => json!({ "answered_by": "陈", "via": "radio", "visit": visit }),
        "paused" => json!({ "reason": "取件", "visit": visit }),
        _ => json!({ "visit": visit }),
    }
}

/// The steps before, and the two that a wait is measured between.
const WAITS: [(&str, &[&str]); 5] = [
    ("ring_pause", &["ring", "ring"]),
    ("knock_pause", &["knock", "knock", "knock"]),
    ("no_answer_wait", &["ring", "ring", "no_answer"]),
    ("work", &["start_work", "finish_work"]),
    ("pause", &["start_work", "paused", "resumed"]),
];

/// R4.34
#[test]
fn no_wait_is_measured_from_or_to_what_is_stated_afterwards_or_for_somebody_else() {
    for (wait, steps) in WAITS {
        // The last two steps are the wait's ends: none of them afterwards, either, both.
        for afterwards in [vec![], vec![1], vec![2], vec![1, 2]] {
            for how in [How::SaidAt, How::OnBehalf] {
                let (mut story, mut desk) = Story::dispatched();
                let mut worker = story.technician(31);
                let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
                for (index, fact_type) in steps.iter().enumerate() {
                    story.after(10 * MINUTE);
                    let content = content(fact_type, visit);
                    let from_end = steps.len() - index;
                    if !afterwards.contains(&from_end) {
                        story.step(&mut worker, fact_type, content);
                    } else if how == How::SaidAt {
                        story.write(&mut worker, recorded(how, fact_type, content));
                    } else {
                        story.write(&mut desk, recorded(how, fact_type, content));
                    }
                }
                let review = story.review();
                let waits = &review.visits[0].waits;
                let found = waits.iter().rev().find(|found| found.name == wait);
                let ms = found.unwrap_or_else(|| panic!("{wait} {afterwards:?}")).ms;
                let expected = afterwards.is_empty().then_some(10 * MINUTE);
                assert_eq!(ms, expected, "{wait} {afterwards:?} {how:?}");
            }
        }
    }
}

/// R4.34
#[test]
fn no_limit_of_an_order_is_met_by_what_is_stated_afterwards_or_for_somebody_else() {
    for how in [How::SaidAt, How::OnBehalf] {
        for (name, fact_type) in
            [("told", "told"), ("on_site", "start_work"), ("call_back", "called_back")]
        {
            let (mut story, mut desk) = Story::dispatched();
            let mut worker = story.technician(31);
            let mut lead = story.writer(35, Role::EngineeringLead);
            let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
            if name != "told" {
                story.step(&mut lead, "received", json!({}));
            }
            if name == "call_back" {
                story.step(&mut worker, "start_work", json!({ "visit": visit }));
                story.step(&mut worker, "finish_work", json!({ "visit": visit }));
            }
            let content = match fact_type {
                "told" => json!({}),
                "called_back" => json!({ "text": "满意", "visit": visit }),
                _ => json!({ "visit": visit }),
            };
            let fact: Step = serde_json::from_value(json!({ "t": fact_type, "p": content }))
                .or_else(|_| serde_json::from_value(json!({ "t": fact_type })))
                .expect("a step");
            let command = Command::Record {
                fact,
                said_at_ms: (how == How::SaidAt).then_some(NINE),
                on_behalf_of: (how == How::OnBehalf).then_some(PersonId(31)),
                corrects: Vec::new(),
            };
            story.write(&mut desk_or(&mut worker, &mut desk, how, fact_type), command);
            let review = story.review();
            let deadline = review.deadlines.iter().find(|deadline| deadline.name == name);
            assert_eq!(deadline.expect("runs").state, DeadlineState::Unknown, "{name} {how:?}");
        }
    }
}

/// Who writes it: the worker for oneself afterwards, the desk what is the desk's or for the worker.
fn desk_or(worker: &mut Writer, desk: &mut Writer, how: How, fact_type: &str) -> Writer {
    let worker_writes = how == How::SaidAt && fact_type == "start_work";
    let writer = if worker_writes { worker } else { desk };
    writer.clone()
}

/// R4.34
#[test]
fn a_list_row_shows_that_something_of_it_was_stated_afterwards() {
    for how in [How::SaidAt, How::OnBehalf] {
        let (mut story, mut desk) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
        assert!(!projection(&story.review()).stated_afterwards);
        let command = recorded(how, "start_work", json!({ "visit": visit }));
        story.write(&mut desk_or(&mut worker, &mut desk, how, "start_work"), command);
        assert!(projection(&story.review()).stated_afterwards, "{how:?}");
    }
}

/// R4.34
#[test]
fn the_customer_reads_what_was_stated_afterwards_and_for_whom() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let of = json!({ "visit": visit });
    story.write(&mut worker, recorded(How::SaidAt, "start_work", of.clone()));
    story.write(&mut desk, recorded(How::OnBehalf, "finish_work", of));
    let review = story.review();
    let text = statement(&review, visit, Language::ZhCn).expect("a visit");
    assert_eq!(text.template, "visit/2/zh-CN");
    let expected = "签名确认。\n事后补录：开工，2026-11-25 09:05\n事后补录：完工，代他人录入\n";
    assert!(text.text.ends_with(expected), "{}", text.text);
    assert!(text.content.contains("\"said_at\"") && text.content.contains("\"on_behalf_of\":31"));
    let english = statement(&review, visit, Language::En).expect("a visit").text;
    let expected = "Stated afterwards: start, 2026-11-25 09:05\n\
                    Stated afterwards: finish, entered for somebody else\n";
    assert!(english.ends_with(expected), "{english}");
}

/// R4.34
#[test]
fn the_paper_is_a_photo_of_its_own_sort() {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let scan = json!({ "media_type": "image/jpeg", "moment": "scan", "sha256": "0".repeat(64), "size_bytes": 5, "visit": visit });
    let key = story.step(&mut worker, "photo", scan);
    let review = story.review();
    let entry = review.timeline.iter().find(|entry| entry.key == key).expect("stands");
    assert_eq!((entry.content["moment"].as_str(), entry.unknown), (Some("scan"), false));
}
