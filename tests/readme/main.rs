//! The READMEs show the demo's real transcript: this runs the demo and compares, with the port
//! masked. `REGENERATE=1` writes the transcripts anew.

mod terminal;

use std::path::{Path, PathBuf};
use std::process::Command;

const BEGIN: &str = "<!-- transcript:begin -->";
const END: &str = "<!-- transcript:end -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ stands in the project").to_owned()
}

/// A binary, built beside this test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/debug/deps");
    let program = folder.join(name);
    assert!(program.is_file(), "{} is missing: cargo build", program.display());
    program
}

fn transcript(language: &str) -> String {
    let output = Command::new(program("fieldbook"))
        .args(["demo", "--once", "--seed", "1", "--lang", language])
        .output()
        .expect("the demo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the demo fails: {errors}");
    masked(&String::from_utf8(output.stdout).expect("the demo writes UTF-8"))
}

/// The port is a free one: another at each run.
fn masked(text: &str) -> String {
    let Some(at) = text.find("http://127.0.0.1:") else { return text.to_owned() };
    let port = at + "http://127.0.0.1:".len();
    let digits = text[port..].chars().take_while(char::is_ascii_digit).count();
    format!("{}PORT{}", &text[..port], &text[port + digits..])
}

fn check(file: &str, language: &str) {
    let path = root().join(file);
    let readme = std::fs::read_to_string(&path).expect("the README is there");
    let (before, rest) = readme.split_once(BEGIN).expect("a transcript begins");
    let (shown, after) = rest.split_once(END).expect("a transcript ends");
    let fresh = format!("\n```text\n{}```\n", transcript(language));
    if std::env::var_os("REGENERATE").is_some() {
        let text = format!("{before}{BEGIN}{fresh}{END}{after}");
        std::fs::write(&path, text).expect("the README is written");
        return;
    }
    assert!(shown == fresh, "{file} shows another transcript than the demo prints:\n{fresh}");
}

#[test]
fn the_english_readme_shows_the_real_transcript() {
    check("README.md", "en");
}

#[test]
fn the_chinese_readme_shows_the_real_transcript() {
    check("README.zh-CN.md", "zh");
}

#[test]
fn one_seed_is_one_transcript() {
    assert_eq!(transcript("en"), transcript("en"));
}
