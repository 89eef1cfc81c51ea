//! Complaints (投诉, 二): what a customer complains of, what was found out and judged, up which steps
//! it went, what was planned, and whether the customer is satisfied.

use serde::{Deserialize, Serialize};

use super::department::Department;
use super::id::{FactKey, PersonId, RecordId};
use super::person::Role;
use super::time::WallMs;

/// The kind's name.
pub const KIND: &str = "complaint";
/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// What it is about (二 4.2.4, R2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComplaintSubject {
    /// 前台接待
    Reception,
    /// 安全
    Security,
    /// 绿化
    Greening,
    /// 保洁
    Cleaning,
    /// 维修
    Repair,
    /// 公共设施设备
    PublicFacilities,
    /// 公共秩序
    PublicOrder,
    /// 突发事件
    Emergency,
    /// 地产遗留问题
    ConstructionLegacy,
    /// 合同服务
    Contract,
}

impl ComplaintSubject {
    /// Every subject.
    pub const ALL: [Self; 10] = [
        Self::Reception,
        Self::Security,
        Self::Greening,
        Self::Cleaning,
        Self::Repair,
        Self::PublicFacilities,
        Self::PublicOrder,
        Self::Emergency,
        Self::ConstructionLegacy,
        Self::Contract,
    ];

    /// The stable code.
    pub fn code(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => unreachable!("a subject serializes to its code"),
        }
    }
}

/// Which emergency (二 4.2.4b).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Emergency {
    /// 停水
    WaterCut,
    /// 停电
    PowerCut,
    /// 电梯故障
    Lift,
    /// 火灾
    Fire,
    /// 室内被盗
    Burglary,
}

impl Emergency {
    /// Every emergency.
    pub const ALL: [Self; 5] =
        [Self::WaterCut, Self::PowerCut, Self::Lift, Self::Fire, Self::Burglary];
}

/// Where it came from (二 4.3.1, 4.3.4).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ComplaintSource {
    /// The customer.
    #[default]
    Customer,
    /// A department of the company: progress is told to it too.
    Company,
}

impl ComplaintSource {
    /// Every source.
    pub const ALL: [Self; 2] = [Self::Customer, Self::Company];
}

/// Who answers for a defect (二 4.2.4c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponsibleParty {
    /// 开发商
    Developer,
    /// 施工单位
    Contractor,
}

impl ResponsibleParty {
    /// Every party.
    pub const ALL: [Self; 2] = [Self::Developer, Self::Contractor];
}

/// Members of `created` of a complaint. Each is a field that can be corrected later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplaintCreated {
    /// The subject.
    pub subject: ComplaintSubject,
    /// Which emergency; only of the subject `emergency`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub emergency: Option<Emergency>,
    /// The reception record it came up in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reception: Option<RecordId>,
    /// The customer's unit; complaints of one unit and subject are counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// The group of buildings (组团): its assistant takes it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
    /// The customer's contact record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<RecordId>,
    /// The worker it is about: it goes to that worker's superior (一 3.4.6c).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub about: Option<PersonId>,
    /// The department concerned: its supervisor holds the second step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department: Option<Department>,
    /// Where it came from.
    #[serde(default)]
    pub source: ComplaintSource,
    /// The department it came from, of one that the company brought.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source_department: Option<Department>,
    /// Who answers for a defect.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub responsible: Option<ResponsibleParty>,
    /// What the customer says, at most 2,000 characters.
    pub description: String,
    /// When the customer said it, if that was before it was entered; milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub received_at_ms: Option<WallMs>,
}

/// Whether a complaint is one (二 4.2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// 有效投诉
    Valid,
    /// 求助
    SeekingHelp,
    /// 咨询
    Inquiry,
    /// 发泄
    Venting,
}

impl Validity {
    /// Every validity.
    pub const ALL: [Self; 4] = [Self::Valid, Self::SeekingHelp, Self::Inquiry, Self::Venting];
}

/// How bad it is (二 4.2.1 to 4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComplaintSeverity {
    /// 轻微
    Minor,
    /// 重要
    Important,
    /// 重大
    Major,
}

impl ComplaintSeverity {
    /// Every severity.
    pub const ALL: [Self; 3] = [Self::Minor, Self::Important, Self::Major];

    /// The stable code.
    pub fn code(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => unreachable!("a severity serializes to its code"),
        }
    }
}

/// Value of the field `judgement` (二 4.3.2). A later one replaces it with its own reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Whether it is one.
    pub validity: Validity,
    /// How bad, of a valid one; the rules may make it major.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub severity: Option<ComplaintSeverity>,
    /// A promised or contracted service was not delivered, or clearly otherwise (二 4.2.1a).
    #[serde(default)]
    pub undelivered: bool,
    /// A sizeable loss or an injury by the company's fault (二 4.2.1b).
    #[serde(default)]
    pub harm: bool,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// The steps of the ladder (二 4.3.3 to 4.3.5), lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LadderStep {
    /// The assistant, with the department.
    Assistant,
    /// The supervisor of the department.
    Supervisor,
    /// The project manager.
    ProjectManager,
    /// The general manager's meeting.
    GeneralManager,
}

impl LadderStep {
    /// Every step.
    pub const ALL: [Self; 4] =
        [Self::Assistant, Self::Supervisor, Self::ProjectManager, Self::GeneralManager];

    /// Whose step it is.
    pub fn role(self) -> Role {
        match self {
            Self::Assistant => Role::Assistant,
            Self::Supervisor => Role::Supervisor,
            Self::ProjectManager => Role::ProjectManager,
            Self::GeneralManager => Role::GeneralManager,
        }
    }
}

/// A text of at most 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplaintText {
    /// At most 1,000 characters.
    pub text: String,
}

/// Payload of `passed_up`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedUp {
    /// To which step; never the first.
    pub to: LadderStep,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// Payload of `reported_afterwards`: an emergency that skipped steps is reported to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedAfterwards {
    /// The key of its `passed_up`.
    pub passed: FactKey,
    /// What was reported, at most 1,000 characters.
    pub text: String,
}

/// Names a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfPlan {
    /// The key of its `plan_told`.
    pub plan: FactKey,
}

/// Payload of `plan_rejected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRejected {
    /// The key of its `plan_told`.
    pub plan: FactKey,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// Payload of `plan_carried_out`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCarriedOut {
    /// The key of its `plan_told`.
    pub plan: FactKey,
    /// What was done, at most 1,000 characters.
    pub text: String,
}

/// Payload of `progress_told` (二 4.3.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressTold {
    /// What was told, at most 1,000 characters.
    pub text: String,
    /// The department it came from was told too.
    #[serde(default)]
    pub to_source: bool,
}

/// Payload of `not_satisfied`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSatisfied {
    /// Why, at most 200 characters.
    pub reason: String,
}

/// Payload of `complaint_closed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplaintClosed {
    /// The outcome, at most 1,000 characters.
    pub text: String,
    /// Why it is closed although the customer is not satisfied, at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unsatisfied_reason: Option<String>,
}

/// Payload of `escalated`: the server's, when a step's days are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalated {
    /// To which step.
    pub to: LadderStep,
    /// When the step before it was over; milliseconds.
    pub due_ms: WallMs,
}

/// Payload of `escalation_withdrawn`: the server's, when what came later shows it wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationWithdrawn {
    /// The key of its `escalated`.
    pub of: FactKey,
}

/// Payload of `repeat_of`: the server's, of a complaint of the same unit and subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatOf {
    /// The latest earlier one.
    pub complaint: RecordId,
    /// How often it has been raised by now, this one included.
    pub times: u32,
}

/// The fact types of complaints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum ComplaintFact {
    /// What was found out (二 4.3.2).
    Investigated(ComplaintText),
    /// Given to a higher step before its days are over.
    PassedUp(PassedUp),
    /// The steps an emergency skipped were told.
    ReportedAfterwards(ReportedAfterwards),
    /// The plan was told to the customer (二 4.3.6).
    PlanTold(ComplaintText),
    /// The customer accepts it.
    PlanAccepted(OfPlan),
    /// The customer does not.
    PlanRejected(PlanRejected),
    /// It was carried out.
    PlanCarriedOut(PlanCarriedOut),
    /// The customer was told how it stands.
    ProgressTold(ProgressTold),
    /// The customer is satisfied (二 4.4.1).
    Satisfied,
    /// The customer is not.
    NotSatisfied(NotSatisfied),
    /// It is over.
    ComplaintClosed(ComplaintClosed),
    /// It is not over after all.
    ComplaintReopened(ComplaintText),
    /// A step's days are over.
    Escalated(Escalated),
    /// They were not.
    EscalationWithdrawn(EscalationWithdrawn),
    /// It was raised before.
    RepeatOf(RepeatOf),
}
