//! Sheets: one engine that reads a workbook or CSV text into a table's columns, plans what would
//! become of it, names every problem by row and column, and writes nothing of a sheet with any. It
//! writes in pieces of bounded length. Each table is one file in `tables`; who may import is
//! decided by HTTP.
//!
//! The same sheet twice changes nothing, and an export is such a sheet.

mod cell;
mod column;
pub mod office;
mod problem;
mod read;
pub mod rows;
mod sheet;
pub mod tables;
mod write;
mod zip;

#[cfg(test)]
pub(crate) mod tests;

use chrono_tz::Tz;
use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::SiteId;

use crate::people::{Act, audit, reference_changed, roster};
use crate::{Error, Result};

pub use self::cell::{from_text, hundredths_text, to_text, yes_no_text};
pub use self::column::{At, Column, Columns};
pub use self::problem::{PROBLEMS_MAX, Problem, in_order};
pub use self::read::{Line, Row, Rows, read};
pub use self::sheet::{Cell, FILE_BYTES_MAX, ROWS_MAX, UNPACKED_BYTES_MAX, clock_text};
pub use self::tables::{Changes, Table};
pub use self::write::{MARK, write};

/// Where a sheet belongs, and who brings it when.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// The site: a sheet is one site's.
    pub site: SiteId,
    /// Its zone.
    pub zone: Tz,
    /// Who and when.
    pub act: Act,
}

impl Scope {
    /// The scope of a site.
    ///
    /// # Errors
    /// `not_found` if there is no such site.
    pub async fn of(conn: &mut SqliteConnection, site: SiteId, act: Act) -> Result<Self> {
        Ok(Self { site, zone: roster::zone(conn, site).await?, act })
    }
}

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Rows that hold something, the first one left out.
    pub rows: u32,
    /// What was not there.
    pub added: usize,
    /// What becomes different.
    pub changed: usize,
    /// What is no more.
    pub removed: usize,
    /// What stays as it is.
    pub unchanged: usize,
    /// Everything wrong with the sheet, in its order; with any, nothing is changed.
    pub problems: Vec<Problem>,
}

/// What would become of a sheet.
pub struct Plan {
    /// In numbers, and what is wrong.
    pub outcome: Outcome,
    /// What would be written.
    pub changes: Changes,
}

impl Plan {
    /// Whether it can be written, and anything would be.
    pub fn writes(&self) -> bool {
        let Outcome { added, changed, removed, problems, .. } = &self.outcome;
        problems.is_empty() && added + changed + removed > 0
    }
}

/// Writes a piece of a plan whose changes are rows, in the caller's transaction, with its audit
/// row; phones take the reference data again where they hold what changed. Without a difference
/// nothing is written.
///
/// # Errors
/// If the database does not answer.
pub async fn apply(
    conn: &mut SqliteConnection,
    (table, scope): (Table, &Scope),
    plan: &Plan,
    piece: (usize, usize),
) -> Result<()> {
    if !plan.writes() {
        return Ok(());
    }
    match &plan.changes {
        Changes::Buildings(changes) => tables::buildings::apply(conn, scope, changes).await?,
        Changes::Units(changes) => tables::units::apply(conn, scope, changes).await?,
        Changes::People(changes) => tables::people::apply(conn, scope, changes).await?,
        Changes::Calendar(changes) => tables::calendar::apply(conn, scope, changes).await?,
        Changes::Checklists(changes) => tables::checklists::apply(conn, scope, changes).await?,
        // Writes its own audit row, as ever.
        Changes::Roster(changes) => {
            return roster::import::write(conn, scope.act, scope.site, changes).await;
        }
        Changes::None => {}
        // Written by whoever has an office session: `office`.
        Changes::Commands(_) => return Err(Error::Broken("commands are no rows")),
    }
    let detail = detail((table, scope), &plan.outcome, piece);
    audit::append(conn, scope.act, "sheet_imported", &detail).await?;
    if table.is_on_phones() { reference_changed(conn).await } else { Ok(()) }
}

/// What the audit log says of an import: counts, nothing of what stands in the sheet; of a sheet
/// that is written in several pieces which one it is, of how many.
pub fn detail(
    (table, scope): (Table, &Scope),
    outcome: &Outcome,
    (piece, pieces): (usize, usize),
) -> serde_json::Value {
    let mut detail = json!({
        "table": table.code(), "site": scope.site, "added": outcome.added,
        "changed": outcome.changed, "removed": outcome.removed, "unchanged": outcome.unchanged,
    });
    if pieces > 1 {
        detail["piece"] = json!([piece, pieces]);
    }
    detail
}

/// Notes in the audit log that a table which names people leaves the building.
///
/// # Errors
/// If the database does not answer.
pub async fn note_export(
    conn: &mut SqliteConnection,
    act: Act,
    table: Table,
    site: SiteId,
) -> Result<()> {
    if !table.is_personal() {
        return Ok(());
    }
    let detail = json!({ "table": table.code(), "site": site });
    audit::append(conn, act, "sheet_exported", &detail).await
}

/// Every code a problem may have.
pub const CODES: [&str; 45] = [
    "too_large",
    "unpacked_too_large",
    "too_many_rows",
    "too_many_problems",
    "not_a_sheet",
    "old_workbook",
    "not_utf8",
    "empty",
    "column_missing",
    "column_twice",
    "missing",
    "not_text",
    "bad_text",
    "too_long",
    "bad_date",
    "bad_time",
    "bad_number",
    "bad_yes_no",
    "other_site",
    "twice",
    "differs",
    "too_many",
    "building_unknown",
    "bad_area",
    "unknown_kind",
    "unit_unknown",
    "bad_phone",
    "unknown_duty",
    "no_time_left",
    "bad_rank",
    "bad_person",
    "person_unknown",
    "person_ambiguous",
    "person_disabled",
    "role_missing",
    "overlap",
    "unknown_role",
    "bad_department",
    "group_unknown",
    "bad_order",
    "login_taken",
    "person_elsewhere",
    "self_deputy",
    "unknown_day",
    "not_yours",
];
