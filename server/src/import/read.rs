//! A file as rows of a table's columns. What the cells mean is the table's.

use super::column::{At, Columns};
use super::problem::{PROBLEMS_MAX, Problem};
use super::sheet::{self, Cell, Unreadable};

/// The rows of a sheet, and what is wrong with it as a sheet.
#[derive(Clone, Default)]
pub struct Rows {
    /// Those that hold something, the first one left out.
    pub rows: Vec<Row>,
    /// Which columns of the table the sheet has.
    pub has: Vec<bool>,
    /// What is wrong; with any, there are no rows to trust.
    pub problems: Vec<Problem>,
}

/// A row: one cell for each column that the table declares.
#[derive(Clone)]
pub struct Row {
    /// As the sheet numbers it.
    pub number: u32,
    /// In the order of the table's columns.
    pub cells: Vec<Cell>,
}

/// Bytes of texts that are kept of a sheet: a workbook may name one long text a million times.
const KEPT_BYTES_MAX: usize = 64 << 20;

impl Rows {
    /// What is told of a file that made its reader fail.
    pub fn unreadable(code: &'static str) -> Self {
        Self { problems: vec![Problem::of_file(code)], ..Self::default() }
    }

    /// How many rows hold something.
    pub fn count(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }
}

/// Reads a file; heavy and without the database: not for a thread that answers requests.
pub fn read(file: &[u8], columns: Columns) -> Rows {
    let mut read = Rows::default();
    let mut places: Option<Vec<Option<usize>>> = None;
    let mut kept = 0_usize;
    let outcome = sheet::read(file, &mut |number, cells| {
        if cells.iter().all(|cell| *cell == Cell::Empty) {
            return true;
        }
        let Some(places) = &places else {
            let (found, problems) = head(columns, number, cells);
            read.problems = problems;
            read.has = found.iter().map(Option::is_some).collect();
            places = Some(found);
            return read.problems.is_empty();
        };
        let cell = |place: &Option<usize>| place.and_then(|at| cells.get(at)).cloned();
        let cells: Vec<Cell> = places.iter().map(|place| cell(place).unwrap_or_default()).collect();
        kept += cells.iter().map(Cell::bytes).sum::<usize>();
        read.rows.push(Row { number, cells });
        kept <= KEPT_BYTES_MAX
    });
    if let Err(Unreadable(code)) = outcome {
        return Rows::unreadable(code);
    }
    if kept > KEPT_BYTES_MAX {
        return Rows::unreadable("unpacked_too_large");
    }
    if read.problems.is_empty() && read.rows.is_empty() {
        read.problems.push(Problem::of_file("empty"));
    }
    read
}

/// Which cell of a row is which column's.
fn head(columns: Columns, row: u32, cells: &[Cell]) -> (Vec<Option<usize>>, Vec<Problem>) {
    let mut places = vec![None; columns.0.len()];
    let mut problems = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        let Cell::Text(name) = cell else { continue };
        let Some(place) = columns.place(name) else { continue };
        match &mut places[place] {
            free @ None => *free = Some(at),
            Some(_) => {
                let column = columns.at(place);
                problems.push(Problem { row, column, code: "column_twice" });
            }
        }
    }
    for (place, column) in columns.0.iter().enumerate() {
        if places[place].is_none() && column.needed {
            let column = columns.at(place);
            problems.push(Problem { row, column, code: "column_missing" });
        }
    }
    (places, problems)
}

/// One row while a table reads it: every cell that cannot be read becomes a problem.
pub struct Line<'a> {
    /// The row's number.
    pub number: u32,
    columns: Columns,
    cells: &'a [Cell],
    problems: &'a mut Vec<Problem>,
    is_good: bool,
}

impl<'a> Line<'a> {
    /// A row of a table with these columns.
    pub fn new(columns: Columns, row: &'a Row, problems: &'a mut Vec<Problem>) -> Self {
        Self { number: row.number, columns, cells: &row.cells, problems, is_good: true }
    }

    /// Whether nothing was wrong so far.
    pub fn is_good(&self) -> bool {
        self.is_good
    }

    /// The cell of a column.
    pub fn cell(&self, place: usize) -> &'a Cell {
        &self.cells[place]
    }

    /// Whether a column is empty.
    pub fn is_empty(&self, place: usize) -> bool {
        *self.cell(place) == Cell::Empty
    }

    /// Says what is wrong with a column.
    pub fn tell(&mut self, place: usize, code: &'static str) {
        self.tell_at(self.columns.at(place), code);
    }

    fn tell_at(&mut self, column: At, code: &'static str) {
        self.is_good = false;
        if self.problems.len() <= PROBLEMS_MAX {
            self.problems.push(Problem { row: self.number, column, code });
        }
    }

    /// What `parse` reads in a column; an empty one is `missing`, anything else it cannot read
    /// `code`.
    pub fn needed<T>(
        &mut self,
        place: usize,
        code: &'static str,
        parse: impl FnOnce(&Cell) -> Option<T>,
    ) -> Option<T> {
        if self.is_empty(place) {
            self.tell(place, "missing");
            return None;
        }
        self.optional(place, code, parse)
    }

    /// The same; an empty column is nothing.
    pub fn optional<T>(
        &mut self,
        place: usize,
        code: &'static str,
        parse: impl FnOnce(&Cell) -> Option<T>,
    ) -> Option<T> {
        if self.is_empty(place) {
            return None;
        }
        let parsed = parse(self.cell(place));
        if parsed.is_none() {
            self.tell(place, code);
        }
        parsed
    }

    /// A text of at most so many characters.
    pub fn text(&mut self, place: usize, characters_max: usize) -> Option<String> {
        if self.is_empty(place) {
            self.tell(place, "missing");
            return None;
        }
        self.optional_text(place, characters_max)
    }

    /// The same; an empty column is nothing.
    pub fn optional_text(&mut self, place: usize, characters_max: usize) -> Option<String> {
        let text = match self.cell(place) {
            Cell::Empty => return None,
            Cell::Text(text) => Some(text.clone()),
            // A house number, a phone: spreadsheets keep them as numbers.
            cell @ Cell::Number(_) => cell.whole().map(|number| number.to_string()),
            Cell::Moment(_) => None,
        };
        let Some(text) = text else {
            self.tell(place, "not_text");
            return None;
        };
        if text.chars().any(char::is_control) {
            self.tell(place, "bad_text");
            return None;
        }
        if text.chars().count() > characters_max {
            self.tell(place, "too_long");
            return None;
        }
        Some(text)
    }
}
