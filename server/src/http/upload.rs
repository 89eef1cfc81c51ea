//! Sheets over HTTP: a file that comes, one that goes, and what is wrong with one.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use sync_core::protocol::problem::ProblemCode;
use utoipa::ToSchema;

use super::extract::{OfficeUser, body};
use super::idempotency::request_name;
use crate::idempotency::RequestName;
use crate::import::{MARK, Problem};
use crate::{App, Error, Result};

/// A file somebody of the office sends.
pub struct Upload {
    /// Who.
    pub user: OfficeUser,
    /// The name of the request.
    pub name: RequestName,
    /// As it came.
    pub file: Bytes,
}

impl FromRequest<App> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (mut parts, rest) = request.into_parts();
        let user = OfficeUser::from_request_parts(&mut parts, app).await?;
        let line = format!("{} {}\n", parts.method, parts.uri);
        let headers = parts.headers.clone();
        let file = body(Request::from_parts(parts, rest), app).await?;
        let name = request_name(user.person(), &headers, &line, &file)?;
        Ok(Self { user, name, file })
    }
}

/// A sheet as a file to be kept.
pub fn csv(name: &str, sheet: &[u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, [MARK.as_bytes(), sheet].concat()).into_response()
}

/// Something that keeps a sheet from being imported.
#[derive(Serialize, ToSchema)]
pub struct SheetProblem {
    /// The row as the sheet numbers it; 0 for the file as a whole.
    row: u32,
    /// The column by its English name; `file` for the file as a whole.
    column: &'static str,
    /// What is wrong.
    code: &'static str,
}

impl From<&Problem> for SheetProblem {
    fn from(problem: &Problem) -> Self {
        Self { row: problem.row, column: problem.column.code(), code: problem.code }
    }
}

/// Refuses a sheet with problems, by the first of them.
///
/// # Errors
/// `sheet_refused` if there is any.
pub fn refused(problems: &[Problem]) -> Result<()> {
    let Some(first) = problems.first() else { return Ok(()) };
    Err(Error::problem(ProblemCode::SheetRefused)
        .with("problems", problems.len())
        .with("row", first.row)
        .with("column", first.column.code())
        .with("code", first.code))
}
