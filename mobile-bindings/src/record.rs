//! What the phone object answers, as records of the foreign language. Those with content that
//! people wrote have no `Debug`.

use std::collections::{BTreeMap, HashMap};

use sync_core::model::fact::StoredFact;
use sync_core::{replica, store};

use crate::ApiError;

/// Who enrolled on this phone.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Identity {
    /// The person's number.
    pub person: u32,
    /// The person's name.
    pub person_name: String,
    /// The number of this person's device.
    pub device: u32,
    /// The installation's fingerprint, for comparing it with what the office says.
    pub installation: String,
}

/// What is on a phone alone, as a sealed file.
#[derive(uniffi::Record)]
pub struct Parcel {
    /// The file.
    pub bytes: Vec<u8>,
    /// What opens it: to be told apart from the file.
    pub code: String,
}

impl From<replica::Parcel> for Parcel {
    fn from(parcel: replica::Parcel) -> Self {
        let replica::Parcel { bytes, code } = parcel;
        Self { bytes, code }
    }
}

impl From<replica::Enrolment> for Identity {
    fn from(enrolment: replica::Enrolment) -> Self {
        Self {
            person: enrolment.person.0,
            person_name: enrolment.person_name,
            device: enrolment.device.0,
            installation: enrolment.installation,
        }
    }
}

/// A command that was saved.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Performed {
    /// The record it was written to; a new one for a command that creates.
    pub record: String,
    /// Its number on this device.
    pub number: u64,
    /// The key of its fact: the id of a visit after `set_out`, of a quote, a charge or a line.
    pub key: String,
}

impl From<replica::Performed> for Performed {
    fn from(performed: replica::Performed) -> Self {
        Self {
            record: performed.record.to_string(),
            number: performed.n,
            key: performed.key.to_string(),
        }
    }
}

/// A record in the list.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct ListItem {
    /// The record.
    pub record: String,
    /// JSON of `rules::Projection`: what a list shows.
    pub projection_json: String,
    /// False: it left the person's scope and is read-only.
    pub present: bool,
    /// Commands of it that are not accepted yet.
    pub pending: u64,
}

impl TryFrom<replica::ListItem> for ListItem {
    type Error = ApiError;

    fn try_from(item: replica::ListItem) -> Result<Self, ApiError> {
        Ok(Self {
            record: item.record.to_string(),
            projection_json: json(&item.projection)?,
            present: item.present,
            pending: item.pending,
        })
    }
}

/// What the customer is shown before signing.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Statement {
    /// The text, to be shown as it is.
    pub text: String,
    /// Its template, version and language, e.g. `visit/1/zh-CN`.
    pub template: String,
    /// SHA-256 of the text, lower-case hex: what `signed` repeats.
    pub text_sha256: String,
}

impl From<sync_core::rules::statement::Statement> for Statement {
    fn from(statement: sync_core::rules::statement::Statement) -> Self {
        let sync_core::rules::statement::Statement { text, template, text_sha256, .. } = statement;
        Self { text, template, text_sha256 }
    }
}

/// A command the server refused; the office has it in its review list.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Refused {
    /// Its number.
    pub number: u64,
    /// The record.
    pub record: String,
    /// Why: a stable code, for `code_words("denial", code, params)`.
    pub code: String,
    /// Parameters of its words.
    pub params: HashMap<String, String>,
    /// The facts, as JSON by key.
    pub facts_json: String,
    /// When the phone learned of it, by its own wall clock, in milliseconds.
    pub refused_wall_ms: i64,
}

impl TryFrom<store::RefusedRow> for Refused {
    type Error = ApiError;

    fn try_from(row: store::RefusedRow) -> Result<Self, ApiError> {
        Ok(Self {
            number: row.n,
            record: row.record.to_string(),
            code: row.code,
            params: row.params.into_iter().collect(),
            facts_json: facts_json(row.facts)?,
            refused_wall_ms: row.refused_wall_ms,
        })
    }
}

/// A command that the server has and cannot decide yet.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Waiting {
    /// Its number.
    pub number: u64,
    /// The record.
    pub record: String,
    /// What it waits for: a stable code, for `code_words("refusal", code, params)`.
    pub code: String,
    /// Parameters of its words.
    pub params: HashMap<String, String>,
    /// The facts, as JSON by key.
    pub facts_json: String,
    /// When it was saved, by the phone's own wall clock, in milliseconds.
    pub saved_wall_ms: i64,
}

impl TryFrom<store::PendingRow> for Waiting {
    type Error = ApiError;

    fn try_from(row: store::PendingRow) -> Result<Self, ApiError> {
        Ok(Self {
            number: row.n,
            record: row.record.to_string(),
            code: row.code.unwrap_or_default(),
            params: row.params.into_iter().collect(),
            facts_json: facts_json(row.facts)?,
            saved_wall_ms: row.saved_wall_ms,
        })
    }
}

/// What the office asks about a refused or held command.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Question {
    /// Its number: what `answer_question` names.
    pub question: u64,
    /// What is asked.
    pub text: String,
    /// Who asks.
    pub by: String,
    /// The record.
    pub record: String,
    /// The commands it is about.
    pub numbers: Vec<u64>,
    /// The item's key in the inbox.
    pub key: String,
    /// The person's answer, sent or not.
    pub answer: Option<String>,
}

impl From<replica::Question> for Question {
    fn from(asked: replica::Question) -> Self {
        Self {
            question: asked.question,
            text: asked.text,
            by: asked.by,
            record: asked.record.to_string(),
            numbers: asked.numbers,
            key: asked.key.to_string(),
            answer: asked.answer,
        }
    }
}

/// A command that was saved on this phone and does not read any more.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Lost {
    /// Its number.
    pub number: u64,
    /// The record it was written to, if known.
    pub record: Option<String>,
    /// When it was saved, by the phone's own wall clock, in milliseconds, if known.
    pub saved_wall_ms: Option<i64>,
    /// Why it does not read: a stable code, for `code_words("lost", code)`.
    pub code: String,
    /// When that was found, by the phone's own wall clock, in milliseconds.
    pub found_wall_ms: i64,
}

impl From<store::LostRow> for Lost {
    fn from(row: store::LostRow) -> Self {
        Self {
            number: row.n,
            record: row.record.map(|record| record.to_string()),
            saved_wall_ms: row.saved_wall_ms,
            code: row.code,
            found_wall_ms: row.found_wall_ms,
        }
    }
}

/// What is only on the phone so far.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Outbox {
    /// The sessions that the commands were written in, in the order in which they were opened.
    pub sessions: Vec<OutboxSession>,
    /// The commands by number: exactly those that the account counts as `on_phone`.
    pub commands: Vec<OutboxCommand>,
}

/// A session of the outbox: one opening of the store.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OutboxSession {
    /// The session.
    pub session: String,
    /// The boot it was opened in, lower-case hex.
    pub boot: String,
    /// The wall clock at its opening, in milliseconds.
    pub opened_wall_ms: i64,
    /// The monotonic clock at its opening, in milliseconds since that boot.
    pub opened_monotonic_ms: i64,
    /// The server knows it.
    pub registered: bool,
}

/// A command of the outbox.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct OutboxCommand {
    /// Its number.
    pub number: u64,
    /// The record.
    pub record: String,
    /// `unsent`, `sent` (no receipt came yet) or `not_stored` (the server had no room).
    pub state: String,
    /// Why it was not stored, or is not sent any more (`unsent`: the server refuses requests with
    /// it, or it waits behind such a one), if so: a stable code.
    pub code: Option<String>,
    /// When it was saved, by the phone's wall clock, in milliseconds.
    pub saved_wall_ms: i64,
    /// Its facts: a JSON object from key to the canonical JSON of the fact, as a string.
    pub facts_json: String,
}

impl TryFrom<replica::Outbox> for Outbox {
    type Error = ApiError;

    fn try_from(outbox: replica::Outbox) -> Result<Self, ApiError> {
        let commands = outbox.commands.into_iter().map(TryInto::try_into);
        Ok(Self {
            sessions: outbox.sessions.into_iter().map(Into::into).collect(),
            commands: commands.collect::<Result<_, _>>()?,
        })
    }
}

impl From<store::OwnSession> for OutboxSession {
    fn from(session: store::OwnSession) -> Self {
        Self {
            session: session.session.to_string(),
            boot: session.boot.0.iter().map(|byte| format!("{byte:02x}")).collect(),
            opened_wall_ms: session.opened_wall_ms,
            opened_monotonic_ms: session.opened_monotonic_ms,
            registered: session.registered,
        }
    }
}

impl TryFrom<store::PendingRow> for OutboxCommand {
    type Error = ApiError;

    fn try_from(row: store::PendingRow) -> Result<Self, ApiError> {
        Ok(Self {
            number: row.n,
            record: row.record.to_string(),
            state: row.state.code().to_owned(),
            code: row.code,
            saved_wall_ms: row.saved_wall_ms,
            facts_json: facts_json(row.facts)?,
        })
    }
}

/// Facts as JSON by key.
fn facts_json(facts: Vec<StoredFact>) -> Result<String, ApiError> {
    let facts: BTreeMap<String, String> =
        facts.into_iter().map(|fact| (fact.key.to_string(), fact.json)).collect();
    json(&facts)
}

/// Where this person's commands are; `saved = accepted + held + refused + on_phone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Account {
    /// Commands that returned.
    pub saved: u64,
    /// In the accepted records.
    pub accepted: u64,
    /// Stored by the server, waiting for something.
    pub held: u64,
    /// In the office's review list.
    pub refused: u64,
    /// Still on the phone only.
    pub on_phone: u64,
}

impl From<replica::Account> for Account {
    fn from(account: replica::Account) -> Self {
        Self {
            saved: account.saved,
            accepted: account.accepted,
            held: account.held,
            refused: account.refused,
            on_phone: account.on_phone,
        }
    }
}

/// What a sync did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct SyncReport {
    /// Commands that went out.
    pub pushed: u64,
    /// Records with something new.
    pub received: u64,
    /// Commands refused.
    pub refused: u64,
    /// The server has more.
    pub more: bool,
    /// The server has seen another store with this device's numbers: have the person enrol anew.
    pub re_enrol: bool,
}

impl From<replica::SyncReport> for SyncReport {
    fn from(report: replica::SyncReport) -> Self {
        Self {
            pushed: report.pushed,
            received: report.received,
            refused: report.refused,
            more: report.more,
            re_enrol: report.re_enrol,
        }
    }
}

/// Why nothing is sent at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Pause {
    /// The person has to enrol again.
    SignInAgain,
    /// The app has to be updated.
    UpdateApp,
    /// The person switched signal off.
    Airplane,
}

impl From<replica::Pause> for Pause {
    fn from(pause: replica::Pause) -> Self {
        match pause {
            replica::Pause::SignInAgain => Self::SignInAgain,
            replica::Pause::UpdateApp => Self::UpdateApp,
            replica::Pause::Airplane => Self::Airplane,
        }
    }
}

/// JSON of what the core answers.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(|_| ApiError::Store {
        code: "database".to_owned(),
        reason: "an answer does not write as JSON".to_owned(),
    })
}
