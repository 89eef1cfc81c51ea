//! A store whose file is damaged or cut short: what reads is brought into a new one, what does not
//! is counted and named, and the damaged files stay beside under a name that says when. Own
//! commands come first, with the keys and sessions without which they cannot be sent; what the
//! server has is fetched again.

mod fill;
mod scan;
mod tables;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::Connection as _;

use super::files::{
    Lock, PARTS, beside, damaged_path, interrupted_salvage, put_in_place, rename, salvage_name,
    salvaged_path, sync_folder,
};
use super::open::{NEWER_MAX, check_files, connect};
use super::row::DamagedRow;
use super::seal::Sealer;
use super::{Inner, OpenOptions, Store, StoreError, StoreKey};
use crate::environment::{HookPlace, HookPoint, Hooks, Randomness};
use crate::model::id::{PersonId, RecordId};
use crate::model::time::WallMs;
use fill::Filling;
use scan::Found;

/// What a salvage needs.
pub struct SalvageOptions {
    /// The store's file.
    pub path: PathBuf,
    /// The key of the platform's key store; `None` if that gave none.
    pub key: Option<StoreKey>,
    /// Called between statements, and between the steps with files.
    pub hooks: Arc<dyn Hooks>,
    /// Where nonces come from.
    pub randomness: Arc<dyn Randomness>,
    /// The device's wall clock now: names what is moved aside.
    pub wall_ms: WallMs,
}

impl std::fmt::Debug for SalvageOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SalvageOptions").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A command that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostCommand {
    /// Whose it is.
    pub owner: PersonId,
    /// Its number.
    pub n: u64,
    /// The record it was written to, if known.
    pub record: Option<RecordId>,
}

/// What a salvage did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// Where the damaged file is now; its log stands beside it.
    pub damaged: PathBuf,
    /// People whose keys were read.
    pub people: BTreeSet<PersonId>,
    /// Pending commands that were read: they are sent as if nothing had happened.
    pub pending: u64,
    /// Messages of signed work that were read.
    pub hand_overs: u64,
    /// Refused commands that were read.
    pub refused: u64,
    /// Accepted commands without a backup that were read.
    pub sent: u64,
    /// Commands that were not: they are in the new store's list of lost ones.
    pub lost: Vec<LostCommand>,
    /// Rows of other tables that do not open.
    pub damaged_rows: Vec<DamagedRow>,
    /// Pages of which something does not read.
    pub damaged_pages: u64,
    /// People whose last number was not found: they enrol anew before they write, so that no number
    /// is used twice.
    pub re_enrol: BTreeSet<PersonId>,
}

/// Salvages the store at `path`. `None`: nothing is wrong with it, and nothing was done.
///
/// # Errors
/// [`StoreError::KeyUnavailable`], [`StoreError::WrongKey`], [`StoreError::Newer`],
/// [`StoreError::NotAStore`] and [`StoreError::DiskFull`] leave all files as they are. Whatever
/// interrupts it, the damaged files are there, and the next salvage or opening goes on.
pub async fn salvage(options: SalvageOptions) -> Result<Option<Salvaged>, StoreError> {
    let SalvageOptions { path, key, hooks, randomness, wall_ms } = options;
    let key = key.ok_or(StoreError::KeyUnavailable)?;
    let mut lock = Lock::take(&path)?;
    if let Some(name) = interrupted_salvage(&path)? {
        put_in_place(&path, &name)?;
    }
    let sealer = Sealer::new(&key, Arc::clone(&randomness));
    if is_sound(&path, &lock, sealer).await? {
        return Ok(None);
    }
    let sealer = Sealer::new(&key, Arc::clone(&randomness));
    let found = Found::of(&path, lock.copies(), &sealer)?;
    let building = beside(&path, ".salvaging");
    remove(&building)?;
    let filling = Filling::new(&found, &sealer, wall_ms);
    let new = OpenOptions {
        path: building.clone(),
        key: Some(key.again()),
        hooks: Arc::clone(&hooks),
        randomness,
    };
    let store = Store::open(new).await?;
    let filled = filling.into_store(&store, &*hooks).await;
    store.close().await;
    let mut salvaged = filled?;
    let name = salvage_name(&path, &time(wall_ms));
    let mut steps = Steps { hooks: &*hooks, done: 0 };
    steps.step().await?;
    // From here on the new store is whole: whoever comes next puts it in its place.
    rename(&building, &salvaged_path(&path, &name))?;
    sync_folder(&path)?;
    steps.step().await?;
    put_in_place(&path, &name)?;
    remove(&building)?;
    steps.step().await?;
    lock.keep(&found.copies())?;
    salvaged.damaged = damaged_path(&path, &name);
    Ok(Some(salvaged))
}

/// Looks at a copy, since SQLite changes the files it opens: a log that it takes for torn is gone
/// when it closes them.
async fn is_sound(path: &Path, lock: &Lock, sealer: Sealer) -> Result<bool, StoreError> {
    let marked = lock.is_marked();
    if !path.exists() && !beside(path, "-wal").exists() {
        return Ok(true);
    }
    match check_files(path, marked) {
        Err(error) if error.asks_for_salvage() => return Ok(false),
        other => other?,
    }
    let copy = beside(path, ".checking");
    remove(&copy)?;
    let checked = check_copy(path, &copy, marked, sealer).await;
    remove(&copy)?;
    match checked {
        // The version may be what was damaged.
        Err(StoreError::Newer { version }) if version > NEWER_MAX => Ok(false),
        Err(StoreError::Damaged { .. }) => Ok(false),
        Err(error) if error.asks_for_salvage() => Ok(false),
        other => other,
    }
}

async fn check_copy(
    path: &Path,
    copy: &Path,
    marked: bool,
    sealer: Sealer,
) -> Result<bool, StoreError> {
    for part in ["", "-wal"] {
        match fs::copy(beside(path, part), beside(copy, part)) {
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                return Err(StoreError::DiskFull);
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::Files(error));
            }
            _ => {}
        }
    }
    let connection = connect(copy).await?;
    let mut inner = Inner { connection, sealer, in_transaction: false };
    let sound = inner.is_sound(marked).await;
    let _ = inner.connection.close().await;
    sound
}

impl Inner {
    async fn is_sound(&mut self, marked: bool) -> Result<bool, StoreError> {
        if self.identify(marked).await? == 0 {
            // Made, and empty: what there was is gone.
            return Ok(!marked);
        }
        self.check_key().await?;
        let lines = sqlx::query_scalar("pragma integrity_check(1)");
        let lines: Vec<String> = lines.fetch_all(&mut self.connection).await?;
        let keys = self.identity_copies().await?;
        Ok(lines == ["ok"] && keys.iter().all(|key| key.opens(&self.sealer)))
    }
}

/// Removes what an interrupted salvage has made of its own.
fn remove(path: &Path) -> Result<(), StoreError> {
    for part in PARTS.into_iter().chain([".lock"]) {
        match fs::remove_file(beside(path, part)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::Files(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A time as part of a file's name: `20261127T205100Z`.
fn time(wall_ms: WallMs) -> String {
    let time = chrono::DateTime::from_timestamp_millis(wall_ms).unwrap_or_default();
    time.format("%Y%m%dT%H%M%SZ").to_string()
}

/// The steps with files, for the hooks.
struct Steps<'h> {
    hooks: &'h dyn Hooks,
    done: u32,
}

impl Steps<'_> {
    async fn step(&mut self) -> Result<(), StoreError> {
        self.done += 1;
        let place = HookPlace::Inside(self.done);
        Ok(self.hooks.at(HookPoint { operation: "salvage_files", place }).await?)
    }
}
