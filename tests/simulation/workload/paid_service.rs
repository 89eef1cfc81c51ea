//! Paid services: ordered at the desk, done by service workers, checked by the supervisor.

use serde_json::{Value, json};
use sync_core::rules::Review;

use super::{DESK, Draw, SUPERVISORS, Step, WORKERS, fact, one, open_as, visit};

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let mut members = json!({ "unit": draw.unit(), "group": draw.group(),
        "description": "擦玻璃", "department": "cleaning" });
    draw.link(&mut members, "reception", "reception");
    draw.link(&mut members, "contact", "contact");
    if let Some(item) = draw.known("price_item") {
        members["lines"] = json!([{ "item": item, "name": "擦玻璃", "measure": "平方米",
            "quantity_milli": 2_500, "unit_price_fen": draw.fen() }]);
    }
    vec![open_as(DESK, draw, "paid_service", members)]
}

/// What may be done next.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    if draw.dice.happens(750) && !review.visits.is_empty() {
        return visit::next(review, draw);
    }
    let assign = json!({ "command": "assign", "person": draw.service_worker() });
    let mut steps = vec![
        fact(DESK, "notified", Value::Null),
        one(DESK, assign.clone()),
        one(DESK, assign),
        one(DESK, draw.appointment()),
        fact(WORKERS, "set_out", json!({ "grade": 2, "paid_service": true })),
        fact(WORKERS, "set_out", json!({ "grade": 2, "paid_service": true })),
    ];
    for visit in &review.visits {
        let of = json!({ "visit": visit.visit });
        let mut checked = of.clone();
        checked["quality"] = 4.into();
        checked["satisfaction"] = (1 + draw.small(4)).into();
        checked["text"] = "抽查".into();
        steps.push(fact(SUPERVISORS, "quality_checked", checked));
        let accepted = json!({ "visit": visit.visit, "accepted": draw.dice.happens(800) });
        steps.push(fact(WORKERS, "acceptance", accepted));
    }
    if draw.dice.happens(200) {
        steps.push(fact(DESK, "closed", Value::Null));
        steps.push(fact(DESK, "cancelled", json!({ "reason": "客户取消" })));
    }
    steps
}
