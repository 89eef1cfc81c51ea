//! What people may write: every fact type, every field, every opening, in a shape that fits.

use super::super::super::kind::{self, Holds};
use super::super::{kinds, *};
use super::scenes::{Scene, opening, resolved};
use crate::model::payload::Payload;
use crate::model::{alarm, patrol};

/// Something that somebody writes.
#[derive(Debug, Clone)]
pub struct Act {
    pub fact_type: String,
    /// Which field, measure or sort of it; empty where there is one only.
    pub detail: String,
    content: Value,
}

impl Act {
    pub fn new(fact_type: &str, detail: &str, content: Value) -> Self {
        Self { fact_type: fact_type.to_owned(), detail: detail.to_owned(), content }
    }

    /// As a fact of a record.
    pub fn payload(&self, scene: &Scene) -> Payload {
        let mut content = resolved(&self.content, &scene.story);
        // Whoever gives it to somebody else replaces the name that stands.
        let field = content.get("field").and_then(Value::as_str).map(str::to_owned);
        if let (Some(field), Some(review)) = (field, &scene.review) {
            let key = review.fields.get(&field).and_then(|field| field.key);
            let written = key.filter(|key| {
                let mut entries = review.timeline.iter();
                entries.any(|entry| entry.key == *key && entry.fact_type == "set")
            });
            content["replaces"] = json!(Vec::from_iter(written));
        }
        Payload::from_parts(self.fact_type.clone(), content)
    }
}

/// Everything that might be written into records of a kind, in the order of the page.
pub fn all(kind: &str) -> Vec<Act> {
    let mut acts = openings(kind);
    for rule in kind::fields(kind) {
        acts.extend(writes(rule.name, &format!("`{}`", rule.name), sample(rule.name, rule.holds)));
    }
    // A plan's are carried: no app of this version changes one.
    let carried: &[&str] = if kind == patrol::PLAN { &["items", "month"] } else { &[] };
    for name in kind::fixed(kind).iter().chain(carried) {
        acts.extend(writes(name, &format!("`{name}`"), json!("x")));
    }
    acts.extend(writes("hue", "a newer app's field", json!("x")));
    for (fact_type, content) in kinds::facts() {
        let seen = acts.iter().any(|act| act.fact_type == fact_type);
        if !seen && !["created", "set", "resolve"].contains(&fact_type) {
            acts.extend(sorts(fact_type, content));
        }
    }
    acts.push(Act::new("hologram", "a newer app's fact", json!({})));
    acts
}

/// A field written, and its conflict ended.
fn writes(field: &str, detail: &str, value: Value) -> [Act; 2] {
    let set = json!({ "field": field, "value": value, "replaces": [] });
    let mut resolve = set.clone();
    resolve["reason"] = json!("r");
    [Act::new("set", detail, set), Act::new("resolve", detail, resolve)]
}

/// The ways to open a record of a kind.
fn openings(kind: &str) -> Vec<Act> {
    let with = |detail: &str, members: Value| {
        let mut content = opening(kind);
        for (name, value) in members.as_object().expect("members") {
            content[name] = value.clone();
        }
        Act::new("created", detail, content)
    };
    let from = with("in the name of a cause", json!({ "from": "x/1" }));
    let own = match kind {
        "price_item" => vec![
            with("household service", json!({ "service": "household" })),
            with("home repair", json!({ "service": "home_repair" })),
            with("business service", json!({ "service": "business" })),
        ],
        alarm::KIND => vec![
            with("", json!({})),
            with("that a round has not begun", json!({ "alarm": "round_not_started" })),
        ],
        patrol::ROUND => return vec![with("", json!({})), from],
        _ => vec![with("", json!({}))],
    };
    own.into_iter().chain([from]).collect()
}

/// The sorts of a fact type that are judged apart.
fn sorts(fact_type: &str, content: Value) -> Vec<Act> {
    let act = |detail: &str, content: Value| Act::new(fact_type, detail, content);
    match fact_type {
        "violation_decided" => vec![
            act("to dissuade", json!({ "measure": "dissuade", "reason": "r" })),
            act(
                "to put right by a date",
                json!({ "measure": "rectify_by", "date": "2026-12-01", "reason": "r" }),
            ),
            act(
                "to compensate",
                json!({ "measure": "compensate", "amount_fen": 5, "reason": "r" }),
            ),
            act("public notice", json!({ "measure": "public_notice", "text": "t", "reason": "r" })),
            act(
                "legal action, compensation refused",
                json!({ "measure": "legal_action", "ground": "compensation_refused", "reason": "r" }),
            ),
            act(
                "legal action, fees refused",
                json!({ "measure": "legal_action", "ground": "fees_refused", "reason": "r" }),
            ),
        ],
        "report_sent" => vec![
            act("with cause, lesson and action", content),
            act("the report alone", json!({ "text": "t" })),
        ],
        "photo" | "attached" | "checkpoint_visited" | "checked" | "finding" => {
            vec![act("", hashed(content))]
        }
        _ => vec![act("", content)],
    }
}

/// The content with a whole hash for each of its photos.
fn hashed(content: Value) -> Value {
    let text = content.to_string().replace(r#""sha256":"00""#, &sha256());
    serde_json::from_str(&text).expect("as before")
}

fn sha256() -> String {
    format!(r#""sha256":"{}""#, "0".repeat(64))
}

/// A value that fits a field.
fn sample(name: &str, holds: Holds) -> Value {
    match holds {
        Holds::Person => json!(31),
        Holds::Record => json!(RecordId([8; 16]).to_string()),
        Holds::Text(_) => json!("t"),
        Holds::Time => json!("2026-11-26T10:00:00+08:00"),
        Holds::Whole(min, _) => json!(min),
        Holds::Department => json!("engineering"),
        Holds::OneOf(codes) => json!(codes[0]),
        Holds::Shape(check) => {
            let shapes = [
                json!({ "loss": false, "threat": false, "reason": "r" }),
                json!({ "validity": "valid", "severity": "minor", "reason": "r" }),
                json!({ "person": 31, "reason": "r" }),
                json!([]),
            ];
            let fits = shapes.into_iter().find(|shape| check(shape).is_ok());
            fits.unwrap_or_else(|| panic!("no sample of {name}"))
        }
    }
}

/// A type with a content that nobody reads; none where every content of it is read.
pub fn unread(fact_type: &str) -> Option<Act> {
    let content = json!({ "visit": 5, "field": 5, "kind": 5, "text": 5, "of": 5, "person": "x" });
    let payload = Payload::from_parts(fact_type.to_owned(), content.clone());
    let is_unread = matches!(payload, Payload::Unknown { .. });
    is_unread.then(|| Act::new(fact_type, "", content))
}
