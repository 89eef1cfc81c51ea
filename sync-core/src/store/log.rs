//! SQLite's write-ahead log as bytes: which frames it holds, and whether one in the middle was
//! damaged. SQLite itself reads a log up to the first frame that does not fit and takes what stands
//! behind it for a torn write: after damage that would be saved work, dropped without a word.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use super::StoreError;

/// A frame: one page as one transaction wrote it.
pub(super) struct Frame {
    /// The page's number.
    pub(super) page: u32,
    /// It ends a transaction.
    pub(super) commits: bool,
    /// Where the page's bytes begin in the log.
    pub(super) position: u64,
    /// Its checksum fits the frame before it.
    pub(super) sound: bool,
}

/// A log's frames of its present round, in their order.
pub(super) struct Log {
    pub(super) frames: Vec<Frame>,
    pub(super) page_bytes: u32,
    /// A sound frame stands behind one that is not: no torn write looks like this.
    pub(super) damaged: bool,
}

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The magic of a log whose checksums read words with the smaller byte first; one more: the larger.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;
/// A log is copied back from 1,000 pages on: one of more frames is none of ours.
const FRAMES_MAX: usize = 1 << 20;
/// What SQLite makes where nothing else is asked for.
pub(super) const PAGE_BYTES: u32 = 4096;

impl Log {
    /// Reads the log at `path`; none where there is no file, or nothing in it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::Files(error)),
        };
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut header = [0; HEADER_BYTES];
        if !fill(&mut file, &mut header)? {
            return Ok(None);
        }
        let (magic, page_bytes) = (word(&header, 0), word(&header, 8));
        let larger_first = magic & 1 == 1;
        let mut last = checksum((0, 0), &header[..24], larger_first);
        let whole = magic & !1 == MAGIC
            && word(&header, 4) == VERSION
            && is_page_size(page_bytes)
            && last == (word(&header, 24), word(&header, 28));
        let page_bytes = if whole { page_bytes } else { PAGE_BYTES };
        let mut salt = whole.then(|| header[16..24].to_vec());
        let mut log = Self { frames: Vec::new(), page_bytes, damaged: false };
        let (mut position, mut unsound) = (HEADER_BYTES as u64, !whole);
        let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes as usize];
        while log.frames.len() < FRAMES_MAX && fill(&mut file, &mut frame)? {
            let (head, page) = frame.split_at(FRAME_HEADER_BYTES);
            // Of a log without its header the first frame tells the round.
            let salted = head[8..16] == *salt.get_or_insert_with(|| head[8..16].to_vec());
            let expected = checksum(checksum(last, &head[..8], larger_first), page, larger_first);
            last = (word(head, 16), word(head, 20));
            let sound = salted && expected == last;
            log.damaged |= sound && unsound;
            unsound |= !sound;
            let (number, commits) = (word(head, 0), word(head, 4) != 0);
            if salted && number != 0 {
                let at = position + FRAME_HEADER_BYTES as u64;
                log.frames.push(Frame { page: number, commits, position: at, sound });
            }
            position += frame.len() as u64;
        }
        Ok(Some(log))
    }

    /// The frames up to the end of the last transaction that was committed.
    pub(super) fn committed(&self) -> &[Frame] {
        let end = self.frames.iter().rposition(|frame| frame.commits);
        &self.frames[..end.map_or(0, |end| end + 1)]
    }
}

/// Fills `bytes`; false where the file ends before.
fn fill(file: &mut impl Read, bytes: &mut [u8]) -> Result<bool, StoreError> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(StoreError::Files(error)),
    }
}

pub(super) fn is_page_size(bytes: u32) -> bool {
    bytes.is_power_of_two() && (512..=65_536).contains(&bytes)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_be_bytes)
}

/// SQLite's own: two sums over pairs of words, going on from `before`.
fn checksum(before: (u32, u32), bytes: &[u8], larger_first: bool) -> (u32, u32) {
    let read = |four: &[u8]| {
        let four = [four[0], four[1], four[2], four[3]];
        if larger_first { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    bytes.chunks_exact(8).fold(before, |(first, second), pair| {
        let first = first.wrapping_add(read(&pair[..4])).wrapping_add(second);
        let second = second.wrapping_add(read(&pair[4..])).wrapping_add(first);
        (first, second)
    })
}
