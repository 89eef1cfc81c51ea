//! The day in the order of its scenes, and the end that accounts for all of it.

use std::io::Write;

use serde_json::{Value, json};

use super::scenes::{
    Crew, alarm, call, complaint, hand_over, outage, paid_service, patrol, plans, vacant,
    violation, visit,
};
use super::script::{MINUTE_MS, PEOPLE, units};
use super::stage::{Stage, ensure};
use super::{show, sum};
use crate::Result;

/// Plays everything, prints it, and fails unless everything is accounted for.
pub(super) async fn play(stage: &Stage, out: &mut dyn Write) -> Result<()> {
    let (units, people) = (units().len().to_string(), PEOPLE.len().to_string());
    let site = show::site_name(stage);
    let numbers = [
        ("site", site),
        ("buildings", "3"),
        ("units", units.as_str()),
        ("people", people.as_str()),
    ];
    writeln!(out, "{}", stage.text("demo-begin", &numbers))?;
    writeln!(out, "{}", stage.text("demo-folder", &[("url", &stage.url)]))?;
    stage.scene(out, "demo-scene-eve")?;
    stage.jobs().await?;
    let complaint = complaint::received(stage, out).await?;
    stage.until(-1, 20, 30).await?;
    let mut crew = Crew::enrol(stage, out).await?;
    let eve = hand_over::eve(stage, out, &mut crew.li).await?;
    stage.until(0, 7, 30).await?;
    hand_over::morning(stage, out, &eve, &mut crew.li).await?;
    let plan = plans::play(stage, out).await?;
    let orders = call::play(stage, out).await?;
    let found = patrol::play(stage, out, &mut crew.feng, plan).await?;
    visit::play(stage, out, &mut crew, &orders).await?;
    visit::decide(stage, out, &mut crew, &orders).await?;
    complaint::climbs(stage, out, complaint).await?;
    outage::play(stage, out, found.valve).await?;
    violation::play(stage, out, found.breach).await?;
    paid_service::play(stage, out, &mut crew.zheng).await?;
    vacant::play(stage, out, &mut crew.feng, plan).await?;
    complaint::solved(stage, out, complaint).await?;
    alarm::play(stage, out, &mut crew).await?;
    hand_over::evening(stage, out, eve.order).await?;
    last_words(stage, out, &mut crew, &orders).await?;
    stage.until(0, 21, 0).await?;
    call::close(stage, out, &orders).await?;
    stage.until(0, 21, 30).await?;
    show::order(stage, out, orders.leak).await?;
    let closes = sum::day(stage, out, &mut crew).await?;
    crew.li.now().await?;
    crew.li.sync().await?;
    show::heads(stage, out, &mut crew.li.phone, orders.leak).await?;
    crew.stop().await?;
    ensure(closes, "every command is accounted for")
}

/// The evening on Wang's phone: one command stays unsent.
async fn last_words(
    stage: &Stage,
    out: &mut dyn Write,
    crew: &mut Crew<'_>,
    orders: &call::Orders,
) -> Result<()> {
    let wang = &mut crew.wang;
    let collected = json!({ "command": "note", "text": stage.pick("灯具已领", "Lamp collected") });
    wang.perform(MINUTE_MS, orders.lamp, collected).await?;
    wang.sync().await?;
    let last = json!({ "command": "note", "text": stage.pick("回到工程部", "Back at the shop") });
    wang.perform(MINUTE_MS, orders.lamp, last).await?;
    stage.tell(out, "demo-unsent", &[])?;
    // Nobody has heard of it.
    let review = stage.review(orders.lamp).await?;
    let unsent = |entry: &Value| entry["text"] == stage.pick("回到工程部", "Back at the shop");
    ensure(!review.timeline.iter().any(|entry| unsent(&entry.content)), "it is still unsent")
}
