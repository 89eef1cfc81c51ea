//! The order in which people are told of an alarm.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::model::id::{PersonId, SiteId};
use crate::model::person::{Role, RoleGrant};
use crate::model::roster::{Duty, Shift};
use crate::model::time::Seen;
use crate::rules::roster::{next_to_alert, on_duty};

const NOW: i64 = 1_000;

fn shift(person: u32, duty: Duty, rank: u32) -> Shift {
    Shift {
        id: i64::from(person),
        person: PersonId(person),
        duty,
        from_ms: NOW - 10,
        to_ms: NOW + 10,
        rank,
    }
}

fn grant(person: u32, role: Role) -> RoleGrant {
    RoleGrant {
        person: PersonId(person),
        role,
        site: SiteId(7),
        group: None,
        department: None,
        from_ms: 0,
        to_ms: None,
        granted: Seen::default(),
        ended: None,
        on_behalf_of: None,
    }
}

fn deputy(person: u32, role: Role, of: u32) -> RoleGrant {
    RoleGrant { on_behalf_of: Some(PersonId(of)), ..grant(person, role) }
}

/// Everyone in the order they would be told if nobody ever answered.
fn order(shifts: &[Shift], grants: &[RoleGrant]) -> Vec<u32> {
    let mut already = BTreeSet::new();
    let mut order = Vec::new();
    while let Some(person) = next_to_alert(shifts, grants, &already, NOW) {
        assert!(already.insert(person), "{person} twice");
        order.push(person.0);
    }
    order
}

/// R0.10
#[test]
fn on_duty_is_who_is_on_now_by_rank_then_number() {
    let past = Shift { to_ms: NOW, ..shift(1, Duty::Security, 1) };
    let coming = Shift { from_ms: NOW + 1, ..shift(2, Duty::Security, 1) };
    let shifts = [
        past,
        coming,
        shift(9, Duty::Security, 2),
        shift(5, Duty::Security, 2),
        shift(7, Duty::Security, 1),
        shift(7, Duty::Security, 3),
        shift(3, Duty::Desk, 1),
    ];
    assert_eq!(on_duty(&shifts, Duty::Security, NOW), [7, 5, 9].map(PersonId));
    assert_eq!(on_duty(&shifts, Duty::Patrol, NOW), []);
}

/// R0.16
#[test]
fn security_on_shift_comes_first_then_the_operator_on_shift_then_role_holders_by_number() {
    let shifts = [
        shift(20, Duty::DutyOperator, 1),
        shift(12, Duty::Security, 2),
        shift(13, Duty::Security, 1),
    ];
    let grants = [
        grant(40, Role::ProjectManager),
        grant(31, Role::Supervisor),
        grant(30, Role::Supervisor),
        grant(20, Role::DutyOperator),
        grant(21, Role::DutyOperator),
        grant(13, Role::Security),
        grant(12, Role::Security),
        grant(11, Role::Security),
        grant(50, Role::FrontDesk),
    ];
    assert_eq!(order(&shifts, &grants), [13, 12, 20, 11, 21, 30, 31, 40]);
    assert_eq!(order(&[], &grants), [11, 12, 13, 20, 21, 30, 31, 40]);
}

/// R0.18
#[test]
fn who_was_told_is_not_told_again_and_in_the_end_nobody_is_left() {
    let grants = [grant(1, Role::Security), grant(1, Role::Supervisor)];
    let shifts = [shift(1, Duty::Security, 1), shift(1, Duty::DutyOperator, 1)];
    assert_eq!(order(&shifts, &grants), [1]);
    assert_eq!(order(&[], &[]), [0; 0]);
}

/// R0.5
#[test]
fn a_deputy_is_told_right_after_whom_it_stands_for_on_shift_and_off() {
    let grants = [
        grant(1, Role::Security),
        grant(2, Role::Security),
        deputy(9, Role::Security, 1),
        deputy(8, Role::Supervisor, 5),
        grant(5, Role::Supervisor),
        grant(6, Role::Supervisor),
        deputy(4, Role::ProjectManager, 3),
    ];
    let shifts = [shift(2, Duty::Security, 1), shift(1, Duty::Security, 2)];
    assert_eq!(order(&shifts, &grants), [2, 1, 9, 5, 8, 6, 4]);
    assert_eq!(order(&[], &grants), [1, 9, 2, 5, 8, 6, 4]);
}

/// R0.5
#[test]
fn a_deputy_is_reached_only_while_its_grant_is_in_force() {
    let with = |change: &dyn Fn(&mut RoleGrant)| {
        let mut standing_in = deputy(9, Role::Security, 1);
        change(&mut standing_in);
        order(&[], &[grant(1, Role::Security), standing_in])
    };
    assert_eq!(with(&|_| ()), [1, 9]);
    assert_eq!(with(&|grant| grant.from_ms = NOW), [1, 9]);
    assert_eq!(with(&|grant| grant.from_ms = NOW + 1), [1]);
    assert_eq!(with(&|grant| grant.to_ms = Some(NOW + 1)), [1, 9]);
    assert_eq!(with(&|grant| grant.to_ms = Some(NOW)), [1]);
    assert_eq!(with(&|grant| grant.ended = Some(Seen::default())), [1]);
}

/// R0.5
#[test]
fn a_deputy_of_another_role_does_not_stand_in_for_security() {
    let grants = [grant(1, Role::Security), deputy(9, Role::FrontDesk, 1)];
    assert_eq!(order(&[shift(1, Duty::Security, 1)], &grants), [1]);
}

/// R0.10
#[test]
fn who_stands_on_the_roster_and_holds_no_role_any_more_is_passed_over() {
    let shifts = [shift(1, Duty::Security, 1), shift(2, Duty::Security, 2)];
    let ended = RoleGrant { ended: Some(Seen::default()), ..grant(1, Role::Security) };
    assert_eq!(order(&shifts, &[ended, grant(2, Role::Security)]), [2]);
}

fn any_shift() -> impl Strategy<Value = Shift> {
    let numbers = (1..8_u32, 0..5_usize, 1..4_u32, NOW - 3..NOW + 2, 1..4_i64);
    numbers.prop_map(|(person, duty, rank, from_ms, lasts_ms)| Shift {
        id: 0,
        person: PersonId(person),
        duty: Duty::ALL[duty],
        from_ms,
        to_ms: from_ms + lasts_ms,
        rank,
    })
}

fn any_grant() -> impl Strategy<Value = RoleGrant> {
    let numbers = (1..8_u32, 0..15_usize, NOW - 2..NOW + 2, proptest::option::of(NOW - 1..NOW + 3));
    (numbers, proptest::option::of(1..8_u32)).prop_map(|((person, role, from_ms, to_ms), of)| {
        RoleGrant {
            from_ms,
            to_ms,
            on_behalf_of: of.filter(|of| *of != person).map(PersonId),
            ..grant(person, Role::ALL[role])
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(31),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// R0.16
    #[test]
    fn nobody_is_told_twice_and_the_order_of_the_input_does_not_matter(
        shifts in proptest::collection::vec(any_shift(), 0..12),
        grants in proptest::collection::vec(any_grant(), 0..12),
        turn in 0..12_usize,
    ) {
        // `order` fails when somebody comes twice.
        let told = order(&shifts, &grants);
        let (mut other_shifts, mut other_grants) = (shifts.clone(), grants.clone());
        other_shifts.reverse();
        other_grants.reverse();
        prop_assert_eq!(&order(&other_shifts, &other_grants), &told);
        other_shifts.rotate_left(turn.min(shifts.len()));
        other_grants.rotate_left(turn.min(grants.len()));
        prop_assert_eq!(&order(&other_shifts, &other_grants), &told);
        let may_be_told: BTreeSet<u32> = grants.iter().map(|grant| grant.person.0).collect();
        prop_assert!(told.iter().all(|person| may_be_told.contains(person)));
    }
}
