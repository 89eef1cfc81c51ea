//! People as far as rules need them: who holds which role where, from when to when.

use serde::{Deserialize, Serialize};

use super::department::Department;
use super::id::{PersonId, SiteId};
use super::time::{Seen, WallMs};

/// A role of the department (DOMAIN "Who").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 前台接待员
    FrontDesk,
    /// 客服助理
    Assistant,
    /// 部门主管
    Supervisor,
    /// 项目经理
    ProjectManager,
    /// 总经理
    GeneralManager,
    /// 经营部经理
    OperationsManager,
    /// 保洁部经理
    CleaningManager,
    /// 品质部
    Quality,
    /// 工程领班
    EngineeringLead,
    /// 维修人员
    Technician,
    /// 有偿服务人员
    ServiceWorker,
    /// 巡查人员
    PatrolOfficer,
    /// 保安部
    Security,
    /// 夜间运行值班
    DutyOperator,
    /// 系统管理员
    Admin,
}

impl Role {
    /// Every role, in the order of DOMAIN.
    pub const ALL: [Self; 15] = [
        Self::FrontDesk,
        Self::Assistant,
        Self::Supervisor,
        Self::ProjectManager,
        Self::GeneralManager,
        Self::OperationsManager,
        Self::CleaningManager,
        Self::Quality,
        Self::EngineeringLead,
        Self::Technician,
        Self::ServiceWorker,
        Self::PatrolOfficer,
        Self::Security,
        Self::DutyOperator,
        Self::Admin,
    ];

    /// The code in JSON, SQL and texts, e.g. `front_desk`.
    pub fn code(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => unreachable!("a role serializes to its code"),
        }
    }

    /// Whether its holders write in the office and see every record of their site.
    pub fn is_office(self) -> bool {
        !matches!(
            self,
            Self::Technician | Self::ServiceWorker | Self::PatrolOfficer | Self::Security
        )
    }
}

/// A role held at a site, dated by time and by the feed sequence of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleGrant {
    /// Who holds it.
    pub person: PersonId,
    /// The role.
    pub role: Role,
    /// Where.
    pub site: SiteId,
    /// For one group of buildings (组团) only; `None` is the whole site.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
    /// For one department only; `None` is every one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department: Option<Department>,
    /// From when; milliseconds.
    pub from_ms: WallMs,
    /// Until when, exclusive; `None` is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to_ms: Option<WallMs>,
    /// The (epoch, sequence) at which the grant was made.
    pub granted: Seen,
    /// The (epoch, sequence) at which it was ended early.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<Seen>,
    /// For a deputy: whose role it is (R0.5).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on_behalf_of: Option<PersonId>,
}

/// Someone who acts, with the grants that are or were theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub person: PersonId,
    /// All grants of this person, ended ones too.
    pub grants: Vec<RoleGrant>,
}

impl Principal {
    /// The same person with every role at every site of the grants: what a phone whose rules were
    /// patched out believes. For tests and the demo.
    #[must_use]
    pub fn with_every_role(&self, granted: Seen) -> Self {
        let sites: std::collections::BTreeSet<SiteId> =
            self.grants.iter().map(|grant| grant.site).collect();
        let grants = sites.into_iter().flat_map(|site| {
            Role::ALL.map(|role| RoleGrant {
                person: self.person,
                role,
                site,
                group: None,
                department: None,
                from_ms: 0,
                to_ms: None,
                granted,
                ended: None,
                on_behalf_of: None,
            })
        });
        Self { person: self.person, grants: grants.collect() }
    }
}
