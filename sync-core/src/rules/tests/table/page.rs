//! The table as a page that people read.

use std::fmt::Write as _;

use super::super::*;
use super::acts::{self, Act};
use super::{DESK, Entry, May, Outcome, kinds_of_records, table};
use crate::texts::{Language, code_text, has_text, id_of};

const INTRO: &str = "# Who may write what

What each role may write into each kind of record, as the code decides it on the phone, in the office and on
the server alike ([rules.md](rules.md), \"Who\"). **This page is made from the code** by `REGENERATE=1 cargo test
-p sync-core the_page_of_permissions`, and a test fails when the two differ: whoever changes a permission
changes this page with it, and whoever runs the office reads the change.

Disagreement with the world, such as work on an order that was given to somebody else meanwhile, is no matter
of permission: it is accepted and shown as a case.

How to read a table:

- A line is what is written: the word the screens use, and its code. What is judged alike stands in one line.
- **when** is the state of the record; empty is every state.
- **●** in a role's column: who holds the role at the site may write it, as its own holder or as a deputy from
  and to the deputy's dates.
- **group**: `own` is a role held for one group of buildings (组团) that reaches the records of that group and
  those of none, and no other's; `any` reaches all. `–` is a kind of record that belongs to no group.
- **department**: a role held for one department counts only if it is one of these; `any` is every one.
- **for others**: who may enter it for a colleague without a phone (补录); `desk` is the desk and those above it.

";

/// The whole page.
pub fn page() -> String {
    let mut page = INTRO.to_owned();
    page.push_str("| role | 中文 | in English |\n| --- | --- | --- |\n");
    for role in Role::ALL {
        let (code, english) = (role.code(), word(Language::En, "role", &role.code()));
        let _ = writeln!(page, "| `{code}` | {} | {english} |", chinese(role));
    }
    for kind in kinds_of_records() {
        section(&mut page, kind);
    }
    page
}

/// A line of a table.
struct Line {
    acts: Vec<Act>,
    when: String,
    outcome: &'static Outcome,
}

fn section(page: &mut String, kind: &str) {
    let lines = lines(kind);
    let _ = write!(page, "\n## {}\n\n| what | when |", heading(kind));
    for role in Role::ALL {
        let _ = write!(page, " {} |", chinese(role));
    }
    page.push_str(" group | department | for others |\n| --- | --- |");
    page.push_str(&" :-: |".repeat(Role::ALL.len()));
    page.push_str(" --- | --- | --- |\n");
    let mut nobody = Vec::new();
    let mut refused = Vec::new();
    for line in &lines {
        match line.outcome {
            Outcome::May(may) if may.roles.is_empty() => nobody.push(line),
            Outcome::May(may) => row(page, line, may),
            Outcome::Refused(code) => refused.push((line, code)),
            Outcome::NotOfTheKind => {}
        }
    }
    if !refused.is_empty() {
        page.push_str(
            "\nNobody, whatever the role:\n\n| what | when | why |\n| --- | --- | --- |\n",
        );
        for (line, code) in refused {
            let _ = writeln!(page, "| {} | {} | {code} |", what(&line.acts), line.when);
        }
    }
    if !nobody.is_empty() {
        let all: Vec<String> = nobody.iter().map(|line| what(&line.acts)).collect();
        let _ = writeln!(page, "\nOnly the server writes: {}.", all.join("; "));
    }
}

fn lines(kind: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for act in acts::all(kind) {
        let same = |entry: &&Entry| {
            let one = &entry.act;
            let named = (&one.fact_type, &one.detail) == (&act.fact_type, &act.detail);
            entry.scene.kind == kind && named
        };
        let entries: Vec<&Entry> = table().iter().filter(same).collect();
        let mut found: Vec<(&Outcome, Vec<&str>)> = Vec::new();
        for entry in &entries {
            match found.iter_mut().find(|(one, _)| **one == entry.outcome) {
                Some((_, all)) => all.push(entry.scene.state),
                None => found.push((&entry.outcome, vec![entry.scene.state])),
            }
        }
        for (outcome, all) in found {
            let when = if all.len() == entries.len() { String::new() } else { all.join("; ") };
            match lines.iter_mut().find(|line| line.outcome == outcome && line.when == when) {
                Some(line) => line.acts.push(act.clone()),
                None => lines.push(Line { acts: vec![act.clone()], when, outcome }),
            }
        }
    }
    lines
}

fn row(page: &mut String, line: &Line, may: &May) {
    let _ = write!(page, "| {} | {} |", what(&line.acts), line.when);
    for role in Role::ALL {
        page.push_str(if may.roles.contains(&role) { " ● |" } else { "  |" });
    }
    let group = match may.other_group {
        None => "–",
        Some(true) => "any",
        Some(false) => "own",
    };
    let codes = may.departments.as_ref().map(|departments| {
        let codes: Vec<String> = departments.iter().map(|d| format!("`{d}`")).collect();
        codes.join(", ")
    });
    let for_others = match may.for_others.as_slice() {
        [] => "nobody".to_owned(),
        all if all == DESK => "desk".to_owned(),
        some => some.iter().map(|role| chinese(*role)).collect::<Vec<_>>().join("、"),
    };
    let departments = codes.unwrap_or_else(|| "any".to_owned());
    let _ = writeln!(page, " {group} | {departments} | {for_others} |");
}

/// What is written: each type with its words, its sorts behind it.
fn what(acts: &[Act]) -> String {
    let mut types: Vec<(&str, Vec<&str>)> = Vec::new();
    for act in acts {
        let details = match types.iter_mut().find(|(name, _)| *name == act.fact_type) {
            Some((_, details)) => details,
            None => {
                types.push((&act.fact_type, Vec::new()));
                &mut types.last_mut().expect("just pushed").1
            }
        };
        if !act.detail.is_empty() {
            details.push(&act.detail);
        }
    }
    let words = types.into_iter().map(|(name, details)| {
        let known = has_text(Language::ZhCn, &id_of("fact", name));
        let own = if known { word(Language::ZhCn, "fact", name) + " " } else { String::new() };
        let named = format!("{own}`{name}`");
        if details.is_empty() { named } else { format!("{named} ({})", details.join(", ")) }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn word(language: Language, group: &str, code: &str) -> String {
    code_text(language, group, code, &[])
}

fn chinese(role: Role) -> String {
    word(Language::ZhCn, "role", &role.code())
}

fn heading(kind: &str) -> String {
    let own = match kind {
        "work_order" => "派工单",
        "contact" => "联系人",
        "patrol_plan" => "巡查计划",
        "patrol_round" => "巡查",
        "alarm" => "报警",
        _ => return format!("{} `{kind}`", word(Language::ZhCn, "kind", kind)),
    };
    format!("{own} `{kind}`")
}
