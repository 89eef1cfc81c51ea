//! What facts say: every fact type this version knows, and a carrier for those it does not.

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::alarm::AlarmFact;
use super::canonical::NotCanonical;
use super::complaint::{ComplaintCreated, ComplaintFact};
use super::follow_up::{FollowUpCreated, FollowUpFact};
use super::hand_over::{HandOverCreated, HandOverFact};
use super::id::{FactKey, PersonId, RecordId, SiteId};
use super::paid_service::{PaidServiceCreated, PaidServiceFact};
use super::patrol::PatrolFact;
use super::periodic::{PeriodicFact, PeriodicTaskCreated};
use super::person::Role;
use super::price_item::{PriceItemCreated, PriceItemFact};
use super::reception::{ReceptionCreated, ReceptionFact};
use super::repair_notice::{RepairNoticeCreated, RepairNoticeFact};
use super::time::WallMs;
use super::violation::{ViolationCreated, ViolationFact};
use super::work_order::WorkOrderFact;

/// Makes the types that name every kind's facts and openings: a new kind is one line each.
macro_rules! kinds {
    (
        facts { $($(#[$fact_doc:meta])* $fact:ident($content:ty),)+ }
        openings { $($(#[$opening_doc:meta])* $opening:ident($name:literal, $created:ty),)+ }
    ) => {
        /// The content of a fact.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Payload {
            /// A type every kind has.
            General(GeneralFact),
            $($(#[$fact_doc])* $fact($content),)+
            /// A newer app's type, or a known type in a newer shape: carried and shown as such.
            Unknown {
                /// `t`
                fact_type: String,
                /// `p`
                content: Value,
            },
        }

        impl Payload {
            /// Reads `t` and `p` of a fact; what this version does not know becomes `Unknown`.
            pub fn from_parts(fact_type: String, content: Value) -> Self {
                let content = if content.is_null() { Value::Object(Map::new()) } else { content };
                let name = Value::String(fact_type);
                if let Some(fact) = read(&name, &content) {
                    return Self::General(fact);
                }
                $(if let Some(fact) = read(&name, &content) {
                    return Self::$fact(fact);
                })+
                let Value::String(fact_type) = name else { unreachable!("made above") };
                Self::Unknown { fact_type, content }
            }

            /// Every type of every kind's facts, with the name of its variant here.
            #[cfg(test)]
            pub(crate) fn every_type() -> Vec<(&'static str, String)> {
                let mut all = Vec::new();
                $({
                    let unknown = read_parts::<$content>(&Value::String("?".to_owned()), None);
                    let told = unknown.expect_err("no such type").to_string();
                    // unknown variant `?`, expected one of `ring`, `knock`
                    let types = told.split('`').skip(3).step_by(2);
                    all.extend(types.map(|name| (stringify!($fact), name.to_owned())));
                })+
                all
            }

            /// `t` and `p` in one object; `None` for what this version does not know.
            fn tagged(&self) -> Option<serde_json::Result<Value>> {
                Some(match self {
                    Self::General(fact) => serde_json::to_value(fact),
                    $(Self::$fact(fact) => serde_json::to_value(fact),)+
                    Self::Unknown { .. } => return None,
                })
            }
        }

        /// A step of a kind's work, as an app sends it: `{"t": "ring", "p": {"visit": "..."}}`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Step {
            $($(#[$fact_doc])* $fact($content),)+
        }

        impl<'de> Deserialize<'de> for Step {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let StepParts { t, p } = StepParts::deserialize(deserializer)?;
                let content = if p.is_null() { Value::Object(Map::new()) } else { p };
                $(if let Some(fact) = read(&t, &content) {
                    return Ok(Self::$fact(fact));
                })+
                Err(D::Error::custom(format_args!("no step, or not one of this shape: {t}")))
            }
        }

        impl From<Step> for Payload {
            fn from(step: Step) -> Self {
                match step {
                    $(Step::$fact(fact) => Self::$fact(fact),)+
                }
            }
        }

        $(impl From<$content> for Step {
            fn from(fact: $content) -> Self {
                Self::$fact(fact)
            }
        })+

        /// What a record of a kind is opened with, as an app sends it:
        /// `{"kind": "violation", ...}`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum OpeningContent {
            $($(#[$opening_doc])* #[serde(rename = $name)] $opening($created),)+
        }

        impl OpeningContent {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$opening(_) => $name,)+
                }
            }

            /// The members of `created`.
            pub fn members(&self) -> Map<String, Value> {
                let value = match self {
                    $(Self::$opening(created) => serde_json::to_value(created),)+
                };
                match value {
                    Ok(Value::Object(members)) => members,
                    _ => Map::new(),
                }
            }

            /// Reads the members of a `created` of `kind`; `None` for a kind that is not among
            /// these, or members that are not its.
            pub fn of(kind: &str, members: &Map<String, Value>) -> Option<Self> {
                let content = || Value::Object(members.clone());
                match kind {
                    $($name => serde_json::from_value(content()).ok().map(Self::$opening),)+
                    _ => None,
                }
            }
        }

        $(impl From<$created> for OpeningContent {
            fn from(created: $created) -> Self {
                Self::$opening(created)
            }
        })+
    };
}

kinds! {
    facts {
        /// A type of work orders and their visits.
        WorkOrder(WorkOrderFact),
        /// A type of patrol rounds.
        Patrol(PatrolFact),
        /// A type of alarms.
        Alarm(AlarmFact),
        /// A type of violations.
        Violation(ViolationFact),
        /// A type of price items.
        PriceItem(PriceItemFact),
        /// A type of paid-service orders beside those of work orders.
        PaidService(PaidServiceFact),
        /// A type of hand-overs.
        HandOver(HandOverFact),
        /// A type of complaints.
        Complaint(ComplaintFact),
        /// A type of periodic tasks.
        Periodic(PeriodicFact),
        /// A type of receptions.
        Reception(ReceptionFact),
        /// A type of notices.
        RepairNotice(RepairNoticeFact),
        /// A type of follow-ups.
        FollowUp(FollowUpFact),
    }
    openings {
        /// A violation.
        Violation("violation", ViolationCreated),
        /// A price item.
        PriceItem("price_item", PriceItemCreated),
        /// A paid-service order.
        PaidService("paid_service", PaidServiceCreated),
        /// A hand-over.
        HandOver("hand_over", HandOverCreated),
        /// A complaint.
        Complaint("complaint", ComplaintCreated),
        /// A periodic task.
        Periodic("periodic_task", PeriodicTaskCreated),
        /// A reception.
        Reception("reception", ReceptionCreated),
        /// A notice of a repair.
        RepairNotice("repair_notice", RepairNoticeCreated),
        /// A follow-up.
        FollowUp("follow_up", FollowUpCreated),
    }
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
    /// What was closed is open again.
    CaseReopened(CaseReopened),
    /// A photo or document, announced by its hash; its bytes travel in the blob lane.
    Attached(Attached),
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
    /// A moment has passed that the rule book tells somebody of; only the server writes it.
    FellDue(FellDue),
    /// What a `fell_due` rested on turned out otherwise; only the server writes it.
    DueWithdrawn(DueWithdrawn),
    /// The matter stands in another record too, which goes on: this one is put aside. Opening it
    /// again takes this back.
    DuplicateOf(DuplicateOf),
}

/// Payload of `duplicate_of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateOf {
    /// The record that goes on, of the same kind and site.
    pub record: RecordId,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// Payload of `attached`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its media type.
    pub media_type: String,
    /// What it is called, at most 60 characters.
    pub name: String,
}

/// Payload of `fell_due`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FellDue {
    /// The deadline's name.
    pub deadline: String,
    /// What it belongs to, where a record has several of that name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub of: Option<FactKey>,
    /// When it was due. Milliseconds.
    pub due_ms: WallMs,
    /// Whom it tells.
    pub tells: Vec<Role>,
}

/// Payload of `due_withdrawn`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueWithdrawn {
    /// The key of its `fell_due`.
    pub of: FactKey,
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

/// Payload of `case_reopened`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseReopened {
    /// The kind of case.
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
    /// Writes `t` and `p`.
    ///
    /// # Errors
    /// If the content cannot be JSON.
    pub fn to_parts(&self) -> Result<(String, Value), NotCanonical> {
        if let Self::Unknown { fact_type, content } = self {
            return Ok((fact_type.clone(), content.clone()));
        }
        let tagged = self.tagged().ok_or(NotCanonical::Syntax)?;
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

/// A step as it is sent; `p` may be left out where it has no members.
#[derive(Deserialize)]
struct StepParts {
    t: Value,
    #[serde(default)]
    p: Value,
}

/// One parse attempt. The type's name comes first, so that a type of another kind costs no look at
/// its content. A unit type has an empty object as content in the JSON, serde wants null.
fn read<T: DeserializeOwned>(fact_type: &Value, content: &Value) -> Option<T> {
    let parts = |content| read_parts(fact_type, content).ok();
    let empty = content.as_object().is_some_and(Map::is_empty);
    parts(Some(content)).or_else(|| if empty { parts(None) } else { None })
}

fn read_parts<T: DeserializeOwned>(
    fact_type: &Value,
    content: Option<&Value>,
) -> serde_json::Result<T> {
    let parts = [("t", fact_type)].into_iter().chain(content.map(|content| ("p", content)));
    T::deserialize(MapDeserializer::new(parts))
}
