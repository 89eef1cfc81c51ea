//! Evidence: what a file of it says when nothing is there but the file.

use ed25519_dalek::SigningKey;

use super::super::evidence::{Bundle, Evidence, EvidenceInput, bundle, verify};
use super::super::signature::{Verification, sign_fact};
use super::super::statement::Language;
use super::statements::{finished, sign};
use super::*;
use crate::model::certificate::{Certificate, fingerprint};
use crate::model::fact::StoredFact;

fn installation() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn trusted() -> Vec<String> {
    vec![fingerprint(&installation().verifying_key())]
}

/// A signed order, its facts as stored, and the certificates of everybody.
struct Signed {
    story: Story,
    facts: Vec<StoredFact>,
    certificates: Vec<Certificate>,
}

impl Signed {
    fn new() -> Self {
        let (mut story, mut worker, visit) = finished();
        story.write(&mut worker, sign(visit, Language::ZhCn));
        let key = SigningKey::from_bytes(&[5; 32]);
        let record = story.record;
        sign_fact(record, story.facts.last_mut().expect("there"), &key).expect("signs");
        let facts = story.facts.iter().map(|fact| fact.store().expect("canonical")).collect();
        let issue = |person, key: &SigningKey| {
            let device = DeviceId(person);
            Certificate::issue(
                &installation(),
                PersonId(person),
                device,
                &key.verifying_key(),
                NINE,
            )
        };
        let other = SigningKey::from_bytes(&[6; 32]);
        Self { story, facts, certificates: vec![issue(32, &other), issue(31, &key)] }
    }

    fn bundle(&self, with_strokes: bool) -> Bundle {
        let input = EvidenceInput {
            record: self.story.record,
            time_zone: "Asia/Shanghai",
            facts: &self.facts,
            sessions: &self.story.sessions,
            certificates: &self.certificates,
            with_strokes,
        };
        bundle(&input, &installation()).expect("canonical")
    }

    fn text(&self) -> String {
        self.bundle(true).write().expect("canonical")
    }
}

fn found(text: &str) -> Evidence {
    verify(&Bundle::read(text).expect("evidence"), &trusted())
}

fn altered(what: &str) -> Verification {
    Verification::Altered { what: what.to_owned() }
}

/// What alters a bundle.
type Alter = fn(&mut Value);

/// R8.11
#[test]
fn the_file_is_frozen_and_verifies_by_itself() {
    let text = Signed::new().text();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/evidence/example.json");
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(path, &text).expect("written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "what was exported before must verify: a new form has a new name");
    let evidence = found(&text);
    assert_eq!(
        (evidence.file.clone(), evidence.worst()),
        (Verification::Valid, Verification::Valid)
    );
    let [signature] = &evidence.signatures[..] else { panic!("one signature") };
    assert_eq!((&signature.found, &signature.absent[..]), (&Verification::Valid, &[][..]));
    assert!(signature.text.as_ref().is_some_and(|text| text.starts_with("上门服务确认\n")));
    assert_eq!(evidence.fingerprint.as_ref(), trusted().first());
    assert!(!text.contains(&Certificate::clone(&Signed::new().certificates[0]).public_key));
}

/// R8.11
#[test]
fn a_bundle_verifies_offline_and_every_altered_byte_is_named() {
    let text = Signed::new().text();
    let members: [(&str, Alter); 9] = [
        ("record", |b| b["record"] = json!("AgICAgICAgICAgICAgICAg")),
        ("time_zone", |b| b["time_zone"] = json!("UTC")),
        ("facts", |b| {
            let facts = b["facts"].as_object_mut().expect("facts");
            let charged = facts.values_mut().find(|fact| fact["t"] == "charged");
            charged.expect("there")["p"]["amount_fen"] = json!(1_200);
        }),
        ("sessions", |b| {
            let sessions = b["sessions"].as_object_mut().expect("sessions");
            let phone = sessions.values_mut().find(|session| session["office"] == false);
            phone.expect("there")["anchor"] = json!([0, 0]);
        }),
        ("certificates", |b| b["certificates"][0]["issued_ms"] = json!(1)),
        ("installation_key", |b| {
            let other = SigningKey::from_bytes(&[2; 32]).verifying_key();
            let key = data_encoding::BASE64URL_NOPAD.encode(other.as_bytes());
            b["installation_key"] = json!(key);
        }),
        ("documents", |b| {
            let documents = b["documents"].as_object_mut().expect("documents");
            *documents.values_mut().next().expect("one") = json!("another text");
        }),
        ("erased", |b| {
            let key = b["documents"].as_object().expect("documents").keys().next().cloned();
            b["erased"] = json!([key]);
        }),
        ("seal", |b| {
            let digests = b["seal"]["digests"].as_object_mut().expect("digests");
            digests.insert("another".to_owned(), json!(""));
        }),
    ];
    for (member, alter) in members {
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        alter(&mut value);
        let evidence = found(&value.to_string());
        assert_eq!(evidence.file, altered(member));
        assert_eq!(evidence.worst().weight(), altered(member).weight(), "{member}");
    }
    // Each part says it of the signature too, as far as a signature covers it.
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    value["time_zone"] = json!("UTC");
    assert_eq!(found(&value.to_string()).signatures[0].found, altered("text"));
    // Any byte at all: the file does not read any more, or says what differs.
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(other) = String::from_utf8(bytes) else { continue };
        let Ok(read) = Bundle::read(&other) else { continue };
        let differs = verify(&read, &trusted()).file;
        assert!(matches!(differs, Verification::Altered { .. }), "byte {at}: {differs:?}");
    }
}

/// R8.11
#[test]
fn a_missing_fact_is_named() {
    let mut signed = Signed::new();
    let charged = signed.facts.iter().position(|fact| fact.json.contains("\"charged\""));
    let charged = signed.facts.remove(charged.expect("there")).key;
    let evidence = found(&signed.text());
    assert_eq!(evidence.file, Verification::Valid, "the installation had no more");
    assert_eq!(evidence.signatures[0].absent, [charged]);
    assert_eq!(evidence.worst(), Verification::Missing { what: "shown".to_owned() });
    signed.certificates.pop();
    let missing = Verification::Missing { what: "certificate".to_owned() };
    assert_eq!(found(&signed.text()).worst(), missing);
    signed.facts.retain(|fact| !fact.json.contains("\"signed\""));
    let missing = Verification::Missing { what: "signed".to_owned() };
    assert_eq!(found(&signed.text()).worst(), missing);
}

/// R8.11
#[test]
fn another_installation_is_untrusted_until_named() {
    let bundle = Signed::new().bundle(true);
    let evidence = verify(&bundle, &[]);
    assert_eq!(
        (&evidence.file, evidence.worst()),
        (&Verification::Untrusted, Verification::Untrusted)
    );
    assert_eq!(verify(&bundle, &["00".repeat(16)]).worst(), Verification::Untrusted);
    assert_eq!(verify(&bundle, &trusted()).worst(), Verification::Valid);
}

/// R8.11, R8.12
#[test]
fn a_drawing_that_was_left_out_is_erased_and_nothing_else_is() {
    let mut signed = Signed::new();
    let text = signed.bundle(false).write().expect("canonical");
    let drawn = sign_drawing();
    assert!(!text.contains(&drawn));
    let evidence = found(&text);
    assert_eq!(
        (evidence.file.clone(), evidence.worst()),
        (Verification::Valid, Verification::Erased)
    );
    // A fact that was shown and says something else is found without the drawing.
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    let facts = value["facts"].as_object_mut().expect("facts");
    let charged = facts.values_mut().find(|fact| fact["t"] == "charged");
    charged.expect("there")["p"]["amount_fen"] = json!(1_200);
    assert_eq!(found(&value.to_string()).signatures[0].found, altered("content"));
    // One that never stood is not washed clean by leaving it out.
    let fact = signed.facts.last_mut().expect("there");
    fact.json = fact.json.replace("\"attitude\":4", "\"attitude\":5");
    let text = signed.bundle(false).write().expect("canonical");
    assert!(!text.contains(&drawn));
    assert_eq!(found(&text).signatures[0].found, altered("signature"));
}

fn sign_drawing() -> String {
    super::statements::drawing().encode().expect("small")
}
