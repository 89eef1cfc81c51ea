//! Who may write what (DOMAIN "Who"). A command is judged whole, by the roles held when it was
//! written or now. Disagreement with the world (reassigned, cancelled, late) is no denial: it
//! becomes a case.

use super::bounds::check_bounds;
use super::check::check_attached;
use super::denial::{Denial, DenialCode};
use super::kind::{self, Needs};
use super::review::Review;
use crate::model::alarm::{self, AlarmFact};
use crate::model::department::Department;
use crate::model::fact::Fact;
use crate::model::id::SiteId;
use crate::model::payload::{Created, GeneralFact, OpeningContent, Payload};
use crate::model::person::{Principal, Role, RoleGrant};
use crate::model::time::{Seen, WallMs};
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
const EVERYONE_ON_ORDERS: &[Role] = &[
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
/// Kinds whose records with a cause only the server opens; so are all with rules of their own.
const DERIVED_KINDS: &[&str] = &[work_order::KIND, contact::KIND, alarm::KIND, patrol::PLAN];
/// Any role at the site.
const ANYONE: &[Role] = &Role::ALL;

/// Whether all facts of one command may be written by `principal`, who had seen `when` when
/// writing them. `before` is the record without them; `None` for a record that they create (R0.2).
///
/// # Errors
/// The reason why not.
pub fn permit(
    facts: &[Fact],
    before: Option<&Review>,
    principal: &Principal,
    when: Seen,
    now_ms: WallMs,
) -> Result<(), Denial> {
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
        if let Payload::General(GeneralFact::Set(set)) = &fact.payload {
            // A plain set may replace one value only; what ends a conflict says why.
            if set.replaces.len() > 1 {
                return Err(Denial::new(DenialCode::ReplacesSeveral).with("field", &set.field));
            }
            // The technician of a household order is named by the desk (三 3.1.3, R3.19).
            let named_first = !public && set.replaces.is_empty();
            if kind == work_order::KIND && set.field == "assignee" && named_first {
                needs = Needs::roles(DESK);
            }
        }
        if needs.other_than.contains(&principal.person) {
            return Err(kind::missing("another_person"));
        }
        let holds = |grant: &RoleGrant| {
            grant.person == principal.person
                && grant.site == site
                && reaches(grant, &needs, group)
                && held(grant, fact, when, now_ms)
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
        let needs = Needs { department: department.cloned(), narrow: true, ..Needs::anyone() };
        let in_force = grant.ended.is_none()
            && grant.from_ms <= now_ms
            && grant.to_ms.is_none_or(|to_ms| now_ms < to_ms);
        let held = grant.person == principal.person && grant.site == site && grant.role == role;
        held && in_force && reaches(grant, &needs, group)
    })
}

/// Held now, or when it was written: by the (epoch, sequence) the writer had seen.
fn held(grant: &RoleGrant, fact: &Fact, when: Seen, now_ms: WallMs) -> bool {
    let begun = grant.from_ms <= now_ms;
    let open = |at_ms: WallMs| grant.to_ms.is_none_or(|to| at_ms < to);
    let now = begun && open(now_ms) && grant.ended.is_none();
    // R0.1
    let then = grant.granted <= when
        && grant.ended.is_none_or(|ended| ended > when)
        && begun
        && open(fact.wall_ms);
    now || then
}

/// Whether a grant's role, department and group are what a fact of a record of `group` needs.
fn reaches(grant: &RoleGrant, needs: &Needs, group: Option<u64>) -> bool {
    // R0.4
    let other_department = needs.department.is_some()
        && grant.department.is_some()
        && needs.department != grant.department;
    // What belongs to no group is everybody's (R0.3).
    let other_group = needs.narrow
        && grant.group.zip(group).is_some_and(|(held, group)| u64::from(held) != group);
    needs.roles.contains(&grant.role) && !other_department && !other_group
}

/// What it takes to write a fact to a record of `kind`.
fn needs(fact: &Fact, kind: &str, before: Option<&Review>) -> Result<Needs, Denial> {
    let wrong_kind = || Err(Denial::new(DenialCode::WrongKind));
    match &fact.payload {
        Payload::General(general) => general_needs(general, kind),
        Payload::Unknown { fact_type, .. } => {
            Ok(Needs::roles(kind::guards(fact_type).unwrap_or_else(|| unknown_roles(fact_type))))
        }
        Payload::WorkOrder(_) if !kind::has_visits(kind) => wrong_kind(),
        Payload::WorkOrder(content) => Ok(order_needs(content, fact.on_behalf_of.is_some())),
        payload if kind::kind(kind).is_some() => {
            let rules = kind::kind(kind).ok_or(Denial::new(DenialCode::WrongKind))?;
            let before = before.ok_or(Denial::new(DenialCode::RecordNotHere))?;
            rules.check(payload)?;
            let needs = rules.needs(payload, before)?;
            // Entering for somebody else (补录) is the desk's, and lends nobody's authority.
            let lent = fact.on_behalf_of.is_some() && needs.roles == ANYONE;
            Ok(if lent { Needs::roles(DESK) } else { needs })
        }
        Payload::Patrol(_) if kind != patrol::ROUND => wrong_kind(),
        // The desk or a supervisor enters for somebody else (补录); nobody else does.
        Payload::Patrol(_) if fact.on_behalf_of.is_some() => Ok(Needs::roles(DESK)),
        // Any management-office employee walks rounds (六 2.2, R7.3).
        Payload::Patrol(_) => Ok(Needs::anyone()),
        Payload::Alarm(_) if kind != alarm::KIND => wrong_kind(),
        Payload::Alarm(content) => Ok(Needs::roles(alarm_roles(content))),
        _ => wrong_kind(),
    }
}

/// What it takes to write a fact of an order or its visits; a supervisor or the desk enters for a
/// worker without a phone (补录) (R4.33).
pub(super) fn order_needs(content: &WorkOrderFact, on_behalf: bool) -> Needs {
    let roles = order_roles(content);
    Needs::roles(if on_behalf && roles == WORKERS { DESK } else { roles })
}

fn general_needs(fact: &GeneralFact, kind: &str) -> Result<Needs, Denial> {
    match (fact, kind::kind(kind)) {
        (GeneralFact::FellDue(_) | GeneralFact::DueWithdrawn(_), _) => Ok(Needs::server()),
        (GeneralFact::Attached(attached), _) => check_attached(attached).map(|()| Needs::anyone()),
        (GeneralFact::Created(created), Some(rules)) => opening_needs(created, rules),
        (GeneralFact::Set(set), Some(rules)) => {
            let rule = rules.fields().iter().find(|rule| rule.name == set.field);
            if let Some(rule) = rule {
                rule.check(&set.value)?;
            }
            // A newer app's field: the desk's, judged again after the upgrade.
            Ok(Needs::roles(rule.map_or(DESK, |rule| rule.roles)))
        }
        (GeneralFact::Resolve(resolve), Some(rules)) => {
            // Whoever may write a field may end its conflict.
            let rule = rules.fields().iter().find(|rule| rule.name == resolve.field);
            Ok(Needs::roles(rule.map_or(DESK_AND_LEAD, |rule| rule.roles)))
        }
        (GeneralFact::CaseClosed(_), Some(rules)) => Ok(Needs::roles(rules.case_closers())),
        _ => {
            let roles = general_roles(fact, kind);
            Ok(if roles == ANYONE { Needs::anyone() } else { Needs::roles(roles) })
        }
    }
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
        GeneralFact::Created(_) if kind == contact::KIND => DESK_AND_ADMIN,
        // The plan is the department's (六 3.1); rounds are walked and alarms raised by anyone.
        GeneralFact::Created(_) if kind == patrol::PLAN => PLANNERS,
        GeneralFact::Created(_) if kind == patrol::ROUND || kind == alarm::KIND => ANYONE,
        // A newer app's kind: whoever works in the office, judged again after the upgrade.
        GeneralFact::Created(_) => DESK_AND_LEAD,
        GeneralFact::Set(set) if kind == work_order::KIND => match set.field.as_str() {
            // R3.20
            "assignee" => DESK_AND_LEAD,
            // R3.22
            "appointment" => EVERYONE_ON_ORDERS,
            _ => DESK,
        },
        GeneralFact::Set(_) if kind == patrol::PLAN => PLANNERS,
        GeneralFact::Set(_) => DESK,
        GeneralFact::Resolve(_) | GeneralFact::CaseClosed(_) => DESK_AND_LEAD,
        GeneralFact::Asked(_) => DESK_AND_LEAD,
        // R3.14
        GeneralFact::DeadlinePaused(_) | GeneralFact::DeadlineResumed(_) => DESK_AND_LEAD,
        GeneralFact::FellDue(_) | GeneralFact::DueWithdrawn(_) => &[],
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
fn order_roles(fact: &WorkOrderFact) -> &'static [Role] {
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

/// Types of orders, alarms and every record in a shape that this version does not read.
fn unknown_roles(fact_type: &str) -> &'static [Role] {
    match fact_type {
        // A type of this version in a shape it does not read: a later one may, so it is no way
        // around the type's own roles.
        "created"
        | "set"
        | "resolve"
        | "case_closed"
        | "dispatched"
        | "told"
        | "cancelled"
        | "closed"
        | "returned"
        | "no_answer_confirmed"
        | "invoiced"
        | "refunded"
        | "called_back" => DESK,
        "asked" | "deadline_paused" | "deadline_resumed" => DESK_AND_LEAD,
        "alarm_settled" => SETTLERS,
        // A type of alarms in a shape this version does not read: still the server's alone.
        "alerted" | "nobody_left" | "alarm_withdrawn" | "fell_due" | "due_withdrawn" => &[],
        _ => ANYONE,
    }
}
