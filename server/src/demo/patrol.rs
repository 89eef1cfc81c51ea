//! The patrol of the demo: a plan by the supervisor, a round without signal with a point missed,
//! and a finding that opens an order when it arrives.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::rules::planned_rounds;
use sync_core::texts::text;

use super::play::{Worker, name, note, say};
use super::script::{FENG, ZHOU};
use super::stage::{SITE, Stage, step};
use crate::{Error, Result};

const MINUTE: i64 = 60_000;
const DAY: &str = "2026-11-25";

/// A checkpoint some 60 m from the last one.
fn point(stage: &Stage, index: i64) -> Value {
    let name = match index {
        1 => note(stage, "1 栋楼道", "Building 1, stairwell"),
        2 => note(stage, "2 栋楼道", "Building 2, stairwell"),
        _ => note(stage, "3 栋楼道", "Building 3, stairwell"),
    };
    json!({ "code": format!("stair-{index}"), "name": name, "checklist": "stairwell",
        "tag": format!("YQ-{index}"), "position": {
            "latitude_e7": 302_700_000 + 5_400 * index, "longitude_e7": 1_201_500_000 } })
}

/// The supervisor plans two rounds for the day.
pub(super) async fn plan(stage: &Stage, out: &mut dyn Write) -> Result<RecordId> {
    let officer = stage.people[FENG];
    let item = |item: u32, starts_at: &str| {
        json!({ "item": item, "patrol": "fire_safety", "officer": officer, "days": [25],
            "area": note(stage, "东区", "East side"), "starts_at": starts_at,
            "checkpoints": [point(stage, 1), point(stage, 2), point(stage, 3)] })
    };
    let command = json!({ "command": "create_patrol_plan", "site": SITE, "month": "2026-11",
        "items": [item(1, "08:45"), item(2, "11:00")] });
    let plan = stage.supervisor(command).await?;
    let values = [("person", name(stage, ZHOU)), ("officer", name(stage, FENG))];
    say(stage, out, "demo-planned", &values)?;
    Ok(plan)
}

/// Feng walks the first round without signal, and comes back into it.
pub(super) async fn walk(
    stage: &Stage,
    out: &mut dyn Write,
    feng: &mut Worker<'_>,
    plan: RecordId,
) -> Result<()> {
    let read = stage.app.sync.read(plan).await?.ok_or(Error::Broken("the demo's plan is there"))?;
    let planned = planned_rounds(&read.2, DAY).into_iter().next();
    let planned = planned.ok_or(Error::Broken("the plan has a round today"))?;
    let mut open = serde_json::to_value(&planned.round)
        .map_err(|_| Error::Broken("a round writes as JSON"))?;
    open["command"] = json!("create_round");
    open["site"] = json!(SITE);
    open["from"] = json!(planned.from);
    let round = feng.open(MINUTE, open).await?;
    if round != planned.record {
        return Err(Error::Broken("a planned round has the id of its plan, line and day"));
    }
    feng.perform(MINUTE, round, step("round_started", Value::Null)).await?;
    let visited = |index: i64| {
        json!({ "checkpoint": format!("stair-{index}"), "method": "qr_code",
            "tag": format!("YQ-{index}") })
    };
    let dark = note(stage, "二层声控灯不亮", "The lamp on the second floor stays dark");
    feng.perform(2 * MINUTE, round, step("checkpoint_visited", visited(1))).await?;
    let rest = json!({ "command": "rest_ok", "checkpoint": "stair-1" });
    feng.perform(MINUTE, round, rest).await?;
    feng.perform(2 * MINUTE, round, step("checkpoint_visited", visited(2))).await?;
    let flag = json!({ "checkpoint": "stair-2", "item": "lights", "result": "not_ok" });
    feng.perform(MINUTE, round, step("checked", flag)).await?;
    let finding = json!({ "finding": "facility", "checkpoint": "stair-2", "item": "lights",
        "place": note(stage, "2 栋楼道", "Building 2, stairwell"), "description": dark });
    feng.perform(MINUTE, round, step("finding", finding)).await?;
    let rest = json!({ "command": "rest_ok", "checkpoint": "stair-2" });
    feng.perform(MINUTE, round, rest).await?;
    feng.perform(MINUTE, round, step("round_finished", Value::Null)).await?;
    feng.sync().await?;
    show(stage, out, round, dark).await
}

/// Coverage, and the order that the finding opened.
async fn show(stage: &Stage, out: &mut dyn Write, round: RecordId, title: &str) -> Result<()> {
    let read = stage.app.sync.read(round).await?;
    let review = read.ok_or(Error::Broken("the demo's round is there"))?.2;
    let walked = review.round.as_ref().ok_or(Error::Broken("a round is reviewed as one"))?;
    let numbers = [walked.visited.to_string(), walked.coverage.len().to_string()];
    let values = [("visited", numbers[0].as_str()), ("checkpoints", numbers[1].as_str())];
    let coverage = text(stage.language, "round-coverage", &values);
    let values = [("person", name(stage, FENG)), ("coverage", coverage.as_str())];
    say(stage, out, "demo-walked", &values)?;
    for point in walked.coverage.iter().filter(|point| point.missed) {
        let missed = text(stage.language, "round-missed", &[]);
        writeln!(out, "  {missed}: {}", point.checkpoint.name)?;
    }
    let opened = walked.findings.iter().find_map(|finding| finding.opens);
    let order = opened.ok_or(Error::Broken("the demo's finding opens an order"))?;
    if stage.app.sync.read(order).await?.is_none() {
        return Err(Error::Broken("the order came with the finding"));
    }
    say(stage, out, "demo-found", &[("title", title)])
}
