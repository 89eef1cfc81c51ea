//! The simulated world: one seed draws the order of everything, the faults and the clocks.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sync_core::environment::{Clock, Crash, HookPlace, HookPoint, Hooks, Randomness};
use sync_core::model::time::BootId;
use tokio::sync::{mpsc, oneshot};

/// Draws from the run's seed.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<ChaCha8Rng>>);

impl Dice {
    /// A generator of its own for `purpose`, so that one consumer's draws do not shift another's.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&purpose.to_le_bytes());
        Self(Arc::new(Mutex::new(ChaCha8Rng::from_seed(bytes))))
    }

    /// A number below `bound`.
    pub fn below(&self, bound: usize) -> usize {
        let drawn = self.0.lock().expect("not poisoned").next_u64();
        usize::try_from(drawn % bound as u64).expect("below a usize")
    }

    /// True in `per_mille` of a thousand draws.
    pub fn happens(&self, per_mille: usize) -> bool {
        self.below(1_000) < per_mille
    }
}

impl Randomness for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().expect("not poisoned").fill_bytes(bytes);
    }
}

/// A clock that only moves when told to; the wall may be wrong and may jump.
pub struct SimulatedClock {
    elapsed_ms: Arc<AtomicI64>,
    wall_offset_ms: AtomicI64,
    behind_ms: AtomicI64,
    boot: AtomicU64,
    boot_started_ms: AtomicI64,
}

/// Where simulated time begins: 2026-11-25T00:00:00Z.
pub const START_MS: i64 = 1_795_564_800_000;

impl SimulatedClock {
    /// A clock on the shared elapsed time.
    pub fn new(elapsed_ms: Arc<AtomicI64>, boot: u64) -> Self {
        Self {
            elapsed_ms,
            wall_offset_ms: AtomicI64::new(0),
            behind_ms: AtomicI64::new(0),
            boot: AtomicU64::new(boot),
            boot_started_ms: AtomicI64::new(-60_000),
        }
    }

    /// Sets the wall clock wrong by so much.
    pub fn set_wall_offset_ms(&self, offset_ms: i64) {
        self.wall_offset_ms.store(offset_ms, Ordering::SeqCst);
    }

    /// Claims to be so much earlier in this boot, as far as it goes back; 0 is the truth. Answers
    /// by how much.
    pub fn lie_ms(&self, ms: i64) -> i64 {
        self.behind_ms.store(0, Ordering::SeqCst);
        let ms = ms.min(self.monotonic_ms() - 1).max(0);
        self.behind_ms.store(ms, Ordering::SeqCst);
        ms
    }

    /// A new boot: the monotonic clock begins anew.
    pub fn reboot(&self) {
        self.boot.fetch_add(1_000, Ordering::SeqCst);
        self.boot_started_ms.store(self.elapsed_ms.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn wall_ms(&self) -> i64 {
        START_MS
            + self.elapsed_ms.load(Ordering::SeqCst)
            + self.wall_offset_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> i64 {
        self.elapsed_ms.load(Ordering::SeqCst)
            - self.boot_started_ms.load(Ordering::SeqCst)
            - self.behind_ms.load(Ordering::SeqCst)
    }

    fn boot_id(&self) -> BootId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.boot.load(Ordering::SeqCst).to_le_bytes());
        BootId(bytes)
    }
}

/// An actor that waits for its turn.
struct Turn {
    actor: usize,
    go: oneshot::Sender<()>,
}

/// Lets one actor at a time run, from one store call to the next, in an order drawn by the seed.
pub struct Scheduler {
    waiting: Vec<Turn>,
    arrivals: mpsc::UnboundedReceiver<Event>,
    sender: mpsc::UnboundedSender<Event>,
    running: usize,
    dice: Dice,
    /// What was chosen, for the trace of a failed run.
    pub trace: VecDeque<usize>,
}

enum Event {
    Arrived(Turn),
    Ended,
}

impl Scheduler {
    /// A scheduler drawing from `dice`.
    pub fn new(dice: Dice) -> Self {
        let (sender, arrivals) = mpsc::unbounded_channel();
        Self { waiting: Vec::new(), arrivals, sender, running: 0, dice, trace: VecDeque::new() }
    }

    /// The handle by which an actor waits for its turn.
    pub fn gate(&self, actor: usize) -> Gate {
        Gate { actor, sender: self.sender.clone() }
    }

    /// Runs `tasks` to their ends, one step of one of them at a time.
    pub async fn run<T: Send + 'static>(
        &mut self,
        tasks: Vec<impl Future<Output = T> + Send + 'static>,
    ) -> Vec<T> {
        let mut handles = Vec::with_capacity(tasks.len());
        self.running = tasks.len();
        let mut open = tasks.len();
        for task in tasks {
            let sender = self.sender.clone();
            handles.push(tokio::spawn(async move {
                let output = task.await;
                let _gone = sender.send(Event::Ended);
                output
            }));
        }
        while open > 0 {
            while self.running > 0 {
                match self.arrivals.recv().await {
                    Some(Event::Arrived(turn)) => self.waiting.push(turn),
                    Some(Event::Ended) => open -= 1,
                    None => unreachable!("the scheduler holds a sender"),
                }
                self.running -= 1;
            }
            if self.waiting.is_empty() {
                break;
            }
            // Arrival order depends on threads; the actor's number does not.
            self.waiting.sort_by_key(|turn| turn.actor);
            let turn = self.waiting.swap_remove(self.dice.below(self.waiting.len()));
            self.trace.push_back(turn.actor);
            if self.trace.len() > 200 {
                self.trace.pop_front();
            }
            self.running += 1;
            let _ended = turn.go.send(());
        }
        let mut outputs = Vec::with_capacity(handles.len());
        for handle in handles {
            outputs.push(handle.await.expect("a task of the simulation ends"));
        }
        outputs
    }
}

/// Where an actor waits for its turn.
#[derive(Clone)]
pub struct Gate {
    actor: usize,
    sender: mpsc::UnboundedSender<Event>,
}

impl Gate {
    /// Waits for the actor's turn.
    pub async fn pass(&self) {
        let (go, gone) = oneshot::channel();
        if self.sender.send(Event::Arrived(Turn { actor: self.actor, go })).is_ok() {
            let _closed = gone.await;
        }
    }
}

/// Hooks of an actor: waits for its turn at every store call, and crashes where the seed says.
pub struct SimulatedHooks {
    gate: Mutex<Option<Gate>>,
    /// Lets nobody else run inside a write: of two processes on one database one would wait for
    /// the other's lock.
    whole_writes: bool,
    dice: Dice,
    crash_per_mille: AtomicU64,
    /// Set by a crash; everything after it fails until the actor is opened anew.
    down: std::sync::atomic::AtomicBool,
    /// How many crashes happened.
    pub crashes: AtomicU64,
}

impl SimulatedHooks {
    /// Hooks without faults.
    pub fn new(dice: Dice) -> Self {
        Self {
            gate: Mutex::new(None),
            whole_writes: false,
            dice,
            crash_per_mille: AtomicU64::new(0),
            down: std::sync::atomic::AtomicBool::new(false),
            crashes: AtomicU64::new(0),
        }
    }

    /// Hooks of a process that shares its database: others run only between its writes.
    pub fn between_writes(dice: Dice) -> Self {
        Self { whole_writes: true, ..Self::new(dice) }
    }

    /// Joins a scheduler, or leaves it.
    pub fn set_gate(&self, gate: Option<Gate>) {
        *self.gate.lock().expect("not poisoned") = gate;
    }

    /// From now on crashes in so many of a thousand store calls.
    pub fn set_crash_per_mille(&self, per_mille: u64) {
        self.crash_per_mille.store(per_mille, Ordering::SeqCst);
    }

    /// Whether it is down.
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    /// Opened anew.
    pub fn revive(&self) {
        self.down.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Hooks for SimulatedHooks {
    async fn at(&self, point: HookPoint) -> Result<(), Crash> {
        let gate = self.gate.lock().expect("not poisoned").clone();
        let inside = matches!(point.place, HookPlace::Inside(_));
        if let Some(gate) = gate.filter(|_| !(self.whole_writes && inside)) {
            gate.pass().await;
        }
        if self.is_down() {
            return Err(Crash);
        }
        let per_mille =
            usize::try_from(self.crash_per_mille.load(Ordering::SeqCst)).expect("small");
        if per_mille > 0 && self.dice.happens(per_mille) {
            self.down.store(true, Ordering::SeqCst);
            self.crashes.fetch_add(1, Ordering::SeqCst);
            return Err(Crash);
        }
        Ok(())
    }
}
