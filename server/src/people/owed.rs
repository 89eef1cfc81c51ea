//! What a transaction owes the ledger. Whoever commits one that may owe something calls
//! [`crate::sync::settle`] right before, so that the ledger has it first (decision 15); what nobody
//! settled is written by the next run of the jobs, and before the next start serves.

use sqlx::SqliteConnection;

use crate::ledger::Event;
use crate::{Error, Result};

/// Remembers a line for the ledger.
///
/// # Errors
/// If the database does not answer.
pub async fn owe(conn: &mut SqliteConnection, event: &Event) -> Result<()> {
    let text = serde_json::to_string(event)
        .map_err(|_| Error::Broken("an entry of the ledger does not write"))?;
    sqlx::query("insert into ledger_due (event) values (?)").bind(text).execute(conn).await?;
    Ok(())
}

/// What is owed, in its order.
///
/// # Errors
/// If the database does not answer, or holds what nobody wrote.
pub async fn owed(conn: &mut SqliteConnection) -> Result<Vec<(i64, Event)>> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("select id, event from ledger_due order by id").fetch_all(conn).await?;
    let event = |(id, text): (i64, String)| {
        let event = serde_json::from_str(&text);
        Ok((id, event.map_err(|_| Error::Broken("what is owed to the ledger does not read"))?))
    };
    rows.into_iter().map(event).collect()
}

/// Forgets what is owed up to `last`: the ledger has it.
///
/// # Errors
/// If the database does not answer.
pub async fn paid(conn: &mut SqliteConnection, last: i64) -> Result<()> {
    sqlx::query("delete from ledger_due where id <= ?").bind(last).execute(conn).await?;
    Ok(())
}
