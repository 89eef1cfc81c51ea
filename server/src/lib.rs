//! The server of Fieldbook: takes what phones and the office write, decides, stores, serves.

pub mod db;
mod error;
pub mod http;
pub mod people;
pub mod sync;

pub use error::{Error, Result};
