//! The one place where `sync_core::Error` becomes what an app acts on.

use sync_core::store::StoreError;

/// What can go wrong for an app; each variant says what to do.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ApiError {
    /// A rule says no: show the text of the code.
    #[error("denied: {code}")]
    Denied {
        /// Stable code; `text` has its words.
        code: String,
    },
    /// No answer: the work is saved and goes out later by itself.
    #[error("offline: {reason}")]
    Offline {
        /// What happened.
        reason: String,
    },
    /// The credentials are not accepted: have the person enrol; everything is kept.
    #[error("sign in again: {code}")]
    SignInAgain {
        /// Stable code.
        code: String,
    },
    /// The server speaks no version of this app: update it; everything is kept.
    #[error("update the app")]
    UpdateApp,
    /// The server refused the request as a whole.
    #[error("answered: {code}")]
    Answered {
        /// Stable code.
        code: String,
    },
    /// No room on the device: nothing of this command was saved.
    #[error("disk full")]
    DiskFull,
    /// The store cannot be opened or read.
    #[error("store: {reason}")]
    Store {
        /// Which of the store's errors.
        reason: String,
    },
    /// An argument is not what it should be; nothing was changed.
    #[error("bad input: {reason}")]
    BadInput {
        /// What is wrong with it.
        reason: String,
    },
}

impl From<sync_core::Error> for ApiError {
    fn from(error: sync_core::Error) -> Self {
        use sync_core::Error;
        match error {
            Error::Denied(denial) => Self::Denied { code: denial.code.to_string() },
            Error::Offline { detail } => Self::Offline { reason: detail },
            Error::RetryAfter { .. } => {
                Self::Offline { reason: "the server asks for patience".into() }
            }
            Error::SignInAgain { code } => Self::SignInAgain { code },
            Error::UpdateApp { .. } => Self::UpdateApp,
            Error::Answered { code, .. } => Self::Answered { code },
            Error::Store(StoreError::DiskFull) => Self::DiskFull,
            Error::Store(error) => Self::Store { reason: error.to_string() },
            other => Self::BadInput { reason: other.to_string() },
        }
    }
}
