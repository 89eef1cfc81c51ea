//! Record cases: what contradicts, with both sides. They come from the facts alone and are closed
//! by facts; nothing here decides between people.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeZone as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::closing::{Turn, Turns};
use super::denial::{Denial, DenialCode};
use super::fields::Field;
use super::limits::{self, text};
use super::money::Money;
use super::order::Causality;
use super::patrol::Round;
use super::review::Review;
use super::status::standing;
use super::time::fact_time;
use super::visit::{Step, Visit, VisitState, outcomes};
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::{CaseClosed, CaseReopened, GeneralFact, Payload};
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;
use crate::model::work_order::WorkOrderFact;

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The kind: one of [`CASES`].
    pub kind: String,
    /// The facts it rests on; with the kind they name the case.
    pub rests_on: Vec<FactKey>,
    /// Whether somebody still has to decide.
    pub open: bool,
    /// The sides of it.
    pub sides: Vec<CaseSide>,
    /// Parameters of its sentence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Value>,
}

/// One side of a case: who says what, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseSide {
    /// The fact.
    pub key: FactKey,
    /// Who.
    pub by: Option<PersonId>,
    /// When.
    pub at_ms: WallMs,
    /// What: a value, or the fact's type.
    pub value: Value,
}

/// Nobody reads more of one kind on one record; what hostile facts could make is not bounded.
pub(super) const CASES_OF_A_KIND_MAX: usize = 100;

/// Every kind of record case.
pub const CASES: [&str; 44] = [
    "appointments_disagree",
    "carried_out_unaccepted",
    "cash_not_balanced",
    "changed_after_signature",
    "clock_unverified",
    "closed_and_reopened",
    "closed_before_executed",
    "closed_before_reply",
    "closed_unsatisfied",
    "complained_of_handles",
    "counts_disagree",
    "customer_not_satisfied",
    "decided_beyond_authority",
    "decision_too_mild",
    "decisions_disagree",
    "dispatched_though_over",
    "done_after_reassignment",
    "field_conflict",
    "finding_not_reported",
    "finished_though_cancelled",
    "handed_to_oneself",
    "invoice_not_delivered",
    "judged_uninvestigated",
    "message_not_received",
    "money_not_equal",
    "money_not_handed_in",
    "notice_after_work_began",
    "notice_ended_and_cancelled",
    "patrol_anomaly",
    "plan_answers_differ",
    "price_differs",
    "prices_disagree",
    "prices_told_differ",
    "progress_not_told",
    "quote_answers_differ",
    "received_by_another",
    "refunded_too_much",
    "satisfaction_disputed",
    "signatures_disagree",
    "skip_not_reported",
    "step_deviation",
    "step_skipped",
    "two_peoples_visits",
    "written_by_outsider",
];

/// What the cases are found from.
pub(super) struct CaseInput<'a> {
    pub(super) causality: &'a Causality<'a>,
    pub(super) sessions: &'a SessionRows,
    pub(super) fields: &'a BTreeMap<String, Field>,
    pub(super) visits: &'a [Visit],
    pub(super) steps: &'a BTreeMap<FactKey, Vec<Step<'a>>>,
    pub(super) money: &'a Money,
    pub(super) round: Option<&'a Round>,
    pub(super) policy: &'a SlaPolicy,
    pub(super) now_ms: WallMs,
}

impl CaseInput<'_> {
    fn side(&self, key: FactKey, value: Option<Value>) -> Option<CaseSide> {
        side_of(self.causality, self.sessions, key, value)
    }

    pub(super) fn case(&self, kind: &str, rests_on: impl IntoIterator<Item = FactKey>) -> Case {
        case_of(self.causality, self.sessions, kind, rests_on)
    }

    fn work_order_facts(&self) -> impl Iterator<Item = (&Fact, &WorkOrderFact)> {
        self.causality.facts.iter().filter_map(|fact| match &fact.payload {
            Payload::WorkOrder(content) => Some((*fact, content)),
            _ => None,
        })
    }
}

fn side_of(
    causality: &Causality<'_>,
    sessions: &SessionRows,
    key: FactKey,
    value: Option<Value>,
) -> Option<CaseSide> {
    let fact = causality.fact(key)?;
    let row = fact.key.session().and_then(|session| sessions.get(&session));
    Some(CaseSide {
        key,
        by: row.map(|row| row.person),
        at_ms: fact_time(fact, sessions).at_ms,
        value: value.unwrap_or_else(|| Value::String(fact.payload.fact_type())),
    })
}

/// A case, not closed yet, that rests on these facts.
pub(super) fn case_of(
    causality: &Causality<'_>,
    sessions: &SessionRows,
    kind: &str,
    rests_on: impl IntoIterator<Item = FactKey>,
) -> Case {
    debug_assert!(CASES.contains(&kind), "{kind} is in the list");
    let rests_on: BTreeSet<FactKey> = rests_on.into_iter().collect();
    let side = |key: &FactKey| side_of(causality, sessions, *key, None);
    Case {
        kind: kind.to_owned(),
        sides: rests_on.iter().filter_map(side).collect(),
        rests_on: rests_on.into_iter().collect(),
        open: true,
        params: BTreeMap::new(),
    }
}

/// All record cases, closed ones too, in a fixed order; `of_kind` are those its kind has found.
pub(super) fn cases(input: &CaseInput<'_>, of_kind: Vec<Case>) -> Vec<Case> {
    let mut all = of_kind;
    all.extend(field_conflicts(input));
    all.extend(finished_though_cancelled(input));
    all.extend(done_after_reassignment(input));
    all.extend(two_peoples_visits(input));
    all.extend(changed_after_signature(input));
    all.extend(super::money_cases::money_cases(input));
    all.extend(dispatched_though_over(input));
    all.extend(super::outsiders::written_by_outsiders(input));
    for visit in input.visits {
        all.extend(signatures_disagree(input, visit));
        if !visit.verified {
            all.push(input.case("clock_unverified", [visit.visit]));
        }
        // R4.28
        if !visit.deviations.is_empty() {
            let keys = visit.deviations.iter().flat_map(|deviation| deviation.keys.clone());
            let mut case = input.case("step_deviation", keys.chain([visit.visit]));
            let codes: BTreeSet<&str> = visit.deviations.iter().map(|d| d.code.as_str()).collect();
            case.params.insert("codes".to_owned(), json!(codes));
            all.push(case);
        }
    }
    all.extend(patrol_anomalies(input));
    all.extend(unreported_findings(input));
    close(input, &mut all);
    all.sort_by(|a, b| (&a.kind, &a.rests_on).cmp(&(&b.kind, &b.rests_on)));
    all
}

/// A case is closed by a fact that names its kind and everything it rests on: what changes
/// afterwards is another case. The last word counts; of words that knew nothing of one another
/// whoever reopens wins (R8.17).
///
/// A field's conflict ends only by `resolve`. Cases of money and signatures are closed like others,
/// by somebody's fact with a reason: no fact about money and no signature is changed by it, and
/// none is joined with another.
fn close(input: &CaseInput<'_>, cases: &mut [Case]) {
    let words: Vec<(FactKey, &str, &[FactKey], Turn)> = input
        .causality
        .facts
        .iter()
        .filter_map(|fact| match &fact.payload {
            Payload::General(GeneralFact::CaseClosed(of)) => {
                Some((fact.key, of.case.as_str(), of.rests_on.as_slice(), Turn::Closes))
            }
            Payload::General(GeneralFact::CaseReopened(of)) => {
                Some((fact.key, of.case.as_str(), of.rests_on.as_slice(), Turn::Reopens))
            }
            _ => None,
        })
        .collect();
    if words.is_empty() {
        return;
    }
    for case in cases.iter_mut().filter(|case| case.kind != "field_conflict") {
        let keys: BTreeSet<&FactKey> = case.rests_on.iter().collect();
        let of = |kind: &str, rests_on: &[FactKey]| {
            case.kind == kind && keys == rests_on.iter().collect::<BTreeSet<_>>()
        };
        let own: Vec<_> = words.iter().filter(|(_, kind, keys, _)| of(kind, keys)).collect();
        let latest = input.causality.latest(&own.iter().map(|word| word.0).collect::<Vec<_>>());
        let reopens = |key: &FactKey| own.iter().any(|w| w.0 == *key && w.3 == Turn::Reopens);
        case.open &= latest.is_empty() || latest.iter().any(reopens);
    }
}

/// Opens a case again that was closed by a word; a conflict is opened by another value.
pub(super) fn case_reopened(
    review: &Review,
    case: &str,
    rests_on: &[FactKey],
    reason: &str,
) -> Result<CaseReopened, Denial> {
    text("reason", reason, limits::REASON_CHARACTERS_MAX)?;
    let is_it = |other: &Case| !other.open && other.kind == case && other.rests_on == rests_on;
    if case == "field_conflict" || !review.cases.iter().any(is_it) {
        return Err(Denial::new(DenialCode::NoSuchFact));
    }
    let (case, rests_on) = (case.to_owned(), rests_on.to_vec());
    Ok(CaseReopened { case, rests_on, reason: reason.to_owned() })
}

/// Closes a case that stands open.
pub(super) fn case_closed(
    review: &Review,
    case: &str,
    rests_on: &[FactKey],
    reason: &str,
) -> Result<CaseClosed, Denial> {
    text("reason", reason, limits::REASON_CHARACTERS_MAX)?;
    if !review.open_cases().any(|open| open.kind == case && open.rests_on == rests_on) {
        return Err(Denial::new(DenialCode::NoSuchFact));
    }
    let (case, rests_on) = (case.to_owned(), rests_on.to_vec());
    Ok(CaseClosed { case, rests_on, reason: reason.to_owned() })
}

/// What is odd about a round, for somebody to look at; nothing of it is refused.
fn patrol_anomalies(input: &CaseInput<'_>) -> Vec<Case> {
    let anomalies = input.round.map(|round| &round.anomalies[..]).unwrap_or_default();
    let cases = anomalies.iter().map(|anomaly| {
        let mut case = input.case("patrol_anomaly", anomaly.keys.iter().copied());
        case.params.insert("codes".to_owned(), json!([anomaly.code]));
        case
    });
    cases.collect()
}

/// What an officer neither settled nor reported on return (六 3.8.1), once the round is over. What
/// opens a record by itself, or is known as one, is in the office's lists already (R7.15).
fn unreported_findings(input: &CaseInput<'_>) -> Vec<Case> {
    let over = input.round.filter(|round| round.ended_at_ms.is_some());
    let findings = over.map(|round| &round.findings[..]).unwrap_or_default();
    let kept_back = findings.iter().filter(|finding| {
        let elsewhere = finding.opens.is_some() || finding.content.known_as.is_some();
        !finding.settled && finding.reported_to.is_none() && !elsewhere
    });
    let cases = kept_back.map(|finding| input.case("finding_not_reported", [finding.key]));
    cases.take(CASES_OF_A_KIND_MAX).collect()
}

// R8.7
fn field_conflicts(input: &CaseInput<'_>) -> Vec<Case> {
    let mut found = Vec::new();
    for (name, field) in input.fields {
        if field.conflict.is_empty() {
            continue;
        }
        let mut case = input.case("field_conflict", field.conflict.iter().map(|value| value.key));
        case.sides = field
            .conflict
            .iter()
            .filter_map(|value| input.side(value.key, Some(value.value.clone())))
            .collect();
        case.params.insert("field".to_owned(), json!(name));
        found.push(case);
    }
    for fact in &input.causality.facts {
        if let Payload::General(GeneralFact::Resolve(resolve)) = &fact.payload {
            let mut case = input.case("field_conflict", resolve.replaces.iter().copied());
            case.open = false;
            case.params.insert("field".to_owned(), json!(resolve.field));
            case.params.insert("resolved_by".to_owned(), json!(fact.key));
            found.push(case);
        }
    }
    found
}

/// Work finished by somebody who did not know that the order was taken back. An order that was
/// handed out again, or cancelled by a desk that knew of the work, is no contradiction (R3.31).
fn finished_though_cancelled(input: &CaseInput<'_>) -> Vec<Case> {
    let cancelled =
        standing(input.causality, |content| matches!(content, WorkOrderFact::Cancelled(_)));
    let finished =
        input.work_order_facts().filter(|(_, c)| matches!(c, WorkOrderFact::FinishWork(_)));
    let against = |finish: FactKey| {
        cancelled.iter().find(|cancel| !input.causality.is_before(finish, **cancel))
    };
    finished
        .filter_map(|(fact, _)| Some((against(fact.key)?, fact.key)))
        .map(|(cancel, finish)| input.case("finished_though_cancelled", [*cancel, finish]))
        .take(CASES_OF_A_KIND_MAX)
        .collect()
}

/// Handed out by somebody who did not know that it was over: cancelled, back at the desk or closed
/// (R3.44).
fn dispatched_though_over(input: &CaseInput<'_>) -> Option<Case> {
    let turns = Turns::of(input.causality, |fact| match &fact.payload {
        Payload::WorkOrder(WorkOrderFact::Dispatched) => Some(Turn::Reopens),
        Payload::WorkOrder(
            WorkOrderFact::Cancelled(_) | WorkOrderFact::Returned | WorkOrderFact::Closed,
        )
        | Payload::General(GeneralFact::DuplicateOf(_)) => Some(Turn::Closes),
        _ => None,
    });
    turns.case("dispatched_though_over", input.causality, input.sessions)
}

/// The customer ended a visit in two ways, by two who did not know of one another (R4.35).
fn signatures_disagree(input: &CaseInput<'_>, visit: &Visit) -> Option<Case> {
    let steps = input.steps.get(&visit.visit)?;
    let outcomes = outcomes(steps, input.causality);
    let keys = outcomes.iter().take(CASES_OF_A_KIND_MAX).map(|outcome| outcome.key);
    (outcomes.len() > 1).then(|| input.case("signatures_disagree", keys))
}

/// Somebody was at work while the order, as far as anybody had written by then or wrote beside
/// it, was somebody else's (R3.31).
fn done_after_reassignment(input: &CaseInput<'_>) -> Vec<Case> {
    let assignments = assignments(input);
    let mut found = Vec::new();
    for visit in input.visits.iter().take(CASES_OF_A_KIND_MAX) {
        let came = !matches!(visit.state, VisitState::OnTheWay);
        let Some(person) = visit.person.filter(|_| came) else { continue };
        // R3.30
        if input.visits.iter().any(|other| other.helpers.contains(&person)) {
            continue;
        }
        let last = input.steps.get(&visit.visit).and_then(|steps| steps.last());
        let Some(last) = last.map(|step| step.fact.key) else { continue };
        let over: BTreeSet<FactKey> = assignments
            .iter()
            .filter(|(key, ..)| input.causality.is_before(*key, visit.visit))
            .flat_map(|(_, _, replaces)| replaces.iter().copied())
            .collect();
        let elsewhere = assignments.iter().filter(|(key, value, _)| {
            !value.is_null()
                && **value != json!(person)
                && !over.contains(key)
                && !input.causality.is_before(last, *key)
        });
        let (elsewhere, people): (Vec<FactKey>, Vec<&Value>) =
            elsewhere.map(|(key, value, _)| (*key, *value)).unzip();
        if let Some(assignee) = people.last() {
            let keys = elsewhere.into_iter().chain([visit.visit]);
            let mut case = input.case("done_after_reassignment", keys);
            case.params.insert("person".to_owned(), json!(person));
            case.params.insert("assignee".to_owned(), json!(assignee));
            found.push(case);
        }
    }
    found
}

/// Every value the assignee ever had: where, to whom, and what it replaced.
pub(super) fn assignments<'a>(
    input: &'a CaseInput<'_>,
) -> Vec<(FactKey, &'a Value, &'a [FactKey])> {
    let facts = input.causality.facts.iter();
    let writes = facts.filter_map(|fact| match &fact.payload {
        Payload::General(GeneralFact::Set(set)) if set.field == "assignee" => {
            Some((fact.key, &set.value, &set.replaces[..]))
        }
        Payload::General(GeneralFact::Resolve(resolve)) if resolve.field == "assignee" => {
            Some((fact.key, &resolve.value, &resolve.replaces[..]))
        }
        _ => None,
    });
    writes.collect()
}

// R3.29
fn two_peoples_visits(input: &CaseInput<'_>) -> Vec<Case> {
    let mut found = Vec::new();
    for (index, first) in input.visits.iter().enumerate() {
        for second in &input.visits[index + 1..] {
            if first.person == second.person {
                continue;
            }
            // R3.30
            let helped = |helper: Option<PersonId>, visit: &Visit| {
                helper.is_some_and(|person| visit.helpers.contains(&person))
            };
            if helped(first.person, second) || helped(second.person, first) {
                continue;
            }
            let verified = first.verified && second.verified;
            let overlap = first.from_ms <= second.to_ms && second.from_ms <= first.to_ms;
            // Clocks nobody verified tell nothing; then only two finished visits make a case.
            let overlap = verified && overlap;
            if found.len() >= CASES_OF_A_KIND_MAX {
                return found;
            }
            let both = first.state == VisitState::Finished && second.state == VisitState::Finished;
            if overlap || both {
                found.push(input.case("two_peoples_visits", [first.visit, second.visit]));
            }
        }
    }
    found
}

/// Facts about signed content that were not among those shown (R4.24).
fn changed_after_signature(input: &CaseInput<'_>) -> Vec<Case> {
    let mut found = Vec::new();
    for (fact, content) in input.work_order_facts() {
        let WorkOrderFact::Signed(signed) = content else { continue };
        let shown: BTreeSet<FactKey> = signed.shown.iter().copied().collect();
        let Some(steps) = input.steps.get(&signed.visit) else { continue };
        let before = input.causality.causes(fact.key);
        let later = steps.iter().filter(|step| {
            super::statement::is_shown(step.content)
                && !shown.contains(&step.fact.key)
                && !before.contains(&step.fact.key)
        });
        // So does whatever puts a signed fact right.
        let corrected = input.causality.facts.iter().filter(|later| {
            later.corrects.iter().any(|key| shown.contains(key)) && !before.contains(&later.key)
        });
        let later: BTreeSet<FactKey> =
            later.map(|step| step.fact.key).chain(corrected.map(|fact| fact.key)).collect();
        if !later.is_empty() {
            found.push(input.case("changed_after_signature", later.into_iter().chain([fact.key])));
        }
    }
    found
}

/// The end of the day of `at_ms` in the site's zone.
pub(super) fn day_end_ms(at_ms: WallMs, policy: &SlaPolicy) -> WallMs {
    let plain = at_ms.saturating_add(86_400_000);
    let Ok(zone) = policy.time_zone.parse::<chrono_tz::Tz>() else { return plain };
    let Some(at) = super::time::moment(at_ms) else { return plain };
    let next =
        at.with_timezone(&zone).date_naive().succ_opt().and_then(|day| day.and_hms_opt(0, 0, 0));
    let next = next.and_then(|midnight| zone.from_local_datetime(&midnight).earliest());
    next.map_or(plain, |midnight| midnight.timestamp_millis())
}
