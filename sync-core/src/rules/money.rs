//! Money of an order: facts only, never a field. `charged -> handed_in -> invoiced ->
//! invoice_delivered` (三 3.2.7), refunds beside it, integers of fen.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::limits::AMOUNT_FEN_MAX;
use super::order::Causality;
use super::time::fact_time;
use crate::model::id::FactKey;
use crate::model::payload::Payload;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;
use crate::model::work_order::{PaymentMethod, QuoteItem, WorkOrderFact};

/// Answers to one quote beside one another; what hostile facts could make is not bounded.
const ANSWERS_MAX: usize = 100;

/// The money of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Money {
    /// Every quote.
    pub quotes: Vec<Quote>,
    /// Every charge.
    pub charges: Vec<Charge>,
    /// What was paid back, fen.
    pub refunded_fen: i64,
    /// Every handing in of a charge that is here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hand_ins: Vec<HandIn>,
    /// Every invoice of a charge that is here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invoices: Vec<Invoice>,
    /// Every refund.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
}

/// A quote and what the customer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Its fact.
    pub key: FactKey,
    /// Its visit.
    pub visit: FactKey,
    /// Fen.
    pub amount_fen: i64,
    /// None: not answered yet. Of answers that knew nothing of one another a no holds.
    pub accepted: Option<bool>,
    /// The answers that no other answer to it knew of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<FactKey>,
    /// Its lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<QuoteItem>,
}

/// A charge and where its money went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Its fact.
    pub key: FactKey,
    /// Its visit.
    pub visit: FactKey,
    /// Fen.
    pub amount_fen: i64,
    /// How it was paid.
    pub method: PaymentMethod,
    /// When.
    pub at_ms: WallMs,
    /// Fen at the desk.
    pub handed_in_fen: i64,
    /// Facts that handed it in.
    pub handed_in: Vec<FactKey>,
    /// Fen on invoices.
    pub invoiced_fen: i64,
    /// Its invoices.
    pub invoices: Vec<FactKey>,
    /// Every invoice is at the customer's.
    pub delivered: bool,
    /// Fen paid back.
    #[serde(default)]
    pub refunded_fen: i64,
    /// Facts that paid it back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<FactKey>,
}

impl Charge {
    /// Still with whoever took it, fen; below zero more came to the desk than was charged.
    pub fn out_fen(&self) -> i64 {
        self.amount_fen.saturating_sub(self.handed_in_fen)
    }
}

/// Money of a charge given to the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandIn {
    /// Its fact.
    pub key: FactKey,
    /// The charge.
    pub charge: FactKey,
    /// Fen.
    pub amount_fen: i64,
    /// How the charge was paid.
    pub method: PaymentMethod,
    /// When it came to the desk.
    pub at_ms: WallMs,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its fact.
    pub key: FactKey,
    /// The charge.
    pub charge: FactKey,
    /// Its number.
    pub number: String,
    /// Fen.
    pub amount_fen: i64,
    /// When it was made out.
    pub at_ms: WallMs,
    /// It is at the customer's.
    pub delivered: bool,
}

/// Money paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its fact.
    pub key: FactKey,
    /// The charge it counts against; none if there is none.
    pub charge: Option<FactKey>,
    /// Fen.
    pub amount_fen: i64,
    /// How it was paid back.
    pub method: PaymentMethod,
    /// When.
    pub at_ms: WallMs,
}

/// The sums of an order's money, fen: what was charged is at the desk or still out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MoneyAccount {
    /// Charged.
    pub charged_fen: i64,
    /// At the desk.
    pub handed_in_fen: i64,
    /// Still out; below zero more came to the desk than was charged.
    pub out_fen: i64,
    /// On invoices.
    pub invoiced_fen: i64,
    /// Paid back.
    pub refunded_fen: i64,
}

impl Money {
    /// Its sums.
    pub fn account(&self) -> MoneyAccount {
        let sum = |amount: fn(&Charge) -> i64| {
            self.charges.iter().fold(0, |sum: i64, charge| sum.saturating_add(amount(charge)))
        };
        MoneyAccount {
            charged_fen: sum(|charge| charge.amount_fen),
            handed_in_fen: sum(|charge| charge.handed_in_fen),
            out_fen: sum(Charge::out_fen),
            invoiced_fen: sum(|charge| charge.invoiced_fen),
            refunded_fen: self.refunded_fen,
        }
    }
}

/// An amount within what a command may hold: with it no sum of a record's facts overflows, whatever
/// a patched app writes (R3.37).
pub(super) fn fen(amount_fen: i64) -> i64 {
    amount_fen.clamp(-AMOUNT_FEN_MAX, AMOUNT_FEN_MAX)
}

/// Collects the money of an order (R3.26).
pub(super) fn money(causality: &Causality<'_>, sessions: &SessionRows) -> Money {
    use WorkOrderFact as F;
    let mut money = Money::default();
    let mut places: BTreeMap<FactKey, usize> = BTreeMap::new();
    let mut answers: BTreeMap<FactKey, Vec<(FactKey, bool)>> = BTreeMap::new();
    let mut delivered = BTreeSet::new();
    // Charges first: two that wrote beside one another stand in the order of their keys, and what
    // names a charge counts wherever it stands.
    for fact in &causality.facts {
        let Payload::WorkOrder(content) = &fact.payload else { continue };
        match content {
            F::Quoted(quoted) => money.quotes.push(Quote {
                key: fact.key,
                visit: quoted.visit,
                amount_fen: fen(quoted.amount_fen),
                accepted: None,
                answers: Vec::new(),
                items: quoted.items.clone(),
            }),
            F::QuoteAccepted(of) => answers.entry(of.quote).or_default().push((fact.key, true)),
            F::QuoteDeclined(of) => answers.entry(of.quote).or_default().push((fact.key, false)),
            F::Charged(charged) => {
                places.insert(fact.key, money.charges.len());
                money.charges.push(Charge {
                    key: fact.key,
                    visit: charged.visit,
                    amount_fen: fen(charged.amount_fen),
                    method: charged.method,
                    at_ms: fact_time(fact, sessions).at_ms,
                    handed_in_fen: 0,
                    handed_in: Vec::new(),
                    invoiced_fen: 0,
                    invoices: Vec::new(),
                    delivered: false,
                    refunded_fen: 0,
                    refunds: Vec::new(),
                });
            }
            F::InvoiceDelivered(of) => {
                delivered.insert(of.invoice);
            }
            _ => {}
        }
    }
    for quote in &mut money.quotes {
        answer(quote, answers.get(&quote.key).map_or(&[], |answers| &answers[..]), causality);
    }
    for fact in &causality.facts {
        let Payload::WorkOrder(content) = &fact.payload else { continue };
        let entry = Entry { key: fact.key, at_ms: fact_time(fact, sessions).at_ms };
        entry.add(&mut money, content, &places, &delivered, causality);
    }
    for charge in &mut money.charges {
        charge.delivered = !charge.invoices.is_empty()
            && charge.invoices.iter().all(|invoice| delivered.contains(invoice));
    }
    money
}

/// A fact that may move money of a charge.
struct Entry {
    key: FactKey,
    at_ms: WallMs,
}

impl Entry {
    fn add(
        self,
        money: &mut Money,
        content: &WorkOrderFact,
        places: &BTreeMap<FactKey, usize>,
        delivered: &BTreeSet<FactKey>,
        causality: &Causality<'_>,
    ) {
        let Self { key, at_ms } = self;
        match content {
            WorkOrderFact::HandedIn(handed) => {
                let Some(place) = places.get(&handed.charge) else { return };
                let charge = &mut money.charges[*place];
                let amount_fen = fen(handed.amount_fen);
                charge.handed_in_fen = charge.handed_in_fen.saturating_add(amount_fen);
                charge.handed_in.push(key);
                let (charge, method) = (charge.key, charge.method);
                money.hand_ins.push(HandIn { key, charge, amount_fen, method, at_ms });
            }
            WorkOrderFact::Invoiced(invoice) => {
                let Some(place) = places.get(&invoice.charge) else { return };
                let charge = &mut money.charges[*place];
                let amount_fen = fen(invoice.amount_fen);
                charge.invoiced_fen = charge.invoiced_fen.saturating_add(amount_fen);
                charge.invoices.push(key);
                money.invoices.push(Invoice {
                    key,
                    charge: charge.key,
                    number: invoice.number.clone(),
                    amount_fen,
                    at_ms,
                    delivered: delivered.contains(&key),
                });
            }
            WorkOrderFact::Refunded(refund) => {
                let amount_fen = fen(refund.amount_fen);
                money.refunded_fen = money.refunded_fen.saturating_add(amount_fen);
                // The charge that whoever paid it back knew of, if there is one.
                let of_visit = || {
                    let charges = money.charges.iter().enumerate();
                    let here = charges.filter(|(_, charge)| charge.visit == refund.visit);
                    here.min_by_key(|(_, charge)| !causality.is_before(charge.key, key))
                };
                let place = match refund.charge {
                    Some(charge) => places.get(&charge).copied(),
                    // Written before refunds named their charge.
                    None => of_visit().map(|(place, _)| place),
                };
                let charge = place.map(|place| &mut money.charges[place]);
                let charge = charge.map(|charge| {
                    charge.refunded_fen = charge.refunded_fen.saturating_add(amount_fen);
                    charge.refunds.push(key);
                    charge.key
                });
                let method = refund.method;
                money.refunds.push(Refund { key, charge, amount_fen, method, at_ms });
            }
            _ => {}
        }
    }
}

/// What the customer said last of a quote (R3.43).
fn answer(quote: &mut Quote, answers: &[(FactKey, bool)], causality: &Causality<'_>) {
    let last = causality.last(answers.iter().copied());
    quote.accepted = (!last.is_empty()).then(|| last.iter().all(|(_, accepted)| *accepted));
    quote.answers = last.into_iter().map(|(key, _)| key).take(ANSWERS_MAX).collect();
}
