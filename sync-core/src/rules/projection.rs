//! What lists show of a record.

use serde::{Deserialize, Serialize};

use super::deadlines::DeadlineState;
use super::review::{Review, TimelineEntry};
use super::status::Status;
use crate::model::id::{PersonId, RecordId, SiteId};
use crate::model::time::WallMs;

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// The record.
    pub record: RecordId,
    /// The kind.
    pub kind: String,
    /// The site.
    pub site: Option<SiteId>,
    /// The status.
    pub status: Status,
    /// When the row next changes by itself.
    pub status_until_ms: Option<WallMs>,
    /// A contact's name, or what is to be done.
    pub title: String,
    /// `household`, `public`, or `paid` for a paid service.
    pub category: Option<String>,
    /// The unit or place.
    pub unit: Option<String>,
    /// Who is to do it.
    pub assignee: Option<PersonId>,
    /// The contact it names.
    pub contact: Option<RecordId>,
    /// `urgent` or `appointed`.
    pub priority: Option<String>,
    /// RFC 3339.
    pub appointment: Option<String>,
    /// When it was created.
    pub created_at_ms: Option<WallMs>,
    /// When its last fact was written.
    pub changed_at_ms: Option<WallMs>,
    /// Cases that somebody still has to decide.
    pub open_cases: u32,
    /// Steps that deviate from the procedure.
    pub deviations: u32,
    /// What kind of alarm, violation or patrol it is.
    #[serde(default)]
    pub subject: Option<String>,
    /// The round it comes from, or the plan of a round.
    #[serde(default)]
    pub origin: Option<RecordId>,
    /// When a round is to begin.
    #[serde(default)]
    pub starts_at_ms: Option<WallMs>,
    /// Checkpoints of a round that were visited, and all.
    #[serde(default)]
    pub coverage: Option<(u32, u32)>,
    /// Findings of a round that nobody has settled.
    #[serde(default)]
    pub open_findings: u32,
    /// Something of it was stated afterwards or for somebody else (补录).
    #[serde(default)]
    pub stated_afterwards: bool,
    /// The group of buildings (组团).
    #[serde(default)]
    pub group: Option<u32>,
    /// The department's code.
    #[serde(default)]
    pub department: Option<String>,
    /// The next of its deadlines that run.
    #[serde(default)]
    pub due_ms: Option<WallMs>,
    /// When it was closed, of a kind that is kept for a time.
    #[serde(default)]
    pub closed_at_ms: Option<WallMs>,
}

/// The members that say what a record of some kind is about, in a code.
const SUBJECTS: [&str; 10] = [
    "alarm",
    "violation",
    "patrol",
    "matter",
    "subject",
    "task",
    "service",
    "shift",
    "notice",
    "follow_up",
];

/// What a record is about, in its own words.
pub(super) fn title(review: &Review) -> String {
    let text = |field: &str| review.text(field).filter(|text| !text.is_empty());
    if review.kind == crate::model::patrol::PLAN {
        return text("month").unwrap_or_default().to_owned();
    }
    let first = ["name", "description", "area", "place", "month", "period", "desk"]
        .into_iter()
        .find_map(text);
    first.unwrap_or_default().to_owned()
}

/// The list row of a review.
pub fn projection(review: &Review) -> Projection {
    let text = |field: &str| review.text(field).map(str::to_owned);
    let title = title(review);
    let is_paid = review.kind == crate::model::paid_service::KIND;
    let afterwards =
        |entry: &TimelineEntry| entry.said_at_ms.is_some() || entry.on_behalf_of.is_some();
    let round = review.round.as_ref();
    let size = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let running = review.deadlines.iter().filter(|d| d.state == DeadlineState::Running);
    let deviations = review.visits.iter().map(|visit| visit.deviations.len()).sum::<usize>();
    Projection {
        record: review.record,
        category: text("category").or_else(|| is_paid.then(|| "paid".to_owned())),
        changed_at_ms: review.timeline.iter().map(|entry| entry.at_ms).max(),
        deviations: u32::try_from(deviations).unwrap_or(u32::MAX),
        kind: review.kind.clone(),
        site: review.site,
        status: review.status,
        status_until_ms: review.status_until_ms,
        title,
        unit: text("unit").or_else(|| text("place")),
        assignee: review.assignee().or_else(|| round.and_then(|round| round.officer)),
        subject: SUBJECTS.into_iter().find_map(text),
        group: review
            .fields
            .get("group")
            .and_then(|field| u32::try_from(field.value.as_u64()?).ok()),
        department: text("department"),
        due_ms: running.filter_map(|deadline| deadline.due_ms).min(),
        closed_at_ms: review.closed_at_ms,
        origin: review.text("round").or(review.text("plan")).and_then(|id| id.parse().ok()),
        starts_at_ms: round.and_then(|round| round.starts_at_ms),
        coverage: round.map(|round| (round.visited, size(round.coverage.len()))),
        open_findings: round.map_or(0, |round| {
            size(round.findings.iter().filter(|finding| !finding.settled).count())
        }),
        stated_afterwards: review.timeline.iter().any(afterwards),
        contact: review.contact(),
        priority: text("priority"),
        appointment: text("appointment"),
        created_at_ms: review
            .timeline
            .iter()
            .find(|entry| entry.fact_type == "created")
            .map(|entry| entry.at_ms),
        open_cases: u32::try_from(review.open_cases().count()).unwrap_or(u32::MAX),
    }
}
