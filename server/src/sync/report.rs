//! What phones say of themselves, and what of theirs does not read.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::protocol::limits::LIMITS;

use super::account_day;
use super::decide::{DeskCase, QUOTA};
use super::load::{self, number};
use super::log::Why;
use super::push::Push;
use super::write::{self, Planned, Poke};
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
    if state.numbers_after.is_some() {
        account_day::forget_told(conn, *device).await?;
    }
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
    let phones = load::phones(conn, &BTreeSet::from([*device])).await?;
    let used = phones.get(device).map_or(0, |phone| phone.quarantine_bytes);
    let length = bytes.len() as u64;
    if used.saturating_add(length) > LIMITS.quarantine_bytes_max {
        return no_room(conn, (*person, *device), None, length, *now_ms).await.map(|_| ());
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
    // One case for all of a device's: a phone divides what was refused and sends the parts again.
    let open: i64 = sqlx::query_scalar(
        "select count(*) from desk_case where device = ? and person = ? and record is null
           and kind = 'refused' and closed_ms is null",
    )
    .bind(device.0)
    .bind(person.0)
    .fetch_one(&mut *conn)
    .await?;
    if open == 0 {
        write::desk_case(conn, None, None, &case, *now_ms).await?;
    }
    write::use_quota(conn, *device, number(length), *now_ms).await
}

/// Opens a case when a device's quota has no room for what it pushed: one, until space is given
/// back. R5.24.
///
/// # Errors
/// If the database does not answer.
pub async fn quota_full(
    conn: &mut SqliteConnection,
    push: &Push,
    planned: &[Planned],
    site: Option<SiteId>,
) -> Result<Option<Poke>> {
    let needed = planned.iter().filter_map(|planned| {
        let mut whys = planned.plan.verdicts.iter().filter_map(|v| v.why.as_ref());
        whys.find(|why| why.code == QUOTA)?.params.get("bytes")?.parse::<u64>().ok()
    });
    let needed: u64 = needed.fold(0, u64::saturating_add);
    if needed == 0 {
        return Ok(None);
    }
    let (person, device) = (push.person, push.device);
    no_room(conn, (person, device), site, needed, push.now_ms).await
}

/// The one open case of a device whose quota has no room.
async fn no_room(
    conn: &mut SqliteConnection,
    (person, device): (PersonId, DeviceId),
    site: Option<SiteId>,
    needed: u64,
    now_ms: WallMs,
) -> Result<Option<Poke>> {
    // Whoever lacks room for more than the quota waits for all of it.
    let needed = needed.min(LIMITS.quarantine_bytes_max);
    let open: i64 = sqlx::query_scalar(
        "select count(*) from desk_case where device = ? and kind = ? and closed_ms is null",
    )
    .bind(device.0)
    .bind(QUOTA)
    .fetch_one(&mut *conn)
    .await?;
    if open > 0 {
        return Ok(None);
    }
    let why = Why::new(QUOTA).with("bytes", needed);
    let case = DeskCase { kind: QUOTA, person, device, from: 0, to: 0, why };
    write::desk_case(conn, site, None, &case, now_ms).await?;
    Ok(site.map(Poke::office))
}
