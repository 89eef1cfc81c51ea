//! The office's word on commands that nobody accepted: accepted after all, or discarded for good.
//! They stand in the log, wait in a pack that cannot be built, or were kept as they came; what was
//! kept is judged by what its facts say, and rewritten under its own keys.

use std::ops::RangeInclusive;

use sync_core::document::pack::encode;
use sync_core::document::{
    Change, ChangeHead, GENESIS_MAX_OP, PackedChange, RECORD_FACTS_MAX, RecordLog as _, RecordPack,
    genesis_hash,
};
use sync_core::model::fact::{Fact, StoredFact};
use sync_core::model::id::{DeviceId, FactKey, PersonId};
use sync_core::protocol::message::Outcome;
use sync_core::rules::{DenialCode, is_of_a_rule};

use super::judge::{Ruling, Work, opening};
use super::pack::number;
use super::{HeldPack, Kept, KeptDecided, Quarantined, Refusal, RowChange, Word};
use crate::sync::log::{Author, DISCARDED, LogRow, RowState, Why};

impl Work<'_> {
    /// The office's word on what waits of one device's commands; with what is accepted goes what
    /// was refused only because it rests on it. One that cannot be accepted is named in the plan:
    /// then none is.
    pub(super) fn overrule(
        &mut self,
        (person, device): (PersonId, DeviceId),
        numbers: RangeInclusive<u64>,
        word: &Word,
        kept: &[Kept],
    ) {
        let named = |author: &Author| {
            (author.person, author.device) == (person, device) && numbers.contains(&author.number)
        };
        let state = self.deciding.state;
        let waits = state.rows.iter().filter(|row| {
            matches!(row.state, RowState::Refused | RowState::Held)
                && row.author.is_some_and(|author| named(&author))
                && (*word != Word::TakeBack
                    || row.why.as_ref().is_some_and(|why| why.code == DISCARDED))
        });
        for row in waits {
            match word {
                Word::Accept | Word::TakeBack => self.accept_row(row),
                Word::Discard { reason } => self.discard_row(row, reason),
            }
        }
        // A pack that waits was not discarded: its commands were kept as they came.
        let packs = if *word == Word::TakeBack { &[] } else { self.deciding.held };
        for held in packs {
            let author = |number| Author { person: held.person, device: held.device, number };
            let numbers = held.pack.changes.iter().filter_map(number);
            if numbers.map(author).any(|author| named(&author)) {
                self.rule_on_pack(held, word);
            }
        }
        for kept in kept {
            self.rule_on_kept(kept, word);
        }
        if matches!(word, Word::Accept | Word::TakeBack) {
            self.accept_followers();
        }
    }

    /// Accepts what was refused for what it rests on, if that is accepted now.
    fn accept_followers(&mut self) {
        let state = self.deciding.state;
        let changed = self.plan.row_changes.iter().map(|change| change.id).collect::<Vec<_>>();
        let rests = |row: &&LogRow| row.why.as_ref().is_some_and(|w| w.code == "rests_on_refused");
        let refused = state.rows.iter().filter(|row| row.state == RowState::Refused).filter(rests);
        let mut resting: Vec<&LogRow> =
            refused.filter(|row| row.id.is_some_and(|id| !changed.contains(&id))).collect();
        loop {
            let before = resting.len();
            resting.retain(|row| !self.follows(row));
            if resting.len() == before {
                return;
            }
        }
    }

    fn follows(&mut self, row: &LogRow) -> bool {
        let facts = row.facts.iter().map(StoredFact::parse).collect::<Result<Vec<_>, _>>();
        let (Ok(facts), Some(author)) = (facts, row.author) else { return false };
        let accepted = matches!(self.rule(author, &facts), Ruling::Accept);
        if accepted {
            self.accept_row(row);
        }
        accepted
    }

    fn accept_row(&mut self, row: &LogRow) {
        let (Some(author), Some(id)) = (row.author, row.id) else { return };
        if self.stand(author, &row.facts) {
            self.waiting.retain(|waiting| waiting.id != Some(id));
            self.plan.row_changes.push(RowChange { id, state: RowState::Rewritten, why: None });
        }
    }

    fn discard_row(&mut self, row: &LogRow, reason: &str) {
        let (Some(author), Some(id)) = (row.author, row.id) else { return };
        self.waiting.retain(|waiting| waiting.id != Some(id));
        for fact in &row.facts {
            self.held.remove(&fact.key);
            self.refused.insert(fact.key);
        }
        let why = Some(discarded(reason));
        self.plan.row_changes.push(RowChange { id, state: RowState::Refused, why: why.clone() });
        self.tell(author, Outcome::Refused, why);
    }

    /// A pack that waits is decided as a whole: what it goes on with stands on its beginning.
    fn rule_on_pack(&mut self, held: &HeldPack, word: &Word) {
        let Some(id) = held.id else { return };
        for change in &held.pack.changes {
            let Some(number) = number(change) else { continue };
            let author = Author { person: held.person, device: held.device, number };
            match word {
                Word::Accept | Word::TakeBack => {
                    self.stand(author, &change.facts);
                }
                Word::Discard { reason } => {
                    let why = discarded(reason);
                    self.refused.extend(change.facts.iter().map(|fact| fact.key));
                    self.plan.quarantined.push(Quarantined {
                        author,
                        why: why.clone(),
                        bytes: as_it_came(&held.pack, change),
                    });
                    self.tell(author, Outcome::Refused, Some(why));
                }
            }
        }
        self.plan.held_gone.push(id);
    }

    fn rule_on_kept(&mut self, kept: &Kept, word: &Word) {
        match word {
            Word::Accept | Word::TakeBack => {
                self.stand(kept.author, &kept.change.facts);
            }
            // The receipt of a number that was used twice is the first one's.
            Word::Discard { .. } if kept.number_is_anothers => {}
            Word::Discard { reason } => {
                self.tell(kept.author, Outcome::Refused, Some(discarded(reason)));
            }
        }
        self.plan.kept_decided.push(KeptDecided { id: kept.id, word: word.code() });
    }

    /// Puts a command's facts into the accepted record, if its shape lets them stand there.
    fn stand(&mut self, author: Author, stored: &[StoredFact]) -> bool {
        let facts = match self.can_stand(author, stored) {
            Ok(facts) => facts,
            Err(why) => {
                self.plan.not_acceptable.push((author, why));
                return false;
            }
        };
        for fact in &facts {
            self.refused.remove(&fact.key);
            self.held.remove(&fact.key);
        }
        let new = stored.iter().filter(|fact| !self.keys.contains(&fact.key));
        self.rewritten.extend(new.cloned());
        self.take_facts(stored);
        self.new_keys.entry(author).or_default().extend(facts.iter().map(|fact| fact.key));
        self.tell(author, Outcome::Rewritten, None);
        self.open_by(&facts);
        true
    }

    /// No word of the office makes anybody the writer of another's facts or of a rule's, changes a
    /// fact that stands, or opens a record under an id that is not its own. R5.21.
    fn can_stand(&self, author: Author, stored: &[StoredFact]) -> Result<Vec<Fact>, Why> {
        let record = self.deciding.state.record;
        let genesis = genesis_hash(record);
        let start_op = 1 + GENESIS_MAX_OP;
        let head =
            ChangeHead { actor: self.deciding.server, seq: 1, start_op, deps: vec![genesis] };
        Change::build(head, stored.to_vec()).map_err(|error| Refusal::of_builder(&error).why())?;
        let new = stored.iter().filter(|fact| self.log.fact_json(&fact.key).is_none()).count();
        if new > 0 && self.log.fact_count() + self.rewritten.len() + new > RECORD_FACTS_MAX {
            return Err(Refusal::Denied(DenialCode::RecordFull).why());
        }
        let mut facts = Vec::with_capacity(stored.len());
        for fact in stored {
            let FactKey::Written { session, n, .. } = fact.key else {
                return Err(Refusal::DerivedKey.why());
            };
            let row = self.deciding.sessions.get(&session).ok_or(Refusal::UnknownSession.why())?;
            if (row.person, row.device) != (author.person, author.device) {
                return Err(Refusal::ForeignSession.why());
            }
            if n != author.number {
                return Err(Refusal::TwoCommands.why());
            }
            let now = self.rewritten.iter().find(|other| other.key == fact.key);
            let there = now.map(|fact| fact.json.as_str()).or(self.log.fact_json(&fact.key));
            if there.is_some_and(|json| json != fact.json) {
                return Err(Refusal::EditedOldFact.why());
            }
            let fact = fact.parse().map_err(|_| Refusal::NotAFact.why())?;
            if is_of_a_rule(&fact.payload.fact_type()) {
                return Err(Why::new("of_a_rule"));
            }
            facts.push(fact);
        }
        let created = opening(record, &facts)?;
        let site = self.plan.site.or_else(|| created.map(|created| created.site));
        if site.is_none() {
            return Err(Refusal::NotOpened.why());
        }
        Ok(facts)
    }
}

/// What a worker is told of a command that the office has discarded.
fn discarded(reason: &str) -> Why {
    Refusal::Discarded.why().with("reason", reason)
}

fn as_it_came(pack: &RecordPack, change: &PackedChange) -> Vec<u8> {
    encode(&[RecordPack { record: pack.record, changes: vec![change.clone()], check: [0; 8] }])
}
