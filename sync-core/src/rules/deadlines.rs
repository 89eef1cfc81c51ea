//! The limits of 三 3.1 and 3.2: filled, told, on site, done. What cannot be judged is unknown,
//! not breached. How a limit runs, is paused and is judged stands in `sla`.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::Field;
use super::order::Causality;
use super::site_time::SiteTime;
use super::sla::{Limit, Sla, Stamp, Target};
use super::status::standing;
use super::time::fact_time;
use crate::model::fact::Fact;
use crate::model::id::FactKey;
use crate::model::payload::{GeneralFact, Payload};
use crate::model::person::Role;
use crate::model::policy::SlaPolicy;
use crate::model::session::{Origin, SessionRows};
use crate::model::time::WallMs;
use crate::model::work_order::WorkOrderFact;

/// One limit of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// One of [`DEADLINES`].
    pub name: String,
    /// The fact it belongs to, where a record has several of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<FactKey>,
    /// From when it counts; none where that is unknown, or an agreed moment needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<WallMs>,
    /// When it is due, moved by its pauses: by those alone that are certain. None while a pause
    /// goes on, and where its start is unknown.
    pub due_ms: Option<WallMs>,
    /// How it stands.
    pub state: DeadlineState,
    /// When it was met.
    pub met_at_ms: Option<WallMs>,
    /// The fact that met it.
    pub met_by: Option<FactKey>,
    /// How much finished pauses moved it, milliseconds: of working time for a limit in working
    /// time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub paused_ms: i64,
    /// The pauses (keys of `deadline_paused`) that count, or may: those that began before it was
    /// over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<FactKey>,
    /// How late it was met, milliseconds without the time in pauses; of working time for a limit
    /// in working time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<i64>,
    /// When its state next changes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_at_ms: Option<WallMs>,
    /// Whom the server tells when it has passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tells: Vec<Role>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// How a deadline stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineState {
    /// Met in time.
    Met,
    /// Not over yet.
    Running,
    /// Over.
    Breached,
    /// Stopped by a pause that goes on.
    Paused,
    /// Cannot be judged: a clock is unverified, or the step was stated afterwards.
    Unknown,
    /// A recorded reason stands against it: special process or material.
    Excused,
}

/// Every deadline's name.
pub const DEADLINES: [&str; 22] = [
    "call_back",
    "complaint_general_manager",
    "complaint_major",
    "complaint_project_manager",
    "complaint_supervisor",
    "done",
    "filled",
    "follow_up",
    "on_site",
    "outage_call_back",
    "publish",
    "quality_checked",
    "reconciling_talk",
    "rectification",
    "reply",
    "report",
    "residents_told",
    "returned",
    "same_day",
    "suggestion",
    "taken_over",
    "told",
];

/// Who calls back and takes finished orders in (三 3.2.5, 3.5): told when it is late.
const CALLERS: &[Role] = &[Role::FrontDesk, Role::Assistant];

/// What the deadlines of an order are judged from.
struct Order {
    public: bool,
    urgent: bool,
    /// When the minutes of 三 3.1.2 begin; none while that cannot be judged.
    start: Option<WallMs>,
    appointment: Option<WallMs>,
    /// When the appointment was made; none if it came with the order.
    appointed: Option<Stamp>,
    dispatched: Option<Stamp>,
    told: Option<Stamp>,
    received: Option<Stamp>,
    /// When somebody was there, in time for the appointment if there is one.
    arrived: Option<Stamp>,
    called_back: Option<Stamp>,
    finished: Option<Stamp>,
    /// When it was back at the desk: returned, or closed there.
    returned: Option<Stamp>,
    waits_for_parts: bool,
    cancelled: bool,
    /// Others are disturbed by it: by when they are to be told, and when they were.
    residents: Option<Residents>,
}

/// The residents whom appointed work disturbs.
struct Residents {
    due_ms: WallMs,
    told: Option<Stamp>,
}

impl Order {
    fn of(
        causality: &Causality<'_>,
        fields: &BTreeMap<String, Field>,
        sessions: &SessionRows,
        site: &SiteTime<'_>,
    ) -> Option<Self> {
        use WorkOrderFact as F;
        let text = |name: &str| fields.get(name).and_then(|field| field.value.as_str());
        let first = |wanted: fn(&F) -> bool| first(causality, sessions, wanted);
        let created = causality
            .facts
            .iter()
            .find(|fact| matches!(fact.payload, Payload::General(GeneralFact::Created(_))));
        let created = created.map(|fact| Stamp::of(fact, sessions))?;
        let appointed = fields.get("appointment").and_then(|field| causality.fact(field.key?));
        let reported = fields.get("reported_at_ms").and_then(|field| field.value.as_i64());
        Some(Self {
            public: text("category") == Some("public"),
            urgent: text("priority") == Some("urgent"),
            start: created.judgeable_ms().map(|created_ms| reported.unwrap_or(created_ms)),
            appointment: appointment_ms(fields),
            appointed: appointed.map(|fact| Stamp::of(fact, sessions)),
            dispatched: first(|content| matches!(content, F::Dispatched)),
            told: first(|content| matches!(content, F::Told | F::Received)),
            received: last_received(causality, sessions),
            arrived: arrival(causality, fields, sessions, site),
            called_back: first(|content| matches!(content, F::CalledBack(_))),
            finished: first(|content| matches!(content, F::FinishWork(_))),
            returned: first(|content| matches!(content, F::Returned | F::Closed)),
            waits_for_parts: first(|content| matches!(content, F::WaitingForParts(_))).is_some(),
            cancelled: !standing(causality, |c| matches!(c, F::Cancelled(_))).is_empty(),
            residents: residents(causality, fields, sessions, site),
        })
    }

    // R3.10, R3.11
    fn limits(&self, policy: &SlaPolicy) -> (i64, i64, i64) {
        if self.public {
            (policy.public_filled_ms, policy.public_told_ms, policy.public_on_site_ms)
        } else {
            (policy.household_filled_ms, policy.household_told_ms, policy.household_on_site_ms)
        }
    }

    /// What is due, from what is known now: an order whose priority was changed is counted from
    /// the same facts as if it had always been the new one.
    /// R3.13.
    fn targets(&self, policy: &SlaPolicy) -> Vec<Target<'static>> {
        let (filled_ms, told_ms, on_site_ms) = self.limits(policy);
        let target = |name, start_ms, limit, met| Target::new(name, start_ms, limit).met(met);
        let after = |from: Stamp, name, limit_ms, met| {
            target(name, from.judgeable_ms(), Limit::Elapsed(limit_ms), met)
        };
        let filled = Limit::Elapsed(filled_ms);
        // R3.1
        let mut all = vec![target("filled", self.start, filled, self.dispatched)];
        if let Some(dispatched) = self.dispatched {
            // Signing for the order shows that engineering had been told (R3.2).
            all.push(after(dispatched, "told", told_ms, self.told));
        }
        if self.urgent || self.public {
            if let Some(received) = self.received {
                // R3.4
                all.push(after(received, "on_site", on_site_ms, self.arrived));
            }
        } else if let Some(at_ms) = self.appointment {
            // What was paused before the appointment was made is no part of it (R3.5).
            let made_ms = self.appointed.and_then(|made| made.judgeable_ms()).or(self.start);
            all.push(target("on_site", made_ms, Limit::At(at_ms), self.arrived));
        }
        if !self.urgent && !self.public {
            let days = Limit::Days(policy.appointed_done_days);
            // R3.6, R3.7
            all.push(target("done", self.appointment.or(self.start), days, self.finished));
        }
        if let Some(residents) = self.residents.as_ref().filter(|_| !self.urgent) {
            // R3.45
            let told = target("residents_told", None, Limit::At(residents.due_ms), residents.told);
            all.push(told.tells(CALLERS));
        }
        if let Some(finished) = self.finished {
            // Finished orders go back every day (三 3.2.5, R3.33).
            let day = Limit::DayEnd;
            let returned = target("returned", finished.judgeable_ms(), day, self.returned);
            all.push(returned.tells(CALLERS));
        }
        if let Some(finished) = self.finished.filter(|_| !self.public) {
            // R3.35
            let call_back = after(finished, "call_back", policy.call_back_ms, self.called_back);
            all.push(call_back.tells(CALLERS));
        }
        all
    }
}

fn is_at_door(content: &WorkOrderFact) -> bool {
    use WorkOrderFact as F;
    matches!(
        content,
        // At a public facility nobody rings: the work begins (R3.11).
        F::Ring(_)
            | F::Knock(_)
            | F::Introduce(_)
            | F::Enter(_)
            | F::EnteredWithKey(_)
            | F::StartWork(_)
    )
}

/// The first arrival. It belongs to the appointment that holds if it is not of an earlier day and
/// not what the appointment was made after (R3.5).
fn arrival(
    causality: &Causality<'_>,
    fields: &BTreeMap<String, Field>,
    sessions: &SessionRows,
    site: &SiteTime<'_>,
) -> Option<Stamp> {
    let urgent = fields.get("priority").is_some_and(|field| field.value == "urgent");
    let appointment = appointment_ms(fields).filter(|_| !urgent);
    let written = fields.get("appointment").and_then(|field| field.key);
    let belongs = |came: &Stamp| {
        let Some(at_ms) = appointment else { return true };
        let over = written.is_some_and(|key| causality.is_before(came.key, key));
        !over && site.date(came.at_ms) >= site.date(at_ms)
    };
    let arrivals = causality.facts.iter().filter(|fact| match &fact.payload {
        Payload::WorkOrder(content) => is_at_door(content),
        _ => false,
    });
    let arrivals = arrivals.copied().filter(|fact| belongs(&Stamp::of(fact, sessions)));
    Stamp::earliest(arrivals, causality, sessions)
}

/// By the end of the day before the appointment whom it disturbs is told (三 3.1.5.2); none where
/// nobody is disturbed, or no day is set. The latest word says how they were told.
fn residents(
    causality: &Causality<'_>,
    fields: &BTreeMap<String, Field>,
    sessions: &SessionRows,
    site: &SiteTime<'_>,
) -> Option<Residents> {
    // Where two wrote beside one another, neither word takes the other away.
    let words = |field: &str| {
        let all = causality.facts.iter().filter_map(|fact| Some((*fact, written(fact, field)?)));
        all.collect::<Vec<(&Fact, bool)>>()
    };
    let is_said = |field: &str, words: &[(&Fact, bool)]| {
        let last = causality.last(words.iter().map(|(fact, said)| (fact.key, *said)));
        let opened_with = || fields.get(field).is_some_and(|field| !field.value.is_null());
        if last.is_empty() { opened_with() } else { last.iter().any(|(_, said)| *said) }
    };
    if !is_said("disturbs", &words("disturbs")) {
        return None;
    }
    let due_ms = site.day_begin(site.date(appointment_ms(fields)?)?)?.saturating_sub(1);
    let words = words("residents_told");
    // Words put right later are no later telling.
    let told = words.iter().filter(|(_, said)| *said).map(|(fact, _)| *fact);
    let told = Stamp::earliest(told, causality, sessions);
    Some(Residents { due_ms, told: told.filter(|_| is_said("residents_told", &words)) })
}

/// Whether a fact says something in a field, or takes it away; none if it is not of that field.
fn written(fact: &Fact, field: &str) -> Option<bool> {
    match &fact.payload {
        Payload::General(GeneralFact::Set(of)) if of.field == field => Some(!of.value.is_null()),
        Payload::General(GeneralFact::Resolve(of)) if of.field == field => {
            Some(!of.value.is_null())
        }
        _ => None,
    }
}

/// Whether a phone has written anything since `due_ms`: until then nobody can say that a limit
/// which a phone ends was missed (R3.12).
fn is_reported_since(causality: &Causality<'_>, sessions: &SessionRows, due_ms: WallMs) -> bool {
    causality.facts.iter().any(|fact| {
        let row = fact.key.session().and_then(|session| sessions.get(&session));
        let time = fact_time(fact, sessions);
        row.is_some_and(|row| row.origin == Origin::Phone) && time.verified && time.at_ms > due_ms
    })
}

/// The deadlines of a work order.
pub(super) fn deadlines(
    causality: &Causality<'_>,
    fields: &BTreeMap<String, Field>,
    policy: &SlaPolicy,
    sessions: &SessionRows,
    now_ms: WallMs,
) -> Vec<Deadline> {
    let sla = Sla::of(causality, policy, sessions, now_ms);
    let Some(order) = Order::of(causality, fields, sessions, sla.site()) else {
        return Vec::new();
    };
    let mut all: Vec<Deadline> =
        order.targets(policy).iter().map(|target| sla.judge(target)).collect();
    for deadline in &mut all {
        if deadline.state != DeadlineState::Breached {
            continue;
        }
        let on_phones = ["on_site", "done"].contains(&deadline.name.as_str());
        let reported = |due_ms| is_reported_since(causality, sessions, due_ms);
        // R3.8
        if deadline.name == "done" && order.waits_for_parts {
            deadline.state = DeadlineState::Excused;
        } else if on_phones && deadline.met_by.is_none() && !deadline.due_ms.is_some_and(reported) {
            // The office is here at once; a phone may not have reported yet.
            deadline.state = DeadlineState::Unknown;
        }
    }
    // A cancelled order keeps what was met or missed; nothing of it runs on or is missed later.
    // R3.18.
    if order.cancelled {
        all.retain(|deadline| deadline.met_by.is_some());
    }
    all
}

fn appointment_ms(fields: &BTreeMap<String, Field>) -> Option<WallMs> {
    match &fields.get("appointment")?.value {
        Value::String(text) => {
            DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
        }
        _ => None,
    }
}

/// The last receipt that knew of nobody at the door: an order declined and given to somebody else
/// counts anew; of two that knew nothing of one another, the earlier (R3.3).
fn last_received(causality: &Causality<'_>, sessions: &SessionRows) -> Option<Stamp> {
    use WorkOrderFact as F;
    let of = |wanted: fn(&F) -> bool| {
        causality.facts.iter().copied().filter(move |fact| match &fact.payload {
            Payload::WorkOrder(content) => wanted(content),
            _ => false,
        })
    };
    let came: Vec<FactKey> = of(is_at_door).map(|fact| fact.key).collect();
    let received = of(|content| matches!(content, F::Received)).map(|fact| fact.key);
    let received = causality.unaware(&received.collect::<Vec<_>>(), &came);
    let last = causality.latest(&received).into_iter().filter_map(|key| causality.fact(key));
    Stamp::earliest(last, causality, sessions)
}

fn first(
    causality: &Causality<'_>,
    sessions: &SessionRows,
    wanted: fn(&WorkOrderFact) -> bool,
) -> Option<Stamp> {
    let facts = causality.facts.iter().copied().filter(|fact| match &fact.payload {
        Payload::WorkOrder(content) => wanted(content),
        _ => false,
    });
    Stamp::earliest(facts, causality, sessions)
}
