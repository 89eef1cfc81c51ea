//! What a child tells before it dies: every command that returned, where it stood before each
//! sync, and the point where it died.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sync_core::environment::HookPlace;
use sync_core::model::id::{FactKey, RecordId};
use sync_core::replica::Account;

use super::child;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A command returned.
    Saved(Saved),
    /// A sync begins; so stands the account.
    Syncing(Account),
    /// A sync ended well; so stands the account.
    Synced(Account),
    /// The next instant it is dead.
    Dies {
        /// In the middle of what.
        operation: String,
        /// Where.
        place: Place,
        /// After how many statements, inside.
        statements: u32,
    },
}

/// A command that returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The record.
    pub record: RecordId,
    /// Its number.
    pub n: u64,
    /// Its first fact.
    pub key: FactKey,
    /// Members that the fact must have: `t`, and some of `p`.
    pub fact: Value,
    /// The phone's rules were off: the server has to refuse it.
    pub forbidden: bool,
}

/// Where a process died, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before the transaction.
    Before,
    /// Between two statements of the transaction.
    Inside,
    /// After the commit, before the caller learned of it.
    After,
}

impl From<HookPlace> for Place {
    fn from(place: HookPlace) -> Self {
        match place {
            HookPlace::Before => Self::Before,
            HookPlace::Inside(_) => Self::Inside,
            HookPlace::After => Self::After,
        }
    }
}

impl Line {
    /// Tells the parent.
    pub fn tell(&self) {
        child::tell(&self.to_string());
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Line {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
