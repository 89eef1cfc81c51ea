//! The files of a store before SQLite sees them: the lock, the length, a damaged one moved aside.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::StoreError;

/// The file that one opening holds; where it is marked, a store was once made beside it. Behind the
/// mark stand second copies of the identities' sealed rows: without its key no saved work leaves a
/// phone.
pub(super) struct Lock {
    file: File,
    content: Vec<u8>,
}

const MARK: &[u8] = b"fieldbook store\n";
/// A phone has few people.
const COPIES_BYTES_MAX: u64 = 64 << 10;

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
        let bounded = (&file).take(COPIES_BYTES_MAX).read_to_end(&mut content);
        bounded.map_err(StoreError::Files)?;
        Ok(Self { file, content })
    }

    /// Whether a store was once made here.
    pub(super) fn is_marked(&self) -> bool {
        self.content.starts_with(MARK)
    }

    /// What was kept behind the mark.
    pub(super) fn copies(&self) -> &[u8] {
        self.content.strip_prefix(MARK).unwrap_or_default()
    }

    /// Notes that a store was made here, and keeps `copies` behind the mark.
    pub(super) fn keep(&mut self, copies: &[u8]) -> Result<(), StoreError> {
        if self.is_marked() && self.copies() == copies {
            return Ok(());
        }
        let content = [MARK, copies].concat();
        let mut written = || {
            // Without the mark only an emptied file is taken for a new one. It is never taken away.
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&content)?;
            self.file.set_len(content.len() as u64)?;
            self.file.sync_data()
        };
        written().map_err(StoreError::Files)?;
        self.content = content;
        Ok(())
    }
}

/// The path with `suffix` at its end.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The files of a store but its lock. The log first: without its database it is nothing, a database
/// without it is an old state.
pub(super) const PARTS: [&str; 3] = ["-wal", "-shm", ""];

/// What a salvaged store that is whole is called until it stands in the place of the damaged one;
/// the time of the salvage follows.
const SALVAGED: &str = ".salvaged-";
/// What a damaged store is called from then on; the same time follows.
const DAMAGED: &str = ".damaged-";

/// A name for a salvage that none had: its time, with a number where that is taken.
pub(super) fn salvage_name(path: &Path, time: &str) -> String {
    let taken = |name: &String| {
        PARTS.iter().any(|part| beside(path, &format!("{DAMAGED}{name}{part}")).exists())
    };
    let numbered = (2_u32..).map(|number| format!("{time}-{number}"));
    let free = std::iter::once(time.to_owned()).chain(numbered).find(|name| !taken(name));
    free.expect("a folder holds fewer than 2^32 files")
}

/// Where the store that was damaged is after the salvage `name`.
pub(super) fn damaged_path(path: &Path, name: &str) -> PathBuf {
    beside(path, &format!("{DAMAGED}{name}"))
}

/// Where a salvaged store is until [`put_in_place`] has ended.
pub(super) fn salvaged_path(path: &Path, name: &str) -> PathBuf {
    beside(path, &format!("{SALVAGED}{name}"))
}

/// The name of a salvage that was interrupted when its store was whole already.
pub(super) fn interrupted_salvage(path: &Path) -> Result<Option<String>, StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Some(prefix) = path.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let prefix = format!("{prefix}{SALVAGED}");
    for entry in fs::read_dir(folder.unwrap_or(Path::new("."))).map_err(StoreError::Files)? {
        let name = entry.map_err(StoreError::Files)?.file_name();
        if let Some(time) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) {
            return Ok(Some(time.to_owned()));
        }
    }
    Ok(None)
}

/// Moves the damaged store aside, part by part, then the salvaged one into its place. Nothing is
/// deleted, and whoever was interrupted goes on: a part that is gone was moved.
pub(super) fn put_in_place(path: &Path, name: &str) -> Result<(), StoreError> {
    let aside = damaged_path(path, name);
    for part in PARTS {
        rename(&beside(path, part), &beside(&aside, part))?;
    }
    rename(&salvaged_path(path, name), path)?;
    sync_folder(path)
}

/// Renames a file if it is there.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::Files(error)),
        _ => Ok(()),
    }
}

/// What was renamed in the folder of `path` is so after a power cut too.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(StoreError::Files)?;
    folder.sync_all().map_err(StoreError::Files)
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
