//! Hand-overs in a file: what a phone alone has, taken to the office by hand. Sealed under a code
//! of 128 random bits that the phone shows once: nobody chose it, so nobody guesses it, and the key
//! needs no slow derivation. The signatures inside say whose work it is, so the file proves the
//! same to whoever opens it; in the clear it says only what it is.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::chain::HandOver;
/// Bytes of a parcel at most.
pub const PARCEL_BYTES_MAX: usize = 16 << 20;
/// Random bytes that a parcel holds in the clear.
pub const NONCE_BYTES: usize = 24;
/// How a file begins: what it is, and the version of its form. Frozen.
const MAGIC: &[u8] = b"fieldbook hand-over\x01";
/// Bytes that tell another code from an altered file.
const CHECK_BYTES: usize = 16;
/// Hand-overs in one file at most.
const MESSAGES_MAX: usize = 1_000;

/// Why a parcel does not open. Nothing of it was read then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// More than [`PARCEL_BYTES_MAX`].
    #[error("more than {PARCEL_BYTES_MAX} bytes")]
    TooLarge,
    /// Another kind of file, or a parcel of a later version.
    #[error("not a parcel")]
    NotAParcel,
    /// The code of another parcel, or a mistyped one.
    #[error("another code")]
    WrongCode,
    /// Not as the phone sealed it.
    #[error("altered")]
    Altered,
}

/// What opens a parcel.
pub struct ParcelCode(Zeroizing<[u8; 16]>);

impl ParcelCode {
    /// A code of these random bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// As people read it: 26 characters in groups.
    pub fn shown(&self) -> String {
        let characters: Vec<char> = BASE32_NOPAD.encode(&*self.0).chars().collect();
        let groups = characters.chunks(5).map(|group| group.iter().collect());
        groups.collect::<Vec<String>>().join("-")
    }

    /// Reads what was typed: case, hyphens and spaces do not matter.
    pub fn read(text: &str) -> Option<Self> {
        let plain: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | ' '))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let bytes = BASE32_NOPAD.decode(plain.as_bytes()).ok()?;
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(self.digest(b"fieldbook/parcel/1"));
        XChaCha20Poly1305::new_from_slice(&*key).expect("a SHA-256 has 32 bytes")
    }

    /// What a parcel shows of its code: another code has another one.
    fn check(&self) -> [u8; CHECK_BYTES] {
        let digest = self.digest(b"fieldbook/parcel-code/1");
        std::array::from_fn(|place| digest[place])
    }

    fn digest(&self, purpose: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(purpose).chain_update(*self.0).finalize().into()
    }
}

/// Seals encoded hand-overs under a random `nonce`.
///
/// # Errors
/// [`NotOpened::TooLarge`] for what nobody could open again.
pub fn seal(
    messages: &[Vec<u8>],
    code: &ParcelCode,
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, NotOpened> {
    let mut content = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut content);
    let written = encoder.array(messages.len() as u64).map(|_| ());
    let written = messages.iter().fold(written, |written, message| {
        written.and_then(|()| encoder.bytes(message).map(|_| ()))
    });
    written.expect("a vector takes every byte");
    let head = [MAGIC, &code.check(), &nonce].concat();
    let payload = Payload { msg: &content, aad: &head };
    let sealed = code.cipher().encrypt(&nonce.into(), payload).expect("far below 256 GiB");
    let parcel = [head, sealed].concat();
    if messages.len() > MESSAGES_MAX || parcel.len() > PARCEL_BYTES_MAX {
        return Err(NotOpened::TooLarge);
    }
    Ok(parcel)
}

/// Opens a parcel.
///
/// # Errors
/// Why it does not open.
pub fn open(parcel: &[u8], code: &ParcelCode) -> Result<Vec<HandOver>, NotOpened> {
    if parcel.len() > PARCEL_BYTES_MAX {
        return Err(NotOpened::TooLarge);
    }
    let rest = parcel.strip_prefix(MAGIC).ok_or(NotOpened::NotAParcel)?;
    let (check, rest) = rest.split_first_chunk::<CHECK_BYTES>().ok_or(NotOpened::Altered)?;
    if *check != code.check() {
        return Err(NotOpened::WrongCode);
    }
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(NotOpened::Altered)?;
    let head = [MAGIC, check, nonce].concat();
    let payload = Payload { msg: sealed, aad: &head };
    let content = code.cipher().decrypt(&(*nonce).into(), payload);
    messages(&content.map_err(|_| NotOpened::Altered)?).ok_or(NotOpened::Altered)
}

fn messages(content: &[u8]) -> Option<Vec<HandOver>> {
    let mut decoder = minicbor::Decoder::new(content);
    let count = usize::try_from(decoder.array().ok()??).ok()?;
    if count > MESSAGES_MAX {
        return None;
    }
    let mut messages = Vec::with_capacity(count);
    for _ in 0..count {
        messages.push(minicbor::decode(decoder.bytes().ok()?).ok()?);
    }
    (decoder.position() == content.len()).then_some(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_opens_with_its_code_only_and_as_it_was_sealed() {
        let bytes = std::array::from_fn(|place| u8::try_from(place).expect("small"));
        let code = ParcelCode::new(bytes);
        assert_eq!(code.shown(), "AAAQE-AYEAU-DAOCA-JBIFQ-YDIOB-4");
        let parcel = seal(&[], &code, [9; NONCE_BYTES]).expect("small");
        let typed = ParcelCode::read(&code.shown().to_lowercase()).expect("reads");
        assert_eq!(open(&parcel, &typed), Ok(vec![]));
        assert_eq!(open(&parcel, &ParcelCode::new([1; 16])), Err(NotOpened::WrongCode));
        for typed in ["", "AAAQE", "AAAQE-AYEAU-DAOCA-JBIFQ-YDIOB-!"] {
            assert!(ParcelCode::read(typed).is_none(), "{typed}");
        }
        let why = |place| match place {
            0..20 => NotOpened::NotAParcel,
            20..36 => NotOpened::WrongCode,
            _ => NotOpened::Altered,
        };
        for place in 0..parcel.len() {
            let mut altered = parcel.clone();
            altered[place] ^= 1;
            assert_eq!(open(&altered, &code), Err(why(place)), "byte {place}");
            let cut = if place < 20 { NotOpened::NotAParcel } else { NotOpened::Altered };
            assert_eq!(open(&parcel[..place], &code), Err(cut), "cut at {place}");
        }
        let no_message = seal(&[vec![1]], &code, [9; NONCE_BYTES]).expect("small");
        assert_eq!(open(&no_message, &code), Err(NotOpened::Altered));
    }

    #[test]
    fn what_nobody_would_open_is_not_sealed() {
        let code = ParcelCode::new([1; 16]);
        let seal = |messages: &[Vec<u8>]| seal(messages, &code, [9; NONCE_BYTES]).map(drop);
        assert_eq!(seal(&[vec![0; PARCEL_BYTES_MAX]]), Err(NotOpened::TooLarge));
        assert_eq!(seal(&vec![vec![]; MESSAGES_MAX + 1]), Err(NotOpened::TooLarge));
        assert_eq!(seal(&vec![vec![]; MESSAGES_MAX]), Ok(()));
        let long = vec![0; PARCEL_BYTES_MAX + 1];
        assert_eq!(open(&long, &code), Err(NotOpened::TooLarge));
    }
}
