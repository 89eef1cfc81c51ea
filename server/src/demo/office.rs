//! The demo's office: everybody at a desk has a session of their own and writes by the HTTP
//! interface, with its cookie, its token against other sites and its idempotency key.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use sync_core::environment::Randomness;
use sync_core::model::id::{DeviceId, FactKey, PersonId, RecordId, SessionId};
use sync_core::rules::Command;
use tower::ServiceExt as _;

use super::stage::{SITE, Stage, step};
use crate::people::office;
use crate::sync::{OfficeWrite, OfficeWritten};
use crate::{App, Error, Result, http};

/// A session is opened anew before it would end for want of use.
const SESSION_MS: i64 = 3_600_000;
/// What a command takes to write.
const WRITE_MS: i64 = 20_000;
/// Bytes of an answer: a record with its review.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Who is signed in, and what they wrote.
pub(super) struct Office {
    router: Router,
    cookie: &'static str,
    sessions: Mutex<BTreeMap<PersonId, SignedIn>>,
    saved: Mutex<Vec<(RecordId, FactKey)>>,
    requests: Mutex<u64>,
}

#[derive(Clone)]
struct SignedIn {
    session: SessionId,
    device: DeviceId,
    csrf: String,
    secret: String,
    since_ms: i64,
}

/// The answer to a request: its status, what it says, and in whose session it was asked.
struct Answer {
    status: u16,
    body: Value,
    session: SessionId,
}

impl Office {
    pub(super) fn new(app: &App) -> Self {
        Self {
            router: http::router(app.clone()),
            cookie: http::office::cookie_name(&app.config),
            sessions: Mutex::default(),
            saved: Mutex::default(),
            requests: Mutex::default(),
        }
    }

    /// Everything the office was told is written.
    pub(super) fn saved(&self) -> Vec<(RecordId, FactKey)> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Posts what writes a command; answers its record and key.
    ///
    /// # Errors
    /// If it is refused.
    pub(super) async fn post(
        &self,
        at: At<'_>,
        path: &str,
        body: &Value,
    ) -> Result<(RecordId, FactKey)> {
        let answer = self.send(at, "POST", path, body.to_string()).await?;
        if !(200..300).contains(&answer.status) {
            return Err(refused(path, &answer.body));
        }
        let record = serde_json::from_value(answer.body["record"].clone())
            .map_err(|_| Error::Broken("a written command names its record"))?;
        let n = answer.body["number"].as_u64();
        let n = n.ok_or(Error::Broken("a written command has a number"))?;
        let key = FactKey::Written { session: answer.session, n, i: 0 };
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).push((record, key));
        Ok((record, key))
    }

    /// Opens a record that no address of the interface opens, by the writer behind all of them.
    ///
    /// # Errors
    /// If it is refused.
    pub(super) async fn opens(&self, at: At<'_>, command: Command) -> Result<RecordId> {
        let SignedIn { session, device, .. } = self.session(at).await?;
        let write = OfficeWrite { person: at.person, device, session, record: None, command };
        let OfficeWritten { record, number, .. } = at.app.sync.office(write).await?;
        let key = FactKey::Written { session, n: number, i: 0 };
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).push((record, key));
        Ok(record)
    }

    /// Posts a command that a rule is to refuse; answers the problem's parameters.
    ///
    /// # Errors
    /// If it is not refused.
    pub(super) async fn denied(
        &self,
        at: At<'_>,
        record: RecordId,
        command: &Value,
    ) -> Result<BTreeMap<String, String>> {
        let path = format!("/v1/records/{record}/commands");
        let answer = self.send(at, "POST", &path, command.to_string()).await?;
        if answer.body["code"] != "denied" {
            return Err(Error::Broken("a rule was to refuse this command"));
        }
        let members = answer.body["params"].as_object().cloned().unwrap_or_default();
        Ok(members.into_iter().map(|(name, value)| (name, plain(&value))).collect())
    }

    /// Reads an address.
    ///
    /// # Errors
    /// If it is refused.
    pub(super) async fn get(&self, at: At<'_>, path: &str) -> Result<Value> {
        self.read(at, "GET", path, String::new()).await
    }

    /// Sends a sheet, or anything that writes no command.
    ///
    /// # Errors
    /// If it is refused.
    pub(super) async fn send_sheet(&self, at: At<'_>, path: &str, sheet: &str) -> Result<Value> {
        self.read(at, "POST", path, sheet.to_owned()).await
    }

    async fn read(&self, at: At<'_>, method: &str, path: &str, body: String) -> Result<Value> {
        let answer = self.send(at, method, path, body).await?;
        let good = (200..300).contains(&answer.status);
        if good { Ok(answer.body) } else { Err(refused(path, &answer.body)) }
    }

    async fn send(&self, at: At<'_>, method: &str, path: &str, body: String) -> Result<Answer> {
        let SignedIn { session, csrf, secret, .. } = self.session(at).await?;
        let number = {
            let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            *requests += 1;
            *requests
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", format!("{}={secret}", self.cookie))
            .header(http::extract::CSRF_HEADER, csrf)
            .header(http::idempotency::HEADER, format!("demo-{number}"))
            .header("content-type", "application/json")
            .body(Body::from(body))
            .map_err(|error| Error::Configuration(format!("demo script: {error}")))?;
        let Ok(response) = self.router.clone().oneshot(request).await;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| Error::Broken("an answer of the interface is short"))?;
        let body = serde_json::from_slice(&bytes)
            .map_err(|_| Error::Broken("an answer of the interface is JSON"))?;
        Ok(Answer { status, body, session })
    }

    /// The person's session, opened as a sign-in link would where there is none.
    async fn session(&self, at: At<'_>) -> Result<SignedIn> {
        let At { app, randomness, person } = at;
        let now_ms = app.now_ms();
        let signed_in = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(&person).filter(|known| now_ms < known.since_ms + SESSION_MS).cloned()
        };
        if let Some(signed_in) = signed_in {
            return Ok(signed_in);
        }
        let mut transaction = app.db.begin_write().await?;
        let (opened, secret) = office::open(&mut transaction, now_ms, person, randomness).await?;
        app.sync.settle(&mut transaction).await?;
        transaction.commit().await?;
        let office::OfficeSession { session, device, csrf, .. } = opened;
        let signed_in = SignedIn { session, device, csrf, secret, since_ms: now_ms };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(person, signed_in.clone());
        Ok(signed_in)
    }
}

impl Stage {
    fn at(&self, who: usize) -> At<'_> {
        let person = self.people[who];
        At { app: &self.app, randomness: self.randomness.as_ref(), person }
    }

    /// Somebody of the office opens a record of a kind: `POST /v1/records`.
    pub(super) async fn opens(&self, who: usize, content: Value) -> Result<RecordId> {
        self.opens_at(who, "/v1/records", content).await
    }

    /// Somebody of the office opens a record at its own address.
    pub(super) async fn opens_at(
        &self,
        who: usize,
        path: &str,
        mut content: Value,
    ) -> Result<RecordId> {
        self.advance_ms(WRITE_MS);
        content["site"] = json!(SITE);
        Ok(self.office.post(self.at(who), path, &content).await?.0)
    }

    /// Somebody of the office writes a command to a record; answers its key.
    pub(super) async fn writes(
        &self,
        who: usize,
        record: RecordId,
        command: Value,
    ) -> Result<FactKey> {
        self.posts(who, &format!("/v1/records/{record}/commands"), command).await
    }

    /// [`Self::writes`] of a step.
    pub(super) async fn step(
        &self,
        who: usize,
        record: RecordId,
        (fact_type, content): (&str, Value),
    ) -> Result<FactKey> {
        self.writes(who, record, step(fact_type, content)).await
    }

    /// Somebody of the office writes at a record's own address.
    pub(super) async fn posts(&self, who: usize, path: &str, body: Value) -> Result<FactKey> {
        self.advance_ms(WRITE_MS);
        Ok(self.office.post(self.at(who), path, &body).await?.1)
    }

    /// A rule refuses a command of the office; answers the denial's code and what it misses.
    pub(super) async fn denied(
        &self,
        who: usize,
        record: RecordId,
        command: Value,
    ) -> Result<BTreeMap<String, String>> {
        self.office.denied(self.at(who), record, &command).await
    }

    /// Somebody of the office reads an address.
    pub(super) async fn reads(&self, who: usize, path: &str) -> Result<Value> {
        self.office.get(self.at(who), path).await
    }

    /// Somebody of the office sends a sheet.
    pub(super) async fn sends(&self, who: usize, path: &str, sheet: &str) -> Result<Value> {
        self.office.send_sheet(self.at(who), path, sheet).await
    }

    /// Somebody of the office opens a record that no address of the interface opens: a patrol plan.
    pub(super) async fn opens_plan(&self, who: usize, command: Value) -> Result<RecordId> {
        let command: Command = serde_json::from_value(command)
            .map_err(|error| Error::Configuration(format!("demo script: {error}")))?;
        self.office.opens(self.at(who), command).await
    }

    /// Everything the office was told is written.
    pub(super) fn office_saved(&self) -> Vec<(RecordId, FactKey)> {
        self.office.saved()
    }
}

/// Who asks, and where.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) app: &'a App,
    pub(super) randomness: &'a dyn Randomness,
    pub(super) person: PersonId,
}

fn refused(path: &str, problem: &Value) -> Error {
    let params = json!(problem["params"]);
    Error::Configuration(format!("demo script: {path}: {} {params}", problem["code"]))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
