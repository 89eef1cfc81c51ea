//! Shift hand-overs: matters, keys, radios and cash, handed over and taken over by two people.

use proptest::prelude::*;

use super::super::cash::{CashEntry, CashKind, Listed, ShiftCash, reconcile};
use super::super::hand_over::HandOver;
use super::*;
use crate::model::hand_over::{CashCounted, CashLine, HandOverCreated, Shift};
use crate::model::work_order::PaymentMethod;
use crate::rules::{DeadlineState, Details, Status, open_keys};

const ENDS: i64 = NINE + 8 * 60 * MINUTE;

pub(super) fn opened() -> Command {
    let created = HandOverCreated {
        shift: Shift::Day,
        date: "2026-11-25".to_owned(),
        from_person: PersonId(12),
        desk: "1 号前台".to_owned(),
        shift_ends_at_ms: ENDS,
    };
    Command::Open { site: SITE, content: created.into() }
}

fn story() -> (Story, Writer) {
    let mut story = Story::new();
    let mut desk = story.desk();
    story.write(&mut desk, opened());
    (story, desk)
}

fn of(review: &Review) -> &HandOver {
    match &review.details {
        Some(Details::HandOver(hand_over)) => hand_over,
        other => panic!("{other:?}"),
    }
}

fn counted(opening: i64, counted: i64, takings: &[i64], payouts: &[i64]) -> Command {
    let lines = |amounts: &[i64]| -> Vec<Value> {
        let line = |(index, fen): (usize, &i64)| {
            let fact = FactKey::Written { session: SessionId([1; 8]), n: index as u64 + 1, i: 0 };
            json!({ "amount_fen": fen, "fact": fact, "record": RecordId([5; 16]) })
        };
        amounts.iter().enumerate().map(line).collect()
    };
    let content = json!({ "counted_fen": counted, "opening_fen": opening, "payouts": lines(payouts), "takings": lines(takings) });
    step("cash_counted", content)
}

/// R1.14
#[test]
fn the_night_takes_over_what_the_day_hands_over_and_the_other_way_round() {
    let (mut story, mut desk) = story();
    story.step(&mut desk, "matter_listed", json!({ "text": "1501 待回访" }));
    let radios = json!({ "radios": [{ "name": "3", "present": false, "note": "保安部借用" }] });
    story.step(&mut desk, "radios_listed", radios);
    story.write(&mut desk, counted(20_000, 31_000, &[12_000], &[1_000]));
    let mut night = story.writer(13, Role::DutyOperator);
    assert_eq!(story.deny(&night, &step("taken_over", json!({}))), DenialCode::PreconditionMissing);
    story.step(&mut desk, "handed_over", json!({}));
    assert_eq!(story.review().status, Status::HandedOver);
    story.step(&mut night, "taken_over", json!({ "differences": "缺一支对讲机" }));
    let review = story.review();
    assert_eq!(review.status, Status::TakenOver);
    assert_eq!(open_cases(&review), [""; 0]);
    let hand_over = of(&review);
    assert_eq!(hand_over.matters.len(), 1);
    assert_eq!(hand_over.radios[0].name, "3");
    assert_eq!(hand_over.differences.as_deref(), Some("缺一支对讲机"));
    assert_eq!(hand_over.counts[0].account.expected_fen, 31_000);
    assert_eq!(review.closed_at_ms, Some(story.now_ms));
}

/// R1.14
#[test]
fn nobody_takes_over_from_oneself_and_if_it_happens_it_is_a_case() {
    let (mut story, mut desk) = story();
    let before = story.facts.clone();
    story.step(&mut desk, "handed_over", json!({}));
    assert_eq!(story.deny(&desk, &step("taken_over", json!({}))), DenialCode::PreconditionMissing);
    // On another device, where the other's handing over was what stood.
    let mut other = story.writer(13, Role::FrontDesk);
    let mut elsewhere = story.clone();
    elsewhere.facts = before;
    let handed = elsewhere.write(&mut other, step("handed_over", json!({})));
    let mut again = elsewhere.writer(12, Role::FrontDesk);
    again.n = desk.n;
    let taken = elsewhere.write(&mut again, step("taken_over", json!({})));
    let keys = [handed, taken];
    story.facts.extend(elsewhere.facts.into_iter().filter(|fact| keys.contains(&fact.key)));
    assert_eq!(open_cases(&story.review()), ["handed_to_oneself"]);
}

/// R1.14
#[test]
fn whoever_is_stood_in_for_does_not_take_over_either() {
    let (mut story, mut desk) = story();
    let command = Command::Record {
        fact: serde_json::from_value(json!({ "t": "handed_over" })).expect("a step"),
        said_at_ms: None,
        on_behalf_of: Some(PersonId(13)),
        corrects: Vec::new(),
    };
    story.write(&mut desk, command);
    let stood_in = story.writer(13, Role::FrontDesk);
    let taken = step("taken_over", json!({}));
    assert_eq!(story.deny(&stood_in, &taken), DenialCode::PreconditionMissing);
    let third = story.writer(14, Role::FrontDesk);
    assert!(story.try_write_on(&third, &taken, &story.facts).is_ok());
}

/// R1.16
#[test]
fn cash_that_does_not_balance_is_a_case_until_a_later_count_puts_it_right() {
    let (mut story, mut desk) = story();
    story.write(&mut desk, counted(20_000, 30_000, &[12_000], &[1_000]));
    let review = story.review();
    assert_eq!(open_cases(&review), ["cash_not_balanced"]);
    let case = review.open_cases().next().expect("one");
    assert_eq!(case.params["difference_fen"], -1_000);
    story.write(&mut desk, counted(20_000, 31_000, &[12_000], &[1_000]));
    assert_eq!(open_cases(&story.review()), [""; 0]);
}

/// R1.16
#[test]
fn two_counts_that_did_not_know_of_one_another_and_differ_are_a_case() {
    let (mut story, mut desk) = story();
    let seen = story.facts.clone();
    story.write(&mut desk, counted(1_000, 1_000, &[], &[]));
    let mut night = story.writer(13, Role::DutyOperator);
    story.write_on(&mut night, counted(2_000, 2_000, &[], &[]), &seen);
    assert_eq!(open_cases(&story.review()), ["counts_disagree"]);
}

/// R1.15
#[test]
fn a_shift_that_nobody_took_over_by_its_end_is_told_to_the_supervisor() {
    let (mut story, mut desk) = story();
    story.step(&mut desk, "handed_over", json!({}));
    let state = |story: &Story| {
        let deadline = story.review().deadlines[0].clone();
        (deadline.name, deadline.due_ms, deadline.state, deadline.tells)
    };
    let expected = |state| ("taken_over".to_owned(), Some(ENDS), state, vec![Role::Supervisor]);
    story.now_ms = ENDS;
    assert_eq!(state(&story), expected(DeadlineState::Running));
    story.after(1);
    assert_eq!(state(&story), expected(DeadlineState::Breached));
    let follows = crate::rules::follows(&story.review(), story.now_ms);
    assert_eq!(follows.len(), 1);
    assert_eq!(follows[0].at_ms, ENDS);
}

/// R1.17
#[test]
fn a_key_that_was_received_and_not_returned_is_open_and_stands_with_who_has_it() {
    let (mut story, _, mut worker) = super::paid_services::story();
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 2, "paid_service": true }));
    let received = story.step(&mut worker, "key_received", json!({ "visit": visit }));
    let keys = open_keys(&story.review());
    assert_eq!((keys.len(), keys[0].received, keys[0].used), (1, received, false));
    assert_eq!((keys[0].visit, keys[0].holder), (visit, Some(PersonId(33))));
    story.step(&mut worker, "key_used", json!({ "visit": visit }));
    assert!(open_keys(&story.review())[0].used);
    // Two received, one returned: the second is open.
    let second = story.step(&mut worker, "key_received", json!({ "visit": visit }));
    story.step(&mut worker, "key_returned", json!({ "visit": visit }));
    let keys = open_keys(&story.review());
    assert_eq!((keys.len(), keys[0].received), (1, second));
    story.step(&mut worker, "key_returned", json!({ "visit": visit }));
    story.step(&mut worker, "key_returned", json!({ "visit": visit }));
    assert_eq!(open_keys(&story.review()), []);
}

fn any_amount() -> impl Strategy<Value = i64> {
    prop_oneof![0..1_000_i64, Just(i64::MAX), Just(i64::MIN), any::<i64>()]
}

fn line(number: u8, amount_fen: i64) -> CashLine {
    let fact = FactKey::Written { session: SessionId([1; 8]), n: u64::from(number) + 1, i: 0 };
    CashLine { record: RecordId([number % 3; 16]), fact, amount_fen }
}

fn entry(number: u8, amount_fen: i64, cash: bool) -> CashEntry {
    let CashLine { record, fact, .. } = line(number, amount_fen);
    let method = if cash { PaymentMethod::Cash } else { PaymentMethod::QrCode };
    let kind = if number.is_multiple_of(2) { CashKind::HandedIn } else { CashKind::Refunded };
    CashEntry { record, fact, kind, at_ms: NINE, amount_fen, method }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(36),
        ..ProptestConfig::default()
    })]

    /// Whatever is counted, nothing overflows; within bounds the account is exact.
    /// R1.16
    #[test]
    fn the_account_of_a_shift_is_its_sums(
        opening_fen in any_amount(),
        counted_fen in any_amount(),
        takings in proptest::collection::vec(any_amount(), 0..20),
        payouts in proptest::collection::vec(any_amount(), 0..20),
    ) {
        let lines = |amounts: &[i64]| amounts.iter().map(|fen| line(0, *fen)).collect::<Vec<_>>();
        let counted = CashCounted {
            opening_fen,
            counted_fen,
            takings: lines(&takings),
            payouts: lines(&payouts),
        };
        let account = ShiftCash::of(&counted);
        let sum = |amounts: &[i64]| {
            amounts.iter().map(|fen| i128::from(super::super::money::fen(*fen))).sum::<i128>()
        };
        let bounded = |fen: i64| i128::from(super::super::money::fen(fen));
        let expected = bounded(opening_fen) + sum(&takings) - sum(&payouts);
        prop_assert_eq!(i128::from(account.expected_fen), expected);
        prop_assert_eq!(i128::from(account.difference_fen), bounded(counted_fen) - expected);
        prop_assert_eq!(account.balances(), bounded(counted_fen) == expected);
    }

    /// Every cash fact stands in exactly one hand-over's lines or is reported; so is every line.
    /// R1.16
    #[test]
    fn every_cash_fact_stands_in_one_hand_over_or_is_reported(
        entries in proptest::collection::btree_map(0..12_u8, (1..4_i64, any::<bool>()), 0..12),
        lines in proptest::collection::vec((0..14_u8, 1..4_i64, 0..3_u8), 0..16),
    ) {
        let entries: Vec<CashEntry> =
            entries.into_iter().map(|(number, (fen, cash))| entry(number, fen, cash)).collect();
        let listed: Vec<Listed> = lines
            .into_iter()
            .map(|(number, fen, hand_over)| Listed {
                hand_over: RecordId([100 + hand_over; 16]),
                kind: entry(number, fen, true).kind,
                line: line(number, fen),
            })
            .collect();
        let result = reconcile(&entries, &listed);
        let cash: Vec<&CashEntry> =
            entries.iter().filter(|entry| entry.method == PaymentMethod::Cash).collect();
        for entry in &cash {
            let names = |one: &&Listed| {
                (one.line.record, one.line.fact, one.kind)
                    == (entry.record, entry.fact, entry.kind)
            };
            let of: Vec<&Listed> = listed.iter().filter(names).collect();
            let exact = of.len() == 1 && of[0].line.amount_fen == entry.amount_fen;
            prop_assert_eq!(result.accounted.contains(entry), exact);
            prop_assert_eq!(result.unaccounted.contains(entry), of.is_empty());
            let disputed = result.disputed.iter().filter(|(one, _)| one == *entry).count();
            prop_assert_eq!(disputed, usize::from(!of.is_empty() && !exact));
        }
        let stands = result.accounted.len() + result.unaccounted.len() + result.disputed.len();
        prop_assert_eq!(stands, cash.len());
        let disputed: usize = result.disputed.iter().map(|(_, of)| of.len()).sum();
        let lines = result.accounted.len() + disputed + result.unknown.len();
        prop_assert_eq!(lines, listed.len());
    }
}
