//! The supervisor's morning: the roster from a sheet, the day's rounds, and next month's plan,
//! which does the periodic task by itself.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::rules::Status;
use sync_core::texts::code_text;

use super::super::script::{DAY, FENG, HE, LUO, MA, ZHOU};
use super::super::stage::{SITE, Stage, ensure};
use crate::{Error, Result};

/// 08:10, who is on duty and where the officer walks.
pub(in super::super) async fn play(stage: &Stage, out: &mut dyn Write) -> Result<RecordId> {
    stage.scene(out, "demo-scene-plans")?;
    stage.until(0, 8, 10).await?;
    roster(stage, out).await?;
    let plan = stage.opens_plan(ZHOU, today(stage)).await?;
    let values = [("person", stage.name(ZHOU)), ("officer", stage.name(FENG))];
    stage.tell(out, "demo-planned", &values)?;
    next_month(stage, out).await?;
    Ok(plan)
}

async fn roster(stage: &Stage, out: &mut dyn Write) -> Result<()> {
    let mut sheet = "date,duty,from,to,person,rank\n".to_owned();
    for (duty, from, to, who, rank) in [
        ("security", "08:00", "20:00", MA, 1),
        ("security", "08:00", "20:00", LUO, 2),
        ("duty_operator", "20:00", "08:00", HE, 1),
    ] {
        sheet += &format!("{DAY},{duty},{from},{to},{},{rank}\n", stage.people[who]);
    }
    let path = format!("/v1/roster/import?site={SITE}");
    let imported = stage.sends(ZHOU, &path, &sheet).await?;
    let added = imported["added"].to_string();
    stage.tell(out, "demo-roster", &[("person", stage.name(ZHOU)), ("added", &added)])
}

/// A checkpoint some 60 m from the last one.
fn stairwell(stage: &Stage, index: i64) -> Value {
    let name = match index {
        1 => stage.pick("1 栋楼道", "Building 1, stairwell"),
        2 => stage.pick("2 栋楼道", "Building 2, stairwell"),
        _ => stage.pick("3 栋楼道", "Building 3, stairwell"),
    };
    json!({ "code": format!("stair-{index}"), "name": name, "checklist": "stairwell",
        "tag": format!("YQ-{index}"), "position": {
            "latitude_e7": 302_700_000 + 5_400 * index, "longitude_e7": 1_201_500_000 } })
}

fn vacant(unit: &str) -> Value {
    json!({ "code": format!("vacant-{unit}"), "name": unit, "checklist": "vacant_home",
        "tag": format!("YQ-{unit}") })
}

fn item(stage: &Stage, item: u32, patrol: &str, starts_at: &str, days: &[u32]) -> Value {
    let checkpoints: Vec<Value> = if patrol == "vacant_home" {
        ["1-1-204", "3-1-501"].map(vacant).to_vec()
    } else {
        [1, 2, 3].map(|index| stairwell(stage, index)).to_vec()
    };
    json!({ "item": item, "patrol": patrol, "officer": stage.people[FENG], "days": days,
        "area": stage.pick("东区", "East side"), "starts_at": starts_at,
        "checkpoints": checkpoints })
}

fn today(stage: &Stage) -> Value {
    json!({ "command": "create_patrol_plan", "site": SITE, "month": "2026-11", "items": [
        item(stage, 1, "fire_safety", "08:45", &[25]),
        item(stage, 2, "vacant_home", "15:30", &[25]),
        item(stage, 3, "fire_safety", "22:00", &[25])] })
}

/// The task that next month's plan be made is there since the first; the plan does it.
async fn next_month(stage: &Stage, out: &mut dyn Write) -> Result<()> {
    let path = format!("/v1/records?site={SITE}&kind=periodic_task&subject=patrol_plan");
    let tasks = stage.reads(ZHOU, &path).await?;
    let task: RecordId = serde_json::from_value(tasks["items"][0]["record"].clone())
        .map_err(|_| Error::Broken("the server has opened the plan's task"))?;
    let days: Vec<u32> = (1..=31).collect();
    let next = json!({ "command": "create_patrol_plan", "site": SITE, "month": "2026-12",
        "items": [item(stage, 1, "fire_safety", "08:45", &days)] });
    stage.opens_plan(ZHOU, next).await?;
    stage.jobs().await?;
    let review = stage.review(task).await?;
    let name = code_text(stage.language, "task", review.text("task").unwrap_or_default(), &[]);
    stage.tell(out, "demo-task-done", &[("person", stage.name(ZHOU)), ("task", &name)])?;
    stage.holds(out, &review)?;
    ensure(review.status == Status::Finished, "the plan does its task")
}
