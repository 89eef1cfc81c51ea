//! Steps in other people's visits by somebody who was never on the order. They are accepted: only
//! what its author may never do is refused, and a helper may be named late. The office sees it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::cases::{CASES_OF_A_KIND_MAX, Case, CaseInput, assignments};
use super::permission::{WORKERS, order_roles};
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::Payload;
use crate::model::work_order::WorkOrderFact;

/// One case for each person who wrote a worker's steps into a visit of another's, or declined an
/// order that others were named for, and was neither ever named for it nor helped in any visit
/// (R3.50). A visit of one's own is anybody's, and judged by R3.29 and R3.31; what engineering's
/// lead says of an order without a visit is the lead's to say.
pub(super) fn written_by_outsiders(input: &CaseInput<'_>) -> Vec<Case> {
    let named = assignments(input).into_iter().filter_map(|(_, value, _)| value.as_u64());
    let named = named.filter_map(|number| u32::try_from(number).ok()).map(PersonId);
    let named: BTreeSet<PersonId> = named.collect();
    let helpers = || input.visits.iter().flat_map(|visit| &visit.helpers);
    let mut written: BTreeMap<PersonId, Vec<FactKey>> = BTreeMap::new();
    let mut take = |fact: &Fact, owner: Option<PersonId>| {
        let row = fact.key.session().and_then(|session| input.sessions.get(&session));
        // Entered for somebody without a phone is the desk's to do.
        let Some(row) = row.filter(|_| fact.on_behalf_of.is_none()) else { return };
        let is_on_it = named.contains(&row.person) || helpers().any(|one| *one == row.person);
        if owner != Some(row.person) && !is_on_it {
            written.entry(row.person).or_default().push(fact.key);
        }
    };
    for visit in input.visits {
        let steps = input.steps.get(&visit.visit).into_iter().flatten();
        for step in steps.filter(|step| order_roles(step.content) == WORKERS) {
            take(step.fact, visit.person);
        }
    }
    for fact in input.causality.facts.iter().filter(|_| !named.is_empty()) {
        if matches!(fact.payload, Payload::WorkOrder(WorkOrderFact::Declined(_))) {
            take(fact, None);
        }
    }
    let cases = written.into_iter().map(|(person, keys)| {
        let keys = keys.into_iter().take(CASES_OF_A_KIND_MAX);
        let mut case = input.case("written_by_outsider", keys);
        case.params.insert("person".to_owned(), json!(person));
        case
    });
    cases.take(CASES_OF_A_KIND_MAX).collect()
}
