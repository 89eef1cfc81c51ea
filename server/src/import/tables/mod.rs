//! The tables that can be imported and exported: one file each, which declares its columns and says
//! what a sheet of it would change.

pub mod buildings;
pub mod calendar;
pub mod checklists;
pub mod contacts;
pub mod people;
pub mod prices;
mod roster;
mod staff;
pub mod units;

use std::collections::BTreeMap;
use std::str::FromStr;

use sqlx::SqliteConnection;
use sync_core::model::person::Role;
use sync_core::rules::Command;

use self::buildings::BuildingChange;
use self::calendar::CalendarChange;
use self::checklists::ListChange;
use self::people::PeopleChange;
use self::units::UnitChange;
use super::{Columns, Line, Outcome, Plan, Row, Rows, Scope, in_order, write};
use crate::people::roster::import;
use crate::sync::{Sync, Target};
use crate::{Error, Result};

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Table {
    /// A site's buildings with their groups (组团).
    Buildings,
    /// A site's units (户).
    Units,
    /// The staff with their roles at a site.
    People,
    /// Occupants and callers.
    Contacts,
    /// The catalogue of paid services.
    Prices,
    /// A site's own checklists of patrols.
    Checklists,
    /// Days off and days made up for them (调休).
    Calendar,
    /// The duty roster.
    Roster,
}

/// What a plan would write.
pub enum Changes {
    /// Nothing.
    None,
    /// Buildings as they will be.
    Buildings(Vec<BuildingChange>),
    /// Units as they will be.
    Units(Vec<UnitChange>),
    /// People and roles that come or change.
    People(PeopleChange),
    /// The calendar as it will be.
    Calendar(CalendarChange),
    /// Checklists as they will be.
    Checklists(Vec<ListChange>),
    /// Shifts that come and go.
    Roster(import::Plan),
    /// Commands of an office session.
    Commands(Vec<(Target, Command)>),
}

impl Table {
    /// Every table, in the order in which a new site imports them.
    pub const ALL: [Self; 8] = [
        Self::Buildings,
        Self::Units,
        Self::People,
        Self::Contacts,
        Self::Prices,
        Self::Checklists,
        Self::Calendar,
        Self::Roster,
    ];

    /// The code in addresses, commands and the audit log.
    pub fn code(self) -> &'static str {
        match self {
            Self::Buildings => "buildings",
            Self::Units => "units",
            Self::People => "people",
            Self::Contacts => "contacts",
            Self::Prices => "prices",
            Self::Checklists => "checklists",
            Self::Calendar => "calendar",
            Self::Roster => "roster",
        }
    }

    /// What a sheet of it has.
    pub fn columns(self) -> Columns {
        match self {
            Self::Buildings => buildings::COLUMNS,
            Self::Units => units::COLUMNS,
            Self::People => people::COLUMNS,
            Self::Contacts => contacts::COLUMNS,
            Self::Prices => prices::COLUMNS,
            Self::Checklists => checklists::COLUMNS,
            Self::Calendar => calendar::COLUMNS,
            Self::Roster => crate::people::roster::COLUMNS,
        }
    }

    /// Who may import and export it, at the site.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Contacts => &[
                Role::Admin,
                Role::FrontDesk,
                Role::Assistant,
                Role::DutyOperator,
                Role::Supervisor,
                Role::ProjectManager,
            ],
            // Whose proposals prices are (五 3.2); an administrator is none of them.
            Self::Prices => &[Role::OperationsManager, Role::CleaningManager],
            Self::Roster => &[Role::Supervisor, Role::ProjectManager, Role::Admin],
            Self::Buildings | Self::Units | Self::People | Self::Checklists | Self::Calendar => {
                &[Role::Admin]
            }
        }
    }

    /// Whether it names people: then every export of it is in the audit log.
    pub fn is_personal(self) -> bool {
        matches!(self, Self::People | Self::Contacts | Self::Roster)
    }

    /// Whether phones hold a copy of it that its writing has not told them of yet.
    pub fn is_on_phones(self) -> bool {
        matches!(self, Self::Buildings | Self::Checklists)
    }

    /// The kind of records that its rows are, where they are records: then it is written by an
    /// office session.
    pub fn kind(self) -> Option<&'static str> {
        match self {
            Self::Contacts => Some(sync_core::model::contact::KIND),
            Self::Prices => Some(sync_core::model::price_item::KIND),
            _ => None,
        }
    }
}

/// No table's code.
#[derive(Debug)]
pub struct NoTable;

impl FromStr for Table {
    type Err = NoTable;

    fn from_str(code: &str) -> Result<Self, NoTable> {
        Self::ALL.into_iter().find(|table| table.code() == code).ok_or(NoTable)
    }
}

/// What would become of a sheet; changes nothing.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(
    conn: &mut SqliteConnection,
    table: Table,
    scope: &Scope,
    rows: Rows,
) -> Result<Plan> {
    match table {
        Table::Buildings => buildings::plan(conn, scope, rows).await,
        Table::Units => units::plan(conn, scope, rows).await,
        Table::People => people::plan(conn, scope, rows).await,
        Table::Calendar => calendar::plan(conn, scope, rows).await,
        Table::Checklists => checklists::plan(conn, scope, rows).await,
        Table::Roster => roster::plan(conn, scope, rows).await,
        Table::Contacts | Table::Prices => {
            Err(Error::Broken("commands are planned by an office session"))
        }
    }
}

/// The table as a sheet that can be imported again.
///
/// # Errors
/// If the database does not answer.
pub async fn export(
    conn: &mut SqliteConnection,
    table: Table,
    scope: &Scope,
    sync: &Sync,
) -> Result<Vec<u8>> {
    let rows = match table {
        Table::People => people::export(conn, scope).await?,
        Table::Calendar => calendar::export(conn, scope).await?,
        Table::Contacts => contacts::export(conn, scope, sync).await?,
        Table::Prices => prices::export(conn, scope, sync).await?,
        Table::Checklists => checklists::export(conn, scope).await?,
        Table::Roster => return roster::export(conn, scope).await,
        Table::Buildings => buildings::export(conn, scope).await?,
        Table::Units => units::export(conn, scope).await?,
    };
    write(table.columns(), &[], &rows)
}

/// The sheet while a table reads it: what was found, counted, and what is wrong.
struct Reading {
    columns: Columns,
    rows: Vec<Row>,
    has: Vec<bool>,
    outcome: Outcome,
}

impl Reading {
    fn new(columns: Columns, rows: Rows) -> Self {
        let outcome = Outcome { rows: rows.count(), problems: rows.problems, ..Outcome::default() };
        Self { columns, rows: rows.rows, has: rows.has, outcome }
    }

    /// Gives each row to `read` and keeps what it makes of those without a problem.
    fn lines<T>(&mut self, mut read: impl FnMut(&mut Line<'_>) -> Option<T>) -> Vec<(u32, T)> {
        let mut found = Vec::new();
        for row in &self.rows {
            let mut line = Line::new(self.columns, row, &mut self.outcome.problems);
            let parsed = read(&mut line);
            if line.is_good() {
                found.extend(parsed.map(|parsed| (row.number, parsed)));
            }
        }
        found
    }

    /// Whether the sheet has a column; one that is left out changes nothing.
    fn has(&self, place: usize) -> bool {
        self.has.get(place).copied().unwrap_or(false)
    }

    /// Says what is wrong with a row.
    fn tell(&mut self, row: u32, place: usize, code: &'static str) {
        let column = self.columns.at(place);
        self.outcome.problems.push(super::Problem { row, column, code });
    }

    /// Says that a row has a key that an earlier one has; answers whether it has not.
    fn is_first<K: Ord>(
        &mut self,
        seen: &mut BTreeMap<K, u32>,
        key: K,
        (row, place): (u32, usize),
    ) -> bool {
        let is_first = seen.insert(key, row).is_none();
        if !is_first {
            self.tell(row, place, "twice");
        }
        is_first
    }

    /// Counts a row whose entry was, or was not, there: answers whether it is to be written.
    fn counts<T: PartialEq>(&mut self, before: Option<&T>, after: &T) -> bool {
        match before {
            None => self.outcome.added += 1,
            Some(before) if before == after => {
                self.outcome.unchanged += 1;
                return false;
            }
            Some(_) => self.outcome.changed += 1,
        }
        true
    }

    fn done(mut self, changes: Changes) -> Plan {
        self.outcome.problems = in_order(self.outcome.problems);
        Plan { outcome: self.outcome, changes }
    }
}

/// A site column names the site that is asked for, or nothing.
fn check_site(line: &mut Line<'_>, place: usize, scope: &Scope) {
    let named = line.optional(place, "bad_number", super::Cell::number);
    if named.is_some_and(|named| named != scope.site.0) {
        line.tell(place, "other_site");
    }
}
