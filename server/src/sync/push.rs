//! Preparing a push: everything is read and decided on a reader, so that the writer has only to
//! compare versions and write. The writer calls the same when the record moved meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;
use sqlx::SqliteConnection;
use sync_core::document::{PackedChange, RecordPack, pack};
use sync_core::model::audience::Audience;
use sync_core::model::id::{DeviceId, FactKey, PersonId, RecordId, SessionId};
use sync_core::protocol::limits::LIMITS;
use sync_core::protocol::message::Outcome;

use super::Shared;
use super::audience::{self, Place};
use super::decide::{self, Confirmed, Deciding, Incoming};
use super::load::{self, Phone, Stored};
use super::people::People;
use super::write::Planned;
use crate::Result;
use crate::sync::sessions::SessionCache;
use sync_core::model::time::WallMs;

/// What a phone hands over in one request.
#[derive(Debug)]
pub struct Push {
    /// The person of the token.
    pub person: PersonId,
    /// The device of the token.
    pub device: DeviceId,
    /// The commands, each record's once.
    pub incoming: Vec<(RecordId, Incoming)>,
    /// All numbers in it.
    pub numbers: BTreeSet<u64>,
    /// Numbers that stand in more than one of its records.
    pub twice: BTreeSet<u64>,
    /// When it came.
    pub now_ms: WallMs,
}

impl Push {
    /// A push of these packs.
    pub fn new(person: PersonId, device: DeviceId, packs: Vec<RecordPack>, now_ms: WallMs) -> Self {
        let mut numbers = BTreeSet::new();
        let mut twice = BTreeSet::new();
        for pack in &packs {
            let own: BTreeSet<u64> = pack.changes.iter().filter_map(decide::number).collect();
            twice.extend(own.intersection(&numbers).copied());
            numbers.extend(own);
        }
        let incoming = packs.into_iter().map(|pack| {
            let record = pack.record;
            (record, Incoming::Pack { person, device, pack })
        });
        Self { person, device, incoming: incoming.collect(), numbers, twice, now_ms }
    }

    /// Its records.
    pub fn records(&self) -> Vec<RecordId> {
        self.incoming.iter().map(|(record, _)| *record).collect()
    }

    /// Sessions of its actors and keys.
    pub fn sessions(&self) -> BTreeSet<SessionId> {
        self.incoming.iter().flat_map(|(_, incoming)| incoming_sessions(incoming)).collect()
    }
}

/// A push decided on some state of the database.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The device's receipts then.
    pub receipt_sequence: u64,
    /// What to write.
    pub planned: Vec<Planned>,
}

impl Prepared {
    /// Whether nothing is to be written.
    pub fn is_void(&self) -> bool {
        self.planned.iter().all(|planned| planned.plan.is_void())
    }

    /// Whether the database still is as it was decided on.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn holds(&self, conn: &mut SqliteConnection, device: DeviceId) -> Result<bool> {
        let ids: Vec<_> = self.planned.iter().map(|planned| planned.record).collect();
        let versions = load::versions(conn, &ids).await?;
        let moved = |p: &Planned| versions.get(&p.record).copied().unwrap_or(0) != p.version;
        if self.planned.iter().any(moved) {
            return Ok(false);
        }
        let phones = load::phones(conn, &BTreeSet::from([device])).await?;
        let receipt_sequence = phones.get(&device).map_or(0, |phone| phone.receipt_sequence);
        Ok(receipt_sequence == self.receipt_sequence)
    }
}

/// Reads and decides.
///
/// # Errors
/// If the database does not answer.
pub async fn prepare(
    conn: &mut SqliteConnection,
    shared: &Shared,
    people: &People,
    push: &Push,
) -> Result<Prepared> {
    let stored = load::records(conn, &push.records()).await?;
    let mut devices = devices_waiting(&stored);
    devices.insert(push.device);
    let phones = load::phones(conn, &devices).await?;
    let own = phones.get(&push.device).cloned().unwrap_or_default();
    let known = known(conn, push).await?;
    let mut kept = kept(conn, push, &known).await?;
    let (confirmed, keys) = by_device(phones);
    let own_audiences = people.audiences_ever(push.person);
    let mut places = audience::places(conn, &push.records()).await?;
    let mut quota = LIMITS.quarantine_bytes_max.saturating_sub(own.quarantine_bytes);
    let mut planned = Vec::with_capacity(stored.len());
    for (stored, (record, incoming)) in stored.iter().zip(&push.incoming) {
        let sessions = sessions_of(&shared.sessions, conn, stored, Some(incoming)).await?;
        let deciding = Deciding {
            state: &stored.state,
            held: &stored.held,
            incoming: Some(incoming),
            known: &known,
            kept: &kept.remove(record).unwrap_or_default(),
            twice: &push.twice,
            sessions: &sessions,
            principals: &people.principals,
            disabled: &people.disabled,
            policies: &people.policies,
            confirmed: &confirmed,
            keys: &keys,
            left: left(&places.remove(record).unwrap_or_default(), &own_audiences),
            quota_bytes: quota,
            server: shared.actor,
            now_ms: push.now_ms,
        };
        let mut plan = decide::decide_or_hold(&deciding, shared.decide);
        decide::attribute(&deciding, &mut plan);
        quota = quota
            .saturating_add(plan.freed_bytes(push.device))
            .saturating_sub(plan.quarantine_bytes(push.device));
        planned.push(Planned { record: *record, version: stored.state.version, plan });
    }
    Ok(Prepared { receipt_sequence: own.receipt_sequence, planned })
}

/// What devices had confirmed, and their keys.
pub fn by_device(
    phones: BTreeMap<DeviceId, Phone>,
) -> (BTreeMap<DeviceId, Confirmed>, BTreeMap<DeviceId, VerifyingKey>) {
    let keys = phones.iter().filter_map(|(device, phone)| Some((*device, phone.key?))).collect();
    (phones.into_iter().map(|(device, phone)| (device, phone.confirmed)).collect(), keys)
}

/// When a record left the last of these audiences; `None` while it is in one, or never was.
fn left(places: &[Place], audiences: &BTreeSet<Audience>) -> Option<u64> {
    let own = places.iter().filter(|place| audiences.contains(&place.audience));
    let left: Option<Vec<u64>> = own.map(|place| place.left).collect();
    left?.into_iter().max()
}

/// What was told of the push's commands before.
async fn known(conn: &mut SqliteConnection, push: &Push) -> Result<BTreeMap<u64, Outcome>> {
    let (Some(from), Some(to)) = (push.numbers.first(), push.numbers.last()) else {
        return Ok(BTreeMap::new());
    };
    let ranges = load::receipts(conn, push.device, (*from, *to)).await?;
    let told = |number: &u64| {
        let at = ranges.partition_point(|range| range.to < *number);
        ranges.get(at).filter(|range| range.from <= *number).map(|range| range.told.outcome)
    };
    Ok(push.numbers.iter().filter_map(|n| told(n).map(|outcome| (*n, outcome))).collect())
}

/// What of the push's device was kept as it came under numbers that come again, by record; nothing
/// is read where all of them were accepted.
async fn kept(
    conn: &mut SqliteConnection,
    push: &Push,
    known: &BTreeMap<u64, Outcome>,
) -> Result<BTreeMap<RecordId, Vec<PackedChange>>> {
    let mut told = known.iter().filter(|(_, told)| !told.is_accepted()).map(|(n, _)| *n);
    let Some(first) = told.next() else { return Ok(BTreeMap::new()) };
    let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
        "select record, bytes from quarantine
         where device = ? and person = ? and number between ? and ? and record is not null",
    )
    .bind(push.device.0)
    .bind(push.person.0)
    .bind(load::number(first))
    .bind(load::number(told.next_back().unwrap_or(first)))
    .fetch_all(conn)
    .await?;
    let mut kept: BTreeMap<RecordId, Vec<PackedChange>> = BTreeMap::new();
    for (record, bytes) in rows {
        let packs = pack::decode(&bytes).unwrap_or_default();
        let of_record = kept.entry(RecordId(load::exact(&record)?)).or_default();
        of_record.extend(packs.into_iter().flat_map(|pack| pack.changes));
    }
    Ok(kept)
}

/// The devices whose commands wait in these records.
pub fn devices_waiting(stored: &[Stored]) -> BTreeSet<DeviceId> {
    let rows = stored.iter().flat_map(|stored| &stored.state.rows);
    let waiting = rows.filter(|row| row.state == super::log::RowState::Held);
    let rows = waiting.filter_map(|row| row.author).map(|author| author.device);
    let packs = stored.iter().flat_map(|stored| &stored.held).map(|held| held.device);
    rows.chain(packs).collect()
}

/// The sessions of everything stored in a record and of what came.
pub async fn sessions_of(
    cache: &SessionCache,
    conn: &mut SqliteConnection,
    stored: &Stored,
    incoming: Option<&Incoming>,
) -> Result<sync_core::model::session::SessionRows> {
    let rows = stored.state.rows.iter().flat_map(|row| &row.facts);
    let mut ids: BTreeSet<SessionId> = rows.filter_map(|fact| fact.key.session()).collect();
    for held in &stored.held {
        ids.extend(pack_sessions(&held.pack));
    }
    ids.extend(incoming.into_iter().flat_map(incoming_sessions));
    cache.of(&ids, conn).await
}

fn incoming_sessions(incoming: &Incoming) -> Vec<SessionId> {
    match incoming {
        Incoming::Pack { pack, .. } => pack_sessions(pack),
        Incoming::Office { change, .. } => {
            change.change.facts.iter().filter_map(|fact| fact.key.session()).collect()
        }
        Incoming::Ruled { kept, .. } => {
            let facts = kept.iter().flat_map(|kept| &kept.change.facts);
            facts.filter_map(|fact| fact.key.session()).collect()
        }
        Incoming::Derived { .. } => Vec::new(),
    }
}

fn pack_sessions(pack: &RecordPack) -> Vec<SessionId> {
    let keys = |facts: &[sync_core::model::fact::StoredFact]| {
        facts
            .iter()
            .map(|fact| fact.key)
            .filter_map(|key: FactKey| key.session())
            .collect::<Vec<_>>()
    };
    pack.changes
        .iter()
        .flat_map(|change| std::iter::once(change.actor).chain(keys(&change.facts)))
        .collect()
}
