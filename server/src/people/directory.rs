//! The staff: who there is, what they sign in with, who may no longer come in.

use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::PersonId;
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;

use super::{
    Act, audit, checked_name, exists_already, number, owed, reference_changed,
    reference_changed_after,
};
use crate::ledger::{Event, Numbered};
use crate::{Error, Result};

/// A person as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The number.
    pub person: PersonId,
    /// The name.
    pub name: String,
    /// What it signs in to the office with, if it does.
    pub login: Option<String>,
    /// Since when it may no longer come in.
    pub disabled_ms: Option<WallMs>,
}

/// Adds a person; with a `login` it can be given a password and sign in to the office.
///
/// # Errors
/// If the login is taken, or a name is empty or too long.
pub async fn add(
    conn: &mut SqliteConnection,
    act: Act,
    name: &str,
    login: Option<&str>,
) -> Result<PersonId> {
    let name = checked_name(name)?;
    let login = login.map(checked_name).transpose()?;
    let person = number::next(conn, Numbered::Person, act.at_ms).await?;
    sqlx::query("insert into person (person, name, login) values (?, ?, ?)")
        .bind(person)
        .bind(name)
        .bind(login)
        .execute(&mut *conn)
        .await
        .map_err(exists_already)?;
    audit::append(conn, act, "person_added", &json!({ "person": person })).await?;
    reference_changed(conn).await?;
    Ok(PersonId(person))
}

/// Gives a person another name or login; without a login, the person keeps what it has.
///
/// # Errors
/// If there is no such person, the login is taken, or a name is empty or too long.
pub async fn edit(
    conn: &mut SqliteConnection,
    act: Act,
    person: PersonId,
    name: &str,
    login: Option<&str>,
) -> Result<()> {
    let login = login.map(checked_name).transpose()?;
    let changed =
        sqlx::query("update person set name = ?, login = coalesce(?, login) where person = ?")
            .bind(checked_name(name)?)
            .bind(login)
            .bind(person.0)
            .execute(&mut *conn)
            .await
            .map_err(exists_already)?;
    if changed.rows_affected() == 0 {
        return Err(Error::problem(ProblemCode::NotFound));
    }
    audit::append(conn, act, "person_edited", &json!({ "person": person })).await?;
    reference_changed(conn).await
}

/// Everyone, by number.
///
/// # Errors
/// If the database does not answer.
pub async fn list(conn: &mut SqliteConnection) -> Result<Vec<Person>> {
    let rows: Vec<(u32, String, Option<String>, Option<i64>)> =
        sqlx::query_as("select person, name, login, disabled_ms from person order by person")
            .fetch_all(conn)
            .await?;
    let people = rows.into_iter().map(|(person, name, login, disabled_ms)| Person {
        person: PersonId(person),
        name,
        login,
        disabled_ms,
    });
    Ok(people.collect())
}

/// From the next request on the person comes in nowhere; what it wrote stays.
///
/// # Errors
/// If there is no such person.
pub async fn disable(conn: &mut SqliteConnection, act: Act, person: PersonId) -> Result<()> {
    let changed =
        sqlx::query("update person set disabled_ms = coalesce(disabled_ms, ?) where person = ?")
            .bind(act.at_ms)
            .bind(person.0)
            .execute(&mut *conn)
            .await?;
    if changed.rows_affected() == 0 {
        return Err(Error::problem(ProblemCode::NotFound));
    }
    end_office_sessions(conn, act, person).await?;
    audit::append(conn, act, "person_disabled", &json!({ "person": person })).await?;
    let reference = reference_changed_after(conn, 0).await?;
    owed::owe(conn, &Event::PersonDisabled { person, at: act.at_ms, reference }).await
}

/// Disables a person again of whom the ledger says so; says whether that was news.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn disable_again(
    conn: &mut SqliteConnection,
    act: Act,
    person: PersonId,
    at_ms: WallMs,
) -> Result<bool> {
    let changed =
        sqlx::query("update person set disabled_ms = ? where person = ? and disabled_ms is null")
            .bind(at_ms)
            .bind(person.0)
            .execute(&mut *conn)
            .await?
            .rows_affected()
            > 0;
    end_office_sessions(conn, act, person).await?;
    Ok(changed)
}

/// Sets the password's hash (see [`super::password::hash`]); ends the person's office sessions.
///
/// # Errors
/// If there is no such person, or it has no login.
pub async fn set_password(
    conn: &mut SqliteConnection,
    act: Act,
    person: PersonId,
    password_hash: &str,
) -> Result<()> {
    let changed =
        sqlx::query("update person set password_hash = ? where person = ? and login is not null")
            .bind(password_hash)
            .bind(person.0)
            .execute(&mut *conn)
            .await?;
    if changed.rows_affected() == 0 {
        return Err(Error::problem(ProblemCode::NotFound));
    }
    end_office_sessions(conn, act, person).await?;
    audit::append(conn, act, "password_set", &json!({ "person": person })).await
}

/// Everyone with this login, disabled or not.
///
/// # Errors
/// If there is none.
pub async fn by_login(conn: &mut SqliteConnection, login: &str) -> Result<PersonId> {
    let person: Option<u32> = sqlx::query_scalar("select person from person where login = ?")
        .bind(login)
        .fetch_optional(conn)
        .await?;
    person.map(PersonId).ok_or(Error::problem(ProblemCode::NotFound))
}

async fn end_office_sessions(
    conn: &mut SqliteConnection,
    act: Act,
    person: PersonId,
) -> Result<()> {
    sqlx::query("update office_session set ended_ms = ? where person = ? and ended_ms is null")
        .bind(act.at_ms)
        .bind(person.0)
        .execute(conn)
        .await?;
    Ok(())
}
