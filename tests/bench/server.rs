//! The server under measurement: the `fieldbook` command in a folder of its own, and what the
//! system says of its process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

const READY_WITHIN: Duration = Duration::from_secs(60);
/// Clock ticks of `/proc` in a second, on every Linux that runs today.
const TICKS_PER_S: u64 = 100;
/// Where strace writes, in the server's folder.
const TRACE: &str = "trace";

/// An installation's folder and the command that runs it.
#[derive(Clone)]
pub struct Installation {
    pub fieldbook: PathBuf,
    pub folder: PathBuf,
}

/// A running server; ended at the latest when it is dropped.
pub struct Server {
    process: Child,
    pub url: String,
    /// From the start of the process until it serves.
    pub started_ms: f64,
    folder: PathBuf,
    statements: Arc<AtomicU64>,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Processor time, milliseconds, in steps of 10.
    pub cpu_ms: u64,
    /// The most memory it held since it was started, KiB.
    pub peak_kib: u64,
    /// Syncs of the disk; 0 where nobody counts them.
    pub fsyncs: u64,
    /// SQL statements; 0 where nobody counts them.
    pub statements: u64,
}

impl Installation {
    /// `fieldbook init` in an empty folder.
    pub fn init(&self) {
        let arguments = ["init", "--site", "办公室", "--admin", "管理员", "--login", "admin"];
        let output = self.command(&[], &arguments).output().expect("fieldbook runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.folder.join("fieldbook.db")
    }

    /// Starts the server. `counted`: under strace, telling every statement; its times mean nothing
    /// then.
    pub fn serve(&self, counted: bool) -> Server {
        let trace = self.folder.join(TRACE);
        let trace = trace.to_str().expect("a path of text");
        // -D: the tracer is the grandchild, so that the process started here is the server.
        let strace = ["strace", "-D", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", trace];
        let wrapper: &[&str] = if counted { &strace } else { &[] };
        let mut command = self.command(wrapper, &["serve", "--listen", "127.0.0.1:0"]);
        command.env("FIELDBOOK_LOG_FORMAT", "json").stderr(Stdio::piped());
        command.env("FIELDBOOK_LOG", if counted { "info,sqlx::query=debug" } else { "info" });
        let started = Instant::now();
        let mut process = command.spawn().expect("fieldbook serves");
        let log = BufReader::new(process.stderr.take().expect("its log is a pipe"));
        let (address_came, address) = mpsc::channel();
        let statements = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&statements);
        // Reads on to the end, or a full pipe would stop the server.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if line.contains("\"target\":\"sqlx::query\"") {
                    counter.fetch_add(1, Ordering::Relaxed);
                } else if let Some(address) = address_of(&line) {
                    let _nobody_waits = address_came.send(address);
                } else if !line.contains("\"level\":\"INFO\"") {
                    tell(&line);
                }
            }
        });
        let address = address.recv_timeout(READY_WITHIN).expect("the server serves");
        let started_ms = started.elapsed().as_secs_f64() * 1_000.0;
        let url = format!("http://{address}");
        Server { process, url, started_ms, folder: self.folder.clone(), statements }
    }

    fn command(&self, wrapper: &[&str], arguments: &[&str]) -> Command {
        let fieldbook = self.fieldbook.to_str().expect("a path of text");
        let all: Vec<&str> = wrapper.iter().copied().chain([fieldbook]).collect();
        let mut command = Command::new(all[0]);
        for (name, _) in std::env::vars_os() {
            // A variable of somebody else's would be an unknown key, or another server.
            if name.to_string_lossy().starts_with("FIELDBOOK_") {
                command.env_remove(name);
            }
        }
        command.args(&all[1..]).args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.env("FIELDBOOK_PASSWORD", "correct-horse-battery");
        command
    }
}

impl Server {
    /// What it has used until now.
    pub fn used(&self) -> Used {
        let trace = fs::read_to_string(self.folder.join(TRACE)).unwrap_or_default();
        let begun = |line: &&str| line.contains("sync(");
        let fsyncs = trace.lines().filter(begun).count() as u64;
        let statements = self.statements.load(Ordering::Relaxed);
        Used { fsyncs, statements, ..used(&self.process.id().to_string()) }
    }

    /// SIGKILL: whatever it had not brought to the file system is lost.
    pub fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// SIGTERM: it answers what it has at hand and ends well.
    pub fn stop(mut self) {
        let pid = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(told.success());
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "the server ended with {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a process has used, by `/proc`; `self` is this one.
pub fn used(pid: &str) -> Used {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let stat = read("stat");
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<u64> =
        after_name.split(' ').map(|field| field.parse().unwrap_or_default()).collect();
    // utime and stime, the 14th and 15th of the line.
    let ticks: u64 = fields.iter().skip(11).take(2).sum();
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    Used {
        cpu_ms: ticks * 1_000 / TICKS_PER_S,
        peak_kib: peak.unwrap_or_default(),
        ..Used::default()
    }
}

/// Copies a folder whole.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copies");
        }
    }
}

fn address_of(line: &str) -> Option<String> {
    let said: Value = serde_json::from_str(line).ok()?;
    let fields = &said["fields"];
    (fields["message"] == "serving").then(|| fields["address"].as_str().map(str::to_owned))?
}

/// Says something to whoever runs this, beside the results.
#[expect(clippy::print_stderr, reason = "a command that measures tells how far it is")]
pub fn tell(line: &str) {
    eprintln!("{line}");
}
