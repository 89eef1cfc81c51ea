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
    let mut names = BTreeMap::new();
    for person in wanted {
        let name: Option<String> = sqlx::query_scalar("select name from person where person = ?")
            .bind(person.0)
            .fetch_optional(&mut *conn)
            .await?;
        names.extend(name.map(|name| (person, name)));
    }
    Ok(names)
}
