//! Notices of repairs, planned and of emergencies.

use serde_json::json;
use sync_core::rules::Review;

use super::{DESK_AND_LEAD, Draw, Step, fact, one, open_as, rfc3339};

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let from = rfc3339(draw.now_ms + 3_600_000 * draw.small(60));
    let planned = json!({ "notice": "planned", "installation": "water", "buildings": ["3"],
        "description": "清洗水箱", "effects": "停水四小时", "work_from": from });
    let mut emergency = json!({ "notice": "emergency", "installation": "power",
        "description": "线路抢修", "effects": "停电", "units": [draw.unit()] });
    draw.link(&mut emergency, "order", "work_order");
    let all = [planned, emergency];
    all.into_iter().map(|value| open_as(DESK_AND_LEAD, draw, "repair_notice", value)).collect()
}

/// What may be done next.
pub fn next(_review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let later = rfc3339(draw.now_ms + 3_600_000 * draw.small(60));
    let moved = json!({ "command": "set", "field": "work_from", "value": later });
    vec![
        fact(DESK_AND_LEAD, "notice_published", json!({})),
        fact(DESK_AND_LEAD, "notice_published", json!({ "text": "已张贴" })),
        fact(DESK_AND_LEAD, "notice_ended", json!({ "text": "已恢复" })),
        fact(DESK_AND_LEAD, "notice_cancelled", json!({ "reason": "改期" })),
        one(DESK_AND_LEAD, moved),
    ]
}
