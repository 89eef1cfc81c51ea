//! The store's errors: each variant says what its receiver can do.

use crate::environment::Crash;

/// Why the store did not do what it was asked. Nothing was changed unless the variant says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process or another opening has this store: close that one.
    #[error("the store is open elsewhere")]
    Locked,
    /// The platform's key store gave no key: unlock the phone and open again.
    #[error("no key for the store")]
    KeyUnavailable,
    /// The key is not this store's: open with the right one; the file is intact.
    #[error("not the key of this store")]
    WrongKey,
    /// The file is something else and was left alone: choose another path.
    #[error("not a store of Fieldbook")]
    NotAStore,
    /// The file is shorter than it was: salvage.
    #[error("the store's file is cut short")]
    Truncated,
    /// A store was made here and the file's header says something else: salvage.
    #[error("the header of the store's file is damaged")]
    HeaderDamaged,
    /// The log beside the file is damaged in its middle: salvage. SQLite alone would go on without
    /// what stands behind.
    #[error("the store's log is damaged")]
    LogDamaged,
    /// The file's structure is damaged: salvage.
    #[error("the store's file is damaged")]
    Broken(#[source] sqlx::Error),
    /// One row does not open under the right key; all others do. Its record can be asked for
    /// whole, a list row can be rebuilt.
    #[error("damaged row {row} of {table}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row's name: ids only.
        row: String,
    },
    /// A newer app wrote it: update the app. The file was left alone.
    #[error("the store has schema {version}, newer than this app's")]
    Newer {
        /// Its schema version.
        version: u32,
    },
    /// No space left: free some, then do it again. The old values are intact.
    #[error("no space left for the store")]
    DiskFull,
    /// A number beyond 2^63 that the store cannot hold: refuse what it came from.
    #[error("a number beyond 2^63")]
    NumberTooLarge,
    /// The file system keeps no promise that "saved" rests on: use another place.
    #[error("the store cannot be made durable: {setting}")]
    NotDurable {
        /// The setting that did not hold.
        setting: &'static str,
    },
    /// A hook ended the process here; what is after the commit stays committed.
    #[error(transparent)]
    Stopped(#[from] Crash),
    /// The file system said no: see the source.
    #[error("the store's files cannot be used")]
    Files(#[source] std::io::Error),
    /// The database said no for another reason; the transaction was rolled back.
    #[error("the store's database failed")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// The stable code, by which it has words in the catalogues: `store-<code>`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked => "store_in_use",
            Self::KeyUnavailable => "key_unavailable",
            Self::WrongKey => "wrong_key",
            Self::NotAStore => "not_a_store",
            Self::Truncated => "truncated",
            Self::HeaderDamaged => "header_damaged",
            Self::LogDamaged => "log_damaged",
            Self::Broken(_) => "pages_damaged",
            Self::Damaged { .. } => "row_damaged",
            Self::Newer { .. } => "store_newer",
            Self::DiskFull => "disk_full",
            Self::NumberTooLarge => "number_too_large",
            Self::NotDurable { .. } => "not_durable",
            Self::Stopped(_) => "stopped",
            Self::Files(_) => "files",
            Self::Database(_) => "database",
        }
    }

    /// Whether the store has to be salvaged before anything else is done with it.
    pub fn asks_for_salvage(&self) -> bool {
        matches!(self, Self::Truncated | Self::HeaderDamaged | Self::LogDamaged | Self::Broken(_))
    }
}

/// Every code of [`StoreError::code`], for the catalogues.
pub const STORE_CODES: [&str; 16] = [
    "store_in_use",
    "key_unavailable",
    "wrong_key",
    "not_a_store",
    "truncated",
    "header_damaged",
    "log_damaged",
    "pages_damaged",
    "row_damaged",
    "store_newer",
    "disk_full",
    "number_too_large",
    "not_durable",
    "stopped",
    "files",
    "database",
];

/// Why a command is lost, as [`super::LostRow::code`] says it.
pub const LOST_CODES: [&str; 2] = [ROW_DAMAGED, ROW_MISSING];
/// Its row does not open.
pub const ROW_DAMAGED: &str = "row_damaged";
/// An index names it, its row is nowhere.
pub const ROW_MISSING: &str = "row_missing";

/// SQLite's primary result codes that have an own meaning here.
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_NOTADB: i32 = 26;
/// `SQLITE_IOERR_SHMSIZE`: the shared-memory file could not grow.
const SQLITE_IOERR_SHMSIZE: i32 = 4874;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|database| database.code());
        let code: i32 = code.and_then(|code| code.parse().ok()).unwrap_or_default();
        match (code, code & 0xff) {
            (_, SQLITE_FULL) | (SQLITE_IOERR_SHMSIZE, _) => Self::DiskFull,
            (_, SQLITE_CORRUPT) => Self::Broken(error),
            (_, SQLITE_NOTADB) => Self::NotAStore,
            _ => Self::Database(error),
        }
    }
}
