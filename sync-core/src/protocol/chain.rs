//! Work that leaves its own session: a person's commands on a device as a chain that the device's
//! key has signed. Whoever carries it, it shows whose it is, and nothing of it can be altered, left
//! out or invented.
//!
//! The chain covers the record, the number and the facts of each command and not the change that it
//! stands in: a change is built anew when the record moves, what the person wrote is not.

use ed25519_dalek::VerifyingKey;
use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};

use super::identity::{Certificate, NotValid, statement, verify};
use super::message::{ClockReading, Receipt, SessionRegistration};
use crate::model::fact::StoredFact;
use crate::model::id::{DeviceId, PersonId, RecordId};

/// A command as the chain covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number.
    pub n: u64,
    /// The record it writes to.
    pub record: RecordId,
    /// Its facts, in their order.
    pub facts: &'a [StoredFact],
}

/// The link of `entry` after the link `before`.
pub fn entry_hash(before: &[u8; 32], entry: &Entry<'_>) -> [u8; 32] {
    let facts = entry.facts.len() as u64 * 2;
    let bytes = statement("fieldbook/entry/1", 4, |e| {
        e.bytes(before)?.bytes(&entry.record.0)?.u64(entry.n)?.array(facts)?;
        for fact in entry.facts {
            e.str(&fact.key.to_string())?.str(&fact.json)?;
        }
        Ok(())
    });
    Sha256::digest(bytes).into()
}

/// The last link of a chain of these entries, in the order of their numbers; the first one follows
/// 32 zero bytes.
pub fn chain_head(entries: &[Entry<'_>]) -> [u8; 32] {
    let mut entries: Vec<&Entry<'_>> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.n);
    entries.into_iter().fold([0; 32], |before, entry| entry_hash(&before, entry))
}

/// What of a hand-over is signed beside the chain itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Told {
    /// The highest command number the person has saved on the device.
    #[n(0)]
    pub highest_number: u64,
    /// Commands that are handed over: these, and those of the hand-overs that follow.
    #[n(1)]
    pub unsent: u64,
}

/// The bytes a (person, device) key signs to hand over a chain.
pub fn chain_statement(person: PersonId, device: DeviceId, told: Told, head: &[u8; 32]) -> Vec<u8> {
    statement("fieldbook/chain/1", 5, |e| {
        e.u32(person.0)?
            .u32(device.0)?
            .u64(told.highest_number)?
            .u64(told.unsent)?
            .bytes(head)?
            .ok()
    })
}

/// Commands of one (person, device) on their way by another session, or in a file.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct HandOver {
    /// The protocol version.
    #[n(0)]
    pub version: u16,
    /// Whose key signed it.
    #[n(1)]
    pub certificate: WireCertificate,
    /// The sessions the commands were written and built in, signed by that key.
    #[n(2)]
    pub sessions: Vec<SessionRegistration>,
    /// The commands as encoded fact packs.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub packs: Vec<u8>,
    /// What it says beside.
    #[n(4)]
    pub told: Told,
    /// Ed25519 over [`chain_statement`].
    #[cbor(n(5), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// [`Certificate`] on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WireCertificate {
    /// The person.
    #[n(0)]
    pub person: PersonId,
    /// The device.
    #[n(1)]
    pub device: DeviceId,
    /// The public key, base64url.
    #[n(2)]
    pub public_key: String,
    /// When it was issued, server time.
    #[n(3)]
    pub issued_ms: i64,
    /// The installation key's signature, base64url.
    #[n(4)]
    pub signature: String,
}

impl From<Certificate> for WireCertificate {
    fn from(certificate: Certificate) -> Self {
        let Certificate { person, device, public_key, issued_ms, signature } = certificate;
        Self { person, device, public_key, issued_ms, signature }
    }
}

impl From<WireCertificate> for Certificate {
    fn from(certificate: WireCertificate) -> Self {
        let WireCertificate { person, device, public_key, issued_ms, signature } = certificate;
        Self { person, device, public_key, issued_ms, signature }
    }
}

impl HandOver {
    /// The key that signed it, if the installation certified it and it signed exactly `entries`,
    /// which are what the packs hold. Needs no database.
    ///
    /// # Errors
    /// If anything of it was altered, left out, put elsewhere or invented.
    pub fn verify(
        &self,
        installation: &VerifyingKey,
        entries: &[Entry<'_>],
    ) -> Result<VerifyingKey, NotValid> {
        let certificate = Certificate::from(self.certificate.clone());
        let key = certificate.verify(installation)?;
        let head = chain_head(entries);
        let (person, device) = (certificate.person, certificate.device);
        verify(&key, &chain_statement(person, device, self.told, &head), &self.signature)?;
        Ok(key)
    }
}

/// Body of `POST /v1/hand-in`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct HandInRequest {
    /// The protocol version.
    #[n(0)]
    pub version: u16,
    /// The clocks of the device that carries it, at sending.
    #[n(1)]
    pub clock: ClockReading,
    /// What is handed in.
    #[n(2)]
    pub hand_over: HandOver,
}

/// Numbers of commands, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Numbers {
    /// The first.
    #[n(0)]
    pub from: u64,
    /// The last.
    #[n(1)]
    pub to: u64,
}

/// Answer of `POST /v1/hand-in`.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct HandInResponse {
    /// The protocol version.
    #[n(0)]
    pub version: u16,
    /// The commands that the server has: whatever becomes of them, they are no longer the phone's.
    #[n(1)]
    pub stored: Vec<Numbers>,
    /// What became of them; only for the person whose they are.
    #[n(2)]
    pub receipts: Option<Vec<Receipt>>,
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;
    use crate::model::id::{FactKey, SessionId};

    fn note(n: u64, text: &str) -> Vec<StoredFact> {
        let key = FactKey::Written { session: SessionId([1, 2, 3, 4, 5, 6, 7, 8]), n, i: 0 };
        let json = format!(r#"{{"p":{{"text":"{text}"}},"s":[0,0],"t":"note","w":1}}"#);
        vec![StoredFact { key, json }]
    }

    fn entry(n: u64, record: u8, facts: &[StoredFact]) -> Entry<'_> {
        Entry { n, record: RecordId([record; 16]), facts }
    }

    fn signed(entries: &[Entry<'_>]) -> HandOver {
        let (installation, key) =
            (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let (person, device) = (PersonId(31), DeviceId(9));
        let certificate =
            Certificate::issue(&installation, person, device, &key.verifying_key(), 1_000);
        let told = Told { highest_number: 3, unsent: 3 };
        let statement = chain_statement(person, device, told, &chain_head(entries));
        HandOver {
            version: 1,
            certificate: certificate.into(),
            sessions: Vec::new(),
            packs: Vec::new(),
            told,
            signature: key.sign(&statement).to_bytes(),
        }
    }

    #[test]
    fn the_statement_and_a_link_are_frozen() {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let told = Told { highest_number: 5, unsent: 3 };
        assert_eq!(
            hex(&chain_statement(PersonId(31), DeviceId(9), told, &[7; 32])),
            format!("8671{}181f0905035820{}", hex(b"fieldbook/chain/1"), "07".repeat(32))
        );
        let facts = note(1, "a");
        let [key, json] = [facts[0].key.to_string(), facts[0].json.clone()];
        let bytes = format!(
            "8571{}5820{}50{}018271{}78{:02x}{}",
            hex(b"fieldbook/entry/1"),
            "00".repeat(32),
            "03".repeat(16),
            hex(key.as_bytes()),
            json.len(),
            hex(json.as_bytes())
        );
        let bytes = data_encoding::HEXLOWER.decode(bytes.as_bytes()).expect("hex");
        let link = entry_hash(&[0; 32], &entry(1, 3, &facts));
        assert_eq!(hex(&link), hex(&Sha256::digest(bytes)));
    }

    #[test]
    fn a_chain_holds_only_as_it_was_signed() {
        let (a, b, c) = (note(1, "a"), note(2, "b"), note(3, "c"));
        let entries = [entry(1, 1, &a), entry(2, 2, &b), entry(3, 1, &c)];
        let whole = signed(&entries);
        let installation = SigningKey::from_bytes(&[1; 32]).verifying_key();
        let holds = |entries: &[Entry<'_>]| whole.verify(&installation, entries).is_ok();
        assert!(holds(&entries));
        // The order in which records travel is nobody's word.
        assert!(holds(&[entries[1], entries[0], entries[2]]));

        let (altered, d) = (note(3, "d"), note(4, "e"));
        assert!(!holds(&[entries[0], entries[1], entry(3, 1, &altered)]), "altered");
        assert!(!holds(&entries[..2]), "cut at the end");
        assert!(!holds(&entries[1..]), "cut at the beginning");
        assert!(!holds(&[entries[0], entry(2, 3, &b), entries[2]]), "another record");
        assert!(!holds(&[entry(3, 1, &a), entries[1], entry(1, 1, &c)]), "reordered");
        assert!(!holds(&[entries[0], entries[1], entries[2], entry(4, 1, &d)]), "more");

        let mut other = whole.clone();
        other.told.highest_number = 9;
        assert!(other.verify(&installation, &entries).is_err(), "another word beside");
        let mut other = whole.clone();
        other.certificate.person = PersonId(32);
        assert!(other.verify(&installation, &entries).is_err(), "another person");
        let elsewhere = SigningKey::from_bytes(&[9; 32]).verifying_key();
        assert!(whole.verify(&elsewhere, &entries).is_err(), "another installation");
    }
}
