//! What follows from a finding: it never holds up what somebody saved, and comes once.

use super::push::{StopAt, outcomes};
use super::*;
use crate::sync::decide::{Incoming, decide};

fn round(phone: &mut Phone) -> RecordId {
    let record = RecordId::by_hand("patrol_round", SITE, phone.session, phone.number + 1);
    let created = json!({
        "kind": "patrol_round", "site": SITE.0, "schema": 1, "patrol": "fire_safety",
        "area": "三组团", "officer": CHEN.0, "checkpoints": [{ "code": "a", "name": "a号楼道" }],
    });
    phone.write(record, "created", created);
    let finding = json!({ "finding": "facility", "place": "a号楼道", "description": "灯不亮" });
    phone.write(record, "finding", finding);
    record
}

const ORDERS: &str = "select count(*) from work_order";

#[tokio::test]
async fn a_finding_is_accepted_also_when_its_order_cannot_be_opened_and_it_is_opened_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = open(&folder).await;
    people(&database).await;
    let clock = Arc::new(Stepped(AtomicI64::new(NOW_MS)));
    let as_clock: Arc<dyn Clock> = Arc::<Stepped>::clone(&clock);
    let hooks = Arc::new(NoHooks);
    let options = SyncOptions::new(database, as_clock, Arc::new(Life(0)), hooks, [7; 32]);
    let sync = Sync::start_with(options, |deciding| match deciding.incoming {
        Some(Incoming::Derived { .. }) => panic!("a defect"),
        _ => decide(deciding),
    });
    let mut world = World { folder, clock, sync, lives: 1 };
    let mut chen = Phone::new(CHEN, 1);
    let record = round(&mut chen);
    let answer = world.sync(&chen).await;
    assert_eq!(outcomes(&answer), [(1, 2, Outcome::Entered)]);
    chen.take(&answer);
    assert_eq!(world.count(ORDERS).await, 0);
    world.restart(Arc::new(NoHooks)).await;
    for _ in 0..2 {
        chen.write(record, "note", json!({ "text": "next" }));
        world.settle(&mut chen).await;
        assert_eq!(world.count(ORDERS).await, 1);
    }
    world.checked().await;
}

/// R7.18
#[tokio::test]
async fn a_crash_at_any_place_leaves_finding_and_order_or_neither_and_the_repeat_opens_one() {
    for place in 1.. {
        let stop = Arc::new(StopAt::default());
        let mut world = World::new().await;
        let mut chen = Phone::new(CHEN, 1);
        round(&mut chen);
        stop.countdown.store(place, Ordering::Relaxed);
        world.restart(Arc::<StopAt>::clone(&stop)).await;
        let answer = world.send(&chen, chen.request()).await;
        let Some(point) = *stop.stopped.lock().expect("a lock") else {
            answer.expect("nothing stopped it");
            assert!(place > 12, "the push's statements, then those of what follows");
            return;
        };
        world.restart(Arc::new(NoHooks)).await;
        let found = world.count("select count(*) from patrol_round").await;
        assert_eq!(found, world.count(ORDERS).await, "{point:?}");
        world.settle(&mut chen).await;
        assert_eq!(chen.told, BTreeMap::from([(1, Outcome::Entered), (2, Outcome::Entered)]));
        assert_eq!(world.count(ORDERS).await, 1, "{point:?}");
        world.checked().await;
    }
}
