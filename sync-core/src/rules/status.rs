//! The status of a record: a fold, never a fact. Two phones cannot disagree about it, only add
//! facts; what contradicts becomes a case.

use serde::{Deserialize, Serialize};

use super::order::Causality;
use super::visit::{Visit, VisitState};
use crate::model::payload::Payload;
use crate::model::work_order::WorkOrderFact;

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
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 17] = [
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
    ];

    /// The stable code.
    pub fn code(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => unreachable!("a status serializes to its code"),
        }
    }
}

/// The status of a work order.
pub(super) fn work_order(causality: &Causality<'_>, visits: &[Visit]) -> Status {
    use WorkOrderFact as F;
    let mut status = Status::Opened;
    let (mut cancelled, mut returned, mut closed) = (false, false, false);
    for fact in &causality.facts {
        let Payload::WorkOrder(content) = &fact.payload else { continue };
        match content {
            // Given out again after somebody declined.
            F::Dispatched if status == Status::Declined => status = Status::Dispatched,
            F::Dispatched => status = status.max(Status::Dispatched),
            F::Received => status = Status::Received,
            F::Declined(_) => status = Status::Declined,
            F::WaitingForParts(_) => status = Status::WaitingForParts,
            F::OutOfScope(_) => status = Status::OutOfScope,
            F::Cancelled(_) => cancelled = true,
            F::Returned => returned = true,
            F::Closed => closed = true,
            _ => {
                let visit = match content {
                    F::SetOut(_) => Some(fact.key),
                    _ => content.visit(),
                };
                let of = visit.and_then(|key| visits.iter().find(|visit| visit.visit == key));
                // Waiting for parts is said inside a visit and outlives its farewell.
                if let Some(visit) = of
                    && (status != Status::WaitingForParts || matches!(content, F::SetOut(_)))
                {
                    status = of_visit(visit.state);
                }
            }
        }
    }
    let finished = visits.iter().any(|visit| visit.state == VisitState::Finished);
    match (closed, returned, finished, cancelled) {
        (true, ..) => Status::Closed,
        (_, true, ..) => Status::Returned,
        (_, _, true, _) => Status::Finished,
        (.., true) => Status::Cancelled,
        _ => status,
    }
}

fn of_visit(state: VisitState) -> Status {
    match state {
        VisitState::OnTheWay => Status::OnTheWay,
        VisitState::AtTheDoor => Status::AtTheDoor,
        VisitState::Working => Status::Working,
        VisitState::Paused => Status::Paused,
        VisitState::NoAnswer => Status::NoAnswer,
        VisitState::Unfinished => Status::Unfinished,
        VisitState::Finished => Status::Finished,
    }
}
