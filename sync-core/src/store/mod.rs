//! The phone's store: one sealed SQLite file per device, rows carry their owner. It executes a
//! plan of writes in one transaction and answers reads; it decides nothing and knows no rule.
//!
//! In the clear stand ids, sequences, status codes and times; facts, names, keys, projections and
//! texts are sealed. "Saved" means committed with `synchronous=FULL`.

mod column;
mod content;
mod error;
mod files;
mod hand_over;
mod log;
mod open;
mod pages;
mod read;
mod rotate;
mod row;
mod salvage;
mod seal;
mod statement;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard};

pub use error::{LOST_CODES, ROW_DAMAGED, ROW_MISSING, STORE_CODES, StoreError};
pub use open::OpenOptions;
pub use row::{
    ChangeHeader, DamagedRow, HandOverId, Identity, ListRow, LostRow, OwnSession, Parked,
    PendingRow, PendingState, PendingSummary, RecordRow, RefusedRow, SentRow, StoredChange,
    SyncState,
};
pub use salvage::{LostCommand, SalvageOptions, Salvaged, salvage};
pub use seal::StoreKey;
pub use write::StoreWrite;

#[cfg(test)]
pub(crate) use rotate::SEALED;

use crate::environment::{HookPlace, HookPoint, Hooks};
use content::IdentityCopy;
use files::Lock;
use seal::Sealer;
use statement::Statement;

/// An open store. One connection, so that calls take turns in the order they come.
pub struct Store {
    // Dropped before the lock: the file is free only when its connection is on its way out.
    inner: Mutex<Inner>,
    hooks: Arc<dyn Hooks>,
    path: PathBuf,
    lock: std::sync::Mutex<Lock>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Executes `writes` in their order in one transaction: all of them or, on any error, none.
    ///
    /// Hooks are called before the transaction, inside it after each statement (`begin` is the
    /// first), and after the commit. [`StoreError::Stopped`] after the commit leaves it in place.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] if there is no space, [`StoreError::Stopped`] if a hook says so,
    /// otherwise if the database fails. Old values are intact and the store stays usable.
    pub async fn apply(
        &self,
        operation: &'static str,
        writes: &[StoreWrite],
    ) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        self.hooks.at(HookPoint { operation, place: HookPlace::Before }).await?;
        let mut inner = self.lock().await?;
        let statements = statement::statements(&inner.sealer, writes)?;
        inner.run(&*self.hooks, operation, statements).await?;
        if writes.iter().any(StoreWrite::changes_identities) {
            self.keep_copies(&mut inner).await;
        }
        drop(inner);
        self.hooks.at(HookPoint { operation, place: HookPlace::After }).await?;
        Ok(())
    }

    /// Closes the file and frees its lock. A store that is only dropped loses nothing either, but
    /// its connection closes a moment later.
    pub async fn close(self) {
        let Self { inner, lock, .. } = self;
        // A failed last checkpoint loses nothing: the log is read at the next opening.
        let _ = inner.into_inner().connection.close().await;
        drop(lock);
    }

    /// Brings the second copy of the identities up to date. It is only a second one: where it
    /// cannot be written, the next opening does it.
    async fn keep_copies(&self, inner: &mut Inner) {
        let Ok(copies) = inner.identity_copies().await else { return };
        let mut lock = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = lock.keep(&IdentityCopy::write(&copies)) {
            tracing::warn!(%error, "the second copy of the identities was not written");
        }
    }

    async fn lock(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        let mut inner = self.inner.lock().await;
        if inner.in_transaction {
            inner.rollback().await?;
        }
        Ok(inner)
    }
}

#[cfg(test)]
impl Store {
    /// Lets the file grow to no more than so many pages; those it has stay.
    pub(crate) async fn limit_pages(&self, pages: u32) {
        let mut inner = self.lock().await.expect("usable");
        let limit = sqlx::AssertSqlSafe(format!("pragma max_page_count = {pages}"));
        sqlx::raw_sql(limit).execute(&mut inner.connection).await.expect("limits");
    }

    /// Harms the file: one statement as it is.
    pub(crate) async fn harm(&self, statement: impl Into<String>) {
        let mut inner = self.lock().await.expect("usable");
        let statement = sqlx::AssertSqlSafe(statement.into());
        let done = sqlx::query(statement).execute(&mut inner.connection).await.expect("runs");
        assert!(done.rows_affected() > 0, "something was harmed");
    }
}

#[cfg(test)]
impl Store {
    /// Whatever takes a parked row away finds the disk full, until the store is closed.
    pub(crate) async fn fill_at_unparking(&self) {
        let mut inner = self.lock().await.expect("usable");
        let fill = "create temp trigger full before delete on main.parked begin \
                    insert into lost (owner, n, state, code, found_wall_ms, remains) \
                    values (1, 1, 'unsent', '', 0, zeroblob(1000000)); end";
        sqlx::raw_sql(fill).execute(&mut inner.connection).await.expect("runs");
        drop(inner);
        self.limit_pages(1).await;
    }
}

/// The connection and the key, used by one call at a time.
struct Inner {
    connection: SqliteConnection,
    sealer: Sealer,
    /// A transaction may be open: its call was dropped half-way, or its rollback failed.
    in_transaction: bool,
}

impl Inner {
    fn parts(&mut self) -> (&mut SqliteConnection, &Sealer) {
        (&mut self.connection, &self.sealer)
    }

    /// Runs `statements` in one transaction.
    async fn run(
        &mut self,
        hooks: &dyn Hooks,
        operation: &'static str,
        statements: Vec<Statement>,
    ) -> Result<(), StoreError> {
        // Begun and ended by hand: SQLite ends a transaction by itself when the disk is full,
        // which a library that counts nested transactions does not notice.
        self.in_transaction = true;
        let outcome = self.try_run(hooks, operation, statements).await;
        self.settle(outcome).await
    }

    /// Rolls back what did not reach its commit.
    async fn settle<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match &outcome {
            Ok(_) => self.in_transaction = false,
            // The first error is the one that matters; a failed rollback is tried again by the
            // next call.
            Err(_) => drop(self.rollback().await),
        }
        outcome
    }

    async fn try_run(
        &mut self,
        hooks: &dyn Hooks,
        operation: &'static str,
        statements: Vec<Statement>,
    ) -> Result<(), StoreError> {
        let mut done = 0;
        // Immediate: a deferred transaction that reads and then writes fails when another opened.
        let begin = Statement::new("begin immediate");
        for statement in std::iter::once(begin).chain(statements) {
            self.execute(statement).await?;
            done += 1;
            hooks.at(HookPoint { operation, place: HookPlace::Inside(done) }).await?;
        }
        self.execute(Statement::new("commit")).await
    }

    async fn rollback(&mut self) -> Result<(), StoreError> {
        let rolled_back = sqlx::query("rollback").execute(&mut self.connection).await;
        let none_open = |error: &sqlx::Error| {
            let message = error.as_database_error().map(|database| database.message());
            message.is_some_and(|message| message.contains("no transaction is active"))
        };
        match rolled_back {
            Err(error) if !none_open(&error) => Err(error.into()),
            _ => {
                self.in_transaction = false;
                Ok(())
            }
        }
    }

    async fn execute(&mut self, statement: Statement) -> Result<(), StoreError> {
        let Statement { sql, arguments } = statement;
        sqlx::query_with(sql, arguments).execute(&mut self.connection).await?;
        Ok(())
    }
}
