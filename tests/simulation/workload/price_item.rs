//! Price items: priced by the managers, approved by the general manager.

use serde_json::json;
use sync_core::rules::{Details, Review};

use super::{APPROVERS, Draw, PRICERS, Step, fact, one, open_as};

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let service = ["household", "home_repair", "business"][draw.dice.below(3)];
    let members = json!({ "name": "擦玻璃", "service": service, "measure": "平方米" });
    vec![open_as(PRICERS, draw, "price_item", members)]
}

/// What may be done next.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let Some(Details::PriceItem(item)) = &review.details else { return Vec::new() };
    let day = 1 + draw.dice.below(28);
    let priced = json!({ "amount_fen": draw.fen(), "from_date": format!("2026-12-{day:02}") });
    let renamed = json!({ "command": "set", "field": "name", "value": "擦外窗" });
    let mut steps = vec![fact(PRICERS, "priced", priced), one(PRICERS, renamed)];
    for price in item.prices.iter().filter(|price| price.verdicts.is_empty()) {
        steps.push(fact(APPROVERS, "price_approved", json!({ "price": price.key })));
        let rejected = json!({ "price": price.key, "reason": "太高" });
        steps.push(fact(APPROVERS, "price_rejected", rejected));
    }
    if draw.dice.happens(100) {
        steps.push(fact(PRICERS, "price_item_ended", json!({ "reason": "不再提供" })));
    }
    steps
}
