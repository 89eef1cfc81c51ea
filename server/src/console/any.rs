//! The page of a record of any kind that has rules of its own: what it is, its dates, its open
//! cases, everything that happened, and a form for everything the person may write.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use sqlx::SqliteConnection;
use sync_core::model::id::{PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::form::{Form, Writes, words_of};
use sync_core::rules::{Command, forms, kinds};

use super::act::{self, told};
use super::asked::{self, Drawn};
use super::cases::{self, Typed};
use super::desk::Desk;
use super::form::{Fields, Post};
use super::layout::{Frame, badge, page};
use super::order::{Wanted, deadlines, note};
use super::record::Sheet;
use super::{timeline, to};
use crate::http::command;
use crate::http::idempotency::OfficePost;
use crate::{App, Error, Result};

/// People to choose from; where a site has as many, a number is typed instead.
pub const PEOPLE_MAX: usize = 200;

/// Everybody who has a role at a site.
///
/// # Errors
/// If the database does not answer.
pub async fn people(
    conn: &mut SqliteConnection,
    site: SiteId,
    now_ms: WallMs,
) -> Result<Vec<(PersonId, String)>> {
    let rows: Vec<(u32, String)> = sqlx::query_as(
        "select distinct p.person, p.name from role_grant g join person p on p.person = g.person
         where g.site = ?1 and g.ended_epoch is null and g.from_ms <= ?2
           and (g.to_ms is null or g.to_ms > ?2) and p.disabled_ms is null
         order by p.name, p.person limit ?3",
    )
    .bind(site.0)
    .bind(now_ms)
    .bind(PEOPLE_MAX as i64)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(person, name)| (PersonId(person), name)).collect())
}

/// The page, with what was typed where it could not be done.
///
/// # Errors
/// `not_found` if the person's office has no such record, or its kind has no rules here.
pub async fn answer(
    app: &App,
    desk: &Desk,
    (record, wanted): (RecordId, &Wanted),
    typed: Option<&Typed>,
) -> Result<Response> {
    let mut conn = app.db.reader().acquire().await?;
    let (kind, site) = command::place_of(&mut conn, &desk.user, record).await?;
    if !kinds().any(|known| known == kind) {
        return Err(Error::problem(ProblemCode::NotFound));
    }
    let people = people(&mut conn, site, desk.user.now_ms).await?;
    drop(conn);
    let sheet = Sheet::read(app, desk, (&kind, record)).await?;
    let words = desk.words;
    let title = sheet.title();
    let drawn = Drawn { desk, sheet: Some(&sheet), people: &people, typed };
    let content = html! {
        p.crumb { a href={ "/office/records?kind=" (kind) } { (words.code("kind", &kind)) } }
        h1 #content {
            (title) " " (badge("status", &words.code("status", &sheet.review.status.code())))
        }
        (cases::put_aside(words, &sheet.review))
        @if let Some(typed) = typed {
            p.problem role="alert" { (asked::problem(words, &kind, typed)) }
        }
        div.two {
            div {
                (cases::of_record(desk, &sheet, typed))
                (timeline::show(app, desk, &sheet, wanted.before))
            }
            div.side {
                (fields(desk, &sheet))
                (deadlines(desk, &sheet))
                (actions(&drawn, &sheet))
            }
        }
    };
    let mut url = sheet.url();
    if let Some(before) = wanted.before {
        url = format!("{url}?before={before}");
    }
    let short: String = title.chars().take(40).collect();
    let status = typed.map_or(StatusCode::OK, |typed| typed.status);
    Ok(page(desk, Frame { title: &short, url: &url, status }, &content))
}

fn fields(desk: &Desk, sheet: &Sheet) -> Markup {
    let words = desk.words;
    let review = &sheet.review;
    let said = |name: &str, value: &Value| {
        let own = asked::value(words, sheet.zone, &sheet.names, (&review.kind, name), value);
        own.or_else(|| {
            record_of(value)
                .is_none()
                .then(|| timeline::field_value(words, sheet.zone, &sheet.names, name, value))
        })
    };
    let shown = review.fields.iter().filter(|(_, field)| !field.value.is_null());
    html! {
        section aria-labelledby="fields-title" {
            h2 #fields-title { (words.say("office-fields")) }
            dl {
                @for (name, field) in shown {
                    dt { (words.code("field", words_of(&review.kind, name))) }
                    dd {
                        @if let Some(said) = said(name, &field.value) { (said) }
                        @else if let Some(record) = record_of(&field.value) {
                            a href={ "/office/records/" (record) } { (words.say("office-to-record")) }
                        }
                        @if !field.conflict.is_empty() {
                            " " (badge("bad", &words.say("office-in-conflict")))
                        }
                    }
                }
                @for (name, said) in computed(desk, sheet) { dt { (name) } dd { (said) } }
                dt { (words.say("office-record")) }
                dd { code { (sheet.record) } }
            }
        }
    }
}

fn record_of(value: &Value) -> Option<RecordId> {
    value.as_str()?.parse().ok()
}

/// What its kind has computed, as far as there are words for it.
fn computed(desk: &Desk, sheet: &Sheet) -> Vec<(String, String)> {
    let words = desk.words;
    let details = sheet.review.details.as_ref().and_then(|d| serde_json::to_value(d).ok());
    let Some(Value::Object(members)) = details else { return Vec::new() };
    let known = members.iter().filter(|(name, _)| words.knows("detail", name));
    let said = |name: &str, value: &Value| match value {
        Value::String(code) => Some(words.code(name, code)),
        Value::Number(number) if name.ends_with("_fen") => {
            Some(super::words::yuan(number.as_i64().unwrap_or_default()))
        }
        Value::Number(number) if name.ends_with("_ms") => {
            number.as_i64().map(|at_ms| sheet.zone.minute(at_ms))
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(words.say(if *on { "office-yes" } else { "office-no" })),
        _ => None,
    };
    known
        .filter_map(|(name, value)| Some((words.code("detail", name), said(name, value)?)))
        .collect()
}

/// A form for everything that the person may write here.
fn actions(drawn: &Drawn<'_>, sheet: &Sheet) -> Markup {
    let desk = drawn.desk;
    let words = desk.words;
    let offered = forms(&sheet.review.kind)
        .iter()
        .filter(|form| form.writes != Writes::Opening)
        .filter(|form| asked::is_offered(desk, sheet, form));
    let notes = sheet.permits(desk, &Command::Note { text: "-".to_owned() });
    html! {
        section #actions aria-labelledby="actions-title" {
            h2 #actions-title { (words.say("office-actions")) }
            @for form in offered { (action(drawn, sheet, form)) }
            @if notes { (note(desk, sheet, drawn.typed)) }
        }
    }
}

fn action(drawn: &Drawn<'_>, sheet: &Sheet, form: &Form) -> Markup {
    let words = drawn.desk.words;
    let name = form.name();
    let group = if matches!(form.writes, Writes::Field(_)) { "field" } else { "fact" };
    let open = drawn.typed.is_some_and(|typed| typed.form == name);
    html! {
        details data-form=(name) open[open] {
            summary { (words.code(group, name)) }
            form method="post" action={ (sheet.url()) "/write" } {
                (drawn.desk.guard())
                input type="hidden" name="form" value=(name);
                (drawn.inputs(form))
                button type="submit" { (words.say("office-action-write")) }
            }
        }
    }
}

/// A form on such a page.
///
/// # Errors
/// `not_found` for a record or an action that is not there.
pub async fn on_record(
    State(app): State<App>,
    Path((record, action)): Path<(String, String)>,
    post: Post,
) -> Result<Response> {
    let record: RecordId = record.parse().map_err(|_| Error::problem(ProblemCode::NotFound))?;
    let Post { desk, fields, name } = post;
    let mut conn = app.db.reader().acquire().await?;
    let (kind, _) = command::place_of(&mut conn, &desk.user, record).await?;
    drop(conn);
    let done = async {
        let command = if action == "write" {
            filled(&app, &kind, record, &fields).await?
        } else if let Some(command) = act::third(&app, record, (&action, &fields)).await? {
            command
        } else {
            act::command_of(&action, &fields)?
        };
        if let Command::Resolve { field, .. } = &command {
            let seen = (field.as_str(), fields.text("rests_on"));
            act::still_between(&app, &desk, (&kind, record), seen).await?;
        }
        let post = OfficePost { user: desk.user.clone(), body: (), name };
        command::command_of_any(&app, post, record, command).await
    };
    match told(&desk, fields.clone(), done.await)? {
        None => Ok(to(&super::record::url_of(&kind, record))),
        Some(typed) => answer(&app, &desk, (record, &Wanted::default()), Some(&typed)).await,
    }
}

/// The command of a form that was filled in.
async fn filled(app: &App, kind: &str, record: RecordId, fields: &Fields) -> Result<Command> {
    let form = Form::of(kind, fields.text("form"));
    let form = form.filter(|form| form.writes != Writes::Opening);
    let form = form.ok_or(Error::problem(ProblemCode::NotFound))?;
    let read = app.sync.read(record).await?;
    let (_, _, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
    let content = form.content(|name| fields.text(name), &review.time_zone)?;
    let site = review.site.ok_or(Error::problem(ProblemCode::NotFound))?;
    Ok(form.command(kind, site, content)?)
}
