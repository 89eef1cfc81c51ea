//! The salvage of a damaged store, before anything is opened.

use fieldbook_mobile::salvage_store;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::words::Language;

/// Salvages the store of a profile and tells what was read and what was not.
pub async fn salvage(profile: &Profile, words: Language) -> Result<Answer, Failure> {
    let store = profile.store();
    let path = store.to_str().ok_or_else(|| Failure::bad_input("--profile"))?.to_owned();
    let Some(salvaged) = salvage_store(path, profile.key()?).await? else {
        return Ok(Answer::line(json!({ "salvaged": false }), words.say("salvage-none", &[])));
    };
    let (count, rows) = (salvaged.pending.to_string(), salvaged.damaged_rows.len().to_string());
    let told = [("count", count.as_str()), ("file", &salvaged.damaged), ("rows", &rows)];
    let mut lines = vec![words.say("salvaged", &told)];
    let mut lost: Vec<Value> = Vec::new();
    for command in &salvaged.lost {
        let number = command.number.to_string();
        let record = command.record.as_deref().unwrap_or("?");
        lines.push(words.say("salvage-lost", &[("number", &number), ("record", record)]));
        lost.push(json!({
            "person": command.person, "number": command.number, "record": command.record,
        }));
    }
    if !salvaged.re_enrol.is_empty() {
        lines.push(words.say("salvage-re-enrol", &[]));
    }
    let document = json!({
        "salvaged": true, "damaged": salvaged.damaged, "pending": salvaged.pending, "lost": lost,
        "damaged_rows": salvaged.damaged_rows, "damaged_pages": salvaged.damaged_pages,
        "re_enrol": salvaged.re_enrol,
    });
    Ok(Answer { document, lines })
}
