//! The desk's hand-overs: the night's in the morning with a key that is out and cash that does not
//! balance, the day's in the evening with cash that does.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, PersonId, RecordId};
use sync_core::rules::cash::ShiftCash;
use sync_core::rules::hand_over::HandOver;
use sync_core::rules::{Details, Review, Status};
use sync_core::texts::code_text;

use super::super::script::{CHEN, DAY, HE, LI, MINUTE_MS, ZHOU, moment_ms};
use super::super::stage::{SITE, Stage, ensure};
use super::super::words::yuan;
use super::super::worker::Worker;
use crate::{Error, Result};

/// The drawer at the beginning, fen.
const DRAWER_FEN: i64 = 50_000;
/// What the night counts, fen: ten yuan short.
const NIGHT_FEN: i64 = 49_000;

/// What the evening before left: an order that waits for a part, and its key in Li's pocket.
pub(in super::super) struct Eve {
    pub(in super::super) order: RecordId,
    visit: FactKey,
}

/// Tuesday evening: the owner is away and has left the key, and a part is missing.
pub(in super::super) async fn eve(
    stage: &Stage,
    out: &mut dyn Write,
    li: &mut Worker<'_>,
) -> Result<Eve> {
    let title = stage.pick("卫生间地漏返水", "Bathroom drain backs up");
    let order = json!({ "category": "household", "unit": "2-1-105", "description": title,
        "priority": "appointed" });
    let order = stage.opens_at(HE, "/v1/work-orders", order).await?;
    stage.posts(HE, &format!("/v1/work-orders/{order}/dispatch"), json!({})).await?;
    stage.step(HE, order, ("told", Value::Null)).await?;
    let assign = json!({ "person": stage.people[LI] });
    stage.posts(HE, &format!("/v1/work-orders/{order}/assign"), assign).await?;
    li.sync().await?;
    li.step(MINUTE_MS, order, ("received", Value::Null)).await?;
    let visit = li.step(MINUTE_MS, order, ("set_out", json!({ "grade": 2 }))).await?;
    let of = || json!({ "visit": visit });
    let prepared = json!({ "visit": visit, "appearance": true, "tools": true, "materials": true,
        "instructions_acknowledged": true, "trained": true });
    li.step(MINUTE_MS, order, ("prepare", prepared)).await?;
    li.step(MINUTE_MS, order, ("key_received", of())).await?;
    li.step(3 * MINUTE_MS, order, ("ring", of())).await?;
    li.step(5_500, order, ("ring", of())).await?;
    li.step(MINUTE_MS, order, ("entered_with_key", of())).await?;
    li.step(1_000, order, ("key_used", of())).await?;
    li.step(MINUTE_MS, order, ("shoe_covers", of())).await?;
    li.step(MINUTE_MS, order, ("start_work", of())).await?;
    let part = stage.pick("缺防返水地漏芯", "No drain core in stock");
    let unable = json!({ "visit": visit, "reason": part, "explained": true });
    li.step(20 * MINUTE_MS, order, ("unable_to_finish", unable)).await?;
    li.step(MINUTE_MS, order, ("waiting_for_parts", json!({ "reason": part }))).await?;
    li.sync().await?;
    let values = [("person", stage.name(LI)), ("title", title), ("reason", part)];
    stage.tell(out, "demo-eve", &values)?;
    let review = stage.review(order).await?;
    stage.holds(out, &review)?;
    ensure(review.status == Status::WaitingForParts, "the order waits for its part")?;
    Ok(Eve { order, visit })
}

/// 07:30, the night hands over to the day.
pub(in super::super) async fn morning(
    stage: &Stage,
    out: &mut dyn Write,
    eve: &Eve,
    li: &mut Worker<'_>,
) -> Result<()> {
    stage.scene(out, "demo-scene-morning")?;
    let shift = Shift { code: "night", date: "2026-11-24", by: HE, ends_ms: moment_ms(0, 8, 0) };
    let record = shift.open(stage).await?;
    let waits = stage.pick("2-1-105 等配件，钥匙在李师傅处", "2-1-105 waits; Li has its key");
    let matter = json!({ "record": eve.order, "text": waits });
    stage.step(HE, record, ("matter_listed", matter)).await?;
    let keys = keys(stage).await?;
    stage.step(HE, record, ("keys_listed", json!({ "keys": keys }))).await?;
    stage.step(HE, record, ("radios_listed", radios())).await?;
    let counted = json!({ "opening_fen": DRAWER_FEN, "counted_fen": NIGHT_FEN });
    stage.step(HE, record, ("cash_counted", counted)).await?;
    stage.step(HE, record, ("handed_over", Value::Null)).await?;
    told(stage, out, record, "demo-handed-over").await?;
    let alone = json!({ "command": "record", "fact": { "t": "taken_over", "p": {} } });
    let denied = stage.denied(HE, record, alone).await?;
    ensure(denied.get("needs").is_some_and(|needs| needs == "another_person"), "by somebody else")?;
    stage.tell(out, "demo-not-oneself", &[("person", stage.name(HE))])?;
    let short = stage.pick("钱箱少 10 元", "The drawer is ¥10 short");
    stage.step(CHEN, record, ("taken_over", json!({ "differences": short }))).await?;
    let values = [("person", stage.name(CHEN)), ("differences", short)];
    stage.tell(out, "demo-taken-over", &values)?;
    let review = stage.review(record).await?;
    stage.holds(out, &review)?;
    let case = review.open_cases().find(|case| case.kind == "cash_not_balanced");
    let case = case.ok_or(Error::Broken("cash that does not balance is a case"))?;
    stage.until(0, 8, 5).await?;
    let why = stage.pick("夜班买了电池，补了小票", "Batteries for the night; the receipt is here");
    let close = json!({ "command": "close_case", "case": case.kind, "rests_on": case.rests_on,
        "reason": why });
    stage.writes(ZHOU, record, close).await?;
    let values = [("person", stage.name(ZHOU)), ("reason", why)];
    stage.tell(out, "demo-case-closed", &values)?;
    stage.holds(out, &stage.review(record).await?)?;
    li.step(MINUTE_MS, eve.order, ("key_returned", json!({ "visit": eve.visit }))).await?;
    li.sync().await?;
    let left = self::keys(stage).await?.len().to_string();
    stage.tell(out, "demo-key-returned", &[("person", stage.name(LI)), ("left", &left)])
}

/// 20:30, the day hands over to the night.
pub(in super::super) async fn evening(
    stage: &Stage,
    out: &mut dyn Write,
    waiting: RecordId,
) -> Result<()> {
    stage.scene(out, "demo-scene-evening")?;
    stage.until(0, 20, 30).await?;
    let shift = Shift { code: "day", date: DAY, by: CHEN, ends_ms: moment_ms(0, 21, 0) };
    let record = shift.open(stage).await?;
    let text = stage.pick("2-1-105 仍等配件", "2-1-105 still waits for its part");
    let matter = json!({ "record": waiting, "text": text });
    stage.step(CHEN, record, ("matter_listed", matter)).await?;
    stage.step(CHEN, record, ("keys_listed", json!({ "keys": keys(stage).await? }))).await?;
    stage.step(CHEN, record, ("radios_listed", radios())).await?;
    let (takings, taken_fen, opening_fen) = takings(stage).await?;
    let counted = json!({ "opening_fen": opening_fen, "counted_fen": opening_fen + taken_fen,
        "takings": takings });
    stage.step(CHEN, record, ("cash_counted", counted)).await?;
    stage.step(CHEN, record, ("handed_over", Value::Null)).await?;
    let cash = told(stage, out, record, "demo-handed-over").await?;
    ensure(cash.balances() && cash.takings_fen > 0, "the day's cash balances")?;
    stage.step(HE, record, ("taken_over", json!({}))).await?;
    stage.tell(out, "demo-taken-over-equal", &[("person", stage.name(HE))])?;
    stage.holds(out, &stage.review(record).await?)
}

/// A shift that ends.
struct Shift {
    code: &'static str,
    date: &'static str,
    by: usize,
    ends_ms: i64,
}

impl Shift {
    async fn open(&self, stage: &Stage) -> Result<RecordId> {
        let content = json!({ "kind": "hand_over", "shift": self.code, "date": self.date,
            "from_person": stage.people[self.by], "desk": desk(stage),
            "shift_ends_at_ms": self.ends_ms });
        stage.opens(self.by, content).await
    }
}

fn desk(stage: &Stage) -> &str {
    stage.pick("1 号前台", "Desk 1")
}

fn radios() -> Value {
    json!({ "radios": [{ "name": "R1", "present": true }, { "name": "R2", "present": true }] })
}

/// Today's cash, the keys that are out and the last counts, as the interface has them.
async fn drawer(stage: &Stage) -> Result<Value> {
    stage.reads(CHEN, &format!("/v1/cash?site={}", SITE.0)).await
}

/// The entries of a list, each with these members alone.
fn lines(list: &Value, members: &[&str]) -> Vec<Value> {
    let line = |row: &Value| {
        members.iter().map(|name| ((*name).to_owned(), row[*name].clone())).collect::<Value>()
    };
    list.as_array().map_or_else(Vec::new, |rows| rows.iter().map(line).collect())
}

/// The keys that are out.
async fn keys(stage: &Stage) -> Result<Vec<Value>> {
    let drawer = drawer(stage).await?;
    Ok(lines(&drawer["keys"], &["record", "visit", "received", "holder"]))
}

/// The cash that came to the desk and stands in no hand-over, and what the drawer held before it.
async fn takings(stage: &Stage) -> Result<(Vec<Value>, i64, i64)> {
    let drawer = drawer(stage).await?;
    let open: Vec<Value> = drawer["items"]
        .as_array()
        .map(|items| items.iter().filter(|item| item["standing"] == "unaccounted"))
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let taken_fen = open.iter().filter_map(|item| item["amount_fen"].as_i64()).sum();
    let counts = drawer["last_counts"].as_array().map_or(&[][..], Vec::as_slice);
    let counted = counts.iter().find(|count| count["desk"] == desk(stage));
    let counted_fen = counted.and_then(|count| count["counted_fen"].as_i64());
    let counted_fen = counted_fen.ok_or(Error::Broken("the night has counted its cash"))?;
    Ok((lines(&json!(open), &["record", "fact", "amount_fen"]), taken_fen, counted_fen))
}

/// Says what was handed over, as the server has it.
async fn told(stage: &Stage, out: &mut dyn Write, record: RecordId, id: &str) -> Result<ShiftCash> {
    let review = stage.review(record).await?;
    let (hand_over, cash) = account(&review)?;
    let from = review.fields.get("from_person").and_then(|field| field.value.as_u64());
    let from = from.and_then(|number| u32::try_from(number).ok());
    let from = from.and_then(|number| stage.names.get(&PersonId(number)));
    let shift = code_text(stage.language, "shift", review.text("shift").unwrap_or_default(), &[]);
    let numbers = [hand_over.matters.len(), hand_over.keys.len(), hand_over.radios.len()];
    let numbers = numbers.map(|number| number.to_string());
    let amounts = [cash.opening_fen, cash.takings_fen, cash.counted_fen, cash.difference_fen];
    let amounts = amounts.map(yuan);
    let values = [
        ("person", from.map_or("", String::as_str)),
        ("shift", shift.as_str()),
        ("matters", numbers[0].as_str()),
        ("keys", numbers[1].as_str()),
        ("radios", numbers[2].as_str()),
        ("opening", amounts[0].as_str()),
        ("takings", amounts[1].as_str()),
        ("counted", amounts[2].as_str()),
        ("difference", amounts[3].as_str()),
    ];
    stage.tell(out, id, &values)?;
    Ok(cash)
}

fn account(review: &Review) -> Result<(&HandOver, ShiftCash)> {
    let Some(Details::HandOver(hand_over)) = &review.details else {
        return Err(Error::Broken("a hand-over is reviewed as one"));
    };
    let count = hand_over.counts.first().ok_or(Error::Broken("the cash was counted"))?;
    Ok((hand_over, count.account))
}
