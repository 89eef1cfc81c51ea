//! Contacts: occupants' and callers' names and phones, the only personal data of customers.

use serde::{Deserialize, Serialize};

/// The fact types of contacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "p", rename_all = "snake_case")]
pub enum ContactFact {}
