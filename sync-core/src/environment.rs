//! What the outside world lends to the crate: clocks, randomness and hooks between store
//! statements. Only drivers implement them on the system's own; the simulator draws them from a
//! seed.

use std::fmt;

use async_trait::async_trait;

use crate::model::time::{BootId, MonotonicMs, WallMs};

/// Clocks of one device.
pub trait Clock: Send + Sync {
    /// The wall clock: may be wrong, may jump. Milliseconds since 1970-01-01T00:00:00Z.
    fn wall_ms(&self) -> WallMs;
    /// A clock that counts through suspend and never goes back within one boot
    /// (`CLOCK_BOOTTIME`, `elapsedRealtime`, `mach_continuous_time`). Milliseconds since boot.
    fn monotonic_ms(&self) -> MonotonicMs;
    /// Names the boot that `monotonic_ms` counts from.
    fn boot_id(&self) -> BootId;
}

/// A source of random bytes fit for keys.
pub trait Randomness: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// Where a driver stands when it calls [`Hooks::at`]: before, between and after store statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HookPoint {
    /// The operation, e.g. `command` or `apply_response`.
    pub operation: &'static str,
    /// Where the operation stands.
    pub place: HookPlace,
}

/// Where an operation stands relative to its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HookPlace {
    /// Before the transaction began.
    Before,
    /// Inside the transaction, after this many statements.
    Inside(u32),
    /// After the commit, before the caller learned of it.
    After,
}

/// The process is to stop here, as if power had gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash;

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped by a hook")
    }
}

impl std::error::Error for Crash {}

/// Called between store statements: the simulator schedules and crashes there, the kill test
/// aborts the process there, production does nothing.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// Waits for its turn; an error ends the operation there, its transaction rolled back.
    async fn at(&self, point: HookPoint) -> Result<(), Crash>;
}

/// Hooks that do nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

#[async_trait]
impl Hooks for NoHooks {
    async fn at(&self, _point: HookPoint) -> Result<(), Crash> {
        Ok(())
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(clippy::disallowed_methods, reason = "the one driver of the system's randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// The operating system's clocks.
///
/// On Linux and Android the monotonic clock is `CLOCK_BOOTTIME` and the boot id the kernel's. On
/// other systems `CLOCK_MONOTONIC` (which counts through sleep on Apple's) and a boot id made by
/// each process: more sessions stay "unverified" there than need be, none is wrong. Only Linux is
/// checked; suspend and real reboots are unchecked everywhere.
#[cfg(feature = "store")]
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    boot: BootId,
}

#[cfg(feature = "store")]
impl SystemClock {
    /// Reads the boot id.
    pub fn new(randomness: &dyn Randomness) -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let hex = kernel.map(|text| text.trim().replace('-', ""));
        let bytes = hex.and_then(|text| data_encoding::HEXLOWER.decode(text.as_bytes()).ok());
        let boot = bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or_else(|| {
            let mut own = [0; 16];
            randomness.fill(&mut own);
            own
        });
        Self { boot: BootId(boot) }
    }
}

#[cfg(feature = "store")]
fn clock_ms(clock: rustix::time::ClockId) -> i64 {
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}

#[cfg(feature = "store")]
impl Clock for SystemClock {
    fn wall_ms(&self) -> WallMs {
        clock_ms(rustix::time::ClockId::Realtime)
    }

    fn monotonic_ms(&self) -> MonotonicMs {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let clock = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let clock = rustix::time::ClockId::Monotonic;
        clock_ms(clock)
    }

    fn boot_id(&self) -> BootId {
        self.boot
    }
}
