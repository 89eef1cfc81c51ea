//! The riser's valve is repaired: a notice of the water cut, three callers attached to it and all
//! called back at its end, work entered for a technician without a phone, and a follow-up.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::rules::{Deadline, DeadlineState, Details, Outage, Status};

use super::super::script::{CHEN, QIN, ZHAO, moment_ms};
use super::super::stage::{Stage, ensure};
use super::contact;
use crate::{Error, Result};

/// 10:40, the water of building 2 is cut.
pub(in super::super) async fn play(
    stage: &Stage,
    out: &mut dyn Write,
    valve: RecordId,
) -> Result<()> {
    stage.scene(out, "demo-scene-outage")?;
    stage.until(0, 10, 40).await?;
    let notice = announce(stage, out, valve).await?;
    let mut callers = Vec::new();
    for (index, unit) in [(3, "2-1-102"), (4, "2-1-304"), (5, "2-1-501")] {
        callers.push(call(stage, index, unit, notice).await?);
    }
    let count = callers.len().to_string();
    stage.tell(out, "demo-attached", &[("person", stage.name(CHEN)), ("count", &count)])?;
    stage.until(0, 11, 50).await?;
    repaired(stage, out, valve).await?;
    let over = stage.pick("水已恢复，先放一会儿水", "Water is back; let it run first");
    stage.step(ZHAO, notice, ("notice_ended", json!({ "text": over }))).await?;
    stage.tell(out, "demo-notice-ended", &[("person", stage.name(ZHAO)), ("text", over)])?;
    stage.holds(out, &stage.review(notice).await?)?;
    call_back(stage, out, &callers).await?;
    follow_up(stage, out, valve).await
}

async fn announce(stage: &Stage, out: &mut dyn Write, valve: RecordId) -> Result<RecordId> {
    let work = stage.pick("更换 2 栋水管井阀门", "Replace the valve of building 2's riser");
    let effects = stage.pick("2 栋停水约一小时", "No water in building 2 for about an hour");
    let notice = json!({ "kind": "repair_notice", "notice": "emergency", "installation": "water",
        "description": work, "effects": effects, "buildings": ["2"], "order": valve });
    let notice = stage.opens(ZHAO, notice).await?;
    let where_to = stage.pick("单元门口和业主群", "At the doors and in the owners' group");
    stage.step(ZHAO, notice, ("notice_published", json!({ "text": where_to }))).await?;
    let values = [("person", stage.name(ZHAO)), ("effects", effects)];
    stage.tell(out, "demo-notice", &values)?;
    stage.holds(out, &stage.review(notice).await?)?;
    Ok(notice)
}

/// One of many callers: answered, attached, closed.
async fn call(stage: &Stage, index: usize, unit: &str, notice: RecordId) -> Result<RecordId> {
    let contact = contact(stage, CHEN, index, unit).await?;
    let dry = stage.pick("家里没水了", "There is no water");
    let reception = json!({ "kind": "reception", "channel": "phone", "matter": "inquiry",
        "contact": contact, "by_caller_id": true, "unit": unit, "description": dry });
    let reception = stage.opens(CHEN, reception).await?;
    let answer = stage.pick("正在抢修，修好回电", "Under repair; we call back");
    stage.step(CHEN, reception, ("reception_answered", json!({ "text": answer }))).await?;
    stage.step(CHEN, reception, ("attached_to", json!({ "record": notice }))).await?;
    stage.step(CHEN, reception, ("reception_closed", json!({ "text": answer }))).await?;
    Ok(reception)
}

/// Qin has no phone: the desk enters what the paper says, when it was and for whom.
async fn repaired(stage: &Stage, out: &mut dyn Write, valve: RecordId) -> Result<()> {
    let qin = stage.people[QIN];
    // Minutes after ten.
    let entered = |fact_type: &str, content: Value, minute: i64| {
        json!({ "command": "record", "fact": { "t": fact_type, "p": content },
            "said_at_ms": moment_ms(0, 10, minute), "on_behalf_of": qin })
    };
    stage.writes(CHEN, valve, entered("received", json!({}), 42)).await?;
    let visit = stage.writes(CHEN, valve, entered("set_out", json!({ "grade": 2 }), 44)).await?;
    let of = || json!({ "visit": visit });
    let prepared = json!({ "visit": visit, "appearance": true, "tools": true, "materials": true,
        "instructions_acknowledged": true, "trained": true });
    stage.writes(CHEN, valve, entered("prepare", prepared, 45)).await?;
    stage.writes(CHEN, valve, entered("start_work", of(), 48)).await?;
    stage.writes(CHEN, valve, entered("finish_work", of(), 105)).await?;
    let scan = json!({ "visit": visit, "sha256": "c".repeat(64), "size_bytes": 310_000,
        "media_type": "image/jpeg", "moment": "scan" });
    stage.writes(CHEN, valve, entered("photo", scan, 105)).await?;
    stage.step(CHEN, valve, ("returned", Value::Null)).await?;
    let review = stage.review(valve).await?;
    let afterwards: Vec<_> =
        review.timeline.iter().filter(|entry| entry.on_behalf_of == Some(qin)).collect();
    ensure(afterwards.len() == 6 && afterwards.iter().all(|e| e.said_at_ms.is_some()), "marked")?;
    let count = afterwards.len().to_string();
    let values = [("person", stage.name(CHEN)), ("worker", stage.name(QIN)), ("count", &count)];
    stage.tell(out, "demo-on-behalf", &values)?;
    stage.holds(out, &review)
}

/// The server has told each caller's record that it is over; each is called.
async fn call_back(stage: &Stage, out: &mut dyn Write, callers: &[RecordId]) -> Result<()> {
    let mut told = 0_usize;
    let mut back = 0_usize;
    for caller in callers {
        let outage = outage(stage, *caller).await?;
        told += usize::from(outage.over_at_ms.is_some());
        let text = stage.pick("已告知水已恢复", "Told that water is back");
        let word = json!({ "attachment": outage.key, "text": text });
        stage.step(CHEN, *caller, ("outage_called_back", word)).await?;
        let review = stage.review(*caller).await?;
        let met = |deadline: &&Deadline| {
            deadline.name == "outage_call_back" && deadline.state == DeadlineState::Met
        };
        back += review.deadlines.iter().filter(met).count();
    }
    ensure(told == callers.len() && back == told, "all callers are called back")?;
    let (told, back) = (told.to_string(), back.to_string());
    let values = [("person", stage.name(CHEN)), ("told", told.as_str()), ("back", back.as_str())];
    stage.tell(out, "demo-called-back", &values)
}

async fn outage(stage: &Stage, caller: RecordId) -> Result<Outage> {
    let Some(Details::Reception(reception)) = stage.review(caller).await?.details else {
        return Err(Error::Broken("a reception is reviewed as one"));
    };
    reception.outages.into_iter().next().ok_or(Error::Broken("the caller is attached"))
}

async fn follow_up(stage: &Stage, out: &mut dyn Write, valve: RecordId) -> Result<()> {
    stage.step(CHEN, valve, ("closed", Value::Null)).await?;
    let content = json!({ "kind": "follow_up", "of": valve, "follow_up": "outage",
        "unit": "2-1-501" });
    let follow_up = stage.opens(CHEN, content).await?;
    let text = stage.pick("水压正常，满意", "The pressure is fine, satisfied");
    let reached = json!({ "satisfied": true, "text": text });
    stage.step(CHEN, follow_up, ("reached", reached)).await?;
    stage.step(CHEN, follow_up, ("follow_up_closed", json!({ "text": text }))).await?;
    let review = stage.review(follow_up).await?;
    ensure(review.status == Status::Closed, "the follow-up is closed")?;
    let values = [("person", stage.name(CHEN)), ("text", text)];
    stage.tell(out, "demo-follow-up", &values)?;
    stage.holds(out, &review)
}
