//! The engine by its sheets: what is read, what is refused, what stays.

pub(crate) mod workbook;
