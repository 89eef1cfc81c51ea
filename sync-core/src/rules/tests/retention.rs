//! How long records are kept: 四 3.4 and the policy's days, to the millisecond.

use super::*;
use crate::rules::retention::{
    contact_kept_until_ms, is_needed, last_change_ms, violation_kept_until_ms,
};

fn at(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
}

fn zone(name: &str) -> SlaPolicy {
    SlaPolicy { time_zone: name.to_owned(), ..SlaPolicy::default() }
}

/// R5.16
#[test]
fn a_general_violation_is_kept_for_one_year_from_its_closing() {
    let closed = at("2026-11-25T16:30:00+08:00");
    let kept = violation_kept_until_ms(true, Some(closed), &SlaPolicy::default());
    assert_eq!(kept, Some(at("2027-11-25T16:30:00+08:00")));
}

/// R5.16
#[test]
fn a_serious_violation_is_kept_for_five_years_from_its_closing() {
    let closed = at("2026-11-25T16:30:00+08:00");
    let kept = violation_kept_until_ms(false, Some(closed), &SlaPolicy::default());
    assert_eq!(kept, Some(at("2031-11-25T16:30:00+08:00")));
}

/// R5.16
#[test]
fn a_violation_that_is_not_closed_is_never_due() {
    for is_general in [true, false] {
        assert_eq!(violation_kept_until_ms(is_general, None, &SlaPolicy::default()), None);
    }
}

/// R5.16
#[test]
fn a_policy_lengthens_the_years_of_a_violation_and_never_shortens_them() {
    let closed = at("2026-11-25T16:30:00+08:00");
    let mut policy = SlaPolicy::default();
    (policy.violation_general_kept_years, policy.violation_serious_kept_years) = (0, 1);
    let kept = |is_general, policy: &SlaPolicy| {
        violation_kept_until_ms(is_general, Some(closed), policy).expect("a moment")
    };
    assert_eq!(kept(true, &policy), at("2027-11-25T16:30:00+08:00"));
    assert_eq!(kept(false, &policy), at("2031-11-25T16:30:00+08:00"));
    (policy.violation_general_kept_years, policy.violation_serious_kept_years) = (2, 10);
    assert_eq!(kept(true, &policy), at("2028-11-25T16:30:00+08:00"));
    assert_eq!(kept(false, &policy), at("2036-11-25T16:30:00+08:00"));
}

#[test]
fn what_was_closed_on_29_february_is_kept_until_1_march() {
    let closed = at("2028-02-29T08:00:00+08:00");
    let kept =
        |is_general| violation_kept_until_ms(is_general, Some(closed), &zone("Asia/Shanghai"));
    assert_eq!(kept(true), Some(at("2029-03-01T08:00:00+08:00")));
    assert_eq!(kept(false), Some(at("2033-03-01T08:00:00+08:00")));
}

#[test]
fn the_date_is_the_sites_and_not_the_servers() {
    // 1 March in Shanghai is still 29 February in UTC.
    let closed = at("2028-03-01T07:00:00+08:00");
    let kept = violation_kept_until_ms(true, Some(closed), &zone("Asia/Shanghai"));
    assert_eq!(kept, Some(at("2029-03-01T07:00:00+08:00")));
    let kept = violation_kept_until_ms(true, Some(closed), &zone("UTC"));
    assert_eq!(kept, Some(at("2029-03-01T23:00:00Z")));
}

#[test]
fn a_time_that_the_clocks_skip_is_the_jump_and_one_that_they_show_twice_the_later_one() {
    let berlin = zone("Europe/Berlin");
    // 2:30 on 28 March 2027 is skipped, on 31 October 2027 it is shown twice.
    let kept = violation_kept_until_ms(true, Some(at("2026-03-28T02:30:00+01:00")), &berlin);
    assert_eq!(kept, Some(at("2027-03-28T03:00:00+02:00")));
    let kept = violation_kept_until_ms(true, Some(at("2026-10-31T02:30:00+01:00")), &berlin);
    assert_eq!(kept, Some(at("2027-10-31T02:30:00+01:00")));
}

/// R0.20
#[test]
fn a_contact_is_kept_for_the_policys_days_after_its_last_change() {
    let last = at("2026-11-25T09:00:00+08:00");
    let mut policy = SlaPolicy::default();
    assert_eq!(policy.contact_kept_days, 730);
    let kept = |policy: &SlaPolicy| contact_kept_until_ms(last, policy);
    assert_eq!(kept(&policy), Some(at("2028-11-24T09:00:00+08:00")));
    policy.contact_kept_days = 30;
    assert_eq!(kept(&policy), Some(at("2026-12-25T09:00:00+08:00")));
    policy.contact_kept_days = 0;
    assert_eq!(kept(&policy), Some(last));
}

#[test]
fn what_no_calendar_shows_is_never_due() {
    let everlasting = SlaPolicy {
        contact_kept_days: u32::MAX,
        violation_general_kept_years: u32::MAX,
        violation_serious_kept_years: i32::MAX.unsigned_abs(),
        ..SlaPolicy::default()
    };
    assert_eq!(violation_kept_until_ms(true, Some(NINE), &everlasting), None);
    assert_eq!(violation_kept_until_ms(false, Some(NINE), &everlasting), None);
    assert_eq!(contact_kept_until_ms(NINE, &everlasting), None);
    for policy in [everlasting, SlaPolicy::default()] {
        for at_ms in [i64::MIN, i64::MAX, i64::MAX / 1_000] {
            assert_eq!(violation_kept_until_ms(true, Some(at_ms), &policy), None);
            assert_eq!(violation_kept_until_ms(false, Some(at_ms), &policy), None);
            assert_eq!(contact_kept_until_ms(at_ms, &policy), None);
        }
    }
}

/// R0.20
#[test]
fn an_order_needs_its_contact_until_it_is_closed() {
    let (mut story, mut desk) = Story::dispatched();
    assert!(is_needed(&story.review()));
    story.after(MINUTE);
    story.write(&mut desk, Command::step(WorkOrderFact::Closed));
    let mut review = story.review();
    assert!(!is_needed(&review), "{:?}", review.status);
    assert_eq!(last_change_ms(&review), Some(NINE + MINUTE));
    review.status = crate::rules::Status::Kept;
    review.kind = "of_a_newer_app".to_owned();
    assert!(is_needed(&review), "nothing can be said of it");
    review.kind = crate::model::contact::KIND.to_owned();
    assert!(!is_needed(&review), "a contact has no steps");
}
