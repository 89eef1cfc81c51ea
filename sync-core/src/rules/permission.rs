//! Who may write what (DOMAIN "Who"). A command is judged whole, by the roles held when it was
//! written or now. Disagreement with the world (reassigned, cancelled, late) is no denial: it
//! becomes a case.

use super::bounds::check_bounds;
use super::check::check_attached;
use super::denial::{Denial, DenialCode};
use super::duplicates;
use super::kind::{self, Needs};
use super::review::{Review, TimelineEntry};
use super::written::Written;
use crate::model::alarm::{self, AlarmFact};
use crate::model::department::Department;
use crate::model::fact::Fact;
use crate::model::id::SiteId;
use crate::model::payload::{Created, GeneralFact, OpeningContent, Payload};
use crate::model::person::{Principal, Role, RoleGrant};
use crate::model::time::WallMs;
use crate::model::work_order::WorkOrderFact;
use crate::model::{contact, patrol, work_order};

/// The desk and those above it.
pub(super) const DESK: &[Role] =
    &[Role::FrontDesk, Role::Assistant, Role::DutyOperator, Role::Supervisor, Role::ProjectManager];
/// The desk, and whoever imports a site's contacts.
const DESK_AND_ADMIN: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::Admin,
];
/// The desk and engineering's lead, who assigns public orders and reassigns (三 3.2.3).
pub(super) const DESK_AND_LEAD: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::EngineeringLead,
];
/// Who enters homes.
pub(super) const WORKERS: &[Role] = &[Role::Technician, Role::ServiceWorker, Role::EngineeringLead];
/// Who hands over between the work and the desk.
pub(super) const EVERYONE_ON_ORDERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::EngineeringLead,
    Role::Technician,
    Role::ServiceWorker,
];
/// Who plans patrols (R7.1).
const PLANNERS: &[Role] = &[Role::Supervisor, Role::ProjectManager, Role::Assistant];
/// Who says that an alarm is over.
const SETTLERS: &[Role] = &[
    Role::Security,
    Role::DutyOperator,
    Role::FrontDesk,
    Role::Supervisor,
    Role::ProjectManager,
    Role::EngineeringLead,
];
/// Who takes an alarm on, and with that ends the telling of others: whoever is told, the desk and
/// engineering's lead (R0.23).
const TAKERS: &[Role] = &[
    Role::Security,
    Role::DutyOperator,
    Role::FrontDesk,
    Role::Assistant,
    Role::Supervisor,
    Role::ProjectManager,
    Role::EngineeringLead,
];
/// Kinds whose records with a cause only the server opens; so are all with rules of their own.
const DERIVED_KINDS: &[&str] = &[work_order::KIND, contact::KIND, alarm::KIND, patrol::PLAN];
/// Any role at the site.
const ANYONE: &[Role] = &Role::ALL;

/// Whether all facts of one command may be written by `principal`. `before` is the record without
/// them; `None` for a record that they create (R0.2).
///
/// # Errors
/// The reason why not.
pub fn permit(
    facts: &[Fact],
    before: Option<&Review>,
    principal: &Principal,
    written: impl Into<Written>,
    now_ms: WallMs,
) -> Result<(), Denial> {
    let written = written.into();
    let created = facts.iter().find_map(|fact| match &fact.payload {
        Payload::General(GeneralFact::Created(created)) => Some(created),
        _ => None,
    });
    // What follows from a cause is the server's to open; only a planned round is anybody's (R7.18).
    let by_cause = created.is_some_and(|created| created.from.is_some());
    let is_derived = |kind: &str| DERIVED_KINDS.contains(&kind) || kind::kind(kind).is_some();
    if by_cause && created.is_some_and(|created| is_derived(&created.kind)) {
        return Err(Denial::new(DenialCode::NotYourRole).with("fact", "created"));
    }
    let known = before.filter(|review| !review.kind.is_empty());
    let (kind, site) = match (known.and_then(|r| Some((r.kind.as_str(), r.site?))), created) {
        (Some((kind, site)), _) => (kind, site),
        (None, Some(created)) => (created.kind.as_str(), created.site),
        (None, None) => return Err(Denial::new(DenialCode::RecordNotHere)),
    };
    let public = known.map_or_else(
        || created.and_then(|created| created.content.get("category")?.as_str()) == Some("public"),
        |review| review.text("category") == Some("public"),
    );
    let group = known.map_or_else(
        || created.and_then(|created| created.content.get("group")?.as_u64()),
        |review| review.fields.get("group")?.value.as_u64(),
    );
    for fact in facts {
        check_bounds(&fact.payload, kind)?;
        let mut needs = needs(fact, kind, known)?;
        if let Payload::General(GeneralFact::Set(set)) = &fact.payload
            && set.replaces.len() > 1
        {
            // A plain set may replace one value only; what ends a conflict says why.
            return Err(Denial::new(DenialCode::ReplacesSeveral).with("field", &set.field));
        }
        // The technician of a household order is named by the desk (三 3.1.3, R3.19).
        if kind == work_order::KIND && !public && names_first(&fact.payload, known) {
            needs = Needs::roles(DESK);
        }
        // Entering for somebody else (补录) is the desk's, and lends nobody's authority (R4.33).
        let entered = fact.on_behalf_of.is_some();
        if entered && (needs.roles == WORKERS || needs.roles == ANYONE) {
            needs = Needs { roles: DESK, narrow: true, ..needs };
        }
        if needs.other_than.contains(&principal.person) {
            return Err(kind::missing("another_person"));
        }
        let holds = |grant: &RoleGrant| {
            grant.person == principal.person
                && grant.site == site
                && (!entered || DESK.contains(&grant.role))
                && reaches(grant, &needs, group)
                && held(grant, written, now_ms)
        };
        if !principal.grants.iter().any(holds) {
            return Err(Denial::new(DenialCode::NotYourRole).with("fact", fact.payload.fact_type()));
        }
    }
    check_site(created.map(|created| created.site), site)
}

/// Whether permissions of this kind look at how the record stands, and not at roles alone.
pub fn judges_by_state(kind: &str) -> bool {
    kind::kind(kind).is_some()
}

fn check_site(created: Option<SiteId>, site: SiteId) -> Result<(), Denial> {
    if created.is_some_and(|created| created != site) {
        return Err(Denial::new(DenialCode::WrongKind));
    }
    Ok(())
}

/// Whether a person holds a role at a site at a moment, for a department and a group if it is of
/// any.
pub(super) fn holds_role(
    principal: &Principal,
    site: SiteId,
    (role, department): (Role, Option<&Department>),
    group: Option<u64>,
    now_ms: WallMs,
) -> bool {
    principal.grants.iter().any(|grant| {
        let departments = department.cloned().into_iter().collect();
        let needs = Needs { departments, narrow: true, ..Needs::anyone() };
        let in_force = grant.ended.is_none()
            && grant.from_ms <= now_ms
            && grant.to_ms.is_none_or(|to_ms| now_ms < to_ms);
        let held = grant.person == principal.person && grant.site == site && grant.role == role;
        held && in_force && reaches(grant, &needs, group)
    })
}

/// Held now, or when it was written: by the (epoch, sequence) the writer had seen, and for a role
/// that ends at a moment, by a time that no wall clock of a phone has a say in.
fn held(grant: &RoleGrant, written: Written, now_ms: WallMs) -> bool {
    let begun = grant.from_ms <= now_ms;
    let open = |at_ms: WallMs| grant.to_ms.is_none_or(|to| at_ms < to);
    let now = begun && open(now_ms) && grant.ended.is_none();
    // R0.1
    let then = written.seen.is_some_and(|seen| {
        let known = grant.granted <= seen && grant.ended.is_none_or(|ended| ended > seen);
        // R0.24
        known && begun && (grant.to_ms.is_none() || written.at_ms.is_some_and(open))
    });
    now || then
}

/// Whether a grant's role, department and group are what a fact of a record of `group` needs.
fn reaches(grant: &RoleGrant, needs: &Needs, group: Option<u64>) -> bool {
    // R0.4
    let named = !needs.departments.is_empty();
    let held_for = grant.department.as_ref();
    let other_department = named && held_for.is_some_and(|held| !needs.departments.contains(held));
    // What belongs to no group is everybody's (R0.3).
    let other_group = needs.narrow
        && grant.group.zip(group).is_some_and(|(held, group)| u64::from(held) != group);
    needs.roles.contains(&grant.role) && !other_department && !other_group
}

/// What it takes to write a fact to a record of `kind`.
fn needs(fact: &Fact, kind: &str, before: Option<&Review>) -> Result<Needs, Denial> {
    let wrong_kind = || Err(Denial::new(DenialCode::WrongKind));
    match &fact.payload {
        Payload::General(general) => general_needs(general, kind, before),
        Payload::Unknown { fact_type, .. } => Ok(unread_needs(fact_type, kind, before)),
        Payload::WorkOrder(_) if !kind::has_visits(kind) => wrong_kind(),
        Payload::WorkOrder(content) => Ok(Needs::roles(order_roles(content))),
        payload if kind::kind(kind).is_some() => {
            let rules = kind::kind(kind).ok_or(Denial::new(DenialCode::WrongKind))?;
            let before = before.ok_or(Denial::new(DenialCode::RecordNotHere))?;
            rules.check(payload)?;
            rules.needs(payload, before)
        }
        Payload::Patrol(_) if kind != patrol::ROUND => wrong_kind(),
        // Any management-office employee walks rounds (六 2.2, R7.3).
        Payload::Patrol(_) => Ok(Needs::anyone()),
        Payload::Alarm(_) if kind != alarm::KIND => wrong_kind(),
        Payload::Alarm(content) => Ok(Needs::roles(alarm_roles(content))),
        _ => wrong_kind(),
    }
}

fn general_needs(fact: &GeneralFact, kind: &str, before: Option<&Review>) -> Result<Needs, Denial> {
    match (fact, kind::kind(kind)) {
        (GeneralFact::FellDue(_) | GeneralFact::DueWithdrawn(_), _) => Ok(Needs::server()),
        // R3.48
        (GeneralFact::DuplicateOf(_), _) if !duplicates::KINDS.contains(&kind) => {
            Err(Denial::new(DenialCode::WrongKind))
        }
        (GeneralFact::DuplicateOf(_), rules) => {
            let departments = rules.zip(before).map(|(rules, before)| rules.departments(before));
            Ok(Needs::roles(DESK).of_any(departments.unwrap_or_default()))
        }
        (GeneralFact::Attached(attached), _) => check_attached(attached).map(|()| Needs::anyone()),
        (GeneralFact::Created(created), Some(rules)) => opening_needs(created, rules),
        (GeneralFact::Acknowledged(of), _) if kind == alarm::KIND => {
            // A question within it is anybody's to take on. What is not there may yet come.
            let told = ["alerted", "created"];
            let other = |entry: &TimelineEntry| {
                entry.key == of.of && !told.contains(&entry.fact_type.as_str())
            };
            let another = before.is_some_and(|before| before.timeline.iter().any(other));
            Ok(if another { Needs::anyone() } else { Needs::roles(TAKERS) })
        }
        (GeneralFact::Set(set), _) => field_needs(&set.field, kind, before),
        (GeneralFact::Resolve(resolve), _) => {
            // Whoever may write a field may end its conflict; an order's is the office's to end.
            let needs = field_needs(&resolve.field, kind, before)?;
            let order = kind == work_order::KIND && needs.roles == EVERYONE_ON_ORDERS;
            Ok(if order { Needs::roles(DESK_AND_LEAD) } else { needs })
        }
        (GeneralFact::CaseClosed(_) | GeneralFact::CaseReopened(_), Some(rules)) => {
            let departments = before.map(|before| rules.departments(before)).unwrap_or_default();
            Ok(Needs::roles(rules.case_closers()).of_any(departments))
        }
        _ => {
            let roles = general_roles(fact, kind);
            Ok(if roles == ANYONE { Needs::anyone() } else { Needs::roles(roles) })
        }
    }
}

/// What it takes to write a field. One that is not known here is a newer app's: the desk's, or
/// the planners' of a plan, judged again after the upgrade.
fn field_needs(field: &str, kind: &str, before: Option<&Review>) -> Result<Needs, Denial> {
    // R0.21
    if kind::fixed(kind).contains(&field) {
        return Err(Denial::new(DenialCode::UnknownField).with("field", field));
    }
    let unknown = if kind == patrol::PLAN { PLANNERS } else { DESK };
    let rule = kind::fields(kind).iter().find(|rule| rule.name == field);
    let Some((rules, before)) = kind::kind(kind).zip(before) else {
        return Ok(Needs::roles(rule.map_or(unknown, |rule| rule.roles)));
    };
    let roles = rule.map_or(unknown, |rule| rules.field_roles(rule, before));
    Ok(Needs::roles(roles).of_any(rules.departments(before)))
}

/// Whether a fact names who works on an order that nobody was named for: what it says it replaces
/// has to be there.
fn names_first(payload: &Payload, before: Option<&Review>) -> bool {
    let (field, replaces) = match payload {
        Payload::General(GeneralFact::Set(set)) => (&set.field, &set.replaces),
        Payload::General(GeneralFact::Resolve(resolve)) => (&resolve.field, &resolve.replaces),
        _ => return false,
    };
    let named = |entry: &TimelineEntry| {
        replaces.contains(&entry.key)
            && matches!(entry.fact_type.as_str(), "set" | "resolve")
            && entry.content["field"] == "assignee"
    };
    field == "assignee" && !before.is_some_and(|before| before.timeline.iter().any(named))
}

fn opening_needs(created: &Created, rules: &dyn kind::Kind) -> Result<Needs, Denial> {
    match OpeningContent::of(rules.name(), &created.content) {
        Some(content) => {
            rules.check_opening(&content)?;
            rules.opened_by(&content)
        }
        None => Ok(rules.opened_unread()),
    }
}

fn general_roles(fact: &GeneralFact, kind: &str) -> &'static [Role] {
    match fact {
        GeneralFact::Created(_) if kind == work_order::KIND => DESK,
        GeneralFact::DuplicateOf(_) => DESK,
        GeneralFact::Created(_) if kind == contact::KIND => DESK_AND_ADMIN,
        // The plan is the department's (六 3.1); rounds are walked and alarms raised by anyone.
        GeneralFact::Created(_) if kind == patrol::PLAN => PLANNERS,
        GeneralFact::Created(_) if kind == patrol::ROUND || kind == alarm::KIND => ANYONE,
        // A newer app's kind: whoever works in the office, judged again after the upgrade.
        GeneralFact::Created(_) => DESK_AND_LEAD,
        GeneralFact::CaseClosed(_) | GeneralFact::CaseReopened(_) | GeneralFact::Asked(_) => {
            DESK_AND_LEAD
        }
        // R3.14
        GeneralFact::DeadlinePaused(_) | GeneralFact::DeadlineResumed(_) => DESK_AND_LEAD,
        // Fields are judged by their own rules, and what is due is the server's.
        GeneralFact::Set(_)
        | GeneralFact::Resolve(_)
        | GeneralFact::FellDue(_)
        | GeneralFact::DueWithdrawn(_) => &[],
        GeneralFact::Note(_)
        | GeneralFact::Attached(_)
        | GeneralFact::Read(_)
        | GeneralFact::Acknowledged(_)
        | GeneralFact::Answered(_) => ANYONE,
    }
}

// R0.19
fn alarm_roles(fact: &AlarmFact) -> &'static [Role] {
    match fact {
        // What only the server says.
        AlarmFact::Alerted(_) | AlarmFact::NobodyLeft | AlarmFact::AlarmWithdrawn(_) => &[],
        AlarmFact::Radioed(_) => ANYONE,
        AlarmFact::AlarmSettled(_) => SETTLERS,
    }
}

// R0.2
pub(super) fn order_roles(fact: &WorkOrderFact) -> &'static [Role] {
    use WorkOrderFact as F;
    match fact {
        F::Dispatched
        | F::Told
        | F::Cancelled(_)
        | F::Closed
        // R4.10
        | F::NoAnswerConfirmed(_)
        | F::Invoiced(_)
        | F::Refunded(_)
        | F::CalledBack(_) => DESK,
        F::Returned => DESK_AND_LEAD,
        F::HandedIn(_) | F::InvoiceDelivered(_) => EVERYONE_ON_ORDERS,
        _ => WORKERS,
    }
}

/// What it takes to write a type of this version in a shape that it does not read: a later one
/// may, so it is no way around the type's own rules (R0.22). A type that is not known here either
/// is a newer app's, and anybody's who may write to the record.
fn unread_needs(fact_type: &str, kind: &str, before: Option<&Review>) -> Needs {
    let rules = kind::kind(kind);
    let opened = || rules.map_or(DESK, |rules| rules.opened_unread().roles);
    let roles = match fact_type {
        "set" | "resolve" if kind == patrol::PLAN => PLANNERS,
        "created" | "set" | "resolve" => opened(),
        "acknowledged" if kind == alarm::KIND => TAKERS,
        "case_closed" | "case_reopened" => rules.map_or(DESK_AND_LEAD, kind::Kind::case_closers),
        _ => kind::guards(fact_type).unwrap_or_else(|| unread_roles(fact_type)),
    };
    let departments = rules.zip(before).map(|(rules, before)| rules.departments(before));
    let departments = departments.filter(|_| roles != ANYONE).unwrap_or_default();
    Needs::roles(roles).of_any(departments)
}

/// Whether only a rule writes facts of this type, and no person whatever the role: nobody's word
/// makes a phone's such fact stand beside the rule's. R5.21.
pub fn is_of_a_rule(fact_type: &str) -> bool {
    kind::guards(fact_type).unwrap_or_else(|| unread_roles(fact_type)).is_empty()
}

fn unread_roles(fact_type: &str) -> &'static [Role] {
    match fact_type {
        "dispatched"
        | "told"
        | "cancelled"
        | "closed"
        | "no_answer_confirmed"
        | "invoiced"
        | "refunded"
        | "called_back"
        | "duplicate_of" => DESK,
        "asked" | "deadline_paused" | "deadline_resumed" | "returned" => DESK_AND_LEAD,
        "handed_in" | "invoice_delivered" => EVERYONE_ON_ORDERS,
        "received" | "declined" | "waiting_for_parts" | "out_of_scope" | "set_out" | "prepare"
        | "ring" | "knock" | "no_answer" | "introduce" | "enter" | "shoe_covers"
        | "entered_with_key" | "key_received" | "key_used" | "key_returned" | "scope_confirmed"
        | "valuables_reminded" | "start_work" | "paused" | "resumed" | "finish_work"
        | "material" | "material_removed" | "photo" | "advice" | "unable_to_finish"
        | "left_midway" | "tidy" | "explain" | "quoted" | "quote_accepted" | "quote_declined"
        | "charged" | "acceptance" | "signed" | "sign_refused" | "sign_absent" | "farewell"
        | "helper_joined" => WORKERS,
        "alarm_settled" => SETTLERS,
        "alerted" | "nobody_left" | "alarm_withdrawn" | "fell_due" | "due_withdrawn" => &[],
        _ => ANYONE,
    }
}
