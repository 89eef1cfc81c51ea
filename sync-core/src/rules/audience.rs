//! Whom a record concerns, from its content.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kind;
use super::review::{Review, TimelineEntry};
use super::status::Status;
use crate::model::audience::Audience;
use crate::model::id::PersonId;
use crate::model::{alarm, patrol, work_order};

/// The audiences of a record: its site's office, and everyone who is or may be its assignee. A
/// contact's further audiences follow from the orders that name it, which only the server sees.
pub fn audiences(review: &Review) -> BTreeSet<Audience> {
    let Some(site) = review.site else { return BTreeSet::new() };
    let mut audiences = BTreeSet::from([Audience::Office(site)]);
    let user = |value: &Value| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok())?;
        Some(Audience::User(site, PersonId(number)))
    };
    match review.kind.as_str() {
        patrol::PLAN => {
            audiences.insert(Audience::Patrol(site));
        }
        // What is open at a place is shown there.
        work_order::KIND if review.text("category") == Some("public") && is_open(review) => {
            audiences.insert(Audience::Patrol(site));
        }
        patrol::ROUND | alarm::KIND => {
            let writers = review.timeline.iter().filter_map(|entry| entry.by);
            audiences.extend(writers.map(|person| Audience::User(site, person)));
        }
        _ => {}
    }
    if let Some(kind) = kind::kind(&review.kind) {
        audiences.extend(kind.audiences(review));
        // Whoever opened it or does a step of it sees what becomes of it, wherever they work. An
        // order that was given to somebody else leaves, as a repair does.
        let steps = review.timeline.iter().filter(|entry| is_step(entry));
        let writers = steps.filter(|_| !kind::has_visits(&review.kind)).filter_map(|e| e.by);
        audiences.extend(writers.map(|person| Audience::User(site, person)));
    }
    if let Some(officer) = review.round.as_ref().and_then(|round| round.officer) {
        audiences.insert(Audience::User(site, officer));
    }
    if let Some(alarm) = &review.alarm {
        audiences.insert(Audience::Security(site));
        audiences.extend(alarm.alerted.iter().map(|told| Audience::User(site, told.person)));
    }
    // Whoever is asked has to see what about.
    let asked = review.timeline.iter().filter(|entry| entry.fact_type == "asked" && !entry.unknown);
    audiences.extend(asked.filter_map(|entry| user(entry.content.get("person")?)));
    if let Some(field) = review.fields.get("assignee") {
        // While two names stand, both have to see that.
        let values = field.conflict.iter().map(|value| &value.value).chain([&field.value]);
        audiences.extend(values.filter_map(user));
    }
    audiences
}

/// Types that anybody at the site may write into any record, whether they hold it or not: writing
/// one gives nobody the record.
const BY_ANYBODY: [&str; 9] = [
    "acknowledged",
    "answered",
    "attached",
    "breach_ignored",
    "breach_stopped",
    "dissuaded",
    "message_received",
    "note",
    "read",
];

/// Whether a fact is its writer's part in a record.
fn is_step(entry: &TimelineEntry) -> bool {
    !entry.unknown && !BY_ANYBODY.contains(&entry.fact_type.as_str())
}

fn is_open(review: &Review) -> bool {
    !matches!(review.status, Status::Closed | Status::Cancelled | Status::Returned)
}
