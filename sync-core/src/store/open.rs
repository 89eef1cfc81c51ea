//! Opening: what the file is, the durable settings, the schema and the key. Nothing is
//! written to a file that is not a readable store of this or an older schema under this key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::sync::Mutex;

use super::column::Columns;
use super::content::IdentityCopy;
use super::files::{Lock, beside, check_length, interrupted_salvage, put_in_place};
use super::log::Log;
use super::pages::Image;
use super::read::fetch;
use super::seal::{Sealer, StoreKey};
use super::statement::Statement;
use super::{Inner, Store, StoreError};
use crate::environment::{HookPlace, HookPoint, Hooks, NoHooks, Randomness};

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
const MIGRATIONS: [&str; 7] = [
    include_str!("../../migrations/phone/0001_store.sql"),
    include_str!("../../migrations/phone/0002_hand_over.sql"),
    include_str!("../../migrations/phone/0003_signing.sql"),
    include_str!("../../migrations/phone/0004_account.sql"),
    include_str!("../../migrations/phone/0005_parked.sql"),
    include_str!("../../migrations/phone/0006_salvage.sql"),
    include_str!("../../migrations/phone/0007_handed_in.sql"),
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
    /// [`StoreError::Truncated`], [`StoreError::HeaderDamaged`], [`StoreError::LogDamaged`],
    /// [`StoreError::Broken`], [`StoreError::Newer`] and [`StoreError::WrongKey`] leave the file as
    /// it is.
    pub async fn open(options: OpenOptions) -> Result<Self, StoreError> {
        let OpenOptions { path, key, hooks, randomness } = options;
        let key = key.ok_or(StoreError::KeyUnavailable)?;
        let mut lock = Lock::take(&path)?;
        if let Some(name) = interrupted_salvage(&path)? {
            put_in_place(&path, &name)?;
        }
        let marked = lock.is_marked();
        check_files(&path, marked)?;
        let sealer = Sealer::new(&key, randomness);
        let connection = connect(&path).await?;
        let mut inner = Inner { connection, sealer, in_transaction: false };
        let ready = match inner.prepare(&*hooks, marked).await {
            Ok(()) => inner.second_copies(lock.copies()).await,
            Err(error) => Err(error),
        };
        let kept = ready.and_then(|copies| lock.keep(&copies));
        if let Err(error) = kept {
            // The lock must outlive the connection.
            let _ = inner.connection.close().await;
            return Err(error);
        }
        let lock = std::sync::Mutex::new(lock);
        Ok(Self { inner: Mutex::new(inner), hooks, path, lock })
    }
}

/// What can be told of the files before SQLite touches them.
pub(super) fn check_files(path: &Path, marked: bool) -> Result<(), StoreError> {
    check_length(path, marked).map_err(|error| of_a_store(error, marked))?;
    check_version(path)?;
    let log = Log::read(&beside(path, "-wal"))?;
    if log.is_some_and(|log| log.damaged) { Err(StoreError::LogDamaged) } else { Ok(()) }
}

/// Of a newer app's store not even the log is copied back, as SQLite does when it closes a file.
fn check_version(path: &Path) -> Result<(), StoreError> {
    const APPLICATION_AT: usize = 68;
    const VERSION_AT: usize = 60;
    let first = Image::open(path)?.states(1)?.into_iter().next();
    let word = |at: usize| {
        let four = first.as_ref()?.bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(four))
    };
    let is_ours = word(APPLICATION_AT).map(i64::from) == Some(APPLICATION_ID);
    match word(VERSION_AT).filter(|_| is_ours) {
        Some(version) if (SCHEMA + 1..=NEWER_MAX).contains(&version) => {
            Err(StoreError::Newer { version })
        }
        _ => Ok(()),
    }
}

/// No app is so many versions ahead: a higher one is damage.
pub(super) const NEWER_MAX: u32 = 1_000;

/// A file that is no store, where a store was made, is one whose beginning was overwritten.
fn of_a_store(error: StoreError, marked: bool) -> StoreError {
    match error {
        StoreError::NotAStore if marked => StoreError::HeaderDamaged,
        error => error,
    }
}

pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
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
    async fn prepare(&mut self, hooks: &dyn Hooks, marked: bool) -> Result<(), StoreError> {
        let version = self.identify(marked).await?;
        let key_row = match version {
            0 => KeyRow::Sound,
            _ => self.check_key().await?,
        };
        for (setting, value, expected) in DURABLE {
            let set = sqlx::query(AssertSqlSafe(format!("pragma {setting} = {value}")));
            set.fetch_all(&mut self.connection).await?;
            if self.pragma(setting).await? != expected {
                return Err(StoreError::NotDurable { setting });
            }
        }
        if key_row == KeyRow::Damaged {
            let put = self.put_key_check();
            self.run(&NoHooks, "key_check", vec![put]).await?;
        }
        if version < SCHEMA {
            self.upgrade(hooks, version).await?;
        }
        Ok(())
    }

    /// The schema version of the store that the file is; 0: a new one. Writes nothing.
    pub(super) async fn identify(&mut self, marked: bool) -> Result<u32, StoreError> {
        let told = self.told().await.map_err(|error| of_a_store(error, marked))?;
        match told {
            0 => Ok(0),
            version if version > SCHEMA => Err(StoreError::Newer { version }),
            version => Ok(version),
        }
    }

    async fn told(&mut self) -> Result<u32, StoreError> {
        let application = self.pragma("application_id").await?;
        let version = self.pragma("user_version").await?;
        let tables = self.scalar("select cast(count(*) as text) from sqlite_schema").await?;
        if application == "0" && version == "0" && tables == "0" {
            return Ok(0);
        }
        let version: u32 = version.parse().map_err(|_| StoreError::NotAStore)?;
        if application != APPLICATION_ID.to_string() || version == 0 {
            return Err(StoreError::NotAStore);
        }
        Ok(version)
    }

    /// Brings the schema from `version` to this code's, in one transaction.
    async fn upgrade(&mut self, hooks: &dyn Hooks, version: u32) -> Result<(), StoreError> {
        const OPERATION: &str = "open";
        hooks.at(HookPoint { operation: OPERATION, place: HookPlace::Before }).await?;
        let migrations = MIGRATIONS.iter().skip(version as usize);
        let mut statements: Vec<Statement> =
            migrations.map(|migration| Statement::new(*migration)).collect();
        if version == 0 {
            statements.push(self.put_key_check());
            let application = format!("pragma application_id = {APPLICATION_ID}");
            statements.push(Statement::new(AssertSqlSafe(application)));
        }
        let schema = format!("pragma user_version = {SCHEMA}");
        statements.push(Statement::new(AssertSqlSafe(schema)));
        self.run(hooks, OPERATION, statements).await?;
        hooks.at(HookPoint { operation: OPERATION, place: HookPlace::After }).await?;
        Ok(())
    }

    fn put_key_check(&self) -> Statement {
        let sealed = self.sealer.seal("key_check", KEY_CHECK_ROW, KEY_CHECK);
        Statement::new("insert or replace into key_check (id, sealed) values (1, ?)").bind(sealed)
    }

    /// Tells a wrong key from a damaged row that was to tell it: the right key opens something.
    pub(super) async fn check_key(&mut self) -> Result<KeyRow, StoreError> {
        let select = sqlx::query_scalar("select sealed from key_check where id = 1");
        let sealed: Option<Vec<u8>> = select.fetch_optional(&mut self.connection).await?;
        let opened = sealed.map(|sealed| self.sealer.open("key_check", KEY_CHECK_ROW, &sealed));
        match opened {
            Some(Ok(content)) if *content == KEY_CHECK => Ok(KeyRow::Sound),
            _ if self.opens_something().await? => Ok(KeyRow::Damaged),
            _ => Err(StoreError::WrongKey),
        }
    }

    /// Keeps what a second copy of the identities consists of, and puts a damaged row right by the
    /// former one. A person whose row is gone has signed out: their key does not come back.
    async fn second_copies(&mut self, former: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut copies = self.identity_copies().await?;
        let mut healed = Vec::new();
        for copy in &mut copies {
            if copy.opens(&self.sealer) {
                continue;
            }
            let former = IdentityCopy::read(former).into_iter();
            let mut former = former.filter(|former| former.person == copy.person);
            if let Some(sound) = former.find(|former| former.opens(&self.sealer)) {
                let update = "update identity set device = ?, enrolled_wall_ms = ?, \
                              first_number = ?, sealed = ?, \
                              account_from = coalesce(?, account_from) where person = ?";
                healed.push(sound.bound(Statement::new(update)).bind(sound.person));
                *copy = sound;
            }
        }
        if !healed.is_empty() {
            self.run(&NoHooks, "identity", healed).await?;
        }
        Ok(IdentityCopy::write(&copies))
    }

    /// The identities' rows, sealed as they are.
    pub(super) async fn identity_copies(&mut self) -> Result<Vec<IdentityCopy>, StoreError> {
        let select = "select *, cast(person as text) as name from identity order by person";
        let rows = fetch(&mut self.connection, Statement::new(select)).await?;
        rows.iter().map(|row| IdentityCopy::of(&Columns::new("identity", row))).collect()
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

/// What stands in the row that tells a wrong key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyRow {
    Sound,
    /// The key is right and the row is not.
    Damaged,
}
