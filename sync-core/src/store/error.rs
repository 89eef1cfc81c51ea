//! What can go wrong with the phone's store; each variant says what its receiver can do.

use crate::environment::Crash;

/// An error of the phone's store. Nothing is ever deleted because of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has it open: close the other app.
    #[error("the store is open in another process")]
    Locked,
    /// The platform gave no key: unlock the device and try again.
    #[error("the store's key is not available")]
    KeyUnavailable,
    /// The key is another one's: the file is intact, find its key.
    #[error("the store's key does not fit")]
    WrongKey,
    /// The file is something else: leave it alone.
    #[error("not a store")]
    NotAStore,
    /// The file was cut off: move it aside and salvage.
    #[error("the store's file is truncated")]
    Truncated,
    /// One row does not open; the others do.
    #[error("damaged row in {table}: {row}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row, in hex.
        row: String,
    },
    /// Written by a newer app: update the app; nothing was touched.
    #[error("the store is of a newer version, {version}")]
    Newer {
        /// Its version.
        version: u32,
    },
    /// No room on the device: free some; nothing of the write was saved.
    #[error("disk full")]
    DiskFull,
    /// A hook stopped the operation: only in tests.
    #[error(transparent)]
    Stopped(#[from] Crash),
    /// The file system.
    #[error("io: {0}")]
    Io(#[from] std::io::Error),
    /// SQLite.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

/// SQLite's primary result codes that mean something to a person.
const SQLITE_FULL: &str = "13";
const SQLITE_NOTADB: &str = "26";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        match code.as_deref() {
            Some(SQLITE_FULL) => Self::DiskFull,
            Some(SQLITE_NOTADB) => Self::NotAStore,
            _ => Self::Database(error),
        }
    }
}
