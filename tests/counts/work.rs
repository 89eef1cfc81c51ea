//! What the child's person does until it dies: commands of every kind, some syncs, and now and
//! then a command that the server refuses.

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::replica::{Performed, Replica};
use sync_core::rules::Command;

use super::environment::Dice;
use super::journal::{Line, Saved};
use super::site::{SITE, Site};

/// Far more than any kill point needs.
const STEPS_MAX: usize = 400;

/// Works until a hook ends the process.
pub async fn work(site: &Site, dice: &Dice) {
    for step in 0..STEPS_MAX {
        if dice.happens(300) {
            if dice.happens(500) {
                site.desk_writes(step).await;
            }
            let replica = &site.phone;
            Line::Syncing(replica.account().await.expect("reads")).tell();
            replica.sync_once().await.expect("nothing is wrong with the way");
            Line::Synced(replica.account().await.expect("reads")).tell();
        } else {
            write(&site.phone, dice, step).await;
        }
    }
}

async fn write(replica: &Replica, dice: &Dice, step: usize) {
    let list = replica.list().await;
    let orders: Vec<_> = list.iter().filter(|item| item.projection.kind == "work_order").collect();
    let record = orders[dice.below(orders.len())].record;
    let pick = dice.below(12);
    if pick == 0 {
        let payload = json!({ "t": "price_approved", "p": { "step": step } });
        let performed = replica.write_unjudged(record, &payload).await.expect("saves");
        tell(performed, payload, true);
        return;
    }
    let review = replica.review(record).await.expect("reads").expect("is here");
    let visit = review.visits.last().map(|visit| visit.visit);
    let (command, fact) = command(pick, visit, dice, step);
    let creates = command.creates().is_some();
    let target: Option<RecordId> = (!creates).then_some(record);
    match replica.perform(&command, target).await {
        Ok(performed) => tell(performed, fact, false),
        Err(sync_core::Error::Denied(_)) => {}
        Err(error) => panic!("the store takes it: {error}"),
    }
}

fn tell(performed: Performed, fact: Value, forbidden: bool) {
    let Performed { record, n, key } = performed;
    Line::Saved(Saved { record, n, key, fact, forbidden }).tell();
}

/// A command, and what its fact must hold.
fn command(pick: usize, visit: Option<FactKey>, dice: &Dice, step: usize) -> (Command, Value) {
    let text = format!("第 {step} 步 👨‍👩‍👧 𠮷 \u{202e} ").repeat(1 + dice.below(40));
    let fact = match (pick, visit) {
        (1, _) => {
            let name = format!("业主{step}");
            let command = json!({ "command": "create_contact", "site": SITE, "name": name,
                "unit": "3-2-1501", "phones": ["13800000000"], "salt": format!("salt{step}") });
            let fact = json!({ "t": "created", "p": { "kind": "contact", "name": name } });
            return (serde_json::from_value(command).expect("a command"), fact);
        }
        (2, _) => {
            let value = format!("2026-11-26T{:02}:00:00+08:00", 8 + dice.below(10));
            let command = json!({ "command": "set", "field": "appointment", "value": value });
            let fact = json!({ "t": "set", "p": { "field": "appointment", "value": value } });
            return (serde_json::from_value(command).expect("a command"), fact);
        }
        (3, _) => json!({ "t": "received" }),
        (4, _) | (5..=8, None) => json!({ "t": "set_out", "p": { "grade": 2 } }),
        (5, Some(visit)) => json!({ "t": "ring", "p": { "visit": visit } }),
        (6, Some(visit)) => json!({ "t": "enter", "p": { "visit": visit } }),
        (7 | 8, Some(visit)) => json!({ "t": "material", "p": { "visit": visit,
            "name": format!("水龙头{step}"), "quantity_milli": 1000, "unit": "个",
            "unit_price_fen": 8800 } }),
        _ => {
            let fact = json!({ "t": "note", "p": { "text": text } });
            return (Command::Note { text }, fact);
        }
    };
    let command = json!({ "command": "record", "fact": fact });
    (serde_json::from_value(command).expect("a command"), fact)
}
