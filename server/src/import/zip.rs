//! What a zip archive declares of itself, read before anything is unpacked: how large it becomes.

/// The bytes that the archive's entries say they unpack to. `None` if it is no readable archive, or
/// entries share bytes: that is how small archives become enormous.
pub fn declared_bytes(archive: &[u8]) -> Option<u64> {
    let end = end_record(archive)?;
    let entries = u16_at(archive, end + 10)?;
    let mut at = usize::try_from(u32_at(archive, end + 16)?).ok()?;
    let mut total = 0_u64;
    let mut packed_total = 0_u64;
    for _ in 0..entries {
        if archive.get(at..at + 4)? != ENTRY {
            return None;
        }
        let (packed, unpacked) = (u32_at(archive, at + 20)?, u32_at(archive, at + 24)?);
        // The larger form is for files of 4 GiB: none of ours.
        if packed == u32::MAX || unpacked == u32::MAX {
            return None;
        }
        total += u64::from(unpacked);
        packed_total += u64::from(packed);
        let lengths = [28, 30, 32].map(|offset| u16_at(archive, at + offset).map(usize::from));
        at += ENTRY_BYTES + lengths.into_iter().sum::<Option<usize>>()?;
    }
    // Entries with more packed bytes than the archive has overlap.
    (packed_total <= archive.len() as u64).then_some(total)
}

const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 0xffff;

/// Where the archive's last record begins; a comment may follow it.
fn end_record(archive: &[u8]) -> Option<usize> {
    let last = archive.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(COMMENT_BYTES_MAX);
    (first..=last).rev().find(|at| archive[*at..].starts_with(END))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}
