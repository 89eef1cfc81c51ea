//! The cash of a shift as sums: what was in the drawer, what came in and went out, what was
//! counted; and which cash of the orders stands in no hand-over (一 3.6, 三 3.2.7).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::money::fen;
use super::review::Review;
use crate::model::hand_over::{CashCounted, CashLine};
use crate::model::id::{FactKey, RecordId};
use crate::model::time::WallMs;
use crate::model::work_order::PaymentMethod;

/// The account of a shift's drawer. All fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShiftCash {
    /// In the drawer when the shift began.
    pub opening_fen: i64,
    /// What came in.
    pub takings_fen: i64,
    /// What went out.
    pub payouts_fen: i64,
    /// What has to be there: opening, takings, less payouts.
    pub expected_fen: i64,
    /// What is there.
    pub counted_fen: i64,
    /// Counted less expected: below zero money is missing.
    pub difference_fen: i64,
}

impl ShiftCash {
    /// Of a count. Amounts beyond what a command may hold count as the most it may.
    pub fn of(counted: &CashCounted) -> Self {
        let sum = |lines: &[CashLine]| {
            lines.iter().fold(0, |sum: i64, line| sum.saturating_add(fen(line.amount_fen)))
        };
        let opening_fen = fen(counted.opening_fen);
        let takings_fen = sum(&counted.takings);
        let payouts_fen = sum(&counted.payouts);
        let counted_fen = fen(counted.counted_fen);
        let expected_fen = opening_fen.saturating_add(takings_fen).saturating_sub(payouts_fen);
        let difference_fen = counted_fen.saturating_sub(expected_fen);
        Self { opening_fen, takings_fen, payouts_fen, expected_fen, counted_fen, difference_fen }
    }

    /// Whether what is there is what has to be.
    pub fn balances(&self) -> bool {
        self.difference_fen == 0
    }
}

/// Which way money of an order went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CashKind {
    /// To the desk.
    HandedIn,
    /// Back to the customer.
    Refunded,
}

impl CashKind {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::HandedIn => "handed_in",
            Self::Refunded => "refunded",
        }
    }
}

/// Money of an order that came to the desk or left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashEntry {
    /// The order.
    pub record: RecordId,
    /// Its fact.
    pub fact: FactKey,
    /// Which way.
    pub kind: CashKind,
    /// When.
    pub at_ms: WallMs,
    /// Fen.
    pub amount_fen: i64,
    /// How it was paid: only cash is in the drawer.
    pub method: PaymentMethod,
}

/// The money of an order that came to the desk or left it, in causal order by kind.
pub fn cash_entries(review: &Review) -> Vec<CashEntry> {
    let record = review.record;
    let handed = review.money.hand_ins.iter().map(|handed| CashEntry {
        record,
        fact: handed.key,
        kind: CashKind::HandedIn,
        at_ms: handed.at_ms,
        amount_fen: handed.amount_fen,
        method: handed.method,
    });
    let refunds = review.money.refunds.iter().map(|refund| CashEntry {
        record,
        fact: refund.key,
        kind: CashKind::Refunded,
        at_ms: refund.at_ms,
        amount_fen: refund.amount_fen,
        method: refund.method,
    });
    handed.chain(refunds).collect()
}

/// A line of a hand-over's cash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The hand-over.
    pub hand_over: RecordId,
    /// Among the takings, or the payouts.
    pub kind: CashKind,
    /// What it says.
    pub line: CashLine,
}

/// Cash against hand-overs: every entry and every line stands in exactly one of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reconciled {
    /// In exactly one line, with its amount.
    pub accounted: Vec<CashEntry>,
    /// In no line.
    pub unaccounted: Vec<CashEntry>,
    /// In several lines, or in one with another amount; with the hand-overs.
    pub disputed: Vec<(CashEntry, Vec<RecordId>)>,
    /// Lines that name no cash.
    pub unknown: Vec<Listed>,
}

/// Compares the cash of orders with what hand-overs list. Other means of payment are no cash.
/// R1.16.
pub fn reconcile(entries: &[CashEntry], listed: &[Listed]) -> Reconciled {
    let mut lines: BTreeMap<(RecordId, FactKey, CashKind), Vec<&Listed>> = BTreeMap::new();
    for one in listed {
        lines.entry((one.line.record, one.line.fact, one.kind)).or_default().push(one);
    }
    let mut result = Reconciled::default();
    let cash = entries.iter().filter(|entry| entry.method == PaymentMethod::Cash);
    for entry in cash {
        match lines.remove(&(entry.record, entry.fact, entry.kind)).as_deref() {
            None => result.unaccounted.push(*entry),
            Some([only]) if only.line.amount_fen == entry.amount_fen => {
                result.accounted.push(*entry);
            }
            Some(several) => {
                let hand_overs = several.iter().map(|one| one.hand_over).collect();
                result.disputed.push((*entry, hand_overs));
            }
        }
    }
    result.unknown = lines.into_values().flatten().copied().collect();
    result
}
