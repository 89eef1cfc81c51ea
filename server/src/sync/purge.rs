//! Purging a record: everything that holds content of it goes, in one transaction, and what is left
//! says that it was purged. Whether it may go is `keep`'s answer, asked inside that transaction.
//!
//! The ledger's line comes first and is durable before anything is deleted. A crash after it
//! leaves an entry that the database has not carried out; that is done before anybody is served,
//! before the next purge and by every run of the job. A crash before it leaves nothing.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::audience::Audience;
use sync_core::model::contact;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::protocol::message::{Outcome, RECORD_PURGED};

use super::Shared;
use super::audience::{self, within_site};
use super::decide;
use super::keep::{self, Kept};
use super::ledgered::{self, append, keep_position};
use super::load::{self, Stored, number};
use super::log::{DISCARDED, RowState, Why};
use super::people::People;
use super::receipts::Told;
use super::stops::Stops;
use super::write::{self, Poke};
use crate::ledger::Event;
use crate::people::{Act, audit};
use crate::{Error, Result};

/// Why a record is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurgeWhy {
    /// Its time is over.
    Due,
    /// Somebody asks for a contact to be erased.
    Asked {
        /// Why, in the words of whoever does it; stands in the audit log for ever.
        reason: String,
        /// Also while a record with something left to do names it.
        while_needed: bool,
    },
}

impl PurgeWhy {
    /// A contact may go when its person asks for it; whatever has to stay by the rule book stays
    /// until its time is over.
    fn allows(&self, kept: &Kept, now_ms: WallMs) -> bool {
        match self {
            Self::Due => kept.is_over(now_ms),
            Self::Asked { while_needed, .. } => {
                kept.is_over(now_ms)
                    || (kept.kind == contact::KIND && (kept.needed_by == 0 || *while_needed))
            }
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purged {
    /// It is gone.
    Done,
    /// There is no such record, or it was purged before.
    NotHere,
    /// It has to stay.
    Kept(Kept),
}

/// A purge on its way to the writer.
pub struct PurgeJob {
    /// The record.
    pub record: RecordId,
    /// Why.
    pub why: PurgeWhy,
    /// Whose act it is.
    pub act: Act,
    /// By which policies it is judged.
    pub people: std::sync::Arc<People>,
}

/// Purges a record, if it may go (R5.17).
///
/// # Errors
/// If the ledger or the database cannot be written; the caller rolls back.
pub(super) async fn purge(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: PurgeJob,
) -> Result<(Purged, Vec<Poke>)> {
    let PurgeJob { record, why, act, people } = job;
    let ledger = shared.ledger.clone().ok_or(Error::Broken("a purge without a ledger"))?;
    let mut pokes = Vec::new();
    ledgered::catch_up(shared.hooks.as_ref(), conn, &ledger, act.at_ms, &mut pokes).await?;
    let Some(kept) = keep::kept(shared, conn, &people, record, act.at_ms).await? else {
        return Ok((Purged::NotHere, pokes));
    };
    if !why.allows(&kept, act.at_ms) {
        return Ok((Purged::Kept(kept), pokes));
    }
    let mut stops = Stops::new(shared.hooks.as_ref(), "purge");
    let site = kept.site;
    let sequence = write::raise_sequence(conn, site, 1).await?;
    let places = audience::places(conn, &[record]).await?.remove(&record).unwrap_or_default();
    let audiences = places.iter().map(|place| within_site(place.audience)).collect();
    stops.inside().await?;
    let event = Event::Purged { record, site, at: act.at_ms, sequence, audiences };
    let position = append(&ledger, event.clone()).await?;
    stops.inside().await?;
    pokes.extend(erase(conn, &event, sequence, act.at_ms, &mut stops).await?);
    let mut detail = json!({ "record": record, "kind": kept.kind, "rule": kept.rule,
        "site": site, "ledger": position.n });
    if let PurgeWhy::Asked { reason, .. } = &why {
        detail["rule"] = json!("asked");
        detail["reason"] = json!(reason);
    }
    audit::append(conn, act, "record_purged", &detail).await?;
    keep_position(conn, &position).await?;
    stops.inside().await?;
    Ok((Purged::Done, pokes))
}

/// Purges a record again of which the ledger says that it was purged (R5.18); `None` where this
/// database knows.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn again(
    conn: &mut SqliteConnection,
    event: &Event,
    now_ms: WallMs,
    stops: &mut Stops<'_>,
) -> Result<Option<Vec<Poke>>> {
    let Event::Purged { record, site, sequence, .. } = event else { return Ok(None) };
    if !load::purged(conn, &[*record]).await?.is_empty() {
        return Ok(None);
    }
    let sequence = sequence_from(conn, *site, *sequence).await?;
    Ok(Some(erase(conn, event, sequence, now_ms, stops).await?))
}

/// A sequence above all that were taken, also in the life of which this database is a backup: a
/// phone that has read more than the backup knows must still be told.
async fn sequence_from(conn: &mut SqliteConnection, site: SiteId, least: u64) -> Result<u64> {
    let raised: Option<i64> = sqlx::query_scalar(
        "update site set sequence = max(sequence + 1, ?) where site = ? returning sequence",
    )
    .bind(number(least))
    .bind(site.0)
    .fetch_optional(&mut *conn)
    .await?;
    // A backup from before the site was added: nobody reads it.
    Ok(raised.map_or(least, i64::unsigned_abs))
}

/// Takes everything that holds content of a record out of the database (R5.18).
async fn erase(
    conn: &mut SqliteConnection,
    event: &Event,
    sequence: u64,
    now_ms: WallMs,
    stops: &mut Stops<'_>,
) -> Result<Vec<Poke>> {
    let Event::Purged { record, site, audiences, .. } = event else { return Ok(Vec::new()) };
    let stored = load::records(conn, &[*record]).await?.pop();
    let stored = stored.ok_or(Error::Broken("a record asked for and not answered"))?;
    refuse_held(conn, &stored).await?;
    give_back_quota(conn, &stored, now_ms).await?;
    stops.inside().await?;
    for delete in CONTENT {
        sqlx::query(delete).bind(record.0.to_vec()).execute(&mut *conn).await?;
    }
    stops.inside().await?;
    empty_cases(conn, *record, now_ms).await?;
    sqlx::query(
        "insert into record (record, version, heads, sequence, held, purged_ms, purged_site)
         values (?, 1, x'', ?, 0, ?, ?)
         on conflict (record) do update set site = null, kind = null,
           version = record.version + 1, heads = x'', sequence = excluded.sequence, held = 0,
           purged_ms = excluded.purged_ms, purged_site = excluded.purged_site",
    )
    .bind(record.0.to_vec())
    .bind(number(sequence))
    .bind(now_ms)
    .bind(site.0)
    .execute(&mut *conn)
    .await?;
    stops.inside().await?;
    tell(conn, (*record, *site), audiences, sequence).await
}

/// What holds content of a record: rows that go. Photos and files are so far only announced, in
/// facts that go with `change`; once blobs are stored, those that no other record announces go
/// here too (DESIGN 8).
const CONTENT: [&str; 25] = [
    "delete from change where record = ?",
    "delete from held_pack where record = ?",
    "delete from quarantine where record = ?",
    "delete from work_order where record = ?",
    "delete from contact_card where record = ?",
    "delete from record_card where record = ?",
    "delete from violation where record = ?",
    "delete from patrol_plan where record = ?",
    "delete from patrol_round where record = ?",
    "delete from alarm where record = ?",
    "delete from patrol_day where plan = ?",
    "delete from contact_link where record = ?",
    "delete from contact_link where contact = ?",
    "delete from link where record = ?",
    "delete from record_due where record = ?",
    "delete from record_told where record = ?",
    "delete from paid_service where record = ?",
    "delete from cash_entry where record = ?",
    "delete from hand_over where record = ?",
    "delete from hand_over_cash where record = ?",
    "delete from hand_over_cash where hand_over = ?",
    "delete from open_key where record = ?",
    "delete from cash_unaccounted where record = ?",
    "delete from cash_look where record = ?",
    "delete from signed_strokes where record = ?",
];

/// Whether a purge runs this statement.
#[cfg(test)]
pub(crate) fn erases(delete: &str) -> bool {
    CONTENT.contains(&delete)
}

/// Commands that waited in the record get a last word: the account of their devices adds up, and
/// their phones stop waiting. Of what was discarded the office's reason goes, which may name
/// somebody; all other receipts hold numbers and codes only and stay.
async fn refuse_held(conn: &mut SqliteConnection, stored: &Stored) -> Result<()> {
    let mut news: BTreeMap<(DeviceId, PersonId), BTreeMap<u64, Told>> = BTreeMap::new();
    let refused = |code: &str| Told {
        outcome: Outcome::Refused,
        why: Some(Why::new(code)),
        cases: Vec::new(),
        accepted_at: None,
    };
    let rows = stored.state.rows.iter().filter(|row| row.state == RowState::Held);
    let rows = rows.filter_map(|row| row.author);
    let rows = rows.map(|author| ((author.device, author.person), author.number));
    let packs = stored.held.iter().flat_map(|held| {
        let numbers = held.pack.changes.iter().filter_map(decide::number);
        numbers.map(|number| ((held.device, held.person), number))
    });
    for (whose, number) in rows.chain(packs) {
        news.entry(whose).or_default().insert(number, refused(RECORD_PURGED));
    }
    let discarded = stored.state.rows.iter().filter(|row| {
        row.state == RowState::Refused && row.why.as_ref().is_some_and(|w| w.code == DISCARDED)
    });
    for author in discarded.filter_map(|row| row.author) {
        let whose = (author.device, author.person);
        news.entry(whose).or_default().insert(author.number, refused(DISCARDED));
    }
    let kept: Vec<(u32, u32, i64)> = sqlx::query_as(
        "select q.device, q.person, q.number from quarantine q
           join receipt r on r.device = q.device
             and q.number between r.from_number and r.to_number and r.code = q.decision
         where q.record = ? and q.decision = ?",
    )
    .bind(stored.state.record.0.to_vec())
    .bind(DISCARDED)
    .fetch_all(&mut *conn)
    .await?;
    for (device, person, number) in kept {
        let whose = (DeviceId(device), PersonId(person));
        news.entry(whose).or_default().insert(number.unsigned_abs(), refused(DISCARDED));
    }
    write::tell(conn, news).await
}

/// What was kept of devices' work that nobody accepted counts against them no more.
async fn give_back_quota(
    conn: &mut SqliteConnection,
    stored: &Stored,
    now_ms: WallMs,
) -> Result<()> {
    let mut back: BTreeMap<DeviceId, i64> = BTreeMap::new();
    for row in &stored.state.rows {
        let Some(author) = row.author else { continue };
        *back.entry(author.device).or_default() += number(decide::row_bytes(row));
    }
    for held in &stored.held {
        *back.entry(held.device).or_default() += number(decide::held_bytes(held));
    }
    let kept: Vec<(u32, i64)> = sqlx::query_as(
        "select device, sum(length(bytes)) from quarantine
         where record = ? and decision is null group by device",
    )
    .bind(stored.state.record.0.to_vec())
    .fetch_all(&mut *conn)
    .await?;
    for (device, bytes) in kept {
        *back.entry(DeviceId(device)).or_default() += bytes;
    }
    for (device, bytes) in back {
        if bytes > 0 {
            write::use_quota(conn, device, -bytes, now_ms).await?;
        }
    }
    Ok(())
}

/// The office's cases about the record keep whose commands they were and what was decided when;
/// what anybody wrote about them goes, and nothing is left to decide.
async fn empty_cases(conn: &mut SqliteConnection, record: RecordId, now_ms: WallMs) -> Result<()> {
    sqlx::query(
        "update desk_case_action set reason = ''
         where desk_case in (select id from desk_case where record = ?)",
    )
    .bind(record.0.to_vec())
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "update desk_case set params = null, closed_ms = coalesce(closed_ms, ?) where record = ?",
    )
    .bind(now_ms)
    .bind(record.0.to_vec())
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// Everyone who has or had the record is told that it left, and that it was purged: rows of the
/// feed that stay for 400 days.
async fn tell(
    conn: &mut SqliteConnection,
    (record, site): (RecordId, SiteId),
    audiences: &[String],
    sequence: u64,
) -> Result<Vec<Poke>> {
    let mut pokes = Vec::new();
    for within in audiences {
        let Ok(audience) = format!("site/{site}/{within}").parse::<Audience>() else {
            return Err(Error::Broken("an audience in the ledger is none"));
        };
        sqlx::query(
            "insert into feed (record, site, audience, sequence, entered_sequence, left_sequence)
             values (?1, ?2, ?3, ?4, ?4, ?4) on conflict (record, audience) do nothing",
        )
        .bind(record.0.to_vec())
        .bind(site.0)
        .bind(within)
        .bind(number(sequence))
        .execute(&mut *conn)
        .await?;
        pokes.push(Poke { audience, sequence });
    }
    // Also to those whom it had left before: their phones still hold it.
    sqlx::query(
        "update feed set sequence = ?1, entered_sequence = ?1, left_sequence = ?1
         where record = ?2",
    )
    .bind(number(sequence))
    .bind(record.0.to_vec())
    .execute(&mut *conn)
    .await?;
    Ok(pokes)
}
