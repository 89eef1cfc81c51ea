//! Violations: seen, registered, assessed, decided, countersigned and carried out.

use serde_json::{Value, json};
use sync_core::model::violation::Measure;
use sync_core::rules::violation::Decision;
use sync_core::rules::{Details, Review, Status};

use super::{ANYONE, DECIDERS, DESK, Draw, MANAGER, Step, fact, one, open_as};

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let members = json!({ "violation": "fire_safety", "breach": "blocked_escape_way",
        "place": "3 栋 2 单元", "unit": draw.unit(), "group": draw.group(),
        "description": "楼道堆放杂物" });
    vec![open_as(ANYONE, draw, "violation", members)]
}

/// What may be done next.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let Some(Details::Violation(violation)) = &review.details else { return Vec::new() };
    let text = json!({ "text": "已处理" });
    if review.status == Status::Closed && draw.dice.happens(600) {
        return vec![fact(DECIDERS, "violation_reopened", text)];
    }
    let assessment = json!({ "command": "set", "field": "assessment", "value": assess(draw) });
    let mut steps = vec![
        fact(ANYONE, "dissuaded", json!({ "text": "已口头劝阻" })),
        if draw.dice.happens(700) {
            fact(ANYONE, "breach_ignored", Value::Null)
        } else {
            fact(ANYONE, "breach_stopped", Value::Null)
        },
        fact(DESK, "registered", Value::Null),
        one(DESK, assessment.clone()),
        one(DESK, assessment),
        fact(DECIDERS, "mediation_failed", text.clone()),
    ];
    if review.fields.contains_key("assessment") {
        steps.extend(decisions(draw));
    }
    violation.decisions.iter().for_each(|one| steps.extend(of_decision(one)));
    if !violation.decisions.is_empty() && draw.dice.happens(300) {
        steps.push(fact(DECIDERS, "violation_closed", text));
    }
    steps
}

fn assess(draw: &Draw<'_>) -> Value {
    let (loss, sizeable) = (draw.dice.happens(400), draw.dice.happens(300));
    json!({ "loss": loss, "threat": draw.dice.happens(200), "sizeable": sizeable,
        "loss_fen": draw.fen(), "fees_refused": draw.dice.happens(200), "reason": "现场查看" })
}

fn decisions(draw: &Draw<'_>) -> Vec<Step> {
    let decided = |mut measure: Value| {
        measure["reason"] = "按规定".into();
        fact(DECIDERS, "violation_decided", measure)
    };
    vec![
        decided(json!({ "measure": "dissuade" })),
        decided(json!({ "measure": "rectify_by", "date": "2026-12-05" })),
        decided(json!({ "measure": "compensate", "amount_fen": draw.fen() })),
        decided(json!({ "measure": "public_notice", "text": "通报" })),
        decided(json!({ "measure": "legal_action", "ground": "fees_refused" })),
    ]
}

fn of_decision(decision: &Decision) -> Vec<Step> {
    let of = json!({ "decision": decision.key });
    let text = json!({ "decision": decision.key, "text": "已执行" });
    if decision.signed_at_ms.is_none() {
        let early = fact(DESK, "decision_executed", text);
        return vec![fact(MANAGER, "violation_signed", of.clone()), early];
    }
    let mut steps = vec![
        fact(DESK, "decision_executed", text.clone()),
        fact(DESK, "rectified", text.clone()),
        fact(DESK, "reconciled", text),
    ];
    if matches!(decision.measure, Measure::Compensate { .. }) {
        steps.push(fact(DESK, "compensation_refused", of));
    }
    steps
}
