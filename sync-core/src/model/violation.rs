//! Violations (违例, 四): what a customer did against the rules, what was said and decided about it,
//! and by whom. A patrol's finding opens one; so does anybody who sees a breach.

use serde::{Deserialize, Serialize};

use super::id::{FactKey, RecordId};

/// The kind's name.
pub const KIND: &str = "violation";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 2;

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

impl ViolationCategory {
    /// Every category.
    pub const ALL: [Self; 5] = [
        Self::Decoration,
        Self::FireSafety,
        Self::Sanitation,
        Self::PublicSecurity,
        Self::HarmToOthers,
    ];

    /// The codes of its listed breaches (四 3.1.1 to 3.1.5), `other` last. Codes are stable (R5.1).
    pub fn breaches(self) -> &'static [&'static str] {
        match self {
            Self::Decoration => &[
                "altered_use_or_look",
                "load_bearing_parts",
                "shared_pipes_and_wiring",
                "window_grilles_and_signs",
                "floor_drains",
                "other",
            ],
            Self::FireSafety => &[
                "blocked_escape_way",
                "damaged_fire_equipment",
                "overloaded_wiring",
                "open_fire",
                "other",
            ],
            Self::Sanitation => &[
                "littering",
                "damaged_sanitation_facilities",
                "private_piling_and_posting",
                "throwing_from_height",
                "loud_noise",
                "damaged_greenery",
                "other",
            ],
            Self::PublicSecurity => {
                &["illegal_parking", "dangerous_goods", "gambling_and_fighting", "other"]
            }
            Self::HarmToOthers => &["other"],
        }
    }
}

/// Members of `created` of a violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationCreated {
    /// The category; named `violation`, since `category` is the orders'.
    pub violation: ViolationCategory,
    /// Which of the category's listed breaches.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub breach: Option<String>,
    /// Where.
    pub place: String,
    /// The unit of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// The group of buildings (组团).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
    /// The contact's record of whoever did it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<RecordId>,
    /// What was seen, at most 2,000 characters.
    pub description: String,
    /// The round it was found on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub round: Option<RecordId>,
    /// The reception it follows from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reception: Option<RecordId>,
}

/// How bad it is: computed from [`Assessment`], never chosen (四 3.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 一般违例
    General,
    /// 重大违例
    Serious,
}

/// Payload of `dissuaded` (四 3.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dissuaded {
    /// What was said, at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

/// Value of the field `assessment`: what the severity is computed from (四 3.1.6). A later one
/// replaces it by name; two that knew nothing of one another are a conflict like any field's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// Customers or the office lost something.
    pub loss: bool,
    /// Public safety is threatened.
    pub threat: bool,
    /// The loss to what all share is sizeable (四 3.2.3).
    #[serde(default)]
    pub sizeable: bool,
    /// The loss, fen; 0 where there is none or nobody knows.
    #[serde(default)]
    pub loss_fen: i64,
    /// Management fees are badly overdue, or refused (四 3.2.4).
    #[serde(default)]
    pub fees_refused: bool,
    /// Why, at most 200 characters.
    pub reason: String,
}

impl Assessment {
    /// General: nothing lost and nobody's safety threatened; everything else is serious (R5.2).
    pub fn severity(&self) -> Severity {
        if self.loss || self.threat || self.sizeable {
            Severity::Serious
        } else {
            Severity::General
        }
    }
}

/// What is decided (四 3.2, 3.3.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "measure", rename_all = "snake_case")]
pub enum Measure {
    /// 劝导、教育: general ones.
    Dissuade,
    /// 限期整改: while nothing is lost yet.
    RectifyBy {
        /// The last day, `YYYY-MM-DD` in the site's zone.
        date: String,
    },
    /// 赔偿经济损失: a sizeable common loss; the manager's only (四 3.3.3).
    Compensate {
        /// Fen.
        amount_fen: i64,
    },
    /// 通报批评
    PublicNotice {
        /// Its text, at most 1,000 characters.
        text: String,
    },
    /// 提起诉讼: only under the conditions of 四 3.3.4.
    LegalAction {
        /// On which of the two grounds.
        ground: LegalGround,
    },
}

/// The grounds of legal action (四 3.2.4, 3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegalGround {
    /// A sizeable loss, and compensation was refused.
    CompensationRefused,
    /// Management fees are badly overdue, or refused.
    FeesRefused,
}

/// Payload of `violation_decided`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What.
    #[serde(flatten)]
    pub measure: Measure,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// Names a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfDecision {
    /// The key of its `violation_decided`.
    pub decision: FactKey,
}

/// Names a decision, with what was done or said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionText {
    /// The key of its `violation_decided`.
    pub decision: FactKey,
    /// At most 1,000 characters.
    pub text: String,
}

/// A text of at most 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationText {
    /// At most 1,000 characters.
    pub text: String,
}

/// The fact types of violations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum ViolationFact {
    /// Somebody talked to whoever does it: everybody may (四 3.3.7).
    Dissuaded(Dissuaded),
    /// It was stopped.
    BreachStopped,
    /// They took no notice: it goes to customer service (四 3.3.1).
    BreachIgnored,
    /// Customer service has it in its book (四 3.3.2).
    Registered,
    /// A decision; it takes effect when it is signed.
    ViolationDecided(Decided),
    /// The project manager signs it (四 3.3.6).
    ViolationSigned(OfDecision),
    /// Customer service carried it out (四 3.3.6).
    DecisionExecuted(DecisionText),
    /// The breach is put right.
    Rectified(DecisionText),
    /// Compensation was refused (四 3.3.4).
    CompensationRefused(OfDecision),
    /// The customers' committee's mediation has failed (四 3.3.4).
    MediationFailed(ViolationText),
    /// The talk after compensation, notice or legal action (四 3.3.5).
    Reconciled(DecisionText),
    /// It is over: what is kept is kept from here (四 3.4).
    ViolationClosed(ViolationText),
    /// It is not over after all.
    ViolationReopened(ViolationText),
}
