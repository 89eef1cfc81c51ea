//! The list of records of the kinds that have no list of their own, and the form that opens one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use sqlx::{QueryBuilder, Sqlite};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::form::{Asks, Form, Writes};
use sync_core::rules::{forms, kinds};

use super::act::told;
use super::any::people;
use super::asked::{Drawn, problem};
use super::cases::Typed;
use super::desk::Desk;
use super::form::Post;
use super::layout::{Frame, badge, page};
use super::to;
use super::words::Zone;
use crate::http::command;
use crate::http::extract::QueryOf;
use crate::http::idempotency::OfficePost;
use crate::http::work_order_list::{Place, id};
use crate::people::place;
use crate::{App, Error, Result};

/// The address of the list.
pub const URL: &str = "/office/records";
/// Rows of a page.
const PAGE: usize = 50;

/// Which records.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Wanted {
    site: Option<SiteId>,
    kind: Option<String>,
    /// Closed ones too.
    closed: Option<String>,
    after: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    record: Vec<u8>,
    kind: String,
    status: String,
    title: String,
    subject: Option<String>,
    unit: Option<String>,
    assignee: Option<String>,
    due_ms: Option<i64>,
    open_cases: u32,
    created_at_ms: i64,
}

/// Shows the list.
///
/// # Errors
/// `forbidden` to whom no office is, `not_found` for another office's site.
pub async fn show(
    State(app): State<App>,
    desk: Desk,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Response> {
    let site = desk.site(wanted.site)?;
    let after = wanted.after.as_deref().map(Place::read).transpose()?;
    let mut query = QueryBuilder::<Sqlite>::new(
        "select c.record, c.kind, c.status, c.title, c.subject, c.unit, p.name as assignee,
           c.due_ms, c.open_cases, c.created_at_ms
         from record_card c left join person p on p.person = c.assignee where c.site = ",
    );
    query.push_bind(site.0);
    if let Some(kind) = &wanted.kind {
        query.push(" and c.kind = ").push_bind(kind.clone());
    }
    if wanted.closed.is_none() {
        query.push(" and c.closed_at_ms is null");
    }
    if let Some(Place { created_ms, record }) = after {
        query.push(" and (c.created_at_ms, c.record) < (").push_bind(created_ms);
        query.push(", ").push_bind(record.0.to_vec()).push(")");
    }
    query.push(" order by c.created_at_ms desc, c.record desc limit ").push_bind(PAGE as i64 + 1);
    let mut conn = app.db.reader().acquire().await?;
    let mut rows: Vec<Row> = query.build_query_as().fetch_all(&mut *conn).await?;
    let zone = zone(&mut conn, site).await?;
    drop(conn);
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).and_then(|row| {
        let record = id(&row.record).ok()?;
        Some(Place { created_ms: row.created_at_ms, record }.text())
    });
    let words = desk.words;
    let title = words.say("office-records");
    let content = html! {
        h1 #content { (title) }
        (choices(&desk, site, &wanted))
        (table(&desk, zone, &rows))
        @if let Some(next) = next {
            p { a rel="next" href={ (address(site, &wanted)) "&after=" (next) } {
                (words.say("office-more"))
            } }
        }
    };
    let url = address(site, &wanted);
    Ok(page(&desk, Frame { title: &title, url: &url, status: StatusCode::OK }, &content))
}

async fn zone(conn: &mut sqlx::SqliteConnection, site: SiteId) -> Result<Zone> {
    Ok(Zone::named(&place::policy(conn, site).await?.time_zone))
}

fn address(site: SiteId, wanted: &Wanted) -> String {
    let kind = wanted.kind.as_deref().filter(|kind| kinds().any(|known| known == *kind));
    let kind = kind.map(|kind| format!("&kind={kind}")).unwrap_or_default();
    let closed = if wanted.closed.is_some() { "&closed=too" } else { "" };
    format!("{URL}?site={site}{kind}{closed}")
}

/// The kinds, closed ones too or not, and what can be opened.
fn choices(desk: &Desk, site: SiteId, wanted: &Wanted) -> Markup {
    let words = desk.words;
    let chosen = wanted.kind.as_deref();
    let of = |kind: Option<&str>| {
        address(site, &Wanted { kind: kind.map(str::to_owned), ..wanted.clone() })
    };
    let turned = Wanted {
        closed: wanted.closed.is_none().then(|| "too".to_owned()),
        after: None,
        ..wanted.clone()
    };
    let other = if wanted.closed.is_some() { "office-open-only" } else { "office-closed-too" };
    html! {
        nav.sites aria-label=(words.say("office-kinds")) {
            a href=(of(None)) aria-current=[chosen.is_none().then_some("true")] {
                (words.say("office-all"))
            }
            @for kind in kinds() {
                a href=(of(Some(kind))) aria-current=[(chosen == Some(kind)).then_some("true")] {
                    (words.code("kind", kind))
                }
            }
            a href=(address(site, &turned)) { (words.say(other)) }
        }
        @if let Some(kind) = chosen && opening(kind).is_some() {
            p { a.button href={ (URL) "/new?site=" (site) "&kind=" (kind) } {
                (words.with("office-open-new", &[("kind", &words.code("kind", kind))]))
            } }
        }
    }
}

fn table(desk: &Desk, zone: Zone, rows: &[Row]) -> Markup {
    let words = desk.words;
    let heads = ["title", "kind", "unit", "assignee", "due", "status"];
    html! {
        section #records {
            @if rows.is_empty() { p.quiet { (words.say("office-none")) } } @else {
                table.cards {
                    thead { tr { @for head in heads {
                        th scope="col" { (words.code("office-column", head)) }
                    } } }
                    tbody { @for row in rows { (line(desk, zone, row, heads)) } }
                }
            }
        }
    }
}

fn line(desk: &Desk, zone: Zone, row: &Row, heads: [&str; 6]) -> Markup {
    let words = desk.words;
    let label = |index: usize| words.code("office-column", heads[index]);
    let record = id(&row.record).map(|record| record.to_string()).unwrap_or_default();
    let subject = row.subject.as_deref().and_then(|code| subject(desk, &row.kind, code));
    html! {
        tr data-record=(record) {
            th scope="row" data-label=(label(0)) {
                a href={ (URL) "/" (record) } { (row.title) }
            }
            td data-label=(label(1)) {
                (words.code("kind", &row.kind))
                @if let Some(subject) = subject { " · " (subject) }
            }
            td data-label=(label(2)) { (row.unit.as_deref().unwrap_or("—")) }
            td data-label=(label(3)) { (row.assignee.as_deref().unwrap_or("—")) }
            td data-label=(label(4)) {
                @if let Some(due_ms) = row.due_ms { (zone.minute(due_ms)) } @else { "—" }
            }
            td data-label=(label(5)) {
                (badge("status", &words.code("status", &row.status)))
                @if row.open_cases > 0 {
                    (badge("bad", &words.with(
                        "office-open-cases", &[("count", &row.open_cases.to_string())],
                    )))
                }
            }
        }
    }
}

/// What a record is about, in words, by the kind's own choice.
fn subject(desk: &Desk, kind: &str, code: &str) -> Option<String> {
    let words = desk.words;
    let opening = opening(kind)?;
    let mut inputs = opening.inputs.iter();
    inputs.find_map(|input| match input.asks {
        Asks::Choice(group, codes) if codes.contains(&code) => Some(words.code(group, code)),
        _ => None,
    })
}

fn opening(kind: &str) -> Option<&'static Form> {
    forms(kind).iter().find(|form| form.writes == Writes::Opening)
}

/// Shows the form that opens a record.
///
/// # Errors
/// `not_found` for a kind that nobody opens by hand.
pub async fn new(
    State(app): State<App>,
    desk: Desk,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Response> {
    let site = desk.site(wanted.site)?;
    blank(&app, &desk, (site, wanted.kind.as_deref().unwrap_or_default()), None).await
}

async fn blank(
    app: &App,
    desk: &Desk,
    (site, kind): (SiteId, &str),
    typed: Option<&Typed>,
) -> Result<Response> {
    let form = opening(kind).ok_or(Error::problem(ProblemCode::NotFound))?;
    let mut conn = app.db.reader().acquire().await?;
    let people = people(&mut conn, site, desk.user.now_ms).await?;
    drop(conn);
    let words = desk.words;
    let drawn = Drawn { desk, sheet: None, people: &people, typed };
    let title = words.with("office-open-new", &[("kind", &words.code("kind", kind))]);
    let content = html! {
        p.crumb { a href={ (URL) "?site=" (site) "&kind=" (kind) } { (words.code("kind", kind)) } }
        h1 #content { (title) }
        @if let Some(typed) = typed { p.problem role="alert" { (problem(words, kind, typed)) } }
        section {
            form #open method="post" action={ (URL) "/new" } {
                (desk.guard())
                input type="hidden" name="form" value="open";
                input type="hidden" name="site" value=(site);
                input type="hidden" name="kind" value=(kind);
                (drawn.inputs(form))
                button type="submit" { (title) }
            }
        }
    };
    let url = format!("{URL}/new?site={site}&kind={kind}");
    let status = typed.map_or(StatusCode::OK, |typed| typed.status);
    Ok(page(desk, Frame { title: &title, url: &url, status }, &content))
}

/// Opens a record.
///
/// # Errors
/// `not_found` for a kind that nobody opens by hand.
pub async fn open(State(app): State<App>, post: Post) -> Result<Response> {
    let Post { desk, fields, name } = post;
    let site = desk.site(fields.text("site").parse().ok())?;
    let kind = fields.text("kind").to_owned();
    let form = opening(&kind).ok_or(Error::problem(ProblemCode::NotFound))?;
    let mut conn = app.db.reader().acquire().await?;
    let zone = place::policy(&mut conn, site).await?.time_zone;
    drop(conn);
    let done = async {
        let content = form.content(|name| fields.text(name), &zone)?;
        let opens = form.command(&kind, site, content)?;
        let post = OfficePost { user: desk.user.clone(), body: (), name };
        command::create(&app, post, opens).await
    };
    let answer = match done.await {
        Ok(answer) if answer.status() == StatusCode::CREATED => answer,
        other => {
            let typed = told(&desk, fields, other)?;
            return blank(&app, &desk, (site, &kind), typed.as_ref()).await;
        }
    };
    let body = axum::body::to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await;
    let body = body.map_err(|_| Error::Broken("an answer without its body"))?;
    let written: Opened = serde_json::from_slice(&body)
        .map_err(|_| Error::Broken("an answer that names no record"))?;
    Ok(to(&format!("{URL}/{}", written.record)))
}

/// Bytes of the answer to a command.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What the answer to a command that opens a record says of it.
#[derive(Deserialize)]
struct Opened {
    record: RecordId,
}
