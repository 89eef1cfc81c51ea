//! The highest numbers given, exactly, in a small file beside the ledger. It is not the ledger's
//! word: that holds whole blocks. Where this file agrees with the database or is ahead of it, the
//! numbers go on from it; where it is behind, gone or does not read, they go on above the block.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use serde::{Deserialize, Serialize};

use super::{Ledger, Numbered};
use crate::Result;

/// The highest number given of each kind; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Of devices.
    pub device: u32,
    /// Of people.
    pub person: u32,
}

impl Given {
    /// The highest of a kind.
    pub fn of(self, numbers: Numbered) -> u32 {
        match numbers {
            Numbered::Device => self.device,
            Numbered::Person => self.person,
        }
    }

    /// Where the numbers of a kind go on, of which the database says that `given` were given and
    /// that the ledger holds a block up to `reserved`; `witness` is this file, if it reads. A
    /// database that was restored knows too little, a copied file beside it too.
    pub fn go_on(witness: Option<Self>, numbers: Numbered, given: u32, reserved: u32) -> u32 {
        match witness.map(|witness| witness.of(numbers)) {
            Some(told) if told >= given => told,
            // Nothing was ever given under a ledger.
            _ if reserved == 0 => given,
            _ => given.max(reserved),
        }
    }
}

impl Ledger {
    /// What was given, as far as the file says.
    pub fn given(&self) -> Option<Given> {
        let text = fs::read_to_string(self.folder().join(FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes it before a number is told to anybody. Not made durable: a file that a power cut
    /// takes is one that is behind.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn put_given(&self, given: Given) -> Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.folder())?;
        let part = self.folder().join(format!("{FILE}.part"));
        let text = serde_json::to_string(&given)
            .map_err(|_| crate::Error::Broken("the numbers given do not write"))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&part)?.write_all(text.as_bytes())?;
        fs::rename(&part, self.folder().join(FILE))?;
        Ok(())
    }
}

const FILE: &str = "given.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_exactly_or_above_the_block() {
        let go_on = |told: Option<u32>, given, reserved| {
            let witness = told.map(|device| Given { device, person: 0 });
            Given::go_on(witness, Numbered::Device, given, reserved)
        };
        assert_eq!(go_on(Some(12), 12, 1_000), 12, "nothing happened");
        assert_eq!(go_on(Some(13), 12, 1_000), 13, "an older database");
        assert_eq!(go_on(Some(1_001), 12, 2_000), 1_001);
        assert_eq!(go_on(Some(11), 12, 1_000), 1_000, "an older file: nobody knows");
        assert_eq!(go_on(None, 12, 1_000), 1_000, "no file: nobody knows");
        assert_eq!(go_on(None, 1_000, 1_000), 1_000, "a copy made by `backup`");
        assert_eq!(go_on(None, 12, 0), 12, "before any block");
        assert_eq!(go_on(None, 0, 0), 0);
    }

    #[test]
    fn what_was_given_is_read_as_it_was_written_and_nothing_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::at(&folder.path().join("ledger"));
        assert_eq!(ledger.given(), None);
        let given = Given { device: 13, person: 7 };
        ledger.put_given(given).expect("writes");
        assert_eq!(ledger.given(), Some(given));
        fs::write(ledger.folder().join(FILE), "{\"device\":13,\"per").expect("writes");
        assert_eq!(ledger.given(), None, "cut");
    }
}
