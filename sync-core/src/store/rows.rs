//! The store's rows, and the writes that a plan is made of.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::audience::Audience;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, DeviceId, PersonId, RecordId, SessionId, SiteId};
use crate::model::session::SessionRow;
use crate::model::time::{Anchor, BootId, MonotonicMs, Seen, WallMs};

/// A person enrolled on this device.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// The person's name.
    pub person_name: String,
    /// The (person, device) key; never leaves the store.
    pub signing_key: [u8; 32],
    /// JSON of the certificate.
    pub certificate_json: String,
    /// The installation's public key.
    pub installation_key: [u8; 32],
    /// When it enrolled, by the phone's wall clock.
    pub enrolled_wall_ms: WallMs,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity(person {}, device {})", self.person, self.device)
    }
}

/// An accepted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    /// The actor.
    pub actor: SessionId,
    /// Its place among the actor's changes of the record.
    pub seq: u64,
    /// The number of its first operation.
    pub start_op: u64,
    /// What it depends on.
    pub deps: Vec<ChangeHash>,
    /// Its hash.
    pub hash: ChangeHash,
    /// Its facts.
    pub facts: Vec<StoredFact>,
}

/// A record with everything the phone has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// The record.
    pub record: RecordId,
    /// Its site.
    pub site: SiteId,
    /// False once it left the person's scope.
    pub present: bool,
    /// The person's audiences that contain it.
    pub audiences: BTreeSet<Audience>,
    /// The server's HMAC over the accepted heads.
    pub attestation: Option<[u8; 16]>,
    /// Accepted changes, dependencies first.
    pub accepted: Vec<StoredChange>,
    /// Pending commands, by number.
    pub pending: Vec<PendingRow>,
}

/// A command that is not in the accepted document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRow {
    /// Its number.
    pub n: u64,
    /// The record.
    pub record: RecordId,
    /// When it was saved.
    pub saved_wall_ms: WallMs,
    /// Where it stands.
    pub state: PendingState,
    /// Why it is held or not stored.
    pub code: Option<String>,
    /// Parameters of the code's text.
    pub params: BTreeMap<String, String>,
    /// Its facts and the change they stand in.
    pub change: StoredChange,
}

/// Where a pending command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PendingState {
    /// Without a receipt.
    Unsent,
    /// Stored by the server, waiting for something.
    Held,
    /// The server had no room.
    NotStored,
    /// Accepted; its facts have not arrived yet.
    Accepted,
}

impl PendingState {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Unsent => "unsent",
            Self::Held => "held",
            Self::NotStored => "not_stored",
            Self::Accepted => "accepted",
        }
    }

    pub(super) fn from_code(code: &str) -> Option<Self> {
        [Self::Unsent, Self::Held, Self::NotStored, Self::Accepted]
            .into_iter()
            .find(|state| state.code() == code)
    }
}

/// A pending command without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingSummary {
    /// Its number.
    pub n: u64,
    /// The record.
    pub record: RecordId,
    /// When it was saved.
    pub saved_wall_ms: WallMs,
    /// Where it stands.
    pub state: PendingState,
    /// Bytes of its facts.
    pub bytes: u64,
}

/// A command that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Its number.
    pub n: u64,
    /// The record.
    pub record: RecordId,
    /// Its facts: still the worker's to read.
    pub facts: Vec<StoredFact>,
    /// Why.
    pub code: String,
    /// Parameters of the code's text.
    pub params: BTreeMap<String, String>,
    /// When the phone learned of it.
    pub refused_wall_ms: WallMs,
}

/// An own command that was accepted, kept until it is backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRow {
    /// Its number.
    pub n: u64,
    /// The record.
    pub record: RecordId,
    /// Its facts.
    pub facts: Vec<StoredFact>,
    /// The (epoch, sequence) under which it was accepted.
    pub accepted_at: Seen,
}

/// A session of this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSession {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub person: PersonId,
    /// The boot it was opened in.
    pub boot: BootId,
    /// The wall clock at opening.
    pub opened_wall_ms: WallMs,
    /// The monotonic clock at opening.
    pub opened_monotonic_ms: MonotonicMs,
    /// Whether the server knows it.
    pub registered: bool,
}

/// A list row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// The record.
    pub record: RecordId,
    /// JSON of what the list shows.
    pub json: String,
}

/// Numbers and cursors of one person on this device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncState {
    /// The server's life last seen.
    pub epoch: u32,
    /// How far each audience has been read.
    pub cursors: Vec<(Audience, Seen)>,
    /// The last receipt applied.
    pub receipts_after: u64,
    /// The version of the reference data.
    pub reference_version: u64,
    /// The reference data, JSON.
    pub reference_json: Option<String>,
    /// The highest number of a saved command.
    pub highest_number: u64,
    /// The anchors of this device's boots.
    pub anchors: BTreeMap<BootId, Anchor>,
    /// Everything up to here is in a backup.
    pub backed_up: Option<Seen>,
    /// The retry schedule, JSON.
    pub retry_json: Option<String>,
    /// Records to ask for whole.
    pub repairs: Vec<RecordId>,
    /// The server asked for a new enrolment.
    pub re_enrol: bool,
}

/// One write of a plan.
#[expect(missing_docs, reason = "each names its row, whose type is documented")]
#[derive(Debug, Clone)]
pub enum StoreWrite {
    PutIdentity(Identity),
    PutSession(OwnSession),
    SessionRegistered(SessionId),
    /// Kept as it is when already there: session rows are final.
    PutForeignSession(SessionRow),
    /// Kept as it is when already there: an anchor never changes.
    PutAnchor {
        boot: BootId,
        anchor: Anchor,
    },
    PutRecord {
        owner: PersonId,
        record: RecordId,
        site: SiteId,
        present: bool,
        attestation: Option<[u8; 16]>,
        parked: Option<String>,
    },
    InsertAccepted {
        owner: PersonId,
        record: RecordId,
        change: StoredChange,
    },
    DeleteAccepted {
        owner: PersonId,
        record: RecordId,
        hash: ChangeHash,
    },
    /// Replaces all pairs of the record.
    PutPairs {
        owner: PersonId,
        record: RecordId,
        audiences: BTreeSet<Audience>,
    },
    PutPending {
        owner: PersonId,
        row: PendingRow,
    },
    DeletePending {
        owner: PersonId,
        n: u64,
    },
    PutRefused {
        owner: PersonId,
        row: RefusedRow,
    },
    DeleteRefused {
        owner: PersonId,
        n: u64,
    },
    PutSent {
        owner: PersonId,
        row: SentRow,
    },
    DeleteSentUpTo {
        owner: PersonId,
        seen: Seen,
    },
    PutHighestNumber {
        owner: PersonId,
        n: u64,
    },
    PutCursor {
        owner: PersonId,
        audience: Audience,
        seen: Seen,
    },
    DeleteCursor {
        owner: PersonId,
        audience: Audience,
    },
    PutReceiptsAfter {
        owner: PersonId,
        receipts_after: u64,
    },
    PutReference {
        owner: PersonId,
        version: u64,
        json: String,
    },
    PutEpoch {
        owner: PersonId,
        epoch: u32,
    },
    PutBackedUp {
        owner: PersonId,
        seen: Seen,
    },
    PutRetry {
        owner: PersonId,
        json: String,
    },
    PutList {
        owner: PersonId,
        record: RecordId,
        json: String,
    },
    PutRepair {
        owner: PersonId,
        record: RecordId,
    },
    DeleteRepair {
        owner: PersonId,
        record: RecordId,
    },
    PutReEnrol {
        owner: PersonId,
        re_enrol: bool,
    },
}
