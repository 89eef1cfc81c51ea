//! The forms of a kind, drawn from what its rules ask for, and what its values mean in words: a new
//! kind needs no page of its own.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::{Map, Value, json};
use sync_core::model::department::Department;
use sync_core::model::id::PersonId;
use sync_core::model::person::Role;
use sync_core::rules::form::{Asks, Form, Input, Writes};
use sync_core::rules::{Review, TimelineEntry, forms, guards};

use super::cases::Typed;
use super::desk::Desk;
use super::record::Sheet;
use super::words::{Words, Zone, plain, yuan};

/// What a form is drawn with.
pub struct Drawn<'a> {
    /// Who fills it in.
    pub desk: &'a Desk,
    /// The record it belongs to; none for a new one.
    pub sheet: Option<&'a Sheet>,
    /// People to choose from.
    pub people: &'a [(PersonId, String)],
    /// What was typed where it could not be done.
    pub typed: Option<&'a Typed>,
}

/// Whether a form is offered: what it names is there, and the person's roles let it.
pub fn is_offered(desk: &Desk, sheet: &Sheet, form: &Form) -> bool {
    if let Writes::Fact(fact_type) = form.writes
        && !may_ever(desk, sheet, fact_type)
    {
        return false;
    }
    let mut sample = Map::new();
    for input in form.inputs.iter().filter(|input| input.required) {
        let Some(value) = sample_of(input.asks, &sheet.review) else { return false };
        sample.insert(input.name.to_owned(), value);
    }
    // What the sample lacks is told when it is tried.
    let Some(site) = sheet.review.site else { return false };
    let command = form.command(&sheet.review.kind, site, sample);
    command.is_none_or(|command| sheet.permits(desk, &command))
}

/// Whether one of the person's roles at the site may write such a fact in any state of the record.
fn may_ever(desk: &Desk, sheet: &Sheet, fact_type: &str) -> bool {
    let Some(roles) = guards(fact_type) else { return true };
    let now_ms = desk.user.now_ms;
    let mut grants = desk.user.principal.grants.iter().filter(|grant| {
        let open = grant.ended.is_none() && grant.to_ms.is_none_or(|to_ms| to_ms > now_ms);
        open && grant.from_ms <= now_ms && Some(grant.site) == sheet.review.site
    });
    grants.any(|grant| roles.contains(&grant.role))
}

/// Something that an input may hold; none where the record has no such fact.
fn sample_of(asks: Asks, review: &Review) -> Option<Value> {
    Some(match asks {
        Asks::Name | Asks::Reason | Asks::Note | Asks::Description => json!("-"),
        Asks::Flag => json!(false),
        Asks::Fen | Asks::Whole | Asks::MomentMs | Asks::Person => json!(1),
        Asks::Date => json!("2026-01-01"),
        Asks::Moment => json!("2026-01-01T00:00:00+00:00"),
        Asks::Choice(_, codes) => json!(codes.first()?),
        Asks::Fact(of) => json!(facts(review, of).next()?.key),
        Asks::Record => json!(review.record),
        Asks::Department => json!(Department::CUSTOMER_SERVICE),
        Asks::Role => json!(Role::ALL[0]),
    })
}

fn facts<'a>(review: &'a Review, of: &'a str) -> impl Iterator<Item = &'a TimelineEntry> {
    review.timeline.iter().filter(move |entry| entry.fact_type == of)
}

impl Drawn<'_> {
    /// The inputs of a form.
    pub fn inputs(&self, form: &Form) -> Markup {
        html! { @for input in form.inputs { (self.input(form, input)) } }
    }

    fn input(&self, form: &Form, input: &Input) -> Markup {
        let words = self.desk.words;
        let id = format!("{}-{}", form.name(), input.name);
        let typed = Typed::or(self.typed, form.name(), input.name, "");
        if input.asks == Asks::Flag {
            let on = !typed.is_empty();
            return html! {
                label.flag for=(id) {
                    input #(id) type="checkbox" name=(input.name) value="true" checked[on];
                    " " (words.code("field", input.name))
                }
            };
        }
        html! {
            label for=(id) { (words.code("field", input.name)) }
            @match input.asks {
                Asks::Note | Asks::Description => {
                    @let most = if input.asks == Asks::Note { "1000" } else { "2000" };
                    textarea #(id) name=(input.name) rows="2" required[input.required]
                        maxlength=(most) { (typed) }
                }
                Asks::Choice(..) | Asks::Fact(_) | Asks::Person | Asks::Department
                | Asks::Role => (self.select(&id, input, &typed)),
                asks => {
                    @let (kind, most) = line(asks);
                    input #(id) name=(input.name) type=(kind) maxlength=[most]
                        inputmode=[(asks == Asks::Fen).then_some("decimal")]
                        required[input.required] value=(typed);
                }
            }
        }
    }

    fn select(&self, id: &str, input: &Input, typed: &str) -> Markup {
        let choices = self.choices(input.asks);
        // The one fact that can be meant is meant.
        let only = matches!(input.asks, Asks::Fact(_)) && choices.len() == 1;
        html! {
            select #(id) name=(input.name) required[input.required] {
                @if !only { option value="" selected[typed.is_empty()] { "—" } }
                @for (value, words) in &choices {
                    option value=(value) selected[value == typed] { (words) }
                }
            }
        }
    }

    fn choices(&self, asks: Asks) -> Vec<(String, String)> {
        let words = self.desk.words;
        let pair = |group: &str, code: &str| (code.to_owned(), words.code(group, code));
        match asks {
            Asks::Choice(group, codes) => codes.iter().map(|code| pair(group, code)).collect(),
            Asks::Department => {
                Department::KNOWN.iter().map(|known| pair("department", known.code())).collect()
            }
            Asks::Role => Role::ALL.iter().map(|role| pair("role", &role.code())).collect(),
            Asks::Person => {
                let people = self.people.iter();
                people.map(|(person, name)| (person.to_string(), name.clone())).collect()
            }
            Asks::Fact(of) => {
                let Some(sheet) = self.sheet else { return Vec::new() };
                let said = |entry: &TimelineEntry| {
                    let said = content(
                        words,
                        sheet.zone,
                        &sheet.names,
                        (&sheet.review.kind, &entry.fact_type),
                        &entry.content,
                    );
                    format!("{} {}", sheet.zone.minute(entry.at_ms), said.unwrap_or_default())
                };
                let facts = facts(&sheet.review, of);
                facts.map(|entry| (entry.key.to_string(), said(entry))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The sort of an input of one line, and its longest text.
fn line(asks: Asks) -> (&'static str, Option<&'static str>) {
    match asks {
        Asks::Reason => ("text", Some("200")),
        Asks::Date => ("date", None),
        Asks::MomentMs | Asks::Moment => ("datetime-local", None),
        Asks::Whole => ("number", None),
        Asks::Record => ("text", Some("22")),
        _ => ("text", Some("60")),
    }
}

/// What a kind asks for under a name, in any of its forms.
fn asks_of(kind: &str, wanted: &str) -> Option<Asks> {
    let mut inputs = forms(kind).iter().flat_map(|form| form.inputs);
    inputs.find(|input| input.name == wanted).map(|input| input.asks)
}

/// A member's value in words, by what its kind asks for under that name.
pub fn value(
    words: Words,
    zone: Zone,
    names: &BTreeMap<PersonId, String>,
    (kind, name): (&str, &str),
    value: &Value,
) -> Option<String> {
    if let Value::Object(members) = value {
        return Some(object(words, zone, names, kind, members));
    }
    let person = |value: &Value| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok())?;
        names.get(&PersonId(number)).cloned()
    };
    match asks_of(kind, name)? {
        Asks::Choice(group, _) => value.as_str().map(|code| words.code(group, code)),
        Asks::Department => value.as_str().map(|code| words.code("department", code)),
        Asks::Role => value.as_str().map(|code| words.code("role", code)),
        Asks::Flag => {
            value.as_bool().map(|on| words.say(if on { "office-yes" } else { "office-no" }))
        }
        Asks::Fen => value.as_i64().map(yuan),
        Asks::MomentMs => value.as_i64().map(|at_ms| zone.minute(at_ms)),
        Asks::Moment => value.as_str().map(|text| zone.read(text)),
        Asks::Person => person(value),
        // An id means nothing to a reader: what it names stands beside.
        Asks::Fact(_) | Asks::Record => None,
        _ => Some(plain(value)),
    }
}

fn object(
    words: Words,
    zone: Zone,
    names: &BTreeMap<PersonId, String>,
    kind: &str,
    members: &Map<String, Value>,
) -> String {
    let parts =
        members.iter().filter(|(_, value)| !value.is_null()).filter_map(|(name, member)| {
            let said = value(words, zone, names, (kind, name), member)?;
            Some(format!("{}: {said}", words.code("field", name)))
        });
    parts.collect::<Vec<_>>().join(" · ")
}

/// What a fact of a kind says, by its form; none for one without a form.
pub fn content(
    words: Words,
    zone: Zone,
    names: &BTreeMap<PersonId, String>,
    (kind, fact_type): (&str, &str),
    content: &Value,
) -> Option<String> {
    let is_its = |form: &&Form| matches!(form.writes, Writes::Fact(name) if name == fact_type);
    let form = forms(kind).iter().find(is_its)?;
    let said = form.inputs.iter().filter_map(|input| {
        let member = content.get(input.name).filter(|member| !member.is_null())?;
        value(words, zone, names, (kind, input.name), member)
    });
    Some(said.collect::<Vec<_>>().join(" · "))
}
