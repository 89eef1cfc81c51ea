//! The stage: a server in a temporary folder on a loopback port, its people, and the office as
//! someone who sends JSON.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use fieldbook_server::config::Config;
use fieldbook_server::db::Database;
use fieldbook_server::keys::Keys;
use fieldbook_server::people::grant::NewGrant;
use fieldbook_server::people::{directory, enrolment, grant, install, password, place};
use fieldbook_server::{App, AppOptions, http};
use fieldbook_tests::captured;
use serde_json::{Value, json};
use sync_core::environment::NoHooks;
use sync_core::model::id::{ChangeHash, DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::person::Role;
use sync_core::replica::http::HttpTransport;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::phone::{DeviceClock, Phone, Seeded};

/// The site of every test.
pub const SITE: SiteId = SiteId(7);
/// A site that has nothing to do with it.
const ELSEWHERE: SiteId = SiteId(8);
const PASSWORD: &str = "correct horse";
/// 2026-11-25T08:30:00+08:00
pub const START_MS: i64 = 1_795_566_600_000;
pub const MINUTE_MS: i64 = 60_000;

pub struct Stage {
    pub app: App,
    /// Wang and Li, technicians.
    pub wang: PersonId,
    pub li: PersonId,
    /// Chen and Sun of the desk, signing in as `chen` and `sun`; Chen carries a phone too.
    pub chen: PersonId,
    pub sun: PersonId,
    true_ms: Arc<AtomicI64>,
    /// The server's address.
    pub url: String,
    folder: tempfile::TempDir,
    phones: AtomicU64,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    lives: u64,
}

impl Stage {
    pub async fn new() -> Self {
        captured::listen();
        let folder = tempfile::tempdir().expect("a folder");
        let true_ms = Arc::new(AtomicI64::new(START_MS));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let listen = listener.local_addr().expect("an address");
        let url = format!("http://{listen}");
        let app = app(folder.path(), &url, &true_ms, 0).await;
        let people = settle(&app).await;
        let serving = Some(serve(&app, listener));
        let [wang, li, chen, sun] = people;
        let phones = AtomicU64::new(0);
        let lives = 1;
        Self { app, wang, li, chen, sun, true_ms, url, folder, phones, serving, lives }
    }

    /// A copy of the database as of now.
    pub async fn backup(&self) -> PathBuf {
        let path = self.folder.path().join(format!("backup-{}.db", self.now_ms()));
        let text = path.to_str().expect("Unicode");
        let mut conn = self.app.db.reader().acquire().await.expect("a connection");
        sqlx::query("vacuum into ?").bind(text).execute(&mut *conn).await.expect("copies");
        path
    }

    /// A backup takes the database's place, and the server starts anew on it.
    pub async fn restore(&mut self, backup: &Path) {
        self.stop().await;
        let file = self.folder.path().join("fieldbook.db");
        for beside in ["fieldbook.db-wal", "fieldbook.db-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(beside));
        }
        std::fs::copy(backup, file).expect("copies");
        self.start().await;
    }

    async fn stop(&mut self) {
        let (end, ended) = self.serving.take().expect("serves");
        end.send(()).expect("listens");
        ended.await.expect("ends well");
        self.app.stop().await;
    }

    async fn start(&mut self) {
        self.app = app(self.folder.path(), &self.url, &self.true_ms, self.lives).await;
        self.lives += 1;
        let listener = TcpListener::bind(self.app.config.listen).await.expect("the same port");
        // As `serve` does, before anybody is served.
        self.app.sync.carry_out_ledger().await.expect("carries out");
        self.serving = Some(serve(&self.app, listener));
    }

    /// Another process on the same database, as `fieldbook admin` is.
    pub async fn another_process(&self) -> App {
        app(self.folder.path(), &self.url, &self.true_ms, 50).await
    }

    /// A phone on a copy of another's store, with a boot of its own.
    pub async fn phone_from(&self, saved: &[u8], device: u32) -> Phone {
        let number = self.phones.fetch_add(1, Ordering::SeqCst);
        let path = self.folder.path().join(format!("phone-{number}.db"));
        std::fs::write(&path, saved).expect("writes");
        let mut phone = Phone::new(path, &self.url, &self.true_ms, 100 + number).await;
        for _ in 0..=number {
            phone.clock.reboot();
        }
        phone.device = device;
        phone
    }

    /// One more person with a role at the site.
    pub async fn person(&self, name: &str, role: Role) -> PersonId {
        let act = self.app.act();
        let mut conn = self.app.db.begin_write().await.expect("begins");
        captured::secret(name);
        let person = directory::add(&mut conn, act, name, None).await.expect("added");
        let new =
            NewGrant { person, role, site: SITE, from_ms: 0, to_ms: None, on_behalf_of: None };
        grant::grant(&mut conn, act, &new).await.expect("granted");
        self.app.sync.settle(&mut conn).await.expect("settles");
        conn.commit().await.expect("commits");
        person
    }

    /// A record as the server reviews it.
    pub async fn review(&self, record: RecordId) -> Value {
        let read = self.app.sync.read(record).await.expect("reads").expect("is there");
        serde_json::to_value(read.2).expect("writes")
    }

    /// Lets time pass for everyone.
    pub fn pass_ms(&self, ms: i64) {
        self.true_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn now_ms(&self) -> i64 {
        self.true_ms.load(Ordering::SeqCst)
    }

    /// A phone of someone, enrolled by a one-time code and synced once.
    pub async fn phone(&self, person: PersonId) -> Phone {
        let phone = self.phone_over(person, &self.url).await;
        phone.sync().await;
        phone
    }

    /// An enrolled phone that has not synced yet and reaches the server at `url`.
    pub async fn phone_over(&self, person: PersonId, url: &str) -> Phone {
        let code = self.code(person).await;
        let number = self.phones.fetch_add(1, Ordering::SeqCst);
        let path = self.folder.path().join(format!("phone-{number}.db"));
        let mut phone = Phone::new(path, url, &self.true_ms, 100 + number).await;
        let enrolled = phone.replica.enrol(&code, "Redmi", None).await.expect("enrols");
        assert_eq!(enrolled, person);
        phone.device = device_of(&phone).await;
        phone
    }

    /// A one-time code for someone.
    pub async fn code(&self, person: PersonId) -> String {
        let mut transaction = self.app.db.begin_write().await.expect("begins");
        let (act, randomness) = (self.app.act(), self.app.randomness.as_ref());
        let code = enrolment::invite(&mut transaction, act, person, 3_600_000, randomness).await;
        transaction.commit().await.expect("commits");
        let code = code.expect("a code").shown();
        captured::secret(&code);
        code
    }

    /// Enrols someone on a phone that somebody had before.
    pub async fn enrol_on(&self, phone: &mut Phone, person: PersonId) {
        let code = self.code(person).await;
        let enrolled = phone.replica.enrol(&code, "Redmi", None).await.expect("enrols");
        assert_eq!(enrolled, person);
        phone.device = device_of(phone).await;
    }

    /// What the server knows of a device's work: saved, accepted, held, refused, still there.
    pub async fn account(&self, device: u32) -> [u64; 5] {
        let account = self.app.sync.account(DeviceId(device)).await.expect("reads");
        [account.saved, account.accepted, account.held, account.refused, account.on_phone()]
    }

    /// Signs in to the office.
    pub async fn office(&self, login: &str) -> Office {
        // Sets TLS up for the process, which a client of its own needs too.
        HttpTransport::new().expect("a transport");
        let client = reqwest::Client::new();
        let body = json!({ "login": login, "password": PASSWORD });
        let request = client.post(format!("{}/v1/office/sign-in", self.url));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.expect("answers");
        assert_eq!(answer.status().as_u16(), 200);
        let cookie = answer.headers()["set-cookie"].to_str().expect("a text");
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        let body: Value = read(answer).await.1;
        let csrf = body["csrf_token"].as_str().expect("a token").to_owned();
        captured::secret(cookie.split('=').nth(1).expect("a secret"));
        captured::secret(&csrf);
        Office { client, url: self.url.clone(), login: login.to_owned(), cookie, csrf, keys: 0 }
    }

    /// The stored accepted heads.
    pub async fn heads(&self, record: RecordId) -> Vec<ChangeHash> {
        let (heads,): (Vec<u8>,) = sqlx::query_as("select heads from record where record = ?")
            .bind(record.0.to_vec())
            .fetch_one(self.app.db.reader())
            .await
            .expect("reads");
        let hashes = heads.chunks_exact(32).map(|hash| hash.try_into().expect("32 bytes"));
        hashes.map(ChangeHash).collect()
    }

    /// Equal heads and equal reviews on these phones, on the server and in its API's answer, and
    /// documents rebuilt by Automerge that have those heads. Answers the review.
    pub async fn all_equal(&self, office: &Office, phones: &[&Phone], record: RecordId) -> Value {
        let answer = office.read(record).await;
        let there = &answer["review"];
        for (index, phone) in phones.iter().enumerate() {
            assert_eq!(phone.heads(record).await, self.heads(record).await, "phone {index}");
            let here = phone.review(record).await;
            assert_eq!(&here, there, "phone {index}");
        }
        let checked = self.app.sync.check().await.expect("checks");
        assert_eq!(checked.mismatches, []);
        there.clone()
    }
}

/// The server's process, in one of its lives.
async fn app(folder: &Path, url: &str, true_ms: &Arc<AtomicI64>, life: u64) -> App {
    let listen = url.trim_start_matches("http://").parse().expect("an address");
    // The keys stay, its actor is another one in each life.
    let keys = Keys::generate(Seeded::new(1).as_ref(), START_MS);
    App::start(AppOptions {
        db: Database::open(&folder.join("fieldbook.db")).await.expect("opens"),
        keys,
        clock: Arc::new(DeviceClock::new(Arc::clone(true_ms))),
        randomness: Seeded::new(10_000 + life),
        hooks: Arc::new(NoHooks),
        config: Config {
            listen,
            public_url: url.to_owned(),
            ledger: Some(folder.join("ledger")),
            ..Config::default()
        },
    })
}

/// Ends when it is told to, or with the test's runtime.
fn serve(app: &App, listener: TcpListener) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (end, ended) = oneshot::channel();
    let app = app.clone();
    let serving = tokio::spawn(async move {
        let ended = async {
            // Dropped with the stage: then the runtime ends it.
            if ended.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        http::serve(app, listener, ended).await.expect("serves");
    });
    (end, serving)
}

async fn device_of(phone: &Phone) -> u32 {
    phone.replica.enrolment().await.expect("reads").expect("is enrolled").device.0
}

async fn settle(app: &App) -> [PersonId; 4] {
    let hash = password::hash(PASSWORD.to_owned(), app.randomness.as_ref()).await.expect("hashed");
    captured::secret(PASSWORD);
    let act = app.act();
    let mut conn = app.db.begin_write().await.expect("begins");
    install(&mut conn, act).await.expect("installs");
    for (site, name) in [(SITE, "云栖苑"), (ELSEWHERE, "听涛阁")] {
        place::add_site(&mut conn, act, Some(site), name).await.expect("added");
    }
    place::add_unit(&mut conn, act, SITE, "2-1-302", "2").await.expect("added");
    let mut people = Vec::new();
    for (name, login, role, site) in [
        ("王师傅", None, Role::Technician, SITE),
        ("李师傅", None, Role::Technician, SITE),
        ("陈静", Some("chen"), Role::FrontDesk, SITE),
        ("孙悦", Some("sun"), Role::FrontDesk, SITE),
        ("管理员", Some("root"), Role::Admin, SITE),
        ("周敏", Some("zhou"), Role::FrontDesk, ELSEWHERE),
    ] {
        captured::secret(name);
        let person = directory::add(&mut conn, act, name, login).await.expect("added");
        let new = NewGrant { person, role, site, from_ms: 0, to_ms: None, on_behalf_of: None };
        grant::grant(&mut conn, act, &new).await.expect("granted");
        if login.is_some() {
            directory::set_password(&mut conn, act, person, &hash).await.expect("set");
        }
        people.push(person);
    }
    conn.commit().await.expect("commits");
    [people[0], people[1], people[2], people[3]]
}

/// Someone signed in to the office.
pub struct Office {
    client: reqwest::Client,
    url: String,
    login: String,
    cookie: String,
    csrf: String,
    keys: u64,
}

impl Office {
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.client.get(format!("{}{path}", self.url));
        read(request.header("cookie", &self.cookie).send().await.expect("answers")).await
    }

    /// Posts under a key of its own.
    pub async fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        self.keys += 1;
        let key = format!("{}-{}", self.login, self.keys);
        self.post_as(path, &key, body).await
    }

    /// Posts under this key.
    pub async fn post_as(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.url));
        let request = request
            .header("cookie", &self.cookie)
            .header("x-csrf-token", &self.csrf)
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(body.to_string());
        read(request.send().await.expect("answers")).await
    }

    /// Posts something that is not refused.
    pub async fn must(&mut self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, &body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// Writes a command to a work order.
    pub async fn order(&mut self, record: RecordId, what: &str, body: Value) -> Value {
        self.must(&format!("/v1/work-orders/{record}/{what}"), body).await
    }

    /// A work order, dispatched to someone.
    pub async fn dispatch(&mut self, person: PersonId, description: &str) -> RecordId {
        let order = json!({ "site": SITE, "category": "household", "unit": "2-1-302",
            "description": description, "priority": "urgent" });
        let answer = self.must("/v1/work-orders", order).await;
        let record = answer["record"].as_str().expect("a text").parse().expect("a record");
        self.order(record, "dispatch", json!({})).await;
        self.order(record, "assign", json!({ "person": person })).await;
        record
    }

    /// A work order as the API shows it.
    pub async fn read(&self, record: RecordId) -> Value {
        let (status, answer) = self.get(&format!("/v1/work-orders/{record}")).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

async fn read(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.expect("reads");
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// The facts of a type in a review's timeline.
pub fn facts<'a>(review: &'a Value, fact_type: &str) -> Vec<&'a Value> {
    let timeline = review["timeline"].as_array().expect("a timeline");
    timeline.iter().filter(|entry| entry["fact_type"] == fact_type).collect()
}

/// The texts of all notes, in the review's order.
pub fn notes(review: &Value) -> Vec<&str> {
    let texts = facts(review, "note").into_iter().map(|entry| &entry["content"]["text"]);
    texts.map(|text| text.as_str().expect("a text")).collect()
}

/// The open cases of a kind.
pub fn open_cases<'a>(review: &'a Value, kind: &str) -> Vec<&'a Value> {
    let cases = review["cases"].as_array().expect("cases");
    cases.iter().filter(|case| case["kind"] == kind && case["open"] == true).collect()
}
