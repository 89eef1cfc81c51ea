//! A paid service: its price is proposed and approved, the customer is told it, agrees, accepts the
//! work and pays in cash; the money goes to the desk, the invoice to the customer.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::rules::{Details, Status};

use super::super::script::{CHEN, DAY, FANG, LIANG, MINUTE_MS, ZHENG, ZHOU};
use super::super::stage::{Stage, ensure};
use super::super::words::yuan;
use super::super::worker::Worker;
use super::{contact, photo, signature};
use crate::{Error, Result};

/// An hour of cleaning, fen.
const HOUR_FEN: i64 = 4_000;
/// Two hours of it.
const TWO_HOURS_FEN: i64 = 8_000;

/// 14:00, from the price to the check.
pub(in super::super) async fn play(
    stage: &Stage,
    out: &mut dyn Write,
    zheng: &mut Worker<'_>,
) -> Result<()> {
    stage.scene(out, "demo-scene-paid")?;
    stage.until(0, 14, 0).await?;
    let item = price(stage, out).await?;
    let order = order(stage, out, item).await?;
    let (visit, charge) = visit(stage, zheng, order, item).await?;
    let values = [("person", stage.name(ZHENG))];
    stage.tell(out, "demo-cleaned", &values)?;
    let handed = json!({ "charge": charge, "amount_fen": TWO_HOURS_FEN });
    zheng.step(10 * MINUTE_MS, order, ("handed_in", handed)).await?;
    zheng.sync().await?;
    let invoice = json!({ "charge": charge, "number": "20261125-01",
        "amount_fen": TWO_HOURS_FEN });
    let invoice = stage.step(CHEN, order, ("invoiced", invoice)).await?;
    stage.step(CHEN, order, ("invoice_delivered", json!({ "invoice": invoice }))).await?;
    let money = stage.review(order).await?.money;
    let account = money.account();
    let delivered = money.invoices.iter().all(|invoice| invoice.delivered);
    ensure(account.out_fen == 0 && delivered && !money.invoices.is_empty(), "all is handed in")?;
    let amounts = [account.charged_fen, account.handed_in_fen, account.invoiced_fen].map(yuan);
    let values = [
        ("person", stage.name(CHEN)),
        ("charged", amounts[0].as_str()),
        ("handed", amounts[1].as_str()),
        ("invoiced", amounts[2].as_str()),
    ];
    stage.tell(out, "demo-money", &values)?;
    let checked = json!({ "visit": visit, "quality": 5, "satisfaction": 5,
        "text": stage.pick("抽查合格", "Looked at, good") });
    stage.step(ZHOU, order, ("quality_checked", checked)).await?;
    stage.tell(out, "demo-quality", &[("person", stage.name(ZHOU))])?;
    for fact in ["returned", "closed"] {
        stage.step(CHEN, order, (fact, Value::Null)).await?;
    }
    let review = stage.review(order).await?;
    ensure(review.open_cases().count() == 0, "a paid service by the book has no case")?;
    stage.holds(out, &review)
}

/// The cleaning manager proposes, the general manager approves.
async fn price(stage: &Stage, out: &mut dyn Write) -> Result<RecordId> {
    let name = stage.pick("日常保洁", "Cleaning");
    let hour = stage.pick("小时", "hour");
    let item = json!({ "kind": "price_item", "name": name, "service": "household",
        "measure": hour });
    let item = stage.opens(FANG, item).await?;
    let priced = json!({ "amount_fen": HOUR_FEN, "from_date": DAY });
    let price = stage.step(FANG, item, ("priced", priced)).await?;
    stage.step(LIANG, item, ("price_approved", json!({ "price": price }))).await?;
    let review = stage.review(item).await?;
    let Some(Details::PriceItem(details)) = &review.details else {
        return Err(Error::Broken("a price item is reviewed as one"));
    };
    let holds = details.in_force(stage.now_ms());
    let holds = holds.ok_or(Error::Broken("an approved price of today is in force"))?;
    let amount = yuan(holds.amount_fen);
    let values = [
        ("person", stage.name(FANG)),
        ("item", name),
        ("amount", amount.as_str()),
        ("measure", hour),
        ("manager", stage.name(LIANG)),
    ];
    stage.tell(out, "demo-priced", &values)?;
    stage.holds(out, &review)?;
    Ok(item)
}

/// The customer calls; the order tells the price of the catalogue.
async fn order(stage: &Stage, out: &mut dyn Write, item: RecordId) -> Result<RecordId> {
    let unit = "1-1-503";
    let contact = contact(stage, CHEN, 21, unit).await?;
    let wanted = stage.pick("日常保洁两小时", "Two hours of cleaning");
    let reception = json!({ "kind": "reception", "channel": "phone", "matter": "paid_service",
        "contact": contact, "unit": unit, "description": wanted });
    let reception = stage.opens(CHEN, reception).await?;
    let told = json!({ "price": "amount", "amount_fen": TWO_HOURS_FEN });
    stage.step(CHEN, reception, ("price_told", told)).await?;
    let line = json!({ "item": item, "name": stage.pick("日常保洁", "Cleaning"),
        "measure": stage.pick("小时", "hour"), "quantity_milli": 2_000,
        "unit_price_fen": HOUR_FEN });
    let content = json!({ "kind": "paid_service", "reception": reception, "unit": unit,
        "contact": contact, "description": wanted, "department": "cleaning",
        "requirements": stage.pick("有小孩，用无味清洁剂", "A child: no smelling agents"),
        "appointment": "2026-11-25T14:20:00+08:00", "lines": [line] });
    let order = stage.opens(CHEN, content).await?;
    stage.step(CHEN, order, ("notified", Value::Null)).await?;
    let assign = json!({ "command": "assign", "person": stage.people[ZHENG] });
    stage.writes(CHEN, order, assign).await?;
    let closed = json!({ "text": stage.pick("已派给保洁部", "Given to cleaning") });
    stage.step(CHEN, reception, ("reception_closed", closed)).await?;
    let Some(Details::PaidService(details)) = stage.review(order).await?.details else {
        return Err(Error::Broken("a paid service is reviewed as one"));
    };
    let told = yuan(details.told_fen);
    let values = [
        ("person", stage.name(CHEN)),
        ("title", wanted),
        ("unit", unit),
        ("told", told.as_str()),
        ("worker", stage.name(ZHENG)),
    ];
    stage.tell(out, "demo-paid", &values)?;
    Ok(order)
}

/// The visit on Zheng's phone; answers it and its charge.
async fn visit(
    stage: &Stage,
    zheng: &mut Worker<'_>,
    order: RecordId,
    item: RecordId,
) -> Result<(FactKey, FactKey)> {
    zheng.sync().await?;
    zheng.step(MINUTE_MS, order, ("received", Value::Null)).await?;
    let set_out = json!({ "grade": 2, "paid_service": true });
    let visit = zheng.step(5 * MINUTE_MS, order, ("set_out", set_out)).await?;
    let of = || json!({ "visit": visit });
    let prepared = json!({ "visit": visit, "appearance": true, "tools": true, "materials": true,
        "instructions_acknowledged": true, "trained": true });
    zheng.step(MINUTE_MS, order, ("prepare", prepared)).await?;
    zheng.step(6 * MINUTE_MS, order, ("ring", of())).await?;
    for fact in ["introduce", "enter", "shoe_covers", "scope_confirmed", "valuables_reminded"] {
        zheng.step(20_000, order, (fact, of())).await?;
    }
    let quote = json!({ "visit": visit, "amount_fen": TWO_HOURS_FEN, "items": [
        { "name": stage.pick("日常保洁", "Cleaning"), "amount_fen": TWO_HOURS_FEN, "item": item,
          "quantity_milli": 2_000, "list_price_fen": HOUR_FEN }] });
    let quote = zheng.step(MINUTE_MS, order, ("quoted", quote)).await?;
    zheng.step(20_000, order, ("quote_accepted", json!({ "quote": quote }))).await?;
    zheng.step(20_000, order, photo(visit, "before", 'd')).await?;
    zheng.step(20_000, order, ("start_work", of())).await?;
    zheng.step(35 * MINUTE_MS, order, ("finish_work", of())).await?;
    zheng.step(20_000, order, photo(visit, "after", 'e')).await?;
    let tidy = json!({ "visit": visit, "equipment_wiped": true, "floor_clean": true,
        "tools_counted": true });
    zheng.step(MINUTE_MS, order, ("tidy", tidy)).await?;
    let explain = json!({ "visit": visit, "cause": true, "care": true, "correct_use": true });
    zheng.step(MINUTE_MS, order, ("explain", explain)).await?;
    let accepted = json!({ "visit": visit, "accepted": true,
        "opinion": stage.pick("很仔细", "Thorough") });
    zheng.step(MINUTE_MS, order, ("acceptance", accepted)).await?;
    let charge = json!({ "visit": visit, "amount_fen": TWO_HOURS_FEN, "method": "cash" });
    let charge = zheng.step(20_000, order, ("charged", charge)).await?;
    zheng.perform(MINUTE_MS, order, signature(stage, visit, [5, 5, 5])).await?;
    zheng.step(20_000, order, ("farewell", of())).await?;
    zheng.sync().await?;
    let finished = stage.review(order).await?.status == Status::Finished;
    ensure(finished, "the visit is finished on the server")?;
    Ok((visit, charge))
}
