//! The money of an order and what the customer says of the work: payloads of facts of work orders
//! and paid services. Fen, always whole.

use serde::{Deserialize, Serialize};

use super::id::{FactKey, RecordId};

/// How a charge was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// 现金
    Cash,
    /// 扫码
    QrCode,
    /// 转账
    Transfer,
}

impl PaymentMethod {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::QrCode => "qr_code",
            Self::Transfer => "transfer",
        }
    }
}

/// A line of a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteItem {
    /// What.
    pub name: String,
    /// For how much, fen.
    pub amount_fen: i64,
    /// The price item it is, where it is in the catalogue.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub item: Option<RecordId>,
    /// How much of it, thousandths of the item's measure.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quantity_milli: Option<i64>,
    /// What one measure costs by the catalogue, as the writer saw it, fen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub list_price_fen: Option<i64>,
}

/// Payload of `quoted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// The visit.
    pub visit: FactKey,
    /// The sum, fen.
    pub amount_fen: i64,
    /// Its lines.
    pub items: Vec<QuoteItem>,
}

/// Names a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfQuote {
    /// The key of its `quoted`.
    pub quote: FactKey,
}

/// Payload of `quote_declined`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteDeclined {
    /// The key of its `quoted`.
    pub quote: FactKey,
    /// Why.
    pub reason: String,
}

/// Payload of `charged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charged {
    /// The visit.
    pub visit: FactKey,
    /// Fen.
    pub amount_fen: i64,
    /// How.
    pub method: PaymentMethod,
}

/// Payload of `refunded`: money of a charge given back. One written before refunds named their
/// charge is of its visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// The visit.
    pub visit: FactKey,
    /// Fen.
    pub amount_fen: i64,
    /// How.
    pub method: PaymentMethod,
    /// The key of its `charged`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub charge: Option<FactKey>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// Payload of `acceptance` (五 4.4.1b): the customer looked at the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The visit.
    pub visit: FactKey,
    /// The customer accepts it.
    pub accepted: bool,
    /// The customer's opinion, at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opinion: Option<String>,
}

/// Payload of `handed_in`: money of a charge given to the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedIn {
    /// The key of its `charged`.
    pub charge: FactKey,
    /// Fen.
    pub amount_fen: i64,
}

/// Payload of `invoiced`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoiced {
    /// The key of its `charged`.
    pub charge: FactKey,
    /// The invoice's number.
    pub number: String,
    /// Fen.
    pub amount_fen: i64,
}

/// Payload of `invoice_delivered`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceDelivered {
    /// The key of its `invoiced`.
    pub invoice: FactKey,
}
