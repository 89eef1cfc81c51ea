//! What the server writes into a record by a rule: that a moment has passed, and that it turned out
//! otherwise. A pure function of the record and the time, so that two runners, a restart or days of
//! downtime write the same facts, each once.

use super::deadlines::{Deadline, DeadlineState};
use super::follow_up::of_low_ratings;
use super::kind::kind;
use super::opening::{Opening, openings as of_findings};
use super::review::Review;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, RecordId};
use crate::model::payload::{DueWithdrawn, FellDue, GeneralFact, Payload};
use crate::model::time::{Seen, WallMs};

/// A fact that follows from a record. Its key comes from the record, `rule` and `cause`.
#[derive(Debug, Clone, PartialEq)]
pub struct Follow {
    /// The rule's name, e.g. `fell_due`.
    pub rule: &'static str,
    /// What it follows from.
    pub cause: String,
    /// The moment it stands for, e.g. the deadline that passed. Milliseconds.
    pub at_ms: WallMs,
    /// What it says.
    pub payload: Payload,
    /// The facts it follows.
    pub after: Vec<FactKey>,
}

impl Follow {
    /// The fact: the same in every life of the server.
    pub fn fact(&self, record: RecordId) -> Fact {
        Fact {
            key: FactKey::derive(record, self.rule, &self.cause, 0),
            wall_ms: self.at_ms,
            monotonic_ms: None,
            // Nothing that a person saw.
            seen: Seen::default(),
            after: Some(self.after.clone()),
            said_at_ms: None,
            on_behalf_of: None,
            corrects: Vec::new(),
            payload: self.payload.clone(),
            stored_content: None,
        }
    }
}

/// What follows in a record by `now_ms` and does not stand there yet. What is written may bring
/// more: ask again until nothing follows (R8.5).
pub fn follows(review: &Review, now_ms: WallMs) -> Vec<Follow> {
    let mut follows: Vec<Follow> =
        review.deadlines.iter().filter_map(|d| passed(review, d)).collect();
    follows.extend(withdrawn(review));
    if let Some(kind) = kind(&review.kind) {
        follows.extend(kind.follows(review, now_ms));
    }
    follows
}

/// The records that follow from a record by `now_ms`; some may be open already.
pub fn consequences(review: &Review, now_ms: WallMs) -> Vec<Opening> {
    let mut openings = of_findings(review);
    openings.extend(of_low_ratings(review));
    if let Some(kind) = kind(&review.kind) {
        openings.extend(kind.openings(review, now_ms));
    }
    openings
}

/// The `fell_due` facts of a record, with what they say.
pub(super) fn fallen(review: &Review) -> impl Iterator<Item = (FactKey, FellDue)> + '_ {
    let entries = review.timeline.iter().filter(|entry| entry.fact_type == "fell_due");
    entries
        .filter_map(|entry| Some((entry.key, serde_json::from_value(entry.content.clone()).ok()?)))
}

fn is_of(fell: &FellDue, deadline: &Deadline) -> bool {
    fell.deadline == deadline.name && fell.of == deadline.of
}

// R5.12
fn passed(review: &Review, deadline: &Deadline) -> Option<Follow> {
    let due_ms = deadline.due_ms.filter(|_| deadline.state == DeadlineState::Breached)?;
    if deadline.tells.is_empty() {
        return None;
    }
    let told = fallen(review).filter(|(_, fell)| is_of(fell, deadline) && fell.due_ms == due_ms);
    let told: Vec<FactKey> = told.map(|(key, _)| key).collect();
    if told.iter().any(|key| !is_withdrawn(review, *key)) {
        return None;
    }
    let of = deadline.of.map(|key| key.to_string()).unwrap_or_default();
    Some(Follow {
        rule: "fell_due",
        cause: nth(format!("{}/{of}/{due_ms}", deadline.name), told.len()),
        at_ms: due_ms,
        payload: Payload::General(GeneralFact::FellDue(FellDue {
            deadline: deadline.name.clone(),
            of: deadline.of,
            due_ms,
            tells: deadline.tells.clone(),
        })),
        after: deadline.of.into_iter().collect(),
    })
}

/// The cause of what is written for the `n`th time, from 0: it was withdrawn each time before, and
/// is so after all (R3.17).
pub(super) fn nth(cause: String, n: usize) -> String {
    if n == 0 { cause } else { format!("{cause}/{n}") }
}

/// Whether a `fell_due` fact is marked as wrong.
pub(super) fn is_withdrawn(review: &Review, key: FactKey) -> bool {
    let key = key.to_string();
    review.timeline.iter().any(|entry| {
        entry.fact_type == "due_withdrawn" && entry.content["of"].as_str() == Some(key.as_str())
    })
}

/// What was told and is not so: a pause or a fact that came later moved the moment, or met it in
/// time. It is marked, not erased (R3.17).
fn withdrawn(review: &Review) -> Vec<Follow> {
    let stands = |fell: &FellDue| {
        review.deadlines.iter().any(|deadline| {
            // What cannot be judged says nothing against what was told.
            let unknown = deadline.state == DeadlineState::Unknown;
            let late = deadline.state == DeadlineState::Breached;
            let same = deadline.due_ms == Some(fell.due_ms);
            is_of(fell, deadline) && (unknown || (late && same))
        })
    };
    // A deadline of a kind or version that is not judged here says nothing against what was told.
    let known = |fell: &FellDue| review.deadlines.iter().any(|deadline| is_of(fell, deadline));
    fallen(review)
        .filter(|(key, fell)| known(fell) && !stands(fell) && !is_withdrawn(review, *key))
        .map(|(key, fell)| Follow {
            rule: "due_withdrawn",
            cause: key.to_string(),
            at_ms: fell.due_ms,
            payload: Payload::General(GeneralFact::DueWithdrawn(DueWithdrawn { of: key })),
            after: vec![key],
        })
        .collect()
}
