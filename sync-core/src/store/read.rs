//! Reading: only the owner's rows are ever served. A failed read is an error, never an empty list.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::rows::{
    Identity, ListRow, OwnSession, PendingRow, PendingState, PendingSummary, RecordRow, RefusedRow,
    SentRow, StoredChange, SyncState,
};
use super::write::{number_row, owned_row, owned_text, pack_facts, progress_row};
use super::{Store, StoreError};
use crate::model::audience::Audience;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, DeviceId, PersonId, RecordId, SessionId, SiteId};
use crate::model::session::{Origin, SessionRow, SessionRows};
use crate::model::time::{Anchor, BootId, Seen};

/// What is sealed of an identity.
#[derive(serde::Serialize, Deserialize)]
pub(super) struct IdentitySecret {
    pub(super) name: String,
    pub(super) key: [u8; 32],
    pub(super) certificate: String,
    pub(super) installation: [u8; 32],
}

/// What is sealed of a command: facts, and the parameters of a code.
#[derive(serde::Serialize, Deserialize)]
pub(super) struct CommandContent {
    pub(super) facts: Vec<(String, String)>,
    #[serde(default)]
    pub(super) params: BTreeMap<String, String>,
}

fn damaged(table: &'static str, row: impl ToString) -> StoreError {
    StoreError::Damaged { table, row: row.to_string() }
}

fn bytes<const N: usize>(
    row: &SqliteRow,
    column: &str,
    table: &'static str,
) -> Result<[u8; N], StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| damaged(table, column))
}

fn number<T: TryFrom<i64>>(
    row: &SqliteRow,
    column: &str,
    table: &'static str,
) -> Result<T, StoreError> {
    let value: i64 = row.try_get(column)?;
    T::try_from(value).map_err(|_| damaged(table, column))
}

fn deps(row: &SqliteRow, table: &'static str) -> Result<Vec<ChangeHash>, StoreError> {
    let bytes: Vec<u8> = row.try_get("deps")?;
    if bytes.len() % 32 != 0 {
        return Err(damaged(table, "deps"));
    }
    Ok(bytes.chunks_exact(32).map(|c| ChangeHash(c.try_into().expect("32 bytes"))).collect())
}

impl Store {
    fn content(
        &self,
        table: &'static str,
        id: &[u8],
        sealed: &[u8],
    ) -> Result<(Vec<StoredFact>, BTreeMap<String, String>), StoreError> {
        let plain = self.unseal(table, id, sealed)?;
        let wrong = || damaged(table, data_encoding::HEXLOWER.encode(id));
        let content: CommandContent = serde_json::from_slice(&plain).map_err(|_| wrong())?;
        let facts = content.facts.into_iter().map(|(key, json)| {
            key.parse().map(|key| StoredFact { key, json }).map_err(|_| wrong())
        });
        Ok((facts.collect::<Result<_, _>>()?, content.params))
    }

    fn text(&self, table: &'static str, id: &[u8], sealed: &[u8]) -> Result<String, StoreError> {
        let plain = self.unseal(table, id, sealed)?;
        String::from_utf8(plain).map_err(|_| damaged(table, data_encoding::HEXLOWER.encode(id)))
    }

    /// The people enrolled on this device.
    ///
    /// # Errors
    /// If a row does not open.
    pub async fn identities(&self) -> Result<Vec<Identity>, StoreError> {
        let rows = sqlx::query("select person, device, enrolled_wall_ms, sealed from identity order by enrolled_wall_ms, person")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let person: u32 = number(row, "person", "identity")?;
                let id = number_row(u64::from(person));
                let sealed: Vec<u8> = row.try_get("sealed")?;
                let plain = self.unseal("identity", &id, &sealed)?;
                let secret: IdentitySecret =
                    serde_json::from_slice(&plain).map_err(|_| damaged("identity", person))?;
                Ok(Identity {
                    person: PersonId(person),
                    device: DeviceId(number(row, "device", "identity")?),
                    person_name: secret.name,
                    signing_key: secret.key,
                    certificate_json: secret.certificate,
                    installation_key: secret.installation,
                    enrolled_wall_ms: row.try_get("enrolled_wall_ms")?,
                })
            })
            .collect()
    }

    /// Numbers and cursors of a person.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn sync_state(&self, owner: PersonId) -> Result<SyncState, StoreError> {
        let mut state = SyncState::default();
        let row = sqlx::query("select * from progress where owner = ?")
            .bind(owner.0)
            .fetch_optional(&self.pool)
            .await?;
        if let Some(row) = row {
            const T: &str = "progress";
            state.epoch = number(&row, "epoch", T)?;
            state.receipts_after = number(&row, "receipts_after", T)?;
            state.reference_version = number(&row, "reference_version", T)?;
            state.highest_number = number(&row, "highest_number", T)?;
            state.retry_json = row.try_get("retry_json")?;
            state.re_enrol = row.try_get("re_enrol")?;
            let sealed: Option<Vec<u8>> = row.try_get("reference_sealed")?;
            if let Some(sealed) = sealed {
                state.reference_json = Some(self.text(T, &progress_row(owner), &sealed)?);
            }
            let backed_up: (Option<i64>, Option<i64>) =
                (row.try_get("backed_up_epoch")?, row.try_get("backed_up_sequence")?);
            if let (Some(_), Some(_)) = backed_up {
                state.backed_up = Some(Seen {
                    epoch: number(&row, "backed_up_epoch", T)?,
                    sequence: number(&row, "backed_up_sequence", T)?,
                });
            }
        }
        let rows = sqlx::query(
            "select audience, epoch, sequence from cursor where owner = ? order by audience",
        )
        .bind(owner.0)
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let audience: String = row.try_get("audience")?;
            let seen = Seen {
                epoch: number(row, "epoch", "cursor")?,
                sequence: number(row, "sequence", "cursor")?,
            };
            state.cursors.push((audience.parse().map_err(|_| damaged("cursor", &audience))?, seen));
        }
        for row in &sqlx::query("select * from boot_anchor").fetch_all(&self.pool).await? {
            let anchor = Anchor {
                server_ms: row.try_get("server_ms")?,
                monotonic_ms: row.try_get("monotonic_ms")?,
            };
            state.anchors.insert(BootId(bytes(row, "boot", "boot_anchor")?), anchor);
        }
        let rows = sqlx::query("select record from repair where owner = ? order by record")
            .bind(owner.0)
            .fetch_all(&self.pool)
            .await?;
        for row in &rows {
            state.repairs.push(RecordId(bytes(row, "record", "repair")?));
        }
        Ok(state)
    }

    /// Everything the phone has of a record.
    ///
    /// # Errors
    /// If a row does not open: the others are not served without it.
    pub async fn record(
        &self,
        owner: PersonId,
        record: RecordId,
    ) -> Result<Option<RecordRow>, StoreError> {
        let row = sqlx::query(
            "select site, present, attestation from record where owner = ? and record = ?",
        )
        .bind(owner.0)
        .bind(record.0.to_vec())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let attestation: Option<Vec<u8>> = row.try_get("attestation")?;
        let attestation = attestation.map(|a| a.try_into().map_err(|_| damaged("record", record)));
        let audiences = sqlx::query("select audience from pair where owner = ? and record = ?")
            .bind(owner.0)
            .bind(record.0.to_vec())
            .fetch_all(&self.pool)
            .await?;
        let audiences = audiences.iter().map(|row| {
            let text: String = row.try_get("audience")?;
            text.parse::<Audience>().map_err(|_| damaged("pair", text))
        });
        Ok(Some(RecordRow {
            record,
            site: SiteId(number(&row, "site", "record")?),
            present: row.try_get("present")?,
            audiences: audiences.collect::<Result<BTreeSet<_>, _>>()?,
            attestation: attestation.transpose()?,
            accepted: self.accepted(owner, record).await?,
            pending: self.pending(owner, Some(record)).await?,
        }))
    }

    async fn accepted(
        &self,
        owner: PersonId,
        record: RecordId,
    ) -> Result<Vec<StoredChange>, StoreError> {
        let rows = sqlx::query("select hash, actor, seq, start_op, deps, sealed from accepted where owner = ? and record = ? order by position")
            .bind(owner.0)
            .bind(record.0.to_vec())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                self.change(row, "accepted", |hash| owned_text(owner, hash))
                    .map(|(change, _)| change)
            })
            .collect()
    }

    /// A change's columns and its sealed content.
    fn change(
        &self,
        row: &SqliteRow,
        table: &'static str,
        id: impl Fn(&ChangeHash) -> Vec<u8>,
    ) -> Result<(StoredChange, BTreeMap<String, String>), StoreError> {
        let hash = ChangeHash(bytes(row, "hash", table)?);
        let sealed: Vec<u8> = row.try_get("sealed")?;
        let (facts, params) = self.content(table, &id(&hash), &sealed)?;
        let change = StoredChange {
            actor: SessionId(bytes(row, "actor", table)?),
            seq: number(row, "seq", table)?,
            start_op: number(row, "start_op", table)?,
            deps: deps(row, table)?,
            hash,
            facts,
        };
        Ok((change, params))
    }

    /// Pending commands, of one record or of all, by number.
    ///
    /// # Errors
    /// If a row does not open.
    pub async fn pending(
        &self,
        owner: PersonId,
        record: Option<RecordId>,
    ) -> Result<Vec<PendingRow>, StoreError> {
        let rows = match record {
            Some(record) => {
                sqlx::query("select * from pending where owner = ? and record = ? order by n")
                    .bind(owner.0)
                    .bind(record.0.to_vec())
                    .fetch_all(&self.pool)
                    .await?
            }
            None => {
                sqlx::query("select * from pending where owner = ? order by n")
                    .bind(owner.0)
                    .fetch_all(&self.pool)
                    .await?
            }
        };
        rows.iter()
            .map(|row| {
                const T: &str = "pending";
                let n: u64 = number(row, "n", T)?;
                let (change, params) = self.change(row, T, |_| owned_row(owner, n))?;
                let state: String = row.try_get("state")?;
                Ok(PendingRow {
                    n,
                    record: RecordId(bytes(row, "record", T)?),
                    saved_wall_ms: row.try_get("saved_wall_ms")?,
                    state: PendingState::from_code(&state).ok_or_else(|| damaged(T, n))?,
                    code: row.try_get("code")?,
                    params,
                    change,
                })
            })
            .collect()
    }

    /// Pending commands without their content.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn pending_summary(
        &self,
        owner: PersonId,
    ) -> Result<Vec<PendingSummary>, StoreError> {
        let rows = sqlx::query(
            "select n, record, saved_wall_ms, state, bytes from pending where owner = ? order by n",
        )
        .bind(owner.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                const T: &str = "pending";
                let state: String = row.try_get("state")?;
                Ok(PendingSummary {
                    n: number(row, "n", T)?,
                    record: RecordId(bytes(row, "record", T)?),
                    saved_wall_ms: row.try_get("saved_wall_ms")?,
                    state: PendingState::from_code(&state).ok_or_else(|| damaged(T, "state"))?,
                    bytes: number(row, "bytes", T)?,
                })
            })
            .collect()
    }

    /// Refused commands, by number.
    ///
    /// # Errors
    /// If a row does not open.
    pub async fn refused(&self, owner: PersonId) -> Result<Vec<RefusedRow>, StoreError> {
        let rows = sqlx::query("select * from refused where owner = ? order by n")
            .bind(owner.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                const T: &str = "refused";
                let n: u64 = number(row, "n", T)?;
                let sealed: Vec<u8> = row.try_get("sealed")?;
                let (facts, params) = self.content(T, &owned_row(owner, n), &sealed)?;
                Ok(RefusedRow {
                    n,
                    record: RecordId(bytes(row, "record", T)?),
                    facts,
                    code: row.try_get("code")?,
                    params,
                    refused_wall_ms: row.try_get("refused_wall_ms")?,
                })
            })
            .collect()
    }

    /// Own commands that were accepted and are not backed up yet.
    ///
    /// # Errors
    /// If a row does not open.
    pub async fn sent(&self, owner: PersonId) -> Result<Vec<SentRow>, StoreError> {
        let rows = sqlx::query("select * from sent where owner = ? order by n")
            .bind(owner.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                const T: &str = "sent";
                let n: u64 = number(row, "n", T)?;
                let sealed: Vec<u8> = row.try_get("sealed")?;
                let (facts, _) = self.content(T, &owned_row(owner, n), &sealed)?;
                let accepted_at =
                    Seen { epoch: number(row, "epoch", T)?, sequence: number(row, "sequence", T)? };
                Ok(SentRow { n, record: RecordId(bytes(row, "record", T)?), facts, accepted_at })
            })
            .collect()
    }

    /// The list rows, for the list that is kept in memory.
    ///
    /// # Errors
    /// If a row does not open.
    pub async fn list(&self, owner: PersonId) -> Result<Vec<ListRow>, StoreError> {
        let rows = sqlx::query("select record, sealed from list where owner = ? order by record")
            .bind(owner.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let record = RecordId(bytes(row, "record", "list")?);
                let sealed: Vec<u8> = row.try_get("sealed")?;
                let json = self.text("list", &owned_text(owner, &record.0), &sealed)?;
                Ok(ListRow { record, json })
            })
            .collect()
    }

    /// The rows of sessions that others opened, and of own ones as the server serves them.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn sessions(&self, ids: &[SessionId]) -> Result<SessionRows, StoreError> {
        let mut found = SessionRows::new();
        for id in ids {
            let row = sqlx::query("select * from session where session = ? and device is not null")
                .bind(id.0.to_vec())
                .fetch_optional(&self.pool)
                .await?;
            if let Some(row) = row {
                found.insert(*id, session_row(&row)?);
            }
        }
        Ok(found)
    }

    /// A person's own sessions on this device, in the order they were opened.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn own_sessions(&self, owner: PersonId) -> Result<Vec<OwnSession>, StoreError> {
        let rows =
            sqlx::query("select * from session where person = ? and device is null order by rowid")
                .bind(owner.0)
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| {
                const T: &str = "session";
                Ok(OwnSession {
                    session: SessionId(bytes(row, "session", T)?),
                    person: owner,
                    boot: BootId(bytes(row, "boot", T)?),
                    opened_wall_ms: row.try_get("opened_wall_ms")?,
                    opened_monotonic_ms: row.try_get("opened_monotonic_ms")?,
                    registered: row.try_get("registered")?,
                })
            })
            .collect()
    }
}

fn session_row(row: &SqliteRow) -> Result<SessionRow, StoreError> {
    const T: &str = "session";
    let anchor: (Option<i64>, Option<i64>) =
        (row.try_get("anchor_server_ms")?, row.try_get("anchor_monotonic_ms")?);
    let office: bool = row.try_get("office")?;
    Ok(SessionRow {
        session: SessionId(bytes(row, "session", T)?),
        person: PersonId(number(row, "person", T)?),
        device: DeviceId(number(row, "device", T)?),
        origin: if office { Origin::Office } else { Origin::Phone },
        boot: BootId(bytes(row, "boot", T)?),
        opened_wall_ms: row.try_get("opened_wall_ms")?,
        opened_monotonic_ms: row.try_get("opened_monotonic_ms")?,
        anchor: match anchor {
            (Some(server_ms), Some(monotonic_ms)) => Some(Anchor { server_ms, monotonic_ms }),
            _ => None,
        },
    })
}

/// The sealed form of a command's content.
pub(super) fn seal_content(facts: &[StoredFact], params: &BTreeMap<String, String>) -> Vec<u8> {
    let content = CommandContent { facts: pack_facts(facts), params: params.clone() };
    serde_json::to_vec(&content).expect("texts are JSON")
}
