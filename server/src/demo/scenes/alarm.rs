//! A smell of gas: the alarm goes out before everything else, security is told by rank, and where
//! nobody answers within two minutes the next is told.

use std::io::Write;

use serde_json::json;
use sync_core::rules::{Alarm, Status};

use super::super::script::{FENG, LUO, MINUTE_MS};
use super::super::stage::{SITE, Stage, ensure};
use super::super::words::clock;
use super::Crew;
use crate::{Error, Result};

/// 18:10, in building 3.
pub(in super::super) async fn play(
    stage: &Stage,
    out: &mut dyn Write,
    crew: &mut Crew<'_>,
) -> Result<()> {
    stage.scene(out, "demo-scene-alarm")?;
    stage.until(0, 18, 10).await?;
    let place = stage.pick("3 栋 4 层", "Building 3, floor 4");
    let raise = json!({ "command": "raise_alarm", "site": SITE, "alarm": "gas", "place": place,
        "description": stage.pick("有煤气味，原因不明", "A smell of gas, the cause is unknown") });
    let record = crew.feng.open(MINUTE_MS, raise).await?;
    crew.feng.sync().await?;
    stage.tell(out, "demo-alarm", &[("person", stage.name(FENG)), ("place", place)])?;
    stage.jobs().await?;
    // Two minutes later the next is told, with nobody looking.
    stage.advance_ms(2 * MINUTE_MS + 1_000);
    stage.jobs().await?;
    crew.luo.sync().await?;
    let alerted = of(stage, record).await?.alerted;
    for alerted in &alerted {
        let person = stage.names.get(&alerted.person).map_or("", String::as_str);
        let at = clock(alerted.at_ms);
        stage.tell(out, "demo-alerted", &[("person", person), ("at", &at)])?;
    }
    let mine = alerted.iter().find(|alerted| alerted.person == stage.people[LUO]);
    let mine = mine.ok_or(Error::Broken("the second is told after two minutes"))?.key;
    let takes = json!({ "command": "acknowledge", "of": mine });
    crew.luo.perform(30_000, record, takes).await?;
    let text =
        stage.pick("402 灶具没关紧，已关阀通风", "402's stove was left open; shut and aired");
    crew.luo.step(9 * MINUTE_MS, record, ("alarm_settled", json!({ "text": text }))).await?;
    crew.luo.sync().await?;
    let review = stage.review(record).await?;
    ensure(review.status == Status::Settled, "the alarm is over")?;
    stage.tell(out, "demo-alarm-settled", &[("person", stage.name(LUO)), ("text", text)])?;
    stage.holds(out, &review)
}

async fn of(stage: &Stage, record: sync_core::model::id::RecordId) -> Result<Alarm> {
    let alarm = stage.review(record).await?.alarm;
    alarm.ok_or(Error::Broken("an alarm is reviewed as one"))
}
