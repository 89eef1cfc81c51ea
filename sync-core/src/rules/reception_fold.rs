//! A reception as it stands, from its facts in causal order.

use serde::{Deserialize, Serialize};

use super::kind::FoldInput;
use super::words::last_words;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId, RecordId};
use crate::model::payload::{GeneralFact, Payload};
use crate::model::reception::{Matter, Owner, PassedTo, PriceTold, ReceptionFact};
use crate::model::time::WallMs;

/// A reception as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reception {
    /// What it is about; none of a newer code.
    pub matter: Option<Matter>,
    /// When the customer came: as said, else when it was written.
    pub received_at_ms: Option<WallMs>,
    /// Who owns it: whoever received it, or was given it.
    pub owner: Option<PersonId>,
    /// It was read back and confirmed.
    pub read_back: bool,
    /// The customer has an answer of some kind: an answer, a reply, a refusal, a superior.
    pub answered: bool,
    /// What was promised.
    pub promises: Vec<Promise>,
    /// To whom it went.
    pub passings: Vec<Passing>,
    /// The customer agreed that it cannot be done.
    pub declined: bool,
    /// Whom the customer was put through to last.
    pub put_through: Option<String>,
    /// What it costs, as told last.
    pub price: Option<PriceTold>,
    /// The prices that no later one replaces, with their facts: one, or several that knew nothing
    /// of one another.
    pub prices: Vec<(FactKey, PriceTold)>,
    /// The appointments that no later one replaces, with their facts: one, or several that knew
    /// nothing of one another.
    pub appointments: Vec<(FactKey, WallMs)>,
    /// The fact by which an assistant handed it to the desk.
    pub to_desk: Option<FactKey>,
    /// The outages it is about.
    pub outages: Vec<Outage>,
    /// When it was closed; none while it is open.
    pub closed_at_ms: Option<WallMs>,
}

/// A promised reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// Its fact.
    pub key: FactKey,
    /// By when. Milliseconds.
    pub by_ms: WallMs,
    /// The fact that keeps it.
    pub replied: Option<FactKey>,
}

/// Something passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passing {
    /// Its fact.
    pub key: FactKey,
    /// To whom.
    pub to: PassedTo,
    /// What.
    pub text: String,
    /// The fact that says that they have it.
    pub received: Option<FactKey>,
    /// Somebody else said that they have it.
    pub received_by_another: Option<FactKey>,
}

/// An order or notice that many callers are attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// The fact that attaches this caller.
    pub key: FactKey,
    /// The order or notice.
    pub record: RecordId,
    /// It was another one.
    pub detached: bool,
    /// When it ended, as the server said.
    pub over_at_ms: Option<WallMs>,
    /// The fact that says that this caller was told.
    pub called_back: Option<FactKey>,
}

impl Outage {
    /// Nobody has said yet that it is over.
    pub fn waits(&self) -> bool {
        !self.detached && self.over_at_ms.is_none()
    }
}

/// Promises, passings and outages of one reception; what hostile facts could make is not bounded.
const EACH_MAX: usize = 100;

/// Folds the facts; the closing, which rests on this, is the caller's.
pub(super) fn fold(input: &FoldInput<'_>) -> Reception {
    let mut reception = opened(input);
    let mut over: Vec<(RecordId, WallMs)> = Vec::new();
    let mut said = Said::default();
    for fact in input.facts() {
        let Payload::Reception(content) = &fact.payload else { continue };
        match content {
            ReceptionFact::OutageOver(of) if over.len() < EACH_MAX => {
                over.push((of.record, of.at_ms));
            }
            _ => take((&mut reception, &mut said), input, fact, content),
        }
    }
    reception.put_through = last_words(&said.put_through, input.causality);
    reception.prices = input.causality.last(said.prices);
    reception.prices.truncate(EACH_MAX);
    reception.price = reception.prices.first().map(|(_, price)| *price);
    for outage in &mut reception.outages {
        let ends = over.iter().filter(|(record, _)| *record == outage.record);
        outage.over_at_ms = ends.map(|(_, at_ms)| *at_ms).min();
    }
    reception
}

// R1.3
fn opened(input: &FoldInput<'_>) -> Reception {
    let created = input
        .facts()
        .find(|fact| matches!(fact.payload, Payload::General(GeneralFact::Created(_))));
    let owner: Option<Owner> = input.field("owner");
    let received_at_ms: Option<WallMs> = input.field("received_at_ms");
    Reception {
        matter: input.field("matter"),
        received_at_ms: received_at_ms.or_else(|| Some(input.time(created?).at_ms)),
        owner: owner.map(|owner| owner.person).or_else(|| input.by(created?)),
        read_back: false,
        answered: false,
        promises: Vec::new(),
        passings: Vec::new(),
        declined: false,
        put_through: None,
        price: None,
        prices: Vec::new(),
        appointments: Vec::new(),
        to_desk: None,
        outages: Vec::new(),
        closed_at_ms: None,
    }
}

/// What was said, of which the last counts.
#[derive(Default)]
struct Said<'a> {
    put_through: Vec<(FactKey, &'a str)>,
    prices: Vec<(FactKey, PriceTold)>,
}

fn take<'a>(
    (reception, said): (&mut Reception, &mut Said<'a>),
    input: &FoldInput<'_>,
    fact: &Fact,
    content: &'a ReceptionFact,
) {
    use ReceptionFact as F;
    let knew = |key: FactKey| input.causality.is_before(key, fact.key);
    match content {
        // R1.2
        F::ReadBack => reception.read_back = true,
        F::ReceptionAnswered(_) => {
            reception.answered = true;
            answer(&mut reception.promises, input, fact, |promise| knew(promise.key));
        }
        F::Replied(of) => {
            reception.answered = true;
            answer(&mut reception.promises, input, fact, |promise| {
                of.promise.map_or_else(|| knew(promise.key), |key| promise.key == key)
            });
        }
        F::ReplyPromised(of) if reception.promises.len() < EACH_MAX => {
            reception.promises.push(Promise { key: fact.key, by_ms: of.by_ms, replied: None });
        }
        F::PassedOn(of) if reception.passings.len() < EACH_MAX => {
            reception.passings.push(Passing {
                key: fact.key,
                to: of.to.clone(),
                text: of.text.clone(),
                received: None,
                received_by_another: None,
            });
        }
        F::TookOver(of) | F::MessageReceived(of) => {
            let mut passings = reception.passings.iter_mut();
            if let Some(passing) = passings.find(|passing| passing.key == of.passing) {
                receive(passing, input, fact);
            }
        }
        // R1.7
        F::DeclinedWithConsent(_) => {
            reception.answered = true;
            reception.declined = true;
        }
        // R1.7
        F::PutThrough(of) => {
            reception.answered = true;
            said.put_through.push((fact.key, &of.to));
        }
        F::PriceTold(price) => said.prices.push((fact.key, *price)),
        // R1.10
        F::Appointed(of) => {
            reception.appointments.retain(|(key, _)| !knew(*key));
            let same = reception.appointments.iter().any(|(_, at_ms)| *at_ms == of.at_ms);
            if !same && reception.appointments.len() < EACH_MAX {
                reception.appointments.push((fact.key, of.at_ms));
            }
        }
        F::ToDesk(_) => {
            input.counts(&mut reception.to_desk, fact);
        }
        _ => of_outage(&mut reception.outages, input, fact, content),
    }
}

fn of_outage(
    outages: &mut Vec<Outage>,
    input: &FoldInput<'_>,
    fact: &Fact,
    content: &ReceptionFact,
) {
    use ReceptionFact as F;
    let key = fact.key;
    match content {
        F::AttachedTo(of) if outages.len() < EACH_MAX => {
            outages.push(Outage {
                key,
                record: of.record,
                detached: false,
                over_at_ms: None,
                called_back: None,
            });
        }
        F::DetachedFrom(of) => on(outages, of.attachment, |outage| {
            outage.detached = true;
        }),
        F::OutageCalledBack(of) => on(outages, of.attachment, |outage| {
            input.counts(&mut outage.called_back, fact);
        }),
        _ => {}
    }
}

// R1.4
fn answer(
    promises: &mut [Promise],
    input: &FoldInput<'_>,
    fact: &Fact,
    of: impl Fn(&Promise) -> bool,
) {
    for promise in promises.iter_mut().filter(|promise| of(promise)) {
        input.counts(&mut promise.replied, fact);
    }
}

/// Only the person it went to has it; a department is anybody of it (R1.5).
fn receive(passing: &mut Passing, input: &FoldInput<'_>, fact: &Fact) {
    let by = fact.on_behalf_of.or_else(|| input.by(fact));
    let is_another = matches!(&passing.to, PassedTo::Person(person) if by != Some(*person));
    let place = if is_another { &mut passing.received_by_another } else { &mut passing.received };
    input.counts(place, fact);
}

fn on(outages: &mut [Outage], key: FactKey, change: impl FnOnce(&mut Outage)) {
    if let Some(outage) = outages.iter_mut().find(|outage| outage.key == key) {
        change(outage);
    }
}
