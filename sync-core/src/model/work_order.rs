//! Work orders (派工单), household and public, and their visits (入户): what may be recorded.
//!
//! A visit has no record of its own: its id is the key of its `set_out`, and every step names it.

use serde::{Deserialize, Serialize};

use super::id::{FactKey, PersonId, RecordId};
pub use super::money::{
    Acceptance, Charged, HandedIn, InvoiceDelivered, Invoiced, OfQuote, PaymentMethod,
    QuoteDeclined, QuoteItem, Quoted, Refunded,
};

/// The kind's name.
pub const KIND: &str = "work_order";

/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// Household or public facility (三 3.1, 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// In somebody's home.
    Household,
    /// A public facility.
    Public,
}

/// How soon (三 3.1.4, 3.1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// On site within minutes of the receipt, done on the spot.
    Urgent,
    /// At the appointed time, done within days.
    Appointed,
}

/// Members of `created` of a work order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkOrderCreated {
    /// Household or public.
    pub category: Category,
    /// The unit, e.g. `3-2-1501`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// The group of buildings (组团).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
    /// Where, for a public facility.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
    /// The contact's record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<RecordId>,
    /// What is to be done, at most 2,000 characters.
    pub description: String,
    /// Urgent or appointed.
    pub priority: Priority,
    /// When the customer reported it; the minutes of 三 3.1.2 count from here. Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reported_at_ms: Option<i64>,
    /// The patrol round whose finding opened it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub round: Option<RecordId>,
    /// The reception it follows from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reception: Option<RecordId>,
}

/// How the desk was called from the door (入户 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// 对讲机
    Radio,
    /// 电话
    Phone,
}

/// When a photo was taken, relative to the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoMoment {
    /// Before the work.
    Before,
    /// After it.
    After,
    /// Anything else.
    Other,
    /// The paper of what is stated afterwards (补录).
    Scan,
}

/// The customer's ratings (入户 7), 1 to 5 each (R4.22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratings {
    /// 维修质量
    pub quality: u8,
    /// 服务态度
    pub attitude: u8,
    /// 行为
    pub conduct: u8,
}

impl Ratings {
    /// Of each the lower of two.
    pub fn lower(self, other: Self) -> Self {
        Self {
            quality: self.quality.min(other.quality),
            attitude: self.attitude.min(other.attitude),
            conduct: self.conduct.min(other.conduct),
        }
    }

    /// The lowest of the three.
    pub fn lowest(&self) -> u8 {
        self.quality.min(self.attitude).min(self.conduct)
    }
}

/// Names a visit and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfVisit {
    /// The key of its `set_out`.
    pub visit: FactKey,
}

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// At most 200 characters.
    pub reason: String,
}

/// A reason within a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitReason {
    /// The visit.
    pub visit: FactKey,
    /// At most 200 characters.
    pub reason: String,
}

/// Payload of `set_out` (R4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetOut {
    /// The site's service grade, fixed into the visit.
    pub grade: u8,
    /// A paid service (五).
    #[serde(default)]
    pub paid_service: bool,
}

/// Payload of `prepare` (五 4.1, 4.2, 4.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepare {
    /// The visit.
    pub visit: FactKey,
    /// Appearance checked.
    pub appearance: bool,
    /// Tools complete.
    pub tools: bool,
    /// Materials complete.
    pub materials: bool,
    /// Standards read and instructions acknowledged.
    pub instructions_acknowledged: bool,
    /// Trained for this work.
    pub trained: bool,
}

/// Payload of `no_answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoAnswer {
    /// The visit.
    pub visit: FactKey,
    /// How the desk was called.
    pub via: Via,
    /// Who at the desk answered.
    pub answered_by: String,
}

/// Payload of `material`: one line; its removal is a fact too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// The visit.
    pub visit: FactKey,
    /// What.
    pub name: String,
    /// How much, thousandths of the unit.
    pub quantity_milli: i64,
    /// The unit, e.g. `个`.
    pub unit: String,
    /// Price of one unit, fen.
    pub unit_price_fen: i64,
}

/// Payload of `material_removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterialRemoved {
    /// The visit.
    pub visit: FactKey,
    /// The line's key.
    pub material: FactKey,
}

/// Payload of `photo`: announces a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// The visit.
    pub visit: FactKey,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its media type.
    pub media_type: String,
    /// Before or after the work.
    pub moment: PhotoMoment,
}

/// Payload of `advice`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The visit.
    pub visit: FactKey,
    /// At most 1,000 characters.
    pub text: String,
}

/// Payload of `unable_to_finish` (入户 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnableToFinish {
    /// The visit.
    pub visit: FactKey,
    /// Why.
    pub reason: String,
    /// Explained to the customer.
    pub explained: bool,
    /// The next appointment, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_appointment: Option<String>,
}

/// Payload of `left_midway` (入户 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftMidway {
    /// The visit.
    pub visit: FactKey,
    /// The customer asked for it.
    pub customer_asked: bool,
    /// The place was tidied.
    pub tidied: bool,
    /// Why.
    pub reason: String,
}

/// Payload of `tidy` (入户 5, 五 4.4.1a).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tidy {
    /// The visit.
    pub visit: FactKey,
    /// Equipment wiped.
    pub equipment_wiped: bool,
    /// Floor clean.
    pub floor_clean: bool,
    /// Tools counted.
    pub tools_counted: bool,
}

/// Payload of `explain` (入户 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explain {
    /// The visit.
    pub visit: FactKey,
    /// The cause.
    pub cause: bool,
    /// Care.
    pub care: bool,
    /// Correct use.
    pub correct_use: bool,
}

/// Payload of `out_of_scope` (三 3.1.5.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfScope {
    /// Whom it was reported to.
    pub reported_to: String,
    /// Why.
    pub reason: String,
}

/// Payload of `helper_joined`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperJoined {
    /// The visit.
    pub visit: FactKey,
    /// The helper.
    pub person: PersonId,
}

/// How the signer relates to the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// 业主
    Owner,
    /// 住户
    Tenant,
    /// 家人
    Family,
    /// 其他
    Other,
}

/// Which clock the times in a signed text are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextClock {
    /// The server's, through the boot's anchor: every fact shown had a verified time.
    Server,
    /// The device's own wall clock, since not every time could be verified then.
    Device,
}

/// Payload of `signed`: what was shown, and the drawing (DESIGN 9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The visit.
    pub visit: FactKey,
    /// Template, version and language of the text, e.g. `visit/1/zh-CN`.
    pub template: String,
    /// The clock of the times in the text: a text is made again with the same.
    pub clock: TextClock,
    /// The keys of the facts shown.
    pub shown: Vec<FactKey>,
    /// SHA-256 of their canonical content, hex.
    pub content_sha256: String,
    /// SHA-256 of the text, hex.
    pub text_sha256: String,
    /// The drawing, delta-coded, base64url.
    pub strokes: String,
    /// Who signed.
    pub relation: Relation,
    /// The contact who signed, by id only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<RecordId>,
    /// The three ratings.
    pub ratings: Ratings,
    /// The (person, device) key's Ed25519 signature over record, key and the whole fact without
    /// this member; base64url.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signature: Option<String>,
}

/// The fact types of work orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum WorkOrderFact {
    /// The order is filled and goes out.
    Dispatched,
    /// Engineering was told.
    Told,
    /// Engineering signed for it (领单签收).
    Received,
    /// The technician declines.
    Declined(Reason),
    /// The office cancels.
    Cancelled(Reason),
    /// The finished order came back (三 3.2.5).
    Returned,
    /// The desk closes it.
    Closed,
    /// Waiting for parts or a special process (三 3.1.5).
    WaitingForParts(Reason),
    /// Not the department's (三 3.1.5.4).
    OutOfScope(OutOfScope),
    /// A visit begins.
    SetOut(SetOut),
    /// Step 0.
    Prepare(Prepare),
    /// The bell.
    Ring(OfVisit),
    /// One knock.
    Knock(OfVisit),
    /// Nobody came to the door.
    NoAnswer(NoAnswer),
    /// The desk confirms.
    NoAnswerConfirmed(OfVisit),
    /// Company, name, purpose.
    Introduce(OfVisit),
    /// In by permission.
    Enter(OfVisit),
    /// Covers on.
    ShoeCovers(OfVisit),
    /// In with a key, nobody home (五 4.3.1).
    EnteredWithKey(OfVisit),
    /// Key custody.
    KeyReceived(OfVisit),
    /// Key custody: the door was opened with it (五 4.3.1).
    KeyUsed(OfVisit),
    /// Key custody.
    KeyReturned(OfVisit),
    /// Scope confirmed (五 4.3.2).
    ScopeConfirmed(OfVisit),
    /// Reminder to put valuables away (五 4.3.2).
    ValuablesReminded(OfVisit),
    /// Work begins.
    StartWork(OfVisit),
    /// Work pauses.
    Paused(VisitReason),
    /// Work goes on.
    Resumed(OfVisit),
    /// Work is done.
    FinishWork(OfVisit),
    /// A line.
    Material(Material),
    /// A line less.
    MaterialRemoved(MaterialRemoved),
    /// A photo.
    Photo(Photo),
    /// Advice to the customer.
    Advice(Advice),
    /// Could not be finished.
    UnableToFinish(UnableToFinish),
    /// Left in the middle.
    LeftMidway(LeftMidway),
    /// Step 7.
    Tidy(Tidy),
    /// Step 8.
    Explain(Explain),
    /// The price, before work.
    Quoted(Quoted),
    /// The customer agrees.
    QuoteAccepted(OfQuote),
    /// The customer does not.
    QuoteDeclined(QuoteDeclined),
    /// Money taken.
    Charged(Charged),
    /// Money at the desk.
    HandedIn(HandedIn),
    /// The invoice.
    Invoiced(Invoiced),
    /// The invoice at the customer's.
    InvoiceDelivered(InvoiceDelivered),
    /// Money back.
    Refunded(Refunded),
    /// The customer accepts the work of a paid service, or does not (五 4.4.1b).
    Acceptance(Acceptance),
    /// The customer signed.
    Signed(Signed),
    /// The customer would not.
    SignRefused(VisitReason),
    /// Nobody was there to sign.
    SignAbsent(VisitReason),
    /// Step 10.
    Farewell(OfVisit),
    /// A helper.
    HelperJoined(HelperJoined),
    /// The desk called back (三 3.5).
    CalledBack(Advice),
}

impl WorkOrderFact {
    /// The visit it belongs to, where it names one.
    pub fn visit(&self) -> Option<FactKey> {
        use WorkOrderFact as F;
        match self {
            F::Ring(of)
            | F::Knock(of)
            | F::NoAnswerConfirmed(of)
            | F::Introduce(of)
            | F::Enter(of)
            | F::ShoeCovers(of)
            | F::EnteredWithKey(of)
            | F::KeyReceived(of)
            | F::KeyUsed(of)
            | F::KeyReturned(of)
            | F::ScopeConfirmed(of)
            | F::ValuablesReminded(of)
            | F::StartWork(of)
            | F::Resumed(of)
            | F::FinishWork(of)
            | F::Farewell(of) => Some(of.visit),
            F::Paused(of) | F::SignRefused(of) | F::SignAbsent(of) => Some(of.visit),
            F::Prepare(of) => Some(of.visit),
            F::NoAnswer(of) => Some(of.visit),
            F::Material(of) => Some(of.visit),
            F::MaterialRemoved(of) => Some(of.visit),
            F::Photo(of) => Some(of.visit),
            F::Advice(of) | F::CalledBack(of) => Some(of.visit),
            F::UnableToFinish(of) => Some(of.visit),
            F::LeftMidway(of) => Some(of.visit),
            F::Tidy(of) => Some(of.visit),
            F::Explain(of) => Some(of.visit),
            F::Quoted(of) => Some(of.visit),
            F::Charged(of) => Some(of.visit),
            F::Refunded(of) => Some(of.visit),
            F::Acceptance(of) => Some(of.visit),
            F::Signed(of) => Some(of.visit),
            F::HelperJoined(of) => Some(of.visit),
            F::Dispatched
            | F::Told
            | F::Received
            | F::Declined(_)
            | F::Cancelled(_)
            | F::Returned
            | F::Closed
            | F::WaitingForParts(_)
            | F::OutOfScope(_)
            | F::SetOut(_)
            | F::QuoteAccepted(_)
            | F::QuoteDeclined(_)
            | F::HandedIn(_)
            | F::Invoiced(_)
            | F::InvoiceDelivered(_) => None,
        }
    }
}
