//! What keeps a sheet from being imported: by row, column and code, never by what stands there.

use super::column::At;

/// Something that keeps a sheet from being imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The row as the sheet numbers it; 0 for the file as a whole.
    pub row: u32,
    /// The column.
    pub column: At,
    /// What is wrong; stable.
    pub code: &'static str,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn of_file(code: &'static str) -> Self {
        Self { row: 0, column: At::FILE, code }
    }
}

/// Problems that one answer names; more say no more.
pub const PROBLEMS_MAX: usize = 10_000;

/// In the order of the sheet, at most [`PROBLEMS_MAX`], and a word that there are more.
pub fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_unstable();
    problems.dedup();
    if problems.len() > PROBLEMS_MAX {
        problems.truncate(PROBLEMS_MAX);
        problems.insert(0, Problem::of_file("too_many_problems"));
    }
    problems
}
