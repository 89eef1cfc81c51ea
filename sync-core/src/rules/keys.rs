//! Custody of customers' keys (五 4.3.1): received, used, returned. What is received and not
//! returned is open, and stands in the hand-over.

use serde::{Deserialize, Serialize};

use super::review::Review;
use crate::model::id::{FactKey, PersonId, RecordId};
use crate::model::time::WallMs;

/// A key that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenKey {
    /// The order.
    pub record: RecordId,
    /// The visit.
    pub visit: FactKey,
    /// The key of its `key_received`.
    pub received: FactKey,
    /// Who has it.
    pub holder: Option<PersonId>,
    /// Since when.
    pub since_ms: WallMs,
    /// A door was opened with it.
    pub used: bool,
}

/// Keys of one order that are kept: the latest.
const KEYS_MAX: usize = 200;

/// The keys of an order that were received and not returned. A return gives back the visit's
/// oldest; of a visit that returned more than it received nothing is open (R1.17).
pub fn open_keys(review: &Review) -> Vec<OpenKey> {
    let mut open: Vec<OpenKey> = Vec::new();
    for entry in review.timeline.iter().filter(|entry| !entry.unknown) {
        let visit = entry.content["visit"].as_str().and_then(|key| key.parse::<FactKey>().ok());
        let Some(visit) = visit else { continue };
        match entry.fact_type.as_str() {
            "key_received" => open.push(OpenKey {
                record: review.record,
                visit,
                received: entry.key,
                holder: entry.on_behalf_of.or(entry.by),
                since_ms: entry.at_ms,
                used: false,
            }),
            "key_used" | "entered_with_key" => {
                open.iter_mut().filter(|key| key.visit == visit).for_each(|key| key.used = true);
            }
            "key_returned" => {
                if let Some(place) = open.iter().position(|key| key.visit == visit) {
                    open.remove(place);
                }
            }
            _ => {}
        }
    }
    open.split_off(open.len().saturating_sub(KEYS_MAX))
}
