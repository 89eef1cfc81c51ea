//! Packs through the guard: what passes is judged, what stands on something missing is held, what
//! fails is kept as it came.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::pack::encode;
use sync_core::document::{
    Check, Guard, GuardError, GuardedChange, PackedChange, RecordLog as _, RecordPack,
};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, FactKey, PersonId};
use sync_core::protocol::message::Outcome;

use super::judge::Work;
use super::log::Log;
use super::{Deciding, DeskCase, HeldPack, Quarantined, RecordPlan, Refusal, Verdict};
use crate::sync::decide::Incoming;
use crate::sync::log::{Author, RowState, Why};

/// The code of what waits because deciding failed.
pub(crate) const UNDECIDED: &str = "undecided";

/// A phone's push of one record.
pub(super) fn pushed(work: &mut Work<'_>, person: PersonId, device: DeviceId, pack: &RecordPack) {
    work.fresh = true;
    let rest = walk(work, person, device, pack, Some(pack.check));
    let news: Vec<bool> = rest.iter().map(|change| !already_told(work, change)).collect();
    if !news.contains(&true) {
        work.fresh = false;
        return;
    }
    let why = Refusal::MissingDependency.why();
    for (change, _) in rest.iter().zip(&news).filter(|(_, new)| **new) {
        let author = number(change).map(|number| Author { person, device, number });
        if let Some(author) = author {
            work.note_time_of(author, &change.facts);
        }
        tell(work, person, device, change, Outcome::Held, &why);
        if let Some(author) = author.filter(|a| work.deciding.known.contains_key(&a.number)) {
            work.cloned(author);
        }
    }
    // What goes on from commands that wait already is kept with them: alone it would not say what
    // it stands on. The pack that held the earlier ones is replaced; a copy's of the same numbers
    // is another one.
    let come: BTreeMap<FactKey, &PackedChange> =
        rest.iter().filter_map(|change| Some((change.facts.first()?.key, change))).collect();
    let has_come = |held: &PackedChange| {
        let first = held.facts.first().and_then(|fact| come.get(&fact.key));
        first.is_some_and(|change| change.facts == held.facts)
    };
    let replaced = work.deciding.held.iter().filter(|held| {
        (held.person, held.device) == (person, device) && held.pack.changes.iter().all(has_come)
    });
    let replaced: Vec<&HeldPack> = replaced.collect();
    let since_ms = replaced.iter().filter_map(|held| held.since_ms).min();
    work.plan.held_gone.extend(replaced.iter().filter_map(|held| held.id));
    // The pack's check is of its last change, which is the rest's last one or was built.
    let checked = rest.last().map(|last| &last.facts) == pack.changes.last().map(|c| &c.facts);
    let pack = RecordPack { record: pack.record, changes: rest, check: pack.check };
    let held = HeldPack { id: None, person, device, why, since_ms, checked, pack };
    work.plan.held_new.push(held);
    work.fresh = false;
}

/// A pack that was held before; says whether something of it was decided.
pub(super) fn held(work: &mut Work<'_>, held: &HeldPack) -> bool {
    let check = held.checked.then_some(held.pack.check);
    let rest = walk(work, held.person, held.device, &held.pack, check);
    // What deciding had failed of has a reason of its own now.
    let undecided = held.why.code == UNDECIDED;
    if rest.len() == held.pack.changes.len() && !undecided {
        return false;
    }
    work.plan.held_gone.extend(held.id);
    if !rest.is_empty() {
        let why = Refusal::MissingDependency.why();
        for change in rest.iter().filter(|_| undecided) {
            tell(work, held.person, held.device, change, Outcome::Held, &why);
        }
        let pack = RecordPack { changes: rest, ..held.pack.clone() };
        work.plan.held_new.push(HeldPack { id: None, why, pack, ..held.clone() });
    }
    true
}

/// Guards a pack and judges what passes; returns what stands on something missing.
fn walk(
    work: &mut Work<'_>,
    person: PersonId,
    device: DeviceId,
    pack: &RecordPack,
    check: Option<[u8; 8]>,
) -> Vec<PackedChange> {
    let sessions = work.deciding.sessions;
    let owner = |session| sessions.get(&session).map(|row| (row.person, row.device));
    let guarded = Guard::new(pack.record, &work.log, owner, (person, device)).walk(pack);
    if check.is_some() && guarded.check == Check::Fails {
        for (packed, verdict) in pack.changes.iter().zip(guarded.changes) {
            match verdict {
                // What stands here already stays what it was told to be.
                Ok(change) if change.in_log || change.all_had() => {
                    passed(work, person, device, change);
                }
                _ => refuse(work, person, device, packed, &Refusal::CheckMismatch.why()),
            }
        }
        return Vec::new();
    }
    let mut rest: Vec<PackedChange> = Vec::new();
    let mut refused = false;
    for (packed, verdict) in pack.changes.iter().zip(guarded.changes) {
        match verdict {
            Ok(change) => passed(work, person, device, change),
            Err(GuardError::MissingDependency { .. }) if refused => {
                refuse(work, person, device, packed, &Refusal::RestsOnRefused.why());
            }
            Err(GuardError::MissingDependency { .. }) => rest.push(packed.clone()),
            Err(error @ (GuardError::UnknownSession(_) | GuardError::ForeignSession(_))) => {
                let why = Refusal::of_guard(&error).why();
                tell(work, person, device, packed, Outcome::NotStored, &why);
            }
            Err(error) => {
                refused = true;
                refuse(work, person, device, packed, &Refusal::of_guard(&error).why());
            }
        }
    }
    rest
}

/// A change that the guard let pass.
fn passed(work: &mut Work<'_>, person: PersonId, device: DeviceId, change: GuardedChange) {
    let Some(number) = change.change.facts.first().and_then(|fact| fact.key.number()) else {
        return;
    };
    let author = Author { person, device, number };
    work.plan.came.insert(change.change.hash);
    if change.in_log || change.all_had() {
        if !change.in_log {
            // The accepted record has its facts under another hash, and that change is served.
            if work.deciding.known.get(&number) == Some(&Outcome::Entered) {
                work.plan.duplicates.insert(number);
            }
            work.store(super::row(&change.change, Some(author), RowState::Duplicate, None));
        }
        work.plan.already_had.insert(number);
        return;
    }
    work.command(author, change, None);
}

/// What the guard does not let pass, kept as it came.
fn refuse(
    work: &mut Work<'_>,
    person: PersonId,
    device: DeviceId,
    change: &PackedChange,
    why: &Why,
) {
    if already_told(work, change) {
        return;
    }
    tell(work, person, device, change, Outcome::Refused, why);
    let number = number(change).unwrap_or(0);
    let author = Author { person, device, number };
    if work.fresh && work.deciding.known.contains_key(&number) {
        // Its number was told of with other content: the first keeps its receipt.
        work.cloned(author);
    } else {
        work.desk_case("refused", author, why);
    }
    let record = work.deciding.state.record;
    let pack = RecordPack { record, changes: vec![change.clone()], check: [0; 8] };
    work.plan.quarantined.push(Quarantined { author, why: why.clone(), bytes: encode(&[pack]) });
}

/// Whether this very push was held or refused before, or has been accepted since by the office's
/// word: a repeated push is not kept twice. One number with other facts is another command, which
/// nobody has kept: a copy of the phone's store wrote it.
fn already_told(work: &mut Work<'_>, change: &PackedChange) -> bool {
    let Some(number) = number(change).filter(|_| work.fresh) else { return false };
    let told = is_had(work.deciding, &work.log, number, &change.facts);
    if told {
        work.plan.already_had.insert(number);
    }
    told
}

/// Whether a number was told of, and of exactly these facts: they stand in a row of the record, and
/// where nobody has accepted the number they may also wait in a pack or be kept as they came.
pub(super) fn is_had(
    deciding: &Deciding<'_>,
    log: &Log,
    number: u64,
    facts: &[StoredFact],
) -> bool {
    let Some(told) = deciding.known.get(&number) else { return false };
    let stands = |fact: &StoredFact| log.fact_json(&fact.key) == Some(fact.json.as_str());
    if facts.iter().all(stands) {
        return true;
    }
    let Some(Incoming::Pack { person, device, .. }) = deciding.incoming else { return false };
    let own = deciding.held.iter().filter(|held| (held.person, held.device) == (*person, *device));
    let mut held = own.flat_map(|held| &held.pack.changes);
    !told.is_accepted()
        && (held.any(|change| change.facts == facts)
            || deciding.kept.iter().any(|change| change.facts == facts))
}

fn tell(
    work: &mut Work<'_>,
    person: PersonId,
    device: DeviceId,
    change: &PackedChange,
    outcome: Outcome,
    why: &Why,
) {
    if let Some(number) = number(change) {
        let author = Author { person, device, number };
        let why = Some(why.clone());
        work.plan.verdicts.push(Verdict { author, outcome, why, cases: Vec::new(), cloned: false });
    }
}

/// The number of the command, if its keys have one.
pub fn number(change: &PackedChange) -> Option<u64> {
    change.facts.first().and_then(|fact| fact.key.number())
}

/// The plan when deciding failed: hold what came, as it came.
pub(super) fn undecided(deciding: &Deciding<'_>) -> RecordPlan {
    let state = deciding.state;
    let held_rows = state.rows.iter().filter(|row| row.state == RowState::Held).count();
    let mut plan = RecordPlan {
        site: state.site,
        kind: state.kind.clone(),
        heads: state.heads.clone(),
        held_count: (held_rows + deciding.held.len()) as u64,
        ..RecordPlan::default()
    };
    let Some(Incoming::Pack { person, device, pack }) = deciding.incoming else { return plan };
    let (had, new) = parted(deciding, pack);
    plan.already_had = had;
    if new.is_empty() {
        return plan;
    }
    let why = Refusal::Undecided.why();
    plan.verdicts = verdicts(*person, *device, &new, Outcome::Held, &why);
    for verdict in &mut plan.verdicts {
        verdict.cloned = deciding.known.contains_key(&verdict.author.number);
        if verdict.cloned {
            let Author { person, device, number } = verdict.author;
            let why = Why::new("number_used_twice");
            let (kind, from, to) = ("clone", number, number);
            plan.cloned = true;
            plan.desk_cases.push(DeskCase { kind, person, device, from, to, why });
        }
    }
    plan.held_count += 1;
    let (person, device, pack) = (*person, *device, pack.clone());
    let held = HeldPack { id: None, person, device, why, since_ms: None, checked: true, pack };
    plan.held_new.push(held);
    plan
}

/// The plan when nothing of a push is stored: it is still the phone's.
pub(super) fn not_stored(
    deciding: &Deciding<'_>,
    person: PersonId,
    device: DeviceId,
    pack: &RecordPack,
    why: &Why,
) -> RecordPlan {
    let (had, new) = parted(deciding, pack);
    RecordPlan {
        verdicts: verdicts(person, device, &new, Outcome::NotStored, why),
        already_had: had,
        ..RecordPlan::default()
    }
}

/// The numbers of a pack that were told of with the facts that it brings, and the others. A number
/// that stands in it twice is had only if both are.
fn parted(deciding: &Deciding<'_>, pack: &RecordPack) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let mut log = Log::default();
    deciding.state.rows.iter().for_each(|row| log.insert(row));
    let (mut had, mut new) = (BTreeSet::new(), BTreeSet::new());
    for change in &pack.changes {
        let Some(number) = number(change) else { continue };
        let is_had = is_had(deciding, &log, number, &change.facts);
        if is_had {
            had.insert(number)
        } else {
            new.insert(number)
        };
    }
    had.retain(|number| !new.contains(number));
    (had, new)
}

/// The same said of each of these numbers.
pub(super) fn verdicts(
    person: PersonId,
    device: DeviceId,
    numbers: &BTreeSet<u64>,
    outcome: Outcome,
    why: &Why,
) -> Vec<Verdict> {
    let verdict = |number: &u64| Verdict {
        author: Author { person, device, number: *number },
        outcome,
        why: Some(why.clone()),
        cases: Vec::new(),
        cloned: false,
    };
    numbers.iter().map(verdict).collect()
}
