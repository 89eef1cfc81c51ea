//! Lists and searches read these tables; they are written with every accepted change and can be
//! rebuilt at any time.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::model::{alarm, complaint, follow_up, patrol, reception, violation};
use sync_core::rules::{self, Projection, Review};

use super::due;
use super::links;
use super::load::{exact, list};
use super::rows::pieces;
use super::write::Planned;
use super::{projection_money, projection_patrol};
use crate::Result;

/// The kind of contacts.
pub const CONTACT: &str = "contact";
/// The kind of work orders.
const WORK_ORDER: &str = "work_order";

/// The contacts a record brings its readers, and brought them before: those it names, and while it
/// is open, of some kinds, those of its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    site: SiteId,
    before: BTreeSet<RecordId>,
    now: BTreeSet<RecordId>,
}

/// Kinds whose readers need the people of the unit that a record of theirs names: they are called,
/// visited or asked. Only while it is open.
pub(super) const OF_UNITS: [&str; 4] =
    [complaint::KIND, follow_up::KIND, reception::KIND, violation::KIND];
/// Contacts of one unit that a record brings: hostile facts could make any number.
const UNIT_CONTACTS_MAX: i64 = 50;

/// Writes the projections of records that grew; answers the contacts they bring their readers.
///
/// # Errors
/// If the database does not answer.
pub async fn write(
    conn: &mut SqliteConnection,
    planned: &[Planned],
    now_ms: WallMs,
) -> Result<BTreeMap<RecordId, Named>> {
    let reviews = planned.iter().filter_map(|planned| planned.plan.review.as_deref());
    write_reviews(conn, &reviews.collect::<Vec<_>>(), now_ms).await
}

/// Writes a record's projections as it stands now: nobody wrote anything, but time has passed.
///
/// # Errors
/// If the database does not answer.
pub async fn refresh(conn: &mut SqliteConnection, review: &Review, now_ms: WallMs) -> Result<()> {
    write_reviews(conn, &[review], now_ms).await.map(|_| ())
}

async fn write_reviews(
    conn: &mut SqliteConnection,
    reviews: &[&Review],
    now_ms: WallMs,
) -> Result<BTreeMap<RecordId, Named>> {
    let mut orders = Vec::new();
    let mut contacts = Vec::new();
    let mut others = Vec::new();
    let mut named = BTreeMap::new();
    let mut sited: Vec<(SiteId, &Review)> = Vec::new();
    let mut contact_links = BTreeMap::new();
    for review in reviews {
        contact_links.insert(review.record, rules::contacts(review));
        let (Some(site), projection) = (review.site, rules::projection(review)) else { continue };
        sited.push((site, *review));
        let before = of_unit_before(conn, &projection).await?;
        named.insert(review.record, Named { site, before, now: BTreeSet::new() });
        match projection.kind.as_str() {
            WORK_ORDER => orders.push((site, projection)),
            CONTACT => contacts.push((site, projection)),
            // A kind of a newer app has no list here yet.
            _ => others.push((site, projection)),
        }
    }
    for (record, contacts) in write_links(conn, &contact_links).await? {
        if let Some(named) = named.get_mut(&record) {
            named.before.extend(contacts);
        }
    }
    for (record, contacts) in contact_links {
        if let Some(named) = named.get_mut(&record) {
            named.now.extend(contacts);
        }
    }
    links::write(conn, reviews).await?;
    write_orders(conn, &orders).await?;
    write_contacts(conn, &contacts).await?;
    projection_patrol::write(conn, &others).await?;
    projection_money::write(conn, &sited).await?;
    let cards = others.into_iter().filter(|(_, card)| has_no_list(&card.kind));
    write_cards(conn, &cards.collect::<Vec<_>>()).await?;
    // Of the contacts as they stand now: one may have come with the record.
    for (site, review) in sited {
        let contacts = of_unit(conn, site, review).await?;
        if let Some(named) = named.get_mut(&review.record) {
            named.now.extend(contacts);
        }
    }
    due::keep(conn, reviews, now_ms).await?;
    Ok(named)
}

/// The contacts of the unit of an open record of [`OF_UNITS`].
async fn of_unit(
    conn: &mut SqliteConnection,
    site: SiteId,
    review: &Review,
) -> Result<BTreeSet<RecordId>> {
    match review.text("unit") {
        Some(unit) if OF_UNITS.contains(&review.kind.as_str()) && review.closed_at_ms.is_none() => {
            contacts_of_unit(conn, site, unit).await
        }
        _ => Ok(BTreeSet::new()),
    }
}

/// The same as the record stood before.
async fn of_unit_before(
    conn: &mut SqliteConnection,
    now: &Projection,
) -> Result<BTreeSet<RecordId>> {
    if !OF_UNITS.contains(&now.kind.as_str()) {
        return Ok(BTreeSet::new());
    }
    let before: Option<(u32, Option<String>)> = sqlx::query_as(
        "select site, unit from record_card where record = ? and closed_at_ms is null",
    )
    .bind(now.record.0.to_vec())
    .fetch_optional(&mut *conn)
    .await?;
    match before {
        Some((site, Some(unit))) => contacts_of_unit(conn, SiteId(site), &unit).await,
        _ => Ok(BTreeSet::new()),
    }
}

async fn contacts_of_unit(
    conn: &mut SqliteConnection,
    site: SiteId,
    unit: &str,
) -> Result<BTreeSet<RecordId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "select record from contact_card where site = ? and unit = ? order by record limit ?",
    )
    .bind(site.0)
    .bind(unit)
    .bind(UNIT_CONTACTS_MAX)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|record| Ok(RecordId(exact(record)?))).collect()
}

/// Which contacts records of any kind name: few of them change that. Answers what they named.
async fn write_links(
    conn: &mut SqliteConnection,
    links: &BTreeMap<RecordId, BTreeSet<RecordId>>,
) -> Result<BTreeMap<RecordId, BTreeSet<RecordId>>> {
    let records: Vec<RecordId> = links.keys().copied().collect();
    let mut before: BTreeSet<(RecordId, RecordId)> = BTreeSet::new();
    for piece in pieces(&records) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select contact, record from contact_link where record in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<(Vec<u8>, Vec<u8>)> = query.build_query_as().fetch_all(&mut *conn).await?;
        for (contact, record) in rows {
            before.insert((RecordId(exact(&contact)?), RecordId(exact(&record)?)));
        }
    }
    let pairs = links.iter().flat_map(|(record, contacts)| contacts.iter().map(|c| (*c, *record)));
    let now: BTreeSet<(RecordId, RecordId)> = pairs.collect();
    for (contact, record) in before.difference(&now) {
        sqlx::query("delete from contact_link where contact = ? and record = ?")
            .bind(contact.0.to_vec())
            .bind(record.0.to_vec())
            .execute(&mut *conn)
            .await?;
        // It may be kept for no longer than now.
        sqlx::query("update contact_card set look_ms = min(look_ms, 0) - 1 where record = ?")
            .bind(contact.0.to_vec())
            .execute(&mut *conn)
            .await?;
    }
    let new: Vec<&(RecordId, RecordId)> = now.difference(&before).collect();
    for piece in pieces(&new) {
        let mut query = QueryBuilder::<Sqlite>::new("insert into contact_link (contact, record) ");
        query.push_values(piece, |mut row, (contact, record)| {
            row.push_bind(contact.0.to_vec()).push_bind(record.0.to_vec());
        });
        query.build().execute(&mut *conn).await?;
    }
    let mut named: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
    for (contact, record) in before {
        named.entry(record).or_default().insert(contact);
    }
    Ok(named)
}

/// The contacts whose readers may be others now: of records that somebody new reads or nobody any
/// more, and of records that bring other contacts than before.
pub fn contacts_to_move(
    named: &BTreeMap<RecordId, Named>,
    members: &BTreeSet<RecordId>,
) -> BTreeMap<RecordId, SiteId> {
    let turned = named
        .iter()
        .filter(|(record, named)| named.before != named.now || members.contains(record));
    turned
        .flat_map(|(_, named)| named.before.union(&named.now).map(|contact| (*contact, named.site)))
        .collect()
}

/// Kinds without a table of their own stand in the common list; violations in both.
fn has_no_list(kind: &str) -> bool {
    ![patrol::PLAN, patrol::ROUND, alarm::KIND].contains(&kind)
}

async fn write_cards(conn: &mut SqliteConnection, cards: &[(SiteId, Projection)]) -> Result<()> {
    for piece in pieces(cards) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into record_card (record, site, kind, status, title, subject, unit,
               building_group, department, assignee, due_ms, closed_at_ms, open_cases,
               created_at_ms, changed_at_ms) ",
        );
        query.push_values(piece, |mut row, (site, card)| {
            row.push_bind(card.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(card.kind.clone())
                .push_bind(card.status.code())
                .push_bind(card.title.clone())
                .push_bind(card.subject.clone())
                .push_bind(card.unit.clone())
                .push_bind(card.group)
                .push_bind(card.department.clone())
                .push_bind(card.assignee.map(|person| person.0))
                .push_bind(card.due_ms)
                .push_bind(card.closed_at_ms)
                .push_bind(card.open_cases)
                .push_bind(card.created_at_ms)
                .push_bind(card.changed_at_ms);
        });
        query.push(
            " on conflict (record) do update set status = excluded.status, title = excluded.title,
               subject = excluded.subject, unit = excluded.unit,
               building_group = excluded.building_group, department = excluded.department,
               assignee = excluded.assignee, due_ms = excluded.due_ms,
               closed_at_ms = excluded.closed_at_ms, open_cases = excluded.open_cases,
               created_at_ms = excluded.created_at_ms, changed_at_ms = excluded.changed_at_ms",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

async fn write_orders(conn: &mut SqliteConnection, orders: &[(SiteId, Projection)]) -> Result<()> {
    for piece in pieces(orders) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into work_order (record, site, status, status_until_ms, title, category,
               priority, appointment, assignee, unit, contact, open_cases, deviations,
               created_at_ms, changed_at_ms, stated_afterwards) ",
        );
        query.push_values(piece, |mut row, (site, order)| {
            row.push_bind(order.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(order.status.code())
                .push_bind(order.status_until_ms)
                .push_bind(order.title.clone())
                .push_bind(order.category.clone())
                .push_bind(order.priority.clone())
                .push_bind(order.appointment.clone())
                .push_bind(order.assignee.map(|person| person.0))
                .push_bind(order.unit.clone())
                .push_bind(order.contact.map(|contact| contact.0.to_vec()))
                .push_bind(order.open_cases)
                .push_bind(order.deviations)
                .push_bind(order.created_at_ms)
                .push_bind(order.changed_at_ms)
                .push_bind(order.stated_afterwards);
        });
        query.push(
            " on conflict (record) do update set status = excluded.status,
               status_until_ms = excluded.status_until_ms, title = excluded.title,
               category = excluded.category, priority = excluded.priority,
               appointment = excluded.appointment, assignee = excluded.assignee,
               unit = excluded.unit, contact = excluded.contact,
               open_cases = excluded.open_cases, deviations = excluded.deviations,
               created_at_ms = excluded.created_at_ms, changed_at_ms = excluded.changed_at_ms,
               stated_afterwards = excluded.stated_afterwards",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

async fn write_contacts(
    conn: &mut SqliteConnection,
    contacts: &[(SiteId, Projection)],
) -> Result<()> {
    for piece in pieces(contacts) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into contact_card (record, site, status, title, unit, created_at_ms,
               changed_at_ms) ",
        );
        query.push_values(piece, |mut row, (site, contact)| {
            row.push_bind(contact.record.0.to_vec())
                .push_bind(site.0)
                .push_bind(contact.status.code())
                .push_bind(contact.title.clone())
                .push_bind(contact.unit.clone())
                .push_bind(contact.created_at_ms)
                .push_bind(contact.changed_at_ms);
        });
        query.push(
            " on conflict (record) do update set status = excluded.status, title = excluded.title,
               unit = excluded.unit, created_at_ms = excluded.created_at_ms,
               changed_at_ms = excluded.changed_at_ms,
               look_ms = min(contact_card.look_ms, 0) - 1",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}
