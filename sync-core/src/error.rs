//! The crate's one error: each variant says what its receiver can do.

use crate::model::canonical::NotCanonical;
use crate::model::id::BadId;

/// Whatever can go wrong in `sync-core`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A rule says no; shown to the person by its code.
    #[error("denied: {0}")]
    Denied(#[from] crate::rules::Denial),
    /// Bytes from outside are not what they should be; nothing was changed.
    #[error("malformed {what}: {detail}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// Why it does not parse; never holds content.
        detail: String,
    },
    /// Something exceeds its limit; nothing was changed.
    #[error("{what} exceeds its limit of {limit}")]
    TooLarge {
        /// What exceeds.
        what: &'static str,
        /// The limit, in the unit of `what`.
        limit: u64,
    },
    /// An id in text form does not parse.
    #[error(transparent)]
    BadId(#[from] BadId),
    /// A fact's JSON is not in canonical form.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// The phone's store.
    #[cfg(feature = "store")]
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Work of whoever is signed in is on the phone alone: sync, or hand it over by signing out.
    #[error("{commands} commands are not sent")]
    UnsentWork {
        /// How many.
        commands: u64,
    },
    /// The transport or the server did not answer: retry later.
    #[error("offline: {detail}")]
    Offline {
        /// What happened.
        detail: String,
    },
    /// The server asks for patience.
    #[error("retry in {delay_ms} ms")]
    RetryAfter {
        /// Milliseconds from now.
        delay_ms: i64,
    },
    /// The server's refusal of the request as a whole; nothing was changed.
    #[error("the server answered {code}")]
    Answered {
        /// The stable code.
        code: String,
        /// Parameters of its text.
        params: std::collections::BTreeMap<String, String>,
    },
    /// The token is not accepted: sign in again, the queue is kept.
    #[error("sign in again: {code}")]
    SignInAgain {
        /// The server's code.
        code: String,
    },
    /// The server speaks no version this app speaks: update the app.
    #[error("update the app: the server speaks versions {min} to {max}")]
    UpdateApp {
        /// The oldest protocol version the server takes.
        min: u16,
        /// The newest.
        max: u16,
    },
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
