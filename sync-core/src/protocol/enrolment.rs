//! JSON bodies by which a phone enrols and is given access tokens.

use serde::{Deserialize, Serialize};

use super::identity::Certificate;
use crate::model::id::{DeviceId, PersonId};
use crate::model::time::WallMs;

/// Body of `POST /v1/enrol`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// The one-time code, as typed or scanned; case and hyphens do not matter.
    pub code: String,
    /// The new (person, device) public key (Ed25519), base64url.
    pub public_key: String,
    /// What the person calls the device, at most 60 characters.
    pub device_name: String,
}

/// Answer of `POST /v1/enrol`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolResponse {
    /// Binds the key to the person and the new device.
    pub certificate: Certificate,
    /// The installation's public key, base64url: kept by the phone for ever.
    pub installation_key: String,
    /// The person's name.
    pub person_name: String,
    /// Server time, milliseconds.
    pub server_time_ms: WallMs,
}

/// Answer of `POST /v1/nonce`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceResponse {
    /// To be signed within two minutes, base64url.
    pub nonce: String,
}

/// Body of `POST /v1/token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRequest {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// The server's nonce, as received.
    pub nonce: String,
    /// Ed25519 over [`super::identity::nonce_statement`], base64url.
    pub signature: String,
    /// What certified the key: a server that was restored from a backup of before the enrolment
    /// tells the phone so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// Answer of `POST /v1/token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The access token (JWT) for the `Authorization: Bearer` header.
    pub access_token: String,
    /// Seconds it is good for.
    pub expires_in_s: u64,
}
