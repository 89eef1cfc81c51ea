//! The canonical statement and the signature over it.

use ed25519_dalek::SigningKey;

use super::super::signature::{
    Strokes, Verification, sign_fact, signature_statement, verify_signed, wants_signature,
};
use super::super::statement::{Language, statement};
use super::*;
use crate::model::work_order::{Ratings, Relation};

pub(super) fn drawing() -> Strokes {
    Strokes {
        width: 1_000,
        height: 400,
        strokes: vec![vec![(100, 100), (200, 120), (240, 300)], vec![(300, 90), (420, 250)]],
    }
}

pub(super) fn sign(visit: FactKey, language: Language) -> Command {
    Command::Sign {
        visit,
        language,
        text_sha256: None,
        strokes: drawing(),
        relation: Relation::Owner,
        contact: None,
        ratings: Ratings { quality: 5, attitude: 4, conduct: 5 },
    }
}

/// A finished visit with materials and money.
pub(super) fn finished() -> (Story, Writer, FactKey) {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 2 }));
    let quote = story.step(
        &mut worker,
        "quoted",
        json!({ "visit": visit, "amount_fen": 12_000, "items": [] }),
    );
    story.step(&mut worker, "quote_accepted", json!({ "quote": quote }));
    story.step(&mut worker, "start_work", json!({ "visit": visit }));
    let wrong = story.step(&mut worker, "material", json!({ "visit": visit, "name": "水龙头", "quantity_milli": 1_000, "unit": "个", "unit_price_fen": 8_800 }));
    story.step(&mut worker, "material", json!({ "visit": visit, "name": "生料带", "quantity_milli": 1_500, "unit": "卷", "unit_price_fen": 200 }));
    story.step(&mut worker, "material_removed", json!({ "visit": visit, "material": wrong }));
    story.after(35 * MINUTE);
    story.step(&mut worker, "finish_work", json!({ "visit": visit }));
    story.step(
        &mut worker,
        "charged",
        json!({ "visit": visit, "amount_fen": 12_000, "method": "cash" }),
    );
    (story, worker, visit)
}

/// R4.23
#[test]
fn the_text_of_version_one_is_frozen_in_both_languages() {
    let (story, _, visit) = finished();
    let review = story.review();
    let chinese = statement(&review, visit, Language::ZhCn).expect("a visit");
    assert_eq!(chinese.template, "visit/1/zh-CN");
    assert_eq!(
        chinese.text,
        "上门服务确认\n服务内容：厨房水管漏水\n开始时间：2026-11-25 09:00\n\
        完成时间：2026-11-25 09:35\n所用材料：生料带 1.5 卷 × ¥2.00\n事先报价：¥120.00\n本次收费：¥120.00\n\
        以上内容已向我说明，我在下方签名确认。\n"
    );
    let english = statement(&review, visit, Language::En).expect("a visit");
    assert_eq!(
        english.text,
        "Confirmation of service\nWork: 厨房水管漏水\nStarted: 2026-11-25 09:00\n\
        Finished: 2026-11-25 09:35\nMaterials used: 生料带 1.5 卷 × ¥2.00\nQuoted beforehand: ¥120.00\n\
        Charged: ¥120.00\nThis was explained to me, and I confirm it by my signature below.\n"
    );
    assert_eq!(chinese.content_sha256, english.content_sha256);
    assert_eq!(
        chinese.content_sha256,
        "a0a1f99855f2d9e84700f01b1523b4dac8b7a573d426f3a3c4a0204c52fad71e"
    );
}

#[test]
fn times_are_the_servers_where_verified_and_a_text_is_made_again_with_its_own_clock() {
    let (mut story, mut worker, visit) = finished();
    for fact in story.facts.iter_mut().filter(|fact| fact.monotonic_ms.is_some()) {
        fact.wall_ms += 3 * 3_600_000;
    }
    let text = |story: &Story| statement(&story.review(), visit, Language::En).expect("a visit");
    assert!(text(&story).text.contains("Started: 2026-11-25 09:00\n"));
    let anchor = story.sessions.get_mut(&worker.session).expect("there").anchor.take();
    let shown = text(&story);
    assert!(shown.text.contains("Started: 2026-11-25 12:00\n"));
    // The clock is verified after the customer has signed.
    story.write(&mut worker, sign(visit, Language::En));
    story.sessions.get_mut(&worker.session).expect("there").anchor = anchor;
    let key = SigningKey::from_bytes(&[5; 32]);
    let record = story.record;
    let signed = story.facts.last_mut().expect("there");
    sign_fact(record, signed, &key).expect("signs");
    let stored = signed.store().expect("canonical");
    let found = verify_signed(&story.review(), &stored, Some(&key.verifying_key()));
    assert_eq!(found, Verification::Valid);
}

/// R4.23
#[test]
fn a_line_break_in_a_description_does_not_forge_a_line() {
    let (mut story, _, visit) = finished();
    let mut desk = story.desk();
    desk.n = 50;
    story.write(&mut desk, set("description", json!("水管\n本次收费：¥0.00")));
    let text = statement(&story.review(), visit, Language::ZhCn).expect("a visit").text;
    assert!(text.contains("服务内容：水管 本次收费：¥0.00\n"));
}

/// R4.22, R4.24, R8.8
#[test]
fn a_signature_holds_until_anything_it_covers_changes() {
    let (mut story, mut worker, visit) = finished();
    let key = SigningKey::from_bytes(&[5; 32]);
    story.write(&mut worker, sign(visit, Language::ZhCn));
    let record = story.record;
    let signed = story.facts.last_mut().expect("there");
    assert!(wants_signature(signed));
    sign_fact(record, signed, &key).expect("signs");
    assert!(!wants_signature(signed));
    let stored = signed.store().expect("canonical");
    let public = key.verifying_key();
    assert_eq!(verify_signed(&story.review(), &stored, Some(&public)), Verification::Valid);
    assert_eq!(verify_signed(&story.review(), &stored, None), Verification::Untrusted);
    let other = SigningKey::from_bytes(&[6; 32]).verifying_key();
    let altered = |what: &str| Verification::Altered { what: what.to_owned() };
    assert_eq!(verify_signed(&story.review(), &stored, Some(&other)), altered("signature"));
    // A rating raised afterwards.
    let mut forged = stored.clone();
    forged.json = forged.json.replace("\"attitude\":4", "\"attitude\":5");
    assert_ne!(forged.json, stored.json);
    assert_eq!(verify_signed(&story.review(), &forged, Some(&public)), altered("signature"));
    // A fact that was shown says something else.
    let mut changed = story.clone();
    let charged =
        changed.facts.iter_mut().find(|f| f.payload.fact_type() == "charged").expect("there");
    let json = charged.store().expect("canonical").json.replace("12000", "1200");
    *charged = Fact::parse(charged.key, &json).expect("a fact");
    assert_eq!(verify_signed(&changed.review(), &stored, Some(&public)), altered("content"));
    // A fact that was shown is gone.
    let mut missing = story.clone();
    missing.facts.retain(|fact| fact.payload.fact_type() != "charged");
    let gone = Verification::Missing { what: "shown".to_owned() };
    assert_eq!(verify_signed(&missing.review(), &stored, Some(&public)), gone);
    // What comes afterwards leaves the signature valid, and shows.
    story.step(
        &mut worker,
        "charged",
        json!({ "visit": visit, "amount_fen": 500, "method": "cash" }),
    );
    assert_eq!(verify_signed(&story.review(), &stored, Some(&public)), Verification::Valid);
    assert!(open_cases(&story.review()).contains(&"changed_after_signature"));
}

#[test]
fn the_bytes_a_device_key_signs_are_frozen() {
    let (mut story, mut worker, visit) = finished();
    story.write(&mut worker, sign(visit, Language::ZhCn));
    let fact = story.facts.last().expect("there");
    let bytes = signature_statement(story.record, &fact.store().expect("canonical"));
    let bytes = bytes.expect("canonical");
    assert!(bytes.starts_with(b"\x84\x75fieldbook/signature/1\x50\x01\x01"));
    use sha2::Digest as _;
    let digest = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(&bytes));
    assert_eq!(digest, "bc68aa2430f6cb930457a7dc217a7888ed5382d2c93ab96fc33a66d3dd865a59");
    assert!(!String::from_utf8_lossy(&bytes).contains("\"signature\""));
}

/// R4.25
#[test]
fn a_dot_is_no_signature_and_a_visit_must_be_there() {
    let (story, worker, visit) = finished();
    let Command::Sign { language, relation, contact, ratings, .. } = sign(visit, Language::En)
    else {
        panic!("a signature")
    };
    let dot = Strokes { strokes: vec![vec![(5, 5)]], ..drawing() };
    let dot = Command::Sign {
        visit,
        language,
        text_sha256: None,
        strokes: dot,
        relation,
        contact,
        ratings,
    };
    assert_eq!(story.deny(&worker, &dot), DenialCode::NotADrawing);
    let nowhere = FactKey::Written { session: worker.session, n: 99, i: 0 };
    assert_eq!(story.deny(&worker, &sign(nowhere, Language::En)), DenialCode::NoSuchFact);
    for bad in [0, 6] {
        let ratings = Ratings { conduct: bad, ..ratings };
        let command = Command::Sign {
            visit,
            language,
            text_sha256: None,
            strokes: drawing(),
            relation,
            contact,
            ratings,
        };
        assert_eq!(story.deny(&worker, &command), DenialCode::OutOfRange);
    }
}

/// R4.23
#[test]
fn what_changed_since_it_was_shown_is_not_signed_unseen() {
    let (mut story, mut worker, visit) = finished();
    let shown = statement(&story.review(), visit, Language::En).expect("a visit").text_sha256;
    let signing = |text_sha256: String| match sign(visit, Language::En) {
        Command::Sign { visit, language, strokes, relation, contact, ratings, .. } => {
            let text_sha256 = Some(text_sha256);
            Command::Sign { visit, language, text_sha256, strokes, relation, contact, ratings }
        }
        other => other,
    };
    assert!(story.try_write_on(&worker, &signing(shown.clone()), &story.facts).is_ok());
    let more = json!({ "visit": visit, "amount_fen": 100, "method": "cash" });
    story.step(&mut worker, "charged", more);
    assert_eq!(story.deny(&worker, &signing(shown)), DenialCode::StatementDiffers);
}

/// R8.8
#[test]
fn members_of_a_newer_app_are_part_of_what_was_signed() {
    let (mut story, mut worker, visit) = finished();
    let charged = story.facts.iter_mut().find(|f| f.payload.fact_type() == "charged");
    let charged = charged.expect("there");
    let json = charged.store().expect("canonical").json;
    let newer = json.replace("\"method\":\"cash\"", "\"method\":\"cash\",\"receipt\":\"A7\"");
    *charged = Fact::parse(charged.key, &newer).expect("a fact");
    story.write(&mut worker, sign(visit, Language::En));
    let key = SigningKey::from_bytes(&[5; 32]);
    let record = story.record;
    let signed = story.facts.last_mut().expect("there");
    sign_fact(record, signed, &key).expect("signs");
    let stored = signed.store().expect("canonical");
    let public = key.verifying_key();
    assert_eq!(verify_signed(&story.review(), &stored, Some(&public)), Verification::Valid);
    let charged = story.facts.iter_mut().find(|f| f.payload.fact_type() == "charged");
    let charged = charged.expect("there");
    *charged = Fact::parse(charged.key, &newer.replace("A7", "B8")).expect("a fact");
    let found = verify_signed(&story.review(), &stored, Some(&public));
    assert_eq!(found, Verification::Altered { what: "content".to_owned() });
}

#[test]
fn marks_that_turn_writing_around_stay_inside_their_value() {
    let (mut story, mut worker, visit) = finished();
    let turned = json!({ "visit": visit, "name": "\u{202e}瓶\u{2028}收费", "quantity_milli": 1_000,
        "unit": "个", "unit_price_fen": 100 });
    story.step(&mut worker, "material", turned);
    let text = statement(&story.review(), visit, Language::ZhCn).expect("a visit").text;
    assert!(text.contains("\u{2068}\u{202e}瓶 收费 1 个 × ¥1.00\u{2069}\u{2069}\n"), "{text:?}");
}

/// R4.22
#[test]
fn nobody_signs_what_was_not_shown() {
    let (mut story, mut worker, visit) = finished();
    let shown = statement(&story.review(), visit, Language::ZhCn).expect("a visit").text_sha256;
    let signed = |story: &Story, worker: &Writer| {
        let Command::Sign { visit, language, strokes, relation, contact, ratings, .. } =
            sign(visit, Language::ZhCn)
        else {
            panic!("a signature")
        };
        let text_sha256 = Some(shown.clone());
        let command =
            Command::Sign { visit, language, strokes, relation, contact, ratings, text_sha256 };
        let result = story.try_write_on(worker, &command, &story.facts);
        result.map(|_| ()).map_err(|denial| denial.code)
    };
    assert_eq!(signed(&story, &worker), Ok(()));
    let material = json!({ "visit": visit, "name": "阀门", "quantity_milli": 1_000, "unit": "个",
        "unit_price_fen": 9_900 });
    story.step(&mut worker, "material", material);
    assert_eq!(signed(&story, &worker), Err(DenialCode::StatementDiffers));
}

/// R4.24
#[test]
fn a_signed_fact_put_right_later_shows_as_changed() {
    let (mut story, mut worker, visit) = finished();
    story.write(&mut worker, sign(visit, Language::ZhCn));
    assert!(!open_cases(&story.review()).contains(&"changed_after_signature"));
    let finish = story.facts.iter().find(|fact| fact.payload.fact_type() == "finish_work");
    let corrects = vec![finish.expect("there").key];
    let Command::Record { fact, .. } =
        step("advice", json!({ "visit": visit, "text": "另一个时间" }))
    else {
        panic!("a step")
    };
    let (said_at_ms, on_behalf_of) = (None, None);
    story.write(&mut worker, Command::Record { fact, said_at_ms, on_behalf_of, corrects });
    assert!(open_cases(&story.review()).contains(&"changed_after_signature"));
}
