//! The one place where `sync_core::Error` becomes what an app acts on.
//!
//! No field is called `message`: Kotlin's exceptions have a member of that name.

use std::collections::{BTreeMap, HashMap};

use sync_core::store::StoreError;

/// What can go wrong for an app; each variant says what to do. Nothing saved is ever lost by one.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum ApiError {
    /// A rule says no, and nothing was saved: show `code_words("denial", code, params)`.
    #[error("denied: {code}")]
    Denied {
        /// Stable code.
        code: String,
        /// Parameters of its words.
        params: HashMap<String, String>,
    },
    /// No answer: the work is saved and goes out later by itself.
    #[error("offline: {reason}")]
    Offline {
        /// What happened.
        reason: String,
    },
    /// The server asks for patience: sync again after the delay.
    #[error("retry in {delay_ms} ms")]
    RetryLater {
        /// Milliseconds from now.
        delay_ms: i64,
    },
    /// The credentials are not accepted: have the person enrol; everything is kept.
    #[error("sign in again: {code}")]
    SignInAgain {
        /// Stable code; `not_enrolled` before the first enrolment.
        code: String,
    },
    /// The server, or the app that wrote the store, is newer: update this app; everything is kept.
    #[error("update the app: {reason}")]
    UpdateApp {
        /// Which versions do not fit.
        reason: String,
    },
    /// Another person's work is on the phone alone: sync it, or have it handed over by signing out.
    #[error("{commands} commands are not sent")]
    UnsentWork {
        /// How many commands.
        commands: u64,
    },
    /// The server refused the request as a whole: show `code_words("problem", code, params)`.
    #[error("answered: {code}")]
    Answered {
        /// Stable code.
        code: String,
        /// Parameters of its words.
        params: HashMap<String, String>,
    },
    /// The answer is none of Fieldbook's, or of another installation: check the address or code.
    #[error("unexpected answer: {reason}")]
    UnexpectedAnswer {
        /// What is wrong with it.
        reason: String,
    },
    /// Something is larger than it may be; nothing was saved.
    #[error("{what} exceeds its limit of {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// The limit, in the unit of `what`.
        limit: u64,
    },
    /// No room on the device: nothing of this command was saved; free some, then do it again.
    #[error("disk full")]
    DiskFull,
    /// Another process, or another opening, has the store: close that one.
    #[error("the store is open elsewhere")]
    StoreInUse,
    /// The platform's key store gave no key: unlock the phone and open again; nothing was touched.
    #[error("no key for the store")]
    KeyUnavailable,
    /// The key is not this store's, and the store is intact: open it with the right one.
    #[error("not the key of this store")]
    WrongKey,
    /// The store is damaged: call `salvage_store`, which deletes nothing, and open again. Of
    /// `row_damaged` one row is: everything else goes on.
    #[error("store damaged: {reason}")]
    StoreDamaged {
        /// Stable code, for `code_words("store", code)`.
        code: String,
        /// What of it.
        reason: String,
    },
    /// The store cannot be opened, read or written here.
    #[error("store: {reason}")]
    Store {
        /// Stable code, for `code_words("store", code)`.
        code: String,
        /// Which of the store's errors.
        reason: String,
    },
    /// The phone was closed: open it again.
    #[error("closed")]
    Closed,
    /// An argument is not what it should be; nothing was changed.
    #[error("bad input: {reason}")]
    BadInput {
        /// What is wrong with it, without its content.
        reason: String,
    },
}

impl From<sync_core::Error> for ApiError {
    fn from(error: sync_core::Error) -> Self {
        use sync_core::Error;
        match error {
            Error::Denied(denial) => {
                Self::Denied { code: denial.code.to_string(), params: map(denial.params) }
            }
            Error::Offline { detail } => Self::Offline { reason: detail },
            Error::RetryAfter { delay_ms } => Self::RetryLater { delay_ms },
            Error::SignInAgain { code } => Self::SignInAgain { code },
            error @ Error::UpdateApp { .. } => Self::UpdateApp { reason: error.to_string() },
            Error::Answered { code, params } => Self::Answered { code, params: map(params) },
            Error::UnsentWork { commands } => Self::UnsentWork { commands },
            Error::TooLarge { what, limit } => Self::TooLarge { what: what.to_owned(), limit },
            Error::Store(error) => error.into(),
            Error::BadId(error) => Self::BadInput { reason: error.to_string() },
            // What an app hands over is parsed before the core sees it: the rest came by the wire.
            other => Self::UnexpectedAnswer { reason: other.to_string() },
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = error.code().to_owned();
        match error {
            StoreError::DiskFull => Self::DiskFull,
            StoreError::Locked => Self::StoreInUse,
            StoreError::KeyUnavailable => Self::KeyUnavailable,
            StoreError::WrongKey => Self::WrongKey,
            error @ StoreError::Newer { .. } => Self::UpdateApp { reason: error.to_string() },
            StoreError::Damaged { .. } => Self::StoreDamaged { code, reason: error.to_string() },
            error if error.asks_for_salvage() => {
                Self::StoreDamaged { code, reason: error.to_string() }
            }
            other => Self::Store { code, reason: other.to_string() },
        }
    }
}

/// JSON that does not read. Its texts are left out: a log may get the reason.
pub(crate) fn bad_json(error: &serde_json::Error) -> ApiError {
    let reason = error.to_string();
    let reason = match (reason.find('"'), reason.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}\"...\"{}", &reason[..first], &reason[last + 1..])
        }
        _ => reason,
    };
    ApiError::BadInput { reason }
}

fn map(params: BTreeMap<String, String>) -> HashMap<String, String> {
    params.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::rules::Command;

    #[test]
    fn what_is_wrong_with_json_is_told_without_its_texts() {
        let json = r#"{"command":"assign","person":"Mrs \"Zhang\", 3-2-1501"}"#;
        let error = serde_json::from_str::<Command>(json).expect_err("no number");
        assert!(error.to_string().contains("Zhang"), "the test has something to hide: {error}");
        let told = bad_json(&error).to_string();
        assert!(!told.contains("Zhang") && told.contains("invalid type"), "{told}");
        let error = serde_json::from_str::<Command>("{").expect_err("cut off");
        assert!(bad_json(&error).to_string().contains("line 1 column 1"));
    }

    #[test]
    fn each_error_of_the_store_that_an_app_acts_on_has_its_own_variant() {
        let told = |error| ApiError::from(sync_core::Error::Store(error));
        assert!(matches!(told(StoreError::Locked), ApiError::StoreInUse));
        assert!(matches!(told(StoreError::WrongKey), ApiError::WrongKey));
        assert!(matches!(told(StoreError::DiskFull), ApiError::DiskFull));
        assert!(matches!(told(StoreError::Newer { version: 9 }), ApiError::UpdateApp { .. }));
        assert!(matches!(told(StoreError::KeyUnavailable), ApiError::KeyUnavailable));
        let damaged = [
            (StoreError::Truncated, "truncated"),
            (StoreError::HeaderDamaged, "header_damaged"),
            (StoreError::LogDamaged, "log_damaged"),
            (StoreError::Damaged { table: "record", row: "1".to_owned() }, "row_damaged"),
        ];
        for (error, expected) in damaged {
            let told = told(error);
            assert!(matches!(&told, ApiError::StoreDamaged { code, .. } if code == expected));
        }
        let other = told(StoreError::NotAStore);
        assert!(matches!(&other, ApiError::Store { code, .. } if code == "not_a_store"));
    }
}
