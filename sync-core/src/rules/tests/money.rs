//! The money of an order: charged, handed in, invoiced, brought, paid back; and the same by chance.

use proptest::prelude::*;

use super::*;
use crate::model::payload::Payload;
use crate::model::work_order::{
    Charged, HandedIn, InvoiceDelivered, Invoiced, PaymentMethod, Refunded,
};
use crate::rules::limits::AMOUNT_FEN_MAX;

const DAY: i64 = 24 * 60 * MINUTE;
/// The end of 25 November in Shanghai.
const MIDNIGHT: i64 = NINE + 15 * 60 * MINUTE;

/// An order with a charge of 120 yuan.
fn charged() -> (Story, Writer, Writer, FactKey, FactKey) {
    let (mut story, desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let content = json!({ "amount_fen": 12_000, "method": "cash", "visit": visit });
    let charge = story.step(&mut worker, "charged", content);
    (story, desk, worker, visit, charge)
}

/// The open cases of the money.
fn of_money(story: &Story) -> Vec<String> {
    let review = story.review();
    let kinds = review.open_cases().map(|case| case.kind.clone());
    kinds.filter(|kind| *kind != "step_deviation").collect()
}

/// R3.36
#[test]
fn a_charge_that_is_handed_in_invoiced_and_brought_leaves_no_case() {
    let (mut story, mut desk, mut worker, _, charge) = charged();
    story.step(&mut worker, "handed_in", json!({ "amount_fen": 12_000, "charge": charge }));
    let invoiced = json!({ "amount_fen": 12_000, "charge": charge, "number": "A1" });
    let invoice = story.step(&mut desk, "invoiced", invoiced);
    story.step(&mut worker, "invoice_delivered", json!({ "invoice": invoice }));
    story.now_ms = NINE + 90 * DAY;
    assert_eq!(of_money(&story), [""; 0]);
    let account = story.review().money.account();
    assert_eq!((account.charged_fen, account.handed_in_fen, account.out_fen), (12_000, 12_000, 0));
}

/// R3.37
#[test]
fn handed_in_twice_or_more_than_was_charged_is_not_equal_and_in_two_parts_is() {
    for (parts, expected) in [
        (vec![12_000, 12_000], vec!["money_not_equal"]),
        (vec![12_001], vec!["money_not_equal"]),
        (vec![5_000, 7_000], vec![]),
    ] {
        let (mut story, _, mut worker, _, charge) = charged();
        for fen in &parts {
            story.step(&mut worker, "handed_in", json!({ "amount_fen": fen, "charge": charge }));
        }
        assert_eq!(of_money(&story), expected, "{parts:?}");
        let out = story.review().money.charges[0].out_fen();
        assert_eq!(out, 12_000 - parts.iter().sum::<i64>());
    }
}

/// R3.36
#[test]
fn an_invoice_is_at_the_customers_by_the_end_of_the_next_day() {
    let (mut story, mut desk, mut worker, _, charge) = charged();
    story.step(&mut worker, "handed_in", json!({ "amount_fen": 12_000, "charge": charge }));
    let invoiced = json!({ "amount_fen": 12_000, "charge": charge, "number": "A1" });
    let invoice = story.step(&mut desk, "invoiced", invoiced);
    assert!(story.review().status_until_ms.is_some_and(|at| at <= MIDNIGHT + DAY));
    story.now_ms = MIDNIGHT + DAY - 1;
    assert_eq!(of_money(&story), [""; 0]);
    assert_eq!(story.review().status_until_ms, Some(MIDNIGHT + DAY));
    story.after(1);
    assert_eq!(of_money(&story), ["invoice_not_delivered"]);
    story.step(&mut worker, "invoice_delivered", json!({ "invoice": invoice }));
    assert_eq!(of_money(&story), [""; 0]);
    // The days are the policy's.
    let (mut story, mut desk, _, _, charge) = charged();
    story.policy.invoice_delivered_days = 3;
    let invoiced = json!({ "amount_fen": 12_000, "charge": charge, "number": "A1" });
    story.step(&mut desk, "invoiced", invoiced);
    story.now_ms = MIDNIGHT + 3 * DAY - 1;
    assert_eq!(of_money(&story), ["money_not_handed_in"]);
    story.after(1);
    assert_eq!(of_money(&story), ["invoice_not_delivered", "money_not_handed_in"]);
}

/// R3.38
#[test]
fn no_more_is_paid_back_than_was_charged_also_by_refunds_that_name_no_charge() {
    let (mut story, mut desk, _, visit, charge) = charged();
    let refund = |fen: i64| json!({ "amount_fen": fen, "charge": charge, "method": "cash", "reason": "漏装", "visit": visit });
    story.step(&mut desk, "refunded", refund(2_000));
    story.step(&mut desk, "refunded", refund(10_000));
    assert_eq!(of_money(&story), [""; 0]);
    let old = json!({ "amount_fen": 1, "method": "cash", "visit": visit });
    story.step(&mut desk, "refunded", old);
    assert_eq!(of_money(&story), ["refunded_too_much"]);
    let money = story.review().money;
    assert_eq!((money.refunded_fen, money.charges[0].refunded_fen), (12_001, 12_001));
}

/// R3.38
#[test]
fn a_refund_of_a_visit_without_a_charge_is_too_much() {
    let (mut story, mut desk) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let old = json!({ "amount_fen": 1, "method": "cash", "visit": visit });
    story.step(&mut desk, "refunded", old);
    assert_eq!(of_money(&story), ["refunded_too_much"]);
}

/// R3.39
#[test]
fn a_quote_that_differs_from_the_price_in_its_own_line_is_a_case_and_without_one_is_none() {
    let item = RecordId([9; 16]);
    let quote = |visit: FactKey, fen: i64, list: Option<i64>| {
        let mut line =
            json!({ "amount_fen": fen, "item": item, "name": "疏通", "quantity_milli": 1_500 });
        if let Some(list) = list {
            line["list_price_fen"] = json!(list);
        }
        json!({ "amount_fen": fen, "items": [line], "visit": visit })
    };
    for (fen, list, expected) in [
        (12_000, Some(8_000), vec![]),
        (12_001, Some(8_000), vec!["price_differs"]),
        (12_001, None, vec![]),
    ] {
        let (mut story, _) = Story::dispatched();
        let mut worker = story.technician(31);
        let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
        story.step(&mut worker, "quoted", quote(visit, fen, list));
        assert_eq!(of_money(&story), expected, "{fen} {list:?}");
    }
}

/// What chance writes: facts of money that name a charge or invoice by its number, or none.
#[derive(Debug, Clone)]
enum Chance {
    Charge(i64),
    HandIn(u8, i64),
    Invoice(u8, i64),
    Deliver(u8),
    Refund(Option<u8>, i64),
}

fn any_fen() -> impl Strategy<Value = i64> {
    let hostile = prop_oneof![Just(i64::MAX), Just(i64::MIN), Just(-1_i64), any::<i64>()];
    prop_oneof![9 => 0..4_i64, 1 => hostile]
}

fn any_facts() -> impl Strategy<Value = Vec<Chance>> {
    let one = prop_oneof![
        any_fen().prop_map(Chance::Charge),
        (0..8_u8, any_fen()).prop_map(|(of, fen)| Chance::HandIn(of, fen)),
        (0..8_u8, any_fen()).prop_map(|(of, fen)| Chance::Invoice(of, fen)),
        (0..8_u8).prop_map(Chance::Deliver),
        (proptest::option::of(0..8_u8), any_fen()).prop_map(|(of, fen)| Chance::Refund(of, fen)),
    ];
    proptest::collection::vec(one, 0..24)
}

/// The facts of an order, each by a writer that knew of nothing else: any order of arrival is
/// possible.
fn facts_of(chance: &[Chance]) -> (Story, Vec<Fact>) {
    let (mut story, _) = Story::dispatched();
    let mut worker = story.technician(31);
    let visit = story.step(&mut worker, "set_out", json!({ "grade": 3 }));
    let blank = story.facts.last().expect("a fact").clone();
    let key = |index: usize| FactKey::Written {
        session: SessionId([100; 8]),
        n: u64::try_from(index).expect("small") + 1,
        i: 0,
    };
    let named = |of: u8| key(usize::from(of));
    let facts = chance.iter().enumerate().map(|(index, one)| {
        let method = PaymentMethod::Cash;
        let content = match one.clone() {
            Chance::Charge(amount_fen) => {
                WorkOrderFact::Charged(Charged { visit, amount_fen, method })
            }
            Chance::HandIn(of, amount_fen) => {
                WorkOrderFact::HandedIn(HandedIn { charge: named(of), amount_fen })
            }
            Chance::Invoice(of, amount_fen) => WorkOrderFact::Invoiced(Invoiced {
                charge: named(of),
                number: "A".to_owned(),
                amount_fen,
            }),
            Chance::Deliver(of) => {
                WorkOrderFact::InvoiceDelivered(InvoiceDelivered { invoice: named(of) })
            }
            Chance::Refund(of, amount_fen) => {
                let (charge, reason) = (of.map(named), None);
                WorkOrderFact::Refunded(Refunded { visit, amount_fen, method, charge, reason })
            }
        };
        Fact {
            key: key(index),
            after: Some(vec![]),
            payload: Payload::WorkOrder(content),
            stored_content: None,
            ..blank.clone()
        }
    });
    let facts = facts.collect();
    (story, facts)
}

/// What has to be in the list of cases, by a count of its own: kind and amount against the charge.
fn expected(chance: &[Chance], late: bool) -> Vec<String> {
    let fen = |fen: i64| fen.clamp(-AMOUNT_FEN_MAX, AMOUNT_FEN_MAX);
    let first = chance.iter().position(|one| matches!(one, Chance::Charge(_)));
    let mut found = Vec::new();
    let is_charge = |of: u8| matches!(chance.get(usize::from(of)), Some(Chance::Charge(_)));
    for (index, one) in chance.iter().enumerate() {
        let mine = |of: u8| usize::from(of) == index;
        match one {
            Chance::Charge(amount) => {
                let sum = |of_charge: &dyn Fn(&Chance) -> Option<i64>| {
                    let amounts: Vec<i64> = chance.iter().filter_map(of_charge).collect();
                    (!amounts.is_empty()).then(|| amounts.iter().map(|f| fen(*f)).sum::<i64>())
                };
                let handed = sum(&|one| match one {
                    Chance::HandIn(of, fen) if mine(*of) => Some(*fen),
                    _ => None,
                });
                let invoiced = sum(&|one| match one {
                    Chance::Invoice(of, fen) if mine(*of) => Some(*fen),
                    _ => None,
                });
                let refunded = sum(&|one| match one {
                    Chance::Refund(Some(of), fen) if mine(*of) => Some(*fen),
                    Chance::Refund(None, fen) if first == Some(index) => Some(*fen),
                    _ => None,
                });
                match handed {
                    Some(handed) if handed != fen(*amount) => found.push("money_not_equal"),
                    None if late => found.push("money_not_handed_in"),
                    _ => {}
                }
                if invoiced.is_some_and(|invoiced| invoiced != fen(*amount)) {
                    found.push("money_not_equal");
                }
                if refunded.is_some_and(|refunded| refunded > fen(*amount)) {
                    found.push("refunded_too_much");
                }
            }
            Chance::Invoice(of, _) if late && is_charge(*of) => {
                let delivered = |one: &Chance| matches!(one, Chance::Deliver(of) if mine(*of));
                if !chance.iter().any(delivered) {
                    found.push("invoice_not_delivered");
                }
            }
            Chance::Refund(of, _) => {
                let charge = of.map_or(first.is_some(), is_charge);
                if !charge {
                    found.push("refunded_too_much");
                }
            }
            _ => {}
        }
    }
    let mut found: Vec<String> = found.into_iter().map(str::to_owned).collect();
    found.sort_unstable();
    found
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        rng_seed: proptest::test_runner::RngSeed::Fixed(327),
        ..ProptestConfig::default()
    })]

    /// What was charged is at the desk or still out; every imbalance has one case of its kind and
    /// nothing else has; in any order of arrival, and no number makes it panic.
    /// R3.37
    #[test]
    fn the_sums_hold_and_every_imbalance_is_one_case(
        chance in any_facts(),
        late in any::<bool>(),
        turn in any::<prop::sample::Index>(),
    ) {
        let (mut story, facts) = facts_of(&chance);
        story.now_ms = if late { NINE + 10 * DAY } else { NINE };
        let before = story.facts.clone();
        story.facts.extend(facts.iter().cloned());
        let review = story.review();
        let account = review.money.account();
        prop_assert_eq!(account.charged_fen, account.handed_in_fen + account.out_fen);
        let refunded: i64 = review.money.refunds.iter().map(|refund| refund.amount_fen).sum();
        prop_assert_eq!(account.refunded_fen, refunded);
        prop_assert_eq!(of_money(&story), expected(&chance, late));
        let mut turned: Vec<Fact> = before.into_iter().chain(facts).rev().collect();
        let by = turn.index(turned.len());
        turned.rotate_left(by);
        prop_assert_eq!(story.review_of(&turned), review);
    }
}
