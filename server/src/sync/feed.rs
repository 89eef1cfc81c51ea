//! What a device lacks: the records of its person's audiences that moved after its cursors, cut
//! into answers. The feed is state, not a log; cursors are read before the rows in one snapshot.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::audience::Audience;
use sync_core::model::id::{RecordId, SiteId};
use sync_core::protocol::message::{Cursor, Left};
use sync_core::protocol::problem::ProblemCode;

use super::audience::{self, Place, within_site};
use super::load::{exact, number};
use crate::{Error, Result};

/// Who reads, and how far they have read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The audiences of the person now, with the sequence each was read up to.
    pub cursors: BTreeMap<Audience, u64>,
}

/// What the sites' sequences and the audiences' newest rows are.
#[derive(Debug, Clone, Default)]
pub struct Newest {
    /// Each site's last sequence.
    pub sites: BTreeMap<SiteId, u64>,
    /// Each audience's newest row.
    pub audiences: BTreeMap<Audience, u64>,
    /// The last sequence of each site of which a purge is told by no row any more.
    pub forgotten: BTreeMap<SiteId, u64>,
}

impl Reading {
    /// The cursors of a request, as far as they are of this person's audiences now.
    ///
    /// # Errors
    /// `cursor_from_elsewhere` for another epoch.
    pub fn new(audiences: BTreeSet<Audience>, cursors: &[Cursor], epoch: u32) -> Result<Self> {
        if cursors.iter().any(|cursor| cursor.epoch != epoch) {
            return Err(Error::problem(ProblemCode::CursorFromElsewhere));
        }
        let read = |audience: &Audience| {
            cursors.iter().find(|cursor| cursor.audience == *audience).map_or(0, |c| c.sequence)
        };
        Ok(Self { cursors: audiences.iter().map(|a| (*a, read(a))).collect() })
    }

    /// Whether anything moved after the cursors.
    pub fn has_news(&self, newest: &Newest) -> bool {
        self.cursors.iter().any(|(audience, cursor)| {
            newest.audiences.get(audience).is_some_and(|newest| newest > cursor)
        }) || !self.behind(newest).is_empty()
    }

    /// The sites of which the reader has read so little that purges are told by no row any more.
    pub fn behind(&self, newest: &Newest) -> BTreeSet<SiteId> {
        let forgotten = |site: &SiteId| newest.forgotten.get(site).copied().unwrap_or(0);
        let cursors = self.cursors.iter().map(|(audience, cursor)| (audience.site(), *cursor));
        cursors.filter(|(site, cursor)| *cursor < forgotten(site)).map(|(site, _)| site).collect()
    }

    /// Refuses cursors that this server cannot have given.
    ///
    /// # Errors
    /// `cursor_from_elsewhere` for one ahead of its site.
    pub fn check(&self, newest: &Newest) -> Result<()> {
        let ahead = |(audience, cursor): (&Audience, &u64)| {
            *cursor > newest.sites.get(&audience.site()).copied().unwrap_or(0)
        };
        if self.cursors.iter().any(ahead) {
            return Err(Error::problem(ProblemCode::CursorFromElsewhere));
        }
        Ok(())
    }
}

/// The sites' sequences and the audiences' newest rows, in one statement.
///
/// # Errors
/// If the database does not answer.
pub async fn newest(conn: &mut SqliteConnection, reading: &Reading) -> Result<Newest> {
    let mut newest = Newest::default();
    if reading.cursors.is_empty() {
        return Ok(newest);
    }
    let audiences: Vec<Audience> = reading.cursors.keys().copied().collect();
    let mut query = QueryBuilder::<Sqlite>::new("");
    for (place, audience) in audiences.iter().enumerate() {
        if place > 0 {
            query.push(" union all ");
        }
        query.push("select ").push_bind(number(place as u64));
        query.push(" as place, s.sequence, s.forgotten_sequence, (select max(f.sequence) from feed f where f.site = ");
        query.push_bind(audience.site().0).push(" and f.audience = ");
        query.push_bind(within_site(*audience)).push(") from site s where s.site = ");
        query.push_bind(audience.site().0);
    }
    let rows: Vec<(i64, i64, i64, Option<i64>)> = query.build_query_as().fetch_all(conn).await?;
    for (place, sequence, forgotten, last) in rows {
        let audience = usize::try_from(place).ok().and_then(|place| audiences.get(place));
        let audience = *audience.ok_or(Error::Broken("a place that was not asked for"))?;
        newest.sites.insert(audience.site(), sequence.unsigned_abs());
        newest.forgotten.insert(audience.site(), forgotten.unsigned_abs());
        newest.audiences.insert(audience, last.unwrap_or(0).unsigned_abs());
    }
    Ok(newest)
}

/// One answer's share of the feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Records in order of their positions, each with its site and position.
    pub records: Vec<Item>,
    /// Sites that are cut: the position up to which everything is on this page.
    pub horizons: BTreeMap<SiteId, u64>,
}

/// A record on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Its site.
    pub site: SiteId,
    /// The first sequence the reader lacks of it: what a cut must not fall behind.
    pub position: u64,
    /// The record.
    pub record: RecordId,
}

/// Finds what moved, at most `limit` records.
///
/// A row says where a record moved *last*; a reader who was cut before that place and told "read up
/// to here" would lose what happened in the record earlier. So records stand on pages in the order
/// of the *first* sequence the reader lacks of them: the entering of one that comes whole, the
/// first change after the cursor of any other.
///
/// # Errors
/// If the database does not answer.
pub async fn page(
    conn: &mut SqliteConnection,
    reading: &Reading,
    newest: &Newest,
    limit: usize,
) -> Result<Page> {
    let mut page = Page::default();
    let mut of_site: BTreeMap<SiteId, Vec<(Audience, u64)>> = BTreeMap::new();
    for (audience, cursor) in &reading.cursors {
        if newest.audiences.get(audience).is_some_and(|newest| newest > cursor) {
            of_site.entry(audience.site()).or_default().push((*audience, *cursor));
        }
    }
    for (site, audiences) in of_site {
        let room = limit.saturating_sub(page.records.len());
        if room == 0 {
            // Nothing of this site fits any more: its cursors stay.
            page.horizons.insert(site, 0);
            continue;
        }
        let mut first: BTreeMap<RecordId, u64> = BTreeMap::new();
        let mut horizon = u64::MAX;
        for (audience, cursor) in audiences {
            for list in [
                entered(conn, audience, cursor, room).await?,
                moved(conn, audience, cursor, room).await?,
            ] {
                if list.len() > room {
                    horizon = horizon.min(list[room - 1].1);
                }
                for (record, position) in list {
                    let known = first.entry(record).or_insert(position);
                    *known = position.min(*known);
                }
            }
        }
        let mut items: Vec<Item> = first
            .into_iter()
            .filter(|(_, position)| *position <= horizon)
            .map(|(record, position)| Item { site, position, record })
            .collect();
        items.sort_unstable();
        if items.len() > room {
            items.truncate(room);
            horizon = items.last().map_or(0, |item| item.position);
        }
        if horizon != u64::MAX {
            page.horizons.insert(site, horizon);
        }
        page.records.extend(items);
    }
    Ok(page)
}

/// Records that entered the audience after the cursor and are in it: they come whole.
async fn entered(
    conn: &mut SqliteConnection,
    audience: Audience,
    cursor: u64,
    room: usize,
) -> Result<Vec<(RecordId, u64)>> {
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "select record, entered_sequence from feed
         where site = ? and audience = ? and entered_sequence > ? and left_sequence is null
         order by entered_sequence limit ?",
    )
    .bind(audience.site().0)
    .bind(within_site(audience))
    .bind(number(cursor))
    .bind(number(room as u64 + 1))
    .fetch_all(conn)
    .await?;
    positions(rows)
}

/// Records the reader holds through this audience that changed or left after the cursor, and those
/// that came and went since.
async fn moved(
    conn: &mut SqliteConnection,
    audience: Audience,
    cursor: u64,
    room: usize,
) -> Result<Vec<(RecordId, u64)>> {
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "select f.record,
           case when f.entered_sequence > ? then f.entered_sequence
             else coalesce((select min(c.sequence) from change c
               where c.record = f.record and c.sequence > ? and c.sequence <= f.sequence),
               f.sequence) end as position
         from feed f
         where f.site = ? and f.audience = ? and f.sequence > ?
           and (f.entered_sequence <= ? or f.left_sequence is not null)
         order by position limit ?",
    )
    .bind(number(cursor))
    .bind(number(cursor))
    .bind(audience.site().0)
    .bind(within_site(audience))
    .bind(number(cursor))
    .bind(number(cursor))
    .bind(number(room as u64 + 1))
    .fetch_all(conn)
    .await?;
    positions(rows)
}

fn positions(rows: Vec<(Vec<u8>, i64)>) -> Result<Vec<(RecordId, u64)>> {
    let position = |(record, sequence): (Vec<u8>, i64)| {
        Ok((RecordId(exact(&record)?), sequence.unsigned_abs()))
    };
    rows.into_iter().map(position).collect()
}

/// Everything that was ever purged at a site: for a reader to whom no row tells it any more.
///
/// # Errors
/// If the database does not answer.
pub async fn all_purged(conn: &mut SqliteConnection, site: SiteId) -> Result<Vec<RecordId>> {
    let rows: Vec<(Vec<u8>,)> = sqlx::query_as(
        "select record from record where purged_site = ? and purged_ms is not null
         order by purged_ms desc limit ?",
    )
    .bind(site.0)
    .bind(number(PURGED_MAX))
    .fetch_all(conn)
    .await?;
    if rows.len() as u64 == PURGED_MAX {
        tracing::error!(%site, "more was purged than an answer tells; the oldest is left out");
    }
    rows.into_iter().map(|(record,)| exact(&record).map(RecordId)).collect()
}

/// Purged records in one answer: two megabytes of ids.
const PURGED_MAX: u64 = 100_000;

/// What a reader gets of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The record.
    pub record: RecordId,
    /// Changes above this sequence; 0 is the whole record.
    pub above: u64,
    /// Changes up to this sequence, for one who left; `None` is all.
    pub up_to: Option<u64>,
    /// The reader's audiences that contain it now.
    pub audiences: Vec<Audience>,
    /// Whether the record itself is served, or only its leaving told.
    pub served: bool,
    /// Audiences of the reader it left after the cursor.
    pub left: Vec<Left>,
    /// It came and went since the cursor: when, for each audience it was in.
    pub visits: Vec<(u64, u64)>,
}

impl Share {
    /// Whether a reader cut at `horizon` would be taken for one who holds the record, since it
    /// entered before and left after. Then it must get it, though it is gone.
    pub fn is_cut_by(&self, horizon: u64) -> bool {
        self.visits.iter().any(|(entered, left)| *entered <= horizon && horizon < *left)
    }
}

/// What the reader gets of these records. `drained` are those it wrote to in this very request:
/// they are served as they stand even after they left. `whole` are those it asked for.
///
/// # Errors
/// If the database does not answer.
pub async fn shares(
    conn: &mut SqliteConnection,
    reading: &Reading,
    records: &[RecordId],
    drained: &BTreeSet<RecordId>,
    whole: &BTreeSet<RecordId>,
) -> Result<Vec<Share>> {
    let mut places = audience::places(conn, records).await?;
    let mut shares = Vec::with_capacity(records.len());
    for record in records {
        let places = places.remove(record).unwrap_or_default();
        let mut own: Vec<(Place, u64)> = places
            .into_iter()
            .filter_map(|place| reading.cursors.get(&place.audience).map(|cursor| (place, *cursor)))
            .collect();
        own.sort_unstable_by_key(|(place, _)| place.audience);
        shares.push(share(*record, &own, drained.contains(record), whole.contains(record)));
    }
    Ok(shares)
}

fn share(record: RecordId, own: &[(Place, u64)], drained: bool, whole: bool) -> Share {
    // The reader holds what it was given through an audience by its cursor and was not told to
    // leave.
    let held = own.iter().filter(|(place, cursor)| {
        place.entered <= *cursor && place.left.is_none_or(|left| left > *cursor)
    });
    let above = held.map(|(_, cursor)| *cursor).max();
    let present = own.iter().filter(|(place, _)| place.left.is_none());
    let audiences: Vec<Audience> = present.map(|(place, _)| place.audience).collect();
    let stays = drained || !audiences.is_empty();
    let gone = own.iter().filter_map(|(place, _)| place.left).max();
    // Someone whom it left may ask for it until the phone has confirmed that it is purged.
    let served = stays || above.is_some() || (whole && !own.is_empty());
    let left: Vec<&Place> = own
        .iter()
        .filter(|(place, cursor)| place.left.is_some_and(|left| left > *cursor))
        .map(|(place, _)| place)
        .collect();
    let visits = left.iter().map(|place| (place.entered, place.left.unwrap_or(u64::MAX)));
    Share {
        record,
        above: if whole { 0 } else { above.unwrap_or(0) },
        up_to: if stays { None } else { gone },
        audiences,
        served,
        left: left.iter().map(|place| Left { record, audience: place.audience }).collect(),
        visits: if served { Vec::new() } else { visits.collect() },
    }
}
