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
    /// This field, whose value is an object.
    Field(&'static str),
}

/// One thing a form asks for.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Input {
    /// The member it becomes; its words: `field-<name>`.
    pub name: &'static str,
    /// What is asked for.
    pub asks: Asks,
    /// It may not be left empty. A flag never is.
    pub required: bool,
}

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
    /// A whole number.
    Whole,
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
    /// A person.
    Person,
    /// Another record.
    Record,
    /// A department's code.
    Department,
    /// A role's code.
    Role,
}

impl Form {
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

    /// The command that a filled form of a kind is; `site` is where a record is opened. None if
    /// the members make none.
    pub fn command(
        &self,
        kind: &str,
        site: SiteId,
        content: Map<String, Value>,
    ) -> Option<Command> {
        Some(match self.writes {
            Writes::Opening => {
                let content = OpeningContent::of(kind, &content)?;
                Command::Open { site, content }
            }
            Writes::Field(field) => {
                let field = field.to_owned();
                Command::Set { field, value: Value::Object(content), salt: None }
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
    /// each with the `field`.
    pub fn content<'t>(
        &self,
        typed: impl Fn(&str) -> &'t str,
        zone: &str,
    ) -> Result<Map<String, Value>, Denial> {
        let mut content = Map::new();
        for input in self.inputs {
            let text = typed(input.name).trim();
            if text.is_empty() && input.asks != Asks::Flag {
                if input.required {
                    return Err(Denial::new(DenialCode::TextEmpty).with("field", input.name));
                }
                continue;
            }
            content.insert(input.name.to_owned(), input.read(text, zone)?);
        }
        Ok(content)
    }
}

impl Input {
    /// That may not be left empty.
    pub const fn required(name: &'static str, asks: Asks) -> Self {
        Self { name, asks, required: true }
    }

    /// That may be left empty.
    pub const fn optional(name: &'static str, asks: Asks) -> Self {
        Self { name, asks, required: false }
    }

    fn read(&self, text: &str, zone: &str) -> Result<Value, Denial> {
        let deny = |code| Denial::new(code).with("field", self.name);
        let out_of_range = || deny(DenialCode::OutOfRange);
        let bad_time = || deny(DenialCode::BadTime);
        Ok(match self.asks {
            Asks::Name | Asks::Reason | Asks::Note | Asks::Description | Asks::Date => json!(text),
            Asks::Flag => json!(matches!(text, "true" | "on" | "1" | "yes")),
            Asks::Fen => json!(fen(text).ok_or_else(out_of_range)?),
            Asks::Whole => json!(text.parse::<i64>().map_err(|_| out_of_range())?),
            Asks::MomentMs => {
                json!(local(text, zone).ok_or_else(bad_time)?.timestamp_millis())
            }
            Asks::Moment => json!(local(text, zone).ok_or_else(bad_time)?.to_rfc3339()),
            Asks::Choice(_, codes) => {
                codes.contains(&text).then(|| json!(text)).ok_or_else(out_of_range)?
            }
            Asks::Fact(_) => json!(text.parse::<FactKey>().map_err(|_| out_of_range())?),
            Asks::Person => json!(text.parse::<u32>().map_err(|_| out_of_range())?),
            Asks::Record => json!(text.parse::<RecordId>().map_err(|_| out_of_range())?),
            Asks::Department => json!(text.parse::<Department>().map_err(|_| out_of_range())?),
            Asks::Role => {
                let known = Role::ALL.iter().any(|role| role.code() == text);
                known.then(|| json!(text)).ok_or_else(out_of_range)?
            }
        })
    }
}

/// Yuan with at most two decimals, as fen; no float is ever near money.
fn fen(text: &str) -> Option<i64> {
    let (yuan, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if yuan.is_empty() || rest.len() > 2 || !digits(yuan) || !digits(rest) {
        return None;
    }
    let cents = format!("{rest:0<2}").parse::<i64>().ok()?;
    yuan.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents)
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
            assert_eq!(fen(text), expected, "{text}");
        }
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

    #[test]
    fn what_is_missing_or_of_another_sort_is_told_with_its_field() {
        const FORM: Form = Form::fact(
            "x",
            &[
                Input::required("reason", Asks::Reason),
                Input::optional("amount_fen", Asks::Fen),
                Input::required("loss", Asks::Flag),
                Input::optional("code", Asks::Choice("severity", &["general"])),
            ],
        );
        let fill = |reason: &'static str, amount: &'static str, code: &'static str| {
            let typed = move |name: &str| match name {
                "reason" => reason,
                "amount_fen" => amount,
                "code" => code,
                _ => "",
            };
            FORM.content(typed, "Asia/Shanghai").map_err(|d| (d.code, d.params["field"].clone()))
        };
        let full = fill("r", "3.5", "general").expect("fits");
        let expected =
            json!({ "reason": "r", "amount_fen": 350, "loss": false, "code": "general" });
        assert_eq!(Value::Object(full), expected);
        assert_eq!(fill(" ", "", ""), Err((DenialCode::TextEmpty, "reason".to_owned())));
        assert_eq!(fill("r", "x", ""), Err((DenialCode::OutOfRange, "amount_fen".to_owned())));
        assert_eq!(fill("r", "", "mild"), Err((DenialCode::OutOfRange, "code".to_owned())));
    }
}
