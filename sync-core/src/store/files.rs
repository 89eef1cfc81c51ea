//! The files of a store before SQLite sees them: the lock, the length, moving aside.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::StoreError;

/// The file that one opening holds; where it is marked, a store was once made beside it.
pub(super) struct Lock {
    file: File,
    marked: bool,
}

const MARK: &[u8] = b"fieldbook store\n";

impl Lock {
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let mut open = File::options();
        let file = open
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(beside(path, ".lock"))
            .map_err(StoreError::Files)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked),
            Err(TryLockError::Error(error)) => return Err(StoreError::Files(error)),
        }
        let mut content = Vec::new();
        let bounded = (&file).take(MARK.len() as u64).read_to_end(&mut content);
        bounded.map_err(StoreError::Files)?;
        Ok(Self { file, marked: content == MARK })
    }

    /// Whether a store was once made here.
    pub(super) fn is_marked(&self) -> bool {
        self.marked
    }

    /// Notes that a store was made here.
    pub(super) fn mark(&mut self) -> Result<(), StoreError> {
        if !self.marked {
            // Without the mark only an emptied file is taken for a new one.
            self.file.write_all(MARK).map_err(StoreError::Files)?;
            self.marked = true;
        }
        Ok(())
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Moves a store's files aside, to be salvaged: nothing is deleted. Answers where they are now.
///
/// # Errors
/// [`StoreError::Locked`] if it is open; otherwise if a file cannot be renamed.
pub fn move_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let _lock = Lock::take(path)?;
    let free = |number: &u32| !beside(path, &format!(".aside-{number}")).exists();
    let number = (1..).find(free).expect("a folder holds fewer than 2^32 files");
    let target = beside(path, &format!(".aside-{number}"));
    // The log first: without its database it is nothing, a database without it is an old state.
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(beside(path, suffix), beside(&target, suffix)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::Files(error)),
        }
    }
    Ok(target)
}

/// Bytes of SQLite's file header.
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Compares the file with what its header says, before SQLite touches it.
///
/// A crash while the log was being copied back leaves a short file too: then the log beside it
/// has every page that the file lacks.
pub(super) fn check_length(path: &Path, marked: bool) -> Result<(), StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::Files(error)),
    };
    let length = file.metadata().map_err(StoreError::Files)?.len();
    let mut header = Vec::new();
    (&file).take(HEADER_BYTES as u64).read_to_end(&mut header).map_err(StoreError::Files)?;
    if header.is_empty() {
        return if marked { Err(StoreError::Truncated) } else { Ok(()) };
    }
    let magic = header.len().min(MAGIC.len());
    if header[..magic] != MAGIC[..magic] {
        return Err(StoreError::NotAStore);
    }
    let Ok(header) = <[u8; HEADER_BYTES]>::try_from(header) else {
        return Err(StoreError::Truncated);
    };
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        0 => return Err(StoreError::NotAStore),
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    let whole_pages = length / page_bytes;
    if whole_pages >= u64::from(pages) {
        return Ok(());
    }
    let logged = pages_in_log(path, page_bytes)?;
    let lacking = (whole_pages as u32 + 1..=pages).any(|page| !logged.contains(&page));
    if lacking { Err(StoreError::Truncated) } else { Ok(()) }
}

/// The numbers of the pages that the log holds. Frames of an earlier round of the log, told by
/// their salt, no longer count.
fn pages_in_log(path: &Path, page_bytes: u64) -> Result<BTreeSet<u32>, StoreError> {
    const HEADER_BYTES: u64 = 32;
    const FRAME_HEADER_BYTES: u64 = 24;
    let mut log = match File::open(beside(path, "-wal")) {
        Ok(log) => log,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(StoreError::Files(error)),
    };
    let mut pages = BTreeSet::new();
    let Some(salt) = read_at::<8>(&mut log, 16)? else { return Ok(pages) };
    let mut position = HEADER_BYTES;
    while let Some(frame) = read_at::<16>(&mut log, position)? {
        if frame[8..] != salt {
            break;
        }
        pages.insert(u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]));
        position += FRAME_HEADER_BYTES + page_bytes;
    }
    Ok(pages)
}

/// The `N` bytes at `position`; `None` beyond the end.
fn read_at<const N: usize>(file: &mut File, position: u64) -> Result<Option<[u8; N]>, StoreError> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(position)).map_err(StoreError::Files)?;
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(StoreError::Files(error)),
    }
}
