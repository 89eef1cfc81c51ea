//! Enrolment: a one-time code of 80 bits lets one phone have its (person, device) key certified.
//!
//! The code's first 4 characters say which code is meant, so that a wrong one costs that code one
//! of its five tries; the other 12 carry 60 bits.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::VerifyingKey;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;
use subtle::ConstantTimeEq as _;
use sync_core::environment::Randomness;
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::model::time::WallMs;
use sync_core::protocol::enrolment::{EnrolRequest, EnrolResponse};
use sync_core::protocol::identity::Certificate;
use sync_core::protocol::problem::ProblemCode;

use super::{Act, audit, checked_name, device, number};
use crate::keys::Keys;
use crate::ledger::Numbered;
use crate::{Error, Result};

/// A code as it is shown, once.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

/// Tries that a code has.
pub const TRIES: i64 = 5;

const SELECTOR_CHARACTERS: usize = 4;
const CODE_CHARACTERS: usize = 16;

impl Code {
    fn new(randomness: &dyn Randomness) -> Self {
        let mut bytes = [0; 10];
        randomness.fill(&mut bytes);
        Self(BASE32_NOPAD.encode(&bytes))
    }

    /// Reads what was typed: case, hyphens and spaces do not matter, and the digits that the
    /// alphabet has not are the letters they look like.
    fn read(text: &str) -> Option<Self> {
        let code: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | ' '))
            .map(|c| match c.to_ascii_uppercase() {
                '0' => 'O',
                '1' => 'I',
                '8' => 'B',
                other => other,
            })
            .collect();
        let plain = code.len() == CODE_CHARACTERS && BASE32_NOPAD.decode(code.as_bytes()).is_ok();
        plain.then_some(Self(code))
    }

    fn selector(&self) -> &str {
        &self.0[..SELECTOR_CHARACTERS]
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(format!("fieldbook/enrolment/1 {}", self.0).as_bytes()).into()
    }

    /// In groups of four, as people read it.
    pub fn shown(&self) -> String {
        let groups: Vec<&str> =
            (0..CODE_CHARACTERS).step_by(4).map(|i| &self.0[i..i + 4]).collect();
        groups.join("-")
    }

    /// What the QR code says: where, with which code, and whose certificate to expect.
    pub fn invitation(&self, public_url: &str, keys: &Keys) -> String {
        json!({ "url": public_url, "code": self.shown(), "fingerprint": keys.fingerprint() })
            .to_string()
    }
}

/// Makes a code for a person; codes made for it before and not used yet end.
///
/// # Errors
/// If there is no such person.
pub async fn invite(
    conn: &mut SqliteConnection,
    act: Act,
    person: PersonId,
    life_ms: i64,
    randomness: &dyn Randomness,
) -> Result<Code> {
    device::person_exists(conn, person).await?;
    sqlx::query("update enrolment_code set tries_left = 0 where person = ? and used_ms is null")
        .bind(person.0)
        .execute(&mut *conn)
        .await?;
    let code = free_code(conn, act.at_ms, randomness).await?;
    sqlx::query(
        "insert into enrolment_code (selector, code_hash, person, created_ms, expires_ms, tries_left)
         values (?, ?, ?, ?, ?, ?)",
    )
    .bind(code.selector())
    .bind(code.hash().to_vec())
    .bind(person.0)
    .bind(act.at_ms)
    .bind(act.at_ms.saturating_add(life_ms))
    .bind(TRIES)
    .execute(&mut *conn)
    .await?;
    audit::append(conn, act, "enrolment_code_made", &json!({ "person": person })).await?;
    Ok(code)
}

/// A code whose first characters name no other one that may still be asked for.
async fn free_code(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
    randomness: &dyn Randomness,
) -> Result<Code> {
    sqlx::query("delete from enrolment_code where expires_ms <= ?")
        .bind(now_ms)
        .execute(&mut *conn)
        .await?;
    for _ in 0..16 {
        let code = Code::new(randomness);
        let taken: Option<i64> =
            sqlx::query_scalar("select 1 from enrolment_code where selector = ?")
                .bind(code.selector())
                .fetch_optional(&mut *conn)
                .await?;
        if taken.is_none() {
            return Ok(code);
        }
    }
    Err(Error::problem(ProblemCode::Unavailable))
}

#[derive(sqlx::FromRow)]
struct Row {
    code_hash: Vec<u8>,
    person: u32,
    expires_ms: i64,
    tries_left: i64,
    used_ms: Option<i64>,
    device: Option<u32>,
}

/// What a request for enrolment came to. Both are to be committed: a wrong code costs a try.
#[derive(Debug)]
pub enum Enrolled {
    /// The device is there, with its certificate.
    Device(Box<EnrolResponse>),
    /// The code is wrong, used or expired.
    WrongCode,
}

/// Which code somebody tries, if what was typed can be one at all: the part that is no secret.
pub fn selector_of(typed: &str) -> Option<String> {
    Code::read(typed).map(|code| code.selector().to_owned())
}

/// Certifies the key of a phone that shows a code. The same key may ask again with the same code,
/// in case the answer was lost; it gets the same certificate.
///
/// # Errors
/// If the request does not parse, or the person was disabled.
pub async fn enrol(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
    keys: &Keys,
    request: &EnrolRequest,
) -> Result<Enrolled> {
    let key = public_key(&request.public_key)?;
    let device_name = checked_name(&request.device_name)?;
    let Some(code) = Code::read(&request.code) else { return Ok(Enrolled::WrongCode) };
    let row: Option<Row> = sqlx::query_as(
        "select code_hash, person, expires_ms, tries_left, used_ms, device
         from enrolment_code where selector = ?",
    )
    .bind(code.selector())
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(Enrolled::WrongCode) };
    let right: bool = row.code_hash.as_slice().ct_eq(&code.hash()).into();
    if row.expires_ms <= now_ms || row.tries_left <= 0 {
        return Ok(Enrolled::WrongCode);
    }
    if !right {
        sqlx::query("update enrolment_code set tries_left = tries_left - 1 where selector = ?")
            .bind(code.selector())
            .execute(&mut *conn)
            .await?;
        return Ok(Enrolled::WrongCode);
    }
    let person = PersonId(row.person);
    let (name, disabled_ms): (String, Option<i64>) =
        sqlx::query_as("select name, disabled_ms from person where person = ?")
            .bind(person.0)
            .fetch_one(&mut *conn)
            .await?;
    if disabled_ms.is_some() {
        return Err(Error::problem(ProblemCode::AccountDisabled));
    }
    let certificate = if row.used_ms.is_some() {
        match certificate_of(conn, row.device, &key).await? {
            Some(certificate) => certificate,
            None => return Ok(Enrolled::WrongCode),
        }
    } else {
        let new = NewDevice { person, name: device_name, key, selector: code.selector() };
        add_device(conn, now_ms, keys, &new).await?
    };
    Ok(Enrolled::Device(Box::new(EnrolResponse {
        certificate,
        installation_key: BASE64URL_NOPAD.encode(keys.installation.verifying_key().as_bytes()),
        person_name: name,
        server_time_ms: now_ms,
    })))
}

struct NewDevice<'a> {
    person: PersonId,
    name: &'a str,
    key: VerifyingKey,
    selector: &'a str,
}

async fn add_device(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
    keys: &Keys,
    new: &NewDevice<'_>,
) -> Result<Certificate> {
    let device = number::next(conn, Numbered::Device, now_ms).await?;
    sqlx::query(
        "insert into device (device, person, name, public_key, enrolled_ms)
         values (?, ?, ?, ?, ?)",
    )
    .bind(device)
    .bind(new.person.0)
    .bind(new.name)
    .bind(new.key.as_bytes().to_vec())
    .bind(now_ms)
    .execute(&mut *conn)
    .await?;
    let certificate =
        Certificate::issue(&keys.installation, new.person, DeviceId(device), &new.key, now_ms);
    let json = serde_json::to_string(&certificate)
        .map_err(|_| Error::Broken("a certificate does not write"))?;
    sqlx::query("update device set certificate = ? where device = ?")
        .bind(json)
        .bind(device)
        .execute(&mut *conn)
        .await?;
    sqlx::query("update enrolment_code set used_ms = ?, device = ? where selector = ?")
        .bind(now_ms)
        .bind(device)
        .bind(new.selector)
        .execute(&mut *conn)
        .await?;
    let act = Act { at_ms: now_ms, by: Some(new.person) };
    let detail = json!({ "person": new.person, "device": device });
    audit::append(conn, act, "device_enrolled", &detail).await?;
    Ok(certificate)
}

/// The certificate of a device that has exactly this key and was not revoked.
async fn certificate_of(
    conn: &mut SqliteConnection,
    device: Option<u32>,
    key: &VerifyingKey,
) -> Result<Option<Certificate>> {
    let json: Option<String> = sqlx::query_scalar(
        "select certificate from device
         where device = ? and public_key = ? and revoked_ms is null",
    )
    .bind(device)
    .bind(key.as_bytes().to_vec())
    .fetch_optional(conn)
    .await?;
    let read = |json: String| serde_json::from_str(&json);
    json.map(read).transpose().map_err(|_| Error::Broken("a certificate that does not read"))
}

/// A key that can sign: no small-order point.
fn public_key(text: &str) -> Result<VerifyingKey> {
    let bytes: Option<[u8; 32]> =
        BASE64URL_NOPAD.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .filter(|key| !key.is_weak())
        .ok_or_else(|| Error::malformed("public_key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = Code::new(&Seeded::new(1));
        let shown = code.shown();
        assert_eq!(shown.len(), 19);
        let spaced = shown.to_lowercase().replace('-', " ");
        let looks_like = shown.replace('O', "0").replace('I', "1").replace('B', "8");
        for typed in [&shown, &shown.replace('-', ""), &spaced, &looks_like] {
            assert!(Code::read(typed) == Some(code.clone()), "{typed}");
        }
        for typed in ["", "ABCD", &shown[1..], &shown.replace('-', "."), &format!("{shown}A")] {
            assert!(Code::read(typed).is_none(), "{typed}");
        }
    }
}
