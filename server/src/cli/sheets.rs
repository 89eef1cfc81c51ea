//! `fieldbook admin import` and `export`: tables as sheets, with every problem by row and column.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use sync_core::environment::NoHooks;
use sync_core::model::id::{DeviceId, PersonId, SessionId, SiteId};
use sync_core::protocol::problem::ProblemCode;

use super::roster::{read_file, tell};
use super::{Outside, open};
use crate::config::Config;
use crate::db::Database;
use crate::import::office::Office;
use crate::import::{self, MARK, Outcome, Rows, Scope, Table, tables};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::people::office;
use crate::sync::{Sync, SyncOptions, ledgered, settle};
use crate::{Error, Result};

#[derive(Debug, Args)]
pub struct SheetImport {
    /// The table.
    table: Table,
    /// The sheet: .xlsx, or comma-separated text in UTF-8 or GB 18030.
    file: PathBuf,
    /// The site's number.
    #[arg(long)]
    site: SiteId,
    /// Only say what would become of it.
    #[arg(long)]
    dry_run: bool,
    /// In whose name records are written, for contacts and prices: they are commands, which
    /// rules judge by the person's roles.
    #[arg(long, value_name = "PERSON")]
    by: Option<PersonId>,
}

#[derive(Debug, Args)]
pub struct SheetExport {
    /// The table.
    table: Table,
    /// The site's number.
    #[arg(long)]
    site: SiteId,
    /// Where to write the sheet (default: standard output).
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// Imports a table, or says everything that is wrong with the sheet and changes nothing.
pub async fn import(args: SheetImport, config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    let db = open(config).await?;
    let rows = import::read(&read_file(&args.file)?, args.table.columns());
    let done = match (args.table.kind(), args.by) {
        (None, _) => by_rows(&args, (&db, config), rows, outside).await,
        (Some(_), Some(by)) => by_office(&args, (&db, config), (&rows, by), outside).await,
        (Some(_), None) => Err(Error::Configuration("--by says in whose name".to_owned())),
    };
    db.close().await;
    let outcome = done?;
    tell(&outcome.problems, outside)?;
    let Outcome { rows, added, changed, removed, unchanged, .. } = outcome;
    let would = if args.dry_run { "would be " } else { "" };
    writeln!(outside.out, "{rows} rows of {}", args.table.code())?;
    writeln!(
        outside.out,
        "{would}added {added}, changed {changed}, removed {removed}, unchanged {unchanged}"
    )?;
    Ok(())
}

async fn by_rows(
    args: &SheetImport,
    (db, config): (&Database, &Config),
    rows: Rows,
    outside: &Outside<'_>,
) -> Result<Outcome> {
    let ledger = begin(db, config, outside).await?;
    let mut conn = db.reader().acquire().await?;
    let scope = Scope::of(&mut conn, args.site, outside.act()).await?;
    drop(conn);
    import::rows::run((db, &ledger), (args.table, &scope), &rows, args.dry_run, None).await
}

/// The ledger, carried out: numbers go on where they should.
async fn begin(db: &Database, config: &Config, outside: &Outside<'_>) -> Result<Ledger> {
    let ledger = Ledger::at(&config.ledger_folder());
    let mut transaction = db.begin_write().await?;
    ledgered::begin(&mut transaction, &ledger, outside.clock.wall_ms()).await?;
    transaction.commit().await?;
    Ok(ledger)
}

/// By an office session of the person, which ends with the import.
async fn by_office(
    args: &SheetImport,
    (db, config): (&Database, &Config),
    (rows, by): (&Rows, PersonId),
    outside: &Outside<'_>,
) -> Result<Outcome> {
    let mut act = outside.act();
    act.by = Some(by);
    let ledger = begin(db, config, outside).await?;
    let mut transaction = db.begin_write().await?;
    let scope = Scope::of(&mut transaction, args.site, act).await?;
    let disabled: Option<bool> =
        sqlx::query_scalar("select disabled_ms is not null from person where person = ?")
            .bind(by.0)
            .fetch_optional(&mut *transaction)
            .await?;
    match disabled {
        None => return Err(Error::problem(ProblemCode::NotFound)),
        Some(true) => return Err(Error::problem(ProblemCode::AccountDisabled)),
        Some(false) => {}
    }
    let randomness = outside.randomness.as_ref();
    // Trying it writes nothing, not even a session.
    let opened = if args.dry_run {
        None
    } else {
        let opened = office::open(&mut transaction, act.at_ms, by, randomness).await?.0;
        settle(&mut transaction, &ledger, act.at_ms).await?;
        Some(opened)
    };
    transaction.commit().await?;
    let sync = sync(db, config, outside)?;
    let nobody = (DeviceId(0), SessionId([0; 8]));
    let (device, session) = opened.as_ref().map_or(nobody, |one| (one.device, one.session));
    let office = Office { db, sync: &sync, randomness, person: by, device, session };
    let done = import::office::run(&office, (args.table, &scope), rows, args.dry_run, None).await;
    sync.stop().await;
    if let Some(session) = opened {
        let mut transaction = db.begin_write().await?;
        office::close(&mut transaction, act.at_ms, &session).await?;
        transaction.commit().await?;
    }
    done
}

/// Exports a table; one that names people is in the audit log.
pub async fn export(args: &SheetExport, config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    let db = open(config).await?;
    let sync = sync(&db, config, outside)?;
    let done = sheet(args, (&db, &sync), outside).await;
    sync.stop().await;
    db.close().await;
    let sheet = [MARK.as_bytes(), &done?].concat();
    match &args.to {
        Some(file) => std::fs::write(file, sheet)?,
        None => outside.out.write_all(&sheet)?,
    }
    Ok(())
}

async fn sheet(
    args: &SheetExport,
    (db, sync): (&Database, &Sync),
    outside: &Outside<'_>,
) -> Result<Vec<u8>> {
    let mut transaction = db.begin_write().await?;
    let scope = Scope::of(&mut transaction, args.site, outside.act()).await?;
    let sheet = tables::export(&mut transaction, args.table, &scope, sync).await?;
    import::note_export(&mut transaction, scope.act, args.table, args.site).await?;
    transaction.commit().await?;
    Ok(sheet)
}

/// What judges and writes commands; other processes on the same database do too.
fn sync(db: &Database, config: &Config, outside: &Outside<'_>) -> Result<Sync> {
    Ok(Sync::start(SyncOptions::new(
        db.clone(),
        Arc::clone(&outside.clock),
        Arc::clone(&outside.randomness),
        Arc::new(NoHooks),
        Keys::open(&config.keys)?.attestation,
    )))
}
