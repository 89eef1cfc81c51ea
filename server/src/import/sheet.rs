//! Rows of cells out of a file: a workbook (.xlsx) or comma-separated text in UTF-8 or GB 18030,
//! told apart by content. Knows nothing of tables; never holds more of a file than one row.

use std::io::Cursor;

use calamine::{DataRef, Reader as _, Xlsx};
use encoding_rs::GB18030;

use super::zip::declared_bytes;

/// One cell as the file has it.
#[derive(Clone, Default, PartialEq)]
pub enum Cell {
    /// Nothing.
    #[default]
    Empty,
    /// A text; cut after 2,000 bytes, which no column takes.
    Text(String),
    /// A date or time that the workbook marks as such: also what a spreadsheet made of `3-2-1`.
    Moment(String),
    /// A number; days since 1900 where a date was left unmarked.
    Number(f64),
}

/// Why a file cannot be read at all; the code is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable(pub &'static str);

/// Bytes of a file.
pub const FILE_BYTES_MAX: usize = 10 << 20;
/// Bytes a workbook unpacks to.
pub const UNPACKED_BYTES_MAX: u64 = 200 << 20;
/// Rows, the first one too.
pub const ROWS_MAX: usize = 100_000;
/// Columns that are looked at.
const COLUMNS_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 2_000;

impl Cell {
    fn text(text: &str) -> Self {
        let text = text.trim();
        // What an export puts before a text that a spreadsheet would take for a formula.
        let text = match text.strip_prefix('\'') {
            Some(rest) if rest.trim_start_matches('\'').starts_with(FORMULA) => rest,
            _ => text,
        };
        if text.is_empty() {
            return Self::Empty;
        }
        let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= TEXT_BYTES_MAX);
        let end = if text.len() <= TEXT_BYTES_MAX { text.len() } else { end.last().unwrap_or(0) };
        Self::Text(text[..end].to_owned())
    }

    fn of(data: &DataRef<'_>) -> Self {
        match data {
            DataRef::Empty => Self::Empty,
            #[expect(clippy::cast_precision_loss, reason = "sheets know no larger integers")]
            DataRef::Int(number) => Self::Number(*number as f64),
            DataRef::Float(number) => Self::Number(*number),
            DataRef::String(text) => Self::text(text),
            DataRef::SharedString(text) => Self::text(text),
            DataRef::DateTime(moment) if moment.is_duration() || moment.as_f64() <= 1.0 => {
                Self::Moment(clock_text(moment.as_f64()))
            }
            DataRef::DateTime(moment) => {
                let (year, month, day, ..) = moment.to_ymd_hms_milli();
                let time = clock_text(moment.as_f64().fract());
                Self::Moment(format!("{year:04}-{month:02}-{day:02} {time}"))
            }
            DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => match Self::text(text) {
                Self::Text(text) => Self::Moment(text),
                other => other,
            },
            DataRef::Bool(is_so) => Self::Text(is_so.to_string()),
            DataRef::Error(_) => Self::Text("#".to_owned()),
        }
    }
}

/// What a spreadsheet takes for the beginning of a formula.
pub const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A part of a day as a clock shows it: sheets store 8:00 as a third.
pub fn clock_text(day: f64) -> String {
    let minutes = (day * 1_440.0).round();
    format!("{:02}:{:02}", (minutes / 60.0).trunc(), minutes % 60.0)
}

/// Gives every row with its number, 1 and up, to `row`, until it answers false.
///
/// # Errors
/// If the file is none of the two kinds, or beyond a bound.
pub fn read(file: &[u8], row: &mut dyn FnMut(u32, &[Cell]) -> bool) -> Result<(), Unreadable> {
    if file.len() > FILE_BYTES_MAX {
        return Err(Unreadable("too_large"));
    }
    if file.starts_with(b"PK\x03\x04") {
        return workbook(file, row);
    }
    if file.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(Unreadable("old_workbook"));
    }
    match std::str::from_utf8(file) {
        Ok(text) => separated(text.strip_prefix('\u{feff}').unwrap_or(text), row),
        // What spreadsheets in China save as "CSV".
        Err(_) => match GB18030.decode_without_bom_handling_and_without_replacement(file) {
            Some(text) => separated(&text, row),
            None => Err(Unreadable("not_utf8")),
        },
    }
}

fn separated(text: &str, row: &mut dyn FnMut(u32, &[Cell]) -> bool) -> Result<(), Unreadable> {
    if text.contains('\0') {
        return Err(Unreadable("not_a_sheet"));
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut rows = 0;
    while reader.read_record(&mut record).map_err(|_| Unreadable("not_a_sheet"))? {
        rows += 1;
        if rows > ROWS_MAX {
            return Err(Unreadable("too_many_rows"));
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Vec<Cell> = record.iter().take(COLUMNS_MAX).map(Cell::text).collect();
        if !row(u32::try_from(line).unwrap_or(u32::MAX), &cells) {
            break;
        }
    }
    Ok(())
}

/// The first sheet of a workbook, cell by cell: a sheet with one cell in its last corner must not
/// cost a table of all its cells.
fn workbook(file: &[u8], row: &mut dyn FnMut(u32, &[Cell]) -> bool) -> Result<(), Unreadable> {
    let not_a_sheet = Unreadable("not_a_sheet");
    if declared_bytes(file).ok_or(not_a_sheet)? > UNPACKED_BYTES_MAX {
        return Err(Unreadable("unpacked_too_large"));
    }
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(file)).map_err(|_| not_a_sheet)?;
    let first = workbook.sheet_names().first().cloned().ok_or(not_a_sheet)?;
    let mut cells = workbook.worksheet_cells_reader(&first).map_err(|_| not_a_sheet)?;
    let mut current: Option<(u32, Vec<Cell>)> = None;
    let mut rows = 0;
    while let Some(cell) = cells.next_cell().map_err(|_| not_a_sheet)? {
        let (at, column) = cell.get_position();
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column >= COLUMNS_MAX {
            continue;
        }
        if current.as_ref().is_none_or(|(row, _)| *row != at) {
            rows += 1;
            if rows > ROWS_MAX {
                return Err(Unreadable("too_many_rows"));
            }
            if let Some((number, cells)) = current.replace((at, Vec::new()))
                && !row(number.saturating_add(1), &cells)
            {
                return Ok(());
            }
        }
        if let Some((_, cells)) = &mut current {
            if cells.len() <= column {
                cells.resize(column + 1, Cell::Empty);
            }
            cells[column] = Cell::of(cell.get_value());
        }
    }
    if let Some((number, cells)) = current {
        row(number.saturating_add(1), &cells);
    }
    Ok(())
}
