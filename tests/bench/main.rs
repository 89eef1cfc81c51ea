//! `fieldbook-bench`: the workload "shift end", replayed by real replicas over real HTTP against a
//! real server process, and what it costs. How to run it and what it came to:
//! `docs/performance.md`.
//!
//! Every figure is of work that was done and checked: after each push the server is killed, and
//! what a fresh client is then served must have the workload's published digest.

mod client;
mod edits;
mod phases;
mod prepare;
mod report;
mod server;
#[cfg(test)]
mod tests;
mod wire;
mod workload;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use phases::Pass;
use prepare::{Place, Size, prepare};
use report::Line;
use server::{copy, tell};

const HELP: &str = "fieldbook-bench [options]
  --devices N[,N...]  devices that push together (20)
  --records N         records of each device (40)
  --edits N           edits of each record, at most 22 (22)
  --runs N            passes whose median time counts (3)
  --steady N          edits of the steady phase (200)
  --json FILE         writes the figures there too, one phase a line
  --server FILE       the fieldbook command (the one beside this)
  --folder FOLDER     keeps what is prepared there, and uses it again (a temporary one)
  --no-counts         leaves out the pass that counts bytes, fsyncs and statements
";

/// What was asked for.
struct Options {
    devices: Vec<u32>,
    records: u32,
    edits: usize,
    runs: u32,
    steady: u32,
    json: Option<PathBuf>,
    server: PathBuf,
    folder: Option<PathBuf>,
    counts: bool,
}

impl Options {
    /// Reads the command line.
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let beside = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut options = Self {
            devices: vec![20],
            records: workload::RECORDS,
            edits: workload::EDITS,
            runs: 3,
            steady: 200,
            json: None,
            server: beside.with_file_name("fieldbook"),
            folder: None,
            counts: true,
        };
        while let Some(name) = arguments.next() {
            if name == "--no-counts" {
                options.counts = false;
                continue;
            }
            let value = arguments.next().ok_or_else(|| HELP.to_owned())?;
            match name.as_str() {
                "--devices" => {
                    let devices: Result<_, _> = value.split(',').map(number).collect();
                    options.devices = devices?;
                }
                "--records" => options.records = number(&value)?,
                "--edits" => options.edits = number::<usize>(&value)?.min(workload::EDITS),
                "--runs" => options.runs = number::<u32>(&value)?.max(1),
                "--steady" => options.steady = number(&value)?,
                "--json" => options.json = Some(value.into()),
                "--server" => options.server = value.into(),
                "--folder" => options.folder = Some(value.into()),
                _ => return Err(HELP.to_owned()),
            }
        }
        Ok(options)
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text} is no number\n{HELP}"))
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(told) => {
            tell(&told);
            return std::process::ExitCode::FAILURE;
        }
    };
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let folder = std::path::absolute(folder).expect("a path");
    let mut lines = Vec::new();
    for devices in &options.devices {
        let Options { records, edits, .. } = options;
        let size = Size { devices: *devices, records, edits };
        lines.extend(measure(&options, &folder, size).await);
    }
    if let Some(file) = &options.json {
        std::fs::write(file, report::json_lines(&lines)).expect("the figures are written");
    }
    std::io::stdout().write_all(report::table(&lines).as_bytes()).expect("somebody reads");
    std::process::ExitCode::SUCCESS
}

/// All passes of one size, each on a copy of the same files.
async fn measure(options: &Options, folder: &Path, size: Size) -> Vec<Line> {
    let name = format!("{}x{}x{}", size.devices, size.records, size.edits);
    let prepared = Place { folder: folder.join(format!("prepared-{name}")) };
    let done = prepared.folder.join("done");
    if !done.exists() {
        tell(&format!("preparing {name} (devices x records x edits)"));
        prepare(&prepared, &options.server, size).await;
        std::fs::write(&done, "").expect("writes");
    }
    let mut timed = Vec::new();
    for run in 0..options.runs {
        tell(&format!("{name}: pass {} of {}", run + 1, options.runs));
        timed.push(pass(options, folder, &prepared, size, false).await);
    }
    let mut counted = None;
    if options.counts {
        tell(&format!("{name}: counting"));
        counted = Some(pass(options, folder, &prepared, size, true).await);
    }
    Line::of(size.total(), &timed, counted.as_deref())
}

async fn pass(
    options: &Options,
    folder: &Path,
    prepared: &Place,
    size: Size,
    counted: bool,
) -> Vec<phases::Row> {
    let place = Place { folder: folder.join("pass") };
    if place.folder.exists() {
        std::fs::remove_dir_all(&place.folder).expect("an earlier pass's folder");
    }
    copy(&prepared.folder, &place.folder);
    let steady = options.steady;
    Pass { fieldbook: &options.server, place: &place, size, steady, counted }.run().await
}
