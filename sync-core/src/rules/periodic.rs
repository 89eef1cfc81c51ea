//! Periodic tasks: which there are in a stretch of time, who does them, and by when.

use chrono::{Datelike as _, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use super::denial::{Denial, DenialCode};
use super::form::Form;
use super::kind::{Details, FieldRule, FoldInput, Folded, Kind, Needs, missing, note};
use super::limits;
use super::opening::Opening;
use super::review::Review;
use super::site_time::SiteTime;
use super::sla::{Limit, Sla, Stamp, Target};
use super::status::Status;
use crate::model::calendar::Weekday;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId, RecordId, SiteId};
use crate::model::payload::{Created, OpeningContent, Payload};
use crate::model::periodic::{KIND, PeriodicFact, PeriodicTask, PeriodicTaskCreated, SCHEMA};
use crate::model::person::Role;
use crate::model::policy::SlaPolicy;
use crate::model::time::WallMs;

/// A periodic task as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Periodic {
    /// Which; none where its opening does not read.
    pub task: Option<PeriodicTask>,
    /// Every report, in causal order.
    pub reports: Vec<Report>,
    /// The plan that was made.
    pub plan: Option<RecordId>,
    /// How often quality looked whether it is so.
    pub spot_checks: u32,
}

/// A report and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its fact.
    pub key: FactKey,
    /// Who sent it.
    pub by: Option<PersonId>,
    /// When.
    pub at_ms: WallMs,
    /// The fact by which quality confirmed it.
    pub confirmed: Option<FactKey>,
}

const MANAGER: &[Role] = &[Role::ProjectManager];
const QUALITY: &[Role] = &[Role::Quality];
const REVIEWERS: &[Role] = &[Role::Supervisor, Role::ProjectManager];
/// Who makes the patrol plan (六 3.1).
const PLANNERS: &[Role] = &[Role::Supervisor, Role::ProjectManager];
/// Anybody who sends any of them.
const SENDERS: &[Role] = &[Role::Supervisor, Role::ProjectManager, Role::Quality];
/// Reports that are read of one task; what hostile facts could make is not bounded.
const REPORTS_MAX: usize = 100;
/// Days that are looked at in one go.
const DAYS_MAX: usize = 70;

impl PeriodicTask {
    /// Who has to do it, and is told when it is late (R2.22).
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::WeeklyComplaints | Self::MonthlyComplaints => MANAGER,
            Self::ComplaintTrend => QUALITY,
            Self::PatrolPlan => PLANNERS,
            Self::ReceptionReview => REVIEWERS,
        }
    }

    /// Whether quality confirms what was sent (二 4.4.2, 4.4.3, R2.19).
    pub fn is_confirmed(self) -> bool {
        matches!(self, Self::WeeklyComplaints | Self::MonthlyComplaints)
    }
}

/// A task to be opened, at the moment from which it can be done.
#[derive(Debug, Clone, PartialEq)]
pub struct PeriodicOpening {
    /// When; milliseconds.
    pub at_ms: WallMs,
    /// By when it is to be done.
    pub due_ms: WallMs,
    /// The record.
    pub opening: Opening,
}

/// The tasks of a site that can be done from a moment after `since_ms` and not after `until_ms`:
/// a week's from its first midnight on, a month's from the midnight of the first. At most the first
/// 70 days of the stretch.
pub fn periodic_tasks(
    site: SiteId,
    policy: &SlaPolicy,
    since_ms: WallMs,
    until_ms: WallMs,
) -> Vec<PeriodicOpening> {
    let time = SiteTime::of(policy);
    let midnights = std::iter::successors(midnight_after(&time, since_ms), |at_ms| {
        midnight_after(&time, *at_ms)
    });
    let midnights = midnights.take(DAYS_MAX).take_while(|at_ms| *at_ms <= until_ms);
    midnights.flat_map(|at_ms| of_day(site, policy, &time, at_ms)).collect()
}

fn midnight_after(time: &SiteTime<'_>, at_ms: WallMs) -> Option<WallMs> {
    time.day_end(at_ms)?.checked_add(1)
}

// R1.18, R2.19, R2.21, R7.26
fn of_day(
    site: SiteId,
    policy: &SlaPolicy,
    time: &SiteTime<'_>,
    at_ms: WallMs,
) -> Vec<PeriodicOpening> {
    let mut found = Vec::new();
    let Some(today) = time.date(at_ms) else { return found };
    let mut add = |task: PeriodicTask, period: String, due_ms: Option<WallMs>| {
        let Some(due_ms) = due_ms else { return };
        let opening = opening(site, PeriodicTaskCreated { task, period, due_ms });
        found.push(PeriodicOpening { at_ms, due_ms, opening });
    };
    if today.pred_opt().is_some_and(|day| Weekday::of(day) == policy.weekly_report_weekday) {
        let at = policy.weekly_report_at;
        let due_ms = time.next_weekday(at_ms, policy.weekly_report_weekday, at);
        let last = due_ms.and_then(|due_ms| time.date(due_ms));
        let period = last.map(|day| day.to_string()).unwrap_or_default();
        add(PeriodicTask::WeeklyComplaints, period, due_ms);
    }
    if today.day() == 1 {
        // Of the month that has just ended; a moment in it is the millisecond before.
        let ended_ms = at_ms.saturating_sub(1);
        let month = |months: u32, back: bool| month(today, months, back);
        let by = |day: u8| time.day_of_next_month(ended_ms, day);
        let trend = policy.trend_analysis_day;
        // Quality analyses what has been sent the day before (ours).
        let before = trend.saturating_sub(1).max(1);
        add(PeriodicTask::MonthlyComplaints, month(1, true), by(before));
        add(PeriodicTask::ReceptionReview, month(1, true), by(before));
        add(PeriodicTask::ComplaintTrend, month(1, true), by(trend));
        // The last day of this month.
        add(PeriodicTask::PatrolPlan, month(1, false), by(31));
    }
    found
}

fn month(today: NaiveDate, months: u32, back: bool) -> String {
    let months = Months::new(months);
    let day =
        if back { today.checked_sub_months(months) } else { today.checked_add_months(months) };
    day.map(|day| day.format("%Y-%m").to_string()).unwrap_or_default()
}

fn opening(site: SiteId, content: PeriodicTaskCreated) -> Opening {
    let from = content.task.cause(&content.period);
    Opening {
        record: content.task.record(site, &content.period),
        created: Created {
            kind: KIND.to_owned(),
            site,
            schema: SCHEMA,
            from: Some(from),
            content: OpeningContent::from(content).members(),
        },
    }
}

/// The kind.
pub(super) struct PeriodicTasks;

impl Kind for PeriodicTasks {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> u32 {
        SCHEMA
    }

    // R2.22
    fn opened_by(&self, _content: &OpeningContent) -> Result<Needs, Denial> {
        Ok(Needs::server())
    }

    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial> {
        match content {
            OpeningContent::Periodic(created) => {
                limits::text("period", &created.period, limits::NAME_CHARACTERS_MAX)
            }
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn fields(&self) -> &'static [FieldRule] {
        &[]
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["due_ms", "period", "task"]
    }

    fn forms(&self) -> &'static [Form] {
        super::periodic_forms::FORMS
    }

    // R2.20
    fn needs(&self, payload: &Payload, before: &Review) -> Result<Needs, Denial> {
        use PeriodicFact as F;
        let Payload::Periodic(fact) = payload else {
            return Err(Denial::new(DenialCode::WrongKind));
        };
        let task = match &before.details {
            Some(Details::Periodic(periodic)) => periodic.task,
            _ => return Err(Denial::new(DenialCode::WrongKind)),
        };
        let task = task.ok_or_else(|| missing("task"))?;
        Ok(match fact {
            // What is made is no report: the plan itself is (R7.26).
            F::ReportSent(_) if task == PeriodicTask::PatrolPlan => return Err(missing("plan")),
            F::ReportSent(sent) => {
                if task == PeriodicTask::MonthlyComplaints {
                    sent.cause.as_ref().ok_or_else(|| missing("cause"))?;
                    sent.lesson.as_ref().ok_or_else(|| missing("lesson"))?;
                    sent.action.as_ref().ok_or_else(|| missing("action"))?;
                }
                Needs::roles(task.roles())
            }
            F::ReportConfirmed(_) if !task.is_confirmed() => return Err(missing("report")),
            F::ReportConfirmed(_) | F::SpotChecked(_) => Needs::roles(QUALITY),
            F::PlanMade(_) => Needs::server(),
        })
    }

    fn opened_unread(&self) -> Needs {
        Needs::server()
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[
            ("report_sent", SENDERS),
            ("report_confirmed", QUALITY),
            ("spot_checked", QUALITY),
            ("plan_made", &[]),
        ]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        use PeriodicFact as F;
        let Payload::Periodic(fact) = payload else { return Ok(()) };
        match fact {
            F::ReportSent(sent) => {
                let parts =
                    [("cause", &sent.cause), ("lesson", &sent.lesson), ("action", &sent.action)];
                for (name, part) in parts {
                    part.iter().try_for_each(|part| note(name, part))?;
                }
                note("text", &sent.text)
            }
            F::SpotChecked(checked) => note("text", &checked.text),
            F::ReportConfirmed(_) | F::PlanMade(_) => Ok(()),
        }
    }

    fn names(&self, payload: &Payload) -> Vec<(FactKey, &'static str)> {
        match payload {
            Payload::Periodic(PeriodicFact::ReportConfirmed(of)) => {
                vec![(of.report, "report_sent")]
            }
            _ => Vec::new(),
        }
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let task: Option<PeriodicTask> = input.field("task");
        let mut periodic = Periodic { task, reports: Vec::new(), plan: None, spot_checks: 0 };
        let mut done: Vec<&Fact> = Vec::new();
        for fact in input.facts() {
            let Payload::Periodic(content) = &fact.payload else { continue };
            match content {
                PeriodicFact::ReportSent(_) if periodic.reports.len() < REPORTS_MAX => {
                    done.push(fact);
                    periodic.reports.push(Report {
                        key: fact.key,
                        by: input.by(fact),
                        at_ms: input.time(fact).at_ms,
                        confirmed: None,
                    });
                }
                PeriodicFact::ReportConfirmed(of) => {
                    let mut reports = periodic.reports.iter_mut();
                    if let Some(report) = reports.find(|report| report.key == of.report) {
                        input.counts(&mut report.confirmed, fact);
                    }
                }
                PeriodicFact::SpotChecked(_) => {
                    periodic.spot_checks = periodic.spot_checks.saturating_add(1);
                }
                PeriodicFact::PlanMade(made) => {
                    done.push(fact);
                    periodic.plan.get_or_insert(made.plan);
                }
                PeriodicFact::ReportSent(_) => {}
            }
        }
        let met = input.earliest(done.into_iter());
        let due_ms: Option<WallMs> = input.field("due_ms");
        let sla: Sla<'_> = input.sla();
        let deadlines = due_ms.map(|due_ms| {
            let roles = task.map(PeriodicTask::roles).unwrap_or_default();
            let target = Target::new("report", None, Limit::At(due_ms)).met(met).tells(roles);
            sla.judge(&target)
        });
        let (status, closed_at_ms) = status(&periodic, met, input);
        Folded {
            status,
            until_ms: None,
            deadlines: deadlines.into_iter().collect(),
            cases: Vec::new(),
            details: Some(Details::Periodic(periodic)),
            closed_at_ms,
        }
    }
}

/// Its status, and when it was done with.
fn status(
    periodic: &Periodic,
    done: Option<Stamp>,
    input: &FoldInput<'_>,
) -> (Status, Option<WallMs>) {
    let Some(done) = done else { return (Status::Opened, None) };
    let confirmed = periodic.reports.iter().filter_map(|report| report.confirmed);
    let confirmed = confirmed.filter_map(|key| input.causality.fact(key));
    let confirmed_ms = confirmed.map(|fact| input.time(fact).at_ms).min();
    match (periodic.task, confirmed_ms) {
        (Some(PeriodicTask::PatrolPlan), _) => (Status::Finished, Some(done.at_ms)),
        (_, Some(at_ms)) => (Status::ReportConfirmed, Some(at_ms)),
        (Some(task), None) if task.is_confirmed() => (Status::ReportSent, None),
        _ => (Status::ReportSent, Some(done.at_ms)),
    }
}
