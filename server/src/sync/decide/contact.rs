//! What a device had confirmed at its contacts. A command whose number was higher than the highest
//! of a contact was written after it, whatever its facts claim.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sync_core::model::id::SiteId;
use sync_core::model::time::{Seen, WallMs};
use sync_core::rules::Written;

/// Contacts kept of one device.
pub const CONTACTS_MAX: usize = 16;

/// How much earlier than a contact a command may claim to be written and still be believed: what a
/// request takes, and what clocks drift.
pub const CLAIM_TOLERANCE_MS: i64 = 600_000;

/// A contact at which nothing else has moved is kept when the last one is as old as this.
const CONTACT_EVERY_MS: i64 = 3_600_000;

/// One contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The highest number the device had used: every command above it was written later.
    pub number: u64,
    /// The server's life of these sequences.
    pub epoch: u32,
    /// Server time of it, milliseconds.
    pub at_ms: WallMs,
    /// How far the device had read each site.
    pub sequences: BTreeMap<SiteId, u64>,
}

/// Contacts of a device, oldest first, each with a higher number than the one before. Nothing that
/// was confirmed is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirmed {
    contacts: Vec<Contact>,
}

/// When a command was written, and whether it claims to be older than it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// What roles are judged by.
    pub written: Written,
    /// It claims a time before a contact that it was written after.
    pub backdated: bool,
}

impl Confirmed {
    /// What was stored, in its order.
    pub fn new(contacts: Vec<Contact>) -> Self {
        Self { contacts }
    }

    /// Its contacts.
    pub fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    /// The last contact.
    pub fn newest(&self) -> Option<&Contact> {
        self.contacts.last()
    }

    /// Adds a contact. A lower number or lower sequences than before say nothing.
    pub fn add(&mut self, mut contact: Contact) {
        if let Some(last) = self.contacts.last() {
            if contact.epoch < last.epoch {
                return;
            }
            if contact.epoch == last.epoch {
                for (site, sequence) in &last.sequences {
                    let raised = contact.sequences.entry(*site).or_default();
                    *raised = (*sequence).max(*raised);
                }
            }
            contact.number = contact.number.max(last.number);
            contact.at_ms = contact.at_ms.max(last.at_ms);
            if contact.number == last.number {
                self.contacts.pop();
            }
        }
        self.contacts.push(contact);
        if self.contacts.len() > CONTACTS_MAX {
            // The oldest is what the oldest command that has not come stands on.
            self.contacts.remove(1);
        }
    }

    /// Whether a contact says what the last one did not.
    pub fn learns_from(&self, contact: &Contact) -> bool {
        let Some(last) = self.contacts.last() else { return true };
        let further = |(site, sequence): (&SiteId, &u64)| {
            last.sequences.get(site).is_none_or(|known| sequence > known)
        };
        contact.epoch > last.epoch
            || contact.number > last.number
            || contact.at_ms.saturating_sub(last.at_ms) >= CONTACT_EVERY_MS
            || contact.sequences.iter().any(further)
    }

    /// Drops the oldest contact: every command before the next one has come.
    pub fn drop_oldest(&mut self) {
        if self.contacts.len() > 1 {
            self.contacts.remove(0);
        }
    }

    /// How far a command's device had certainly read a site; `None` where that is not known.
    pub fn seen(&self, number: u64, site: SiteId) -> Option<Seen> {
        let contact = self.before(number)?;
        let sequence = *contact.sequences.get(&site)?;
        Some(Seen { epoch: contact.epoch, sequence })
    }

    /// When a command was written that claims `claimed` (R0.25).
    pub fn date(&self, number: u64, site: SiteId, claimed: Written) -> Dated {
        let confirmed = self.seen(number, site).unwrap_or_default();
        // To have seen nothing is no claim: a phone whose cursors a restore has taken says so.
        let seen = claimed.seen.filter(|seen| *seen != Seen::default());
        let contact_ms = self.before(number).map(|contact| contact.at_ms);
        let early = |at_ms: WallMs, contact_ms: WallMs| {
            at_ms < contact_ms.saturating_sub(CLAIM_TOLERANCE_MS)
        };
        let backdated = seen.is_some_and(|seen| seen < confirmed)
            || claimed.at_ms.zip(contact_ms).is_some_and(|(at, contact)| early(at, contact));
        if backdated {
            return Dated { written: Written::unknown(), backdated };
        }
        let seen = claimed.seen.map(|seen| seen.max(confirmed));
        Dated { written: Written { seen, ..claimed }, backdated }
    }

    /// The last contact before a command was written.
    fn before(&self, number: u64) -> Option<&Contact> {
        self.contacts.iter().rev().find(|contact| contact.number < number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId(7);

    fn contact(number: u64, epoch: u32, sequence: u64) -> Contact {
        let sequences = BTreeMap::from([(SITE, sequence)]);
        Contact { number, epoch, at_ms: 1_000_000, sequences }
    }

    fn confirmed(contacts: &[Contact]) -> Confirmed {
        let mut confirmed = Confirmed::default();
        contacts.iter().cloned().for_each(|contact| confirmed.add(contact));
        confirmed
    }

    fn seen(sequence: u64) -> Seen {
        Seen { epoch: 1, sequence }
    }

    #[test]
    fn lowered_cursors_and_numbers_confirm_nothing_away() {
        let low = confirmed(&[contact(3, 1, 20), contact(3, 1, 5), contact(1, 1, 2)]);
        assert_eq!(low.contacts(), [contact(3, 1, 20)]);
        let empty = Contact { sequences: BTreeMap::new(), ..contact(3, 1, 0) };
        assert_eq!(confirmed(&[contact(3, 1, 20), empty]).contacts(), [contact(3, 1, 20)]);
        // Another life counts anew.
        assert_eq!(
            confirmed(&[contact(3, 1, 20), contact(3, 2, 1), contact(3, 1, 30)]).contacts(),
            [contact(3, 2, 1)]
        );
    }

    #[test]
    fn a_command_is_dated_by_the_last_contact_below_its_number() {
        let confirmed = confirmed(&[contact(2, 1, 10), contact(5, 1, 20), contact(9, 1, 30)]);
        for (number, sequence) in [(3, 10), (5, 10), (6, 20), (9, 20), (10, 30)] {
            assert_eq!(confirmed.seen(number, SITE), Some(seen(sequence)), "{number}");
        }
        assert_eq!(confirmed.seen(2, SITE), None);
        assert_eq!(confirmed.seen(10, SiteId(8)), None);
    }

    /// R0.25
    #[test]
    fn a_time_before_a_contact_with_a_lower_number_is_backdated() {
        let confirmed = confirmed(&[contact(5, 1, 20)]);
        let date = |number, sequence, at_ms| {
            let claimed = Written { seen: Some(seen(sequence)), at_ms };
            let dated = confirmed.date(number, SITE, claimed);
            (dated.backdated, dated.written)
        };
        let honest = |sequence, at_ms| (false, Written { seen: Some(seen(sequence)), at_ms });
        assert_eq!(date(6, 20, Some(1_000_000)), honest(20, Some(1_000_000)));
        assert_eq!(date(5, 3, Some(1)), honest(3, Some(1)), "written before the contact");
        assert_eq!(date(6, 19, None), (true, Written::unknown()));
        let edge = 1_000_000 - CLAIM_TOLERANCE_MS;
        assert_eq!(date(6, 20, Some(edge)), honest(20, Some(edge)));
        assert_eq!(date(6, 20, Some(edge - 1)), (true, Written::unknown()));
        let nothing = Written { seen: Some(Seen::default()), at_ms: None };
        let dated = confirmed.date(6, SITE, nothing);
        assert_eq!((dated.backdated, dated.written), (false, Written::from(seen(20))));
    }

    #[test]
    fn contacts_are_bounded_and_the_oldest_and_the_newest_stay() {
        let contacts: Vec<Contact> = (1..=40).map(|n| contact(n, 1, n)).collect();
        let confirmed = confirmed(&contacts);
        assert_eq!(confirmed.contacts().len(), CONTACTS_MAX);
        assert_eq!(confirmed.contacts()[0], contact(1, 1, 1));
        assert_eq!(confirmed.newest(), Some(&contact(40, 1, 40)));
    }
}
