//! Paid-service orders (有偿服务登记表, 五 4.1): what may be recorded beside the steps of their
//! visits, which are those of work orders.

use serde::{Deserialize, Serialize};

use super::department::Department;
use super::id::{FactKey, RecordId};

/// The kind's name.
pub const KIND: &str = "paid_service";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// A catalogue item that was chosen, with the price that was told: what the catalogue says later
/// changes nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceLine {
    /// The price item's record.
    pub item: RecordId,
    /// Its name then.
    pub name: String,
    /// What the price is for one of.
    pub measure: String,
    /// How much of it, thousandths.
    pub quantity_milli: i64,
    /// The price of one measure as it was told, fen.
    pub unit_price_fen: i64,
}

impl PriceLine {
    /// The amount of the line, fen.
    pub fn amount_fen(&self) -> i64 {
        amount_fen(self.unit_price_fen, self.quantity_milli)
    }
}

/// What so many thousandths of a measure cost, fen: half a fen is rounded up. What no number holds
/// is the largest, or smallest, there is (R6.8).
pub fn amount_fen(unit_price_fen: i64, quantity_milli: i64) -> i64 {
    let thousandths = i128::from(unit_price_fen) * i128::from(quantity_milli);
    let rounded = (thousandths + 500).div_euclid(1_000);
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

/// Members of `created` of a paid-service order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidServiceCreated {
    /// The reception record it comes from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reception: Option<RecordId>,
    /// The unit, e.g. `3-2-1501`.
    pub unit: String,
    /// The group of buildings (组团).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
    /// The contact's record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<RecordId>,
    /// What is to be done, at most 2,000 characters.
    pub description: String,
    /// What the customer asks to be minded, at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub requirements: Option<String>,
    /// The department that does it.
    pub department: Department,
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub appointment: Option<String>,
    /// What was chosen, with the prices that were told.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub lines: Vec<PriceLine>,
}

/// Payload of `quality_checked` (五 4.5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityChecked {
    /// The visit that was checked.
    pub visit: FactKey,
    /// Quality of the work, 1 to 5 (ours).
    pub quality: u8,
    /// How satisfied the customer is, 1 to 5 (ours).
    pub satisfaction: u8,
    /// What was found, at most 1,000 characters.
    pub text: String,
}

/// The fact types of paid-service orders beside those of work orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum PaidServiceFact {
    /// The department was told (五 4.1).
    Notified,
    /// The supervisor checked the work and the customer's satisfaction (五 4.5.2).
    QualityChecked(QualityChecked),
}
