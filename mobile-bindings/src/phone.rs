//! The phone object.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use sync_core::environment::{NoHooks, SystemClock, SystemRandomness};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::replica::http::HttpTransport;
use sync_core::replica::{Replica, ReplicaOptions};
use sync_core::rules::Command;
use sync_core::store::StoreKey;
use sync_core::texts::{Language, text};

use crate::ApiError;

/// One person's phone: a sealed store, the rules, and sync.
#[derive(uniffi::Object)]
pub struct Phone {
    replica: Replica,
}

/// A command that was saved.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Performed {
    /// The record it was written to.
    pub record: String,
    /// Its number on this device.
    pub number: u64,
}

/// A record in the list.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
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

/// A command the server refused.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Refused {
    /// Its number.
    pub number: u64,
    /// The record.
    pub record: String,
    /// Why: a stable code.
    pub code: String,
    /// The facts, as JSON by key.
    pub facts_json: String,
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
}

#[uniffi::export(async_runtime = "tokio")]
impl Phone {
    /// Opens the store at `path`, sealed with `key` (32 bytes from the platform's key store).
    #[uniffi::constructor]
    pub async fn open(
        path: String,
        key: Vec<u8>,
        server_url: String,
        app_version: String,
    ) -> Result<Arc<Self>, ApiError> {
        let key: [u8; 32] = key
            .try_into()
            .map_err(|_| ApiError::BadInput { reason: "the key has not 32 bytes".to_owned() })?;
        let randomness = Arc::new(SystemRandomness);
        let replica = Replica::open(ReplicaOptions {
            path: PathBuf::from(path),
            key: StoreKey::new(key),
            server_url,
            app_version,
            clock: Arc::new(SystemClock::new(randomness.as_ref())),
            randomness,
            hooks: Arc::new(NoHooks),
            transport: Arc::new(HttpTransport::new()?),
        })
        .await?;
        Ok(Arc::new(Self { replica }))
    }

    /// Enrols the person named by a one-time code; answers the person's number.
    #[uniffi::method(default(installation = None))]
    pub async fn enrol(
        &self,
        code: String,
        device_name: String,
        installation: Option<String>,
    ) -> Result<u32, ApiError> {
        let person = self.replica.enrol(&code, &device_name, installation.as_deref()).await?;
        Ok(person.0)
    }

    /// Performs a command, given as JSON of `rules::Command`; when it returns it is saved.
    #[uniffi::method(default(record = None))]
    pub async fn perform(
        &self,
        command_json: String,
        record: Option<String>,
    ) -> Result<Performed, ApiError> {
        let command: Command = serde_json::from_str(&command_json)
            .map_err(|error| ApiError::BadInput { reason: error.to_string() })?;
        let record = record.as_deref().map(parse::<RecordId>).transpose()?;
        let performed = self.replica.perform(&command, record).await?;
        Ok(Performed { record: performed.record.to_string(), number: performed.n })
    }

    /// The records the phone holds.
    pub async fn list(&self) -> Result<Vec<ListItem>, ApiError> {
        let items = self.replica.list().await.into_iter();
        items
            .map(|item| {
                Ok(ListItem {
                    record: item.record.to_string(),
                    projection_json: json(&item.projection)?,
                    present: item.present,
                    pending: item.pending,
                })
            })
            .collect()
    }

    /// Everything about one record, as JSON of `rules::Review`.
    pub async fn review(&self, record: String) -> Result<Option<String>, ApiError> {
        let review = self.replica.review(parse(&record)?).await?;
        review.map(|review| json(&review)).transpose()
    }

    /// What the customer is shown before signing, in `zh-CN` or `en`.
    pub async fn statement(
        &self,
        record: String,
        visit: String,
        language: String,
    ) -> Result<String, ApiError> {
        let visit: FactKey = parse(&visit)?;
        let language: Language = parse(&language)?;
        Ok(self.replica.statement(parse(&record)?, visit, language).await?.text)
    }

    /// The commands that were refused.
    pub async fn refused(&self) -> Result<Vec<Refused>, ApiError> {
        let rows = self.replica.refused().await?.into_iter();
        rows.map(|row| {
            let facts: std::collections::BTreeMap<String, String> =
                row.facts.into_iter().map(|fact| (fact.key.to_string(), fact.json)).collect();
            Ok(Refused {
                number: row.n,
                record: row.record.to_string(),
                code: row.code,
                facts_json: json(&facts)?,
            })
        })
        .collect()
    }

    /// Where everything this person saved on this device is.
    pub async fn account(&self) -> Result<Account, ApiError> {
        let account = self.replica.account().await?;
        Ok(Account {
            saved: account.saved,
            accepted: account.accepted,
            held: account.held,
            refused: account.refused,
            on_phone: account.on_phone,
        })
    }

    /// Syncs now until neither side has more, at most 100 requests.
    pub async fn sync(&self) -> Result<SyncReport, ApiError> {
        let report = self.replica.sync(REQUESTS_MAX).await?;
        Ok(SyncReport {
            pushed: report.pushed,
            received: report.received,
            refused: report.refused,
            more: report.more,
        })
    }

    /// Syncs if the retry schedule says so; answers in how many milliseconds to ask again.
    pub async fn sync_if_due(&self) -> Result<Option<SyncReport>, ApiError> {
        let report = self.replica.sync_if_due().await?;
        Ok(report.map(|report| SyncReport {
            pushed: report.pushed,
            received: report.received,
            refused: report.refused,
            more: report.more,
        }))
    }

    /// Switches signal off or on again.
    pub async fn set_airplane(&self, on: bool) {
        self.replica.set_airplane(on).await;
    }
}

/// The words for a code, e.g. `denial-not-your-role`, in `zh-CN` or `en`.
#[uniffi::export]
pub fn words(language: String, id: String) -> Result<String, ApiError> {
    Ok(text(parse::<Language>(&language)?, &id, &[]))
}

const REQUESTS_MAX: u32 = 100;

fn parse<T: FromStr>(value: &str) -> Result<T, ApiError>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error: T::Err| ApiError::BadInput { reason: error.to_string() })
}

fn json(value: &impl serde::Serialize) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(|error| ApiError::BadInput { reason: error.to_string() })
}
