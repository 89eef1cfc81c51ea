//! What a task answers, and how it is written: words for people or one JSON document. Everything
//! goes to a locked handle; a reader that went away ends the output and is no error.

use std::cell::Cell;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::words::Language;

/// The answer of a task.
pub struct Answer {
    /// As JSON.
    pub document: Value,
    /// As lines for people.
    pub lines: Vec<String>,
}

impl Answer {
    /// One line for people.
    pub fn line(document: Value, line: String) -> Self {
        Self { document, lines: vec![line] }
    }
}

/// Where answers go.
pub struct Out {
    json: bool,
    language: Cell<Language>,
}

impl Out {
    /// To standard output.
    pub fn new(json: bool, language: Language) -> Self {
        Self { json, language: Cell::new(language) }
    }

    /// The language of words.
    pub fn language(&self) -> Language {
        self.language.get()
    }

    /// From here on in this language.
    pub fn speak(&self, language: Language) {
        self.language.set(language);
    }

    /// Writes an answer.
    pub fn answer(&self, answer: &Answer) {
        if self.json {
            write(&[answer.document.to_string()]);
        } else {
            write(&answer.lines);
        }
    }

    /// Writes a line for people; nothing in JSON, where only the answer stands.
    pub fn remark(&self, line: &str) {
        if !self.json {
            write(&[line.to_owned()]);
        }
    }

    /// Writes why there is no answer.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        let text = failure.text(self.language());
        if self.json {
            let error = json!({ "code": failure.code, "text": text, "params": failure.params });
            write(&[json!({ "error": error }).to_string()]);
        } else {
            // Nobody is left to be told when standard error is gone.
            let _ = writeln!(std::io::stderr().lock(), "{text} ({})", failure.code);
        }
        ExitCode::from(failure.exit)
    }
}

fn write(lines: &[String]) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        // A closed pipe: whoever read has seen enough. What was saved is saved.
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
    let _ = out.flush();
}
