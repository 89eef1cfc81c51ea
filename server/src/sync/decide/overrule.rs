//! The office's word on refused commands: accepted after all, or discarded for good.

use std::ops::RangeInclusive;

use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::protocol::message::Outcome;

use super::RowChange;
use super::judge::{Ruling, Work};
use crate::sync::log::{LogRow, RowState, Why};

impl Work<'_> {
    /// The office accepts refused commands after all, with what was refused only because it rests
    /// on them; or discards them for good.
    pub(super) fn overrule(
        &mut self,
        (person, device): (PersonId, DeviceId),
        numbers: RangeInclusive<u64>,
        accept: bool,
    ) {
        let state = self.deciding.state;
        let refused: Vec<&LogRow> =
            state.rows.iter().filter(|row| row.state == RowState::Refused).collect();
        let (named, others): (Vec<&LogRow>, Vec<&LogRow>) = refused.into_iter().partition(|row| {
            row.author.is_some_and(|author| {
                (author.person, author.device) == (person, device)
                    && numbers.contains(&author.number)
            })
        });
        if !accept {
            for row in named {
                self.discard(row);
            }
            return;
        }
        for row in named {
            self.accept_after_all(row);
        }
        let mut resting: Vec<&LogRow> = others
            .into_iter()
            .filter(|row| row.why.as_ref().is_some_and(|why| why.code == "rests_on_refused"))
            .collect();
        loop {
            let before = resting.len();
            resting.retain(|row| !self.follows(row));
            if resting.len() == before {
                return;
            }
        }
    }

    /// Accepts a command that was refused for what it rests on, if that is accepted now.
    fn follows(&mut self, row: &LogRow) -> bool {
        let facts = row.facts.iter().map(StoredFact::parse).collect::<Result<Vec<_>, _>>();
        let (Ok(facts), Some(author)) = (facts, row.author) else { return false };
        let accepted = matches!(self.rule(author, &facts), Ruling::Accept);
        if accepted {
            self.accept_after_all(row);
        }
        accepted
    }

    fn accept_after_all(&mut self, row: &LogRow) {
        let facts = row.facts.iter().map(StoredFact::parse).collect::<Result<Vec<_>, _>>();
        let (Ok(facts), Some(author), Some(id)) = (facts, row.author, row.id) else { return };
        for fact in &facts {
            self.refused.remove(&fact.key);
        }
        let new = row.facts.iter().filter(|fact| !self.keys.contains(&fact.key));
        self.rewritten.extend(new.cloned());
        self.take_facts(&row.facts);
        self.new_keys.entry(author).or_default().extend(facts.iter().map(|fact| fact.key));
        self.plan.row_changes.push(RowChange { id, state: RowState::Rewritten, why: None });
        self.tell(author, Outcome::Rewritten, None);
        self.open_by(&facts);
    }

    fn discard(&mut self, row: &LogRow) {
        let (Some(author), Some(id)) = (row.author, row.id) else { return };
        let why = Some(Why::new("discarded"));
        self.plan.row_changes.push(RowChange { id, state: RowState::Refused, why: why.clone() });
        self.tell(author, Outcome::Refused, why);
    }
}
