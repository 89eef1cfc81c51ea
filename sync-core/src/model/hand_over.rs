//! Shift hand-overs (交接班记录, 一 3.6): open matters, keys, radios and the desk's cash, said by who
//! goes and confirmed by who comes.

use serde::{Deserialize, Serialize};

use super::id::{FactKey, PersonId, RecordId};
use super::time::WallMs;

/// The kind's name.
pub const KIND: &str = "hand_over";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// The shift that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// 早班
    Morning,
    /// 日班
    Day,
    /// 中班
    Afternoon,
    /// 夜班
    Night,
}

impl Shift {
    /// Every shift.
    pub const ALL: [Self; 4] = [Self::Morning, Self::Day, Self::Afternoon, Self::Night];
}

/// Members of `created` of a hand-over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOverCreated {
    /// The shift that ends.
    pub shift: Shift,
    /// The day it began, `YYYY-MM-DD` in the site's zone.
    pub date: String,
    /// Who hands over.
    pub from_person: PersonId,
    /// Which desk, e.g. `1 号前台`.
    pub desk: String,
    /// When the shift ends: until then it is to be taken over. Milliseconds.
    pub shift_ends_at_ms: WallMs,
}

/// Payload of `matter_listed`: what is still open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatterListed {
    /// The record it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub record: Option<RecordId>,
    /// What the next shift has to know, at most 1,000 characters.
    pub text: String,
}

/// A customer's key that somebody has (五 4.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedKey {
    /// The order.
    pub record: RecordId,
    /// The visit.
    pub visit: FactKey,
    /// The key of the `key_received`.
    pub received: FactKey,
    /// Who has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub holder: Option<PersonId>,
}

/// Payload of `keys_listed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysListed {
    /// Every key that was received and not returned.
    pub keys: Vec<ListedKey>,
}

/// A radio of the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Radio {
    /// Its number or name.
    pub name: String,
    /// It is at the desk.
    pub present: bool,
    /// Who has it, or what is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

/// Payload of `radios_listed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RadiosListed {
    /// Every radio of the desk.
    pub radios: Vec<Radio>,
}

/// Cash that came in or went out: the fact of an order, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashLine {
    /// The order.
    pub record: RecordId,
    /// Its `handed_in`, or its `refunded`.
    pub fact: FactKey,
    /// Fen.
    pub amount_fen: i64,
}

/// Payload of `cash_counted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashCounted {
    /// In the drawer when the shift began, fen.
    pub opening_fen: i64,
    /// In the drawer now, fen.
    pub counted_fen: i64,
    /// What was handed in during the shift.
    #[serde(default)]
    pub takings: Vec<CashLine>,
    /// What was paid out.
    #[serde(default)]
    pub payouts: Vec<CashLine>,
}

/// Payload of `taken_over`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// What differs from what was handed over; left out if nothing does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub differences: Option<String>,
}

/// The fact types of hand-overs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum HandOverFact {
    /// An open matter.
    MatterListed(MatterListed),
    /// The open keys.
    KeysListed(KeysListed),
    /// The radios.
    RadiosListed(RadiosListed),
    /// The cash.
    CashCounted(CashCounted),
    /// Who goes has said everything.
    HandedOver,
    /// Who comes confirms.
    TakenOver(TakenOver),
}
