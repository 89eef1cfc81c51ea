//! Backup, check and the interface's description.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};
use sync_core::environment::NoHooks;

use super::{Outside, open};
use crate::config::Config;
use crate::keys::Keys;
use crate::people::{Act, audit};
use crate::sync::{Sync, SyncOptions};
use crate::{Error, Result};

/// Where to.
#[derive(Debug, Args)]
pub struct Backup {
    /// The copy's file; must not exist.
    path: PathBuf,
}

/// Copies the database as of one moment; the server may run. The copy is complete or not there.
pub async fn backup(backup: Backup, config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    let Backup { path } = backup;
    let exists = || Error::Configuration(format!("{} is there already", path.display()));
    if path.exists() {
        return Err(exists());
    }
    let part = part_of(&path)?;
    let db = open(config).await?;
    // Made here, so that nobody else may read it from its first byte on; SQLite takes an empty
    // file as its target.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    let copied = noted(&db, outside.act()).await;
    let copied = match copied {
        Ok(()) => copy(&db, &part).await,
        Err(error) => Err(error),
    };
    db.close().await;
    // A hard link fails where a rename would replace what appeared meanwhile.
    let kept = copied.and_then(|()| fs::hard_link(&part, &path).map_err(|_| exists()));
    fs::remove_file(&part)?;
    kept?;
    sync_folder(&path)?;
    let bytes = fs::metadata(&path)?.len();
    writeln!(outside.out, "{} ({bytes} bytes)", path.display())?;
    writeln!(outside.out, "The keys in {} are not in it.", config.keys.display())?;
    let ledger = config.ledger_folder();
    writeln!(
        outside.out,
        "The ledger in {} is not in it: restore with the latest.",
        ledger.display()
    )?;
    Ok(())
}

/// All personal data leaves with a copy: the audit log says when, in the copy too.
async fn noted(db: &crate::db::Database, act: Act) -> Result<()> {
    let mut transaction = db.begin_write().await?;
    audit::append(&mut transaction, act, "backup_made", &serde_json::json!({})).await?;
    transaction.commit().await?;
    Ok(())
}

/// The unfinished copy's name, beside its place.
fn part_of(path: &Path) -> Result<PathBuf> {
    let mut name = path
        .file_name()
        .ok_or_else(|| Error::Configuration(format!("{} is no file name", path.display())))?
        .to_owned();
    name.push(".part");
    Ok(path.with_file_name(name))
}

async fn copy(db: &crate::db::Database, part: &Path) -> Result<()> {
    let text =
        part.to_str().ok_or_else(|| Error::Configuration("the path is not Unicode".to_owned()))?;
    let mut conn = db.reader().acquire().await?;
    sqlx::query("vacuum into ?").bind(text).execute(&mut *conn).await?;
    drop(conn);
    above_the_block(part).await?;
    fs::set_permissions(part, fs::Permissions::from_mode(0o600))?;
    File::open(part)?.sync_all()?;
    whole(part).await
}

/// Whoever is served from the copy does not know which numbers were given since: they go on above
/// the block that the ledger holds.
async fn above_the_block(file: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut conn = SqliteConnection::connect_with(&options).await?;
    let updated = sqlx::query("update number_given set given = max(given, reserved)")
        .execute(&mut conn)
        .await;
    conn.close().await?;
    updated?;
    Ok(())
}

/// A copy that does not read is no backup.
async fn whole(file: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new().filename(file).immutable(true).read_only(true);
    let mut conn = SqliteConnection::connect_with(&options).await?;
    let found = integrity(&mut conn).await;
    conn.close().await?;
    match found?.as_slice() {
        [] => Ok(()),
        _ => Err(Error::Broken("the copy is damaged")),
    }
}

/// What SQLite finds wrong with a database.
async fn integrity(conn: &mut SqliteConnection) -> Result<Vec<String>> {
    let mut found: Vec<String> =
        sqlx::query_scalar("pragma integrity_check").fetch_all(&mut *conn).await?;
    found.retain(|line| line != "ok");
    for row in sqlx::query("pragma foreign_key_check").fetch_all(&mut *conn).await? {
        let table: String = row.try_get(0)?;
        found.push(format!("a row of {table} refers to nothing"));
    }
    Ok(found)
}

fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// Checks the database, and every record by rebuilding its document.
pub async fn check(config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    let keys = Keys::open(&config.keys)?;
    let db = open(config).await?;
    let mut conn = db.reader().acquire().await?;
    let mut found = integrity(&mut conn).await?;
    drop(conn);
    let sync = Sync::start(SyncOptions::new(
        db.clone(),
        Arc::clone(&outside.clock),
        Arc::clone(&outside.randomness),
        Arc::new(NoHooks),
        keys.attestation,
    ));
    let checked = sync.check().await?;
    sync.stop().await;
    db.close().await;
    found.extend(checked.mismatches.iter().map(|m| format!("record {}: {}", m.record, m.what)));
    for line in &found {
        writeln!(outside.out, "{line}")?;
    }
    writeln!(outside.out, "{} records checked, {} findings", checked.records, found.len())?;
    if found.is_empty() {
        Ok(())
    } else {
        Err(Error::Configuration("the database is not what it should be".to_owned()))
    }
}

/// Prints the description.
pub fn openapi(outside: &mut Outside<'_>) -> Result<()> {
    let text = crate::http::openapi().to_pretty_json();
    let text = text.map_err(|_| Error::Broken("the description does not write"))?;
    writeln!(outside.out, "{text}")?;
    Ok(())
}
