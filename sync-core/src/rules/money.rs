//! Money of a work order: facts only, never a field. `charged -> handed_in -> invoiced ->
//! invoice_delivered` (三 3.2.7), integers of fen.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::order::Causality;
use super::time::fact_time;
use crate::model::id::FactKey;
use crate::model::payload::Payload;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;
use crate::model::work_order::{PaymentMethod, WorkOrderFact};

/// The money of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Money {
    /// Every quote.
    pub quotes: Vec<Quote>,
    /// Every charge.
    pub charges: Vec<Charge>,
    /// What was paid back, fen.
    pub refunded_fen: i64,
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
    /// None: not answered yet.
    pub accepted: Option<bool>,
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
}

/// Collects the money of an order (R3.26).
pub(super) fn money(causality: &Causality<'_>, sessions: &SessionRows) -> Money {
    use WorkOrderFact as F;
    let mut money = Money::default();
    let mut delivered = BTreeSet::new();
    for fact in &causality.facts {
        let Payload::WorkOrder(content) = &fact.payload else { continue };
        match content {
            F::Quoted(quoted) => money.quotes.push(Quote {
                key: fact.key,
                visit: quoted.visit,
                amount_fen: quoted.amount_fen,
                accepted: None,
            }),
            F::QuoteAccepted(of) => answer(&mut money, of.quote, true),
            F::QuoteDeclined(of) => answer(&mut money, of.quote, false),
            F::Charged(charged) => money.charges.push(Charge {
                key: fact.key,
                visit: charged.visit,
                amount_fen: charged.amount_fen,
                method: charged.method,
                at_ms: fact_time(fact, sessions).at_ms,
                handed_in_fen: 0,
                handed_in: Vec::new(),
                invoiced_fen: 0,
                invoices: Vec::new(),
                delivered: false,
            }),
            F::HandedIn(handed) => {
                if let Some(charge) = charge(&mut money, handed.charge) {
                    charge.handed_in_fen = charge.handed_in_fen.saturating_add(handed.amount_fen);
                    charge.handed_in.push(fact.key);
                }
            }
            F::Invoiced(invoice) => {
                if let Some(charge) = charge(&mut money, invoice.charge) {
                    charge.invoiced_fen = charge.invoiced_fen.saturating_add(invoice.amount_fen);
                    charge.invoices.push(fact.key);
                }
            }
            F::InvoiceDelivered(of) => {
                delivered.insert(of.invoice);
            }
            F::Refunded(refund) => {
                money.refunded_fen = money.refunded_fen.saturating_add(refund.amount_fen);
            }
            _ => {}
        }
    }
    for charge in &mut money.charges {
        charge.delivered = !charge.invoices.is_empty()
            && charge.invoices.iter().all(|invoice| delivered.contains(invoice));
    }
    money
}

fn answer(money: &mut Money, key: FactKey, accepted: bool) {
    if let Some(quote) = money.quotes.iter_mut().find(|quote| quote.key == key) {
        quote.accepted = Some(accepted);
    }
}

fn charge(money: &mut Money, key: FactKey) -> Option<&mut Charge> {
    money.charges.iter_mut().find(|charge| charge.key == key)
}
