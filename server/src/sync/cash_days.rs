//! The day's end: cash that came to the desk and stands in no hand-over, or not as it is, becomes
//! one desk case a site and day. It is closed when everything is accounted for, and opens again
//! when later facts change the cash that it was closed on. Only what changed is looked at.

use std::collections::BTreeSet;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;
use sync_core::model::hand_over::CashLine;
use sync_core::model::id::{FactKey, RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::model::work_order::PaymentMethod;
use sync_core::rules;
use sync_core::rules::cash::{CashEntry, CashKind, Listed, reconcile};

use super::load::exact;
use crate::{Error, Result};

/// The kind of the desk case.
pub const CASH_UNACCOUNTED: &str = "cash_unaccounted";
/// Cash that is looked at in one transaction; the rest follows at once.
pub const LOOKED_MAX: u32 = 200;
/// Lines of hand-overs that are read of one entry: one is right, two are wrong, and so are more.
pub(super) const LINES_MAX: i64 = 2;

/// Characters of [`which`].
const WHICH_CHARACTERS: usize = 16;

/// What an end of days came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Entries that were looked at.
    pub looked: u32,
    /// A case was opened, opened again, closed, or says something else.
    pub changed: bool,
}

/// Whether [`end`] has anything to do at a site whose day began at `today_ms`.
///
/// # Errors
/// If the database does not answer.
pub async fn has_ended(
    conn: &mut SqliteConnection,
    site: SiteId,
    today_ms: WallMs,
) -> Result<bool> {
    Ok(sqlx::query_scalar("select exists(select 1 from cash_look where site = ? and at_ms < ?)")
        .bind(site.0)
        .bind(today_ms)
        .fetch_one(conn)
        .await?)
}

/// Looks at the cash of days that are over which changed since, each once. The caller's transaction
/// holds the write lock. R1.16, R1.21.
///
/// # Errors
/// If the database does not answer.
pub async fn end(
    conn: &mut SqliteConnection,
    (site, zone): (SiteId, &str),
    (today_ms, now_ms): (WallMs, WallMs),
) -> Result<Ended> {
    let looked = looked(conn, site, today_ms).await?;
    let mut cases = BTreeSet::new();
    for one in &looked {
        let is_open = match one.entry()? {
            None => false,
            Some(entry) => !stands(conn, entry).await?,
        };
        let known: Option<i64> = sqlx::query_scalar(
            "update cash_unaccounted set is_open = ? where record = ? and fact = ?
             returning desk_case",
        )
        .bind(is_open)
        .bind(&one.record)
        .bind(&one.fact)
        .fetch_optional(&mut *conn)
        .await?;
        match known {
            Some(case) => {
                cases.insert(case);
            }
            None if is_open => {
                let day = day_of(one.at_ms, zone);
                let case = case_of_day(conn, site, &day, now_ms).await?;
                list(conn, one, (case, &day)).await?;
                cases.insert(case);
            }
            // Its day may have been left unsettled because this was still to be looked at.
            None => cases.extend(known_case(conn, site, &day_of(one.at_ms, zone)).await?),
        }
        sqlx::query("delete from cash_look where record = ? and fact = ?")
            .bind(&one.record)
            .bind(&one.fact)
            .execute(&mut *conn)
            .await?;
    }
    let mut ended = Ended { looked: looked.len().try_into().unwrap_or(u32::MAX), changed: false };
    if let Some(at_ms) = left(conn, site, today_ms).await? {
        // Settled on half a day it would open and close for nothing.
        if let Some(case) = known_case(conn, site, &day_of(at_ms, zone)).await? {
            cases.remove(&case);
        }
    }
    for case in cases {
        ended.changed |= settle(conn, case, now_ms).await?;
    }
    Ok(ended)
}

/// The day of a moment; a clock beyond every calendar has none.
fn day_of(at_ms: WallMs, zone: &str) -> String {
    rules::day_of(Some(at_ms), zone).unwrap_or_else(|| "-".to_owned())
}

/// When the first entry was that is still to be looked at: what is looked at is in this order, so
/// that all days before are looked at whole.
async fn left(
    conn: &mut SqliteConnection,
    site: SiteId,
    today_ms: WallMs,
) -> Result<Option<WallMs>> {
    Ok(sqlx::query_scalar("select min(at_ms) from cash_look where site = ? and at_ms < ?")
        .bind(site.0)
        .bind(today_ms)
        .fetch_one(conn)
        .await?)
}

/// An entry to look at; of one that is no more only its key and time.
#[derive(sqlx::FromRow)]
struct Look {
    record: Vec<u8>,
    fact: String,
    at_ms: i64,
    kind: Option<String>,
    amount_fen: Option<i64>,
}

impl Look {
    fn entry(&self) -> Result<Option<CashEntry>> {
        let (Some(kind), Some(amount_fen)) = (&self.kind, self.amount_fen) else { return Ok(None) };
        Ok(Some(CashEntry {
            record: RecordId(exact(&self.record)?),
            fact: key(&self.fact)?,
            kind: kind_of(kind)?,
            at_ms: self.at_ms,
            amount_fen,
            // Only cash is read: other means of payment are in no drawer.
            method: PaymentMethod::Cash,
        }))
    }
}

pub(super) fn key(text: &str) -> Result<FactKey> {
    text.parse().map_err(|_| Error::Broken("a fact's key in the database is none"))
}

pub(super) fn kind_of(code: &str) -> Result<CashKind> {
    let kinds = [CashKind::HandedIn, CashKind::Refunded];
    let kind = kinds.into_iter().find(|kind| kind.code() == code);
    kind.ok_or(Error::Broken("a kind of cash in the database is none"))
}

/// What [`end`] looks at, oldest first.
pub(crate) const LOOKED: &str = "select l.record, l.fact, l.at_ms, c.kind, c.amount_fen
     from cash_look l left join cash_entry c
       on c.record = l.record and c.fact = l.fact and c.method = 'cash'
     where l.site = ? and l.at_ms < ? order by l.at_ms, l.record, l.fact limit ?";

async fn looked(conn: &mut SqliteConnection, site: SiteId, today_ms: WallMs) -> Result<Vec<Look>> {
    let rows = sqlx::query_as(LOOKED).bind(site.0).bind(today_ms).bind(LOOKED_MAX);
    Ok(rows.fetch_all(conn).await?)
}

/// Whether an entry stands in exactly one hand-over, with its amount.
async fn stands(conn: &mut SqliteConnection, entry: CashEntry) -> Result<bool> {
    let listed = lines(conn, &entry).await?;
    Ok(!reconcile(&[entry], &listed).accounted.is_empty())
}

/// The lines that name an entry.
async fn lines(conn: &mut SqliteConnection, entry: &CashEntry) -> Result<Vec<Listed>> {
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "select hand_over, amount_fen from hand_over_cash
         where record = ? and fact = ? and kind = ? order by hand_over limit ?",
    )
    .bind(entry.record.0.to_vec())
    .bind(entry.fact.to_string())
    .bind(entry.kind.code())
    .bind(LINES_MAX)
    .fetch_all(conn)
    .await?;
    let line = |(hand_over, amount_fen): (Vec<u8>, i64)| {
        let line = CashLine { record: entry.record, fact: entry.fact, amount_fen };
        Ok(Listed { hand_over: RecordId(exact(&hand_over)?), kind: entry.kind, line })
    };
    rows.into_iter().map(line).collect()
}

async fn known_case(conn: &mut SqliteConnection, site: SiteId, day: &str) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar("select desk_case from cash_day where site = ? and day = ?")
        .bind(site.0)
        .bind(day)
        .fetch_optional(conn)
        .await?)
}

async fn case_of_day(
    conn: &mut SqliteConnection,
    site: SiteId,
    day: &str,
    now_ms: WallMs,
) -> Result<i64> {
    if let Some(case) = known_case(conn, site, day).await? {
        return Ok(case);
    }
    let case = sqlx::query_scalar(
        "insert into desk_case (site, kind, person, device, from_number, to_number, opened_ms)
         values (?, ?, 0, 0, 0, 0, ?) returning id",
    )
    .bind(site.0)
    .bind(CASH_UNACCOUNTED)
    .bind(now_ms)
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query("insert into cash_day (site, day, desk_case) values (?, ?, ?)")
        .bind(site.0)
        .bind(day)
        .bind(case)
        .execute(&mut *conn)
        .await?;
    Ok(case)
}

async fn list(conn: &mut SqliteConnection, one: &Look, (case, day): (i64, &str)) -> Result<()> {
    sqlx::query(
        "insert into cash_unaccounted (record, fact, desk_case, day, is_open)
         values (?, ?, ?, ?, true)",
    )
    .bind(&one.record)
    .bind(&one.fact)
    .bind(case)
    .bind(day)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// What a case's cash comes to now, as its parameters say it, and how many entries that is.
async fn sum(conn: &mut SqliteConnection, case: i64) -> Result<(String, i64)> {
    let (day, count, taken_fen, refunded_fen): (Option<String>, i64, i64, i64) = sqlx::query_as(
        "select min(u.day), count(*),
           cast(coalesce(sum(case when c.kind = 'handed_in' then c.amount_fen else 0 end), 0)
             as integer),
           cast(coalesce(sum(case when c.kind = 'refunded' then c.amount_fen else 0 end), 0)
             as integer)
         from cash_unaccounted u join cash_entry c on c.record = u.record and c.fact = u.fact
         where u.desk_case = ? and u.is_open",
    )
    .bind(case)
    .fetch_one(&mut *conn)
    .await?;
    let params = json!({
        "day": day.unwrap_or_default(), "entries": count, "of": which(conn, case).await?,
        "refunded_fen": refunded_fen, "taken_fen": taken_fen,
    });
    Ok((params.to_string(), count))
}

/// Which cash a case is of, in a few characters: other cash may come to the same sum, and no word
/// was given on it.
async fn which(conn: &mut SqliteConnection, case: i64) -> Result<String> {
    let keys: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "select record, fact from cash_unaccounted where desk_case = ? and is_open
         order by record, fact",
    )
    .bind(case)
    .fetch_all(conn)
    .await?;
    let mut hash = Sha256::new();
    for (record, fact) in keys {
        hash.update(record);
        hash.update(fact);
        hash.update([0]);
    }
    let mut text = data_encoding::HEXLOWER.encode(&hash.finalize());
    text.truncate(WHICH_CHARACTERS);
    Ok(text)
}

/// Closes a case of which nothing is left, opens one again whose cash is other than it was closed
/// on, and lets an open one say its sum; says whether anything changed.
async fn settle(conn: &mut SqliteConnection, case: i64, now_ms: WallMs) -> Result<bool> {
    let (params, entries) = sum(conn, case).await?;
    let (closed_ms, told, word): (Option<i64>, Option<String>, Option<String>) = sqlx::query_as(
        "select closed_ms, params, (select action from desk_case_action
           where desk_case = d.id order by id desc limit 1)
         from desk_case d where id = ?",
    )
    .bind(case)
    .fetch_one(&mut *conn)
    .await?;
    let same = told.as_deref() == Some(params.as_str());
    match (closed_ms.is_some(), entries) {
        (false, 0) => {
            close(conn, case, now_ms).await?;
            act(conn, case, "settled", now_ms).await?;
        }
        // Nothing is left, by a later hand-over; it was closed before.
        (true, 0) => return Ok(false),
        (false, _) if same => return Ok(false),
        // Closed by a word on this very cash.
        (true, _) if same && word.as_deref() != Some("settled") => return Ok(false),
        (is_closed, _) => {
            sqlx::query("update desk_case set params = ?, closed_ms = null where id = ?")
                .bind(&params)
                .bind(case)
                .execute(&mut *conn)
                .await?;
            if is_closed {
                act(conn, case, "reopened", now_ms).await?;
            }
        }
    }
    Ok(true)
}

async fn close(conn: &mut SqliteConnection, case: i64, now_ms: WallMs) -> Result<()> {
    sqlx::query("update desk_case set closed_ms = ? where id = ?")
        .bind(now_ms)
        .bind(case)
        .execute(conn)
        .await?;
    Ok(())
}

/// By nobody: the hand-over, or the cash, says it.
async fn act(
    conn: &mut SqliteConnection,
    case: i64,
    action: &'static str,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query(
        "insert into desk_case_action (desk_case, at_ms, person, action, reason)
         values (?, ?, 0, ?, '')",
    )
    .bind(case)
    .bind(now_ms)
    .bind(action)
    .execute(conn)
    .await?;
    Ok(())
}
