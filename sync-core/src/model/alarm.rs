//! Alarms (报警): sent before everything else, told to whoever is on duty until somebody
//! acknowledges.

use serde::{Deserialize, Serialize};

use super::id::{FactKey, PersonId, RecordId};

/// The kind's name.
pub const KIND: &str = "alarm";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// What the alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// A smell of gas whose cause is unknown (六 3.3.2).
    Gas,
    /// A smell of burning whose cause is unknown (六 3.3.2).
    Burning,
    /// A planned round has not begun: the server's.
    RoundNotStarted,
    /// Anything else that cannot wait.
    Other,
}

/// Members of `created` of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmCreated {
    /// What it is about.
    pub alarm: AlarmKind,
    /// Where.
    pub place: String,
    /// What was noticed, at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// The round it comes from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub round: Option<RecordId>,
}

/// Payload of `alerted`: the server tells somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerted {
    /// Whom.
    pub person: PersonId,
    /// 0 for the first one, 1 for the next ...
    pub rank: u32,
}

/// Payload of `radioed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Radioed {
    /// Who answered.
    pub answered_by: String,
}

/// Payload of `alarm_settled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmSettled {
    /// The cause and what was done, at most 1,000 characters.
    pub text: String,
}

/// Payload of `alarm_withdrawn`: what it rested on has turned out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmWithdrawn {
    /// The fact of the round that shows it.
    pub shown_by: FactKey,
}

/// The fact types of alarms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum AlarmFact {
    /// Somebody is told; only the server writes it.
    Alerted(Alerted),
    /// Nobody is left on the roster to tell; only the server writes it.
    NobodyLeft,
    /// It was said by radio too.
    Radioed(Radioed),
    /// It is over.
    AlarmSettled(AlarmSettled),
    /// The round has begun after all, and before the alarm; only the server writes it.
    AlarmWithdrawn(AlarmWithdrawn),
}
