//! The fold of one visit (入户): its steps, its waits by the monotonic clock, and where it deviates
//! from the procedure. Deviations are shown; they never lose data nor block work.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::order::Causality;
use super::time::fact_time;
use super::waits::{door, work_waits};
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::Payload;
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;
use crate::model::work_order::{Prepare, Ratings, SetOut, WorkOrderFact};

/// One visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// The key of its `set_out`.
    pub visit: FactKey,
    /// Who set out.
    pub person: Option<PersonId>,
    /// Who helped.
    pub helpers: Vec<PersonId>,
    /// The site's grade, fixed at the start.
    pub grade: u8,
    /// A paid service.
    pub paid_service: bool,
    /// When the first and the last step were written.
    pub from_ms: WallMs,
    /// See `from_ms`.
    pub to_ms: WallMs,
    /// Whether both times are verified.
    pub verified: bool,
    /// How it stands.
    pub state: VisitState,
    /// The waits that were measured.
    pub waits: Vec<Wait>,
    /// Where it deviates from the procedure.
    pub deviations: Vec<Deviation>,
    /// How the customer ended it.
    pub signature: Option<SignatureOutcome>,
    /// The ratings, when signed.
    pub ratings: Option<Ratings>,
}

/// How a visit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitState {
    /// Under way to the door.
    OnTheWay,
    /// At the door or inside.
    AtTheDoor,
    /// Working.
    Working,
    /// Work pauses.
    Paused,
    /// Nobody came to the door.
    NoAnswer,
    /// Could not be finished.
    Unfinished,
    /// Work is done.
    Finished,
}

/// How the customer ended a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureOutcome {
    /// `signed`, `sign_refused` or `sign_absent`.
    pub outcome: String,
    /// The fact.
    pub key: FactKey,
}

/// A wait that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// `ring_pause`, `knock_pause`, `no_answer_wait`, `work` or `pause`.
    pub name: String,
    /// From this fact.
    pub from: FactKey,
    /// To this one.
    pub to: FactKey,
    /// Milliseconds; none is unknown.
    pub ms: Option<i64>,
}

/// A step out of order, late, missing or done otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deviation {
    /// A stable code.
    pub code: String,
    /// The facts it rests on.
    pub keys: Vec<FactKey>,
    /// Parameters of its text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, i64>,
}

/// Every deviation code.
pub const DEVIATIONS: [&str; 29] = [
    "acceptance_not_asked",
    "cause_not_explained",
    "entered_unannounced",
    "explained_incompletely",
    "finished_without_start",
    "key_not_received",
    "key_not_returned",
    "knock_too_soon",
    "knocked_too_few",
    "left_early",
    "left_unannounced",
    "left_without_farewell",
    "left_untidied",
    "left_without_being_asked",
    "no_shoe_covers",
    "not_explained_to_customer",
    "not_introduced",
    "not_prepared",
    "not_signed",
    "not_tidied",
    "not_trained",
    "out_of_order",
    "prepared_incompletely",
    "ring_too_soon",
    "rang_too_few",
    "scope_not_confirmed",
    "tidied_incompletely",
    "valuables_not_reminded",
    "worked_without_quote",
];

/// A step of the visit.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) fact: &'a Fact,
    pub(super) content: &'a WorkOrderFact,
}

/// The steps of every visit, in causal order, by the visit's key (R4.1).
pub(super) fn steps<'a>(causality: &Causality<'a>) -> BTreeMap<FactKey, Vec<Step<'a>>> {
    let mut quotes: BTreeMap<FactKey, FactKey> = BTreeMap::new();
    let mut visits: BTreeMap<FactKey, Vec<Step<'a>>> = BTreeMap::new();
    for fact in &causality.facts {
        let fact: &'a Fact = fact;
        let Payload::WorkOrder(content) = &fact.payload else { continue };
        let visit = match content {
            WorkOrderFact::SetOut(_) => Some(fact.key),
            WorkOrderFact::QuoteAccepted(of) => quotes.get(&of.quote).copied(),
            WorkOrderFact::QuoteDeclined(of) => quotes.get(&of.quote).copied(),
            _ => content.visit(),
        };
        let Some(visit) = visit else { continue };
        if matches!(content, WorkOrderFact::Quoted(_)) {
            quotes.insert(fact.key, visit);
        }
        visits.entry(visit).or_default().push(Step { fact, content });
    }
    // Steps that name a visit nobody set out on stay in the timeline only.
    visits.retain(|visit, steps| steps.iter().any(|step| step.fact.key == *visit));
    visits
}

/// What ended each visit, where something did: its farewell, the next visit of the same person,
/// or the order going back by somebody who knew of it (R4.29).
pub(super) fn endings(
    causality: &Causality<'_>,
    visits: &BTreeMap<FactKey, Vec<Step<'_>>>,
    sessions: &SessionRows,
) -> BTreeMap<FactKey, FactKey> {
    let mut wrapped = Vec::new();
    for fact in &causality.facts {
        if let Payload::WorkOrder(content) = &fact.payload {
            match content {
                WorkOrderFact::SetOut(_) => wrapped.push((fact.key, doer(fact, sessions))),
                WorkOrderFact::Returned | WorkOrderFact::Closed => wrapped.push((fact.key, None)),
                _ => {}
            }
        }
    }
    let mut endings = BTreeMap::new();
    for (visit, steps) in visits {
        let farewell = steps.iter().find(|step| matches!(step.content, WorkOrderFact::Farewell(_)));
        let by = steps.iter().find(|step| step.fact.key == *visit);
        let by = by.and_then(|step| doer(step.fact, sessions));
        let last = steps.last().map_or(*visit, |step| step.fact.key);
        let later = wrapped.iter().find(|(key, person)| match person {
            // Setting out again ends the visit at any step.
            Some(_) => *person == by && causality.is_before(*visit, *key),
            None => causality.is_before(last, *key),
        });
        let end = farewell.map(|step| step.fact.key).or(later.map(|(key, _)| *key));
        endings.extend(end.map(|end| (*visit, end)));
    }
    endings
}

/// Whose deed a fact is: the person it was written for, else the writer.
fn doer(fact: &Fact, sessions: &SessionRows) -> Option<PersonId> {
    let owner = || Some(sessions.get(&fact.key.session()?)?.person);
    fact.on_behalf_of.or_else(owner)
}

/// What stands beside the steps of a visit.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) causality: &'a Causality<'a>,
    pub(super) policy: &'a SlaPolicy,
    pub(super) sessions: &'a SessionRows,
    /// A public facility: no door, no customer (R4.30).
    pub(super) public: bool,
    /// A paid service, whatever the visit says of itself.
    pub(super) is_paid: bool,
    /// What ended the visit.
    pub(super) end: Option<FactKey>,
}

/// Folds the steps of one visit; `quoted` if the customer accepted a price at another visit.
pub(super) fn fold(visit: FactKey, steps: &[Step<'_>], site: &Site<'_>, quoted: bool) -> Visit {
    let Site { causality, policy, sessions, public, is_paid, end } = *site;
    let set_out = steps.iter().find_map(|step| match step.content {
        WorkOrderFact::SetOut(set_out) => Some(*set_out),
        _ => None,
    });
    let mut set_out =
        set_out.unwrap_or(SetOut { grade: policy.service_grade, paid_service: false });
    set_out.paid_service |= is_paid;
    let owner = visit.session().and_then(|session| sessions.get(&session)).map(|row| row.person);
    let stood_in = steps.iter().find(|step| step.fact.key == visit);
    let person = stood_in.and_then(|step| step.fact.on_behalf_of).or(owner);
    // What the desk adds later (a confirmation, a call-back, a refund) does not stretch the visit.
    // R4.31.
    let writers = steps.iter().filter(|step| {
        let row = step.fact.key.session().and_then(|session| sessions.get(&session));
        row.map(|row| row.person) == owner
    });
    let times: Vec<_> = writers.map(|step| fact_time(step.fact, sessions)).collect();
    let (waits, mut deviations) = door(steps, policy, sessions);
    deviations.extend(inside(steps, set_out, quoted, public));
    deviations.extend(ending(steps, end, public));
    deviations.extend(unaccepted(steps, set_out));
    deviations.extend(out_of_order(steps));
    deviations.sort();
    let helpers = steps.iter().filter_map(|step| match step.content {
        WorkOrderFact::HelperJoined(joined) => Some(joined.person),
        _ => None,
    });
    let signature = outcomes(steps, causality).into_iter().next();
    let ratings = latest(steps, causality, |content| match content {
        WorkOrderFact::Signed(signed) => Some(signed.ratings),
        _ => None,
    });
    let ratings = ratings.into_iter().map(|(_, ratings)| ratings);
    let mut all_waits = waits;
    all_waits.extend(work_waits(steps, sessions));
    Visit {
        visit,
        person,
        helpers: helpers.collect(),
        grade: set_out.grade,
        paid_service: set_out.paid_service,
        from_ms: times.iter().map(|time| time.at_ms).min().unwrap_or_default(),
        to_ms: times.iter().map(|time| time.at_ms).max().unwrap_or_default(),
        verified: times.iter().all(|time| time.verified),
        state: state(steps, causality),
        waits: all_waits,
        deviations,
        signature,
        ratings: ratings.reduce(Ratings::lower),
    }
}

/// The steps that say something of a sort and that no later one of that sort knew of, each with
/// what it says.
fn latest<T>(
    steps: &[Step<'_>],
    causality: &Causality<'_>,
    says: impl Fn(&WorkOrderFact) -> Option<T>,
) -> Vec<(FactKey, T)> {
    causality.last(steps.iter().filter_map(|step| Some((step.fact.key, says(step.content)?))))
}

/// How the customer ended the visit, as said last; several where people knew nothing of one
/// another, with a signature before what somebody says of one (R4.35).
pub(super) fn outcomes(steps: &[Step<'_>], causality: &Causality<'_>) -> Vec<SignatureOutcome> {
    let said = latest(steps, causality, |content| match content {
        WorkOrderFact::Signed(_) => Some("signed"),
        WorkOrderFact::SignRefused(_) => Some("sign_refused"), // R4.26
        WorkOrderFact::SignAbsent(_) => Some("sign_absent"),
        _ => None,
    });
    let outcome =
        |(key, outcome): (FactKey, &str)| SignatureOutcome { outcome: outcome.to_owned(), key };
    let mut all: Vec<SignatureOutcome> = said.into_iter().map(outcome).collect();
    all.sort_by_key(|said| {
        let rank = ["signed", "sign_refused"].iter().position(|first| said.outcome == *first);
        (rank.unwrap_or(usize::MAX), said.key)
    });
    all
}

/// As the last steps say; of those that knew nothing of one another the most advanced (R3.32).
fn state(steps: &[Step<'_>], causality: &Causality<'_>) -> VisitState {
    use WorkOrderFact as F;
    let work = latest(steps, causality, |content| match content {
        F::StartWork(_) | F::Resumed(_) => Some(VisitState::Working),
        F::Paused(_) => Some(VisitState::Paused),
        F::NoAnswer(_) => Some(VisitState::NoAnswer),
        F::UnableToFinish(_) | F::LeftMidway(_) => Some(VisitState::Unfinished),
        F::FinishWork(_) => Some(VisitState::Finished),
        _ => None,
    });
    let came = steps.iter().any(|step| {
        use F::{Enter, EnteredWithKey, Introduce, Knock, Ring};
        matches!(step.content, Ring(_) | Knock(_) | Introduce(_) | Enter(_) | EnteredWithKey(_))
    });
    let door = if came { VisitState::AtTheDoor } else { VisitState::OnTheWay };
    work.into_iter().map(|(_, state)| state).max().unwrap_or(door)
}

pub(super) fn deviation(code: &str, keys: &[FactKey]) -> Deviation {
    debug_assert!(DEVIATIONS.contains(&code), "{code} is in the list");
    Deviation { code: code.to_owned(), keys: keys.to_vec(), params: BTreeMap::new() }
}

pub(super) fn timed(code: &str, keys: &[FactKey], ms: i64, limit_ms: i64) -> Deviation {
    let params = BTreeMap::from([("ms".to_owned(), ms), ("limit_ms".to_owned(), limit_ms)]);
    Deviation { params, ..deviation(code, keys) }
}

fn position(steps: &[Step<'_>], wanted: impl Fn(&WorkOrderFact) -> bool) -> Option<usize> {
    steps.iter().position(|step| wanted(step.content))
}

/// From the preparation to the end of work.
fn inside(steps: &[Step<'_>], set_out: SetOut, quoted: bool, public: bool) -> Vec<Deviation> {
    let mut found = preparation(steps);
    found.extend(entering(steps));
    found.extend(before_work(steps, set_out, quoted, public));
    found
}

/// Whether something came before the step at `later`.
fn before(earlier: Option<usize>, later: usize) -> bool {
    earlier.is_some_and(|earlier| earlier < later)
}

// R4.4
fn preparation(steps: &[Step<'_>]) -> Vec<Deviation> {
    use WorkOrderFact as F;
    let prepared = steps.iter().filter_map(|step| match step.content {
        F::Prepare(prepare) => Some((step.fact.key, *prepare)),
        _ => None,
    });
    let prepared: Vec<(FactKey, Prepare)> = prepared.collect();
    if prepared.is_empty() {
        let at_door =
            position(steps, |c| matches!(c, F::Introduce(_) | F::Enter(_) | F::EnteredWithKey(_)));
        let missing = at_door.map(|index| deviation("not_prepared", &[steps[index].fact.key]));
        return missing.into_iter().collect();
    }
    let mut found = Vec::new();
    for (key, prepare) in prepared {
        if !prepare.trained {
            found.push(deviation("not_trained", &[key])); // R4.5
        }
        let complete = prepare.appearance
            && prepare.tools
            && prepare.materials
            && prepare.instructions_acknowledged;
        if !complete {
            found.push(deviation("prepared_incompletely", &[key]));
        }
    }
    found
}

fn entering(steps: &[Step<'_>]) -> Vec<Deviation> {
    use WorkOrderFact as F;
    let mut found = Vec::new();
    let key = |index: usize| [steps[index].fact.key];
    let announced = position(steps, |c| matches!(c, F::Ring(_) | F::Knock(_)));
    let entered = position(steps, |c| matches!(c, F::Enter(_)));
    let with_key = position(steps, |c| matches!(c, F::EnteredWithKey(_)));
    // R4.14
    if let Some(door) = entered.or(with_key)
        && !before(announced, door)
    {
        found.push(deviation("entered_unannounced", &key(door)));
    }
    if let Some(door) = entered
        && !before(position(steps, |c| matches!(c, F::Introduce(_))), door)
    {
        found.push(deviation("not_introduced", &key(door))); // R4.12
    }
    if let Some(door) = with_key
        && !before(position(steps, |c| matches!(c, F::KeyReceived(_))), door)
    {
        found.push(deviation("key_not_received", &key(door)));
    }
    found
}

/// What has to be done before work begins (R3.24, R4.13, R4.16).
fn before_work(steps: &[Step<'_>], set_out: SetOut, quoted: bool, public: bool) -> Vec<Deviation> {
    use WorkOrderFact as F;
    let Some(start) = position(steps, |c| matches!(c, F::StartWork(_))) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut wants = |code: &str, applies: bool, wanted: fn(&F) -> bool| {
        if applies && !before(position(steps, wanted), start) {
            found.push(deviation(code, &[steps[start].fact.key]));
        }
    };
    wants("no_shoe_covers", set_out.grade <= 2 && !public, |c| matches!(c, F::ShoeCovers(_)));
    wants("scope_not_confirmed", set_out.paid_service, |c| matches!(c, F::ScopeConfirmed(_)));
    wants("valuables_not_reminded", set_out.paid_service, |c| matches!(c, F::ValuablesReminded(_)));
    let charged = position(steps, |c| matches!(c, F::Charged(_))).is_some();
    wants("worked_without_quote", charged && !quoted, |c| matches!(c, F::QuoteAccepted(_)));
    found
}

/// From the end of work to the farewell.
fn ending(steps: &[Step<'_>], end: Option<FactKey>, public: bool) -> Vec<Deviation> {
    use WorkOrderFact as F;
    let mut found = Vec::new();
    let finished = position(steps, |c| matches!(c, F::FinishWork(_)));
    if let Some(index) = finished
        && !before(position(steps, |c| matches!(c, F::StartWork(_))), index)
    {
        found.push(deviation("finished_without_start", &[steps[index].fact.key])); // R4.17
    }
    for step in steps {
        let key = &[step.fact.key];
        match step.content {
            F::UnableToFinish(unable) if !unable.explained => {
                found.push(deviation("not_explained_to_customer", key)); // R4.18
            }
            F::LeftMidway(left) => {
                if !left.customer_asked {
                    found.push(deviation("left_without_being_asked", key)); // R4.19
                }
                if !left.tidied {
                    found.push(deviation("left_untidied", key));
                }
            }
            // R4.20
            F::Tidy(tidy) if !(tidy.equipment_wiped && tidy.floor_clean && tidy.tools_counted) => {
                found.push(deviation("tidied_incompletely", key));
            }
            // R4.21
            F::Explain(explain) if !(explain.cause && explain.care && explain.correct_use) => {
                found.push(deviation("explained_incompletely", key));
            }
            _ => {}
        }
    }
    // What is missing can be told only when the visit is over.
    found.extend(end.map(|end| missing(steps, end, public)).into_iter().flatten());
    found
}

/// Paid work that was finished and signed for, and that the customer was not asked to accept
/// (五 4.4.1b).
fn unaccepted(steps: &[Step<'_>], set_out: SetOut) -> Option<Deviation> {
    use WorkOrderFact as F;
    let signed = position(steps, |c| matches!(c, F::Signed(_)))?;
    let asked = position(steps, |c| matches!(c, F::Acceptance(_))).is_some();
    let missing = set_out.paid_service && !asked;
    missing.then(|| deviation("acceptance_not_asked", &[steps[signed].fact.key]))
}

/// What a visit that `end` ended has left out.
fn missing(steps: &[Step<'_>], end: FactKey, public: bool) -> Vec<Deviation> {
    use WorkOrderFact as F;
    let mut found = Vec::new();
    let end = &[end];
    let missing = |wanted: fn(&F) -> bool| position(steps, wanted).is_none();
    let at_the_door = !missing(|c| matches!(c, F::Ring(_) | F::Knock(_)));
    let went_on = |c: &F| {
        use F::{Enter, EnteredWithKey, Introduce, NoAnswer, StartWork};
        matches!(c, NoAnswer(_) | Introduce(_) | Enter(_) | EnteredWithKey(_) | StartWork(_))
    };
    if at_the_door && !steps.iter().any(|step| went_on(step.content)) {
        found.push(deviation("left_unannounced", end)); // R4.11
    }
    if missing(|c| matches!(c, F::FinishWork(_))) {
        return found;
    }
    if missing(|c| matches!(c, F::Tidy(_))) {
        found.push(deviation("not_tidied", end));
    }
    let silently = missing(|c| matches!(c, F::Farewell(_) | F::EnteredWithKey(_)));
    if silently && !public {
        found.push(deviation("left_without_farewell", end)); // R4.27
    }
    if !public && missing(|c| matches!(c, F::Explain(_))) {
        found.push(deviation("cause_not_explained", end));
    }
    let unsigned = missing(|c| matches!(c, F::Signed(_) | F::SignRefused(_) | F::SignAbsent(_)));
    if !public && unsigned {
        found.push(deviation("not_signed", end));
    }
    let keys = |wanted: fn(&F) -> bool| steps.iter().filter(|step| wanted(step.content)).count();
    let received = keys(|c| matches!(c, F::KeyReceived(_)));
    if received > keys(|c| matches!(c, F::KeyReturned(_))) {
        found.push(deviation("key_not_returned", end)); // R4.15
    }
    found
}

/// The place of a step in the procedure; steps without one may come at any time.
fn rank(content: &WorkOrderFact) -> Option<u8> {
    use WorkOrderFact as F;
    Some(match content {
        F::Prepare(_) => 0,
        F::Ring(_) | F::Knock(_) => 1,
        F::Introduce(_) => 3,
        // Covers go on at the door: before the step inside or with it (入户 3, R4.13).
        F::Enter(_) | F::EnteredWithKey(_) | F::ShoeCovers(_) => 4,
        F::StartWork(_) => 6,
        F::FinishWork(_) => 7,
        F::Tidy(_) => 8,
        F::Explain(_) => 9,
        F::Charged(_) => 10,
        F::Signed(_) | F::SignRefused(_) | F::SignAbsent(_) => 11,
        F::Farewell(_) => 12,
        _ => return None,
    })
}

// R4.28
fn out_of_order(steps: &[Step<'_>]) -> Vec<Deviation> {
    let mut found = Vec::new();
    let mut highest: Option<(u8, FactKey)> = None;
    for step in steps {
        let Some(rank) = rank(step.content) else { continue };
        // What is stated afterwards comes late by its nature (R4.32).
        if step.fact.said_at_ms.is_some() {
            continue;
        }
        match highest {
            Some((before, key)) if rank < before => {
                found.push(deviation("out_of_order", &[key, step.fact.key]));
            }
            _ => highest = Some((rank, step.fact.key)),
        }
    }
    found
}
