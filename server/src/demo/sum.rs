//! The end of the day, computed from what the server holds and what everybody wrote: accounts,
//! records of each kind, commands, facts, open cases, and whether anything is missing.

use std::collections::BTreeMap;
use std::io::Write;

use sync_core::model::id::{FactKey, PersonId, RecordId};
use sync_core::texts::{code_text, text};

use super::phone_process::Request;
use super::scenes::Crew;
use super::stage::Stage;
use super::worker::Worker;
use crate::{Error, Result};

/// What the server holds.
#[derive(Default)]
struct Held {
    /// Records of each kind.
    kinds: BTreeMap<String, usize>,
    /// Facts of people, and of the server by a rule.
    facts: usize,
    derived: usize,
    /// Open cases of records, by their kind.
    cases: BTreeMap<String, usize>,
    /// Every fact, by its record.
    keys: std::collections::BTreeSet<(RecordId, FactKey)>,
}

/// Prints it; false if anything is missing.
pub(super) async fn day(stage: &Stage, out: &mut dyn Write, crew: &mut Crew<'_>) -> Result<bool> {
    stage.scene(out, "demo-scene-sum")?;
    let mut closes = true;
    let (mut saved, mut refused, mut unsent) = (0, 0, 0);
    let mut written = stage.office_saved();
    let office = written.len();
    for worker in crew.all() {
        let account = account(stage, out, worker).await?;
        closes &= account.closes;
        saved += account.saved;
        refused += account.refused;
        unsent += account.on_phone;
        written.append(&mut worker.saved.clone());
    }
    let held = held(stage).await?;
    let there = written.iter().filter(|one| held.keys.contains(*one)).count();
    say_held(stage, out, &held)?;
    let missing = written.len() - there;
    let accounted = usize::try_from(refused + unsent).unwrap_or(usize::MAX);
    let numbers = [
        ("office", office.to_string()),
        ("phones", saved.to_string()),
        ("there", there.to_string()),
        ("refused", refused.to_string()),
        ("unsent", unsent.to_string()),
        ("lost", missing.saturating_sub(accounted).to_string()),
    ];
    let values: Vec<(&str, &str)> =
        numbers.iter().map(|(name, number)| (*name, number.as_str())).collect();
    writeln!(out, "{}", stage.text("demo-commands", &values))?;
    desk_cases(stage, out).await?;
    Ok(closes && missing == accounted)
}

/// Where a person's commands are.
struct Account {
    saved: u64,
    refused: u64,
    on_phone: u64,
    closes: bool,
}

/// Prints a person's account, and what was refused of it and why.
async fn account(stage: &Stage, out: &mut dyn Write, worker: &mut Worker<'_>) -> Result<Account> {
    let account = worker.phone.ask(&Request::Account).await?;
    let count = |member: &str| account[member].as_u64().unwrap_or_default();
    let [saved, accepted, held, refused, on_phone] =
        ["saved", "accepted", "held", "refused", "on_phone"].map(count);
    let texts = [saved, accepted, held, refused, on_phone].map(|number| number.to_string());
    let id = if held == 0 { "account-closes" } else { "account-closes-held" };
    let values = [
        ("person", stage.name(worker.index)),
        ("saved", texts[0].as_str()),
        ("accepted", texts[1].as_str()),
        ("held", texts[2].as_str()),
        ("refused", texts[3].as_str()),
        ("on_phone", texts[4].as_str()),
    ];
    writeln!(out, "{}", text(stage.language, id, &values))?;
    let rows = worker.phone.ask(&Request::Refused).await?;
    for row in rows.as_array().into_iter().flatten() {
        let code = row["code"].as_str().unwrap_or_default();
        let why = code_text(stage.language, "denial", code, &[]);
        let number = row["n"].to_string();
        let values = [("number", number.as_str()), ("why", why.as_str())];
        writeln!(out, "  {}", stage.text("demo-refused", &values))?;
    }
    let there = server_count(stage, stage.people[worker.index]).await?;
    let adds_up = saved == accepted + held + refused + on_phone;
    let remembered = u64::try_from(worker.saved.len()).ok() == Some(saved);
    let closes = adds_up && remembered && there == (accepted, refused);
    Ok(Account { saved, refused, on_phone, closes })
}

/// What the server's receipts say of a person's commands: accepted and refused.
async fn server_count(stage: &Stage, person: PersonId) -> Result<(u64, u64)> {
    let (accepted, refused): (i64, i64) = sqlx::query_as(
        "select coalesce(sum(case when outcome in ('entered', 'rewritten')
             then to_number - from_number + 1 else 0 end), 0),
           coalesce(sum(case when outcome = 'refused'
             then to_number - from_number + 1 else 0 end), 0)
         from receipt where person = ?",
    )
    .bind(person.0)
    .fetch_one(stage.app.db.reader())
    .await?;
    Ok((accepted.unsigned_abs(), refused.unsigned_abs()))
}

/// Reads every record the server has.
async fn held(stage: &Stage) -> Result<Held> {
    let ids: Vec<Vec<u8>> =
        sqlx::query_scalar("select record from record where kind is not null order by record")
            .fetch_all(stage.app.db.reader())
            .await?;
    let mut held = Held::default();
    for id in ids {
        let id = id.try_into().map_err(|_| Error::Broken("a record id of another length"))?;
        let review = stage.review(RecordId(id)).await?;
        for entry in &review.timeline {
            *(if entry.by.is_some() { &mut held.facts } else { &mut held.derived }) += 1;
            held.keys.insert((review.record, entry.key));
        }
        for case in review.open_cases() {
            *held.cases.entry(case.kind.clone()).or_default() += 1;
        }
        *held.kinds.entry(review.kind).or_default() += 1;
    }
    Ok(held)
}

fn say_held(stage: &Stage, out: &mut dyn Write, held: &Held) -> Result<()> {
    let comma = stage.text("demo-comma", &[]);
    let listed = |counts: &BTreeMap<String, usize>, word: &dyn Fn(&str) -> String| {
        let each: Vec<String> =
            counts.iter().map(|(code, count)| format!("{} {count}", word(code))).collect();
        if each.is_empty() { stage.text("demo-none", &[]) } else { each.join(&comma) }
    };
    let kinds = listed(&held.kinds, &|kind| stage.kind(kind));
    let records = held.kinds.values().sum::<usize>().to_string();
    writeln!(out, "{}", stage.text("demo-records", &[("records", &records), ("kinds", &kinds)]))?;
    let (facts, derived) = (held.facts.to_string(), held.derived.to_string());
    let all = (held.facts + held.derived).to_string();
    let values = [("facts", all.as_str()), ("people", &facts), ("server", &derived)];
    writeln!(out, "{}", stage.text("demo-facts", &values))?;
    let cases = listed(&held.cases, &|case: &str| code_text(stage.language, "case", case, &[]));
    let open = held.cases.values().sum::<usize>().to_string();
    writeln!(out, "{}", stage.text("demo-open-cases", &[("open", &open), ("cases", &cases)]))?;
    Ok(())
}

/// What the office has to look at and no record shows.
async fn desk_cases(stage: &Stage, out: &mut dyn Write) -> Result<()> {
    let open: Vec<(String, i64)> = sqlx::query_as(
        "select kind, count(*) from desk_case where closed_ms is null group by kind order by kind",
    )
    .fetch_all(stage.app.db.reader())
    .await?;
    for (kind, count) in open {
        let kind = stage.text("demo-desk-case", &[("kind", &kind), ("count", &count.to_string())]);
        writeln!(out, "{kind}")?;
    }
    Ok(())
}
