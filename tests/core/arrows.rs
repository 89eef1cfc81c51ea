//! Who may see whom: the arrows of ARCHITECTURE.md, between the crates and inside sync-core.

use std::collections::BTreeSet;

use super::lexer::{self, words};
use super::tree::{self, File, line, none};

/// What a module of sync-core may name in `crate::`, beside itself. The crate's one error knows
/// them all, so it stands outside, and everyone but the model may return it.
const MAY_SEE: [(&str, &[&str]); 9] = [
    ("model", &[]),
    ("environment", &["model"]),
    ("texts", &["model", "rules"]),
    ("protocol", &["model"]),
    ("rules", &["model", "texts"]),
    ("document", &["model"]),
    ("engine", &["model", "protocol", "document", "rules", "environment"]),
    ("store", &["model", "protocol", "environment"]),
    (
        "replica",
        &["model", "protocol", "document", "rules", "environment", "engine", "store", "texts"],
    ),
];

/// A crate from outside, and the only folders that may name it.
const ONLY_IN: [(&str, &[&str]); 8] = [
    ("automerge", &["sync-core/src/document/", "tests/"]),
    ("axum", &["server/", "tests/"]),
    ("chacha20poly1305", &["sync-core/src/protocol/parcel.rs", "sync-core/src/store/"]),
    ("reqwest", &["sync-core/src/replica/http.rs", "server/src/demo/", "tests/"]),
    ("rustix", &["sync-core/src/environment.rs", "sync-core/src/store/", "server/", "tests/"]),
    ("sqlx", &["sync-core/src/store/", "server/", "tests/"]),
    ("uniffi", &["mobile-bindings/"]),
    ("zstd", &["sync-core/src/protocol/", "tests/"]),
];

/// The crates of the workspace a crate's sources may name.
const CRATES_MAY_SEE: [(&str, &[&str]); 4] = [
    ("sync-core/", &[]),
    ("server/", &["sync_core"]),
    ("mobile-bindings/", &["sync_core"]),
    ("tests/", &["sync_core", "fieldbook_server", "mobile_bindings"]),
];

#[test]
fn modules_of_sync_core_see_only_what_is_below_them() {
    let mut findings = Vec::new();
    for file in tree::sources() {
        let Some(inside) = file.path.strip_prefix("sync-core/src/") else { continue };
        let own = inside.trim_end_matches(".rs").split('/').next().unwrap_or_default();
        if own == "lib" || own == "error" {
            continue;
        }
        let Some((_, allowed)) = MAY_SEE.iter().find(|(module, _)| *module == own) else {
            findings.push(format!("{}: a module without arrows", file.path));
            continue;
        };
        for (at, seen) in crate_paths(&file.text) {
            let of_the_error = own != "model" && matches!(seen.as_str(), "Error" | "Result");
            if seen != own && !of_the_error && !allowed.contains(&seen.as_str()) {
                findings.push(format!("{}:{at} {own} -> {seen}", file.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn a_forbidden_arrow_is_found() {
    let text = "use crate::engine::{Plan};\nuse crate::{Error, store::Store};\n// crate::rules\n";
    let seen: Vec<String> = crate_paths(text).into_iter().map(|(_, name)| name).collect();
    assert_eq!(seen, ["engine", "Error", "store"]);
    let seen: Vec<String> =
        root_paths("use sync_core::{engine, model::id::{SiteId, PersonId}};", "sync_core::")
            .into_iter()
            .map(|(_, name)| name)
            .collect();
    assert_eq!(seen, ["engine", "model"]);
}

#[test]
fn crates_from_outside_stay_in_their_folders() {
    let mut findings = Vec::new();
    for file in tree::sources() {
        let code = lexer::code(&file.text);
        for (outside, folders) in ONLY_IN {
            if !folders.iter().any(|folder| file.path.starts_with(folder)) {
                let uses = named(&code, outside).map(|at| finding(&file, &code, at, outside));
                findings.extend(uses);
            }
        }
    }
    none(&findings);
}

#[test]
fn crates_of_the_workspace_see_only_sync_core() {
    let ours = ["sync_core", "fieldbook_server", "mobile_bindings"];
    let mut findings = Vec::new();
    for file in tree::sources() {
        let Some((own, allowed)) =
            CRATES_MAY_SEE.iter().find(|(own, _)| file.path.starts_with(own))
        else {
            findings.push(format!("{}: in no crate of the workspace", file.path));
            continue;
        };
        let code = lexer::code(&file.text);
        let own = own.trim_end_matches('/').replace('-', "_");
        for name in ours.iter().filter(|name| !allowed.contains(name)) {
            // A binary names the library beside it.
            if !(name.ends_with(&own) && file.path.contains("/src/")) {
                findings.extend(named(&code, name).map(|at| finding(&file, &code, at, name)));
            }
        }
    }
    none(&findings);
}

#[test]
fn the_server_is_no_phone() {
    let mut findings = Vec::new();
    for file in tree::sources() {
        let server = file.path.starts_with("server/src/") && !file.path.contains("/demo/");
        let bindings = file.path.starts_with("mobile-bindings/src/");
        for (at, seen) in root_paths(&file.text, "sync_core::") {
            let phone = matches!(seen.as_str(), "engine" | "replica" | "store");
            let inner = matches!(seen.as_str(), "engine" | "document");
            if (server && phone) || (bindings && inner) {
                findings.push(format!("{}:{at} {seen}", file.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn manifests_draw_the_same_arrows() {
    let depends = |package: &str, name: &str| {
        let manifest = tree::file(&format!("{package}/Cargo.toml"));
        manifest
            .lines()
            .any(|line| line.starts_with(name) && line[name.len()..].starts_with([' ', '.', '=']))
    };
    for (package, name) in [
        ("sync-core", "fieldbook-server"),
        ("sync-core", "mobile-bindings"),
        ("sync-core", "uniffi"),
        ("server", "mobile-bindings"),
        ("server", "automerge"),
        ("server", "uniffi"),
        ("mobile-bindings", "fieldbook-server"),
        ("mobile-bindings", "automerge"),
    ] {
        assert!(!depends(package, name), "{package} depends on {name}");
    }
    assert!(depends("server", "sync-core") && depends("sync-core", "automerge"));
}

/// What follows `crate::` or climbs to the root by `super::`, with its line.
fn crate_paths(text: &str) -> Vec<(usize, String)> {
    root_paths(text, "crate::")
}

/// The first names behind `root`, also those in braces, with their lines.
fn root_paths(text: &str, root: &str) -> Vec<(usize, String)> {
    let code = lexer::code(text);
    let mut found = Vec::new();
    for at in words(&code, root.trim_end_matches(':')) {
        let Some(rest) = code[at..].strip_prefix(root) else { continue };
        let names = match rest.strip_prefix('{') {
            Some(inside) => outermost_names(inside),
            None => BTreeSet::from([first_name(rest)]),
        };
        found.extend(names.into_iter().map(|name| (line(&code, at), name)));
    }
    found
}

fn first_name(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first name of each member of a braced list, whose opening brace is already read.
fn outermost_names(inside: &str) -> BTreeSet<String> {
    let (mut names, mut depth, mut start) = (BTreeSet::new(), 0_usize, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.insert(first_name(&inside[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.remove("");
    names
}

/// Where a crate is named: `name::`, or `use name`.
fn named<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    words(code, name).filter(move |&at| {
        let path = code[at + name.len()..].starts_with("::");
        // `crate::document::automerge::x` would be a module of ours.
        let inner = code[..at].ends_with("::") && !code[..at].ends_with(" ::");
        (path && !inner) || code[..at].trim_end().ends_with("use")
    })
}

fn finding(file: &File, code: &str, at: usize, name: &str) -> String {
    format!("{}:{} {name}", file.path, line(code, at))
}
