//! Receipts as ranges: what was told of a device's commands, cut and joined when something of it
//! changes. Pure; the SQL stands in `store`.

use std::collections::BTreeMap;

use sync_core::model::time::Seen;
use sync_core::protocol::message::{Outcome, Receipt};

use super::log::Why;

/// What is told of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What became of it.
    pub outcome: Outcome,
    /// Why, for held, refused and not stored.
    pub why: Option<Why>,
    /// Kinds of the cases it gave rise to, sorted.
    pub cases: Vec<String>,
    /// Under which sequence it was accepted, or a later one of the same transaction.
    pub accepted_at: Option<Seen>,
}

/// A range of commands of which the same is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first number.
    pub from: u64,
    /// The last number, inclusive.
    pub to: u64,
    /// What is told of each.
    pub told: Told,
    /// Its place in the device's receipts.
    pub receipt_sequence: u64,
}

impl Range {
    /// As it is sent.
    pub fn receipt(&self, already_had: bool) -> Receipt {
        let told = self.told.clone();
        let (code, params) = told.why.map_or((None, None), |why| {
            (Some(why.code), (!why.params.is_empty()).then_some(why.params))
        });
        Receipt {
            from: self.from,
            to: self.to,
            outcome: told.outcome,
            code,
            params,
            cases: (!told.cases.is_empty()).then_some(told.cases),
            already_had,
            accepted_at: told.accepted_at,
        }
    }
}

/// What a change of receipts writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewrite {
    /// `from` of the ranges that go.
    pub gone: Vec<u64>,
    /// The ranges that come; each with a receipt sequence of its own.
    pub new: Vec<Range>,
}

/// Puts `news` over `known`, the ranges that touch their numbers. A range in which something
/// changes is cut, and its pieces count as news too: being told twice does no harm.
pub fn rewrite(known: &[Range], news: &BTreeMap<u64, Told>, last_sequence: u64) -> Rewrite {
    let mut rewrite = Rewrite::default();
    let mut pieces: Vec<(u64, u64, Told)> = Vec::new();
    let mut fresh = news.clone();
    for range in known {
        fresh.retain(|number, told| {
            !((range.from..=range.to).contains(number) && *told == range.told)
        });
    }
    for range in known {
        let within: Vec<u64> = fresh.range(range.from..=range.to).map(|(n, _)| *n).collect();
        if within.is_empty() {
            continue;
        }
        rewrite.gone.push(range.from);
        let mut start = range.from;
        for number in within {
            if start < number {
                pieces.push((start, number - 1, range.told.clone()));
            }
            start = number + 1;
        }
        if start <= range.to {
            pieces.push((start, range.to, range.told.clone()));
        }
    }
    pieces.extend(fresh.into_iter().map(|(number, told)| (number, number, told)));
    pieces.sort_by_key(|(from, _, _)| *from);
    for (from, to, told) in pieces {
        match rewrite.new.last_mut() {
            Some(last) if last.to + 1 == from && last.told == told => last.to = to,
            _ => rewrite.new.push(Range {
                from,
                to,
                told,
                receipt_sequence: last_sequence + 1 + rewrite.new.len() as u64,
            }),
        }
    }
    rewrite
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(outcome: Outcome) -> Told {
        Told { outcome, why: None, cases: Vec::new(), accepted_at: None }
    }

    fn range(from: u64, to: u64, outcome: Outcome, receipt_sequence: u64) -> Range {
        Range { from, to, told: told(outcome), receipt_sequence }
    }

    fn news(list: &[(u64, Outcome)]) -> BTreeMap<u64, Told> {
        list.iter().map(|(number, outcome)| (*number, told(*outcome))).collect()
    }

    #[test]
    fn neighbours_of_which_the_same_is_told_make_one_range() {
        let list: Vec<_> = (201..=219)
            .map(|n| (n, Outcome::Entered))
            .chain([(220, Outcome::Refused), (221, Outcome::Rewritten), (223, Outcome::Rewritten)])
            .collect();
        let written = rewrite(&[], &news(&list), 4);
        assert!(written.gone.is_empty());
        assert_eq!(
            written.new,
            [
                range(201, 219, Outcome::Entered, 5),
                range(220, 220, Outcome::Refused, 6),
                range(221, 221, Outcome::Rewritten, 7),
                range(223, 223, Outcome::Rewritten, 8),
            ]
        );
    }

    #[test]
    fn a_range_is_split_when_one_in_it_changes() {
        let known = [range(1, 9, Outcome::Held, 1), range(10, 12, Outcome::Entered, 2)];
        let written = rewrite(&known, &news(&[(5, Outcome::Entered), (11, Outcome::Entered)]), 2);
        assert_eq!(written.gone, [1]);
        assert_eq!(
            written.new,
            [
                range(1, 4, Outcome::Held, 3),
                range(5, 5, Outcome::Entered, 4),
                range(6, 9, Outcome::Held, 5),
            ]
        );
    }

    #[test]
    fn what_was_told_already_is_no_news() {
        let known = [range(1, 9, Outcome::Held, 1)];
        assert_eq!(rewrite(&known, &news(&[(3, Outcome::Held)]), 1), Rewrite::default());
    }

    #[test]
    fn every_number_keeps_exactly_one_range() {
        // A small deterministic generator: what matters is the variety of cuts.
        let mut state = 7_u64;
        let mut draw = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let outcomes = [Outcome::Entered, Outcome::Held, Outcome::Refused];
        let mut ranges: Vec<Range> = Vec::new();
        let mut naive: BTreeMap<u64, Told> = BTreeMap::new();
        let mut sequence = 0;
        for _ in 0..500 {
            let count = draw(5) + 1;
            let list: Vec<_> = (0..count)
                .map(|_| (draw(40) + 1, outcomes[usize::try_from(draw(3)).expect("small")]))
                .collect();
            let news = news(&list);
            let touched: Vec<_> = ranges
                .iter()
                .filter(|range| news.range(range.from..=range.to).next().is_some())
                .cloned()
                .collect();
            let written = rewrite(&touched, &news, sequence);
            ranges.retain(|range| !written.gone.contains(&range.from));
            sequence += written.new.len() as u64;
            ranges.extend(written.new);
            naive.extend(news);
            let flat: BTreeMap<u64, Told> = ranges
                .iter()
                .flat_map(|range| (range.from..=range.to).map(|n| (n, range.told.clone())))
                .collect();
            assert_eq!(flat, naive);
            let numbers: u64 = ranges.iter().map(|range| range.to - range.from + 1).sum();
            assert_eq!(numbers, naive.len() as u64, "no number in two ranges");
        }
    }
}
