//! Lists: the records, what is open at a place, what was refused, and the reference data.

use fieldbook_mobile::{ListItem, Question, local_time};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::open::{Handset, read};
use crate::value::short;
use crate::words::Language;

/// Statuses with which nobody has to do anything any more.
const DONE: [&str; 7] =
    ["cancelled", "closed", "kept", "lapsed", "settled", "stopped", "withdrawn"];

/// A record with its projection read.
struct Row {
    item: ListItem,
    projection: Value,
}

impl Row {
    fn is_open(&self) -> bool {
        let status = self.projection["status"].as_str().unwrap_or_default();
        self.item.present && !DONE.contains(&status)
    }

    fn document(&self) -> Value {
        json!({
            "record": self.item.record, "present": self.item.present,
            "pending": self.item.pending, "projection": self.projection,
        })
    }

    fn line(&self, words: Language, ids: &[String]) -> String {
        let text = |member: &str| self.projection[member].as_str().unwrap_or_default();
        let mut parts = vec![
            short(&self.item.record, ids).to_owned(),
            words.code("status", text("status")),
            text("unit").to_owned(),
            first_line(text("title")).to_owned(),
        ];
        parts.retain(|part| !part.is_empty());
        if self.item.pending > 0 {
            let pending = self.item.pending.to_string();
            parts.push(words.say("list-pending", &[("count", &pending)]));
        }
        if !self.item.present {
            parts.push(words.say("list-left", &[]));
        }
        parts.join("  ")
    }
}

/// The records, of a kind or open ones only if so asked.
pub async fn list(handset: &Handset, kind: Option<&str>, open: bool) -> Result<Answer, Failure> {
    let wanted = |row: &Row| {
        kind.is_none_or(|kind| row.projection["kind"] == kind) && (!open || row.is_open())
    };
    let (items, ids) = handset.records().await?;
    let mut rows = rows(items)?;
    rows.retain(wanted);
    rows.sort_by_key(|row| std::cmp::Reverse(row.projection["changed_at_ms"].as_i64()));
    shown(handset, rows, &ids)
}

fn rows(items: Vec<ListItem>) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for item in items {
        let projection = read(&item.projection_json)?;
        rows.push(Row { item, projection });
    }
    Ok(rows)
}

fn shown(handset: &Handset, rows: Vec<Row>, ids: &[String]) -> Result<Answer, Failure> {
    let mut lines: Vec<String> = rows.iter().map(|row| row.line(handset.language, ids)).collect();
    if lines.is_empty() {
        lines.push(handset.language.say("list-empty", &[]));
    }
    let records: Vec<Value> = rows.iter().map(Row::document).collect();
    Ok(Answer { document: json!({ "records": records }), lines })
}

/// What is open at a place, as the phone object sees it.
pub async fn open_at(handset: &Handset, place: &str) -> Result<Answer, Failure> {
    let items = handset.phone.open_at(place.to_owned()).await?;
    let ids = handset.records().await?.1;
    shown(handset, rows(items)?, &ids)
}

/// What the server refused.
pub async fn refused(handset: &Handset) -> Result<Answer, Failure> {
    let words = handset.language;
    let ids = handset.records().await?.1;
    let (mut documents, mut lines) = (Vec::new(), Vec::new());
    let questions = handset.phone.questions().await?;
    for row in handset.phone.refused().await? {
        let why = words.refusal(&row.code, &row.params);
        let number = row.number.to_string();
        let record = short(&row.record, &ids);
        let arguments = [("number", number.as_str()), ("record", record), ("why", &why)];
        lines.push(words.say("refused", &arguments));
        lines.extend(asked(words, &questions, row.number));
        documents.push(json!({
            "number": row.number, "record": row.record, "code": row.code, "text": why,
            "params": row.params, "facts": read(&row.facts_json)?,
            "refused_wall_ms": row.refused_wall_ms,
        }));
    }
    if lines.is_empty() {
        lines.push(words.say("refused-none", &[]));
    }
    Ok(Answer { document: json!({ "refused": documents }), lines })
}

/// What the server has and cannot decide yet, and what does not read any more.
pub async fn waiting(handset: &Handset) -> Result<Answer, Failure> {
    let words = handset.language;
    let ids = handset.records().await?.1;
    let (mut documents, mut lines) = (Vec::new(), Vec::new());
    let questions = handset.phone.questions().await?;
    for row in handset.phone.waiting().await? {
        let why = words.refusal(&row.code, &row.params);
        let number = row.number.to_string();
        let record = short(&row.record, &ids);
        let arguments = [("number", number.as_str()), ("record", record), ("why", &why)];
        lines.push(words.say("waiting", &arguments));
        lines.extend(asked(words, &questions, row.number));
        documents.push(json!({
            "number": row.number, "record": row.record, "code": row.code, "text": why,
            "params": row.params, "facts": read(&row.facts_json)?,
            "saved_wall_ms": row.saved_wall_ms,
        }));
    }
    let mut lost = Vec::new();
    for row in handset.phone.lost().await? {
        let why = words.code("lost", &row.code);
        let number = row.number.to_string();
        let record = row.record.as_deref().map_or("?", |record| short(record, &ids));
        let arguments = [("number", number.as_str()), ("record", record), ("why", &why)];
        lines.push(words.say("lost", &arguments));
        lost.push(json!({
            "number": row.number, "record": row.record, "code": row.code, "text": why,
            "saved_wall_ms": row.saved_wall_ms, "found_wall_ms": row.found_wall_ms,
        }));
    }
    if lines.is_empty() {
        lines.push(words.say("waiting-none", &[]));
    }
    Ok(Answer { document: json!({ "waiting": documents, "lost": lost }), lines })
}

/// What the office asks about a command, and the answer, said with its first one.
fn asked(words: Language, questions: &[Question], number: u64) -> Vec<String> {
    let of = questions.iter().filter(|asked| asked.numbers.first() == Some(&number));
    of.flat_map(|asked| {
        let (by, text) = (asked.by.as_str(), asked.text.as_str());
        let question = words.say("returned", &[("by", by), ("text", text)]);
        let answer = match &asked.answer {
            Some(answer) => words.say("returned-answered", &[("text", answer)]),
            None => words.say("returned-open", &[("key", &asked.key)]),
        };
        [question, answer]
    })
    .collect()
}

/// Roles, names and policies.
pub async fn reference(handset: &Handset) -> Result<Answer, Failure> {
    let words = handset.language;
    let reference = handset.reference().await?;
    let mut lines = Vec::new();
    let sites = reference["sites"].as_object().into_iter().flatten();
    for (number, name) in sites {
        let name = name.as_str().unwrap_or_default();
        lines.push(words.say("reference-site", &[("number", number), ("name", name)]));
    }
    for grant in reference["grants"].as_array().into_iter().flatten() {
        let role = words.code("role", grant["role"].as_str().unwrap_or_default());
        let site = grant["site"].to_string();
        let from = grant["from_ms"].as_i64().unwrap_or_default();
        let from = local_time(from, "UTC".to_owned());
        let arguments = [("role", role.as_str()), ("site", &site), ("from", &from)];
        lines.push(words.say("reference-role", &arguments));
    }
    for (number, name) in reference["people"].as_object().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        lines.push(words.say("reference-person", &[("number", number), ("name", name)]));
    }
    Ok(Answer { document: reference, lines })
}

/// A title may have several lines; a list shows the first.
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
