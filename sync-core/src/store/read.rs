//! What the store answers. A row that does not decode is named as damaged, never left out: a
//! failed read is not an empty list.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::column::Columns;
use super::content::{Attested, Command, CommandParts, Secrets};
use super::row::{
    ChangeHeader, Identity, ListRow, LostRow, OwnSession, Parked, PendingRow, PendingState,
    PendingSummary, RecordRow, RefusedRow, SentRow, StoredChange, SyncState,
};
use super::seal::{OVERHEAD_BYTES, Sealer};
use super::statement::Statement;
use super::{Store, StoreError};
use crate::model::id::{DeviceId, PersonId, RecordId, SessionId, SiteId};
use crate::model::session::{Origin, SessionRow, SessionRows};
use crate::model::time::{Anchor, BootId, Seen};

/// Everyone's identities and sessions, and the rows of one owner. No call serves another
/// person's rows.
impl Store {
    /// Who is enrolled on this device.
    ///
    /// # Errors
    /// If a row is damaged or the database fails.
    pub async fn identities(&self) -> Result<Vec<Identity>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let select = "select *, cast(person as text) as name from identity order by person";
        let rows = fetch(connection, Statement::new(select)).await?;
        rows.iter().map(|row| identity(&Columns::new("identity", row), sealer)).collect()
    }

    /// How far the owner's sync has come; the default before the first contact. Answers and parked
    /// commands whose rows do not read are left out.
    ///
    /// # Errors
    /// If another row is damaged or the database fails.
    pub async fn sync_state(&self, owner: PersonId) -> Result<SyncState, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let mut state = SyncState::default();
        for row in fetch(connection, of_owner(PROGRESS, owner)).await? {
            let columns = Columns::new("progress", &row);
            state.epoch = columns.number("epoch")?;
            state.receipts_after = columns.number("receipts_after")?;
            state.highest_number = columns.number("highest_number")?;
            state.backed_up = columns.optional_seen("backed_up_epoch", "backed_up_sequence")?;
            state.re_enrol = columns.flag("re_enrol")?;
        }
        for row in fetch(connection, of_owner(CURSORS, owner)).await? {
            let columns = Columns::new("cursor", &row);
            let seen = columns.seen("epoch", "sequence")?;
            state.cursors.push((columns.text("audience")?, seen));
        }
        for row in fetch(connection, of_owner(REFERENCE, owner)).await? {
            let columns = Columns::new("reference", &row);
            state.reference_version = columns.number("version")?;
            state.reference_json = Some(columns.content(sealer)?);
        }
        for row in fetch(connection, of_owner(RETRY, owner)).await? {
            state.retry_json = Some(Columns::new("retry", &row).content(sealer)?);
        }
        for row in fetch(connection, of_owner(REPAIRS, owner)).await? {
            state.repairs.push(Columns::new("repair", &row).text("record")?);
        }
        for row in fetch(connection, of_owner(PARKED, owner)).await? {
            let columns = Columns::new("parked", &row);
            // What does not read is left out: the search finds it again. R0.32.
            if let Some((record, row)) = readable(parked(&columns))? {
                state.parked.insert(record, row);
            }
        }
        for row in fetch(connection, of_owner(CASE_ANSWERS, owner)).await? {
            let columns = Columns::new("case_answer", &row);
            let answer = columns.number("question").and_then(|n| Ok((n, columns.content(sealer)?)));
            // What does not read is kept, and keeps no phone from opening.
            state.case_answers.extend(readable(answer)?);
        }
        state.anchors = anchors(connection).await?;
        Ok(state)
    }

    /// The owner's signing that has not ended, as it was put.
    ///
    /// # Errors
    /// If the row is damaged or the database fails.
    pub async fn signing(&self, owner: PersonId) -> Result<Option<String>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let rows = fetch(connection, of_owner(SIGNING, owner)).await?;
        rows.first().map(|row| Columns::new("signing", row).content(sealer)).transpose()
    }

    /// The ids of the owner's records, from columns in the clear.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn records(&self, owner: PersonId) -> Result<Vec<RecordId>, StoreError> {
        let mut inner = self.lock().await?;
        let rows = fetch(inner.parts().0, of_owner(RECORDS, owner)).await?;
        rows.iter().map(|row| Columns::new("record", row).text("record")).collect()
    }

    /// One record with its accepted changes and its pending commands; `None` if the owner has
    /// no such record.
    ///
    /// # Errors
    /// If one of its rows is damaged or the database fails.
    pub async fn record(
        &self,
        owner: PersonId,
        record: RecordId,
    ) -> Result<Option<RecordRow>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let rows = fetch(connection, of_record(RECORD, owner, record)).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let columns = Columns::new("record", row);
        let mut audiences = BTreeSet::new();
        for row in fetch(connection, of_record(PAIRS, owner, record)).await? {
            audiences.insert(Columns::new("pair", &row).text("audience")?);
        }
        let accepted = fetch(connection, of_record(ACCEPTED, owner, record)).await?;
        Ok(Some(RecordRow {
            record,
            site: SiteId(columns.number("site")?),
            present: columns.flag("present")?,
            audiences,
            attestation: columns.content::<Attested>(sealer)?.attestation,
            accepted: accepted
                .iter()
                .map(|row| change(&Columns::new("accepted", row), sealer))
                .collect::<Result<_, _>>()?,
            pending: pending_of(connection, sealer, owner, record).await?,
            parked: columns.optional_text("parked")?,
        }))
    }

    /// The owner's pending commands by number, of all records or of one. One damaged row fails
    /// its record only, if asked for record by record.
    ///
    /// # Errors
    /// If one of the rows is damaged or the database fails.
    pub async fn pending(
        &self,
        owner: PersonId,
        record: Option<RecordId>,
    ) -> Result<Vec<PendingRow>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        if let Some(record) = record {
            return pending_of(connection, sealer, owner, record).await;
        }
        let rows = fetch(connection, of_owner(PENDING, owner)).await?;
        rows.iter().map(|row| pending(&Columns::new("pending", row), sealer)).collect()
    }

    /// One pending command; `None` if there is none of that number.
    ///
    /// # Errors
    /// If its row is damaged or the database fails.
    pub async fn pending_command(
        &self,
        owner: PersonId,
        n: u64,
    ) -> Result<Option<PendingRow>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let select = of_owner(PENDING_COMMAND, owner).number(n)?;
        let rows = fetch(connection, select).await?;
        let row = rows.first().map(|row| pending(&Columns::new("pending", row), sealer));
        row.transpose()
    }

    /// The owner's pending commands by number, and the numbers of those whose rows do not read.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn pending_apart(
        &self,
        owner: PersonId,
    ) -> Result<(Vec<PendingRow>, Vec<u64>), StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let (mut sound, mut damaged) = (Vec::new(), Vec::new());
        for row in fetch(connection, of_owner(PENDING, owner)).await? {
            let columns = Columns::new("pending", &row);
            match pending(&columns, sealer) {
                Ok(row) => sound.push(row),
                Err(StoreError::Damaged { .. }) => damaged.push(columns.number("n")?),
                Err(error) => return Err(error),
            }
        }
        Ok((sound, damaged))
    }

    /// The owner's commands that are lost, by number.
    ///
    /// # Errors
    /// If a row is damaged or the database fails.
    pub async fn lost(&self, owner: PersonId) -> Result<Vec<LostRow>, StoreError> {
        let mut inner = self.lock().await?;
        let rows = fetch(inner.parts().0, of_owner(LOST, owner)).await?;
        rows.iter().map(|row| lost(&Columns::new("lost", row))).collect()
    }

    /// The code and the key of an enrolment whose answer has not come, as they were put.
    ///
    /// # Errors
    /// If the row is damaged or the database fails.
    pub async fn enrolling(&self) -> Result<Option<String>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let rows = fetch(connection, Statement::new(ENROLLING)).await?;
        rows.first().map(|row| Columns::new("enrolling", row).content(sealer)).transpose()
    }

    /// What can be said of the owner's pending commands without opening any, by number.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn pending_summary(
        &self,
        owner: PersonId,
    ) -> Result<Vec<PendingSummary>, StoreError> {
        let mut inner = self.lock().await?;
        let rows = fetch(inner.parts().0, of_owner(PENDING_SUMMARY, owner)).await?;
        rows.iter().map(|row| summary(&Columns::new("pending", row))).collect()
    }

    /// The owner's list, to be held in memory after opening.
    ///
    /// # Errors
    /// If a row is damaged (it can be rebuilt from its record) or the database fails.
    pub async fn list(&self, owner: PersonId) -> Result<Vec<ListRow>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let rows = fetch(connection, of_owner(LIST, owner)).await?;
        rows.iter()
            .map(|row| {
                let columns = Columns::new("list", row);
                Ok(ListRow { record: columns.text("record")?, json: columns.content(sealer)? })
            })
            .collect()
    }

    /// The owner's refused commands, by number.
    ///
    /// # Errors
    /// If a row is damaged or the database fails.
    pub async fn refused(&self, owner: PersonId) -> Result<Vec<RefusedRow>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let rows = fetch(connection, of_owner(REFUSED, owner)).await?;
        rows.iter().map(|row| refused(&Columns::new("refused", row), sealer)).collect()
    }

    /// The same, also where rows are damaged: one whose content does not open comes without facts
    /// and parameters; the numbers of those that do not read at all stand beside.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn refused_apart(
        &self,
        owner: PersonId,
    ) -> Result<(Vec<RefusedRow>, Vec<u64>), StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let (mut rows, mut damaged) = (Vec::new(), Vec::new());
        for row in fetch(connection, of_owner(REFUSED, owner)).await? {
            let columns = Columns::new("refused", &row);
            let read = match refused(&columns, sealer) {
                Err(StoreError::Damaged { .. }) => {
                    refused_of(&columns, Command::new(&[]).into_parts())
                }
                other => other,
            };
            match readable(read)? {
                Some(row) => rows.push(row),
                None => damaged.push(columns.number("n")?),
            }
        }
        Ok((rows, damaged))
    }

    /// The owner's accepted work that no backup has yet, by number.
    ///
    /// # Errors
    /// If a row is damaged or the database fails.
    pub async fn sent(&self, owner: PersonId) -> Result<Vec<SentRow>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let rows = fetch(connection, of_owner(SENT, owner)).await?;
        rows.iter().map(|row| sent(&Columns::new("sent", row), sealer)).collect()
    }

    /// Those of `ids` that the server has served; the device's own unserved ones are not among
    /// them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sessions(&self, ids: &[SessionId]) -> Result<SessionRows, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, _) = inner.parts();
        let mut sessions = SessionRows::new();
        for id in ids {
            let select = Statement::new(SESSION).bind(id.to_string());
            for row in fetch(connection, select).await? {
                sessions.insert(*id, session(*id, &Columns::new("session", &row))?);
            }
        }
        Ok(sessions)
    }

    /// The sessions the owner opened on this device, in the order of opening.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn own_sessions(&self, owner: PersonId) -> Result<Vec<OwnSession>, StoreError> {
        let mut inner = self.lock().await?;
        let rows = fetch(inner.parts().0, of_owner(OWN_SESSIONS, owner)).await?;
        rows.iter().map(|row| own_session(&Columns::new("own_session", row))).collect()
    }
}

/// None, with a warning, where the row is damaged.
fn readable<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(StoreError::Damaged { table, row }) => {
            tracing::warn!(table, row, "a damaged row");
            Ok(None)
        }
        other => other.map(Some),
    }
}

pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    statement: Statement,
) -> Result<Vec<SqliteRow>, StoreError> {
    Ok(sqlx::query_with(statement.sql, statement.arguments).fetch_all(connection).await?)
}

fn of_owner(select: &'static str, owner: PersonId) -> Statement {
    Statement::new(select).bind(owner.0)
}

fn of_record(select: &'static str, owner: PersonId, record: RecordId) -> Statement {
    of_owner(select, owner).bind(record.to_string())
}

async fn anchors(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<BootId, Anchor>, StoreError> {
    let mut anchors = BTreeMap::new();
    for row in fetch(connection, Statement::new(ANCHORS)).await? {
        let columns = Columns::new("anchor", &row);
        let anchor = Anchor {
            server_ms: columns.time("server_ms")?,
            monotonic_ms: columns.time("monotonic_ms")?,
        };
        anchors.insert(BootId(columns.bytes("boot")?), anchor);
    }
    Ok(anchors)
}

async fn pending_of(
    connection: &mut SqliteConnection,
    sealer: &Sealer,
    owner: PersonId,
    record: RecordId,
) -> Result<Vec<PendingRow>, StoreError> {
    let rows = fetch(connection, of_record(PENDING_OF_RECORD, owner, record)).await?;
    rows.iter().map(|row| pending(&Columns::new("pending", row), sealer)).collect()
}

fn identity(columns: &Columns<'_>, sealer: &Sealer) -> Result<Identity, StoreError> {
    let secrets: Secrets = columns.content(sealer)?;
    Ok(Identity {
        person: PersonId(columns.number("person")?),
        device: DeviceId(columns.number("device")?),
        person_name: secrets.person_name.clone(),
        signing_key: secrets.signing_key.into(),
        certificate_json: secrets.certificate_json.clone(),
        installation_key: secrets.installation_key,
        enrolled_wall_ms: columns.time("enrolled_wall_ms")?,
        first_number: columns.number("first_number")?,
        account_from: columns.number("account_from")?,
    })
}

fn own_session(columns: &Columns<'_>) -> Result<OwnSession, StoreError> {
    Ok(OwnSession {
        session: columns.text("session")?,
        person: PersonId(columns.number("person")?),
        device: DeviceId(columns.number("device")?),
        boot: BootId(columns.bytes("boot")?),
        opened_wall_ms: columns.time("opened_wall_ms")?,
        opened_monotonic_ms: columns.time("opened_monotonic_ms")?,
        registered: columns.flag("registered")?,
    })
}

fn session(id: SessionId, columns: &Columns<'_>) -> Result<SessionRow, StoreError> {
    let server_ms = columns.optional_time("anchor_server_ms")?;
    let monotonic_ms = columns.optional_time("anchor_monotonic_ms")?;
    let origin: String = columns.text("origin")?;
    Ok(SessionRow {
        session: id,
        person: PersonId(columns.number("person")?),
        device: DeviceId(columns.number("device")?),
        origin: if origin == "office" { Origin::Office } else { Origin::Phone },
        boot: BootId(columns.bytes("boot")?),
        opened_wall_ms: columns.time("opened_wall_ms")?,
        opened_monotonic_ms: columns.time("opened_monotonic_ms")?,
        anchor: server_ms
            .zip(monotonic_ms)
            .map(|(server_ms, monotonic_ms)| Anchor { server_ms, monotonic_ms }),
    })
}

fn change(columns: &Columns<'_>, sealer: &Sealer) -> Result<StoredChange, StoreError> {
    let parts = columns.content::<Command>(sealer)?.into_parts();
    let parts = parts.ok_or_else(|| columns.damaged())?;
    Ok(header(columns, parts.deps)?.with_facts(parts.facts))
}

fn header(
    columns: &Columns<'_>,
    deps: Vec<crate::model::id::ChangeHash>,
) -> Result<ChangeHeader, StoreError> {
    Ok(ChangeHeader {
        actor: columns.text("actor")?,
        seq: columns.number("seq")?,
        start_op: columns.number("start_op")?,
        deps,
        hash: crate::model::id::ChangeHash(columns.bytes("hash")?),
    })
}

fn state(columns: &Columns<'_>) -> Result<PendingState, StoreError> {
    let code: String = columns.text("state")?;
    PendingState::from_code(&code).ok_or_else(|| columns.damaged())
}

fn pending(columns: &Columns<'_>, sealer: &Sealer) -> Result<PendingRow, StoreError> {
    let parts = columns.content::<Command>(sealer)?.into_parts();
    let parts = parts.ok_or_else(|| columns.damaged())?;
    Ok(PendingRow {
        n: columns.number("n")?,
        record: columns.text("record")?,
        facts: parts.facts,
        saved_wall_ms: columns.time("saved_wall_ms")?,
        state: state(columns)?,
        code: columns.optional_text("code")?,
        params: parts.params,
        change: header(columns, parts.deps)?,
    })
}

fn summary(columns: &Columns<'_>) -> Result<PendingSummary, StoreError> {
    let sealed_bytes: u64 = columns.number("sealed_bytes")?;
    Ok(PendingSummary {
        n: columns.number("n")?,
        record: columns.text("record")?,
        saved_wall_ms: columns.time("saved_wall_ms")?,
        state: state(columns)?,
        bytes: sealed_bytes.saturating_sub(OVERHEAD_BYTES as u64),
    })
}

fn lost(columns: &Columns<'_>) -> Result<LostRow, StoreError> {
    Ok(LostRow {
        n: columns.number("n")?,
        // It stood in a row that was damaged itself.
        record: columns.text("record").ok(),
        saved_wall_ms: columns.optional_time("saved_wall_ms").unwrap_or_default(),
        // As for the rows they were: a state that is none is taken for unsent.
        state: state(columns).unwrap_or(PendingState::Unsent),
        code: columns.text("code")?,
        found_wall_ms: columns.time("found_wall_ms")?,
    })
}

fn parked(columns: &Columns<'_>) -> Result<(RecordId, Parked), StoreError> {
    let (code, app_version) = (columns.text("code")?, columns.text("app_version")?);
    Ok((columns.text("record")?, Parked { n: columns.number("n")?, code, app_version }))
}

fn refused(columns: &Columns<'_>, sealer: &Sealer) -> Result<RefusedRow, StoreError> {
    refused_of(columns, columns.content::<Command>(sealer)?.into_parts())
}

fn refused_of(
    columns: &Columns<'_>,
    parts: Option<CommandParts>,
) -> Result<RefusedRow, StoreError> {
    let parts = parts.ok_or_else(|| columns.damaged())?;
    Ok(RefusedRow {
        n: columns.number("n")?,
        record: columns.text("record")?,
        facts: parts.facts,
        code: columns.text("code")?,
        params: parts.params,
        refused_wall_ms: columns.time("refused_wall_ms")?,
    })
}

fn sent(columns: &Columns<'_>, sealer: &Sealer) -> Result<SentRow, StoreError> {
    let parts = columns.content::<Command>(sealer)?.into_parts();
    let accepted_at: Seen = columns.seen("accepted_epoch", "accepted_sequence")?;
    Ok(SentRow {
        n: columns.number("n")?,
        record: columns.text("record")?,
        facts: parts.ok_or_else(|| columns.damaged())?.facts,
        accepted_at,
    })
}

// Every select of a sealed table names its rows in `name`, as `statement` names them when sealing.

const PROGRESS: &str = "select *, cast(owner as text) as name from progress where owner = ?";
const CURSORS: &str =
    "select *, owner || '/' || audience as name from cursor where owner = ? order by audience";
const REFERENCE: &str = "select *, cast(owner as text) as name from reference where owner = ?";
const RETRY: &str = "select *, cast(owner as text) as name from retry where owner = ?";
const SIGNING: &str = "select *, owner || '/' || record as name from signing where owner = ?";
const PARKED: &str =
    "select *, owner || '/' || record as name from parked where owner = ? order by record";
const CASE_ANSWERS: &str = "select *, owner || '/' || question as name from case_answer \
     where owner = ? order by question";
const REPAIRS: &str =
    "select *, owner || '/' || record as name from repair where owner = ? order by record";
const ANCHORS: &str = "select *, lower(hex(boot)) as name from anchor";
const RECORDS: &str = "select owner, record, owner || '/' || record as name from record \
     where owner = ? order by record";
const RECORD: &str =
    "select *, owner || '/' || record as name from record where owner = ? and record = ?";
const PAIRS: &str = "select *, owner || '/' || record || '/' || audience as name from pair \
     where owner = ? and record = ?";
const ACCEPTED: &str = "select *, owner || '/' || record || '/' || lower(hex(hash)) as name \
     from accepted where owner = ? and record = ? order by position";
const PENDING: &str =
    "select *, owner || '/' || record || '/' || n as name from pending where owner = ? order by n";
const PENDING_COMMAND: &str = "select *, owner || '/' || record || '/' || n as name from pending \
     where owner = ? and n = ?";
const PENDING_OF_RECORD: &str = "select *, owner || '/' || record || '/' || n as name from pending \
     where owner = ? and record = ? order by n";
const PENDING_SUMMARY: &str = "select n, record, saved_wall_ms, state, length(sealed) as sealed_bytes, \
     owner || '/' || record || '/' || n as name from pending where owner = ? order by n";
const LOST: &str = "select *, owner || '/' || n as name from lost where owner = ? order by n";
const ENROLLING: &str = "select *, cast(id as text) as name from enrolling";
const LIST: &str =
    "select *, owner || '/' || record as name from list where owner = ? order by record";
const REFUSED: &str =
    "select *, owner || '/' || record || '/' || n as name from refused where owner = ? order by n";
const SENT: &str =
    "select *, owner || '/' || record || '/' || n as name from sent where owner = ? order by n";
const SESSION: &str = "select *, session as name from session where session = ?";
const OWN_SESSIONS: &str =
    "select *, session as name from own_session where person = ? order by position";
