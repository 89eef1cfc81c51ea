//! The desk's cash: what came in and was paid back on a day and where it stands, the customers'
//! keys that are out, what each desk counted last.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use maud::{Markup, html};
use serde::Deserialize;
use sync_core::model::hand_over;
use sync_core::model::id::SiteId;

use super::desk::Desk;
use super::layout::{Frame, badge, page};
use super::record::url_of as record_url;
use super::records::URL as RECORDS;
use super::words::{Zone, yuan};
use crate::http::cash::{Day, of_day};
use crate::http::extract::QueryOf;
use crate::people::place;
use crate::sync::cash::{CashRow, Standing};
use crate::{App, Result};

/// Where the page is.
pub const URL: &str = "/office/cash";

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
/// `not_found` for another office's site, `forbidden` to whom the desk's cash is not.
pub async fn show(
    State(app): State<App>,
    desk: Desk,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Response> {
    let words = desk.words;
    let site = desk.site(wanted.site)?;
    let day = of_day(&app, &desk.user, (site, wanted.day)).await?;
    let mut conn = app.db.reader().acquire().await?;
    let zone = Zone::named(&place::policy(&mut conn, site).await?.time_zone);
    drop(conn);
    let title = words.say("office-cash");
    let text = day.day.to_string();
    let content = html! {
        h1 #content { (title) " " small { (text) } }
        nav aria-label=(words.say("office-cash-days")) {
            @for (other, id) in [
                (day.day.pred_opt(), "office-cash-day-before"),
                (day.day.succ_opt(), "office-cash-day-after"),
            ] {
                @if let Some(other) = other {
                    a href=(url_of(site, &other.to_string())) { (words.say(id)) } " "
                }
            }
        }
        (account(&desk, zone, &day))
        (keys(&desk, zone, &day))
        (counts(&desk, zone, &day))
    };
    let url = url_of(site, &text);
    Ok(page(&desk, Frame { title: &title, url: &url, status: StatusCode::OK }, &content))
}

fn account(desk: &Desk, zone: Zone, day: &Day) -> Markup {
    let words = desk.words;
    let account = &day.account;
    html! {
        section #cash aria-labelledby="cash-title" {
            h2 #cash-title { (words.say("office-cash-account")) }
            p {
                (words.code("cash", "handed_in")) " " (yuan(account.taken_fen)) " · "
                (words.code("cash", "refunded")) " " (yuan(account.refunded_fen)) " · "
                (words.say("office-cash-open")) " " strong data-open-fen=(account.open_fen) {
                    (yuan(account.open_fen))
                }
            }
            @if account.more { p.problem { (words.say("office-cash-more")) } }
            @if account.rows.is_empty() { p { (words.say("office-cash-none")) } }
            @else {
                ul.plain { @for row in &account.rows { (line(desk, zone, row)) } }
            }
        }
    }
}

fn line(desk: &Desk, zone: Zone, row: &CashRow) -> Markup {
    let words = desk.words;
    let tone = if row.standing == Standing::Accounted { "good" } else { "warn" };
    html! {
        li data-standing=(row.standing.code()) {
            (zone.minute(row.entry.at_ms)) " "
            a href={ (RECORDS) "/" (row.entry.record) } {
                (row.unit.as_deref().unwrap_or("—"))
            }
            " " (words.code("cash", row.entry.kind.code())) " " (yuan(row.entry.amount_fen)) " "
            (badge(tone, &words.code("office-cash", row.standing.code())))
            @for hand_over in &row.hand_overs {
                " " a href=(record_url(hand_over::KIND, *hand_over)) {
                    (words.say("office-cash-hand-over"))
                }
            }
        }
    }
}

fn keys(desk: &Desk, zone: Zone, day: &Day) -> Markup {
    let words = desk.words;
    html! {
        section #keys aria-labelledby="keys-title" {
            h2 #keys-title { (words.say("office-keys")) }
            @if day.keys.is_empty() { p { (words.say("office-keys-none")) } }
            @else {
                ul.plain { @for key in &day.keys {
                    li data-key=(key.received) {
                        (zone.minute(key.since_ms)) " "
                        a href={ (RECORDS) "/" (key.record) } {
                            (key.unit.as_deref().unwrap_or("—"))
                        }
                        " "
                        @let holder = key.holder.and_then(|holder| day.people.get(&holder));
                        (holder.map_or("—", String::as_str))
                        @if key.used { " " (badge("info", &words.say("office-key-used"))) }
                    }
                } }
            }
        }
    }
}

fn counts(desk: &Desk, zone: Zone, day: &Day) -> Markup {
    let words = desk.words;
    html! {
        section #counts aria-labelledby="counts-title" {
            h2 #counts-title { (words.say("office-cash-counts")) }
            @if day.counts.is_empty() { p { (words.say("office-cash-counts-none")) } }
            @else {
                ul.plain { @for count in &day.counts {
                    li {
                        a href=(record_url(hand_over::KIND, count.hand_over)) { (count.desk) }
                        " " (yuan(count.counted_fen)) " · " (zone.minute(count.at_ms))
                    }
                } }
            }
        }
    }
}
