//! The phones of a site's staff, each with its account: saved = accepted + held + refused + still
//! on the phone, as far as the phone has told. An administrator locks and unlocks them here, and
//! notes that one is lost or found.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use sync_core::model::id::{DeviceId, SiteId};
use sync_core::protocol::problem::ProblemCode;

use super::desk::Desk;
use super::form::Post;
use super::layout::{Frame, badge, page};
use super::to;
use super::words::Zone;
use crate::http::devices;
use crate::http::extract::QueryOf;
use crate::people::device::Befalls;
use crate::people::place;
use crate::{App, Error, Result};

/// Where the page is.
pub const PHONES: &str = "/office/phones";
const PAGE: usize = 50;

/// Which part of which site.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    site: Option<SiteId>,
    /// The last device of the page before.
    after: Option<u32>,
}

#[derive(sqlx::FromRow)]
struct Row {
    device: u32,
    person: String,
    name: String,
    revoked_ms: Option<i64>,
    locked_ms: Option<i64>,
    lost_ms: Option<i64>,
    contact_ms: Option<i64>,
    highest_number: i64,
    app_version: Option<String>,
    accepted: i64,
    held: i64,
    refused: i64,
}

impl Row {
    fn here(&self) -> i64 {
        self.accepted.saturating_add(self.held).saturating_add(self.refused)
    }

    fn saved(&self) -> i64 {
        // A command is here before the phone has told its number: what is here was saved.
        self.highest_number.max(self.here())
    }
}

/// Shows the phones.
///
/// # Errors
/// `forbidden` to whom no office is, `not_found` for another office's site.
pub async fn show(
    State(app): State<App>,
    desk: Desk,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Response> {
    let words = desk.words;
    let site = desk.site(wanted.site)?;
    let mut rows: Vec<Row> = sqlx::query_as(
        "select d.device, p.name as person, d.name, d.revoked_ms, d.locked_ms, d.lost_ms,
           d.contact_ms,
           d.highest_number - d.first_number + 1 as highest_number, d.app_version,
           coalesce(sum(n) filter (where r.outcome in ('entered', 'rewritten')), 0) as accepted,
           coalesce(sum(n) filter (where r.outcome = 'held'), 0) as held,
           coalesce(sum(n) filter (where r.outcome not in ('entered', 'rewritten', 'held')), 0)
             as refused
         from (select * from device where public_key is not null and device > ?2
                 and person in (select person from role_grant where site = ?1)
               order by device limit ?3) d
           join person p on p.person = d.person
           left join (select device, outcome, to_number - from_number + 1 as n from receipt) r
             on r.device = d.device
         group by d.device order by d.device",
    )
    .bind(site.0)
    .bind(wanted.after.unwrap_or(0))
    .bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX))
    .fetch_all(app.db.reader())
    .await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|row| row.device);
    let mut conn = app.db.reader().acquire().await?;
    let zone = Zone::named(&place::policy(&mut conn, site).await?.time_zone);
    let title = words.say("office-phones");
    let content = html! {
        h1 #content { (title) }
        p.quiet { (words.say("office-account-rule")) }
        section aria-label=(title) {
            @if rows.is_empty() { p { (words.say("office-none")) } }
            @else { (table(&desk, (site, zone), &rows)) }
            @if let Some(next) = next {
                p { a rel="next" href={ (PHONES) "?site=" (site) "&after=" (next) } {
                    (words.say("office-more"))
                } }
            }
        }
    };
    let url = match (wanted.site, wanted.after) {
        (None, None) => PHONES.to_owned(),
        (_, None) => format!("{PHONES}?site={site}"),
        (_, Some(after)) => format!("{PHONES}?site={site}&after={after}"),
    };
    Ok(page(&desk, Frame { title: &title, url: &url, status: StatusCode::OK }, &content))
}

fn befalls_of(action: &str) -> Option<Befalls> {
    match action {
        "lock" => Some(Befalls::Locked),
        "unlock" => Some(Befalls::Unlocked),
        "lost" => Some(Befalls::Lost),
        "found" => Some(Befalls::Found),
        _ => None,
    }
}

/// A button beside a phone.
///
/// # Errors
/// `not_found` for a phone or an action that is not there, `forbidden` to whom it is not.
pub async fn decide(
    State(app): State<App>,
    Path((device, action)): Path<(String, String)>,
    post: Post,
) -> Result<Response> {
    let not_found = || Error::problem(ProblemCode::NotFound);
    let device: DeviceId = device.parse().map_err(|_| not_found())?;
    let what = befalls_of(&action).ok_or_else(not_found)?;
    let Post { desk, fields, name } = post;
    devices::befalls(&app, (&desk.user, &name), device, what).await?;
    let site: Option<SiteId> = fields.text("site").parse().ok();
    Ok(to(&site.map_or_else(|| PHONES.to_owned(), |site| format!("{PHONES}?site={site}"))))
}

/// The address of a button's form read again.
pub async fn back() -> Response {
    to(PHONES)
}

fn table(desk: &Desk, (site, zone): (SiteId, Zone), rows: &[Row]) -> Markup {
    let words = desk.words;
    let heads = ["person", "phone", "saved", "accepted", "held", "refused", "on_phone", "contact"];
    let administers = desk.user.administers(&std::collections::BTreeSet::from([site])).is_ok();
    let label = |index: usize| words.code("office-column", heads[index]);
    html! {
        table.cards {
            thead { tr { @for index in 0..heads.len() { th scope="col" { (label(index)) } } } }
            tbody { @for row in rows {
                tr data-device=(row.device) {
                    th scope="row" data-label=(label(0)) { (row.person) }
                    td data-label=(label(1)) {
                        (row.name) " " span.quiet {
                            "#" (row.device) " " (row.app_version.as_deref().unwrap_or_default())
                        }
                        @for (since, id) in [
                            (row.revoked_ms, "office-revoked"),
                            (row.locked_ms, "office-locked"),
                            (row.lost_ms, "office-lost"),
                        ] { @if since.is_some() { (badge("bad", &words.say(id))) } }
                        @if administers && row.revoked_ms.is_none() { (buttons(desk, site, row)) }
                    }
                    td.number data-label=(label(2)) data-count="saved" { (row.saved()) }
                    td.number data-label=(label(3)) data-count="accepted" { (row.accepted) }
                    td.number data-label=(label(4)) data-count="held" { (row.held) }
                    td.number data-label=(label(5)) data-count="refused" { (row.refused) }
                    td.number data-label=(label(6)) data-count="on_phone" {
                        (row.saved().saturating_sub(row.here()))
                    }
                    td data-label=(label(7)) {
                        (row.contact_ms.map_or_else(
                            || words.say("office-never"), |at| zone.minute(at),
                        ))
                    }
                }
            } }
        }
    }
}

/// What an administrator may say of a phone now.
fn buttons(desk: &Desk, site: SiteId, row: &Row) -> Markup {
    let lock = if row.locked_ms.is_some() { "unlock" } else { "lock" };
    let lose = if row.lost_ms.is_some() { "found" } else { "lost" };
    html! {
        @for action in [lock, lose] {
            form method="post" action={ (PHONES) "/" (row.device) "/" (action) } {
                (desk.guard())
                input type="hidden" name="site" value=(site);
                button type="submit" data-action=(action) {
                    (desk.words.code("office-device", action))
                }
            }
        }
    }
}
