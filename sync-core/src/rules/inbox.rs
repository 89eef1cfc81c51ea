//! The inbox of a person: what facts tell them, read off the records they hold. Read and
//! acknowledged are facts too, so every device of the person shows the same.

use serde::{Deserialize, Serialize};

use std::collections::BTreeSet;

use super::complaint::Escalation;
use super::deadlines::Deadline;
use super::follow::{fallen, is_withdrawn};
use super::kind::Details;
use super::permission::holds_role;
use super::review::{Review, TimelineEntry};
use super::roster::in_force;
use super::status::Status;
use crate::model::department::Department;
use crate::model::id::{FactKey, PersonId, RecordId, SiteId};
use crate::model::payload::FellDue;
use crate::model::person::{Principal, Role, RoleGrant};
use crate::model::time::WallMs;

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboxKind {
    /// An alarm, told to this person first.
    Alarm,
    /// An alarm nobody before has acknowledged.
    Escalated,
    /// A question from the office.
    Question,
    /// The office asks about what it has in its review list of this person's.
    Returned,
    /// The server refused what this person wrote: the office has it.
    Refused,
    /// Work given to this person.
    Assigned,
    /// Work given to somebody else.
    Reassigned,
    /// A record of this person's that was put aside: another one goes on in its place.
    PutAside,
    /// A customer's matter or message passed on to this person.
    PassedOn,
    /// A complaint that is this person's step now.
    EscalatedToYou,
    /// A report that was due and is not sent.
    ReportDue,
    /// A moment that has passed.
    Due,
}

impl InboxKind {
    /// Every kind, most pressing first.
    pub const ALL: [Self; 12] = [
        Self::Alarm,
        Self::Escalated,
        Self::Question,
        Self::Returned,
        Self::Refused,
        Self::Assigned,
        Self::Reassigned,
        Self::PutAside,
        Self::PassedOn,
        Self::EscalatedToYou,
        Self::ReportDue,
        Self::Due,
    ];

    /// The stable code.
    pub fn code(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(code)) => code,
            _ => unreachable!("a kind serializes to its code"),
        }
    }

    /// Whether reading is not enough.
    pub fn wants_acknowledgement(self) -> bool {
        matches!(self, Self::Alarm | Self::Escalated | Self::EscalatedToYou)
    }
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxItem {
    /// The record.
    pub record: RecordId,
    /// The record's kind.
    pub record_kind: String,
    /// The fact that tells it; what `read` and `acknowledged` name.
    pub key: FactKey,
    /// What it is about.
    pub kind: InboxKind,
    /// Whom it is for.
    pub person: PersonId,
    /// Who wrote it; none is the server.
    pub by: Option<PersonId>,
    /// When.
    pub at_ms: WallMs,
    /// What the record is about.
    pub title: String,
    /// The question's text; why something was refused or put aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The person has read it.
    pub read: bool,
    /// Somebody has taken it on, or answered it.
    pub done: bool,
}

/// Items of one record that are kept: the latest.
const ITEMS_MAX: usize = 50;

/// What a record tells people, each item with whom it is for. Nobody is told of their own act.
/// R2.18.
pub fn inbox(review: &Review) -> Vec<InboxItem> {
    let mut items = Vec::new();
    let mut assigned: Option<PersonId> = None;
    let mut opened: Option<PersonId> = None;
    for entry in review.timeline.iter().filter(|entry| !entry.unknown) {
        let number = |name: &str| {
            let number = entry.content.get(name)?.as_u64()?;
            u32::try_from(number).ok().map(PersonId)
        };
        // R0.14
        let is_mine = |person: &PersonId| entry.by != Some(*person);
        match entry.fact_type.as_str() {
            "alerted" => {
                let first = entry.content["rank"].as_u64() == Some(0);
                let kind = if first { InboxKind::Alarm } else { InboxKind::Escalated };
                items.extend(
                    number("person").filter(is_mine).map(|to| item(review, entry, kind, to)),
                );
            }
            "created" => opened = opened.or(entry.by),
            // R3.48
            "duplicate_of" => {
                let of: BTreeSet<PersonId> = assigned.into_iter().chain(opened).collect();
                let of = of.into_iter().filter(is_mine);
                items.extend(of.map(|to| item(review, entry, InboxKind::PutAside, to)));
            }
            "asked" => {
                let to = number("person").filter(is_mine);
                items.extend(to.map(|to| item(review, entry, InboxKind::Question, to)));
            }
            "passed_on" => {
                let to = number("person").filter(is_mine);
                items.extend(to.map(|to| item(review, entry, InboxKind::PassedOn, to)));
            }
            "set" | "resolve" if is_given(entry) => {
                let next = number("value").or_else(|| owner(entry));
                if next == assigned {
                    continue;
                }
                let lost = assigned.filter(is_mine);
                items.extend(lost.map(|to| item(review, entry, InboxKind::Reassigned, to)));
                let won = next.filter(is_mine);
                items.extend(won.map(|to| item(review, entry, InboxKind::Assigned, to)));
                assigned = next;
            }
            _ => {}
        }
    }
    items.split_off(items.len().saturating_sub(ITEMS_MAX))
}

/// Whether a field says who is to do it, or who owns it.
fn is_given(entry: &TimelineEntry) -> bool {
    entry.content["field"] == "assignee" || entry.content["field"] == "owner"
}

fn owner(entry: &TimelineEntry) -> Option<PersonId> {
    u32::try_from(entry.content["value"]["person"].as_u64()?).ok().map(PersonId)
}

/// What a record tells whoever holds one of these roles at its site: what fell due, escalations,
/// what was passed on to a department. A row of lists: whom it is for is asked without the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldItem {
    /// The roles.
    pub roles: BTreeSet<Role>,
    /// Of which department the supervisors are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<Department>,
    /// The record's group of buildings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<u64>,
    /// The record's site.
    pub site: SiteId,
    /// Who has read it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub read_by: BTreeSet<PersonId>,
    /// The item; for nobody yet. It is done when it is met or over since.
    pub item: InboxItem,
}

impl ToldItem {
    /// The item as it is for a person, if it is for that person by the roles held now. Supervisors
    /// of its department are told, those of none only where nobody of `supervisors`, the site's
    /// grants of that role, is the head of it; a role held for one group is of that group (R2.18).
    pub fn of(
        &self,
        principal: &Principal,
        supervisors: &[RoleGrant],
        now_ms: WallMs,
    ) -> Option<InboxItem> {
        let is_head = |grant: &RoleGrant, department: &Department| {
            let other_group = grant.group.zip(self.group);
            grant.department.as_ref() == Some(department)
                && grant.role == Role::Supervisor
                && grant.site == self.site
                && in_force(grant, now_ms)
                && other_group.is_none_or(|(held, group)| u64::from(held) == group)
        };
        let holds = |role: &Role| {
            let of = self.department.as_ref().filter(|_| *role == Role::Supervisor);
            let held = holds_role(principal, self.site, (*role, of), self.group, now_ms);
            let another_is = |department: &Department| {
                !principal.grants.iter().any(|grant| is_head(grant, department))
                    && supervisors.iter().any(|grant| is_head(grant, department))
            };
            held && !of.is_some_and(another_is)
        };
        if !self.roles.iter().any(holds) {
            return None;
        }
        let read = self.item.read || self.read_by.contains(&principal.person);
        Some(InboxItem { person: principal.person, read, ..self.item.clone() })
    }
}

/// What a record tells a person by the roles held now. What was withdrawn tells nobody.
pub fn told_by_role(
    review: &Review,
    principal: &Principal,
    supervisors: &[RoleGrant],
    now_ms: WallMs,
) -> Vec<InboxItem> {
    let items = told_items(review);
    items.iter().filter_map(|told| told.of(principal, supervisors, now_ms)).collect()
}

/// The roles a record has something open to tell, so that a list of what to look at can be kept.
pub fn roles_told(review: &Review) -> BTreeSet<Role> {
    let open = told_items(review).into_iter().filter(|told| !told.item.done);
    open.flat_map(|told| told.roles).collect()
}

/// What a record tells holders of roles, in the order of its facts' kinds; the latest of it.
pub fn told_items(review: &Review) -> Vec<ToldItem> {
    let Some(site) = review.site else { return Vec::new() };
    let group = review.fields.get("group").and_then(|field| field.value.as_u64());
    let of_record: Option<Department> =
        review.text("department").and_then(|code| code.parse().ok());
    let mut items: Vec<ToldItem> = told(review)
        .into_iter()
        .map(|told| {
            // For nobody: numbers of people begin with 1.
            let mut item = item(review, told.entry, told.kind, PersonId(0));
            item.done |= told.done;
            let department = told.department.or_else(|| of_record.clone());
            let read_by = readers(review, told.entry.key);
            ToldItem { roles: told.roles, department, group, site, read_by, item }
        })
        .collect();
    items.split_off(items.len().saturating_sub(ITEMS_MAX))
}

fn readers(review: &Review, key: FactKey) -> BTreeSet<PersonId> {
    let key = key.to_string();
    let read = review.timeline.iter().filter(|entry| {
        entry.fact_type == "read" && entry.content["of"].as_str() == Some(key.as_str())
    });
    read.filter_map(|entry| entry.by).collect()
}

/// Something told to roles.
struct Told<'a> {
    entry: &'a TimelineEntry,
    kind: InboxKind,
    roles: BTreeSet<Role>,
    /// Another department than the record's.
    department: Option<Department>,
    /// Met or over since.
    done: bool,
}

fn told(review: &Review) -> Vec<Told<'_>> {
    let entry = |key: FactKey| review.timeline.iter().find(move |entry| entry.key == key);
    // Over too where the deadline is none any more, e.g. of a violation that was closed.
    let met = |fell: &FellDue| {
        let is_its =
            |deadline: &&Deadline| deadline.name == fell.deadline && deadline.of == fell.of;
        let deadline = review.deadlines.iter().find(is_its);
        deadline.is_none_or(|deadline| deadline.met_by.is_some())
    };
    let fell =
        fallen(review).filter(|(key, _)| !is_withdrawn(review, *key)).filter_map(|(key, fell)| {
            let kind =
                if fell.deadline == "report" { InboxKind::ReportDue } else { InboxKind::Due };
            let done = met(&fell);
            // Of what was passed on, that department.
            let department = fell.of.and_then(entry).and_then(department_of);
            let roles = fell.tells.into_iter().collect();
            Some(Told { entry: entry(key)?, kind, roles, department, done })
        });
    let (escalations, step): (&[Escalation], _) = match &review.details {
        Some(Details::Complaint(one)) => (&one.escalations, Some(one.step)),
        _ => (&[], None),
    };
    // A closing that leaves the customer unsatisfied silences nobody.
    let over = match &review.details {
        Some(Details::Complaint(one)) => one.solved_at_ms.is_some(),
        _ => false,
    };
    let escalated = escalations.iter().filter(|one| !one.withdrawn).filter_map(|one| {
        let roles = BTreeSet::from([one.content.to.role()]);
        // A higher step has it by now.
        let done = over || step.is_some_and(|step| step > one.content.to);
        let (entry, kind) = (entry(one.key)?, InboxKind::EscalatedToYou);
        Some(Told { entry, kind, roles, department: None, done })
    });
    passed_on(review, over).chain(fell).chain(escalated).collect()
}

/// What was passed on to a department, for its head: a reception's passings, a complaint that was
/// given to another department (R1.22), and for the property department's what engineering found
/// out of scope, until it is settled (三 3.1.5.5, R3.46).
fn passed_on(review: &Review, over: bool) -> impl Iterator<Item = Told<'_>> {
    let given = |entry: &&TimelineEntry| {
        matches!(entry.fact_type.as_str(), "set" | "resolve")
            && entry.content["field"] == "department"
            && matches!(review.details, Some(Details::Complaint(_)))
    };
    let last_given = review.timeline.iter().rfind(given).map(|entry| entry.key);
    let scope = |entry: &&TimelineEntry| entry.fact_type == "out_of_scope";
    let last_scope = review.timeline.iter().rfind(scope).map(|entry| entry.key);
    let entries = review.timeline.iter().filter(|entry| !entry.unknown);
    entries.filter_map(move |entry| {
        let (department, done) = match entry.fact_type.as_str() {
            "passed_on" => (department_of(entry)?, over || review.closed_at_ms.is_some()),
            "out_of_scope" if last_scope == Some(entry.key) => {
                (Department::PROPERTY, review.status != Status::OutOfScope)
            }
            _ if last_given == Some(entry.key) => (department_of(entry)?, over),
            _ => return None,
        };
        let department = Some(department);
        let roles = BTreeSet::from([Role::Supervisor]);
        Some(Told { entry, kind: InboxKind::PassedOn, roles, department, done })
    })
}

/// The department that an entry passes something on to.
fn department_of(entry: &TimelineEntry) -> Option<Department> {
    let member = if entry.fact_type == "passed_on" { "department" } else { "value" };
    entry.content[member].as_str()?.parse().ok()
}

fn item(review: &Review, entry: &TimelineEntry, kind: InboxKind, person: PersonId) -> InboxItem {
    let of = |fact_type: &str, name: &str, key: FactKey| {
        review.timeline.iter().any(|later| {
            later.fact_type == fact_type
                && later.content[name].as_str() == Some(&key.to_string())
                && (fact_type != "read" || later.by == Some(person))
        })
    };
    // R0.15
    let acknowledged = of("acknowledged", "of", entry.key);
    let taken = kind.wants_acknowledgement()
        && review.alarm.as_ref().is_some_and(|alarm| !alarm.is_waiting());
    let answered = ["took_over", "message_received"]
        .iter()
        .any(|of_passing| kind == InboxKind::PassedOn && of(of_passing, "passing", entry.key))
        || of("answered", "question", entry.key);
    let said = if kind == InboxKind::PutAside { "reason" } else { "text" };
    InboxItem {
        record: review.record,
        record_kind: review.kind.clone(),
        key: entry.key,
        kind,
        person,
        by: entry.by,
        at_ms: entry.at_ms,
        title: super::projection::title(review),
        text: entry.content[said].as_str().map(str::to_owned),
        read: acknowledged || answered || of("read", "of", entry.key),
        done: acknowledged || taken || answered,
    }
}
