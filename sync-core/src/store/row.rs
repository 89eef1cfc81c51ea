//! What the store keeps, as values. Content that people wrote is redacted in `Debug`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use zeroize::Zeroizing;

use crate::model::audience::Audience;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, DeviceId, PersonId, RecordId, SessionId, SiteId};
use crate::model::time::{Anchor, BootId, MonotonicMs, Seen, WallMs};

/// Someone enrolled on this device.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The person; the owner of the rows written for them.
    pub person: PersonId,
    /// The device, as the installation numbers it.
    pub device: DeviceId,
    /// The person's name as enrolled.
    pub person_name: String,
    /// The (person, device) key's secret.
    pub signing_key: Zeroizing<[u8; 32]>,
    /// JSON of the certificate over that key.
    pub certificate_json: String,
    /// The installation's public key.
    pub installation_key: [u8; 32],
    /// When it was enrolled, by the device's wall clock.
    pub enrolled_wall_ms: WallMs,
    /// The number of the device's first command.
    pub first_number: u64,
    /// The last number before the person's last sign-out from this phone: the account begins after
    /// it.
    pub account_from: u64,
}

/// A session opened on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnSession {
    /// The session.
    pub session: SessionId,
    /// Its owner.
    pub person: PersonId,
    /// The device it was opened as.
    pub device: DeviceId,
    /// The boot it was opened in.
    pub boot: BootId,
    /// The device's wall clock at opening.
    pub opened_wall_ms: WallMs,
    /// The device's monotonic clock at opening.
    pub opened_monotonic_ms: MonotonicMs,
    /// The server has it.
    pub registered: bool,
}

/// Names signed work that waits to be handed in: no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandOverId {
    /// Whose it is.
    pub person: PersonId,
    /// The device it was written on.
    pub device: DeviceId,
    /// Its first number.
    pub n: u64,
}

/// Where a change stands in its record's history; with facts it is a [`StoredChange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeHeader {
    /// The Automerge actor.
    pub actor: SessionId,
    /// The actor's number of the change in this record.
    pub seq: u64,
    /// The number of its first operation.
    pub start_op: u64,
    /// What it depends on.
    pub deps: Vec<ChangeHash>,
    /// What it is called.
    pub hash: ChangeHash,
}

/// An accepted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    /// The Automerge actor.
    pub actor: SessionId,
    /// The actor's number of the change in this record.
    pub seq: u64,
    /// The number of its first operation.
    pub start_op: u64,
    /// What it depends on.
    pub deps: Vec<ChangeHash>,
    /// What it is called.
    pub hash: ChangeHash,
    /// What it puts, in the order of its operations.
    pub facts: Vec<StoredFact>,
}

impl ChangeHeader {
    /// The change of this header that puts `facts`.
    pub fn with_facts(self, facts: Vec<StoredFact>) -> StoredChange {
        let Self { actor, seq, start_op, deps, hash } = self;
        StoredChange { actor, seq, start_op, deps, hash, facts }
    }
}

/// A record as its owner holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// The record.
    pub record: RecordId,
    /// Its site.
    pub site: SiteId,
    /// False: it left the owner's audiences and is read-only.
    pub present: bool,
    /// The owner's audiences that contain it.
    pub audiences: BTreeSet<Audience>,
    /// The server's HMAC over its accepted heads.
    pub attestation: Option<[u8; 16]>,
    /// What the server accepted or served, in the order it came.
    pub accepted: Vec<StoredChange>,
    /// Own commands on top, by number.
    pub pending: Vec<PendingRow>,
    /// A code: why nothing of it is sent.
    pub parked: Option<String>,
}

/// What a pending command waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PendingState {
    /// To be sent for the first time.
    Unsent,
    /// Sent, no receipt yet.
    Sent,
    /// The server has it and has not decided.
    Held,
    /// The server did not take it: still only here.
    NotStored,
    /// Accepted; its facts have not arrived in the accepted record yet.
    Accepted,
}

impl PendingState {
    /// The stable code, as in SQL.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unsent => "unsent",
            Self::Sent => "sent",
            Self::Held => "held",
            Self::NotStored => "not_stored",
            Self::Accepted => "accepted",
        }
    }

    /// Reads [`Self::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Unsent, Self::Sent, Self::Held, Self::NotStored, Self::Accepted]
            .into_iter()
            .find(|state| state.code() == code)
    }
}

/// An own command that is not in the accepted record yet.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingRow {
    /// Its number per (person, device).
    pub n: u64,
    /// The record it writes to.
    pub record: RecordId,
    /// What it puts.
    pub facts: Vec<StoredFact>,
    /// When it was saved, by the device's wall clock.
    pub saved_wall_ms: WallMs,
    /// What it waits for.
    pub state: PendingState,
    /// The code of the last receipt: why it is held or not stored.
    pub code: Option<String>,
    /// Parameters of the code's text.
    pub params: BTreeMap<String, String>,
    /// Its change on top of what was accepted when it was written or last rebuilt.
    pub change: ChangeHeader,
}

impl PendingRow {
    /// The change this command makes.
    pub fn stored_change(&self) -> StoredChange {
        self.change.clone().with_facts(self.facts.clone())
    }
}

/// What can be said of a pending command without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingSummary {
    /// Its number.
    pub n: u64,
    /// The record it writes to.
    pub record: RecordId,
    /// When it was saved, by the device's wall clock.
    pub saved_wall_ms: WallMs,
    /// What it waits for.
    pub state: PendingState,
    /// Bytes of its content.
    pub bytes: u64,
}

/// An own command whose row does not read: nothing is known of it but what stood in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRow {
    /// Its number.
    pub n: u64,
    /// The record it was written to, if known.
    pub record: Option<RecordId>,
    /// When it was saved, by the device's wall clock, if known.
    pub saved_wall_ms: Option<WallMs>,
    /// What it waited for; held also once the server says that it has it.
    pub state: PendingState,
    /// Why it is lost: one of [`super::LOST_CODES`].
    pub code: String,
    /// When that was found, by the device's wall clock.
    pub found_wall_ms: WallMs,
}

/// An own command the server refused.
#[derive(Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Its number per (person, device).
    pub n: u64,
    /// The record it was written to.
    pub record: RecordId,
    /// What it was to put.
    pub facts: Vec<StoredFact>,
    /// Why.
    pub code: String,
    /// Parameters of the code's text.
    pub params: BTreeMap<String, String>,
    /// When the phone learned of it, by the device's wall clock.
    pub refused_wall_ms: WallMs,
}

/// Own accepted work, kept until a backup of the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRow {
    /// Its number per (person, device).
    pub n: u64,
    /// The record it was written to.
    pub record: RecordId,
    /// What it put.
    pub facts: Vec<StoredFact>,
    /// The (epoch, sequence) it was accepted under.
    pub accepted_at: Seen,
}

/// A line of the list of records.
#[derive(Clone, PartialEq, Eq)]
pub struct ListRow {
    /// The record.
    pub record: RecordId,
    /// JSON of its projection.
    pub json: String,
}

/// How far a person's sync has come.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SyncState {
    /// The server's life last heard of; 0 before the first contact.
    pub epoch: u32,
    /// How far each audience has been read.
    pub cursors: Vec<(Audience, Seen)>,
    /// The number of the last receipt applied.
    pub receipts_after: u64,
    /// The version of `reference_json`; 0 is none.
    pub reference_version: u64,
    /// The reference data.
    pub reference_json: Option<String>,
    /// The highest command number used.
    pub highest_number: u64,
    /// The first contact of each boot of this device.
    pub anchors: BTreeMap<BootId, Anchor>,
    /// Everything up to here is in a backup of the server.
    pub backed_up: Option<Seen>,
    /// The retry schedule.
    pub retry_json: Option<String>,
    /// Records to be asked for whole.
    pub repairs: Vec<RecordId>,
    /// The server has seen another store with this device's numbers.
    pub re_enrol: bool,
    /// Records of which nothing is sent from some command on.
    pub parked: BTreeMap<RecordId, Parked>,
    /// Answers to the office that are still to be sent, by the number of the question.
    pub case_answers: BTreeMap<u64, String>,
}

/// Why nothing of a record is sent from some command on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The number of that command.
    pub n: u64,
    /// The code of the server's answer.
    pub code: String,
    /// The app's version that was refused.
    pub app_version: String,
}

/// A row that does not open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DamagedRow {
    /// The table.
    pub table: &'static str,
    /// The row's name: ids only.
    pub row: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("person", &self.person)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PendingRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRow")
            .field("n", &self.n)
            .field("record", &self.record)
            .field("facts", &self.facts)
            .field("saved_wall_ms", &self.saved_wall_ms)
            .field("state", &self.state)
            .field("code", &self.code)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedRow")
            .field("n", &self.n)
            .field("record", &self.record)
            .field("facts", &self.facts)
            .field("code", &self.code)
            .field("refused_wall_ms", &self.refused_wall_ms)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ListRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({} bytes)", self.record, self.json.len())
    }
}

impl fmt::Debug for SyncState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncState")
            .field("epoch", &self.epoch)
            .field("cursors", &self.cursors)
            .field("receipts_after", &self.receipts_after)
            .field("reference_version", &self.reference_version)
            .field("highest_number", &self.highest_number)
            .field("anchors", &self.anchors)
            .field("backed_up", &self.backed_up)
            .field("repairs", &self.repairs)
            .field("re_enrol", &self.re_enrol)
            .field("parked", &self.parked)
            .finish_non_exhaustive()
    }
}
