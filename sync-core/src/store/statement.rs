//! A write as SQL: its values sealed and bound before the transaction begins, so that inside it
//! nothing but SQLite can fail. One statement a write; adjacent accepted changes share one.

use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, SqlStr, Type};

use super::StoreError;
use super::content::{Attested, Command, Content as _, Secrets};
use super::row::{
    HandOverId, Identity, OwnSession, Parked, PendingRow, PendingState, RefusedRow, SentRow,
    StoredChange,
};
use super::seal::Sealer;
use super::write::StoreWrite;
use crate::model::id::{ChangeHash, PersonId, RecordId};
use crate::model::session::{Origin, SessionRow};
use crate::model::time::{Anchor, BootId, Seen};

/// A statement ready to run.
pub(super) struct Statement {
    pub(super) sql: SqlStr,
    pub(super) arguments: SqliteArguments,
}

/// Rows of one insert of accepted changes, largest first. Few sizes, so that the statement cache
/// holds them all.
const ACCEPTED_BATCHES: [usize; 4] = [64, 16, 4, 1];

/// The statements of `writes`, in their order.
pub(super) fn statements(
    sealer: &Sealer,
    writes: &[StoreWrite],
) -> Result<Vec<Statement>, StoreError> {
    let mut statements = Vec::with_capacity(writes.len());
    let mut rest = writes;
    while let Some((first, others)) = rest.split_first() {
        if let Some(several) = several(first)? {
            statements.extend(several);
            rest = others;
            continue;
        }
        let run: Vec<Accepted<'_>> = rest.iter().map_while(Accepted::of).collect();
        if run.is_empty() {
            statements.push(statement(sealer, first)?);
            rest = others;
            continue;
        }
        let largest = ACCEPTED_BATCHES.into_iter().find(|size| *size <= run.len()).unwrap_or(1);
        statements.push(insert_accepted(sealer, &run[..largest])?);
        rest = &rest[largest..];
    }
    Ok(statements)
}

/// The statements of a write that is not one.
fn several(write: &StoreWrite) -> Result<Option<Vec<Statement>>, StoreError> {
    let all_of = |owner: PersonId, all: &[&'static str]| {
        all.iter().map(|sql| Statement::new(*sql).bind(owner.0)).collect()
    };
    Ok(match write {
        StoreWrite::ForgetOwner(owner) => Some(all_of(*owner, &FORGET_OWNER)),
        StoreWrite::ForgetFetched(owner) => Some(all_of(*owner, &FORGET_FETCHED)),
        StoreWrite::ParkPending { owner, n, found_wall_ms } => {
            let park = Statement::new(PARK_PENDING).bind(*found_wall_ms).bind(owner.0);
            let delete = Statement::new(DELETE_PENDING).bind(owner.0);
            Some(vec![park.number(*n)?, delete.number(*n)?])
        }
        _ => None,
    })
}

fn statement(sealer: &Sealer, write: &StoreWrite) -> Result<Statement, StoreError> {
    use StoreWrite as W;
    let owned = |sql: &'static str, owner: &PersonId| Statement::new(sql).bind(owner.0);
    Ok(match write {
        W::PutIdentity(identity) => put_identity(sealer, identity)?,
        W::PutHandOver { id, message } => put_hand_over(sealer, *id, message)?,
        W::PutHandOverTold { id, told } => put_hand_over_told(*id, told)?,
        W::DeleteHandOver(id) => Statement::new(DELETE_HAND_OVER).hand_over(*id)?,
        W::PutSession(session) => put_session(session),
        W::SessionRegistered(session) => Statement::new(REGISTERED).bind(session.to_string()),
        W::PutForeignSession(row) => put_foreign_session(row),
        W::PutAnchor { boot, anchor } => put_anchor(*boot, *anchor),
        W::PutRecord { .. } => put_record(sealer, write),
        W::ForgetOwner(_) | W::ForgetFetched(_) | W::ParkPending { .. } => aside(sealer, write)?,
        W::PutLostState { .. } | W::DeleteLost { .. } => aside(sealer, write)?,
        W::PutEnrolling { .. } | W::DeleteEnrolling => aside(sealer, write)?,
        W::InsertAccepted { owner, record, change } => {
            insert_accepted(sealer, &[Accepted { owner: *owner, record: *record, change }])?
        }
        W::DeleteAccepted { owner, record, hash } => {
            owned(DELETE_ACCEPTED, owner).record(record).bind(hash.0.to_vec())
        }
        W::DeleteAllAccepted { owner, record } => owned(DELETE_ALL_ACCEPTED, owner).record(record),
        W::DeleteRecord { owner, record } => owned(DELETE_RECORD, owner).record(record),
        W::DeletePairs { owner, record } => owned(DELETE_PAIRS, owner).record(record),
        W::DeleteSent { owner, record } => owned(DELETE_SENT_OF_RECORD, owner).record(record),
        W::PutPair { owner, record, audience } => {
            owned(PUT_PAIR, owner).record(record).bind(audience.to_string())
        }
        W::DeletePair { owner, record, audience } => {
            owned(DELETE_PAIR, owner).record(record).bind(audience.to_string())
        }
        W::PutPending { owner, row } => put_pending(sealer, *owner, row)?,
        W::PutPendingState { owner, from, to, state, code } => {
            put_pending_state(*state, code, *owner).number(*from)?.number(*to)?
        }
        W::DeletePending { owner, n } => owned(DELETE_PENDING, owner).number(*n)?,
        W::PutRefused { owner, row } => put_refused(sealer, *owner, row)?,
        W::DeleteRefused { owner, n } => owned(DELETE_REFUSED, owner).number(*n)?,
        W::PutSent { owner, row } => put_sent(sealer, *owner, row)?,
        W::DeleteSentUpTo { owner, seen } => owned(DELETE_SENT, owner).seen(*seen)?,
        W::PutHighestNumber { owner, n } => owned(PUT_HIGHEST_NUMBER, owner).number(*n)?,
        W::PutCursor { owner, audience, seen } => {
            owned(PUT_CURSOR, owner).bind(audience.to_string()).seen(*seen)?
        }
        W::DeleteCursor { owner, audience } => {
            owned(DELETE_CURSOR, owner).bind(audience.to_string())
        }
        W::PutReceiptsAfter { owner, receipts_after } => {
            owned(PUT_RECEIPTS_AFTER, owner).number(*receipts_after)?
        }
        W::PutReference { owner, version, json } => put_reference(sealer, *owner, *version, json)?,
        W::PutEpoch { owner, epoch } => owned(PUT_EPOCH, owner).bind(*epoch),
        W::PutBackedUp { owner, seen: Some(seen) } => owned(PUT_BACKED_UP, owner).seen(*seen)?,
        W::PutBackedUp { owner, seen: None } => owned(CLEAR_BACKED_UP, owner),
        W::PutRetry { owner, json: Some(json) } => put_retry(sealer, *owner, json),
        W::PutRetry { owner, json: None } => owned(DELETE_RETRY, owner),
        W::PutList { owner, record, json } => put_text(sealer, LIST, (*owner, *record), json),
        W::DeleteList { owner, record } => owned(DELETE_LIST, owner).record(record),
        W::PutRepair { owner, record } => owned(PUT_REPAIR, owner).record(record),
        W::DeleteRepair { owner, record } => owned(DELETE_REPAIR, owner).record(record),
        W::PutSigning { owner, record, json } => put_text(sealer, SIGNING, (*owner, *record), json),
        W::DeleteSigning { owner, record } => owned(DELETE_SIGNING, owner).record(record),
        W::PutReEnrol { owner, re_enrol } => owned(PUT_RE_ENROL, owner).bind(*re_enrol),
        W::PutParked { owner, record, parked } => put_parked(*owner, record, parked)?,
        W::DeleteParked { owner, record } => owned(DELETE_PARKED, owner).record(record),
        W::PutCaseAnswer { owner, question, text } => put_answer(sealer, *owner, *question, text)?,
        W::DeleteCaseAnswer { owner, question } => owned(DELETE_ANSWER, owner).number(*question)?,
    })
}

fn put_reference(
    sealer: &Sealer,
    owner: PersonId,
    version: u64,
    json: &str,
) -> Result<Statement, StoreError> {
    let sealed = sealer.seal("reference", &owner.to_string(), json.as_bytes());
    Ok(Statement::new(PUT_REFERENCE).bind(owner.0).number(version)?.bind(sealed))
}

fn put_retry(sealer: &Sealer, owner: PersonId, json: &str) -> Statement {
    let sealed = sealer.seal("retry", &owner.to_string(), json.as_bytes());
    Statement::new(PUT_RETRY).bind(owner.0).bind(sealed)
}

fn put_parked(
    owner: PersonId,
    record: &RecordId,
    parked: &Parked,
) -> Result<Statement, StoreError> {
    let Parked { n, code, app_version } = parked.clone();
    let put = Statement::new(PUT_PARKED).bind(owner.0).record(record).number(n)?;
    Ok(put.bind(code).bind(app_version))
}

fn put_answer(
    sealer: &Sealer,
    owner: PersonId,
    question: u64,
    text: &str,
) -> Result<Statement, StoreError> {
    let sealed = sealer.seal("case_answer", &format!("{owner}/{question}"), text.as_bytes());
    Ok(Statement::new(PUT_CASE_ANSWER).bind(owner.0).number(question)?.bind(sealed))
}

fn put_record(sealer: &Sealer, write: &StoreWrite) -> Statement {
    let StoreWrite::PutRecord { owner, record, site, present, attestation, parked } = write else {
        return Statement::new("select 1");
    };
    let put = Statement::new(PUT_RECORD).bind(owner.0).record(record).bind(site.0);
    let put = put.bind(*present).bind(parked.clone());
    put.bind(sealed_record(sealer, *owner, *record, *attestation))
}

/// Lost commands, and an enrolment under way.
fn aside(sealer: &Sealer, write: &StoreWrite) -> Result<Statement, StoreError> {
    Ok(match write {
        StoreWrite::PutLostState { owner, n, state } => {
            Statement::new(PUT_LOST_STATE).bind(state.code()).bind(owner.0).number(*n)?
        }
        StoreWrite::DeleteLost { owner, n } => {
            Statement::new(DELETE_LOST).bind(owner.0).number(*n)?
        }
        StoreWrite::PutEnrolling { json } => {
            Statement::new(PUT_ENROLLING).bind(sealer.seal("enrolling", "1", json.as_bytes()))
        }
        StoreWrite::DeleteEnrolling => Statement::new("delete from enrolling"),
        // Those of several statements were made by `several`.
        _ => Statement::new("select 1"),
    })
}

/// A sealed text of a record of the owner's.
fn put_text(
    sealer: &Sealer,
    (sql, table): (&'static str, &'static str),
    (owner, record): (PersonId, RecordId),
    json: &str,
) -> Statement {
    let sealed = sealer.seal(table, &record_name(owner, record), json.as_bytes());
    Statement::new(sql).bind(owner.0).record(&record).bind(sealed)
}

impl Statement {
    pub(super) fn new(sql: impl sqlx::SqlSafeStr) -> Self {
        Self { sql: sql.into_sql_str(), arguments: SqliteArguments::default() }
    }

    /// Binds the next placeholder.
    pub(super) fn bind<T>(mut self, value: T) -> Self
    where
        T: for<'t> Encode<'t, Sqlite> + Type<Sqlite>,
    {
        self.arguments.add(value).expect("numbers, texts and blobs have an SQLite form");
        self
    }

    /// Binds a number that SQLite holds as a signed one.
    pub(super) fn number(self, number: u64) -> Result<Self, StoreError> {
        Ok(self.bind(i64::try_from(number).map_err(|_| StoreError::NumberTooLarge)?))
    }

    fn record(self, record: &RecordId) -> Self {
        self.bind(record.to_string())
    }

    pub(super) fn hand_over(self, id: HandOverId) -> Result<Self, StoreError> {
        self.bind(id.person.0).bind(id.device.0).number(id.n)
    }

    fn seen(self, seen: Seen) -> Result<Self, StoreError> {
        self.bind(seen.epoch).number(seen.sequence)
    }
}

/// An accepted change of someone's record.
struct Accepted<'a> {
    owner: PersonId,
    record: RecordId,
    change: &'a StoredChange,
}

impl<'a> Accepted<'a> {
    fn of(write: &'a StoreWrite) -> Option<Self> {
        match write {
            StoreWrite::InsertAccepted { owner, record, change } => {
                Some(Self { owner: *owner, record: *record, change })
            }
            _ => None,
        }
    }
}

/// Names a row of `record` and `list`.
pub(super) fn record_name(owner: PersonId, record: RecordId) -> String {
    format!("{owner}/{record}")
}

/// Names a row of `hand_over`.
pub(super) fn hand_over_name(id: HandOverId) -> String {
    format!("{}/{}/{}", id.person, id.device, id.n)
}

/// Names a row of `accepted`.
pub(super) fn accepted_name(owner: PersonId, record: RecordId, hash: ChangeHash) -> String {
    format!("{owner}/{record}/{hash}")
}

/// Names a row of `pending`, `refused` and `sent`.
pub(super) fn command_name(owner: PersonId, record: RecordId, n: u64) -> String {
    format!("{owner}/{record}/{n}")
}

fn insert_accepted(sealer: &Sealer, rows: &[Accepted<'_>]) -> Result<Statement, StoreError> {
    let places = vec!["(?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ");
    let mut statement = Statement::new(AssertSqlSafe(format!(
        "insert into accepted (owner, record, hash, actor, seq, start_op, sealed) values {places} \
         on conflict (owner, record, hash) do update set sealed = excluded.sealed"
    )));
    for Accepted { owner, record, change } in rows {
        let content = Command::new(&change.facts).with_deps(&change.deps).to_bytes();
        let name = accepted_name(*owner, *record, change.hash);
        statement = statement
            .bind(owner.0)
            .bind(record.to_string())
            .bind(change.hash.0.to_vec())
            .bind(change.actor.to_string())
            .number(change.seq)?
            .number(change.start_op)?
            .bind(sealer.seal("accepted", &name, &content));
    }
    Ok(statement)
}

fn put_hand_over(sealer: &Sealer, id: HandOverId, message: &[u8]) -> Result<Statement, StoreError> {
    let sealed = sealer.seal("hand_over", &hand_over_name(id), message);
    Ok(Statement::new(PUT_HAND_OVER).hand_over(id)?.bind(sealed))
}

fn sealed_record(
    sealer: &Sealer,
    owner: PersonId,
    record: RecordId,
    attestation: Option<[u8; 16]>,
) -> Vec<u8> {
    sealer.seal("record", &record_name(owner, record), &Attested { attestation }.to_bytes())
}

fn put_identity(sealer: &Sealer, identity: &Identity) -> Result<Statement, StoreError> {
    let secrets = Secrets {
        person_name: identity.person_name.clone(),
        signing_key: *identity.signing_key,
        certificate_json: identity.certificate_json.clone(),
        installation_key: identity.installation_key,
    };
    let sealed = sealer.seal("identity", &identity.person.to_string(), &secrets.to_bytes());
    let statement = Statement::new(
        "insert into identity (person, device, enrolled_wall_ms, sealed, first_number, \
         account_from) values (?, ?, ?, ?, ?, ?) on conflict (person) do update set \
         device = excluded.device, enrolled_wall_ms = excluded.enrolled_wall_ms, \
         sealed = excluded.sealed, first_number = excluded.first_number, \
         account_from = excluded.account_from",
    );
    let statement = statement.bind(identity.person.0).bind(identity.device.0);
    let statement = statement.bind(identity.enrolled_wall_ms).bind(sealed);
    statement.number(identity.first_number)?.number(identity.account_from)
}

fn put_session(row: &OwnSession) -> Statement {
    Statement::new(
        "insert into own_session \
         (session, person, device, boot, opened_wall_ms, opened_monotonic_ms, registered) \
         values (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.session.to_string())
    .bind(row.person.0)
    .bind(row.device.0)
    .bind(row.boot.0.to_vec())
    .bind(row.opened_wall_ms)
    .bind(row.opened_monotonic_ms)
    .bind(row.registered)
}

fn put_foreign_session(row: &SessionRow) -> Statement {
    let origin = match row.origin {
        Origin::Phone => "phone",
        Origin::Office => "office",
    };
    Statement::new(
        "insert into session (session, person, device, origin, boot, opened_wall_ms, \
         opened_monotonic_ms, anchor_server_ms, anchor_monotonic_ms) \
         values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (session) do nothing",
    )
    .bind(row.session.to_string())
    .bind(row.person.0)
    .bind(row.device.0)
    .bind(origin)
    .bind(row.boot.0.to_vec())
    .bind(row.opened_wall_ms)
    .bind(row.opened_monotonic_ms)
    .bind(row.anchor.map(|anchor| anchor.server_ms))
    .bind(row.anchor.map(|anchor| anchor.monotonic_ms))
}

fn put_anchor(boot: BootId, anchor: Anchor) -> Statement {
    Statement::new(
        "insert into anchor (boot, server_ms, monotonic_ms) values (?, ?, ?) \
         on conflict (boot) do nothing",
    )
    .bind(boot.0.to_vec())
    .bind(anchor.server_ms)
    .bind(anchor.monotonic_ms)
}

fn put_pending(
    sealer: &Sealer,
    owner: PersonId,
    row: &PendingRow,
) -> Result<Statement, StoreError> {
    let content = Command::new(&row.facts).with_deps(&row.change.deps).with_params(&row.params);
    let name = command_name(owner, row.record, row.n);
    Ok(Statement::new(
        "insert into pending (owner, n, record, state, code, saved_wall_ms, actor, seq, \
         start_op, hash, sealed) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         on conflict (owner, n) do update set record = excluded.record, state = excluded.state, \
         code = excluded.code, saved_wall_ms = excluded.saved_wall_ms, actor = excluded.actor, \
         seq = excluded.seq, start_op = excluded.start_op, hash = excluded.hash, \
         sealed = excluded.sealed",
    )
    .bind(owner.0)
    .number(row.n)?
    .bind(row.record.to_string())
    .bind(row.state.code())
    .bind(row.code.clone())
    .bind(row.saved_wall_ms)
    .bind(row.change.actor.to_string())
    .number(row.change.seq)?
    .number(row.change.start_op)?
    .bind(row.change.hash.0.to_vec())
    .bind(sealer.seal("pending", &name, &content.to_bytes())))
}

fn put_pending_state(state: PendingState, code: &Option<String>, owner: PersonId) -> Statement {
    Statement::new(PUT_PENDING_STATE).bind(state.code()).bind(code.clone()).bind(owner.0)
}

fn put_refused(
    sealer: &Sealer,
    owner: PersonId,
    row: &RefusedRow,
) -> Result<Statement, StoreError> {
    let content = Command::new(&row.facts).with_params(&row.params).to_bytes();
    let name = command_name(owner, row.record, row.n);
    Ok(Statement::new(
        "insert into refused (owner, n, record, code, refused_wall_ms, sealed) \
         values (?, ?, ?, ?, ?, ?) on conflict (owner, n) do update set \
         record = excluded.record, code = excluded.code, \
         refused_wall_ms = excluded.refused_wall_ms, sealed = excluded.sealed",
    )
    .bind(owner.0)
    .number(row.n)?
    .bind(row.record.to_string())
    .bind(row.code.clone())
    .bind(row.refused_wall_ms)
    .bind(sealer.seal("refused", &name, &content)))
}

fn put_sent(sealer: &Sealer, owner: PersonId, row: &SentRow) -> Result<Statement, StoreError> {
    let content = Command::new(&row.facts).to_bytes();
    let name = command_name(owner, row.record, row.n);
    Ok(Statement::new(
        "insert into sent (owner, n, record, accepted_epoch, accepted_sequence, sealed) \
         values (?, ?, ?, ?, ?, ?) on conflict (owner, n) do update set \
         record = excluded.record, accepted_epoch = excluded.accepted_epoch, \
         accepted_sequence = excluded.accepted_sequence, sealed = excluded.sealed",
    )
    .bind(owner.0)
    .number(row.n)?
    .bind(row.record.to_string())
    .seen(row.accepted_at)?
    .bind(sealer.seal("sent", &name, &content)))
}

fn put_hand_over_told(id: HandOverId, told: &str) -> Result<Statement, StoreError> {
    Statement::new(PUT_HAND_OVER_TOLD).bind(told.to_owned()).hand_over(id)
}

const PUT_RECORD: &str = "insert into record (owner, record, site, present, parked, sealed) \
     values (?, ?, ?, ?, ?, ?) on conflict (owner, record) do update set \
     site = excluded.site, present = excluded.present, \
     parked = excluded.parked, sealed = excluded.sealed";

/// Every table with rows of an owner but `pending`, of which what is signed goes by itself, `sent`,
/// `hand_over` and `progress`, whose highest number must not be used again.
const FORGET_OWNER: [&str; 13] = [
    "delete from identity where person = ?",
    "delete from own_session where person = ?1 \
     and not exists (select 1 from pending where owner = ?1)",
    "delete from record where owner = ?",
    "delete from pair where owner = ?",
    "delete from accepted where owner = ?",
    "delete from refused where owner = ?",
    "delete from list where owner = ?",
    "delete from cursor where owner = ?",
    "delete from repair where owner = ?",
    "delete from reference where owner = ?",
    "delete from retry where owner = ?",
    "delete from signing where owner = ?",
    "delete from parked where owner = ?",
];

const FORGET_FETCHED: [&str; 4] = [
    "delete from cursor where owner = ?",
    "delete from reference where owner = ?",
    "delete from retry where owner = ?",
    "delete from repair where owner = ?",
];

/// What does not read is no reason to lose the row: a state that is none is taken for unsent.
const PARK_PENDING: &str = "insert or ignore into lost \
     (owner, n, record, saved_wall_ms, state, code, found_wall_ms, remains) \
     select owner, n, record, saved_wall_ms, case when state in ('sent', 'held', 'not_stored', \
     'accepted') then state else 'unsent' end, 'row_damaged', ?, sealed from pending \
     where owner = ? and n = ?";
const PUT_LOST_STATE: &str = "update lost set state = ? where owner = ? and n = ?";
const DELETE_LOST: &str = "delete from lost where owner = ? and n = ?";
const PUT_ENROLLING: &str = "insert or replace into enrolling (id, sealed) values (1, ?)";

const PUT_HAND_OVER: &str = "insert into hand_over (person, device, n, sealed) \
     values (?, ?, ?, ?) on conflict (person, device, n) do update set sealed = excluded.sealed";
const PUT_HAND_OVER_TOLD: &str =
    "update hand_over set told = ? where person = ? and device = ? and n = ?";

const PUT_PAIR: &str = "insert into pair (owner, record, audience) values (?, ?, ?) \
     on conflict (owner, record, audience) do nothing";

const DELETE_SENT: &str =
    "delete from sent where owner = ? and (accepted_epoch, accepted_sequence) <= (?, ?)";

const PUT_HIGHEST_NUMBER: &str = "insert into progress (owner, highest_number) values (?, ?) \
     on conflict (owner) do update set \
     highest_number = max(highest_number, excluded.highest_number)";

const PUT_CURSOR: &str = "insert into cursor (owner, audience, epoch, sequence) \
     values (?, ?, ?, ?) on conflict (owner, audience) do update set epoch = excluded.epoch, \
     sequence = excluded.sequence";

const PUT_RECEIPTS_AFTER: &str = "insert into progress (owner, receipts_after) values (?, ?) \
     on conflict (owner) do update set receipts_after = excluded.receipts_after";

const PUT_REFERENCE: &str = "insert into reference (owner, version, sealed) values (?, ?, ?) \
     on conflict (owner) do update set version = excluded.version, sealed = excluded.sealed";

const PUT_EPOCH: &str = "insert into progress (owner, epoch) values (?, ?) \
     on conflict (owner) do update set epoch = excluded.epoch";

const PUT_RETRY: &str = "insert into retry (owner, sealed) values (?, ?) \
     on conflict (owner) do update set sealed = excluded.sealed";

const LIST: (&str, &str) = (PUT_LIST, "list");
const SIGNING: (&str, &str) = (PUT_SIGNING, "signing");

const PUT_LIST: &str = "insert into list (owner, record, sealed) values (?, ?, ?) \
     on conflict (owner, record) do update set sealed = excluded.sealed";

const PUT_REPAIR: &str = "insert into repair (owner, record) values (?, ?) \
     on conflict (owner, record) do nothing";

const PUT_SIGNING: &str = "insert into signing (owner, record, sealed) values (?, ?, ?) \
     on conflict (owner) do update set record = excluded.record, sealed = excluded.sealed";

const PUT_PARKED: &str = "insert into parked (owner, record, n, code, app_version) \
     values (?, ?, ?, ?, ?) on conflict (owner, record) do update set n = excluded.n, \
     code = excluded.code, app_version = excluded.app_version";

const PUT_CASE_ANSWER: &str = "insert into case_answer (owner, question, sealed) \
     values (?, ?, ?) on conflict (owner, question) do update set sealed = excluded.sealed";

const PUT_RE_ENROL: &str = "insert into progress (owner, re_enrol) values (?, ?) \
     on conflict (owner) do update set re_enrol = excluded.re_enrol";

const PUT_BACKED_UP: &str = "insert into progress (owner, backed_up_epoch, backed_up_sequence) \
     values (?, ?, ?) on conflict (owner) do update set \
     backed_up_epoch = excluded.backed_up_epoch, \
     backed_up_sequence = excluded.backed_up_sequence";

const CLEAR_BACKED_UP: &str =
    "update progress set backed_up_epoch = null, backed_up_sequence = null where owner = ?";

const PUT_PENDING_STATE: &str =
    "update pending set state = ?, code = ? where owner = ? and n between ? and ?";
const REGISTERED: &str = "update own_session set registered = 1 where session = ?";
const DELETE_PAIR: &str = "delete from pair where owner = ? and record = ? and audience = ?";
const DELETE_ACCEPTED: &str = "delete from accepted where owner = ? and record = ? and hash = ?";
const DELETE_PENDING: &str = "delete from pending where owner = ? and n = ?";
const DELETE_REFUSED: &str = "delete from refused where owner = ? and n = ?";
const DELETE_CURSOR: &str = "delete from cursor where owner = ? and audience = ?";
const DELETE_HAND_OVER: &str = "delete from hand_over where person = ? and device = ? and n = ?";
const DELETE_RETRY: &str = "delete from retry where owner = ?";
const DELETE_ALL_ACCEPTED: &str = "delete from accepted where owner = ? and record = ?";
const DELETE_RECORD: &str = "delete from record where owner = ? and record = ?";
const DELETE_PAIRS: &str = "delete from pair where owner = ? and record = ?";
const DELETE_SENT_OF_RECORD: &str = "delete from sent where owner = ? and record = ?";
const DELETE_LIST: &str = "delete from list where owner = ? and record = ?";
const DELETE_PARKED: &str = "delete from parked where owner = ? and record = ?";
const DELETE_ANSWER: &str = "delete from case_answer where owner = ? and question = ?";
const DELETE_SIGNING: &str = "delete from signing where owner = ? and record = ?";
const DELETE_REPAIR: &str = "delete from repair where owner = ? and record = ?";
