//! The projections of paid services, hand-overs, keys and cash.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::hand_over::{self, CashLine};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::paid_service;
use sync_core::rules::cash::{CashKind, cash_entries};
use sync_core::rules::{self, Details, Projection, Review, open_keys};

use super::load::list;
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

async fn write_cash(conn: &mut SqliteConnection, orders: &[(SiteId, &Review)]) -> Result<()> {
    forget(conn, "delete from cash_entry where record in ", orders).await?;
    let of_site = |(site, review): &(SiteId, &Review)| {
        let site = *site;
        cash_entries(review).into_iter().map(move |entry| (site, entry))
    };
    let rows: Vec<_> = orders.iter().flat_map(of_site).collect();
    for piece in pieces(&rows) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into cash_entry (record, fact, site, kind, at_ms, amount_fen, method) ",
        );
        query.push_values(piece, |mut row, (site, entry)| {
            row.push_bind(entry.record.0.to_vec())
                .push_bind(entry.fact.to_string())
                .push_bind(site.0)
                .push_bind(entry.kind.code())
                .push_bind(entry.at_ms)
                .push_bind(entry.amount_fen)
                .push_bind(entry.method.code());
        });
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
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
struct Line {
    hand_over: RecordId,
    kind: CashKind,
    line: CashLine,
}

async fn write_hand_overs(conn: &mut SqliteConnection, shifts: &[(SiteId, &Review)]) -> Result<()> {
    forget(conn, "delete from hand_over_cash where hand_over in ", shifts).await?;
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
    let lines: Vec<Line> = shifts.iter().flat_map(|(_, review)| lines(review)).collect();
    for piece in pieces(&lines) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into hand_over_cash (hand_over, record, fact, kind, amount_fen) ",
        );
        query.push_values(piece, |mut row, Line { hand_over, kind, line }| {
            row.push_bind(hand_over.0.to_vec())
                .push_bind(line.record.0.to_vec())
                .push_bind(line.fact.to_string())
                .push_bind(kind.code())
                .push_bind(line.amount_fen);
        });
        // The same fact twice in one hand-over: the cash does not balance, and that is a case.
        query.push(" on conflict (hand_over, record, fact) do nothing");
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// The lines of the counts that stand.
fn lines(review: &Review) -> Vec<Line> {
    let Some(Details::HandOver(shift)) = &review.details else { return Vec::new() };
    let hand_over = review.record;
    let line = |kind: CashKind| move |line: &CashLine| Line { hand_over, kind, line: *line };
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
