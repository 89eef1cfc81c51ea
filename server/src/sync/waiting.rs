//! What waits for a decision: cases about it close when nothing of it waits any more, and what has
//! waited for seven days becomes a case. What deciding failed of is decided again.

use std::sync::Arc;

use sqlx::SqliteConnection;
use sync_core::document::{PackedChange, pack};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::time::WallMs;

use super::cases::DeskCaseRow;
use super::decide::{self, DeskCase, UNDECIDED};
use super::load::{exact, number};
use super::log::{Why, facts_from_cell};
use super::people::People;
use super::stops::Stops;
use super::unknown::DEVICE_UNKNOWN;
use super::write::{self, Poke, WriteContext};
use super::writer::Job;
use super::{Shared, Sync, cases, derive};
use crate::Result;

/// What has waited so long is a case for the office. R5.19.
pub const HELD_CASE_MS: i64 = 7 * 24 * 3_600_000;

/// Cases opened by one transaction at most.
const CASES_AT_ONCE: i64 = 200;

/// What the office still has to decide of what a case `d` is about: commands that are held for one
/// of `held`, refused ones for any other.
pub(super) const WAITS: &str = "(d.kind = 'held' and exists
      (select 1 from change c where c.record = d.record and c.device = d.device
         and c.number between d.from_number and d.to_number and c.state = 'held')
    or d.kind = 'held' and exists
      (select 1 from held_pack h where h.record = d.record and h.device = d.device
         and h.from_number <= d.to_number and h.to_number >= d.from_number)
    or d.kind = 'refused' and exists
      (select 1 from change c where c.record = d.record and c.device = d.device
         and c.number between d.from_number and d.to_number and c.state = 'refused'
         and c.code is not 'discarded')
    or d.kind in ('refused', 'clone') and exists
      (select 1 from quarantine q where q.record is d.record and q.device = d.device
         and q.person = d.person
         and (q.record is not null or q.code = 'unreadable')
         and coalesce(q.number, 0) between d.from_number and d.to_number
         and q.decision is null))";

/// Closes the cases of a record of which nothing waits any more.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn close_decided(
    conn: &mut SqliteConnection,
    record: RecordId,
    now_ms: WallMs,
) -> Result<()> {
    let sql = format!(
        "update desk_case as d set closed_ms = ? where d.record = ? and d.closed_ms is null
           and d.kind in ('refused', 'held') and d.code is not 'record_purged' and not {WAITS}"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(now_ms)
        .bind(record.0.to_vec())
        .execute(&mut *conn)
        .await?;
    Ok(())
}

/// Commands of one device that wait in one record for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    record: RecordId,
    site: Option<SiteId>,
    person: PersonId,
    device: DeviceId,
    from: u64,
    to: u64,
    code: String,
}

/// Neighbours as one: a case for each record, device, range and reason.
fn joined(mut waiting: Vec<Waiting>) -> Vec<Waiting> {
    waiting.sort_by(|a, b| {
        (a.record, a.device, &a.code, a.from).cmp(&(b.record, b.device, &b.code, b.from))
    });
    let mut ranges: Vec<Waiting> = Vec::new();
    for next in waiting {
        match ranges.last_mut() {
            Some(last)
                if (last.record, last.person, last.device)
                    == (next.record, next.person, next.device)
                    && last.code == next.code
                    && next.from <= last.to.saturating_add(1) =>
            {
                last.to = last.to.max(next.to);
            }
            _ => ranges.push(next),
        }
    }
    ranges
}

/// What has waited for seven days and has no case. R5.19.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn due(conn: &mut SqliteConnection, now_ms: WallMs) -> Result<Vec<Waiting>> {
    type Row = (Vec<u8>, Option<u32>, u32, u32, i64, i64, String);
    let rows: Vec<Row> = sqlx::query_as(
        "select w.record, r.site, w.person, w.device, w.from_number, w.to_number, w.code
         from (select record, person, device, from_number, to_number, code, first_ms
                 from held_pack where first_ms <= ?1
               union all
               select record, person, device, number, number, coalesce(code, ''), received_ms
                 from change where state = 'held' and received_ms <= ?1) w
         left join record r on r.record = w.record
         where not exists (select 1 from desk_case d where d.record = w.record
           and d.device = w.device and d.kind = 'held'
           and d.from_number <= w.from_number and d.to_number >= w.to_number)
         order by w.first_ms limit ?2",
    )
    .bind(now_ms.saturating_sub(HELD_CASE_MS))
    .bind(CASES_AT_ONCE)
    .fetch_all(&mut *conn)
    .await?;
    let waiting = rows.into_iter().map(|(record, site, person, device, from, to, code)| {
        Ok(Waiting {
            record: RecordId(exact(&record)?),
            site: site.map(SiteId),
            person: PersonId(person),
            device: DeviceId(device),
            from: from.unsigned_abs(),
            to: to.unsigned_abs(),
            code,
        })
    });
    Ok(joined(waiting.collect::<Result<Vec<_>>>()?))
}

/// Opens a case for what is due; says how many.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn open_cases(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
) -> Result<(u64, Vec<Poke>)> {
    let waiting = due(conn, now_ms).await?;
    let mut pokes = Vec::new();
    for Waiting { record, site, person, device, from, to, code } in &waiting {
        let (person, device, from, to) = (*person, *device, *from, *to);
        let why = Why::new(code.clone());
        let case = DeskCase { kind: "held", person, device, from, to, why };
        write::desk_case(conn, *site, Some(*record), &case, now_ms).await?;
        pokes.extend(site.map(Poke::office));
    }
    Ok((waiting.len() as u64, pokes))
}

/// A record of which deciding failed.
pub struct AgainJob {
    pub(super) record: RecordId,
    pub(super) people: Arc<People>,
    pub(super) epoch: u32,
    pub(super) now_ms: WallMs,
}

/// Decides what waits in a record though nobody writes to it.
///
/// # Errors
/// If the database does not answer, or deciding fails again.
pub(super) async fn again(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: AgainJob,
) -> Result<((), Vec<Poke>)> {
    let AgainJob { record, people, epoch, now_ms } = job;
    let planned = cases::plan(shared, conn, &people, record, None, now_ms).await?;
    let mut stops = Stops::new(shared.hooks.as_ref(), "decide_again");
    let context = WriteContext { epoch, now_ms };
    let mut planned = [planned];
    let mut pokes = write::plans(conn, &mut planned, context, &mut stops).await?;
    pokes.extend(derive::follow(shared, conn, &people, &planned, context).await?);
    Ok(((), pokes))
}

/// Wait before deciding again: as long as it has failed so far, within these.
const AGAIN_MS: i64 = 5_000;
const AGAIN_MS_MAX: i64 = 3_600_000;

/// What is still undecided in a record is not decided again at once.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn later(
    conn: &mut SqliteConnection,
    record: RecordId,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query(
        "update held_pack set look_ms = ?1 + min(max(?1 - first_ms, ?2), ?3)
         where record = ?4 and code = ?5",
    )
    .bind(now_ms)
    .bind(AGAIN_MS)
    .bind(AGAIN_MS_MAX)
    .bind(record.0.to_vec())
    .bind(UNDECIDED)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// Records of which something undecided is to be decided again.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn undecided(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
    limit: u64,
) -> Result<Vec<RecordId>> {
    let rows: Vec<Vec<u8>> = sqlx::query_scalar(
        "select distinct record from held_pack where code = ? and look_ms <= ? limit ?",
    )
    .bind(UNDECIDED)
    .bind(now_ms)
    .bind(number(limit))
    .fetch_all(&mut *conn)
    .await?;
    rows.iter().map(|row| exact(row).map(RecordId)).collect()
}

/// When something is to be decided again, or has waited for seven days.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn next_ms(conn: &mut SqliteConnection, now_ms: WallMs) -> Result<Option<WallMs>> {
    let next = sqlx::query_scalar(
        "select min(at_ms) from (
           select min(look_ms) at_ms from held_pack where code = ?1
           union all select min(first_ms) + ?2 from held_pack where first_ms > ?3 - ?2
           union all select min(received_ms) + ?2 from change
             where state = 'held' and received_ms > ?3 - ?2)",
    )
    .bind(UNDECIDED)
    .bind(HELD_CASE_MS)
    .bind(now_ms)
    .fetch_one(&mut *conn)
    .await?;
    Ok(next)
}

/// A fact of a command that a case is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingFact {
    /// The case.
    pub case: i64,
    /// The fact, as it came.
    pub fact: StoredFact,
}

/// Rows read of each table at most.
const ROWS_MAX: i64 = 500;

/// What the commands say that these cases are about, decided or not, as far as it is kept.
///
/// # Errors
/// If the database does not answer.
pub async fn contents(conn: &mut SqliteConnection, cases: &[i64]) -> Result<Vec<WaitingFact>> {
    let cases = serde_json::json!(cases).to_string();
    let mut facts = Vec::new();
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select d.id, c.facts from desk_case d
           join change c on c.record = d.record and c.device = d.device
             and c.number between d.from_number and d.to_number
         where d.id in (select value from json_each(?)) and c.state in ('held', 'refused')
         order by c.id limit ?",
    )
    .bind(&cases)
    .bind(ROWS_MAX)
    .fetch_all(&mut *conn)
    .await?;
    for (case, cell) in rows {
        facts.extend(facts_from_cell(&cell)?.into_iter().map(|fact| WaitingFact { case, fact }));
    }
    let packs: Vec<(i64, i64, i64, Vec<u8>)> = sqlx::query_as(
        "select d.id, d.from_number, d.to_number, h.bytes from desk_case d
           join held_pack h on h.record = d.record and h.device = d.device
             and h.from_number <= d.to_number and h.to_number >= d.from_number
         where d.id in (select value from json_each(?1)) and d.kind = 'held'
         union all
         select d.id, q.number, q.number, q.bytes from desk_case d
           join quarantine q on q.record = d.record and q.device = d.device
             and q.number between d.from_number and d.to_number
         where d.id in (select value from json_each(?1)) and d.kind in ('refused', 'clone')
         limit ?2",
    )
    .bind(&cases)
    .bind(ROWS_MAX)
    .fetch_all(conn)
    .await?;
    for (case, from, to, bytes) in packs {
        let packs = pack::decode(&bytes).unwrap_or_default();
        let changes = packs.into_iter().flat_map(|pack| pack.changes);
        let wanted = |change: &PackedChange| {
            decide::number(change).is_none_or(|n| (from..=to).contains(&number(n)))
        };
        for change in changes.filter(wanted) {
            facts.extend(change.facts.into_iter().map(|fact| WaitingFact { case, fact }));
        }
    }
    Ok(facts)
}

/// What a case's device sent that did not read, or what came from a stranger, as it came and as far
/// as nobody has decided about it. None for a case of another kind.
///
/// # Errors
/// If the database does not answer.
pub async fn unreadable(conn: &mut SqliteConnection, case: &DeskCaseRow) -> Result<Vec<Vec<u8>>> {
    if case.record.is_some() || !["refused", DEVICE_UNKNOWN].contains(&case.kind.as_str()) {
        return Ok(Vec::new());
    }
    let bytes = sqlx::query_scalar(
        "select bytes from quarantine where device = ? and person = ? and record is null
           and code = ? and decision is null
         order by id limit ?",
    )
    .bind(case.device.0)
    .bind(case.person.0)
    .bind(&case.code)
    .bind(UNREADABLE_MAX)
    .fetch_all(conn)
    .await?;
    Ok(bytes)
}

/// Of what did not read an export has so many at most: each is as large as a request.
const UNREADABLE_MAX: i64 = 4;

impl Sync {
    /// Records of which something undecided is to be decided again now.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn undecided(&self, limit: u64) -> Result<Vec<RecordId>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        undecided(&mut conn, self.shared.clock.wall_ms(), limit).await
    }

    /// Decides what waits in a record though nobody writes to it; what stays undecided is tried
    /// later.
    ///
    /// # Errors
    /// If the database does not answer, or deciding fails again.
    pub async fn decide_again(&self, record: RecordId) -> Result<()> {
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let (people, epoch) = self.judges().await?;
        let job = Box::new(AgainJob { record, people, epoch, now_ms });
        let decided = self.ask(|reply| Job::Again(job, reply)).await;
        let mut transaction = shared.database.begin_write().await?;
        later(&mut transaction, record, now_ms).await?;
        transaction.commit().await?;
        decided
    }

    /// Opens cases for what has waited too long; says how many. R5.19.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn open_cases_of_waiting(&self) -> Result<u64> {
        let now_ms = self.shared.clock.wall_ms();
        let mut conn = self.shared.database.reader().acquire().await?;
        if due(&mut conn, now_ms).await?.is_empty() {
            return Ok(0);
        }
        drop(conn);
        self.ask(|reply| Job::Waiting(now_ms, reply)).await
    }

    /// When something that waits is to be decided again, or becomes a case.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn waiting_next_ms(&self) -> Result<Option<WallMs>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        next_ms(&mut conn, self.shared.clock.wall_ms()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_reason_share_a_case() {
        let at = |from, to, code: &str| Waiting {
            record: RecordId([1; 16]),
            site: None,
            person: PersonId(31),
            device: DeviceId(9),
            from,
            to,
            code: code.to_owned(),
        };
        let waiting =
            vec![at(4, 5, "a"), at(1, 2, "a"), at(3, 3, "a"), at(7, 7, "a"), at(6, 6, "b")];
        assert_eq!(joined(waiting), [at(1, 5, "a"), at(7, 7, "a"), at(6, 6, "b")]);
    }
}
