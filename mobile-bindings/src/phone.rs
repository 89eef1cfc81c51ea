//! The phone object.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use sync_core::environment::{Clock, NoHooks, Randomness as _, SystemClock, SystemRandomness};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::replica::http::HttpTransport;
use sync_core::replica::{Replica, ReplicaOptions};
use sync_core::rules::Command;
use sync_core::store::StoreKey;
use sync_core::texts::Language;
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::error::bad_json;
use crate::record::json;
use crate::{
    Account, ApiError, Identity, ListItem, Lost, Outbox, Parcel, Pause, Performed, Question,
    Refused, Statement, SyncReport, Waiting,
};

/// One person's phone: a sealed store, the rules, and sync. What it calls saved is committed to
/// storage; calls may come from any thread.
#[derive(uniffi::Object)]
pub struct Phone {
    /// None once closed.
    replica: RwLock<Option<Replica>>,
    clock: Arc<dyn Clock>,
}

#[uniffi::export(async_runtime = "tokio")]
impl Phone {
    /// Opens the store at `path`, made where there is none and sealed with `key` (32 bytes from
    /// the platform's key store; none at all throws `KeyUnavailable`). `server_url` has no slash at
    /// its end. Nothing is sent.
    #[uniffi::constructor]
    pub async fn open(
        path: String,
        key: Vec<u8>,
        server_url: String,
        app_version: String,
    ) -> Result<Arc<Self>, ApiError> {
        let key = store_key(key)?;
        let randomness = Arc::new(SystemRandomness);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(randomness.as_ref()));
        let replica = Replica::open(ReplicaOptions {
            path: PathBuf::from(path),
            key,
            server_url,
            app_version,
            clock: clock.clone(),
            randomness,
            hooks: Arc::new(NoHooks),
            transport: Arc::new(HttpTransport::new()?),
        })
        .await?;
        Ok(Arc::new(Self { replica: RwLock::new(Some(replica)), clock }))
    }

    /// Closes the store after what is running has ended, and frees its lock; every later call
    /// throws `Closed`. Dropping the object loses nothing either, but frees it some time later.
    pub async fn close(&self) {
        if let Some(replica) = self.replica.write().await.take() {
            replica.close().await;
        }
    }

    /// Enrols the person named by a one-time code; answers the person's number. `installation` is
    /// the fingerprint that came with a scanned code: another server is then refused.
    #[uniffi::method(default(installation = None))]
    pub async fn enrol(
        &self,
        code: String,
        device_name: String,
        installation: Option<String>,
    ) -> Result<u32, ApiError> {
        let open = self.replica().await?;
        Ok(open.enrol(&code, &device_name, installation.as_deref()).await?.0)
    }

    /// Ends the person's use of this phone: what it holds for them goes. Work that is on the phone
    /// alone is handed in by whoever uses it next, if `hand_over` says so; else `UnsentWork` is
    /// thrown and nothing is changed.
    pub async fn sign_out(&self, hand_over: bool) -> Result<(), ApiError> {
        Ok(self.replica().await?.sign_out(hand_over).await?)
    }

    /// Whose phone it is; none before it is enrolled.
    pub async fn identity(&self) -> Result<Option<Identity>, ApiError> {
        Ok(self.replica().await?.enrolment().await?.map(Into::into))
    }

    /// Roles, names and policies as the server last sent them: JSON of `protocol::ReferenceData`.
    pub async fn reference(&self) -> Result<String, ApiError> {
        json(&self.replica().await?.reference().await)
    }

    /// Performs a command, given as JSON of `rules::Command`; when it returns it is saved.
    /// `record` is left out for a command that creates one.
    #[uniffi::method(default(record = None))]
    pub async fn perform(
        &self,
        command_json: String,
        record: Option<String>,
    ) -> Result<Performed, ApiError> {
        let command: Command =
            serde_json::from_str(&command_json).map_err(|error| bad_json(&error))?;
        let record = record.as_deref().map(parse::<RecordId>).transpose()?;
        Ok(self.replica().await?.perform(&command, record).await?.into())
    }

    /// The records the phone holds.
    pub async fn list(&self) -> Result<Vec<ListItem>, ApiError> {
        self.replica().await?.list().await.into_iter().map(TryInto::try_into).collect()
    }

    /// The day it is at the person's site, by the server's time as the phone knows it:
    /// `YYYY-MM-DD`.
    pub async fn today(&self) -> Result<String, ApiError> {
        Ok(self.replica().await?.today().await?)
    }

    /// The rounds of a day (`YYYY-MM-DD`, the site's), planned or not, opened by anybody yet or
    /// not: JSON of a list of `replica::DayRound`.
    pub async fn rounds(&self, day: String) -> Result<String, ApiError> {
        json(&self.replica().await?.rounds(&day).await?)
    }

    /// Orders, violations and alarms that are open at a place; the latest first.
    pub async fn open_at(&self, place: String) -> Result<Vec<ListItem>, ApiError> {
        let items = self.replica().await?.open_at(&place).await?;
        items.into_iter().map(TryInto::try_into).collect()
    }

    /// The person's inbox, most pressing first: JSON of a list of `rules::InboxItem`. What is
    /// read or taken on is said by the commands `read` and `acknowledge` on the item's record.
    pub async fn inbox(&self) -> Result<String, ApiError> {
        json(&self.replica().await?.inbox().await?)
    }

    /// Everything about one record, as JSON of `rules::Review`; none if the phone does not hold it.
    pub async fn review(&self, record: String) -> Result<Option<String>, ApiError> {
        let record = parse(&record)?;
        let review = self.replica().await?.review(record).await?;
        review.map(|review| json(&review)).transpose()
    }

    /// What the customer is shown before signing, in `zh-CN` or `en`.
    pub async fn statement(
        &self,
        record: String,
        visit: String,
        language: String,
    ) -> Result<Statement, ApiError> {
        let (record, visit) = (parse(&record)?, parse::<FactKey>(&visit)?);
        let language: Language = parse(&language)?;
        Ok(self.replica().await?.statement(record, visit, language).await?.into())
    }

    /// The commands that were refused.
    pub async fn refused(&self) -> Result<Vec<Refused>, ApiError> {
        let rows = self.replica().await?.refused().await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The commands that the server has and cannot decide yet, with what each waits for.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, ApiError> {
        let rows = self.replica().await?.waiting().await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// What the office asks about refused and held commands; answered questions too, until the
    /// office has decided.
    pub async fn questions(&self) -> Result<Vec<Question>, ApiError> {
        let questions = self.replica().await?.questions().await?;
        Ok(questions.into_iter().map(Into::into).collect())
    }

    /// Saves the person's answer to such a question; it goes out with the next sync.
    pub async fn answer_question(&self, question: u64, text: String) -> Result<(), ApiError> {
        Ok(self.replica().await?.answer_question(question, &text).await?)
    }

    /// The commands that were saved here and do not read any more: the account counts them as on
    /// the phone, the office sees their numbers missing.
    pub async fn lost(&self) -> Result<Vec<Lost>, ApiError> {
        let rows = self.replica().await?.lost().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// What is only on the phone so far, or not known to have arrived.
    pub async fn outbox(&self) -> Result<Outbox, ApiError> {
        self.replica().await?.outbox().await?.try_into()
    }

    /// What is only on the phone, signed and sealed as a file for the office: the code opens it.
    pub async fn parcel(&self) -> Result<Parcel, ApiError> {
        Ok(self.replica().await?.parcel().await?.into())
    }

    /// Where everything this person saved on this device is.
    pub async fn account(&self) -> Result<Account, ApiError> {
        Ok(self.replica().await?.account().await?.into())
    }

    /// Syncs now until neither side has more, at most 100 requests.
    pub async fn sync(&self) -> Result<SyncReport, ApiError> {
        Ok(self.replica().await?.sync(REQUESTS_MAX).await?.into())
    }

    /// Syncs if the retry schedule says so; none if it is not time yet.
    pub async fn sync_if_due(&self) -> Result<Option<SyncReport>, ApiError> {
        Ok(self.replica().await?.sync_if_due().await?.map(Into::into))
    }

    /// In how many milliseconds to call `sync_if_due`; none while sync is paused.
    pub async fn next_sync_delay_ms(&self) -> Result<Option<i64>, ApiError> {
        let at_ms = self.replica().await?.next_sync_ms().await;
        Ok(at_ms.map(|at_ms| at_ms.saturating_sub(self.clock.monotonic_ms()).max(0)))
    }

    /// Why nothing is sent at present, if so.
    pub async fn paused(&self) -> Result<Option<Pause>, ApiError> {
        Ok(self.replica().await?.paused().await.map(Into::into))
    }

    /// The person says that the reason of a pause is gone (the account works again, the app was
    /// updated): what was kept goes out with the next sync.
    pub async fn try_again(&self) -> Result<(), ApiError> {
        self.replica().await?.try_again().await;
        Ok(())
    }

    /// Switches signal off or on again; nothing is sent while it is off.
    pub async fn set_airplane(&self, on: bool) -> Result<(), ApiError> {
        self.replica().await?.set_airplane(on).await;
        Ok(())
    }
}

impl Phone {
    pub(crate) async fn replica(&self) -> Result<RwLockReadGuard<'_, Replica>, ApiError> {
        let open = self.replica.read().await;
        RwLockReadGuard::try_map(open, Option::as_ref).map_err(|_| ApiError::Closed)
    }
}

/// The key that the platform's key store gave.
pub(crate) fn store_key(key: Vec<u8>) -> Result<StoreKey, ApiError> {
    if key.is_empty() {
        return Err(ApiError::KeyUnavailable);
    }
    let key = key.try_into();
    key.map(StoreKey::new)
        .map_err(|_| ApiError::BadInput { reason: "the key has not 32 bytes".to_owned() })
}

/// A new key for a store: 32 random bytes. For programs without a platform key store; keep it
/// where only this person's account can read it, apart from any backup of the store.
#[uniffi::export]
pub fn new_store_key() -> Vec<u8> {
    let mut key = vec![0; 32];
    SystemRandomness.fill(&mut key);
    key
}

const REQUESTS_MAX: u32 = 100;

/// Reads an id or a language.
pub(crate) fn parse<T: FromStr>(value: &str) -> Result<T, ApiError>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error: T::Err| ApiError::BadInput { reason: error.to_string() })
}
