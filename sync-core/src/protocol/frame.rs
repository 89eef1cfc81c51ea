//! The frame around a message: one byte of format, then CBOR, zstd-compressed where that pays.
//! Sizes are declared and capped before anything is allocated.

use minicbor::{Decode, Encode};

use super::limits::LIMITS;
use crate::{Error, Result};

/// The body is plain CBOR.
const PLAIN: u8 = 0;
/// The body is one zstd frame that declares its content size.
const ZSTD: u8 = 1;
/// Below this a compressed message is hardly smaller.
const COMPRESS_FROM_BYTES: usize = 256;
/// Level 1 beat level 3 in bytes as well as in time for fact packs.
const COMPRESSION_LEVEL: i32 = 1;

/// Encodes a message and frames it.
pub fn seal<T: Encode<()>>(message: &T) -> Vec<u8> {
    let cbor = minicbor::to_vec(message).expect("a vector takes every byte");
    if cbor.len() >= COMPRESS_FROM_BYTES {
        // The bulk form declares the content size; the streaming encoder would not.
        if let Ok(compressed) = zstd::bulk::compress(&cbor, COMPRESSION_LEVEL)
            && compressed.len() < cbor.len()
        {
            return framed(ZSTD, &compressed);
        }
    }
    framed(PLAIN, &cbor)
}

fn framed(format: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(body.len() + 1);
    frame.push(format);
    frame.extend_from_slice(body);
    frame
}

/// Opens a frame and decodes its message; trailing bytes are refused.
///
/// # Errors
/// [`Error::TooLarge`] above the limits, [`Error::Malformed`] for anything else that is no frame.
pub fn open<T: for<'b> Decode<'b, ()>>(frame: &[u8]) -> Result<T> {
    let cbor = unpack(frame)?;
    let mut decoder = minicbor::Decoder::new(&cbor);
    let message = decoder.decode().map_err(|error| malformed(&error.to_string()))?;
    if decoder.position() != cbor.len() {
        return Err(malformed("trailing bytes"));
    }
    Ok(message)
}

fn unpack(frame: &[u8]) -> Result<Vec<u8>> {
    let limit = LIMITS.unpacked_bytes_max;
    let (format, body) = frame.split_first().ok_or_else(|| malformed("empty"))?;
    if body.len() as u64 > limit {
        return Err(Error::TooLarge { what: "message bytes", limit });
    }
    match *format {
        PLAIN => Ok(body.to_vec()),
        ZSTD => {
            let size = match zstd::zstd_safe::get_frame_content_size(body) {
                Ok(Some(size)) => size,
                _ => return Err(malformed("a zstd frame without its content size")),
            };
            if size > limit {
                return Err(Error::TooLarge { what: "message bytes", limit });
            }
            let size = usize::try_from(size).expect("below the limit");
            if zstd::zstd_safe::find_frame_compressed_size(body) != Ok(body.len()) {
                return Err(malformed("more than one zstd frame"));
            }
            let cbor = zstd::bulk::decompress(body, size).map_err(|_| malformed("zstd"))?;
            if cbor.len() == size { Ok(cbor) } else { Err(malformed("a lying zstd frame")) }
        }
        _ => Err(malformed("unknown format")),
    }
}

fn malformed(detail: &str) -> Error {
    Error::Malformed { what: "frame", detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn small_and_large_messages_come_back() {
        for length in [0, 10, 255, 256, 100_000] {
            let message = "a".repeat(length);
            let frame = seal(&message);
            assert_eq!(open::<String>(&frame).expect("opens"), message);
            assert!(frame.len() <= length + 8);
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let zeros = vec![0_u8; usize::try_from(LIMITS.unpacked_bytes_max).expect("fits") + 1];
        let bomb = framed(ZSTD, &zstd::bulk::compress(&zeros, 1).expect("compresses"));
        assert!(bomb.len() < 10_000);
        assert!(matches!(open::<String>(&bomb), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn frames_that_lie_are_refused() {
        let honest = seal(&"a".repeat(1_000));
        let mut trailing = honest.clone();
        trailing.push(0);
        let mut twice = honest.clone();
        twice.extend_from_slice(&honest[1..]);
        let mut streaming = zstd::stream::Encoder::new(Vec::new(), 1).expect("starts");
        streaming.write_all(&[0x61; 300]).expect("writes");
        let undeclared = framed(ZSTD, &streaming.finish().expect("finishes"));
        let mut plain_trailing = seal(&"a".to_owned());
        plain_trailing.push(0);
        for frame in
            [&[][..], &[9, 1], &trailing, &twice, &undeclared, &plain_trailing, &honest[..20]]
        {
            assert!(matches!(open::<String>(frame), Err(Error::Malformed { .. })));
        }
    }
}
