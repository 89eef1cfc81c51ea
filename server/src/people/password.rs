//! Passwords: argon2id, off the async threads, the same work whether a name exists or not.

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use sync_core::environment::Randomness;
use tokio::sync::Semaphore;

use crate::{Error, Result};

/// The fewest characters of a new password.
pub const PASSWORD_CHARACTERS_MIN: usize = 10;
/// The most bytes anyone may let us hash.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// 19 MiB a check: no more than these at a time.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// What a check for nobody is made against.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let salt = SaltString::encode_b64(&[0; 16]).expect("16 bytes are a salt");
    let hash = argon2id().hash_password(b"", &salt).expect("the parameters are good");
    hash.to_string()
});

fn argon2id() -> Argon2<'static> {
    // OWASP's first choice: 19 MiB, 2 passes, 1 lane.
    let params = Params::new(19 * 1_024, 2, 1, None).expect("the parameters are good");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a new password into a PHC string.
///
/// # Errors
/// If it is too short or too long.
pub async fn hash(password: String, randomness: &dyn Randomness) -> Result<String> {
    let fits =
        password.chars().count() >= PASSWORD_CHARACTERS_MIN && password.len() <= PASSWORD_BYTES_MAX;
    if !fits {
        return Err(Error::malformed("password"));
    }
    let mut salt = [0; 16];
    randomness.fill(&mut salt);
    let salt = SaltString::encode_b64(&salt).map_err(|_| Error::Broken("a salt"))?;
    blocking(move || {
        let hash = argon2id().hash_password(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|_| Error::Broken("a password does not hash"))
    })
    .await?
}

/// Whether `password` is the one of `hash`; with no hash the work is done all the same.
///
/// # Errors
/// If the stored hash does not parse.
pub async fn is_right(password: String, hash: Option<String>) -> Result<bool> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Ok(false);
    }
    blocking(move || {
        let known = hash.is_some();
        let text = hash.as_ref().unwrap_or(&*NOBODY);
        let parsed = PasswordHash::new(text).map_err(|_| Error::Broken("a password hash"))?;
        let right = argon2id().verify_password(password.as_bytes(), &parsed).is_ok();
        Ok(known && right)
    })
    .await?
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _permit = AT_ONCE.acquire().await.map_err(|_| Error::Broken("a closed semaphore"))?;
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::Broken("a password's check did not end"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let right = "correct horse".to_owned();
        let hash = hash(right.clone(), &Seeded::new(1)).await.expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_right(right, Some(hash.clone())).await.expect("checked"));
        assert!(!is_right("correct horsf".to_owned(), Some(hash)).await.expect("checked"));
        // Nobody's hash is the empty password's: it lets nobody in.
        assert!(!is_right(String::new(), None).await.expect("checked"));
    }

    #[tokio::test]
    async fn a_password_of_nine_characters_is_too_short() {
        assert!(hash("123456789".to_owned(), &Seeded::new(1)).await.is_err());
        assert!(hash("一二三四五六七八九十".to_owned(), &Seeded::new(1)).await.is_ok());
        assert!(hash("x".repeat(1_025), &Seeded::new(1)).await.is_err());
    }
}
