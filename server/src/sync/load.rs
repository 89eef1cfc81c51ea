//! Reading what decisions start from: records with their logs, what is held, sessions, receipts,
//! and what devices had confirmed. Works inside the writer's transaction as on a reader.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::document;
use sync_core::model::id::{ChangeHash, DeviceId, PersonId, RecordId, SessionId, SiteId};
use sync_core::model::session::{Origin, SessionRow, SessionRows};
use sync_core::model::time::{Anchor, BootId, Seen};
use sync_core::protocol::message::Outcome;

use super::decide::{Confirmed, Contact, HeldPack};
use super::log::{Author, LogRow, RecordState, RowState, Why, facts_from_cell, hashes_from_cell};
use super::receipts::{Range, Told};
use super::rows::pieces;
use crate::{Error, Result};

/// A record with what waits for it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The record.
    pub state: RecordState,
    /// Packs that cannot be built yet.
    pub held: Vec<HeldPack>,
}

/// The records in the order asked for; unknown ones are new.
///
/// # Errors
/// If the database does not answer, or holds what nobody wrote.
pub async fn records(conn: &mut SqliteConnection, ids: &[RecordId]) -> Result<Vec<Stored>> {
    let mut found: BTreeMap<RecordId, Stored> = BTreeMap::new();
    let mut waiting: Vec<RecordId> = Vec::new();
    for piece in pieces(ids) {
        for row in record_heads(conn, piece).await? {
            let (state, held) = row.state()?;
            if held > 0 {
                waiting.push(state.record);
            }
            found.insert(state.record, Stored { state, held: Vec::new() });
        }
        let mut query = QueryBuilder::<Sqlite>::new(
            "select id, record, hash, actor, seq, start_op, max_op, deps, person, device, number,
               state, code, params, sequence, facts
             from change where record in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        query.push(" order by id");
        let rows: Vec<ChangeRow> = query.build_query_as().fetch_all(&mut *conn).await?;
        for row in rows {
            let record = RecordId(exact(&row.record)?);
            if let Some(stored) = found.get_mut(&record) {
                stored.state.rows.push(row.log_row()?);
            }
        }
    }
    for piece in pieces(&waiting) {
        for (record, held) in held_packs(conn, piece).await? {
            if let Some(stored) = found.get_mut(&record) {
                stored.held.push(held);
            }
        }
    }
    let new = |id| Stored { state: RecordState::new(id), held: Vec::new() };
    Ok(ids.iter().map(|id| found.remove(id).unwrap_or_else(|| new(*id))).collect())
}

/// Those of these records that were purged.
///
/// # Errors
/// If the database does not answer.
pub async fn purged(conn: &mut SqliteConnection, ids: &[RecordId]) -> Result<BTreeSet<RecordId>> {
    let mut purged = BTreeSet::new();
    for piece in pieces(ids) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select record from record where purged_ms is not null and record in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<(Vec<u8>,)> = query.build_query_as().fetch_all(&mut *conn).await?;
        for (record,) in rows {
            purged.insert(RecordId(exact(&record)?));
        }
    }
    Ok(purged)
}

/// The versions of records that are stored.
///
/// # Errors
/// If the database does not answer.
pub async fn versions(
    conn: &mut SqliteConnection,
    ids: &[RecordId],
) -> Result<BTreeMap<RecordId, u64>> {
    let mut versions = BTreeMap::new();
    for piece in pieces(ids) {
        let mut query =
            QueryBuilder::<Sqlite>::new("select record, version from record where record in ");
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<(Vec<u8>, i64)> = query.build_query_as().fetch_all(&mut *conn).await?;
        for (record, version) in rows {
            versions.insert(RecordId(exact(&record)?), version.unsigned_abs());
        }
    }
    Ok(versions)
}

async fn record_heads(conn: &mut SqliteConnection, ids: &[RecordId]) -> Result<Vec<RecordRow>> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "select record, site, kind, purged_site, version, heads, held from record
         where record in ",
    );
    list(&mut query, ids.iter().map(|id| id.0.to_vec()));
    Ok(query.build_query_as().fetch_all(&mut *conn).await?)
}

#[derive(sqlx::FromRow)]
struct RecordRow {
    record: Vec<u8>,
    site: Option<u32>,
    kind: Option<String>,
    purged_site: Option<u32>,
    version: i64,
    heads: Vec<u8>,
    held: i64,
}

impl RecordRow {
    fn state(self) -> Result<(RecordState, i64)> {
        let state = RecordState {
            record: RecordId(exact(&self.record)?),
            version: self.version.unsigned_abs(),
            site: self.site.map(SiteId),
            kind: self.kind,
            purged: self.purged_site.map(SiteId),
            heads: hashes_from_cell(&self.heads)?,
            rows: Vec::new(),
        };
        Ok((state, self.held))
    }
}

/// A row of `change` as it is read.
#[derive(sqlx::FromRow)]
pub(super) struct ChangeRow {
    id: i64,
    pub(super) record: Vec<u8>,
    hash: Vec<u8>,
    actor: Vec<u8>,
    seq: i64,
    start_op: i64,
    max_op: i64,
    deps: Vec<u8>,
    person: Option<u32>,
    device: Option<u32>,
    number: Option<i64>,
    state: String,
    code: Option<String>,
    params: Option<String>,
    sequence: Option<i64>,
    facts: Vec<u8>,
}

impl ChangeRow {
    pub(super) fn log_row(self) -> Result<LogRow> {
        let author = match (self.person, self.device, self.number) {
            (Some(person), Some(device), Some(number)) => Some(Author {
                person: PersonId(person),
                device: DeviceId(device),
                number: number.unsigned_abs(),
            }),
            _ => None,
        };
        Ok(LogRow {
            id: Some(self.id),
            hash: ChangeHash(exact(&self.hash)?),
            actor: SessionId(exact(&self.actor)?),
            seq: self.seq.unsigned_abs(),
            start_op: self.start_op.unsigned_abs(),
            max_op: self.max_op.unsigned_abs(),
            deps: hashes_from_cell(&self.deps)?,
            author,
            state: RowState::from_code(&self.state)
                .ok_or(Error::Broken("a change in the database has no state"))?,
            why: why(self.code, self.params)?,
            sequence: self.sequence.map(i64::unsigned_abs),
            facts: facts_from_cell(&self.facts)?,
        })
    }
}

async fn held_packs(
    conn: &mut SqliteConnection,
    ids: &[RecordId],
) -> Result<Vec<(RecordId, HeldPack)>> {
    type Row = (i64, Vec<u8>, u32, u32, String, i64, bool, Vec<u8>);
    let mut query = QueryBuilder::<Sqlite>::new(
        "select id, record, person, device, code, first_ms, checked, bytes from held_pack
         where record in ",
    );
    list(&mut query, ids.iter().map(|id| id.0.to_vec()));
    query.push(" order by id");
    let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *conn).await?;
    let held = rows.into_iter().map(|row| {
        let (id, record, person, device, code, first_ms, checked, bytes) = row;
        let pack = document::pack::decode(&bytes).ok().and_then(|mut packs| packs.pop());
        let held = HeldPack {
            id: Some(id),
            person: PersonId(person),
            device: DeviceId(device),
            why: Why::new(code),
            since_ms: Some(first_ms),
            checked,
            pack: pack.ok_or(Error::Broken("a held pack does not read"))?,
        };
        Ok((RecordId(exact(&record)?), held))
    });
    held.collect()
}

/// The rows of these sessions, as far as they are registered.
///
/// # Errors
/// If the database does not answer.
pub async fn sessions(
    conn: &mut SqliteConnection,
    ids: &BTreeSet<SessionId>,
) -> Result<SessionRows> {
    let ids: Vec<SessionId> = ids.iter().copied().collect();
    let mut sessions = SessionRows::new();
    for piece in pieces(&ids) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select session, person, device, office, boot, opened_wall_ms, opened_monotonic_ms,
               anchor_server_ms, anchor_monotonic_ms
             from session where session in ",
        );
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<StoredSession> = query.build_query_as().fetch_all(&mut *conn).await?;
        for row in rows {
            let row = row.session()?;
            sessions.insert(row.session, row);
        }
    }
    Ok(sessions)
}

#[derive(sqlx::FromRow)]
struct StoredSession {
    session: Vec<u8>,
    person: u32,
    device: u32,
    office: bool,
    boot: Vec<u8>,
    opened_wall_ms: i64,
    opened_monotonic_ms: i64,
    anchor_server_ms: Option<i64>,
    anchor_monotonic_ms: Option<i64>,
}

impl StoredSession {
    fn session(self) -> Result<SessionRow> {
        let anchor = self.anchor_server_ms.zip(self.anchor_monotonic_ms);
        Ok(SessionRow {
            session: SessionId(exact(&self.session)?),
            person: PersonId(self.person),
            device: DeviceId(self.device),
            origin: if self.office { Origin::Office } else { Origin::Phone },
            boot: BootId(exact(&self.boot)?),
            opened_wall_ms: self.opened_wall_ms,
            opened_monotonic_ms: self.opened_monotonic_ms,
            anchor: anchor.map(|(server_ms, monotonic_ms)| Anchor { server_ms, monotonic_ms }),
        })
    }
}

/// What sync keeps of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phone {
    /// The last number taken in its receipts.
    pub receipt_sequence: u64,
    /// Bytes kept of what it sent and nobody accepted.
    pub quarantine_bytes: u64,
    /// What it had confirmed at its contacts.
    pub confirmed: Confirmed,
    /// Its key, also where it is revoked.
    pub key: Option<VerifyingKey>,
}

/// What sync keeps of these devices; one that never came is missing.
///
/// # Errors
/// If the database does not answer.
pub async fn phones(
    conn: &mut SqliteConnection,
    devices: &BTreeSet<DeviceId>,
) -> Result<BTreeMap<DeviceId, Phone>> {
    type Row = (u32, i64, i64, i64, u32, String, Option<Vec<u8>>);
    let devices: Vec<DeviceId> = devices.iter().copied().collect();
    let mut phones = BTreeMap::new();
    for piece in pieces(&devices) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select d.device, coalesce(p.receipt_sequence, 0), coalesce(p.quarantine_bytes, 0),
               coalesce(p.confirmed_number, 0), coalesce(p.confirmed_epoch, 0),
               coalesce(p.confirmed, '[]'), d.public_key
             from device d left join phone p on p.device = d.device where d.device in ",
        );
        list(&mut query, piece.iter().map(|device| device.0));
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *conn).await?;
        for (device, receipt_sequence, quarantine_bytes, number, epoch, confirmed, key) in rows {
            let phone = Phone {
                receipt_sequence: receipt_sequence.unsigned_abs(),
                quarantine_bytes: quarantine_bytes.unsigned_abs(),
                confirmed: confirmed_from_cell(number, epoch, &confirmed)?,
                key: key
                    .and_then(|key| <[u8; 32]>::try_from(key).ok())
                    .and_then(|key| VerifyingKey::from_bytes(&key).ok()),
            };
            phones.insert(DeviceId(device), phone);
        }
    }
    Ok(phones)
}

/// What is stored of a device's contacts: an array, oldest first. A database of an earlier version
/// holds the sequences of the last one as an object, with its number and epoch beside it.
///
/// # Errors
/// If it is neither.
pub fn confirmed_from_cell(number: i64, epoch: u32, cell: &str) -> Result<Confirmed> {
    let broken = |_| Error::Broken("what a device confirmed does not read");
    if cell.starts_with('{') {
        let sequences = serde_json::from_str(cell).map_err(broken)?;
        let last = Contact { number: number.unsigned_abs(), epoch, at_ms: 0, sequences };
        return Ok(Confirmed::new(vec![last]));
    }
    Ok(Confirmed::new(serde_json::from_str(cell).map_err(broken)?))
}

/// Whether every command of a device after one number and up to another has come and is decided.
///
/// # Errors
/// If the database does not answer.
pub async fn all_decided(
    conn: &mut SqliteConnection,
    device: DeviceId,
    (after, up_to): (u64, u64),
) -> Result<bool> {
    let decided: i64 = sqlx::query_scalar(
        "select coalesce(sum(min(to_number, ?3) - max(from_number, ?2 + 1) + 1), 0) from receipt
         where device = ?1 and outcome <> 'held' and from_number <= ?3 and to_number > ?2",
    )
    .bind(device.0)
    .bind(number(after))
    .bind(number(up_to))
    .fetch_one(conn)
    .await?;
    Ok(decided.unsigned_abs() >= up_to.saturating_sub(after))
}

/// The receipt ranges of a device that touch `from..=to`, in order of their numbers.
///
/// # Errors
/// If the database does not answer.
pub async fn receipts(
    conn: &mut SqliteConnection,
    device: DeviceId,
    (from, to): (u64, u64),
) -> Result<Vec<Range>> {
    let rows: Vec<ReceiptRow> = sqlx::query_as(
        "select from_number, to_number, outcome, code, params, cases, accepted_epoch,
           accepted_sequence, receipt_sequence
         from receipt where device = ? and from_number <= ? and to_number >= ?
         order by from_number",
    )
    .bind(device.0)
    .bind(number(to))
    .bind(number(from))
    .fetch_all(&mut *conn)
    .await?;
    rows.into_iter().map(ReceiptRow::range).collect()
}

/// The receipt ranges of a device after its cursor, at most `limit`, in their order.
///
/// # Errors
/// If the database does not answer.
pub async fn receipts_after(
    conn: &mut SqliteConnection,
    device: DeviceId,
    after: u64,
    limit: u64,
) -> Result<Vec<Range>> {
    let rows: Vec<ReceiptRow> = sqlx::query_as(
        "select from_number, to_number, outcome, code, params, cases, accepted_epoch,
           accepted_sequence, receipt_sequence
         from receipt where device = ? and receipt_sequence > ? order by receipt_sequence limit ?",
    )
    .bind(device.0)
    .bind(number(after))
    .bind(number(limit))
    .fetch_all(&mut *conn)
    .await?;
    rows.into_iter().map(ReceiptRow::range).collect()
}

#[derive(sqlx::FromRow)]
struct ReceiptRow {
    from_number: i64,
    to_number: i64,
    outcome: String,
    code: Option<String>,
    params: Option<String>,
    cases: Option<String>,
    accepted_epoch: Option<u32>,
    accepted_sequence: Option<i64>,
    receipt_sequence: i64,
}

impl ReceiptRow {
    fn range(self) -> Result<Range> {
        let cases = self.cases.map(|cases| serde_json::from_str(&cases));
        let accepted = self.accepted_epoch.zip(self.accepted_sequence);
        Ok(Range {
            from: self.from_number.unsigned_abs(),
            to: self.to_number.unsigned_abs(),
            told: Told {
                outcome: Outcome::from_code(&self.outcome)
                    .ok_or(Error::Broken("a receipt without an outcome"))?,
                why: why(self.code, self.params)?,
                cases: cases
                    .transpose()
                    .map_err(|_| Error::Broken("the cases of a receipt do not read"))?
                    .unwrap_or_default(),
                accepted_at: accepted
                    .map(|(epoch, sequence)| Seen { epoch, sequence: sequence.unsigned_abs() }),
            },
            receipt_sequence: self.receipt_sequence.unsigned_abs(),
        })
    }
}

fn why(code: Option<String>, params: Option<String>) -> Result<Option<Why>> {
    let params = params.map(|params| serde_json::from_str(&params)).transpose();
    let params = params.map_err(|_| Error::Broken("the parameters of a reason do not read"))?;
    Ok(code.map(|code| Why { code, params: params.unwrap_or_default() }))
}

/// Appends `(?, ?, ...)`.
pub(super) fn list<T>(query: &mut QueryBuilder<Sqlite>, items: impl Iterator<Item = T>)
where
    T: for<'q> sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + Send,
{
    query.push("(");
    let mut separated = query.separated(", ");
    for item in items {
        separated.push_bind(item);
    }
    query.push(")");
}

/// A cell of exactly this many bytes.
pub(super) fn exact<const N: usize>(cell: &[u8]) -> Result<[u8; N]> {
    cell.try_into().map_err(|_| Error::Broken("an id in the database has another length"))
}

/// A number as SQL has it; above its range is as good as infinite.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
