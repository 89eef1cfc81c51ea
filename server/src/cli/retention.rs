//! `fieldbook admin purge`, `retention` and `audit`: erasing a person on their wish, what is due,
//! and what was done.

use std::sync::Arc;

use clap::Args;
use sqlx::SqliteConnection;
use sync_core::environment::NoHooks;
use sync_core::model::contact;
use sync_core::model::id::RecordId;
use sync_core::model::time::WallMs;
use sync_core::rules::check_reason;

use super::{Outside, open, table};
use crate::config::Config;
use crate::http::time::{parse_rfc3339, rfc3339};
use crate::jobs::retention;
use crate::keys::Keys;
use crate::people::audit;
use crate::sync::{Kept, PurgeWhy, Purged};
use crate::{App, AppOptions, Error, Result};

#[derive(Debug, Args)]
pub struct Purge {
    /// The contact's record.
    record: RecordId,
    /// Why; stands in the audit log for ever, so no names.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Also while an order that is not closed names the contact.
    #[arg(long)]
    while_open: bool,
}

#[derive(Debug, Args)]
pub struct Retention {
    /// List what would be purged; the running server does it by itself.
    #[arg(long, required = true)]
    dry_run: bool,
    /// As of another moment (RFC 3339), e.g. next year.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<WallMs>,
}

#[derive(Debug, Args)]
pub struct Audit {
    /// How many lines, the latest.
    #[arg(long, value_name = "N", default_value_t = 50)]
    last: u32,
    /// Only acts of this name, e.g. record_purged.
    #[arg(long, value_name = "NAME")]
    act: Option<String>,
}

fn time(text: &str) -> Result<WallMs, String> {
    parse_rfc3339(text).ok_or_else(|| "a time is written like 2026-11-25T08:00:00+08:00".into())
}

/// Erases a contact, with a line in the ledger and one in the audit log.
pub async fn purge(purge: Purge, config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    let Purge { record, reason, while_open } = purge;
    if reason.trim().is_empty() {
        return Err(Error::Configuration("a reason is needed".to_owned()));
    }
    check_reason(&reason)?;
    let app = app(config, outside).await?;
    let why = PurgeWhy::Asked { reason, while_needed: while_open };
    let purged = app.sync.purge(record, why, outside.act()).await;
    app.stop().await;
    match purged? {
        Purged::Done => {
            writeln!(outside.out, "{record} is purged; phones learn of it with their next sync")?;
            writeln!(outside.out, "Backups made before still hold it: see docs/retention.md.")?;
            Ok(())
        }
        Purged::NotHere => {
            Err(Error::Configuration(format!("there is no record {record}, or it was purged")))
        }
        Purged::Kept(kept) => Err(Error::Configuration(why_kept(&kept))),
    }
}

fn why_kept(kept: &Kept) -> String {
    let Kept { record, kind, needed_by, .. } = kept;
    match kept.until_ms {
        _ if kind == contact::KIND => format!(
            "{needed_by} records that are not closed name {record}; --while-open erases it all the \
             same"
        ),
        Some(until_ms) => format!("{record} ({kind}) is kept until {}", rfc3339(until_ms)),
        None => format!("{record} ({kind}) is kept: only contacts are erased on demand"),
    }
}

/// Lists what a run of the job would purge.
pub async fn dry_run(
    retention: Retention,
    config: &Config,
    outside: &mut Outside<'_>,
) -> Result<()> {
    debug_assert!(retention.dry_run, "the flag is required");
    let app = app(config, outside).await?;
    let due = retention::due(&app, retention.at.unwrap_or(app.now_ms())).await;
    app.stop().await;
    let due = due?;
    let row = |kept: &Kept| {
        let until = kept.until_ms.map(rfc3339).unwrap_or_default();
        let (record, site) = (kept.record.to_string(), kept.site.to_string());
        vec![record, site, kept.kind.clone(), kept.rule.to_owned(), until]
    };
    let rows: Vec<Vec<String>> = due.iter().map(row).collect();
    table(outside.out, &["record", "site", "kind", "rule", "kept until"], &rows)?;
    writeln!(outside.out, "{} would be purged; nothing was", rows.len())?;
    Ok(())
}

/// Prints the audit log, oldest first.
pub async fn audit(
    audit: &Audit,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    let entries = audit::last(conn, audit.last, audit.act.as_deref()).await?;
    let rows: Vec<Vec<String>> = entries
        .into_iter()
        .map(|entry| {
            let by = entry.person.map_or_else(|| "-".to_owned(), |person| person.to_string());
            vec![entry.id.to_string(), rfc3339(entry.at_ms), by, entry.act, entry.detail]
        })
        .collect();
    table(outside.out, &["line", "at", "person", "act", "detail"], &rows)
}

/// The server without its socket and its jobs.
pub(super) async fn app(config: &Config, outside: &Outside<'_>) -> Result<App> {
    let keys = Keys::open(&config.keys)?;
    Ok(App::start(AppOptions {
        db: open(config).await?,
        keys,
        clock: Arc::clone(&outside.clock),
        randomness: Arc::clone(&outside.randomness),
        hooks: Arc::new(NoHooks),
        config: config.clone(),
    }))
}
