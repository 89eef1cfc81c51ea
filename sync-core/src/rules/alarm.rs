//! An alarm judged: whom it was told to, who took it on, and when the next one is to be told.

use serde::{Deserialize, Serialize};

use super::order::Causality;
use super::sla::Stamp;
use super::status::Status;
use super::time::fact_time;
use super::words::{last_words, together};
use crate::model::alarm::AlarmFact;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::{GeneralFact, Payload};
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;

/// An alarm as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Who raised it; none is the server.
    pub raised_by: Option<PersonId>,
    /// When.
    pub raised_at_ms: WallMs,
    /// Whom it was told to, in order.
    pub alerted: Vec<AlertedPerson>,
    /// Nobody was left to tell.
    pub nobody_left: bool,
    /// Who took it on first.
    pub acknowledged_by: Option<PersonId>,
    /// When.
    pub acknowledged_at_ms: Option<WallMs>,
    /// How it ended.
    pub settled: Option<String>,
    /// What it rested on turned out otherwise.
    pub withdrawn: bool,
    /// Who answered by radio.
    pub radioed: Option<String>,
    /// When the next one is to be told, while nobody has taken it on.
    pub next_alert_ms: Option<WallMs>,
}

/// Someone an alarm was told to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertedPerson {
    /// The fact.
    pub key: FactKey,
    /// Whom.
    pub person: PersonId,
    /// 0 for the first one.
    pub rank: u32,
    /// When.
    pub at_ms: WallMs,
}

/// The alarm of a record of that kind.
pub(super) fn alarm(
    causality: &Causality<'_>,
    policy: &SlaPolicy,
    sessions: &SessionRows,
) -> Alarm {
    let by = |key: &FactKey| sessions.get(&key.session()?).map(|row| row.person);
    let mut alarm = Alarm {
        raised_by: None,
        raised_at_ms: 0,
        alerted: Vec::new(),
        nobody_left: false,
        acknowledged_by: None,
        acknowledged_at_ms: None,
        settled: None,
        withdrawn: false,
        radioed: None,
        next_alert_ms: None,
    };
    let mut opened = false;
    let mut taken_on: Vec<&Fact> = Vec::new();
    let mut settled: Vec<(FactKey, &str)> = Vec::new();
    let mut radioed: Vec<&str> = Vec::new();
    for fact in &causality.facts {
        let at_ms = fact_time(fact, sessions).at_ms;
        match &fact.payload {
            Payload::General(GeneralFact::Created(_)) if !opened => {
                opened = true;
                alarm.raised_by = by(&fact.key);
                alarm.raised_at_ms = at_ms;
            }
            Payload::General(GeneralFact::Acknowledged(of))
                if by(&fact.key).is_some() && is_of_alarm(causality, of.of) =>
            {
                taken_on.push(fact);
            }
            Payload::Alarm(AlarmFact::Alerted(alerted)) => alarm.alerted.push(AlertedPerson {
                key: fact.key,
                person: alerted.person,
                rank: alerted.rank,
                at_ms,
            }),
            Payload::Alarm(AlarmFact::NobodyLeft) => alarm.nobody_left = true,
            Payload::Alarm(AlarmFact::Radioed(of)) => radioed.push(&of.answered_by),
            Payload::Alarm(AlarmFact::AlarmSettled(of)) => settled.push((fact.key, &of.text)),
            Payload::Alarm(AlarmFact::AlarmWithdrawn(_)) => alarm.withdrawn = true,
            _ => {}
        }
    }
    let first = Stamp::earliest(taken_on.into_iter(), causality, sessions);
    alarm.acknowledged_by = first.and_then(|first| by(&first.key));
    alarm.acknowledged_at_ms = first.map(|first| first.at_ms);
    alarm.settled = last_words(&settled, causality);
    alarm.radioed = together(radioed.into_iter());
    alarm.alerted.sort_by_key(|alerted| (alerted.rank, alerted.key));
    if alarm.is_waiting() {
        let last = alarm.alerted.last().map(|alerted| alerted.at_ms);
        // R0.17
        let next = last.map(|at_ms| at_ms.saturating_add(policy.alarm_acknowledge_ms));
        alarm.next_alert_ms = Some(next.unwrap_or(alarm.raised_at_ms));
    }
    alarm
}

/// Whether a fact tells of the alarm itself: to take on a question is not to take on the alarm.
/// R0.15.
fn is_of_alarm(causality: &Causality<'_>, key: FactKey) -> bool {
    let mut facts = causality.facts.iter().filter(|fact| fact.key == key);
    facts.any(|fact| {
        matches!(
            fact.payload,
            Payload::Alarm(AlarmFact::Alerted(_)) | Payload::General(GeneralFact::Created(_))
        )
    })
}

impl Alarm {
    /// Whether somebody has still to be told.
    pub fn is_waiting(&self) -> bool {
        self.acknowledged_by.is_none()
            && self.settled.is_none()
            && !self.withdrawn
            && !self.nobody_left
    }

    pub(super) fn status(&self) -> Status {
        if self.settled.is_some() {
            Status::Settled
        } else if self.withdrawn {
            Status::Withdrawn
        } else if self.acknowledged_by.is_some() {
            Status::Acknowledged
        } else {
            Status::Raised
        }
    }
}
