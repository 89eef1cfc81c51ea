//! The ladder of complaints (二 4.3.3 to 4.3.5): by when each step has to have settled one, and to
//! which it goes then. Counts only; the server writes what follows.

use super::deadlines::{Deadline, DeadlineState};
use super::kind::FoldInput;
use super::sla::{Limit, Stamp, Target};
use crate::model::complaint::{Escalated, LadderStep};
use crate::model::person::Role;
use crate::model::policy::LadderCountsFrom;
use crate::model::time::WallMs;

/// What the ladder counts from and what ends it.
pub(super) struct Climb<'a> {
    /// When the complaint was received; none where that cannot be judged.
    pub(super) start_ms: Option<WallMs>,
    /// Of a complaint about a worker: it is the superior's from here on (一 3.4.6c, R2.11).
    pub(super) superior_ms: Option<WallMs>,
    /// It is solved, or turned out to be none.
    pub(super) ended: Option<Stamp>,
    /// To which step it was passed up, and when.
    pub(super) passed: &'a [(LadderStep, Stamp)],
    /// From when to when it was solved, and then was not after all; in order and apart.
    pub(super) solved: &'a [(WallMs, WallMs)],
}

/// Where a complaint stands on the ladder.
pub(super) struct Ladder {
    pub(super) deadlines: Vec<Deadline>,
    /// The escalations that there are to be by now.
    pub(super) due: Vec<Escalated>,
    /// The steps of which nobody can say whether they were due (R2.12).
    pub(super) undecided: Vec<LadderStep>,
    /// The step that has it.
    pub(super) step: LadderStep,
}

/// The steps above the first, each with the deadline of the one before it.
const STEPS: [(LadderStep, &str); 3] = [
    (LadderStep::Supervisor, "complaint_supervisor"),
    (LadderStep::ProjectManager, "complaint_project_manager"),
    (LadderStep::GeneralManager, "complaint_general_manager"),
];

/// Who is told when a complaint has become major by its age.
const TOLD_OF_MAJOR: &[Role] = &[Role::ProjectManager, Role::GeneralManager];

impl Climb<'_> {
    /// How far it has come (R2.8).
    pub(super) fn ladder(&self, input: &FoldInput<'_>) -> Ladder {
        let policy = input.policy;
        let days = [
            policy.complaint_supervisor_days,
            policy.complaint_project_manager_days,
            policy.complaint_general_manager_days,
        ];
        let mut ladder = Ladder {
            deadlines: Vec::new(),
            due: Vec::new(),
            undecided: Vec::new(),
            step: LadderStep::Assistant,
        };
        // When the step before was reached; the first is from the reception on.
        let mut reached_ms = self.start_ms;
        for ((to, name), days) in STEPS.into_iter().zip(days) {
            if let Some(due_ms) = self.superior_ms.filter(|_| to == LadderStep::Supervisor) {
                ladder.due.push(Escalated { to, due_ms });
                reached_ms = Some(due_ms);
                continue;
            }
            let by_step = policy.ladder_counts_from == LadderCountsFrom::Step;
            if by_step && !ladder.undecided.is_empty() {
                ladder.undecided.push(to);
                continue;
            }
            let first = to == LadderStep::Supervisor;
            if by_step && reached_ms.is_none() && !first {
                break;
            }
            let from_ms = if by_step { reached_ms } else { self.start_ms };
            let passed = self.passed(to);
            let met = passed.into_iter().chain(self.ended).min_by_key(|met| (met.at_ms, met.key));
            let deadline = self.judge(input, &Target::new(name, from_ms, Limit::Days(days)), met);
            reached_ms = passed.map(|passed| passed.at_ms);
            match (deadline.state, deadline.due_ms) {
                (DeadlineState::Breached, Some(due_ms)) => {
                    ladder.due.push(Escalated { to, due_ms });
                    reached_ms = Some(due_ms);
                }
                (DeadlineState::Unknown, _) => ladder.undecided.push(to),
                _ => {}
            }
            ladder.deadlines.push(deadline);
        }
        let due = ladder.due.iter().map(|due| due.to);
        let passed = self.passed.iter().map(|(to, _)| *to);
        ladder.step = due.chain(passed).max().unwrap_or(LadderStep::Assistant);
        ladder
    }

    /// Valid and unsolved so long, it is major (二 4.2.1c, R2.7).
    pub(super) fn month(&self, input: &FoldInput<'_>) -> Deadline {
        let months = Limit::Months(input.policy.complaint_major_months);
        let target = Target::new("complaint_major", self.start_ms, months).tells(TOLD_OF_MAJOR);
        self.judge(input, &target, self.ended)
    }

    /// The first passing to a step or beyond it (R2.9).
    fn passed(&self, step: LadderStep) -> Option<Stamp> {
        let passed = self.passed.iter().filter(|(to, _)| *to >= step).map(|(_, stamp)| *stamp);
        passed.min_by_key(|stamp| (stamp.at_ms, stamp.key))
    }

    fn judge(&self, input: &FoldInput<'_>, target: &Target<'_>, met: Option<Stamp>) -> Deadline {
        let sla = input.sla();
        let target = target.met(met);
        let plain_ms = sla.due_ms(target.limit, target.start_ms);
        match plain_ms.filter(|_| !self.solved.is_empty()) {
            Some(due_ms) => {
                let limit = Limit::At(moved(due_ms, self.solved));
                sla.judge(&Target { limit, ..target })
            }
            None => sla.judge(&target),
        }
    }
}

/// A moment, later by the time in which the complaint was solved before it (R2.13).
fn moved(due_ms: WallMs, solved: &[(WallMs, WallMs)]) -> WallMs {
    solved.iter().fold(due_ms, |due_ms, (from_ms, to_ms)| {
        if *from_ms > due_ms {
            return due_ms;
        }
        due_ms.saturating_add(to_ms.saturating_sub(*from_ms).max(0))
    })
}
