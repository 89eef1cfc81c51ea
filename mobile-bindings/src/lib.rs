//! Fieldbook on phones: uniffi objects over `sync_core::replica`, for Kotlin, Swift and Python.
//! No logic: arguments are parsed, results are handed on, errors become the few that an app acts
//! on.

mod error;
mod phone;
mod record;
mod words;

pub use error::ApiError;
pub use phone::Phone;
pub use record::{Account, Identity, ListItem, Pause, Performed, Refused, Statement, SyncReport};
pub use words::{code_words, words};

uniffi::setup_scaffolding!();
