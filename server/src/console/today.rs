//! Today: what waits for a decision first, then the orders under way and those of today.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use sqlx::{QueryBuilder, Sqlite};
use sync_core::model::id::{RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::rules;

use super::cases::{self, Typed};
use super::desk::Desk;
use super::layout::{Frame, badge, page};
use super::words::Zone;
use super::{HOME, alarms, rounds};
use crate::http::extract::QueryOf;
use crate::http::names::names;
use crate::http::work_order_list::{Place, id};
use crate::people::place;
use crate::sync::asking;
use crate::{App, Result};

/// Rows of each list in a page.
const PAGE: usize = 50;

/// Which part of which site.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    site: Option<SiteId>,
    /// Where the page of orders begins.
    after: Option<String>,
    /// Where the page of rounds begins.
    round: Option<String>,
    /// Where the page of desk cases begins.
    case: Option<i64>,
}

impl Wanted {
    /// The first page of a site.
    pub fn of_site(site: Option<SiteId>) -> Self {
        Self { site, ..Self::default() }
    }

    /// Its address.
    pub fn url(&self) -> String {
        let site = self.site.map(|site| ("site", site.to_string()));
        let case = self.case.map(|case| ("case", case.to_string()));
        let after = self.after.clone().map(|after| ("after", after));
        let round = self.round.clone().map(|round| ("round", round));
        let pairs = [site, after, round, case].into_iter().flatten();
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { HOME.to_owned() } else { format!("{HOME}?{}", pairs.join("&")) }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    record: Vec<u8>,
    status: String,
    status_until_ms: Option<i64>,
    title: String,
    priority: Option<String>,
    appointment: Option<String>,
    assignee: Option<String>,
    unit: Option<String>,
    open_cases: u32,
    deviations: u32,
    created_at_ms: i64,
    changed_at_ms: Option<i64>,
}

/// Shows today.
///
/// # Errors
/// `forbidden` to whom no office is, `not_found` for another office's site.
pub async fn show(
    State(app): State<App>,
    desk: Desk,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Response> {
    answer(&app, &desk, &wanted, None).await
}

/// The page, with what was typed where it could not be done.
///
/// # Errors
/// As [`show`].
pub async fn answer(
    app: &App,
    desk: &Desk,
    wanted: &Wanted,
    typed: Option<&Typed>,
) -> Result<Response> {
    let words = desk.words;
    let site = desk.site(wanted.site)?;
    let mut conn = app.db.reader().acquire().await?;
    let zone = Zone::named(&place::policy(&mut conn, site).await?.time_zone);
    let all = place::sites(&mut conn).await?;
    drop(conn);
    let offices = desk.user.office_sites();
    let sites: Vec<(SiteId, String)> =
        all.into_iter().filter(|(site, _)| offices.contains(site)).collect();
    let (waiting, _) = orders(app, desk, site, zone, (true, None)).await?;
    let (others, next) = orders(app, desk, site, zone, (false, wanted.after.as_deref())).await?;
    let alarms = alarms::open(app, desk, (site, zone), typed).await?;
    let rounds = rounds::today(app, desk, (site, zone), wanted.round.as_deref()).await?;
    let desk_cases = desk_cases(app, desk, site, (zone, wanted.case), typed).await?;
    let title = words.say("office-today");
    let url = format!("{HOME}?site={site}");
    let content = html! {
        div.line {
            h1 #content { (title) " " small { (zone.day(desk.user.now_ms)) } }
            @if sites.len() > 1 {
                nav.sites aria-label=(words.say("office-sites")) {
                    @for (other, name) in &sites {
                        a href={ (HOME) "?site=" (other) }
                            aria-current=[(*other == site).then_some("page")] { (name) }
                    }
                }
            } @else {
                @for (_, name) in &sites { span.quiet { (name) } }
            }
        }
        @if let Some(typed) = typed { p.problem role="alert" { (typed.problem) } }
        (alarms)
        section #waiting aria-labelledby="waiting-title" {
            h2 #waiting-title { (words.say("office-waiting")) }
            (waiting)
        }
        (desk_cases)
        (rounds)
        section #orders aria-labelledby="orders-title" {
            h2 #orders-title { (words.say("office-orders")) }
            (others)
            @if let Some(next) = next {
                p { a rel="next" href={ (url) "&after=" (next) } { (words.say("office-more")) } }
            }
        }
    };
    let status = typed.map_or(StatusCode::OK, |typed| typed.status);
    Ok(page(desk, Frame { title: &title, url: &wanted.url(), status }, &content))
}

/// A table of orders, newest first, and where its next page begins.
async fn orders(
    app: &App,
    desk: &Desk,
    site: SiteId,
    zone: Zone,
    (waiting, after): (bool, Option<&str>),
) -> Result<(Markup, Option<String>)> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "select o.record, o.status, o.status_until_ms, o.title, o.priority, o.appointment,
           p.name as assignee, o.unit, o.open_cases, o.deviations, o.created_at_ms, o.changed_at_ms
         from work_order o left join person p on p.person = o.assignee
         where o.created_at_ms is not null and o.site = ",
    );
    query.push_bind(site.0);
    if waiting {
        query.push(" and o.open_cases > 0");
    } else {
        let midnight_ms = zone.midnight_ms(desk.user.now_ms);
        query.push(
            " and o.open_cases = 0 and (o.status not in ('closed', 'cancelled')
               or o.changed_at_ms >= ",
        );
        query.push_bind(midnight_ms).push(")");
    }
    if let Some(Place { created_ms, record }) = after.map(Place::read).transpose()? {
        query.push(" and (o.created_at_ms, o.record) < (").push_bind(created_ms);
        query.push(", ").push_bind(record.0.to_vec()).push(")");
    }
    query.push(" order by o.created_at_ms desc, o.record desc limit ");
    query.push_bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX));
    let mut rows: Vec<Row> = query.build_query_as().fetch_all(app.db.reader()).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let mut next = None;
    for row in &mut rows {
        let record = id(&row.record)?;
        next = Some(Place { created_ms: row.created_at_ms, record }.text());
        again(app, row, record, desk.user.now_ms).await?;
    }
    Ok((table(desk, zone, &rows), next.filter(|_| more)))
}

/// Judges a row again that has changed by itself since it was written; few have.
async fn again(app: &App, row: &mut Row, record: RecordId, now_ms: WallMs) -> Result<()> {
    if row.status_until_ms.is_some_and(|until| until <= now_ms)
        && let Some((_, _, review)) = app.sync.read(record).await?
    {
        let now = rules::projection(&review);
        row.status = now.status.code();
        row.open_cases = now.open_cases;
    }
    Ok(())
}

fn table(desk: &Desk, zone: Zone, rows: &[Row]) -> Markup {
    let words = desk.words;
    let head = ["order", "unit", "status", "assignee", "appointment", "changed"];
    html! {
        @if rows.is_empty() { p.quiet { (words.say("office-none")) } } @else {
            table.cards.orders {
                thead { tr { @for column in head {
                    th scope="col" { (words.code("office-column", column)) }
                } } }
                tbody { @for row in rows { (order(desk, zone, row, head)) } }
            }
        }
    }
}

fn order(desk: &Desk, zone: Zone, row: &Row, head: [&str; 6]) -> Markup {
    let words = desk.words;
    let record = id(&row.record).map(|record| record.to_string()).unwrap_or_default();
    let label = |index: usize| words.code("office-column", head[index]);
    html! {
        tr {
            th scope="row" data-label=(label(0)) {
                a href={ "/office/orders/" (record) } { (row.title) }
            }
            td data-label=(label(1)) { (row.unit.as_deref().unwrap_or("—")) }
            td data-label=(label(2)) {
                (badge("status", &words.code("status", &row.status)))
                @if row.priority.as_deref() == Some("urgent") {
                    (badge("warn", &words.say("office-priority-urgent")))
                }
                @if row.open_cases > 0 {
                    (badge("bad", &words.with(
                        "office-open-cases", &[("count", &row.open_cases.to_string())],
                    )))
                }
                @if row.deviations > 0 {
                    (badge("warn", &words.with(
                        "office-deviations", &[("count", &row.deviations.to_string())],
                    )))
                }
            }
            td data-label=(label(3)) { (row.assignee.as_deref().unwrap_or("—")) }
            td data-label=(label(4)) {
                (row.appointment.as_deref().map_or("—".to_owned(), |at| zone.read(at)))
            }
            td data-label=(label(5)) {
                (zone.minute(row.changed_at_ms.unwrap_or(row.created_at_ms)))
            }
        }
    }
}

/// Commands that were refused or wait, and what is wrong with phones.
async fn desk_cases(
    app: &App,
    desk: &Desk,
    site: SiteId,
    (zone, after): (Zone, Option<i64>),
    typed: Option<&Typed>,
) -> Result<Markup> {
    let words = desk.words;
    let wanted = PAGE as u64 + 1;
    let mut rows =
        app.sync.desk_cases_of(&[site].into(), after.unwrap_or(0), wanted, false).await?;
    if rows.is_empty() {
        return Ok(html! {});
    }
    let next = (rows.len() > PAGE).then(|| rows[PAGE - 1].case);
    rows.truncate(PAGE);
    let mut conn = app.db.reader().acquire().await?;
    let numbers: Vec<i64> = rows.iter().map(|row| row.case).collect();
    let said = asking::words(&mut conn, &numbers).await?;
    let people = rows.iter().map(|row| row.person).chain(said.iter().map(|word| word.person));
    let names = names(&mut conn, people).await?;
    let contents = cases::commands(&mut conn, &rows).await?;
    Ok(html! {
        section #desk-cases aria-labelledby="desk-cases-title" {
            h2 #desk-cases-title { (words.say("office-desk-cases")) }
            @for row in &rows {
                (cases::desk_case(desk, zone, row, cases::Around {
                    names: &names, contents: &contents, words: &said, typed, page_of: None,
                }))
            }
            @if let Some(next) = next {
                p { a rel="next" href={ (HOME) "?site=" (site) "&case=" (next) "#desk-cases" } {
                    (words.say("office-more"))
                } }
            }
        }
    })
}
