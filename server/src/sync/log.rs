//! A record's change log as the server keeps it, and how its cells are written. No SQL and no
//! judgement here.

use std::collections::BTreeMap;

use minicbor::{Decoder, Encoder};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::{ChangeHash, DeviceId, FactKey, PersonId, RecordId, SessionId, SiteId};

use crate::{Error, Result};

/// Whose command: commands are numbered per (person, device).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Author {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// The command's number.
    pub number: u64,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowState {
    /// It stands in the accepted record as it is.
    Accepted,
    /// Its facts stand in a change of the server's; the row keeps none.
    Rewritten,
    /// A known command under another hash; the row keeps no facts.
    Duplicate,
    /// It waits; the guard does not look at it.
    Held,
    /// In quarantine.
    Refused,
}

impl RowState {
    /// The text in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rewritten => "rewritten",
            Self::Duplicate => "duplicate",
            Self::Held => "held",
            Self::Refused => "refused",
        }
    }

    /// Reads [`Self::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Accepted, Self::Rewritten, Self::Duplicate, Self::Held, Self::Refused]
            .into_iter()
            .find(|state| state.code() == code)
    }
}

/// The code of what the office has discarded: it stays in quarantine, and is decided.
pub const DISCARDED: &str = "discarded";

/// Why something was held or refused, with the parameters of its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Why {
    /// The stable code.
    pub code: String,
    /// Parameters: ids and numbers, and the office's reason for what it has discarded.
    pub params: BTreeMap<String, String>,
}

impl Why {
    /// A reason without parameters.
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into(), params: BTreeMap::new() }
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}

/// One row of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Its place in the order of arrival; `None` before it is stored.
    pub id: Option<i64>,
    /// What the change is called.
    pub hash: ChangeHash,
    /// The session that made it.
    pub actor: SessionId,
    /// Its number among the actor's changes in the record.
    pub seq: u64,
    /// Its first operation.
    pub start_op: u64,
    /// Its last operation.
    pub max_op: u64,
    /// The changes it was made on.
    pub deps: Vec<ChangeHash>,
    /// Whose command it is; `None` for a change in which the server puts others' commands.
    pub author: Option<Author>,
    /// What became of it.
    pub state: RowState,
    /// Why, if it is held or refused.
    pub why: Option<Why>,
    /// The site's sequence when accepted.
    pub sequence: Option<u64>,
    /// What it puts; empty where another row has the facts.
    pub facts: Vec<StoredFact>,
}

/// One record as stored: what a decision starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordState {
    /// The record.
    pub record: RecordId,
    /// Raised by every write; 0 is "not stored yet".
    pub version: u64,
    /// Where it belongs, once something opened it.
    pub site: Option<SiteId>,
    /// Its kind, once something opened it.
    pub kind: Option<String>,
    /// Where it belonged, if it was purged: then nothing else is here, and never will be.
    pub purged: Option<SiteId>,
    /// Accepted heads, sorted; empty stands for the genesis alone.
    pub heads: Vec<ChangeHash>,
    /// The log in the order of arrival.
    pub rows: Vec<LogRow>,
}

impl RecordState {
    /// A record nobody has written to.
    pub fn new(record: RecordId) -> Self {
        Self {
            record,
            version: 0,
            site: None,
            kind: None,
            purged: None,
            heads: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The facts of the accepted record, in the order in which their changes were accepted.
    pub fn accepted_facts(&self) -> impl Iterator<Item = &StoredFact> {
        self.rows.iter().filter(|row| row.state == RowState::Accepted).flat_map(|row| &row.facts)
    }
}

/// Facts as one cell: a CBOR array of key and JSON in turn.
pub fn facts_to_cell(facts: &[StoredFact]) -> Vec<u8> {
    if facts.is_empty() {
        return Vec::new();
    }
    let mut cell = Vec::with_capacity(facts.iter().map(|fact| fact.json.len() + 24).sum());
    let mut encoder = Encoder::new(&mut cell);
    let written: Result<(), minicbor::encode::Error<std::convert::Infallible>> = (|| {
        encoder.array(2 * facts.len() as u64)?;
        for fact in facts {
            match fact.key {
                FactKey::Written { session, n, i } => {
                    encoder.array(3)?.bytes(&session.0)?.u64(n)?.u32(i)?;
                }
                FactKey::Derived { cause, i } => {
                    encoder.array(2)?.bytes(&cause)?.u32(i)?;
                }
            }
            encoder.str(&fact.json)?;
        }
        Ok(())
    })();
    written.expect("a vector takes every byte");
    cell
}

/// Reads [`facts_to_cell`].
///
/// # Errors
/// If the cell was not written by it.
pub fn facts_from_cell(cell: &[u8]) -> Result<Vec<StoredFact>> {
    if cell.is_empty() {
        return Ok(Vec::new());
    }
    read_facts(cell).map_err(|_| Error::Broken("a cell of facts does not read"))
}

fn read_facts(cell: &[u8]) -> Result<Vec<StoredFact>, minicbor::decode::Error> {
    let wrong = || minicbor::decode::Error::message("not a fact");
    let mut decoder = Decoder::new(cell);
    let count = decoder.array()?.ok_or_else(wrong)? / 2;
    let mut facts = Vec::new();
    for _ in 0..count {
        let key = match decoder.array()? {
            Some(3) => FactKey::Written {
                session: SessionId(decoder.bytes()?.try_into().map_err(|_| wrong())?),
                n: decoder.u64()?,
                i: decoder.u32()?,
            },
            Some(2) => FactKey::Derived {
                cause: decoder.bytes()?.try_into().map_err(|_| wrong())?,
                i: decoder.u32()?,
            },
            _ => return Err(wrong()),
        };
        facts.push(StoredFact { key, json: decoder.str()?.to_owned() });
    }
    Ok(facts)
}

/// Hashes as one cell.
pub fn hashes_to_cell(hashes: &[ChangeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads [`hashes_to_cell`].
///
/// # Errors
/// If the cell was not written by it.
pub fn hashes_from_cell(cell: &[u8]) -> Result<Vec<ChangeHash>> {
    let (hashes, rest) = cell.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(Error::Broken("a cell of hashes does not read"));
    }
    Ok(hashes.iter().map(|bytes| ChangeHash(*bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_and_hashes_come_back_from_their_cells() {
        let facts = vec![
            StoredFact {
                key: FactKey::Written { session: SessionId([7; 8]), n: 201, i: 0 },
                json: "{\"t\":\"note\"}".to_owned(),
            },
            StoredFact { key: FactKey::Derived { cause: [9; 16], i: 3 }, json: "{}".to_owned() },
        ];
        assert_eq!(facts_from_cell(&facts_to_cell(&facts)).expect("reads"), facts);
        assert_eq!(facts_from_cell(&facts_to_cell(&[])).expect("reads"), Vec::new());
        let hashes = vec![ChangeHash([1; 32]), ChangeHash([2; 32])];
        assert_eq!(hashes_from_cell(&hashes_to_cell(&hashes)).expect("reads"), hashes);
        assert!(hashes_from_cell(&[0; 33]).is_err());
        assert!(facts_from_cell(&[0x82, 0x01]).is_err());
    }
}
