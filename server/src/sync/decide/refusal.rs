//! Every reason that is told of a command which is not accepted, in one enum: its words, its case
//! and its test are asked of this list.

use sync_core::document::{BuildError, GuardError};
use sync_core::model::fact::BadFact;
use sync_core::protocol::message::{Outcome, RECORD_PURGED};
use sync_core::rules::DenialCode;

use super::{QUOTA, UNDECIDED};
use crate::sync::log::{DISCARDED, Why};

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $code:expr, $outcome:ident;)*) => {
        /// Why a command is not accepted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Refusal {
            /// A rule says no.
            Denied(DenialCode),
            $($(#[$doc])* $variant,)*
        }

        impl Refusal {
            /// Every one.
            pub fn all() -> impl Iterator<Item = Self> {
                DenialCode::ALL.into_iter().map(Self::Denied).chain([$(Self::$variant,)*])
            }

            /// The stable code of its receipt.
            pub fn code(self) -> String {
                match self {
                    Self::Denied(code) => code.to_string(),
                    $(Self::$variant => $code.to_owned(),)*
                }
            }

            /// What is told with it.
            pub fn outcome(self) -> Outcome {
                match self {
                    Self::Denied(_) => Outcome::Refused,
                    $(Self::$variant => Outcome::$outcome,)*
                }
            }
        }
    };
}

refusals! {
    /// What it stands on was refused.
    RestsOnRefused = "rests_on_refused", Refused;
    /// The writer's account is disabled.
    AccountDisabled = "account_disabled", Refused;
    /// Nobody of that number is known.
    UnknownPerson = "unknown_person", Refused;
    /// The record's id does not follow from its opening.
    RecordIdMismatch = "record_id_mismatch", Refused;
    /// A signature that is not its own device's over this fact.
    SignatureNotValid = "signature_not_valid", Refused;
    /// The record was purged; nothing of the command is kept.
    RecordPurged = RECORD_PURGED, Refused;
    /// The office has discarded it.
    Discarded = DISCARDED, Refused;
    /// The pack is not what its sender built.
    CheckMismatch = "check_mismatch", Refused;
    /// The first change of a pack names a previous one.
    NoPrevious = "no_previous", Refused;
    /// The actor's number is not the next.
    WrongSeq = "wrong_seq", Refused;
    /// It does not stand on the actor's last change.
    NotOnOwnLast = "not_on_own_last", Refused;
    /// Its first operation does not follow its dependencies.
    WrongStartOp = "wrong_start_op", Refused;
    /// A key that only the server derives.
    DerivedKey = "derived_key", Refused;
    /// Facts of two commands.
    TwoCommands = "two_commands_in_one_change", Refused;
    /// A key out of order.
    WrongKey = "wrong_key", Refused;
    /// Another value stands under its key.
    EditedOldFact = "edited_old_fact", Refused;
    /// A value that is not in canonical form.
    NotCanonical = "not_canonical", Refused;
    /// A value that is no fact.
    NotAFact = "not_a_fact", Refused;
    /// It puts nothing.
    NoFacts = "no_facts", Refused;
    /// Too many facts, or too many bytes.
    TooLarge = "too_large", Refused;
    /// It names no dependency.
    NoDependencies = "no_dependencies", Refused;
    /// It names one twice.
    DuplicateDependency = "duplicate_dependency", Refused;
    /// It puts one key twice.
    DuplicateKey = "duplicate_key", Refused;
    /// Nothing has opened its record yet.
    NotOpened = "not_opened", Held;
    /// What it stands on waits too.
    RestsOnHeld = "rests_on_held", Held;
    /// What it stands on has not come.
    MissingDependency = "missing_dependency", Held;
    /// Deciding failed; it is tried again.
    Undecided = UNDECIDED, Held;
    /// The device's quota has no room for it.
    Quota = QUOTA, NotStored;
    /// A session that was never registered.
    UnknownSession = "unknown_session", NotStored;
    /// A session of somebody else.
    ForeignSession = "foreign_session", NotStored;
    /// The database did not take it.
    Unavailable = "unavailable", NotStored;
}

impl Refusal {
    /// What the guard says.
    pub fn of_guard(error: &GuardError) -> Self {
        match error {
            GuardError::MissingDependency { .. } => Self::MissingDependency,
            GuardError::NoPrevious => Self::NoPrevious,
            GuardError::Build(error) => Self::of_builder(error),
            GuardError::WrongSeq { .. } => Self::WrongSeq,
            GuardError::NotOnOwnLast { .. } => Self::NotOnOwnLast,
            GuardError::WrongStartOp { .. } => Self::WrongStartOp,
            GuardError::UnknownSession(_) => Self::UnknownSession,
            GuardError::ForeignSession(_) => Self::ForeignSession,
            GuardError::DerivedKey(_) => Self::DerivedKey,
            GuardError::TwoCommands => Self::TwoCommands,
            GuardError::WrongKey(_) => Self::WrongKey,
            GuardError::EditedOldFact(_) => Self::EditedOldFact,
            GuardError::BadFact { error: BadFact::NotCanonical(_), .. } => Self::NotCanonical,
            GuardError::BadFact { error: BadFact::Shape, .. } => Self::NotAFact,
            GuardError::RecordFull => Self::Denied(DenialCode::RecordFull),
        }
    }

    /// What the builder of changes says.
    pub fn of_builder(error: &BuildError) -> Self {
        match error {
            BuildError::NoFacts => Self::NoFacts,
            BuildError::TooManyFacts(_) | BuildError::TooLarge(_) => Self::TooLarge,
            BuildError::NoDependencies => Self::NoDependencies,
            BuildError::DuplicateDependency => Self::DuplicateDependency,
            BuildError::DuplicateKey(_) => Self::DuplicateKey,
            BuildError::KeyNumber => Self::WrongKey,
            BuildError::Seq(_) => Self::WrongSeq,
            BuildError::StartOp(_) => Self::WrongStartOp,
        }
    }

    /// As a reason without parameters.
    pub fn why(self) -> Why {
        Why::new(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sync_core::texts::{Language, has_text, id_of};

    use super::*;

    /// R0.14
    #[test]
    fn every_refusal_has_a_code_of_its_own_and_words_in_both_languages() {
        let mut codes = BTreeSet::new();
        for refusal in Refusal::all() {
            let code = refusal.code();
            assert!(codes.insert(code.clone()), "{code} stands twice");
            for language in [Language::ZhCn, Language::En] {
                let group =
                    if matches!(refusal, Refusal::Denied(_)) { "denial" } else { "refusal" };
                assert!(has_text(language, &id_of(group, &code)), "{group} {code} in {language}");
            }
        }
    }

    #[test]
    fn the_builder_and_the_guard_say_the_same_codes() {
        for error in [
            GuardError::NoPrevious,
            GuardError::TwoCommands,
            GuardError::RecordFull,
            GuardError::MissingDependency { hash: None },
            GuardError::WrongSeq { expected: 1, found: 2 },
            GuardError::WrongStartOp { expected: 1, found: 2 },
            GuardError::Build(BuildError::NoFacts),
            GuardError::Build(BuildError::NoDependencies),
            GuardError::Build(BuildError::DuplicateDependency),
            GuardError::Build(BuildError::KeyNumber),
        ] {
            assert_eq!(Refusal::of_guard(&error).code(), error.code());
        }
    }
}
