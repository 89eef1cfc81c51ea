//! The database: one connection that writes, a few that read, and the migrations. SQL stands in
//! the modules that need it; every text is written so that PostgreSQL can run it too.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use crate::Result;

/// Connections that read beside the one that writes.
const READERS: u32 = 2;

/// Handles on the server's database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Database {
    /// Opens the file at `path`, creating it where there is none, and brings its schema up.
    ///
    /// # Errors
    /// If the file cannot be opened, or holds a newer schema.
    pub async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::from_str("sqlite:")
            .map_err(crate::Error::Database)?
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged commit must survive a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is purged is overwritten, not only unlinked.
            .pragma("secure_delete", "on")
            .busy_timeout(Duration::from_secs(5));
        let writer =
            SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        sqlx::migrate!("migrations/sqlite").run(&writer).await.map_err(crate::Error::Migration)?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        Ok(Self { writer, reader })
    }

    /// Begins a transaction that writes; waits while another one is open.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn begin_write(&self) -> Result<Transaction<'static, Sqlite>> {
        // Deferred transactions that read and then write fail with "database is locked".
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// The pool to read from.
    pub fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}
