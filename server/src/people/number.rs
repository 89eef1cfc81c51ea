//! Numbers of people and devices: each is given once in the life of an installation, whatever
//! becomes of its database (decision 17).

use sqlx::SqliteConnection;
use sync_core::model::time::WallMs;

use super::owed;
use crate::ledger::{Event, Numbered};
use crate::{Error, Result};

/// Numbers that one line of the ledger covers.
pub const BLOCK: u32 = 1_000;

/// Gives the next number (R0.29).
///
/// # Errors
/// If there is none left, or the database does not answer.
pub async fn next(conn: &mut SqliteConnection, numbers: Numbered, now_ms: WallMs) -> Result<u32> {
    let highest = match numbers {
        Numbered::Device => "select coalesce(max(device), 0) from device",
        Numbered::Person => "select coalesce(max(person), 0) from person",
    };
    let there: i64 = sqlx::query_scalar(highest).fetch_one(&mut *conn).await?;
    let row: Option<(i64, i64)> = sqlx::query_as(
        "update number_given set given = max(given, ?) + 1 where numbers = ?
         returning given, reserved",
    )
    .bind(there)
    .bind(numbers.code())
    .fetch_optional(&mut *conn)
    .await?;
    let (given, reserved) = row.ok_or(Error::Broken("numbers of a kind that is none"))?;
    let number = u32::try_from(given).map_err(|_| Error::Broken("no numbers are left"))?;
    if given > reserved {
        let to = number.saturating_add(BLOCK - 1);
        sqlx::query("update number_given set reserved = ? where numbers = ?")
            .bind(to)
            .bind(numbers.code())
            .execute(&mut *conn)
            .await?;
        owed::owe(conn, &Event::Reserved { numbers, from: number, to, at: now_ms }).await?;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{START_MS, World};

    #[tokio::test]
    async fn a_thousand_numbers_owe_the_ledger_one_line() {
        let world = World::new().await;
        let mut conn = world.write().await;
        for expected in 1..=1_001 {
            let number = next(&mut conn, Numbered::Person, START_MS).await.expect("a number");
            assert_eq!(number, expected);
        }
        let owed = owed::owed(&mut conn).await.expect("reads");
        let block =
            |from, to| Event::Reserved { numbers: Numbered::Person, from, to, at: START_MS };
        let events: Vec<Event> = owed.into_iter().map(|(_, event)| event).collect();
        assert_eq!(events, [block(1, 1_000), block(1_001, 2_000)]);
        // The other kind counts for itself.
        assert_eq!(next(&mut conn, Numbered::Device, START_MS).await.expect("a number"), 1);
    }

    #[tokio::test]
    async fn no_more_numbers_is_an_error_and_no_number_again() {
        let world = World::new().await;
        let mut conn = world.write().await;
        sqlx::query("update number_given set given = ?")
            .bind(u32::MAX - 1)
            .execute(&mut *conn)
            .await
            .expect("updates");
        let last = next(&mut conn, Numbered::Device, START_MS).await.expect("the last");
        assert_eq!(last, u32::MAX);
        assert!(next(&mut conn, Numbered::Device, START_MS).await.is_err());
    }
}
