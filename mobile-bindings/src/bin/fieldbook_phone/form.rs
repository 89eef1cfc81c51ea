//! Records of every kind by their forms: what a kind asks for, opening one, writing a step.

use std::collections::HashMap;

use fieldbook_mobile::{fill_form, forms, kinds};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::open::{Handset, read};
use crate::patrol::only_site;
use crate::run::perform;
use crate::words::Language;

/// What a kind asks for; without one, the kinds.
pub fn asked(words: Language, kind: Option<&str>) -> Result<Answer, Failure> {
    let Some(kind) = kind else {
        let lines =
            kinds().into_iter().map(|kind| format!("{kind}  {}", words.code("kind", &kind)));
        return Ok(Answer { document: json!(kinds()), lines: lines.collect() });
    };
    let forms: Value = read(&forms(kind.to_owned())?)?;
    let all = forms.as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return Err(Failure::bad_input(kind));
    }
    let lines = all.iter().map(|form| line(words, form)).collect();
    Ok(Answer { document: forms, lines })
}

/// `violation_signed (Decision signed)  decision=fact`, what may be left out in brackets.
fn line(words: Language, form: &Value) -> String {
    let (name, group) = match &form["writes"] {
        Value::Object(writes) if writes.contains_key("fact") => (text(&writes["fact"]), "fact"),
        Value::Object(writes) => (text(&writes["field"]), "field"),
        _ => ("open", ""),
    };
    let mut parts = vec![name.to_owned()];
    if !group.is_empty() {
        parts.push(format!("({})", words.code(group, name)));
    }
    parts.extend(members(&form["inputs"]).map(part));
    parts.join(" ")
}

fn members(inputs: &Value) -> impl Iterator<Item = &Value> {
    inputs.as_array().into_iter().flatten()
}

/// `name=sort`, in brackets what may be left out; what stands in a line by `name.0.member=sort`.
fn part(input: &Value) -> String {
    let name = text(&input["name"]);
    let within = |sort: &str, before: &str, between: &str| {
        let within = members(&input["asks"][sort]).map(|one| format!("{before}{}", plain(one)));
        within.collect::<Vec<_>>().join(between)
    };
    let asks = &input["asks"];
    let part = if asks.get("lines").is_some() {
        within("lines", &format!("{name}.0."), " ")
    } else if asks.get("group").is_some() {
        within("group", &format!("{name}."), " ")
    } else if asks.get("either").is_some() {
        within("either", "", " | ")
    } else {
        plain(input)
    };
    let needed = input["required"] == true && *asks != "flag";
    if needed { part } else { format!("[{part}]") }
}

fn plain(input: &Value) -> String {
    format!("{}={}", text(&input["name"]), sort(&input["asks"]))
}

fn sort(asks: &Value) -> String {
    match asks {
        Value::String(sort) => sort.clone(),
        Value::Object(asks) => match asks.iter().next() {
            Some((sort, Value::Array(range))) if sort == "whole" => {
                range.iter().map(Value::to_string).collect::<Vec<_>>().join("..")
            }
            Some((_, Value::Array(choice))) => {
                let codes = choice.get(1).into_iter().flat_map(members).map(text);
                codes.collect::<Vec<_>>().join("|")
            }
            Some((sort, of)) => format!("{sort}:{}", text(of)),
            None => String::new(),
        },
        _ => String::new(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `name=value` as people type them.
fn typed(values: &[String]) -> Result<HashMap<String, String>, Failure> {
    let pair = |value: &String| {
        let (name, text) = value.split_once('=').ok_or_else(|| Failure::bad_input(value))?;
        Ok((name.to_owned(), text.to_owned()))
    };
    values.iter().map(pair).collect()
}

/// Opens a record of a kind.
pub async fn open(
    handset: &Handset,
    kind: &str,
    site: Option<u32>,
    values: &[String],
) -> Result<Answer, Failure> {
    let reference = handset.reference().await?;
    let site = match site {
        Some(site) => json!(site),
        None => only_site(&reference)?,
    };
    let number = site.as_u64().and_then(|site| u32::try_from(site).ok());
    let number = number.ok_or_else(|| Failure::bad_input("--site"))?;
    let policies = reference["policies"][site.to_string()].as_array().cloned().unwrap_or_default();
    let zone = policies.last().map_or("", |policy| text(&policy["time_zone"])).to_owned();
    let command = fill_form(kind.to_owned(), "open".to_owned(), typed(values)?, number, zone)?;
    perform(handset, read(&command)?, None).await
}

/// Writes a form of a record's kind.
pub async fn write(
    handset: &Handset,
    named: &str,
    form: &str,
    values: &[String],
) -> Result<Answer, Failure> {
    if form == "open" {
        return Err(Failure::bad_input(form));
    }
    let record = handset.record(named).await?;
    let review = handset.review(&record).await?;
    let site = review["site"].as_u64().and_then(|site| u32::try_from(site).ok());
    let command = fill_form(
        text(&review["kind"]).to_owned(),
        form.to_owned(),
        typed(values)?,
        site.unwrap_or_default(),
        text(&review["time_zone"]).to_owned(),
    )?;
    perform(handset, read(&command)?, Some(&record)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kind_asks_for_is_a_line_a_form() {
        let answer = asked(Language::En, Some("violation")).expect("a kind");
        let line = |name: &str| {
            let mut lines = answer.lines.iter();
            lines.find(|line| line.starts_with(name)).expect("a form").clone()
        };
        assert_eq!(
            line("violation_signed"),
            "violation_signed (Decision signed) decision=fact:violation_decided"
        );
        assert!(line("open").contains("violation=decoration|fire_safety|"), "{}", line("open"));
        assert!(line("assessment").contains("[loss=flag]") && line("open").contains("[unit=name]"));
        let answer = asked(Language::En, Some("follow_up")).expect("a kind");
        let reached = answer.lines.iter().find(|line| line.starts_with("reached"));
        let ratings = "[ratings.quality=1..5 ratings.attitude=1..5 ratings.conduct=1..5]";
        assert!(reached.is_some_and(|line| line.contains(ratings)), "{reached:?}");
        let answer = asked(Language::En, Some("paid_service")).expect("a kind");
        assert!(answer.lines[0].contains("[lines.0.item=record "), "{}", answer.lines[0]);
        assert!(asked(Language::En, Some("hologram")).is_err());
        let kinds = asked(Language::ZhCn, None).expect("kinds").lines;
        assert!(kinds.iter().any(|line| line == "violation  违例"), "{kinds:?}");
    }

    #[test]
    fn values_are_typed_with_their_names() {
        let values = ["place=3 栋", "text=a=b"].map(str::to_owned);
        let typed = typed(&values).expect("pairs");
        assert_eq!((typed["place"].as_str(), typed["text"].as_str()), ("3 栋", "a=b"));
        assert!(super::typed(&["place".to_owned()]).is_err());
    }
}
