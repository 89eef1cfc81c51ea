//! Forms: what an app asks a person for to open a record, write a field or a step. Phone, office
//! and terminal draw them from here, so a new kind needs no page of its own; what is typed becomes
//! the very JSON that the rules then judge.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::command::Command;
use super::denial::{Denial, DenialCode};
use super::kind::forms;
use crate::model::department::Department;
use crate::model::id::{FactKey, RecordId, SiteId};
use crate::model::payload::{OpeningContent, Step};
use crate::model::person::Role;

/// What one form writes, and what it asks for.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Form {
    /// What it writes.
    pub writes: Writes,
    /// What it asks for, in order.
    pub inputs: &'static [Input],
}

/// What a form writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    /// It opens a record.
    Opening,
    /// A fact of this type.
    Fact(&'static str),
    /// This field: an object, or the one thing that is asked for if that has the field's name.
    Field(&'static str),
}

/// One thing a form asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Input {
    /// The member it becomes.
    pub name: &'static str,
    /// What it is called: `field-<words>`.
    pub words: &'static str,
    /// What is asked for.
    pub asks: Asks,
    /// It may not be left empty. What [`Asks::is_always_there`] never is.
    pub required: bool,
}

/// Lines of one list in a form: enough for what a desk has at hand, and few enough to look for.
pub const LINES_MAX: usize = 100;

/// What an input asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// A name, place or unit: 60 characters.
    Name,
    /// A reason: 200 characters.
    Reason,
    /// A note: 1,000 characters.
    Note,
    /// A description: 2,000 characters.
    Description,
    /// Yes or no.
    Flag,
    /// An amount of money, typed in yuan.
    Fen,
    /// A decimal with at most three decimals, as thousandths.
    Milli,
    /// A whole number from .. to.
    Whole(i64, i64),
    /// Names, places or units in any number, typed with a comma, semicolon or line break between.
    Names,
    /// A date.
    Date,
    /// A moment, typed in the site's local time, as milliseconds.
    MomentMs,
    /// A moment, typed in the site's local time, as RFC 3339.
    Moment,
    /// One of these codes; their words: `<group>-<code>`.
    Choice(&'static str, &'static [&'static str]),
    /// An earlier fact of this type in the record.
    Fact(&'static str),
    /// A fact of another record, by its key.
    FactElsewhere,
    /// A person.
    Person,
    /// Another record.
    Record,
    /// A department's code.
    Department,
    /// A role's code.
    Role,
    /// An object of these, typed as `<name>.<member>`; left out if none of them is typed.
    Group(&'static [Input]),
    /// A list of objects of these, at most [`LINES_MAX`], typed as `<name>.<line>.<member>` with
    /// lines from 0; a line of which nothing is typed is none.
    Lines(&'static [Input]),
    /// Exactly one of these, typed by its own name; the name of them all is for words alone.
    Either(&'static [Input]),
}

impl Asks {
    /// The number of a group of buildings (组团).
    pub const GROUP_OF_BUILDINGS: Self = Self::Whole(0, u32::MAX as i64);

    /// Whether it is written even if nothing was typed: as no, or as an empty list.
    pub fn is_always_there(self) -> bool {
        matches!(self, Self::Flag | Self::Names | Self::Lines(_))
    }

    /// What is asked for within it.
    pub fn within(self) -> &'static [Input] {
        match self {
            Self::Group(inputs) | Self::Lines(inputs) | Self::Either(inputs) => inputs,
            _ => &[],
        }
    }
}

impl Form {
    /// A form that opens a record.
    pub const fn opening(inputs: &'static [Input]) -> Self {
        Self { writes: Writes::Opening, inputs }
    }

    /// A form that writes a field.
    pub const fn field(name: &'static str, inputs: &'static [Input]) -> Self {
        Self { writes: Writes::Field(name), inputs }
    }

    /// A form that writes a fact.
    pub const fn fact(fact_type: &'static str, inputs: &'static [Input]) -> Self {
        Self { writes: Writes::Fact(fact_type), inputs }
    }

    /// Its name: what it writes.
    pub fn name(&self) -> &'static str {
        match self.writes {
            Writes::Opening => "open",
            Writes::Fact(name) | Writes::Field(name) => name,
        }
    }

    /// The form of a kind with that name.
    pub fn of(kind: &str, name: &str) -> Option<&'static Self> {
        forms(kind).iter().find(|form| form.name() == name)
    }

    /// Everything that it asks for, what stands within another input after it.
    pub fn every_input(&self) -> Vec<&'static Input> {
        fn all(inputs: &'static [Input]) -> Vec<&'static Input> {
            let with = |input: &'static Input| {
                std::iter::once(input).chain(all(input.asks.within())).collect::<Vec<_>>()
            };
            inputs.iter().flat_map(with).collect()
        }
        all(self.inputs)
    }

    /// Whether something is typed under this name, e.g. `place` or `lines.0.name`.
    pub fn asks_for(&self, name: &str) -> bool {
        is_typed_in(self.inputs, name)
    }

    /// The command that a filled form of a kind is; `site` is where a record is opened.
    ///
    /// # Errors
    /// `out_of_range` if the members make none, or with the `field` that the others leave no place
    /// for, as an amount where the price is told on site: nothing typed is lost without a word.
    pub fn command(
        &self,
        kind: &str,
        site: SiteId,
        content: Map<String, Value>,
    ) -> Result<Command, Denial> {
        let deny = |field: &str| Denial::new(DenialCode::OutOfRange).with("field", field);
        let first = self.inputs.first().map_or("form", |input| input.name);
        let command = self.made(kind, site, content.clone()).ok_or_else(|| deny(first))?;
        let said = serde_json::to_value(&command).map_err(|_| deny(first))?;
        let lost = content.iter().find(|(name, value)| {
            let is_nothing = **value == json!([]) || **value == json!(false);
            !is_nothing && !stands(&said, (name, value))
        });
        lost.map_or(Ok(command), |(name, _)| Err(deny(name)))
    }

    fn made(&self, kind: &str, site: SiteId, mut content: Map<String, Value>) -> Option<Command> {
        Some(match self.writes {
            Writes::Opening => {
                let content = OpeningContent::of(kind, &content)?;
                Command::Open { site, content }
            }
            Writes::Field(field) => {
                let itself = self.inputs.iter().any(|input| input.name == field);
                let value = if itself { content.remove(field)? } else { Value::Object(content) };
                Command::Set { field: field.to_owned(), value, salt: None }
            }
            Writes::Fact(fact_type) => {
                let step = json!({ "t": fact_type, "p": content });
                Command::step(serde_json::from_value::<Step>(step).ok()?)
            }
        })
    }

    /// The members of what was typed: `typed` gives the text of an input, empty where nothing was;
    /// `zone` is the site's IANA name, for moments.
    ///
    /// # Errors
    /// `text_empty` for what is missing, `out_of_range` or `bad_time` for what is none of its sort,
    /// each with the `field`, and with the `line` (from 1) where it stands in one.
    pub fn content<'t>(
        &self,
        typed: impl Fn(&str) -> &'t str,
        zone: &str,
    ) -> Result<Map<String, Value>, Denial> {
        Reading { typed: &typed, zone }.members(self.inputs, "")
    }
}

/// What a kind's record calls a member or field: the words' code, by the first of the kind's inputs
/// that has that name, else the name itself.
pub fn words_of<'n>(kind: &str, name: &'n str) -> &'n str {
    let mut inputs = forms(kind).iter().flat_map(Form::every_input);
    inputs.find(|input| input.name == name).map_or(name, |input| input.words)
}

/// Whether a member stands anywhere in a command, or is a field that it sets.
fn stands(command: &Value, (name, value): (&str, &Value)) -> bool {
    let Value::Object(members) = command else { return false };
    let is_set = command["field"] == *name && command["value"] == *value;
    let within = || members.values().any(|member| stands(member, (name, value)));
    is_set || members.get(name) == Some(value) || within()
}

fn is_typed_in(inputs: &[Input], name: &str) -> bool {
    let (first, rest) = name.split_once('.').map_or((name, None), |(a, b)| (a, Some(b)));
    let is_line =
        |index: &str| index.parse().is_ok_and(|n: usize| n < LINES_MAX && n.to_string() == index);
    inputs.iter().any(|input| match (input.asks, rest) {
        (Asks::Either(within), _) => is_typed_in(within, name),
        (Asks::Group(within), Some(rest)) => input.name == first && is_typed_in(within, rest),
        (Asks::Lines(within), Some(rest)) => {
            let line = rest.split_once('.').filter(|(index, _)| is_line(index));
            input.name == first && line.is_some_and(|(_, rest)| is_typed_in(within, rest))
        }
        (Asks::Group(_) | Asks::Lines(_), None) | (_, Some(_)) => false,
        (_, None) => input.name == name,
    })
}

/// A form while it is read.
struct Reading<'r, 't> {
    typed: &'r dyn Fn(&str) -> &'t str,
    zone: &'r str,
}

impl Reading<'_, '_> {
    /// The members of `inputs`, which are typed with `before` before their names.
    fn members(&self, inputs: &[Input], before: &str) -> Result<Map<String, Value>, Denial> {
        let mut content = Map::new();
        for input in inputs {
            let name = format!("{before}{}", input.name);
            if let Asks::Either(within) = input.asks {
                let mut typed = within.iter().filter(|one| self.is_typed(one, before));
                match (typed.next(), typed.next()) {
                    (Some(one), None) => {
                        content.extend(self.members(std::slice::from_ref(one), before)?);
                    }
                    (Some(_), Some(_)) => return Err(input.deny(DenialCode::OutOfRange)),
                    (None, _) if input.required => return Err(input.deny(DenialCode::TextEmpty)),
                    (None, _) => {}
                }
            } else if let Some(value) = self.value(input, &name)? {
                content.insert(input.name.to_owned(), value);
            } else if input.required {
                return Err(input.deny(DenialCode::TextEmpty));
            }
        }
        Ok(content)
    }

    /// What was typed into an input; none if it is empty and is left out then.
    fn value(&self, input: &Input, name: &str) -> Result<Option<Value>, Denial> {
        match input.asks {
            Asks::Group(within) => {
                let before = format!("{name}.");
                let typed = within.iter().any(|one| self.is_typed(one, &before));
                let members = typed.then(|| self.members(within, &before)).transpose()?;
                Ok(members.map(Value::Object))
            }
            Asks::Lines(within) => {
                let mut lines = Vec::new();
                for index in 0..LINES_MAX {
                    let before = format!("{name}.{index}.");
                    if within.iter().any(|one| self.is_typed(one, &before)) {
                        let line = self.members(within, &before);
                        lines.push(Value::Object(line.map_err(|no| no.with("line", index + 1))?));
                    }
                }
                Ok((!lines.is_empty() || !input.required).then_some(Value::Array(lines)))
            }
            asks => {
                let text = (self.typed)(name).trim();
                let empty = text.is_empty() && (!asks.is_always_there() || input.must_be_typed());
                if empty { Ok(None) } else { input.read(text, self.zone).map(Some) }
            }
        }
    }

    fn is_typed(&self, input: &Input, before: &str) -> bool {
        !(self.typed)(&format!("{before}{}", input.name)).trim().is_empty()
    }
}

impl Input {
    /// That may not be left empty.
    pub const fn required(name: &'static str, asks: Asks) -> Self {
        Self { name, words: name, asks, required: true }
    }

    /// That may be left empty.
    pub const fn optional(name: &'static str, asks: Asks) -> Self {
        Self { name, words: name, asks, required: false }
    }

    /// That is called something else than others of its name.
    pub const fn called(self, words: &'static str) -> Self {
        Self { words, ..self }
    }

    /// Whether it is refused when nothing is typed.
    pub fn must_be_typed(&self) -> bool {
        self.required && self.asks != Asks::Flag
    }

    fn deny(&self, code: DenialCode) -> Denial {
        Denial::new(code).with("field", self.name)
    }

    /// One plain value.
    fn read(&self, text: &str, zone: &str) -> Result<Value, Denial> {
        let out_of_range = || self.deny(DenialCode::OutOfRange);
        let bad_time = || self.deny(DenialCode::BadTime);
        Ok(match self.asks {
            Asks::Name | Asks::Reason | Asks::Note | Asks::Description | Asks::Date => json!(text),
            Asks::Flag => json!(matches!(text, "true" | "on" | "1" | "yes")),
            Asks::Fen => json!(decimal(text, 2).ok_or_else(out_of_range)?),
            Asks::Milli => json!(decimal(text, 3).ok_or_else(out_of_range)?),
            Asks::Whole(min, max) => {
                let number = text.parse::<i64>().ok().filter(|n| (min..=max).contains(n));
                json!(number.ok_or_else(out_of_range)?)
            }
            Asks::Names => {
                let between = |c: char| matches!(c, ',' | '，' | '、' | ';' | '；' | '\n');
                let names = text.split(between).map(str::trim).filter(|name| !name.is_empty());
                json!(names.collect::<Vec<_>>())
            }
            Asks::MomentMs => {
                json!(local(text, zone).ok_or_else(bad_time)?.timestamp_millis())
            }
            Asks::Moment => json!(local(text, zone).ok_or_else(bad_time)?.to_rfc3339()),
            Asks::Choice(_, codes) => {
                codes.contains(&text).then(|| json!(text)).ok_or_else(out_of_range)?
            }
            Asks::Fact(_) | Asks::FactElsewhere => {
                json!(text.parse::<FactKey>().map_err(|_| out_of_range())?)
            }
            Asks::Person => json!(text.parse::<u32>().map_err(|_| out_of_range())?),
            Asks::Record => json!(text.parse::<RecordId>().map_err(|_| out_of_range())?),
            Asks::Department => json!(text.parse::<Department>().map_err(|_| out_of_range())?),
            Asks::Role => {
                let known = Role::ALL.iter().any(|role| role.code() == text);
                known.then(|| json!(text)).ok_or_else(out_of_range)?
            }
            // Read member by member.
            Asks::Group(_) | Asks::Lines(_) | Asks::Either(_) => return Err(out_of_range()),
        })
    }
}

/// A decimal with at most so many decimals, in the smallest of them; no float is ever near money.
fn decimal(text: &str, places: usize) -> Option<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || rest.len() > places || !digits(whole) || !digits(rest) {
        return None;
    }
    let rest = format!("{rest:0<places$}").parse::<i64>().ok()?;
    let unit = 10_i64.checked_pow(u32::try_from(places).ok()?)?;
    whole.parse::<i64>().ok()?.checked_mul(unit)?.checked_add(rest)
}

/// A local time as browsers write it, `2026-11-27T16:00`; of one shown twice the first.
fn local(text: &str, zone: &str) -> Option<chrono::DateTime<chrono_tz::Tz>> {
    use chrono::TimeZone as _;
    let zone: chrono_tz::Tz = zone.parse().ok()?;
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let mut read =
        forms.iter().filter_map(|form| chrono::NaiveDateTime::parse_from_str(text, form).ok());
    zone.from_local_datetime(&read.next()?).earliest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_become_fen_without_a_float() {
        for (text, expected) in [
            ("12", Some(1_200)),
            ("12.5", Some(1_250)),
            ("0.07", Some(7)),
            ("12.", Some(1_200)),
            ("12.345", None),
            (".5", None),
            ("-1", None),
            ("1e3", None),
            ("99999999999999999999", None),
            ("92233720368547758.08", None),
        ] {
            assert_eq!(decimal(text, 2), expected, "{text}");
        }
        assert_eq!(decimal("1.5", 3), Some(1_500));
        assert_eq!(decimal("0.0005", 3), None);
    }

    #[test]
    fn a_local_time_is_the_sites() {
        let at = |zone| local("2026-11-27T16:00", zone).map(|at| at.to_rfc3339());
        assert_eq!(at("Asia/Shanghai").as_deref(), Some("2026-11-27T16:00:00+08:00"));
        assert_eq!(at("Europe/Berlin").as_deref(), Some("2026-11-27T16:00:00+01:00"));
        assert_eq!(at("nowhere"), None);
        assert_eq!(local("27.11.2026", "Asia/Shanghai"), None);
        // Skipped by the clocks of that night.
        assert_eq!(local("2026-03-29T02:30", "Europe/Berlin"), None);
    }
}
