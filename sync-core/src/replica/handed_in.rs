//! What the server has said of handed-in work whose message waits for the last word: it is the
//! writer's to know at once, also when no row of it is on the phone any more.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, Plan};
use super::{Account, Replica};
use crate::Result;
use crate::document::pack::decode;
use crate::model::fact::StoredFact;
use crate::model::id::{PersonId, RecordId};
use crate::protocol::chain::HandOver;
use crate::protocol::message::{Outcome, Receipt};
use crate::rules::account::{Became, NumberRange};
use crate::store::{HandOverId, Identity, RefusedRow, StoreWrite};

/// What was told of the numbers of a message. What the server does not have is in none of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ToldOf(BTreeMap<u64, Became>);

impl ToldOf {
    /// Reads what [`Self::write`] wrote, of `numbers` only. What does not read was never told: the
    /// server says it again.
    pub(super) fn read(json: Option<&str>, numbers: &BTreeSet<u64>) -> Self {
        let ranges: Vec<(NumberRange, Became)> =
            json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let of = |n: &u64| {
            let range = ranges.iter().find(|(range, _)| (range.from..=range.to).contains(n));
            Some((*n, range?.1))
        };
        Self(numbers.iter().filter_map(of).collect())
    }

    /// JSON: ranges in order.
    pub(super) fn write(&self) -> Result<String> {
        let mut ranges: Vec<(NumberRange, Became)> = Vec::new();
        for (n, became) in &self.0 {
            match ranges.last_mut() {
                Some((range, last)) if *last == *became && range.to.checked_add(1) == Some(*n) => {
                    range.to = *n;
                }
                _ => ranges.push((NumberRange { from: *n, to: *n }, *became)),
            }
        }
        serde_json::to_string(&ranges).map_err(|error| crate::Error::Malformed {
            what: "what was told",
            detail: error.to_string(),
        })
    }

    pub(super) fn became(&self, n: u64) -> Option<Became> {
        self.0.get(&n).copied()
    }

    /// A word on a number takes the place of the one before.
    pub(super) fn take(&mut self, n: u64, outcome: Outcome) {
        let became = match outcome {
            Outcome::Entered | Outcome::Rewritten => Became::Accepted,
            Outcome::Held => Became::Held,
            Outcome::Refused => Became::Refused,
            Outcome::NotStored => {
                self.0.remove(&n);
                return;
            }
        };
        self.0.insert(n, became);
    }

    /// What the server has and says nothing of waits there.
    pub(super) fn take_stored(&mut self, n: u64) {
        self.0.entry(n).or_insert(Became::Held);
    }
}

/// The commands of a message by number, with their records and facts; none if it does not read.
pub(super) fn commands(hand_over: &HandOver) -> BTreeMap<u64, (RecordId, Vec<StoredFact>)> {
    let mut commands = BTreeMap::new();
    for pack in decode(&hand_over.packs).unwrap_or_default() {
        for change in pack.changes {
            if let Some(n) = change.facts.iter().find_map(|fact| fact.key.number()) {
                commands.insert(n, (pack.record, change.facts));
            }
        }
    }
    commands
}

impl Replica {
    /// What the server says of the person's own message. What it refused stands in the refused
    /// list with its facts, whether or not a row of it was still here. R0.33.
    pub(super) async fn take_told(
        &self,
        (id, hand_over): (HandOverId, &HandOver),
        stored: impl Fn(&u64) -> bool,
        answer: &Answer,
        plan: &mut Plan,
    ) -> Result<()> {
        let owner = id.person;
        let commands = commands(hand_over);
        let numbers: BTreeSet<u64> = commands.keys().copied().collect();
        let before = ToldOf::read(self.store.hand_over_told(id).await?.as_deref(), &numbers);
        let mut told = before.clone();
        let receipt = |n: &u64| answer.receipts.get(n).map(|i| &answer.response.receipts[*i]);
        for n in &numbers {
            match receipt(n) {
                Some(receipt) => told.take(*n, receipt.outcome),
                None if stored(n) => told.take_stored(*n),
                None => {}
            }
        }
        if told != before {
            plan.writes.push(StoreWrite::PutHandOverTold { id, told: told.write()? });
        }
        let refused = |n: &u64| receipt(n).filter(|receipt| receipt.outcome == Outcome::Refused);
        if numbers.iter().all(|n| refused(n).is_none()) {
            return Ok(());
        }
        // Those with a row go into the list by it, and a listed one has taken its later word.
        let pending = self.store.pending_summary(owner).await?;
        let listed = self.store.refused_apart(owner).await?.0;
        let mut here: BTreeSet<u64> = pending.iter().map(|row| row.n).collect();
        here.extend(listed.iter().filter(|row| !row.facts.is_empty()).map(|row| row.n));
        for (n, (record, facts)) in commands.into_iter().filter(|(n, _)| !here.contains(n)) {
            if let Some(receipt) = refused(&n) {
                let row = self.refused_of((n, record), facts, receipt);
                plan.writes.push(StoreWrite::PutRefused { owner, row });
                plan.refused += 1;
            }
        }
        Ok(())
    }

    fn refused_of(
        &self,
        (n, record): (u64, RecordId),
        facts: Vec<StoredFact>,
        receipt: &Receipt,
    ) -> RefusedRow {
        RefusedRow {
            n,
            record,
            facts,
            code: receipt.code.clone().unwrap_or_default(),
            params: receipt.params.clone().unwrap_or_default(),
            refused_wall_ms: self.clock.wall_ms(),
        }
    }

    /// These numbers stand in their records now, whatever was told of them in a message.
    pub(super) async fn tell_accepted(
        &self,
        owner: PersonId,
        accepted: &BTreeSet<u64>,
        plan: &mut Plan,
    ) -> Result<()> {
        if accepted.is_empty() {
            return Ok(());
        }
        for (id, numbers, before) in self.told_of(owner).await? {
            let mut told = before.clone();
            accepted.intersection(&numbers).for_each(|n| told.take(*n, Outcome::Entered));
            if told != before {
                plan.writes.push(StoreWrite::PutHandOverTold { id, told: told.write()? });
            }
        }
        Ok(())
    }

    /// The person's messages with their numbers and what was told of them.
    async fn told_of(&self, owner: PersonId) -> Result<Vec<(HandOverId, BTreeSet<u64>, ToldOf)>> {
        let mut all = Vec::new();
        for id in self.store.hand_overs().await?.into_iter().filter(|id| id.person == owner) {
            let Some(message) = self.message(id).await? else { continue };
            let numbers: BTreeSet<u64> = commands(&message).into_keys().collect();
            let told = self.store.hand_over_told(id).await?;
            let told = ToldOf::read(told.as_deref(), &numbers);
            all.push((id, numbers, told));
        }
        Ok(all)
    }

    /// The part of the account that comes from before the last sign-out: what the phone still has
    /// to do with. What was accepted is no part of it. `refused` and `waiting` are the numbers of
    /// the refused list and of rows that are not accepted: what became of those is counted there.
    /// R0.33.
    pub(super) async fn carried(
        &self,
        identity: &Identity,
        refused: &BTreeSet<u64>,
        waiting: &BTreeSet<u64>,
    ) -> Result<Account> {
        let before = identity.account_from;
        let mut carried = Account::default();
        if before == 0 {
            return Ok(carried);
        }
        let mut counted: BTreeSet<u64> = refused.range(..=before).copied().collect();
        counted.extend(waiting.range(..=before));
        carried.saved = counted.len() as u64;
        for (_, numbers, told) in self.told_of(identity.person).await? {
            for n in numbers.range(..=before).filter(|n| counted.insert(**n)) {
                let part = match told.became(*n) {
                    None => &mut carried.on_phone,
                    Some(Became::Held) => &mut carried.held,
                    Some(Became::Refused) => &mut carried.refused,
                    Some(Became::Accepted) => continue,
                };
                *part += 1;
                carried.saved += 1;
            }
        }
        Ok(carried)
    }
}
