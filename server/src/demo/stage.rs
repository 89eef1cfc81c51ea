//! The demo's stage: an invented site in a temporary folder, its server on a loopback port, its
//! office, and the phones as processes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use sync_core::environment::{Clock as _, NoHooks, Randomness};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{PersonId, RecordId, SiteId};
use sync_core::model::session::SessionRows;
use sync_core::rules::Review;
use sync_core::texts::Language;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::office::Office;
use super::phone::Phone;
use super::phone_process::{PhoneSetup, Request, ScriptedClock};
use super::script::{CHEN, FENG, MINUTE_MS, PEOPLE, SITE_NAME, SeededRandomness, moment_ms, units};
use crate::config::Config;
use crate::db::Database;
use crate::keys::Keys;
use crate::people::grant::NewGrant;
use crate::people::{directory, enrolment, grant, install, office, password, place};
use crate::{App, AppOptions, Error, Result, http, jobs};

/// The one site.
pub(super) const SITE: SiteId = SiteId(7);

/// How long the code and the link at the end of the demo are good.
const OPEN_MS: i64 = 3_600_000;

/// Everything that runs.
pub(super) struct Stage {
    pub(super) language: Language,
    pub(super) app: App,
    pub(super) url: String,
    /// Staff by the order of the script.
    pub(super) people: Vec<PersonId>,
    pub(super) names: BTreeMap<PersonId, String>,
    pub(super) password: String,
    clock: Arc<ScriptedClock>,
    pub(super) randomness: Arc<dyn Randomness>,
    pub(super) office: Office,
    folder: tempfile::TempDir,
    end: oneshot::Sender<()>,
    served: JoinHandle<Result<()>>,
    seed: u64,
}

impl Stage {
    /// Builds the site and starts its server.
    pub(super) async fn build(language: Language, seed: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Two days before: what is still open on the demo's day has begun by then.
        let begin_ms = moment_ms(-2, 10, 30);
        let clock = Arc::new(ScriptedClock::new(begin_ms, 0, (0, begin_ms - MINUTE_MS)));
        let randomness: Arc<dyn Randomness> = Arc::new(SeededRandomness::new(seed));
        let keys_folder = folder.path().join("keys");
        let keys = Keys::create(&keys_folder, randomness.as_ref(), clock.wall_ms())?;
        let database = folder.path().join("fieldbook.db");
        let db = Database::open(&database).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = App::start(AppOptions {
            db,
            keys,
            clock: clock.clone(),
            randomness: randomness.clone(),
            hooks: Arc::new(NoHooks),
            config: Config {
                database,
                keys: keys_folder,
                listen: listener.local_addr()?,
                public_url: url.clone(),
                ..Config::default()
            },
        });
        let password = new_password(randomness.as_ref());
        let (people, names) = settle(&app, language, randomness.as_ref(), &password).await?;
        let (end, ended) = oneshot::channel();
        let shutdown = async move {
            // Dropped or sent: both end the server.
            let _either = ended.await;
        };
        let served = tokio::spawn(http::serve(app.clone(), listener, shutdown));
        Ok(Self {
            language,
            office: Office::new(&app),
            app,
            url,
            people,
            names,
            password,
            clock,
            randomness,
            folder,
            end,
            served,
            seed,
        })
    }

    /// Scripted time.
    pub(super) fn now_ms(&self) -> i64 {
        self.clock.wall_ms()
    }

    /// Moves time on.
    pub(super) fn advance_ms(&self, ms: i64) {
        self.clock.set(self.now_ms() + ms);
    }

    /// Lets time pass until so late on the demo's day, or on one before it, and does what falls due
    /// with nobody looking.
    pub(super) async fn until(&self, day: i64, hour: i64, minute: i64) -> Result<()> {
        let at_ms = moment_ms(day, hour, minute);
        if at_ms < self.now_ms() {
            return Err(Error::Broken("the demo's time goes forward"));
        }
        self.clock.set(at_ms);
        self.jobs().await
    }

    /// Does what is due by now.
    pub(super) async fn jobs(&self) -> Result<()> {
        let ran = jobs::run_due(&self.app, self.app.now_ms()).await?;
        if ran.failed > 0 { Err(Error::Broken("a job of the demo failed")) } else { Ok(()) }
    }

    /// One of two texts.
    pub(super) fn pick<'a>(&self, chinese: &'a str, english: &'a str) -> &'a str {
        match self.language {
            Language::ZhCn => chinese,
            Language::En => english,
        }
    }

    /// The name of the person at `index` of the script.
    pub(super) fn name(&self, index: usize) -> &str {
        self.names.get(&self.people[index]).map_or("", String::as_str)
    }

    /// A record as the server has it.
    pub(super) async fn read(
        &self,
        record: RecordId,
    ) -> Result<(Vec<StoredFact>, SessionRows, Review)> {
        let read = self.app.sync.read(record).await?;
        read.ok_or(Error::Broken("a record of the demo is there"))
    }

    /// How a record stands on the server.
    pub(super) async fn review(&self, record: RecordId) -> Result<Review> {
        Ok(self.read(record).await?.2)
    }

    /// A phone process for the person at `index` of the script, enrolled by a one-time code.
    pub(super) async fn phone(&self, index: usize, wall_offset_ms: i64) -> Result<(Phone, u32)> {
        let person = self.people[index];
        let mut transaction = self.app.db.begin_write().await?;
        let act = self.app.act();
        let life_ms = 3_600_000;
        let code =
            enrolment::invite(&mut transaction, act, person, life_ms, self.randomness.as_ref())
                .await?;
        transaction.commit().await?;
        let mut phone = Phone::start(PhoneSetup {
            store: self.folder.path().join(format!("phone-{index}.db")),
            server_url: self.url.clone(),
            seed: self.seed + 100 + index as u64,
            now_ms: self.now_ms(),
            wall_offset_ms,
            boot: u8::try_from(index).unwrap_or(u8::MAX),
            booted_ms: self.now_ms() - MINUTE_MS,
        })?;
        let enrol = Request::Enrol { code: code.shown(), device_name: "demo".to_owned() };
        phone.ask(&enrol).await?;
        let (device,): (u32,) = sqlx::query_as("select max(device) from device where person = ?")
            .bind(person.0)
            .fetch_one(self.app.db.reader())
            .await?;
        Ok((phone, device))
    }

    /// Lets time run on, starts the jobs, and writes what a phone in a second terminal begins with;
    /// answers its folder and a one-time link into the office.
    pub(super) async fn serve_on(&self) -> Result<(std::path::PathBuf, String)> {
        self.clock.run_on();
        // The day's rounds are there before anybody looks.
        jobs::run_due(&self.app, self.app.now_ms()).await?;
        self.app.start_jobs().await;
        let officer = self.people[FENG];
        let (act, randomness) = (self.app.act(), self.randomness.as_ref());
        let mut transaction = self.app.db.begin_write().await?;
        let code =
            enrolment::invite(&mut transaction, act, officer, OPEN_MS, randomness).await?.shown();
        let clerk = self.people[CHEN];
        let link = office::sign_in_link(&mut transaction, act, clerk, OPEN_MS, randomness).await?;
        transaction.commit().await?;
        let folder = self.folder.path().join("officer");
        std::fs::create_dir_all(&folder)?;
        let given = json!({ "server_url": self.url, "code": code, "device_name": "terminal",
            "language": self.language.tag() });
        std::fs::write(folder.join("demo.json"), given.to_string())?;
        Ok((folder, format!("{}/office/link/{link}", self.url)))
    }

    /// Ends the server and removes the folder.
    pub(super) async fn strike(self) -> Result<()> {
        drop(self.end);
        let served = self.served.await;
        self.app.stop().await;
        self.folder.close()?;
        served.map_err(|_| crate::Error::Broken("the server's task ended badly"))?
    }
}

type Settled = (Vec<PersonId>, BTreeMap<PersonId, String>);

/// People and places, in one transaction.
async fn settle(
    app: &App,
    language: Language,
    randomness: &dyn Randomness,
    desk_password: &str,
) -> Result<Settled> {
    let hash = password::hash(desk_password.to_owned(), randomness).await?;
    let act = app.act();
    let pick = |pair: (&'static str, &'static str)| match language {
        Language::ZhCn => pair.0,
        Language::En => pair.1,
    };
    let mut transaction = app.db.begin_write().await?;
    install(&mut transaction, act).await?;
    place::add_site(&mut transaction, act, Some(SITE), pick(SITE_NAME)).await?;
    for (building, unit) in units() {
        place::add_unit(&mut transaction, act, SITE, &unit, &building).await?;
    }
    let mut people = Vec::with_capacity(PEOPLE.len());
    let mut names = BTreeMap::new();
    for (chinese, english, login, role) in PEOPLE {
        let name = pick((chinese, english));
        let person = directory::add(&mut transaction, act, name, login).await?;
        if login.is_some() {
            directory::set_password(&mut transaction, act, person, &hash).await?;
        }
        let new =
            NewGrant { person, role, site: SITE, from_ms: 0, to_ms: None, on_behalf_of: None };
        grant::grant(&mut transaction, act, &new).await?;
        names.insert(person, name.to_owned());
        people.push(person);
    }
    app.sync.settle(&mut transaction).await?;
    transaction.commit().await?;
    Ok((people, names))
}

fn new_password(randomness: &dyn Randomness) -> String {
    let mut bytes = [0; 10];
    randomness.fill(&mut bytes);
    data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase()
}

/// The step of a work order or visit as a command.
pub(super) fn step(fact_type: &str, content: Value) -> Value {
    let fact = if content.is_null() {
        json!({ "t": fact_type })
    } else {
        json!({ "t": fact_type, "p": content })
    };
    json!({ "command": "record", "fact": fact })
}

/// What the story says is what the server holds.
pub(super) fn ensure(holds: bool, what: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Broken(what)) }
}
