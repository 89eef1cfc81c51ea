//! What the tests' programs log, and every secret that the harnesses make, as files that the last
//! stage of `tests/all` compares (`tests/secrets`). Without the variable nothing is kept.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;

/// What is listened to: everything of ours, of others what an operator would see.
pub const FILTER: &str = "info,fieldbook_server=trace,sync_core=trace,fieldbook_mobile=trace";

/// The folder, where a run of `tests/all` wants them.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os("CAPTURED_LOGS").map(PathBuf::from)
}

/// One file a process and kind.
fn open(kind: &str) -> Option<Mutex<File>> {
    let folder = folder()?;
    let path = folder.join(format!("tests-{}.{kind}", std::process::id()));
    std::fs::create_dir_all(folder).expect("a folder for logs");
    let file = OpenOptions::new().create(true).append(true).open(path).expect("a file for logs");
    Some(Mutex::new(file))
}

fn write(file: Option<&Mutex<File>>, text: &str) {
    let Some(file) = file else { return };
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(file, "{text}").expect("written");
}

/// Keeps everything that is logged in this process from now on.
pub fn listen() {
    static ONCE: LazyLock<()> = LazyLock::new(|| {
        let Some(file) = open("log") else { return };
        let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(FILTER));
        let lines = lines.with_ansi(false).with_writer(file);
        lines.try_init().expect("nobody else listens to all of it");
    });
    LazyLock::force(&ONCE);
}

/// Keeps a line of another process's log.
pub fn line(text: &str) {
    static LINES: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| open("processes.log"));
    write(LINES.as_ref(), text);
}

/// Something that no log may hold.
pub fn secret(text: &str) {
    static SECRETS: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| open("secrets"));
    write(SECRETS.as_ref(), text);
}
