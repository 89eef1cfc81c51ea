//! (to be written)

/// An error of the phone's store.
#[derive(Debug, thiserror::Error)]
#[error("store")]
pub struct StoreError;
