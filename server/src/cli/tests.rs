//! The command as it is typed, with what it prints.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use clap::Parser as _;

use sync_core::environment::NoHooks;
use sync_core::model::id::{PersonId, RecordId};

use super::{Cli, Outside, run};
use crate::captured;
use crate::config::Config;
use crate::db::Database;
use crate::keys::Keys;
use crate::people::office;
use crate::sync::OfficeWrite;
use crate::testing::{FixedClock, START_MS, Seeded};
use crate::{App, AppOptions, Result};

/// An installation's folder, and a terminal.
pub(super) struct Terminal {
    folder: tempfile::TempDir,
    clock: Arc<FixedClock>,
    randomness: Arc<Seeded>,
}

impl Terminal {
    pub(super) fn new() -> Self {
        captured::listen();
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            clock: FixedClock::new(),
            randomness: Arc::new(Seeded::new(1)),
        }
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("Unicode").to_owned()
    }

    /// Types a command with something on standard input.
    pub(super) async fn types(&self, command: &str, input: &str) -> Result<String> {
        let variables = [("DATABASE", self.path("fieldbook.db")), ("KEYS", self.path("keys"))];
        let words = std::iter::once("fieldbook").chain(command.split(' '));
        let cli = Cli::try_parse_from(words).expect("parses");
        let mut out = Vec::new();
        let outside = Outside {
            out: &mut out,
            input: &mut input.as_bytes(),
            variables: variables.map(|(n, v)| (format!("FIELDBOOK_{n}"), v)).to_vec(),
            clock: self.clock.clone(),
            randomness: self.randomness.clone(),
        };
        if input.len() > 8 {
            captured::secret(input.trim_end());
        }
        run(cli, outside).await?;
        Ok(String::from_utf8(out).expect("text"))
    }

    pub(super) async fn says(&self, command: &str) -> String {
        self.types(command, "").await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn refuses(&self, command: &str) -> String {
        self.types(command, "").await.expect_err(command).to_string()
    }

    pub(super) async fn init(&self) -> String {
        let init = "init --site 云栖花园 --site-number 7 --admin 管理员 --login root";
        self.types(init, "correct horse\n").await.expect("made")
    }
}

#[tokio::test]
async fn init_makes_an_installation_once_and_says_what_to_keep() {
    let terminal = Terminal::new();
    let init = "init --site x --admin y --login z";
    assert_eq!(
        terminal.refuses(init).await,
        "configuration: a password on standard input or in FIELDBOOK_PASSWORD is needed"
    );
    let short = terminal.types(init, "short\n").await.expect_err("too short").to_string();
    assert_eq!(short, "configuration: a password has 10 characters or more");
    assert!(!Path::new(&terminal.path("keys")).exists(), "nothing is left of what failed");
    let said = terminal.init().await;
    let fingerprint = terminal.says("admin keys fingerprint").await;
    assert!(said.starts_with(&format!("installation {fingerprint}")), "{said}");
    assert!(said.contains("Keep a copy of the keys' folder somewhere else"), "{said}");
    let mode = std::fs::metadata(terminal.path("fieldbook.db")).expect("there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let again = terminal.types(init, "correct horse\n").await.expect_err("once").to_string();
    assert!(again.ends_with("fieldbook.db is there already"), "{again}");
    assert_eq!(
        terminal.says("admin person list").await,
        "person  name  login  state  roles\n1       管理员   root          admin@7\n"
    );
}

#[tokio::test]
async fn without_an_installation_every_command_says_what_to_do() {
    let terminal = Terminal::new();
    let missing = "fieldbook.db is not there: `fieldbook init` makes an installation";
    assert!(terminal.refuses("admin person list").await.ends_with(missing));
    assert!(terminal.refuses("backup x").await.ends_with(missing));
    let no_keys = terminal.refuses("check").await;
    assert!(no_keys.contains("`fieldbook init` makes the keys"), "{no_keys}");
    assert!(!Path::new(&terminal.path("fieldbook.db")).exists(), "asking makes no database");
}

#[tokio::test]
async fn a_sign_in_link_is_made_at_the_machine_for_someone_who_is_there() {
    let cli = Terminal::new();
    cli.init().await;
    let said = cli.says("admin sign-in-link 1").await;
    let (link, rest) = said.split_once('\n').expect("two lines");
    let token = link.strip_prefix("http://127.0.0.1:8080/office/link/").expect("a link");
    assert_eq!((token.len(), rest), (43, "good once, for 10 minutes\n"));
    assert!(cli.says("admin sign-in-link 1 --minutes 30").await.contains("30 minutes"));
    cli.refuses("admin sign-in-link 99").await;
}

#[tokio::test]
async fn people_roles_sites_and_units_are_administered() {
    let terminal = Terminal::new();
    terminal.init().await;
    assert_eq!(terminal.says("admin person add 王建国").await, "person 2\n");
    assert_eq!(terminal.says("admin person add 陈静 --login chen").await, "person 3\n");
    let taken = terminal.refuses("admin person add 陈 --login chen").await;
    assert_eq!(taken, "configuration: Already exists");
    assert_eq!(terminal.says("admin role grant 2 technician 7").await, "grant 2\n");
    let deputy = "admin role grant 3 front_desk 7 --to 2027-01-01T00:00:00+08:00 --on-behalf-of 1";
    assert_eq!(terminal.says(deputy).await, "grant 3\n");
    assert_eq!(terminal.refuses("admin role grant 9 quality 7").await, "configuration: Not found");
    assert_eq!(terminal.says("admin role end 2 technician 7").await, "1 ended\n");
    assert_eq!(terminal.refuses("admin role end 2 technician 7").await, "configuration: Not found");
    let password = terminal.types("admin person password 3", "battery staple\n").await;
    assert_eq!(password.expect("set"), "person 3 has a new password\n");
    assert_eq!(terminal.says("admin person disable 2").await, "person 2 is disabled\n");
    assert_eq!(
        terminal.says("admin person list").await,
        "person  name  login  state     roles\n\
         1       管理员   root             admin@7\n\
         2       王建国          disabled\n\
         3       陈静    chen             front_desk@7\n"
    );
    assert_eq!(terminal.says("admin site add 江畔里 --number 9").await, "site 9\n");
    assert_eq!(
        terminal.says("admin site list").await,
        "site  name\n7     云栖花园\n9     江畔里\n"
    );
    let unit = terminal.says("admin unit add 7 3-2-1501").await;
    assert_eq!(unit, "unit 3-2-1501 in building 3\n");
    let units = terminal.says("admin unit list 7").await;
    assert_eq!(units, "unit      building\n3-2-1501  3\n");
}

/// R0.7, R0.8
#[tokio::test]
async fn a_policy_gets_a_new_version_or_stays() {
    let terminal = Terminal::new();
    terminal.init().await;
    let set = terminal.says("admin policy set 7 no_answer_wait_ms=240000 service_grade=1").await;
    let set: serde_json::Value = serde_json::from_str(&set).expect("JSON");
    assert_eq!((&set["version"], &set["no_answer_wait_ms"]), (&2.into(), &240_000.into()));
    let refused = terminal.refuses("admin policy set 7 no_answer_wait=1").await;
    assert!(refused.ends_with("what no_answer_wait"), "{refused}");
    let shown = terminal.says("admin policy show 7").await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), set);
}

#[tokio::test]
async fn a_roster_is_imported_or_every_problem_of_it_is_named() {
    let terminal = Terminal::new();
    terminal.init().await;
    terminal.says("admin person add 李强").await;
    terminal.says("admin role grant 2 security 7").await;
    let head = "date,duty,from,to,person,rank\n2026-09-22,security,08:00,20:00,2,1\n";
    std::fs::write(terminal.path("bad.csv"), format!("{head}2026-09-23,gate,8,20:00,2,1\n"))
        .expect("written");
    std::fs::write(terminal.path("good.csv"), head).expect("written");
    let import = |name: &str| format!("admin roster-import {} --site 7", terminal.path(name));
    let cli = Cli::try_parse_from(["fieldbook", "admin", "roster-import", "x"]);
    assert!(cli.is_err(), "the site is asked for");
    assert_eq!(
        terminal.refuses(&import("bad.csv")).await,
        "configuration: 2 problems; nothing was imported"
    );
    let dry = terminal.says(&(import("good.csv") + " --dry-run")).await;
    assert_eq!(dry, "1 rows of 1 dates\nwould be added 1, removed 0, unchanged 0\n");
    let real = terminal.says(&import("good.csv")).await;
    assert_eq!(real, "1 rows of 1 dates\nadded 1, removed 0, unchanged 0\n");
    let again = terminal.says(&import("good.csv")).await;
    assert_eq!(again, "1 rows of 1 dates\nadded 0, removed 0, unchanged 1\n");
    let other = import("good.csv").replace("--site 7", "--site 9");
    assert_eq!(terminal.refuses(&other).await, "configuration: Not found");
    assert!(terminal.refuses(&import("none.csv")).await.starts_with("io"), "no such file");
}

#[tokio::test]
async fn tables_are_imported_and_exported_or_every_problem_of_them_is_named() {
    let terminal = Terminal::new();
    terminal.init().await;
    let write =
        |name: &str, text: &str| std::fs::write(terminal.path(name), text).expect("written");
    write("buildings.csv", "code,name,group\n3,三号楼,2\n");
    write("bad.csv", "code,name,group\n3,三号楼,x\n,四号楼,\n");
    let import =
        |table: &str, name: &str| format!("admin import {table} {} --site 7", terminal.path(name));
    assert_eq!(
        terminal.refuses(&import("buildings", "bad.csv")).await,
        "configuration: 2 problems; nothing was imported"
    );
    let dry = terminal.says(&(import("buildings", "buildings.csv") + " --dry-run")).await;
    let would = "1 rows of buildings\nwould be added 1, changed 0, removed 0, unchanged 0\n";
    assert_eq!(dry, would);
    let real = terminal.says(&import("buildings", "buildings.csv")).await;
    assert_eq!(real, "1 rows of buildings\nadded 1, changed 0, removed 0, unchanged 0\n");
    let exported = terminal.says("admin export buildings --site 7").await;
    assert_eq!(exported, "\u{feff}site,code,name,group\n7,3,三号楼,2\n");
    let file = terminal.path("out.csv");
    assert_eq!(terminal.says(&format!("admin export buildings --site 7 --to {file}")).await, "");
    let again = terminal.says(&import("buildings", "out.csv")).await;
    assert_eq!(again, "1 rows of buildings\nadded 0, changed 0, removed 0, unchanged 1\n");
    let other = import("buildings", "out.csv").replace("--site 7", "--site 9");
    assert_eq!(terminal.refuses(&other).await, "configuration: Not found");
}

#[tokio::test]
async fn contacts_are_imported_in_somebodys_name_whom_the_rules_let() {
    let terminal = Terminal::new();
    terminal.init().await;
    terminal.says("admin unit add 7 3-2-1501").await;
    terminal.says("admin person add 王建国").await;
    let grant = "admin role grant 2 technician 7 --group 2 --department engineering";
    assert_eq!(terminal.says(grant).await, "grant 2\n");
    let sheet = "unit,name,phones\n3-2-1501,示例甲,000-5550-0101\n";
    std::fs::write(terminal.path("contacts.csv"), sheet).expect("written");
    let import = format!("admin import contacts {} --site 7", terminal.path("contacts.csv"));
    let nobody = terminal.refuses(&import).await;
    assert_eq!(nobody, "configuration: --by says in whose name");
    assert_eq!(terminal.refuses(&(import.clone() + " --by 9")).await, "configuration: Not found");
    let denied = terminal.refuses(&(import.clone() + " --by 2")).await;
    assert!(denied.contains("not_your_role"), "{denied}");
    let dry = terminal.says(&(import.clone() + " --by 1 --dry-run")).await;
    assert!(dry.ends_with("would be added 1, changed 0, removed 0, unchanged 0\n"), "{dry}");
    let said = terminal.says(&(import.clone() + " --by 1")).await;
    assert_eq!(said, "1 rows of contacts\nadded 1, changed 0, removed 0, unchanged 0\n");
    let again = terminal.says(&(import + " --by 1")).await;
    assert_eq!(again, "1 rows of contacts\nadded 0, changed 0, removed 0, unchanged 1\n");
    let exported = terminal.says("admin export contacts --site 7").await;
    let head = "\u{feff}unit,name,phones,relation\n";
    assert_eq!(exported, format!("{head}3-2-1501,示例甲,000-5550-0101,\n"));
    let people = terminal.says("admin export people --site 7").await;
    assert!(
        people.contains("2,王建国,,technician,7,2,engineering,2026-09-21T22:13:20"),
        "{people}"
    );
    assert_eq!(terminal.says("check").await, "1 records checked, 0 findings\n");
}

#[tokio::test]
async fn prices_are_proposed_in_the_name_of_whoever_prices_them() {
    let terminal = Terminal::new();
    terminal.init().await;
    terminal.says("admin person add 吴经理").await;
    terminal.says("admin role grant 2 operations_manager 7").await;
    let sheet = "item,unit,price,service,from\n日常保洁,小时,45,household,2026-12-01\n";
    std::fs::write(terminal.path("prices.csv"), sheet).expect("written");
    let import = format!("admin import prices {} --site 7", terminal.path("prices.csv"));
    assert_eq!(terminal.refuses(&import).await, "configuration: --by says in whose name");
    let said = terminal.says(&(import.clone() + " --by 2")).await;
    assert_eq!(said, "1 rows of prices\nadded 1, changed 0, removed 0, unchanged 0\n");
    let again = terminal.says(&(import + " --by 2")).await;
    assert_eq!(again, "1 rows of prices\nadded 0, changed 0, removed 0, unchanged 1\n");
    let exported = terminal.says("admin export prices --site 7").await;
    assert_eq!(exported, format!("\u{feff}{}", sheet.replace(",45,", ",45.00,")));
    assert_eq!(terminal.says("check").await, "1 records checked, 0 findings\n");
}

#[tokio::test]
async fn an_enrolment_code_is_shown_as_text_and_picture() {
    let terminal = Terminal::new();
    terminal.init().await;
    let said = terminal.says("admin enrol 1 --hours 1").await;
    let code = said.lines().find_map(|line| line.strip_prefix("code         ")).expect("a code");
    assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
    assert!(said.ends_with("One phone of person 1, until 2026-09-21T15:13:20.000Z.\n"), "{said}");
    let picture: Vec<&str> = said.lines().take_while(|line| !line.starts_with("server")).collect();
    let widths: Vec<usize> = picture.iter().map(|line| line.chars().count()).collect();
    assert!(widths.len() > 20 && widths.iter().all(|width| *width == widths[0]), "{widths:?}");
    assert_eq!(terminal.refuses("admin enrol 99").await, "configuration: Not found");
    let listed = terminal.says("admin device list").await;
    assert_eq!(listed, "device  person  name  last contact  unsent  state\n");
    assert_eq!(terminal.refuses("admin device revoke 9").await, "configuration: Not found");
}

#[tokio::test]
async fn a_backup_is_whole_its_owners_and_replaces_nothing() {
    let terminal = Terminal::new();
    terminal.init().await;
    terminal.says("admin person add 王建国").await;
    let copy = terminal.path("copy.db");
    let said = terminal.says(&format!("backup {copy}")).await;
    assert!(said.starts_with(&copy), "{said}");
    let mode = std::fs::metadata(&copy).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!Path::new(&format!("{copy}.part")).exists());
    assert!(said.contains("ledger is not in it: restore with the latest."), "{said}");
    let refused = terminal.refuses(&format!("backup {copy}")).await;
    assert!(refused.ends_with("copy.db is there already"), "{refused}");
    let list = terminal.says("admin person list").await;
    let of_copy = terminal.says(&format!("admin person list --database {copy}")).await;
    assert_eq!(of_copy, list);
}

#[tokio::test]
async fn check_finds_a_good_database_good_and_a_damaged_one_damaged() {
    let terminal = Terminal::new();
    terminal.init().await;
    assert_eq!(terminal.says("check").await, "0 records checked, 0 findings\n");
    // A row that refers to nothing: foreign keys are off for whoever writes past the server.
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(terminal.path("fieldbook.db"))
        .foreign_keys(false);
    let mut conn =
        <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.expect("opens");
    sqlx::query("insert into unit (site, unit, building) values (99, 'x', 'y')")
        .execute(&mut conn)
        .await
        .expect("inserts");
    drop(conn);
    let refused = terminal.refuses("check").await;
    assert_eq!(refused, "configuration: the database is not what it should be");
}

#[tokio::test]
async fn rotating_the_token_key_names_the_new_one() {
    let terminal = Terminal::new();
    terminal.init().await;
    let said = terminal.says("admin keys rotate-token").await;
    assert!(said.ends_with(": keep a copy, then restart the server\n"), "{said}");
}

#[tokio::test]
async fn the_description_is_printed() {
    let terminal = Terminal::new();
    let said = terminal.says("openapi").await;
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["openapi"], "3.1.0");
}

#[test]
fn a_password_is_no_argument_of_any_command() {
    use clap::CommandFactory as _;
    fn arguments(command: &clap::Command, found: &mut Vec<String>) {
        found.extend(command.get_arguments().map(|argument| argument.get_id().to_string()));
        command.get_subcommands().for_each(|command| arguments(command, found));
    }
    let mut found = Vec::new();
    arguments(&Cli::command(), &mut found);
    assert!(found.contains(&"login".to_owned()));
    assert!(!found.iter().any(|name| name.contains("password")), "{found:?}");
    Cli::command().debug_assert();
}

/// A contact of site 7, written by the administrator as a member of the desk.
pub(super) async fn contact(terminal: &Terminal) -> RecordId {
    terminal.says("admin role grant 1 front_desk 7").await;
    let path = terminal.path("fieldbook.db");
    let db = Database::open(Path::new(&path)).await.expect("opens");
    let mut conn = db.begin_write().await.expect("begins");
    let seat = office::open(&mut conn, START_MS, PersonId(1), &Seeded::new(7)).await;
    conn.commit().await.expect("commits");
    let seat = seat.expect("opened").0;
    let config = Config { keys: terminal.path("keys").into(), ..Config::default() };
    let app = App::start(AppOptions {
        db,
        keys: Keys::open(&config.keys).expect("keys"),
        clock: terminal.clock.clone(),
        randomness: terminal.randomness.clone(),
        hooks: Arc::new(NoHooks),
        config,
    });
    let contact = serde_json::json!({ "command": "create_contact", "site": 7, "name": "欧阳女士",
        "salt": "x", "phones": [] });
    let (person, device, session) = (seat.person, seat.device, seat.session);
    let command = serde_json::from_value(contact).expect("a command");
    let write = OfficeWrite { person, device, session, record: None, command };
    let written = app.sync.office(write).await.expect("written");
    app.stop().await;
    written.record
}

#[tokio::test]
async fn a_contact_is_erased_on_demand_and_the_audit_log_says_by_which_words() {
    let terminal = Terminal::new();
    let said = terminal.init().await;
    assert!(said.contains(&format!("ledger       {}\n", terminal.path("ledger"))), "{said}");
    let record = contact(&terminal).await;
    assert!(Cli::try_parse_from(["fieldbook", "admin", "purge", "x"]).is_err(), "no reason");
    let cli = Cli::try_parse_from(["fieldbook", "admin", "retention"]);
    assert!(cli.is_err(), "only a dry run is typed");
    let nothing = terminal.says("admin retention --dry-run").await;
    assert!(nothing.ends_with("0 would be purged; nothing was\n"), "{nothing}");
    let later = terminal.says("admin retention --dry-run --at 2029-01-01T00:00:00Z").await;
    let row = format!("{record}  7     contact  contact_kept_days  2028-09-20T14:13:20.000Z\n");
    assert!(later.contains(&row) && later.ends_with("1 would be purged; nothing was\n"), "{later}");
    let purge = format!("admin purge {record} --reason asked-by-letter");
    let said = terminal.says(&purge).await;
    assert!(said.starts_with(&format!("{record} is purged")), "{said}");
    let again = terminal.refuses(&purge).await;
    assert!(again.ends_with("or it was purged"), "{again}");
    let audit = terminal.says("admin audit --act record_purged").await;
    let [_, line] = &audit.lines().collect::<Vec<_>>()[..] else { panic!("{audit}") };
    assert!(line.contains("2026-09-21T14:13:20.000Z  -       record_purged"), "{line}");
    for member in ["\"rule\":\"asked\"", "\"reason\":\"asked-by-letter\"", &record.to_string()] {
        assert!(line.contains(member), "{line}");
    }
    let all = terminal.says("admin audit --last 2").await;
    assert_eq!(all.lines().count(), 3, "a head and two lines: {all}");
    // One entry is the purge's; without the ledger nothing goes on.
    let ledger = std::fs::read_to_string(terminal.path("ledger/ledger.jsonl")).expect("reads");
    assert_eq!(ledger.matches("\"entry\":\"purged\"").count(), 1);
    std::fs::remove_file(terminal.path("ledger/ledger.jsonl")).expect("removed");
    let refused = terminal.refuses(&purge).await;
    assert!(refused.contains("bring back your latest copy of the ledger"), "{refused}");
}

/// R0.29
#[tokio::test]
async fn a_restored_copy_gives_no_number_again() {
    let terminal = Terminal::new();
    terminal.init().await;
    let add = "admin person add";
    assert_eq!(terminal.says(&format!("{add} A")).await, "person 2\n");
    let copy = terminal.path("copy.db");
    terminal.says(&format!("backup {copy}")).await;
    let file = std::fs::read(terminal.path("fieldbook.db")).expect("reads");
    assert_eq!(terminal.says(&format!("{add} B")).await, "person 3\n");
    assert_eq!(terminal.says(&format!("{add} C")).await, "person 4\n");
    // The very file put back: what was given stands beside the ledger.
    std::fs::write(terminal.path("fieldbook.db"), &file).expect("writes");
    assert_eq!(terminal.says(&format!("{add} D")).await, "person 5\n");
    // Put back together with what stood beside the ledger then, or without it: above the block.
    std::fs::write(terminal.path("fieldbook.db"), &file).expect("writes");
    std::fs::remove_file(terminal.path("ledger/given.json")).expect("removes");
    assert_eq!(terminal.says(&format!("{add} E")).await, "person 1001\n");
    // A copy made by `backup` goes on above the block by itself, here the second one.
    std::fs::copy(&copy, terminal.path("fieldbook.db")).expect("copies");
    let ledger = std::fs::read_to_string(terminal.path("ledger/ledger.jsonl")).expect("reads");
    assert_eq!(ledger.matches("\"to\":2000").count(), 1);
    std::fs::remove_file(terminal.path("ledger/given.json")).expect("removes");
    assert_eq!(terminal.says(&format!("{add} F")).await, "person 2001\n");
}
