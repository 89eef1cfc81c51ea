//! A customer calls: the reception, the order that follows from it, and its dispatch.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::RecordId;
use sync_core::rules::Status;

use super::super::script::{CHEN, WANG, ZHAO};
use super::super::stage::{Stage, ensure};
use super::super::words::yuan;
use super::contact;
use crate::Result;

/// What the call and the desk's other order came to.
pub(in super::super) struct Orders {
    pub(in super::super) reception: RecordId,
    pub(in super::super) leak: RecordId,
    pub(in super::super) lamp: RecordId,
}

/// 08:30, a pipe leaks.
pub(in super::super) async fn play(stage: &Stage, out: &mut dyn Write) -> Result<Orders> {
    stage.scene(out, "demo-scene-call")?;
    stage.until(0, 8, 30).await?;
    let unit = "2-1-302";
    let contact = contact(stage, CHEN, 17, unit).await?;
    let leaks = stage.pick("厨房水管漏水", "Kitchen pipe leaking");
    let reception = json!({ "kind": "reception", "channel": "phone", "matter": "repair",
        "contact": contact, "unit": unit, "description": leaks });
    let reception = stage.opens(CHEN, reception).await?;
    stage.step(CHEN, reception, ("read_back", Value::Null)).await?;
    stage.step(CHEN, reception, ("price_told", json!({ "price": "on_site" }))).await?;
    let pass = json!({ "department": "engineering", "text": leaks });
    let passing = stage.step(CHEN, reception, ("passed_on", pass)).await?;
    let values = [("person", stage.name(CHEN)), ("unit", unit), ("title", leaks)];
    stage.tell(out, "demo-call", &values)?;
    let order = json!({ "category": "household", "unit": unit, "contact": contact,
        "description": leaks, "priority": "urgent", "reception": reception });
    let leak = dispatch(stage, order).await?;
    let values = [("person", stage.name(CHEN)), ("title", leaks), ("unit", unit)];
    stage.tell(out, "demo-order", &values)?;
    stage.step(ZHAO, reception, ("took_over", json!({ "passing": passing }))).await?;
    stage.holds(out, &stage.review(leak).await?)?;
    let dark = stage.pick("单元门禁灯不亮", "The lamp at the door is out");
    let place = stage.pick("3 栋大门", "Building 3, door");
    let order = json!({ "category": "public", "place": place, "description": dark,
        "priority": "appointed" });
    let lamp = dispatch(stage, order).await?;
    let values = [("person", stage.name(CHEN)), ("title", dark), ("unit", place)];
    stage.tell(out, "demo-order", &values)?;
    Ok(Orders { reception, leak, lamp })
}

/// Opens an order, sends it out and gives it to Wang.
async fn dispatch(stage: &Stage, order: Value) -> Result<RecordId> {
    let order = stage.opens_at(CHEN, "/v1/work-orders", order).await?;
    let at = |verb: &str| format!("/v1/work-orders/{order}/{verb}");
    stage.posts(CHEN, &at("dispatch"), json!({})).await?;
    stage.step(CHEN, order, ("told", Value::Null)).await?;
    stage.posts(CHEN, &at("assign"), json!({ "person": stage.people[WANG] })).await?;
    Ok(order)
}

/// In the evening the desk takes the finished orders back and closes what is settled.
pub(in super::super) async fn close(
    stage: &Stage,
    out: &mut dyn Write,
    orders: &Orders,
) -> Result<()> {
    let mut handed_fen = 0;
    for charge in stage.review(orders.leak).await?.money.charges {
        let handed = json!({ "charge": charge.key, "amount_fen": charge.amount_fen });
        stage.step(CHEN, orders.leak, ("handed_in", handed)).await?;
        handed_fen += charge.amount_fen;
    }
    for fact in ["returned", "closed"] {
        stage.step(CHEN, orders.leak, (fact, Value::Null)).await?;
    }
    let text = stage.pick("已修好", "Repaired");
    stage.step(CHEN, orders.reception, ("reception_closed", json!({ "text": text }))).await?;
    let (order, call) = (stage.review(orders.leak).await?, stage.review(orders.reception).await?);
    let amount = yuan(handed_fen);
    let values = [("person", stage.name(CHEN)), ("amount", amount.as_str())];
    stage.tell(out, "demo-day-closed", &values)?;
    stage.holds(out, &order)?;
    stage.holds(out, &call)?;
    ensure(order.status == Status::Closed && call.status == Status::Closed, "both are closed")
}
