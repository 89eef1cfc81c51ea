//! The server's one error. What a client is told of it is decided in `http::problem` alone.

use std::collections::BTreeMap;

use sync_core::protocol::problem::ProblemCode;

/// Whatever can go wrong in the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller is told exactly this.
    #[error("{}", .code.code())]
    Problem {
        /// The stable code.
        code: ProblemCode,
        /// Parameters of its text.
        params: BTreeMap<String, String>,
    },
    /// A rule says no.
    #[error(transparent)]
    Denied(#[from] sync_core::rules::Denial),
    /// Something of `sync-core`.
    #[error(transparent)]
    Core(#[from] sync_core::Error),
    /// The database.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up.
    #[error("migration")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A file or socket.
    #[error("io")]
    Io(#[from] std::io::Error),
    /// A configuration that cannot be used.
    #[error("configuration: {0}")]
    Configuration(String),
    /// A hook stopped the operation: only in tests.
    #[error(transparent)]
    Stopped(#[from] sync_core::environment::Crash),
    /// Something that must hold does not.
    #[error("broken invariant: {0}")]
    Broken(&'static str),
}

impl Error {
    /// A problem without parameters.
    pub fn problem(code: ProblemCode) -> Self {
        Self::Problem { code, params: BTreeMap::new() }
    }

    /// The member or parameter `what` does not parse.
    pub fn malformed(what: &str) -> Self {
        Self::problem(ProblemCode::Malformed).with("what", what)
    }

    /// A problem with a parameter of its text.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        if let Self::Problem { params, .. } = &mut self {
            params.insert(name.to_owned(), value.to_string());
        }
        self
    }
}

/// The server's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
