//! Holds the dependencies of the tests, which are the targets in Cargo.toml, and what they share.

pub mod captured;
