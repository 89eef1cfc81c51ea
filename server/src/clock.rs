//! The machine's clocks: the only place of the server that reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use sync_core::environment::Clock;
use sync_core::model::time::{BootId, MonotonicMs, WallMs};

/// The operating system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    boot: BootId,
}

impl SystemClock {
    /// The clocks of this boot.
    pub fn new() -> Self {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        // A system without that file has one boot for ever: an office session's wall clock is the
        // server's, so nothing is judged by the server's own boot.
        Self { boot: BootId(parse_boot_id(&text).unwrap_or([0; 16])) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall_ms(&self) -> WallMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallMs::try_from(since.as_millis()).unwrap_or(WallMs::MAX)
    }

    fn monotonic_ms(&self) -> MonotonicMs {
        let time = rustix::time::clock_gettime(RUNS_IN_SUSPEND);
        time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
    }

    fn boot_id(&self) -> BootId {
        self.boot
    }
}

#[cfg(target_os = "linux")]
const RUNS_IN_SUSPEND: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const RUNS_IN_SUSPEND: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

/// A UUID's 16 bytes.
fn parse_boot_id(text: &str) -> Option<[u8; 16]> {
    let hex: String = text.trim().chars().filter(|c| *c != '-').collect();
    data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_is_read_from_its_uuid() {
        let bytes = parse_boot_id("01020304-0506-0708-090a-0b0c0d0e0f10\n").expect("a uuid");
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        assert_eq!(parse_boot_id("01020304"), None);
        assert_eq!(parse_boot_id(""), None);
    }
}
