//! Alarms: raised by anybody, taken on and settled by whoever is on duty.

use serde_json::json;
use sync_core::model::person::Role;
use sync_core::rules::Review;

use super::{ANYONE, Draw, Step, fact, one};

const SETTLERS: &[Role] = &[Role::Security, Role::DutyOperator, Role::FrontDesk, Role::Supervisor];

/// Raises one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let kind = ["gas", "burning", "other"][draw.dice.below(3)];
    let raise = json!({ "command": "raise_alarm", "site": draw.site, "alarm": kind,
        "place": "3 栋 2 单元 7 层", "description": "闻到气味" });
    vec![one(ANYONE, raise)]
}

/// What may be done next.
pub fn next(review: &Review, _draw: &Draw<'_>) -> Vec<Step> {
    let mut steps = vec![
        fact(ANYONE, "radioed", json!({ "answered_by": "保安班长" })),
        fact(SETTLERS, "alarm_settled", json!({ "text": "已关阀通风" })),
    ];
    let told = review.alarm.iter().flat_map(|alarm| &alarm.alerted);
    let acknowledge = |of| one(ANYONE, json!({ "command": "acknowledge", "of": of }));
    steps.extend(told.map(|alerted| acknowledge(alerted.key)));
    let opened = review.timeline.iter().find(|entry| entry.fact_type == "created");
    steps.extend(opened.map(|opened| acknowledge(opened.key)));
    steps
}
