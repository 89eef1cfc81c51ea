//! A store that does not open is salvaged before a phone is opened on it.

use std::path::PathBuf;
use std::sync::Arc;

use sync_core::environment::{Clock as _, NoHooks, SystemClock, SystemRandomness};
use sync_core::store::{self, SalvageOptions, salvage};

use crate::ApiError;
use crate::phone::store_key;

/// What a salvage did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Salvaged {
    /// Where the damaged file is now; nothing of it was deleted.
    pub damaged: String,
    /// Commands that were read: they are sent as if nothing had happened.
    pub pending: u64,
    /// Commands that were not.
    pub lost: Vec<LostCommand>,
    /// Other rows that do not open, as `table/row`: ids only.
    pub damaged_rows: Vec<String>,
    /// Pages of which something does not read.
    pub damaged_pages: u64,
    /// People whose last number was not found: have them enrol before they write.
    pub re_enrol: Vec<u32>,
}

/// A command that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LostCommand {
    /// Whose it is: the person's number.
    pub person: u32,
    /// Its number.
    pub number: u64,
    /// The record it was written to, if known.
    pub record: Option<String>,
}

impl From<store::Salvaged> for Salvaged {
    fn from(salvaged: store::Salvaged) -> Self {
        let lost = salvaged.lost.into_iter().map(|lost| LostCommand {
            person: lost.owner.0,
            number: lost.n,
            record: lost.record.map(|record| record.to_string()),
        });
        let rows = salvaged.damaged_rows.into_iter();
        Self {
            damaged: salvaged.damaged.display().to_string(),
            pending: salvaged.pending,
            lost: lost.collect(),
            damaged_rows: rows.map(|row| format!("{}/{}", row.table, row.row)).collect(),
            damaged_pages: salvaged.damaged_pages,
            re_enrol: salvaged.re_enrol.into_iter().map(|person| person.0).collect(),
        }
    }
}

/// Salvages the store at `path`: what reads is brought into a new one in its place, the damaged
/// file is kept beside. None: nothing is wrong with it, and nothing was done.
#[uniffi::export(async_runtime = "tokio")]
pub async fn salvage_store(path: String, key: Vec<u8>) -> Result<Option<Salvaged>, ApiError> {
    let randomness = Arc::new(SystemRandomness);
    let wall_ms = SystemClock::new(randomness.as_ref()).wall_ms();
    let options = SalvageOptions {
        path: PathBuf::from(path),
        key: Some(store_key(key)?),
        hooks: Arc::new(NoHooks),
        randomness,
        wall_ms,
    };
    Ok(salvage(options).await?.map(Into::into))
}
