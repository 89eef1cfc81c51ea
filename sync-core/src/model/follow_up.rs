//! Follow-up visits and calls (客户访谈记录, 三 3.5, 二 4.4.1): whether the customer is satisfied with
//! an order, a complaint's solution or a paid service.

use serde::{Deserialize, Serialize};

use super::id::RecordId;
use super::time::WallMs;
use super::work_order::Ratings;

/// The kind's name.
pub const KIND: &str = "follow_up";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// Why the customer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowUpReason {
    /// The work is done (三 3.5).
    AfterCompletion,
    /// The customer rated low (ours).
    LowRating,
    /// A complaint was solved (二 4.4.1).
    Complaint,
    /// An outage is over (ours).
    Outage,
}

impl FollowUpReason {
    /// Every reason.
    pub const ALL: [Self; 4] =
        [Self::AfterCompletion, Self::LowRating, Self::Complaint, Self::Outage];
}

/// Members of `created` of a follow-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUpCreated {
    /// The order, complaint or paid service it is about.
    pub of: RecordId,
    /// Why; named `follow_up`, since a `reason` is a text.
    pub follow_up: FollowUpReason,
    /// When the work was done, or the rating given: it is due from here. Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub completed_at_ms: Option<WallMs>,
    /// The contact's record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<RecordId>,
    /// The unit, e.g. `3-2-1501`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// The group of buildings (组团).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
    /// What to ask, at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
}

/// Payload of `reached`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The customer is satisfied.
    pub satisfied: bool,
    /// How the customer rates it now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ratings: Option<Ratings>,
    /// What the customer said, at most 1,000 characters.
    pub text: String,
}

/// A text of at most 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUpText {
    /// At most 1,000 characters.
    pub text: String,
}

/// The fact types of follow-ups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum FollowUpFact {
    /// The customer was asked.
    Reached(Reached),
    /// Nobody was reached: to be tried again.
    NotReached(FollowUpText),
    /// It is done, or given up.
    FollowUpClosed(FollowUpText),
}
