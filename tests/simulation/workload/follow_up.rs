//! Follow-ups: those that follow by themselves, and some that the desk opens.

use serde_json::json;
use sync_core::rules::Review;

use super::{DESK, Draw, Step, fact, open_as};

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let Some(of) = draw.known("work_order").or_else(|| draw.known("complaint")) else {
        return Vec::new();
    };
    let members = json!({ "of": of, "follow_up": "after_completion", "unit": draw.unit(),
        "completed_at_ms": draw.now_ms - 60_000 * draw.small(600) });
    vec![open_as(DESK, draw, "follow_up", members)]
}

/// What may be done next.
pub fn next(_review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let satisfied = draw.dice.happens(700);
    let rating = 1 + draw.dice.below(5);
    let ratings = json!({ "quality": rating, "attitude": 4, "conduct": 4 });
    let reached = json!({ "satisfied": satisfied, "ratings": ratings, "text": "电话回访" });
    vec![
        fact(DESK, "reached", reached),
        fact(DESK, "not_reached", json!({ "text": "无人接听" })),
        fact(DESK, "follow_up_closed", json!({ "text": "完成" })),
    ]
}
