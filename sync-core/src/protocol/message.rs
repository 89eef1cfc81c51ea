//! The sync messages: CBOR maps with integer keys, version first; unknown keys are ignored.
//!
//! `POST /v1/sync` carries a [`SyncRequest`] and answers a [`SyncResponse`], both in a frame.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::chain::Numbers;
use crate::model::audience::Audience;
use crate::model::id::{DeviceId, PersonId, RecordId, SessionId, SiteId};
use crate::model::session::{Origin, SessionRow};
use crate::model::time::{Anchor, BootId, MonotonicMs, Seen, WallMs};

/// What a phone sends: where it stands and what it has to hand over.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct SyncRequest {
    /// The protocol version.
    #[n(0)]
    pub version: u16,
    /// The device, as in the token.
    #[n(1)]
    pub device: DeviceId,
    /// The device's clocks at sending.
    #[n(2)]
    pub clock: ClockReading,
    /// How far the phone has read each audience; an audience not named is read from the start.
    #[n(3)]
    pub cursors: Vec<Cursor>,
    /// The number of the last receipt it has applied.
    #[n(4)]
    pub receipts_after: u64,
    /// The version of the reference data it holds; 0 is none.
    #[n(5)]
    pub reference_version: u64,
    /// Sessions the server does not know yet.
    #[n(6)]
    pub sessions: Vec<SessionRegistration>,
    /// The phone's own state.
    #[n(7)]
    pub state: PhoneState,
    /// Pending commands as encoded fact packs, one a record; empty bytes are none.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub packs: Vec<u8>,
    /// Records it asks for whole, since it lacks something they depend on.
    #[n(9)]
    pub repairs: Vec<RecordId>,
    /// Answers to the office's questions, at most [`super::limits::CASE_ANSWERS_MAX`]; sent until
    /// an answer names them. Left out where there are none.
    #[n(10)]
    pub answers: Option<Vec<CaseAnswer>>,
}

/// What a worker answers to a question of the office about a refused or held command.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CaseAnswer {
    /// The question, as [`QUESTION_ID`] of a receipt says it.
    #[n(0)]
    pub question: u64,
    /// The answer.
    #[n(1)]
    pub text: String,
}

impl std::fmt::Debug for CaseAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaseAnswer").field("question", &self.question).finish_non_exhaustive()
    }
}

/// The parameter of a receipt that holds the office's question about its commands.
pub const QUESTION: &str = "question";
/// The number of that question.
pub const QUESTION_ID: &str = "question_id";
/// Who asks.
pub const ASKED_BY: &str = "asked_by";
/// What the worker has answered, as the server has it.
pub const ANSWER: &str = "answer";

/// A device's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClockReading {
    /// The boot that `monotonic_ms` counts from.
    #[n(0)]
    pub boot: BootId,
    /// The monotonic clock.
    #[n(1)]
    pub monotonic_ms: MonotonicMs,
    /// The wall clock.
    #[n(2)]
    pub wall_ms: WallMs,
}

/// How far an audience has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cursor {
    /// The server's life the sequence belongs to.
    #[n(0)]
    pub epoch: u32,
    /// The audience, with its site.
    #[n(1)]
    pub audience: Audience,
    /// The site's sequence up to which everything was received.
    #[n(2)]
    pub sequence: u64,
}

/// A session the phone opened, signed by the (person, device) key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SessionRegistration {
    /// The session.
    #[n(0)]
    pub session: SessionId,
    /// The boot it was opened in.
    #[n(1)]
    pub boot: BootId,
    /// The device's wall clock at opening.
    #[n(2)]
    pub opened_wall_ms: WallMs,
    /// The device's monotonic clock at opening.
    #[n(3)]
    pub opened_monotonic_ms: MonotonicMs,
    /// Ed25519 over [`crate::protocol::identity::session_statement`].
    #[cbor(n(4), with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// What the phone says of itself, for the account and for support.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct PhoneState {
    /// The highest command number this person has saved on this device.
    #[n(0)]
    pub highest_number: u64,
    /// Commands saved and without a receipt.
    #[n(1)]
    pub unsent: u64,
    /// When the oldest of them was saved, by the phone's wall clock.
    #[n(2)]
    pub oldest_unsent_wall_ms: Option<WallMs>,
    /// The app's version.
    #[n(3)]
    pub app_version: String,
    /// Free bytes on the phone's storage.
    #[n(4)]
    pub storage_free_bytes: Option<u64>,
    /// The number before the first command of this device, where the person's numbers go on from a
    /// device that the same phone was before; none is 0.
    #[n(5)]
    pub numbers_after: Option<u64>,
    /// Of the unsent ones those that are parked, in order: they stay on the phone, and the server
    /// need not wait for them to tell what is missing. R0.31.
    #[n(6)]
    pub parked: Option<Vec<Numbers>>,
}

impl PhoneState {
    /// How many commands may still come by themselves: unsent and not parked.
    pub fn to_come(&self) -> u64 {
        let parked = self.parked.iter().flatten();
        let parked = parked.map(|range| range.to.saturating_sub(range.from).saturating_add(1));
        self.unsent.saturating_sub(parked.fold(0, u64::saturating_add))
    }
}

/// The server's answer.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct SyncResponse {
    /// The protocol version.
    #[n(0)]
    pub version: u16,
    /// The server's life.
    #[n(1)]
    pub epoch: u32,
    /// The server's wall clock.
    #[n(2)]
    pub server_time_ms: WallMs,
    /// The anchor of the boot this request came from.
    #[n(3)]
    pub anchor: WireAnchor,
    /// Outcomes of commands, in order of their numbers of change.
    #[n(4)]
    pub receipts: Vec<Receipt>,
    /// The cursor after these receipts.
    #[n(5)]
    pub receipts_after: u64,
    /// Reference data, when the phone's version is not the server's.
    #[n(6)]
    pub reference: Option<Reference>,
    /// Session rows that the delivered facts need.
    #[n(7)]
    pub sessions: Vec<WireSession>,
    /// Records with something new; their packs stand in `packs` in the same order.
    #[n(8)]
    pub records: Vec<Delivery>,
    /// Encoded fact packs of those deliveries that have changes.
    #[cbor(n(9), with = "minicbor::bytes")]
    pub packs: Vec<u8>,
    /// Records that left an audience of this person.
    #[n(10)]
    pub left: Vec<Left>,
    /// The cursors after this answer.
    #[n(11)]
    pub cursors: Vec<Cursor>,
    /// Everything up to here is in a backup; `None` where no backup is configured.
    #[n(12)]
    pub backed_up: Option<Seen>,
    /// There is more: sync again at once.
    #[n(13)]
    pub more: bool,
    /// The server has seen another store with this device's numbers: enrol anew.
    #[n(14)]
    pub re_enrol: bool,
    /// Records that were purged: the phone keeps nothing of them but its own undecided work. Left
    /// out where there are none; an older phone does not know it.
    #[n(15)]
    pub purged: Option<Vec<RecordId>>,
    /// The questions whose answers this request brought: the server has them. Left out where there
    /// are none.
    #[n(16)]
    pub answered: Option<Vec<u64>>,
}

/// [`Anchor`] on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct WireAnchor {
    /// The server's wall clock at the boot's first contact.
    #[n(0)]
    pub server_ms: WallMs,
    /// The device's monotonic clock at that contact.
    #[n(1)]
    pub monotonic_ms: MonotonicMs,
}

impl From<Anchor> for WireAnchor {
    fn from(anchor: Anchor) -> Self {
        Self { server_ms: anchor.server_ms, monotonic_ms: anchor.monotonic_ms }
    }
}

impl From<WireAnchor> for Anchor {
    fn from(anchor: WireAnchor) -> Self {
        Self { server_ms: anchor.server_ms, monotonic_ms: anchor.monotonic_ms }
    }
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Outcome {
    /// Its change is accepted as it is.
    #[n(0)]
    Entered,
    /// Accepted; its facts arrive in a change of the server's.
    #[n(1)]
    Rewritten,
    /// Stored, not yet decided; the code says what it waits for.
    #[n(2)]
    Held,
    /// In quarantine for the office; the code says why.
    #[n(3)]
    Refused,
    /// Not stored: still the phone's; the code says why, e.g. `quota`.
    #[n(4)]
    NotStored,
}

/// The code of a receipt of `refused` work: its record was purged, nothing of the work was kept.
pub const RECORD_PURGED: &str = "record_purged";

impl Outcome {
    /// The stable code, as in JSON, SQL and texts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Rewritten => "rewritten",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::NotStored => "not_stored",
        }
    }

    /// Reads [`Self::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Entered, Self::Rewritten, Self::Held, Self::Refused, Self::NotStored]
            .into_iter()
            .find(|outcome| outcome.code() == code)
    }

    /// Whether the command's facts are in the accepted record.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Entered | Self::Rewritten)
    }
}

/// The outcome of a range of commands of this (person, device).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// The first number of the range.
    #[n(0)]
    pub from: u64,
    /// The last number of the range, inclusive.
    #[n(1)]
    pub to: u64,
    /// What became of them.
    #[n(2)]
    pub outcome: Outcome,
    /// Why, for held, refused and not stored; a stable code.
    #[n(3)]
    pub code: Option<String>,
    /// Parameters of the code's text.
    #[n(4)]
    pub params: Option<BTreeMap<String, String>>,
    /// Kinds of the cases that the command gave rise to.
    #[n(5)]
    pub cases: Option<Vec<String>>,
    /// The server had it before this request.
    #[n(6)]
    pub already_had: bool,
    /// The (epoch, sequence) under which it was accepted.
    #[n(7)]
    pub accepted_at: Option<Seen>,
}

/// Site data a phone needs: its person's roles, policies, people's names. Replaced whole.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Reference {
    /// Raised by every change of what it holds.
    #[n(0)]
    pub version: u64,
    /// JSON of [`ReferenceData`].
    #[n(1)]
    pub json: String,
}

/// Content of [`Reference`].
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ReferenceData {
    /// The phone's own person's grants, ended ones too.
    pub grants: Vec<crate::model::person::RoleGrant>,
    /// Who heads which department at the person's sites: grants that are not ended. What goes to a
    /// department is told its head.
    pub supervisors: Vec<crate::model::person::RoleGrant>,
    /// All policy versions of the person's sites.
    pub policies: BTreeMap<SiteId, Vec<crate::model::policy::SlaPolicy>>,
    /// Names of the staff of the person's sites.
    pub people: BTreeMap<PersonId, String>,
    /// Names of the sites.
    pub sites: BTreeMap<SiteId, String>,
    /// The server's limits.
    pub limits: Option<super::limits::Limits>,
    /// The duty roster of the person's sites: shifts that touch yesterday to eight days ahead, in
    /// the site's zone.
    pub roster: BTreeMap<SiteId, Vec<crate::model::roster::Shift>>,
    /// The buildings of the person's sites with their groups, by code.
    pub buildings: BTreeMap<SiteId, Vec<crate::model::place::Building>>,
    /// The sites' own checklists of patrols, the newest version of each, by code.
    pub checklists: BTreeMap<SiteId, Vec<crate::model::patrol::SiteChecklist>>,
}

/// A session row on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WireSession {
    /// The session.
    #[n(0)]
    pub session: SessionId,
    /// Its owner.
    #[n(1)]
    pub person: PersonId,
    /// The device.
    #[n(2)]
    pub device: DeviceId,
    /// Whether it is an office session.
    #[n(3)]
    pub office: bool,
    /// The boot.
    #[n(4)]
    pub boot: BootId,
    /// Wall clock at opening.
    #[n(5)]
    pub opened_wall_ms: WallMs,
    /// Monotonic clock at opening.
    #[n(6)]
    pub opened_monotonic_ms: MonotonicMs,
    /// The boot's anchor; none is "unverified".
    #[n(7)]
    pub anchor: Option<WireAnchor>,
}

impl From<SessionRow> for WireSession {
    fn from(row: SessionRow) -> Self {
        Self {
            session: row.session,
            person: row.person,
            device: row.device,
            office: row.origin == Origin::Office,
            boot: row.boot,
            opened_wall_ms: row.opened_wall_ms,
            opened_monotonic_ms: row.opened_monotonic_ms,
            anchor: row.anchor.map(Into::into),
        }
    }
}

impl From<WireSession> for SessionRow {
    fn from(wire: WireSession) -> Self {
        Self {
            session: wire.session,
            person: wire.person,
            device: wire.device,
            origin: if wire.office { Origin::Office } else { Origin::Phone },
            boot: wire.boot,
            opened_wall_ms: wire.opened_wall_ms,
            opened_monotonic_ms: wire.opened_monotonic_ms,
            anchor: wire.anchor.map(Into::into),
        }
    }
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Delivery {
    /// The record.
    #[n(0)]
    pub record: RecordId,
    /// Its site.
    #[n(1)]
    pub site: SiteId,
    /// The person's audiences that contain it now; empty while a phone that lost it drains.
    #[n(2)]
    pub audiences: Vec<Audience>,
    /// The pack holds the whole accepted record, not only what is new.
    #[n(3)]
    pub whole: bool,
    /// Whether `packs` holds a pack for it.
    #[n(4)]
    pub has_pack: bool,
    /// HMAC over record id and accepted heads, 16 bytes: shown again after a restore.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub attestation: [u8; 16],
    /// The accepted heads' digest after this delivery: the first 8 bytes of SHA-256 over the
    /// sorted heads. A phone that comes to another one asks for the record whole.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub heads_digest: [u8; 8],
}

/// A record that is no longer in an audience.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Left {
    /// The record.
    #[n(0)]
    pub record: RecordId,
    /// The audience it left.
    #[n(1)]
    pub audience: Audience,
}
