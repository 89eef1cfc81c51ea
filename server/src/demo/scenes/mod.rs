//! The scenes of the demo's day, one file each. A scene is what people do, by the same ways as
//! everybody: phones by their replicas, the office by the interface; and what the server then
//! holds, which is read and not remembered.

pub(super) mod alarm;
pub(super) mod call;
pub(super) mod complaint;
pub(super) mod hand_over;
pub(super) mod outage;
pub(super) mod paid_service;
pub(super) mod patrol;
pub(super) mod plans;
pub(super) mod vacant;
pub(super) mod violation;
pub(super) mod visit;

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, RecordId};

use super::script::{FENG, LI, LUO, WANG, ZHENG, occupant};
use super::stage::Stage;
use super::worker::Worker;
use crate::{Error, Result};

/// Everybody with a phone.
pub(super) struct Crew<'a> {
    pub(super) wang: Worker<'a>,
    pub(super) li: Worker<'a>,
    pub(super) feng: Worker<'a>,
    pub(super) zheng: Worker<'a>,
    pub(super) luo: Worker<'a>,
}

/// Wang's clock is three hours wrong.
const WANGS_CLOCK_MS: i64 = 3 * 3_600_000;

impl<'a> Crew<'a> {
    /// Enrols everybody's phone.
    pub(super) async fn enrol(stage: &'a Stage, out: &mut dyn Write) -> Result<Self> {
        let mut enrolled = Vec::new();
        let mut phones = Vec::new();
        for (index, offset_ms) in [(WANG, WANGS_CLOCK_MS), (LI, 0), (FENG, 0), (ZHENG, 0), (LUO, 0)]
        {
            let (worker, device) = Worker::enrol(stage, index, offset_ms).await?;
            let device = device.to_string();
            let values = [("person", stage.name(index)), ("device", device.as_str())];
            phones.push(stage.text("demo-phone", &values));
            enrolled.push(worker);
        }
        let count = phones.len().to_string();
        let phones = phones.join(&stage.text("demo-comma", &[]));
        stage.tell(out, "demo-enrolled", &[("count", &count), ("phones", &phones)])?;
        let [wang, li, feng, zheng, luo] = <[Worker<'_>; 5]>::try_from(enrolled)
            .map_err(|_| Error::Broken("five phones are enrolled"))?;
        Ok(Self { wang, li, feng, zheng, luo })
    }

    /// Each of them.
    pub(super) fn all(&mut self) -> [&mut Worker<'a>; 5] {
        [&mut self.wang, &mut self.li, &mut self.feng, &mut self.zheng, &mut self.luo]
    }

    /// Ends the phones' processes.
    pub(super) async fn stop(self) -> Result<()> {
        for worker in [self.wang, self.li, self.feng, self.zheng, self.luo] {
            worker.phone.stop().await?;
        }
        Ok(())
    }
}

/// Somebody of the office takes down who an occupant is.
async fn contact(stage: &Stage, who: usize, index: usize, unit: &str) -> Result<RecordId> {
    let (name, phone) = occupant(index);
    let contact = json!({ "name": name, "phones": [phone], "unit": unit });
    stage.opens_at(who, "/v1/contacts", contact).await
}

/// A photo's announcement; the digit stands for its bytes.
fn photo(visit: FactKey, moment: &str, digit: char) -> (&'static str, Value) {
    let sha256 = digit.to_string().repeat(64);
    let content = json!({ "visit": visit, "sha256": sha256, "size_bytes": 2_400_000,
        "media_type": "image/jpeg", "moment": moment });
    ("photo", content)
}

/// A customer's signature: three strokes, and the ratings. Nobody draws the same twice.
fn signature(stage: &Stage, visit: FactKey, ratings: [u8; 3]) -> Value {
    let mixed = |hash: u64, byte: u8| hash.wrapping_mul(31).wrapping_add(u64::from(byte));
    let hand = visit.to_string().bytes().fold(7, mixed);
    let at = |x: u64, y: u64, bit: u32| [x + (hand >> bit) % 64, y + (hand >> (bit + 6)) % 64];
    let strokes = json!({ "width": 1000, "height": 400, "strokes": [
        [[120, 90], [180, 110], at(150, 300, 0)], [[220, 80], [400, 100], at(300, 320, 12)],
        [[420, 60], at(520, 260, 24)]] });
    let [quality, attitude, conduct] = ratings;
    json!({ "command": "sign", "visit": visit, "language": stage.language.tag(),
        "strokes": strokes, "relation": "owner",
        "ratings": { "quality": quality, "attitude": attitude, "conduct": conduct } })
}
