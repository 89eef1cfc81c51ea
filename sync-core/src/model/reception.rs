//! Receptions (客户接待记录, 一): what a customer came, called or wrote with, what was said and
//! promised, and to whom it went. What follows from one (an order, a complaint) names it.

use serde::{Deserialize, Serialize};

use super::department::Department;
use super::id::{FactKey, PersonId, RecordId};
use super::time::WallMs;

/// The kind's name.
pub const KIND: &str = "reception";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// How the customer reached us (一 3.1, 3.4, 3.5; 二 4.5, R1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// 来访
    WalkIn,
    /// 来电
    Phone,
    /// 客服助理
    Assistant,
    /// 信函
    Letter,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::WalkIn, Self::Phone, Self::Assistant, Self::Letter];
}

/// What it is about (R1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// 咨询
    Inquiry,
    /// 报修
    Repair,
    /// 投诉
    Complaint,
    /// 建议
    Suggestion,
    /// 有偿服务
    PaidService,
    /// 转告
    Message,
}

impl Matter {
    /// Every matter.
    pub const ALL: [Self; 6] = [
        Self::Inquiry,
        Self::Repair,
        Self::Complaint,
        Self::Suggestion,
        Self::PaidService,
        Self::Message,
    ];
}

/// Members of `created` of a reception. Names and phones stand in the contact alone: a number that
/// was only shown by the telephone (一 3.4.6) makes a contact too (R1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceptionCreated {
    /// How the customer reached us.
    pub channel: Channel,
    /// What it is about; named `matter`, since `kind` is the record's.
    pub matter: Matter,
    /// When, if it was entered later. Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub received_at_ms: Option<WallMs>,
    /// The contact's record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<RecordId>,
    /// The contact's phone was not told but read off the telephone (一 3.4.6).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub by_caller_id: bool,
    /// The unit, e.g. `3-2-1501`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// The group of buildings (组团).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
    /// What the customer said, at most 2,000 characters.
    pub description: String,
}

/// Value of the field `owner`: whoever received it owns it until it is closed, or gives it away
/// with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Who owns it from here.
    pub person: PersonId,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// A text of at most 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceptionText {
    /// At most 1,000 characters.
    pub text: String,
}

/// Payload of `reply_promised` (一 3.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyPromised {
    /// By when. Milliseconds.
    pub by_ms: WallMs,
    /// What was promised, at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

/// Payload of `replied`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replied {
    /// The key of its `reply_promised`; without one it answers every promise it knew of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub promise: Option<FactKey>,
    /// At most 1,000 characters.
    pub text: String,
}

/// To whom something is passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedTo {
    /// To a department: its head is told.
    Department(Department),
    /// To a colleague.
    Person(PersonId),
}

/// Payload of `passed_on`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOn {
    /// `{"department": ..}` or `{"person": ..}`
    #[serde(flatten)]
    pub to: PassedTo,
    /// At most 1,000 characters.
    pub text: String,
}

/// Names a `passed_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfPassing {
    /// The key of its `passed_on`.
    pub passing: FactKey,
}

/// Payload of `declined_with_consent` (一 3.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclinedWithConsent {
    /// At most 200 characters.
    pub reason: String,
}

/// Payload of `put_through` (一 3.4.6c).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutThrough {
    /// Whom the customer was put through to, at most 60 characters.
    pub to: String,
}

/// Payload of `price_told` (一 3.4.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "price", rename_all = "snake_case")]
pub enum PriceTold {
    /// This much.
    Amount {
        /// Fen.
        amount_fen: i64,
    },
    /// The technician will quote on site.
    OnSite,
}

/// Payload of `appointed`: not at once, but then (一 3.4.7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointed {
    /// When. Milliseconds.
    pub at_ms: WallMs,
}

/// Payload of `attached_to`: one of many callers on one outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedTo {
    /// The order or notice.
    pub record: RecordId,
}

/// Payload of `detached_from`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetachedFrom {
    /// The key of its `attached_to`.
    pub attachment: FactKey,
    /// At most 200 characters.
    pub reason: String,
}

/// Payload of `outage_over`; only the server writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageOver {
    /// The order or notice that ended.
    pub record: RecordId,
    /// When. Milliseconds.
    pub at_ms: WallMs,
}

/// Payload of `outage_called_back`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageCalledBack {
    /// The key of its `attached_to`.
    pub attachment: FactKey,
    /// At most 1,000 characters.
    pub text: String,
}

/// The fact types of receptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum ReceptionFact {
    /// Name, address and content were read back, and confirmed (一 3.4.7).
    ReadBack,
    /// Answered at once (一 3.3.3).
    ReceptionAnswered(ReceptionText),
    /// An answer was promised by a time.
    ReplyPromised(ReplyPromised),
    /// The customer has the answer.
    Replied(Replied),
    /// It goes to a department or a colleague, who stay no owner of it.
    PassedOn(PassedOn),
    /// The department or colleague works on it.
    TookOver(OfPassing),
    /// The colleague has the message: that closes it.
    MessageReceived(OfPassing),
    /// It cannot be done, and the customer agrees (一 3.3.3).
    DeclinedWithConsent(DeclinedWithConsent),
    /// The customer asked for a superior (一 3.4.6c).
    PutThrough(PutThrough),
    /// What it costs (一 3.4.7.1).
    PriceTold(PriceTold),
    /// When somebody comes (一 3.4.7.3).
    Appointed(Appointed),
    /// More than the own group can settle: the assistant hands it to the desk and follows it until
    /// the working day ends (一 3.2.4).
    ToDesk(ReceptionText),
    /// One of many callers on this order or notice.
    AttachedTo(AttachedTo),
    /// It was another one.
    DetachedFrom(DetachedFrom),
    /// The order or notice has ended: the caller is to be told.
    OutageOver(OutageOver),
    /// The caller was told.
    OutageCalledBack(OutageCalledBack),
    /// It is settled.
    ReceptionClosed(ReceptionText),
    /// It is not settled after all.
    ReceptionReopened(ReceptionText),
}
