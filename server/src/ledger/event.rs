//! What the ledger knows of. Its bytes are read for ever: a member is never renamed.

use serde::{Deserialize, Serialize};
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::person::RoleGrant;
use sync_core::model::time::WallMs;

/// What the ledger knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Event {
    /// The ledger was begun: an installation that has begun one misses it when it is gone.
    Begun {
        /// Server time.
        at: WallMs,
    },
    /// A record was purged.
    Purged {
        /// The record.
        record: RecordId,
        /// Its site.
        site: SiteId,
        /// Server time.
        at: WallMs,
        /// The site's sequence under which phones are told.
        sequence: u64,
        /// The audiences that are told, without their site.
        audiences: Vec<String>,
    },
    /// Numbers may have been given: a restored database gives none of them again.
    Reserved {
        /// Whose.
        numbers: Numbered,
        /// The first.
        from: u32,
        /// The last, inclusive.
        to: u32,
        /// Server time.
        at: WallMs,
    },
    /// Whether a device may come in changed. Its last entry of a kind holds.
    Device {
        /// The device.
        device: DeviceId,
        /// Whose it is.
        person: PersonId,
        /// What befell it.
        what: Befell,
        /// Server time.
        at: WallMs,
    },
    /// A person comes in nowhere any more.
    PersonDisabled {
        /// The person.
        person: PersonId,
        /// Server time.
        at: WallMs,
        /// The version of the reference data that says so.
        reference: u64,
    },
    /// A grant of a role was ended, or a role that had been ended was granted again.
    Role {
        /// The grant as it stands since then.
        grant: RoleGrant,
        /// Server time.
        at: WallMs,
        /// The version of the reference data that says so.
        reference: u64,
    },
}

/// What is numbered, each kind by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbered {
    /// Phones and the office's cookie sessions.
    Device,
    /// The staff.
    Person,
}

impl Numbered {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Device, Self::Person];

    /// The stable code, as in SQL.
    pub fn code(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Person => "person",
        }
    }
}

/// What befalls a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Befell {
    /// For good.
    Revoked,
    /// Until it is unlocked.
    Locked,
    /// It may come in again.
    Unlocked,
    /// Until it is found.
    Lost,
    /// It may come in again.
    Found,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    const AT_MS: WallMs = 1_790_000_000_000;

    #[test]
    fn lines_of_numbers_devices_people_and_roles_are_these_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::at(folder.path());
        let grant = serde_json::json!({
            "person": 31, "role": "technician", "site": 7, "from_ms": 5, "to_ms": null,
            "granted": [1, 8], "ended": [1, 9], "on_behalf_of": null,
        });
        let grant = serde_json::from_value(grant).expect("a grant");
        let (device, person) = (DeviceId(9), PersonId(31));
        let events = vec![
            Event::Reserved { numbers: Numbered::Device, from: 1, to: 1_000, at: AT_MS },
            Event::Device { device, person, what: Befell::Revoked, at: AT_MS },
            Event::PersonDisabled { person, at: AT_MS, reference: 4 },
            Event::Role { grant, at: AT_MS, reference: 5 },
        ];
        assert_eq!(ledger.append_all(events.clone()).expect("appended").n, 4);
        let entries = Ledger::at(folder.path()).after(0).expect("reads");
        assert_eq!(entries.into_iter().map(|entry| entry.event).collect::<Vec<_>>(), events);
        let text = std::fs::read_to_string(folder.path().join("ledger.jsonl")).expect("reads");
        let members = |line: &str| {
            let mut value: serde_json::Value = serde_json::from_str(line).expect("reads");
            let object = value.as_object_mut().expect("an object");
            for name in ["hash", "previous", "n", "at"] {
                assert!(object.remove(name).is_some());
            }
            value.to_string()
        };
        frozen(&text.lines().map(members).collect::<Vec<_>>());
    }

    /// What is stored must still be read by every later version.
    fn frozen(lines: &[String]) {
        assert_eq!(
            lines,
            [
                r#"{"entry":"reserved","from":1,"numbers":"device","to":1000}"#,
                r#"{"device":9,"entry":"device","person":31,"what":"revoked"}"#,
                r#"{"entry":"person_disabled","person":31,"reference":4}"#,
                concat!(
                    r#"{"entry":"role","grant":{"ended":[1,9],"from_ms":5,"granted":[1,8],"#,
                    r#""person":31,"role":"technician","site":7},"reference":5}"#,
                ),
            ]
        );
    }
}
