//! The tables a salvage keeps, and how a row of each is known without the schema: by the types of
//! its columns, and, where it is sealed, by opening under its own name alone.

use super::super::pages::{Row, Value};

/// What a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    /// The row's own number, which stands elsewhere.
    Position,
    Int,
    Text,
    Blob,
    MaybeInt,
    MaybeText,
}

/// A table that is salvaged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Its first columns; a later schema has more behind them.
    columns: &'static [Column],
    /// Which column is sealed.
    pub(super) sealed: Option<usize>,
    /// The columns that name a row, as its seal does.
    names: &'static [usize],
}

use Column::{Blob, Int, MaybeInt, MaybeText, Position, Text};

pub(super) const IDENTITY: Table =
    Table { name: "identity", columns: &[Position, Int, Int, Blob], sealed: Some(3), names: &[0] };
pub(super) const OWN_SESSION: Table = Table {
    name: "own_session",
    columns: &[Position, Text, Int, Blob, Int, Int, Int],
    sealed: None,
    names: &[1],
};
pub(super) const RECORD: Table = Table {
    name: "record",
    columns: &[Int, Text, Int, Int, MaybeText, Blob],
    sealed: Some(5),
    names: &[0, 1],
};
pub(super) const PENDING: Table = Table {
    name: "pending",
    columns: &[Int, Int, Text, Text, MaybeText, Int, Text, Int, Int, Blob, Blob],
    sealed: Some(10),
    names: &[0, 2, 1],
};
pub(super) const REFUSED: Table = Table {
    name: "refused",
    columns: &[Int, Int, Text, Text, Int, Blob],
    sealed: Some(5),
    names: &[0, 2, 1],
};
pub(super) const SENT: Table = Table {
    name: "sent",
    columns: &[Int, Int, Text, Int, Int, Blob],
    sealed: Some(5),
    names: &[0, 2, 1],
};
pub(super) const HAND_OVER: Table = Table {
    name: "hand_over",
    columns: &[Position, Int, Int, Int, Blob],
    sealed: Some(4),
    names: &[1, 2, 3],
};
pub(super) const LIST: Table =
    Table { name: "list", columns: &[Int, Text, Blob], sealed: Some(2), names: &[0, 1] };
pub(super) const SIGNING: Table =
    Table { name: "signing", columns: &[Position, Text, Blob], sealed: Some(2), names: &[0, 1] };
pub(super) const CASE_ANSWER: Table =
    Table { name: "case_answer", columns: &[Int, Int, Blob], sealed: Some(2), names: &[0, 1] };
pub(super) const ENROLLING: Table =
    Table { name: "enrolling", columns: &[Position, Blob], sealed: Some(1), names: &[0] };
pub(super) const LOST: Table = Table {
    name: "lost",
    columns: &[Int, Int, MaybeText, MaybeInt, Text, Text, Int],
    sealed: None,
    names: &[0, 1],
};
pub(super) const PROGRESS: Table = Table {
    name: "progress",
    columns: &[Position, Int, Int, Int, MaybeInt, MaybeInt, Int],
    sealed: None,
    names: &[0],
};

/// Every table that is salvaged.
pub(super) const TABLES: [&Table; 13] = [
    &IDENTITY,
    &OWN_SESSION,
    &RECORD,
    &PENDING,
    &REFUSED,
    &SENT,
    &HAND_OVER,
    &LIST,
    &SIGNING,
    &CASE_ANSWER,
    &ENROLLING,
    &LOST,
    &PROGRESS,
];

/// Columns that a later schema may add behind those that are known.
const LATER_COLUMNS_MAX: usize = 8;

/// The table whose row has columns of these serial types. A retry schedule looks like an enrolment:
/// the seal tells them apart.
pub(super) fn of_serials(serials: &[u64]) -> Option<&'static Table> {
    let fits = |table: &Table| {
        (table.columns.len()..=table.columns.len() + LATER_COLUMNS_MAX).contains(&serials.len())
            && table.columns.iter().zip(serials).all(|(column, serial)| column.fits(*serial))
    };
    TABLES.into_iter().find(|table| fits(table))
}

/// Whether these are the columns of an entry of the index that names pending rows by record.
pub(super) fn is_pending_entry(serials: &[u64]) -> bool {
    let columns = [Int, Text, Int, Int];
    serials.len() == columns.len()
        && columns.iter().zip(serials).all(|(column, serial)| column.fits(*serial))
}

impl Column {
    fn fits(self, serial: u64) -> bool {
        let is_int = matches!(serial, 1..=6 | 8 | 9);
        let is_text = serial >= 13 && serial % 2 == 1;
        match self {
            Self::Position => serial == 0,
            Self::Int => is_int,
            Self::Text => is_text,
            Self::Blob => serial >= 12 && serial.is_multiple_of(2),
            Self::MaybeInt => is_int || serial == 0,
            Self::MaybeText => is_text || serial == 0,
        }
    }
}

impl Table {
    /// The row's values, its own number in the place where the row leaves it out.
    pub(super) fn values(&self, row: Row) -> Vec<Value> {
        let mut values = row.values;
        if self.columns[0] == Position
            && let (Some(first), Some(rowid)) = (values.first_mut(), row.rowid)
        {
            *first = Value::Int(rowid);
        }
        values
    }

    /// What a row is called, as its seal knows it.
    pub(super) fn row_name(&self, values: &[Value]) -> String {
        let parts = self.names.iter().map(|column| match values.get(*column) {
            Some(Value::Int(number)) => number.to_string(),
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        });
        parts.collect::<Vec<_>>().join("/")
    }
}
