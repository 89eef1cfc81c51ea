//! Complaints (二): who writes what, and what the server writes. How one stands is in
//! `complaint_fold`, how its steps are counted in `ladder`, what is wrong with it in
//! `complaint_cases`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::closing::Turns;
use super::complaint_cases::cases;
use super::complaint_fold::{Facts, fold, status, turn};
use super::denial::{Denial, DenialCode};
use super::follow::{Follow, nth};
use super::form::Form;
use super::kind::{
    Details, FieldRule, FoldInput, Folded, Holds, Kind, Needs, concerned, missing, name, note,
    reason,
};
use super::limits;
use super::opening::Opening;
use super::permission::DESK;
use super::review::Review;
use crate::model::complaint::{
    ComplaintCreated, ComplaintFact, ComplaintSeverity, ComplaintSubject, Escalated,
    EscalationWithdrawn, Judgement, KIND, LadderStep, SCHEMA, Validity,
};
use crate::model::department::Department;
use crate::model::follow_up::{self, FollowUpCreated, FollowUpReason};
use crate::model::id::{FactKey, RecordId};
use crate::model::payload::{Created, OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::time::WallMs;

/// A complaint as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// From when its days count; none where that cannot be judged.
    pub received_at_ms: Option<WallMs>,
    /// What was found out is on record.
    pub investigated: bool,
    /// Whether it is one; none before it is judged: then its days count as a valid one's.
    pub validity: Option<Validity>,
    /// How bad, as judged or as the rules make it; none of one that is not valid.
    pub severity: Option<ComplaintSeverity>,
    /// The rules that make it major.
    pub major_by: Vec<MajorBy>,
    /// The step of the ladder that has it.
    pub step: LadderStep,
    /// What was told and what became of it, in causal order.
    pub plans: Vec<Plan>,
    /// How often the customer was told how it stands.
    pub progress_told: u32,
    /// When the customer was satisfied, or it was closed with a reason though not.
    pub solved_at_ms: Option<WallMs>,
    /// How often it has been raised, this one included.
    pub times: u32,
    /// The earlier one of the same unit and subject.
    pub repeat_of: Option<RecordId>,
    /// The escalations the server has written.
    pub escalations: Vec<Escalation>,
    /// Those that there are to be by now.
    pub due: Vec<Escalated>,
    /// The steps of which nobody can say whether they were due.
    pub undecided: Vec<LadderStep>,
    /// When it was closed; none while it is open.
    pub closed_at_ms: Option<WallMs>,
    /// The fact that closed it.
    pub closed_by: Option<FactKey>,
}

/// A rule that makes a complaint major (二 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MajorBy {
    /// a) promised, not delivered, raised several times and unsolved.
    Repeats,
    /// b) a sizeable loss or an injury by the company's fault.
    Harm,
    /// c) unsolved for a month.
    Month,
}

impl MajorBy {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::Repeats, Self::Harm, Self::Month];
}

/// A plan and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The key of its `plan_told`.
    pub key: FactKey,
    /// What.
    pub text: String,
    /// When it was told.
    pub at_ms: WallMs,
    /// The facts by which the customer accepted it.
    pub accepted: Vec<FactKey>,
    /// The facts by which the customer did not.
    pub rejected: Vec<FactKey>,
    /// The facts by which it was carried out.
    pub carried_out: Vec<FactKey>,
}

/// An escalation the server has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Its fact.
    pub key: FactKey,
    /// What it says.
    #[serde(flatten)]
    pub content: Escalated,
    /// What came later shows it wrong.
    pub withdrawn: bool,
}

/// Who works on complaints (R2.17).
const HANDLERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::GeneralManager,
];
/// Who carries plans out as well.
const DOERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::GeneralManager,
    Role::EngineeringLead,
    Role::OperationsManager,
    Role::CleaningManager,
];
/// Who takes one down: reception, and whoever in the company hears of it (二 4.3.1).
const OPENERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::GeneralManager,
    Role::Quality,
];
/// Things of one sort that are read of a record; what hostile facts could make is not bounded.
pub(super) const LIST_MAX: usize = 100;
/// The last moment of the year 9999.
const MOMENT_MS_MAX: i64 = 253_402_300_799_999;

/// The kind.
pub(super) struct Complaints;

impl Kind for Complaints {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> u32 {
        SCHEMA
    }

    fn opened_by(&self, _content: &OpeningContent) -> Result<Needs, Denial> {
        Ok(Needs { narrow: false, ..Needs::roles(OPENERS) })
    }

    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial> {
        match content {
            OpeningContent::Complaint(created) => check_created(created),
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn fields(&self) -> &'static [FieldRule] {
        FIELDS
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["received_at_ms"]
    }

    fn departments(&self, before: &Review) -> Vec<Department> {
        concerned(before)
    }

    fn forms(&self) -> &'static [Form] {
        super::complaint_forms::FORMS
    }

    // R2.17
    fn needs(&self, payload: &Payload, before: &Review) -> Result<Needs, Denial> {
        use ComplaintFact as F;
        let Payload::Complaint(fact) = payload else {
            return Err(Denial::new(DenialCode::WrongKind));
        };
        match fact {
            F::PlanAccepted(of) => plan(before, of.plan)?,
            F::PlanRejected(of) => plan(before, of.plan)?,
            F::PlanCarriedOut(of) => plan(before, of.plan)?,
            _ => {}
        }
        Ok(match fact {
            F::Escalated(_) | F::EscalationWithdrawn(_) | F::RepeatOf(_) => Needs::server(),
            F::PlanCarriedOut(_) => Needs::roles(DOERS).of_any(concerned(before)),
            _ => Needs::roles(HANDLERS).of_any(concerned(before)),
        })
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[
            ("investigated", HANDLERS),
            ("passed_up", HANDLERS),
            ("reported_afterwards", HANDLERS),
            ("plan_told", HANDLERS),
            ("plan_accepted", HANDLERS),
            ("plan_rejected", HANDLERS),
            ("plan_carried_out", DOERS),
            ("progress_told", HANDLERS),
            ("satisfied", HANDLERS),
            ("not_satisfied", HANDLERS),
            ("complaint_closed", HANDLERS),
            ("complaint_reopened", HANDLERS),
            ("escalated", &[]),
            ("escalation_withdrawn", &[]),
            ("repeat_of", &[]),
        ]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        use ComplaintFact as F;
        let Payload::Complaint(fact) = payload else { return Ok(()) };
        match fact {
            F::Investigated(of) | F::PlanTold(of) | F::ComplaintReopened(of) => {
                note("text", &of.text)
            }
            F::PassedUp(passed) if passed.to == LadderStep::Assistant => {
                Err(Denial::new(DenialCode::OutOfRange).with("field", "to"))
            }
            F::PassedUp(passed) => reason(&passed.reason),
            F::ReportedAfterwards(of) => note("text", &of.text),
            F::PlanRejected(of) => reason(&of.reason),
            F::PlanCarriedOut(of) => note("text", &of.text),
            F::ProgressTold(told) => note("text", &told.text),
            F::NotSatisfied(of) => reason(&of.reason),
            F::ComplaintClosed(closed) => {
                closed.unsatisfied_reason.iter().try_for_each(|why| reason(why))?;
                note("text", &closed.text)
            }
            F::PlanAccepted(_) | F::Satisfied => Ok(()),
            F::Escalated(_) | F::EscalationWithdrawn(_) | F::RepeatOf(_) => Ok(()),
        }
    }

    fn names(&self, payload: &Payload) -> Vec<(FactKey, &'static str)> {
        use ComplaintFact as F;
        let Payload::Complaint(fact) = payload else { return Vec::new() };
        match fact {
            F::PlanAccepted(of) => vec![(of.plan, "plan_told")],
            F::PlanRejected(of) => vec![(of.plan, "plan_told")],
            F::PlanCarriedOut(of) => vec![(of.plan, "plan_told")],
            F::ReportedAfterwards(of) => vec![(of.passed, "passed_up")],
            _ => Vec::new(),
        }
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let facts = Facts::of(input);
        let turns = Turns::of(input.causality, turn);
        let (complaint, deadlines) = fold(input, &facts, &turns);
        Folded {
            status: status(&complaint),
            until_ms: None,
            deadlines,
            cases: cases(&complaint, (&facts, &turns), input),
            closed_at_ms: complaint.closed_at_ms,
            details: Some(Details::Complaint(complaint)),
        }
    }

    fn follows(&self, review: &Review, _now_ms: WallMs) -> Vec<Follow> {
        let Some(Details::Complaint(complaint)) = &review.details else { return Vec::new() };
        let opened = review.timeline.iter().filter(|entry| entry.fact_type == "created");
        let opened = opened.map(|entry| entry.key).min();
        let escalated = complaint.escalated(review.record, opened);
        escalated.into_iter().chain(complaint.withdrawn()).collect()
    }

    /// The follow-up of one that was closed (二 4.4.1); one that is closed again has another.
    /// R2.23.
    fn openings(&self, review: &Review, _now_ms: WallMs) -> Vec<Opening> {
        let Some(Details::Complaint(complaint)) = &review.details else { return Vec::new() };
        let site = review.site.filter(|_| complaint.closed_by.is_some());
        let opening = site.map(|site| {
            // Not from the closing: two people who close it beside one another close it once.
            let reopened = review
                .timeline
                .iter()
                .filter(|entry| entry.fact_type == "complaint_reopened" && !entry.unknown);
            let from = format!("{}/closed/{}", review.record, reopened.count());
            let content = FollowUpCreated {
                of: review.record,
                follow_up: FollowUpReason::Complaint,
                completed_at_ms: complaint.closed_at_ms,
                contact: review.contact(),
                unit: review.text("unit").map(str::to_owned),
                group: review
                    .fields
                    .get("group")
                    .and_then(|field| u32::try_from(field.value.as_u64()?).ok()),
                description: None,
            };
            Opening {
                record: RecordId::derive(follow_up::KIND, site, &from),
                created: Created {
                    kind: follow_up::KIND.to_owned(),
                    site,
                    schema: follow_up::SCHEMA,
                    from: Some(from),
                    content: OpeningContent::from(content).members(),
                },
            }
        });
        opening.into_iter().collect()
    }
}

impl Complaint {
    /// The escalations that are due and not written, each after the one before it.
    fn escalated(&self, record: RecordId, opened: Option<FactKey>) -> Vec<Follow> {
        let mut after = opened;
        let mut follows = Vec::new();
        for due in &self.due {
            let written = || self.escalations.iter().filter(|one| one.content == *due);
            let stands = written().find(|one| !one.withdrawn).map(|one| one.key);
            let cause = format!("{}/{}", due.to.role().code(), due.due_ms);
            let cause = nth(cause, written().count());
            let key = stands.unwrap_or_else(|| FactKey::derive(record, "escalated", &cause, 0));
            if stands.is_none() {
                follows.push(Follow {
                    rule: "escalated",
                    cause,
                    at_ms: due.due_ms,
                    payload: Payload::Complaint(ComplaintFact::Escalated(*due)),
                    after: after.into_iter().collect(),
                });
            }
            after = Some(key);
        }
        follows
    }

    /// What was escalated and was not due, as is known by now. It is marked, not erased (R2.12).
    fn withdrawn(&self) -> impl Iterator<Item = Follow> + '_ {
        let stands = |one: &Escalation| {
            self.due.contains(&one.content) || self.undecided.contains(&one.content.to)
        };
        let wrong = self.escalations.iter().filter(move |one| !one.withdrawn && !stands(one));
        wrong.map(|one| Follow {
            rule: "escalation_withdrawn",
            cause: one.key.to_string(),
            at_ms: one.content.due_ms,
            payload: Payload::Complaint(ComplaintFact::EscalationWithdrawn(EscalationWithdrawn {
                of: one.key,
            })),
            after: vec![one.key],
        })
    }
}

/// Codes of what can be chosen, as fields hold them.
pub(super) const EMERGENCIES: &[&str] = &["water_cut", "power_cut", "lift", "fire", "burglary"];
pub(super) const RESPONSIBLE: &[&str] = &["developer", "contractor"];
pub(super) const SOURCES: &[&str] = &["customer", "company"];
pub(super) const SUBJECTS: &[&str] = &[
    "reception",
    "security",
    "greening",
    "cleaning",
    "repair",
    "public_facilities",
    "public_order",
    "emergency",
    "construction_legacy",
    "contract",
];

const fn field(name: &'static str, holds: Holds) -> FieldRule {
    FieldRule { name, holds, roles: DESK }
}

const FIELDS: &[FieldRule] = &[
    field("about", Holds::Person),
    field("assignee", Holds::Person),
    field("contact", Holds::Record),
    field("department", Holds::Department),
    field("description", Holds::Text(limits::DESCRIPTION_CHARACTERS_MAX)),
    field("emergency", Holds::OneOf(EMERGENCIES)),
    field("group", Holds::Whole(0, u32::MAX as i64)),
    field("judgement", Holds::Shape(check_judgement)),
    field("reception", Holds::Record),
    field("responsible", Holds::OneOf(RESPONSIBLE)),
    field("source", Holds::OneOf(SOURCES)),
    field("source_department", Holds::Department),
    field("subject", Holds::OneOf(SUBJECTS)),
    field("unit", Holds::Text(limits::NAME_CHARACTERS_MAX)),
];

// R2.1
fn check_created(created: &ComplaintCreated) -> Result<(), Denial> {
    created.unit.iter().try_for_each(|unit| name("unit", unit))?;
    let is_emergency = created.subject == ComplaintSubject::Emergency;
    if created.emergency.is_some() != is_emergency {
        return Err(Denial::new(DenialCode::OutOfRange).with("field", "emergency"));
    }
    if let Some(at_ms) = created.received_at_ms {
        limits::range("received_at_ms", at_ms, 0, MOMENT_MS_MAX)?;
    }
    limits::text("description", &created.description, limits::DESCRIPTION_CHARACTERS_MAX)
}

// R2.3
fn check_judgement(value: &Value) -> Result<(), Denial> {
    let out_of_range = |field| Denial::new(DenialCode::OutOfRange).with("field", field);
    let judgement: Judgement =
        serde_json::from_value(value.clone()).map_err(|_| out_of_range("judgement"))?;
    let is_valid = judgement.validity == Validity::Valid;
    if judgement.severity.is_some() != is_valid {
        return Err(out_of_range("severity"));
    }
    if !is_valid && (judgement.undelivered || judgement.harm) {
        return Err(out_of_range("validity"));
    }
    reason(&judgement.reason)
}

fn plan(review: &Review, key: FactKey) -> Result<(), Denial> {
    let Some(Details::Complaint(complaint)) = &review.details else {
        return Err(Denial::new(DenialCode::WrongKind));
    };
    let found = complaint.plans.iter().any(|plan| plan.key == key);
    found.then_some(()).ok_or_else(|| missing("plan"))
}
