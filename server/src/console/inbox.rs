//! The inbox of somebody at the desk: what the records that concern them tell, by the rules that
//! phones use. Reads the latest records only, so that the page costs the same whatever is stored.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use sync_core::model::id::{FactKey, PersonId, RecordId, SiteId};
use sync_core::model::person::Role;
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{Command, InboxItem, InboxKind, inbox};

use super::act::told;
use super::cases::Typed;
use super::cash;
use super::desk::Desk;
use super::form::Post;
use super::layout::{Frame, badge, page};
use super::record::url_of;
use super::to;
use super::words::Zone;
use crate::http::command;
use crate::http::idempotency::OfficePost;
use crate::http::names::names;
use crate::http::work_order_list::id;
use crate::people::{grant, place};
use crate::sync::cash_days::CASH_UNACCOUNTED;
use crate::sync::due;
use crate::{App, Error, Result};

/// Where the page is.
pub const URL: &str = "/office/inbox";
/// Records that are looked at, the latest first.
const RECORDS_MAX: i64 = 50;

/// Shows the inbox.
///
/// # Errors
/// If the database does not answer.
pub async fn show(State(app): State<App>, desk: Desk) -> Result<Response> {
    answer(&app, &desk, None).await
}

async fn answer(app: &App, desk: &Desk, typed: Option<&Typed>) -> Result<Response> {
    let items = items(app, desk).await?;
    let reopened = reopened(app, desk).await?;
    let people: BTreeSet<PersonId> =
        items.iter().flat_map(|(item, _)| [Some(item.person), item.by]).flatten().collect();
    let mut conn = app.db.reader().acquire().await?;
    let names = names(&mut conn, people).await?;
    drop(conn);
    let name = |person: PersonId| names.get(&person).cloned().unwrap_or_default();
    let words = desk.words;
    let title = words.say("office-inbox");
    let content = html! {
        h1 #content { (title) }
        @if let Some(typed) = typed { p.problem role="alert" { (typed.problem) } }
        @if items.is_empty() && reopened.is_empty() { p { (words.say("office-inbox-empty")) } }
        @for case in &reopened {
            section.case data-inbox="cash_reopened" data-done="false" {
                h2 { (words.say("office-inbox-cash-reopened")) }
                p {
                    a href=(cash::url_of(case.site, &case.day)) {
                        (words.with("office-cash-of-day", &[("day", &case.day)]))
                    }
                    " · " (case.zone.minute(case.at_ms)) " · "
                    (words.with("office-cash-entries", &[("count", &case.entries.to_string())]))
                }
            }
        }
        @for (item, zone) in &items {
            section.case data-inbox=(item.kind.code()) data-done=(item.done || item.read) {
                h2 {
                    (words.code("inbox", &item.kind.code())) " " (state(desk, item))
                }
                p {
                    a href=(url_of(&item.record_kind, item.record)) { (item.title) }
                    " · " (zone.minute(item.at_ms))
                    @if let Some(by) = item.by { " · " (name(by)) }
                    @if item.person != desk.user.person() {
                        " · " (words.with("office-inbox-for", &[("person", &name(item.person))]))
                    }
                }
                @if let Some(text) = &item.text { p { (text) } }
                @if !item.done { (form(desk, item, typed)) }
            }
        }
    };
    let status = typed.map_or(StatusCode::OK, |typed| typed.status);
    Ok(page(desk, Frame { title: &title, url: URL, status }, &content))
}

fn state(desk: &Desk, item: &InboxItem) -> Markup {
    let (tone, id) = match (item.done, item.read) {
        (true, _) => ("good", "office-inbox-done"),
        (false, true) => ("info", "office-inbox-read"),
        (false, false) => ("warn", "office-inbox-new"),
    };
    badge(tone, &desk.words.say(id))
}

fn form(desk: &Desk, item: &InboxItem, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    let form = format!("answer-{}", item.key);
    let (action, button) = match item.kind {
        InboxKind::Question => ("answer", "office-inbox-answer"),
        _ if item.kind.wants_acknowledgement() => ("acknowledge", "office-action-acknowledge"),
        _ if item.read => return html! {},
        _ => ("read", "office-inbox-mark-read"),
    };
    html! {
        form method="post" action={ (URL) "/" (item.record) "/" (action) } {
            (desk.guard())
            input type="hidden" name="of" value=(item.key);
            @if action == "answer" {
                input type="hidden" name="form" value=(form);
                label for=(form) { (words.say("office-inbox-answer-text")) }
                input id=(form) name="text" required maxlength="1000"
                    value=(Typed::or(typed, &form, "text", ""));
            }
            button type="submit" { (words.say(button)) }
        }
    }
}

/// What is told to this person, and to whomever the person stands in for now; what is still to do
/// first, then the latest.
async fn items(app: &App, desk: &Desk) -> Result<Vec<(InboxItem, Zone)>> {
    let own = desk.user.person();
    let grants = desk.user.principal.grants.iter();
    let stands_for = grants.filter(|grant| grant::in_force(grant, desk.user.now_ms));
    let people: BTreeSet<PersonId> =
        stands_for.filter_map(|grant| grant.on_behalf_of).chain([own]).collect();
    let mut records: BTreeSet<RecordId> = BTreeSet::new();
    for site in desk.user.office_sites() {
        for person in &people {
            let rows: Vec<Vec<u8>> = sqlx::query_scalar(
                "select record from feed
                 where site = ? and audience = ? and left_sequence is null
                 order by sequence desc limit ?",
            )
            .bind(site.0)
            .bind(format!("user/{person}"))
            .bind(RECORDS_MAX)
            .fetch_all(app.db.reader())
            .await?;
            for row in rows {
                records.insert(id(&row)?);
            }
        }
    }
    let mut items = Vec::new();
    for record in records {
        let Some((_, _, review)) = app.sync.read(record).await? else { continue };
        let zone = Zone::named(&review.time_zone);
        let of_people = inbox(&review).into_iter().filter(|item| people.contains(&item.person));
        items.extend(of_people.map(|item| (item, zone)));
    }
    items.extend(by_role(app, desk).await?);
    items.sort_by_key(|(item, _)| (item.done || item.read, item.kind, -item.at_ms, item.key));
    items.truncate(usize::try_from(RECORDS_MAX).unwrap_or(usize::MAX));
    Ok(items)
}

/// What the person is told by the roles held now, the latest first; no record is read for it.
async fn by_role(app: &App, desk: &Desk) -> Result<Vec<(InboxItem, Zone)>> {
    let user = &desk.user;
    let supervisors = app.sync.supervisors().await?;
    let grants = user.principal.grants.iter();
    let held = grants.filter(|grant| grant::in_force(grant, user.now_ms));
    let held: BTreeSet<_> = held.map(|grant| (grant.site, grant.role)).collect();
    let mut conn = app.db.reader().acquire().await?;
    // What is told to several roles of one person is told once.
    let mut items: BTreeMap<(RecordId, FactKey), (InboxItem, Zone)> = BTreeMap::new();
    for (site, role) in held {
        let zone = Zone::named(&place::policy(&mut conn, site).await?.time_zone);
        for told in due::told_to(&mut conn, (site, role), RECORDS_MAX).await? {
            let item = told.of(&user.principal, &supervisors, user.now_ms);
            items.extend(item.map(|item| ((item.record, item.key), (item, zone))));
        }
    }
    Ok(items.into_values().collect())
}

/// A case of the day's end that was closed and is open again.
struct Reopened {
    site: SiteId,
    day: String,
    entries: i64,
    at_ms: WallMs,
    zone: Zone,
}

/// Cases of cash that opened again, for whoever gave a word on one and for those who answer for the
/// desk's cash.
async fn reopened(app: &App, desk: &Desk) -> Result<Vec<Reopened>> {
    let mut found = Vec::new();
    for site in desk.user.office_sites() {
        let mut conn = app.db.reader().acquire().await?;
        let zone = Zone::named(&place::policy(&mut conn, site).await?.time_zone);
        drop(conn);
        let answers = desk.user.holds_desk(site, &[Role::Supervisor, Role::ProjectManager]).is_ok();
        let rows: Vec<(Option<String>, i64, bool)> = sqlx::query_as(
            "select d.params, a.at_ms, exists(select 1 from desk_case_action o
               where o.desk_case = d.id and o.person = ?)
             from desk_case d join desk_case_action a on a.id =
               (select max(id) from desk_case_action where desk_case = d.id)
             where d.site = ? and d.kind = ? and d.closed_ms is null and a.action = 'reopened'
             order by d.id desc limit ?",
        )
        .bind(desk.user.person().0)
        .bind(site.0)
        .bind(CASH_UNACCOUNTED)
        .bind(RECORDS_MAX)
        .fetch_all(app.db.reader())
        .await?;
        for (params, at_ms, _) in rows.into_iter().filter(|(.., own)| answers || *own) {
            let params: Value =
                params.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
            let day = params["day"].as_str().unwrap_or_default().to_owned();
            let entries = params["entries"].as_i64().unwrap_or_default();
            found.push(Reopened { site, day, entries, at_ms, zone });
        }
    }
    Ok(found)
}

/// A form of the inbox: read, acknowledge, answer.
///
/// # Errors
/// `not_found` for a record or an action that is not there.
pub async fn on_item(
    State(app): State<App>,
    Path((record, action)): Path<(String, String)>,
    post: Post,
) -> Result<Response> {
    let record: RecordId = record.parse().map_err(|_| Error::problem(ProblemCode::NotFound))?;
    let Post { desk, fields, name } = post;
    let done = async {
        let of = fields.text("of").parse().map_err(|_| Error::malformed("of"))?;
        let command = match action.as_str() {
            "read" => Command::Read { of },
            "acknowledge" => Command::Acknowledge { of },
            "answer" => {
                Command::Answer { question: of, text: fields.text("text").trim().to_owned() }
            }
            _ => return Err(Error::problem(ProblemCode::NotFound)),
        };
        let post = OfficePost { user: desk.user.clone(), body: (), name };
        command::command_of_any(&app, post, record, command).await
    };
    match told(&desk, fields.clone(), done.await)? {
        None => Ok(to(URL)),
        Some(typed) => answer(&app, &desk, Some(&typed)).await,
    }
}
