//! The installation's keys: a folder of their own, outside the database and its backups. They are
//! made once by `fieldbook init` and never written again; only the token key is rotated.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::SigningKey;
use sync_core::environment::Randomness;
use sync_core::model::time::WallMs;
use sync_core::protocol::identity::fingerprint;

use crate::{Error, Result};

/// Everything the installation signs and authenticates with.
pub struct Keys {
    /// Certifies (person, device) keys. Ed25519.
    pub installation: SigningKey,
    /// Key of the attestations that phones show again after a restore.
    pub attestation: [u8; 32],
    /// Signs access tokens, HS256.
    pub token: TokenKey,
    /// The token key before the last rotation, honoured for one token life after it.
    pub token_before: Option<TokenKey>,
}

/// One HS256 secret.
#[derive(Clone)]
pub struct TokenKey {
    /// `kid` of the tokens it signs.
    pub kid: String,
    /// The secret.
    pub secret: [u8; 32],
    /// When it was made, server time.
    pub created_ms: WallMs,
}

impl std::fmt::Debug for Keys {
    /// Redacted: secrets are no log's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.fingerprint())
    }
}

impl std::fmt::Debug for TokenKey {
    /// Redacted: secrets are no log's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey({})", self.kid)
    }
}

impl Keys {
    /// New keys that stand in no folder: what [`Self::create`] writes, and for throw-away servers.
    pub fn generate(randomness: &dyn Randomness, now_ms: WallMs) -> Self {
        Self {
            installation: SigningKey::from_bytes(&random(randomness)),
            attestation: random(randomness),
            token: TokenKey::generate(randomness, now_ms),
            token_before: None,
        }
    }

    /// Makes the keys of a new installation in `folder`.
    ///
    /// # Errors
    /// If there is a key already: keys are never overwritten.
    pub fn create(folder: &Path, randomness: &dyn Randomness, now_ms: WallMs) -> Result<Self> {
        if folder.exists() && fs::read_dir(folder)?.next().is_some() {
            return Err(Error::Configuration(format!(
                "{} is not empty: keys are never overwritten",
                folder.display()
            )));
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let keys = Self::generate(randomness, now_ms);
        write_new(folder, INSTALLATION, &BASE64URL_NOPAD.encode(keys.installation.as_bytes()))?;
        write_new(folder, ATTESTATION, &BASE64URL_NOPAD.encode(&keys.attestation))?;
        write_new(folder, &token_file(1), &keys.token.text())?;
        Ok(keys)
    }

    /// Reads the keys in `folder`.
    ///
    /// # Errors
    /// If one is missing or damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        let last = last_token_file(folder)?.ok_or_else(|| missing(folder, &token_file(1)))?;
        let token = TokenKey::read(folder, last)?;
        let token_before = if last > 1 { Some(TokenKey::read(folder, last - 1)?) } else { None };
        Ok(Self {
            installation: SigningKey::from_bytes(&read_secret(folder, INSTALLATION)?),
            attestation: read_secret(folder, ATTESTATION)?,
            token,
            token_before,
        })
    }

    /// Makes a new token key beside the ones there; a server takes it at its next start and honours
    /// the one before for one token life. Answers the new `kid`.
    ///
    /// # Errors
    /// If the folder holds no keys or cannot be written.
    pub fn rotate_token(
        folder: &Path,
        randomness: &dyn Randomness,
        now_ms: WallMs,
    ) -> Result<String> {
        let last = last_token_file(folder)?.ok_or_else(|| missing(folder, &token_file(1)))?;
        let key = TokenKey::generate(randomness, now_ms);
        write_new(folder, &token_file(last + 1), &key.text())?;
        Ok(key.kid)
    }

    /// How people compare installations.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.installation.verifying_key())
    }
}

impl TokenKey {
    fn generate(randomness: &dyn Randomness, created_ms: WallMs) -> Self {
        let name: [u8; 6] = random(randomness);
        Self { kid: BASE64URL_NOPAD.encode(&name), secret: random(randomness), created_ms }
    }

    /// `kid`, time and secret, one line.
    fn text(&self) -> String {
        format!("{} {} {}", self.kid, self.created_ms, BASE64URL_NOPAD.encode(&self.secret))
    }

    fn read(folder: &Path, index: u32) -> Result<Self> {
        let name = token_file(index);
        let text = read_text(folder, &name)?;
        let mut words = text.split_ascii_whitespace();
        let (Some(kid), Some(created), Some(secret), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(damaged(folder, &name));
        };
        Ok(Self {
            kid: kid.to_owned(),
            secret: secret_of(secret).ok_or_else(|| damaged(folder, &name))?,
            created_ms: created.parse().map_err(|_| damaged(folder, &name))?,
        })
    }
}

const INSTALLATION: &str = "installation.key";
const ATTESTATION: &str = "attestation.key";

fn token_file(index: u32) -> String {
    format!("token-{index}.key")
}

/// The highest index of a token key in the folder.
fn last_token_file(folder: &Path) -> Result<Option<u32>> {
    let mut last = None;
    let entries = fs::read_dir(folder).map_err(|_| missing(folder, INSTALLATION))?;
    for entry in entries {
        let name = entry?.file_name();
        let index = name
            .to_str()
            .and_then(|name| name.strip_prefix("token-")?.strip_suffix(".key")?.parse().ok());
        last = last.max(index);
    }
    Ok(last)
}

fn random<const N: usize>(randomness: &dyn Randomness) -> [u8; N] {
    let mut bytes = [0; N];
    randomness.fill(&mut bytes);
    bytes
}

/// A file only its owner reads, which must not exist yet.
fn write_new(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

fn read_text(folder: &Path, name: &str) -> Result<String> {
    fs::read_to_string(folder.join(name)).map_err(|_| missing(folder, name))
}

fn read_secret(folder: &Path, name: &str) -> Result<[u8; 32]> {
    secret_of(read_text(folder, name)?.trim()).ok_or_else(|| damaged(folder, name))
}

fn secret_of(text: &str) -> Option<[u8; 32]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn missing(folder: &Path, name: &str) -> Error {
    Error::Configuration(format!(
        "{} cannot be read: `fieldbook init` makes the keys, or bring back your copy of them",
        folder.join(name).display()
    ))
}

fn damaged(folder: &Path, name: &str) -> Error {
    Error::Configuration(format!(
        "{} is damaged: bring back your copy of the keys",
        folder.join(name).display()
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn keys_are_made_once_for_their_owner_only_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("keys");
        assert!(Keys::open(&folder).is_err());
        let made = Keys::create(&folder, &Seeded::new(1), 1_000).expect("made");
        for entry in fs::read_dir(&folder).expect("reads") {
            let mode = entry.expect("an entry").metadata().expect("metadata").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(Keys::create(&folder, &Seeded::new(2), 2_000).is_err());
        let read = Keys::open(&folder).expect("read");
        assert_eq!(read.fingerprint(), made.fingerprint());
        assert_eq!(read.installation.as_bytes(), made.installation.as_bytes());
        assert_eq!(read.attestation, made.attestation);
        assert_eq!(read.token.text(), made.token.text());
        assert_ne!(read.attestation, read.token.secret);
        assert!(read.token_before.is_none());
    }

    #[test]
    fn rotating_the_token_key_keeps_the_one_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("keys");
        let first = Keys::create(&folder, &Seeded::new(1), 1_000).expect("made");
        let kid = Keys::rotate_token(&folder, &Seeded::new(2), 2_000).expect("rotated");
        let read = Keys::open(&folder).expect("read");
        assert_eq!((read.token.kid.as_str(), read.token.created_ms), (kid.as_str(), 2_000));
        let before = read.token_before.as_ref().expect("kept");
        assert_eq!(before.text(), first.token.text());
        assert_eq!(read.fingerprint(), first.fingerprint());
    }

    #[test]
    fn a_damaged_key_is_named_and_nothing_of_it_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("keys");
        Keys::create(&folder, &Seeded::new(1), 1_000).expect("made");
        fs::write(folder.join(ATTESTATION), "short").expect("writes");
        let error = Keys::open(&folder).expect_err("damaged").to_string();
        assert!(error.contains("attestation.key is damaged"), "{error}");
        assert!(!error.contains("short"), "{error}");
    }
}
