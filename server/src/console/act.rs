//! What the office does on a page: each form is a command of the API, written by the same path. A
//! no brings the page back with the reason and with what was typed.

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use sync_core::model::alarm::{self, AlarmFact, AlarmSettled};
use sync_core::model::id::{FactKey, PersonId, RecordId};
use sync_core::model::patrol;
use sync_core::model::work_order::{KIND, Reason, WorkOrderFact};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::Command;

use super::cases::{Typed, keys_text, third_value};
use super::desk::Desk;
use super::form::{Fields, Post};
use super::layout::reason;
use super::record::url_of;
use super::words::Zone;
use super::{any, order, round, status_of, to, today};
use crate::http::idempotency::OfficePost;
use crate::http::{command, desk_cases, problem};
use crate::sync::CaseDecision;
use crate::{App, Error, Result};

/// A form on an order's page.
///
/// # Errors
/// `not_found` for an order or an action that is not there.
pub async fn on_order(
    State(app): State<App>,
    Path((record, action)): Path<(String, String)>,
    post: Post,
) -> Result<Response> {
    on_record(&app, KIND, (&record, &action), post).await
}

/// A form on a round's page.
///
/// # Errors
/// `not_found` for a round or an action that is not there.
pub async fn on_round(
    State(app): State<App>,
    Path((record, action)): Path<(String, String)>,
    post: Post,
) -> Result<Response> {
    on_record(&app, patrol::ROUND, (&record, &action), post).await
}

async fn on_record(
    app: &App,
    kind: &'static str,
    (record, action): (&str, &str),
    post: Post,
) -> Result<Response> {
    let record: RecordId = record.parse().map_err(|_| Error::problem(ProblemCode::NotFound))?;
    let Post { desk, fields, name } = post;
    let done = async {
        let command = match third(app, record, (action, &fields)).await? {
            Some(command) => command,
            None => command_of(action, &fields)?,
        };
        if let Command::Resolve { field, .. } = &command {
            still_between(app, &desk, (kind, record), (field, fields.text("rests_on"))).await?;
        }
        let post = OfficePost { user: desk.user.clone(), body: (), name };
        command::command(app, post, (kind, record), command).await
    };
    match told(&desk, fields.clone(), done.await)? {
        None => Ok(to(&url_of(kind, record))),
        Some(typed) => page(app, &desk, (kind, record), &typed).await,
    }
}

/// A record's page with what was typed.
async fn page(
    app: &App,
    desk: &Desk,
    (kind, record): (&str, RecordId),
    typed: &Typed,
) -> Result<Response> {
    let wanted = order::Wanted::default();
    if kind == patrol::ROUND {
        round::answer(app, desk, (record, &wanted), Some(typed)).await
    } else if kind == KIND {
        order::answer(app, desk, (record, &wanted), Some(typed)).await
    } else {
        any::answer(app, desk, (record, &wanted), Some(typed)).await
    }
}

/// A form beside an alarm on today's page.
///
/// # Errors
/// `not_found` for an alarm or an action that is not there.
pub async fn on_alarm(
    State(app): State<App>,
    Path((record, action)): Path<(String, String)>,
    post: Post,
) -> Result<Response> {
    let record: RecordId = record.parse().map_err(|_| Error::problem(ProblemCode::NotFound))?;
    let Post { desk, fields, name } = post;
    let done = async {
        let mut conn = app.db.reader().acquire().await?;
        command::site_of(&mut conn, &desk.user, alarm::KIND, record).await?;
        drop(conn);
        let command = match action.as_str() {
            "acknowledge" => Command::Acknowledge { of: told_by(&app, record).await? },
            "settle" => {
                let text = fields.text("text").trim().to_owned();
                Command::step(AlarmFact::AlarmSettled(AlarmSettled { text }))
            }
            _ => return Err(Error::problem(ProblemCode::NotFound)),
        };
        let post = OfficePost { user: desk.user.clone(), body: (), name };
        command::command(&app, post, (alarm::KIND, record), command).await
    };
    let wanted = today::Wanted::of_site(fields.text("site").parse().ok());
    match told(&desk, fields.clone(), done.await)? {
        None => Ok(to(&wanted.url())),
        Some(typed) => today::answer(&app, &desk, &wanted, Some(&typed)).await,
    }
}

/// The fact by which an alarm was last told to somebody, else the one that raised it.
async fn told_by(app: &App, record: RecordId) -> Result<FactKey> {
    let read = app.sync.read(record).await?;
    let (_, _, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
    let alerted = review.alarm.as_ref().and_then(|alarm| alarm.alerted.last());
    let first = review.timeline.first().map(|entry| entry.key);
    alerted.map(|alerted| alerted.key).or(first).ok_or(Error::problem(ProblemCode::NotFound))
}

/// The address of a form read again, e.g. after signing in: there is only the page.
///
/// # Errors
/// `not_found` for what is no record.
pub async fn back(uri: Uri) -> Result<Response> {
    let page = uri.path().rsplit_once('/').map(|(page, _)| page);
    let page = page.filter(|page| page.starts_with("/office/"));
    page.map(to).ok_or(Error::problem(ProblemCode::NotFound))
}

/// The address of the inbox's forms read again.
pub async fn back_to_inbox() -> Response {
    to(super::inbox::URL)
}

/// The office's word on a desk case.
///
/// # Errors
/// `not_found` for a page that is not there.
pub async fn on_desk_case(
    State(app): State<App>,
    Path(case): Path<i64>,
    post: Post,
) -> Result<Response> {
    let Post { desk, fields, name } = post;
    let done = async {
        if let Ok(goes_on) = fields.text("goes_on").parse() {
            let word = (goes_on, fields.text("reason").to_owned());
            let by = (desk.user.clone(), name.clone());
            return desk_cases::merge_duplicates(&app, by, case, word).await;
        }
        let decision = decision_of(fields.text("decision"))?;
        let said = if decision == CaseDecision::ReturnToWorker { "question" } else { "reason" };
        let word = (decision, fields.text(said).to_owned());
        desk_cases::decide(&app, (&desk.user, &name), case, word).await
    };
    let typed = told(&desk, fields.clone(), done.await)?;
    let record: Option<RecordId> = fields.text("back").parse().ok();
    let kind = fields.text("kind").to_owned();
    let kind = if kind.is_empty() { KIND } else { kind.as_str() };
    let wanted = today::Wanted::of_site(fields.text("site").parse().ok());
    match (record, typed) {
        (Some(record), None) => Ok(to(&url_of(kind, record))),
        (Some(record), Some(typed)) => page(&app, &desk, (kind, record), &typed).await,
        (None, None) => Ok(to(&wanted.url())),
        (None, Some(typed)) => today::answer(&app, &desk, &wanted, Some(&typed)).await,
    }
}

/// Nothing if it was done; else what to show beside what was typed.
///
/// # Errors
/// What is no answer to a form: a session that ended, a record that is not there, a failure.
pub(super) fn told(desk: &Desk, fields: Fields, done: Result<Response>) -> Result<Option<Typed>> {
    let error = match done {
        Ok(answer) if answer.status().is_success() => return Ok(None),
        Ok(_) => Error::Broken("an answer that was kept and is none"),
        Err(error) => error,
    };
    if let Error::Problem { code: ProblemCode::NotFound | ProblemCode::NotSignedIn, .. } = &error {
        return Err(error);
    }
    let mut response = error.into_response();
    let failed = problem::taken(&mut response);
    let (code, params) = failed.ok_or(Error::Broken("an error that says nothing"))?;
    let form = fields.text("form").to_owned();
    let problem = reason(desk.words, code, &params);
    Ok(Some(Typed { form, fields, problem, params, status: status_of(code) }))
}

pub(super) fn command_of(action: &str, fields: &Fields) -> Result<Command> {
    let text = |name: &str| fields.text(name).trim().to_owned();
    Ok(match action {
        "dispatch" => Command::step(WorkOrderFact::Dispatched),
        "told" => Command::step(WorkOrderFact::Told),
        "close" => Command::step(WorkOrderFact::Closed),
        "cancel" => Command::step(WorkOrderFact::Cancelled(Reason { reason: text("reason") })),
        "note" => Command::Note { text: text("text") },
        "assign" => {
            let person = text("person").parse().map_err(|_| Error::malformed("person"))?;
            Command::Assign { person: PersonId(person) }
        }
        "resolve" => {
            let value: Value = serde_json::from_str(fields.text("value"))
                .map_err(|_| Error::malformed("value"))?;
            Command::Resolve { field: text("field"), value, reason: text("reason") }
        }
        "close-case" => Command::CloseCase {
            case: text("case"),
            rests_on: keys(fields.text("rests_on"))?,
            reason: text("reason"),
        },
        "reopen-case" => Command::ReopenCase {
            case: text("case"),
            rests_on: keys(fields.text("rests_on"))?,
            reason: text("reason"),
        },
        _ => return Err(Error::problem(ProblemCode::NotFound)),
    })
}

/// A field's conflict ended with a value that was typed, if that is the button.
///
/// # Errors
/// `malformed` for what is no value of the field's sort.
pub(super) async fn third(
    app: &App,
    record: RecordId,
    (action, fields): (&str, &Fields),
) -> Result<Option<Command>> {
    if action != "resolve" || fields.text("take") != "third" {
        return Ok(None);
    }
    let name = fields.text("field");
    let read = app.sync.read(record).await?;
    let (_, _, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
    let field = review.fields.get(name).ok_or_else(|| Error::malformed("field"))?;
    let zone = Zone::named(&review.time_zone);
    let value = third_value(field, zone, fields.text("third"));
    Ok(Some(Command::Resolve {
        field: name.to_owned(),
        value: value.ok_or_else(|| Error::malformed("third"))?,
        reason: fields.text("reason").trim().to_owned(),
    }))
}

fn keys(text: &str) -> Result<Vec<FactKey>> {
    let keys = text.split(',').filter(|key| !key.is_empty()).map(str::parse);
    keys.collect::<Result<_, _>>().map_err(|_| Error::malformed("rests_on"))
}

fn decision_of(code: &str) -> Result<CaseDecision> {
    let decision = CaseDecision::ALL.into_iter().find(|decision| decision.code() == code);
    decision.ok_or_else(|| Error::malformed("decision"))
}

/// Whoever decides between values has seen all of them.
///
/// # Errors
/// If there are others now, or no such record.
pub(super) async fn still_between(
    app: &App,
    desk: &Desk,
    (kind, record): (&str, RecordId),
    (field, seen): (&str, &str),
) -> Result<()> {
    let mut conn = app.db.reader().acquire().await?;
    command::site_of(&mut conn, &desk.user, kind, record).await?;
    drop(conn);
    let Some((_, _, review)) = app.sync.read(record).await? else { return Ok(()) };
    let Some(field) = review.fields.get(field) else { return Ok(()) };
    // One that is over already is told by the rules, or by the answer kept for the first click.
    let now = keys_text(field.conflict.iter().map(|value| &value.key));
    if now.is_empty() || now == seen {
        Ok(())
    } else {
        Err(Error::problem(ProblemCode::IdempotencyConflict))
    }
}
