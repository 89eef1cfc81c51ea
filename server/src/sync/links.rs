//! Links between records, walked both ways: written with every accepted change, read by whoever
//! shows a record. A link may name what is not here yet, or what was removed since.

use std::collections::BTreeSet;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::rules::{Review, links, waits_for};

use super::load::{exact, list};
use super::rows::pieces;
use crate::Result;

/// Links of a record in one direction that are shown; hostile facts could make any number.
const LINKS_MAX: u32 = 200;

/// What a record is linked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// The records it names.
    pub names: Vec<LinkRow>,
    /// The records that name it.
    pub named_by: Vec<LinkRow>,
}

/// One link, seen from a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// The member, field or fact that names the other.
    pub field: String,
    /// The other record.
    pub record: RecordId,
    /// Its kind, where it is here.
    pub kind: Option<String>,
    /// Its site, where it is here: whoever shows it asks whether the reader may see that site.
    pub site: Option<SiteId>,
    /// Whether it is here.
    pub state: LinkState,
}

/// Whether the other record is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It is.
    Here,
    /// Nobody has sent it yet.
    Unknown,
    /// It was here, and purged when its time was over.
    Removed,
}

impl LinkState {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Unknown => "unknown",
            Self::Removed => "removed",
        }
    }
}

/// Writes the links of records that grew: few of them change theirs.
///
/// # Errors
/// If the database does not answer.
pub async fn write(conn: &mut SqliteConnection, reviews: &[&Review]) -> Result<()> {
    let mut now: BTreeSet<Row> = BTreeSet::new();
    let mut records = BTreeSet::new();
    for review in reviews {
        let waiting = waits_for(review);
        records.insert(review.record);
        now.extend(links(review).into_iter().map(|link| {
            let waits = link.field == "attached_to" && waiting.contains(&link.target);
            (review.record, link.field, link.target, waits)
        }));
    }
    let records: Vec<RecordId> = records.into_iter().collect();
    let before = stored(conn, &records).await?;
    for (record, field, target, _) in before.difference(&now) {
        sqlx::query("delete from link where record = ? and field = ? and target = ?")
            .bind(record.0.to_vec())
            .bind(field)
            .bind(target.0.to_vec())
            .execute(&mut *conn)
            .await?;
    }
    let new: Vec<&Row> = now.difference(&before).collect();
    for piece in pieces(&new) {
        let mut query =
            QueryBuilder::<Sqlite>::new("insert into link (record, field, target, waits) ");
        query.push_values(piece, |mut row, (record, field, target, waits)| {
            row.push_bind(record.0.to_vec())
                .push_bind(field.clone())
                .push_bind(target.0.to_vec())
                .push_bind(*waits);
        });
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// Record, field, target, and whether it waits for the target's end.
type Row = (RecordId, String, RecordId, bool);

async fn stored(conn: &mut SqliteConnection, records: &[RecordId]) -> Result<BTreeSet<Row>> {
    let mut found = BTreeSet::new();
    for piece in pieces(records) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select record, field, target, waits from link where record in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<(Vec<u8>, String, Vec<u8>, bool)> =
            query.build_query_as().fetch_all(&mut *conn).await?;
        for (record, field, target, waits) in rows {
            found.insert((RecordId(exact(&record)?), field, RecordId(exact(&target)?), waits));
        }
    }
    Ok(found)
}

/// The links of a record, both ways.
///
/// # Errors
/// If the database does not answer.
pub async fn of(conn: &mut SqliteConnection, record: RecordId) -> Result<Links> {
    // Retention marks what it purged in a column of its own, where it is there.
    let marked: bool = sqlx::query_scalar(
        "select exists(select 1 from pragma_table_info('record') where name = 'purged_ms')",
    )
    .fetch_one(&mut *conn)
    .await?;
    let names = walk(conn, record, ("target", "record"), marked).await?;
    let named_by = walk(conn, record, ("record", "target"), marked).await?;
    Ok(Links { names, named_by })
}

#[derive(sqlx::FromRow)]
struct Walked {
    field: String,
    other: Vec<u8>,
    kind: Option<String>,
    site: Option<u32>,
    purged: bool,
}

/// `other` is the column that holds the other record, `own` the one that holds this one.
async fn walk(
    conn: &mut SqliteConnection,
    record: RecordId,
    (other, own): (&'static str, &'static str),
    marked: bool,
) -> Result<Vec<LinkRow>> {
    let purged = if marked { "coalesce(r.purged_ms is not null, 0)" } else { "0" };
    let mut query = QueryBuilder::<Sqlite>::new(format!(
        "select l.field, l.{other} as other, r.kind, r.site, {purged} as purged
         from link l left join record r on r.record = l.{other} where l.{own} = "
    ));
    query.push_bind(record.0.to_vec());
    query.push(format!(" order by l.field, l.{other} limit "));
    query.push_bind(LINKS_MAX);
    let rows: Vec<Walked> = query.build_query_as().fetch_all(&mut *conn).await?;
    rows.into_iter()
        .map(|row| {
            let state = match (row.purged, row.site) {
                (true, _) => LinkState::Removed,
                (false, Some(_)) => LinkState::Here,
                (false, None) => LinkState::Unknown,
            };
            Ok(LinkRow {
                field: row.field,
                record: RecordId(exact(&row.other)?),
                kind: row.kind,
                site: row.site.map(SiteId),
                state,
            })
        })
        .collect()
}
