//! A table as a sheet that can be imported again: comma-separated UTF-8 text.

use super::column::Columns;
use super::sheet::FORMULA;
use crate::{Error, Result};

/// What spreadsheets know UTF-8 by: without it they take a text for the machine's old encoding.
pub const MARK: &str = "\u{feff}";

/// Writes the columns' English names and the rows; `beside` names columns that nobody imports.
///
/// # Errors
/// Never in practice: the sheet is written to memory.
pub fn write(columns: Columns, beside: &[&str], rows: &[Vec<String>]) -> Result<Vec<u8>> {
    let broken = |_| Error::Broken("a sheet in memory does not write");
    let mut sheet = csv::Writer::from_writer(Vec::new());
    let head = columns.0.iter().map(|column| column.code).chain(beside.iter().copied());
    sheet.write_record(head).map_err(broken)?;
    for row in rows {
        sheet.write_record(row.iter().map(|text| no_formula(text))).map_err(broken)?;
    }
    sheet.into_inner().map_err(|_| Error::Broken("a sheet in memory does not write"))
}

/// A text that a spreadsheet does not take for a formula; reading takes the mark away again.
fn no_formula(text: &str) -> String {
    let risky = text.trim_start_matches('\'').starts_with(FORMULA);
    if risky { format!("'{text}") } else { text.to_owned() }
}
