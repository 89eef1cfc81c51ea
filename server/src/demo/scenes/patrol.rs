//! The patrol's round: walked without signal with a point missed, a fault that opens an order when
//! it arrives, and a breach that opens a violation, whose author takes no notice.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::rules::{Round, planned_rounds};

use super::super::script::{CHEN, DAY, FENG, MINUTE_MS, QIN};
use super::super::stage::Stage;
use super::super::worker::Worker;
use crate::{Error, Result};

/// What the round's findings opened.
pub(in super::super) struct Found {
    pub(in super::super) valve: RecordId,
    pub(in super::super) breach: RecordId,
}

/// 08:45, the first round.
pub(in super::super) async fn play(
    stage: &Stage,
    out: &mut dyn Write,
    feng: &mut Worker<'_>,
    plan: RecordId,
) -> Result<Found> {
    stage.scene(out, "demo-scene-patrol")?;
    stage.until(0, 8, 45).await?;
    let round = begin(stage, feng, plan, 0).await?;
    walk(stage, feng, round).await?;
    feng.sync().await?;
    let walked = covered(stage, out, round).await?;
    let opened: Vec<RecordId> = walked.findings.iter().filter_map(|found| found.opens).collect();
    let [valve, breach] = <[RecordId; 2]>::try_from(opened)
        .map_err(|_| Error::Broken("both findings open a record"))?;
    let at = |verb: &str| format!("/v1/work-orders/{valve}/{verb}");
    stage.posts(CHEN, &at("dispatch"), json!({})).await?;
    stage.step(CHEN, valve, ("told", Value::Null)).await?;
    stage.posts(CHEN, &at("assign"), json!({ "person": stage.people[QIN] })).await?;
    let values =
        [("title", dripping(stage)), ("person", stage.name(CHEN)), ("worker", stage.name(QIN))];
    stage.tell(out, "demo-found", &values)?;
    stage.holds(out, &stage.review(valve).await?)?;
    dissuade(stage, out, feng, breach).await?;
    Ok(Found { valve, breach })
}

/// Begins a round of the plan, which the server has made under the id that follows from plan, line
/// and day.
pub(super) async fn begin(
    stage: &Stage,
    feng: &mut Worker<'_>,
    plan: RecordId,
    line: usize,
) -> Result<RecordId> {
    let planned = planned_rounds(&stage.review(plan).await?, DAY).into_iter().nth(line);
    let round = planned.ok_or(Error::Broken("the plan has this round today"))?.record;
    feng.sync().await?;
    feng.step(MINUTE_MS, round, ("round_started", Value::Null)).await?;
    Ok(round)
}

fn dripping(stage: &Stage) -> &str {
    stage.pick("水管井阀门漏水", "The riser's valve drips")
}

fn place(stage: &Stage) -> &str {
    stage.pick("2 栋楼道", "Building 2, stairwell")
}

/// Two of three points, and two findings at the second.
async fn walk(stage: &Stage, feng: &mut Worker<'_>, round: RecordId) -> Result<()> {
    let visited = |index: i64| {
        let content = json!({ "checkpoint": format!("stair-{index}"), "method": "qr_code",
            "tag": format!("YQ-{index}") });
        ("checkpoint_visited", content)
    };
    let rest = |index: i64| json!({ "command": "rest_ok", "checkpoint": format!("stair-{index}") });
    feng.step(2 * MINUTE_MS, round, visited(1)).await?;
    feng.perform(MINUTE_MS, round, rest(1)).await?;
    feng.step(2 * MINUTE_MS, round, visited(2)).await?;
    let finding = |kind: &str, text: &str| {
        let content = json!({ "finding": kind, "checkpoint": "stair-2", "place": place(stage),
            "description": text });
        ("finding", content)
    };
    feng.step(MINUTE_MS, round, finding("facility", dripping(stage))).await?;
    let piled = stage.pick("楼道堆放鞋柜和纸箱", "A shoe rack and boxes in the corridor");
    feng.step(MINUTE_MS, round, finding("sanitation", piled)).await?;
    feng.perform(MINUTE_MS, round, rest(2)).await?;
    feng.step(MINUTE_MS, round, ("round_finished", Value::Null)).await?;
    Ok(())
}

/// Coverage as the server has it.
pub(super) async fn covered(stage: &Stage, out: &mut dyn Write, round: RecordId) -> Result<Round> {
    let review = stage.review(round).await?;
    let walked = review.round.clone().ok_or(Error::Broken("a round is reviewed as one"))?;
    let numbers = [walked.visited.to_string(), walked.coverage.len().to_string()];
    let values = [("visited", numbers[0].as_str()), ("checkpoints", numbers[1].as_str())];
    let coverage = stage.text("round-coverage", &values);
    let values = [("person", stage.name(FENG)), ("coverage", coverage.as_str())];
    stage.tell(out, "demo-walked", &values)?;
    for point in walked.coverage.iter().filter(|point| point.missed) {
        let missed = stage.text("round-missed", &[]);
        let values = [("kind", missed.as_str()), ("status", point.checkpoint.name.as_str())];
        writeln!(out, "       = {}", stage.text("demo-stands", &values))?;
    }
    Ok(walked)
}

/// The officer talks to whoever piled it up, who takes no notice: all that an officer may do.
async fn dissuade(
    stage: &Stage,
    out: &mut dyn Write,
    feng: &mut Worker<'_>,
    breach: RecordId,
) -> Result<()> {
    feng.sync().await?;
    let text = stage.pick("请把楼道清空", "Please clear the corridor");
    feng.step(MINUTE_MS, breach, ("dissuaded", json!({ "text": text }))).await?;
    feng.step(MINUTE_MS, breach, ("breach_ignored", Value::Null)).await?;
    feng.sync().await?;
    stage.tell(out, "demo-dissuaded", &[("person", stage.name(FENG)), ("text", text)])?;
    stage.holds(out, &stage.review(breach).await?)
}
