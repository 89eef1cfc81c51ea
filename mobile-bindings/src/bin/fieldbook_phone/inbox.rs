//! The inbox: what there is to know and to take on.

use fieldbook_mobile::local_time;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::arguments::InboxTask;
use crate::failure::Failure;
use crate::list::first_line;
use crate::open::{Handset, read};
use crate::run::perform;
use crate::value;

/// Lists it, or does something with one of its items.
pub async fn inbox(handset: &Handset, action: Option<InboxTask>) -> Result<Answer, Failure> {
    let items = read(&handset.phone.inbox().await?)?;
    match action {
        None => listed(handset, items).await,
        Some(InboxTask::Read { key }) => said(handset, &items, "read", &key).await,
        Some(InboxTask::Acknowledge { key }) => said(handset, &items, "acknowledge", &key).await,
        Some(InboxTask::Answer { key, text }) => {
            let (record, key) = item(&items, &key)?;
            let questions = handset.phone.questions().await?;
            if let Some(asked) = questions.iter().find(|asked| asked.key == key) {
                return answer_office(handset, asked.question, text).await;
            }
            let command = json!({ "command": "answer", "question": key, "text": text });
            perform(handset, command, Some(&record)).await
        }
    }
}

async fn listed(handset: &Handset, items: Value) -> Result<Answer, Failure> {
    let words = handset.language;
    let ids = handset.records().await?.1;
    let mut lines = Vec::new();
    for item in items.as_array().into_iter().flatten() {
        let text = |member: &str| item[member].as_str().unwrap_or_default();
        let state = match (item["done"] == true, item["read"] == true) {
            (true, _) => "inbox-done",
            (false, true) => "inbox-read",
            (false, false) => "inbox-new",
        };
        let at = local_time(item["at_ms"].as_i64().unwrap_or_default(), "UTC".to_owned());
        let parts = [
            words.say(state, &[]),
            format!("{at} UTC"),
            words.code("inbox", text("kind")),
            first_line(text("title")).to_owned(),
            first_line(text("text")).to_owned(),
            value::short(text("record"), &ids).to_owned(),
            text("key").to_owned(),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        lines.push(parts.join("  "));
    }
    if lines.is_empty() {
        lines.push(words.say("list-empty", &[]));
    }
    Ok(Answer { document: json!({ "items": items }), lines })
}

/// The answer to a question about a refused or held command.
async fn answer_office(handset: &Handset, question: u64, text: String) -> Result<Answer, Failure> {
    handset.phone.answer_question(question, text).await?;
    let line = handset.language.say("returned-saved", &[]);
    Ok(Answer::line(json!({ "question": question }), line))
}

async fn said(
    handset: &Handset,
    items: &Value,
    command: &str,
    named: &str,
) -> Result<Answer, Failure> {
    let (record, key) = item(items, named)?;
    perform(handset, json!({ "command": command, "of": key }), Some(&record)).await
}

/// The record and the key of the item whose key begins with `named`.
fn item(items: &Value, named: &str) -> Result<(String, String), Failure> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let keys = items.iter().filter_map(|item| item["key"].as_str()).map(str::to_owned);
    let keys: Vec<String> = keys.collect();
    let exact = keys.iter().find(|key| *key == named);
    let key = match exact {
        Some(key) => key.clone(),
        None => value::record(named, &keys)?,
    };
    let item = items.iter().find(|item| item["key"] == key.as_str());
    let record = item.and_then(|item| item["record"].as_str()).unwrap_or_default();
    Ok((record.to_owned(), key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_begins_another_key_names_its_own_item() {
        let items = json!([{ "key": "a.1.0", "record": "r" }, { "key": "a.1.01", "record": "s" }]);
        assert_eq!(item(&items, "a.1.0"), Ok(("r".to_owned(), "a.1.0".to_owned())));
        assert_eq!(item(&items, "a.1"), Err(Failure::ambiguous_record("a.1", 2)));
        assert_eq!(item(&items, "b"), Err(Failure::unknown_record("b")));
    }
}
