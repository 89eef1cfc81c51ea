//! Fieldbook on phones: uniffi objects over `sync_core::replica`, for Kotlin, Swift and Python.
//! No logic: arguments are parsed, results are handed on, errors become the few that an app acts
//! on.

mod error;
mod form;
mod phone;
mod record;
mod salvage;
mod signing;
mod words;

pub use error::ApiError;
pub use form::{fill_form, forms, kinds};
pub use phone::{Phone, new_store_key};
pub use record::{
    Account, Identity, ListItem, Lost, Outbox, OutboxCommand, OutboxSession, Parcel, Pause,
    Performed, Question, Refused, Statement, SyncReport, Waiting,
};
pub use salvage::{LostCommand, Salvaged, salvage_store};
pub use signing::Signing;
pub use words::{code_words, local_time, words};

uniffi::setup_scaffolding!();
