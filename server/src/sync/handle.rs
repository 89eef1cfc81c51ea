//! One sync request from its first check to its answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sync_core::document::{self, RecordPack};
use sync_core::model::id::{SessionId, SiteId};
use sync_core::model::time::{Anchor, WallMs};
use sync_core::protocol::limits::{CASE_ANSWERS_MAX, PARKED_RANGES_MAX};
use sync_core::protocol::message::{Outcome, Receipt, SyncRequest, SyncResponse};
use sync_core::protocol::problem::ProblemCode;
use sync_core::protocol::{VERSION, VERSION_MIN};

use super::answer::{Answering, Pushed};
use super::asking::AnswersJob;
use super::decide::{Contact, Verdict};
use super::feed::Reading;
use super::people::People;
use super::push::{self, Prepared, Push};
use super::sessions;
use super::standing::{self, Standing};
use super::stops::Stops;
use super::writer::{Job, PushJob, Report, Unreadable, Word};
use super::{Bearer, Sync};
use crate::{Error, Result};

impl Sync {
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
        // The server was restored, and what it told since is not in the backup.
        if request.receipts_after > standing.receipt_sequence {
            return Err(Error::problem(ProblemCode::CursorFromElsewhere));
        }
        let copied = self.notice_copy(who, &request, &standing, now_ms).await?;
        let anchor = self.contact(who, &request, &standing, now_ms).await?;
        let pushed = self.push(who, &request, &standing, &people, &reading, now_ms).await?;

        let mut conn = shared.database.reader().acquire().await?;
        let reference = if request.reference_version == standing.reference_version {
            None
        } else {
            Some(people.reference(who.person, now_ms, &mut conn).await?)
        };
        let mut response = SyncResponse {
            version: VERSION,
            epoch: standing.epoch,
            server_time_ms: now_ms,
            anchor: anchor.into(),
            receipts: Vec::new(),
            receipts_after: request.receipts_after,
            reference,
            sessions: Vec::new(),
            records: Vec::new(),
            packs: Vec::new(),
            left: Vec::new(),
            cursors: Vec::new(),
            backed_up: None,
            more: false,
            re_enrol: standing.re_enrol || copied || pushed.cloned,
            purged: None,
            answered: self.take_answers(who, &request, &people, now_ms).await?,
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

    /// Takes what the phone answers to the office's questions; names those that need no other word.
    async fn take_answers(
        &self,
        who: Bearer,
        request: &SyncRequest,
        people: &People,
        now_ms: WallMs,
    ) -> Result<Option<Vec<u64>>> {
        let Some(answers) = request.answers.clone().filter(|answers| !answers.is_empty()) else {
            return Ok(None);
        };
        let site = people.office_of(who.person, now_ms);
        let job = Box::new(AnswersJob { who, answers, site, now_ms });
        Ok(Some(self.ask(|reply| Job::Answers(job, reply)).await?))
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
        let state = &request.state;
        let told = [state.highest_number, state.unsent, state.numbers_after.unwrap_or_default()];
        if told.iter().any(|number| *number > NUMBER_MAX) {
            return Err(Error::problem(ProblemCode::Malformed));
        }
        let mut parked = state.parked.iter().flatten();
        if !parked.all(|range| range.from <= range.to && range.to <= NUMBER_MAX) {
            return Err(Error::problem(ProblemCode::Malformed));
        }
        let answers = request.answers.iter().flatten();
        let limits = &self.shared.limits;
        let within = answers.count() <= CASE_ANSWERS_MAX
            && state.parked.as_ref().is_none_or(|parked| parked.len() <= PARKED_RANGES_MAX)
            && request.cursors.len() as u64 <= limits.cursors_max
            && request.sessions.len() as u64 <= limits.sessions_max
            && request.repairs.len() as u64 <= limits.repairs_max
            && request.packs.len() as u64 <= limits.unpacked_bytes_max;
        if within { Ok(()) } else { Err(Error::problem(ProblemCode::TooLarge)) }
    }

    /// Waits until there is room for a push of so many bytes.
    pub(super) async fn budget(&self, bytes: usize) -> Result<tokio::sync::SemaphorePermit<'_>> {
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
        let (clock, certificate) = (Some(request.clock), None);
        let contact = Box::new(sessions::Contact { person, device, clock, sessions, certificate });
        let stops = Stops::new(shared.hooks.as_ref(), "register");
        stops.before().await?;
        let anchor = self.ask(|reply| Job::Register(contact, now_ms, reply)).await?;
        stops.after().await?;
        anchor.ok_or(Error::Broken("the anchor just written is not there"))
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
            if says_news(&report, standing) {
                self.ask(|reply| Job::Report(Box::new(report), reply)).await?;
            }
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
            word: Word::OfPhone(report),
        };
        let prepared = self.ask(|reply| Job::Push(Box::new(job), reply)).await?;
        stops.after().await?;
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
        let at_ms = contact_ms(number, request, standing, now_ms);
        let contact = Contact { number, epoch: standing.epoch, at_ms, sequences };
        let mut state = request.state.clone();
        // A name for the office's list, not a place to store things.
        if state.app_version.chars().count() > APP_VERSION_CHARACTERS_MAX {
            state.app_version =
                state.app_version.chars().take(APP_VERSION_CHARACTERS_MAX).collect();
        }
        Report {
            person: who.person,
            device: who.device,
            state,
            clock: request.clock,
            is_new: standing.is_new,
            contact,
            now_ms,
        }
    }
}

/// When the device told what a message says. One that tells no new number may be an older message
/// that was late or came twice: it says nothing of the time since it was sent, and what was written
/// meanwhile is not older than it claims (R0.25). A new number is believed when it comes: whoever
/// turns clocks back turns this one back too.
fn contact_ms(number: u64, request: &SyncRequest, standing: &Standing, now_ms: WallMs) -> WallMs {
    let known = standing.confirmed.newest().map(|contact| contact.number);
    match standing.anchor {
        Some(anchor) if known.is_some_and(|known| number <= known) => {
            let since_ms = request.clock.monotonic_ms.saturating_sub(anchor.monotonic_ms);
            anchor.server_ms.saturating_add(since_ms).min(now_ms)
        }
        _ => now_ms,
    }
}

/// The highest number of a command that a phone may tell: what JSON and the database hold exactly.
pub(super) const NUMBER_MAX: u64 = 1 << 53;

/// What the office's list shows of an app's version.
const APP_VERSION_CHARACTERS_MAX: usize = 60;

/// Whether a phone says something of its work, or has confirmed something, that is not stored.
fn says_news(report: &Report, standing: &Standing) -> bool {
    let (said, known) = (&report.state, &standing.state);
    standing.is_new
        || said.highest_number != known.highest_number
        || said.unsent != known.unsent
        || said.oldest_unsent_wall_ms != known.oldest_unsent_wall_ms
        // Which are parked is not stored: looked at while there are any.
        || said.parked.is_some()
        || standing.confirmed.learns_from(&report.contact)
}

/// What a push did, as far as its answer depends on it.
pub(super) fn pushed(push: &Push, prepared: &Prepared) -> Pushed {
    let mut pushed =
        Pushed { numbers: push.numbers.clone(), sessions: push.sessions(), ..Pushed::default() };
    for planned in &prepared.planned {
        let plan = &planned.plan;
        pushed.already_had.extend(&plan.already_had);
        pushed.told_once.extend(plan.duplicates.iter().map(|number| rewritten(*number)));
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

/// What a command that entered under another hash is for the phone that sent it under this one.
fn rewritten(number: u64) -> Receipt {
    Receipt {
        from: number,
        to: number,
        outcome: Outcome::Rewritten,
        code: None,
        params: None,
        cases: None,
        already_had: true,
        accepted_at: None,
    }
}

/// A receipt that is told in this answer only.
fn told_once(verdict: &Verdict) -> Receipt {
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
