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
