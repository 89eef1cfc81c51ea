//! The status of a record: a fold, never a fact. Two phones cannot disagree about it, only add
//! facts; what contradicts becomes a case.

use serde::{Deserialize, Serialize};

use super::order::Causality;
use super::visit::{Visit, VisitState};
use crate::model::fact::Fact;
use crate::model::id::FactKey;
use crate::model::payload::{GeneralFact, Payload};
use crate::model::work_order::{Reason, WorkOrderFact};

/// The status of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Filled, not gone out.
    Opened,
    /// Gone out.
    Dispatched,
    /// Signed for.
    Received,
    /// Declined: somebody else is needed.
    Declined,
    /// Somebody is on the way.
    OnTheWay,
    /// Somebody is at the door or inside.
    AtTheDoor,
    /// Work is going on.
    Working,
    /// Work pauses.
    Paused,
    /// Nobody came to the door: an appointment is needed.
    NoAnswer,
    /// Could not be finished: another visit is needed.
    Unfinished,
    /// Waiting for parts.
    WaitingForParts,
    /// Not the department's.
    OutOfScope,
    /// Cancelled.
    Cancelled,
    /// Work is done.
    Finished,
    /// Came back to the desk.
    Returned,
    /// Closed by the desk.
    Closed,
    /// A record without steps, such as a contact.
    Kept,
    /// A round whose time has not come, or that has no time.
    Planned,
    /// A round that should have begun.
    NotStarted,
    /// A round being walked.
    UnderWay,
    /// A round ended before its time, with a reason.
    Stopped,
    /// A round nobody ended.
    Lapsed,
    /// An alarm nobody has taken on.
    Raised,
    /// An alarm somebody has taken on.
    Acknowledged,
    /// An alarm that is over.
    Settled,
    /// An alarm whose reason turned out otherwise.
    Withdrawn,
    /// A violation that was stopped on the spot.
    BreachStopped,
    /// A violation whose author took no notice.
    BreachIgnored,
    /// In customer service's book.
    Registered,
    /// Decided, not signed.
    Decided,
    /// A decision is signed.
    InEffect,
    /// What was decided is carried out.
    Executed,
    /// A price awaits the general manager.
    Proposed,
    /// An approved price whose day has not come.
    Approved,
    /// Handed over, not confirmed.
    HandedOver,
    /// Confirmed by who comes.
    TakenOver,
    /// The customer has an answer.
    Answered,
    /// The customer waits for a reply.
    ReplyPromised,
    /// A department or colleague has not said yet that they have it.
    PassedOn,
    /// An assistant handed it to the desk.
    AtTheDesk,
    /// Residents can read it.
    Published,
    /// The work that was announced is over.
    Ended,
    /// The customer was called and not reached.
    NotReached,
    /// The customer was asked.
    Reached,
    /// What is complained of is found out.
    Investigated,
    /// The complaint is judged.
    Judged,
    /// The customer knows the plan.
    PlanTold,
    /// The customer accepts the plan.
    PlanAccepted,
    /// The plan is carried out.
    CarriedOut,
    /// The customer is satisfied.
    Satisfied,
    /// A report is sent.
    ReportSent,
    /// Quality has the report.
    ReportConfirmed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 52] = [
        Self::Opened,
        Self::Dispatched,
        Self::Received,
        Self::Declined,
        Self::OnTheWay,
        Self::AtTheDoor,
        Self::Working,
        Self::Paused,
        Self::NoAnswer,
        Self::Unfinished,
        Self::WaitingForParts,
        Self::OutOfScope,
        Self::Cancelled,
        Self::Finished,
        Self::Returned,
        Self::Closed,
        Self::Kept,
        Self::Planned,
        Self::NotStarted,
        Self::UnderWay,
        Self::Stopped,
        Self::Lapsed,
        Self::Raised,
        Self::Acknowledged,
        Self::Settled,
        Self::Withdrawn,
        Self::BreachStopped,
        Self::BreachIgnored,
        Self::Registered,
        Self::Decided,
        Self::InEffect,
        Self::Executed,
        Self::Proposed,
        Self::Approved,
        Self::HandedOver,
        Self::TakenOver,
        Self::Answered,
        Self::ReplyPromised,
        Self::PassedOn,
        Self::AtTheDesk,
        Self::Published,
        Self::Ended,
        Self::NotReached,
        Self::Reached,
        Self::Investigated,
        Self::Judged,
        Self::PlanTold,
        Self::PlanAccepted,
        Self::CarriedOut,
        Self::Satisfied,
        Self::ReportSent,
        Self::ReportConfirmed,
    ];

    /// The stable code.
    pub fn code(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => unreachable!("a status serializes to its code"),
        }
    }
}

/// Where a work order stands. The latest steps by cause decide; of steps that knew nothing of one
/// another the most advanced counts, so that no two devices can disagree (R3.32).
pub(super) fn work_order(causality: &Causality<'_>, visits: &[Visit]) -> Status {
    use WorkOrderFact as F;
    if !standing(causality, |content| matches!(content, F::Closed)).is_empty() {
        return Status::Closed;
    }
    if !standing(causality, |content| matches!(content, F::Returned)).is_empty() {
        return Status::Returned;
    }
    if !standing(causality, |content| matches!(content, F::Cancelled(_))).is_empty() {
        // Work that was done was done.
        let finished = visits.iter().any(|visit| visit.state == VisitState::Finished);
        return if finished { Status::Finished } else { Status::Cancelled };
    }
    let mut latest: Vec<FactKey> = Vec::new();
    let mut best = Status::Opened;
    for fact in causality.facts.iter().rev() {
        let Some(status) = progress(fact) else { continue };
        if latest.iter().any(|later| causality.is_before(fact.key, *later)) {
            continue;
        }
        latest.push(fact.key);
        best = best.max(status);
    }
    best
}

/// The facts of a sort that no later `dispatched`, by somebody who knew them, has undone (R3.21).
pub(super) fn standing(
    causality: &Causality<'_>,
    wanted: fn(&WorkOrderFact) -> bool,
) -> Vec<FactKey> {
    let of = |wanted: fn(&WorkOrderFact) -> bool| {
        causality.facts.iter().filter_map(move |fact| match &fact.payload {
            Payload::WorkOrder(content) if wanted(content) => Some(fact.key),
            // What was put aside as a duplicate is cancelled, and no more than that (R3.48).
            Payload::General(GeneralFact::DuplicateOf(of)) => {
                let reason = of.reason.clone();
                wanted(&WorkOrderFact::Cancelled(Reason { reason })).then_some(fact.key)
            }
            _ => None,
        })
    };
    let handed_out: Vec<FactKey> = of(|content| *content == WorkOrderFact::Dispatched).collect();
    let undone = |key: FactKey| handed_out.iter().any(|later| causality.is_before(key, *later));
    of(wanted).filter(|key| !undone(*key)).collect()
}

/// What a fact makes of an order; `None` if it moves nothing.
fn progress(fact: &Fact) -> Option<Status> {
    use WorkOrderFact as F;
    let Payload::WorkOrder(content) = &fact.payload else { return None };
    Some(match content {
        F::Dispatched => Status::Dispatched,
        F::Received => Status::Received,
        F::Declined(_) => Status::Declined,
        F::SetOut(_) => Status::OnTheWay,
        F::Ring(_) | F::Knock(_) | F::Introduce(_) | F::Enter(_) | F::EnteredWithKey(_) => {
            Status::AtTheDoor
        }
        F::StartWork(_) | F::Resumed(_) => Status::Working,
        F::Paused(_) => Status::Paused,
        // R4.10
        F::NoAnswer(_) => Status::NoAnswer,
        F::UnableToFinish(_) | F::LeftMidway(_) => Status::Unfinished,
        // R3.9
        F::WaitingForParts(_) => Status::WaitingForParts,
        // R3.23
        F::OutOfScope(_) => Status::OutOfScope,
        F::FinishWork(_) => Status::Finished,
        _ => return None,
    })
}
