//! Everything about one record, as the rules see it now.

use fieldbook_mobile::local_time;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::list::first_line;
use crate::open::Handset;
use crate::words::Language;

/// A review with what its numbers are called.
struct View<'a> {
    review: &'a Value,
    people: &'a Value,
    words: Language,
}

/// Shows the record that `named` names.
pub async fn show(handset: &Handset, named: &str) -> Result<Answer, Failure> {
    let record = handset.record(named).await?;
    let review = handset.review(&record).await?;
    let people = handset.reference().await?["people"].take();
    let view = View { review: &review, people: &people, words: handset.language };
    let mut lines = vec![view.head()];
    lines.extend(view.fields());
    lines.extend(view.deadlines());
    lines.extend(view.visits());
    lines.extend(view.cases());
    lines.extend(view.timeline());
    let document = json!({ "record": record, "review": review, "people": people });
    Ok(Answer { document, lines })
}

impl View<'_> {
    fn head(&self) -> String {
        let status = self.words.code("status", text(&self.review["status"]));
        format!("{}  {status}", text(&self.review["record"]))
    }

    fn fields(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, field) in self.review["fields"].as_object().into_iter().flatten() {
            let label = self.words.code("field", name);
            lines.push(format!("  {label}: {}", self.value(name, &field["value"])));
            for side in list(&field["conflict"]) {
                let value = self.value(name, &side["value"]);
                let by = self.person(&side["by"]);
                let at = self.time(&side["at_ms"]);
                let arguments = [("value", value.as_str()), ("by", &by), ("at", &at)];
                lines.push(format!("    {}", self.words.say("show-conflict", &arguments)));
            }
        }
        lines
    }

    fn deadlines(&self) -> Vec<String> {
        let mut lines = self.section("show-deadlines", &self.review["deadlines"]);
        for deadline in list(&self.review["deadlines"]) {
            let name = self.words.code("deadline", text(&deadline["name"]));
            let state = self.words.code("deadline-state", text(&deadline["state"]));
            lines.push(format!("  {name}: {state}  {}", self.time(&deadline["due_ms"])));
        }
        lines
    }

    fn visits(&self) -> Vec<String> {
        let mut lines = self.section("show-visits", &self.review["visits"]);
        for visit in list(&self.review["visits"]) {
            let state = self.words.code("status", text(&visit["state"]));
            let person = self.person(&visit["person"]);
            lines.push(format!("  {}  {person}  {state}", text(&visit["visit"])));
            for wait in list(&visit["waits"]) {
                let name = self.words.code("wait", text(&wait["name"]));
                let took = match wait["ms"].as_i64() {
                    Some(ms) => {
                        let seconds = format!("{}.{:03}", ms / 1_000, ms.rem_euclid(1_000));
                        self.words.core("demo-seconds", &[("seconds", &seconds)])
                    }
                    None => self.words.core("demo-unknown", &[]),
                };
                lines.push(format!("    {name}: {took}"));
            }
            for deviation in list(&visit["deviations"]) {
                let words = self.words.code("deviation", text(&deviation["code"]));
                lines.push(format!("    ! {words}"));
            }
        }
        lines
    }

    fn cases(&self) -> Vec<String> {
        let mut lines = self.section("show-cases", &self.review["cases"]);
        for case in list(&self.review["cases"]) {
            let kind = self.words.code("case", text(&case["kind"]));
            let id = if case["open"] == true { "show-case-open" } else { "show-case-closed" };
            lines.push(format!("  {}", self.words.say(id, &[("case", &kind)])));
        }
        lines
    }

    fn timeline(&self) -> Vec<String> {
        let mut lines = self.section("show-timeline", &self.review["timeline"]);
        for entry in list(&self.review["timeline"]) {
            let words = self.words.code("fact", text(&entry["fact_type"]));
            let content = content(&entry["content"]);
            let by = self.person(&entry["by"]);
            let mut line = format!("  {}  {by}  {words}{content}", self.time(&entry["at_ms"]));
            if entry["verified"] == false {
                line += &format!("  {}", self.words.core("demo-unverified", &[]));
            }
            if !entry["said_at_ms"].is_null() {
                let at = self.time(&entry["said_at_ms"]);
                line += &format!("  {}", self.words.say("show-said-at", &[("at", &at)]));
            }
            if !entry["on_behalf_of"].is_null() {
                let person = self.person(&entry["on_behalf_of"]);
                let stood_for = self.words.say("show-on-behalf-of", &[("person", &person)]);
                line += &format!("  {stood_for}");
            }
            lines.push(line);
        }
        lines
    }

    /// A heading, where there is something under it.
    fn section(&self, id: &str, rows: &Value) -> Vec<String> {
        if list(rows).is_empty() { Vec::new() } else { vec![self.words.say(id, &[])] }
    }

    fn person(&self, number: &Value) -> String {
        let name = self.people[number.to_string()].as_str().map(str::to_owned);
        match (name, number.is_null()) {
            (Some(name), _) => name,
            (None, true) => self.words.say("show-server", &[]),
            (None, false) => number.to_string(),
        }
    }

    fn value(&self, field: &str, value: &Value) -> String {
        if field == "assignee" && value.is_number() {
            return self.person(value);
        }
        if field == "reported_at_ms" && value.is_number() {
            return self.time(value);
        }
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    fn time(&self, at_ms: &Value) -> String {
        let zone = text(&self.review["time_zone"]).to_owned();
        at_ms.as_i64().map(|at_ms| local_time(at_ms, zone)).unwrap_or_default()
    }
}

/// What a fact says beside its type, without the visit, long texts cut.
fn content(content: &Value) -> String {
    let members = content.as_object().into_iter().flatten();
    let told = members.filter(|(name, _)| !HIDDEN.contains(&name.as_str())).map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let line = first_line(&value);
        let cut: String = line.chars().take(CONTENT_CHARACTERS_MAX).collect();
        let more = if cut.len() < value.len() { "…" } else { "" };
        format!("{name}={cut}{more}")
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { String::new() } else { format!("  {}", told.join(" ")) }
}

/// Members of facts that tell a reader nothing; `--json` has them.
const HIDDEN: [&str; 12] = [
    "visit",
    "strokes",
    "shown",
    "content_sha256",
    "text_sha256",
    "signature",
    "salt",
    "replaces",
    "schema",
    "kind",
    "site",
    "clock",
];

const CONTENT_CHARACTERS_MAX: usize = 60;

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_facts_content_stands_on_one_line() {
        let long = "长".repeat(CONTENT_CHARACTERS_MAX + 1);
        let fact = json!({ "visit": "a.1.0", "text": long, "reason": "a\nb", "amount_fen": 5 });
        let wanted =
            format!("  amount_fen=5 reason=a… text={}…", "长".repeat(CONTENT_CHARACTERS_MAX));
        assert_eq!(content(&fact), wanted);
        assert_eq!(content(&json!({ "visit": "a.1.0" })), "");
    }
}
