//! The play itself: what everybody does, in order.

use std::io::Write;

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, RecordId};
use sync_core::texts::{Language, text};

use super::patrol;
use super::phone::Phone;
use super::phone_process::Request;
use super::script::{FENG, PEOPLE, occupant, units};
use super::show;
use super::stage::{SITE, Stage, step};
use crate::{Error, Result};

/// Places in the script's list of people.
pub(super) const CHEN: usize = 0;
pub(super) const WANG: usize = 1;
pub(super) const LI: usize = 2;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// A phone, its commands so far, and the record it works on.
pub(super) struct Worker<'a> {
    stage: &'a Stage,
    phone: Phone,
}

impl Worker<'_> {
    /// Lets time pass, then performs a command; answers its key.
    pub(super) async fn perform(
        &mut self,
        wait_ms: i64,
        record: RecordId,
        command: Value,
    ) -> Result<FactKey> {
        self.stage.advance_ms(wait_ms);
        self.phone.ask(&Request::Now { now_ms: self.stage.now_ms() }).await?;
        let answer = self.phone.ask(&request(Some(record), command)?).await?;
        serde_json::from_value(answer["key"].clone())
            .map_err(|_| Error::Broken("a phone's answer has a key"))
    }

    /// Lets time pass, then opens a record.
    pub(super) async fn open(&mut self, wait_ms: i64, command: Value) -> Result<RecordId> {
        self.stage.advance_ms(wait_ms);
        self.phone.ask(&Request::Now { now_ms: self.stage.now_ms() }).await?;
        let answer = self.phone.ask(&request(None, command)?).await?;
        serde_json::from_value(answer["record"].clone())
            .map_err(|_| Error::Broken("a phone's answer has a record"))
    }

    pub(super) async fn sync(&mut self) -> Result<Value> {
        self.stage.advance_ms(SECOND);
        self.phone.ask(&Request::Now { now_ms: self.stage.now_ms() }).await?;
        self.phone.ask(&Request::Sync).await
    }

    async fn saved(&mut self) -> Result<u64> {
        let account = self.phone.ask(&Request::Account).await?;
        account["saved"].as_u64().ok_or(Error::Broken("an account has numbers"))
    }
}

fn request(record: Option<RecordId>, command: Value) -> Result<Request> {
    let command = serde_json::from_value(command)
        .map_err(|error| Error::Configuration(format!("demo script: {error}")))?;
    Ok(Request::Perform { command, record })
}

/// What the demo says next.
pub(super) fn say(
    stage: &Stage,
    out: &mut dyn Write,
    id: &str,
    values: &[(&str, &str)],
) -> Result<()> {
    writeln!(out, "{}", text(stage.language, id, values))?;
    Ok(())
}

/// Plays everything, prints it, and fails unless everything is accounted for.
pub(super) async fn play(stage: &Stage, out: &mut dyn Write) -> Result<()> {
    let (units, people) = (units().len().to_string(), PEOPLE.len().to_string());
    let site = show::site_name(stage);
    let numbers = [
        ("site", site),
        ("buildings", "3"),
        ("units", units.as_str()),
        ("people", people.as_str()),
    ];
    say(stage, out, "demo-begin", &numbers)?;
    say(stage, out, "demo-folder", &[("url", &stage.url)])?;
    let mut wang = enrol(stage, out, WANG, 3 * 60 * MINUTE).await?;
    let mut li = enrol(stage, out, LI, 0).await?;
    let mut feng = enrol(stage, out, FENG, 0).await?;
    let plan = patrol::plan(stage, out).await?;
    let (leak, lamp) = dispatch(stage, out).await?;
    feng.sync().await?;
    li.sync().await?;
    let report = wang.sync().await?;
    let count = report["received"].to_string();
    say(stage, out, "demo-downloaded", &[("person", name(stage, WANG)), ("count", &count)])?;
    patrol::walk(stage, out, &mut feng, plan).await?;
    writeln!(out)?;
    let visit = work_without_signal(stage, out, &mut wang, leak).await?;
    meanwhile(stage, out, leak).await?;
    sign(stage, out, &mut wang, leak, visit).await?;
    for command in [
        step("received", Value::Null),
        appointment(15),
        json!({ "command": "note", "text": note(stage, "梯子已借好", "Ladder borrowed") }),
    ] {
        wang.perform(MINUTE, lamp, command).await?;
    }
    writeln!(out)?;
    let report = wang.sync().await?;
    let numbers =
        [&report["pushed"], &report["received"], &report["refused"]].map(Value::to_string);
    let values = [
        ("pushed", numbers[0].as_str()),
        ("received", numbers[1].as_str()),
        ("refused", numbers[2].as_str()),
    ];
    say(stage, out, "demo-synced", &values)?;
    li.sync().await?;
    for worker_note in [("已接手", "Taking over"), ("明天带密封圈", "Bringing the seal tomorrow")]
    {
        let command =
            json!({ "command": "note", "text": note(stage, worker_note.0, worker_note.1) });
        li.perform(MINUTE, leak, command).await?;
    }
    li.sync().await?;
    let done = json!({ "command": "note", "text": note(stage, "灯具已领", "Lamp collected") });
    wang.perform(MINUTE, lamp, done).await?;
    wang.sync().await?;
    let last = json!({ "command": "note", "text": note(stage, "回到工程部", "Back at the shop") });
    wang.perform(MINUTE, lamp, last).await?;
    say(stage, out, "demo-unsent", &[])?;
    writeln!(out)?;
    let mut closes = true;
    for (worker, index) in [(&mut wang, WANG), (&mut li, LI), (&mut feng, FENG)] {
        closes &= show::account(stage, out, &mut worker.phone, index).await?;
    }
    show::order(stage, out, leak).await?;
    li.phone.ask(&Request::Now { now_ms: stage.now_ms() }).await?;
    show::heads(stage, out, &mut li.phone, leak).await?;
    wang.phone.stop().await?;
    li.phone.stop().await?;
    feng.phone.stop().await?;
    if closes { Ok(()) } else { Err(Error::Broken("a command is not accounted for")) }
}

pub(super) fn name(stage: &Stage, index: usize) -> &str {
    stage.names.get(&stage.people[index]).map_or("", String::as_str)
}

pub(super) fn note<'a>(stage: &Stage, chinese: &'a str, english: &'a str) -> &'a str {
    match stage.language {
        Language::ZhCn => chinese,
        Language::En => english,
    }
}

fn appointment(hour: u32) -> Value {
    let at = format!("2026-11-26T{hour:02}:00:00+08:00");
    json!({ "command": "set", "field": "appointment", "value": at })
}

async fn enrol<'a>(
    stage: &'a Stage,
    out: &mut dyn Write,
    index: usize,
    wall_offset_ms: i64,
) -> Result<Worker<'a>> {
    let (phone, device) = stage.phone(index, wall_offset_ms).await?;
    let device = device.to_string();
    say(stage, out, "demo-enrolled", &[("person", name(stage, index)), ("device", &device)])?;
    Ok(Worker { stage, phone })
}

/// The desk opens a contact and two orders, both for Wang.
async fn dispatch(stage: &Stage, out: &mut dyn Write) -> Result<(RecordId, RecordId)> {
    stage.advance_ms(MINUTE);
    let (occupant, phone) = occupant(17);
    let contact = json!({ "command": "create_contact", "site": SITE, "unit": "2-1-302",
        "name": occupant, "phones": [phone], "salt": "ZGVtby1zYWx0" });
    let contact = stage.office(None, contact).await?;
    let leak = note(stage, "厨房水管漏水", "Kitchen pipe leaking");
    let leak_order = json!({ "command": "create_work_order", "site": SITE, "category": "household",
        "unit": "2-1-302", "contact": contact, "description": leak, "priority": "urgent" });
    let lamp = note(stage, "楼道灯不亮", "Stairwell lamp out");
    let lamp_order = json!({ "command": "create_work_order", "site": SITE, "category": "public",
        "place": note(stage, "3 栋 2 层楼道", "Building 3, stairwell 2"), "description": lamp,
        "priority": "appointed" });
    let mut records = Vec::new();
    for (order, title, place) in [(leak_order, leak, "2-1-302"), (lamp_order, lamp, "3-2")] {
        stage.advance_ms(MINUTE);
        let record = stage.office(None, order).await?;
        stage.office(Some(record), step("dispatched", Value::Null)).await?;
        stage.office(Some(record), step("told", Value::Null)).await?;
        let assign = json!({ "command": "assign", "person": stage.people[WANG] });
        stage.office(Some(record), assign).await?;
        let values = [("person", name(stage, CHEN)), ("title", title), ("unit", place)];
        say(stage, out, "demo-order", &values)?;
        records.push(record);
    }
    Ok((records[0], records[1]))
}

/// Wang in the home without signal, up to the charge; answers the visit.
async fn work_without_signal(
    stage: &Stage,
    out: &mut dyn Write,
    wang: &mut Worker<'_>,
    leak: RecordId,
) -> Result<FactKey> {
    say(stage, out, "demo-signal-lost", &[("person", name(stage, WANG))])?;
    wang.perform(MINUTE, leak, step("received", Value::Null)).await?;
    let visit = wang.perform(2 * MINUTE, leak, step("set_out", json!({ "grade": 2 }))).await?;
    let of = || json!({ "visit": visit });
    let prepared = json!({ "visit": visit, "appearance": true, "tools": true, "materials": true,
        "instructions_acknowledged": true, "trained": true });
    wang.perform(MINUTE, leak, step("prepare", prepared)).await?;
    wang.perform(5 * MINUTE, leak, step("ring", of())).await?;
    wang.perform(5_100, leak, step("ring", of())).await?;
    wang.perform(20 * SECOND, leak, step("introduce", of())).await?;
    wang.perform(30 * SECOND, leak, step("enter", of())).await?;
    let quote = json!({ "visit": visit, "amount_fen": 12_000, "items": [
        { "name": note(stage, "更换角阀", "Replace the valve"), "amount_fen": 12_000 }] });
    let quote = wang.perform(4 * MINUTE, leak, step("quoted", quote)).await?;
    wang.perform(MINUTE, leak, step("quote_accepted", json!({ "quote": quote }))).await?;
    wang.perform(30 * SECOND, leak, step("start_work", of())).await?;
    // Late: the deviation is shown, nothing is blocked.
    wang.perform(10 * SECOND, leak, step("shoe_covers", of())).await?;
    wang.perform(MINUTE, leak, photo(visit, "before", 'a')).await?;
    let valve =
        material(visit, note(stage, "角阀", "Valve"), 1_000, note(stage, "个", "pc"), 8_800);
    wang.perform(15 * MINUTE, leak, valve).await?;
    let tape = material(
        visit,
        note(stage, "生料带", "Thread tape"),
        1_500,
        note(stage, "卷", "roll"),
        200,
    );
    die_and_write_again(stage, out, wang, leak, tape).await?;
    let reason = note(stage, "等客户关总阀", "Waiting for the main valve");
    wang.perform(MINUTE, leak, step("paused", json!({ "visit": visit, "reason": reason }))).await?;
    wang.perform(4 * MINUTE, leak, step("resumed", of())).await?;
    wang.perform(10 * MINUTE, leak, step("finish_work", of())).await?;
    wang.perform(MINUTE, leak, photo(visit, "after", 'b')).await?;
    let advice = note(stage, "角阀每年检查一次", "Check the valve once a year");
    let advice = json!({ "visit": visit, "text": advice });
    wang.perform(MINUTE, leak, step("advice", advice)).await?;
    let tidy = json!({ "visit": visit, "equipment_wiped": true, "floor_clean": true, "tools_counted": true });
    wang.perform(3 * MINUTE, leak, step("tidy", tidy)).await?;
    let explain = json!({ "visit": visit, "cause": true, "care": true, "correct_use": true });
    wang.perform(2 * MINUTE, leak, step("explain", explain)).await?;
    let charge = json!({ "visit": visit, "amount_fen": 12_000, "method": "qr_code" });
    wang.perform(MINUTE, leak, step("charged", charge)).await?;
    wang.perform(MINUTE, leak, appointment(10)).await?;
    Ok(visit)
}

fn photo(visit: FactKey, moment: &str, digit: char) -> Value {
    let sha256 = digit.to_string().repeat(64);
    step(
        "photo",
        json!({ "visit": visit, "sha256": sha256, "size_bytes": 2_400_000,
        "media_type": "image/jpeg", "moment": moment }),
    )
}

fn material(visit: FactKey, name: &str, quantity_milli: i64, unit: &str, price_fen: i64) -> Value {
    step(
        "material",
        json!({ "visit": visit, "name": name, "quantity_milli": quantity_milli,
        "unit": unit, "unit_price_fen": price_fen }),
    )
}

/// The process is killed inside the transaction of a command, and opened again.
async fn die_and_write_again(
    stage: &Stage,
    out: &mut dyn Write,
    wang: &mut Worker<'_>,
    leak: RecordId,
    command: Value,
) -> Result<()> {
    let before = wang.saved().await?;
    stage.advance_ms(30 * SECOND);
    wang.phone.ask(&Request::DieInside { statements: 2 }).await?;
    let number = (before + 1).to_string();
    say(stage, out, "demo-died", &[("number", &number)])?;
    if wang.phone.try_ask(&request(Some(leak), command.clone())?).await?.is_some() {
        return Err(Error::Broken("the phone's process was to die in the middle of a write"));
    }
    wang.phone.start_again(stage.now_ms()).await?;
    let after = wang.saved().await?;
    let saved = after.to_string();
    say(stage, out, "demo-reopened", &[("saved", &saved)])?;
    if after != before {
        return Err(Error::Broken("a command that returned is missing after the kill"));
    }
    wang.perform(30 * SECOND, leak, command).await?;
    Ok(())
}

/// The desk, which knows nothing of all this.
async fn meanwhile(stage: &Stage, out: &mut dyn Write, leak: RecordId) -> Result<()> {
    let values = [("hour", "14:00"), ("person", name(stage, LI))];
    say(stage, out, "demo-meanwhile", &values)?;
    stage.office(Some(leak), appointment(14)).await?;
    let assign = json!({ "command": "assign", "person": stage.people[LI] });
    stage.office(Some(leak), assign).await?;
    Ok(())
}

/// The patched phone's command, then the customer's signature and the farewell.
async fn sign(
    stage: &Stage,
    out: &mut dyn Write,
    wang: &mut Worker<'_>,
    leak: RecordId,
    visit: FactKey,
) -> Result<()> {
    say(stage, out, "demo-patched", &[])?;
    let payload = json!({ "t": "price_approved", "p": { "item": "valve", "amount_fen": 1 } });
    wang.phone.ask(&Request::WriteUnjudged { record: leak, payload }).await?;
    say(stage, out, "demo-statement", &[])?;
    let language = stage.language;
    let statement = Request::Statement { record: leak, visit, language };
    let statement = wang.phone.ask(&statement).await?;
    for line in statement.as_str().unwrap_or_default().lines() {
        writeln!(out, "  │ {line}")?;
    }
    let strokes = json!({ "width": 1000, "height": 400, "strokes": [
        [[120, 90], [180, 110], [150, 300]], [[220, 80], [400, 100], [300, 320]],
        [[420, 60], [520, 260]]] });
    let sign = json!({ "command": "sign", "visit": visit, "language": language.tag(),
        "strokes": strokes, "relation": "owner",
        "ratings": { "quality": 5, "attitude": 5, "conduct": 4 } });
    wang.perform(MINUTE, leak, sign).await?;
    wang.perform(MINUTE, leak, step("farewell", json!({ "visit": visit }))).await?;
    Ok(())
}
