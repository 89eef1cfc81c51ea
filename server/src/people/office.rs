//! Office sessions: a cookie whose secret the server keeps only as a hash. Each is a device of its
//! own, with its own session and command numbers.

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;
use sync_core::environment::Randomness;
use sync_core::model::id::{DeviceId, PersonId, SessionId};
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;

use super::{Act, audit, device, number};
use crate::ledger::Numbered;
use crate::{Error, Result};

/// A session's life.
pub const LIFE_MS: i64 = 12 * 3_600_000;
/// How long it may stay unused.
pub const IDLE_MS: i64 = 2 * 3_600_000;
/// How long a sign-in link is good, when nobody says otherwise.
pub const LINK_LIFE_MS: i64 = 10 * 60_000;
/// How long it is known that a link was used or has ended: so long it is told.
const LINK_REMEMBERED_MS: i64 = 24 * 3_600_000;
/// How exactly its use is noted: a read a second needs no write a second.
const NOTED_EVERY_MS: i64 = 60_000;

/// Someone signed in to the office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeSession {
    /// The person.
    pub person: PersonId,
    /// The session's device.
    pub device: DeviceId,
    /// What begins its fact keys.
    pub session: SessionId,
    /// The token that its writes carry against cross-site requests.
    pub csrf: String,
    /// When it ends, used or not.
    pub expires_ms: WallMs,
}

/// What the login's row says before the password was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The person.
    pub person: PersonId,
    /// Its name.
    pub name: String,
    /// Its password's hash, if it has one.
    pub password_hash: Option<String>,
    /// Whether it may come in at all.
    pub is_disabled: bool,
}

/// Looks a login up.
///
/// # Errors
/// If the database does not answer.
pub async fn candidate(conn: &mut SqliteConnection, login: &str) -> Result<Option<Candidate>> {
    let row: Option<(u32, String, Option<String>, Option<i64>)> = sqlx::query_as(
        "select person, name, password_hash, disabled_ms from person where login = ?",
    )
    .bind(login)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(person, name, password_hash, disabled_ms)| Candidate {
        person: PersonId(person),
        name,
        password_hash,
        is_disabled: disabled_ms.is_some(),
    }))
}

/// Opens a session; answers it with the cookie's secret, which is kept nowhere.
///
/// # Errors
/// If the database does not answer.
pub async fn open(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
    person: PersonId,
    randomness: &dyn Randomness,
) -> Result<(OfficeSession, String)> {
    let device = number::next(conn, Numbered::Device, now_ms).await?;
    sqlx::query(
        "insert into device (device, person, name, enrolled_ms) values (?, ?, 'office', ?)",
    )
    .bind(device)
    .bind(person.0)
    .bind(now_ms)
    .execute(&mut *conn)
    .await?;
    let secret = random_text(randomness);
    let mut session = [0; 8];
    randomness.fill(&mut session);
    let opened = OfficeSession {
        person,
        device: DeviceId(device),
        session: SessionId(session),
        csrf: random_text(randomness),
        expires_ms: now_ms + LIFE_MS,
    };
    sqlx::query(
        "insert into office_session (secret_hash, person, device, session, csrf, created_ms,
           last_used_ms, expires_ms)
         values (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(secret_hash(&secret))
    .bind(person.0)
    .bind(device)
    .bind(session.to_vec())
    .bind(&opened.csrf)
    .bind(now_ms)
    .bind(now_ms)
    .bind(opened.expires_ms)
    .execute(&mut *conn)
    .await?;
    let act = Act { at_ms: now_ms, by: Some(person) };
    audit::append(conn, act, "office_signed_in", &json!({ "device": device })).await?;
    Ok((opened, secret))
}

#[derive(sqlx::FromRow)]
struct Row {
    person: u32,
    device: u32,
    session: Vec<u8>,
    csrf: String,
    last_used_ms: i64,
    expires_ms: i64,
    ended_ms: Option<i64>,
    revoked_ms: Option<i64>,
    disabled_ms: Option<i64>,
}

/// Finds the session of a cookie's secret, and whether its use is to be noted by [`note_use`].
///
/// # Errors
/// `not_signed_in` if there is none or it ended; `account_disabled`.
pub async fn find(
    conn: &mut SqliteConnection,
    secret: &str,
    now_ms: WallMs,
) -> Result<(OfficeSession, bool)> {
    let row: Option<Row> = sqlx::query_as(
        "select s.person, s.device, s.session, s.csrf, s.last_used_ms, s.expires_ms, s.ended_ms,
           d.revoked_ms, p.disabled_ms
         from office_session s
           join device d on d.device = s.device
           join person p on p.person = s.person
         where s.secret_hash = ?",
    )
    .bind(secret_hash(secret))
    .fetch_optional(conn)
    .await?;
    let row = row.ok_or(Error::problem(ProblemCode::NotSignedIn))?;
    if row.disabled_ms.is_some() {
        return Err(Error::problem(ProblemCode::AccountDisabled));
    }
    let over = row.ended_ms.is_some()
        || row.revoked_ms.is_some()
        || row.expires_ms <= now_ms
        || row.last_used_ms + IDLE_MS <= now_ms;
    if over {
        return Err(Error::problem(ProblemCode::NotSignedIn));
    }
    let bytes = row.session.try_into().map_err(|_| Error::Broken("a session of not 8 bytes"))?;
    let session = OfficeSession {
        person: PersonId(row.person),
        device: DeviceId(row.device),
        session: SessionId(bytes),
        csrf: row.csrf,
        expires_ms: row.expires_ms,
    };
    Ok((session, row.last_used_ms + NOTED_EVERY_MS <= now_ms))
}

/// Notes that a session is in use.
///
/// # Errors
/// If the database does not answer.
pub async fn note_use(
    conn: &mut SqliteConnection,
    session: SessionId,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query("update office_session set last_used_ms = ? where session = ?")
        .bind(now_ms)
        .bind(session.0.to_vec())
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// If the database does not answer.
pub async fn close(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
    session: &OfficeSession,
) -> Result<()> {
    sqlx::query("update office_session set ended_ms = ? where session = ? and ended_ms is null")
        .bind(now_ms)
        .bind(session.session.0.to_vec())
        .execute(&mut *conn)
        .await?;
    let act = Act { at_ms: now_ms, by: Some(session.person) };
    audit::append(conn, act, "office_signed_out", &json!({ "device": session.device })).await
}

/// How a sign-in link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It lets this person in, once.
    Good(PersonId),
    /// It was used or has ended.
    Over,
    /// There is none, or it ended long ago.
    Unknown,
}

/// Makes a one-time sign-in link for a person: its token, which is kept nowhere.
///
/// # Errors
/// If there is no such person.
pub async fn sign_in_link(
    conn: &mut SqliteConnection,
    act: Act,
    person: PersonId,
    life_ms: i64,
    randomness: &dyn Randomness,
) -> Result<String> {
    device::person_exists(conn, person).await?;
    sqlx::query("delete from sign_in_link where expires_ms <= ?")
        .bind(act.at_ms - LINK_REMEMBERED_MS)
        .execute(&mut *conn)
        .await?;
    let token = random_text(randomness);
    sqlx::query(
        "insert into sign_in_link (token_hash, person, created_ms, expires_ms) values (?, ?, ?, ?)",
    )
    .bind(secret_hash(&token))
    .bind(person.0)
    .bind(act.at_ms)
    .bind(act.at_ms.saturating_add(life_ms))
    .execute(&mut *conn)
    .await?;
    audit::append(conn, act, "sign_in_link_made", &json!({ "person": person })).await?;
    Ok(token)
}

/// How a link stands; looking does not use it.
///
/// # Errors
/// If the database does not answer.
pub async fn link_state(
    conn: &mut SqliteConnection,
    token: &str,
    now_ms: WallMs,
) -> Result<LinkState> {
    let row: Option<(u32, i64, Option<i64>)> =
        sqlx::query_as("select person, expires_ms, used_ms from sign_in_link where token_hash = ?")
            .bind(secret_hash(token))
            .fetch_optional(conn)
            .await?;
    Ok(match row {
        None => LinkState::Unknown,
        Some((person, expires_ms, None)) if now_ms < expires_ms => {
            LinkState::Good(PersonId(person))
        }
        Some(_) => LinkState::Over,
    })
}

/// Uses a link and opens the session it is for; the state of one that is not good.
///
/// # Errors
/// `account_disabled`; then the link stays good, and the caller rolls back.
pub async fn use_link(
    conn: &mut SqliteConnection,
    token: &str,
    now_ms: WallMs,
    randomness: &dyn Randomness,
) -> Result<Result<(OfficeSession, String), LinkState>> {
    let state = link_state(conn, token, now_ms).await?;
    let LinkState::Good(person) = state else { return Ok(Err(state)) };
    let disabled_ms: Option<i64> =
        sqlx::query_scalar("select disabled_ms from person where person = ?")
            .bind(person.0)
            .fetch_one(&mut *conn)
            .await?;
    if disabled_ms.is_some() {
        return Err(Error::problem(ProblemCode::AccountDisabled));
    }
    // The condition, not the look before it, is what makes it one-time.
    let used =
        sqlx::query("update sign_in_link set used_ms = ? where token_hash = ? and used_ms is null")
            .bind(now_ms)
            .bind(secret_hash(token))
            .execute(&mut *conn)
            .await?
            .rows_affected();
    if used == 0 {
        return Ok(Err(LinkState::Over));
    }
    Ok(Ok(open(conn, now_ms, person, randomness).await?))
}

fn random_text(randomness: &dyn Randomness) -> String {
    let mut bytes = [0; 32];
    randomness.fill(&mut bytes);
    BASE64URL_NOPAD.encode(&bytes)
}

fn secret_hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
