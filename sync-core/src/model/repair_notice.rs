//! Notices of repairs (维修通告, 三 3.1.5.3): what is out of service, where, when and with which
//! effects, told before planned work and after an emergency.

use serde::{Deserialize, Serialize};

use super::id::RecordId;

/// The kind's name.
pub const KIND: &str = "repair_notice";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// Whether anybody could know before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// 计划检修
    Planned,
    /// 紧急抢修
    Emergency,
}

impl NoticeKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Planned, Self::Emergency];
}

/// What is out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Installation {
    /// 供水
    Water,
    /// 供电
    Power,
    /// 消防
    FireFighting,
    /// 监控
    Surveillance,
    /// 电梯
    Lift,
    /// 其他
    Other,
}

impl Installation {
    /// Every installation.
    pub const ALL: [Self; 6] =
        [Self::Water, Self::Power, Self::FireFighting, Self::Surveillance, Self::Lift, Self::Other];
}

/// Members of `created` of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairNoticeCreated {
    /// Planned or an emergency; named `notice`, since `kind` is the record's.
    pub notice: NoticeKind,
    /// What is out of service.
    pub installation: Installation,
    /// What is done, at most 2,000 characters.
    pub description: String,
    /// What it means for residents, at most 1,000 characters.
    pub effects: String,
    /// Where, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub area: Option<String>,
    /// The buildings concerned.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub buildings: Vec<String>,
    /// The units concerned.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub units: Vec<String>,
    /// When the work begins, RFC 3339; a planned one has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub work_from: Option<String>,
    /// When it ends, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub work_to: Option<String>,
    /// The order it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order: Option<RecordId>,
}

/// A text of at most 1,000 characters, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeText {
    /// At most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeReason {
    /// At most 200 characters.
    pub reason: String,
}

/// The fact types of notices. What changes of a notice is a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum RepairNoticeFact {
    /// Residents can read it; `text` says where.
    NoticePublished(NoticeText),
    /// The work is over.
    NoticeEnded(NoticeText),
    /// It does not take place, or somewhere else.
    NoticeCancelled(NoticeReason),
}
