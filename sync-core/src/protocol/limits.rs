//! Every limit of the protocol and of what may be written, in one place; served to phones.

use serde::{Deserialize, Serialize};

/// The limits a server tells its phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of a request body as sent.
    pub request_bytes_max: u64,
    /// Bytes of a message after decompression.
    pub unpacked_bytes_max: u64,
    /// Bytes of one change.
    pub change_bytes_max: u64,
    /// Facts (operations) in one change.
    pub change_facts_max: u64,
    /// Facts in one record beyond which a phone denies further commands.
    pub record_facts_phone_max: u64,
    /// Facts in one record beyond which the server stores no more.
    pub record_facts_server_max: u64,
    /// Sessions registered by one request.
    pub sessions_max: u64,
    /// Cursors in one request.
    pub cursors_max: u64,
    /// Commands in one request.
    pub commands_max: u64,
    /// Records asked for whole in one request.
    pub repairs_max: u64,
    /// Records in one answer.
    pub answer_records_max: u64,
    /// Unpacked bytes of facts in one answer after which it is cut.
    pub answer_bytes_max: u64,
    /// Receipt ranges in one answer.
    pub answer_receipts_max: u64,
    /// Bytes kept in quarantine for one device; beyond it a push is answered `not_stored`.
    pub quarantine_bytes_max: u64,
}

/// Answers to questions of the office in one request.
pub const CASE_ANSWERS_MAX: usize = 50;

/// Ranges of parked commands in one request.
pub const PARKED_RANGES_MAX: usize = 500;

/// Bytes of commands in a message to be handed in (ours): what is signed cannot be divided when a
/// proxy finds it too large, and many allow 1 MiB.
pub const HAND_OVER_BYTES_MAX: u64 = 512 << 10;

/// This version's limits (DESIGN 13).
pub const LIMITS: Limits = Limits {
    request_bytes_max: 8 << 20,
    unpacked_bytes_max: 64 << 20,
    change_bytes_max: 64 << 10,
    change_facts_max: 2_000,
    record_facts_phone_max: 4_500,
    record_facts_server_max: 10_000,
    sessions_max: 1_000,
    cursors_max: 256,
    commands_max: 20_000,
    repairs_max: 500,
    answer_records_max: 500,
    answer_bytes_max: 4 << 20,
    answer_receipts_max: 2_000,
    quarantine_bytes_max: 64 << 20,
};
