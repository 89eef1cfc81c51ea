//! Every POST of the office API carries an `Idempotency-Key`: the same request sent again gets the
//! same answer, byte for byte, for a day. A request that was refused wrote nothing and is judged
//! anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use sync_core::model::id::PersonId;
use sync_core::protocol::problem::ProblemCode;

use super::extract::{OfficeUser, body, is_json, parse_json};
use crate::idempotency::{self, Kept, RequestName};
use crate::{App, Error, Result};

/// The header.
pub const HEADER: &str = "idempotency-key";
const KEY_CHARACTERS_MAX: usize = 200;

/// A POST of the office API: who, what, and the name under which its answer is kept.
#[derive(Debug)]
pub struct OfficePost<T> {
    /// Who asks.
    pub user: OfficeUser,
    /// What for.
    pub body: T,
    /// The name of the request.
    pub name: RequestName,
}

impl<T: DeserializeOwned> FromRequest<App> for OfficePost<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (mut parts, rest) = request.into_parts();
        let user = OfficeUser::from_request_parts(&mut parts, app).await?;
        key(&parts.headers)?;
        is_json(&parts.headers)?;
        let line = format!("{} {}\n", parts.method, parts.uri);
        let headers = parts.headers.clone();
        let bytes = body(Request::from_parts(parts, rest), app).await?;
        let name = request_name(user.person(), &headers, &line, &bytes)?;
        Ok(Self { user, body: parse_json(&bytes)?, name })
    }
}

/// The name of a request: its `Idempotency-Key`, and what it asks for by its first line and body.
///
/// # Errors
/// If it has no key, or none that can be used.
pub fn request_name(
    person: PersonId,
    headers: &HeaderMap,
    line: &str,
    body: &[u8],
) -> Result<RequestName> {
    let request_hash = Sha256::new().chain_update(line).chain_update(body).finalize().into();
    Ok(RequestName { person, key: key(headers)?, request_hash })
}

fn key(headers: &HeaderMap) -> Result<String> {
    let value = headers.get(HEADER).ok_or(Error::problem(ProblemCode::IdempotencyKeyMissing))?;
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > KEY_CHARACTERS_MAX {
        return Err(Error::malformed(HEADER));
    }
    Ok(key.to_owned())
}

/// Answers a request once: with what was kept under its name, else by `work`, which keeps its
/// answer in the transaction of what it writes.
///
/// # Errors
/// `idempotency_conflict` if the key was used for another request; else what `work` says.
pub async fn once(
    app: &App,
    name: &RequestName,
    work: impl AsyncFnOnce() -> Result<(u16, Vec<u8>)>,
) -> Result<Response> {
    let turn = app.in_flight.turn(name);
    let _turn = turn.0.lock().await;
    if let Some(answer) = kept(app, name).await? {
        return answer;
    }
    match work().await {
        Ok((status, body)) => Ok(answer(status, body)),
        // Another server may have answered the same request meanwhile.
        Err(error) => match kept(app, name).await? {
            Some(answer) => answer,
            None => Err(error),
        },
    }
}

/// The answer kept for a request, or the conflict if its key was used for another one.
async fn kept(app: &App, name: &RequestName) -> Result<Option<Result<Response>>> {
    let mut conn = app.db.reader().acquire().await?;
    let found = idempotency::find(&mut conn, name, app.now_ms()).await?;
    Ok(found.map(|Kept { request_hash, status, body }| {
        if request_hash == name.request_hash {
            Ok(answer(status, body))
        } else {
            Err(Error::problem(ProblemCode::IdempotencyConflict))
        }
    }))
}

fn answer(status: u16, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

type Turns = BTreeMap<(PersonId, String), Arc<tokio::sync::Mutex<()>>>;

/// The requests that are being answered: the second of two with one key waits for the first.
#[derive(Default)]
pub struct InFlight(Mutex<Turns>);

/// One request's place among those with its key.
struct Turn<'a>(Arc<tokio::sync::Mutex<()>>, &'a InFlight, (PersonId, String));

impl InFlight {
    fn turn(&self, name: &RequestName) -> Turn<'_> {
        let id = (name.person, name.key.clone());
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Turn(Arc::clone(turns.entry(id.clone()).or_default()), self, id)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = self.1.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and this one: nobody else waits.
        if turns.get(&self.2).is_some_and(|turn| Arc::strong_count(turn) <= 2) {
            turns.remove(&self.2);
        }
    }
}
