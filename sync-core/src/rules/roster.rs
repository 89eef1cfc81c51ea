//! Who is on duty now, and who is told of an alarm next (DOMAIN "Who"). Pure: the caller brings one
//! site's shifts and grants, without people who may no longer come in.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::id::PersonId;
use crate::model::person::{Role, RoleGrant};
use crate::model::roster::{Duty, Shift};
use crate::model::time::WallMs;

/// Whose shift takes an alarm, in the order they are called.
const ON_SHIFT: [(Duty, Role); 2] =
    [(Duty::Security, Role::Security), (Duty::DutyOperator, Role::DutyOperator)];
/// Who is called when nobody on the roster is left.
const WITHOUT_SHIFT: [Role; 4] =
    [Role::Security, Role::DutyOperator, Role::Supervisor, Role::ProjectManager];

/// Who is on a duty, in the order they are called: by rank, ties by number; nobody twice (R0.10).
pub fn on_duty(shifts: &[Shift], duty: Duty, now_ms: WallMs) -> Vec<PersonId> {
    let mut first_rank: BTreeMap<PersonId, u32> = BTreeMap::new();
    for shift in shifts.iter().filter(|shift| shift.duty == duty && shift.is_on(now_ms)) {
        let rank = first_rank.entry(shift.person).or_insert(shift.rank);
        *rank = shift.rank.min(*rank);
    }
    let mut people: Vec<PersonId> = first_rank.keys().copied().collect();
    people.sort_by_key(|person| (first_rank[person], *person));
    people
}

/// Who is told of an alarm after `already` were: security on shift by rank, then the operator on
/// shift, then, where the roster names nobody else, who holds the roles security, operator,
/// supervisor and project manager, by number. A deputy comes right after whom it stands for. Who
/// holds no role now is left out: the alarm would not reach its phone (R0.16).
pub fn next_to_alert(
    shifts: &[Shift],
    role_holders: &[RoleGrant],
    already: &BTreeSet<PersonId>,
    now_ms: WallMs,
) -> Option<PersonId> {
    let grants: Vec<&RoleGrant> =
        role_holders.iter().filter(|grant| in_force(grant, now_ms)).collect();
    let reachable: BTreeSet<PersonId> = grants.iter().map(|grant| grant.person).collect();
    let on_shift = ON_SHIFT.into_iter().flat_map(|(duty, role)| {
        on_duty(shifts, duty, now_ms)
            .into_iter()
            .flat_map(|person| [vec![person], deputies(&grants, role, person)].concat())
            .collect::<Vec<_>>()
    });
    let without_shift = WITHOUT_SHIFT.into_iter().flat_map(|role| holders(&grants, role));
    on_shift
        .chain(without_shift)
        .find(|person| reachable.contains(person) && !already.contains(person))
}

/// Who holds a role or stands in for one who does, by number; deputies after whom they stand for.
fn holders(grants: &[&RoleGrant], role: Role) -> Vec<PersonId> {
    let of_role = || grants.iter().filter(|grant| grant.role == role);
    let own: BTreeSet<PersonId> =
        of_role().filter(|grant| grant.on_behalf_of.is_none()).map(|grant| grant.person).collect();
    let places: BTreeSet<PersonId> =
        of_role().map(|grant| grant.on_behalf_of.unwrap_or(grant.person)).collect();
    places
        .into_iter()
        .flat_map(|place| {
            let holder = own.contains(&place).then_some(place);
            holder.into_iter().chain(deputies(grants, role, place)).collect::<Vec<_>>()
        })
        .collect()
}

/// Who stands in for a person in a role, by number (R0.5).
fn deputies(grants: &[&RoleGrant], role: Role, person: PersonId) -> Vec<PersonId> {
    let of_person =
        grants.iter().filter(|grant| grant.role == role && grant.on_behalf_of == Some(person));
    let deputies: BTreeSet<PersonId> = of_person.map(|grant| grant.person).collect();
    deputies.into_iter().collect()
}

/// Whether a grant is held at a moment.
pub(super) fn in_force(grant: &RoleGrant, now_ms: WallMs) -> bool {
    grant.ended.is_none()
        && grant.from_ms <= now_ms
        && grant.to_ms.is_none_or(|to_ms| now_ms < to_ms)
}
