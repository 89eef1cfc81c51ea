//! The cash account of a desk: what came to it and left it in a time, which of it stands in a
//! hand-over, the keys that are out, what the drawers held last. A hand-over is proposed from it.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sync_core::model::hand_over::CashLine;
use sync_core::model::id::{FactKey, PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::model::work_order::PaymentMethod;
use sync_core::rules::cash::{CashEntry, CashKind, Listed, reconcile};

use super::cash_days::{LINES_MAX, key, kind_of};
use super::load::{exact, number};
use crate::Result;

/// The cash of a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// What came in and went out, oldest first.
    pub rows: Vec<CashRow>,
    /// There is more than one answer holds; the sums are of the rows.
    pub more: bool,
    /// Came in, fen.
    pub taken_fen: i64,
    /// Went out, fen.
    pub refunded_fen: i64,
    /// What came in less what went out of what stands in no hand-over, or not as it is; fen.
    pub open_fen: i64,
}

/// Cash of an order that came to the desk or left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashRow {
    /// What the order says.
    pub entry: CashEntry,
    /// The order's unit.
    pub unit: Option<String>,
    /// Whether it stands in a hand-over.
    pub standing: Standing,
    /// The hand-overs that list it: the first two.
    pub hand_overs: Vec<RecordId>,
}

/// Whether cash stands in a hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In exactly one, with its amount.
    Accounted,
    /// In none.
    Unaccounted,
    /// In several, or with another amount.
    Disputed,
}

impl Standing {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accounted => "accounted",
            Self::Unaccounted => "unaccounted",
            Self::Disputed => "disputed",
        }
    }
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

/// What was in a desk's drawer at its last count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCount {
    /// The desk.
    pub desk: String,
    /// The hand-over.
    pub hand_over: RecordId,
    /// Fen.
    pub counted_fen: i64,
    /// When the hand-over was opened.
    pub at_ms: WallMs,
}

/// Cash of one answer.
pub const ROWS_MAX: u64 = 300;
/// Desks of one answer.
const DESKS_MAX: u64 = 50;
/// A desk that counted nothing for so long is none any more.
const COUNT_AGE_MS: i64 = 60 * 86_400_000;

#[derive(sqlx::FromRow)]
struct Cash {
    record: Vec<u8>,
    fact: String,
    kind: String,
    at_ms: i64,
    amount_fen: i64,
    unit: Option<String>,
}

/// The cash that came to a site's desks and left them in `from_ms..to_ms`. Other means of payment
/// are no cash.
///
/// # Errors
/// If the database does not answer.
pub async fn account(
    conn: &mut SqliteConnection,
    site: SiteId,
    (from_ms, to_ms): (WallMs, WallMs),
) -> Result<Account> {
    let rows: Vec<Cash> = sqlx::query_as(
        "select c.record, c.fact, c.kind, c.at_ms, c.amount_fen,
           coalesce(w.unit, p.unit) as unit
         from cash_entry c
           left join work_order w on w.record = c.record
           left join paid_service p on p.record = c.record
         where c.site = ? and c.method = 'cash' and c.at_ms >= ? and c.at_ms < ?
         order by c.at_ms, c.record, c.fact limit ?",
    )
    .bind(site.0)
    .bind(from_ms)
    .bind(to_ms)
    .bind(number(ROWS_MAX + 1))
    .fetch_all(&mut *conn)
    .await?;
    let mut lines = lines(conn, site, (from_ms, to_ms)).await?;
    let mut account = Account { more: rows.len() as u64 > ROWS_MAX, ..Account::default() };
    for row in rows.into_iter().take(usize::try_from(ROWS_MAX).unwrap_or(usize::MAX)) {
        let entry = CashEntry {
            record: RecordId(exact(&row.record)?),
            fact: key(&row.fact)?,
            kind: kind_of(&row.kind)?,
            at_ms: row.at_ms,
            amount_fen: row.amount_fen,
            method: PaymentMethod::Cash,
        };
        let of = (row.record, row.fact, row.kind);
        let listed: Vec<Listed> = lines
            .remove(&of)
            .unwrap_or_default()
            .into_iter()
            .map(|(hand_over, amount_fen)| {
                let line = CashLine { record: entry.record, fact: entry.fact, amount_fen };
                Listed { hand_over, kind: entry.kind, line }
            })
            .collect();
        let reconciled = reconcile(&[entry], &listed);
        let standing = match (reconciled.accounted.is_empty(), reconciled.disputed.is_empty()) {
            (false, _) => Standing::Accounted,
            (_, false) => Standing::Disputed,
            _ => Standing::Unaccounted,
        };
        let sum = match entry.kind {
            CashKind::HandedIn => &mut account.taken_fen,
            CashKind::Refunded => &mut account.refunded_fen,
        };
        *sum = sum.saturating_add(entry.amount_fen);
        if standing != Standing::Accounted {
            let signed = match entry.kind {
                CashKind::HandedIn => entry.amount_fen,
                CashKind::Refunded => entry.amount_fen.saturating_neg(),
            };
            account.open_fen = account.open_fen.saturating_add(signed);
        }
        let hand_overs = listed.iter().map(|line| line.hand_over).collect();
        account.rows.push(CashRow { entry, unit: row.unit, standing, hand_overs });
    }
    Ok(account)
}

/// A line's entry, as the database names it: record, fact and kind.
type Of = (Vec<u8>, String, String);

/// A line of a hand-over: order, fact, kind, hand-over, fen.
type LineRow = (Vec<u8>, String, String, Vec<u8>, i64);

/// What hand-overs say of the cash that [`account`] reads, at most two lines an entry: one is
/// right, two are wrong, and so are more.
async fn lines(
    conn: &mut SqliteConnection,
    site: SiteId,
    (from_ms, to_ms): (WallMs, WallMs),
) -> Result<BTreeMap<Of, Vec<(RecordId, i64)>>> {
    let rows: Vec<LineRow> = sqlx::query_as(
        "with entry as materialized (
           select record, fact, kind from cash_entry
           where site = ? and method = 'cash' and at_ms >= ? and at_ms < ?
           order by at_ms, record, fact limit ?),
         line as (
           select h.record, h.fact, h.kind, h.hand_over, h.amount_fen,
             row_number() over (partition by h.record, h.fact, h.kind order by h.hand_over) as nth
           from entry e join hand_over_cash h
             on h.record = e.record and h.fact = e.fact and h.kind = e.kind)
         select record, fact, kind, hand_over, amount_fen from line where nth <= ?
         order by record, fact, kind, nth",
    )
    .bind(site.0)
    .bind(from_ms)
    .bind(to_ms)
    .bind(number(ROWS_MAX))
    .bind(LINES_MAX)
    .fetch_all(conn)
    .await?;
    let mut lines: BTreeMap<Of, Vec<(RecordId, i64)>> = BTreeMap::new();
    for (record, fact, kind, hand_over, amount_fen) in rows {
        let of = lines.entry((record, fact, kind)).or_default();
        of.push((RecordId(exact(&hand_over)?), amount_fen));
    }
    Ok(lines)
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

/// What each desk of a site counted last, of the hand-overs of the last 60 days, by desk.
///
/// # Errors
/// If the database does not answer.
pub async fn last_counts(
    conn: &mut SqliteConnection,
    site: SiteId,
    now_ms: WallMs,
) -> Result<Vec<LastCount>> {
    // Of the row with the largest time: SQLite's bare columns beside `max`.
    let rows: Vec<(String, Vec<u8>, i64, i64)> = sqlx::query_as(
        "select desk, record, counted_fen, max(created_at_ms) from hand_over
         where site = ? and created_at_ms >= ? and desk is not null and counted_fen is not null
         group by desk order by desk limit ?",
    )
    .bind(site.0)
    .bind(now_ms.saturating_sub(COUNT_AGE_MS))
    .bind(number(DESKS_MAX))
    .fetch_all(conn)
    .await?;
    let count = |(desk, record, counted_fen, at_ms): (String, Vec<u8>, i64, i64)| {
        Ok(LastCount { desk, hand_over: RecordId(exact(&record)?), counted_fen, at_ms })
    };
    rows.into_iter().map(count).collect()
}
