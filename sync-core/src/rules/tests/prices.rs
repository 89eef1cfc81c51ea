//! The catalogue of paid services: who prices, who approves, and which price was in force when.

use super::*;
use crate::model::payload::OpeningContent;
use crate::model::price_item::{PriceItemCreated, ServiceKind};
use crate::rules::price_item::PriceItem;
use crate::rules::{Details, Status};

const DAY: i64 = 24 * 60 * MINUTE;

fn opened(service: ServiceKind) -> Command {
    let created =
        PriceItemCreated { name: "日常保洁".to_owned(), service, measure: "小时".to_owned() };
    Command::Open { site: SITE, content: OpeningContent::from(created) }
}

fn priced(amount_fen: i64, from_date: &str) -> Command {
    step("priced", json!({ "amount_fen": amount_fen, "from_date": from_date }))
}

fn approved(price: FactKey) -> Command {
    step("price_approved", json!({ "price": price }))
}

fn item(review: &Review) -> &PriceItem {
    match &review.details {
        Some(Details::PriceItem(item)) => item,
        other => panic!("{other:?}"),
    }
}

fn fen(story: &Story, at_ms: i64) -> Option<i64> {
    item(&story.review()).in_force(at_ms).map(|price| price.amount_fen)
}

fn story() -> (Story, Writer, Writer) {
    let mut story = Story::new();
    let mut manager = story.writer(21, Role::OperationsManager);
    story.write(&mut manager, opened(ServiceKind::Household));
    let general = story.writer(22, Role::GeneralManager);
    (story, manager, general)
}

/// R6.1
#[test]
fn operations_prices_everything_cleaning_only_household_and_nobody_else_anything() {
    for (service, cleaning) in [
        (ServiceKind::Household, true),
        (ServiceKind::HomeRepair, false),
        (ServiceKind::Business, false),
    ] {
        let mut story = Story::new();
        let mut manager = story.writer(21, Role::OperationsManager);
        story.write(&mut manager, opened(service));
        for role in Role::ALL {
            let writer = story.writer(50, role);
            let may =
                role == Role::OperationsManager || (cleaning && role == Role::CleaningManager);
            let expected = if may { Ok(()) } else { Err(DenialCode::NotYourRole) };
            let result = story.try_write_on(&writer, &priced(5_000, "2026-12-01"), &story.facts);
            assert_eq!(result.map(|_| ()).map_err(|d| d.code), expected, "{service:?} {role:?}");
            let result = story.try_write_on(&writer, &opened(service), &story.facts);
            assert_eq!(result.map(|_| ()).map_err(|d| d.code), expected, "{service:?} {role:?}");
        }
    }
}

/// R6.2
#[test]
fn only_the_general_manager_approves_and_rejects() {
    let (mut story, mut manager, _) = story();
    let price = story.write(&mut manager, priced(5_000, "2026-11-25"));
    let rejected = step("price_rejected", json!({ "price": price, "reason": "太贵" }));
    for role in Role::ALL {
        let writer = story.writer(50, role);
        for command in [approved(price), rejected.clone()] {
            let expected =
                if role == Role::GeneralManager { Ok(()) } else { Err(DenialCode::NotYourRole) };
            let result = story.try_write_on(&writer, &command, &story.facts);
            assert_eq!(result.map(|_| ()).map_err(|d| d.code), expected, "{role:?}");
        }
    }
}

/// R6.2
#[test]
fn a_price_is_in_force_only_when_it_is_approved_and_its_day_has_begun() {
    let (mut story, mut manager, mut general) = story();
    assert_eq!(story.review().status, Status::Opened);
    let price = story.write(&mut manager, priced(5_000, "2026-11-27"));
    assert_eq!(story.review().status, Status::Proposed);
    story.after(MINUTE);
    story.write(&mut general, approved(price));
    // 27 November 00:00 in Shanghai is 15 hours after the 25th at nine, and a day.
    let begins = NINE + 15 * 60 * MINUTE + DAY;
    let review = story.review();
    assert_eq!((review.status, review.status_until_ms), (Status::Approved, Some(begins)));
    assert_eq!(fen(&story, begins - 1), None);
    assert_eq!(fen(&story, begins), Some(5_000));
    story.now_ms = begins;
    assert_eq!(story.review().status, Status::InEffect);
}

/// R6.3
#[test]
fn a_price_of_a_day_that_is_past_is_in_force_from_its_approval_on_and_history_stays() {
    let (mut story, mut manager, mut general) = story();
    let old = story.write(&mut manager, priced(5_000, "2026-01-01"));
    story.write(&mut general, approved(old));
    story.after(DAY);
    let new = story.write(&mut manager, priced(6_000, "2026-01-01"));
    story.after(DAY);
    assert_eq!(fen(&story, story.now_ms), Some(5_000), "not approved yet");
    story.write(&mut general, approved(new));
    assert_eq!(fen(&story, story.now_ms - 1), Some(5_000));
    assert_eq!(fen(&story, story.now_ms), Some(6_000));
    assert_eq!(fen(&story, NINE - 1), None);
    assert_eq!(open_cases(&story.review()), [""; 0]);
}

/// R6.3
#[test]
fn an_approval_that_is_taken_back_was_in_force_until_then() {
    let (mut story, mut manager, mut general) = story();
    let old = story.write(&mut manager, priced(5_000, "2026-01-01"));
    story.write(&mut general, approved(old));
    let new = story.write(&mut manager, priced(6_000, "2026-01-01"));
    story.after(MINUTE);
    story.write(&mut general, approved(new));
    story.after(DAY);
    story.step(&mut general, "price_rejected", json!({ "price": new, "reason": "r" }));
    assert_eq!(fen(&story, story.now_ms - 1), Some(6_000));
    assert_eq!(fen(&story, story.now_ms), Some(5_000));
    assert_eq!(open_cases(&story.review()), [""; 0]);
}

/// R6.4
#[test]
fn two_prices_approved_without_knowing_of_one_another_are_a_case() {
    let (mut story, mut manager, mut general) = story();
    let first = story.write(&mut manager, priced(5_000, "2026-11-25"));
    let second = story.write(&mut manager, priced(6_000, "2026-11-25"));
    let seen = story.facts.clone();
    story.write(&mut general, approved(first));
    let mut deputy = story.writer(23, Role::GeneralManager);
    story.write_on(&mut deputy, approved(second), &seen);
    assert_eq!(open_cases(&story.review()), ["prices_disagree"]);
    // One after the other is a change of mind.
    let (mut story, mut manager, mut general) = self::story();
    let first = story.write(&mut manager, priced(5_000, "2026-11-25"));
    let second = story.write(&mut manager, priced(6_000, "2026-11-25"));
    story.write(&mut general, approved(first));
    story.write(&mut general, approved(second));
    assert_eq!(open_cases(&story.review()), [""; 0]);
}

/// R6.4
#[test]
fn a_price_approved_and_rejected_beside_one_another_is_a_case_and_not_in_force() {
    let (mut story, mut manager, mut general) = story();
    let price = story.write(&mut manager, priced(5_000, "2026-11-25"));
    let seen = story.facts.clone();
    story.write(&mut general, approved(price));
    let mut deputy = story.writer(23, Role::GeneralManager);
    let rejected = step("price_rejected", json!({ "price": price, "reason": "r" }));
    story.write_on(&mut deputy, rejected, &seen);
    assert_eq!(open_cases(&story.review()), ["prices_disagree"]);
    assert_eq!(fen(&story, story.now_ms), None);
    // Whoever knows of both decides.
    story.write(&mut general, approved(price));
    assert_eq!(fen(&story, story.now_ms), Some(5_000));
}

/// R6.3
#[test]
fn an_item_that_is_ended_has_no_price_from_then_on_and_keeps_those_before() {
    let (mut story, mut manager, mut general) = story();
    let price = story.write(&mut manager, priced(5_000, "2026-11-25"));
    story.write(&mut general, approved(price));
    story.after(DAY);
    story.step(&mut manager, "price_item_ended", json!({ "reason": "不再提供" }));
    assert_eq!(story.review().status, Status::Ended);
    assert_eq!(fen(&story, story.now_ms), None);
    assert_eq!(fen(&story, story.now_ms - 1), Some(5_000));
}

#[test]
fn a_price_has_its_bounds_and_a_verdict_names_a_price() {
    let (mut story, manager, general) = story();
    for (amount_fen, date, code) in [
        (-1, "2026-12-01", DenialCode::OutOfRange),
        (i64::MAX, "2026-12-01", DenialCode::OutOfRange),
        (5, "2026-13-01", DenialCode::BadTime),
    ] {
        assert_eq!(story.deny(&manager, &priced(amount_fen, date)), code);
    }
    let created = story.facts[0].key;
    assert_eq!(story.deny(&general, &approved(created)), DenialCode::NoSuchFact);
    story.now_ms = i64::MAX;
    story.review();
}
