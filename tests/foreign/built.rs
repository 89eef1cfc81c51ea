//! What the test runs besides itself: built by cargo for this profile, and the Python module that
//! uniffi generates from the library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The module's file; the library stands beside it.
const LIBRARY: &str = "libfieldbook_mobile.so";

/// What cargo built.
pub struct Built {
    /// The phone library.
    library: PathBuf,
    /// The generator of bindings.
    bindgen: PathBuf,
    /// The server.
    pub fieldbook: PathBuf,
    /// The phone in the terminal.
    pub fieldbook_phone: PathBuf,
}

impl Built {
    /// Builds them where this test was built, once for all tests; nothing to do when they are
    /// fresh.
    pub fn now() -> &'static Self {
        static BUILT: OnceLock<Built> = OnceLock::new();
        BUILT.get_or_init(Self::build)
    }

    fn build() -> Self {
        let me = std::env::current_exe().expect("this test is a file");
        // <target>/<profile>/deps/<this test>
        let profile = me.ancestors().nth(2).expect("a profile's folder");
        let target = profile.parent().expect("a target folder");
        let name = profile.file_name().and_then(|name| name.to_str()).expect("a profile");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Cargo tells this test about its package. Build scripts that ask for the same variables
        // would run again, and again at the next build without them.
        for (variable, _) in std::env::vars_os() {
            let variable = variable.to_string_lossy().into_owned();
            if variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(variable);
            }
        }
        cargo
            .args(["build", "--workspace", "--locked", "--features", "mobile-bindings/cli"])
            .args(["--message-format", "json-render-diagnostics"])
            .args(["--profile", if name == "debug" { "dev" } else { name }])
            .arg("--target-dir")
            .arg(target)
            .current_dir(root());
        let output = answered(&mut cargo, "cargo, which builds the phone library");
        let lines = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
        let artifacts: Vec<Value> =
            lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self {
            library: file_of(&artifacts, "filenames", LIBRARY),
            bindgen: file_of(&artifacts, "executable", "uniffi-bindgen"),
            fieldbook: file_of(&artifacts, "executable", "fieldbook"),
            fieldbook_phone: file_of(&artifacts, "executable", "fieldbook-phone"),
        }
    }

    /// Generates the Python module into `folder`.
    pub fn python_module(&self, folder: &Path) {
        let mut generate = Command::new(&self.bindgen);
        generate
            .arg("generate")
            .arg(&self.library)
            .args(["--language", "python", "--no-format", "--out-dir"])
            .arg(folder)
            .current_dir(root());
        answered(&mut generate, "uniffi-bindgen");
        assert!(folder.join("fieldbook_mobile.py").is_file(), "the module was generated");
        fs::copy(&self.library, folder.join(LIBRARY)).expect("the library stands beside it");
    }
}

/// The artifact of this name among cargo's messages.
fn file_of(artifacts: &[Value], member: &str, name: &str) -> PathBuf {
    let files = artifacts.iter().flat_map(|artifact| match &artifact[member] {
        Value::Array(files) => files.iter().filter_map(Value::as_str).collect(),
        file => file.as_str().into_iter().collect::<Vec<_>>(),
    });
    let file = files.map(PathBuf::from).find(|file| file.file_name().is_some_and(|n| n == name));
    file.filter(|file| file.is_file()).unwrap_or_else(|| panic!("cargo built no {name}"))
}

/// Runs a program that has to succeed; `what` names it where it is missing.
pub fn answered(command: &mut Command, what: &str) -> Output {
    let child = command.stdin(Stdio::null()).output();
    let output = child.unwrap_or_else(|error| panic!("{what} does not run: {error}"));
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The project's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are a folder of the project").to_owned()
}
