//! The vectors that `docs/protocol.md` prints, made by the code: a page that no longer tells the
//! bytes fails here. Judges nothing else of the page.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey};
use sync_core::document::pack::encode;
use sync_core::document::{Change, ChangeHead, RecordPack, genesis};
use sync_core::engine::record::heads_digest;
use sync_core::model::audience::Audience;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, FactKey, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::time::{BootId, Seen};
use sync_core::protocol::chain::{Entry, Told, chain_head, chain_statement};
use sync_core::protocol::identity::{self, Certificate};
use sync_core::protocol::message::{
    ClockReading, Cursor, Delivery, Left, Outcome, PhoneState, RECORD_PURGED, Receipt,
    SessionRegistration, SyncRequest, SyncResponse, WireAnchor, WireSession,
};

use super::tree;

const SESSION: SessionId = SessionId([1, 2, 3, 4, 5, 6, 7, 8]);
const PERSON: PersonId = PersonId(31);
const DEVICE: DeviceId = DeviceId(9);
const BOOT: BootId = BootId([2; 16]);
const OPENED_MS: i64 = 1_700_000_000_000;

#[test]
fn the_vectors_of_the_protocol_page_are_the_bytes_of_the_code() {
    let told = told(&tree::file("docs/protocol.md"));
    let mut made = BTreeMap::new();
    ids(&mut made);
    signatures(&mut made);
    let (record, changes) = changes(&mut made);
    chain(&mut made, record, &changes);
    messages(&mut made, record, &changes);
    let differ = made.iter().filter(|(name, value)| told.get(*name) != Some(value));
    let lines: Vec<String> = differ.map(|(name, value)| format!("{name} = {value}")).collect();
    assert!(lines.is_empty(), "the page should say\n{}", lines.join("\n"));
    assert_eq!(told.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
}

#[test]
fn the_schema_file_holds_the_schema_of_the_page() {
    let (page, file) = (tree::file("docs/protocol.md"), schema_file());
    let block = page.split("```cddl\n").nth(1).and_then(|rest| rest.split("```").next());
    assert!(file.contains(block.expect("the page has a schema")));
}

fn schema_file() -> String {
    let path = tree::root().join("docs/protocol/fieldbook.cddl");
    std::fs::read_to_string(path).expect("the schema is there")
}

#[test]
fn a_vector_goes_on_over_lines_that_are_set_in() {
    let page = "```text\nx = 1\n```\n```vectors\na = 00\n  11\nb = c\n```\n";
    let expected = [("a", "0011"), ("b", "c")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(told(page), BTreeMap::from(expected));
}

/// The lines `name = value` of the `vectors` blocks; a line that is set in goes on with the value.
fn told(page: &str) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let mut name = String::new();
    let blocks = page.split("```vectors\n").skip(1).filter_map(|rest| rest.split("```").next());
    for line in blocks.flat_map(str::lines) {
        if let Some(more) = line.strip_prefix("  ") {
            let value: &mut String = told.entry(name.clone()).or_default();
            value.push_str(more.trim());
        } else if let Some((key, value)) = line.split_once(" = ") {
            key.clone_into(&mut name);
            told.insert(name.clone(), value.to_owned());
        }
    }
    told
}

type Made = BTreeMap<String, String>;

fn put(made: &mut Made, name: &str, value: impl ToString) {
    made.insert(name.to_owned(), value.to_string());
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn ids(made: &mut Made) {
    let by_hand = RecordId::by_hand("work_order", SiteId(7), SESSION, 40);
    let cause = FactKey::Written { session: SESSION, n: 201, i: 0 };
    put(made, "session", hex(&SESSION.0));
    put(made, "session-text", SESSION);
    put(made, "record-40", hex(&by_hand.0));
    put(made, "record-40-text", by_hand);
    put(made, "written-key", cause);
    put(made, "derived-key", FactKey::derive(by_hand, "call_back_due", &cause.to_string(), 0));
}

fn registration() -> SessionRegistration {
    let mut registration = SessionRegistration {
        session: SESSION,
        boot: BOOT,
        opened_wall_ms: OPENED_MS,
        opened_monotonic_ms: 60_000,
        signature: [0; 64],
    };
    let statement = identity::session_statement(PERSON, DEVICE, &registration);
    registration.signature = SigningKey::from_bytes(&[2; 32]).sign(&statement).to_bytes();
    registration
}

fn signatures(made: &mut Made) {
    let (installation, key) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
    let public = key.verifying_key();
    let certificate = Certificate::issue(&installation, PERSON, DEVICE, &public, OPENED_MS);
    let statement = identity::certificate_statement(PERSON, DEVICE, public.as_bytes(), OPENED_MS);
    let installation = installation.verifying_key();
    put(made, "installation-key", BASE64URL_NOPAD.encode(installation.as_bytes()));
    put(made, "fingerprint", identity::fingerprint(&installation));
    put(made, "device-key", BASE64URL_NOPAD.encode(public.as_bytes()));
    put(made, "certificate-statement", hex(&statement));
    put(made, "certificate-signature", &certificate.signature);
    let nonce = identity::nonce_statement(PERSON, DEVICE, &[1, 2]);
    put(made, "nonce-statement", hex(&nonce));
    put(made, "nonce-signature", BASE64URL_NOPAD.encode(&key.sign(&nonce).to_bytes()));
    let registration = registration();
    let statement = identity::session_statement(PERSON, DEVICE, &registration);
    put(made, "session-statement", hex(&statement));
    put(made, "session-signature", hex(&registration.signature));
}

/// Both commands, as the device signs them when it is another's.
fn chain(made: &mut Made, record: RecordId, changes: &[Change]) {
    let entries: Vec<Entry<'_>> =
        (1..).zip(changes).map(|(n, change)| Entry { n, record, facts: &change.facts }).collect();
    let head = chain_head(&entries);
    let told = Told { highest_number: 2, unsent: 2 };
    let statement = chain_statement(PERSON, DEVICE, told, &head);
    put(made, "chain-head", hex(&head));
    put(made, "chain-statement", hex(&statement));
    let key = SigningKey::from_bytes(&[2; 32]);
    put(made, "chain-signature", hex(&key.sign(&statement).to_bytes()));
}

/// A contact opened by hand in command 1, and command 2 with two facts on top of it.
fn changes(made: &mut Made) -> (RecordId, [Change; 2]) {
    let record = RecordId::by_hand("contact", SiteId(7), SESSION, 1);
    let genesis = genesis(record);
    put(made, "record", hex(&record.0));
    put(made, "record-text", record);
    put(made, "genesis", hex(&genesis.chunk));
    put(made, "genesis-hash", genesis.hash);
    let fact = |n, i, json: &str| StoredFact {
        key: FactKey::Written { session: SESSION, n, i },
        json: json.to_owned(),
    };
    let facts = [fact(1, 0, FIRST), fact(2, 0, SECOND), fact(2, 1, THIRD)];
    for (name, fact) in ["fact-1", "fact-2", "fact-3"].into_iter().zip(&facts) {
        fact.parse().expect("a fact in canonical form");
        put(made, name, &fact.json);
    }
    let [first, second, third] = facts;
    let head = ChangeHead { actor: SESSION, seq: 1, start_op: 3, deps: vec![genesis.hash] };
    let one = Change::build(head, vec![first]).expect("one small fact");
    let head = ChangeHead { actor: SESSION, seq: 2, start_op: 4, deps: vec![one.hash] };
    let two = Change::build(head, vec![second, third]).expect("two small facts");
    put(made, "change-1", hex(&one.chunk()));
    put(made, "change-1-hash", one.hash);
    put(made, "change-2", hex(&two.chunk()));
    put(made, "change-2-hash", two.hash);
    put(made, "heads-digest", hex(&heads_digest(&[two.hash].into())));
    (record, [one, two])
}

const FIRST: &str = concat!(
    r#"{"m":60000,"p":{"kind":"contact","name":"李","phones":[],"salt":"x","schema":1,"#,
    r#""site":7},"s":[0,0],"t":"created","w":1700000000000}"#
);
const SECOND: &str = r#"{"m":61000,"p":{"text":"a"},"s":[0,0],"t":"note","w":1700000001000}"#;
const THIRD: &str = r#"{"m":61000,"p":{"text":"b"},"s":[0,0],"t":"note","w":1700000001000}"#;

fn messages(made: &mut Made, record: RecordId, changes: &[Change]) {
    let packs = encode(&[RecordPack::from_changes(record, changes)]);
    put(made, "packs", hex(&packs));
    let clock = ClockReading { boot: BOOT, monotonic_ms: 62_000, wall_ms: 1_700_000_002_000 };
    let user = Audience::User(SiteId(7), PERSON);
    let request = SyncRequest {
        version: 1,
        device: DEVICE,
        clock,
        cursors: vec![Cursor { epoch: 1, audience: user, sequence: 4 }],
        receipts_after: 0,
        reference_version: 3,
        sessions: vec![registration()],
        state: PhoneState {
            highest_number: 2,
            unsent: 2,
            oldest_unsent_wall_ms: Some(OPENED_MS),
            app_version: "x 1".to_owned(),
            storage_free_bytes: None,
            numbers_after: None,
            parked: None,
        },
        packs,
        repairs: Vec::new(),
        answers: None,
    };
    put(made, "request", hex(&minicbor::to_vec(&request).expect("a vector takes every byte")));
    let response = response(record, &changes[1], user);
    put(made, "response", hex(&minicbor::to_vec(&response).expect("a vector takes every byte")));
    let purged = purged(record, user);
    put(made, "purged", hex(&minicbor::to_vec(&purged).expect("a vector takes every byte")));
}

/// An answer that says that the record was purged, and refuses what was written to it since.
fn purged(record: RecordId, audience: Audience) -> SyncResponse {
    let anchor = WireAnchor { server_ms: 1_700_000_002_500, monotonic_ms: 62_000 };
    SyncResponse {
        version: 1,
        epoch: 1,
        server_time_ms: 1_700_000_002_500,
        anchor,
        receipts: vec![Receipt {
            from: 3,
            to: 3,
            outcome: Outcome::Refused,
            code: Some(RECORD_PURGED.to_owned()),
            params: None,
            cases: None,
            already_had: false,
            accepted_at: None,
        }],
        receipts_after: 2,
        reference: None,
        sessions: Vec::new(),
        records: Vec::new(),
        packs: Vec::new(),
        left: vec![Left { record, audience }],
        cursors: vec![Cursor { epoch: 1, audience, sequence: 6 }],
        backed_up: None,
        more: false,
        re_enrol: false,
        purged: Some(vec![record]),
        answered: None,
    }
}

fn response(record: RecordId, last: &Change, audience: Audience) -> SyncResponse {
    let anchor = WireAnchor { server_ms: 1_700_000_002_500, monotonic_ms: 62_000 };
    SyncResponse {
        version: 1,
        epoch: 1,
        server_time_ms: 1_700_000_002_500,
        anchor,
        receipts: vec![Receipt {
            from: 1,
            to: 2,
            outcome: Outcome::Entered,
            code: None,
            params: None,
            cases: None,
            already_had: false,
            accepted_at: Some(Seen { epoch: 1, sequence: 5 }),
        }],
        receipts_after: 1,
        reference: None,
        sessions: vec![WireSession {
            session: SESSION,
            person: PERSON,
            device: DEVICE,
            office: false,
            boot: BOOT,
            opened_wall_ms: OPENED_MS,
            opened_monotonic_ms: 60_000,
            anchor: Some(anchor),
        }],
        records: vec![Delivery {
            record,
            site: SiteId(7),
            audiences: vec![audience],
            whole: false,
            has_pack: false,
            attestation: [9; 16],
            heads_digest: heads_digest(&[last.hash].into()),
        }],
        packs: Vec::new(),
        left: Vec::new(),
        cursors: vec![Cursor { epoch: 1, audience, sequence: 5 }],
        backed_up: None,
        more: false,
        re_enrol: false,
        purged: None,
        answered: None,
    }
}
