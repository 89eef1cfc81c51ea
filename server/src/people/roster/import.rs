//! Importing a roster: all of a sheet or nothing, in one transaction. The shifts of the dates that
//! stand in the sheet are replaced; those that did not change keep their numbers and their swaps.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::RoleGrant;
use sync_core::model::roster::{Duty, Shift};

use super::line::{self, COLUMNS, FROM, Line, Lines, PERSON, Who};
use super::{Dated, between, local, swap};
use crate::Result;
use crate::import::{self, Problem, Rows};
use crate::people::{Act, audit, grant, reference_changed};

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rows that hold something, the first one left out.
    pub rows: u32,
    /// The dates whose shifts it replaces.
    pub dates: BTreeSet<NaiveDate>,
    /// Shifts that were not there.
    pub added: usize,
    /// Shifts that are no more.
    pub removed: usize,
    /// Shifts that stay as they are.
    pub unchanged: usize,
    /// Everything wrong with the sheet, by row and column; with any, nothing is changed.
    pub problems: Vec<Problem>,
}

/// Reads a file; heavy and without the database: not for a thread that answers requests.
pub fn read(file: &[u8], zone: Tz) -> Sheet {
    Sheet(line::read(file, zone))
}

/// The same of a file that was read into rows already.
pub fn of_rows(rows: Rows, zone: Tz) -> Sheet {
    Sheet(line::of_rows(rows, zone))
}

/// A file that was read.
pub struct Sheet(Lines);

impl Sheet {
    /// What is told of a file that made its reader fail.
    pub fn unreadable() -> Self {
        let Rows { problems, .. } = Rows::unreadable("not_a_sheet");
        Self(Lines { problems, ..Lines::default() })
    }
}

/// Checks a sheet against the people and shifts there are, and changes nothing.
///
/// # Errors
/// If the database does not answer.
pub async fn check(conn: &mut SqliteConnection, site: SiteId, sheet: Sheet) -> Result<Outcome> {
    Ok(plan(conn, site, sheet).await?.outcome)
}

/// Imports a sheet; with any problem nothing is changed, and without a difference nothing is
/// written (R0.11).
///
/// # Errors
/// If the database does not answer.
pub async fn apply(
    conn: &mut SqliteConnection,
    act: Act,
    site: SiteId,
    sheet: Sheet,
) -> Result<Outcome> {
    let plan = plan(conn, site, sheet).await?;
    write(conn, act, site, &plan).await?;
    Ok(plan.outcome)
}

/// Writes a plan that has no problem; without a difference nothing is written.
///
/// # Errors
/// If the database does not answer.
pub async fn write(conn: &mut SqliteConnection, act: Act, site: SiteId, plan: &Plan) -> Result<()> {
    let Plan { outcome, added, removed } = plan;
    let is_same = added.is_empty() && removed.is_empty();
    if !outcome.problems.is_empty() || is_same {
        return Ok(());
    }
    for id in removed {
        sqlx::query("update shift set removed_ms = ? where id = ?")
            .bind(act.at_ms)
            .bind(id)
            .execute(&mut *conn)
            .await?;
        swap::overtake(conn, act, *id).await?;
    }
    for Dated { date, shift } in added {
        sqlx::query(
            "insert into shift (site, date, duty, person, from_ms, to_ms, rank)
             values (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(site.0)
        .bind(date.to_string())
        .bind(shift.duty.code())
        .bind(shift.person.0)
        .bind(shift.from_ms)
        .bind(shift.to_ms)
        .bind(shift.rank)
        .execute(&mut *conn)
        .await?;
    }
    let (first, last) = (outcome.dates.first(), outcome.dates.last());
    let detail = json!({
        "site": site, "from": first, "to": last, "dates": outcome.dates.len(),
        "added": outcome.added, "removed": outcome.removed, "unchanged": outcome.unchanged,
    });
    audit::append(conn, act, "roster_imported", &detail).await?;
    reference_changed(conn).await
}

/// What would become of a sheet.
pub struct Plan {
    /// In numbers, and what is wrong.
    pub outcome: Outcome,
    added: Vec<Dated>,
    removed: Vec<i64>,
}

/// What makes two shifts the same line.
type Content = (NaiveDate, Duty, PersonId, i64, i64, u32);

fn content(dated: &Dated) -> Content {
    let Shift { person, duty, from_ms, to_ms, rank, .. } = dated.shift;
    (dated.date, duty, person, from_ms, to_ms, rank)
}

/// Plans a sheet against the people and shifts there are.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(conn: &mut SqliteConnection, site: SiteId, sheet: Sheet) -> Result<Plan> {
    let Lines { lines, mut problems, rows } = sheet.0;
    let staff = Staff::read(conn, site).await?;
    let dates: BTreeSet<NaiveDate> = lines.iter().map(|line| line.date).collect();
    let around = around(conn, site, &dates).await?;
    let mut before: BTreeMap<Content, i64> = BTreeMap::new();
    for dated in around.iter().filter(|dated| dates.contains(&dated.date)) {
        before.insert(content(dated), dated.shift.id);
    }
    let mut added = Vec::new();
    let mut planned: Vec<(Option<u32>, Shift)> = around
        .iter()
        .filter(|dated| !dates.contains(&dated.date))
        .map(|dated| (None, dated.shift))
        .collect();
    let mut unchanged = 0;
    for line in &lines {
        let person = match staff.named(&line.who) {
            Ok(person) => person,
            Err(code) => {
                problems.push(Problem { row: line.row, column: COLUMNS.at(PERSON), code });
                continue;
            }
        };
        let dated = dated(line, person);
        planned.push((Some(line.row), dated.shift));
        if before.remove(&content(&dated)).is_some() {
            unchanged += 1;
            continue;
        }
        if let Some(code) = staff.refuses(&dated.shift) {
            problems.push(Problem { row: line.row, column: COLUMNS.at(PERSON), code });
        }
        added.push(dated);
    }
    problems.extend(overlaps(planned));
    let problems = import::in_order(problems);
    let removed: Vec<i64> = before.into_values().collect();
    let outcome =
        Outcome { rows, dates, added: added.len(), removed: removed.len(), unchanged, problems };
    Ok(Plan { outcome, added, removed })
}

fn dated(line: &Line, person: PersonId) -> Dated {
    let shift = Shift {
        id: 0,
        person,
        duty: line.duty,
        from_ms: line.from_ms,
        to_ms: line.to_ms,
        rank: line.rank,
    };
    Dated { date: line.date, shift }
}

/// The shifts of the dates, and of the days beside them: a night reaches into the next date.
async fn around(
    conn: &mut SqliteConnection,
    site: SiteId,
    dates: &BTreeSet<NaiveDate>,
) -> Result<Vec<Dated>> {
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else { return Ok(Vec::new()) };
    let (first, last) = (first.pred_opt().unwrap_or(*first), last.succ_opt().unwrap_or(*last));
    between(conn, site, first, last).await
}

/// Nobody is on the same duty twice at one moment. The later of two lines is the one that is told.
fn overlaps(mut planned: Vec<(Option<u32>, Shift)>) -> Vec<Problem> {
    planned.sort_by_key(|(row, shift)| (shift.person, shift.duty, shift.from_ms, *row));
    let mut problems = Vec::new();
    let mut longest: Option<(Option<u32>, Shift)> = None;
    for (row, shift) in planned {
        let same = longest.filter(|(_, one)| (one.person, one.duty) == (shift.person, shift.duty));
        if let Some((other, one)) = same
            && one.overlaps(&shift)
            && let Some(row) = row.max(other)
        {
            problems.push(Problem { row, column: COLUMNS.at(FROM), code: "overlap" });
        }
        if same.is_none_or(|(_, one)| one.to_ms < shift.to_ms) {
            longest = Some((row, shift));
        }
    }
    problems.dedup();
    problems
}

/// The people of a site as a roster names them.
pub(super) struct Staff {
    names: BTreeMap<String, Vec<PersonId>>,
    disabled: BTreeMap<PersonId, bool>,
    grants: BTreeMap<PersonId, Vec<RoleGrant>>,
}

impl Staff {
    /// Everyone who has or had a role at the site.
    pub(super) async fn read(conn: &mut SqliteConnection, site: SiteId) -> Result<Self> {
        let rows: Vec<(u32, String, bool)> = sqlx::query_as(
            "select person, name, disabled_ms is not null from person
             where person in (select person from role_grant where site = ?) order by person",
        )
        .bind(site.0)
        .fetch_all(&mut *conn)
        .await?;
        let mut staff =
            Self { names: BTreeMap::new(), disabled: BTreeMap::new(), grants: BTreeMap::new() };
        for (person, name, is_disabled) in rows {
            let person = PersonId(person);
            staff.disabled.insert(person, is_disabled);
            staff.names.entry(name).or_default().push(person);
        }
        for grant in grant::of_site(conn, site).await? {
            staff.grants.entry(grant.person).or_default().push(grant);
        }
        Ok(staff)
    }

    fn named(&self, who: &Who) -> Result<PersonId, &'static str> {
        match who {
            Who::Number(number) => {
                let person = PersonId(*number);
                let known = self.disabled.contains_key(&person);
                if known { Ok(person) } else { Err("person_unknown") }
            }
            Who::Name(name) => match self.names.get(name).map(Vec::as_slice) {
                None | Some([]) => Err("person_unknown"),
                Some([person]) => Ok(*person),
                // Of two with one name, the one who still comes in.
                Some(people) => {
                    let mut here = people.iter().filter(|person| !self.disabled[*person]);
                    match (here.next(), here.next()) {
                        (Some(person), None) => Ok(*person),
                        _ => Err("person_ambiguous"),
                    }
                }
            },
        }
    }

    /// Why a person cannot have a shift.
    pub(super) fn refuses(&self, shift: &Shift) -> Option<&'static str> {
        if self.disabled.get(&shift.person).copied().unwrap_or(true) {
            return Some("person_disabled");
        }
        let grants = self.grants.get(&shift.person).map_or(&[][..], Vec::as_slice);
        let holds = |at_ms: i64| {
            grants.iter().any(|grant| {
                shift.duty.roles().contains(&grant.role) && grant::in_force(grant, at_ms)
            })
        };
        let all_along = holds(shift.from_ms) && holds(shift.to_ms - 1);
        (!all_along).then_some("role_missing")
    }
}

/// The sheet of these dates, as [`read`] takes it; names stand beside for whoever reads it.
///
/// # Errors
/// If the database does not answer.
pub async fn export(
    conn: &mut SqliteConnection,
    site: SiteId,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<u8>> {
    let zone = super::zone(conn, site).await?;
    let names: Vec<(u32, String)> =
        sqlx::query_as("select person, name from person").fetch_all(&mut *conn).await?;
    let names: BTreeMap<u32, String> = names.into_iter().collect();
    let mut rows = Vec::new();
    for Dated { date, shift } in between(conn, site, from, to).await? {
        let time = |at_ms| local::shown(zone, at_ms).format("%H:%M").to_string();
        let name = names.get(&shift.person.0).cloned().unwrap_or_default();
        rows.push(vec![
            date.to_string(),
            shift.duty.code().to_owned(),
            time(shift.from_ms),
            time(shift.to_ms),
            shift.person.to_string(),
            shift.rank.to_string(),
            name,
        ]);
    }
    import::write(COLUMNS, &["name"], &rows)
}
