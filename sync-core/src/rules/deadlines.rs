//! The limits of 三 3.1 and 3.2: filled, told, on site, done. What cannot be judged is unknown,
//! not breached.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, TimeZone as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::Field;
use super::order::Causality;
use super::status::standing;
use super::time::{FactTime, fact_time, stated_afterwards};
use crate::model::fact::Fact;
use crate::model::id::FactKey;
use crate::model::payload::{GeneralFact, Payload};
use crate::model::person::Role;
use crate::model::policy::SlaPolicy;
use crate::model::session::{Origin, SessionRows};
use crate::model::time::WallMs;
use crate::model::work_order::WorkOrderFact;

/// One limit of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// One of [`DEADLINES`].
    pub name: String,
    /// The fact it belongs to, where a record has several of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<FactKey>,
    /// When it is due; none while it does not run yet, or its start is unknown.
    pub due_ms: Option<WallMs>,
    /// How it stands.
    pub state: DeadlineState,
    /// When it was met.
    pub met_at_ms: Option<WallMs>,
    /// The fact that met it.
    pub met_by: Option<FactKey>,
    /// Whom the server tells when it has passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tells: Vec<Role>,
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
    /// Cannot be judged: a clock is unverified, or the step was stated afterwards.
    Unknown,
    /// A recorded reason stands against it: special process or material.
    Excused,
}

/// Every deadline's name.
pub const DEADLINES: [&str; 5] = ["call_back", "done", "filled", "on_site", "told"];

struct Clocked<'a> {
    fact: &'a Fact,
    time: FactTime,
}

impl Clocked<'_> {
    fn judgeable(&self) -> bool {
        self.time.verified && !stated_afterwards(self.fact)
    }
}

/// What the deadlines of an order are judged from.
struct Order<'a> {
    public: bool,
    urgent: bool,
    /// When the minutes of 三 3.1.2 begin; none while that cannot be judged.
    start: Option<WallMs>,
    appointment: Option<WallMs>,
    dispatched: Option<Clocked<'a>>,
    told: Option<Clocked<'a>>,
    received: Option<Clocked<'a>>,
    /// When somebody was there, in time for the appointment if there is one.
    arrived: Option<Clocked<'a>>,
    called_back: Option<Clocked<'a>>,
    finished: Option<Clocked<'a>>,
    waits_for_parts: bool,
    cancelled: bool,
}

impl<'a> Order<'a> {
    fn of(
        causality: &Causality<'a>,
        fields: &BTreeMap<String, Field>,
        sessions: &SessionRows,
        policy: &SlaPolicy,
    ) -> Option<Self> {
        use WorkOrderFact as F;
        let text = |name: &str| fields.get(name).and_then(|field| field.value.as_str());
        let first = |wanted: fn(&F) -> bool| first(causality, sessions, wanted);
        let created = causality
            .facts
            .iter()
            .find(|fact| matches!(fact.payload, Payload::General(GeneralFact::Created(_))));
        let created = created.map(|fact| Clocked { fact, time: fact_time(fact, sessions) })?;
        let reported = fields.get("reported_at_ms").and_then(|field| field.value.as_i64());
        Some(Self {
            public: text("category") == Some("public"),
            urgent: text("priority") == Some("urgent"),
            start: created.judgeable().then(|| reported.unwrap_or(created.time.at_ms)),
            appointment: appointment_ms(fields),
            dispatched: first(|content| matches!(content, F::Dispatched)),
            told: first(|content| matches!(content, F::Told)),
            received: last_received(causality, sessions),
            arrived: arrival(causality, fields, sessions, policy),
            called_back: first(|content| matches!(content, F::CalledBack(_))),
            finished: first(|content| matches!(content, F::FinishWork(_))),
            waits_for_parts: first(|content| matches!(content, F::WaitingForParts(_))).is_some(),
            cancelled: !standing(causality, |c| matches!(c, F::Cancelled(_))).is_empty(),
        })
    }

    fn limits(&self, policy: &SlaPolicy) -> (i64, i64, i64) {
        if self.public {
            (policy.public_filled_ms, policy.public_told_ms, policy.public_on_site_ms)
        } else {
            (policy.household_filled_ms, policy.household_told_ms, policy.household_on_site_ms)
        }
    }
}

fn is_at_door(content: &WorkOrderFact) -> bool {
    use WorkOrderFact as F;
    matches!(
        content,
        // At a public facility nobody rings: the work begins.
        F::Ring(_)
            | F::Knock(_)
            | F::Introduce(_)
            | F::Enter(_)
            | F::EnteredWithKey(_)
            | F::StartWork(_)
    )
}

/// The first arrival. It belongs to the appointment that holds if it is not of an earlier day and
/// not what the appointment was made after.
fn arrival<'a>(
    causality: &Causality<'a>,
    fields: &BTreeMap<String, Field>,
    sessions: &SessionRows,
    policy: &SlaPolicy,
) -> Option<Clocked<'a>> {
    let zone: chrono_tz::Tz = policy.time_zone.parse().unwrap_or(chrono_tz::UTC);
    let day =
        |at_ms: WallMs| super::time::moment(at_ms).map(|at| at.with_timezone(&zone).date_naive());
    let urgent = fields.get("priority").is_some_and(|field| field.value == "urgent");
    let appointment = appointment_ms(fields).filter(|_| !urgent);
    let written = fields.get("appointment").and_then(|field| field.key);
    let belongs = |came: &Clocked<'_>| {
        let Some(at_ms) = appointment else { return true };
        let over = written.is_some_and(|key| causality.is_before(came.fact.key, key));
        !over && day(came.time.at_ms) >= day(at_ms)
    };
    let arrivals = causality.facts.iter().filter(|fact| match &fact.payload {
        Payload::WorkOrder(content) => is_at_door(content),
        _ => false,
    });
    arrivals.map(|fact| Clocked { fact, time: fact_time(fact, sessions) }).find(belongs)
}

/// Whether a phone has written anything since `due_ms`: until then nobody can say that a limit
/// which a phone ends was missed.
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
    let Some(order) = Order::of(causality, fields, sessions, policy) else { return Vec::new() };
    let (filled_ms, told_ms, on_site_ms) = order.limits(policy);
    let after = |clocked: &Clocked<'_>, limit_ms: i64| {
        clocked.judgeable().then(|| clocked.time.at_ms.saturating_add(limit_ms))
    };
    let due = order.start.map(|at| at.saturating_add(filled_ms));
    let mut all = vec![judge("filled", due, order.dispatched.as_ref(), now_ms)];
    if let Some(dispatched) = &order.dispatched {
        // Signing for the order shows that engineering had been told.
        let met = order.told.as_ref().or(order.received.as_ref());
        all.push(judge("told", after(dispatched, told_ms), met, now_ms));
    }
    if order.urgent || order.public {
        if let Some(received) = &order.received {
            let due = after(received, on_site_ms);
            all.push(judge("on_site", due, order.arrived.as_ref(), now_ms));
        }
    } else if order.appointment.is_some() {
        all.push(judge("on_site", order.appointment, order.arrived.as_ref(), now_ms));
    }
    if !order.urgent && !order.public {
        let due = order.appointment.or(order.start).map(|from| days_later(from, policy));
        let mut done = judge("done", due, order.finished.as_ref(), now_ms);
        if done.state == DeadlineState::Breached && order.waits_for_parts {
            done.state = DeadlineState::Excused;
        }
        all.push(done);
    }
    // The office is here at once; a phone may not have reported yet.
    for deadline in all.iter_mut().filter(|d| ["on_site", "done"].contains(&d.name.as_str())) {
        let open = deadline.state == DeadlineState::Breached && deadline.met_by.is_none();
        let reported = |due_ms| is_reported_since(causality, sessions, due_ms);
        if open && !deadline.due_ms.is_some_and(reported) {
            deadline.state = DeadlineState::Unknown;
        }
    }
    if let Some(finished) = order.finished.as_ref().filter(|_| !order.public) {
        let due = after(finished, policy.call_back_ms);
        all.push(judge("call_back", due, order.called_back.as_ref(), now_ms));
    }
    // A cancelled order keeps what was met or missed; nothing of it runs on or is missed later.
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

/// The same time of day so many days later in the site's zone.
fn days_later(from_ms: WallMs, policy: &SlaPolicy) -> WallMs {
    let days = i64::from(policy.appointed_done_days);
    let plain = from_ms.saturating_add(days * 86_400_000);
    let zone: chrono_tz::Tz = match policy.time_zone.parse() {
        Ok(zone) => zone,
        Err(_) => return plain,
    };
    let local = super::time::moment(from_ms).map(|at| at.with_timezone(&zone));
    let later = local
        .and_then(|at| at.naive_local().checked_add_days(Days::new(days.unsigned_abs())))
        .and_then(|naive| zone.from_local_datetime(&naive).latest());
    later.map_or(plain, |at| at.timestamp_millis())
}

/// The last receipt before somebody was at the door: an order declined and given to somebody else
/// counts anew.
fn last_received<'a>(causality: &Causality<'a>, sessions: &SessionRows) -> Option<Clocked<'a>> {
    use WorkOrderFact as F;
    let mut last = None;
    for fact in &causality.facts {
        match &fact.payload {
            Payload::WorkOrder(F::Received) => last = Some(*fact),
            Payload::WorkOrder(content) if is_at_door(content) => break,
            _ => {}
        }
    }
    last.map(|fact| Clocked { fact, time: fact_time(fact, sessions) })
}

fn first<'a>(
    causality: &Causality<'a>,
    sessions: &SessionRows,
    wanted: fn(&WorkOrderFact) -> bool,
) -> Option<Clocked<'a>> {
    let fact = causality.facts.iter().find(|fact| match &fact.payload {
        Payload::WorkOrder(content) => wanted(content),
        _ => false,
    })?;
    Some(Clocked { fact, time: fact_time(fact, sessions) })
}

fn judge(
    name: &str,
    due_ms: Option<WallMs>,
    met: Option<&Clocked<'_>>,
    now_ms: WallMs,
) -> Deadline {
    let state = match (due_ms, met) {
        (None, _) => DeadlineState::Unknown,
        (Some(_), Some(met)) if !met.judgeable() => DeadlineState::Unknown,
        (Some(due), Some(met)) if met.time.at_ms <= due => DeadlineState::Met,
        (Some(_), Some(_)) => DeadlineState::Breached,
        (Some(due), None) if now_ms <= due => DeadlineState::Running,
        (Some(_), None) => DeadlineState::Breached,
    };
    Deadline {
        name: name.to_owned(),
        of: None,
        tells: Vec::new(),
        due_ms,
        state,
        met_at_ms: met.map(|met| met.time.at_ms),
        met_by: met.map(|met| met.fact.key),
    }
}
