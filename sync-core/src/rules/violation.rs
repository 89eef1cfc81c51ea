//! Violations (四): dissuading is for all, decisions are for the deciders, take effect when signed,
//! and are carried out by customer service.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::closing::{Turn, Turns};
use super::deadlines::Deadline;
use super::denial::{Denial, DenialCode};
use super::form::Form;
use super::kind::{
    Details, FieldRule, FoldInput, Folded, Holds, Kind, Needs, amount, date, missing, name, note,
    reason,
};
use super::limits;
use super::review::Review;
use super::sla::{Limit, Stamp, Target};
use super::status::Status;
use super::violation_cases;
use crate::model::audience::Audience;
use crate::model::department::Department;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::{OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::time::WallMs;
use crate::model::violation::{
    Assessment, KIND, LegalGround, Measure, SCHEMA, Severity, ViolationCreated, ViolationFact,
};

/// A violation as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Computed from the assessment; none before there is one.
    pub severity: Option<Severity>,
    /// Somebody talked to whoever did it.
    pub dissuaded: bool,
    /// It was stopped.
    pub stopped: bool,
    /// They took no notice.
    pub ignored: bool,
    /// When customer service put it into its book.
    pub registered_at_ms: Option<WallMs>,
    /// Every decision, in causal order.
    pub decisions: Vec<Decision>,
    /// The customers' committee's mediation has failed.
    pub mediation_failed: bool,
    /// When it was closed; none while it is open.
    pub closed_at_ms: Option<WallMs>,
}

/// A decision and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its fact.
    pub key: FactKey,
    /// Who decided.
    pub by: Option<PersonId>,
    /// When.
    pub at_ms: WallMs,
    /// What.
    pub measure: Measure,
    /// When the project manager signed: from here it is in effect (四 3.3.6).
    pub signed_at_ms: Option<WallMs>,
    /// The fact that says so.
    pub signed: Option<FactKey>,
    /// When customer service had carried it out.
    pub executed_at_ms: Option<WallMs>,
    /// The fact that says so.
    pub executed: Option<FactKey>,
    /// The fact that says the breach is put right.
    pub rectified: Option<FactKey>,
    /// Compensation was refused.
    pub refused: bool,
    /// The fact of the reconciling talk (四 3.3.5).
    pub reconciled: Option<FactKey>,
}

/// Customer service: it registers, executes and talks.
const CUSTOMER_SERVICE: &[Role] =
    &[Role::FrontDesk, Role::Assistant, Role::DutyOperator, Role::Supervisor, Role::ProjectManager];
/// Who decides on general violations (四 3.3.2b): the supervisor of customer service, and whoever
/// stands above (R5.5).
const DECIDERS: &[Role] = &[Role::Supervisor, Role::ProjectManager];
/// Who decides on serious ones, and signs every decision (四 3.3.2a, 3.3.6, R5.11).
const MANAGER: &[Role] = &[Role::ProjectManager];
/// Decisions of one violation; what hostile facts could make is not bounded.
pub(super) const DECISIONS_MAX: usize = 100;

/// The kind.
pub(super) struct Violations;

impl Kind for Violations {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> u32 {
        SCHEMA
    }

    fn opened_by(&self, _content: &OpeningContent) -> Result<Needs, Denial> {
        // Whoever sees a breach says so (四 3.3.1).
        Ok(Needs::anyone())
    }

    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial> {
        match content {
            OpeningContent::Violation(created) => check_created(created),
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn fields(&self) -> &'static [FieldRule] {
        &[
            FieldRule {
                name: "assessment",
                holds: Holds::Shape(check_assessment),
                roles: CUSTOMER_SERVICE,
            },
            FieldRule { name: "assignee", holds: Holds::Person, roles: CUSTOMER_SERVICE },
            FieldRule {
                name: "breach",
                holds: Holds::Text(limits::NAME_CHARACTERS_MAX),
                roles: CUSTOMER_SERVICE,
            },
            FieldRule { name: "contact", holds: Holds::Record, roles: CUSTOMER_SERVICE },
            FieldRule {
                name: "group",
                holds: Holds::Whole(0, u32::MAX as i64),
                roles: CUSTOMER_SERVICE,
            },
            FieldRule {
                name: "description",
                holds: Holds::Text(limits::DESCRIPTION_CHARACTERS_MAX),
                roles: CUSTOMER_SERVICE,
            },
            FieldRule {
                name: "place",
                holds: Holds::Text(limits::NAME_CHARACTERS_MAX),
                roles: CUSTOMER_SERVICE,
            },
            FieldRule {
                name: "unit",
                holds: Holds::Text(limits::NAME_CHARACTERS_MAX),
                roles: CUSTOMER_SERVICE,
            },
            FieldRule {
                name: "violation",
                holds: Holds::OneOf(&[
                    "decoration",
                    "fire_safety",
                    "sanitation",
                    "public_security",
                    "harm_to_others",
                ]),
                roles: CUSTOMER_SERVICE,
            },
        ]
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["reception", "round"]
    }

    fn departments(&self, _before: &Review) -> Vec<Department> {
        vec![Department::CUSTOMER_SERVICE]
    }

    fn forms(&self) -> &'static [Form] {
        super::violation_forms::FORMS
    }

    fn case_closers(&self) -> &'static [Role] {
        DECIDERS
    }

    fn needs(&self, payload: &Payload, before: &Review) -> Result<Needs, Denial> {
        use ViolationFact as F;
        let Payload::Violation(fact) = payload else {
            return Err(Denial::new(DenialCode::WrongKind));
        };
        let of_service = |roles| Needs::roles(roles).of(Department::CUSTOMER_SERVICE);
        Ok(match fact {
            // No decision, and all that other staff may do (四 3.3.7, R5.3).
            F::Dissuaded(_) | F::BreachStopped | F::BreachIgnored => Needs::anyone(),
            // R5.4
            F::Registered => of_service(CUSTOMER_SERVICE),
            F::Rectified(of) | F::Reconciled(of) => {
                decision(before, of.decision)?;
                of_service(CUSTOMER_SERVICE)
            }
            F::CompensationRefused(of) => {
                // Nobody refuses what was not decided and signed (四 3.3.4, R5.8).
                let found = decision(before, of.decision)?;
                if !matches!(found.measure, Measure::Compensate { .. }) {
                    return Err(missing("compensate"));
                }
                found.signed_at_ms.ok_or_else(|| missing("signature"))?;
                of_service(CUSTOMER_SERVICE)
            }
            F::DecisionExecuted(of) => {
                let found = decision(before, of.decision)?;
                // In effect only when it is signed (四 3.3.6, R5.11).
                found.signed_at_ms.ok_or_else(|| missing("signature"))?;
                of_service(CUSTOMER_SERVICE)
            }
            F::ViolationDecided(decided) => may_decide(&decided.measure, before)?,
            F::ViolationSigned(of) => {
                decision(before, of.decision)?;
                Needs::roles(MANAGER)
            }
            F::MediationFailed(_) => of_service(DECIDERS),
            F::ViolationClosed(_) | F::ViolationReopened(_) => of_service(DECIDERS),
        })
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[
            ("registered", CUSTOMER_SERVICE),
            ("violation_decided", DECIDERS),
            ("violation_signed", MANAGER),
            ("decision_executed", CUSTOMER_SERVICE),
            ("rectified", CUSTOMER_SERVICE),
            ("compensation_refused", CUSTOMER_SERVICE),
            ("mediation_failed", DECIDERS),
            ("reconciled", CUSTOMER_SERVICE),
            ("violation_closed", DECIDERS),
            ("violation_reopened", DECIDERS),
        ]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        use ViolationFact as F;
        let Payload::Violation(fact) = payload else { return Ok(()) };
        match fact {
            F::Dissuaded(of) => of.text.iter().try_for_each(|text| note("text", text)),
            F::BreachStopped | F::BreachIgnored | F::Registered => Ok(()),
            F::ViolationSigned(_) | F::CompensationRefused(_) => Ok(()),
            F::ViolationDecided(decided) => {
                reason(&decided.reason)?;
                match &decided.measure {
                    Measure::Dissuade | Measure::LegalAction { .. } => Ok(()),
                    Measure::RectifyBy { date: day } => date("date", day),
                    Measure::Compensate { amount_fen } => amount("amount_fen", *amount_fen),
                    Measure::PublicNotice { text } => note("text", text),
                }
            }
            F::DecisionExecuted(of) | F::Rectified(of) | F::Reconciled(of) => {
                note("text", &of.text)
            }
            F::MediationFailed(of) | F::ViolationClosed(of) | F::ViolationReopened(of) => {
                note("text", &of.text)
            }
        }
    }

    fn names(&self, payload: &Payload) -> Vec<(FactKey, &'static str)> {
        use ViolationFact as F;
        let Payload::Violation(fact) = payload else { return Vec::new() };
        match fact {
            F::ViolationSigned(of) | F::CompensationRefused(of) => {
                vec![(of.decision, "violation_decided")]
            }
            F::DecisionExecuted(of) | F::Rectified(of) | F::Reconciled(of) => {
                vec![(of.decision, "violation_decided")]
            }
            _ => Vec::new(),
        }
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let turns = Turns::of(input.causality, turn);
        let violation = fold(input, &turns);
        let mut cases = violation_cases::cases(&violation, input);
        cases.extend(turns.case("closed_and_reopened", input.causality, input.sessions));
        Folded {
            status: status(&violation),
            until_ms: None,
            deadlines: deadlines(&violation, input),
            cases,
            closed_at_ms: violation.closed_at_ms,
            details: Some(Details::Violation(violation)),
        }
    }

    fn audiences(&self, review: &Review) -> BTreeSet<Audience> {
        // What is open at a place is shown to whoever walks there.
        review
            .site
            .filter(|_| review.closed_at_ms.is_none())
            .map(Audience::Patrol)
            .into_iter()
            .collect()
    }
}

fn check_created(created: &ViolationCreated) -> Result<(), Denial> {
    name("place", &created.place)?;
    created.unit.iter().try_for_each(|unit| name("unit", unit))?;
    if let Some(breach) = &created.breach
        && !created.violation.breaches().contains(&breach.as_str())
    {
        return Err(Denial::new(DenialCode::OutOfRange).with("field", "breach"));
    }
    limits::text("description", &created.description, limits::DESCRIPTION_CHARACTERS_MAX)
}

fn check_assessment(value: &Value) -> Result<(), Denial> {
    let assessment: Assessment = serde_json::from_value(value.clone())
        .map_err(|_| Denial::new(DenialCode::OutOfRange).with("field", "assessment"))?;
    amount("loss_fen", assessment.loss_fen)?;
    reason(&assessment.reason)
}

fn of(review: &Review) -> Result<&Violation, Denial> {
    match &review.details {
        Some(Details::Violation(violation)) => Ok(violation),
        _ => Err(Denial::new(DenialCode::WrongKind)),
    }
}

fn decision(review: &Review, key: FactKey) -> Result<&Decision, Denial> {
    let found = of(review)?.decisions.iter().find(|decision| decision.key == key);
    found.ok_or_else(|| Denial::new(DenialCode::NoSuchFact).with("fact", "violation_decided"))
}

/// What a measure takes to be on record, and who may take it (四 3.2, 3.3).
fn may_decide(measure: &Measure, before: &Review) -> Result<Needs, Denial> {
    let violation = of(before)?;
    let assessment = before.fields.get("assessment").map(|field| field.value.clone());
    let assessment: Assessment = assessment
        .and_then(|value| serde_json::from_value(value).ok())
        .ok_or_else(|| missing("assessment"))?;
    let serious = assessment.severity() == Severity::Serious;
    let need = |holds: bool, what: &str| if holds { Ok(()) } else { Err(missing(what)) };
    // R5.6
    let by_severity = if serious {
        Needs::roles(MANAGER)
    } else {
        Needs::roles(DECIDERS).of(Department::CUSTOMER_SERVICE)
    };
    match measure {
        // R5.7
        Measure::Dissuade => need(!serious, "general").map(|()| by_severity),
        // R5.8
        Measure::RectifyBy { .. } => need(!assessment.loss, "no_loss").map(|()| by_severity),
        Measure::PublicNotice { .. } => Ok(by_severity),
        // R5.9
        Measure::Compensate { .. } => {
            need(assessment.sizeable, "sizeable_loss").map(|()| Needs::roles(MANAGER))
        }
        // R5.10
        Measure::LegalAction { ground } => {
            match ground {
                LegalGround::CompensationRefused => {
                    need(assessment.sizeable, "sizeable_loss")?;
                    let refused = violation.decisions.iter().any(|decision| decision.refused);
                    need(refused, "compensation_refused")?;
                }
                LegalGround::FeesRefused => need(assessment.fees_refused, "fees_refused")?,
            }
            need(violation.mediation_failed, "mediation_failed")?;
            Ok(Needs::roles(MANAGER))
        }
    }
}

fn fold(input: &FoldInput<'_>, turns: &Turns) -> Violation {
    use ViolationFact as F;
    let assessment: Option<Assessment> = input.field("assessment");
    let mut violation = Violation {
        severity: assessment.map(|assessment| assessment.severity()),
        dissuaded: false,
        stopped: false,
        ignored: false,
        registered_at_ms: None,
        decisions: Vec::new(),
        mediation_failed: false,
        closed_at_ms: None,
    };
    let mut registered = None;
    for fact in input.facts() {
        let Payload::Violation(content) = &fact.payload else { continue };
        let at_ms = input.time(fact).at_ms;
        let decisions = &mut violation.decisions;
        match content {
            F::Dissuaded(_) => violation.dissuaded = true,
            F::BreachStopped => violation.stopped = true,
            F::BreachIgnored => violation.ignored = true,
            F::Registered => {
                if input.counts(&mut registered, fact) {
                    violation.registered_at_ms = Some(at_ms);
                }
            }
            F::ViolationDecided(decided) if decisions.len() < DECISIONS_MAX => {
                decisions.push(Decision {
                    key: fact.key,
                    by: input.by(fact),
                    at_ms,
                    measure: decided.measure.clone(),
                    signed_at_ms: None,
                    signed: None,
                    executed_at_ms: None,
                    executed: None,
                    rectified: None,
                    refused: false,
                    reconciled: None,
                });
            }
            F::ViolationSigned(of) => on(decisions, of.decision, |d| {
                if input.counts(&mut d.signed, fact) {
                    d.signed_at_ms = Some(at_ms);
                }
            }),
            F::DecisionExecuted(of) => on(decisions, of.decision, |d| {
                if input.counts(&mut d.executed, fact) {
                    d.executed_at_ms = Some(at_ms);
                }
            }),
            F::Rectified(of) => on(decisions, of.decision, |d| {
                input.counts(&mut d.rectified, fact);
            }),
            F::CompensationRefused(of) => on(decisions, of.decision, |d| d.refused = true),
            F::Reconciled(of) => on(decisions, of.decision, |d| {
                input.counts(&mut d.reconciled, fact);
            }),
            F::MediationFailed(_) => violation.mediation_failed = true,
            F::ViolationDecided(_) | F::ViolationClosed(_) | F::ViolationReopened(_) => {}
        }
    }
    // 四 3.4, R5.15
    violation.closed_at_ms = turns.closing(input).map(|closing| closing.at_ms);
    violation
}

fn on(decisions: &mut [Decision], key: FactKey, change: impl FnOnce(&mut Decision)) {
    if let Some(decision) = decisions.iter_mut().find(|decision| decision.key == key) {
        change(decision);
    }
}

fn turn(fact: &Fact) -> Option<Turn> {
    match &fact.payload {
        Payload::Violation(ViolationFact::ViolationClosed(_)) => Some(Turn::Closes),
        Payload::Violation(ViolationFact::ViolationReopened(_)) => Some(Turn::Reopens),
        _ => None,
    }
}

fn status(violation: &Violation) -> Status {
    let any = |wanted: fn(&Decision) -> bool| violation.decisions.iter().any(wanted);
    let all = |wanted: fn(&Decision) -> bool| violation.decisions.iter().all(wanted);
    if violation.closed_at_ms.is_some() {
        Status::Closed
    } else if any(|decision| decision.executed.is_some())
        && all(|decision| decision.signed_at_ms.is_none() || decision.executed.is_some())
    {
        Status::Executed
    } else if any(|decision| decision.signed_at_ms.is_some()) {
        Status::InEffect
    } else if any(|_| true) {
        Status::Decided
    } else if violation.registered_at_ms.is_some() {
        Status::Registered
    } else if violation.ignored {
        Status::BreachIgnored
    } else if violation.stopped {
        Status::BreachStopped
    } else {
        Status::Opened
    }
}

/// Whom a passed date is told to: customer service follows what was decided (四 3.3.6).
const FOLLOWERS: &[Role] = &[Role::Assistant, Role::Supervisor];

/// The date by which a breach is to be put right, and the talk that is due after the harsher
/// measures (四 3.3.5). Only a signed decision runs; of a closed violation nothing runs on.
fn deadlines(violation: &Violation, input: &FoldInput<'_>) -> Vec<Deadline> {
    let sla = input.sla();
    let stamp = |key: Option<FactKey>| {
        let fact = input.causality.fact(key?)?;
        Some(Stamp::of(fact, input.sessions))
    };
    let of_decision = |decision: &Decision| -> Option<Deadline> {
        let target = match &decision.measure {
            // R5.12
            Measure::RectifyBy { date } => {
                let end_ms = sla.site().end_of(date.parse().ok()?)?;
                let target = Target::new("rectification", decision.signed_at_ms, Limit::At(end_ms));
                target.met(stamp(decision.rectified))
            }
            Measure::Compensate { .. }
            | Measure::PublicNotice { .. }
            | Measure::LegalAction { .. } => {
                let executed = stamp(decision.executed)?;
                // R5.13
                let days = Limit::Days(input.policy.reconciling_talk_days);
                let target = Target::new("reconciling_talk", executed.judgeable_ms(), days);
                target.met(stamp(decision.reconciled))
            }
            Measure::Dissuade => return None,
        };
        Some(sla.judge(&target.of(decision.key).tells(FOLLOWERS)))
    };
    let signed = violation.decisions.iter().filter(|decision| decision.signed_at_ms.is_some());
    let mut all: Vec<Deadline> = signed.filter_map(of_decision).collect();
    if violation.closed_at_ms.is_some() {
        all.retain(|deadline| deadline.met_by.is_some());
    }
    all
}
