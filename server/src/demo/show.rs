//! What the demo shows of the order at the end: its timeline, the signature, the cases; that phone
//! and server hold the same; and how to go on.

use std::io::Write;

use chrono::DateTime;
use ed25519_dalek::VerifyingKey;
use serde_json::Value;
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{PersonId, RecordId};
use sync_core::rules::signature::{Verification, verify_signed};
use sync_core::rules::{Review, TimelineEntry};
use sync_core::texts::{Language, code_text};

use super::phone::Phone;
use super::phone_process::Request;
use super::script::{CHEN, FENG, LI, PEOPLE, SITE_NAME};
use super::stage::Stage;
use super::words::yuan;
use crate::{Error, Result};

pub(super) fn site_name(stage: &Stage) -> &'static str {
    match stage.language {
        Language::ZhCn => SITE_NAME.0,
        Language::En => SITE_NAME.1,
    }
}

/// Prints the order's timeline, waits, deviations, signature and cases.
pub(super) async fn order(stage: &Stage, out: &mut dyn Write, record: RecordId) -> Result<()> {
    let (facts, _, review) = stage.read(record).await?;
    let language = stage.language;
    let status = code_text(language, "status", &review.status.code(), &[]);
    writeln!(out, "\n== {}", stage.text("demo-timeline", &[("status", &status)]))?;
    for entry in &review.timeline {
        writeln!(out, "  {}", timeline_line(stage, &review, entry))?;
    }
    writeln!(out, "{}", stage.text("demo-waits", &[]))?;
    for wait in review.visits.iter().flat_map(|visit| &visit.waits) {
        let label = code_text(language, "wait", &wait.name, &[]);
        writeln!(out, "  {label}: {}", seconds(stage, wait.ms))?;
    }
    writeln!(out, "{}", stage.text("demo-deviations", &[]))?;
    for deviation in review.visits.iter().flat_map(|visit| &visit.deviations) {
        writeln!(out, "  {}", code_text(language, "deviation", &deviation.code, &[]))?;
    }
    let verification = match facts.iter().find(|fact| fact.json.contains("\"t\":\"signed\"")) {
        Some(signed) => verify(stage, &review, signed).await?,
        None => Verification::Missing { what: "signed".to_owned() },
    };
    let label = stage.text("demo-signature", &[]);
    writeln!(out, "{label}: {}", verification_text(language, &verification))?;
    writeln!(out, "{}", stage.text("demo-cases", &[]))?;
    for case in review.open_cases() {
        let who: Vec<String> = case
            .sides
            .iter()
            .filter(|_| case.kind == "field_conflict")
            .map(|side| format!("{} → {}", person(stage, side.by), plain(&side.value)))
            .collect();
        let sides = if who.is_empty() { String::new() } else { format!(" ({})", who.join(", ")) };
        writeln!(out, "  {}{sides}", code_text(language, "case", &case.kind, &[]))?;
    }
    if verification == Verification::Valid {
        Ok(())
    } else {
        Err(Error::Broken("the demo's signature is valid"))
    }
}

async fn verify(stage: &Stage, review: &Review, signed: &StoredFact) -> Result<Verification> {
    let session = signed.key.session().ok_or(Error::Broken("a signature has an author"))?;
    let row: Option<(Vec<u8>,)> = sqlx::query_as(
        "select d.public_key from session s join device d on d.device = s.device
         where s.session = ? and d.public_key is not null",
    )
    .bind(session.0.to_vec())
    .fetch_optional(stage.app.db.reader())
    .await?;
    let key = row.and_then(|(bytes,)| VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok());
    Ok(verify_signed(review, signed, key.as_ref()))
}

fn verification_text(language: Language, verification: &Verification) -> String {
    match verification {
        Verification::Valid => code_text(language, "verification", "valid", &[]),
        Verification::Altered { what } => {
            code_text(language, "verification", "altered", &[("what", what)])
        }
        Verification::Missing { what } => {
            code_text(language, "verification", "missing", &[("what", what)])
        }
        Verification::Erased => code_text(language, "verification", "erased", &[]),
        Verification::Untrusted => code_text(language, "verification", "untrusted", &[]),
    }
}

/// Rebuilds every record with Automerge and compares; then compares the order on Li's phone.
pub(super) async fn heads(
    stage: &Stage,
    out: &mut dyn Write,
    phone: &mut Phone,
    record: RecordId,
) -> Result<()> {
    let checked = stage.app.sync.check().await?;
    if !checked.mismatches.is_empty() {
        return Err(Error::Broken("a rebuilt record has other heads"));
    }
    let here = phone.ask(&Request::Review { record }).await?;
    let there = stage.review(record).await?;
    if serde_json::to_value(&there).ok() != Some(here) {
        return Err(Error::Broken("a phone reviews the order as the server does"));
    }
    let records = checked.records.to_string();
    let values = [("records", records.as_str()), ("person", stage.name(LI))];
    writeln!(out, "\n{}", stage.text("demo-heads", &values))?;
    Ok(())
}

/// Prints how to go on: the office in a browser, the officer in a second terminal.
pub(super) async fn go_on(stage: &Stage, out: &mut dyn Write) -> Result<()> {
    let (folder, link) = stage.serve_on().await?;
    let login = PEOPLE[CHEN].2.unwrap_or_default();
    let values = [("login", login), ("password", stage.password.as_str())];
    writeln!(out, "{}", stage.text("demo-link", &[("person", stage.name(CHEN))]))?;
    writeln!(out, "  {link}")?;
    writeln!(out, "  {}", stage.text("demo-sign-in", &values))?;
    writeln!(out, "{}", stage.text("demo-terminal", &[("person", stage.name(FENG))]))?;
    let program = "cargo run -q -p mobile-bindings --bin fieldbook-phone --";
    writeln!(out, "  {program} --demo {}", folder.display())?;
    writeln!(out, "{}", stage.text("demo-end", &[]))?;
    out.flush()?;
    Ok(())
}

fn timeline_line(stage: &Stage, review: &Review, entry: &TimelineEntry) -> String {
    let label = code_text(stage.language, "fact", &entry.fact_type, &[]);
    let detail = match entry.fact_type.as_str() {
        "set" | "resolve" => {
            let field = entry.content["field"].as_str().unwrap_or_default();
            let field = code_text(stage.language, "field", field, &[]);
            format!(" {field} = {}", value(stage, &entry.content))
        }
        "quoted" | "charged" | "handed_in" => {
            let fen = entry.content["amount_fen"].as_i64().unwrap_or_default();
            format!(" {}", yuan(fen))
        }
        "material" => format!(" {}", plain(&entry.content["name"])),
        "note" | "advice" => format!(" {}", plain(&entry.content["text"])),
        "paused" => format!(" {}", plain(&entry.content["reason"])),
        _ => String::new(),
    };
    let mark = if entry.verified {
        String::new()
    } else {
        format!(" {}", stage.text("demo-unverified", &[]))
    };
    let at = local_time(entry.at_ms, &review.time_zone);
    format!("{at}  {}  {label}{detail}{mark}", person(stage, entry.by))
}

fn value(stage: &Stage, content: &Value) -> String {
    match content["field"].as_str() {
        Some("assignee") => {
            let number = content["value"].as_u64().and_then(|n| u32::try_from(n).ok());
            person(stage, number.map(PersonId)).to_owned()
        }
        _ => plain(&content["value"]),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn person(stage: &Stage, person: Option<PersonId>) -> &str {
    person.and_then(|person| stage.names.get(&person)).map_or("—", String::as_str)
}

fn seconds(stage: &Stage, ms: Option<i64>) -> String {
    match ms {
        Some(ms) => {
            let number = format!("{}.{}", ms / 1_000, ms % 1_000 / 100);
            stage.text("demo-seconds", &[("seconds", &number)])
        }
        None => stage.text("demo-unknown", &[]),
    }
}

fn local_time(at_ms: i64, zone: &str) -> String {
    let zone: chrono_tz::Tz = zone.parse().unwrap_or(chrono_tz::UTC);
    DateTime::from_timestamp_millis(at_ms)
        .map(|at| at.with_timezone(&zone).format("%H:%M:%S").to_string())
        .unwrap_or_default()
}
