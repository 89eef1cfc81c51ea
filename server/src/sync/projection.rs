//! Lists and searches read these tables; they are written with every accepted change and can be
//! rebuilt at any time.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::paid_service;
use sync_core::rules::{self, Projection, Review};

use super::load::{exact, list};
use super::rows::pieces;
use super::write::Planned;
use super::{projection_money, projection_patrol};
use crate::Result;

/// The kind of contacts.
pub const CONTACT: &str = "contact";
/// The kind of work orders.
const WORK_ORDER: &str = "work_order";

/// The contacts an order names and named before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    site: SiteId,
    before: BTreeSet<RecordId>,
    now: BTreeSet<RecordId>,
}

/// Writes the projections of records that grew; answers the contacts that orders name.
///
/// # Errors
/// If the database does not answer.
pub async fn write(
    conn: &mut SqliteConnection,
    planned: &[Planned],
) -> Result<BTreeMap<RecordId, Named>> {
    let mut orders = Vec::new();
    let mut contacts = Vec::new();
    let mut others = Vec::new();
    let mut named = BTreeMap::new();
    let mut reviews: Vec<(SiteId, &Review)> = Vec::new();
    for planned in planned {
        let Some(review) = &planned.plan.review else { continue };
        let (Some(site), projection) = (review.site, rules::projection(review)) else { continue };
        reviews.push((site, review));
        if [WORK_ORDER, paid_service::KIND].contains(&projection.kind.as_str()) {
            let now = rules::links(review);
            named.insert(planned.record, Named { site, before: BTreeSet::new(), now });
        }
        match projection.kind.as_str() {
            WORK_ORDER => orders.push((site, projection)),
            CONTACT => contacts.push((site, projection)),
            // A kind of a newer app has no list here yet.
            _ => others.push((site, projection)),
        }
    }
    contacts_before(conn, &mut named).await?;
    write_orders(conn, &orders).await?;
    write_contacts(conn, &contacts).await?;
    projection_patrol::write(conn, &others).await?;
    projection_money::write(conn, &reviews).await?;
    Ok(named)
}

/// The contacts whose readers may be others now: of orders that somebody new reads or nobody any
/// more, and of orders that name another contact than before.
pub fn contacts_to_move(
    named: &BTreeMap<RecordId, Named>,
    members: &BTreeSet<RecordId>,
) -> BTreeMap<RecordId, SiteId> {
    let turned =
        named.iter().filter(|(order, named)| named.before != named.now || members.contains(order));
    turned
        .flat_map(|(_, named)| named.before.union(&named.now).map(|contact| (*contact, named.site)))
        .collect()
}

async fn contacts_before(
    conn: &mut SqliteConnection,
    named: &mut BTreeMap<RecordId, Named>,
) -> Result<()> {
    let orders: Vec<RecordId> = named.keys().copied().collect();
    for piece in pieces(&orders) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select record, contact from (select record, contact from work_order
               union all select record, contact from paid_service) orders
             where contact is not null and record in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<(Vec<u8>, Vec<u8>)> = query.build_query_as().fetch_all(&mut *conn).await?;
        for (order, contact) in rows {
            if let Some(named) = named.get_mut(&RecordId(exact(&order)?)) {
                named.before.insert(RecordId(exact(&contact)?));
            }
        }
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
               changed_at_ms = excluded.changed_at_ms",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}
