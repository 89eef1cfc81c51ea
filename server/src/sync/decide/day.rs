//! Which day of which site each command is of: by its verified time, else by its arrival. R8.15.

use std::sync::LazyLock;

use sync_core::model::fact::{Fact, StoredFact};
use sync_core::model::id::SiteId;
use sync_core::model::person::Principal;
use sync_core::model::policy::SlaPolicy;
use sync_core::model::time::WallMs;
use sync_core::rules::account::command_day;
use sync_core::rules::{SiteTime, Written};

use super::judge::{Work, site_of};
use super::{Deciding, RecordPlan};
use crate::people::grant;
use crate::sync::account_day::Place;
use crate::sync::log::Author;

impl Work<'_> {
    /// Notes when a command that came now was written; says whether it claims to be older than it
    /// can be. A time that is no verified one is noted as none.
    pub(super) fn note_time(&mut self, author: Author, facts: &[Fact]) -> bool {
        let site = self.plan.site.or_else(|| site_of(facts));
        let (written_ms, backdated) = match site {
            Some(site) => {
                let dated = self.date(author, site, facts);
                (dated.written.at_ms, dated.backdated)
            }
            None => (Written::of(facts, self.deciding.sessions).at_ms, false),
        };
        if let Some(written_ms) = written_ms {
            self.plan.written_ms.insert(author, written_ms);
        }
        backdated
    }

    /// [`Self::note_time`] of a command that is not judged yet.
    pub(super) fn note_time_of(&mut self, author: Author, facts: &[StoredFact]) {
        let facts = facts.iter().map(StoredFact::parse).collect::<Result<Vec<_>, _>>();
        if let Ok(facts) = facts {
            self.note_time(author, &facts);
        }
    }
}

/// Gives each command that is told of its day. What the guard did not let pass, or deciding failed
/// of, has no time that anybody vouches for: it is of the day it was received on.
pub fn attribute(deciding: &Deciding<'_>, plan: &mut RecordPlan) {
    static UNKNOWN: LazyLock<SlaPolicy> = LazyLock::new(SlaPolicy::default);
    let of_record = plan.site.filter(|site| deciding.policies.contains_key(site));
    for verdict in plan.verdicts.iter().filter(|verdict| verdict.is_kept()) {
        let author = verdict.author;
        let home = || home(deciding.principals.get(&author.person)?, deciding.now_ms);
        let site = of_record.or_else(home);
        let policy = site.and_then(|site| deciding.policies.get(&site)?.last());
        let time = SiteTime::of(policy.unwrap_or(&UNKNOWN));
        let written_ms = plan.written_ms.get(&author).copied();
        let (day, dated) = command_day(&time, written_ms, deciding.now_ms);
        plan.days.insert(author, Place { site, day, dated, desk_case: None });
    }
}

/// Where a person works: the first of the sites of its roles, of those it has now where there are
/// any.
pub fn home(principal: &Principal, now_ms: WallMs) -> Option<SiteId> {
    let now = principal.grants.iter().filter(|role| grant::in_force(role, now_ms));
    let first = now.map(|grant| grant.site).min();
    first.or_else(|| principal.grants.iter().map(|grant| grant.site).min())
}
