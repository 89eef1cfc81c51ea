//! Hand-overs of the desk: matters, keys, radios, and the cash of the shift counted.

use serde_json::{Value, json};
use sync_core::rules::{Details, Review};

use super::{DESK, Draw, Step, fact, one, open_as};

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let shift = ["morning", "day", "night"][draw.dice.below(3)];
    let members = json!({ "shift": shift, "date": "2026-11-25", "from_person": draw.person,
        "desk": "客服前台", "shift_ends_at_ms": draw.now_ms + 3_600_000 * draw.small(12) });
    vec![open_as(DESK, draw, "hand_over", members)]
}

/// What may be done next.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let Some(Details::HandOver(hand_over)) = &review.details else { return Vec::new() };
    let radios = json!({ "radios": [{ "name": "对讲机 1", "present": draw.dice.happens(900) }] });
    let matter = json!({ "record": draw.known("reception"), "text": "等回电" });
    let mut steps = vec![
        fact(DESK, "cash_counted", counted(draw)),
        fact(DESK, "cash_counted", counted(draw)),
        fact(DESK, "radios_listed", radios),
        fact(DESK, "handed_over", Value::Null),
        one(DESK, json!({ "command": "note", "text": "钥匙已点" })),
    ];
    if !matter["record"].is_null() {
        steps.push(fact(DESK, "matter_listed", matter));
    }
    if hand_over.handed_over.is_some() {
        steps.push(fact(DESK, "taken_over", json!({})));
        let differing = json!({ "differences": "少一把钥匙" });
        steps.push(fact(DESK, "taken_over", differing));
    }
    steps
}

/// A count of the cash that stands in no other hand-over; sometimes something is missing.
fn counted(draw: &Draw<'_>) -> Value {
    let lines = |kind: &str| -> Vec<Value> {
        let lines = draw.cash.iter().filter(|line| line.kind == kind);
        lines
            .map(|line| json!({ "record": line.record, "fact": line.fact, "amount_fen": line.fen }))
            .collect()
    };
    let (takings, payouts) = (lines("handed_in"), lines("refunded"));
    let sum = |lines: &[Value]| lines.iter().filter_map(|l| l["amount_fen"].as_i64()).sum::<i64>();
    let opening = 20_000;
    let expected = opening + sum(&takings) - sum(&payouts);
    let missing = if draw.dice.happens(200) { 500 } else { 0 };
    json!({ "opening_fen": opening, "counted_fen": (expected - missing).max(0),
        "takings": takings, "payouts": payouts })
}
