//! What does not balance in the money of an order, with both sides: prices, hand-ins, invoices,
//! refunds. Each imbalance is one case.

use std::collections::BTreeSet;

use serde_json::json;

use super::cases::{Case, CaseInput, day_end_ms};
use super::money::{Charge, Invoice, Money, Quote};
use super::paid_service::told_fen;
use super::site_time::SiteTime;
use crate::model::id::FactKey;
use crate::model::paid_service::{PriceLine, amount_fen};
use crate::model::payload::Payload;
use crate::model::policy::SlaPolicy;
use crate::model::time::WallMs;
use crate::model::work_order::{QuoteItem, WorkOrderFact};

/// What was told when the order was opened, and by which fact.
struct Told {
    key: FactKey,
    lines: Vec<PriceLine>,
}

impl Told {
    fn of(input: &CaseInput<'_>) -> Option<Self> {
        let field = input.fields.get("lines")?;
        let lines: Vec<PriceLine> = serde_json::from_value(field.value.clone()).ok()?;
        Some(Self { key: field.key?, lines }).filter(|told| !told.lines.is_empty())
    }

    /// What the price of an item was told to be, fen for one measure.
    fn price_fen(&self, item: &QuoteItem) -> Option<i64> {
        let line = self.lines.iter().find(|line| Some(line.item) == item.item)?;
        Some(line.unit_price_fen)
    }
}

/// All of them.
pub(super) fn money_cases(input: &CaseInput<'_>) -> Vec<Case> {
    let told = Told::of(input);
    let mut found = Vec::new();
    for charge in &input.money.charges {
        found.extend(of_charge(input, charge, told.as_ref()));
    }
    let late = input.money.invoices.iter().filter(|invoice| !invoice.delivered);
    let late = late.filter(|invoice| input.now_ms > invoice_due_ms(invoice, input.policy));
    found.extend(late.map(|invoice| input.case("invoice_not_delivered", [invoice.key])));
    let stray = input.money.refunds.iter().filter(|refund| refund.charge.is_none());
    found.extend(stray.map(|refund| input.case("refunded_too_much", [refund.key])));
    let quotes = input.money.quotes.iter();
    found.extend(quotes.filter_map(|quote| price_differs(input, quote, told.as_ref())));
    let quotes = input.money.quotes.iter();
    found.extend(quotes.filter_map(|quote| answers_differ(input, quote)));
    found
}

/// Accepted and declined by people who knew nothing of one another: a no holds until somebody who
/// knows both says what the customer said (R3.43).
fn answers_differ(input: &CaseInput<'_>, quote: &Quote) -> Option<Case> {
    let accepted =
        quote.answers.iter().filter_map(|key| input.causality.fact(*key)).map(|fact| {
            matches!(&fact.payload, Payload::WorkOrder(WorkOrderFact::QuoteAccepted(_)))
        });
    let said: BTreeSet<bool> = accepted.collect();
    (said.len() > 1).then(|| input.case("quote_answers_differ", quote.answers.iter().copied()))
}

/// When a case of the money comes by itself.
pub(super) fn next_ms(money: &Money, policy: &SlaPolicy) -> impl Iterator<Item = WallMs> {
    let open = money.charges.iter().filter(|charge| charge.handed_in.is_empty());
    let day_ends = open.map(|charge| day_end_ms(charge.at_ms, policy));
    let waiting = money.invoices.iter().filter(|invoice| !invoice.delivered);
    day_ends.chain(waiting.map(|invoice| invoice_due_ms(invoice, policy).saturating_add(1)))
}

/// The end of the day by which an invoice is at the customer's (三 3.2.7; the day is ours, R3.36).
fn invoice_due_ms(invoice: &Invoice, policy: &SlaPolicy) -> WallMs {
    let site = SiteTime::of(policy);
    let day_ms = site.days_later(invoice.at_ms, policy.invoice_delivered_days);
    let due_ms = day_ms.and_then(|day_ms| site.day_end(day_ms));
    let days_ms = i64::from(policy.invoice_delivered_days).saturating_mul(86_400_000);
    due_ms.unwrap_or_else(|| invoice.at_ms.saturating_add(days_ms))
}

/// Where a charge differs from what was agreed, handed in, invoiced and paid back.
/// R3.27, R3.28, R3.37, R3.38.
fn of_charge(input: &CaseInput<'_>, charge: &Charge, told: Option<&Told>) -> Vec<Case> {
    let mut found = Vec::new();
    let unequal = |against: &str, key: FactKey, amount_fen: i64| {
        let mut case = input.case("money_not_equal", [key, charge.key]);
        case.params.insert("against".to_owned(), json!(against));
        case.params.insert("charged_fen".to_owned(), json!(charge.amount_fen));
        case.params.insert("other_fen".to_owned(), json!(amount_fen));
        case
    };
    // Quoted at one visit, done at the next: the price agreed last is the price; without a quote
    // it is what was told when the order was opened.
    let quote = input.money.quotes.iter().rev().find(|quote| quote.accepted == Some(true));
    let told = told.map(|told| ("told", told.key, told_fen(&told.lines)));
    let agreed = quote.map(|quote| ("quote", quote.key, quote.amount_fen)).or(told);
    if let Some((against, key, amount_fen)) = agreed
        && amount_fen != charge.amount_fen
    {
        found.push(unequal(against, key, amount_fen));
    }
    if let Some(last) = charge.handed_in.last() {
        if charge.out_fen() != 0 {
            found.push(unequal("handed_in", *last, charge.handed_in_fen));
        }
    } else if input.now_ms >= day_end_ms(charge.at_ms, input.policy) {
        found.push(input.case("money_not_handed_in", [charge.key]));
    }
    if let Some(last) = charge.invoices.last()
        && charge.invoiced_fen != charge.amount_fen
    {
        found.push(unequal("invoiced", *last, charge.invoiced_fen));
    }
    if charge.refunded_fen > charge.amount_fen && !charge.refunds.is_empty() {
        let keys = charge.refunds.iter().copied().chain([charge.key]);
        let mut case = input.case("refunded_too_much", keys);
        case.params.insert("charged_fen".to_owned(), json!(charge.amount_fen));
        case.params.insert("other_fen".to_owned(), json!(charge.refunded_fen));
        found.push(case);
    }
    found
}

/// A quote whose lines are not what the catalogue's price makes of them, as far as the record says
/// what that price was: told in the line, or when the order was opened (R3.39).
fn price_differs(input: &CaseInput<'_>, quote: &Quote, told: Option<&Told>) -> Option<Case> {
    let mut keys = vec![quote.key];
    for item in quote.items.iter().filter(|item| item.item.is_some()) {
        let milli = item.quantity_milli.unwrap_or(1_000);
        let differs = |price_fen: i64| amount_fen(price_fen, milli) != item.amount_fen;
        let when_opened = told.and_then(|told| Some((told.key, told.price_fen(item)?)));
        match (when_opened, item.list_price_fen) {
            (Some((key, price_fen)), _) if differs(price_fen) => keys.extend([quote.key, key]),
            (None, Some(price_fen)) if differs(price_fen) => keys.push(quote.key),
            _ => {}
        }
    }
    // The quote stands alone in the list while no line differs.
    (keys.len() > 1).then(|| input.case("price_differs", keys))
}
