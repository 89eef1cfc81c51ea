//! Violations (违例): so far only what a patrol opens; their decisions belong to the rule book.

use serde::{Deserialize, Serialize};

use super::id::RecordId;

/// The kind's name.
pub const KIND: &str = "violation";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// The categories of 四 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationCategory {
    /// 装修
    Decoration,
    /// 消防
    FireSafety,
    /// 环境卫生
    Sanitation,
    /// 治安
    PublicSecurity,
    /// 损害他人
    HarmToOthers,
}

/// Members of `created` of a violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationCreated {
    /// The category; named `violation`, since `category` is the orders'.
    pub violation: ViolationCategory,
    /// Where.
    pub place: String,
    /// What was seen, at most 2,000 characters.
    pub description: String,
    /// The round it was found on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub round: Option<RecordId>,
}
