//! The duty roster: shifts from a sheet, swaps that a supervisor approves, and who is on duty. Who
//! may ask for it is decided by HTTP; the order of an alarm is `sync_core::rules::roster`'s.

pub mod import;
mod line;
pub mod local;
pub mod swap;

#[cfg(test)]
mod tests;

use chrono::NaiveDate;
use chrono_tz::Tz;
use sqlx::SqliteConnection;
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::RoleGrant;
use sync_core::model::roster::{Duty, Shift};
use sync_core::model::time::WallMs;

use super::place;
use crate::{Error, Result};

pub use self::line::COLUMNS;
pub use crate::import::{FILE_BYTES_MAX, ROWS_MAX};

/// A shift with the date of its line in the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// The date, in the site's zone.
    pub date: NaiveDate,
    /// The shift.
    pub shift: Shift,
}

/// Whom an alarm at a site can reach: shifts around now and grants, without disabled people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnCall {
    /// Shifts of that time, all duties.
    pub shifts: Vec<Shift>,
    /// Grants of the site that are not ended.
    pub grants: Vec<RoleGrant>,
}

/// Days that phones hold after today.
const DAYS_AHEAD: i64 = 8;

/// A site's zone.
///
/// # Errors
/// If there is no such site.
pub async fn zone(conn: &mut SqliteConnection, site: SiteId) -> Result<Tz> {
    let policy = place::policy(conn, site).await?;
    policy.time_zone.parse().map_err(|_| Error::Broken("a policy whose zone is none"))
}

/// The shifts of these dates, both included, by date, time, duty and rank.
///
/// # Errors
/// If the database does not answer.
pub async fn between(
    conn: &mut SqliteConnection,
    site: SiteId,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Dated>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, date, duty, person, from_ms, to_ms, rank from shift
         where site = ? and date >= ? and date <= ? and removed_ms is null
         order by date, from_ms, duty, rank, person, id",
    )
    .bind(site.0)
    .bind(from.to_string())
    .bind(to.to_string())
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::dated).collect()
}

/// What a phone holds of a site's roster: shifts that touch yesterday to eight days ahead.
///
/// # Errors
/// If the database does not answer.
pub async fn window(
    conn: &mut SqliteConnection,
    site: SiteId,
    now_ms: WallMs,
) -> Result<Vec<Shift>> {
    let zone = zone(conn, site).await?;
    let from_ms = local::midnight(zone, local::date(zone, now_ms, -1));
    let to_ms = local::midnight(zone, local::date(zone, now_ms, DAYS_AHEAD + 1));
    touching(conn, site, from_ms, to_ms).await
}

/// Whom an alarm can reach between two moments, both included.
///
/// # Errors
/// If the database does not answer.
pub async fn on_call(
    conn: &mut SqliteConnection,
    site: SiteId,
    (from_ms, to_ms): (WallMs, WallMs),
) -> Result<OnCall> {
    let disabled: Vec<u32> =
        sqlx::query_scalar("select person from person where disabled_ms is not null")
            .fetch_all(&mut *conn)
            .await?;
    let comes_in = |person: PersonId| !disabled.contains(&person.0);
    let mut shifts = touching(conn, site, from_ms, to_ms + 1).await?;
    shifts.retain(|shift| comes_in(shift.person));
    let mut grants = super::grant::of_site(conn, site).await?;
    grants.retain(|grant| grant.ended.is_none() && comes_in(grant.person));
    Ok(OnCall { shifts, grants })
}

async fn touching(
    conn: &mut SqliteConnection,
    site: SiteId,
    from_ms: WallMs,
    to_ms: WallMs,
) -> Result<Vec<Shift>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, date, duty, person, from_ms, to_ms, rank from shift
         where site = ? and to_ms > ? and from_ms < ? and removed_ms is null
         order by from_ms, duty, rank, person, id",
    )
    .bind(site.0)
    .bind(from_ms)
    .bind(to_ms)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| row.dated().map(|dated| dated.shift)).collect()
}

/// Whether a day has begun at a site that phones were not told of yet, see [`begin_day`].
///
/// # Errors
/// If there is no such site.
pub async fn is_new_day(conn: &mut SqliteConnection, site: SiteId, now_ms: WallMs) -> Result<bool> {
    let zone = zone(conn, site).await?;
    let told: Option<i64> =
        sqlx::query_scalar("select 1 from roster_day where site = ? and date = ?")
            .bind(site.0)
            .bind(local::date(zone, now_ms, 0).to_string())
            .fetch_optional(conn)
            .await?;
    Ok(told.is_none())
}

/// Notes that a day has begun at a site, and tells phones to take the window again where the site
/// has a roster. Does nothing the second time; answers whether it was the first.
///
/// # Errors
/// If there is no such site.
pub async fn begin_day(conn: &mut SqliteConnection, site: SiteId, now_ms: WallMs) -> Result<bool> {
    let zone = zone(conn, site).await?;
    let begun = sqlx::query(
        "insert into roster_day (site, date) values (?, ?) on conflict (site, date) do nothing",
    )
    .bind(site.0)
    .bind(local::date(zone, now_ms, 0).to_string())
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if begun == 1 && !window(conn, site, now_ms).await?.is_empty() {
        super::reference_changed(conn).await?;
    }
    Ok(begun == 1)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    date: String,
    duty: String,
    person: u32,
    from_ms: i64,
    to_ms: i64,
    rank: u32,
}

impl Row {
    fn dated(self) -> Result<Dated> {
        let duty = Duty::from_code(&self.duty).ok_or(Error::Broken("a duty that is none"))?;
        let date = self.date.parse().map_err(|_| Error::Broken("a roster date that is none"))?;
        let shift = Shift {
            id: self.id,
            person: PersonId(self.person),
            duty,
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            rank: self.rank,
        };
        Ok(Dated { date, shift })
    }
}
