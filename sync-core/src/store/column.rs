//! Columns of a row as values of the model. What does not fit names the row as damaged.

use std::str::FromStr;

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};
use zeroize::Zeroizing;

use super::StoreError;
use super::content::Content;
use super::seal::Sealer;
use crate::model::time::Seen;

/// A row of `table` whose select names it in the column `name`.
pub(super) struct Columns<'r> {
    table: &'static str,
    row: &'r SqliteRow,
}

impl<'r> Columns<'r> {
    pub(super) fn new(table: &'static str, row: &'r SqliteRow) -> Self {
        Self { table, row }
    }

    /// The error that names this row.
    pub(super) fn damaged(&self) -> StoreError {
        StoreError::Damaged { table: self.table, row: self.name().to_owned() }
    }

    pub(super) fn name(&self) -> &'r str {
        self.row.try_get("name").unwrap_or("?")
    }

    fn value<T: Decode<'r, Sqlite> + Type<Sqlite>>(&self, column: &str) -> Result<T, StoreError> {
        self.row.try_get(column).map_err(|_| self.damaged())
    }

    /// A number that is never negative.
    pub(super) fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        T::try_from(self.value::<i64>(column)?).map_err(|_| self.damaged())
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.value::<i64>(column)? != 0)
    }

    pub(super) fn time(&self, column: &str) -> Result<i64, StoreError> {
        self.value(column)
    }

    pub(super) fn optional_time(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.value(column)
    }

    pub(super) fn text<T: FromStr>(&self, column: &str) -> Result<T, StoreError> {
        self.value::<&str>(column)?.parse().map_err(|_| self.damaged())
    }

    pub(super) fn optional_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.value(column)
    }

    pub(super) fn bytes<const N: usize>(&self, column: &str) -> Result<[u8; N], StoreError> {
        self.value::<&[u8]>(column)?.try_into().map_err(|_| self.damaged())
    }

    pub(super) fn seen(&self, epoch: &str, sequence: &str) -> Result<Seen, StoreError> {
        Ok(Seen { epoch: self.number(epoch)?, sequence: self.number(sequence)? })
    }

    pub(super) fn optional_seen(
        &self,
        epoch: &str,
        sequence: &str,
    ) -> Result<Option<Seen>, StoreError> {
        match self.optional_time(epoch)? {
            Some(_) => self.seen(epoch, sequence).map(Some),
            None => Ok(None),
        }
    }

    /// The column `sealed` as it is.
    pub(super) fn sealed(&self) -> Result<&'r [u8], StoreError> {
        self.value("sealed")
    }

    /// Opens the column `sealed`.
    pub(super) fn unsealed(&self, sealer: &Sealer) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        sealer.open(self.table, self.name(), self.value("sealed")?)
    }

    /// Opens and reads the column `sealed`.
    pub(super) fn content<T: Content>(&self, sealer: &Sealer) -> Result<T, StoreError> {
        T::from_bytes(&self.unsealed(sealer)?).ok_or_else(|| self.damaged())
    }
}
