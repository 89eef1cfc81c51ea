//! Identifiers and their frozen text forms.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, Encoding, Specification};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An id in text form that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {what}")]
pub struct BadId {
    /// What was expected.
    pub what: &'static str,
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                parse_decimal(text).and_then(|number| <$inner>::try_from(number).ok()).map(Self)
                    .ok_or(BadId { what: stringify!($name) })
            }
        }
    };
}

number_id!(
    /// A site (项目), numbered by the installation.
    SiteId(u32)
);
number_id!(
    /// A person of the staff, numbered by the installation.
    PersonId(u32)
);
number_id!(
    /// A device, numbered by the installation; an office person's cookie session has one too.
    DeviceId(u32)
);

/// A decimal without sign or leading zeros, at most 2^53.
fn parse_decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    let number: u64 = if plain { text.parse().ok()? } else { return None };
    (number <= 1 << 53).then_some(number)
}

/// A record: the first 16 bytes of SHA-256 over canonical `{from, kind, site}`.
/// Text form: 22 base64url characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(pub [u8; 16]);

impl RecordId {
    /// The id of a record of `kind` (ASCII) at `site` with the cause `from`: the plan item and
    /// day, the finding, or `<session>.<n>` for a record made by hand.
    pub fn derive(kind: &str, site: SiteId, from: &str) -> Self {
        // serde_json's map is sorted and writes exactly RFC 8785 for these three members.
        let cause = serde_json::json!({ "from": from, "kind": kind, "site": site.0 }).to_string();
        let digest = Sha256::digest(cause.as_bytes());
        Self(digest[..16].try_into().expect("a SHA-256 has 32 bytes"))
    }

    /// The id of a record made by hand in command `n` of `session`.
    pub fn by_hand(kind: &str, site: SiteId, session: SessionId, n: u64) -> Self {
        Self::derive(kind, site, &format!("{session}.{n}"))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RecordId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        bytes.and_then(|b| b.try_into().ok()).map(Self).ok_or(BadId { what: "record id" })
    }
}

/// A session: one opening of a store by one person; also the Automerge actor of the changes made
/// in it. Text form: 13 lower-case base32 characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub [u8; 8]);

fn base32_lower() -> &'static Encoding {
    static ENCODING: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        specification.encoding().expect("32 distinct symbols")
    });
    &ENCODING
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32_lower().encode(&self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SessionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        // Non-zero trailing bits of the 13th character are refused by the decoder: one text per id.
        let bytes = base32_lower().decode(text.as_bytes()).ok();
        bytes.and_then(|b| b.try_into().ok()).map(Self).ok_or(BadId { what: "session id" })
    }
}

/// Names a fact inside its record: who wrote it first, in which command, which of its facts.
///
/// Ordered by session bytes, then number, then index; derived facts after written ones. This is
/// the order in which folds break ties.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FactKey {
    /// `<session>.<n>.<i>`
    Written {
        /// The session it was first written in.
        session: SessionId,
        /// The number of the command, per (person, device).
        n: u64,
        /// The index in the command.
        i: u32,
    },
    /// `~<22 base64url characters>.<i>`: derived by the server from a cause.
    Derived {
        /// The first 16 bytes of SHA-256 over (record, rule, cause).
        cause: [u8; 16],
        /// The index.
        i: u32,
    },
}

impl FactKey {
    /// The session it was first written in; `None` for a derived fact.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Written { session, .. } => Some(*session),
            Self::Derived { .. } => None,
        }
    }

    /// The number of its command; `None` for a derived fact.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Written { n, .. } => Some(*n),
            Self::Derived { .. } => None,
        }
    }

    /// The key of the `i`-th fact that `rule` derives from `cause` in `record`.
    pub fn derive(record: RecordId, rule: &str, cause: &str, i: u32) -> Self {
        let text = serde_json::json!([record.to_string(), rule, cause]).to_string();
        let digest = Sha256::digest(text.as_bytes());
        Self::Derived { cause: digest[..16].try_into().expect("a SHA-256 has 32 bytes"), i }
    }
}

impl fmt::Display for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written { session, n, i } => write!(f, "{session}.{n}.{i}"),
            Self::Derived { cause, i } => write!(f, "~{}.{i}", BASE64URL_NOPAD.encode(cause)),
        }
    }
}

impl fmt::Debug for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FactKey {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { what: "fact key" };
        let index = |text: &str| parse_decimal(text).and_then(|i| u32::try_from(i).ok());
        if let Some(rest) = text.strip_prefix('~') {
            let (cause, i) = rest.split_once('.').ok_or_else(|| bad.clone())?;
            let cause = BASE64URL_NOPAD.decode(cause.as_bytes()).ok();
            let cause = cause.and_then(|c| c.try_into().ok()).ok_or_else(|| bad.clone())?;
            return Ok(Self::Derived { cause, i: index(i).ok_or(bad)? });
        }
        let mut parts = text.split('.');
        let (Some(session), Some(n), Some(i), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad);
        };
        let n = parse_decimal(n).ok_or_else(|| bad.clone())?;
        Ok(Self::Written { session: session.parse()?, n, i: index(i).ok_or(bad)? })
    }
}

/// SHA-256 of an Automerge change: what a change is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChangeHash(pub [u8; 32]);

impl fmt::Display for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0[..4]))
    }
}

macro_rules! text_serde {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

text_serde!(RecordId, SessionId, FactKey);

impl Serialize for ChangeHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_are_frozen() {
        let session = SessionId([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(session.to_string(), "aebagbafaydqq");
        assert_eq!("aebagbafaydqq".parse(), Ok(session));
        let key = FactKey::Written { session, n: 201, i: 0 };
        assert_eq!(key.to_string(), "aebagbafaydqq.201.0");
        assert_eq!("aebagbafaydqq.201.0".parse(), Ok(key));
        let record = RecordId::by_hand("work_order", SiteId(7), session, 40);
        assert_eq!(record.to_string(), "UWd9sBNMaAM4zOX2-wa9Og");
        assert_eq!(record.to_string().parse(), Ok(record));
        let derived = FactKey::derive(record, "call_back_due", "aebagbafaydqq.201.0", 0);
        assert_eq!(derived.to_string(), "~vdVchf-Ct93vSXGfcGSvOQ.0");
        assert_eq!(derived.to_string().parse(), Ok(derived));
    }

    #[test]
    fn a_key_has_one_text_only() {
        for text in [
            "",
            "~",
            "aebagbafaydqq",
            "aebagbafaydqq.1",
            "aebagbafaydqq.01.0",
            "aebagbafaydqq.1.00",
            "AEBAGBAFAYDQQ.1.0",
            "aebagbafaydqr.1.0",
            "aebagbafaydqq.+1.0",
            "aebagbafaydqq.1.0.0",
            "aebagbafaydqq.1.4294967296",
            "aebagbafaydqq.9007199254740993.0",
            "~AAAA.0",
        ] {
            assert!(text.parse::<FactKey>().is_err(), "{text}");
        }
    }
}
