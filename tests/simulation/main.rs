//! The simulation: phones, an office, a network, a server and two runners of its jobs in one
//! process, on real stores. The seed draws who runs when, what they do, how time passes, and every
//! fault; then everything heals, must converge, and auditors account for every command that
//! returned and for everything that followed by itself.
//!
//! `SIMULATION_SECONDS` bounds how long seeds are drawn; `SIMULATION_SEED=N` replays one,
//! `SIMULATION_FROM=N` begins there.

mod acting;
mod auditor;
mod coverage;
mod days;
mod environment;
mod life;
mod network;
mod office_words;
mod people;
mod signing;
mod workload;
mod world;

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use acting::{Carrier, DayClosed, Done, Saved};
use auditor::Audit;
use coverage::Coverage;
use days::DAY_MS;
use environment::{Dice, Scheduler};
use network::Faults;
use people::by_number;
use world::World;

/// What a run did, for its report and for comparing two runs of one seed.
#[derive(Debug, Default)]
struct Run {
    audit: Audit,
    coverage: Coverage,
    phone_crashes: u64,
    server_crashes: u64,
    lives: Lives,
    trace: Vec<String>,
}

/// What befell phones and people, and what the office said, in a run or in many.
#[derive(Debug, Default, Clone, Copy)]
pub struct Lives {
    revoked: u64,
    locked_or_lost: u64,
    without_role: u64,
    signed_out: u64,
    /// Sign-outs after which somebody else took the phone.
    shared: u64,
    /// Files of unsent work that brought something.
    parcels: u64,
    /// Words of the office on what was not accepted.
    words: u64,
    accepted_after_all: u64,
    /// Signings that went on with what was drawn before the app was killed or put away.
    resumed: u64,
    /// Commands that claim to be older than they can be.
    backdated: u64,
}

impl Lives {
    fn all(&mut self) -> [(&'static str, &mut u64); 10] {
        [
            ("revoked", &mut self.revoked),
            ("locked or lost", &mut self.locked_or_lost),
            ("without role", &mut self.without_role),
            ("signed out", &mut self.signed_out),
            ("shared", &mut self.shared),
            ("parcels", &mut self.parcels),
            ("words", &mut self.words),
            ("accepted after all", &mut self.accepted_after_all),
            ("resumed", &mut self.resumed),
            ("backdated", &mut self.backdated),
        ]
    }

    fn add(&mut self, mut other: Self) {
        for ((_, own), (_, others)) in self.all().into_iter().zip(other.all()) {
            *own += *others;
        }
    }

    /// What befell nobody: what no run looks at.
    fn gaps(mut self) -> Vec<&'static str> {
        self.all().into_iter().filter(|(_, count)| **count == 0).map(|(name, _)| name).collect()
    }
}

/// Commands that returned, of each phone and of the office.
#[derive(Default)]
pub struct AllSaved {
    /// By the place of the phone.
    pub phones: Vec<Vec<Saved>>,
    /// At the seats.
    pub office: Vec<Saved>,
    /// Days that the office closed, in order.
    pub closed: Vec<DayClosed>,
}

const ROUNDS: usize = 7;
const STEPS: usize = 10;
const HOUR_MS: i64 = 3_600_000;

/// Everything up to the end of the faults.
async fn play(seed: u64) -> (World, AllSaved, Run) {
    let mut world = World::new(seed).await;
    let mut run = Run::default();
    let mut saved = AllSaved::default();
    saved.phones.resize(world.phones.len(), Vec::new());
    let mut scheduler = Scheduler::new(Dice::new(seed, 4));
    // The first day's, before anything happens.
    let (app, hooks) = (world.runners[0].app().clone(), world.runners[0].hooks.clone());
    run.take("jobs", acting::run_jobs(app, hooks, None).await);
    for _ in 0..ROUNDS {
        set_faults(&world, true);
        pass_time(&world);
        let mut done = Done::default();
        run.server_crashes += acting::office(&mut world, &mut done).await;
        saved.office.append(&mut done.saved);
        saved.closed.append(&mut done.closed);
        run.take("office", done);
        field_turn(&mut world, &mut scheduler, &mut run, &mut saved).await;
        world.advance_ms(60_000);
        restart_the_fallen(&mut world, &mut run).await;
        life::befall(&mut world, &saved, &mut run.lives).await;
        office_words::say(&mut world, &mut run.lives, &mut run.trace).await;
    }
    set_faults(&world, false);
    life::heal(&mut world, &saved).await;
    (world, saved, run)
}

async fn run(seed: u64) -> Run {
    let (mut world, saved, mut run) = play(seed).await;
    run.audit = auditor::audit(&mut world, &saved, &mut run.coverage).await;
    run.lives.resumed +=
        world.phones.iter().map(|one| one.ink.lock().expect("not poisoned").resumed).sum::<u64>();
    run.lives.backdated += run.audit.backdated;
    run.trace.push(format!("{} {:?}", run.coverage, run.lives));
    for phone in &mut world.phones {
        phone.close().await;
    }
    for runner in &mut world.runners {
        runner.stop().await;
    }
    world.machine.stop().await;
    run
}

impl Run {
    fn take(&mut self, who: &str, done: Done) {
        assert_eq!(done.failed, 0, "no job fails by itself: {:?}", done.trace);
        self.trace.extend(done.trace.into_iter().map(|line| format!("{who} {line}")));
        self.coverage.add(&done.coverage);
    }
}

/// Minutes, hours or days.
fn pass_time(world: &World) {
    let draw = |most: usize| i64::try_from(1 + world.dice.below(most)).expect("small");
    let ms = match world.dice.below(10) {
        0..=3 => draw(20) * 60_000,
        4..=6 => draw(12) * HOUR_MS,
        7 | 8 => draw(3) * DAY_MS,
        _ => draw(12) * DAY_MS + draw(23) * HOUR_MS,
    };
    world.advance_ms(ms);
}

/// Phones, and none, one or both of the runners, all at once.
async fn field_turn(
    world: &mut World,
    scheduler: &mut Scheduler,
    run: &mut Run,
    saved: &mut AllSaved,
) {
    let mut tasks: Vec<Pin<Box<dyn Future<Output = Done> + Send>>> = Vec::new();
    for (index, phone) in world.phones.iter().enumerate() {
        phone.set_gate(Some(scheduler.gate(index)));
        let carrier = Carrier {
            replica: phone.replica(),
            person: phone.person,
            role: phone.role,
            site: by_number(phone.person).site,
            device: phone.device,
            dice: phone.dice.clone(),
            now_ms: world.now_ms(),
            clock: phone.clock.clone(),
            is_liar: phone.is_liar,
            answered_ms: phone.answered_ms.clone(),
            ink: phone.ink.clone(),
        };
        tasks.push(Box::pin(carrier.turn(STEPS)));
    }
    for (index, runner) in world.runners.iter().enumerate() {
        if world.dice.happens(600) {
            let gate = scheduler.gate(world.phones.len() + index);
            runner.hooks.set_gate(Some(gate.clone()));
            let (app, hooks) = (runner.app().clone(), runner.hooks.clone());
            tasks.push(Box::pin(acting::run_jobs(app, hooks, Some(gate))));
        }
    }
    for (index, mut done) in scheduler.run(tasks).await.into_iter().enumerate() {
        if let Some(phone) = saved.phones.get_mut(index) {
            phone.append(&mut done.saved);
        }
        run.take(&index.to_string(), done);
    }
    run.trace.push(format!("{:?}", scheduler.trace));
}

/// Swarm: every run has its own mixture of faults.
fn set_faults(world: &World, on: bool) {
    let draw = |most: usize| if on { world.dice.below(most) } else { 0 };
    for phone in &world.phones {
        phone.transport.set_faults(Faults {
            lost_request: draw(200),
            lost_answer: draw(300),
            doubled: draw(200),
            cut: draw(150),
            replayed_later: draw(200),
        });
        let is_careless = world.dice.happens(400);
        phone.hooks.set_crash_per_mille(if is_careless { draw(30) as u64 } else { 0 });
    }
    let is_weak = world.dice.happens(400);
    world.machine.hooks.set_crash_per_mille(if is_weak { draw(15) as u64 } else { 0 });
    for runner in &world.runners {
        runner.hooks.set_crash_per_mille(draw(15) as u64);
        runner.hooks.set_gate(None);
    }
}

async fn restart_the_fallen(world: &mut World, run: &mut Run) {
    let fallen = world.machine.hooks.is_down();
    run.server_crashes += u64::from(fallen);
    if fallen || world.dice.happens(150) {
        world.machine.restart().await;
    }
    for runner in &mut world.runners {
        runner.hooks.set_gate(None);
        run.server_crashes += u64::from(runner.hooks.is_down());
        if runner.hooks.is_down() {
            runner.restart().await;
        }
    }
    for phone in &mut world.phones {
        phone.set_gate(None);
        if phone.hooks.is_down() {
            run.phone_crashes += 1;
            phone.close().await;
            if world.dice.happens(300) {
                phone.clock.reboot();
            }
            phone.open().await;
        }
        if world.dice.happens(100) {
            let hours = i64::try_from(world.dice.below(7)).expect("small") - 3;
            phone.clock.set_wall_offset_ms(hours * HOUR_MS);
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("starts")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// From so many runs on, every kind has to have been met.
const RUNS_MIN: u64 = 40;
/// Runs at a time: each has its own world.
const AT_ONCE: usize = 2;

/// What many runs came to.
#[derive(Debug, Default)]
struct Totals {
    runs: u64,
    audit: Audit,
    coverage: Coverage,
    lives: Lives,
    phone_crashes: u64,
    server_crashes: u64,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.audit.add(&other.audit);
        self.coverage.add(&other.coverage);
        self.lives.add(other.lives);
        self.phone_crashes += other.phone_crashes;
        self.server_crashes += other.server_crashes;
    }
}

/// Draws seeds until the time is over, or a run of another thread has failed.
#[expect(clippy::print_stdout, reason = "the seed to replay")]
fn draw_seeds(seeds: &AtomicU64, last: u64, goes_on: impl Fn() -> bool) -> Totals {
    let runtime = runtime();
    let mut totals = Totals::default();
    while goes_on() || totals.runs == 0 {
        let seed = seeds.fetch_add(1, Ordering::SeqCst);
        if seed > last {
            break;
        }
        // Printed only when the run fails.
        println!(
            "replay: SIMULATION_SEED={seed} cargo test -p fieldbook-tests --test simulation every_command"
        );
        let run = std::panic::AssertUnwindSafe(|| runtime.block_on(run(seed)));
        let run = std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            println!("failed: SIMULATION_SEED={seed}");
            seeds.store(u64::MAX - AT_ONCE as u64, Ordering::SeqCst);
            std::panic::resume_unwind(panic)
        });
        totals.add(&Totals {
            runs: 1,
            audit: run.audit,
            coverage: run.coverage,
            lives: run.lives,
            phone_crashes: run.phone_crashes,
            server_crashes: run.server_crashes,
        });
    }
    totals
}

#[expect(clippy::print_stdout, reason = "what the runs counted")]
#[test]
fn every_command_that_returned_is_accounted_for_whatever_fails() {
    let bound = Duration::from_secs(number("SIMULATION_SECONDS").unwrap_or(20));
    let only = number("SIMULATION_SEED");
    let first = only.or(number("SIMULATION_FROM")).unwrap_or(1);
    let last = only.unwrap_or(u64::MAX / 2);
    let seeds = AtomicU64::new(first);
    let begun = Instant::now();
    let mut totals = Totals::default();
    let goes_on = || begun.elapsed() < bound;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..AT_ONCE).map(|_| scope.spawn(|| draw_seeds(&seeds, last, goes_on))).collect();
        for thread in threads {
            totals.add(&thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
    });
    println!("{}", totals.coverage);
    let Totals { runs, audit, coverage, lives, phone_crashes, server_crashes } = totals;
    println!("{runs} runs, {audit:?}, {phone_crashes} phone crashes, {server_crashes} of servers");
    println!("{lives:?}");
    let (_, accepted, refused) = coverage.sums();
    if only.is_none() {
        assert!(accepted > 0 && refused > 0 && phone_crashes > 0 && server_crashes > 0);
    }
    if runs >= RUNS_MIN {
        assert_eq!(coverage.gaps(), Vec::<String>::new(), "every kind is met");
        assert_eq!(lives.gaps(), Vec::<&str>::new(), "everything befalls somebody");
    }
}

#[test]
fn one_seed_is_one_run() {
    let runtime = runtime();
    for seed in [7, 8] {
        let first = runtime.block_on(run(seed));
        let second = runtime.block_on(run(seed));
        let differing = first.trace.iter().zip(&second.trace).position(|(a, b)| a != b);
        assert_eq!(differing.map(|i| (&first.trace[i], &second.trace[i])), None);
        assert_eq!(first.trace.len(), second.trace.len());
    }
}
