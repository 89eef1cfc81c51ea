//! The account of a day: what each person saved on each phone, what became of it, up to when that
//! is known and what never came; with the day's closing and reopening.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::NaiveDate;
use maud::{Markup, html};
use serde::Deserialize;
use sync_core::model::id::SiteId;
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::account::{Accounted, Equation, Known, NumberRange};

use super::act::told;
use super::cases::Typed;
use super::desk::Desk;
use super::form::Post;
use super::layout::{Frame, badge, page};
use super::words::Zone;
use crate::http::account_days::{Change, Day, may_close, of_day, write};
use crate::http::extract::QueryOf;
use crate::people::place;
use crate::sync::account_day::DeviceDay;
use crate::{App, Error, Result};

/// Where the page is.
pub const URL: &str = "/office/account";
/// Where its forms go.
pub const CLOSE: &str = "/office/account/close";
/// Where its forms go.
pub const REOPEN: &str = "/office/account/reopen";

/// Which day of which site.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    site: Option<SiteId>,
    day: Option<NaiveDate>,
}

/// The address of a day.
pub fn url_of(site: SiteId, day: &str) -> String {
    format!("{URL}?site={site}&day={day}")
}

/// Shows a day.
///
/// # Errors
/// `not_found` for another office's site, `forbidden` to whom no office is.
pub async fn show(
    State(app): State<App>,
    desk: Desk,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Response> {
    let site = desk.site(wanted.site)?;
    answer(&app, &desk, (site, wanted.day), None).await
}

/// Closes a day.
///
/// # Errors
/// `not_found` for another office's site.
pub async fn close(State(app): State<App>, post: Post) -> Result<Response> {
    on_day(&app, post, |_| Change::Close).await
}

/// Reopens a day.
///
/// # Errors
/// `not_found` for another office's site.
pub async fn reopen(State(app): State<App>, post: Post) -> Result<Response> {
    on_day(&app, post, |reason| Change::Reopen { reason }).await
}

/// The address of a form read again, e.g. after signing in: there is only the page.
pub async fn back() -> Response {
    Redirect::to(URL).into_response()
}

async fn on_day(app: &App, post: Post, change: impl FnOnce(String) -> Change) -> Result<Response> {
    let Post { desk, fields, name } = post;
    let site: SiteId =
        fields.text("site").parse().map_err(|_| Error::problem(ProblemCode::NotFound))?;
    let site = desk.site(Some(site))?;
    let day: NaiveDate = fields.text("day").parse().map_err(|_| Error::malformed("day"))?;
    let change = change(fields.text("reason").to_owned());
    let done = write(app, (&desk.user, &name), (site, day), change).await;
    match told(&desk, fields, done)? {
        None => Ok(super::to(&url_of(site, &day.to_string()))),
        Some(typed) => answer(app, &desk, (site, Some(day)), Some(&typed)).await,
    }
}

async fn answer(
    app: &App,
    desk: &Desk,
    (site, day): (SiteId, Option<NaiveDate>),
    typed: Option<&Typed>,
) -> Result<Response> {
    let words = desk.words;
    let day = of_day(app, &desk.user, (site, day)).await?;
    let mut conn = app.db.reader().acquire().await?;
    let zone = Zone::named(&place::policy(&mut conn, site).await?.time_zone);
    drop(conn);
    let title = words.say("office-account");
    let text = day.day.to_string();
    let content = html! {
        h1 #content { (title) " " small { (text) } }
        (chooser(desk, &day))
        p.quiet { (words.say("office-account-day-rule")) }
        (state(desk, zone, &day))
        section #account aria-labelledby="account-title" {
            h2 #account-title { (words.say("office-account-rows")) }
            @if day.account.more { p.problem { (words.say("office-account-more")) } }
            @if day.account.rows.is_empty() { p { (words.say("office-none")) } }
            @else { (table(desk, zone, &day)) }
        }
        (forms(desk, &day, typed))
    };
    let url = url_of(site, &text);
    let status = typed.map_or(StatusCode::OK, |typed| typed.status);
    Ok(page(desk, Frame { title: &title, url: &url, status }, &content))
}

fn chooser(desk: &Desk, day: &Day) -> Markup {
    let words = desk.words;
    html! {
        nav aria-label=(words.say("office-cash-days")) {
            @for (other, id) in [
                (day.day.pred_opt(), "office-cash-day-before"),
                (day.day.succ_opt(), "office-cash-day-after"),
            ] {
                @if let Some(other) = other {
                    a href=(url_of(day.site, &other.to_string())) { (words.say(id)) } " "
                }
            }
        }
        form method="get" action=(URL) {
            input type="hidden" name="site" value=(day.site);
            label for="account-day" { (words.say("office-account-day")) } " "
            input #account-day type="date" name="day" required value=(day.day);
            " " button type="submit" { (words.say("office-account-show")) }
        }
    }
}

/// Whether the day is closed, by whom, as of what.
fn state(desk: &Desk, zone: Zone, day: &Day) -> Markup {
    let words = desk.words;
    let state = day.state();
    let name = |person| day.people.get(&person).map_or("—", String::as_str);
    html! {
        section #state aria-labelledby="state-title" data-state=(state) {
            h2 #state-title {
                @let tone = match state { "closed" => "good", "reopened" => "warn", _ => "info" };
                (badge(tone, &words.code("office-account", state)))
            }
            p data-total="now" { (sums(desk, &day.account.total)) }
            @if let Some(closing) = &day.account.closing {
                p {
                    (words.with("office-account-closed-by", &[
                        ("by", name(closing.by)), ("at", &zone.minute(closing.at_ms)),
                    ]))
                }
                p data-total="closed" { (sums(desk, &closing.as_of.total)) }
                @if !closing.as_of.unknown.is_empty() {
                    ul.plain { @for phone in &closing.as_of.unknown {
                        li data-unknown=(phone.device) {
                            "#" (phone.device) " " (known(desk, zone, phone.up_to, phone.told_ms))
                        }
                    } }
                }
                @if let Some(reopened) = &closing.reopened {
                    p.problem {
                        @let at = zone.minute(reopened.at_ms);
                        @match reopened.by {
                            Some(by) => (words.with("office-account-reopened-by", &[
                                ("by", name(by)), ("at", &at),
                                ("reason", reopened.reason.as_deref().unwrap_or_default()),
                            ])),
                            None => (words.with("office-account-reopened-late", &[("at", &at)])),
                        }
                    }
                }
            }
        }
    }
}

fn sums(desk: &Desk, equation: &Equation) -> Markup {
    let words = desk.words;
    let Equation { saved, accepted, held, refused, on_phone } = equation;
    let label = |code: &str| words.code("office-column", code);
    html! {
        (label("saved")) " " strong { (saved) }
        @for (joint, code, count) in [
            (" = ", "accepted", accepted), (" + ", "held", held), (" + ", "refused", refused),
            (" + ", "on_phone", on_phone),
        ] { (joint) (label(code)) " " (count) }
    }
}

/// Up to which number a phone is known, at what time, and that the rest is not.
fn known(desk: &Desk, zone: Zone, up_to: u64, told_ms: Option<i64>) -> String {
    let words = desk.words;
    match told_ms {
        None => words.say("office-account-nothing-known"),
        Some(at_ms) => words.with(
            "office-account-unknown-since",
            &[("number", &up_to.to_string()), ("at", &zone.minute(at_ms))],
        ),
    }
}

fn table(desk: &Desk, zone: Zone, day: &Day) -> Markup {
    let words = desk.words;
    let heads = ["person", "phone", "saved", "accepted", "held", "refused", "on_phone", "known"];
    let label = |index: usize| words.code("office-column", heads[index]);
    html! {
        table.cards {
            thead { tr { @for index in 0..heads.len() { th scope="col" { (label(index)) } } } }
            tbody { @for row in &day.account.rows {
                @let equation = &row.accounted.equation;
                tr data-device=(row.device) {
                    th scope="row" data-label=(label(0)) { (row.person_name) }
                    td data-label=(label(1)) {
                        (row.device_name) " " span.quiet { "#" (row.device) }
                    }
                    @for (index, count) in [
                        (2, equation.saved), (3, equation.accepted), (4, equation.held),
                        (5, equation.refused), (6, equation.on_phone),
                    ] {
                        td.number data-label=(label(index)) data-count=(heads[index]) { (count) }
                    }
                    td data-label=(label(7)) { (standing(desk, zone, row)) }
                }
            } }
        }
    }
}

/// What is to be said of a phone's day beside its numbers.
fn standing(desk: &Desk, zone: Zone, row: &DeviceDay) -> Markup {
    let words = desk.words;
    let count = |id: &str, count: u64| words.with(id, &[("count", &count.to_string())]);
    html! {
        @match row.known {
            Known::Whole => (badge("good", &words.say("office-account-whole"))),
            Known::Until(_) | Known::Nothing => {
                span data-unknown=(row.device) {
                    (badge("warn", &known(desk, zone, row.up_to, row.told_ms)))
                }
            }
        }
        @if row.late > 0 { " " (badge("warn", &count("office-account-late", row.late))) }
        @if row.received > 0 {
            " " (badge("info", &count("office-account-dated-by-arrival", row.received)))
        }
        @if !row.accounted.missing.is_empty() {
            " " span.quiet data-missing=(row.accounted.equation.on_phone) {
                (missing(desk, &row.accounted))
            }
        }
    }
}

/// The numbers that have not come.
fn missing(desk: &Desk, accounted: &Accounted) -> String {
    let range = |NumberRange { from, to }: &NumberRange| {
        if from == to { from.to_string() } else { format!("{from}–{to}") }
    };
    let mut numbers = accounted.missing.iter().map(range).collect::<Vec<_>>().join(" ");
    if accounted.missing_left_out > 0 {
        numbers.push_str(" …");
    }
    desk.words.with("office-account-missing", &[("numbers", &numbers)])
}

/// The one form that the day's state leaves, for those who may.
fn forms(desk: &Desk, day: &Day, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    if may_close(&desk.user, day.site).is_err() {
        return html! {};
    }
    let is_closed = day.state() == "closed";
    let action = if is_closed { REOPEN } else { CLOSE };
    html! {
        form.case method="post" action=(action) id="account-form" {
            (desk.guard())
            input type="hidden" name="form" value="account-form";
            input type="hidden" name="site" value=(day.site);
            input type="hidden" name="day" value=(day.day);
            @if let Some(typed) = typed { p.problem role="alert" { (typed.problem) } }
            @if is_closed {
                label for="account-reason" { (words.say("office-reason")) }
                input #account-reason name="reason" required maxlength="200"
                    value=(Typed::or(typed, "account-form", "reason", ""));
                button type="submit" { (words.say("office-account-reopen")) }
            } @else {
                button type="submit" { (words.say("office-account-close")) }
            }
        }
    }
}
