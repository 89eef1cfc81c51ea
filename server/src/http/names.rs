//! Names of people, for answers that carry numbers.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::SqliteConnection;
use sync_core::model::id::PersonId;

use crate::Result;

/// The names of these people.
///
/// # Errors
/// If the database does not answer.
pub async fn names(
    conn: &mut SqliteConnection,
    people: impl IntoIterator<Item = PersonId>,
) -> Result<BTreeMap<PersonId, String>> {
    let wanted: BTreeSet<PersonId> = people.into_iter().collect();
    let rows: Vec<(u32, String)> = sqlx::query_as(
        "select person, name from person where person in (select value from json_each(?))",
    )
    .bind(serde_json::json!(wanted).to_string())
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(person, name)| (PersonId(person), name)).collect())
}
