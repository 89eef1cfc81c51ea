//! Every kind of refusal: the worker learns the reason in words, the office sees the content and
//! exports, accepts or discards it. Each is made to happen by a phone whose rules and builder are
//! patched out; the list is the decide stage's own, and a new kind does not compile without a line
//! here.

use serde_json::Value;
use sync_core::document::{Change, ChangeHead, Deps, PackedChange, RecordPack};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{FactKey, SessionId};
use sync_core::protocol::limits::LIMITS;
use sync_core::protocol::message::Receipt;
use sync_core::rules::DenialCode as D;
use sync_core::texts::{Language, code_text, has_text, id_of};

use super::waiting::{at_work, code};
use super::*;
use crate::sync::decide::Refusal;
use crate::sync::testing::forbidden;
use crate::sync::waiting as what_waits;

/// Where a kind of refusal comes from.
enum Source {
    /// One command of one fact on Wang's order.
    Fact(&'static str, Value),
    /// A pack that an honest phone does not build.
    Pack(fn(&mut Phone, RecordId) -> RecordPack),
    /// Something that a test of its own stages.
    Staged(Stage),
    /// No push brings it about at a server that works, for this reason.
    Never(&'static str),
}

enum Stage {
    RestsOnRefused,
    AccountDisabled,
    RecordLeft,
    RecordPurged,
    NotOpened,
    MissingDependency,
    Quota,
    UnknownSession,
    ForeignSession,
}

/// Two strokes, and a dot.
const DRAWING: &str = "AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAI";

fn signed(visit: FactKey) -> Value {
    json!({
        "visit": visit, "template": "visit/1/zh-CN", "clock": "server", "shown": [visit],
        "content_sha256": "0", "text_sha256": "0", "strokes": DRAWING, "relation": "owner",
        "ratings": { "quality": 5, "attitude": 5, "conduct": 5 },
    })
}

fn anywhere() -> FactKey {
    FactKey::Written { session: SessionId([77; 8]), n: 1, i: 0 }
}

fn source(refusal: Refusal) -> Source {
    use Source::{Fact, Never, Pack, Staged};
    match refusal {
        Refusal::Denied(denial) => of_rules(denial),
        Refusal::RestsOnRefused => Staged(Stage::RestsOnRefused),
        Refusal::AccountDisabled => Staged(Stage::AccountDisabled),
        Refusal::UnknownPerson => Never("a token names a person of the table, which loses nobody"),
        Refusal::RecordIdMismatch => Pack(anothers_id),
        Refusal::SignatureNotValid => Fact("signed", signed(anywhere())),
        Refusal::RecordPurged => Staged(Stage::RecordPurged),
        Refusal::Discarded => Never("the office's own word: walked with every other"),
        Refusal::CheckMismatch => Pack(with_another_check),
        Refusal::NoPrevious => Pack(without_previous),
        Refusal::WrongSeq => Pack(out_of_turn),
        Refusal::NotOnOwnLast => Pack(beside_its_own_last),
        Refusal::WrongStartOp => Never("a pack does not carry it: the receiver counts"),
        Refusal::DerivedKey => Pack(with_a_derived_key),
        Refusal::TwoCommands => Pack(two_in_one),
        Refusal::WrongKey => Pack(keys_reversed),
        Refusal::EditedOldFact => Pack(an_edit),
        Refusal::NotCanonical => Pack(not_canonical),
        Refusal::NotAFact => Pack(no_fact),
        Refusal::NoFacts | Refusal::NoDependencies => {
            Never("the pack's codec counts from one: what has none does not read")
        }
        Refusal::TooLarge => Pack(too_large),
        Refusal::DuplicateDependency => Pack(one_dependency_twice),
        Refusal::DuplicateKey => Pack(one_key_twice),
        Refusal::NotOpened => Staged(Stage::NotOpened),
        Refusal::RestsOnHeld => Never("what it rests on is decided with it, in the same plan"),
        Refusal::MissingDependency => Staged(Stage::MissingDependency),
        Refusal::Undecided => Never("a defect of the server: undecided_work_is_decided_..."),
        Refusal::Quota => Staged(Stage::Quota),
        Refusal::UnknownSession => Staged(Stage::UnknownSession),
        Refusal::ForeignSession => Staged(Stage::ForeignSession),
        Refusal::Unavailable => Never("the database refuses one record and takes the others"),
    }
}

/// What the rules say.
fn of_rules(denial: D) -> Source {
    use Source::{Fact, Never, Pack, Staged};
    let field = |name: &str, value: Value| {
        Fact("set", json!({ "field": name, "value": value, "replaces": [] }))
    };
    match denial {
        D::NotYourRole => Fact(forbidden().0, forbidden().1),
        D::WrongKind => Fact("alarm_settled", json!({ "text": "t" })),
        D::TextTooLong => Fact("note", json!({ "text": "字".repeat(1_001) })),
        D::TextEmpty => Fact("note", json!({ "text": " " })),
        D::OutOfRange => field("priority", json!("whenever")),
        D::BadTime => field("appointment", json!("tomorrow")),
        D::UnknownField => field("reception", json!("x")),
        D::ReplacesSeveral => Fact(
            "set",
            json!({ "field": "appointment", "value": "2026-11-26T10:00:00+08:00",
                "replaces": [anywhere(), FactKey::Written {
                    session: SessionId([78; 8]), n: 1, i: 0 }] }),
        ),
        D::RecordFull => Pack(ten_thousand_facts),
        D::RecordLeft => Staged(Stage::RecordLeft),
        D::NotADrawing => Never("its own test: decide::tests::forged::a_dot_is_no_signature"),
        D::PreconditionMissing | D::NoSuchFact => Never(
            "said of kinds with rules of their own: decide::tests::seen, and the table of \
             permissions; refused and decided like NotYourRole",
        ),
        D::RecordNotHere => Never("without an opening it is held: NotOpened"),
        D::FieldInConflict
        | D::NotInConflict
        | D::StatementDiffers
        | D::RecordExists
        | D::CarriesSignatureOrMoney
        | D::ProofMissing => Never("the phone's own rules say so before anything is saved"),
    }
}

/// The next command of a phone, not built yet.
fn command(phone: &mut Phone, record: RecordId, types: &[&str]) -> (ChangeHead, Vec<StoredFact>) {
    phone.number += 1;
    let facts = (0..).zip(types).map(|(i, fact_type)| {
        let key = FactKey::Written { session: phone.session, n: phone.number, i };
        phone.fact(key, fact_type, &json!({ "text": "t" }))
    });
    let facts = facts.collect();
    let (actor, copy) = (phone.session, phone.copy(record));
    let deps: Vec<_> = copy.heads.iter().copied().collect();
    let start_op = 1 + deps.iter().map(|dep| copy.max_ops[dep]).max().expect("some heads");
    (ChangeHead { actor, seq: 1, start_op, deps }, facts)
}

fn built(record: RecordId, head: ChangeHead, facts: Vec<StoredFact>) -> RecordPack {
    RecordPack::from_changes(record, &[Change::build(head, facts).expect("a change")])
}

fn packed(phone: &mut Phone, record: RecordId, types: &[&str]) -> PackedChange {
    let (ChangeHead { actor, seq, deps, .. }, facts) = command(phone, record, types);
    PackedChange { actor, seq, deps: Deps::Explicit(deps), facts }
}

fn of_one(record: RecordId, change: PackedChange) -> RecordPack {
    RecordPack { record, changes: vec![change], check: [0; 8] }
}

fn with_another_check(phone: &mut Phone, record: RecordId) -> RecordPack {
    phone.write(record, "note", json!({ "text": "t" }));
    let mut pack = phone.pack(record);
    pack.check[0] ^= 1;
    pack
}

fn without_previous(phone: &mut Phone, record: RecordId) -> RecordPack {
    let packed = packed(phone, record, &["note"]);
    of_one(record, PackedChange { deps: Deps::Previous, ..packed })
}

fn out_of_turn(phone: &mut Phone, record: RecordId) -> RecordPack {
    let (head, facts) = command(phone, record, &["note"]);
    built(record, ChangeHead { seq: 9, ..head }, facts)
}

fn with_a_derived_key(phone: &mut Phone, record: RecordId) -> RecordPack {
    let (head, mut facts) = command(phone, record, &["note", "note"]);
    facts[1].key = FactKey::Derived { cause: [5; 16], i: 0 };
    built(record, head, facts)
}

fn two_in_one(phone: &mut Phone, record: RecordId) -> RecordPack {
    let (head, mut facts) = command(phone, record, &["note"]);
    facts.extend(command(phone, record, &["note"]).1);
    built(record, head, facts)
}

fn keys_reversed(phone: &mut Phone, record: RecordId) -> RecordPack {
    let (head, facts) = command(phone, record, &["note", "note"]);
    built(record, head, facts.into_iter().rev().collect())
}

fn not_canonical(phone: &mut Phone, record: RecordId) -> RecordPack {
    let (head, mut facts) = command(phone, record, &["note"]);
    facts[0].json.insert(1, ' ');
    built(record, head, facts)
}

fn no_fact(phone: &mut Phone, record: RecordId) -> RecordPack {
    let (head, mut facts) = command(phone, record, &["note"]);
    facts[0].json = "[]".to_owned();
    built(record, head, facts)
}

fn too_large(phone: &mut Phone, record: RecordId) -> RecordPack {
    let mut packed = packed(phone, record, &["note"]);
    packed.facts[0].json = format!("\"{}\"", "x".repeat(70_000));
    of_one(record, packed)
}

fn one_dependency_twice(phone: &mut Phone, record: RecordId) -> RecordPack {
    let packed = packed(phone, record, &["note"]);
    let Deps::Explicit(mut deps) = packed.deps.clone() else { panic!("explicit") };
    deps.push(deps[0]);
    of_one(record, PackedChange { deps: Deps::Explicit(deps), ..packed })
}

fn one_key_twice(phone: &mut Phone, record: RecordId) -> RecordPack {
    let mut packed = packed(phone, record, &["note"]);
    packed.facts.push(packed.facts[0].clone());
    of_one(record, packed)
}

fn ten_thousand_facts(phone: &mut Phone, record: RecordId) -> RecordPack {
    let notes: Vec<(&str, Value)> = (0..400).map(|_| ("note", json!({ "text": "t" }))).collect();
    for _ in 0..25 {
        phone.write_all(record, &notes);
    }
    phone.pack(record)
}

fn anothers_id(phone: &mut Phone, _: RecordId) -> RecordPack {
    let record = RecordId([9; 16]);
    let created = json!({
        "kind": "violation", "site": SITE.0, "schema": 2, "violation": "fire_safety",
        "place": "3 栋", "description": "堆放杂物",
    });
    phone.write(record, "created", created);
    phone.pack(record)
}

fn beside_its_own_last(phone: &mut Phone, record: RecordId) -> RecordPack {
    let (head, facts) = command(phone, record, &["note"]);
    let first = Change::build(head.clone(), facts).expect("a change");
    let (_, facts) = command(phone, record, &["note"]);
    let second = Change::build(ChangeHead { seq: 2, ..head }, facts).expect("a change");
    RecordPack::from_changes(record, &[first, second])
}

fn an_edit(phone: &mut Phone, record: RecordId) -> RecordPack {
    let own = phone.copy(record).facts();
    let own = own.keys().find(|key| key.session().is_some_and(|s| s.0[0] == 9)).copied();
    let edited = phone.fact(own.expect("written before"), "note", &json!({ "text": "edited" }));
    phone.change(record, vec![edited]);
    phone.pack(record)
}

async fn run(world: &World, sql: &'static str) {
    let mut transaction = world.sync.shared.database.begin_write().await.expect("begins");
    sqlx::query(sql).execute(&mut *transaction).await.expect("runs");
    transaction.commit().await.expect("commits");
}

/// Makes a refusal happen: the phone, and what the server answered.
async fn staged(world: &World, source: Source) -> Option<(Phone, SyncResponse)> {
    let (record, chen, mut wang) = at_work(world).await;
    let stage = match source {
        Source::Never(_) => return None,
        Source::Fact(fact_type, payload) => {
            wang.write(record, fact_type, payload);
            let answer = world.sync(&wang).await;
            return Some((wang, answer));
        }
        Source::Pack(forge) => {
            wang.write(record, "note", json!({ "text": "before" }));
            world.settle(&mut wang).await;
            let pack = forge(&mut wang, record);
            let request = SyncRequest { packs: pack::encode(&[pack]), ..wang.request() };
            let answer = world.send(&wang, request).await.expect("an answer");
            return Some((wang, answer));
        }
        Source::Staged(stage) => stage,
    };
    Some(on_stage(world, stage, record, (chen, wang)).await)
}

/// The same of what takes more than a push.
async fn on_stage(
    world: &World,
    stage: Stage,
    record: RecordId,
    (mut chen, mut wang): (Phone, Phone),
) -> (Phone, SyncResponse) {
    match stage {
        Stage::RestsOnRefused => {
            let refused = wang.write(record, forbidden().0, forbidden().1);
            let replaces = [refused.facts[0].key];
            let at = "2026-11-26T10:00:00+08:00";
            let rests = json!({ "field": "appointment", "value": at, "replaces": replaces });
            wang.write(record, "set", rests);
        }
        Stage::AccountDisabled => {
            run(world, "update person set disabled_ms = 1 where person = 31").await;
            run(world, "update installation set reference_version = 2").await;
            wang.write(record, "note", json!({ "text": "t" }));
        }
        Stage::RecordLeft => {
            let replaces = chen.records[&record].facts();
            let replaces = replaces.keys().nth(1).expect("two facts").to_string();
            let moved = json!({ "field": "assignee", "value": 32, "replaces": [replaces] });
            chen.write(record, "set", moved);
            world.settle(&mut chen).await;
            world.settle(&mut wang).await;
            world.settle(&mut wang).await;
            wang.write(record, "note", json!({ "text": "t" }));
        }
        Stage::RecordPurged => {
            run(world, "update record set purged_ms = 1, purged_site = site, site = null").await;
            wang.write(record, "note", json!({ "text": "t" }));
        }
        Stage::NotOpened => {
            drop(wang.write(RecordId([8; 16]), "note", json!({ "text": "t" })));
        }
        Stage::MissingDependency => {
            let lost = wang.write(record, "note", json!({ "text": "1" }));
            wang.write(record, "note", json!({ "text": "2" }));
            wang.copy(record).pending.retain(|change| change.hash != lost.hash);
        }
        Stage::Quota => {
            run(world, "update phone set quarantine_bytes = 67108864 where device = 9").await;
            wang.write(record, forbidden().0, forbidden().1);
        }
        Stage::UnknownSession => {
            wang.reopen(0x44);
            wang.write(record, "note", json!({ "text": "t" }));
            let request = SyncRequest { sessions: Vec::new(), ..wang.request() };
            let answer = world.send(&wang, request).await.expect("an answer");
            return (wang, answer);
        }
        Stage::ForeignSession => {
            let mut li = Phone::new(LI, 10);
            world.settle(&mut li).await;
            let copy = wang.copy(record).clone();
            *li.copy(record) = copy;
            li.write(record, "note", json!({ "text": "t" }));
            let mut registered = li.request();
            registered.packs.clear();
            world.send(&li, registered).await.expect("an answer");
            let packs = pack::encode(&[li.pack(record)]);
            let request = SyncRequest { packs, ..wang.request() };
            let answer = world.send(&wang, request).await.expect("an answer");
            return (wang, answer);
        }
    }
    let answer = world.sync(&wang).await;
    (wang, answer)
}

/// What the worker is told, in words.
fn worker_sees(refusal: Refusal, answer: &SyncResponse) -> Receipt {
    let code = refusal.code();
    let told = answer.receipts.iter().find(|r| r.code.as_deref() == Some(&code));
    let receipt = told.unwrap_or_else(|| panic!("{code}: {:?}", answer.receipts)).clone();
    assert_eq!(receipt.outcome, refusal.outcome(), "{code}");
    let params = receipt.params.clone().unwrap_or_default();
    let params: Vec<_> = params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    for language in [Language::ZhCn, Language::En] {
        let mut groups = ["denial", "refusal"].into_iter();
        let group = groups.find(|group| has_text(language, &id_of(group, &code)));
        let words = code_text(language, group.expect("words"), &code, &params);
        assert!(words != code && !words.contains('{'), "{code} in {language}: {words}");
    }
    receipt
}

/// The case about it, and everything that the office exports of it.
async fn office_sees(world: &World, refusal: Refusal) -> Option<(DeskCaseRow, usize)> {
    world.clock.0.fetch_add(what_waits::HELD_CASE_MS, Ordering::Relaxed);
    world.sync.open_cases_of_waiting().await.expect("opens");
    let code = refusal.code();
    let cases = world.open().await;
    let is_it = |case: &&DeskCaseRow| {
        case.code.as_deref() == Some(&code)
            || refusal == Refusal::EditedOldFact && case.kind == "clone"
    };
    let case = cases.iter().find(is_it)?.clone();
    let mut conn = world.sync.shared.database.reader().acquire().await.expect("a reader");
    let facts = what_waits::contents(&mut conn, &[case.case]).await.expect("reads");
    Some((case, facts.len()))
}

async fn walk(refusal: Refusal, decision: CaseDecision) -> Option<Result<()>> {
    let code_of = refusal.code();
    let world = World::new().await;
    let (wang, answer) = staged(&world, source(refusal)).await?;
    let receipt = worker_sees(refusal, &answer);
    let seen = office_sees(&world, refusal).await;
    if refusal.outcome() == Outcome::NotStored {
        // It is still the phone's: in its outbox, and exported from there.
        let here = "select count(*) from receipt where device = 9 and outcome = 'not_stored'";
        assert_eq!(world.count(here).await, 0, "{code_of}");
        assert_eq!(seen.is_some(), refusal == Refusal::Quota, "{code_of}: one case of the quota");
        return Some(Ok(()));
    }
    let (case, facts) = seen.unwrap_or_else(|| panic!("{code_of} has no case"));
    if refusal == Refusal::RecordPurged {
        assert_eq!(facts, 0, "nothing of it is kept");
        return Some(world.say(case.case, CaseDecision::Dismiss).await);
    }
    assert!(facts > 0, "{code_of}: the office sees what it says");
    let done = world.say(case.case, decision).await;
    if done.is_ok() {
        // A phone sends nothing again that was refused.
        let request = SyncRequest { packs: Vec::new(), ..wang.request() };
        let mut told = world.send(&wang, request).await.expect("an answer").receipts;
        told.retain(|told| (told.from..=told.to).contains(&receipt.from));
        let told: Vec<_> = told.iter().map(|told| (told.outcome, told.code.clone())).collect();
        let expected = match decision {
            CaseDecision::Discard => (Outcome::Refused, Some("discarded".to_owned())),
            _ => (Outcome::Rewritten, None),
        };
        // The receipt of an edited fact's number is the first command's.
        if refusal != Refusal::EditedOldFact {
            assert_eq!(told.last(), Some(&expected), "{code_of}");
        }
    }
    world.checked().await;
    Some(done)
}

/// What no word of the office makes acceptable, with the code that says so.
fn never_acceptable(refusal: Refusal) -> Option<&'static str> {
    Some(match refusal {
        Refusal::Denied(D::RecordFull) => "record_full",
        Refusal::RecordIdMismatch => "record_id_mismatch",
        Refusal::DerivedKey => "derived_key",
        Refusal::TwoCommands => "two_commands_in_one_change",
        Refusal::EditedOldFact => "edited_old_fact",
        Refusal::NotCanonical | Refusal::NotAFact => "not_a_fact",
        Refusal::TooLarge => "too_large",
        Refusal::DuplicateKey => "duplicate_key",
        Refusal::NotOpened => "not_opened",
        _ => return None,
    })
}

/// R5.21
#[tokio::test]
async fn every_kind_of_refusal_is_seen_exported_accepted_or_discarded() {
    for refusal in Refusal::all() {
        if let Source::Never(why) = source(refusal) {
            assert!(!why.is_empty());
            continue;
        }
        let discarded = walk(refusal, CaseDecision::Discard).await.expect("staged");
        assert!(discarded.is_ok(), "{refusal:?}: {discarded:?}");
        let accepted = walk(refusal, CaseDecision::AcceptAfterAll).await.expect("staged");
        match never_acceptable(refusal) {
            None => assert!(accepted.is_ok(), "{refusal:?}: {accepted:?}"),
            Some(why) => {
                let (no, params) = code(accepted);
                assert_eq!(no, ProblemCode::DecisionRefused, "{refusal:?}");
                assert_eq!(params["why"], why, "{refusal:?}");
            }
        }
    }
    assert_eq!(LIMITS.quarantine_bytes_max, 67_108_864, "as the quota's stage says");
}
