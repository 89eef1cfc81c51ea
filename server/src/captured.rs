//! What the tests make this crate log, and every secret that their harness makes, as files that the
//! last stage of `tests/all` compares: `tests/secrets`. Without the variable nothing is kept.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;

/// The folder, where a run of `tests/all` wants them.
static FOLDER: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("CAPTURED_LOGS").map(PathBuf::from));

/// One file a process and kind.
fn open(kind: &str) -> Option<File> {
    let folder = FOLDER.as_ref()?;
    let path = folder.join(format!("server-{}.{kind}", std::process::id()));
    std::fs::create_dir_all(folder).expect("a folder for logs");
    Some(OpenOptions::new().create(true).append(true).open(path).expect("a file for logs"))
}

/// Keeps everything that is logged in this process from now on.
pub(crate) fn listen() {
    static ONCE: LazyLock<()> = LazyLock::new(|| {
        let Some(file) = open("log") else { return };
        let filter = EnvFilter::new("info,fieldbook_server=trace,sync_core=trace");
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
        lines.with_writer(Mutex::new(file)).try_init().expect("nobody else listens to all of it");
    });
    LazyLock::force(&ONCE);
}

/// Something that no log may hold.
pub(crate) fn secret(text: &str) {
    static SECRETS: LazyLock<Option<Mutex<File>>> =
        LazyLock::new(|| open("secrets").map(Mutex::new));
    let Some(file) = SECRETS.as_ref() else { return };
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(file, "{text}").expect("written");
}
