//! Why a task has no answer: a stable code, its words, and what the program exits with.

use std::collections::BTreeMap;

use fieldbook_mobile::ApiError;

use crate::words::Language;

/// A rule said no, or an argument is not what it should be.
const REFUSED_EXIT: u8 = 1;
/// The server was not reached, or did not take the request.
const OFFLINE_EXIT: u8 = 2;
/// The store or a file of the profile.
const STORE_EXIT: u8 = 3;
/// The command line cannot be read.
pub const USAGE_EXIT: u8 = 64;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the program exits with.
    pub exit: u8,
    /// A stable code.
    pub code: String,
    /// Parameters of its words.
    pub params: BTreeMap<String, String>,
    /// The catalogue that has the words.
    words: Words,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// `error-<code>` of the terminal's.
    Own(&'static str),
    /// `<group>-<code>` of the core's.
    Core(&'static str),
    /// `store-<code>` of the core's, and what to do about it.
    Damaged,
}

impl Failure {
    fn own(exit: u8, code: &str, id: &'static str) -> Self {
        Self { exit, code: code.to_owned(), params: BTreeMap::new(), words: Words::Own(id) }
    }

    fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }

    /// An argument is not what it should be.
    pub fn bad_input(reason: impl ToString) -> Self {
        Self::own(REFUSED_EXIT, "bad_input", "error-bad-input").with("reason", reason)
    }

    /// A file that does not read or write; `what` is its path.
    pub fn file(what: impl ToString, why: &impl ToString) -> Self {
        let failure = Self::own(STORE_EXIT, "file", "error-file");
        failure.with("what", what).with("why", why.to_string())
    }

    /// There is something else in the place of an export.
    pub fn file_exists(what: impl ToString) -> Self {
        Self::own(REFUSED_EXIT, "file_exists", "error-file-exists").with("what", what)
    }

    /// Nobody enrolled in this profile.
    pub fn not_enrolled() -> Self {
        Self::own(OFFLINE_EXIT, "not_enrolled", "error-not-enrolled")
    }

    /// Signal is switched off.
    pub fn airplane() -> Self {
        Self::own(OFFLINE_EXIT, "airplane", "error-airplane")
    }

    /// No record the phone holds begins so.
    pub fn unknown_record(given: &str) -> Self {
        Self::own(REFUSED_EXIT, "unknown_record", "error-unknown-record").with("record", given)
    }

    /// Several records begin so.
    pub fn ambiguous_record(given: &str, count: usize) -> Self {
        let failure = Self::own(REFUSED_EXIT, "ambiguous_record", "error-ambiguous-record");
        failure.with("record", given).with("count", count)
    }

    /// This person has no open visit in the record.
    pub fn no_open_visit() -> Self {
        Self::own(REFUSED_EXIT, "no_open_visit", "error-no-open-visit")
    }

    /// A rule of the core said no.
    pub fn is_denial(&self) -> bool {
        self.words == Words::Core("denial")
    }

    /// The words.
    pub fn text(&self, language: Language) -> String {
        let arguments: Vec<(&str, &str)> =
            self.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match self.words {
            Words::Own(id) => language.say(id, &arguments),
            Words::Core(group) => {
                let id = format!("{group}-{}", self.code.replace('_', "-"));
                language.core(&id, &arguments)
            }
            Words::Damaged => {
                let damage = language.code("store", &self.code);
                format!("{damage} ({})", language.say("error-salvage", &[]))
            }
        }
    }

    fn core(exit: u8, group: &'static str, code: String) -> Self {
        Self { exit, code, params: BTreeMap::new(), words: Words::Core(group) }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Denied { code, params } => Self {
                params: params.into_iter().collect(),
                ..Self::core(REFUSED_EXIT, "denial", code)
            },
            ApiError::Offline { reason } => {
                Self::own(OFFLINE_EXIT, "offline", "error-offline").with("reason", reason)
            }
            ApiError::RetryLater { delay_ms } => {
                let seconds = delay_ms.saturating_add(999) / 1_000;
                Self::own(OFFLINE_EXIT, "retry_later", "error-retry-later").with("seconds", seconds)
            }
            ApiError::SignInAgain { code } if code == "not_enrolled" => Self::not_enrolled(),
            ApiError::SignInAgain { code } => Self::core(OFFLINE_EXIT, "problem", code),
            ApiError::UpdateApp { reason } => {
                Self::own(OFFLINE_EXIT, "update_app", "error-update-app").with("reason", reason)
            }
            ApiError::Answered { code, params } => Self {
                params: params.into_iter().collect(),
                ..Self::core(OFFLINE_EXIT, "problem", code)
            },
            ApiError::UnexpectedAnswer { reason } => {
                let failure = Self::own(OFFLINE_EXIT, "unexpected_answer", "error-unexpected");
                failure.with("reason", reason)
            }
            ApiError::UnsentWork { commands } => {
                Self::own(REFUSED_EXIT, "unsent_work", "error-unsent-work").with("count", commands)
            }
            ApiError::TooLarge { what, limit } => {
                let failure = Self::own(REFUSED_EXIT, "too_large", "error-too-large");
                failure.with("what", what).with("limit", limit)
            }
            ApiError::BadInput { reason } => Self::bad_input(reason),
            ApiError::DiskFull => Self::own(STORE_EXIT, "disk_full", "error-disk-full"),
            ApiError::StoreInUse => Self::own(STORE_EXIT, "store_in_use", "error-store-in-use"),
            ApiError::WrongKey => Self::own(STORE_EXIT, "wrong_key", "error-wrong-key"),
            ApiError::KeyUnavailable => {
                Self::core(STORE_EXIT, "store", "key_unavailable".to_owned())
            }
            ApiError::StoreDamaged { code, reason } => {
                let failure = Self::core(STORE_EXIT, "store", code);
                Self { words: Words::Damaged, ..failure }.with("reason", reason)
            }
            ApiError::Store { code, reason } => {
                Self::core(STORE_EXIT, "store", code).with("reason", reason)
            }
            ApiError::Closed => Self::own(STORE_EXIT, "closed", "error-closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_tell_a_no_from_no_signal_from_a_broken_store() {
        let denied = ApiError::Denied { code: "not_your_role".to_owned(), params: [].into() };
        let offline = ApiError::Offline { reason: "no route".to_owned() };
        let exits = [denied, offline, ApiError::StoreInUse].map(|error| Failure::from(error).exit);
        assert_eq!(exits, [1, 2, 3]);
    }

    #[test]
    fn a_failure_has_words_and_not_its_id() {
        for failure in [
            Failure::from(ApiError::RetryLater { delay_ms: 1_001 }),
            Failure::from(ApiError::SignInAgain { code: "device_revoked".to_owned() }),
            Failure::from(ApiError::Denied { code: "text_empty".to_owned(), params: [].into() }),
            Failure::from(ApiError::WrongKey),
            Failure::from(ApiError::KeyUnavailable),
            Failure::from(ApiError::Store { code: "files".to_owned(), reason: String::new() }),
            Failure::from(ApiError::StoreDamaged {
                code: "truncated".to_owned(),
                reason: String::new(),
            }),
            Failure::ambiguous_record("ab", 2),
        ] {
            for language in [Language::ZhCn, Language::En] {
                let text = failure.text(language);
                assert!(!text.contains("error-") && !text.contains("denial-"), "{text}");
                assert!(
                    !text.contains("problem-") && !text.contains("store-") && !text.contains("{ $"),
                    "{text}"
                );
            }
        }
        let patient = Failure::from(ApiError::RetryLater { delay_ms: 1_001 });
        assert_eq!(patient.params["seconds"], "2");
    }
}
