//! What becomes of what was written into one record: a pure function of what is stored, what came,
//! who wrote it and the time. No IO; the writer carries the plan out, or asks for another one when
//! the record has moved meanwhile.

mod contact;
mod day;
mod judge;
mod log;
mod overrule;
mod pack;
mod purged;
mod quota;
mod refusal;
mod rewrite;
mod seen;
#[cfg(test)]
mod tests;

pub use contact::{Confirmed, Contact};
pub use day::{attribute, home};
pub use log::Log;
pub(crate) use pack::UNDECIDED;
pub use pack::number;
pub use quota::{held_bytes, row_bytes};
pub use refusal::Refusal;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ed25519_dalek::VerifyingKey;
use sync_core::document::{Change, GuardedChange, PackedChange, RecordPack};
use sync_core::model::audience::Audience;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{ChangeHash, DeviceId, PersonId, SessionId, SiteId};
use sync_core::model::person::Principal;
use sync_core::model::policy::SlaPolicy;
use sync_core::model::session::SessionRows;
use sync_core::model::time::WallMs;
use sync_core::protocol::message::Outcome;
use sync_core::rules::Review;
use sync_core::rules::duplicates::Likeness;

use super::account_day::Place;
use super::log::{Author, DISCARDED, LogRow, RecordState, RowState, Why};

/// The code of a push that a device's quota has no room for, and the kind of the case about it.
pub(crate) const QUOTA: &str = "quota";

/// Everything a decision depends on.
#[derive(Debug, Clone)]
pub struct Deciding<'a> {
    /// The record as stored.
    pub state: &'a RecordState,
    /// Packs of this record that wait, in the order of arrival.
    pub held: &'a [HeldPack],
    /// What came now.
    pub incoming: Option<&'a Incoming>,
    /// What was told of the commands that came now, by number.
    pub known: &'a BTreeMap<u64, Outcome>,
    /// Commands of the pushing device with numbers that come now, kept as they came.
    pub kept: &'a [PackedChange],
    /// Numbers of this push that stand in more than one of its records.
    pub twice: &'a BTreeSet<u64>,
    /// The sessions of every fact involved.
    pub sessions: &'a SessionRows,
    /// Everyone who wrote something that is decided now.
    pub principals: &'a BTreeMap<PersonId, Principal>,
    /// People whose account is disabled: what of theirs is not decided waits for the office.
    pub disabled: &'a BTreeSet<PersonId>,
    /// Every site's policies.
    pub policies: &'a BTreeMap<SiteId, Vec<SlaPolicy>>,
    /// What devices had confirmed at their contacts.
    pub confirmed: &'a BTreeMap<DeviceId, Confirmed>,
    /// The keys of the devices of what is decided, revoked ones too.
    pub keys: &'a BTreeMap<DeviceId, VerifyingKey>,
    /// The site's sequence at which the record left everything that the pushing person reads;
    /// `None` while it is there, or never was.
    pub left: Option<u64>,
    /// Bytes that the pushing device may still have kept without acceptance.
    pub quota_bytes: u64,
    /// The actor of this server process.
    pub server: SessionId,
    /// Server time.
    pub now_ms: WallMs,
}

/// What is to be decided.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// A phone's pending commands of one record.
    Pack {
        /// Whose token carried it.
        person: PersonId,
        /// The device of the token.
        device: DeviceId,
        /// The commands.
        pack: RecordPack,
    },
    /// A command of an office person, already a change of this server process.
    Office {
        /// Whose it is.
        author: Author,
        /// The change on top of the accepted heads.
        change: GuardedChange,
    },
    /// What follows from a cause by a rule; the server's own keys.
    Derived {
        /// The facts.
        facts: Vec<StoredFact>,
    },
    /// The office's word on commands of one device that nobody accepted.
    Ruled {
        /// Whose commands.
        person: PersonId,
        /// The device.
        device: DeviceId,
        /// The first number.
        from: u64,
        /// The last number, inclusive.
        to: u64,
        /// What becomes of them.
        word: Word,
        /// Those of them that were kept as they came.
        kept: Vec<Kept>,
    },
}

/// The office's word on commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Accepted after all.
    Accept,
    /// Discarded for good: kept, and never accepted.
    Discard {
        /// Why, in the words of whoever says so; the worker reads it.
        reason: String,
    },
    /// Accepted after it was discarded; what was not discarded is nobody's to take back.
    TakeBack,
}

impl Word {
    /// As it is stored with what was kept as it came.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Accept | Self::TakeBack => "accepted",
            Self::Discard { .. } => DISCARDED,
        }
    }
}

/// A command that was kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its row of the quarantine.
    pub id: i64,
    /// Whose it is.
    pub author: Author,
    /// The command.
    pub change: PackedChange,
    /// Whether its number's receipt tells of another command.
    pub number_is_anothers: bool,
    /// What it counts.
    pub bytes: u64,
}

/// What was said of a command that was kept as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptDecided {
    /// Its row of the quarantine.
    pub id: i64,
    /// [`Word::code`].
    pub word: &'static str,
}

/// Commands that cannot be built yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPack {
    /// Its row; `None` before it is stored.
    pub id: Option<i64>,
    /// Whose it is.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// Why it waits.
    pub why: Why,
    /// Since when the oldest of its commands waits, by server time; `None` before it is stored.
    pub since_ms: Option<WallMs>,
    /// Whether the pack's check is the sender's.
    pub checked: bool,
    /// The commands.
    pub pack: RecordPack,
}

/// What is told of one command, and whether that is news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whose command.
    pub author: Author,
    /// What became of it.
    pub outcome: Outcome,
    /// Why.
    pub why: Option<Why>,
    /// Kinds of the cases that newly rest on its facts.
    pub cases: Vec<String>,
    /// Another store has used its number: told in the answer, and the number's receipt stays what
    /// the first one was told.
    pub cloned: bool,
}

/// A row that was stored before and is decided now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// The row.
    pub id: i64,
    /// What became of it.
    pub state: RowState,
    /// Why.
    pub why: Option<Why>,
}

/// What cannot become a row of the log, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Whose.
    pub author: Author,
    /// Why.
    pub why: Why,
    /// The command as a fact pack of its own.
    pub bytes: Vec<u8>,
}

/// What the office has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskCase {
    /// `refused`, `held`, `clone`, `backdated`, `quota`.
    pub kind: &'static str,
    /// Whose commands.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// The first number.
    pub from: u64,
    /// The last number, inclusive.
    pub to: u64,
    /// Why.
    pub why: Why,
}

/// What is to be written about one record.
#[derive(Debug, Default)]
pub struct RecordPlan {
    /// Where it belongs.
    pub site: Option<SiteId>,
    /// The site of an opening that nobody accepted, while the record has none: its cases are that
    /// office's, and no other sees what it says.
    pub named_site: Option<SiteId>,
    /// Its kind.
    pub kind: Option<String>,
    /// The site's sequence of what is accepted here, once it is taken.
    pub sequence: Option<u64>,
    /// Accepted heads afterwards.
    pub heads: Vec<ChangeHash>,
    /// New rows of the log in order; dependencies before dependants.
    pub rows: Vec<LogRow>,
    /// Rows that were held in the log and are decided now.
    pub row_changes: Vec<RowChange>,
    /// Held packs that are decided, or replaced by what is left of them.
    pub held_gone: Vec<i64>,
    /// Packs to hold.
    pub held_new: Vec<HeldPack>,
    /// How many commands or packs wait afterwards.
    pub held_count: u64,
    /// News for authors.
    pub verdicts: Vec<Verdict>,
    /// When commands that came now were written, by server time; none where that is not verified.
    pub written_ms: BTreeMap<Author, WallMs>,
    /// Which day each command is of that is told of here.
    pub days: BTreeMap<Author, Place>,
    /// Commands that were stored before this: their receipts stand.
    pub already_had: BTreeSet<u64>,
    /// Of those the ones that were entered under another hash than they came with now: for whoever
    /// sent them they are rewritten.
    pub duplicates: BTreeSet<u64>,
    /// Changes that came now, as the guard built them: the phone has them.
    pub came: BTreeSet<ChangeHash>,
    /// Whether the accepted record holds work of the device that pushed.
    pub has_accepted_work: bool,
    /// What goes to quarantine as it came.
    pub quarantined: Vec<Quarantined>,
    /// Of what was kept as it came: what the office has decided.
    pub kept_decided: Vec<KeptDecided>,
    /// Commands that the office's word cannot make acceptable, and why: then the plan is not to be
    /// carried out.
    pub not_acceptable: Vec<(Author, Why)>,
    /// Bytes that count against devices' quotas no more.
    pub freed: BTreeMap<DeviceId, u64>,
    /// New cases for the office.
    pub desk_cases: Vec<DeskCase>,
    /// The device's numbers were used by another store too.
    pub cloned: bool,
    /// The record was opened here: what it can be taken for another by, and within so long.
    pub opened_like: Option<(Likeness, i64)>,
    /// The review afterwards, when something was accepted.
    pub review: Option<Box<Review>>,
    /// Whom the record concerns afterwards, when something was accepted.
    pub audiences: BTreeSet<Audience>,
}

impl RecordPlan {
    /// Whether the accepted record grows.
    pub fn accepts_anything(&self) -> bool {
        self.rows.iter().any(|row| row.state == RowState::Accepted)
            || self.row_changes.iter().any(|row| row.state == RowState::Accepted)
    }

    /// Whether the record's own row changes: every plan but one that stores nothing.
    pub fn touches_record(&self) -> bool {
        !(self.rows.is_empty()
            && self.row_changes.is_empty()
            && self.held_gone.is_empty()
            && self.held_new.is_empty())
    }

    /// Gives everything that is accepted here the site's `sequence`.
    pub fn take_sequence(&mut self, sequence: u64) {
        self.sequence = Some(sequence);
        for row in self.rows.iter_mut().filter(|row| row.state == RowState::Accepted) {
            row.sequence = Some(sequence);
        }
    }

    /// Devices of which something is kept without acceptance.
    pub fn devices_set_aside(&self) -> BTreeSet<DeviceId> {
        let rows = self.rows.iter().filter_map(|row| row.author).map(|author| author.device);
        let held = self.held_new.iter().map(|held| held.device);
        let quarantined = self.quarantined.iter().map(|quarantined| quarantined.author.device);
        rows.chain(held).chain(quarantined).collect()
    }

    /// Whether there is nothing to write.
    pub fn is_void(&self) -> bool {
        !self.touches_record()
            && self.quarantined.is_empty()
            && self.kept_decided.is_empty()
            && self.desk_cases.is_empty()
            && !self.verdicts.iter().any(|v| v.outcome != Outcome::NotStored)
    }

    /// Bytes it keeps of what nobody accepted, for the quota of `device`.
    pub fn quarantine_bytes(&self, device: DeviceId) -> u64 {
        let own = |row: &&LogRow| row.author.is_some_and(|author| author.device == device);
        let rows: u64 = self.rows.iter().filter(own).map(row_bytes).sum();
        let held = self.held_new.iter().filter(|held| held.device == device);
        let held: u64 = held.map(held_bytes).sum();
        let quarantined = self.quarantined.iter().filter(|q| q.author.device == device);
        let quarantined: u64 = quarantined.map(quota::kept_bytes).sum();
        rows + held + quarantined
    }

    /// Whose office its cases are.
    pub fn case_site(&self) -> Option<SiteId> {
        self.site.or(self.named_site)
    }

    /// Bytes of the quota of `device` that it gives back.
    pub fn freed_bytes(&self, device: DeviceId) -> u64 {
        self.freed.get(&device).copied().unwrap_or(0)
    }
}

/// Decides about one record.
pub fn decide(deciding: &Deciding<'_>) -> RecordPlan {
    if deciding.state.purged.is_some() {
        return purged::refused(deciding);
    }
    let mut work = judge::Work::new(deciding);
    match deciding.incoming {
        Some(Incoming::Pack { person, device, pack }) => {
            pack::pushed(&mut work, *person, *device, pack);
        }
        Some(Incoming::Office { author, change }) => work.command(*author, change.clone(), None),
        Some(Incoming::Derived { facts }) => work.derived(facts),
        Some(Incoming::Ruled { person, device, from, to, word, kept }) => {
            work.overrule((*person, *device), *from..=*to, word, kept);
        }
        None => {}
    }
    retry(&mut work, deciding.held);
    let mut plan = work.finish();
    plan.freed = quota::freed(deciding, &plan);
    match deciding.incoming {
        Some(Incoming::Pack { person, device, pack })
            if plan.quarantine_bytes(*device)
                > deciding.quota_bytes.saturating_add(plan.freed_bytes(*device)) =>
        {
            let bytes = plan.quarantine_bytes(*device);
            let why = Refusal::Quota.why().with("bytes", bytes);
            pack::not_stored(deciding, *person, *device, pack, &why)
        }
        _ => plan,
    }
}

/// Whatever waits in the record is tried again, until nothing moves.
fn retry(work: &mut judge::Work<'_>, held: &[HeldPack]) {
    let gone = work.plan.held_gone.clone();
    let replaced = |held: &&HeldPack| held.id.is_some_and(|id| gone.contains(&id));
    let mut waiting: Vec<&HeldPack> = held.iter().filter(|held| !replaced(held)).collect();
    loop {
        let mut moved = work.retry_rows();
        waiting.retain(|held| {
            let decided = pack::held(work, held);
            moved |= decided;
            !decided
        });
        if !moved {
            work.plan.held_count += (waiting.len() + work.plan.held_new.len()) as u64;
            return;
        }
    }
}

/// [`decide`], and if that panics, everything that came is held as it came: nothing a phone has
/// called saved may hang on a defect of this code.
pub fn decide_or_hold(
    deciding: &Deciding<'_>,
    decide: fn(&Deciding<'_>) -> RecordPlan,
) -> RecordPlan {
    // Unwind safe: the closure only reads, and its plan goes with the panic.
    match catch_unwind(AssertUnwindSafe(|| decide(deciding))) {
        Ok(plan) => plan,
        Err(_) => {
            tracing::error!(record = %deciding.state.record, "deciding panicked; held undecided");
            pack::undecided(deciding)
        }
    }
}

/// The record a change belongs to needs it as the log's row.
fn row(change: &Change, author: Option<Author>, state: RowState, why: Option<Why>) -> LogRow {
    let keeps_facts = !matches!(state, RowState::Rewritten | RowState::Duplicate);
    LogRow {
        id: None,
        hash: change.hash,
        actor: change.actor,
        seq: change.seq,
        start_op: change.start_op,
        max_op: change.max_op(),
        deps: change.deps.clone(),
        author,
        state,
        why,
        sequence: None,
        facts: if keeps_facts { change.facts.clone() } else { Vec::new() },
    }
}
