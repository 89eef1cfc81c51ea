//! How keys sign: domain-separated statements in CBOR, and strict verification. Which statements
//! there are stands with those who make them.

use ed25519_dalek::{Signature, VerifyingKey};
use minicbor::Encoder;

/// Why a certificate or a signature is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature not valid")]
pub struct NotValid;

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// A CBOR array of the domain and `members` further items, in shortest form.
pub(crate) fn statement(
    domain: &str,
    members: u64,
    write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Written,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes);
    let written = encoder
        .array(members + 1)
        .and_then(|e| e.str(domain))
        .map(|_| ())
        .and_then(|()| write(&mut encoder));
    written.expect("a vector takes every byte");
    bytes
}

/// Verifies strictly: the identity key and small-order points are refused.
///
/// # Errors
/// If the signature is not this key's over these bytes.
pub fn verify(key: &VerifyingKey, statement: &[u8], signature: &[u8; 64]) -> Result<(), NotValid> {
    key.verify_strict(statement, &Signature::from_bytes(signature)).map_err(|_| NotValid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_key_verifies_nothing() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let key = VerifyingKey::from_bytes(&identity).expect("decodes");
        let mut signature = [0; 64];
        signature[0] = 1;
        assert_eq!(verify(&key, b"anything", &signature), Err(NotValid));
    }
}
