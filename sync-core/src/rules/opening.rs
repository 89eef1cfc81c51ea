//! Records that follow from a cause: the rounds of a plan, and what the server opens for a finding.
//! Ids and contents come from the cause alone, so that whoever makes them makes the same ones.

use chrono::{NaiveDate, NaiveTime, TimeZone as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::limits::{DESCRIPTION_CHARACTERS_MAX, NAME_CHARACTERS_MAX};
use super::patrol::opens_kind;
use super::review::Review;
use crate::model::id::{FactKey, RecordId, SiteId};
use crate::model::patrol::{self, Finding, FindingKind, PatrolRoundCreated, PlanItem};
use crate::model::payload::Created;
use crate::model::time::WallMs;
use crate::model::violation::{self, ViolationCategory, ViolationCreated};
use crate::model::work_order::{self, Category, Priority, WorkOrderCreated};

/// A record to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Its id.
    pub record: RecordId,
    /// Its opening fact's payload; `from` is the cause.
    pub created: Created,
}

/// A round of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRound {
    /// Its record's id.
    pub record: RecordId,
    /// Its site.
    pub site: SiteId,
    /// The cause: `<plan>/<item>/<day>`.
    pub from: String,
    /// Its content.
    pub round: PatrolRoundCreated,
}

impl PlannedRound {
    /// As the server opens it.
    pub fn opening(&self) -> Opening {
        let content = content_of(&self.round);
        let created = Created {
            kind: patrol::ROUND.to_owned(),
            site: self.site,
            schema: patrol::SCHEMA,
            from: Some(self.from.clone()),
            content,
        };
        Opening { record: self.record, created }
    }
}

pub(super) fn content_of(content: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(content) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// The rounds that a plan has on a day (`YYYY-MM-DD`), in the order of its lines; none where the
/// day is not of its month (R7.2).
pub fn planned_rounds(plan: &Review, day: &str) -> Vec<PlannedRound> {
    let (Some(site), Some(month)) = (plan.site, plan.text("month")) else { return Vec::new() };
    let Ok(date) = day.parse::<NaiveDate>() else { return Vec::new() };
    if plan.kind != patrol::PLAN || date.format("%Y-%m").to_string() != month {
        return Vec::new();
    }
    let items = plan.fields.get("items").map(|field| field.value.clone()).unwrap_or_default();
    let items: Vec<PlanItem> = serde_json::from_value(items).unwrap_or_default();
    let day_of_month = chrono::Datelike::day(&date);
    let items = items.into_iter().filter(|item| item.days.contains(&day_of_month));
    items.map(|item| planned_round(plan, site, date, item)).collect()
}

fn planned_round(plan: &Review, site: SiteId, date: NaiveDate, item: PlanItem) -> PlannedRound {
    let from = format!("{}/{}/{date}", plan.record, item.item);
    PlannedRound {
        record: RecordId::derive(patrol::ROUND, site, &from),
        site,
        from,
        round: PatrolRoundCreated {
            patrol: item.patrol,
            area: item.area,
            officer: item.officer,
            plan: Some(plan.record),
            starts_at_ms: starts_at_ms(date, &item.starts_at, &plan.time_zone),
            checkpoints: item.checkpoints,
        },
    }
}

/// The day (`YYYY-MM-DD`) of a moment in a zone.
pub fn day_of(at_ms: Option<WallMs>, zone: &str) -> Option<String> {
    let zone: chrono_tz::Tz = zone.parse().ok()?;
    Some(super::time::moment(at_ms?)?.with_timezone(&zone).date_naive().to_string())
}

/// A local time of the site; one that the clocks skip counts from the hour after.
fn starts_at_ms(date: NaiveDate, starts_at: &str, zone: &str) -> Option<WallMs> {
    let zone: chrono_tz::Tz = zone.parse().ok()?;
    let local = date.and_time(NaiveTime::parse_from_str(starts_at, "%H:%M").ok()?);
    let later = || zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).earliest();
    let moment = zone.from_local_datetime(&local).earliest().or_else(later)?;
    Some(moment.timestamp_millis())
}

/// The record a finding opens, if it opens one (R7.18).
pub(super) fn opened_by(
    round: RecordId,
    site: SiteId,
    key: FactKey,
    finding: &Finding,
) -> Option<RecordId> {
    let kind = opens_kind(finding).filter(|_| !finding.settled)?;
    Some(RecordId::derive(kind, site, &format!("{round}/{key}")))
}

/// What the server opens for the findings of a round that are not settled: a repair order for
/// facilities (六 3.8.2a), a violation for a breach (ours).
/// R7.14.
pub fn openings(round: &Review) -> Vec<Opening> {
    let (Some(site), Some(walked)) = (round.site, &round.round) else { return Vec::new() };
    let findings = walked.findings.iter().filter(|finding| !finding.settled);
    findings
        .filter_map(|finding| {
            let record = finding.opens?;
            let (kind, schema, content) = opened_content(round.record, &finding.content)?;
            let from = Some(format!("{}/{}", round.record, finding.key));
            let kind = kind.to_owned();
            Some(Opening { record, created: Created { kind, site, schema, from, content } })
        })
        .collect()
}

fn cut(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).collect()
}

fn opened_content(
    round: RecordId,
    finding: &Finding,
) -> Option<(&'static str, u32, Map<String, Value>)> {
    // Phones check lengths; one that does not must not make an opening that fits no change.
    let place = cut(&finding.place, NAME_CHARACTERS_MAX);
    let description = cut(&finding.description, DESCRIPTION_CHARACTERS_MAX);
    let violation = match finding.finding {
        FindingKind::Other => return None,
        // R7.16
        FindingKind::Facility => {
            let order = WorkOrderCreated {
                category: Category::Public,
                unit: None,
                group: None,
                place: Some(place),
                contact: None,
                description,
                priority: Priority::Urgent,
                reported_at_ms: None,
                round: Some(round),
                reception: None,
            };
            return Some((work_order::KIND, work_order::SCHEMA, content_of(&order)));
        }
        FindingKind::Decoration => ViolationCategory::Decoration,
        FindingKind::FireSafety => ViolationCategory::FireSafety,
        FindingKind::Sanitation => ViolationCategory::Sanitation,
        FindingKind::PublicSecurity => ViolationCategory::PublicSecurity,
        FindingKind::HarmToOthers => ViolationCategory::HarmToOthers,
    };
    let content = ViolationCreated {
        violation,
        breach: None,
        place,
        unit: None,
        group: None,
        contact: None,
        description,
        round: Some(round),
        reception: None,
    };
    Some((violation::KIND, violation::SCHEMA, content_of(&content)))
}

/// The alarm for a round that has not begun in time, named after the round.
pub fn not_started_alarm(round: &Review) -> Option<Opening> {
    use crate::model::alarm::{self, AlarmCreated, AlarmKind};
    let site = round.site?;
    let from = format!("{}/not_started", round.record);
    let content = AlarmCreated {
        alarm: AlarmKind::RoundNotStarted,
        place: cut(round.text("area").unwrap_or_default(), NAME_CHARACTERS_MAX),
        description: None,
        round: Some(round.record),
    };
    Some(Opening {
        record: RecordId::derive(alarm::KIND, site, &from),
        created: Created {
            kind: alarm::KIND.to_owned(),
            site,
            schema: alarm::SCHEMA,
            from: Some(from),
            content: content_of(&content),
        },
    })
}
