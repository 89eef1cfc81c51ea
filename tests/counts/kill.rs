//! A hundred processes die at points that their seeds draw: before, between and after the
//! statements of a command, of an answer applied by the phone, and of a push taken by the server.
//! Each is opened again, accounted for, and has to go on.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use sync_core::environment::{Crash, HookPlace, HookPoint, Hooks};

use super::child;
use super::environment::Dice;
use super::inspect::inspect;
use super::journal::{Line, Place};
use super::saved;
use super::site::{Life, Site, copy, open_store};
use super::work::work;

const CHILDREN: u64 = 100;
const SIGABRT: i32 = 6;

/// Where a process is to die.
#[derive(Debug, Clone, Copy)]
struct Point {
    operation: &'static str,
    place: Place,
    /// After how many statements, inside.
    statements: u32,
    /// The how-manieth time it comes there.
    times: u32,
}

impl Point {
    fn draw(dice: &Dice) -> Self {
        // Operation, its share, and the most statements and times that are drawn: every command
        // has so many statements, most answers and pushes do.
        const OPERATIONS: [(&str, usize, usize, usize); 3] =
            [("command", 5, 4, 12), ("answer", 3, 8, 4), ("push", 2, 2, 3)];
        let mut share = dice.below(10);
        let drawn = OPERATIONS.iter().find(|(_, shares, ..)| {
            let found = share < *shares;
            share = share.saturating_sub(*shares);
            found
        });
        let (operation, _, statements, times) = *drawn.expect("ten shares");
        let up_to = |most: usize| 1 + u32::try_from(dice.below(most)).expect("small");
        Self {
            operation,
            place: [Place::Before, Place::Inside, Place::After][dice.below(3)],
            statements: up_to(statements),
            times: up_to(times),
        }
    }

    fn is_at(self, point: HookPoint) -> bool {
        let statements = match point.place {
            HookPlace::Inside(statements) => statements == self.statements,
            HookPlace::Before | HookPlace::After => true,
        };
        self.operation == point.operation && self.place == point.place.into() && statements
    }
}

/// Ends the process at its point, as if power had gone.
struct Killer {
    point: Point,
    times: AtomicU32,
}

#[async_trait]
impl Hooks for Killer {
    async fn at(&self, point: HookPoint) -> Result<(), Crash> {
        if self.point.is_at(point)
            && self.times.fetch_add(1, Ordering::SeqCst) + 1 == self.point.times
        {
            let statements = match point.place {
                HookPlace::Inside(statements) => statements,
                HookPlace::Before | HookPlace::After => 0,
            };
            let operation = point.operation.to_owned();
            Line::Dies { operation, place: point.place.into(), statements }.tell();
            std::process::abort();
        }
        Ok(())
    }
}

/// Runs the processes of a site.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("starts")
}

/// Works on a site until it dies; does nothing in the process of the tests themselves.
#[test]
fn child() {
    let Some(order) = child::order() else { return };
    let (seed, folder) = order.split_once(' ').expect("a seed and a folder");
    let seed: u64 = seed.parse().expect("a seed");
    let dice = Dice::new(seed, 10);
    let hooks = Arc::new(Killer { point: Point::draw(&dice), times: AtomicU32::new(0) });
    runtime().block_on(async {
        let site = Site::open(Life { folder: Path::new(folder).to_owned(), seed, hooks }).await;
        work(&site, &dice).await;
    });
    panic!("it was to die long ago");
}

#[test]
fn a_command_that_returned_is_there_and_one_that_did_not_is_there_whole_or_not_at_all() {
    let runtime = runtime();
    let template = tempfile::tempdir().expect("a folder");
    runtime.block_on(Site::prepare(template.path()));
    let mut died: BTreeMap<(Place, String), u32> = BTreeMap::new();
    let (mut returned, mut unreturned) = (0, 0);
    for seed in 1..=CHILDREN {
        let folder = tempfile::tempdir().expect("a folder");
        copy(template.path(), folder.path());
        let lines = run(seed, folder.path());
        let death = runtime.block_on(account(seed, folder.path(), &lines));
        returned += death.returned;
        unreturned += death.unreturned;
        *died.entry((death.place, death.operation)).or_default() += 1;
    }
    let count = |place| -> u32 {
        died.iter().filter(|((at, _), _)| *at == place).map(|(_, count)| count).sum()
    };
    let (before, inside, after) = (count(Place::Before), count(Place::Inside), count(Place::After));
    child::tell(&format!(
        "{CHILDREN} processes died: {before} before, {inside} inside and {after} after the \
         transaction; {returned} commands had returned, {unreturned} had not and are whole"
    ));
    child::tell(&format!("{died:?}"));
    assert!(before > 0 && inside > 0 && after > 0, "{died:?}");
    for operation in ["command", "answer", "push"] {
        let places = died.keys().filter(|(_, of)| of == operation).count();
        assert_eq!(places, 3, "{operation} was hit everywhere: {died:?}");
    }
    assert!(returned > 0 && unreturned > 0);
    assert_eq!(u64::from(before + inside + after), CHILDREN);
}

/// Runs a child to its death.
fn run(seed: u64, folder: &Path) -> Vec<Line> {
    let order = format!("{seed} {}", folder.to_str().expect("text"));
    let output = child::command("kill::child", &order).output().expect("starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(SIGABRT), "seed {seed}: {errors}");
    let lines = child::told(&output.stdout);
    lines.iter().map(|line| line.parse().expect("a line of the journal")).collect()
}

/// How one process ended.
struct Death {
    operation: String,
    place: Place,
    returned: u64,
    /// Commands that did not return and are there whole.
    unreturned: u64,
}

/// Opens what it left and accounts for every command.
async fn account(seed: u64, folder: &Path, lines: &[Line]) -> Death {
    let store = open_store(folder, seed).await;
    let held = inspect(&store).await;
    store.close().await;
    let Some(Line::Dies { operation, place, .. }) = lines.last() else {
        panic!("seed {seed}: its last word is where it dies")
    };
    let returned = saved::check(lines, &held, &format!("seed {seed}"));
    // The second life draws other sessions and nonces than the first.
    let site = Site::open(Life::quiet(folder, 10_000 + seed)).await;
    saved::check_account(&site.phone, lines).await;
    saved::goes_on(&site, lines, &held).await;
    site.close().await;
    let unreturned = held.highest - returned;
    Death { operation: operation.clone(), place: *place, returned, unreturned }
}
