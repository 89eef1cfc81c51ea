//! Sessions that phones register, and the anchors of their devices' boots. A session row is final
//! when it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use ed25519_dalek::VerifyingKey;
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, SessionId};
use sync_core::model::session::{Origin, SessionRow, SessionRows};
use sync_core::model::time::{Anchor, BootId, WallMs};
use sync_core::protocol::identity::{self, Certificate};
use sync_core::protocol::message::{ClockReading, SessionRegistration};

use super::{Bearer, load, unknown};
use crate::Result;
use crate::people::device;

/// Rows kept in memory: they never change.
#[derive(Debug, Default)]
pub struct SessionCache(Mutex<SessionRows>);

impl SessionCache {
    /// The rows of these sessions, as far as they are registered.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn of(
        &self,
        ids: &BTreeSet<SessionId>,
        conn: &mut SqliteConnection,
    ) -> Result<SessionRows> {
        let mut rows: SessionRows = {
            let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            ids.iter().filter_map(|id| cached.get(id).map(|row| (*id, row.clone()))).collect()
        };
        let missing: BTreeSet<_> =
            ids.iter().filter(|id| !rows.contains_key(*id)).copied().collect();
        if !missing.is_empty() {
            let read = load::sessions(conn, &missing).await?;
            let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if cached.len() + read.len() > CACHED_MAX {
                cached.clear();
            }
            cached.extend(read.clone());
            rows.extend(read);
        }
        Ok(rows)
    }
}

/// Rows kept at most, about 150 bytes each.
const CACHED_MAX: usize = 20_000;

/// What a device brings that must be fixed before its push is looked at.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The person of the token.
    pub person: PersonId,
    /// The device of the token.
    pub device: DeviceId,
    /// Its clocks at sending; none where somebody else brings its work.
    pub clock: Option<ClockReading>,
    /// Sessions whose signatures hold.
    pub sessions: Vec<SessionRegistration>,
    /// What certified a device that the database does not know any more, and its key.
    pub certificate: Option<(Certificate, VerifyingKey)>,
}

/// The registrations that are signed by the device's key. A bad one is left out, and what was
/// written in it is not stored: the rest must not wait for it.
pub fn verified(
    person: PersonId,
    device: DeviceId,
    key: Option<&VerifyingKey>,
    registrations: &[SessionRegistration],
) -> Vec<SessionRegistration> {
    let holds = |registration: &&SessionRegistration| {
        let statement = identity::session_statement(person, device, registration);
        let valid = key
            .is_some_and(|key| identity::verify(key, &statement, &registration.signature).is_ok());
        if !valid {
            let session = registration.session;
            tracing::warn!(%device, %session, "a session registration is not signed by its device");
        }
        valid
    };
    registrations.iter().filter(holds).cloned().collect()
}

/// The device's public key, if it is one and not revoked.
///
/// # Errors
/// If the database does not answer.
pub async fn device_key(
    conn: &mut SqliteConnection,
    person: PersonId,
    device: DeviceId,
) -> Result<Option<VerifyingKey>> {
    let key: Option<Option<Vec<u8>>> = sqlx::query_scalar(
        "select public_key from device where device = ? and person = ? and revoked_ms is null",
    )
    .bind(device.0)
    .bind(person.0)
    .fetch_optional(&mut *conn)
    .await?;
    let key = key.flatten().and_then(|key| <[u8; 32]>::try_from(key).ok());
    Ok(key.and_then(|key| VerifyingKey::from_bytes(&key).ok()))
}

/// Fixes the boot's anchor at its first contact, if this is one, then the rows of the sessions;
/// answers the anchor.
///
/// # Errors
/// If the database does not answer.
pub async fn register(
    conn: &mut SqliteConnection,
    contact: &Contact,
    now_ms: WallMs,
) -> Result<Option<Anchor>> {
    let Contact { person, device, clock, sessions, certificate } = contact;
    if let Some((certificate, key)) = certificate {
        device::restore(conn, certificate, key, now_ms).await?;
        let who = Bearer { person: *person, device: *device };
        unknown::open_case(conn, who, "device_put_back", now_ms).await?;
    }
    if let Some(clock) = clock {
        fix_anchor(conn, *device, clock, now_ms).await?;
    }
    let mut anchors: BTreeMap<BootId, Option<Anchor>> = BTreeMap::new();
    let here = clock.map(|clock| clock.boot);
    let boots = sessions.iter().map(|session| session.boot).chain(here);
    for boot in boots.collect::<BTreeSet<_>>() {
        anchors.insert(boot, anchor(conn, *device, boot).await?);
    }
    for registration in sessions {
        let row = SessionRow {
            session: registration.session,
            person: *person,
            device: *device,
            origin: Origin::Phone,
            boot: registration.boot,
            opened_wall_ms: registration.opened_wall_ms,
            opened_monotonic_ms: registration.opened_monotonic_ms,
            anchor: anchors.get(&registration.boot).copied().flatten(),
        };
        insert(conn, &row, Some(&registration.signature), now_ms).await?;
    }
    Ok(here.and_then(|boot| anchors.get(&boot).copied().flatten()))
}

/// The first contact of a boot fixes its anchor for ever.
async fn fix_anchor(
    conn: &mut SqliteConnection,
    device: DeviceId,
    clock: &ClockReading,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query(
        "insert into boot_anchor (device, boot, server_ms, monotonic_ms) values (?, ?, ?, ?)
         on conflict (device, boot) do nothing",
    )
    .bind(device.0)
    .bind(clock.boot.0.to_vec())
    .bind(now_ms)
    .bind(clock.monotonic_ms)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// The anchor of a boot that had a contact.
///
/// # Errors
/// If the database does not answer.
pub async fn anchor(
    conn: &mut SqliteConnection,
    device: DeviceId,
    boot: BootId,
) -> Result<Option<Anchor>> {
    let row: Option<(i64, i64)> = sqlx::query_as(
        "select server_ms, monotonic_ms from boot_anchor where device = ? and boot = ?",
    )
    .bind(device.0)
    .bind(boot.0.to_vec())
    .fetch_optional(&mut *conn)
    .await?;
    Ok(row.map(|(server_ms, monotonic_ms)| Anchor { server_ms, monotonic_ms }))
}

/// Writes a session row; one that is there stays as it is.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(
    conn: &mut SqliteConnection,
    row: &SessionRow,
    signature: Option<&[u8; 64]>,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query(
        "insert into session (session, person, device, office, boot, opened_wall_ms,
           opened_monotonic_ms, anchor_server_ms, anchor_monotonic_ms, signature, registered_ms)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         on conflict (session) do nothing",
    )
    .bind(row.session.0.to_vec())
    .bind(row.person.0)
    .bind(row.device.0)
    .bind(row.origin == Origin::Office)
    .bind(row.boot.0.to_vec())
    .bind(row.opened_wall_ms)
    .bind(row.opened_monotonic_ms)
    .bind(row.anchor.map(|anchor| anchor.server_ms))
    .bind(row.anchor.map(|anchor| anchor.monotonic_ms))
    .bind(signature.map(|signature| signature.to_vec()))
    .bind(now_ms)
    .execute(&mut *conn)
    .await?;
    Ok(())
}
