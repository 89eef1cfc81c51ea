//! What the rule book says, as pure functions: the same on the phone, on the server, in reports
//! and in tests.

pub mod alarm;
mod audience;
pub mod cases;
mod check;
mod check_patrol;
mod command;
pub mod deadlines;
mod denial;
mod fields;
mod follow;
pub mod form;
pub mod inbox;
mod kind;
mod limits;
mod money;
mod opening;
mod order;
pub mod patrol;
mod permission;
mod position;
mod projection;
pub mod retention;
mod review;
pub mod roster;
pub mod signature;
mod site_time;
pub mod sla;
pub mod statement;
mod status;
mod time;
pub mod violation;
pub mod visit;

pub use alarm::Alarm;
pub use audience::{audiences, links};
pub use cases::{Case, CaseSide};
pub use command::{Command, Moment, perform, rests_on};
pub use deadlines::{Deadline, DeadlineState};
pub use denial::{Denial, DenialCode};
pub use fields::{Field, FieldValue};
pub use follow::{Follow, consequences, follows};
pub use inbox::{InboxItem, InboxKind, inbox};
pub use kind::{Details, forms, guards, kinds};
pub use limits::check_reason;
pub use money::{Charge, Money, Quote};
pub use opening::{Opening, PlannedRound, day_of, not_started_alarm, openings, planned_rounds};
pub use order::seen_by;
pub use patrol::{Anomaly, Coverage, FindingState, Round};
pub use permission::{judges_by_state, permit};
pub use projection::{Projection, projection};
pub use review::{Review, ReviewInput, TimelineEntry, review};
pub use signature::{sign_fact, wants_signature};
pub use site_time::SiteTime;
pub use status::Status;
pub use time::FactTime;
pub use visit::{Deviation, SignatureOutcome, Visit, VisitState, Wait};

#[cfg(test)]
mod tests;
