//! What facts say: every fact type this version knows, and a carrier for those it does not.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alarm::AlarmFact;
use super::canonical::NotCanonical;
use super::id::{FactKey, PersonId, SiteId};
use super::patrol::PatrolFact;
use super::work_order::WorkOrderFact;

/// The content of a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// A type every kind has.
    General(GeneralFact),
    /// A type of work orders and their visits.
    WorkOrder(WorkOrderFact),
    /// A type of patrol rounds.
    Patrol(PatrolFact),
    /// A type of alarms.
    Alarm(AlarmFact),
    /// A newer app's type, or a known type in a newer shape: carried and shown as such.
    Unknown {
        /// `t`
        fact_type: String,
        /// `p`
        content: Value,
    },
}

/// The fact types every kind has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum GeneralFact {
    /// Opens the record. Several are compared by payload.
    Created(Created),
    /// Writes a field.
    Set(Set),
    /// Ends a conflict of a field: the only fact that does.
    Resolve(Resolve),
    /// Free text.
    Note(Note),
    /// The office closes a case of this record.
    CaseClosed(CaseClosed),
    /// A person has seen a fact that concerns them.
    Read(OfFact),
    /// A person takes on what a fact tells them.
    Acknowledged(OfFact),
    /// The office asks a person.
    Asked(Asked),
    /// The person answers.
    Answered(Answered),
    /// Stops deadlines, with a reason.
    DeadlinePaused(DeadlinePaused),
    /// Ends a pause: `of` is the key of its `deadline_paused`.
    DeadlineResumed(OfFact),
}

/// Payload of `deadline_paused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlinePaused {
    /// The names of the deadlines it stops; all of the record if none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deadlines: Vec<String>,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// Payload of `read`, `acknowledged` and `deadline_resumed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfFact {
    /// The fact.
    pub of: FactKey,
}

/// Payload of `asked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Whom.
    pub person: PersonId,
    /// At most 1,000 characters.
    pub text: String,
}

/// Payload of `answered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The key of its `asked`.
    pub question: FactKey,
    /// At most 1,000 characters.
    pub text: String,
}

/// Payload of `created`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// The kind of record, e.g. `work_order`.
    pub kind: String,
    /// The site it belongs to, for ever.
    pub site: SiteId,
    /// The schema version of the app that wrote it.
    pub schema: u32,
    /// The cause its id derives from; left out when it is `<session>.<n>` of this fact's own key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// The kind's own members.
    #[serde(flatten)]
    pub content: serde_json::Map<String, Value>,
}

/// Payload of `set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Set {
    /// The field's name.
    pub field: String,
    /// Its new value.
    pub value: Value,
    /// The keys of the values it replaces: none or one.
    pub replaces: Vec<FactKey>,
    /// Random, for a contact's fields: without it a hash of the fact would tell who tries values.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub salt: Option<String>,
}

/// Payload of `resolve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolve {
    /// The field's name.
    pub field: String,
    /// The value that holds from here.
    pub value: Value,
    /// The keys of all the values it decides between.
    pub replaces: Vec<FactKey>,
    /// Why.
    pub reason: String,
}

/// Payload of `case_closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseClosed {
    /// The kind of case, e.g. `two_peoples_visits`.
    pub case: String,
    /// The facts it rests on.
    pub rests_on: Vec<FactKey>,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// Payload of `note`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The text, at most 1,000 characters.
    pub text: String,
}

impl Payload {
    /// Reads `t` and `p` of a fact; what this version does not know becomes `Unknown`.
    pub fn from_parts(fact_type: String, content: Value) -> Self {
        let content = if content.is_null() { Value::Object(Default::default()) } else { content };
        let tagged = serde_json::json!({ "t": fact_type, "p": content });
        if let Some(fact) = read(&tagged) {
            return Self::General(fact);
        }
        if let Some(fact) = read(&tagged) {
            return Self::WorkOrder(fact);
        }
        if let Some(fact) = read(&tagged) {
            return Self::Patrol(fact);
        }
        if let Some(fact) = read(&tagged) {
            return Self::Alarm(fact);
        }
        Self::Unknown { fact_type, content }
    }

    /// Writes `t` and `p`.
    ///
    /// # Errors
    /// If the content cannot be JSON.
    pub fn to_parts(&self) -> Result<(String, Value), NotCanonical> {
        let tagged = match self {
            Self::General(fact) => serde_json::to_value(fact),
            Self::WorkOrder(fact) => serde_json::to_value(fact),
            Self::Patrol(fact) => serde_json::to_value(fact),
            Self::Alarm(fact) => serde_json::to_value(fact),
            Self::Unknown { fact_type, content } => {
                return Ok((fact_type.clone(), content.clone()));
            }
        };
        let mut tagged = tagged.map_err(|_| NotCanonical::Syntax)?;
        let content = tagged.get_mut("p").map_or(Value::Object(Default::default()), Value::take);
        let fact_type = tagged["t"].as_str().ok_or(NotCanonical::Syntax)?.to_owned();
        Ok((fact_type, content))
    }

    /// `t`: the fact type's name.
    pub fn fact_type(&self) -> String {
        self.to_parts().map_or_else(|_| String::new(), |(fact_type, _)| fact_type)
    }
}

/// A step of a kind's work, as an app sends it: `{"t": "ring", "p": {"visit": "..."}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// Of an order or its visits.
    WorkOrder(WorkOrderFact),
    /// Of a patrol round.
    Patrol(PatrolFact),
    /// Of an alarm.
    Alarm(AlarmFact),
}

impl From<Step> for Payload {
    fn from(step: Step) -> Self {
        match step {
            Step::WorkOrder(fact) => Self::WorkOrder(fact),
            Step::Patrol(fact) => Self::Patrol(fact),
            Step::Alarm(fact) => Self::Alarm(fact),
        }
    }
}

impl From<WorkOrderFact> for Step {
    fn from(fact: WorkOrderFact) -> Self {
        Self::WorkOrder(fact)
    }
}

impl From<PatrolFact> for Step {
    fn from(fact: PatrolFact) -> Self {
        Self::Patrol(fact)
    }
}

impl From<AlarmFact> for Step {
    fn from(fact: AlarmFact) -> Self {
        Self::Alarm(fact)
    }
}

/// One parse attempt. A unit type has an empty object as content in the JSON, serde wants null.
fn read<T: for<'de> Deserialize<'de>>(tagged: &Value) -> Option<T> {
    if let Ok(fact) = T::deserialize(tagged) {
        return Some(fact);
    }
    let empty = tagged["p"].as_object().is_some_and(serde_json::Map::is_empty);
    let unit = serde_json::json!({ "t": tagged["t"] });
    if empty { T::deserialize(&unit).ok() } else { None }
}
