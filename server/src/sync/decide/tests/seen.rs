//! Authority by what the writer had seen.

use serde_json::Value;
use sync_core::model::canonical;
use sync_core::model::id::FactKey;

use super::*;
use crate::sync::testing::{SITE, ZHOU};

/// One command whose writer had seen the record up to `after`.
fn write_after(
    phone: &mut Phone,
    record: RecordId,
    (fact_type, payload): (&str, &Value),
    after: &[FactKey],
) -> FactKey {
    phone.number += 1;
    let key = FactKey::Written { session: phone.session, n: phone.number, i: 0 };
    let fact = phone.fact(key, fact_type, payload);
    let mut members: Value = serde_json::from_str(&fact.json).expect("JSON");
    members["after"] = serde_json::to_value(after).expect("keys");
    let json = canonical::write(&members).expect("canonical");
    phone.change(record, vec![StoredFact { key, json }]);
    key
}

fn assessment(threat: bool) -> Value {
    let value = json!({ "loss": false, "threat": threat, "reason": "现场查看" });
    json!({ "field": "assessment", "value": value, "replaces": [] })
}

fn notice() -> Value {
    json!({ "measure": "public_notice", "text": "t", "reason": "r" })
}

/// A violation that Chen opened and assessed as general; Zhou, the supervisor, holds it.
fn violation() -> (RecordId, Phone, Phone, FactKey, Desk) {
    let mut chen = Phone::new(CHEN, 1);
    let record = RecordId::by_hand("violation", SITE, chen.session, 1);
    let created = json!({
        "kind": "violation", "site": SITE.0, "schema": 2, "violation": "fire_safety",
        "place": "3 栋 2 单元楼梯间", "description": "消防通道堆放杂物",
    });
    chen.write(record, "created", created);
    chen.write(record, "set", assessment(false));
    let general = FactKey::Written { session: chen.session, n: 2, i: 0 };
    let mut zhou = Phone::new(ZHOU, 9);
    let mut desk = Desk::new(record, &[&chen, &zhou]);
    desk.push(&chen);
    for phone in [&mut chen, &mut zhou] {
        desk.answer(phone);
    }
    (record, chen, zhou, general, desk)
}

/// Chen finds that it is serious, and the server has it.
fn found_serious(record: RecordId, chen: &mut Phone, desk: &mut Desk) -> FactKey {
    let mut serious = assessment(true);
    serious["replaces"] = json!([FactKey::Written { session: chen.session, n: 2, i: 0 }]);
    chen.write(record, "set", serious);
    assert_eq!(outcomes(&desk.push(chen)), [(3, Outcome::Entered)]);
    FactKey::Written { session: chen.session, n: 3, i: 0 }
}

#[test]
fn what_was_permitted_by_what_its_writer_had_seen_is_accepted_and_a_case() {
    let (record, mut chen, mut zhou, general, mut desk) = violation();
    found_serious(record, &mut chen, &mut desk);
    write_after(&mut zhou, record, ("violation_decided", &notice()), &[general]);
    let plan = desk.push(&zhou);
    assert_eq!(outcomes(&plan), [(1, Outcome::Entered)]);
    assert_eq!(plan.verdicts[0].cases, ["decided_beyond_authority"]);
}

#[test]
fn what_its_writer_saw_to_be_serious_is_refused() {
    let (record, mut chen, mut zhou, _, mut desk) = violation();
    let serious = found_serious(record, &mut chen, &mut desk);
    desk.answer(&mut zhou);
    write_after(&mut zhou, record, ("violation_decided", &notice()), &[serious]);
    let plan = desk.push(&zhou);
    assert_eq!(codes(&plan), [(1, "not_your_role")]);
}

#[test]
fn who_claims_not_to_have_seen_what_the_device_had_confirmed_is_refused() {
    let (record, mut chen, mut zhou, general, mut desk) = violation();
    found_serious(record, &mut chen, &mut desk);
    let sequences = BTreeMap::from([(SITE, desk.sequence)]);
    let contact = Contact { number: 0, epoch: 1, at_ms: NOW_MS, sequences };
    desk.confirmed.insert(zhou.device, Confirmed::new(vec![contact]));
    write_after(&mut zhou, record, ("violation_decided", &notice()), &[general]);
    assert_eq!(codes(&desk.push(&zhou)), [(1, "not_your_role")]);
}

#[test]
fn commands_of_one_push_are_judged_one_after_another() {
    let (record, _, mut zhou, general, mut desk) = violation();
    let decision = write_after(&mut zhou, record, ("violation_decided", &notice()), &[general]);
    let mut serious = assessment(true);
    serious["replaces"] = json!([general]);
    write_after(&mut zhou, record, ("set", &serious), &[decision]);
    // A supervisor who has said that it is serious decides no more.
    zhou.write(record, "violation_decided", notice());
    let plan = desk.push(&zhou);
    assert_eq!(
        outcomes(&plan),
        [(1, Outcome::Entered), (2, Outcome::Entered), (3, Outcome::Refused)]
    );
    assert_eq!(codes(&plan), [(3, "not_your_role")]);
}
