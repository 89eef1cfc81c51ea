//! Visits of orders and paid services, and the money and keys that change hands there.

use serde_json::{Value, json};
use sync_core::model::id::FactKey;
use sync_core::rules::{Review, VisitState};

use super::{DESK, Draw, EVERYONE, Step, WORKERS, fact, one};

/// What may be done next of the last visit of an order or a paid service.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let Some(visit) = review.visits.last() else { return Vec::new() };
    use VisitState::{AtTheDoor, OnTheWay, Paused, Working};
    let is_over = !matches!(visit.state, OnTheWay | AtTheDoor | Working | Paused);
    if draw.dice.happens(if is_over { 800 } else { 400 }) {
        return money(review, visit.visit, draw);
    }
    if draw.dice.happens(200) {
        return keys(review, visit.visit);
    }
    let of = json!({ "visit": visit.visit });
    let said = |t: &str| review.timeline.iter().any(|entry| entry.fact_type == t);
    let plain = ["ring", "introduce", "enter", "shoe_covers", "start_work", "finish_work"];
    // The next step is the likely one; sometimes it is left out.
    let next = plain.iter().filter(|t| !said(t)).take(2);
    let mut steps: Vec<Step> = next.map(|t| fact(WORKERS, t, of.clone())).collect();
    if !is_over && !steps.is_empty() && draw.dice.happens(600) {
        steps.truncate(1);
        return steps;
    }
    steps.push(one(WORKERS, signature(visit.visit, draw)));
    steps.push(fact(WORKERS, "material", material(visit.visit, draw)));
    steps.extend(departures(visit.visit, draw));
    steps
}

fn departures(visit: FactKey, draw: &Draw<'_>) -> Vec<Step> {
    let with = |more: &[(&str, Value)]| {
        let mut value = json!({ "visit": visit });
        more.iter().for_each(|(name, member)| value[*name] = member.clone());
        value
    };
    let no_answer = [("via", json!("radio")), ("answered_by", json!("陈静"))];
    let left =
        [("customer_asked", json!(true)), ("tidied", json!(false)), ("reason", json!("有事"))];
    let all = [
        fact(WORKERS, "finish_work", with(&[])),
        fact(WORKERS, "farewell", with(&[])),
        fact(WORKERS, "no_answer", with(&no_answer)),
        fact(DESK, "no_answer_confirmed", with(&[])),
        fact(WORKERS, "left_midway", with(&left)),
        fact(WORKERS, "paused", with(&[("reason", json!("取料"))])),
        fact(WORKERS, "resumed", with(&[])),
        fact(WORKERS, "helper_joined", with(&[("person", json!(draw.technician()))])),
        fact(WORKERS, "sign_absent", with(&[("reason", json!("客户出门"))])),
        fact(DESK, "called_back", with(&[("text", json!("客户满意"))])),
    ];
    let first = draw.dice.below(all.len());
    all.into_iter().skip(first).take(2).collect()
}

fn material(visit: FactKey, draw: &Draw<'_>) -> Value {
    json!({ "visit": visit, "name": "水龙头", "quantity_milli": 1_000, "unit": "个",
        "unit_price_fen": draw.fen() })
}

fn signature(visit: FactKey, draw: &Draw<'_>) -> Value {
    let quality = 1 + draw.dice.below(5);
    let strokes = json!([[[100, 100], [240, 300]], [[300, 90], [420, 250]]]);
    json!({ "command": "sign", "visit": visit, "language": "zh-CN",
        "strokes": { "width": 1_000, "height": 400, "strokes": strokes },
        "relation": "owner", "ratings": { "quality": quality, "attitude": 5, "conduct": 5 } })
}

/// Quotes, charges and where the money goes.
fn money(review: &Review, visit: FactKey, draw: &Draw<'_>) -> Vec<Step> {
    let amount = draw.fen();
    let item = json!({ "name": "换龙头", "amount_fen": amount });
    let quoted = json!({ "visit": visit, "amount_fen": amount, "items": [item] });
    let mut steps = Vec::new();
    if review.money.quotes.len() < 2 {
        steps.push(fact(WORKERS, "quoted", quoted));
    }
    let open = review.money.quotes.iter().filter(|quote| quote.accepted.is_none());
    for quote in open.take(2) {
        steps.push(fact(WORKERS, "quote_accepted", json!({ "quote": quote.key })));
        let declined = json!({ "quote": quote.key, "reason": "太贵" });
        steps.push(fact(WORKERS, "quote_declined", declined));
    }
    let accepted = review.money.quotes.iter().rev().find(|quote| quote.accepted == Some(true));
    let amount = accepted.map_or(amount, |quote| quote.amount_fen);
    let charged = json!({ "visit": visit, "amount_fen": amount, "method": draw.method() });
    let charges = &review.money.charges;
    if charges.len() < 2 {
        steps.push(fact(WORKERS, "charged", charged));
    }
    for charge in charges {
        let amount = match draw.dice.below(4) {
            0 => charge.amount_fen / 3,
            1 => draw.fen(),
            _ => charge.out_fen().max(0),
        };
        let part = json!({ "charge": charge.key, "amount_fen": amount });
        let mut invoiced = part.clone();
        invoiced["number"] = format!("04{}", draw.dice.below(100_000)).into();
        let refund = json!({ "visit": charge.visit, "charge": charge.key, "method": "cash",
            "amount_fen": amount / 2, "reason": "返工" });
        if charge.out_fen() != 0 {
            steps.push(fact(EVERYONE, "handed_in", part));
        }
        if charge.invoices.len() < 2 {
            steps.push(fact(DESK, "invoiced", invoiced));
        }
        if draw.dice.happens(300) {
            steps.push(fact(DESK, "refunded", refund));
        }
    }
    let open = review.money.invoices.iter().filter(|invoice| !invoice.delivered);
    steps
        .extend(open.map(|one| fact(EVERYONE, "invoice_delivered", json!({ "invoice": one.key }))));
    steps
}

fn keys(review: &Review, visit: FactKey) -> Vec<Step> {
    let count = |t: &str| review.timeline.iter().filter(|entry| entry.fact_type == t).count();
    let of = json!({ "visit": visit });
    if count("key_received") == count("key_returned") {
        return vec![fact(WORKERS, "key_received", of)];
    }
    let returned = fact(WORKERS, "key_returned", of.clone());
    vec![fact(WORKERS, "entered_with_key", of.clone()), fact(WORKERS, "key_used", of), returned]
}
