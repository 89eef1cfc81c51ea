//! Complaints that are raised again: the newer one names the latest earlier one of its unit and
//! subject, and how often it has been raised (二 4.2.1a).

use sqlx::SqliteConnection;
use sync_core::model::complaint::{self, ComplaintFact, RepeatOf};
use sync_core::model::fact::Fact;
use sync_core::model::id::{FactKey, RecordId};
use sync_core::model::payload::Payload;
use sync_core::model::policy::SlaPolicy;
use sync_core::rules::{Details, Follow, Review};

use super::load::exact;
use super::people::People;
use crate::Result;

const DAY_MS: i64 = 86_400_000;

/// Whether it may be one that was raised before: it names a unit, and no earlier one yet.
pub(super) fn may_repeat(review: &Review) -> bool {
    let first = match &review.details {
        Some(Details::Complaint(complaint)) => complaint.repeat_of.is_none(),
        _ => false,
    };
    first && review.text("unit").is_some_and(|unit| !unit.is_empty())
}

/// What links a complaint to an earlier one, if there is any.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn repeat_of(
    conn: &mut SqliteConnection,
    people: &People,
    review: &Review,
) -> Result<Option<Fact>> {
    let (Some(site), Some(unit), Some(subject)) =
        (review.site, review.text("unit"), review.text("subject"))
    else {
        return Ok(None);
    };
    let opened = review.timeline.iter().find(|entry| entry.fact_type == "created");
    let Some(opened) = opened else { return Ok(None) };
    let policies = people.policies.get(&site).map_or(&[][..], Vec::as_slice);
    let policy = policies.iter().find(|policy| policy.version == review.policy_version);
    let days = policy
        .map_or(SlaPolicy::default().complaint_repeat_days, |policy| policy.complaint_repeat_days);
    let since_ms = opened.at_ms.saturating_sub(i64::from(days).saturating_mul(DAY_MS));
    let earlier: Option<(Vec<u8>, i64)> = sqlx::query_as(
        "select record, count(*) over () from record_card
         where site = ? and unit = ? and kind = ? and subject = ? and created_at_ms >= ?
           and (created_at_ms, record) < (?, ?)
         order by created_at_ms desc, record desc limit 1",
    )
    .bind(site.0)
    .bind(unit)
    .bind(complaint::KIND)
    .bind(subject)
    .bind(since_ms)
    .bind(opened.at_ms)
    .bind(review.record.0.to_vec())
    .fetch_optional(&mut *conn)
    .await?;
    let Some((earlier, count)) = earlier else { return Ok(None) };
    let earlier = RecordId(exact(&earlier)?);
    let times = u32::try_from(count.saturating_add(1)).unwrap_or(u32::MAX);
    let follow = Follow {
        rule: "repeat_of",
        cause: earlier.to_string(),
        at_ms: opened.at_ms,
        payload: Payload::Complaint(ComplaintFact::RepeatOf(RepeatOf {
            complaint: earlier,
            times,
        })),
        after: vec![opened.key],
    };
    let fact = follow.fact(review.record);
    let known = |key: FactKey| review.timeline.iter().any(|entry| entry.key == key);
    Ok(Some(fact).filter(|fact| !known(fact.key)))
}
