//! The judgement of one command after another, and the plan that follows from all of them.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::document::{Change, GuardedChange, genesis_hash};
use sync_core::model::fact::{Fact, StoredFact};
use sync_core::model::id::{ChangeHash, FactKey, RecordId, SiteId};
use sync_core::model::payload::{Created, GeneralFact, Payload};
use sync_core::model::session::Origin;
use sync_core::model::work_order::WorkOrderFact;
use sync_core::protocol::message::Outcome;
use sync_core::rules::duplicates::{Likeness, likeness, within_ms};
use sync_core::rules::{self, DenialCode, Review, ReviewInput, Written, signature};

use super::contact::Dated;
use super::log::Log;
use super::pack::is_had;
use super::{Deciding, DeskCase, Incoming, RecordPlan, Refusal, RowChange, Verdict};
use crate::sync::log::{Author, LogRow, RowState, Why};

/// A record while it is decided.
pub(super) struct Work<'a> {
    pub(super) deciding: &'a Deciding<'a>,
    pub(super) log: Log,
    pub(super) plan: RecordPlan,
    /// What is being judged came with this push, not from what was held.
    pub(super) fresh: bool,
    /// Changes of the accepted record, the genesis among them.
    pub(super) accepted: BTreeSet<ChangeHash>,
    pub(super) heads: BTreeSet<ChangeHash>,
    /// Parsed facts of the accepted record, each key once.
    pub(super) facts: Vec<Fact>,
    pub(super) keys: BTreeSet<FactKey>,
    /// Keys of commands that nobody accepted.
    pub(super) refused: BTreeSet<FactKey>,
    pub(super) held: BTreeSet<FactKey>,
    /// Rows that wait in the log.
    pub(super) waiting: Vec<LogRow>,
    /// The review of what is accepted, as far as permissions need it.
    pub(super) review: Option<Review>,
    /// Facts were accepted since it was made.
    pub(super) stale: bool,
    /// Facts reviewed again so far.
    pub(super) reviewed_again: usize,
    pub(super) before: Option<Review>,
    /// Facts of accepted commands that do not enter as they are.
    pub(super) rewritten: Vec<StoredFact>,
    /// Facts were added that are no command's.
    pub(super) derived: bool,
    /// The record was opened now.
    pub(super) opened: bool,
    /// The facts of commands accepted now.
    pub(super) new_keys: BTreeMap<Author, Vec<FactKey>>,
}

/// What a command comes to.
pub(super) enum Ruling {
    Accept,
    Hold(Why),
    Refuse(Why),
}

impl<'a> Work<'a> {
    pub(super) fn new(deciding: &'a Deciding<'a>) -> Self {
        let state = deciding.state;
        let genesis = genesis_hash(state.record);
        let mut work = Self {
            deciding,
            log: Log::default(),
            plan: RecordPlan {
                site: state.site,
                kind: state.kind.clone(),
                ..RecordPlan::default()
            },
            fresh: false,
            accepted: BTreeSet::from([genesis]),
            heads: state.heads.iter().copied().collect(),
            facts: Vec::new(),
            keys: BTreeSet::new(),
            refused: BTreeSet::new(),
            held: BTreeSet::new(),
            waiting: Vec::new(),
            review: None,
            stale: false,
            reviewed_again: 0,
            before: None,
            rewritten: Vec::new(),
            derived: false,
            opened: false,
            new_keys: BTreeMap::new(),
        };
        if work.heads.is_empty() {
            work.heads.insert(genesis);
        }
        for row in &state.rows {
            work.log.insert(row);
            let keys = row.facts.iter().map(|fact| fact.key);
            match row.state {
                RowState::Accepted => {
                    work.accepted.insert(row.hash);
                    work.take_facts(&row.facts);
                }
                RowState::Refused => work.refused.extend(keys),
                RowState::Held => {
                    work.held.extend(keys);
                    work.waiting.push(row.clone());
                }
                RowState::Rewritten | RowState::Duplicate => {}
            }
        }
        work.review = work.reviewed(&work.facts);
        work.stale = false;
        work.before = work.review.clone();
        work
    }

    /// Adds facts to the accepted record; what stands there already is the same bytes.
    pub(super) fn take_facts(&mut self, facts: &[StoredFact]) {
        for fact in facts {
            if self.keys.insert(fact.key)
                && let Ok(fact) = fact.parse()
            {
                self.facts.push(fact);
                self.stale = true;
            }
        }
    }

    /// The review of `facts` of the record.
    pub(super) fn reviewed(&self, facts: &[Fact]) -> Option<Review> {
        let site = self.plan.site?;
        Some(rules::review(&ReviewInput {
            record: self.deciding.state.record,
            facts,
            sessions: self.deciding.sessions,
            policies: self.deciding.policies.get(&site).map_or(&[], Vec::as_slice),
            now_ms: self.deciding.now_ms,
        }))
    }

    /// Puts a new row into the plan and the log.
    pub(super) fn store(&mut self, row: LogRow) {
        self.log.insert(&row);
        self.plan.rows.push(row);
    }

    /// Judges a command whose change the guard let pass. `stored` is its row if it was held there.
    pub(super) fn command(&mut self, author: Author, guarded: GuardedChange, stored: Option<i64>) {
        let cloned = stored.is_none() && self.is_clone(&author, &guarded.change.facts);
        if stored.is_none() && self.note_time(author, &guarded.facts) {
            self.desk_case("backdated", author, &Why::new("backdated"));
        }
        let ruling = match self.forged(&guarded) {
            Some(why) => Ruling::Refuse(why),
            None => self.rule(author, &guarded.facts),
        };
        match ruling {
            Ruling::Accept => self.accept(author, &guarded, stored),
            Ruling::Hold(why) => {
                self.held.extend(guarded.change.facts.iter().map(|fact| fact.key));
                self.put_aside(author, &guarded.change, RowState::Held, why, stored);
            }
            Ruling::Refuse(why) => {
                self.refused.extend(guarded.change.facts.iter().map(|fact| fact.key));
                self.put_aside(author, &guarded.change, RowState::Refused, why, stored);
            }
        }
        if cloned {
            self.cloned(author);
        }
    }

    /// Another store has used the number: what was told of it now stays out of its receipt.
    pub(super) fn cloned(&mut self, author: Author) {
        self.plan.cloned = true;
        for verdict in self.plan.verdicts.iter_mut().filter(|v| v.author == author) {
            verdict.cloned = true;
        }
        self.desk_case("clone", author, &Why::new("number_used_twice"));
    }

    /// Rows that wait in the log, judged again; says whether one of them was decided.
    pub(super) fn retry_rows(&mut self) -> bool {
        let mut moved = false;
        for row in std::mem::take(&mut self.waiting) {
            let (Some(author), Some(id)) = (row.author, row.id) else { continue };
            let keys: Vec<_> = row.facts.iter().map(|fact| fact.key).collect();
            let facts = row.facts.iter().map(StoredFact::parse).collect::<Result<Vec<_>, _>>();
            let Ok(facts) = facts else { continue };
            for key in &keys {
                self.held.remove(key);
            }
            if let Ruling::Hold(_) = self.rule(author, &facts) {
                self.held.extend(keys);
                self.waiting.push(row);
                continue;
            }
            moved = true;
            let change = Change {
                actor: row.actor,
                seq: row.seq,
                start_op: row.start_op,
                deps: row.deps,
                facts: row.facts,
                hash: row.hash,
            };
            let guarded = GuardedChange { change, facts, in_log: true, had: Vec::new() };
            self.command(author, guarded, Some(id));
        }
        moved
    }

    /// Another store has used the number: its command stands here with other facts, or elsewhere.
    fn is_clone(&self, author: &Author, facts: &[StoredFact]) -> bool {
        let deciding = self.deciding;
        self.log.has_command(author)
            || (self.fresh
                && (deciding.twice.contains(&author.number)
                    || (deciding.known.contains_key(&author.number)
                        && !is_had(deciding, &self.log, author.number, facts))))
    }

    pub(super) fn rule(&mut self, author: Author, facts: &[Fact]) -> Ruling {
        let created = match opening(self.deciding.state.record, facts) {
            Ok(created) => created,
            Err(why) => return Ruling::Refuse(why),
        };
        let Some(site) = self.plan.site.or_else(|| created.map(|created| created.site)) else {
            // Nothing opened this record yet. What stands on a refused opening goes with it.
            return if self.refused.is_empty() {
                Ruling::Hold(Refusal::NotOpened.why())
            } else {
                Ruling::Refuse(Refusal::RestsOnRefused.why())
            };
        };
        for key in facts.iter().flat_map(rules::rests_on) {
            if self.refused.contains(&key) {
                return Ruling::Refuse(Refusal::RestsOnRefused.why().with("fact", key));
            }
            if self.held.contains(&key) {
                return Ruling::Hold(Refusal::RestsOnHeld.why().with("fact", key));
            }
        }
        let deciding = self.deciding;
        if deciding.disabled.contains(&author.person) {
            return Ruling::Refuse(Refusal::AccountDisabled.why());
        }
        let Some(principal) = deciding.principals.get(&author.person) else {
            return Ruling::Refuse(Refusal::UnknownPerson.why());
        };
        if self.wrote_after_it_left(author, site) {
            return Ruling::Refuse(Refusal::Denied(DenialCode::RecordLeft).why());
        }
        let written = self.date(author, site, facts).written;
        self.refresh();
        match rules::permit(facts, self.review.as_ref(), principal, written, deciding.now_ms) {
            Ok(()) => Ruling::Accept,
            // Disagreement with what others wrote meanwhile is no refusal.
            Err(_) if self.was_permitted(author, site, facts, (principal, written)) => {
                Ruling::Accept
            }
            Err(denial) => {
                Ruling::Refuse(Why { params: denial.params, ..Refusal::Denied(denial.code).why() })
            }
        }
    }

    /// Why what a command brings as a customer's signature is none: it is evidence, and refused
    /// where it is not its own device's over this very fact (R0.26).
    fn forged(&self, guarded: &GuardedChange) -> Option<Why> {
        let valid = |stored: &StoredFact, fact: &Fact| {
            let Payload::WorkOrder(WorkOrderFact::Signed(signed)) = &fact.payload else {
                return true;
            };
            let session = fact.key.session().and_then(|id| self.deciding.sessions.get(&id));
            let Some(session) = session.filter(|row| row.origin == Origin::Phone) else {
                // The office has no key; it enters for others what they have on paper.
                return true;
            };
            let key = self.deciding.keys.get(&session.device);
            let record = self.deciding.state.record;
            key.is_some_and(|key| signature::is_signed_by(record, stored, signed, key))
        };
        let mut facts = guarded.change.facts.iter().zip(&guarded.facts);
        let (stored, _) = facts.find(|(stored, fact)| !valid(stored, fact))?;
        Some(Refusal::SignatureNotValid.why().with("fact", stored.key))
    }

    /// Whether a command was written after its device had confirmed that the record left its
    /// person (R0.27).
    fn wrote_after_it_left(&self, author: Author, site: SiteId) -> bool {
        let Some(Incoming::Pack { device, .. }) = self.deciding.incoming else { return false };
        let confirmed = self.deciding.confirmed.get(device).filter(|_| author.device == *device);
        let seen = confirmed.and_then(|confirmed| confirmed.seen(author.number, site));
        self.deciding.left.zip(seen).is_some_and(|(left, seen)| left <= seen.sequence)
    }

    /// When a command was written.
    pub(super) fn date(&self, author: Author, site: SiteId, facts: &[Fact]) -> Dated {
        let written = Written::of(facts, self.deciding.sessions);
        match self.deciding.confirmed.get(&author.device) {
            Some(confirmed) => confirmed.date(author.number, site, written),
            None => Dated { written, backdated: false },
        }
    }

    /// Facts of the server's own, which no permission concerns.
    pub(super) fn derived(&mut self, facts: &[StoredFact]) {
        let new: Vec<StoredFact> =
            facts.iter().filter(|fact| !self.keys.contains(&fact.key)).cloned().collect();
        if new.is_empty() {
            return;
        }
        self.derived = true;
        self.take_facts(&new);
        let parsed: Vec<Fact> = new.iter().filter_map(|fact| fact.parse().ok()).collect();
        self.rewritten.extend(new);
        self.open_by(&parsed);
    }

    fn accept(&mut self, author: Author, guarded: &GuardedChange, stored: Option<i64>) {
        let change = &guarded.change;
        let enters = change.deps.iter().all(|dependency| self.accepted.contains(dependency));
        let (state, outcome) = if enters {
            (RowState::Accepted, Outcome::Entered)
        } else {
            (RowState::Rewritten, Outcome::Rewritten)
        };
        if enters {
            self.enter(change);
        } else {
            let new = change.facts.iter().filter(|fact| !self.keys.contains(&fact.key));
            self.rewritten.extend(new.cloned());
        }
        self.take_facts(&change.facts);
        self.new_keys.entry(author).or_default().extend(change.facts.iter().map(|f| f.key));
        self.keep(author, change, state, None, stored);
        self.tell(author, outcome, None);
        self.open_by(&guarded.facts);
    }

    /// Of most kinds only the opening changes what later commands are permitted by: the rest is
    /// judged by roles, and one review for all of them is enough.
    pub(super) fn open_by(&mut self, facts: &[Fact]) {
        if self.plan.site.is_none()
            && let Ok(Some(created)) = opening(self.deciding.state.record, facts)
        {
            self.opened = true;
            self.plan.site = Some(created.site);
            self.plan.kind = Some(created.kind.clone());
            self.review = self.reviewed(&self.facts);
            self.stale = false;
        }
    }

    /// A change joins the accepted record as it is.
    pub(super) fn enter(&mut self, change: &Change) {
        self.accepted.insert(change.hash);
        for dependency in &change.deps {
            self.heads.remove(dependency);
        }
        self.heads.insert(change.hash);
    }

    fn put_aside(
        &mut self,
        author: Author,
        change: &Change,
        state: RowState,
        why: Why,
        stored: Option<i64>,
    ) {
        let outcome = if state == RowState::Held { Outcome::Held } else { Outcome::Refused };
        if state == RowState::Refused {
            self.desk_case("refused", author, &why);
        }
        self.keep(author, change, state, Some(why.clone()), stored);
        self.tell(author, outcome, Some(why));
    }

    /// A new row, or what became of a stored one.
    fn keep(
        &mut self,
        author: Author,
        change: &Change,
        state: RowState,
        why: Option<Why>,
        stored: Option<i64>,
    ) {
        match stored {
            Some(id) => self.plan.row_changes.push(RowChange { id, state, why }),
            None => {
                let row = super::row(change, Some(author), state, why);
                if state == RowState::Held {
                    self.plan.held_count += 1;
                }
                self.store(row);
            }
        }
    }

    pub(super) fn tell(&mut self, author: Author, outcome: Outcome, why: Option<Why>) {
        let cases = Vec::new();
        self.plan.verdicts.push(Verdict { author, outcome, why, cases, cloned: false });
    }

    /// A case for the office; neighbouring commands with the same reason share one.
    pub(super) fn desk_case(&mut self, kind: &'static str, author: Author, why: &Why) {
        let Author { person, device, number } = author;
        let same = self.plan.desk_cases.iter_mut().find(|case| {
            (case.kind, case.person, case.device) == (kind, person, device)
                && case.why.code == why.code
                && case.to + 1 == number
        });
        match same {
            Some(case) => case.to = number,
            None => self.plan.desk_cases.push(DeskCase {
                kind,
                person,
                device,
                from: number,
                to: number,
                why: why.clone(),
            }),
        }
    }

    pub(super) fn finish(mut self) -> RecordPlan {
        self.write_server_changes();
        self.plan.held_count += self.waiting.len() as u64;
        let genesis = genesis_hash(self.deciding.state.record);
        self.heads.remove(&genesis);
        self.plan.heads = self.heads.iter().copied().collect();
        self.plan.has_accepted_work = self.has_accepted_work();
        if self.plan.site.is_none() && !self.plan.desk_cases.is_empty() {
            self.plan.named_site = self.named_site();
        }
        if (self.derived || !self.new_keys.is_empty())
            && let Some(after) = self.reviewed(&self.facts)
        {
            self.tell_cases(&after);
            self.plan.audiences = rules::audiences(&after);
            self.plan.opened_like = self.opened_like(&after);
            self.plan.review = Some(Box::new(after));
        }
        self.plan
    }

    /// What a record that was opened now can be taken for another by.
    fn opened_like(&self, after: &Review) -> Option<(Likeness, i64)> {
        let like = likeness(after).filter(|_| self.opened)?;
        let policies = self.deciding.policies.get(&like.site).map_or(&[][..], Vec::as_slice);
        let within_ms = within_ms(policies, like.opened_ms);
        Some((like, within_ms))
    }

    /// The site that an opening names which nobody accepted, as it is stored or came now. R5.20.
    fn named_site(&self) -> Option<SiteId> {
        let pushed = match self.deciding.incoming {
            Some(Incoming::Pack { pack, .. }) => pack.changes.as_slice(),
            _ => &[],
        };
        let stored = self.deciding.state.rows.iter().flat_map(|row| &row.facts);
        let facts = stored.chain(pushed.iter().flat_map(|change| &change.facts));
        facts.filter_map(|fact| fact.parse().ok()).find_map(|fact| match fact.payload {
            Payload::General(GeneralFact::Created(created)) => Some(created.site),
            _ => None,
        })
    }

    /// Whether the record holds accepted commands of the device whose push this is.
    fn has_accepted_work(&self) -> bool {
        let Some(Incoming::Pack { device, .. }) = self.deciding.incoming else { return false };
        let stored = self.deciding.state.rows.iter().chain(&self.plan.rows);
        stored
            .filter(|row| matches!(row.state, RowState::Accepted | RowState::Rewritten))
            .filter_map(|row| row.author)
            .chain(self.new_keys.keys().copied())
            .any(|author| author.device == *device)
    }

    /// Names with each command the cases that newly rest on its facts.
    fn tell_cases(&mut self, after: &Review) {
        let identity = |case: &rules::Case| (case.kind.clone(), case.rests_on.clone());
        let before: BTreeSet<_> =
            self.before.iter().flat_map(|review| &review.cases).map(identity).collect();
        for case in after.cases.iter().filter(|c| c.open && !before.contains(&identity(c))) {
            for verdict in &mut self.plan.verdicts {
                let keys = self.new_keys.get(&verdict.author);
                let rests = keys.is_some_and(|keys| case.rests_on.iter().any(|k| keys.contains(k)));
                if rests && verdict.outcome.is_accepted() {
                    verdict.cases.push(case.kind.clone());
                }
            }
        }
        for verdict in &mut self.plan.verdicts {
            verdict.cases.sort_unstable();
            verdict.cases.dedup();
        }
    }
}

/// Where a command opens a record, if it opens one.
pub(super) fn site_of(facts: &[Fact]) -> Option<SiteId> {
    facts.iter().find_map(|fact| match &fact.payload {
        Payload::General(GeneralFact::Created(created)) => Some(created.site),
        _ => None,
    })
}

/// The `created` of a command, if it has one: the record's id must follow from it.
pub(super) fn opening(record: RecordId, facts: &[Fact]) -> Result<Option<&Created>, Why> {
    let mut opening = None;
    for fact in facts {
        let Payload::General(GeneralFact::Created(created)) = &fact.payload else { continue };
        let own = match fact.key {
            FactKey::Written { session, n, .. } => format!("{session}.{n}"),
            // Its cause stands in it.
            FactKey::Derived { .. } => String::new(),
        };
        let from = created.from.as_deref().unwrap_or(&own);
        if RecordId::derive(&created.kind, created.site, from) != record {
            return Err(Refusal::RecordIdMismatch.why());
        }
        opening = opening.or(Some(created));
    }
    Ok(opening)
}
