//! The command line. Parsing reads nothing but the arguments and the variables of the process.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use serde_json::json;

use crate::failure::USAGE_EXIT;
use crate::signing::SigningTask;
use crate::words::{Language, of_locale};

/// A phone in the terminal: what an app does, by hand.
#[derive(Debug, Parser)]
#[command(name = "fieldbook-phone", version)]
pub struct Arguments {
    /// The profile's folder (default: fieldbook-phone in the folder for data of programs).
    #[arg(long, global = true, value_name = "DIR")]
    pub profile: Option<PathBuf>,
    /// A folder that the server's demo wrote; without a command a minute of work is shown.
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "profile")]
    pub demo: Option<PathBuf>,
    /// Answer with one JSON document.
    #[arg(long, global = true)]
    pub json: bool,
    /// The language of the answers (default: the profile's, else that of LANG, else zh-CN).
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Language>,
    /// What to do.
    #[command(subcommand)]
    pub task: Option<Task>,
    /// What LANG asks for.
    #[arg(skip)]
    pub locale: Option<Language>,
    /// Where programs keep data.
    #[arg(skip)]
    pub data: Option<PathBuf>,
}

/// Everything a phone does.
#[derive(Debug, Clone, PartialEq, Subcommand)]
pub enum Task {
    /// Enrol the person of a one-time code on this phone.
    Enrol(Enrol),
    /// End this person's use of the phone; what it holds for them goes.
    SignOut {
        /// Whoever uses the phone next hands in what is not sent.
        #[arg(long)]
        hand_over: bool,
    },
    /// Whose phone it is, and whether it sends.
    Whoami,
    /// List the records the phone holds.
    List {
        /// Of this kind only, e.g. work_order.
        #[arg(long)]
        kind: Option<String>,
        /// Only what is neither closed nor cancelled.
        #[arg(long)]
        open: bool,
    },
    /// Everything about one record.
    Show {
        /// The record, or the beginning of its name.
        #[arg(allow_hyphen_values = true)]
        record: String,
    },
    /// What is already open at a place.
    OpenAt {
        /// The unit or place, e.g. 3-2-1501.
        place: String,
    },
    /// The rounds of a day.
    Rounds {
        /// YYYY-MM-DD (default: today).
        #[arg(long)]
        day: Option<String>,
    },
    /// One round: its checkpoints, what was found, what is odd.
    Round {
        /// The round.
        #[arg(allow_hyphen_values = true)]
        record: String,
    },
    /// Begin a round; a planned one that nobody has opened yet is opened.
    StartRound {
        /// The round.
        #[arg(allow_hyphen_values = true)]
        record: String,
    },
    /// Say that one was at a checkpoint.
    Checkpoint(Checkpoint),
    /// Say how an item of a checkpoint's list is.
    Check {
        /// The round.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The checkpoint's code.
        checkpoint: String,
        /// The item's code.
        item: String,
        /// ok, not_ok or not_applicable.
        result: String,
        /// A note.
        #[arg(long)]
        note: Option<String>,
    },
    /// Say ok of everything at a checkpoint that nothing has been said of.
    RestOk {
        /// The round.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The checkpoint's code.
        checkpoint: String,
    },
    /// Log a finding.
    Finding(Finding),
    /// Raise an alarm: it is sent at once, before everything else.
    Alarm(Alarm),
    /// What there is to know and to take on.
    Inbox {
        /// Without one it is listed.
        #[command(subcommand)]
        action: Option<InboxTask>,
    },
    /// What a kind of record asks for; without one, the kinds.
    Forms {
        /// The kind, e.g. violation.
        kind: Option<String>,
    },
    /// Open a record of a kind by its form.
    Open {
        /// The kind, e.g. violation.
        kind: String,
        /// name=value for each thing the form asks for.
        #[arg(value_name = "NAME=VALUE", allow_hyphen_values = true)]
        values: Vec<String>,
        /// The site (default: that of the person's roles, if it is one).
        #[arg(long)]
        site: Option<u32>,
    },
    /// Write a form of a record's kind: a step, or a field that has several parts.
    Write {
        /// The record.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The form, as forms lists it.
        form: String,
        /// name=value for each thing the form asks for.
        #[arg(value_name = "NAME=VALUE", allow_hyphen_values = true)]
        values: Vec<String>,
    },
    /// Perform any command, given as JSON.
    Perform {
        /// The JSON, @FILE to read it from a file, or - from standard input.
        #[arg(allow_hyphen_values = true)]
        command: String,
        /// The record; left out for a command that creates one.
        #[arg(long, allow_hyphen_values = true)]
        record: Option<String>,
    },
    /// Name who is to do it.
    Assign {
        /// The record.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The person's number.
        person: u32,
    },
    /// Write a field.
    Set {
        /// The record.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The field.
        field: String,
        /// Its value.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// End a field's conflict.
    Resolve {
        /// The record.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The field.
        field: String,
        /// The value that holds from here.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Write a note.
    Note {
        /// The record.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The text.
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
    /// Record a step of a work order or a visit.
    Step(Step),
    /// What the customer is shown before signing.
    Statement {
        /// The record.
        #[arg(allow_hyphen_values = true)]
        record: String,
        /// The visit (default: this person's newest open one).
        #[arg(long)]
        visit: Option<String>,
    },
    /// The customer signs what the statement shows.
    Sign(Sign),
    /// A signing point by point, which goes on after an interruption.
    Signing {
        /// What to do.
        #[command(subcommand)]
        action: SigningTask,
    },
    /// Bring what reads of a damaged store into a new one; the damaged file is kept.
    Salvage,
    /// Switch signal off or on again.
    Airplane {
        /// on: nothing is sent until it is switched off.
        state: Switch,
    },
    /// Send what is unsent and receive what is new.
    Sync {
        /// Go on by the schedule until ctrl-c.
        #[arg(long)]
        watch: bool,
    },
    /// Where everything is that was saved here.
    Account,
    /// What the server refused.
    Refused,
    /// What the server has and cannot decide yet.
    Waiting,
    /// Roles, names and policies as the server last sent them.
    Reference,
    /// What is only on this phone so far.
    Outbox {
        /// Without one it is listed.
        #[command(subcommand)]
        action: Option<OutboxTask>,
    },
}

/// What to do with the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum OutboxTask {
    /// Write it to a sealed file that the office reads in, and show the code that opens it.
    HandOver {
        /// The file; it must not be there yet.
        file: PathBuf,
    },
    /// Write it to a file in the clear, for one's own eyes; it stays on the phone.
    Export {
        /// The file.
        file: PathBuf,
    },
}

/// What to do with an item of the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum InboxTask {
    /// Mark it as read.
    Read {
        /// The item's key.
        key: String,
    },
    /// Take it on.
    Acknowledge {
        /// The item's key.
        key: String,
    },
    /// Answer a question.
    Answer {
        /// The item's key.
        key: String,
        /// The answer.
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
}

/// Arguments of `checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(group(ArgGroup::new("proof").required(true)))]
pub struct Checkpoint {
    /// The round.
    #[arg(allow_hyphen_values = true)]
    pub record: String,
    /// The checkpoint's code.
    pub checkpoint: String,
    /// What its QR code says.
    #[arg(long, group = "proof")]
    pub tag: Option<String>,
    /// What its NFC tag says.
    #[arg(long, group = "proof")]
    pub nfc: Option<String>,
    /// Where the phone is, in degrees, e.g. 30.2741,120.1551.
    #[arg(long, value_name = "LATITUDE,LONGITUDE", group = "proof", allow_hyphen_values = true)]
    pub at: Option<String>,
}

/// Arguments of `finding`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Finding {
    /// The round.
    #[arg(allow_hyphen_values = true)]
    pub record: String,
    /// facility, decoration, fire_safety, sanitation, public_security, harm_to_others or other.
    pub kind: String,
    /// Where.
    pub place: String,
    /// What was seen.
    #[arg(allow_hyphen_values = true)]
    pub description: String,
    /// The checkpoint it was found at.
    #[arg(long)]
    pub checkpoint: Option<String>,
    /// The item it shows.
    #[arg(long)]
    pub item: Option<String>,
    /// It was settled on the spot.
    #[arg(long)]
    pub settled: bool,
    /// The record that already stands for it (see open-at).
    #[arg(long, allow_hyphen_values = true)]
    pub known_as: Option<String>,
}

/// Arguments of `alarm`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Alarm {
    /// gas, burning or other.
    pub kind: String,
    /// Where.
    pub place: String,
    /// What was noticed.
    #[arg(allow_hyphen_values = true)]
    pub description: Option<String>,
    /// The site's number (default: that of the person's roles, if it is one).
    #[arg(long)]
    pub site: Option<u32>,
    /// The round it was noticed on.
    #[arg(long, allow_hyphen_values = true)]
    pub round: Option<String>,
}

/// Arguments of `enrol`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Enrol {
    /// The one-time code.
    pub code: String,
    /// The server's address (default: the profile's).
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The fingerprint that came with the code: another installation is then refused.
    #[arg(long, value_name = "FINGERPRINT")]
    pub installation: Option<String>,
    /// What the office calls this phone.
    #[arg(long, value_name = "NAME")]
    pub device_name: Option<String>,
}

/// Arguments of `step`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Step {
    /// The fact's type, e.g. ring.
    pub fact_type: String,
    /// The record.
    #[arg(allow_hyphen_values = true)]
    pub record: String,
    /// Its members, e.g. text=... or amount_fen=5000.
    #[arg(value_name = "NAME=VALUE")]
    pub members: Vec<String>,
    /// The visit (default: this person's newest open one).
    #[arg(long)]
    pub visit: Option<String>,
}

/// Arguments of `sign`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Sign {
    /// The record.
    #[arg(allow_hyphen_values = true)]
    pub record: String,
    /// A file with the drawing: `{"width":..,"height":..,"strokes":[[[x,y],..],..]}`.
    #[arg(long, value_name = "FILE")]
    pub strokes: PathBuf,
    /// Who signs: owner, tenant, family or other.
    #[arg(long)]
    pub relation: String,
    /// Quality, attitude and conduct, 1 to 5 each, e.g. 5,5,4.
    #[arg(long, value_name = "Q,A,C")]
    pub ratings: String,
    /// The visit (default: this person's newest open one).
    #[arg(long)]
    pub visit: Option<String>,
    /// The contact who signs.
    #[arg(long, allow_hyphen_values = true)]
    pub contact: Option<String>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// What the process was started with.
pub struct Outside {
    arguments: Vec<std::ffi::OsString>,
    locale: Option<String>,
    data: Option<PathBuf>,
}

impl Outside {
    /// Reads it.
    pub fn of_the_process() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = variable("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        Self {
            arguments: std::env::args_os().collect(),
            locale: variable("LANG").map(|lang| lang.to_string_lossy().into_owned()),
            data: variable("XDG_DATA_HOME").map(PathBuf::from).or(home),
        }
    }
}

impl Arguments {
    /// The language before a profile is known.
    pub fn language(&self) -> Language {
        self.lang.or(self.locale).unwrap_or_default()
    }
}

/// Reads the command line.
///
/// # Errors
/// The exit code, after help or what is wrong has been written.
pub fn parse(outside: &Outside) -> Result<Arguments, ExitCode> {
    match Arguments::try_parse_from(&outside.arguments) {
        Ok(mut arguments) if arguments.task.is_some() || arguments.demo.is_some() => {
            arguments.locale = outside.locale.as_deref().and_then(of_locale);
            arguments.data.clone_from(&outside.data);
            Ok(arguments)
        }
        Ok(_) => Err(refuse(outside, "no command: see --help")),
        Err(error) if !error.use_stderr() => {
            // Help or the version; nobody is left to be told when the reader is gone.
            let _ = write!(std::io::stdout().lock(), "{error}");
            Err(ExitCode::SUCCESS)
        }
        Err(error) => Err(refuse(outside, &error.to_string())),
    }
}

fn refuse(outside: &Outside, text: &str) -> ExitCode {
    let text = text.trim_end();
    // Nobody is left to be told when the reader is gone.
    let _ = if outside.arguments.iter().any(|argument| argument == "--json") {
        let document = json!({ "error": { "code": "usage", "text": text, "params": {} } });
        writeln!(std::io::stdout().lock(), "{document}")
    } else {
        writeln!(std::io::stderr().lock(), "{text}")
    };
    ExitCode::from(USAGE_EXIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(arguments: &[&str]) -> Option<Task> {
        let all = ["fieldbook-phone"].iter().chain(arguments);
        Arguments::try_parse_from(all).expect("parses").task
    }

    #[test]
    fn the_command_line_is_well_formed() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_record_whose_name_begins_with_a_hyphen_is_a_record() {
        for name in ["-Abc", "--Abc", "-h-q", "-V"] {
            let named = Some(Task::Show { record: name.to_owned() });
            assert_eq!(task(&["show", "--json", "--", name]), named);
        }
        let record = "-Abcdefghijklmnopqrst2".to_owned();
        assert_eq!(task(&["show", &record]), Some(Task::Show { record: record.clone() }));
        let note = Task::Note { record: record.clone(), text: "- drip".to_owned() };
        assert_eq!(task(&["note", &record, "- drip"]), Some(note));
    }

    #[test]
    fn options_of_all_commands_stand_anywhere() {
        let all = ["fieldbook-phone", "show", "abc", "--json", "--lang", "en"];
        let parsed = Arguments::try_parse_from(all).expect("parses");
        assert!(parsed.json && parsed.lang == Some(Language::En));
        assert_eq!(parsed.task, Some(Task::Show { record: "abc".to_owned() }));
    }

    /// Splits a line as a shell does, as far as the page needs it.
    fn split(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        for (index, part) in line.split('\'').enumerate() {
            let last = words.len() - 1;
            if index % 2 == 1 {
                words[last].push_str(part);
                continue;
            }
            let mut plain = part.split(' ');
            words[last].push_str(plain.next().unwrap_or_default());
            words.extend(plain.map(str::to_owned));
        }
        words
    }

    #[test]
    fn the_page_shows_every_command_by_a_line_that_parses() {
        let page = include_str!("../../../../docs/fieldbook-phone.md");
        let lines: Vec<Vec<String>> =
            page.lines().filter(|line| line.starts_with("fieldbook-phone ")).map(split).collect();
        for line in &lines {
            let parsed = Arguments::try_parse_from(line);
            assert!(parsed.is_ok_and(|parsed| parsed.task.is_some()), "{line:?}");
        }
        let command = <Arguments as clap::CommandFactory>::command();
        for task in command.get_subcommands() {
            let shown = |words: &[&str]| {
                lines.iter().any(|line| line[1..].iter().zip(words).all(|(a, b)| a == b))
            };
            assert!(shown(&[task.get_name()]), "{} is not shown", task.get_name());
            for action in task.get_subcommands() {
                assert!(shown(&[task.get_name(), action.get_name()]), "{}", action.get_name());
            }
        }
    }

    #[test]
    fn a_step_takes_its_members_and_a_visit() {
        let step = task(&["step", "quoted", "abc", "amount_fen=5000", "--visit", "v.1.0"]);
        let wanted = Step {
            fact_type: "quoted".to_owned(),
            record: "abc".to_owned(),
            members: vec!["amount_fen=5000".to_owned()],
            visit: Some("v.1.0".to_owned()),
        };
        assert_eq!(step, Some(Task::Step(wanted)));
    }

    #[test]
    fn a_demo_and_a_profile_are_not_both_meant() {
        let all = ["fieldbook-phone", "--demo", "a", "--profile", "b", "list"];
        assert!(Arguments::try_parse_from(all).is_err());
    }
}
