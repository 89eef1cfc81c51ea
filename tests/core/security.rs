//! The page of security (docs/security.md): every test it names exists and is run, every item says
//! how it stands.

use std::collections::BTreeMap;

use super::rules::doc_of_test;
use super::tree::{self, none};

/// One item of the standard.
struct Item<'a> {
    number: [u32; 3],
    asks: &'a str,
    state: &'a str,
    how: &'a str,
}

fn items(page: &str) -> (Vec<Item<'_>>, Vec<String>) {
    let (mut items, mut found) = (Vec::new(), Vec::new());
    for line in page.lines().filter(|line| line.starts_with("| V")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells[0].strip_prefix('V').map(|text| text.split('.').map(str::parse));
        let number: Option<Vec<u32>> =
            number.and_then(|parts| parts.collect::<Result<_, _>>().ok());
        match (cells.as_slice(), number.and_then(|parts| parts.try_into().ok())) {
            ([_, asks, state, how], Some(number)) => {
                items.push(Item { number, asks, state, how });
            }
            _ => found.push(format!("no item of four cells: {line}")),
        }
    }
    (items, found)
}

fn findings(page: &str, sources: &BTreeMap<String, String>) -> Vec<String> {
    let (items, mut found) = items(page);
    let mut before = [0; 3];
    for Item { number, asks, state, how } in items {
        let name = number.map(|part| part.to_string()).join(".");
        if number <= before {
            found.push(format!("{name} stands twice or out of order"));
        }
        before = number;
        let tests: Vec<&str> =
            how.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains(".rs::")).collect();
        let says = match state {
            "tested" => !tests.is_empty(),
            "holds" | "n/a" | "not done" => !how.is_empty(),
            _ => false,
        };
        if !says || asks.is_empty() {
            found.push(format!("{name} is {state:?} and does not say how"));
        }
        for test in tests {
            let (path, function) = test.split_once("::").unwrap_or_default();
            let file = sources.get(path);
            if file.and_then(|file| doc_of_test(file, function)).is_none() {
                found.push(format!("{name}: no test {test}"));
            }
        }
    }
    found
}

#[test]
fn every_item_of_the_standard_says_how_it_stands_and_names_only_tests_that_are_there() {
    let page = tree::file("docs/security.md");
    let sources = tree::sources().into_iter().map(|file| (file.path, file.text)).collect();
    assert!(items(&page).0.len() >= 250, "the page is read");
    none(&findings(&page, &sources));
}

#[test]
fn an_item_that_names_no_test_or_one_that_is_gone_is_found() {
    let file = "#[test]\nfn it_is_so() {}\nfn nobody_runs_it() {}\n".to_owned();
    let sources = BTreeMap::from([("a.rs".to_owned(), file)]);
    let of = |rows: &str| findings(rows, &sources);
    let good =
        "| V1.1.1 | asks | tested | so: `a.rs::it_is_so` |\n| V1.1.2 | asks | holds | why |\n";
    assert_eq!(of(good), [""; 0]);
    assert_eq!(of(&good.replace("it_is_so", "gone")), ["1.1.1: no test a.rs::gone"]);
    let unrun = "1.1.1: no test a.rs::nobody_runs_it";
    assert_eq!(of(&good.replace("it_is_so", "nobody_runs_it")), [unrun]);
    assert_eq!(of(&good.replace("a.rs", "b.rs")), ["1.1.1: no test b.rs::it_is_so"]);
    let silent = "1.1.1 is \"tested\" and does not say how";
    assert_eq!(of(&good.replace("`a.rs::it_is_so`", "so")), [silent]);
    assert_eq!(of(&good.replace("| why |", "| |")), ["1.1.2 is \"holds\" and does not say how"]);
    assert_eq!(of(&good.replace("1.1.2", "1.1.1")), ["1.1.1 stands twice or out of order"]);
    assert!(of("| V1.1.1 | asks | holds |\n")[0].starts_with("no item of four cells"));
}
