//! Contacts: who lives where.

use serde_json::json;
use sync_core::rules::Review;

use super::{DESK, Draw, Step, one};

/// Opens one.
pub fn open(draw: &Draw<'_>) -> Vec<Step> {
    let create = json!({ "command": "create_contact", "site": draw.site, "unit": draw.unit(),
        "name": "李女士", "phones": ["13800000000"], "salt": draw.salt() });
    vec![one(DESK, create)]
}

/// What may be done next.
pub fn next(_review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    let set = json!({ "command": "set", "field": "phones", "value": ["13900000000"],
        "salt": draw.salt() });
    vec![one(DESK, set)]
}
