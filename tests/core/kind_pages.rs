//! The pages on the kinds of records say only what is there: their JSON parses as commands and
//! openings, their rules, cases, deadlines and statuses exist.

use sync_core::model::payload::OpeningContent;
use sync_core::model::periodic::PeriodicTask;
use sync_core::rules::cases::CASES;
use sync_core::rules::deadlines::DEADLINES;
use sync_core::rules::{Command, Status};

use super::tree::{self, none};

const PAGES: [&str; 4] =
    ["docs/complaints.md", "docs/jobs.md", "docs/money.md", "docs/reception.md"];
const LINES_MAX: usize = 150;

#[test]
fn the_pages_name_only_what_is_there() {
    let rules = tree::file("docs/rules.md");
    let mut findings = Vec::new();
    for page in PAGES {
        let text = tree::file(page);
        if text.lines().count() > LINES_MAX {
            findings.push(format!("{page} is longer than a person reads"));
        }
        let ids = rule_ids(&text);
        assert!(ids.len() >= 8, "{page} names its rules");
        let gone = ids.into_iter().filter(|id| !rules.contains(&format!("| {id} |")));
        findings.extend(gone.map(|id| format!("{page}: no rule {id}")));
        let lines = json_lines(&text);
        assert!(lines.len() >= 3, "{page} has examples");
        let bad = lines.into_iter().filter(|line| !parses(line));
        findings.extend(bad.map(|line| format!("{page}: no command and no opening: {line}")));
        findings.extend(unknown_codes(&text).iter().map(|code| format!("{page}: no {code}")));
    }
    none(&findings);
}

#[test]
fn what_is_not_there_is_found() {
    assert_eq!(rule_ids("see R1.2, (R3.40); R2D2 and PR1.2"), ["R1.2", "R3.40"]);
    assert!(parses(r#"{"kind":"price_item","name":"a","service":"business","measure":"b"}"#));
    assert!(!parses(r#"{"kind":"price_item","name":"a"}"#));
    assert!(parses(r#"{"command":"record","fact":{"t":"satisfied"}}"#));
    assert!(!parses(r#"{"command":"record","fact":{"t":"delighted"}}"#));
    let page = "| case | is |\n| --- | --- |\n| `step_skipped` | a |\n| `no_case` | b |\n\n| `x` |";
    assert_eq!(unknown_codes(page), ["case no_case"]);
    let page = "| deadline | is |\n| --- | --- |\n| `told`, `late` | a |\n";
    assert_eq!(unknown_codes(page), ["deadline late"]);
}

/// `R3.40` and the like, as they stand.
fn rule_ids(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    let words = words.map(|word| word.trim_end_matches('.'));
    words
        .filter(|word| {
            let numbers = word.strip_prefix('R').and_then(|rest| rest.split_once('.'));
            numbers.is_some_and(|(section, number)| {
                section.parse::<u8>().is_ok() && number.parse::<u8>().is_ok()
            })
        })
        .collect()
}

fn json_lines(text: &str) -> Vec<&str> {
    let blocks = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).collect()
}

fn parses(line: &str) -> bool {
    let command = serde_json::from_str::<Command>(line).is_ok();
    command || serde_json::from_str::<OpeningContent>(line).is_ok()
}

/// Codes in the first column of a table that its first heading says the sort of.
fn unknown_codes(text: &str) -> Vec<String> {
    let statuses: Vec<String> = Status::ALL.iter().map(|status| status.code()).collect();
    let tasks: Vec<String> = PeriodicTask::ALL.iter().map(|task| task.code()).collect();
    let is_there = |sort: &str, code: &str| match sort {
        "case" => CASES.contains(&code),
        "deadline" => DEADLINES.contains(&code),
        "status" => statuses.iter().any(|status| status == code),
        "task" => tasks.iter().any(|task| task == code),
        _ => true,
    };
    let mut found = Vec::new();
    let mut sort = None;
    for line in text.lines() {
        let Some(first) = line.strip_prefix("| ").and_then(|row| row.split(" |").next()) else {
            sort = None;
            continue;
        };
        let Some(sort) = sort else {
            sort = Some(first);
            continue;
        };
        let codes = first.split('`').skip(1).step_by(2);
        let unknown = codes.filter(|code| !is_there(sort, code));
        found.extend(unknown.map(|code| format!("{sort} {code}")));
    }
    found
}
