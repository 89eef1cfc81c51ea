//! Open cases as forms: the two values of a field, what else a record's review asks, and the
//! commands that wait for a word.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;
use sqlx::SqliteConnection;
use sync_core::model::id::{FactKey, PersonId};
use sync_core::protocol::message::ANSWER;
use sync_core::rules::{Case, CaseSide, Field, FieldValue, Review};

use super::desk::Desk;
use super::form::Fields;
use super::layout::badge;
use super::record::Sheet;
use super::timeline::{detail, fact_name, field_value};
use super::words::{Words, Zone, yuan};
use super::{account, cash};
use crate::Result;
use crate::sync::account_day::LATE;
use crate::sync::asking::{RETURNED, STRAY_ANSWER};
use crate::sync::cash_days::CASH_UNACCOUNTED;
use crate::sync::duplicates::DUPLICATE_SUSPECT;
use crate::sync::strokes::EQUAL_STROKES;
use crate::sync::waiting::{self, WaitingFact};
use crate::sync::{CaseWord, DeskCaseRow};

/// What was typed into a form that could not be carried out, and why.
#[derive(Debug)]
pub struct Typed {
    /// The form.
    pub form: String,
    /// What stood in it.
    pub fields: Fields,
    /// Why not, in words.
    pub problem: String,
    /// What the words are about: a `field`, the `line` it stands in.
    pub params: BTreeMap<String, String>,
    /// The status of the answer.
    pub status: StatusCode,
}

impl Typed {
    /// What stood in a field of a form, else `otherwise`.
    pub fn or(typed: Option<&Self>, form: &str, field: &str, otherwise: &str) -> String {
        let typed = typed.filter(|typed| typed.form == form);
        typed.map_or_else(|| otherwise.to_owned(), |typed| typed.fields.text(field).to_owned())
    }
}

/// Forms for cases on a page, at most.
const CASES_MAX: usize = 50;

/// Keys as a form carries them.
pub fn keys_text<'a>(keys: impl IntoIterator<Item = &'a FactKey>) -> String {
    keys.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The open cases of a record.
pub fn of_record(desk: &Desk, sheet: &Sheet, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    // What somebody has to choose between comes first.
    let mut open: Vec<&Case> = sheet.review.open_cases().collect();
    open.sort_by_key(|case| case.kind != "field_conflict");
    let waiting: Vec<&DeskCaseRow> =
        sheet.desk_cases.iter().filter(|case| case.closed_ms.is_none()).collect();
    let is_closed = |case: &Case| !case.open && case.kind != "field_conflict";
    let has_closed = sheet.review.cases.iter().any(is_closed);
    if open.is_empty() && sheet.desk_cases.is_empty() && !has_closed {
        return html! {};
    }
    let decided: Vec<&DeskCaseRow> =
        sheet.desk_cases.iter().filter(|case| case.closed_ms.is_some()).collect();
    let left_out = open.len().saturating_sub(CASES_MAX) + waiting.len().saturating_sub(CASES_MAX);
    html! {
        section #cases aria-labelledby="cases-title" {
            h2 #cases-title { (words.say("office-cases")) }
            @for case in open.iter().take(CASES_MAX) {
                @if case.kind == "field_conflict" { (conflict(desk, sheet, case, typed)) }
                @else { (record_case(desk, sheet, case, typed)) }
            }
            @for case in waiting.iter().take(CASES_MAX) {
                (desk_case(desk, sheet.zone, case, Around {
                    names: &sheet.names, contents: &sheet.contents, words: &sheet.words, typed,
                    page_of: Some(&sheet.review.kind),
                }))
            }
            @if left_out > 0 {
                p { (words.with("office-left-out", &[("count", &left_out.to_string())])) }
            }
            @if !decided.is_empty() || has_closed {
                details {
                    summary { (words.say("office-decided-cases")) }
                    (closed_cases(desk, sheet, typed))
                    @for case in decided.iter().take(CASES_MAX) {
                        (desk_case(desk, sheet.zone, case, Around {
                            names: &sheet.names, contents: &sheet.contents, words: &sheet.words,
                            typed, page_of: Some(&sheet.review.kind),
                        }))
                    }
                }
            }
        }
    }
}

/// Two values of a field: a button for each.
fn conflict(desk: &Desk, sheet: &Sheet, case: &Case, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    let name = case.params.get("field").and_then(Value::as_str).unwrap_or_default();
    let Some(field) = sheet.review.fields.get(name) else { return html! {} };
    let form = format!("conflict-{name}");
    let reason = Typed::or(typed, &form, "reason", &words.say("office-reason-conflict"));
    let keys = keys_text(field.conflict.iter().map(|value| &value.key));
    html! {
        form.case method="post" action={ (sheet.url()) "/resolve" } id=(form)
            data-case="field_conflict" data-field=(name)
        {
            (desk.guard())
            input type="hidden" name="form" value=(form);
            input type="hidden" name="field" value=(name);
            input type="hidden" name="rests_on" value=(keys);
            h3 { (words.code("field", name)) }
            p { (words.code("case", "field_conflict")) }
            (reason_input(desk, &form, &reason))
            div.choices {
                @for value in &field.conflict { (choice(desk, sheet, name, value)) }
            }
            @if let Some(input) = third_input(field) {
                div.choices {
                    label for={ (form) "-third" } { (words.say("office-third-value")) }
                    input id={ (form) "-third" } name="third" type=(input) maxlength="200"
                        value=(Typed::or(typed, &form, "third", ""));
                    button type="submit" name="take" value="third" {
                        (words.say("office-take-third"))
                    }
                }
            }
        }
    }
}

/// What to type a third value into: by what the two are.
fn third_input(field: &Field) -> Option<&'static str> {
    match &field.conflict.first()?.value {
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => {
            Some("datetime-local")
        }
        Value::String(_) => Some("text"),
        Value::Number(_) => Some("number"),
        _ => None,
    }
}

/// A value that was typed in the place of those that a field has; none if it is no such value.
pub fn third_value(field: &Field, zone: Zone, typed: &str) -> Option<Value> {
    match third_input(field)? {
        "datetime-local" => zone.typed(typed).map(Value::String),
        "number" => typed.trim().parse::<i64>().ok().map(Value::from),
        _ => Some(Value::String(typed.trim().to_owned())),
    }
}

fn choice(desk: &Desk, sheet: &Sheet, name: &str, value: &FieldValue) -> Markup {
    let words = desk.words;
    let from = if value.office { "office-from-office" } else { "office-from-phone" };
    html! {
        button type="submit" name="value" value=(value.value.to_string()) {
            strong { (field_value(words, sheet.zone, &sheet.names, name, &value.value)) }
            span.by {
                (sheet.person(value.by)) " · " (sheet.zone.minute(value.at_ms)) " · "
                (words.say(from))
                @if !value.verified { " · " (words.say("office-unverified")) }
            }
        }
    }
}

fn reason_input(desk: &Desk, form: &str, value: &str) -> Markup {
    html! {
        label for={ (form) "-reason" } { (desk.words.say("office-reason")) }
        input id={ (form) "-reason" } name="reason" required maxlength="200" value=(value);
    }
}

/// Any other case of the review: closed with a reason.
fn record_case(desk: &Desk, sheet: &Sheet, case: &Case, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    let keys = keys_text(&case.rests_on);
    let at = case.rests_on.first().map(ToString::to_string).unwrap_or_default();
    let form = format!("case-{}-{}", case.kind, at.replace(['.', '~'], "-"));
    let reason = Typed::or(typed, &form, "reason", &words.say("office-reason-close"));
    html! {
        form.case method="post" action={ (sheet.url()) "/close-case" } id=(form)
            data-case=(case.kind)
        {
            (desk.guard())
            input type="hidden" name="form" value=(form);
            input type="hidden" name="case" value=(case.kind);
            input type="hidden" name="rests_on" value=(keys);
            h3 { (words.code("case", &case.kind)) }
            ul.plain {
                @for code in case.params.get("codes").and_then(Value::as_array).into_iter().flatten()
                {
                    li { (deviation(words, code.as_str().unwrap_or_default())) }
                }
                @for (name, id) in [("charged_fen", "charged"), ("other_fen", "other")] {
                    @if let Some(fen) = case.params.get(name).and_then(Value::as_i64) {
                        li { (words.code("office-amount", id)) " " (yuan(fen)) }
                    }
                }
                @if case.kind != "step_deviation" {
                    @for side in &case.sides {
                        li {
                            (sheet.zone.minute(side.at_ms)) " " (sheet.person(side.by)) " "
                            (side_text(desk, sheet, side))
                        }
                    }
                }
            }
            (reason_input(desk, &form, &reason))
            button type="submit" { (words.say("office-close-case")) }
        }
    }
}

/// Cases that somebody has closed by a word: each can be opened again.
fn closed_cases(desk: &Desk, sheet: &Sheet, typed: Option<&Typed>) -> Markup {
    let words = desk.words;
    let closed = |case: &&Case| !case.open && case.kind != "field_conflict";
    let closed: Vec<&Case> = sheet.review.cases.iter().filter(closed).take(CASES_MAX).collect();
    html! {
        @for case in closed {
            @let at = case.rests_on.first().map(ToString::to_string).unwrap_or_default();
            @let form = format!("closed-{}-{}", case.kind, at.replace(['.', '~'], "-"));
            form.case method="post" action={ (sheet.url()) "/reopen-case" } id=(form)
                data-closed=(case.kind)
            {
                (desk.guard())
                input type="hidden" name="form" value=(form);
                input type="hidden" name="case" value=(case.kind);
                input type="hidden" name="rests_on" value=(keys_text(&case.rests_on));
                h3 { (words.code("case", &case.kind)) }
                (reason_input(desk, &form, &Typed::or(typed, &form, "reason", "")))
                button type="submit" { (words.say("office-reopen-case")) }
            }
        }
    }
}

/// A deviation of a visit or an oddity of a round.
fn deviation(words: Words, code: &str) -> String {
    let group = if words.knows("deviation", code) { "deviation" } else { "office-anomaly" };
    words.code(group, code)
}

/// What a side of a case says.
fn side_text(desk: &Desk, sheet: &Sheet, side: &CaseSide) -> String {
    let words = desk.words;
    let entry = sheet.review.timeline.iter().find(|entry| entry.key == side.key);
    let Some(entry) = entry else { return String::new() };
    let said = detail(words, sheet.zone, &sheet.names, &entry.fact_type, &entry.content);
    format!("{} {said}", fact_name(words, &entry.fact_type))
}

/// What a desk case is shown with.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Names of people.
    pub names: &'a BTreeMap<PersonId, String>,
    /// What the commands say, by case.
    pub contents: &'a Contents,
    /// Who said what of the cases.
    pub words: &'a [CaseWord],
    /// What was typed.
    pub typed: Option<&'a Typed>,
    /// The kind of the record whose page this is; on today's page cases link to their records.
    pub page_of: Option<&'a str>,
}

/// Facts of the commands that cases are about, by case: type and content.
pub type Contents = BTreeMap<i64, Vec<(String, Value)>>;

/// What became of commands that no review shows, with the office's word on them.
pub fn desk_case(desk: &Desk, zone: Zone, case: &DeskCaseRow, around: Around<'_>) -> Markup {
    let words = desk.words;
    let form = format!("desk-case-{}", case.case);
    let reason = words.say("office-reason-close");
    let reason = Typed::or(around.typed, &form, "reason", &reason);
    let name = around.names.get(&case.person).map_or("—", String::as_str);
    let (from, to) = (case.from.to_string(), case.to.to_string());
    let numbers = if case.from == case.to { from } else { format!("{from}–{to}") };
    let open = case.closed_ms.is_none();
    let decisions = decisions(case, around.contents.contains_key(&case.case));
    html! {
        form.case method="post" action={ "/office/desk-cases/" (case.case) } id=(form)
            data-case=[open.then_some(&case.kind)] data-decided=[(!open).then_some(&case.kind)]
        {
            (desk.guard())
            input type="hidden" name="form" value=(form);
            @if let Some(site) = case.site { input type="hidden" name="site" value=(site); }
            @if let (Some(record), Some(kind)) = (case.record, around.page_of) {
                input type="hidden" name="back" value=(record);
                input type="hidden" name="kind" value=(kind);
            }
            h3 { (words.code("office-desk-case", &case.kind)) }
            p {
                (zone.minute(case.opened_ms)) " · " (name) " · "
                (words.with("office-numbers", &[("numbers", &numbers)]))
                @if let Some(code) = &case.code { " · " (why(desk, code, case.params.as_ref())) }
            }
            (about(words, case))
            @if let Some(facts) = around.contents.get(&case.case) {
                ul.plain { @for (fact_type, content) in facts {
                    li {
                        (badge("status", &fact_name(words, fact_type))) " "
                        (detail(words, zone, around.names, fact_type, content))
                    }
                } }
            }
            @if let (Some(record), None) = (case.record, around.page_of) {
                p { a href={ "/office/records/" (record) } { (words.say("office-to-order")) } }
            }
            (said(words, zone, case, around))
            @if decisions.contains(&RETURNED) { (question_input(desk, &form, around.typed)) }
            (reason_input(desk, &form, &reason))
            div.choices {
                (merges(words, case))
                @for decision in decisions {
                    button type="submit" name="decision" value=(decision) {
                        (words.code("office-decision", decision))
                    }
                }
            }
        }
    }
}

/// What the worker is asked, if it is returned with a question.
fn question_input(desk: &Desk, form: &str, typed: Option<&Typed>) -> Markup {
    let question = Typed::or(typed, form, "question", "");
    html! {
        label for={ (form) "-question" } { (desk.words.say("office-question")) }
        textarea id={ (form) "-question" } name="question" maxlength="1000" rows="2" {
            (question)
        }
    }
}

/// Who said what of a case so far, and who is waited for.
fn said(words: Words, zone: Zone, case: &DeskCaseRow, around: Around<'_>) -> Markup {
    let said = around.words.iter().filter(|word| word.case == case.case);
    html! {
        ul.plain.words {
            @for word in said {
                li {
                    (zone.minute(word.at_ms)) " "
                    (around.names.get(&word.person).map_or("—", String::as_str)) " "
                    (words.code("office-decision", &word.action)) " · " (word.reason)
                }
            }
        }
        @if case.waits_for.is_some() {
            p data-waits-for="worker" { (words.say("office-waits-for-worker")) }
        }
    }
}

/// What a case is about beside commands: a day's cash, or another order.
fn about(words: Words, case: &DeskCaseRow) -> Markup {
    let Some(params) = &case.params else { return html! {} };
    match (case.kind.as_str(), case.site) {
        (CASH_UNACCOUNTED, Some(site)) => {
            let day = params["day"].as_str().unwrap_or_default();
            let fen = |name: &str| params[name].as_i64().unwrap_or_default();
            html! {
                p {
                    a href=(cash::url_of(site, day)) {
                        (words.with("office-cash-of-day", &[("day", day)]))
                    }
                    " · " (words.code("cash", "handed_in")) " " (yuan(fen("taken_fen")))
                    " · " (words.code("cash", "refunded")) " " (yuan(fen("refunded_fen")))
                }
            }
        }
        (STRAY_ANSWER, _) => html! { p { (params[ANSWER].as_str().unwrap_or_default()) } },
        (LATE, Some(site)) => {
            let day = params["day"].as_str().unwrap_or_default();
            html! {
                p {
                    a href=(account::url_of(site, day)) {
                        (words.with("office-account-of-day", &[("day", day)]))
                    }
                }
            }
        }
        (DUPLICATE_SUSPECT, _) => {
            let first = params["record"].as_str().unwrap_or_default();
            html! {
                p {
                    a href={ "/office/records/" (first) } { (words.say("office-duplicate-first")) }
                }
            }
        }
        (EQUAL_STROKES, _) => {
            let first = params["record"].as_str().unwrap_or_default();
            html! {
                p { a href={ "/office/records/" (first) } { (words.say("office-equal-strokes")) } }
            }
        }
        _ => html! {},
    }
}

/// A button for each of two records that goes on when they are one.
fn merges(words: Words, case: &DeskCaseRow) -> Markup {
    let first = case.params.as_ref().and_then(|params| params["record"].as_str());
    let (true, None, Some(first), Some(later)) =
        (case.kind == DUPLICATE_SUSPECT, case.closed_ms, first, case.record)
    else {
        return html! {};
    };
    html! {
        button type="submit" name="goes_on" value=(first) {
            (words.say("office-merge-into-first"))
        }
        button type="submit" name="goes_on" value=(later) {
            (words.say("office-merge-into-later"))
        }
    }
}

/// Which record goes on in a record's place, while it is put aside.
pub fn put_aside(words: Words, review: &Review) -> Markup {
    html! {
        @if let Some(other) = review.duplicate_of {
            p data-duplicate-of=(other) {
                a href={ "/office/records/" (other) } { (words.say("office-put-aside")) }
            }
        }
    }
}

/// What can be said of a case: while something waits there is something to do.
fn decisions(case: &DeskCaseRow, shows_content: bool) -> &'static [&'static str] {
    let ruled = case.record.is_some() && matches!(case.kind.as_str(), "refused" | "held");
    let unreadable = case.record.is_none() && case.code.as_deref() == Some("unreadable");
    if case.closed_ms.is_some() {
        return &["undo"];
    }
    match (ruled, shows_content) {
        (true, true) if case.waits_for.is_some() => &["accept_after_all", "discard"],
        (true, true) => &["accept_after_all", "discard", "return_to_worker"],
        (true, false) => &["accept_after_all", "discard", "dismiss"],
        (false, true) => &["discard", "dismiss"],
        (false, false) if unreadable => &["discard", "dismiss"],
        (false, false) => &["dismiss"],
    }
}

/// Why a command is where it is.
fn why(desk: &Desk, code: &str, params: Option<&Value>) -> String {
    let words = desk.words;
    let members = params.and_then(Value::as_object);
    let values: Vec<(&str, String)> = members
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), super::words::plain(value)))
        .collect();
    let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let groups = ["denial", "office-why", "refusal"];
    let group = groups.into_iter().find(|group| words.knows(group, code));
    words.code_with(group.unwrap_or("office-why"), code, &values)
}

/// What the commands say that cases are about: all of a page's cases in few statements, whether
/// they stand in the log, wait in a pack or were kept as they came.
///
/// # Errors
/// If the database does not answer.
pub async fn commands(conn: &mut SqliteConnection, cases: &[DeskCaseRow]) -> Result<Contents> {
    let mut contents = Contents::new();
    let wanted: Vec<i64> = cases.iter().map(|case| case.case).collect();
    for WaitingFact { case, fact } in waiting::contents(conn, &wanted).await? {
        // What does not read was refused for that: there is nothing to show of it.
        let Ok(fact) = fact.parse() else { continue };
        let (fact_type, content) = fact.payload.to_parts().unwrap_or_default();
        let content = fact.stored_content.clone().unwrap_or(content);
        let facts = contents.entry(case).or_default();
        if facts.len() < FACTS_SHOWN_MAX {
            facts.push((fact_type, content));
        }
    }
    Ok(contents)
}

/// Facts of one case's commands that are shown.
const FACTS_SHOWN_MAX: usize = 20;
