//! What a phone and the server of Fieldbook share: the department's records, the rule book, the
//! document form, the messages and the phone's side of sync.
//!
//! Bytes and time go in, plans come out. Everything that touches a disk, a socket or a clock is a
//! thin driver behind the features `store` and `http`, or lives in another crate.

pub mod document;
pub mod engine;
pub mod environment;
mod error;
pub mod model;
pub mod protocol;
#[cfg(feature = "store")]
pub mod replica;
pub mod rules;
#[cfg(feature = "store")]
pub mod store;
pub mod texts;

pub use error::{Error, Result};
