//! Links between records: stored once, on the newer record, as a member, field or fact that holds
//! the other's id; the way back is a projection.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::kind::{self, Details};
use super::review::Review;
use super::status::Status;
use crate::model::id::RecordId;
use crate::model::time::WallMs;
use crate::model::{repair_notice, work_order};

/// A record that another names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// The field, member or fact that names it, e.g. `reception`.
    pub field: String,
    /// The record it names, here or not.
    pub target: RecordId,
}

/// Members and fields that hold a record's id, whatever the kind.
const FIELDS: &[&str] = &[
    "complaint",
    "contact",
    "finding",
    "follow_up",
    "notice",
    "of",
    "order",
    "origin",
    "paid_service",
    "plan",
    "reception",
    "repeat_of",
    "round",
    "violation",
];

/// Every record that a record names, every value of a conflict included; a value of such a field
/// that is no id (a violation's `violation` is its category) is no link.
pub fn links(review: &Review) -> BTreeSet<Link> {
    let link = |field: &str, target| Link { field: field.to_owned(), target };
    let fields = FIELDS.iter().filter_map(|name| Some((*name, review.fields.get(*name)?)));
    let mut links: BTreeSet<Link> = fields
        .flat_map(|(name, field)| {
            let values = field.conflict.iter().map(|value| &value.value).chain([&field.value]);
            let targets = values.filter_map(|value| value.as_str()?.parse().ok());
            targets.map(|target| link(name, target)).collect::<Vec<_>>()
        })
        .collect();
    if let Some(kind) = kind::kind(&review.kind) {
        let of_facts = kind.links(review).into_iter();
        links.extend(of_facts.map(|(field, target)| link(field, target)));
    }
    links.extend(review.duplicate_of.map(|target| link("duplicate_of", target)));
    links
}

/// The contacts a record names.
pub fn contacts(review: &Review) -> BTreeSet<RecordId> {
    let links = links(review).into_iter();
    links.filter(|link| link.field == "contact").map(|link| link.target).collect()
}

/// The orders and notices of whose end a record is to be told, and was not told yet.
pub fn waits_for(review: &Review) -> BTreeSet<RecordId> {
    let Some(Details::Reception(reception)) = &review.details else { return BTreeSet::new() };
    let waiting = reception.outages.iter().filter(|outage| outage.waits());
    waiting.map(|outage| outage.record).collect()
}

/// When what many callers are attached to ended: an order whose work is done or that was closed or
/// cancelled, a notice whose work ended or was cancelled. None while it goes on, and of any other
/// kind of record.
pub fn outage_over(review: &Review) -> Option<WallMs> {
    if review.kind == repair_notice::KIND {
        return review.closed_at_ms;
    }
    use Status::{Cancelled, Closed, Finished, Returned};
    let over = matches!(review.status, Finished | Returned | Closed | Cancelled);
    if review.kind != work_order::KIND || !over {
        return None;
    }
    let last = |types: &[&str]| {
        let known = review.timeline.iter().rev().filter(|entry| !entry.unknown);
        let mut ends = known.filter(|entry| types.contains(&entry.fact_type.as_str()));
        ends.next().map(|entry| entry.at_ms)
    };
    last(&["finish_work"]).or_else(|| last(&["returned", "closed", "cancelled", "duplicate_of"]))
}
