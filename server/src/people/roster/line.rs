//! The lines of a roster's sheet: which column is which, and what a line says. Who the people are
//! and whether they may is not known here.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use sync_core::model::roster::Duty;
use sync_core::model::time::WallMs;

use super::local::{date_is_near, parse_date, parse_time, stretch};
use super::sheet::{self, Cell, clock_text};

/// A column of the sheet, in the order of the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// The file as a whole.
    File,
    /// The day on which the shift begins.
    Date,
    /// What for.
    Duty,
    /// Begins at.
    From,
    /// Ends at; not later than `from` means the next day.
    To,
    /// Number or unique name.
    Person,
    /// The order in which people are called; 1 where the column is missing or empty.
    Rank,
}

/// Something that keeps a sheet from being imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The row as the sheet numbers it; 0 for the file as a whole.
    pub row: u32,
    /// The column.
    pub column: Column,
    /// What is wrong; stable.
    pub code: &'static str,
}

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

/// Every code a problem may have.
pub const CODES: [&str; 21] = [
    "too_large",
    "unpacked_too_large",
    "too_many_rows",
    "not_a_sheet",
    "old_workbook",
    "not_utf8",
    "empty",
    "column_missing",
    "column_twice",
    "missing",
    "bad_date",
    "unknown_duty",
    "bad_time",
    "no_time_left",
    "bad_rank",
    "person_unknown",
    "person_ambiguous",
    "person_disabled",
    "role_missing",
    "overlap",
    "bad_person",
];

const RANK_MAX: u32 = 999;

impl Column {
    /// Every column of a sheet.
    pub const ALL: [Self; 6] =
        [Self::Date, Self::Duty, Self::From, Self::To, Self::Person, Self::Rank];

    /// The name in English sheets, in the export and in problems.
    pub fn code(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Date => "date",
            Self::Duty => "duty",
            Self::From => "from",
            Self::To => "to",
            Self::Person => "person",
            Self::Rank => "rank",
        }
    }

    fn chinese(self) -> &'static [&'static str] {
        match self {
            Self::File => &[],
            Self::Date => &["日期", "值班日期"],
            Self::Duty => &["岗位", "值班岗位", "班别"],
            Self::From => &["开始", "开始时间", "上班"],
            Self::To => &["结束", "结束时间", "下班"],
            Self::Person => &["人员", "值班人员", "姓名", "工号"],
            Self::Rank => &["顺序", "次序", "呼叫顺序"],
        }
    }

    fn named(name: &str) -> Option<Self> {
        let lower = name.to_lowercase();
        Self::ALL
            .into_iter()
            .find(|column| column.code() == lower || column.chinese().contains(&lower.as_str()))
    }
}

/// Reads a file.
pub fn read(file: &[u8], zone: Tz) -> Lines {
    let mut read = Lines::default();
    let mut places: Option<[Option<usize>; Column::ALL.len()]> = None;
    let outcome = sheet::read(file, &mut |row, cells| {
        if cells.iter().all(|cell| *cell == Cell::Empty) {
            return true;
        }
        match &places {
            None => {
                places = Some(read.head(row, cells));
                read.problems.is_empty()
            }
            Some(places) => {
                read.rows += 1;
                let cells = places.map(|place| place.and_then(|at| cells.get(at)));
                if let Some(line) = read.line(zone, row, cells.map(|cell| cell.unwrap_or(&EMPTY))) {
                    read.lines.push(line);
                }
                true
            }
        }
    });
    if let Err(unreadable) = outcome {
        let file = Problem { row: 0, column: Column::File, code: unreadable.0 };
        return Lines { problems: vec![file], ..Lines::default() };
    }
    if read.problems.is_empty() && read.rows == 0 {
        read.problems.push(Problem { row: 0, column: Column::File, code: "empty" });
    }
    read
}

static EMPTY: Cell = Cell::Empty;

impl Lines {
    fn head(&mut self, row: u32, cells: &[Cell]) -> [Option<usize>; Column::ALL.len()] {
        let mut places = [None; Column::ALL.len()];
        for (at, cell) in cells.iter().enumerate() {
            let Cell::Text(name) = cell else { continue };
            let Some(column) = Column::named(name) else { continue };
            let place = Column::ALL.iter().position(|one| *one == column).map(|i| &mut places[i]);
            match place {
                Some(place @ None) => *place = Some(at),
                _ => self.problems.push(Problem { row, column, code: "column_twice" }),
            }
        }
        for (column, place) in Column::ALL.into_iter().zip(places) {
            if place.is_none() && column != Column::Rank {
                self.problems.push(Problem { row, column, code: "column_missing" });
            }
        }
        places
    }

    fn line(&mut self, zone: Tz, row: u32, cells: [&Cell; Column::ALL.len()]) -> Option<Line> {
        let [date, duty, from, to, person, rank] = cells;
        let mut told = |column: Column, cell: &Cell, code: &'static str| {
            let code = if *cell == Cell::Empty { "missing" } else { code };
            self.problems.push(Problem { row, column, code });
        };
        let mut parsed = (date_of(date), duty_of(duty), minutes_of(from), minutes_of(to));
        let who = who_of(person);
        let rank = if *rank == Cell::Empty {
            Some(1)
        } else {
            let number = whole(rank).filter(|number| (1..=RANK_MAX).contains(number));
            number.or_else(|| {
                told(Column::Rank, rank, "bad_rank");
                None
            })
        };
        for (column, cell, is_good, code) in [
            (Column::Date, date, parsed.0.is_some(), "bad_date"),
            (Column::Duty, duty, parsed.1.is_some(), "unknown_duty"),
            (Column::From, from, parsed.2.is_some(), "bad_time"),
            (Column::To, to, parsed.3.is_some(), "bad_time"),
            (Column::Person, person, who.is_some(), "bad_person"),
        ] {
            if !is_good {
                told(column, cell, code);
            }
        }
        let (Some(date), Some(from), Some(to)) = (parsed.0.take(), parsed.2, parsed.3) else {
            return None;
        };
        let Some((from_ms, to_ms)) = stretch(zone, date, from, to) else {
            told(Column::To, &Cell::Number(0.0), "no_time_left");
            return None;
        };
        Some(Line { row, date, duty: parsed.1?, from_ms, to_ms, who: who?, rank: rank? })
    }
}

fn date_of(cell: &Cell) -> Option<NaiveDate> {
    match cell {
        Cell::Empty => None,
        Cell::Text(text) => parse_date(text),
        // A date left unmarked is a count of days; the first is the 30th, as the sheets count.
        Cell::Number(_) => {
            let days = whole(cell)?;
            let first = NaiveDate::from_ymd_opt(1899, 12, 30)?;
            let date = first.checked_add_signed(TimeDelta::try_days(days.into())?)?;
            date_is_near(date).then_some(date)
        }
    }
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
        Cell::Text(text) => parse_time(text),
        Cell::Number(day) if (0.0..=1.0).contains(day) => parse_time(&clock_text(*day)),
        Cell::Number(_) => None,
    }
}

fn who_of(cell: &Cell) -> Option<Who> {
    match (cell, whole(cell)) {
        (_, Some(number)) => Some(Who::Number(number)),
        (Cell::Text(name), None) => Some(Who::Name(name.clone())),
        _ => None,
    }
}

/// A number without a fraction, written as a number or as a text.
fn whole(cell: &Cell) -> Option<u32> {
    match cell {
        Cell::Empty => None,
        Cell::Text(text) => text.parse().ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number in the range"
        )]
        Cell::Number(number) => {
            let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number);
            fits.then_some(*number as u32)
        }
    }
}
