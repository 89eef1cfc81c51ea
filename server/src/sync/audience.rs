//! Which audiences a record is in: the rows the feed is read from, written with every accepted
//! change. A contact is also read by those who work on a record that names it or its unit.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::audience::Audience;
use sync_core::model::id::{RecordId, SiteId};

use super::load::{self, exact, list, number};
use super::projection;
use super::rows::pieces;
use super::write::{Planned, Poke, raise_sequence};
use crate::{Error, Result};

/// A record in an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The record.
    pub record: RecordId,
    /// The audience.
    pub audience: Audience,
    /// Of the record's last change this audience may see, or of its leaving.
    pub sequence: u64,
    /// Of its last entering.
    pub entered: u64,
    /// Of its leaving; `None` while present.
    pub left: Option<u64>,
}

/// The rows of these records, all audiences.
///
/// # Errors
/// If the database does not answer.
pub async fn places(
    conn: &mut SqliteConnection,
    records: &[RecordId],
) -> Result<BTreeMap<RecordId, Vec<Place>>> {
    let mut places: BTreeMap<RecordId, Vec<Place>> = BTreeMap::new();
    for piece in pieces(records) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select record, site, audience, sequence, entered_sequence, left_sequence from feed
             where record in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<PlaceRow> = query.build_query_as().fetch_all(&mut *conn).await?;
        for row in rows {
            let place = row.place()?;
            places.entry(place.record).or_default().push(place);
        }
    }
    Ok(places)
}

/// A row of `feed` as it is read.
#[derive(sqlx::FromRow)]
pub(super) struct PlaceRow {
    record: Vec<u8>,
    site: u32,
    audience: String,
    sequence: i64,
    entered_sequence: i64,
    left_sequence: Option<i64>,
}

impl PlaceRow {
    pub(super) fn place(self) -> Result<Place> {
        let audience = format!("site/{}/{}", self.site, self.audience).parse();
        Ok(Place {
            record: RecordId(exact(&self.record)?),
            audience: audience.map_err(|_| Error::Broken("an audience in the database is none"))?,
            sequence: self.sequence.unsigned_abs(),
            entered: self.entered_sequence.unsigned_abs(),
            left: self.left_sequence.map(i64::unsigned_abs),
        })
    }
}

/// The text of an audience without its site.
pub(super) fn within_site(audience: Audience) -> String {
    match audience {
        Audience::Office(_) => "office".to_owned(),
        Audience::User(_, person) => format!("user/{person}"),
        Audience::Patrol(_) => "patrol".to_owned(),
        Audience::Security(_) => "security".to_owned(),
        Audience::Workers(_) => "workers".to_owned(),
    }
}

/// Who is to be poked, and which records entered or left an audience.
#[derive(Debug, Default)]
pub struct Moved {
    /// Rows that were written.
    pub pokes: Vec<Poke>,
    /// Records somebody new reads, or nobody any more.
    pub members: BTreeSet<RecordId>,
}

/// Moves every record that grew to its sequence in the audiences it is in now, and marks those it
/// left.
///
/// # Errors
/// If the database does not answer.
pub async fn write(conn: &mut SqliteConnection, planned: &[Planned]) -> Result<Moved> {
    let grown: Vec<&Planned> = planned.iter().filter(|p| p.plan.sequence.is_some()).collect();
    let ids: Vec<RecordId> = grown.iter().map(|planned| planned.record).collect();
    let mut before = places(conn, &ids).await?;
    let mut changed = Vec::new();
    for planned in grown {
        let sequence = planned.plan.sequence.expect("filtered above");
        let mut now = planned.plan.audiences.clone();
        if planned.plan.kind.as_deref() == Some(projection::CONTACT)
            && let Some(site) = planned.plan.site
        {
            now.extend(readers_by_records(conn, planned.record, site).await?);
        }
        let before = before.remove(&planned.record).unwrap_or_default();
        changed.extend(moved(planned.record, &before, &now, sequence, true));
    }
    store(conn, &changed).await?;
    let turned = |place: &&Place| place.entered == place.sequence || place.left.is_some();
    Ok(Moved {
        pokes: changed.iter().map(poke).collect(),
        members: changed.iter().filter(turned).map(|place| place.record).collect(),
    })
}

/// The rows that change when a record is in `now`. A record that grew moves in all of them; one
/// that only entered or left moves nowhere else.
fn moved(
    record: RecordId,
    before: &[Place],
    now: &BTreeSet<Audience>,
    sequence: u64,
    grew: bool,
) -> Vec<Place> {
    let stored: BTreeMap<Audience, Place> =
        before.iter().map(|place| (place.audience, *place)).collect();
    let mut changed = Vec::new();
    for audience in now {
        match stored.get(audience) {
            Some(place) if place.left.is_none() => {
                if grew {
                    changed.push(Place { sequence, ..*place });
                }
            }
            _ => changed.push(Place {
                record,
                audience: *audience,
                sequence,
                entered: sequence,
                left: None,
            }),
        }
    }
    let gone = before.iter().filter(|p| p.left.is_none() && !now.contains(&p.audience));
    changed.extend(gone.map(|place| Place { sequence, left: Some(sequence), ..*place }));
    changed
}

async fn store(conn: &mut SqliteConnection, places: &[Place]) -> Result<()> {
    for piece in pieces(places) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into feed (record, site, audience, sequence, entered_sequence, left_sequence) ",
        );
        query.push_values(piece, |mut row, place| {
            row.push_bind(place.record.0.to_vec())
                .push_bind(place.audience.site().0)
                .push_bind(within_site(place.audience))
                .push_bind(number(place.sequence))
                .push_bind(number(place.entered))
                .push_bind(place.left.map(number));
        });
        query.push(
            " on conflict (record, audience) do update set sequence = excluded.sequence,
               entered_sequence = excluded.entered_sequence, left_sequence = excluded.left_sequence",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

fn poke(place: &Place) -> Poke {
    Poke { audience: place.audience, sequence: place.sequence }
}

/// The people who hold a record that names this contact, or an open one of its unit of the kinds
/// whose readers need it.
async fn readers_by_records(
    conn: &mut SqliteConnection,
    contact: RecordId,
    site: SiteId,
) -> Result<BTreeSet<Audience>> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "select f.record, f.site, f.audience, f.sequence, f.entered_sequence, f.left_sequence
         from (select record from contact_link where contact = ",
    );
    query.push_bind(contact.0.to_vec());
    query.push(
        " union select w.record from contact_card c
             join record_card w on w.site = c.site and w.unit = c.unit and w.closed_at_ms is null
           where c.record = ",
    );
    query.push_bind(contact.0.to_vec()).push(" and w.kind in ");
    list(&mut query, projection::OF_UNITS.into_iter());
    query.push(
        ") n join feed f on f.record = n.record
         where f.left_sequence is null
           and f.audience not in ('office', 'patrol', 'security', 'workers') and f.site = ",
    );
    query.push_bind(site.0);
    let rows: Vec<PlaceRow> = query.build_query_as().fetch_all(&mut *conn).await?;
    rows.into_iter().map(|row| row.place().map(|place| place.audience)).collect()
}

/// Moves the contacts of records whose readers or contacts changed: in the same transaction, so
/// that nobody holds a record without the contacts it brings (R0.9).
///
/// # Errors
/// If the database does not answer.
pub async fn write_contacts(
    conn: &mut SqliteConnection,
    contacts: &BTreeMap<RecordId, SiteId>,
    last: &mut BTreeMap<SiteId, u64>,
) -> Result<Vec<Poke>> {
    let ids: Vec<RecordId> = contacts.keys().copied().collect();
    let before = places(conn, &ids).await?;
    let purged = load::purged(conn, &ids).await?;
    let mut changed = Vec::new();
    for (contact, places) in before {
        if purged.contains(&contact) {
            // Its rows say that it left, and stay so, whoever is given a record that names it.
            continue;
        }
        let Some(site) = contacts.get(&contact).copied() else { continue };
        // A contact of another site is none of this record's readers' business.
        if places.iter().any(|place| place.audience.site() != site) {
            continue;
        }
        let mut now = readers_by_records(conn, contact, site).await?;
        now.insert(Audience::Office(site));
        if moved(contact, &places, &now, 0, false).is_empty() {
            continue;
        }
        let sequence = raise_sequence(conn, site, 1).await?;
        last.insert(site, sequence);
        changed.extend(moved(contact, &places, &now, sequence, false));
    }
    store(conn, &changed).await?;
    Ok(changed.iter().map(poke).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::model::id::PersonId;

    #[test]
    fn a_record_enters_moves_leaves_and_comes_back() {
        let record = RecordId([1; 16]);
        let office = Audience::Office(SiteId(7));
        let wang = Audience::User(SiteId(7), PersonId(31));
        let place =
            |audience, sequence, entered, left| Place { record, audience, sequence, entered, left };
        let both = BTreeSet::from([office, wang]);
        let first = moved(record, &[], &both, 5, true);
        assert_eq!(first, [place(office, 5, 5, None), place(wang, 5, 5, None)]);
        let grown = moved(record, &first, &both, 6, true);
        assert_eq!(grown, [place(office, 6, 5, None), place(wang, 6, 5, None)]);
        let left = moved(record, &grown, &BTreeSet::from([office]), 7, true);
        assert_eq!(left, [place(office, 7, 5, None), place(wang, 7, 5, Some(7))]);
        let unmoved = moved(record, &left, &BTreeSet::from([office]), 8, true);
        assert_eq!(unmoved, [place(office, 8, 5, None)], "who left stays where it left");
        let back = moved(record, &left, &both, 9, false);
        assert_eq!(back, [place(wang, 9, 9, None)]);
    }
}
