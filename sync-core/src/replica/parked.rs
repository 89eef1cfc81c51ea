//! Commands for which the server refuses whole requests: found, parked, and sent again when
//! somebody tries or the app was updated.

use std::collections::BTreeMap;

use super::request::InFlight;
use super::{Inner, Replica, SyncReport};
use crate::engine::triage::{Culprit, Finding};
use crate::model::id::RecordId;
use crate::store::{Parked, StoreError, StoreWrite};
use crate::{Error, Result};

impl Replica {
    /// The server refused the request, and would refuse it again: what it pushed is divided until
    /// the command is found that it is about, and that one is parked. R0.32.
    pub(super) async fn refused_whole(
        &self,
        in_flight: &InFlight,
        code: String,
        params: BTreeMap<String, String>,
    ) -> Result<SyncReport> {
        let mut inner = self.inner().await?;
        let (turn, waiting) = (in_flight.turn, &in_flight.waiting);
        match inner.triage.handle_refused(turn, &in_flight.push, waiting, &code) {
            Finding::NotThePush => return Err(Error::Answered { code, params }),
            Finding::GoOn => {}
            Finding::Found(found) => self.park(&mut inner, found).await?,
        }
        Ok(SyncReport { more: true, ..SyncReport::default() })
    }

    /// Nothing of the record is sent from this command on; all of it stays here, and counts as not
    /// sent.
    pub(super) async fn park(&self, inner: &mut Inner, found: Culprit) -> Result<()> {
        let Culprit { record, n, code } = found;
        tracing::warn!(%record, n, code, "a command is parked");
        let owner = inner.owner()?;
        let parked = Parked { n, code, app_version: self.app_version.clone() };
        let write = StoreWrite::PutParked { owner, record, parked: parked.clone() };
        inner.in_doubt = true;
        self.store.apply("park", &[write]).await?;
        inner.in_doubt = false;
        inner.state.parked.insert(record, parked);
        Ok(())
    }

    /// Another version of the app than the one that parked something tries again. There may be no
    /// room to write that down: then it stays parked, and the phone opens.
    pub(super) async fn unpark_at_opening(&self) -> Result<()> {
        match self.unpark(|parked, version| parked.app_version != version).await {
            Err(Error::Store(StoreError::DiskFull)) => Ok(()),
            other => other,
        }
    }

    /// Sends again what was parked and is `wanted`, given this app's version.
    pub(super) async fn unpark(&self, wanted: impl Fn(&Parked, &str) -> bool) -> Result<()> {
        let mut inner = self.inner.lock().await;
        let Ok(owner) = inner.owner() else { return Ok(()) };
        let parked = inner.state.parked.iter();
        let again = parked.filter(|(_, parked)| wanted(parked, &self.app_version));
        let again: Vec<RecordId> = again.map(|(record, _)| *record).collect();
        if again.is_empty() {
            return Ok(());
        }
        let write = |record: &RecordId| StoreWrite::DeleteParked { owner, record: *record };
        let writes: Vec<StoreWrite> = again.iter().map(write).collect();
        inner.in_doubt = true;
        self.store.apply("unpark", &writes).await?;
        inner.in_doubt = false;
        inner.state.parked.retain(|record, _| !again.contains(record));
        Ok(())
    }
}

impl Inner {
    /// Whether a command is one that the server refuses whole requests for, or stands on one. What
    /// a former device left parked is handed in on its own: nothing of the new one stands on it.
    pub(super) fn is_parked(&self, record: RecordId, n: u64) -> bool {
        let first = self.first_number();
        let parked = self.state.parked.get(&record);
        parked.is_some_and(|parked| parked.n <= n && (first <= parked.n || n < first))
    }

    /// The records whose parked command is `settled` otherwise: the rest of them goes again.
    pub(super) fn settled_parked(&self, settled: impl Fn(RecordId, u64) -> bool) -> Vec<RecordId> {
        let parked = self.state.parked.iter();
        let settled = parked.filter(|(record, parked)| settled(**record, parked.n));
        settled.map(|(record, _)| *record).collect()
    }
}
