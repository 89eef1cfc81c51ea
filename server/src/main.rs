//! The `fieldbook` command.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use fieldbook_server::cli::{self, Cli, Outside};
use fieldbook_server::clock::SystemClock;
use sync_core::environment::SystemRandomness;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| {
        let outside = Outside {
            out: &mut std::io::stdout().lock(),
            input: &mut std::io::stdin().lock(),
            variables: std::env::vars().collect(),
            clock: Arc::new(SystemClock::new()),
            randomness: Arc::new(SystemRandomness),
        };
        runtime.block_on(cli::run(cli, outside))
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nobody is left to be told when standard error is gone.
            let _ = writeln!(std::io::stderr(), "fieldbook: {error}");
            ExitCode::FAILURE
        }
    }
}
