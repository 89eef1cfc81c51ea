//! The days of a device's numbers as ranges, cut and joined when numbers come. Pure; the SQL stands
//! in `rows`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sync_core::model::id::SiteId;
use sync_core::rules::account::DatedBy;

/// Which day of which site a command is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The site; none where neither a record nor a role says one.
    pub site: Option<SiteId>,
    /// The day in the site's zone.
    pub day: NaiveDate,
    /// How that is known.
    pub dated: DatedBy,
    /// The case that names it, if it came late.
    pub desk_case: Option<i64>,
}

/// Numbers of one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The first number.
    pub from: u64,
    /// The last number, inclusive.
    pub to: u64,
    /// Their place.
    pub place: Place,
}

/// What a change of places writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewrite {
    /// `from` of the ranges that go.
    pub gone: Vec<u64>,
    /// The ranges that come, or end elsewhere than before.
    pub new: Vec<Placed>,
}

/// Puts `news` over `known`: the ranges that hold or touch these numbers, in order. Neighbours of
/// one place are one range.
pub fn rewrite(known: &[Placed], news: &BTreeMap<u64, Place>) -> Rewrite {
    let mut pieces: Vec<Placed> = Vec::new();
    for range in known {
        let mut from = Some(range.from);
        for number in news.range(range.from..=range.to).map(|(number, _)| *number) {
            if let Some(from) = from.filter(|from| *from < number) {
                pieces.push(Placed { from, to: number - 1, place: range.place });
            }
            from = number.checked_add(1);
        }
        if let Some(from) = from.filter(|from| *from <= range.to) {
            pieces.push(Placed { from, to: range.to, place: range.place });
        }
    }
    pieces.extend(news.iter().map(|(n, place)| Placed { from: *n, to: *n, place: *place }));
    pieces.sort_by_key(|piece| piece.from);
    let mut joined: Vec<Placed> = Vec::new();
    for piece in pieces {
        match joined.last_mut() {
            Some(last)
                if last.place == piece.place && last.to.checked_add(1) == Some(piece.from) =>
            {
                last.to = piece.to;
            }
            _ => joined.push(piece),
        }
    }
    let stays = |range: &&Placed| !joined.iter().any(|other| other.from == range.from);
    let gone = known.iter().filter(stays).map(|range| range.from).collect();
    joined.retain(|range| !known.contains(range));
    Rewrite { gone, new: joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(day: u32) -> Place {
        let day = NaiveDate::from_ymd_opt(2026, 11, day).expect("a date");
        Place { site: Some(SiteId(7)), day, dated: DatedBy::Written, desk_case: None }
    }

    fn placed(from: u64, to: u64, day: u32) -> Placed {
        Placed { from, to, place: place(day) }
    }

    fn news(list: &[(u64, u32)]) -> BTreeMap<u64, Place> {
        list.iter().map(|(number, day)| (*number, place(*day))).collect()
    }

    #[test]
    fn what_goes_on_with_a_day_makes_its_range_longer() {
        let written = rewrite(&[placed(1, 4, 25)], &news(&[(5, 25), (6, 25), (7, 26)]));
        assert!(written.gone.is_empty());
        assert_eq!(written.new, [placed(1, 6, 25), placed(7, 7, 26)]);
    }

    #[test]
    fn a_range_is_cut_where_a_number_is_of_another_day_and_joined_where_not() {
        let known = [placed(1, 9, 25), placed(10, 12, 26), placed(13, 13, 27)];
        let written = rewrite(&known, &news(&[(5, 24), (13, 26)]));
        assert_eq!(written.gone, [13]);
        assert_eq!(
            written.new,
            [placed(1, 4, 25), placed(5, 5, 24), placed(6, 9, 25), placed(10, 13, 26)]
        );
        assert_eq!(rewrite(&known, &news(&[(3, 25)])), Rewrite::default());
    }

    #[test]
    fn every_number_keeps_exactly_one_place() {
        // A small deterministic generator: what matters is the variety of cuts.
        let mut state = 11_u64;
        let mut draw = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut ranges: Vec<Placed> = Vec::new();
        let mut naive: BTreeMap<u64, Place> = BTreeMap::new();
        for _ in 0..500 {
            let count = draw(5) + 1;
            let list: Vec<_> = (0..count)
                .map(|_| (draw(40) + 1, 20 + u32::try_from(draw(3)).expect("small")))
                .collect();
            let news = news(&list);
            let (low, high) = (list.iter().map(|n| n.0).min(), list.iter().map(|n| n.0).max());
            let (low, high) = (low.expect("some") - 1, high.expect("some") + 1);
            let touched: Vec<Placed> =
                ranges.iter().filter(|r| r.to >= low && r.from <= high).copied().collect();
            let written = rewrite(&touched, &news);
            let replaced = |from: u64| written.new.iter().any(|new| new.from == from);
            ranges.retain(|r| !written.gone.contains(&r.from) && !replaced(r.from));
            ranges.extend(written.new.clone());
            ranges.sort_by_key(|range| range.from);
            naive.extend(news);
            let flat: BTreeMap<u64, Place> =
                ranges.iter().flat_map(|r| (r.from..=r.to).map(|n| (n, r.place))).collect();
            assert_eq!(flat, naive);
            let numbers: u64 = ranges.iter().map(|range| range.to - range.from + 1).sum();
            assert_eq!(numbers, naive.len() as u64, "no number in two ranges");
            let joined =
                ranges.windows(2).all(|w| w[0].to + 1 != w[1].from || w[0].place != w[1].place);
            assert!(joined, "{ranges:?}");
        }
    }
}
