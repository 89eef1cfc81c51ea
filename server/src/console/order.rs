//! One order's page: what it is, its limits, its open cases, what the office may do, its money and
//! everything that happened.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, FactKey, PersonId, RecordId, SiteId};
use sync_core::model::time::{Seen, WallMs};
use sync_core::model::work_order::{KIND, Reason, WorkOrderFact};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{self, Command, DeadlineState, DenialCode, Moment, Review};

use super::cases::{self, Contents, Typed};
use super::desk::Desk;
use super::layout::{Frame, badge, page};
use super::timeline::{self, field_value};
use super::words::{Zone, yuan};
use crate::http::command::site_of;
use crate::http::extract::{PathId, QueryOf};
use crate::http::names::names;
use crate::sync::DeskCaseRow;
use crate::{App, Error, Result};

/// A device as the timeline names it.
#[derive(Debug, Clone)]
pub struct Device {
    /// What its person calls it.
    pub name: String,
    /// Its certificate; a cookie session has none.
    pub certificate: Option<String>,
}

/// An order with what its page needs beside it.
pub struct Order {
    /// The record.
    pub record: RecordId,
    /// Everything that can be said of it.
    pub review: Review,
    /// Its `signed` facts as they are stored.
    pub signed: BTreeMap<FactKey, StoredFact>,
    /// Names of everyone in it.
    pub names: BTreeMap<PersonId, String>,
    /// The devices it was written on.
    pub devices: BTreeMap<DeviceId, Device>,
    /// Its open desk cases.
    pub desk_cases: Vec<DeskCaseRow>,
    /// What their commands say.
    pub contents: Contents,
    /// The customer's name.
    pub contact: Option<String>,
    /// Who may be named to do it.
    pub workers: Vec<(PersonId, String)>,
    /// The site's zone.
    pub zone: Zone,
}

/// Desk cases of one record on its page.
const DESK_CASES_MAX: u64 = 200;
/// People to choose from.
const WORKERS_MAX: i64 = 300;

impl Order {
    /// Reads an order of the person's office.
    ///
    /// # Errors
    /// `not_found` if there is none there.
    pub async fn read(app: &App, desk: &Desk, record: RecordId) -> Result<Self> {
        let mut conn = app.db.reader().acquire().await?;
        let site = site_of(&mut conn, &desk.user, KIND, record).await?;
        drop(conn);
        let desk_cases = app.sync.desk_cases_of_record(record, DESK_CASES_MAX).await?;
        let read = app.sync.read(record).await?;
        let (facts, _, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
        let signs = |entry: &&rules::TimelineEntry| entry.fact_type == "signed";
        let signed: BTreeSet<FactKey> =
            review.timeline.iter().filter(signs).map(|entry| entry.key).collect();
        let signed = facts.into_iter().filter(|fact| signed.contains(&fact.key));
        let mut conn = app.db.reader().acquire().await?;
        Ok(Self {
            record,
            signed: signed.map(|fact| (fact.key, fact)).collect(),
            names: names(&mut conn, people(&review, &desk_cases)).await?,
            devices: devices(&mut conn, &review).await?,
            contents: cases::commands(&mut conn, &desk_cases).await?,
            contact: contact(&mut conn, &review).await?,
            workers: workers(&mut conn, site, desk.user.now_ms).await?,
            zone: Zone::named(&review.time_zone),
            desk_cases,
            review,
        })
    }

    /// Its page's address.
    pub fn url(&self) -> String {
        format!("/office/orders/{}", self.record)
    }

    /// A person's name.
    pub fn person(&self, person: Option<PersonId>) -> &str {
        person.and_then(|person| self.names.get(&person)).map_or("—", String::as_str)
    }

    /// Whether a person's roles let it do something here, as far as the page can know: the writer
    /// asks the same rules again.
    fn permits(&self, desk: &Desk, command: &Command) -> bool {
        let moment = Moment {
            wall_ms: desk.user.now_ms,
            monotonic_ms: None,
            now_ms: desk.user.now_ms,
            seen: Seen { epoch: 0, sequence: 0 },
            session: desk.user.session.session,
            n: u64::from(u32::MAX),
            device: desk.user.session.device,
        };
        let done = rules::perform(command, &desk.user.principal, Some(&self.review), &moment);
        // What else may be wrong is told when it is tried.
        !done.is_err_and(|denial| denial.code == DenialCode::NotYourRole)
    }

    fn has(&self, fact_type: &str) -> bool {
        self.review.timeline.iter().any(|entry| entry.fact_type == fact_type)
    }
}

fn people(review: &Review, desk_cases: &[DeskCaseRow]) -> BTreeSet<PersonId> {
    let mut people: BTreeSet<PersonId> = desk_cases.iter().map(|case| case.person).collect();
    for entry in &review.timeline {
        people.extend(entry.by);
        people.extend(entry.on_behalf_of);
        let of = |member: &str| entry.content.get(member).and_then(Value::as_u64);
        let assigned =
            (entry.content.get("field") == Some(&json!("assignee"))).then(|| of("value"));
        let named = assigned.flatten().or_else(|| of("person"));
        people.extend(named.and_then(|person| u32::try_from(person).ok()).map(PersonId));
    }
    people.extend(review.assignee());
    people.extend(review.visits.iter().flat_map(|visit| visit.helpers.iter().copied()));
    people
}

async fn devices(
    conn: &mut SqliteConnection,
    review: &Review,
) -> Result<BTreeMap<DeviceId, Device>> {
    let wanted: BTreeSet<DeviceId> = review.timeline.iter().filter_map(|e| e.device).collect();
    let rows: Vec<(u32, String, Option<String>)> = sqlx::query_as(
        "select device, name, certificate from device
         where device in (select value from json_each(?))",
    )
    .bind(json!(wanted).to_string())
    .fetch_all(conn)
    .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|(id, name, certificate)| (DeviceId(id), Device { name, certificate })).collect())
}

async fn contact(conn: &mut SqliteConnection, review: &Review) -> Result<Option<String>> {
    let Some(contact) = review.contact() else { return Ok(None) };
    let name = sqlx::query_scalar("select title from contact_card where record = ?")
        .bind(contact.0.to_vec())
        .fetch_optional(conn)
        .await?;
    Ok(name)
}

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
    let order = Order::read(app, desk, record).await?;
    let words = desk.words;
    let title = order.review.text("description").unwrap_or_default().to_owned();
    let content = html! {
        p.crumb { a href="/office" { (words.say("office-back-to-today")) } }
        h1 #content {
            (title) " "
            (badge("status", &words.code("status", &order.review.status.code())))
        }
        @if let Some(typed) = typed { p.problem role="alert" { (typed.problem) } }
        div.two {
            div {
                (cases::of_order(desk, &order, typed))
                (timeline::show(app, desk, &order, wanted.before))
            }
            div.side {
                (facts(desk, &order))
                (deadlines(desk, &order))
                (actions(desk, &order, typed))
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
fn facts(desk: &Desk, order: &Order) -> Markup {
    let words = desk.words;
    let shown = ["unit", "place", "priority", "category", "appointment", "assignee"];
    let has = |name: &&&str| order.review.fields.get(**name).is_some_and(|f| !f.value.is_null());
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
                @if let Some(contact) = &order.contact {
                    dt { (words.code("field", "contact")) } dd { (contact) }
                }
                dt { (words.say("office-record")) }
                dd { code { (order.record) } }
            }
        }
    }
}

fn deadlines(desk: &Desk, order: &Order) -> Markup {
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
        DeadlineState::Breached => ("bad", "breached"),
        DeadlineState::Unknown => ("warn", "unknown"),
        DeadlineState::Excused => ("warn", "excused"),
    };
    badge(kind, &desk.words.code("deadline-state", code))
}

/// What the office may do now.
fn actions(desk: &Desk, order: &Order, typed: Option<&Typed>) -> Markup {
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
            @if assigns { (assign(desk, order, typed)) }
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

fn assign(desk: &Desk, order: &Order, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    let now = order.review.assignee().map(|person| person.to_string()).unwrap_or_default();
    let chosen = Typed::or(typed, "assign", "person", &now);
    html! {
        form #assign method="post" action={ (order.url()) "/assign" } {
            (desk.guard())
            input type="hidden" name="form" value="assign";
            label for="assign-person" { (words.code("field", "assignee")) }
            select #assign-person name="person" required {
                @if now.is_empty() { option value="" { "—" } }
                @for (person, name) in &order.workers {
                    option value=(person) selected[person.to_string() == chosen] { (name) }
                }
            }
            button type="submit" { (words.say("office-action-assign")) }
        }
    }
}

fn note(desk: &Desk, order: &Order, typed: Option<&Typed>) -> Markup {
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

fn money(desk: &Desk, order: &Order) -> Markup {
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
