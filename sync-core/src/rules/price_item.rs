//! Price items (五 3.1 to 3.3): managers propose prices, the general manager approves them, and the
//! price in force at any moment follows from what was approved.

use serde::{Deserialize, Serialize};

use super::cases::Case;
use super::denial::{Denial, DenialCode};
use super::form::Form;
use super::kind::{
    Details, FieldRule, FoldInput, Folded, Holds, Kind, Needs, amount, date, name, reason,
};
use super::limits;
use super::review::Review;
use super::status::Status;
use crate::model::audience::Audience;
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::{OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::price_item::{KIND, PriceItemFact, SCHEMA, ServiceKind};
use crate::model::time::WallMs;

/// A price item as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceItem {
    /// Every price that was proposed, in causal order.
    pub prices: Vec<Price>,
    /// When it was taken out of the catalogue.
    pub ended_at_ms: Option<WallMs>,
}

/// A price and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Its fact.
    pub key: FactKey,
    /// Who proposed it.
    pub by: Option<PersonId>,
    /// The price of one measure, fen.
    pub amount_fen: i64,
    /// From which day on.
    pub from_date: String,
    /// The verdicts on it that no other verdict on it knew of.
    pub verdicts: Vec<FactKey>,
    /// Approved, and not rejected by anybody who knew or did not know of it.
    pub approved: bool,
    /// From when it is in force: its day has begun and it is approved (五 3.1).
    pub from_ms: Option<WallMs>,
    /// Until when, exclusive: the approval was taken back.
    pub until_ms: Option<WallMs>,
}

impl PriceItem {
    /// The price in force at a moment: of those approved whose day had begun, the one that came
    /// into force last. None before the first, and after the item's end (R6.2).
    pub fn in_force(&self, at_ms: WallMs) -> Option<&Price> {
        if self.ended_at_ms.is_some_and(|ended_ms| ended_ms <= at_ms) {
            return None;
        }
        let holds = |price: &&Price| {
            let begun = price.from_ms.is_some_and(|from_ms| from_ms <= at_ms);
            begun && price.until_ms.is_none_or(|until_ms| at_ms < until_ms)
        };
        let begun = self.prices.iter().filter(holds);
        // Of two that begin together, the one proposed later; prices stand in causal order.
        begun.max_by_key(|price| price.from_ms)
    }

    /// When the price in force next changes by itself.
    fn next_ms(&self, now_ms: WallMs) -> Option<WallMs> {
        self.prices.iter().filter_map(|price| price.from_ms).filter(|ms| *ms > now_ms).min()
    }
}

/// Who prices what the operations department sells (五 3.2).
const OPERATIONS: &[Role] = &[Role::OperationsManager];
/// Who prices household services (五 3.2, 3.3).
const HOUSEHOLD: &[Role] = &[Role::OperationsManager, Role::CleaningManager];
/// Who approves (五 3.1, R6.2).
const APPROVERS: &[Role] = &[Role::GeneralManager];
/// Who takes an item out of the catalogue.
const ENDERS: &[Role] = &[Role::OperationsManager, Role::CleaningManager, Role::GeneralManager];
/// Prices of one item; what hostile facts could make is not bounded.
const PRICES_MAX: usize = 500;

/// The kind.
pub(super) struct PriceItems;

impl Kind for PriceItems {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> u32 {
        SCHEMA
    }

    fn opened_by(&self, content: &OpeningContent) -> Result<Needs, Denial> {
        match content {
            OpeningContent::PriceItem(created) => Ok(Needs::roles(pricers(created.service))),
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial> {
        match content {
            OpeningContent::PriceItem(created) => {
                name("name", &created.name)?;
                name("measure", &created.measure)
            }
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn fields(&self) -> &'static [FieldRule] {
        // The kind of service says who prices it: it is what the item was opened with.
        const TEXT: Holds = Holds::Text(limits::NAME_CHARACTERS_MAX);
        &[
            FieldRule { name: "measure", holds: TEXT, roles: HOUSEHOLD },
            FieldRule { name: "name", holds: TEXT, roles: HOUSEHOLD },
        ]
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["service"]
    }

    /// What a price is for changes with the price's own rules: the pricers' until one is approved,
    /// then the general manager's (五 3.1, R6.10).
    fn field_roles(&self, _rule: &FieldRule, before: &Review) -> &'static [Role] {
        let approved = match &before.details {
            Some(Details::PriceItem(item)) => item.prices.iter().any(|price| price.approved),
            _ => false,
        };
        if approved { APPROVERS } else { pricers_of(before) }
    }

    fn forms(&self) -> &'static [Form] {
        super::price_item_forms::FORMS
    }

    fn needs(&self, payload: &Payload, before: &Review) -> Result<Needs, Denial> {
        use PriceItemFact as F;
        let Payload::PriceItem(fact) = payload else {
            return Err(Denial::new(DenialCode::WrongKind));
        };
        let may_price = pricers_of(before);
        Ok(match fact {
            F::Priced(_) => Needs::roles(may_price),
            F::PriceApproved(of) => {
                price(before, of.price)?;
                Needs::roles(APPROVERS)
            }
            F::PriceRejected(of) => {
                price(before, of.price)?;
                Needs::roles(APPROVERS)
            }
            F::PriceItemEnded(_) => {
                let also = if may_price == HOUSEHOLD { ENDERS } else { OPERATIONS_AND_GENERAL };
                Needs::roles(also)
            }
        })
    }

    fn opened_unread(&self) -> Needs {
        Needs::roles(HOUSEHOLD)
    }

    fn case_closers(&self) -> &'static [Role] {
        APPROVERS
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[
            ("priced", HOUSEHOLD),
            ("price_approved", APPROVERS),
            ("price_rejected", APPROVERS),
            ("price_item_ended", ENDERS),
        ]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        use PriceItemFact as F;
        let Payload::PriceItem(fact) = payload else { return Ok(()) };
        match fact {
            F::Priced(priced) => {
                date("from_date", &priced.from_date)?;
                amount("amount_fen", priced.amount_fen)
            }
            F::PriceApproved(_) => Ok(()),
            F::PriceRejected(of) => reason(&of.reason),
            F::PriceItemEnded(of) => reason(&of.reason),
        }
    }

    fn names(&self, payload: &Payload) -> Vec<(FactKey, &'static str)> {
        match payload {
            Payload::PriceItem(PriceItemFact::PriceApproved(of)) => vec![(of.price, "priced")],
            Payload::PriceItem(PriceItemFact::PriceRejected(of)) => vec![(of.price, "priced")],
            _ => Vec::new(),
        }
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let (item, verdicts) = fold(input);
        Folded {
            status: status(&item, input.now_ms),
            until_ms: item.next_ms(input.now_ms),
            deadlines: Vec::new(),
            cases: cases(&verdicts, input),
            closed_at_ms: item.ended_at_ms,
            details: Some(Details::PriceItem(item)),
        }
    }

    fn audiences(&self, review: &Review) -> std::collections::BTreeSet<Audience> {
        // The price list is on the phone of everybody who tells prices.
        review.site.map(Audience::Workers).into_iter().collect()
    }
}

/// Who takes an item of the operations department out of the catalogue.
const OPERATIONS_AND_GENERAL: &[Role] = &[Role::OperationsManager, Role::GeneralManager];

// R6.1
fn pricers(service: ServiceKind) -> &'static [Role] {
    match service {
        ServiceKind::Household => HOUSEHOLD,
        ServiceKind::HomeRepair | ServiceKind::Business => OPERATIONS,
    }
}

fn pricers_of(item: &Review) -> &'static [Role] {
    let service = item.text("service").and_then(|code| {
        ServiceKind::ALL.into_iter().find(|kind| Some(code) == code_of(*kind).as_deref())
    });
    service.map_or(OPERATIONS, pricers)
}

fn code_of(service: ServiceKind) -> Option<String> {
    serde_json::to_value(service).ok()?.as_str().map(str::to_owned)
}

fn price(review: &Review, key: FactKey) -> Result<&Price, Denial> {
    let found = match &review.details {
        Some(Details::PriceItem(item)) => item.prices.iter().find(|price| price.key == key),
        _ => None,
    };
    found.ok_or_else(|| Denial::new(DenialCode::NoSuchFact).with("fact", "priced"))
}

/// The general manager's word on a price.
struct Verdict {
    key: FactKey,
    price: FactKey,
    at_ms: WallMs,
    /// When it was approved; none is a no.
    approved_ms: Option<WallMs>,
}

fn fold(input: &FoldInput<'_>) -> (PriceItem, Vec<Verdict>) {
    use PriceItemFact as F;
    let mut item = PriceItem { prices: Vec::new(), ended_at_ms: None };
    let mut verdicts: Vec<Verdict> = Vec::new();
    for fact in input.facts() {
        let Payload::PriceItem(content) = &fact.payload else { continue };
        let at_ms = input.time(fact).at_ms;
        let room = verdicts.len() < PRICES_MAX;
        match content {
            F::Priced(priced) if item.prices.len() < PRICES_MAX => item.prices.push(Price {
                key: fact.key,
                by: input.by(fact),
                amount_fen: priced.amount_fen,
                from_date: priced.from_date.clone(),
                verdicts: Vec::new(),
                approved: false,
                from_ms: None,
                until_ms: None,
            }),
            F::PriceApproved(of) if room => {
                let approved_ms = Some(at_ms);
                verdicts.push(Verdict { key: fact.key, price: of.price, at_ms, approved_ms });
            }
            F::PriceRejected(of) if room => {
                let approved_ms = None;
                verdicts.push(Verdict { key: fact.key, price: of.price, at_ms, approved_ms });
            }
            F::PriceItemEnded(_) => {
                let first = item.ended_at_ms.map_or(at_ms, |ended_ms| ended_ms.min(at_ms));
                item.ended_at_ms = Some(first);
            }
            F::Priced(_) | F::PriceApproved(_) | F::PriceRejected(_) => {}
        }
    }
    for price in &mut item.prices {
        judge(price, &verdicts, input);
    }
    (item, verdicts)
}

/// The latest word on a price holds; of words that did not know of one another a no does (R6.3).
fn judge(price: &mut Price, verdicts: &[Verdict], input: &FoldInput<'_>) {
    let on: Vec<FactKey> =
        verdicts.iter().filter(|v| v.price == price.key).map(|v| v.key).collect();
    price.verdicts = input.latest(&on);
    let latest = || verdicts.iter().filter(|verdict| price.verdicts.contains(&verdict.key));
    price.approved = latest().next().is_some() && latest().all(|v| v.approved_ms.is_some());
    let approvals = on.iter().filter_map(|key| {
        let verdict = verdicts.iter().find(|verdict| verdict.key == *key)?;
        let stands = price.approved && price.verdicts.contains(key);
        // What was taken back by somebody who knew of it was in force until then.
        let before = |later: &FactKey| input.causality.is_before(*key, *later);
        let taken_back = !price.approved && price.verdicts.iter().all(before);
        verdict.approved_ms.filter(|_| stands || taken_back)
    });
    let Some(approved_ms) = approvals.min() else { return };
    let site = super::site_time::SiteTime::of(input.policy);
    let day_ms = price.from_date.parse().ok().and_then(|day| site.day_begin(day));
    price.from_ms = day_ms.map(|day_ms| day_ms.max(approved_ms));
    let no = verdicts.iter().filter(|v| v.approved_ms.is_none() && price.verdicts.contains(&v.key));
    price.until_ms = no.map(|verdict| verdict.at_ms).min();
}

fn status(item: &PriceItem, now_ms: WallMs) -> Status {
    if item.ended_at_ms.is_some() {
        Status::Ended
    } else if item.in_force(now_ms).is_some() {
        Status::InEffect
    } else if item.prices.iter().any(|price| price.approved) {
        Status::Approved
    } else if item.prices.is_empty() {
        Status::Opened
    } else {
        Status::Proposed
    }
}

/// Words on prices that did not know of one another: two prices approved, or one price approved
/// and rejected (R6.4).
fn cases(verdicts: &[Verdict], input: &FoldInput<'_>) -> Vec<Case> {
    let mut found = Vec::new();
    for (index, first) in verdicts.iter().enumerate() {
        for second in &verdicts[index + 1..] {
            let apart = !input.causality.is_before(first.key, second.key);
            let both = first.approved_ms.is_some() && second.approved_ms.is_some();
            let one = first.approved_ms.is_some() != second.approved_ms.is_some();
            let same = first.price == second.price;
            let differ = (both && !same) || (one && same);
            if apart && differ && found.len() < PRICES_MAX {
                found.push(input.case("prices_disagree", [first.key, second.key]));
            }
        }
    }
    found
}
