//! The feed: pages, entering and leaving, contacts, repairs, against a naive oracle.

use super::*;

/// The keys each person should hold, by the plainest reading of the rules.
async fn expected(world: &World, person: PersonId, office: bool) -> BTreeMap<RecordId, usize> {
    let reader = world.sync.shared.database.reader();
    let records: Vec<Vec<u8>> =
        sqlx::query_scalar("select record from record").fetch_all(reader).await.expect("reads");
    let mut expected = BTreeMap::new();
    for record in records {
        let record = RecordId(record.try_into().expect("16 bytes"));
        let Some((facts, _, review)) = world.sync.read(record).await.expect("reads") else {
            continue;
        };
        let audiences = sync_core::rules::audiences(&review);
        let own = audiences.contains(&Audience::User(SITE, person));
        if own || (office && audiences.contains(&Audience::Office(SITE))) {
            expected.insert(record, facts.len());
        }
    }
    expected
}

#[tokio::test]
async fn phones_hold_what_a_naive_reading_says_after_any_entering_and_leaving() {
    for (seed, records_max, bytes_max) in
        [(11, 3, 4 << 20), (12, 2, 4 << 20), (13, 500, 700), (14, 3, 1_000), (15, 500, 4 << 20)]
    {
        entering_and_leaving(seed, records_max, bytes_max).await;
    }
}

async fn entering_and_leaving(seed: u64, records_max: u64, bytes_max: u64) {
    let world = World::with(Arc::new(NoHooks), |options| {
        options.limits.answer_records_max = records_max;
        options.limits.answer_bytes_max = bytes_max;
        options.limits.answer_receipts_max = 2;
    })
    .await;
    let mut state = seed;
    let mut draw = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut chen = Phone::new(CHEN, 1);
    let (mut wang, mut li) = (Phone::new(WANG, 9), Phone::new(LI, 10));
    let mut records: Vec<RecordId> = Vec::new();
    for round in 0..200 {
        if records.len() < 12 && draw(4) == 0 {
            let (record, _) = chen.open_order(None);
            records.push(record);
        } else if !records.is_empty() {
            let record = records[draw(records.len())];
            let copy = &chen.records[&record];
            let mut known = copy.facts();
            for change in &copy.pending {
                known.extend(change.facts.iter().map(|fact| (fact.key, fact.json.clone())));
            }
            let holder = known.iter().rev().find(|(_, json)| json.contains("\"assignee\""));
            let replaces: Vec<String> = holder.iter().map(|(key, _)| key.to_string()).collect();
            match draw(3) {
                0 => {
                    let value = [31, 32, 33][draw(3)];
                    let payload =
                        json!({ "field": "assignee", "value": value, "replaces": replaces });
                    chen.write(record, "set", payload);
                }
                _ => {
                    chen.write(record, "note", json!({ "text": format!("round {round}") }));
                }
            }
        }
        if draw(2) == 0 {
            world.settle(&mut chen).await;
        }
        if draw(5) == 0 {
            let phone = if draw(2) == 0 { &mut wang } else { &mut li };
            // One answer only: the next comes after more has happened.
            let answer = world.sync(phone).await;
            assert!(answer.records.len() as u64 <= records_max);
            phone.take(&answer);
        }
        if draw(20) == 0 {
            for phone in [&mut chen, &mut wang, &mut li] {
                world.settle(phone).await;
            }
            for (phone, office) in [(&chen, true), (&wang, false), (&li, false)] {
                let held: BTreeMap<_, _> =
                    phone.holds().into_iter().map(|(r, facts)| (r, facts.len())).collect();
                assert_eq!(held, expected(&world, phone.person, office).await, "round {round}");
            }
        }
    }
    world.checked().await;
}

#[tokio::test]
async fn five_hundred_and_one_records_come_in_pages_without_a_loss() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let mut records = BTreeSet::new();
    for _ in 0..501 {
        records.insert(chen.open_order(None).0);
    }
    let answer = world.sync(&chen).await;
    assert_eq!(answer.receipts.len(), 1, "one range for all of them");
    let mut second = Phone::new(CHEN, 1);
    second.session = SessionId([0x33; 8]);
    let first = world.sync(&second).await;
    assert_eq!((first.records.len(), first.more), (500, true));
    second.take(&first);
    let rest = world.sync(&second).await;
    assert_eq!((rest.records.len(), rest.more), (1, false));
    second.take(&rest);
    assert_eq!(second.holds().into_keys().collect::<BTreeSet<_>>(), records);
}

#[tokio::test]
async fn a_record_that_moves_while_pages_are_read_loses_nothing() {
    let world =
        World::with(Arc::new(NoHooks), |options| options.limits.answer_records_max = 2).await;
    let mut chen = Phone::new(CHEN, 1);
    let mut records = Vec::new();
    for _ in 0..6 {
        records.push(world.order(&mut chen, 31).await);
    }
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    // Each record changes twice, the first again at the end: its first change stands before, its
    // last after everything else.
    for record in records.iter().chain(&records) {
        chen.write(*record, "note", json!({ "text": "x" }));
        world.settle(&mut chen).await;
    }
    let answer = world.sync(&wang).await;
    assert!(answer.more);
    wang.take(&answer);
    chen.write(records[0], "note", json!({ "text": "meanwhile" }));
    world.settle(&mut chen).await;
    world.settle(&mut wang).await;
    for record in &records {
        assert_eq!(wang.records[record].facts(), chen.records[record].facts());
    }
}

#[tokio::test]
async fn an_answer_is_cut_by_bytes_between_records() {
    let world =
        World::with(Arc::new(NoHooks), |options| options.limits.answer_bytes_max = 2_000).await;
    let mut chen = Phone::new(CHEN, 1);
    for _ in 0..5 {
        let (record, _) = chen.open_order(None);
        chen.write(record, "note", json!({ "text": "x".repeat(900) }));
    }
    world.sync(&chen).await;
    let mut second = Phone::new(CHEN, 1);
    second.session = SessionId([0x33; 8]);
    let answers = world.settle(&mut second).await;
    let sizes: Vec<_> = answers.iter().map(|answer| answer.records.len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(second.holds().len(), 5);
}

#[tokio::test]
async fn with_nothing_new_the_cursors_stay() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    world.order(&mut chen, 31).await;
    world.settle(&mut chen).await;
    let mut request = chen.request();
    request.sessions.clear();
    let answer = world.send(&chen, request).await.expect("an answer");
    assert_eq!(
        (answer.records.len(), answer.receipts.len(), answer.packs.len(), answer.more),
        (0, 0, 0, false)
    );
    assert_eq!(answer.cursors, chen.cursors);
}

#[tokio::test]
async fn a_repair_brings_a_record_whole_to_those_who_may_have_it() {
    let world = World::new().await;
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    wang.records.remove(&record);
    wang.repairs.insert(record);
    let answer = world.sync(&wang).await;
    assert!(answer.records[0].whole && answer.records[0].has_pack);
    wang.take(&answer);
    assert_eq!(wang.records[&record].facts(), chen.records[&record].facts());
    let mut li = Phone::new(LI, 10);
    li.repairs.insert(record);
    assert_eq!(world.sync(&li).await.records, []);
}

#[tokio::test]
async fn repairs_fill_an_answer_and_the_rest_is_asked_for_again() {
    let world = World::with(Arc::new(NoHooks), |options| options.limits.answer_bytes_max = 1).await;
    let mut chen = Phone::new(CHEN, 1);
    let mut wang = Phone::new(WANG, 9);
    for _ in 0..3 {
        world.order(&mut chen, 31).await;
    }
    world.settle(&mut wang).await;
    wang.repairs = wang.records.keys().copied().collect();
    wang.records.clear();
    for left in [2, 1, 0] {
        let answer = world.sync(&wang).await;
        assert_eq!((answer.records.len(), answer.more), (1, left > 0));
        wang.repairs.remove(&answer.records[0].record);
        wang.take(&answer);
        assert_eq!(wang.repairs.len(), left);
    }
    assert_eq!(wang.records.len(), 3);
}

#[tokio::test]
async fn pokes_name_the_audiences_that_have_something_new() {
    let world = World::new().await;
    let mut pokes = world.sync.subscribe();
    let mut chen = Phone::new(CHEN, 1);
    world.order(&mut chen, 31).await;
    let mut poked = BTreeSet::new();
    while let Ok(poke) = pokes.try_recv() {
        poked.insert(poke.audience);
        assert!(poke.sequence > 4480);
    }
    assert_eq!(poked, BTreeSet::from([Audience::Office(SITE), Audience::User(SITE, WANG)]));
}

#[tokio::test]
async fn reference_data_comes_when_the_phone_holds_another_version() {
    let world = World::new().await;
    let wang = Phone::new(WANG, 9);
    assert_eq!(world.sync(&wang).await.reference, None);
    let request = SyncRequest { reference_version: 0, ..wang.request() };
    let reference = world.send(&wang, request).await.expect("an answer").reference;
    let reference = reference.expect("the phone had none");
    assert_eq!(reference.version, 1);
    let data: sync_core::protocol::message::ReferenceData =
        serde_json::from_str(&reference.json).expect("reads");
    assert_eq!(data.people.len(), 3);
    assert_eq!(data.grants.len(), 1);
    assert_eq!(data.policies[&SITE].len(), 1);
}
