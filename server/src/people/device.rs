//! Devices: phones with a certified key, and the office's cookie sessions. Who is behind a token,
//! and whether it may still come in.

use ed25519_dalek::VerifyingKey;
use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::model::time::WallMs;
use sync_core::protocol::identity::Certificate;
use sync_core::protocol::problem::ProblemCode;

use super::{Act, audit, owed};
use crate::ledger::{Befell, Event};
use crate::sync::Bearer;
use crate::{Error, Result};

/// A device as the office sees it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Device {
    /// The number.
    pub device: u32,
    /// Whose it is.
    pub person: u32,
    /// The person's name.
    pub person_name: String,
    /// What the person calls it.
    pub name: String,
    /// Since when it is known.
    pub enrolled_ms: WallMs,
    /// Since when it may no longer come in.
    pub revoked_ms: Option<WallMs>,
    /// Since when it is lost.
    pub lost_ms: Option<WallMs>,
    /// Since when it is locked.
    pub locked_ms: Option<WallMs>,
    /// When it last reported.
    pub contact_ms: Option<WallMs>,
    /// The highest command number it has reported.
    pub highest_number: i64,
    /// Commands it last said were saved and without a receipt.
    pub unsent: i64,
    /// When the oldest of them was saved, by its own clock.
    pub oldest_unsent_wall_ms: Option<WallMs>,
    /// Its app's version.
    pub app_version: Option<String>,
}

/// Every phone, by number.
///
/// # Errors
/// If the database does not answer.
pub async fn phones(conn: &mut SqliteConnection) -> Result<Vec<Device>> {
    let devices = sqlx::query_as(
        "select d.device, d.person, p.name as person_name, d.name, d.enrolled_ms, d.revoked_ms,
           d.lost_ms, d.locked_ms,
           d.contact_ms, d.highest_number, d.unsent, d.oldest_unsent_wall_ms, d.app_version
         from device d join person p on p.person = d.person
         where d.public_key is not null order by d.device",
    )
    .fetch_all(conn)
    .await?;
    Ok(devices)
}

/// From the next request on the device comes in no more. Its unsent work can still be handed in by
/// another device: the chain of signatures shows whose it is.
///
/// # Errors
/// If there is no such device.
pub async fn revoke(conn: &mut SqliteConnection, act: Act, device: DeviceId) -> Result<()> {
    let person: Option<u32> = sqlx::query_scalar(REVOKE)
        .bind(act.at_ms)
        .bind(device.0)
        .fetch_optional(&mut *conn)
        .await?;
    owe(conn, act, (device, person), Befell::Revoked).await?;
    audit::append(conn, act, "device_revoked", &json!({ "device": device })).await
}

/// The ledger has it before it holds.
async fn owe(
    conn: &mut SqliteConnection,
    act: Act,
    (device, person): (DeviceId, Option<u32>),
    what: Befell,
) -> Result<()> {
    let person = PersonId(person.ok_or(Error::problem(ProblemCode::NotFound))?);
    owed::owe(conn, &Event::Device { device, person, what, at: act.at_ms }).await
}

/// What the ledger says of a device, done again; says whether there is such a device.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn befell(
    conn: &mut SqliteConnection,
    who: Bearer,
    what: Befell,
    at_ms: WallMs,
) -> Result<bool> {
    let (sql, since_ms) = match what {
        Befell::Revoked => (REVOKE, Some(at_ms)),
        Befell::Locked => (LOCK, Some(at_ms)),
        Befell::Unlocked => (LOCK, None),
        Befell::Lost => (LOSE, Some(at_ms)),
        Befell::Found => (LOSE, None),
    };
    // An installation of an earlier version may have given the number twice.
    let person: Option<u32> = sqlx::query_scalar("select person from device where device = ?")
        .bind(who.device.0)
        .fetch_optional(&mut *conn)
        .await?;
    if person != Some(who.person.0) {
        return Ok(false);
    }
    sqlx::query(sql).bind(since_ms).bind(who.device.0).execute(conn).await?;
    Ok(true)
}

const REVOKE: &str = "update device set revoked_ms = coalesce(revoked_ms, ?) where device = ?
     returning person";

/// Puts a device back that this installation has certified and a restored database has lost. It
/// comes in no more: nobody knows what became of it meanwhile.
///
/// # Errors
/// If the number is another device's by now, or the database does not answer.
pub async fn restore(
    conn: &mut SqliteConnection,
    certificate: &Certificate,
    key: &VerifyingKey,
    now_ms: WallMs,
) -> Result<()> {
    let json = serde_json::to_string(certificate)
        .map_err(|_| Error::Broken("a certificate does not write"))?;
    let added = sqlx::query(
        "insert into device (device, person, name, public_key, certificate, enrolled_ms, revoked_ms)
         values (?, ?, '', ?, ?, ?, ?) on conflict (device) do nothing",
    )
    .bind(certificate.device.0)
    .bind(certificate.person.0)
    .bind(key.as_bytes().to_vec())
    .bind(json)
    .bind(certificate.issued_ms)
    .bind(now_ms)
    .execute(&mut *conn)
    .await?;
    if added.rows_affected() == 1 {
        return Ok(());
    }
    // Two may bring its work at once: it is back already.
    let same: bool = sqlx::query_scalar(
        "select exists (select 1 from device where device = ? and person = ? and public_key = ?)",
    )
    .bind(certificate.device.0)
    .bind(certificate.person.0)
    .bind(key.as_bytes().to_vec())
    .fetch_one(conn)
    .await?;
    if same { Ok(()) } else { Err(Error::problem(ProblemCode::ChainBroken)) }
}

/// What befalls a device for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Befalls {
    /// The office locks it.
    Locked,
    /// The office unlocks it.
    Unlocked,
    /// Its person has lost it.
    Lost,
    /// It is at hand again: what it has saved comes in as if nothing had been.
    Found,
}

/// Since when a device is out for good or for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    /// Whose it is.
    pub person: u32,
    /// Since when it may no longer come in.
    pub revoked_ms: Option<WallMs>,
    /// Since when it is locked.
    pub locked_ms: Option<WallMs>,
    /// Since when it is lost.
    pub lost_ms: Option<WallMs>,
}

const LOCK: &str = "update device set locked_ms = ? where device = ? and public_key is not null
     returning person, revoked_ms, locked_ms, lost_ms";
const LOSE: &str = "update device set lost_ms = ? where device = ? and public_key is not null
     returning person, revoked_ms, locked_ms, lost_ms";

/// From the next request on a locked or lost device comes in no more, until it is unlocked or
/// found. It keeps what it has; nothing that it had sent is touched. Answers how it stands now.
///
/// # Errors
/// If there is no such phone.
pub async fn befalls(
    conn: &mut SqliteConnection,
    act: Act,
    device: DeviceId,
    what: Befalls,
) -> Result<Standing> {
    let (sql, since_ms, name, befell) = match what {
        Befalls::Locked => (LOCK, Some(act.at_ms), "device_locked", Befell::Locked),
        Befalls::Unlocked => (LOCK, None, "device_unlocked", Befell::Unlocked),
        Befalls::Lost => (LOSE, Some(act.at_ms), "device_lost", Befell::Lost),
        Befalls::Found => (LOSE, None, "device_found", Befell::Found),
    };
    let standing: Option<Standing> =
        sqlx::query_as(sql).bind(since_ms).bind(device.0).fetch_optional(&mut *conn).await?;
    let person = standing.map(|standing| standing.person);
    owe(conn, act, (device, person), befell).await?;
    audit::append(conn, act, name, &json!({ "device": device })).await?;
    standing.ok_or(Error::problem(ProblemCode::NotFound))
}

/// The public key of a (person, device), revoked or not; a cookie session has none.
///
/// # Errors
/// If the database does not answer.
pub async fn public_key(conn: &mut SqliteConnection, who: Bearer) -> Result<Option<Vec<u8>>> {
    let key: Option<Option<Vec<u8>>> =
        sqlx::query_scalar("select public_key from device where device = ? and person = ?")
            .bind(who.device.0)
            .bind(who.person.0)
            .fetch_optional(conn)
            .await?;
    Ok(key.flatten())
}

/// Lets a (person, device) in.
///
/// # Errors
/// If there is no such pair, the device was revoked, locked or lost, or the person disabled.
pub async fn admit(conn: &mut SqliteConnection, who: Bearer) -> Result<()> {
    type Since = Option<i64>;
    let row: Option<(Since, Since, Since, Since)> = sqlx::query_as(
        "select d.revoked_ms, d.lost_ms, d.locked_ms, p.disabled_ms
         from device d join person p on p.person = d.person
         where d.device = ? and d.person = ?",
    )
    .bind(who.device.0)
    .bind(who.person.0)
    .fetch_optional(conn)
    .await?;
    match row {
        None => Err(Error::problem(ProblemCode::NotSignedIn)),
        Some((Some(_), ..)) => Err(Error::problem(ProblemCode::DeviceRevoked)),
        Some((_, Some(_), ..)) => Err(Error::problem(ProblemCode::DeviceLost)),
        Some((_, _, Some(_), _)) => Err(Error::problem(ProblemCode::DeviceLocked)),
        Some((.., Some(_))) => Err(Error::problem(ProblemCode::AccountDisabled)),
        Some((None, None, None, None)) => Ok(()),
    }
}

/// Checks that there is such a person.
///
/// # Errors
/// If there is none.
pub(super) async fn person_exists(conn: &mut SqliteConnection, person: PersonId) -> Result<()> {
    let found: Option<u32> = sqlx::query_scalar("select person from person where person = ?")
        .bind(person.0)
        .fetch_optional(conn)
        .await?;
    found.map(|_| ()).ok_or(Error::problem(ProblemCode::NotFound))
}
