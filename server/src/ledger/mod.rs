//! The ledger: what must survive a restore, outside the database and its backups: what was purged,
//! which devices, people and roles were ended, which numbers were given. A database that was
//! restored carries it out again before it serves anybody. One line of canonical JSON an entry,
//! each with its own hash and that of the one before; appended and made durable, never rewritten.
//!
//! A line that does not read, or whose hash is not its own, stops whoever reads: what was purged
//! must not come back because nobody could read that it was.

mod event;
mod given;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sync_core::model::canonical;
use sync_core::model::time::WallMs;

use crate::{Error, Result};

pub use self::event::{Befell, Event, Numbered};
pub use self::given::Given;

/// The ledger of an installation. Cheap to clone; every clone writes to the same file.
#[derive(Debug, Clone)]
pub struct Ledger {
    folder: PathBuf,
    read: Arc<Mutex<Position>>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, 1 and up.
    pub n: u64,
    /// The hash of the line, hex.
    pub hash: String,
    /// What happened.
    pub event: Event,
}

/// How far a ledger was read, or is known to a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Entries.
    pub n: u64,
    /// The last one's hash; empty without any.
    pub hash: String,
    /// Bytes of whole lines; 0 where nobody has read the file.
    bytes: u64,
}

impl Position {
    /// After entry `n`, as a database remembers it.
    pub fn after(n: u64, hash: String) -> Self {
        Self { n, hash, bytes: 0 }
    }

    /// Whether both are after the same entry.
    pub fn is(&self, other: &Self) -> bool {
        (self.n, &self.hash) == (other.n, &other.hash)
    }
}

/// A line as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Line {
    n: u64,
    previous: String,
    #[serde(flatten)]
    event: Event,
}

impl Ledger {
    /// The ledger in `folder`. Nothing is read or made.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: Arc::default() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins the ledger of a new installation.
    ///
    /// # Errors
    /// If there is one already, or the folder cannot be written.
    pub fn begin(&self, at: WallMs) -> Result<Position> {
        if self.file().exists() {
            let path = self.file().display().to_string();
            return Err(Error::Configuration(format!("{path} is there already")));
        }
        self.append(Event::Begun { at })
    }

    /// Every entry after the first `n`, with the whole chain checked. A file that is not there has
    /// none.
    ///
    /// # Errors
    /// If a line is damaged; whole lines are never passed over. An end that was cut in the middle
    /// of a line is an append that was never finished, and of which nobody was told: it is moved
    /// aside.
    pub fn after(&self, n: u64) -> Result<Vec<Entry>> {
        let mut position = Position::default();
        let mut entries = self.read_on(&mut position)?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = position;
        entries.retain(|entry| entry.n > n);
        Ok(entries)
    }

    /// How far the file goes now.
    ///
    /// # Errors
    /// As [`Self::after`].
    pub fn end(&self) -> Result<Position> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_on(&mut read)?;
        Ok(read.clone())
    }

    /// Appends an entry; it is durable when this returns.
    ///
    /// # Errors
    /// If the ledger is damaged or cannot be written: then the file is as it was.
    pub fn append(&self, event: Event) -> Result<Position> {
        self.append_all(vec![event])
    }

    /// Appends entries in their order, all or none; they are durable when this returns.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_all(&self, events: Vec<Event>) -> Result<Position> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.n == 0 {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(read.n == 0)
            .mode(0o600)
            .open(self.file())?;
        // Another process may purge too, at the machine.
        file.lock()?;
        self.read_locked(&file, &mut read)?;
        let mut text = String::new();
        let (mut n, mut previous) = (read.n, read.hash.clone());
        for event in events {
            n += 1;
            let (line, hash) = Line { n, previous, event }.write()?;
            text.push_str(&line);
            previous = hash;
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Half a line would be taken for a damaged one.
            file.set_len(read.bytes)?;
            return Err(error.into());
        }
        if read.n == 0 {
            File::open(&self.folder)?.sync_all()?;
        }
        let bytes = read.bytes + text.len() as u64;
        *read = Position { n, hash: previous, bytes };
        Ok(read.clone())
    }

    fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Reads and checks what stands behind `position`, and moves it there.
    fn read_on(&self, position: &mut Position) -> Result<Vec<Entry>> {
        let file = match File::open(self.file()) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && position.n == 0 => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.into()),
        };
        // Nobody is in the middle of a line.
        file.lock()?;
        self.read_locked(&file, position)
    }

    fn read_locked(&self, mut file: &File, position: &mut Position) -> Result<Vec<Entry>> {
        let length = file.metadata()?.len();
        if length < position.bytes {
            return Err(self.damaged(position.n, "lines that were there are gone"));
        }
        file.seek(SeekFrom::Start(position.bytes))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut entries = Vec::new();
        for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
            let entry = self.entry(&line[..line.len() - 1], position)?;
            position.n = entry.n;
            position.hash.clone_from(&entry.hash);
            position.bytes += line.len() as u64;
            entries.push(entry);
        }
        if whole < bytes.len() {
            self.move_aside(position, &bytes[whole..])?;
        }
        Ok(entries)
    }

    fn entry(&self, line: &[u8], position: &Position) -> Result<Entry> {
        let n = position.n + 1;
        let text = std::str::from_utf8(line).map_err(|_| self.damaged(n, "no text"))?;
        let mut value = canonical::parse(text).map_err(|_| self.damaged(n, "no canonical JSON"))?;
        let told = value.as_object_mut().and_then(|members| members.remove("hash"));
        let hash = hash_of(&value)?;
        if told.as_ref().and_then(Value::as_str) != Some(hash.as_str()) {
            return Err(self.damaged(n, "its hash is another"));
        }
        let line: Line =
            serde_json::from_value(value).map_err(|_| self.damaged(n, "of no known form"))?;
        if line.n != n || line.previous != position.hash {
            return Err(self.damaged(n, "it does not follow the line before"));
        }
        Ok(Entry { n, hash, event: line.event })
    }

    /// An end without a line's end: written by a process that died before anything was purged on
    /// its account.
    fn move_aside(&self, position: &Position, torn: &[u8]) -> Result<()> {
        let name = format!("{FILE}.torn-{}", position.n + 1);
        tracing::error!(
            entry = position.n + 1,
            bytes = torn.len(),
            "the ledger ends in the middle of a line; what was begun there was never purged, its \
             bytes are moved to {name}"
        );
        let mut aside = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.folder.join(name))?;
        aside.write_all(torn)?;
        aside.sync_all()?;
        let file = OpenOptions::new().write(true).open(self.file())?;
        file.set_len(position.bytes)?;
        file.sync_all()?;
        Ok(())
    }

    fn damaged(&self, n: u64, why: &str) -> Error {
        Error::Configuration(format!(
            "entry {n} of the ledger {} is damaged ({why}): bring back your copy of the ledger. \
             Nothing is served without it, or what was purged or revoked could come back",
            self.file().display()
        ))
    }
}

impl Line {
    /// The line with its end, and its hash.
    fn write(&self) -> Result<(String, String)> {
        let mut value = serde_json::to_value(self).map_err(|_| UNWRITABLE)?;
        let hash = hash_of(&value)?;
        value["hash"] = Value::from(hash.as_str());
        let text = canonical::write(&value).map_err(|_| UNWRITABLE)?;
        Ok((text + "\n", hash))
    }
}

/// SHA-256 over the canonical JSON of an entry without its own hash, hex.
fn hash_of(value: &Value) -> Result<String> {
    let text = canonical::write(value).map_err(|_| UNWRITABLE)?;
    Ok(data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())))
}

const UNWRITABLE: Error = Error::Broken("an entry of the ledger does not write");
const FILE: &str = "ledger.jsonl";

#[cfg(test)]
mod tests {
    use std::fs;

    use sync_core::model::id::{RecordId, SiteId};

    use super::*;

    const AT_MS: WallMs = 1_790_000_000_000;

    fn purged(byte: u8) -> Event {
        Event::Purged {
            record: RecordId([byte; 16]),
            site: SiteId(7),
            at: AT_MS,
            sequence: 4_481,
            audiences: vec!["office".to_owned(), "user/31".to_owned()],
        }
    }

    /// A folder with a ledger of three entries.
    fn three() -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::at(&folder.path().join("ledger"));
        ledger.begin(AT_MS).expect("begun");
        ledger.append(purged(1)).expect("appended");
        ledger.append(purged(2)).expect("appended");
        (folder, ledger)
    }

    #[test]
    fn a_line_of_the_ledger_is_these_bytes() {
        let (_folder, ledger) = three();
        let text = fs::read_to_string(ledger.file()).expect("reads");
        let hashes: Vec<String> =
            ledger.after(0).expect("reads").into_iter().map(|entry| entry.hash).collect();
        let begun = r#"{"at":1790000000000,"entry":"begun","n":1,"previous":""}"#;
        assert_eq!(hashes[0], data_encoding::HEXLOWER.encode(&Sha256::digest(begun.as_bytes())));
        let (first, second) = (&hashes[0], &hashes[1]);
        let expected = [
            format!(
                r#"{{"at":1790000000000,"entry":"begun","hash":"{first}","n":1,"previous":""}}"#
            ),
            format!(
                "{}{}{}",
                r#"{"at":1790000000000,"audiences":["office","user/31"],"entry":"purged","#,
                format_args!(r#""hash":"{second}","n":2,"previous":"{first}","#),
                r#""record":"AQEBAQEBAQEBAQEBAQEBAQ","sequence":4481,"site":7}"#,
            ),
        ];
        assert_eq!(text.lines().take(2).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn entries_are_read_in_their_order_also_by_another_process_that_appends() {
        let (_folder, ledger) = three();
        let other = Ledger::at(ledger.folder());
        assert_eq!(other.append(purged(3)).expect("appended").n, 4);
        assert_eq!(ledger.append(purged(4)).expect("appended").n, 5);
        let events: Vec<Event> =
            other.after(1).expect("reads").into_iter().map(|entry| entry.event).collect();
        assert_eq!(events, [purged(1), purged(2), purged(3), purged(4)]);
        assert_eq!(other.end().expect("reads"), ledger.end().expect("reads"));
        assert_eq!(Ledger::at(&ledger.folder().join("none")).after(0).expect("reads"), []);
        assert!(ledger.begin(AT_MS).is_err(), "once");
    }

    #[test]
    fn a_damaged_line_is_told_by_its_number_and_never_passed_over() {
        let (_folder, ledger) = three();
        let whole = fs::read(ledger.file()).expect("reads");
        let ends: Vec<usize> =
            (0..whole.len()).filter(|at| whole[*at] == b'\n').map(|at| at + 1).collect();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(ledger.file(), &bytes).expect("writes");
            let fresh = Ledger::at(ledger.folder());
            let line = 1 + ends.iter().filter(|end| **end <= at).count();
            // A last line whose end is damaged looks like one that was never finished.
            if at + 1 == whole.len() {
                assert_eq!(fresh.after(0).expect("reads").len(), 2);
                continue;
            }
            let error = fresh.after(0).expect_err("damaged").to_string();
            assert!(error.contains(&format!("entry {line} of the ledger")), "{at}: {error}");
            assert!(fresh.append(purged(9)).is_err(), "nothing is appended to it");
            assert_eq!(fs::read(ledger.file()).expect("reads"), bytes);
        }
    }

    #[test]
    fn a_line_that_is_missing_in_the_middle_is_a_damaged_one() {
        let (_folder, ledger) = three();
        let text = fs::read_to_string(ledger.file()).expect("reads");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        fs::write(ledger.file(), [lines[0], lines[2]].concat()).expect("writes");
        let error = Ledger::at(ledger.folder()).after(0).expect_err("damaged").to_string();
        assert!(error.contains("entry 2"), "{error}");
        // Whoever had read on notices what is gone.
        let error = ledger.end().expect_err("shorter").to_string();
        assert!(error.contains("lines that were there are gone"), "{error}");
    }

    #[test]
    fn an_append_that_was_never_finished_is_moved_aside_and_the_next_one_stands() {
        let (_folder, ledger) = three();
        let whole = fs::read(ledger.file()).expect("reads");
        let before = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n');
        let begins = before.expect("three lines") + 1;
        for end in begins + 1..whole.len() {
            fs::write(ledger.file(), &whole[..end]).expect("writes");
            let fresh = Ledger::at(ledger.folder());
            assert_eq!(fresh.after(0).expect("reads").len(), 2, "{end}");
            assert_eq!(fs::read(ledger.file()).expect("reads"), whole[..begins]);
            assert_eq!(fresh.append(purged(2)).expect("appended").n, 3);
            assert_eq!(fs::read(ledger.file()).expect("reads"), whole);
        }
        assert!(ledger.folder().join("ledger.jsonl.torn-3").is_file(), "kept for whoever asks");
    }
}
