//! Today's rounds, with how much of each has been covered.

use maud::{Markup, html};
use sqlx::{QueryBuilder, Sqlite};
use sync_core::model::id::SiteId;
use sync_core::rules;

use super::HOME;
use super::desk::Desk;
use super::layout::badge;
use super::words::Zone;
use crate::http::work_order_list::{Place, id};
use crate::{App, Result};

/// Rounds in a page.
const PAGE: usize = 50;

#[derive(sqlx::FromRow)]
struct Row {
    record: Vec<u8>,
    status: String,
    status_until_ms: Option<i64>,
    title: String,
    patrol: Option<String>,
    officer: Option<String>,
    at_ms: i64,
    visited: u32,
    checkpoints: u32,
    open_findings: u32,
    open_cases: u32,
}

/// The rounds of the day, in the order in which they are to begin; and those still under way.
///
/// # Errors
/// If the database does not answer, or `after` is no place in the list.
pub async fn today(
    app: &App,
    desk: &Desk,
    (site, zone): (SiteId, Zone),
    after: Option<&str>,
) -> Result<Markup> {
    let midnight_ms = zone.midnight_ms(desk.user.now_ms);
    // A day has at most 25 hours.
    let next_ms = zone.midnight_ms(midnight_ms + 30 * 3_600_000);
    let mut query = QueryBuilder::<Sqlite>::new(
        "select r.record, r.status, r.status_until_ms, r.title, r.patrol, p.name as officer,
           coalesce(r.starts_at_ms, r.created_at_ms, 0) as at_ms, r.visited, r.checkpoints,
           r.open_findings, r.open_cases
         from patrol_round r left join person p on p.person = r.officer where r.site = ",
    );
    query.push_bind(site.0);
    // One that nobody ended has lapsed by itself, without anybody writing it.
    query.push(" and ((r.status = 'under_way' and r.status_until_ms > ");
    query.push_bind(desk.user.now_ms);
    query.push(") or r.open_cases > 0 or coalesce(r.starts_at_ms, r.created_at_ms) >= ");
    query.push_bind(midnight_ms);
    query.push(") and coalesce(r.starts_at_ms, r.created_at_ms, 0) < ").push_bind(next_ms);
    if let Some(Place { created_ms, record }) = after.map(Place::read).transpose()? {
        query.push(" and (coalesce(r.starts_at_ms, r.created_at_ms, 0), r.record) > (");
        query.push_bind(created_ms).push(", ").push_bind(record.0.to_vec()).push(")");
    }
    query.push(" order by at_ms, r.record limit ");
    query.push_bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX));
    let mut rows: Vec<Row> = query.build_query_as().fetch_all(app.db.reader()).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let mut next = None;
    for row in &mut rows {
        let record = id(&row.record)?;
        next = Some(Place { created_ms: row.at_ms, record }.text());
        // What has changed by itself since it was written: few have.
        if row.status_until_ms.is_some_and(|until| until <= desk.user.now_ms)
            && let Some((_, _, review)) = app.sync.read(record).await?
        {
            row.status = rules::projection(&review).status.code();
        }
    }
    Ok(list(desk, site, zone, &rows, next.filter(|_| more)))
}

fn list(desk: &Desk, site: SiteId, zone: Zone, rows: &[Row], next: Option<String>) -> Markup {
    let words = desk.words;
    let heads = ["area", "patrol", "starts_at", "officer", "covered", "status"];
    html! {
        section #rounds aria-labelledby="rounds-title" {
            h2 #rounds-title { (words.say("office-rounds")) }
            @if rows.is_empty() { p.quiet { (words.say("office-none")) } } @else {
                table.cards {
                    thead { tr { @for head in heads {
                        th scope="col" { (words.code("office-column", head)) }
                    } } }
                    tbody { @for row in rows { (round(desk, zone, row, heads)) } }
                }
            }
            @if let Some(next) = next {
                p { a rel="next" href={ (HOME) "?site=" (site) "&round=" (next) "#rounds" } {
                    (words.say("office-more"))
                } }
            }
        }
    }
}

fn round(desk: &Desk, zone: Zone, row: &Row, heads: [&str; 6]) -> Markup {
    let words = desk.words;
    let label = |index: usize| words.code("office-column", heads[index]);
    let record = id(&row.record).map(|record| record.to_string()).unwrap_or_default();
    let patrol = row.patrol.as_deref();
    let late = matches!(row.status.as_str(), "not_started" | "lapsed");
    html! {
        tr data-round=(record) {
            th scope="row" data-label=(label(0)) {
                a href={ "/office/rounds/" (record) } { (row.title) }
            }
            td data-label=(label(1)) {
                (patrol.map_or_else(|| "—".to_owned(), |code| words.code("office-patrol", code)))
            }
            td data-label=(label(2)) { (zone.minute(row.at_ms)) }
            td data-label=(label(3)) { (row.officer.as_deref().unwrap_or("—")) }
            td data-label=(label(4)) {
                (row.visited) " / " (row.checkpoints) " "
                progress max=(row.checkpoints.max(1)) value=(row.visited) aria-hidden="true" {}
            }
            td data-label=(label(5)) {
                (badge(if late { "bad" } else { "status" }, &words.code("status", &row.status)))
                @if row.open_findings > 0 {
                    (badge("warn", &words.with(
                        "office-open-findings", &[("count", &row.open_findings.to_string())],
                    )))
                }
                @if row.open_cases > 0 {
                    (badge("bad", &words.with(
                        "office-open-cases", &[("count", &row.open_cases.to_string())],
                    )))
                }
            }
        }
    }
}
