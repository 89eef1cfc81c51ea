//! Writing the days of commands, in the transaction that tells of them: one read and one write for
//! each device, however many commands it has sent of however few days.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::rules::account::{self, DatedBy, NumberRange};

use super::late;
use super::ranges::{Place, Placed, rewrite};
use crate::people::grant;
use crate::people::roster::{self, local};
use crate::sync::decide;
use crate::sync::load::{list, number};
use crate::sync::rows::pieces;
use crate::sync::write::{Planned, Poke};
use crate::{Error, Result};

/// News of a device's commands: each with its place, and whether its record says its site.
type News = BTreeMap<u64, (Place, bool)>;

/// Writes the days of what is told of here. What came before keeps its day; a record that was
/// opened meanwhile says its site. What comes for a day that was closed reopens it (R8.16).
///
/// # Errors
/// If the database does not answer.
pub async fn write(
    conn: &mut SqliteConnection,
    planned: &[Planned],
    now_ms: WallMs,
) -> Result<Vec<Poke>> {
    let mut news: BTreeMap<(DeviceId, PersonId), News> = BTreeMap::new();
    for Planned { plan, .. } in planned {
        for verdict in plan.verdicts.iter().filter(|verdict| verdict.is_kept()) {
            let author = verdict.author;
            if let Some(place) = plan.days.get(&author) {
                let of_device = news.entry((author.device, author.person)).or_default();
                of_device.insert(author.number, (*place, plan.site.is_some()));
            }
        }
    }
    let mut pokes = Vec::new();
    for ((device, person), news) in news {
        pokes.extend(of_device(conn, (device, person), news, now_ms).await?);
    }
    Ok(pokes)
}

async fn of_device(
    conn: &mut SqliteConnection,
    (device, person): (DeviceId, PersonId),
    news: News,
    now_ms: WallMs,
) -> Result<Vec<Poke>> {
    let (Some((from, _)), Some((to, _))) = (news.first_key_value(), news.last_key_value()) else {
        return Ok(Vec::new());
    };
    let known = known(conn, device, (from.saturating_sub(1), to.saturating_add(1))).await?;
    let mut come: BTreeMap<u64, Place> = news
        .into_iter()
        .filter_map(|(number, (place, of_record))| {
            Some((number, arrived(&known, number, place, of_record)?))
        })
        .collect();
    if come.is_empty() {
        return Ok(Vec::new());
    }
    let pokes = late::mark(conn, (device, person), &mut come, now_ms).await?;
    put(conn, (device, person), (&known, &come)).await?;
    Ok(pokes)
}

/// The place of a command that comes to it now; none for one that stays where it is.
fn arrived(known: &[Placed], number: u64, place: Place, of_record: bool) -> Option<Place> {
    let at = known.partition_point(|range| range.to < number);
    match known.get(at).filter(|range| range.from <= number).map(|range| range.place) {
        None => Some(place),
        Some(before) if before.dated == DatedBy::Told => Some(place),
        Some(before) if of_record && before.site != place.site => {
            Some(Place { site: place.site, desk_case: None, ..before })
        }
        Some(_) => None,
    }
}

type Row = (i64, i64, Option<u32>, String, String, Option<i64>);

/// The ranges of a device that hold or lie between two numbers, in order.
async fn known(
    conn: &mut SqliteConnection,
    device: DeviceId,
    (from, to): (u64, u64),
) -> Result<Vec<Placed>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select from_number, to_number, site, day, dated, desk_case from account_day_row
         where device = ? and from_number >= coalesce((select max(from_number)
             from account_day_row where device = ? and from_number <= ?), 0)
           and from_number <= ?
         order by from_number",
    )
    .bind(device.0)
    .bind(device.0)
    .bind(number(from))
    .bind(number(to))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(placed).collect()
}

fn placed((from, to, site, day, dated, desk_case): Row) -> Result<Placed> {
    let day = day.parse().map_err(|_| Error::Broken("a day in the database is none"))?;
    let dated = DatedBy::from_code(&dated).ok_or(Error::Broken("a day that nobody knows"))?;
    let place = Place { site: site.map(SiteId), day, dated, desk_case };
    Ok(Placed { from: from.unsigned_abs(), to: to.unsigned_abs(), place })
}

async fn put(
    conn: &mut SqliteConnection,
    (device, person): (DeviceId, PersonId),
    (known, news): (&[Placed], &BTreeMap<u64, Place>),
) -> Result<()> {
    let rewrite = rewrite(known, news);
    for piece in pieces(&rewrite.gone) {
        let mut query = QueryBuilder::<Sqlite>::new("delete from account_day_row where device = ");
        query.push_bind(device.0).push(" and from_number in ");
        list(&mut query, piece.iter().map(|from| number(*from)));
        query.build().execute(&mut *conn).await?;
    }
    insert(conn, (device, person), &rewrite.new).await
}

async fn insert(
    conn: &mut SqliteConnection,
    (device, person): (DeviceId, PersonId),
    ranges: &[Placed],
) -> Result<()> {
    for piece in pieces(ranges) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into account_day_row (device, from_number, to_number, person, site, day,
               dated, desk_case) ",
        );
        query.push_values(piece, |mut row, Placed { from, to, place }| {
            row.push_bind(device.0)
                .push_bind(number(*from))
                .push_bind(number(*to))
                .push_bind(person.0)
                .push_bind(place.site.map(|site| site.0))
                .push_bind(place.day.to_string())
                .push_bind(place.dated.code())
                .push_bind(place.desk_case);
        });
        query.push(
            " on conflict (device, from_number) do update set to_number = excluded.to_number,
               person = excluded.person, site = excluded.site, day = excluded.day,
               dated = excluded.dated, desk_case = excluded.desk_case",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// Notes numbers that a device has told of and that have not come: of the day of its word, until
/// they come and say their own. R8.15.
///
/// # Errors
/// If the database does not answer.
pub async fn told(conn: &mut SqliteConnection, device: DeviceId, now_ms: WallMs) -> Result<()> {
    let said: Option<(u32, i64, i64, i64)> = sqlx::query_as(
        "select d.person, d.first_number, d.highest_number,
           (select coalesce(sum(r.to_number - r.from_number + 1), 0) from account_day_row r
             where r.device = d.device and r.from_number >= d.first_number
               and r.from_number <= d.highest_number)
         from device d where d.device = ?",
    )
    .bind(device.0)
    .fetch_optional(&mut *conn)
    .await?;
    let Some((person, first, highest, noted)) = said else { return Ok(()) };
    if noted >= highest.saturating_add(1).saturating_sub(first) {
        return Ok(());
    }
    let all = NumberRange { from: first.unsigned_abs(), to: highest.unsigned_abs() };
    let noted = known(conn, device, (all.from, all.to)).await?;
    let noted = noted.iter().map(|range| NumberRange { from: range.from, to: range.to });
    let missing = account::missing(all, noted);
    let (site, day) = home(conn, PersonId(person), now_ms).await?;
    let place = Place { site, day, dated: DatedBy::Told, desk_case: None };
    let new = missing.into_iter().map(|NumberRange { from, to }| Placed { from, to, place });
    let new: Vec<Placed> = new.collect();
    insert(conn, (device, PersonId(person)), &new).await
}

/// Numbers that a device never gave, since it began above them, are no day's: what was noted of
/// them while it had not said so goes. One range may reach above its beginning.
///
/// # Errors
/// If the database does not answer.
pub async fn forget_told(conn: &mut SqliteConnection, device: DeviceId) -> Result<()> {
    let reaches = "update account_day_row set from_number = d.first_number from device d
         where d.device = account_day_row.device and account_day_row.device = ?
           and dated = 'told' and from_number < d.first_number and to_number >= d.first_number";
    let below = "delete from account_day_row where device = ?1 and dated = 'told'
           and from_number < (select first_number from device where device = ?1)";
    for sql in [reaches, below] {
        sqlx::query(sql).bind(device.0).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Where a person works now, and today's date there; by UTC where the site has no policy.
async fn home(
    conn: &mut SqliteConnection,
    person: PersonId,
    now_ms: WallMs,
) -> Result<(Option<SiteId>, NaiveDate)> {
    let site = decide::home(&grant::principal(conn, person).await?, now_ms);
    let zone = match site {
        Some(site) => match roster::zone(conn, site).await {
            Ok(zone) => zone,
            Err(Error::Problem { .. }) => chrono_tz::UTC,
            Err(error) => return Err(error),
        },
        None => chrono_tz::UTC,
    };
    Ok((site, local::date(zone, now_ms, 0)))
}

/// The days of which these are.
pub(super) fn days(places: &BTreeMap<u64, Place>) -> BTreeSet<(SiteId, NaiveDate)> {
    places.values().filter_map(|place| Some((place.site?, place.day))).collect()
}
