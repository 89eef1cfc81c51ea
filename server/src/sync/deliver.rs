//! Records on their way to a phone: the accepted changes it lacks as fact packs, with heads,
//! attestations and the session rows the facts need.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::document::{Change, RecordPack, heads_after};
use sync_core::model::id::{ChangeHash, RecordId, SessionId, SiteId};
use sync_core::protocol::message::{Delivery, Left};

use super::attestation::{attestation, heads_digest};
use super::feed::Share;
use super::load::{ChangeRow, exact, list, number};
use super::log::{LogRow, hashes_from_cell};
use super::rows::pieces;
use crate::Result;

/// What an answer carries of records.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// Each record, in order.
    pub records: Vec<Delivery>,
    /// Packs of those that have changes, in the same order.
    pub packs: Vec<RecordPack>,
    /// Leavings.
    pub left: Vec<Left>,
    /// Sessions that the delivered facts need.
    pub sessions: BTreeSet<SessionId>,
    /// Bytes of facts so far.
    pub bytes: u64,
}

/// How deliveries are made.
#[derive(Clone, Copy)]
pub struct Delivering<'a> {
    /// The key of attestations.
    pub attestation_key: &'a [u8; 32],
    /// Changes that stood in this very request: the phone has them.
    pub sent: &'a BTreeSet<ChangeHash>,
    /// Records the phone asked for whole: it may compare each by itself.
    pub asked: &'a BTreeSet<RecordId>,
    /// Bytes of facts after which an answer is cut.
    pub bytes_max: u64,
}

struct Head {
    site: Option<SiteId>,
    heads: Vec<ChangeHash>,
}

impl Delivering<'_> {
    /// Adds the shares in order until the answer is full; says how many it took. The first always
    /// fits: a record is cut nowhere.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn deliver(
        &self,
        conn: &mut SqliteConnection,
        shares: &[Share],
        deliveries: &mut Deliveries,
    ) -> Result<usize> {
        let mut taken = 0;
        for piece in pieces(shares) {
            let served: Vec<&Share> = piece.iter().filter(|share| share.served).collect();
            let ids: Vec<RecordId> = served.iter().map(|share| share.record).collect();
            let heads = heads(conn, &ids).await?;
            let mut rows = rows_above(conn, &served).await?;
            for share in piece {
                if deliveries.bytes >= self.bytes_max && taken > 0 {
                    return Ok(taken);
                }
                taken += 1;
                deliveries.left.extend(share.left.iter().cloned());
                let rows = rows.remove(&share.record).unwrap_or_default();
                if let Some(head) = heads.get(&share.record).filter(|_| share.served) {
                    self.add(conn, share, head, rows, deliveries).await?;
                }
            }
        }
        Ok(taken)
    }

    async fn add(
        &self,
        conn: &mut SqliteConnection,
        share: &Share,
        head: &Head,
        rows: Vec<LogRow>,
        deliveries: &mut Deliveries,
    ) -> Result<()> {
        let Some(site) = head.site else { return Ok(()) };
        let heads = match share.up_to {
            None => head.heads.clone(),
            Some(up_to) => heads_up_to(conn, share.record, up_to).await?,
        };
        let seen = |row: &LogRow| share.up_to.is_none_or(|up_to| row.sequence <= Some(up_to));
        let sent = |row: &LogRow| self.sent.contains(&row.hash);
        // Nothing goes back to where it came from, also of a record that is new to its audiences;
        // what is asked for whole comes whole.
        let asked = self.asked.contains(&share.record);
        let whole = share.above == 0 && (asked || !rows.iter().any(sent));
        let rows = rows.into_iter().filter(|row| seen(row) && (whole || !sent(row)));
        let changes: Vec<Change> = rows.map(change).collect();
        for fact in changes.iter().flat_map(|change| &change.facts) {
            deliveries.bytes += fact.json.len() as u64 + FACT_BYTES;
            deliveries.sessions.extend(fact.key.session());
        }
        deliveries.records.push(Delivery {
            record: share.record,
            site,
            audiences: share.audiences.clone(),
            whole,
            has_pack: !changes.is_empty(),
            attestation: attestation(self.attestation_key, share.record, &heads),
            heads_digest: heads_digest(share.record, &heads),
        });
        if !changes.is_empty() {
            deliveries.packs.push(RecordPack::from_changes(share.record, &changes));
        }
        Ok(())
    }
}

/// About what a fact costs beside its JSON.
const FACT_BYTES: u64 = 16;

fn change(row: LogRow) -> Change {
    Change {
        actor: row.actor,
        seq: row.seq,
        start_op: row.start_op,
        deps: row.deps,
        facts: row.facts,
        hash: row.hash,
    }
}

async fn heads(conn: &mut SqliteConnection, ids: &[RecordId]) -> Result<BTreeMap<RecordId, Head>> {
    let mut heads = BTreeMap::new();
    for piece in pieces(ids) {
        let mut query =
            QueryBuilder::<Sqlite>::new("select record, site, heads from record where record in ");
        list(&mut query, piece.iter().map(|id| id.0.to_vec()));
        let rows: Vec<(Vec<u8>, Option<u32>, Vec<u8>)> =
            query.build_query_as().fetch_all(&mut *conn).await?;
        for (record, site, cell) in rows {
            let head = Head { site: site.map(SiteId), heads: hashes_from_cell(&cell)? };
            heads.insert(RecordId(exact(&record)?), head);
        }
    }
    Ok(heads)
}

/// The accepted changes of each share above its sequence, in the order of their acceptance.
async fn rows_above(
    conn: &mut SqliteConnection,
    shares: &[&Share],
) -> Result<BTreeMap<RecordId, Vec<LogRow>>> {
    let mut rows: BTreeMap<RecordId, Vec<LogRow>> = BTreeMap::new();
    for piece in pieces(shares) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "select id, record, hash, actor, seq, start_op, max_op, deps, person, device, number,
               state, code, params, sequence, facts
             from change where ",
        );
        for (place, share) in piece.iter().enumerate() {
            if place > 0 {
                query.push(" or ");
            }
            query.push("(record = ").push_bind(share.record.0.to_vec());
            query.push(" and sequence > ").push_bind(number(share.above)).push(")");
        }
        query.push(" order by id");
        let found: Vec<ChangeRow> = query.build_query_as().fetch_all(&mut *conn).await?;
        for row in found {
            let record = RecordId(exact(&row.record)?);
            rows.entry(record).or_default().push(row.log_row()?);
        }
    }
    Ok(rows)
}

/// The accepted heads as they were at a sequence.
async fn heads_up_to(
    conn: &mut SqliteConnection,
    record: RecordId,
    up_to: u64,
) -> Result<Vec<ChangeHash>> {
    let share = Share {
        record,
        above: 0,
        up_to: None,
        audiences: Vec::new(),
        served: true,
        left: Vec::new(),
        visits: Vec::new(),
    };
    let mut rows = rows_above(conn, &[&share]).await?;
    let mut heads = BTreeSet::from([sync_core::document::genesis_hash(record)]);
    for row in rows.remove(&record).unwrap_or_default() {
        if row.sequence <= Some(up_to) {
            heads_after(&mut heads, &change(row));
        }
    }
    heads.remove(&sync_core::document::genesis_hash(record));
    Ok(heads.into_iter().collect())
}
