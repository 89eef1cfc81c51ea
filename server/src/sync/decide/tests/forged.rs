//! What a phone whose rules were patched out may try: each is caught, named, and kept for the
//! office.

use ed25519_dalek::SigningKey;
use serde_json::Value;
use sync_core::model::canonical;
use sync_core::model::id::FactKey;
use sync_core::model::payload::Payload;
use sync_core::model::time::Seen;
use sync_core::model::work_order::WorkOrderFact;
use sync_core::rules::sign_fact;
use sync_core::rules::signature::Strokes;

use super::*;
use crate::sync::testing::SITE;

/// Two strokes.
const DRAWING: &str = "AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAI";

fn signed(visit: FactKey) -> Value {
    json!({
        "visit": visit, "template": "visit/1/zh-CN", "clock": "server", "shown": [visit],
        "content_sha256": "0", "text_sha256": "0", "strokes": DRAWING, "relation": "owner",
        "ratings": { "quality": 5, "attitude": 5, "conduct": 5 },
    })
}

/// The next command of `phone`: a customer's signature, signed over `record` by `key`.
fn signature(phone: &mut Phone, record: RecordId, visit: FactKey, key: &SigningKey) -> StoredFact {
    phone.number += 1;
    let fact = FactKey::Written { session: phone.session, n: phone.number, i: 0 };
    let mut fact = phone.fact(fact, "signed", &signed(visit)).parse().expect("a fact");
    sign_fact(record, &mut fact, key).expect("canonical");
    fact.store().expect("canonical")
}

/// Wang has set out; the visit.
fn visited() -> (RecordId, Phone, Phone, FactKey, Desk) {
    let (record, chen, mut wang, _, mut desk) = dispatched();
    let visit = wang.write(record, "set_out", json!({ "grade": 2 })).facts[0].key;
    assert_eq!(outcomes(&desk.push(&wang)), [(1, Outcome::Entered)]);
    desk.answer(&mut wang);
    (record, chen, wang, visit, desk)
}

/// A contact of `phone` after the command `number`, at which it had read the site up to `sequence`.
fn contact(desk: &mut Desk, phone: &Phone, number: u64, sequence: u64) {
    let sequences = BTreeMap::from([(SITE, sequence)]);
    let contact = Contact { number, epoch: 1, at_ms: NOW_MS, sequences };
    desk.confirmed.entry(phone.device).or_default().add(contact);
}

fn kinds(plan: &RecordPlan) -> Vec<(&str, u64)> {
    plan.desk_cases.iter().map(|case| (case.kind, case.from)).collect()
}

/// R0.26
#[test]
fn its_own_key_is_accepted() {
    let (record, _, mut wang, visit, mut desk) = visited();
    let key = wang.key.clone();
    let fact = signature(&mut wang, record, visit, &key);
    wang.change(record, vec![fact]);
    assert_eq!(outcomes(&desk.push(&wang)), [(2, Outcome::Entered)]);
}

/// R0.26
#[test]
fn anothers_key() {
    let (record, _, mut wang, visit, mut desk) = visited();
    let fact = signature(&mut wang, record, visit, &Phone::new(LI, 10).key);
    wang.change(record, vec![fact]);
    // Nothing at all is no signature either.
    wang.write(record, "signed", signed(visit));
    wang.write(record, "note", json!({ "text": "goes on" }));
    let plan = desk.push(&wang);
    assert_eq!(codes(&plan), [(2, "signature_not_valid"), (3, "signature_not_valid")]);
    assert_eq!(outcomes(&plan)[2], (4, Outcome::Rewritten), "nothing else is taken along");
}

/// R0.26
#[test]
fn a_replayed_signature_on_another_order() {
    let (record, _, mut wang, visit, mut desk) = visited();
    let key = wang.key.clone();
    let elsewhere = RecordId([9; 16]);
    let fact = signature(&mut wang, elsewhere, visit, &key);
    wang.change(record, vec![fact.clone()]);
    // The same words once more on the same order, under the next number.
    wang.number += 1;
    let again = FactKey::Written { session: wang.session, n: wang.number, i: 0 };
    wang.change(record, vec![StoredFact { key: again, json: fact.json }]);
    let plan = desk.push(&wang);
    assert_eq!(codes(&plan), [(2, "signature_not_valid"), (3, "signature_not_valid")]);
}

/// R4.25
#[test]
fn a_dot_is_no_signature() {
    let (record, _, mut wang, visit, mut desk) = visited();
    let key = wang.key.clone();
    let fact = signature(&mut wang, record, visit, &key);
    let mut fact = fact.parse().expect("a fact");
    if let Payload::WorkOrder(WorkOrderFact::Signed(signed)) = &mut fact.payload {
        let dot = Strokes { width: 900, height: 300, strokes: vec![vec![(5, 5)]] };
        signed.strokes = dot.encode().expect("small");
        signed.signature = None;
    }
    sign_fact(record, &mut fact, &key).expect("canonical");
    wang.change(record, vec![fact.store().expect("canonical")]);
    assert_eq!(codes(&desk.push(&wang)), [(2, "not_a_drawing")]);
}

#[test]
fn anothers_session() {
    let (record, _, mut wang, mut li, mut desk) = dispatched();
    li.write(record, "note", json!({ "text": "in Li's name" }));
    wang.write(record, "note", json!({ "text": "own" }));
    let pack = li.pack(record);
    desk.sessions.insert(li.session, li.row());
    let plan = desk.push_pack(&wang, pack);
    assert_eq!(outcomes(&plan), [(1, Outcome::NotStored)]);
    assert_eq!(codes(&plan), [(1, "foreign_session")]);
    assert_eq!(outcomes(&desk.push(&wang)), [(1, Outcome::Entered)]);
}

/// R0.25
#[test]
fn backdated_past_a_contact() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    contact(&mut desk, &wang, 0, 101);
    wang.seen.sequence = 5;
    wang.write(record, "note", json!({ "text": "said to be old" }));
    wang.seen.sequence = 101;
    wang.write(record, "note", json!({ "text": "as it is" }));
    let plan = desk.push(&wang);
    // It is his to write today.
    assert_eq!(outcomes(&plan), [(1, Outcome::Entered), (2, Outcome::Entered)]);
    assert_eq!(kinds(&plan), [("backdated", 1)]);
    assert!(desk.push(&wang).is_void(), "told once");
}

#[test]
fn an_edited_old_fact() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    let own = wang.write(record, "note", json!({ "text": "one" }));
    desk.push(&wang);
    desk.answer(&mut wang);
    wang.rebase();
    let before = desk.state.accepted_facts().cloned().collect::<Vec<_>>();
    let edited = wang.fact(own.facts[0].key, "note", &json!({ "text": "edited" }));
    wang.change(record, vec![edited]);
    let plan = desk.push(&wang);
    assert_eq!(codes(&plan), [(1, "edited_old_fact")]);
    assert_eq!(desk.state.accepted_facts().cloned().collect::<Vec<_>>(), before);
}

#[test]
fn a_foreign_site() {
    let mut chen = Phone::new(CHEN, 1);
    let record = RecordId::by_hand("work_order", SiteId(8), chen.session, 1);
    let created = json!({
        "kind": "work_order", "site": 8, "schema": 1, "category": "household",
        "unit": "3-2-1501", "description": "d", "priority": "urgent",
    });
    chen.write(record, "created", created);
    let mut desk = Desk::new(record, &[&chen]);
    assert_eq!(codes(&desk.push(&chen)), [(1, "not_your_role")]);
    // Nor a record of the own site under another's id.
    let mut chen = Phone::new(CHEN, 1);
    let created = json!({
        "kind": "work_order", "site": SITE.0, "schema": 1, "category": "household",
        "unit": "3-2-1501", "description": "d", "priority": "urgent",
    });
    chen.write(record, "created", created);
    let mut desk = Desk::new(record, &[&chen]);
    assert_eq!(codes(&desk.push(&chen)), [(1, "record_id_mismatch")]);
}

/// R0.25
#[test]
fn a_revoked_role() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    let grants = &mut desk.principals.get_mut(&WANG).expect("Wang").grants;
    grants[0].ended = Some(Seen { epoch: 1, sequence: 50 });
    wang.seen.sequence = 40;
    wang.write(record, "note", json!({ "text": "before its end" }));
    contact(&mut desk, &wang, 1, 60);
    wang.write(record, "note", json!({ "text": "after it, said to be before" }));
    wang.seen = Seen::default();
    wang.write(record, "note", json!({ "text": "after it, said to have seen nothing" }));
    let plan = desk.push(&wang);
    assert_eq!(outcomes(&plan)[0], (1, Outcome::Entered));
    assert_eq!(codes(&plan), [(2, "not_your_role"), (3, "not_your_role")]);
    assert_eq!(kinds(&plan), [("backdated", 2), ("refused", 2)]);
}

#[test]
fn a_number_used_twice() {
    let (record, _, mut wang, _, mut desk) = dispatched();
    let mut second = Phone::new(WANG, 9);
    second.reopen(0x78);
    desk.answer(&mut second);
    wang.write(record, "note", json!({ "text": "the first" }));
    second.write(record, "note", json!({ "text": "the second" }));
    desk.push(&wang);
    let plan = desk.push(&second);
    assert!(plan.cloned, "the phone enrols anew");
    assert_eq!(kinds(&plan), [("clone", 1)]);
    assert_eq!(desk.facts(), 4, "both are kept");
}

/// Whatever comes, in whatever order and as often: the accepted facts only grow, each as it was.
#[test]
fn a_fuzzed_mixture_never_changes_the_canonical_document() {
    let (record, _, wang, li, mut desk) = dispatched();
    desk.forging = true;
    let mut phones = [wang, li];
    let mut random = 0x5eed_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % below
    };
    let mut accepted: BTreeMap<FactKey, String> = BTreeMap::new();
    for round in 0..2_000 {
        let phone = &mut phones[usize::from(next(2) == 1)];
        // Pushes cost what the record holds: it is begun anew before it is large.
        if desk.state.rows.len() > 60 {
            let fresh = dispatched();
            (desk, phones) = (fresh.4, [fresh.2, fresh.3]);
            desk.forging = true;
            for phone in &mut phones {
                phone.number = 1_000 + round * 10;
                phone.session = SessionId([u8::try_from(next(200)).expect("small") + 20; 8]);
            }
            accepted.clear();
            continue;
        }
        let old = desk.state.accepted_facts().next().expect("an opening").clone();
        match next(9) {
            0 => drop(phone.write(record, "note", json!({ "text": format!("{round}") }))),
            1 => {
                let (cancelled, reason) = forbidden();
                phone.write(record, cancelled, reason);
            }
            2 => {
                let edited = StoredFact { key: old.key, json: old.json.replace("household", "x") };
                phone.change(record, vec![edited]);
            }
            3 => drop(phone.change(record, vec![old])),
            4 => drop(phone.write(record, "signed", signed(old.key))),
            5 => phone.number = phone.number.saturating_sub(next(3)),
            6 => phone.seen.sequence = next(200),
            7 => phone.rebase(),
            _ => {
                let (number, sequence) = (next(phone.number + 1), next(200));
                contact(&mut desk, phone, number, sequence);
            }
        }
        let mut pack = phone.pack(record);
        if pack.changes.is_empty() {
            continue;
        }
        match next(6) {
            0 => pack.changes.reverse(),
            1 => drop(pack.changes.remove(0)),
            2 => pack.check[0] ^= 1,
            _ => {}
        }
        if !pack.changes.is_empty() {
            desk.push_pack(phone, pack);
        }
        if next(3) == 0 {
            desk.answer(phone);
        }
        let now: BTreeMap<FactKey, String> =
            desk.state.accepted_facts().map(|fact| (fact.key, fact.json.clone())).collect();
        for (key, json) in &accepted {
            assert_eq!(now.get(key), Some(json), "{key} in round {round}");
            assert!(canonical::parse(json).is_ok());
        }
        accepted = now;
    }
}
