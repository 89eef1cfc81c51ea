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

use super::any::PEOPLE_MAX;
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
    let Some(sample) = sample_of(form.inputs, &sheet.review) else { return false };
    // What the sample lacks is told when it is tried.
    let Some(site) = sheet.review.site else { return false };
    let command = form.command(&sheet.review.kind, site, sample);
    command.map_or(true, |command| sheet.permits(desk, &command))
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

/// Something that may be typed into what has to be; none where the record has no such fact.
fn sample_of(inputs: &[Input], review: &Review) -> Option<Map<String, Value>> {
    let mut sample = Map::new();
    for input in inputs.iter().filter(|input| input.required || input.asks.is_always_there()) {
        let value = match input.asks {
            Asks::Name | Asks::Reason | Asks::Note | Asks::Description => json!("-"),
            Asks::Flag => json!(false),
            Asks::Fen | Asks::Milli | Asks::MomentMs | Asks::Person => json!(1),
            Asks::Whole(min, _) => json!(min),
            Asks::Names | Asks::Lines(_) => json!([]),
            Asks::Date => json!("2026-01-01"),
            Asks::Moment => json!("2026-01-01T00:00:00+00:00"),
            Asks::Choice(_, codes) => json!(codes.first()?),
            Asks::Fact(of) => json!(facts(review, of).next()?.key),
            Asks::FactElsewhere => json!(review.timeline.first()?.key),
            Asks::Record => json!(review.record),
            Asks::Department => json!(Department::CUSTOMER_SERVICE),
            Asks::Role => json!(Role::ALL[0]),
            Asks::Group(within) => Value::Object(sample_of(within, review)?),
            Asks::Either(within) => {
                let one = Input { required: true, ..*within.first()? };
                sample.extend(sample_of(&[one], review)?);
                continue;
            }
        };
        sample.insert(input.name.to_owned(), value);
    }
    Some(sample)
}

/// The facts of a type that can be chosen, the newest first.
fn facts<'a>(review: &'a Review, of: &'a str) -> impl Iterator<Item = &'a TimelineEntry> {
    let of_type = review.timeline.iter().rev().filter(move |entry| entry.fact_type == of);
    of_type.take(FACTS_MAX)
}

/// Facts to choose from.
const FACTS_MAX: usize = 50;
/// Lines of a list on a page, and those of them that are not folded away.
const LINES: usize = 20;
const LINES_OPEN: usize = 2;

impl Drawn<'_> {
    /// The inputs of a form.
    pub fn inputs(&self, form: &Form) -> Markup {
        html! { @for input in form.inputs { (self.input(form, input, "", input.required)) } }
    }

    /// An input, typed with `before` before its name; `needed` by the browser too.
    fn input(&self, form: &Form, input: &Input, before: &str, needed: bool) -> Markup {
        let words = self.desk.words.code("field", input.words);
        let name = format!("{before}{}", input.name);
        // What has to be typed in a line or group has to be only if anything is.
        let all = |within: &[Input], before: &str| {
            html! { @for one in within { (self.input(form, one, before, false)) } }
        };
        match input.asks {
            Asks::Group(within) => html! {
                fieldset { legend { (words) } (all(within, &format!("{name}."))) }
            },
            Asks::Either(within) => html! {
                fieldset { legend { (words) } (all(within, before)) }
            },
            Asks::Lines(within) => self.lines((form, &name, &words), within, &all),
            _ => self.plain(form, input, &name, needed),
        }
    }

    fn lines(
        &self,
        (form, name, words): (&Form, &str, &str),
        within: &[Input],
        all: &dyn Fn(&[Input], &str) -> Markup,
    ) -> Markup {
        let one = |line: usize| {
            html! {
                fieldset.line {
                    legend { (words) " " (line + 1) }
                    (all(within, &format!("{name}.{line}.")))
                }
            }
        };
        let is_typed = |line: usize| {
            let typed = |input: &Input| {
                let name = format!("{name}.{line}.{}", input.name);
                !Typed::or(self.typed, form.name(), &name, "").is_empty()
            };
            within.iter().any(typed)
        };
        html! {
            @for line in 0..LINES_OPEN { (one(line)) }
            details open[(LINES_OPEN..LINES).any(is_typed)] {
                summary { (self.desk.words.with("office-more-lines", &[("lines", words)])) }
                @for line in LINES_OPEN..LINES { (one(line)) }
            }
        }
    }

    fn plain(&self, form: &Form, input: &Input, name: &str, needed: bool) -> Markup {
        let words = self.desk.words.code("field", input.words);
        let id = format!("{}-{name}", form.name());
        let typed = Typed::or(self.typed, form.name(), name, "");
        if input.asks == Asks::Flag {
            let on = !typed.is_empty();
            return html! {
                label.flag for=(id) {
                    input #(id) type="checkbox" name=(name) value="true" checked[on];
                    " " (words)
                }
            };
        }
        html! {
            label for=(id) { (words) }
            @match input.asks {
                Asks::Note | Asks::Description => {
                    @let most = if input.asks == Asks::Note { "1000" } else { "2000" };
                    textarea #(id) name=(name) rows="2" required[needed] maxlength=(most) {
                        (typed)
                    }
                }
                Asks::Person if self.people.len() >= PEOPLE_MAX => {
                    input #(id) name=(name) type="number" min="1" required[needed] value=(typed);
                }
                Asks::Choice(..) | Asks::Fact(_) | Asks::Person | Asks::Department
                | Asks::Role => (self.select((&id, name), input, needed, &typed)),
                Asks::Whole(min, max) => {
                    input #(id) name=(name) type="number" min=(min) max=(max)
                        required[needed] value=(typed);
                }
                asks => {
                    @let (kind, most) = line(asks);
                    @let decimal = matches!(asks, Asks::Fen | Asks::Milli);
                    input #(id) name=(name) type=(kind) maxlength=[most]
                        inputmode=[decimal.then_some("decimal")]
                        required[needed] value=(typed);
                }
            }
        }
    }

    fn select(&self, (id, name): (&str, &str), input: &Input, needed: bool, typed: &str) -> Markup {
        let choices = self.choices(input.asks);
        // The one fact that can be meant is meant.
        let only = matches!(input.asks, Asks::Fact(_)) && needed && choices.len() == 1;
        html! {
            select #(id) name=(name) required[needed] {
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
        Asks::Names => ("text", Some("2000")),
        Asks::Record => ("text", Some("22")),
        _ => ("text", Some("60")),
    }
}

/// Why a form could not be done, with what its input is called, and which line it stands in.
pub fn problem(words: Words, kind: &str, typed: &Typed) -> String {
    let why = &typed.problem;
    let field = typed.params.get("field");
    let inputs = Form::of(kind, &typed.form).map(Form::every_input).unwrap_or_default();
    let Some(input) =
        inputs.into_iter().find(|input| Some(input.name) == field.map(String::as_str))
    else {
        return why.clone();
    };
    let name = words.code("field", input.words);
    match typed.params.get("line") {
        Some(line) => format!("{why}: {name} ({line})"),
        None => format!("{why}: {name}"),
    }
}

/// What values of a record say: in which words, of whom, in which zone.
#[derive(Clone, Copy)]
struct Saying<'a> {
    words: Words,
    zone: Zone,
    names: &'a BTreeMap<PersonId, String>,
}

impl Saying<'_> {
    /// A value in words, by what was asked for; none for an id, which means nothing to a reader:
    /// what it names stands beside.
    fn value(&self, asks: Asks, value: &Value) -> Option<String> {
        let words = self.words;
        let code = |group: &str| value.as_str().map(|code| words.code(group, code));
        match asks {
            Asks::Choice(group, _) => code(group),
            Asks::Department => code("department"),
            Asks::Role => code("role"),
            Asks::Flag => {
                value.as_bool().map(|on| words.say(if on { "office-yes" } else { "office-no" }))
            }
            Asks::Fen => value.as_i64().map(yuan),
            Asks::Milli => value.as_i64().map(thousandths),
            Asks::MomentMs => value.as_i64().map(|at_ms| self.zone.minute(at_ms)),
            Asks::Moment => value.as_str().map(|text| self.zone.read(text)),
            Asks::Person => {
                let number = value.as_u64().and_then(|number| u32::try_from(number).ok())?;
                self.names.get(&PersonId(number)).cloned()
            }
            Asks::Names => {
                let names = value.as_array()?.iter().filter_map(Value::as_str);
                Some(names.collect::<Vec<_>>().join("、"))
            }
            Asks::Group(within) => Some(self.labelled(within, value)),
            Asks::Lines(within) => {
                let lines = value.as_array()?.iter();
                let said = lines.map(|line| self.members(within, line).join(" "));
                Some(said.collect::<Vec<_>>().join("; "))
            }
            Asks::Fact(_) | Asks::FactElsewhere | Asks::Record | Asks::Either(_) => None,
            _ => Some(plain(value)),
        }
    }

    /// What the members say that were asked for.
    fn members(&self, inputs: &[Input], members: &Value) -> Vec<String> {
        let said = inputs.iter().flat_map(|input| match input.asks {
            Asks::Either(within) => self.members(within, members),
            asks => {
                let member = members.get(input.name).filter(|member| !member.is_null());
                member.and_then(|member| self.value(asks, member)).into_iter().collect()
            }
        });
        said.collect()
    }

    /// The same with what each is called.
    fn labelled(&self, inputs: &[Input], members: &Value) -> String {
        let said = inputs.iter().filter_map(|input| {
            let said = self.members(std::slice::from_ref(input), members).pop()?;
            Some(format!("{}: {said}", self.words.code("field", input.words)))
        });
        said.collect::<Vec<_>>().join(" · ")
    }
}

fn thousandths(milli: i64) -> String {
    let text = format!("{}.{:03}", milli / 1_000, milli.rem_euclid(1_000));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A field's value in words, by what its kind asks for under that name; none for a field that no
/// form of the kind writes.
pub fn value(
    words: Words,
    zone: Zone,
    names: &BTreeMap<PersonId, String>,
    (kind, name): (&str, &str),
    value: &Value,
) -> Option<String> {
    let saying = Saying { words, zone, names };
    let fields = forms(kind).iter().filter(|form| !matches!(form.writes, Writes::Fact(_)));
    let mut inputs = fields.clone().flat_map(|form| form.inputs);
    if let Some(input) = inputs.find(|input| input.name == name) {
        return saying.value(input.asks, value);
    }
    let mut objects = fields.filter(|form| form.writes != Writes::Opening);
    let form = objects.find(|form| form.name() == name)?;
    Some(saying.labelled(form.inputs, value))
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
    Some(Saying { words, zone, names }.members(form.inputs, content).join(" · "))
}
