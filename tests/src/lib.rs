//! Holds the dependencies of the tests; the tests themselves are the targets in Cargo.toml.
