//! A fact: the only thing that is ever written into a record.
//!
//! Stored as canonical JSON under its key; [`Fact`] is the parsed view. The text is the truth:
//! what this version does not know stays in it and is carried.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical::{self, NotCanonical};
use super::id::{FactKey, PersonId};
use super::payload::Payload;
use super::time::{MonotonicMs, Seen, WallMs};

/// A fact as it is stored and sent: its key and its canonical JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredFact {
    /// Its name in the record.
    pub key: FactKey,
    /// Canonical JSON (RFC 8785).
    pub json: String,
}

impl std::fmt::Debug for StoredFact {
    /// Redacted: the content is the department's, not a log's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.key, self.json.len())
    }
}

impl StoredFact {
    /// The parsed view.
    ///
    /// # Errors
    /// If the text is not canonical JSON, or no fact.
    pub fn parse(&self) -> Result<Fact, BadFact> {
        Fact::parse(self.key, &self.json)
    }
}

/// Why a text is no fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFact {
    /// Not canonical JSON.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// Canonical JSON without the members every fact has, or with a wrong type in one.
    #[error("not a fact")]
    Shape,
}

/// The parsed view of a fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its name in the record.
    pub key: FactKey,
    /// `w`: the writer's wall clock, milliseconds.
    pub wall_ms: WallMs,
    /// `m`: the writer's monotonic clock, milliseconds since boot; the office has none.
    pub monotonic_ms: Option<MonotonicMs>,
    /// `s`: what the writer had seen of the site's feed.
    pub seen: Seen,
    /// `after`: the latest facts of this record the writer had seen; `None` means "the writer's
    /// own previous one in this record".
    pub after: Option<Vec<FactKey>>,
    /// `said_at`: when it really happened, for a step stated afterwards (补录).
    pub said_at_ms: Option<WallMs>,
    /// `on_behalf_of`: whom the writer stands in for.
    pub on_behalf_of: Option<PersonId>,
    /// `corrects`: earlier facts this one puts right.
    pub corrects: Vec<FactKey>,
    /// `t` and `p`.
    pub payload: Payload,
    /// `p` as it was stored, members of a newer app included; `None` for a fact that was not.
    pub stored_content: Option<Value>,
}

/// The frozen JSON members of a fact (DESIGN 14).
#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    after: Option<Vec<FactKey>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    corrects: Vec<FactKey>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    m: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    on_behalf_of: Option<PersonId>,
    /// Left out when the payload has no members.
    #[serde(skip_serializing_if = "Value::is_null", default)]
    p: Value,
    s: Seen,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    said_at: Option<i64>,
    t: String,
    w: i64,
}

impl Fact {
    /// Parses the canonical JSON stored under `key`.
    ///
    /// # Errors
    /// If `json` is not canonical or lacks a member every fact has. A payload this version does
    /// not know is no error.
    pub fn parse(key: FactKey, json: &str) -> Result<Self, BadFact> {
        let value = canonical::parse(json)?;
        let members: Members = serde_json::from_value(value).map_err(|_| BadFact::Shape)?;
        Ok(Self {
            key,
            wall_ms: members.w,
            monotonic_ms: members.m,
            seen: members.s,
            after: members.after,
            said_at_ms: members.said_at,
            on_behalf_of: members.on_behalf_of,
            corrects: members.corrects,
            stored_content: Some(content_of(&members.p)),
            payload: Payload::from_parts(members.t, members.p),
        })
    }

    /// Writes the fact as it is stored.
    ///
    /// # Errors
    /// If the payload holds what canonical JSON cannot (a fraction, an integer beyond 2^53).
    pub fn store(&self) -> Result<StoredFact, NotCanonical> {
        let (t, p) = self.payload.to_parts()?;
        let members = Members {
            after: self.after.clone(),
            corrects: self.corrects.clone(),
            m: self.monotonic_ms,
            on_behalf_of: self.on_behalf_of,
            p: if p.as_object().is_some_and(serde_json::Map::is_empty) { Value::Null } else { p },
            s: self.seen,
            said_at: self.said_at_ms,
            t,
            w: self.wall_ms,
        };
        let value = serde_json::to_value(members).map_err(|_| NotCanonical::Syntax)?;
        Ok(StoredFact { key: self.key, json: canonical::write(&value)? })
    }
}

/// `p`, an empty object where it is left out.
fn content_of(p: &Value) -> Value {
    if p.is_null() { Value::Object(serde_json::Map::new()) } else { p.clone() }
}
