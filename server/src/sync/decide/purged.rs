//! What is written to a record that was purged: refused, and nothing of it is kept. The command
//! stays on its phone, in the list of what was refused; the office is told that there was one.

use std::collections::BTreeSet;

use sync_core::protocol::message::Outcome;

use super::pack::{number, verdicts};
use super::{Deciding, DeskCase, Incoming, RecordPlan, Refusal};

/// The plan for whatever comes to a purged record.
pub(super) fn refused(deciding: &Deciding<'_>) -> RecordPlan {
    let mut plan = RecordPlan { site: deciding.state.purged, ..RecordPlan::default() };
    let Some(Incoming::Pack { person, device, pack }) = deciding.incoming else { return plan };
    let numbers = pack.changes.iter().filter_map(number);
    let (had, new): (BTreeSet<u64>, BTreeSet<u64>) =
        numbers.partition(|number| deciding.known.contains_key(number));
    plan.already_had = had;
    let why = Refusal::RecordPurged.why();
    plan.verdicts = verdicts(*person, *device, &new, Outcome::Refused, &why);
    for number in new {
        match plan.desk_cases.last_mut() {
            Some(case) if case.to + 1 == number => case.to = number,
            _ => plan.desk_cases.push(DeskCase {
                kind: "refused",
                person: *person,
                device: *device,
                from: number,
                to: number,
                why: why.clone(),
            }),
        }
    }
    plan
}
