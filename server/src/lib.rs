//! The server of Fieldbook: takes what phones and the office write, decides, stores, serves.

pub mod app;
#[cfg(test)]
mod captured;
pub mod cli;
pub mod clock;
pub mod config;
mod console;
pub mod db;
pub mod demo;
mod error;
pub mod http;
pub mod idempotency;
pub mod import;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod people;
pub mod sync;
#[cfg(test)]
mod testing;

pub use app::{App, AppOptions};
pub use error::{Error, Result};
