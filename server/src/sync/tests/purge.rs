//! What is purged is gone everywhere, is told to everyone who had it, never comes back, and is
//! never purged early, wherever the process dies.

use std::collections::BTreeSet;

use sync_core::environment::HookPlace;

use super::push::{StopAt, outcomes};
use super::*;
use crate::ledger::Event;

const DAY_MS: i64 = 86_400_000;
/// A name that stands nowhere else.
const NAME: &str = "欧阳予倩";

fn contact(phone: &mut Phone) -> RecordId {
    let record = RecordId::by_hand("contact", SITE, phone.session, phone.number + 1);
    let created = json!({
        "kind": "contact", "site": SITE.0, "schema": 1, "name": NAME, "phones": ["13900000001"],
        "salt": "x", "unit": "3-2-1501",
    });
    phone.write(record, "created", created);
    record
}

/// Wang's order that names a contact; Chen's phone and Wang's hold both.
async fn named(world: &World) -> (RecordId, RecordId, Phone, Phone) {
    let (mut chen, mut wang) = (Phone::new(CHEN, 1), Phone::new(WANG, 9));
    let contact = contact(&mut chen);
    let (order, _) = chen.open_order(Some(contact));
    let (fact_type, payload) = set("assignee", json!(31));
    chen.write(order, fact_type, payload);
    world.settle(&mut chen).await;
    world.settle(&mut wang).await;
    assert!(wang.records.contains_key(&contact));
    (contact, order, chen, wang)
}

impl World {
    fn pass_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    fn act(&self) -> Act {
        Act::at_the_machine(self.clock.wall_ms())
    }

    async fn purge_due(&self, record: RecordId) -> Result<Purged> {
        self.sync.purge(record, PurgeWhy::Due, self.act()).await
    }

    /// Erases on somebody's wish, whatever names it.
    async fn erase(&self, record: RecordId) {
        let why = PurgeWhy::Asked { reason: "asked by letter".to_owned(), while_needed: true };
        let purged = self.sync.purge(record, why, self.act()).await.expect("purges");
        assert_eq!(purged, Purged::Done);
    }

    /// The bytes of the database's files, once everything stands in the main one.
    async fn bytes(&self) -> Vec<u8> {
        let mut conn = self.sync.shared.database.begin_write().await.expect("begins");
        sqlx::query("commit").execute(&mut *conn).await.expect("ends");
        let checkpoint = sqlx::query("pragma wal_checkpoint(truncate)");
        checkpoint.execute(&mut *conn).await.expect("checkpoints");
        sqlx::query("begin").execute(&mut *conn).await.expect("begins");
        std::fs::read(self.folder.path().join("test.db")).expect("reads")
    }

    async fn purges_told(&self) -> usize {
        let entries = ledger(&self.folder).after(0).expect("reads");
        entries.iter().filter(|entry| matches!(entry.event, Event::Purged { .. })).count()
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// R0.20
#[tokio::test]
async fn a_contact_goes_when_its_days_are_over_and_not_a_millisecond_before() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let contact = contact(&mut chen);
    world.settle(&mut chen).await;
    world.pass_ms(730 * DAY_MS - 1);
    let Purged::Kept(kept) = world.purge_due(contact).await.expect("asks") else {
        panic!("too early")
    };
    assert_eq!((kept.rule, kept.needed_by), ("contact_kept_days", 0));
    assert_eq!(kept.until_ms, Some(NOW_MS + 730 * DAY_MS));
    assert_eq!(world.purges_told().await, 0);
    world.pass_ms(1);
    assert_eq!(world.purge_due(contact).await.expect("purges"), Purged::Done);
    assert_eq!(world.purge_due(contact).await.expect("asks"), Purged::NotHere);
    assert_eq!(world.purges_told().await, 1);
    world.checked().await;
}

#[tokio::test]
async fn a_contact_stays_while_an_order_that_names_it_is_open_and_counts_from_its_last_change() {
    let world = World::new().await;
    let (contact, order, mut chen, _) = named(&world).await;
    world.pass_ms(3_000 * DAY_MS);
    let Purged::Kept(kept) = world.purge_due(contact).await.expect("asks") else {
        panic!("an order needs it")
    };
    assert_eq!((kept.until_ms, kept.needed_by), (None, 1));
    chen.write(order, "cancelled", json!({ "reason": "customer_withdrew" }));
    world.settle(&mut chen).await;
    // The phone's clock says that this was years ago; it came now.
    world.pass_ms(730 * DAY_MS - 1);
    let Purged::Kept(kept) = world.purge_due(contact).await.expect("asks") else {
        panic!("too early")
    };
    assert_eq!(kept.needed_by, 0);
    assert_eq!(kept.until_ms, Some(world.clock.wall_ms() + 1));
    world.pass_ms(1);
    assert_eq!(world.purge_due(contact).await.expect("purges"), Purged::Done);
}

/// R0.20
#[tokio::test]
async fn what_is_asked_for_is_erased_at_once_unless_something_open_needs_it() {
    let world = World::new().await;
    let (contact, order, _, _) = named(&world).await;
    let asked = |while_needed| PurgeWhy::Asked { reason: "letter".to_owned(), while_needed };
    let purge = |record, why| world.sync.purge(record, why, world.act());
    let kept = purge(contact, asked(false)).await.expect("asks");
    assert!(matches!(kept, Purged::Kept(Kept { needed_by: 1, .. })), "{kept:?}");
    // Money and signatures stand in orders: nobody erases one.
    let kept = purge(order, asked(true)).await.expect("asks");
    assert!(matches!(kept, Purged::Kept(Kept { rule: "for_ever", .. })), "{kept:?}");
    assert_eq!(purge(contact, asked(true)).await.expect("purges"), Purged::Done);
    let detail: String = sqlx::query_scalar(
        "select detail from audit where act = 'record_purged' and person is null",
    )
    .fetch_one(world.sync.shared.database.reader())
    .await
    .expect("one line");
    let detail: serde_json::Value = serde_json::from_str(&detail).expect("JSON");
    let expected = json!({ "record": contact, "kind": "contact", "rule": "asked", "site": SITE,
        "ledger": 1, "reason": "letter" });
    assert_eq!(detail, expected);
}

/// R5.18
#[tokio::test]
async fn nothing_of_a_purged_record_stays_in_the_file() {
    let world = World::new().await;
    let (contact, _, _, mut wang) = named(&world).await;
    // Also what was refused, and what waits.
    wang.write(contact, "set", json!({ "field": "name", "value": NAME, "replaces": ["x"] }));
    let lost = wang.write(contact, "note", json!({ "text": format!("{NAME} 1") }));
    wang.write(contact, "note", json!({ "text": format!("{NAME} 2") }));
    let copy = wang.copy(contact);
    copy.pending.retain(|change| change.hash != lost.hash);
    world.settle(&mut wang).await;
    assert!(wang.told.values().any(|outcome| *outcome == Outcome::Held), "{:?}", wang.told);
    assert!(holds(&world.bytes().await, NAME));
    world.erase(contact).await;
    let bytes = world.bytes().await;
    assert!(!holds(&bytes, NAME), "in no table, no index and no free page");
    assert!(!holds(&bytes, "13900000001"));
    assert_eq!(world.count("select count(*) from contact_card").await, 0);
    assert_eq!(world.count("select count(*) from record where site is not null").await, 1);
    let ledger = std::fs::read(world.folder.path().join("ledger/ledger.jsonl")).expect("reads");
    assert!(!holds(&ledger, NAME), "ids only");
    world.checked().await;
}

#[tokio::test]
async fn everyone_who_had_it_is_told_also_whom_it_had_left_before() {
    let world = World::new().await;
    let (contact, order, mut chen, mut wang) = named(&world).await;
    let mut li = Phone::new(LI, 10);
    world.settle(&mut li).await;
    // Wang's order goes to Li: Wang's phone keeps what it had, locked.
    let key = chen.records[&order].facts().into_iter().find(|(_, json)| json.contains("assignee"));
    let replaces = json!([key.expect("assigned").0.to_string()]);
    let assign = json!({ "field": "assignee", "value": 32, "replaces": replaces });
    chen.write(order, "set", assign);
    world.settle(&mut chen).await;
    world.settle(&mut wang).await;
    assert!(wang.records[&contact].left);
    let mut pokes = world.sync.subscribe();
    world.erase(contact).await;
    let mut poked = BTreeSet::new();
    while let Ok(poke) = pokes.try_recv() {
        poked.insert(poke.audience);
    }
    let user = |person| Audience::User(SITE, person);
    assert_eq!(poked, BTreeSet::from([Audience::Office(SITE), user(WANG), user(LI)]));
    for phone in [&mut chen, &mut wang] {
        let answers = world.settle(phone).await;
        assert_eq!(answers[0].purged, Some(vec![contact]));
        assert!(!answers[0].records.iter().any(|delivery| delivery.record == contact));
        assert_eq!(world.settle(phone).await[0].purged, None, "once");
    }
    // Li had not synced since: the order comes, its contact never does.
    let answers = world.settle(&mut li).await;
    assert_eq!(answers[0].purged, Some(vec![contact]));
    assert!(li.records.contains_key(&order) && !li.records.contains_key(&contact));
    // A phone that asks for it whole is told too.
    li.repairs.insert(contact);
    assert_eq!(world.sync(&li).await.purged, Some(vec![contact]));
    // And whoever is given the order later does not get it back.
    let assign = json!({ "field": "assignee", "value": 31, "replaces": [] });
    chen.write(order, "set", assign);
    world.settle(&mut chen).await;
    let answers = world.settle(&mut wang).await;
    assert!(!answers[0].records.iter().any(|delivery| delivery.record == contact));
}

#[tokio::test]
async fn a_purge_is_told_across_any_cut_of_the_answers() {
    let world =
        World::with(Arc::new(NoHooks), |options| options.limits.answer_records_max = 1).await;
    let mut chen = Phone::new(CHEN, 1);
    let records: Vec<RecordId> = (0..4).map(|_| contact(&mut chen)).collect();
    world.settle(&mut chen).await;
    for record in &records {
        world.erase(*record).await;
    }
    let mut told = Vec::new();
    for answer in world.settle(&mut chen).await {
        told.extend(answer.purged.into_iter().flatten());
    }
    assert_eq!(told, records);
    assert!(chen.records.is_empty());
    let mut fresh = Phone::new(CHEN, 1);
    fresh.session = SessionId([0x44; 8]);
    world.settle(&mut fresh).await;
    assert!(fresh.records.is_empty());
}

#[tokio::test]
async fn work_for_a_purged_record_is_refused_keeps_nothing_and_the_account_adds_up() {
    let world = World::new().await;
    let (contact, _, _, mut wang) = named(&world).await;
    wang.write(contact, "note", json!({ "text": format!("{NAME} 不在家") }));
    wang.write(contact, "note", json!({ "text": "again" }));
    world.erase(contact).await;
    let answer = world.sync(&wang).await;
    assert_eq!(outcomes(&answer), [(1, 2, Outcome::Refused)]);
    assert_eq!(answer.receipts[0].code.as_deref(), Some("record_purged"));
    assert_eq!(answer.purged, Some(vec![contact]));
    // The same push again, as after a lost answer.
    let again = world.sync(&wang).await;
    assert_eq!(outcomes(&again), [(1, 2, Outcome::Refused)]);
    assert!(again.receipts[0].already_had);
    for sql in ["select count(*) from quarantine", "select count(*) from held_pack"] {
        assert_eq!(world.count(sql).await, 0);
    }
    assert!(!holds(&world.bytes().await, NAME));
    let account = world.sync.account(wang.device).await.expect("reads");
    assert_eq!((account.saved, account.refused, account.on_phone()), (2, 2, 0));
    let [case] = &world.sync.desk_cases_of_record(contact, 9).await.expect("reads")[..] else {
        panic!("one case")
    };
    assert_eq!((case.site, case.from, case.to), (Some(SITE), 1, 2));
    assert_eq!(case.code.as_deref(), Some("record_purged"));
    // The office cannot bring it back either.
    let close = CloseCase {
        case: case.case,
        person: CHEN,
        decision: CaseDecision::AcceptAfterAll,
        reason: "why not".to_owned(),
    };
    assert!(world.sync.close_case(close).await.is_err());
    world.checked().await;
}

#[tokio::test]
async fn commands_that_waited_in_a_purged_record_are_refused_and_their_phone_is_told() {
    let world = World::new().await;
    let (contact, _, _, mut wang) = named(&world).await;
    let lost = wang.write(contact, "note", json!({ "text": "1" }));
    wang.write(contact, "note", json!({ "text": "2" }));
    wang.copy(contact).pending.retain(|change| change.hash != lost.hash);
    world.settle(&mut wang).await;
    assert_eq!(wang.told, BTreeMap::from([(2, Outcome::Held)]));
    world.erase(contact).await;
    let receipts = &world.settle(&mut wang).await[0].receipts;
    assert_eq!(receipts[0].code.as_deref(), Some("record_purged"));
    assert_eq!(wang.told, BTreeMap::from([(2, Outcome::Refused)]));
    let account = world.sync.account(wang.device).await.expect("reads");
    assert_eq!((account.held, account.refused), (0, 1));
    assert_eq!(world.count("select quarantine_bytes from phone where device = 9").await, 0);
}

#[tokio::test]
async fn the_reason_of_a_discard_goes_with_the_record() {
    const REASON: &str = "赵六说不用了";
    let world = World::new().await;
    let (contact, _, _, mut wang) = named(&world).await;
    wang.write(contact, "note", json!({ "text": "1" }));
    let mut broken = wang.pack(contact);
    broken.check = [0; 8];
    let request = SyncRequest { packs: pack::encode(&[broken]), ..wang.request() };
    wang.take(&world.send(&wang, request).await.expect("an answer"));
    let close = |case| CloseCase {
        case,
        person: CHEN,
        decision: CaseDecision::Discard,
        reason: REASON.to_owned(),
    };
    let cases = world.sync.desk_cases_of_record(contact, 9).await.expect("reads");
    world.sync.close_case(close(cases[0].case)).await.expect("discards");
    let told = world.sync(&wang).await.receipts.pop().expect("a receipt");
    assert_eq!(told.params.expect("a reason")["reason"], REASON);
    world.erase(contact).await;
    assert!(!holds(&world.bytes().await, REASON));
    assert_eq!(world.sync(&wang).await.receipts[0].code.as_deref(), Some("discarded"));
    assert_eq!(world.count("select quarantine_bytes from phone where device = 9").await, 0);
}

#[tokio::test]
async fn accepted_work_keeps_its_receipt_when_its_record_is_purged() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let contact = contact(&mut chen);
    let request = chen.request();
    world.send(&chen, request.clone()).await.expect("an answer");
    world.erase(contact).await;
    // The answer was lost; the same request says what became of it, and that it is gone.
    let answer = world.send(&chen, request).await.expect("an answer");
    assert_eq!(outcomes(&answer), [(1, 1, Outcome::Entered)]);
    assert_eq!(answer.purged, Some(vec![contact]));
    let account = world.sync.account(chen.device).await.expect("reads");
    assert_eq!((account.saved, account.accepted), (1, 1));
}

/// R5.18
#[tokio::test]
async fn no_cause_brings_a_purged_record_back() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let contact = contact(&mut chen);
    world.settle(&mut chen).await;
    world.erase(contact).await;
    let follows: Follows = Box::new(|review| {
        assert!(review.is_none());
        panic!("nothing is asked")
    });
    assert!(!world.sync.derive(contact, follows).await.expect("derives"));
    let before = world.bytes().await.len();
    let read = world.sync.read(contact).await.expect("reads");
    assert!(read.is_none() && before > 0);
}

#[tokio::test]
async fn a_crash_at_any_place_purges_once_or_leaves_everything() {
    for place in 1.. {
        let stop = Arc::new(StopAt::default());
        let mut world = World::new().await;
        let (contact, _, _, mut wang) = named(&world).await;
        stop.countdown.store(place, Ordering::Relaxed);
        world.restart(Arc::<StopAt>::clone(&stop)).await;
        let why = PurgeWhy::Asked { reason: "letter".to_owned(), while_needed: true };
        let purged = world.sync.purge(contact, why, world.act()).await;
        let Some(point) = *stop.stopped.lock().expect("a lock") else {
            assert_eq!(purged.expect("nothing stopped it"), Purged::Done);
            assert!(place > 7, "before, the ledger, each step, after");
            return;
        };
        let in_ledger = world.purges_told().await;
        world.restart(Arc::new(NoHooks)).await;
        let is_there = world.sync.read(contact).await.expect("reads").is_some();
        let committed = point.place == HookPlace::After;
        assert_eq!(is_there, !committed, "{point:?}");
        world.sync.carry_out_ledger().await.expect("carries out");
        let is_there = world.sync.read(contact).await.expect("reads").is_some();
        assert_eq!(is_there, in_ledger == 0, "{point:?}");
        if is_there {
            world.erase(contact).await;
        }
        assert_eq!(world.purges_told().await, 1, "{point:?}");
        let audited = "select count(*) from audit where act = 'record_purged'";
        assert_eq!(world.count(audited).await, 1, "{point:?}");
        let told: Vec<_> = world.settle(&mut wang).await.into_iter().map(|a| a.purged).collect();
        assert_eq!(told[0], Some(vec![contact]), "{point:?}");
        world.checked().await;
    }
}

#[tokio::test]
async fn a_phone_that_has_read_less_than_is_told_row_by_row_is_told_all_of_the_site() {
    let world = World::new().await;
    let (contact, _, _, mut wang) = named(&world).await;
    let mut chen = Phone::new(CHEN, 1);
    chen.session = SessionId([0x55; 8]);
    world.erase(contact).await;
    world.settle(&mut chen).await;
    let mut conn = world.sync.shared.database.begin_write().await.expect("begins");
    for forget in [
        "delete from feed where left_sequence is not null",
        "update site set forgotten_sequence = sequence",
    ] {
        sqlx::query(forget).execute(&mut *conn).await.expect("as the job does");
    }
    conn.commit().await.expect("commits");
    assert_eq!(world.settle(&mut wang).await[0].purged, Some(vec![contact]));
    assert!(!wang.records.contains_key(&contact));
    for phone in [&wang, &chen] {
        assert_eq!(world.sync(phone).await.purged, None, "who has read that far is not told");
    }
}

/// A backup from before a purge takes the database's place.
async fn restore(world: &mut World, backup: &[u8]) {
    world.sync.stop().await;
    world.sync.shared.database.close().await;
    std::fs::write(world.folder.path().join("test.db"), backup).expect("writes");
    world.restart(Arc::new(NoHooks)).await;
}

/// R5.18
#[tokio::test]
async fn a_restored_database_purges_again_before_it_serves_and_tells_phones_that_read_more() {
    let mut world = World::new().await;
    let (contact, order, mut chen, mut wang) = named(&world).await;
    let backup = world.bytes().await;
    for _ in 0..5 {
        chen.write(order, "note", json!({ "text": "since the backup" }));
    }
    world.settle(&mut chen).await;
    world.settle(&mut wang).await;
    world.erase(contact).await;
    restore(&mut world, &backup).await;
    assert!(world.sync.read(contact).await.expect("reads").is_some(), "the backup has it");
    world.sync.carry_out_ledger().await.expect("carries out");
    assert!(world.sync.read(contact).await.expect("reads").is_none());
    assert!(!holds(&world.bytes().await, NAME));
    // Wang's phone has read more than the backup knows, and is told all the same.
    assert_eq!(world.sync(&wang).await.purged, Some(vec![contact]));
    // Once: the next start finds nothing to do.
    world.restart(Arc::new(NoHooks)).await;
    world.sync.carry_out_ledger().await.expect("nothing to do");
    let audited = "select count(*) from audit where act = 'record_purged'";
    assert_eq!(world.count(audited).await, 1);
    world.checked().await;
}

#[tokio::test]
async fn a_backup_from_before_the_record_was_made_refuses_it_too() {
    let mut world = World::new().await;
    let backup = world.bytes().await;
    let (contact, _, _, mut wang) = named(&world).await;
    wang.write(contact, "note", json!({ "text": "late" }));
    world.erase(contact).await;
    restore(&mut world, &backup).await;
    world.sync.carry_out_ledger().await.expect("carries out");
    let mut request = wang.request();
    request.cursors.clear();
    let answer = world.send(&wang, request).await.expect("an answer");
    assert_eq!(outcomes(&answer), [(1, 1, Outcome::Refused)]);
    assert_eq!(answer.purged, Some(vec![contact]));
}

#[tokio::test]
async fn a_damaged_ledger_or_an_older_one_or_anothers_stops_the_start() {
    let mut world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let records = [contact(&mut chen), contact(&mut chen)];
    world.settle(&mut chen).await;
    for record in records {
        world.erase(record).await;
    }
    let path = world.folder.path().join("ledger/ledger.jsonl");
    let text = std::fs::read_to_string(&path).expect("reads");
    let first = text.split_inclusive('\n').next().expect("a line").to_owned();
    let other = ledger(&world.folder).folder().with_file_name("other");
    for _ in 0..2 {
        Ledger::at(&other).append(Event::Begun { at: 5 }).expect("appended");
    }
    let others = std::fs::read_to_string(other.join("ledger.jsonl")).expect("reads");
    for (bytes, why) in [
        (text.replace("\"sequence\":4", "\"sequence\":5"), "entry 1 of the ledger"),
        (first, "ends before entry 2"),
        (String::new(), "ends before entry 2"),
        (others, "is another database's"),
    ] {
        std::fs::write(&path, bytes).expect("writes");
        world.restart(Arc::new(NoHooks)).await;
        let error = world.sync.carry_out_ledger().await.expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
    std::fs::remove_file(&path).expect("removed");
    world.restart(Arc::new(NoHooks)).await;
    assert!(world.sync.carry_out_ledger().await.is_err(), "a ledger that is gone");
    std::fs::write(&path, &text).expect("writes");
    world.restart(Arc::new(NoHooks)).await;
    world.sync.carry_out_ledger().await.expect("whole again");
}
