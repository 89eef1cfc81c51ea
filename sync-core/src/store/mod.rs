//! The phone's store: one SQLite file, sealed, one transaction a plan. It decides nothing: the
//! engine says what to write, the store writes all of it or none.

mod error;
mod read;
mod rows;
mod seal;
mod write;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::environment::{Hooks, Randomness};

pub use error::StoreError;
pub use rows::{
    Identity, ListRow, OwnSession, PendingRow, PendingState, PendingSummary, RecordRow, RefusedRow,
    SentRow, StoreWrite, StoredChange, SyncState,
};
pub use seal::StoreKey;

use seal::Sealer;

/// The schema this code writes.
const SCHEMA_VERSION: i64 = 1;
/// Marks the file as ours: "FbPh".
const APPLICATION_ID: i64 = 0x4662_5068;

/// What a store is opened with.
pub struct OpenOptions {
    /// The file; created where there is none.
    pub path: PathBuf,
    /// The key it is sealed with, from the platform's key store.
    pub key: StoreKey,
    /// Called between statements.
    pub hooks: Arc<dyn Hooks>,
    /// Randomness for nonces.
    pub randomness: Arc<dyn Randomness>,
}

/// An open store.
pub struct Store {
    pool: SqlitePool,
    sealer: std::sync::RwLock<Sealer>,
    hooks: Arc<dyn Hooks>,
    randomness: Arc<dyn Randomness>,
    /// Held while the store is open: one process at a time.
    _lock: File,
}

impl Store {
    /// Opens the store, creating it where there is none.
    ///
    /// # Errors
    /// Each says what to do: see [`StoreError`].
    pub async fn open(options: OpenOptions) -> Result<Self, StoreError> {
        let lock = lock(&options.path)?;
        check_file(&options.path)?;
        let connect = SqliteConnectOptions::new()
            .filename(&options.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // "Saved" means that it survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON");
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(connect).await?;
        let store = Self {
            pool,
            sealer: std::sync::RwLock::new(Sealer::new(&options.key)),
            hooks: options.hooks,
            randomness: options.randomness,
            _lock: lock,
        };
        match store.prepare().await {
            Ok(()) => Ok(store),
            Err(error) => {
                store.pool.close().await;
                Err(error)
            }
        }
    }

    /// Schema, durability and key, checked before anything is served.
    async fn prepare(&self) -> Result<(), StoreError> {
        let (application,): (i64,) =
            sqlx::query_as("pragma application_id").fetch_one(&self.pool).await?;
        let (version,): (i64,) =
            sqlx::query_as("pragma user_version").fetch_one(&self.pool).await?;
        if version > SCHEMA_VERSION {
            return Err(StoreError::Newer { version: u32::try_from(version).unwrap_or(u32::MAX) });
        }
        if version == 0 && application == 0 {
            self.create().await?;
        } else if application != APPLICATION_ID {
            return Err(StoreError::NotAStore);
        }
        let (synchronous,): (i64,) =
            sqlx::query_as("pragma synchronous").fetch_one(&self.pool).await?;
        assert_eq!(synchronous, 2, "a commit must be on storage before it is reported");
        self.check_key().await
    }

    async fn create(&self) -> Result<(), StoreError> {
        let (tables,): (i64,) =
            sqlx::query_as("select count(*) from sqlite_master").fetch_one(&self.pool).await?;
        if tables > 0 {
            return Err(StoreError::NotAStore);
        }
        let check = self.seal("meta", b"key_check", b"fieldbook");
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(include_str!("../../migrations/phone/0001_store.sql"))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("insert into meta (name, sealed) values ('key_check', ?)")
            .bind(check)
            .execute(&mut *transaction)
            .await?;
        let mark = format!(
            "pragma application_id = {APPLICATION_ID}; pragma user_version = {SCHEMA_VERSION}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(mark)).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn check_key(&self) -> Result<(), StoreError> {
        let row: Option<(Vec<u8>,)> =
            sqlx::query_as("select sealed from meta where name = 'key_check'")
                .fetch_optional(&self.pool)
                .await?;
        let (sealed,) = row.ok_or(StoreError::NotAStore)?;
        match self.unseal("meta", b"key_check", &sealed) {
            Ok(_) => Ok(()),
            Err(_) => Err(StoreError::WrongKey),
        }
    }

    /// Closes the file after what is running has ended.
    pub async fn close(self) {
        self.pool.close().await;
    }

    fn seal(&self, table: &'static str, row: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 24];
        self.randomness.fill(&mut nonce);
        let sealer = self.sealer.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        sealer.seal(table, row, plain, nonce)
    }

    fn unseal(
        &self,
        table: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let sealer = self.sealer.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        sealer
            .unseal(table, row, sealed)
            .ok_or_else(|| StoreError::Damaged { table, row: data_encoding::HEXLOWER.encode(row) })
    }

    /// For tests: as if the device had no more room than `pages` of the file.
    #[doc(hidden)]
    pub async fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        let limit = format!("pragma max_page_count = {pages}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(limit)).execute(&self.pool).await?;
        Ok(())
    }
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(PathBuf::from(name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(StoreError::Io(error)),
    }
}

/// Tells a file that was cut off or is something else from a store, before SQLite touches it.
fn check_file(path: &Path) -> Result<(), StoreError> {
    use std::io::Read as _;
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::Io(error)),
    };
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(());
    }
    let mut header = [0; 100];
    if length < header.len() as u64 {
        return Err(StoreError::Truncated);
    }
    file.read_exact(&mut header)?;
    if &header[..16] != b"SQLite format 3\0" {
        return Err(StoreError::NotAStore);
    }
    let page_bytes = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        1 => 65_536,
        bytes => bytes,
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    // Pages may still be in the write-ahead log; without one, what the header counts must be there.
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let logged = std::fs::metadata(PathBuf::from(wal)).is_ok_and(|wal| wal.len() > 0);
    if !logged && length < pages * page_bytes { Err(StoreError::Truncated) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
