//! A minute of work in the demo, as the person whose code the server's demo wrote. Before each
//! step stands the line a newcomer would type for it.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Out};
use crate::arguments::{Checkpoint, Enrol, Finding, Task};
use crate::failure::Failure;
use crate::open::Handset;
use crate::patrol;
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
        if handset.phone.identity().await?.is_none() {
            self.enrol(handset, given).await?;
        }
        self.step(handset, Task::Sync { watch: false }, &["sync"]).await?;
        let worked_on = match self.open_round(handset).await? {
            Some(round) => Some(self.walk(handset, &round).await?),
            None => self.work(handset).await?,
        };
        let Some(record) = worked_on else {
            let line = self.out.language().say("demo-nothing", &[]);
            return Ok(Answer::line(json!({ "worked_on": null }), line));
        };
        self.step(handset, Task::Sync { watch: false }, &["sync"]).await?;
        let line = self.out.language().say("demo-changed", &[]);
        Ok(Answer::line(json!({ "worked_on": record }), line))
    }

    /// This person's first round of today that is still to be walked.
    async fn open_round(&self, handset: &mut Handset) -> Result<Option<String>, Failure> {
        let rounds = patrol::of_day(handset, None).await?;
        if rounds.is_empty() {
            return Ok(None);
        }
        self.step(handset, Task::Rounds { day: None }, &["rounds"]).await?;
        let person = handset.person().await?;
        let open = rounds.iter().find(|round| {
            *patrol::officer(round) == person
                && ["planned", "not_started", "under_way"].contains(&patrol::status(round))
        });
        Ok(open.and_then(|round| round["record"].as_str()).map(str::to_owned))
    }

    /// Begins the round, checks its first checkpoint and logs a finding there.
    async fn walk(&self, handset: &mut Handset, round: &str) -> Result<String, Failure> {
        let mut ids = handset.records().await?.1;
        ids.push(round.to_owned());
        let record = short(round, &ids).to_owned();
        let start = Task::StartRound { record: record.clone() };
        self.step(handset, start, &["start-round", &record]).await?;
        let show = Task::Round { record: record.clone() };
        let shown = self.step(handset, show, &["round", &record]).await?["round"].take();
        let coverage = shown["coverage"].as_array().map(Vec::as_slice).unwrap_or_default();
        let unvisited = coverage.iter().find(|point| point["visit"].is_null());
        let Some(point) = unvisited.or(coverage.first()).map(|point| &point["checkpoint"]) else {
            return Ok(round.to_owned());
        };
        let text = |member: &str| point[member].as_str().map(str::to_owned);
        let code = text("code").unwrap_or_default();
        let place = text("name").unwrap_or_default();
        if let Some((checkpoint, words)) = visit(point, &record, &code) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.step(handset, Task::Checkpoint(checkpoint), &words).await?;
        }
        if !point["checklist"].is_null() {
            let rest = Task::RestOk { record: record.clone(), checkpoint: code.clone() };
            // A second time nothing is left to say of it.
            self.try_step(handset, rest, &["rest-ok", &record, &code]).await?;
        }
        let seen = self.out.language().say("demo-finding", &[]);
        let finding = Finding {
            record: record.clone(),
            kind: "facility".to_owned(),
            place: place.clone(),
            description: seen.clone(),
            checkpoint: Some(code.clone()),
            item: None,
            settled: false,
            known_as: None,
        };
        let words = ["finding", &record, "facility", &place, &seen, "--checkpoint", &code];
        self.step(handset, Task::Finding(finding), &words).await?;
        Ok(round.to_owned())
    }

    /// Writes a note on the first open order.
    async fn work(&self, handset: &mut Handset) -> Result<Option<String>, Failure> {
        let list = Task::List { kind: None, open: true };
        let records = self.step(handset, list, &["list", "--open"]).await?;
        let order = records["records"]
            .as_array()
            .and_then(|rows| rows.iter().find(|row| row["projection"]["kind"] == "work_order"));
        let Some(order) = order.and_then(|row| row["record"].as_str()) else {
            return Ok(None);
        };
        self.note(handset, order).await?;
        Ok(Some(order.to_owned()))
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

    /// The same where a rule may say no, which is then shown.
    async fn try_step(
        &self,
        handset: &mut Handset,
        task: Task,
        words: &[&str],
    ) -> Result<(), Failure> {
        match self.step(handset, task, words).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_denial() => {
                self.out.remark(&failure.text(self.out.language()));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    fn announce(&self, words: &[&str]) {
        self.out.remark(&format!("\n$ {}", command_line(&self.folder, words)));
    }
}

/// How to show that one is at a checkpoint, and the words for it: by its tag, else by its position.
fn visit(point: &Value, record: &str, code: &str) -> Option<(Checkpoint, Vec<String>)> {
    let tag = point["tag"].as_str().map(str::to_owned);
    let degrees = |member: &str| point["position"][member].as_i64().map(degrees);
    let at = degrees("latitude_e7").zip(degrees("longitude_e7"));
    let at = at.map(|(latitude, longitude)| format!("{latitude},{longitude}"));
    let at = if tag.is_some() { None } else { at };
    let proof = match (&tag, &at) {
        (Some(tag), _) => ["--tag".to_owned(), tag.clone()],
        (None, Some(at)) => ["--at".to_owned(), at.clone()],
        (None, None) => return None,
    };
    let mut words = vec!["checkpoint".to_owned(), record.to_owned(), code.to_owned()];
    words.extend(proof);
    let (record, checkpoint) = (record.to_owned(), code.to_owned());
    Some((Checkpoint { record, checkpoint, tag, nfc: None, at }, words))
}

fn degrees(e7: i64) -> String {
    let sign = if e7 < 0 { "-" } else { "" };
    let e7 = e7.unsigned_abs();
    format!("{sign}{}.{:07}", e7 / 10_000_000, e7 % 10_000_000)
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
    fn a_checkpoint_is_shown_by_its_tag_or_its_position() {
        let both = json!({
            "tag": "t", "position": { "latitude_e7": -302_741_000, "longitude_e7": 5 },
        });
        let (checkpoint, words) = visit(&both, "r", "c").expect("a way");
        assert_eq!(words, ["checkpoint", "r", "c", "--tag", "t"]);
        assert_eq!(checkpoint.at, None);
        let position = json!({ "position": both["position"] });
        let (checkpoint, words) = visit(&position, "r", "c").expect("a way");
        assert_eq!(words, ["checkpoint", "r", "c", "--at", "-30.2741000,0.0000005"]);
        let read = crate::value::position(&checkpoint.at.expect("a position"));
        assert_eq!(read, Ok(both["position"].clone()));
        assert_eq!(visit(&json!({}), "r", "c"), None);
    }

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let line = command_line("/tmp/d", &["note", "abc", "it's wet"]);
        assert_eq!(line, r"fieldbook-phone --demo /tmp/d note abc 'it'\''s wet'");
    }
}
