//! A patrol round judged: coverage with missed points, checklists, findings, and what is odd about
//! it. What is odd is flagged, never rejected.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::fields::Field;
use super::order::Causality;
use super::position::{distance_mm, is_too_fast};
use super::sla::Stamp;
use super::status::Status;
use super::time::{elapsed_ms, fact_time};
use super::words::together;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId, RecordId};
use crate::model::patrol::{
    CheckResult, Checkpoint, CheckpointVisited, Finding, FindingKind, PatrolFact, Position,
    VisitMethod,
};
use crate::model::payload::Payload;
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;

/// A round as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Who is to walk it.
    pub officer: Option<PersonId>,
    /// The plan it comes from.
    pub plan: Option<RecordId>,
    /// When it is to begin.
    pub starts_at_ms: Option<WallMs>,
    /// When it began: its first fact of work.
    pub started_at_ms: Option<WallMs>,
    /// That fact.
    pub started_by: Option<FactKey>,
    /// When it ended, said or by itself.
    pub ended_at_ms: Option<WallMs>,
    /// Its checkpoints in the order of the plan.
    pub coverage: Vec<Coverage>,
    /// How many were visited.
    pub visited: u32,
    /// What was found, in causal order.
    pub findings: Vec<FindingState>,
    /// What is odd.
    pub anomalies: Vec<Anomaly>,
    /// Units checked for the cause of a smell.
    pub units_checked: Vec<String>,
}

/// A checkpoint of a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// As it was planned.
    pub checkpoint: Checkpoint,
    /// The first visit.
    pub visit: Option<PointVisit>,
    /// Why it could not be reached.
    pub skipped: Option<String>,
    /// The round is over, nobody was there and nobody says why.
    pub missed: bool,
    /// Its items in the order of the list.
    pub items: Vec<ItemState>,
}

/// When and how somebody was at a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointVisit {
    /// The fact.
    pub key: FactKey,
    /// Who.
    pub by: Option<PersonId>,
    /// When.
    pub at_ms: WallMs,
    /// Whether the time is verified.
    pub verified: bool,
    /// How.
    pub method: VisitMethod,
    /// Where the device was.
    pub position: Option<Position>,
}

/// An item of a checkpoint's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemState {
    /// Its code.
    pub item: String,
    /// What was found of it; none yet.
    pub result: Option<CheckResult>,
    /// Said with "the rest is ok".
    pub by_rest: bool,
    /// The note.
    pub note: Option<String>,
}

/// A finding as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingState {
    /// Its fact.
    pub key: FactKey,
    /// What was written.
    pub content: Finding,
    /// Settled on the spot or since.
    pub settled: bool,
    /// Whom it was reported to.
    pub reported_to: Option<String>,
    /// The record that the server opens for it.
    pub opens: Option<RecordId>,
}

/// Something odd about a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// One of [`ANOMALIES`].
    pub code: String,
    /// The facts that show it.
    pub keys: Vec<FactKey>,
}

/// Every code of an anomaly.
pub const ANOMALIES: [&str; 4] =
    ["impossible_speed", "position_out_of_radius", "tag_mismatch", "tag_twice"];

/// Checkpoints of a round.
pub(super) const CHECKPOINTS_MAX: usize = 200;
/// Items that a checkpoint carries.
pub(super) const ITEMS_MAX: usize = 100;
/// More of one kind say no more.
const ANOMALIES_OF_A_KIND_MAX: usize = 100;

struct Walk<'a> {
    causality: &'a Causality<'a>,
    sessions: &'a SessionRows,
    policy: &'a SlaPolicy,
    checkpoints: Vec<Checkpoint>,
}

impl<'a> Walk<'a> {
    fn facts(&self) -> impl Iterator<Item = (&'a Fact, &'a PatrolFact)> {
        self.causality.facts.iter().filter_map(|fact| match &fact.payload {
            Payload::Patrol(content) => Some((*fact, content)),
            _ => None,
        })
    }

    fn visits(&self) -> impl Iterator<Item = (&'a Fact, &'a CheckpointVisited)> {
        self.facts().filter_map(|(fact, content)| match content {
            PatrolFact::CheckpointVisited(visited) => Some((fact, visited)),
            _ => None,
        })
    }

    /// Of facts that say the same, the one that counts.
    fn earliest(&self, facts: impl Iterator<Item = &'a Fact>) -> Option<&'a Fact> {
        let counts = Stamp::earliest(facts, self.causality, self.sessions)?;
        self.causality.fact(counts.key)
    }

    fn checkpoint(&self, code: &str) -> Option<&Checkpoint> {
        self.checkpoints.iter().find(|checkpoint| checkpoint.code == code)
    }

    fn by(&self, fact: &Fact) -> Option<PersonId> {
        let row = self.sessions.get(&fact.key.session()?)?;
        Some(fact.on_behalf_of.unwrap_or(row.person))
    }
}

/// The round of a record of that kind.
pub(super) fn round(
    record: RecordId,
    causality: &Causality<'_>,
    fields: &BTreeMap<String, Field>,
    (policy, sessions): (&SlaPolicy, &SessionRows),
    now_ms: WallMs,
) -> Round {
    let field = |name: &str| fields.get(name).map(|field| &field.value);
    let checkpoints = field("checkpoints").cloned().unwrap_or_default();
    let mut checkpoints: Vec<Checkpoint> = serde_json::from_value(checkpoints).unwrap_or_default();
    // More than a phone lets anybody write is somebody's attack on whoever reviews it.
    checkpoints.truncate(CHECKPOINTS_MAX);
    checkpoints.iter_mut().filter_map(|one| one.items.as_mut()).for_each(|items| {
        items.truncate(ITEMS_MAX);
    });
    let walk = Walk { causality, sessions, policy, checkpoints };
    let started = walk.earliest(walk.facts().map(|(fact, _)| fact));
    let started_at_ms = started.map(|fact| fact_time(fact, sessions).at_ms);
    let ended = walk.facts().filter(|(_, content)| {
        matches!(content, PatrolFact::RoundFinished | PatrolFact::RoundStopped(_))
    });
    let said = ended.map(|(fact, _)| fact_time(fact, sessions).at_ms).max();
    let lapses = started_at_ms.map(|at_ms| at_ms.saturating_add(policy.patrol_round_max_ms));
    let ended_at_ms = said.or(lapses.filter(|lapses| *lapses <= now_ms));
    let coverage: Vec<Coverage> =
        walk.checkpoints.iter().map(|point| covered(&walk, point, ended_at_ms.is_some())).collect();
    let visited = coverage.iter().filter(|coverage| coverage.visit.is_some()).count();
    let number = |name: &str| field(name).and_then(serde_json::Value::as_i64);
    Round {
        officer: number("officer").and_then(|n| u32::try_from(n).ok()).map(PersonId),
        plan: field("plan").and_then(|plan| plan.as_str()?.parse().ok()),
        starts_at_ms: number("starts_at_ms"),
        started_at_ms,
        started_by: started.map(|fact| fact.key),
        ended_at_ms,
        visited: u32::try_from(visited).unwrap_or(u32::MAX),
        coverage,
        findings: findings(record, &walk),
        anomalies: anomalies(&walk),
        units_checked: units_checked(&walk),
    }
}

impl Round {
    /// Where the round stands, and when that next changes by itself.
    pub(super) fn status(
        &self,
        causality: &Causality<'_>,
        policy: &SlaPolicy,
        now_ms: WallMs,
    ) -> (Status, Option<WallMs>) {
        let has = |wanted: fn(&PatrolFact) -> bool| {
            causality.facts.iter().any(|fact| match &fact.payload {
                Payload::Patrol(content) => wanted(content),
                _ => false,
            })
        };
        if has(|content| matches!(content, PatrolFact::RoundFinished)) {
            return (Status::Finished, None);
        }
        if has(|content| matches!(content, PatrolFact::RoundStopped(_))) {
            return (Status::Stopped, None);
        }
        if let Some(started) = self.started_at_ms {
            // R7.23
            let lapses = started.saturating_add(policy.patrol_round_max_ms);
            return if now_ms < lapses {
                (Status::UnderWay, Some(lapses))
            } else {
                (Status::Lapsed, None)
            };
        }
        // R7.22
        match self.starts_at_ms.map(|at| at.saturating_add(policy.patrol_start_grace_ms)) {
            Some(due) if now_ms > due => (Status::NotStarted, None),
            Some(due) => (Status::Planned, Some(due.saturating_add(1))),
            None => (Status::Planned, None),
        }
    }

    /// The items of a checkpoint nothing has been said of: what "the rest is ok" says ok of. Never
    /// one that is flagged.
    pub fn rest(&self, checkpoint: &str) -> Vec<String> {
        let of = self.coverage.iter().filter(|coverage| coverage.checkpoint.code == checkpoint);
        let items = of.flat_map(|coverage| &coverage.items);
        items.filter(|item| item.result.is_none()).map(|item| item.item.clone()).collect()
    }
}

// R7.21
fn covered(walk: &Walk<'_>, checkpoint: &Checkpoint, over: bool) -> Coverage {
    let here = || walk.visits().filter(|(_, visited)| visited.checkpoint == checkpoint.code);
    let first = walk.earliest(here().map(|(fact, _)| fact));
    let first = first.and_then(|first| here().find(|(fact, _)| fact.key == first.key));
    let visit = first.map(|(fact, visited)| {
        let time = fact_time(fact, walk.sessions);
        PointVisit {
            key: fact.key,
            by: walk.by(fact),
            at_ms: time.at_ms,
            verified: time.verified,
            method: visited.method,
            position: visited.position,
        }
    });
    let skipped = walk.facts().filter_map(|(_, content)| match content {
        PatrolFact::CheckpointSkipped(skipped) if skipped.checkpoint == checkpoint.code => {
            Some(&*skipped.reason)
        }
        _ => None,
    });
    let skipped = together(skipped);
    let items = listed(checkpoint);
    Coverage {
        missed: over && visit.is_none() && skipped.is_none(),
        visit,
        skipped,
        items: items.iter().map(|item| item_state(walk, checkpoint, item)).collect(),
        checkpoint: checkpoint.clone(),
    }
}

/// The codes of the items a checkpoint is checked by: those it carries, else its list's.
fn listed(checkpoint: &Checkpoint) -> Vec<&str> {
    match &checkpoint.items {
        Some(items) => items.iter().map(|item| item.code.as_str()).collect(),
        None => checkpoint.checklist.map_or(Vec::new(), |list| list.items().to_vec()),
    }
}

/// The last word on an item; of words that knew nothing of one another the worst, with what every
/// one of those notes. "The rest is ok" is no word on an item that anybody flagged, in whatever
/// order the two arrived.
/// R7.10.
fn item_state(walk: &Walk<'_>, checkpoint: &Checkpoint, item: &str) -> ItemState {
    let words = walk.facts().filter_map(|(fact, content)| match content {
        PatrolFact::Checked(checked)
            if checked.checkpoint == checkpoint.code && checked.item == item =>
        {
            Some((fact.key, checked))
        }
        _ => None,
    });
    let words = walk.causality.last(words);
    let last = || words.iter().map(|(_, word)| *word);
    let by_rest = words.is_empty()
        && walk.facts().any(|(_, content)| match content {
            PatrolFact::RestOk(rest) => {
                rest.checkpoint == checkpoint.code && rest.items.iter().any(|other| other == item)
            }
            _ => false,
        });
    let worst = last().map(|word| word.result).max_by_key(|result| match result {
        CheckResult::Ok => 0,
        CheckResult::NotApplicable => 1,
        CheckResult::NotOk => 2,
    });
    ItemState {
        item: item.to_owned(),
        result: worst.or(by_rest.then_some(CheckResult::Ok)),
        by_rest,
        note: together(last().filter_map(|word| word.note.as_deref())),
    }
}

fn findings(record: RecordId, walk: &Walk<'_>) -> Vec<FindingState> {
    let found = walk.facts().filter_map(|(fact, content)| match content {
        PatrolFact::Finding(finding) => Some((fact.key, finding)),
        _ => None,
    });
    found.map(|(key, finding)| finding_state(record, walk, key, finding)).collect()
}

// R7.14
fn finding_state(
    record: RecordId,
    walk: &Walk<'_>,
    key: FactKey,
    finding: &Finding,
) -> FindingState {
    let settled = walk.facts().any(|(_, content)| {
        matches!(content, PatrolFact::FindingSettled(settled) if settled.finding == key)
    });
    let reported_to = walk.facts().filter_map(|(_, content)| match content {
        PatrolFact::FindingReported(reported) if reported.finding == key => {
            Some(&*reported.reported_to)
        }
        _ => None,
    });
    let site = walk.causality.site();
    FindingState {
        key,
        opens: site.and_then(|site| super::opening::opened_by(record, site, key, finding)),
        content: finding.clone(),
        settled: finding.settled || settled,
        reported_to: together(reported_to),
    }
}

// R7.11
fn units_checked(walk: &Walk<'_>) -> Vec<String> {
    let units = walk.facts().filter_map(|(_, content)| match content {
        PatrolFact::UnitsChecked(checked) => Some(&checked.units),
        _ => None,
    });
    units.flatten().cloned().collect::<BTreeSet<String>>().into_iter().collect()
}

// R7.24
fn anomalies(walk: &Walk<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let visits: Vec<_> = walk.visits().collect();
    let anomaly = |code: &str, keys: Vec<FactKey>| Anomaly { code: code.to_owned(), keys };
    let mut tags: BTreeMap<&str, FactKey> = BTreeMap::new();
    for (fact, visited) in &visits {
        let Some(checkpoint) = walk.checkpoint(&visited.checkpoint) else { continue };
        if is_out_of_radius(visited, checkpoint, walk.policy) {
            found.push(anomaly("position_out_of_radius", vec![fact.key]));
        }
        if !matches!(visited.method, VisitMethod::QrCode | VisitMethod::Nfc) {
            continue;
        }
        let differs =
            visited.tag.is_some() && checkpoint.tag.is_some() && visited.tag != checkpoint.tag;
        if differs {
            found.push(anomaly("tag_mismatch", vec![fact.key]));
        }
        let tag = visited.tag.as_deref().unwrap_or(&visited.checkpoint);
        match tags.get(tag) {
            Some(first) => found.push(anomaly("tag_twice", vec![*first, fact.key])),
            None => {
                tags.insert(tag, fact.key);
            }
        }
    }
    // Of each person by itself: whoever walks beside makes nobody slower.
    let mut last: BTreeMap<Option<PersonId>, &(&Fact, &CheckpointVisited)> = BTreeMap::new();
    for second in &visits {
        if let Some(first) = last.insert(walk.by(second.0), second)
            && is_impossible(walk, first, second)
        {
            found.push(anomaly("impossible_speed", vec![first.0.key, second.0.key]));
        }
    }
    found.sort_by(|a, b| (&a.code, &a.keys).cmp(&(&b.code, &b.keys)));
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    found.retain(|anomaly| {
        let seen = count.entry(anomaly.code.clone()).or_default();
        *seen += 1;
        *seen <= ANOMALIES_OF_A_KIND_MAX
    });
    found
}

fn is_out_of_radius(
    visited: &CheckpointVisited,
    checkpoint: &Checkpoint,
    policy: &SlaPolicy,
) -> bool {
    let (Some(at), Some(place)) = (visited.position, checkpoint.position) else { return false };
    let radius_m = checkpoint.radius_m.unwrap_or(policy.patrol_radius_m);
    let allowed_mm =
        (i64::from(radius_m) + i64::from(at.accuracy_m.unwrap_or(0))).saturating_mul(1_000);
    distance_mm(at, place) > allowed_mm
}

/// Two visits with more way between them than anybody walks in that time.
fn is_impossible(
    walk: &Walk<'_>,
    first: &(&Fact, &CheckpointVisited),
    second: &(&Fact, &CheckpointVisited),
) -> bool {
    let place = |visited: &CheckpointVisited| {
        let planned = walk.checkpoint(&visited.checkpoint).and_then(|point| point.position);
        visited.position.or(planned)
    };
    let (Some(from), Some(to)) = (place(first.1), place(second.1)) else { return false };
    let Some(took_ms) = elapsed_ms(first.0, second.0, walk.sessions) else { return false };
    is_too_fast(from, to, took_ms, walk.policy.patrol_speed_max_kmh)
}

/// The kind of record a finding opens: a repair of facilities, a violation for a breach.
/// R7.16, R7.17.
pub(super) fn opens_kind(finding: &Finding) -> Option<&'static str> {
    match finding.finding {
        _ if finding.known_as.is_some() => None,
        FindingKind::Other => None,
        FindingKind::Facility => Some(crate::model::work_order::KIND),
        FindingKind::Decoration
        | FindingKind::FireSafety
        | FindingKind::Sanitation
        | FindingKind::PublicSecurity
        | FindingKind::HarmToOthers => Some(crate::model::violation::KIND),
    }
}
