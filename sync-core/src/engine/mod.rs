//! The phone's side of sync, sans-IO: bytes and time go in, plans and requests come out.
//!
//! A driver (`replica`) turns the crank:
//! 1. [`Schedule::poll_due`] says whether to sync now, [`Schedule::poll_timeout`] when to ask
//!    again;
//! 2. [`Triage::poll`] and [`outbox::choose`] pick what to push from a summary of the pending
//!    commands;
//! 3. the request goes out; its answer, or how it failed, goes to [`Schedule::handle_success`] or
//!    [`Schedule::handle_failure`];
//! 4. [`RecordState::apply`] turns each record's receipts and deliveries into what to write.
//!
//! Nothing here reads a clock, a store or a socket; nothing here is lost if the driver dies
//! between two steps: the same answer, or the next one, brings it again.

pub mod outbox;
pub mod record;
pub mod schedule;
pub mod triage;

pub use record::{Pending, PendingState, RecordState};
pub use schedule::Schedule;
pub use triage::Triage;
