//! Manifests and scripts: one place for versions, and nothing of any machine.

use super::tree::{self, line, none};

#[test]
fn versions_stand_in_the_workspace_and_nowhere_else() {
    let mut findings = Vec::new();
    for package in members() {
        let path = format!("{package}/Cargo.toml");
        findings.extend(own_versions(&tree::file(&path)).iter().map(|n| format!("{path}: {n}")));
    }
    none(&findings);
    let text =
        "[dependencies]\na = \"1\"\nb.workspace = true\nc = { workspace = true }\n[lints]\nd = 1\n";
    assert_eq!(own_versions(text), ["a = \"1\""]);
}

fn own_versions(manifest: &str) -> Vec<String> {
    let mut in_dependencies = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
        } else if in_dependencies
            && line.contains('=')
            && !line.starts_with('#')
            && !line.contains("workspace = true")
        {
            found.push(line.to_owned());
        }
    }
    found
}

#[test]
fn every_crate_takes_the_lints_and_the_edition_of_the_workspace() {
    for package in members() {
        let manifest = tree::file(&format!("{package}/Cargo.toml"));
        for wanted in ["[lints]\nworkspace = true", "edition.workspace", "rust-version.workspace"] {
            assert!(manifest.contains(wanted), "{package} lacks {wanted}");
        }
    }
}

/// The folders of the workspace's crates.
fn members() -> Vec<String> {
    let manifest = tree::file("Cargo.toml");
    let list = manifest.lines().find_map(|line| line.strip_prefix("members = ["));
    let list = list.expect("the workspace names its members on one line");
    let names: Vec<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() >= 4, "{names:?}");
    names
}

#[test]
fn the_lock_file_is_kept_and_knows_one_registry() {
    let lock = tree::file("Cargo.lock");
    let mut sources: Vec<&str> =
        lock.lines().filter(|line| line.starts_with("source = ")).collect();
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(sources[0].contains("registry+"), "{sources:?}");
}

#[test]
fn nothing_names_a_registry_or_a_folder_of_some_machine() {
    // Written in halves, so that this file is no finding.
    let foreign = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("python", "hosted"),
        concat!("npmjs", ".org"),
        concat!("debian", ".org"),
        concat!("golang", ".org"),
        concat!("docker", ".io"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("sha", "red/"),
    ];
    let mut findings = Vec::new();
    for file in tree::files().iter().filter(|file| file.path != "Cargo.lock") {
        for name in foreign {
            let found = file.text.match_indices(name).map(|(at, _)| line(&file.text, at));
            findings.extend(found.map(|number| format!("{}:{number} {name}", file.path)));
        }
    }
    none(&findings);
}

#[test]
fn ci_runs_what_everyone_runs() {
    let script = tree::file(".ci/run");
    let commands: Vec<&str> = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert!(matches!(commands.as_slice(), [one] if one.ends_with("/../tests/all\"")));
    let all = tree::file("tests/all");
    for never in ["--release", "lto", "cargo fuzz", "cargo clean", "--profile"] {
        assert!(!all.contains(never), "CI builds one profile: {never}");
    }
}
