//! Nonces and access tokens. Both are stateless: any server with the installation's keys checks
//! them. A phone has no refresh token: it signs a nonce again.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::VerifyingKey;
use hmac::{Hmac, Mac as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sync_core::environment::Randomness;
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::model::time::WallMs;
use sync_core::protocol::enrolment::{TokenRequest, TokenResponse};
use sync_core::protocol::identity;
use sync_core::protocol::problem::ProblemCode;

use crate::keys::{Keys, TokenKey};
use crate::sync::Bearer;
use crate::{Error, Result};

/// Life of an access token.
pub const TOKEN_LIFE_S: i64 = 15 * 60;
/// How long a nonce may be signed.
pub const NONCE_LIFE_MS: i64 = 2 * 60 * 1_000;
/// By how much servers' clocks may differ.
pub const LEEWAY_S: i64 = 60;

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// The person, as text: RFC 7519 wants a string.
    sub: String,
    /// The device.
    device: u32,
    /// Issued at, seconds.
    iat: i64,
    /// Expires at, seconds.
    exp: i64,
}

/// Issues a token.
///
/// # Errors
/// If it cannot be written.
pub fn issue(keys: &Keys, who: Bearer, now_ms: WallMs) -> Result<TokenResponse> {
    let now_s = now_ms / 1_000;
    let claims = Claims {
        sub: who.person.to_string(),
        device: who.device.0,
        iat: now_s,
        exp: now_s + TOKEN_LIFE_S,
    };
    let header = Header { kid: Some(keys.token.kid.clone()), ..Header::new(Algorithm::HS256) };
    let key = EncodingKey::from_secret(&keys.token.secret);
    let access_token = jsonwebtoken::encode(&header, &claims, &key)
        .map_err(|_| Error::Broken("a token does not write"))?;
    Ok(TokenResponse { access_token, expires_in_s: TOKEN_LIFE_S.unsigned_abs() })
}

/// Whose token it is. Whether they may still come in is [`super::device::admit`]'s to say.
///
/// # Errors
/// `not_signed_in` for anything this installation did not issue, `token_expired` after its life.
pub fn verify(keys: &Keys, token: &str, now_ms: WallMs) -> Result<Bearer> {
    let not_ours = || Error::problem(ProblemCode::NotSignedIn);
    let now_s = now_ms / 1_000;
    let header = jsonwebtoken::decode_header(token).map_err(|_| not_ours())?;
    let kid = header.kid.ok_or_else(not_ours)?;
    let key = key_of(keys, &kid, now_s).ok_or_else(not_ours)?;
    // The algorithm is pinned, whatever the header says. The library's own test of the times reads
    // the system's clock: ours is below.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_secret(&key.secret);
    let claims =
        jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|_| not_ours())?.claims;
    if claims.iat > now_s + LEEWAY_S {
        return Err(not_ours());
    }
    if claims.exp + LEEWAY_S <= now_s {
        return Err(Error::problem(ProblemCode::TokenExpired));
    }
    let person = claims.sub.parse().map_err(|_| not_ours())?;
    Ok(Bearer { person, device: DeviceId(claims.device) })
}

/// The key of a `kid`; the one before the last rotation for one token life after it.
fn key_of<'a>(keys: &'a Keys, kid: &str, now_s: i64) -> Option<&'a TokenKey> {
    if keys.token.kid == kid {
        return Some(&keys.token);
    }
    let until_s = keys.token.created_ms / 1_000 + TOKEN_LIFE_S + LEEWAY_S;
    keys.token_before.as_ref().filter(|before| before.kid == kid && now_s < until_s)
}

const NONCE_TIME_BYTES: usize = 8;
const NONCE_RANDOM_BYTES: usize = 16;
const NONCE_MAC_BYTES: usize = 16;
const NONCE_BYTES: usize = NONCE_TIME_BYTES + NONCE_RANDOM_BYTES + NONCE_MAC_BYTES;

/// A nonce: the time, random bytes and an HMAC over both.
pub fn nonce(keys: &Keys, now_ms: WallMs, randomness: &dyn Randomness) -> String {
    let mut bytes = [0; NONCE_BYTES];
    let (body, mac) = bytes.split_at_mut(NONCE_BYTES - NONCE_MAC_BYTES);
    body[..NONCE_TIME_BYTES].copy_from_slice(&now_ms.to_be_bytes());
    randomness.fill(&mut body[NONCE_TIME_BYTES..]);
    let full = nonce_mac(&keys.token, body).finalize().into_bytes();
    mac.copy_from_slice(&full[..NONCE_MAC_BYTES]);
    BASE64URL_NOPAD.encode(&bytes)
}

/// Reads a nonce of ours that is not older than its life.
fn read_nonce(keys: &Keys, text: &str, now_ms: WallMs) -> Option<[u8; NONCE_BYTES]> {
    let bytes: [u8; NONCE_BYTES] = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()?;
    let (body, mac) = bytes.split_at(NONCE_BYTES - NONCE_MAC_BYTES);
    let ours = [Some(&keys.token), keys.token_before.as_ref()]
        .into_iter()
        .flatten()
        .any(|key| nonce_mac(key, body).verify_truncated_left(mac).is_ok());
    let issued_ms = i64::from_be_bytes(body[..NONCE_TIME_BYTES].try_into().ok()?);
    let age_ms = now_ms.checked_sub(issued_ms)?;
    let fresh = (-LEEWAY_S * 1_000..NONCE_LIFE_MS).contains(&age_ms);
    (ours && fresh).then_some(bytes)
}

fn nonce_mac(key: &TokenKey, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(&key.secret).expect("HMAC takes a key of any length");
    mac.update(b"fieldbook/nonce-mac/1");
    mac.update(body);
    mac
}

/// Checks a phone's signature over a nonce of ours.
///
/// # Errors
/// If the nonce is too old or not ours, or the signature is not by this key.
pub fn check_signature(
    keys: &Keys,
    request: &TokenRequest,
    public_key: Option<&[u8]>,
    now_ms: WallMs,
) -> Result<()> {
    let refused = |reason| Error::problem(ProblemCode::NotSignedIn).with("reason", reason);
    let nonce = read_nonce(keys, &request.nonce, now_ms).ok_or_else(|| refused("nonce"))?;
    let signature: Option<[u8; 64]> = BASE64URL_NOPAD
        .decode(request.signature.as_bytes())
        .ok()
        .and_then(|signature| signature.try_into().ok());
    let key = public_key
        .and_then(|key| <[u8; 32]>::try_from(key).ok())
        .and_then(|key| VerifyingKey::from_bytes(&key).ok());
    let (Some(signature), Some(key)) = (signature, key) else { return Err(refused("signature")) };
    let TokenRequest { person, device, .. } = request;
    let statement = identity::nonce_statement(*person, *device, &nonce);
    identity::verify(&key, &statement, &signature).map_err(|_| refused("signature"))
}

/// The certified key of a phone that shows a certificate of this installation for what it asks.
pub fn certified(keys: &Keys, request: &TokenRequest) -> Option<VerifyingKey> {
    let certificate = request.certificate.as_ref()?;
    let is_its_own = (certificate.person, certificate.device) == (request.person, request.device);
    let key = certificate.verify(&keys.installation.verifying_key()).ok()?;
    is_its_own.then_some(key)
}

/// Who asks.
pub fn bearer(request: &TokenRequest) -> Bearer {
    let (person, device): (PersonId, DeviceId) = (request.person, request.device);
    Bearer { person, device }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{START_MS, Seeded};

    const WHO: Bearer = Bearer { person: PersonId(31), device: DeviceId(9) };

    fn keys() -> Keys {
        Keys::generate(&Seeded::new(1), START_MS)
    }

    fn code_of(result: Result<Bearer>) -> ProblemCode {
        match result {
            Err(Error::Problem { code, .. }) => code,
            other => panic!("{other:?}"),
        }
    }

    fn sign(header: &Header, claims: &serde_json::Value, secret: &[u8]) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret)).expect("writes")
    }

    #[test]
    fn a_token_is_good_for_fifteen_minutes_and_a_minute_of_leeway() {
        let keys = keys();
        let token = issue(&keys, WHO, START_MS).expect("issued");
        assert_eq!(token.expires_in_s, 900);
        let verify_after = |s: i64| verify(&keys, &token.access_token, START_MS + s * 1_000);
        assert_eq!(verify_after(0).expect("good"), WHO);
        assert_eq!(verify_after(15 * 60 + 59).expect("good"), WHO);
        assert_eq!(code_of(verify_after(16 * 60)), ProblemCode::TokenExpired);
        // Issued in the future: some other clock, not ours.
        assert_eq!(verify_after(-60).expect("good"), WHO);
        assert_eq!(code_of(verify_after(-61)), ProblemCode::NotSignedIn);
    }

    #[test]
    fn only_what_this_installation_signed_is_a_token() {
        let keys = keys();
        let good = issue(&keys, WHO, START_MS).expect("issued").access_token;
        let parts: Vec<&str> = good.split('.').collect();
        let claims = serde_json::json!({
            "sub": "31", "device": 9, "iat": START_MS / 1_000, "exp": START_MS / 1_000 + 900,
        });
        let other = serde_json::json!({
            "sub": "32", "device": 9, "iat": START_MS / 1_000, "exp": START_MS / 1_000 + 900,
        });
        let base64 = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let kid = Some(keys.token.kid.clone());
        let none = format!(r#"{{"typ":"JWT","alg":"none","kid":"{}"}}"#, keys.token.kid);
        let altered = format!("{}.{}.{}", parts[0], base64(&other.to_string()), parts[2]);
        let hs384 = Header { kid: kid.clone(), ..Header::new(Algorithm::HS384) };
        let hs256 = Header { kid, ..Header::new(Algorithm::HS256) };
        let no_kid = Header::new(Algorithm::HS256);
        let unknown_kid = Header { kid: Some("x".into()), ..Header::new(Algorithm::HS256) };
        for (token, why) in [
            (altered, "altered claims"),
            (format!("{}.{}.", base64(&none), parts[1]), "alg none"),
            (format!("{}.{}.{}", base64(&none), parts[1], parts[2]), "alg none, a signature"),
            (sign(&hs384, &claims, &keys.token.secret), "another algorithm"),
            (sign(&hs256, &claims, &[0; 32]), "another secret"),
            (sign(&no_kid, &claims, &keys.token.secret), "no kid"),
            (sign(&unknown_kid, &claims, &keys.token.secret), "an unknown kid"),
            (sign(&hs256, &serde_json::json!({ "sub": "31" }), &keys.token.secret), "no times"),
            (format!("{}.{}", parts[0], parts[1]), "two parts"),
            (String::new(), "nothing"),
        ] {
            let result = verify(&keys, &token, START_MS);
            assert_eq!(code_of(result), ProblemCode::NotSignedIn, "{why}");
        }
        assert_eq!(verify(&keys, &good, START_MS).expect("good"), WHO);
    }

    #[test]
    fn the_key_before_is_honoured_for_one_token_life() {
        let before = keys();
        let token = issue(&before, WHO, START_MS).expect("issued").access_token;
        let rotated = Keys {
            token_before: Some(before.token.clone()),
            ..Keys::generate(&Seeded::new(2), START_MS + 60_000)
        };
        let after_rotation_s = |s: i64| START_MS + 60_000 + s * 1_000;
        assert!(verify(&rotated, &token, after_rotation_s(0)).is_ok());
        // A token that the old key signs after its end is not believed, however long it claims.
        let forged = Keys { token: before.token.clone(), ..keys() };
        let late = issue(&forged, WHO, after_rotation_s(1_000)).expect("issued").access_token;
        let result = verify(&rotated, &late, after_rotation_s(1_000));
        assert_eq!(code_of(result), ProblemCode::NotSignedIn);
    }

    #[test]
    fn a_nonce_can_be_signed_for_two_minutes() {
        let keys = keys();
        let text = nonce(&keys, START_MS, &Seeded::new(3));
        assert!(read_nonce(&keys, &text, START_MS + NONCE_LIFE_MS - 1).is_some());
        assert!(read_nonce(&keys, &text, START_MS + NONCE_LIFE_MS).is_none());
        assert!(read_nonce(&keys, &text, START_MS - 60_001).is_none());
        let mut bytes = BASE64URL_NOPAD.decode(text.as_bytes()).expect("decodes");
        for place in 0..bytes.len() {
            bytes[place] ^= 1;
            assert!(read_nonce(&keys, &BASE64URL_NOPAD.encode(&bytes), START_MS).is_none());
            bytes[place] ^= 1;
        }
        let other = Keys::generate(&Seeded::new(4), START_MS);
        assert!(read_nonce(&other, &text, START_MS).is_none());
    }
}
