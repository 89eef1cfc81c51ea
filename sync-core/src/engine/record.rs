//! One record on a phone: the accepted document, which only grows, and the pending commands on
//! top of it. Says what an answer changes and how a command's change is chained.
//!
//! The pending commands that are not accepted yet form one chain: the first depends on the
//! accepted heads, each other on the one before. When an answer moves the accepted heads, or takes
//! a command out of the middle, the rest of the chain is built anew under a new session; keys and
//! facts stay as they were written.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Change, ChangeHead, GENESIS_MAX_OP, RecordPack, Stop, genesis, heads_after};
use crate::model::audience::Audience;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, FactKey, RecordId, SessionId, SiteId};
use crate::model::time::{Seen, WallMs};
use crate::protocol::message::{Delivery, Outcome, RECORD_PURGED, Receipt};
use crate::{Error, Result};

/// A record as a phone holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordState {
    /// The record.
    pub record: RecordId,
    /// Its site.
    pub site: SiteId,
    /// False once it left the person's last audience: read-only, kept.
    pub present: bool,
    /// The person's audiences that contain it.
    pub audiences: BTreeSet<Audience>,
    /// Shown to a restored server: the server's HMAC over the accepted heads.
    pub attestation: Option<[u8; 16]>,
    /// What the server accepted or served, in an order in which dependencies come first.
    pub accepted: Vec<Change>,
    /// Commands not in `accepted`, by number.
    pub pending: Vec<Pending>,
    /// The first number of the device that the phone is now. Earlier commands are handed in as
    /// they were written, under the key they were signed with: nothing of them is built anew.
    pub first_own: u64,
}

/// A command on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its number.
    pub n: u64,
    /// When it was saved, by the phone's wall clock.
    pub saved_wall_ms: WallMs,
    /// Where it stands.
    pub state: PendingState,
    /// Why it is held or not stored.
    pub code: Option<String>,
    /// Parameters of the code's text.
    pub params: BTreeMap<String, String>,
    /// Its facts, and the change they stand in at present.
    pub change: Change,
}

/// Where a pending command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PendingState {
    /// Saved, without a receipt.
    Unsent,
    /// The server stored it and waits for something.
    Held,
    /// The server had no room: still the phone's.
    NotStored,
    /// Accepted; its facts have not arrived yet.
    Accepted,
}

/// What one answer says about one record.
#[derive(Debug, Default)]
pub struct Incoming<'a> {
    /// The receipt of each command of this record that has one.
    pub receipts: BTreeMap<u64, &'a Receipt>,
    /// Commands this very request carried, with the hash they went out under.
    pub in_flight: BTreeMap<u64, ChangeHash>,
    /// The delivery and its pack.
    pub delivery: Option<(&'a Delivery, Option<&'a RecordPack>)>,
    /// Audiences it left.
    pub left: BTreeSet<Audience>,
    /// The server has purged it.
    pub purged: bool,
    /// The person's own sessions on this device: whose work goes back to the pending commands
    /// when the server does not have it.
    pub own: BTreeSet<SessionId>,
}

/// What an answer changes in one record.
#[derive(Debug)]
pub struct Applied {
    /// The record afterwards.
    pub state: RecordState,
    /// Accepted changes that are new.
    pub inserted: Vec<Change>,
    /// Accepted changes that a whole delivery showed to be no part of the record.
    pub dropped: Vec<ChangeHash>,
    /// Numbers that are pending no more.
    pub settled: BTreeSet<u64>,
    /// Numbers that are pending and differ from before.
    pub moved: BTreeSet<u64>,
    /// Commands that were refused: for the list that shows the worker why.
    pub refused: Vec<(Pending, Receipt)>,
    /// Own commands that were accepted, to be kept until they are backed up.
    pub sent: Vec<(u64, Vec<StoredFact>, Seen)>,
    /// The new session was used as an actor, or the old one must not be used again.
    pub session_spent: bool,
    /// Something it depends on is missing, or the heads differ: ask for it whole.
    pub repair: bool,
    /// The server has purged it: nothing of it stays but own commands that are not decided yet.
    pub purged: bool,
}

impl RecordState {
    /// A record nobody has written to yet.
    pub fn empty(record: RecordId, site: SiteId) -> Self {
        Self {
            record,
            site,
            present: true,
            audiences: BTreeSet::new(),
            attestation: None,
            accepted: Vec::new(),
            pending: Vec::new(),
            first_own: 1,
        }
    }

    /// The heads of the accepted document; the genesis when there is nothing else.
    pub fn accepted_heads(&self) -> BTreeSet<ChangeHash> {
        let mut heads = BTreeSet::from([genesis(self.record).hash]);
        for change in &self.accepted {
            heads_after(&mut heads, change);
        }
        heads
    }

    /// Every fact the person sees: the accepted ones and those of pending commands, each once.
    pub fn facts(&self) -> Vec<StoredFact> {
        let mut facts: BTreeMap<FactKey, &StoredFact> = BTreeMap::new();
        let pending = self.pending.iter().flat_map(|pending| &pending.change.facts);
        for fact in self.accepted.iter().flat_map(|change| &change.facts).chain(pending) {
            facts.entry(fact.key).or_insert(fact);
        }
        facts.into_values().cloned().collect()
    }

    /// Builds command `n` of `session` on top of everything the person sees.
    ///
    /// # Errors
    /// If the change exceeds its limits.
    pub fn append(
        &self,
        session: SessionId,
        n: u64,
        saved_wall_ms: WallMs,
        facts: Vec<StoredFact>,
    ) -> Result<Pending> {
        let (deps, start_op) = match self.chain().last() {
            Some(last) => (vec![last.change.hash], last.change.max_op() + 1),
            None => self.tip_for(session),
        };
        let seq = 1 + self.last_seq(session);
        let change = Change::build(ChangeHead { actor: session, seq, start_op, deps }, facts)?;
        Ok(Pending {
            n,
            saved_wall_ms,
            state: PendingState::Unsent,
            code: None,
            params: BTreeMap::new(),
            change,
        })
    }

    /// The commands that stand on top of the accepted document, in order.
    pub fn chain(&self) -> impl DoubleEndedIterator<Item = &Pending> {
        self.pending.iter().filter(|pending| pending.is_in_chain(self.first_own))
    }

    /// Whether the chain does not hold together: a command of it is gone, or what a change is
    /// called is not what it is. `lost_before`: one before the first is gone, so that what that
    /// stands on may be it.
    pub fn is_torn(&self, lost_before: bool) -> bool {
        let mut known: BTreeSet<ChangeHash> =
            self.accepted.iter().map(|change| change.hash).collect();
        let may_judge = lost_before || !known.is_empty();
        known.insert(genesis(self.record).hash);
        let Some(first) = self.chain().next() else { return false };
        let stands = first.change.deps.iter().all(|hash| known.contains(hash));
        may_judge && !stands || is_loose(self.chain())
    }

    /// Builds a torn chain anew, as after an answer that takes a command out of it: the numbers of
    /// the commands whose changes are others now. `new_session` is used as in [`Self::apply`].
    ///
    /// # Errors
    /// If a rebuilt change exceeds its limits: it held them before, so this does not happen.
    pub fn mend(&mut self, new_session: SessionId) -> Result<BTreeSet<u64>> {
        self.rebuild(new_session)?;
        Ok(self.chain().map(|pending| pending.n).collect())
    }

    fn last_seq(&self, actor: SessionId) -> u64 {
        let pending = self.pending.iter().map(|pending| &pending.change);
        let changes = self.accepted.iter().chain(pending);
        changes.filter(|change| change.actor == actor).map(|change| change.seq).max().unwrap_or(0)
    }

    /// What the first command of a chain by `actor` depends on: the accepted heads, and the
    /// actor's own last change, which Automerge needs there although it is an ancestor of a head.
    fn tip_for(&self, actor: SessionId) -> (Vec<ChangeHash>, u64) {
        let mut deps = self.accepted_heads();
        let own = self.accepted.iter().filter(|change| change.actor == actor);
        deps.extend(own.max_by_key(|change| change.seq).map(|change| change.hash));
        let max_op = self.accepted.iter().filter(|change| deps.contains(&change.hash));
        let max_op = max_op.map(Change::max_op).max().unwrap_or(GENESIS_MAX_OP);
        (deps.into_iter().collect(), max_op + 1)
    }

    /// Applies what an answer says. `new_session` is used as the actor if the chain has to be
    /// built anew; it must never have been an actor of this record.
    ///
    /// # Errors
    /// If a rebuilt change exceeds its limits: it held them before, so this does not happen.
    pub fn apply(mut self, incoming: &Incoming<'_>, new_session: SessionId) -> Result<Applied> {
        let before: BTreeSet<ChangeHash> = self.accepted.iter().map(|change| change.hash).collect();
        let stood: BTreeMap<u64, Standing> =
            self.pending.iter().map(|pending| (pending.n, pending.standing())).collect();
        let mut verdicts = Verdicts::default();
        self.take_receipts(incoming, &mut verdicts);
        let mut repair = self.take_delivery(incoming, &mut verdicts);
        // A phone that nobody told learns it from what became of its work.
        let mut refused = verdicts.refused.iter();
        let purged = incoming.purged
            || refused.any(|(_, receipt)| receipt.code.as_deref() == Some(RECORD_PURGED));
        if purged {
            self.purge();
            repair = false;
        }
        for audience in &incoming.left {
            self.audiences.remove(audience);
        }
        if !incoming.left.is_empty() && self.audiences.is_empty() {
            self.present = false;
        }
        self.settle();
        let rebuilt = self.rebuild_if_moved(new_session)?;
        let after: BTreeSet<ChangeHash> = self.accepted.iter().map(|change| change.hash).collect();
        let remaining: BTreeSet<u64> = self.pending.iter().map(|pending| pending.n).collect();
        let moved = self.pending.iter().filter(|p| stood.get(&p.n) != Some(&p.standing()));
        let moved = moved.map(|pending| pending.n).collect();
        let inserted = self.accepted.iter().filter(|change| !before.contains(&change.hash));
        Ok(Applied {
            inserted: inserted.cloned().collect(),
            dropped: before.difference(&after).copied().collect(),
            settled: stood.into_keys().filter(|n| !remaining.contains(n)).collect(),
            moved,
            refused: verdicts.refused,
            sent: verdicts.sent,
            session_spent: rebuilt || verdicts.session_spent || purged,
            repair,
            purged,
            state: self,
        })
    }

    /// Forgets what the server has purged. Own commands without a last word stay: they are sent
    /// until the server has refused each, so that the account adds up on both sides.
    fn purge(&mut self) {
        self.accepted.clear();
        self.audiences.clear();
        self.attestation = None;
        self.present = false;
        self.pending.retain(|pending| pending.state != PendingState::Accepted);
    }

    fn take_receipts(&mut self, incoming: &Incoming<'_>, verdicts: &mut Verdicts) {
        let mut accepted: BTreeSet<ChangeHash> =
            self.accepted.iter().map(|change| change.hash).collect();
        accepted.insert(genesis(self.record).hash);
        let mut kept = Vec::with_capacity(self.pending.len());
        for mut pending in std::mem::take(&mut self.pending) {
            let Some(receipt) = incoming.receipts.get(&pending.n) else {
                kept.push(pending);
                continue;
            };
            if receipt.outcome.is_accepted() {
                // Unknown when: kept for ever rather than dropped too early.
                let unknown = Seen { epoch: u32::MAX, sequence: 0 };
                let seen = receipt.accepted_at.unwrap_or(unknown);
                verdicts.sent.push((pending.n, pending.change.facts.clone(), seen));
            }
            match receipt.outcome {
                Outcome::Entered if enters(&pending, incoming, &accepted) => {
                    accepted.insert(pending.change.hash);
                    self.accepted.push(pending.change);
                    continue;
                }
                Outcome::Entered | Outcome::Rewritten => {
                    // Its facts come in a change of the server's; until then they stay visible.
                    pending.state = PendingState::Accepted;
                    verdicts.session_spent = true;
                }
                Outcome::Held => pending.state = PendingState::Held,
                Outcome::NotStored => pending.state = PendingState::NotStored,
                Outcome::Refused => {
                    verdicts.session_spent = true;
                    verdicts.refused.push((pending, (*receipt).clone()));
                    continue;
                }
            }
            pending.code.clone_from(&receipt.code);
            pending.params = receipt.params.clone().unwrap_or_default();
            kept.push(pending);
        }
        self.pending = kept;
    }

    /// Adds what was delivered; true if something it depends on is missing.
    fn take_delivery(&mut self, incoming: &Incoming<'_>, verdicts: &mut Verdicts) -> bool {
        let Some((delivery, pack)) = incoming.delivery else {
            return false;
        };
        self.site = delivery.site;
        self.attestation = Some(delivery.attestation);
        self.audiences.extend(&delivery.audiences);
        self.present = !self.audiences.is_empty();
        let mut max_ops: BTreeMap<ChangeHash, u64> =
            self.accepted.iter().map(|change| (change.hash, change.max_op())).collect();
        max_ops.insert(genesis(self.record).hash, GENESIS_MAX_OP);
        let built = pack.map(|pack| pack.build(|hash| max_ops.get(hash).copied()));
        let (changes, complete) = match built {
            // A pack that is not what its sender built says nothing at all.
            Some(built) if matches!(built.stopped, Some(Stop::CheckMismatch)) => return true,
            Some(built) => (built.changes, built.stopped.is_none()),
            None => (Vec::new(), true),
        };
        let mut heads = self.accepted_heads();
        let fresh: Vec<&Change> =
            changes.iter().filter(|change| !max_ops.contains_key(&change.hash)).collect();
        fresh.iter().for_each(|change| heads_after(&mut heads, change));
        let agrees = complete && heads_digest(&heads) == delivery.heads_digest;
        if !agrees && complete && delivery.whole && stand_alone(self.record, delivery, &changes) {
            self.replace_accepted(changes, &incoming.own, verdicts);
            return false;
        }
        let fresh: Vec<Change> = fresh.into_iter().cloned().collect();
        self.accepted.extend(fresh);
        !agrees
    }

    /// Takes a whole record whose heads the server vouches for. Own work that the server does not
    /// have goes back to the pending commands, each command with its own number; what others
    /// wrote is theirs to bring again.
    fn replace_accepted(
        &mut self,
        changes: Vec<Change>,
        own: &BTreeSet<SessionId>,
        verdicts: &mut Verdicts,
    ) {
        let keys: BTreeSet<FactKey> =
            changes.iter().flat_map(|change| &change.facts).map(|fact| fact.key).collect();
        let mut lost: BTreeMap<u64, (Change, Vec<StoredFact>)> = BTreeMap::new();
        for change in std::mem::replace(&mut self.accepted, changes) {
            for fact in &change.facts {
                let is_own = fact.key.session().is_some_and(|session| own.contains(&session));
                if let Some(n) = fact.key.number().filter(|_| is_own && !keys.contains(&fact.key)) {
                    let entry = lost.entry(n).or_insert_with(|| (change.clone(), Vec::new()));
                    entry.1.push(fact.clone());
                }
            }
        }
        for (n, (change, facts)) in lost {
            if self.pending.iter().any(|pending| pending.n == n) {
                continue;
            }
            verdicts.session_spent = true;
            let position = self.pending.partition_point(|pending| pending.n < n);
            // A change that held other commands too is built anew with the chain.
            let whole = change.facts == facts && own.contains(&change.actor);
            let deps = if whole { change.deps } else { Vec::new() };
            let change = Change { deps, facts, ..change };
            let pending = Pending {
                n,
                saved_wall_ms: 0,
                state: PendingState::Unsent,
                code: None,
                params: BTreeMap::new(),
                change,
            };
            self.pending.insert(position, pending);
        }
    }

    /// Drops pending commands whose facts are all in the accepted document.
    fn settle(&mut self) {
        let keys: BTreeSet<FactKey> =
            self.accepted.iter().flat_map(|change| &change.facts).map(|fact| fact.key).collect();
        self.pending
            .retain(|pending| pending.change.facts.iter().any(|fact| !keys.contains(&fact.key)));
    }

    /// Builds the chain anew if it does not stand on the accepted heads any more.
    fn rebuild_if_moved(&mut self, actor: SessionId) -> Result<bool> {
        let first = self.chain().next().map(|pending| pending.change.actor);
        let mut expected = first.map(|actor| self.tip_for(actor).0).unwrap_or_default();
        let stands = self.chain().all(|pending| {
            let stands = pending.change.deps == expected;
            expected = vec![pending.change.hash];
            stands
        });
        if stands {
            return Ok(false);
        }
        self.rebuild(actor)?;
        Ok(true)
    }

    fn rebuild(&mut self, actor: SessionId) -> Result<()> {
        let ((mut deps, mut start_op), mut seq) = (self.tip_for(actor), 1);
        for pending in &mut self.pending {
            if !pending.is_in_chain(self.first_own) {
                continue;
            }
            let head = ChangeHead { actor, seq, start_op, deps };
            pending.change = Change::build(head, std::mem::take(&mut pending.change.facts))?;
            // The server does not know the new hash, and what follows depends on it.
            pending.state = PendingState::Unsent;
            deps = vec![pending.change.hash];
            start_op = pending.change.max_op() + 1;
            seq += 1;
        }
        Ok(())
    }
}

/// Whether a change of the chain does not follow the one before it, or is not called what it is.
pub fn is_loose<'a>(chain: impl IntoIterator<Item = &'a Pending>) -> bool {
    let mut last: Option<&Pending> = None;
    chain.into_iter().any(|pending| {
        let follows = last.is_none_or(|last| pending.change.deps == [last.change.hash]);
        last = Some(pending);
        !follows || !pending.is_what_it_says()
    })
}

/// What may change of a pending command.
type Standing = (PendingState, Option<String>, BTreeMap<String, String>, ChangeHash);

impl Pending {
    fn is_in_chain(&self, first_own: u64) -> bool {
        self.state != PendingState::Accepted && self.n >= first_own
    }

    fn is_what_it_says(&self) -> bool {
        let Change { actor, seq, start_op, deps, facts, hash } = self.change.clone();
        let built = Change::build(ChangeHead { actor, seq, start_op, deps }, facts);
        built.is_ok_and(|built| built.hash == hash)
    }

    fn standing(&self) -> Standing {
        (self.state, self.code.clone(), self.params.clone(), self.change.hash)
    }
}

/// Side results of the steps of [`RecordState::apply`].
#[derive(Default)]
struct Verdicts {
    refused: Vec<(Pending, Receipt)>,
    sent: Vec<(u64, Vec<StoredFact>, Seen)>,
    session_spent: bool,
}

/// An entered change joins the accepted document only under the hash that went out in this very
/// request, and only on dependencies the server accepted.
fn enters(pending: &Pending, incoming: &Incoming<'_>, accepted: &BTreeSet<ChangeHash>) -> bool {
    incoming.in_flight.get(&pending.n) == Some(&pending.change.hash)
        && pending.change.deps.iter().all(|hash| accepted.contains(hash))
}

/// Whether these changes alone have the heads the server vouches for.
fn stand_alone(record: RecordId, delivery: &Delivery, changes: &[Change]) -> bool {
    let mut heads = BTreeSet::from([genesis(record).hash]);
    for change in changes {
        heads_after(&mut heads, change);
    }
    heads_digest(&heads) == delivery.heads_digest
}

/// The first 8 bytes of SHA-256 over the sorted heads.
pub fn heads_digest(heads: &BTreeSet<ChangeHash>) -> [u8; 8] {
    use sha2::{Digest as _, Sha256};
    let mut digest = Sha256::new();
    for head in heads {
        digest.update(head.0);
    }
    digest.finalize()[..8].try_into().expect("a SHA-256 has 32 bytes")
}

impl From<crate::document::BuildError> for Error {
    fn from(error: crate::document::BuildError) -> Self {
        Self::Malformed { what: "change", detail: error.to_string() }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
