//! Open alarms, above everything else on today's page.

use maud::{Markup, html};
use sync_core::model::id::SiteId;

use super::cases::Typed;
use super::desk::Desk;
use super::layout::badge;
use super::words::Zone;
use crate::http::work_order_list::id;
use crate::{App, Result};

/// Alarms that are shown; more at once are shown when these are over.
const ALARMS_MAX: i64 = 50;

#[derive(sqlx::FromRow)]
struct Row {
    record: Vec<u8>,
    status: String,
    title: String,
    alarm: Option<String>,
    place: Option<String>,
    round: Option<Vec<u8>>,
    created_at_ms: Option<i64>,
}

/// The alarms of a site that nobody has settled.
///
/// # Errors
/// If the database does not answer.
pub async fn open(
    app: &App,
    desk: &Desk,
    (site, zone): (SiteId, Zone),
    typed: Option<&Typed>,
) -> Result<Markup> {
    let rows: Vec<Row> = sqlx::query_as(
        "select record, status, title, alarm, place, round, created_at_ms from alarm
         where site = ? and status in ('raised', 'acknowledged')
         order by created_at_ms desc, record limit ?",
    )
    .bind(site.0)
    .bind(ALARMS_MAX)
    .fetch_all(app.db.reader())
    .await?;
    let words = desk.words;
    Ok(html! {
        @if !rows.is_empty() {
            section #alarms.alarms role="alert" aria-labelledby="alarms-title" {
                h2 #alarms-title { (words.say("office-alarms")) }
                @for row in &rows { (alarm(desk, site, zone, row, typed)) }
            }
        }
    })
}

fn alarm(desk: &Desk, site: SiteId, zone: Zone, row: &Row, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    let record = id(&row.record).map(|record| record.to_string()).unwrap_or_default();
    let round = row.round.as_deref().and_then(|round| id(round).ok());
    let place = row.place.as_deref().unwrap_or_default();
    let form = format!("settle-{record}");
    let action = format!("/office/alarms/{record}");
    html! {
        article.alarm data-alarm=(record) {
            h3 {
                (words.code("office-alarm", row.alarm.as_deref().unwrap_or("other"))) " · " (place) " "
                (badge(
                    if row.status == "raised" { "bad" } else { "warn" },
                    &words.code("office-alarm-state", &row.status),
                ))
            }
            p {
                @if let Some(at_ms) = row.created_at_ms { (zone.minute(at_ms)) }
                @if row.title != place { " · " (row.title) }
                @if let Some(round) = round {
                    " · " a href={ "/office/rounds/" (round) } { (words.say("office-to-round")) }
                }
            }
            @if row.status == "raised" {
                form method="post" action={ (action) "/acknowledge" } {
                    (desk.guard())
                    input type="hidden" name="site" value=(site);
                    button.main type="submit" { (words.say("office-action-acknowledge")) }
                }
            } @else {
                form method="post" action={ (action) "/settle" } id=(form) {
                    (desk.guard())
                    input type="hidden" name="site" value=(site);
                    input type="hidden" name="form" value=(form);
                    label for={ (form) "-text" } { (words.say("office-settle-text")) }
                    input id={ (form) "-text" } name="text" required maxlength="1000"
                        value=(Typed::or(typed, &form, "text", ""));
                    button type="submit" { (words.say("office-action-settle")) }
                }
            }
        }
    }
}
