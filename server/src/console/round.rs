//! One round's page: coverage point by point, a simple plan, what was found, and the timeline.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use sync_core::model::id::RecordId;
use sync_core::model::patrol::{CheckResult, ROUND};
use sync_core::model::{patrol, work_order};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{Anomaly, Command, Coverage, FindingState, Round};

use super::cases::{self, Typed};
use super::desk::Desk;
use super::layout::{Frame, badge, page};
use super::order::{Wanted, note};
use super::record::{Sheet, url_of};
use super::words::Words;
use super::{plan, timeline};
use crate::http::extract::{PathId, QueryOf};
use crate::{App, Error, Result};

/// Points of a round that are listed; rounds have a few dozen.
const POINTS_MAX: usize = 300;
/// Findings that are listed.
const FINDINGS_MAX: usize = 200;

/// Shows a round.
///
/// # Errors
/// `not_found` if the person's office has none there.
pub async fn show(
    State(app): State<App>,
    desk: Desk,
    PathId(record): PathId<RecordId>,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Response> {
    answer(&app, &desk, (record, &wanted), None).await
}

/// The page, with what was typed where it could not be done.
///
/// # Errors
/// As [`show`].
pub async fn answer(
    app: &App,
    desk: &Desk,
    (record, wanted): (RecordId, &Wanted),
    typed: Option<&Typed>,
) -> Result<Response> {
    let sheet = Sheet::read(app, desk, (ROUND, record)).await?;
    let words = desk.words;
    let Some(round) = &sheet.review.round else {
        return Err(Error::problem(ProblemCode::NotFound));
    };
    let mut conn = app.db.reader().acquire().await?;
    let kinds = kinds(&mut conn, round).await?;
    drop(conn);
    let title = sheet.review.text("area").unwrap_or_default().to_owned();
    let notes = sheet.permits(desk, &Command::Note { text: "-".to_owned() });
    let content = html! {
        p.crumb { a href="/office" { (words.say("office-back-to-today")) } }
        h1 #content {
            (title) " "
            (badge("status", &words.code("status", &sheet.review.status.code())))
        }
        @if let Some(typed) = typed { p.problem role="alert" { (typed.problem) } }
        div.two {
            div {
                (cases::of_record(desk, &sheet, typed))
                (coverage(desk, &sheet, round))
                (findings(desk, round, &kinds))
                (timeline::show(app, desk, &sheet, wanted.before))
            }
            div.side {
                (facts(desk, &sheet, round))
                section aria-labelledby="plan-title" {
                    h2 #plan-title { (words.say("office-plan")) }
                    (plan::draw(words, &round.coverage))
                }
                @if notes { section aria-labelledby="actions-title" {
                    h2 #actions-title { (words.say("office-actions")) }
                    (note(desk, &sheet, typed))
                } }
            }
        }
    };
    let mut url = sheet.url();
    if let Some(before) = wanted.before {
        url = format!("{url}?before={before}");
    }
    let status = typed.map_or(StatusCode::OK, |typed| typed.status);
    Ok(page(desk, Frame { title: &title, url: &url, status }, &content))
}

fn facts(desk: &Desk, sheet: &Sheet, round: &Round) -> Markup {
    let words = desk.words;
    let times = [
        ("office-planned-at", round.starts_at_ms),
        ("office-started-at", round.started_at_ms),
        ("office-ended-at", round.ended_at_ms),
    ];
    html! {
        section aria-labelledby="fields-title" {
            h2 #fields-title { (words.say("office-round")) }
            dl {
                @if let Some(patrol) = sheet.review.text("patrol") {
                    dt { (words.say("office-patrol")) } dd { (words.code("office-patrol", patrol)) }
                }
                dt { (words.code("role", "patrol_officer")) } dd { (sheet.person(round.officer)) }
                @for (id, at_ms) in times {
                    @if let Some(at_ms) = at_ms {
                        dt { (words.say(id)) } dd { (sheet.zone.minute(at_ms)) }
                    }
                }
                dt { (words.say("office-coverage")) }
                dd data-coverage={ (round.visited) "/" (round.coverage.len()) } {
                    (round.visited) " / " (round.coverage.len())
                }
                @if !round.units_checked.is_empty() {
                    dt { (words.say("office-units-checked")) }
                    dd { (round.units_checked.join(", ")) }
                }
                dt { (words.say("office-record")) } dd { code { (sheet.record) } }
            }
        }
    }
}

fn coverage(desk: &Desk, sheet: &Sheet, round: &Round) -> Markup {
    let words = desk.words;
    let heads = ["checkpoint", "visited_at", "method", "visited_by", "remarks"];
    let shown = round.coverage.iter().take(POINTS_MAX);
    let visits: BTreeSet<_> =
        shown.clone().filter_map(|point| point.visit.as_ref()).map(|visit| visit.key).collect();
    let beside = |anomaly: &&Anomaly| anomaly.keys.iter().any(|key| visits.contains(key));
    html! {
        section #coverage aria-labelledby="coverage-title" {
            h2 #coverage-title { (words.say("office-coverage")) }
            @if round.coverage.is_empty() { p.quiet { (words.say("office-none")) } } @else {
                table.cards.points {
                    thead { tr { @for head in heads {
                        th scope="col" { (words.code("office-column", head)) }
                    } } }
                    tbody { @for (index, point) in shown.enumerate() {
                        (checkpoint(desk, sheet, (index, point), &round.anomalies, heads))
                    } }
                }
            }
            @let others: Vec<&Anomaly> =
                round.anomalies.iter().filter(|anomaly| !beside(anomaly)).collect();
            @if !others.is_empty() {
                ul.plain { @for anomaly in others {
                    li { (badge("warn", &words.code("office-anomaly", &anomaly.code))) }
                } }
            }
        }
    }
}

fn checkpoint(
    desk: &Desk,
    sheet: &Sheet,
    (index, point): (usize, &Coverage),
    anomalies: &[Anomaly],
    heads: [&str; 5],
) -> Markup {
    let words = desk.words;
    let label = |index: usize| words.code("office-column", heads[index]);
    let visit = point.visit.as_ref();
    let odd = anomalies
        .iter()
        .filter(|anomaly| visit.is_some_and(|visit| anomaly.keys.contains(&visit.key)));
    let method = visit.and_then(|visit| serde_json::to_value(visit.method).ok());
    let method = method.as_ref().and_then(Value::as_str);
    html! {
        tr data-checkpoint=(point.checkpoint.code) {
            th scope="row" data-label=(label(0)) { (index + 1) ". " (point.checkpoint.name) }
            td data-label=(label(1)) {
                @if let Some(visit) = visit { (sheet.zone.second(visit.at_ms)) } @else { "—" }
            }
            td data-label=(label(2)) {
                (method.map_or_else(|| "—".to_owned(), |code| words.code("office-method", code)))
            }
            td data-label=(label(3)) { (sheet.person(visit.and_then(|visit| visit.by))) }
            td data-label=(label(4)) {
                @if point.missed && point.skipped.is_none() {
                    (badge("bad", &words.say("office-missed")))
                }
                @if let Some(reason) = &point.skipped {
                    (badge("warn", &words.say("office-skipped"))) " " (reason)
                }
                @if visit.is_some_and(|visit| !visit.verified) {
                    (badge("warn", &words.say("office-unverified")))
                }
                @for anomaly in odd {
                    (badge("warn", &words.code("office-anomaly", &anomaly.code)))
                }
                (items(desk, point))
            }
        }
    }
}

/// What is not ok by name, the rest as a number.
fn items(desk: &Desk, point: &Coverage) -> Markup {
    let words = desk.words;
    let bad = point.items.iter().filter(|item| item.result == Some(CheckResult::NotOk));
    let looked = point.items.iter().filter(|item| item.result.is_some()).count().to_string();
    let all = point.items.len().to_string();
    html! {
        @for item in bad {
            div {
                (badge("bad", &words.say("office-not-ok"))) " "
                (item_name(words, point, &item.item))
                @if let Some(note) = &item.note { ": " (note) }
            }
        }
        @if !point.items.is_empty() {
            div.quiet { (words.with("office-items", &[("looked", &looked), ("all", &all)])) }
        }
    }
}

/// What a site's own list calls an item, else what the catalogue does.
fn item_name(words: Words, point: &Coverage, code: &str) -> String {
    let mut carried = point.checkpoint.items.iter().flatten();
    let own = carried.find(|item| item.code == code).map(|item| item.text.clone());
    own.unwrap_or_else(|| words.code("office-item", code))
}

fn findings(desk: &Desk, round: &Round, kinds: &BTreeMap<RecordId, String>) -> Markup {
    let words = desk.words;
    html! {
        @if !round.findings.is_empty() {
            section #findings aria-labelledby="findings-title" {
                h2 #findings-title { (words.say("office-findings")) }
                ul.findings { @for finding in round.findings.iter().take(FINDINGS_MAX) {
                    li { (finding_of(desk, finding, kinds)) }
                } }
            }
        }
    }
}

fn finding_of(desk: &Desk, finding: &FindingState, kinds: &BTreeMap<RecordId, String>) -> Markup {
    let words = desk.words;
    let kind = serde_json::to_value(finding.content.finding).ok();
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    let records = [finding.opens, finding.content.known_as];
    html! {
        strong { (finding.content.description) } " "
        (badge("status", &words.code("office-finding", kind)))
        @if finding.settled { (badge("good", &words.say("office-settled"))) }
        @else { (badge("warn", &words.say("office-not-settled"))) }
        div.by {
            (finding.content.place)
            @if let Some(reported_to) = &finding.reported_to {
                " · " (words.with("office-reported-to", &[("person", reported_to)]))
            }
            @for record in records.into_iter().flatten() {
                @match kinds.get(&record).map(String::as_str) {
                    Some(kind @ (work_order::KIND | patrol::ROUND)) => {
                        " · " a href=(url_of(kind, record)) { (words.say("office-to-order")) }
                    }
                    Some(_) => { " · " (words.say("office-violation-opened")) }
                    None => {}
                }
            }
        }
    }
}

/// The kinds of the records that findings opened or were known as, in one statement.
async fn kinds(conn: &mut SqliteConnection, round: &Round) -> Result<BTreeMap<RecordId, String>> {
    let named = round.findings.iter().take(FINDINGS_MAX);
    let named: BTreeSet<RecordId> = named
        .flat_map(|finding| finding.opens.into_iter().chain(finding.content.known_as))
        .collect();
    let hex: Vec<String> =
        named.iter().map(|record| data_encoding::HEXUPPER.encode(&record.0)).collect();
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "select record, kind from record
         where record in (select unhex(value) from json_each(?)) and kind is not null",
    )
    .bind(json!(hex).to_string())
    .fetch_all(conn)
    .await?;
    let rows = rows
        .into_iter()
        .map(|(record, kind)| Ok((crate::http::work_order_list::id(&record)?, kind)));
    rows.collect()
}
