//! How often somebody may try to come in. Every way in is counted twice: by the client's address,
//! which stands for a whole office, and by who it claims to be. The numbers and why:
//! docs/decisions/0020. The counts are this process's own and end with it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use sha2::{Digest as _, Sha256};
use sync_core::environment::Clock;
use sync_core::protocol::problem::ProblemCode;

use crate::{Error, Result};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Passwords from an address: an office of 60 people who all mistype once signs in at 8:00.
    SignInAddress,
    /// Passwords for a name, right or wrong: fewer than 100 an hour.
    SignInName,
    /// Enrolments from an address: a whole crew gets its phones in one morning.
    EnrolAddress,
    /// Enrolments by one code; five wrong ones end the code itself.
    EnrolCode,
    /// Nonces for an address.
    NonceAddress,
    /// Access tokens for an address.
    TokenAddress,
    /// Access tokens for a device that has shown its signature: nobody else can use them up.
    TokenDevice,
}

impl Gate {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::SignInAddress,
        Self::SignInName,
        Self::EnrolAddress,
        Self::EnrolCode,
        Self::NonceAddress,
        Self::TokenAddress,
        Self::TokenDevice,
    ];

    /// Its name in logs and documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::SignInAddress => "sign_in_address",
            Self::SignInName => "sign_in_name",
            Self::EnrolAddress => "enrol_address",
            Self::EnrolCode => "enrol_code",
            Self::NonceAddress => "nonce_address",
            Self::TokenAddress => "token_address",
            Self::TokenDevice => "token_device",
        }
    }

    /// How many at once, and after how many milliseconds one more.
    pub fn numbers(self) -> (u32, u64) {
        match self {
            Self::SignInAddress => (120, 5_000),
            Self::SignInName => (10, 60_000),
            Self::EnrolAddress => (300, 2_000),
            Self::EnrolCode => (10, 60_000),
            Self::NonceAddress | Self::TokenAddress => (600, 100),
            Self::TokenDevice => (60, 10_000),
        }
    }

    fn quota(self) -> Quota {
        let (burst, period_ms) = self.numbers();
        Quota::with_period(Duration::from_millis(period_ms))
            .expect("no period is zero")
            .allow_burst(NonZeroU32::new(burst).expect("no burst is zero"))
    }
}

/// Keys that one gate remembers; each takes about 50 bytes.
pub const KEYS_MAX: usize = 10_000;

/// Who is counted: a hash, so that a long name takes no more room than a short one.
type Key = [u8; 16];

type Limiter = RateLimiter<Key, Bounded, ProjectClock, NoOpMiddleware<Nanos>>;

/// Every gate of a server.
pub struct Gates {
    limiters: [Limiter; Gate::ALL.len()],
    clock: ProjectClock,
}

impl Gates {
    /// Gates through which nobody has gone yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let clock = ProjectClock(clock);
        let limiter = |gate: Gate| RateLimiter::new(gate.quota(), Bounded::new(), clock.clone());
        Self { limiters: Gate::ALL.map(limiter), clock }
    }

    /// Lets one try through.
    ///
    /// # Errors
    /// `too_many_requests` with `retry_after_s`, at least 1.
    pub fn pass(&self, gate: Gate, whose: impl AsRef<[u8]>) -> Result<()> {
        let hash = Sha256::digest(whose.as_ref());
        let mut key = Key::default();
        key.copy_from_slice(&hash[..16]);
        let Err(not_until) = self.limiters[gate as usize].check_key(&key) else { return Ok(()) };
        let wait = not_until.wait_time_from(self.clock.now());
        let wait_s = u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
        // Neither the address nor the name: a log is no list of who was where.
        tracing::warn!(gate = gate.code(), retry_after_s = wait_s, "too many requests");
        Err(Error::problem(ProblemCode::TooManyRequests).with("retry_after_s", wait_s))
    }
}

/// The project's clock as governor reads it: by the time that runs in suspend.
#[derive(Clone)]
struct ProjectClock(Arc<dyn Clock>);

impl GovernorClock for ProjectClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let ms = u64::try_from(self.0.monotonic_ms()).unwrap_or(0);
        Nanos::from(ms.saturating_mul(1_000_000))
    }
}

/// The keys of a gate, each with the time at which it is as good as new; a flood of keys sheds the
/// half that is nearest to that, never those that have tried the most.
struct Bounded(Mutex<BTreeMap<Key, Nanos>>);

impl Bounded {
    fn new() -> Self {
        Self(Mutex::default())
    }
}

impl StateStore for Bounded {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, decide: F) -> std::result::Result<T, E>
    where
        F: Fn(Option<Nanos>) -> std::result::Result<(T, Nanos), E>,
    {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, new_again) = decide(keys.get(key).copied())?;
        if keys.len() >= KEYS_MAX && !keys.contains_key(key) {
            shed(&mut keys);
        }
        keys.insert(*key, new_again);
        Ok(answer)
    }
}

fn shed(keys: &mut BTreeMap<Key, Nanos>) {
    let mut times: Vec<Nanos> = keys.values().copied().collect();
    let half = times.len() / 2;
    let (_, bound, _) = times.select_nth_unstable(half);
    let bound = *bound;
    keys.retain(|_, new_again| *new_again > bound);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FixedClock;

    fn gates() -> (Gates, Arc<FixedClock>) {
        let clock = FixedClock::new();
        (Gates::new(Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    fn wait_s(result: Result<()>) -> Option<String> {
        match result {
            Ok(()) => None,
            Err(Error::Problem { code: ProblemCode::TooManyRequests, params }) => {
                Some(params["retry_after_s"].clone())
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_gate_lets_its_burst_through_and_then_one_each_period() {
        for gate in Gate::ALL {
            let (gates, clock) = gates();
            let (burst, period_ms) = gate.numbers();
            for n in 0..burst {
                assert_eq!(wait_s(gates.pass(gate, "a")), None, "{gate:?} {n}");
            }
            let wait = period_ms.div_ceil(1_000).to_string();
            assert_eq!(wait_s(gates.pass(gate, "a")), Some(wait.clone()), "{gate:?}");
            // Another key and another gate know nothing of it.
            assert_eq!(wait_s(gates.pass(gate, "b")), None, "{gate:?}");
            let period_ms = i64::try_from(period_ms).expect("small");
            clock.pass_ms(period_ms - 1);
            assert_eq!(wait_s(gates.pass(gate, "a")), Some("1".to_owned()), "{gate:?}");
            clock.pass_ms(1);
            assert_eq!(wait_s(gates.pass(gate, "a")), None, "{gate:?}");
            assert_eq!(wait_s(gates.pass(gate, "a")), Some(wait), "{gate:?}");
        }
    }

    #[test]
    fn the_decision_names_every_number() {
        let page =
            include_str!("../../../docs/decisions/0020-how-often-somebody-may-try-to-come-in.md");
        for gate in Gate::ALL {
            let (burst, period_ms) = gate.numbers();
            let seconds = match period_ms % 1_000 {
                0 => (period_ms / 1_000).to_string(),
                _ => format!("0.{}", period_ms / 100),
            };
            let row = format!("| `{}` | {burst} | {seconds} s |", gate.code());
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn sixty_people_behind_one_address_sign_in_at_eight_though_each_mistypes_once() {
        let (gates, _) = gates();
        for person in 0..60 {
            for _ in 0..2 {
                assert_eq!(wait_s(gates.pass(Gate::SignInAddress, "office")), None);
                let name = format!("person {person}");
                assert_eq!(wait_s(gates.pass(Gate::SignInName, name)), None);
            }
        }
        assert_eq!(wait_s(gates.pass(Gate::SignInAddress, "office")), Some("5".to_owned()));
    }

    #[test]
    fn a_name_is_tried_fewer_than_a_hundred_times_an_hour_from_wherever() {
        let (gates, clock) = gates();
        let mut tried = 0;
        for _ in 0..3_600 {
            tried += i64::from(gates.pass(Gate::SignInName, "chen").is_ok());
            clock.pass_ms(1_000);
        }
        assert!((60..100).contains(&tried), "{tried}");
    }

    #[test]
    fn a_flood_of_keys_takes_bounded_memory_and_forgives_nobody_who_tried_too_often() {
        let (gates, clock) = gates();
        while gates.pass(Gate::SignInName, "chen").is_ok() {}
        for n in 0..3 * KEYS_MAX {
            gates.pass(Gate::SignInName, format!("made up {n}")).expect("the first of its name");
            if n % 1_000 == 0 {
                clock.pass_ms(1);
            }
        }
        assert!(wait_s(gates.pass(Gate::SignInName, "chen")).is_some(), "still waits");
        let [_, names, ..] = gates.limiters;
        let kept = names.into_state_store().0.into_inner().expect("not poisoned").len();
        assert!((KEYS_MAX / 2..=KEYS_MAX).contains(&kept), "{kept}");
    }
}
