//! The bounds of every sheet (DESIGN 13), each told as what it is.

use super::workbook::{self, Written, workbook};
use crate::import::{
    FILE_BYTES_MAX, PROBLEMS_MAX, ROWS_MAX, Table, UNPACKED_BYTES_MAX, in_order, read,
};

fn told(file: &[u8]) -> (u32, &'static str, &'static str) {
    let rows = read(file, Table::Units.columns());
    assert!(rows.rows.is_empty(), "nothing is read of it");
    let problem = rows.problems[0];
    (problem.row, problem.column.code(), problem.code)
}

#[test]
fn a_sheet_has_10_mb_at_most_and_100_000_rows() {
    assert_eq!((FILE_BYTES_MAX, UNPACKED_BYTES_MAX, ROWS_MAX), (10 << 20, 200 << 20, 100_000));
    assert_eq!(told(&vec![b'x'; FILE_BYTES_MAX + 1]), (0, "file", "too_large"));
    let rows = |count: usize| format!("building,code\n{}", "1,2\n".repeat(count)).into_bytes();
    assert_eq!(told(&rows(ROWS_MAX)), (0, "file", "too_many_rows"));
    let fits = read(&rows(ROWS_MAX - 1), Table::Units.columns());
    assert_eq!((fits.count(), fits.problems.len()), (99_999, 0));
}

#[test]
fn a_workbook_unpacks_to_200_mb_at_most_and_no_text_is_kept_a_million_times() {
    let good = workbook(&[vec![Written::Text("building"), Written::Text("code")]]);
    assert_eq!(told(&workbook::declaring(&good, 200 << 20)), (0, "file", "unpacked_too_large"));
    let head = ["building", "code", "kind", "area", "vacant", "site"];
    let text = "楼".repeat(600);
    let many = workbook::with_one_text(&head, &text, 8_000);
    assert!(many.len() < FILE_BYTES_MAX);
    assert_eq!(told(&many), (0, "file", "unpacked_too_large"));
    let few = read(&workbook::with_one_text(&head, &text, 10), Table::Units.columns());
    assert_eq!((few.count(), few.problems.len()), (10, 0));
}

#[test]
fn more_than_10_000_problems_say_so() {
    let sheet = format!("building,code\n{}", "1,\n".repeat(PROBLEMS_MAX + 5));
    let rows = read(sheet.as_bytes(), Table::Units.columns());
    let columns = Table::Units.columns();
    let problem = |row: u32| crate::import::Problem { row, column: columns.at(2), code: "missing" };
    let told = in_order(rows.rows.iter().map(|row| problem(row.number)).collect());
    assert_eq!(told.len(), PROBLEMS_MAX + 1);
    assert_eq!((told[0].row, told[0].code), (0, "too_many_problems"));
    assert_eq!(told[1].row, 2);
    assert_eq!(in_order((2..=10_001).map(problem).collect()).len(), PROBLEMS_MAX);
}
