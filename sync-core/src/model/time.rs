//! Time as it is recorded: wall clocks that may be wrong, monotonic readings that are not, and
//! what the server's feed had reached.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z by some wall clock.
pub type WallMs = i64;

/// Milliseconds since a device's boot by a clock that runs in suspend.
pub type MonotonicMs = i64;

/// Names one boot of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BootId(pub [u8; 16]);

/// What a writer had seen of a site's feed, the department's "when written". Epochs compare
/// first. JSON: `[epoch, sequence]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Seen {
    /// The server's life; raised by every restore. The first is 1; 0 is "nothing seen yet".
    pub epoch: u32,
    /// The site's sequence in that epoch.
    pub sequence: u64,
}

impl Serialize for Seen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.epoch, self.sequence).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (epoch, sequence) = Deserialize::deserialize(deserializer)?;
        Ok(Self { epoch, sequence })
    }
}

/// Server time and a device's monotonic clock, read at the same contact: the first of that boot,
/// never changed afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The server's wall clock at the contact.
    pub server_ms: WallMs,
    /// The device's monotonic clock at the contact.
    pub monotonic_ms: MonotonicMs,
}

impl Anchor {
    /// The server's time when the device's monotonic clock read `monotonic_ms`.
    pub fn server_time(&self, monotonic_ms: MonotonicMs) -> WallMs {
        self.server_ms.saturating_add(monotonic_ms.saturating_sub(self.monotonic_ms))
    }
}
