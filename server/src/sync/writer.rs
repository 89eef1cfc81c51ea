//! The one task that writes: group commit, a savepoint for each job, and a fresh decision inside
//! the transaction when a record has moved since the job was prepared.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use sqlx::SqliteConnection;
use sync_core::model::audience::Audience;
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::model::time::{Anchor, WallMs};
use sync_core::protocol::chain::Numbers;
use sync_core::protocol::message::{ClockReading, Outcome, PhoneState};
use sync_core::protocol::problem::ProblemCode;
use tokio::sync::{mpsc, oneshot};

use super::asking::{self, AnswersJob};
use super::batch::{BatchJob, Stamp};
use super::cases::CloseJob;
use super::copies::{self, Copied};
use super::decide::{self, Verdict};
use super::derive::{self, DeriveJob};
use super::due::{self, DueJob};
use super::gaps::{self, Look, MISSING};
use super::hand_in::{self, HandedIn};
use super::log::Author;
use super::office::{OfficeJob, OfficeWritten};
use super::people::People;
use super::purge::{self, PurgeJob, Purged};
use super::push::{Prepared, Push, prepare};
use super::sessions::{self, Contact};
use super::stops::Stops;
use super::unknown::{self, Strange};
use super::waiting::{self, AgainJob};
use super::write::{self, Planned, Poke, WriteContext};
use super::{Ledgered, Shared, batch, closing, ledgered, office, report};
use crate::{Error, Result};

/// What the writer is asked to do.
pub enum Job {
    /// Fix a boot's anchor and session rows.
    Register(Box<Contact>, WallMs, Reply<Option<Anchor>>),
    /// Store what a phone pushed.
    Push(Box<PushJob>, Reply<Prepared>),
    /// Store what a phone says of itself.
    Report(Box<Report>, Reply<()>),
    /// Keep a push that does not read.
    Unreadable(Box<Unreadable>, Reply<()>),
    /// Tell a phone that runs a copy, and the office.
    Copied(Box<Copied>, Reply<()>),
    /// Keep a hand-over that can be nobody's work here.
    Strange(Box<Strange>, Reply<()>),
    /// Write what workers answer to the office's questions.
    Answers(Box<AnswersJob>, Reply<Vec<u64>>),
    /// Close a desk case.
    Close(Box<CloseJob>, Reply<()>),
    /// Store an office person's command.
    Office(Box<OfficeJob>, Reply<OfficeWritten>),
    /// Store many commands of an office session, or none.
    Batch(Box<BatchJob>, Reply<Option<Stamp>>),
    /// Write what follows from a cause.
    Derive(Box<DeriveJob>, Reply<bool>),
    /// Purge a record.
    Purge(Box<PurgeJob>, Reply<Purged>),
    /// Carry out what the ledger says.
    Ledger(WallMs, Reply<Ledgered>),
    /// Write what falls due in a record.
    Due(Box<DueJob>, Reply<bool>),
    /// Decide what waits in a record.
    Again(Box<AgainJob>, Reply<()>),
    /// Open cases for what has waited too long.
    Waiting(WallMs, Reply<u64>),
}

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<Result<T>>;

/// A prepared push.
pub struct PushJob {
    /// What came.
    pub push: Arc<Push>,
    /// What was decided, on the state as it was read.
    pub prepared: Prepared,
    /// By whom and by which policies it is judged.
    pub people: Arc<People>,
    /// The server's life.
    pub epoch: u32,
    /// What is said of its device.
    pub word: Word,
}

/// Who says what of the device a push was written on.
pub enum Word {
    /// The phone itself.
    OfPhone(Report),
    /// A hand-over.
    OfHandOver(HandedIn),
}

/// The packs of a push that do not read.
pub struct Unreadable {
    /// The person of the token.
    pub person: PersonId,
    /// The device of the token.
    pub device: DeviceId,
    /// As they came.
    pub bytes: Vec<u8>,
    /// When.
    pub now_ms: WallMs,
}

/// What a phone says of itself.
#[derive(Debug, Clone)]
pub struct Report {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// Its state.
    pub state: PhoneState,
    /// Its clocks at sending.
    pub clock: ClockReading,
    /// It has never told of its work before.
    pub is_new: bool,
    /// What it has confirmed by it.
    pub contact: decide::Contact,
    /// When it said so.
    pub now_ms: WallMs,
}

impl Report {
    /// What it has and does not send by itself.
    fn parked(&self) -> &[Numbers] {
        self.state.parked.as_deref().unwrap_or_default()
    }
}

/// Jobs written by one commit at most.
const GROUP_MAX: usize = 64;

/// An answer that waits for the commit.
type Settle = Box<dyn FnOnce(Option<Error>) + Send>;

/// Runs until every sender is gone.
pub async fn run(shared: Arc<Shared>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(job) = jobs.try_recv()
        {
            group.push(job);
        }
        // A defect in one group must not end the server's writing: its transaction is rolled back
        // and whoever waits learns that nothing was acknowledged.
        if AssertUnwindSafe(commit(&shared, group)).catch_unwind().await.is_err() {
            tracing::error!("a group of writes panicked; nothing of it was stored");
        }
    }
}

async fn commit(shared: &Shared, group: Vec<Job>) {
    let mut settled: Vec<Settle> = Vec::with_capacity(group.len());
    let mut pokes: BTreeMap<Audience, u64> = BTreeMap::new();
    match write(shared, group, &mut settled, &mut pokes).await {
        Ok(()) => {
            settled.into_iter().for_each(|settle| settle(None));
            for (audience, sequence) in pokes {
                // Nobody listening is no error.
                let _ = shared.pokes.send(Poke { audience, sequence });
            }
        }
        Err(error) => {
            tracing::error!(%error, "a group of writes was rolled back");
            let stopped = matches!(error, Error::Stopped(_));
            for settle in settled {
                settle(Some(if stopped {
                    Error::Stopped(sync_core::environment::Crash)
                } else {
                    Error::problem(ProblemCode::Unavailable)
                }));
            }
        }
    }
}

async fn write(
    shared: &Shared,
    group: Vec<Job>,
    settled: &mut Vec<Settle>,
    pokes: &mut BTreeMap<Audience, u64>,
) -> Result<()> {
    let mut transaction = shared.database.begin_write().await?;
    let conn: &mut SqliteConnection = &mut transaction;
    for job in group {
        sqlx::query("savepoint job").execute(&mut *conn).await?;
        let done = run_job(shared, conn, job, settled).await;
        match done {
            Ok(new) => {
                sqlx::query("release job").execute(&mut *conn).await?;
                for Poke { audience, sequence } in new {
                    let last = pokes.entry(audience).or_default();
                    *last = sequence.max(*last);
                }
            }
            // The process is to stop here: nothing of the group survives.
            Err(error @ Error::Stopped(_)) => return Err(error),
            Err(_) => {
                sqlx::query("rollback to job").execute(&mut *conn).await?;
                sqlx::query("release job").execute(&mut *conn).await?;
            }
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Does a job and leaves its answer, also a no, for after the commit; only what stops the group is
/// answered at once.
async fn run_job(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: Job,
    settled: &mut Vec<Settle>,
) -> Result<Vec<Poke>> {
    match job {
        Job::Register(contact, now_ms, reply) => {
            let done = sessions::register(conn, &contact, now_ms).await;
            settle(done.map(|anchor| (anchor, Vec::new())), reply, settled)
        }
        Job::Push(job, reply) => settle(push(shared, conn, *job).await, reply, settled),
        Job::Report(report, reply) => {
            let done = reported(conn, &report).await;
            settle(done.map(|()| ((), Vec::new())), reply, settled)
        }
        Job::Unreadable(unreadable, reply) => {
            let done = report::keep_unreadable(conn, &unreadable).await;
            settle(done.map(|()| ((), Vec::new())), reply, settled)
        }
        Job::Copied(copied, reply) => {
            let done = copies::write(conn, &copied).await;
            settle(done.map(|()| ((), Vec::new())), reply, settled)
        }
        Job::Strange(strange, reply) => {
            let done = unknown::keep(conn, &strange).await;
            settle(done.map(|()| ((), Vec::new())), reply, settled)
        }
        Job::Answers(job, reply) => settle(asking::take_answers(conn, *job).await, reply, settled),
        Job::Close(job, reply) => settle(closing::close(shared, conn, *job).await, reply, settled),
        Job::Derive(job, reply) => settle(derive::write(shared, conn, *job).await, reply, settled),
        Job::Batch(job, reply) => settle(batch::write(shared, conn, *job).await, reply, settled),
        Job::Purge(job, reply) => settle(purge::purge(shared, conn, *job).await, reply, settled),
        Job::Ledger(now_ms, reply) => {
            settle(ledgered::carry_out_some(shared, conn, now_ms).await, reply, settled)
        }
        Job::Due(job, reply) => settle(due::run(shared, conn, *job).await, reply, settled),
        Job::Again(job, reply) => settle(waiting::again(shared, conn, *job).await, reply, settled),
        Job::Waiting(now_ms, reply) => {
            settle(waiting::open_cases(conn, now_ms).await, reply, settled)
        }
        Job::Office(job, reply) => settle(office::write(shared, conn, *job).await, reply, settled),
    }
}

fn settle<T: Send + 'static>(
    done: Result<(T, Vec<Poke>)>,
    reply: Reply<T>,
    settled: &mut Vec<Settle>,
) -> Result<Vec<Poke>> {
    match done {
        Ok((answer, pokes)) => {
            settled.push(Box::new(move |error| {
                // Who no longer waits for the answer will ask again.
                let _ = reply.send(error.map_or(Ok(answer), Err));
            }));
            Ok(pokes)
        }
        Err(Error::Stopped(crash)) => {
            let _ = reply.send(Err(Error::Stopped(crash)));
            Err(Error::Stopped(crash))
        }
        Err(error) => {
            if !matches!(error, Error::Denied(_) | Error::Problem { .. }) {
                tracing::error!(%error, "a write was rolled back");
            }
            // After the commit too: who asks again upon a no must find what the group has written,
            // such as the answer that was kept for the same request.
            settled.push(Box::new(move |stopped| {
                let _ = reply.send(Err(stopped.unwrap_or(error)));
            }));
            Err(Error::problem(ProblemCode::Unavailable))
        }
    }
}

/// What a phone says of itself, and the gap it shows where it has nothing more to send.
async fn reported(conn: &mut SqliteConnection, report: &Report) -> Result<()> {
    report::write(conn, report).await?;
    let opens_from = (report.state.to_come() == 0).then_some(0);
    let (person, device, now_ms) = (report.person, report.device, report.now_ms);
    let parked = report.parked();
    gaps::look(conn, &Look { person, device, opens_from, parked, code: MISSING, now_ms }).await?;
    gaps::of_former_devices(conn, report).await
}

async fn push(
    shared: &Shared,
    conn: &mut SqliteConnection,
    job: PushJob,
) -> Result<(Prepared, Vec<Poke>)> {
    let PushJob { push, mut prepared, people, epoch, word } = job;
    let mut stops = Stops::new(shared.hooks.as_ref(), "push");
    if !prepared.holds(conn, push.device).await? {
        // There is one writer: what is decided here cannot be overtaken again.
        prepared = prepare(conn, shared, &people, &push).await?;
    }
    stops.inside().await?;
    let context = WriteContext { epoch, now_ms: push.now_ms };
    let mut pokes = together_or_apart(conn, &mut prepared.planned, context, &mut stops).await?;
    pokes.extend(derive::follow(shared, conn, &people, &prepared.planned, context).await?);
    let verdicts = prepared.planned.iter().flat_map(|planned| &planned.plan.verdicts);
    let not_stored = verdicts.filter(|verdict| verdict.outcome == Outcome::NotStored).count();
    // With more to come, or what was not stored, nobody knows yet that a number is missing.
    let opens = |unsent| not_stored == 0 && unsent <= push.numbers.len() as u64;
    let opens_from = match &word {
        Word::OfPhone(report) => {
            report::write(conn, report).await?;
            opens(report.state.to_come()).then_some(0)
        }
        Word::OfHandOver(handed_in) => {
            let stored = push.numbers.len().saturating_sub(not_stored) as u64;
            hand_in::write(conn, handed_in, &push, stored, !prepared.is_void()).await?;
            // What comes before may wait on the phone, set aside.
            opens(handed_in.told().unsent).then(|| push.numbers.first().copied().unwrap_or(0))
        }
    };
    let parked = match &word {
        Word::OfPhone(report) => report.parked(),
        Word::OfHandOver(_) => &[],
    };
    let (person, device, now_ms) = (push.person, push.device, push.now_ms);
    gaps::look(conn, &Look { person, device, opens_from, parked, code: MISSING, now_ms }).await?;
    if let Word::OfPhone(report) = &word {
        gaps::of_former_devices(conn, report).await?;
    }
    let site = people.office_of(push.person, push.now_ms);
    pokes.extend(report::quota_full(conn, &push, &prepared.planned, site).await?);
    stops.inside().await?;
    Ok((prepared, pokes))
}

/// Writes all records of a push in few statements. If the database refuses that, each record is
/// written under a savepoint of its own, and one that cannot be written stays the phone's: it must
/// not hold up the others.
async fn together_or_apart(
    conn: &mut SqliteConnection,
    planned: &mut [Planned],
    context: WriteContext,
    stops: &mut Stops<'_>,
) -> Result<Vec<Poke>> {
    sqlx::query("savepoint records").execute(&mut *conn).await?;
    let error = match write::plans(conn, planned, context, stops).await {
        Ok(pokes) => {
            sqlx::query("release records").execute(&mut *conn).await?;
            return Ok(pokes);
        }
        Err(error @ Error::Stopped(_)) => return Err(error),
        Err(error) => error,
    };
    sqlx::query("rollback to records").execute(&mut *conn).await?;
    sqlx::query("release records").execute(&mut *conn).await?;
    tracing::warn!(%error, "a push is written record by record");
    let mut pokes = Vec::new();
    for planned in planned.iter_mut() {
        sqlx::query("savepoint record").execute(&mut *conn).await?;
        let one = std::slice::from_mut(planned);
        match write::plans(conn, one, context, stops).await {
            Ok(new) => pokes.extend(new),
            Err(error @ Error::Stopped(_)) => return Err(error),
            Err(error) => {
                let record = planned.record;
                tracing::error!(%error, %record, "a record could not be written");
                sqlx::query("rollback to record").execute(&mut *conn).await?;
                give_back(planned);
            }
        }
        sqlx::query("release record").execute(&mut *conn).await?;
    }
    Ok(pokes)
}

/// Turns a plan into one that stores nothing.
fn give_back(planned: &mut Planned) {
    let plan = std::mem::take(&mut planned.plan);
    planned.plan.already_had = plan.already_had;
    let not_stored = |author: Author| Verdict {
        author,
        outcome: Outcome::NotStored,
        why: Some(decide::Refusal::Unavailable.why()),
        cases: Vec::new(),
        cloned: false,
    };
    planned.plan.verdicts = plan.verdicts.iter().map(|v| not_stored(v.author)).collect();
}
