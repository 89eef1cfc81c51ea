//! Children of a test: this executable, called again for one test by its name, told what to do by
//! one variable of its environment.

use std::io::Write as _;
use std::process::Command;

/// What a child is told; without it, a child's test has nothing to do.
const ORDER: &str = "FIELDBOOK_COUNTS_CHILD";

/// What this process was told to do, if it is the child of a test.
pub fn order() -> Option<String> {
    std::env::var(ORDER).ok()
}

/// The arguments that call the test `name` alone, what it prints not held back.
pub fn arguments(name: &str) -> [String; 4] {
    let words = ["--exact", name, "--nocapture", "--test-threads=1"];
    words.map(str::to_owned)
}

/// This executable's path.
pub fn executable() -> String {
    let path = std::env::current_exe().expect("has a path");
    path.to_str().expect("a path of text").to_owned()
}

/// Calls the test `name` as a child that is told `order`.
pub fn command(name: &str, order: &str) -> Command {
    let mut command = Command::new(executable());
    command.args(arguments(name)).env(ORDER, order);
    command
}

/// Calls `wrapper` with the executable and the arguments of the test `name` at its end.
pub fn wrapped(wrapper: &[&str], name: &str, order: &str) -> Command {
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(executable()).args(arguments(name)).env(ORDER, order);
    command
}

/// Tells the parent a line: written in one piece and at once, on a line of its own.
pub fn tell(line: &str) {
    let text = format!("\n@{line}\n");
    std::io::stdout().write_all(text.as_bytes()).expect("the parent reads");
    std::io::stdout().flush().expect("the parent reads");
}

/// The lines a child told, in order.
pub fn told(stdout: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stdout);
    text.lines().filter_map(|line| line.strip_prefix('@')).map(str::to_owned).collect()
}
