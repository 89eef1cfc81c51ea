//! The limits of 三 3.1 and 3.2: filled, told, on site, done. What cannot be judged is unknown,
//! not breached.

use chrono::{DateTime, Days, TimeZone as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::Field;
use super::order::Causality;
use super::time::{FactTime, fact_time, stated_afterwards};
use crate::model::fact::Fact;
use crate::model::id::FactKey;
use crate::model::payload::{GeneralFact, Payload};
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;
use crate::model::work_order::WorkOrderFact;

/// One limit of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// `filled`, `told`, `on_site` or `done`.
    pub name: String,
    /// When it is due; none while it does not run yet, or its start is unknown.
    pub due_ms: Option<WallMs>,
    /// How it stands.
    pub state: DeadlineState,
    /// When it was met.
    pub met_at_ms: Option<WallMs>,
    /// The fact that met it.
    pub met_by: Option<FactKey>,
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
pub const DEADLINES: [&str; 4] = ["done", "filled", "on_site", "told"];

struct Clocked<'a> {
    fact: &'a Fact,
    time: FactTime,
}

impl Clocked<'_> {
    fn judgeable(&self) -> bool {
        self.time.verified && !stated_afterwards(self.fact)
    }
}

/// The deadlines of a work order.
pub(super) fn deadlines(
    causality: &Causality<'_>,
    fields: &std::collections::BTreeMap<String, Field>,
    policy: &SlaPolicy,
    sessions: &SessionRows,
    now_ms: WallMs,
) -> Vec<Deadline> {
    use WorkOrderFact as F;
    let text = |name: &str| fields.get(name).and_then(|field| field.value.as_str());
    let public = text("category") == Some("public");
    let urgent = text("priority") == Some("urgent");
    let first = |wanted: fn(&F) -> bool| first(causality, sessions, wanted);
    let created = causality
        .facts
        .iter()
        .find(|fact| matches!(fact.payload, Payload::General(GeneralFact::Created(_))));
    let Some(created) = created.map(|fact| Clocked { fact, time: fact_time(fact, sessions) })
    else {
        return Vec::new();
    };
    let reported = fields.get("reported_at_ms").and_then(|field| field.value.as_i64());
    let start = (created.judgeable()).then(|| reported.unwrap_or(created.time.at_ms));
    let dispatched = first(|content| matches!(content, F::Dispatched));
    let told = first(|content| matches!(content, F::Told));
    // Whoever signed last before the door: an order declined and given to somebody else counts anew.
    let received = last_received(causality, sessions);
    let at_door = first(|content| {
        matches!(
            content,
            F::Ring(_) | F::Knock(_) | F::Introduce(_) | F::Enter(_) | F::EnteredWithKey(_)
        )
    });
    let finished = first(|content| matches!(content, F::FinishWork(_)));
    let limits = if public {
        (policy.public_filled_ms, policy.public_told_ms, policy.public_on_site_ms)
    } else {
        (policy.household_filled_ms, policy.household_told_ms, policy.household_on_site_ms)
    };
    let mut all = vec![judge(
        "filled",
        start.map(|at| at.saturating_add(limits.0)),
        dispatched.as_ref(),
        now_ms,
    )];
    if let Some(dispatched) = &dispatched {
        let due = dispatched.judgeable().then(|| dispatched.time.at_ms.saturating_add(limits.1));
        // Signing for the order shows that engineering had been told.
        all.push(judge("told", due, told.as_ref().or(received.as_ref()), now_ms));
    }
    let appointment = appointment_ms(fields);
    if urgent || public {
        if let Some(received) = &received {
            let due = received.judgeable().then(|| received.time.at_ms.saturating_add(limits.2));
            all.push(judge("on_site", due, at_door.as_ref(), now_ms));
        }
    } else if let Some(appointment) = appointment {
        all.push(judge("on_site", Some(appointment), at_door.as_ref(), now_ms));
    }
    if !urgent && !public {
        let due = appointment.or(start).map(|from| days_later(from, policy));
        let mut done = judge("done", due, finished.as_ref(), now_ms);
        let excused = first(|content| matches!(content, F::WaitingForParts(_)));
        if done.state == DeadlineState::Breached && excused.is_some() {
            done.state = DeadlineState::Excused;
        }
        all.push(done);
    }
    // A cancelled order keeps what was met or missed; nothing of it runs on or is missed later.
    if first(|content| matches!(content, F::Cancelled(_))).is_some() {
        all.retain(|deadline| deadline.met_by.is_some());
    }
    all
}

fn appointment_ms(fields: &std::collections::BTreeMap<String, Field>) -> Option<WallMs> {
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

/// The last receipt before somebody was at the door.
fn last_received<'a>(causality: &Causality<'a>, sessions: &SessionRows) -> Option<Clocked<'a>> {
    use WorkOrderFact as F;
    let mut last = None;
    for fact in &causality.facts {
        match &fact.payload {
            Payload::WorkOrder(F::Received) => last = Some(*fact),
            Payload::WorkOrder(F::Ring(_) | F::Knock(_) | F::Introduce(_) | F::Enter(_)) => break,
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
        due_ms,
        state,
        met_at_ms: met.map(|met| met.time.at_ms),
        met_by: met.map(|met| met.fact.key),
    }
}
