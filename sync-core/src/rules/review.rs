//! `review`: everything that can be said of a record, from its facts alone. Equal for equal facts
//! in any order of arrival; never reads when something was received.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::alarm::{Alarm, alarm};
use super::cases::{Case, CaseInput, cases};
use super::deadlines::{Deadline, deadlines};
use super::duplicates;
use super::fields::{Field, fields};
use super::kind::{self, Details, FoldInput};
use super::money::{Money, money};
use super::order::Causality;
use super::patrol::{Round, round};
use super::status::{Status, work_order};
use super::time::fact_time;
use super::visit::{Site, Step, Visit, endings, fold, steps};
use crate::model::fact::Fact;
use crate::model::id::{DeviceId, FactKey, PersonId, RecordId, SiteId};
use crate::model::payload::{Created, GeneralFact, Payload};
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;

/// What a review is made from.
#[derive(Debug, Clone, Copy)]
pub struct ReviewInput<'a> {
    /// The record.
    pub record: RecordId,
    /// All its facts, in any order.
    pub facts: &'a [Fact],
    /// The sessions they were written in.
    pub sessions: &'a SessionRows,
    /// The site's policies; the record is judged by the one in force at its creation.
    pub policies: &'a [SlaPolicy],
    /// The moment it is judged at.
    pub now_ms: WallMs,
}

/// Everything that can be said of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The record.
    pub record: RecordId,
    /// Its kind; empty while no `created` is here.
    pub kind: String,
    /// Its site.
    pub site: Option<SiteId>,
    /// The largest schema it was created with.
    pub schema: u32,
    /// The version of the policy it is judged by.
    pub policy_version: u32,
    /// The IANA name of the site's zone.
    pub time_zone: String,
    /// The site's service grade.
    pub service_grade: u8,
    /// Ratings up to this are low.
    #[serde(default)]
    pub low_rating_max: u8,
    /// Its fields.
    pub fields: BTreeMap<String, Field>,
    /// Its status.
    pub status: Status,
    /// When the review next changes by itself: the next deadline or day's end.
    pub status_until_ms: Option<WallMs>,
    /// Its deadlines.
    pub deadlines: Vec<Deadline>,
    /// Its visits, in causal order.
    pub visits: Vec<Visit>,
    /// Its money.
    pub money: Money,
    /// The patrol round, of a record of that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// The alarm, of a record of that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
    /// What its kind adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// When it was closed, of a kind that is kept for a time; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at_ms: Option<WallMs>,
    /// The record that goes on in its place, while it is put aside as a duplicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<RecordId>,
    /// Its cases, closed ones too.
    pub cases: Vec<Case>,
    /// Every fact, in causal order.
    pub timeline: Vec<TimelineEntry>,
    /// The latest facts: what a next writer has seen.
    pub frontier: Vec<FactKey>,
}

/// A fact in the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// The fact.
    pub key: FactKey,
    /// Its type.
    pub fact_type: String,
    /// Who wrote it; none is the server, by a rule.
    pub by: Option<PersonId>,
    /// On which device.
    pub device: Option<DeviceId>,
    /// When.
    pub at_ms: WallMs,
    /// The writer's own wall clock: what a statement shows, since it never changes afterwards.
    pub wall_ms: WallMs,
    /// Whether the time is verified.
    pub verified: bool,
    /// When it really happened, for a step stated afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_at_ms: Option<WallMs>,
    /// Whom the writer stood in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<PersonId>,
    /// Its payload.
    pub content: serde_json::Value,
    /// This version does not know the type.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

impl Review {
    /// A field's text value.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.value.as_str()
    }

    /// Who is to do it.
    pub fn assignee(&self) -> Option<PersonId> {
        let number = self.fields.get("assignee")?.value.as_u64()?;
        u32::try_from(number).ok().map(PersonId)
    }

    /// The contact it names.
    pub fn contact(&self) -> Option<RecordId> {
        self.text("contact")?.parse().ok()
    }

    /// The cases that somebody still has to decide.
    pub fn open_cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.open)
    }
}

/// Reviews a record (R8.6, R8.10).
pub fn review(input: &ReviewInput<'_>) -> Review {
    let causality = Causality::of(input.facts, input.sessions);
    let fields = fields(&causality, input.sessions);
    let (first, schema) = opened(&causality);
    let created_ms = first.map_or(input.now_ms, |(fact, _)| fact_time(fact, input.sessions).at_ms);
    let policy = policy(input.policies, created_ms);
    let steps = steps(&causality);
    let money = money(&causality, input.sessions);
    let folded = Folded { causality: &causality, fields: &fields, steps: &steps, money: &money };
    let kind = first.map(|(_, created)| created.kind.clone()).unwrap_or_default();
    let visits = visits(&folded, (&policy, input.sessions), &kind);
    let is_order = kind::has_visits(&kind);
    let of_kind = FoldInput::of(input.now_ms, &causality, input.sessions, &fields, &policy);
    let mut of_kind = kind::kind(&kind).map(|kind| kind.fold(&of_kind));
    let judged = (&policy, input.sessions, input.now_ms);
    let mut deadlines = of_visits(&kind, &causality, &fields, judged);
    deadlines.extend(of_kind.iter_mut().flat_map(|folded| std::mem::take(&mut folded.deadlines)));
    let round = (kind == crate::model::patrol::ROUND).then(|| {
        let both = (&policy, input.sessions);
        round(input.record, &causality, &fields, both, input.now_ms)
    });
    let alarm =
        (kind == crate::model::alarm::KIND).then(|| alarm(&causality, &policy, input.sessions));
    let case_input = CaseInput {
        causality: &causality,
        sessions: input.sessions,
        fields: &fields,
        visits: &visits,
        steps: &steps,
        money: &money,
        round: round.as_ref(),
        policy: &policy,
        now_ms: input.now_ms,
    };
    let cases_of_kind = of_kind.iter_mut().flat_map(|folded| std::mem::take(&mut folded.cases));
    let cases = cases(&case_input, cases_of_kind.collect());
    let order = is_order.then(|| work_order(&causality, &visits));
    let next_ms = next_change_ms(&deadlines, &money, &policy, input.now_ms);
    let (status, status_until_ms) = match (&round, &alarm) {
        (Some(round), _) => round.status(&causality, &policy, input.now_ms),
        (None, Some(alarm)) => (alarm.status(), alarm.next_alert_ms),
        (None, None) => of_kind_status(order, of_kind.as_ref(), next_ms),
    };
    Review {
        record: input.record,
        site: first.map(|(_, created)| created.site),
        schema,
        policy_version: policy.version,
        time_zone: policy.time_zone.clone(),
        service_grade: policy.service_grade,
        low_rating_max: policy.low_rating_max,
        status,
        status_until_ms,
        timeline: causality.facts.iter().map(|fact| entry(fact, input.sessions)).collect(),
        frontier: causality.frontier(),
        kind,
        fields,
        deadlines,
        visits,
        money,
        round,
        alarm,
        duplicate_of: duplicates::duplicate_of(&causality),
        closed_at_ms: of_kind.as_ref().and_then(|folded| folded.closed_at_ms),
        details: of_kind.and_then(|folded| folded.details),
        cases,
    }
}

/// The limits of a record with visits. Filling, telling and repairing in time are limits of repairs
/// (三 3.1, 3.2), and none of paid services.
fn of_visits(
    kind: &str,
    causality: &Causality<'_>,
    fields: &BTreeMap<String, Field>,
    (policy, sessions, now_ms): (&SlaPolicy, &SessionRows, WallMs),
) -> Vec<Deadline> {
    if !kind::has_visits(kind) {
        return Vec::new();
    }
    let is_paid = kind == crate::model::paid_service::KIND;
    let mut all = deadlines(causality, fields, policy, sessions, now_ms);
    all.retain(|d| !is_paid || ["on_site", "call_back"].contains(&d.name.as_str()));
    all
}

/// The first opening, and the largest schema of all.
fn opened<'a>(causality: &Causality<'a>) -> (Option<(&'a Fact, &'a Created)>, u32) {
    let mut created = causality.facts.iter().filter_map(|fact| match &fact.payload {
        Payload::General(GeneralFact::Created(created)) => Some((*fact, created)),
        _ => None,
    });
    let first = created.clone().next();
    (first, created.by_ref().map(|(_, created)| created.schema).max().unwrap_or_default())
}

/// What visits are folded from.
struct Folded<'a> {
    causality: &'a Causality<'a>,
    fields: &'a BTreeMap<String, Field>,
    steps: &'a BTreeMap<FactKey, Vec<Step<'a>>>,
    money: &'a Money,
}

fn visits(
    folded: &Folded<'_>,
    (policy, sessions): (&SlaPolicy, &SessionRows),
    kind: &str,
) -> Vec<Visit> {
    let is_paid = kind == crate::model::paid_service::KIND;
    let endings = endings(folded.causality, folded.steps, sessions);
    let category = folded.fields.get("category").and_then(|field| field.value.as_str());
    let public = category == Some("public");
    let facts = folded.causality.facts.iter();
    facts
        .filter_map(|fact| Some((fact.key, folded.steps.get(&fact.key)?)))
        .map(|(key, steps)| {
            // Quoted at one visit, done at the next.
            let mut quotes = folded.money.quotes.iter();
            let elsewhere = quotes.any(|quote| quote.visit != key && quote.accepted == Some(true));
            // A price told when the order was opened was agreed then (三 3.2.6).
            let told = folded.fields.get("lines").and_then(|field| field.value.as_array());
            let quoted = elsewhere || (is_paid && told.is_some_and(|lines| !lines.is_empty()));
            let end = endings.get(&key).copied();
            let causality = folded.causality;
            let site = Site { causality, policy, sessions, public, is_paid, end };
            fold(key, steps, &site, quoted)
        })
        .collect()
}

/// The version in force at `at_ms`: the latest that had begun (R0.8).
pub(super) fn policy(policies: &[SlaPolicy], at_ms: WallMs) -> SlaPolicy {
    let begun = policies.iter().filter(|policy| policy.from_ms <= at_ms);
    let latest = begun.max_by_key(|policy| (policy.from_ms, policy.version));
    latest
        .or_else(|| policies.iter().min_by_key(|policy| policy.version))
        .cloned()
        .unwrap_or_default()
}

/// Where a record of a kind stands, and when that next changes by itself.
fn of_kind_status(
    order: Option<Status>,
    of_kind: Option<&kind::Folded>,
    until_ms: Option<WallMs>,
) -> (Status, Option<WallMs>) {
    let of_kind_until = of_kind.and_then(|folded| folded.until_ms);
    // A paid service that was told to its department has gone out.
    let status = order.max(of_kind.map(|folded| folded.status)).unwrap_or(Status::Kept);
    (status, until_ms.into_iter().chain(of_kind_until).min())
}

fn next_change_ms(
    deadlines: &[Deadline],
    money: &Money,
    policy: &SlaPolicy,
    now_ms: WallMs,
) -> Option<WallMs> {
    let due = deadlines.iter().filter_map(|deadline| deadline.changes_at_ms);
    due.chain(super::money_cases::next_ms(money, policy)).filter(|at| *at > now_ms).min()
}

/// A fact as the timeline shows it: by no policy.
pub(super) fn entry(fact: &Fact, sessions: &SessionRows) -> TimelineEntry {
    let row = fact.key.session().and_then(|session| sessions.get(&session));
    let time = fact_time(fact, sessions);
    let (fact_type, content) = fact.payload.to_parts().unwrap_or_default();
    let content = fact.stored_content.clone().unwrap_or(content);
    TimelineEntry {
        key: fact.key,
        fact_type,
        by: row.map(|row| row.person),
        device: row.map(|row| row.device),
        at_ms: time.at_ms,
        wall_ms: fact.wall_ms,
        verified: time.verified,
        said_at_ms: fact.said_at_ms,
        on_behalf_of: fact.on_behalf_of,
        content,
        unknown: matches!(fact.payload, Payload::Unknown { .. }),
    }
}
