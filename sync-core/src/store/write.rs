//! The writes a plan consists of, as values. Decides nothing: what is to be written was
//! computed by the caller, how it is written stands in `statement`.

use super::row::{
    HandOverId, Identity, OwnSession, Parked, PendingRow, PendingState, RefusedRow, SentRow,
    StoredChange,
};
use crate::model::audience::Audience;
use crate::model::id::{ChangeHash, PersonId, RecordId, SessionId, SiteId};
use crate::model::session::SessionRow;
use crate::model::time::{Anchor, BootId, Seen};

/// One write. Adjacent [`StoreWrite::InsertAccepted`] share a statement; every other write is one
/// but those that say so.
#[derive(Clone)]
#[expect(missing_docs, reason = "the fields are named like the rows' own")]
pub enum StoreWrite {
    /// Puts an identity in the place of the person's former one.
    PutIdentity(Identity),
    /// Signed work of a device that this phone no longer is.
    PutHandOver {
        id: HandOverId,
        message: Vec<u8>,
    },
    /// What the server has said of it, as JSON without content; nothing is kept of a message that
    /// is gone.
    PutHandOverTold {
        id: HandOverId,
        told: String,
    },
    /// The server has it.
    DeleteHandOver(HandOverId),
    /// Everything of the person goes but pending commands with their sessions, own work that no
    /// backup has yet, and the highest number: several statements.
    ForgetOwner(PersonId),
    /// A new session of this device; one that is there already is an error.
    PutSession(OwnSession),
    /// The server has the session.
    SessionRegistered(SessionId),
    /// A session as the server serves it: ignored when there, since it is final.
    PutForeignSession(SessionRow),
    /// A boot's first contact: ignored when there, since it never changes.
    PutAnchor {
        boot: BootId,
        anchor: Anchor,
    },
    /// A record's own row.
    PutRecord {
        owner: PersonId,
        record: RecordId,
        site: SiteId,
        present: bool,
        attestation: Option<[u8; 16]>,
        parked: Option<String>,
    },
    /// An accepted change. One that is there keeps its place; its hash fixes its content, so
    /// writing it again only heals a damaged row.
    InsertAccepted {
        owner: PersonId,
        record: RecordId,
        change: StoredChange,
    },
    /// A change that a whole record served by the server showed to be no part of it.
    DeleteAccepted {
        owner: PersonId,
        record: RecordId,
        hash: ChangeHash,
    },
    /// The server has purged the record: all accepted changes of it.
    DeleteAllAccepted {
        owner: PersonId,
        record: RecordId,
    },
    /// The same: its own row, once nothing of it is pending.
    DeleteRecord {
        owner: PersonId,
        record: RecordId,
    },
    /// The same: all its audiences.
    DeletePairs {
        owner: PersonId,
        record: RecordId,
    },
    /// The same: own accepted work in it.
    DeleteSent {
        owner: PersonId,
        record: RecordId,
    },
    /// The record is in this audience of its owner.
    PutPair {
        owner: PersonId,
        record: RecordId,
        audience: Audience,
    },
    /// It no longer is.
    DeletePair {
        owner: PersonId,
        record: RecordId,
        audience: Audience,
    },
    /// Inserts or replaces a pending command by its number.
    PutPending {
        owner: PersonId,
        row: PendingRow,
    },
    /// What the pending commands `from` to `to` (inclusive) wait for, as a receipt's range says
    /// it; their parameters stay.
    PutPendingState {
        owner: PersonId,
        from: u64,
        to: u64,
        state: PendingState,
        code: Option<String>,
    },
    /// Its facts are in the accepted record, or it moved to the refused list.
    DeletePending {
        owner: PersonId,
        n: u64,
    },
    /// Inserts or replaces a refused command by its number.
    PutRefused {
        owner: PersonId,
        row: RefusedRow,
    },
    /// The office accepted it after all, or discarded it.
    DeleteRefused {
        owner: PersonId,
        n: u64,
    },
    /// Own accepted work.
    PutSent {
        owner: PersonId,
        row: SentRow,
    },
    /// A backup has everything accepted up to `seen`, inclusive.
    DeleteSentUpTo {
        owner: PersonId,
        seen: Seen,
    },
    /// A command number was used. A lower one than before changes nothing.
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
        seen: Option<Seen>,
    },
    PutRetry {
        owner: PersonId,
        json: Option<String>,
    },
    PutList {
        owner: PersonId,
        record: RecordId,
        json: String,
    },
    DeleteList {
        owner: PersonId,
        record: RecordId,
    },
    /// The record is to be asked for whole.
    PutRepair {
        owner: PersonId,
        record: RecordId,
    },
    DeleteRepair {
        owner: PersonId,
        record: RecordId,
    },
    /// What was drawn of a signature so far, in the place of a former signing of the person.
    PutSigning {
        owner: PersonId,
        record: RecordId,
        json: String,
    },
    /// The signing in the record ended.
    DeleteSigning {
        owner: PersonId,
        record: RecordId,
    },
    PutReEnrol {
        owner: PersonId,
        re_enrol: bool,
    },
    /// From a command on nothing of the record is sent.
    PutParked {
        owner: PersonId,
        record: RecordId,
        parked: Parked,
    },
    /// It is tried again.
    DeleteParked {
        owner: PersonId,
        record: RecordId,
    },
    /// What the person answers to a question of the office, in the place of an earlier answer.
    PutCaseAnswer {
        owner: PersonId,
        question: u64,
        text: String,
    },
    /// The server has it.
    DeleteCaseAnswer {
        owner: PersonId,
        question: u64,
    },
    /// A pending command whose row does not read holds up nothing any more: it is kept as it was
    /// found, among the lost ones. Two statements.
    ParkPending {
        owner: PersonId,
        n: u64,
        found_wall_ms: i64,
    },
    /// The server has spoken of a lost command.
    PutLostState {
        owner: PersonId,
        n: u64,
        state: PendingState,
    },
    /// The server's last word on a lost command: it is not lost.
    DeleteLost {
        owner: PersonId,
        n: u64,
    },
    /// The code and the key of an enrolment whose answer has not come.
    PutEnrolling {
        json: String,
    },
    DeleteEnrolling,
    /// What is fetched again by itself and does not read: cursors, reference data, the retry
    /// schedule, records to be asked for. Several statements.
    ForgetFetched(PersonId),
}

impl StoreWrite {
    /// Whether it changes who is enrolled.
    pub(super) fn changes_identities(&self) -> bool {
        matches!(self, Self::PutIdentity(_) | Self::ForgetOwner(_))
    }

    /// What it does, for logs: holds no values.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PutIdentity(_) => "put_identity",
            Self::PutHandOver { .. } => "put_hand_over",
            Self::PutHandOverTold { .. } => "put_hand_over_told",
            Self::DeleteHandOver(_) => "delete_hand_over",
            Self::ForgetOwner(_) => "forget_owner",
            Self::PutSession(_) => "put_session",
            Self::SessionRegistered(_) => "session_registered",
            Self::PutForeignSession(_) => "put_foreign_session",
            Self::PutAnchor { .. } => "put_anchor",
            Self::PutRecord { .. } => "put_record",
            Self::InsertAccepted { .. } => "insert_accepted",
            Self::DeleteAccepted { .. } => "delete_accepted",
            Self::DeleteAllAccepted { .. } => "delete_all_accepted",
            Self::DeleteRecord { .. } => "delete_record",
            Self::DeletePairs { .. } => "delete_pairs",
            Self::DeleteSent { .. } => "delete_sent",
            Self::PutPair { .. } => "put_pair",
            Self::DeletePair { .. } => "delete_pair",
            Self::PutPending { .. } => "put_pending",
            Self::PutPendingState { .. } => "put_pending_state",
            Self::DeletePending { .. } => "delete_pending",
            Self::PutRefused { .. } => "put_refused",
            Self::DeleteRefused { .. } => "delete_refused",
            Self::PutSent { .. } => "put_sent",
            Self::DeleteSentUpTo { .. } => "delete_sent_up_to",
            Self::PutHighestNumber { .. } => "put_highest_number",
            Self::PutCursor { .. } => "put_cursor",
            Self::DeleteCursor { .. } => "delete_cursor",
            Self::PutReceiptsAfter { .. } => "put_receipts_after",
            Self::PutReference { .. } => "put_reference",
            Self::PutEpoch { .. } => "put_epoch",
            Self::PutBackedUp { .. } => "put_backed_up",
            Self::PutRetry { .. } => "put_retry",
            Self::PutList { .. } => "put_list",
            Self::DeleteList { .. } => "delete_list",
            Self::PutRepair { .. } => "put_repair",
            Self::DeleteRepair { .. } => "delete_repair",
            Self::PutSigning { .. } => "put_signing",
            Self::DeleteSigning { .. } => "delete_signing",
            Self::PutReEnrol { .. } => "put_re_enrol",
            Self::PutParked { .. } => "put_parked",
            Self::DeleteParked { .. } => "delete_parked",
            Self::PutCaseAnswer { .. } => "put_case_answer",
            Self::DeleteCaseAnswer { .. } => "delete_case_answer",
            Self::ParkPending { .. } => "park_pending",
            Self::PutLostState { .. } => "put_lost_state",
            Self::DeleteLost { .. } => "delete_lost",
            Self::PutEnrolling { .. } => "put_enrolling",
            Self::DeleteEnrolling => "delete_enrolling",
            Self::ForgetFetched(_) => "forget_fetched",
        }
    }
}

impl std::fmt::Debug for StoreWrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
