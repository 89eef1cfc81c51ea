//! `fieldbook-phone` as a person types it: a process a command, against a real server process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::built::{Built, root};
use super::office::Office;
use super::server::{Installation, SITE, Server};
use super::{check_account, dispatched, written};

const WORKER: &str = "王师傅 𠮷";

/// A server, the desk's order for the worker, and the worker's phone in a terminal.
pub struct Stage {
    pub folder: tempfile::TempDir,
    pub installation: Installation,
    pub server: Server,
    pub desk: Office,
    pub worker: u32,
    pub order: String,
    pub phone: Terminal,
}

impl Stage {
    pub async fn new() -> Self {
        let built = Built::now();
        let folder = tempfile::tempdir().expect("a folder");
        let installation = Installation::make(&built.fieldbook, folder.path());
        installation.person("陈静", Some("chen"), "front_desk");
        let worker = installation.person(WORKER, None, "technician");
        let server = installation.serve();
        let mut desk = Office::sign_in(&server.url, "chen").await;
        let order = dispatched(&mut desk, worker).await;
        let phone = Terminal {
            binary: built.fieldbook_phone.clone(),
            profile: folder.path().join("phone"),
        };
        Self { folder, installation, server, desk, worker, order, phone }
    }

    /// The same with the worker enrolled and the order received.
    pub async fn enrolled() -> Self {
        let stage = Self::new().await;
        let code = stage.installation.enrolment_code(stage.worker);
        stage.phone.told(&["enrol", "--server", &stage.server.url, &code]);
        stage.phone.told(&["sync"]);
        stage
    }

    /// Another person with a role at the site and a phone of their own, enrolled.
    pub fn person(&self, name: &str, role: &str) -> (u32, Terminal) {
        let person = self.installation.person(name, None, role);
        let code = self.installation.enrolment_code(person);
        let profile = self.folder.path().join(format!("phone-{person}"));
        let phone = Terminal { binary: self.phone.binary.clone(), profile };
        phone.told(&["enrol", "--server", &self.server.url, &code]);
        phone.told(&["sync"]);
        (person, phone)
    }

    /// A folder as the server's demo writes it, for a person.
    pub fn demo(&self, person: u32) -> PathBuf {
        let demo = self.folder.path().join("demo");
        std::fs::create_dir(&demo).expect("a folder");
        let given = json!({
            "server_url": self.server.url, "code": self.installation.enrolment_code(person),
            "device_name": "终端", "language": "en",
        });
        std::fs::write(demo.join("demo.json"), given.to_string()).expect("written");
        demo
    }

    /// The order as the office reads it.
    pub async fn read(&self) -> Value {
        self.desk.read(&format!("/v1/work-orders/{}", self.order)).await
    }
}

/// The program with a profile.
pub struct Terminal {
    pub binary: PathBuf,
    pub profile: PathBuf,
}

impl Terminal {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("--profile")
            .arg(&self.profile)
            .args(arguments)
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command with `--json`: its exit code and its one document.
    pub fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.command(&[&["--json"], arguments].concat()).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("it writes UTF-8");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.is_empty(), "{arguments:?}: {told}");
        let document = serde_json::from_str(&text);
        let document = document.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"));
        (output.status.code().expect("it ends by itself"), document)
    }

    /// Runs a command that has to succeed.
    pub fn told(&self, arguments: &[&str]) -> Value {
        let (code, document) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {document}");
        document
    }

    /// Runs a command that has to fail: its exit code and the error's code.
    pub fn failed(&self, arguments: &[&str]) -> (i32, String) {
        let (code, document) = self.run(arguments);
        let error = &document["error"];
        let members: Vec<&str> = keys(error);
        assert_eq!(members, ["code", "params", "text"], "{arguments:?}: {document}");
        let text = error["text"].as_str().expect("words");
        assert!(!text.is_empty() && !text.contains("error-"), "{document}");
        (code, error["code"].as_str().expect("a code").to_owned())
    }

    /// Runs a command in a demo's folder, which has to succeed: what people read.
    pub fn in_demo(&self, demo: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.binary);
        command.arg("--demo").arg(demo).args(arguments).env("LANG", "C").stdin(Stdio::null());
        let output = command.output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it writes UTF-8")
    }

    /// Runs a command without `--json`, which has to succeed: what people read.
    pub fn words(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        String::from_utf8(output.stdout).expect("it writes UTF-8")
    }
}

/// The members of an object.
pub fn keys(value: &Value) -> Vec<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// An exit code and an error's code.
pub fn failure(code: i32, name: &str) -> (i32, String) {
    (code, name.to_owned())
}

fn counts(saved: u64, on_phone: u64) -> Value {
    json!({
        "saved": saved, "accepted": saved - on_phone, "held": 0, "refused": 0, "on_phone": on_phone,
    })
}

#[tokio::test]
async fn a_visit_by_hand_is_signed_arrives_and_the_accounts_are_equal() {
    let stage = Stage::enrolled().await;
    let (phone, order) = (&stage.phone, stage.order.as_str());
    let steps: &[&[&str]] = &[
        &["received"],
        &["set_out"],
        &["ring"],
        &["introduce"],
        &["enter"],
        &["start_work"],
        &["finish_work"],
        &["tidy", "equipment_wiped=true", "floor_clean=true", "tools_counted=true"],
        &["explain", "cause=true", "care=true", "correct_use=true"],
        &["charged", "amount_fen=4500", "method=cash"],
    ];
    for step in steps {
        // The beginning of the order's name is enough: it is the only record here.
        let arguments = [&["step", step[0], &order[..6]], &step[1..]].concat();
        assert_eq!(phone.told(&arguments)["record"], order);
    }
    let statement = phone.told(&["statement", order]);
    let strokes = root().join("docs/examples/strokes.json");
    let strokes = strokes.to_str().expect("UTF-8");
    let sign = ["sign", order, "--strokes", strokes, "--relation", "owner", "--ratings", "5,4,5"];
    let dot = stage.folder.path().join("dot.json");
    std::fs::write(&dot, r#"{"width":9,"height":9,"strokes":[[[1,1]]]}"#).expect("written");
    let mut no_drawing = sign;
    let dot = dot.to_str().expect("UTF-8").to_owned();
    no_drawing[3] = &dot;
    assert_eq!(phone.failed(&no_drawing), failure(1, "not_a_drawing"));
    phone.told(&sign);
    phone.told(&["step", "farewell", order]);
    let saved = steps.len() as u64 + 2;
    assert_eq!(phone.told(&["account"]), counts(saved, saved));
    let report = phone.told(&["sync"]);
    assert_eq!((&report["pushed"], &report["refused"]), (&json!(saved), &json!(0)));
    assert_eq!(phone.told(&["account"]), counts(saved, 0));

    let read = stage.read().await;
    let whoami = phone.told(&["whoami"]);
    let types: Vec<&str> =
        written(&read, &whoami["device"]).filter_map(|entry| entry["fact_type"].as_str()).collect();
    let mut wanted: Vec<&str> = steps.iter().map(|step| step[0]).collect();
    wanted.extend(["signed", "farewell"]);
    assert_eq!(types, wanted);
    let entry = written(&read, &whoami["device"]).find(|entry| entry["fact_type"] == "signed");
    let signed = &entry.expect("signed")["content"];
    assert_eq!(signed["text_sha256"], statement["text_sha256"]);
    assert_eq!(signed["ratings"], json!({ "quality": 5, "attitude": 4, "conduct": 5 }));
    let account = phone.told(&["account"]);
    check_account(&stage.desk, &json!({ "device": whoami["device"], "account": account })).await;
    // The review of the phone is the office's: status, visits and deviations alike.
    let shown = phone.told(&["show", order])["review"].take();
    assert_eq!(shown["visits"], read["review"]["visits"]);
    assert_eq!(shown["status"], "finished");
    // After the farewell no visit is open.
    assert_eq!(phone.failed(&["step", "ring", order]), failure(1, "no_open_visit"));
    stage.server.stop();
}

#[tokio::test]
async fn a_record_of_another_kind_is_opened_and_written_by_its_forms() {
    let stage = Stage::new().await;
    let (_, phone) = stage.person("陈 前台", "front_desk");
    let kinds = phone.told(&["forms"]);
    assert!(kinds.as_array().is_some_and(|kinds| kinds.contains(&json!("complaint"))), "{kinds}");
    let half = ["open", "complaint", "subject=cleaning"];
    assert_eq!(phone.failed(&half), failure(1, "text_empty"));
    let opened = phone.told(&[&half[..], &["description=楼道没有打扫"]].concat());
    let record = opened["record"].as_str().expect("a record");
    let plan = phone.told(&["write", record, "plan_told", "text=明天补扫"]);
    let of_plan = format!("plan={}", plan["key"].as_str().expect("a key"));
    phone.told(&["write", record, "plan_accepted", &of_plan]);
    let desk = "desk=1 号前台";
    let hand_over = phone.told(&[
        "open",
        "hand_over",
        "shift=day",
        "date=2026-11-25",
        "from_person=1",
        desk,
        "shift_ends_at_ms=2026-11-25T17:00",
    ]);
    let hand_over = hand_over["record"].as_str().expect("a record");
    phone.told(&["write", hand_over, "radios_listed", "radios.0.name=1", "radios.0.present=true"]);
    assert_eq!(phone.told(&["sync"])["refused"], 0);
    let read = stage.desk.read(&format!("/v1/records/{record}")).await;
    assert_eq!(read["review"]["status"], "plan_accepted");
    let read = stage.desk.read(&format!("/v1/records/{hand_over}")).await;
    let radios = json!([{ "name": "1", "present": true }]);
    assert_eq!(read["review"]["details"]["radios"], radios);
    stage.server.stop();
}

#[tokio::test]
async fn airplane_mode_outlives_the_process_and_nothing_is_sent_until_it_is_off() {
    let stage = Stage::enrolled().await;
    let (phone, order) = (&stage.phone, stage.order.as_str());
    assert_eq!(phone.told(&["airplane", "on"]), json!({ "airplane": true }));
    phone.told(&["step", "received", order]);
    phone.told(&["note", order, "- 阀门在厨房"]);
    for _ in 0..2 {
        assert_eq!(phone.failed(&["sync"]), failure(2, "airplane"));
        assert_eq!(phone.failed(&["sync", "--watch"]), failure(2, "airplane"));
    }
    let code = stage.installation.enrolment_code(stage.worker);
    assert_eq!(phone.failed(&["enrol", &code]), failure(2, "airplane"));
    assert_eq!(phone.told(&["whoami"])["paused"], "airplane");
    assert_eq!(phone.told(&["account"]), counts(2, 2));
    let device = phone.told(&["whoami"])["device"].clone();
    assert_eq!(written(&stage.read().await, &device).count(), 0, "nothing was sent");
    assert_eq!(phone.told(&["airplane", "off"]), json!({ "airplane": false }));
    assert_eq!(phone.told(&["sync"])["pushed"], 2);
    assert_eq!(written(&stage.read().await, &device).count(), 2);
    stage.server.stop();
}

#[tokio::test]
async fn a_denied_command_exits_with_1_and_its_code_and_changes_nothing() {
    let stage = Stage::enrolled().await;
    let (phone, order) = (&stage.phone, stage.order.as_str());
    let before = phone.told(&["show", order])["review"]["timeline"].clone();
    let long = "x".repeat(1_001);
    assert_eq!(phone.failed(&["step", "closed", order]), failure(1, "not_your_role"));
    assert_eq!(phone.failed(&["note", order, &long]), failure(1, "text_too_long"));
    assert_eq!(phone.run(&["note", order, &long]).1["error"]["params"]["limit"], "1000");
    assert_eq!(phone.failed(&["set", order, "colour", "red"]), failure(1, "unknown_field"));
    let resolve = ["resolve", order, "description", "x", "--reason", "y"];
    assert_eq!(phone.failed(&resolve), failure(1, "not_in_conflict"));
    assert_eq!(phone.failed(&["perform", "{"]), failure(1, "bad_input"));
    assert_eq!(phone.failed(&["perform", "-"]), failure(1, "bad_input"));
    assert_eq!(phone.failed(&["perform", "@no/such/file"]), failure(3, "file"));
    assert_eq!(phone.failed(&["step", "no_such_step", order]), failure(1, "no_open_visit"));
    assert_eq!(phone.failed(&["show", "~"]), failure(1, "unknown_record"));
    assert_eq!(phone.failed(&["show", ""]), failure(1, "unknown_record"));
    assert_eq!(phone.failed(&["dance"]), failure(64, "usage"));
    assert_eq!(phone.failed(&[]), failure(64, "usage"));
    assert_eq!(phone.told(&["show", order])["review"]["timeline"], before);
    assert_eq!(phone.told(&["account"]), counts(0, 0));
    let code = stage.installation.enrolment_code(stage.worker);
    let other = Terminal { profile: stage.folder.path().join("other"), ..stage.phone };
    assert_eq!(other.failed(&["list"]), failure(2, "not_enrolled"));
    assert!(!other.profile.exists(), "a profile nobody enrolled in is not made");
    let wrong = ["enrol", "--server", &stage.server.url, "ABCD-EFGH-JKLM"];
    assert_eq!(other.failed(&wrong), failure(2, "wrong_code"));
    assert_eq!(other.failed(&["list"]), failure(2, "not_enrolled"));
    let url = stage.server.url.clone();
    stage.server.stop();
    assert_eq!(other.failed(&["enrol", "--server", &url, &code]), failure(2, "offline"));
}

/// R3.20
#[tokio::test]
async fn a_lead_names_the_worker_and_settles_two_values_of_the_appointment() {
    let mut stage = Stage::new().await;
    let (_, lead) = stage.person("周领班", "engineering_lead");
    let order = stage.order.clone();
    let (mine, desks) = ("2026-03-02T14:00:00+08:00", "2026-03-02T16:00:00+08:00");
    lead.told(&["airplane", "on"]);
    lead.told(&["assign", &order, &stage.worker.to_string()]);
    lead.told(&["set", &order, "appointment", mine]);
    let path = format!("/v1/work-orders/{order}/set");
    stage.desk.write(&path, &json!({ "field": "appointment", "value": desks })).await;
    lead.told(&["airplane", "off"]);
    lead.told(&["sync"]);
    lead.told(&["sync"]);
    let field = lead.told(&["show", &order])["review"]["fields"]["appointment"].take();
    assert_eq!(field["conflict"].as_array().map(Vec::len), Some(2), "{field}");
    let words = lead.words(&["--lang", "en", "show", &order]);
    for value in [mine, desks] {
        assert!(words.contains(&format!("either {value}")), "{words}");
    }
    let again = ["set", &order, "appointment", mine];
    assert_eq!(lead.failed(&again), failure(1, "field_in_conflict"));
    lead.told(&["resolve", &order, "appointment", mine, "--reason", "客户下午在家"]);
    lead.told(&["sync"]);
    assert_eq!(lead.told(&["account"])["refused"], 0);
    let field = stage.read().await["review"]["fields"]["appointment"].take();
    assert_eq!((&field["value"], field.get("conflict")), (&json!(mine), None));
    stage.server.stop();
}

#[tokio::test]
async fn two_records_that_begin_alike_need_more_of_their_names() {
    let mut stage = Stage::enrolled().await;
    let mut all = vec![stage.order.clone()];
    // Sixty-five names of sixty-four letters: two begin alike.
    while all.iter().all(|one| all.iter().filter(|other| other[..1] == one[..1]).count() < 2) {
        all.push(dispatched(&mut stage.desk, stage.worker).await);
        assert!(all.len() <= 65);
    }
    stage.phone.told(&["sync"]);
    let last = all.last().expect("one").as_str();
    let alike = all.iter().filter(|one| one[..1] == last[..1]).count();
    let (code, document) = stage.phone.run(&["show", &last[..1]]);
    assert_eq!((code, &document["error"]["code"]), (1, &json!("ambiguous_record")));
    assert_eq!(document["error"]["params"]["count"], alike.to_string());
    assert_eq!(stage.phone.told(&["show", last])["record"], last);
    assert_eq!(stage.phone.told(&["list"])["records"].as_array().map(Vec::len), Some(all.len()));
    let place = stage.phone.told(&["open-at", "3-2-1501"]);
    assert_eq!(place["records"].as_array().map(Vec::len), Some(all.len()));
    stage.server.stop();
}

#[tokio::test]
async fn an_export_holds_exactly_the_unsent_commands_and_takes_nothing_away() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::enrolled().await;
    let (phone, order) = (&stage.phone, stage.order.as_str());
    phone.told(&["step", "received", order]);
    phone.told(&["sync"]);
    let first = phone.told(&["step", "set_out", order]);
    let note = stage.folder.path().join("note.json");
    std::fs::write(&note, r#"{"command":"note","text":"第一行"}"#).expect("written");
    let second = phone.told(&["perform", "--record", order, &format!("@{}", note.display())]);
    let file = stage.folder.path().join("outbox.json");
    let name = file.to_str().expect("UTF-8");
    assert_eq!(phone.told(&["outbox", "export", name])["commands"], 2);
    let bytes = std::fs::read(&file).expect("written");
    let mode = std::fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let export: Value = serde_json::from_slice(&bytes).expect("JSON");
    let commands = export["commands"].as_array().expect("a list");
    let number = |command: &Value| (command["number"].clone(), command["record"].clone());
    let numbers: Vec<_> = commands.iter().map(number).collect();
    assert_eq!(numbers, [number(&first), number(&second)]);
    for (command, saved) in commands.iter().zip([&first, &second]) {
        let facts = command["facts"].as_array().expect("facts");
        assert_eq!((facts.len(), &facts[0]["key"]), (1, &saved["key"]));
        let session = saved["key"].as_str().expect("a key").split('.').next();
        let sessions = export["sessions"].as_array().expect("sessions");
        assert!(sessions.iter().any(|row| row["session"].as_str() == session), "{export}");
    }
    let note: Value = serde_json::from_str(commands[1]["facts"][0]["json"].as_str().expect("text"))
        .expect("canonical JSON");
    assert_eq!(note["p"]["text"], "第一行");
    phone.told(&["outbox", "export", name]);
    assert_eq!(std::fs::read(&file).expect("written"), bytes, "the same outbox, the same bytes");
    let notes = stage.folder.path().join("notes.txt");
    std::fs::write(&notes, "mine").expect("written");
    let notes = notes.to_str().expect("UTF-8");
    assert_eq!(phone.failed(&["outbox", "export", notes]), failure(1, "file_exists"));
    assert_eq!(std::fs::read_to_string(notes).expect("still there"), "mine");
    assert_eq!(phone.told(&["account"]), counts(3, 2), "nothing left the phone");
    assert_eq!(phone.told(&["sync"])["pushed"], 2);
    assert_eq!(phone.told(&["outbox"]), json!({ "on_phone": 0, "records": [] }));
    stage.server.stop();
}

#[tokio::test]
async fn a_sealed_file_brings_the_outbox_and_the_phone_keeps_its_copy() {
    let stage = Stage::enrolled().await;
    let (phone, order) = (&stage.phone, stage.order.as_str());
    phone.told(&["step", "received", order]);
    phone.told(&["step", "set_out", order]);
    let file = stage.folder.path().join("unsent.parcel");
    let name = file.to_str().expect("UTF-8");
    let told = phone.told(&["outbox", "hand-over", name]);
    let code = told["code"].as_str().expect("a code");
    let bytes = std::fs::read(&file).expect("written");
    for clear in [order, "set_out"] {
        assert!(!bytes.windows(clear.len()).any(|part| part == clear.as_bytes()), "{clear}");
    }
    assert_eq!(phone.failed(&["outbox", "hand-over", name]), failure(1, "file_exists"));
    assert_eq!(stage.installation.hand_in(name, "AAAQE-AYEAU-DAOCA-JBIFQ-YDIOB-4"), None);
    let device = phone.told(&["whoami"])["device"].clone();
    let stored = format!("person {}, device {device}: 1 to 2 are here\n", stage.worker);
    for _ in 0..2 {
        assert_eq!(stage.installation.hand_in(name, code), Some(stored.clone()));
    }
    let notes = stage.folder.path().join("notes.txt");
    std::fs::write(&notes, "mine").expect("written");
    assert_eq!(stage.installation.hand_in(notes.to_str().expect("UTF-8"), code), None);
    let read = stage.read().await;
    let timeline = read["review"]["timeline"].as_array().expect("a timeline");
    assert_eq!(timeline.iter().filter(|entry| entry["fact_type"] == "set_out").count(), 1);
    assert_eq!(phone.told(&["account"]), counts(2, 2), "the phone keeps its copy");
    phone.told(&["sync"]);
    assert_eq!(phone.told(&["account"]), counts(2, 0));
    stage.server.stop();
}

/// Every document's members, by command; what a script may rely on.
#[tokio::test]
async fn the_documents_keep_their_members() {
    let stage = Stage::enrolled().await;
    let (phone, order) = (&stage.phone, stage.order.as_str());
    phone.told(&["step", "received", order]);
    phone.told(&["step", "set_out", order]);
    let file = stage.folder.path().join("outbox.json");
    let file = file.to_str().expect("UTF-8");
    let worker = stage.worker.to_string();
    let note = json!({ "command": "note", "text": "x" }).to_string();
    let wanted: &[(&[&str], &str)] = &[
        (
            &["whoami"],
            "airplane device device_name installation paused person person_name server_url",
        ),
        (&["list"], "records"),
        (&["open-at", "3-2-1501"], "records"),
        (&["show", order], "people record review"),
        (&["perform", "--record", order, &note], "key number record"),
        (&["statement", order], "record template text text_sha256 visit"),
        (&["outbox"], "on_phone records"),
        (&["outbox", "export", file], "commands file sessions"),
        (&["airplane", "off"], "airplane"),
        (&["account"], "accepted held on_phone refused saved"),
        (&["sync"], "more pushed re_enrol received refused"),
        (&["refused"], "refused"),
        (&["waiting"], "lost waiting"),
        (&["rounds"], "rounds"),
        (&["inbox"], "items"),
        (
            &["reference"],
            "buildings checklists grants limits people policies roster sites supervisors",
        ),
    ];
    for (arguments, members) in wanted {
        assert_eq!(keys(&phone.told(arguments)).join(" "), *members, "{arguments:?}");
        let words = phone.words(&[&["--lang", "en"], *arguments].concat());
        assert!(!words.trim().is_empty(), "{arguments:?}");
        assert_ne!(phone.words(arguments), "", "{arguments:?}");
    }
    let row = phone.told(&["list"])["records"][0].take();
    assert_eq!(keys(&row), ["pending", "present", "projection", "record"]);
    assert_eq!(row["projection"]["assignee"].to_string(), worker);
    phone.told(&["note", order, "y"]);
    let waiting = phone.told(&["outbox"])["records"][0].take();
    assert_eq!(keys(&waiting), ["commands", "record"]);
    let members = ["age_ms", "code", "fact_types", "number", "saved_wall_ms", "state"];
    assert_eq!(keys(&waiting["commands"][0]), members);
    assert_eq!(waiting["commands"][0]["fact_types"], json!(["note"]));
    stage.server.stop();
}

#[tokio::test]
async fn a_second_process_on_a_profile_is_told_so_and_a_closed_pipe_is_no_panic() {
    let stage = Stage::enrolled().await;
    let phone = &stage.phone;
    // Watches until it is ended; what it prints first says that it has the profile open.
    let mut watch = phone.command(&["--json", "sync", "--watch"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = std::io::BufReader::new(watch.stdout.take().expect("a pipe"));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut lines, &mut line).expect("a line");
    assert_eq!(keys(&serde_json::from_str(&line).expect("JSON")).len(), 5, "{line}");
    assert_eq!(phone.failed(&["list"]), failure(3, "store_in_use"));
    assert_eq!(phone.failed(&["airplane", "on"]), failure(3, "store_in_use"));
    let pid = watch.id().to_string();
    super::built::answered(Command::new("kill").args(["-INT", &pid]), "kill");
    assert!(watch.wait().expect("it ends").success(), "ctrl-c ends the watch well");
    assert_eq!(phone.told(&["whoami"])["airplane"], false);

    let mut list = phone.command(&["show", &stage.order]);
    let mut list = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    drop(list.stdout.take());
    let output = list.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    private(&phone.profile);
    stage.server.stop();
}

/// The store's key and the profile are their owner's alone.
fn private(profile: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(profile), 0o700);
    assert_eq!(mode(&profile.join("store.key")), 0o600);
    assert_eq!(mode(&profile.join("profile.json")), 0o600);
}

#[tokio::test]
async fn the_demo_enrols_by_itself_works_and_says_each_line() {
    let stage = Stage::new().await;
    let demo = stage.demo(stage.worker);
    let run = |arguments: &[&str]| stage.phone.in_demo(&demo, arguments);
    let told = run(&[]);
    for line in ["enrol --server", "sync", "list --open", "note"] {
        let wanted = format!("$ fieldbook-phone --demo {} {line}", demo.display());
        assert!(told.contains(&wanted), "{line}: {told}");
    }
    assert!(told.contains("office page"), "{told}");
    let notes = |read: &Value| {
        let timeline = read["review"]["timeline"].as_array().expect("a timeline").clone();
        timeline.iter().filter(|entry| entry["fact_type"] == "note").count()
    };
    assert_eq!(notes(&stage.read().await), 1);
    // A second time it is enrolled already, and works on.
    assert!(!run(&[]).contains("enrol --server"));
    assert_eq!(notes(&stage.read().await), 2);
    assert!(run(&["whoami"]).contains(WORKER));
    // The office's count of this phone.
    let read = stage.desk.read(&format!("/v1/account?site={SITE}")).await;
    assert_eq!(read["items"].as_array().map(Vec::len), Some(1), "{read}");
    stage.server.stop();
}
