//! What a command costs the disk: each one that returned has been brought to it once, before it
//! returned. Counted by strace, which sees every system call of a child process.
//!
//! Without strace it says so and counts nothing, except where `COUNTS_STRACE` is `required`, as
//! in `tests/all`.

use std::path::Path;

use sync_core::model::id::RecordId;
use sync_core::rules::Command;

use super::child;
use super::kill::runtime;
use super::site::{Life, Site, copy};

const COMMANDS: usize = 10;

/// Writes ten commands, or none, and is gone without closing anything.
#[test]
fn child() {
    let Some(order) = child::order() else { return };
    let (commands, folder) = order.split_once(' ').expect("a count and a folder");
    let commands: usize = commands.parse().expect("a count");
    runtime().block_on(async {
        let phone = Site::open_phone(&Life::quiet(Path::new(folder), 5)).await;
        let record: RecordId = phone.list().await[0].record;
        child::tell("opened");
        for number in 1..=commands {
            let note = Command::Note { text: format!("第 {number} 条") };
            phone.perform(&note, Some(record)).await.expect("saves");
            child::tell("returned");
        }
        child::tell("ends");
        // Closing would write the log back, which is not a command's cost.
        std::process::exit(0);
    });
}

/// What strace saw between two words of the child.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    /// The word that ends it.
    word: String,
    /// The files brought to the disk in it, by the ends of their names.
    synced: Vec<String>,
}

/// Reads a trace of `-y`: a call that another thread interrupts is two lines, and done with the
/// second.
fn spans(trace: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut synced = Vec::new();
    let mut begun: Vec<(&str, String)> = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        if let Some(word) = call.split("\"\\n@").nth(1).filter(|_| call.starts_with("write(")) {
            let word = word.split("\\n").next().unwrap_or_default().to_owned();
            spans.push(Span { word, synced: std::mem::take(&mut synced) });
        } else if call.starts_with("fsync(") || call.starts_with("fdatasync(") {
            let path = call.split(['<', '>']).nth(1).unwrap_or_default();
            let file = path.rsplit('/').next().unwrap_or_default().to_owned();
            if call.ends_with("= 0") {
                synced.push(file);
            } else {
                begun.push((thread, file));
            }
        } else if call.contains("sync resumed>") && call.ends_with("= 0") {
            let position = begun.iter().position(|(by, _)| *by == thread);
            synced.push(begun.remove(position.expect("it was begun")).1);
        }
    }
    spans
}

fn trace(template: &Path, commands: usize) -> Vec<Span> {
    let folder = tempfile::tempdir().expect("a folder");
    copy(template, folder.path());
    let file = folder.path().join("trace");
    let file = file.to_str().expect("text");
    let order = format!("{commands} {}", folder.path().to_str().expect("text"));
    let calls = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o", file];
    let output = child::wrapped(&calls, "fsync::child", &order).output().expect("starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let spans = spans(&std::fs::read_to_string(file).expect("a trace"));
    let begin = spans.iter().position(|span| span.word == "opened").expect("it opens");
    spans.into_iter().skip(begin + 1).collect()
}

fn has_strace() -> bool {
    let mut tried = std::process::Command::new("strace");
    tried.args(["-f", "-o", "/dev/null", "true"]);
    tried.output().is_ok_and(|output| output.status.success())
}

#[test]
fn every_command_is_brought_to_the_disk_once_before_it_returns() {
    if !has_strace() {
        let required = std::env::var("COUNTS_STRACE").is_ok_and(|value| value == "required");
        assert!(!required, "strace is missing, or may not trace here");
        child::tell("skipped: without strace the syncs of the disk are not counted");
        return;
    }
    let template = tempfile::tempdir().expect("a folder");
    runtime().block_on(Site::prepare(template.path()));
    let none = trace(template.path(), 0);
    let ten = trace(template.path(), COMMANDS);
    let count = |spans: &[Span]| spans.iter().map(|span| span.synced.len()).sum::<usize>();
    child::tell(&format!(
        "syncs of the disk: {} for {COMMANDS} commands, {} for none",
        count(&ten),
        count(&none)
    ));
    assert_eq!(count(&none), 0, "{none:?}");
    assert_eq!(ten.len(), COMMANDS + 1, "{ten:?}");
    let (first, others) = ten.split_first().expect("eleven");
    // The first command begins the log: its header and its name in the folder are to last too.
    let log = "phone.db-wal";
    let [header, _folder, commit] = &first.synced[..] else { panic!("{first:?}") };
    assert_eq!([header, commit], [log, log]);
    for span in &others[..COMMANDS - 1] {
        assert_eq!(*span, Span { word: "returned".to_owned(), synced: vec![log.to_owned()] });
    }
    assert_eq!(others[COMMANDS - 1], Span { word: "ends".to_owned(), synced: Vec::new() });
}

#[test]
fn a_trace_is_read_with_its_interrupted_calls() {
    let trace = "7 fdatasync(5</a/phone.db-wal>) = 0\n\
                 7 write(1</dev/null>, \"\\n@opened\\n\", 9) = 9\n\
                 8 fdatasync(5</a/phone.db-wal> <unfinished ...>\n\
                 7 write(1</dev/null>, \"\\n@early\\n\", 8) = 8\n\
                 8 <... fdatasync resumed>) = 0\n\
                 7 fsync(5</a/b>) = -1 EIO (Input/output error)\n\
                 7 write(1</dev/null>, \"\\n@late\\n\", 7) = 7\n";
    let of = |word: &str, files: &[&str]| Span {
        word: word.to_owned(),
        synced: files.iter().map(|file| (*file).to_owned()).collect(),
    };
    let wal = &["phone.db-wal"];
    assert_eq!(spans(trace), [of("opened", wal), of("early", &[]), of("late", wal)]);
}
