//! The contents of sealed rows: CBOR maps with integer keys, so that a later version adds members
//! and still reads old rows. Texts (projections, reference data, the retry schedule) are plain
//! UTF-8.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::StoreError;
use super::column::Columns;
use super::seal::Sealer;
use super::statement::Statement;
use crate::model::fact::StoredFact;
use crate::model::id::ChangeHash;

/// Content that is sealed.
pub(super) trait Content: Sized {
    /// Its bytes, wiped after use.
    fn to_bytes(&self) -> Zeroizing<Vec<u8>>;
    /// Reads [`Self::to_bytes`].
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// A command or change: what it depends on, what it puts, what a receipt said of it.
#[derive(Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Command {
    #[n(0)]
    facts: Vec<SealedFact>,
    #[n(1)]
    deps: Option<Vec<ChangeHash>>,
    #[n(2)]
    params: Option<BTreeMap<String, String>>,
}

#[derive(Debug, PartialEq, Encode, Decode)]
#[cbor(array)]
struct SealedFact {
    #[n(0)]
    key: String,
    #[n(1)]
    json: String,
}

impl Command {
    pub(super) fn new(facts: &[StoredFact]) -> Self {
        let facts = facts
            .iter()
            .map(|fact| SealedFact { key: fact.key.to_string(), json: fact.json.clone() })
            .collect();
        Self { facts, deps: None, params: None }
    }

    pub(super) fn with_deps(mut self, deps: &[ChangeHash]) -> Self {
        self.deps = Some(deps.to_vec());
        self
    }

    pub(super) fn with_params(mut self, params: &BTreeMap<String, String>) -> Self {
        self.params = (!params.is_empty()).then(|| params.clone());
        self
    }

    /// The parts; `None` if a key does not parse.
    pub(super) fn into_parts(self) -> Option<CommandParts> {
        let facts = self
            .facts
            .into_iter()
            .map(|fact| Some(StoredFact { key: fact.key.parse().ok()?, json: fact.json }))
            .collect::<Option<_>>()?;
        Some(CommandParts {
            facts,
            deps: self.deps.unwrap_or_default(),
            params: self.params.unwrap_or_default(),
        })
    }
}

/// What a [`Command`] holds.
pub(super) struct CommandParts {
    pub(super) facts: Vec<StoredFact>,
    pub(super) deps: Vec<ChangeHash>,
    pub(super) params: BTreeMap<String, String>,
}

/// The sealed part of an identity.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Secrets {
    #[n(0)]
    pub(super) person_name: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) signing_key: [u8; 32],
    #[n(2)]
    pub(super) certificate_json: String,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(super) installation_key: [u8; 32],
}

impl Drop for Secrets {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.signing_key);
    }
}

/// An identity's row, sealed as it stands in the store: the second copy beside it.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct IdentityCopy {
    #[n(0)]
    pub(super) person: i64,
    #[n(1)]
    pub(super) device: i64,
    #[n(2)]
    pub(super) enrolled_wall_ms: i64,
    #[n(3)]
    pub(super) first_number: i64,
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(super) sealed: Vec<u8>,
    /// Older copies have none: where the account begins is then not known.
    #[n(5)]
    pub(super) account_from: Option<i64>,
}

impl IdentityCopy {
    pub(super) fn of(columns: &Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            person: columns.time("person")?,
            device: columns.time("device")?,
            enrolled_wall_ms: columns.time("enrolled_wall_ms")?,
            first_number: columns.time("first_number")?,
            sealed: columns.sealed()?.to_vec(),
            account_from: Some(columns.time("account_from")?),
        })
    }

    pub(super) fn opens(&self, sealer: &Sealer) -> bool {
        let content = sealer.open("identity", &self.person.to_string(), &self.sealed);
        content.is_ok_and(|content| Secrets::from_bytes(&content).is_some())
    }

    /// Binds the device, the time, the first number, the sealed part and the account's beginning.
    pub(super) fn bound(&self, statement: Statement) -> Statement {
        let statement = statement.bind(self.device).bind(self.enrolled_wall_ms);
        let statement = statement.bind(self.first_number).bind(self.sealed.clone());
        statement.bind(self.account_from)
    }

    /// The bytes of several copies.
    pub(super) fn write(copies: &[Self]) -> Vec<u8> {
        minicbor::to_vec(copies).expect("a vector takes every byte")
    }

    /// Reads [`Self::write`]; none where it does not read.
    pub(super) fn read(bytes: &[u8]) -> Vec<Self> {
        minicbor::decode(bytes).unwrap_or_default()
    }
}

/// The sealed part of a record.
#[derive(Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Attested {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(super) attestation: Option<[u8; 16]>,
}

macro_rules! cbor_content {
    ($($name:ident),*) => {$(
        impl Content for $name {
            fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
                Zeroizing::new(minicbor::to_vec(self).expect("a vector takes every byte"))
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                minicbor::decode(bytes).ok()
            }
        }
    )*};
}

cbor_content!(Command, Secrets, Attested);

impl Content for String {
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.clone().into_bytes())
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{FactKey, SessionId};

    fn hex(content: &impl Content) -> String {
        data_encoding::HEXLOWER.encode(&content.to_bytes())
    }

    fn text(text: &str) -> String {
        format!("{:02x}{}", 0x60 + text.len(), data_encoding::HEXLOWER.encode(text.as_bytes()))
    }

    #[test]
    fn contents_are_frozen() {
        let key = FactKey::Written { session: SessionId([1, 2, 3, 4, 5, 6, 7, 8]), n: 2, i: 0 };
        let facts = [StoredFact { key, json: "{}".to_owned() }];
        let params = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let command = Command::new(&facts).with_deps(&[ChangeHash([7; 32])]).with_params(&params);
        let fact = format!("82{}{}", text("aebagbafaydqq.2.0"), text("{}"));
        let dep = format!("5820{}", "07".repeat(32));
        assert_eq!(hex(&command), format!("a30081{fact}0181{dep}02a1{}{}", text("a"), text("b")));
        assert_eq!(hex(&Command::new(&[])), "a10080");
        assert_eq!(
            hex(&Attested { attestation: Some([5; 16]) }),
            format!("a10050{}", "05".repeat(16))
        );
        let none = Attested { attestation: None };
        assert_eq!(hex(&none), "a0");
        assert_eq!(Attested::from_bytes(&none.to_bytes()), Some(none));
        let secrets = Secrets {
            person_name: "a".to_owned(),
            signing_key: [1; 32],
            certificate_json: "{}".to_owned(),
            installation_key: [2; 32],
        };
        let [signing, installation] = ["01".repeat(32), "02".repeat(32)];
        let expected =
            format!("a400{}015820{signing}02{}035820{installation}", text("a"), text("{}"));
        assert_eq!(hex(&secrets), expected);
    }

    #[test]
    fn a_copy_of_an_earlier_version_has_no_beginning_of_the_account() {
        let copy = "8 1a5 00181f 0109 021863 0301 044106".replace(' ', "");
        let bytes = data_encoding::HEXLOWER.decode(copy.as_bytes()).expect("hex");
        let copies = IdentityCopy::read(&bytes);
        let read: Vec<_> = copies.iter().map(|copy| (copy.person, copy.account_from)).collect();
        assert_eq!(read, [(31, None)]);
        assert_eq!(IdentityCopy::write(&copies), bytes);
    }

    #[test]
    fn members_of_a_later_version_are_skipped() {
        let later = data_encoding::HEXLOWER.decode(b"a2008018f7f6").expect("hex");
        let parts = Command::from_bytes(&later).and_then(Command::into_parts).expect("reads");
        assert!(parts.facts.is_empty());
    }

    #[test]
    fn a_key_that_does_not_parse_is_no_command() {
        let facts = vec![SealedFact { key: "x".to_owned(), json: "{}".to_owned() }];
        assert!(Command { facts, deps: None, params: None }.into_parts().is_none());
    }
}
