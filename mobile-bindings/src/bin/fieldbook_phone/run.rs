//! Runs a task: opens the profile, calls the phone object, answers.

use std::io::Read as _;
use std::time::Duration;

use fieldbook_mobile::{Account, ApiError, Pause, SyncReport};
use serde_json::{Value, json};

use crate::answer::{Answer, Out};
use crate::arguments::{Arguments, Enrol, Sign, Step, Switch, Task};
use crate::demo;
use crate::failure::Failure;
use crate::form;
use crate::inbox;
use crate::list;
use crate::open::{Handset, profile, read};
use crate::outbox;
use crate::patrol;
use crate::profile::Remembered;
use crate::salvage;
use crate::show;
use crate::signing;
use crate::value;

/// Runs what the arguments ask for.
pub async fn run(arguments: Arguments, out: &Out) -> Result<(), Failure> {
    let profile = profile(&arguments)?;
    let language = arguments.lang.or_else(|| profile.language()).unwrap_or(out.language());
    out.speak(language);
    let (handset, task) = match arguments.task {
        Some(Task::Salvage) => {
            out.answer(&salvage::salvage(&profile, language).await?);
            return Ok(());
        }
        None => return demo::run(arguments.demo.as_deref(), profile, out).await,
        Some(Task::Enrol(enrol)) => {
            let mut remembered = profile.remembered.clone().unwrap_or_default();
            if let Some(server) = &enrol.server {
                server.trim_end_matches('/').clone_into(&mut remembered.server_url);
            }
            if let Some(language) = arguments.lang {
                remembered.language = Some(language.tag().to_owned());
            }
            if remembered.server_url.is_empty() {
                return Err(Failure::bad_input("--server"));
            }
            let mut handset = Handset::open(profile, &remembered.server_url, language).await?;
            let answer = self::enrol(&mut handset, enrol, remembered).await;
            handset.phone.close().await;
            out.answer(&answer?);
            return Ok(());
        }
        Some(task) => (Handset::enrolled(profile, language).await?, task),
    };
    let mut handset = handset;
    let done = match task {
        Task::Sync { watch: true } => watch(&handset, out).await,
        task => task_of(&mut handset, task).await.map(|answer| out.answer(&answer)),
    };
    handset.phone.close().await;
    done
}

/// Runs a task with one answer.
pub async fn task_of(handset: &mut Handset, task: Task) -> Result<Answer, Failure> {
    match task {
        Task::Enrol(enrol) => {
            let remembered = handset.remembered();
            self::enrol(handset, enrol, remembered).await
        }
        // Whoever has the store open needs no salvage.
        Task::Salvage => salvage::salvage(&handset.profile, handset.language).await,
        Task::Signing { action } => signing::signing(handset, action).await,
        Task::SignOut { hand_over } => sign_out(handset, hand_over).await,
        Task::Whoami => whoami(handset).await,
        Task::List { kind, open } => list::list(handset, kind.as_deref(), open).await,
        Task::OpenAt { place } => list::open_at(handset, &place).await,
        Task::Rounds { day } => patrol::rounds(handset, day).await,
        Task::Round { record } => patrol::round(handset, &record).await,
        Task::StartRound { record } => patrol::start(handset, &record).await,
        Task::Checkpoint(checkpoint) => patrol::checkpoint(handset, checkpoint).await,
        Task::Check { record, checkpoint, item, result, note } => {
            let mut content = json!({ "checkpoint": checkpoint, "item": item, "result": result });
            if let Some(note) = note {
                content["note"] = json!(note);
            }
            perform(handset, patrol::fact("checked", &content), Some(&record)).await
        }
        Task::RestOk { record, checkpoint } => {
            let command = json!({ "command": "rest_ok", "checkpoint": checkpoint });
            perform(handset, command, Some(&record)).await
        }
        Task::Finding(finding) => patrol::finding(handset, finding).await,
        Task::Alarm(alarm) => patrol::alarm(handset, alarm).await,
        Task::Inbox { action } => inbox::inbox(handset, action).await,
        Task::Show { record } => show::show(handset, &record).await,
        Task::Forms { kind } => form::asked(handset.language, kind.as_deref()),
        Task::Open { kind, values, site } => form::open(handset, &kind, site, &values).await,
        Task::Write { record, form, values } => form::write(handset, &record, &form, &values).await,
        Task::Perform { command, record } => {
            perform(handset, read(&given(&command)?)?, record.as_deref()).await
        }
        Task::Assign { record, person } => {
            let command = json!({ "command": "assign", "person": person });
            perform(handset, command, Some(&record)).await
        }
        Task::Set { record, field, value } => set(handset, &record, &field, &value).await,
        Task::Resolve { record, field, value, reason } => {
            let value = value::value(&field, &value);
            let command = json!({
                "command": "resolve", "field": field, "value": value, "reason": reason,
            });
            perform(handset, command, Some(&record)).await
        }
        Task::Note { record, text } => {
            perform(handset, json!({ "command": "note", "text": text }), Some(&record)).await
        }
        Task::Step(step) => self::step(handset, step).await,
        Task::Statement { record, visit } => statement(handset, &record, visit.as_deref()).await,
        Task::Sign(sign) => self::sign(handset, sign).await,
        Task::Airplane { state } => airplane(handset, state == Switch::On).await,
        Task::Sync { .. } => sync(handset).await,
        Task::Account => account(handset).await,
        Task::Refused => list::refused(handset).await,
        Task::Waiting => list::waiting(handset).await,
        Task::Reference => list::reference(handset).await,
        Task::Outbox { action } => outbox::task(handset, action).await,
    }
}

/// Enrols, then remembers where.
pub async fn enrol(
    handset: &mut Handset,
    enrol: Enrol,
    mut remembered: Remembered,
) -> Result<Answer, Failure> {
    if let Some(device_name) = enrol.device_name {
        remembered.device_name = device_name;
    } else if remembered.device_name.is_empty() {
        "fieldbook-phone".clone_into(&mut remembered.device_name);
    }
    if handset.remembered().airplane {
        return Err(Failure::airplane());
    }
    if handset.profile.remembered.is_none() {
        // Before the code is used up: a phone that is enrolled must not forget where.
        handset.profile.remember(remembered.clone())?;
    }
    let name = remembered.device_name.clone();
    handset.phone.enrol(enrol.code, name, enrol.installation).await?;
    handset.profile.remember(remembered)?;
    whoami(handset).await
}

async fn sign_out(handset: &Handset, hand_over: bool) -> Result<Answer, Failure> {
    handset.phone.sign_out(hand_over).await?;
    let lines = vec![handset.language.say("signed-out", &[])];
    Ok(Answer { document: json!({ "signed_out": true }), lines })
}

async fn whoami(handset: &Handset) -> Result<Answer, Failure> {
    let identity = handset.phone.identity().await?.ok_or_else(Failure::not_enrolled)?;
    let remembered = handset.remembered();
    let paused = handset.phone.paused().await?.map(|pause| match pause {
        Pause::SignInAgain => "sign_in_again",
        Pause::UpdateApp => "update_app",
        Pause::Airplane => "airplane",
    });
    let words = handset.language;
    let mut lines = vec![words.say(
        "whoami",
        &[
            ("person", &identity.person_name),
            ("number", &identity.person.to_string()),
            ("device", &identity.device.to_string()),
            ("server", &remembered.server_url),
            ("installation", &identity.installation),
        ],
    )];
    if remembered.airplane {
        lines.push(words.say("airplane-on", &[]));
    }
    let document = json!({
        "person": identity.person, "person_name": identity.person_name,
        "device": identity.device, "device_name": remembered.device_name,
        "installation": identity.installation, "server_url": remembered.server_url,
        "airplane": remembered.airplane, "paused": paused,
    });
    Ok(Answer { document, lines })
}

/// Performs a command on the record that `named` names.
pub async fn perform(
    handset: &Handset,
    command: Value,
    named: Option<&str>,
) -> Result<Answer, Failure> {
    let record = match named {
        Some(named) => Some(handset.record(named).await?),
        None => None,
    };
    let saved = handset.phone.perform(command.to_string(), record).await?;
    let document = json!({
        "record": saved.record, "number": saved.number, "key": saved.key,
    });
    let number = saved.number.to_string();
    let ids = handset.records().await?.1;
    let record = value::short(&saved.record, &ids);
    let arguments = [("number", number.as_str()), ("record", record), ("key", &saved.key)];
    Ok(Answer::line(document, handset.language.say("saved", &arguments)))
}

/// The JSON of a command: itself, a file's, or what standard input brings.
fn given(argument: &str) -> Result<String, Failure> {
    if argument == "-" {
        let mut text = String::new();
        let input = std::io::stdin().lock().read_to_string(&mut text);
        input.map_err(|error| Failure::file("-", &error))?;
        return Ok(text);
    }
    match argument.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error)),
        None => Ok(argument.to_owned()),
    }
}

async fn set(handset: &Handset, record: &str, field: &str, text: &str) -> Result<Answer, Failure> {
    let record = handset.record(record).await?;
    let value = value::value(field, text);
    let mut command = json!({ "command": "set", "field": field, "value": value });
    if handset.review(&record).await?["kind"] == "contact" {
        // Without it a hash of the fact would tell who tries names what it holds.
        command["salt"] = json!(salt());
    }
    perform(handset, command, Some(&record)).await
}

fn salt() -> String {
    fieldbook_mobile::new_store_key().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

async fn step(handset: &Handset, step: Step) -> Result<Answer, Failure> {
    let record = handset.record(&step.record).await?;
    let visit = if value::names_a_visit(&step.fact_type) {
        Some(handset.visit(&record, step.visit.as_deref()).await?)
    } else {
        None
    };
    let mut members = step.members;
    if step.fact_type == "set_out" && !members.iter().any(|member| member.starts_with("grade=")) {
        // The site's grade is fixed into the visit at its start.
        let grade = &handset.review(&record).await?["service_grade"];
        members.push(format!("grade={grade}"));
    }
    let command = value::step(&step.fact_type, visit.as_deref(), &members)?;
    perform(handset, command, Some(&record)).await
}

async fn statement(
    handset: &Handset,
    record: &str,
    visit: Option<&str>,
) -> Result<Answer, Failure> {
    let record = handset.record(record).await?;
    let visit = handset.visit(&record, visit).await?;
    let language = handset.language.tag().to_owned();
    let statement = handset.phone.statement(record.clone(), visit.clone(), language).await?;
    let lines = statement.text.lines().map(str::to_owned).collect();
    let document = json!({
        "record": record, "visit": visit, "text": statement.text,
        "template": statement.template, "text_sha256": statement.text_sha256,
    });
    Ok(Answer { document, lines })
}

async fn sign(handset: &Handset, sign: Sign) -> Result<Answer, Failure> {
    let path = sign.strokes.display().to_string();
    let drawing = std::fs::read_to_string(&sign.strokes);
    let strokes = read(&drawing.map_err(|error| Failure::file(path, &error))?)?;
    let ratings = value::ratings(&sign.ratings)?;
    let record = handset.record(&sign.record).await?;
    let visit = handset.visit(&record, sign.visit.as_deref()).await?;
    let language = handset.language.tag().to_owned();
    let shown = handset.phone.statement(record.clone(), visit.clone(), language.clone()).await?;
    let mut command = json!({
        "command": "sign", "visit": visit, "language": language,
        "text_sha256": shown.text_sha256, "strokes": strokes, "relation": sign.relation,
        "ratings": ratings,
    });
    if let Some(contact) = sign.contact {
        command["contact"] = json!(handset.record(&contact).await?);
    }
    perform(handset, command, Some(&record)).await
}

async fn airplane(handset: &mut Handset, on: bool) -> Result<Answer, Failure> {
    let remembered = Remembered { airplane: on, ..handset.remembered() };
    handset.profile.remember(remembered)?;
    handset.phone.set_airplane(on).await?;
    let id = if on { "airplane-on" } else { "airplane-off" };
    Ok(Answer::line(json!({ "airplane": on }), handset.language.say(id, &[])))
}

/// Syncs once, until neither side has more.
pub async fn sync(handset: &Handset) -> Result<Answer, Failure> {
    if handset.remembered().airplane {
        return Err(Failure::airplane());
    }
    // Whoever asks for a sync by hand says that the reason of an earlier pause is gone.
    handset.phone.try_again().await?;
    Ok(synced(handset, handset.phone.sync().await?))
}

fn synced(handset: &Handset, report: SyncReport) -> Answer {
    let words = handset.language;
    let numbers = [report.pushed, report.received, report.refused].map(|n| n.to_string());
    let arguments =
        [("pushed", &*numbers[0]), ("received", &*numbers[1]), ("refused", &*numbers[2])];
    let mut lines = vec![words.say("synced", &arguments)];
    if report.re_enrol {
        lines.push(words.say("re-enrol", &[]));
    }
    let document = json!({
        "pushed": report.pushed, "received": report.received, "refused": report.refused,
        "more": report.more, "re_enrol": report.re_enrol,
    });
    Answer { document, lines }
}

/// Syncs by the schedule until ctrl-c; an answer for each sync.
async fn watch(handset: &Handset, out: &Out) -> Result<(), Failure> {
    if handset.remembered().airplane {
        return Err(Failure::airplane());
    }
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let mut delay = Duration::ZERO;
    loop {
        let next = async {
            tokio::time::sleep(delay).await;
            handset.phone.sync_if_due().await
        };
        // A sync that is dropped half-way loses nothing.
        let came = tokio::select! {
            biased;
            _ = &mut interrupted => return Ok(()),
            came = next => came,
        };
        match came {
            Ok(Some(report)) => out.answer(&synced(handset, report)),
            Ok(None) => {}
            // It says itself when to come back.
            Err(ApiError::Offline { .. } | ApiError::RetryLater { .. }) => {
                out.remark(&handset.language.say("watch-offline", &[]));
            }
            Err(error) => return Err(error.into()),
        }
        let Some(delay_ms) = handset.phone.next_sync_delay_ms().await? else {
            return Ok(());
        };
        delay = Duration::from_millis(delay_ms.max(WATCH_DELAY_MIN_MS).unsigned_abs());
    }
}

/// Between two looks at the schedule.
const WATCH_DELAY_MIN_MS: i64 = 200;

async fn account(handset: &Handset) -> Result<Answer, Failure> {
    let identity = handset.phone.identity().await?.ok_or_else(Failure::not_enrolled)?;
    let Account { saved, accepted, held, refused, on_phone } = handset.phone.account().await?;
    let numbers = [saved, accepted, held, refused, on_phone].map(|number| number.to_string());
    let id = if held == 0 { "account-closes" } else { "account-closes-held" };
    let line = handset.language.core(
        id,
        &[
            ("person", &identity.person_name),
            ("saved", &numbers[0]),
            ("accepted", &numbers[1]),
            ("held", &numbers[2]),
            ("refused", &numbers[3]),
            ("on_phone", &numbers[4]),
        ],
    );
    let mut document = json!({
        "saved": saved, "accepted": accepted, "held": held, "refused": refused,
        "on_phone": on_phone,
    });
    let mut lines = vec![line];
    let lost: Vec<u64> = handset.phone.lost().await?.iter().map(|row| row.number).collect();
    if !lost.is_empty() {
        let numbers: Vec<String> = lost.iter().map(ToString::to_string).collect();
        lines.push(handset.language.say("account-lost", &[("numbers", &numbers.join(", "))]));
        document["lost"] = json!(lost);
    }
    Ok(Answer { document, lines })
}
