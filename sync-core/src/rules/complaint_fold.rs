//! How a complaint stands: a fold of its facts, equal for any order in which they come.

use super::closing::{Turn, Turns};
use super::complaint::{Complaint, Escalation, LIST_MAX, MajorBy, Plan};
use super::deadlines::{Deadline, DeadlineState};
use super::kind::FoldInput;
use super::ladder::{Climb, Ladder};
use super::sla::Stamp;
use super::status::Status;
use crate::model::complaint::{
    ComplaintFact, ComplaintSeverity, Judgement, LadderStep, RepeatOf, Validity,
};
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::{GeneralFact, Payload};
use crate::model::time::WallMs;

/// A complaint's own facts, sorted by what they are for; of each sort the last ones.
pub(super) struct Facts<'a> {
    /// Each with its content.
    pub(super) all: Vec<(&'a Fact, &'a ComplaintFact)>,
    /// The customer is satisfied, or it is closed with a reason though not.
    pub(super) solves: Vec<Stamp>,
    /// Not after all.
    pub(super) undoes: Vec<Stamp>,
    pub(super) passed: Vec<(LadderStep, Stamp)>,
    /// The judgement and the fact it comes from.
    pub(super) judged: Option<(Judgement, FactKey)>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(input: &FoldInput<'a>) -> Self {
        let all: Vec<(&Fact, &ComplaintFact)> = input
            .facts()
            .filter_map(|fact| match &fact.payload {
                Payload::Complaint(content) => Some((fact, content)),
                _ => None,
            })
            .collect();
        let last = |wanted: fn(&ComplaintFact) -> bool| -> Vec<Stamp> {
            let wanted = all.iter().rev().filter(|(_, content)| wanted(content));
            let wanted = wanted.map(|(fact, _)| Stamp::of(fact, input.sessions));
            wanted.take(LIST_MAX).collect()
        };
        let passed = all.iter().filter_map(|(fact, content)| match content {
            ComplaintFact::PassedUp(passed) => Some((passed.to, Stamp::of(fact, input.sessions))),
            _ => None,
        });
        let key = input.fields.get("judgement").and_then(|field| field.key);
        Self {
            solves: last(|content| match content {
                ComplaintFact::ComplaintClosed(closed) => closed.unsatisfied_reason.is_some(),
                content => *content == ComplaintFact::Satisfied,
            }),
            undoes: last(|content| {
                matches!(
                    content,
                    ComplaintFact::NotSatisfied(_) | ComplaintFact::ComplaintReopened(_)
                )
            }),
            passed: passed.take(LIST_MAX).collect(),
            judged: input.field("judgement").zip(key),
            all,
        }
    }

    /// When it was solved, if it is. Whoever says that it is not, without knowing that it was,
    /// wins: nothing is over that somebody still complains of (R2.16).
    fn solved(&self, input: &FoldInput<'_>) -> Option<Stamp> {
        let before =
            |earlier: &Stamp, later: &Stamp| input.causality.is_before(earlier.key, later.key);
        let standing =
            self.solves.iter().filter(|one| self.undoes.iter().all(|not| before(not, one)));
        standing.copied().min_by_key(|one| (one.at_ms, one.key))
    }

    /// From when to when it was solved and then was not after all, in order and apart.
    fn solved_for_a_time(&self, input: &FoldInput<'_>) -> Vec<(WallMs, WallMs)> {
        let before =
            |earlier: &Stamp, later: &Stamp| input.causality.is_before(earlier.key, later.key);
        let mut stretches: Vec<(WallMs, WallMs)> = Vec::new();
        for end in self.undoes.iter().filter(|end| end.judgeable) {
            let between = |one: &Stamp| {
                self.undoes.iter().any(|other| before(one, other) && before(other, end))
            };
            let begun = self.solves.iter().filter(|one| before(one, end) && !between(one));
            let from_ms = begun.filter_map(Stamp::judgeable_ms).min();
            stretches.extend(
                from_ms.filter(|from_ms| *from_ms < end.at_ms).map(|from_ms| (from_ms, end.at_ms)),
            );
        }
        stretches.sort_unstable();
        let mut apart: Vec<(WallMs, WallMs)> = Vec::new();
        for (from_ms, to_ms) in stretches {
            match apart.last_mut() {
                Some((_, last_ms)) if from_ms <= *last_ms => *last_ms = to_ms.max(*last_ms),
                _ => apart.push((from_ms, to_ms)),
            }
        }
        apart
    }
}

/// The first opening.
fn opened<'a>(input: &FoldInput<'a>) -> Option<&'a Fact> {
    input.facts().find(|fact| matches!(fact.payload, Payload::General(GeneralFact::Created(_))))
}

/// A complaint with its deadlines.
pub(super) fn fold(
    input: &FoldInput<'_>,
    facts: &Facts<'_>,
    turns: &Turns,
) -> (Complaint, Vec<Deadline>) {
    let opened = opened(input).map(|fact| Stamp::of(fact, input.sessions));
    let said_ms: Option<WallMs> = input.field("received_at_ms");
    // Said to have come later than it was entered: from its entry.
    let received_at_ms = opened
        .and_then(|opened| opened.judgeable_ms())
        .map(|opened_ms| said_ms.map_or(opened_ms, |said_ms| said_ms.min(opened_ms)));
    let about: Option<PersonId> = input.field("about");
    let closed = turns.closing(input);
    let solved = facts.solved(input);
    let refuted = facts.judged.as_ref().filter(|(judged, _)| judged.validity != Validity::Valid);
    let refuted = refuted.and_then(|(_, key)| input.causality.fact(*key));
    let refuted = refuted.map(|fact| Stamp::of(fact, input.sessions));
    let climb = Climb {
        start_ms: received_at_ms,
        superior_ms: about.and(received_at_ms.or(opened.map(|opened| opened.at_ms))),
        ended: solved.into_iter().chain(refuted).min_by_key(|end| (end.at_ms, end.key)),
        passed: &facts.passed,
        solved: &facts.solved_for_a_time(input),
    };
    let Ladder { mut deadlines, due, undecided, step } = climb.ladder(input);
    let month = climb.month(input);
    let mut complaint = Complaint {
        received_at_ms,
        investigated: false,
        validity: facts.judged.as_ref().map(|(judged, _)| judged.validity),
        severity: None,
        major_by: Vec::new(),
        step,
        plans: Vec::new(),
        progress_told: 0,
        solved_at_ms: solved.map(|solved| solved.at_ms),
        times: 1,
        repeat_of: None,
        escalations: Vec::new(),
        due,
        undecided,
        closed_at_ms: closed.map(|closed| closed.at_ms),
        closed_by: closed.map(|closed| closed.key),
    };
    for (fact, content) in &facts.all {
        complaint.take(fact, content, input.time(fact).at_ms);
    }
    let solved_before =
        |key| solved.is_some_and(|solved| input.causality.is_before(solved.key, key));
    complaint.judge(
        facts.judged.as_ref().map(|(judged, key)| (judged, solved_before(*key))),
        input.policy.complaint_repeats_major,
        month.state == DeadlineState::Breached,
    );
    deadlines.push(month);
    (complaint, deadlines)
}

impl Complaint {
    /// What one fact adds.
    fn take(&mut self, fact: &Fact, content: &ComplaintFact, at_ms: WallMs) {
        use ComplaintFact as F;
        let key = fact.key;
        match content {
            F::Investigated(_) => self.investigated = true,
            F::PlanTold(told) if self.plans.len() < LIST_MAX => self.plans.push(Plan {
                key,
                text: told.text.clone(),
                at_ms,
                accepted: Vec::new(),
                rejected: Vec::new(),
                carried_out: Vec::new(),
            }),
            F::PlanAccepted(of) => self.on(of.plan, |plan| plan.accepted.push(key)),
            F::PlanRejected(of) => self.on(of.plan, |plan| plan.rejected.push(key)),
            F::PlanCarriedOut(of) => self.on(of.plan, |plan| plan.carried_out.push(key)),
            F::ProgressTold(_) => self.progress_told = self.progress_told.saturating_add(1),
            F::Escalated(content) if self.escalations.len() < LIST_MAX => {
                self.escalations.push(Escalation { key, content: *content, withdrawn: false });
            }
            F::EscalationWithdrawn(of) => {
                let mut all = self.escalations.iter_mut();
                if let Some(one) = all.find(|one| one.key == of.of) {
                    one.withdrawn = true;
                }
            }
            F::RepeatOf(RepeatOf { complaint, times }) if *times > self.times => {
                self.times = *times;
                self.repeat_of = Some(*complaint);
            }
            _ => {}
        }
    }

    fn on(&mut self, key: FactKey, change: impl FnOnce(&mut Plan)) {
        let plan = self.plans.iter_mut().find(|plan| plan.key == key);
        if let Some(plan) = plan.filter(|plan| plan.answers() < LIST_MAX) {
            change(plan);
        }
    }

    /// How bad it is: as judged, or major by the rules. Until it is judged it counts as valid.
    /// R2.4, R2.5, R2.6.
    fn judge(&mut self, judged: Option<(&Judgement, bool)>, repeats_major: u32, month: bool) {
        if judged.is_some_and(|(judged, _)| judged.validity != Validity::Valid) {
            return;
        }
        let several = self.times >= repeats_major;
        let repeats = judged.is_some_and(|(one, solved)| one.undelivered && several && !solved);
        let harm = judged.is_some_and(|(one, _)| one.harm);
        let holds = [(repeats, MajorBy::Repeats), (harm, MajorBy::Harm), (month, MajorBy::Month)];
        self.major_by = holds.into_iter().filter(|(holds, _)| *holds).map(|(_, by)| by).collect();
        self.severity = if self.major_by.is_empty() {
            judged.and_then(|(judged, _)| judged.severity)
        } else {
            Some(ComplaintSeverity::Major)
        };
    }
}

impl Plan {
    fn answers(&self) -> usize {
        self.accepted.len() + self.rejected.len() + self.carried_out.len()
    }
}

/// What closes it and reopens it.
pub(super) fn turn(fact: &Fact) -> Option<Turn> {
    match &fact.payload {
        Payload::Complaint(ComplaintFact::ComplaintClosed(_)) => Some(Turn::Closes),
        Payload::Complaint(ComplaintFact::ComplaintReopened(_)) => Some(Turn::Reopens),
        _ => None,
    }
}

/// How far it is.
pub(super) fn status(complaint: &Complaint) -> Status {
    let any = |wanted: fn(&Plan) -> bool| complaint.plans.iter().any(wanted);
    if complaint.closed_at_ms.is_some() {
        Status::Closed
    } else if complaint.solved_at_ms.is_some() {
        Status::Satisfied
    } else if any(|plan| !plan.carried_out.is_empty()) {
        Status::CarriedOut
    } else if any(|plan| !plan.accepted.is_empty()) {
        Status::PlanAccepted
    } else if any(|_| true) {
        Status::PlanTold
    } else if complaint.validity.is_some() {
        Status::Judged
    } else if complaint.investigated {
        Status::Investigated
    } else {
        Status::Opened
    }
}
