//! A rule's no, with a stable code and parameters for its text.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Every reason for which a rule says no. Codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialCode {
    /// The phone does not hold the record, or a command that needs one names none.
    RecordNotHere,
    /// The record left the person's scope: read-only.
    RecordLeft,
    /// None of the person's roles may do this there.
    NotYourRole,
    /// The command is for another kind of record.
    WrongKind,
    /// A text is longer than it may be; `limit` says how long.
    TextTooLong,
    /// A text must not be empty.
    TextEmpty,
    /// A number outside its range; `min`, `max`.
    OutOfRange,
    /// A time that is not RFC 3339.
    BadTime,
    /// A plain set may replace one value only.
    ReplacesSeveral,
    /// The field has two values: resolve it.
    FieldInConflict,
    /// There is no such field of this kind.
    UnknownField,
    /// There is nothing to resolve.
    NotInConflict,
    /// Names a visit, quote, charge or line that the record does not have.
    NoSuchFact,
    /// The strokes are no drawing.
    NotADrawing,
    /// What was signed is not what the record shows now.
    StatementDiffers,
    /// The record holds as many facts as a phone may write.
    RecordFull,
    /// The record is here already.
    RecordExists,
    /// What shows that somebody was there is missing: a tag, a position or a photo; `field`.
    ProofMissing,
    /// Something has to be on record first; `needs` says what.
    PreconditionMissing,
    /// A signature or money stands there, and neither merges by itself; `carries` names the facts.
    CarriesSignatureOrMoney,
}

impl DenialCode {
    /// Every code.
    pub const ALL: [Self; 20] = [
        Self::RecordNotHere,
        Self::RecordLeft,
        Self::NotYourRole,
        Self::WrongKind,
        Self::TextTooLong,
        Self::TextEmpty,
        Self::OutOfRange,
        Self::BadTime,
        Self::ReplacesSeveral,
        Self::FieldInConflict,
        Self::UnknownField,
        Self::NotInConflict,
        Self::NoSuchFact,
        Self::NotADrawing,
        Self::StatementDiffers,
        Self::RecordFull,
        Self::RecordExists,
        Self::ProofMissing,
        Self::PreconditionMissing,
        Self::CarriesSignatureOrMoney,
    ];
}

impl fmt::Display for DenialCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => f.write_str(&code),
            _ => Err(fmt::Error),
        }
    }
}

/// A rule's no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct Denial {
    /// Why.
    pub code: DenialCode,
    /// Parameters of its text.
    pub params: BTreeMap<String, String>,
}

impl Denial {
    /// A no without parameters.
    pub fn new(code: DenialCode) -> Self {
        Self { code, params: BTreeMap::new() }
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}
