//! Sealed rows: XChaCha20-Poly1305 under the platform's key, bound to the table and the row's
//! name. Knows no table and no content.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use zeroize::{Zeroize, Zeroizing};

use super::StoreError;
use crate::environment::Randomness;
use crate::protocol::identity::statement;

/// The key that seals a store's rows, from the platform's key store.
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// Takes the key; the caller wipes its own copy.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The same key once more.
    pub(super) fn again(&self) -> Self {
        Self(self.0)
    }
}

impl Drop for StoreKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

/// Seals and opens rows under one key.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    randomness: Arc<dyn Randomness>,
}

/// The form of a sealed row: this byte, the nonce, the ciphertext with its tag. Frozen.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// What sealing adds to a row's content.
pub(super) const OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

impl Sealer {
    pub(super) fn new(key: &StoreKey, randomness: Arc<dyn Randomness>) -> Self {
        let cipher = XChaCha20Poly1305::new_from_slice(&key.0).expect("a key has 32 bytes");
        Self { cipher, randomness }
    }

    /// The same under another key.
    pub(super) fn renewed(&self, key: &StoreKey) -> Self {
        Self::new(key, Arc::clone(&self.randomness))
    }

    /// Seals `content` as the row of `table` that is called `row`.
    pub(super) fn seal(&self, table: &str, row: &str, content: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        self.randomness.fill(&mut nonce);
        let payload = Payload { msg: content, aad: &associated_data(table, row) };
        let ciphertext = self
            .cipher
            .encrypt(&nonce.into(), payload)
            .expect("a row is far below the cipher's 256 GiB");
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        sealed
    }

    /// Opens what [`Self::seal`] made for the same table and row.
    pub(super) fn open(
        &self,
        table: &'static str,
        row: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let damaged = || StoreError::Damaged { table, row: row.to_owned() };
        let (version, rest) = sealed.split_first().ok_or_else(damaged)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(damaged)?;
        if *version != VERSION {
            return Err(damaged());
        }
        let payload = Payload { msg: ciphertext, aad: &associated_data(table, row) };
        let content = self.cipher.decrypt(&(*nonce).into(), payload).map_err(|_| damaged())?;
        Ok(Zeroizing::new(content))
    }
}

fn associated_data(table: &str, row: &str) -> Vec<u8> {
    statement("fieldbook/sealed row/1", 3, |e| e.str(table)?.str(row)?.u8(VERSION)?.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Randomness for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(9);
        }
    }

    fn sealer(key: u8) -> Sealer {
        Sealer::new(&StoreKey::new([key; 32]), Arc::new(Fixed))
    }

    #[test]
    fn a_sealed_row_is_frozen() {
        let sealed = sealer(7).seal("list", "31/UWd9sBNMaAM4zOX2-wa9Og", b"{}");
        assert_eq!(
            data_encoding::HEXLOWER.encode(&sealed),
            format!("01{}c50fdd9451a4d6a2e2da0b786a1701b9e669", "09".repeat(24))
        );
        assert_eq!(sealed.len(), 2 + OVERHEAD_BYTES);
    }

    #[test]
    fn associated_data_is_frozen() {
        let expected = format!(
            "84{}{}{}01",
            "76".to_owned() + &data_encoding::HEXLOWER.encode(b"fieldbook/sealed row/1"),
            "64".to_owned() + &data_encoding::HEXLOWER.encode(b"list"),
            "64".to_owned() + &data_encoding::HEXLOWER.encode(b"31/r"),
        );
        assert_eq!(data_encoding::HEXLOWER.encode(&associated_data("list", "31/r")), expected);
    }

    #[test]
    fn a_row_opens_only_in_its_place_under_its_key_and_unaltered() {
        let sealed = sealer(7).seal("list", "31/a", b"content");
        assert_eq!(**sealer(7).open("list", "31/a", &sealed).expect("opens"), *b"content");
        for (key, table, row) in [(8, "list", "31/a"), (7, "sent", "31/a"), (7, "list", "31/b")] {
            assert!(sealer(key).open(table, row, &sealed).is_err(), "{key} {table} {row}");
        }
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert!(sealer(7).open("list", "31/a", &altered).is_err(), "byte {position}");
        }
        for length in 0..sealed.len() {
            assert!(sealer(7).open("list", "31/a", &sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", StoreKey::new([7; 32])), "StoreKey(..)");
    }
}
