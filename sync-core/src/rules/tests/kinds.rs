//! Every fact type has one stored form.

use super::*;
use crate::model::payload::Payload;

fn facts() -> Vec<(&'static str, Value)> {
    let v = "aebagbafaydqq.202.0";
    let of = json!({ "visit": v });
    let reason = json!({ "reason": "r" });
    let visit_reason = json!({ "visit": v, "reason": "r" });
    let charged = json!({ "amount_fen": 1, "method": "qr_code", "visit": v });
    vec![
        (
            "created",
            json!({ "category": "household", "kind": "work_order", "schema": 1, "site": 7 }),
        ),
        ("set", json!({ "field": "priority", "replaces": [], "value": "urgent" })),
        (
            "resolve",
            json!({ "field": "priority", "reason": "r", "replaces": [v], "value": "urgent" }),
        ),
        ("note", json!({ "text": "t" })),
        ("case_closed", json!({ "case": "step_deviation", "reason": "r", "rests_on": [v] })),
        ("dispatched", json!({})),
        ("told", json!({})),
        ("received", json!({})),
        ("declined", reason.clone()),
        ("cancelled", reason.clone()),
        ("returned", json!({})),
        ("closed", json!({})),
        ("waiting_for_parts", reason),
        ("out_of_scope", json!({ "reason": "r", "reported_to": "赵" })),
        ("set_out", json!({ "grade": 2, "paid_service": false })),
        (
            "prepare",
            json!({ "appearance": true, "instructions_acknowledged": true, "materials": true, "tools": true, "trained": true, "visit": v }),
        ),
        ("ring", of.clone()),
        ("knock", of.clone()),
        ("no_answer", json!({ "answered_by": "陈", "via": "radio", "visit": v })),
        ("no_answer_confirmed", of.clone()),
        ("introduce", of.clone()),
        ("enter", of.clone()),
        ("shoe_covers", of.clone()),
        ("entered_with_key", of.clone()),
        ("key_received", of.clone()),
        ("key_returned", of.clone()),
        ("scope_confirmed", of.clone()),
        ("valuables_reminded", of.clone()),
        ("start_work", of.clone()),
        ("paused", visit_reason.clone()),
        ("resumed", of.clone()),
        ("finish_work", of.clone()),
        (
            "material",
            json!({ "name": "阀", "quantity_milli": 1500, "unit": "个", "unit_price_fen": 100, "visit": v }),
        ),
        ("material_removed", json!({ "material": v, "visit": v })),
        (
            "photo",
            json!({ "media_type": "image/jpeg", "moment": "before", "sha256": "00", "size_bytes": 1, "visit": v }),
        ),
        ("advice", json!({ "text": "t", "visit": v })),
        ("unable_to_finish", json!({ "explained": true, "reason": "r", "visit": v })),
        (
            "left_midway",
            json!({ "customer_asked": true, "reason": "r", "tidied": true, "visit": v }),
        ),
        (
            "tidy",
            json!({ "equipment_wiped": true, "floor_clean": true, "tools_counted": true, "visit": v }),
        ),
        ("explain", json!({ "care": true, "cause": true, "correct_use": true, "visit": v })),
        (
            "quoted",
            json!({ "amount_fen": 1, "items": [{ "amount_fen": 1, "name": "阀" }], "visit": v }),
        ),
        ("quote_accepted", json!({ "quote": v })),
        ("quote_declined", json!({ "quote": v, "reason": "r" })),
        ("charged", charged.clone()),
        ("handed_in", json!({ "amount_fen": 1, "charge": v })),
        ("invoiced", json!({ "amount_fen": 1, "charge": v, "number": "A1" })),
        ("invoice_delivered", json!({ "invoice": v })),
        ("refunded", charged),
        (
            "signed",
            json!({ "clock": "server", "content_sha256": "0", "ratings": { "attitude": 5, "conduct": 5, "quality": 5 }, "relation": "owner", "shown": [v], "signature": "s", "strokes": "s", "template": "visit/1/en", "text_sha256": "0", "visit": v }),
        ),
        ("sign_refused", visit_reason.clone()),
        ("sign_absent", visit_reason),
        ("farewell", of),
        ("helper_joined", json!({ "person": 32, "visit": v })),
        ("called_back", json!({ "text": "t", "visit": v })),
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
