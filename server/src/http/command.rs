//! Office commands: one request, one command, answered once.

use axum::response::Response;
use serde::Serialize;
use sqlx::SqliteConnection;
use sync_core::model::id::{RecordId, SiteId};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::Command;
use utoipa::ToSchema;

use super::extract::OfficeUser;
use super::idempotency::{OfficePost, once};
use crate::idempotency::RequestName;
use crate::sync::{KeepAnswer, OfficeWrite, OfficeWritten};
use crate::{App, Error, Result};

/// What a command wrote.
#[derive(Debug, Serialize, ToSchema)]
pub struct Written {
    /// The record.
    #[schema(value_type = String)]
    record: RecordId,
    /// The command's number on this session's device.
    number: u64,
    /// Kinds of cases that newly rest on it.
    cases: Vec<String>,
}

fn body_of(written: &OfficeWritten) -> Vec<u8> {
    let OfficeWritten { record, number, cases } = written.clone();
    serde_json::to_vec(&Written { record, number, cases }).expect("numbers and texts are JSON")
}

/// Writes a command that opens a record: 201.
///
/// # Errors
/// A denial, or what keeps it from being written.
pub async fn create<T>(app: &App, post: OfficePost<T>, command: Command) -> Result<Response> {
    write(app, (post.user, post.name), None, (201, command)).await
}

/// Writes a command to a record of a kind that the caller's office has: 200.
///
/// # Errors
/// `not_found` if the caller's office has no such record; a denial.
pub async fn command<T>(
    app: &App,
    post: OfficePost<T>,
    (kind, record): (&'static str, RecordId),
    command: Command,
) -> Result<Response> {
    let mut conn = app.db.reader().acquire().await?;
    site_of(&mut conn, &post.user, kind, record).await?;
    drop(conn);
    write(app, (post.user, post.name), Some(record), (200, command)).await
}

/// Writes a command to a record of any kind that the caller's office has: 200.
///
/// # Errors
/// `not_found` if the caller's office has no such record; a denial.
pub async fn command_of_any<T>(
    app: &App,
    post: OfficePost<T>,
    record: RecordId,
    command: Command,
) -> Result<Response> {
    let mut conn = app.db.reader().acquire().await?;
    place_of(&mut conn, &post.user, record).await?;
    drop(conn);
    write(app, (post.user, post.name), Some(record), (200, command)).await
}

/// Writes a command after `check`, which a request that was answered is not asked again: 200.
///
/// # Errors
/// What the check says; a denial.
pub async fn command_after(
    app: &App,
    (user, name): (OfficeUser, RequestName),
    (record, command): (RecordId, Command),
    check: impl AsyncFnOnce() -> Result<()>,
) -> Result<Response> {
    checked(app, (user, name), Some(record), (200, command), check).await
}

async fn write(
    app: &App,
    by: (OfficeUser, RequestName),
    record: Option<RecordId>,
    command: (u16, Command),
) -> Result<Response> {
    checked(app, by, record, command, async || Ok(())).await
}

async fn checked(
    app: &App,
    (user, name): (OfficeUser, RequestName),
    record: Option<RecordId>,
    (status, command): (u16, Command),
    check: impl AsyncFnOnce() -> Result<()>,
) -> Result<Response> {
    let write = OfficeWrite {
        person: user.person(),
        device: user.session.device,
        session: user.session.session,
        record,
        command,
    };
    let keep = KeepAnswer { name: name.clone(), status, body: body_of };
    let work = async || {
        check().await?;
        let written = app.sync.office_keeping(write, Some(keep)).await?;
        Ok((status, body_of(&written)))
    };
    once(app, &name, work).await
}

/// The site of a record of this kind, if the caller works in its office.
///
/// # Errors
/// `not_found` if there is none, or none for the caller.
pub async fn site_of(
    conn: &mut SqliteConnection,
    user: &OfficeUser,
    kind: &str,
    record: RecordId,
) -> Result<SiteId> {
    let (of, site) = place_of(conn, user, record).await?;
    if of == kind { Ok(site) } else { Err(Error::problem(ProblemCode::NotFound)) }
}

/// The kind and the site of a record, if the caller works in its office.
///
/// # Errors
/// `not_found` if there is none, or none for the caller.
pub async fn place_of(
    conn: &mut SqliteConnection,
    user: &OfficeUser,
    record: RecordId,
) -> Result<(String, SiteId)> {
    let place: Option<(String, u32)> = sqlx::query_as(
        "select kind, site from record where record = ? and kind is not null and site is not null",
    )
    .bind(record.0.to_vec())
    .fetch_optional(conn)
    .await?;
    let place = place.map(|(kind, site)| (kind, SiteId(site)));
    let place = place.filter(|(_, site)| user.in_office_of(*site).is_ok());
    place.ok_or(Error::problem(ProblemCode::NotFound))
}
