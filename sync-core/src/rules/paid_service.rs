//! Paid-service orders (五 4): opened from reception, told to the department, visited like a work
//! order, then checked by the supervisor. Steps, money and signature are those of work orders.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::deadlines::Deadline;
use super::denial::{Denial, DenialCode};
use super::form::Form;
use super::kind::{
    Details, FieldRule, FoldInput, Folded, Holds, Kind, Needs, amount, concerned, missing, name,
    note,
};
use super::limits::{self, range, text, time};
use super::permission::DESK;
use super::review::Review;
use super::sla::{Limit, Target};
use super::status::Status;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::paid_service::{KIND, PaidServiceCreated, PaidServiceFact, PriceLine, SCHEMA};
use crate::model::payload::{OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::time::WallMs;
use crate::model::work_order::WorkOrderFact;

/// A paid-service order as it stands, beside its visits and its money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidService {
    /// The sum of the prices that were told, fen.
    pub told_fen: i64,
    /// When the department was told (五 4.1).
    pub notified_at_ms: Option<WallMs>,
    /// Every check, in causal order.
    pub checks: Vec<QualityCheck>,
}

/// A supervisor's check of a visit (五 4.5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityCheck {
    /// Its fact.
    pub key: FactKey,
    /// The visit.
    pub visit: FactKey,
    /// Who checked.
    pub by: Option<PersonId>,
    /// Quality, 1 to 5.
    pub quality: u8,
    /// Satisfaction, 1 to 5.
    pub satisfaction: u8,
}

/// Who names the worker: the desk, and the department that serves.
const ASSIGNERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::EngineeringLead,
    Role::OperationsManager,
    Role::CleaningManager,
];
/// Who makes another appointment: those, and who goes there.
const APPOINTERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::EngineeringLead,
    Role::OperationsManager,
    Role::CleaningManager,
    Role::Technician,
    Role::ServiceWorker,
];
/// Who checks the work (五 4.5.2, R6.7).
const CHECKERS: &[Role] = &[Role::Supervisor];
/// Lines of one order.
const LINES_MAX: usize = 100;
/// Checks and visits of one order; what hostile facts could make is not bounded.
const CHECKS_MAX: usize = 100;

/// The kind.
pub(super) struct PaidServices;

impl Kind for PaidServices {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> u32 {
        SCHEMA
    }

    fn opened_by(&self, _content: &OpeningContent) -> Result<Needs, Denial> {
        Ok(Needs::roles(DESK))
    }

    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial> {
        match content {
            OpeningContent::PaidService(created) => check_created(created),
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn fields(&self) -> &'static [FieldRule] {
        // What was told of prices is no field: another price is another quote.
        const fn rule(name: &'static str, holds: Holds, roles: &'static [Role]) -> FieldRule {
            FieldRule { name, holds, roles }
        }
        const FIELDS: &[FieldRule] = &[
            rule("appointment", Holds::Time, APPOINTERS),
            rule("assignee", Holds::Person, ASSIGNERS),
            rule("contact", Holds::Record, DESK),
            rule("department", Holds::Department, DESK),
            rule("description", Holds::Text(limits::DESCRIPTION_CHARACTERS_MAX), DESK),
            rule("group", Holds::Whole(0, u32::MAX as i64), DESK),
            rule("requirements", Holds::Text(limits::NOTE_CHARACTERS_MAX), DESK),
            rule("unit", Holds::Text(limits::NAME_CHARACTERS_MAX), DESK),
        ];
        FIELDS
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["lines", "reception"]
    }

    fn forms(&self) -> &'static [Form] {
        super::paid_service_forms::FORMS
    }

    fn needs(&self, payload: &Payload, before: &Review) -> Result<Needs, Denial> {
        let Payload::PaidService(fact) = payload else {
            return Err(Denial::new(DenialCode::WrongKind));
        };
        match fact {
            PaidServiceFact::Notified => Ok(Needs::roles(DESK)),
            PaidServiceFact::QualityChecked(of) => {
                let finished = before.timeline.iter().any(|entry| {
                    let visit = entry.content["visit"].as_str();
                    entry.fact_type == "finish_work" && visit == Some(&of.visit.to_string())
                });
                let done = finished.then(|| Needs::roles(CHECKERS).of_any(concerned(before)));
                done.ok_or_else(|| missing("finish_work"))
            }
        }
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[("notified", DESK), ("quality_checked", CHECKERS)]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        let Payload::PaidService(PaidServiceFact::QualityChecked(of)) = payload else {
            return Ok(());
        };
        range("quality", i64::from(of.quality), 1, 5)?;
        range("satisfaction", i64::from(of.satisfaction), 1, 5)?;
        note("text", &of.text)
    }

    fn names(&self, payload: &Payload) -> Vec<(FactKey, &'static str)> {
        match payload {
            Payload::PaidService(PaidServiceFact::QualityChecked(of)) => {
                vec![(of.visit, "set_out")]
            }
            _ => Vec::new(),
        }
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let service = fold(input);
        // Its visits say the rest.
        let told = service.notified_at_ms.is_some();
        Folded {
            status: if told { Status::Dispatched } else { Status::Opened },
            until_ms: None,
            deadlines: deadlines(&service, input),
            cases: Vec::new(),
            closed_at_ms: None,
            details: Some(Details::PaidService(service)),
        }
    }
}

// R6.5
fn check_created(created: &PaidServiceCreated) -> Result<(), Denial> {
    name("unit", &created.unit)?;
    text("description", &created.description, limits::DESCRIPTION_CHARACTERS_MAX)?;
    created.requirements.iter().try_for_each(|text| note("requirements", text))?;
    created.appointment.iter().try_for_each(|at| time("appointment", at))?;
    let lines = i64::try_from(created.lines.len()).unwrap_or(i64::MAX);
    range("lines", lines, 0, LINES_MAX as i64)?;
    created.lines.iter().try_for_each(|line| {
        name("name", &line.name)?;
        name("measure", &line.measure)?;
        super::check::quantity(line.quantity_milli)?;
        amount("unit_price_fen", line.unit_price_fen)
    })
}

/// The sum of lines, fen (R6.8).
pub(super) fn told_fen(lines: &[PriceLine]) -> i64 {
    lines.iter().fold(0, |sum: i64, line| sum.saturating_add(line.amount_fen()))
}

// R6.5
fn fold(input: &FoldInput<'_>) -> PaidService {
    let lines: Vec<PriceLine> = input.field("lines").unwrap_or_default();
    let mut service =
        PaidService { told_fen: told_fen(&lines), notified_at_ms: None, checks: Vec::new() };
    let mut notified = None;
    for fact in input.facts() {
        let Payload::PaidService(content) = &fact.payload else { continue };
        match content {
            PaidServiceFact::Notified => {
                if input.counts(&mut notified, fact) {
                    service.notified_at_ms = Some(input.time(fact).at_ms);
                }
            }
            PaidServiceFact::QualityChecked(of) if service.checks.len() < CHECKS_MAX => {
                service.checks.push(QualityCheck {
                    key: fact.key,
                    visit: of.visit,
                    by: input.by(fact),
                    quality: of.quality,
                    satisfaction: of.satisfaction,
                });
            }
            PaidServiceFact::QualityChecked(_) => {}
        }
    }
    service
}

/// Every finished visit is checked within some days (五 4.5.2; the number is ours, R6.7).
fn deadlines(service: &PaidService, input: &FoldInput<'_>) -> Vec<Deadline> {
    let sla = input.sla();
    let mut finished: BTreeMap<FactKey, Vec<&Fact>> = BTreeMap::new();
    for fact in input.facts() {
        if let Payload::WorkOrder(WorkOrderFact::FinishWork(of)) = &fact.payload
            && (finished.len() < CHECKS_MAX || finished.contains_key(&of.visit))
        {
            finished.entry(of.visit).or_default().push(fact);
        }
    }
    let days = Limit::Days(input.policy.quality_checked_days);
    let judged = finished.into_iter().filter_map(|(visit, finished)| {
        let stamp = input.earliest(finished.into_iter())?;
        let checks = service.checks.iter().filter(|check| check.visit == visit);
        let met = input.earliest(checks.filter_map(|check| input.causality.fact(check.key)));
        let target = Target::new("quality_checked", stamp.judgeable_ms(), days);
        Some(sla.judge(&target.of(visit).met(met).tells(CHECKERS)))
    });
    judged.collect()
}
