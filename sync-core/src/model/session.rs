//! Sessions as served to everyone: who wrote, on which device, and how its clock relates to the
//! server's.

use std::collections::BTreeMap;

use super::id::{DeviceId, PersonId, SessionId};
use super::time::{Anchor, BootId, MonotonicMs, WallMs};

/// Where a session's person writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A phone with its own store.
    Phone,
    /// The office: a cookie session on the server, whose wall clock is the server's.
    Office,
}

/// One session. Final when first served: its anchor never changes afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub session: SessionId,
    /// Its owner: the author of everything whose key begins with it.
    pub person: PersonId,
    /// The device it was opened on.
    pub device: DeviceId,
    /// Phone or office.
    pub origin: Origin,
    /// The boot it was opened in.
    pub boot: BootId,
    /// The device's wall clock at opening.
    pub opened_wall_ms: WallMs,
    /// The device's monotonic clock at opening.
    pub opened_monotonic_ms: MonotonicMs,
    /// Relates its monotonic clock to the server's time; `None` means "unverified": its boot
    /// ended without a contact.
    pub anchor: Option<Anchor>,
}

/// The sessions that a record's facts need, by id.
pub type SessionRows = BTreeMap<SessionId, SessionRow>;
