//! What somebody has to look at in a complaint: nothing here stops anybody.

use super::cases::Case;
use super::closing::Turns;
use super::complaint::{Complaint, LIST_MAX};
use super::complaint_fold::{Facts, turn};
use super::kind::FoldInput;
use crate::model::complaint::{ComplaintFact, ComplaintSource, LadderStep};
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::{GeneralFact, Payload};
use crate::model::time::WallMs;

/// The cases of a complaint.
pub(super) fn cases(
    complaint: &Complaint,
    (facts, turns): (&Facts<'_>, &Turns),
    input: &FoldInput<'_>,
) -> Vec<Case> {
    let of = Of { complaint, facts, input };
    let mut found = of.plans();
    found.extend(of.judged_uninvestigated());
    found.extend(of.satisfaction_disputed());
    found.extend(turns.case("closed_and_reopened", input.causality, input.sessions));
    found.extend(of.skips());
    found.extend(of.own_subject());
    found.extend(of.closing(turns.closings()));
    found
}

struct Of<'a> {
    complaint: &'a Complaint,
    facts: &'a Facts<'a>,
    input: &'a FoldInput<'a>,
}

impl Of<'_> {
    fn at_ms(&self, key: FactKey) -> Option<WallMs> {
        self.input.causality.fact(key).map(|fact| self.input.time(fact).at_ms)
    }

    /// Carried out before the customer had accepted it (二 4.3.6), or accepted and rejected by
    /// people who did not know of one another (R2.14).
    fn plans(&self) -> Vec<Case> {
        let mut found = Vec::new();
        let before = |earlier: FactKey, later: FactKey| {
            let known = self.input.causality.is_before(earlier, later);
            known || self.at_ms(earlier) <= self.at_ms(later)
        };
        for plan in &self.complaint.plans {
            for done in &plan.carried_out {
                if !plan.accepted.iter().any(|accepted| before(*accepted, *done)) {
                    found.push(self.input.case("carried_out_unaccepted", [*done]));
                }
            }
            let causality = self.input.causality;
            let apart = plan.accepted.iter().flat_map(|yes| {
                let others = plan.rejected.iter().filter(|no| {
                    !causality.is_before(*yes, **no) && !causality.is_before(**no, *yes)
                });
                others.map(move |no| [*yes, *no])
            });
            found.extend(apart.take(1).map(|both| self.input.case("plan_answers_differ", both)));
        }
        found
    }

    /// Judged before anything was found out (二 4.3.2, R2.2).
    fn judged_uninvestigated(&self) -> Option<Case> {
        let (_, judged) = self.facts.judged.as_ref()?;
        let found_out = self.facts.all.iter().any(|(fact, content)| {
            matches!(content, ComplaintFact::Investigated(_))
                && self.input.causality.is_before(fact.key, *judged)
        });
        (!found_out).then(|| self.input.case("judged_uninvestigated", [*judged]))
    }

    /// Satisfied and not, by people who did not know of one another. That it was closed by one and
    /// reopened by the other is a case of its own.
    fn satisfaction_disputed(&self) -> Vec<Case> {
        let causality = self.input.causality;
        let is_turn = |key| causality.fact(key).is_some_and(|fact| turn(fact).is_some());
        let mut found = Vec::new();
        for yes in &self.facts.solves {
            for no in &self.facts.undoes {
                let apart =
                    !causality.is_before(yes.key, no.key) && !causality.is_before(no.key, yes.key);
                let turns = is_turn(yes.key) && is_turn(no.key);
                if apart && !turns && found.len() < LIST_MAX {
                    found.push(self.input.case("satisfaction_disputed", [yes.key, no.key]));
                }
            }
        }
        found
    }

    /// Steps that were left out: an emergency may, and reports it to them afterwards (R2.10).
    fn skips(&self) -> Vec<Case> {
        let subject = self.input.fields.get("subject").and_then(|field| field.value.as_str());
        let emergency = subject == Some("emergency");
        let reported = |key: FactKey| {
            self.facts.all.iter().any(|(_, content)| {
                matches!(content, ComplaintFact::ReportedAfterwards(of) if of.passed == key)
            })
        };
        let mut found = Vec::new();
        for (to, passed) in &self.facts.passed {
            let earlier = self
                .facts
                .passed
                .iter()
                .filter(|(_, other)| (other.at_ms, other.key) < (passed.at_ms, passed.key));
            let earlier = earlier.map(|(to, _)| *to);
            let due = self.complaint.due.iter().filter(|due| due.due_ms <= passed.at_ms);
            let had = earlier.chain(due.map(|due| due.to)).max();
            let had = had.unwrap_or(LadderStep::Assistant);
            let skips = LadderStep::ALL.iter().any(|step| had < *step && step < to);
            match (skips, emergency) {
                (true, false) => found.push(self.input.case("step_skipped", [passed.key])),
                (true, true) if !reported(passed.key) => {
                    found.push(self.input.case("skip_not_reported", [passed.key]));
                }
                _ => {}
            }
        }
        found
    }

    /// The worker it is about writes in it (一 3.4.6c, R2.11).
    fn own_subject(&self) -> Option<Case> {
        let about: PersonId = self.input.field("about")?;
        // Judging and pausing too; to have read it is no part in it.
        let seen = |fact: &Fact| {
            matches!(
                fact.payload,
                Payload::General(GeneralFact::Read(_) | GeneralFact::Acknowledged(_))
            )
        };
        let writes =
            |fact: &Fact| self.input.by(fact) == Some(about) || fact.on_behalf_of == Some(about);
        let own = self.input.facts().find(|fact| !seen(fact) && writes(fact))?;
        Some(self.input.case("complained_of_handles", [own.key]))
    }

    /// Closed though the customer is not satisfied and no reason is given (二 4.4.1), or though
    /// the customer was not told after every step how it stood (二 4.3.4, R2.15, R2.16).
    fn closing(&self, closed: &[FactKey]) -> Vec<Case> {
        if closed.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        if self.complaint.solved_at_ms.is_none() {
            found.push(self.input.case("closed_unsatisfied", closed.iter().copied()));
        }
        let source: ComplaintSource = self.input.field("source").unwrap_or_default();
        let told = self.facts.all.iter().filter_map(|(fact, content)| match content {
            ComplaintFact::ProgressTold(told) => {
                let enough = source == ComplaintSource::Customer || told.to_source;
                enough.then(|| self.input.time(fact).at_ms)
            }
            _ => None,
        });
        let told_ms = told.max();
        let escalated = self.complaint.escalations.iter().filter(|one| !one.withdrawn);
        let steps = escalated.map(|one| (one.content.due_ms, one.key));
        let steps = steps.chain(self.facts.passed.iter().map(|(_, one)| (one.at_ms, one.key)));
        let untold = steps.filter(|(at_ms, _)| told_ms.is_none_or(|told_ms| told_ms < *at_ms));
        let untold: Vec<FactKey> = untold.map(|(_, key)| key).collect();
        if !untold.is_empty() {
            found.push(self.input.case("progress_not_told", untold));
        }
        found
    }
}
