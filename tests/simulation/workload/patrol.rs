//! Patrols: a month's plan, its rounds and unplanned ones, their stops, checklists and findings.

use serde_json::{Value, json};
use sync_core::rules::patrol::Coverage;
use sync_core::rules::{Review, Status};

use super::{ANYONE, DESK, Draw, PLANNERS, Step, fact, one};

fn checkpoints() -> Value {
    json!([
        { "code": "1", "name": "大门", "checklist": "surroundings", "tag": "T1" },
        { "code": "2", "name": "3 栋楼道", "checklist": "stairwell" },
        { "code": "3", "name": "配电房" },
    ])
}

/// Opens a plan.
pub fn open_plan(draw: &Draw<'_>) -> Vec<Step> {
    let item = |number: u32, starts_at: &str, officer: u32| {
        json!({ "item": number, "patrol": "security_hazards", "area": "东区", "officer": officer,
            "days": (1..=28).collect::<Vec<_>>(), "starts_at": starts_at,
            "checkpoints": checkpoints() })
    };
    let items = json!([item(1, "09:30", 34), item(2, "21:00", 35)]);
    let month = ["2026-11", "2026-12"][draw.dice.below(2)];
    let plan = json!({ "command": "create_patrol_plan", "site": draw.site, "month": month,
        "items": items });
    vec![one(PLANNERS, plan)]
}

/// What may be done next with a plan.
pub fn next_plan(_review: &Review, _draw: &Draw<'_>) -> Vec<Step> {
    vec![one(ANYONE, json!({ "command": "note", "text": "人手紧，先走东区" }))]
}

/// Opens a round that nobody planned.
pub fn open_round(draw: &Draw<'_>) -> Vec<Step> {
    let round = json!({ "command": "create_round", "site": draw.site,
        "patrol": "fire_safety", "area": "西区", "officer": draw.person,
        "checkpoints": checkpoints() });
    vec![one(ANYONE, round)]
}

/// What may be done next on a round.
pub fn next_round(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let Some(round) = &review.round else { return Vec::new() };
    if round.started_at_ms.is_none() {
        let other = json!({ "command": "set", "field": "officer", "value": draw.officer() });
        return vec![fact(ANYONE, "round_started", Value::Null), one(DESK, other)];
    }
    let mut steps = vec![fact(ANYONE, "finding", finding(draw))];
    let points = round.coverage.iter().filter(|point| point.visit.is_none());
    steps.extend(points.take(2).flat_map(stop));
    for point in round.coverage.iter().filter(|point| point.visit.is_some()) {
        let code = &point.checkpoint.code;
        steps.push(one(ANYONE, json!({ "command": "rest_ok", "checkpoint": code })));
    }
    for finding in round.findings.iter().filter(|finding| !finding.settled).take(2) {
        let of = json!({ "finding": finding.key, "text": "当场清走" });
        steps.push(fact(ANYONE, "finding_settled", of));
        let reported = json!({ "finding": finding.key, "reported_to": "主管" });
        steps.push(fact(ANYONE, "finding_reported", reported));
    }
    let units = json!({ "units": [draw.unit()], "cause_found": false });
    steps.push(fact(ANYONE, "units_checked", units));
    if review.status != Status::Finished {
        steps.push(fact(ANYONE, "round_finished", Value::Null));
        steps.push(fact(ANYONE, "round_stopped", json!({ "reason": "下雨" })));
    }
    steps
}

fn stop(point: &Coverage) -> Vec<Step> {
    let code = &point.checkpoint.code;
    let visited = match &point.checkpoint.tag {
        Some(tag) => json!({ "checkpoint": code, "method": "qr_code", "tag": tag }),
        None => json!({ "checkpoint": code, "method": "gps",
            "position": { "latitude_e7": 312_000_000, "longitude_e7": 1_214_000_000 } }),
    };
    let mut steps = vec![fact(ANYONE, "checkpoint_visited", visited)];
    let skipped = json!({ "checkpoint": code, "reason": "施工" });
    steps.push(fact(ANYONE, "checkpoint_skipped", skipped));
    if let Some(item) = point.items.first() {
        let flagged = json!({ "checkpoint": code, "item": item.item, "result": "not_ok",
            "note": "有破损" });
        steps.push(fact(ANYONE, "checked", flagged));
    }
    steps
}

fn finding(draw: &Draw<'_>) -> Value {
    let kind = ["facility", "fire_safety", "sanitation", "other"][draw.dice.below(4)];
    let mut finding = json!({ "finding": kind, "place": "3 栋 2 单元", "checkpoint": "2",
        "description": "楼道灯不亮", "settled": draw.dice.happens(200) });
    if draw.dice.happens(100) {
        draw.link(&mut finding, "known_as", "work_order");
    }
    finding
}
