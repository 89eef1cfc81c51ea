//! A second implementation of the protocol: `second_client/`, Python written from
//! docs/protocol.md alone, against a real server process and beside a phone of this code. What it
//! cannot do by the page is a fault of the page. Its packages are installed once, by pip.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr as _;
use std::sync::{Arc, OnceLock};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sync_core::document::Document;
use sync_core::engine::record::heads_digest;
use sync_core::environment::{NoHooks, SystemClock, SystemRandomness};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::RecordId;
use sync_core::replica::http::HttpTransport;
use sync_core::replica::{Replica, ReplicaOptions};
use sync_core::store::StoreKey;
use tempfile::TempDir;

use super::built::{Built, answered, root};
use super::office::Office;
use super::server::{Installation, SITE, Server};

#[test]
fn every_vector_of_the_page_follows_from_the_page() {
    let output = answered(python().arg(script("vectors.py")).arg(page()), "vectors.py");
    let count: usize = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
    assert!(count >= 30, "{count} vectors");
}

#[tokio::test]
async fn three_steps_written_offline_enter_and_a_push_said_twice_changes_nothing() {
    let scene = Scene::new().await;
    let client = scene.client("a.json");
    let enrolled = client.act("enrol", json!({}));
    assert_eq!(enrolled["person"], scene.worker);
    assert_eq!(held_by(&enrolled), scene.facts().await);

    let saved = client.act("visit", json!({}));
    assert_eq!(outcomes(&saved), [unsent(1), unsent(2), unsent(3)]);
    assert_eq!(scene.written_by(&enrolled["device"]).await, [""; 0]);

    // Pushed, and the answer lost: the office has it, the client does not know.
    let unanswered = client.act("lost", json!({}));
    assert_eq!(outcomes(&unanswered), [unsent(1), unsent(2), unsent(3)]);
    let steps = ["received", "set_out", "ring"];
    assert_eq!(scene.written_by(&enrolled["device"]).await, steps);

    let (before, again) = (scene.order().await, client.act("sync", json!({})));
    let had = |number: u64| json!([number, "entered", null, true]);
    assert_eq!(outcomes(&again), [had(1), had(2), had(3)]);
    assert_eq!(scene.order().await["review"], before["review"]);
    assert_eq!(held_by(&again), scene.facts().await);
    assert_eq!(again["repaired"], json!([]));

    // Neither an expired token nor members of a newer version stop it, with nothing to push.
    let later = client.act("expired", json!({}));
    assert_eq!((&later["digest"], outcomes(&later)), (&again["digest"], outcomes(&again)));
    scene.server.stop();
}

#[tokio::test]
async fn what_does_not_hold_is_refused_by_its_documented_code() {
    let scene = Scene::new().await;
    let client = scene.client("a.json");
    client.act("enrol", json!({}));
    let before = scene.facts().await;

    client.act("write", json!({ "steps": [["note", { "text": "x" }]] }));
    let tampered = client.act("tampered", json!({}));
    let refused = |number: u64, code: &str| json!([number, "refused", code, false]);
    assert_eq!(outcomes(&tampered), [refused(1, "check_mismatch")]);

    client.act("write", json!({ "steps": [["closed", {}]] }));
    let denied = client.act("sync", json!({}));
    assert_eq!(outcomes(&denied)[1], refused(2, "not_your_role"));
    assert_eq!(scene.facts().await, before);
    assert_eq!(held_by(&denied), before);

    // Written on top of a refused command: in, and in a change of the server's.
    client.act("write", json!({ "steps": [["closed", {}]] }));
    client.act("write", json!({ "steps": [["note", { "text": "留言" }]] }));
    let rewritten = client.act("sync", json!({}));
    let expected = [refused(3, "not_your_role"), json!([4, "rewritten", null, false])];
    assert_eq!(outcomes(&rewritten)[2..], expected);
    assert_eq!(held_by(&rewritten), scene.facts().await);
    assert_eq!(rewritten["repaired"], json!([]));
    scene.server.stop();
}

#[tokio::test]
async fn two_implementations_write_to_one_order_offline_and_end_with_the_same_heads() {
    let scene = Scene::new().await;
    let order = RecordId::from_str(&scene.record).expect("a record");
    let client = scene.client("a.json");
    client.act("enrol", json!({}));
    let phone = scene.phone().await;
    phone.enrol(&scene.code(scene.desk), "pad", None).await.expect("enrols");
    phone.sync(100).await.expect("syncs");

    for round in 0..2 {
        client.act("visit", json!({}));
        client.act(
            "write",
            json!({ "steps": [["note", { "text": "甲" }], ["note", { "text": "乙" }]] }),
        );
        for text in ["丙", "丁"] {
            let note = json!({ "command": "note", "text": format!("{text}{round}") });
            let note = serde_json::from_value(note).expect("a command");
            phone.perform(&note, Some(order)).await.expect("allowed");
        }
        client.act("sync", json!({}));
        phone.sync(100).await.expect("syncs");
        let told = client.act("sync", json!({}));
        let changes = phone.accepted_changes(order).await.expect("reads");
        let document = Document::from_changes(order, &changes).expect("Automerge takes them");
        let digest = heads_digest(&document.heads().into_iter().collect());
        assert_eq!(told["digest"], HEXLOWER.encode(&digest), "round {round}");
        let facts = document.facts().expect("its facts");
        let json = |fact: &StoredFact| serde_json::from_str::<Value>(&fact.json).expect("JSON");
        let facts = facts.iter().map(|fact| (fact.key.to_string(), json(fact)));
        assert_eq!(told["facts"], Value::Object(facts.collect()), "round {round}");
        assert_eq!(held_by(&told), scene.facts().await, "round {round}");
        assert_eq!(told["facts"].as_object().map(|facts| facts.len()), Some(10 + round * 7));
        assert_eq!(told["repaired"], json!([]));
    }
    phone.close().await;
    scene.server.stop();
}

#[tokio::test]
async fn a_contact_opened_by_hand_is_the_offices() {
    let scene = Scene::new().await;
    let client = scene.client("desk.json").of(scene.code(scene.desk));
    client.act("enrol", json!({}));
    let saved = client.act("contact", json!({ "name": "李\u{301} 𠮷" }));
    let entered = client.act("sync", json!({ "order": saved["record"] }));
    assert_eq!(outcomes(&entered), [json!([1, "entered", null, false])]);
    let record = saved["record"].as_str().expect("a record");
    let read = scene.office.read(&format!("/v1/contacts/{record}")).await;
    assert!(read.to_string().contains("李\u{301} 𠮷"), "{read}");
    scene.server.stop();
}

/// Type and payload of facts by key.
type Facts = BTreeMap<String, (Value, Value)>;
type Keys = BTreeSet<String>;

/// A server with a desk that opened and dispatched an order, and the worker it named.
struct Scene {
    folder: TempDir,
    installation: Installation,
    server: Server,
    office: Office,
    desk: u32,
    worker: u32,
    record: String,
}

impl Scene {
    async fn new() -> Self {
        static BUILT: OnceLock<Built> = OnceLock::new();
        let built = BUILT.get_or_init(Built::now);
        let folder = tempfile::tempdir().expect("a folder");
        let installation = Installation::make(&built.fieldbook, folder.path());
        let desk = installation.person("陈静", Some("chen"), "front_desk");
        let worker = installation.person("王师傅", None, "technician");
        let server = installation.serve();
        let mut office = Office::sign_in(&server.url, "chen").await;
        let record = super::dispatched(&mut office, worker).await;
        Self { folder, installation, server, office, desk, worker, record }
    }

    fn code(&self, person: u32) -> String {
        self.installation.enrolment_code(person)
    }

    fn client(&self, store: &str) -> Client {
        Client {
            given: json!({
                "store": self.folder.path().join(store), "url": self.server.url, "site": SITE,
                "order": self.record, "code": self.code(self.worker),
                "installation": self.installation.fingerprint,
            }),
        }
    }

    /// A phone of this code, with the machine's clock, as an app has it.
    async fn phone(&self) -> Replica {
        let randomness = Arc::new(SystemRandomness);
        let clock = Arc::new(SystemClock::new(randomness.as_ref()));
        let phone = Replica::open(ReplicaOptions {
            path: self.folder.path().join("phone.db"),
            key: StoreKey::new([7; 32]),
            server_url: self.server.url.clone(),
            app_version: "foreign-test/1".to_owned(),
            clock,
            randomness,
            hooks: Arc::new(NoHooks),
            transport: Arc::new(HttpTransport::new().expect("a transport")),
        });
        phone.await.expect("opens")
    }

    async fn order(&self) -> Value {
        self.office.read(&format!("/v1/work-orders/{}", self.record)).await
    }

    /// The types of what a device wrote, in causal order.
    async fn written_by(&self, device: &Value) -> Vec<String> {
        let order = self.order().await;
        let types = super::written(&order, device).map(|entry| entry["fact_type"].as_str());
        types.map(|name| name.expect("a type").to_owned()).collect()
    }

    /// The office's facts and their frontier, as a client tells them.
    async fn facts(&self) -> (Facts, Keys) {
        let order = self.order().await;
        let review = &order["review"];
        let timeline = review["timeline"].as_array().expect("a timeline");
        let facts = timeline.iter().map(|entry| {
            let key = entry["key"].as_str().expect("a key").to_owned();
            (key, (entry["fact_type"].clone(), members(&entry["content"])))
        });
        (facts.collect(), keys(&review["frontier"]))
    }
}

/// The second client: its store and what it needs to know.
struct Client {
    given: Value,
}

impl Client {
    /// Another person's.
    fn of(mut self, code: String) -> Self {
        self.given["code"] = json!(code);
        self
    }

    /// One act in a process of its own; what the client then holds.
    fn act(&self, act: &str, more: Value) -> Value {
        let mut given = self.given.clone();
        for (name, value) in more.as_object().expect("members") {
            given[name] = value.clone();
        }
        let mut child = python()
            .arg(script("acts.py"))
            .arg(act)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("the second client does not run: {error}"));
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(given.to_string().as_bytes()).expect("it reads what it is given");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "acts.py {act}: {told}");
        serde_json::from_slice(&output.stdout).expect("one line of JSON")
    }
}

/// A Python with the packages of `requirements.txt`, installed once.
fn python() -> Command {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let python = INSTALLED.get_or_init(|| {
        let output = Command::new(script("install")).output().expect("bash runs");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}");
        root().join("target/second_client/bin/python")
    });
    let mut command = Command::new(python);
    command.env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The facts that a client holds, and their frontier.
fn held_by(told: &Value) -> (Facts, Keys) {
    let facts = told["facts"].as_object().expect("facts by key").iter();
    let facts = facts.map(|(key, fact)| (key.clone(), (fact["t"].clone(), members(&fact["p"]))));
    (facts.collect(), keys(&told["frontier"]))
}

/// Keys, whose order in a frontier says nothing.
fn keys(listed: &Value) -> Keys {
    let listed = listed.as_array().expect("a list").iter();
    listed.map(|key| key.as_str().expect("a key").to_owned()).collect()
}

/// A payload without members may be left out.
fn members(payload: &Value) -> Value {
    if payload.is_null() { json!({}) } else { payload.clone() }
}

/// Number, outcome, code and "already had" of each command.
fn outcomes(told: &Value) -> Vec<Value> {
    let commands = told["commands"].as_array().expect("a list").iter();
    let told = ["number", "outcome", "code", "had"];
    commands.map(|command| told.iter().map(|name| command[*name].clone()).collect()).collect()
}

/// A command without a receipt.
fn unsent(number: u64) -> Value {
    json!([number, null, null, null])
}

fn script(name: &str) -> PathBuf {
    root().join("tests/foreign/second_client").join(name)
}

fn page() -> PathBuf {
    root().join("docs/protocol.md")
}
