//! Bounds of what arrives: a phone whose checks were patched out brings no longer texts and no
//! wilder numbers than an honest one could have saved. Only what a fact says by itself is looked
//! at: whether what it names is there is no bound, and what this version does not read is carried.
//! What the server writes by a rule comes this way never. Kinds with rules of their own have
//! `Kind::check`.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::check::{check_contact, check_content, check_field, check_order};
use super::check_patrol;
use super::denial::{Denial, DenialCode};
use super::kind;
use super::limits::{self, text};
use super::sla::PAUSED_NAMES_MAX;
use crate::model::payload::{Created, GeneralFact, Payload};
use crate::model::{alarm, contact, patrol, work_order};

/// Whether a fact for a record of `kind` is within its bounds.
pub(super) fn check_bounds(payload: &Payload, kind: &str) -> Result<(), Denial> {
    match payload {
        Payload::General(fact) => general(fact, kind),
        Payload::WorkOrder(content) => check_content(content),
        Payload::Patrol(content) => check_patrol::check_content(content),
        Payload::Alarm(content) => check_patrol::check_alarm_step(content),
        _ => Ok(()),
    }
}

fn general(fact: &GeneralFact, kind: &str) -> Result<(), Denial> {
    let name = |field: &str, value: &str| text(field, value, limits::NAME_CHARACTERS_MAX);
    let note = |value: &str| text("text", value, limits::NOTE_CHARACTERS_MAX);
    let reason = |value: &str| text("reason", value, limits::REASON_CHARACTERS_MAX);
    match fact {
        GeneralFact::Created(created) => opening(created, kind),
        GeneralFact::Set(set) => {
            name("field", &set.field)?;
            value(kind, &set.field, &set.value)?;
            // An app's own random text, which nothing before this has bounded.
            let mut salt = set.salt.iter().filter(|salt| !salt.is_empty());
            salt.try_for_each(|salt| text("salt", salt, limits::NOTE_CHARACTERS_MAX))
        }
        GeneralFact::Resolve(resolve) => {
            name("field", &resolve.field)?;
            value(kind, &resolve.field, &resolve.value)?;
            reason(&resolve.reason)
        }
        GeneralFact::Note(of) => note(&of.text),
        GeneralFact::Asked(of) => note(&of.text),
        GeneralFact::Answered(of) => note(&of.text),
        GeneralFact::CaseClosed(of) => {
            name("case", &of.case)?;
            reason(&of.reason)
        }
        GeneralFact::CaseReopened(of) => {
            name("case", &of.case)?;
            reason(&of.reason)
        }
        GeneralFact::DeadlinePaused(of) => {
            if of.deadlines.len() > PAUSED_NAMES_MAX {
                return Err(Denial::new(DenialCode::OutOfRange).with("field", "deadlines"));
            }
            of.deadlines.iter().try_for_each(|deadline| name("deadlines", deadline))?;
            reason(&of.reason)
        }
        GeneralFact::DuplicateOf(of) => reason(&of.reason),
        _ => Ok(()),
    }
}

/// A field that this version does not know is a newer app's.
fn value(kind: &str, field: &str, value: &Value) -> Result<(), Denial> {
    match check_field(kind, field, value) {
        Err(denial) if denial.code == DenialCode::UnknownField => Ok(()),
        checked => checked,
    }
}

fn opening(created: &Created, kind: &str) -> Result<(), Denial> {
    // Those of kinds with rules of their own are looked at with who may open them.
    if kind::kind(kind).is_some() {
        return Ok(());
    }
    match kind {
        work_order::KIND => read(created).map_or(Ok(()), |order| check_order(&order)),
        contact::KIND => read(created).map_or(Ok(()), |contact| check_contact(&contact)),
        patrol::PLAN => read(created).map_or(Ok(()), |plan| check_patrol::check_plan(&plan)),
        patrol::ROUND => read(created).map_or(Ok(()), |round| check_patrol::check_round(&round)),
        alarm::KIND => read(created).map_or(Ok(()), |alarm| check_patrol::check_alarm(&alarm)),
        _ => Ok(()),
    }
}

/// None for a newer schema's shape.
fn read<T: DeserializeOwned>(created: &Created) -> Option<T> {
    serde_json::from_value(Value::Object(created.content.clone())).ok()
}
