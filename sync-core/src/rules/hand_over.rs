//! Shift hand-overs (一 3.6): who goes lists open matters, keys, radios and cash; who comes
//! confirms. Nobody takes over from oneself, and cash that does not balance is a case.

use serde::{Deserialize, Serialize};

use super::cases::Case;
use super::cash::ShiftCash;
use super::deadlines::Deadline;
use super::denial::{Denial, DenialCode};
use super::form::Form;
use super::kind::{
    Details, FieldRule, FoldInput, Folded, Kind, Needs, amount, date, missing, name, note,
};
use super::limits::range;
use super::permission::DESK;
use super::review::Review;
use super::sla::{Limit, Stamp, Target};
use super::status::Status;
use super::words::together;
use crate::model::fact::Fact;
use crate::model::hand_over::{
    CashCounted, CashLine, HandOverFact, KIND, ListedKey, MatterListed, Radio, SCHEMA,
};
use crate::model::id::{FactKey, PersonId};
use crate::model::payload::{OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::time::WallMs;

/// A hand-over as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HandOver {
    /// Every open matter.
    pub matters: Vec<Matter>,
    /// The keys as listed last: every one of any list that no later list knew of.
    pub keys: Vec<ListedKey>,
    /// The radios as listed last, likewise.
    pub radios: Vec<Radio>,
    /// The counts of the cash that no later count knew of.
    pub counts: Vec<Count>,
    /// Who handed over, last.
    pub handed_over: Option<Turn>,
    /// Who took over, first.
    pub taken_over: Option<Turn>,
    /// What differs, in the words of who took over.
    pub differences: Option<String>,
}

/// An open matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matter {
    /// Its fact.
    pub key: FactKey,
    /// What it says.
    pub matter: MatterListed,
}

/// A count of the cash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Its fact.
    pub key: FactKey,
    /// What was counted and listed.
    pub counted: CashCounted,
    /// Its account.
    pub account: ShiftCash,
}

/// Somebody's part in a hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Its fact.
    pub key: FactKey,
    /// Who wrote it.
    pub by: Option<PersonId>,
    /// For whom it was written, where for somebody else.
    pub on_behalf_of: Option<PersonId>,
    /// When.
    pub at_ms: WallMs,
}

impl Turn {
    fn people(&self) -> impl Iterator<Item = PersonId> {
        self.by.into_iter().chain(self.on_behalf_of)
    }
}

/// Whom the server tells of a shift that nobody took over.
const TOLD: &[Role] = &[Role::Supervisor];
/// Keys, radios, matters and lines of one list.
const LISTED_MAX: i64 = 300;
/// Matters and counts of one hand-over; what hostile facts could make is not bounded.
const FACTS_MAX: usize = 300;

/// The kind.
pub(super) struct HandOvers;

impl Kind for HandOvers {
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
            OpeningContent::HandOver(created) => {
                date("date", &created.date)?;
                name("desk", &created.desk)
            }
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn fields(&self) -> &'static [FieldRule] {
        &[]
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["date", "desk", "from_person", "shift", "shift_ends_at_ms"]
    }

    fn forms(&self) -> &'static [Form] {
        super::hand_over_forms::FORMS
    }

    // R1.14
    fn needs(&self, payload: &Payload, before: &Review) -> Result<Needs, Denial> {
        use HandOverFact as F;
        let Payload::HandOver(fact) = payload else {
            return Err(Denial::new(DenialCode::WrongKind));
        };
        let needs = Needs::roles(DESK);
        match fact {
            F::TakenOver(_) => {
                let turn = match &before.details {
                    Some(Details::HandOver(hand_over)) => hand_over.handed_over,
                    _ => None,
                };
                let turn = turn.ok_or_else(|| missing("handed_over"))?;
                Ok(needs.other_than(turn.people().collect()))
            }
            _ => Ok(needs),
        }
    }

    /// Not whoever counted (一 3.6).
    fn case_closers(&self) -> &'static [Role] {
        &[Role::Supervisor, Role::ProjectManager]
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[
            ("matter_listed", DESK),
            ("keys_listed", DESK),
            ("radios_listed", DESK),
            ("cash_counted", DESK),
            ("handed_over", DESK),
            ("taken_over", DESK),
        ]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        use HandOverFact as F;
        let Payload::HandOver(fact) = payload else { return Ok(()) };
        match fact {
            F::MatterListed(of) => note("text", &of.text),
            F::KeysListed(of) => few("keys", of.keys.len()),
            F::RadiosListed(of) => {
                few("radios", of.radios.len())?;
                of.radios.iter().try_for_each(|radio| {
                    radio.note.iter().try_for_each(|text| name("note", text))?;
                    name("name", &radio.name)
                })
            }
            F::CashCounted(of) => {
                amount("opening_fen", of.opening_fen)?;
                amount("counted_fen", of.counted_fen)?;
                few("takings", of.takings.len())?;
                few("payouts", of.payouts.len())?;
                let mut lines = of.takings.iter().chain(&of.payouts);
                lines.try_for_each(|line| amount("amount_fen", line.amount_fen))
            }
            F::HandedOver => Ok(()),
            F::TakenOver(of) => of.differences.iter().try_for_each(|t| note("differences", t)),
        }
    }

    fn names(&self, _payload: &Payload) -> Vec<(FactKey, &'static str)> {
        Vec::new()
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let (hand_over, turns) = fold(input);
        let status = match (&hand_over.handed_over, &hand_over.taken_over) {
            (_, Some(_)) => Status::TakenOver,
            (Some(_), None) => Status::HandedOver,
            (None, None) => Status::Opened,
        };
        Folded {
            status,
            until_ms: None,
            deadlines: deadlines(&hand_over, input),
            cases: cases(&hand_over, &turns, input),
            closed_at_ms: hand_over.taken_over.map(|turn| turn.at_ms),
            details: Some(Details::HandOver(hand_over)),
        }
    }
}

fn few(field: &str, count: usize) -> Result<(), Denial> {
    range(field, i64::try_from(count).unwrap_or(i64::MAX), 0, LISTED_MAX)
}

/// Everybody's part, in causal order.
#[derive(Default)]
struct Turns {
    handed: Vec<Turn>,
    taken: Vec<Turn>,
}

fn fold(input: &FoldInput<'_>) -> (HandOver, Turns) {
    use HandOverFact as F;
    let mut hand_over = HandOver::default();
    let mut turns = Turns::default();
    let mut counts: Vec<(FactKey, &CashCounted)> = Vec::new();
    let mut keys: Vec<(FactKey, &[ListedKey])> = Vec::new();
    let mut radios: Vec<(FactKey, &[Radio])> = Vec::new();
    let mut differences: Vec<&str> = Vec::new();
    for fact in input.facts() {
        let Payload::HandOver(content) = &fact.payload else { continue };
        match content {
            F::MatterListed(matter) if hand_over.matters.len() < FACTS_MAX => {
                hand_over.matters.push(Matter { key: fact.key, matter: matter.clone() });
            }
            F::KeysListed(listed) => keys.push((fact.key, &listed.keys)),
            F::RadiosListed(listed) => radios.push((fact.key, &listed.radios)),
            F::CashCounted(counted) if counts.len() < FACTS_MAX => {
                counts.push((fact.key, counted));
            }
            F::HandedOver if turns.handed.len() < FACTS_MAX => {
                turns.handed.push(turn(fact, input));
            }
            F::TakenOver(taken) if turns.taken.len() < FACTS_MAX => {
                differences.extend(taken.differences.as_deref());
                turns.taken.push(turn(fact, input));
            }
            _ => {}
        }
    }
    let latest = input.latest(&counts.iter().map(|(key, _)| *key).collect::<Vec<_>>());
    let standing = counts.into_iter().filter(|(key, _)| latest.contains(key));
    hand_over.counts = standing
        .map(|(key, counted)| Count {
            key,
            counted: counted.clone(),
            account: ShiftCash::of(counted),
        })
        .collect();
    hand_over.keys = listed(&keys, input);
    hand_over.radios = listed(&radios, input);
    hand_over.differences = together(differences.into_iter());
    let last = input.causality.last(turns.handed.iter().map(|turn| (turn.key, *turn)));
    let last = last.into_iter().map(|(_, turn)| turn);
    hand_over.handed_over = last.max_by_key(|turn| (turn.at_ms, turn.key));
    let taken = turns.taken.iter().filter_map(|turn| input.causality.fact(turn.key));
    let first = input.earliest(taken).map(|first| first.key);
    hand_over.taken_over = turns.taken.iter().find(|turn| Some(turn.key) == first).copied();
    (hand_over, turns)
}

/// What stands in the lists that no later list knew of, each once (R1.20).
fn listed<T: Clone + PartialEq>(lists: &[(FactKey, &[T])], input: &FoldInput<'_>) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for one in input.causality.last(lists.iter().copied()).into_iter().flat_map(|(_, list)| list) {
        if all.len() < FACTS_MAX && !all.contains(one) {
            all.push(one.clone());
        }
    }
    all
}

fn turn(fact: &Fact, input: &FoldInput<'_>) -> Turn {
    Turn {
        key: fact.key,
        by: input.by(fact),
        on_behalf_of: fact.on_behalf_of,
        at_ms: input.time(fact).at_ms,
    }
}

/// Taken over by the shift's end (R1.15).
fn deadlines(hand_over: &HandOver, input: &FoldInput<'_>) -> Vec<Deadline> {
    let Some(ends_at_ms) = input.field::<WallMs>("shift_ends_at_ms") else { return Vec::new() };
    let taken = hand_over.taken_over.and_then(|turn| input.causality.fact(turn.key));
    let met = taken.map(|fact| Stamp::of(fact, input.sessions));
    let target = Target::new("taken_over", None, Limit::At(ends_at_ms)).met(met).tells(TOLD);
    vec![input.sla().judge(&target)]
}

// R1.14, R1.16
fn cases(hand_over: &HandOver, turns: &Turns, input: &FoldInput<'_>) -> Vec<Case> {
    let mut found = Vec::new();
    for (index, count) in hand_over.counts.iter().enumerate() {
        if !count.account.balances() {
            let mut case = input.case("cash_not_balanced", [count.key]);
            let account = &count.account;
            case.params.insert("expected_fen".to_owned(), account.expected_fen.into());
            case.params.insert("counted_fen".to_owned(), account.counted_fen.into());
            case.params.insert("difference_fen".to_owned(), account.difference_fen.into());
            found.push(case);
        }
        // None of them knew of the other.
        for other in &hand_over.counts[index + 1..] {
            if !same(&count.counted, &other.counted) && found.len() < FACTS_MAX {
                found.push(input.case("counts_disagree", [count.key, other.key]));
            }
        }
    }
    for handed in &turns.handed {
        for taken in &turns.taken {
            let oneself = handed.people().any(|who| taken.people().any(|other| other == who));
            if oneself && found.len() < FACTS_MAX {
                found.push(input.case("handed_to_oneself", [handed.key, taken.key]));
            }
        }
    }
    found
}

/// The same cash, whatever the order of its lines.
fn same(one: &CashCounted, other: &CashCounted) -> bool {
    let sorted = |lines: &[CashLine]| {
        let mut keys: Vec<_> =
            lines.iter().map(|line| (line.record, line.fact, line.amount_fen)).collect();
        keys.sort_unstable();
        keys
    };
    one.opening_fen == other.opening_fen
        && one.counted_fen == other.counted_fen
        && sorted(&one.takings) == sorted(&other.takings)
        && sorted(&one.payouts) == sorted(&other.payouts)
}
