//! The round through vacant homes: their own checklist, and a finding settled on the spot.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::RecordId;

use super::super::script::{FENG, MINUTE_MS};
use super::super::stage::{Stage, ensure};
use super::super::worker::Worker;
use super::patrol::{begin, covered};
use crate::Result;

/// 15:30, two homes.
pub(in super::super) async fn play(
    stage: &Stage,
    out: &mut dyn Write,
    feng: &mut Worker<'_>,
    plan: RecordId,
) -> Result<()> {
    stage.scene(out, "demo-scene-vacant")?;
    stage.until(0, 15, 30).await?;
    let round = begin(stage, feng, plan, 1).await?;
    let open = stage.pick("厨房窗没关，已关好", "The kitchen window was open; closed");
    for unit in ["1-1-204", "3-1-501"] {
        let checkpoint = format!("vacant-{unit}");
        let visited = json!({ "checkpoint": checkpoint, "method": "qr_code",
            "tag": format!("YQ-{unit}") });
        feng.step(5 * MINUTE_MS, round, ("checkpoint_visited", visited)).await?;
        if unit == "3-1-501" {
            let flag = json!({ "checkpoint": checkpoint, "item": "windows", "result": "not_ok" });
            feng.step(MINUTE_MS, round, ("checked", flag)).await?;
            let finding = json!({ "finding": "other", "checkpoint": checkpoint, "item": "windows",
                "place": unit, "description": open, "settled": true });
            feng.step(MINUTE_MS, round, ("finding", finding)).await?;
        }
        let rest = json!({ "command": "rest_ok", "checkpoint": checkpoint });
        feng.perform(MINUTE_MS, round, rest).await?;
    }
    feng.step(MINUTE_MS, round, ("round_finished", Value::Null)).await?;
    feng.sync().await?;
    let walked = covered(stage, out, round).await?;
    ensure(walked.findings.iter().all(|found| found.settled && found.opens.is_none()), "settled")?;
    stage.tell(out, "demo-settled", &[("person", stage.name(FENG)), ("text", open)])?;
    stage.holds(out, &stage.review(round).await?)
}
