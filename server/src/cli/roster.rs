//! `fieldbook admin roster-import`: a sheet of shifts, with every problem by row and column.

use std::path::{Path, PathBuf};

use clap::Args;
use sqlx::SqliteConnection;
use sync_core::model::id::SiteId;
use sync_core::texts::{Language, code_text};

use super::{Outside, table};
use crate::import::Problem;
use crate::people::roster::import::{self, Outcome};
use crate::people::roster::{self, FILE_BYTES_MAX};
use crate::{Error, Result};

#[derive(Debug, Args)]
pub struct RosterImport {
    /// The sheet: .xlsx, or comma-separated UTF-8 text.
    file: PathBuf,
    /// The site's number.
    #[arg(long)]
    site: SiteId,
    /// Only say what would become of it.
    #[arg(long)]
    dry_run: bool,
}

/// Imports it, or says everything that is wrong with it and changes nothing.
pub async fn import(
    args: RosterImport,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    let file = read_file(&args.file)?;
    let sheet = import::read(&file, roster::zone(conn, args.site).await?);
    let outcome = if args.dry_run {
        import::check(conn, args.site, sheet).await?
    } else {
        import::apply(conn, outside.act(), args.site, sheet).await?
    };
    say(&outcome, args.dry_run, outside)
}

fn say(outcome: &Outcome, dry_run: bool, outside: &mut Outside<'_>) -> Result<()> {
    let Outcome { rows, dates, added, removed, unchanged, problems } = outcome;
    tell(problems, outside)?;
    let would = if dry_run { "would be " } else { "" };
    writeln!(outside.out, "{rows} rows of {} dates", dates.len())?;
    writeln!(outside.out, "{would}added {added}, removed {removed}, unchanged {unchanged}")?;
    Ok(())
}

/// Shows everything that is wrong with a sheet.
///
/// # Errors
/// If there is anything.
pub fn tell(problems: &[Problem], outside: &mut Outside<'_>) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let row = |problem: &Problem| {
        vec![
            problem.row.to_string(),
            problem.column.code().to_owned(),
            problem.code.to_owned(),
            code_text(Language::En, "sheet", problem.code, &[]),
        ]
    };
    let rows: Vec<Vec<String>> = problems.iter().map(row).collect();
    table(outside.out, &["row", "column", "code", "problem"], &rows)?;
    let count = problems.len();
    Err(Error::Configuration(format!("{count} problems; nothing was imported")))
}

/// A sheet's bytes, not of any size.
///
/// # Errors
/// If the file is not there or too large.
pub fn read_file(file: &Path) -> Result<Vec<u8>> {
    if std::fs::metadata(file)?.len() > FILE_BYTES_MAX as u64 {
        return Err(Error::Configuration(code_text(Language::En, "sheet", "too_large", &[])));
    }
    Ok(std::fs::read(file)?)
}
