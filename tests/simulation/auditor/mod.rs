//! The auditors: after the faults are over, every command that returned must be somewhere, once,
//! what follows by itself must have followed, once, and all sides must agree.

mod account_days;
mod accounted;
mod deceived;
mod derived;
mod due;
mod facts;
mod ladder;
mod money;
mod projections;

use fieldbook_server::jobs::{self, Ran};

use super::AllSaved;
use super::coverage::Coverage;
use super::world::World;

/// What an audit counted.
#[derive(Debug, Default, Clone, Copy)]
pub struct Audit {
    /// Commands of phones that returned.
    pub commands: u64,
    /// Records compared between phone and server.
    pub compared: u64,
    /// Commands that claim to be older than they can be, and were marked.
    pub backdated: u64,
    /// Signatures of phones.
    pub signatures: u64,
    /// Commands that nobody accepted, and that are kept.
    pub refused: u64,
    /// Of those, how many the phone lists though they were written before the last sign-out.
    pub carried: u64,
    /// Fen charged.
    pub fen: u64,
    /// Counts of cash that stand.
    pub counts: u64,
    /// Complaints whose ladder was counted.
    pub ladders: u64,
    /// Complaints of which a fact cannot be judged.
    pub unjudged: u64,
    /// Escalations that stand.
    pub escalations: u64,
    /// Escalations that turned out to be wrong.
    pub withdrawn: u64,
    /// Moments that somebody was told of.
    pub told: u64,
    /// Records that a rule opened.
    pub followed: u64,
    /// Complaints that name an earlier one.
    pub repeats: u64,
    /// Rows of lists.
    pub rows: u64,
    /// Commands whose day is the one on which they were written.
    pub dated: u64,
    /// Commands that came for a day that was closed.
    pub late: u64,
}

impl Audit {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.compared += other.compared;
        self.backdated += other.backdated;
        self.signatures += other.signatures;
        self.refused += other.refused;
        self.carried += other.carried;
        self.fen += other.fen;
        self.counts += other.counts;
        self.ladders += other.ladders;
        self.unjudged += other.unjudged;
        self.escalations += other.escalations;
        self.withdrawn += other.withdrawn;
        self.told += other.told;
        self.followed += other.followed;
        self.repeats += other.repeats;
        self.rows += other.rows;
        self.dated += other.dated;
        self.late += other.late;
    }
}

/// Syncs everybody and runs the jobs until nothing is left, then accounts for everything.
pub async fn audit(world: &mut World, saved: &AllSaved, coverage: &mut Coverage) -> Audit {
    sync_all(world).await;
    // What failed by a crash waits up to an hour.
    world.advance_ms(2 * 3_600_000);
    settle(world).await;
    // The last word on what was handed in is asked for when a store is opened.
    for phone in &mut world.phones {
        phone.close().await;
        phone.open().await;
    }
    sync_all(world).await;
    let records = facts::read(world).await;
    let mut audit = Audit::default();
    accounted::audit(world, &records, saved, (&mut audit, coverage)).await;
    account_days::audit(world, &records, saved, &mut audit).await;
    money::audit(world, &records, &mut audit).await;
    ladder::audit(world, &records, &mut audit);
    due::audit(world, &records, &mut audit);
    derived::audit(world, &records, (&mut audit, coverage));
    projections::audit(world, &records, &mut audit).await;
    audit
}

async fn sync_all(world: &World) {
    for round in 0..3 {
        for phone in &world.phones {
            let report = phone.replica().sync(200).await;
            let report = report.unwrap_or_else(|error| panic!("a healed phone syncs: {error}"));
            assert!(!report.more, "it ends, in round {round}");
        }
    }
}

/// Both runners at once, until nothing is due.
async fn settle(world: &mut World) {
    for runner in &mut world.runners {
        runner.restart().await;
    }
    for _ in 0..20 {
        let now_ms = world.now_ms();
        let run = |place: usize| jobs::run_due(world.runners[place].app(), now_ms);
        let (one, two) = tokio::join!(run(0), run(1));
        let (one, two) = (one.expect("runs"), two.expect("runs"));
        assert_eq!((one.failed, two.failed), (0, 0), "nothing fails: {one:?} {two:?}");
        let rests = |ran: &Ran| ran.done == 0;
        if rests(&one) && rests(&two) {
            return;
        }
    }
    panic!("something is due for ever");
}
