//! Every sealed row at once: key rotation, and the search for damaged rows.

use sqlx::AssertSqlSafe;

use super::column::Columns;
use super::open::{KEY_CHECK, KEY_CHECK_ROW};
use super::read::fetch;
use super::row::DamagedRow;
use super::seal::{Sealer, StoreKey};
use super::statement::Statement;
use super::{Inner, Store, StoreError};
use crate::environment::{HookPlace, HookPoint, Hooks};

/// The tables with sealed rows and how their rows are named.
pub(crate) const SEALED: [(&str, &str); 13] = [
    ("identity", "cast(person as text)"),
    ("record", "owner || '/' || record"),
    ("accepted", "owner || '/' || record || '/' || lower(hex(hash))"),
    ("pending", "owner || '/' || record || '/' || n"),
    ("refused", "owner || '/' || record || '/' || n"),
    ("sent", "owner || '/' || record || '/' || n"),
    ("hand_over", "person || '/' || device || '/' || n"),
    ("list", "owner || '/' || record"),
    ("reference", "cast(owner as text)"),
    ("retry", "cast(owner as text)"),
    ("signing", "owner || '/' || record"),
    ("case_answer", "owner || '/' || question"),
    ("enrolling", "cast(id as text)"),
];

/// Rows held in memory at a time.
const BATCH_ROWS: i64 = 256;

impl Store {
    /// Seals every row under `key`, in one transaction; from then on only `key` opens the store.
    /// The platform keeps the old key until this returns: after a crash one of the two opens it.
    /// Rows that the old key does not open stay as they are and are named in the answer.
    ///
    /// # Errors
    /// If a hook stops it or the database fails; the old key then still holds.
    pub async fn rotate(&self, key: StoreKey) -> Result<Vec<DamagedRow>, StoreError> {
        const OPERATION: &str = "rotate";
        self.hooks.at(HookPoint { operation: OPERATION, place: HookPlace::Before }).await?;
        let mut inner = self.lock().await?;
        let renewed = inner.sealer.renewed(&key);
        inner.in_transaction = true;
        let outcome = inner.try_rotate(&*self.hooks, OPERATION, &renewed).await;
        let damaged = inner.settle(outcome).await?;
        inner.sealer = renewed;
        // What the old key sealed goes from the log too. The new key holds whether or not.
        let checkpoint = sqlx::query("pragma wal_checkpoint(truncate)");
        drop(checkpoint.fetch_all(&mut inner.connection).await);
        self.keep_copies(&mut inner).await;
        drop(inner);
        self.hooks.at(HookPoint { operation: OPERATION, place: HookPlace::After }).await?;
        Ok(damaged)
    }

    /// Looks for rows that do not open, of everyone on this device. Reads every row.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn damaged(&self) -> Result<Vec<DamagedRow>, StoreError> {
        let mut inner = self.lock().await?;
        let mut damaged = Vec::new();
        for (table, name) in SEALED {
            let mut last = 0;
            while let Some(batch) = inner.batch(table, name, last).await? {
                last = batch.last;
                damaged.extend(batch.damaged);
            }
        }
        Ok(damaged)
    }
}

/// Some rows of a table, in the order of their row ids.
struct Batch {
    last: i64,
    opened: Vec<(i64, String, zeroize::Zeroizing<Vec<u8>>)>,
    damaged: Vec<DamagedRow>,
}

impl Inner {
    async fn try_rotate(
        &mut self,
        hooks: &dyn Hooks,
        operation: &'static str,
        renewed: &Sealer,
    ) -> Result<Vec<DamagedRow>, StoreError> {
        let mut damaged = Vec::new();
        let check = renewed.seal("key_check", KEY_CHECK_ROW, KEY_CHECK);
        let update = Statement::new("update key_check set sealed = ? where id = 1").bind(check);
        let mut done = 0;
        for statement in [Statement::new("begin immediate"), update] {
            self.execute(statement).await?;
            done += 1;
            hooks.at(HookPoint { operation, place: HookPlace::Inside(done) }).await?;
        }
        for (table, name) in SEALED {
            let mut last = 0;
            while let Some(batch) = self.batch(table, name, last).await? {
                last = batch.last;
                damaged.extend(batch.damaged);
                for (rowid, row, content) in batch.opened {
                    let sealed = renewed.seal(table, &row, &content);
                    let sql = format!("update {table} set sealed = ? where rowid = ?");
                    let update = Statement::new(AssertSqlSafe(sql)).bind(sealed).bind(rowid);
                    self.execute(update).await?;
                    done += 1;
                    hooks.at(HookPoint { operation, place: HookPlace::Inside(done) }).await?;
                }
            }
        }
        self.execute(Statement::new("commit")).await?;
        Ok(damaged)
    }

    /// Whether the key opens any row at all; a store of an older schema lacks some tables.
    pub(super) async fn opens_something(&mut self) -> Result<bool, StoreError> {
        for (table, name) in SEALED {
            let exists = Statement::new("select 1 from sqlite_schema where name = ?").bind(table);
            if fetch(&mut self.connection, exists).await?.is_empty() {
                continue;
            }
            if self.batch(table, name, 0).await?.is_some_and(|batch| !batch.opened.is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The rows after row id `last`; `None` at the end.
    async fn batch(
        &mut self,
        table: &'static str,
        name: &'static str,
        last: i64,
    ) -> Result<Option<Batch>, StoreError> {
        let select = Statement::new(AssertSqlSafe(format!(
            "select rowid as position, {name} as name, sealed from {table} \
             where rowid > ? order by rowid limit {BATCH_ROWS}"
        )));
        let (connection, sealer) = self.parts();
        let rows = fetch(connection, select.bind(last)).await?;
        let mut batch = Batch { last, opened: Vec::new(), damaged: Vec::new() };
        for row in &rows {
            let columns = Columns::new(table, row);
            batch.last = columns.time("position")?;
            match columns.unsealed(sealer) {
                Ok(content) => {
                    batch.opened.push((batch.last, columns.name().to_owned(), content));
                }
                Err(StoreError::Damaged { table, row }) => {
                    batch.damaged.push(DamagedRow { table, row });
                }
                Err(error) => return Err(error),
            }
        }
        Ok((!rows.is_empty()).then_some(batch))
    }
}
