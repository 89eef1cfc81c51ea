//! Contacts: occupants' and callers' names and phones, the only personal data of customers. Other
//! records name a contact by id; erasing a person is purging the contact's record.

use serde::{Deserialize, Serialize};

/// The kind's name.
pub const KIND: &str = "contact";

/// The schema version this code writes into `created`.
pub const SCHEMA: u32 = 1;

/// Members of `created` of a contact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactCreated {
    /// The unit, e.g. `3-2-1501`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// The name, at most 60 characters.
    pub name: String,
    /// Phone numbers, at most 60 characters each.
    #[serde(default)]
    pub phones: Vec<String>,
    /// What the person is to the unit, e.g. 业主 or 租户; at most 60 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub relation: Option<String>,
    /// Random: without it a hash of the fact would tell who tries names what it holds.
    pub salt: String,
}

impl std::fmt::Debug for ContactCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContactCreated(redacted)")
    }
}
