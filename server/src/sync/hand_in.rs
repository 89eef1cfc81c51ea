//! Work that another session, or a file, brings: a chain that its writer's device has signed. It
//! is judged as its writer's, whoever carries it; a device that was revoked or is lost may have
//! written it. Receipts are its writer's too: who carries it for somebody else is told numbers.

use std::collections::BTreeSet;
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::document::{RecordPack, pack};
use sync_core::model::id::{DeviceId, PersonId};
use sync_core::model::time::WallMs;
use sync_core::protocol::chain::{Entry, HandInResponse, HandOver, Numbers, Told};
use sync_core::protocol::message::{ClockReading, Outcome, Receipt};
use sync_core::protocol::problem::ProblemCode;
use sync_core::protocol::{VERSION, VERSION_MIN, identity};

use super::load::{self, number};
use super::push::{self, Push};
use super::sessions::{self, Contact};
use super::stops::Stops;
use super::unknown::{self, Standing, Strange};
use super::writer::{Job, PushJob, Word};
use super::{Bearer, Sync, handle, standing};
use crate::people::{Act, audit};
use crate::{Error, Result};

/// Who brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// A session on a phone, with the phone's clocks.
    Phone(Bearer, ClockReading),
    /// Someone of the office, with a file.
    Office(Act),
}

impl Carrier {
    fn act(self, now_ms: WallMs) -> Act {
        match self {
            Self::Phone(who, _) => Act { at_ms: now_ms, by: Some(who.person) },
            Self::Office(act) => act,
        }
    }
}

/// What a hand-over says of its device, and who brought it.
#[derive(Debug, Clone, Copy)]
pub struct HandedIn {
    person: PersonId,
    device: DeviceId,
    told: Told,
    by: Act,
    /// The carrier's device.
    by_device: Option<DeviceId>,
}

impl HandedIn {
    /// What the device has saved.
    pub(super) fn told(&self) -> Told {
        self.told
    }
}

impl Sync {
    /// Takes a hand-over, as often as it comes with the same effect.
    ///
    /// # Errors
    /// `chain_broken` if it is not as a device of this installation signed it: nothing was stored.
    /// `too_large` where too much is kept of a device that can be nobody's here.
    pub async fn hand_in(&self, by: Carrier, hand_over: &HandOver) -> Result<HandInResponse> {
        let shared = &self.shared;
        let now_ms = shared.clock.wall_ms();
        let broken = || Error::problem(ProblemCode::ChainBroken);
        // It may have waited on a phone for longer than a version is spoken.
        if hand_over.version > VERSION {
            let problem = Error::problem(ProblemCode::VersionNotSpoken);
            return Err(problem.with("min", VERSION_MIN).with("max", VERSION));
        }
        if hand_over.sessions.len() as u64 > shared.limits.sessions_max {
            return Err(Error::problem(ProblemCode::TooLarge));
        }
        if hand_over.told.highest_number.max(hand_over.told.unsent) > handle::NUMBER_MAX {
            return Err(Error::problem(ProblemCode::Malformed));
        }
        let _budget = self.budget(hand_over.packs.len()).await?;
        let packs = pack::decode(&hand_over.packs).map_err(|_| broken())?;
        let installation = shared.installation.ok_or_else(broken)?;
        let entries = entries(&packs).ok_or_else(broken)?;
        if entries.len() as u64 > shared.limits.commands_max {
            return Err(Error::problem(ProblemCode::TooLarge));
        }
        let key = hand_over.verify(&installation, &entries).map_err(|_| broken())?;
        let (person, device) = (hand_over.certificate.person, hand_over.certificate.device);
        let who = Bearer { person, device };

        let found = self.found(who, &key, hand_over, now_ms).await?;
        if matches!(found, Standing::Stranger(_)) {
            let stored = ranges(&entries.iter().map(|entry| entry.n).collect());
            return Ok(HandInResponse { version: VERSION, stored, receipts: None });
        }
        let is_unknown = found == Standing::Unknown;
        self.introduce(by, &key, hand_over, is_unknown, now_ms).await?;
        let mut conn = shared.database.reader().acquire().await?;
        let installed = standing::installation(&mut conn).await?;
        let people = shared.people.of(installed.reference_version, &mut conn).await?;
        let push = Arc::new(Push::new(person, device, packs, now_ms));
        let prepared = push::prepare(&mut conn, shared, &people, &push).await?;
        drop(conn);
        let by_device = match by {
            Carrier::Phone(who, _) => Some(who.device),
            Carrier::Office(_) => None,
        };
        let told = hand_over.told;
        let handed_in = HandedIn { person, device, told, by: by.act(now_ms), by_device };
        let job = PushJob {
            push: Arc::clone(&push),
            prepared,
            people,
            epoch: installed.epoch,
            word: Word::OfHandOver(handed_in),
        };
        let stops = Stops::new(shared.hooks.as_ref(), "hand_in");
        stops.before().await?;
        let prepared = self.ask(|reply| Job::Push(Box::new(job), reply)).await?;
        stops.after().await?;

        let pushed = handle::pushed(&push, &prepared);
        let told_once = pushed.told_once;
        let kept = told_once.iter().filter(|receipt| receipt.outcome == Outcome::NotStored);
        let kept: BTreeSet<u64> = kept.flat_map(|receipt| receipt.from..=receipt.to).collect();
        let stored: BTreeSet<u64> = push.numbers.difference(&kept).copied().collect();
        let is_own = matches!(by, Carrier::Phone(who, _) if who.person == person);
        let receipts = if is_own {
            Some(self.receipts_of(device, &push.numbers, told_once).await?)
        } else {
            None
        };
        Ok(HandInResponse { version: VERSION, stored: ranges(&stored), receipts })
    }

    /// How its device stands here; what can be nobody's work is kept as it came.
    async fn found(
        &self,
        who: Bearer,
        key: &VerifyingKey,
        hand_over: &HandOver,
        now_ms: WallMs,
    ) -> Result<Standing> {
        let mut conn = self.shared.database.reader().acquire().await?;
        let found = unknown::standing(&mut conn, who, key.as_bytes()).await?;
        drop(conn);
        if let Standing::Stranger(why) = found {
            let strange = Box::new(Strange::new(who, why, hand_over, now_ms));
            self.ask(|reply| Job::Strange(strange, reply)).await?;
        }
        Ok(found)
    }

    /// Makes the sessions known that the work was written in, and their device where a restored
    /// database has lost it.
    async fn introduce(
        &self,
        by: Carrier,
        key: &VerifyingKey,
        hand_over: &HandOver,
        is_unknown: bool,
        now_ms: WallMs,
    ) -> Result<()> {
        let certificate = identity::Certificate::from(hand_over.certificate.clone());
        let who = Bearer { person: certificate.person, device: certificate.device };
        // The clock of a phone in somebody else's hands says nothing of the writer's boots.
        let clock = match by {
            Carrier::Phone(bearer, clock) if bearer.person == who.person => Some(clock),
            Carrier::Phone(..) | Carrier::Office(_) => None,
        };
        let contact = Box::new(Contact {
            person: who.person,
            device: who.device,
            clock,
            sessions: sessions::verified(who.person, who.device, Some(key), &hand_over.sessions),
            certificate: is_unknown.then_some((certificate, *key)),
        });
        self.ask(|reply| Job::Register(contact, now_ms, reply)).await?;
        Ok(())
    }

    async fn receipts_of(
        &self,
        device: DeviceId,
        numbers: &BTreeSet<u64>,
        told_once: Vec<Receipt>,
    ) -> Result<Vec<Receipt>> {
        let (Some(from), Some(to)) = (numbers.first(), numbers.last()) else {
            return Ok(told_once);
        };
        let mut conn = self.shared.database.reader().acquire().await?;
        let ranges = load::receipts(&mut conn, device, (*from, *to)).await?;
        let mut receipts: Vec<Receipt> = ranges
            .iter()
            .filter(|range| numbers.range(range.from..=range.to).next().is_some())
            .map(|range| range.receipt(false))
            .collect();
        receipts.extend(told_once);
        Ok(receipts)
    }
}

/// What the chain must cover; none if a command has no number, or two have the same.
fn entries(packs: &[RecordPack]) -> Option<Vec<Entry<'_>>> {
    let mut entries = Vec::new();
    let mut numbers = BTreeSet::new();
    for pack in packs {
        for change in &pack.changes {
            let n = super::decide::number(change).filter(|n| numbers.insert(*n))?;
            entries.push(Entry { n, record: pack.record, facts: &change.facts });
        }
    }
    Some(entries)
}

fn ranges(numbers: &BTreeSet<u64>) -> Vec<Numbers> {
    let mut ranges: Vec<Numbers> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.to.checked_add(1) == Some(*number) => last.to = *number,
            _ => ranges.push(Numbers { from: *number, to: *number }),
        }
    }
    ranges
}

/// Writes what a hand-over says of its device, and that it was brought; `stored` of its commands
/// are no longer the phone's.
///
/// # Errors
/// If the database does not answer.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    handed_in: &HandedIn,
    push: &Push,
    stored: u64,
    news: bool,
) -> Result<()> {
    let HandedIn { person, device, told, by, by_device } = handed_in;
    let left = told.unsent.saturating_sub(stored);
    sqlx::query(
        "update device set unsent = case when highest_number < ?1 then ?2 else min(unsent, ?2) end,
           highest_number = max(highest_number, ?1),
           told_boot = case when highest_number < ?1 then null else told_boot end,
           told_monotonic_ms = case when highest_number < ?1 then null
             else told_monotonic_ms end,
           told_ms = case when highest_number < ?1 then ?3 else told_ms end,
           oldest_unsent_wall_ms = case when ?2 = 0 then null else oldest_unsent_wall_ms end,
           contact_ms = case when ?5 then ?3 else contact_ms end
         where device = ?4",
    )
    .bind(number(told.highest_number))
    .bind(number(left))
    .bind(push.now_ms)
    .bind(device.0)
    .bind(news)
    .execute(&mut *conn)
    .await?;
    if !news {
        return Ok(());
    }
    let detail = json!({
        "person": person, "device": device, "from": push.numbers.first(),
        "to": push.numbers.last(), "by_device": by_device,
    });
    audit::append(conn, *by, "work_handed_in", &detail).await
}
