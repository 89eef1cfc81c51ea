//! Complaints: many are left untouched, so that they climb.

use serde_json::{Value, json};
use sync_core::rules::{Details, Review, Status};

use super::{DESK, DESK_AND_LEAD, Draw, HANDLERS, Step, fact, one, open_as};

const SUBJECTS: [&str; 4] = ["cleaning", "repair", "security", "contract"];

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let subject = SUBJECTS[draw.dice.below(2)];
    let mut plain = json!({ "subject": subject, "unit": draw.unit(), "group": draw.group(),
        "description": "楼道三天没有打扫" });
    draw.link(&mut plain, "reception", "reception");
    let mut earlier = plain.clone();
    earlier["received_at_ms"] = (draw.now_ms - 3_600_000 * draw.small(50)).into();
    let mut about = plain.clone();
    about["about"] = json!(draw.technician());
    let mut emergency = plain.clone();
    emergency["subject"] = "emergency".into();
    emergency["emergency"] = "lift".into();
    let all = [plain.clone(), plain.clone(), plain, earlier, about, emergency];
    all.into_iter().map(|value| open_as(HANDLERS, draw, "complaint", value)).collect()
}

/// What may be done next.
pub fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let Some(Details::Complaint(complaint)) = &review.details else { return Vec::new() };
    if review.status == Status::Closed && draw.dice.happens(700) {
        return vec![fact(HANDLERS, "complaint_reopened", json!({ "text": "又发生了" }))];
    }
    let text = json!({ "text": "已与客户沟通" });
    let mut steps = vec![
        fact(HANDLERS, "investigated", text.clone()),
        one(DESK, json!({ "command": "set", "field": "judgement", "value": judgement(draw) })),
        one(DESK, json!({ "command": "set", "field": "subject", "value": SUBJECTS[3] })),
        fact(HANDLERS, "plan_told", text.clone()),
        fact(HANDLERS, "progress_told", text),
        fact(HANDLERS, "passed_up", json!({ "to": step(draw), "reason": "需要协调" })),
        one(HANDLERS, json!({ "command": "note", "text": "客户再次来电" })),
    ];
    steps.extend(pauses(review, draw));
    for plan in complaint.plans.iter().rev().take(1) {
        steps.push(fact(HANDLERS, "plan_accepted", json!({ "plan": plan.key })));
        let done = json!({ "plan": plan.key, "text": "已整改" });
        steps.push(fact(HANDLERS, "plan_carried_out", done));
        let rejected = json!({ "plan": plan.key, "reason": "不同意" });
        steps.push(fact(HANDLERS, "plan_rejected", rejected));
    }
    let passed = review.timeline.iter().rev().find(|entry| entry.fact_type == "passed_up");
    steps.extend(passed.map(|passed| {
        fact(HANDLERS, "reported_afterwards", json!({ "passed": passed.key, "text": "补报" }))
    }));
    if complaint.solved_at_ms.is_some() {
        steps.push(fact(HANDLERS, "not_satisfied", json!({ "reason": "没有做完" })));
        steps.push(fact(HANDLERS, "complaint_closed", json!({ "text": "已处理" })));
    } else if draw.dice.happens(300) {
        steps.push(fact(HANDLERS, "satisfied", Value::Null));
        let unsatisfied = json!({ "text": "多次沟通", "unsatisfied_reason": "客户坚持" });
        steps.push(fact(HANDLERS, "complaint_closed", unsatisfied));
    }
    steps
}

fn step(draw: &Draw<'_>) -> &'static str {
    ["supervisor", "project_manager", "general_manager"][draw.dice.below(3)]
}

fn judgement(draw: &Draw<'_>) -> Value {
    match draw.dice.below(5) {
        0 => json!({ "validity": "seeking_help", "reason": "不属于投诉" }),
        1 => json!({ "validity": "valid", "severity": "minor", "undelivered": true,
            "reason": "合同有约定" }),
        _ => json!({ "validity": "valid", "severity": "important", "reason": "查实" }),
    }
}

/// A pause of its deadlines, or the end of one that goes on.
fn pauses(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let of = |t: &str| review.timeline.iter().rev().find(|entry| entry.fact_type == t);
    let resumed = of("deadline_resumed").map(|entry| entry.content["of"].clone());
    match of("deadline_paused") {
        Some(pause) if resumed != Some(json!(pause.key)) => {
            let resume = json!({ "command": "resume_deadline", "of": pause.key });
            vec![one(DESK_AND_LEAD, resume)]
        }
        _ if draw.dice.happens(300) => {
            let one_deadline = json!({ "command": "pause_deadline", "reason": "等开发商",
                "deadlines": ["complaint_supervisor"] });
            let all = json!({ "command": "pause_deadline", "reason": "客户出差" });
            vec![one(DESK_AND_LEAD, one_deadline), one(DESK_AND_LEAD, all)]
        }
        _ => Vec::new(),
    }
}
