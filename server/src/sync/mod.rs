//! Ingest, decision and feed: what phones and the office write is stored first and decided second;
//! what they lack is served. HTTP, tokens and people are others' work.
//!
//! A push is prepared on a reader (parse, guard, review), written by the one writer with group
//! commit, and answered after the commit from a snapshot.

pub mod account_day;
mod answer;
pub mod asking;
mod attestation;
mod audience;
mod batch;
mod cases;
pub mod cash;
pub mod cash_days;
mod check;
mod closing;
mod copies;
pub mod decide;
mod deliver;
mod derive;
pub mod due;
pub mod duplicates;
mod feed;
mod gaps;
mod hand_in;
mod handle;
mod keep;
pub mod ledgered;
pub mod links;
mod load;
pub mod log;
mod office;
mod outage;
mod parcel;
mod people;
mod projection;
mod projection_money;
mod projection_patrol;
pub mod purge;
mod push;
mod receipts;
mod repeats;
mod report;
mod rows;
mod sessions;
mod standing;
mod stops;
pub mod strokes;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
pub mod unknown;
pub mod waiting;
mod write;
mod writer;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use ed25519_dalek::VerifyingKey;
use sqlx::SqliteConnection;
use sync_core::environment::{Clock, Hooks, Randomness};
use sync_core::model::audience::Audience;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::person::RoleGrant;
use sync_core::model::session::SessionRows;
use sync_core::model::time::WallMs;
use sync_core::protocol::limits::{LIMITS, Limits};
use sync_core::protocol::problem::ProblemCode;
use sync_core::rules::{Review, waits_for};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

use self::cases::CloseJob;
use self::decide::{Deciding, RecordPlan};
use self::people::{People, PeopleCache};
use self::purge::PurgeJob;
use self::sessions::SessionCache;
use self::stops::Stops;
use self::writer::Job;
use crate::db::Database;
use crate::ledger::Ledger;
use crate::people::Act;
use crate::{Error, Result};

pub use self::asking::CaseWord;
pub use self::batch::{OfficeBatch, Stamp, Target};
pub use self::cases::{Account, CaseDecision, CloseCase, DeskCaseRow, KeepClosing};
pub use self::check::{Checked, Mismatch};
pub use self::derive::{Derived, Follows};
pub use self::hand_in::Carrier;
pub use self::keep::Kept;
pub use self::ledgered::settle;
pub use self::office::{KeepAnswer, OfficeWrite, OfficeWritten};
pub use self::purge::{PurgeWhy, Purged};
pub use self::write::Poke;

/// What sync is started with.
pub struct SyncOptions {
    /// The server's database.
    pub database: Database,
    /// The server's clock.
    pub clock: Arc<dyn Clock>,
    /// Where this process's actor comes from.
    pub randomness: Arc<dyn Randomness>,
    /// Called before, between and after the statements of a write.
    pub hooks: Arc<dyn Hooks>,
    /// The key of attestations.
    pub attestation_key: [u8; 32],
    /// The limits of requests and answers.
    pub limits: Limits,
    /// Bytes of pushes in preparation at any time.
    pub preparing_bytes_max: usize,
    /// Where purges are remembered; without one nothing is purged.
    pub ledger: Option<Ledger>,
    /// Certifies the keys that sign handed-in work; without it none is taken.
    pub installation: Option<VerifyingKey>,
}

impl SyncOptions {
    /// Options with the limits of this version.
    pub fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
        hooks: Arc<dyn Hooks>,
        attestation_key: [u8; 32],
    ) -> Self {
        Self {
            database,
            clock,
            randomness,
            hooks,
            attestation_key,
            limits: LIMITS,
            preparing_bytes_max: 128 << 20,
            ledger: None,
            installation: None,
        }
    }
}

/// Whose token came with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
}

/// What all parts of sync share.
pub struct Shared {
    database: Database,
    clock: Arc<dyn Clock>,
    hooks: Arc<dyn Hooks>,
    attestation_key: [u8; 32],
    limits: Limits,
    ledger: Option<Ledger>,
    installation: Option<VerifyingKey>,
    /// The actor of this process's changes: a new one with every start.
    actor: SessionId,
    people: PeopleCache,
    sessions: SessionCache,
    preparing: Semaphore,
    preparing_kib: u32,
    pokes: broadcast::Sender<Poke>,
    decide: fn(&Deciding<'_>) -> RecordPlan,
}

/// Whether the ledger holds more that this database has not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ledgered {
    more: bool,
}

/// The server's side of sync. Cheap to clone.
#[derive(Clone)]
pub struct Sync {
    shared: Arc<Shared>,
    jobs: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    writer: Arc<tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>>>,
}

/// Jobs that may wait for the writer; more wait in their requests.
const JOBS_MAX: usize = 256;
/// Pokes a slow listener may fall behind.
const POKES_MAX: usize = 1_024;

impl Sync {
    /// Starts the writer.
    pub fn start(options: SyncOptions) -> Self {
        Self::start_with(options, decide::decide)
    }

    /// [`Self::start`] with another judge: tests let it fail.
    fn start_with(options: SyncOptions, decide: fn(&Deciding<'_>) -> RecordPlan) -> Self {
        let mut actor = [0; 8];
        options.randomness.fill(&mut actor);
        let preparing_kib = u32::try_from(options.preparing_bytes_max >> 10).unwrap_or(u32::MAX);
        let shared = Arc::new(Shared {
            database: options.database,
            clock: options.clock,
            hooks: options.hooks,
            attestation_key: options.attestation_key,
            limits: options.limits,
            ledger: options.ledger,
            installation: options.installation,
            actor: SessionId(actor),
            people: PeopleCache::default(),
            sessions: SessionCache::default(),
            preparing: Semaphore::new(preparing_kib as usize),
            preparing_kib,
            pokes: broadcast::Sender::new(POKES_MAX),
            decide,
        });
        let (jobs, receiver) = mpsc::channel(JOBS_MAX);
        let writer = tokio::spawn(writer::run(Arc::clone(&shared), receiver));
        Self {
            shared,
            jobs: Arc::new(Mutex::new(Some(jobs))),
            writer: Arc::new(tokio::sync::Mutex::new(Some(writer))),
        }
    }

    /// Writes an office person's command.
    ///
    /// # Errors
    /// A denial, or a failure of the database: then nothing was written.
    pub async fn office(&self, write: OfficeWrite) -> Result<OfficeWritten> {
        self.office_keeping(write, None).await
    }

    /// [`Self::office`], with the answer to the request kept in the same transaction.
    ///
    /// # Errors
    /// As there; also if an answer was kept under the same name meanwhile.
    pub async fn office_keeping(
        &self,
        write: OfficeWrite,
        keep: Option<KeepAnswer>,
    ) -> Result<OfficeWritten> {
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let mut conn = shared.database.reader().acquire().await?;
        let job = office::OfficeJob::new(shared, &mut conn, (write, keep), now_ms).await?;
        drop(conn);
        let stops = Stops::new(shared.hooks.as_ref(), "office");
        stops.before().await?;
        let written = self.ask(|reply| Job::Office(Box::new(job), reply)).await?;
        stops.after().await?;
        Ok(written)
    }

    /// Writes many commands of an office session in one transaction, or none; answers where the
    /// records of their kind are then, or nothing if what they were planned on has moved.
    ///
    /// # Errors
    /// The first denial, or a failure of the database: then nothing was written.
    pub async fn office_batch(&self, batch: OfficeBatch) -> Result<Option<Stamp>> {
        let shared = &self.shared;
        let job = batch::BatchJob::new(shared, batch, shared.clock.wall_ms()).await?;
        let stops = Stops::new(shared.hooks.as_ref(), "batch");
        stops.before().await?;
        let written = self.ask(|reply| Job::Batch(Box::new(job), reply)).await?;
        stops.after().await?;
        Ok(written)
    }

    /// A record as it is accepted: its facts, the sessions they need, and its review now.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn read(
        &self,
        record: RecordId,
    ) -> Result<Option<(Vec<StoredFact>, SessionRows, Review)>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        self.read_on(&mut conn, record).await
    }

    /// [`Self::read`] on a connection at hand: who holds one must not wait for another.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn read_on(
        &self,
        conn: &mut SqliteConnection,
        record: RecordId,
    ) -> Result<Option<(Vec<StoredFact>, SessionRows, Review)>> {
        let shared = &self.shared;
        let version = standing::installation(conn).await?.reference_version;
        let people = shared.people.of(version, conn).await?;
        office::read(shared, conn, &people, record, shared.clock.wall_ms()).await
    }

    /// Desk cases after `after` in the order of their numbers, open ones or all.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn desk_cases(
        &self,
        after: i64,
        limit: u64,
        closed_too: bool,
    ) -> Result<Vec<DeskCaseRow>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        cases::list(&mut conn, None, after, limit, closed_too).await
    }

    /// [`Self::desk_cases`] of these sites, and those whose site nobody knows yet.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn desk_cases_of(
        &self,
        sites: &BTreeSet<SiteId>,
        after: i64,
        limit: u64,
        closed_too: bool,
    ) -> Result<Vec<DeskCaseRow>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        cases::list(&mut conn, Some(sites), after, limit, closed_too).await
    }

    /// A desk case by its number, open or closed.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn desk_case(&self, case: i64) -> Result<Option<DeskCaseRow>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        cases::by_number(&mut conn, case).await
    }

    /// The open desk cases of a record.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn desk_cases_of_record(
        &self,
        record: RecordId,
        limit: u64,
    ) -> Result<Vec<DeskCaseRow>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        cases::of_record(&mut conn, record, limit).await
    }

    /// The desk cases of a record whose last word can be taken back, the latest first.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn desk_cases_decided(
        &self,
        record: RecordId,
        limit: u64,
    ) -> Result<Vec<DeskCaseRow>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        cases::decided_of_record(&mut conn, record, limit).await
    }

    /// Closes a desk case with the office's word on it.
    ///
    /// # Errors
    /// `not_found` where there is none open, `forbidden` to whom it does not concern.
    pub async fn close_case(&self, close: CloseCase) -> Result<()> {
        self.close_case_keeping(close, None).await
    }

    /// What commands are judged by now: the people with their roles, and the server's life.
    async fn judges(&self) -> Result<(Arc<people::People>, u32)> {
        let shared = &self.shared;
        let mut conn = shared.database.reader().acquire().await?;
        let installation = standing::installation(&mut conn).await?;
        let people = shared.people.of(installation.reference_version, &mut conn).await?;
        Ok((people, installation.epoch))
    }

    /// [`Self::close_case`], with the answer to the request kept in the same transaction.
    ///
    /// # Errors
    /// As there; also if an answer was kept under the same name meanwhile.
    pub async fn close_case_keeping(
        &self,
        close: CloseCase,
        keep: Option<KeepClosing>,
    ) -> Result<()> {
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let (people, epoch) = self.judges().await?;
        let job = Box::new(CloseJob { close, keep, people, epoch, now_ms });
        self.ask(|reply| Job::Close(job, reply)).await
    }

    /// Writes facts that follow from a cause, as far as they do not stand in the record yet; what
    /// follows is asked inside the transaction. Says whether anything was written.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn derive(&self, record: RecordId, follows: Follows) -> Result<bool> {
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let (people, epoch) = self.judges().await?;
        let job = Box::new(derive::DeriveJob { record, follows, people, epoch, now_ms });
        let stops = Stops::new(shared.hooks.as_ref(), "derive");
        stops.before().await?;
        let written = self.ask(|reply| Job::Derive(job, reply)).await?;
        stops.after().await?;
        Ok(written)
    }

    /// Purges a record, if it may go: everything that holds content of it, with a line in the
    /// ledger and one in the audit log.
    ///
    /// # Errors
    /// If the ledger or the database cannot be written; once the ledger's line stands the record
    /// goes later.
    pub async fn purge(&self, record: RecordId, why: PurgeWhy, act: Act) -> Result<Purged> {
        let people = self.people().await?;
        let job = Box::new(PurgeJob { record, why, act, people });
        let stops = Stops::new(self.shared.hooks.as_ref(), "purge");
        stops.before().await?;
        let purged = self.ask(|reply| Job::Purge(job, reply)).await?;
        stops.after().await?;
        Ok(purged)
    }

    /// Purges again what the ledger says was purged and this database, restored from a backup,
    /// still holds: before anybody is served.
    ///
    /// # Errors
    /// If the ledger is damaged, is another database's or lacks what this one has carried out: then
    /// nobody is to be served.
    pub async fn carry_out_ledger(&self) -> Result<()> {
        let now_ms = self.shared.clock.wall_ms();
        while self.ask(|reply| Job::Ledger(now_ms, reply)).await?.more {}
        Ok(())
    }

    /// Why and until when a record stays; `None` where there is none.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn kept(&self, record: RecordId, now_ms: WallMs) -> Result<Option<Kept>> {
        let people = self.people().await?;
        let mut conn = self.shared.database.reader().acquire().await?;
        keep::kept(&self.shared, &mut conn, &people, record, now_ms).await
    }

    /// Everyone and everything that is judged by, as of now.
    async fn people(&self) -> Result<Arc<People>> {
        let mut conn = self.shared.database.reader().acquire().await?;
        let version = standing::installation(&mut conn).await?.reference_version;
        self.shared.people.of(version, &mut conn).await
    }

    /// The records that a record names and that name it.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn links(&self, record: RecordId) -> Result<links::Links> {
        let mut conn = self.shared.database.reader().acquire().await?;
        links::of(&mut conn, record).await
    }

    /// Tells callers of outages that are over and that nobody told them of: of at most `limit` of
    /// them. Whoever ended the outage told them in the same transaction; this is for what failed
    /// there, and for more callers than one transaction takes. Answers how many were told.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn tell_callers(&self, limit: u32) -> Result<u64> {
        let mut conn = self.shared.database.reader().acquire().await?;
        let untold = outage::untold(&mut conn, limit).await?;
        drop(conn);
        let mut told = 0;
        for (caller, outage) in untold {
            let Some((_, _, review)) = self.read(outage).await? else { continue };
            let Some(fact) = outage::over(&review) else { continue };
            let follows = move |caller: Option<&Review>| -> Vec<Derived> {
                let waits = caller.is_some_and(|caller| waits_for(caller).contains(&outage));
                waits.then_some(fact).into_iter().collect()
            };
            match self.derive(caller, Box::new(follows)).await {
                Ok(written) => told += u64::from(written),
                Err(error @ Error::Stopped(_)) => return Err(error),
                // One that cannot be told holds up no other.
                Err(error) => tracing::error!(%error, %caller, "a caller could not be told"),
            }
        }
        Ok(told)
    }

    /// Writes what follows in a record by now, what it opens, and its rows in lists. Says whether
    /// any fact was written.
    ///
    /// # Errors
    /// If the database does not answer, or what follows cannot be written: then nothing was.
    pub async fn fall_due(&self, record: RecordId) -> Result<bool> {
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let (people, epoch) = self.judges().await?;
        let job = Box::new(due::DueJob { record, people, epoch, now_ms });
        let stops = Stops::new(shared.hooks.as_ref(), "derive");
        stops.before().await?;
        let written = self.ask(|reply| Job::Due(job, reply)).await?;
        stops.after().await?;
        Ok(written)
    }

    /// Who heads which department, at every site: grants that are not ended.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn supervisors(&self) -> Result<Vec<RoleGrant>> {
        Ok(self.people().await?.supervisors.clone())
    }

    /// What became of everything saved on a device.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn account(&self, device: DeviceId) -> Result<Account> {
        let mut conn = self.shared.database.reader().acquire().await?;
        cases::account(&mut conn, device).await
    }

    /// Hears of every audience that has something new, after the commit.
    pub fn subscribe(&self) -> broadcast::Receiver<Poke> {
        self.shared.pokes.subscribe()
    }

    /// Wakes whoever shows a site's office: something changed there that is no record.
    pub fn poke_office(&self, site: SiteId) {
        // Nobody listening is no error.
        let _ = self.shared.pokes.send(Poke { audience: Audience::Office(site), sequence: 0 });
    }

    /// The audiences a person reads now: whose pokes concern it.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn audiences(&self, person: PersonId) -> Result<BTreeSet<Audience>> {
        let shared = &self.shared;
        let mut conn = shared.database.reader().acquire().await?;
        let version = standing::installation(&mut conn).await?.reference_version;
        let people = shared.people.of(version, &mut conn).await?;
        Ok(people.audiences(person, shared.clock.wall_ms()))
    }

    /// Rebuilds the accepted documents with Automerge and compares heads and facts.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn check(&self) -> Result<Checked> {
        let mut conn = self.shared.database.reader().acquire().await?;
        check::check(&mut conn).await
    }

    /// Ends the writer after what it was given.
    pub async fn stop(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(writer) = self.writer.lock().await.take()
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the writer did not end well");
        }
    }

    /// Gives the writer a job and waits for its commit.
    async fn ask<T>(&self, job: impl FnOnce(writer::Reply<T>) -> Job) -> Result<T> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let jobs = jobs.ok_or_else(|| Error::problem(ProblemCode::Unavailable))?;
        let (reply, answer) = oneshot::channel();
        let gone = |_| Error::problem(ProblemCode::Unavailable);
        jobs.send(job(reply)).await.map_err(|_| Error::problem(ProblemCode::Unavailable))?;
        answer.await.map_err(gone)?
    }
}
