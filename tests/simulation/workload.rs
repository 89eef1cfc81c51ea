//! What the people of a simulated site do: the desk opens, assigns and changes orders, technicians
//! write steps, fields and notes, a patched phone writes what it may not.

use std::sync::Arc;

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, PersonId, RecordId};
use sync_core::replica::{ListItem, Replica};
use sync_core::rules::Command;

use super::environment::Dice;
use super::world::{SITE, World};

/// A command that returned: from here on it must never be lost.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The record.
    pub record: RecordId,
    /// Its number on the phone.
    pub n: u64,
    /// Its first fact.
    pub key: FactKey,
    /// The phone's rules were off: the server has to refuse it.
    pub forbidden: bool,
}

/// What a phone's task did.
#[derive(Debug, Default)]
pub struct Done {
    /// Commands that returned.
    pub saved: Vec<Saved>,
    /// Syncs that ended well.
    pub synced: u64,
    /// What happened, for comparing two runs of a seed.
    pub trace: Vec<String>,
}

fn command(value: Value) -> Command {
    serde_json::from_value(value).expect("a command of this version")
}

/// The desk's turn: a few writes.
pub async fn desk(world: &World, orders: &mut Vec<RecordId>) -> Vec<String> {
    let mut trace = Vec::new();
    for _ in 0..=world.dice.below(3) {
        world.advance_ms(1_000 + i64::try_from(world.dice.below(60_000)).expect("small"));
        let pick = world.dice.below(10);
        let person =
            PersonId(31 + u32::try_from(world.dice.below(world.phones.len())).expect("few"));
        if orders.is_empty() || pick < 3 {
            let open = command(
                json!({ "command": "create_work_order", "site": SITE, "category": "household",
                "unit": "3-2-1501", "description": "厨房水管漏水 👨‍👩‍👧 𠮷 \u{202e}", "priority": "urgent" }),
            );
            if let Ok(record) = world.office(None, open).await {
                orders.push(record);
                let dispatch =
                    command(json!({ "command": "record", "fact": { "t": "dispatched" } }));
                trace.push(format!("{:?}", world.office(Some(record), dispatch).await.is_ok()));
                let assign = Command::Assign { person };
                trace.push(format!("{:?}", world.office(Some(record), assign).await.is_ok()));
            }
            continue;
        }
        let record = orders[world.dice.below(orders.len())];
        let change = match pick {
            3 | 4 => Command::Assign { person },
            5 | 6 => appointment(&world.dice),
            7 => command(
                json!({ "command": "record", "fact": { "t": "cancelled", "p": { "reason": "客户改期" } } }),
            ),
            _ => Command::Note { text: "催办".to_owned() },
        };
        trace.push(format!("{:?}", world.office(Some(record), change).await.is_ok()));
    }
    trace
}

fn appointment(dice: &Dice) -> Command {
    let hour = 8 + dice.below(10);
    command(
        json!({ "command": "set", "field": "appointment", "value": format!("2026-11-26T{hour:02}:00:00+08:00") }),
    )
}

/// A technician's turn: some commands, some syncs, in an order drawn by the phone's dice.
pub async fn technician(replica: Arc<Replica>, dice: Dice, steps: usize) -> Done {
    let mut done = Done::default();
    for _ in 0..steps {
        if dice.happens(250) {
            let result = replica.sync_once().await;
            done.synced += u64::from(result.is_ok());
            done.trace.push(format!("sync {:?}", result.map_err(|error| error.to_string())));
            continue;
        }
        let list: Vec<ListItem> = replica.list().await;
        let here: Vec<&ListItem> = list.iter().filter(|item| item.present).collect();
        if here.is_empty() {
            continue;
        }
        let record = here[dice.below(here.len())].record;
        let forbidden = dice.happens(60);
        let result = if forbidden {
            let payload = json!({ "t": "cancelled", "p": { "reason": "不该写" } });
            replica.write_unjudged(record, &payload).await
        } else {
            match next_step(&replica, &dice, record).await {
                Some(command) => replica.perform(&command, Some(record)).await,
                None => continue,
            }
        };
        done.trace.push(format!("{record} {:?}", result.as_ref().map_err(ToString::to_string)));
        if let Ok(performed) = result {
            done.saved.push(Saved { record, n: performed.n, key: performed.key, forbidden });
        }
    }
    done
}

/// Any command a technician may write to the record as it stands.
async fn next_step(replica: &Replica, dice: &Dice, record: RecordId) -> Option<Command> {
    let review = replica.review(record).await.ok()??;
    let visit = review.visits.last().map(|visit| visit.visit);
    let of = |fact_type: &str, visit: FactKey| {
        command(json!({ "command": "record", "fact": { "t": fact_type, "p": { "visit": visit } } }))
    };
    Some(match (dice.below(12), visit) {
        (0, _) => command(json!({ "command": "record", "fact": { "t": "received" } })),
        (1, _) | (_, None) => {
            command(json!({ "command": "record", "fact": { "t": "set_out", "p": { "grade": 2 } } }))
        }
        (2 | 3, Some(visit)) => of("ring", visit),
        (4, Some(visit)) => of("enter", visit),
        (5, Some(visit)) => of("start_work", visit),
        (6, Some(visit)) => of("finish_work", visit),
        (7, Some(visit)) => {
            command(json!({ "command": "record", "fact": { "t": "material", "p": { "visit": visit,
            "name": "水龙头", "quantity_milli": 1000, "unit": "个", "unit_price_fen": 8800 } } }))
        }
        (8, _) => appointment(dice),
        (9, Some(visit)) => {
            command(json!({ "command": "sign", "visit": visit, "language": "zh-CN",
            "strokes": { "width": 1000, "height": 400, "strokes": [[[100, 100], [240, 300]], [[300, 90], [420, 250]]] },
            "relation": "owner", "ratings": { "quality": 5, "attitude": 5, "conduct": 5 } }))
        }
        _ => Command::Note { text: "已到现场".to_owned() },
    })
}
