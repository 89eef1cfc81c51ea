//! Where a device stands when its request comes: one statement.

use sqlx::SqliteConnection;
use sync_core::model::id::DeviceId;
use sync_core::model::time::{Anchor, BootId};
use sync_core::protocol::message::PhoneState;
use sync_core::rules::earlier_copy::FirstTold;

use super::decide::Confirmed;
use super::load::{confirmed_from_cell, exact};
use crate::{Error, Result};

/// What is known of a device and of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The server's life.
    pub epoch: u32,
    /// The version of people, roles and policies.
    pub reference_version: u64,
    /// The last number taken in the device's receipts.
    pub receipt_sequence: u64,
    /// Another store has used its numbers.
    pub re_enrol: bool,
    /// The anchor of the boot the request came from, if it is not the boot's first contact.
    pub anchor: Option<Anchor>,
    /// What the device last said of itself.
    pub state: PhoneState,
    /// What it had confirmed at its contacts.
    pub confirmed: Confirmed,
    /// Where it first told its highest number, if that is known.
    pub told: Option<FirstTold>,
    /// It has never told of its work.
    pub is_new: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    epoch: u32,
    reference_version: i64,
    receipt_sequence: Option<i64>,
    re_enrol: Option<bool>,
    server_ms: Option<i64>,
    monotonic_ms: Option<i64>,
    highest_number: Option<i64>,
    unsent: Option<i64>,
    oldest_unsent_wall_ms: Option<i64>,
    app_version: Option<String>,
    confirmed_number: Option<i64>,
    confirmed_epoch: Option<u32>,
    confirmed: Option<String>,
    told_boot: Option<Vec<u8>>,
    told_monotonic_ms: Option<i64>,
    told_ms: Option<i64>,
    contact_ms: Option<i64>,
}

impl Row {
    fn told(&self) -> Result<Option<FirstTold>> {
        let Some(at_ms) = self.told_ms else { return Ok(None) };
        let boot = self.told_boot.as_deref().map(exact).transpose()?.map(BootId);
        let highest_number = self.highest_number.unwrap_or(0).unsigned_abs();
        Ok(Some(FirstTold { highest_number, clock: boot.zip(self.told_monotonic_ms), at_ms }))
    }
}

/// Reads it.
///
/// # Errors
/// If the database does not answer, or the installation was not made.
pub async fn standing(
    conn: &mut SqliteConnection,
    device: DeviceId,
    boot: BootId,
) -> Result<Standing> {
    let row: Option<Row> = sqlx::query_as(
        "select i.epoch, i.reference_version, p.receipt_sequence, p.re_enrol, a.server_ms,
           a.monotonic_ms, d.highest_number, d.unsent, d.oldest_unsent_wall_ms, d.app_version,
           p.confirmed_number, p.confirmed_epoch, p.confirmed, d.told_boot, d.told_monotonic_ms,
           d.told_ms, d.contact_ms
         from installation i
           left join device d on d.device = ?
           left join phone p on p.device = ?
           left join boot_anchor a on a.device = ? and a.boot = ?",
    )
    .bind(device.0)
    .bind(device.0)
    .bind(device.0)
    .bind(boot.0.to_vec())
    .fetch_optional(conn)
    .await?;
    let row = row.ok_or(Error::Broken("no installation: run `fieldbook init`"))?;
    let anchor = row.server_ms.zip(row.monotonic_ms);
    let confirmed = match &row.confirmed {
        Some(cell) => {
            let (number, epoch) = (row.confirmed_number, row.confirmed_epoch);
            confirmed_from_cell(number.unwrap_or(0), epoch.unwrap_or(0), cell)?
        }
        None => Confirmed::default(),
    };
    let told = row.told()?;
    Ok(Standing {
        told,
        is_new: row.contact_ms.is_none(),
        epoch: row.epoch,
        reference_version: row.reference_version.unsigned_abs(),
        receipt_sequence: row.receipt_sequence.unwrap_or(0).unsigned_abs(),
        re_enrol: row.re_enrol.unwrap_or(false),
        anchor: anchor.map(|(server_ms, monotonic_ms)| Anchor { server_ms, monotonic_ms }),
        state: PhoneState {
            highest_number: row.highest_number.unwrap_or(0).unsigned_abs(),
            unsent: row.unsent.unwrap_or(0).unsigned_abs(),
            oldest_unsent_wall_ms: row.oldest_unsent_wall_ms,
            app_version: row.app_version.unwrap_or_default(),
            storage_free_bytes: None,
            numbers_after: None,
            parked: None,
        },
        confirmed,
    })
}

/// What every answer and every fact of the office needs of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installation {
    /// The server's life.
    pub epoch: u32,
    /// The version of people, roles and policies.
    pub reference_version: u64,
}

/// Reads it.
///
/// # Errors
/// If the database does not answer, or the installation was not made.
pub async fn installation(conn: &mut SqliteConnection) -> Result<Installation> {
    let row: Option<(u32, i64)> =
        sqlx::query_as("select epoch, reference_version from installation")
            .fetch_optional(conn)
            .await?;
    let (epoch, version) = row.ok_or(Error::Broken("no installation: run `fieldbook init`"))?;
    Ok(Installation { epoch, reference_version: version.unsigned_abs() })
}
