//! A home without signal: the visit from the receipt to the signature, a phone that dies in the
//! middle of a write, a patched phone, the desk that knows nothing of it, and the conflict that it
//! then decides.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, RecordId};

use super::super::phone_process::Request;
use super::super::script::{CHEN, LI, MINUTE_MS, WANG};
use super::super::stage::{Stage, ensure, step};
use super::super::worker::{Worker, request};
use super::call::Orders;
use super::{Crew, photo, signature};
use crate::{Error, Result};

const SECOND_MS: i64 = 1_000;

/// 09:00, Wang in the home.
pub(in super::super) async fn play(
    stage: &Stage,
    out: &mut dyn Write,
    crew: &mut Crew<'_>,
    orders: &Orders,
) -> Result<()> {
    stage.scene(out, "demo-scene-visit")?;
    stage.until(0, 9, 0).await?;
    let report = crew.wang.sync().await?;
    crew.li.sync().await?;
    let count = report["received"].to_string();
    stage.tell(out, "demo-downloaded", &[("person", stage.name(WANG)), ("count", &count)])?;
    let leak = orders.leak;
    let wang = &mut crew.wang;
    stage.tell(out, "demo-signal-lost", &[("person", stage.name(WANG))])?;
    let visit = enter(wang, leak).await?;
    work(stage, out, wang, leak, visit).await?;
    leave(stage, wang, leak, visit).await?;
    meanwhile(stage, out, leak).await?;
    sign(stage, out, wang, leak, visit).await?;
    for command in [
        step("received", Value::Null),
        appointment(15),
        json!({ "command": "note", "text": stage.pick("梯子已借好", "Ladder borrowed") }),
    ] {
        wang.perform(MINUTE_MS, orders.lamp, command).await?;
    }
    let report = wang.sync().await?;
    let numbers =
        [&report["pushed"], &report["received"], &report["refused"]].map(Value::to_string);
    let values = [
        ("pushed", numbers[0].as_str()),
        ("received", numbers[1].as_str()),
        ("refused", numbers[2].as_str()),
    ];
    stage.tell(out, "demo-synced", &values)?;
    stage.holds(out, &stage.review(leak).await?)
}

/// The desk reads both sides and decides; Li goes on with what holds.
pub(in super::super) async fn decide(
    stage: &Stage,
    out: &mut dyn Write,
    crew: &mut Crew<'_>,
    orders: &Orders,
) -> Result<()> {
    stage.scene(out, "demo-scene-conflict")?;
    let leak = orders.leak;
    let review = stage.review(leak).await?;
    let field = review.fields.get("appointment").ok_or(Error::Broken("it was appointed"))?;
    ensure(field.conflict.len() == 2, "both sides are shown")?;
    for side in &field.conflict {
        let person = side.by.and_then(|by| stage.names.get(&by));
        let value = side.value.as_str().unwrap_or_default();
        let values = [("person", person.map_or("", String::as_str)), ("value", value)];
        stage.tell(out, "demo-side", &values)?;
    }
    let reason = stage.pick("客户要下午", "The customer asks for the afternoon");
    let word = json!({ "field": "appointment", "value": at(14), "reason": reason });
    stage.posts(CHEN, &format!("/v1/work-orders/{leak}/resolve"), word).await?;
    let review = stage.review(leak).await?;
    let holds = review.text("appointment").unwrap_or_default().to_owned();
    let settled = !review.open_cases().any(|case| case.kind == "field_conflict");
    ensure(settled && holds == at(14), "the desk's word holds")?;
    let values = [("person", stage.name(CHEN)), ("value", holds.as_str()), ("reason", reason)];
    stage.tell(out, "demo-resolved", &values)?;
    crew.li.sync().await?;
    for (chinese, english) in
        [("已接手", "Taking over"), ("明天带密封圈", "Bringing the seal tomorrow")]
    {
        let note = json!({ "command": "note", "text": stage.pick(chinese, english) });
        crew.li.perform(MINUTE_MS, leak, note).await?;
    }
    crew.li.sync().await?;
    stage.holds(out, &stage.review(leak).await?)
}

fn at(hour: u32) -> String {
    format!("2026-11-26T{hour:02}:00:00+08:00")
}

fn appointment(hour: u32) -> Value {
    json!({ "command": "set", "field": "appointment", "value": at(hour) })
}

/// From the receipt to the customer's yes to the price.
async fn enter(wang: &mut Worker<'_>, leak: RecordId) -> Result<FactKey> {
    wang.step(MINUTE_MS, leak, ("received", Value::Null)).await?;
    let visit = wang.step(2 * MINUTE_MS, leak, ("set_out", json!({ "grade": 2 }))).await?;
    let of = || json!({ "visit": visit });
    let prepared = json!({ "visit": visit, "appearance": true, "tools": true, "materials": true,
        "instructions_acknowledged": true, "trained": true });
    wang.step(MINUTE_MS, leak, ("prepare", prepared)).await?;
    wang.step(5 * MINUTE_MS, leak, ("ring", of())).await?;
    wang.step(5_100, leak, ("ring", of())).await?;
    wang.step(20 * SECOND_MS, leak, ("introduce", of())).await?;
    wang.step(30 * SECOND_MS, leak, ("enter", of())).await?;
    Ok(visit)
}

/// The price, the work, and a process killed in the middle of a write.
async fn work(
    stage: &Stage,
    out: &mut dyn Write,
    wang: &mut Worker<'_>,
    leak: RecordId,
    visit: FactKey,
) -> Result<()> {
    let of = || json!({ "visit": visit });
    let valve = stage.pick("更换角阀", "Replace the valve");
    let quote = json!({ "visit": visit, "amount_fen": 12_000, "items": [
        { "name": valve, "amount_fen": 12_000 }] });
    let quote = wang.step(4 * MINUTE_MS, leak, ("quoted", quote)).await?;
    wang.step(MINUTE_MS, leak, ("quote_accepted", json!({ "quote": quote }))).await?;
    wang.step(30 * SECOND_MS, leak, ("start_work", of())).await?;
    // Late: the deviation is shown, nothing is blocked.
    wang.step(10 * SECOND_MS, leak, ("shoe_covers", of())).await?;
    wang.step(MINUTE_MS, leak, photo(visit, "before", 'a')).await?;
    let line = |name: &str, quantity_milli: i64, unit: &str, unit_price_fen: i64| {
        let content = json!({ "visit": visit, "name": name, "quantity_milli": quantity_milli,
            "unit": unit, "unit_price_fen": unit_price_fen });
        step("material", content)
    };
    let valve = line(stage.pick("角阀", "Valve"), 1_000, stage.pick("个", "pc"), 8_800);
    wang.perform(15 * MINUTE_MS, leak, valve).await?;
    let tape = line(stage.pick("生料带", "Thread tape"), 1_500, stage.pick("卷", "roll"), 200);
    die_and_write_again(stage, out, wang, leak, tape).await?;
    let reason = stage.pick("等客户关总阀", "Waiting for the main valve");
    let paused = json!({ "visit": visit, "reason": reason });
    wang.step(MINUTE_MS, leak, ("paused", paused)).await?;
    wang.step(4 * MINUTE_MS, leak, ("resumed", of())).await?;
    wang.step(10 * MINUTE_MS, leak, ("finish_work", of())).await?;
    Ok(())
}

/// From the photo afterwards to the charge, and another appointment.
async fn leave(stage: &Stage, wang: &mut Worker<'_>, leak: RecordId, visit: FactKey) -> Result<()> {
    wang.step(MINUTE_MS, leak, photo(visit, "after", 'b')).await?;
    let advice = stage.pick("角阀每年检查一次", "Check the valve once a year");
    wang.step(MINUTE_MS, leak, ("advice", json!({ "visit": visit, "text": advice }))).await?;
    let tidy = json!({ "visit": visit, "equipment_wiped": true, "floor_clean": true,
        "tools_counted": true });
    wang.step(3 * MINUTE_MS, leak, ("tidy", tidy)).await?;
    let explain = json!({ "visit": visit, "cause": true, "care": true, "correct_use": true });
    wang.step(2 * MINUTE_MS, leak, ("explain", explain)).await?;
    let charge = json!({ "visit": visit, "amount_fen": 12_000, "method": "qr_code" });
    wang.step(MINUTE_MS, leak, ("charged", charge)).await?;
    wang.perform(MINUTE_MS, leak, appointment(10)).await?;
    Ok(())
}

/// The process is killed inside the transaction of a command, and opened again.
async fn die_and_write_again(
    stage: &Stage,
    out: &mut dyn Write,
    wang: &mut Worker<'_>,
    leak: RecordId,
    command: Value,
) -> Result<()> {
    let before = wang.count().await?;
    stage.advance_ms(30 * SECOND_MS);
    wang.phone.ask(&Request::DieInside { statements: 2 }).await?;
    let number = (before + 1).to_string();
    stage.tell(out, "demo-died", &[("number", &number)])?;
    if wang.phone.try_ask(&request(Some(leak), command.clone())?).await?.is_some() {
        return Err(Error::Broken("the phone's process was to die in the middle of a write"));
    }
    wang.phone.start_again(stage.now_ms()).await?;
    let after = wang.count().await?;
    let saved = after.to_string();
    stage.tell(out, "demo-reopened", &[("saved", &saved)])?;
    ensure(after == before, "a command that returned is there after the kill")?;
    wang.perform(30 * SECOND_MS, leak, command).await?;
    Ok(())
}

/// The desk, which knows nothing of all this.
async fn meanwhile(stage: &Stage, out: &mut dyn Write, leak: RecordId) -> Result<()> {
    let values = [("hour", "14:00"), ("person", stage.name(LI))];
    stage.tell(out, "demo-meanwhile", &values)?;
    let set = json!({ "field": "appointment", "value": at(14) });
    stage.posts(CHEN, &format!("/v1/work-orders/{leak}/set"), set).await?;
    let assign = json!({ "person": stage.people[LI] });
    stage.posts(CHEN, &format!("/v1/work-orders/{leak}/assign"), assign).await?;
    Ok(())
}

/// The patched phone's command, then the customer's signature and the farewell.
async fn sign(
    stage: &Stage,
    out: &mut dyn Write,
    wang: &mut Worker<'_>,
    leak: RecordId,
    visit: FactKey,
) -> Result<()> {
    stage.tell(out, "demo-patched", &[])?;
    let payload = json!({ "t": "price_approved", "p": { "item": "valve", "amount_fen": 1 } });
    wang.write_unjudged(leak, payload).await?;
    stage.tell(out, "demo-statement", &[])?;
    let language = stage.language;
    let statement = Request::Statement { record: leak, visit, language };
    let statement = wang.phone.ask(&statement).await?;
    for line in statement.as_str().unwrap_or_default().lines() {
        writeln!(out, "  │ {line}")?;
    }
    wang.perform(MINUTE_MS, leak, signature(stage, visit, [5, 5, 4])).await?;
    wang.step(MINUTE_MS, leak, ("farewell", json!({ "visit": visit }))).await?;
    Ok(())
}
