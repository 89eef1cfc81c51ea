//! Descriptions, for OpenAPI, of bodies that `sync-core` defines: it knows no HTTP. A test compares
//! their members with those of the real types.

#![expect(dead_code, reason = "described, never built: sync-core has the real types")]

use std::collections::BTreeMap;

use utoipa::{IntoParams, ToSchema};

/// An error (RFC 9457).
#[derive(ToSchema)]
pub struct Problem {
    /// `urn:fieldbook:problem:<code>`
    #[schema(rename = "type")]
    problem_type: String,
    /// The stable code.
    code: String,
    /// The HTTP status.
    status: u16,
    /// A short text in the caller's language.
    title: String,
    /// Parameters of the text.
    params: Option<BTreeMap<String, String>>,
}

/// A request for enrolment.
#[derive(ToSchema)]
pub struct EnrolRequest {
    /// The one-time code, as typed or scanned.
    code: String,
    /// The phone's new public key (Ed25519), base64url.
    public_key: String,
    /// What the person calls the device.
    #[schema(max_length = 60)]
    device_name: String,
}

/// An enrolled device.
#[derive(ToSchema)]
pub struct EnrolResponse {
    /// Binds the key to person and device.
    certificate: Certificate,
    /// The installation's public key (Ed25519), base64url.
    installation_key: String,
    /// The person's name.
    person_name: String,
    /// Server time, milliseconds.
    server_time_ms: i64,
}

/// A key certified by the installation.
#[derive(ToSchema)]
pub struct Certificate {
    /// The person.
    person: u32,
    /// The device.
    device: u32,
    /// The public key, base64url.
    public_key: String,
    /// When it was issued, milliseconds.
    issued_ms: i64,
    /// The installation's signature, base64url.
    signature: String,
}

/// A nonce.
#[derive(ToSchema)]
pub struct NonceResponse {
    /// To be signed within two minutes, base64url.
    nonce: String,
}

/// A signed nonce.
#[derive(ToSchema)]
pub struct TokenRequest {
    /// The person.
    person: u32,
    /// The device.
    device: u32,
    /// The nonce as received.
    nonce: String,
    /// Ed25519 by the (person, device) key over the nonce statement, base64url.
    signature: String,
    /// The device's certificate: a restored server that does not know the device tells it so.
    #[schema(nullable = false)]
    certificate: Option<Certificate>,
}

/// An access token.
#[derive(ToSchema)]
pub struct TokenResponse {
    /// For the `Authorization: Bearer` header.
    access_token: String,
    /// Seconds it is good for.
    expires_in_s: u64,
}

/// The header of every POST of the office API.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKey {
    /// Chosen by the caller, at most 200 characters: the same request sent again within a day gets
    /// the same answer; another request with the same key is refused.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: String,
    /// The session's token against cross-site requests.
    #[param(rename = "X-CSRF-Token")]
    csrf_token: String,
}
