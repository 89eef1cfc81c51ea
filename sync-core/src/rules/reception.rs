//! Receptions (一): whoever receives a matter owns it until it is closed; what is promised has a
//! time; what goes to others is taken over by them; what the desk takes from an assistant is
//! settled the same working day; whoever called about an outage is called back at its end.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cases::Case;
use super::closing::{Turn, Turns};
use super::deadlines::Deadline;
use super::denial::{Denial, DenialCode};
use super::form::Form;
use super::kind::{
    Details, FieldRule, FoldInput, Folded, Holds, Kind, Needs, amount, name, note, reason,
};
use super::limits;
use super::reception_fold::{Reception, fold};
use super::review::Review;
use super::sla::{Limit, Stamp, Target};
use super::status::Status;
use crate::model::audience::Audience;
use crate::model::department::Department;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId, RecordId};
use crate::model::payload::{GeneralFact, OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::reception::{
    KIND, Matter, Owner, PassedTo, PriceTold, ReceptionCreated, ReceptionFact, SCHEMA,
};

/// Who receives customers and answers them (一 2.2).
const DESK: &[Role] =
    &[Role::FrontDesk, Role::Assistant, Role::DutyOperator, Role::Supervisor, Role::ProjectManager];
/// Who hands a matter of the own group to the desk (一 3.2.4).
const ASSISTANTS: &[Role] = &[Role::Assistant, Role::Supervisor, Role::ProjectManager];
/// Whom a broken promise is told.
const ANSWERERS: &[Role] = &[Role::FrontDesk, Role::Assistant];
/// Who follows what the desk took over (一 3.2.4), and the supervisor behind them (R1.8).
const FOLLOWERS: &[Role] = &[Role::Assistant, Role::Supervisor];
/// The head of the department that a suggestion went to (一 3.4.8, 二 4.3.2, R1.9).
const HEADS: &[Role] = &[Role::Supervisor];
/// The last moment anything may be promised for: the year 9999.
const AT_MS_MAX: i64 = 253_402_300_799_999;
/// Codes of matters and channels, as fields hold them.
pub(super) const MATTERS: &[&str] =
    &["inquiry", "repair", "complaint", "suggestion", "paid_service", "message"];
pub(super) const CHANNELS: &[&str] = &["walk_in", "phone", "assistant", "letter"];

/// The kind.
pub(super) struct Receptions;

impl Kind for Receptions {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> u32 {
        SCHEMA
    }

    fn opened_by(&self, _content: &OpeningContent) -> Result<Needs, Denial> {
        Ok(Needs::roles(DESK))
    }

    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial> {
        match content {
            OpeningContent::Reception(created) => check_created(created),
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn fields(&self) -> &'static [FieldRule] {
        const fn rule(name: &'static str, holds: Holds) -> FieldRule {
            FieldRule { name, holds, roles: DESK }
        }
        const FIELDS: &[FieldRule] = &[
            rule("channel", Holds::OneOf(CHANNELS)),
            rule("contact", Holds::Record),
            rule("description", Holds::Text(limits::DESCRIPTION_CHARACTERS_MAX)),
            rule("group", Holds::Whole(0, u32::MAX as i64)),
            rule("matter", Holds::OneOf(MATTERS)),
            rule("owner", Holds::Shape(check_owner)),
            rule("received_at_ms", Holds::Whole(0, AT_MS_MAX)),
            rule("unit", Holds::Text(limits::NAME_CHARACTERS_MAX)),
        ];
        FIELDS
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["by_caller_id"]
    }

    fn departments(&self, _before: &Review) -> Vec<Department> {
        vec![Department::CUSTOMER_SERVICE]
    }

    fn forms(&self) -> &'static [Form] {
        super::reception_forms::FORMS
    }

    fn needs(&self, payload: &Payload, before: &Review) -> Result<Needs, Denial> {
        use ReceptionFact as F;
        let Payload::Reception(fact) = payload else {
            return Err(Denial::new(DenialCode::WrongKind));
        };
        Ok(match fact {
            F::OutageOver(_) => Needs::server(),
            // The colleague is anybody; who it was is judged in the fold.
            F::MessageReceived(_) => Needs::anyone(),
            F::TookOver(of) => match passed_to(before, of.passing)? {
                PassedTo::Department(department) => Needs::anyone().of(department.clone()),
                PassedTo::Person(_) => Needs::anyone(),
            },
            F::ToDesk(_) => Needs::roles(ASSISTANTS).of(Department::CUSTOMER_SERVICE),
            _ => Needs::roles(DESK).of(Department::CUSTOMER_SERVICE),
        })
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[
            ("read_back", DESK),
            ("reception_answered", DESK),
            ("reply_promised", DESK),
            ("replied", DESK),
            ("passed_on", DESK),
            ("declined_with_consent", DESK),
            ("put_through", DESK),
            ("price_told", DESK),
            ("appointed", DESK),
            ("to_desk", ASSISTANTS),
            ("attached_to", DESK),
            ("detached_from", DESK),
            ("outage_over", &[]),
            ("outage_called_back", DESK),
            ("reception_closed", DESK),
            ("reception_reopened", DESK),
        ]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        use ReceptionFact as F;
        let Payload::Reception(fact) = payload else { return Ok(()) };
        match fact {
            F::ReadBack | F::TookOver(_) | F::MessageReceived(_) => Ok(()),
            F::AttachedTo(_) | F::OutageOver(_) => Ok(()),
            F::ReceptionAnswered(of) | F::ToDesk(of) => note("text", &of.text),
            F::ReceptionClosed(of) | F::ReceptionReopened(of) => note("text", &of.text),
            F::ReplyPromised(of) => {
                limits::range("by_ms", of.by_ms, 0, AT_MS_MAX)?;
                of.text.iter().try_for_each(|text| note("text", text))
            }
            F::Replied(of) => note("text", &of.text),
            F::PassedOn(of) => note("text", &of.text),
            F::DeclinedWithConsent(of) => reason(&of.reason),
            F::PutThrough(of) => name("to", &of.to),
            F::PriceTold(PriceTold::Amount { amount_fen }) => amount("amount_fen", *amount_fen),
            F::PriceTold(PriceTold::OnSite) => Ok(()),
            F::Appointed(of) => limits::range("at_ms", of.at_ms, 0, AT_MS_MAX),
            F::DetachedFrom(of) => reason(&of.reason),
            F::OutageCalledBack(of) => note("text", &of.text),
        }
    }

    fn names(&self, payload: &Payload) -> Vec<(FactKey, &'static str)> {
        use ReceptionFact as F;
        let Payload::Reception(fact) = payload else { return Vec::new() };
        match fact {
            F::Replied(of) => of.promise.map(|key| (key, "reply_promised")).into_iter().collect(),
            F::TookOver(of) | F::MessageReceived(of) => vec![(of.passing, "passed_on")],
            F::DetachedFrom(of) => vec![(of.attachment, "attached_to")],
            F::OutageCalledBack(of) => vec![(of.attachment, "attached_to")],
            _ => Vec::new(),
        }
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let mut reception = fold(input);
        let turns = Turns::of(input.causality, |fact| turn(&reception, fact));
        let closed = turns.closing(input);
        reception.closed_at_ms = closed.map(|closed| closed.at_ms);
        Folded {
            status: status(&reception),
            until_ms: None,
            deadlines: deadlines(&reception, turns.met(input), input),
            cases: cases(&reception, &turns, input),
            closed_at_ms: reception.closed_at_ms,
            details: Some(Details::Reception(reception)),
        }
    }

    fn audiences(&self, review: &Review) -> BTreeSet<Audience> {
        let (Some(site), Ok(reception)) = (review.site, of(review)) else {
            return BTreeSet::new();
        };
        // Whoever it was passed on to has to see what about.
        let passed = reception.passings.iter().filter_map(|passing| match &passing.to {
            PassedTo::Person(person) => Some(*person),
            PassedTo::Department(_) => None,
        });
        let people: BTreeSet<PersonId> = passed.chain(reception.owner).collect();
        people.into_iter().map(|person| Audience::User(site, person)).collect()
    }

    fn links(&self, review: &Review) -> Vec<(&'static str, RecordId)> {
        let Ok(reception) = of(review) else { return Vec::new() };
        let attached = reception.outages.iter().filter(|outage| !outage.detached);
        attached.map(|outage| ("attached_to", outage.record)).collect()
    }
}

fn check_created(created: &ReceptionCreated) -> Result<(), Denial> {
    created.unit.iter().try_for_each(|unit| name("unit", unit))?;
    let mut received = created.received_at_ms.iter();
    received.try_for_each(|at_ms| limits::range("received_at_ms", *at_ms, 0, AT_MS_MAX))?;
    limits::text("description", &created.description, limits::DESCRIPTION_CHARACTERS_MAX)
}

// R1.3
fn check_owner(value: &Value) -> Result<(), Denial> {
    let owner: Owner = serde_json::from_value(value.clone())
        .map_err(|_| Denial::new(DenialCode::OutOfRange).with("field", "owner"))?;
    reason(&owner.reason)
}

pub(super) fn of(review: &Review) -> Result<&Reception, Denial> {
    match &review.details {
        Some(Details::Reception(reception)) => Ok(reception),
        _ => Err(Denial::new(DenialCode::WrongKind)),
    }
}

fn passed_to(review: &Review, key: FactKey) -> Result<&PassedTo, Denial> {
    let found = of(review)?.passings.iter().find(|passing| passing.key == key);
    let found = found.map(|passing| &passing.to);
    found.ok_or_else(|| Denial::new(DenialCode::NoSuchFact).with("fact", "passed_on"))
}

/// A message is closed by the colleague's word, everything else by the desk's (R1.6).
fn turn(reception: &Reception, fact: &Fact) -> Option<Turn> {
    // R3.48
    if matches!(fact.payload, Payload::General(GeneralFact::DuplicateOf(_))) {
        return Some(Turn::Closes);
    }
    let Payload::Reception(content) = &fact.payload else { return None };
    let received = || {
        let mut passings = reception.passings.iter();
        passings.any(|passing| passing.received == Some(fact.key))
    };
    match content {
        ReceptionFact::ReceptionClosed(_) => Some(Turn::Closes),
        ReceptionFact::ReceptionReopened(_) => Some(Turn::Reopens),
        ReceptionFact::MessageReceived(_) => {
            (reception.matter == Some(Matter::Message) && received()).then_some(Turn::Closes)
        }
        _ => None,
    }
}

fn status(reception: &Reception) -> Status {
    if reception.closed_at_ms.is_some() {
        Status::Closed
    } else if reception.to_desk.is_some() {
        Status::AtTheDesk
    } else if reception.promises.iter().any(|promise| promise.replied.is_none()) {
        Status::ReplyPromised
    } else if reception.passings.iter().any(|passing| passing.received.is_none()) {
        Status::PassedOn
    } else if reception.answered {
        Status::Answered
    } else {
        Status::Opened
    }
}

// R1.4
fn deadlines(reception: &Reception, closed: Option<Stamp>, input: &FoldInput<'_>) -> Vec<Deadline> {
    let sla = input.sla();
    let stamp = |key: FactKey| {
        let fact = input.causality.fact(key)?;
        Some(Stamp::of(fact, input.sessions))
    };
    let from = |key: FactKey| stamp(key).and_then(|stamp| stamp.judgeable_ms());
    let mut targets = Vec::new();
    for promise in &reception.promises {
        let target = Target::new("reply", from(promise.key), Limit::At(promise.by_ms));
        // What was closed without the answer is a case of its own.
        let met = promise.replied.and_then(stamp).or(closed);
        targets.push(target.of(promise.key).met(met).tells(ANSWERERS));
    }
    if let Some(key) = reception.to_desk {
        let target = Target::new("same_day", from(key), Limit::WorkingDayEnd);
        targets.push(target.met(closed).tells(FOLLOWERS));
    }
    for passing in &reception.passings {
        let of_department = matches!(passing.to, PassedTo::Department(_));
        if of_department && reception.matter == Some(Matter::Suggestion) {
            let target = Target::new("suggestion", from(passing.key), Limit::WorkingDayEnd);
            let met = passing.received.and_then(stamp).or(closed);
            targets.push(target.of(passing.key).met(met).tells(HEADS));
        }
    }
    for outage in reception.outages.iter().filter(|outage| !outage.detached) {
        let Some(over_at_ms) = outage.over_at_ms else { continue };
        let limit = Limit::Elapsed(input.policy.call_back_ms);
        let target = Target::new("outage_call_back", Some(over_at_ms), limit);
        // Closed or not: all are called back (R1.11).
        let met = outage.called_back.and_then(stamp);
        targets.push(target.of(outage.key).met(met).tells(ANSWERERS));
    }
    targets.iter().map(|target| sla.judge(target)).collect()
}

fn cases(reception: &Reception, turns: &Turns, input: &FoldInput<'_>) -> Vec<Case> {
    let mut found = Vec::new();
    found.extend(turns.case("closed_and_reopened", input.causality, input.sessions));
    let others = reception.passings.iter().filter_map(|passing| passing.received_by_another);
    found.extend(others.map(|key| input.case("received_by_another", [key])));
    // Two people told the customer two times, and neither knew of the other (R1.10).
    if reception.appointments.len() > 1 {
        let keys = reception.appointments.iter().map(|(key, _)| *key);
        found.push(input.case("appointments_disagree", keys));
    }
    // Two prices likewise (R1.19).
    if reception.prices.iter().any(|(_, price)| Some(*price) != reception.price) {
        let keys = reception.prices.iter().map(|(key, _)| *key);
        found.push(input.case("prices_told_differ", keys));
    }
    if reception.closed_at_ms.is_none() {
        return found;
    }
    let open = reception.promises.iter().filter(|promise| promise.replied.is_none());
    found.extend(open.map(|promise| input.case("closed_before_reply", [promise.key])));
    if reception.matter == Some(Matter::Message) {
        let received = reception.passings.iter().any(|passing| passing.received.is_some());
        let waiting = reception.passings.iter().filter(|_| !received);
        found.extend(waiting.map(|passing| input.case("message_not_received", [passing.key])));
    }
    found
}
