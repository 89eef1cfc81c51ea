//! What the rule book says, as pure functions: the same on the phone, on the server, in reports
//! and in tests.

pub mod alarm;
pub mod appraisal;
mod audience;
pub mod cases;
pub mod cash;
mod check;
mod check_patrol;
mod command;
pub mod deadlines;
mod denial;
mod fields;
mod follow;
pub mod hand_over;
pub mod inbox;
mod keys;
mod kind;
mod limits;
mod money;
mod money_cases;
mod opening;
mod order;
pub mod paid_service;
pub mod patrol;
mod permission;
mod position;
pub mod price_item;
mod projection;
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
mod waits;

pub use alarm::Alarm;
pub use audience::{audiences, links};
pub use cases::{Case, CaseSide};
pub use command::{Command, Moment, perform, rests_on};
pub use deadlines::{Deadline, DeadlineState};
pub use denial::{Denial, DenialCode};
pub use fields::{Field, FieldValue};
pub use follow::{Follow, consequences, follows};
pub use inbox::{InboxItem, InboxKind, inbox};
pub use keys::{OpenKey, open_keys};
pub use kind::Details;
pub use limits::check_reason;
pub use money::{Charge, HandIn, Invoice, Money, MoneyAccount, Quote, Refund};
pub use opening::{Opening, PlannedRound, day_of, not_started_alarm, openings, planned_rounds};
pub use patrol::{Anomaly, Coverage, FindingState, Round};
pub use permission::permit;
pub use projection::{Projection, projection};
pub use review::{Review, ReviewInput, TimelineEntry, review};
pub use signature::{sign_fact, wants_signature};
pub use site_time::SiteTime;
pub use status::Status;
pub use time::FactTime;
pub use visit::{Deviation, SignatureOutcome, Visit, VisitState, Wait};

#[cfg(test)]
mod tests;
