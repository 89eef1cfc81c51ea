//! The page of rules (docs/rules.md) and the code say the same: each id has its place and its test,
//! both name it, and nothing names an id that the page lacks.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer;
use super::tree::{self, File, none};

const PAGE: &str = "docs/rules.md";
/// Whose sources name rules.
const NAMING: [&str; 4] = ["sync-core/", "server/", "mobile-bindings/", "tests/"];

/// An id: its section and its number there.
type Id = (u32, u32);

/// One row of the page.
struct Row<'a> {
    id: Id,
    rule: &'a str,
    source: &'a str,
    /// File and item.
    code: Vec<(String, &'a str)>,
    /// File and function.
    tests: Vec<(String, &'a str)>,
}

#[test]
fn every_rule_has_its_code_and_its_test_and_both_name_it() {
    let page = tree::file(PAGE);
    assert!(rows(&page).0.len() >= 120, "the page is read");
    none(&findings(&page, &tree::sources()));
}

/// What is wrong with a page and the sources it speaks of.
fn findings(page: &str, sources: &[File]) -> Vec<String> {
    let (rows, mut found) = rows(page);
    found.extend(misnumbered(&rows));
    let files: BTreeMap<&str, &str> =
        sources.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    for row in &rows {
        let name = text(row.id);
        if row.rule.is_empty() {
            found.push(format!("{name} says nothing"));
        }
        if row.source.is_empty() || !row.source.split(", ").all(is_source) {
            found.push(format!("{name} has neither a number of the source nor (ours)"));
        }
        if row.code.is_empty() {
            found.push(format!("{name} has no code"));
        }
        for (path, item) in &row.code {
            let missing = files.get(path.as_str()).map_or(Some("no such file"), |file| {
                let here = lexer::words(&lexer::code(file), item).next().is_some();
                let product = file.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                let named = ids(product).contains(&row.id);
                (!here).then_some("no such item").or((!named).then_some("does not name it"))
            });
            found.extend(missing.map(|why| format!("{name}: {path} {item}: {why}")));
        }
        if row.tests.is_empty() {
            found.push(format!("{name} has no test"));
        }
        for (path, function) in &row.tests {
            let missing = match files.get(path.as_str()).map(|file| doc_of_test(file, function)) {
                None => Some("no such file"),
                Some(None) => Some("no such test"),
                Some(Some(doc)) => (!ids(&doc).contains(&row.id)).then_some("does not name it"),
            };
            found.extend(missing.map(|why| format!("{name}: {path} {function}: {why}")));
        }
    }
    let known: BTreeSet<Id> = rows.iter().map(|row| row.id).collect();
    let naming = |file: &&File| NAMING.iter().any(|folder| file.path.starts_with(folder));
    for file in sources.iter().filter(naming) {
        let unknown = ids(&file.text).into_iter().filter(|id| !known.contains(id));
        found.extend(unknown.map(|id| format!("{} names {}: no such rule", file.path, text(id))));
    }
    found
}

/// The rows of the page, and what is no row though it looks like one.
fn rows(page: &str) -> (Vec<Row<'_>>, Vec<String>) {
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    for line in page.lines().filter(|line| line.starts_with("| R")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let id = ids(cells[0]);
        match (cells.as_slice(), id.as_slice()) {
            ([name, rule, source, code, tests], [id]) if *name == text(*id) => rows.push(Row {
                id: *id,
                rule,
                source,
                code: pairs(code).map(|(path, item)| (whole(path), item)).collect(),
                tests: pairs(tests).map(|(test, path)| (whole(path), test)).collect(),
            }),
            _ => found.push(format!("no row of five cells with an id: {line}")),
        }
    }
    (rows, found)
}

/// What stands between backticks, two by two.
fn pairs(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    let pairs: Vec<(&str, &str)> =
        quoted.chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or_default())).collect();
    pairs.into_iter()
}

/// A path of the page from the project's root: what names no crate is sync-core's.
fn whole(path: &str) -> String {
    let of_crate = NAMING.iter().any(|folder| path.starts_with(folder));
    if of_crate { path.to_owned() } else { format!("sync-core/src/{path}") }
}

/// A number of the source begins with its part.
fn is_source(source: &str) -> bool {
    const PARTS: [&str; 7] = ["一 ", "二 ", "三 ", "四 ", "五 ", "六 ", "入户"];
    source == "(ours)" || PARTS.iter().any(|part| source.starts_with(part))
}

/// Ids that stand twice, and gaps in a section's numbers.
fn misnumbered(rows: &[Row<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let mut last: BTreeMap<u32, u32> = BTreeMap::new();
    for row in rows {
        let (section, number) = row.id;
        let last = last.entry(section).or_default();
        if number <= *last {
            found.push(format!("{} stands twice or out of order", text(row.id)));
        } else if number != *last + 1 {
            found.push(format!("{} is missing", text((section, *last + 1))));
        }
        *last = number;
    }
    found
}

/// The doc comment of a test; `None` where the file has no such test, or it is not run.
pub(super) fn doc_of_test(file: &str, function: &str) -> Option<String> {
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(&format!("fn {function}(")))?;
    let above = lines[..at].iter().rev();
    let above: Vec<&str> =
        above.take_while(|l| l.starts_with("///") || l.starts_with("#[")).copied().collect();
    let has = |what: &str| above.iter().any(|line| line.starts_with("#[") && line.contains(what));
    // One that is passed over tests nothing.
    let is_test = has("test") && !has("ignore");
    let doc: Vec<&str> = above.into_iter().filter(|line| line.starts_with("///")).collect();
    is_test.then(|| doc.join("\n"))
}

fn text((section, number): Id) -> String {
    format!("R{section}.{number}")
}

/// Every id in a text: an R that begins a word, a section, a point, a number.
fn ids(text: &str) -> Vec<Id> {
    let mut found = Vec::new();
    for at in text.match_indices('R').map(|(at, _)| at) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let number = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let rest = &text[at + 1..];
        let (section, rest) = rest.split_at(number(rest));
        let Some(rest) = rest.strip_prefix('.') else { continue };
        let (digits, rest) = rest.split_at(number(rest));
        let goes_on = rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if let (Ok(section), Ok(digits), false) = (section.parse(), digits.parse(), goes_on) {
            found.push((section, digits));
        }
    }
    found
}

/// Ids here are put together: whoever reads the sources for ids does not find these.
fn id(number: &str) -> String {
    ["R", number].concat()
}

fn page(ids: [&str; 2]) -> String {
    let row = |n: &str, code: &str, test: &str| {
        format!("| {} | A rule. | 三 3.1.2, (ours) | {code} | {test} |\n", id(n))
    };
    let first = row(ids[0], "`rules/a.rs`: `decide`", "`it_is_so` in `rules/tests/a.rs`");
    first + &row(ids[1], "`server/src/b.rs`: `Told`", "`it_is_told` in `server/src/b.rs`")
}

fn sources() -> Vec<File> {
    let file = |path: &str, text: String| File { path: path.to_owned(), text };
    let (first, second) = (id("9.1"), id("9.2"));
    vec![
        file("sync-core/src/rules/a.rs", format!("// As it is ({first}).\nfn decide() {{}}\n")),
        file(
            "sync-core/src/rules/tests/a.rs",
            format!("/// {first}\n#[test]\nfn it_is_so() {{}}\n"),
        ),
        file(
            "server/src/b.rs",
            format!(
                "/// {second}\nenum Told {{}}\n/// {second}\n#[tokio::test]\nasync fn it_is_told() {{}}\n"
            ),
        ),
    ]
}

#[test]
fn a_page_that_lacks_anything_is_found() {
    let good = page(["9.1", "9.2"]);
    assert_eq!(findings(&good, &sources()), [""; 0]);
    let breaks = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        findings(&good.replacen(from, to, 1), &sources())
    };
    let (one, two) = (id("9.1"), id("9.2"));
    let found = breaks("`rules/a.rs`: `decide`", "");
    assert_eq!(found, [format!("{one} has no code")]);
    let found = breaks("`it_is_so` in `rules/tests/a.rs`", "");
    assert_eq!(found, [format!("{one} has no test")]);
    let found = breaks("rules/a.rs", "rules/c.rs");
    assert_eq!(found, [format!("{one}: sync-core/src/rules/c.rs decide: no such file")]);
    let found = breaks("`decide`", "`decid`");
    assert_eq!(found, [format!("{one}: sync-core/src/rules/a.rs decid: no such item")]);
    let found = breaks("it_is_so", "it_is_not");
    assert_eq!(found, [format!("{one}: sync-core/src/rules/tests/a.rs it_is_not: no such test")]);
    let found = breaks("三 3.1.2", "somewhere");
    assert_eq!(found, [format!("{one} has neither a number of the source nor (ours)")]);
    assert_eq!(breaks("A rule.", ""), [format!("{one} says nothing")]);
    let found = breaks("| A rule.", "A rule.");
    assert!(found[0].starts_with("no row of five cells"), "{found:?}");
    assert!(found.contains(&format!("sync-core/src/rules/a.rs names {one}: no such rule")));
    assert!(findings(&page(["9.1", "9.1"]), &sources())[0].contains("twice"));
    let found = findings(&page(["9.1", "9.3"]), &sources());
    assert_eq!(found[0], format!("{two} is missing"));
}

#[test]
fn a_source_that_does_not_name_its_rule_is_found() {
    let good = page(["9.1", "9.2"]);
    let (one, two) = (id("9.1"), id("9.2"));
    let mut sources = sources();
    sources[0].text = "fn decide() {}\n".to_owned();
    sources[1].text = format!("/// {two}\n#[test]\nfn it_is_so() {{}}\n");
    let lost = |path: &str, item: &str| format!("{one}: {path} {item}: does not name it");
    assert_eq!(
        findings(&good, &sources),
        [
            lost("sync-core/src/rules/a.rs", "decide"),
            lost("sync-core/src/rules/tests/a.rs", "it_is_so")
        ]
    );
    // A function that nobody runs is no test.
    sources[1].text = format!("/// {one}\nfn it_is_so() {{}}\n");
    let untested = "sync-core/src/rules/tests/a.rs it_is_so: no such test";
    assert_eq!(findings(&good, &sources)[1], format!("{one}: {untested}"));
    sources[1].text = format!("/// {one}\n#[test]\n#[ignore]\nfn it_is_so() {{}}\n");
    assert_eq!(findings(&good, &sources)[1], format!("{one}: {untested}"));
    assert_eq!(
        ids(&format!("({one}, {two}) x{one} {one}a {one}. R R1 1.2")),
        [(9, 1), (9, 2), (9, 1)]
    );
}
