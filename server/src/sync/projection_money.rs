//! The projections of paid services, hand-overs, keys and cash.

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::hand_over::{self, CashLine};
use sync_core::model::id::{FactKey, RecordId, SiteId};
use sync_core::model::paid_service;
use sync_core::rules::cash::{CashKind, cash_entries};
use sync_core::rules::{self, Details, Projection, Review, open_keys};

use super::cash_days;
use super::load::{exact, list};
use super::rows::pieces;
use crate::Result;

/// Writes what of these records is money, keys or a shift. Of a record only its own rows are
/// there: those of before are gone.
///
/// # Errors
/// If the database does not answer.
pub async fn write(conn: &mut SqliteConnection, reviews: &[(SiteId, &Review)]) -> Result<()> {
    let of = |wanted: &str| -> Vec<(SiteId, &Review)> {
        reviews.iter().filter(|(_, review)| review.kind == wanted).copied().collect()
    };
    let orders: Vec<(SiteId, &Review)> =
        reviews.iter().filter(|(_, review)| !review.visits.is_empty()).copied().collect();
    write_cash(conn, &orders).await?;
    write_keys(conn, &orders).await?;
    write_services(conn, &of(paid_service::KIND)).await?;
    write_hand_overs(conn, &of(hand_over::KIND)).await
}

async fn forget(
    conn: &mut SqliteConnection,
    statement: &'static str,
    reviews: &[(SiteId, &Review)],
) -> Result<()> {
    for piece in pieces(reviews) {
        let mut query = QueryBuilder::<Sqlite>::new(statement);
        list(&mut query, piece.iter().map(|(_, review)| review.record.0.to_vec()));
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// The cash of orders whose cash changed, and what the day's end has to look at: few facts of an
/// order are money.
async fn write_cash(conn: &mut SqliteConnection, orders: &[(SiteId, &Review)]) -> Result<()> {
    let before = cash_before(conn, orders).await?;
    let of_site = |(site, review): &(SiteId, &Review)| {
        let site = site.0;
        cash_entries(review).into_iter().map(move |entry| CashCells {
            record: entry.record.0.to_vec(),
            fact: entry.fact.to_string(),
            site,
            kind: entry.kind.code().to_owned(),
            at_ms: entry.at_ms,
            amount_fen: entry.amount_fen,
            method: entry.method.code().to_owned(),
        })
    };
    let now: BTreeSet<CashCells> = orders.iter().flat_map(of_site).collect();
    for gone in before.difference(&now) {
        sqlx::query("delete from cash_entry where record = ? and fact = ?")
            .bind(&gone.record)
            .bind(&gone.fact)
            .execute(&mut *conn)
            .await?;
    }
    let new: Vec<&CashCells> = now.difference(&before).collect();
    for piece in pieces(&new) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into cash_entry (record, fact, site, kind, at_ms, amount_fen, method) ",
        );
        query.push_values(piece, |mut row, entry| {
            row.push_bind(&entry.record)
                .push_bind(&entry.fact)
                .push_bind(entry.site)
                .push_bind(&entry.kind)
                .push_bind(entry.at_ms)
                .push_bind(entry.amount_fen)
                .push_bind(&entry.method);
        });
        query.build().execute(&mut *conn).await?;
    }
    let changed: Vec<&CashCells> = before.symmetric_difference(&now).collect();
    for piece in pieces(&changed) {
        let mut query =
            QueryBuilder::<Sqlite>::new("insert into cash_look (record, fact, site, at_ms) ");
        query.push_values(piece, |mut row, entry| {
            row.push_bind(&entry.record)
                .push_bind(&entry.fact)
                .push_bind(entry.site)
                .push_bind(entry.at_ms);
        });
        query.push(" on conflict (record, fact) do update set at_ms = excluded.at_ms");
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// A row of `cash_entry`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
struct CashCells {
    record: Vec<u8>,
    fact: String,
    site: u32,
    kind: String,
    at_ms: i64,
    amount_fen: i64,
    method: String,
}

async fn cash_before(
    conn: &mut SqliteConnection,
    orders: &[(SiteId, &Review)],
) -> Result<BTreeSet<CashCells>> {
    let mut before = BTreeSet::new();
    for piece in pieces(orders) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select record, fact, site, kind, at_ms, amount_fen, method from cash_entry
             where record in ",
        );
        list(&mut query, piece.iter().map(|(_, review)| review.record.0.to_vec()));
        let rows: Vec<CashCells> = query.build_query_as().fetch_all(&mut *conn).await?;
        before.extend(rows);
    }
    Ok(before)
}

async fn write_keys(conn: &mut SqliteConnection, orders: &[(SiteId, &Review)]) -> Result<()> {
    forget(conn, "delete from open_key where record in ", orders).await?;
    let of_site = |(site, review): &(SiteId, &Review)| {
        let site = *site;
        open_keys(review).into_iter().map(move |key| (site, key))
    };
    let rows: Vec<_> = orders.iter().flat_map(of_site).collect();
    for piece in pieces(&rows) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into open_key (record, received, site, visit, holder, since_ms, used) ",
        );
        query.push_values(piece, |mut row, (site, key)| {
            row.push_bind(key.record.0.to_vec())
                .push_bind(key.received.to_string())
                .push_bind(site.0)
                .push_bind(key.visit.to_string())
                .push_bind(key.holder.map(|person| person.0))
                .push_bind(key.since_ms)
                .push_bind(key.used);
        });
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

async fn write_services(conn: &mut SqliteConnection, services: &[(SiteId, &Review)]) -> Result<()> {
    let rows: Vec<(SiteId, Projection)> =
        services.iter().map(|(site, review)| (*site, rules::projection(review))).collect();
    for piece in pieces(&rows) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into paid_service (record, site, status, status_until_ms, title, unit, contact,
               assignee, appointment, open_cases, deviations, stated_afterwards, created_at_ms,
               changed_at_ms) ",
        );
        query.push_values(piece, |mut row, (site, service)| {
            row.push_bind(service.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(service.status.code())
                .push_bind(service.status_until_ms)
                .push_bind(service.title.clone())
                .push_bind(service.unit.clone())
                .push_bind(service.contact.map(|contact| contact.0.to_vec()))
                .push_bind(service.assignee.map(|person| person.0))
                .push_bind(service.appointment.clone())
                .push_bind(service.open_cases)
                .push_bind(service.deviations)
                .push_bind(service.stated_afterwards)
                .push_bind(service.created_at_ms)
                .push_bind(service.changed_at_ms);
        });
        query.push(
            " on conflict (record) do update set status = excluded.status,
               status_until_ms = excluded.status_until_ms, title = excluded.title,
               unit = excluded.unit, contact = excluded.contact, assignee = excluded.assignee,
               appointment = excluded.appointment, open_cases = excluded.open_cases,
               deviations = excluded.deviations, stated_afterwards = excluded.stated_afterwards,
               created_at_ms = excluded.created_at_ms, changed_at_ms = excluded.changed_at_ms",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// A line of a hand-over's cash, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    hand_over: RecordId,
    record: RecordId,
    fact: FactKey,
    kind: CashKind,
    amount_fen: i64,
}

async fn write_hand_overs(conn: &mut SqliteConnection, shifts: &[(SiteId, &Review)]) -> Result<()> {
    for piece in pieces(shifts) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into hand_over (record, site, status, shift, desk, counted_fen, open_cases,
               created_at_ms, changed_at_ms) ",
        );
        query.push_values(piece, |mut row, (site, review)| {
            let shift = rules::projection(review);
            row.push_bind(shift.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(shift.status.code())
                .push_bind(shift.subject)
                .push_bind(shift.title)
                .push_bind(counted_fen(review))
                .push_bind(shift.open_cases)
                .push_bind(shift.created_at_ms)
                .push_bind(shift.changed_at_ms);
        });
        query.push(
            " on conflict (record) do update set status = excluded.status, shift = excluded.shift,
               desk = excluded.desk, counted_fen = excluded.counted_fen,
               open_cases = excluded.open_cases, created_at_ms = excluded.created_at_ms,
               changed_at_ms = excluded.changed_at_ms",
        );
        query.build().execute(&mut *conn).await?;
    }
    write_lines(conn, shifts).await
}

/// The lines of hand-overs, and the cash they name that the day's end has to look at again: most
/// facts of a shift change none.
async fn write_lines(conn: &mut SqliteConnection, shifts: &[(SiteId, &Review)]) -> Result<()> {
    let before = lines_before(conn, shifts).await?;
    let now: BTreeSet<Line> = shifts.iter().flat_map(|(_, review)| lines(review)).collect();
    for gone in before.difference(&now) {
        let delete = "delete from hand_over_cash where hand_over = ? and record = ? and fact = ? and kind = ?";
        let query = sqlx::query(delete).bind(gone.hand_over.0.to_vec());
        let query = query.bind(gone.record.0.to_vec()).bind(gone.fact.to_string());
        query.bind(gone.kind.code()).execute(&mut *conn).await?;
    }
    let new: Vec<&Line> = now.difference(&before).collect();
    for piece in pieces(&new) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into hand_over_cash (hand_over, record, fact, kind, amount_fen) ",
        );
        query.push_values(piece, |mut row, line| {
            row.push_bind(line.hand_over.0.to_vec())
                .push_bind(line.record.0.to_vec())
                .push_bind(line.fact.to_string())
                .push_bind(line.kind.code())
                .push_bind(line.amount_fen);
        });
        // The same fact twice in one hand-over: the cash does not balance, and that is a case.
        query.push(" on conflict (hand_over, record, fact) do nothing");
        query.build().execute(&mut *conn).await?;
    }
    for changed in before.symmetric_difference(&now) {
        // Cash that is not here yet is looked at when it comes.
        sqlx::query(
            "insert into cash_look (record, fact, site, at_ms)
             select record, fact, site, at_ms from cash_entry where record = ? and fact = ?
             on conflict (record, fact) do nothing",
        )
        .bind(changed.record.0.to_vec())
        .bind(changed.fact.to_string())
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Hand-over, record, fact, kind and fen of a row of `hand_over_cash`.
type LineCells = (Vec<u8>, Vec<u8>, String, String, i64);

async fn lines_before(
    conn: &mut SqliteConnection,
    shifts: &[(SiteId, &Review)],
) -> Result<BTreeSet<Line>> {
    let mut before = BTreeSet::new();
    for piece in pieces(shifts) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select hand_over, record, fact, kind, amount_fen from hand_over_cash
             where hand_over in ",
        );
        list(&mut query, piece.iter().map(|(_, review)| review.record.0.to_vec()));
        let rows: Vec<LineCells> = query.build_query_as().fetch_all(&mut *conn).await?;
        for (hand_over, record, fact, kind, amount_fen) in rows {
            before.insert(Line {
                hand_over: RecordId(exact(&hand_over)?),
                record: RecordId(exact(&record)?),
                fact: cash_days::key(&fact)?,
                kind: cash_days::kind_of(&kind)?,
                amount_fen,
            });
        }
    }
    Ok(before)
}

/// The lines of the counts that stand.
fn lines(review: &Review) -> Vec<Line> {
    let Some(Details::HandOver(shift)) = &review.details else { return Vec::new() };
    let hand_over = review.record;
    let line = |kind: CashKind| {
        move |line: &CashLine| Line {
            hand_over,
            record: line.record,
            fact: line.fact,
            kind,
            amount_fen: line.amount_fen,
        }
    };
    let of_count = |counted: &hand_over::CashCounted| -> Vec<Line> {
        let takings = counted.takings.iter().map(line(CashKind::HandedIn));
        takings.chain(counted.payouts.iter().map(line(CashKind::Refunded))).collect()
    };
    shift.counts.iter().flat_map(|count| of_count(&count.counted)).collect()
}

fn counted_fen(review: &Review) -> Option<i64> {
    match &review.details {
        Some(Details::HandOver(shift)) => shift.counts.last().map(|c| c.account.counted_fen),
        _ => None,
    }
}
