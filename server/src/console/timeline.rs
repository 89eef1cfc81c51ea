//! Everything that happened to a record, in causal order: who, when, on which device, and beside
//! each step its waits, deviations and marks.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;
use sync_core::model::id::{FactKey, PersonId};
use sync_core::rules::{Deviation, TimelineEntry, Wait};

use super::asked;
use super::desk::Desk;
use super::layout::badge;
use super::patrol_step;
use super::record::Sheet;
use super::signature;
use super::words::{Words, Zone, plain, yuan};
use crate::App;

/// Entries in a page: the latest, or those before a given one.
const PAGE: usize = 200;

/// What stands beside steps.
struct Beside<'a> {
    waits: BTreeMap<FactKey, Vec<&'a Wait>>,
    deviations: BTreeMap<FactKey, Vec<&'a Deviation>>,
}

impl<'a> Beside<'a> {
    fn of(sheet: &'a Sheet) -> Self {
        let timeline = &sheet.review.timeline;
        let places: BTreeMap<FactKey, usize> =
            timeline.iter().enumerate().map(|(place, entry)| (entry.key, place)).collect();
        let mut beside = Self { waits: BTreeMap::new(), deviations: BTreeMap::new() };
        for visit in &sheet.review.visits {
            for wait in &visit.waits {
                beside.waits.entry(wait.to).or_default().push(wait);
            }
            for deviation in &visit.deviations {
                // Beside the last step it rests on; what is missing stands at the visit's start.
                let last = deviation.keys.iter().max_by_key(|key| places.get(key));
                let at = last.copied().unwrap_or(visit.visit);
                beside.deviations.entry(at).or_default().push(deviation);
            }
        }
        beside
    }
}

/// The timeline.
pub fn show(app: &App, desk: &Desk, sheet: &Sheet, before: Option<FactKey>) -> Markup {
    let words = desk.words;
    let timeline = &sheet.review.timeline;
    let end = before.and_then(|before| timeline.iter().position(|entry| entry.key == before));
    let end = end.unwrap_or(timeline.len());
    let start = end.saturating_sub(PAGE);
    let shown = &timeline[start..end];
    let beside = Beside::of(sheet);
    let days: Vec<String> = shown.iter().map(|entry| sheet.zone.day(entry.at_ms)).collect();
    let begins = |index: usize| index == 0 || days[index] != days[index - 1];
    let days = (0..days.len()).map(|index| begins(index).then_some(&days[index]));
    html! {
        section #timeline aria-labelledby="timeline-title" {
            h2 #timeline-title { (words.say("office-timeline")) }
            @if let (true, Some(first)) = (start > 0, shown.first()) {
                p { a href={ (sheet.url()) "?before=" (first.key) "#timeline" } {
                    (words.say("office-earlier"))
                } }
            }
            ol.timeline { @for (entry, day) in shown.iter().zip(days) {
                @if let Some(day) = day { li.day { (day) } }
                (step(app, desk, sheet, &beside, entry))
            } }
            @if end < timeline.len() {
                p { a href={ (sheet.url()) "#timeline" } { (words.say("office-latest")) } }
            }
        }
    }
}

fn step(
    app: &App,
    desk: &Desk,
    sheet: &Sheet,
    beside: &Beside<'_>,
    entry: &TimelineEntry,
) -> Markup {
    let words = desk.words;
    let device = entry.device.and_then(|device| sheet.devices.get(&device));
    let by = match entry.by {
        Some(_) => sheet.person(entry.by).to_owned(),
        None => words.say("office-server"),
    };
    let from_office = device.is_some_and(|device| device.certificate.is_none());
    html! {
        li data-fact=(entry.fact_type) {
            time datetime=(sheet.zone.machine(entry.at_ms)) { (sheet.zone.second(entry.at_ms)) }
            div {
                div.what {
                    strong {
                        (fact_name(words, &entry.fact_type))
                    }
                    " "
                    (patrol_step::detail(
                        words, sheet.review.round.as_ref(), &entry.fact_type, &entry.content,
                    ).or_else(|| asked::content(
                        words, sheet.zone, &sheet.names,
                        (&sheet.review.kind, &entry.fact_type), &entry.content,
                    )).unwrap_or_else(|| {
                        detail(words, sheet.zone, &sheet.names, &entry.fact_type, &entry.content)
                    }))
                }
                div.by {
                    (by)
                    @if from_office { " · " (words.say("office-from-office")) }
                    @else if let Some(device) = device { " · " (device.name) }
                }
                (marks(desk, sheet, entry))
                (notes(words, beside, entry.key))
                @if entry.fact_type == "signed" { (signed(app, words, sheet, entry)) }
            }
        }
    }
}

/// What makes an entry less than a step written at once by whoever did it.
fn marks(desk: &Desk, sheet: &Sheet, entry: &TimelineEntry) -> Markup {
    let words = desk.words;
    html! {
        @if !entry.verified { (badge("warn", &words.say("office-unverified"))) }
        @if let Some(said_at_ms) = entry.said_at_ms {
            (badge("warn", &words.with(
                "office-said-at", &[("time", &sheet.zone.minute(said_at_ms))],
            )))
        }
        @if entry.on_behalf_of.is_some() {
            (badge("warn", &words.with(
                "office-on-behalf", &[("person", sheet.person(entry.on_behalf_of))],
            )))
        }
    }
}

fn notes(words: Words, beside: &Beside<'_>, key: FactKey) -> Markup {
    html! {
        @for wait in beside.waits.get(&key).into_iter().flatten() {
            div.wait { (words.code("wait", &wait.name)) ": " (words.lasted(wait.ms)) }
        }
        @for deviation in beside.deviations.get(&key).into_iter().flatten() {
            div.deviation { (badge("bad", &words.say("office-deviation"))) " "
                (words.code("deviation", &deviation.code)) }
        }
    }
}

fn signed(app: &App, words: Words, sheet: &Sheet, entry: &TimelineEntry) -> Markup {
    let device = entry.device.and_then(|device| sheet.devices.get(&device));
    let certificate = device.and_then(|device| device.certificate.as_deref());
    let Some(stored) = sheet.signed.get(&entry.key) else { return html! {} };
    let verification = signature::check(app, &sheet.review, stored, entry, certificate);
    html! {
        (signature::show(words, &entry.content, &verification))
        p { a href={ "/v1/records/" (sheet.record) "/evidence" } download {
            (words.say("office-evidence"))
        } }
    }
}

/// A fact's type in words, also of kinds that only a newer app knows.
pub fn fact_name(words: Words, fact_type: &str) -> String {
    let groups = ["fact", "office-fact"];
    let group = groups.into_iter().find(|group| words.knows(group, fact_type));
    words.code(group.unwrap_or("fact"), fact_type)
}

/// A field's value in words.
pub fn field_value(
    words: Words,
    zone: Zone,
    names: &BTreeMap<PersonId, String>,
    field: &str,
    value: &Value,
) -> String {
    match (field, value) {
        ("assignee", Value::Number(number)) => {
            let person = number.as_u64().and_then(|number| u32::try_from(number).ok());
            let name = person.and_then(|person| names.get(&PersonId(person)));
            name.cloned().unwrap_or_else(|| number.to_string())
        }
        ("appointment", Value::String(text)) => zone.read(text),
        ("priority", Value::String(code)) => words.code("office-priority", code),
        ("category", Value::String(code)) => words.code("office-category", code),
        ("task", Value::String(code)) => words.code("task", code),
        ("chargeable_fen", Value::Number(number)) => yuan(number.as_i64().unwrap_or_default()),
        (name, Value::Number(number)) if name.ends_with("_ms") => {
            zone.minute(number.as_i64().unwrap_or_default())
        }
        (_, Value::Null) => "—".to_owned(),
        (_, value) => plain(value),
    }
}

/// What a fact says beside its type.
pub fn detail(
    words: Words,
    zone: Zone,
    names: &BTreeMap<PersonId, String>,
    fact_type: &str,
    content: &Value,
) -> String {
    let text = |member: &str| content.get(member).and_then(Value::as_str);
    let number = |member: &str| content.get(member).and_then(Value::as_i64);
    let mut parts = Vec::new();
    if let (Some(field), Some(value)) = (text("field"), content.get("value")) {
        let name = words.code("field", field);
        // Another record's id, which means nothing to a reader: its name stands beside.
        if field == "contact" {
            parts.push(name);
        } else {
            let value = field_value(words, zone, names, field, value);
            parts.push(format!("{name}: {value}"));
        }
    }
    if matches!(fact_type, "case_closed" | "case_reopened") {
        parts.extend(text("case").map(|case| words.code("case", case)));
    }
    if fact_type == "created" {
        parts.extend(text("description").map(str::to_owned));
    } else {
        let plain = [
            "name",
            "number",
            "text",
            "reason",
            "reported_to",
            "answered_by",
            "checkpoint",
            "place",
            "description",
            "note",
        ];
        parts.extend(plain.iter().filter_map(|member| text(member)).map(str::to_owned));
    }
    parts.extend(text("item").map(|item| words.code("office-item", item)));
    parts.extend(text("result").map(|code| words.code("office-result", code)));
    parts.extend(number("amount_fen").map(yuan));
    if let (Some(milli), Some(price)) = (number("quantity_milli"), number("unit_price_fen")) {
        let whole = milli / 1_000;
        let rest = milli.rem_euclid(1_000);
        let count = format!("{whole}.{rest:03}");
        let count = count.trim_end_matches('0').trim_end_matches('.');
        parts.push(format!("{count} {} × {}", text("unit").unwrap_or_default(), yuan(price)));
    }
    let method = if fact_type == "checkpoint_visited" { "office-method" } else { "office-paid" };
    for (member, group) in [("method", method), ("via", "office-via"), ("moment", "office-photo")] {
        parts.extend(text(member).map(|code| words.code(group, code)));
    }
    let person = number("person").and_then(|person| u32::try_from(person).ok());
    parts.extend(person.and_then(|person| names.get(&PersonId(person)).cloned()));
    if let Some(ratings) = content.get("ratings") {
        for name in ["quality", "attitude", "conduct"] {
            let value = ratings.get(name).and_then(Value::as_i64);
            parts.extend(value.map(|value| format!("{} {value}/5", words.code("rating", name))));
        }
    }
    parts.join(" · ")
}
