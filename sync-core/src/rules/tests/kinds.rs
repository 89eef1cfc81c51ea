//! Every fact type has one stored form.

use super::*;
use crate::model::payload::Payload;

const V: &str = "aebagbafaydqq.202.0";

fn of() -> Value {
    json!({ "visit": V })
}

fn reason() -> Value {
    json!({ "reason": "r" })
}

fn visit_reason() -> Value {
    json!({ "visit": V, "reason": "r" })
}

fn charged() -> Value {
    json!({ "amount_fen": 1, "method": "qr_code", "visit": V })
}

pub(super) fn facts() -> Vec<(&'static str, Value)> {
    [
        facts_of_orders(),
        facts_at_the_door(),
        facts_of_work(),
        facts_of_people(),
        facts_of_rounds(),
        facts_of_alarms(),
        facts_of_violations(),
        facts_of_prices(),
        facts_of_hand_overs(),
        facts_of_receptions(),
        facts_of_notices_and_follow_ups(),
        facts_of_complaints(),
        facts_of_periodic_tasks(),
    ]
    .concat()
}

fn facts_of_orders() -> Vec<(&'static str, Value)> {
    vec![
        (
            "created",
            json!({ "category": "household", "kind": "work_order", "schema": 1, "site": 7 }),
        ),
        ("set", json!({ "field": "priority", "replaces": [], "value": "urgent" })),
        (
            "resolve",
            json!({ "field": "priority", "reason": "r", "replaces": [V], "value": "urgent" }),
        ),
        ("note", json!({ "text": "t" })),
        ("case_closed", json!({ "case": "step_deviation", "reason": "r", "rests_on": [V] })),
        ("case_reopened", json!({ "case": "step_deviation", "reason": "r", "rests_on": [V] })),
        ("duplicate_of", json!({ "reason": "r", "record": "AQEBAQEBAQEBAQEBAQEBAQ" })),
        ("dispatched", json!({})),
        ("told", json!({})),
        ("received", json!({})),
        ("declined", reason()),
        ("cancelled", reason()),
        ("returned", json!({})),
        ("closed", json!({})),
        ("waiting_for_parts", reason()),
        ("out_of_scope", json!({ "reason": "r", "reported_to": "赵" })),
    ]
}

fn facts_at_the_door() -> Vec<(&'static str, Value)> {
    vec![
        ("set_out", json!({ "grade": 2, "paid_service": false })),
        (
            "prepare",
            json!({ "appearance": true, "instructions_acknowledged": true, "materials": true, "tools": true, "trained": true, "visit": V }),
        ),
        ("ring", of()),
        ("knock", of()),
        ("no_answer", json!({ "answered_by": "陈", "via": "radio", "visit": V })),
        ("no_answer_confirmed", of()),
        ("introduce", of()),
        ("enter", of()),
        ("shoe_covers", of()),
        ("entered_with_key", of()),
        ("key_received", of()),
        ("key_used", of()),
        ("key_returned", of()),
        ("scope_confirmed", of()),
        ("valuables_reminded", of()),
        ("start_work", of()),
        ("paused", visit_reason()),
        ("resumed", of()),
        ("finish_work", of()),
        (
            "material",
            json!({ "name": "阀", "quantity_milli": 1500, "unit": "个", "unit_price_fen": 100, "visit": V }),
        ),
        ("material_removed", json!({ "material": V, "visit": V })),
        (
            "photo",
            json!({ "media_type": "image/jpeg", "moment": "before", "sha256": "00", "size_bytes": 1, "visit": V }),
        ),
    ]
}

fn facts_of_work() -> Vec<(&'static str, Value)> {
    vec![
        ("advice", json!({ "text": "t", "visit": V })),
        ("unable_to_finish", json!({ "explained": true, "reason": "r", "visit": V })),
        (
            "left_midway",
            json!({ "customer_asked": true, "reason": "r", "tidied": true, "visit": V }),
        ),
        (
            "tidy",
            json!({ "equipment_wiped": true, "floor_clean": true, "tools_counted": true, "visit": V }),
        ),
        ("explain", json!({ "care": true, "cause": true, "correct_use": true, "visit": V })),
        (
            "quoted",
            json!({ "amount_fen": 1, "items": [{ "amount_fen": 1, "name": "阀" }], "visit": V }),
        ),
        ("quote_accepted", json!({ "quote": V })),
        ("quote_declined", json!({ "quote": V, "reason": "r" })),
        ("charged", charged()),
        ("handed_in", json!({ "amount_fen": 1, "charge": V })),
        ("invoiced", json!({ "amount_fen": 1, "charge": V, "number": "A1" })),
        ("invoice_delivered", json!({ "invoice": V })),
        ("refunded", charged()),
        (
            "refunded",
            json!({ "amount_fen": 1, "charge": V, "method": "cash", "reason": "r", "visit": V }),
        ),
        ("acceptance", json!({ "accepted": true, "opinion": "o", "visit": V })),
        (
            "signed",
            json!({ "clock": "server", "content_sha256": "0", "ratings": { "attitude": 5, "conduct": 5, "quality": 5 }, "relation": "owner", "shown": [V], "signature": "s", "strokes": "AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAI", "template": "visit/1/en", "text_sha256": "0", "visit": V }),
        ),
        ("sign_refused", visit_reason()),
        ("sign_absent", visit_reason()),
        ("farewell", of()),
        ("helper_joined", json!({ "person": 32, "visit": V })),
        ("called_back", json!({ "text": "t", "visit": V })),
    ]
}

fn facts_of_people() -> Vec<(&'static str, Value)> {
    vec![
        ("read", json!({ "of": V })),
        ("acknowledged", json!({ "of": V })),
        ("asked", json!({ "person": 31, "text": "t" })),
        ("answered", json!({ "question": V, "text": "t" })),
        ("deadline_paused", json!({ "deadlines": ["done"], "reason": "r" })),
        ("deadline_paused", json!({ "reason": "r" })),
        ("deadline_resumed", json!({ "of": V })),
        (
            "fell_due",
            json!({ "deadline": "rectification", "due_ms": 5, "of": V, "tells": ["supervisor"] }),
        ),
        ("due_withdrawn", json!({ "of": V })),
    ]
}

fn facts_of_complaints() -> Vec<(&'static str, Value)> {
    let text = || json!({ "text": "t" });
    vec![
        ("investigated", text()),
        ("passed_up", json!({ "reason": "r", "to": "general_manager" })),
        ("reported_afterwards", json!({ "passed": V, "text": "t" })),
        ("plan_told", text()),
        ("plan_accepted", json!({ "plan": V })),
        ("plan_rejected", json!({ "plan": V, "reason": "r" })),
        ("plan_carried_out", json!({ "plan": V, "text": "t" })),
        ("progress_told", json!({ "text": "t", "to_source": true })),
        ("satisfied", json!({})),
        ("not_satisfied", reason()),
        ("complaint_closed", json!({ "text": "t", "unsatisfied_reason": "r" })),
        ("complaint_reopened", text()),
        ("escalated", json!({ "due_ms": 5, "to": "supervisor" })),
        ("escalation_withdrawn", json!({ "of": V })),
        ("repeat_of", json!({ "complaint": "UWd9sBNMaAM4zOX2-wa9Og", "times": 2 })),
    ]
}

fn facts_of_periodic_tasks() -> Vec<(&'static str, Value)> {
    vec![
        ("report_sent", json!({ "action": "a", "cause": "c", "lesson": "l", "text": "t" })),
        ("report_confirmed", json!({ "report": V })),
        ("spot_checked", json!({ "in_order": true, "text": "t" })),
        ("plan_made", json!({ "plan": "UWd9sBNMaAM4zOX2-wa9Og" })),
    ]
}

fn facts_of_rounds() -> Vec<(&'static str, Value)> {
    let photo = json!({ "media_type": "image/jpeg", "sha256": "00", "size_bytes": 1 });
    let position = json!({ "accuracy_m": 8, "latitude_e7": 1, "longitude_e7": -1 });
    vec![
        ("round_started", json!({})),
        (
            "checkpoint_visited",
            json!({ "checkpoint": "a", "method": "qr_code", "photo": photo, "position": position, "tag": "T" }),
        ),
        ("checkpoint_skipped", json!({ "checkpoint": "a", "reason": "r" })),
        (
            "checked",
            json!({ "checkpoint": "a", "item": "lights", "note": "n", "photo": photo, "result": "not_ok" }),
        ),
        ("rest_ok", json!({ "checkpoint": "a", "items": ["lights"] })),
        (
            "finding",
            json!({ "checkpoint": "a", "description": "d", "finding": "fire_safety", "item": "lights", "photos": [photo], "place": "p", "settled": false }),
        ),
        ("finding_settled", json!({ "finding": V, "text": "t" })),
        ("finding_reported", json!({ "finding": V, "reported_to": "周" })),
        ("units_checked", json!({ "cause_found": false, "units": ["3-2-1501"] })),
        ("round_finished", json!({})),
        ("round_stopped", json!({ "reason": "r" })),
    ]
}

fn facts_of_prices() -> Vec<(&'static str, Value)> {
    let item = "AAAAAAAAAAAAAAAAAAAAAA";
    vec![
        ("priced", json!({ "amount_fen": 5, "from_date": "2026-12-01" })),
        ("price_approved", json!({ "price": V })),
        ("price_rejected", json!({ "price": V, "reason": "r" })),
        ("price_item_ended", json!({ "reason": "r" })),
        (
            "quoted",
            json!({ "amount_fen": 1, "items": [{ "amount_fen": 1, "item": item, "list_price_fen": 1, "name": "阀", "quantity_milli": 1000 }], "visit": V }),
        ),
        ("notified", json!({})),
        ("quality_checked", json!({ "quality": 5, "satisfaction": 4, "text": "t", "visit": V })),
    ]
}

fn facts_of_hand_overs() -> Vec<(&'static str, Value)> {
    let record = "AAAAAAAAAAAAAAAAAAAAAA";
    let line = json!({ "amount_fen": 5, "fact": V, "record": record });
    vec![
        ("matter_listed", json!({ "record": record, "text": "t" })),
        (
            "keys_listed",
            json!({ "keys": [{ "holder": 31, "received": V, "record": record, "visit": V }] }),
        ),
        ("radios_listed", json!({ "radios": [{ "name": "1", "present": true }] })),
        (
            "cash_counted",
            json!({ "counted_fen": 5, "opening_fen": 0, "payouts": [line], "takings": [line] }),
        ),
        ("handed_over", json!({})),
        ("taken_over", json!({})),
    ]
}

fn facts_of_violations() -> Vec<(&'static str, Value)> {
    let text = || json!({ "decision": V, "text": "t" });
    vec![
        ("dissuaded", json!({ "text": "t" })),
        ("breach_stopped", json!({})),
        ("breach_ignored", json!({})),
        ("registered", json!({})),
        ("violation_decided", json!({ "measure": "compensate", "amount_fen": 5, "reason": "r" })),
        ("violation_signed", json!({ "decision": V })),
        ("decision_executed", text()),
        ("rectified", text()),
        ("compensation_refused", json!({ "decision": V })),
        ("mediation_failed", json!({ "text": "t" })),
        ("reconciled", text()),
        ("violation_closed", json!({ "text": "t" })),
        ("violation_reopened", json!({ "text": "t" })),
    ]
}

fn facts_of_receptions() -> Vec<(&'static str, Value)> {
    let text = || json!({ "text": "t" });
    let record = "AQEBAQEBAQEBAQEBAQEBAQ";
    vec![
        (
            "attached",
            json!({ "media_type": "image/jpeg", "name": "n", "sha256": "00", "size_bytes": 1 }),
        ),
        ("read_back", json!({})),
        ("reception_answered", text()),
        ("reply_promised", json!({ "by_ms": 5, "text": "t" })),
        ("replied", json!({ "promise": V, "text": "t" })),
        ("replied", text()),
        ("passed_on", json!({ "department": "engineering", "text": "t" })),
        ("passed_on", json!({ "person": 31, "text": "t" })),
        ("took_over", json!({ "passing": V })),
        ("message_received", json!({ "passing": V })),
        ("declined_with_consent", reason()),
        ("put_through", json!({ "to": "周" })),
        ("price_told", json!({ "amount_fen": 5, "price": "amount" })),
        ("price_told", json!({ "price": "on_site" })),
        ("appointed", json!({ "at_ms": 5 })),
        ("to_desk", text()),
        ("attached_to", json!({ "record": record })),
        ("detached_from", json!({ "attachment": V, "reason": "r" })),
        ("outage_over", json!({ "at_ms": 5, "record": record })),
        ("outage_called_back", json!({ "attachment": V, "text": "t" })),
        ("reception_closed", text()),
        ("reception_reopened", text()),
    ]
}

fn facts_of_notices_and_follow_ups() -> Vec<(&'static str, Value)> {
    let ratings = json!({ "attitude": 5, "conduct": 5, "quality": 5 });
    vec![
        ("notice_published", json!({ "text": "t" })),
        ("notice_published", json!({})),
        ("notice_ended", json!({ "text": "t" })),
        ("notice_cancelled", reason()),
        ("reached", json!({ "ratings": ratings, "satisfied": true, "text": "t" })),
        ("not_reached", json!({ "text": "t" })),
        ("follow_up_closed", json!({ "text": "t" })),
    ]
}

fn facts_of_alarms() -> Vec<(&'static str, Value)> {
    vec![
        ("alerted", json!({ "person": 51, "rank": 0 })),
        ("nobody_left", json!({})),
        ("radioed", json!({ "answered_by": "赵" })),
        ("alarm_settled", json!({ "text": "t" })),
        ("alarm_withdrawn", json!({ "shown_by": V })),
    ]
}

#[test]
fn every_fact_type_is_known_and_comes_back_as_it_was_stored() {
    for (fact_type, content) in facts() {
        let mut members = json!({ "s": [1, 2], "t": fact_type, "w": 3 });
        if content != json!({}) {
            members["p"] = content;
        }
        let json = crate::model::canonical::write(&members).expect("canonical");
        let key = FactKey::Written { session: SessionId([1; 8]), n: 1, i: 0 };
        let fact = Fact::parse(key, &json).expect("a fact");
        assert!(!matches!(fact.payload, Payload::Unknown { .. }), "{fact_type} is known");
        assert_eq!(fact.store().expect("canonical").json, json);
    }
}

#[test]
fn a_known_type_in_a_newer_shape_is_carried_as_it_is() {
    let key = FactKey::Written { session: SessionId([1; 8]), n: 1, i: 0 };
    let json = r#"{"p":{"visit":5},"s":[1,2],"t":"ring","w":3}"#;
    let fact = Fact::parse(key, json).expect("a fact");
    assert!(matches!(&fact.payload, Payload::Unknown { fact_type, .. } if fact_type == "ring"));
    assert_eq!(fact.store().expect("canonical").json, json);
}

#[test]
fn every_type_has_words_in_both_languages() {
    use crate::texts::{Language, has_text, id_of};
    for (fact_type, _) in facts() {
        for language in [Language::ZhCn, Language::En] {
            assert!(has_text(language, &id_of("fact", fact_type)), "{fact_type}");
        }
    }
}
