//! Rounds: today's, one of them, and what an officer says on it; alarms.

use fieldbook_mobile::local_time;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::arguments::{Alarm, Checkpoint, Finding};
use crate::failure::Failure;
use crate::open::{Handset, read};
use crate::run::{perform, sync};
use crate::value::{self, short};

/// The command that records a fact.
pub fn fact(fact_type: &str, content: &Value) -> Value {
    json!({ "command": "record", "fact": { "t": fact_type, "p": content } })
}

fn zone(reference: &Value) -> String {
    let mut policies = reference["policies"].as_object().into_iter().flat_map(|all| all.values());
    let latest = policies.next().and_then(|versions| versions.as_array()?.last());
    let zone = latest.and_then(|policy| policy["time_zone"].as_str());
    zone.unwrap_or("Asia/Shanghai").to_owned()
}

/// The rounds of a day, as JSON.
pub async fn of_day(handset: &Handset, day: Option<String>) -> Result<Vec<Value>, Failure> {
    let day = match day {
        Some(day) => day,
        None => handset.phone.today().await?,
    };
    let rounds = read(&handset.phone.rounds(day).await?)?;
    Ok(rounds.as_array().cloned().unwrap_or_default())
}

/// A member of a round: of its record where there is one, else of its plan.
fn member<'a>(round: &'a Value, of_record: &str, of_plan: &str) -> &'a Value {
    match &round["item"]["projection"][of_record] {
        Value::Null => &round["planned"]["round"][of_plan],
        value => value,
    }
}

/// Who is to walk it.
pub fn officer(round: &Value) -> &Value {
    member(round, "assignee", "officer")
}

/// Its status; `planned` where nobody has opened it.
pub fn status(round: &Value) -> &str {
    round["item"]["projection"]["status"].as_str().unwrap_or("planned")
}

/// Lists the rounds of a day.
pub async fn rounds(handset: &Handset, day: Option<String>) -> Result<Answer, Failure> {
    let words = handset.language;
    let reference = handset.reference().await?;
    let zone = zone(&reference);
    let rounds = of_day(handset, day).await?;
    let ids = round_ids(handset, &rounds).await?;
    let mut lines = Vec::new();
    for round in &rounds {
        let record = round["record"].as_str().unwrap_or_default();
        let starts = member(round, "starts_at_ms", "starts_at_ms").as_i64();
        let starts = starts.map(|at_ms| local_time(at_ms, zone.clone())).unwrap_or_default();
        let area = member(round, "title", "area").as_str().unwrap_or_default();
        let person = officer(round).to_string();
        let person = reference["people"][&person].as_str().unwrap_or(&person);
        let coverage = &round["item"]["projection"]["coverage"];
        let coverage = match (&coverage[0], &coverage[1]) {
            (Value::Null, _) | (_, Value::Null) => String::new(),
            (visited, all) => format!("{visited}/{all}"),
        };
        let status = words.code("status", status(round));
        let parts = [short(record, &ids), &starts, area, person, &status, &coverage];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        lines.push(parts.join("  "));
    }
    if lines.is_empty() {
        lines.push(words.say("list-empty", &[]));
    }
    Ok(Answer { document: json!({ "rounds": rounds }), lines })
}

/// The ids of all records, and of planned rounds that nobody has opened.
async fn round_ids(handset: &Handset, rounds: &[Value]) -> Result<Vec<String>, Failure> {
    let mut ids = handset.records().await?.1;
    ids.extend(rounds.iter().filter_map(|round| round["record"].as_str()).map(str::to_owned));
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Shows a round.
pub async fn round(handset: &Handset, named: &str) -> Result<Answer, Failure> {
    let words = handset.language;
    let record = handset.record(named).await?;
    let review = handset.review(&record).await?;
    let round = &review["round"];
    if round.is_null() {
        return Err(Failure::unknown_record(named));
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let status = words.code("status", review["status"].as_str().unwrap_or_default());
    let mut lines = vec![format!("{record}  {status}")];
    for point in list(&round["coverage"]) {
        let state = match () {
            () if !point["visit"].is_null() => "round-visited",
            () if !point["skipped"].is_null() => "round-skipped",
            () if point["missed"] == true => "round-missed",
            () => "round-open",
        };
        let text = |member: &str| point["checkpoint"][member].as_str().unwrap_or_default();
        lines.push(format!("  {}  {}  {}", words.say(state, &[]), text("code"), text("name")));
        for item in list(&point["items"]) {
            let name = item["item"].as_str().unwrap_or_default();
            let result = item["result"].as_str().unwrap_or("-");
            let note = item["note"].as_str().unwrap_or_default();
            // What a site's own list calls it, else what the catalogue does.
            let carried = list(&point["checkpoint"]["items"]);
            let own = carried.iter().find(|own| own["code"] == name);
            let own = own.and_then(|own| own["text"].as_str()).map(str::to_owned);
            let name = own.unwrap_or_else(|| words.code("item", name));
            let result = words.code("check", result);
            lines.push(format!("    {name}: {result} {note}").trim_end().to_owned());
        }
    }
    for finding in list(&round["findings"]) {
        let content = &finding["content"];
        let text = |member: &str| content[member].as_str().unwrap_or_default();
        let state = if finding["settled"] == true { "finding-settled" } else { "finding-open" };
        let told = [("place", text("place")), ("what", text("description"))];
        lines.push(format!("  {}", words.say(state, &told)));
    }
    for anomaly in list(&round["anomalies"]) {
        let code = anomaly["code"].as_str().unwrap_or_default();
        lines.push(format!("  ! {}", words.code("anomaly", code)));
    }
    let document = json!({ "record": record, "status": review["status"], "round": round });
    Ok(Answer { document, lines })
}

/// Begins a round; opens the record of a planned one that nobody has opened.
pub async fn start(handset: &Handset, named: &str) -> Result<Answer, Failure> {
    let rounds = of_day(handset, None).await?;
    let record = value::record(named, &round_ids(handset, &rounds).await?)?;
    let planned = rounds.iter().find(|round| {
        round["record"] == record.as_str()
            && round["item"].is_null()
            && round["planned"].is_object()
    });
    if let Some(round) = planned {
        let planned = &round["planned"];
        let mut command = planned["round"].clone();
        command["command"] = json!("create_round");
        command["site"] = planned["site"].clone();
        command["from"] = planned["from"].clone();
        perform(handset, command, None).await?;
    }
    let command = json!({ "command": "record", "fact": { "t": "round_started" } });
    perform(handset, command, Some(&record)).await
}

/// Says that one was at a checkpoint, and what shows it.
pub async fn checkpoint(handset: &Handset, given: Checkpoint) -> Result<Answer, Failure> {
    let mut content = json!({ "checkpoint": given.checkpoint });
    match (given.tag, given.nfc, given.at) {
        (Some(tag), _, _) => {
            content["method"] = json!("qr_code");
            content["tag"] = json!(tag);
        }
        (_, Some(tag), _) => {
            content["method"] = json!("nfc");
            content["tag"] = json!(tag);
        }
        (_, _, at) => {
            content["method"] = json!("gps");
            content["position"] = value::position(&at.unwrap_or_default())?;
        }
    }
    perform(handset, fact("checkpoint_visited", &content), Some(&given.record)).await
}

/// Logs a finding.
pub async fn finding(handset: &Handset, given: Finding) -> Result<Answer, Failure> {
    let mut content = json!({
        "finding": given.kind, "place": given.place, "description": given.description,
        "settled": given.settled,
    });
    if let Some(checkpoint) = given.checkpoint {
        content["checkpoint"] = json!(checkpoint);
    }
    if let Some(item) = given.item {
        content["item"] = json!(item);
    }
    if let Some(known_as) = given.known_as {
        content["known_as"] = json!(handset.record(&known_as).await?);
    }
    perform(handset, fact("finding", &content), Some(&given.record)).await
}

/// Raises an alarm and sends it at once; without an answer the radio has to do (R7.13).
pub async fn alarm(handset: &Handset, given: Alarm) -> Result<Answer, Failure> {
    let site = match given.site {
        Some(site) => json!(site),
        None => only_site(&handset.reference().await?)?,
    };
    let mut command = json!({
        "command": "raise_alarm", "site": site, "alarm": given.kind, "place": given.place,
    });
    if let Some(description) = given.description {
        command["description"] = json!(description);
    }
    if let Some(round) = given.round {
        command["round"] = json!(handset.record(&round).await?);
    }
    let mut answer = perform(handset, command, None).await?;
    // Saved is saved: no answer is no failure, but somebody has to be told otherwise.
    let number = answer.document["number"].as_u64();
    // An error of the sync says nothing of the alarm, which goes first and alone.
    let _went = sync(handset).await.is_ok();
    let waiting = handset.phone.outbox().await?.commands;
    let waits = waiting.iter().any(|command| Some(command.number) == number);
    let refused = handset.phone.refused().await?;
    let refused = refused.iter().any(|row| Some(row.number) == number);
    let sent = !waits && !refused;
    answer.document["sent"] = json!(sent);
    let id = if sent { "alarm-sent" } else { "alarm-radio" };
    answer.lines.push(handset.language.say(id, &[]));
    Ok(answer)
}

/// The site of the person's roles, if it is one.
pub fn only_site(reference: &Value) -> Result<Value, Failure> {
    let grants = reference["grants"].as_array().map(Vec::as_slice).unwrap_or_default();
    let first = grants.first().map(|grant| &grant["site"]);
    match first {
        Some(site) if grants.iter().all(|grant| grant["site"] == *site) => Ok(site.clone()),
        _ => Err(Failure::bad_input("--site")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_nobody_opened_is_told_by_its_plan() {
        let planned = json!({
            "record": "r", "item": null,
            "planned": { "round": { "officer": 4, "area": "3", "starts_at_ms": 5 } },
        });
        assert_eq!((officer(&planned), status(&planned)), (&json!(4), "planned"));
        let opened = json!({
            "record": "r", "planned": planned["planned"],
            "item": { "projection": { "assignee": 6, "status": "under_way" } },
        });
        assert_eq!((officer(&opened), status(&opened)), (&json!(6), "under_way"));
    }

    #[test]
    fn the_only_site_is_the_default_and_two_are_none() {
        let of = |sites: &[u32]| {
            let grants: Vec<Value> = sites.iter().map(|site| json!({ "site": site })).collect();
            only_site(&json!({ "grants": grants }))
        };
        assert_eq!(of(&[7, 7]), Ok(json!(7)));
        assert!(of(&[7, 8]).is_err() && of(&[]).is_err());
    }
}
