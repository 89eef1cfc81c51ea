//! SQLite's pages as bytes: rows are read off them one by one, without the schema and without the
//! pages above them, so that damage in one place hides nothing elsewhere. Never writes.
//!
//! The format is <https://www.sqlite.org/fileformat2.html>. What is read here may be anything: its
//! caller believes only rows that open under the store's key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::StoreError;
use super::files::beside;
use super::log::{Log, PAGE_BYTES, is_page_size};

/// A column's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    /// No column of ours holds one.
    Real,
    Text(String),
    Blob(Vec<u8>),
}

/// A row of a table, or an entry of an index.
pub(super) struct Row {
    /// None of an entry of an index.
    pub(super) rowid: Option<i64>,
    pub(super) values: Vec<Value>,
}

/// One state of a page.
pub(super) struct Page {
    pub(super) number: u32,
    pub(super) bytes: Vec<u8>,
    /// All of it is there, and its checksum fits where it has one.
    pub(super) whole: bool,
}

/// A database with its log.
pub(super) struct Image {
    file: Option<File>,
    log: Option<File>,
    page_bytes: usize,
    /// Pages that the file holds, a cut one among them.
    file_pages: u32,
    /// Of each page its states in the log, the newest first: where, and whether sound.
    logged: BTreeMap<u32, Vec<(u64, bool)>>,
}

/// Bytes of a row at most: a message to be handed in is the largest.
const ROW_BYTES_MAX: u64 = 16 << 20;
const MAGIC: &[u8] = b"SQLite format 3\0";

impl Image {
    /// Reads what there is of a store's files.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let log_path = beside(path, "-wal");
        let log = Log::read(&log_path)?;
        let mut file = optional(File::open(path))?;
        let mut page_bytes = log.as_ref().map_or(PAGE_BYTES, |log| log.page_bytes);
        let mut length = 0;
        if let Some(file) = &mut file {
            length = file.metadata().map_err(StoreError::Files)?.len();
            let mut header = Vec::new();
            file.take(18).read_to_end(&mut header).map_err(StoreError::Files)?;
            if let Some([.., high, low]) = header.first_chunk::<18>()
                && header.starts_with(MAGIC)
            {
                let told = u32::from(u16::from_be_bytes([*high, *low]));
                let told = if told == 1 { 65_536 } else { told };
                page_bytes = if is_page_size(told) { told } else { page_bytes };
            }
        }
        let mut logged: BTreeMap<u32, Vec<(u64, bool)>> = BTreeMap::new();
        for frame in log.iter().flat_map(|log| log.committed().iter().rev()) {
            logged.entry(frame.page).or_default().push((frame.position, frame.sound));
        }
        Ok(Self {
            file,
            log: optional(File::open(log_path))?,
            page_bytes: page_bytes as usize,
            file_pages: u32::try_from(length.div_ceil(u64::from(page_bytes))).unwrap_or(u32::MAX),
            logged,
        })
    }

    /// The numbers of all pages.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let beyond = self.logged.keys().copied().filter(|page| *page > self.file_pages);
        (1..=self.file_pages).chain(beyond).collect()
    }

    /// The states of a page, the newest first. Older ones hold what has been deleted since.
    ///
    /// # Errors
    /// If the files cannot be read.
    pub(super) fn states(&mut self, number: u32) -> Result<Vec<Page>, StoreError> {
        let mut states = Vec::new();
        if let (Some(log), Some(positions)) = (&mut self.log, self.logged.get(&number)) {
            for (position, sound) in positions {
                let (bytes, whole) = read(log, *position, self.page_bytes)?;
                states.push(Page { number, bytes, whole: whole && *sound });
            }
        }
        if let Some(file) = self.file.as_mut().filter(|_| (1..=self.file_pages).contains(&number)) {
            let position = u64::from(number - 1) * self.page_bytes as u64;
            let (bytes, whole) = read(file, position, self.page_bytes)?;
            states.push(Page { number, bytes, whole });
        }
        Ok(states)
    }

    /// The row that begins at `at` of a page, if one does and `wanted` says so of its columns'
    /// serial types.
    ///
    /// # Errors
    /// If the files cannot be read.
    pub(super) fn row(
        &mut self,
        page: &Page,
        (kind, at): (Kind, usize),
        mut wanted: impl FnMut(&[u64]) -> bool,
    ) -> Result<Option<Row>, StoreError> {
        let Some(cell) = Cell::at(&page.bytes, kind, at) else { return Ok(None) };
        let local = cell.local;
        let Some((serials, _)) = serials(local).filter(|(serials, _)| wanted(serials)) else {
            return Ok(None);
        };
        let mut payload = local.to_vec();
        let mut next = cell.overflow;
        while (payload.len() as u64) < cell.bytes {
            let Some(page) = next.filter(|next| *next != 0) else { return Ok(None) };
            let Some(page) = self.states(page)?.into_iter().next() else { return Ok(None) };
            let (link, content) = page.bytes.split_at(4);
            next = link.try_into().ok().map(u32::from_be_bytes);
            let left = usize::try_from(cell.bytes).unwrap_or(usize::MAX) - payload.len();
            payload.extend_from_slice(&content[..left.min(content.len())]);
        }
        Ok(values(&payload, &serials).map(|values| Row { rowid: cell.rowid, values }))
    }
}

fn optional(opened: std::io::Result<File>) -> Result<Option<File>, StoreError> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Files(error)),
    }
}

/// So many bytes at `position`, zeros where the file has ended; whether all were there.
fn read(file: &mut File, position: u64, bytes: usize) -> Result<(Vec<u8>, bool), StoreError> {
    file.seek(SeekFrom::Start(position)).map_err(StoreError::Files)?;
    let mut page = Vec::with_capacity(bytes);
    file.take(bytes as u64).read_to_end(&mut page).map_err(StoreError::Files)?;
    let whole = page.len() == bytes;
    page.resize(bytes, 0);
    Ok((page, whole))
}

/// What a page says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows of a table.
    Table,
    /// Entries of an index.
    Index,
    /// Entries of an index between pages of it.
    IndexAbove,
}

impl Page {
    /// What it says it is, and where its rows begin; `None`: it says that it holds none.
    pub(super) fn rows(&self) -> Option<(Kind, Vec<usize>)> {
        let head = if self.number == 1 { 100 } else { 0 };
        let (kind, head_bytes) = match self.bytes.get(head)? {
            0x0d => (Kind::Table, 8),
            0x0a => (Kind::Index, 8),
            0x02 => (Kind::IndexAbove, 12),
            _ => return None,
        };
        let count = short(&self.bytes, head + 3)?;
        let pointers = (0..count).map(|index| short(&self.bytes, head + head_bytes + 2 * index));
        Some((kind, pointers.flatten().collect()))
    }

    /// It says that it is something that no page is. The page of a row's rest says nothing: it
    /// begins with the number of the next.
    pub(super) fn is_nonsense(&self) -> bool {
        let head = if self.number == 1 { 100 } else { 0 };
        !matches!(self.bytes.get(head), Some(0x00 | 0x02 | 0x05 | 0x0a | 0x0d))
    }
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_be_bytes(two)))
}

/// A row where it begins.
struct Cell<'p> {
    rowid: Option<i64>,
    bytes: u64,
    local: &'p [u8],
    overflow: Option<u32>,
}

impl<'p> Cell<'p> {
    fn at(page: &'p [u8], kind: Kind, at: usize) -> Option<Self> {
        let mut rest = page.get(at..)?;
        if kind == Kind::IndexAbove {
            rest = rest.get(4..)?;
        }
        let bytes = varint(&mut rest)?;
        let rowid = match kind {
            Kind::Table => Some(varint(&mut rest)?.cast_signed()),
            Kind::Index | Kind::IndexAbove => None,
        };
        if bytes == 0 || bytes > ROW_BYTES_MAX {
            return None;
        }
        let usable = page.len() as u64;
        let most = match kind {
            Kind::Table => usable - 35,
            Kind::Index | Kind::IndexAbove => (usable - 12) * 64 / 255 - 23,
        };
        let local = if bytes <= most {
            bytes
        } else {
            let least = (usable - 12) * 32 / 255 - 23;
            let fits = least + (bytes - least) % (usable - 4);
            if fits <= most { fits } else { least }
        };
        let (local, behind) = rest.split_at_checked(usize::try_from(local).ok()?)?;
        let overflow = behind.first_chunk::<4>().map(|four| u32::from_be_bytes(*four));
        Some(Self { rowid, bytes, local, overflow })
    }
}

/// SQLite's number of one to nine bytes.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for index in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if index == 8 {
            return Some(number << 8 | u64::from(*byte));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The serial types of a row's columns, and the bytes of its header.
fn serials(payload: &[u8]) -> Option<(Vec<u64>, usize)> {
    const COLUMNS_MAX: usize = 32;
    let mut rest = payload;
    let header = usize::try_from(varint(&mut rest)?).ok()?;
    let mut rest = payload.get(payload.len() - rest.len()..header)?;
    let mut serials = Vec::new();
    while !rest.is_empty() {
        if serials.len() == COLUMNS_MAX {
            return None;
        }
        serials.push(varint(&mut rest)?);
    }
    Some((serials, header))
}

fn values(payload: &[u8], serials: &[u64]) -> Option<Vec<Value>> {
    let (_, header) = self::serials(payload)?;
    let mut rest = payload.get(header..)?;
    let mut values = Vec::with_capacity(serials.len());
    for serial in serials {
        let bytes = match serial {
            0 | 8 | 9 => 0,
            1..=4 => *serial,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            longer => (longer - 12) / 2,
        };
        let (value, behind) = rest.split_at_checked(usize::try_from(bytes).ok()?)?;
        rest = behind;
        values.push(match serial {
            0 => Value::Null,
            1..=6 => Value::Int(integer(value)),
            7 => Value::Real,
            8 => Value::Int(0),
            9 => Value::Int(1),
            longer if longer % 2 == 0 => Value::Blob(value.to_vec()),
            _ => Value::Text(String::from_utf8(value.to_vec()).ok()?),
        });
    }
    Some(values)
}

fn integer(bytes: &[u8]) -> i64 {
    let first = bytes.first().map_or(0, |byte| i64::from(byte.cast_signed()));
    bytes.iter().skip(1).fold(first, |number, byte| number << 8 | i64::from(*byte))
}
