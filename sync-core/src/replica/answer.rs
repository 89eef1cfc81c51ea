//! A decoded answer, and what it makes the phone write.

use std::collections::{BTreeMap, BTreeSet};

use super::request::InFlight;
use super::{Inner, ListItem, Replica, convert};
use crate::document::RecordPack;
use crate::document::pack::decode;
use crate::engine::record::{Applied, Incoming};
use crate::model::id::{ChangeHash, PersonId, RecordId, SessionId, SiteId};
use crate::model::time::Seen;
use crate::protocol::SyncResponse;
use crate::protocol::limits::LIMITS;
use crate::protocol::message::{Receipt, ReferenceData};
use crate::store::{LostRow, OwnSession, PendingRow, RefusedRow, SentRow, StoreWrite};
use crate::{Error, Result};

/// A decoded answer with its parts by record.
pub(super) struct Answer {
    pub(super) response: SyncResponse,
    /// Index into `response.receipts` by number of command.
    pub(super) receipts: BTreeMap<u64, usize>,
    /// Index into `response.records`, and the pack.
    deliveries: BTreeMap<RecordId, (usize, Option<RecordPack>)>,
}

impl Answer {
    /// An answer that says nothing but what became of commands.
    pub(super) fn of_receipts(receipts: Vec<Receipt>) -> Result<Self> {
        Self::read(SyncResponse { receipts, ..SyncResponse::default() })
    }

    pub(super) fn read(response: SyncResponse) -> Result<Self> {
        let malformed =
            |detail: &str| Error::Malformed { what: "answer", detail: detail.to_owned() };
        let mut receipts = BTreeMap::new();
        for (index, receipt) in response.receipts.iter().enumerate() {
            if receipt.to < receipt.from || receipt.to - receipt.from > LIMITS.commands_max {
                return Err(malformed("receipt range"));
            }
            // In order of change: a later one on the same number holds.
            receipts.extend((receipt.from..=receipt.to).map(|n| (n, index)));
        }
        let packs = if response.packs.is_empty() {
            Vec::new()
        } else {
            decode(&response.packs).map_err(|error| malformed(&error.to_string()))?
        };
        let mut packs = packs.into_iter();
        let mut deliveries = BTreeMap::new();
        for (index, delivery) in response.records.iter().enumerate() {
            let pack = if delivery.has_pack {
                let pack = packs.next().ok_or_else(|| malformed("a pack is missing"))?;
                if pack.record != delivery.record {
                    return Err(malformed("a pack of another record"));
                }
                Some(pack)
            } else {
                None
            };
            deliveries.insert(delivery.record, (index, pack));
        }
        Ok(Self { response, receipts, deliveries })
    }

    /// Brings what is kept in memory up to the answer.
    pub(super) fn move_memory(&self, inner: &mut Inner, in_flight: &InFlight) -> Result<()> {
        let response = &self.response;
        let state = &mut inner.state;
        let boot = in_flight.request.clock.boot;
        state.anchors.entry(boot).or_insert_with(|| response.anchor.into());
        for cursor in &response.cursors {
            let seen = Seen { epoch: cursor.epoch, sequence: cursor.sequence };
            state.cursors.retain(|(audience, _)| *audience != cursor.audience);
            state.cursors.push((cursor.audience, seen));
        }
        state.receipts_after = response.receipts_after;
        state.epoch = response.epoch;
        state.backed_up = response.backed_up.or(state.backed_up);
        state.re_enrol |= response.re_enrol;
        for question in in_flight.answered(response, &state.case_answers) {
            state.case_answers.remove(&question);
        }
        if let Some(reference) = &response.reference {
            state.reference_version = reference.version;
            inner.reference = parse_reference(&reference.json)?;
        }
        Ok(())
    }

    /// The records that this answer changes.
    pub(super) fn touched(&self, record_of: &BTreeMap<u64, RecordId>) -> BTreeSet<RecordId> {
        let by_receipt = self.receipts.keys().filter_map(|n| record_of.get(n)).copied();
        let left = self.response.left.iter().map(|left| left.record);
        let purged = self.response.purged.iter().flatten().copied();
        by_receipt.chain(self.deliveries.keys().copied()).chain(left).chain(purged).collect()
    }

    pub(super) fn site_of(&self, record: RecordId) -> Option<SiteId> {
        self.deliveries.get(&record).map(|(index, _)| self.response.records[*index].site)
    }

    /// Whether the answer says that the record was purged.
    pub(super) fn is_purged(&self, record: RecordId) -> bool {
        self.response.purged.iter().flatten().any(|purged| *purged == record)
    }

    /// Whether the answer brings the record whole.
    pub(super) fn is_whole(&self, record: RecordId) -> bool {
        let delivery = self.deliveries.get(&record);
        delivery.is_some_and(|(index, pack)| self.response.records[*index].whole && pack.is_some())
    }

    pub(super) fn incoming(
        &self,
        record: RecordId,
        sent: &BTreeMap<u64, ChangeHash>,
        record_of: &BTreeMap<u64, RecordId>,
        own: &BTreeSet<SessionId>,
    ) -> Incoming<'_> {
        let of_record = |n: &u64| record_of.get(n) == Some(&record);
        let receipts = self.receipts.iter().filter(|(n, _)| of_record(n));
        let left = self.response.left.iter().filter(|left| left.record == record);
        Incoming {
            receipts: receipts.map(|(n, i)| (*n, &self.response.receipts[*i])).collect(),
            in_flight: sent
                .iter()
                .filter(|(n, _)| of_record(n))
                .map(|(n, hash)| (*n, *hash))
                .collect(),
            delivery: self
                .deliveries
                .get(&record)
                .map(|(index, pack)| (&self.response.records[*index], pack.as_ref())),
            left: left.map(|left| left.audience).collect(),
            purged: self.is_purged(record),
            own: own.clone(),
        }
    }
}

/// What an answer writes.
pub(super) struct Plan {
    pub(super) writes: Vec<StoreWrite>,
    /// Becomes the current session if the old one is spent.
    pub(super) session: OwnSession,
    pub(super) session_spent: bool,
    pub(super) refused: u64,
    /// Records to be asked for whole from now on.
    pub(super) wanted: BTreeSet<RecordId>,
    /// Records whose earlier wish is answered.
    pub(super) repaired: BTreeSet<RecordId>,
    /// Records that leave the list, since the server has purged them.
    pub(super) purged: BTreeSet<RecordId>,
    /// The commands that are lost from now on, where the answer changes that.
    pub(super) lost: Option<Vec<LostRow>>,
}

impl Plan {
    pub(super) fn new(session: OwnSession) -> Self {
        Self {
            writes: Vec::new(),
            session,
            session_spent: false,
            refused: 0,
            wanted: BTreeSet::new(),
            repaired: BTreeSet::new(),
            purged: BTreeSet::new(),
            lost: None,
        }
    }

    /// The record is to be asked for whole from now on.
    pub(super) fn want(&mut self, owner: PersonId, record: RecordId) {
        self.writes.push(StoreWrite::PutRepair { owner, record });
        self.repaired.insert(record);
        self.wanted.insert(record);
    }

    /// Nothing of a purged record stays. Its row, which holds no content, goes with the last own
    /// command that waits for the server's word.
    pub(super) fn forget(&mut self, owner: PersonId, record: RecordId, row_too: bool) {
        self.writes.extend([
            StoreWrite::DeleteAllAccepted { owner, record },
            StoreWrite::DeletePairs { owner, record },
            StoreWrite::DeleteSent { owner, record },
            StoreWrite::DeleteList { owner, record },
            StoreWrite::DeleteRepair { owner, record },
            StoreWrite::DeleteSigning { owner, record },
            StoreWrite::DeleteParked { owner, record },
        ]);
        if row_too {
            self.writes.push(StoreWrite::DeleteRecord { owner, record });
        }
        self.repaired.insert(record);
        self.purged.insert(record);
    }

    pub(super) fn take(
        &mut self,
        owner: PersonId,
        applied: &Applied,
        incoming: &Incoming<'_>,
        replica: &Replica,
    ) {
        let state = &applied.state;
        let record = state.record;
        let writes = &mut self.writes;
        writes.push(convert::put_record(owner, state));
        for change in &applied.inserted {
            let change = convert::stored_change(change);
            writes.push(StoreWrite::InsertAccepted { owner, record, change });
        }
        writes.extend(applied.dropped.iter().map(|hash| StoreWrite::DeleteAccepted {
            owner,
            record,
            hash: *hash,
        }));
        let pairs = incoming.delivery.iter().flat_map(|(delivery, _)| &delivery.audiences);
        writes.extend(pairs.map(|audience| StoreWrite::PutPair {
            owner,
            record,
            audience: *audience,
        }));
        writes.extend(incoming.left.iter().map(|audience| StoreWrite::DeletePair {
            owner,
            record,
            audience: *audience,
        }));
        writes.extend(applied.settled.iter().map(|n| StoreWrite::DeletePending { owner, n: *n }));
        for pending in state.pending.iter().filter(|pending| applied.moved.contains(&pending.n)) {
            let row: PendingRow = convert::pending_row(state, pending);
            writes.push(StoreWrite::PutPending { owner, row });
        }
        for (pending, receipt) in &applied.refused {
            let row = refused_row(record, pending, receipt, replica);
            writes.push(StoreWrite::PutRefused { owner, row });
        }
        for (n, facts, accepted_at) in &applied.sent {
            let row = SentRow { n: *n, record, facts: facts.clone(), accepted_at: *accepted_at };
            writes.push(StoreWrite::PutSent { owner, row });
        }
        if applied.purged {
            self.forget(owner, record, state.pending.is_empty());
        } else if applied.repair {
            self.want(owner, record);
        } else if incoming.delivery.is_some() {
            writes.push(StoreWrite::DeleteRepair { owner, record });
            self.repaired.insert(record);
        }
        self.refused += applied.refused.len() as u64;
        self.session_spent |= applied.session_spent;
    }
}

fn refused_row(
    record: RecordId,
    pending: &crate::engine::Pending,
    receipt: &Receipt,
    replica: &Replica,
) -> RefusedRow {
    RefusedRow {
        n: pending.n,
        record,
        facts: pending.change.facts.clone(),
        code: receipt.code.clone().unwrap_or_default(),
        params: receipt.params.clone().unwrap_or_default(),
        refused_wall_ms: replica.clock.wall_ms(),
    }
}

pub(super) fn list_json(item: &ListItem) -> Result<String> {
    serde_json::to_string(item)
        .map_err(|error| Error::Malformed { what: "list item", detail: error.to_string() })
}

pub(super) fn parse_reference(json: &str) -> Result<ReferenceData> {
    serde_json::from_str(json)
        .map_err(|error| Error::Malformed { what: "reference data", detail: error.to_string() })
}
