//! The house style as far as a machine can see it. What needs a reader stays with the reader.

use std::collections::BTreeSet;

use super::lexer::{self, block_end, words};
use super::tree::{self, File, line, none};

const LINE_COLUMNS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["common", "helper", "helpers", "manager", "misc", "service", "services", "util", "utils"];

#[test]
fn lines_fit_the_screen() {
    none(&in_every_source(long_lines));
    assert_eq!(long_lines(&"x".repeat(101)), [1]);
    assert!(long_lines(&format!("call(\"{}\");", "x".repeat(101))).is_empty());
    assert!(long_lines(&format!("// https://{}", "x".repeat(101))).is_empty());
    assert_eq!(long_lines(&format!("// see {}", "x ".repeat(60))), [1]);
}

/// A line may be longer by what a literal or an address holds, which nobody can break.
fn long_lines(text: &str) -> Vec<usize> {
    let plain = lexer::without_literals(text);
    text.lines()
        .zip(plain.lines())
        .enumerate()
        .filter(|(_, (line, plain))| {
            let literal = plain.chars().zip(line.chars()).filter(|(p, l)| p != l).count();
            line.chars().count() > LINE_COLUMNS_MAX + literal && !line.contains("://")
        })
        .map(|(index, _)| index + 1)
        .collect()
}

#[test]
fn functions_fit_the_screen() {
    none(&in_every_source(long_functions));
    let body = "    a();\n".repeat(FUNCTION_LINES_MAX);
    assert_eq!(long_functions(&format!("fn a() {{\n{body}}}\n")), [1]);
    assert!(long_functions(&format!("fn a();\nmod b {{\n{body}}}\n")).is_empty());
}

fn long_functions(text: &str) -> Vec<usize> {
    let code = lexer::code(text);
    words(&code, "fn")
        .filter(|&at| {
            // `fn(u8)` is a type.
            let named = code[at + 2..].trim_start().starts_with(|c: char| c.is_alphabetic());
            let end = if named { block_end(&code, at) } else { None };
            end.is_some_and(|end| code[at..end].matches('\n').count() >= FUNCTION_LINES_MAX)
        })
        .map(|at| line(&code, at))
        .collect()
}

#[test]
fn files_have_a_seam_before_they_are_long() {
    let long = |file: &File| file.text.lines().count() > FILE_LINES_MAX;
    let sources = tree::sources();
    none(&sources.iter().filter(|file| long(file)).map(|f| f.path.clone()).collect::<Vec<_>>());
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = |file: &&File| !file.text.starts_with("//! ");
    none(&tree::sources().iter().filter(silent).map(|f| f.path.clone()).collect::<Vec<_>>());
}

#[test]
fn nothing_unwraps_outside_tests() {
    let product = |path: &str| !path.starts_with("tests/") && !path.contains("/tests/");
    let for_tests = declared_for_tests();
    let mut findings = Vec::new();
    for file in tree::sources() {
        if product(&file.path) && !for_tests.contains(&file.path) {
            findings.extend(unwraps(&file.text).iter().map(|n| format!("{}:{n}", file.path)));
        }
    }
    none(&findings);
    assert_eq!(
        unwraps("fn a() { b.unwrap(); }\n#[cfg(test)]\nmod c { fn d() { b.unwrap() } }"),
        [1]
    );
    assert!(unwraps("b.unwrap_or(1); \".unwrap()\" // .unwrap()").is_empty());
}

fn unwraps(text: &str) -> Vec<usize> {
    let code = lexer::without_tests(&lexer::code(text));
    code.match_indices(".unwrap()").map(|(at, _)| line(&code, at)).collect()
}

/// Files that a `#[cfg(test)] mod name;` brings in.
fn declared_for_tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in tree::sources() {
        let code = lexer::code(&file.text);
        let product = lexer::without_tests(&code);
        let all: BTreeSet<String> = modules(&file, &code).into_iter().collect();
        let kept: BTreeSet<String> = modules(&file, &product).into_iter().collect();
        found.extend(all.difference(&kept).cloned());
    }
    found
}

#[test]
fn nothing_is_left_to_do_later() {
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("todo", "!(")];
    let mut findings = Vec::new();
    for file in tree::files() {
        for mark in marks {
            let at = words(&file.text, mark.trim_end_matches("!("))
                .filter(|&at| file.text[at..].starts_with(mark));
            findings.extend(at.map(|at| format!("{}:{} {mark}", file.path, line(&file.text, at))));
        }
    }
    none(&findings);
}

#[test]
fn file_names_say_what_is_inside() {
    let empty = |file: &&File| {
        let mut parts = file.path.trim_end_matches(".rs").split('/');
        parts.any(|part| EMPTY_NAMES.contains(&part))
    };
    none(&tree::sources().iter().filter(empty).map(|f| f.path.clone()).collect::<Vec<_>>());
}

#[test]
fn a_folder_of_modules_has_its_root_in_mod_rs() {
    let paths: BTreeSet<String> = tree::sources().into_iter().map(|file| file.path).collect();
    let roots = crate_roots();
    let beside = paths.iter().filter(|path| {
        let folder = format!("{}/", path.trim_end_matches(".rs"));
        !roots.contains(*path) && paths.iter().any(|other| other.starts_with(&folder))
    });
    none(&beside.cloned().collect::<Vec<_>>());
}

#[test]
fn every_source_is_part_of_a_crate() {
    let sources = tree::sources();
    let mut alive = crate_roots();
    let mut reached: Vec<String> = alive.iter().cloned().collect();
    while let Some(path) = reached.pop() {
        let Some(file) = sources.iter().find(|file| file.path == path) else { continue };
        for child in modules(file, &lexer::code(&file.text)) {
            if alive.insert(child.clone()) {
                reached.push(child);
            }
        }
    }
    let dead = sources.iter().filter(|file| !alive.contains(&file.path));
    none(&dead.map(|file| file.path.clone()).collect::<Vec<_>>());
}

#[test]
fn modules_are_found_where_the_compiler_looks() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let text = "// 'é'\nmod b;\n#[path = \"c.rs\"]\nmod d;\nmod e { }";
    let wanted = ["a/x/b.rs", "a/x/b/mod.rs", "a/x/d.rs", "a/x/d/mod.rs", "a/c.rs"];
    assert_eq!(modules(&file("a/x.rs", text), &lexer::code(text)), wanted);
    let text = "mod b;";
    assert_eq!(modules(&file("a/x/mod.rs", text), text), ["a/x/b.rs", "a/x/b/mod.rs"]);
}

/// The files that cargo compiles by itself: by its conventions and by the paths in manifests.
fn crate_roots() -> BTreeSet<String> {
    let mut roots = BTreeSet::new();
    for file in tree::files() {
        if let Some(package) = file.path.strip_suffix("Cargo.toml") {
            let paths = file.text.lines().filter_map(|line| line.strip_prefix("path = \""));
            roots.extend(paths.map(|path| format!("{package}{}", path.trim_end_matches('"'))));
        }
        let by_convention = ["src/lib.rs", "src/main.rs", "build.rs"];
        let parts: Vec<&str> = file.path.split('/').collect();
        let in_folder = match parts.as_slice() {
            [_, "src", "bin", _] | [_, "tests" | "examples" | "benches", _] => true,
            [_, rest @ ..] => by_convention.contains(&rest.join("/").as_str()),
            [] => false,
        };
        if in_folder && file.path.ends_with(".rs") {
            roots.insert(file.path);
        }
    }
    roots
}

/// The files that `mod name;` in this file's blanked `code` brings in, found or not.
fn modules(file: &File, code: &str) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let owns_its_folder = name == "mod.rs" || crate_roots_name(name) || is_target_root(&file.path);
    let base = if owns_its_folder {
        folder.to_owned()
    } else {
        file.path.trim_end_matches(".rs").to_owned()
    };
    let mut found = Vec::new();
    for at in words(code, "mod") {
        let rest = code[at + 3..].trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if rest[end..].trim_start().starts_with(';') {
            let child = &rest[..end];
            found.push(format!("{base}/{child}.rs"));
            found.push(format!("{base}/{child}/mod.rs"));
        }
    }
    for (at, attribute) in code.match_indices("#[path") {
        // The literal is blank in `code`, which has the same number of characters.
        let rest = file.text.chars().skip(code[..at].chars().count() + attribute.len());
        let path: String =
            rest.skip_while(|c| *c != '"').skip(1).take_while(|c| *c != '"').collect();
        found.push(format!("{folder}/{path}"));
    }
    found
}

fn crate_roots_name(name: &str) -> bool {
    matches!(name, "lib.rs" | "main.rs" | "build.rs")
}

/// A test or a binary of its own looks for its modules beside itself.
fn is_target_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts.as_slice(), ["tests", _] | [_, "tests", _] | [_, "src", "bin", _])
}

/// Findings of one rule over all sources, as `path:line`.
fn in_every_source(rule: impl Fn(&str) -> Vec<usize>) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree::sources() {
        findings.extend(rule(&file.text).iter().map(|number| format!("{}:{number}", file.path)));
    }
    findings
}
