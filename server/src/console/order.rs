//! One order's page: what it is, its limits, its open cases, what the office may do, its money and
//! everything that happened.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use sqlx::SqliteConnection;
use sync_core::model::id::{FactKey, PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::model::work_order::{KIND, Reason, WorkOrderFact};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{Command, DeadlineState, Review};

use super::cases::{self, Typed};
use super::desk::Desk;
use super::layout::{Frame, badge, page};
use super::record::Sheet;
use super::timeline::{self, field_value};
use super::words::{Words, yuan};
use crate::http::extract::{PathId, QueryOf};
use crate::{App, Error, Result};

/// The contact's name, or that it was purged.
async fn contact(
    conn: &mut SqliteConnection,
    words: Words,
    review: &Review,
) -> Result<Option<String>> {
    let Some(contact) = review.contact() else { return Ok(None) };
    let row: Option<(Option<String>, Option<WallMs>)> = sqlx::query_as(
        "select c.title, r.purged_ms from record r left join contact_card c on c.record = r.record
         where r.record = ?",
    )
    .bind(contact.0.to_vec())
    .fetch_optional(conn)
    .await?;
    let Some((name, purged_ms)) = row else { return Ok(None) };
    Ok(name.or_else(|| purged_ms.map(|_| words.say("office-contact-purged"))))
}

/// People to choose from.
const WORKERS_MAX: i64 = 300;

async fn workers(
    conn: &mut SqliteConnection,
    site: SiteId,
    now_ms: WallMs,
) -> Result<Vec<(PersonId, String)>> {
    let rows: Vec<(u32, String)> = sqlx::query_as(
        "select distinct p.person, p.name from role_grant g join person p on p.person = g.person
         where g.site = ?1 and g.role in ('technician', 'service_worker', 'engineering_lead')
           and g.ended_epoch is null and g.from_ms <= ?2 and (g.to_ms is null or g.to_ms > ?2)
           and p.disabled_ms is null
         order by p.name, p.person limit ?3",
    )
    .bind(site.0)
    .bind(now_ms)
    .bind(WORKERS_MAX)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(person, name)| (PersonId(person), name)).collect())
}

/// Which part of the timeline.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    /// What came before this fact.
    pub before: Option<FactKey>,
}

/// Shows an order.
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
    let order = Sheet::read(app, desk, (KIND, record)).await?;
    let words = desk.words;
    let mut conn = app.db.reader().acquire().await?;
    let contact = contact(&mut conn, words, &order.review).await?;
    let site = order.review.site.ok_or(Error::problem(ProblemCode::NotFound))?;
    let workers = workers(&mut conn, site, desk.user.now_ms).await?;
    drop(conn);
    let title = order.review.text("description").unwrap_or_default().to_owned();
    let content = html! {
        p.crumb { a href="/office" { (words.say("office-back-to-today")) } }
        h1 #content {
            (title) " "
            (badge("status", &words.code("status", &order.review.status.code())))
        }
        (cases::put_aside(words, &order.review))
        @if let Some(typed) = typed { p.problem role="alert" { (typed.problem) } }
        div.two {
            div {
                (cases::of_record(desk, &order, typed))
                (timeline::show(app, desk, &order, wanted.before))
            }
            div.side {
                (facts(desk, &order, contact.as_deref()))
                (deadlines(desk, &order))
                (actions(desk, &order, &workers, typed))
                (money(desk, &order))
            }
        }
    };
    let mut url = order.url();
    if let Some(before) = wanted.before {
        url = format!("{url}?before={before}");
    }
    let short: String = title.chars().take(40).collect();
    let status = typed.map_or(StatusCode::OK, |typed| typed.status);
    Ok(page(desk, Frame { title: &short, url: &url, status }, &content))
}

/// The fields, in the order in which people ask for them.
fn facts(desk: &Desk, order: &Sheet, contact: Option<&str>) -> Markup {
    let words = desk.words;
    let shown = ["unit", "place", "priority", "category", "appointment", "assignee"];
    let has = |name: &&&str| {
        let field = order.review.fields.get(**name);
        field.is_some_and(|field| !field.value.is_null() || !field.conflict.is_empty())
    };
    html! {
        section aria-labelledby="fields-title" {
            h2 #fields-title { (words.say("office-fields")) }
            dl {
                @for name in shown.iter().filter(has) {
                    @let field = &order.review.fields[*name];
                    dt { (words.code("field", name)) }
                    dd {
                        (field_value(words, order.zone, &order.names, name, &field.value))
                        @if !field.conflict.is_empty() {
                            " " (badge("bad", &words.say("office-in-conflict")))
                        }
                    }
                }
                @if let Some(contact) = contact {
                    dt { (words.code("field", "contact")) } dd { (contact) }
                }
                dt { (words.say("office-record")) }
                dd { code { (order.record) } }
            }
        }
    }
}

/// The dates of a record, on its page.
pub fn deadlines(desk: &Desk, order: &Sheet) -> Markup {
    let words = desk.words;
    html! {
        @if !order.review.deadlines.is_empty() {
            section aria-labelledby="limits-title" {
                h2 #limits-title { (words.say("office-limits")) }
                ul.plain { @for deadline in &order.review.deadlines {
                    li {
                        span.grow { (words.code("deadline", &deadline.name)) }
                        @if let Some(due_ms) = deadline.due_ms {
                            span.quiet { (order.zone.minute(due_ms)) }
                        }
                        (deadline_state(desk, deadline.state))
                    }
                } }
            }
        }
    }
}

fn deadline_state(desk: &Desk, state: DeadlineState) -> Markup {
    let (kind, code) = match state {
        DeadlineState::Met => ("good", "met"),
        DeadlineState::Running => ("status", "running"),
        DeadlineState::Paused => ("status", "paused"),
        DeadlineState::Breached => ("bad", "breached"),
        DeadlineState::Unknown => ("warn", "unknown"),
        DeadlineState::Excused => ("warn", "excused"),
    };
    badge(kind, &desk.words.code("deadline-state", code))
}

/// What the office may do now.
fn actions(
    desk: &Desk,
    order: &Sheet,
    workers: &[(PersonId, String)],
    typed: Option<&Typed>,
) -> Markup {
    let words = desk.words;
    let status = order.review.status.code();
    let step = |fact: WorkOrderFact| order.permits(desk, &Command::step(fact));
    let over = matches!(status.as_str(), "closed" | "cancelled");
    let cancel = WorkOrderFact::Cancelled(Reason { reason: "-".to_owned() });
    let steps = [
        ("dispatch", !over && !order.has("dispatched") && step(WorkOrderFact::Dispatched)),
        ("told", !over && !order.has("told") && step(WorkOrderFact::Told)),
        ("close", !over && step(WorkOrderFact::Closed)),
    ];
    let field_conflict =
        |name: &str| order.review.fields.get(name).is_some_and(|field| !field.conflict.is_empty());
    let assigns = !over
        && !field_conflict("assignee")
        && order.permits(desk, &Command::Assign { person: PersonId(0) });
    let notes = order.permits(desk, &Command::Note { text: "-".to_owned() });
    html! {
        section aria-labelledby="actions-title" {
            h2 #actions-title { (words.say("office-actions")) }
            div.choices { @for (action, _) in steps.iter().filter(|(_, may)| *may) {
                form #(*action) method="post" action={ (order.url()) "/" (action) } {
                    (desk.guard())
                    button type="submit" { (words.code("office-action", action)) }
                }
            } }
            @if assigns { (assign(desk, order, workers, typed)) }
            @if notes { (note(desk, order, typed)) }
            @if !over && step(cancel) {
                details open[typed.is_some_and(|typed| typed.form == "cancel")] {
                    summary { (words.say("office-action-cancel")) }
                    form #cancel method="post" action={ (order.url()) "/cancel" } {
                        (desk.guard())
                        input type="hidden" name="form" value="cancel";
                        label for="cancel-reason" { (words.say("office-reason")) }
                        input #cancel-reason name="reason" required maxlength="200"
                            value=(Typed::or(typed, "cancel", "reason", ""));
                        button type="submit" { (words.say("office-action-cancel")) }
                    }
                }
            }
        }
    }
}

fn assign(
    desk: &Desk,
    order: &Sheet,
    workers: &[(PersonId, String)],
    typed: Option<&Typed>,
) -> Markup {
    let words = desk.words;
    let now = order.review.assignee().map(|person| person.to_string()).unwrap_or_default();
    let chosen = Typed::or(typed, "assign", "person", &now);
    html! {
        form #assign method="post" action={ (order.url()) "/assign" } {
            (desk.guard())
            input type="hidden" name="form" value="assign";
            label for="assign-person" { (words.code("field", "assignee")) }
            select #assign-person name="person" required {
                @if !workers.iter().any(|(person, _)| person.to_string() == chosen) {
                    option value="" selected { "—" }
                }
                @for (person, name) in workers {
                    option value=(person) selected[person.to_string() == chosen] { (name) }
                }
            }
            button type="submit" { (words.say("office-action-assign")) }
        }
    }
}

/// A note, on any record's page.
pub fn note(desk: &Desk, order: &Sheet, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    html! {
        form #note method="post" action={ (order.url()) "/note" } {
            (desk.guard())
            input type="hidden" name="form" value="note";
            label for="note-text" { (words.code("fact", "note")) }
            textarea #note-text name="text" rows="2" required maxlength="1000" {
                (Typed::or(typed, "note", "text", ""))
            }
            button type="submit" { (words.say("office-action-note")) }
        }
    }
}

fn money(desk: &Desk, order: &Sheet) -> Markup {
    let words = desk.words;
    let money = &order.review.money;
    html! {
        @if !money.quotes.is_empty() || !money.charges.is_empty() {
            section #money aria-labelledby="money-title" {
                h2 #money-title { (words.say("office-money")) }
                ul.plain {
                    @for quote in &money.quotes {
                        li {
                            span.grow { (words.code("fact", "quoted")) " " (yuan(quote.amount_fen)) }
                            @match quote.accepted {
                                Some(true) => (badge("good", &words.code("fact", "quote_accepted"))),
                                Some(false) => (badge("warn", &words.code("fact", "quote_declined"))),
                                None => (badge("status", &words.say("office-unanswered"))),
                            }
                        }
                    }
                    @for charge in &money.charges {
                        li {
                            span.grow { (words.code("fact", "charged")) " " (yuan(charge.amount_fen)) }
                            span.quiet { (words.code("office-paid", &method(charge.method))) }
                        }
                        li { span.grow { (words.code("fact", "handed_in")) }
                            (yuan(charge.handed_in_fen)) }
                        li { span.grow { (words.code("fact", "invoiced")) }
                            (yuan(charge.invoiced_fen)) }
                    }
                    @if money.refunded_fen != 0 {
                        li { span.grow { (words.code("fact", "refunded")) }
                            (yuan(money.refunded_fen)) }
                    }
                }
            }
        }
    }
}

fn method(method: impl serde::Serialize) -> String {
    let code = serde_json::to_value(method).ok();
    code.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}
