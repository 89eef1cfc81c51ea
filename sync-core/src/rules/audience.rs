//! Whom a record concerns, from its content.

use std::collections::BTreeSet;

use serde_json::Value;

use super::review::Review;
use crate::model::audience::Audience;
use crate::model::id::PersonId;

/// The audiences of a record: its site's office, and everyone who is or may be its assignee. A
/// contact's further audiences follow from the orders that name it, which only the server sees.
pub fn audiences(review: &Review) -> BTreeSet<Audience> {
    let Some(site) = review.site else { return BTreeSet::new() };
    let mut audiences = BTreeSet::from([Audience::Office(site)]);
    let user = |value: &Value| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok())?;
        Some(Audience::User(site, PersonId(number)))
    };
    if let Some(field) = review.fields.get("assignee") {
        audiences.extend(user(&field.value));
    }
    audiences
}
