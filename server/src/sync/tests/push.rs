//! Pushes: lost answers, the same push many times, crashes between statements, orders of arrival.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use sync_core::environment::HookPlace;
use tokio::sync::Barrier;

use super::*;
use crate::sync::testing::forbidden;

/// Lets nobody into the write transaction before all are there.
struct Together(Barrier);

#[async_trait]
impl Hooks for Together {
    async fn at(&self, point: HookPoint) -> Result<(), Crash> {
        if point == (HookPoint { operation: "push", place: HookPlace::Before }) {
            self.0.wait().await;
        }
        Ok(())
    }
}

/// Stops at the n-th place and remembers what it was.
#[derive(Default)]
pub(super) struct StopAt {
    pub(super) countdown: AtomicU32,
    pub(super) stopped: Mutex<Option<HookPoint>>,
}

#[async_trait]
impl Hooks for StopAt {
    async fn at(&self, point: HookPoint) -> Result<(), Crash> {
        if self.countdown.fetch_sub(1, Ordering::Relaxed) == 1 {
            *self.stopped.lock().expect("a lock") = Some(point);
            return Err(Crash);
        }
        Ok(())
    }
}

pub(super) fn outcomes(answer: &SyncResponse) -> Vec<(u64, u64, Outcome)> {
    answer.receipts.iter().map(|r| (r.from, r.to, r.outcome)).collect()
}

#[tokio::test]
async fn an_order_reaches_the_one_it_is_given_to() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    assert_eq!(chen.told, BTreeMap::from([(1, Outcome::Entered), (2, Outcome::Entered)]));
    let mut wang = Phone::new(WANG, 9);
    let answers = world.settle(&mut wang).await;
    let delivery = &answers[0].records[0];
    assert_eq!((delivery.record, delivery.whole, delivery.has_pack), (record, true, true));
    assert_eq!(delivery.audiences, [Audience::User(SITE, WANG)]);
    assert_eq!(wang.records[&record].facts(), chen.records[&record].facts());
    let mut li = Phone::new(LI, 10);
    assert_eq!(world.settle(&mut li).await[0].records, []);
    world.checked().await;
}

#[tokio::test]
async fn a_new_record_does_not_come_back_to_where_it_came_from_unless_it_is_asked_for() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let (record, _) = chen.open_order(None);
    let answer = world.sync(&chen).await;
    let delivery = answer.records.iter().find(|delivery| delivery.record == record);
    let delivery = delivery.expect("its audiences and heads are told");
    assert!(!delivery.whole && !delivery.has_pack, "the phone has all of it");
    // The answer is lost: the same request has the same answer.
    assert_eq!(world.sync(&chen).await.records, answer.records);
    chen.take(&answer);
    assert!(chen.records[&record].pending.is_empty());
    world.checked().await;
}

/// EXAMPLE 3 to 5: work without signal, a reassignment meanwhile, one refused command, one request.
async fn shift(world: &World) -> (RecordId, Phone, Phone) {
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    for step in ["one", "two", "three"] {
        wang.write(record, "note", json!({ "text": step }));
    }
    let (fact_type, payload) = set("appointment", json!("2026-11-26T10:00:00+08:00"));
    wang.write(record, fact_type, payload);
    let (fact_type, payload) = forbidden();
    wang.write(record, fact_type, payload);
    wang.write(record, "note", json!({ "text": "six" }));
    let (fact_type, payload) = set("appointment", json!("2026-11-26T14:00:00+08:00"));
    chen.write(record, fact_type, payload);
    let assignee = chen.records[&record].facts();
    let assignee = assignee.keys().nth(1).expect("two facts").to_string();
    chen.write(record, "set", json!({ "field": "assignee", "value": 32, "replaces": [assignee] }));
    world.settle(&mut chen).await;
    (record, chen, wang)
}

#[tokio::test]
async fn one_request_after_a_shift_brings_all_outcomes_and_the_office_s_work() {
    let world = World::new().await;
    let (record, mut chen, mut wang) = shift(&world).await;
    let answer = world.sync(&wang).await;
    assert_eq!(
        outcomes(&answer),
        [
            (1, 3, Outcome::Entered),
            (4, 4, Outcome::Entered),
            (5, 5, Outcome::Refused),
            (6, 6, Outcome::Rewritten),
        ]
    );
    let cases = answer.receipts[1].cases.as_deref();
    assert_eq!(cases, Some(&["field_conflict".to_owned()][..]));
    assert_eq!(answer.receipts[2].code.as_deref(), Some("not_your_role"));
    let left: Vec<_> = answer.left.iter().map(|left| (left.record, left.audience)).collect();
    assert_eq!(left, [(record, Audience::User(SITE, WANG))]);
    let delivery = &answer.records[0];
    assert_eq!((delivery.record, delivery.audiences.as_slice()), (record, &[][..]));
    assert!(!delivery.whole, "only what is new: two of Chen's changes and the server's");
    wang.take(&answer);
    assert!(wang.records[&record].pending.is_empty() && wang.records[&record].left);
    let mut li = Phone::new(LI, 10);
    world.settle(&mut li).await;
    world.settle(&mut chen).await;
    let facts = wang.records[&record].facts();
    assert_eq!(facts.len(), 4 + 5);
    assert_eq!(facts, li.records[&record].facts());
    assert_eq!(facts, chen.records[&record].facts());
    assert_eq!(world.sync(&wang).await.records, [], "the next sync is clean");
    assert_eq!(world.count("select count(*) from desk_case where kind = 'refused'").await, 1);
    world.checked().await;
}

#[tokio::test]
async fn a_lost_answer_and_two_more_commands_on_the_old_chain() {
    for with_refused in [false, true] {
        let world = World::new().await;
        let mut chen = Phone::new(CHEN, 1);
        let record = world.order(&mut chen, 31).await;
        let mut wang = Phone::new(WANG, 9);
        world.settle(&mut wang).await;
        wang.write(record, "note", json!({ "text": "one" }));
        if with_refused {
            let (fact_type, payload) = forbidden();
            wang.write(record, fact_type, payload);
        }
        wang.write(record, "note", json!({ "text": "last" }));
        let had = wang.number;
        let lost = world.sync(&wang).await;
        wang.write(record, "note", json!({ "text": "more" }));
        wang.write(record, "note", json!({ "text": "and more" }));
        let answer = world.sync(&wang).await;
        let repeated: Vec<_> = answer.receipts.iter().filter(|r| r.already_had).collect();
        assert_eq!(repeated.iter().map(|r| r.to).max(), Some(had));
        let same: Vec<_> = repeated
            .iter()
            .map(|receipt| (receipt.from, receipt.to, receipt.outcome, receipt.code.clone()))
            .collect();
        let first: Vec<_> = lost
            .receipts
            .iter()
            .map(|receipt| (receipt.from, receipt.to, receipt.outcome, receipt.code.clone()))
            .collect();
        assert_eq!(same, first);
        wang.take(&answer);
        world.settle(&mut chen).await;
        assert!(wang.records[&record].pending.is_empty());
        assert_eq!(wang.records[&record].facts(), chen.records[&record].facts());
        assert_eq!(chen.records[&record].facts().len(), 2 + 4);
        world.checked().await;
    }
}

#[tokio::test]
async fn the_same_push_twenty_times_at_once_is_one_push() {
    let world = World::with(Arc::new(Together(Barrier::new(20))), |options| {
        options.hooks = Arc::new(Together(Barrier::new(20)));
    })
    .await;
    let mut chen = Phone::new(CHEN, 1);
    let (record, _) = chen.open_order(None);
    chen.write(record, "note", json!({ "text": "one" }));
    let request = chen.request();
    let who = Bearer { person: chen.person, device: chen.device };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (sync, request) = (world.sync.clone(), request.clone());
        tasks.spawn(async move { sync.handle(who, request).await.expect("an answer") });
    }
    let answers = tasks.join_all().await;
    let had = answers.iter().filter(|answer| answer.receipts.iter().all(|r| r.already_had));
    assert_eq!(had.count(), 19);
    let strip = |answer: &SyncResponse| {
        let mut receipts = answer.receipts.clone();
        receipts.iter_mut().for_each(|receipt| receipt.already_had = false);
        (receipts, answer.receipts_after)
    };
    for answer in &answers {
        assert_eq!(strip(answer), strip(&answers[0]));
        assert_eq!(answer.records[0].heads_digest, answers[0].records[0].heads_digest);
    }
    assert_eq!(world.count("select count(*) from record").await, 1);
    assert_eq!(world.count("select count(*) from change").await, 2);
    world.checked().await;
}

#[tokio::test]
async fn a_crash_at_any_place_leaves_all_or_nothing_and_the_repeat_is_clean() {
    let mut inside = 0;
    for place in 1.. {
        let stop = Arc::new(StopAt::default());
        let mut world = World::new().await;
        let (record, mut chen, mut wang) = shift(&world).await;
        stop.countdown.store(place, Ordering::Relaxed);
        world.restart(Arc::<StopAt>::clone(&stop)).await;
        let answer = world.send(&wang, wang.request()).await;
        let Some(point) = *stop.stopped.lock().expect("a lock") else {
            answer.expect("nothing stopped it");
            assert!(place > 8, "registration, then a push with its statements");
            assert!(inside >= 5);
            return;
        };
        assert!(matches!(answer, Err(Error::Stopped(_))), "{point:?}");
        inside += u32::from(matches!(point.place, HookPlace::Inside(_)));
        world.restart(Arc::new(NoHooks)).await;
        let written = world.count("select count(*) from receipt where device = 9").await;
        let after = point == (HookPoint { operation: "push", place: HookPlace::After });
        assert_eq!(written > 0, after, "{point:?}");
        world.checked().await;
        world.settle(&mut wang).await;
        world.settle(&mut chen).await;
        assert_eq!(wang.told.len(), 6);
        assert_eq!(wang.records[&record].facts(), chen.records[&record].facts());
        assert_eq!(chen.records[&record].facts().len(), 9);
        world.checked().await;
    }
}

#[tokio::test]
async fn every_order_of_arrival_ends_in_one_record() {
    let mut results = BTreeSet::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let world = World::new().await;
        let mut chen = Phone::new(CHEN, 1);
        let (record, _) = chen.open_order(None);
        for person in [31, 32] {
            let (fact_type, payload) = set("assignee", json!(person));
            chen.write(record, fact_type, payload);
        }
        let (mut wang, mut li) = (Phone::new(WANG, 9), Phone::new(LI, 10));
        for phone in [&mut chen, &mut wang, &mut li] {
            world.settle(phone).await;
        }
        for (phone, hour) in [(&mut chen, 9), (&mut wang, 10), (&mut li, 11)] {
            let (fact_type, payload) =
                set("appointment", json!(format!("2026-11-26T{hour:02}:00:00+08:00")));
            phone.write(record, fact_type, payload);
            phone.write(record, "note", json!({ "text": format!("at {hour}") }));
        }
        let mut phones = [chen, wang, li];
        for place in order {
            world.settle(&mut phones[place]).await;
        }
        for phone in &mut phones {
            world.settle(phone).await;
        }
        let heads: BTreeSet<_> =
            phones.iter().map(|phone| phone.records[&record].accepted_heads(record)).collect();
        assert_eq!(heads.len(), 1);
        let (facts, _, review) = world.sync.read(record).await.expect("reads").expect("is there");
        let facts: Vec<_> = facts.into_iter().map(|fact| (fact.key, fact.json)).collect();
        let facts: BTreeSet<_> = facts.into_iter().collect();
        results.insert((heads, facts, format!("{review:?}")));
        world.checked().await;
    }
    assert_eq!(results.len(), 1);
}

#[tokio::test]
async fn a_record_the_database_refuses_does_not_hold_up_the_others() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let (bad, _) = chen.open_order(None);
    let (good, _) = chen.open_order(None);
    let mut transaction = world.sync.shared.database.begin_write().await.expect("begins");
    let trigger = format!(
        "create trigger broken before insert on record when new.record = x'{}'
         begin select raise(abort, 'no room'); end",
        data_encoding::HEXLOWER.encode(&bad.0)
    );
    sqlx::query(sqlx::AssertSqlSafe(trigger)).execute(&mut *transaction).await.expect("creates");
    transaction.commit().await.expect("commits");
    let answer = world.sync(&chen).await;
    let told: BTreeMap<u64, Outcome> =
        answer.receipts.iter().map(|r| (r.from, r.outcome)).collect();
    assert_eq!(told, BTreeMap::from([(1, Outcome::NotStored), (2, Outcome::Entered)]));
    assert!(world.sync.read(bad).await.expect("reads").is_none());
    assert!(world.sync.read(good).await.expect("reads").is_some());
    let mut transaction = world.sync.shared.database.begin_write().await.expect("begins");
    sqlx::query("drop trigger broken").execute(&mut *transaction).await.expect("drops");
    transaction.commit().await.expect("commits");
    world.settle(&mut chen).await;
    assert_eq!(chen.told, BTreeMap::from([(1, Outcome::Entered), (2, Outcome::Entered)]));
    world.checked().await;
}

#[tokio::test]
async fn receipts_change_later_and_reach_the_phone_by_their_own_cursor() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let (record, _) = chen.open_order(None);
    let mut wang = Phone::new(WANG, 9);
    wang.write(record, "note", json!({ "text": "early" }));
    wang.write(record, "note", json!({ "text": "too" }));
    let answer = world.sync(&wang).await;
    assert_eq!(outcomes(&answer), [(1, 2, Outcome::Held)]);
    assert_eq!(answer.receipts[0].code.as_deref(), Some("not_opened"));
    wang.take(&answer);
    world.settle(&mut chen).await;
    let answer = world.sync(&wang).await;
    assert_eq!(outcomes(&answer), [(1, 2, Outcome::Entered)]);
    wang.take(&answer);
    assert!(wang.records[&record].pending.is_empty());
    world.checked().await;
}

#[tokio::test]
async fn a_panic_while_deciding_is_held_and_decided_with_the_next_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(&folder).await;
    people(&database).await;
    let clock = Arc::new(Stepped(AtomicI64::new(NOW_MS)));
    let as_clock: Arc<dyn Clock> = Arc::<Stepped>::clone(&clock);
    let hooks = Arc::new(NoHooks);
    let options = SyncOptions::new(database, as_clock, Arc::new(Life(0)), hooks, [7; 32]);
    let sync = Sync::start_with(options, |_| panic!("a defect"));
    let mut world = World { folder, clock, sync, lives: 1 };
    let mut chen = Phone::new(CHEN, 1);
    let (record, _) = chen.open_order(None);
    let answer = world.sync(&chen).await;
    assert_eq!(outcomes(&answer), [(1, 1, Outcome::Held)]);
    assert_eq!(answer.receipts[0].code.as_deref(), Some("undecided"));
    chen.take(&answer);
    world.restart(Arc::new(NoHooks)).await;
    chen.write(record, "note", json!({ "text": "next" }));
    world.settle(&mut chen).await;
    assert_eq!(chen.told, BTreeMap::from([(1, Outcome::Entered), (2, Outcome::Entered)]));
    world.checked().await;
}

#[tokio::test]
async fn a_clone_is_told_to_enrol_anew_and_the_office_sees_it() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    let mut restored = Phone::new(WANG, 9);
    restored.reopen(0x77);
    world.settle(&mut restored).await;
    wang.write(record, "note", json!({ "text": "from the first" }));
    restored.write(record, "note", json!({ "text": "from the second" }));
    assert!(!world.sync(&wang).await.re_enrol);
    let answer = world.sync(&restored).await;
    assert!(answer.re_enrol);
    assert!(world.sync(&wang).await.re_enrol, "both stores are told");
    assert_eq!(world.count("select count(*) from desk_case where kind = 'clone'").await, 1);
    let (facts, ..) = world.sync.read(record).await.expect("reads").expect("is there");
    assert_eq!(facts.len(), 4);
    world.checked().await;
}

#[tokio::test]
async fn a_gap_in_the_numbers_becomes_a_case_once() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    chen.number = 3;
    chen.open_order(None);
    let answer = world.sync(&chen).await;
    assert_eq!(outcomes(&answer), [(4, 4, Outcome::Entered)]);
    world.sync(&chen).await;
    let gaps = "select count(*) from desk_case where kind = 'number_gap' and from_number = 1
                and to_number = 3";
    assert_eq!(world.count(gaps).await, 1);
}

#[tokio::test]
async fn a_session_nobody_signed_is_not_registered_and_stores_nothing() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    chen.open_order(None);
    let mut request = chen.request();
    request.sessions[0].signature = [1; 64];
    let answer = world.send(&chen, request).await.expect("an answer");
    assert_eq!(outcomes(&answer), [(1, 1, Outcome::NotStored)]);
    assert_eq!(answer.receipts[0].code.as_deref(), Some("unknown_session"));
    assert_eq!(world.count("select count(*) from session").await, 0);
    let answer = world.sync(&chen).await;
    assert_eq!(outcomes(&answer), [(1, 1, Outcome::Entered)]);
}

#[tokio::test]
async fn a_boot_is_anchored_by_its_first_contact_for_ever() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let (record, _) = chen.open_order(None);
    let first = world.sync(&chen).await;
    chen.take(&first);
    world.clock.0.fetch_add(60_000, Ordering::Relaxed);
    assert_eq!(world.sync(&chen).await.anchor, first.anchor);
    // A session of a boot that ended without a contact is unverified for ever.
    let mut request = chen.request();
    let mut lost = Phone::new(CHEN, 1);
    lost.session = SessionId([0x66; 8]);
    lost.boot = BootId([0x66; 16]);
    request.sessions.push(lost.registration());
    world.send(&chen, request).await.expect("an answer");
    let (_, sessions, _) = world.sync.read(record).await.expect("reads").expect("is there");
    assert!(sessions.values().all(|session| session.anchor.is_some()));
    let unverified = "select count(*) from session where anchor_server_ms is null";
    assert_eq!(world.count(unverified).await, 1);
}

#[tokio::test]
async fn requests_that_are_not_for_here_are_refused() {
    let world = World::new().await;
    let chen = Phone::new(CHEN, 1);
    let code = |answer: Result<SyncResponse>| match answer {
        Err(Error::Problem { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    let request = SyncRequest { version: 99, ..chen.request() };
    assert_eq!(code(world.send(&chen, request).await), ProblemCode::VersionNotSpoken);
    let request = SyncRequest { device: DeviceId(2), ..chen.request() };
    assert_eq!(code(world.send(&chen, request).await), ProblemCode::WrongDevice);
    for _ in 0..2 {
        let request = SyncRequest { packs: vec![9, 9], ..chen.request() };
        assert_eq!(code(world.send(&chen, request).await), ProblemCode::Malformed);
    }
    assert_eq!(world.count("select count(*) from quarantine").await, 1, "kept, once");
    for (epoch, sequence) in [(2, 1), (1, 9_999)] {
        let cursor = Cursor { epoch, audience: Audience::Office(SITE), sequence };
        let request = SyncRequest { cursors: vec![cursor], ..chen.request() };
        assert_eq!(code(world.send(&chen, request).await), ProblemCode::CursorFromElsewhere);
    }
}

#[tokio::test]
async fn a_push_larger_than_the_budget_waits_for_all_of_it_and_no_more() {
    let world =
        World::with(Arc::new(NoHooks), |options| options.preparing_bytes_max = 1 << 10).await;
    let mut chen = Phone::new(CHEN, 1);
    for _ in 0..20 {
        chen.open_order(None);
    }
    let request = chen.request();
    assert!(request.packs.len() > 2 << 10);
    let who = Bearer { person: chen.person, device: chen.device };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (sync, request) = (world.sync.clone(), request.clone());
        tasks.spawn(async move { sync.handle(who, request).await.expect("an answer") });
    }
    assert_eq!(tasks.join_all().await.len(), 4);
    assert_eq!(world.count("select count(*) from record").await, 20);
}

#[tokio::test]
async fn the_office_accepts_after_all_or_discards_and_the_phone_is_told() {
    for decision in [CaseDecision::AcceptAfterAll, CaseDecision::Discard] {
        let world = World::new().await;
        let mut chen = Phone::new(CHEN, 1);
        let record = world.order(&mut chen, 31).await;
        let mut wang = Phone::new(WANG, 9);
        world.settle(&mut wang).await;
        let (fact_type, payload) = forbidden();
        let refused = wang.write(record, fact_type, payload);
        let replaces = [refused.facts[0].key.to_string()];
        let at = "2026-11-26T10:00:00+08:00";
        let rests = json!({ "field": "appointment", "value": at, "replaces": replaces });
        wang.write(record, "set", rests);
        world.settle(&mut wang).await;
        assert_eq!(wang.told, BTreeMap::from([(1, Outcome::Refused), (2, Outcome::Refused)]));
        let cases = world.sync.desk_cases(0, 10, false).await.expect("reads");
        let first = cases.iter().find(|case| case.from == 1).expect("the refused command");
        let reason = "the customer called".to_owned();
        let close = CloseCase { case: first.case, person: WANG, decision, reason };
        let forbidden = world.sync.close_case(close.clone()).await;
        assert!(matches!(forbidden, Err(Error::Problem { code: ProblemCode::Forbidden, .. })));
        let close = CloseCase { person: CHEN, ..close };
        let kept = "select quarantine_bytes from phone where device = 9";
        let before = world.count(kept).await;
        world.sync.close_case(close.clone()).await.expect("closes");
        let given_back = before - world.count(kept).await;
        if decision == CaseDecision::AcceptAfterAll {
            assert_eq!(given_back, before, "nothing of it waits for a decision");
        } else {
            assert!(0 < given_back && given_back < before, "what rests on it still waits");
        }
        let again = world.sync.close_case(close).await;
        assert!(matches!(again, Err(Error::Problem { code: ProblemCode::CaseClosed, .. })));
        let answer = world.sync(&wang).await;
        wang.take(&answer);
        world.settle(&mut chen).await;
        let account = world.sync.account(wang.device).await.expect("reads");
        if decision == CaseDecision::AcceptAfterAll {
            assert_eq!(outcomes(&answer), [(1, 2, Outcome::Rewritten)], "with what rests on it");
            assert_eq!(chen.records[&record].facts().len(), 4);
            assert_eq!((account.saved, account.accepted, account.on_phone()), (2, 2, 0));
        } else {
            assert_eq!(outcomes(&answer)[0], (1, 1, Outcome::Refused));
            assert_eq!(answer.receipts[0].code.as_deref(), Some("discarded"));
            assert_eq!(chen.records[&record].facts().len(), 2);
            assert_eq!((account.saved, account.refused, account.on_phone()), (2, 2, 0));
        }
        assert_eq!(wang.records[&record].facts(), chen.records[&record].facts());
        world.checked().await;
    }
}

/// R5.20.
#[tokio::test]
async fn a_refused_opening_is_shown_to_its_own_site_only() {
    let world = World::new().await;
    let mut transaction = world.sync.shared.database.begin_write().await.expect("begins");
    let other = "insert into site (site, name, sequence) values (8, 'Lake', 1)";
    sqlx::query(other).execute(&mut *transaction).await.expect("inserts");
    transaction.commit().await.expect("commits");
    let mut wang = Phone::new(WANG, 9);
    let contact = RecordId::by_hand("contact", SITE, wang.session, 1);
    let created = json!({ "kind": "contact", "site": SITE.0, "schema": 1, "name": "王先生",
        "salt": "AAAAAAAAAAAAAAAAAAAAAA" });
    wang.write(contact, "created", created.clone());
    wang.write(contact, "note", json!({ "text": "nobody opened this" }));
    // A site that is nowhere has no office: everybody may look after it.
    let mut nowhere = created;
    nowhere["site"] = json!(99);
    let lost = RecordId::by_hand("contact", SiteId(99), wang.session, 3);
    wang.write(lost, "created", nowhere);
    let answer = world.sync(&wang).await;
    assert!(answer.receipts.iter().all(|receipt| receipt.outcome == Outcome::Refused));
    let of = async |site: u32| {
        let cases = world.sync.desk_cases_of(&[SiteId(site)].into(), 0, 9, false).await;
        cases.expect("reads").iter().map(|case| (case.record, case.from)).collect::<Vec<_>>()
    };
    assert_eq!(of(7).await, [(Some(contact), 1), (Some(contact), 2), (Some(lost), 3)]);
    assert_eq!(of(8).await, [(Some(lost), 3)]);
}
