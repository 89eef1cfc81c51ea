//! A record's signatures as evidence: one file that is checked offline, without the database, the
//! site's policy or the network. Evidence, not a certified signature. The form: `docs/evidence.md`.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::review::{TimelineEntry, entry};
use super::signature::{Shown, Verification, check_content, check_signed};
use super::statement::{restate, sha256_hex};
use crate::model::canonical::{self, NotCanonical};
use crate::model::certificate::{Certificate, fingerprint};
use crate::model::fact::{Fact, StoredFact};
use crate::model::id::{DeviceId, FactKey, PersonId, RecordId, SessionId};
use crate::model::payload::Payload;
use crate::model::session::{Origin, SessionRow, SessionRows};
use crate::model::signing::{statement, verify as verify_key};
use crate::model::time::{Anchor, BootId, MonotonicMs, WallMs};
use crate::model::work_order::{Signed, WorkOrderFact};

/// The form of the file.
pub const FORMAT: &str = "fieldbook-evidence/1";
/// Bytes of a file that is read at most.
pub const EVIDENCE_BYTES_MAX: u64 = 64 << 20;

/// Evidence of a record's signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// [`FORMAT`].
    format: String,
    /// The record.
    record: RecordId,
    /// The zone of the times in the texts.
    time_zone: String,
    /// All its facts, as they are stored.
    facts: BTreeMap<FactKey, Value>,
    /// The sessions they were written in.
    sessions: BTreeMap<SessionId, BundleSession>,
    /// Of the (person, device) keys that signed, revoked ones too.
    certificates: Vec<Certificate>,
    /// The public key that certified them and sealed the bundle, base64url.
    installation_key: String,
    /// The text that was shown, by the fact that signs it.
    documents: BTreeMap<FactKey, String>,
    /// The signatures whose drawing the installation checked and then left out: in its place
    /// stands its SHA-256.
    erased: BTreeSet<FactKey>,
    /// What the installation says the bundle was.
    seal: Seal,
}

/// What a check needs of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleSession {
    person: PersonId,
    device: DeviceId,
    office: bool,
    /// Server time and monotonic clock, milliseconds; none is "unverified".
    anchor: Option<(WallMs, MonotonicMs)>,
}

/// The installation's signature over the SHA-256 of every other member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    /// By member: SHA-256 of its canonical JSON, hex.
    digests: BTreeMap<String, String>,
    /// Over the canonical JSON of `digests`, base64url.
    signature: String,
}

/// What a bundle is made from.
#[derive(Debug, Clone, Copy)]
pub struct EvidenceInput<'a> {
    /// The record.
    pub record: RecordId,
    /// The IANA name of its site's zone.
    pub time_zone: &'a str,
    /// Its facts.
    pub facts: &'a [StoredFact],
    /// The sessions they were written in.
    pub sessions: &'a SessionRows,
    /// Certificates of the devices they were written on; those of others are left out.
    pub certificates: &'a [Certificate],
    /// Whether the drawings stay in it, or only their SHA-256.
    pub with_strokes: bool,
}

/// Makes the evidence of a record (R8.11).
///
/// # Errors
/// If a fact is not canonical JSON.
pub fn bundle(input: &EvidenceInput<'_>, installation: &SigningKey) -> crate::Result<Bundle> {
    let mut facts = BTreeMap::new();
    for fact in input.facts {
        facts.insert(fact.key, canonical::parse(&fact.json)?);
    }
    let of_facts = |id: &SessionId| facts.keys().any(|key| key.session() == Some(*id));
    let sessions = input.sessions.iter().filter(|(id, _)| of_facts(id));
    let mut made = Bundle {
        format: FORMAT.to_owned(),
        record: input.record,
        time_zone: input.time_zone.to_owned(),
        sessions: sessions.map(|(id, row)| (*id, BundleSession::of(row))).collect(),
        facts,
        certificates: Vec::new(),
        installation_key: BASE64URL_NOPAD.encode(installation.verifying_key().as_bytes()),
        documents: BTreeMap::new(),
        erased: BTreeSet::new(),
        seal: Seal::default(),
    };
    let signers: Vec<_> = made.signed_keys().filter_map(|key| made.writer(key)).collect();
    let signs =
        |c: &&Certificate| signers.iter().any(|s| (s.person, s.device) == (c.person, c.device));
    made.certificates = input.certificates.iter().filter(signs).cloned().collect();
    let timeline = made.timeline();
    let texts = made.signed_keys().filter_map(|key| {
        let now = restate(&timeline, &made.time_zone, &made.signed(key)?)?;
        Some((*key, now.text))
    });
    made.documents = texts.collect();
    if !input.with_strokes {
        made.leave_out_strokes(&timeline, &installation.verifying_key());
    }
    made.seal.digests = made.digests()?;
    let sealed = made.seal.statement()?;
    made.seal.signature = BASE64URL_NOPAD.encode(&installation.sign(&sealed).to_bytes());
    Ok(made)
}

fn is_signed(fact: &Value) -> bool {
    fact.get("t").and_then(Value::as_str) == Some("signed")
}

impl BundleSession {
    fn of(row: &SessionRow) -> Self {
        Self {
            person: row.person,
            device: row.device,
            office: row.origin == Origin::Office,
            anchor: row.anchor.map(|anchor| (anchor.server_ms, anchor.monotonic_ms)),
        }
    }

    /// As `rules` read sessions; what no text shows is left at nothing.
    fn row(self, session: SessionId) -> SessionRow {
        SessionRow {
            session,
            person: self.person,
            device: self.device,
            origin: if self.office { Origin::Office } else { Origin::Phone },
            boot: BootId([0; 16]),
            opened_wall_ms: 0,
            opened_monotonic_ms: 0,
            anchor: self.anchor.map(|(server_ms, monotonic_ms)| Anchor { server_ms, monotonic_ms }),
        }
    }
}

impl Seal {
    fn statement(&self) -> Result<Vec<u8>, NotCanonical> {
        let digests = canonical::write(&json!(self.digests))?;
        Ok(statement(FORMAT, 1, |e| e.str(&digests)?.ok()))
    }
}

/// Text that is no evidence of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not evidence of the form {FORMAT}")]
pub struct NotEvidence;

/// What a check of a bundle finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The record.
    pub record: RecordId,
    /// Of the installation that made it; none if its key does not read.
    pub fingerprint: Option<String>,
    /// Of the file as a whole: `altered` names the member.
    pub file: Verification,
    /// Of each signature.
    pub signatures: Vec<SignatureEvidence>,
}

/// What a check of one signature finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureEvidence {
    /// The `signed` fact.
    pub fact: FactKey,
    /// What is found.
    pub found: Verification,
    /// Facts that were shown and are not in the bundle.
    pub absent: Vec<FactKey>,
    /// The text that was shown.
    pub text: Option<String>,
}

impl Evidence {
    /// The worst that is found; without a signature, that it is missing.
    pub fn worst(&self) -> Verification {
        let none = Verification::Missing { what: "signed".to_owned() };
        let all = self.signatures.iter().map(|signature| &signature.found);
        let without = self.signatures.is_empty().then_some(&none);
        let all = all.chain(without).chain([&self.file]);
        all.max_by_key(|found| found.weight()).cloned().unwrap_or(none)
    }
}

/// Checks a bundle by itself; `trusted` are the fingerprints of the installations that its reader
/// trusts (R8.11).
pub fn verify(bundle: &Bundle, trusted: &[String]) -> Evidence {
    let installation = bundle.installation();
    let fingerprint = installation.as_ref().map(fingerprint);
    let is_trusted = fingerprint.as_ref().is_some_and(|name| trusted.contains(name));
    let judged = |found: Verification| match found {
        Verification::Valid | Verification::Erased if !is_trusted => Verification::Untrusted,
        other => other,
    };
    let timeline = bundle.timeline();
    let signatures = bundle.signed_keys().map(|key| SignatureEvidence {
        fact: *key,
        found: judged(bundle.check(key, &timeline, installation.as_ref())),
        absent: bundle.absent(key),
        text: bundle.documents.get(key).cloned(),
    });
    Evidence {
        record: bundle.record,
        file: judged(bundle.check_seal(installation.as_ref())),
        signatures: signatures.collect(),
        fingerprint,
    }
}

impl Bundle {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is not canonical JSON of this form.
    pub fn read(text: &str) -> Result<Self, NotEvidence> {
        let value = canonical::parse(text).map_err(|_| NotEvidence)?;
        let bundle: Self = serde_json::from_value(value).map_err(|_| NotEvidence)?;
        if bundle.format == FORMAT { Ok(bundle) } else { Err(NotEvidence) }
    }

    /// Writes the file: canonical JSON.
    ///
    /// # Errors
    /// If a number is beyond what canonical JSON holds.
    pub fn write(&self) -> crate::Result<String> {
        let value = serde_json::to_value(self).map_err(|_| NotCanonical::Syntax)?;
        Ok(canonical::write(&value)?)
    }

    fn installation(&self) -> Option<VerifyingKey> {
        let key = BASE64URL_NOPAD.decode(self.installation_key.as_bytes()).ok()?;
        VerifyingKey::from_bytes(&key.try_into().ok()?).ok()
    }

    /// No drawing stays; but one that does not stand says so for ever (R8.12).
    fn leave_out_strokes(&mut self, timeline: &[TimelineEntry], installation: &VerifyingKey) {
        let stands =
            |key: &&FactKey| self.check(key, timeline, Some(installation)) == Verification::Valid;
        self.erased = self.signed_keys().filter(stands).copied().collect();
        for fact in self.facts.values_mut().filter(|fact| is_signed(fact)) {
            if let Some(strokes) = fact.pointer_mut("/p/strokes") {
                let drawn = strokes.as_str().unwrap_or_default();
                *strokes = json!(format!("sha256:{}", sha256_hex(drawn.as_bytes())));
            }
        }
    }

    fn digests(&self) -> Result<BTreeMap<String, String>, NotCanonical> {
        let value = serde_json::to_value(self).map_err(|_| NotCanonical::Syntax)?;
        let members = value.as_object().into_iter().flatten().filter(|(name, _)| *name != "seal");
        let digest = |member: &Value| Ok(sha256_hex(canonical::write(member)?.as_bytes()));
        members.map(|(name, member)| Ok((name.clone(), digest(member)?))).collect()
    }

    fn check_seal(&self, installation: Option<&VerifyingKey>) -> Verification {
        let Ok(now) = self.digests() else { return Verification::altered("seal") };
        let differs = now.iter().find(|(name, is)| self.seal.digests.get(*name) != Some(*is));
        if let Some((name, _)) = differs {
            return Verification::altered(name);
        }
        let signature = BASE64URL_NOPAD.decode(self.seal.signature.as_bytes()).ok();
        let signature = signature.and_then(|bytes| bytes.try_into().ok());
        match (installation, self.seal.statement(), signature) {
            (Some(key), Ok(sealed), Some(signature))
                if verify_key(key, &sealed, &signature).is_ok() =>
            {
                Verification::Valid
            }
            _ => Verification::altered("seal"),
        }
    }

    fn check(
        &self,
        key: &FactKey,
        timeline: &[TimelineEntry],
        installation: Option<&VerifyingKey>,
    ) -> Verification {
        let Some(writer) = self.writer(key) else { return Verification::missing("session") };
        let is_writers = |c: &&Certificate| (c.person, c.device) == (writer.person, writer.device);
        let Some(certificate) = self.certificates.iter().find(is_writers) else {
            return Verification::missing("certificate");
        };
        let Some(device) = installation.and_then(|key| certificate.verify(key).ok()) else {
            return Verification::altered("certificate");
        };
        let Some(signed) = self.signed(key) else { return Verification::altered("fact") };
        let shown = Shown { record: self.record, timeline, zone: &self.time_zone };
        let erased = self.erased.contains(key);
        let found = if erased {
            check_content(&shown, &signed)
        } else {
            self.stored(key).map_or(Verification::altered("fact"), |stored| {
                check_signed(&shown, &stored, Some(&device))
            })
        };
        match (found, self.documents.get(key)) {
            (Verification::Valid, None) => Verification::missing("document"),
            (Verification::Valid, Some(text))
                if sha256_hex(text.as_bytes()) != signed.text_sha256 =>
            {
                Verification::altered("document")
            }
            (Verification::Valid, _) if erased => Verification::Erased,
            (found, _) => found,
        }
    }

    fn signed_keys(&self) -> impl Iterator<Item = &FactKey> {
        self.facts.iter().filter(|(_, fact)| is_signed(fact)).map(|(key, _)| key)
    }

    fn writer(&self, key: &FactKey) -> Option<BundleSession> {
        self.sessions.get(&key.session()?).copied()
    }

    fn stored(&self, key: &FactKey) -> Option<StoredFact> {
        let json = canonical::write(self.facts.get(key)?).ok()?;
        Some(StoredFact { key: *key, json })
    }

    fn signed(&self, key: &FactKey) -> Option<Signed> {
        match self.stored(key)?.parse().ok()?.payload {
            Payload::WorkOrder(WorkOrderFact::Signed(signed)) => Some(signed),
            _ => None,
        }
    }

    fn absent(&self, key: &FactKey) -> Vec<FactKey> {
        let shown = self.signed(key).map(|signed| signed.shown).unwrap_or_default();
        shown.into_iter().filter(|key| !self.facts.contains_key(key)).collect()
    }

    /// The facts as the texts show them; one that does not read is none.
    fn timeline(&self) -> Vec<TimelineEntry> {
        let sessions = self.sessions.iter().map(|(id, session)| (*id, session.row(*id))).collect();
        let read = |key| -> Option<Fact> { self.stored(key)?.parse().ok() };
        self.facts.keys().filter_map(read).map(|fact| entry(&fact, &sessions)).collect()
    }
}
