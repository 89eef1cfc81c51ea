//! Every command of an administrator leaves its row in the audit log. The commands come from the
//! command line's own description: one that is not in the table fails.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory as _;

use super::Cli;
use super::tests::{Terminal, contact};
use crate::db::Database;

/// What a command leaves behind.
enum Leaves {
    /// A row of this act, seen by typing the rest after the command.
    Row(&'static str, &'static str),
    /// A row of this act by the same call as the API's, whose test sees it.
    RowAsTheApi(&'static str),
    /// Nothing, and why.
    Nothing(&'static str),
}
use Leaves::{Nothing, Row, RowAsTheApi};

const LOOK: &str = "a look at the machine itself, where the database can be read anyway";
const NO_DATABASE: &str = "touches no installation";

const TABLE: [(&str, Leaves); 37] = [
    ("init", Row("installation_made", "")),
    ("serve", Nothing("what is done through it has rows of its own")),
    ("backup", Row("backup_made", "{backup}")),
    ("check", Nothing(LOOK)),
    ("verify", Nothing(NO_DATABASE)),
    ("openapi", Nothing(NO_DATABASE)),
    ("demo", Nothing(NO_DATABASE)),
    ("demo-phone", Nothing(NO_DATABASE)),
    ("admin person add", Row("person_added", "李强")),
    ("admin person list", Nothing(LOOK)),
    ("admin person disable", Row("person_disabled", "2")),
    ("admin person password", Row("password_set", "1")),
    ("admin role grant", Row("role_granted", "1 quality 7")),
    ("admin role end", Row("role_ended", "1 quality 7")),
    ("admin site add", Row("site_added", "江畔里")),
    ("admin site list", Nothing(LOOK)),
    ("admin unit add", Row("unit_added", "7 3-2-1501")),
    ("admin unit list", Nothing(LOOK)),
    ("admin device list", Nothing(LOOK)),
    ("admin device lock", Row("device_locked", "{device}")),
    ("admin device unlock", Row("device_unlocked", "{device}")),
    ("admin device lost", Row("device_lost", "{device}")),
    ("admin device found", Row("device_found", "{device}")),
    ("admin device revoke", Row("device_revoked", "{device}")),
    ("admin enrol", Row("enrolment_code_made", "1")),
    ("admin sign-in-link", Row("sign_in_link_made", "1")),
    ("admin policy show", Nothing(LOOK)),
    ("admin policy set", Row("policy_changed", "7 no_answer_wait_ms=240000")),
    ("admin roster-import", Row("roster_imported", "{roster} --site 7")),
    ("admin import", Row("sheet_imported", "buildings {buildings} --site 7")),
    ("admin export", Row("sheet_exported", "people --site 7")),
    ("admin hand-in", RowAsTheApi("work_handed_in")),
    ("admin keys fingerprint", Nothing("what phones show to everybody")),
    ("admin keys rotate-token", Row("token_key_rotated", "")),
    ("admin purge", Row("record_purged", "{contact} --reason asked-by-letter")),
    ("admin retention", Nothing("a dry run; what the job purges has rows")),
    ("admin audit", Nothing(LOOK)),
];

/// The commands that do something, by the words they are typed with.
fn commands(command: &clap::Command, before: &str, found: &mut BTreeSet<String>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let words = format!("{before} {}", sub.get_name()).trim().to_owned();
        if sub.get_subcommands().next().is_some() {
            commands(sub, &words, found);
        } else {
            found.insert(words);
        }
    }
}

#[test]
fn every_command_says_what_it_leaves_behind() {
    let mut typed = BTreeSet::new();
    commands(&Cli::command(), "", &mut typed);
    let table: BTreeSet<String> = TABLE.iter().map(|(words, _)| (*words).to_owned()).collect();
    let unknown: Vec<_> = typed.difference(&table).collect();
    assert!(unknown.is_empty(), "say in the table what these leave behind: {unknown:?}");
    let gone: Vec<_> = table.difference(&typed).collect();
    assert!(gone.is_empty(), "no such command any more: {gone:?}");
    for (words, leaves) in &TABLE {
        let (Nothing(says) | Row(says, _) | RowAsTheApi(says)) = leaves;
        assert!(!says.is_empty(), "{words}");
    }
}

async fn rows(terminal: &Terminal, act: &str) -> i64 {
    let path = terminal.path("fieldbook.db");
    if !Path::new(&path).exists() {
        return 0;
    }
    let db = Database::open(Path::new(&path)).await.expect("opens");
    let count = sqlx::query_scalar("select count(*) from audit where act = ?")
        .bind(act)
        .fetch_one(db.reader())
        .await
        .expect("counts");
    db.close().await;
    count
}

/// A phone of the administrator.
async fn phone(terminal: &Terminal) -> String {
    let db = Database::open(Path::new(&terminal.path("fieldbook.db"))).await.expect("opens");
    let mut conn = db.begin_write().await.expect("begins");
    let device: u32 = sqlx::query_scalar(
        "insert into device (person, name, public_key, enrolled_ms) values (1, 'x', ?, 0)
         returning device",
    )
    .bind(vec![9_u8; 32])
    .fetch_one(&mut *conn)
    .await
    .expect("inserted");
    conn.commit().await.expect("commits");
    db.close().await;
    device.to_string()
}

#[tokio::test]
async fn every_command_of_an_administrator_leaves_its_row() {
    let terminal = Terminal::new();
    let (mut device, mut erased) = (String::new(), String::new());
    for (words, leaves) in &TABLE {
        let Row(act, rest) = leaves else { continue };
        let before = rows(&terminal, act).await;
        if *words == "init" {
            terminal.init().await;
            device = phone(&terminal).await;
            erased = contact(&terminal).await.to_string();
            let roster = "date,duty,from,to,person,rank\n2026-09-22,desk,08:00,20:00,1,1\n";
            std::fs::write(terminal.path("roster.csv"), roster).expect("written");
            let buildings = "code,name,group\n4,四号楼,\n";
            std::fs::write(terminal.path("buildings.csv"), buildings).expect("written");
        } else {
            let rest = rest
                .replace("{device}", &device)
                .replace("{contact}", &erased)
                .replace("{backup}", &terminal.path("copy.db"))
                .replace("{roster}", &terminal.path("roster.csv"))
                .replace("{buildings}", &terminal.path("buildings.csv"));
            let typed = format!("{words} {rest}");
            let done = terminal.types(typed.trim(), "battery staple\n").await;
            done.unwrap_or_else(|error| panic!("{typed}: {error}"));
        }
        assert_eq!(rows(&terminal, act).await - before, 1, "{words} leaves a row of {act}");
    }
}
