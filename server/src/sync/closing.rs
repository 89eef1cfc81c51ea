//! The office's word on a desk case, carried out in one transaction with what it closes besides.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sync_core::document::pack;
use sync_core::model::audience::Audience;
use sync_core::model::id::RecordId;
use sync_core::model::time::WallMs;
use sync_core::protocol::message::Outcome;
use sync_core::protocol::problem::ProblemCode;

use super::cases::{self, CaseDecision, CloseCase, CloseJob, DeskCaseRow, KeepClosing};
use super::decide::{Incoming, Kept, Word};
use super::load::{self, number};
use super::log::{Author, DISCARDED};
use super::people::People;
use super::stops::Stops;
use super::waiting::WAITS;
use super::write::{self, Planned, Poke, WriteContext};
use super::{Shared, asking, derive};
use crate::idempotency;
use crate::{Error, Result};

/// Closes a case.
///
/// # Errors
/// `not_found` where there is none, `forbidden` to whom it does not concern, `case_closed` where
/// somebody was first, `decision_refused` for what cannot be decided so.
pub(super) async fn close(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: CloseJob,
) -> Result<((), Vec<Poke>)> {
    let CloseJob { close, keep, people, epoch, now_ms } = job;
    let case = cases::by_number(conn, close.case).await?;
    let case = case.ok_or_else(|| Error::problem(ProblemCode::NotFound))?;
    let audiences = people.audiences(close.person, now_ms);
    let concerned = match case.site {
        Some(site) => audiences.contains(&Audience::Office(site)),
        None => audiences.iter().any(|audience| matches!(audience, Audience::Office(_))),
    };
    if !concerned {
        return Err(Error::problem(ProblemCode::Forbidden));
    }
    // A discard that is undone is accepted after all; the log says that it was undone.
    let undone = close.decision == CaseDecision::Undo;
    if case.closed_ms.is_some() != undone {
        if undone {
            return Err(refused("nothing_to_undo"));
        }
        return Err(decided_before(conn, case.case).await?);
    }
    let mut pokes = match beside(conn, &case, &close, (epoch, now_ms)).await? {
        Some(pokes) => pokes,
        None => {
            let pokes = decide(shared, conn, (&case, &close), &people, (epoch, now_ms)).await?;
            // Of more than one word decides of at once the rest waits for another one.
            let closed_ms =
                if waits(conn, case.case).await? { case.closed_ms } else { Some(now_ms) };
            sqlx::query("update desk_case set closed_ms = ?, waits_for = null where id = ?")
                .bind(closed_ms)
                .bind(case.case)
                .execute(&mut *conn)
                .await?;
            sign(conn, case.case, &close, now_ms).await?;
            pokes
        }
    };
    if let Some(KeepClosing { name, status, body }) = keep {
        idempotency::keep(conn, &name, (status, &body), now_ms).await?;
    }
    pokes.extend(case.site.map(Poke::office));
    Ok(((), pokes))
}

/// What is no decision about commands: a question, or a dismissal taken back. None where the word
/// is about the commands.
async fn beside(
    conn: &mut SqliteConnection,
    case: &DeskCaseRow,
    close: &CloseCase,
    (epoch, now_ms): (u32, WallMs),
) -> Result<Option<Vec<Poke>>> {
    match close.decision {
        CaseDecision::ReturnToWorker => {
            asking::ask(conn, case, close, (epoch, now_ms)).await.map(Some)
        }
        CaseDecision::Undo => match last_word(conn, case.case).await?.as_deref() {
            Some("dismiss") => {
                reopen(conn, case, close, now_ms).await?;
                Ok(Some(Vec::new()))
            }
            Some("discard") if case.record.is_none() => Err(refused("unreadable")),
            Some("discard") => Ok(None),
            // More was discarded than one word takes back.
            Some("undo") if kept_discarded(conn, case).await? => Ok(None),
            Some("accept_after_all") => Err(accepted_stays(conn, case.case).await?),
            _ => Err(decided_before(conn, case.case).await?),
        },
        CaseDecision::AcceptAfterAll | CaseDecision::Discard | CaseDecision::Dismiss => Ok(None),
    }
}

/// Carries the word on a case's commands out.
async fn decide(
    shared: &Shared,
    conn: &mut SqliteConnection,
    (case, close): (&DeskCaseRow, &CloseCase),
    people: &People,
    (epoch, now_ms): (u32, WallMs),
) -> Result<Vec<Poke>> {
    let record = match (case.record, close.decision) {
        (_, CaseDecision::Dismiss) if waits(conn, case.case).await? => {
            return Err(refused("waits"));
        }
        (_, CaseDecision::Dismiss) => return Ok(Vec::new()),
        // Another case without a record has nothing of it: a gap, a day's late work.
        (None, CaseDecision::Discard) if case.kind != "refused" => {
            return Err(refused("nothing_waits"));
        }
        (None, CaseDecision::Discard) => {
            discard_unreadable(conn, case, now_ms).await?;
            return Ok(Vec::new());
        }
        (None, _) => return Err(refused("unreadable")),
        (Some(record), _) => record,
    };
    let incoming = ruled(conn, case, record, close).await?;
    let planned = cases::plan(shared, conn, people, record, Some(&incoming), now_ms).await?;
    check(conn, &planned).await?;
    let others = open_cases(conn, record).await?;
    let mut stops = Stops::new(shared.hooks.as_ref(), "close_case");
    let context = WriteContext { epoch, now_ms };
    let mut planned = [planned];
    let mut pokes = write::plans(conn, &mut planned, context, &mut stops).await?;
    pokes.extend(derive::follow(shared, conn, people, &planned, context).await?);
    // What is decided with the commands of this case is decided by the same word.
    for other in others.into_iter().filter(|other| *other != case.case) {
        if is_closed(conn, other).await? {
            sign(conn, other, close, now_ms).await?;
        }
    }
    Ok(pokes)
}

/// What was dismissed is open again.
async fn reopen(
    conn: &mut SqliteConnection,
    case: &DeskCaseRow,
    close: &CloseCase,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query("update desk_case set closed_ms = null where id = ?")
        .bind(case.case)
        .execute(&mut *conn)
        .await?;
    sign(conn, case.case, close, now_ms).await
}

/// The last decision on a case; questions and answers are none.
async fn last_word(conn: &mut SqliteConnection, case: i64) -> Result<Option<String>> {
    let sql = "select action from desk_case_action
         where desk_case = ? and action not in ('return_to_worker', 'answer')
         order by id desc limit 1";
    Ok(sqlx::query_scalar(sql).bind(case).fetch_optional(conn).await?)
}

/// Nothing that was accepted goes out of a record again: a fact that puts it right is the way.
/// R5.23.
async fn accepted_stays(conn: &mut SqliteConnection, case: i64) -> Result<Error> {
    let first = decided_before(conn, case).await?;
    let Error::Problem { params, .. } = first else { return Ok(first) };
    let mut error = refused("accepted_stays");
    for (name, value) in params {
        error = error.with(&name, value);
    }
    Ok(error)
}

pub(super) fn refused(why: &str) -> Error {
    Error::problem(ProblemCode::DecisionRefused).with("why", why)
}

/// The word as what the decision starts from.
async fn ruled(
    conn: &mut SqliteConnection,
    case: &DeskCaseRow,
    record: RecordId,
    close: &CloseCase,
) -> Result<Incoming> {
    let (person, device, from, to) = (case.person, case.device, case.from, case.to);
    let word = match close.decision {
        CaseDecision::AcceptAfterAll => Word::Accept,
        CaseDecision::Undo => Word::TakeBack,
        _ => Word::Discard { reason: close.reason.clone() },
    };
    let kept = kept(conn, record, case, close.decision).await?;
    Ok(Incoming::Ruled { person, device, from, to, word, kept })
}

/// Commands that were kept as they came, of one case and one word at most; few where tests look.
const KEPT_MAX: i64 = if cfg!(test) { 3 } else { 1_000 };

/// Whether something of a case that was kept as it came and discarded is not taken back.
async fn kept_discarded(conn: &mut SqliteConnection, case: &DeskCaseRow) -> Result<bool> {
    let left = sqlx::query_scalar(
        "select exists (select 1 from quarantine where record = ? and person = ? and device = ?
           and decision = ? and coalesce(number, 0) between ? and ?)",
    );
    let left = left.bind(case.record.map(|record| record.0.to_vec())).bind(case.person.0);
    let left = left.bind(case.device.0).bind(DISCARDED);
    Ok(left.bind(number(case.from)).bind(number(case.to)).fetch_one(conn).await?)
}

/// What of a case was kept as it came, and nobody has decided yet.
async fn kept(
    conn: &mut SqliteConnection,
    record: RecordId,
    case: &DeskCaseRow,
    decision: CaseDecision,
) -> Result<Vec<Kept>> {
    // Undoing a discard is about what was discarded; that costs the quota nothing any more.
    let undone = decision == CaseDecision::Undo;
    let rows: Vec<(i64, Option<i64>, Vec<u8>)> = sqlx::query_as(
        "select id, number, bytes from quarantine
         where record = ? and person = ? and device = ? and decision is ?
           and coalesce(number, 0) between ? and ?
         order by id limit ?",
    )
    .bind(record.0.to_vec())
    .bind(case.person.0)
    .bind(case.device.0)
    .bind(undone.then_some(DISCARDED))
    .bind(number(case.from))
    .bind(number(case.to))
    .bind(KEPT_MAX)
    .fetch_all(&mut *conn)
    .await?;
    let told = load::receipts(conn, case.device, (case.from, case.to)).await?;
    let told: BTreeMap<u64, (u64, Outcome)> =
        told.into_iter().map(|range| (range.from, (range.to, range.told.outcome))).collect();
    let outcome = |number: u64| {
        let (_, (to, outcome)) = told.range(..=number).next_back()?;
        (number <= *to).then_some(*outcome)
    };
    let kept = rows.into_iter().map(|(id, number, bytes)| {
        let change = pack::decode(&bytes).ok().and_then(|mut packs| packs.pop()?.changes.pop());
        let number = number.unwrap_or(0).unsigned_abs();
        Ok(Kept {
            id,
            author: Author { person: case.person, device: case.device, number },
            change: change.ok_or(Error::Broken("a command kept as it came does not read"))?,
            number_is_anothers: outcome(number) != Some(Outcome::Refused),
            bytes: if undone { 0 } else { bytes.len() as u64 },
        })
    });
    kept.collect()
}

/// A word that decides nothing, or what it cannot, is not carried out.
async fn check(conn: &mut SqliteConnection, planned: &Planned) -> Result<()> {
    let plan = &planned.plan;
    if let Some((author, why)) = plan.not_acceptable.first() {
        return Err(refused(&why.code).with("number", author.number));
    }
    if plan.row_changes.is_empty() && plan.held_gone.is_empty() && plan.kept_decided.is_empty() {
        return Err(refused("nothing_waits"));
    }
    let Some(site) = plan.site.filter(|_| plan.accepts_anything()) else { return Ok(()) };
    let there: Option<u32> = sqlx::query_scalar("select site from site where site = ?")
        .bind(site.0)
        .fetch_optional(conn)
        .await?;
    there.map(|_| ()).ok_or_else(|| refused("no_such_site"))
}

/// What did not read is kept, and counts against its device no more.
async fn discard_unreadable(
    conn: &mut SqliteConnection,
    case: &DeskCaseRow,
    now_ms: WallMs,
) -> Result<()> {
    // One case for all of a device's.
    let kept: Vec<i64> = sqlx::query_scalar(
        "update quarantine set decision = ?
         where device = ? and person = ? and record is null and decision is null
           and code = 'unreadable'
         returning length(bytes)",
    )
    .bind(DISCARDED)
    .bind(case.device.0)
    .bind(case.person.0)
    .fetch_all(&mut *conn)
    .await?;
    if kept.is_empty() {
        return Err(refused("nothing_waits"));
    }
    write::use_quota(conn, case.device, -kept.iter().sum::<i64>(), now_ms).await
}

/// Whether something that the case is about waits for a decision.
async fn waits(conn: &mut SqliteConnection, case: i64) -> Result<bool> {
    let sql = format!("select exists (select 1 from desk_case d where d.id = ? and {WAITS})");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(case).fetch_one(conn).await?)
}

async fn open_cases(conn: &mut SqliteConnection, record: RecordId) -> Result<Vec<i64>> {
    let sql = "select id from desk_case where record = ? and closed_ms is null order by id";
    Ok(sqlx::query_scalar(sql).bind(record.0.to_vec()).fetch_all(conn).await?)
}

async fn is_closed(conn: &mut SqliteConnection, case: i64) -> Result<bool> {
    let sql = "select closed_ms is not null from desk_case where id = ?";
    Ok(sqlx::query_scalar(sql).bind(case).fetch_one(conn).await?)
}

/// Who said what of a case, and why.
async fn sign(
    conn: &mut SqliteConnection,
    case: i64,
    close: &CloseCase,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query(
        "insert into desk_case_action (desk_case, at_ms, person, action, reason)
         values (?, ?, ?, ?, ?)",
    )
    .bind(case)
    .bind(now_ms)
    .bind(close.person.0)
    .bind(close.decision.code())
    .bind(&close.reason)
    .execute(conn)
    .await?;
    Ok(())
}

/// The answer to whoever comes second (R5.21). A case that nobody has signed closed by itself: what
/// it was about waits no more.
async fn decided_before(conn: &mut SqliteConnection, case: i64) -> Result<Error> {
    let first: Option<(String, String, String)> = sqlx::query_as(
        "select a.action, p.name, a.reason from desk_case_action a
           join person p on p.person = a.person
         where a.desk_case = ? and a.action not in ('return_to_worker', 'answer')
         order by a.id desc limit 1",
    )
    .bind(case)
    .fetch_optional(conn)
    .await?;
    let error = Error::problem(ProblemCode::CaseClosed);
    Ok(match first {
        Some((action, by, reason)) => {
            error.with("decision", action).with("by", by).with("reason", reason)
        }
        None => error.with("decision", "released"),
    })
}
