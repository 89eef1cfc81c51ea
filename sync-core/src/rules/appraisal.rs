//! What paid services say of each worker (五 4.5.2): orders, ratings, checks, complaints, income. A
//! pure function over reviews, for 有偿服务汇总表 and appraisal.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::kind::Details;
use super::review::Review;
use super::visit::{Visit, VisitState};
use crate::model::complaint::Validity;
use crate::model::id::{FactKey, PersonId, RecordId};
use crate::model::paid_service;
use crate::model::time::WallMs;

/// One worker's paid services in a period.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Appraisal {
    /// Orders with a visit of this worker.
    pub orders: u32,
    /// Finished visits.
    pub finished: u32,
    /// Signed visits: those with ratings.
    pub rated: u32,
    /// Sums of the ratings, each 1 to 5 a visit.
    pub ratings: RatingSums,
    /// Visits a supervisor checked.
    pub checked: u32,
    /// Sum of the checks' quality.
    pub quality: u64,
    /// Sum of the checks' satisfaction.
    pub satisfaction: u64,
    /// Complaints about this worker.
    pub complaints: u32,
    /// Charged less paid back, fen.
    pub income_fen: i64,
}

/// Sums of the customers' ratings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RatingSums {
    /// 服务质量
    pub quality: u64,
    /// 服务态度
    pub attitude: u64,
    /// 行为
    pub conduct: u64,
}

/// Every worker with a paid service begun, or a complaint opened, in `from_ms..to_ms`. A helper's
/// part counts as an order and nothing else; the same record counts once (R6.9).
pub fn appraisal<'a>(
    reviews: impl IntoIterator<Item = &'a Review>,
    from_ms: WallMs,
    to_ms: WallMs,
) -> BTreeMap<PersonId, Appraisal> {
    let mut rows: BTreeMap<PersonId, Appraisal> = BTreeMap::new();
    let mut seen: BTreeSet<RecordId> = BTreeSet::new();
    for review in reviews {
        if !seen.insert(review.record) {
            continue;
        }
        if review.kind == paid_service::KIND {
            service(review, from_ms..to_ms, &mut rows);
        } else if let Some(Details::Complaint(complaint)) = &review.details {
            // Whoever seeks help or lets off steam complains of nobody's work (二 4.2.4).
            if complaint.validity.is_some_and(|validity| validity != Validity::Valid) {
                continue;
            }
            let opened = review.timeline.iter().find(|entry| entry.fact_type == "created");
            let inside = opened.is_some_and(|entry| (from_ms..to_ms).contains(&entry.at_ms));
            let about = review.fields.get("about").and_then(|field| field.value.as_u64());
            let about = about.and_then(|number| u32::try_from(number).ok()).map(PersonId);
            if let Some(person) = about.filter(|_| inside) {
                rows.entry(person).or_default().complaints += 1;
            }
        }
    }
    rows
}

fn service(
    review: &Review,
    period: std::ops::Range<WallMs>,
    rows: &mut BTreeMap<PersonId, Appraisal>,
) {
    let visits = review.visits.iter().filter(|visit| period.contains(&visit.from_ms));
    let mut people: BTreeSet<PersonId> = BTreeSet::new();
    for visit in visits {
        people.extend(visit.person.into_iter().chain(visit.helpers.iter().copied()));
        let Some(person) = visit.person else { continue };
        let row = rows.entry(person).or_default();
        of_visit(review, visit, row);
    }
    for person in people {
        rows.entry(person).or_default().orders += 1;
    }
}

fn of_visit(review: &Review, visit: &Visit, row: &mut Appraisal) {
    row.finished += u32::from(visit.state == VisitState::Finished);
    if let Some(ratings) = visit.ratings {
        row.rated += 1;
        row.ratings.quality += u64::from(ratings.quality);
        row.ratings.attitude += u64::from(ratings.attitude);
        row.ratings.conduct += u64::from(ratings.conduct);
    }
    // The last check is what the supervisor found in the end.
    if let Some(Details::PaidService(service)) = &review.details
        && let Some(check) = service.checks.iter().rev().find(|check| check.visit == visit.visit)
    {
        row.checked += 1;
        row.quality += u64::from(check.quality);
        row.satisfaction += u64::from(check.satisfaction);
    }
    row.income_fen = row.income_fen.saturating_add(income_fen(review, visit.visit));
}

fn income_fen(review: &Review, visit: FactKey) -> i64 {
    let charges = review.money.charges.iter().filter(|charge| charge.visit == visit);
    charges.fold(0, |sum: i64, charge| {
        sum.saturating_add(charge.amount_fen).saturating_sub(charge.refunded_fen)
    })
}
