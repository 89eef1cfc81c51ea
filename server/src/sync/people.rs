//! People, sites and policies as sync needs them, read again when their version moves. Writes none
//! of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::SqliteConnection;
use sync_core::model::audience::Audience;
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::patrol::SiteChecklist;
use sync_core::model::person::{Principal, Role, RoleGrant};
use sync_core::model::place::Building;
use sync_core::model::policy::SlaPolicy;
use sync_core::model::time::WallMs;
use sync_core::protocol::limits::LIMITS;
use sync_core::protocol::message::{Reference, ReferenceData};

use crate::people::{checklist, grant, place, roster};
use crate::{Error, Result};

/// Everyone and everything that is judged by, as of one version.
#[derive(Debug, Default)]
pub struct People {
    /// `installation.reference_version`.
    pub version: u64,
    /// Everyone's grants, ended ones too.
    pub principals: BTreeMap<PersonId, Principal>,
    /// People whose account is disabled.
    pub disabled: BTreeSet<PersonId>,
    /// Each site's policies, oldest first.
    pub policies: BTreeMap<SiteId, Vec<SlaPolicy>>,
    names: BTreeMap<PersonId, String>,
    sites: BTreeMap<SiteId, String>,
    /// Each site's buildings with their groups, by code.
    pub buildings: BTreeMap<SiteId, Vec<Building>>,
    checklists: BTreeMap<SiteId, Vec<SiteChecklist>>,
    /// Who heads which department: grants that are not ended, of people who may come in.
    pub supervisors: Vec<RoleGrant>,
}

impl People {
    /// The audiences a person reads now: the own one at each site of a grant that is in force, and
    /// the office's, the patrol's, security's and the workers' where one of these roles is theirs.
    pub fn audiences(&self, person: PersonId, now_ms: WallMs) -> BTreeSet<Audience> {
        let grants = self.principals.get(&person).map_or(&[][..], |p| p.grants.as_slice());
        let in_force = grants.iter().filter(|grant| {
            grant.from_ms <= now_ms
                && grant.to_ms.is_none_or(|to_ms| now_ms < to_ms)
                && grant.ended.is_none()
        });
        audiences(in_force)
    }

    /// The site whose office is asked about a person: the first where it has a role now, else where
    /// it ever had one.
    pub fn office_of(&self, person: PersonId, now_ms: WallMs) -> Option<SiteId> {
        let now = self.audiences(person, now_ms).first().map(|audience| audience.site());
        now.or_else(|| self.audiences_ever(person).first().map(|audience| audience.site()))
    }

    /// Every audience that a person reads or has read.
    pub fn audiences_ever(&self, person: PersonId) -> BTreeSet<Audience> {
        audiences(self.principals.get(&person).into_iter().flat_map(|p| &p.grants))
    }

    /// What a person's phone holds of people and sites, and of the roster around now.
    pub async fn reference(
        &self,
        person: PersonId,
        now_ms: WallMs,
        conn: &mut SqliteConnection,
    ) -> Result<Reference> {
        let mut rosters = BTreeMap::new();
        let here = self.audiences(person, now_ms);
        for site in here.into_iter().map(Audience::site).collect::<BTreeSet<SiteId>>() {
            rosters.insert(site, roster::window(conn, site, now_ms).await?);
        }
        let grants = self.principals.get(&person).map(|p| p.grants.clone()).unwrap_or_default();
        let sites: BTreeSet<SiteId> = grants.iter().map(|grant| grant.site).collect();
        let staff = self
            .principals
            .values()
            .filter(|principal| principal.grants.iter().any(|grant| sites.contains(&grant.site)));
        let name = |person| self.names.get(&person).map(|name| (person, name.clone()));
        let data = ReferenceData {
            people: staff.filter_map(|principal| name(principal.person)).collect(),
            policies: of_sites(&self.policies, &sites),
            sites: of_sites(&self.sites, &sites),
            buildings: of_sites(&self.buildings, &sites),
            checklists: of_sites(&self.checklists, &sites),
            supervisors: of_their_departments(&self.supervisors, &sites),
            grants,
            limits: Some(LIMITS),
            roster: rosters,
        };
        let json = serde_json::to_string(&data)
            .map_err(|_| Error::Broken("reference data does not write as JSON"))?;
        Ok(Reference { version: self.version, json })
    }
}

/// What grants give to read: their holder's own audience at each site, and those of their roles.
fn audiences<'a>(grants: impl Iterator<Item = &'a RoleGrant>) -> BTreeSet<Audience> {
    grants
        .flat_map(|grant| {
            let office = grant.role.is_office().then_some(Audience::Office(grant.site));
            let patrol = grant.role == Role::PatrolOfficer;
            let patrol = patrol.then_some(Audience::Patrol(grant.site));
            let security = grant.role == Role::Security;
            let security = security.then_some(Audience::Security(grant.site));
            let works = matches!(grant.role, Role::Technician | Role::ServiceWorker);
            let works = works.then_some(Audience::Workers(grant.site));
            [Some(Audience::User(grant.site, grant.person)), office, patrol, security, works]
        })
        .flatten()
        .collect()
}

fn of_sites<T: Clone>(all: &BTreeMap<SiteId, T>, sites: &BTreeSet<SiteId>) -> BTreeMap<SiteId, T> {
    sites.iter().filter_map(|site| all.get(site).map(|one| (*site, one.clone()))).collect()
}

fn of_their_departments(all: &[RoleGrant], sites: &BTreeSet<SiteId>) -> Vec<RoleGrant> {
    all.iter().filter(|grant| sites.contains(&grant.site)).cloned().collect()
}

/// The last version read.
#[derive(Debug, Default)]
pub struct PeopleCache(Mutex<Arc<People>>);

impl PeopleCache {
    /// The people of `version`, read again if the ones at hand are of another.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn of(&self, version: u64, conn: &mut SqliteConnection) -> Result<Arc<People>> {
        let current = self.current();
        if current.version == version {
            return Ok(current);
        }
        let people = Arc::new(read(version, conn).await?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&people);
        Ok(people)
    }

    /// The people at hand, of whatever version.
    pub fn current(&self) -> Arc<People> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn read(version: u64, conn: &mut SqliteConnection) -> Result<People> {
    let mut people = People { version, ..People::default() };
    let persons: Vec<(u32, String, Option<i64>)> =
        sqlx::query_as("select person, name, disabled_ms from person")
            .fetch_all(&mut *conn)
            .await?;
    for (person, name, disabled_ms) in persons {
        let person = PersonId(person);
        if disabled_ms.is_some() {
            people.disabled.insert(person);
        }
        people.names.insert(person, name);
        people.principals.insert(person, Principal { person, grants: Vec::new() });
    }
    for grant in grant::all(conn).await? {
        let heads = grant.role == Role::Supervisor && grant.department.is_some();
        if heads && grant.ended.is_none() && !people.disabled.contains(&grant.person) {
            people.supervisors.push(grant.clone());
        }
        if let Some(principal) = people.principals.get_mut(&grant.person) {
            principal.grants.push(grant);
        }
    }
    let sites: Vec<(u32, String)> =
        sqlx::query_as("select site, name from site").fetch_all(&mut *conn).await?;
    people.sites = sites.into_iter().map(|(site, name)| (SiteId(site), name)).collect();
    let policies: Vec<(u32, String)> =
        sqlx::query_as("select site, json from policy order by site, version")
            .fetch_all(&mut *conn)
            .await?;
    for (site, json) in policies {
        let policy = serde_json::from_str(&json)
            .map_err(|_| Error::Broken("a policy in the database does not read"))?;
        people.policies.entry(SiteId(site)).or_default().push(policy);
    }
    for site in people.sites.keys().copied().collect::<Vec<_>>() {
        people.buildings.insert(site, place::buildings(conn, site).await?);
        people.checklists.insert(site, checklist::of_site(conn, site).await?);
    }
    Ok(people)
}
