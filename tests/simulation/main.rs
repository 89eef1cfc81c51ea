//! The simulation: phones, a network and a server in one process, on real stores. The seed draws
//! who runs when, what they do, and every fault; then everything heals, must converge, and an
//! auditor accounts for every command that returned.
//!
//! `SIMULATION_SECONDS` bounds how long seeds are drawn; `SIMULATION_SEED=N` replays one.

mod auditor;
mod environment;
mod network;
mod workload;
mod world;

use std::time::{Duration, Instant};

use auditor::Audit;
use environment::Scheduler;
use network::Faults;
use workload::{Saved, desk, technician};
use world::World;

/// What a run did, for its report and for comparing two runs of one seed.
#[derive(Debug, Default)]
struct Run {
    audit: Audit,
    phone_crashes: u64,
    server_crashes: u64,
    trace: Vec<String>,
}

const ROUNDS: usize = 6;
const STEPS: usize = 8;

async fn run(seed: u64) -> Run {
    let phones = 2 + u32::try_from(seed % 3).expect("small");
    let mut world = World::new(seed, phones).await;
    let mut run = Run::default();
    let mut orders = Vec::new();
    let mut saved: Vec<Vec<Saved>> = vec![Vec::new(); world.phones.len()];
    let mut scheduler = Scheduler::new(environment::Dice::new(seed, 4));
    for _ in 0..ROUNDS {
        set_faults(&world, true);
        run.trace.extend(desk(&world, &mut orders).await);
        let mut tasks = Vec::new();
        for (index, phone) in world.phones.iter().enumerate() {
            phone.set_gate(Some(scheduler.gate(index)));
            tasks.push(technician(phone.replica(), phone.dice.clone(), STEPS));
        }
        for (index, done) in scheduler.run(tasks).await.into_iter().enumerate() {
            run.trace.extend(done.trace.into_iter().map(|line| format!("{index} {line}")));
            saved[index].extend(done.saved);
        }
        run.trace.push(format!("{:?}", scheduler.trace));
        world.advance_ms(60_000);
        restart_the_fallen(&mut world, &mut run).await;
    }
    set_faults(&world, false);
    run.audit = auditor::audit(&mut world, &saved).await;
    for phone in &mut world.phones {
        phone.close().await;
    }
    world.machine.stop().await;
    run
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
        phone.hooks.set_crash_per_mille(draw(30) as u64);
    }
    world.machine.hooks.set_crash_per_mille(draw(15) as u64);
    if !on {
        world.machine.hooks.set_gate(None);
    }
}

async fn restart_the_fallen(world: &mut World, run: &mut Run) {
    if world.machine.hooks.is_down() {
        run.server_crashes += 1;
        world.machine.stop().await;
        world.machine.start().await;
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
            phone.clock.set_wall_offset_ms(hours * 3_600_000);
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

#[expect(clippy::print_stdout, reason = "the seed to replay, and what a run counted")]
#[test]
fn every_command_that_returned_is_accounted_for_whatever_fails() {
    let bound = std::env::var("SIMULATION_SECONDS").ok().and_then(|s| s.parse().ok());
    let bound = Duration::from_secs(bound.unwrap_or(20));
    let only: Option<u64> = std::env::var("SIMULATION_SEED").ok().and_then(|s| s.parse().ok());
    let begun = Instant::now();
    let runtime = runtime();
    let (mut runs, mut total, mut phones, mut servers) = (0_u64, Audit::default(), 0, 0);
    for seed in only.map_or(1..=100_000, |seed| seed..=seed) {
        // Printed only when the run fails.
        println!(
            "replay: SIMULATION_SEED={seed} cargo test -p fieldbook-tests --test simulation every_command"
        );
        let run = runtime.block_on(run(seed));
        runs += 1;
        total.saved += run.audit.saved;
        total.accepted += run.audit.accepted;
        total.refused += run.audit.refused;
        total.compared += run.audit.compared;
        phones += run.phone_crashes;
        servers += run.server_crashes;
        if begun.elapsed() > bound {
            break;
        }
    }
    println!("{runs} runs, {total:?}, {phones} phone crashes, {servers} server crashes");
    if only.is_none() {
        assert!(total.accepted > 0 && total.refused > 0 && phones > 0 && servers > 0);
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
