//! `Idempotency-Key`: the same request sent again gets the same answer, byte for byte, for a day.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sync_core::model::id::PersonId;

/// The keys of requests that are being answered: the second of two that arrive at once waits.
#[derive(Default)]
pub struct InFlight(Mutex<BTreeMap<(PersonId, String), Arc<tokio::sync::Mutex<()>>>>);
