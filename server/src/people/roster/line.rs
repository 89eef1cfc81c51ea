//! The lines of a roster's sheet: which column is which, and what a line says. Who the people are
//! and whether they may is not known here.

use chrono::NaiveDate;
use chrono_tz::Tz;
use sync_core::model::roster::Duty;
use sync_core::model::time::WallMs;

use super::local::{parse_time, stretch};
use crate::import::{Cell, Column, Columns, Line as Cells, Problem, Row, Rows, clock_text};

/// The columns of a roster's sheet.
pub const COLUMNS: Columns = Columns(&[
    // The day on which the shift begins.
    Column::needed("date", &["日期", "值班日期"]),
    // What for.
    Column::needed("duty", &["岗位", "值班岗位", "班别"]),
    Column::needed("from", &["开始", "开始时间", "上班"]),
    // Not later than `from` means the next day.
    Column::needed("to", &["结束", "结束时间", "下班"]),
    // Number or unique name.
    Column::needed("person", &["人员", "值班人员", "姓名", "工号"]),
    // The order in which people are called; 1 where the column is missing or empty.
    Column::optional("rank", &["顺序", "次序", "呼叫顺序"]),
]);
const DATE: usize = 0;
const DUTY: usize = 1;
/// The place of the column that an overlap is told at.
pub const FROM: usize = 2;
const TO: usize = 3;
/// The place of the column of people.
pub const PERSON: usize = 4;
const RANK: usize = 5;

/// What a line says.
#[derive(Clone, PartialEq)]
pub struct Line {
    /// Its row.
    pub row: u32,
    /// The date it stands under.
    pub date: NaiveDate,
    /// What for.
    pub duty: Duty,
    /// From when.
    pub from_ms: WallMs,
    /// Until when, exclusive.
    pub to_ms: WallMs,
    /// Who, by number or name.
    pub who: Who,
    /// The order.
    pub rank: u32,
}

/// Whom a line names.
#[derive(Clone, PartialEq, Eq)]
pub enum Who {
    /// By number.
    Number(u32),
    /// By name.
    Name(String),
}

/// The lines of a sheet, and what is wrong with the others.
#[derive(Default)]
pub struct Lines {
    /// Those that can be read.
    pub lines: Vec<Line>,
    /// What cannot be.
    pub problems: Vec<Problem>,
    /// Rows that hold something, the first one left out.
    pub rows: u32,
}

const RANK_MAX: u32 = 999;

/// Reads a file.
pub fn read(file: &[u8], zone: Tz) -> Lines {
    of_rows(crate::import::read(file, COLUMNS), zone)
}

/// What rows say.
pub fn of_rows(rows: Rows, zone: Tz) -> Lines {
    let mut read = Lines { rows: rows.count(), problems: rows.problems, lines: Vec::new() };
    for row in &rows.rows {
        let line = line(row, zone, &mut read.problems);
        read.lines.extend(line);
    }
    read
}

fn line(row: &Row, zone: Tz, problems: &mut Vec<Problem>) -> Option<Line> {
    let mut cells = Cells::new(COLUMNS, row, problems);
    let date = cells.needed(DATE, "bad_date", Cell::date);
    let duty = cells.needed(DUTY, "unknown_duty", duty_of);
    let from = cells.needed(FROM, "bad_time", minutes_of);
    let to = cells.needed(TO, "bad_time", minutes_of);
    let who = cells.needed(PERSON, "bad_person", who_of);
    let fits = |number: &u32| (1..=RANK_MAX).contains(number);
    let rank = cells.optional(RANK, "bad_rank", |cell| cell.number().filter(fits));
    let (date, from, to) = (date?, from?, to?);
    let Some((from_ms, to_ms)) = stretch(zone, date, from, to) else {
        cells.tell(TO, "no_time_left");
        return None;
    };
    if !cells.is_good() {
        return None;
    }
    let rank = rank.unwrap_or(1);
    Some(Line { row: row.number, date, duty: duty?, from_ms, to_ms, who: who?, rank })
}

fn duty_of(cell: &Cell) -> Option<Duty> {
    let Cell::Text(text) = cell else { return None };
    let text = text.to_lowercase();
    Duty::from_code(&text).or(match text.as_str() {
        "保安" | "安全" | "安全员" | "保安员" => Some(Duty::Security),
        "运行" | "运行值班" | "夜间运行值班" | "夜间值班" => {
            Some(Duty::DutyOperator)
        }
        "巡查" | "巡查人员" => Some(Duty::Patrol),
        "前台" | "前台接待" => Some(Duty::Desk),
        "工程" | "维修" | "工程维修" => Some(Duty::Engineering),
        _ => None,
    })
}

fn minutes_of(cell: &Cell) -> Option<u32> {
    match cell {
        Cell::Empty => None,
        Cell::Text(text) | Cell::Moment(text) => parse_time(text),
        Cell::Number(day) if (0.0..=1.0).contains(day) => parse_time(&clock_text(*day)),
        Cell::Number(_) => None,
    }
}

fn who_of(cell: &Cell) -> Option<Who> {
    match (cell, cell.number()) {
        (_, Some(number)) => Some(Who::Number(number)),
        (Cell::Text(name), None) => Some(Who::Name(name.clone())),
        _ => None,
    }
}
