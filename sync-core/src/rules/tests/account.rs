//! The account adds up whatever has come, and every command is of one day.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::model::policy::SlaPolicy;
use crate::rules::SiteTime;
use crate::rules::account::{
    Became, DatedBy, Equation, Known, MISSING_MAX, NumberRange, account, command_day,
};

/// 2026-11-25 00:00 at the site.
const MIDNIGHT_MS: i64 = 1_795_536_000_000;
const HOUR_MS: i64 = 3_600_000;

fn range(from: u64, to: u64) -> NumberRange {
    NumberRange { from, to }
}

fn ranges(numbers: impl IntoIterator<Item = u64>) -> Vec<NumberRange> {
    let mut ranges: Vec<NumberRange> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.to + 1 == number => last.to = number,
            _ => ranges.push(range(number, number)),
        }
    }
    ranges
}

/// R8.14.
#[test]
fn what_came_and_what_did_not_is_what_was_saved() {
    let told = [
        (range(1, 4), Became::Accepted),
        (range(5, 5), Became::Refused),
        (range(8, 9), Became::Held),
    ];
    let all = account(&[range(1, 12)], &told);
    let equation = Equation { saved: 12, accepted: 4, held: 2, refused: 1, on_phone: 5 };
    assert_eq!(all.equation, equation);
    assert!(all.equation.closes());
    assert_eq!((all.missing, all.missing_left_out), (vec![range(6, 7), range(10, 12)], 0));
    // A day in the middle of a range, and one beside it.
    let day = account(&[range(3, 6), range(7, 8)], &told);
    let equation = Equation { saved: 6, accepted: 2, held: 1, refused: 1, on_phone: 2 };
    assert_eq!((day.equation, day.missing), (equation, vec![range(6, 7)]));
    assert_eq!(account(&[], &told).equation, Equation::default());
    let lost = Equation { saved: 12, accepted: 4, held: 2, refused: 1, on_phone: 4 };
    assert!(!lost.closes());
}

/// R8.14.
#[test]
fn missing_numbers_are_bounded_and_numbers_have_no_end_that_overflows() {
    let told: Vec<_> = (1..=50).map(|n| (range(2 * n, 2 * n), Became::Accepted)).collect();
    let all = account(&[range(1, 101)], &told);
    assert_eq!(all.missing.len(), MISSING_MAX);
    assert_eq!((all.equation.on_phone, all.missing_left_out), (51, 31));
    assert!(all.equation.closes());
    let whole = account(&[range(0, u64::MAX)], &[(range(7, u64::MAX), Became::Held)]);
    assert_eq!(whole.missing, [range(0, 6)]);
    assert_eq!(account(&[range(9, 3)], &told).equation.saved, 0);
}

/// R8.15.
#[test]
fn a_command_is_of_the_day_it_was_written_and_else_of_the_day_it_came() {
    let policy = SlaPolicy::default();
    let site = SiteTime::of(&policy);
    let day = |written, received| {
        let (day, by) = command_day(&site, written, received);
        (day.to_string(), by)
    };
    let is = |text: &str, by| (text.to_owned(), by);
    let came = MIDNIGHT_MS + HOUR_MS;
    assert_eq!(day(Some(MIDNIGHT_MS - 1), came), is("2026-11-24", DatedBy::Written));
    assert_eq!(day(Some(MIDNIGHT_MS), came), is("2026-11-25", DatedBy::Written));
    assert_eq!(day(None, came), is("2026-11-25", DatedBy::Received));
    // A clock that is a little ahead writes nothing tomorrow; one far ahead says nothing.
    let before = MIDNIGHT_MS - 1;
    assert_eq!(day(Some(before + 600_000), before), is("2026-11-24", DatedBy::Written));
    assert_eq!(day(Some(before + 600_001), before), is("2026-11-24", DatedBy::Received));
    for nonsense in [i64::MIN, -1, i64::MAX] {
        assert_eq!(day(Some(nonsense), came), is("2026-11-25", DatedBy::Received), "{nonsense}");
    }
    for by in DatedBy::ALL {
        assert_eq!(DatedBy::from_code(by.code()), Some(by));
    }
}

/// R8.14.
#[test]
fn a_day_is_known_whole_once_its_phone_has_told_after_its_end() {
    assert_eq!(Known::of(Some(MIDNIGHT_MS), MIDNIGHT_MS), Known::Whole);
    let before = MIDNIGHT_MS - 1;
    assert_eq!(Known::of(Some(before), MIDNIGHT_MS), Known::Until(before));
    assert_eq!(Known::of(None, MIDNIGHT_MS), Known::Nothing);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(20_261_127),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// R8.14.
    #[test]
    fn every_account_adds_up_for_any_part_that_has_come(
        // Of each number from 1 on: its day, and what it came to, if it came.
        numbers in proptest::collection::vec((0_u8..4, proptest::option::of(0_u8..3)), 0..80),
    ) {
        let all = [Became::Accepted, Became::Held, Became::Refused];
        let became = |code: u8| all[usize::from(code)];
        let told: Vec<_> = (1..).zip(&numbers)
            .filter_map(|(n, (_, came))| Some((range(n, n), became((*came)?))))
            .collect();
        let mut days: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
        for (n, (day, _)) in (1..).zip(&numbers) {
            days.entry(*day).or_default().push(n);
        }
        let mut sum = Equation::default();
        for numbers_of_day in days.values() {
            let of_day = account(&ranges(numbers_of_day.iter().copied()), &told);
            prop_assert!(of_day.equation.closes(), "{of_day:?}");
            let missing = of_day.missing.iter().flat_map(|range| range.from..=range.to);
            let missing: BTreeSet<u64> = missing.collect();
            let count = missing.len() as u64 + of_day.missing_left_out;
            prop_assert_eq!(count, of_day.equation.on_phone);
            let came = |n: &u64| numbers[usize::try_from(*n - 1).expect("small")].1.is_some();
            prop_assert!(missing.iter().all(|n| !came(n) && numbers_of_day.contains(n)));
            sum = sum.plus(of_day.equation);
        }
        let last = numbers.len() as u64;
        let whole = account(&[range(1, last)], &told);
        prop_assert!(whole.equation.closes());
        prop_assert_eq!(sum, whole.equation, "the days are all of it");
        prop_assert_eq!(whole.equation.saved, last);
        let came = numbers.iter().filter(|(_, came)| came.is_some()).count() as u64;
        prop_assert_eq!(whole.equation.on_phone, last - came);
    }
}
