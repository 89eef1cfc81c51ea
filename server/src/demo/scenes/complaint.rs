//! A complaint of two days ago: nobody solved it, the server passes it up by itself, the supervisor
//! solves it, and a follow-up visit asks the customer.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::rules::{Details, Status};
use sync_core::texts::code_text;

use super::super::script::{FANG, SUN, ZHOU};
use super::super::stage::{Stage, ensure};
use super::super::words::clock;
use super::contact;
use crate::{Error, Result};

/// Monday, 10:30: the assistant takes it down, finds out and judges.
pub(in super::super) async fn received(stage: &Stage, out: &mut dyn Write) -> Result<RecordId> {
    let unit = "3-1-402";
    let contact = contact(stage, SUN, 8, unit).await?;
    let bins = stage.pick("单元门口垃圾两天没清", "The bins at the door were not emptied for days");
    let content = json!({ "kind": "complaint", "subject": "cleaning", "unit": unit,
        "contact": contact, "department": "cleaning", "description": bins });
    let complaint = stage.opens(SUN, content).await?;
    let found = stage.pick("清运车坏了，没人顶上", "The cart broke down and nobody stepped in");
    stage.step(SUN, complaint, ("investigated", json!({ "text": found }))).await?;
    let judgement = json!({ "command": "set", "field": "judgement", "value": {
        "validity": "valid", "severity": "minor", "reason": found } });
    stage.writes(SUN, complaint, judgement).await?;
    let values = [("person", stage.name(SUN)), ("unit", unit), ("title", bins)];
    stage.tell(out, "demo-complaint", &values)?;
    Ok(complaint)
}

/// Wednesday, 10:31: two days are over, and nobody has to look for it to go up.
pub(in super::super) async fn climbs(
    stage: &Stage,
    out: &mut dyn Write,
    complaint: RecordId,
) -> Result<()> {
    stage.scene(out, "demo-scene-ladder")?;
    stage.until(0, 10, 31).await?;
    let review = stage.review(complaint).await?;
    let Some(Details::Complaint(details)) = &review.details else {
        return Err(Error::Broken("a complaint is reviewed as one"));
    };
    let escalated = details.escalations.first();
    let escalated = escalated.ok_or(Error::Broken("the server has passed it up"))?;
    let to = serde_json::to_value(escalated.content.to).unwrap_or_default();
    let to = code_text(stage.language, "ladder-step", to.as_str().unwrap_or_default(), &[]);
    let written = review.timeline.iter().find(|entry| entry.key == escalated.key);
    ensure(written.is_some_and(|entry| entry.by.is_none()), "the server wrote it, by a rule")?;
    let due = clock(escalated.content.due_ms);
    stage.tell(out, "demo-escalated", &[("step", &to), ("due", &due)])?;
    stage.holds(out, &review)?;
    let plan = stage.pick("今天清完并加一班清运", "Empty them today, and add a round");
    let told = stage.step(ZHOU, complaint, ("plan_told", json!({ "text": plan }))).await?;
    stage.step(ZHOU, complaint, ("plan_accepted", json!({ "plan": told }))).await?;
    let values = [("person", stage.name(ZHOU)), ("plan", plan)];
    stage.tell(out, "demo-plan-accepted", &values)?;
    let done = stage.pick("已清运，加班次已排", "Emptied; the round is on the plan");
    let carried = json!({ "plan": told, "text": done });
    stage.step(FANG, complaint, ("plan_carried_out", carried)).await?;
    stage.tell(out, "demo-carried-out", &[("person", stage.name(FANG)), ("text", done)])
}

/// 16:30, the customer is told and satisfied; it is closed, and the visit afterwards is made.
pub(in super::super) async fn solved(
    stage: &Stage,
    out: &mut dyn Write,
    complaint: RecordId,
) -> Result<()> {
    stage.scene(out, "demo-scene-solved")?;
    stage.until(0, 16, 30).await?;
    let text = stage.pick("已清运并加了班次", "Emptied, and a round added");
    stage.step(ZHOU, complaint, ("progress_told", json!({ "text": text }))).await?;
    stage.step(ZHOU, complaint, ("satisfied", Value::Null)).await?;
    stage.step(ZHOU, complaint, ("complaint_closed", json!({ "text": text }))).await?;
    let review = stage.review(complaint).await?;
    ensure(review.status == Status::Closed && review.open_cases().count() == 0, "by the book")?;
    stage.tell(out, "demo-complaint-closed", &[("person", stage.name(ZHOU)), ("text", text)])?;
    stage.holds(out, &review)?;
    let whole = stage.reads(SUN, &format!("/v1/records/{complaint}")).await?;
    let mut named_by = whole["named_by"].as_array().into_iter().flatten();
    let follow_up = named_by.rfind(|link| link["kind"] == "follow_up");
    let follow_up = follow_up.and_then(|link| link["record"].as_str()?.parse().ok());
    let follow_up = follow_up.ok_or(Error::Broken("closing opens a follow-up"))?;
    let said = stage.pick("这两天干净多了", "Much cleaner now");
    let reached = json!({ "satisfied": true, "text": said });
    stage.step(SUN, follow_up, ("reached", reached)).await?;
    stage.step(SUN, follow_up, ("follow_up_closed", json!({ "text": said }))).await?;
    stage.tell(out, "demo-visited", &[("person", stage.name(SUN)), ("text", said)])?;
    stage.holds(out, &stage.review(follow_up).await?)
}
