//! Deadlines, one mechanism for every kind of record: a limit counted from a start, met by a fact
//! or not, stopped by pauses (`docs/deadlines.md`). Knows no kind and no policy value.
//!
//! A kind's rules say what its targets are and hand them to [`Sla::judge`]:
//!
//! ```ignore
//! let sla = input.sla();
//! let days = Limit::Days(policy.complaint_supervisor_days);
//! sla.judge(&Target::new("supervisor", received_ms, days).met(solved).tells(SUPERVISORS))
//! ```

use super::deadlines::{Deadline, DeadlineState};
use super::kind::FoldInput;
use super::order::Causality;
use super::site_time::{HORIZON_MS, SiteTime};
use super::time::{fact_time, stated_afterwards};
use crate::model::calendar::{TimeOfDay, Weekday};
use crate::model::fact::Fact;
use crate::model::id::FactKey;
use crate::model::payload::{GeneralFact, Payload};
use crate::model::person::Role;
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;

/// How long something may take. Days, months and hours of the day are the site's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many milliseconds by any clock.
    Elapsed(i64),
    /// So many days later at the same time of day.
    Days(u32),
    /// So many months later on the same date at the same time of day; the last of a shorter month.
    Months(u32),
    /// So many milliseconds of working time.
    WorkingMs(i64),
    /// So many working days later at the same time of day; the day itself does not count.
    WorkingDays(u32),
    /// The last millisecond of the day.
    DayEnd,
    /// The end of the working day (下班); of the next one, where that is over or the day is free.
    WorkingDayEnd,
    /// A moment that was agreed or ordered; needs no start, and a start only says from when pauses
    /// count.
    At(WallMs),
    /// The last millisecond of this day of the next month; of its last day, where it is shorter.
    DayOfNextMonth(u8),
    /// The first such time of such a weekday that is not before the start.
    Weekly(Weekday, TimeOfDay),
}

/// When a fact was written, and whether anything may be measured by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The fact.
    pub key: FactKey,
    /// When.
    pub at_ms: WallMs,
    /// False: by an unverified clock, stated afterwards or for somebody else (补录).
    pub judgeable: bool,
}

impl Stamp {
    /// Of a fact.
    pub fn of(fact: &Fact, sessions: &SessionRows) -> Self {
        let time = fact_time(fact, sessions);
        let judgeable = time.verified && !stated_afterwards(fact);
        Self { key: fact.key, at_ms: time.at_ms, judgeable }
    }

    /// Of facts that say the same, in causal order, the one that counts: the first; of several that
    /// knew nothing of one another the earliest, and one that can be judged before one that cannot.
    /// R8.9.
    pub(super) fn earliest<'a>(
        facts: impl Iterator<Item = &'a Fact>,
        causality: &Causality<'_>,
        sessions: &SessionRows,
    ) -> Option<Self> {
        let all: Vec<Self> = facts.map(|fact| Self::of(fact, sessions)).collect();
        let keys: Vec<FactKey> = all.iter().map(|stamp| stamp.key).collect();
        let first = causality.unaware(&keys, &keys);
        let firsts = all.into_iter().filter(|stamp| first.contains(&stamp.key));
        firsts.min_by_key(|stamp| (!stamp.judgeable, stamp.at_ms, stamp.key))
    }

    /// The moment, where it may be measured from.
    pub fn judgeable_ms(&self) -> Option<WallMs> {
        self.judgeable.then_some(self.at_ms)
    }
}

/// One deadline to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its name, one of `deadlines::DEADLINES`: what pauses name and texts are found by.
    pub name: &'a str,
    /// The fact it belongs to, where a record has several of that name.
    pub of: Option<FactKey>,
    /// From when it counts, the original start whatever was changed since; none is unknown.
    pub start_ms: Option<WallMs>,
    /// How long it may take.
    pub limit: Limit,
    /// The fact that met it.
    pub met: Option<Stamp>,
    /// Whom the server tells when it has passed.
    pub tells: &'a [Role],
}

impl<'a> Target<'a> {
    /// A deadline that nothing has met, and of whose passing nobody is told.
    pub fn new(name: &'a str, start_ms: Option<WallMs>, limit: Limit) -> Self {
        Self { name, of: None, start_ms, limit, met: None, tells: &[] }
    }

    /// Met by a fact, or not yet.
    #[must_use]
    pub fn met(self, met: Option<Stamp>) -> Self {
        Self { met, ..self }
    }

    /// One of several of that name: the one of this fact.
    #[must_use]
    pub fn of(self, key: FactKey) -> Self {
        Self { of: Some(key), ..self }
    }

    /// When it has passed, the server tells these.
    #[must_use]
    pub fn tells(self, roles: &'a [Role]) -> Self {
        Self { tells: roles, ..self }
    }
}

/// What the deadlines of one record are judged by.
#[derive(Debug)]
pub struct Sla<'a> {
    site: SiteTime<'a>,
    pauses: Pauses<'a>,
    now_ms: WallMs,
}

/// The pauses of a record.
#[derive(Debug, Default)]
pub struct Pauses<'a> {
    all: Vec<Pause<'a>>,
}

/// One pause with everything that is said of its end.
#[derive(Debug)]
struct Pause<'a> {
    /// The deadlines it stops; all of them if none is named.
    names: &'a [String],
    begun: Stamp,
    resumed: Vec<Stamp>,
}

/// Names in one pause at most; more are nobody's, and looking for one in them would take long.
pub(super) const PAUSED_NAMES_MAX: usize = 64;

/// A stretch of time; without an end it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    from_ms: WallMs,
    to_ms: Option<WallMs>,
}

/// How much of the pauses is believed.
#[derive(Debug, Clone, Copy)]
enum Belief {
    /// What is certain.
    Least,
    /// What is possible: where a pause's beginning or end cannot be judged, as long as can be.
    Most,
}

/// Where a deadline goes under some pauses.
#[derive(Debug, Clone, Copy)]
struct Course {
    due: Due,
    /// Finished pauses that moved it, in the limit's measure.
    paused_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    At(WallMs),
    /// Stopped by a pause that goes on: nothing is due by itself.
    Stopped,
    /// Beyond every calendar.
    Beyond,
}

impl<'a> FoldInput<'a> {
    /// What the record's deadlines are judged by.
    pub(super) fn sla(&self) -> Sla<'a> {
        Sla::of(self.causality, self.policy, self.sessions, self.now_ms)
    }

    /// Of facts that say the same, the one that counts.
    pub(super) fn earliest<'f>(&self, facts: impl Iterator<Item = &'f Fact>) -> Option<Stamp> {
        Stamp::earliest(facts, self.causality, self.sessions)
    }

    /// Puts the next fact into the place of the one that counts of those that say the same; false
    /// if the one there stays.
    pub(super) fn counts(&self, place: &mut Option<FactKey>, next: &Fact) -> bool {
        let first = place.and_then(|key| self.causality.fact(key));
        let counts = self.earliest(first.into_iter().chain([next])).map(|stamp| stamp.key);
        std::mem::replace(place, counts) != counts
    }
}

impl<'a> Sla<'a> {
    /// Of a record at a moment.
    pub(super) fn of(
        causality: &Causality<'a>,
        policy: &'a SlaPolicy,
        sessions: &SessionRows,
        now_ms: WallMs,
    ) -> Self {
        Self { site: SiteTime::of(policy), pauses: Pauses::of(&causality.facts, sessions), now_ms }
    }

    /// The site's local time.
    pub fn site(&self) -> &SiteTime<'a> {
        &self.site
    }

    /// How a deadline stands.
    pub fn judge(&self, target: &Target<'_>) -> Deadline {
        let least = self.course(target, Belief::Least);
        let most = self.course(target, Belief::Most);
        let (state, changes_at_ms) = match (least, most) {
            (Some(least), Some(most)) => self.state(target, least.due, most.due),
            _ => (DeadlineState::Unknown, None),
        };
        let due_ms = least.and_then(|course| course.due.at());
        let late = state == DeadlineState::Breached && target.met.is_some();
        Deadline {
            name: target.name.to_owned(),
            of: target.of,
            start_ms: target.start_ms,
            due_ms,
            state,
            met_at_ms: target.met.map(|met| met.at_ms),
            met_by: target.met.map(|met| met.key),
            paused_ms: least.map_or(0, |course| course.paused_ms),
            pauses: most.map(|course| self.counting(target, course.due)).unwrap_or_default(),
            late_ms: if late { self.late_ms(target) } else { None },
            changes_at_ms,
            tells: target.tells.to_vec(),
        }
    }

    /// How late a deadline is, in the limit's measure and without the time in pauses: until it was
    /// met, or until now. None while it is not late, or where nobody can say (R8.4).
    pub fn late_ms(&self, target: &Target<'_>) -> Option<i64> {
        let until_ms = match target.met {
            Some(met) => met.judgeable_ms()?,
            None => self.now_ms,
        };
        if self.course(target, Belief::Most)?.due.holds(until_ms) {
            return None;
        }
        let mut late_ms: i64 = 0;
        let mut from_ms = self.course(target, Belief::Least)?.due.at()?;
        if target.limit.is_of_work() {
            // Of working time the last ten years are counted; so no pause makes it more.
            from_ms = from_ms.max(until_ms.saturating_sub(HORIZON_MS));
        }
        for pause in self.stretches(target, Belief::Least) {
            let begun_ms = pause.from_ms.clamp(from_ms, until_ms);
            late_ms = late_ms.saturating_add(self.measure(target.limit, from_ms, begun_ms));
            from_ms = pause.to_ms.unwrap_or(until_ms).clamp(begun_ms, until_ms);
        }
        Some(late_ms.saturating_add(self.measure(target.limit, from_ms, until_ms)))
    }

    /// The state, and when it next changes by itself. `most` is never before `least`: what both
    /// say is so, and what only one says is unknown.
    /// R3.12.
    fn state(&self, target: &Target<'_>, least: Due, most: Due) -> (DeadlineState, Option<WallMs>) {
        use DeadlineState as S;
        if let Some(met) = target.met {
            let state = match met.judgeable_ms() {
                None => S::Unknown,
                Some(met_ms) if least.holds(met_ms) => S::Met,
                Some(met_ms) if most.holds(met_ms) => S::Unknown,
                Some(_) => S::Breached,
            };
            return (state, None);
        }
        let after = |due: Due| due.at().map(|at_ms| at_ms.saturating_add(1));
        match (least, most) {
            (Due::Beyond, _) => (S::Unknown, None),
            (Due::Stopped, _) => (S::Paused, None),
            (Due::At(_), _) if least.holds(self.now_ms) => {
                // Stopped now; only since when cannot be judged.
                let mut pauses = self.pauses.of_deadline(target.name);
                let stopped = pauses.any(|pause| pause.goes_on(self.now_ms));
                (if stopped { S::Paused } else { S::Running }, after(least))
            }
            (Due::At(_), _) if most.holds(self.now_ms) => (S::Unknown, after(most)),
            (Due::At(_), _) => (S::Breached, None),
        }
    }

    /// Where the deadline goes: every pause that begins before it is over moves it by as much as
    /// was paused. None where its start is unknown or no calendar shows it.
    /// R3.15.
    fn course(&self, target: &Target<'_>, belief: Belief) -> Option<Course> {
        let mut due_ms = self.due_ms(target.limit, target.start_ms)?;
        let limit = target.limit;
        let last_ms = due_ms.saturating_add(HORIZON_MS);
        let mut paused_ms: i64 = 0;
        for pause in self.stretches(target, belief) {
            // What begins after the breach does not undo it (R3.16).
            if pause.from_ms > due_ms {
                break;
            }
            let Some(to_ms) = pause.to_ms else {
                return Some(Course { due: Due::Stopped, paused_ms });
            };
            let length_ms = self.measure(limit, pause.from_ms, to_ms);
            paused_ms = paused_ms.saturating_add(length_ms);
            let moved_ms = if limit.is_of_work() {
                self.site.working_ms_later(due_ms, length_ms)
            } else {
                Some(due_ms.saturating_add(length_ms))
            };
            // Nothing is due in a pause, also where no working time passed in it.
            match moved_ms.map(|moved_ms| moved_ms.max(to_ms)) {
                Some(moved_ms) if !limit.is_of_work() || moved_ms <= last_ms => due_ms = moved_ms,
                _ => return Some(Course { due: Due::Beyond, paused_ms }),
            }
        }
        Some(Course { due: Due::At(due_ms), paused_ms })
    }

    /// When a limit is over that nothing pauses. None where the start is unknown, or no calendar
    /// shows the moment.
    pub fn due_ms(&self, limit: Limit, start_ms: Option<WallMs>) -> Option<WallMs> {
        let site = &self.site;
        if let Limit::At(at_ms) = limit {
            return Some(at_ms);
        }
        let from_ms = start_ms?;
        match limit {
            Limit::At(at_ms) => Some(at_ms),
            Limit::Elapsed(ms) => Some(from_ms.saturating_add(ms.max(0))),
            Limit::Days(days) => site.days_later(from_ms, days),
            Limit::Months(months) => site.months_later(from_ms, months),
            Limit::WorkingMs(ms) => site.working_ms_later(from_ms, ms),
            Limit::WorkingDays(days) => site.working_days_later(from_ms, days),
            Limit::DayEnd => site.day_end(from_ms),
            Limit::WorkingDayEnd => site.working_day_end(from_ms),
            Limit::DayOfNextMonth(day) => site.day_of_next_month(from_ms, day),
            Limit::Weekly(weekday, time) => site.next_weekday(from_ms, weekday, time),
        }
    }

    /// The length of a stretch in the limit's measure.
    fn measure(&self, limit: Limit, from_ms: WallMs, to_ms: WallMs) -> i64 {
        if limit.is_of_work() {
            self.site.working_ms_between(from_ms, to_ms)
        } else {
            to_ms.saturating_sub(from_ms).max(0)
        }
    }

    /// The stretches in which the deadline is paused between its start and its end, in order and
    /// apart (R3.15).
    fn stretches(&self, target: &Target<'_>, belief: Belief) -> Vec<Stretch> {
        let paused = self.pauses.of_deadline(target.name);
        let mut all: Vec<Stretch> = paused
            .filter_map(|pause| pause.stretch(belief))
            .filter_map(|stretch| stretch.within(target))
            .collect();
        all.sort_unstable();
        let mut apart: Vec<Stretch> = Vec::with_capacity(all.len());
        for stretch in all {
            match apart.last_mut() {
                Some(last) if last.to_ms.is_none_or(|to_ms| stretch.from_ms <= to_ms) => {
                    last.to_ms = last.to_ms.zip(stretch.to_ms).map(|(a, b)| a.max(b));
                }
                _ => apart.push(stretch),
            }
        }
        apart
    }

    /// The pauses that count, or may: those that begin before the deadline is over.
    fn counting(&self, target: &Target<'_>, due: Due) -> Vec<FactKey> {
        let paused = self.pauses.of_deadline(target.name);
        let counts = |pause: &&Pause<'_>| {
            let possible = pause.stretch(Belief::Most);
            let inside = possible.and_then(|stretch| stretch.within(target));
            inside.is_some_and(|stretch| due.at().is_none_or(|due_ms| stretch.from_ms <= due_ms))
        };
        paused.filter(counts).map(|pause| pause.begun.key).collect()
    }
}

impl Limit {
    /// Whether it is counted in working time.
    fn is_of_work(self) -> bool {
        matches!(self, Self::WorkingMs(_) | Self::WorkingDays(_) | Self::WorkingDayEnd)
    }
}

impl Due {
    fn at(self) -> Option<WallMs> {
        match self {
            Self::At(at_ms) => Some(at_ms),
            Self::Stopped | Self::Beyond => None,
        }
    }

    /// Whether it is not over at a moment.
    fn holds(self, at_ms: WallMs) -> bool {
        self.at().is_none_or(|due_ms| at_ms <= due_ms)
    }
}

impl Stretch {
    /// The part between a deadline's start and the fact that met it.
    fn within(self, target: &Target<'_>) -> Option<Self> {
        let from_ms = target.start_ms.map_or(self.from_ms, |start_ms| self.from_ms.max(start_ms));
        let met_ms = target.met.and_then(|met| met.judgeable_ms());
        let ends = self.to_ms.into_iter().chain(met_ms);
        let to_ms = ends.min();
        to_ms.is_none_or(|to_ms| from_ms < to_ms).then_some(Self { from_ms, to_ms })
    }
}

impl<'a> Pauses<'a> {
    /// Of a record's facts, in any order. Of several ends of one pause the first counts; an end
    /// of a pause that is not here is none.
    pub(super) fn of(facts: &[&'a Fact], sessions: &SessionRows) -> Self {
        let mut all: Vec<Pause<'a>> = Vec::new();
        for fact in facts {
            if let Payload::General(GeneralFact::DeadlinePaused(paused)) = &fact.payload {
                let begun = Stamp::of(fact, sessions);
                let named = paused.deadlines.len().min(PAUSED_NAMES_MAX);
                all.push(Pause { names: &paused.deadlines[..named], begun, resumed: Vec::new() });
            }
        }
        all.sort_unstable_by_key(|pause| pause.begun.key);
        for fact in facts {
            if let Payload::General(GeneralFact::DeadlineResumed(resumed)) = &fact.payload
                && let Ok(place) = all.binary_search_by_key(&resumed.of, |pause| pause.begun.key)
            {
                all[place].resumed.push(Stamp::of(fact, sessions));
            }
        }
        Self { all }
    }

    fn of_deadline(&self, name: &str) -> impl Iterator<Item = &Pause<'a>> {
        let stops = move |pause: &&Pause<'_>| {
            pause.names.is_empty() || pause.names.iter().any(|named| named == name)
        };
        self.all.iter().filter(stops)
    }
}

impl Pause<'_> {
    /// The stretch it is believed to be; none for nothing. What ends it before it begins leaves
    /// nothing of it.
    fn stretch(&self, belief: Belief) -> Option<Stretch> {
        let begun_ms = self.begun.judgeable_ms();
        let to_ms = self.resumed.iter().filter_map(Stamp::judgeable_ms).min();
        let doubtful = self.resumed.iter().any(|end| !end.judgeable);
        let from_ms = match belief {
            // An end that cannot be judged may have been at once.
            Belief::Least if doubtful => return None,
            Belief::Least => begun_ms?,
            Belief::Most => begun_ms.unwrap_or(WallMs::MIN),
        };
        to_ms.is_none_or(|to_ms| from_ms < to_ms).then_some(Stretch { from_ms, to_ms })
    }

    /// Whether it stops what it names now: nobody has ended it.
    fn goes_on(&self, now_ms: WallMs) -> bool {
        let begun = self.begun.judgeable_ms().is_none_or(|begun_ms| begun_ms <= now_ms);
        begun && self.resumed.is_empty()
    }
}
