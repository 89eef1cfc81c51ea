//! The answer to a sync: receipts, what the phone lacks, what left it, and its next cursors. Reads
//! only, in one snapshot.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection as _, SqliteConnection};
use sync_core::document::pack::encode;
use sync_core::model::id::{ChangeHash, DeviceId, RecordId, SessionId, SiteId};
use sync_core::protocol::limits::Limits;
use sync_core::protocol::message::{Cursor, Receipt, SyncRequest, SyncResponse, WireSession};

use super::Shared;
use super::deliver::{Deliveries, Delivering};
use super::feed::{self, Newest, Page, Reading, Share};
use super::load;
use super::receipts::Range;
use super::standing::Standing;
use crate::Result;

/// What this request itself did, as far as the answer depends on it.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Numbers that stood in it.
    pub numbers: BTreeSet<u64>,
    /// Those that were stored before.
    pub already_had: BTreeSet<u64>,
    /// Told in this answer and kept nowhere: not stored, or a clone's.
    pub told_once: Vec<Receipt>,
    /// Changes that stood in it.
    pub hashes: BTreeSet<ChangeHash>,
    /// Its records of which the device has accepted work: served as they stand.
    pub drained: BTreeSet<RecordId>,
    /// The sessions of its facts.
    pub sessions: BTreeSet<SessionId>,
    /// Another store has used the device's numbers.
    pub cloned: bool,
}

/// What an answer is made for.
pub struct Answering<'a> {
    /// The server.
    pub shared: &'a Shared,
    /// The device.
    pub device: DeviceId,
    /// The request.
    pub request: &'a SyncRequest,
    /// Where the device stood before.
    pub standing: &'a Standing,
    /// What the request did.
    pub pushed: &'a Pushed,
    /// How far the person has read.
    pub reading: &'a Reading,
    /// The limits of an answer.
    pub limits: &'a Limits,
}

impl Answering<'_> {
    /// Fills receipts, records and cursors of `response`.
    ///
    /// # Errors
    /// If the database does not answer, or a cursor is not this server's.
    pub async fn fill(
        &self,
        conn: &mut SqliteConnection,
        response: &mut SyncResponse,
    ) -> Result<()> {
        // A statement is a snapshot of its own: with nothing new this one is all there is.
        let newest = feed::newest(conn, self.reading).await?;
        self.reading.check(&newest)?;
        let quiet = !self.reading.has_news(&newest)
            && self.pushed.numbers.is_empty()
            && self.request.repairs.is_empty()
            && self.standing.receipt_sequence <= self.request.receipts_after;
        if quiet {
            response.receipts_after = self.request.receipts_after;
            response.cursors = self.cursors(&newest, &BTreeMap::new());
            return Ok(());
        }
        let mut snapshot = conn.begin().await?;
        self.receipts(&mut snapshot, response).await?;
        let newest = feed::newest(&mut snapshot, self.reading).await?;
        self.records(&mut snapshot, &newest, response).await?;
        snapshot.rollback().await?;
        Ok(())
    }

    async fn receipts(
        &self,
        conn: &mut SqliteConnection,
        response: &mut SyncResponse,
    ) -> Result<()> {
        let after = self.request.receipts_after;
        let limit = self.limits.answer_receipts_max;
        let mut ranges = load::receipts_after(conn, self.device, after, limit + 1).await?;
        if ranges.len() as u64 > limit {
            ranges.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            response.more = true;
        }
        response.receipts_after = ranges.last().map_or(after, |range| range.receipt_sequence);
        // What is told of this very request is told whole, wherever the cut is: the heads of the
        // records below count on it. That repeats what was told before, too.
        let numbers = &self.pushed.numbers;
        if let (Some(from), Some(to)) = (numbers.first(), numbers.last()) {
            let told: BTreeSet<u64> = ranges.iter().map(|range| range.receipt_sequence).collect();
            let own = load::receipts(conn, self.device, (*from, *to)).await?;
            ranges.extend(own.into_iter().filter(|range| {
                !told.contains(&range.receipt_sequence)
                    && numbers.range(range.from..=range.to).next().is_some()
            }));
        }
        ranges.sort_unstable_by_key(|range| range.receipt_sequence);
        response.receipts = ranges.iter().map(|range| range.receipt(self.had(range))).collect();
        response.receipts.extend(self.pushed.told_once.iter().cloned());
        Ok(())
    }

    /// Whether a range is about commands that came again.
    fn had(&self, range: &Range) -> bool {
        let had = &self.pushed.already_had;
        had.range(range.from..=range.to).next().is_some()
    }

    async fn records(
        &self,
        conn: &mut SqliteConnection,
        newest: &Newest,
        response: &mut SyncResponse,
    ) -> Result<()> {
        let limit = usize::try_from(self.limits.answer_records_max).unwrap_or(usize::MAX);
        let mut page = feed::page(conn, self.reading, newest, limit).await?;
        let repairs: BTreeSet<RecordId> = self.request.repairs.iter().copied().collect();
        let delivering = Delivering {
            attestation_key: &self.shared.attestation_key,
            sent: &self.pushed.hashes,
            asked: &repairs,
            bytes_max: self.limits.answer_bytes_max,
        };
        let mut deliveries = Deliveries::default();
        let ids: Vec<RecordId> = page.records.iter().map(|item| item.record).collect();
        let mut shares =
            feed::shares(conn, self.reading, &ids, &self.pushed.drained, &repairs).await?;
        serve_cut_visits(&mut shares, &page);
        let taken = delivering.deliver(conn, &shares, &mut deliveries).await?;
        cut(&mut page, taken);
        shares.truncate(taken);
        if serve_cut_visits(&mut shares, &page) {
            // Cut by bytes, where nobody could foresee it: once more, with what the cut asks for.
            deliveries = Deliveries::default();
            let unlimited = Delivering { bytes_max: u64::MAX, ..delivering };
            unlimited.deliver(conn, &shares, &mut deliveries).await?;
        }
        // What this request wrote to: with every answer, wherever the cut is.
        let on_page: BTreeSet<RecordId> = ids.into_iter().take(taken).collect();
        let drained = &self.pushed.drained;
        let extra: Vec<RecordId> = drained.difference(&on_page).copied().collect();
        let shares = feed::shares(conn, self.reading, &extra, drained, &repairs).await?;
        let unlimited = Delivering { bytes_max: u64::MAX, ..delivering };
        unlimited.deliver(conn, &shares, &mut deliveries).await?;
        // What it asks for whole: as much as an answer holds; the phone asks again for the rest.
        let asked = repairs.iter().filter(|id| !on_page.contains(id) && !drained.contains(id));
        let asked: Vec<RecordId> = asked.copied().collect();
        let shares = feed::shares(conn, self.reading, &asked, drained, &repairs).await?;
        let taken = delivering.deliver(conn, &shares, &mut deliveries).await?;
        response.more |= taken < shares.len();
        let told = on_page.iter().copied().chain(asked.iter().copied()).collect();
        response.purged = self.purged(conn, newest, told, &deliveries).await?;

        deliveries.sessions.extend(&self.pushed.sessions);
        let sessions = self.shared.sessions.of(&deliveries.sessions, conn).await?;
        response.sessions = sessions.into_values().map(WireSession::from).collect();
        response.records = deliveries.records;
        response.packs =
            if deliveries.packs.is_empty() { Vec::new() } else { encode(&deliveries.packs) };
        response.left = deliveries.left;
        response.more |= !page.horizons.is_empty();
        response.cursors = self.cursors(newest, &page.horizons);
        Ok(())
    }

    /// What was purged of the records that this answer tells of, and all of it for a phone that has
    /// been away for longer than that is told record by record.
    async fn purged(
        &self,
        conn: &mut SqliteConnection,
        newest: &Newest,
        mut told: BTreeSet<RecordId>,
        deliveries: &Deliveries,
    ) -> Result<Option<Vec<RecordId>>> {
        deliveries.records.iter().for_each(|delivery| {
            told.remove(&delivery.record);
        });
        let told: Vec<RecordId> = told.into_iter().collect();
        let mut purged = load::purged(conn, &told).await?;
        for site in self.reading.behind(newest) {
            purged.extend(feed::all_purged(conn, site).await?);
        }
        Ok((!purged.is_empty()).then(|| purged.into_iter().collect()))
    }

    /// The next cursors: the sites' sequences, or where the answer was cut.
    fn cursors(&self, newest: &Newest, horizons: &BTreeMap<SiteId, u64>) -> Vec<Cursor> {
        let next = |(audience, cursor): (&_, &u64)| {
            let site = sync_core::model::audience::Audience::site(*audience);
            let sequence = match horizons.get(&site) {
                Some(horizon) => *horizon.max(cursor),
                None => newest.sites.get(&site).copied().unwrap_or(*cursor),
            };
            Cursor { epoch: self.standing.epoch, audience: *audience, sequence }
        };
        self.reading.cursors.iter().map(next).collect()
    }
}

/// Serves the records whose visit is cut by their site's horizon; says whether there are any more
/// than before.
fn serve_cut_visits(shares: &mut [Share], page: &Page) -> bool {
    let mut more = false;
    for (share, item) in shares.iter_mut().zip(&page.records) {
        let horizon = page.horizons.get(&item.site);
        if !share.served && horizon.is_some_and(|horizon| share.is_cut_by(*horizon)) {
            share.served = true;
            more = true;
        }
    }
    more
}

/// Cuts a page after so many records.
fn cut(page: &mut Page, taken: usize) {
    let Some(first_out) = page.records.get(taken).copied() else { return };
    let sites: BTreeSet<SiteId> = page.records[taken..].iter().map(|item| item.site).collect();
    for site in sites {
        let inside = page.records[..taken].iter().filter(|item| item.site == site);
        let horizon = inside.map(|item| item.position).max().unwrap_or(0);
        let horizon = if site == first_out.site { horizon } else { 0 };
        page.horizons.insert(site, horizon);
    }
    page.records.truncate(taken);
}
