//! What phones say of themselves, and what of theirs does not read.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;
use sync_core::protocol::limits::LIMITS;

use super::decide::DeskCase;
use super::load::{self, number};
use super::log::Why;
use super::write;
use super::writer::{Report, Unreadable};
use crate::{Error, Result};

/// Writes a device's state and its contact.
///
/// # Errors
/// If the database does not answer.
pub async fn write(conn: &mut SqliteConnection, report: &Report) -> Result<()> {
    let Report { device, state, clock, contact, now_ms, .. } = report;
    sqlx::query(
        "update device set contact_ms = ?1, highest_number = max(highest_number, ?2), unsent = ?3,
           oldest_unsent_wall_ms = ?4, app_version = ?5,
           told_boot = case when highest_number < ?2 then ?8 else told_boot end,
           told_monotonic_ms = case when highest_number < ?2 then ?9 else told_monotonic_ms end,
           told_ms = case when highest_number < ?2 then ?1 else told_ms end,
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
    .bind(clock.boot.0.to_vec())
    .bind(clock.monotonic_ms)
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
