//! The project's files as they stand in the work tree. Nothing outside of it is read.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file.
pub struct File {
    /// From the project's root, with `/`.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// The project's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are a folder of the project").to_owned()
}

/// Every text file of the project, sorted by path.
pub fn files() -> Vec<File> {
    let mut files = Vec::new();
    walk(&root(), "", &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 30, "the walk finds the project");
    files
}

/// Every Rust source, sorted by path.
pub fn sources() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

/// A file that must be there.
pub fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let entry = entry.expect("an entry of the project");
        let name = entry.file_name().into_string().expect("names are UTF-8");
        // A work tree made beside a clone has a file of this name.
        if name == ".git" {
            continue;
        }
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        if entry.file_type().expect("a type").is_dir() {
            if !matches!(name.as_str(), "target" | "build" | "__pycache__") {
                walk(&entry.path(), &path, files);
            }
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(File { path, text });
        }
    }
}

/// The line number of a byte offset.
pub fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Fails with every finding, one a line.
#[track_caller]
pub fn none(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}
