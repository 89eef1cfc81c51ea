//! What a hand-over is proposed from: the cash of a shift, the keys that are out, what the drawer
//! held last; and the cash that stands in no hand-over at the day's end.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::{FactKey, PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::rules;

use super::load::{exact, number};
use crate::{Error, Result};

/// Money of an order that came to the desk or left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashRow {
    /// The order.
    pub record: RecordId,
    /// Its fact.
    pub fact: FactKey,
    /// `handed_in`, `refunded`.
    pub kind: String,
    /// When.
    pub at_ms: WallMs,
    /// Fen.
    pub amount_fen: i64,
    /// The order's unit.
    pub unit: Option<String>,
}

/// A customer's key that somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The order.
    pub record: RecordId,
    /// The visit.
    pub visit: FactKey,
    /// The fact that received it.
    pub received: FactKey,
    /// Who has it.
    pub holder: Option<PersonId>,
    /// Since when.
    pub since_ms: WallMs,
    /// A door was opened with it.
    pub used: bool,
    /// The order's unit.
    pub unit: Option<String>,
}

/// Rows of one answer.
const ROWS_MAX: u64 = 300;

#[derive(sqlx::FromRow)]
struct Cash {
    record: Vec<u8>,
    fact: String,
    kind: String,
    at_ms: i64,
    amount_fen: i64,
    unit: Option<String>,
}

impl Cash {
    fn row(self) -> Result<CashRow> {
        Ok(CashRow {
            record: RecordId(exact(&self.record)?),
            fact: key(&self.fact)?,
            kind: self.kind,
            at_ms: self.at_ms,
            amount_fen: self.amount_fen,
            unit: self.unit,
        })
    }
}

#[derive(sqlx::FromRow)]
struct Key {
    record: Vec<u8>,
    visit: String,
    received: String,
    holder: Option<u32>,
    since_ms: i64,
    used: bool,
    unit: Option<String>,
}

fn key(text: &str) -> Result<FactKey> {
    text.parse().map_err(|_| Error::Broken("a fact's key in the database is none"))
}

/// The cash of a shift: what came to the desk and left it in `from_ms..to_ms` and stands in no
/// other hand-over than `hand_over`, oldest first. Other means of payment are no cash.
///
/// # Errors
/// If the database does not answer.
pub async fn of_shift(
    conn: &mut SqliteConnection,
    site: SiteId,
    (from_ms, to_ms): (WallMs, WallMs),
    hand_over: Option<RecordId>,
) -> Result<Vec<CashRow>> {
    let rows: Vec<Cash> = sqlx::query_as(
        "select c.record, c.fact, c.kind, c.at_ms, c.amount_fen,
           coalesce(w.unit, p.unit) as unit
         from cash_entry c
           left join work_order w on w.record = c.record
           left join paid_service p on p.record = c.record
         where c.site = ? and c.method = 'cash' and c.at_ms >= ? and c.at_ms < ?
           and not exists (select 1 from hand_over_cash h
             where h.record = c.record and h.fact = c.fact and h.kind = c.kind
               and h.hand_over <> ?)
         order by c.at_ms, c.record, c.fact limit ?",
    )
    .bind(site.0)
    .bind(from_ms)
    .bind(to_ms)
    .bind(hand_over.map_or_else(Vec::new, |record| record.0.to_vec()))
    .bind(number(ROWS_MAX))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Cash::row).collect()
}

/// The keys of a site that were received and not returned, oldest first.
///
/// # Errors
/// If the database does not answer.
pub async fn open_keys(conn: &mut SqliteConnection, site: SiteId) -> Result<Vec<KeyRow>> {
    let rows: Vec<Key> = sqlx::query_as(
        "select k.record, k.visit, k.received, k.holder, k.since_ms, k.used,
           coalesce(w.unit, p.unit) as unit
         from open_key k
           left join work_order w on w.record = k.record
           left join paid_service p on p.record = k.record
         where k.site = ? order by k.since_ms, k.record, k.received limit ?",
    )
    .bind(site.0)
    .bind(number(ROWS_MAX))
    .fetch_all(conn)
    .await?;
    let row = |row: Key| {
        Ok(KeyRow {
            record: RecordId(exact(&row.record)?),
            visit: key(&row.visit)?,
            received: key(&row.received)?,
            holder: row.holder.map(PersonId),
            since_ms: row.since_ms,
            used: row.used,
            unit: row.unit,
        })
    };
    rows.into_iter().map(row).collect()
}

/// What was in a desk's drawer at its last hand-over, fen.
///
/// # Errors
/// If the database does not answer.
pub async fn last_counted_fen(
    conn: &mut SqliteConnection,
    site: SiteId,
    desk: &str,
) -> Result<Option<i64>> {
    let counted = sqlx::query_scalar(
        "select counted_fen from hand_over
         where site = ? and desk = ? and counted_fen is not null
         order by created_at_ms desc, record desc limit 1",
    )
    .bind(site.0)
    .bind(desk)
    .fetch_optional(conn)
    .await?;
    Ok(counted)
}

/// Tells of the cash of days that are over which stands in no hand-over: one open desk case a site
/// and day, each entry in one case, once. A case all of whose cash stands in hand-overs by now is
/// closed. Says whether anything changed; the caller's transaction holds the write lock.
///
/// # Errors
/// If the database does not answer.
pub async fn end_days(
    conn: &mut SqliteConnection,
    site: SiteId,
    zone: &str,
    (today_ms, now_ms): (WallMs, WallMs),
) -> Result<bool> {
    let new = unlisted(conn, site, today_ms).await?;
    let mut days: BTreeMap<String, Vec<CashRow>> = BTreeMap::new();
    for row in new {
        // A clock beyond every calendar has no day.
        let day = rules::day_of(Some(row.at_ms), zone).unwrap_or_else(|| "-".to_owned());
        days.entry(day).or_default().push(row);
    }
    let mut changed = !days.is_empty();
    for (day, rows) in days {
        tell(conn, site, (&day, &rows), now_ms).await?;
    }
    changed |= settle(conn, site, now_ms).await?;
    Ok(changed)
}

/// Whether [`end_days`] has anything to do.
///
/// # Errors
/// If the database does not answer.
pub async fn has_ended(
    conn: &mut SqliteConnection,
    site: SiteId,
    today_ms: WallMs,
) -> Result<bool> {
    let new = !unlisted(conn, site, today_ms).await?.is_empty();
    Ok(new || !settled(conn, site).await?.is_empty())
}

/// Cash of before `today_ms` that no hand-over lists and nobody was told of.
async fn unlisted(
    conn: &mut SqliteConnection,
    site: SiteId,
    today_ms: WallMs,
) -> Result<Vec<CashRow>> {
    let rows: Vec<Cash> = sqlx::query_as(
        "select c.record, c.fact, c.kind, c.at_ms, c.amount_fen, null as unit
         from cash_entry c
         where c.site = ? and c.method = 'cash' and c.at_ms < ?
           and not exists (select 1 from hand_over_cash h
             where h.record = c.record and h.fact = c.fact and h.kind = c.kind)
           and not exists (select 1 from cash_unaccounted u
             where u.record = c.record and u.fact = c.fact)
         order by c.at_ms, c.record, c.fact limit ?",
    )
    .bind(site.0)
    .bind(today_ms)
    .bind(number(ROWS_MAX))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Cash::row).collect()
}

async fn tell(
    conn: &mut SqliteConnection,
    site: SiteId,
    (day, rows): (&str, &[CashRow]),
    now_ms: WallMs,
) -> Result<()> {
    let open: Option<i64> = sqlx::query_scalar(
        "select d.id from desk_case d join cash_unaccounted u on u.desk_case = d.id
         where d.site = ? and u.day = ? and d.closed_ms is null order by d.id limit 1",
    )
    .bind(site.0)
    .bind(day)
    .fetch_optional(&mut *conn)
    .await?;
    let case: i64 = match open {
        Some(case) => case,
        None => {
            sqlx::query_scalar(
                "insert into desk_case (site, kind, person, device, from_number, to_number,
                   opened_ms)
                 values (?, 'cash_unaccounted', 0, 0, 0, 0, ?) returning id",
            )
            .bind(site.0)
            .bind(now_ms)
            .fetch_one(&mut *conn)
            .await?
        }
    };
    for row in rows {
        sqlx::query(
            "insert into cash_unaccounted (record, fact, desk_case, day) values (?, ?, ?, ?)",
        )
        .bind(row.record.0.to_vec())
        .bind(row.fact.to_string())
        .bind(case)
        .bind(day)
        .execute(&mut *conn)
        .await?;
    }
    let (count, taken_fen, paid_fen): (i64, i64, i64) = sqlx::query_as(
        "select count(*),
           cast(coalesce(sum(case when c.kind = 'handed_in' then c.amount_fen else 0 end), 0)
             as integer),
           cast(coalesce(sum(case when c.kind = 'refunded' then c.amount_fen else 0 end), 0)
             as integer)
         from cash_unaccounted u join cash_entry c on c.record = u.record and c.fact = u.fact
         where u.desk_case = ?",
    )
    .bind(case)
    .fetch_one(&mut *conn)
    .await?;
    let params =
        json!({ "day": day, "entries": count, "refunded_fen": paid_fen, "taken_fen": taken_fen });
    sqlx::query("update desk_case set params = ? where id = ?")
        .bind(params.to_string())
        .bind(case)
        .execute(&mut *conn)
        .await?;
    Ok(())
}

/// Open cases all of whose cash stands in hand-overs by now.
async fn settled(conn: &mut SqliteConnection, site: SiteId) -> Result<Vec<i64>> {
    Ok(sqlx::query_scalar(
        "select d.id from desk_case d
         where d.site = ? and d.kind = 'cash_unaccounted' and d.closed_ms is null
           and not exists (select 1 from cash_unaccounted u
             join cash_entry c on c.record = u.record and c.fact = u.fact
             where u.desk_case = d.id and not exists (select 1 from hand_over_cash h
               where h.record = c.record and h.fact = c.fact and h.kind = c.kind))
         order by d.id",
    )
    .bind(site.0)
    .fetch_all(conn)
    .await?)
}

async fn settle(conn: &mut SqliteConnection, site: SiteId, now_ms: WallMs) -> Result<bool> {
    let cases = settled(conn, site).await?;
    for case in &cases {
        sqlx::query("update desk_case set closed_ms = ? where id = ?")
            .bind(now_ms)
            .bind(case)
            .execute(&mut *conn)
            .await?;
        // By nobody: the hand-over says it.
        sqlx::query(
            "insert into desk_case_action (desk_case, at_ms, person, action, reason)
             values (?, ?, 0, 'settled', '')",
        )
        .bind(case)
        .bind(now_ms)
        .execute(&mut *conn)
        .await?;
    }
    Ok(!cases.is_empty())
}
