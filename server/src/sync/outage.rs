//! Many callers on one outage: when the order or notice they are attached to is over, the server
//! says so in the record of each of them, once, so that each is called back.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::SqliteConnection;
use sync_core::model::id::RecordId;
use sync_core::model::payload::Payload;
use sync_core::model::reception::{OutageOver, ReceptionFact};
use sync_core::model::time::WallMs;
use sync_core::rules::{Review, outage_over, waits_for};

use super::Shared;
use super::derive::Derived;
use super::load::exact;
use super::office;
use super::people::People;
use crate::Result;

/// Callers who are told in one transaction; a job tells the rest.
const CALLERS_MAX: u32 = 200;

/// What is said of an outage that is over; none while it goes on. Its key in the caller's record
/// comes from the outage alone.
pub fn over(outage: &Review) -> Option<Derived> {
    let at_ms = outage_over(outage)?;
    let content = OutageOver { record: outage.record, at_ms };
    Some(Derived {
        rule: "outage_over",
        cause: outage.record.to_string(),
        at_ms,
        payload: Payload::Reception(ReceptionFact::OutageOver(content)),
        after: Vec::new(),
    })
}

/// What callers are to be told since these records were written: outages that ended, and callers
/// who were attached to one that was over already.
///
/// # Errors
/// If the database does not answer.
pub async fn ends(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    reviews: &[&Review],
    now_ms: WallMs,
) -> Result<BTreeMap<RecordId, Vec<Derived>>> {
    let reviews = || reviews.iter().copied();
    let mut told: BTreeMap<(RecordId, RecordId), Derived> = BTreeMap::new();
    for outage in reviews() {
        let Some(fact) = over(outage) else { continue };
        for caller in callers(conn, outage.record).await? {
            told.insert((caller, outage.record), fact.clone());
        }
    }
    let mut waiting: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
    for caller in reviews() {
        for outage in waits_for(caller) {
            waiting.entry(outage).or_default().insert(caller.record);
        }
    }
    for (outage, callers) in waiting {
        let read = office::read(shared, conn, people, outage, now_ms).await?;
        let Some(fact) = read.as_ref().and_then(|(_, _, review)| over(review)) else { continue };
        told.extend(callers.into_iter().map(|caller| ((caller, outage), fact.clone())));
    }
    let mut wanted: BTreeMap<RecordId, Vec<Derived>> = BTreeMap::new();
    for ((caller, _), fact) in told {
        wanted.entry(caller).or_default().push(fact);
    }
    Ok(wanted)
}

/// Who waits for the end of an outage.
async fn callers(conn: &mut SqliteConnection, outage: RecordId) -> Result<Vec<RecordId>> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("select record from link where target = ? and waits = 1 limit ?")
            .bind(outage.0.to_vec())
            .bind(CALLERS_MAX)
            .fetch_all(&mut *conn)
            .await?;
    rows.iter().map(|record| Ok(RecordId(exact(record)?))).collect()
}

/// Callers, each with an outage that the lists show as over and that nobody told them of.
///
/// # Errors
/// If the database does not answer.
pub async fn untold(conn: &mut SqliteConnection, limit: u32) -> Result<Vec<(RecordId, RecordId)>> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "select l.record, l.target from link l join work_order w on w.record = l.target
         where l.waits = 1 and w.status in ('finished', 'returned', 'closed', 'cancelled')
         union
         select l.record, l.target from link l join record_card c on c.record = l.target
         where l.waits = 1 and c.kind = 'repair_notice' and c.closed_at_ms is not null
         limit ?",
    )
    .bind(limit)
    .fetch_all(&mut *conn)
    .await?;
    let pair = |(record, target): &(Vec<u8>, Vec<u8>)| {
        Ok((RecordId(exact(record)?), RecordId(exact(target)?)))
    };
    rows.iter().map(pair).collect()
}
