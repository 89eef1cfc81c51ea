//! Desk cases: what the office has to look at and no review shows. They are closed with a word on
//! the commands they are about, which flows back to the phones as receipts.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;

use super::Shared;
use super::asking::RETURNED;
use super::decide::{self, Deciding, Incoming};
use super::load::{self, exact, number};
use super::people::People;
use super::push;
use super::write::Planned;
use crate::idempotency::RequestName;
use crate::{Error, Result};

/// A case as the office sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskCaseRow {
    /// Its number.
    pub case: i64,
    /// The site; `None` where nobody knows yet.
    pub site: Option<SiteId>,
    /// `refused`, `held`, `clone`, `number_gap`, `cash_unaccounted`, `equal_strokes`,
    /// `duplicate_suspect`,
    /// `backdated`, `quota`, `stray_answer`, `device_unknown`, `late_for_closed_day`.
    pub kind: String,
    /// The record.
    pub record: Option<RecordId>,
    /// Whose commands.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// The first number.
    pub from: u64,
    /// The last number, inclusive.
    pub to: u64,
    /// Why it is here.
    pub code: Option<String>,
    /// Parameters of the code's text.
    pub params: Option<serde_json::Value>,
    /// When it was opened.
    pub opened_ms: WallMs,
    /// When it was closed.
    pub closed_ms: Option<WallMs>,
    /// `worker` while a question of the office is not answered; none: the office.
    pub waits_for: Option<String>,
}

/// The office's word on a case.
#[derive(Debug, Clone)]
pub struct CloseCase {
    /// The case.
    pub case: i64,
    /// Who says so.
    pub person: PersonId,
    /// What.
    pub decision: CaseDecision,
    /// Why, in the person's words.
    pub reason: String,
}

/// What can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseDecision {
    /// The commands are accepted after all.
    AcceptAfterAll,
    /// They are discarded; kept, and never accepted.
    Discard,
    /// There is nothing to do.
    Dismiss,
    /// The worker is asked; the case stays open.
    ReturnToWorker,
    /// The last word on the case is taken back: what was discarded is accepted after all, what was
    /// dismissed is open again. What was accepted stays.
    Undo,
}

impl CaseDecision {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AcceptAfterAll, Self::Discard, Self::Dismiss, Self::ReturnToWorker, Self::Undo];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::AcceptAfterAll => "accept_after_all",
            Self::Discard => "discard",
            Self::Dismiss => "dismiss",
            Self::ReturnToWorker => RETURNED,
            Self::Undo => "undo",
        }
    }
}

/// The answer to the request that a word on a case came with, kept in the word's transaction.
#[derive(Debug, Clone)]
pub struct KeepClosing {
    /// The request.
    pub name: RequestName,
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    pub body: Vec<u8>,
}

/// A word on a case on its way to the writer.
pub struct CloseJob {
    pub(super) close: CloseCase,
    pub(super) keep: Option<KeepClosing>,
    pub(super) people: Arc<People>,
    pub(super) epoch: u32,
    pub(super) now_ms: WallMs,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    site: Option<u32>,
    kind: String,
    record: Option<Vec<u8>>,
    person: u32,
    device: u32,
    from_number: i64,
    to_number: i64,
    code: Option<String>,
    params: Option<String>,
    opened_ms: i64,
    closed_ms: Option<i64>,
    waits_for: Option<String>,
}

impl Row {
    fn case(self) -> Result<DeskCaseRow> {
        Ok(DeskCaseRow {
            case: self.id,
            site: self.site.map(SiteId),
            kind: self.kind,
            record: self.record.map(|id| exact(&id).map(RecordId)).transpose()?,
            person: PersonId(self.person),
            device: DeviceId(self.device),
            from: self.from_number.unsigned_abs(),
            to: self.to_number.unsigned_abs(),
            code: self.code,
            params: self.params.and_then(|params| serde_json::from_str(&params).ok()),
            opened_ms: self.opened_ms,
            closed_ms: self.closed_ms,
            waits_for: self.waits_for,
        })
    }
}

/// Cases after `after` in the order of their numbers, open ones or all, of these sites or of all;
/// a case whose site nobody knows yet is everyone's.
///
/// # Errors
/// If the database does not answer.
pub async fn list(
    conn: &mut SqliteConnection,
    sites: Option<&BTreeSet<SiteId>>,
    after: i64,
    limit: u64,
    closed_too: bool,
) -> Result<Vec<DeskCaseRow>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, site, kind, record, person, device, from_number, to_number, code, params,
           opened_ms, closed_ms, waits_for
         from desk_case where id > ?1 and (?2 or closed_ms is null)
           and (site is null or ?3 is null or site in (select value from json_each(?3)))
         order by id limit ?4",
    )
    .bind(after)
    .bind(closed_too)
    .bind(sites.map(|sites| serde_json::json!(sites).to_string()))
    .bind(number(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::case).collect()
}

/// The open cases of a record, oldest first.
///
/// # Errors
/// If the database does not answer.
pub async fn of_record(
    conn: &mut SqliteConnection,
    record: RecordId,
    limit: u64,
) -> Result<Vec<DeskCaseRow>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, site, kind, record, person, device, from_number, to_number, code, params,
           opened_ms, closed_ms, waits_for
         from desk_case where record = ? and closed_ms is null order by id limit ?",
    )
    .bind(record.0.to_vec())
    .bind(number(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::case).collect()
}

/// The closed cases of a record that were discarded or dismissed last, the latest first.
///
/// # Errors
/// If the database does not answer.
pub async fn decided_of_record(
    conn: &mut SqliteConnection,
    record: RecordId,
    limit: u64,
) -> Result<Vec<DeskCaseRow>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, site, kind, record, person, device, from_number, to_number, code, params,
           opened_ms, closed_ms, waits_for
         from desk_case d where record = ? and closed_ms is not null
           and (select action from desk_case_action a where a.desk_case = d.id
             and a.action not in ('return_to_worker', 'answer') order by a.id desc limit 1)
             in ('discard', 'dismiss')
         order by id desc limit ?",
    )
    .bind(record.0.to_vec())
    .bind(number(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::case).collect()
}

/// A case by its number.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn by_number(
    conn: &mut SqliteConnection,
    case: i64,
) -> Result<Option<DeskCaseRow>> {
    let row: Option<Row> = sqlx::query_as(
        "select id, site, kind, record, person, device, from_number, to_number, code, params,
           opened_ms, closed_ms, waits_for
         from desk_case where id = ?",
    )
    .bind(case)
    .fetch_optional(conn)
    .await?;
    row.map(Row::case).transpose()
}

/// Decides about something that is no push.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn plan(
    shared: &Shared,
    conn: &mut SqliteConnection,
    people: &People,
    record: RecordId,
    incoming: Option<&Incoming>,
    now_ms: WallMs,
) -> Result<Planned> {
    let stored = load::records(conn, &[record]).await?.pop();
    let stored = stored.ok_or(Error::Broken("a record asked for and not answered"))?;
    let sessions = push::sessions_of(&shared.sessions, conn, &stored, incoming).await?;
    // What waits may be decided by this.
    let waiting = push::devices_waiting(std::slice::from_ref(&stored));
    let (confirmed, keys) = push::by_device(load::phones(conn, &waiting).await?);
    let deciding = Deciding {
        state: &stored.state,
        held: &stored.held,
        incoming,
        known: &BTreeMap::new(),
        kept: &[],
        twice: &BTreeSet::new(),
        sessions: &sessions,
        principals: &people.principals,
        disabled: &people.disabled,
        policies: &people.policies,
        confirmed: &confirmed,
        keys: &keys,
        left: None,
        quota_bytes: u64::MAX,
        server: shared.actor,
        now_ms,
    };
    // Unwind safe: the closure only reads. Nothing was acknowledged, so nothing is lost.
    let plan = catch_unwind(AssertUnwindSafe(|| (shared.decide)(&deciding)));
    let mut plan = plan.map_err(|_| Error::Broken("deciding panicked"))?;
    decide::attribute(&deciding, &mut plan);
    Ok(Planned { record, version: stored.state.version, plan })
}

/// What became of everything a person saved on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// What the device has saved: its numbers up to the highest it has told of.
    pub saved: u64,
    /// Accepted.
    pub accepted: u64,
    /// Stored and not decided.
    pub held: u64,
    /// Refused, parked or discarded.
    pub refused: u64,
    /// When the device was last heard of; unknown since.
    pub contact_ms: Option<WallMs>,
}

impl Account {
    /// Saved and not here.
    pub fn on_phone(&self) -> u64 {
        self.saved.saturating_sub(self.accepted + self.held + self.refused)
    }
}

/// The account of a device.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn account(conn: &mut SqliteConnection, device: DeviceId) -> Result<Account> {
    let mut account = Account::default();
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select outcome, sum(to_number - from_number + 1) from receipt where device = ?
         group by outcome",
    )
    .bind(device.0)
    .fetch_all(&mut *conn)
    .await?;
    for (outcome, count) in rows {
        let count = count.unsigned_abs();
        match outcome.as_str() {
            "entered" | "rewritten" => account.accepted += count,
            "held" => account.held += count,
            _ => account.refused += count,
        }
    }
    let said: Option<(i64, i64, Option<i64>)> = sqlx::query_as(
        "select highest_number, first_number, contact_ms from device where device = ?",
    )
    .bind(device.0)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some((highest, first, contact_ms)) = said {
        account.saved = (highest.unsigned_abs() + 1).saturating_sub(first.unsigned_abs());
        account.contact_ms = contact_ms;
    }
    Ok(account)
}
