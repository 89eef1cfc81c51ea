//! Periodic tasks: the server opens them; managers send, quality confirms.

use serde_json::{Value, json};
use sync_core::model::person::Role;
use sync_core::rules::{Details, Review};

use super::{Draw, MANAGER, Step, fact, open_as};

const SENDERS: &[Role] = &[Role::Supervisor, Role::ProjectManager, Role::Quality];
const QUALITY: &[Role] = &[Role::Quality];

/// Nobody opens one; some try.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let members = json!({ "task": "weekly_complaints", "period": "2026-W48",
        "due_ms": draw.now_ms });
    vec![open_as(MANAGER, draw, "periodic_task", members)]
}

/// What may be done next.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let Some(Details::Periodic(periodic)) = &review.details else { return Vec::new() };
    let sent = json!({ "text": "本期汇总", "cause": "人手不足", "lesson": "排班",
        "action": "增员" });
    let mut steps = vec![fact(SENDERS, "report_sent", sent)];
    for report in periodic.reports.iter().filter(|report| report.confirmed.is_none()) {
        steps.push(fact(QUALITY, "report_confirmed", json!({ "report": report.key })));
    }
    let checked: Value = json!({ "in_order": draw.dice.happens(800), "text": "抽查三份" });
    steps.push(fact(QUALITY, "spot_checked", checked));
    steps
}
