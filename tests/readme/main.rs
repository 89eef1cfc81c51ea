//! The demo's pages show its real transcript and the READMEs some scenes of it: this runs the demo
//! and compares, with the port masked. `REGENERATE=1` writes them anew.

mod terminal;

use std::path::{Path, PathBuf};
use std::process::Command;

const BEGIN: &str = "<!-- transcript:begin -->";
const END: &str = "<!-- transcript:end -->";
/// The scenes that a README shows, counted from 1: a call, a home without signal, a complaint.
const SCENES: [usize; 3] = [4, 6, 8];

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
    let text = String::from_utf8(output.stdout).expect("the demo writes UTF-8");
    assert!(!text.contains("{$") && !text.contains("demo-"), "a line lacks its words:\n{text}");
    masked(&text)
}

/// The port is a free one: another at each run.
fn masked(text: &str) -> String {
    let Some(at) = text.find("http://127.0.0.1:") else { return text.to_owned() };
    let port = at + "http://127.0.0.1:".len();
    let digits = text[port..].chars().take_while(char::is_ascii_digit).count();
    format!("{}PORT{}", &text[..port], &text[port + digits..])
}

/// The beginning, the scenes a README shows, and the end; what is left out shows as dots.
fn excerpt(transcript: &str) -> String {
    let scenes: Vec<&str> = transcript.split("\n== ").collect();
    let last = scenes.len() - 1;
    let mut shown = scenes[0].to_owned();
    let mut before = 0;
    for scene in SCENES.into_iter().chain([last]) {
        let dots = if scene > before + 1 { "\n...\n" } else { "" };
        shown = format!("{shown}{dots}\n== {}", scenes[scene]);
        before = scene;
    }
    shown
}

fn check(file: &str, fresh: &str) {
    let path = root().join(file);
    let readme = std::fs::read_to_string(&path).expect("the README is there");
    let (before, rest) = readme.split_once(BEGIN).expect("a transcript begins");
    let (shown, after) = rest.split_once(END).expect("a transcript ends");
    let fresh = format!("\n```text\n{fresh}```\n");
    if std::env::var_os("REGENERATE").is_some() {
        let text = format!("{before}{BEGIN}{fresh}{END}{after}");
        std::fs::write(&path, text).expect("the README is written");
        return;
    }
    assert!(shown == fresh, "{file} shows another transcript than the demo prints:\n{fresh}");
}

#[test]
fn the_english_pages_show_the_real_transcript() {
    let transcript = transcript("en");
    check("docs/demo.md", &transcript);
    check("README.md", &excerpt(&transcript));
}

#[test]
fn the_chinese_pages_show_the_real_transcript() {
    let transcript = transcript("zh");
    check("docs/demo.zh-CN.md", &transcript);
    check("README.zh-CN.md", &excerpt(&transcript));
}

#[test]
fn an_excerpt_has_the_beginning_the_chosen_scenes_and_the_end() {
    let scenes: Vec<String> = (1..=10).map(|n| format!("\n== {n}\nline {n}\n")).collect();
    let whole = format!("begin\n{}", scenes.concat());
    let shown = "begin\n\n...\n\n== 4\nline 4\n\n...\n\n== 6\nline 6\n\n...\n\n== 8\nline 8\n";
    assert_eq!(excerpt(&whole), format!("{shown}\n...\n\n== 10\nline 10\n"));
}

#[test]
fn one_seed_is_one_transcript() {
    assert_eq!(transcript("en"), transcript("en"));
}
