//! What a person looks at across records: the inbox, the rounds of a day, what is open at a place.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Inner, ListItem, Question, Replica};
use crate::Result;
use crate::model::id::{PersonId, RecordId};
use crate::model::patrol;
use crate::model::person::Role;
use crate::model::policy::SlaPolicy;
use crate::protocol::message::QUESTION_ID;
use crate::rules::{InboxItem, InboxKind, PlannedRound, Status, planned_rounds, told_by_role};
use crate::store::RefusedRow;

/// A round of a day: planned, here, or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayRound {
    /// The record.
    pub record: RecordId,
    /// What a plan says of it; none for an unplanned one.
    pub planned: Option<PlannedRound>,
    /// The record, once somebody has opened it.
    pub item: Option<ListItem>,
}

impl Replica {
    /// The items of the person's inbox, and of those the person stands in for now; most pressing
    /// first, then the latest.
    pub async fn inbox(&self) -> Result<Vec<InboxItem>> {
        let by_role = self.told_by_role().await?;
        let inner = self.inner().await?;
        let owner = inner.owner()?;
        let people = inner.stands_for(owner, self.now_ms(&inner));
        let items = inner.list.values().flat_map(|item| &item.inbox);
        let mut items: Vec<InboxItem> =
            items.filter(|item| people.contains(&item.person)).cloned().collect();
        items.extend(self.refused_items(&inner, owner).await?);
        items.extend(self.returned_items(&inner, owner).await?);
        items.extend(by_role);
        items.sort_by_key(|item| (item.done, item.read, item.kind, -item.at_ms, item.key));
        Ok(items)
    }

    /// What records tell the person by the roles held now.
    async fn told_by_role(&self) -> Result<Vec<InboxItem>> {
        let (principal, supervisors, now_ms, records) = {
            let inner = self.inner().await?;
            let principal = inner.principal(inner.owner()?);
            let supervisors = inner.reference.supervisors.clone();
            let roles: BTreeSet<Role> = principal.grants.iter().map(|grant| grant.role).collect();
            let telling = inner.list.values().filter(|item| !item.tells.is_disjoint(&roles));
            let records: Vec<RecordId> = telling.map(|item| item.record).collect();
            (principal, supervisors, self.now_ms(&inner), records)
        };
        let mut items = Vec::new();
        for record in records {
            let Some(review) = self.review(record).await? else { continue };
            items.extend(told_by_role(&review, &principal, &supervisors, now_ms));
        }
        Ok(items)
    }

    /// What the office has in its review list of this person's; its word ends the matter.
    async fn refused_items(&self, inner: &Inner, owner: PersonId) -> Result<Vec<InboxItem>> {
        let mut rows = self.store.refused_apart(owner).await?.0;
        // A question about it says more.
        rows.retain(|row| !row.params.contains_key(QUESTION_ID));
        // R0.14
        let item = |row: RefusedRow| {
            let here = inner.list.get(&row.record).map(|item| &item.projection);
            let decided = row.code == "discarded";
            Some(InboxItem {
                record: row.record,
                record_kind: here.map(|projection| projection.kind.clone()).unwrap_or_default(),
                key: row.facts.first()?.key,
                kind: InboxKind::Refused,
                person: owner,
                by: None,
                at_ms: row.refused_wall_ms,
                title: here.map(|projection| projection.title.clone()).unwrap_or_default(),
                text: Some(row.code),
                read: decided,
                done: decided,
            })
        };
        Ok(rows.into_iter().filter_map(item).collect())
    }

    /// What the office asks about refused and held commands: one item a question.
    async fn returned_items(&self, inner: &Inner, owner: PersonId) -> Result<Vec<InboxItem>> {
        let questions = self.questions_of(inner, owner).await?;
        let item = |asked: Question| {
            let here = inner.list.get(&asked.record).map(|item| &item.projection);
            let answered = asked.answer.is_some();
            InboxItem {
                record: asked.record,
                record_kind: here.map(|projection| projection.kind.clone()).unwrap_or_default(),
                key: asked.key,
                kind: InboxKind::Returned,
                person: owner,
                by: None,
                at_ms: asked.saved_wall_ms,
                title: here.map(|projection| projection.title.clone()).unwrap_or_default(),
                text: Some(asked.text),
                read: answered,
                done: answered,
            }
        };
        Ok(questions.into_iter().map(item).collect())
    }

    /// The day it is at the person's first site, by the server's time as this phone knows it:
    /// `YYYY-MM-DD`.
    pub async fn today(&self) -> Result<String> {
        let inner = self.inner().await?;
        inner.owner()?;
        let zone = inner.reference.policies.values().flatten().last();
        let zone = zone.map_or_else(|| SlaPolicy::default().time_zone, |p| p.time_zone.clone());
        Ok(crate::rules::day_of(Some(self.now_ms(&inner)), &zone).unwrap_or_default())
    }

    /// The rounds of a day (`YYYY-MM-DD`, the site's): those of every plan the phone holds, opened
    /// by anybody yet or not, and unplanned ones whose record was made on it.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn rounds(&self, day: &str) -> Result<Vec<DayRound>> {
        let plans: Vec<RecordId> = {
            let inner = self.inner().await?;
            let month = day.get(..7).unwrap_or_default();
            let plans = inner.list.values().filter(|item| {
                item.projection.kind == patrol::PLAN && item.projection.title == month
            });
            plans.map(|item| item.record).collect()
        };
        let mut rounds: BTreeMap<RecordId, DayRound> = BTreeMap::new();
        let mut zone = String::new();
        for plan in plans {
            let Some(review) = self.review(plan).await? else { continue };
            zone.clone_from(&review.time_zone);
            for planned in planned_rounds(&review, day) {
                let record = planned.record;
                rounds.insert(record, DayRound { record, planned: Some(planned), item: None });
            }
        }
        let inner = self.inner().await?;
        for item in inner.list.values().filter(|item| item.projection.kind == patrol::ROUND) {
            let of_day = item.projection.origin.is_none()
                && crate::rules::day_of(item.projection.created_at_ms, &zone).as_deref()
                    == Some(day);
            match rounds.get_mut(&item.record) {
                Some(round) => round.item = Some(item.clone()),
                None if of_day => {
                    let record = item.record;
                    let item = Some(item.clone());
                    rounds.insert(record, DayRound { record, planned: None, item });
                }
                None => {}
            }
        }
        let starts = |round: &DayRound| round.planned.as_ref().and_then(|p| p.round.starts_at_ms);
        let mut rounds: Vec<DayRound> = rounds.into_values().collect();
        rounds.sort_by_key(|round| (starts(round), round.record));
        Ok(rounds)
    }

    /// Orders, violations and alarms that are open at a place, so that one dead lamp is not twenty
    /// orders; the latest first (R7.19).
    pub async fn open_at(&self, place: &str) -> Result<Vec<ListItem>> {
        let inner = self.inner().await?;
        let place = place.trim();
        let here = inner.list.values().filter(|item| {
            let projection = &item.projection;
            projection.unit.as_deref() == Some(place) && is_open(projection.status)
        });
        let mut items: Vec<ListItem> = here.cloned().collect();
        items.sort_by_key(|item| (std::cmp::Reverse(item.projection.created_at_ms), item.record));
        Ok(items)
    }
}

fn is_open(status: Status) -> bool {
    !matches!(
        status,
        Status::Finished
            | Status::Returned
            | Status::Closed
            | Status::Cancelled
            | Status::Settled
            | Status::Withdrawn
            | Status::Stopped
            | Status::Lapsed
    )
}

impl Inner {
    /// The person, and whoever's role the person holds as a deputy now.
    fn stands_for(&self, owner: PersonId, now_ms: i64) -> BTreeSet<PersonId> {
        let grants = self.reference.grants.iter().filter(|grant| {
            grant.person == owner
                && grant.ended.is_none()
                && grant.from_ms <= now_ms
                && grant.to_ms.is_none_or(|to_ms| now_ms < to_ms)
        });
        grants.filter_map(|grant| grant.on_behalf_of).chain([owner]).collect()
    }
}
