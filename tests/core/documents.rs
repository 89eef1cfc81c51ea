//! Documents that tell the truth: links that lead somewhere, commands that exist, and a protocol
//! page with every code and every limit of the code.

use std::collections::BTreeMap;

use sync_core::model::policy::SlaPolicy;
use sync_core::protocol::limits::LIMITS;
use sync_core::protocol::message::Outcome;
use sync_core::protocol::problem::ProblemCode;

use super::tree::{self, none};

#[test]
fn every_link_leads_to_a_file() {
    let mut findings = Vec::new();
    for file in tree::files().iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&file.text) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !tree::root().join(folder).join(target).exists() {
                findings.push(format!("{} -> {link}", file.path));
            }
        }
    }
    none(&findings);
    let text = "[a](b.md) [c](https://d) `[e](f)` ![g](h.png#i)\n```\n[j](k)\n```\n";
    assert_eq!(links(text), ["b.md", "h.png#i"]);
}

/// Relative links outside of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 1 {
            continue;
        }
        for (index, prose) in part.split('`').enumerate() {
            let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            if index % 2 == 0 {
                found.extend(targets.map(|(target, _)| target.to_owned()));
            }
        }
    }
    found.retain(|link| !link.contains("://") && !link.starts_with("mailto:"));
    found
}

#[test]
fn the_commands_of_the_readme_exist() {
    for readme in ["README.md", "README.zh-CN.md"] {
        let commands = commands(&tree::file(readme));
        assert_eq!(commands.first().map(String::as_str), Some("cargo run -- demo"), "{readme}");
        assert_eq!(commands.get(1).map(String::as_str), Some("tests/all"), "{readme}");
        none(&commands.iter().filter_map(|command| missing(command)).collect::<Vec<_>>());
    }
    assert_eq!(missing("cargo run -- dance"), Some("no subcommand: cargo run -- dance".into()));
    assert_eq!(missing("tests/none"), Some("no such script: tests/none".into()));
    assert!(missing("curl x").is_some());
}

/// The lines of the `sh` blocks.
fn commands(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or_default());
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Why a command cannot be run here, if so.
fn missing(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["cargo", "run", "--", subcommand, ..] if is_subcommand(subcommand) => None,
        ["cargo", "run", ..] => Some(format!("no subcommand: {command}")),
        [script, ..] if script.starts_with("tests/") => {
            let exists = tree::root().join(script).is_file();
            (!exists).then(|| format!("no such script: {command}"))
        }
        _ => Some(format!("neither the program nor a script: {command}")),
    }
}

/// A subcommand is a variant of the command line's enum.
fn is_subcommand(name: &str) -> bool {
    let mut letters = name.chars();
    let variant: String =
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    tree::sources().iter().filter(|file| file.path.starts_with("server/src/")).any(|file| {
        file.text.contains("Subcommand")
            && file.text.lines().any(|line| {
                let rest = line.trim().strip_prefix(&variant);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([',', '(', ' ', '{']))
            })
    })
}

#[test]
fn the_protocol_page_names_every_code() {
    let page = tree::file("docs/protocol.md");
    let row = |code: &str, status: u16| page.contains(&format!("| `{code}` | {status} |"));
    let absent = ProblemCode::ALL.iter().filter(|code| !row(code.code(), code.status()));
    none(&absent.map(|code| format!("{} {}", code.code(), code.status())).collect::<Vec<_>>());
    for outcome in
        [Outcome::Entered, Outcome::Rewritten, Outcome::Held, Outcome::Refused, Outcome::NotStored]
    {
        assert!(page.contains(&format!("`{}`", outcome.code())), "{}", outcome.code());
    }
}

#[test]
fn the_protocol_page_names_every_limit_with_its_number() {
    let page = tree::file("docs/protocol.md");
    let limits = serde_json::to_value(LIMITS).expect("limits are JSON");
    let limits: BTreeMap<String, u64> = serde_json::from_value(limits).expect("names and numbers");
    assert!(limits.len() >= 14);
    let absent =
        limits.iter().map(|(name, number)| format!("| `{name}` | {} |", thousands(*number)));
    none(&absent.filter(|row| !page.contains(row)).collect::<Vec<_>>());
    assert_eq!(thousands(8_388_608), "8,388,608");
    assert_eq!(thousands(500), "500");
}

/// R0.8
#[test]
fn the_deadlines_page_names_every_value_of_the_policy_with_its_default() {
    let page = tree::file("docs/deadlines.md");
    let policy = serde_json::to_value(SlaPolicy::default()).expect("a policy is JSON");
    let values = policy.as_object().expect("names and values");
    assert!(values.len() >= 38);
    let absent = values.iter().map(|(name, value)| match value {
        serde_json::Value::Object(_) => format!("| `{name}` | above |"),
        value => format!("| `{name}` | `{value}` |"),
    });
    none(&absent.filter(|row| !page.contains(row)).collect::<Vec<_>>());
}

#[test]
fn the_deadlines_page_names_only_tests_that_are_there() {
    let page = tree::file("docs/deadlines.md");
    let tests: String = tree::sources()
        .iter()
        .filter(|file| file.path.starts_with("sync-core/src/"))
        .map(|file| file.text.as_str())
        .collect();
    let names = page.split('`').skip(1).step_by(2);
    let names: Vec<&str> = names.filter(|name| name.matches('_').count() >= 4).collect();
    assert!(names.len() >= 25, "{}", names.len());
    let absent = names.iter().filter(|name| !tests.contains(&format!("fn {name}(")));
    let absent = absent.filter(|name| !name.ends_with("_ms") && !name.ends_with("_days"));
    none(&absent.map(ToString::to_string).collect::<Vec<_>>());
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
