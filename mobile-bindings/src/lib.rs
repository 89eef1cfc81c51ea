//! Fieldbook on phones: uniffi objects over `sync_core::replica`, for Kotlin, Swift and Python.
//! No logic: arguments are parsed, results are handed on, errors become the few that an app acts
//! on.

mod error;
mod phone;

pub use error::ApiError;
pub use phone::{Account, ListItem, Performed, Phone, Refused, SyncReport};

uniffi::setup_scaffolding!();
