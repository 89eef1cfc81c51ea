//! People, places, devices and sign-in: who may come in, and as whom. What they may write is
//! judged by `sync_core::rules`.
//!
//! The functions that change something take a connection with an open transaction and the [`Act`]
//! they belong to; each appends its audit row, and raises the version of the reference data where
//! phones hold a copy of what changed.

pub mod audit;
pub mod checklist;
pub mod device;
pub mod directory;
pub mod enrolment;
pub mod grant;
pub mod number;
pub mod office;
pub mod owed;
pub mod password;
pub mod place;
pub mod roster;
pub mod token;

use sqlx::SqliteConnection;
use sync_core::model::id::PersonId;
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;

use crate::{Error, Result};

/// When something is done, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// Server time.
    pub at_ms: WallMs,
    /// The person; `None` is someone at the machine itself.
    pub by: Option<PersonId>,
}

impl Act {
    /// An act of someone at the machine itself.
    pub fn at_the_machine(at_ms: WallMs) -> Self {
        Self { at_ms, by: None }
    }
}

/// Makes the installation's row; a no-op where there is one.
///
/// # Errors
/// If the database does not answer.
pub async fn install(conn: &mut SqliteConnection, act: Act) -> Result<()> {
    let made = sqlx::query(
        "insert into installation (id, epoch, reference_version, created_ms) values (1, 1, 1, ?)
         on conflict (id) do nothing",
    )
    .bind(act.at_ms)
    .execute(&mut *conn)
    .await?
    .rows_affected();
    if made == 1 {
        audit::append(conn, act, "installation_made", &serde_json::json!({})).await?;
    }
    Ok(())
}

/// Phones take the reference data again.
pub(crate) async fn reference_changed(conn: &mut SqliteConnection) -> Result<()> {
    reference_changed_after(conn, 0).await.map(|_| ())
}

/// The same, with a version above all up to `least`; answers it.
pub(crate) async fn reference_changed_after(
    conn: &mut SqliteConnection,
    least: u64,
) -> Result<u64> {
    let version: Option<i64> = sqlx::query_scalar(
        "update installation set reference_version = max(reference_version, ?) + 1
         returning reference_version",
    )
    .bind(least.cast_signed())
    .fetch_optional(conn)
    .await?;
    version.map(i64::unsigned_abs).ok_or(Error::Broken("no installation: run `fieldbook init`"))
}

/// A name without the space around it, of 1 to 60 characters.
fn checked_name(name: &str) -> Result<&str> {
    let name = name.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_CHARACTERS_MAX;
    if fits && !name.chars().any(char::is_control) {
        Ok(name)
    } else {
        Err(Error::malformed("name"))
    }
}

/// Characters of a name.
pub(crate) const NAME_CHARACTERS_MAX: usize = 60;

/// Tells a row that is there already from a failure.
fn exists_already(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Database(database) if database.is_unique_violation() => {
            Error::problem(ProblemCode::AlreadyExists)
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests;
