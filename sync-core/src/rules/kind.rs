//! Kinds of records as the rules see them: what a kind adds to what every record has. A new kind is
//! one file in `model`, one beside this that implements [`Kind`], and a line in [`KINDS`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cases::{Case, case_of};
use super::deadlines::Deadline;
use super::denial::{Denial, DenialCode};
use super::field_rules;
use super::fields::Field;
use super::follow::Follow;
use super::form::Form;
use super::limits::{self, range, text, time};
use super::opening::Opening;
use super::order::Causality;
use super::permission::{DESK, DESK_AND_LEAD};
use super::review::Review;
use super::status::Status;
use super::time::{FactTime, fact_time};
use super::{
    complaint, follow_up, hand_over, paid_service, periodic, price_item, reception, reception_fold,
    repair_notice, violation,
};
use crate::model::audience::Audience;
use crate::model::department::Department;
use crate::model::fact::Fact;
use crate::model::id::{FactKey, PersonId, RecordId};
use crate::model::payload::{OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::time::WallMs;

/// Every kind with rules of its own; the order is that of DOMAIN.
static KINDS: [&dyn Kind; 9] = [
    &reception::Receptions,
    &complaint::Complaints,
    &repair_notice::RepairNotices,
    &follow_up::FollowUps,
    &violation::Violations,
    &price_item::PriceItems,
    &paid_service::PaidServices,
    &hand_over::HandOvers,
    &periodic::PeriodicTasks,
];

/// What a review says of a record beyond what every record has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Details {
    /// A complaint.
    Complaint(complaint::Complaint),
    /// A violation.
    Violation(violation::Violation),
    /// A price item.
    PriceItem(price_item::PriceItem),
    /// A paid-service order.
    PaidService(paid_service::PaidService),
    /// A hand-over.
    HandOver(hand_over::HandOver),
    /// A reception.
    Reception(reception_fold::Reception),
    /// A notice of a repair.
    RepairNotice(repair_notice::RepairNotice),
    /// A follow-up.
    FollowUp(follow_up::FollowUp),
    /// A periodic task.
    Periodic(periodic::Periodic),
}

/// The rules of a kind, if it has any here.
pub(super) fn kind(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// The names of the kinds that have rules of their own.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name())
}

/// The fields of a kind: what they hold, and who writes them.
pub(super) fn fields(name: &str) -> &'static [FieldRule] {
    kind(name).map_or_else(|| field_rules::fields(name), Kind::fields)
}

/// Members of a kind's `created` that nobody writes later.
pub(super) fn fixed(name: &str) -> &'static [&'static str] {
    kind(name).map_or_else(|| field_rules::fixed(name), Kind::fixed)
}

/// The forms of a kind; none for one that has no rules of its own.
pub fn forms(name: &str) -> &'static [Form] {
    kind(name).map_or(&[], Kind::forms)
}

/// Who at all may write a fact of this type, whatever the record's state; none for a type that
/// everybody may write, or that belongs to no kind with rules of its own. It decides alone over a
/// fact in a shape that nobody here reads.
pub fn guards(fact_type: &str) -> Option<&'static [Role]> {
    let mut guarded = KINDS.iter().flat_map(|kind| kind.guarded());
    guarded.find(|(name, _)| *name == fact_type).map(|(_, roles)| *roles)
}

/// Whether records of a kind have visits and money, like a work order.
pub(super) fn has_visits(name: &str) -> bool {
    name == crate::model::work_order::KIND || name == crate::model::paid_service::KIND
}

/// Customer service, and the department that a record's field of that name names; none where it
/// names none, and then every department is concerned.
pub(super) fn concerned(review: &Review) -> Vec<Department> {
    let named = review.text("department").and_then(|code| code.parse().ok());
    let all = |named| vec![Department::CUSTOMER_SERVICE, named];
    named.map(all).unwrap_or_default()
}

/// The facts that a kind's fact names, each with the type it has to be of.
pub(super) fn names(payload: &Payload) -> Vec<(FactKey, &'static str)> {
    KINDS.iter().flat_map(|kind| kind.names(payload)).collect()
}

/// What a kind of record adds. Everything is a pure function of what it is given.
pub(super) trait Kind: Sync {
    /// Its name in `created`.
    fn name(&self) -> &'static str;

    /// The schema this code writes.
    fn schema(&self) -> u32;

    /// Who opens one by hand.
    fn opened_by(&self, content: &OpeningContent) -> Result<Needs, Denial>;

    /// Who opens one in a newer schema's shape, which nobody here reads.
    fn opened_unread(&self) -> Needs {
        Needs::roles(DESK)
    }

    /// Who closes its cases.
    fn case_closers(&self) -> &'static [Role] {
        DESK_AND_LEAD
    }

    /// Bounds of what it is opened with.
    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial>;

    /// Its fields: what they hold, and who writes them.
    fn fields(&self) -> &'static [FieldRule];

    /// Members of `created` that are no field: what a record was opened with and nobody writes
    /// later (R0.21).
    fn fixed(&self) -> &'static [&'static str] {
        &[]
    }

    /// Who writes a field of a record as it stands.
    fn field_roles(&self, rule: &FieldRule, _before: &Review) -> &'static [Role] {
        rule.roles
    }

    /// Whose business its fields and cases are: a role held for another department does nothing
    /// there (R0.4). Every department's if none is named.
    fn departments(&self, _before: &Review) -> Vec<Department> {
        Vec::new()
    }

    /// What an app asks for to open one, to write each of its fields that has a shape of its own,
    /// and to write each of its facts that people write.
    fn forms(&self) -> &'static [Form];

    /// Who may write a fact of it. A fact of another kind is no business of it.
    fn needs(&self, payload: &Payload, before: &Review) -> Result<Needs, Denial>;

    /// Fact types that not everybody may write, and who may: for one in a shape that this version
    /// does not read, so that it is no way around the type's own rules.
    fn guarded(&self) -> &'static [(&'static str, &'static [Role])];

    /// Bounds of a fact.
    fn check(&self, payload: &Payload) -> Result<(), Denial>;

    /// The facts that a fact names, each with the type it has to be of.
    fn names(&self, payload: &Payload) -> Vec<(FactKey, &'static str)>;

    /// How a record stands.
    fn fold(&self, input: &FoldInput<'_>) -> Folded;

    /// Whom it concerns beside its site's office and those whom it names.
    fn audiences(&self, _review: &Review) -> BTreeSet<Audience> {
        BTreeSet::new()
    }

    /// The records that its facts name, beside those that stand in its fields.
    fn links(&self, _review: &Review) -> Vec<(&'static str, RecordId)> {
        Vec::new()
    }

    /// What the server writes into it by a rule of its own, beside what falls due.
    fn follows(&self, _review: &Review, _now_ms: WallMs) -> Vec<Follow> {
        Vec::new()
    }

    /// The records that follow from it.
    fn openings(&self, _review: &Review, _now_ms: WallMs) -> Vec<Opening> {
        Vec::new()
    }
}

/// What it takes to write a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needs {
    /// One of these roles at the site.
    pub(super) roles: &'static [Role],
    /// Held for one of these departments, or for every one; any if none is named.
    pub(super) departments: Vec<Department>,
    /// A role held for one group of buildings reaches no record of another.
    pub(super) narrow: bool,
    /// None of these people, whatever their roles.
    pub(super) other_than: Vec<PersonId>,
}

impl Needs {
    pub(super) const fn roles(roles: &'static [Role]) -> Self {
        Self { roles, departments: Vec::new(), narrow: true, other_than: Vec::new() }
    }

    /// Any role at the site.
    pub(super) const fn anyone() -> Self {
        Self { roles: &Role::ALL, departments: Vec::new(), narrow: false, other_than: Vec::new() }
    }

    /// Only the server, by a rule.
    pub(super) const fn server() -> Self {
        Self { roles: &[], departments: Vec::new(), narrow: false, other_than: Vec::new() }
    }

    /// By somebody else than these people.
    pub(super) fn other_than(self, people: Vec<PersonId>) -> Self {
        Self { other_than: people, ..self }
    }

    /// Of one department.
    pub(super) fn of(self, department: Department) -> Self {
        self.of_any(vec![department])
    }

    /// Of one of these departments; of any if there is none.
    pub(super) fn of_any(self, departments: Vec<Department>) -> Self {
        Self { departments, ..self }
    }
}

/// A field of a kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldRule {
    /// Its name.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) holds: Holds,
    /// Who writes it.
    pub(super) roles: &'static [Role],
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    /// A person's number.
    Person,
    /// A record's id.
    Record,
    /// A text of at most so many characters.
    Text(usize),
    /// An RFC 3339 time.
    Time,
    /// A whole number from .. to.
    Whole(i64, i64),
    /// A department's code.
    Department,
    /// One of these codes.
    OneOf(&'static [&'static str]),
    /// Something with a shape of its own.
    Shape(fn(&Value) -> Result<(), Denial>),
}

impl FieldRule {
    /// Whether a value fits.
    pub(super) fn check(&self, value: &Value) -> Result<(), Denial> {
        let out_of_range = || Denial::new(DenialCode::OutOfRange).with("field", self.name);
        let string = || value.as_str().ok_or_else(out_of_range);
        let fits = |fits: bool| if fits { Ok(()) } else { Err(out_of_range()) };
        match self.holds {
            Holds::Person => fits(value.as_u64().is_some_and(|n| u32::try_from(n).is_ok())),
            Holds::Record => fits(string()?.parse::<RecordId>().is_ok()),
            Holds::Text(characters_max) => text(self.name, string()?, characters_max),
            Holds::Time => time(self.name, string()?),
            Holds::Whole(min, max) => {
                range(self.name, value.as_i64().ok_or_else(out_of_range)?, min, max)
            }
            Holds::Department => fits(string()?.parse::<Department>().is_ok()),
            Holds::OneOf(codes) => fits(codes.contains(&string()?)),
            Holds::Shape(check) => check(value),
        }
    }
}

/// What a record is folded from.
#[derive(Clone, Copy)]
pub(super) struct FoldInput<'a> {
    pub(super) causality: &'a Causality<'a>,
    pub(super) sessions: &'a SessionRows,
    pub(super) fields: &'a BTreeMap<String, Field>,
    pub(super) policy: &'a SlaPolicy,
    pub(super) now_ms: WallMs,
}

impl<'a> FoldInput<'a> {
    pub(super) fn of(
        now_ms: WallMs,
        causality: &'a Causality<'a>,
        sessions: &'a SessionRows,
        fields: &'a BTreeMap<String, Field>,
        policy: &'a SlaPolicy,
    ) -> Self {
        Self { causality, sessions, fields, policy, now_ms }
    }

    /// The facts in causal order.
    pub(super) fn facts(&self) -> impl DoubleEndedIterator<Item = &'a Fact> + use<'a> {
        self.causality.facts.iter().copied()
    }

    /// Who wrote a fact; none is the server, or somebody whose session is not here.
    pub(super) fn by(&self, fact: &Fact) -> Option<PersonId> {
        Some(self.sessions.get(&fact.key.session()?)?.person)
    }

    /// When a fact was written.
    pub(super) fn time(&self, fact: &Fact) -> FactTime {
        fact_time(fact, self.sessions)
    }

    /// A field's value, read as what it holds; none where it is missing or of another shape.
    pub(super) fn field<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.fields.get(name)?.value.clone()).ok()
    }

    /// A case that rests on these facts.
    pub(super) fn case(&self, kind: &str, rests_on: impl IntoIterator<Item = FactKey>) -> Case {
        case_of(self.causality, self.sessions, kind, rests_on)
    }

    /// Those of `keys` that no other of them knew of.
    pub(super) fn latest(&self, keys: &[FactKey]) -> Vec<FactKey> {
        self.causality.latest(keys)
    }
}

/// How a record stands, as its kind sees it.
#[derive(Debug)]
pub(super) struct Folded {
    /// Its status.
    pub(super) status: Status,
    /// When it next changes by itself, beside its deadlines.
    pub(super) until_ms: Option<WallMs>,
    /// Its deadlines.
    pub(super) deadlines: Vec<Deadline>,
    /// Its cases, none closed yet.
    pub(super) cases: Vec<Case>,
    /// What else is to be said.
    pub(super) details: Option<Details>,
    /// When it was closed; none while it is open.
    pub(super) closed_at_ms: Option<WallMs>,
}

/// A name, place or unit.
pub(super) fn name(field: &str, value: &str) -> Result<(), Denial> {
    text(field, value, limits::NAME_CHARACTERS_MAX)
}

/// A reason.
pub(super) fn reason(value: &str) -> Result<(), Denial> {
    text("reason", value, limits::REASON_CHARACTERS_MAX)
}

/// A note, an advice, a report.
pub(super) fn note(field: &str, value: &str) -> Result<(), Denial> {
    text(field, value, limits::NOTE_CHARACTERS_MAX)
}

/// An amount of money, fen.
pub(super) fn amount(field: &str, fen: i64) -> Result<(), Denial> {
    range(field, fen, 0, limits::AMOUNT_FEN_MAX)
}

/// A date, `YYYY-MM-DD`.
pub(super) fn date(field: &str, value: &str) -> Result<(), Denial> {
    let parsed = if value.len() == 10 { value.parse::<chrono::NaiveDate>().ok() } else { None };
    parsed.map(|_| ()).ok_or_else(|| Denial::new(DenialCode::BadTime).with("field", field))
}

/// What has to be on record first.
pub(super) fn missing(needs: &str) -> Denial {
    Denial::new(DenialCode::PreconditionMissing).with("needs", needs)
}
