//! A real server: the `fieldbook` command as an operator uses it, on a loopback port.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fieldbook_tests::captured;
use serde_json::Value;

use super::built::answered;

/// Where an installation is, and the command that runs it.
pub struct Installation {
    fieldbook: PathBuf,
    folder: PathBuf,
    /// How phones name it.
    pub fingerprint: String,
}

/// A server that runs; ended at the latest when it is dropped.
pub struct Server {
    process: Child,
    /// Where it listens.
    pub url: String,
}

pub const SITE: u32 = 7;
pub const PASSWORD: &str = "correct-horse-battery";

impl Installation {
    /// `fieldbook init` with an administrator.
    pub fn make(fieldbook: &Path, folder: &Path) -> Self {
        captured::secret(PASSWORD);
        let mut made = Self {
            fieldbook: fieldbook.to_owned(),
            folder: folder.to_owned(),
            fingerprint: String::new(),
        };
        let site = SITE.to_string();
        let arguments = ["init", "--site", "云栖苑", "--site-number", &site, "--admin", "管理员"];
        let told = made.tell(&[&arguments[..], &["--login", "admin"]].concat());
        made.fingerprint = after(&told, "installation ");
        made
    }

    /// Adds a person with a role at the site.
    pub fn person(&self, name: &str, login: Option<&str>, role: &str) -> u32 {
        captured::secret(name);
        let mut arguments = vec!["admin", "person", "add", name];
        arguments.extend(login.iter().flat_map(|login| ["--login", login]));
        let person = after(&self.tell(&arguments), "person ");
        if login.is_some() {
            self.tell(&["admin", "person", "password", &person]);
        }
        self.tell(&["admin", "role", "grant", &person, role, &SITE.to_string()]);
        person.parse().expect("a number")
    }

    /// A one-time code with which the person enrols a phone.
    pub fn enrolment_code(&self, person: u32) -> String {
        let code = after(&self.tell(&["admin", "enrol", &person.to_string()]), "code ");
        captured::secret(&code);
        code
    }

    /// Takes a phone's sealed file: what is printed, if it is taken.
    pub fn hand_in(&self, file: &str, code: &str) -> Option<String> {
        let mut command = self.command(&["admin", "hand-in", file]);
        let output = command.env("FIELDBOOK_PASSWORD", code).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("it writes UTF-8");
        output.status.success().then_some(text)
    }

    /// `fieldbook serve`; returns once its log says where it listens.
    pub fn serve(&self) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut process = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("fieldbook does not run: {error}"));
        let log = BufReader::new(process.stderr.take().expect("its log is a pipe"));
        let (line_came, lines) = mpsc::channel();
        // Reads on to the end, or a full pipe would stop the server.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                captured::line(&line);
                let _nobody_reads_on = line_came.send(line);
            }
        });
        let mut server = Server { process, url: String::new() };
        let mut seen = Vec::new();
        while server.url.is_empty() {
            let line = lines.recv_timeout(READY_WITHIN);
            let line = line.unwrap_or_else(|_| panic!("the server does not serve: {seen:#?}"));
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if said["fields"]["message"] == "serving" {
                let address = said["fields"]["address"].as_str().expect("an address");
                server.url = format!("http://{address}");
            }
            seen.push(line);
        }
        server
    }

    fn tell(&self, arguments: &[&str]) -> String {
        let output = answered(&mut self.command(arguments), "fieldbook");
        String::from_utf8(output.stdout).expect("it writes UTF-8")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.fieldbook);
        // A variable of the tests would be an unknown key to the server.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FIELDBOOK_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("FIELDBOOK_PASSWORD", PASSWORD)
            .env("FIELDBOOK_LOG", captured::FILTER)
            .env("FIELDBOOK_LOG_FORMAT", "json");
        command
    }
}

impl Server {
    /// SIGTERM: it answers what it has at hand and ends well.
    pub fn stop(mut self) {
        let pid = self.process.id().to_string();
        answered(Command::new("kill").args(["-TERM", &pid]), "kill");
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "the server ended with {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What stands behind `label` in the command's answer.
fn after(told: &str, label: &str) -> String {
    let value = told.lines().find_map(|line| line.strip_prefix(label));
    value.unwrap_or_else(|| panic!("no {label:?} in {told}")).trim().to_owned()
}

const READY_WITHIN: Duration = Duration::from_secs(60);
