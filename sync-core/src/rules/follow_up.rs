//! Follow-ups (三 3.5, 二 4.4.1): the customer is asked in time, again where nobody was reached, and
//! who is not satisfied is the office's to look at.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cases::Case;
use super::closing::{Turn, Turns};
use super::deadlines::Deadline;
use super::denial::{Denial, DenialCode};
use super::form::Form;
use super::kind::{self, Details, FieldRule, FoldInput, Folded, Holds, Kind, Needs, name, note};
use super::limits;
use super::opening::{Opening, content_of};
use super::review::Review;
use super::sla::{Limit, Stamp, Target};
use super::status::Status;
use crate::model::follow_up::{
    FollowUpCreated, FollowUpFact, FollowUpReason, KIND, Reached, SCHEMA,
};
use crate::model::id::{FactKey, RecordId};
use crate::model::payload::{Created, OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::time::WallMs;
use crate::model::work_order::{Ratings, Signed};

/// A follow-up as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// What it is about.
    pub of: Option<RecordId>,
    /// Why.
    pub follow_up: Option<FollowUpReason>,
    /// Times that nobody was reached.
    pub attempts: u32,
    /// The fact by which the customer was asked first.
    pub reached: Option<FactKey>,
    /// Whether the customer is satisfied: as said last, and no where two calls disagree.
    pub satisfied: Option<bool>,
    /// How the customer rates it, as said last, and the lowest where calls disagree.
    pub ratings: Option<Ratings>,
    /// When it was closed; none while it is open.
    pub closed_at_ms: Option<WallMs>,
}

/// Who calls customers (三 3.5).
const CALLERS: &[Role] =
    &[Role::FrontDesk, Role::Assistant, Role::DutyOperator, Role::Supervisor, Role::ProjectManager];
/// Whom a call that is overdue is told.
const TOLD: &[Role] = &[Role::FrontDesk, Role::Assistant];
/// Low ratings that open a follow-up, of one order.
const OPENINGS_MAX: usize = 50;
/// The latest moment a time may name: the year 9999.
const AT_MS_MAX: i64 = 253_402_300_799_999;

/// The kind.
pub(super) struct FollowUps;

impl Kind for FollowUps {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> u32 {
        SCHEMA
    }

    fn opened_by(&self, _content: &OpeningContent) -> Result<Needs, Denial> {
        Ok(Needs::roles(CALLERS))
    }

    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial> {
        let OpeningContent::FollowUp(created) = content else {
            return Err(Denial::new(DenialCode::WrongKind));
        };
        created.unit.iter().try_for_each(|unit| name("unit", unit))?;
        let mut completed = created.completed_at_ms.iter();
        completed.try_for_each(|at_ms| limits::range("completed_at_ms", *at_ms, 0, AT_MS_MAX))?;
        created.description.iter().try_for_each(|text| {
            limits::text("description", text, limits::DESCRIPTION_CHARACTERS_MAX)
        })
    }

    fn fields(&self) -> &'static [FieldRule] {
        const fn rule(name: &'static str, holds: Holds) -> FieldRule {
            FieldRule { name, holds, roles: CALLERS }
        }
        const FIELDS: &[FieldRule] = &[
            rule("assignee", Holds::Person),
            rule("group", Holds::Whole(0, u32::MAX as i64)),
            rule("completed_at_ms", Holds::Whole(0, AT_MS_MAX)),
            rule("contact", Holds::Record),
            rule("description", Holds::Text(limits::DESCRIPTION_CHARACTERS_MAX)),
            rule("unit", Holds::Text(limits::NAME_CHARACTERS_MAX)),
        ];
        FIELDS
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["follow_up", "of"]
    }

    fn forms(&self) -> &'static [Form] {
        super::follow_up_forms::FORMS
    }

    fn needs(&self, payload: &Payload, _before: &Review) -> Result<Needs, Denial> {
        match payload {
            Payload::FollowUp(_) => Ok(Needs::roles(CALLERS)),
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[("reached", CALLERS), ("not_reached", CALLERS), ("follow_up_closed", CALLERS)]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        let Payload::FollowUp(fact) = payload else { return Ok(()) };
        match fact {
            FollowUpFact::Reached(of) => {
                let ratings = of.ratings.iter().flat_map(|r| [r.quality, r.attitude, r.conduct]);
                for rating in ratings {
                    limits::range("ratings", i64::from(rating), 1, 5)?;
                }
                note("text", &of.text)
            }
            FollowUpFact::NotReached(of) | FollowUpFact::FollowUpClosed(of) => {
                note("text", &of.text)
            }
        }
    }

    fn names(&self, _payload: &Payload) -> Vec<(FactKey, &'static str)> {
        Vec::new()
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let turns = Turns::of(input.causality, |fact| match &fact.payload {
            Payload::FollowUp(FollowUpFact::FollowUpClosed(_)) => Some(Turn::Closes),
            _ => None,
        });
        let closed = turns.closing(input);
        let (follow_up, latest) = fold(input, closed);
        let status = if closed.is_some() {
            Status::Closed
        } else if follow_up.reached.is_some() {
            Status::Reached
        } else if follow_up.attempts > 0 {
            Status::NotReached
        } else {
            Status::Opened
        };
        Folded {
            status,
            until_ms: None,
            deadlines: vec![deadline(&follow_up, turns.met(input), input)],
            cases: cases(&latest, input),
            closed_at_ms: follow_up.closed_at_ms,
            details: Some(Details::FollowUp(follow_up)),
        }
    }
}

/// What a call that reached the customer said.
type Call<'a> = (FactKey, &'a Reached);

/// The follow-up, and the calls that no later call knew of.
fn fold<'a>(input: &FoldInput<'a>, closed: Option<Stamp>) -> (FollowUp, Vec<Call<'a>>) {
    let mut calls: Vec<Call<'a>> = Vec::new();
    let mut attempts: u32 = 0;
    for fact in input.facts() {
        match &fact.payload {
            Payload::FollowUp(FollowUpFact::Reached(said)) => calls.push((fact.key, said)),
            Payload::FollowUp(FollowUpFact::NotReached(_)) => {
                attempts = attempts.saturating_add(1);
            }
            _ => {}
        }
    }
    let keys: Vec<FactKey> = calls.iter().map(|(key, _)| *key).collect();
    let latest = input.latest(&keys);
    let asked = keys.iter().filter_map(|key| input.causality.fact(*key));
    let reached = input.earliest(asked).map(|first| first.key);
    let rated = calls.iter().filter_map(|(key, said)| Some((*key, said.ratings?)));
    let last = input.causality.last(rated).into_iter().map(|(_, ratings)| ratings);
    let ratings = last.reduce(Ratings::lower);
    calls.retain(|(key, _)| latest.contains(key));
    let satisfied = (!calls.is_empty()).then(|| calls.iter().all(|(_, said)| said.satisfied));
    let follow_up = FollowUp {
        of: input.field("of"),
        follow_up: input.field("follow_up"),
        attempts,
        reached,
        satisfied,
        ratings,
        closed_at_ms: closed.map(|closed| closed.at_ms),
    };
    (follow_up, calls)
}

// R3.41
fn deadline(follow_up: &FollowUp, closed: Option<Stamp>, input: &FoldInput<'_>) -> Deadline {
    let completed_ms: Option<WallMs> = input.field("completed_at_ms");
    let opened = || Some(Stamp::of(input.facts().next()?, input.sessions));
    let start_ms = completed_ms.or_else(|| opened()?.judgeable_ms());
    let reached = follow_up.reached.and_then(|key| input.causality.fact(key));
    // Whichever came first: who is called once more after the closing was not called late.
    let closed = closed.and_then(|closed| input.causality.fact(closed.key));
    let met = input.earliest(reached.into_iter().chain(closed));
    let limit = Limit::Elapsed(input.policy.call_back_ms);
    input.sla().judge(&Target::new("follow_up", start_ms, limit).met(met).tells(TOLD))
}

/// It opens nothing by itself: somebody decides what is done for the customer (R3.41).
fn cases(latest: &[Call<'_>], input: &FoldInput<'_>) -> Vec<Case> {
    let unhappy = latest.iter().filter(|(_, said)| !said.satisfied);
    unhappy.map(|(key, _)| input.case("customer_not_satisfied", [*key])).collect()
}

/// The follow-ups that an order's low ratings open, each named after its signature (R3.42).
pub(super) fn of_low_ratings(order: &Review) -> Vec<Opening> {
    let Some(site) = order.site.filter(|_| kind::has_visits(&order.kind)) else {
        return Vec::new();
    };
    let created = order.timeline.iter().find(|entry| entry.fact_type == "created");
    let member = |name: &str| created.and_then(|entry| entry.content.get(name));
    let id = |name: &str| member(name).and_then(|value| value.as_str()?.parse().ok());
    let is_low = |content: &Value| {
        let signed: Option<Signed> = serde_json::from_value(content.clone()).ok();
        signed.is_some_and(|signed| signed.ratings.lowest() <= order.low_rating_max)
    };
    let signed = order.timeline.iter().filter(|entry| entry.fact_type == "signed");
    let signed = signed.filter(|entry| !entry.unknown && is_low(&entry.content));
    signed
        .take(OPENINGS_MAX)
        .map(|entry| {
            let from = format!("{}/{}", order.record, entry.key);
            // From the order's opening and the signature alone: what changes later changes nothing.
            let content = FollowUpCreated {
                of: order.record,
                follow_up: FollowUpReason::LowRating,
                completed_at_ms: Some(entry.at_ms),
                contact: id("contact"),
                unit: member("unit").and_then(|unit| unit.as_str()).map(str::to_owned),
                group: member("group").and_then(|group| u32::try_from(group.as_u64()?).ok()),
                description: None,
            };
            Opening {
                record: RecordId::derive(KIND, site, &from),
                created: Created {
                    kind: KIND.to_owned(),
                    site,
                    schema: SCHEMA,
                    from: Some(from),
                    content: content_of(&content),
                },
            }
        })
        .collect()
}
