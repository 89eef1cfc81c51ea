//! Two records of one matter: the desk took the call, and a phone without signal opened the same.
//! The office is told of the pair and says which one goes on; nothing merges by itself.

use super::denial::{Denial, DenialCode};
use super::limits::{self, text};
use super::order::Causality;
use super::review::{Review, policy};
use super::status::Status;
use crate::model::fact::Fact;
use crate::model::id::{DeviceId, FactKey, PersonId, RecordId, SiteId};
use crate::model::payload::{DuplicateOf, GeneralFact, Payload};
use crate::model::policy::SlaPolicy;
use crate::model::reception::{self, ReceptionFact};
use crate::model::time::WallMs;
use crate::model::work_order::{self, WorkOrderFact};

/// The kinds of records that are opened twice: whoever is told of a matter opens one.
pub const KINDS: [&str; 2] = [reception::KIND, work_order::KIND];

/// What decides whether two records may be one: columns of their list rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// The site.
    pub site: SiteId,
    /// The kind, one of [`KINDS`].
    pub kind: String,
    /// The unit, e.g. `3-2-1501`.
    pub unit: String,
    /// An order's category, or what a reception is about.
    pub sort: String,
    /// When it was opened. Milliseconds.
    pub opened_ms: WallMs,
    /// Who opened it, on which device.
    pub opened_by: (PersonId, DeviceId),
    /// How it stands.
    pub status: Status,
}

/// What a record can be taken for another by; none of a kind, or without a unit or a person, that
/// nobody opens twice.
pub fn likeness(review: &Review) -> Option<Likeness> {
    let created = review.timeline.iter().find(|entry| entry.fact_type == "created")?;
    let kind = KINDS.into_iter().find(|kind| *kind == review.kind)?;
    let sort = if kind == reception::KIND { "matter" } else { "category" };
    Some(Likeness {
        site: review.site?,
        kind: kind.to_owned(),
        unit: review.text("unit").filter(|unit| !unit.is_empty())?.to_owned(),
        sort: review.text(sort)?.to_owned(),
        opened_ms: created.at_ms,
        // What follows from a cause is one record already.
        opened_by: (created.by?, created.device?),
        status: review.status,
    })
}

/// So long apart two records opened at `opened_ms` may be one, by the policy in force then.
/// Milliseconds.
pub fn within_ms(policies: &[SlaPolicy], opened_ms: WallMs) -> i64 {
    policy(policies, opened_ms).duplicate_within_ms
}

/// Whether two records are perhaps one: both open, of one unit and sort, opened within so long by
/// two people or on two devices (R3.47).
pub fn are_suspects(one: &Likeness, other: &Likeness, within_ms: i64) -> bool {
    let is_over = |status: Status| {
        use Status::{Cancelled, Closed, Finished, Returned};
        matches!(status, Cancelled | Closed | Finished | Returned)
    };
    within_ms > 0
        && (one.site, &one.kind, &one.unit, &one.sort)
            == (other.site, &other.kind, &other.unit, &other.sort)
        && one.opened_by != other.opened_by
        && one.opened_ms.abs_diff(other.opened_ms) <= within_ms.unsigned_abs()
        && !is_over(one.status)
        && !is_over(other.status)
}

/// Facts that no other record takes over: they stay where they are, and so does their record.
const CARRIED: [&str; 6] =
    ["charged", "handed_in", "invoice_delivered", "invoiced", "refunded", "signed"];

/// Puts a record aside in favour of another.
///
/// # Errors
/// `carries_signature_or_money` names what stands in it; a reason that is empty or too long.
pub(super) fn put_aside(
    review: &Review,
    record: RecordId,
    reason: &str,
) -> Result<DuplicateOf, Denial> {
    if !KINDS.contains(&review.kind.as_str()) {
        return Err(Denial::new(DenialCode::WrongKind));
    }
    text("reason", reason, limits::REASON_CHARACTERS_MAX)?;
    if record == review.record {
        return Err(Denial::new(DenialCode::OutOfRange).with("field", "record"));
    }
    let stands = |name: &&str| review.timeline.iter().any(|entry| entry.fact_type == *name);
    let carried: Vec<&str> = CARRIED.into_iter().filter(|name| stands(name)).collect();
    // R3.49
    if !carried.is_empty() {
        let denial = Denial::new(DenialCode::CarriesSignatureOrMoney);
        return Err(denial.with("carries", carried.join(" ")));
    }
    Ok(DuplicateOf { record, reason: reason.to_owned() })
}

/// The record that goes on in this one's place: the last word that nobody who knew it has taken
/// back by opening the record again (R3.48).
pub(super) fn duplicate_of(causality: &Causality<'_>) -> Option<RecordId> {
    let named = |fact: &Fact| match &fact.payload {
        Payload::General(GeneralFact::DuplicateOf(of)) => Some((fact.key, of.record)),
        _ => None,
    };
    let words: Vec<(FactKey, RecordId)> =
        causality.facts.iter().filter_map(|fact| named(fact)).collect();
    let opens = |fact: &&&Fact| {
        matches!(
            fact.payload,
            Payload::WorkOrder(WorkOrderFact::Dispatched)
                | Payload::Reception(ReceptionFact::ReceptionReopened(_))
        )
    };
    if words.is_empty() {
        return None;
    }
    let again: Vec<FactKey> = causality.facts.iter().filter(opens).map(|fact| fact.key).collect();
    let stands = |key: FactKey| !again.iter().any(|later| causality.is_before(key, *later));
    words.into_iter().rev().find(|(key, _)| stands(*key)).map(|(_, record)| record)
}
