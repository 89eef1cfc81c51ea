//! Ingest, decision and feed: what phones and the office write is stored first and decided second;
//! what they lack is served. HTTP, tokens and people are others' work.
//!
//! A push is prepared on a reader (parse, guard, review), written by the one writer with group
//! commit, and answered after the commit from a snapshot.

mod answer;
mod attestation;
mod audience;
mod cases;
mod check;
pub mod decide;
mod deliver;
mod feed;
mod load;
pub mod log;
mod office;
mod people;
mod projection;
mod push;
mod receipts;
mod report;
mod rows;
mod sessions;
mod standing;
mod stops;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod write;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use sync_core::document::{self, RecordPack};
use sync_core::environment::{Clock, Hooks, Randomness};
use sync_core::model::audience::Audience;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::session::SessionRows;
use sync_core::model::time::{Anchor, WallMs};
use sync_core::protocol::limits::{LIMITS, Limits};
use sync_core::protocol::message::{Outcome, Receipt, SyncRequest, SyncResponse};
use sync_core::protocol::problem::ProblemCode;
use sync_core::protocol::{VERSION, VERSION_MIN};
use sync_core::rules::Review;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

use self::answer::{Answering, Pushed};
use self::cases::CloseJob;
use self::decide::{Confirmed, Deciding, RecordPlan};
use self::feed::Reading;
use self::people::{People, PeopleCache};
use self::push::{Prepared, Push};
use self::sessions::{Contact, SessionCache};
use self::standing::Standing;
use self::stops::Stops;
use self::writer::{Job, PushJob, Report, Unreadable};
use crate::db::Database;
use crate::{Error, Result};

pub use self::cases::{Account, CaseDecision, CloseCase, DeskCaseRow};
pub use self::check::{Checked, Mismatch};
pub use self::office::{OfficeWrite, OfficeWritten};
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
    /// The actor of this process's changes: a new one with every start.
    actor: SessionId,
    people: PeopleCache,
    sessions: SessionCache,
    preparing: Semaphore,
    preparing_kib: u32,
    pokes: broadcast::Sender<Poke>,
    /// What devices confirmed in requests that wrote nothing; goes to the database with their next
    /// write.
    confirmed: Mutex<BTreeMap<DeviceId, Confirmed>>,
    decide: fn(&Deciding<'_>) -> RecordPlan,
}

impl Shared {
    /// Puts what is remembered of devices over what is stored of them.
    fn remembered(
        &self,
        devices: &BTreeSet<DeviceId>,
        confirmed: &mut BTreeMap<DeviceId, Confirmed>,
    ) {
        let remembered = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = devices.iter().filter_map(|device| remembered.get_key_value(device));
        confirmed.extend(newer.map(|(device, newer)| (*device, newer.clone())));
    }
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
/// Devices of which something is remembered outside the database.
const REMEMBERED_MAX: usize = 10_000;

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
            actor: SessionId(actor),
            people: PeopleCache::default(),
            sessions: SessionCache::default(),
            preparing: Semaphore::new(preparing_kib as usize),
            preparing_kib,
            pokes: broadcast::Sender::new(POKES_MAX),
            confirmed: Mutex::new(BTreeMap::new()),
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

    /// Handles one sync request.
    ///
    /// # Errors
    /// A problem the phone is told, or a failure of the database: then nothing was acknowledged.
    pub async fn handle(&self, who: Bearer, request: SyncRequest) -> Result<SyncResponse> {
        self.check_request(who, &request)?;
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let _budget = self.budget(request.packs.len()).await?;
        let mut conn = shared.database.reader().acquire().await?;
        let standing = standing::standing(&mut conn, who.device, request.clock.boot).await?;
        let people = shared.people.of(standing.reference_version, &mut conn).await?;
        let reading =
            Reading::new(people.audiences(who.person, now_ms), &request.cursors, standing.epoch)?;
        drop(conn);
        let anchor = self.contact(who, &request, &standing, now_ms).await?;
        let pushed = self.push(who, &request, &standing, &people, &reading, now_ms).await?;

        let mut conn = shared.database.reader().acquire().await?;
        let stale = request.reference_version != standing.reference_version;
        let mut response = SyncResponse {
            version: VERSION,
            epoch: standing.epoch,
            server_time_ms: now_ms,
            anchor: anchor.into(),
            receipts: Vec::new(),
            receipts_after: request.receipts_after,
            reference: if stale { Some(people.reference(who.person)?) } else { None },
            sessions: Vec::new(),
            records: Vec::new(),
            packs: Vec::new(),
            left: Vec::new(),
            cursors: Vec::new(),
            backed_up: None,
            more: false,
            re_enrol: standing.re_enrol || pushed.cloned,
        };
        let answering = Answering {
            shared,
            device: who.device,
            request: &request,
            standing: &standing,
            pushed: &pushed,
            reading: &reading,
            limits: &shared.limits,
        };
        answering.fill(&mut conn, &mut response).await?;
        Ok(response)
    }

    /// Writes an office person's command.
    ///
    /// # Errors
    /// A denial, or a failure of the database: then nothing was written.
    pub async fn office(&self, write: OfficeWrite) -> Result<OfficeWritten> {
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let mut conn = shared.database.reader().acquire().await?;
        let job = office::OfficeJob::new(shared, &mut conn, write, now_ms).await?;
        drop(conn);
        let stops = Stops::new(shared.hooks.as_ref(), "office");
        stops.before().await?;
        let written = self.ask(|reply| Job::Office(Box::new(job), reply)).await?;
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
        let shared = &self.shared;
        let mut conn = shared.database.reader().acquire().await?;
        let version = standing::installation(&mut conn).await?.reference_version;
        let people = shared.people.of(version, &mut conn).await?;
        office::read(shared, &mut conn, &people, record, shared.clock.wall_ms()).await
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
        cases::list(&mut conn, after, limit, closed_too).await
    }

    /// Closes a desk case with the office's word on it.
    ///
    /// # Errors
    /// `not_found` where there is none open, `forbidden` to whom it does not concern.
    pub async fn close_case(&self, close: CloseCase) -> Result<()> {
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let mut conn = shared.database.reader().acquire().await?;
        let installation = standing::installation(&mut conn).await?;
        let people = shared.people.of(installation.reference_version, &mut conn).await?;
        drop(conn);
        let epoch = installation.epoch;
        let job = Box::new(CloseJob { close, people, epoch, now_ms });
        self.ask(|reply| Job::Close(job, reply)).await
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

    fn check_request(&self, who: Bearer, request: &SyncRequest) -> Result<()> {
        if !(VERSION_MIN..=VERSION).contains(&request.version) {
            let params = BTreeMap::from([
                ("min".to_owned(), VERSION_MIN.to_string()),
                ("max".to_owned(), VERSION.to_string()),
            ]);
            return Err(Error::Problem { code: ProblemCode::VersionNotSpoken, params });
        }
        if request.device != who.device {
            return Err(Error::problem(ProblemCode::WrongDevice));
        }
        let limits = &self.shared.limits;
        let within = request.cursors.len() as u64 <= limits.cursors_max
            && request.sessions.len() as u64 <= limits.sessions_max
            && request.repairs.len() as u64 <= limits.repairs_max
            && request.packs.len() as u64 <= limits.unpacked_bytes_max;
        if within { Ok(()) } else { Err(Error::problem(ProblemCode::TooLarge)) }
    }

    /// Waits until there is room for a push of so many bytes.
    async fn budget(&self, bytes: usize) -> Result<tokio::sync::SemaphorePermit<'_>> {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).saturating_add(1);
        let kib = kib.min(self.shared.preparing_kib);
        let permit = self.shared.preparing.acquire_many(kib).await;
        permit.map_err(|_| Error::problem(ProblemCode::Unavailable))
    }

    /// Fixes the boot's anchor and new sessions, where there are any, before anything is decided by
    /// them.
    async fn contact(
        &self,
        who: Bearer,
        request: &SyncRequest,
        standing: &Standing,
        now_ms: WallMs,
    ) -> Result<Anchor> {
        if let Some(anchor) = standing.anchor
            && request.sessions.is_empty()
        {
            return Ok(anchor);
        }
        let shared = &self.shared;
        let asked: BTreeSet<SessionId> = request.sessions.iter().map(|s| s.session).collect();
        let mut conn = shared.database.reader().acquire().await?;
        let known = shared.sessions.of(&asked, &mut conn).await?;
        let mut new = request.sessions.clone();
        new.retain(|registration| !known.contains_key(&registration.session));
        let sessions = if new.is_empty() {
            new
        } else {
            let key = sessions::device_key(&mut conn, who.person, who.device).await?;
            sessions::verified(who.person, who.device, key.as_ref(), &new)
        };
        drop(conn);
        if let Some(anchor) = standing.anchor
            && sessions.is_empty()
        {
            return Ok(anchor);
        }
        let Bearer { person, device } = who;
        let contact = Box::new(Contact { person, device, clock: request.clock, sessions });
        let stops = Stops::new(shared.hooks.as_ref(), "register");
        stops.before().await?;
        let anchor = self.ask(|reply| Job::Register(contact, now_ms, reply)).await?;
        stops.after().await?;
        Ok(anchor)
    }

    async fn push(
        &self,
        who: Bearer,
        request: &SyncRequest,
        standing: &Standing,
        people: &Arc<People>,
        reading: &Reading,
        now_ms: WallMs,
    ) -> Result<Pushed> {
        let report = self.report(who, request, standing, reading, now_ms);
        let packs = self.unpack(who, request, now_ms).await?;
        if packs.iter().map(|pack| pack.changes.len() as u64).sum::<u64>()
            > self.shared.limits.commands_max
        {
            return Err(Error::problem(ProblemCode::TooLarge));
        }
        if packs.is_empty() {
            self.remember(who, standing, report).await?;
            return Ok(Pushed::default());
        }
        let push = Arc::new(Push::new(who.person, who.device, packs, now_ms));
        let mut conn = self.shared.database.reader().acquire().await?;
        let prepared = push::prepare(&mut conn, &self.shared, people, &push).await?;
        drop(conn);
        let stops = Stops::new(self.shared.hooks.as_ref(), "push");
        stops.before().await?;
        if prepared.is_void() && !says_news(&report, standing) {
            // All of it was stored before: there is nothing to wait for the writer for.
            return Ok(pushed(&push, &prepared));
        }
        let job = PushJob {
            push: Arc::clone(&push),
            prepared,
            people: Arc::clone(people),
            epoch: standing.epoch,
            report,
        };
        let prepared = self.ask(|reply| Job::Push(Box::new(job), reply)).await?;
        stops.after().await?;
        self.shared.confirmed.lock().unwrap_or_else(PoisonError::into_inner).remove(&who.device);
        Ok(pushed(&push, &prepared))
    }

    /// The packs of a request. What does not read is kept as it came: it may be someone's work.
    async fn unpack(
        &self,
        who: Bearer,
        request: &SyncRequest,
        now_ms: WallMs,
    ) -> Result<Vec<RecordPack>> {
        if request.packs.is_empty() {
            return Ok(Vec::new());
        }
        match document::pack::decode(&request.packs) {
            Ok(packs) => Ok(packs),
            Err(error) => {
                let device = who.device;
                tracing::warn!(%device, %error, "the packs of a push do not read");
                let bytes = request.packs.clone();
                let unreadable = Box::new(Unreadable { person: who.person, device, bytes, now_ms });
                self.ask(|reply| Job::Unreadable(unreadable, reply)).await?;
                Err(Error::problem(ProblemCode::Malformed))
            }
        }
    }

    /// What the phone says of itself and has confirmed by this request.
    fn report(
        &self,
        who: Bearer,
        request: &SyncRequest,
        standing: &Standing,
        reading: &Reading,
        now_ms: WallMs,
    ) -> Report {
        let mut sequences: BTreeMap<SiteId, u64> = BTreeMap::new();
        for (audience, cursor) in &reading.cursors {
            let confirmed = sequences.entry(audience.site()).or_default();
            *confirmed = (*cursor).max(*confirmed);
        }
        let number = request.state.highest_number;
        let confirmed = Confirmed { number, epoch: standing.epoch, sequences };
        let mut state = request.state.clone();
        // A name for the office's list, not a place to store things.
        if state.app_version.chars().count() > APP_VERSION_CHARACTERS_MAX {
            state.app_version =
                state.app_version.chars().take(APP_VERSION_CHARACTERS_MAX).collect();
        }
        Report { device: who.device, state, confirmed, now_ms }
    }

    /// Keeps a report that comes without a push: in the database when the phone says something new
    /// of its work, else in memory.
    async fn remember(&self, who: Bearer, standing: &Standing, report: Report) -> Result<()> {
        if says_news(&report, standing) {
            return self.ask(|reply| Job::Report(Box::new(report), reply)).await;
        }
        let mut remembered = self.shared.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(who.device, report.confirmed);
        Ok(())
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

const APP_VERSION_CHARACTERS_MAX: usize = 60;

/// Whether a phone says something of its work that the office does not know.
fn says_news(report: &Report, standing: &Standing) -> bool {
    let (said, known) = (&report.state, &standing.state);
    said.highest_number != known.highest_number
        || said.unsent != known.unsent
        || said.oldest_unsent_wall_ms != known.oldest_unsent_wall_ms
}

/// What a push did, as far as its answer depends on it.
fn pushed(push: &Push, prepared: &Prepared) -> Pushed {
    let mut pushed =
        Pushed { numbers: push.numbers.clone(), sessions: push.sessions(), ..Pushed::default() };
    for planned in &prepared.planned {
        let plan = &planned.plan;
        pushed.already_had.extend(&plan.already_had);
        pushed.hashes.extend(&plan.came);
        pushed.cloned |= plan.cloned;
        if plan.has_accepted_work {
            pushed.drained.insert(planned.record);
        }
        for verdict in plan.verdicts.iter().filter(|v| v.author.device == push.device) {
            if verdict.outcome == Outcome::NotStored || verdict.cloned {
                pushed.told_once.push(told_once(verdict));
            }
        }
    }
    pushed
}

/// A receipt that is told in this answer only.
fn told_once(verdict: &decide::Verdict) -> Receipt {
    let number = verdict.author.number;
    let (code, params) = match verdict.why.clone() {
        Some(why) => (Some(why.code), (!why.params.is_empty()).then_some(why.params)),
        None => (None, None),
    };
    Receipt {
        from: number,
        to: number,
        outcome: verdict.outcome,
        code,
        params,
        cases: (!verdict.cases.is_empty()).then(|| verdict.cases.clone()),
        already_had: false,
        accepted_at: None,
    }
}
