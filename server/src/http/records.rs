//! Records of every kind: open one, read one with its review, write any command to it, and list
//! those kinds that have no list of their own. What a kind's commands are stands in
//! `docs/protocol.md`; a new kind needs nothing here.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Sqlite};
use sync_core::model::id::{PersonId, RecordId, SiteId};
use sync_core::model::payload::OpeningContent;
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{Command, Review};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cases::{DeskCase, of_record};
use super::command::{Written, command_of_any, create, place_of};
use super::extract::{OfficeUser, PathId, QueryOf};
use super::idempotency::OfficePost;
use super::names::names;
use super::schema;
use super::time::rfc3339;
use super::work_order_list::{Place, id};
use crate::sync::links::{LinkRow, Links};
use crate::{App, Error, Result};

/// Records in a page, when the caller says nothing.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, open)).routes(routes!(read)).routes(routes!(write))
}

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
    /// Of this kind only, e.g. `complaint`.
    kind: Option<String>,
    /// With this status only.
    status: Option<String>,
    /// About this only: the kind's own code, e.g. a complaint's subject.
    subject: Option<String>,
    /// Of this unit or place only.
    unit: Option<String>,
    /// Of this group of buildings only.
    group: Option<u32>,
    /// Of this department only.
    department: Option<String>,
    /// Of this person only.
    #[param(value_type = Option<u32>)]
    assignee: Option<PersonId>,
    /// Only those with open cases, or only those without.
    open_cases: Option<bool>,
    /// Only closed ones, or only those that are not.
    closed: Option<bool>,
    /// With this text in the title.
    q: Option<String>,
    /// Records in the page, at most 200.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A page of the list.
#[derive(Serialize, ToSchema)]
pub struct RecordPage {
    /// The records, newest first.
    items: Vec<RecordCard>,
    /// Where the next page begins; none after the last.
    next: Option<String>,
    /// Names of the assignees.
    #[schema(value_type = BTreeMap<String, String>)]
    people: BTreeMap<PersonId, String>,
}

/// A record in the list.
#[derive(Serialize, ToSchema)]
struct RecordCard {
    /// The record.
    #[schema(value_type = String)]
    record: RecordId,
    /// Its kind.
    kind: String,
    /// Its status.
    status: String,
    /// What it is about, in its own words.
    title: String,
    /// What it is about, in a code of its kind.
    subject: Option<String>,
    /// The unit or place.
    unit: Option<String>,
    /// The group of buildings.
    group: Option<u32>,
    /// The department.
    department: Option<String>,
    /// Who is to do it.
    #[schema(value_type = Option<u32>)]
    assignee: Option<PersonId>,
    /// The next of its deadlines that run.
    due_at: Option<String>,
    /// When it was closed.
    closed_at: Option<String>,
    /// Open cases of its review.
    open_cases: u32,
    /// When it was opened.
    created_at: String,
    /// When something was last written to it.
    changed_at: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    record: Vec<u8>,
    kind: String,
    status: String,
    title: String,
    subject: Option<String>,
    unit: Option<String>,
    building_group: Option<u32>,
    department: Option<String>,
    assignee: Option<u32>,
    due_ms: Option<i64>,
    closed_at_ms: Option<i64>,
    open_cases: u32,
    created_at_ms: i64,
    changed_at_ms: Option<i64>,
}

/// List a site's records of the kinds that have no list of their own.
#[utoipa::path(
    get, path = "/v1/records", tag = "records", params(Filter),
    responses(
        (status = 200, body = RecordPage),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn list(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(filter): QueryOf<Filter>,
) -> Result<Json<RecordPage>> {
    user.in_office_of(filter.site)?;
    let limit = filter.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let mut query = filter.query(limit)?;
    let mut conn = app.db.reader().acquire().await?;
    let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *conn).await?;
    let more = rows.len() > limit as usize;
    let mut items = Vec::with_capacity(rows.len());
    let mut next = None;
    for row in rows.into_iter().take(limit as usize) {
        next = Some(Place { created_ms: row.created_at_ms, record: id(&row.record)? });
        items.push(card(row)?);
    }
    let people = names(&mut conn, items.iter().filter_map(|item| item.assignee)).await?;
    let next = next.filter(|_| more).map(|place| place.text());
    Ok(Json(RecordPage { items, next, people }))
}

impl Filter {
    /// The statement for one row more than a page.
    fn query(&self, limit: u32) -> Result<QueryBuilder<Sqlite>> {
        let after = self.after.as_deref().map(Place::read).transpose()?;
        let mut query = QueryBuilder::new(
            "select record, kind, status, title, subject, unit, building_group, department,
               assignee, due_ms, closed_at_ms, open_cases, created_at_ms, changed_at_ms
             from record_card where site = ",
        );
        query.push_bind(self.site.0);
        let texts = [
            ("kind", &self.kind),
            ("status", &self.status),
            ("subject", &self.subject),
            ("unit", &self.unit),
            ("department", &self.department),
        ];
        for (column, value) in texts {
            if let Some(value) = value {
                query.push(" and ").push(column).push(" = ").push_bind(value.clone());
            }
        }
        let numbers =
            [("building_group", self.group), ("assignee", self.assignee.map(|person| person.0))];
        for (column, value) in numbers {
            if let Some(value) = value {
                query.push(" and ").push(column).push(" = ").push_bind(value);
            }
        }
        if let Some(open) = self.open_cases {
            query.push(if open { " and open_cases > 0" } else { " and open_cases = 0" });
        }
        if let Some(closed) = self.closed {
            let is = if closed { "is not null" } else { "is null" };
            query.push(" and closed_at_ms ").push(is);
        }
        if let Some(text) = &self.q {
            // Not `like`: its wildcards are not for callers to write.
            query.push(" and instr(title, ").push_bind(text.clone()).push(") > 0");
        }
        if let Some(Place { created_ms, record }) = after {
            query.push(" and (created_at_ms, record) < (").push_bind(created_ms);
            query.push(", ").push_bind(record.0.to_vec()).push(")");
        }
        query.push(" order by created_at_ms desc, record desc limit ").push_bind(limit + 1);
        Ok(query)
    }
}

fn card(row: Row) -> Result<RecordCard> {
    Ok(RecordCard {
        record: id(&row.record)?,
        kind: row.kind,
        status: row.status,
        title: row.title,
        subject: row.subject,
        unit: row.unit,
        group: row.building_group,
        department: row.department,
        assignee: row.assignee.map(PersonId),
        due_at: row.due_ms.map(rfc3339),
        closed_at: row.closed_at_ms.map(rfc3339),
        open_cases: row.open_cases,
        created_at: rfc3339(row.created_at_ms),
        changed_at: row.changed_at_ms.map(rfc3339),
    })
}

/// A record as it is.
#[derive(Serialize, ToSchema)]
pub(super) struct AnyRecord {
    /// The record.
    #[schema(value_type = String)]
    record: RecordId,
    /// Its site.
    #[schema(value_type = u32)]
    site: SiteId,
    /// Everything that can be said of it: fields with their conflicts, status, deadlines, what its
    /// kind adds, cases, and the timeline of all facts.
    #[schema(value_type = Value)]
    review: Review,
    /// What the office has to look at beside the review's cases.
    desk_cases: Vec<DeskCase>,
    /// The records it names.
    names: Vec<Link>,
    /// The records that name it.
    named_by: Vec<Link>,
    /// Names of everyone in the review.
    #[schema(value_type = BTreeMap<String, String>)]
    people: BTreeMap<PersonId, String>,
}

/// A link, seen from one of its ends.
#[derive(Serialize, ToSchema)]
struct Link {
    /// The member, field or fact that names the other.
    field: String,
    /// The other record.
    #[schema(value_type = String)]
    record: RecordId,
    /// Its kind, where it is here and of an office of the caller's.
    kind: Option<String>,
    /// `here`, `unknown` (not here yet) or `removed` (purged when its time was over).
    state: &'static str,
}

/// Links as the caller may see them: of another site's record only that it is there.
fn shown(user: &OfficeUser, links: Vec<LinkRow>) -> Vec<Link> {
    let one = |link: LinkRow| Link {
        field: link.field,
        record: link.record,
        kind: link.kind.filter(|_| link.site.is_some_and(|site| user.in_office_of(site).is_ok())),
        state: link.state.code(),
    };
    links.into_iter().map(one).collect()
}

/// Read a record of any kind.
#[utoipa::path(
    get, path = "/v1/records/{record}", tag = "records",
    params(("record" = String, Path, description = "The record")),
    responses(
        (status = 200, body = AnyRecord),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn read(
    State(app): State<App>,
    user: OfficeUser,
    PathId(record): PathId<RecordId>,
) -> Result<Json<AnyRecord>> {
    whole(&app, &user, None, record).await.map(Json)
}

/// A record of any kind, or of one, with what its readers need beside its review.
///
/// # Errors
/// `not_found` if the caller's office has no such record.
pub(super) async fn whole(
    app: &App,
    user: &OfficeUser,
    kind: Option<&str>,
    record: RecordId,
) -> Result<AnyRecord> {
    let mut conn = app.db.reader().acquire().await?;
    let (of, site) = place_of(&mut conn, user, record).await?;
    if kind.is_some_and(|kind| kind != of) {
        return Err(Error::problem(ProblemCode::NotFound));
    }
    let desk_cases = of_record(&mut conn, record).await?;
    drop(conn);
    let read = app.sync.read(record).await?;
    let (_, _, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
    let mut people: Vec<PersonId> = desk_cases.iter().map(|case| case.person).collect();
    people.extend(review.timeline.iter().filter_map(|entry| entry.by));
    people.extend(review.assignee());
    let conflicts = review.fields.values().flat_map(|field| &field.conflict);
    people.extend(conflicts.filter_map(|value| value.by));
    let mut conn = app.db.reader().acquire().await?;
    let people = names(&mut conn, people).await?;
    drop(conn);
    let Links { names, named_by } = app.sync.links(record).await?;
    let (names, named_by) = (shown(user, names), shown(user, named_by));
    Ok(AnyRecord { record, site, review, desk_cases, names, named_by, people })
}

/// A new record: its site, its kind, and the kind's own members.
#[derive(Deserialize, ToSchema)]
pub struct NewRecord {
    /// Where.
    #[schema(value_type = u32)]
    site: SiteId,
    /// The kind, e.g. `complaint`, and its members beside it.
    #[serde(flatten)]
    #[schema(value_type = Value)]
    content: OpeningContent,
}

/// Open a record.
#[utoipa::path(
    post, path = "/v1/records", tag = "records", request_body = NewRecord,
    params(schema::IdempotencyKey),
    responses(
        (status = 201, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn open(State(app): State<App>, post: OfficePost<NewRecord>) -> Result<Response> {
    let command = Command::Open { site: post.body.site, content: post.body.content.clone() };
    create(&app, post, command).await
}

/// Write a command to a record: the same JSON that the phone library takes, e.g.
/// `{"command": "record", "fact": {"t": "registered"}}` or
/// `{"command": "set", "field": "unit", "value": "3-2-1501"}`.
#[utoipa::path(
    post, path = "/v1/records/{record}/commands", tag = "records", request_body = Value,
    params(("record" = String, Path, description = "The record"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn write(
    State(app): State<App>,
    PathId(record): PathId<RecordId>,
    post: OfficePost<Command>,
) -> Result<Response> {
    if post.body.creates().is_some() {
        return Err(Error::malformed("command"));
    }
    let command = post.body.clone();
    command_of_any(&app, post, record, command).await
}
