//! Opening: what the file is, the durable settings, the schema and the key. Nothing is
//! written to a file that is not a readable store of this or an older schema under this key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::sync::Mutex;

use super::files::{Lock, check_length};
use super::seal::{Sealer, StoreKey};
use super::statement::Statement;
use super::{Inner, Store, StoreError};
use crate::environment::{HookPlace, HookPoint, Hooks, Randomness};

/// What opening needs.
pub struct OpenOptions {
    /// The store's file; created where there is none. Its lock and log stand beside it.
    pub path: PathBuf,
    /// The key of the platform's key store; `None` if that gave none.
    pub key: Option<StoreKey>,
    /// Called between statements.
    pub hooks: Arc<dyn Hooks>,
    /// Where nonces come from.
    pub randomness: Arc<dyn Randomness>,
}

impl std::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenOptions").field("path", &self.path).finish_non_exhaustive()
    }
}

/// One migration a schema version; version n is `MIGRATIONS[n - 1]`.
const MIGRATIONS: [&str; 5] = [
    include_str!("../../migrations/phone/0001_store.sql"),
    include_str!("../../migrations/phone/0002_hand_over.sql"),
    include_str!("../../migrations/phone/0003_signing.sql"),
    include_str!("../../migrations/phone/0004_account.sql"),
    include_str!("../../migrations/phone/0005_parked.sql"),
];

/// The schema this code writes, in SQLite's `user_version`.
pub(super) const SCHEMA: u32 = MIGRATIONS.len() as u32;

/// "FBst" in SQLite's `application_id`: tells a store from any other database.
const APPLICATION_ID: i64 = 0x4642_7374;

/// What the key check row seals.
pub(super) const KEY_CHECK: &[u8] = b"fieldbook store";
pub(super) const KEY_CHECK_ROW: &str = "1";

impl Store {
    /// Opens the store, creating it where there is none, and brings its schema up.
    ///
    /// # Errors
    /// [`StoreError::KeyUnavailable`], [`StoreError::Locked`], [`StoreError::NotAStore`],
    /// [`StoreError::Truncated`], [`StoreError::Broken`], [`StoreError::Newer`] and
    /// [`StoreError::WrongKey`] leave the file as it is.
    pub async fn open(options: OpenOptions) -> Result<Self, StoreError> {
        let OpenOptions { path, key, hooks, randomness } = options;
        let key = key.ok_or(StoreError::KeyUnavailable)?;
        let mut lock = Lock::take(&path)?;
        check_length(&path, lock.is_marked())?;
        let sealer = Sealer::new(&key, randomness);
        let connection = connect(&path).await?;
        let mut inner = Inner { connection, sealer, in_transaction: false };
        let ready = inner.prepare(&*hooks).await;
        if let Err(error) = ready {
            // The lock must outlive the connection.
            let _ = inner.connection.close().await;
            return Err(error);
        }
        lock.mark()?;
        Ok(Self { inner: Mutex::new(inner), hooks, path, _lock: lock })
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // Ours is the only opening; a predecessor that was only dropped may still be closing.
        .busy_timeout(Duration::from_secs(10));
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// What "saved" rests on, read back after setting: (setting, value to set, value to read).
const DURABLE: [(&str, &str, &str); 8] = [
    ("journal_mode", "wal", "wal"),
    // FULL: a commit is on the disk before it returns.
    ("synchronous", "full", "2"),
    // On Apple's systems a plain fsync stops at the drive's cache; no effect elsewhere.
    ("fullfsync", "on", "1"),
    ("checkpoint_fullfsync", "on", "1"),
    ("secure_delete", "on", "1"),
    // Nothing is spilled to other files.
    ("temp_store", "memory", "2"),
    // A forged file gets no further than an error.
    ("trusted_schema", "off", "0"),
    ("cell_size_check", "on", "1"),
];

impl Inner {
    /// Decides what the file is and makes it ready.
    async fn prepare(&mut self, hooks: &dyn Hooks) -> Result<(), StoreError> {
        let application = self.pragma("application_id").await?;
        let version = self.pragma("user_version").await?;
        let tables = self.scalar("select cast(count(*) as text) from sqlite_schema").await?;
        let new = application == "0" && version == "0" && tables == "0";
        if !new && application != APPLICATION_ID.to_string() {
            return Err(StoreError::NotAStore);
        }
        let version: u32 = version.parse().map_err(|_| StoreError::NotAStore)?;
        if version > SCHEMA {
            return Err(StoreError::Newer { version });
        }
        if !new {
            self.check_key().await?;
        }
        for (setting, value, expected) in DURABLE {
            let set = sqlx::query(AssertSqlSafe(format!("pragma {setting} = {value}")));
            set.fetch_all(&mut self.connection).await?;
            if self.pragma(setting).await? != expected {
                return Err(StoreError::NotDurable { setting });
            }
        }
        if version < SCHEMA {
            self.upgrade(hooks, version).await?;
        }
        Ok(())
    }

    /// Brings the schema from `version` to this code's, in one transaction.
    async fn upgrade(&mut self, hooks: &dyn Hooks, version: u32) -> Result<(), StoreError> {
        const OPERATION: &str = "open";
        hooks.at(HookPoint { operation: OPERATION, place: HookPlace::Before }).await?;
        let migrations = MIGRATIONS.iter().skip(version as usize);
        let mut statements: Vec<Statement> =
            migrations.map(|migration| Statement::new(*migration)).collect();
        if version == 0 {
            let sealed = self.sealer.seal("key_check", KEY_CHECK_ROW, KEY_CHECK);
            statements.push(
                Statement::new("insert into key_check (id, sealed) values (1, ?)").bind(sealed),
            );
            let application = format!("pragma application_id = {APPLICATION_ID}");
            statements.push(Statement::new(AssertSqlSafe(application)));
        }
        let schema = format!("pragma user_version = {SCHEMA}");
        statements.push(Statement::new(AssertSqlSafe(schema)));
        self.run(hooks, OPERATION, statements).await?;
        hooks.at(HookPoint { operation: OPERATION, place: HookPlace::After }).await?;
        Ok(())
    }

    async fn check_key(&mut self) -> Result<(), StoreError> {
        let select = sqlx::query_scalar("select sealed from key_check where id = 1");
        let sealed: Vec<u8> =
            select.fetch_optional(&mut self.connection).await?.ok_or_else(key_check_damaged)?;
        match self.sealer.open("key_check", KEY_CHECK_ROW, &sealed) {
            Ok(content) if *content == KEY_CHECK => Ok(()),
            _ => Err(StoreError::WrongKey),
        }
    }

    /// A setting's value as text.
    pub(super) async fn pragma(&mut self, setting: &'static str) -> Result<String, StoreError> {
        let select = format!("select cast({setting} as text) from pragma_{setting}");
        self.scalar_text(select).await
    }

    async fn scalar(&mut self, select: &'static str) -> Result<String, StoreError> {
        self.scalar_text(select.to_owned()).await
    }

    async fn scalar_text(&mut self, select: String) -> Result<String, StoreError> {
        let select = sqlx::query_scalar(AssertSqlSafe(select));
        Ok(select.fetch_one(&mut self.connection).await?)
    }
}

fn key_check_damaged() -> StoreError {
    StoreError::Damaged { table: "key_check", row: KEY_CHECK_ROW.to_owned() }
}
