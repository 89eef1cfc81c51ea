//! The list of desk cases and the office's word on one. What a case is stands in `sync::cases`.

use std::str::FromStr as _;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{self, Command};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::command::{Written, command_after};
use super::extract::{OfficeUser, PathId, QueryOf};
use super::idempotency::{OfficePost, once};
use super::names::names;
use super::schema;
use super::time::rfc3339;
use crate::idempotency::RequestName;
use crate::sync::duplicates::DUPLICATE_SUSPECT;
use crate::sync::{CaseDecision, CloseCase, DeskCaseRow, KeepClosing};
use crate::{App, Error, Result};

/// Cases in a page, when the caller says nothing.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(close))
        .routes(routes!(return_to_worker))
        .routes(routes!(undo))
        .routes(routes!(merge))
}

/// Which cases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Closed ones too.
    #[serde(default)]
    closed: bool,
    /// Cases in the page, at most 200.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// A page of the list.
#[derive(Serialize, ToSchema)]
struct DeskCasePage {
    /// The cases, oldest first.
    items: Vec<DeskCaseItem>,
    /// Where the next page begins; none after the last.
    next: Option<String>,
    /// Names of everyone in the page.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    people: std::collections::BTreeMap<PersonId, String>,
}

/// A desk case in the list.
#[derive(Serialize, ToSchema)]
struct DeskCaseItem {
    /// Its number.
    case: i64,
    /// The site; none where nobody knows yet.
    #[schema(value_type = Option<u32>)]
    site: Option<SiteId>,
    /// The record.
    #[schema(value_type = Option<String>)]
    record: Option<RecordId>,
    /// `refused`, `held`, `number_gap`, `clone`, `equal_strokes`, `duplicate_suspect`,
    /// `backdated`, `quota`,
    /// `stray_answer`, `device_unknown`, `late_for_closed_day`.
    kind: String,
    /// Whose commands.
    #[schema(value_type = u32)]
    person: PersonId,
    /// From which device.
    #[schema(value_type = u32)]
    device: DeviceId,
    /// The first of their numbers.
    from_number: u64,
    /// The last, inclusive.
    to_number: u64,
    /// Why it is here.
    code: Option<String>,
    /// Parameters of the code's text.
    params: Option<Value>,
    /// When it was opened.
    opened_at: String,
    /// When it was closed.
    closed_at: Option<String>,
    /// Who is waited for while it is open: `worker` from a question to its answer, else `office`.
    waits_for: Option<String>,
}

impl From<DeskCaseRow> for DeskCaseItem {
    fn from(row: DeskCaseRow) -> Self {
        Self {
            case: row.case,
            site: row.site,
            record: row.record,
            kind: row.kind,
            person: row.person,
            device: row.device,
            from_number: row.from,
            to_number: row.to,
            code: row.code,
            params: row.params,
            opened_at: rfc3339(row.opened_ms),
            waits_for: row
                .closed_ms
                .is_none()
                .then(|| row.waits_for.unwrap_or_else(|| "office".to_owned())),
            closed_at: row.closed_ms.map(rfc3339),
        }
    }
}

/// List the desk cases of the caller's sites, and those whose site nobody knows yet.
#[utoipa::path(
    get, path = "/v1/office/desk-cases", tag = "office", params(Wanted),
    responses(
        (status = 200, body = DeskCasePage),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn list(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(wanted): QueryOf<Wanted>,
) -> Result<Json<DeskCasePage>> {
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let after = wanted.after.as_deref().map_or(Ok(0), i64::from_str);
    let after = after.map_err(|_| Error::malformed("after"))?;
    let sites = user.office_sites();
    if sites.is_empty() {
        return Err(Error::problem(ProblemCode::Forbidden));
    }
    let wanted_rows = u64::from(limit) + 1;
    let rows = app.sync.desk_cases_of(&sites, after, wanted_rows, wanted.closed).await?;
    let more = rows.len() > limit as usize;
    let items: Vec<DeskCaseItem> = rows.into_iter().take(limit as usize).map(Into::into).collect();
    let next = items.last().filter(|_| more).map(|last| last.case.to_string());
    let mut conn = app.db.reader().acquire().await?;
    let people = names(&mut conn, items.iter().map(|item| item.person)).await?;
    Ok(Json(DeskCasePage { items, next, people }))
}

/// The office's word.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Word {
    /// What becomes of the commands.
    decision: Decision,
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// What can be said.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Decision {
    /// The commands are accepted after all.
    AcceptAfterAll,
    /// They are discarded: kept, and never accepted.
    Discard,
    /// There is nothing to do.
    Dismiss,
}

impl From<Decision> for CaseDecision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::AcceptAfterAll => Self::AcceptAfterAll,
            Decision::Discard => Self::Discard,
            Decision::Dismiss => Self::Dismiss,
        }
    }
}

/// What the worker is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AskedOfWorker {
    /// The question.
    #[schema(max_length = 1000)]
    question: String,
}

/// Why a word is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WhyUndone {
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// A case of which something was said.
#[derive(Serialize, ToSchema)]
struct Closed {
    /// Its number.
    case: i64,
    /// What was said.
    decision: String,
}

/// Close a desk case. The device hears of it with its next sync.
#[utoipa::path(
    post, path = "/v1/office/desk-cases/{case}/close", tag = "office", request_body = Word,
    params(("case" = i64, Path, description = "The case"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Closed),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn close(
    State(app): State<App>,
    PathId(case): PathId<i64>,
    post: OfficePost<Word>,
) -> Result<Response> {
    let OfficePost { user, body: Word { decision, reason }, name } = post;
    decide(&app, (&user, &name), case, (decision.into(), reason)).await
}

/// Return what a case is about to its worker with a question. The case stays open and waits for
/// the worker; the question reaches the phone with its next sync, the answer stands in its words.
#[utoipa::path(
    post, path = "/v1/office/desk-cases/{case}/return", tag = "office",
    request_body = AskedOfWorker,
    params(("case" = i64, Path, description = "The case"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Closed),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn return_to_worker(
    State(app): State<App>,
    PathId(case): PathId<i64>,
    post: OfficePost<AskedOfWorker>,
) -> Result<Response> {
    let OfficePost { user, body: AskedOfWorker { question }, name } = post;
    decide(&app, (&user, &name), case, (CaseDecision::ReturnToWorker, question)).await
}

/// Take the last word on a closed case back: what was discarded is accepted after all, what was
/// dismissed is open again. What was accepted stays (`accepted_stays`): a fact that puts it right
/// is the way.
#[utoipa::path(
    post, path = "/v1/office/desk-cases/{case}/undo", tag = "office", request_body = WhyUndone,
    params(("case" = i64, Path, description = "The case"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Closed),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn undo(
    State(app): State<App>,
    PathId(case): PathId<i64>,
    post: OfficePost<WhyUndone>,
) -> Result<Response> {
    let OfficePost { user, body: WhyUndone { reason }, name } = post;
    decide(&app, (&user, &name), case, (CaseDecision::Undo, reason)).await
}

/// Which of two records goes on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Merge {
    /// The one that goes on; the other is put aside.
    #[schema(value_type = String)]
    goes_on: RecordId,
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
}

/// Put one of the two records of a `duplicate_suspect` aside. It is cancelled (a reception closed)
/// and names the one that goes on; nothing of either is moved or deleted. One that carries a
/// signature or money is not put aside (`carries_signature_or_money`): the other way round is
/// allowed if that one has none. The case closes with it.
#[utoipa::path(
    post, path = "/v1/office/desk-cases/{case}/merge", tag = "office", request_body = Merge,
    params(("case" = i64, Path, description = "The case"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn merge(
    State(app): State<App>,
    PathId(case): PathId<i64>,
    post: OfficePost<Merge>,
) -> Result<Response> {
    let OfficePost { user, body: Merge { goes_on, reason }, name } = post;
    merge_duplicates(&app, (user, name), case, (goes_on, reason)).await
}

/// Puts one of the two records of a case aside, once.
///
/// # Errors
/// `not_found` for a case of another office; `decision_refused` for a case of another kind
/// (`no_duplicates`) or a record that is put aside itself (`put_aside_itself`); a denial.
pub(crate) async fn merge_duplicates(
    app: &App,
    (user, name): (OfficeUser, RequestName),
    case: i64,
    (goes_on, reason): (RecordId, String),
) -> Result<Response> {
    let refused = |why| Error::problem(ProblemCode::DecisionRefused).with("why", why);
    let found = app.sync.desk_case(case).await?;
    let of_office =
        |case: &DeskCaseRow| case.site.is_some_and(|site| user.in_office_of(site).is_ok());
    let found = found.filter(of_office).ok_or(Error::problem(ProblemCode::NotFound))?;
    let other = found.params.as_ref().and_then(|params| params["record"].as_str()?.parse().ok());
    let (true, Some(later), Some(first)) = (found.kind == DUPLICATE_SUSPECT, found.record, other)
    else {
        return Err(refused("no_duplicates"));
    };
    let aside = match goes_on {
        record if record == later => first,
        record if record == first => later,
        _ => return Err(Error::malformed("goes_on")),
    };
    let check = async || {
        let read = app.sync.read(goes_on).await?;
        let (_, _, review) = read.ok_or(Error::problem(ProblemCode::NotFound))?;
        if review.duplicate_of.is_some() { Err(refused("put_aside_itself")) } else { Ok(()) }
    };
    let command = Command::MergeInto { record: goes_on, reason };
    command_after(app, (user, name), (aside, command), check).await
}

/// The office's word on a case, given once.
///
/// # Errors
/// `not_found` for a case of another office, or none that is open; a denial of the reason.
pub(crate) async fn decide(
    app: &App,
    (user, name): (&OfficeUser, &RequestName),
    case: i64,
    (decision, reason): (CaseDecision, String),
) -> Result<Response> {
    if decision == CaseDecision::ReturnToWorker {
        rules::check_case_text("question", &reason)?;
    } else {
        rules::check_reason(&reason)?;
    }
    let closed = Closed { case, decision: decision.code().to_owned() };
    let answer = serde_json::to_vec(&closed).expect("a number and a text are JSON");
    let word = CloseCase { case, person: user.person(), decision, reason };
    let keep = KeepClosing { name: name.clone(), status: 200, body: answer.clone() };
    let work = async || match app.sync.close_case_keeping(word, Some(keep)).await {
        Ok(()) => Ok((200, answer)),
        // Another office's case is nobody's business: as if there were none.
        Err(Error::Problem { code: ProblemCode::Forbidden, .. }) => {
            Err(Error::problem(ProblemCode::NotFound))
        }
        Err(error) => Err(error),
    };
    once(app, name, work).await
}
