//! Work orders: opened and dispatched by the desk, visited by technicians.

use serde_json::{Value, json};
use sync_core::rules::Review;

use super::{DESK, DESK_AND_LEAD, Draw, EVERYONE, Step, WORKERS, fact, one, visit};

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let reported = draw.now_ms - 60_000 * draw.small(30);
    let mut household = json!({
        "command": "create_work_order", "site": draw.site, "category": "household",
        "unit": draw.unit(), "description": "厨房水管漏水 👨‍👩‍👧 𠮷 \u{202e}",
        "priority": "urgent", "group": draw.group(), "reported_at_ms": reported,
    });
    draw.link(&mut household, "reception", "reception");
    draw.link(&mut household, "contact", "contact");
    let public = json!({
        "command": "create_work_order", "site": draw.site, "category": "public",
        "place": "3 栋 2 单元", "description": "楼道灯不亮", "priority": "urgent",
    });
    let mut appointed = household.clone();
    appointed["priority"] = "appointed".into();
    vec![one(DESK, household), one(DESK, public), one(DESK, appointed)]
}

fn set(field: &str, value: Value) -> Step {
    one(DESK, json!({ "command": "set", "field": field, "value": value }))
}

/// What may be done next.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    if draw.dice.happens(800) && !review.visits.is_empty() {
        return visit::next(review, draw);
    }
    let mut steps = vec![
        one(DESK_AND_LEAD, json!({ "command": "assign", "person": draw.technician() })),
        match draw.dice.below(3) {
            0 => one(EVERYONE, draw.appointment()),
            1 => set("priority", draw.priority().into()),
            _ => set("chargeable_fen", draw.fen().into()),
        },
        fact(WORKERS, "received", Value::Null),
        fact(WORKERS, "set_out", json!({ "grade": 2 })),
        fact(WORKERS, "set_out", json!({ "grade": 2 })),
        one(
            DESK_AND_LEAD,
            json!({ "command": "ask", "person": draw.technician(), "text": "到了吗？" }),
        ),
    ];
    if review.visits.is_empty() {
        steps.push(fact(DESK, "dispatched", Value::Null));
        steps.push(fact(DESK, "told", Value::Null));
        steps.push(fact(WORKERS, "declined", json!({ "reason": "不在班" })));
    }
    if draw.dice.happens(250) {
        let out = json!({ "reported_to": "工程领班", "reason": "结构问题" });
        steps.push(fact(DESK, "cancelled", json!({ "reason": "客户改期" })));
        steps.push(fact(DESK_AND_LEAD, "returned", Value::Null));
        steps.push(fact(DESK, "closed", Value::Null));
        steps.push(fact(WORKERS, "waiting_for_parts", json!({ "reason": "等阀门" })));
        steps.push(fact(WORKERS, "out_of_scope", out));
    }
    steps
}
