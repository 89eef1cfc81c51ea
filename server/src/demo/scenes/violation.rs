//! The corridor that the patrol found blocked: registered, assessed, decided by the supervisor,
//! countersigned by the project manager, carried out, put right and closed.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::rules::violation::Violation;
use sync_core::rules::{Details, Status};
use sync_core::texts::code_text;

use super::super::script::{DAY, SUN, WU, ZHOU};
use super::super::stage::{Stage, ensure};
use crate::{Error, Result};

/// 13:00, from the book to the closing.
pub(in super::super) async fn play(
    stage: &Stage,
    out: &mut dyn Write,
    breach: RecordId,
) -> Result<()> {
    stage.scene(out, "demo-scene-violation")?;
    stage.until(0, 13, 0).await?;
    let decision = decide(stage, out, breach).await?;
    let of = |text: &str| json!({ "decision": decision, "text": text });
    let letter = stage.pick("通知书已送达", "The notice is at the door");
    let early = json!({ "command": "record",
        "fact": { "t": "decision_executed", "p": of(letter) } });
    let denied = stage.denied(SUN, breach, early).await?;
    ensure(denied.get("needs").is_some_and(|needs| needs == "signature"), "signed first")?;
    stage.tell(out, "demo-not-signed", &[("person", stage.name(SUN))])?;
    stage.step(WU, breach, ("violation_signed", json!({ "decision": decision }))).await?;
    stage.tell(out, "demo-countersigned", &[("person", stage.name(WU))])?;
    stage.holds(out, &stage.review(breach).await?)?;
    stage.step(SUN, breach, ("decision_executed", of(letter))).await?;
    stage.until(0, 13, 40).await?;
    let clear = stage.pick("楼道已清空", "The corridor is clear");
    stage.step(SUN, breach, ("rectified", of(clear))).await?;
    stage.step(ZHOU, breach, ("violation_closed", json!({ "text": clear }))).await?;
    let review = stage.review(breach).await?;
    ensure(review.status == Status::Closed && review.open_cases().count() == 0, "closed")?;
    stage.tell(out, "demo-rectified", &[("person", stage.name(SUN)), ("text", clear)])?;
    stage.holds(out, &review)
}

async fn decide(stage: &Stage, out: &mut dyn Write, breach: RecordId) -> Result<FactKey> {
    stage.step(SUN, breach, ("registered", Value::Null)).await?;
    let why = stage.pick("无损失，不影响疏散", "No loss, the way out stays free");
    let assessment = json!({ "command": "set", "field": "assessment", "value": {
        "loss": false, "threat": false, "reason": why } });
    stage.writes(SUN, breach, assessment).await?;
    let severity = of(stage, breach).await?.severity;
    let severity = serde_json::to_value(severity).unwrap_or_default();
    let severity = severity.as_str().unwrap_or_default();
    let severity = code_text(stage.language, "severity", severity, &[]);
    let values = [("person", stage.name(SUN)), ("severity", severity.as_str()), ("why", why)];
    stage.tell(out, "demo-registered", &values)?;
    let reason = stage.pick("劝阻无效", "Talking to them did not help");
    let decided = json!({ "measure": "rectify_by", "date": DAY, "reason": reason });
    let decision = stage.step(ZHOU, breach, ("violation_decided", decided)).await?;
    let by = of(stage, breach).await?.decisions.first().and_then(|decision| decision.by);
    let by = by.and_then(|by| stage.names.get(&by)).map_or("", String::as_str);
    let measure = code_text(stage.language, "measure", "rectify_by", &[]);
    let values = [("person", by), ("measure", measure.as_str()), ("date", DAY)];
    stage.tell(out, "demo-decided", &values)?;
    Ok(decision)
}

async fn of(stage: &Stage, breach: RecordId) -> Result<Violation> {
    match stage.review(breach).await?.details {
        Some(Details::Violation(violation)) => Ok(violation),
        _ => Err(Error::Broken("a violation is reviewed as one")),
    }
}
