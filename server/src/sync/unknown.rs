//! Devices that this installation has certified and this database does not know: enrolled after
//! the backup that it is. Nothing they have is lost, and the office hears of each.

use sqlx::SqliteConnection;
use sync_core::model::id::DeviceId;
use sync_core::model::time::WallMs;
use sync_core::protocol::chain::HandOver;
use sync_core::protocol::limits::LIMITS;
use sync_core::protocol::problem::ProblemCode;

use super::load::number;
use super::{Bearer, Sync};
use crate::{Error, Result};

/// The kind of the office's case.
pub const DEVICE_UNKNOWN: &str = "device_unknown";

/// What is known of a certified device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is here, with the certified key.
    Known,
    /// Nobody has its number.
    Unknown,
    /// What it has can be nobody's work here.
    Stranger(Stranger),
}

/// Why work is kept as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stranger {
    /// Its person is not here.
    Person,
    /// Another device has its number: an earlier version gave it twice.
    Number,
}

impl Stranger {
    fn code(self) -> &'static str {
        match self {
            Self::Person => "person_unknown",
            Self::Number => "number_taken",
        }
    }
}

/// How a certified (person, device) key stands here.
///
/// # Errors
/// If the database does not answer.
pub async fn standing(
    conn: &mut SqliteConnection,
    who: Bearer,
    key: &[u8; 32],
) -> Result<Standing> {
    let person: Option<u32> = sqlx::query_scalar("select person from person where person = ?")
        .bind(who.person.0)
        .fetch_optional(&mut *conn)
        .await?;
    if person.is_none() {
        return Ok(Standing::Stranger(Stranger::Person));
    }
    let device: Option<(u32, Option<Vec<u8>>)> =
        sqlx::query_as("select person, public_key from device where device = ?")
            .bind(who.device.0)
            .fetch_optional(&mut *conn)
            .await?;
    Ok(match device {
        None => Standing::Unknown,
        Some((person, Some(stored))) if person == who.person.0 && stored == key => Standing::Known,
        Some(_) => Standing::Stranger(Stranger::Number),
    })
}

/// Opens the office's case of such a device, unless one is open for the same reason.
///
/// # Errors
/// If the database does not answer.
pub async fn open_case(
    conn: &mut SqliteConnection,
    who: Bearer,
    code: &str,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query(
        "insert into desk_case (kind, person, device, from_number, to_number, code, opened_ms)
         select ?1, ?2, ?3, 0, 0, ?4, ?5 where not exists (
           select 1 from desk_case where device = ?3 and kind = ?1 and person = ?2 and code = ?4
             and closed_ms is null)",
    )
    .bind(DEVICE_UNKNOWN)
    .bind(who.person.0)
    .bind(who.device.0)
    .bind(code)
    .bind(now_ms)
    .execute(conn)
    .await?;
    Ok(())
}

/// A hand-over that can be nobody's work here, on its way to the writer.
pub struct Strange {
    who: Bearer,
    why: Stranger,
    bytes: Vec<u8>,
    now_ms: WallMs,
}

impl Strange {
    /// This hand-over.
    pub fn new(who: Bearer, why: Stranger, hand_over: &HandOver, now_ms: WallMs) -> Self {
        let bytes = minicbor::to_vec(hand_over).expect("a vector takes every byte");
        Self { who, why, bytes, now_ms }
    }
}

/// Keeps it as it came, once, with a case.
///
/// # Errors
/// `too_large` where too much of the device is kept: it stays the phone's. It is the message that
/// is refused, not whoever carries it.
pub async fn keep(conn: &mut SqliteConnection, strange: &Strange) -> Result<()> {
    let Strange { who, why, bytes, now_ms } = strange;
    let (kept, same): (i64, i64) = sqlx::query_as(
        "select coalesce(sum(length(bytes) * (decision is null)), 0), coalesce(sum(bytes = ?), 0)
         from quarantine where device = ? and person = ? and code = ?",
    )
    .bind(bytes.as_slice())
    .bind(who.device.0)
    .bind(who.person.0)
    .bind(why.code())
    .fetch_one(&mut *conn)
    .await?;
    if same > 0 {
        return Ok(());
    }
    if kept.saturating_add(number(bytes.len() as u64)) > number(LIMITS.quarantine_bytes_max) {
        return Err(Error::problem(ProblemCode::TooLarge));
    }
    sqlx::query(
        "insert into quarantine (at_ms, person, device, code, bytes) values (?, ?, ?, ?, ?)",
    )
    .bind(now_ms)
    .bind(who.person.0)
    .bind(who.device.0)
    .bind(why.code())
    .bind(bytes.as_slice())
    .execute(&mut *conn)
    .await?;
    open_case(conn, *who, why.code(), *now_ms).await
}

impl Sync {
    /// A device that holds a key which this installation certified wants to come in and is not
    /// known: the office hears of it, once.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn unknown_device(&self, who: Bearer) -> Result<()> {
        let mut conn = self.shared.database.reader().acquire().await?;
        if is_open(&mut conn, who.device).await? {
            return Ok(());
        }
        drop(conn);
        let mut transaction = self.shared.database.begin_write().await?;
        let now_ms = self.shared.clock.wall_ms();
        open_case(&mut transaction, who, DEVICE_UNKNOWN, now_ms).await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn is_open(conn: &mut SqliteConnection, device: DeviceId) -> Result<bool> {
    let found = sqlx::query_scalar(
        "select exists (select 1 from desk_case where device = ? and kind = ? and code = ?
           and closed_ms is null)",
    );
    let found = found.bind(device.0).bind(DEVICE_UNKNOWN).bind(DEVICE_UNKNOWN);
    Ok(found.fetch_one(conn).await?)
}
