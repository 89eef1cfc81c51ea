//! The list of work orders: filtered, newest first, by keyset pages.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Sqlite};
use sync_core::model::id::{PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;
use sync_core::rules;
use utoipa::{IntoParams, ToSchema};

use super::extract::{OfficeUser, QueryOf};
use super::names::names;
use super::schema;
use super::time::{parse_rfc3339, rfc3339};
use crate::{App, Error, Result};

/// Orders in a page, when the caller says nothing.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
    /// With this status only, e.g. `dispatched`.
    status: Option<String>,
    /// Of this person only.
    #[param(value_type = Option<u32>)]
    assignee: Option<PersonId>,
    /// Of this unit or place only.
    unit: Option<String>,
    /// `urgent` or `appointed` only.
    priority: Option<String>,
    /// Only those with open cases, or only those without.
    open_cases: Option<bool>,
    /// With this text in the description.
    q: Option<String>,
    /// Opened at this time or later (RFC 3339).
    opened_from: Option<String>,
    /// Opened before this time (RFC 3339).
    opened_to: Option<String>,
    /// Orders in the page, at most 200.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A page of the list.
#[derive(Serialize, ToSchema)]
pub struct WorkOrderPage {
    /// The orders, newest first.
    items: Vec<WorkOrderRow>,
    /// Where the next page begins; none after the last.
    next: Option<String>,
    /// Names of the assignees.
    #[schema(value_type = BTreeMap<String, String>)]
    people: BTreeMap<PersonId, String>,
}

/// An order in the list.
#[derive(Serialize, ToSchema)]
struct WorkOrderRow {
    /// The record.
    #[schema(value_type = String)]
    record: RecordId,
    /// Its status.
    status: String,
    /// What is to be done.
    title: String,
    /// `household` or `public`.
    category: Option<String>,
    /// `urgent` or `appointed`.
    priority: Option<String>,
    /// The appointment (RFC 3339).
    appointment: Option<String>,
    /// Who is to do it.
    #[schema(value_type = Option<u32>)]
    assignee: Option<PersonId>,
    /// The unit or place.
    unit: Option<String>,
    /// The contact's record.
    #[schema(value_type = Option<String>)]
    contact: Option<RecordId>,
    /// Open cases of its review.
    open_cases: u32,
    /// Deviations of its visits.
    deviations: u32,
    /// Something of it was stated afterwards or for somebody else.
    stated_afterwards: bool,
    /// When it was opened.
    created_at: String,
    /// When something was last written to it.
    changed_at: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    record: Vec<u8>,
    status: String,
    status_until_ms: Option<i64>,
    title: String,
    category: Option<String>,
    priority: Option<String>,
    appointment: Option<String>,
    assignee: Option<u32>,
    unit: Option<String>,
    contact: Option<Vec<u8>>,
    open_cases: u32,
    deviations: u32,
    stated_afterwards: bool,
    created_at_ms: i64,
    changed_at_ms: Option<i64>,
}

/// List a site's work orders.
#[utoipa::path(
    get, path = "/v1/work-orders", tag = "work orders", params(Filter),
    responses(
        (status = 200, body = WorkOrderPage),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
pub async fn list(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(filter): QueryOf<Filter>,
) -> Result<Json<WorkOrderPage>> {
    user.in_office_of(filter.site)?;
    let limit = filter.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let mut query = filter.query(limit)?;
    let mut conn = app.db.reader().acquire().await?;
    let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *conn).await?;
    drop(conn);
    let more = rows.len() > limit as usize;
    let mut items = Vec::with_capacity(rows.len());
    let mut next = None;
    for row in rows.into_iter().take(limit as usize) {
        next = Some(Place { created_ms: row.created_at_ms, record: id(&row.record)? });
        items.push(current(&app, row, user.now_ms).await?);
    }
    let mut conn = app.db.reader().acquire().await?;
    let people = names(&mut conn, items.iter().filter_map(|item| item.assignee)).await?;
    let next = next.filter(|_| more).map(|place| place.text());
    Ok(Json(WorkOrderPage { items, next, people }))
}

impl Filter {
    /// The statement for one row more than a page.
    fn query(&self, limit: u32) -> Result<QueryBuilder<Sqlite>> {
        let at = |what: &str, text: &Option<String>| match text {
            Some(text) => parse_rfc3339(text).map(Some).ok_or_else(|| Error::malformed(what)),
            None => Ok(None),
        };
        let from_ms = at("opened_from", &self.opened_from)?;
        let to_ms = at("opened_to", &self.opened_to)?;
        let after = self.after.as_deref().map(Place::read).transpose()?;
        let mut query = QueryBuilder::new(
            "select record, status, status_until_ms, title, category, priority, appointment,
               assignee, unit, contact, open_cases, deviations, stated_afterwards, created_at_ms,
               changed_at_ms
             from work_order where site = ",
        );
        query.push_bind(self.site.0).push(" and created_at_ms is not null");
        let texts = [("status", &self.status), ("unit", &self.unit), ("priority", &self.priority)];
        for (column, value) in texts {
            if let Some(value) = value {
                query.push(" and ").push(column).push(" = ").push_bind(value.clone());
            }
        }
        if let Some(person) = self.assignee {
            query.push(" and assignee = ").push_bind(person.0);
        }
        if let Some(open) = self.open_cases {
            query.push(if open { " and open_cases > 0" } else { " and open_cases = 0" });
        }
        if let Some(text) = &self.q {
            // Not `like`: its wildcards are not for callers to write.
            query.push(" and instr(title, ").push_bind(text.clone()).push(") > 0");
        }
        if let Some(from_ms) = from_ms {
            query.push(" and created_at_ms >= ").push_bind(from_ms);
        }
        if let Some(to_ms) = to_ms {
            query.push(" and created_at_ms < ").push_bind(to_ms);
        }
        if let Some(Place { created_ms, record }) = after {
            query.push(" and (created_at_ms, record) < (").push_bind(created_ms);
            query.push(", ").push_bind(record.0.to_vec()).push(")");
        }
        query.push(" order by created_at_ms desc, record desc limit ").push_bind(limit + 1);
        Ok(query)
    }
}

/// The row as it is now: what changes by itself since it was written is judged again.
async fn current(app: &App, row: Row, now_ms: WallMs) -> Result<WorkOrderRow> {
    let record = id(&row.record)?;
    let mut item = WorkOrderRow {
        record,
        status: row.status,
        title: row.title,
        category: row.category,
        priority: row.priority,
        appointment: row.appointment,
        assignee: row.assignee.map(PersonId),
        unit: row.unit,
        contact: row.contact.as_deref().map(id).transpose()?,
        open_cases: row.open_cases,
        deviations: row.deviations,
        stated_afterwards: row.stated_afterwards,
        created_at: rfc3339(row.created_at_ms),
        changed_at: row.changed_at_ms.map(rfc3339),
    };
    if row.status_until_ms.is_some_and(|until| until <= now_ms)
        && let Some((_, _, review)) = app.sync.read(record).await?
    {
        let now = rules::projection(&review);
        item.status = now.status.code();
        item.open_cases = now.open_cases;
    }
    Ok(item)
}

/// A place in the list: the order of a page's last row.
pub(crate) struct Place {
    /// When the row's record was created.
    pub created_ms: WallMs,
    /// The record.
    pub record: RecordId,
}

impl Place {
    /// As it stands in an address.
    pub fn text(&self) -> String {
        let mut bytes = self.created_ms.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.record.0);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Reads [`Self::text`].
    ///
    /// # Errors
    /// `malformed` if it is none.
    pub fn read(text: &str) -> Result<Self> {
        let read = || {
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
            let (time, record) = bytes.split_at_checked(8)?;
            Some(Self {
                created_ms: i64::from_be_bytes(time.try_into().ok()?),
                record: RecordId(record.try_into().ok()?),
            })
        };
        read().ok_or_else(|| Error::malformed("after"))
    }
}

/// The id in a cell.
///
/// # Errors
/// If it is none.
pub(crate) fn id(bytes: &[u8]) -> Result<RecordId> {
    let bytes = bytes.try_into().map_err(|_| Error::Broken("a record id of not 16 bytes"))?;
    Ok(RecordId(bytes))
}
