//! Fields of orders, contacts and rounds, which have no [`Kind`](super::kind::Kind) of their own:
//! what they hold, and who writes them.

use serde_json::Value;

use super::denial::{Denial, DenialCode};
use super::kind::{FieldRule, Holds};
use super::limits::{AMOUNT_FEN_MAX, DESCRIPTION_CHARACTERS_MAX};
use super::limits::{NAME_CHARACTERS_MAX, REASON_CHARACTERS_MAX, text};
use super::permission::{DESK, DESK_AND_LEAD, EVERYONE_ON_ORDERS};
use crate::model::{alarm, contact, patrol, work_order};

/// The fields of a kind without rules of its own.
pub(super) fn fields(kind: &str) -> &'static [FieldRule] {
    match kind {
        work_order::KIND => ORDER,
        contact::KIND => CONTACT,
        patrol::ROUND => ROUND,
        _ => &[],
    }
}

/// Members of `created` of such a kind that nobody writes later (R0.21).
pub(super) fn fixed(kind: &str) -> &'static [&'static str] {
    match kind {
        work_order::KIND => &["group", "reception", "reported_at_ms", "round"],
        contact::KIND => &["salt"],
        patrol::ROUND => &["area", "checkpoints", "patrol", "plan", "starts_at_ms"],
        alarm::KIND => &["alarm", "description", "place", "round"],
        _ => &[],
    }
}

const fn rule(name: &'static str, holds: Holds) -> FieldRule {
    FieldRule { name, holds, roles: DESK }
}

const ORDER: &[FieldRule] = &[
    // R3.22
    FieldRule { name: "appointment", holds: Holds::Time, roles: EVERYONE_ON_ORDERS },
    // R3.20
    FieldRule { name: "assignee", holds: Holds::Person, roles: DESK_AND_LEAD },
    rule("category", Holds::OneOf(&["household", "public"])),
    // R3.25
    rule("chargeable_fen", Holds::Whole(0, AMOUNT_FEN_MAX)),
    rule("contact", Holds::Record),
    rule("description", Holds::Text(DESCRIPTION_CHARACTERS_MAX)),
    // Whom the work disturbs, and how they were told of it (三 3.1.5.2, R3.45).
    rule("disturbs", Holds::Text(REASON_CHARACTERS_MAX)),
    rule("place", Holds::Text(NAME_CHARACTERS_MAX)),
    rule("priority", Holds::OneOf(&["urgent", "appointed"])),
    rule("residents_told", Holds::Text(REASON_CHARACTERS_MAX)),
    rule("unit", Holds::Text(NAME_CHARACTERS_MAX)),
    // Why the desk watches it: it is complex, or about compensation (三 3.4, R3.34).
    rule("watched", Holds::Text(REASON_CHARACTERS_MAX)),
];

const CONTACT: &[FieldRule] = &[
    rule("name", Holds::Text(NAME_CHARACTERS_MAX)),
    rule("phones", Holds::Shape(check_phones)),
    rule("relation", Holds::Text(NAME_CHARACTERS_MAX)),
    rule("unit", Holds::Text(NAME_CHARACTERS_MAX)),
];

const ROUND: &[FieldRule] = &[rule("officer", Holds::Person)];

fn check_phones(value: &Value) -> Result<(), Denial> {
    let out_of_range = || Denial::new(DenialCode::OutOfRange).with("field", "phones");
    let phones = value.as_array().filter(|list| list.len() <= 10).ok_or_else(out_of_range)?;
    phones.iter().try_for_each(|phone| {
        text("phones", phone.as_str().ok_or_else(out_of_range)?, NAME_CHARACTERS_MAX)
    })
}
