//! The phone library from another language: the Python bindings, generated and run against a real
//! server process. Builds what it needs by cargo (the library, the generator, `fieldbook`), and
//! needs `python3` and `kill` besides.

mod built;
mod office;
mod phone_cli;
mod phone_patrol;
mod second_client;
mod server;

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use built::{Built, root};
use office::Office;
use server::{Installation, SITE};

/// Four-byte characters, a family of four joined to one, a combining mark that stays decomposed,
/// and a mark that turns the direction of reading: text is carried, never mended.
const TEXT: &str = "𠮷野家 👨‍👩‍👧‍👦 e\u{301} \u{202e}角阀每年检查一次\u{202c}\n第二行";
const WORKER: &str = "王师傅 𠮷";

#[tokio::test]
async fn a_phone_in_python_does_a_whole_visit_and_the_office_reads_every_step() {
    let built = Built::now();
    let folder = tempfile::tempdir().expect("a folder");
    let python = Python::new(built, folder.path());
    let installation = Installation::make(&built.fieldbook, folder.path());
    installation.person("陈静", Some("chen"), "front_desk");
    let worker = installation.person(WORKER, None, "technician");
    let other = installation.person("李师傅", None, "technician");
    let server = installation.serve();
    let mut desk = Office::sign_in(&server.url, "chen").await;
    let order = dispatched(&mut desk, worker).await;

    let mut given = json!({
        "store": folder.path().join("phone.db"), "url": server.url, "order": order,
        "description": TEXT, "text": TEXT, "person": worker, "person_name": WORKER,
        "code": installation.enrolment_code(worker),
        "other_code": installation.enrolment_code(other),
        "installation": installation.fingerprint,
        "visit_of_nobody": "aebagbafaydqq.201.0",
    });
    let visit = python.act("visit", &given);
    let saved = visit["performed"].as_array().expect("a list").len();
    let all_accepted = |saved: usize| json!({ "saved": saved, "accepted": saved, "held": 0, "refused": 0, "on_phone": 0 });
    assert_eq!(visit["account"], all_accepted(saved));
    check_order(&desk, &order, worker, &visit).await;
    check_account(&desk, &visit).await;

    server.stop();
    let offline = python.act("offline", &given);
    let mut one_more = all_accepted(saved);
    (one_more["saved"], one_more["on_phone"]) = (json!(saved + 1), json!(1));
    assert_eq!(offline["account"], one_more);

    let server = installation.serve();
    given["url"] = json!(server.url);
    let again = python.act("again", &given);
    assert_eq!(again["account"], all_accepted(saved + 1));
    let desk = Office::sign_in(&server.url, "chen").await;
    let read = desk.read(&format!("/v1/work-orders/{order}")).await;
    let notes = written(&read, &visit["device"]).filter(|entry| entry["fact_type"] == "note");
    let texts: Vec<&Value> = notes.map(|entry| &entry["content"]["text"]).collect();
    assert_eq!(texts, [TEXT, TEXT]);
    server.stop();
}

/// R4.36
#[tokio::test]
async fn a_signing_killed_half_way_is_taken_up_again_and_a_damaged_store_salvaged() {
    let built = Built::now();
    let folder = tempfile::tempdir().expect("a folder");
    let python = Python::new(built, folder.path());
    let installation = Installation::make(&built.fieldbook, folder.path());
    installation.person("陈静", Some("chen"), "front_desk");
    let worker = installation.person(WORKER, None, "technician");
    let server = installation.serve();
    let mut desk = Office::sign_in(&server.url, "chen").await;
    let order = dispatched(&mut desk, worker).await;
    let given = json!({
        "store": folder.path().join("phone.db"), "url": server.url, "order": order, "text": TEXT,
        "code": installation.enrolment_code(worker), "installation": installation.fingerprint,
    });
    let killed = python.run("half_a_signing", &given);
    assert_eq!(killed.status.signal(), Some(9), "{}", String::from_utf8_lossy(&killed.stderr));
    let signed = python.act("rest_of_a_signing", &given);
    let read = desk.read(&format!("/v1/work-orders/{order}")).await;
    let timeline = read["review"]["timeline"].as_array().expect("a timeline").iter();
    let entries: Vec<&Value> = timeline.filter(|entry| entry["fact_type"] == "signed").collect();
    assert_eq!(entries.len(), 1, "a killed signing signs nothing, a resumed one once");
    assert_eq!(entries[0]["content"]["text_sha256"], signed["text_sha256"]);
    let account = &python.act("salvage", &given)["account"];
    assert_eq!((&account["saved"], &account["accepted"]), (&json!(5), &json!(5)));
    server.stop();
}

/// The desk opens an order, dispatches it and names the worker.
async fn dispatched(desk: &mut Office, worker: u32) -> String {
    let order = json!({
        "site": SITE, "category": "household", "unit": "3-2-1501", "priority": "urgent",
        "description": TEXT,
    });
    let opened = desk.write("/v1/work-orders", &order).await;
    let order = opened["record"].as_str().expect("a record").to_owned();
    desk.write(&format!("/v1/work-orders/{order}/dispatch"), &json!({})).await;
    desk.write(&format!("/v1/work-orders/{order}/assign"), &json!({ "person": worker })).await;
    order
}

/// The office has the steps as they were performed, and the texts unchanged.
async fn check_order(desk: &Office, order: &str, worker: u32, visit: &Value) {
    let read = desk.read(&format!("/v1/work-orders/{order}")).await;
    let steps: Vec<&Value> = written(&read, &visit["device"]).collect();
    let types: Vec<&Value> = steps.iter().map(|entry| &entry["fact_type"]).collect();
    let performed: Vec<&Value> = visit["performed"].as_array().expect("a list").iter().collect();
    assert_eq!(types, performed);
    assert!(steps.iter().all(|entry| entry["by"] == worker && entry["verified"] == true));
    let content = |fact_type: &str| {
        let entry = steps.iter().find(|entry| entry["fact_type"] == fact_type);
        &entry.unwrap_or_else(|| panic!("no {fact_type}"))["content"]
    };
    assert_eq!(content("advice")["text"], TEXT);
    assert_eq!(content("note")["text"], TEXT);
    assert_eq!(content("signed")["text_sha256"], visit["text_sha256"]);
    let review = &read["review"];
    assert_eq!(review["fields"]["description"]["value"], TEXT);
    assert_eq!(review["visits"][0]["visit"], visit["visit"]);
    assert_eq!(read["people"][worker.to_string()], WORKER);
}

/// What a device wrote, in causal order.
fn written<'a>(read: &'a Value, device: &'a Value) -> impl Iterator<Item = &'a Value> {
    let timeline = read["review"]["timeline"].as_array().expect("a timeline");
    timeline.iter().filter(move |entry| entry["device"] == *device)
}

/// The office's account of the phone is the phone's.
async fn check_account(desk: &Office, visit: &Value) {
    let read = desk.read(&format!("/v1/account?site={SITE}")).await;
    let items = read["items"].as_array().expect("a list");
    let row = items.iter().find(|row| row["device"] == visit["device"]).expect("the phone's row");
    for (name, count) in visit["account"].as_object().expect("counts") {
        assert_eq!(&row[name], count, "{name}: {row}");
    }
}

/// Python with the generated module.
struct Python {
    module: PathBuf,
}

impl Python {
    fn new(built: &Built, folder: &Path) -> Self {
        let module = folder.join("python");
        std::fs::create_dir(&module).expect("a folder");
        built.python_module(&module);
        Self { module }
    }

    /// Runs an act of `phone.py` in a process of its own, to its end.
    fn act(&self, act: &str, given: &Value) -> Value {
        let output = self.run(act, given);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "phone.py {act}: {told}");
        serde_json::from_slice(&output.stdout).expect("one line of JSON")
    }

    /// The same, however it ends.
    fn run(&self, act: &str, given: &Value) -> Output {
        let mut child = Command::new("python3")
            .arg(root().join("tests/foreign/phone.py"))
            .arg(act)
            .env("PYTHONPATH", &self.module)
            .env("PYTHONUTF8", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("python3, which the bindings need: {error}"));
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(given.to_string().as_bytes()).expect("it reads what it is given");
        drop(input);
        child.wait_with_output().expect("it ends")
    }
}
