//! A minute of work in the demo, as the person whose code the server's demo wrote. Before each
//! step stands the line a newcomer would type for it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Answer, Out};
use crate::arguments::{Enrol, Task};
use crate::failure::Failure;
use crate::open::Handset;
use crate::profile::{Profile, Remembered};
use crate::run::{enrol, task_of};
use crate::value::short;
use crate::words::Language;

/// `demo.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Given {
    server_url: String,
    code: String,
    device_name: String,
    language: String,
}

/// Enrols if needed, then works.
pub async fn run(folder: Option<&Path>, profile: Profile, out: &Out) -> Result<(), Failure> {
    let folder = folder.ok_or_else(|| Failure::bad_input("--demo"))?;
    let path = folder.join("demo.json");
    let bytes = std::fs::read(&path).map_err(|error| Failure::file(path.display(), &error))?;
    let given: Given =
        serde_json::from_slice(&bytes).map_err(|error| Failure::file(path.display(), &error))?;
    if profile.remembered.is_none() {
        out.speak(Language::of_tag(&given.language).unwrap_or(out.language()));
    }
    let mut handset = Handset::open(profile, &given.server_url, out.language()).await?;
    let stage = Stage { folder: folder.display().to_string(), out };
    let done = stage.play(&mut handset, given).await;
    handset.phone.close().await;
    out.answer(&done?);
    Ok(())
}

struct Stage<'a> {
    folder: String,
    out: &'a Out,
}

impl Stage<'_> {
    async fn play(&self, handset: &mut Handset, given: Given) -> Result<Answer, Failure> {
        if handset.phone.identity().await?.is_none() || handset.profile.remembered.is_none() {
            self.enrol(handset, given).await?;
        }
        self.step(handset, Task::Sync { watch: false }, &["sync"]).await?;
        let list = Task::List { kind: None, open: true };
        let records = self.step(handset, list, &["list", "--open"]).await?;
        let order = records["records"]
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["projection"]["kind"] == "work_order"));
        let Some(order) = order.and_then(|row| row["record"].as_str()) else {
            let line = self.out.language().say("demo-nothing", &[]);
            return Ok(Answer::line(serde_json::json!({ "worked_on": null }), line));
        };
        self.note(handset, order).await?;
        self.step(handset, Task::Sync { watch: false }, &["sync"]).await?;
        let line = self.out.language().say("demo-changed", &[]);
        Ok(Answer::line(serde_json::json!({ "worked_on": order }), line))
    }

    async fn enrol(&self, handset: &mut Handset, given: Given) -> Result<(), Failure> {
        self.announce(&["enrol", "--server", &given.server_url, &given.code]);
        let remembered = Remembered {
            server_url: given.server_url,
            device_name: given.device_name,
            language: Some(given.language),
            airplane: false,
        };
        let code = Enrol { code: given.code, server: None, installation: None, device_name: None };
        for line in enrol(handset, code, remembered).await?.lines {
            self.out.remark(&line);
        }
        Ok(())
    }

    async fn note(&self, handset: &mut Handset, order: &str) -> Result<(), Failure> {
        let ids = handset.records().await?.1;
        let record = short(order, &ids).to_owned();
        let text = self.out.language().say("demo-note", &[]);
        let task = Task::Note { record: record.clone(), text: text.clone() };
        self.step(handset, task, &["note", &record, &text]).await?;
        Ok(())
    }

    /// Says how a newcomer would do it, does it, and shows what came of it.
    async fn step(
        &self,
        handset: &mut Handset,
        task: Task,
        words: &[&str],
    ) -> Result<Value, Failure> {
        self.announce(words);
        let answer = task_of(handset, task).await?;
        for line in &answer.lines {
            self.out.remark(line);
        }
        Ok(answer.document)
    }

    fn announce(&self, words: &[&str]) {
        self.out.remark(&format!("\n$ {}", command_line(&self.folder, words)));
    }
}

/// The line that does it by hand.
fn command_line(folder: &str, words: &[&str]) -> String {
    let mut line = format!("fieldbook-phone --demo {}", quoted(folder));
    for word in words {
        line.push(' ');
        line += &quoted(word);
    }
    line
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let line = command_line("/tmp/d", &["note", "abc", "it's wet"]);
        assert_eq!(line, r"fieldbook-phone --demo /tmp/d note abc 'it'\''s wet'");
    }
}
