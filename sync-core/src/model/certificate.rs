//! The certificate that binds a (person, device) key to the installation. Verifying needs no
//! database.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::id::{DeviceId, PersonId};
use super::signing::{NotValid, statement, verify};
use super::time::WallMs;

/// A (person, device) key certified by the installation's key.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Certificate {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// The public key, base64url.
    pub public_key: String,
    /// When it was issued, server time.
    pub issued_ms: WallMs,
    /// The installation key's signature over [`certificate_statement`], base64url.
    pub signature: String,
}

/// The bytes an installation signs to certify a key.
pub fn certificate_statement(
    person: PersonId,
    device: DeviceId,
    public_key: &[u8; 32],
    issued_ms: WallMs,
) -> Vec<u8> {
    statement("fieldbook/certificate/1", 4, |e| {
        e.u32(person.0)?.u32(device.0)?.bytes(public_key)?.i64(issued_ms)?.ok()
    })
}

impl Certificate {
    /// Certifies `public_key` with the installation's key.
    pub fn issue(
        installation: &SigningKey,
        person: PersonId,
        device: DeviceId,
        public_key: &VerifyingKey,
        issued_ms: WallMs,
    ) -> Self {
        let statement = certificate_statement(person, device, public_key.as_bytes(), issued_ms);
        let signature = installation.sign(&statement).to_bytes();
        Self {
            person,
            device,
            public_key: data_encoding::BASE64URL_NOPAD.encode(public_key.as_bytes()),
            issued_ms,
            signature: data_encoding::BASE64URL_NOPAD.encode(&signature),
        }
    }

    /// The certified key, if the installation's key signed this certificate.
    ///
    /// # Errors
    /// If it did not, or a member does not decode.
    pub fn verify(&self, installation: &VerifyingKey) -> Result<VerifyingKey, NotValid> {
        let decode = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes());
        let key: [u8; 32] =
            decode(&self.public_key).ok().and_then(|k| k.try_into().ok()).ok_or(NotValid)?;
        let signature: [u8; 64] =
            decode(&self.signature).ok().and_then(|s| s.try_into().ok()).ok_or(NotValid)?;
        let statement = certificate_statement(self.person, self.device, &key, self.issued_ms);
        verify(installation, &statement, &signature)?;
        VerifyingKey::from_bytes(&key).map_err(|_| NotValid)
    }
}

/// How people compare installations: the first 16 bytes of SHA-256 of its public key, in hex.
pub fn fingerprint(installation: &VerifyingKey) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(installation.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_holds_only_as_issued() {
        let installation = SigningKey::from_bytes(&[1; 32]);
        let device_key = SigningKey::from_bytes(&[2; 32]).verifying_key();
        let issued =
            Certificate::issue(&installation, PersonId(31), DeviceId(9), &device_key, 1_000);
        assert_eq!(issued.verify(&installation.verifying_key()), Ok(device_key));
        let other = SigningKey::from_bytes(&[3; 32]).verifying_key();
        assert_eq!(issued.verify(&other), Err(NotValid));
        let altered = Certificate { person: PersonId(32), ..issued };
        assert_eq!(altered.verify(&installation.verifying_key()), Err(NotValid));
    }
}
