//! Numbers that a device has told of and the server does not have: the office's cases of them. They
//! shrink and close by themselves when the numbers come, from wherever.

use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::model::time::WallMs;
use sync_core::protocol::chain::Numbers;

use super::account_day;
use super::decide::DeskCase;
use super::load::number;
use super::log::Why;
use super::write;
use super::writer::Report;
use crate::Result;

/// The code of a gap in what a phone has that says it has nothing more to send.
pub const MISSING: &str = "numbers_missing";
/// The code of what did not come from a phone whose person has enrolled on another one.
const ENROLLED_ELSEWHERE: &str = "enrolled_elsewhere";

/// Cases of one device at a time: what is missing beyond them stands in the last one (ours).
const GAPS_MAX: usize = 20;
/// Devices of a person that are looked at when it comes with a new one, the latest first (ours).
const FORMER_MAX: i64 = 20;

/// Whose numbers are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// Gaps from this number on become cases; none while more may come.
    pub opens_from: Option<u64>,
    /// What the phone says that it has and does not send by itself: not missing.
    pub parked: &'a [Numbers],
    /// Why they are cases.
    pub code: &'static str,
    /// Server time.
    pub now_ms: WallMs,
}

/// Numbers, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap {
    from: u64,
    to: u64,
}

/// A case of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct GapCase {
    id: i64,
    gap: Gap,
    is_open: bool,
}

/// What is written about gaps.
#[derive(Debug, PartialEq, Eq, Default)]
struct Changes {
    opened: Vec<Gap>,
    moved: Vec<(i64, Gap)>,
    closed: Vec<i64>,
}

/// What of `first..=highest` is in none of `told`, which are in order. What is beyond the most
/// cases of a device belongs to the last one.
fn gaps(told: &[Gap], first: u64, highest: u64) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    let mut next = first;
    let end = Gap { from: highest.saturating_add(1), to: highest };
    for Gap { from, to } in told.iter().copied().chain([end]) {
        let gap = Gap { from: next, to: from.saturating_sub(1).min(highest) };
        if gap.from <= gap.to && gaps.len() < GAPS_MAX {
            gaps.push(gap);
        } else if let Some(last) = gaps.last_mut().filter(|_| gap.from <= gap.to) {
            last.to = gap.to;
        }
        next = next.max(to.saturating_add(1));
    }
    gaps
}

/// What becomes of the cases of a device now that `gaps` are missing. What the office has closed
/// stays closed.
fn changes(gaps: &[Gap], cases: &[GapCase], opens_from: Option<u64>) -> Changes {
    let mut changes = Changes::default();
    let mut open: Vec<GapCase> = cases.iter().copied().filter(|case| case.is_open).collect();
    for gap in gaps {
        let covers = |case: &&GapCase| case.gap.from <= gap.from && gap.to <= case.gap.to;
        if cases.iter().filter(|case| !case.is_open).any(|case| covers(&case)) {
            continue;
        }
        let touches = |case: &GapCase| case.gap.from <= gap.to && gap.from <= case.gap.to;
        match open.iter().position(touches) {
            Some(at) => {
                let case = open.remove(at);
                if case.gap != *gap {
                    changes.moved.push((case.id, *gap));
                }
            }
            // What is left of a case that was split stays a case, also while more may come.
            None if cases.iter().filter(|case| case.is_open).any(|case| covers(&case)) => {
                changes.opened.push(*gap);
            }
            None if opens_from.is_some_and(|from| from <= gap.from) => changes.opened.push(*gap),
            None => {}
        }
    }
    changes.closed = open.into_iter().map(|case| case.id).collect();
    changes
}

#[derive(sqlx::FromRow)]
struct Standing {
    first_number: i64,
    highest_number: i64,
    told: i64,
    has_open: bool,
}

/// Opens, shrinks and closes the cases of what is missing of a device; one statement where nothing
/// is. R0.31.
///
/// # Errors
/// If the database does not answer.
pub async fn look(conn: &mut SqliteConnection, look: &Look<'_>) -> Result<()> {
    let standing: Option<Standing> = sqlx::query_as(
        "select d.first_number, d.highest_number,
           (select coalesce(sum(min(r.to_number, d.highest_number)
                - max(r.from_number, d.first_number) + 1), 0) from receipt r
              where r.device = d.device and r.from_number <= d.highest_number
                and r.to_number >= d.first_number) as told,
           exists (select 1 from desk_case c where c.device = d.device
              and c.kind = 'number_gap' and c.closed_ms is null) as has_open
         from device d where d.device = ?",
    )
    .bind(look.device.0)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(standing) = standing else { return Ok(()) };
    let Standing { first_number, highest_number, told, has_open } = standing;
    let is_whole = told > highest_number.saturating_sub(first_number);
    if !is_whole {
        // Saved there and not come: of the day of this word until it comes.
        account_day::told(conn, look.device, look.now_ms).await?;
    }
    if !has_open && (is_whole || look.opens_from.is_none()) {
        return Ok(());
    }
    let (first, highest) = (first_number.unsigned_abs(), highest_number.unsigned_abs());
    let mut there = told_of(conn, look.device, first, highest).await?;
    there.extend(look.parked.iter().map(|Numbers { from, to }| Gap { from: *from, to: *to }));
    there.sort_unstable_by_key(|range| range.from);
    let gaps = gaps(&there, first, highest);
    let changes = changes(&gaps, &cases(conn, look.device).await?, look.opens_from);
    carry_out(conn, look, &changes).await
}

async fn told_of(
    conn: &mut SqliteConnection,
    device: DeviceId,
    first: u64,
    highest: u64,
) -> Result<Vec<Gap>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "select from_number, to_number from receipt
         where device = ? and from_number <= ? and to_number >= ? order by from_number",
    )
    .bind(device.0)
    .bind(number(highest))
    .bind(number(first))
    .fetch_all(conn)
    .await?;
    let gap = |(from, to): (i64, i64)| Gap { from: from.unsigned_abs(), to: to.unsigned_abs() };
    Ok(rows.into_iter().map(gap).collect())
}

async fn cases(conn: &mut SqliteConnection, device: DeviceId) -> Result<Vec<GapCase>> {
    let rows: Vec<(i64, i64, i64, bool)> = sqlx::query_as(
        "select id, from_number, to_number, closed_ms is null from desk_case
         where device = ? and kind = 'number_gap' order by id",
    )
    .bind(device.0)
    .fetch_all(conn)
    .await?;
    let case = |(id, from, to, is_open): (i64, i64, i64, bool)| {
        let gap = Gap { from: from.unsigned_abs(), to: to.unsigned_abs() };
        GapCase { id, gap, is_open }
    };
    Ok(rows.into_iter().map(case).collect())
}

async fn carry_out(conn: &mut SqliteConnection, look: &Look<'_>, changes: &Changes) -> Result<()> {
    let Look { person, device, code, now_ms, .. } = *look;
    for Gap { from, to } in changes.opened.iter().copied() {
        let why = Why::new(code);
        let case = DeskCase { kind: "number_gap", person, device, from, to, why };
        write::desk_case(conn, None, None, &case, now_ms).await?;
    }
    for (id, Gap { from, to }) in &changes.moved {
        sqlx::query("update desk_case set from_number = ?, to_number = ? where id = ?")
            .bind(number(*from))
            .bind(number(*to))
            .bind(id)
            .execute(&mut *conn)
            .await?;
    }
    for id in &changes.closed {
        sqlx::query("update desk_case set closed_ms = ? where id = ?")
            .bind(now_ms)
            .bind(id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// What did not come from a person's other phones, when it comes with a new one that knows nothing
/// of them: they may be gone. What the same phone was before hands its work over instead.
///
/// # Errors
/// If the database does not answer.
pub async fn of_former_devices(conn: &mut SqliteConnection, report: &Report) -> Result<()> {
    if !report.is_new || report.state.numbers_after.is_some() {
        return Ok(());
    }
    let devices: Vec<u32> = sqlx::query_scalar(
        "select device from device where person = ? and device <> ? and public_key is not null
           and highest_number > 0 order by device desc limit ?",
    )
    .bind(report.person.0)
    .bind(report.device.0)
    .bind(FORMER_MAX)
    .fetch_all(&mut *conn)
    .await?;
    for device in devices {
        let (person, device) = (report.person, DeviceId(device));
        let (opens_from, code, now_ms) = (Some(0), ENROLLED_ELSEWHERE, report.now_ms);
        look(conn, &Look { person, device, opens_from, parked: &[], code, now_ms }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(from: u64, to: u64) -> Gap {
        Gap { from, to }
    }

    #[test]
    fn what_is_in_no_range_is_a_gap_and_beyond_the_most_it_belongs_to_the_last() {
        assert_eq!(gaps(&[], 1, 0), []);
        assert_eq!(gaps(&[gap(1, 9)], 1, 9), []);
        assert_eq!(gaps(&[gap(3, 4), gap(7, 7)], 1, 9), [gap(1, 2), gap(5, 6), gap(8, 9)]);
        assert_eq!(gaps(&[gap(3, 12)], 2, 9), [gap(2, 2)]);
        let huge = 1 << 53;
        assert_eq!(gaps(&[gap(1, 5)], 1, huge), [gap(6, huge)]);
        let every_other: Vec<Gap> = (1..=100).map(|n| gap(2 * n, 2 * n)).collect();
        let found = gaps(&every_other, 1, 301);
        assert_eq!(found.len(), GAPS_MAX);
        assert_eq!(found.first(), Some(&gap(1, 1)));
        assert_eq!(found.last(), Some(&gap(39, 301)));
    }

    #[test]
    fn cases_open_move_and_close_with_what_is_missing() {
        let case = |id, from, to, is_open| GapCase { id, gap: gap(from, to), is_open };
        let opened = |gaps| Changes { opened: gaps, ..Changes::default() };
        assert_eq!(changes(&[gap(3, 4)], &[], Some(0)), opened(vec![gap(3, 4)]));
        assert_eq!(changes(&[gap(3, 4)], &[], Some(4)), Changes::default(), "may come yet");
        assert_eq!(changes(&[gap(3, 4)], &[], None), Changes::default());
        let same = changes(&[gap(3, 4)], &[case(1, 3, 4, true)], Some(0));
        assert_eq!(same, Changes::default());
        let shrunk = changes(&[gap(6, 9)], &[case(1, 3, 9, true)], None);
        assert_eq!(shrunk.moved, [(1, gap(6, 9))]);
        for opens_from in [Some(0), None] {
            let split = changes(&[gap(3, 4), gap(6, 9)], &[case(1, 3, 9, true)], opens_from);
            assert_eq!((split.moved, split.opened), (vec![(1, gap(3, 4))], vec![gap(6, 9)]));
        }
        let come = changes(&[], &[case(1, 3, 9, true)], None);
        assert_eq!(come.closed, [1]);
        let dismissed = changes(&[gap(3, 4)], &[case(1, 3, 9, false)], Some(0));
        assert_eq!(dismissed, Changes::default());
    }
}
