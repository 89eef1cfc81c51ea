//! Patrols (巡查): a month's plan, its rounds, and what is recorded on a round. A round carries its
//! checkpoints as they were planned, so that coverage is judged by what stood then.

use serde::{Deserialize, Serialize};

use super::id::{FactKey, PersonId, RecordId};
use super::time::WallMs;

/// The kind of plans.
pub const PLAN: &str = "patrol_plan";
/// The kind of rounds.
pub const ROUND: &str = "patrol_round";
/// The schema version this code writes into `created` of both.
pub const SCHEMA: u32 = 1;

/// What a round looks for (六 3.2, 3.6, 3.7, R7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatrolKind {
    /// 治安隐患
    SecurityHazards,
    /// 公共设施设备
    PublicFacilities,
    /// 清洁卫生
    Cleanliness,
    /// 园林绿化
    Greenery,
    /// 违章装修
    IllegalDecoration,
    /// 消防违章
    FireSafety,
    /// 装修现场
    DecorationSite,
    /// 空置房
    VacantHome,
}

impl PatrolKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::SecurityHazards,
        Self::PublicFacilities,
        Self::Cleanliness,
        Self::Greenery,
        Self::IllegalDecoration,
        Self::FireSafety,
        Self::DecorationSite,
        Self::VacantHome,
    ];
}

/// The list a checkpoint is checked by; its items: [`Checklist::items`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checklist {
    /// 楼道 (六 3.3.1)
    Stairwell,
    /// 公共建筑 (六 3.4.1)
    PublicStructures,
    /// 道路广场 (六 3.4.2)
    RoadsAndSquares,
    /// 周边环境 (六 3.5)
    Surroundings,
    /// 装修现场 (六 3.6; list ours, from 四 3.1.1)
    DecorationSite,
    /// 空置房 (六 3.7; list ours)
    VacantHome,
}

impl Checklist {
    /// Every list.
    pub const ALL: [Self; 6] = [
        Self::Stairwell,
        Self::PublicStructures,
        Self::RoadsAndSquares,
        Self::Surroundings,
        Self::DecorationSite,
        Self::VacantHome,
    ];

    /// The codes of its items, in the order of the source. Codes are stable.
    pub fn items(self) -> &'static [&'static str] {
        match self {
            // R7.5
            Self::Stairwell => &[
                "lights",
                "doors_and_windows",
                "intelligent_systems",
                "walls_ceiling_tiles",
                "hydrant",
                "extinguisher",
                "fire_door",
                "exit_lights",
                "escape_way",
                "burglar_and_fire_alarms",
                "stairwell_cleanliness",
                "safety_signs",
                "shared_lamps_and_bins",
            ],
            // R7.6
            Self::PublicStructures => {
                &["sculptures", "playground", "lawns_hedges_trees", "structure_roads"]
            }
            // R7.7
            Self::RoadsAndSquares => &[
                "facilities_and_occupation",
                "road_signs",
                "manhole_covers_and_lamps",
                "road_cleanliness",
            ],
            // R7.8
            Self::Surroundings => &[
                "posting_and_wiring",
                "damage_noise_pollution",
                "livestock",
                "surroundings_cleanliness",
            ],
            // R7.9
            Self::DecorationSite => &[
                "decoration_permit",
                "load_bearing_structure",
                "outer_appearance",
                "pipes_and_wiring",
                "waterproofing",
                "waste_and_hours",
                "site_extinguishers",
            ],
            // R7.9
            Self::VacantHome => &["lock", "meters", "water", "windows", "damp", "pests"],
        }
    }
}

/// An item of a site's own checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItem {
    /// Unique within the list, at most 60 characters.
    pub code: String,
    /// What is looked at, at most 200 characters.
    pub text: String,
}

/// A site's own checklist, one version of it. A checkpoint that is checked by it carries its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteChecklist {
    /// Unique at the site.
    pub code: String,
    /// 1 and up.
    pub version: u32,
    /// What people call it.
    pub name: String,
    /// In their order.
    pub items: Vec<ChecklistItem>,
}

/// A point on the earth, WGS-84, in units of 10^-7 degrees: integers, so that every device judges
/// alike.
/// R7.25.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// South is negative.
    pub latitude_e7: i64,
    /// West is negative.
    pub longitude_e7: i64,
    /// How far off it may be, metres.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accuracy_m: Option<u32>,
}

/// A place where an officer has to have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Unique within the round, e.g. `3-stair-12`.
    pub code: String,
    /// Its name, which is also its place.
    pub name: String,
    /// What it is checked by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checklist: Option<Checklist>,
    /// The items it is checked by instead, as they stood when it was planned: a site's own list may
    /// change, what a round is judged by does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub items: Option<Vec<ChecklistItem>>,
    /// What its QR code or NFC tag says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tag: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<Position>,
    /// How far from it counts as there, metres; the policy's where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub radius_m: Option<u32>,
}

/// One line of a plan: a round on each of its days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanItem {
    /// Its number within the plan, 1 and up.
    pub item: u32,
    /// What it looks for.
    pub patrol: PatrolKind,
    /// 区域
    pub area: String,
    /// Who walks it.
    pub officer: PersonId,
    /// Days of the month.
    pub days: Vec<u32>,
    /// When it is to begin, local time of the site, `HH:MM`.
    pub starts_at: String,
    /// Where it leads.
    pub checkpoints: Vec<Checkpoint>,
}

/// Members of `created` of a plan (六 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatrolPlanCreated {
    /// `YYYY-MM`.
    pub month: String,
    /// Its lines.
    pub items: Vec<PlanItem>,
}

/// Members of `created` of a round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatrolRoundCreated {
    /// What it looks for.
    pub patrol: PatrolKind,
    /// 区域
    pub area: String,
    /// Who walks it.
    pub officer: PersonId,
    /// The plan it comes from; none for an unplanned one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<RecordId>,
    /// When it is to begin; none for an unplanned one. Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub starts_at_ms: Option<WallMs>,
    /// Where it leads.
    pub checkpoints: Vec<Checkpoint>,
}

/// How an officer showed to have been at a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitMethod {
    /// The QR code was scanned.
    QrCode,
    /// The NFC tag was read.
    Nfc,
    /// By position.
    Gps,
    /// By hand, with a photo: the tag is torn.
    Manual,
}

/// A photo's blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhotoRef {
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its media type.
    pub media_type: String,
}

/// Payload of `checkpoint_visited`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointVisited {
    /// Its code.
    pub checkpoint: String,
    /// How.
    pub method: VisitMethod,
    /// What the tag said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tag: Option<String>,
    /// Where the device was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<Position>,
    /// The photo, always there by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub photo: Option<PhotoRef>,
}

/// What was found of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// 正常
    Ok,
    /// 异常
    NotOk,
    /// 不适用
    NotApplicable,
}

/// Payload of `checked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The checkpoint's code.
    pub checkpoint: String,
    /// The item's code.
    pub item: String,
    /// How it is.
    pub result: CheckResult,
    /// At most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// A photo.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub photo: Option<PhotoRef>,
}

/// Payload of `rest_ok`: every item that nothing had been said of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestOk {
    /// The checkpoint's code.
    pub checkpoint: String,
    /// The items it says ok of.
    pub items: Vec<String>,
}

/// What a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Damaged or missing public facilities: becomes a repair (六 3.8.2a).
    Facility,
    /// A breach of decoration rules: becomes a violation (ours).
    Decoration,
    /// A breach of fire safety: becomes a violation (ours).
    FireSafety,
    /// A breach of sanitation: becomes a violation (ours).
    Sanitation,
    /// A breach of public security: becomes a violation (ours).
    PublicSecurity,
    /// Harm to others: becomes a violation (ours).
    HarmToOthers,
    /// Anything else: reported on return.
    Other,
}

/// Payload of `finding`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub finding: FindingKind,
    /// Where.
    pub place: String,
    /// The checkpoint it was found at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkpoint: Option<String>,
    /// The item it shows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub item: Option<String>,
    /// What was seen, at most 2,000 characters.
    pub description: String,
    /// Settled on the spot; otherwise logged.
    #[serde(default)]
    pub settled: bool,
    /// The order or finding's record that already stands for it: nothing new is opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub known_as: Option<RecordId>,
    /// Photos.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub photos: Vec<PhotoRef>,
}

/// Payload of `finding_settled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingSettled {
    /// The key of its `finding`.
    pub finding: FactKey,
    /// How, at most 1,000 characters.
    pub text: String,
}

/// Payload of `finding_reported` (六 3.8.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingReported {
    /// The key of its `finding`.
    pub finding: FactKey,
    /// The officer's own supervisor.
    pub reported_to: String,
}

/// Payload of `checkpoint_skipped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointSkipped {
    /// Its code.
    pub checkpoint: String,
    /// Why, at most 200 characters.
    pub reason: String,
}

/// Payload of `units_checked` (六 3.3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitsChecked {
    /// The units where somebody looked for the cause of a smell.
    pub units: Vec<String>,
    /// The cause is known.
    pub cause_found: bool,
}

/// Payload of `round_stopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundStopped {
    /// Why, at most 200 characters.
    pub reason: String,
}

/// The fact types of rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum PatrolFact {
    /// The round begins.
    RoundStarted,
    /// Somebody was at a checkpoint.
    CheckpointVisited(CheckpointVisited),
    /// A checkpoint could not be reached.
    CheckpointSkipped(CheckpointSkipped),
    /// An item was looked at.
    Checked(Checked),
    /// Everything else at a checkpoint is ok.
    RestOk(RestOk),
    /// Something was found.
    Finding(Finding),
    /// It is settled.
    FindingSettled(FindingSettled),
    /// It was reported on return.
    FindingReported(FindingReported),
    /// Units were checked for the cause of a smell.
    UnitsChecked(UnitsChecked),
    /// The round is done.
    RoundFinished,
    /// The round ends before its time.
    RoundStopped(RoundStopped),
}
