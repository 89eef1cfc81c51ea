//! Receptions: what customers come, call and write with; callers on one outage among them.

use serde_json::{Value, json};
use sync_core::rules::{Details, Review, Status};

use super::{ANYONE, DESK, Draw, Step, fact, one, open_as};

const MATTERS: [&str; 6] =
    ["inquiry", "repair", "complaint", "suggestion", "paid_service", "message"];

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let mut members = json!({ "channel": "phone", "matter": MATTERS[draw.dice.below(6)],
        "unit": draw.unit(), "group": draw.group(), "description": "停水了" });
    draw.link(&mut members, "contact", "contact");
    vec![open_as(DESK, draw, "reception", members)]
}

/// What may be done next.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let Some(Details::Reception(reception)) = &review.details else { return Vec::new() };
    if review.status == Status::Closed && draw.dice.happens(600) {
        return vec![fact(DESK, "reception_reopened", json!({ "text": "客户又来电" }))];
    }
    let text = json!({ "text": "已答复" });
    let by_ms = draw.now_ms + 3_600_000 * draw.small(30);
    let owner = json!({ "person": draw.colleague(), "reason": "换班" });
    let mut steps = vec![
        fact(DESK, "read_back", Value::Null),
        fact(DESK, "reception_answered", text.clone()),
        fact(DESK, "reply_promised", json!({ "by_ms": by_ms })),
        fact(DESK, "passed_on", json!({ "department": "engineering", "text": "请安排" })),
        fact(DESK, "passed_on", json!({ "person": draw.colleague(), "text": "请回电" })),
        fact(DESK, "price_told", json!({ "price": "amount", "amount_fen": draw.fen() })),
        fact(DESK, "appointed", json!({ "at_ms": by_ms })),
        fact(DESK, "to_desk", text.clone()),
        fact(DESK, "reception_closed", text),
        one(DESK, json!({ "command": "set", "field": "owner", "value": owner })),
    ];
    let open = reception.promises.iter().filter(|promise| promise.replied.is_none());
    steps.extend(
        open.map(|promise| {
            fact(DESK, "replied", json!({ "promise": promise.key, "text": "已回复" }))
        }),
    );
    for passing in &reception.passings {
        let of = json!({ "passing": passing.key });
        steps.push(fact(ANYONE, "message_received", of.clone()));
        steps.push(fact(ANYONE, "took_over", of));
    }
    outages(review, draw, &mut steps);
    steps
}

/// Attached to an order or a notice, often, so that several wait for the same end.
fn outages(review: &Review, draw: &Draw<'_>, steps: &mut Vec<Step>) {
    let Some(Details::Reception(reception)) = &review.details else { return };
    for outage in reception.outages.iter().filter(|outage| !outage.detached) {
        let reason = json!({ "attachment": outage.key, "reason": "另一栋楼" });
        steps.push(fact(DESK, "detached_from", reason));
        if outage.over_at_ms.is_some() {
            let called = json!({ "attachment": outage.key, "text": "已告知恢复" });
            steps.push(fact(DESK, "outage_called_back", called));
        }
    }
    let targets = ["repair_notice", "work_order"].map(|kind| draw.first_known(kind));
    for target in targets.into_iter().flatten() {
        let attached = || fact(DESK, "attached_to", json!({ "record": target }));
        steps.extend([attached(), attached()]);
    }
}
