//! The `fieldbook` command: serve, and everything an administrator does at the machine. Nothing
//! here asks questions: what it needs comes by flags, secrets by standard input or the environment.

mod admin;
mod hand_in;
mod maintain;
mod retention;
mod roster;
mod serve;
mod setup;
mod sheets;
mod verify;

#[cfg(test)]
mod audited_tests;
#[cfg(test)]
mod tests;

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use figment::value::{Dict, Value};
use sync_core::environment::{Clock, Randomness};

use crate::config::Config;
use crate::db::Database;
use crate::demo;
use crate::people::Act;
use crate::{Error, Result};

/// Fieldbook: records of a property manager's customer-service department.
#[derive(Debug, Parser)]
#[command(name = "fieldbook", version)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// What a configuration file and `FIELDBOOK_*` variables hold too; flags hold over both.
#[derive(Debug, Args)]
struct Settings {
    /// The configuration's file (TOML), also FIELDBOOK_CONFIG.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The database's file (default: fieldbook.db).
    #[arg(long, global = true, value_name = "FILE")]
    database: Option<String>,
    /// The folder of the installation's keys (default: keys).
    #[arg(long, global = true, value_name = "FOLDER")]
    keys: Option<String>,
    /// The folder of the ledger of purges (default: ledger, beside the keys' folder).
    #[arg(long, global = true, value_name = "FOLDER")]
    ledger: Option<String>,
    /// How phones and browsers reach the server (default: http://127.0.0.1:8080).
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// What to log, e.g. info,fieldbook_server::sync=debug (default: info).
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// text or json (default: text).
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new installation: keys, database, and whoever administers it.
    Init(setup::Init),
    /// Run the server until SIGINT or SIGTERM.
    Serve(serve::Serve),
    /// People, roles, sites, units, devices, policies, keys.
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Copy the database while the server runs.
    Backup(maintain::Backup),
    /// Rebuild every record's document and compare it with what is stored.
    Check,
    /// Check a file of evidence by itself: no database, no keys, no network.
    Verify(verify::Verify),
    /// Print the description of the HTTP interface (OpenAPI 3.1).
    Openapi,
    /// Play a day at an invented site: two phones, a desk, an account that closes.
    Demo(demo::Demo),
    /// A phone process of the demo.
    #[command(hide = true)]
    DemoPhone(demo::DemoPhone),
}

/// What the command touches of the world, as values: tests bring their own.
pub struct Outside<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard input.
    pub input: &'a mut dyn BufRead,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub randomness: Arc<dyn Randomness>,
}

impl Outside<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A password from `FIELDBOOK_PASSWORD`, else the first line of standard input. Never from the
    /// arguments: those are in the list of processes.
    fn password(&mut self) -> Result<String> {
        if let Some(password) = self.variable("FIELDBOOK_PASSWORD") {
            return Ok(password.to_owned());
        }
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        let password = line.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            let wanted = "a password on standard input or in FIELDBOOK_PASSWORD";
            return Err(Error::Configuration(format!("{wanted} is needed")));
        }
        Ok(password.to_owned())
    }

    fn act(&self) -> Act {
        Act::at_the_machine(self.clock.wall_ms())
    }
}

/// Runs a command; answers its exit code, which says something only of `verify`.
///
/// # Errors
/// Whatever keeps it from being done.
pub async fn run(cli: Cli, mut outside: Outside<'_>) -> Result<u8> {
    let outside = &mut outside;
    if let Command::Verify(verify) = &cli.command {
        return verify::verify(verify, outside.out);
    }
    let config = cli.settings.load(outside)?;
    match cli.command {
        Command::Verify(_) => Ok(()),
        Command::Init(init) => setup::init(init, &config, outside).await,
        Command::Serve(serve) => serve::serve(serve, config, outside).await,
        Command::Admin(admin) => admin::run(admin, &config, outside).await,
        Command::Backup(backup) => maintain::backup(backup, &config, outside).await,
        Command::Check => maintain::check(&config, outside).await,
        Command::Openapi => maintain::openapi(outside),
        Command::Demo(play) => demo::run(play, outside.out).await,
        Command::DemoPhone(phone) => demo::run_phone(phone, outside.input, outside.out).await,
    }?;
    Ok(0)
}

impl Settings {
    fn load(self, outside: &Outside<'_>) -> Result<Config> {
        let file = self.config.or_else(|| outside.variable("FIELDBOOK_CONFIG").map(PathBuf::from));
        let flags = [
            ("database", self.database),
            ("keys", self.keys),
            ("ledger", self.ledger),
            ("public_url", self.public_url),
            ("log", self.log),
            ("log_format", self.log_format),
        ];
        let flags: Dict = flags
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))))
            .collect();
        Config::load(file.as_deref(), outside.variables.clone(), flags)
    }
}

/// Opens the database of an installation that was made.
async fn open(config: &Config) -> Result<Database> {
    if !config.database.is_file() {
        return Err(Error::Configuration(format!(
            "{} is not there: `fieldbook init` makes an installation",
            config.database.display()
        )));
    }
    Database::open(&config.database).await
}

/// Where `serve` listens, when a flag says so.
fn listen_at(listen: Option<SocketAddr>, config: &Config) -> SocketAddr {
    listen.unwrap_or(config.listen)
}

/// A table for people: columns as wide as their widest entry.
fn table(out: &mut dyn Write, head: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let heads = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&heads).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<String>>().join("  ");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
