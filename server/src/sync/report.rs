//! What phones say of themselves, and the gaps it shows in what the server has.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;
use sync_core::protocol::limits::LIMITS;

use super::account_day;
use super::decide::DeskCase;
use super::load::{self, number};
use super::log::Why;
use super::push::Push;
use super::write;
use super::writer::{Report, Unreadable};
use crate::{Error, Result};

/// Writes a device's state and its contact.
///
/// # Errors
/// If the database does not answer.
pub async fn write(conn: &mut SqliteConnection, report: &Report) -> Result<()> {
    let Report { device, state, contact, now_ms } = report;
    sqlx::query(
        "update device set contact_ms = ?1, highest_number = max(highest_number, ?2), unsent = ?3,
           oldest_unsent_wall_ms = ?4, app_version = ?5,
           first_number = case when first_number = 1 and not exists (
               select 1 from receipt r where r.device = device.device and r.from_number < ?6)
             then coalesce(?6, first_number) else first_number end
         where device = ?7",
    )
    .bind(now_ms)
    .bind(number(state.highest_number))
    .bind(number(state.unsent))
    .bind(state.oldest_unsent_wall_ms)
    .bind(&state.app_version)
    .bind(state.numbers_after.map(|before| number(before.saturating_add(1))))
    .bind(device.0)
    .execute(&mut *conn)
    .await?;
    let phones = load::phones(conn, &BTreeSet::from([*device])).await?;
    let mut confirmed = phones.get(device).cloned().unwrap_or_default().confirmed;
    confirmed.add(contact.clone());
    while let [oldest, next, ..] = confirmed.contacts()
        && load::all_decided(conn, *device, (oldest.number, next.number)).await?
    {
        confirmed.drop_oldest();
    }
    let contacts = serde_json::to_string(confirmed.contacts())
        .map_err(|_| Error::Broken("contacts do not write as JSON"))?;
    sqlx::query(
        "insert into phone (device, confirmed_number, confirmed_epoch, confirmed)
         values (?, ?, ?, ?)
         on conflict (device) do update set confirmed_number = excluded.confirmed_number,
           confirmed_epoch = excluded.confirmed_epoch, confirmed = excluded.confirmed",
    )
    .bind(device.0)
    .bind(number(contact.number))
    .bind(contact.epoch)
    .bind(contacts)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// Keeps packs that do not read, once each and within the device's quota.
///
/// # Errors
/// If the database does not answer.
pub async fn keep_unreadable(conn: &mut SqliteConnection, unreadable: &Unreadable) -> Result<()> {
    let Unreadable { person, device, bytes, now_ms } = unreadable;
    let phones = load::phones(conn, &BTreeSet::from([*device])).await?;
    let used = phones.get(device).map_or(0, |phone| phone.quarantine_bytes);
    let length = bytes.len() as u64;
    if used.saturating_add(length) > LIMITS.quarantine_bytes_max {
        return Ok(());
    }
    let kept: i64 = sqlx::query_scalar(
        "select count(*) from quarantine where device = ? and number is null and bytes = ?",
    )
    .bind(device.0)
    .bind(bytes.as_slice())
    .fetch_one(&mut *conn)
    .await?;
    if kept > 0 {
        return Ok(());
    }
    sqlx::query(
        "insert into quarantine (at_ms, person, device, code, bytes) values (?, ?, ?, ?, ?)",
    )
    .bind(now_ms)
    .bind(person.0)
    .bind(device.0)
    .bind("unreadable")
    .bind(bytes.as_slice())
    .execute(&mut *conn)
    .await?;
    let case = DeskCase {
        kind: "refused",
        person: *person,
        device: *device,
        from: 0,
        to: 0,
        why: Why::new("unreadable"),
    };
    write::desk_case(conn, None, None, &case, *now_ms).await?;
    write::use_quota(conn, *device, number(length)).await
}

/// Opens a case when a phone that has saved up to `highest` and has nothing more to send than this
/// push lacks numbers; the account notes them as told of.
///
/// # Errors
/// If the database does not answer.
pub async fn number_gap(conn: &mut SqliteConnection, push: &Push, highest: u64) -> Result<()> {
    if highest == 0 {
        return Ok(());
    }
    let first: i64 = sqlx::query_scalar("select first_number from device where device = ?")
        .bind(push.device.0)
        .fetch_optional(&mut *conn)
        .await?
        .unwrap_or(1);
    let first = first.unsigned_abs();
    let told: Option<i64> = sqlx::query_scalar(
        "select sum(to_number - from_number + 1) from receipt
         where device = ? and from_number <= ?",
    )
    .bind(push.device.0)
    .bind(number(highest))
    .fetch_one(&mut *conn)
    .await?;
    if told.unwrap_or(0).unsigned_abs() >= highest.saturating_add(1).saturating_sub(first) {
        return Ok(());
    }
    account_day::told(conn, push.device, push.now_ms).await?;
    let mut known = BTreeSet::new();
    let cases: Vec<(i64, i64)> = sqlx::query_as(
        "select from_number, to_number from desk_case where device = ? and kind = 'number_gap'",
    )
    .bind(push.device.0)
    .fetch_all(&mut *conn)
    .await?;
    known.extend(cases.into_iter().map(|(from, to)| (from.unsigned_abs(), to.unsigned_abs())));
    let mut next = first;
    let ranges = load::receipts(conn, push.device, (first, highest)).await?;
    let ends = ranges
        .iter()
        .map(|range| (range.from, range.to))
        .chain([(highest.saturating_add(1), highest)]);
    for (from, to) in ends {
        if next < from && !known.contains(&(next, from - 1)) {
            let case = DeskCase {
                kind: "number_gap",
                person: push.person,
                device: push.device,
                from: next,
                to: from - 1,
                why: Why::new("numbers_missing"),
            };
            write::desk_case(conn, None, None, &case, push.now_ms).await?;
        }
        next = to.saturating_add(1);
    }
    Ok(())
}
