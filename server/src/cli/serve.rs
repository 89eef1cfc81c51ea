//! `fieldbook serve`: the server on a socket, with its log.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use sync_core::environment::NoHooks;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Outside, listen_at, open};
use crate::config::{Config, LogFormat};
use crate::keys::Keys;
use crate::{App, AppOptions, Error, Result, http};

/// How to serve.
#[derive(Debug, Args)]
pub struct Serve {
    /// The address to listen on (default: 127.0.0.1:8080).
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// Serves until a signal says to end.
pub async fn serve(serve: Serve, config: Config, outside: &mut Outside<'_>) -> Result<()> {
    log_to_stderr(&config)?;
    let keys = Keys::open(&config.keys)?;
    let db = open(&config).await?;
    let listener = TcpListener::bind(listen_at(serve.listen, &config)).await?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let app = App::start(AppOptions {
        db,
        keys,
        clock: Arc::clone(&outside.clock),
        randomness: Arc::clone(&outside.randomness),
        hooks: Arc::new(NoHooks),
        config,
    });
    // Before the jobs too: they read records.
    if let Err(error) = app.sync.carry_out_ledger().await {
        app.stop().await;
        return Err(error);
    }
    tracing::info!(
        address = %listener.local_addr()?,
        installation = app.keys.fingerprint(),
        version = env!("CARGO_PKG_VERSION"),
        "serving"
    );
    if app.config.public_url.starts_with("https://") && app.config.trusted_proxies.is_empty() {
        tracing::warn!("no trusted_proxies: everyone behind the proxy is limited as one client");
    }
    app.start_jobs().await;
    let shutdown = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("ending after the requests at hand");
    };
    let served = http::serve(app.clone(), listener, shutdown).await;
    app.stop().await;
    served
}

/// Sends log lines to standard error.
fn log_to_stderr(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| Error::Configuration(format!("log: {error}")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match config.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    set.map_err(|error| Error::Configuration(format!("log: {error}")))
}
