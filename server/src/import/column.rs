//! The columns of a table: what they are called in a sheet, and how a problem names them.

/// A column that a table declares, in the order of its export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in English sheets, in the export and in problems.
    pub code: &'static str,
    /// Its names in Chinese sheets; the first is the one that is written about.
    pub names: &'static [&'static str],
    /// A sheet without it is refused.
    pub needed: bool,
}

impl Column {
    /// A column that every sheet of the table has.
    pub const fn needed(code: &'static str, names: &'static [&'static str]) -> Self {
        Self { code, names, needed: true }
    }

    /// A column that may be left out: then it is empty in every row.
    pub const fn optional(code: &'static str, names: &'static [&'static str]) -> Self {
        Self { code, names, needed: false }
    }

    fn is_called(&self, name: &str) -> bool {
        self.code == name || self.names.contains(&name)
    }
}

/// Every column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Columns(pub &'static [Column]);

impl Columns {
    /// The place of the column with this name, in any case and either language.
    pub fn place(self, name: &str) -> Option<usize> {
        let lower = name.to_lowercase();
        self.0.iter().position(|column| column.is_called(&lower))
    }

    /// How a problem names the column at a place.
    ///
    /// # Panics
    /// If the table declares fewer columns.
    pub fn at(self, place: usize) -> At {
        At { order: place + 1, code: self.0[place].code }
    }
}

/// Where in a row something is wrong; in the order of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    order: usize,
    code: &'static str,
}

impl At {
    /// The file as a whole.
    pub const FILE: Self = Self { order: 0, code: "file" };

    /// The column's English name; `file` for the file as a whole.
    pub fn code(self) -> &'static str {
        self.code
    }
}
