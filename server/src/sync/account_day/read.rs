//! The account of a site's day: a row for each person and device, with what became of the commands
//! of that day and up to when that is known. Reads only the day's ranges and the receipts that they
//! touch.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::protocol::message::Outcome;
use sync_core::rules::account::{
    Accounted, Became, DatedBy, Equation, Known, NumberRange, account,
};

use super::close::{Closing, closing};
use crate::sync::load::number;
use crate::{Error, Result};

/// The account of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayAccount {
    /// By person and device.
    pub rows: Vec<DeviceDay>,
    /// There is more than one answer holds; the sums are of the rows.
    pub more: bool,
    /// The sum of the rows.
    pub total: Equation,
    /// The last closing, if there was one.
    pub closing: Option<Closing>,
}

/// What a person saved on a device on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceDay {
    /// The person.
    pub person: PersonId,
    /// Its name.
    pub person_name: String,
    /// The device.
    pub device: DeviceId,
    /// What its person calls it.
    pub device_name: String,
    /// What became of it, and which numbers have not come.
    pub accounted: Accounted,
    /// How many of them are of this day because they were received on it: when they were written
    /// cannot be verified.
    pub received: u64,
    /// How many of them came after the day was closed.
    pub late: u64,
    /// The highest number that the phone has told of.
    pub up_to: u64,
    /// When it told last.
    pub told_ms: Option<WallMs>,
    /// How far its work of the day is known.
    pub known: Known,
}

/// Devices of one answer.
pub const DEVICES_MAX: u64 = 1_000;
/// Ranges of numbers, and of receipts, that one answer is made from; few where tests look.
const RANGES_MAX: u64 = if cfg!(test) { 8 } else { 20_000 };

/// The account of a site's day, which lasts from `from_ms` to `to_ms`, exclusive. R8.14.
///
/// # Errors
/// If the database does not answer.
pub async fn read(
    conn: &mut SqliteConnection,
    (site, day): (SiteId, &str),
    span_ms: (WallMs, WallMs),
) -> Result<DayAccount> {
    let mut phones = phones(conn, (site, day), span_ms).await?;
    let (mut saved, saved_cut) = saved(conn, (site, day)).await?;
    let (mut told, told_cut) = told(conn, (site, day)).await?;
    let cut = saved_cut.into_iter().chain(told_cut).min();
    let more = phones.len() as u64 > DEVICES_MAX || cut.is_some();
    // Of these not everything was read: what is shown is right, and says that there is more.
    phones.retain(|phone| cut.is_none_or(|cut| phone.device < cut.0));
    phones.truncate(usize::try_from(DEVICES_MAX).unwrap_or(usize::MAX));
    let mut total = Equation::default();
    let rows = phones.into_iter().map(|phone| {
        let device = DeviceId(phone.device);
        let ranges = saved.remove(&device).unwrap_or_default();
        let row = phone.day(&ranges, &told.remove(&device).unwrap_or_default(), span_ms.1);
        total = total.plus(row.accounted.equation);
        row
    });
    let rows = rows.collect();
    let closing = closing(conn, (site, day)).await?;
    Ok(DayAccount { rows, more, total, closing })
}

#[derive(sqlx::FromRow)]
struct Phone {
    device: u32,
    person: u32,
    person_name: String,
    name: String,
    highest_number: i64,
    contact_ms: Option<i64>,
}

impl Phone {
    fn day(self, ranges: &[Saved], told: &[(NumberRange, Became)], end_ms: WallMs) -> DeviceDay {
        let numbers: Vec<NumberRange> = ranges.iter().map(|saved| saved.numbers).collect();
        let count = |wanted: fn(&Saved) -> bool| {
            let those = ranges.iter().filter(|saved| wanted(saved));
            those.fold(0_u64, |sum, saved| sum.saturating_add(saved.numbers.count()))
        };
        DeviceDay {
            person: PersonId(self.person),
            person_name: self.person_name,
            device: DeviceId(self.device),
            device_name: self.name,
            accounted: account(&numbers, told),
            received: count(|saved| saved.dated == DatedBy::Received),
            late: count(|saved| saved.is_late),
            up_to: self.highest_number.unsigned_abs(),
            told_ms: self.contact_ms,
            known: Known::of(self.contact_ms, end_ms),
        }
    }
}

/// The phones with work of the day, and those of the site's staff that may have some: also one that
/// nobody has heard of.
async fn phones(
    conn: &mut SqliteConnection,
    (site, day): (SiteId, &str),
    (from_ms, to_ms): (WallMs, WallMs),
) -> Result<Vec<Phone>> {
    let rows = sqlx::query_as(
        "select d.device, d.person, p.name as person_name, d.name, d.highest_number, d.contact_ms
         from device d join person p on p.person = d.person
         where d.device in (select device from account_day_row where site = ?1 and day = ?2)
           or (d.public_key is not null and d.enrolled_ms < ?4
             and (d.revoked_ms is null or d.revoked_ms >= ?3)
             and (p.disabled_ms is null or p.disabled_ms >= ?3)
             and d.person in (select person from role_grant g where g.site = ?1
               and g.ended_epoch is null
               and g.from_ms < ?4 and (g.to_ms is null or g.to_ms > ?3)))
         order by d.person, d.device limit ?5",
    )
    .bind(site.0)
    .bind(day)
    .bind(from_ms)
    .bind(to_ms)
    .bind(number(DEVICES_MAX + 1))
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

struct Saved {
    numbers: NumberRange,
    dated: DatedBy,
    is_late: bool,
}

/// The numbers of the day by device, in order; and from which device on not all were read.
async fn saved(
    conn: &mut SqliteConnection,
    (site, day): (SiteId, &str),
) -> Result<(BTreeMap<DeviceId, Vec<Saved>>, Option<DeviceId>)> {
    let rows: Vec<(u32, i64, i64, String, bool)> = sqlx::query_as(
        "select device, from_number, to_number, dated, desk_case is not null from account_day_row
         where site = ? and day = ? order by device, from_number limit ?",
    )
    .bind(site.0)
    .bind(day)
    .bind(number(RANGES_MAX + 1))
    .fetch_all(conn)
    .await?;
    let cut = rows.last().filter(|_| rows.len() as u64 > RANGES_MAX).map(|row| DeviceId(row.0));
    let mut saved: BTreeMap<DeviceId, Vec<Saved>> = BTreeMap::new();
    for (device, from, to, dated, is_late) in rows {
        let numbers = NumberRange { from: from.unsigned_abs(), to: to.unsigned_abs() };
        let dated = DatedBy::from_code(&dated).ok_or(Error::Broken("a day that nobody knows"))?;
        saved.entry(DeviceId(device)).or_default().push(Saved { numbers, dated, is_late });
    }
    Ok((saved, cut))
}

/// What was told of the day's devices, as far as their numbers of the day reach.
async fn told(
    conn: &mut SqliteConnection,
    (site, day): (SiteId, &str),
) -> Result<(BTreeMap<DeviceId, Vec<(NumberRange, Became)>>, Option<DeviceId>)> {
    let rows: Vec<(u32, i64, i64, String)> = sqlx::query_as(
        "with reach as (
           select device, min(from_number) as low, max(to_number) as high from account_day_row
           where site = ? and day = ? group by device)
         select r.device, r.from_number, r.to_number, r.outcome
         from reach d join receipt r on r.device = d.device
           and r.from_number >= coalesce((select max(b.from_number) from receipt b
             where b.device = d.device and b.from_number <= d.low), 0)
           and r.from_number <= d.high
         order by r.device, r.from_number limit ?",
    )
    .bind(site.0)
    .bind(day)
    .bind(number(RANGES_MAX + 1))
    .fetch_all(conn)
    .await?;
    let cut = rows.last().filter(|_| rows.len() as u64 > RANGES_MAX).map(|row| DeviceId(row.0));
    let mut told: BTreeMap<DeviceId, Vec<(NumberRange, Became)>> = BTreeMap::new();
    for (device, from, to, outcome) in rows {
        let numbers = NumberRange { from: from.unsigned_abs(), to: to.unsigned_abs() };
        let outcome = Outcome::from_code(&outcome);
        let outcome = outcome.ok_or(Error::Broken("a receipt without an outcome"))?;
        told.entry(DeviceId(device)).or_default().push((numbers, became(outcome)));
    }
    Ok((told, cut))
}

fn became(outcome: Outcome) -> Became {
    match outcome {
        Outcome::Entered | Outcome::Rewritten => Became::Accepted,
        Outcome::Held => Became::Held,
        // What is not stored has no receipt.
        Outcome::Refused | Outcome::NotStored => Became::Refused,
    }
}
