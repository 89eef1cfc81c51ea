//! What is only on this phone so far, and its export: in the clear for whoever reads it, or sealed
//! and signed for the office to read in. Nothing leaves the phone by it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fieldbook_mobile::{Outbox, OutboxCommand};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::arguments::OutboxTask;
use crate::failure::Failure;
use crate::open::{Handset, read};
use crate::profile::write_private;
use crate::value::short;

/// The form of an export.
const FORMAT: &str = "fieldbook-outbox/1";

/// Lists it, or writes it to a file.
pub async fn task(handset: &Handset, task: Option<OutboxTask>) -> Result<Answer, Failure> {
    match task {
        None => outbox(handset).await,
        Some(OutboxTask::HandOver { file }) => hand_over(handset, &file).await,
        Some(OutboxTask::Export { file }) => export(handset, &file).await,
    }
}

/// Lists it by record, each with how long it waits.
async fn outbox(handset: &Handset) -> Result<Answer, Failure> {
    let outbox = handset.phone.outbox().await?;
    let ids = handset.records().await?.1;
    let now_ms = now_ms();
    let mut by_record: BTreeMap<&str, Vec<&OutboxCommand>> = BTreeMap::new();
    for command in &outbox.commands {
        by_record.entry(&command.record).or_default().push(command);
    }
    let (mut records, mut lines) = (Vec::new(), Vec::new());
    for (record, commands) in by_record {
        let mut documents = Vec::new();
        lines.push(short(record, &ids).to_owned());
        for command in commands {
            let age_ms = now_ms.saturating_sub(command.saved_wall_ms).max(0);
            let types = types(command)?;
            lines.push(line(handset, command, &types, age_ms));
            documents.push(json!({
                "number": command.number, "state": command.state, "code": command.code,
                "fact_types": types, "saved_wall_ms": command.saved_wall_ms, "age_ms": age_ms,
            }));
        }
        records.push(json!({ "record": record, "commands": documents }));
    }
    if lines.is_empty() {
        lines.push(handset.language.say("outbox-empty", &[]));
    }
    let document = json!({ "on_phone": outbox.commands.len(), "records": records });
    Ok(Answer { document, lines })
}

fn line(handset: &Handset, command: &OutboxCommand, types: &[String], age_ms: i64) -> String {
    let words = handset.language;
    let what: Vec<String> = types.iter().map(|name| words.code("fact", name)).collect();
    let (number, age) = (command.number.to_string(), (age_ms / 1_000).to_string());
    let arguments = [("number", number.as_str()), ("what", &what.join(" ")), ("age", &age)];
    let mut line = format!("  {}", words.say("outbox-command", &arguments));
    if let Some(code) = &command.code {
        let why = words.refusal(code, &HashMap::new());
        line += "  ";
        line += &if command.state == "unsent" {
            words.say("outbox-parked", &[("why", &why)])
        } else {
            why
        };
    }
    line
}

fn types(command: &OutboxCommand) -> Result<Vec<String>, Failure> {
    let mut types = Vec::new();
    for json in facts(command)?.values() {
        types.push(read(json)?["t"].as_str().unwrap_or_default().to_owned());
    }
    Ok(types)
}

fn facts(command: &OutboxCommand) -> Result<BTreeMap<String, String>, Failure> {
    serde_json::from_str(&command.facts_json).map_err(Failure::bad_input)
}

/// Writes it to a file that only its owner reads. The same outbox gives the same bytes; a file
/// that is no export is not touched.
async fn export(handset: &Handset, file: &Path) -> Result<Answer, Failure> {
    let outbox = handset.phone.outbox().await?;
    let identity = handset.phone.identity().await?.ok_or_else(Failure::not_enrolled)?;
    let mut document = exported(&outbox)?;
    document["person"] = json!(identity.person);
    document["device"] = json!(identity.device);
    document["installation"] = json!(identity.installation);
    document["server_url"] = json!(handset.remembered().server_url);
    let path = file.display().to_string();
    match std::fs::read(file) {
        Ok(bytes) if !is_export(&bytes) => return Err(Failure::file_exists(path)),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::file(path, &error));
        }
        _ => {}
    }
    write_private(file, format!("{document:#}\n").as_bytes())?;
    let count = outbox.commands.len();
    let line =
        handset.language.say("outbox-exported", &[("count", &count.to_string()), ("file", &path)]);
    let sessions = outbox.sessions.len();
    let answer = json!({ "file": path, "commands": count, "sessions": sessions });
    Ok(Answer::line(answer, line))
}

/// Writes it to a sealed file for the office; the code is shown and stands nowhere else.
async fn hand_over(handset: &Handset, file: &Path) -> Result<Answer, Failure> {
    let path = file.display().to_string();
    if file.exists() {
        return Err(Failure::file_exists(path));
    }
    let parcel = handset.phone.parcel().await?;
    write_private(file, &parcel.bytes)?;
    let words = [("file", path.as_str()), ("code", parcel.code.as_str())];
    let line = handset.language.say("outbox-handed-over", &words);
    Ok(Answer::line(json!({ "file": path, "code": parcel.code }), line))
}

fn exported(outbox: &Outbox) -> Result<Value, Failure> {
    let sessions = outbox.sessions.iter().map(|session| {
        json!({
            "session": session.session, "boot": session.boot,
            "opened_wall_ms": session.opened_wall_ms,
            "opened_monotonic_ms": session.opened_monotonic_ms,
            "registered": session.registered,
        })
    });
    let sessions: Vec<Value> = sessions.collect();
    let mut commands = Vec::new();
    for command in &outbox.commands {
        let facts = facts(command)?;
        let facts = facts.into_iter().map(|(key, json)| json!({ "key": key, "json": json }));
        commands.push(json!({
            "number": command.number, "record": command.record, "state": command.state,
            "saved_wall_ms": command.saved_wall_ms, "facts": facts.collect::<Vec<_>>(),
        }));
    }
    Ok(json!({ "format": FORMAT, "sessions": sessions, "commands": commands }))
}

fn is_export(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value["format"] == FORMAT)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_known_by_its_format_and_the_same_for_the_same_outbox() {
        let command = OutboxCommand {
            number: 7,
            record: "r".to_owned(),
            state: "unsent".to_owned(),
            code: None,
            saved_wall_ms: 5,
            facts_json: r#"{"a.7.0":"{\"t\":\"ring\"}"}"#.to_owned(),
        };
        let outbox = Outbox { sessions: Vec::new(), commands: vec![command] };
        let one = exported(&outbox).expect("writes").to_string();
        assert_eq!(one, exported(&outbox).expect("writes").to_string());
        assert!(is_export(one.as_bytes()));
        assert!(!is_export(b"{\"format\":\"other\"}") && !is_export(b"notes") && !is_export(b""));
        let fact = &exported(&outbox).expect("writes")["commands"][0]["facts"][0];
        assert_eq!(*fact, json!({ "key": "a.7.0", "json": "{\"t\":\"ring\"}" }));
    }
}
