//! The canonical statement: what the customer is shown before signing. Template versions and their
//! wording are frozen: a signature of any age is checked against the very text that was shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::denial::{Denial, DenialCode};
use super::review::{Review, TimelineEntry};
use crate::model::canonical;
use crate::model::id::FactKey;
use crate::model::work_order::{Signed, TextClock, WorkOrderFact};
pub use crate::texts::Language;

/// What was, or is to be, shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Template, version and language, e.g. `visit/1/zh-CN`.
    pub template: String,
    /// The clock of the times in the text.
    pub clock: TextClock,
    /// The text.
    pub text: String,
    /// SHA-256 of the text, lower-case hex.
    pub text_sha256: String,
    /// The keys of the facts it shows, in causal order.
    pub shown: Vec<FactKey>,
    /// Canonical JSON of their type, payload and wall clock, by key.
    pub content: String,
    /// SHA-256 of `content`, lower-case hex.
    pub content_sha256: String,
}

/// Whether a step of a visit belongs to what is signed: work, materials, amounts.
pub(super) fn is_shown(content: &WorkOrderFact) -> bool {
    use WorkOrderFact as F;
    matches!(
        content,
        F::StartWork(_)
            | F::FinishWork(_)
            | F::UnableToFinish(_)
            | F::Material(_)
            | F::MaterialRemoved(_)
            | F::Quoted(_)
            | F::QuoteAccepted(_)
            | F::QuoteDeclined(_)
            | F::Charged(_)
            | F::Refunded(_)
            | F::Acceptance(_)
    )
}

/// The statement of a visit as the record stands now (R6.6).
///
/// # Errors
/// `no_such_fact` if the record has no such visit.
pub fn statement(review: &Review, visit: FactKey, language: Language) -> Result<Statement, Denial> {
    let of_visit = |entry: &&TimelineEntry| {
        let content: Option<WorkOrderFact> =
            serde_json::from_value(json!({ "t": entry.fact_type, "p": entry.content })).ok();
        let Some(content) = content else { return false };
        let names = content.visit().or_else(|| match &content {
            WorkOrderFact::QuoteAccepted(of) => visit_of(review, of.quote),
            WorkOrderFact::QuoteDeclined(of) => visit_of(review, of.quote),
            _ => None,
        });
        is_shown(&content) && names == Some(visit)
    };
    if !review.visits.iter().any(|known| known.visit == visit) {
        return Err(Denial::new(DenialCode::NoSuchFact).with("fact", "set_out"));
    }
    let described = review.fields.get("description").and_then(|field| field.key);
    let shown: Vec<&TimelineEntry> = review
        .timeline
        .iter()
        .filter(|entry| Some(entry.key) == described || of_visit(entry))
        .collect();
    let verified = shown.iter().all(|entry| entry.verified);
    let clock = if verified { TextClock::Server } else { TextClock::Device };
    // What version 1 has no words for takes version 2; everything else is shown as ever.
    let version = if shown.iter().any(|entry| needs_2(entry)) { 2 } else { 1 };
    render(&shown, &template(version, language), clock, &review.time_zone)
        .ok_or(Denial::new(DenialCode::StatementDiffers))
}

/// The statement that a `signed` fact names, from the facts as they are now: its keys, its
/// template, its clock. `None` if a fact is missing or the template is not known.
pub fn restate(timeline: &[TimelineEntry], zone: &str, signed: &Signed) -> Option<Statement> {
    let entries: BTreeMap<FactKey, &TimelineEntry> =
        timeline.iter().map(|entry| (entry.key, entry)).collect();
    let shown: Option<Vec<&TimelineEntry>> =
        signed.shown.iter().map(|key| entries.get(key).copied()).collect();
    render(&shown?, &signed.template, signed.clock, zone)
}

fn visit_of(review: &Review, quote: FactKey) -> Option<FactKey> {
    review.money.quotes.iter().find(|known| known.key == quote).map(|known| known.visit)
}

fn template(version: u8, language: Language) -> String {
    format!("visit/{version}/{}", language.tag())
}

/// Whether an entry says what version 1 of the text does not show: that it was stated afterwards or
/// for somebody else (补录), or the customer's acceptance (五 4.4.1b).
fn needs_2(entry: &TimelineEntry) -> bool {
    is_stated_afterwards(entry) || entry.fact_type == "acceptance"
}

fn is_stated_afterwards(entry: &TimelineEntry) -> bool {
    entry.said_at_ms.is_some() || entry.on_behalf_of.is_some()
}

fn render(
    shown: &[&TimelineEntry],
    template: &str,
    clock: TextClock,
    zone: &str,
) -> Option<Statement> {
    let (words, more) = match template {
        "visit/1/zh-CN" => (&VISIT_1_ZH_CN, None),
        "visit/1/en" => (&VISIT_1_EN, None),
        "visit/2/zh-CN" => (&VISIT_1_ZH_CN, Some(&VISIT_2_ZH_CN)),
        "visit/2/en" => (&VISIT_1_EN, Some(&VISIT_2_EN)),
        _ => return None,
    };
    let members = shown.iter().map(|entry| {
        let mut fact = json!({ "p": entry.content, "t": entry.fact_type, "w": entry.wall_ms });
        if more.is_some() {
            let said_at = entry.said_at_ms.map(|said_ms| ("said_at", json!(said_ms)));
            let person = entry.on_behalf_of.map(|person| ("on_behalf_of", json!(person)));
            for (name, value) in said_at.into_iter().chain(person) {
                fact[name] = value;
            }
        }
        (entry.key.to_string(), fact)
    });
    let content = canonical::write(&Value::Object(members.collect())).ok()?;
    let mut text = visit_1(shown, words, clock, zone);
    if let Some(more) = more {
        visit_2(&mut text, shown, (words, more), zone);
    }
    Some(Statement {
        template: template.to_owned(),
        clock,
        text_sha256: sha256_hex(text.as_bytes()),
        text,
        shown: shown.iter().map(|entry| entry.key).collect(),
        content_sha256: sha256_hex(content.as_bytes()),
        content,
    })
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The words of `visit/1` in one language.
struct Words {
    title: &'static str,
    work: &'static str,
    started: &'static str,
    finished: &'static str,
    unfinished: &'static str,
    materials: &'static str,
    none: &'static str,
    quoted: &'static str,
    charged: &'static str,
    refunded: &'static str,
    nothing_charged: &'static str,
    confirm: &'static str,
    separator: &'static str,
}

const VISIT_1_ZH_CN: Words = Words {
    title: "上门服务确认",
    work: "服务内容",
    started: "开始时间",
    finished: "完成时间",
    unfinished: "未能完成，原因",
    materials: "所用材料",
    none: "无",
    quoted: "事先报价",
    charged: "本次收费",
    refunded: "退还",
    nothing_charged: "不收费",
    confirm: "以上内容已向我说明，我在下方签名确认。",
    separator: "：",
};

const VISIT_1_EN: Words = Words {
    title: "Confirmation of service",
    work: "Work",
    started: "Started",
    finished: "Finished",
    unfinished: "Could not be finished, because",
    materials: "Materials used",
    none: "none",
    quoted: "Quoted beforehand",
    charged: "Charged",
    refunded: "Paid back",
    nothing_charged: "nothing",
    confirm: "This was explained to me, and I confirm it by my signature below.",
    separator: ": ",
};

/// Version 1 of the text. Its wording and layout never change: a new wording is `visit/2` (R4.23).
fn visit_1(shown: &[&TimelineEntry], words: &Words, clock: TextClock, zone: &str) -> String {
    let time = |entry: &TimelineEntry| match clock {
        TextClock::Server => local_time(entry.at_ms, zone),
        TextClock::Device => local_time(entry.wall_ms, zone),
    };
    let mut text = format!("{}\n", words.title);
    let mut line = |label: &str, value: &str| {
        let _infallible = writeln!(text, "{label}{}{}", words.separator, one_line(value));
    };
    let of = |wanted: &'static str| shown.iter().filter(move |entry| entry.fact_type == wanted);
    let first = |wanted| of(wanted).next();
    let member = |entry: &TimelineEntry, name: &str| match &entry.content[name] {
        Value::String(value) => value.clone(),
        Value::Number(value) => value.to_string(),
        _ => String::new(),
    };
    let work = shown.iter().find_map(|entry| match entry.fact_type.as_str() {
        "created" => Some(member(entry, "description")),
        "set" | "resolve" => Some(member(entry, "value")),
        _ => None,
    });
    line(words.work, &work.unwrap_or_default());
    if let Some(entry) = first("start_work") {
        line(words.started, &time(entry));
    }
    if let Some(entry) = first("finish_work") {
        line(words.finished, &time(entry));
    }
    if let Some(entry) = first("unable_to_finish") {
        line(words.unfinished, &member(entry, "reason"));
    }
    let removed: Vec<String> =
        of("material_removed").map(|entry| member(entry, "material")).collect();
    let mut any = false;
    for entry in of("material").filter(|entry| !removed.contains(&entry.key.to_string())) {
        any = true;
        let quantity = thousandths(entry.content["quantity_milli"].as_i64().unwrap_or_default());
        let price = yuan(entry.content["unit_price_fen"].as_i64().unwrap_or_default());
        let unit = member(entry, "unit");
        line(words.materials, &format!("{} {quantity} {unit} × {price}", member(entry, "name")));
    }
    if !any {
        line(words.materials, words.none);
    }
    for (fact_type, label) in
        [("quoted", words.quoted), ("charged", words.charged), ("refunded", words.refunded)]
    {
        let mut entries = of(fact_type).peekable();
        if fact_type == "charged" && entries.peek().is_none() {
            line(label, words.nothing_charged);
        }
        for entry in entries {
            line(label, &yuan(entry.content["amount_fen"].as_i64().unwrap_or_default()));
        }
    }
    text.push_str(words.confirm);
    text.push('\n');
    text
}

/// What version 2 adds below: the customer's acceptance, and what was stated afterwards or for
/// somebody else, with when it is said to have been. Frozen like version 1.
struct MoreWords {
    accepted: &'static str,
    not_accepted: &'static str,
    acceptance: &'static str,
    opinion: &'static str,
    afterwards: &'static str,
    in_place: &'static str,
    comma: &'static str,
    /// Names of the steps that can be stated afterwards, by fact type.
    steps: [(&'static str, &'static str); 11],
}

const VISIT_2_ZH_CN: MoreWords = MoreWords {
    accepted: "通过",
    not_accepted: "未通过",
    acceptance: "客户验收",
    opinion: "意见",
    afterwards: "事后补录",
    in_place: "代他人录入",
    comma: "，",
    steps: [
        ("start_work", "开工"),
        ("finish_work", "完工"),
        ("unable_to_finish", "未能完成"),
        ("material", "用料"),
        ("material_removed", "撤销用料"),
        ("quoted", "报价"),
        ("quote_accepted", "同意报价"),
        ("quote_declined", "不同意报价"),
        ("charged", "收费"),
        ("refunded", "退还"),
        ("acceptance", "验收"),
    ],
};

const VISIT_2_EN: MoreWords = MoreWords {
    accepted: "accepted",
    not_accepted: "not accepted",
    acceptance: "The customer's acceptance",
    opinion: "Opinion",
    afterwards: "Stated afterwards",
    in_place: "entered for somebody else",
    comma: ", ",
    steps: [
        ("start_work", "start"),
        ("finish_work", "finish"),
        ("unable_to_finish", "could not be finished"),
        ("material", "material"),
        ("material_removed", "material withdrawn"),
        ("quoted", "quote"),
        ("quote_accepted", "quote accepted"),
        ("quote_declined", "quote declined"),
        ("charged", "charge"),
        ("refunded", "paid back"),
        ("acceptance", "acceptance"),
    ],
};

/// Version 2 is version 1 with more lines.
fn visit_2(
    text: &mut String,
    shown: &[&TimelineEntry],
    (words, more): (&Words, &MoreWords),
    zone: &str,
) {
    let mut line = |label: &str, value: &str| {
        let _infallible = writeln!(text, "{label}{}{}", words.separator, one_line(value));
    };
    for entry in shown.iter().filter(|entry| entry.fact_type == "acceptance") {
        let accepted = entry.content["accepted"] == true;
        line(more.acceptance, if accepted { more.accepted } else { more.not_accepted });
        if let Some(opinion) = entry.content["opinion"].as_str() {
            line(more.opinion, opinion);
        }
    }
    for entry in shown.iter().filter(|entry| is_stated_afterwards(entry)) {
        let step = more.steps.iter().find(|(fact_type, _)| *fact_type == entry.fact_type);
        let mut value = step.map_or(words.work, |(_, name)| *name).to_owned();
        if let Some(said_ms) = entry.said_at_ms {
            value.push_str(more.comma);
            value.push_str(&local_time(said_ms, zone));
        }
        if entry.on_behalf_of.is_some() {
            value.push_str(more.comma);
            value.push_str(more.in_place);
        }
        line(more.afterwards, &value);
    }
}

/// A value that stays in its line: a break must not look like another line of the statement, and
/// marks that turn writing around must not reach what follows.
fn one_line(value: &str) -> String {
    let breaks = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    let line = value.replace(breaks, " ");
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !line.contains(turns) {
        return line;
    }
    let closing: String = line.chars().filter(|c| turns(*c)).map(|_| '\u{2069}').collect();
    format!("\u{2068}{line}{closing}\u{2069}")
}

fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}¥{}.{:02}", fen / 100, fen % 100)
}

fn thousandths(milli: i64) -> String {
    let (whole, rest) = (milli / 1_000, milli % 1_000);
    if rest == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{rest:03}").trim_end_matches('0').to_owned()
    }
}

/// Minutes of a moment in a zone, e.g. `2026-03-02 09:15`; in UTC where the zone is unknown.
pub fn local_time(at_ms: i64, zone: &str) -> String {
    let zone: chrono_tz::Tz = zone.parse().unwrap_or(chrono_tz::UTC);
    super::time::moment(at_ms)
        .map(|at| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default()
}
