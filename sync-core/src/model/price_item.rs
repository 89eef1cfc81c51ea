//! Price items: the catalogue of paid services (有偿服务项目及收费标准, 五 3.1 to 3.3). A record is one
//! item; its prices are facts, so that what was told years ago can still be explained.

use serde::{Deserialize, Serialize};

use super::id::FactKey;

/// The kind's name.
pub const KIND: &str = "price_item";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// The kinds of paid services (五 2.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    /// 家政服务
    Household,
    /// 家庭零修
    HomeRepair,
    /// 商务服务
    Business,
}

impl ServiceKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Household, Self::HomeRepair, Self::Business];
}

/// Members of `created` of a price item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceItemCreated {
    /// What is sold, e.g. `日常保洁`.
    pub name: String,
    /// Which kind of service it is; says who prices it.
    pub service: ServiceKind,
    /// What the price is for one of, e.g. `小时`.
    pub measure: String,
}

/// Payload of `priced`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// The price of one measure, fen.
    pub amount_fen: i64,
    /// From which day on, `YYYY-MM-DD` in the site's zone.
    pub from_date: String,
}

/// Names a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfPrice {
    /// The key of its `priced`.
    pub price: FactKey,
}

/// Payload of `price_rejected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRejected {
    /// The key of its `priced`.
    pub price: FactKey,
    /// Why.
    pub reason: String,
}

/// Payload of `price_item_ended`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceItemEnded {
    /// Why.
    pub reason: String,
}

/// The fact types of price items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum PriceItemFact {
    /// A price is proposed (五 3.2, 3.3).
    Priced(Priced),
    /// The general manager approves it (五 3.1): from here it can be in force.
    PriceApproved(OfPrice),
    /// The general manager does not.
    PriceRejected(PriceRejected),
    /// The item is sold no more.
    PriceItemEnded(PriceItemEnded),
}
