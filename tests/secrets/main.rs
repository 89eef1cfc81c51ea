//! The last stage of `tests/all`: what this run's programs have logged holds no secret that its
//! harnesses made, and nothing that looks like one.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use fieldbook_tests::captured;

/// What was found where.
type Finding = (usize, String);

#[test]
fn what_a_run_has_logged_holds_no_secret_of_anybody() {
    // Only a run of `tests/all` keeps logs; alone, there is nothing to look through.
    let Some(folder) = captured::folder() else { return };
    let logs = texts(&folder, ".log");
    let secrets: BTreeSet<String> = texts(&folder, ".secrets")
        .iter()
        .flat_map(|(_, text)| text.lines())
        .map(str::to_owned)
        .collect();
    let lines: usize = logs.iter().map(|(_, text)| text.lines().count()).sum();
    assert!(lines > 1_000 && secrets.len() > 100, "run unit and end_to_end before: {lines}");
    let mut found = Vec::new();
    for (name, text) in &logs {
        for (line, what) in secrets_in(text, &secrets).into_iter().chain(shapes_in(text)) {
            found.push(format!("{name}:{line}: {what}"));
        }
    }
    found.truncate(50);
    assert!(found.is_empty(), "somebody's secret is in a log:\n{}", found.join("\n"));
}

/// The files whose names end so, with their names.
fn texts(folder: &Path, end: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("the folder of this run's logs");
    let mut texts = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if name.ends_with(end) {
            let bytes = fs::read(&path).expect("reads");
            texts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    texts.sort();
    texts
}

/// Bytes by which a secret is looked up.
const PREFIX: usize = 5;

/// Every secret that stands in a text. One pass: logs are long and secrets are many.
fn secrets_in(text: &str, secrets: &BTreeSet<String>) -> Vec<Finding> {
    let mut by_prefix: HashMap<&[u8], Vec<&str>> = HashMap::new();
    for secret in secrets {
        let prefix = secret.as_bytes().get(..PREFIX);
        let prefix = prefix.unwrap_or_else(|| panic!("too short to be looked for: {secret:?}"));
        by_prefix.entry(prefix).or_default().push(secret);
    }
    let mut found = Vec::new();
    for (at, window) in text.as_bytes().windows(PREFIX).enumerate() {
        for secret in by_prefix.get(window).into_iter().flatten() {
            if text.as_bytes()[at..].starts_with(secret.as_bytes()) {
                found.push((line(text, at), format!("{secret:?}")));
            }
        }
    }
    found
}

fn line(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Whatever looks like a secret, whoever made it: logs are English, ids are numbers.
fn shapes_in(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words = line.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')));
        for word in words.filter(|word| !word.is_empty()) {
            let what = if word.contains(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)) {
                "somebody's words"
            } else if word.starts_with("eyJ") && word.len() > 24 {
                "a token"
            } else if is_code(word) {
                "a code"
            } else if is_phone(word) {
                "a phone number"
            } else {
                continue;
            };
            found.push((index + 1, format!("{what}: {word}")));
        }
    }
    found
}

/// Groups of four or five characters of base 32.
fn is_code(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    let base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    let whole = groups.iter().filter(|group| matches!(group.len(), 4 | 5)).count();
    whole >= 3 && whole + 1 >= groups.len() && groups.iter().all(|group| group.chars().all(base32))
}

/// A mobile number of China, or one of the numbers that tests invent.
fn is_phone(word: &str) -> bool {
    let digits = word.chars().all(|c| c.is_ascii_digit());
    (digits && word.len() == 11 && word.starts_with('1')) || word.starts_with("000-5550-")
}

#[test]
fn a_secret_in_a_log_is_found_wherever_it_stands() {
    let secrets = BTreeSet::from(["correct horse".to_owned(), "王建国".to_owned()]);
    let text = "INFO answered\nWARN name=\"王建国\" x\nINFO password=correct horse.";
    let found = secrets_in(text, &secrets);
    assert_eq!(found, [(2, "\"王建国\"".to_owned()), (3, "\"correct horse\"".to_owned())]);
    assert_eq!(secrets_in("INFO correct horses are not", &BTreeSet::new()), []);
}

#[test]
fn what_looks_like_a_secret_is_found_and_ids_and_times_are_not() {
    for (line, what) in [
        ("INFO name=陈静", "somebody's words: 陈静"),
        ("INFO eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x", "a token"),
        ("INFO code=ABCD-EF23-GHIJ-4567", "a code"),
        ("INFO code=\"AAAQE-AYEAU-DAOCA-JBIFQ-YDIOB-4\"", "a code"),
        ("INFO called 13800138000", "a phone number"),
        ("INFO called 000-5550-0101", "a phone number"),
    ] {
        let found = shapes_in(line);
        assert!(found.len() == 1 && found[0].1.starts_with(what), "{line}: {found:?}");
    }
    let plain = "2026-11-25T08:30:00.123456Z  INFO request{id=00ff0123456789ab method=POST \
        route=/v1/sync person=1 device=12}: fieldbook_server::http::trace: answered status=200 \
        took_ms=1795566600000 record=AAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(shapes_in(plain), []);
}
