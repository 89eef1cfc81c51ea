//! Days that differ from their weekdays: days off, and days made up for them (调休). They stand in
//! the site's policy, so an import makes a new version of it, in force from now on. A date that a
//! sheet leaves out stays; `ordinary` makes a day one like its weekday again.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::SqliteConnection;
use sync_core::model::calendar::{DayKind, EXCEPTIONS_MAX, SpecialDay};

use super::{Changes, Reading, check_site};
use crate::import::{Cell, Column, Columns, Plan, Rows, Scope};
use crate::people::{NAME_CHARACTERS_MAX, place};
use crate::{Error, Result};

/// The columns of its sheets.
pub const COLUMNS: Columns = Columns(&[
    Column::optional("site", &["项目", "项目编号"]),
    Column::needed("date", &["日期"]),
    Column::needed("kind", &["类型", "性质"]),
    Column::optional("name", &["名称", "节日"]),
]);
const SITE: usize = 0;
const DATE: usize = 1;
const KIND: usize = 2;
const NAME: usize = 3;

/// The exceptions of a site's calendar as they will be.
pub struct CalendarChange(BTreeMap<NaiveDate, SpecialDay>);

/// What a sheet would change.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(conn: &mut SqliteConnection, scope: &Scope, rows: Rows) -> Result<Plan> {
    let mut reading = Reading::new(COLUMNS, rows);
    let policy = place::policy(conn, scope.site).await?;
    let mut days = policy.calendar.exceptions().clone();
    let lines = reading.lines(|line| {
        check_site(line, SITE, scope);
        let date = line.needed(DATE, "bad_date", Cell::date);
        let kind = line.needed(KIND, "unknown_day", kind_of);
        let name = line.optional_text(NAME, NAME_CHARACTERS_MAX);
        Some((date?, kind?, name))
    });
    let mut seen = BTreeMap::new();
    for (row, (date, kind, name)) in lines {
        if !reading.is_first(&mut seen, date, (row, DATE)) {
            continue;
        }
        let was = days.get(&date).cloned();
        match kind {
            None if was.is_none() => reading.outcome.unchanged += 1,
            None => {
                reading.outcome.removed += 1;
                days.remove(&date);
            }
            Some(kind) => {
                // A sheet without names keeps those there are.
                let kept = was.as_ref().and_then(|was| was.name.clone());
                let name = if reading.has(NAME) { name } else { kept };
                let day = SpecialDay { kind, name };
                if reading.counts(was.as_ref(), &day) {
                    days.insert(date, day);
                }
            }
        }
        if days.len() > EXCEPTIONS_MAX {
            reading.tell(row, DATE, "too_many");
        }
    }
    Ok(reading.done(Changes::Calendar(CalendarChange(days))))
}

/// `None` is a day like its weekday.
fn kind_of(cell: &Cell) -> Option<Option<DayKind>> {
    match cell.as_text()?.to_lowercase().as_str() {
        "holiday" | "放假" | "休息" | "节假日" | "休" => Some(Some(DayKind::Holiday)),
        "working" | "上班" | "调休上班" | "补班" | "班" => Some(Some(DayKind::Working)),
        "ordinary" | "照常" | "平常" => Some(None),
        _ => None,
    }
}

/// Makes the policy's new version, with its own audit row.
///
/// # Errors
/// If the database does not answer.
pub async fn apply(
    conn: &mut SqliteConnection,
    scope: &Scope,
    CalendarChange(days): &CalendarChange,
) -> Result<()> {
    let policy = place::policy(conn, scope.site).await?;
    let calendar = policy.calendar.with_exceptions(days.clone());
    let calendar = calendar.map_err(|_| Error::Broken("a plan beyond a calendar's bounds"))?;
    let calendar =
        serde_json::to_value(calendar).map_err(|_| Error::Broken("a calendar does not write"))?;
    let changes = [("calendar".to_owned(), calendar)];
    place::change_policy(conn, scope.act, scope.site, &changes).await?;
    Ok(())
}

/// The rows of its sheet, by date.
///
/// # Errors
/// If the database does not answer.
pub async fn export(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<Vec<String>>> {
    let policy = place::policy(conn, scope.site).await?;
    let row = |(date, day): (&NaiveDate, &SpecialDay)| {
        let kind = match day.kind {
            DayKind::Holiday => "holiday",
            DayKind::Working => "working",
        };
        let name = day.name.clone().unwrap_or_default();
        vec![scope.site.to_string(), date.to_string(), kind.to_owned(), name]
    };
    Ok(policy.calendar.exceptions().iter().map(row).collect())
}
