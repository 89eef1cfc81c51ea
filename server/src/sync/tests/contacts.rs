//! What a device has confirmed stays confirmed: over lowered cursors, restarts and waiting work.

use sync_core::document::RecordPack;

use super::*;
use crate::sync::testing::forbidden;
use crate::sync::{decide, load};

impl World {
    async fn confirmed(&self, phone: &Phone) -> decide::Confirmed {
        let mut conn = self.sync.shared.database.reader().acquire().await.expect("connects");
        let devices = BTreeSet::from([phone.device]);
        let mut phones = load::phones(&mut conn, &devices).await.expect("reads");
        phones.remove(&phone.device).unwrap_or_default().confirmed
    }

    /// Wang is a technician no more, from the site's next sequence on.
    async fn revoke(&self) {
        let mut transaction = self.sync.shared.database.begin_write().await.expect("begins");
        for sql in [
            "update site set sequence = sequence + 1",
            "update role_grant set ended_epoch = 1, ended_sequence = (select sequence from site)
             where person = 31",
            "insert into role_grant (person, role, site, from_ms, granted_epoch, granted_sequence)
             select 31, 'patrol_officer', 7, 0, 1, sequence from site",
            "update installation set reference_version = reference_version + 1",
        ] {
            sqlx::query(sql).execute(&mut *transaction).await.expect("writes");
        }
        transaction.commit().await.expect("commits");
    }
}

/// Wang holds an order as a technician; what his phone had seen then.
async fn technician(world: &World) -> (RecordId, Phone) {
    let mut chen = Phone::new(CHEN, 1);
    let record = world.order(&mut chen, 31).await;
    let mut wang = Phone::new(WANG, 9);
    world.settle(&mut wang).await;
    wang.seen.sequence = wang.cursors[0].sequence;
    (record, wang)
}

/// Wang's phone has read that the role has ended, then writes as if it had not.
async fn claims_the_old_role(world: &World, record: RecordId, mut wang: Phone) {
    wang.write(record, "received", json!({}));
    let answer = world.sync(&wang).await;
    let codes: Vec<_> = answer.receipts.iter().map(|r| (r.outcome, r.code.as_deref())).collect();
    assert_eq!(codes, [(Outcome::Refused, Some("not_your_role"))]);
    assert_eq!(world.count("select count(*) from desk_case where kind = 'backdated'").await, 1);
    world.checked().await;
}

#[tokio::test]
async fn what_was_written_before_a_role_ended_is_accepted() {
    let world = World::new().await;
    let (record, mut wang) = technician(&world).await;
    wang.write(record, "received", json!({}));
    world.revoke().await;
    let answer = world.sync(&wang).await;
    assert_eq!(answer.receipts[0].outcome, Outcome::Entered);
    assert_eq!(world.count("select count(*) from desk_case").await, 0);
}

/// R0.25
#[tokio::test]
async fn a_restart_forgets_no_contact() {
    let mut world = World::new().await;
    let (record, mut wang) = technician(&world).await;
    world.revoke().await;
    world.settle(&mut wang).await;
    // This tells what the answer before it brought.
    world.settle(&mut wang).await;
    world.restart(Arc::new(NoHooks)).await;
    claims_the_old_role(&world, record, wang).await;
}

/// R0.25
#[tokio::test]
async fn lowered_cursors_confirm_nothing_away() {
    let world = World::new().await;
    let (record, mut wang) = technician(&world).await;
    world.revoke().await;
    world.settle(&mut wang).await;
    world.settle(&mut wang).await;
    let confirmed = world.confirmed(&wang).await;
    let mut lowered = wang.request();
    lowered.cursors.iter_mut().for_each(|cursor| cursor.sequence = 1);
    world.send(&wang, lowered).await.expect("an answer");
    let mut without = wang.request();
    without.cursors.clear();
    world.send(&wang, without).await.expect("an answer");
    assert_eq!(world.confirmed(&wang).await, confirmed);
    claims_the_old_role(&world, record, wang).await;
}

#[tokio::test]
async fn contacts_are_kept_while_a_command_before_the_next_one_has_not_come() {
    let world = World::new().await;
    let (record, mut wang) = technician(&world).await;
    let numbers = |confirmed: &decide::Confirmed| -> Vec<u64> {
        confirmed.contacts().iter().map(|contact| contact.number).collect()
    };
    wang.write(record, "note", json!({ "text": "one" }));
    let mut silent = wang.request();
    silent.packs.clear();
    world.send(&wang, silent).await.expect("an answer");
    assert_eq!(numbers(&world.confirmed(&wang).await), [0, 1]);
    wang.write(record, "note", json!({ "text": "two" }));
    let (fact_type, payload) = forbidden();
    wang.write(record, fact_type, payload);
    world.settle(&mut wang).await;
    assert_eq!(numbers(&world.confirmed(&wang).await), [3], "all of them have come");
}

#[tokio::test]
async fn an_idle_phone_is_remembered_once_an_hour() {
    let world = World::new().await;
    let (_, mut wang) = technician(&world).await;
    world.settle(&mut wang).await;
    let at = world.confirmed(&wang).await.newest().expect("a contact").at_ms;
    let hour_ms = 3_600_000;
    for (later_ms, kept) in [(hour_ms - 1, at), (hour_ms, at + hour_ms)] {
        world.clock.0.store(at + later_ms, Ordering::Relaxed);
        world.settle(&mut wang).await;
        assert_eq!(world.confirmed(&wang).await.newest().map(|c| c.at_ms), Some(kept));
    }
}

/// R0.25: a proxy delivers a message once more, hours later.
#[tokio::test]
async fn an_old_message_that_comes_again_makes_nothing_backdated() {
    let world = World::new().await;
    let (record, mut wang) = technician(&world).await;
    wang.write(record, "note", json!({ "text": "one" }));
    let old = world.request(&wang);
    world.settle(&mut wang).await;
    let hour_ms = 3_600_000;
    // Written an hour after it, by the clock of its boot.
    world.clock.0.store(NOW_MS + hour_ms, Ordering::Relaxed);
    wang.written_ms = hour_ms;
    wang.write(record, "note", json!({ "text": "two" }));
    world.clock.0.store(NOW_MS + 5 * hour_ms, Ordering::Relaxed);
    world.send(&wang, old).await.expect("an answer");
    world.settle(&mut wang).await;
    assert_eq!(world.count("select count(*) from desk_case").await, 0);
    // A clock that is turned back to before a contact is still seen.
    world.settle(&mut wang).await;
    wang.written_ms = 2 * hour_ms;
    wang.write(record, "note", json!({ "text": "three" }));
    world.settle(&mut wang).await;
    assert_eq!(world.count("select count(*) from desk_case where kind = 'backdated'").await, 1);
}

/// Chen gives Wang's order to Li, and the server has it.
async fn moved_to_li(world: &World, record: RecordId) {
    let mut chen = Phone::new(CHEN, 1);
    chen.reopen(2);
    chen.number = 100;
    world.settle(&mut chen).await;
    let replaces = chen.records[&record].facts();
    let replaces = replaces.keys().nth(1).expect("two facts").to_string();
    let payload = json!({ "field": "assignee", "value": 32, "replaces": [replaces] });
    chen.write(record, "set", payload);
    world.settle(&mut chen).await;
}

/// R0.27
#[tokio::test]
async fn after_a_confirmed_move_its_former_worker_writes_nothing_more() {
    let mut world = World::new().await;
    let (record, mut wang) = technician(&world).await;
    moved_to_li(&world, record).await;
    wang.write(record, "note", json!({ "text": "before the phone knew" }));
    world.settle(&mut wang).await;
    assert_eq!(wang.told[&1], Outcome::Entered);
    assert!(wang.records[&record].left);
    // The phone has the answer, and has told nobody yet.
    let mut late = wang.request();
    late.packs.clear();
    world.restart(Arc::new(NoHooks)).await;
    world.send(&wang, late).await.expect("an answer");
    wang.write(record, "note", json!({ "text": "after it had confirmed" }));
    let answer = world.sync(&wang).await;
    let last = answer.receipts.last().expect("a receipt");
    assert_eq!((last.from, last.outcome), (2, Outcome::Refused));
    assert_eq!(last.code.as_deref(), Some("record_left"));
    world.checked().await;
}

#[tokio::test]
async fn four_commands_in_every_order_with_a_restart_between_each() {
    let mut ends = BTreeSet::new();
    for order in orders(&[0, 1, 2, 3]) {
        let mut world = World::new().await;
        let (record, mut wang) = technician(&world).await;
        let texts = ["one", "two", "three", "four"];
        let chain = texts.map(|text| wang.write(record, "note", json!({ "text": text })));
        let mut sent = BTreeSet::new();
        for place in order {
            world.restart(Arc::new(NoHooks)).await;
            let pack = RecordPack::from_changes(record, std::slice::from_ref(&chain[place]));
            let packs = pack::encode(&[pack]);
            world.send(&wang, SyncRequest { packs, ..wang.request() }).await.expect("an answer");
            sent.insert(place);
            // The office sees what waits for what has not come.
            let entered = (0..4).take_while(|place| sent.contains(place)).count();
            let account = world.sync.account(wang.device).await.expect("reads");
            let held = sent.len() - entered;
            assert_eq!((account.accepted, account.held), (entered as u64, held as u64));
        }
        wang.records.get_mut(&record).expect("held").pending.clear();
        let (facts, _, review) = world.sync.read(record).await.expect("reads").expect("is there");
        let facts: Vec<_> = facts.into_iter().map(|fact| (fact.key, fact.json)).collect();
        ends.insert((
            facts.into_iter().collect::<BTreeMap<_, _>>(),
            format!("{:?}", review.status),
        ));
        world.checked().await;
    }
    assert_eq!(ends.len(), 1, "the same end");
}

/// Every order of these.
fn orders(places: &[usize]) -> Vec<Vec<usize>> {
    if places.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for place in places {
        let rest: Vec<usize> = places.iter().copied().filter(|other| other != place).collect();
        all.extend(orders(&rest).into_iter().map(|rest| [vec![*place], rest].concat()));
    }
    all
}
