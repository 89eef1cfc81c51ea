//! When to sync: at once for new work and pokes, with a growing, jittered delay after failures,
//! never while one request is in flight or while the person has to sign in again.

use serde::{Deserialize, Serialize};

use crate::model::time::MonotonicMs;

/// The first delay after a failure.
const RETRY_DELAY_MIN_MS: i64 = 1_000;
/// The longest delay after a failure.
const RETRY_DELAY_MAX_MS: i64 = 15 * 60_000;
/// How often an idle phone asks although nothing poked it.
const IDLE_DELAY_MS: i64 = 5 * 60_000;

/// How a request ended when it brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No signal, a cut answer, a busy or broken server.
    Offline,
    /// The server said when to come back.
    RetryAfter {
        /// Milliseconds from now.
        delay_ms: i64,
    },
    /// The credentials are not accepted: wait for the person, keep the whole queue.
    SignInAgain,
    /// The server speaks no version of ours: wait for an update, keep the whole queue.
    UpdateApp,
}

/// The schedule of one person's syncs on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    phase: Phase,
    attempts: u32,
    /// The server has asked for patience until then.
    patient_until_ms: Option<MonotonicMs>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting {
        due_ms: MonotonicMs,
    },
    /// `again`: work arrived meanwhile, sync once more at once.
    InFlight {
        again: bool,
    },
    Paused(Pause),
}

/// Why nothing is sent at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// The person has to sign in again.
    SignInAgain,
    /// The app has to be updated.
    UpdateApp,
    /// The person switched signal off (airplane mode).
    Airplane,
}

/// What survives the process: how often in a row it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SavedSchedule {
    /// Failures in a row.
    pub attempts: u32,
}

impl Schedule {
    /// A schedule for a freshly opened store: due at once, but a long row of failures is
    /// remembered, so that a crashing app does not hammer a broken server.
    pub fn restored(saved: SavedSchedule, now_ms: MonotonicMs) -> Self {
        let phase = Phase::Waiting { due_ms: now_ms };
        Self { phase, attempts: saved.attempts, patient_until_ms: None }
    }

    /// What to keep for [`Self::restored`].
    pub fn saved(&self) -> SavedSchedule {
        SavedSchedule { attempts: self.attempts }
    }

    /// A command was saved, or the server poked: due now unless a failure's delay is running.
    pub fn handle_work(&mut self, now_ms: MonotonicMs) {
        let due_now_ms = self.patient(now_ms);
        match &mut self.phase {
            Phase::Waiting { due_ms } if self.attempts == 0 => *due_ms = due_now_ms.min(*due_ms),
            Phase::InFlight { again } => *again = true,
            Phase::Waiting { .. } | Phase::Paused(_) => {}
        }
    }

    /// The person asks for a sync, or the signal came back: due now, whatever failed before, but
    /// not before the time that the server named.
    pub fn handle_wish(&mut self, now_ms: MonotonicMs) {
        let due_now_ms = self.patient(now_ms);
        match &mut self.phase {
            Phase::Waiting { due_ms } => *due_ms = due_now_ms,
            Phase::InFlight { again } => *again = true,
            Phase::Paused(_) => {}
        }
    }

    /// The driver sends a request.
    pub fn handle_started(&mut self) {
        self.phase = Phase::InFlight { again: false };
    }

    /// The driver's call was dropped: nobody waits for the request any more, ask again.
    pub fn handle_dropped(&mut self, now_ms: MonotonicMs) {
        if matches!(self.phase, Phase::InFlight { .. }) {
            self.phase = Phase::Waiting { due_ms: self.patient(now_ms) };
        }
    }

    /// An answer was applied; `more` if it says that there is more.
    pub fn handle_success(&mut self, now_ms: MonotonicMs, more: bool) {
        let again = more || matches!(self.phase, Phase::InFlight { again: true });
        self.attempts = 0;
        self.patient_until_ms = None;
        if self.paused().is_some() {
            // Signal was switched off meanwhile.
            return;
        }
        let delay_ms = if again { 0 } else { IDLE_DELAY_MS };
        self.phase = Phase::Waiting { due_ms: now_ms.saturating_add(delay_ms) };
    }

    /// A request failed; `random` spreads the phones of a site over the delay.
    pub fn handle_failure(&mut self, now_ms: MonotonicMs, failure: Failure, random: u64) {
        self.attempts = self.attempts.saturating_add(1);
        if let Failure::RetryAfter { delay_ms } = failure {
            let delay_ms = delay_ms.clamp(RETRY_DELAY_MIN_MS, RETRY_DELAY_MAX_MS);
            self.patient_until_ms = Some(now_ms.saturating_add(delay_ms));
        }
        self.phase = match failure {
            // Signal was switched off meanwhile.
            Failure::Offline | Failure::RetryAfter { .. } if self.paused().is_some() => return,
            Failure::Offline => Phase::Waiting {
                due_ms: now_ms.saturating_add(retry_delay_ms(self.attempts, random)),
            },
            Failure::RetryAfter { .. } => Phase::Waiting { due_ms: self.patient(now_ms) },
            Failure::SignInAgain => Phase::Paused(Pause::SignInAgain),
            Failure::UpdateApp => Phase::Paused(Pause::UpdateApp),
        };
    }

    /// Stops sending until [`Self::handle_resumed`].
    pub fn handle_paused(&mut self, pause: Pause) {
        self.phase = Phase::Paused(pause);
    }

    /// The reason for the pause is gone.
    pub fn handle_resumed(&mut self, now_ms: MonotonicMs) {
        if matches!(self.phase, Phase::Paused(_)) {
            self.attempts = 0;
            self.phase = Phase::Waiting { due_ms: self.patient(now_ms) };
        }
    }

    /// For how many milliseconds more the server has asked not to be asked; none if it may be.
    pub fn patience(&self, now_ms: MonotonicMs) -> Option<i64> {
        let left_ms = self.patient_until_ms?.saturating_sub(now_ms);
        (left_ms > 0).then_some(left_ms)
    }

    /// Now, or when the server's wish for patience is over.
    fn patient(&self, now_ms: MonotonicMs) -> MonotonicMs {
        self.patient_until_ms.map_or(now_ms, |until_ms| until_ms.max(now_ms))
    }

    /// Whether to send a request now.
    pub fn poll_due(&self, now_ms: MonotonicMs) -> bool {
        matches!(self.phase, Phase::Waiting { due_ms } if due_ms <= now_ms)
    }

    /// When [`Self::poll_due`] will say yes by itself.
    pub fn poll_timeout(&self) -> Option<MonotonicMs> {
        match self.phase {
            Phase::Waiting { due_ms } => Some(due_ms),
            Phase::InFlight { .. } | Phase::Paused(_) => None,
        }
    }

    /// Why nothing is sent, if so.
    pub fn paused(&self) -> Option<Pause> {
        match self.phase {
            Phase::Paused(pause) => Some(pause),
            Phase::Waiting { .. } | Phase::InFlight { .. } => None,
        }
    }
}

/// Between half and the whole of 1, 2, 4 ... seconds, at most fifteen minutes.
fn retry_delay_ms(attempts: u32, random: u64) -> MonotonicMs {
    let doublings = attempts.saturating_sub(1).min(20);
    let whole_ms = (RETRY_DELAY_MIN_MS << doublings).min(RETRY_DELAY_MAX_MS);
    let half_ms = whole_ms / 2;
    let spread =
        i64::try_from(random % (half_ms.unsigned_abs() + 1)).expect("below fifteen minutes");
    half_ms + spread
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Schedule {
        Schedule::restored(SavedSchedule::default(), 100)
    }

    #[test]
    fn delays_double_up_to_fifteen_minutes_and_are_spread_over_their_upper_half() {
        for (attempts, whole_ms) in
            [(1, 1_000), (2, 2_000), (5, 16_000), (11, 900_000), (u32::MAX, 900_000)]
        {
            assert_eq!(retry_delay_ms(attempts, 0), whole_ms / 2);
            let random = (whole_ms / 2).unsigned_abs();
            assert_eq!(retry_delay_ms(attempts, random), whole_ms);
            assert_eq!(retry_delay_ms(attempts, random + 1), whole_ms / 2);
        }
    }

    #[test]
    fn work_during_a_request_makes_one_more_at_once() {
        let mut schedule = fresh();
        assert!(schedule.poll_due(100));
        schedule.handle_started();
        assert!(!schedule.poll_due(i64::MAX));
        schedule.handle_work(110);
        schedule.handle_success(120, false);
        assert!(schedule.poll_due(120));
        schedule.handle_started();
        schedule.handle_success(130, false);
        assert!(!schedule.poll_due(130));
        assert_eq!(schedule.poll_timeout(), Some(130 + IDLE_DELAY_MS));
    }

    #[test]
    fn work_does_not_shorten_a_failures_delay_but_a_wish_does() {
        let mut schedule = fresh();
        schedule.handle_started();
        schedule.handle_failure(100, Failure::Offline, 0);
        schedule.handle_work(101);
        assert!(!schedule.poll_due(101));
        assert!(schedule.poll_due(600));
        schedule.handle_wish(102);
        assert!(schedule.poll_due(102));
    }

    #[test]
    fn a_pause_sends_nothing_until_its_reason_is_gone() {
        for failure in [Failure::SignInAgain, Failure::UpdateApp] {
            let mut schedule = fresh();
            schedule.handle_started();
            schedule.handle_failure(100, failure, 0);
            schedule.handle_work(200);
            schedule.handle_wish(200);
            assert!(!schedule.poll_due(i64::MAX));
            assert_eq!(schedule.poll_timeout(), None);
            schedule.handle_resumed(300);
            assert!(schedule.poll_due(300));
        }
    }

    #[test]
    fn a_row_of_failures_survives_the_process() {
        let mut schedule = fresh();
        schedule.handle_started();
        schedule.handle_failure(0, Failure::Offline, 0);
        schedule.handle_failure(0, Failure::Offline, 0);
        let mut reopened = Schedule::restored(schedule.saved(), 0);
        reopened.handle_started();
        reopened.handle_failure(0, Failure::Offline, 0);
        assert_eq!(reopened.poll_timeout(), Some(2_000));
    }

    #[test]
    fn a_servers_wish_is_kept_within_bounds() {
        for (asked_ms, waited_ms) in [(0, 1_000), (30_000, 30_000), (i64::MAX, 900_000)] {
            let mut schedule = fresh();
            schedule.handle_failure(0, Failure::RetryAfter { delay_ms: asked_ms }, 0);
            assert_eq!(schedule.poll_timeout(), Some(waited_ms));
        }
    }

    #[test]
    fn nobodys_wish_goes_before_the_time_that_the_server_named() {
        let mut schedule = fresh();
        schedule.handle_failure(100, Failure::RetryAfter { delay_ms: 30_000 }, 0);
        schedule.handle_wish(200);
        schedule.handle_work(300);
        assert!(!schedule.poll_due(30_099));
        // Signal off and on again changes nothing of it.
        schedule.handle_paused(Pause::Airplane);
        schedule.handle_resumed(400);
        assert_eq!(schedule.poll_timeout(), Some(30_100));
        schedule.handle_work(500);
        assert_eq!(schedule.poll_timeout(), Some(30_100));
        assert_eq!((schedule.patience(500), schedule.patience(30_100)), (Some(29_600), None));
        assert!(schedule.poll_due(30_100));
        schedule.handle_started();
        schedule.handle_success(30_200, false);
        schedule.handle_wish(30_300);
        assert!(schedule.poll_due(30_300), "patience ends with an answer");
    }
}
