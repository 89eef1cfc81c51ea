//! Authority by what a writer had seen: what was permitted on the record as its writer knew it is
//! accepted, whatever others wrote beside it; the review then shows the case. What a device had
//! confirmed counts as seen, whatever its facts claim.

use std::collections::BTreeSet;

use sync_core::model::fact::{Fact, StoredFact};
use sync_core::model::id::{FactKey, SiteId};
use sync_core::model::person::Principal;
use sync_core::rules::{self, Written};

use super::judge::Work;
use crate::sync::log::Author;

/// Facts that may be reviewed again in one decision. Beyond it commands are judged by the last
/// review there is, and what is refused then is the office's to accept after all.
const REVIEWED_AGAIN_MAX: usize = 200_000;

impl Work<'_> {
    /// Brings the review up to what was accepted meanwhile, for kinds whose permissions look at it.
    pub(super) fn refresh(&mut self) {
        let by_state = self.plan.kind.as_deref().is_some_and(rules::judges_by_state);
        if self.stale && by_state && self.spend() {
            self.review = self.reviewed(&self.facts);
            self.stale = false;
        }
    }

    /// Whether a command that the record as it stands does not permit was permitted by exactly
    /// what its writer had seen of it.
    pub(super) fn was_permitted(
        &mut self,
        author: Author,
        site: SiteId,
        facts: &[Fact],
        (principal, written): (&Principal, Written),
    ) -> bool {
        let seen = self.seen(author, site, facts);
        let record: Vec<Fact> =
            self.facts.iter().filter(|fact| seen.contains(&fact.key)).cloned().collect();
        let saw_all = record.len() == self.facts.len() && !self.stale;
        if saw_all || record.is_empty() || !self.spend() {
            return false;
        }
        let review = self.reviewed(&record);
        rules::permit(facts, review.as_ref(), principal, written, self.deciding.now_ms).is_ok()
    }

    fn spend(&mut self) -> bool {
        let spent = self.reviewed_again.saturating_add(self.facts.len());
        let may = spent <= REVIEWED_AGAIN_MAX;
        if may {
            self.reviewed_again = spent;
        }
        may
    }

    /// The facts that stand before those of a command, and those its device had confirmed.
    fn seen(&self, author: Author, site: SiteId, facts: &[Fact]) -> BTreeSet<FactKey> {
        let state = self.deciding.state;
        let rows = || state.rows.iter().chain(&self.plan.rows);
        // What nobody accepted is no part of the record, but leads to what its writer had seen.
        let aside = rows().flat_map(|row| &row.facts).filter(|fact| !self.keys.contains(&fact.key));
        let aside = aside.filter_map(|fact| StoredFact::parse(fact).ok());
        let record: Vec<Fact> = self.facts.iter().cloned().chain(aside).collect();
        let mut seen = rules::seen_by(facts, &record, self.deciding.sessions);
        let confirmed = self.deciding.confirmed.get(&author.device);
        let confirmed = confirmed.and_then(|c| c.seen(author.number, site)).map(|s| s.sequence);
        let had = |sequence: Option<u64>| sequence.zip(confirmed).is_some_and(|(s, c)| s <= c);
        for row in rows().filter(|row| had(row.sequence)) {
            seen.extend(row.facts.iter().map(|fact| fact.key));
        }
        seen
    }
}
