//! Sealing at rest: XChaCha20-Poly1305, each row bound to its table, its id and the form's version.
//! A row moved elsewhere, or altered, does not open.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// The form's version, the first byte of every sealed row.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;

/// The key a store is sealed with; wiped from memory when dropped.
#[derive(Clone)]
pub struct StoreKey(Zeroizing<[u8; 32]>);

impl StoreKey {
    /// A key from the platform's key store.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey(redacted)")
    }
}

/// Seals and opens rows.
pub(super) struct Sealer(XChaCha20Poly1305);

impl Sealer {
    pub(super) fn new(key: &StoreKey) -> Self {
        Self(XChaCha20Poly1305::new((&*key.0).into()))
    }

    pub(super) fn seal(&self, table: &str, row: &[u8], plain: &[u8], nonce: [u8; 24]) -> Vec<u8> {
        let aad = associated(table, row);
        let payload = Payload { msg: plain, aad: &aad };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let ciphertext = sealed.expect("a row is far smaller than the cipher's limit");
        let mut bytes = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&ciphertext);
        bytes
    }

    pub(super) fn unseal(&self, table: &str, row: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
        if *version != VERSION || rest.len() < NONCE_BYTES {
            return None;
        }
        let (nonce, ciphertext) = rest.split_at(NONCE_BYTES);
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let aad = associated(table, row);
        self.0.decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad: &aad }).ok()
    }
}

fn associated(table: &str, row: &[u8]) -> Vec<u8> {
    let mut bytes = b"fieldbook/row/1\0".to_vec();
    bytes.extend_from_slice(table.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(row);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_are_frozen() {
        let sealer = Sealer::new(&StoreKey::new([7; 32]));
        let sealed = sealer.seal("pending", &[1, 2], b"fact", [9; 24]);
        let expected = "01090909090909090909090909090909090909090909090909";
        assert_eq!(data_encoding::HEXLOWER.encode(&sealed[..25]), expected);
        assert_eq!(data_encoding::HEXLOWER.encode(&sealed[25..]), FROZEN);
        assert_eq!(sealer.unseal("pending", &[1, 2], &sealed).as_deref(), Some(&b"fact"[..]));
    }

    const FROZEN: &str = "d81381fee4190233b441ee55e6149195fe013526";

    #[test]
    fn a_row_opens_only_where_it_was_sealed() {
        let sealer = Sealer::new(&StoreKey::new([7; 32]));
        let sealed = sealer.seal("pending", &[1], b"fact", [9; 24]);
        assert_eq!(sealer.unseal("refused", &[1], &sealed), None);
        assert_eq!(sealer.unseal("pending", &[2], &sealed), None);
        assert_eq!(Sealer::new(&StoreKey::new([8; 32])).unseal("pending", &[1], &sealed), None);
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert_eq!(sealer.unseal("pending", &[1], &altered), None);
        }
    }
}
